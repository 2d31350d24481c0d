//! The alphabet of the state tables: what a negotiator is told and what it
//! orders.
//!
//! Inputs are *classes* of things (a `<features/>` with these properties, a
//! mechanism that failed), outputs are orders; both are finite. Texts,
//! addresses, keys and the running mechanism live beside the negotiator, in
//! whoever drives it. That keeps the state space small enough to be searched
//! exhaustively, which the tests do.

use super::{
    DialbackCondition as DialbackError, ElementClass, HeaderClass as OpeningClass,
    StreamCondition as Condition,
};

/// What a negotiator is told, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The transport is connected; comes first, once.
    Begin,
    /// The peer's stream header (RFC 6120 4.7, 4.8).
    Header(OpeningClass),
    /// A complete first-level element.
    Element(ElementClass),
    /// White space between first-level elements (4.6.1).
    Keepalive,
    /// The peer's closing tag (4.4).
    Footer,
    /// The peer's bytes are not an acceptable stream; nothing behind them can
    /// be read.
    Fault(Condition),
    /// The TLS handshake is complete (5.4.3.3).
    Secured,
    /// What the running SASL mechanism came to.
    Sasl(Sasl),
    /// The answer to [`Act::AskHost`], [`Act::AskBind`] or
    /// [`Act::CheckHandshake`].
    Verdict(Verdict),
    /// An answer to [`Act::AskPair`]; the stream goes on meanwhile.
    Pair(Pair),
    /// An answer to [`Act::CheckKey`]; the stream goes on meanwhile.
    KeyChecked,
    /// The application has seen the event of the step before; only after
    /// [`Tell::PeerClosing`].
    Resume,
    /// The deadline of the phase has passed.
    Expired,
    /// The application ends the stream.
    Local(Local),
}

/// What the running mechanism, or its choice, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sasl {
    /// There is data to send: `<auth/>`, `<response/>` or `<challenge/>`.
    Send,
    /// Authenticated; an initiating entity has verified the server too.
    Done,
    /// This attempt failed.
    Failed,
    /// Authenticated, as somebody else than the peer's header says it is
    /// (6.4.6); receiving entity only.
    Mismatch,
    /// No (further) mechanism is acceptable; initiating entity only.
    Exhausted,
    /// No (further) mechanism is acceptable, and the peer has Server Dialback;
    /// initiating server only.
    Dialback,
}

/// What became of a domain pair that the peer asked for (XEP-0220 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pair {
    /// Its key is genuine.
    Accept,
    /// Its key is not.
    Refuse,
    /// There is no verdict.
    Fail,
}

/// The application's answer to a question of the receiving entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Go on.
    Accept,
    /// Answer with an error.
    Refuse,
}

/// How the application ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// With the closing tag alone (4.4).
    Close,
    /// With a stream error of its choice (4.9).
    Fail,
    /// With `<reset/>` (4.9.3.16); what is still in flight is delivered or,
    /// where the peer's credentials are in doubt, discarded.
    Reset(Inbound),
}

/// What happens to stanzas that arrive after the own closing tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inbound {
    /// They are delivered (4.4: the other side may finish what it was saying).
    Deliver,
    /// They are dropped.
    Discard,
}

/// What a step means: something to tell the application, and an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Output {
    /// What the application learns.
    pub tell: Tell,
    /// What is to be done, before the application learns it.
    pub act: Act,
}

impl Output {
    pub(super) const NOTHING: Self = act(Act::Wait);
}

/// An order without news.
pub(super) const fn act(act: Act) -> Output {
    Output {
        tell: Tell::Nothing,
        act,
    }
}

/// News, and an order.
pub(super) const fn tell(tell: Tell, act: Act) -> Output {
    Output { tell, act }
}

/// News for the application, about the frame just read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tell {
    /// Nothing.
    Nothing,
    /// The peer's stream header was accepted.
    StreamOpened,
    /// The peer's stream features.
    Features,
    /// SASL is complete.
    Authenticated,
    /// Negotiation is complete: stanzas may flow.
    Established,
    /// A stanza.
    Stanza,
    /// A first-level element that is not a stanza.
    Element,
    /// White space between first-level elements.
    Keepalive,
    /// A stream error from the peer.
    StreamError,
    /// The peer's closing tag, while the own one is outstanding.
    PeerClosing,
    /// An answer to a `<db:verify/>` of ours.
    KeyVerdict,
}

