//! Tasks: `<continue/>`, `<next/>` and `<task-data/>` (XEP-0388 2.6.3), and what the upgrade tasks of
//! SCRAM say in them (XEP-0480 3).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::encoding::{
    close, encode, encoded_len, escaped_len, is_task_name, number, octets, octets_element, once,
    open, text_element,
};
use super::inline_xml::InlineXml;
use crate::sasl::{Hash, MAX_SALT, SaslCondition, Secret};
use crate::stream::sasl::MAX_TEXT_BYTES;
use crate::stream::{ns, put};
use crate::xml::Element;

/// How many tasks `<continue/>` can name.
pub const MAX_TASKS: usize = 16;

/// The longest `SaltedPassword` that is read, in octets: the output of SHA-512.
pub const MAX_HASH_BYTES: usize = 64;

/// Holds a received `<continue/>`: the mechanism has succeeded, and one of the tasks is next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Continue<'a> {
    /// The additional data of the mechanism, if there is any.
    pub additional_data: Option<Secret>,
    /// The names of the tasks, at least one and at most [`MAX_TASKS`].
    pub tasks: Vec<Cow<'a, str>>,
    /// The text for people, cut to [`MAX_TEXT_BYTES`].
    pub text: Option<String>,
}

impl<'a> Continue<'a> {
    pub(super) fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        let (mut additional_data, mut tasks, mut text) = (None, None, None);
        for child in element.children() {
            match (child.ns(), child.name()) {
                (ns::SASL2, "additional-data") => once(&mut additional_data, octets(&child)?)?,
                (ns::SASL2, "tasks") => once(&mut tasks, read_tasks(&child)?)?,
                (ns::SASL2, "text") => {
                    once(&mut text, put::bounded(&child.text(), MAX_TEXT_BYTES))?;
                }
                _ => {}
            }
        }
        Ok(Self {
            additional_data,
            tasks: tasks.ok_or(SaslCondition::MalformedRequest)?,
            text,
        })
    }
}

fn read_tasks<'a>(element: &Element<'a>) -> Result<Vec<Cow<'a, str>>, SaslCondition> {
    let names: Vec<_> = element
        .children()
        .filter(|child| child.is("task", ns::SASL2))
        .map(|task| task.text())
        .filter(|name| is_task_name(name))
        .take(MAX_TASKS + 1)
        .collect();
    if (1..=MAX_TASKS).contains(&names.len()) {
        Ok(names)
    } else {
        Err(SaslCondition::MalformedRequest)
    }
}

/// Holds a received `<next/>`: the client begins a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Next<'a> {
    /// The name of the task, syntactically valid.
    pub task: Cow<'a, str>,
    /// The element itself. What the task says is in its children.
    pub element: Element<'a>,
}

impl<'a> Next<'a> {
    pub(super) fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        element
            .attr("task")
            .filter(|name| is_task_name(name))
            .map(|task| Self {
                task,
                element: *element,
            })
            .ok_or(SaslCondition::MalformedRequest)
    }
}

/// Appends `<continue/>`. The text, if there is one, is marked as English and cut to
/// [`MAX_TEXT_BYTES`].
pub fn write_continue(
    out: &mut String,
    additional_data: Option<&[u8]>,
    tasks: &[&str],
    text: Option<&str>,
) {
    let names = tasks.iter().map(|task| escaped_len(task) + 16);
    let data = additional_data.map_or(0, <[u8]>::len);
    out.reserve(encoded_len(data) + names.sum::<usize>() + 6 * MAX_TEXT_BYTES + 256);
    open(out, "continue", ns::SASL2);
    out.push('>');
    if let Some(data) = additional_data {
        octets_element(out, "additional-data", data);
    }
    out.push_str("<tasks>");
    for task in tasks {
        text_element(out, "task", task);
    }
    out.push_str("</tasks>");
    if let Some(text) = text {
        write_text(out, text);
    }
    close(out, "continue");
}

/// Appends a text for people, marked as English and cut to [`MAX_TEXT_BYTES`].
pub(super) fn write_text(out: &mut String, text: &str) {
    out.push_str("<text xml:lang='en'>");
    put::text(out, &put::bounded(text, MAX_TEXT_BYTES));
    out.push_str("</text>");
}

/// Appends `<next/>`, with what the task says at its beginning.
pub fn write_next(out: &mut String, task: &str, body: Option<&InlineXml>) {
    let body = body.map_or("", InlineXml::as_str);
    out.reserve(escaped_len(task) + body.len() + 128);
    open(out, "next", ns::SASL2);
    put::attribute(out, "task", task);
    out.push('>');
    out.push_str(body);
    close(out, "next");
}

