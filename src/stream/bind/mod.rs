//! Resource binding (RFC 6120 7), and the session establishment of RFC 3921 3, which servers still
//! grant to clients that ask for it: requests, results and errors, read and written.
//!
//! These decisions were open:
//! * An answer is recognised by the `id` of its request (RFC 6120 8.1.3, [`Awaited`]). Its `from`
//!   is not checked, because nobody but the server can send to a stream without a resource (RFC
//!   6120 7.1).
//! * A request is for us only if its `to` is absent or names the server or the account
//!   ([`Recipient`]). Any other `<iq/>` is a stanza, whatever it contains.
//! * A request that breaks the rules for `<iq/>` (RFC 6120 8.2.3) is a [`MalformedRequest`], which
//!   is answered with `<bad-request/>` and not with a stream error.
//! * An empty `<resource/>` asks for a generated resource, which is the repair that RFC 6120
//!   7.7.2.1 recommends. Apart from that a resource is handed over exactly as it was received.
//! * If the text of `<jid/>` is not an address, the white space around it is dropped, because the
//!   examples of RFC 6120 have line breaks there. A space at the end of a resource is part of it.
//!
//! This file may be changed to follow the rules of RFC 6120 7 more closely. Which request is
//! allowed in which state is decided by the state tables.
//!
//! [`Awaited`]: super::Awaited

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::{ns, put};
use crate::jid::Jid;
use crate::xml::Element;

/// The longest `id` of a request, in bytes. A request with a longer one is malformed, because the
/// `id` is echoed from a buffer with a bound.
pub const MAX_ID_BYTES: usize = 1024;

/// Holds a received request to bind a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindRequest<'a> {
    /// The `id` of the answer.
    pub id: Cow<'a, str>,
    /// The resource asked for, exactly as received. `None` asks the server to generate one. It has
    /// not been checked against RFC 7622: [`Jid::with_resource`] does that.
    pub resource: Option<Cow<'a, str>>,
}

/// Says who an `<iq/>` has to be addressed to for the server itself to answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipient<'a> {
    /// Every `to` counts. This is for callers that have compared the addresses before.
    Anyone,
    /// `to` must be absent, empty, or name the server or the account, because the server answers
    /// for both of them (RFC 6120 8.1.1.1, 10.3.3).
    Server {
        /// The domain of the server.
        domain: &'a str,
        /// The account of the client, if it is known. Only its bare address is compared.
        account: Option<&'a Jid>,
    },
}

/// Holds the `id` of a request that breaks the rules of RFC 6120 8.2.3: it has no `id` or too long
/// a one, another `type` than `set`, or more than one child element.
///
/// The request is answered by [`write_error`](Self::write_error), and the stream continues.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MalformedRequest<'a> {
    /// The `id` of the answer; `None` if the request has none, or one longer than
    /// [`MAX_ID_BYTES`].
    pub id: Option<Cow<'a, str>>,
}

/// Says why a resource is not bound: a stanza error condition of RFC 6120 7.6.2 or 7.7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindCondition {
    /// The resource asked for cannot be processed, or the request is malformed (RFC 6120 7.7.2.1).
    BadRequest,
    /// The resource is in use (RFC 6120 7.7.2.2).
    Conflict,
    /// The client is not allowed to bind a resource (RFC 6120 7.6.2.2).
    NotAllowed,
    /// The account has reached its limit on resources (RFC 6120 7.6.2.1).
    ResourceConstraint,
    /// Any other condition of RFC 6120 8.3.3, or none. It is written as `internal-server-error`.
    Other,
}

impl<'a> BindRequest<'a> {
    /// Reads `<iq type='set'><bind/></iq>`, an element of the content namespace (RFC 6120 7.6.1,
    /// 7.7.1).
    ///
    /// Returns `None` if the element is not a request to bind a resource, or not addressed to
    /// `recipient`.
    ///
    /// # Errors
    /// Returns [`MalformedRequest`] if the request has to be answered with `<bad-request/>`.
    #[must_use]
    pub fn read(
        iq: &Element<'a>,
        recipient: Recipient<'_>,
    ) -> Option<Result<Self, MalformedRequest<'a>>> {
        let request = read_request(iq, recipient, "bind", ns::BIND)?;
        Some(request.map(|(id, bind)| {
            Self {
                id,
                resource: bind
                    .child("resource", ns::BIND)
                    .map(|resource| resource.text())
                    .filter(|resource| !resource.is_empty()),
            }
        }))
    }
}

impl Recipient<'_> {
    pub(super) fn includes(self, to: &str) -> bool {
        let Self::Server { domain, account } = self else {
            return true;
        };
        to.is_empty()
            || Jid::parse(to).is_ok_and(|to| {
                (to.is_domain() && to.domain() == domain)
                    || account.is_some_and(|account| to == account.bare())
            })
    }
}

