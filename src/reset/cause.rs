//! Why a stream is reset (RFC 6120 4.9.3.16).
//!
//! A new cause must say whether it discards what is in flight.

use core::fmt;

/// Why a stream is reset.
///
/// The wire does not carry the cause: `<reset/>` has no parameters. It decides what the sender of
/// the error still accepts ([`discards_in_flight`](Self::discards_in_flight)), and is kept for logs
/// and for the plan that follows. For a reset by the peer the cause is [`Other`](Self::Other).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResetCause {
    /// There are new features to offer, typically security-critical ones (RFC 6120 4.3.5,
    /// 4.9.3.16).
    NewFeatures,
    /// Policy asks for fresh keys, because they are old or have protected enough bytes (RFC 6120
    /// 5.3.5).
    KeyRefresh,
    /// The keys may not protect many more records: the sequence number or the cipher's
    /// confidentiality limit is about to be reached (RFC 6120 5.3.5).
    SequenceLimit,
    /// A certificate of this side or of the peer is about to expire. The peer's identity still holds,
    /// and the next stream is negotiated with the renewed certificate.
    CertificateExpiring,
    /// A certificate of the peer's chain has expired while the stream was open (RFC 6120 13.7.2.3,
    /// item 1).
    CertificateExpired,
    /// A certificate of the peer's chain has been revoked while the stream was open (RFC 6120
    /// 13.7.2.3, item 2).
    CertificateRevoked,
    /// Any other reason, and every reset by the peer.
    Other,
}

impl ResetCause {
    /// Returns whether stanzas that arrive after the decision to reset are dropped.
    ///
    /// RFC 6120 4.4 lets a closing entity process what the peer had already sent. Where the
    /// identity of the peer no longer holds, these would be stanzas of an entity that is not
    /// authenticated, which RFC 6120 13.12 forbids. After an expired or revoked certificate, the
    /// connection therefore only waits for the closing tag.
    #[must_use]
    pub const fn discards_in_flight(self) -> bool {
        match self {
            Self::CertificateExpired | Self::CertificateRevoked => true,
            Self::NewFeatures
            | Self::KeyRefresh
            | Self::SequenceLimit
            | Self::CertificateExpiring
            | Self::Other => false,
        }
    }

    /// Returns the cause in kebab-case, for logs: `key-refresh`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewFeatures => "new-features",
            Self::KeyRefresh => "key-refresh",
            Self::SequenceLimit => "sequence-limit",
            Self::CertificateExpiring => "certificate-expiring",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateRevoked => "certificate-revoked",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ResetCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn only_a_lost_identity_discards_what_is_in_flight() {
        let discarding = [
            ResetCause::NewFeatures,
            ResetCause::KeyRefresh,
            ResetCause::SequenceLimit,
            ResetCause::CertificateExpiring,
            ResetCause::CertificateExpired,
            ResetCause::CertificateRevoked,
            ResetCause::Other,
        ]
        .map(|cause| (cause.to_string(), cause.discards_in_flight()));
        assert_eq!(
            discarding.each_ref().map(|(name, drops)| (&**name, *drops)),
            [
                ("new-features", false),
                ("key-refresh", false),
                ("sequence-limit", false),
                ("certificate-expiring", false),
                ("certificate-expired", true),
                ("certificate-revoked", true),
                ("other", false),
            ]
        );
    }
}
