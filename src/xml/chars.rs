//! Characters: which bytes and which names are legal (XML 1.0 2.2 and 2.3).
//!
//! Everything that a stream receives passes [`validate`], so the functions here are written for
//! what the compiler makes of them: blocks without branches, which become vector instructions. A
//! change has to be measured (`benches/run-peers`).

use xmlparser::XmlCharExt;

use super::error::XmlErrorKind;

/// The result of [`validate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validated<'a> {
    /// The longest prefix that is UTF-8 and holds only XML characters.
    pub(crate) text: &'a str,
    /// The error of the bytes that follow. `None` if there are none, or if they are the start of a
    /// character whose end has not arrived.
    pub(crate) error: Option<XmlErrorKind>,
    pub(crate) controls: Controls,
}

/// The control characters that text holds. They, and references, are all that makes a value differ
/// from what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controls {
    None,
    /// Tabs and line feeds, which matter in attributes only.
    Lines,
    /// Carriage returns, perhaps with others.
    Returns,
}

/// Checks that bytes are UTF-8 and XML characters.
#[inline]
pub(crate) fn validate(bytes: &[u8]) -> Validated<'_> {
    let (text, error) = match core::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let error = error.error_len().map(|_| XmlErrorKind::InvalidUtf8);
            (core::str::from_utf8(valid).unwrap_or_default(), error)
        }
    };
    match check_chars(text) {
        Ok(controls) => Validated {
            text,
            error,
            controls,
        },
        Err(at) => Validated {
            text: text.get(..at).unwrap_or_default(),
            error: Some(XmlErrorKind::InvalidCharacter),
            controls: Controls::Returns,
        },
    }
}

/// Returns the control characters of a text, or the offset of the first character that XML's `Char`
/// does not allow: C0 controls other than tab, line feed and carriage return, U+FFFE and U+FFFF. (A
/// `str` holds no surrogates.)
pub(crate) fn check_chars(text: &str) -> Result<Controls, usize> {
    let bytes = text.as_bytes();
    // Vector instructions pay from 8 bytes on, and larger blocks where there are many.
    match bytes.len() {
        0..8 => check_bytes(bytes),
        8..16 => check_blocks::<8>(bytes),
        16..64 => check_blocks::<16>(bytes),
        64..512 => check_blocks::<64>(bytes),
        _ => check_blocks::<256>(bytes),
    }
}

/// Does what [`check_chars`] does, in blocks of `N` bytes, if there is at least one.
fn check_blocks<const N: usize>(bytes: &[u8]) -> Result<Controls, usize> {
    let Some(last) = bytes.len().checked_sub(N) else {
        return check_bytes(bytes);
    };
    let mut controls = Controls::None;
    let mut start = 0;
    while let Some(block) = bytes.get(start..).and_then(<[u8]>::first_chunk::<N>) {
        if !is_plain(block) {
            controls = controls.max(check_unusual_block(bytes, start, block)?);
        }
        if start == last {
            break;
        }
        // The last block has `N` bytes too: it begins within the one before.
        start = last.min(start + N);
    }
    Ok(controls)
}

