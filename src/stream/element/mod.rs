//! First-level elements as a state table sees them: [`FirstLevelElement::read`] is a total function
//! from an element to a finite class, and keeps what it has read (RFC 6120 4.1, 4.8, 4.9.3).
//!
//! Elements are recognised by namespace and local name, never by prefix (RFC 6120 4.8.4), with one
//! exception: a stanza written *with* a prefix for the content namespace is refused as
//! `bad-namespace-prefix` (RFC 6120 4.8.5). Nobody may generate it, nobody should accept it, and
//! implementations that look at the written name would see something else in it than those that
//! look at the namespace. Elements deeper inside are not searched for such prefixes.
//!
//! Elements of the other content namespace, or of none, are `invalid-namespace` (RFC 6120 4.8.3);
//! unknown names in the content or the stream namespace are `unsupported-stanza-type` (RFC 6120
//! 4.9.3.24); unknown elements of any other namespace are [`ElementClass::Other`], which may be
//! ignored (RFC 6120 4.8.4).
//!
//! A further kind of first-level element is added as a variant of [`ElementClass`], and of
//! [`Content`] if reading it yields more than its class.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::bind::{MalformedRequest, Recipient};
use super::starttls::Malformed;
use super::{
    BindCondition, BindRequest, DialbackContent, DialbackElement, DialbackVerdict, Features,
    FeaturesClass, Kind, ManagementClass, ManagementElement, StartTls, StreamCondition,
    StreamError, bind, ns,
};
use crate::jid::{AddressClass, Jid};
use crate::xml::{Element, StartTag};

/// The class of a first-level element. It is finite and carries no text; the type named with a
/// variant reads what the element says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementClass {
    /// `<stream:features/>`: [`Features`].
    Features(FeaturesClass),
    /// `<stream:error/>`: [`StreamError`].
    StreamError(ErrorClass),
    /// `<starttls/>`: [`StartTls`], as are the next three.
    StartTls,
    /// `<starttls/>` with content (RFC 6120 5.4.2.2). A `<proceed/>` with content is
    /// [`Other`](Self::Other), which nobody waits for.
    MalformedStartTls,
    /// `<proceed/>`.
    Proceed,
    /// STARTTLS's `<failure/>`.
    TlsReason,
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
    /// A request to bind a resource: [`BindRequest`].
    BindRequest,
    /// The awaited answer: a resource is bound, [`bind::read_result`].
    BindResult,
    /// The awaited answer: no resource is bound.
    BindError(BindCondition),
    /// A request for the session of RFC 3921: [`bind::read_session_request`].
    SessionRequest,
    /// The awaited answer: the session is granted.
    SessionResult,
    /// The awaited answer: it is not.
    SessionError,
    /// A stanza (RFC 6120 4.1).
    Stanza(StanzaKind),
    /// An `<iq/>` that asks the server itself for something, from a client. Only a receiving entity
    /// reads it. Once the stream is established it is a stanza like any other.
    ServerRequest,
    /// A stanza that is refused with a stanza error, after which the stream continues. Whoever
    /// knows which addresses the stream carries replaces the class of a stanza by this one.
    RefusedStanza(StanzaRefusal),
    /// `<db:result/>` with a key: [`DialbackElement`], as are the next three.
    /// Between servers only; elsewhere they are [`Other`](Self::Other).
    DialbackRequest,
    /// `<db:verify/>` with a key.
    DialbackVerify,
    /// `<db:result/>` with an answer that was asked for. Whoever knows what was asked replaces the
    /// class of any other answer by `Bad(InvalidFrom)`.
    DialbackResult(PairAnswer),
    /// `<db:verify/>` with an answer that was asked for; the same.
    DialbackVerified,
    /// A component's `<handshake/>`, or its server's (XEP-0114).
    Handshake,
    /// An element of stream management: [`ManagementElement`]. Where stream management is not in
    /// use it is like any [`Other`](Self::Other).
    Management(ManagementClass),
    /// An element of SASL2 (XEP-0388). Where SASL2 is not in use it is like any
    /// [`Other`](Self::Other).
    Sasl2(Sasl2Class),
    /// A second stream header inside the stream; never a restart.
    SecondHeader,
    /// To be refused with this stream error, whatever the state.
    Bad(StreamCondition),
    /// Anything else, in a namespace of its own.
    Other,
}

