//! Channel bindings as SASL sees them: a name and octets (RFC 5056, 5929,
//! 9266, XEP-0440).
//!
//! Where the octets come from is the TLS layer's business. `tls-unique` is
//! left out: it is undefined for TLS 1.3 and unsafe without the extended
//! master secret (RFC 7677 section 4).
//!
//! RFC 9266 section 4.1 forbids using one `tls-exporter` value for more than
//! one mechanism instance per connection, while RFC 6120 section 6.4.5 wants
//! several attempts. A mechanism cannot see its predecessors: whoever starts a
//! second one on the same connection decides between the two.

use alloc::vec::Vec;
use core::fmt;

/// A kind of channel binding, by its IANA name. Preferred ones come first in
/// the order.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelBindingKind {
    /// `tls-exporter` (RFC 9266).
    TlsExporter,
    /// `tls-server-end-point` (RFC 5929 section 4).
    TlsServerEndPoint,
}

impl ChannelBindingKind {
    /// The kinds in the order of preference (XEP-0440, rule 7).
    pub const BY_PREFERENCE: [Self; 2] = [Self::TlsExporter, Self::TlsServerEndPoint];

    /// The IANA name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }

    /// The kind of this name, if it is one of ours.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::BY_PREFERENCE
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ChannelBindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The channel binding of one TLS connection. Not a secret (RFC 9266 section
/// 4), yet kept out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBindingData {
    kind: ChannelBindingKind,
    data: Vec<u8>,
}

impl ChannelBindingData {
    /// `tls-exporter`: 32 octets of exported keying material (RFC 9266 section
    /// 2). Not to be made where TLS renegotiation is possible (section 4.2).
    #[must_use]
    pub fn tls_exporter(material: [u8; 32]) -> Self {
        Self {
            kind: ChannelBindingKind::TlsExporter,
            data: material.to_vec(),
        }
    }

    /// `tls-server-end-point`: the hash of the server's certificate (RFC 5929
    /// section 4.1). `None` if it has not the length of a SHA-2 hash (28, 32,
    /// 48 or 64 octets).
    #[must_use]
    pub fn tls_server_end_point(certificate_hash: &[u8]) -> Option<Self> {
        matches!(certificate_hash.len(), 28 | 32 | 48 | 64).then(|| Self {
            kind: ChannelBindingKind::TlsServerEndPoint,
            data: certificate_hash.to_vec(),
        })
    }

    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> ChannelBindingKind {
        self.kind
    }

    /// The octets.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl fmt::Debug for ChannelBindingData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBindingData")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
