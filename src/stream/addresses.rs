//! The addresses of a stanza, of which a peer may have written anything (RFC 6120 8.1.1, 8.1.2).
//!
//! A stream of a server or a component carries the stanzas of many users, so one odd address does
//! not end it, and the application sees stanzas whose addresses are none. [`StanzaAddresses`] tells
//! them apart.

use alloc::borrow::Cow;

use crate::jid::{AddressClass, Jid};
use crate::xml::Element;

/// The `from` and `to` of a stanza.
///
/// ```
/// use xmpp_stream::stream::{StanzaAddress, StanzaAddresses};
/// # use xmpp_stream::xml::{Frame, FrameLimits, Framer};
/// # let mut framer = Framer::new(FrameLimits::default());
/// # framer.push(b"<stream:stream xmlns='jabber:client' \
/// #     xmlns:stream='http://etherx.jabber.org/streams'>");
/// # framer.poll().unwrap();
/// # framer.push(b"<message from='romeo@example.net/ desk' to='a@b@c'/>");
/// # framer.poll().unwrap();
/// # let Some(Frame::Element(stanza)) = framer.frame() else { panic!() };
///
/// // <message from='romeo@example.net/ desk' to='a@b@c'/>
/// let addresses = StanzaAddresses::read(&stanza);
/// assert!(matches!(&addresses.from, StanzaAddress::Outdated(_)));
/// assert_eq!(addresses.from.reply_to(), Some("romeo@example.net/ desk"));
/// assert!(matches!(&addresses.to, StanzaAddress::Invalid(_)));
/// assert!(addresses.has_invalid());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StanzaAddresses<'a> {
    /// The sender.
    pub from: StanzaAddress<'a>,
    /// The recipient.
    pub to: StanzaAddress<'a>,
}

/// An address of a stanza, with what can be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StanzaAddress<'a> {
    /// There is none, or it is empty.
    Absent,
    /// An address of RFC 7622.
    Jid(Jid),
    /// An address that RFC 6122 allowed and RFC 7622 forbids, as it is written. There is no
    /// [`Jid`] of it, but it can be answered.
    Outdated(Cow<'a, str>),
    /// A text that is no address. It cannot be answered; the usual error is `<jid-malformed/>` (RFC
    /// 6120 8.3.3.8), to the other address.
    Invalid(Cow<'a, str>),
}

impl<'a> StanzaAddresses<'a> {
    /// Reads both addresses of a stanza.
    #[must_use]
    pub fn read(stanza: &Element<'a>) -> Self {
        Self {
            from: StanzaAddress::read(stanza, "from"),
            to: StanzaAddress::read(stanza, "to"),
        }
    }

    /// Returns whether one of them is a text that is no address.
    #[must_use]
    pub const fn has_invalid(&self) -> bool {
        matches!(self.from, StanzaAddress::Invalid(_))
            || matches!(self.to, StanzaAddress::Invalid(_))
    }
}

impl<'a> StanzaAddress<'a> {
    fn read(stanza: &Element<'a>, name: &str) -> Self {
        let Some(text) = stanza.attr(name).filter(|text| !text.is_empty()) else {
            return Self::Absent;
        };
        match (Jid::parse(&text), Jid::classify(&text)) {
            (Ok(jid), _) => Self::Jid(jid),
            (Err(_), AddressClass::Invalid) => Self::Invalid(text),
            (Err(_), _) => Self::Outdated(text),
        }
    }

    /// Returns the address, if it is one of RFC 7622.
    #[must_use]
    pub const fn jid(&self) -> Option<&Jid> {
        match self {
            Self::Jid(jid) => Some(jid),
            _ => None,
        }
    }

    /// Returns what the `to` of an answer is, `None` if there can be none.
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        match self {
            Self::Jid(jid) => Some(jid.as_str()),
            Self::Outdated(text) => Some(text),
            Self::Absent | Self::Invalid(_) => None,
        }
    }
}