/// The stanza errors with which a stanza is refused while the stream continues (RFC 6120 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StanzaRefusal {
    /// `<jid-malformed/>`: `from` is no address.
    JidMalformed,
    /// `<not-allowed/>`: `from` is not the sender's to use.
    NotAllowed,
    /// `<not-authorized/>`: the client has to log in and bind a resource first.
    NotAuthorized,
}

/// The three kinds of stanza (RFC 6120 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StanzaKind {
    /// `<message/>`
    Message,
    /// `<presence/>`
    Presence,
    /// `<iq/>`
    Iq,
}

/// The elements of SASL2 (XEP-0388).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sasl2Class {
    /// `<authenticate/>`: the client begins.
    Authenticate,
    /// `<challenge/>`.
    Challenge,
    /// `<response/>`.
    Response,
    /// `<abort/>`.
    Abort,
    /// `<success/>`.
    Success,
    /// `<failure/>`.
    Failure,
    /// `<continue/>`: the mechanism is satisfied, and a task is left.
    Continue,
    /// `<next/>`: the client begins a task.
    Next,
    /// `<task-data/>`.
    TaskData,
}

impl Sasl2Class {
    /// Every class, for exhaustive checks of state tables.
    pub const ALL: [Self; 9] = [
        Self::Authenticate,
        Self::Challenge,
        Self::Response,
        Self::Abort,
        Self::Success,
        Self::Failure,
        Self::Continue,
        Self::Next,
        Self::TaskData,
    ];
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
    /// `<reset/>` (RFC 6120 4.9.3.16).
    Reset,
    /// `<see-other-host/>` with a host one can go to (RFC 6120 4.9.3.19).
    SeeOtherHost,
    /// Any other.
    Other,
}

impl From<&StreamError> for ErrorClass {
    fn from(error: &StreamError) -> Self {
        match error.condition() {
            StreamCondition::Reset => Self::Reset,
            StreamCondition::SeeOtherHost if error.other_host().is_some() => Self::SeeOtherHost,
            _ => Self::Other,
        }
    }
}

