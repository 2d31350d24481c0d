//! Why a stream is reset (RFC 6120 4.9.3.16).

use core::fmt;

/// Why a stream is reset.
///
/// The wire does not carry the cause: `<reset/>` has no parameters. It decides
/// what the sender of the error still accepts
/// ([`discards_in_flight`](Self::discards_in_flight)) and is kept for logs and
/// for the plan that follows. For a reset by the peer the cause is
/// [`Other`](Self::Other).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResetCause {
    /// There are new, typically security-critical, features to offer
    /// (RFC 6120 4.3.5, 4.9.3.16).
    NewFeatures,
    /// Policy wants fresh keys: they are old, or have protected enough bytes
    /// (RFC 6120 5.3.5).
    KeyRefresh,
    /// The keys may not protect many more records: the sequence number or the
    /// cipher's confidentiality limit is about to be reached (RFC 6120 5.3.5).
    SequenceLimit,
    /// A certificate of the peer's chain has expired during the life of the
    /// stream (RFC 6120 13.7.2.3, item 1).
    CertificateExpired,
    /// A certificate of the peer's chain has been revoked during the life of
    /// the stream (RFC 6120 13.7.2.3, item 2).
    CertificateRevoked,
    /// Any other reason, and every reset by the peer.
    Other,
}

impl ResetCause {
    /// Whether stanzas that arrive after the decision to reset are dropped.
    ///
    /// RFC 6120 4.4 lets a closing entity go on processing what the peer had
    /// already sent. Where the peer's identity itself no longer holds, that
    /// would be processing stanzas of an entity that is not authenticated,
    /// which 13.12 forbids: after an expired or revoked certificate only the
    /// closing tag is waited for.
    #[must_use]
    pub const fn discards_in_flight(self) -> bool {
        match self {
            Self::CertificateExpired | Self::CertificateRevoked => true,
            Self::NewFeatures | Self::KeyRefresh | Self::SequenceLimit | Self::Other => false,
        }
    }

    /// The cause in kebab-case, for logs: `key-refresh`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewFeatures => "new-features",
            Self::KeyRefresh => "key-refresh",
            Self::SequenceLimit => "sequence-limit",
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
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn only_a_lost_identity_discards_what_is_in_flight() {
        let discarding = [
            ResetCause::NewFeatures,
            ResetCause::KeyRefresh,
            ResetCause::SequenceLimit,
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
                ("certificate-expired", true),
                ("certificate-revoked", true),
                ("other", false),
            ]
        );
    }
}
