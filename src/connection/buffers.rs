//! The memory of buffers, and when it is given back.
//!
//! Buffers keep the size that traffic gave them, so that a steady flow allocates nothing. They are
//! given back once when the stream is established, because negotiation needs larger ones, and from
//! then on at a deadline of the connection, [`Timer::Shrink`], ten seconds after the last traffic: a
//! driver that sleeps as told polls at it anyway. The deadline moves with the traffic and is not set
//! again before there is more of it, so an idle connection wakes its driver once.

use super::Connection;
use super::role::{Negotiation, Stage};
use super::timers::Timer;
use crate::stream::{Notice, PeerHeader};

/// What the buffers of an established stream may keep for good, in bytes.
const IDLE_BYTES: usize = 1024;

impl<R: Negotiation> Connection<R> {
    /// Gives back what only the negotiation needed when it ends, and watches the buffers whenever the
    /// connection waits.
    pub(super) fn size_buffers(&mut self, notice: Option<Notice>) {
        match notice {
            Some(Notice::Established) => {
                self.shrink();
                self.transport.forget_bindings();
                if self.s2s.is_none() {
                    self.peer = PeerHeader::NONE;
                }
            }
            Some(_) => {}
            None => self.watch_buffers(),
        }
    }

    /// Has buffers that traffic has made large given back, once nothing has used them for a while.
    fn watch_buffers(&mut self) {
        // While bytes wait for TCP, the outbox is in use, and has a deadline of its own.
        let may_shrink = self.role.position().stage == Stage::Established
            && self.outbound.transmit().is_empty()
            && self.allocated() > IDLE_BYTES;
        if !may_shrink {
            self.timers.stop(Timer::Shrink);
        } else if self.timers.watch_buffers() {
            self.shrink();
        }
    }

    /// How many bytes the buffers have allocated.
    fn allocated(&self) -> usize {
        self.inbound.allocated() + self.outbound.allocated() + self.transport.allocated()
    }

    /// Gives back memory that is not in use.
    fn shrink(&mut self) {
        self.inbound.shrink();
        self.outbound.shrink();
        self.transport.shrink();
    }
}
