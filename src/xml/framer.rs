//! From bytes to frames: the stream header, first-level elements, keepalives, the closing tag.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::chars;
use super::element::{Element, Stanza};
use super::fault::{Fault, FaultKind, Flaw, LimitKind};
use super::frame::{Frame, FrameKind};
use super::header::Header;
use super::input::Input;
use super::limits::FrameLimits;
use super::names::Scope;
use super::scan::{Assembler, Surroundings};
use super::tag::{EndScan, StartTag, TagForm};
use super::tape::Tape;
use super::toplevel::{self, FirstLevel, Prolog};

/// Cuts the bytes of a stream into frames and validates them (RFC 6120 sections 4, 11).
///
/// Bytes go in with [`push`](Self::push) or through [`window`](Self::window), which only store. [`poll`](Self::poll)
/// finds the next frame, [`frame`](Self::frame) shows it. The same bytes give the same frames and the same fault,
/// however they were split.
///
/// It holds at most the larger of [`FrameLimits::frame_bytes`] and [`FrameLimits::header_bytes`] plus two windows of 16
/// KiB, and what the tape of one element takes, which the other limits bound. Its buffers are overwritten when it is
/// dropped; what they left behind when they grew is not.
pub struct Framer {
    input: Input,
    stage: Stage,
    supply: Supply,
    /// The frame the last poll found, and its length in bytes.
    current: Option<(FrameKind, usize)>,
    assembler: Assembler,
    head: Head,
    scope: Arc<Scope>,
    limits: FrameLimits,
    next_limits: FrameLimits,
}

/// What the framer expects or is reading.
#[derive(Clone, Copy, Debug)]
enum Stage {
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

/// What the validated text has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// It was not looked at to its end.
    Unread,
    /// All of it was, and no frame is whole.
    Exhausted,
}

/// The stream header, kept for as long as the stream.
#[derive(Default)]
struct Head {
    text: String,
    tape: Tape,
}

