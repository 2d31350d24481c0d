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
//! # #[derive(Debug)]
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
//! `docs/guide/tracing.md` shows a transcript of a login and of a renegotiation attempt.
//!
//! # To the crates `log` and `tracing`
//!
//! This crate depends on neither. A hook that hands each line to `log`, which `tracing` can collect by its
//! crate `tracing-log`:
//!
//! ```
//! # mod log {
//! #     macro_rules! debug {
//! #         (target: $target:literal, $($line:tt)*) => { println!($($line)*) };
//! #     }
//! #     pub(crate) use debug;
//! # }
//! use xmpp_stream::time::Instant;
//! use xmpp_stream::trace::{Trace, Traced};
//!
//! #[derive(Debug)]
//! struct ToLog;
//!
//! impl Trace for ToLog {
//!     fn trace(&self, id: u64, _: Instant, what: &Traced<'_>) {
//!         log::debug!(target: "xmpp", "[{id}] {what}");
//!     }
//! }
//! ```
//!
//! To `tracing` itself the line is `tracing::debug!(target: "xmpp", connection = id, "{what}")`.
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

mod escape;
mod payload;
mod shown;
mod summary;
mod traced;

use core::fmt;

pub use payload::{MAX_TEXT, Payload};
pub(crate) use shown::{Place, show_element, show_header, show_own_header};
pub use summary::{CloseSummary, EventSummary};
pub use traced::{Direction, Record, Step, Traced, TracedText};

use crate::time::Instant;

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
