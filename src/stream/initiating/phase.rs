//! The phases of an initiating entity, and the steps that its rows share.

use super::super::StreamCondition;
use super::super::closing::{
    Closing, default_transition, deliver, ends_the_stream, is_peer_authentication,
};
use super::super::table::{
    CloseCause, Command, ErrorSource, InFlight, InitiatingCommand as C, Input, Notice, Output,
    OwnHeader, ResourceChoice, StreamLevel, command, notify,
};
use super::super::tls_negotiation::AfterTls;
use crate::sasl::SaslProfile;

/// Where an initiating entity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InitiatingPhase {
    /// Not connected.
    Idle,
    /// TLS is being negotiated.
    TlsHandshake(AfterTls),
    /// Our header is written; the peer's is outstanding.
    AwaitHeader(StreamLevel),
    /// The peer's features are outstanding.
    AwaitFeatures(StreamLevel),
    /// `<starttls/>` is written.
    AwaitProceed,
    /// SASL is under way; the number counts the attempts that were used up before.
    Authenticating(SaslProfile, SaslExchange, u8),
    /// `<authenticate/>` was written right after our header, by features that were known before.
    Pipelined(PipelinedStage),
    /// A resource is bound by `<success/>`. The features that follow it are outstanding (XEP-0388
    /// 2.6.1).
    Bound,
    /// A session is resumed by `<success/>`. The application is being told of the login, which comes
    /// before the session.
    Resumed,
    /// The last features are read. The application is being told of them, which comes before the
    /// established stream.
    Negotiated,
    /// `<resume/>` is written. What follows a refusal is kept.
    Resuming(LegacySession),
    /// The bind request is written.
    Binding(ResourceChoice, LegacySession),
    /// The legacy session request is written.
    StartingSession,
    /// Dialback goes on in the place of SASL: our domain pair is asked for, or only the keys of others
    /// are.
    Federating,
    /// A component checks whether its server is verified.
    CheckingServer,
    /// The component's `<handshake/>` is written.
    AwaitHandshake,
    /// Stanzas flow.
    Established,
    /// The stream is being closed.
    Closing(Closing),
}

/// Where the SASL exchange stands (RFC 6120 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslExchange {
    /// A mechanism is being chosen.
    Choosing,
    /// `<auth/>` or `<response/>` is written.
    AwaitReply,
    /// The mechanism works on a challenge.
    Computing,
    /// The mechanism verifies the server.
    Verifying,
    /// `<abort/>` is written.
    Aborting,
    /// A pipelined `<authenticate/>` is compared with the features.
    Confirming,
    /// The mechanism verifies the server by `<continue/>`, and a task is being chosen.
    Continuing,
    /// `<next/>` is written.
    AwaitTaskData,
    /// The task's answer is being computed.
    ComputingTask,
    /// The task's answer is written.
    AwaitOutcome,
}

/// What is outstanding after a pipelined `<authenticate/>`, before the answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PipelinedStage {
    /// The peer's header.
    AwaitHeader,
    /// The peer's features.
    AwaitFeatures,
}

/// Whether the legacy session is requested after binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegacySession {
    /// It is not offered, or voluntary.
    Skip,
    /// It is offered and not voluntary.
    Request,
}

/// What means the same in every phase in which XML flows.
pub(super) fn common(phase: InitiatingPhase, input: Input) -> (InitiatingPhase, Output<C>) {
    use InitiatingPhase as P;
    if let (P::Established | P::StartingSession, Input::Element(class)) = (phase, input) {
        if !ends_the_stream(class) && !is_peer_authentication(class) {
            return (phase, deliver(class));
        }
    }
    match default_transition(OwnHeader::Sent, ErrorSource::Timeout, input) {
        Some((closing, output)) => (P::Closing(closing), output),
        None => (phase, Output::NOTHING),
    }
}

pub(super) fn established() -> (InitiatingPhase, Output<C>) {
    (
        InitiatingPhase::Established,
        notify(Notice::Established, Command::Wait),
    )
}

pub(super) fn close(cause: CloseCause) -> (InitiatingPhase, Output<C>) {
    (
        InitiatingPhase::Closing(Closing::AwaitFooter(InFlight::Discard)),
        command(Command::CloseStream(cause)),
    )
}

pub(super) fn fail(condition: StreamCondition) -> (InitiatingPhase, Output<C>) {
    (
        InitiatingPhase::Closing(Closing::AwaitFooter(InFlight::Discard)),
        command(Command::Fail(
            OwnHeader::Sent,
            ErrorSource::Condition(condition),
        )),
    )
}
