//! Characters, references and normalisation (XML 1.0 sections 2.2, 2.11, 3.3.3, 4.1 and 4.6).

use alloc::borrow::Cow;
use alloc::string::String;

use xmlparser::XmlCharExt;

use super::fault::{FaultKind, LimitKind};

/// The longest prefix of `bytes` that is UTF-8 and holds only XML characters, and what is wrong behind it.
///
/// Nothing is wrong if all bytes are in the prefix, or if the rest is the start of a character whose end has not
/// arrived yet.
pub(crate) fn valid_prefix(bytes: &[u8]) -> (&str, Option<FaultKind>) {
    let (text, wrong) = match core::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let wrong = error.error_len().map(|_| FaultKind::InvalidUtf8);
            (core::str::from_utf8(valid).unwrap_or_default(), wrong)
        }
    };
    match first_forbidden(text) {
        None => (text, wrong),
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            Some(FaultKind::InvalidCharacter),
        ),
    }
}

/// Where the first character stands that XML's `Char` does not allow: C0 controls but tab, line feed and carriage
/// return, U+FFFE and U+FFFF. (Surrogates cannot stand in a `str`.)
pub(crate) fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for block in bytes.chunks(BLOCK) {
        // Both bytes are rare, so most blocks need no closer look.
        let suspicious = block.iter().fold(0, |found, &b| {
            found | u8::from(b < 0x20) | u8::from(b == 0xEF)
        });
        if suspicious != 0 {
            let forbidden = block.iter().enumerate().position(|(i, &b)| {
                forbidden_start(b, bytes.get(at + i + 1..).unwrap_or_default())
            });
            if let Some(i) = forbidden {
                return Some(at + i);
            }
        }
        at += block.len();
    }
    None
}

/// Where the first byte below U+0020 stands, if there is one.
pub(crate) fn first_control(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for block in bytes.chunks(BLOCK) {
        if block.iter().fold(0, |found, &b| found | u8::from(b < 0x20)) != 0 {
            return block.iter().position(|&b| b < 0x20).map(|i| at + i);
        }
        at += block.len();
    }
    None
}

/// Long enough to be examined with vector instructions.
const BLOCK: usize = 64;

fn forbidden_start(byte: u8, behind: &[u8]) -> bool {
    match byte {
        b'\t' | b'\n' | b'\r' => false,
        0..0x20 => true,
        0xEF => matches!(behind, [0xBF, 0xBE | 0xBF, ..]),
        _ => false,
    }
}

/// XML white space (production `S`).
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a byte can start a name. Bytes of longer characters pass; the tokeniser judges them.
pub(crate) const fn may_start_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// Whether `text` is a `Name`.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_xml_name_start()) && chars.all(|c| c.is_xml_name())
}

/// A reference as found in text or in an attribute value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The character it stands for and its length in bytes, `&` and `;` included.
    Char(char, usize),
    /// Its end is not in the text yet.
    Unfinished,
    /// Not a reference a stream may hold.
    Refused(FaultKind),
}

/// Reads the reference whose `&` stands at `at`, looking at no more than `most` bytes behind it.
///
/// xmlparser's `consume_reference` is not used: it turns surrogates into U+FFFD instead of refusing them.
pub(crate) fn reference(text: &str, at: usize, most: usize) -> Reference {
    let behind = text.as_bytes().get(at + 1..).unwrap_or_default();
    let end = behind
        .iter()
        .take(most)
        .position(|&b| !may_stand_in_reference(b));
    let Some(end) = end else {
        return if behind.len() >= most {
            Reference::Refused(FaultKind::Limit(LimitKind::NameBytes))
        } else {
            Reference::Unfinished
        };
    };
    if behind.get(end) != Some(&b';') {
        return Reference::Refused(FaultKind::BareAmpersand);
    }
    let name = text.get(at + 1..at + 1 + end).unwrap_or_default();
    let char = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => match name.strip_prefix('#') {
            Some(number) => match numbered(number) {
                Some(char) => Some(char),
                None => return Reference::Refused(FaultKind::InvalidCharacterReference),
            },
            None => None,
        },
    };
    match char {
        Some(char) => Reference::Char(char, end + 2),
        None if is_name(name) => Reference::Refused(FaultKind::EntityReference),
        None => Reference::Refused(FaultKind::BareAmpersand),
    }
}

