//! The error of a refused limit, and the two range checks that every setter uses.
//!
//! Ranges stand with their setters; this file only compares.

use core::time::Duration;

use thiserror::Error;

/// The error of a setter of [`Limits`](super::Limits): the value is outside the range that the
/// setter names. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{limit} is {given}, must be {minimum} to {maximum}")]
#[non_exhaustive]
pub struct LimitsError {
    /// The limit in kebab-case: `stanza-bytes`.
    pub limit: &'static str,
    /// The value that was refused; in whole milliseconds for a duration.
    pub given: u64,
    /// The lowest value that is accepted.
    pub minimum: u64,
    /// The highest value that is accepted.
    pub maximum: u64,
}

/// Returns `given` if it is in the range.
pub(super) fn within<T>(
    limit: &'static str,
    given: T,
    minimum: T,
    maximum: T,
) -> Result<T, LimitsError>
where
    T: Copy + Ord + TryInto<u64>,
{
    if (minimum..=maximum).contains(&given) {
        return Ok(given);
    }
    let number = |value: T| value.try_into().unwrap_or(u64::MAX);
    Err(LimitsError {
        limit,
        given: number(given),
        minimum: number(minimum),
        maximum: number(maximum),
    })
}

/// Returns `given` if it is in the range of milliseconds, without rounding it.
pub(super) fn time_within(
    limit: &'static str,
    given: Duration,
    minimum: u64,
    maximum: u64,
) -> Result<Duration, LimitsError> {
    let range = Duration::from_millis(minimum)..=Duration::from_millis(maximum);
    if range.contains(&given) {
        return Ok(given);
    }
    Err(LimitsError {
        limit,
        given: u64::try_from(given.as_millis()).unwrap_or(u64::MAX),
        minimum,
        maximum,
    })
}
