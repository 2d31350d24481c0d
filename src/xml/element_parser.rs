//! Reads one first-level element, as its bytes arrive or as a whole ([`one_element`]), and writes
//! the tape.
//!
//! The end of each tag is found before the tag is judged, so the same error comes at the same byte
//! however the bytes arrived. A tag that is complete when its `<` is reached (nearly all are) is
//! read at once; only the others are scanned for their end first. So a byte is read once or, where
//! a chunk ended within its tag, three times, never more. A change here has to keep both
//! properties.

use alloc::vec::Vec;

use super::chars::{self, Controls};
use super::error::{LimitKind, RelativeError, XmlError, XmlErrorKind};
use super::fast_path::FastState;
use super::limits::FrameLimits;
use super::namespaces::{Checkpoint, Resolver, StartedElement};
use super::scope::Scope;
use super::span::{Span, offset};
use super::tag::{self, EndTagScan, ParsedStartTag, StartTagScan, TagForm};
use super::tape::{ElementNode, Tape, TapeNode, TextForm, TextNode};
use super::values::{self, Reference};

/// The parser of one first-level element, or of a stream header. All offsets are relative to the
/// `<` of the element.
#[derive(Default)]
pub(crate) struct ElementParser {
    /// What was read so far.
    pub(crate) tape: Tape,
    /// The elements whose end tags have not arrived, the innermost last.
    open_elements: Vec<OpenElement>,
    /// The namespace declarations in scope.
    resolver: Resolver,
    /// The number of elements and CDATA sections so far.
    elements: u32,
    /// Everything before this offset is on the tape or belongs to `state`.
    position: usize,
    /// What is being read.
    state: ParseState,
}

/// An element whose end tag has not arrived.
#[derive(Clone, Copy, Debug)]
struct OpenElement {
    node: u32,
    checkpoint: Checkpoint,
}

/// What the parser reads at `position`.
#[derive(Clone, Copy, Debug, Default)]
enum ParseState {
    /// Text or markup; no byte of it was read.
    #[default]
    Content,
    /// Markup, of which only the `<` was read.
    Markup,
    /// Character data that began at `run` and is valid up to `position`.
    Text { run: usize, form: TextForm },
    /// A reference in character data. Its `&` stands at `position`; no byte before `scanned` ends
    /// it.
    Reference {
        run: usize,
        form: TextForm,
        scanned: usize,
    },
    /// A start tag whose end has not arrived.
    StartTag(StartTagScan),
    /// An end tag whose end has not arrived.
    EndTag(EndTagScan),
    /// A CDATA section whose content starts at `run`; up to `position` it holds no `]]>`.
    Cdata { run: usize },
}

/// What an element is read with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParseContext<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) limits: &'a FrameLimits,
    pub(crate) controls: Controls,
    /// The error for an undeclared prefix on the name of the outermost element.
    pub(crate) undeclared: XmlErrorKind,
}

impl ElementParser {
    /// Begins another element.
    pub(crate) fn clear(&mut self, scope: &Scope) {
        self.tape.clear();
        self.open_elements.clear();
        self.resolver.clear(scope);
        self.elements = 0;
        self.position = 0;
        self.state = ParseState::Markup;
    }

