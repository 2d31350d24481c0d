//! The state of a stream: what is expected next, and how validated text advances it.
//!
//! This file decides only what may stand where on the first level; elements are read by
//! [`ElementParser`], names are judged by the stream layer.

use alloc::string::String;
use alloc::sync::Arc;

use super::chars::{self, Controls};
use super::element::Element;
use super::element_parser::{ElementParser, ParseContext};
use super::error::{LimitKind, RelativeError, XmlError, XmlErrorKind};
use super::fast_path::FastState;
use super::frame::{Frame, FrameKind};
use super::header::Header;
use super::limits::FrameLimits;
use super::scope::Scope;
use super::span::Name;
use super::stanza::Stanza;
use super::start_tag::StartTag;
use super::tag::{EndTagScan, ParsedStartTag, TagForm};
use super::tape::Tape;
use super::top_level::{self, FirstLevel, Prolog};

/// Parses validated text into frames.
pub(crate) struct StreamParser {
    /// What is expected next, or is being read.
    state: StreamState,
    /// The parser of elements and of the header, with the element it read last.
    parser: ElementParser,
    /// The header of the current stream.
    head: Head,
    /// The namespaces that the header declares.
    scope: Arc<Scope>,
    /// The limits of the current frame.
    limits: FrameLimits,
    /// The limits of the next frame.
    next_limits: FrameLimits,
}

/// The result of one step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Frame(FrameKind, usize),
    /// Bytes without meaning, to be skipped.
    Skip(usize),
    /// The state changed and nothing was consumed.
    StateChanged,
    /// The text ends before the frame does.
    NeedMore,
}

/// What is expected next, or is being read.
#[derive(Clone, Copy, Debug)]
#[repr(u8)] // A tag of its own is quicker to read than one hidden in the fault.
pub(crate) enum StreamState {
    /// The first byte of a stream is expected.
    Start,
    /// The header of a restarted stream, or its XML declaration, is expected. White space before it
    /// belongs to the stream before (RFC 6120 4.3.3): some servers write a line break after
    /// `<success/>`.
    Restart,
    /// An XML declaration is being read; its `>` is not among the first `seen` bytes.
    Declaration { seen: usize },
    /// White space or the header is expected.
    Prolog,
    /// The header's tag is being read.
    Header,
    /// The header was an empty element, so the footer is due.
    EmptyRoot,
    /// A first-level element, white space or the footer is expected.
    Between,
    /// A first-level element is being read.
    Element,
    /// The footer's tag is being read.
    Footer(EndTagScan),
    /// Only white space may follow.
    End,
    /// An error was found; nothing is read any more.
    Failed(XmlError),
}

/// The stream header. All of it is kept until memory is released, the name of its element as long as
/// the stream.
#[derive(Default)]
struct Head {
    text: String,
    tape: Tape,
    /// The name of the element, which the footer has to match.
    name: Option<Name>,
}

/// A header that has allocated more than this gives its memory back when its stream is over.
const USUAL_HEADER: usize = 1024;

impl Head {
    fn allocated(&self) -> usize {
        self.text.capacity() + self.tape.allocated()
    }

    /// Forgets the header. Memory is kept if it is no more than a usual header needs.
    fn clear(&mut self) {
        if self.allocated() > USUAL_HEADER {
            *self = Self::default();
        }
        self.text.clear();
        self.tape.clear();
        self.name = None;
    }

    fn qualified_name(&self) -> &str {
        self.name.map_or("", |name| name.qualified(&self.text))
    }

    /// Releases everything but the name.
    fn shrink(&mut self) {
        if self.tape.allocated() > 0 {
            let text = String::from(self.qualified_name());
            let name = self.name.map(|name| Name { start: 0, ..name });
            let tape = Tape::default();
            *self = Self { text, tape, name };
        }
    }
}

impl StreamParser {
    pub(crate) fn new(limits: FrameLimits) -> Self {
        let limits = limits.clamped();
        Self {
            state: StreamState::Start,
            parser: ElementParser::default(),
            head: Head::default(),
            scope: Arc::default(),
            limits,
            next_limits: limits,
        }
    }

    /// Sets other limits, which hold from the next frame on.
    pub(crate) fn set_limits(&mut self, limits: FrameLimits) {
        self.next_limits = limits.clamped();
    }

