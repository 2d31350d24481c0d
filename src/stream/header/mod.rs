//! Stream headers: `<stream:stream ..>` written, read and judged (RFC 6120 4.7, 4.8).
//!
//! These decisions were open:
//! * Any prefix for the stream namespace is accepted, and the form without a prefix, where the
//!   stream namespace is the default one (RFC 6120 4.8.2; accepting only `stream` is allowed by
//!   4.8.5, not required). We write `stream`.
//! * Further namespaces declared in a peer's header are accepted (RFC 6120 4.8.5 allows refusing
//!   them), because elements are handed over together with the declarations they need.
//! * An empty address counts as absent: servers answer with `from=''` if no host is served
//!   (RFC 6120 4.9.1.3). Text that is no address at all is `improper-addressing`.
//! * A missing `from` or `to` is accepted on every kind of stream, with and without TLS, because
//!   the proven identity decides and not the header (RFC 6120 4.7.1, 4.7.2).
//! * A `version` that is not two numbers is `unsupported-version`. A higher version is answered
//!   with ours, the lower one (RFC 6120 4.7.5, rule 2). A response with a version above ours breaks
//!   that rule harmlessly, and is treated as ours.
//! * An `xml:lang` that is not a language tag is ignored.
//!
//! Reading is total: a header that has to be refused is read as far as possible, because its answer
//! needs it (RFC 6120 4.9.1.2), and because a peer's stream error that follows counts for more than
//! what is wrong with the header. [`HeaderFlaw`] says which of the two an initiating entity does.
//!
//! This file may be changed to accept or refuse more headers. When a header may arrive, and what
//! follows it, is decided by the state tables.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::{StreamCondition, lang, ns, put};
use crate::jid::{Jid, JidError};
use crate::xml::{Header, Scope};

/// Says what the stream connects, and thereby its content namespace (RFC 6120 4.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A client and a server: `jabber:client`.
    ClientToServer,
    /// Two servers: `jabber:server`.
    ServerToServer,
    /// An external component and its server: `jabber:component:accept` (XEP-0114). The component
    /// initiates, and headers have no version.
    Component,
}

impl Kind {
    /// Returns the content namespace.
    #[must_use]
    pub const fn content_ns(self) -> &'static str {
        match self {
            Self::ClientToServer => ns::CLIENT,
            Self::ServerToServer => ns::SERVER,
            Self::Component => ns::COMPONENT,
        }
    }

    /// Returns the application protocol of direct TLS (XEP-0368, RFC 7301). Components have none.
    #[must_use]
    pub const fn alpn(self) -> Option<&'static [u8]> {
        match self {
            Self::ClientToServer => Some(b"xmpp-client"),
            Self::ServerToServer => Some(b"xmpp-server"),
            Self::Component => None,
        }
    }

    /// Returns the prefixes that our headers declare, with their namespaces. The one of dialback is
    /// the exception of RFC 6120 4.8.4 and 4.8.5, because some servers look for it.
    #[must_use]
    pub const fn prefixes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ClientToServer | Self::Component => &[("stream", ns::STREAM)],
            Self::ServerToServer => &[("stream", ns::STREAM), ("db", ns::DIALBACK)],
        }
    }

    /// Returns everything that our headers declare.
    pub(crate) fn scope(self) -> Scope {
        Scope::new(self.content_ns(), self.prefixes())
    }
}

/// Says which of RFC 6120's two roles the local entity has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The initiating entity sends the initial header and reads the response.
    Initiating,
    /// The receiving entity reads the initial header and sends the response.
    Receiving,
}

/// A version of XMPP (RFC 6120 4.7.5). Versions are ordered as numbers, so that 2.4 is below 2.13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The number before the dot.
    pub major: u16,
    /// The number after the dot.
    pub minor: u16,
}

impl Version {
    /// The version of RFC 6120, and the highest version supported.
    pub const XMPP_1_0: Self = Self { major: 1, minor: 0 };

    /// The version that a header without the attribute stands for (RFC 6120 4.7.5, rule 4).
    pub const LEGACY: Self = Self { major: 0, minor: 9 };

    /// Reads `major.minor`: digits around one dot, leading zeros ignored. Numbers above 65535 are
    /// read as 65535. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }

