//! The elements of Server Dialback, written and read (XEP-0220 2, 2.4, 2.5).
//!
//! `<db:result/>` asks for, or grants, the right to send stanzas for a domain pair. `<db:verify/>`
//! asks whether a key is genuine, or answers that. Without a `type` both are questions, with one
//! they are answers.
//!
//! These decisions were open:
//! * An element without a `from` and a `to` that are bare domains is `improper-addressing`.
//! * A `<db:verify/>` without `id`, a question without a key, and an unknown `type` are
//!   `bad-format`. So are a key longer than [`MAX_KEY_BYTES`] and an `id` longer than
//!   [`MAX_ID_BYTES`]; XEP-0220 sets no lengths, and its keys have 64 bytes.
//! * White space around a key is dropped, because the examples of XEP-0220 have line breaks there.
//! * The `<error/>` inside an answer is read in any namespace. A condition that is not understood
//!   is [`DialbackCondition::Other`].
//!
//! This file may be changed to accept or refuse more elements. Which of them is allowed in which
//! state is decided by the state tables; keys are made in [`crate::dialback`].
//!
//! [`MAX_KEY_BYTES`]: crate::dialback::MAX_KEY_BYTES

use alloc::borrow::Cow;
use alloc::string::String;

use super::{StreamCondition, ns, put};
use crate::dialback::DialbackKey;
use crate::jid::Jid;
use crate::xml::Element;

/// The longest `id` of a `<db:verify/>` that is read, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Holds a received element of dialback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialbackElement<'a> {
    /// `from`, a bare domain.
    pub from: Jid,
    /// `to`, a bare domain.
    pub to: Jid,
    /// The question or the answer.
    pub content: DialbackContent<'a>,
}

/// Says what an element of dialback asks or answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialbackContent<'a> {
    /// `<db:result>key</db:result>` asks whether the sender may send stanzas from `from` to `to`.
    Request {
        /// The key.
        key: DialbackKey,
    },
    /// `<db:result type=''/>` answers that. Its addresses are swapped.
    Result(DialbackVerdict),
    /// `<db:verify id=''>key</db:verify>` asks whether the key was made for the stream `id`.
    Verify {
        /// The id of the stream the key was received on.
        id: Cow<'a, str>,
        /// The key.
        key: DialbackKey,
    },
    /// `<db:verify id='' type=''/>` answers that. Its addresses are swapped.
    Verified {
        /// The id of the question.
        id: Cow<'a, str>,
        /// The answer.
        verdict: DialbackVerdict,
    },
}

/// Answers a question of dialback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialbackVerdict {
    /// The key is genuine; the pair is verified.
    Valid,
    /// The key is not genuine.
    Invalid,
    /// The question cannot be answered (XEP-0220 2.4).
    Error(DialbackCondition),
}

/// Says why there is no answer: a condition of XEP-0220 2.5. All are stanza error conditions of
/// RFC 6120 8.3.3, except `remote-connection-failed`, which XEP-0220 adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialbackCondition {
    /// The domain in `to` is not hosted here.
    ItemNotFound,
    /// The authoritative server cannot be connected to.
    RemoteConnectionFailed,
    /// The authoritative server does not exist, or does not host the domain.
    RemoteServerNotFound,
    /// The authoritative server did not answer.
    RemoteServerTimeout,
    /// Dialback is accepted only under TLS.
    PolicyViolation,
    /// Only a certificate or another proof is accepted.
    NotAuthorized,
    /// The key was invalid, and the stream continues for its other pairs.
    Forbidden,
    /// The asserted identity could not be established.
    NotAcceptable,
    /// The stream cannot carry another pair.
    ResourceConstraint,
    /// Any other condition, or none. It is written as `undefined-condition`.
    Other,
}

impl<'a> DialbackElement<'a> {
    /// Reads an element of the dialback namespace. Returns `None` for other elements.
    ///
    /// # Errors
    /// Returns the condition of the stream error that refuses the element; see the [module](self).
    pub fn read(element: &Element<'a>) -> Option<Result<Self, StreamCondition>> {
        match (element.name(), element.ns()) {
            ("result", ns::DIALBACK) => Some(Self::read_with(element, read_result)),
            ("verify", ns::DIALBACK) => Some(Self::read_with(element, read_verify)),
            _ => None,
        }
    }

    fn read_with(
        element: &Element<'a>,
        content: fn(&Element<'a>) -> Result<DialbackContent<'a>, StreamCondition>,
    ) -> Result<Self, StreamCondition> {
        Ok(Self {
            from: read_domain(element, "from")?,
            to: read_domain(element, "to")?,
            content: content(element)?,
        })
    }
}

impl DialbackVerdict {
    /// Returns the value of `type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Error(_) => "error",
        }
    }
}

impl core::fmt::Display for DialbackVerdict {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Error(error) => write!(f, "error: {error}"),
            other => f.write_str(other.as_str()),
        }
    }
}

impl DialbackCondition {
    /// Every value.
    pub const ALL: [Self; 10] = [
        Self::ItemNotFound,
        Self::RemoteConnectionFailed,
        Self::RemoteServerNotFound,
        Self::RemoteServerTimeout,
        Self::PolicyViolation,
        Self::NotAuthorized,
        Self::Forbidden,
        Self::NotAcceptable,
        Self::ResourceConstraint,
        Self::Other,
    ];

