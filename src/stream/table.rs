//! The alphabet of the state tables: what a negotiator is told ([`Input`]) and what it answers
//! ([`Output`]: a [`Command`] for whoever holds the bytes, a [`Notice`] for the application).
//!
//! Inputs are *classes* of things (a `<features/>` with these properties, a mechanism that failed),
//! and so are commands. Texts, addresses, keys and the running mechanism live beside the negotiator,
//! in whoever drives it. Because of that the state space is finite and small enough to be searched
//! exhaustively, which the tests do.
//!
//! A command is common to both roles or belongs to one of them ([`InitiatingCommand`],
//! [`ReceivingCommand`]): no role can be given a command that it does not know.
//!
//! The enums here are `#[non_exhaustive]`: a further negotiation step (XEP-0288) adds
//! variants, and must not be a breaking release for those who search the tables themselves.

use super::{DialbackCondition, ElementClass, HeaderClass, StanzaRefusal, StreamCondition};
use crate::sasl::SaslProfile;

/// What a negotiator is told, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Input {
    /// The transport is connected. Comes first, once.
    Begin,
    /// The peer's stream header (RFC 6120 4.7, 4.8).
    Header(HeaderClass),
    /// A complete first-level element.
    Element(ElementClass),
    /// White space between first-level elements (RFC 6120 4.6.1).
    Keepalive,
    /// The peer's closing tag (RFC 6120 4.4).
    Footer,
    /// The peer's bytes are not an acceptable stream. Nothing after them can be read.
    Fault(StreamCondition),
    /// The TLS handshake is complete (RFC 6120 5.4.3.3).
    Secured,
    /// The result of the running SASL mechanism, or of its choice.
    Sasl(SaslResult),
    /// The answer to [`ReceivingCommand::AskHost`], [`ReceivingCommand::AskBind`],
    /// [`ReceivingCommand::CheckHandshake`] or [`InitiatingCommand::CheckServer`].
    Answer(Answer),
    /// The answer to [`ReceivingCommand::AskPair`]. The stream goes on meanwhile.
    Pair(PairResult),
    /// The answer to [`ReceivingCommand::CheckKey`]. The stream goes on meanwhile.
    KeyChecked,
    /// What an element of stream management comes to: the answer to [`Command::Manage`],
    /// [`InitiatingCommand::CheckResumption`] and [`InitiatingCommand::RequestResumption`], in the same
    /// step.
    Managed(ManagementResult),
    /// The application has seen the event of the step before. Only after [`Notice::PeerClosing`],
    /// after [`Notice::Authenticated`] where a session is resumed by the same element, and after
    /// [`Notice::Features`] where nothing is left to negotiate.
    Resume,
    /// The deadline of the phase has passed.
    Expired,
    /// The application ends the stream.
    AppRequest(AppRequest),
}

/// The result of the running mechanism, or of its choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslResult {
    /// There is data to send: `<auth/>`, `<response/>` or `<challenge/>`; in SASL2 also `<next/>` or
    /// `<task-data/>`.
    Send,
    /// The peer is authenticated. An initiating entity has verified the server too.
    Done,
    /// The same in SASL2, as an initiating entity sees it: the server is verified, and its
    /// `<success/>` brings this.
    Completed(LoginOutcome),
    /// The same in SASL2, as a receiving entity sees it: this is left to be done for `<success/>`.
    Inline(InlineRequests),
    /// The mechanism, or the task before, is satisfied, and a task is left (XEP-0388 2.6.3).
    /// Receiving entity only.
    Task,
    /// This attempt failed.
    Failed,
    /// The peer is authenticated as somebody else than its header says (RFC 6120 6.4.6). Receiving
    /// entity only.
    Mismatch,
    /// No (further) mechanism is acceptable. Initiating entity only.
    Exhausted,
    /// No (further) mechanism is acceptable, and the peer offers Server Dialback. Initiating server
    /// only.
    Dialback,
}

/// How far `<success/>` of SASL2 brings a client (XEP-0388 2.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginOutcome {
    /// It is authenticated. A resource is bound next.
    Authenticated,
    /// A resource is bound too (XEP-0386).
    Bound,
    /// The session of an earlier stream goes on (XEP-0198 9.2).
    Resumed,
}

impl LoginOutcome {
    /// Every outcome, for exhaustive checks of state tables.
    pub const ALL: [Self; 3] = [Self::Authenticated, Self::Bound, Self::Resumed];
}

