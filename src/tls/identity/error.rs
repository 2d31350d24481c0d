//! Why a certificate does not prove the identity asked for.
//!
//! Change here which reasons there are and which errors of the verification library mean them. A
//! code that was published stays.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rustls::pki_types::UnixTime;
use webpki::Error;

use super::certificate::Certificate;

/// Why a peer's certificate does not prove the identity asked for.
///
/// Facts are copied out of the verification library's errors. Names and key purposes come from the
/// peer: names are escaped and cut to 256 characters, and lists have at most 32 entries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The reference identity is no domain name in ASCII. This is a mistake of the caller: an
    /// internationalised name has to be given in its A-label form, and IP addresses are no XMPP
    /// identities in a certificate.
    #[error("the reference identity is no domain name in ASCII form")]
    Reference,
    /// The peer presented no certificate, or the handshake is not complete.
    #[error("the peer presented no certificate")]
    NoCertificate,
    /// More certificates were presented than are looked at.
    #[error("the certificate chain has more than 7 certificates")]
    ChainTooLong,
    /// A certificate cannot be read: it is not DER, not X.509 version 3, or an extension does not
    /// have the form it must have.
    #[error("a certificate is malformed")]
    Malformed,
    /// A certificate has a critical extension that is not known here (RFC 5280 4.2).
    #[error("a certificate has an unknown critical extension")]
    CriticalExtension,
    /// A certificate of the chain has expired.
    #[error("a certificate expired at {} s after 1970", not_after.as_secs())]
    Expired {
        /// The last moment of its validity.
        not_after: UnixTime,
    },
    /// A certificate of the chain is not valid yet.
    #[error("a certificate is not valid before {} s after 1970", not_before.as_secs())]
    NotYetValid {
        /// The first moment of its validity.
        not_before: UnixTime,
    },
    /// No path leads from the certificate to a trusted root: the authority is not known, or an
    /// intermediate certificate was not sent (RFC 6120 13.7.2.2.2).
    #[error("no trusted authority has issued the certificate")]
    UnknownIssuer,
    /// The certificate names itself as its issuer, and is no trusted root (RFC 6120 13.7.2.2.3).
    #[error("the certificate is self-signed")]
    SelfSigned,
    /// A signature of the chain is wrong.
    #[error("a signature in the certificate chain is wrong")]
    BadSignature,
    /// A signature of the chain uses an algorithm the crypto provider does not verify.
    #[error("a signature algorithm in the certificate chain is not supported")]
    UnsupportedAlgorithm,
    /// An extended key usage, of this certificate or of an authority above it, forbids this use
    /// (RFC 5280 4.2.1.12).
    #[error("the certificate is for another purpose")]
    WrongPurpose {
        /// The key purposes of the peer's certificate as dotted object identifiers of at most 64
        /// bytes; `1.3.6.1.5.5.7.3.1` is serverAuth, `1.3.6.1.5.5.7.3.2` clientAuth. If they allow
        /// the use, the restriction is that of an authority.
        purposes: Vec<String>,
    },
    /// The peer's certificate is that of an authority (RFC 6120 13.7.1.1).
    #[error("the certificate is that of an authority")]
    AuthorityAsPeer,
    /// A certificate was issued by one that is no authority, or by an authority too far above it
    /// (RFC 5280 4.2.1.9).
    #[error("a certificate was issued by one that may not issue it")]
    NotAnAuthority,
    /// An authority's name constraints exclude the name (RFC 5280 4.2.1.10), or only a name matches
    /// that they cannot cover, see the [module](super).
    #[error("name constraints do not allow the name")]
    NameConstraint,
    /// A certificate of the chain was revoked.
    #[error("a certificate was revoked")]
    Revoked,
    /// A revocation list is out of date, unusable, or wrongly signed.
    #[error("a certificate revocation list is not usable")]
    RevocationList,
    /// Finding a path takes more work than a peer may cause.
    #[error("the certificate chain is too complex")]
    TooComplex,
    /// No name matches, and this one has a `*` that is not its whole left-most label or stands for
    /// a top-level domain (RFC 6120 13.7.1.2.1).
    #[error("the wildcard in {name} is not allowed")]
    BadWildcard {
        /// The first such name.
        name: String,
    },
    /// The certificate is good, and for another name (RFC 6120 13.7.2.1).
    #[error("the certificate is not for this name")]
    NameMismatch {
        /// What it is for, as `DNS:`, `SRV:` and `XMPP:` with a name.
        presented: Vec<String>,
    },
    /// The library refused the certificate for another reason.
    #[error("the certificate was refused: {detail}")]
    Rejected {
        /// The library's reason.
        detail: String,
    },
}

