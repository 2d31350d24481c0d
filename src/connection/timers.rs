//! Deadlines: one place to set, stop, list and ask them.
//!
//! Time is an argument: [`Timers`] keeps the latest `now` that a poll has given, so that deadlines
//! set during the poll agree with it.

use core::time::Duration;

use crate::time::Instant;

/// What a deadline is for. In the order in which passed deadlines are acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// TCP takes no bytes.
    WriteStall,
    /// The phase of the negotiation.
    Phase,
    /// The negotiation as a whole.
    Negotiation,
    /// Buffers that traffic has made large, and that nothing has used for [`SHRINK_AFTER`].
    Shrink,
}

const TIMERS: [Timer; 4] = [
    Timer::WriteStall,
    Timer::Phase,
    Timer::Negotiation,
    Timer::Shrink,
];

/// How long buffers keep the size that traffic gave them after the last of it. Shorter, and a
/// stream with a stanza every few seconds would allocate for each of them; longer, and idle streams
/// would hold more memory than they need.
const SHRINK_AFTER: Duration = Duration::from_secs(10);

/// The deadlines of a connection, except those of its end, which `Shutdown` owns.
#[derive(Debug)]
pub(super) struct Timers {
    now: Instant,
    deadlines: [Option<Instant>; TIMERS.len()],
    /// When something was received or sent last.
    traffic: Instant,
    /// How many bytes TCP had taken when [`Timer::WriteStall`] was set.
    progress: u64,
}

impl Timers {
    /// Without a deadline, at `now`.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            now,
            deadlines: [None; TIMERS.len()],
            traffic: now,
            progress: 0,
        }
    }

    /// The time of the latest poll.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// Moves time forward. Time that goes backwards is ignored.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Sets a deadline, `timeout` from now.
    pub(super) fn set(&mut self, timer: Timer, timeout: Duration) {
        let at = self.now + timeout;
        if let Some(deadline) = self.deadlines.get_mut(timer as usize) {
            *deadline = Some(at);
        }
    }

    /// Removes a deadline.
    pub(super) fn stop(&mut self, timer: Timer) {
        if let Some(deadline) = self.deadlines.get_mut(timer as usize) {
            *deadline = None;
        }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        earliest(self.deadlines)
    }

    /// The first of the deadlines that has passed.
    pub(super) fn expired(&self) -> Option<Timer> {
        let passed = |timer: &Timer| {
            let at = self.deadlines.get(*timer as usize).copied().flatten();
            at.is_some_and(|at| at <= self.now)
        };
        TIMERS.into_iter().find(|timer| passed(timer))
    }

    /// Records that something was received or sent.
    pub(super) fn record_traffic(&mut self) {
        self.traffic = self.now;
    }

    /// Whether nothing was received or sent for so long.
    pub(super) fn is_silent_for(&self, interval: Duration) -> bool {
        self.traffic + interval <= self.now
    }

    /// When something was received or sent last.
    pub(super) const fn last_traffic(&self) -> Instant {
        self.traffic
    }

    /// Watches buffers that may be made smaller. Returns whether that is due: then there is no
    /// deadline, because they become as small as they can be.
    pub(super) fn watch_buffers(&mut self) -> bool {
        let at = self.traffic + SHRINK_AFTER;
        let [.., shrink] = &mut self.deadlines;
        *shrink = (at > self.now).then_some(at);
        shrink.is_none()
    }

    /// Watches a transport that has bytes to take, and has taken `progress` bytes so far (`None` if it
    /// has none to take): the deadline starts anew whenever it has taken some.
    pub(super) fn watch_writing(&mut self, progress: Option<u64>, timeout: Duration) {
        let Some(progress) = progress else {
            return self.stop(Timer::WriteStall);
        };
        self.record_traffic();
        let [stall, ..] = &self.deadlines;
        if stall.is_none() || self.progress != progress {
            self.progress = progress;
            self.set(Timer::WriteStall, timeout);
        }
    }
}

/// The earlier of two deadlines.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The earliest of the deadlines. The end of time is none.
pub(super) fn earliest<const N: usize>(deadlines: [Option<Instant>; N]) -> Option<Instant> {
    let mut first = u64::MAX;
    for deadline in deadlines {
        first = first.min(deadline.map_or(u64::MAX, Instant::as_millis));
    }
    (first != u64::MAX).then(|| Instant::from_millis(first))
}
