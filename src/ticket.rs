//! What names one element that was sent: [`Ticket`].

use core::num::NonZeroU64;

/// Names one [`send`](crate::Session::send). Later ones compare greater, also on a stream that
/// resumes the session of an earlier one (XEP-0198 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(NonZeroU64);

impl Ticket {
    /// The ticket of this number, counted from 1.
    pub(crate) fn nth(number: u64) -> Self {
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }

    /// Returns the ticket of this number for tests of code that handles one. Numbers are counted from
    /// 1, and 0 counts as 1.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn for_testing(number: u64) -> Self {
        Self::nth(number)
    }

    /// The number of the ticket.
    pub(crate) const fn number(self) -> u64 {
        self.0.get()
    }
}