fn may_stand_in_reference(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'#' | b'_' | b'-' | b'.' | b':')
}

/// The character of `#65` or `#x41`, given what stands behind the `#`.
fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign; a digit it is not.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let char = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    char.is_xml_char().then_some(char)
}

/// Character data as the application sees it: references resolved, line ends normalised (XML 2.11).
pub(crate) fn text_value(raw: &str) -> Cow<'_, str> {
    resolve(raw, Place::Text)
}

/// An attribute value as the application sees it (XML 3.3.3, for attributes of type CDATA).
pub(crate) fn attribute_value(raw: &str) -> Cow<'_, str> {
    resolve(raw, Place::Attribute)
}

/// The content of a CDATA section: only line ends are normalised.
pub(crate) fn cdata_value(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, behind)) = rest.split_once('\r') {
        value.push_str(before);
        value.push('\n');
        rest = behind.strip_prefix('\n').unwrap_or(behind);
    }
    value.push_str(rest);
    Cow::Owned(value)
}

/// Where a value stands: its white space is normalised differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Text,
    Attribute,
}

/// Resolves references, makes a line feed (in an attribute: a space) of every line end, and in attributes a space of
/// every tab.
fn resolve(raw: &str, place: Place) -> Cow<'_, str> {
    let (line_end, special): (char, &[char]) = match place {
        Place::Text => ('\n', &['&', '\r']),
        Place::Attribute => (' ', &['&', '\r', '\n', '\t']),
    };
    let mut value = String::new();
    let mut rest = raw;
    while let Some(at) = rest.find(special) {
        value.push_str(rest.get(..at).unwrap_or_default());
        let (char, length) = match rest.as_bytes().get(at..).unwrap_or_default() {
            [b'&', ..] => match reference(rest, at, rest.len()) {
                Reference::Char(char, length) => (char, length),
                // Cannot be: the value was validated when it was read.
                Reference::Unfinished | Reference::Refused(_) => ('&', 1),
            },
            [b'\r', b'\n', ..] => (line_end, 2),
            _ => (line_end, 1),
        };
        value.push(char);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    if rest.len() == raw.len() {
        return Cow::Borrowed(raw);
    }
    value.push_str(rest);
    Cow::Owned(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn valid_prefix_stops_at_what_is_not_utf8() {
        let wrong: [&[u8]; 7] = [
            b"\xC0\x80",         // overlong
            b"\xE0\x80\x80",     // overlong
            b"\xED\xA0\x80",     // surrogate
            b"\xF4\x90\x80\x80", // beyond U+10FFFF
            b"\x80",
            b"\xFF",
            b"\xE2<",
        ];
        for bytes in wrong {
            let mut input = Vec::from(&b"ab"[..]);
            input.extend_from_slice(bytes);
            assert_eq!(
                valid_prefix(&input),
                ("ab", Some(FaultKind::InvalidUtf8)),
                "{bytes:?}"
            );
        }
        assert_eq!(valid_prefix(b"ab\xE2\x82"), ("ab", None), "unfinished");
    }

    #[test]
    fn valid_prefix_agrees_with_the_char_production_everywhere() {
        for code in 0..=0x10_FFFF {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            let legal = matches!(code,
                0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF);
            let mut buffer = [0; 4];
            let text = c.encode_utf8(&mut buffer);
            assert_eq!(first_forbidden(text).is_none(), legal, "U+{code:04X}");
        }
    }

    #[test]
    fn a_forbidden_character_is_found_at_every_place() {
        for at in 0..200 {
            for bad in ["\u{1}", "\u{FFFE}", "\u{FFFF}"] {
                let mut text = "x\u{FE0F}\n".repeat(50);
                let at = text
                    .char_indices()
                    .map(|(i, _)| i)
                    .find(|&i| i >= at)
                    .unwrap_or(0);
                text.insert_str(at, bad);
                assert_eq!(first_forbidden(&text), Some(at));
            }
        }
    }

    #[test]
    fn references() {
        use FaultKind as K;
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
