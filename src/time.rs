//! Time as an argument: the machines own no clock.
//!
//! Every call that may act takes an [`Instant`]: milliseconds since an origin
//! of the driver's choice. An instant earlier than one already seen is taken
//! for the later one, so a clock that steps back delays deadlines and breaks
//! nothing. Wall-clock time is needed for certificates alone and comes from
//! rustls's `TimeProvider`.

use core::{ops::Add, time::Duration};

/// A point in time: milliseconds since an arbitrary origin.
///
/// Two instants compare only if they come from the same clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant `milliseconds` after the clock's origin.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the clock's origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Saturating, and rounded up to the next millisecond: a deadline never comes
/// early.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self(
            self.0
                .saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)),
        )
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
    /// A clock whose origin is now.
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

    /// The present.
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
    fn a_deadline_never_comes_early() {
        let start = Instant::from_millis(5);
        assert_eq!(start + Duration::from_micros(1), Instant::from_millis(6));
        assert_eq!(start + Duration::MAX, Instant::from_millis(u64::MAX));
    }
}
