//! When [`Usage`](super::Usage) advises a reset, and when the connection acts on the advice by itself.

use core::time::Duration;

use crate::time::Instant;

/// When [`Usage`](super::Usage) advises a reset.
///
/// By default that is close to the limit of the suite, and around the expiry of a certificate, at
/// no age and no byte count.
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
    /// [`KeyUsage::records_queued`](super::KeyUsage::records_queued) counts text that waits in a queue. A caller that does not count
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
    /// When the identity of the peer expires, on the clock that `now` comes from, if something else
    /// than its certificate limits it; `None` (default): nothing else does.
    pub certificate_expires: Option<Instant>,
    /// Which of the peer's certificates are watched (RFC 6120 13.7.2.3 item 1): all that it presented
    /// (default), its own alone, or none. A certificate counts only where it has proved who the peer
    /// is; between servers that dialback verified, it has not.
    pub peer_certificates: CertificateScope,
    /// Which of this side's certificates are watched: its own (default), the whole chain, or none. If
    /// one is about to expire, a reset has the renewed one presented.
    pub own_certificates: CertificateScope,
    /// How long before the expiry of a certificate the advice comes, as
    /// [`CertificateExpiring`](crate::reset::ResetCause::CertificateExpiring); the default is one
    /// hour. A certificate that is already that close to its expiry when the stream is established
    /// has not been renewed, and causes no advice before it has expired: a reset would bring the
    /// same one again.
    pub certificate_lead: Duration,
    /// By how much at most a stream's limits of its own are brought forward, at random, so that
    /// streams which were established together, or share a certificate, are not reset together (RFC
    /// 6120 4.3.5). The default is one hour.
    ///
    /// One draw decides for the stream: it takes up to this much, but no more than half, from
    /// [`age`](Self::age) and from the time that is left until a certificate counts as expiring; up
    /// to an eighth from [`records`](Self::records) and [`bytes`](Self::bytes); and adds up to
    /// [`records_before`](Self::records_before) to it. The moment of a certificate's expiry stays.
    pub jitter: Duration,
    /// When the connection resets by itself after its advice.
    pub timing: ResetTiming,
}

impl UsagePolicy {
    /// Returns the records to reserve if up to `outbox_bytes` of text may wait unencrypted without
    /// being counted in [`KeyUsage::records_queued`](super::KeyUsage::records_queued): the default reserve, and one record for every
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
            peer_certificates: CertificateScope::Chain,
            own_certificates: CertificateScope::Leaf,
            certificate_lead: HOUR,
            jitter: HOUR,
            timing: ResetTiming::Advised,
        }
    }
}

/// When a connection resets its stream by itself after it has advised to.
///
/// Whatever is chosen, it does so at once when a certificate of the peer has expired, because the
/// peer's identity holds no longer, and while there still are records for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetTiming {
    /// When the keys may protect few more records, or a certificate of the peer has expired: at the
    /// poll after the advice. Every other advice is the application's to follow.
    Advised,
    /// After every advice, at the next quiet moment, and at the latest `within` after the advice.
    ///
    /// A moment is quiet if nothing was sent or received for `idle`, nothing waits to be sent, and no
    /// element has been received in part. The records that are left when the advice comes
    /// ([`UsagePolicy::records_before`]) are for the time until then. If they are used up earlier,
    /// the reset comes earlier.
    Quiet {
        /// How long nothing was sent or received.
        idle: Duration,
        /// How long after the advice the stream is reset at the latest.
        within: Duration,
    },
}

/// Which certificates of a chain are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateScope {
    /// None.
    None,
    /// The certificate of the entity itself.
    Leaf,
    /// Every certificate that was presented: the first one to expire counts.
    Chain,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const RESERVE_RECORDS: u64 = 16;
const SMALLEST_ELEMENT: usize = "<a/>".len();
