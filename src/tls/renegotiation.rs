//! The rule that detects a renegotiation attempt.
//!
//! An attempt must be answered with an immediate close of TCP (RFC 6120 5.3.5). rustls answers the
//! first one with a warning alert and gives no signal, so it is given one record at a time, and
//! [`detect`] looks at every result:
//!
//! 1. A record is *suspect* if the handshake was complete before it, the version is TLS 1.2 and
//!    its content type is 22.
//! 2. A suspect record is still decrypted, because its header is not authenticated. A record that
//!    is not authentic is an ordinary TLS failure, and so is an authentic one that is too large.
//! 3. It is renegotiation if the record was suspect and gave any other result, success included;
//!    or if the library counts too many requests; or if ClientHello or HelloRequest comes after
//!    the handshake, which covers TLS 1.3; or if TLS 1.2 wrote an alert that nothing explains.
//!
//! TLS 1.3 asks a server to answer a ClientHello after the handshake with `unexpected_message`
//! (RFC 8446 4.1.2). No alert goes out here either, because RFC 6120 5.3.5 asks for an immediate
//! close.
//!
//! Not flagged: KeyUpdate, NewSessionTicket, HelloRetryRequest. In TLS 1.3, fragments of a hello
//! are encrypted as application data, so a hello is detected only when it is whole, and data that
//! follows a fragment is an ordinary TLS failure.
//!
//! After our own close_notify rustls is not given any record, so the same rule is applied to the
//! content of records that [`post_close`](super::post_close) opens: [`evidence_in_content`].
//!
//! Change here what counts as an attempt, in both functions and in
//! [`RecordGuard`](super::RecordGuard) alike.

use core::fmt;

use rustls::{Error, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::info::TlsVersion;
use super::record::{ContentType, Header, records};
use super::record_guard::is_suspect;

/// A renegotiation attempt of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RenegotiationAttempt {
    /// The negotiated version.
    pub version: TlsVersion,
    /// What it was detected by.
    pub sign: RenegotiationEvidence,
}

impl RenegotiationAttempt {
    /// Returns an attempt for tests of code that handles one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn for_testing(version: TlsVersion, sign: RenegotiationEvidence) -> Self {
        Self { version, sign }
    }
}

/// What a renegotiation attempt was detected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RenegotiationEvidence {
    /// A server asked for it by HelloRequest (RFC 5246 7.4.1.1).
    HelloRequest,
    /// A ClientHello came after the handshake.
    ClientHello,
    /// A TLS 1.2 handshake record came after the handshake that is not a whole message yet: it is
    /// the beginning of one, or empty.
    HandshakeFragment,
    /// A TLS 1.2 handshake record of another type, or a malformed one, came after the handshake.
    HandshakeRecord,
}

impl fmt::Display for RenegotiationAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after the handshake", self.sign.code())
    }
}

impl RenegotiationEvidence {
    /// Returns a stable short name, such as `hello-request`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::HelloRequest => "hello-request",
            Self::ClientHello => "client-hello",
            Self::HandshakeFragment => "handshake-fragment",
            Self::HandshakeRecord => "handshake-record",
        }
    }
}

/// Our role in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsRole {
    Client,
    Server,
}

impl TlsRole {
    /// Returns the hello by which the peer asks for renegotiation.
    fn peer_hello(self) -> RenegotiationEvidence {
        match self {
            Self::Client => RenegotiationEvidence::HelloRequest,
            Self::Server => RenegotiationEvidence::ClientHello,
        }
    }
}

/// What was known before the library was given the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordContext {
    pub(super) role: TlsRole,
    pub(super) header: Header,
    /// The version, if the handshake was complete.
    pub(super) established: Option<TlsVersion>,
}

/// Tells from the library's answer to one record whether the record is a renegotiation attempt.
/// The answer is its error, or what it wrote.
pub(super) fn detect(
    context: RecordContext,
    after: Result<&[u8], &Error>,
) -> Option<RenegotiationAttempt> {
    let version = context.established?;
    let suspect = is_suspect(context.header, Some(version));
    let sign = match after {
        Err(error) => evidence_in_error(context.role, error, suspect)?,
        Ok(written) => {
            let alert = || records(written).any(|(h, _)| h.kind == ContentType::Alert);
            if version == TlsVersion::Tls12 && alert() {
                context.role.peer_hello()
            } else if suspect {
                RenegotiationEvidence::HandshakeFragment
            } else {
                return None;
            }
        }
    };
    Some(RenegotiationAttempt { version, sign })
}

