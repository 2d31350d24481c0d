//! From bytes to frames: the stream header, first-level elements, keepalives, the closing tag.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::chars;
use super::element::{Element, Header, Stanza};
use super::fault::{Fault, FaultKind, Flaw, LimitKind};
use super::input::Input;
use super::limits::FrameLimits;
use super::names::Scope;
use super::prolog;
use super::scan::{self, Assembler, Markup, Surroundings};
use super::tag::{EndScan, StartTag, TagForm};
use super::tape::Tape;

/// Cuts the bytes of a stream into frames and validates them (RFC 6120 sections 4, 11).
///
/// Bytes go in with [`push`](Self::push) or through [`window`](Self::window), which only store. [`poll`](Self::poll)
/// finds the next frame, [`frame`](Self::frame) shows it. The same bytes give the same frames and the same fault,
/// however they were split.
///
/// It holds at most the larger of [`FrameLimits::frame_bytes`] and [`FrameLimits::header_bytes`] plus two windows of 16
/// KiB, and what the tape of one element takes, which the other limits bound. Its buffers are overwritten when it is
/// dropped.
pub struct Framer {
    input: Input,
    stage: Stage,
    /// The frame the last poll found, and its length in bytes.
    current: Option<(FrameKind, usize)>,
    assembler: Assembler,
    head: Head,
    scope: Arc<Scope>,
    limits: FrameLimits,
    next_limits: FrameLimits,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The start tag of the stream.
    Header,
    /// A first-level element.
    Element,
    /// *One byte* of white space between first-level elements. One byte each, because how many arrive together is an
    /// accident of the transport, and frames must not depend on it.
    Keepalive,
    /// The closing tag of the stream. A root element without content (`<stream:stream/>`) is a header and a footer.
    Footer,
}

