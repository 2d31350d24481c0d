//! What names one element that was sent: [`Ticket`].

/// Names one [`send`](crate::Session::send). Later ones compare greater, also on a stream that
/// resumes the session of an earlier one (XEP-0198 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);
