//! What may stand outside of elements: before the header white space or an XML declaration (XML 1.0
//! 2.8 and 4.3.3, RFC 6120 11.5 and 11.6), between first-level elements white space (RFC 6120
//! 11.7).
//!
//! The functions here classify the bytes at one place;
//! [`StreamParser`](super::stream_parser::StreamParser) decides which place it is.

use super::chars;
use super::element_parser::{self, Markup};
use super::error::{RelativeError, XmlErrorKind};

/// What stands before the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prolog {
    /// Too few bytes have arrived to tell.
    Unfinished,
    /// One byte of white space.
    Space,
    /// The start of an XML declaration.
    Declaration,
    /// The start of the header.
    Header,
}

/// Classifies the first bytes of a stream.
pub(crate) fn classify_start(text: &str) -> Result<Prolog, RelativeError> {
    if element_parser::is_declaration(text.as_bytes()) {
        return Ok(Prolog::Declaration);
    }
    classify_prolog(text)
}

/// Classifies the bytes after white space or an XML declaration.
pub(crate) fn classify_prolog(text: &str) -> Result<Prolog, RelativeError> {
    let bytes = text.as_bytes();
    match bytes {
        [] => Ok(Prolog::Unfinished),
        [b, ..] if chars::is_space(*b) => Ok(Prolog::Space),
        [b'<', ..] => match element_parser::markup(bytes, 0)? {
            Markup::Unfinished => Ok(Prolog::Unfinished),
            Markup::StartTag => Ok(Prolog::Header),
            Markup::EndTag => Err(XmlErrorKind::MismatchedTag.at(0)),
            Markup::Cdata => Err(XmlErrorKind::TextBeforeHeader.at(0)),
        },
        _ => Err(XmlErrorKind::TextBeforeHeader.at(0)),
    }
}

/// What stands between first-level elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstLevel {
    /// Too little has arrived.
    Unfinished,
    /// One byte of white space.
    Space,
    Element,
    Footer,
}

/// Classifies the bytes after the header or a first-level element.
pub(crate) fn classify_first_level(text: &str) -> Result<FirstLevel, RelativeError> {
    let bytes = text.as_bytes();
    match bytes {
        [] => Ok(FirstLevel::Unfinished),
        [b, ..] if chars::is_space(*b) => Ok(FirstLevel::Space),
        [b'<', ..] => match element_parser::markup(bytes, 0)? {
            Markup::Unfinished => Ok(FirstLevel::Unfinished),
            Markup::EndTag => Ok(FirstLevel::Footer),
            Markup::StartTag => Ok(FirstLevel::Element),
            Markup::Cdata => Err(XmlErrorKind::TextBetweenStanzas.at(0)),
        },
        _ => Err(XmlErrorKind::TextBetweenStanzas.at(0)),
    }
}

/// Reads the XML declaration that the text starts with; its `>` is not among the first `seen`
/// bytes. Returns its length, `None` as long as it is not complete.
pub(crate) fn declaration(text: &str, seen: usize) -> Result<Option<usize>, RelativeError> {
    let rest = text.as_bytes().get(seen..).unwrap_or_default();
    let Some(found) = memchr::memchr(b'>', rest) else {
        return Ok(None);
    };
    let end = seen + found + 1;
    check_declaration(text.get(..end).unwrap_or_default())?;
    Ok(Some(end))
}

/// Returns whether a stream that begins with `text` and then the illegal byte `next` is UTF-16 or
/// UTF-32, with or without a byte order mark.
pub(crate) fn is_foreign_encoding(text: &str, next: Option<u8>) -> bool {
    matches!((text, next), ("", Some(0xFE | 0xFF | 0)) | ("<", Some(0)))
}

/// Returns whether a stream that begins with `text` and then the illegal byte `next` is TLS: the content
/// type of an alert or of a handshake (RFC 8446 5.1).
pub(crate) fn is_tls(text: &str, next: Option<u8>) -> bool {
    matches!((text, next), ("", Some(21 | 22)))
}

/// Checks a complete XML declaration, from `<?xml` to `?>`.
///
/// The version may be any 1.x (XML 1.0, fifth edition, 2.8); an encoding must be UTF-8, in upper or
/// lower case. A standalone declaration is refused, because RFC 6120 11.5 forbids sending it and
/// permits to refuse it.
fn check_declaration(text: &str) -> Result<(), RelativeError> {
    let malformed = XmlErrorKind::MalformedDeclaration.at(0);
    let mut rest = text
        .strip_prefix("<?xml")
        .and_then(|rest| rest.strip_suffix("?>"))
        .ok_or(malformed)?;
    let version = pseudo_attribute(&mut rest, "version").ok_or(malformed)?;
    let minor = version.strip_prefix("1.").ok_or(malformed)?;
    if minor.is_empty() || !minor.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed);
    }
    if let Some(encoding) = pseudo_attribute(&mut rest, "encoding") {
        if !is_encoding_name(encoding) {
            return Err(malformed);
        }
        if !encoding.eq_ignore_ascii_case("UTF-8") {
            return Err(XmlErrorKind::UnsupportedEncoding.at(0));
        }
    }
    let standalone = pseudo_attribute(&mut rest, "standalone");
    if !rest.bytes().all(chars::is_space) {
        return Err(malformed);
    }
    match standalone {
        None => Ok(()),
        Some("yes" | "no") => Err(XmlErrorKind::Standalone.at(0)),
        Some(_) => Err(malformed),
    }
}

/// Removes ` name = 'value'` from the front and returns the value, if it stands there.
fn pseudo_attribute<'a>(rest: &mut &'a str, name: &str) -> Option<&'a str> {
    let space = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
    let rest_of_text = rest.strip_prefix(space)?.trim_start_matches(space);
    let rest_of_text = rest_of_text.strip_prefix(name)?.trim_start_matches(space);
    let rest_of_text = rest_of_text.strip_prefix('=')?.trim_start_matches(space);
    let quote = rest_of_text
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"'))?;
    let (value, rest_of_text) = rest_of_text.strip_prefix(quote)?.split_once(quote)?;
    *rest = rest_of_text;
    Some(value)
}

/// Returns whether a name is an `EncName`.
fn is_encoding_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
