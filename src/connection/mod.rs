//! The connection: one TCP connection's worth of XMPP, in either role.
//!
//! # Contract
//!
//! * Inputs ([`receive`](Connection::receive), [`receive_eof`],
//!   [`transport_failed`], [`transmitted`]) only store. They never parse, fail
//!   or emit.
//! * [`poll`](Connection::poll) is the one function that acts. It never fails:
//!   the peer's faults become a [`CloseTcp`], the caller's mistakes are `Err`s
//!   of the calls that made them and change nothing.
//! * After any input or application call, poll again. After
//!   [`Action::Wait`], sleep as told.
//! * [`transmit`](Connection::transmit) is a window on what TCP should take;
//!   it changes only inside `poll` and `transmitted`.
//! * After [`Action::CloseTcp`] everything is inert.
//!
//! [`receive_eof`]: Connection::receive_eof
//! [`transport_failed`]: Connection::transport_failed
//! [`transmitted`]: Connection::transmitted
//!
//! # What composes here
//!
//! Bytes pass `tls::Session` (one record at a time, and only while the framer
//! holds no complete frame), `xml::Framer` (one frame at a time) and the
//! role's state table (one decision at a time). This module carries out what
//! the table orders and holds no protocol rule of its own.
//!
//! # The end
//!
//! | peer's `</stream>` | close_notify | end | reason |
//! |---|---|---|---|
//! | yes | yes, or no TLS | FIN | `closed` (`reset`, `stream-error` if one was exchanged) |
//! | yes | no | FIN | the same, [truncated](crate::CloseTcp::truncated) |
//! | no | yes | FIN | `transport` |
//! | no | no | FIN | `tls-truncated` under TLS, else `transport` |
//! | any | any | RST | `transport`, unless the exchange was complete |
//! | in a handshake | - | FIN or RST | `transport`, with the phase |
//!
//! A stream error that was sent or received before the end stays the reason. A
//! close is clean only if nothing goes wrong behind it: bytes that cannot be
//! read, or TLS that fails, are the reason then.

mod clock;
mod decision;
mod drive;
mod ending;
mod federation;
mod gate;
mod initiator;
mod link;
mod outbox;
mod perform;
mod responder;
mod role;
mod session;
mod transport;

use alloc::sync::Arc;

pub use decision::{
    AnonymousDecision, BindDecision, Decision, ExternalDecision, HostDecision, NotFull,
    PasswordDecision, ScramDecision,
};
pub use federation::AnswerError;
pub use gate::Question;
pub(crate) use link::PeerHeader;
pub use outbox::Ticket;
pub use role::Negotiation;
pub use session::{SendError, Session};

use crate::action::Action;
use crate::close::{CloseReason, CloseTcp, InternalError};
use crate::sasl::ClientKeys;
use crate::stream::{self, StreamError};
use crate::time::Instant;
use crate::tls::TlsInfo;
use link::{Link, Request};

/// A connection of the initiating entity: a client, or a server that opens a
/// server-to-server stream.
pub type Initiator = Connection<stream::Initiating>;

/// A connection of the receiving entity: a server.
pub type Responder = Connection<stream::Receiving>;

/// One TCP connection's state machine. See the [crate's](crate) front page for
/// a driver loop and the [module](self) for the contract.
pub struct Connection<N: Negotiation> {
    table: N,
    side: N::Side,
    link: Link,
}

impl<N: Negotiation> Connection<N> {
    /// A machine for a TCP connection that has just been made or accepted, at
    /// `now`. The negotiation's deadlines run from here.
    #[must_use]
    pub fn new(config: Arc<N::Config>, now: Instant) -> Self {
        let (table, side, link) = N::begin(config, now);
        Self { table, side, link }
    }

    /// Stores bytes from TCP; returns how many were taken. The rest has to be
    /// offered again after the next poll (backpressure). An empty slice does
    /// nothing: the end is [`receive_eof`](Self::receive_eof).
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.link.receive(bytes)
    }

    /// The same without a second buffer: read from TCP into this window, then
    /// say how much it was with [`received`](Self::received). Empty while
    /// there is no room.
    pub fn receive_window(&mut self) -> &mut [u8] {
        self.link.window()
    }

    /// `n` bytes were written to the start of
    /// [`receive_window`](Self::receive_window).
    pub fn received(&mut self, n: usize) {
        self.link.received(n);
    }

    /// TCP's orderly end (FIN). It is acted on after every complete frame
    /// before it.
    pub fn receive_eof(&mut self) {
        self.link.receive_eof();
    }

    /// TCP failed (RST, EPIPE, a failed read or write). Legal at any time.
    pub fn transport_failed(&mut self) {
        self.link.transport_failed();
    }

    /// The bytes TCP should take next; empty if there are none.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.link.outbox.window()
    }

    /// TCP took the first `n` bytes of [`transmit`](Self::transmit).
    pub fn transmitted(&mut self, n: usize) {
        self.link.outbox.taken(n);
    }

    /// Works until there is an event, until it must wait, or to the end.
    ///
    /// The work is bounded by what was received before, plus one TLS handshake
    /// record and one slice of key derivation.
    pub fn poll(&mut self, now: Instant) -> Action<'_> {
        let next = self.drive(now);
        self.action(next)
    }

    /// What exists only while the stream is established: sending, resetting,
    /// closing. Between servers it exists as soon as dialback is possible, and
    /// does not send stanzas before their domains are verified.
    pub fn session(&mut self) -> Option<Session<'_>> {
        self.link.session(self.table.position())
    }

    /// The open gate, if there is one: answering it consumes it.
    pub fn decision(&mut self) -> Option<Decision<'_>> {
        self.link.decision()
    }

    /// Ends the stream with a stream error, in whatever phase (RFC 6120 4.9):
    /// the own header first if it was not written yet, error and closing tag
    /// in one write, then the exchange of closing tags. In a TLS handshake it
    /// waits for the handshake, since no XML may be sent before its end
    /// (5.4.3.1). The first call counts.
    pub fn fail(&mut self, error: StreamError) {
        self.link.request(Request::Fail(error));
    }

    /// Ends the connection at once, without another byte.
    pub fn abort(&mut self) {
        self.link.request(Request::Abort);
    }

    /// The [`CloseTcp`] by value: `Some` once, as soon as the machine has
    /// closed. Where the last poll still had an event, that is one poll before
    /// [`Action::CloseTcp`].
    pub fn take_close(&mut self) -> Option<CloseTcp> {
        self.link.take_close()
    }

    /// What TLS negotiated, once the handshake is complete.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.link.tls_info()
    }
}

impl Connection<stream::Initiating> {
    /// The SCRAM keys of the login that just worked, once: kept and given to
    /// [`Credentials`](crate::config::Credentials), they spare the next login
    /// the key derivation (RFC 5802 5.1).
    pub fn take_scram_keys(&mut self) -> Option<ClientKeys> {
        self.side.take_keys()
    }
}

impl<N: Negotiation> core::fmt::Debug for Connection<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection")
            .field("table", &self.table)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// The reason for a failed random number generator.
pub(crate) const NO_RANDOMNESS: CloseReason = CloseReason::Internal(InternalError::Randomness);
