//! Facts about an established TLS session.
//!
//! Change here what is known about a session. [`session`](super::session) gathers it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rustls::ProtocolVersion;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::identity;
use crate::jid::Jid;

/// A TLS protocol version. Versions below TLS 1.2 are not supported (RFC 9325 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    pub(super) fn from_rustls(version: ProtocolVersion) -> Option<Self> {
        match version {
            ProtocolVersion::TLSv1_2 => Some(Self::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Self::Tls13),
            _ => None,
        }
    }
}

/// Writes `TLSv1.2` or `TLSv1.3`.
impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}

/// How the session's keys were agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeKind {
    /// By a full handshake, with or without HelloRetryRequest.
    Full,
    /// By resumption of an earlier session (RFC 6120 3.3 recommends it, RFC 6120 4.9.3.16 forbids
    /// it after a stream reset).
    Resumed,
}

/// Writes `full` or `resumed`.
impl fmt::Display for HandshakeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        })
    }
}

/// What was negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// The protocol version.
    pub(super) version: TlsVersion,
    /// Number and name of the cipher suite.
    pub(super) suite: (u16, &'static str),
    /// Full or resumed.
    pub(super) handshake: HandshakeKind,
    /// The application protocol.
    pub(super) alpn: Option<Vec<u8>>,
    /// SNI, on a server.
    pub(super) server_name: Option<String>,
    /// The chain the peer presented, its own certificate first.
    pub(super) peer_certificates: Vec<CertificateDer<'static>>,
    /// Whether the config's verifier has accepted it.
    pub(super) peer_verified: bool,
}

impl TlsInfo {
    /// Returns the facts of a session for tests of code that handles them: without application
    /// protocol and server name, with a suite that suits the version. The peer's chain, if there is
    /// one, counts as verified.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn for_testing(
        version: TlsVersion,
        handshake: HandshakeKind,
        peer_certificates: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self {
            version,
            suite: match version {
                TlsVersion::Tls12 => (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
                TlsVersion::Tls13 => (0x1301, "TLS13_AES_128_GCM_SHA256"),
            },
            handshake,
            alpn: None,
            server_name: None,
            peer_verified: !peer_certificates.is_empty(),
            peer_certificates,
        }
    }

    /// Returns the protocol version.
    #[must_use]
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// Returns the cipher suite's name in the IANA registry in rustls's spelling, for example
    /// `TLS13_AES_128_GCM_SHA256`, or `unknown` for a suite rustls has no name for.
    #[must_use]
    pub fn cipher_suite(&self) -> &'static str {
        self.suite.1
    }

    /// Returns the cipher suite's number in the IANA registry.
    #[must_use]
    pub fn cipher_suite_number(&self) -> u16 {
        self.suite.0
    }

    /// Returns whether the handshake was full or resumed.
    #[must_use]
    pub fn handshake(&self) -> HandshakeKind {
        self.handshake
    }

    /// Returns the application protocol agreed upon by ALPN (RFC 7301; XEP-0368 uses `xmpp-client`
    /// and `xmpp-server`), if any.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// Returns the server name the client asked for (RFC 6066 3), on a server. It is `None` on a
    /// client, or if there was none.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Returns the certificate chain the peer presented, its own certificate first, as DER. It is
    /// empty if the peer presented none. On a resumed session it is the chain of the original
    /// handshake.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.peer_certificates
    }

    /// Returns whether the rustls config's verifier has accepted the peer's certificate, see
    /// [`TlsSession::verified`](super::TlsSession::verified).
    #[must_use]
    pub fn peer_verified(&self) -> bool {
        self.peer_verified
    }

    /// Returns the addresses (XmppAddr) in a verified client's certificate, for SASL EXTERNAL (RFC
    /// 6120 13.7.2.2.1, XEP-0178). There are none if the certificate was not
    /// [verified](Self::peer_verified) in the handshake (RFC 6120 13.7.2.2.2).
    ///
    /// The caller must accept only addresses on domains it serves. The authorities a client
    /// certificate is accepted from are trusted for every address: name constraints do not limit an
    /// XmppAddr here, while they do in [`identity::check`].
    #[must_use]
    pub fn peer_jids(&self) -> Vec<Jid> {
        match self.peer_certificates.first() {
            Some(own) if self.peer_verified => identity::jids_of(own),
            _ => Vec::new(),
        }
    }

    /// Returns when the first of the peer's certificates expires. The stream is to be reset then
    /// (RFC 6120 13.7.2.3). See [`identity::expiry_of`].
    #[must_use]
    pub fn peer_expires(&self) -> Option<UnixTime> {
        identity::expiry_of(&self.peer_certificates)
    }
}

/// How much the current keys have been used, per direction. The counts start again with new keys
/// (KeyUpdate, RFC 8446 4.6.3). Records of the handshake count where they took a sequence number of
/// these keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Records sealed under the current keys, alerts included. This is the next write sequence
    /// number.
    pub records_sent: u64,
    /// Records opened under the current keys.
    pub records_received: u64,
    /// Bytes of text sealed under the current keys.
    pub bytes_sent: u64,
    /// Bytes of text opened under the current keys.
    pub bytes_received: u64,
    /// How often the sending keys were updated (TLS 1.3). An update owed to the peer is sent, and
    /// counted, with the next text.
    pub key_updates_sent: u32,
    /// How often the receiving keys were updated (TLS 1.3).
    pub key_updates_received: u32,
    /// How many records the suite allows under one key (`confidentiality_limit`). `u64::MAX` means
    /// no limit, and is the value before the handshake is complete.
    pub limit: u64,
    /// Whether the library updates the sending keys by itself when the limit is near (TLS 1.3). It does
    /// not while a handshake message of the peer has arrived in part.
    pub rekeys_itself: bool,
}