/// What `<authenticate/>` asks for beside the login, as far as it is not done yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InlineRequests {
    /// A token for later logins, or what becomes of the one that was used (XEP-0484).
    pub token: bool,
    /// To resume a session (XEP-0198 9.2).
    pub resume: bool,
    /// To bind a resource (XEP-0386).
    pub bind: bool,
}

impl InlineRequests {
    /// Nothing is asked for.
    pub const NONE: Self = Self {
        token: false,
        resume: false,
        bind: false,
    };

    /// Every combination, for exhaustive checks of state tables.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8u8).map(|bits| Self {
            token: bits & 1 != 0,
            resume: bits & 2 != 0,
            bind: bits & 4 != 0,
        })
    }
}

/// The result for a domain pair that the peer asked for (XEP-0220 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PairResult {
    /// The key is genuine.
    Accept,
    /// The key is not genuine.
    Refuse,
    /// Whether the key is genuine could not be found out.
    Fail,
}

/// What an element of stream management comes to (XEP-0198).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManagementResult {
    /// Stream management is on.
    Enabled,
    /// The peer refuses it.
    Refused,
    /// The peer has handled stanzas that waited for it.
    Acknowledged,
    /// The session of an earlier stream goes on here.
    Resumed,
    /// The peer acknowledges more stanzas than it was sent (XEP-0198 6).
    TooHigh,
    /// The element says what nobody asked for.
    Unexpected,
}

impl ManagementResult {
    /// Every result, for exhaustive checks of state tables.
    pub const ALL: [Self; 6] = [
        Self::Enabled,
        Self::Refused,
        Self::Acknowledged,
        Self::Resumed,
        Self::TooHigh,
        Self::Unexpected,
    ];
}

/// The answer to a question of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// Negotiation continues.
    Accept,
    /// The peer is refused.
    Refuse,
}

/// How the application ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AppRequest {
    /// With the closing tag alone (RFC 6120 4.4).
    Close,
    /// With a stream error of its choice (RFC 6120 4.9).
    Fail,
    /// With `<reset/>` (RFC 6120 4.9.3.16).
    Reset(InFlight),
}

/// What happens to stanzas that arrive after our closing tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InFlight {
    /// They are delivered, because the peer may complete what it was sending (RFC 6120 4.4).
    Deliver,
    /// They are dropped, because the peer's credentials are in doubt or the stream has failed.
    Discard,
}

/// The result of a step: a notice for the application, and a command of role `C`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Output<C> {
    /// What the application learns.
    pub notice: Notice,
    /// What is to be done, before the application learns it.
    pub command: Command<C>,
}

impl<C> Output<C> {
    pub(super) const NOTHING: Self = command(Command::Wait);
}

/// A command without a notice.
pub(super) const fn command<C>(command: Command<C>) -> Output<C> {
    Output {
        notice: Notice::Nothing,
        command,
    }
}

/// A command of a role without a notice.
pub(super) const fn order<C>(role_command: C) -> Output<C> {
    command(Command::Role(role_command))
}

/// A notice, and a command.
pub(super) const fn notify<C>(notice: Notice, command: Command<C>) -> Output<C> {
    Output { notice, command }
}

/// What is reported to the application.
///
/// The tables give the notices up to [`PeerClosing`](Self::PeerClosing); the later ones are added by
/// [`Connection`](crate::Connection), which asks the application and watches keys and deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// Nothing.
    Nothing,
    /// The TLS handshake is complete.
    TlsEstablished,
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
    /// An answer to our `<db:verify/>`, or its absence (XEP-0220 2.1.2).
    KeyVerdict,
    /// Stream management is on (XEP-0198 3).
    ManagementEnabled,
    /// The peer refuses to enable it, or to resume a session (XEP-0198 3, 5).
    ManagementRefused,
    /// The peer has handled stanzas (XEP-0198 4).
    Acknowledged,
    /// The peer's closing tag, while ours is outstanding.
    PeerClosing,

    /// A decision is asked of the application.
    Decision,
    /// A domain pair is verified (XEP-0178, XEP-0220).
    PairVerified,
    /// A request of the peer waits for the application's answer (XEP-0220).
    Request,
    /// The TLS keys, or a certificate, want a reset.
    ResetAdvised,
}

/// What whoever holds the bytes has to do: common to both roles, or of role `C`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command<C> {
    /// Nothing is to be done.
    Wait,
    /// Hands the transport to TLS. What was read after the last frame belongs to TLS.
    StartTls,
    /// Writes the closing tag. Nothing may follow it.
    CloseStream(CloseCause),
    /// Writes a stream error and the closing tag, after our header if that has not been written yet
    /// (RFC 6120 4.9.1.2).
    Fail(OwnHeader, ErrorSource),
    /// Ends TLS, then TCP: the exchange of closing tags is over or impossible.
    EndTransport(CloseCause),
    /// Acts on an element of stream management. Answered by [`Input::Managed`] if something comes of
    /// it.
    Manage,
    /// Sends again what the peer of a resumed session has not handled (XEP-0198 5).
    Retransmit,
    /// What only this role does.
    Role(C),
}

