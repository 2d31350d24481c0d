//! Tags: scans for their end as bytes arrive, and reads complete ones.
//!
//! Reading uses xmlparser's `Stream` primitives. They are more lenient than XML; what they let
//! through is refused here (empty prefixes) or in [`namespaces`](super::namespaces) (prefixes,
//! duplicates).

use xmlparser::Stream;

use super::chars::{self, Controls};
use super::error::{LimitKind, RelativeError, XmlErrorKind};
use super::fast_path::FastState;
use super::limits::FrameLimits;
use super::scope::Namespace;
use super::span::{Name, Span, offset};
use super::tape::{AttributeNode, AttributeRole, Tape};
use super::values::{self, Reference};

/// A scan for the end of a start tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartTagScan {
    scanned: usize,
    /// The quote that ends the attribute value at `scanned`.
    quote: Option<u8>,
}

impl StartTagScan {
    /// Begins a scan of the start tag whose name begins at `at`.
    pub(crate) fn new(at: usize) -> Self {
        Self {
            scanned: at,
            quote: None,
        }
    }

    /// Continues through the text. Returns the end of the tag, which is the offset after its `>`.
    ///
    /// A `<` is legal nowhere in a tag. It counts as the end of one, so that a broken tag does not
    /// swallow what follows it, and so that the tag is judged at the same byte however it arrived.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = bytes.get(self.scanned..)?;
            let found = match self.quote {
                Some(quote) => chars::find2([quote, b'<'], rest),
                None => rest
                    .iter()
                    .position(|b| matches!(b, b'<' | b'>' | b'\'' | b'"')),
            };
            let Some(found) = found else {
                self.scanned = bytes.len();
                return None;
            };
            self.scanned += found + 1;
            match rest.get(found) {
                Some(b'<' | b'>') => return Some(self.scanned),
                // This is the quote that ends the value, or one that opens a value.
                quote => self.quote = quote.copied().filter(|_| self.quote.is_none()),
            }
        }
    }

    /// Returns the fast path's state after `length` bytes, which is all of the text.
    pub(crate) fn fast_state(&self, length: usize) -> FastState {
        match self.quote {
            _ if self.scanned != length => FastState::Unknown,
            None => FastState::StartTag,
            Some(b'\'') => FastState::SingleQuoted,
            Some(_) => FastState::DoubleQuoted,
        }
    }
}

/// A start tag that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParsedStartTag {
    pub(crate) name: Name,
    /// The indices of its attributes in `Tape::attributes`.
    pub(crate) attributes: Span,
    /// The offset after its `>`.
    pub(crate) end: usize,
    pub(crate) form: TagForm,
    pub(crate) names: AttributeNames,
}

/// What the names of the attributes need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeNames {
    /// None has a prefix or declares a namespace.
    Plain,
    /// Some may have a prefix or declare a namespace.
    MayBePrefixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagForm {
    /// `<a>`
    Open,
    /// `<a/>`
    Empty,
}

/// Reads the start tag whose `<` stands at `at`, and puts its attributes on the tape.
///
/// If the text ends within the tag the error is [`XmlErrorKind::Syntax`]; the caller knows from
/// [`StartTagScan`] whether the tag is complete. After an error the tape holds a part of the
/// attributes.
pub(crate) fn start_tag(
    text: &str,
    at: usize,
    tape: &mut Tape,
    controls: Controls,
    limits: &FrameLimits,
) -> Result<ParsedStartTag, RelativeError> {
    let mut s = Stream::from_substr(text, at + 1..text.len());
    let name = qualified_name(&mut s, text, limits)?;
    let first = tape.attributes.len();
    let mut names = AttributeNames::Plain;
    loop {
        let spaced = s.starts_with_space();
        s.skip_spaces();
        match s.curr_byte() {
            Ok(b'>') => {
                return Ok(ParsedStartTag {
                    name,
                    attributes: Span::new(first, tape.attributes.len()),
                    end: s.pos() + 1,
                    form: TagForm::Open,
                    names,
                });
            }
            Ok(b'/') if matches!(s.next_byte(), Ok(b'>')) => {
                return Ok(ParsedStartTag {
                    name,
                    attributes: Span::new(first, tape.attributes.len()),
                    end: s.pos() + 2,
                    form: TagForm::Empty,
                    names,
                });
            }
            Ok(_) if spaced => {}
            Ok(_) | Err(_) => return Err(XmlErrorKind::Syntax.at(s.pos())),
        }
        let attribute = attribute(&mut s, text, controls, limits)?;
        if tape.attributes.len() - first >= usize::from(limits.attributes) {
            let at = attribute.name.start as usize;
            return Err(XmlErrorKind::Limit(LimitKind::Attributes).at(at));
        }
        if attribute.role != AttributeRole::Plain || attribute.name.prefix != 0 {
            names = AttributeNames::MayBePrefixed;
        }
        tape.attributes.push(attribute);
    }
}