    /// Returns the version for a response header: the lower of both (RFC 6120 4.7.5, rule 2).
    #[must_use]
    pub fn negotiate(self, offered: Self) -> Self {
        self.min(offered)
    }

    /// Returns whether stream features, TLS and SASL are to be expected.
    #[must_use]
    pub fn class(self) -> VersionClass {
        if self < Self::XMPP_1_0 {
            VersionClass::Legacy
        } else {
            VersionClass::Current
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Holds a stream header to be sent (RFC 6120 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderOut<'a> {
    /// The kind of the stream, which decides the content namespace.
    pub kind: Kind,
    /// The local address. In a response that refuses an unknown host it may be empty (RFC 6120
    /// 4.9.1.3).
    pub from: Option<&'a str>,
    /// The address of the peer.
    pub to: Option<&'a str>,
    /// The stream id, only in responses (RFC 6120 4.7.3).
    pub id: Option<&'a str>,
    /// The default language of what is sent, a language tag (RFC 6120 4.7.4).
    pub lang: &'a str,
    /// The version. `None` leaves the attribute out (RFC 6120 4.7.5, rule 4).
    pub version: Option<Version>,
}

impl<'a> HeaderOut<'a> {
    /// Returns the header that an initiating entity sends: version 1.0 (none for a component) and
    /// no `id`. `from` is left out, because it is not sent before the stream is protected (RFC 6120
    /// 4.7.1).
    #[must_use]
    pub const fn initial(kind: Kind, to: &'a str, lang: &'a str) -> Self {
        Self {
            kind,
            from: None,
            to: Some(to),
            id: None,
            lang,
            version: match kind {
                Kind::ClientToServer | Kind::ServerToServer => Some(Version::XMPP_1_0),
                Kind::Component => None,
            },
        }
    }

    /// Returns the header that a receiving entity answers with.
    ///
    /// `id` has to be new for each header and to contain at least 128 bits that nobody can predict
    /// (RFC 6120 4.7.3). `to` and `version` follow from the initial header: see
    /// [`ParsedHeader::answer`].
    #[must_use]
    pub const fn response(kind: Kind, from: &'a str, id: &'a str, lang: &'a str) -> Self {
        Self {
            kind,
            from: Some(from),
            to: None,
            id: Some(id),
            lang,
            version: Some(Version::XMPP_1_0),
        }
    }

    /// Appends the XML declaration and the opening tag.
    pub fn write(&self, out: &mut String) {
        out.push_str("<?xml version='1.0'?><stream:stream");
        put::attribute(out, "xmlns", self.kind.content_ns());
        for (prefix, namespace) in self.kind.prefixes() {
            out.push_str(" xmlns:");
            out.push_str(prefix);
            out.push_str("='");
            out.push_str(namespace);
            out.push('\'');
        }
        for (name, value) in [("from", self.from), ("to", self.to), ("id", self.id)] {
            if let Some(value) = value {
                put::attribute(out, name, value);
            }
        }
        put::attribute(out, "xml:lang", self.lang);
        if let Some(version) = self.version {
            out.push_str(" version='");
            put::display(out, &version);
            out.push('\'');
        }
        out.push('>');
    }
}

/// The closing tag that we write (RFC 6120 4.4).
pub const CLOSING_TAG: &str = "</stream:stream>";

/// Says what a state table needs to know of the peer's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VersionClass {
    /// The version is 1.0 or higher.
    Current,
    /// The version is below 1.0 or absent: there are no features, no TLS and no SASL.
    Legacy,
}

/// Sums up a peer's header for a state table. It is finite and holds no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderClass {
    /// The header is acceptable. Whether host and addresses fit is decided elsewhere.
    Valid(VersionClass),
    /// The header has to be refused with this stream error. An initiating entity first looks at
    /// [`ParsedHeader::flaw`].
    Bad(StreamCondition),
}

impl HeaderClass {
    /// Every value that [`ParsedHeader::read`] can return, and `invalid-from` for a header that
    /// names another peer than the one expected.
    pub const ALL: [Self; 7] = [
        Self::Valid(VersionClass::Current),
        Self::Valid(VersionClass::Legacy),
        Self::Bad(StreamCondition::InvalidNamespace),
        Self::Bad(StreamCondition::BadFormat),
        Self::Bad(StreamCondition::UnsupportedVersion),
        Self::Bad(StreamCondition::ImproperAddressing),
        Self::Bad(StreamCondition::InvalidFrom),
    ];
}

/// Says why an initiating entity cannot accept a response header, and whether it can still read
/// what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderFlaw {
    /// The document is not a stream, so nothing that follows can be understood. Refuse it at once
    /// with this condition.
    NotAStream(StreamCondition),
    /// The header is the header of a stream, and a stream error that follows it can be read.
    /// Remember this condition and look at the next element: if it is a stream error, the peer's
    /// condition is the reason; anything else is refused with the remembered condition.
    Unacceptable(StreamCondition),
}

