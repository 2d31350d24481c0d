//! The use of the TLS keys of an established stream: when a reset is advised, when the machine sends
//! one by itself, and how many records the application may still use. When a reset is advised is decided
//! in `reset::Usage`; this file only feeds it and keeps its advice.

use super::outbound::Outbound;
use crate::reset::{KeyUsage, ResetCause, Usage, UsagePolicy};
use crate::time::Instant;
use crate::tls;

/// Meters the keys while a stream is established under TLS.
#[derive(Debug, Default)]
pub(super) struct KeyMeter {
    usage: Option<Usage>,
    /// What was advised last.
    advised: Option<ResetCause>,
    /// A reset that the machine sends at the next poll.
    due: Option<ResetCause>,
}

impl KeyMeter {
    /// Starts to meter.
    pub(super) fn start(&mut self, policy: UsagePolicy, now: Instant) {
        self.usage = Some(Usage::new(policy, now));
    }

    /// Stops: a stream that is being closed needs no reset.
    pub(super) fn stop(&mut self) {
        self.usage = None;
        self.due = None;
    }

    /// Checks the usage. Returns whether there is something new to advise.
    pub(super) fn check(
        &mut self,
        now: Instant,
        session: Option<&tls::TlsSession>,
        out: &Outbound,
    ) -> bool {
        let (Some(usage), Some(session)) = (&mut self.usage, session) else {
            return false;
        };
        let Some(cause) = usage.check(now, &key_usage(session, out)) else {
            return false;
        };
        self.advised = Some(cause);
        if cause == ResetCause::SequenceLimit {
            self.due = Some(cause);
        }
        true
    }

    /// What was advised last.
    pub(super) const fn advised(&self) -> Option<ResetCause> {
        self.advised
    }

    /// The reset that is due, once.
    pub(super) fn take_due(&mut self) -> Option<ResetCause> {
        self.due.take()
    }

    /// The next time at which a check has something to advise without traffic.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.usage.as_ref().and_then(Usage::deadline)
    }

    /// How many records the application may still use, beside the reserve; `None` if there is no
    /// limit.
    pub(super) fn room(&self, session: Option<&tls::TlsSession>, out: &Outbound) -> Option<u64> {
        let keys = key_usage(session?, out);
        match self.usage.as_ref()?.room(&keys) {
            u64::MAX => None,
            room => Some(room),
        }
    }
}

fn key_usage(session: &tls::TlsSession, out: &Outbound) -> KeyUsage {
    let counters = session.counters();
    let mut keys = KeyUsage::new(counters.limit, counters.rekeys_itself);
    keys.records_sent = counters.records_sent;
    keys.records_received = counters.records_received;
    keys.records_queued = out.units();
    keys.bytes_sent = counters.bytes_sent;
    keys.bytes_received = counters.bytes_received;
    keys
}
