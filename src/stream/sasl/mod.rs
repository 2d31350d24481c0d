//! The elements of SASL, written and read: the XML and the base64 around the octets of the
//! mechanisms in [`crate::sasl`] (RFC 6120 6.4).
//!
//! These decisions were open:
//! * Base64 is strict (RFC 6120 6.3.5, 13.9.1): it has no white space, although examples of the RFC
//!   have line breaks; padding is complete and only at the end; pad bits are zero.
//! * In `<auth/>` and `<success/>`, `=` is data that is present and empty, and no text is no data
//!   (RFC 6120 6.4.2, 6.4.6). `<challenge/>` and `<response/>` always have data; we send empty data
//!   as no text, and accept `=` too, because some clients send it and it can mean nothing else.
//!
//! This file may be changed to read and write more elements. It knows no mechanism.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{ns, put};
use crate::sasl::{SaslCondition, Secret};
use crate::xml::Element;

/// The longest text of a `<failure/>` that is kept or written, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;

/// The longest name of an unknown condition that is kept, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// `<abort/>` as it is sent (RFC 6120 6.4.4).
pub const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// Holds a received element of the SASL namespace. Data is decoded, and wiped from memory when
/// dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaslElement<'a> {
    /// `<auth/>` (RFC 6120 6.4.2).
    Auth {
        /// The mechanism chosen, a syntactically valid name.
        mechanism: Cow<'a, str>,
        /// The initial response, if there is one.
        data: Option<Secret>,
    },
    /// `<challenge/>` (RFC 6120 6.4.3).
    Challenge(Secret),
    /// `<response/>` (RFC 6120 6.4.3).
    Response(Secret),
    /// `<abort/>` (RFC 6120 6.4.4).
    Abort,
    /// `<success/>` with its additional data, if there is any (RFC 6120 6.4.6).
    Success(Option<Secret>),
    /// `<failure/>` (RFC 6120 6.4.5).
    Failure(SaslFailure),
}