/// A frame, borrowed from the framer until the next poll.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// The start tag of the stream. What the root is called is for the stream layer to judge.
    Header(Header<'a>),
    /// A first-level element, also one that looks like another stream header: it opens nothing.
    Element(Stanza<'a>),
    /// See [`FrameKind::Keepalive`].
    Keepalive,
    /// The closing tag of the stream.
    Footer,
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
    pub fn poll(&mut self) -> Result<Option<FrameKind>, Fault> {
        if let Some((_, length)) = self.current.take() {
            self.input.consume(length);
        }
        loop {
            let (found, stage) = match self.step() {
                Ok(step) => step,
                Err(flaw) => (Found::Nothing, self.failed(flaw)),
            };
            self.stage = stage;
            match (found, self.stage) {
                (_, Stage::Failed(fault)) => return Err(fault),
                (Found::Frame(kind, length), _) => {
                    self.current = Some((kind, length));
                    return Ok(Some(kind));
                }
                (Found::Skip(length), _) => self.input.consume(length),
                (Found::Nothing, _) => {}
                (Found::Starved, _) => {
                    if !self.feed()? {
                        return Ok(None);
                    }
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

    fn step(&mut self) -> Result<(Found, Stage), Flaw> {
        let limit = self.byte_limit();
        match self.stage {
            Stage::Start | Stage::Prolog | Stage::Between => self.limits = self.next_limits,
            _ => {}
        }
        let text = view(self.input.text(), limit);
        match self.stage {
            Stage::Start => before_header(text, &mut self.assembler, Declaration::Allowed),
            Stage::Prolog => before_header(text, &mut self.assembler, Declaration::Late),
            Stage::Declaration { seen } => in_declaration(text, seen),
            Stage::Header => {
                let around = Surroundings {
                    scope: &self.scope,
                    limits: &self.limits,
                    undeclared: FaultKind::UndeclaredPrefix,
                };
                match self.assembler.header(text, &around)? {
                    None => Ok((Found::Starved, Stage::Header)),
                    Some(tag) => Ok(self.header(tag)),
                }
            }
            Stage::EmptyRoot => Ok((Found::Frame(FrameKind::Footer, 0), Stage::End)),
            Stage::Between => self.between(limit),
            Stage::Element => {
                let around = Surroundings {
                    scope: &self.scope,
                    limits: &self.limits,
                    undeclared: FaultKind::UndeclaredFirstLevelPrefix,
                };
                Ok(match self.assembler.element(text, &around)? {
                    None => (Found::Starved, Stage::Element),
                    Some(length) => (Found::Frame(FrameKind::Element, length), Stage::Between),
                })
            }
            Stage::Footer(mut scan) => {
                let name = self.head.tape.element(0).map(|root| root.name);
                let name = name.map_or("", |name| name.qualified(&self.head.text));
                Ok(match scan.end(text, 0, name)? {
                    None => (Found::Starved, Stage::Footer(scan)),
                    Some(length) => (Found::Frame(FrameKind::Footer, length), Stage::End),
                })
            }
            Stage::End => match text.as_bytes() {
                [] => Ok((Found::Starved, Stage::End)),
                [b, ..] if chars::is_space(*b) => Ok((Found::Skip(1), Stage::End)),
                _ => Err(FaultKind::AfterFooter.at(0)),
            },
            Stage::Failed(_) => Ok((Found::Nothing, self.stage)),
        }
    }

    /// Keeps the header: its text, and what it declares.
    fn header(&mut self, tag: StartTag) -> (Found, Stage) {
        let text = self.input.text().get(..tag.end).unwrap_or_default();
        self.head = Head {
            text: String::from(text),
            tape: core::mem::take(&mut self.assembler.tape),
        };
        self.scope = Arc::new(Scope::of_header(&self.head.tape, &self.head.text));
        let stage = match tag.form {
            TagForm::Open => Stage::Between,
            TagForm::Empty => Stage::EmptyRoot,
        };
        (Found::Frame(FrameKind::Header, tag.end), stage)
    }

    fn between(&mut self, limit: usize) -> Result<(Found, Stage), Flaw> {
        let bytes = view(self.input.text(), limit).as_bytes();
        match bytes {
            [] => Ok((Found::Starved, Stage::Between)),
            [b, ..] if chars::is_space(*b) => {
                Ok((Found::Frame(FrameKind::Keepalive, 1), Stage::Between))
            }
            [b'<', ..] => match scan::markup(bytes, 0)? {
                Markup::Unfinished => Ok((Found::Starved, Stage::Between)),
                Markup::EndTag => Ok((Found::Nothing, Stage::Footer(EndScan::new(0)))),
                Markup::Cdata => Err(FaultKind::TextBetweenStanzas.at(0)),
                Markup::StartTag => {
                    self.assembler.clear(&self.scope);
                    Ok((Found::Nothing, Stage::Element))
                }
            },
            _ => Err(FaultKind::TextBetweenStanzas.at(0)),
        }
    }

    /// Validates more bytes. `false`: there are none.
    fn feed(&mut self) -> Result<bool, Fault> {
        let limit = self.byte_limit();
        let held = self.input.text();
        let flaw = if held.len() >= limit {
            let kind = match self.stage {
                Stage::Start | Stage::Declaration { .. } | Stage::Prolog | Stage::Header => {
                    LimitKind::HeaderBytes
                }
                _ => LimitKind::FrameBytes,
            };
            Some(FaultKind::Limit(kind).at(limit))
        } else if self.input.refill() {
            return Ok(true);
        } else {
            self.input.wrong().map(|flaw| match self.stage {
                Stage::Start
                    if prolog::is_foreign_encoding(self.input.text(), self.input.next()) =>
                {
                    FaultKind::UnsupportedEncoding.at(0)
                }
                _ => flaw,
            })
        };
        match flaw {
            None => Ok(false),
            Some(flaw) => {
                let fault = flaw.from(self.input.position());
                self.stage = Stage::Failed(fault);
                Err(fault)
            }
        }
    }

    fn failed(&self, flaw: Flaw) -> Stage {
        Stage::Failed(flaw.from(self.input.position()))
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
            .map_or(self.input.text().len(), |(_, length)| length)
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

/// Whether an XML declaration may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declaration {
    Allowed,
    Late,
}

/// White space, XML declaration or the header's `<`.
fn before_header(
    text: &str,
    assembler: &mut Assembler,
    declaration: Declaration,
) -> Result<(Found, Stage), Flaw> {
    let stage = match declaration {
        Declaration::Allowed => Stage::Start,
        Declaration::Late => Stage::Prolog,
    };
    let bytes = text.as_bytes();
    match bytes {
        [] => Ok((Found::Starved, stage)),
        [b, ..] if chars::is_space(*b) => Ok((Found::Skip(1), Stage::Prolog)),
        _ if declaration == Declaration::Allowed && scan::is_declaration(bytes) => {
            Ok((Found::Nothing, Stage::Declaration { seen: 0 }))
        }
        [b'<', ..] => match scan::markup(bytes, 0)? {
            Markup::Unfinished => Ok((Found::Starved, stage)),
            Markup::EndTag => Err(FaultKind::MismatchedTag.at(0)),
            Markup::Cdata => Err(FaultKind::TextBeforeHeader.at(0)),
            Markup::StartTag => {
                assembler.clear(&Scope::default());
                Ok((Found::Nothing, Stage::Header))
            }
        },
        _ => Err(FaultKind::TextBeforeHeader.at(0)),
    }
}

fn in_declaration(text: &str, seen: usize) -> Result<(Found, Stage), Flaw> {
    let rest = text.as_bytes().get(seen..).unwrap_or_default();
    match memchr::memchr(b'>', rest) {
        None => Ok((Found::Starved, Stage::Declaration { seen: text.len() })),
        Some(found) => {
            let end = seen + found + 1;
            prolog::declaration(text.get(..end).unwrap_or_default())?;
            Ok((Found::Skip(end), Stage::Prolog))
        }
    }
}

/// The text up to a limit, cut between characters.
fn view(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
