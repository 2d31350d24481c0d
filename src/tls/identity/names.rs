//! The names a certificate presents in its subjectAltName, and how they match (RFC 6120
//! 13.7.1.2.1, RFC 6125 6, RFC 4985).
//!
//! Change here which kinds of names are known and what each of them matches.

use alloc::string::String;
use core::str;

use super::super::der::{Der, OID};
use super::purpose::{Purpose, XMPP_ADDR};
use crate::jid::Jid;

/// The content of a `GeneralNames` whose entries are known to be well-formed.
#[derive(Clone, Copy)]
pub(super) struct AltNames<'a>(Der<'a>);

impl<'a> AltNames<'a> {
    pub(super) fn read(content: &'a [u8]) -> Option<Self> {
        let names = Self(Der(content));
        let mut rest = names.0;
        while !rest.0.is_empty() {
            rest.next()?;
        }
        Some(names)
    }

    /// Iterates over the names of a kind that is known here. A name whose text is not what its kind
    /// must have (ASCII, UTF-8) is left out.
    pub(super) fn iter(self) -> impl Iterator<Item = Name<'a>> {
        let mut rest = self.0;
        core::iter::from_fn(move || rest.next())
            .filter_map(|(tag, content)| Name::read(tag, content))
    }
}

/// One presented name, in the spelling of the certificate.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// DNS-ID: `dNSName`.
    Dns(&'a str),
    /// SRV-ID: id-on-dnsSRV, `_service.domain`.
    Srv { service: &'a str, domain: &'a str },
    /// id-on-xmppAddr.
    Xmpp(&'a str),
}

impl<'a> Name<'a> {
    fn read(tag: u8, content: &'a [u8]) -> Option<Self> {
        match tag {
            DNS_NAME => host(content).map(Self::Dns),
            OTHER_NAME => Self::read_other(Der(content)),
            _ => None,
        }
    }

    /// Reads `OtherName ::= SEQUENCE { type-id, value [0] EXPLICIT ANY }`
    fn read_other(mut other: Der<'a>) -> Option<Self> {
        let kind = other.expect(OID)?;
        let mut value = Der(other.expect(VALUE)?);
        match kind {
            DNS_SRV => {
                let text = host(value.expect(IA5_STRING)?)?;
                let (service, domain) = text.split_once('.')?;
                Some(Self::Srv { service, domain })
            }
            XMPP_ADDR => str::from_utf8(value.expect(UTF8_STRING)?)
                .ok()
                .map(Self::Xmpp),
            _ => None,
        }
    }

    /// Returns whether a server with this name may act as `domain`, which is in small letters and
    /// without a final dot.
    pub(super) fn speaks_for(self, domain: &str, purpose: Purpose) -> bool {
        match self {
            Self::Dns(name) => match wildcard(name) {
                Wildcard::None => name.eq_ignore_ascii_case(domain),
                Wildcard::Child(parent) => domain
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
                Wildcard::Misused => false,
            },
            Self::Srv { .. } | Self::Xmpp(_) => self
                .server(purpose)
                .is_some_and(|name| name.eq_ignore_ascii_case(domain)),
        }
    }

    /// Returns the domain a server with this name may act as for this purpose, with a `*` where
    /// every label will do.
    pub(super) fn server(self, purpose: Purpose) -> Option<&'a str> {
        match self {
            Self::Dns(name) => (!matches!(wildcard(name), Wildcard::Misused)).then_some(name),
            Self::Srv { service, domain } => (purpose.service()?.eq_ignore_ascii_case(service)
                && !domain.contains('*'))
            .then_some(domain),
            Self::Xmpp(text) => Jid::parse(text).ok()?.is_domain().then_some(text),
        }
    }

    /// Returns the address a client with this name has.
    pub(super) fn jid(self) -> Option<Jid> {
        match self {
            Self::Xmpp(text) => Jid::parse(text).ok(),
            Self::Dns(_) | Self::Srv { .. } => None,
        }
    }

    /// Returns whether name constraints of an authority cover it (see [`super`], "Name
    /// constraints").
    pub(super) fn is_constrainable(self) -> bool {
        matches!(self, Self::Dns(_))
    }

    /// Returns whether it has a `*` where there must be none.
    pub(super) fn misuses_wildcard(self) -> bool {
        match self {
            Self::Dns(name) => matches!(wildcard(name), Wildcard::Misused),
            Self::Srv { service, domain } => service.contains('*') || domain.contains('*'),
            Self::Xmpp(_) => false,
        }
    }

    /// Returns it for an error, as `DNS:`, `SRV:` or `XMPP:` and the name, escaped and cut to 256
    /// characters.
    pub(super) fn to_text(self) -> String {
        let parts = match self {
            Self::Dns(name) => ["DNS:", name, "", ""],
            Self::Srv { service, domain } => ["SRV:", service, ".", domain],
            Self::Xmpp(text) => ["XMPP:", text, "", ""],
        };
        parts
            .into_iter()
            .flat_map(str::escape_debug)
            .take(MAX_SHOWN)
            .collect()
    }
}

enum Wildcard<'a> {
    None,
    /// Any one label and this domain.
    Child(&'a str),
    Misused,
}

/// Classifies the `*` of a name: it is allowed only as the complete left-most label (RFC 6120
/// 13.7.1.2.1). It must not stand for all domains below a top-level one. Which other domains belong
/// to a registry only a list could tell.
fn wildcard(name: &str) -> Wildcard<'_> {
    match name.strip_prefix("*.") {
        Some(parent) if parent.contains('.') && !parent.contains('*') => Wildcard::Child(parent),
        None if !name.contains('*') => Wildcard::None,
        _ => Wildcard::Misused,
    }
}

/// Reads a text that can be a host name, with or without wildcards.
fn host(content: &[u8]) -> Option<&str> {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(byte);
    content.iter().all(letter).then_some(())?;
    str::from_utf8(content).ok()
}

/// Characters of a name that an error shows at most.
const MAX_SHOWN: usize = 256;

const UTF8_STRING: u8 = 0x0c;
const IA5_STRING: u8 = 0x16;
/// The tag of `otherName [0]` in `GeneralName`, implicit.
const OTHER_NAME: u8 = 0xa0;
/// The tag of `dNSName [2]` in `GeneralName`, implicit.
const DNS_NAME: u8 = 0x82;
const VALUE: u8 = 0xa0;
/// id-on-dnsSRV, 1.3.6.1.5.5.7.8.7 (RFC 4985 2)
const DNS_SRV: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x08\x07";
