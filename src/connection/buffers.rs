//! The memory of buffers, and when it is given back.
//!
//! Buffers keep the size that traffic gave them, so that a steady flow allocates nothing. They are
//! given back once when the stream is established, because negotiation needs larger ones, and from
//! then on at a deadline of the connection, [`Timer::Shrink`]: a driver that sleeps as told polls at
//! it anyway. The deadline moves with the traffic and is not set again before more of it, so an idle
//! connection wakes its driver once.

use super::Connection;
use super::role::{Negotiation, Stage};
use super::timers::Timer;
use crate::stream::Notice;

/// What the buffers of an established stream may keep for good, in bytes.
const IDLE_BYTES: usize = 1024;

impl<R: Negotiation> Connection<R> {
    /// Shrinks buffers at the end of the negotiation, and watches them whenever the connection waits.
    pub(super) fn size_buffers(&mut self, notice: Option<Notice>) {
        match notice {
            Some(Notice::Established) => self.shrink(),
            Some(_) => {}
            None => self.watch_buffers(),
        }
    }

    /// Has buffers that traffic has made large given back, once nothing has used them for a while.
    fn watch_buffers(&mut self) {
        let is_established = self.role.position().stage == Stage::Established;
        let allocated =
            self.inbound.allocated() + self.outbound.allocated() + self.transport.allocated();
        match is_established && allocated > IDLE_BYTES {
            true => self.timers.watch_buffers(),
            false => self.timers.stop(Timer::Shrink),
        }
    }

    /// Gives back memory that is not in use.
    pub(super) fn shrink(&mut self) {
        self.inbound.shrink();
        self.outbound.shrink();
        self.transport.shrink();
    }
}
