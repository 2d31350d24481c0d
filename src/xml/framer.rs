//! From bytes to frames: the stream header, first-level elements, keepalives, the closing tag.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use super::fault::{Fault, FaultKind, Flaw};
use super::frame::{Frame, FrameKind};
use super::input::Input;
use super::limits::FrameLimits;
use super::names::Scope;
use super::quiet::{self, Quiet};
use super::reader::{Found, Reader, Stage};
use super::toplevel;

/// Cuts the bytes of a stream into frames and validates them (RFC 6120 sections 4, 11).
///
/// Bytes go in with [`push`](Self::push) or through [`window`](Self::window), which look for nothing.
/// [`poll`](Self::poll) finds the next frame, [`frame`](Self::frame) shows it; [`feed`](Self::feed) is both in one. The
/// same bytes give the same frames and the same fault, however they were split.
///
/// It holds at most the larger of [`FrameLimits::frame_bytes`] and [`FrameLimits::header_bytes`] plus two windows of 17
/// KiB, and what the tape of one element takes, which the other limits bound. Its buffers are overwritten when it is
/// dropped; what they left behind when they grew is not.
pub struct Framer {
    input: Input,
    reader: Reader,
    supply: Supply,
    /// The frame the last poll found, and its length in bytes.
    current: Option<(FrameKind, usize)>,
    /// Lasts only as long as the last poll found nothing and what came since is quiet.
    quiet: Quiet,
}

/// What the validated text has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// It was not looked at to its end.
    Unread,
    /// All of it was, and no frame is whole.
    Exhausted,
}

