//! Which addresses a stream between servers, or of a component, may carry.

use alloc::borrow::{Cow, ToOwned};

use crate::event::PairVerified;
use crate::jid::Jid;
use crate::stream::StreamCondition;
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

    /// Why a stanza of the peer is refused, if it is. Before a pair is verified the state table
    /// decides.
    pub(super) fn refuses(
        &self,
        stanza: &Element<'_>,
        pairs: &[PairVerified],
    ) -> Option<StreamCondition> {
        match self {
            Self::Component(_) | Self::ComponentServer(None) => None,
            Self::Sender | Self::Receiver if pairs.is_empty() => None,
            // RFC 6120 4.5: the peer sends stanzas on a stream that it has opened.
            Self::Sender => Some(StreamCondition::InvalidFrom),
            Self::ComponentServer(Some(component)) => {
                let from = domain(stanza, "from").unwrap_or_default();
                (!is(component, &from)).then_some(StreamCondition::InvalidFrom)
            }
            Self::Receiver => {
                let from = domain(stanza, "from").unwrap_or_default();
                let to = domain(stanza, "to").unwrap_or_default();
                if contains(pairs, &from, &to) {
                    None
                } else if pairs.iter().any(|pair| is(pair.from(), &from)) {
                    // RFC 6120 8.1.1.2
                    Some(StreamCondition::HostUnknown)
                } else {
                    Some(StreamCondition::InvalidFrom)
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

/// The domain in an address of a stanza.
pub(super) fn domain<'a>(stanza: &Element<'a>, attribute: &str) -> Option<Cow<'a, str>> {
    match stanza.attr(attribute)? {
        Cow::Borrowed(address) => Jid::domain_in(address).map(Cow::Borrowed),
        Cow::Owned(address) => Jid::domain_in(&address).map(|domain| domain.to_owned().into()),
    }
}

fn is(known: &Jid, domain: &str) -> bool {
    known.domain().eq_ignore_ascii_case(domain)
}
