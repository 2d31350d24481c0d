//! First-level elements as a state table sees them: one total function from
//! an element to a finite class (RFC 6120 sections 4.1, 4.8 and 4.9.3).
//!
//! Elements are told by namespace and local name, never by prefix (4.8.4),
//! with one exception: a stanza written *with* a prefix for the content
//! namespace is refused as `bad-namespace-prefix` (4.8.5). Nobody may generate
//! it, nobody should accept it, and implementations that look at the written
//! name would see something else in it than those that look at the namespace.
//! Elements deeper inside are not searched for such prefixes.
//!
//! Elements of the other content namespace, or of none, are
//! `invalid-namespace` (4.8.3); unknown names in the content or the stream
//! namespace are `unsupported-stanza-type` (4.9.3.24); unknown elements of any
//! other namespace are [`ElementClass::Other`], which may be ignored (4.8.4).

use super::starttls::Malformed;
use super::{
    BindCondition as BindError, DialbackContent, DialbackElement, DialbackVerdict, Features,
    FeaturesClass, Kind, StartTls, StreamCondition as Condition, StreamError, bind, ns,
};
use crate::jid::Jid;
use crate::xml::Element;

/// What a first-level element is. Finite, without texts: what the element
/// *says* is read by the module named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementClass {
    /// `<stream:features/>`: [`Features`].
    Features(FeaturesClass),
    /// `<stream:error/>`: [`StreamError`].
    StreamError(ErrorClass),
    /// `<starttls/>`: [`StartTls`], as are the next three.
    StartTls,
    /// `<starttls/>` with content (5.4.2.2). A `<proceed/>` with content is
    /// [`Other`](Self::Other): nothing anybody waits for.
    MalformedStartTls,
    /// `<proceed/>`.
    Proceed,
    /// STARTTLS's `<failure/>`.
    TlsFailure,
    /// `<auth/>`: [`SaslElement`](super::SaslElement), as are the next five.
    Auth,
    /// `<response/>`.
    Response,
    /// `<abort/>`.
    Abort,
    /// `<challenge/>`.
    Challenge,
    /// `<success/>`.
    Success,
    /// SASL's `<failure/>`.
    SaslFailure,
    /// A request to bind a resource: [`BindRequest`](super::BindRequest).
    BindRequest,
    /// The awaited answer: a resource is bound, [`bind::read_result`].
    BindResult,
    /// The awaited answer: no resource is bound.
    BindError(BindError),
    /// A request for the session of RFC 3921: [`bind::read_session_request`].
    SessionRequest,
    /// The awaited answer: the session is granted.
    SessionResult,
    /// The awaited answer: it is not.
    SessionError,
    /// A stanza (RFC 6120 section 4.1).
    Stanza(StanzaKind),
    /// `<db:result/>` with a key: [`DialbackElement`], as are the next three.
    /// Between servers only; elsewhere they are [`Other`](Self::Other).
    DialbackRequest,
    /// `<db:verify/>` with a key.
    DialbackVerify,
    /// `<db:result/>` with an answer, which the reader of the class has found
    /// to be asked for; otherwise it is `Bad(InvalidFrom)`.
    DialbackResult(PairAnswer),
    /// `<db:verify/>` with an answer that was asked for; the same.
    DialbackVerified,
    /// A component's `<handshake/>`, or its server's (XEP-0114).
    Handshake,
    /// A second stream header inside the stream; never a restart.
    SecondHeader,
    /// To be refused with this stream error, whatever the state.
    Bad(Condition),
    /// Anything else, in a namespace of its own.
    Other,
}

/// The three kinds of stanza (RFC 6120 section 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StanzaKind {
    /// `<message/>`
    Message,
    /// `<presence/>`
    Presence,
    /// `<iq/>`
    Iq,
}

/// The answers to `<db:result/>` whose effects differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairAnswer {
    /// The pair is verified.
    Valid,
    /// It is not: refused, or not decided.
    Failed,
}

