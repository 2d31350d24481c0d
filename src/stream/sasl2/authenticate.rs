//! `<authenticate/>`: the request of a client, with what it asks for inline (XEP-0388 2.3, XEP-0386
//! 3.2, XEP-0198 9, XEP-0484 3, XEP-0480 2.2).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::encoding::{
    close, encoded_len, escaped_len, flag, is_extension, is_task_name, number, octets,
    octets_element, once, open, text_element,
};
use super::inline_xml::InlineXml;
use super::user_agent::UserAgent;
use crate::sasl::{SaslCondition, Secret};
use crate::stream::management::ManagementElement;
use crate::stream::{ns, put, sasl};
use crate::xml::Element;

/// The longest `<tag/>` of a request to bind, in bytes. It becomes a part of a resource.
pub const MAX_TAG_BYTES: usize = 256;

/// How many features a request to bind can ask for.
pub const MAX_BIND_FEATURES: usize = 32;

/// The most bytes of features that a server keeps of a request to bind: of all that it offers, each
/// with the namespace declarations that it inherits. A declaration that stands once in the request
/// would otherwise be kept with each feature that uses it.
pub const MAX_BIND_FEATURE_BYTES: usize = 8192;

/// How many upgrades a client can ask for.
pub const MAX_UPGRADES: usize = 16;

/// Holds a received `<authenticate/>`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authenticate<'a> {
    /// The mechanism chosen, a syntactically valid name.
    pub mechanism: Cow<'a, str>,
    /// The initial response, if there is one.
    pub initial_response: Option<Secret>,
    /// What the client says of itself.
    pub user_agent: Option<UserAgent>,
    /// The request to bind a resource (XEP-0386).
    pub bind: Option<InlineBind<'a>>,
    /// The request to resume a session (XEP-0198 9.2). It is processed before `bind`.
    pub resume: Option<InlineResume<'a>>,
    /// That the credential is a token (XEP-0484 3.4).
    pub fast: Option<FastUse>,
    /// The mechanism for which a token is requested (XEP-0484 3.2), a syntactically valid name.
    pub request_token: Option<Cow<'a, str>>,
    /// The upgrade tasks that the client is ready for, each once (XEP-0480 2.2).
    pub upgrades: Vec<Cow<'a, str>>,
    element: Element<'a>,
}

impl<'a> Authenticate<'a> {
    pub(super) fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        let mut read = Self {
            mechanism: element
                .attr("mechanism")
                .filter(|name| sasl::is_mechanism_name(name))
                .ok_or(SaslCondition::InvalidMechanism)?,
            initial_response: None,
            user_agent: None,
            bind: None,
            resume: None,
            fast: None,
            request_token: None,
            upgrades: Vec::new(),
            element: *element,
        };
        for child in element.children() {
            match (child.ns(), child.name()) {
                (ns::SASL2, "initial-response") => {
                    once(&mut read.initial_response, octets(&child)?)?;
                }
                (ns::SASL2, "user-agent") => once(&mut read.user_agent, UserAgent::read(&child)?)?,
                (ns::BIND2, "bind") => once(&mut read.bind, InlineBind::read(&child)?)?,
                (ns::MANAGEMENT, _) => once(&mut read.resume, InlineResume::read(&child)?)?,
                (ns::FAST, "fast") => once(&mut read.fast, FastUse::read(&child)?)?,
                (ns::FAST, "request-token") => once(&mut read.request_token, mechanism(&child)?)?,
                (ns::UPGRADE, "upgrade") => read.add_upgrade(&child)?,
                _ => {}
            }
        }
        Ok(read)
    }

    /// Returns the elements of extensions that are not known here, as whole elements.
    pub fn extensions(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.element
            .children()
            .filter(|child| is_extension(child.ns()))
    }

    fn add_upgrade(&mut self, element: &Element<'a>) -> Result<(), SaslCondition> {
        let task = element.text();
        if !is_task_name(&task) {
            return Err(SaslCondition::MalformedRequest);
        }
        if self.upgrades.contains(&task) {
            return Ok(());
        }
        if self.upgrades.len() == MAX_UPGRADES {
            return Err(SaslCondition::MalformedRequest);
        }
        self.upgrades.push(task);
        Ok(())
    }
}