impl<'a> SaslElement<'a> {
    /// Reads the element.
    ///
    /// # Errors
    /// Returns the failure condition to answer with (RFC 6120 6.5): `incorrect-encoding` if the
    /// base64 is wrong, `invalid-mechanism` if `<auth/>` names no mechanism, and
    /// `malformed-request` for any other element.
    pub fn read(element: &Element<'a>) -> Result<Self, SaslCondition> {
        if element.ns() != ns::SASL {
            return Err(SaslCondition::MalformedRequest);
        }
        match element.name() {
            "auth" => Ok(Self::Auth {
                mechanism: element
                    .attr("mechanism")
                    .filter(|name| is_mechanism_name(name))
                    .ok_or(SaslCondition::InvalidMechanism)?,
                data: data(element)?,
            }),
            "challenge" => Ok(Self::Challenge(data_or_empty(element)?)),
            "response" => Ok(Self::Response(data_or_empty(element)?)),
            "abort" => Ok(Self::Abort),
            "success" => Ok(Self::Success(data(element)?)),
            "failure" => Ok(Self::Failure(SaslFailure::read(element))),
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

/// Holds a received `<failure/>` (RFC 6120 6.4.5, 6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaslFailure {
    /// The condition, or `not-authorized` if it is unknown or missing.
    pub condition: SaslCondition,
    /// The name of a condition that is not in the RFC, cut to 64 bytes.
    pub unknown_name: Option<String>,
    /// The text for people, cut to [`MAX_TEXT_BYTES`].
    pub text: Option<String>,
}

impl SaslFailure {
    fn read(element: &Element<'_>) -> Self {
        let name = element
            .children()
            .find(|child| child.ns() == ns::SASL && child.name() != "text")
            .map_or("", |child| child.name());
        let condition = SaslCondition::from_name(name);
        Self {
            condition,
            unknown_name: (!name.is_empty() && name != condition.as_str())
                .then(|| put::bounded(name, MAX_NAME_BYTES)),
            text: element
                .child("text", ns::SASL)
                .map(|text| put::bounded(&text.text(), MAX_TEXT_BYTES)),
        }
    }
}

/// Appends `<auth/>`. `mechanism` is the name of a mechanism that the caller implements.
///
/// Like the other writers, it encodes the data directly into `out`, and the owner of `out` wipes
/// it.
pub fn write_auth(out: &mut String, mechanism: &str, data: Option<&[u8]>) {
    write_element(out, "auth", Some(("mechanism", mechanism)), optional(data));
}

/// Appends `<challenge/>`.
pub fn write_challenge(out: &mut String, data: &[u8]) {
    write_element(out, "challenge", None, Data::Octets(data));
}

/// Appends `<response/>`.
pub fn write_response(out: &mut String, data: &[u8]) {
    write_element(out, "response", None, Data::Octets(data));
}

/// Appends `<success/>`.
pub fn write_success(out: &mut String, data: Option<&[u8]>) {
    write_element(out, "success", None, optional(data));
}

/// Appends `<failure/>`. The text, if there is one, is marked as English and cut to
/// [`MAX_TEXT_BYTES`].
pub fn write_failure(out: &mut String, condition: SaslCondition, text: Option<&str>) {
    out.push_str("<failure");
    put::attribute(out, "xmlns", ns::SASL);
    out.push_str("><");
    out.push_str(condition.as_str());
    out.push_str("/>");
    if let Some(text) = text {
        out.push_str("<text xml:lang='en'>");
        put::text(out, &put::bounded(text, MAX_TEXT_BYTES));
        out.push_str("</text>");
    }
    out.push_str("</failure>");
}

/// Returns whether `name` can be the name of a SASL mechanism: 1 to 20 capital ASCII letters,
/// digits, `-` and `_` (RFC 4422 3.1).
#[must_use]
pub fn is_mechanism_name(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The character data of a SASL element.
#[derive(Clone, Copy)]
enum Data<'a> {
    Absent,
    /// `=`, for data that is present and empty where no text would mean no data.
    Equals,
    Octets(&'a [u8]),
}

fn optional(data: Option<&[u8]>) -> Data<'_> {
    match data {
        None => Data::Absent,
        Some([]) => Data::Equals,
        Some(octets) => Data::Octets(octets),
    }
}

fn write_element(out: &mut String, name: &str, attribute: Option<(&str, &str)>, data: Data<'_>) {
    // Room is reserved for all of it at once, so that no piece of a secret is left in a buffer that
    // became too small half-way.
    let octets = match data {
        Data::Octets(octets) => octets.len(),
        Data::Absent | Data::Equals => 0,
    };
    let attribute_bytes = attribute.map_or(0, |(name, value)| name.len() + value.len());
    out.reserve(octets.div_ceil(3) * 4 + attribute_bytes + 128);
    out.push('<');
    out.push_str(name);
    put::attribute(out, "xmlns", ns::SASL);
    if let Some((name, value)) = attribute {
        put::attribute(out, name, value);
    }
    out.push('>');
    match data {
        Data::Absent => {}
        Data::Equals => out.push('='),
        Data::Octets(octets) => STANDARD.encode_string(octets, out),
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn data_or_empty(element: &Element<'_>) -> Result<Secret, SaslCondition> {
    Ok(data(element)?.unwrap_or_else(|| Secret::new(vec![])))
}

fn data(element: &Element<'_>) -> Result<Option<Secret>, SaslCondition> {
    if element.children().next().is_some() {
        return Err(SaslCondition::MalformedRequest);
    }
    match element.text() {
        Cow::Borrowed(text) => decode(text),
        // The text was written with references or CDATA, so this is a copy, which has to be wiped.
        Cow::Owned(text) => decode(&Zeroizing::new(text)),
    }
}

fn decode(text: &str) -> Result<Option<Secret>, SaslCondition> {
    match text {
        "" => return Ok(None),
        "=" => return Ok(Some(Secret::new(vec![]))),
        _ => {}
    }
    let mut octets = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD
        .decode_slice(text, &mut octets)
        .map_err(|_| SaslCondition::IncorrectEncoding)?;
    octets.truncate(length);
    Ok(Some(Secret::new(core::mem::take(&mut *octets))))
}

#[cfg(test)]
mod tests;