impl HeaderFlaw {
    /// Returns the condition of the stream error that refuses the header.
    #[must_use]
    pub const fn condition(self) -> StreamCondition {
        match self {
            Self::NotAStream(condition) | Self::Unacceptable(condition) => condition,
        }
    }
}

/// Holds a peer's header that has been read. Before the stream is protected, its texts are only
/// hints (RFC 6120 4.3.6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParsedHeader<'a> {
    /// The judgement. The other fields hold what could be read, also if the header has to be
    /// refused, because its answer needs them (RFC 6120 4.9.1.2).
    pub class: HeaderClass,
    /// `from`: `Ok(None)` if it is absent or empty, `Err` if it is not an address.
    pub from: Result<Option<Jid>, JidError>,
    /// `to`, read in the same way.
    pub to: Result<Option<Jid>, JidError>,
    /// `id` of a response; very old servers leave it out. It is `None` in an initial header, whose
    /// `id` is ignored (RFC 6120 4.7.3).
    pub id: Option<Cow<'a, str>>,
    /// `xml:lang`, if it is a language tag.
    pub lang: Option<Cow<'a, str>>,
    /// `version`, or 0.9 if it is absent. It means nothing if [`class`](Self::class) says
    /// `unsupported-version`.
    pub version: Version,
    /// The `version` of the answer.
    answer: Option<Version>,
    /// Why an initiating entity cannot accept it.
    flaw: Option<HeaderFlaw>,
}

impl<'a> ParsedHeader<'a> {
    /// Reads and judges the header of a stream of that kind. `role` is the local role, so
    /// [`Role::Receiving`] reads initial headers.
    #[must_use]
    pub fn read(header: &Header<'a>, kind: Kind, role: Role) -> Self {
        let from = address(header.attr("from").as_deref());
        let to = address(header.attr("to").as_deref());
        let version = match header.attr("version") {
            None => Some(Version::LEGACY),
            Some(text) => Version::parse(&text),
        };
        let no_stream = match (header.ns(), header.name()) {
            (ns::STREAM, "stream") => None,
            (ns::STREAM, _) => Some(StreamCondition::BadFormat),
            _ => Some(StreamCondition::InvalidNamespace),
        };
        let class = match (no_stream, version) {
            (Some(condition), _) => HeaderClass::Bad(condition),
            _ if !is_content_ns(header.content_ns(), kind) => {
                HeaderClass::Bad(StreamCondition::InvalidNamespace)
            }
            (None, None) => HeaderClass::Bad(StreamCondition::UnsupportedVersion),
            _ if !addresses_fit(&from, &to, kind, role) => {
                HeaderClass::Bad(StreamCondition::ImproperAddressing)
            }
            (None, Some(version)) => HeaderClass::Valid(version.class()),
        };
        let flaw = match (no_stream, class) {
            (Some(condition), _) => Some(HeaderFlaw::NotAStream(condition)),
            (None, HeaderClass::Bad(condition)) => Some(HeaderFlaw::Unacceptable(condition)),
            // A server below 1.0 has no features, and so neither TLS nor SASL (RFC 6120 4.7.5).
            (None, HeaderClass::Valid(VersionClass::Legacy))
                if role == Role::Initiating && kind != Kind::Component =>
            {
                Some(HeaderFlaw::Unacceptable(
                    StreamCondition::UnsupportedVersion,
                ))
            }
            (None, HeaderClass::Valid(_)) => None,
        };
        Self {
            class,
            from,
            to,
            id: match role {
                Role::Initiating => header.attr("id"),
                Role::Receiving => None,
            },
            lang: header
                .attr_ns(ns::XML, "lang")
                .filter(|tag| lang::is_language_tag(tag)),
            version: version.unwrap_or(Version::LEGACY),
            answer: header
                .attr("version")
                .map(|_| Version::XMPP_1_0.negotiate(version.unwrap_or(Version::XMPP_1_0))),
            flaw,
        }
    }

