//! Channel bindings as values (RFC 5056; RFC 9266, RFC 5929).
//!
//! Change here which kinds there are and how their data is handed out. How the data is made is said
//! in [`exporter`](super::exporter) and [`server_end_point`](super::server_end_point).

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::exporter::Exporter;
use super::info::TlsInfo;
use super::server_end_point::EndPoint;

/// A kind of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelBinding {
    /// `tls-exporter` (RFC 9266). It exists here in TLS 1.3 only.
    TlsExporter,
    /// `tls-server-end-point` (RFC 5929 4). It exists where the certificate's signature algorithm
    /// has a hash.
    TlsServerEndPoint,
}

impl ChannelBinding {
    /// All kinds, the preferred one first.
    pub const ALL: [Self; 2] = [Self::TlsExporter, Self::TlsServerEndPoint];

    /// Returns the registered unique prefix, as used in a GS2 header (RFC 5801 4).
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

/// The binding data of one connection. It is wiped when dropped, and `Debug` shows its kind only.
#[derive(Clone)]
pub struct Binding {
    kind: ChannelBinding,
    data: Zeroizing<Vec<u8>>,
}

impl Binding {
    fn new(kind: ChannelBinding, data: &[u8]) -> Self {
        Self {
            kind,
            data: Zeroizing::new(data.to_vec()),
        }
    }

    /// Returns the kind of this binding.
    #[must_use]
    pub fn kind(&self) -> ChannelBinding {
        self.kind
    }

    /// Returns the data: 32 bytes for `tls-exporter`, a hash of 28 to 64 bytes for
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

/// The channel bindings of one session. Their data is made by the first [`get`](Self::get),
/// because most logins ask for none.
pub(super) struct Bindings {
    pub(super) exporter: Option<Exporter>,
    pub(super) end_point: Option<EndPoint>,
}

impl Bindings {
    pub(super) fn has(&self, kind: ChannelBinding) -> bool {
        match kind {
            ChannelBinding::TlsExporter => self.exporter.is_some(),
            ChannelBinding::TlsServerEndPoint => self.end_point.is_some(),
        }
    }

    /// `info` is that of the same session.
    pub(super) fn get(&self, kind: ChannelBinding, info: &TlsInfo) -> Option<Binding> {
        let data = match kind {
            ChannelBinding::TlsExporter => self.exporter.as_ref()?.binding()?,
            ChannelBinding::TlsServerEndPoint => self.end_point.as_ref()?.hash(info)?,
        };
        Some(Binding::new(kind, data))
    }
}
