//! Meters the keys of one connection and says when a reset is due.
//!
//! It implements the "when" of RFC 6120 5.3.5 (fresh keys, sequence numbers about to be used up)
//! and of 13.7.2.3 item 1 (certificate expiry). It only advises; the application, or the connection
//! by policy, resets. Revocation (13.7.2.3 item 2) needs a network query, so the application has to
//! find it out. Everything here is arithmetic on [`KeyUsage`]; who counts records is the TLS layer.
//!
//! # How many records a key allows
//!
//! Under TLS 1.2, keys last as long as the connection. The first record under them is the Finished
//! message, number 0, so a limit of `N` leaves `N - 1` records for the application, alerts
//! included. At the limit, rustls sends close_notify and encrypts nothing more, so a stream error
//! could no longer be sent. The advice therefore comes while some records are left, see
//! [`UsagePolicy::reserve_records`].
//!
//! Under TLS 1.3, rustls changes its own sending keys when due. The peer changes the keys that it
//! sends with. A peer that has not done so by the limit gets a reset as well, because nothing else
//! can end the use of those keys without its cooperation.
//!
//! The limit counts records. Whether the *64-bit* sequence number wraps needs no meter of its own:
//! every limit is far lower, and a suite without a limit could not wrap within centuries.

#[cfg(test)]
mod tests;

use core::time::Duration;

use super::ResetCause;
use crate::time::Instant;

/// Says when the stream on one connection should be reset.
///
/// It is made when the handshake is complete, and asked ([`check`](Self::check)) after records were
/// encrypted or decrypted, and when [`deadline`](Self::deadline) has come.
#[derive(Clone, Debug)]
pub struct Usage {
    policy: UsagePolicy,
    since: Instant,
    advised: Option<ResetCause>,
}

impl Usage {
    /// Starts metering keys that were made at `now`.
    #[must_use]
    pub const fn new(policy: UsagePolicy, now: Instant) -> Self {
        Self {
            policy,
            since: now,
            advised: None,
        }
    }

    /// Returns the cause if a reset is due at `now`, with the keys used as `keys` says.
    ///
    /// Advice is given once. Only a more severe cause is reported again (certificate expiry over
    /// the sequence limit over a key refresh), because it changes what a reset does
    /// ([`ResetCause::discards_in_flight`]).
    pub fn check(&mut self, now: Instant, keys: &KeyUsage) -> Option<ResetCause> {
        let due = self.due(now, keys)?;
        if severity(Some(due)) <= severity(self.advised) {
            return None;
        }
        self.advised = Some(due);
        Some(due)
    }

    /// Returns when [`check`](Self::check) would next return a cause without any further record,
    /// and `None` if time alone changes nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        [
            (
                ResetCause::CertificateExpired,
                self.policy.certificate_expires,
            ),
            (ResetCause::KeyRefresh, self.refresh_at()),
        ]
        .into_iter()
        .filter(|(cause, _)| severity(Some(*cause)) > severity(self.advised))
        .filter_map(|(_, at)| at)
        .min()
    }

    /// Returns how many more records may be encrypted before only the reserve is left.
    ///
    /// At zero, no more input of the application should be accepted: the remaining records are for
    /// the stream error, the closing tag and close_notify. Returns `u64::MAX` if the keys have no
    /// limit or rekey themselves.
    #[must_use]
    pub const fn room(&self, keys: &KeyUsage) -> u64 {
        if keys.rekeys_itself || keys.limit == u64::MAX {
            return u64::MAX;
        }
        usable(keys.limit)
            .saturating_sub(keys.records_sent)
            .saturating_sub(keys.records_queued)
            .saturating_sub(self.policy.reserve_records)
    }

    fn due(&self, now: Instant, keys: &KeyUsage) -> Option<ResetCause> {
        let reached = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if reached(self.policy.certificate_expires) {
            Some(ResetCause::CertificateExpired)
        } else if self.records_run_out(keys) {
            Some(ResetCause::SequenceLimit)
        } else if reached(self.refresh_at()) || self.wants_fresh_keys(keys) {
            Some(ResetCause::KeyRefresh)
        } else {
            None
        }
    }

    fn records_run_out(&self, keys: &KeyUsage) -> bool {
        if keys.limit == u64::MAX {
            return false;
        }
        if keys.rekeys_itself {
            // A peer that changes its keys in time does so at the limit, not before. Only past the
            // limit has it failed to.
            return keys.records_received > keys.limit;
        }
        let margin = self
            .policy
            .records_before
            .saturating_add(self.policy.reserve_records);
        let sent = keys.records_sent.saturating_add(keys.records_queued);
        sent.max(keys.records_received).saturating_add(margin) >= usable(keys.limit)
    }

    fn wants_fresh_keys(&self, keys: &KeyUsage) -> bool {
        let reached = |used: u64, bound: Option<u64>| bound.is_some_and(|bound| used >= bound);
        reached(
            keys.records_sent.max(keys.records_received),
            self.policy.records,
        ) || reached(keys.bytes_sent.max(keys.bytes_received), self.policy.bytes)
    }

    fn refresh_at(&self) -> Option<Instant> {
        self.policy.age.map(|age| self.since + age)
    }
}

