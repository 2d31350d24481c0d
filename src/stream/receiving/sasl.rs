//! SASL, as the receiving entity sees it, in both profiles (RFC 6120 6.4, XEP-0388).
//!
//! The profiles exchange the same elements in different namespaces until the mechanism is satisfied.
//! In SASL2 there may be tasks then; after them the client is told to be authenticated, and what
//! `<authenticate/>` asks for is done before `<success/>` reports it: first the token, then the
//! resumption, and the resource unless a session was resumed (XEP-0386 3.2, XEP-0198 9.2). None of
//! it is done for a login that failed (XEP-0388 2.6.2).
//!
//! Choices that the XEPs leave open:
//! * A client that sends anything else during SASL2, white space included, gets a stream error
//!   (XEP-0388 2.4 wants it disconnected).
//! * Where the application refuses the resource, `<success/>` comes without one, and the client may
//!   bind by RFC 6120 7.

use super::super::policy::StreamPolicy;
use super::super::table::{
    Answer, Command, ErrorSource, InlineRequests, Input, LoginOutcome, ManagementResult, Notice,
    Output, OwnHeader, ReceivingCommand as C, SaslResult, StreamLevel, notify, order,
};
use super::super::{ElementClass as E, Sasl2Class, StreamCondition};
use super::phase::{InlineStep, ReceivingPhase, SaslTurn, TaskTurn, common, fail, failure};
use crate::sasl::SaslProfile;

/// `<auth/>` or `<authenticate/>` after our features of this level (RFC 6120 6.4.2, 6.4.5).
pub(super) fn begin(
    policy: StreamPolicy,
    profile: SaslProfile,
    level: StreamLevel,
    used: u8,
) -> (ReceivingPhase, Output<C>) {
    if used >= policy.sasl_attempts {
        fail(StreamCondition::PolicyViolation)
    } else if level == policy.security.sasl_level() {
        (
            ReceivingPhase::Authenticating(profile, level, SaslTurn::Own, used),
            order(C::BeginMechanism(profile)),
        )
    } else {
        refused(level, used, C::RequireEncryption(profile))
    }
}

/// A step of the exchange. `used` counts the attempts before this one (RFC 6120 6.4.5).
pub(super) fn authenticating(
    policy: StreamPolicy,
    profile: SaslProfile,
    level: StreamLevel,
    turn: SaslTurn,
    used: u8,
    input: Input,
) -> (ReceivingPhase, Output<C>) {
    use ReceivingPhase as P;
    let at = |turn| P::Authenticating(profile, level, turn, used);
    match (turn, spoken(profile, input)) {
        (SaslTurn::Own, Input::Sasl(SaslResult::Send)) => {
            (at(SaslTurn::Peer), order(C::SendChallenge(profile)))
        }
        (SaslTurn::Own, Input::Sasl(SaslResult::Done)) if profile == SaslProfile::Sasl => (
            P::AwaitHeader(StreamLevel::Authenticated),
            notify(Notice::Authenticated, Command::Role(C::SendSuccess)),
        ),
        (SaslTurn::Own, Input::Sasl(SaslResult::Inline(requests)))
            if profile == SaslProfile::Sasl2 =>
        {
            authenticated(policy, requests)
        }
        (SaslTurn::Own, Input::Sasl(SaslResult::Task)) if profile == SaslProfile::Sasl2 => {
            (P::Task(TaskTurn::AwaitNext, used), order(C::SendContinue))
        }
        // RFC 6120 6.4.6. In SASL2 it is a failure (XEP-0388 2.3).
        (SaslTurn::Own, Input::Sasl(SaslResult::Mismatch)) if profile == SaslProfile::Sasl => {
            fail(StreamCondition::InvalidFrom)
        }
        (SaslTurn::Own, Input::Sasl(_)) => refused(level, used, C::SendFailure(profile)),
        (SaslTurn::Peer, Input::Element(E::Response)) => {
            (at(SaslTurn::Own), order(C::RunResponse(profile)))
        }
        (SaslTurn::Peer, Input::Element(E::Abort)) => refused(level, used, C::SendAborted(profile)),
        // RFC 6120 6.4.2: a new `<auth/>` gives up the exchange before it.
        (SaslTurn::Peer, Input::Element(E::Auth)) if used + 1 < policy.sasl_attempts => (
            P::Authenticating(profile, level, SaslTurn::Own, used + 1),
            order(C::BeginMechanism(profile)),
        ),
        (SaslTurn::Peer, Input::Element(E::Auth)) => fail(StreamCondition::PolicyViolation),
        // XEP-0388 2.4
        (SaslTurn::Peer, Input::Keepalive) if profile == SaslProfile::Sasl2 => {
            fail(StreamCondition::BadFormat)
        }
        (turn, input) => common(at(turn), input),
    }
}

