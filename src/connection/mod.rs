//! The connection: one TCP connection's worth of XMPP, in either role.
//!
//! # Contract
//!
//! * Inputs ([`receive`](Connection::receive), [`receive_eof`], [`transport_failed`],
//!   [`transmitted`]) only store. They never parse, fail or emit.
//! * [`poll`](Connection::poll) is the one function that acts. It never fails: the peer's faults
//!   become a [`CloseTcp`], the caller's mistakes are `Err`s of the calls that made them and change
//!   nothing.
//! * After any input or application call, poll again. After [`Action::Wait`], sleep as told.
//! * [`transmit`](Connection::transmit) is a window on what TCP should take. It changes only inside
//!   `poll` and `transmitted`.
//! * After [`Action::CloseTcp`] everything is inert.
//!
//! [`receive_eof`]: Connection::receive_eof
//! [`transport_failed`]: Connection::transport_failed
//! [`transmitted`]: Connection::transmitted
//!
//! # How it works
//!
//! Bytes pass `tls::TlsSession` (one record at a time, and only while the framer holds no complete
//! frame), `xml::Framer` (one frame at a time) and the role's state table (one decision at a time).
//! This module only composes: `inbound` and `outbound` are the two directions over a `transport`,
//! `role` is what differs between the roles, `advance` executes what the table commands, `shutdown`
//! is the end, `timers` are the deadlines; `machine` has the loop. A poll tries its steps in a fixed
//! order (`STEPS`).
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
//! Which of two reasons wins:
//!
//! | weight | reasons |
//! |---|---|
//! | 3, stated | the peer's stream error, the application's error or reset, a failed login or negotiation, a failure of TLS |
//! | 2, observed | our complaint about the peer, a timeout, a lost transport |
//! | 1, closed | an orderly close |
//!
//! A heavier reason replaces a lighter one; among equals the first counts. An abort overrides all: a
//! renegotiation attempt, [`abort`](Connection::abort), a transport that takes no bytes.
//! The module `diagram` of this documentation has a picture of the end.

mod advance;
mod buffers;
mod context;
mod decision;
mod events;
mod inbound;
mod initiator;
mod key_meter;
mod login;
mod machine;
mod management;
mod outbound;
mod outbox;
mod request;
mod responder;
mod role;
mod s2s;
mod session;
mod shutdown;
mod steps;
mod timers;
mod tracer;
mod transport;
mod waiting;

/// The end of a connection, as a picture.
///
#[cfg(doc)]
#[doc = include_str!("../../docs/diagrams/end.svg")]
pub mod diagram {}

use alloc::boxed::Box;
use alloc::sync::Arc;

pub use decision::{
    AnonymousDecision, BindDecision, Decision, ExternalDecision, HostDecision, IssueDecision,
    NotFullJidError, PasswordDecision, ResumeDecision, ResumeError, ScramDecision,
    StoreKeysDecision, TokenDecision,
};
pub use initiator::InitiatorRole;
use machine::Machine;
pub use outbound::SendError;
use request::EndRequest;
pub use responder::ResponderRole;
pub use role::Negotiation;
pub use s2s::AnswerError;
pub use session::{Negotiating, Session};

use crate::action::Action;
use crate::close::CloseTcp;
use crate::config::{InitiatorConfig, KnownFeatures};
use crate::jid::Jid;
use crate::reset::ResetCause;
use crate::sasl::{ClientKeys, FastToken, LoginPin};
use crate::sm::SmState;
use crate::stream::StreamError;
use crate::time::Instant;
#[cfg(feature = "testkit")]
use crate::tls::RecordKeys;
use crate::tls::TlsInfo;

/// A connection of the initiating entity: a client, or a server that opens a server-to-server
/// stream.
pub type Initiator = Connection<InitiatorRole>;

/// A connection of the receiving entity: a server.
pub type Responder = Connection<ResponderRole>;

/// One TCP connection's state machine. See the [crate's](crate) front page for a driver loop and the
/// [module](self) for the contract.
pub struct Connection<R: Negotiation> {
    machine: Machine<R>,
}

impl<R: Negotiation> Connection<R> {
    /// Returns a machine for a TCP connection that has just been made or accepted, at `now`. The
    /// negotiation's deadlines run from here.
    #[must_use]
    pub fn new(config: Arc<R::Config>, now: Instant) -> Self {
        Self {
            machine: Machine::new(config, now),
        }
    }