    /// Returns how many bytes the element that was read, and its open elements, have allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.tape.allocated() + self.open_elements.capacity() * size_of::<OpenElement>()
    }

    /// Releases memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.tape.shrink();
        self.open_elements.shrink_to_fit();
        self.resolver.shrink();
    }

    /// Continues through `text`, which starts with the `<` of the element's start tag and holds at
    /// least what it held before. Returns the offset after the element, or `None` as long as its
    /// end has not arrived.
    pub(crate) fn element(
        &mut self,
        text: &str,
        context: &ParseContext<'_>,
    ) -> Result<Option<usize>, RelativeError> {
        loop {
            let progress = match self.state {
                ParseState::Content => self.content(text),
                ParseState::Markup => self.markup(text, context)?,
                ParseState::Text { run, form } => self.text(text, run, form, context)?,
                ParseState::Reference { run, form, scanned } => {
                    self.reference(text, run, form, scanned, context)
                }
                ParseState::StartTag(_) => match self.start_tag(text, context)? {
                    Some(_) => Progress::Continue(ParseState::Content),
                    None => Progress::NeedMore,
                },
                ParseState::EndTag(scan) => self.end_tag(text, scan)?,
                ParseState::Cdata { run } => self.cdata(text, run, context),
            };
            match progress {
                Progress::NeedMore => return Ok(None),
                Progress::Continue(_) if self.open_elements.is_empty() => {
                    return Ok(Some(self.position));
                }
                Progress::Continue(state) => self.state = state,
            }
        }
    }

    /// Returns the fast path's state after `length` bytes, which is all of the text.
    pub(crate) fn fast_state(&self, length: usize) -> FastState {
        match self.state {
            ParseState::Content => FastState::Content,
            ParseState::Text { .. } if self.position == length => FastState::Text,
            ParseState::Markup if self.position + 1 == length => FastState::Markup,
            ParseState::StartTag(scan) => scan.fast_state(length),
            ParseState::EndTag(scan) => scan.fast_state(length),
            ParseState::Cdata { .. } => FastState::Cdata,
            _ => FastState::Unknown,
        }
    }

    /// Reads only the start tag of the element, which is how a stream header is read. Has to be
    /// called until it returns the tag.
    pub(crate) fn header(
        &mut self,
        text: &str,
        context: &ParseContext<'_>,
    ) -> Result<Option<ParsedStartTag>, RelativeError> {
        self.start_tag(text, context)
    }

    fn content(&mut self, text: &str) -> Progress {
        match text.as_bytes().get(self.position) {
            None => Progress::NeedMore,
            Some(b'<') => Progress::Continue(ParseState::Markup),
            Some(_) => Progress::Continue(ParseState::Text {
                run: self.position,
                form: TextForm::Verbatim,
            }),
        }
    }

    fn markup(
        &mut self,
        text: &str,
        context: &ParseContext<'_>,
    ) -> Result<Progress, RelativeError> {
        Ok(match markup(text.as_bytes(), self.position)? {
            Markup::Unfinished => Progress::NeedMore,
            Markup::EndTag => {
                Progress::Continue(ParseState::EndTag(EndTagScan::new(self.position)))
            }
            Markup::Cdata => {
                self.count(context.limits)?;
                self.position += CDATA.len();
                Progress::Continue(ParseState::Cdata { run: self.position })
            }
            Markup::StartTag => match self.start_tag(text, context)? {
                Some(_) => Progress::Continue(ParseState::Content),
                None => Progress::NeedMore,
            },
        })
    }

    fn start_tag(
        &mut self,
        text: &str,
        context: &ParseContext<'_>,
    ) -> Result<Option<ParsedStartTag>, RelativeError> {
        let bytes = text.as_bytes();
        let start = self.position;
        let scanned = match &mut self.state {
            ParseState::StartTag(scan) => {
                if scan.end(bytes).is_none() {
                    return Ok(None);
                }
                true
            }
            _ => false,
        };
        let attributes = self.tape.attributes.len();
        match tag::start_tag(
            text,
            start,
            &mut self.tape,
            context.controls,
            context.limits,
        ) {
            Ok(tag) => {
                self.push_element(text, tag, context)?;
                Ok(Some(tag))
            }
            Err(error) => {
                let mut scan = StartTagScan::new(start + 1);
                if scanned || scan.end(bytes).is_some() {
                    return Err(error);
                }
                self.tape.attributes.truncate(attributes);
                self.state = ParseState::StartTag(scan);
                Ok(None)
            }
        }
    }

    /// Puts an element on the tape.
    fn push_element(
        &mut self,
        text: &str,
        tag: ParsedStartTag,
        context: &ParseContext<'_>,
    ) -> Result<(), RelativeError> {
        self.count(context.limits)?;
        if self.open_elements.len() >= usize::from(context.limits.depth) {
            return Err(XmlErrorKind::Limit(LimitKind::Depth).at(self.position));
        }
        let node = offset(self.tape.nodes.len());
        let checkpoint = self.resolver.checkpoint();
        let starting = StartedElement {
            text,
            tag,
            node,
            scope: context.scope,
            limits: context.limits,
            undeclared: if self.open_elements.is_empty() {
                context.undeclared
            } else {
                XmlErrorKind::UndeclaredPrefix
            },
        };
        let namespace = self.resolver.resolve(&starting, &mut self.tape)?;
        let end = offset(tag.end);
        self.tape.nodes.push(TapeNode::Element(ElementNode {
            name: tag.name,
            namespace,
            attributes: tag.attributes,
            content: end,
            end,
            next: node + 1,
        }));
        self.position = tag.end;
        match tag.form {
            TagForm::Open => self.open_elements.push(OpenElement { node, checkpoint }),
            TagForm::Empty => self.resolver.restore(checkpoint),
        }
        Ok(())
    }

    fn end_tag(&mut self, text: &str, mut scan: EndTagScan) -> Result<Progress, RelativeError> {
        let open_elements = self.open_elements.last().copied();
        let element = open_elements.and_then(|open_elements| self.tape.element(open_elements.node));
        let (Some(open_elements), Some(element)) = (open_elements, element) else {
            return Err(XmlErrorKind::MismatchedTag.at(self.position));
        };
        let Some(end) = scan.end(text, self.position, element.name.qualified(text))? else {
            self.state = ParseState::EndTag(scan);
            return Ok(Progress::NeedMore);
        };
        self.open_elements.pop();
        self.resolver.restore(open_elements.checkpoint);
        let next = offset(self.tape.nodes.len());
        if let Some(element) = self.tape.element_mut(open_elements.node) {
            element.end = offset(end);
            element.next = next;
        }
        self.position = end;
        Ok(Progress::Continue(ParseState::Content))
    }

    fn text(
        &mut self,
        text: &str,
        run: usize,
        mut form: TextForm,
        context: &ParseContext<'_>,
    ) -> Result<Progress, RelativeError> {
        let bytes = text.as_bytes();
        loop {
            let rest = bytes.get(self.position..).unwrap_or_default();
            let Some(found) = chars::find3([b'<', b'&', b'>'], rest) else {
                self.position = bytes.len();
                break;
            };
            let at = self.position + found;
            self.position = at;
            match rest.get(found) {
                Some(b'&') => match values::reference(text, at, context.limits.reference_bytes()) {
                    Reference::Char(_, length) => {
                        form = TextForm::Escaped;
                        self.position += length;
                    }
                    Reference::Unfinished => {
                        self.state = ParseState::Reference {
                            run,
                            form,
                            scanned: bytes.len(),
                        };
                        return Ok(Progress::NeedMore);
                    }
                    Reference::Refused(kind) => return Err(kind.at(at)),
                },
                Some(b'>') if bytes.get(run..at).unwrap_or_default().ends_with(b"]]") => {
                    return Err(XmlErrorKind::CdataEnd.at(at - 2));
                }
                Some(b'>') => self.position += 1,
                _ => {
                    if has_carriage_return(context.controls, bytes, run, at) {
                        form = TextForm::Escaped;
                    }
                    self.push_text(run, at, form);
                    return Ok(Progress::Continue(ParseState::Markup));
                }
            }
        }
        self.state = ParseState::Text { run, form };
        Ok(Progress::NeedMore)
    }

    /// Continues a reference whose end has not arrived. Only its new bytes are scanned.
    fn reference(
        &mut self,
        text: &str,
        run: usize,
        form: TextForm,
        scanned: usize,
        context: &ParseContext<'_>,
    ) -> Progress {
        let bytes = text.as_bytes();
        let rest = bytes.get(scanned..).unwrap_or_default();
        let length = bytes.len() - self.position - 1;
        if length < context.limits.reference_bytes() && values::continues_reference(rest) {
            self.state = ParseState::Reference {
                run,
                form,
                scanned: bytes.len(),
            };
            return Progress::NeedMore;
        }
        Progress::Continue(ParseState::Text { run, form })
    }

    fn cdata(&mut self, text: &str, run: usize, context: &ParseContext<'_>) -> Progress {
        let bytes = text.as_bytes();
        loop {
            let rest = bytes.get(self.position..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'>', rest) else {
                self.position = bytes.len();
                self.state = ParseState::Cdata { run };
                return Progress::NeedMore;
            };
            let at = self.position + found;
            self.position = at + 1;
            if let Some(content) = bytes.get(run..at).and_then(|c| c.strip_suffix(b"]]")) {
                let end = run + content.len();
                let form = if has_carriage_return(context.controls, bytes, run, end) {
                    TextForm::Lines
                } else {
                    TextForm::Verbatim
                };
                self.push_text(run, end, form);
                return Progress::Continue(ParseState::Content);
            }
        }
    }

    fn push_text(&mut self, start: usize, end: usize, form: TextForm) {
        if start < end {
            let span = Span::new(start, end);
            self.tape
                .nodes
                .push(TapeNode::Text(TextNode { span, form }));
        }
    }

    fn count(&mut self, limits: &FrameLimits) -> Result<(), RelativeError> {
        if self.elements >= limits.elements {
            return Err(XmlErrorKind::Limit(LimitKind::Elements).at(self.position));
        }
        self.elements += 1;
        Ok(())
    }
}

