//! Meters the keys of one connection and says when a reset is due.
//!
//! It implements the "when" of RFC 6120 5.3.5 (fresh keys, sequence numbers about to be used up)
//! and of 13.7.2.3 item 1 (certificate expiry). It advises, as an early warning, and says when the
//! connection acts on the advice by itself ([`ResetTiming`]). Revocation (13.7.2.3 item 2) needs a
//! network query, so the application has to find it out
//! ([`Connection::certificate_revoked`](crate::Connection::certificate_revoked)). Everything here is
//! arithmetic on [`KeyUsage`]; who counts records is the TLS layer.
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

mod policy;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use policy::{CertificateScope, ResetTiming, UsagePolicy};

use super::{ResetCause, stagger};
use crate::random::Random;
use crate::time::Instant;

/// Says when the stream on one connection should be reset.
///
/// It is made when the handshake is complete, and asked ([`check`](Self::check)) after records were
/// encrypted or decrypted, and when [`deadline`](Self::deadline) has come. What it advises is an
/// early warning; whether the connection itself resets then, and when, is
/// [`UsagePolicy::timing`], and asked by [`take_due`](Self::take_due).
#[derive(Clone, Debug)]
pub struct Usage {
    policy: UsagePolicy,
    since: Instant,
    /// How much of the policy's jitter this stream takes, in [`SHARES`]ths.
    share: u32,
    /// How many records one send may need.
    largest_send: u64,
    /// When a certificate is about to expire.
    expiring: Option<Instant>,
    /// When the peer's identity has expired.
    expired: Option<Instant>,
    advised: Option<ResetCause>,
    scheduled: Scheduled,
    /// When time alone gives the next cause. What a stanza costs must not depend on how many causes
    /// there are, so this and the bounds are kept.
    next: Option<Instant>,
    /// How many records, and how many bytes, make fresh keys wanted.
    fresh_after: (Option<u64>, Option<u64>),
}

/// A reset that the connection carries out by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheduled {
    Nothing,
    AtOnce(ResetCause),
    /// At the next moment that was quiet for `idle`.
    Quiet {
        cause: ResetCause,
        idle: Duration,
        latest: Instant,
    },
}

impl Usage {
    /// Starts metering keys that were made at `now`, without jitter.
    #[must_use]
    pub fn new(policy: UsagePolicy, now: Instant) -> Self {
        let usage = Self {
            expired: policy.certificate_expires,
            policy,
            since: now,
            share: 0,
            largest_send: 1,
            expiring: None,
            advised: None,
            scheduled: Scheduled::Nothing,
            next: None,
            fresh_after: (None, None),
        };
        usage.planned()
    }

    /// Draws this stream's part of [`UsagePolicy::jitter`]. Call it before
    /// [`with_certificates`](Self::with_certificates). If `random` fails, the stream takes all of it.
    #[must_use]
    pub fn with_jitter(mut self, random: &(impl Random + ?Sized)) -> Self {
        let drawn = stagger(random, Duration::from_millis(SHARES.into()));
        self.share = u32::try_from(drawn.as_millis()).unwrap_or(SHARES);
        self.planned()
    }

    /// Takes how many records one send of the application may need. A reset is due as soon as fewer are
    /// left, because the application could not send any more what it may send.
    #[must_use]
    pub const fn with_largest_send(self, records: u64) -> Self {
        Self {
            largest_send: if records == 0 { 1 } else { records },
            ..self
        }
    }

    /// Takes when certificates expire, on the clock that `now` comes from: the first of this side's
    /// and the first of the peer's that count ([`UsagePolicy::own_certificates`],
    /// [`UsagePolicy::peer_certificates`]).
    ///
    /// A clock that stands still while the machine sleeps makes both too late. Start a new [`Usage`]
    /// after waking up then.
    #[must_use]
    pub fn with_certificates(mut self, own: Option<Instant>, peer: Option<Instant>) -> Self {
        let lead = self.policy.certificate_lead;
        let advice = |expires: Instant| {
            let lasts = expires.saturating_duration_since(self.since);
            // Otherwise it was so close to its expiry at the beginning already.
            let left = lasts.checked_sub(lead).filter(|left| !left.is_zero())?;
            Some(self.since + left.saturating_sub(self.early().min(left / 2)))
        };
        self.expiring = [own, peer].into_iter().flatten().filter_map(advice).min();
        self.expired = [self.expired, peer].into_iter().flatten().min();
        self.planned()
    }

