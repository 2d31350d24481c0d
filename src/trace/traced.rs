//! What a hook is told.

use core::fmt;

use super::summary::{CloseSummary, EventSummary};
use crate::close::Phase;
use crate::stream::Input;
use crate::tls::ContentType;

/// What has happened. `Display` writes one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Traced<'a> {
    /// A TLS record was taken from what was received, or is ready to be sent.
    Record(Record),
    /// A header, an element, white space or a closing tag was read, or is ready to be sent.
    Text(TracedText<'a>),
    /// The state table took a step.
    Step(Step<'a>),
    /// The application is told.
    Event(EventSummary<'a>),
    /// The connection has ended: what a driver carries out. It is told once, last but for an event that
    /// was due before it.
    CloseTcp(CloseSummary<'a>),
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
pub struct TracedText<'a> {
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
            Self::Event(event) => write!(f, "** {event}"),
            Self::CloseTcp(close) => write!(f, "** {close}"),
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