/// The negotiation request whose answer is awaited, with its `id`. There is at most one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Awaited<'a> {
    /// No request waits.
    #[default]
    Nothing,
    /// The request to bind a resource.
    Bind(&'a str),
    /// The request for a session.
    Session(&'a str),
}

impl ElementClass {
    /// The conditions that reading puts into [`Bad`](Self::Bad), and `invalid-from`, which depends on
    /// who the peer is (RFC 6120 8.1.2.2).
    pub const REFUSALS: [StreamCondition; 6] = [
        StreamCondition::BadFormat,
        StreamCondition::BadNamespacePrefix,
        StreamCondition::InvalidFrom,
        StreamCondition::InvalidNamespace,
        StreamCondition::UnsupportedStanzaType,
        StreamCondition::ImproperAddressing,
    ];

    /// Whether the element is a stanza (RFC 6120 4.1). Some steps of negotiation are stanzas too.
    #[must_use]
    pub const fn is_stanza(self) -> bool {
        matches!(
            self,
            Self::Stanza(_)
                | Self::ServerRequest
                | Self::RefusedStanza(_)
                | Self::BindRequest
                | Self::BindResult
                | Self::BindError(_)
                | Self::SessionRequest
                | Self::SessionResult
                | Self::SessionError
        )
    }

    /// Every class there is, for exhaustive checks of state tables.
    pub fn all() -> impl Iterator<Item = Self> {
        let single = [
            Self::StreamError(ErrorClass::Reset),
            Self::StreamError(ErrorClass::SeeOtherHost),
            Self::StreamError(ErrorClass::Other),
            Self::StartTls,
            Self::MalformedStartTls,
            Self::Proceed,
            Self::TlsReason,
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
            Self::ServerRequest,
            Self::RefusedStanza(StanzaRefusal::JidMalformed),
            Self::RefusedStanza(StanzaRefusal::NotAllowed),
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
            .chain(BindCondition::ALL.into_iter().map(Self::BindError))
            .chain(Self::REFUSALS.into_iter().map(Self::Bad))
            .chain(ManagementClass::ALL.into_iter().map(Self::Management))
            .chain(Sasl2Class::ALL.into_iter().map(Self::Sasl2))
            .chain(FeaturesClass::all().map(Self::Features))
    }
}

/// A first-level element and what was read of it, once.
#[derive(Clone, Debug)]
pub struct FirstLevelElement<'a> {
    element: Element<'a>,
    class: ElementClass,
    content: Content<'a>,
}

/// What reading a first-level element yields beside its class.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Nothing: the class says all, or the element is read by whoever handles it.
    Unread,
    /// Of [`ElementClass::Features`].
    Features(Features<'a>),
    /// Of [`ElementClass::StreamError`].
    StreamError(Box<StreamError>),
    /// Of [`ElementClass::BindRequest`].
    BindRequest(BindRequest<'a>),
    /// Of [`ElementClass::BindRequest`] or [`ElementClass::SessionRequest`]: a request that is
    /// answered with `<bad-request/>`.
    MalformedRequest(MalformedRequest<'a>),
    /// Of [`ElementClass::BindResult`]: the bound address.
    BindResult(Jid),
    /// Of [`ElementClass::SessionRequest`]: its `id`.
    SessionRequest(Cow<'a, str>),
    /// Of the dialback classes.
    Dialback(DialbackElement<'a>),
    /// Of [`ElementClass::Management`], unless it is malformed.
    Management(ManagementElement<'a>),
}

impl<'a> FirstLevelElement<'a> {
    /// Reads a first-level element of a stream of that kind. `recipient` says to whom a request has
    /// to be addressed for the server itself to answer it. Total, and for stanzas without allocation
    /// unless an attribute is written with references.
    ///
    /// Whether the element is allowed now, and to this role, is for the state table to say.
    #[must_use]
    pub fn read(
        element: Element<'a>,
        kind: Kind,
        awaited: Awaited<'_>,
        recipient: Recipient<'_>,
    ) -> Self {
        let (class, content) = read(&element, kind, awaited, recipient);
        Self {
            element,
            class,
            content,
        }
    }

    /// The element itself.
    #[must_use]
    pub const fn element(&self) -> Element<'a> {
        self.element
    }

    /// What the element is.
    #[must_use]
    pub const fn class(&self) -> ElementClass {
        self.class
    }

    /// What was read of it beside its class.
    #[must_use]
    pub const fn content(&self) -> &Content<'a> {
        &self.content
    }

    /// The dialback element, if it is one.
    #[must_use]
    pub const fn dialback(&self) -> Option<&DialbackElement<'a>> {
        match &self.content {
            Content::Dialback(dialback) => Some(dialback),
            _ => None,
        }
    }
}

/// Returns the class of a first-level element of a stream of that kind; see
/// [`FirstLevelElement::read`].
#[must_use]
pub fn classify(element: &Element<'_>, kind: Kind, awaited: Awaited<'_>) -> ElementClass {
    read(element, kind, awaited, Recipient::Anyone).0
}

/// Returns the class of an element that no further byte can make legal, given its start tag. `None`
/// means that the element has to be complete. What is returned here is what reading the complete
/// element would return.
#[must_use]
pub fn classify_start_tag(tag: &StartTag<'_>, kind: Kind) -> Option<ElementClass> {
    let unsupported = ElementClass::Bad(StreamCondition::UnsupportedStanzaType);
    match tag.ns() {
        namespace if namespace == kind.content_ns() => match tag.name() {
            _ if tag.prefix().is_some() => {
                Some(ElementClass::Bad(StreamCondition::BadNamespacePrefix))
            }
            "message" | "presence" | "iq" => None,
            "handshake" if kind == Kind::Component => None,
            _ => Some(unsupported),
        },
        ns::STREAM => match tag.name() {
            "features" | "error" => None,
            "stream" => Some(ElementClass::SecondHeader),
            _ => Some(unsupported),
        },
        "" | ns::CLIENT | ns::SERVER | ns::COMPONENT => {
            Some(ElementClass::Bad(StreamCondition::InvalidNamespace))
        }
        _ => None,
    }
}

fn read<'a>(
    element: &Element<'a>,
    kind: Kind,
    awaited: Awaited<'_>,
    recipient: Recipient<'_>,
) -> (ElementClass, Content<'a>) {
    let class = match element.ns() {
        namespace if namespace == kind.content_ns() => {
            return read_content(element, kind, awaited, recipient);
        }
        ns::STREAM => return read_stream(element),
        ns::DIALBACK if kind == Kind::ServerToServer => return read_dialback(element),
        ns::MANAGEMENT => return read_management(element),
        ns::TLS => match StartTls::read(element) {
            Some(Ok(StartTls::Request)) => ElementClass::StartTls,
            Some(Ok(StartTls::Proceed)) => ElementClass::Proceed,
            Some(Ok(StartTls::Failure)) => ElementClass::TlsReason,
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
        ns::SASL2 => match element.name() {
            "authenticate" => ElementClass::Sasl2(Sasl2Class::Authenticate),
            "challenge" => ElementClass::Sasl2(Sasl2Class::Challenge),
            "response" => ElementClass::Sasl2(Sasl2Class::Response),
            "abort" => ElementClass::Sasl2(Sasl2Class::Abort),
            "success" => ElementClass::Sasl2(Sasl2Class::Success),
            "failure" => ElementClass::Sasl2(Sasl2Class::Failure),
            "continue" => ElementClass::Sasl2(Sasl2Class::Continue),
            "next" => ElementClass::Sasl2(Sasl2Class::Next),
            "task-data" => ElementClass::Sasl2(Sasl2Class::TaskData),
            _ => ElementClass::Other,
        },
        "" | ns::CLIENT | ns::SERVER | ns::COMPONENT => {
            ElementClass::Bad(StreamCondition::InvalidNamespace)
        }
        _ => ElementClass::Other,
    };
    (class, Content::Unread)
}

fn read_stream<'a>(element: &Element<'a>) -> (ElementClass, Content<'a>) {
    match element.name() {
        "features" => match Features::read(*element) {
            Some(features) => (
                ElementClass::Features(features.class()),
                Content::Features(features),
            ),
            None => (ElementClass::Other, Content::Unread),
        },
        "error" => {
            let error = StreamError::parse(element);
            let class = ElementClass::StreamError(ErrorClass::from(&error));
            (class, Content::StreamError(Box::new(error)))
        }
        "stream" => (ElementClass::SecondHeader, Content::Unread),
        _ => (
            ElementClass::Bad(StreamCondition::UnsupportedStanzaType),
            Content::Unread,
        ),
    }
}

fn read_dialback<'a>(element: &Element<'a>) -> (ElementClass, Content<'a>) {
    let dialback = match DialbackElement::read(element) {
        None => return (ElementClass::Other, Content::Unread),
        Some(Err(refused)) => return (ElementClass::Bad(refused), Content::Unread),
        Some(Ok(dialback)) => dialback,
    };
    let class = match dialback.content {
        DialbackContent::Request { .. } => ElementClass::DialbackRequest,
        DialbackContent::Verify { .. } => ElementClass::DialbackVerify,
        DialbackContent::Result(DialbackVerdict::Valid) => {
            ElementClass::DialbackResult(PairAnswer::Valid)
        }
        DialbackContent::Result(_) => ElementClass::DialbackResult(PairAnswer::Failed),
        DialbackContent::Verified { .. } => ElementClass::DialbackVerified,
    };
    (class, Content::Dialback(dialback))
}

fn read_management<'a>(element: &Element<'a>) -> (ElementClass, Content<'a>) {
    match ManagementElement::read(element) {
        None => (ElementClass::Other, Content::Unread),
        Some(Err(class)) => (ElementClass::Management(class), Content::Unread),
        Some(Ok(management)) => (
            ElementClass::Management(management.class()),
            Content::Management(management),
        ),
    }
}

