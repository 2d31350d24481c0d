//! Ready drivers: a machine and a socket, joined. Optional features; nothing below knows them.
//!
//! | feature | driver | for |
//! |---|---|---|
//! | `blocking` | [`blocking::Driver`] | `std::net::TcpStream`, one thread for each connection |
//! | `futures` | [`futures::Driver`] | `futures_io::{AsyncRead, AsyncWrite}` and any timer: smol and others |
//! | `tokio` | [`tokio::Driver`] | `tokio::io::{AsyncRead, AsyncWrite}` |
//!
//! All have the same methods. `next` gives what happened, and at the end, once TCP is closed as
//! [`Manner`](crate::Manner) says, the [`CloseTcp`]. `send` queues one element, and waits while there
//! is no room for it. `close` closes the stream and gives the [`CloseTcp`]. `machine_mut` is the
//! [`Connection`]: its [`session`](Connection::session) answers requests and resets, its
//! [`decision`](Connection::decision) answers questions, and what is called there is carried out by
//! the next `next`. `established` and `stanza` are `next` for programs without a loop. To drop a driver
//! is to drop the socket at once.
//!
//! What each driver does, and a driver written by hand has to do:
//!
//! * It polls the machine after each input and each call of the application, and sleeps as
//!   [`Wait`] tells.
//! * It reads and writes whenever the machine wants both: a peer that does not read cannot keep it
//!   from reading.
//! * Bytes that TCP did not take stay in [`transmit`](Connection::transmit); it reads nothing that
//!   the machine has no room for, so that a slow application slows the peer down.
//! * A deadline wakes it also while a write is blocked. A peer that takes no bytes ends the
//!   connection after [`Limits::write_stall_timeout`](crate::limits::Limits::write_stall_timeout).
//! * An interrupted system call is tried again, and is no failure.
//! * The end of the peer's direction is [`receive_eof`](Connection::receive_eof): our own direction
//!   stays open until the machine closes.
//! * [`Manner::Abort`](crate::Manner::Abort) drops the socket. [`Manner::Graceful`](crate::Manner::Graceful)
//!   shuts our direction down, then reads and discards until the peer's end, or for
//!   [`CloseTcp::linger`]: unread input would turn the end into a RST, which takes from the peer what
//!   it has not read yet.
//!
//! # Backpressure
//!
//! While `send` waits for room, it goes on reading, because room may depend on the peer's
//! acknowledgements (XEP-0198 4). The events that come are kept for `next`, up to 64 KiB of stanzas;
//! then it only writes. Two sides that send without ever calling `next` therefore stop each other,
//! until the write stalls.
//!
//! # Events by reference
//!
//! `next` gives owned events, one copy for each. A program that looks at stanzas where they lie, and
//! cannot afford the copy, calls [`Connection::poll`] in a loop of its own.

// Without `doc(cfg)` the badge would say "(blocking or futures or tokio) and blocking".
#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub mod blocking;
mod driven;
#[cfg(feature = "futures")]
#[cfg_attr(docsrs, doc(cfg(feature = "futures")))]
pub mod futures;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod tokio;

use alloc::boxed::Box;

#[cfg(doc)]
use crate::action::Wait;
use crate::close::CloseTcp;
#[cfg(doc)]
use crate::connection::Connection;
use crate::connection::SendError;
use crate::event::EventBuf;
use crate::xml::StanzaBuf;

/// What `next` of a driver gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an event is given once"]
pub enum Next {
    /// Something happened.
    Event(EventBuf),
    /// The machine has closed, and TCP is closed as it said. Every later call gives the same.
    Closed(CloseTcp),
}

/// Why a driver's `send` queued nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSentError {
    /// The stream is not established yet, or is ending.
    #[error("the stream is not established")]
    NoSession,
    /// The connection refuses the element. [`SendError::Full`] is among the reasons only if nothing
    /// but the application can make room, by taking the events that wait.
    #[error(transparent)]
    Refused(#[from] SendError),
}

/// The connection has ended, and what was waited for cannot come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection has ended: {}", .0.reason())]
pub struct ClosedError(Box<CloseTcp>);

impl ClosedError {
    /// Returns the end of the connection.
    pub const fn close(&self) -> &CloseTcp {
        &self.0
    }
}

impl Next {
    /// What of the event is wanted, `None` if it is not.
    fn wanted<T>(self, want: fn(EventBuf) -> Option<T>) -> Option<Result<T, ClosedError>> {
        match self {
            Self::Event(event) => want(event).map(Ok),
            Self::Closed(close) => Some(Err(ClosedError(Box::new(close)))),
        }
    }
}

/// What `established` waits for.
#[expect(clippy::needless_pass_by_value, reason = "as `carries` does")]
fn establishes(event: EventBuf) -> Option<()> {
    matches!(event, EventBuf::Established(_)).then_some(())
}

/// What `stanza` waits for.
fn carries(event: EventBuf) -> Option<StanzaBuf> {
    match event {
        EventBuf::Stanza(stanza) => Some(stanza),
        _ => None,
    }
}