    /// Returns the name of the condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ItemNotFound => "item-not-found",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::RemoteServerNotFound => "remote-server-not-found",
            Self::RemoteServerTimeout => "remote-server-timeout",
            Self::PolicyViolation => "policy-violation",
            Self::NotAuthorized => "not-authorized",
            Self::Forbidden => "forbidden",
            Self::NotAcceptable => "not-acceptable",
            Self::ResourceConstraint => "resource-constraint",
            Self::Other => "undefined-condition",
        }
    }

    /// Returns the `type` that RFC 6120 8.3.3 gives the condition.
    const fn error_type(self) -> &'static str {
        match self {
            Self::ItemNotFound
            | Self::RemoteConnectionFailed
            | Self::RemoteServerNotFound
            | Self::Other => "cancel",
            Self::RemoteServerTimeout | Self::ResourceConstraint => "wait",
            Self::PolicyViolation | Self::NotAcceptable => "modify",
            Self::NotAuthorized | Self::Forbidden => "auth",
        }
    }

    fn read(element: &Element<'_>) -> Self {
        element
            .children()
            .filter(|child| child.name() == "error")
            .flat_map(|error| error.children())
            .filter(|child| child.ns() == ns::STANZA_ERRORS)
            .find_map(|condition| {
                Self::ALL
                    .into_iter()
                    .find(|error| error.as_str() == condition.name())
            })
            .unwrap_or(Self::Other)
    }
}

impl core::fmt::Display for DialbackCondition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Appends `<db:result/>` with a key, by which `from` asks to send to `to` (XEP-0220 2.1.1).
pub fn write_request(out: &mut String, from: &str, to: &str, key: &DialbackKey) {
    write(out, "result", (from, to, None), Ok(key));
}

/// Appends the answer to a request. `from` is the `to` of the request (XEP-0220 2.2.1).
pub fn write_result(out: &mut String, from: &str, to: &str, verdict: DialbackVerdict) {
    write(out, "result", (from, to, None), Err(verdict));
}

/// Appends `<db:verify/>` with a key that was received on the stream `id` (XEP-0220 2.1.2).
pub fn write_verify(out: &mut String, from: &str, to: &str, id: &str, key: &DialbackKey) {
    write(out, "verify", (from, to, Some(id)), Ok(key));
}

/// Appends the answer to a `<db:verify/>`. `from` is the `to` of the question (XEP-0220 2.2.2).
pub fn write_verified(out: &mut String, from: &str, to: &str, id: &str, verdict: DialbackVerdict) {
    write(out, "verify", (from, to, Some(id)), Err(verdict));
}

fn write(
    out: &mut String,
    name: &str,
    (from, to, id): (&str, &str, Option<&str>),
    content: Result<&DialbackKey, DialbackVerdict>,
) {
    out.push_str("<db:");
    out.push_str(name);
    put::attribute(out, "from", from);
    put::attribute(out, "to", to);
    if let Some(id) = id {
        put::attribute(out, "id", id);
    }
    if let Err(verdict) = content {
        put::attribute(out, "type", verdict.as_str());
    }
    match content {
        Ok(key) => {
            out.push('>');
            put::text(out, key.as_str());
        }
        Err(DialbackVerdict::Error(error)) => {
            out.push_str("><error");
            put::attribute(out, "type", error.error_type());
            out.push_str("><");
            out.push_str(error.as_str());
            put::attribute(out, "xmlns", ns::STANZA_ERRORS);
            out.push_str("/></error>");
        }
        Err(DialbackVerdict::Valid | DialbackVerdict::Invalid) => {
            out.push_str("/>");
            return;
        }
    }
    for piece in ["</db:", name, ">"] {
        out.push_str(piece);
    }
}

fn read_result<'a>(element: &Element<'a>) -> Result<DialbackContent<'a>, StreamCondition> {
    Ok(match read_verdict(element)? {
        None => DialbackContent::Request {
            key: read_key(element)?,
        },
        Some(verdict) => DialbackContent::Result(verdict),
    })
}

fn read_verify<'a>(element: &Element<'a>) -> Result<DialbackContent<'a>, StreamCondition> {
    let id = element
        .attr("id")
        .filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()))
        .ok_or(StreamCondition::BadFormat)?;
    Ok(match read_verdict(element)? {
        None => DialbackContent::Verify {
            id,
            key: read_key(element)?,
        },
        Some(verdict) => DialbackContent::Verified { id, verdict },
    })
}

fn read_verdict(element: &Element<'_>) -> Result<Option<DialbackVerdict>, StreamCondition> {
    Ok(match element.attr("type").as_deref() {
        None => None,
        Some("valid") => Some(DialbackVerdict::Valid),
        Some("invalid") => Some(DialbackVerdict::Invalid),
        Some("error") => Some(DialbackVerdict::Error(DialbackCondition::read(element))),
        Some(_) => return Err(StreamCondition::BadFormat),
    })
}

fn read_key(element: &Element<'_>) -> Result<DialbackKey, StreamCondition> {
    DialbackKey::new(put::trim(&element.text())).ok_or(StreamCondition::BadFormat)
}

fn read_domain(element: &Element<'_>, name: &str) -> Result<Jid, StreamCondition> {
    element
        .attr(name)
        .and_then(|address| Jid::parse(&address).ok())
        .filter(Jid::is_domain)
        .ok_or(StreamCondition::ImproperAddressing)
}

#[cfg(test)]
mod tests;
