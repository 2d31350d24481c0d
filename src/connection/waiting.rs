//! What a connection waits for: how its driver sleeps.

use core::time::Duration;

use super::inbound::Inbound;
use super::key_meter::KeyMeter;
use super::management::Management;
use super::outbound::Outbound;
use super::s2s::S2s;
use super::shutdown::Shutdown;
use super::timers::{Timers, earliest};
use super::transport::Transport;
use crate::action::Wait;
use crate::time::Instant;

/// The parts of a connection that wait for something.
pub(super) struct Waiting<'a> {
    pub(super) inbound: &'a Inbound,
    pub(super) outbound: &'a Outbound,
    pub(super) transport: &'a Transport,
    pub(super) timers: &'a Timers,
    // What follows waits only in a phase in which its deadline is acted on.
    pub(super) keys: Option<&'a KeyMeter>,
    pub(super) s2s: Option<&'a S2s>,
    pub(super) management: Option<&'a Management>,
    /// After how much time without traffic the peer is tried.
    pub(super) keepalive: Option<Duration>,
    pub(super) shutdown: &'a Shutdown,
}

impl Waiting<'_> {
    /// When something was sent or received last, if a reset waits for a quiet moment; `None` while
    /// something is under way in either direction.
    #[inline]
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let is_quiet = self.keys.is_some_and(KeyMeter::awaits_reset)
            && self.outbound.is_empty()
            && !self.inbound.is_partial()
            && self.transport.has_read_all();
        is_quiet.then(|| self.timers.last_traffic())
    }

    /// When the peer is tried, unless there is traffic before (RFC 6120 4.6).
    #[inline]
    pub(super) fn keepalive(&self) -> Option<Instant> {
        let interval = self.keepalive?;
        // What TCP has not taken, and what the peer was asked, have deadlines of their own.
        let is_tried = self.management.is_some_and(Management::has_asked);
        let is_idle = self.outbound.is_empty() && !is_tried;
        is_idle.then(|| self.timers.last_traffic() + interval)
    }

    /// How to sleep; not at all while there is work. The end of the connection has a deadline of its
    /// own, and no other is acted on then.
    #[expect(
        clippy::inline_always,
        reason = "its one caller has all of these parts at hand"
    )]
    #[inline(always)]
    pub(super) fn wait(&self, is_busy: bool) -> Wait {
        let deadlines = [
            is_busy.then(|| self.timers.now()),
            self.timers.next().filter(|_| self.shutdown.is_open()),
            self.shutdown.deadline(),
            self.keepalive(),
            self.keys.and_then(|keys| keys.deadline(self.quiet_since())),
            self.s2s.and_then(S2s::deadline),
            self.management.and_then(Management::deadline),
        ];
        Wait {
            read: self.shutdown.reads() && self.inbound.capacity(self.transport) > 0,
            write: !self.outbound.transmit().is_empty(),
            deadline: earliest(deadlines),
        }
    }
}
