//! Stream headers: `<stream:stream ..>` written and read (RFC 6120 sections
//! 4.7 and 4.8).
//!
//! Open choices, and how they were made:
//! * Any prefix for the stream namespace is accepted, and the form without a
//!   prefix, where the stream namespace is the default one (4.8.2, 4.8.5:
//!   accepting only `stream` is allowed, not asked for). We write `stream`.
//! * Further namespaces declared in a peer's header are tolerated (4.8.5 lets
//!   one refuse them): elements are handed on with what they need declared.
//! * An address that is no address is `improper-addressing`, also in a
//!   header. An empty one counts as absent: servers answer with `from=''`
//!   where no host is served (4.9.1.3).
//! * A `version` that is not two numbers is `unsupported-version`. A higher
//!   version is answered with ours, the lower one (4.7.5 rule 2). A response
//!   with a version above ours breaks that rule harmlessly, and is taken for
//!   ours.
//! * `xml:lang` that is no language tag is ignored.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::{StreamCondition, lang, ns, put};
use crate::jid::{Jid, JidError};
use crate::xml::Header;

/// What the stream connects, and thereby its content namespace (RFC 6120
/// section 4.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A client and a server: `jabber:client`.
    ClientToServer,
    /// Two servers: `jabber:server`.
    ServerToServer,
    /// An external component and its server: `jabber:component:accept`
    /// (XEP-0114). The component initiates; headers have no version.
    Component,
}

impl Kind {
    /// The content namespace.
    #[must_use]
    pub const fn content_ns(self) -> &'static str {
        match self {
            Self::ClientToServer => ns::CLIENT,
            Self::ServerToServer => ns::SERVER,
            Self::Component => ns::COMPONENT,
        }
    }

    /// The application protocol of direct TLS (XEP-0368, RFC 7301); components
    /// have none.
    #[must_use]
    pub const fn alpn(self) -> Option<&'static [u8]> {
        match self {
            Self::ClientToServer => Some(b"xmpp-client"),
            Self::ServerToServer => Some(b"xmpp-server"),
            Self::Component => None,
        }
    }

    /// The prefixes our own headers declare, with their namespaces. The one
    /// of dialback is the exception sections 4.8.4 and 4.8.5 make: some
    /// servers look for it.
    #[must_use]
    pub const fn prefixes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ClientToServer | Self::Component => &[("stream", ns::STREAM)],
            Self::ServerToServer => &[("stream", ns::STREAM), ("db", ns::DIALBACK)],
        }
    }
}

/// Which of RFC 6120's two roles *we* have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The initiating entity: sends the initial header, reads the response.
    Initiating,
    /// The receiving entity: reads the initial header, sends the response.
    Receiving,
}

/// A version of XMPP (RFC 6120 section 4.7.5); ordered as numbers, so that
/// 2.4 is below 2.13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Before the dot.
    pub major: u16,
    /// Behind the dot.
    pub minor: u16,
}

impl Version {
    /// The version of RFC 6120, and the highest we speak.
    pub const XMPP_1_0: Self = Self { major: 1, minor: 0 };

    /// What a header without the attribute stands for (4.7.5 rule 4).
    pub const LEGACY: Self = Self { major: 0, minor: 9 };

    /// Reads `major.minor`: digits around one dot, leading zeros ignored.
    /// Numbers beyond 65535 are taken for 65535. `None` if it is anything
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }

    /// The version a response header names: the lower of both (4.7.5 rule 2).
    #[must_use]
    pub fn negotiate(self, offered: Self) -> Self {
        self.min(offered)
    }

    /// Whether stream features, TLS and SASL are to be expected.
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

/// A stream header to be sent (RFC 6120 section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderOut<'a> {
    /// Decides the content namespace.
    pub kind: Kind,
    /// Our own address; in a response that refuses an unknown host the empty
    /// string is allowed (4.9.1.3).
    pub from: Option<&'a str>,
    /// The address of the peer.
    pub to: Option<&'a str>,
    /// The stream id: responses only (4.7.3).
    pub id: Option<&'a str>,
    /// The default language of what we send, a language tag (4.7.4).
    pub lang: &'a str,
    /// `None` leaves the attribute out (4.7.5 rule 4).
    pub version: Option<Version>,
}

impl<'a> HeaderOut<'a> {
    /// The header an initiating entity sends: version 1.0 (none for a
    /// component), no `id`. `from` is left out until the stream is protected
    /// (4.7.1).
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

