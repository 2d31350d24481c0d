//! What the application learns: [`Event`], borrowed from the connection, and its owned twin
//! [`EventBuf`].
//!
//! | event | role | when |
//! |---|---|---|
//! | [`StreamOpened`](Event::StreamOpened) | both | each stream header of the peer, restarts included |
//! | [`Decision`](Event::Decision) | receiving | a question stops the stream: [`decision`](crate::Connection::decision) answers it |
//! | [`Features`](Event::Features) | initiating | each `<features/>`, also those that follow a login by SASL2 without a new header |
//! | [`TlsEstablished`](Event::TlsEstablished) | both | once, after the TLS handshake |
//! | [`Authenticated`](Event::Authenticated) | both | once, after SASL |
//! | [`Established`](Event::Established) | both | once: a client is bound, a server's first domain pair is verified, a component is accepted; [`session`](crate::Connection::session) exists from now on, with dialback already before |
//! | [`Stanza`](Event::Stanza) | both | established, and while closing after a plain close; receiving: before that, if [early elements](crate::config::ResponderBuilder::early_elements) are delivered |
//! | [`Element`](Event::Element) | both | the same, for first-level elements that are not stanzas |
//! | [`Keepalive`](Event::Keepalive) | both | the same, for white space |
//! | [`ResetAdvised`](Event::ResetAdvised) | both | established: the keys or a certificate want a reset |
//! | [`StreamError`](Event::StreamError) | both | any phase in which XML flows |
//! | [`PairVerified`](Event::PairVerified) | both | between servers, established: each domain pair |
//! | [`Request`](Event::Request) | both | between servers, from the features on: [`answer`](crate::Session::answer) answers it |
//! | [`KeyVerdict`](Event::KeyVerdict) | initiating | between servers: the answer to [`verify`](crate::Session::verify) |
//! | [`ManagementEnabled`](Event::ManagementEnabled) | both | established, once, if [stream management](crate::sm) is on |
//! | [`ManagementRefused`](Event::ManagementRefused) | initiating | before a resource is bound, if a session was not resumed; or established |
//! | [`Acknowledged`](Event::Acknowledged) | both | established, and while closing |
//! | [`PeerClosing`](Event::PeerClosing) | both | established: the peer sent its closing tag; what is sent now still goes out before ours |
//!
//! An event borrows from the connection until the next call; [`Event::to_owned`] keeps one. A new
//! event is added here, as a `Notice` of the state tables, and in `Machine::event`.

mod management;
mod question;
mod s2s;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

pub use management::{ManagementEnabled, ManagementRefused, Resumed};
pub use question::{InlineBindRequest, Question, TokenRequest};
pub use s2s::{
    DialbackAnswer, DialbackQuestion, DialbackRequest, KeyVerdict, PairVerified, Proven, RequestId,
};

use crate::jid::Jid;
use crate::reset::ResetCause;
use crate::sasl::{FastMechanism, SaslProfile};
use crate::sm::SmState;
use crate::stream::{Features, PeerHeader, StanzaAddresses, StreamError, Version};
use crate::ticket::Ticket;
use crate::tls::TlsInfo;
use crate::xml::{Stanza, StanzaBuf};

