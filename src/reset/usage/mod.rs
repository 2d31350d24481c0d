//! Metering the keys of one connection: when a reset is due.
//!
//! Implements the "when" of RFC 6120 5.3.5 (fresh keys, sequence numbers about
//! to be used up) and 13.7.2.3 item 1 (certificate expiry). It only advises;
//! the application, or the connection by policy, resets. Revocation (item 2)
//! needs a network query and is the application's to find out.
//!
//! # How many records a key allows
//!
//! Under TLS 1.2 keys last as long as the connection. The first record under
//! them is the Finished message, number 0, so a limit of `N` leaves `N - 1`
//! records for the application, alerts included. At the limit rustls sends
//! close_notify and encrypts nothing more: a stream error would no longer get
//! out. The advice therefore comes with room left, see
//! [`UsagePolicy::reserve_records`].
//!
//! Under TLS 1.3 rustls changes its own sending keys when due and needs no
//! help. The peer changes the keys it sends with; one that fails to do so by
//! the limit gets a reset, too, since nothing else can end the use of those
//! keys without its cooperation.
//!
//! The limit counts records. Whether the *64-bit* sequence number wraps needs
//! no meter of its own: every limit lies far below, and a suite without a
//! limit could not wrap within centuries.

#[cfg(test)]
mod tests;

use core::time::Duration;

use super::ResetCause;
use crate::time::Instant;

/// Says when the stream on one connection should be reset.
///
/// Made when the handshake is complete; asked ([`check`](Self::check)) after
/// records were sealed or opened and when [`deadline`](Self::deadline) has
/// come.
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

    /// Whether a reset is due at `now`, with the keys used as `keys` says.
    ///
    /// Advice is given once. Only a more serious cause is told again
    /// (certificate expiry over the sequence limit over a key refresh), because
    /// it changes what a reset does ([`ResetCause::discards_in_flight`]).
    pub fn check(&mut self, now: Instant, keys: &KeyUsage) -> Option<ResetCause> {
        let due = self.due(now, keys)?;
        if gravity(Some(due)) <= gravity(self.advised) {
            return None;
        }
        self.advised = Some(due);
        Some(due)
    }

    /// When [`check`](Self::check) would next have something to say without any
    /// further record; `None` if time alone changes nothing.
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
        .filter(|(cause, _)| gravity(Some(*cause)) > gravity(self.advised))
        .filter_map(|(_, at)| at)
        .min()
    }

    /// How many more records may be sealed before only the reserve is left.
    ///
    /// At zero nothing of the application's should be taken any more: what
    /// remains is for the stream error, the closing tag and close_notify.
    /// `u64::MAX` if the keys have no limit or rekey themselves.
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
        let come = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if come(self.policy.certificate_expires) {
            Some(ResetCause::CertificateExpired)
        } else if self.records_run_out(keys) {
            Some(ResetCause::SequenceLimit)
        } else if come(self.refresh_at()) || self.wants_fresh_keys(keys) {
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
            // A peer that changes its keys in time does so at the limit, not
            // before it: only past the limit has it failed to.
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
/// Every count is for the keys now in use and starts again when they change;
/// each direction has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// Records sealed after the handshake, alerts included.
    pub records_sent: u64,
    /// Records that the text waiting to be sealed will need: one per queued
    /// unit and 16,384 bytes. Zero if text is sealed as soon as it is sent.
    pub records_queued: u64,
    /// Records opened after the handshake.
    pub records_received: u64,
    /// Bytes of plaintext sealed.
    pub bytes_sent: u64,
    /// Bytes of plaintext opened.
    pub bytes_received: u64,
    /// The negotiated suite's confidentiality limit in records, the
    /// handshake's own included; `u64::MAX` if it has none.
    pub limit: u64,
    /// The TLS layer changes its sending keys by itself when they are used up
    /// (TLS 1.3).
    pub rekeys_itself: bool,
}

impl KeyUsage {
    /// Unused keys of a suite that protects up to `limit` records per key
    /// (`u64::MAX`: no limit); `rekeys_itself` as the field says.
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

/// When [`Usage`] advises a reset. The default: close to the suite's limit,
/// and at no age, byte count or date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsagePolicy {
    /// How many records before the limit (and the reserve) the advice comes:
    /// what the application may still send between advice and reset.
    /// Default 65,536, a 256th of what AES-GCM allows.
    pub records_before: u64,
    /// Records kept for what must still be sent at the very end: the stream
    /// error with the closing tag, close_notify, and the connection's own
    /// replies. Default 16.
    ///
    /// Text that waits in a queue is counted by
    /// [`KeyUsage::records_queued`]. Who does not count it reserves for it:
    /// [`reserve_for`](Self::reserve_for).
    pub reserve_records: u64,
    /// Ask for fresh keys after this many records in either direction;
    /// `None` (default): only the suite's limit counts.
    pub records: Option<u64>,
    /// Ask for fresh keys after this many bytes of plaintext in either
    /// direction; `None` (default): never.
    pub bytes: Option<u64>,
    /// Ask for fresh keys when the connection's are this old; `None`
    /// (default): never.
    ///
    /// Counted from the handshake, also under TLS 1.3: a KeyUpdate makes new
    /// keys of old ones, a reset agrees on new ones.
    pub age: Option<Duration>,
    /// When the first certificate of the peer's chain expires, on the clock
    /// that `now` comes from (RFC 6120 13.7.2.3); `None` (default): not known.
    ///
    /// A clock that stands still while the machine sleeps makes this late;
    /// then pass a fresh [`Usage`] after waking up.
    pub certificate_expires: Option<Instant>,
}

impl UsagePolicy {
    /// Records to reserve if up to `outbox_bytes` of text may wait unsealed
    /// without being counted in [`KeyUsage::records_queued`]: the default
    /// reserve and one record for every four bytes, the size of `<a/>`, the
    /// smallest element that can be sent.
    ///
    /// Not one per 16,384 bytes: each unit sent is sealed as records of its
    /// own, and a queue of small stanzas needs as many records as it has
    /// stanzas.
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

/// What a limit leaves for records after the handshake: Finished took one.
const fn usable(limit: u64) -> u64 {
    limit.saturating_sub(1)
}

/// Orders advice: a graver cause is worth telling after a lighter one.
const fn gravity(cause: Option<ResetCause>) -> u8 {
    match cause {
        None => 0,
        Some(ResetCause::NewFeatures | ResetCause::KeyRefresh | ResetCause::Other) => 1,
        Some(ResetCause::SequenceLimit) => 2,
        Some(ResetCause::CertificateExpired | ResetCause::CertificateRevoked) => 3,
    }
}