/// A step of a task (XEP-0388 2.6.3). `used` counts the attempts before this one.
pub(super) fn task(
    policy: StreamPolicy,
    turn: TaskTurn,
    used: u8,
    input: Input,
) -> (ReceivingPhase, Output<C>) {
    use ReceivingPhase as P;
    let level = policy.security.sasl_level();
    match (turn, input) {
        (TaskTurn::AwaitNext, Input::Element(E::Sasl2(Sasl2Class::Next)))
        | (TaskTurn::AwaitData, Input::Element(E::Sasl2(Sasl2Class::TaskData))) => {
            (P::Task(TaskTurn::Own, used), order(C::RunTask))
        }
        (TaskTurn::Own, Input::Sasl(SaslResult::Send)) => {
            (P::Task(TaskTurn::AwaitData, used), order(C::SendTaskData))
        }
        (TaskTurn::Own, Input::Sasl(SaslResult::Task)) => {
            (P::Task(TaskTurn::AwaitNext, used), order(C::SendContinue))
        }
        (TaskTurn::Own, Input::Sasl(SaslResult::Inline(requests))) => {
            authenticated(policy, requests)
        }
        (TaskTurn::Own, Input::Sasl(_)) => refused(level, used, C::SendFailure(SaslProfile::Sasl2)),
        (
            TaskTurn::AwaitNext | TaskTurn::AwaitData,
            Input::Element(E::Sasl2(Sasl2Class::Abort)),
        ) => refused(level, used, C::SendAborted(SaslProfile::Sasl2)),
        (_, Input::Keepalive) => fail(StreamCondition::BadFormat),
        (turn, input) => common(P::Task(turn, used), input),
    }
}

/// The client is authenticated, tasks included: what it asked for is done next.
fn authenticated(policy: StreamPolicy, requests: InlineRequests) -> (ReceivingPhase, Output<C>) {
    let requests = InlineRequests {
        resume: requests.resume && policy.has_management(),
        ..requests
    };
    let (phase, command) = next_request(requests, 0);
    (phase, notify(Notice::Authenticated, Command::Role(command)))
}

/// An answer about one of the inline requests; `left` are those after it.
pub(super) fn completing(
    step: InlineStep,
    left: InlineRequests,
    input: Input,
) -> (ReceivingPhase, Output<C>) {
    use InlineStep::{Binding, Resumption, Token};
    use ReceivingPhase as P;
    let established = |outcome| {
        let command = Command::Role(C::SendOutcome(outcome));
        (P::Established, notify(Notice::Established, command))
    };
    match (step, input) {
        (Resumption, Input::Answer(Answer::Accept)) => established(LoginOutcome::Resumed),
        (Resumption, Input::Managed(ManagementResult::TooHigh)) => {
            failure(OwnHeader::Sent, ErrorSource::HandledCount)
        }
        (Binding, Input::Answer(Answer::Accept)) => established(LoginOutcome::Bound),
        (Token, Input::Answer(_)) => {
            let (phase, command) = next_request(left, 0);
            (phase, order(command))
        }
        // Refusals count as those after the login do.
        (Resumption | Binding, Input::Answer(Answer::Refuse)) => {
            let (phase, command) = next_request(left, 1);
            (phase, order(command))
        }
        (step, input) => common(P::Completing(step, left), input),
    }
}

/// The next of the inline requests, or `<success/>` after them. `refused` counts refusals.
const fn next_request(requests: InlineRequests, refused: u8) -> (ReceivingPhase, C) {
    use ReceivingPhase as P;
    match requests {
        InlineRequests {
            token: true,
            resume,
            bind,
        } => {
            let left = InlineRequests {
                token: false,
                resume,
                bind,
            };
            (P::Completing(InlineStep::Token, left), C::AskToken)
        }
        InlineRequests {
            resume: true, bind, ..
        } => {
            let left = InlineRequests {
                bind,
                ..InlineRequests::NONE
            };
            (
                P::Completing(InlineStep::Resumption, left),
                C::AskInlineResumption,
            )
        }
        InlineRequests { bind: true, .. } => (
            P::Completing(InlineStep::Binding, InlineRequests::NONE),
            C::AskInlineBind,
        ),
        InlineRequests { .. } => (
            P::AwaitBind(refused),
            C::SendOutcome(LoginOutcome::Authenticated),
        ),
    }
}

/// A SASL attempt that came to nothing (RFC 6120 6.4.5).
fn refused(level: StreamLevel, used: u8, answer: C) -> (ReceivingPhase, Output<C>) {
    (ReceivingPhase::Negotiating(level, used + 1), order(answer))
}

/// The input as the profile speaks it: an element of the other one is nobody's. XEP-0388 knows no
/// second `<authenticate/>` in an exchange.
fn spoken(profile: SaslProfile, input: Input) -> Input {
    let Input::Element(class) = input else {
        return input;
    };
    Input::Element(match (profile, class) {
        (SaslProfile::Sasl2, E::Sasl2(Sasl2Class::Response)) => E::Response,
        (SaslProfile::Sasl2, E::Sasl2(Sasl2Class::Abort)) => E::Abort,
        (SaslProfile::Sasl2, E::Response | E::Abort | E::Auth)
        | (SaslProfile::Sasl, E::Sasl2(_)) => E::Other,
        (_, class) => class,
    })
}
