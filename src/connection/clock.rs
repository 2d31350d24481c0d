//! Deadlines: of the phase, of the negotiation, of a peer that takes no bytes.

use super::link::{Link, Tail};
use super::role::{Position, Stage};
use crate::close::Phase;
use crate::reset::Usage;
use crate::time::Instant;

/// Deadlines, and the present that moves them.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) now: Instant,
    /// Of the phase, or of a step of the end.
    pub(super) phase: Option<Instant>,
    /// Of the whole negotiation.
    pub(super) negotiation: Option<Instant>,
    /// Of the peer's taking bytes: the progress made when it was set.
    pub(super) stall: Option<(u64, Instant)>,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// TCP took no bytes.
    Write,
    /// The phase, or the negotiation as a whole.
    Phase(Phase),
}

impl Link {
    /// Starts the clock of a new phase.
    pub(super) fn enter(&mut self, position: Position) {
        let now = self.clock.now;
        let timeout = match position.stage {
            Stage::Idle | Stage::Negotiating | Stage::Federating => {
                Some(self.limits.phase_timeout())
            }
            Stage::Established => None,
            Stage::PeerClosing | Stage::Closing | Stage::Done => {
                Some(self.limits.closing_timeout())
            }
        };
        self.clock.phase = timeout.map(|timeout| now + timeout);
        // A stream that is being closed needs no reset, and no deadline of it;
        // while the application may send, its keys are counted all the same.
        if !matches!(position.stage, Stage::Established | Stage::PeerClosing) {
            self.usage = None;
            self.due_reset = None;
        }
        if !matches!(position.stage, Stage::Negotiating | Stage::Federating) {
            self.clock.negotiation = None;
            // What is asked would be answered too late.
            self.gate = None;
        }
        if matches!(position.stage, Stage::Closing | Stage::Done) {
            self.federation.lapse();
        }
    }

    /// The next time something happens without input.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.clock.phase,
            self.clock.negotiation,
            self.clock.stall.map(|(_, at)| at),
            self.usage.as_ref().and_then(Usage::deadline),
            self.federation.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Which deadline has passed.
    pub(super) fn overdue(&self, phase: Phase) -> Option<Overdue> {
        let now = self.clock.now;
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if passed(self.clock.stall.map(|(_, at)| at)) {
            Some(Overdue::Write)
        } else if passed(self.clock.phase) {
            Some(Overdue::Phase(phase))
        } else if passed(self.clock.negotiation) {
            Some(Overdue::Phase(Phase::Negotiation))
        } else {
            None
        }
    }

    /// Keeps the clock of a peer that takes no bytes. The last step of the end
    /// has a deadline of its own for that.
    pub(super) fn watch_writing(&mut self) {
        let progress = self.outbox.progress();
        self.clock.stall = match self.clock.stall {
            _ if self.outbox.window().is_empty() || self.tail != Tail::Exchange => None,
            Some((mark, at)) if mark == progress => Some((mark, at)),
            _ => Some((progress, self.clock.now + self.limits.write_stall_timeout())),
        };
    }
}
