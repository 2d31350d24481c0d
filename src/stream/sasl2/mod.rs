//! The elements of SASL2 (XEP-0388), written and read, with what can be asked for inside them: Bind 2
//! (XEP-0386), stream management (XEP-0198 9), tokens (FAST, XEP-0484) and upgrade tasks (XEP-0480).
//!
//! These decisions were open:
//! * Base64 is strict, as in [`sasl`](super::sasl): it has no white space, although the examples of
//!   XEP-0388 have some. An element without text is data that is present and empty; an element that
//!   is missing is no data. `=` has no meaning of its own, and is wrong base64 (XEP-0388 2.2).
//! * What is known here may come once in its parent: a second `<initial-response/>`, for example, is
//!   malformed, because which one counts would be a guess.
//! * In `<authenticate/>`, these are malformed: a `<user-agent/>` whose `id` is no UUID of version 4;
//!   an element of stream management other than a complete `<resume/>`, or other than `<enable/>`
//!   inside `<bind/>`; a `<tag/>` longer than [`MAX_TAG_BYTES`]; more than [`MAX_BIND_FEATURES`]
//!   features; a `count` that is no number, an `invalidate` that is no boolean; `<request-token/>`
//!   without the name of a mechanism; `<upgrade/>` without the name of a task, or more than
//!   [`MAX_UPGRADES`] of them. A `count` of 0 is handed over: what was used before is for the caller
//!   to compare.
//! * In `<success/>`, these are malformed: no `<authorization-identifier/>` that is an address; a
//!   `<bound/>` with a bare address, or beside `<resumed/>`; an element of stream management that is
//!   no answer to what a client asks for there; a `<token/>` without token or expiry. If the text of
//!   the identifier is not an address, the white space around it is dropped, as an example of
//!   XEP-0388 has it.
//! * Names in a list of tasks that are no names of tasks are ignored; a list without any name, or with
//!   more than [`MAX_TASKS`], is malformed.
//! * Unknown elements are ignored, and handed over if they are in the namespace of an extension.
//!
//! This file may be changed to read and write more elements. It knows no mechanism, no task, and no
//! state.

mod authenticate;
mod encoding;
mod inline_xml;
mod success;
mod tasks;
mod user_agent;

use alloc::boxed::Box;
use alloc::string::String;

pub use authenticate::{
    Authenticate, AuthenticateOut, FastUse, InlineBind, InlineBindOut, InlineEnable, InlineResume,
    MAX_BIND_FEATURE_BYTES, MAX_BIND_FEATURES, MAX_TAG_BYTES, MAX_UPGRADES, write_authenticate,
};
pub use encoding::is_task_name;
pub use inline_xml::{InlineXml, InlineXmlError};
pub use success::{
    Bound, BoundOut, EnableOut, InlineResumption, IssuedToken, ResumptionOut, Success, SuccessOut,
    TokenOut, write_success,
};
pub use tasks::{
    Continue, MAX_HASH_BYTES, MAX_TASKS, Next, read_hash, read_salt, upgrade_hash, upgrade_name,
    write_continue, write_hash, write_next, write_salt, write_task_data,
};
pub use user_agent::{MAX_DESCRIPTION_BYTES, UserAgent, UserAgentError};

use super::sasl::{MAX_NAME_BYTES, MAX_TEXT_BYTES, SaslFailure};
use super::{ns, put};
use crate::sasl::{SaslCondition, Secret};
use crate::xml::Element;

/// `<abort/>` as it is sent (XEP-0388 4.5).
pub const ABORT: &str = "<abort xmlns='urn:xmpp:sasl:2'/>";

