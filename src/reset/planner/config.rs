//! The parameters of a planner.

use core::time::Duration;

/// The parameters of a [`Planner`](super::Planner). Delays are drawn in whole milliseconds.
///
/// A setter that cannot keep a value refuses it; none changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct PlannerConfig {
    pub(super) first_delay: Duration,
    pub(super) reset_delay: Duration,
    /// At least [`MIN_MAX_DELAY`].
    pub(super) max_delay: Duration,
    pub(super) stable_after: Duration,
    pub(super) max_resets: u32,
    pub(super) max_redirects: u8,
    pub(super) max_refusals: u32,
    pub(super) max_attempts: Option<u32>,
    pub(super) max_time: Option<Duration>,
}

impl PlannerConfig {
    /// Returns the defaults that the setters name.
    pub const fn new() -> Self {
        Self {
            first_delay: Duration::from_secs(60),
            reset_delay: Duration::from_secs(5),
            max_delay: Duration::from_secs(600),
            stable_after: Duration::from_secs(60),
            max_resets: 10,
            max_redirects: 5,
            max_refusals: 5,
            max_attempts: None,
            max_time: None,
        }
    }

    /// Sets the ceiling of the first delay after an unexpected loss. The default is 60 s, the span
    /// that RFC 6120 3.3 recommends. A shorter one suits a single user; a large number of clients
    /// of one server needs the default.
    pub const fn with_first_delay(self, first_delay: Duration) -> Self {
        Self {
            first_delay,
            ..self
        }
    }

    /// Sets the ceiling of the first delay after a reset or a redirect. The default is 5 s; zero is
    /// allowed.
    pub const fn with_reset_delay(self, reset_delay: Duration) -> Self {
        Self {
            reset_delay,
            ..self
        }
    }

    /// Sets the ceiling that applies to every delay, in addition to the one that fits its occasion.
    /// The default is 600 s.
    ///
    /// # Errors
    ///
    /// [`PlannerConfigError`] for less than a millisecond. Because delays are whole milliseconds,
    /// that would switch back-off off (RFC 6120 3.3).
    pub fn with_max_delay(self, max_delay: Duration) -> Result<Self, PlannerConfigError> {
        if max_delay < MIN_MAX_DELAY {
            return Err(PlannerConfigError { given: max_delay });
        }
        Ok(Self { max_delay, ..self })
    }

    /// Sets how long a stream must stay established before the planner forgets earlier failures:
    /// back-off, resets and redirects then count from zero. The default is 60 s.
    pub const fn with_stable_after(self, stable_after: Duration) -> Self {
        Self {
            stable_after,
            ..self
        }
    }

    /// Sets how many resets in a row are followed by another attempt; the next one gives up
    /// ([`GiveUp::TooManyResets`](super::GiveUp::TooManyResets)). The default is 10. A stream that was established for
    /// [`with_stable_after`](Self::with_stable_after) starts the count again.
    pub const fn with_max_resets(self, max_resets: u32) -> Self {
        Self { max_resets, ..self }
    }

    /// Sets how many redirects in a row are followed; the next one gives up
    /// ([`GiveUp::TooManyRedirects`](super::GiveUp::TooManyRedirects)). The default is 5, the most that RFC 6120 4.9.3.19 names. See
    /// also `Limits::redirects`.
    pub const fn with_max_redirects(self, max_redirects: u8) -> Self {
        Self {
            max_redirects,
            ..self
        }
    }

    /// Sets how many refusals in a row are followed by another attempt; the next one gives up
    /// ([`GiveUp::Refused`](super::GiveUp::Refused)). The default is 5. A refusal is a permanent failure
    /// ([`Disconnect::prospect`](super::Disconnect::prospect)) that anyone on the path could have
    /// caused, or that a mistake on the peer's side may explain, so it is not believed at once. Of
    /// several hosts of the peer ([`Planner::set_targets`](super::Planner::set_targets)) each is tried before the planner gives up.
    pub const fn with_max_refusals(self, max_refusals: u32) -> Self {
        Self {
            max_refusals,
            ..self
        }
    }

    /// Sets how many attempts are planned in total until a stream has been established for
    /// [`with_stable_after`](Self::with_stable_after); then the planner gives up
    /// ([`GiveUp::TooManyAttempts`](super::GiveUp::TooManyAttempts)). The default, `None`, sets no bound, as a program that nobody
    /// watches needs it.
    pub const fn with_max_attempts(self, max_attempts: Option<u32>) -> Self {
        Self {
            max_attempts,
            ..self
        }
    }

    /// Sets for how long attempts are planned in total, from the first failure until a stream has been
    /// established for [`with_stable_after`](Self::with_stable_after); an attempt that would be later
    /// is given up ([`GiveUp::TooLong`](super::GiveUp::TooLong)). The default, `None`, sets no bound.
    pub const fn with_max_time(self, max_time: Option<Duration>) -> Self {
        Self { max_time, ..self }
    }
}

/// The least value of [`PlannerConfig::with_max_delay`]: the unit in which delays are drawn.
const MIN_MAX_DELAY: Duration = Duration::from_millis(1);

/// The error of [`PlannerConfig::with_max_delay`]. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("max-delay is {given:?}, must be at least 1 ms")]
#[non_exhaustive]
pub struct PlannerConfigError {
    /// The value that was refused.
    pub given: Duration,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self::new()
    }
}
