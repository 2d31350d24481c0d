//! Why a TLS session failed, for the application. The peer is told by an alert at most, because a
//! TLS failure ends the TCP connection without any XML (RFC 6120 5.4.3.2).
//!
//! Every fact is copied out of the library's errors, because those are not part of this crate's
//! interface, and are no `core::error::Error` without `std`.
//!
//! Change here which reasons there are and which library errors mean them. A code that was
//! published stays.

use alloc::format;
use alloc::string::String;
use core::fmt;

use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

/// A failed TLS session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TlsReason {
    kind: TlsReasonKind,
    alert_sent: bool,
}

impl TlsReason {
    /// A failure of which the peer is told nothing.
    pub(super) fn new(kind: TlsReasonKind) -> Self {
        Self {
            kind,
            alert_sent: false,
        }
    }

    /// The same with an alert that is in the output.
    pub(super) fn with_alert(self) -> Self {
        Self {
            alert_sent: true,
            ..self
        }
    }

    /// Returns a reason for tests of code that handles one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn for_testing(kind: TlsReasonKind, alert_sent: bool) -> Self {
        Self { kind, alert_sent }
    }

    /// Returns what happened.
    #[must_use]
    pub fn kind(&self) -> &TlsReasonKind {
        &self.kind
    }

    /// Returns a stable short name, such as `certificate-expired`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Returns whether an alert that tells the peer was appended to the output.
    #[must_use]
    pub fn alert_sent(&self) -> bool {
        self.alert_sent
    }
}

/// What made a TLS session fail. `detail` texts name protocol elements, never content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsReasonKind {
    /// The peer sent a fatal alert.
    #[error("the peer sent the TLS alert {0}")]
    AlertReceived(Alert),
    /// A record failed authentication: forged, damaged, or no TLS.
    #[error("a TLS record failed authentication")]
    BadRecord,
    /// A record or its header breaks the record format.
    #[error("malformed TLS record: {detail}")]
    MalformedRecord {
        /// What is wrong with it.
        detail: String,
    },
    /// Markup came where TLS was to begin: the port expects STARTTLS (RFC 6120 5), and not direct TLS
    /// (XEP-0368).
    #[error("XML where TLS was expected: the port is not for direct TLS")]
    NotTls,
    /// An authentic record carries more than 2^14 bytes.
    #[error("a TLS record carries more than 16384 bytes")]
    OversizedRecord,
    /// A message breaks its format.
    #[error("malformed TLS message: {detail}")]
    MalformedMessage {
        /// What is wrong with it.
        detail: String,
    },
    /// A message came that has no place at this moment.
    #[error("unexpected TLS message: {detail}")]
    UnexpectedMessage {
        /// The type received.
        detail: String,
    },
    /// The peer's certificate was not accepted.
    #[error("the peer's certificate was refused: {0}")]
    Certificate(CertificateReason),
    /// There is no protocol version in common.
    #[error("no TLS version in common")]
    ProtocolVersion,
    /// There is no cipher suite in common.
    #[error("no TLS cipher suite in common")]
    CipherSuite,
    /// There is no application protocol in common (RFC 7301 3.2).
    #[error("no application protocol in common")]
    Alpn,
    /// Some other feature is not in common.
    #[error("incompatible TLS peer: {detail}")]
    Incompatible {
        /// The feature.
        detail: String,
    },
    /// The peer breaks the protocol.
    #[error("the peer broke the TLS protocol: {detail}")]
    Misbehaved {
        /// How.
        detail: String,
    },
    /// A TLS 1.2 server did not acknowledge `renegotiation_info` (RFC 9325 3.5).
    #[error("the server does not support secure renegotiation signalling")]
    NoRenegotiationInfo,
    /// `renegotiation_info` is not empty in a first handshake (RFC 5746 3.4, 3.6).
    #[error("the peer takes the first handshake for a renegotiation")]
    RenegotiationInfo,
    /// Unfinished handshake messages take more than
    /// [`TlsLimits::handshake_bytes`](super::TlsLimits::handshake_bytes).
    #[error("unfinished TLS handshake messages exceed the limit")]
    HandshakeTooLarge,
    /// Our side failed: no randomness, no time, no key, or a fault of the TLS library.
    #[error("TLS failed locally: {detail}")]
    Internal {
        /// What failed.
        detail: String,
    },
}