fn evidence_in_error(role: TlsRole, error: &Error, suspect: bool) -> Option<RenegotiationEvidence> {
    match error {
        Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => {
            Some(role.peer_hello())
        }
        Error::InappropriateHandshakeMessage {
            got_type: HandshakeType::ClientHello,
            ..
        } => Some(RenegotiationEvidence::ClientHello),
        Error::InappropriateHandshakeMessage {
            got_type: HandshakeType::HelloRequest,
            ..
        } => Some(RenegotiationEvidence::HelloRequest),
        // The record is not authentic, whatever its header claims; or it is, and its size is the
        // fault.
        Error::DecryptError
        | Error::InvalidMessage(
            InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion,
        )
        | Error::PeerSentOversizedRecord => None,
        _ => suspect.then_some(RenegotiationEvidence::HandshakeRecord),
    }
}

/// Classifies the content of an authentic TLS 1.2 handshake record that came after the handshake.
pub(super) fn evidence_in_content(role: TlsRole, content: &[u8]) -> RenegotiationEvidence {
    let hello = match role {
        TlsRole::Client => HELLO_REQUEST,
        TlsRole::Server => CLIENT_HELLO,
    };
    match *content {
        [kind, a, b, c, ref body @ ..] => {
            let whole = usize::try_from(u32::from_be_bytes([0, a, b, c]))
                .is_ok_and(|len| len <= body.len());
            match (kind == hello, whole) {
                (true, true) => role.peer_hello(),
                (false, true) => RenegotiationEvidence::HandshakeRecord,
                (_, false) => RenegotiationEvidence::HandshakeFragment,
            }
        }
        _ => RenegotiationEvidence::HandshakeFragment,
    }
}

/// The handshake type of HelloRequest (RFC 5246 7.4).
pub(super) const HELLO_REQUEST: u8 = 0;
/// The handshake type of ClientHello (RFC 8446 4).
pub(super) const CLIENT_HELLO: u8 = 1;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use TlsVersion::{Tls12, Tls13};

    use super::*;

    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 1, 100];

    fn context(kind: u8, established: Option<TlsVersion>) -> RecordContext {
        RecordContext {
            role: TlsRole::Client,
            header: Header::read(&[kind, 3, 3, 0, 4]).unwrap(),
            established,
        }
    }

    fn evidence(
        context: RecordContext,
        after: Result<&[u8], &Error>,
    ) -> Option<RenegotiationEvidence> {
        detect(context, after).map(|attempt| attempt.sign)
    }

    #[test]
    fn success_does_not_clear_a_suspect_record() {
        let suspect = context(22, Some(Tls12));
        assert_eq!(
            evidence(suspect, Ok(&[])),
            Some(RenegotiationEvidence::HandshakeFragment)
        );
        assert_eq!(
            evidence(suspect, Ok(ALERT)),
            Some(RenegotiationEvidence::HelloRequest)
        );
        assert_eq!(
            evidence(context(23, Some(Tls12)), Ok(ALERT)),
            Some(RenegotiationEvidence::HelloRequest)
        );
        assert_eq!(evidence(context(23, Some(Tls12)), Ok(&[])), None);
        assert_eq!(evidence(context(22, Some(Tls13)), Ok(&[])), None);
        assert_eq!(evidence(context(22, None), Ok(ALERT)), None);
    }

    #[test]
    fn a_record_that_is_not_authentic_is_no_renegotiation() {
        for error in [
            Error::DecryptError,
            Error::PeerSentOversizedRecord,
            Error::InvalidMessage(InvalidMessage::InvalidEmptyPayload),
            Error::InvalidMessage(InvalidMessage::MessageTooLarge),
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion),
        ] {
            assert_eq!(evidence(context(22, Some(Tls12)), Err(&error)), None);
        }
    }

    #[test]
    fn any_other_error_on_a_suspect_record_is_renegotiation() {
        for error in [
            Error::InvalidMessage(InvalidMessage::MissingData("x")),
            Error::PeerMisbehaved(PeerMisbehaved::MessageInterleavedWithHandshakeMessage),
            Error::General("x".into()),
        ] {
            assert_eq!(
                evidence(context(22, Some(Tls12)), Err(&error)),
                Some(RenegotiationEvidence::HandshakeRecord)
            );
            assert_eq!(evidence(context(23, Some(Tls12)), Err(&error)), None);
            assert_eq!(evidence(context(23, Some(Tls13)), Err(&error)), None);
            assert_eq!(evidence(context(22, None), Err(&error)), None);
        }
    }

    #[test]
    fn a_hello_is_renegotiation_in_both_versions_but_not_in_the_first_handshake() {
        for (got_type, expected) in [
            (
                HandshakeType::ClientHello,
                RenegotiationEvidence::ClientHello,
            ),
            (
                HandshakeType::HelloRequest,
                RenegotiationEvidence::HelloRequest,
            ),
        ] {
            let error = Error::InappropriateHandshakeMessage {
                expect_types: Vec::new(),
                got_type,
            };
            for version in [Tls12, Tls13] {
                assert_eq!(
                    evidence(context(23, Some(version)), Err(&error)),
                    Some(expected)
                );
            }
            assert_eq!(evidence(context(22, None), Err(&error)), None);
        }
    }
}
