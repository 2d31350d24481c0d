//! What happens on a connection, for people and for logs: a hook in the config.
//!
//! A [`Trace`] is told of everything that a [`Connection`](crate::Connection) does, in order: TLS
//! records, stream text, steps of the state table, events, and the end. It is set by
//! [`InitiatorBuilder::trace`](crate::config::InitiatorBuilder::trace) and
//! [`ResponderBuilder::trace`](crate::config::ResponderBuilder::trace), and can be shared by any number
//! of connections, which [`Connection::set_trace_id`](crate::Connection::set_trace_id) numbers.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use xmpp_stream::config::{Credentials, InitiatorConfig};
//! # use xmpp_stream::random::Random;
//! use xmpp_stream::time::Instant;
//! use xmpp_stream::trace::{Trace, Traced};
//! use xmpp_stream::Initiator;
//!
//! #[derive(Debug, Default)]
//! struct Lines(Mutex<Vec<String>>);
//!
//! impl Trace for Lines {
//!     fn trace(&self, id: u64, at: Instant, what: &Traced<'_>) {
//!         let line = format!("{id} {} ms {what}", at.as_millis());
//!         self.0.lock().expect("no panic").push(line);
//!     }
//! }
//!
//! # fn example(random: impl Random + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! let lines = Arc::new(Lines::default());
//! let config = InitiatorConfig::client(&"juliet@im.example.com".parse()?)
//!     .dangerous_plaintext(random)
//!     .credentials(Credentials::Anonymous)
//!     .trace(lines.clone())
//!     .build()?;
//! let mut machine = Initiator::new(config, Instant::from_millis(0));
//! machine.set_trace_id(7);
//! let _wait = machine.poll(Instant::from_millis(1));
//! assert_eq!(
//!     lines.0.lock().expect("no panic").as_slice(),
//!     [
//!         "7 1 ms -- Idle + Begin = AwaitHeader(Plain), Role(OpenStream(Plain))",
//!         "7 1 ms -> <?xml version='1.0'?><stream:stream xmlns='jabber:client' \
//!          xmlns:stream='http://etherx.jabber.org/streams' to='im.example.com' xml:lang='en' \
//!          version='1.0'>",
//!     ]
//! );
//! # Ok(()) }
//! # struct Counting;
//! # impl Random for Counting {
//! #     fn fill(&self, buf: &mut [u8]) -> Result<(), xmpp_stream::random::RandomError> {
//! #         buf.fill(1);
//! #         Ok(())
//! #     }
//! # }
//! # example(Counting).unwrap();
//! ```
//!
//! `docs/guide/tracing.md` shows a whole transcript, and how to go on to the crates `log` and
//! `tracing`.
//!
//! # What is never shown
//!
//! Text is told one element at a time, when the whole element is there, and written anew from what was
//! parsed; so what is hidden does not depend on how the bytes arrived, and text that is not well-formed is
//! not shown at all. (An element that is refused by its start tag is not shown unless its end had arrived
//! by then.) Always replaced by its length is:
//!
//! * what SASL and SASL2 elements contain, but for the names of mechanisms, tasks and conditions: the
//!   data of mechanisms, additional data, user agents, task data (RFC 6120 6.4, XEP-0388, XEP-0480);
//! * tokens (XEP-0484);
//! * the names of sessions of stream management (XEP-0198): `id` and `previd`;
//! * dialback keys (XEP-0220) and the handshake of components (XEP-0114);
//! * what `jabber:iq:auth` and `jabber:iq:register` contain (XEP-0078, XEP-0077);
//! * anything with a name such as `password`, `secret` or `token`, element or attribute.
//!
//! Before the stream is established, an element whose name is not known is replaced as a whole, and of
//! stanzas the names alone are shown. Afterwards [`Payload`] decides. With the default,
//! [`Payload::Names`], no text of users is shown; what is shown always are addresses, ids and types of
//! stanzas, which are personal data.
//!
//! Elements are written with default namespaces, whatever their prefixes were, but for the prefixes
//! `stream` and `db`. Control characters, and those that change the direction of text, are written as
//! character references, so that a line stays a line and a terminal is not controlled by a peer. More
//! than [`MAX_TEXT`] bytes of one element are cut.
//!
//! # The contract of the hook
//!
//! It is called in the middle of [`poll`](crate::Connection::poll) and of nothing else. It cannot call
//! into the connection, because `poll` borrows that. It should be quick, since the connection waits for
//! it: whatever takes time belongs after a queue. If it panics, `poll` panics, and the connection must
//! not be used any more.
//!
//! Without a hook each of these places costs the check of an `Option`; with one, the text of each
//! element is parsed once more on the way out, and written once more in both directions.