/// Does what [`check_chars`] does, byte by byte.
fn check_bytes(bytes: &[u8]) -> Result<Controls, usize> {
    let mut controls = Controls::None;
    for (at, &b) in bytes.iter().enumerate() {
        if b < 0x20 || b == 0xEF {
            if is_forbidden_at(bytes, at) {
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

/// Returns whether a block holds no unusual byte.
fn is_plain<const N: usize>(block: &[u8; N]) -> bool {
    block.iter().fold(0, |found, &b| found | unusual(b)) == 0
}

/// Returns whether a block holds no control character and no byte that may begin U+FFFE or U+FFFF.
fn is_harmless<const N: usize>(block: &[u8; N]) -> bool {
    let other = |b: u8| u8::from(b < 0x20) | u8::from(b == 0xEF);
    block.iter().fold(0, |found, &b| found | other(b)) == 0
}

/// Returns whether line feeds are the only unusual bytes of a block.
fn is_lines<const N: usize>(block: &[u8; N]) -> bool {
    let other = |b| if b == b'\n' { 0 } else { unusual(b) };
    block.iter().fold(0, |found, &b| found | other(b)) == 0
}

/// Returns something other than zero for control characters, for 0xEF, with which U+FFFE and U+FFFF
/// begin, and for what is above it.
fn unusual(byte: u8) -> u8 {
    byte.wrapping_sub(0x20).saturating_sub(0xEE - 0x20)
}

#[inline(never)] // Its stack frame would burden the blocks without such bytes.
fn check_unusual_block<const N: usize>(
    bytes: &[u8],
    start: usize,
    block: &[u8; N],
) -> Result<Controls, usize> {
    if is_lines(block) {
        return Ok(Controls::Lines);
    }
    if is_harmless(block) {
        return Ok(Controls::None);
    }
    check_every_byte(bytes, start, block)
}

/// Checks each byte. The loop has no branches, so that it becomes vector instructions.
fn check_every_byte<const N: usize>(
    bytes: &[u8],
    start: usize,
    block: &[u8; N],
) -> Result<Controls, usize> {
    let (mut control, mut illegal, mut special, mut carriage_return) = (0, 0, 0, 0);
    for &b in block {
        let low = u8::from(b < 0x20);
        control |= low;
        illegal |= low & u8::from(b != b'\t') & u8::from(b != b'\n') & u8::from(b != b'\r');
        special |= u8::from(b == 0xEF);
        carriage_return |= u8::from(b == b'\r');
    }
    let special =
        special != 0 && memchr::memchr_iter(0xEF, block).any(|i| is_forbidden_at(bytes, start + i));
    if illegal != 0 || special {
        let mut places = start..start + N;
        if let Some(at) = places.find(|&at| is_forbidden_at(bytes, at)) {
            return Err(at);
        }
    }
    Ok(match (control, carriage_return) {
        (0, _) => Controls::None,
        (_, 0) => Controls::Lines,
        _ => Controls::Returns,
    })
}

/// Returns whether a character that XML does not allow starts at `at`.
fn is_forbidden_at(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'\t' | b'\n' | b'\r') => false,
        Some(0..0x20) => true,
        Some(0xEF) => matches!(bytes.get(at..at + 3), Some([0xEF, 0xBF, 0xBE | 0xBF])),
        _ => false,
    }
}

/// Returns whether there is a byte below U+0020.
pub(crate) fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|&b| b < 0x20)
}

/// Does what `memchr2` does, also for short haystacks, where a call costs more than a loop.
pub(crate) fn find2([a, b]: [u8; 2], haystack: &[u8]) -> Option<usize> {
    if haystack.len() < SHORT {
        haystack.iter().position(|&c| c == a || c == b)
    } else {
        memchr::memchr2(a, b, haystack)
    }
}

/// Does the same for three bytes.
pub(crate) fn find3([a, b, c]: [u8; 3], haystack: &[u8]) -> Option<usize> {
    if haystack.len() < SHORT {
        haystack.iter().position(|&d| d == a || d == b || d == c)
    } else {
        memchr::memchr3(a, b, c, haystack)
    }
}

const SHORT: usize = 8;

/// Returns whether a byte is XML white space (production `S`).
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Returns whether a byte can start a name. Bytes of longer characters pass; the tag parser judges
/// them.
pub(crate) const fn may_start_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// Returns whether `text` is a `Name`.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_xml_name_start()) && chars.all(|c| c.is_xml_name())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn validation_stops_at_what_is_not_utf8() {
        let error: [&[u8]; 7] = [
            b"\xC0\x80",         // overlong
            b"\xE0\x80\x80",     // overlong
            b"\xED\xA0\x80",     // surrogate
            b"\xF4\x90\x80\x80", // beyond U+10FFFF
            b"\x80",
            b"\xFF",
            b"\xE2<",
        ];
        for bytes in error {
            let mut input = Vec::from(&b"ab"[..]);
            input.extend_from_slice(bytes);
            let valid = validate(&input);
            let expected = ("ab", Some(XmlErrorKind::InvalidUtf8));
            assert_eq!((valid.text, valid.error), expected, "{bytes:?}");
        }
        let valid = validate(b"ab\xE2\x82");
        assert_eq!((valid.text, valid.error), ("ab", None), "unfinished");
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
            assert_eq!(check_chars(text).is_ok(), legal, "U+{code:04X}");
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
                assert_eq!(check_chars(&text), Err(at));
            }
        }
    }

    #[test]
    fn control_characters_are_seen_at_every_place_in_text_of_every_length() {
        for context in ["x", "\u{e9}", "\u{FE0F}", " \u{20AC}"] {
            for (before, after) in (0..150).flat_map(|n| (0..n).map(move |i| (i, n - i))) {
                for (c, expected) in [
                    (' ', Ok(Controls::None)),
                    ('\t', Ok(Controls::Lines)),
                    ('\n', Ok(Controls::Lines)),
                    ('\r', Ok(Controls::Returns)),
                    ('\u{1F}', Err(before * context.len())),
                    ('\u{FFFF}', Err(before * context.len())),
                ] {
                    let text = [context.repeat(before), c.into(), context.repeat(after)].concat();
                    assert_eq!(
                        check_chars(&text),
                        expected,
                        "{c:?} at {before} of {text:?}"
                    );
                }
            }
        }
    }
}
