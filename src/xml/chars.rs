//! Characters, references and normalisation (XML 1.0 sections 2.2, 2.11, 3.3.3, 4.1 and 4.6).

use alloc::borrow::Cow;
use alloc::string::String;

use xmlparser::XmlCharExt;

use super::fault::{FaultKind, LimitKind};

/// Bytes that were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Valid<'a> {
    /// The longest prefix that is UTF-8 and holds only XML characters.
    pub(crate) text: &'a str,
    /// What is wrong behind it. Nothing, if it is all there is, or if the rest is the start of a character whose end has
    /// not arrived yet.
    pub(crate) wrong: Option<FaultKind>,
    pub(crate) controls: Controls,
}

/// Which control characters text holds. They, and references, are all that makes a value differ from what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controls {
    None,
    /// Tabs and line feeds, which matter in attributes only.
    Lines,
    /// Carriage returns too.
    Returns,
}

/// Checks that bytes are UTF-8 and XML characters.
pub(crate) fn validate(bytes: &[u8]) -> Valid<'_> {
    let (text, wrong) = match core::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let wrong = error.error_len().map(|_| FaultKind::InvalidUtf8);
            (core::str::from_utf8(valid).unwrap_or_default(), wrong)
        }
    };
    match characters(text) {
        Ok(controls) => Valid {
            text,
            wrong,
            controls,
        },
        Err(at) => Valid {
            text: text.get(..at).unwrap_or_default(),
            wrong: Some(FaultKind::InvalidCharacter),
            controls: Controls::Returns,
        },
    }
}

/// Finds the first character that XML's `Char` does not allow: C0 controls but tab, line feed and carriage return, U+FFFE
/// and U+FFFF. (Surrogates cannot stand in a `str`.) The error is its offset.
pub(crate) fn characters(text: &str) -> Result<Controls, usize> {
    let bytes = text.as_bytes();
    let mut controls = Controls::None;
    let blocks = bytes.chunks_exact(BLOCK);
    let behind = bytes.len() - blocks.remainder().len();
    for (n, block) in blocks.enumerate() {
        if let Ok(block) = <&Block>::try_from(block) {
            // As signed numbers, controls and everything that is not ASCII are below the space: one comparison.
            let below = |b: u8| u8::from(i8::from_ne_bytes([b]) < 0x20);
            if block.iter().fold(0, |found, &b| found | below(b)) != 0 {
                controls = controls.max(examine(bytes, n * BLOCK, block)?);
            }
        }
    }
    for (at, &b) in bytes.iter().enumerate().skip(behind) {
        if b < 0x20 || b == 0xEF {
            if forbidden(bytes, at) {
                return Err(at);
            }
            controls = controls.max(match b {
                b'\r' => Controls::Returns,
                0xEF => Controls::None,
                _ => Controls::Lines,
            });
        }
    }
    Ok(controls)
}

/// Long enough to be worth vector instructions.
const BLOCK: usize = 32;
type Block = [u8; BLOCK];

/// Looks at one block more closely. There are no branches, so it is done with vector instructions.
fn examine(bytes: &[u8], start: usize, block: &Block) -> Result<Controls, usize> {
    let (mut control, mut illegal, mut special, mut carriage_return) = (0, 0, 0, 0);
    for &b in block {
        let low = u8::from(b < 0x20);
        control |= low;
        illegal |= low & u8::from(b != b'\t') & u8::from(b != b'\n') & u8::from(b != b'\r');
        special |= u8::from(b == 0xEF);
        carriage_return |= u8::from(b == b'\r');
    }
    let special =
        special != 0 && memchr::memchr_iter(0xEF, block).any(|i| forbidden(bytes, start + i));
    if illegal != 0 || special {
        let mut places = start..start + BLOCK;
        if let Some(at) = places.find(|&at| forbidden(bytes, at)) {
            return Err(at);
        }
    }
    Ok(match (control, carriage_return) {
        (0, _) => Controls::None,
        (_, 0) => Controls::Lines,
        _ => Controls::Returns,
    })
}