/// What only an initiating entity does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InitiatingCommand {
    /// Writes our stream header; after a restart, with a fresh framer.
    OpenStream(StreamLevel),
    /// Writes `<starttls/>`.
    RequestTls,
    /// Chooses a mechanism, or the next one after a failure. Answered by [`Input::Sasl`].
    ChooseMechanism(SaslProfile),
    /// Writes `<auth/>` or `<authenticate/>` with the mechanism's initial response.
    SendAuth(SaslProfile),
    /// Checks the features against those that a pipelined `<authenticate/>` assumed. Answered by
    /// [`Input::Sasl`].
    ConfirmOffer,
    /// Runs the mechanism on `<challenge/>`. Answered by [`Input::Sasl`].
    RunChallenge(SaslProfile),
    /// Writes `<response/>`.
    SendResponse(SaslProfile),
    /// Lets the mechanism verify `<success/>`. Answered by [`Input::Sasl`], or by [`Input::Managed`]
    /// with [`TooHigh`](ManagementResult::TooHigh).
    VerifySuccess(SaslProfile),
    /// Lets the mechanism verify `<continue/>`, and chooses a task. Answered by [`Input::Sasl`].
    RunContinue,
    /// Writes `<next/>`.
    SendNext,
    /// Works on the task's `<task-data/>`. Answered by [`Input::Sasl`].
    RunTask,
    /// Writes `<task-data/>`.
    SendTaskData,
    /// Writes `<abort/>`.
    SendAbort(SaslProfile),
    /// Writes the bind request, with the wanted resource or without.
    RequestBind(ResourceChoice),
    /// Writes `<resume/>` (XEP-0198 5). Answered by [`Input::Managed`] with
    /// [`Refused`](ManagementResult::Refused), in the same step, if the server has refused it with the
    /// login.
    RequestResumption,
    /// Checks `<resumed/>` and takes the session over. Answered by [`Input::Managed`] in the same
    /// step.
    CheckResumption,
    /// Keeps the bound address and writes the legacy session request.
    RequestSession,
    /// Asks for our domain pair with `<db:result/>`.
    RequestPair,
    /// Checks whether a component may give its proof to this server: it is verified, or the
    /// configuration does without. Answered by [`Input::Answer`] in the same step.
    CheckServer,
    /// Writes a component's `<handshake/>`.
    SendHandshake,
}

