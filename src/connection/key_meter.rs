//! The use of the TLS keys and certificates of an established stream: when a reset is advised, when the
//! machine sends one by itself, and how many records the application may still use. All that is decided
//! in `reset::Usage`; this file only feeds it and keeps its advice.
//!
//! Certificates expire by the wall clock, and a machine has none. It reads the clock of the rustls
//! config (`TimeProvider`), by which the certificates were verified, once when the stream is
//! established, and adds what is left of their validity to the `now` of that poll. A clock that is
//! set, or a monotonic clock that stands still while the computer sleeps, is not noticed. Without a
//! clock (`no_std` without a `TimeProvider`), certificates are not watched.

use core::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};

use super::outbound::Outbound;
use super::timers::earlier;
use crate::random::Random;
use crate::reset::{CertificateScope, KeyUsage, ResetCause, Usage, UsagePolicy};
use crate::time::Instant;
use crate::tls::{self, HandshakeKind, identity};

/// Meters the keys while a stream is established under TLS.
#[derive(Debug, Default)]
pub(super) struct KeyMeter {
    usage: Option<Usage>,
    /// What was advised last.
    advised: Option<ResetCause>,
    /// How many records were sent and received at the last check.
    checked: u64,
}

/// What a role knows of its certificates.
#[derive(Debug)]
pub struct Certificates {
    /// The wall clock of the rustls config.
    pub(super) clock: Option<UnixTime>,
    /// Whether the peer's certificate has proved who it is.
    pub(super) peer: PeerCertificate,
}

/// What the peer's certificate is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerCertificate {
    /// It has proved who the peer is.
    Proof,
    /// The peer presented none, or proved itself otherwise.
    Unused,
}

impl KeyMeter {
    /// Starts to meter. `largest_send` is how many bytes the application can send at most.
    pub(super) fn start(
        &mut self,
        policy: UsagePolicy,
        largest_send: usize,
        session: &tls::TlsSession,
        certificates: &Certificates,
        random: &dyn Random,
        now: Instant,
    ) {
        let (own, peer) = expiries(policy, session, certificates, now);
        let records = largest_send.div_ceil(session.max_fragment().max(1)) as u64;
        let usage = Usage::new(policy, now)
            .with_largest_send(records)
            .with_jitter(random)
            .with_certificates(own, peer);
        self.usage = Some(usage);
        self.checked = u64::MAX;
    }

    /// Stops: a stream that is being closed needs no reset.
    pub(super) fn stop(&mut self) {
        self.usage = None;
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
        // Most turns have used no key, and nothing waits to use one.
        let counters = session.counters();
        let records = counters
            .records_sent
            .wrapping_add(counters.records_received);
        let is_late = usage.deadline().is_some_and(|at| at <= now);
        if records == self.checked && !is_late && !out.has_units() {
            return false;
        }
        self.checked = records;
        let Some(cause) = usage.check(now, &key_usage(session, out)) else {
            return false;
        };
        self.advised = Some(cause);
        true
    }

    /// What was advised last.
    pub(super) const fn advised(&self) -> Option<ResetCause> {
        self.advised
    }

    /// Whether the machine is to reset the stream by itself, now or later.
    pub(super) fn awaits_reset(&self) -> bool {
        self.usage.as_ref().is_some_and(Usage::is_scheduled)
    }

    /// The reset that is due, once. `quiet_since` is when something was sent or received last, `None`
    /// while something is under way.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        quiet_since: Option<Instant>,
        session: Option<&tls::TlsSession>,
        out: &Outbound,
    ) -> Option<ResetCause> {
        let keys = key_usage(session?, out);
        self.usage.as_mut()?.take_due(now, quiet_since, &keys)
    }

    /// The next time at which a check has something to advise without traffic, or a reset is due.
    pub(super) fn deadline(&self, quiet_since: Option<Instant>) -> Option<Instant> {
        let usage = self.usage.as_ref()?;
        earlier(usage.deadline(), usage.reset_deadline(quiet_since))
    }

    /// The latest time at which the machine resets the stream by itself, if a reset is scheduled.
    pub(super) fn reset_deadline(&self) -> Option<Instant> {
        self.usage.as_ref()?.reset_deadline(None)
    }

    /// How many bytes of text the application may still send in one unit, so that the reserve of
    /// records is left; `None` if there is no limit.
    pub(super) fn room(&self, session: Option<&tls::TlsSession>, out: &Outbound) -> Option<usize> {
        let session = session?;
        let counters = session.counters();
        if counters.rekeys_itself || counters.limit == u64::MAX {
            return None;
        }
        match self.usage.as_ref()?.room(&key_usage(session, out)) {
            u64::MAX => None,
            records => {
                let records = usize::try_from(records).unwrap_or(usize::MAX);
                Some(records.saturating_mul(session.max_fragment()))
            }
        }
    }
}

fn key_usage(session: &tls::TlsSession, out: &Outbound) -> KeyUsage {
    let counters = session.counters();
    let mut keys = match counters.rekeys_itself {
        true => KeyUsage::rekeying(counters.limit),
        false => KeyUsage::new(counters.limit),
    };
    keys.records_sent = counters.records_sent;
    keys.records_received = counters.records_received;
    keys.records_queued = out.records(session.max_fragment());
    keys.bytes_sent = counters.bytes_sent;
    keys.bytes_received = counters.bytes_received;
    keys
}

/// When the first certificates expire that count: this side's, and the peer's.
fn expiries(
    policy: UsagePolicy,
    session: &tls::TlsSession,
    certificates: &Certificates,
    now: Instant,
) -> (Option<Instant>, Option<Instant>) {
    let (Some(clock), Some(info)) = (certificates.clock, session.established()) else {
        return (None, None);
    };
    // A certificate is valid up to and including its last second (RFC 5280 4.1.2.5).
    let instant = |last: UnixTime| {
        let left = (last.as_secs() + 1).saturating_sub(clock.as_secs());
        now + Duration::from_secs(left)
    };
    let own = in_scope(policy.own_certificates, session.own_certificates())
        .filter_map(not_after)
        .min();
    let chain = match certificates.peer {
        PeerCertificate::Proof => info.peer_certificates(),
        PeerCertificate::Unused => &[],
    };
    // A certificate that had expired before a full handshake was not needed for the verdict of the
    // verifier: it is superfluous, or the verifier does not look at dates. A resumed session has the
    // certificate of an earlier handshake, and nobody has looked at it again.
    let is_kept = |last: &UnixTime| *last >= clock;
    let was_verified_earlier = info.handshake() == HandshakeKind::Resumed;
    let leaf = in_scope(policy.peer_certificates, chain)
        .take(1)
        .filter_map(not_after)
        .filter(|last| was_verified_earlier || is_kept(last));
    let issuers = in_scope(policy.peer_certificates, chain)
        .skip(1)
        .filter_map(not_after)
        .filter(is_kept);
    let peer = leaf.chain(issuers).min();
    (own.map(instant), peer.map(instant))
}

/// The certificates of a chain that are watched.
fn in_scope<'a>(
    scope: CertificateScope,
    chain: &'a [CertificateDer<'a>],
) -> impl Iterator<Item = &'a CertificateDer<'a>> {
    chain.iter().take(match scope {
        CertificateScope::None => 0,
        CertificateScope::Leaf => 1,
        CertificateScope::Chain => usize::MAX,
    })
}

/// The last second of a certificate's validity; `None` if it cannot be read.
fn not_after(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    identity::expiry_of(core::slice::from_ref(certificate))
}