/// What the keys of a connection have done so far, as the TLS layer counts it.
///
/// Every count is for the current keys and starts again when they change. Each direction has its
/// own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// Records encrypted after the handshake, alerts included.
    pub records_sent: u64,
    /// Records that the queued text will need: one per queued unit and 16,384 bytes. Zero if text
    /// is encrypted as soon as it is sent.
    pub records_queued: u64,
    /// Records decrypted after the handshake.
    pub records_received: u64,
    /// Bytes of plaintext encrypted.
    pub bytes_sent: u64,
    /// Bytes of plaintext decrypted.
    pub bytes_received: u64,
    /// The confidentiality limit of the negotiated suite, in records, those of the handshake
    /// included; `u64::MAX` if it has none.
    pub limit: u64,
    /// Whether the TLS layer changes its sending keys by itself when they are used up (TLS 1.3).
    pub rekeys_itself: bool,
}

impl KeyUsage {
    /// Returns unused keys of a suite that protects up to `limit` records per key (`u64::MAX`: no
    /// limit). `rekeys_itself` is as the field says.
    #[must_use]
    pub const fn new(limit: u64, rekeys_itself: bool) -> Self {
        Self {
            records_sent: 0,
            records_queued: 0,
            records_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            limit,
            rekeys_itself,
        }
    }
}

/// When [`Usage`] advises a reset. By default that is close to the limit of the suite, and at no
/// age, byte count or date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsagePolicy {
    /// How many records before the limit (and the reserve) the advice comes: what the application
    /// may still send between advice and reset. The default is 65,536, a 256th of what AES-GCM
    /// allows.
    pub records_before: u64,
    /// Records kept for what must still be sent at the very end: the stream error with the closing
    /// tag, close_notify, and the replies of the connection itself. The default is 16.
    ///
    /// [`KeyUsage::records_queued`] counts text that waits in a queue. A caller that does not count
    /// it reserves records for it: [`reserve_for`](Self::reserve_for).
    pub reserve_records: u64,
    /// Advise a reset after this many records in either direction; `None` (default): only the limit
    /// of the suite counts.
    pub records: Option<u64>,
    /// Advise a reset after this many bytes of plaintext in either direction; `None` (default):
    /// never.
    pub bytes: Option<u64>,
    /// Advise a reset when the connection has this age; `None` (default): never.
    ///
    /// The age counts from the handshake, also under TLS 1.3, because a KeyUpdate derives new keys
    /// from old ones, while a reset agrees on new ones.
    pub age: Option<Duration>,
    /// When the first certificate of the peer's chain expires, on the clock that `now` comes from;
    /// `None` (default): not known (RFC 6120 13.7.2.3).
    ///
    /// A clock that stands still while the machine sleeps makes this too late. Start a new
    /// [`Usage`] after waking up then.
    pub certificate_expires: Option<Instant>,
}

impl UsagePolicy {
    /// Returns the records to reserve if up to `outbox_bytes` of text may wait unencrypted without
    /// being counted in [`KeyUsage::records_queued`]: the default reserve, and one record for every
    /// four bytes, the size of `<a/>`, the smallest element that can be sent.
    ///
    /// One per 16,384 bytes would be too few: each unit sent is encrypted as records of its own, so
    /// a queue of small stanzas needs as many records as it has stanzas.
    #[must_use]
    pub const fn reserve_for(outbox_bytes: usize) -> u64 {
        RESERVE_RECORDS.saturating_add(outbox_bytes.div_ceil(SMALLEST_ELEMENT) as u64)
    }
}

impl Default for UsagePolicy {
    fn default() -> Self {
        Self {
            records_before: 65_536,
            reserve_records: RESERVE_RECORDS,
            records: None,
            bytes: None,
            age: None,
            certificate_expires: None,
        }
    }
}

const RESERVE_RECORDS: u64 = 16;
const SMALLEST_ELEMENT: usize = "<a/>".len();

/// Returns what a limit leaves for records after the handshake: Finished took one.
const fn usable(limit: u64) -> u64 {
    limit.saturating_sub(1)
}

/// Orders advice: a more severe cause is reported after a less severe one.
const fn severity(cause: Option<ResetCause>) -> u8 {
    match cause {
        None => 0,
        Some(ResetCause::NewFeatures | ResetCause::KeyRefresh | ResetCause::Other) => 1,
        Some(ResetCause::SequenceLimit) => 2,
        Some(ResetCause::CertificateExpired | ResetCause::CertificateRevoked) => 3,
    }
}