    /// Returns what the answer to this initial header says in `to` and `version`: the bare address
    /// that the peer gave for itself (RFC 6120 4.7.2), and the lower version, or none to a peer
    /// that named none (RFC 6120 4.7.5).
    #[must_use]
    pub fn answer(&self) -> (Option<Jid>, Option<Version>) {
        let to = match &self.from {
            Ok(Some(from)) => Some(from.bare()),
            _ => None,
        };
        (to, self.answer)
    }

    /// Returns the `version` of the answer, as [`answer`](Self::answer) does.
    pub(crate) const fn answer_version(&self) -> Option<Version> {
        self.answer
    }

    /// Returns why an initiating entity cannot accept this response header, or `None` if the header
    /// is acceptable. A receiving entity refuses by [`class`](Self::class) alone, and at once.
    #[must_use]
    pub const fn flaw(&self) -> Option<HeaderFlaw> {
        self.flaw
    }

    /// Returns the flaw of a response between servers whose addresses are not the expected ones:
    /// `invalid-from` if `from` is another domain than `peer`, `improper-addressing` if `to` is
    /// another domain than `local`. Both are domains.
    ///
    /// Absent and empty addresses are accepted, with and without TLS, because the proven identity
    /// decides (RFC 6120 4.7.1, 4.7.2). A flaw that [`flaw`](Self::flaw) reports goes before this
    /// one.
    #[must_use]
    pub fn server_address_flaw(&self, peer: &str, local: &str) -> Option<HeaderFlaw> {
        let differs = |address: &Result<Option<Jid>, JidError>, expected: &str| match address {
            Ok(None) => false,
            Ok(Some(address)) => address.domain() != expected,
            Err(_) => true,
        };
        match (differs(&self.from, peer), differs(&self.to, local)) {
            (true, _) => Some(StreamCondition::InvalidFrom),
            (false, true) => Some(StreamCondition::ImproperAddressing),
            (false, false) => None,
        }
        .map(HeaderFlaw::Unacceptable)
    }
}

fn number(digits: &str) -> Option<u16> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Digits can only fail to parse by being too many.
    Some(digits.parse().unwrap_or(u16::MAX))
}

/// The content namespace is declared as the default namespace, or each element names its namespace
/// itself (RFC 6120 4.8.2).
fn is_content_ns(default: Option<&str>, kind: Kind) -> bool {
    match default {
        None | Some(ns::STREAM) => true,
        Some(namespace) => namespace == kind.content_ns(),
    }
}

fn address(attribute: Option<&str>) -> Result<Option<Jid>, JidError> {
    match attribute {
        None | Some("") => Ok(None),
        Some(text) => Jid::parse(text).map(Some),
    }
}

/// Servers are addressed by domain; a client by its bare address, though some write the full one
/// (RFC 6120 4.7.1, 4.7.2).
fn addresses_fit(
    from: &Result<Option<Jid>, JidError>,
    to: &Result<Option<Jid>, JidError>,
    kind: Kind,
    role: Role,
) -> bool {
    let is_server = |address: &Result<Option<Jid>, JidError>| match address {
        Ok(address) => address.as_ref().is_none_or(Jid::is_domain),
        Err(_) => false,
    };
    match (kind, role) {
        (Kind::ServerToServer, _) => is_server(from) && is_server(to),
        (Kind::ClientToServer | Kind::Component, Role::Receiving) => from.is_ok() && is_server(to),
        (Kind::ClientToServer | Kind::Component, Role::Initiating) => is_server(from) && to.is_ok(),
    }
}

#[cfg(test)]
mod tests;