/// Holds a request to bind a resource, `<bind/>` inside `<authenticate/>` (XEP-0386 3.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InlineBind<'a> {
    /// What the resource should begin with. It has not been checked against RFC 7622.
    pub tag: Option<Cow<'a, str>>,
    /// The request for stream management (XEP-0198 9.1).
    pub enable: Option<InlineEnable>,
    element: Element<'a>,
}

impl<'a> InlineBind<'a> {
    fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        let (mut tag, mut enable) = (None, None);
        let mut features = 0;
        for child in element.children() {
            match (child.ns(), child.name()) {
                (ns::BIND2, "tag") => once(&mut tag, child.text())?,
                (ns::MANAGEMENT, _) => once(&mut enable, InlineEnable::read(&child)?)?,
                (namespace, _) => features += usize::from(is_extension(namespace)),
            }
        }
        let is_short = |tag: &Cow<'_, str>| tag.len() <= MAX_TAG_BYTES;
        if features > MAX_BIND_FEATURES || !tag.as_ref().is_none_or(is_short) {
            return Err(SaslCondition::MalformedRequest);
        }
        Ok(Self {
            tag: tag.filter(|tag| !tag.is_empty()),
            enable,
            element: *element,
        })
    }

    /// Returns the features requested that are not known here, as whole elements: at most
    /// [`MAX_BIND_FEATURES`].
    pub fn features(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.element
            .children()
            .filter(|child| is_extension(child.ns()))
    }
}

/// Says what is requested of stream management for the new session: what `<enable/>` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InlineEnable {
    /// Whether a session is asked for that can be resumed.
    pub resume: bool,
    /// For how long the client would like to be able to resume it, in seconds.
    pub max: Option<u32>,
}

impl InlineEnable {
    fn read(element: &Element<'_>) -> Result<Self, SaslCondition> {
        match ManagementElement::read(element) {
            Some(Ok(ManagementElement::Enable { resume, max })) => Ok(Self { resume, max }),
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

/// Names the session to resume: what `<resume/>` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineResume<'a> {
    /// How many stanzas the client has handled, modulo 2^32.
    pub h: u32,
    /// The name of the session.
    pub previd: Cow<'a, str>,
}

impl<'a> InlineResume<'a> {
    fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        match ManagementElement::read(element) {
            Some(Ok(ManagementElement::Resume { h, previd })) => Ok(Self { h, previd }),
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

/// Says that the credential is a token: what `<fast/>` says (XEP-0484 3.4, 3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FastUse {
    /// How often the token has been tried. It is required in TLS early data only.
    pub count: Option<u32>,
    /// Whether the token is given up with this authentication.
    pub invalidate: bool,
}

impl FastUse {
    fn read(element: &Element<'_>) -> Result<Self, SaslCondition> {
        let count = element.attr("count").map(|count| number(&count));
        let invalidate = element.attr("invalidate").map(|value| flag(&value));
        Ok(Self {
            count: count.transpose()?,
            invalidate: invalidate.transpose()?.unwrap_or_default(),
        })
    }
}

fn mechanism<'a>(element: &Element<'a>) -> Result<Cow<'a, str>, SaslCondition> {
    element
        .attr("mechanism")
        .filter(|name| sasl::is_mechanism_name(name))
        .ok_or(SaslCondition::MalformedRequest)
}

/// Says what an `<authenticate/>` to be written holds. The names are those of mechanisms and tasks
/// that the caller implements.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthenticateOut<'a> {
    /// The mechanism.
    pub mechanism: &'a str,
    /// The initial response, which may be empty.
    pub initial_response: Option<&'a Secret>,
    /// What the client says of itself.
    pub user_agent: Option<&'a UserAgent>,
    /// The request to bind a resource.
    pub bind: Option<InlineBindOut<'a>>,
    /// How many stanzas were handled in the session to resume, and its name.
    pub resume: Option<(u32, &'a str)>,
    /// That the credential is a token.
    pub fast: Option<FastUse>,
    /// The mechanism for which a token is requested.
    pub request_token: Option<&'a str>,
    /// The upgrade tasks that the client is ready for.
    pub upgrades: &'a [&'a str],
}