    pub(crate) fn state(&self) -> StreamState {
        self.state
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns the frame that was found, given its text.
    pub(crate) fn frame<'a>(&'a self, kind: FrameKind, text: &'a str) -> Frame<'a> {
        match kind {
            FrameKind::Header => Frame::Header(Header::new(Element::new(
                &self.head.text,
                &self.head.tape,
                &self.scope,
                0,
            ))),
            FrameKind::Element => Frame::Element(Stanza::new(Element::new(
                text,
                &self.parser.tape,
                &self.scope,
                0,
            ))),
            FrameKind::Keepalive => Frame::Keepalive,
            FrameKind::Footer => Frame::Footer,
        }
    }

    /// Returns the start tag of the first-level element that has begun, given its text; `None` as
    /// long as the tag itself is not complete. It stays after an error within the element.
    pub(crate) fn pending_start_tag<'a>(&'a self, text: &'a str) -> Option<StartTag<'a>> {
        let tape = &self.parser.tape;
        let has_begun = matches!(self.state, StreamState::Element | StreamState::Failed(_));
        if !has_begun || tape.nodes.is_empty() {
            return None;
        }
        Some(StartTag::new(Element::new(text, tape, &self.scope, 0)))
    }

    /// Records an error, after which nothing is read any more. The start tag of an element that was
    /// being read stays readable.
    pub(crate) fn fail(&mut self, fault: XmlError) {
        if !matches!(self.state, StreamState::Element) {
            self.parser.clear(&self.scope);
        }
        self.state = StreamState::Failed(fault);
    }

    /// Expects a new stream header, unless an error was found.
    pub(crate) fn restart(&mut self) {
        self.forget_stream();
        if !matches!(self.state, StreamState::Failed(_)) {
            self.state = StreamState::Restart;
        }
    }

    /// Expects the start of a stream, whatever was read before.
    pub(crate) fn reset(&mut self, limits: FrameLimits) {
        self.forget_stream();
        self.state = StreamState::Start;
        self.set_limits(limits);
        self.limits = self.next_limits;
    }

    fn forget_stream(&mut self) {
        self.head.clear();
        match Arc::get_mut(&mut self.scope) {
            Some(scope) => scope.clear(),
            None => self.scope = Arc::default(),
        }
        self.parser.clear(&self.scope);
    }

    /// Returns how many bytes the header and the element that were read have allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.parser.allocated() + self.head.allocated()
    }

    /// Releases memory that is not in use, together with the header and the element that were read
    /// unless they are the current frame.
    pub(crate) fn shrink(&mut self, current: Option<FrameKind>) {
        if current != Some(FrameKind::Header) {
            self.head.shrink();
        }
        if current != Some(FrameKind::Element) && !matches!(self.state, StreamState::Element) {
            self.parser.clear(&self.scope);
        }
        self.parser.shrink();
    }

    /// Returns the fast path's state after `length` bytes, which is all of the text.
    pub(crate) fn fast_state(&self, length: usize) -> FastState {
        match self.state {
            StreamState::Header | StreamState::Element => self.parser.fast_state(length),
            StreamState::Between if length == 0 => FastState::BetweenElements,
            _ => FastState::Unknown,
        }
    }

    /// Continues through the text from the start of the current frame, of which `limit` bytes may
    /// belong to it.
    #[inline]
    pub(crate) fn step(
        &mut self,
        text: &str,
        controls: Controls,
        limit: usize,
    ) -> Result<Step, RelativeError> {
        let text = truncate(text, limit);
        match self.state {
            StreamState::Element => {
                let context = ParseContext {
                    scope: &self.scope,
                    limits: &self.limits,
                    controls,
                    undeclared: XmlErrorKind::UndeclaredFirstLevelPrefix,
                };
                let Some(length) = self.parser.element(text, &context)? else {
                    return Ok(Step::NeedMore);
                };
                self.state = StreamState::Between;
                Ok(Step::Frame(FrameKind::Element, length))
            }
            StreamState::Between => {
                let found = top_level::classify_first_level(text)?;
                Ok(self.first_level(found))
            }
            StreamState::Start => {
                let found = top_level::classify_start(text)?;
                Ok(self.before_header(found))
            }
            StreamState::Restart => match top_level::classify_start(text)? {
                Prolog::Space => Ok(Step::Skip(1)),
                found => Ok(self.before_header(found)),
            },
            StreamState::Prolog => {
                let found = top_level::classify_prolog(text)?;
                Ok(self.before_header(found))
            }
            StreamState::Declaration { seen } => {
                let Some(length) = top_level::declaration(text, seen)? else {
                    self.state = StreamState::Declaration { seen: text.len() };
                    return Ok(Step::NeedMore);
                };
                self.state = StreamState::Prolog;
                Ok(Step::Skip(length))
            }
            StreamState::Header => {
                let context = ParseContext {
                    scope: &self.scope,
                    limits: &self.limits,
                    controls,
                    undeclared: XmlErrorKind::UndeclaredPrefix,
                };
                let tag = self.parser.header(text, &context)?;
                Ok(tag.map_or(Step::NeedMore, |tag| self.header(text, tag)))
            }
            StreamState::EmptyRoot => {
                self.state = StreamState::End;
                Ok(Step::Frame(FrameKind::Footer, 0))
            }
            StreamState::Footer(mut scan) => {
                let Some(length) = scan.end(text, 0, self.head.qualified_name())? else {
                    self.state = StreamState::Footer(scan);
                    return Ok(Step::NeedMore);
                };
                self.state = StreamState::End;
                Ok(Step::Frame(FrameKind::Footer, length))
            }
            StreamState::End => match text.as_bytes() {
                [] => Ok(Step::NeedMore),
                [b, ..] if chars::is_space(*b) => Ok(Step::Skip(1)),
                _ => Err(XmlErrorKind::AfterFooter.at(0)),
            },
            StreamState::Failed(_) => Ok(Step::NeedMore),
        }
    }

