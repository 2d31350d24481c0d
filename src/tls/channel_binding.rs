//! Channel bindings as values (RFC 5056; RFC 9266, RFC 5929).

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// Bytes of a `tls-exporter` binding (RFC 9266 2).
pub(super) const BINDING_LEN: usize = 32;

/// A kind of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelBinding {
    /// `tls-exporter` (RFC 9266): TLS 1.3 only here.
    TlsExporter,
    /// `tls-server-end-point` (RFC 5929 4): where the certificate's signature
    /// algorithm has a hash.
    TlsServerEndPoint,
}

impl ChannelBinding {
    /// All kinds, the preferred one first.
    pub const ALL: [Self; 2] = [Self::TlsExporter, Self::TlsServerEndPoint];

    /// The registered unique prefix, as used in a GS2 header (RFC 5801 4).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

impl fmt::Display for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The binding data of one connection. It is wiped when dropped, and `Debug`
/// shows its kind only.
#[derive(Clone)]
pub struct Binding {
    kind: ChannelBinding,
    data: Zeroizing<Vec<u8>>,
}

impl Binding {
    pub(super) fn new(kind: ChannelBinding, data: &[u8]) -> Self {
        Self {
            kind,
            data: Zeroizing::new(data.to_vec()),
        }
    }

    /// What kind of binding this is.
    #[must_use]
    pub fn kind(&self) -> ChannelBinding {
        self.kind
    }

    /// The data: 32 bytes for `tls-exporter`, a hash of 28 to 64 bytes for
    /// `tls-server-end-point`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