    /// Stores bytes from TCP, and returns how many were taken. The rest has to be offered again after
    /// the next poll (backpressure). An empty slice does nothing: the end of TCP is
    /// [`receive_eof`](Self::receive_eof).
    #[must_use = "bytes that were not taken have to be offered again"]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.machine.receive(bytes)
    }

    /// Returns a window into which TCP can be read without a second buffer; say how much it was with
    /// [`received`](Self::received). The window is empty while there is no room. Bytes that are
    /// written to it and not announced do not count as received, and are not wiped with those.
    pub fn receive_window(&mut self) -> &mut [u8] {
        self.machine.receive_window()
    }

    /// Takes the first `n` bytes of [`receive_window`](Self::receive_window). A driver that has asked for
    /// a window and found nothing to read should say so by 0: under TLS an idle connection then gives
    /// the memory of the window back.
    pub fn received(&mut self, n: usize) {
        self.machine.received(n);
    }

    /// Records TCP's orderly end (FIN). It is acted on after every complete frame before it.
    pub fn receive_eof(&mut self) {
        self.machine.receive_eof();
    }

    /// Records that TCP failed (RST, EPIPE, a failed read or write). Legal at any time.
    pub fn transport_failed(&mut self) {
        self.machine.transport_failed();
    }

    /// Returns the bytes that TCP should take next; empty if there are none.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.machine.transmit()
    }

    /// Records that TCP took the first `n` bytes of [`transmit`](Self::transmit).
    pub fn transmitted(&mut self, n: usize) {
        self.machine.transmitted(n);
    }

    /// Works until there is an event, until it must wait, or to the end.
    ///
    /// The work is bounded by what was received before, plus one TLS handshake record and one slice
    /// of key derivation.
    pub fn poll(&mut self, now: Instant) -> Action<'_> {
        self.machine.poll(now)
    }

    /// Returns what exists only while the stream is established: sending, resetting, closing.
    /// Between servers it exists as soon as dialback is possible, and does not send stanzas before
    /// their domains are verified.
    pub fn session(&mut self) -> Option<Session<'_>> {
        self.machine.session()
    }

    /// Returns the handle that answers the pending decision, if there is one.
    pub fn decision(&mut self) -> Option<Decision<'_>> {
        self.machine.decision()
    }

    /// Ends the stream with a stream error, in whatever phase (RFC 6120 4.9): our header first if it
    /// was not written yet, error and closing tag in one write, then the exchange of closing tags.
    /// During a TLS handshake the error waits for the end of the handshake, because no XML may be
    /// sent before (RFC 6120 5.4.3.1). The first call counts.
    pub fn fail(&mut self, error: StreamError) {
        self.machine.request(EndRequest::Fail(error));
    }

    /// Says that a certificate of the peer has been revoked, as the application found out (RFC 6120
    /// 13.7.2.3 item 2): resets the stream, in whatever phase. Stanzas that arrive from now on are not
    /// delivered ([`ResetCause::CertificateRevoked`]).
    ///
    /// It is the notice to give from whatever looks after revocations (OCSP, a list), which does not
    /// know how far the stream has come. If the application has ended the stream already, that end
    /// counts.
    pub fn certificate_revoked(&mut self) {
        self.machine
            .request(EndRequest::Reset(ResetCause::CertificateRevoked));
    }

    /// Ends the connection at once, without another byte.
    pub fn abort(&mut self) {
        self.machine.request(EndRequest::Abort);
    }

    /// Returns the [`CloseTcp`] by value: `Some` once, as soon as the machine has closed. Where the
    /// last poll still had an event, that is one poll before [`Action::CloseTcp`].
    pub fn take_close(&mut self) -> Option<CloseTcp> {
        self.machine.take_close()
    }

    /// Returns a session of [stream management](crate::sm), once: as soon as it is known that an earlier
    /// one is not resumed here, and after the end of the connection its own. Where both are there, the
    /// earlier one comes first.
    pub fn take_sm_state(&mut self) -> Option<SmState> {
        self.machine.take_sm_state()
    }

    /// Returns a copy of the session of [stream management](crate::sm) as it stands, while it is enabled:
    /// what a node stores, so that another one can resume the session if this one is killed.
    /// [Sessions that outlive a process](crate::sm#sessions-that-outlive-a-process) says when.
    #[must_use = "a copy does nothing before it is stored"]
    pub fn sm_snapshot(&self) -> Option<SmState> {
        self.machine.sm_snapshot()
    }

    /// Takes the machine apart, and returns the record keys of its TLS session: whoever has them can put
    /// any authentic record on the wire. `None` without an established TLS session, after the
    /// machine's own close_notify, and if the crypto provider does not give its keys out.
    #[cfg(feature = "testkit")]
    pub(crate) fn into_record_keys(self) -> Option<RecordKeys> {
        self.machine.into_transport().into_record_keys()
    }

    /// Sets the number by which the config's hook for [traces](crate::trace) knows this connection. It
    /// is 0 otherwise. Call it before the first poll.
    pub fn set_trace_id(&mut self, id: u64) {
        self.machine.set_trace_id(id);
    }

    /// Returns what TLS negotiated, once the handshake is complete.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.machine.tls()
    }
}