fn read_content<'a>(
    element: &Element<'a>,
    kind: Kind,
    awaited: Awaited<'_>,
    recipient: Recipient<'_>,
) -> (ElementClass, Content<'a>) {
    let class = match element.name() {
        _ if element.is_prefixed() => ElementClass::Bad(StreamCondition::BadNamespacePrefix),
        "iq" if kind == Kind::ClientToServer => return read_iq(element, awaited, recipient),
        "message" => stanza(element, kind, StanzaKind::Message),
        "presence" => stanza(element, kind, StanzaKind::Presence),
        "iq" => stanza(element, kind, StanzaKind::Iq),
        "handshake" if kind == Kind::Component => ElementClass::Handshake,
        _ => ElementClass::Bad(StreamCondition::UnsupportedStanzaType),
    };
    (class, Content::Unread)
}

/// A stanza without addresses, or with what is no address by either RFC, ends a stream between
/// servers, because RFC 6120 8.1.1.2 and 8.1.2.2 order it. No other stream is ended by what one of
/// its many users can write.
fn stanza(element: &Element<'_>, kind: Kind, stanza: StanzaKind) -> ElementClass {
    match kind {
        Kind::ServerToServer if !is_addressed(element) => {
            ElementClass::Bad(StreamCondition::ImproperAddressing)
        }
        _ => ElementClass::Stanza(stanza),
    }
}

