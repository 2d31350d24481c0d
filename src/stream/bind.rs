//! Resource binding (RFC 6120 section 7), and the session establishment of
//! RFC 3921 section 3, which servers still grant to clients that ask for it.
//!
//! Answers are told by the `id` of the request (8.1.3): see
//! [`Awaited`](super::Awaited). Their `from` is not looked at: before a
//! resource is bound nobody but the server can send to this stream (7.1).
//!
//! An empty `<resource/>` asks for a generated resource, which is the repair
//! section 7.7.2.1 recommends. If the text of `<jid/>` is no address as it stands
//! the white space around it is dropped, as the RFC's examples have line breaks
//! there; a space at the end of a resource is part of it.

use alloc::borrow::Cow;
use alloc::string::String;

use super::{ns, put};
use crate::jid::Jid;
use crate::xml::Element;

/// The longest `id` of a request that is answered, in bytes: it is echoed
/// from a buffer with a bound. A request with a longer one is not recognised.
pub const MAX_ID_BYTES: usize = 1024;

/// A received request to bind a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindRequest<'a> {
    /// The `id` to answer to.
    pub id: Cow<'a, str>,
    /// The resource asked for; `None` asks the server to make one up. It is
    /// not yet checked against RFC 7622: [`Jid::with_resource`] does that.
    pub resource: Option<Cow<'a, str>>,
}

impl<'a> BindRequest<'a> {
    /// Reads `<iq type='set'><bind/></iq>` (7.6.1, 7.7.1). `iq` is an element
    /// of the content namespace.
    #[must_use]
    pub fn read(iq: &Element<'a>) -> Option<Self> {
        let bind = request(iq, "bind", ns::BIND)?;
        Some(Self {
            id: iq.attr("id")?,
            resource: bind
                .child("resource", ns::BIND)
                .map(|resource| resource.text())
                .filter(|resource| !resource.is_empty()),
        })
    }
}

/// Why a resource is not bound: the stanza error conditions of sections 7.6.2
/// and 7.7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindCondition {
    /// The resource asked for cannot be processed (7.7.2.1).
    BadRequest,
    /// It is in use (7.7.2.2).
    Conflict,
    /// The client may not bind a resource (7.6.2.2).
    NotAllowed,
    /// The account has as many resources as it may have (7.6.2.1).
    ResourceConstraint,
    /// A condition section 8.3.3 defines for other purposes, or none at all.
    /// Written as `internal-server-error`.
    Other,
}

impl BindCondition {
    /// Every value.
    pub const ALL: [Self; 5] = [
        Self::BadRequest,
        Self::Conflict,
        Self::NotAllowed,
        Self::ResourceConstraint,
        Self::Other,
    ];

    /// The name of the condition (RFC 6120 section 8.3.3).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Conflict => "conflict",
            Self::NotAllowed => "not-allowed",
            Self::ResourceConstraint => "resource-constraint",
            Self::Other => "internal-server-error",
        }
    }

    /// Reads the condition out of an `<iq type='error'/>` of the content
    /// namespace; total.
    #[must_use]
    pub fn read(iq: &Element<'_>) -> Self {
        iq.child("error", iq.ns())
            .and_then(|error| {
                error
                    .children()
                    .find(|child| child.ns() == ns::STANZA_ERRORS && child.name() != "text")
            })
            .and_then(|condition| {
                Self::ALL
                    .into_iter()
                    .find(|error| error.as_str() == condition.name())
            })
            .unwrap_or(Self::Other)
    }

    /// The `type` sections 7.6.2 and 7.7.2 show with each condition.
    const fn error_type(self) -> &'static str {
        match self {
            Self::BadRequest | Self::Conflict => "modify",
            Self::NotAllowed | Self::Other => "cancel",
            Self::ResourceConstraint => "wait",
        }
    }
}

impl core::fmt::Display for BindCondition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The address in `<iq type='result'><bind><jid/></bind></iq>` (7.6.1), to be
/// used whatever resource was asked for (7.7.1). `None` if it is missing, or
/// not a full address of an account.
#[must_use]
pub fn read_result(iq: &Element<'_>) -> Option<Jid> {
    let text = iq.child("bind", ns::BIND)?.child("jid", ns::BIND)?.text();
    Jid::parse(&text)
        .or_else(|_| Jid::parse(put::trim(&text)))
        .ok()
        .filter(|jid| jid.is_full() && jid.local().is_some())
}

/// The `id` of a request for a session (RFC 3921 section 3).
#[must_use]
pub fn read_session_request<'a>(iq: &Element<'a>) -> Option<Cow<'a, str>> {
    request(iq, "session", ns::SESSION)?;
    iq.attr("id")
}

/// Appends a request to bind `resource`, or one the server makes up.
pub fn write_request(out: &mut String, id: &str, resource: Option<&str>) {
    open_iq(out, "set", id);
    out.push_str("<bind");
    put::attribute(out, "xmlns", ns::BIND);
    match resource {
        Some(resource) => {
            out.push_str("><resource>");
            put::text(out, resource);
            out.push_str("</resource></bind></iq>");
        }
        None => out.push_str("/></iq>"),
    }
}

/// Appends the answer that `jid`, a full address, is bound.
pub fn write_result(out: &mut String, id: &str, jid: &Jid) {
    open_iq(out, "result", id);
    out.push_str("<bind");
    put::attribute(out, "xmlns", ns::BIND);
    out.push_str("><jid>");
    put::text(out, jid.as_str());
    out.push_str("</jid></bind></iq>");
}

/// Appends the answer that no resource is bound; the stream goes on.
pub fn write_error(out: &mut String, id: &str, error: BindCondition) {
    open_iq(out, "error", id);
    out.push_str("<error");
    put::attribute(out, "type", error.error_type());
    out.push_str("><");
    out.push_str(error.as_str());
    put::attribute(out, "xmlns", ns::STANZA_ERRORS);
    out.push_str("/></error></iq>");
}

/// Appends a request for a session (RFC 3921 section 3).
pub fn write_session_request(out: &mut String, id: &str) {
    open_iq(out, "set", id);
    out.push_str("<session");
    put::attribute(out, "xmlns", ns::SESSION);
    out.push_str("/></iq>");
}

/// Appends the answer that grants a session.
pub fn write_session_result(out: &mut String, id: &str) {
    open_iq(out, "result", id);
    out.push_str("</iq>");
}

fn open_iq(out: &mut String, kind: &str, id: &str) {
    out.push_str("<iq");
    put::attribute(out, "type", kind);
    put::attribute(out, "id", id);
    out.push('>');
}

fn request<'a>(iq: &Element<'a>, name: &str, namespace: &str) -> Option<Element<'a>> {
    let is_request = iq.name() == "iq"
        && iq.attr("type").as_deref() == Some("set")
        && iq
            .attr("id")
            .is_some_and(|id| (1..=MAX_ID_BYTES).contains(&id.len()));
    if is_request {
        iq.child(name, namespace)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
