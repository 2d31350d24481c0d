//! Small pieces of writing and reading the wire forms share.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::{self, Write};

use crate::xml::write;

/// ` name='value'`. Characters XML cannot carry are replaced by U+FFFD: what
/// is written here must stay well-formed whatever a caller's text contains.
pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    if let Ok(escaped) = write::escape_attr(&carryable(value)) {
        display(out, &escaped);
    }
    out.push('\'');
}

/// Character data, with the same replacement.
pub(super) fn text(out: &mut String, value: &str) {
    if let Ok(escaped) = write::escape_text(&carryable(value)) {
        display(out, &escaped);
    }
}

/// Appends what `value` displays; writing to a `String` cannot fail.
pub(super) fn display(out: &mut String, value: &dyn fmt::Display) {
    let _ = write!(out, "{value}");
}

/// At most `max` bytes of `value`, cut between characters, with characters
/// XML cannot carry replaced.
pub(super) fn bounded(value: &str, max: usize) -> String {
    let value = carryable(value);
    let mut end = value.len().min(max);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default().into()
}

/// Without the white space of XML (2.3) at both ends.
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\r', '\n'])
}

fn carryable(value: &str) -> Cow<'_, str> {
    if write::escape_text(value).is_ok() {
        return Cow::Borrowed(value);
    }
    value
        .chars()
        .map(|c| match write::escape_text(c.encode_utf8(&mut [0; 4])) {
            Ok(_) => c,
            Err(_) => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}