fn attribute(
    s: &mut Stream<'_>,
    text: &str,
    controls: Controls,
    limits: &FrameLimits,
) -> Result<AttributeNode, RelativeError> {
    let name = qualified_name(s, text, limits)?;
    let bytes = text.as_bytes();
    // Nearly everybody writes no white space here.
    let quote = if let Some([b'=', quote @ (b'\'' | b'"'), ..]) = bytes.get(s.pos()..) {
        s.advance(2);
        *quote
    } else {
        s.consume_eq()
            .map_err(|_| XmlErrorKind::Syntax.at(s.pos()))?;
        s.consume_quote()
            .map_err(|_| XmlErrorKind::Syntax.at(s.pos()))?
    };
    let start = s.pos();
    let mut references = false;
    loop {
        let at = s.pos();
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(n) = memchr::memchr3(quote, b'<', b'&', rest) else {
            return Err(XmlErrorKind::Syntax.at(bytes.len()));
        };
        match rest.get(n) {
            Some(b'<') => return Err(XmlErrorKind::LessThanInAttribute.at(at + n)),
            Some(b'&') => match values::reference(text, at + n, limits.reference_bytes()) {
                Reference::Char(_, length) => {
                    references = true;
                    s.advance(n + length);
                }
                Reference::Refused(kind) => return Err(kind.at(at + n)),
                Reference::Unfinished => return Err(XmlErrorKind::Syntax.at(bytes.len())),
            },
            _ => {
                let end = at + n;
                s.advance(n + 1);
                return Ok(AttributeNode {
                    name,
                    namespace: Namespace::None,
                    value: Span::new(start, end),
                    verbatim: !references && !has_control(controls, bytes, start, end),
                    role: role(name, text),
                    digest: digest(name, text),
                });
            }
        }
    }
}

/// Returns a digest of a name: its length and last bytes.
#[inline]
fn digest(name: Name, text: &str) -> u32 {
    let start = name.start as usize;
    let end = start + usize::from(name.length);
    let last = match text.as_bytes().get(start..end) {
        Some(&[.., a, b, c]) => [a, b, c, 0],
        Some(&[a, b]) => [a, b, 0, 0],
        Some(&[a]) => [a, 0, 0, 0],
        _ => [0; 4],
    };
    u32::from_le_bytes(last) ^ (u32::from(name.length) << 24)
}

#[inline]
fn has_control(controls: Controls, bytes: &[u8], start: usize, end: usize) -> bool {
    controls != Controls::None && chars::has_control(bytes.get(start..end).unwrap_or_default())
}

#[inline]
fn role(name: Name, text: &str) -> AttributeRole {
    match (name.prefix, name.length) {
        (0, 5) if name.qualified(text) == "xmlns" => AttributeRole::DeclaresDefault,
        (5, _) if name.prefix(text) == "xmlns" => AttributeRole::DeclaresPrefix,
        _ => AttributeRole::Plain,
    }
}