impl Framer {
    /// A framer that expects the start of a stream.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            input: Input::default(),
            reader: Reader::new(limits),
            supply: Supply::Unread,
            current: None,
            quiet: Quiet::default(),
        }
    }

    /// Other limits, from the next frame on.
    pub fn set_limits(&mut self, limits: FrameLimits) {
        self.quiet = Quiet::default();
        self.reader.set_limits(limits);
    }

    /// How many bytes [`push`](Self::push) would take now. At least 16384 (one TLS record) after a poll that found
    /// nothing, and while [`unread`](Self::unread) is empty; 0 only while frames wait to be polled.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.input.capacity(self.found())
    }

    /// Takes bytes and returns how many: the first [`capacity`](Self::capacity) ones.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        self.quiet.pause();
        match bytes {
            [byte] if self.supply == Supply::Exhausted && self.input.has_room() => {
                self.input.store(*byte);
                self.input.arrive(1);
                1
            }
            _ => self.store(bytes),
        }
    }

    /// Room for [`capacity`](Self::capacity) bytes, to be written into and then announced with
    /// [`pushed`](Self::pushed).
    pub fn window(&mut self) -> &mut [u8] {
        self.quiet.pause();
        self.input.window(self.found())
    }

    /// Says how many bytes were written to the front of [`window`](Self::window). More than it has are not counted.
    pub fn pushed(&mut self, n: usize) {
        self.quiet.pause();
        self.input.pushed(self.found(), n);
    }

    /// Releases the frame found before and finds the next. `None`: more bytes are needed.
    ///
    /// # Errors
    ///
    /// The first violation found, on this and every later call. Frames before it were returned before. A violation
    /// inside a tag shows when the tag is whole, any other at its first byte.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<FrameKind>, Fault> {
        if self.quiet.lasts() || self.glance() {
            return Ok(None);
        }
        self.find()
    }

    /// [`push`](Self::push) and [`poll`](Self::poll) in one: takes bytes off the front of `bytes` and finds the next
    /// frame. `None`: all of them were taken, and more are needed. The quickest way for bytes that come one by one.
    ///
    /// ```
    /// # use xmpp_stream::xml::{Fault, FrameLimits, Framer};
    /// # fn main() -> Result<(), Fault> {
    /// let mut framer = Framer::new(FrameLimits::default());
    /// for mut chunk in [&b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"[..], b"<a xm", b"lns='b'/>"] {
    ///     while let Some(kind) = framer.feed(&mut chunk)? {
    ///         println!("{kind:?}: {:?}", framer.frame());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`poll`](Self::poll).
    #[inline]
    pub fn feed(&mut self, bytes: &mut &[u8]) -> Result<Option<FrameKind>, Fault> {
        match *bytes {
            [byte] if self.input.has_room() && self.quiet.takes(*byte) => {
                self.input.store(*byte);
                *bytes = &[];
                Ok(None)
            }
            _ => {
                let (found, rest) = self.gather(bytes);
                *bytes = rest;
                found
            }
        }
    }

    #[inline(never)]
    fn gather<'b>(&mut self, mut bytes: &'b [u8]) -> (Result<Option<FrameKind>, Fault>, &'b [u8]) {
        loop {
            let taken = self.push(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            match self.poll() {
                Ok(None) if !bytes.is_empty() => {}
                found => return (found, bytes),
            }
        }
    }

    /// Whether all that has arrived since the last poll is quiet.
    #[inline]
    fn glance(&mut self) -> bool {
        if !self.quiet.resumes() {
            return false;
        }
        let quiet = self.input.is_lull() && self.quiet.take_all(self.input.arrived());
        match quiet {
            true => self.input.look(),
            false => self.quiet = Quiet::default(),
        }
        quiet
    }

    #[inline(never)]
    fn store(&mut self, bytes: &[u8]) -> usize {
        if self.quiet.is_paused() && self.input.is_lull() && bytes.len() <= quiet::FEW {
            self.input.put(bytes);
            return bytes.len();
        }
        // Otherwise all bytes become text at once, the quiet ones too.
        self.quiet = Quiet::default();
        let length = self.input.length();
        let taken = self.input.push(self.found(), bytes);
        if self.input.length() > length {
            self.supply = Supply::Unread;
        }
        taken
    }

    #[inline(never)] // Its frame would make the short way long.
    fn find(&mut self) -> Result<Option<FrameKind>, Fault> {
        if let Stage::Failed(fault) = self.reader.stage() {
            return Err(fault);
        }
        if let Some((_, length)) = self.current.take() {
            self.input.consume(length);
        }
        self.advance().map_err(|flaw| {
            let fault = flaw.from(self.input.position());
            self.reader.fail(fault);
            self.input.look();
            fault
        })
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<FrameKind>, Flaw> {
        loop {
            let limit = self.reader.byte_limit(self.input.position());
            if self.supply == Supply::Exhausted {
                if !self.refill(limit)? {
                    return Ok(None);
                }
                self.supply = Supply::Unread;
            }
            let controls = self.input.controls();
            match self.reader.step(self.input.text(), controls, limit)? {
                Found::Frame(kind, length) => {
                    self.current = Some((kind, length));
                    return Ok(Some(kind));
                }
                Found::Skip(length) => self.input.consume(length),
                Found::Nothing => {}
                Found::Starved => self.supply = Supply::Exhausted,
            }
        }
    }

    /// The frame the last poll found.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        let (kind, length) = self.current?;
        let text = self.input.text().get(..length).unwrap_or_default();
        Some(self.reader.frame(kind, text))
    }

    /// The bytes behind the current frame, not yet looked at; without a current frame, what was pushed since the last
    /// poll. Copied where they lie in two places, which [`has_unread`](Self::has_unread) spares.
    #[must_use]
    pub fn unread(&self) -> Cow<'_, [u8]> {
        self.input.unread(self.found())
    }

    /// Whether there are any [`unread`](Self::unread) bytes.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.input.has_unread(self.found())
    }

    /// Moves the unread bytes out, for the layer that comes next (TLS). The current frame stays readable.
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.quiet = Quiet::default();
        self.input.take_unread(self.found())
    }

    /// Expects a new stream header (RFC 6120 section 4.3.3): the header, its namespaces, the current or unfinished
    /// frame and all other parser state are forgotten and overwritten. Unread bytes stay. After a fault nothing starts
    /// again.
    pub fn restart(&mut self) {
        self.quiet = Quiet::default();
        self.input.restart(self.found());
        self.current = None;
        self.supply = Supply::Unread;
        self.reader.restart();
    }

    /// Gives back memory that is not in use: for connections that fall idle. Otherwise buffers keep the size the largest
    /// frame needed.
    pub fn shrink(&mut self) {
        self.input.shrink();
        self.reader.shrink(self.current.map(|(kind, _)| kind));
    }

    /// Whether bytes are held that belong to no whole frame found so far: if the transport ends now, something was cut.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.input.held() > self.current.map_or(0, |(_, length)| length)
    }

    /// The namespaces the stream header declares; empty before it was read.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        self.reader.scope()
    }

    /// Validates more bytes of the frame, which may have `limit`. `false`: there are none.
    fn refill(&mut self, limit: usize) -> Result<bool, Flaw> {
        let length = self.input.length();
        // With as many bytes as a frame may have and no end, a fault is due.
        let Some(room) = limit.checked_sub(length + 1) else {
            return Err(FaultKind::Limit(self.reader.limited()).at(limit));
        };
        if self.input.refill() {
            return Ok(true);
        }
        let Some(flaw) = self.input.wrong() else {
            // What may come next without being looked at at once?
            if self.input.lull(room) {
                self.quiet = Quiet::new(self.reader.place(length));
            }
            return Ok(false);
        };
        Err(match self.reader.stage() {
            Stage::Start if toplevel::is_foreign_encoding(self.input.text(), self.input.next()) => {
                FaultKind::UnsupportedEncoding.at(0)
            }
            _ => flaw,
        })
    }

    fn found(&self) -> Option<usize> {
        self.current.map(|(_, length)| length)
    }
}

impl fmt::Debug for Framer {
    /// Without content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("stage", &self.reader.stage())
            .field("current", &self.current)
            .field("held", &self.input.held())
            .finish_non_exhaustive()
    }
}
