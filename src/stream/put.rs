//! Small pieces of writing and reading that the wire forms share.
//!
//! Whatever text a caller gives, what is written here is well-formed. A wire form that writes text
//! of others uses these functions and never `push_str`.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::{self, Write};

use crate::xml::write;

/// Appends ` name='value'`. Characters that XML cannot carry are replaced by U+FFFD.
pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    if let Ok(escaped) = write::escape_attr(&representable(value)) {
        display(out, &escaped);
    }
    out.push('\'');
}

/// Appends character data, with the same replacement.
pub(super) fn text(out: &mut String, value: &str) {
    if let Ok(escaped) = write::escape_text(&representable(value)) {
        display(out, &escaped);
    }
}

/// Appends what `value` displays. Writing to a `String` cannot fail.
pub(super) fn display(out: &mut String, value: &dyn fmt::Display) {
    let _ = write!(out, "{value}");
}

/// Returns at most `max` bytes of `value`, cut between characters. Characters that XML cannot carry
/// are replaced.
pub(super) fn bounded(value: &str, max: usize) -> String {
    let value = representable(value);
    let mut end = value.len().min(max);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default().into()
}

/// Returns `value` without white space at both ends (XML 1.0 2.3).
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\r', '\n'])
}

fn representable(value: &str) -> Cow<'_, str> {
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
