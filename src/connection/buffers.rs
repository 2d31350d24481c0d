//! When the memory of buffers is given back.
//!
//! Buffers keep the size that traffic gave them, so that a steady flow allocates nothing. They are
//! given back once when the stream is established, because negotiation needs larger ones, and from
//! then on at a deadline, `Timer::Shrink`, ten seconds after the last traffic, at which a driver that
//! sleeps as told polls anyway. The deadline moves with the traffic and is not set again before more of
//! it, so an idle connection wakes its driver once.

use super::inbound::Inbound;
use super::management::Management;
use super::outbound::Outbound;
use super::timers::{Timer, Timers};
use super::transport::Transport;

/// What the buffers of an established stream may keep for good, in bytes.
const IDLE_BYTES: usize = 1024;

/// The parts of a connection that have buffers.
pub(super) struct Buffers<'a> {
    pub(super) inbound: &'a mut Inbound,
    pub(super) outbound: &'a mut Outbound,
    pub(super) transport: &'a mut Transport,
    pub(super) management: Option<&'a mut Management>,
}

impl Buffers<'_> {
    /// Has buffers that traffic has made large given back, once nothing has used them for a while.
    #[inline]
    pub(super) fn watch(&mut self, timers: &mut Timers, is_established: bool) {
        // While bytes wait for TCP, the outbox is in use, and has a deadline of its own.
        let may_shrink =
            is_established && self.outbound.transmit().is_empty() && self.allocated() > IDLE_BYTES;
        if !may_shrink {
            timers.stop(Timer::Shrink);
        } else if timers.watch_buffers() {
            self.shrink();
        }
    }

    /// How many bytes are allocated.
    #[inline]
    fn allocated(&self) -> usize {
        let management = self.management.as_ref().map_or(0, |sm| sm.allocated());
        self.inbound.allocated()
            + self.outbound.allocated()
            + self.transport.allocated()
            + management
    }

    /// Gives back memory that is not in use, with the element that was read last.
    pub(super) fn release(&mut self) {
        self.inbound.release_frame();
        self.shrink();
    }

    /// Gives back memory that is not in use.
    fn shrink(&mut self) {
        self.inbound.shrink();
        self.outbound.shrink();
        self.transport.shrink();
        if let Some(management) = &mut self.management {
            management.shrink();
        }
    }
}
