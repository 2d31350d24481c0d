//! Channel bindings as SASL sees them: a name and octets (RFC 5056, RFC 5929, RFC 9266, XEP-0440).
//!
//! The TLS layer supplies the octets. `tls-unique` is left out, because it is undefined for TLS 1.3
//! and unsafe without the extended master secret (RFC 7677 4). A new kind needs an entry in
//! [`ChannelBindingKind::BY_PREFERENCE`].
//!
//! RFC 9266 4.1 forbids to use one `tls-exporter` value for more than one mechanism per connection,
//! while RFC 6120 6.4.5 asks for several attempts. A mechanism does not know of its predecessors,
//! so whoever starts a second one on the same connection decides.

use alloc::vec::Vec;
use core::fmt;

/// A kind of channel binding, by its IANA name. The preferred kinds come first in the order.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelBindingKind {
    /// `tls-exporter` (RFC 9266).
    TlsExporter,
    /// `tls-server-end-point` (RFC 5929 4).
    TlsServerEndPoint,
}

impl ChannelBindingKind {
    /// The kinds in the order of preference (XEP-0440, rule 7).
    pub const BY_PREFERENCE: [Self; 2] = [Self::TlsExporter, Self::TlsServerEndPoint];

    /// Returns the IANA name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }

    /// Returns the kind of this name, if this crate has it.
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

/// The channel binding of one TLS connection. It is not a secret (RFC 9266 4), but is kept out of
/// logs.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBindingData {
    kind: ChannelBindingKind,
    data: Vec<u8>,
}

impl ChannelBindingData {
    /// Takes a `tls-exporter`: 32 octets of exported keying material. It must not be made where TLS
    /// renegotiation is possible (RFC 9266 2, 4.2).
    #[must_use]
    pub fn tls_exporter(material: [u8; 32]) -> Self {
        Self {
            kind: ChannelBindingKind::TlsExporter,
            data: material.to_vec(),
        }
    }

    /// Takes a `tls-server-end-point`: the hash of the server's certificate. Returns `None` unless
    /// it has the length of a SHA-2 hash: 28, 32, 48 or 64 octets (RFC 5929 4.1).
    #[must_use]
    pub fn tls_server_end_point(certificate_hash: &[u8]) -> Option<Self> {
        matches!(certificate_hash.len(), 28 | 32 | 48 | 64).then(|| Self {
            kind: ChannelBindingKind::TlsServerEndPoint,
            data: certificate_hash.to_vec(),
        })
    }

    /// Takes any octets, as examples in documents have them.
    #[cfg(test)]
    pub(super) fn example(kind: ChannelBindingKind, data: &[u8]) -> Self {
        Self {
            kind,
            data: data.to_vec(),
        }
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> ChannelBindingKind {
        self.kind
    }

    /// Returns the octets.
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
