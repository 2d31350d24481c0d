//! Which addresses a stream between servers, or of a component, may carry.

use alloc::borrow::{Cow, ToOwned};

use crate::event::PairVerified;
use crate::jid::Jid;
use crate::stream::{ElementClass, StanzaRefusal, StreamCondition};
use crate::xml::Element;

/// What decides about addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::connection) enum AddressRule {
    /// The initiating server: verified pairs on the way out, nothing on the way in.
    Sender,
    /// The receiving server: the reverse.
    Receiver,
    /// A component, which sends from its domain.
    Component(Jid),
    /// The server of this component; `None` until it is known which.
    ComponentServer(Option<Jid>),
}

impl AddressRule {
    /// Records which component has connected.
    pub(super) fn set_component(&mut self, domain: Option<Jid>) {
        if let Self::ComponentServer(component) = self {
            *component = domain;
        }
    }

    /// Whether the application may send a stanza with these domains.
    pub(super) fn carries(&self, from: &str, to: &str, pairs: &[PairVerified]) -> bool {
        match self {
            Self::ComponentServer(_) => true,
            Self::Sender => contains(pairs, from, to),
            Self::Receiver => false,
            Self::Component(own) => is(own, from),
        }
    }

    /// The class of a stanza of the peer that is refused, if it is. Before a pair is verified the
    /// state table decides. What a component writes for one of its users ends no stream (XEP-0114
    /// says only that such a stanza is not accepted).
    pub(super) fn refuses(
        &self,
        stanza: &Element<'_>,
        pairs: &[PairVerified],
    ) -> Option<ElementClass> {
        use ElementClass::{Bad, RefusedStanza};
        match self {
            Self::Component(_) | Self::ComponentServer(None) => None,
            Self::Sender | Self::Receiver if pairs.is_empty() => None,
            // RFC 6120 4.5: the peer sends stanzas on a stream that it has opened.
            Self::Sender => Some(Bad(StreamCondition::InvalidFrom)),
            Self::ComponentServer(Some(component)) => match domain(stanza, "from") {
                None => Some(RefusedStanza(StanzaRefusal::JidMalformed)),
                Some(from) if is(component, &from) => None,
                Some(_) => Some(RefusedStanza(StanzaRefusal::NotAllowed)),
            },
            Self::Receiver => {
                let from = domain(stanza, "from").unwrap_or_default();
                let to = domain(stanza, "to").unwrap_or_default();
                if contains(pairs, &from, &to) {
                    None
                } else if pairs.iter().any(|pair| is(pair.from(), &from)) {
                    // RFC 6120 8.1.1.2
                    Some(Bad(StreamCondition::HostUnknown))
                } else {
                    Some(Bad(StreamCondition::InvalidFrom))
                }
            }
        }
    }
}

/// Whether the pair of these domains is among the verified ones.
pub(super) fn contains(pairs: &[PairVerified], from: &str, to: &str) -> bool {
    pairs
        .iter()
        .any(|pair| is(pair.from(), from) && is(pair.to(), to))
}

/// The domain in an address of a stanza; `None` if that is no address, by RFC 7622 or RFC 6122.
pub(super) fn domain<'a>(stanza: &Element<'a>, attribute: &str) -> Option<Cow<'a, str>> {
    match stanza.attr(attribute)? {
        Cow::Borrowed(address) => Jid::domain_of(address).map(Cow::Borrowed),
        Cow::Owned(address) => Jid::domain_of(&address).map(|domain| domain.to_owned().into()),
    }
}

fn is(known: &Jid, domain: &str) -> bool {
    known.domain().eq_ignore_ascii_case(domain)
}