/// What only a receiving entity does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceivingCommand {
    /// Asks the application which host this is. Answered by [`Input::Answer`].
    AskHost(StreamLevel),
    /// Writes our stream header, and our features for this level.
    OpenStream(StreamLevel),
    /// Writes `<proceed/>`, then hands the transport to TLS.
    Proceed,
    /// Writes STARTTLS `<failure/>` and the closing tag (RFC 6120 5.4.2.2).
    RefuseTls,
    /// Starts the mechanism that `<auth/>` or `<authenticate/>` names. Answered by [`Input::Sasl`].
    BeginMechanism(SaslProfile),
    /// Refuses SASL before TLS with `<encryption-required/>` (RFC 6120 6.5.4).
    RequireEncryption(SaslProfile),
    /// Runs the mechanism on `<response/>`. Answered by [`Input::Sasl`].
    RunResponse(SaslProfile),
    /// Writes `<challenge/>`.
    SendChallenge(SaslProfile),
    /// Writes `<success/>` and expects a new header.
    SendSuccess,
    /// Writes the `<success/>` of SASL2 with what came of the inline requests, then our features,
    /// unless a session is resumed (XEP-0198 9.2).
    SendOutcome(LoginOutcome),
    /// Writes SASL `<failure/>`, with the mechanism's condition.
    SendFailure(SaslProfile),
    /// Answers `<abort/>` with `<failure><aborted/></failure>` (RFC 6120 6.4.4).
    SendAborted(SaslProfile),
    /// Writes `<continue/>` with the next task (XEP-0388 2.6.3).
    SendContinue,
    /// Works on `<next/>` or `<task-data/>`. Answered by [`Input::Sasl`].
    RunTask,
    /// Writes `<task-data/>`.
    SendTaskData,
    /// Asks the application what becomes of tokens (XEP-0484). Answered by [`Input::Answer`].
    AskToken,
    /// Asks the application for the resource. Answered by [`Input::Answer`].
    AskBind,
    /// The same for a resource that `<authenticate/>` asks for.
    AskInlineBind,
    /// Writes the bind result.
    SendBindResult,
    /// Writes a bind error.
    SendBindError(BindRefusal),
    /// Asks the application for the session that `<resume/>` names. Answered by [`Input::Answer`],
    /// or by [`Input::Managed`] with [`TooHigh`](ManagementResult::TooHigh).
    AskResumption,
    /// The same for the session that `<authenticate/>` names.
    AskInlineResumption,
    /// Writes `<resumed/>`, and what the peer has not handled.
    SendResumed,
    /// Refuses to resume with `<failed/>`.
    RefuseResumption,
    /// Refuses stream management before a resource is bound with `<failed/>` (XEP-0198 3).
    RefuseManagement,
    /// Answers the legacy session request.
    SendSessionResult,
    /// Answers a stanza with a stanza error, if it may be answered (RFC 6120 8.3.1).
    RefuseStanza(StanzaRefusal),
    /// Asks whether the domain pair in `<db:result/>` is genuine. Answered by [`Input::Pair`], in
    /// the same step or later.
    AskPair,
    /// Keeps the pair as verified and writes that it is valid.
    AcceptPair,
    /// Writes that the pair's key is invalid, and the closing tag.
    RefusePair,
    /// Answers with a dialback error, after which the stream continues (XEP-0220 2.4).
    FailPair,
    /// Has the key in `<db:verify/>` checked. Answered by [`Input::KeyChecked`], in the same step or
    /// later.
    CheckKey,
    /// Writes the answer to `<db:verify/>`.
    SendKeyVerdict,
    /// Answers a dialback element where dialback is not offered, with this error.
    DeclineDialback(DialbackCondition),
    /// Checks a component's `<handshake/>`. Answered by [`Input::Answer`].
    CheckHandshake,
    /// Writes that the handshake is accepted.
    AcceptHandshake,
}

/// The protection under which a stream header stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamLevel {
    /// Before TLS.
    Plain,
    /// After TLS, before SASL.
    Secured,
    /// After SASL.
    Authenticated,
}

/// Whether our header of this stream has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnHeader {
    /// It must be written first.
    Missing,
    /// It has been written.
    Sent,
}

/// Where the stream error that is written comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorSource {
    /// The table names the condition.
    Condition(StreamCondition),
    /// The application gave the error ([`AppRequest::Fail`]).
    Application,
    /// The peer's header is refused with this error, after [`ReceivingCommand::AskHost`]. It is a
    /// complaint about the peer, so that a stream error of the peer counts for more.
    Refusal,
    /// `<reset/>` ([`AppRequest::Reset`]).
    Reset,
    /// `<undefined-condition/>` with `<handled-count-too-high/>` (XEP-0198 6).
    HandledCount,
    /// `<connection-timeout/>` for a phase that took too long (RFC 6120 4.9.3.4).
    Timeout,
}

/// Why a stream is closed without a stream error from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCause {
    /// One side closed an established stream, or the cause was named before.
    Closed,
    /// The peer sent a stream error.
    PeerError,
    /// The peer refused STARTTLS.
    StarttlsRefused,
    /// SASL failed, or the server could not be verified.
    Authentication,
    /// A step that this entity needs was not offered, or was refused.
    Negotiation(NegotiationReason),
    /// The peer did not answer in time.
    Timeout,
    /// What came after our closing tag cannot be read.
    Unreadable,
    /// The table was told something that cannot happen. Only a defect of the driver does that.
    Internal,
}

/// The negotiation step that was not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationReason {
    /// The peer closed the stream during negotiation.
    #[error("the peer closed the stream")]
    PeerClosed,
    /// No SASL mechanisms were offered.
    #[error("no SASL mechanisms offered")]
    NoSasl,
    /// Resource binding was not offered.
    #[error("resource binding not offered")]
    NoBind,
    /// Resource binding was refused (RFC 6120 7.6.2, 7.7.2).
    #[error("resource binding refused")]
    BindRefused,
    /// The legacy session was refused.
    #[error("session refused")]
    SessionRefused,
}

/// The resource that a bind request asks for (RFC 6120 7.6, 7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceChoice {
    /// The configured one; without one, the server's choice.
    Wanted,
    /// The server's choice, after a conflict.
    Generated,
}

/// Who refuses a bind request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindRefusal {
    /// The application, with its condition.
    Application,
    /// A stream has one resource: `<not-allowed/>` (RFC 6120 7.7.2.2).
    AlreadyBound,
}
