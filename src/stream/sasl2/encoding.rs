//! The small pieces that the elements of SASL2 share: base64, names, numbers, and children that may
//! come once.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::sasl::{SaslCondition, Secret};
use crate::stream::{ns, put};
use crate::xml::Element;

/// The longest name of a task, in bytes: `UPGR-` and the longest name of a mechanism (XEP-0480 2.1).
/// The schema of XEP-0388 allows 20, which is too short for that.
const MAX_TASK_NAME_BYTES: usize = 25;

/// Returns whether `name` can be the name of a task: 1 to 25 of the characters that names of SASL
/// mechanisms have (RFC 4422 3.1; XEP-0388 2.6.3; XEP-0480 2.1).
#[must_use]
pub fn is_task_name(name: &str) -> bool {
    (1..=MAX_TASK_NAME_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The octets in an element: base64 without white space (XEP-0388 2.2). No text is no octets, and
/// `=` has no meaning of its own.
pub(super) fn octets(element: &Element<'_>) -> Result<Secret, SaslCondition> {
    if element.children().next().is_some() {
        return Err(SaslCondition::MalformedRequest);
    }
    match element.text() {
        Cow::Borrowed(text) => decode(text),
        // The text was written with references or CDATA, so this is a copy, which has to be wiped.
        Cow::Owned(text) => decode(&Zeroizing::new(text)),
    }
}

fn decode(text: &str) -> Result<Secret, SaslCondition> {
    let mut octets = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD
        .decode_slice(text, &mut octets)
        .map_err(|_| SaslCondition::IncorrectEncoding)?;
    octets.truncate(length);
    Ok(Secret::new(core::mem::take(&mut *octets)))
}

/// Appends `<name>base64</name>`. The caller has reserved room for it.
pub(super) fn octets_element(out: &mut String, name: &str, octets: &[u8]) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    STANDARD.encode_string(octets, out);
    close(out, name);
}

/// Appends base64. The caller has reserved room for it.
pub(super) fn encode(out: &mut String, octets: &[u8]) {
    STANDARD.encode_string(octets, out);
}

/// How long `octets` are in base64.
pub(super) const fn encoded_len(octets: usize) -> usize {
    octets.div_ceil(3).saturating_mul(4)
}

/// The most bytes that a text needs once it is escaped: `'` becomes `&apos;`.
pub(super) const fn escaped_len(text: &str) -> usize {
    text.len().saturating_mul(6)
}

/// Appends `<name xmlns='namespace'`.
pub(super) fn open(out: &mut String, name: &str, namespace: &str) {
    out.push('<');
    out.push_str(name);
    put::attribute(out, "xmlns", namespace);
}

/// Appends `</name>`.
pub(super) fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends `<name>text</name>`.
pub(super) fn text_element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    put::text(out, text);
    close(out, name);
}

/// Fills `slot`, which is malformed the second time.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), SaslCondition> {
    match slot.replace(value) {
        Some(_) => Err(SaslCondition::MalformedRequest),
        None => Ok(()),
    }
}

/// A value of the type xs:unsignedInt.
pub(super) fn number(value: &str) -> Result<u32, SaslCondition> {
    let digits = put::trim(value);
    // A sign is legal in xs:unsignedInt before zero and nowhere else.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
        .ok_or(SaslCondition::MalformedRequest)
}

/// A value of the type xs:boolean.
pub(super) fn flag(value: &str) -> Result<bool, SaslCondition> {
    match put::trim(value) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(SaslCondition::MalformedRequest),
    }
}

/// Whether an element in this namespace is one of an extension, which this layer does not know.
pub(super) fn is_extension(namespace: &str) -> bool {
    !matches!(
        namespace,
        "" | ns::SASL2 | ns::BIND2 | ns::MANAGEMENT | ns::FAST | ns::UPGRADE
    )
}
