//! Server Dialback, as the receiving server sees it (XEP-0220 2.2).
//!
//! The first dialback element takes the place of SASL: no `<auth/>` is accepted after it. No
//! dialback element stops the stream.
//!
//! Choices that the XEP leaves open:
//! * A key that is not genuine ends the stream while no other pair is verified, and is answered with
//!   a dialback error (`forbidden`) afterwards (XEP-0220 2.2.1).
//! * Answers, that is elements with a `type`, are refused whatever they say. Because XEP-0288 is not
//!   supported, this side asks nothing on this stream (XEP-0220 2.2, 4.2).
//! * Where dialback is not offered it is answered with `policy-violation` before TLS and
//!   `not-authorized` after it (XEP-0220 2.4), and SASL stays open.
//! * If no pair was verified in time, another server or the application was slow:
//!   `remote-connection-failed` (RFC 6120 4.9.3.15).

use super::super::closing::is_peer_authentication;
use super::super::policy::StreamPolicy;
use super::super::table::{
    Command, InFlight, Input, Notice, Output, PairResult, ReceivingCommand as C, StreamLevel,
    notify, order,
};
use super::super::{Closing, DialbackCondition, ElementClass, StreamCondition};
use super::phase::{ReceivingPhase, common, fail};

/// Whether the input is dialback's.
pub(super) const fn concerns(input: Input) -> bool {
    match input {
        Input::Pair(_) | Input::KeyChecked => true,
        Input::Element(class) => is_peer_authentication(class),
        _ => false,
    }
}

/// Such an input while [`Negotiating`](ReceivingPhase::Negotiating),
/// [`Federating`](ReceivingPhase::Federating) or
/// [`Established`](ReceivingPhase::Established).
pub(super) fn dialback(
    policy: StreamPolicy,
    phase: ReceivingPhase,
    input: Input,
) -> (ReceivingPhase, Output<C>) {
    use ElementClass as E;
    use ReceivingPhase as P;
    match (phase, input) {
        // Nothing was asked, so nothing is answered.
        (phase, Input::Pair(_) | Input::KeyChecked) if declined(policy, phase).is_some() => {
            common(phase, input)
        }
        (phase, Input::Element(question @ (E::DialbackRequest | E::DialbackVerify))) => {
            let check = match question {
                E::DialbackRequest => C::AskPair,
                _ => C::CheckKey,
            };
            match (phase, declined(policy, phase)) {
                (phase, Some(error)) => (phase, order(C::DeclineDialback(error))),
                (P::Negotiating(..), None) => (P::Federating, order(check)),
                (phase, None) => (phase, order(check)),
            }
        }
        (_, Input::Element(E::DialbackResult(_) | E::DialbackVerified)) => {
            fail(StreamCondition::InvalidFrom)
        }
        (P::Federating, Input::Pair(PairResult::Accept)) => (
            P::Established,
            notify(Notice::Established, Command::Role(C::AcceptPair)),
        ),
        (P::Federating, Input::Pair(PairResult::Refuse)) => (
            P::Closing(Closing::AwaitFooter(InFlight::Discard)),
            order(C::RefusePair),
        ),
        (P::Established, Input::Pair(PairResult::Accept)) => (phase, order(C::AcceptPair)),
        (P::Federating | P::Established, Input::Pair(_)) => (phase, order(C::FailPair)),
        (P::Federating | P::Established, Input::KeyChecked) => (phase, order(C::SendKeyVerdict)),
        (phase, input) => common(phase, input),
    }
}

/// Why dialback is not to be had here.
fn declined(policy: StreamPolicy, phase: ReceivingPhase) -> Option<DialbackCondition> {
    let level = match phase {
        ReceivingPhase::Negotiating(level, _) => level,
        // Where dialback or SASL was begun is its level.
        _ => policy.security.sasl_level(),
    };
    match level {
        _ if policy.has_dialback(level) => None,
        StreamLevel::Plain => Some(DialbackCondition::PolicyViolation),
        StreamLevel::Secured | StreamLevel::Authenticated => Some(DialbackCondition::NotAuthorized),
    }
}