impl Framer {
    /// A framer that expects the start of a stream.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        let limits = limits.clamped();
        Self {
            input: Input::default(),
            stage: Stage::Start,
            supply: Supply::Unread,
            current: None,
            assembler: Assembler::default(),
            head: Head::default(),
            scope: Arc::default(),
            limits,
            next_limits: limits,
        }
    }

    /// Other limits, from the next frame on.
    pub fn set_limits(&mut self, limits: FrameLimits) {
        self.next_limits = limits.clamped();
    }

    /// How many bytes [`push`](Self::push) would take now. At least 16384 (one TLS record) after a poll that found
    /// nothing, and while [`unread`](Self::unread) is empty; 0 only while frames wait to be polled.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.input.capacity(self.read())
    }

    /// Stores bytes and returns how many: the first [`capacity`](Self::capacity) ones.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        self.input.push(self.read(), bytes)
    }

    /// Room for [`capacity`](Self::capacity) bytes, to be written into and then announced with
    /// [`pushed`](Self::pushed).
    pub fn window(&mut self) -> &mut [u8] {
        self.input.window(self.read())
    }

    /// Says how many bytes were written to the front of [`window`](Self::window). More than it has are not counted.
    pub fn pushed(&mut self, n: usize) {
        self.input.pushed(n);
    }

    /// Releases the frame found before and finds the next. `None`: more bytes are needed.
    ///
    /// # Errors
    ///
    /// The first violation found, on this and every later call. Frames before it were returned before. A violation
    /// inside a tag shows when the tag is whole, any other at its first byte.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<FrameKind>, Fault> {
        if let (Stage::Element, Supply::Exhausted) = (self.stage, self.supply) {
            if self.prolong() {
                return Ok(None);
            }
        }
        self.find()
    }

    /// A short way for bytes that come one by one: takes one that only prolongs the text or tag at the end of what was
    /// read. `false`: this is no such case.
    fn prolong(&mut self) -> bool {
        let end = self.input.length();
        let Some(byte) = self.input.lone_byte() else {
            return false;
        };
        let taken = end + 1 < self.limits.frame_bytes && self.assembler.prolong(end, byte);
        if taken {
            self.input.take_lone_byte(byte);
        }
        taken
    }

    #[inline(never)] // Its frame would make the short way long.
    fn find(&mut self) -> Result<Option<FrameKind>, Fault> {
        if let Stage::Failed(fault) = self.stage {
            return Err(fault);
        }
        if let Some((_, length)) = self.current.take() {
            self.input.consume(length);
        }
        loop {
            let found = match self.supply {
                Supply::Unread => self.step(),
                Supply::Exhausted => match self.feed() {
                    Ok(true) => Ok(Found::Nothing),
                    Ok(false) => return Ok(None),
                    Err(flaw) => Err(flaw),
                },
            };
            self.supply = Supply::Unread;
            match found {
                Ok(Found::Frame(kind, length)) => {
                    self.current = Some((kind, length));
                    return Ok(Some(kind));
                }
                Ok(Found::Skip(length)) => self.input.consume(length),
                Ok(Found::Nothing) => {}
                Ok(Found::Starved) => self.supply = Supply::Exhausted,
                Err(flaw) => {
                    let fault = flaw.from(self.input.position());
                    self.stage = Stage::Failed(fault);
                    return Err(fault);
                }
            }
        }
    }

    /// The frame the last poll found.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        let (kind, length) = self.current?;
        Some(match kind {
            FrameKind::Header => Frame::Header(Header::new(Element::new(
                &self.head.text,
                &self.head.tape,
                &self.scope,
                0,
            ))),
            FrameKind::Element => Frame::Element(Stanza::new(Element::new(
                self.input.text().get(..length).unwrap_or_default(),
                &self.assembler.tape,
                &self.scope,
                0,
            ))),
            FrameKind::Keepalive => Frame::Keepalive,
            FrameKind::Footer => Frame::Footer,
        })
    }

    /// The bytes behind the current frame, not yet looked at; without a current frame, what was pushed since the last
    /// poll.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.input.behind(self.read())
    }

    /// Moves the unread bytes out, for the layer that comes next (TLS). The current frame stays readable.
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.input.take_behind(self.read())
    }

    /// Expects a new stream header (RFC 6120 section 4.3.3): the header, its namespaces, the current or unfinished
    /// frame and all other parser state are forgotten and overwritten. Unread bytes stay. After a fault nothing starts
    /// again.
    pub fn restart(&mut self) {
        self.input.restart(self.read());
        self.current = None;
        self.supply = Supply::Unread;
        self.head = Head::default();
        self.scope = Arc::default();
        self.assembler.clear(&self.scope);
        if !matches!(self.stage, Stage::Failed(_)) {
            self.stage = Stage::Start;
        }
    }

    /// Gives back memory that is not in use: for connections that fall idle. Otherwise buffers keep the size the largest
    /// frame needed.
    pub fn shrink(&mut self) {
        self.input.shrink();
        if !matches!(self.current, Some((FrameKind::Element, _)))
            && !matches!(self.stage, Stage::Element)
        {
            self.assembler.clear(&self.scope);
        }
        self.assembler.shrink();
    }

    /// Whether bytes are held that belong to no whole frame found so far: if the transport ends now, something was cut.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.input.held() > self.current.map_or(0, |(_, length)| length)
    }

    /// The namespaces the stream header declares; empty before it was read.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    fn step(&mut self) -> Result<Found, Flaw> {
        if let Stage::Start | Stage::Prolog | Stage::Between = self.stage {
            self.limits = self.next_limits;
        }
        let text = view(self.input.text(), self.byte_limit());
        match self.stage {
            Stage::Element => {
                let around = Surroundings {
                    scope: &self.scope,
                    limits: &self.limits,
                    controls: self.input.controls(),
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
                    controls: self.input.controls(),
                    undeclared: FaultKind::UndeclaredPrefix,
                };
                let tag = self.assembler.header(text, &around)?;
                Ok(tag.map_or(Found::Starved, |tag| self.header(tag)))
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
    fn header(&mut self, tag: StartTag) -> Found {
        let text = self.input.text().get(..tag.end).unwrap_or_default();
        self.head = Head {
            text: String::from(text),
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

    /// Validates more bytes. `false`: there are none.
    fn feed(&mut self) -> Result<bool, Flaw> {
        let limit = self.byte_limit();
        if self.input.length() >= limit {
            return Err(FaultKind::Limit(self.limited()).at(limit));
        }
        if self.input.refill() {
            return Ok(true);
        }
        match (self.input.wrong(), self.stage) {
            (None, _) => Ok(false),
            (Some(_), Stage::Start)
                if toplevel::is_foreign_encoding(self.input.text(), self.input.next()) =>
            {
                Err(FaultKind::UnsupportedEncoding.at(0))
            }
            (Some(flaw), _) => Err(flaw),
        }
    }

    fn limited(&self) -> LimitKind {
        match self.stage {
            Stage::Start | Stage::Declaration { .. } | Stage::Prolog | Stage::Header => {
                LimitKind::HeaderBytes
            }
            _ => LimitKind::FrameBytes,
        }
    }

    /// How many bytes may stand between the start of the current frame and its end.
    fn byte_limit(&self) -> usize {
        match self.stage {
            Stage::Start | Stage::Declaration { .. } | Stage::Prolog | Stage::Header => {
                let before = usize::try_from(self.input.position()).unwrap_or(usize::MAX);
                self.limits.header_bytes.saturating_sub(before)
            }
            Stage::End | Stage::EmptyRoot | Stage::Failed(_) => usize::MAX,
            Stage::Between | Stage::Element | Stage::Footer(_) => self.limits.frame_bytes,
        }
    }

    /// How much of the text was looked at: the current frame, or, if there is none, all of it.
    fn read(&self) -> usize {
        self.current
            .map_or(self.input.length(), |(_, length)| length)
    }
}

impl fmt::Debug for Framer {
    /// Without content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("stage", &self.stage)
            .field("current", &self.current)
            .field("held", &self.input.held())
            .finish_non_exhaustive()
    }
}

/// What one step found.
#[derive(Clone, Copy, Debug)]
enum Found {
    Frame(FrameKind, usize),
    /// Bytes that mean nothing.
    Skip(usize),
    /// Another stage, at the same place.
    Nothing,
    /// The text is used up.
    Starved,
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
