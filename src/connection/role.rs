//! What a role is, seen from the parts that both roles share.
//!
//! A role owns its state table and everything that only it keeps beside the table: texts, keys, the
//! running mechanism. It executes the commands of its own table, and borrows for that what
//! [`Context`] lends.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use super::context::Context;
use super::decision::DecisionAnswer;
use super::key_meter::Certificates;
use super::management::Management;
use super::s2s::AddressRule;
use crate::close::{AuthenticationReason, CloseReason, Phase};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::limits::Limits;
use crate::random::Random;
use crate::reset::UsagePolicy;
use crate::stream::bind::Recipient;
use crate::stream::{
    Awaited, Closing, FirstLevelElement, HeaderClass, Input, Kind, Output, Security,
};
use crate::tls;
use crate::xml::{Header, Scope, Stanza};

/// A role of a [`Connection`](crate::Connection): the initiating or the receiving entity.
///
/// Sealed: [`InitiatorRole`](super::InitiatorRole) and [`ResponderRole`](super::ResponderRole) are
/// all there is. Nameable, so that a driver can be generic over both.
pub trait Negotiation: Role {}

/// The hidden half of [`Negotiation`].
pub trait Role: fmt::Debug + Send + Sized + 'static {
    /// What a connection of this role is made from.
    type Config: Send + Sync;
    /// What only this role's table can command.
    type Command: Copy + fmt::Debug;

    /// A role before its stream, and what the connection needs to know of it.
    #[doc(hidden)]
    fn new(config: Arc<Self::Config>) -> (Self, Setup);
    /// One step of the table.
    #[doc(hidden)]
    fn step(&mut self, input: Input) -> Output<Self::Command>;
    /// Where the table stands.
    #[doc(hidden)]
    fn position(&self) -> Position;
    /// Reads the peer's header: records what it says, and returns its class.
    #[doc(hidden)]
    fn read_header(&mut self, header: &Header<'_>, cx: &mut Context<'_>) -> HeaderClass;
    /// The request whose answer is awaited.
    #[doc(hidden)]
    fn awaited(&self) -> Awaited<'_>;
    /// To whom a request has to be addressed for this entity to answer it.
    #[doc(hidden)]
    fn recipient(&self) -> Recipient<'_>;
    /// Executes a command. `element` is the element just received, if one was. Returns what the
    /// table is told in the same step.
    #[doc(hidden)]
    fn execute(
        &mut self,
        command: Self::Command,
        element: Option<&FirstLevelElement<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Input>;
    /// Our stream header, for an error that comes before it.
    ///
    /// # Errors
    /// There is no randomness for the stream id.
    #[doc(hidden)]
    fn header(&mut self, cx: &Context<'_>) -> Result<String, NoRandomness>;
    /// A TLS session for this connection.
    ///
    /// # Errors
    /// The configuration cannot be used.
    #[doc(hidden)]
    fn tls_session(&self, limits: &Limits) -> Result<tls::TlsSession, tls::SetupError>;
    /// Whether the mechanism has a slice of work left.
    #[doc(hidden)]
    fn is_working(&self) -> bool;
    /// Does a slice of that work.
    #[doc(hidden)]
    fn work(&mut self, cx: &mut Context<'_>) -> Option<Input>;
    /// Takes the application's answer to the pending decision.
    #[doc(hidden)]
    fn decide(&mut self, answer: DecisionAnswer, cx: &mut Context<'_>) -> Option<Input>;
    /// Records that the stream is established, by `element` if one did it.
    #[doc(hidden)]
    fn established(&mut self, element: Option<&FirstLevelElement<'_>>, cx: &mut Context<'_>);
    /// Who authenticated. `element` is the element just received, if one was.
    #[doc(hidden)]
    fn authenticated<'a>(&'a self, element: Option<Stanza<'a>>) -> Authenticated<'a>;
    /// The bound address.
    #[doc(hidden)]
    fn bound(&self) -> Option<&Jid>;
    /// Why the login failed; `element` is what the peer said last.
    #[doc(hidden)]
    fn authentication_reason(
        &mut self,
        element: Option<&FirstLevelElement<'_>>,
    ) -> AuthenticationReason;
    /// Why the peer's refusal of STARTTLS ends the connection.
    #[doc(hidden)]
    fn starttls_reason(&self) -> CloseReason {
        CloseReason::StarttlsRefused
    }
    /// When a stream wants a reset.
    #[doc(hidden)]
    fn usage(&self) -> UsagePolicy;
    /// What is known of the certificates of the TLS session.
    #[doc(hidden)]
    fn certificates(&self, session: &tls::TlsSession) -> Certificates;
    /// The randomness of the config.
    #[doc(hidden)]
    fn random(&self) -> &dyn Random;
}

/// What a connection needs to know of its role at the beginning.
#[derive(Debug)]
pub struct Setup {
    pub(super) kind: Kind,
    pub(super) limits: Limits,
    /// The addresses that a stream of servers or of a component carries; `None` for clients.
    pub(super) rule: Option<AddressRule>,
    /// Stream management, if it is configured.
    pub(super) management: Option<Management>,
    /// What our headers declare.
    pub(super) scope: Arc<Scope>,
}

/// The random number generator failed.
#[derive(Clone, Copy, Debug)]
pub struct NoRandomness;

/// Where a table stands, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// For reasons and deadlines.
    pub phase: Phase,
    /// For what may be done.
    pub stage: Stage,
}

/// The stages of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The stream has not begun.
    Idle,
    /// Negotiation goes on.
    Negotiating,
    /// Dialback goes on between servers, and no domain pair is verified yet.
    Federating,
    /// Stanzas flow.
    Established,
    /// An event of the negotiation is being reported, after which the table goes on.
    Reporting,
    /// The peer's closing tag is being reported.
    PeerClosing,
    /// The peer's closing tag is awaited.
    Closing,
    /// The exchange of closing tags is over.
    Done,
}

impl Stage {
    /// Whether the stream is not established yet.
    pub(super) const fn is_negotiating(self) -> bool {
        matches!(self, Self::Negotiating | Self::Federating | Self::Reporting)
    }

    /// Whether the application may send.
    pub(super) const fn has_session(self) -> bool {
        matches!(
            self,
            Self::Federating | Self::Established | Self::PeerClosing
        )
    }

    /// Whether the table goes on as soon as the application has seen the event.
    pub(super) const fn is_reporting(self) -> bool {
        matches!(self, Self::Reporting | Self::PeerClosing)
    }
}

impl From<Closing> for Stage {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::PeerClosed => Self::PeerClosing,
            Closing::AwaitFooter(_) => Self::Closing,
            Closing::Done => Self::Done,
        }
    }
}

impl Position {
    /// A position in the negotiation.
    pub(super) const fn negotiating(phase: Phase) -> Self {
        Self {
            phase,
            stage: Stage::Negotiating,
        }
    }

    /// The position of a stream that is being closed.
    pub(super) fn closing(closing: Closing) -> Self {
        Self {
            phase: Phase::Closing,
            stage: closing.into(),
        }
    }
}

/// The phase in which a receiving entity waits for its peer on the level before TLS.
pub(super) const fn plain_phase(security: Security) -> Phase {
    match security {
        Security::StartTls => Phase::StartTls,
        Security::DirectTls | Security::Plaintext => Phase::Authentication,
    }
}
