//! Tags: finding their end byte by byte, and reading finished ones.
//!
//! Reading works on xmlparser's `Stream` primitives. They are more lenient than XML; what they let through is
//! refused here (empty prefixes) or in [`names`](super::names) (prefixes, duplicates).

use xmlparser::Stream;

use super::chars::{self, Reference};
use super::fault::{FaultKind, Flaw, LimitKind};
use super::limits::FrameLimits;
use super::tape::{AttributeNode, Name, Namespace, Role, Span, Tape, offset};

/// How far the end of a tag has been looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagScan {
    seen: usize,
    /// The quote that ends the attribute value reading stands in.
    quote: Option<u8>,
}

impl TagScan {
    /// For a start tag whose name begins at `at`.
    pub(crate) fn new(at: usize) -> Self {
        Self {
            seen: at,
            quote: None,
        }
    }

    /// Goes on through the text; the end of the tag is the offset behind its `>`.
    ///
    /// A `<` is legal nowhere in a tag. It counts as the end of one, so that a broken tag does not swallow what
    /// follows it, and so that the tag is judged at the same byte however it arrived.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = bytes.get(self.seen..)?;
            let found = match self.quote {
                Some(quote) => memchr::memchr2(quote, b'<', rest),
                None => rest
                    .iter()
                    .position(|b| matches!(b, b'<' | b'>' | b'\'' | b'"')),
            };
            let Some(found) = found else {
                self.seen = bytes.len();
                return None;
            };
            self.seen += found + 1;
            match rest.get(found) {
                Some(b'<' | b'>') => return Some(self.seen),
                // The quote that was looked for, or one that opens a value.
                quote => self.quote = quote.copied().filter(|_| self.quote.is_none()),
            }
        }
    }
}

/// A start tag that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartTag {
    pub(crate) name: Name,
    /// Indices into `Tape::attributes`.
    pub(crate) attributes: Span,
    /// Offset behind its `>`.
    pub(crate) end: usize,
    pub(crate) form: TagForm,
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
/// Where the text ends within the tag that is a [`FaultKind::Syntax`]; the caller knows from [`TagScan`] whether the
/// tag is whole. After an error the tape holds a part of the attributes.
pub(crate) fn start_tag(
    text: &str,
    at: usize,
    tape: &mut Tape,
    controls: &mut Controls,
    limits: &FrameLimits,
) -> Result<StartTag, Flaw> {
    let mut s = Stream::from_substr(text, at + 1..text.len());
    let name = qualified_name(&mut s, limits)?;
    let first = tape.attributes.len();
    loop {
        let spaced = s.starts_with_space();
        s.skip_spaces();
        match s.curr_byte() {
            Ok(b'>') => return Ok(finished(name, first, tape, s.pos() + 1, TagForm::Open)),
            Ok(b'/') if matches!(s.next_byte(), Ok(b'>')) => {
                return Ok(finished(name, first, tape, s.pos() + 2, TagForm::Empty));
            }
            Ok(_) if spaced => {}
            Ok(_) | Err(_) => return Err(FaultKind::Syntax.at(s.pos())),
        }
        let attribute = attribute(&mut s, text, controls, limits)?;
        if tape.attributes.len() - first >= usize::from(limits.attributes) {
            let at = attribute.name.start as usize;
            return Err(FaultKind::Limit(LimitKind::Attributes).at(at));
        }
        tape.attributes.push(attribute);
    }
}

fn finished(name: Name, first: usize, tape: &Tape, end: usize, form: TagForm) -> StartTag {
    StartTag {
        name,
        attributes: Span::new(first, tape.attributes.len()),
        end,
        form,
    }
}

