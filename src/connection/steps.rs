//! The steps of a poll, and the order in which they are tried. A step is added here and in
//! `Machine::try_step`; a test states why the order is as it is.

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
    /// What follows an event that the application has seen: above all, the answer to the peer's
    /// closing tag.
    Resume,
    /// A deadline that has passed.
    Deadline,
    /// The reset that the key meter wants.
    DueReset,
    /// The check of the keys' usage.
    KeyUsage,
    /// Acknowledgements that are due (XEP-0198).
    Management,
    /// A keepalive that is due.
    Keepalive,
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
pub(super) const STEPS: [Step; 14] = [
    Step::Abort,
    Step::Begin,
    Step::Shutdown,
    Step::Request,
    Step::Resume,
    Step::Deadline,
    Step::DueReset,
    Step::KeyUsage,
    Step::Management,
    Step::Keepalive,
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
                Step::Resume,
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
                Step::Management,
                Step::Read,
                "nor the end of one that acknowledges nothing",
            ),
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