    /// Returns the cause if a reset is advised at `now`, with the keys used as `keys` says.
    ///
    /// Advice is given once. Only a more severe cause is reported again (certificate expiry over
    /// the sequence limit over a key refresh), because it changes what a reset does
    /// ([`ResetCause::discards_in_flight`]).
    pub fn check(&mut self, now: Instant, keys: &KeyUsage) -> Option<ResetCause> {
        let is_late = self.next.is_some_and(|at| at <= now);
        if !is_late && !self.records_run_out(keys) && !self.wants_fresh_keys(keys) {
            return None;
        }
        let cause = self.wanted(now, keys)?;
        if severity(Some(cause)) <= severity(self.advised) {
            return None;
        }
        self.advised = Some(cause);
        self.next = self.next_by_time();
        self.schedule(cause, now);
        Some(cause)
    }

    /// Returns when [`check`](Self::check) would next return a cause without any further record,
    /// and `None` if time alone changes nothing.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Returns the cause of the reset that the connection has to carry out now, once.
    ///
    /// `quiet_since` is when something was sent or received last, or `None` if something waits to be
    /// sent or was received in part.
    pub fn take_due(
        &mut self,
        now: Instant,
        quiet_since: Option<Instant>,
        keys: &KeyUsage,
    ) -> Option<ResetCause> {
        let (cause, due) = match self.scheduled {
            Scheduled::Nothing => return None,
            Scheduled::AtOnce(cause) => (cause, true),
            Scheduled::Quiet { cause, .. } => {
                let at = self.reset_deadline(quiet_since);
                (
                    cause,
                    at.is_some_and(|at| at <= now) || self.is_used_up(keys),
                )
            }
        };
        if !due {
            return None;
        }
        self.scheduled = Scheduled::Nothing;
        Some(cause)
    }

    /// Returns when [`take_due`](Self::take_due) would return a cause if nothing is sent or received
    /// until then; with `None` for `quiet_since` that is the latest time. Returns `None` if no reset
    /// is scheduled.
    #[must_use]
    pub fn reset_deadline(&self, quiet_since: Option<Instant>) -> Option<Instant> {
        match self.scheduled {
            Scheduled::Nothing => None,
            Scheduled::AtOnce(_) => Some(self.since),
            Scheduled::Quiet { idle, latest, .. } => Some(match quiet_since {
                Some(since) => latest.min(since + idle),
                None => latest,
            }),
        }
    }