    /// The header a receiving entity answers with. `id` has at least 128 bits
    /// nobody can foretell and is new for each header (4.7.3); `to` and
    /// `version` follow from the initial header: see [`ParsedHeader::answer`].
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

    /// Appends XML declaration and opening tag.
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

/// The closing tag of our own stream (RFC 6120 section 4.4).
pub const CLOSING_TAG: &str = "</stream:stream>";

/// What a state table needs to know of the peer's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VersionClass {
    /// 1.0 or higher.
    Current,
    /// Below 1.0, or none: no features, TLS or SASL.
    Legacy,
}

/// A peer's header as a state table sees it: finite, and without texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderClass {
    /// Acceptable as a header; whether host and addresses suit is decided
    /// elsewhere.
    Valid(VersionClass),
    /// To be refused with this stream error.
    Bad(StreamCondition),
}

impl HeaderClass {
    /// Every value [`ParsedHeader::read`] can yield, and `invalid-from` for a header
    /// that names another peer than the one expected.
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

/// A peer's header, read. Before the stream is protected its texts are hints
/// and no more (RFC 6120 section 4.3.6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParsedHeader<'a> {
    /// The verdict. The other fields hold what could be read also of a header
    /// that is to be refused, as its answer still needs it (4.9.1.2).
    pub class: HeaderClass,
    /// `from`: absent or empty, an address, or none.
    pub from: Result<Option<Jid>, JidError>,
    /// `to`, in the same way.
    pub to: Result<Option<Jid>, JidError>,
    /// `id` of a response, absent from very old servers; of an initial header
    /// it is ignored (4.7.3) and `None`.
    pub id: Option<Cow<'a, str>>,
    /// `xml:lang`, if it is a language tag.
    pub lang: Option<Cow<'a, str>>,
    /// `version`; 0.9 if absent. Meaningless if [`class`](Self::class) says
    /// `unsupported-version`.
    pub version: Version,
    /// The `version` of the answer.
    answer: Option<Version>,
}

impl<'a> ParsedHeader<'a> {
    /// Reads and judges the header of a stream of that kind; `role` is our
    /// own, so that `Receiving` reads initial headers.
    #[must_use]
    pub fn read(header: &Header<'a>, kind: Kind, role: Role) -> Self {
        let from = address(header.attr("from").as_deref());
        let to = address(header.attr("to").as_deref());
        let version = match header.attr("version") {
            None => Some(Version::LEGACY),
            Some(text) => Version::parse(&text),
        };
        let class = match version {
            _ if header.ns() != ns::STREAM => HeaderClass::Bad(StreamCondition::InvalidNamespace),
            _ if header.name() != "stream" => HeaderClass::Bad(StreamCondition::BadFormat),
            _ if !is_content_ns(header.content_ns(), kind) => {
                HeaderClass::Bad(StreamCondition::InvalidNamespace)
            }
            None => HeaderClass::Bad(StreamCondition::UnsupportedVersion),
            _ if !addresses_fit(&from, &to, kind, role) => {
                HeaderClass::Bad(StreamCondition::ImproperAddressing)
            }
            Some(version) => HeaderClass::Valid(version.class()),
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
        }
    }

    /// What the answer to this initial header says in `to` and `version`: the
    /// bare address the peer gave for itself (4.7.2), and the lower version, or
    /// none to a peer that named none (4.7.5).
    #[must_use]
    pub fn answer(&self) -> (Option<Jid>, Option<Version>) {
        let to = match &self.from {
            Ok(Some(from)) => Some(from.bare()),
            _ => None,
        };
        (to, self.answer)
    }
}

fn number(digits: &str) -> Option<u16> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Only its size can be wrong with it.
    Some(digits.parse().unwrap_or(u16::MAX))
}

/// 4.8.2: declared as the default namespace, or each element names its own.
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

/// 4.7.1, 4.7.2: servers are addressed by domainpart; a client by its bare
/// address, though some write the full one.
fn addresses_fit(
    from: &Result<Option<Jid>, JidError>,
    to: &Result<Option<Jid>, JidError>,
    kind: Kind,
    role: Role,
) -> bool {
    let server = |address: &Result<Option<Jid>, JidError>| match address {
        Ok(address) => address.as_ref().is_none_or(Jid::is_domain),
        Err(_) => false,
    };
    match (kind, role) {
        (Kind::ServerToServer, _) => server(from) && server(to),
        (Kind::ClientToServer | Kind::Component, Role::Receiving) => from.is_ok() && server(to),
        (Kind::ClientToServer | Kind::Component, Role::Initiating) => server(from) && to.is_ok(),
    }
}

#[cfg(test)]
mod tests;