    fn before_header(&mut self, found: Prolog) -> Step {
        match found {
            Prolog::Unfinished => Step::NeedMore,
            Prolog::Space => {
                self.state = StreamState::Prolog;
                Step::Skip(1)
            }
            Prolog::Declaration => {
                self.state = StreamState::Declaration { seen: 0 };
                Step::StateChanged
            }
            Prolog::Header => {
                self.parser.clear(&self.scope);
                self.parser.tape.reserve_header();
                self.state = StreamState::Header;
                Step::StateChanged
            }
        }
    }

    /// Keeps the header's text and declarations.
    fn header(&mut self, text: &str, tag: ParsedStartTag) -> Step {
        self.head.text.clear();
        let text = text.get(..tag.end).unwrap_or_default();
        self.head.text.push_str(text);
        core::mem::swap(&mut self.head.tape, &mut self.parser.tape);
        self.head.name = Some(tag.name);
        let declarations = self.head.tape.header_declarations(&self.head.text);
        // Nothing shares the scope of a stream that has just begun, unless a stanza of the stream
        // before is kept.
        if let Some(scope) = Arc::get_mut(&mut self.scope) {
            scope.set_declarations(declarations);
        } else {
            let mut scope = Scope::default();
            scope.set_declarations(declarations);
            self.scope = Arc::new(scope);
        }
        self.state = match tag.form {
            TagForm::Open => StreamState::Between,
            TagForm::Empty => StreamState::EmptyRoot,
        };
        Step::Frame(FrameKind::Header, tag.end)
    }

    fn first_level(&mut self, found: FirstLevel) -> Step {
        match found {
            FirstLevel::Unfinished => Step::NeedMore,
            FirstLevel::Space => Step::Frame(FrameKind::Keepalive, 1),
            FirstLevel::Element => {
                self.parser.clear(&self.scope);
                self.state = StreamState::Element;
                Step::StateChanged
            }
            FirstLevel::Footer => {
                self.state = StreamState::Footer(EndTagScan::new(0));
                Step::StateChanged
            }
        }
    }

    /// Returns which limit [`byte_limit`](Self::byte_limit) is.
    pub(crate) fn exceeded_limit(&self) -> LimitKind {
        match self.state {
            StreamState::Start
            | StreamState::Restart
            | StreamState::Declaration { .. }
            | StreamState::Prolog
            | StreamState::Header => LimitKind::HeaderBytes,
            _ => LimitKind::FrameBytes,
        }
    }

    /// Returns how many bytes may stand between the start of the current frame, which is at
    /// `position`, and its end. New limits take effect here if no frame has begun.
    pub(crate) fn byte_limit(&mut self, position: u64) -> usize {
        let header_bytes = match self.state {
            StreamState::Element | StreamState::Footer(_) => return self.limits.frame_bytes,
            StreamState::Between => {
                self.limits = self.next_limits;
                return self.limits.frame_bytes;
            }
            StreamState::Start | StreamState::Restart | StreamState::Prolog => {
                self.limits = self.next_limits;
                self.limits.header_bytes
            }
            StreamState::Declaration { .. } | StreamState::Header => self.limits.header_bytes,
            StreamState::End | StreamState::EmptyRoot | StreamState::Failed(_) => {
                return usize::MAX;
            }
        };
        header_bytes.saturating_sub(usize::try_from(position).unwrap_or(usize::MAX))
    }
}

/// Returns the text up to a limit, cut between characters.
fn truncate(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
