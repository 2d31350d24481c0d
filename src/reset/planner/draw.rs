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
    let mut bytes = [0; 8];
    random.fill(&mut bytes).ok()?;
    let draw = u128::from(u64::from_le_bytes(bytes));
    // A span beyond 64 bits of milliseconds (half a billion years) is cut.
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let span = millis(ceiling.saturating_sub(floor));
    // The high half of a 64 by 64 bit product is at most `span`.
    let offset = (draw * (u128::from(span) + 1)) >> 64;
    let offset = u64::try_from(offset).unwrap_or(span);
    Some(floor.saturating_add(Duration::from_millis(offset)))
}