fn read_iq<'a>(
    iq: &Element<'a>,
    awaited: Awaited<'_>,
    recipient: Recipient<'_>,
) -> (ElementClass, Content<'a>) {
    let kind = iq.attr("type");
    let class = match (kind.as_deref(), awaited) {
        (Some("result"), Awaited::Bind(id)) if has_id(iq, id) => match bind::read_result(iq) {
            Some(jid) => return (ElementClass::BindResult, Content::BindResult(jid)),
            None => ElementClass::Bad(StreamCondition::ImproperAddressing),
        },
        (Some("error"), Awaited::Bind(id)) if has_id(iq, id) => {
            ElementClass::BindError(BindCondition::read(iq))
        }
        (Some("result"), Awaited::Session(id)) if has_id(iq, id) => ElementClass::SessionResult,
        (Some("error"), Awaited::Session(id)) if has_id(iq, id) => ElementClass::SessionError,
        (Some("result" | "error"), _) => ElementClass::Stanza(StanzaKind::Iq),
        (Some("set"), _) => {
            if let Some(request) = BindRequest::read(iq, recipient) {
                let content = request.map_or_else(Content::MalformedRequest, Content::BindRequest);
                return (ElementClass::BindRequest, content);
            }
            if let Some(id) = bind::read_session_request(iq, recipient) {
                let content = id.map_or_else(Content::MalformedRequest, Content::SessionRequest);
                return (ElementClass::SessionRequest, content);
            }
            iq_to(iq, recipient)
        }
        _ => iq_to(iq, recipient),
    };
    (class, Content::Unread)
}

/// A request: to the server itself, or to anybody else.
fn iq_to(iq: &Element<'_>, recipient: Recipient<'_>) -> ElementClass {
    let server = matches!(recipient, Recipient::Server { .. });
    match server && iq.attr("to").is_none_or(|to| recipient.includes(&to)) {
        true => ElementClass::ServerRequest,
        false => ElementClass::Stanza(StanzaKind::Iq),
    }
}

fn has_id(iq: &Element<'_>, id: &str) -> bool {
    iq.attr("id").as_deref() == Some(id)
}

fn is_addressed(stanza: &Element<'_>) -> bool {
    ["from", "to"].into_iter().all(|name| {
        stanza
            .attr(name)
            .is_some_and(|address| Jid::classify(&address) != AddressClass::Invalid)
    })
}

#[cfg(test)]
mod tests;