fn attribute(
    s: &mut Stream<'_>,
    text: &str,
    controls: &mut Controls,
    limits: &FrameLimits,
) -> Result<AttributeNode, Flaw> {
    let name = qualified_name(s, limits)?;
    s.consume_eq().map_err(|_| FaultKind::Syntax.at(s.pos()))?;
    let quote = s
        .consume_quote()
        .map_err(|_| FaultKind::Syntax.at(s.pos()))?;
    let start = s.pos();
    let bytes = text.as_bytes();
    let mut references = false;
    loop {
        let at = s.pos();
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(n) = memchr::memchr3(quote, b'<', b'&', rest) else {
            return Err(FaultKind::Syntax.at(bytes.len()));
        };
        match rest.get(n) {
            Some(b'<') => return Err(FaultKind::LessThanInAttribute.at(at + n)),
            Some(b'&') => match chars::reference(text, at + n, limits.reference_bytes()) {
                Reference::Char(_, length) => {
                    references = true;
                    s.advance(n + length);
                }
                Reference::Refused(kind) => return Err(kind.at(at + n)),
                Reference::Unfinished => return Err(FaultKind::Syntax.at(bytes.len())),
            },
            _ => {
                let end = at + n;
                s.advance(n + 1);
                return Ok(AttributeNode {
                    name,
                    namespace: Namespace::None,
                    value: Span::new(start, end),
                    verbatim: !references && !controls.within(bytes, start, end),
                    role: role(name, text),
                });
            }
        }
    }
}

fn role(name: Name, text: &str) -> Role {
    match (name.prefix, name.length) {
        (0, 5) if name.qualified(text) == "xmlns" => Role::DeclaresDefault,
        (5, _) if name.prefix(text) == "xmlns" => Role::DeclaresPrefix,
        _ => Role::Plain,
    }
}

/// A `QName` (Namespaces in XML 1.0 section 4).
fn qualified_name(s: &mut Stream<'_>, limits: &FrameLimits) -> Result<Name, Flaw> {
    let start = s.pos();
    let (prefix, local) = s.consume_qname().map_err(|_| FaultKind::Syntax.at(start))?;
    // xmlparser takes an empty prefix for none.
    if prefix.is_empty() && local.start() != start {
        return Err(FaultKind::Syntax.at(start));
    }
    let length = s.pos() - start;
    match (u16::try_from(length), u16::try_from(prefix.len())) {
        (Ok(length), Ok(prefix)) if length <= limits.name_bytes => Ok(Name {
            start: offset(start),
            prefix,
            length,
        }),
        _ => Err(FaultKind::Limit(LimitKind::NameBytes).at(start)),
    }
}

/// How far the end of an end tag has been looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndScan {
    seen: usize,
}

impl EndScan {
    /// For the end tag whose `<` stands at `at`.
    pub(crate) fn new(at: usize) -> Self {
        Self { seen: at + 2 }
    }

    /// Reads the end tag at `at` that must close `name`; its end is the offset behind the `>`, `None` as long as that
    /// has not arrived. As in start tags, a `<` ends a broken one.
    pub(crate) fn end(&mut self, text: &str, at: usize, name: &str) -> Result<Option<usize>, Flaw> {
        let bytes = text.as_bytes();
        let rest = bytes.get(self.seen..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'>', b'<', rest) else {
            self.seen = bytes.len();
            return Ok(None);
        };
        let end = self.seen + found;
        let content = text.get(at + 2..end).unwrap_or_default();
        if bytes.get(end) == Some(&b'<') {
            return Err(FaultKind::Syntax.at(end));
        }
        if content == name {
            return Ok(Some(end + 1));
        }
        let trimmed = content.trim_end_matches([' ', '\t', '\n', '\r']);
        if trimmed == name {
            Ok(Some(end + 1))
        } else if chars::is_name(trimmed) {
            Err(FaultKind::MismatchedTag.at(at))
        } else {
            Err(FaultKind::Syntax.at(at))
        }
    }
}

/// Where the text is known to hold no control character (tab, line feed, carriage return): only these, and
/// references, make the value of an attribute or text differ from what was received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Controls {
    from: usize,
    until: usize,
}

impl Controls {
    /// Whether a control character stands from `start` to before `end`. Asked left to right, each byte is looked at
    /// once.
    pub(crate) fn within(&mut self, bytes: &[u8], start: usize, end: usize) -> bool {
        if start < self.from || start > self.until {
            *self = Self {
                from: start,
                until: start,
            };
        }
        if end > self.until {
            let rest = bytes.get(self.until..).unwrap_or_default();
            self.until += chars::first_control(rest).unwrap_or(rest.len());
        }
        end > self.until
    }
}