impl MalformedRequest<'_> {
    /// Appends the answer `<bad-request/>` (RFC 6120 8.3.3.1). It has no `id` if the request has
    /// none that can be echoed.
    pub fn write_error(&self, out: &mut String) {
        write_iq_error(out, self.id.as_deref(), BindCondition::BadRequest);
    }
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

    /// Returns the name of the condition (RFC 6120 8.3.3).
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

    /// Reads the condition from an `<iq type='error'/>` of the content namespace. An unknown or
    /// missing condition is [`Other`](Self::Other).
    #[must_use]
    pub fn read(iq: &Element<'_>) -> Self {
        iq.child("error", iq.ns())
            .and_then(|error| {
                error
                    .children()
                    .find(|child| child.ns() == ns::STANZA_ERRORS && child.name() != "text")
            })
            .and_then(|element| {
                Self::ALL
                    .into_iter()
                    .find(|condition| condition.as_str() == element.name())
            })
            .unwrap_or(Self::Other)
    }

    /// Returns the `type` that RFC 6120 7.6.2 and 7.7.2 show with each condition.
    const fn error_type(self) -> &'static str {
        match self {
            Self::BadRequest | Self::Conflict => "modify",
            Self::NotAllowed | Self::Other => "cancel",
            Self::ResourceConstraint => "wait",
        }
    }
}

impl fmt::Display for BindCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the address in `<iq type='result'><bind><jid/></bind></iq>` (RFC 6120 7.6.1).
///
/// The client uses this address, whatever resource it asked for (RFC 6120 7.7.1). Returns `None` if
/// the `<iq/>` is not a result, or the address is missing or not a full address of an account. An
/// error that echoes the address is not a result.
#[must_use]
pub fn read_result(iq: &Element<'_>) -> Option<Jid> {
    if iq.attr("type").as_deref() != Some("result") {
        return None;
    }
    let text = iq.child("bind", ns::BIND)?.child("jid", ns::BIND)?.text();
    Jid::parse(&text)
        .or_else(|_| Jid::parse(put::trim(&text)))
        .ok()
        .filter(|jid| jid.is_full() && jid.local().is_some())
}

/// Reads the `id` of a request for a session (RFC 3921 3), as [`BindRequest::read`] reads a request
/// to bind.
///
/// # Errors
/// Returns [`MalformedRequest`] if the request has to be answered with `<bad-request/>`.
#[must_use]
pub fn read_session_request<'a>(
    iq: &Element<'a>,
    recipient: Recipient<'_>,
) -> Option<Result<Cow<'a, str>, MalformedRequest<'a>>> {
    let request = read_request(iq, recipient, "session", ns::SESSION)?;
    Some(request.map(|(id, _)| id))
}

/// Appends a request to bind `resource`, or a resource that the server generates.
pub fn write_request(out: &mut String, id: &str, resource: Option<&str>) {
    open_iq(out, "set", Some(id));
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
    open_iq(out, "result", Some(id));
    out.push_str("<bind");
    put::attribute(out, "xmlns", ns::BIND);
    out.push_str("><jid>");
    put::text(out, jid.as_str());
    out.push_str("</jid></bind></iq>");
}

/// Appends the answer that no resource is bound. The stream continues.
pub fn write_error(out: &mut String, id: &str, condition: BindCondition) {
    write_iq_error(out, Some(id), condition);
}

/// Appends a request for a session (RFC 3921 3).
pub fn write_session_request(out: &mut String, id: &str) {
    open_iq(out, "set", Some(id));
    out.push_str("<session");
    put::attribute(out, "xmlns", ns::SESSION);
    out.push_str("/></iq>");
}

/// Appends the answer that grants a session.
pub fn write_session_result(out: &mut String, id: &str) {
    open_iq(out, "result", Some(id));
    out.push_str("</iq>");
}

fn write_iq_error(out: &mut String, id: Option<&str>, condition: BindCondition) {
    open_iq(out, "error", id);
    out.push_str("<error");
    put::attribute(out, "type", condition.error_type());
    out.push_str("><");
    out.push_str(condition.as_str());
    put::attribute(out, "xmlns", ns::STANZA_ERRORS);
    out.push_str("/></error></iq>");
}

fn open_iq(out: &mut String, kind: &str, id: Option<&str>) {
    out.push_str("<iq");
    put::attribute(out, "type", kind);
    if let Some(id) = id {
        put::attribute(out, "id", id);
    }
    out.push('>');
}

/// The `id` of a request and its child element.
type Request<'a> = (Cow<'a, str>, Element<'a>);

/// Reads an `<iq/>` to `recipient` that has the child `name`. Answers are not requests, whatever
/// they echo.
fn read_request<'a>(
    iq: &Element<'a>,
    recipient: Recipient<'_>,
    name: &str,
    namespace: &str,
) -> Option<Result<Request<'a>, MalformedRequest<'a>>> {
    if iq.name() != "iq" {
        return None;
    }
    let kind = iq.attr("type");
    if matches!(kind.as_deref(), Some("result" | "error")) {
        return None;
    }
    let child = iq.child(name, namespace)?;
    if !iq.attr("to").is_none_or(|to| recipient.includes(&to)) {
        return None;
    }
    let id = iq.attr("id").filter(|id| id.len() <= MAX_ID_BYTES);
    let is_alone = iq.children().nth(1).is_none();
    Some(match (kind.as_deref(), id) {
        (Some("set"), Some(id)) if is_alone && !id.is_empty() => Ok((id, child)),
        (_, id) => Err(MalformedRequest { id }),
    })
}

#[cfg(test)]
mod tests;
