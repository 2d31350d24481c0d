//! What the application learns.
//!
//! | event | role | when |
//! |---|---|---|
//! | [`StreamOpened`](Event::StreamOpened) | both | each stream header of the peer, restarts included |
//! | [`Decision`](Event::Decision) | receiving | a gate opened: [`decision`](crate::Connection::decision) answers it |
//! | [`Features`](Event::Features) | initiating | each `<features/>` |
//! | [`TlsEstablished`](Event::TlsEstablished) | both | once, after the TLS handshake |
//! | [`Authenticated`](Event::Authenticated) | both | once, after SASL |
//! | [`Established`](Event::Established) | both | once: a client is bound, a server's first domain pair verified, a component accepted; [`session`](crate::Connection::session) exists from now on, with dialback already before |
//! | [`Stanza`](Event::Stanza) | both | established, and while closing after a plain close; receiving: before that, if [early elements](crate::config::ResponderBuilder::early_elements) are delivered |
//! | [`Element`](Event::Element) | both | the same, for first-level elements that are not stanzas |
//! | [`Keepalive`](Event::Keepalive) | both | the same, for white space |
//! | [`ResetAdvised`](Event::ResetAdvised) | both | established: the keys want refreshing |
//! | [`StreamError`](Event::StreamError) | both | any phase in which XML flows |
//! | [`PairVerified`](Event::PairVerified) | both | between servers, established: each domain pair |
//! | [`Request`](Event::Request) | both | between servers, from the features on: [`answer`](crate::Session::answer) answers it |
//! | [`KeyVerdict`](Event::KeyVerdict) | initiating | between servers: the answer to [`verify`](crate::Session::verify) |
//! | [`PeerClosing`](Event::PeerClosing) | both | established: the peer sent its closing tag; what is sent now still goes out before ours |
//!
//! Events borrow from the connection until the next call; [`Event::to_owned`]
//! keeps one.

mod question;
mod s2s;

use alloc::borrow::ToOwned;
use alloc::string::String;

pub use question::Question;
pub use s2s::{
    DialbackAnswer, DialbackQuestion, DialbackRequest, KeyVerdict, PairVerified, Proven, RequestId,
};

use crate::jid::Jid;
use crate::reset::ResetCause;
use crate::stream::{Features, PeerHeader, StanzaAddresses, StreamError, Version};
use crate::tls::TlsInfo;
use crate::xml::{Stanza, StanzaBuf};

/// News for the application; see the [module](self).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The peer's stream header was accepted (RFC 6120 4.7).
    StreamOpened(StreamOpened<'a>),
    /// A gate opened: nothing more is read until it is answered.
    Decision(&'a Question),
    /// The peer's stream features (4.3.2).
    Features(Features<'a>),
    /// The TLS handshake is complete (5.4.3.3).
    TlsEstablished(&'a TlsInfo),
    /// SASL is complete (6.4.6).
    Authenticated(Authenticated<'a>),
    /// Negotiation is complete (4.3.5).
    Established(Established<'a>),
    /// A stanza (4.1).
    Stanza(Stanza<'a>),
    /// A first-level element that is not a stanza.
    Element(Stanza<'a>),
    /// One byte of white space between first-level elements (4.6.1).
    Keepalive,
    /// The stream wants a reset. With
    /// [`SequenceLimit`](ResetCause::SequenceLimit) the machine sends it by itself
    /// if the application does not; the others are advice.
    ResetAdvised(ResetCause),
    /// The peer sent a stream error (4.9); the end follows.
    StreamError(&'a StreamError),
    /// A domain pair is verified (XEP-0178, XEP-0220): stanzas may be sent from
    /// the one to the other.
    PairVerified(&'a PairVerified),
    /// A question that does not stop the stream (XEP-0220).
    Request(&'a DialbackRequest),
    /// The answer to a question of ours (XEP-0220 2.1.2).
    KeyVerdict(&'a KeyVerdict),
    /// The peer closed its direction (4.4).
    PeerClosing,
}

/// The peer's stream header. Before TLS nothing of it is authentic.
#[derive(Clone, Copy, Debug)]
pub struct StreamOpened<'a>(pub(crate) &'a PeerHeader);

impl<'a> StreamOpened<'a> {
    /// `id`: from a receiving entity (4.7.3).
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.0.id()
    }

    /// `from` (4.7.1).
    #[must_use]
    pub fn from(&self) -> Option<&'a Jid> {
        self.0.from()
    }

    /// `to` (4.7.2).
    #[must_use]
    pub fn to(&self) -> Option<&'a Jid> {
        self.0.to()
    }

    /// `xml:lang` (4.7.4).
    #[must_use]
    pub fn lang(&self) -> Option<&'a str> {
        self.0.lang()
    }

    /// `version` (4.7.5); 0.9 where it is missing.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.version()
    }
}

/// Who authenticated, and how.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated<'a> {
    pub(crate) mechanism: &'a str,
    pub(crate) identity: &'a str,
}

impl<'a> Authenticated<'a> {
    /// The SASL mechanism's registered name.
    #[must_use]
    pub fn mechanism(&self) -> &'a str {
        self.mechanism
    }

    /// The identity: an initiating entity's own user name, or the name the
    /// peer was authenticated as. Empty for ANONYMOUS.
    #[must_use]
    pub fn identity(&self) -> &'a str {
        self.identity
    }
}

/// An established stream.
#[derive(Clone, Copy, Debug)]
pub struct Established<'a> {
    pub(crate) jid: Option<&'a Jid>,
}

impl<'a> Established<'a> {
    /// The full JID that was bound (7); `None` for servers and components.
    #[must_use]
    pub fn jid(&self) -> Option<&'a Jid> {
        self.jid
    }
}

