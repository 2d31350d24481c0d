//! What is kept of the peer's stream header for as long as its stream lasts.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{ParsedHeader, Version};
use crate::jid::Jid;

/// The peer's stream header. Nothing of it is authentic before TLS.
#[derive(Clone, Debug)]
pub(crate) struct PeerHeader {
    id: Option<String>,
    from: Option<Jid>,
    to: Option<Jid>,
    lang: Option<String>,
    version: Version,
}

impl PeerHeader {
    /// The state before the peer has sent a header, and after a restart.
    pub(crate) const NONE: Self = Self {
        id: None,
        from: None,
        to: None,
        lang: None,
        version: Version::LEGACY,
    };

    /// Copies what the header says. An address that is no address counts as absent.
    pub(crate) fn record(&mut self, header: &ParsedHeader<'_>) {
        self.id = header.id.as_deref().map(ToOwned::to_owned);
        self.from = header.from.clone().ok().flatten();
        self.to = header.to.clone().ok().flatten();
        self.lang = header.lang.as_deref().map(ToOwned::to_owned);
        self.version = header.version;
    }

    /// `id`: sent by a receiving entity (RFC 6120 4.7.3).
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// `from` (RFC 6120 4.7.1).
    pub(crate) const fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    /// `to` (RFC 6120 4.7.2).
    pub(crate) const fn to(&self) -> Option<&Jid> {
        self.to.as_ref()
    }

    /// `xml:lang` (RFC 6120 4.7.4).
    pub(crate) fn lang(&self) -> Option<&str> {
        self.lang.as_deref()
    }

    /// `version` (RFC 6120 4.7.5); 0.9 if it is absent.
    pub(crate) const fn version(&self) -> Version {
        self.version
    }
}
