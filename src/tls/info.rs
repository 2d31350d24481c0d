//! Facts about an established TLS session.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rustls::ProtocolVersion;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::identity;
use crate::jid::Jid;

/// A TLS protocol version. Nothing below TLS 1.2 is spoken (RFC 9325 3.1.1).
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

/// `TLSv1.2` or `TLSv1.3`.
impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}

/// How the session's keys came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeKind {
    /// A full handshake, with or without HelloRetryRequest.
    Full,
    /// Resumed from an earlier session (RFC 6120 3.3 recommends it, 4.9.3.16
    /// forbids it after a stream reset).
    Resumed,
}

/// `full` or `resumed`.
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
    pub(super) version: TlsVersion,
    pub(super) suite: (u16, &'static str),
    pub(super) handshake: HandshakeKind,
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) server_name: Option<String>,
    pub(super) peer_certificates: Vec<CertificateDer<'static>>,
    pub(super) peer_verified: bool,
}

impl TlsInfo {
    /// The protocol version.
    #[must_use]
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// The cipher suite's name in the IANA registry, for example
    /// `TLS13_AES_128_GCM_SHA256` in rustls's spelling; `unknown` for a suite
    /// rustls has no name for.
    #[must_use]
    pub fn cipher_suite(&self) -> &'static str {
        self.suite.1
    }

    /// The cipher suite's number in the IANA registry.
    #[must_use]
    pub fn cipher_suite_number(&self) -> u16 {
        self.suite.0
    }

    /// Whether the handshake was full or resumed.
    #[must_use]
    pub fn handshake(&self) -> HandshakeKind {
        self.handshake
    }

    /// The application protocol agreed upon by ALPN (RFC 7301; XEP-0368 uses
    /// `xmpp-client` and `xmpp-server`), if any.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The server name the client asked for (RFC 6066 3), on a server; `None`
    /// on a client, or if there was none.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The peer's certificate chain, its own certificate first, as DER; empty
    /// if it presented none. On a resumed session it is the chain of the
    /// original handshake.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.peer_certificates
    }

    /// Whether the rustls config's verifier has accepted the peer's
    /// certificate, see [`Session::verified`](super::Session::verified).
    #[must_use]
    pub fn peer_verified(&self) -> bool {
        self.peer_verified
    }

    /// The addresses (XmppAddr) in a verified client's certificate, for SASL
    /// EXTERNAL (RFC 6120 13.7.2.2.1, XEP-0178); empty if the peer's
    /// certificate was not [verified](Self::peer_verified) in the handshake
    /// (13.7.2.2.2).
    ///
    /// The caller keeps to those on its own domains. The authorities a client
    /// certificate is accepted from are believed for every address: name
    /// constraints do not limit an XmppAddr here, as they do in
    /// [`identity::check`].
    #[must_use]
    pub fn peer_jids(&self) -> Vec<Jid> {
        match self.peer_certificates.first() {
            Some(own) if self.peer_verified => identity::jids_of(own),
            _ => Vec::new(),
        }
    }

    /// When the first of the peer's certificates expires; then the stream is
    /// to be reset (RFC 6120 13.7.2.3). See [`identity::expiry_of`].
    #[must_use]
    pub fn peer_expires(&self) -> Option<UnixTime> {
        identity::expiry_of(&self.peer_certificates)
    }
}

/// How much the current keys have been used, per direction. The counts start
/// again with new keys (RFC 8446 4.6.3 KeyUpdate), records of the handshake
/// count where they took a sequence number of these keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Records sealed under the current keys, alerts included: the next write
    /// sequence number.
    pub records_sent: u64,
    /// Records opened under the current keys.
    pub records_received: u64,
    /// Bytes of text sealed under the current keys.
    pub bytes_sent: u64,
    /// Bytes of text opened under the current keys.
    pub bytes_received: u64,
    /// How often our own keys were updated (TLS 1.3). An update we owe the
    /// peer is sent, and counted, with the next text.
    pub key_updates_sent: u32,
    /// How often the peer updated its keys (TLS 1.3).
    pub key_updates_received: u32,
    /// How many records the suite allows under one key
    /// (`confidentiality_limit`); `u64::MAX` means no limit, and is the value
    /// before the handshake is complete.
    pub limit: u64,
    /// Whether keys are updated without our doing when the limit comes near
    /// (TLS 1.3).
    pub rekeys_itself: bool,
}
