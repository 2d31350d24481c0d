//! Server Dialback, as the initiating server sees it (XEP-0220 2.1).
//!
//! An answer reaches this table only if it was asked for: the reader of the element has compared
//! its addresses and its id with what is outstanding. Any other answer is a refused element
//! (`invalid-from`), and so are dialback requests of the peer. Because XEP-0288 is not supported,
//! those belong on a connection that the peer opens (XEP-0220 2.2).
//!
//! A pair that is refused, or not decided, ends the stream, because this side asks for one pair
//! only.

use super::super::policy::{DialbackPolicy, StreamPolicy};
use super::super::table::{CloseCause, Command, InitiatingCommand, Notice, Output, notify};
use super::super::{ElementClass, PairAnswer, StreamCondition};
use super::phase::{InitiatingPhase, close, established, fail};

/// An element of dialback while [`Federating`](InitiatingPhase::Federating) or
/// [`Established`](InitiatingPhase::Established).
pub(super) fn dialback(
    policy: StreamPolicy,
    phase: InitiatingPhase,
    class: ElementClass,
) -> (InitiatingPhase, Output<InitiatingCommand>) {
    use ElementClass as E;
    use InitiatingPhase as P;
    match (phase, class) {
        (P::Federating, E::DialbackResult(answer))
            if policy.dialback == DialbackPolicy::Allowed =>
        {
            match answer {
                PairAnswer::Valid => established(),
                PairAnswer::Failed => close(CloseCause::Authentication),
            }
        }
        (phase, E::DialbackVerified) => (phase, notify(Notice::KeyVerdict, Command::Wait)),
        (_, E::DialbackResult(_)) => fail(StreamCondition::InvalidFrom),
        _ => fail(StreamCondition::UnsupportedStanzaType),
    }
}