impl IdentityError {
    /// Returns a stable short name, such as `certificate-expired`. Where a rustls verifier would
    /// have found the same in the handshake, it is that of
    /// [`CertificateReason`](crate::tls::CertificateReason).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Reference => "reference-identity",
            Self::NoCertificate => "certificate-missing",
            Self::ChainTooLong => "certificate-chain-too-long",
            Self::Malformed => "certificate-malformed",
            Self::CriticalExtension => "certificate-critical-extension",
            Self::Expired { .. } => "certificate-expired",
            Self::NotYetValid { .. } => "certificate-not-yet-valid",
            Self::UnknownIssuer => "certificate-unknown-issuer",
            Self::SelfSigned => "certificate-self-signed",
            Self::BadSignature => "certificate-bad-signature",
            Self::UnsupportedAlgorithm => "certificate-unsupported-algorithm",
            Self::WrongPurpose { .. } => "certificate-wrong-purpose",
            Self::AuthorityAsPeer => "certificate-authority-as-peer",
            Self::NotAnAuthority => "certificate-issuer-no-authority",
            Self::NameConstraint => "certificate-name-constraint",
            Self::Revoked => "certificate-revoked",
            Self::RevocationList => "certificate-revocation-list",
            Self::TooComplex => "certificate-too-complex",
            Self::BadWildcard { .. } => "certificate-bad-wildcard",
            Self::NameMismatch { .. } => "certificate-name-mismatch",
            Self::Rejected { .. } => "certificate-rejected",
        }
    }

    /// Returns the reason for the library's `error` about the chain of `leaf`.
    pub(super) fn from_webpki(error: &Error, leaf: &Certificate<'_>) -> Self {
        match error {
            // A self-signed certificate is refused for either; for the second if it also calls
            // itself an authority, as many do.
            Error::UnknownIssuer | Error::CaUsedAsEndEntity if leaf.is_self_issued() => {
                Self::SelfSigned
            }
            Error::UnknownIssuer => Self::UnknownIssuer,
            Error::CaUsedAsEndEntity => Self::AuthorityAsPeer,
            Error::EndEntityUsedAsCa | Error::PathLenConstraintViolated => Self::NotAnAuthority,
            Error::CertExpired { not_after, .. } => Self::Expired {
                not_after: *not_after,
            },
            Error::CertNotValidYet { not_before, .. } => Self::NotYetValid {
                not_before: *not_before,
            },
            Error::InvalidSignatureForPublicKey => Self::BadSignature,
            Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                Self::UnsupportedAlgorithm
            }
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Self::WrongPurpose {
                purposes: leaf.key_purposes(),
            },
            Error::NameConstraintViolation => Self::NameConstraint,
            Error::CertRevoked => Self::Revoked,
            Error::CrlExpired { .. }
            | Error::UnknownRevocationStatus
            | Error::InvalidCrlSignatureForPublicKey
            | Error::IssuerNotCrlSigner
            | Error::UnsupportedCrlSignatureAlgorithmContext(_)
            | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Self::RevocationList,
            Error::MaximumSignatureChecksExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumPathDepthExceeded
            | Error::MaximumNameConstraintComparisonsExceeded => Self::TooComplex,
            other => Self::unreadable(other),
        }
    }

    /// Returns the reason for the library's `error` about a certificate it could not read.
    pub(super) fn unreadable(error: &Error) -> Self {
        match error {
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            Error::BadDer
            | Error::BadDerTime
            | Error::ExtensionValueInvalid
            | Error::InvalidCertValidity
            | Error::InvalidNetworkMaskConstraint
            | Error::InvalidSerialNumber
            | Error::MalformedDnsIdentifier
            | Error::MalformedExtensions
            | Error::MalformedNameConstraint
            | Error::SignatureAlgorithmMismatch
            | Error::TrailingData(_)
            | Error::UnsupportedCertVersion => Self::Malformed,
            other => Self::Rejected {
                detail: debug(other),
            },
        }
    }
}

fn debug(value: &dyn fmt::Debug) -> String {
    alloc::format!("{value:?}")
}
