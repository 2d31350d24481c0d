//! The phases of a receiving entity, and the steps that its rows share.

use super::super::StreamCondition;
use super::super::closing::{
    Closing, default_transition, deliver, ends_the_stream, failed, is_peer_authentication,
};
use super::super::table::{
    Command, ErrorSource, InFlight, InlineRequests, Input, Output, OwnHeader,
    ReceivingCommand as C, StreamLevel, command,
};
use super::super::tls_negotiation::AfterTls;
use crate::sasl::SaslProfile;

/// Where a receiving entity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceivingPhase {
    /// Not connected.
    Idle,
    /// TLS is being negotiated.
    TlsHandshake(AfterTls),
    /// The peer's header is outstanding.
    AwaitHeader(StreamLevel),
    /// The application is asked which host this is.
    AwaitHost(StreamLevel),
    /// Features are written; SASL attempts used up so far.
    Negotiating(StreamLevel, u8),
    /// SASL is under way.
    Authenticating(SaslProfile, StreamLevel, SaslTurn, u8),
    /// The mechanism of SASL2 is satisfied, and a task is under way; attempts used up before.
    Task(TaskTurn, u8),
    /// The client is authenticated by SASL2, and the application is asked about one of its inline
    /// requests. What is left after it is kept.
    Completing(InlineStep, InlineRequests),
    /// The bind request is outstanding; attempts used up so far.
    AwaitBind(u8),
    /// The application is asked for the resource.
    Binding(u8),
    /// The application is asked for the session to resume; attempts used up so far.
    Resuming(u8),
    /// The peer has turned to dialback in the place of SASL, and no domain pair is verified yet.
    Federating,
    /// A component's `<handshake/>` is outstanding.
    AwaitHandshake,
    /// The component's `<handshake/>` is being checked.
    CheckingHandshake,
    /// Stanzas flow.
    Established,
    /// The stream is being closed.
    Closing(Closing),
}

/// Whose turn it is in a SASL exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslTurn {
    /// Ours: the mechanism works, or the application that it asks.
    Own,
    /// The peer's: a challenge is written.
    Peer,
}

/// Whose turn it is in a task (XEP-0388 2.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskTurn {
    /// The peer's: `<continue/>` is written.
    AwaitNext,
    /// The peer's: `<task-data/>` is written.
    AwaitData,
    /// Ours: the task is being worked on, or the application is asked.
    Own,
}

/// The inline request of `<authenticate/>` that the application is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InlineStep {
    /// What becomes of tokens (XEP-0484).
    Token,
    /// The session to resume (XEP-0198 9.2).
    Resumption,
    /// The resource (XEP-0386).
    Binding,
}

/// What means the same in every phase in which XML flows.
pub(super) fn common(phase: ReceivingPhase, input: Input) -> (ReceivingPhase, Output<C>) {
    use ReceivingPhase as P;
    if let (P::Established, Input::Element(class)) = (phase, input) {
        if !ends_the_stream(class) && !is_peer_authentication(class) {
            return (phase, deliver(class));
        }
    }
    let header = match phase {
        P::AwaitHeader(_) | P::AwaitHost(_) => OwnHeader::Missing,
        _ => OwnHeader::Sent,
    };
    match default_transition(header, overdue(phase), input) {
        Some((closing, output)) => (P::Closing(closing), output),
        None => (phase, Output::NOTHING),
    }
}

/// The error of a deadline that has passed. `<connection-timeout/>` is for a peer that does not answer
/// (RFC 6120 4.9.3.4), not for one that waits for this side.
pub(super) fn overdue(phase: ReceivingPhase) -> ErrorSource {
    use ReceivingPhase as P;
    match phase {
        P::AwaitHost(_)
        | P::Authenticating(_, _, SaslTurn::Own, _)
        | P::Task(TaskTurn::Own, _)
        | P::Completing(..)
        | P::Binding(_)
        | P::Resuming(_) => ErrorSource::Condition(StreamCondition::InternalServerError),
        _ => ErrorSource::Timeout,
    }
}

pub(super) fn fail(condition: StreamCondition) -> (ReceivingPhase, Output<C>) {
    (
        ReceivingPhase::Closing(Closing::AwaitFooter(InFlight::Discard)),
        failed(ErrorSource::Condition(condition)),
    )
}

pub(super) fn failure(header: OwnHeader, failure: ErrorSource) -> (ReceivingPhase, Output<C>) {
    (
        ReceivingPhase::Closing(Closing::AwaitFooter(InFlight::Discard)),
        command(Command::Fail(header, failure)),
    )
}
