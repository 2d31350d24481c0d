//! What is kept of the peer's stream header for as long as its stream lasts.

use alloc::string::String;

use super::{ParsedHeader, Version};
use crate::jid::Jid;

/// The peer's stream header. Nothing of it is authentic before TLS.
#[derive(Clone, Debug)]
pub(crate) struct PeerHeader {
    /// The id, and after it the language.
    texts: String,
    /// How long the id is, if there is one.
    id: Option<usize>,
    /// Where the language begins, if there is one.
    lang: Option<usize>,
    from: Option<Jid>,
    to: Option<Jid>,
    version: Version,
}

impl PeerHeader {
    /// The state before the peer has sent a header.
    pub(crate) const NONE: Self = Self {
        texts: String::new(),
        id: None,
        lang: None,
        from: None,
        to: None,
        version: Version::LEGACY,
    };

    /// A header that nobody has sent.
    #[cfg(feature = "testkit")]
    pub(crate) fn for_testing(
        id: Option<&str>,
        from: Option<Jid>,
        to: Option<Jid>,
        lang: Option<&str>,
        version: Version,
    ) -> Self {
        let texts = [id, lang].map(Option::unwrap_or_default).concat();
        Self {
            texts,
            id: id.map(str::len),
            lang: lang.map(|_| id.map_or(0, str::len)),
            from,
            to,
            version,
        }
    }

    /// Takes what the header says. An address that is no address counts as absent.
    pub(crate) fn record(&mut self, header: ParsedHeader<'_>) {
        self.forget();
        let id = header.id.as_deref();
        let lang = header.lang.as_deref();
        let length = id.map_or(0, str::len) + lang.map_or(0, str::len);
        self.texts.reserve(length);
        self.id = id.map(|id| {
            self.texts.push_str(id);
            id.len()
        });
        self.lang = lang.map(|lang| {
            let start = self.texts.len();
            self.texts.push_str(lang);
            start
        });
        self.from = header.from.ok().flatten();
        self.to = header.to.ok().flatten();
        self.version = header.version;
    }

    /// Forgets the header at a restart.
    pub(crate) fn forget(&mut self) {
        let mut texts = core::mem::take(&mut self.texts);
        texts.clear();
        *self = Self {
            texts,
            ..Self::NONE
        };
    }

    /// `id`: sent by a receiving entity (RFC 6120 4.7.3).
    pub(crate) fn id(&self) -> Option<&str> {
        self.texts.get(..self.id?)
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
        self.texts.get(self.lang?..)
    }

    /// `version` (RFC 6120 4.7.5); 0.9 if it is absent.
    pub(crate) const fn version(&self) -> Version {
        self.version
    }
}