impl AuthenticateOut<'_> {
    /// Returns the most bytes that it is written with. A buffer with that room is not grown by the
    /// writer, so that no copy of a secret remains.
    #[must_use]
    pub fn max_len(&self) -> usize {
        const AROUND: usize = 128;
        let request = self;
        // What is around the texts of one element, with its namespace.
        let response = request.initial_response.map_or(0, Secret::len);
        let bind = request.bind.map_or(0, |bind| {
            let features = bind.features.iter().map(|feature| feature.as_str().len());
            features.sum::<usize>() + bind.tag.map_or(0, escaped_len) + 2 * AROUND
        });
        let upgrades = request
            .upgrades
            .iter()
            .map(|task| escaped_len(task) + AROUND);
        encoded_len(response)
            + escaped_len(request.mechanism)
            + request.user_agent.map_or(0, UserAgent::max_len)
            + request.resume.map_or(0, |(_, previd)| escaped_len(previd))
            + bind
            + request.request_token.map_or(0, escaped_len)
            + upgrades.sum::<usize>()
            + 5 * AROUND
    }
}

/// Says what a request to bind holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct InlineBindOut<'a> {
    /// What the resource should begin with.
    pub tag: Option<&'a str>,
    /// The request for stream management.
    pub enable: Option<InlineEnable>,
    /// Further features that are requested.
    pub features: &'a [InlineXml],
}

/// Appends `<authenticate/>`.
///
/// Like the other writers of secrets, it encodes them directly into `out`, and the owner of `out`
/// wipes it.
pub fn write_authenticate(out: &mut String, request: &AuthenticateOut<'_>) {
    // Room is reserved for all of it at once, so that no piece of a secret is left in a buffer that
    // became too small half-way.
    out.reserve(request.max_len());
    open(out, "authenticate", ns::SASL2);
    put::attribute(out, "mechanism", request.mechanism);
    out.push('>');
    if let Some(response) = request.initial_response {
        octets_element(out, "initial-response", response.as_bytes());
    }
    if let Some(agent) = request.user_agent {
        agent.write(out);
    }
    if let Some((h, previd)) = request.resume {
        let previd = Cow::Borrowed(previd);
        ManagementElement::Resume { h, previd }.write(out);
    }
    if let Some(bind) = request.bind {
        write_bind(out, &bind);
    }
    if let Some(fast) = request.fast {
        open(out, "fast", ns::FAST);
        if let Some(count) = fast.count {
            out.push_str(" count='");
            put::display(out, &count);
            out.push('\'');
        }
        if fast.invalidate {
            put::attribute(out, "invalidate", "true");
        }
        out.push_str("/>");
    }
    if let Some(mechanism) = request.request_token {
        open(out, "request-token", ns::FAST);
        put::attribute(out, "mechanism", mechanism);
        out.push_str("/>");
    }
    for task in request.upgrades {
        open(out, "upgrade", ns::UPGRADE);
        out.push('>');
        put::text(out, task);
        close(out, "upgrade");
    }
    close(out, "authenticate");
}

fn write_bind(out: &mut String, bind: &InlineBindOut<'_>) {
    open(out, "bind", ns::BIND2);
    out.push('>');
    if let Some(tag) = bind.tag {
        text_element(out, "tag", tag);
    }
    if let Some(InlineEnable { resume, max }) = bind.enable {
        ManagementElement::Enable { resume, max }.write(out);
    }
    for feature in bind.features {
        out.push_str(feature.as_str());
    }
    close(out, "bind");
}
