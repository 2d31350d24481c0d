//! What differs between the roles, seen from the parts they share.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use super::link::{Link, PeerHeader};
use crate::close::{CloseReason, Phase};
use crate::event::Authenticated;
use crate::jid::Jid;
use crate::reset::{Cause, UsagePolicy};
use crate::stream::{
    Act, Awaited, Closing, HeaderClass as OpeningClass, Input, Kind, Output, StreamError,
};
use crate::time::Instant;
use crate::tls;
use crate::xml::Header;

/// A role's state table, as [`Connection`](crate::Connection) drives it.
///
/// Sealed: [`stream::Initiating`](crate::stream::Initiating) and
/// [`stream::Receiving`](crate::stream::Receiving) are all there is. Nameable,
/// so that a driver can be generic over both.
pub trait Negotiation: Role {}

/// The hidden half of [`Negotiation`].
pub trait Role: fmt::Debug + Send + Sized + 'static {
    /// What a connection of this role is made from.
    type Config: Send + Sync;
    /// Texts, keys and the running mechanism.
    type Side: Send;

    #[doc(hidden)]
    fn begin(config: Arc<Self::Config>, now: Instant) -> (Self, Self::Side, Link);
    /// One step of the table.
    #[doc(hidden)]
    fn step(&mut self, input: Input) -> Output;
    /// Where the table stands.
    #[doc(hidden)]
    fn position(&self) -> Position;

    #[doc(hidden)]
    fn common(side: &Self::Side) -> &Common;
    #[doc(hidden)]
    fn common_mut(side: &mut Self::Side) -> &mut Common;
    /// The peer's header, which TLS protects or not: what it says is kept, what
    /// it is goes to the table.
    #[doc(hidden)]
    fn opened(
        side: &mut Self::Side,
        peer: &mut PeerHeader,
        header: &Header<'_>,
        protected: bool,
    ) -> OpeningClass;
    /// The request whose answer is awaited.
    #[doc(hidden)]
    fn awaited(side: &Self::Side) -> Awaited<'_>;
    /// An order of this role's own.
    #[doc(hidden)]
    fn carry_out(side: &mut Self::Side, link: &mut Link, act: Act) -> Option<Input>;
    /// The own stream header, for an error that comes before it.
    ///
    /// # Errors
    /// No randomness for the stream id.
    #[doc(hidden)]
    fn own_header(side: &mut Self::Side, link: &Link) -> Result<String, NoRandomness>;
    #[doc(hidden)]
    fn tls_session(side: &Self::Side, link: &Link) -> Result<tls::Session, tls::SetupError>;
    /// Whether the mechanism has a slice of work left.
    #[doc(hidden)]
    fn is_working(side: &Self::Side) -> bool;
    /// Does a slice of it.
    #[doc(hidden)]
    fn work(side: &mut Self::Side, link: &mut Link) -> Option<Input>;
    /// Takes the application's answer out of the gate.
    #[doc(hidden)]
    fn answered(side: &mut Self::Side, link: &mut Link) -> Option<Input>;
    #[doc(hidden)]
    fn authenticated(side: &Self::Side) -> Authenticated<'_>;
    /// Negotiation is complete.
    #[doc(hidden)]
    fn established(side: &mut Self::Side, link: &mut Link);
    #[doc(hidden)]
    fn bound(side: &Self::Side) -> Option<&Jid>;
    /// Why SASL failed.
    #[doc(hidden)]
    fn authentication_failure(side: &mut Self::Side, link: &Link) -> CloseReason;
}

/// What both roles keep beside the table.
#[derive(Debug)]
pub struct Common {
    pub(super) kind: Kind,
    pub(super) usage: UsagePolicy,
    /// The error the application ends the stream with.
    pub(super) error: Option<StreamError>,
    /// Why the application resets the stream.
    pub(super) cause: Option<Cause>,
}

impl Common {
    pub(super) const fn new(kind: Kind, usage: UsagePolicy) -> Self {
        Self {
            kind,
            usage,
            error: None,
            cause: None,
        }
    }
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
    /// Not begun.
    Idle,
    /// Negotiation goes on.
    Negotiating,
    /// Dialback goes on, between servers; no domain pair is verified yet.
    Federating,
    /// Stanzas flow.
    Established,
    /// The peer's closing tag is being reported.
    PeerClosing,
    /// The peer's closing tag is awaited.
    Closing,
    /// The exchange of closing tags is over.
    Done,
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
