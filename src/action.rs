//! What [`poll`](crate::Connection::poll) answers: [`Action`], and how to sleep: [`Wait`].

use core::time::Duration;

use crate::close::CloseTcp;
use crate::event::Event;
use crate::time::Instant;

/// What the driver has to do next.
///
/// The enum is exhaustive on purpose: a new thing to do must be a compile error in every driver.
#[derive(Debug)]
#[must_use = "an action that is not carried out stalls the stream or leaves TCP open"]
pub enum Action<'a> {
    /// Something happened. Let the application look at it, then poll again.
    Event(Event<'a>),
    /// Nothing more can be done now: sleep as told, then poll again.
    Wait(Wait),
    /// End the TCP connection as [`CloseTcp::manner`] says. Every later poll gives the same answer.
    CloseTcp(&'a CloseTcp),
}

/// How long to sleep: until *one* of these comes true, or the application calls into the machine.
///
/// `read: false, write: false, deadline: None` never occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a driver sleeps exactly as told"]
pub struct Wait {
    /// Bytes, or the end, can be read from TCP. `false` while the machine has no room (backpressure) or
    /// has seen the end.
    pub read: bool,
    /// TCP takes bytes of [`transmit`](crate::Connection::transmit). `false` while there are none.
    pub write: bool,
    /// This time has come; a time that has passed means: poll again at once. A poll at the deadline
    /// makes progress.
    pub deadline: Option<Instant>,
}

impl Wait {
    /// Returns how long it is from `now` to the deadline; zero if it has passed.
    #[must_use]
    pub fn timeout(&self, now: Instant) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(now))
    }
}
