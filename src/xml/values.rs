//! References and normalisation: computes values from text as received (XML 1.0 2.11, 3.3.3, 4.1
//! and 4.6).
//!
//! Validation and evaluation use the same [`reference()`], so a value that was accepted can always be
//! computed.

use alloc::borrow::Cow;
use alloc::string::String;

use xmlparser::XmlCharExt;

use super::chars;
use super::error::{LimitKind, XmlErrorKind};

/// A reference in text or in an attribute value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The character that it stands for, and its length in bytes with `&` and `;`.
    Char(char, usize),
    /// The text ends before the reference does.
    Unfinished,
    /// It is not a reference that a stream may hold.
    Refused(XmlErrorKind),
}

/// Reads the reference whose `&` stands at `at`, of at most `most` bytes after it.
///
/// xmlparser's `consume_reference` is not used, because it turns surrogates into U+FFFD instead of
/// refusing them.
pub(crate) fn reference(text: &str, at: usize, most: usize) -> Reference {
    match text.as_bytes().get(at + 1..).unwrap_or_default() {
        [b'a', b'm', b'p', b';', ..] => Reference::Char('&', 5),
        [b'l', b't', b';', ..] => Reference::Char('<', 4),
        [b'g', b't', b';', ..] => Reference::Char('>', 4),
        [b'a', b'p', b'o', b's', b';', ..] => Reference::Char('\'', 6),
        [b'q', b'u', b'o', b't', b';', ..] => Reference::Char('"', 6),
        after_ampersand => other_reference(text, at, after_ampersand, most),
    }
}

/// Reads a reference that is not one of the predefined entities.
fn other_reference(text: &str, at: usize, after_ampersand: &[u8], most: usize) -> Reference {
    let end = after_ampersand
        .iter()
        .take(most)
        .position(|&b| !may_stand_in_reference(b));
    let Some(end) = end else {
        return if after_ampersand.len() >= most {
            Reference::Refused(XmlErrorKind::Limit(LimitKind::NameBytes))
        } else {
            Reference::Unfinished
        };
    };
    if after_ampersand.get(end) != Some(&b';') {
        return Reference::Refused(XmlErrorKind::BareAmpersand);
    }
    let name = text.get(at + 1..at + 1 + end).unwrap_or_default();
    match name.strip_prefix('#') {
        Some(number) => match numbered(number) {
            Some(char) => Reference::Char(char, end + 2),
            None => Reference::Refused(XmlErrorKind::InvalidCharacterReference),
        },
        None if chars::is_name(name) => Reference::Refused(XmlErrorKind::EntityReference),
        None => Reference::Refused(XmlErrorKind::BareAmpersand),
    }
}

/// Returns whether bytes may all stand between the `&` and the `;` of a reference.
pub(crate) fn continues_reference(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| may_stand_in_reference(byte))
}

fn may_stand_in_reference(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'#' | b'_' | b'-' | b'.' | b':')
}

/// Returns the character of `#65` or `#x41`, given what follows the `#`.
fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // `from_str_radix` accepts a sign, which is no digit.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let char = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    char.is_xml_char().then_some(char)
}

/// Returns the value of character data: references resolved, line ends normalised (XML 1.0 2.11).
pub(crate) fn text_value(raw: &str) -> Cow<'_, str> {
    resolve(raw, ValueContext::Text)
}

/// Returns the value of an attribute of type CDATA (XML 1.0 3.3.3).
pub(crate) fn attribute_value(raw: &str) -> Cow<'_, str> {
    resolve(raw, ValueContext::Attribute)
}

/// Returns the value of a CDATA section, in which only line ends are normalised.
pub(crate) fn cdata_value(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after_ampersand)) = rest.split_once('\r') {
        value.push_str(before);
        value.push('\n');
        rest = after_ampersand
            .strip_prefix('\n')
            .unwrap_or(after_ampersand);
    }
    value.push_str(rest);
    Cow::Owned(value)
}