/// Appends `<task-data/>`, with what the task says.
pub fn write_task_data(out: &mut String, body: &InlineXml) {
    out.reserve(body.as_str().len() + 128);
    open(out, "task-data", ns::SASL2);
    out.push('>');
    out.push_str(body.as_str());
    close(out, "task-data");
}

/// Returns the name of the task that upgrades to SCRAM with this hash (XEP-0480 2.1, 3). There is none
/// for SHA-1, because nothing is weaker.
#[must_use]
pub const fn upgrade_name(hash: Hash) -> Option<&'static str> {
    match hash {
        Hash::Sha1 => None,
        Hash::Sha256 => Some("UPGR-SCRAM-SHA-256"),
        Hash::Sha512 => Some("UPGR-SCRAM-SHA-512"),
    }
}

/// Returns the hash that the task of this name upgrades to.
#[must_use]
pub fn upgrade_hash(name: &str) -> Option<Hash> {
    [Hash::Sha256, Hash::Sha512]
        .into_iter()
        .find(|hash| upgrade_name(*hash) == Some(name))
}

/// Appends the `<task-data/>` with which a server begins an upgrade of SCRAM (XEP-0480 3).
pub fn write_salt(out: &mut String, salt: &[u8], iterations: u32) {
    out.reserve(encoded_len(salt.len()) + 256);
    open(out, "task-data", ns::SASL2);
    out.push('>');
    open(out, "salt", ns::SCRAM_UPGRADE);
    out.push_str(" iterations='");
    put::display(out, &iterations);
    out.push_str("'>");
    encode(out, salt);
    out.push_str("</salt></task-data>");
}

/// Appends the `<task-data/>` with which a client ends it: the `SaltedPassword` (XEP-0480 3).
///
/// Like the other writers of secrets, it encodes it directly into `out`, and the owner of `out`
/// wipes it.
pub fn write_hash(out: &mut String, hash: &[u8]) {
    // Room is reserved for all of it at once, so that no piece of the secret is left in a buffer that
    // became too small half-way.
    out.reserve(encoded_len(hash.len()) + 256);
    open(out, "task-data", ns::SASL2);
    out.push('>');
    open(out, "hash", ns::SCRAM_UPGRADE);
    out.push('>');
    encode(out, hash);
    out.push_str("</hash></task-data>");
}

/// Reads the salt and the iteration count in a `<task-data/>` (XEP-0480 3). How many iterations are
/// acceptable is the caller's policy.
///
/// # Errors
/// `malformed-request` if there is not exactly one `<salt/>`, it is empty or longer than
/// [`MAX_SALT`], or its count is no number above 0; `incorrect-encoding` if its base64 is
/// wrong.
pub fn read_salt(task_data: &Element<'_>) -> Result<(Vec<u8>, u32), SaslCondition> {
    let salt = only_child(task_data, "salt")?;
    let iterations = salt
        .attr("iterations")
        .ok_or(SaslCondition::MalformedRequest)?;
    let iterations = number(&iterations)?;
    let octets = octets(&salt)?;
    if iterations == 0 || !(1..=MAX_SALT).contains(&octets.len()) {
        return Err(SaslCondition::MalformedRequest);
    }
    Ok((octets.as_bytes().to_vec(), iterations))
}

/// Reads the `SaltedPassword` in a `<task-data/>` (XEP-0480 3). Whether its length is that of the hash
/// is for the caller to check.
///
/// # Errors
/// `malformed-request` if there is not exactly one `<hash/>`, or it is empty or longer than
/// [`MAX_HASH_BYTES`]; `incorrect-encoding` if its base64 is wrong.
pub fn read_hash(task_data: &Element<'_>) -> Result<Secret, SaslCondition> {
    let hash = octets(&only_child(task_data, "hash")?)?;
    if (1..=MAX_HASH_BYTES).contains(&hash.len()) {
        Ok(hash)
    } else {
        Err(SaslCondition::MalformedRequest)
    }
}

fn only_child<'a>(task_data: &Element<'a>, name: &str) -> Result<Element<'a>, SaslCondition> {
    let mut children = task_data
        .children()
        .filter(|child| child.is(name, ns::SCRAM_UPGRADE));
    match (children.next(), children.next()) {
        (Some(child), None) => Ok(child),
        _ => Err(SaslCondition::MalformedRequest),
    }
}
