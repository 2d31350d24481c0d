//! The rule that tells a renegotiation attempt from everything else.
//!
//! RFC 6120 5.3.5 wants an attempt answered with an immediate close. The TLS
//! library answers the first one with a polite warning and no signal, so it is
//! given one record at a time and every result is judged here:
//!
//! 1. A record is *suspect* if the handshake was complete before it, the
//!    version is TLS 1.2 and its type is 22.
//! 2. It is still decrypted: the header is not authenticated. A record that
//!    turns out not to be authentic is an ordinary TLS failure, as is one that
//!    is authentic and too large.
//! 3. It is renegotiation if the record was suspect and met any other result,
//!    success included; or if the library counts too many requests; or if a
//!    completed handshake meets ClientHello or HelloRequest, which covers TLS
//!    1.3; or if TLS 1.2 wrote an alert nobody asked for.
//!
//! TLS 1.3 asks a server to answer a late ClientHello with
//! `unexpected_message` (RFC 8446 4.1.2). No alert goes out here either, since
//! RFC 6120 asks for an immediate close.
//!
//! Not flagged: KeyUpdate, NewSessionTicket, HelloRetryRequest, and fragments
//! of a hello in TLS 1.3, which hide behind type 23 and show, with the next
//! data, as a breach of the protocol.

use rustls::{Error, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::info::TlsVersion;
use super::record::{Header, Kind, records};
use super::record_guard::is_suspect;

/// How a renegotiation attempt showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attempt {
    /// The negotiated version.
    pub version: TlsVersion,
    /// What gave it away.
    pub sign: AttemptSign,
}

/// What gave a renegotiation attempt away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptSign {
    /// A server asked for it: HelloRequest (RFC 5246 7.4.1.1).
    HelloRequest,
    /// A ClientHello after the handshake.
    ClientHello,
    /// A TLS 1.2 handshake record after the handshake that is not yet a whole
    /// message: the beginning of one, or an empty record.
    HandshakeFragment,
    /// A TLS 1.2 handshake record after the handshake, of another type or
    /// malformed.
    HandshakeRecord,
}

impl core::fmt::Display for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} after the handshake", self.sign.code())
    }
}

impl AttemptSign {
    /// A stable short name, such as `hello-request`.
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

/// Which hello a peer may send, in the library's eyes, to ask for
/// renegotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsRole {
    Client,
    Server,
}

impl TlsRole {
    fn hello(self) -> AttemptSign {
        match self {
            Self::Client => AttemptSign::HelloRequest,
            Self::Server => AttemptSign::ClientHello,
        }
    }
}

/// What was known before the library saw the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordContext {
    pub(super) role: TlsRole,
    pub(super) header: Header,
    /// The version, if the handshake was complete.
    pub(super) established: Option<TlsVersion>,
}

/// Judges one record by the library's answer to it: its error, or what it
/// wrote.
pub(super) fn detect(context: RecordContext, after: Result<&[u8], &Error>) -> Option<Attempt> {
    let version = context.established?;
    let suspect = is_suspect(context.header, Some(version));
    let sign = match after {
        Err(error) => evidence_in_error(context.role, error, suspect)?,
        Ok(written) => {
            let alert = || records(written).any(|(h, _)| h.kind == Kind::Alert);
            if version == TlsVersion::Tls12 && alert() {
                context.role.hello()
            } else if suspect {
                AttemptSign::HandshakeFragment
            } else {
                return None;
            }
        }
    };
    Some(Attempt { version, sign })
}

fn evidence_in_error(role: TlsRole, error: &Error, suspect: bool) -> Option<AttemptSign> {
    match error {
        Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => Some(role.hello()),
        Error::InappropriateHandshakeMessage {
            got_type: HandshakeType::ClientHello,
            ..
        } => Some(AttemptSign::ClientHello),
        Error::InappropriateHandshakeMessage {
            got_type: HandshakeType::HelloRequest,
            ..
        } => Some(AttemptSign::HelloRequest),
        // Not authentic, whatever its header claims; or authentic, and the
        // fault is its size.
        Error::DecryptError
        | Error::InvalidMessage(
            InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion,
        )
        | Error::PeerSentOversizedRecord => None,
        _ => suspect.then_some(AttemptSign::HandshakeRecord),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use TlsVersion::{Tls12, Tls13};

    use super::*;

    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 1, 100];

    fn before(kind: u8, established: Option<TlsVersion>) -> RecordContext {
        RecordContext {
            role: TlsRole::Client,
            header: Header::read(&[kind, 3, 3, 0, 4]).unwrap(),
            established,
        }
    }

    fn evidence(context: RecordContext, after: Result<&[u8], &Error>) -> Option<AttemptSign> {
        detect(context, after).map(|attempt| attempt.sign)
    }

    #[test]
    fn success_does_not_clear_a_suspect_record() {
        let suspect = before(22, Some(Tls12));
        assert_eq!(
            evidence(suspect, Ok(&[])),
            Some(AttemptSign::HandshakeFragment)
        );
        assert_eq!(
            evidence(suspect, Ok(ALERT)),
            Some(AttemptSign::HelloRequest)
        );
        assert_eq!(
            evidence(before(23, Some(Tls12)), Ok(ALERT)),
            Some(AttemptSign::HelloRequest)
        );
        assert_eq!(evidence(before(23, Some(Tls12)), Ok(&[])), None);
        assert_eq!(evidence(before(22, Some(Tls13)), Ok(&[])), None);
        assert_eq!(evidence(before(22, None), Ok(ALERT)), None);
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
            assert_eq!(evidence(before(22, Some(Tls12)), Err(&error)), None);
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
                evidence(before(22, Some(Tls12)), Err(&error)),
                Some(AttemptSign::HandshakeRecord)
            );
            assert_eq!(evidence(before(23, Some(Tls12)), Err(&error)), None);
            assert_eq!(evidence(before(23, Some(Tls13)), Err(&error)), None);
            assert_eq!(evidence(before(22, None), Err(&error)), None);
        }
    }

    #[test]
    fn a_hello_is_renegotiation_in_both_versions_but_not_in_the_first_handshake() {
        for (got_type, expected) in [
            (HandshakeType::ClientHello, AttemptSign::ClientHello),
            (HandshakeType::HelloRequest, AttemptSign::HelloRequest),
        ] {
            let error = Error::InappropriateHandshakeMessage {
                expect_types: Vec::new(),
                got_type,
            };
            for version in [Tls12, Tls13] {
                assert_eq!(
                    evidence(before(23, Some(version)), Err(&error)),
                    Some(expected)
                );
            }
            assert_eq!(evidence(before(22, None), Err(&error)), None);
        }
    }
}