/// An order to whoever holds the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Nothing to do.
    Wait,

    // Both roles
    /// Hand the transport to TLS: what was read behind the last frame is TLS's.
    StartTls,
    /// Write the own stream header; behind a restart, with a fresh framer. A
    /// receiving entity writes its features behind it, for this leg.
    OpenStream(Leg),
    /// Write the closing tag; nothing may follow it.
    CloseStream(Cause),
    /// Write a stream error and the closing tag, behind the own header if that
    /// has not been written yet (4.9.1.2).
    Fail(OwnHeader, Failure),
    /// The exchange of closing tags is over or impossible: end TLS, then TCP.
    EndTransport(Cause),

    // Initiating entity
    /// Write `<starttls/>`.
    RequestTls,
    /// Choose a mechanism, or the next one after a failure; answered by
    /// [`Input::Sasl`].
    ChooseMechanism,
    /// Write `<auth/>` with the mechanism's initial response.
    SendAuth,
    /// Run the mechanism on `<challenge/>`; answered by [`Input::Sasl`].
    RunChallenge,
    /// Write `<response/>`.
    SendResponse,
    /// Let the mechanism verify `<success/>`; answered by [`Input::Sasl`].
    VerifySuccess,
    /// Write `<abort/>`.
    SendAbort,
    /// Write the bind request, with the wanted resource or without.
    RequestBind(Resource),
    /// Write the legacy session request.
    RequestSession,
    /// Ask for the own domain pair with `<db:result/>`.
    RequestPair,
    /// Write a component's `<handshake/>`.
    SendHandshake,

    // Receiving entity
    /// Ask the application which host this is; answered by [`Input::Verdict`].
    AskHost(Leg),
    /// Write `<proceed/>`, then hand the transport to TLS.
    Proceed,
    /// Write STARTTLS `<failure/>` and the closing tag (5.4.2.2).
    RefuseTls,
    /// Start the mechanism that `<auth/>` names; answered by [`Input::Sasl`].
    BeginMechanism,
    /// Refuse SASL before TLS with `<encryption-required/>` (6.5.4).
    RequireEncryption,
    /// Run the mechanism on `<response/>`; answered by [`Input::Sasl`].
    RunResponse,
    /// Write `<challenge/>`.
    SendChallenge,
    /// Write `<success/>` and expect a new header.
    SendSuccess,
    /// Write SASL `<failure/>`, with the mechanism's condition.
    SendFailure,
    /// Answer `<abort/>` with `<failure><aborted/></failure>` (6.4.4).
    SendAborted,
    /// Ask the application for the resource; answered by [`Input::Verdict`].
    AskBind,
    /// Write the bind result.
    SendBindResult,
    /// Write a bind error.
    SendBindError(BindRefusal),
    /// Answer the legacy session request.
    SendSessionResult,
    /// Ask whether the domain pair in `<db:result/>` is genuine; answered by
    /// [`Input::Pair`], in the same step or later.
    AskPair,
    /// Keep the pair as verified and say so.
    AcceptPair,
    /// Say that the pair's key is invalid, and write the closing tag.
    RefusePair,
    /// Answer with a dialback error, which ends nothing (XEP-0220 2.4).
    FailPair,
    /// Have the key in `<db:verify/>` checked; answered by
    /// [`Input::KeyChecked`], in the same step or later.
    CheckKey,
    /// Write the answer to `<db:verify/>`.
    SendKeyVerdict,
    /// Answer a question of dialback where there is none with this error.
    DeclineDialback(DialbackError),
    /// Check a component's `<handshake/>`; answered by [`Input::Verdict`].
    CheckHandshake,
    /// Accept it.
    AcceptHandshake,
}

/// Under which protection a stream header stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// Before TLS.
    Plain,
    /// After TLS, before SASL.
    Secured,
    /// After SASL.
    Authenticated,
}

/// Whether the own header of this stream has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnHeader {
    /// It must be written first.
    Missing,
    /// It has been.
    Sent,
}

/// Which stream error is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// One that the table names.
    Condition(Condition),
    /// The one the application gave ([`Local::Fail`]) or refused with.
    Application,
    /// `<reset/>` ([`Local::Reset`]).
    Reset,
    /// `<connection-timeout/>` for a phase that took too long (4.9.3.4).
    Timeout,
}

/// Why a stream is closed without a stream error of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Someone closed an established stream, or the cause was named before.
    Closed,
    /// The peer sent a stream error.
    PeerError,
    /// The peer refused STARTTLS.
    StarttlsRefused,
    /// SASL failed, or the server could not be verified.
    Authentication,
    /// A step we need was not offered, or was refused.
    Negotiation(NegotiationFailure),
    /// The peer did not answer in time.
    Timeout,
    /// What came behind the own closing tag cannot be read.
    Unreadable,
    /// The table was told something that cannot happen: a defect of the driver.
    Internal,
}

/// Which step was not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationFailure {
    /// The peer closed the stream in the middle.
    #[error("the peer closed the stream")]
    PeerClosed,
    /// No SASL mechanisms were offered.
    #[error("no SASL mechanisms offered")]
    NoSasl,
    /// Resource binding was not offered.
    #[error("resource binding not offered")]
    NoBind,
    /// Resource binding was refused (7.6.2, 7.7.2).
    #[error("resource binding refused")]
    BindRefused,
    /// The legacy session was refused.
    #[error("session refused")]
    SessionRefused,
}

/// The resource asked for (7.6, 7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The configured one; without one, the server's choice.
    Wanted,
    /// The server's choice, after a conflict.
    Generated,
}

/// Who refuses a bind request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindRefusal {
    /// The application, with its condition.
    Application,
    /// A stream has one resource: `<not-allowed/>` (7.7.2.2).
    AlreadyBound,
}