    /// Whether the connection is to reset the stream by itself, now or later.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.scheduled != Scheduled::Nothing
    }

    /// Returns how many more records may be encrypted before only the reserve is left.
    ///
    /// At zero, no more input of the application should be accepted: the remaining records are for
    /// the stream error, the closing tag and close_notify. Returns `u64::MAX` if the keys have no
    /// limit or rekey themselves.
    #[must_use]
    pub const fn room(&self, keys: &KeyUsage) -> u64 {
        if keys.is_unlimited() {
            return u64::MAX;
        }
        usable(keys.limit)
            .saturating_sub(keys.records_sent)
            .saturating_sub(keys.records_queued)
            .saturating_sub(self.policy.reserve_records)
    }

    /// Has the reset carried out for `cause`, which is advised at `now`, if the policy says so.
    fn schedule(&mut self, cause: ResetCause, now: Instant) {
        self.scheduled = match (self.policy.timing, cause, self.scheduled) {
            (_, ResetCause::CertificateExpired, _)
            | (ResetTiming::Advised, ResetCause::SequenceLimit, _) => Scheduled::AtOnce(cause),
            (ResetTiming::Advised, _, scheduled) => scheduled,
            (ResetTiming::Quiet { idle, within }, _, scheduled) => Scheduled::Quiet {
                cause,
                idle,
                latest: match scheduled {
                    Scheduled::Quiet { latest, .. } => latest.min(now + within),
                    Scheduled::Nothing | Scheduled::AtOnce(_) => now + within,
                },
            },
        };
    }

    fn wanted(&self, now: Instant, keys: &KeyUsage) -> Option<ResetCause> {
        let reached = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if reached(self.expired) {
            Some(ResetCause::CertificateExpired)
        } else if self.records_run_out(keys) {
            Some(ResetCause::SequenceLimit)
        } else if reached(self.expiring) {
            Some(ResetCause::CertificateExpiring)
        } else if reached(self.refresh_at()) || self.wants_fresh_keys(keys) {
            Some(ResetCause::KeyRefresh)
        } else {
            None
        }
    }

    /// Returns whether, beside the reserve, less than one send is left, or nothing of what the peer may
    /// send.
    fn is_used_up(&self, keys: &KeyUsage) -> bool {
        let received = keys
            .records_received
            .saturating_add(self.policy.reserve_records);
        self.room(keys) < self.largest_send
            || (!keys.is_unlimited() && received >= usable(keys.limit))
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
        let before = self.policy.records_before;
        let margin = before
            .saturating_add(part(before, self.share))
            .max(self.largest_send - 1)
            .saturating_add(self.policy.reserve_records);
        let sent = keys.records_sent.saturating_add(keys.records_queued);
        sent.max(keys.records_received).saturating_add(margin) >= usable(keys.limit)
    }

    fn wants_fresh_keys(&self, keys: &KeyUsage) -> bool {
        let (records, bytes) = self.fresh_after;
        records.is_some_and(|most| keys.records_sent.max(keys.records_received) >= most)
            || bytes.is_some_and(|most| keys.bytes_sent.max(keys.bytes_received) >= most)
    }

    /// Computes what is kept because [`check`](Self::check) compares with it.
    fn planned(mut self) -> Self {
        let earlier = |bound: u64| bound - part(bound / 8, self.share);
        self.fresh_after = (
            self.policy.records.map(earlier),
            self.policy.bytes.map(earlier),
        );
        self.next = self.next_by_time();
        self
    }

    /// When time alone gives a cause that is more severe than the one advised.
    fn next_by_time(&self) -> Option<Instant> {
        [
            (ResetCause::CertificateExpired, self.expired),
            (ResetCause::CertificateExpiring, self.expiring),
            (ResetCause::KeyRefresh, self.refresh_at()),
        ]
        .into_iter()
        .filter(|(cause, _)| severity(Some(*cause)) > severity(self.advised))
        .filter_map(|(_, at)| at)
        .min()
    }

    fn refresh_at(&self) -> Option<Instant> {
        let age = self.policy.age?;
        Some(self.since + age.saturating_sub(self.early().min(age / 2)))
    }

    /// Returns by how much this stream's times are brought forward.
    fn early(&self) -> Duration {
        let millis = u64::try_from(self.policy.jitter.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(part(millis, self.share))
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
    /// Records that the queued text will need at most: one per queued unit, and one per record's worth
    /// of text. Zero if text is encrypted as soon as it is sent.
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
    /// limit), and that the TLS layer does not change (TLS 1.2).
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self {
            records_sent: 0,
            records_queued: 0,
            records_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            limit,
            rekeys_itself: false,
        }
    }

    /// Returns the same for keys that the TLS layer changes by itself (TLS 1.3).
    #[must_use]
    pub const fn rekeying(limit: u64) -> Self {
        let mut keys = Self::new(limit);
        keys.rekeys_itself = true;
        keys
    }

    /// Returns whether no count of sent records ends the use of the keys.
    const fn is_unlimited(&self) -> bool {
        self.rekeys_itself || self.limit == u64::MAX
    }
}

/// Into how many parts the jitter of a stream is divided.
const SHARES: u32 = 1 << 16;

/// Returns `share` parts of `whole`.
fn part(whole: u64, share: u32) -> u64 {
    let part = u128::from(whole) * u128::from(share) / u128::from(SHARES);
    u64::try_from(part).unwrap_or(whole)
}

/// Returns what a limit leaves for records after the handshake: Finished took one.
const fn usable(limit: u64) -> u64 {
    limit.saturating_sub(1)
}

/// Orders advice: a more severe cause is reported after a less severe one.
const fn severity(cause: Option<ResetCause>) -> u8 {
    match cause {
        None => 0,
        Some(
            ResetCause::NewFeatures
            | ResetCause::KeyRefresh
            | ResetCause::CertificateExpiring
            | ResetCause::Other,
        ) => 1,
        Some(ResetCause::SequenceLimit) => 2,
        Some(ResetCause::CertificateExpired | ResetCause::CertificateRevoked) => 3,
    }
}
