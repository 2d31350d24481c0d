//! What a framer expects or is reading, and how validated text moves it on.

use alloc::string::String;
use alloc::sync::Arc;

use super::chars::{self, Controls};
use super::element::{Element, Stanza};
use super::element_parser::{ElementParser, ParseContext};
use super::error::{Fault, FaultKind, LimitKind, RelativeError};
use super::fast_path::FastState;
use super::frame::{Frame, FrameKind};
use super::header::Header;
use super::limits::FrameLimits;
use super::scope::Scope;
use super::start_tag::StartTag;
use super::tag::{EndTagScan, ParsedStartTag, TagForm};
use super::tape::Tape;
use super::top_level::{self, FirstLevel, Prolog};

/// See the module documentation.
pub(crate) struct StreamParser {
    state: StreamState,
    parser: ElementParser,
    head: Head,
    scope: Arc<Scope>,
    limits: FrameLimits,
    next_limits: FrameLimits,
}

/// What one step found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Frame(FrameKind, usize),
    /// Bytes that mean nothing.
    Skip(usize),
    /// Another stage, at the same place.
    StateChanged,
    /// The text is used up.
    NeedMore,
}

/// What the framer expects or is reading.
#[derive(Clone, Copy, Debug)]
#[repr(u8)] // A tag of its own is quicker to read than one hidden in the fault.
pub(crate) enum StreamState {
    /// The first byte of a stream.
    Start,
    /// An XML declaration; its `>` is not among the first `seen` bytes.
    Declaration { seen: usize },
    /// White space or the header.
    Prolog,
    /// The header's tag.
    Header,
    /// The header was an empty element: the footer is due.
    EmptyRoot,
    /// A first-level element, white space or the footer.
    Between,
    /// A first-level element's rest.
    Element,
    /// The footer's tag.
    Footer(EndTagScan),
    /// White space.
    End,
    /// Nothing ever again.
    Failed(Fault),
}

/// The stream header, kept for as long as the stream.
#[derive(Default)]
struct Head {
    text: String,
    tape: Tape,
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

    /// Other limits, from the next frame on.
    pub(crate) fn set_limits(&mut self, limits: FrameLimits) {
        self.next_limits = limits.clamped();
    }

    pub(crate) fn state(&self) -> StreamState {
        self.state
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The frame that was found, given its text.
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
    /// long as the tag itself is not complete.
    pub(crate) fn pending_start_tag<'a>(&'a self, text: &'a str) -> Option<StartTag<'a>> {
        let tape = &self.parser.tape;
        if !matches!(self.state, StreamState::Element) || tape.nodes.is_empty() {
            return None;
        }
        Some(StartTag::new(Element::new(text, tape, &self.scope, 0)))
    }

    /// Nothing will be read any more.
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.state = StreamState::Failed(fault);
    }

    /// Expects a new stream header, unless it failed.
    pub(crate) fn restart(&mut self) {
        self.head = Head::default();
        self.scope = Arc::default();
        self.parser.clear(&self.scope);
        if !matches!(self.state, StreamState::Failed(_)) {
            self.state = StreamState::Start;
        }
    }

    /// Gives back memory that is not in use, with the element that was read if nobody needs it.
    pub(crate) fn shrink(&mut self, current: Option<FrameKind>) {
        if current != Some(FrameKind::Element) && !matches!(self.state, StreamState::Element) {
            self.parser.clear(&self.scope);
        }
        self.parser.shrink();
    }

    /// Where reading stands when it used up `length` bytes of text.
    pub(crate) fn fast_state(&self, length: usize) -> FastState {
        match self.state {
            StreamState::Header | StreamState::Element => self.parser.fast_state(length),
            StreamState::Between if length == 0 => FastState::BetweenElements,
            _ => FastState::Unknown,
        }
    }

    /// Goes on through the text from the start of the current frame, of which `limit` bytes may be.
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
                    undeclared: FaultKind::UndeclaredFirstLevelPrefix,
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
                    undeclared: FaultKind::UndeclaredPrefix,
                };
                let tag = self.parser.header(text, &context)?;
                Ok(tag.map_or(Step::NeedMore, |tag| self.header(text, tag)))
            }
            StreamState::EmptyRoot => {
                self.state = StreamState::End;
                Ok(Step::Frame(FrameKind::Footer, 0))
            }
            StreamState::Footer(mut scan) => {
                let name = self.head.tape.element(0).map(|root| root.name);
                let name = name.map_or("", |name| name.qualified(&self.head.text));
                let Some(length) = scan.end(text, 0, name)? else {
                    self.state = StreamState::Footer(scan);
                    return Ok(Step::NeedMore);
                };
                self.state = StreamState::End;
                Ok(Step::Frame(FrameKind::Footer, length))
            }
            StreamState::End => match text.as_bytes() {
                [] => Ok(Step::NeedMore),
                [b, ..] if chars::is_space(*b) => Ok(Step::Skip(1)),
                _ => Err(FaultKind::AfterFooter.at(0)),
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
                self.state = StreamState::Header;
                Step::StateChanged
            }
        }
    }

    /// Keeps the header: its text, and what it declares.
    fn header(&mut self, text: &str, tag: ParsedStartTag) -> Step {
        self.head = Head {
            text: String::from(text.get(..tag.end).unwrap_or_default()),
            tape: core::mem::take(&mut self.parser.tape),
        };
        self.scope = Arc::new(Scope::of_header(&self.head.tape, &self.head.text));
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

    /// Which limit [`byte_limit`](Self::byte_limit) gives.
    pub(crate) fn exceeded_limit(&self) -> LimitKind {
        match self.state {
            StreamState::Start
            | StreamState::Declaration { .. }
            | StreamState::Prolog
            | StreamState::Header => LimitKind::HeaderBytes,
            _ => LimitKind::FrameBytes,
        }
    }

    /// How many bytes may stand between the start of the current frame, which is at `position`, and its end. New limits
    /// hold from here on if no frame has begun.
    pub(crate) fn byte_limit(&mut self, position: u64) -> usize {
        let header_bytes = match self.state {
            StreamState::Element | StreamState::Footer(_) => return self.limits.frame_bytes,
            StreamState::Between => {
                self.limits = self.next_limits;
                return self.limits.frame_bytes;
            }
            StreamState::Start | StreamState::Prolog => {
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

/// The text up to a limit, cut between characters.
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
