//! Refused limits, and the checks that refuse them.

use core::time::Duration;

use thiserror::Error;

/// A limit outside the range its setter names. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{limit} is {given}, must be {minimum} to {maximum}")]
#[non_exhaustive]
pub struct LimitsError {
    /// The limit in kebab-case: `stanza-bytes`.
    pub limit: &'static str,
    /// The value refused; milliseconds for a duration.
    pub given: u64,
    /// The least value accepted.
    pub minimum: u64,
    /// The greatest value accepted.
    pub maximum: u64,
}

/// `given`, if it is in the range.
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

/// The same for a duration, with the range in milliseconds. What is accepted
/// is cut to whole milliseconds.
pub(super) fn time_within(
    limit: &'static str,
    given: Duration,
    minimum: u64,
    maximum: u64,
) -> Result<Duration, LimitsError> {
    let millis = u64::try_from(given.as_millis()).unwrap_or(u64::MAX);
    within(limit, millis, minimum, maximum).map(Duration::from_millis)
}
