//! Random delays from a source that may fail.

use core::time::Duration;

use crate::random::Random;

/// Returns a random delay of at most `within`, for spreading one action over many streams: RFC 6120
/// 4.3.5 asks to close them "in a staggered way".
///
/// It is a whole number of milliseconds. If `random` fails, it returns `within`.
#[must_use]
pub fn stagger(random: &(impl Random + ?Sized), within: Duration) -> Duration {
    between(random, Duration::ZERO, within).unwrap_or(within)
}

/// Returns a delay evenly distributed over the milliseconds from `floor` to `ceiling`, both
/// included; `None` if there is no randomness.
pub(super) fn between(
    random: &(impl Random + ?Sized),
    floor: Duration,
    ceiling: Duration,
) -> Option<Duration> {
    // A span beyond 64 bits of milliseconds (half a billion years) is cut.
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let offset = number(random, millis(ceiling.saturating_sub(floor)))?;
    Some(floor.saturating_add(Duration::from_millis(offset)))
}

/// Returns a number from 0 to `most`, both included, evenly distributed; `None` if there is no
/// randomness.
pub(super) fn number(random: &(impl Random + ?Sized), most: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes).ok()?;
    let draw = u128::from(u64::from_le_bytes(bytes));
    // The high half of a 64 by 64 bit product is at most `most`.
    let number = (draw * (u128::from(most) + 1)) >> 64;
    Some(u64::try_from(number).unwrap_or(most))
}