/// What happened; see the [module](self).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The peer's stream header was accepted (RFC 6120 4.7).
    StreamOpened(StreamOpened<'a>),
    /// A question stops the stream: no further frame is taken until it is answered.
    Decision(&'a Question),
    /// The peer's stream features (RFC 6120 4.3.2). The next step that they ask for is taken already,
    /// and nothing can be sent before [`Established`](Self::Established): no other protocol can be put
    /// before SASL or before binding here, such as registration (XEP-0077).
    ///
    /// The last features before `Established` come after [`Authenticated`](Self::Authenticated): they
    /// say what the stream has. Where a login by SASL2 has bound a resource (XEP-0386) they follow
    /// without a new header, and `Established` is the next event. Where it has resumed a session
    /// (XEP-0198 9.2) no features follow.
    Features(Features<'a>),
    /// The TLS handshake is complete (RFC 6120 5.4.3.3).
    TlsEstablished(&'a TlsInfo),
    /// SASL is complete (RFC 6120 6.4.6).
    Authenticated(Authenticated<'a>),
    /// Negotiation is complete (RFC 6120 4.3.5).
    Established(Established<'a>),
    /// A stanza (RFC 6120 4.1).
    Stanza(Stanza<'a>),
    /// A first-level element that is not a stanza.
    Element(Stanza<'a>),
    /// One byte of white space between first-level elements (RFC 6120 4.6.1).
    Keepalive,
    /// The stream wants a reset: an early warning. The application can reset it at a moment of its own
    /// choice. The machine does it by itself with
    /// [`SequenceLimit`](ResetCause::SequenceLimit) and
    /// [`CertificateExpired`](ResetCause::CertificateExpired), and with every cause if
    /// [`ResetTiming::Quiet`](crate::reset::ResetTiming::Quiet) is chosen;
    /// [`Session::reset_deadline`](crate::Session::reset_deadline) says when at the latest.
    ResetAdvised(ResetCause),
    /// The peer sent a stream error (RFC 6120 4.9). The end follows.
    StreamError(&'a StreamError),
    /// A domain pair is verified (XEP-0178, XEP-0220): stanzas may be sent from the one to the other.
    PairVerified(&'a PairVerified),
    /// A request that does not stop the stream waits for an answer (XEP-0220).
    Request(&'a DialbackRequest),
    /// A key that was asked about has an answer, or its deadline has passed (XEP-0220 2.1.2).
    KeyVerdict(&'a KeyVerdict),
    /// Stream management is on (XEP-0198 3).
    ManagementEnabled(ManagementEnabled<'a>),
    /// The server refused to enable stream management, or to resume a session.
    ManagementRefused(ManagementRefused<'a>),
    /// The peer has handled everything that was sent up to this ticket (XEP-0198 4).
    Acknowledged(Ticket),
    /// The peer closed its direction (RFC 6120 4.4).
    PeerClosing,
}

/// The peer's stream header. Nothing of it is authentic before TLS.
#[derive(Clone, Copy, Debug)]
pub struct StreamOpened<'a>(pub(crate) &'a PeerHeader);

impl<'a> StreamOpened<'a> {
    /// Returns `id`, which a receiving entity sends (RFC 6120 4.7.3).
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.0.id()
    }

    /// Returns `from` (RFC 6120 4.7.1); `None` also for what is no address.
    #[must_use]
    pub fn from(&self) -> Option<&'a Jid> {
        self.0.from()
    }

    /// Returns `to` (RFC 6120 4.7.2); `None` also for what is no address.
    #[must_use]
    pub fn to(&self) -> Option<&'a Jid> {
        self.0.to()
    }

    /// Returns `xml:lang` (RFC 6120 4.7.4).
    #[must_use]
    pub fn lang(&self) -> Option<&'a str> {
        self.0.lang()
    }

    /// Returns `version` (RFC 6120 4.7.5); 0.9 if it is missing.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.version()
    }
}

/// Who authenticated, and how.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated<'a> {
    pub(crate) profile: SaslProfile,
    pub(crate) mechanism: &'a str,
    pub(crate) token: Option<FastMechanism>,
    pub(crate) identity: &'a str,
    pub(crate) success: Option<Stanza<'a>>,
}

impl<'a> Authenticated<'a> {
    /// Returns the profile of SASL that was spoken.
    #[must_use]
    pub fn profile(&self) -> SaslProfile {
        self.profile
    }

    /// Returns the `<success/>` of SASL2 that an initiating entity received (XEP-0388 2.6.1). What the
    /// server answers to inline requests of the application is in it, for those of
    /// [`Sasl2Options::feature`](crate::config::Sasl2Options::feature) in `<bound/>`.
    #[must_use]
    pub fn success(&self) -> Option<Stanza<'a>> {
        self.success
    }

    /// Returns the SASL mechanism's registered name.
    #[must_use]
    pub fn mechanism(&self) -> &'a str {
        self.mechanism
    }

    /// Returns the mechanism of FAST, if the login was by a token in the place of other credentials
    /// (XEP-0484 3.4).
    #[must_use]
    pub fn token(&self) -> Option<FastMechanism> {
        self.token
    }

    /// Returns the identity: of an initiating entity, its user name; of a receiving entity, the name
    /// that the peer was authenticated as. It is empty for ANONYMOUS.
    #[must_use]
    pub fn identity(&self) -> &'a str {
        self.identity
    }
}

/// An established stream.
#[derive(Clone, Copy, Debug)]
pub struct Established<'a> {
    pub(crate) jid: Option<&'a Jid>,
    pub(crate) resumed: Option<Resumed>,
}

impl<'a> Established<'a> {
    /// Returns the full JID that was bound (RFC 6120 7); `None` for servers and components.
    #[must_use]
    pub fn jid(&self) -> Option<&'a Jid> {
        self.jid
    }

    /// Returns how an earlier session was resumed (XEP-0198 5); `None` if this is a new one.
    #[must_use]
    pub fn resumed(&self) -> Option<Resumed> {
        self.resumed
    }
}

/// The owned twin of [`Established`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EstablishedBuf {
    /// The full JID that was bound; `None` for servers and components.
    pub jid: Option<Jid>,
    /// How an earlier session was resumed; `None` if this is a new one.
    pub resumed: Option<Resumed>,
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
    /// See [`Event::Decision`]. The question itself is not kept, because it may carry a password.
    Decision,
    /// See [`Event::Features`]: the element, standing alone.
    Features(String),
    /// See [`Event::TlsEstablished`].
    TlsEstablished(TlsInfo),
    /// See [`Event::Authenticated`].
    Authenticated {
        /// The profile of SASL.
        profile: SaslProfile,
        /// The mechanism.
        mechanism: String,
        /// The mechanism of FAST, if the login was by a token.
        token: Option<FastMechanism>,
        /// The identity.
        identity: String,
        /// The `<success/>` of SASL2, of an initiating entity.
        success: Option<StanzaBuf>,
    },
    /// See [`Event::Established`].
    Established(EstablishedBuf),
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
    /// See [`Event::ManagementEnabled`].
    ManagementEnabled {
        /// Whether the session can be resumed.
        resumable: bool,
        /// For how many seconds.
        max: Option<u32>,
        /// Where.
        location: Option<String>,
    },
    /// See [`Event::ManagementRefused`]: a copy of the session that was not resumed. It is another one
    /// than [`take_sm_state`](crate::Connection::take_sm_state) hands over, and as large.
    ManagementRefused(Option<Box<SmState>>),
    /// See [`Event::Acknowledged`].
    Acknowledged(Ticket),
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
                profile: authenticated.profile,
                mechanism: authenticated.mechanism.to_owned(),
                token: authenticated.token,
                identity: authenticated.identity.to_owned(),
                success: authenticated.success.map(|success| success.to_owned()),
            },
            Self::Established(established) => EventBuf::Established(EstablishedBuf {
                jid: established.jid().cloned(),
                resumed: established.resumed(),
            }),
            Self::Stanza(stanza) => EventBuf::Stanza(stanza.to_owned()),
            Self::Element(element) => EventBuf::Element(element.to_owned()),
            Self::Keepalive => EventBuf::Keepalive,
            Self::ResetAdvised(cause) => EventBuf::ResetAdvised(*cause),
            Self::StreamError(error) => EventBuf::StreamError((*error).clone()),
            Self::PairVerified(pair) => EventBuf::PairVerified((*pair).clone()),
            Self::Request(request) => EventBuf::Request((*request).clone()),
            Self::KeyVerdict(verdict) => EventBuf::KeyVerdict((*verdict).clone()),
            Self::ManagementEnabled(enabled) => EventBuf::ManagementEnabled {
                resumable: enabled.is_resumable(),
                max: enabled.max(),
                location: enabled.location().map(ToOwned::to_owned),
            },
            Self::ManagementRefused(refused) => {
                EventBuf::ManagementRefused(refused.session().cloned().map(Box::new))
            }
            Self::Acknowledged(ticket) => EventBuf::Acknowledged(*ticket),
            Self::PeerClosing => EventBuf::PeerClosing,
        }
    }
}