impl Connection<InitiatorRole> {
    /// Returns a machine, as [`new`](Self::new) does, that resumes this session in the place of binding
    /// a resource (XEP-0198 5). If the server does not resume it, a resource is bound and the session is
    /// handed back by [`take_sm_state`](Self::take_sm_state).
    ///
    /// A login by SASL2 resumes the session inline where the server offers that (XEP-0198 9.2), and binds
    /// inline if the server refuses. Where it is not offered inline, no resource is asked for either,
    /// because the session is resumed after the login. A server that then offers neither resumption nor
    /// binding, because it has Bind 2 alone, ends the attempt with
    /// [`NoBind`](crate::stream::NegotiationReason::NoBind): the session is over then, and the next
    /// connection, made by `new`, binds inline.
    ///
    /// # Errors
    /// [`ResumeError`] if the session cannot be resumed or is another account's, or if the config is
    /// without [stream management](crate::config::InitiatorBuilder::stream_management).
    pub fn resume(
        config: Arc<InitiatorConfig>,
        state: SmState,
        now: Instant,
    ) -> Result<Self, ResumeError> {
        if config.management.is_none() {
            return Err(ResumeError::NotConfigured(Box::new(state)));
        }
        if !state.is_resumable() {
            return Err(ResumeError::NotResumable(Box::new(state)));
        }
        if state.jid().map(Jid::bare) != Some(config.account().bare()) {
            return Err(ResumeError::OtherAccount(Box::new(state)));
        }
        let mut connection = Self::new(config, now);
        connection.machine.resume(state);
        Ok(connection)
    }

    /// Returns what later logins of this account must not fall below, once this one has worked. Store it,
    /// and give it to [`InitiatorBuilder::pin`](crate::config::InitiatorBuilder::pin).
    #[must_use]
    pub fn login_pin(&self) -> Option<LoginPin> {
        self.machine.role().login_pin()
    }

    /// Returns the token that the login has brought (FAST, XEP-0484), once: because it was
    /// [asked for](crate::config::Sasl2Options::request_token), or because the server replaces the one
    /// that was used. Store it in the place of any other for this account, like a password.
    pub fn take_token(&mut self) -> Option<FastToken> {
        self.machine.role_mut().take_token()
    }

    /// Returns what a later login with the same server may go by, once SASL2 is chosen and if the
    /// config says to [remember](crate::config::Pipelining) it. Store it after
    /// [`Event::Authenticated`](crate::Event::Authenticated): nothing of it is authentic before.
    #[must_use]
    pub fn known_features(&self) -> Option<&KnownFeatures> {
        self.machine.role().known_features()
    }

    /// Returns the SCRAM keys of the login that just worked, once: kept and given to
    /// [`Credentials`](crate::config::Credentials), they spare the next login the key derivation (RFC
    /// 5802 5.1).
    pub fn take_scram_keys(&mut self) -> Option<ClientKeys> {
        self.machine.role_mut().take_scram_keys()
    }
}

impl Connection<ResponderRole> {
    /// Returns what answers elements that were delivered early
    /// ([`EarlyElements::Delivered`](crate::stream::EarlyElements::Delivered)): while SASL or
    /// binding is offered and the client has not begun it.
    pub fn negotiating(&mut self) -> Option<Negotiating<'_>> {
        self.machine.negotiating()
    }
}

/// Shows states, no texts.
impl<R: Negotiation> core::fmt::Debug for Connection<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Connection").field(&self.machine).finish()
    }
}