mod shown;
mod summary;

use alloc::string::String;
use core::fmt;

pub(crate) use shown::{Place, show_element, show_header, show_own_header};
pub use summary::EventSummary;

use crate::close::{CloseTcp, Phase};
use crate::stream::Input;
use crate::time::Instant;
use crate::tls::ContentType;

/// How many bytes of one element are shown at most. The rest is cut.
pub const MAX_TEXT: usize = 65_536;

/// A hook that is told of everything that connections do. See the [module](self).
///
/// It is an application's: what it does with a line, and how long it keeps it, is not known here.
pub trait Trace: fmt::Debug + Send + Sync {
    /// Takes what has happened on the connection `id`, during the poll whose time is `at`.
    fn trace(&self, id: u64, at: Instant, what: &Traced<'_>);

    /// Returns how much of the stanzas is shown on an established stream. It is asked once for each
    /// connection.
    fn payload(&self) -> Payload {
        Payload::Names
    }
}

/// How much of stanzas, and of other elements on an established stream, is shown.
///
/// What has to do with logins is hidden with either; the [module](self) has the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Payload {
    /// The names and namespaces of elements, the names of attributes, and of stanzas `from`, `to`, `id`,
    /// `type` and `xml:lang`. Other values and all text are replaced by their lengths.
    #[default]
    Names,
    /// Everything that is not known to be secret. What users write to each other is then in the trace, and
    /// so are the secrets of protocols that this crate does not know.
    Full,
}

/// What has happened. `Display` writes one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Traced<'a> {
    /// A TLS record was taken from what was received, or is ready to be sent.
    Record(Record),
    /// A header, an element, white space or a closing tag was read, or is ready to be sent.
    Text(Text<'a>),
    /// The state table took a step.
    Step(Step<'a>),
    /// The application is told.
    Event(EventSummary<'a>),
    /// The connection has ended: what a driver carries out. It is told once, last but for events that
    /// were due before it.
    CloseTcp(&'a CloseTcp),
}

/// Where something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer. It is ready for TCP; when TCP takes it is known to the driver alone.
    Out,
}

/// A TLS record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Where it went.
    pub direction: Direction,
    /// What its header says. Of a record that was received it is not authentic.
    pub content_type: ContentType,
    /// How many bytes follow the header, as it says.
    pub length: usize,
}

/// A piece of stream text, without its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Text<'a> {
    /// Where it went.
    pub direction: Direction,
    /// The text as it is shown: not always XML.
    pub shown: &'a str,
    /// How many bytes the original has.
    pub length: usize,
}

/// A step of the [state table](crate::stream).
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Step<'a> {
    /// The state before, as [`InitiatingPhase`](crate::stream::InitiatingPhase) or
    /// [`ReceivingPhase`](crate::stream::ReceivingPhase) shows itself.
    pub before: &'a str,
    /// What the table was told.
    pub input: Input,
    /// The state after.
    pub after: &'a str,
    /// The same, coarsely.
    pub phase: Phase,
    /// What the table commands: a [`Command`](crate::stream::Command) of the role.
    pub command: &'a dyn fmt::Debug,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "<-",
            Self::Out => "->",
        })
    }
}

impl fmt::Display for Traced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(record) => write!(
                f,
                "{} TLS record: {}, {} bytes",
                record.direction, record.content_type, record.length
            ),
            Self::Text(text) => write!(f, "{} {}", text.direction, text.shown),
            Self::Step(step) => write!(f, "-- {step:?}"),
            Self::Event(event) => OneLine(f).write(format_args!("** {event}")),
            Self::CloseTcp(close) => {
                let (reason, manner) = (close.reason(), close.manner().as_str());
                write!(f, "** CloseTcp, {manner}: {} (", reason.code())?;
                OneLine(f).write(format_args!("{reason}"))?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} + {:?} = {}, {:?}",
            self.before, self.input, self.after, self.command
        )
    }
}

/// Escapes what would break a line.
struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl OneLine<'_, '_> {
    fn write(&mut self, arguments: fmt::Arguments<'_>) -> fmt::Result {
        fmt::Write::write_fmt(self, arguments)
    }
}

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut escaped = String::new();
        shown::push_safely(&mut escaped, text);
        self.0.write_str(&escaped)
    }
}