/// The owned twin of [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBuf {
    /// See [`Event::StreamOpened`].
    StreamOpened {
        /// `id`.
        id: Option<String>,
        /// `from`.
        from: Option<Jid>,
        /// `to`.
        to: Option<Jid>,
        /// `xml:lang`.
        lang: Option<String>,
        /// `version`.
        version: Version,
    },
    /// See [`Event::Decision`]; the question itself is not kept, it may carry
    /// a password.
    Decision,
    /// See [`Event::Features`]: the element, standing alone.
    Features(String),
    /// See [`Event::TlsEstablished`].
    TlsEstablished(TlsInfo),
    /// See [`Event::Authenticated`].
    Authenticated {
        /// The mechanism.
        mechanism: String,
        /// The identity.
        identity: String,
    },
    /// See [`Event::Established`].
    Established(Option<Jid>),
    /// See [`Event::Stanza`].
    Stanza(StanzaBuf),
    /// See [`Event::Element`].
    Element(StanzaBuf),
    /// See [`Event::Keepalive`].
    Keepalive,
    /// See [`Event::ResetAdvised`].
    ResetAdvised(ResetCause),
    /// See [`Event::StreamError`].
    StreamError(StreamError),
    /// See [`Event::PairVerified`].
    PairVerified(PairVerified),
    /// See [`Event::Request`].
    Request(DialbackRequest),
    /// See [`Event::KeyVerdict`].
    KeyVerdict(KeyVerdict),
    /// See [`Event::PeerClosing`].
    PeerClosing,
}

impl<'a> Event<'a> {
    /// Returns the addresses of a stanza, `None` for any other event.
    ///
    /// On streams of components they can be anything, because what one user writes does not end a
    /// stream that many share; between servers each is an address of RFC 7622 or of RFC 6122.
    #[must_use]
    pub fn addresses(&self) -> Option<StanzaAddresses<'a>> {
        match self {
            Self::Stanza(stanza) => Some(StanzaAddresses::read(stanza)),
            _ => None,
        }
    }

    /// Copies the event out of the connection.
    #[must_use]
    pub fn to_owned(&self) -> EventBuf {
        match self {
            Self::StreamOpened(opened) => EventBuf::StreamOpened {
                id: opened.id().map(ToOwned::to_owned),
                from: opened.from().cloned(),
                to: opened.to().cloned(),
                lang: opened.lang().map(ToOwned::to_owned),
                version: opened.version(),
            },
            Self::Decision(_) => EventBuf::Decision,
            Self::Features(features) => {
                EventBuf::Features(features.element().standalone().into_owned())
            }
            Self::TlsEstablished(info) => EventBuf::TlsEstablished((*info).clone()),
            Self::Authenticated(authenticated) => EventBuf::Authenticated {
                mechanism: authenticated.mechanism.to_owned(),
                identity: authenticated.identity.to_owned(),
            },
            Self::Established(established) => EventBuf::Established(established.jid().cloned()),
            Self::Stanza(stanza) => EventBuf::Stanza(stanza.to_owned()),
            Self::Element(element) => EventBuf::Element(element.to_owned()),
            Self::Keepalive => EventBuf::Keepalive,
            Self::ResetAdvised(cause) => EventBuf::ResetAdvised(*cause),
            Self::StreamError(error) => EventBuf::StreamError((*error).clone()),
            Self::PairVerified(pair) => EventBuf::PairVerified((*pair).clone()),
            Self::Request(request) => EventBuf::Request((*request).clone()),
            Self::KeyVerdict(verdict) => EventBuf::KeyVerdict((*verdict).clone()),
            Self::PeerClosing => EventBuf::PeerClosing,
        }
    }
}
