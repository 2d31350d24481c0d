//! The steps of a poll, and the order in which they are tried. A step is added here and in
//! `Connection::try_step`; a test states why the order is as it is.

use super::Connection;
use super::role::Negotiation;
use crate::stream::Notice;

/// One step of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The application's abort.
    Abort,
    /// The first step of the table.
    Begin,
    /// The end, after the streams are over.
    Shutdown,
    /// The application's request to end the stream.
    Request,
    /// The answer to the peer's closing tag, after the application has seen the event.
    PeerClosing,
    /// A deadline that has passed.
    Deadline,
    /// The reset that the key meter wants.
    DueReset,
    /// The check of the keys' usage.
    KeyUsage,
    /// The pending decision: its announcement, then its answer.
    Decision,
    /// Domain pairs and requests between servers.
    S2s,
    /// A slice of the SASL mechanism's work.
    Mechanism,
    /// The next frame or record.
    Read,
}

/// The order in which a turn tries its steps.
///
/// An abort comes before everything, and the end before all that belongs to a stream. What the
/// application has requested comes before deadlines, because its request was made before this poll.
/// Everything that is due by itself comes before reading, so that a peer that sends without a pause
/// cannot hold it up.
const STEPS: [Step; 12] = [
    Step::Abort,
    Step::Begin,
    Step::Shutdown,
    Step::Request,
    Step::PeerClosing,
    Step::Deadline,
    Step::DueReset,
    Step::KeyUsage,
    Step::Decision,
    Step::S2s,
    Step::Mechanism,
    Step::Read,
];

/// The result of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be more to do.
    Continue,
    /// Nothing more can be done now.
    Idle,
    /// The application is told.
    Report(Notice),
}

/// How much costly work one poll may do.
pub(super) struct Budget {
    /// Slices of key derivation.
    pub(super) derivations: u8,
    /// TLS handshake records.
    pub(super) handshake_records: u8,
}

impl<R: Negotiation> Connection<R> {
    /// One turn of the loop: the first step that has something to do does it.
    ///
    /// It is written out because the compiler then takes out of `try_step` what each step needs. A
    /// loop costs more than the steps, of which nearly all have nothing to do.
    pub(super) fn turn(&mut self, budget: &mut Budget) -> Progress {
        if self.shutdown.is_closed() {
            return Progress::Idle;
        }
        let at = self.role.position();
        let [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12] = STEPS;
        self.try_step(s1, at, budget)
            .or_else(|| self.try_step(s2, at, budget))
            .or_else(|| self.try_step(s3, at, budget))
            .or_else(|| self.try_step(s4, at, budget))
            .or_else(|| self.try_step(s5, at, budget))
            .or_else(|| self.try_step(s6, at, budget))
            .or_else(|| self.try_step(s7, at, budget))
            .or_else(|| self.try_step(s8, at, budget))
            .or_else(|| self.try_step(s9, at, budget))
            .or_else(|| self.try_step(s10, at, budget))
            .or_else(|| self.try_step(s11, at, budget))
            .or_else(|| self.try_step(s12, at, budget))
            .unwrap_or(Progress::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::{STEPS, Step};

    fn place(step: Step) -> usize {
        STEPS
            .iter()
            .position(|other| *other == step)
            .expect("every step is tried")
    }

    #[test]
    fn the_order_of_steps_keeps_its_promises() {
        // Each step once.
        for (index, step) in STEPS.iter().enumerate() {
            assert_eq!(place(*step), index);
        }
        for (first, later, why) in [
            (Step::Abort, Step::Shutdown, "an abort overrides the end"),
            (
                Step::Shutdown,
                Step::Request,
                "after the streams nothing is requested of them",
            ),
            (
                Step::Request,
                Step::PeerClosing,
                "the application may still fail a closed stream",
            ),
            (
                Step::Request,
                Step::Deadline,
                "a request was made before the deadline was seen",
            ),
            (
                Step::Deadline,
                Step::Decision,
                "a decision does not hold up its deadline",
            ),
            (
                Step::DueReset,
                Step::Read,
                "a peer that sends cannot hold up a reset",
            ),
            (Step::KeyUsage, Step::Read, "nor its advice"),
            (
                Step::Mechanism,
                Step::Read,
                "SASL's work comes before what follows it",
            ),
        ] {
            assert!(
                place(first) < place(later),
                "{first:?} before {later:?}: {why}"
            );
        }
    }
}
