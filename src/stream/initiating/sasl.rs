//! SASL, as the initiating entity sees it, in both profiles (RFC 6120 6.4, XEP-0388).
//!
//! The profiles exchange the same elements in different namespaces until the mechanism is satisfied.
//! Then the one of RFC 6120 restarts the stream; in SASL2 `<success/>` says how far the login has
//! come (XEP-0388 2.6.1), or `<continue/>` names tasks that are left (XEP-0388 2.6.3).
//!
//! A client whose `<authenticate/>` was written before the features were known compares the two when
//! they arrive, before it reads any answer. Nothing but `<authenticate/>` is written early: its
//! answer is what the rest of the login depends on.

use super::super::policy::{ManagementPolicy, StreamPolicy};
use super::super::table::{
    CloseCause, Command, ErrorSource, InFlight, InitiatingCommand as C, Input, LoginOutcome,
    ManagementResult, Notice, Output, OwnHeader, SaslResult, StreamLevel, command, notify, order,
};
use super::super::{
    Closing, ElementClass as E, HeaderClass, Sasl2Class, StreamCondition, VersionClass,
};
use super::phase::{InitiatingPhase, PipelinedStage, SaslExchange, close, common, fail};
use crate::sasl::SaslProfile;

/// A step of the exchange. `used` counts the attempts before this one (RFC 6120 6.4.5).
pub(super) fn authenticating(
    policy: StreamPolicy,
    profile: SaslProfile,
    exchange: SaslExchange,
    used: u8,
    input: Input,
) -> (InitiatingPhase, Output<C>) {
    use SaslExchange::{
        Aborting, AwaitOutcome, AwaitReply, AwaitTaskData, Choosing, Computing, ComputingTask,
        Confirming, Continuing, Verifying,
    };
    let at = |exchange| InitiatingPhase::Authenticating(profile, exchange, used);
    let again = || {
        (
            InitiatingPhase::Authenticating(profile, Choosing, used + 1),
            order(C::ChooseMechanism(profile)),
        )
    };
    match (exchange, spoken(profile, input)) {
        (Choosing, Input::Sasl(SaslResult::Send)) => (at(AwaitReply), order(C::SendAuth(profile))),
        (Choosing, Input::Sasl(SaslResult::Dialback))
            if policy.has_dialback(policy.security.sasl_level()) =>
        {
            (InitiatingPhase::Federating, order(C::RequestPair))
        }
        (Choosing, Input::Sasl(_)) => close(CloseCause::Authentication),

        (Confirming, Input::Sasl(SaslResult::Send)) => (at(AwaitReply), Output::NOTHING),
        (Confirming, Input::Sasl(_)) => (at(Aborting), order(C::SendAbort(profile))),

        (AwaitReply, Input::Element(E::Challenge)) => {
            (at(Computing), order(C::RunChallenge(profile)))
        }
        (Computing, Input::Sasl(SaslResult::Send)) => {
            (at(AwaitReply), order(C::SendResponse(profile)))
        }
        (Computing | Continuing | ComputingTask, Input::Sasl(SaslResult::Failed)) => {
            (at(Aborting), order(C::SendAbort(profile)))
        }

        (AwaitReply | AwaitOutcome, Input::Element(E::Success)) => {
            (at(Verifying), order(C::VerifySuccess(profile)))
        }
        (Verifying, result) => verified(policy, profile, result, at(Verifying)),

        // XEP-0388 2.6.3
        (AwaitReply | AwaitOutcome, Input::Element(E::Sasl2(Sasl2Class::Continue))) => {
            (at(Continuing), order(C::RunContinue))
        }
        (Continuing, Input::Sasl(SaslResult::Send)) => (at(AwaitTaskData), order(C::SendNext)),
        (AwaitTaskData, Input::Element(E::Sasl2(Sasl2Class::TaskData))) => {
            (at(ComputingTask), order(C::RunTask))
        }
        (ComputingTask, Input::Sasl(SaslResult::Send)) => {
            (at(AwaitOutcome), order(C::SendTaskData))
        }

        (AwaitReply, Input::Element(E::SaslFailure)) if used + 1 < policy.sasl_attempts => again(),
        // A server that cannot log in by EXTERNAL turns to dialback.
        (Aborting, Input::Element(E::SaslFailure))
            if used + 1 < policy.sasl_attempts
                && policy.has_dialback(policy.security.sasl_level()) =>
        {
            again()
        }
        (AwaitReply | AwaitTaskData | AwaitOutcome | Aborting, Input::Element(E::SaslFailure)) => {
            close(CloseCause::Authentication)
        }
        // These may have crossed the abort.
        (
            Aborting,
            Input::Element(
                E::Challenge | E::Success | E::Sasl2(Sasl2Class::Continue | Sasl2Class::TaskData),
            ),
        ) => close(CloseCause::Authentication),

        // What the mechanism cannot come to is a defect of the driver, and no progress.
        (Computing | Continuing | ComputingTask, Input::Sasl(_)) => {
            (at(Aborting), order(C::SendAbort(profile)))
        }
        (_, input) => common(at(exchange), input),
    }
}