/// Whether a character that XML does not allow starts at `at`.
fn forbidden(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'\t' | b'\n' | b'\r') => false,
        Some(0..0x20) => true,
        Some(0xEF) => matches!(bytes.get(at..at + 3), Some([0xEF, 0xBF, 0xBE | 0xBF])),
        _ => false,
    }
}

/// Where the first byte below U+0020 stands.
pub(crate) fn first_control(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&b| b < 0x20)
}

/// memchr for short haystacks too, where a call costs more than a look.
pub(crate) fn find2([a, b]: [u8; 2], haystack: &[u8]) -> Option<usize> {
    if haystack.len() < SHORT {
        haystack.iter().position(|&c| c == a || c == b)
    } else {
        memchr::memchr2(a, b, haystack)
    }
}

/// As [`find2`].
pub(crate) fn find3([a, b, c]: [u8; 3], haystack: &[u8]) -> Option<usize> {
    if haystack.len() < SHORT {
        haystack.iter().position(|&d| d == a || d == b || d == c)
    } else {
        memchr::memchr3(a, b, c, haystack)
    }
}

const SHORT: usize = 8;

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
    match text.as_bytes().get(at + 1..).unwrap_or_default() {
        [b'a', b'm', b'p', b';', ..] => Reference::Char('&', 5),
        [b'l', b't', b';', ..] => Reference::Char('<', 4),
        [b'g', b't', b';', ..] => Reference::Char('>', 4),
        [b'a', b'p', b'o', b's', b';', ..] => Reference::Char('\'', 6),
        [b'q', b'u', b'o', b't', b';', ..] => Reference::Char('"', 6),
        behind => other_reference(text, at, behind, most),
    }
}

/// Anything but a predefined entity.
fn other_reference(text: &str, at: usize, behind: &[u8], most: usize) -> Reference {
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
    match name.strip_prefix('#') {
        Some(number) => match numbered(number) {
            Some(char) => Reference::Char(char, end + 2),
            None => Reference::Refused(FaultKind::InvalidCharacterReference),
        },
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
    let Some(first) = next_special(raw, place) else {
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
                // Cannot be: the value was validated when it was read.
                Reference::Unfinished | Reference::Refused(_) => ('&', 1),
            },
            [b'\r', b'\n', ..] => (place.line_end(), 2),
            _ => (place.line_end(), 1),
        };
        value.push(char);
        rest = rest.get(at + length..).unwrap_or_default();
        next = next_special(rest, place);
    }
    value.push_str(rest);
    Cow::Owned(value)
}

fn next_special(raw: &str, place: Place) -> Option<usize> {
    match place {
        Place::Text => memchr::memchr2(b'&', b'\r', raw.as_bytes()),
        // Four bytes are one too many for memchr; what is below a space is white space.
        Place::Attribute => raw.bytes().position(|b| b == b'&' || b < b' '),
    }
}

impl Place {
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
    use alloc::vec::Vec;

    #[test]
    fn validation_stops_at_what_is_not_utf8() {
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
            let valid = validate(&input);
            let expected = ("ab", Some(FaultKind::InvalidUtf8));
            assert_eq!((valid.text, valid.wrong), expected, "{bytes:?}");
        }
        let valid = validate(b"ab\xE2\x82");
        assert_eq!((valid.text, valid.wrong), ("ab", None), "unfinished");
    }

    #[test]
    fn validation_agrees_with_the_char_production_everywhere() {
        for code in 0..=0x10_FFFF {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            let legal = matches!(code,
                0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF);
            let mut buffer = [0; 4];
            let text = c.encode_utf8(&mut buffer);
            assert_eq!(characters(text).is_ok(), legal, "U+{code:04X}");
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
                assert_eq!(characters(&text), Err(at));
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