/// Where a value stands, which decides how its white space is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueContext {
    Text,
    Attribute,
}

/// Resolves references, makes a line feed (in an attribute: a space) of every line end, and in
/// attributes a space of every tab.
fn resolve(raw: &str, context: ValueContext) -> Cow<'_, str> {
    let Some(first) = next_special(raw, context) else {
        return Cow::Borrowed(raw);
    };
    // No reference is shorter than what it stands for.
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut next = Some(first);
    while let Some(at) = next {
        value.push_str(rest.get(..at).unwrap_or_default());
        let (char, length) = match rest.as_bytes().get(at..).unwrap_or_default() {
            [b'&', ..] => match reference(rest, at, rest.len()) {
                Reference::Char(char, length) => (char, length),
                // The value was validated when it was read, so this does not occur.
                Reference::Unfinished | Reference::Refused(_) => ('&', 1),
            },
            [b'\r', b'\n', ..] => (context.line_end(), 2),
            _ => (context.line_end(), 1),
        };
        value.push(char);
        rest = rest.get(at + length..).unwrap_or_default();
        next = next_special(rest, context);
    }
    value.push_str(rest);
    Cow::Owned(value)
}

fn next_special(raw: &str, context: ValueContext) -> Option<usize> {
    match context {
        ValueContext::Text => memchr::memchr2(b'&', b'\r', raw.as_bytes()),
        // memchr searches for three bytes at most. What is below a space is white space.
        ValueContext::Attribute => raw.bytes().position(|b| b == b'&' || b < b' '),
    }
}

impl ValueContext {
    fn line_end(self) -> char {
        match self {
            Self::Text => '\n',
            Self::Attribute => ' ',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        use XmlErrorKind as K;
        let refused = [
            ("&foo;", K::EntityReference),
            ("&\u{e9};", K::EntityReference),
            ("&AMP;", K::EntityReference),
            ("& ", K::BareAmpersand),
            ("&;", K::BareAmpersand),
            ("&1;", K::BareAmpersand),
            ("&foo ", K::BareAmpersand),
            ("&#;", K::InvalidCharacterReference),
            ("&#x;", K::InvalidCharacterReference),
            ("&#X41;", K::InvalidCharacterReference),
            ("&#0;", K::InvalidCharacterReference),
            ("&#x1F;", K::InvalidCharacterReference),
            ("&#xD800;", K::InvalidCharacterReference),
            ("&#xFFFE;", K::InvalidCharacterReference),
            ("&#x110000;", K::InvalidCharacterReference),
            ("&#99999999999;", K::InvalidCharacterReference),
            ("&#-1;", K::InvalidCharacterReference),
        ];
        for (text, kind) in refused {
            assert_eq!(reference(text, 0, 256), Reference::Refused(kind), "{text}");
        }
        assert_eq!(
            reference("&#x10FFFF;", 0, 16),
            Reference::Char('\u{10FFFF}', 10)
        );
        assert_eq!(reference("&#065;", 0, 16), Reference::Char('A', 6));
        assert_eq!(reference("&am", 0, 16), Reference::Unfinished);
        let long = alloc::format!("&{}", "a".repeat(20));
        assert_eq!(
            reference(&long, 0, 16),
            Reference::Refused(K::Limit(LimitKind::NameBytes))
        );
    }

    #[test]
    fn values_are_normalised() {
        assert_eq!(text_value("a\r\nb\rc\n&#13;&lt;\t"), "a\nb\nc\n\r<\t");
        assert_eq!(attribute_value("a\r\nb\rc\n\t&#10;&#x9;"), "a b c  \n\t");
        assert_eq!(cdata_value("a\r\nb\r&amp;"), "a\nb\n&amp;");
        assert!(matches!(text_value("plain\n"), Cow::Borrowed(_)));
        assert!(matches!(attribute_value("plain"), Cow::Borrowed(_)));
    }
}