impl TlsReasonKind {
    /// Returns a stable short name, such as `bad-record`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlertReceived(_) => "alert-received",
            Self::BadRecord => "bad-record",
            Self::MalformedRecord { .. } => "malformed-record",
            Self::NotTls => "not-tls",
            Self::OversizedRecord => "oversized-record",
            Self::MalformedMessage { .. } => "malformed-message",
            Self::UnexpectedMessage { .. } => "unexpected-message",
            Self::Certificate(fault) => fault.code(),
            Self::ProtocolVersion => "protocol-version",
            Self::CipherSuite => "cipher-suite",
            Self::Alpn => "no-application-protocol",
            Self::Incompatible { .. } => "incompatible-peer",
            Self::Misbehaved { .. } => "peer-misbehaved",
            Self::NoRenegotiationInfo => "no-renegotiation-info",
            Self::RenegotiationInfo => "renegotiation-info-not-empty",
            Self::HandshakeTooLarge => "handshake-too-large",
            Self::Internal { .. } => "internal",
        }
    }
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateReason {
    /// No certificate was presented where one is required.
    Missing,
    /// It is not correctly encoded, or has an unknown critical extension.
    BadEncoding,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It was revoked, or its status is unknown where it must be known.
    Revoked,
    /// No trusted authority issued it.
    UnknownIssuer,
    /// It is not for the name asked for (RFC 6120 13.7.2.1).
    NameMismatch,
    /// A signature is wrong.
    BadSignature,
    /// A signature uses an algorithm that is not supported.
    UnsupportedAlgorithm,
    /// It is for another purpose.
    WrongPurpose,
    /// The application's verifier refused it, or there is another reason.
    Rejected,
}

impl CertificateReason {
    /// Returns a stable short name, such as `certificate-expired`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "certificate-missing",
            Self::BadEncoding => "certificate-malformed",
            Self::Expired => "certificate-expired",
            Self::NotYetValid => "certificate-not-yet-valid",
            Self::Revoked => "certificate-revoked",
            Self::UnknownIssuer => "certificate-unknown-issuer",
            Self::NameMismatch => "certificate-name-mismatch",
            Self::BadSignature => "certificate-bad-signature",
            Self::UnsupportedAlgorithm => "certificate-unsupported-algorithm",
            Self::WrongPurpose => "certificate-wrong-purpose",
            Self::Rejected => "certificate-rejected",
        }
    }
}

impl fmt::Display for CertificateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A TLS alert description (RFC 8446 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(pub u8);

impl Alert {
    /// Returns the name in the IANA registry, if it is a common one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => return None,
        })
    }
}

/// Writes the name, or `alert N`.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

/// Copies the facts out of the library's error.
pub(super) fn kind_of(error: &Error) -> TlsReasonKind {
    use TlsReasonKind as Kind;
    match error {
        Error::AlertReceived(description) => Kind::AlertReceived(Alert(u8::from(*description))),
        Error::DecryptError => Kind::BadRecord,
        Error::PeerSentOversizedRecord => Kind::OversizedRecord,
        Error::InvalidMessage(
            e @ (InvalidMessage::InvalidContentType
            | InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::UnknownProtocolVersion),
        ) => Kind::MalformedRecord { detail: debug(e) },
        Error::InvalidMessage(e) => Kind::MalformedMessage { detail: debug(e) },
        Error::InappropriateMessage { got_type, .. } => Kind::UnexpectedMessage {
            detail: debug(got_type),
        },
        Error::InappropriateHandshakeMessage { got_type, .. } => Kind::UnexpectedMessage {
            detail: debug(got_type),
        },
        Error::NoCertificatesPresented => Kind::Certificate(CertificateReason::Missing),
        Error::UnsupportedNameType => Kind::Certificate(CertificateReason::NameMismatch),
        Error::InvalidCertificate(e) => Kind::Certificate(certificate_fault(e)),
        Error::InvalidCertRevocationList(_) => Kind::Certificate(CertificateReason::Revoked),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => Kind::ProtocolVersion,
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => Kind::CipherSuite,
        Error::PeerIncompatible(e) => Kind::Incompatible { detail: debug(e) },
        Error::NoApplicationProtocol
        | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => Kind::Alpn,
        Error::PeerMisbehaved(e) => Kind::Misbehaved { detail: debug(e) },
        other => Kind::Internal {
            detail: debug(other),
        },
    }
}

#[allow(
    deprecated,
    reason = "the library still has verifiers that report the older variant"
)]
fn certificate_fault(error: &CertificateError) -> CertificateReason {
    use CertificateError as E;
    match error {
        E::BadEncoding | E::UnhandledCriticalExtension => CertificateReason::BadEncoding,
        E::Expired | E::ExpiredContext { .. } => CertificateReason::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => CertificateReason::NotYetValid,
        E::Revoked
        | E::UnknownRevocationStatus
        | E::ExpiredRevocationList
        | E::ExpiredRevocationListContext { .. }
        | E::InvalidOcspResponse => CertificateReason::Revoked,
        E::UnknownIssuer => CertificateReason::UnknownIssuer,
        E::NotValidForName | E::NotValidForNameContext { .. } => CertificateReason::NameMismatch,
        E::BadSignature => CertificateReason::BadSignature,
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateReason::UnsupportedAlgorithm
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => CertificateReason::WrongPurpose,
        _ => CertificateReason::Rejected,
    }
}

fn debug(value: &dyn fmt::Debug) -> String {
    format!("{value:?}")
}