/// What the verified `<success/>` leads to.
fn verified(
    policy: StreamPolicy,
    profile: SaslProfile,
    result: Input,
    phase: InitiatingPhase,
) -> (InitiatingPhase, Output<C>) {
    use InitiatingPhase as P;
    let authenticated = notify(Notice::Authenticated, Command::Wait);
    match (profile, result) {
        (SaslProfile::Sasl, Input::Sasl(SaslResult::Done)) => {
            let open = Command::Role(C::OpenStream(StreamLevel::Authenticated));
            (
                P::AwaitHeader(StreamLevel::Authenticated),
                notify(Notice::Authenticated, open),
            )
        }
        (SaslProfile::Sasl2, Input::Sasl(SaslResult::Completed(outcome))) => match outcome {
            LoginOutcome::Authenticated => {
                (P::AwaitFeatures(StreamLevel::Authenticated), authenticated)
            }
            LoginOutcome::Bound => (P::Bound, authenticated),
            LoginOutcome::Resumed if policy.management == ManagementPolicy::Resume => {
                (P::Resumed, authenticated)
            }
            // Nothing was asked to be resumed.
            LoginOutcome::Resumed => close(CloseCause::Authentication),
        },
        (SaslProfile::Sasl2, Input::Managed(ManagementResult::TooHigh))
            if policy.has_management() =>
        {
            (
                P::Closing(Closing::AwaitFooter(InFlight::Discard)),
                command(Command::Fail(OwnHeader::Sent, ErrorSource::HandledCount)),
            )
        }
        (_, Input::Sasl(_)) => close(CloseCause::Authentication),
        (_, input) => common(phase, input),
    }
}

/// A step after a pipelined `<authenticate/>`, up to the features.
pub(super) fn pipelined(stage: PipelinedStage, input: Input) -> (InitiatingPhase, Output<C>) {
    use InitiatingPhase as P;
    use PipelinedStage::{AwaitFeatures, AwaitHeader};
    match (stage, input) {
        (AwaitHeader, Input::Header(HeaderClass::Valid(VersionClass::Legacy))) => {
            fail(StreamCondition::UnsupportedVersion)
        }
        (AwaitHeader, Input::Header(HeaderClass::Valid(VersionClass::Current))) => (
            P::Pipelined(AwaitFeatures),
            notify(Notice::StreamOpened, Command::Wait),
        ),
        // There is nothing before a header.
        (AwaitHeader, Input::Element(_) | Input::Footer) => (
            P::Closing(Closing::Done),
            command(Command::EndTransport(CloseCause::Internal)),
        ),
        (AwaitFeatures, Input::Element(E::Features(_))) => (
            P::Authenticating(SaslProfile::Sasl2, SaslExchange::Confirming, 0),
            notify(Notice::Features, Command::Role(C::ConfirmOffer)),
        ),
        (stage, input) => common(P::Pipelined(stage), input),
    }
}

/// The input as the profile speaks it: an element of the other one is nobody's.
fn spoken(profile: SaslProfile, input: Input) -> Input {
    let Input::Element(class) = input else {
        return input;
    };
    Input::Element(match (profile, class) {
        (SaslProfile::Sasl2, E::Sasl2(Sasl2Class::Challenge)) => E::Challenge,
        (SaslProfile::Sasl2, E::Sasl2(Sasl2Class::Success)) => E::Success,
        (SaslProfile::Sasl2, E::Sasl2(Sasl2Class::Failure)) => E::SaslFailure,
        (SaslProfile::Sasl2, E::Challenge | E::Success | E::SaslFailure)
        | (SaslProfile::Sasl, E::Sasl2(_)) => E::Other,
        (_, class) => class,
    })
}
