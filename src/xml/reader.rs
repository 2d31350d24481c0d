//! What a framer expects or is reading, and how validated text moves it on.

use alloc::string::String;
use alloc::sync::Arc;

use super::chars::{self, Controls};
use super::element::{Element, Stanza};
use super::fault::{Fault, FaultKind, Flaw, LimitKind};
use super::frame::{Frame, FrameKind};
use super::header::Header;
use super::limits::FrameLimits;
use super::names::Scope;
use super::quiet::Place;
use super::scan::{Assembler, Surroundings};
use super::tag::{EndScan, StartTag, TagForm};
use super::tape::Tape;
use super::toplevel::{self, FirstLevel, Prolog};

/// See the module documentation.
pub(crate) struct Reader {
    stage: Stage,
    assembler: Assembler,
    head: Head,
    scope: Arc<Scope>,
    limits: FrameLimits,
    next_limits: FrameLimits,
}

/// What one step found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    Frame(FrameKind, usize),
    /// Bytes that mean nothing.
    Skip(usize),
    /// Another stage, at the same place.
    Nothing,
    /// The text is used up.
    Starved,
}

/// What the framer expects or is reading.
#[derive(Clone, Copy, Debug)]
#[repr(u8)] // A tag of its own is quicker to read than one hidden in the fault.
pub(crate) enum Stage {
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
    Footer(EndScan),
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

impl Reader {
    pub(crate) fn new(limits: FrameLimits) -> Self {
        let limits = limits.clamped();
        Self {
            stage: Stage::Start,
            assembler: Assembler::default(),
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

    pub(crate) fn stage(&self) -> Stage {
        self.stage
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
                &self.assembler.tape,
                &self.scope,
                0,
            ))),
            FrameKind::Keepalive => Frame::Keepalive,
            FrameKind::Footer => Frame::Footer,
        }
    }

    /// Nothing will be read any more.
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.stage = Stage::Failed(fault);
    }

    /// Expects a new stream header, unless it failed.
    pub(crate) fn restart(&mut self) {
        self.head = Head::default();
        self.scope = Arc::default();
        self.assembler.clear(&self.scope);
        if !matches!(self.stage, Stage::Failed(_)) {
            self.stage = Stage::Start;
        }
    }

    /// Gives back memory that is not in use, with the element that was read if nobody needs it.
    pub(crate) fn shrink(&mut self, current: Option<FrameKind>) {
        if current != Some(FrameKind::Element) && !matches!(self.stage, Stage::Element) {
            self.assembler.clear(&self.scope);
        }
        self.assembler.shrink();
    }

    /// Where reading stands when it used up `length` bytes of text.
    pub(crate) fn place(&self, length: usize) -> Place {
        match self.stage {
            Stage::Header | Stage::Element => self.assembler.place(length),
            Stage::Between if length == 0 => Place::Between,
            _ => Place::Loud,
        }
    }

    /// Goes on through the text from the start of the current frame, of which `limit` bytes may be.
    #[inline]
    pub(crate) fn step(
        &mut self,
        text: &str,
        controls: Controls,
        limit: usize,
    ) -> Result<Found, Flaw> {
        let text = view(text, limit);
        match self.stage {
            Stage::Element => {
                let around = Surroundings {
                    scope: &self.scope,
                    limits: &self.limits,
                    controls,
                    undeclared: FaultKind::UndeclaredFirstLevelPrefix,
                };
                let Some(length) = self.assembler.element(text, &around)? else {
                    return Ok(Found::Starved);
                };
                self.stage = Stage::Between;
                Ok(Found::Frame(FrameKind::Element, length))
            }
            Stage::Between => {
                let found = toplevel::between(text)?;
                Ok(self.first_level(found))
            }
            Stage::Start => {
                let found = toplevel::start(text)?;
                Ok(self.before_header(found))
            }
            Stage::Prolog => {
                let found = toplevel::later(text)?;
                Ok(self.before_header(found))
            }
            Stage::Declaration { seen } => {
                let Some(length) = toplevel::declaration(text, seen)? else {
                    self.stage = Stage::Declaration { seen: text.len() };
                    return Ok(Found::Starved);
                };
                self.stage = Stage::Prolog;
                Ok(Found::Skip(length))
            }
            Stage::Header => {
                let around = Surroundings {
                    scope: &self.scope,
                    limits: &self.limits,
                    controls,
                    undeclared: FaultKind::UndeclaredPrefix,
                };
                let tag = self.assembler.header(text, &around)?;
                Ok(tag.map_or(Found::Starved, |tag| self.header(text, tag)))
            }
            Stage::EmptyRoot => {
                self.stage = Stage::End;
                Ok(Found::Frame(FrameKind::Footer, 0))
            }
            Stage::Footer(mut scan) => {
                let name = self.head.tape.element(0).map(|root| root.name);
                let name = name.map_or("", |name| name.qualified(&self.head.text));
                let Some(length) = scan.end(text, 0, name)? else {
                    self.stage = Stage::Footer(scan);
                    return Ok(Found::Starved);
                };
                self.stage = Stage::End;
                Ok(Found::Frame(FrameKind::Footer, length))
            }
            Stage::End => match text.as_bytes() {
                [] => Ok(Found::Starved),
                [b, ..] if chars::is_space(*b) => Ok(Found::Skip(1)),
                _ => Err(FaultKind::AfterFooter.at(0)),
            },
            Stage::Failed(_) => Ok(Found::Starved),
        }
    }

    fn before_header(&mut self, found: Prolog) -> Found {
        match found {
            Prolog::Unfinished => Found::Starved,
            Prolog::Space => {
                self.stage = Stage::Prolog;
                Found::Skip(1)
            }
            Prolog::Declaration => {
                self.stage = Stage::Declaration { seen: 0 };
                Found::Nothing
            }
            Prolog::Header => {
                self.assembler.clear(&self.scope);
                self.stage = Stage::Header;
                Found::Nothing
            }
        }
    }

    /// Keeps the header: its text, and what it declares.
    fn header(&mut self, text: &str, tag: StartTag) -> Found {
        self.head = Head {
            text: String::from(text.get(..tag.end).unwrap_or_default()),
            tape: core::mem::take(&mut self.assembler.tape),
        };
        self.scope = Arc::new(Scope::of_header(&self.head.tape, &self.head.text));
        self.stage = match tag.form {
            TagForm::Open => Stage::Between,
            TagForm::Empty => Stage::EmptyRoot,
        };
        Found::Frame(FrameKind::Header, tag.end)
    }

    fn first_level(&mut self, found: FirstLevel) -> Found {
        match found {
            FirstLevel::Unfinished => Found::Starved,
            FirstLevel::Space => Found::Frame(FrameKind::Keepalive, 1),
            FirstLevel::Element => {
                self.assembler.clear(&self.scope);
                self.stage = Stage::Element;
                Found::Nothing
            }
            FirstLevel::Footer => {
                self.stage = Stage::Footer(EndScan::new(0));
                Found::Nothing
            }
        }
    }

    /// Which limit [`byte_limit`](Self::byte_limit) gives.
    pub(crate) fn limited(&self) -> LimitKind {
        match self.stage {
            Stage::Start | Stage::Declaration { .. } | Stage::Prolog | Stage::Header => {
                LimitKind::HeaderBytes
            }
            _ => LimitKind::FrameBytes,
        }
    }

    /// How many bytes may stand between the start of the current frame, which is at `position`, and its end. New limits
    /// hold from here on if no frame has begun.
    pub(crate) fn byte_limit(&mut self, position: u64) -> usize {
        let header_bytes = match self.stage {
            Stage::Element | Stage::Footer(_) => return self.limits.frame_bytes,
            Stage::Between => {
                self.limits = self.next_limits;
                return self.limits.frame_bytes;
            }
            Stage::Start | Stage::Prolog => {
                self.limits = self.next_limits;
                self.limits.header_bytes
            }
            Stage::Declaration { .. } | Stage::Header => self.limits.header_bytes,
            Stage::End | Stage::EmptyRoot | Stage::Failed(_) => return usize::MAX,
        };
        header_bytes.saturating_sub(usize::try_from(position).unwrap_or(usize::MAX))
    }
}

/// The text up to a limit, cut between characters.
fn view(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
