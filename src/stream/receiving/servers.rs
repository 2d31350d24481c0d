//! Server Dialback, as the receiving server sees it (XEP-0220 2.2).
//!
//! The first question of dialback takes the place of SASL: no `<auth/>` is
//! taken behind it. None of the questions stops the stream.
//!
//! Choices the XEP leaves open:
//! * A key that is not genuine ends the stream while no other pair is verified,
//!   and is a dialback error (`forbidden`) afterwards (2.2.1).
//! * Answers, that is elements with a `type`, are refused whatever they say:
//!   without XEP-0288 this side asks nothing on this stream (2.2, 4.2).
//! * Where dialback is not to be had the question is answered with
//!   `policy-violation` before TLS and `not-authorized` behind it (2.4), and
//!   SASL stays open.
//! * If no pair was verified in time, it is another server that was slow, or
//!   the application: `remote-connection-failed` (RFC 6120 4.9.3.15).

use super::super::closing::is_proof;
use super::super::policy::Policy;
use super::super::table::{Act, Inbound, Input, Leg, Pair, Tell, act, tell};
use super::super::{
    Closing, DialbackCondition as DialbackError, ElementClass, StreamCondition as Condition,
};
use super::{Output, ReceivingPhase, fail};

/// Whether the input is dialback's.
pub(super) const fn concerns(input: Input) -> bool {
    match input {
        Input::Pair(_) | Input::KeyChecked => true,
        Input::Element(class) => is_proof(class),
        _ => false,
    }
}

/// Such an input while [`Negotiating`](ReceivingPhase::Negotiating),
/// [`Federating`](ReceivingPhase::Federating) or
/// [`Established`](ReceivingPhase::Established).
pub(super) fn dialback(
    policy: Policy,
    phase: ReceivingPhase,
    input: Input,
) -> (ReceivingPhase, Output) {
    use ElementClass as E;
    use ReceivingPhase as P;
    match (phase, input) {
        // Nothing was asked, so nothing is answered.
        (phase, Input::Pair(_) | Input::KeyChecked) if declined(policy, phase).is_some() => {
            super::common(phase, input)
        }
        (phase, Input::Element(question @ (E::DialbackRequest | E::DialbackVerify))) => {
            let order = match question {
                E::DialbackRequest => Act::AskPair,
                _ => Act::CheckKey,
            };
            match (phase, declined(policy, phase)) {
                (phase, Some(error)) => (phase, act(Act::DeclineDialback(error))),
                (P::Negotiating(..), None) => (P::Federating, act(order)),
                (phase, None) => (phase, act(order)),
            }
        }
        (_, Input::Element(E::DialbackResult(_) | E::DialbackVerified)) => {
            fail(Condition::InvalidFrom)
        }
        (P::Federating, Input::Pair(Pair::Accept)) => {
            (P::Established, tell(Tell::Established, Act::AcceptPair))
        }
        (P::Federating, Input::Pair(Pair::Refuse)) => (
            P::Closing(Closing::AwaitFooter(Inbound::Discard)),
            act(Act::RefusePair),
        ),
        (P::Established, Input::Pair(Pair::Accept)) => (phase, act(Act::AcceptPair)),
        (P::Federating | P::Established, Input::Pair(_)) => (phase, act(Act::FailPair)),
        (P::Federating | P::Established, Input::KeyChecked) => (phase, act(Act::SendKeyVerdict)),
        (phase, input) => super::common(phase, input),
    }
}

/// Why dialback is not to be had here.
fn declined(policy: Policy, phase: ReceivingPhase) -> Option<DialbackError> {
    let leg = match phase {
        ReceivingPhase::Negotiating(leg, _) => leg,
        // Where dialback or SASL was begun is its leg.
        _ => policy.security.sasl_leg(),
    };
    match leg {
        _ if policy.has_dialback(leg) => None,
        Leg::Plain => Some(DialbackError::PolicyViolation),
        Leg::Secured | Leg::Authenticated => Some(DialbackError::NotAuthorized),
    }
}
