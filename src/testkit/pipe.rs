//! One direction of a simulated TCP connection.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::time::Instant;

/// What a reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readable<'a> {
    /// Bytes, at least one. Those that are consumed are gone.
    Bytes(&'a [u8]),
    /// The orderly end.
    Fin,
    /// The connection failed.
    Rst,
    /// Nothing yet.
    Nothing,
}

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PipeEnd {
    /// After the bytes that are on their way.
    Fin,
    /// At once; what is on its way is lost.
    Rst,
}

/// What becomes of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mouth {
    Open,
    /// It is taken, and never arrives.
    Swallows,
    /// Writing fails from this time on; until then it is swallowed.
    FailsAt(Instant),
}

#[derive(Debug)]
struct Segment {
    at: Instant,
    bytes: Vec<u8>,
    /// How many of the bytes are consumed.
    consumed: usize,
}

/// Bytes on their way from one entity to the other.
#[derive(Debug)]
pub(super) struct Pipe {
    segments: VecDeque<Segment>,
    /// How many bytes are on their way or wait to be read.
    in_flight: usize,
    /// How many bytes may be.
    window: usize,
    /// How many bytes the reader has consumed.
    delivered: u64,
    /// No byte at or after this place is read.
    barrier: Option<u64>,
    mouth: Mouth,
    end: Option<(Instant, PipeEnd)>,
    /// Nothing is read before this time.
    stalled_until: Instant,
}

impl Pipe {
    pub(super) const fn new(window: usize) -> Self {
        Self {
            segments: VecDeque::new(),
            in_flight: 0,
            window,
            delivered: 0,
            barrier: None,
            mouth: Mouth::Open,
            end: None,
            stalled_until: Instant::from_millis(0),
        }
    }

    /// How many bytes the writer may put in now; `None` if writing fails.
    pub(super) fn room(&self, now: Instant) -> Option<usize> {
        match self.mouth {
            Mouth::FailsAt(at) if at <= now => None,
            _ => Some(self.window.saturating_sub(self.in_flight)),
        }
    }

    /// Takes bytes that arrive at `at`, or after those before them.
    pub(super) fn put(&mut self, bytes: &[u8], at: Instant) {
        if self.mouth != Mouth::Open || bytes.is_empty() {
            return;
        }
        let at = self.segments.back().map_or(at, |last| last.at.max(at));
        self.in_flight += bytes.len();
        self.segments.push_back(Segment {
            at,
            bytes: bytes.to_vec(),
            consumed: 0,
        });
    }

    /// What can be read now.
    pub(super) fn readable(&self, now: Instant) -> Readable<'_> {
        if let Some((at, PipeEnd::Rst)) = self.end {
            if at <= now {
                return Readable::Rst;
            }
        }
        if now < self.stalled_until {
            return Readable::Nothing;
        }
        match (self.segments.front(), self.end) {
            (Some(segment), _) if segment.at <= now => {
                let bytes = segment.bytes.get(segment.consumed..).unwrap_or_default();
                let most = self.until_barrier().min(bytes.len());
                match bytes.get(..most) {
                    Some([]) | None => Readable::Nothing,
                    Some(bytes) => Readable::Bytes(bytes),
                }
            }
            (None, Some((at, PipeEnd::Fin))) if at <= now => Readable::Fin,
            _ => Readable::Nothing,
        }
    }

    /// Takes out the first `n` bytes of what can be read. Returns whether they were a part of what
    /// was put in at once.
    pub(super) fn consume(&mut self, n: usize) -> bool {
        let Some(segment) = self.segments.front_mut() else {
            return false;
        };
        segment.consumed += n;
        self.in_flight = self.in_flight.saturating_sub(n);
        self.delivered += n as u64;
        let split = segment.consumed < segment.bytes.len();
        if !split {
            self.segments.pop_front();
        }
        split
    }

    /// How many bytes the reader has consumed.
    pub(super) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Lets no byte at or after this place be read; `None` takes the barrier away.
    pub(super) const fn set_barrier(&mut self, barrier: Option<u64>) {
        self.barrier = barrier;
    }

    fn until_barrier(&self) -> usize {
        self.barrier.map_or(usize::MAX, |barrier| {
            usize::try_from(barrier.saturating_sub(self.delivered)).unwrap_or(usize::MAX)
        })
    }

    /// Lets nothing be read before `until`.
    pub(super) fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// Ends the direction after everything that was written. Returns whether it was open.
    pub(super) fn finish(&mut self, at: Instant) -> bool {
        let first = self.end.is_none();
        if first {
            self.end = Some((at, PipeEnd::Fin));
            self.mouth = Mouth::Swallows;
        }
        first
    }

    /// Ends the direction here: what is on its way is lost. The reader learns it at `at`.
    pub(super) fn break_off(&mut self, end: PipeEnd, at: Instant) {
        self.segments.clear();
        self.in_flight = 0;
        self.mouth = match self.mouth {
            Mouth::Open => Mouth::Swallows,
            other => other,
        };
        self.end = match self.end {
            Some((earlier, PipeEnd::Rst)) => Some((earlier.min(at), PipeEnd::Rst)),
            _ => Some((at, end)),
        };
    }

    /// Lets writing fail from `at` on. What was written before is not affected.
    pub(super) fn refuse_writing(&mut self, at: Instant) {
        self.mouth = Mouth::FailsAt(match self.mouth {
            Mouth::FailsAt(earlier) => earlier.min(at),
            Mouth::Open | Mouth::Swallows => at,
        });
    }

    /// Whether there is something that nobody has read.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The next time after `now` at which something changes by itself.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let arrival = self.segments.front().map(|segment| segment.at);
        let end = self.end.map(|(at, _)| at);
        let failure = match self.mouth {
            Mouth::FailsAt(at) => Some(at),
            Mouth::Open | Mouth::Swallows => None,
        };
        [arrival, end, failure, Some(self.stalled_until)]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }
}