/// Reads a `QName` (Namespaces in XML 1.0 4).
///
/// Nearly all names are ASCII and are read here; xmlparser reads the others.
fn qualified_name(
    s: &mut Stream<'_>,
    text: &str,
    limits: &FrameLimits,
) -> Result<Name, RelativeError> {
    let start = s.pos();
    let bytes = text.as_bytes().get(start..).unwrap_or_default();
    let first = ncname_length(bytes);
    let (prefix, length) = match bytes.get(first) {
        Some(b':') => {
            let local = ncname_length(bytes.get(first + 1..).unwrap_or_default());
            (first, first + 1 + local)
        }
        _ => (0, first),
    };
    let ascii = match bytes.get(length) {
        Some(b':') => return Err(XmlErrorKind::Syntax.at(start)),
        Some(next) => next.is_ascii(),
        None => true,
    };
    let (prefix, length) = if ascii {
        let local = length - prefix;
        if first == 0 || local < 2 && prefix != 0 {
            return Err(XmlErrorKind::Syntax.at(start));
        }
        s.advance(length);
        (prefix, length)
    } else {
        let (prefix, local) = s
            .consume_qname()
            .map_err(|_| XmlErrorKind::Syntax.at(start))?;
        // xmlparser accepts an empty prefix as none.
        if prefix.is_empty() && local.start() != start {
            return Err(XmlErrorKind::Syntax.at(start));
        }
        (prefix.len(), s.pos() - start)
    };
    match (u16::try_from(length), u16::try_from(prefix)) {
        (Ok(length), Ok(prefix)) if length <= limits.name_bytes => Ok(Name {
            start: offset(start),
            prefix,
            length,
        }),
        _ => Err(XmlErrorKind::Limit(LimitKind::NameBytes).at(start)),
    }
}

/// Returns the length of the ASCII part of an `NCName` at the front; it is 0 if none starts there.
fn ncname_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => bytes
            .iter()
            .position(|&b| !NAME_BYTE[usize::from(b)])
            .unwrap_or(bytes.len()),
        _ => 0,
    }
}

/// The ASCII characters of an `NCName`.
static NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

/// How far the end of an end tag has been looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndTagScan {
    scanned: usize,
}

impl EndTagScan {
    /// Begins a scan of the end tag whose `<` stands at `at`.
    pub(crate) fn new(at: usize) -> Self {
        Self { scanned: at + 2 }
    }

    /// Where the scan stands when it used up `length` bytes of text.
    pub(crate) fn fast_state(self, length: usize) -> FastState {
        if self.scanned == length {
            FastState::EndTag
        } else {
            FastState::Unknown
        }
    }

    /// Reads the end tag at `at`, which must close `name`. Returns the offset after its `>`, `None`
    /// as long as that has not arrived. As in start tags, a `<` ends a broken one.
    pub(crate) fn end(
        &mut self,
        text: &str,
        at: usize,
        name: &str,
    ) -> Result<Option<usize>, RelativeError> {
        let bytes = text.as_bytes();
        let whole = bytes.get(at + 2..).unwrap_or_default();
        // This byte is checked first, so that the name is not compared with every chunk.
        if whole.get(name.len()) == Some(&b'>') && whole.starts_with(name.as_bytes()) {
            return Ok(Some(at + 3 + name.len()));
        }
        let rest = bytes.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'>', b'<', rest) else {
            self.scanned = bytes.len();
            return Ok(None);
        };
        let end = self.scanned + found;
        let content = text.get(at + 2..end).unwrap_or_default();
        if bytes.get(end) == Some(&b'<') {
            return Err(XmlErrorKind::Syntax.at(end));
        }
        let trimmed = content.trim_end_matches([' ', '\t', '\n', '\r']);
        if trimmed == name {
            Ok(Some(end + 1))
        } else if chars::is_name(trimmed) {
            Err(XmlErrorKind::MismatchedTag.at(at))
        } else {
            Err(XmlErrorKind::Syntax.at(at))
        }
    }
}
