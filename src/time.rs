//! Time as an argument: the machines have no clock.
//!
//! Every call that may act takes an [`Instant`]: milliseconds since an origin that the driver
//! chooses. An instant earlier than one already given counts as the later one, so a clock that
//! steps back delays deadlines and breaks nothing. Wall-clock time is needed only for certificates,
//! and comes from rustls's `TimeProvider`. Nothing else in the crate may read a clock; [`StdClock`]
//! is for drivers.

use core::ops::Add;
use core::time::Duration;

/// A point in time: milliseconds since an arbitrary origin.
///
/// Two instants can be compared only if they come from the same clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Returns the instant `milliseconds` after the clock's origin.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Returns the milliseconds since the clock's origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns how long after `earlier` this is, and zero if it is not after it.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates, and rounds up to the next millisecond, so that a deadline is never too early.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let part = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
        let millis = duration.as_secs().saturating_mul(1000).saturating_add(part);
        Self(self.0.saturating_add(millis))
    }
}

/// The operating system's monotonic clock as a source of [`Instant`]s.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct StdClock {
    origin: std::time::Instant,
}

#[cfg(feature = "std")]
impl StdClock {
    /// Returns a clock whose origin is now.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads a clock"
    )]
    pub fn new() -> Self {
        Self {
            origin: std::time::Instant::now(),
        }
    }

    /// Returns the current instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        let elapsed = self.origin.elapsed().as_millis();
        Instant(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

#[cfg(feature = "std")]
impl Default for StdClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_too_early() {
        let start = Instant::from_millis(5);
        assert_eq!(start + Duration::from_micros(1), Instant::from_millis(6));
        assert_eq!(start + Duration::MAX, Instant::from_millis(u64::MAX));
    }
}