/// Holds a received element of the SASL2 namespace. Data is decoded, and wiped from memory when
/// dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Sasl2Element<'a> {
    /// `<authenticate/>` (XEP-0388 2.3).
    Authenticate(Box<Authenticate<'a>>),
    /// `<challenge/>` (XEP-0388 2.5).
    Challenge(Secret),
    /// `<response/>` (XEP-0388 2.5).
    Response(Secret),
    /// `<abort/>` (XEP-0388 4.5). Its text is not kept.
    Abort,
    /// `<success/>` (XEP-0388 2.6.1).
    Success(Box<Success<'a>>),
    /// `<failure/>` (XEP-0388 2.6.2).
    Failure(SaslFailure),
    /// `<continue/>` (XEP-0388 2.6.3), as are the next two.
    Continue(Continue<'a>),
    /// `<next/>`.
    Next(Next<'a>),
    /// `<task-data/>`: the element itself. What the task says is in its children.
    TaskData(Element<'a>),
}

impl<'a> Sasl2Element<'a> {
    /// Reads the element.
    ///
    /// # Errors
    /// Returns the failure condition to answer with (RFC 6120 6.5): `incorrect-encoding` if the
    /// base64 is wrong, `invalid-mechanism` if `<authenticate/>` names no mechanism, and
    /// `malformed-request` for anything else. The [module](self) lists what is malformed.
    pub fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        if element.ns() != ns::SASL2 {
            return Err(SaslCondition::MalformedRequest);
        }
        match element.name() {
            "authenticate" => Ok(Self::Authenticate(Box::new(Authenticate::read(element)?))),
            "challenge" => Ok(Self::Challenge(encoding::octets(element)?)),
            "response" => Ok(Self::Response(encoding::octets(element)?)),
            "abort" => Ok(Self::Abort),
            "success" => Ok(Self::Success(Box::new(Success::read(element)?))),
            "failure" => Ok(Self::Failure(read_failure(element))),
            "continue" => Ok(Self::Continue(Continue::read(element)?)),
            "next" => Ok(Self::Next(Next::read(element)?)),
            "task-data" => Ok(Self::TaskData(*element)),
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

/// Reads `<failure/>`. The condition is in the namespace of RFC 6120, the text in that of SASL2
/// (XEP-0388 2.6.2); a text in the other one is read too.
fn read_failure(element: &Element<'_>) -> SaslFailure {
    let name = element
        .children()
        .find(|child| child.ns() == ns::SASL && child.name() != "text")
        .map_or("", |child| child.name());
    let condition = SaslCondition::from_name(name);
    SaslFailure {
        condition,
        unknown_name: (!name.is_empty() && name != condition.as_str())
            .then(|| put::bounded(name, MAX_NAME_BYTES)),
        text: element
            .children()
            .find(|child| child.name() == "text" && matches!(child.ns(), ns::SASL2 | ns::SASL))
            .map(|text| put::bounded(&text.text(), MAX_TEXT_BYTES)),
    }
}

/// Appends `<challenge/>`.
///
/// Like the other writers of secrets, it encodes the data directly into `out`, and the owner of `out`
/// wipes it.
pub fn write_challenge(out: &mut String, data: &[u8]) {
    write_octets(out, "challenge", data);
}

/// Appends `<response/>`.
pub fn write_response(out: &mut String, data: &[u8]) {
    write_octets(out, "response", data);
}

/// Appends `<failure/>`. The text, if there is one, is marked as English and cut to 1024 bytes.
pub fn write_failure(out: &mut String, condition: SaslCondition, text: Option<&str>) {
    encoding::open(out, "failure", ns::SASL2);
    out.push_str("><");
    out.push_str(condition.as_str());
    put::attribute(out, "xmlns", ns::SASL);
    out.push_str("/>");
    if let Some(text) = text {
        tasks::write_text(out, text);
    }
    encoding::close(out, "failure");
}

fn write_octets(out: &mut String, name: &str, data: &[u8]) {
    // Room is reserved for all of it at once, so that no piece of a secret is left in a buffer that
    // became too small half-way.
    out.reserve(encoding::encoded_len(data.len()) + 128);
    encoding::open(out, name, ns::SASL2);
    out.push('>');
    encoding::encode(out, data);
    encoding::close(out, name);
}

#[cfg(test)]
mod tests;