/// The stream errors whose effects differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// `<reset/>` (RFC 6120 section 4.9.3.16).
    Reset,
    /// `<see-other-host/>` with a host one can go to (4.9.3.19).
    SeeOtherHost,
    /// Any other.
    Other,
}

impl From<&StreamError> for ErrorClass {
    fn from(error: &StreamError) -> Self {
        match error.condition() {
            Condition::Reset => Self::Reset,
            Condition::SeeOtherHost if error.other_host().is_some() => Self::SeeOtherHost,
            _ => Self::Other,
        }
    }
}

/// The one negotiation request that waits for its answer, with its `id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Awaited<'a> {
    /// None does.
    #[default]
    Nothing,
    /// The request to bind a resource.
    Bind(&'a str),
    /// The request for a session.
    Session(&'a str),
}

impl ElementClass {
    /// The conditions that [`classify`] puts into [`Bad`](Self::Bad), and
    /// `invalid-from`, which needs to know who the peer is (8.1.2.2).
    pub const REFUSALS: [Condition; 6] = [
        Condition::BadFormat,
        Condition::BadNamespacePrefix,
        Condition::InvalidFrom,
        Condition::InvalidNamespace,
        Condition::UnsupportedStanzaType,
        Condition::ImproperAddressing,
    ];

    /// Every value [`classify`] can yield, for exhaustive checks of state
    /// tables.
    pub fn all() -> impl Iterator<Item = Self> {
        let single = [
            Self::StreamError(ErrorClass::Reset),
            Self::StreamError(ErrorClass::SeeOtherHost),
            Self::StreamError(ErrorClass::Other),
            Self::StartTls,
            Self::MalformedStartTls,
            Self::Proceed,
            Self::TlsFailure,
            Self::Auth,
            Self::Response,
            Self::Abort,
            Self::Challenge,
            Self::Success,
            Self::SaslFailure,
            Self::BindRequest,
            Self::BindResult,
            Self::SessionRequest,
            Self::SessionResult,
            Self::SessionError,
            Self::Stanza(StanzaKind::Message),
            Self::Stanza(StanzaKind::Presence),
            Self::Stanza(StanzaKind::Iq),
            Self::DialbackRequest,
            Self::DialbackVerify,
            Self::DialbackResult(PairAnswer::Valid),
            Self::DialbackResult(PairAnswer::Failed),
            Self::DialbackVerified,
            Self::Handshake,
            Self::SecondHeader,
            Self::Other,
        ];
        single
            .into_iter()
            .chain(BindError::ALL.into_iter().map(Self::BindError))
            .chain(Self::REFUSALS.into_iter().map(Self::Bad))
            .chain(FeaturesClass::all().map(Self::Features))
    }
}

/// Says what a first-level element of a stream of that kind is. Total, and for
/// stanzas without allocation unless an attribute is written with references.
///
/// Whether the element is allowed now, and to us, is for the state table to
/// say: the function does not know the role.
#[must_use]
pub fn classify(element: &Element<'_>, kind: Kind, awaited: Awaited<'_>) -> ElementClass {
    match element.ns() {
        namespace if namespace == kind.content_ns() => classify_content(element, kind, awaited),
        ns::STREAM => classify_stream(element),
        ns::TLS => match StartTls::read(element) {
            Some(Ok(StartTls::Request)) => ElementClass::StartTls,
            Some(Ok(StartTls::Proceed)) => ElementClass::Proceed,
            Some(Ok(StartTls::Failure)) => ElementClass::TlsFailure,
            Some(Err(Malformed(StartTls::Request))) => ElementClass::MalformedStartTls,
            Some(Err(Malformed(_))) | None => ElementClass::Other,
        },
        ns::SASL => match element.name() {
            "auth" => ElementClass::Auth,
            "response" => ElementClass::Response,
            "abort" => ElementClass::Abort,
            "challenge" => ElementClass::Challenge,
            "success" => ElementClass::Success,
            "failure" => ElementClass::SaslFailure,
            _ => ElementClass::Other,
        },
        ns::DIALBACK if kind == Kind::ServerToServer => classify_dialback(element),
        "" | ns::CLIENT | ns::SERVER | ns::COMPONENT => {
            ElementClass::Bad(Condition::InvalidNamespace)
        }
        _ => ElementClass::Other,
    }
}

fn classify_stream(element: &Element<'_>) -> ElementClass {
    match element.name() {
        "features" => Features::read(*element).map_or(ElementClass::Other, |features| {
            ElementClass::Features(features.class())
        }),
        "error" => ElementClass::StreamError(ErrorClass::from(&StreamError::parse(element))),
        "stream" => ElementClass::SecondHeader,
        _ => ElementClass::Bad(Condition::UnsupportedStanzaType),
    }
}

fn classify_dialback(element: &Element<'_>) -> ElementClass {
    match DialbackElement::read(element) {
        None => ElementClass::Other,
        Some(Err(refused)) => ElementClass::Bad(refused),
        Some(Ok(dialback)) => match dialback.content {
            DialbackContent::Request { .. } => ElementClass::DialbackRequest,
            DialbackContent::Verify { .. } => ElementClass::DialbackVerify,
            DialbackContent::Result(DialbackVerdict::Valid) => {
                ElementClass::DialbackResult(PairAnswer::Valid)
            }
            DialbackContent::Result(_) => ElementClass::DialbackResult(PairAnswer::Failed),
            DialbackContent::Verified { .. } => ElementClass::DialbackVerified,
        },
    }
}

fn classify_content(element: &Element<'_>, kind: Kind, awaited: Awaited<'_>) -> ElementClass {
    if element.prefix().is_some() {
        return ElementClass::Bad(Condition::BadNamespacePrefix);
    }
    let stanza = match element.name() {
        "message" => StanzaKind::Message,
        "presence" => StanzaKind::Presence,
        "iq" => StanzaKind::Iq,
        "handshake" if kind == Kind::Component => return ElementClass::Handshake,
        _ => return ElementClass::Bad(Condition::UnsupportedStanzaType),
    };
    match (kind, stanza) {
        (Kind::ClientToServer, StanzaKind::Iq) => classify_iq(element, awaited),
        // 8.1.1.2, 8.1.2.2; XEP-0114 3
        (Kind::ServerToServer | Kind::Component, _) if !is_addressed(element) => {
            ElementClass::Bad(Condition::ImproperAddressing)
        }
        _ => ElementClass::Stanza(stanza),
    }
}

fn classify_iq(iq: &Element<'_>, awaited: Awaited<'_>) -> ElementClass {
    let stanza = ElementClass::Stanza(StanzaKind::Iq);
    match (iq.attr("type").as_deref(), awaited) {
        (Some("set"), _)
            if matches!(
                bind::BindRequest::read(iq, bind::Recipient::Anyone),
                Some(Ok(_))
            ) =>
        {
            ElementClass::BindRequest
        }
        (Some("set"), _)
            if matches!(
                bind::read_session_request(iq, bind::Recipient::Anyone),
                Some(Ok(_))
            ) =>
        {
            ElementClass::SessionRequest
        }
        (Some("result"), Awaited::Bind(id)) if has_id(iq, id) => match bind::read_result(iq) {
            Some(_) => ElementClass::BindResult,
            None => ElementClass::Bad(Condition::ImproperAddressing),
        },
        (Some("error"), Awaited::Bind(id)) if has_id(iq, id) => {
            ElementClass::BindError(BindError::read(iq))
        }
        (Some("result"), Awaited::Session(id)) if has_id(iq, id) => ElementClass::SessionResult,
        (Some("error"), Awaited::Session(id)) if has_id(iq, id) => ElementClass::SessionError,
        _ => stanza,
    }
}

fn has_id(iq: &Element<'_>, id: &str) -> bool {
    iq.attr("id").as_deref() == Some(id)
}

fn is_addressed(stanza: &Element<'_>) -> bool {
    ["from", "to"].into_iter().all(|name| {
        stanza
            .attr(name)
            .is_some_and(|address| Jid::is_valid(&address))
    })
}

#[cfg(test)]
mod tests;
