//! Server Dialback, as the initiating server sees it (XEP-0220 2.1).
//!
//! Answers come here only if they are asked for: who reads the element has
//! compared its addresses and id with what is outstanding. An answer to
//! nothing is a refused element (`invalid-from`), as are the questions of a
//! peer that we are connected *to*: without XEP-0288 they belong on a
//! connection of its own (2.2).
//!
//! A pair that is refused, or not decided, ends the stream, since this side
//! asks for one pair only.

use super::super::policy::{Dialback, Policy};
use super::super::table::{Act, Cause, Tell, tell};
use super::super::{ElementClass, PairAnswer, StreamCondition as Condition};
use super::{InitiatingPhase, Output, close, established, fail};

/// An element of dialback while [`Federating`](InitiatingPhase::Federating) or
/// [`Established`](InitiatingPhase::Established).
pub(super) fn dialback(
    policy: Policy,
    phase: InitiatingPhase,
    class: ElementClass,
) -> (InitiatingPhase, Output) {
    use ElementClass as E;
    use InitiatingPhase as P;
    match (phase, class) {
        (P::Federating, E::DialbackResult(answer)) if policy.dialback == Dialback::Allowed => {
            match answer {
                PairAnswer::Valid => established(),
                PairAnswer::Failed => close(Cause::Authentication),
            }
        }
        (phase, E::DialbackVerified) => (phase, tell(Tell::KeyVerdict, Act::Wait)),
        (_, E::DialbackResult(_)) => fail(Condition::InvalidFrom),
        _ => fail(Condition::UnsupportedStanzaType),
    }
}