/// Reads text that must be exactly one element.
pub(crate) fn one_element(
    parser: &mut ElementParser,
    text: &str,
    scope: &Scope,
    limits: &FrameLimits,
) -> Result<(), XmlError> {
    parse_one(parser, text, scope, limits).map_err(|error| error.from(0))
}

/// Reads the element that the text begins with. Returns its length.
pub(crate) fn first_element(
    parser: &mut ElementParser,
    text: &str,
    scope: &Scope,
    limits: &FrameLimits,
) -> Result<usize, XmlError> {
    parse_first(parser, text, scope, limits).map_err(|error| error.from(0))
}

fn parse_one(
    parser: &mut ElementParser,
    text: &str,
    scope: &Scope,
    limits: &FrameLimits,
) -> Result<(), RelativeError> {
    match parse_first(parser, text, scope, limits)? {
        end if end == text.len() => Ok(()),
        end => Err(XmlErrorKind::NotOneElement.at(end)),
    }
}

fn parse_first(
    parser: &mut ElementParser,
    text: &str,
    scope: &Scope,
    limits: &FrameLimits,
) -> Result<usize, RelativeError> {
    if text.len() > limits.frame_bytes {
        let kind = XmlErrorKind::Limit(LimitKind::FrameBytes);
        return Err(kind.at(limits.frame_bytes));
    }
    let controls = chars::check_chars(text).map_err(|at| XmlErrorKind::InvalidCharacter.at(at))?;
    if !text.starts_with('<') {
        return Err(XmlErrorKind::NotOneElement.at(0));
    }
    match markup(text.as_bytes(), 0)? {
        Markup::StartTag => {}
        Markup::EndTag | Markup::Cdata => return Err(XmlErrorKind::NotOneElement.at(0)),
        Markup::Unfinished => return Err(XmlErrorKind::Incomplete.at(text.len())),
    }
    parser.clear(scope);
    let context = ParseContext {
        scope,
        limits,
        controls,
        undeclared: XmlErrorKind::UndeclaredFirstLevelPrefix,
    };
    parser
        .element(text, &context)?
        .ok_or(XmlErrorKind::Incomplete.at(text.len()))
}

fn has_carriage_return(controls: Controls, bytes: &[u8], start: usize, end: usize) -> bool {
    controls == Controls::Returns
        && memchr::memchr(b'\r', bytes.get(start..end).unwrap_or_default()).is_some()
}

/// The result of one step of reading.
#[derive(Clone, Copy, Debug)]
enum Progress {
    /// The text ends here.
    NeedMore,
    Continue(ParseState),
}

/// The kinds of markup that a stream may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    StartTag,
    EndTag,
    Cdata,
    /// Too few bytes have arrived to tell.
    Unfinished,
}

const CDATA: &[u8] = b"<![CDATA[";
const DECLARATION: &[u8] = b"<?xml";

/// Classifies the markup whose `<` stands at `at`. What RFC 6120 11.1 restricts is refused as soon
/// as it is recognised, however long it would be.
pub(crate) fn markup(bytes: &[u8], at: usize) -> Result<Markup, RelativeError> {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest {
        [] | [_] | [_, b'!'] => Ok(Markup::Unfinished),
        [_, b'/', ..] => Ok(Markup::EndTag),
        [_, b'!', b'-', ..] => Err(XmlErrorKind::Comment.at(at)),
        [_, b'!', b'A'..=b'Z' | b'a'..=b'z', ..] => Err(XmlErrorKind::Doctype.at(at)),
        [_, b'!', ..] if rest.starts_with(CDATA) => Ok(Markup::Cdata),
        [_, b'!', ..] if CDATA.starts_with(rest) => Ok(Markup::Unfinished),
        [_, b'?', ..] if is_declaration(rest) => Err(XmlErrorKind::MisplacedDeclaration.at(at)),
        [_, b'?', ..] if DECLARATION.starts_with(rest) => Ok(Markup::Unfinished),
        [_, b'?', ..] => Err(XmlErrorKind::ProcessingInstruction.at(at)),
        [_, b, ..] if chars::may_start_name(*b) => Ok(Markup::StartTag),
        _ => Err(XmlErrorKind::Syntax.at(at)),
    }
}

/// Returns whether the bytes begin with an XML declaration (and not with a processing instruction
/// such as `<?xml-stylesheet`).
pub(crate) fn is_declaration(bytes: &[u8]) -> bool {
    bytes
        .strip_prefix(DECLARATION)
        .and_then(|rest| rest.first())
        .is_some_and(|&b| chars::is_space(b) || b == b'?')
}
