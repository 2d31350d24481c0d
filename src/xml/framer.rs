//! The framer: takes the bytes of a stream and yields the header, first-level elements, keepalives
//! and the closing tag.
//!
//! This file joins the three parts that do the work: [`InputBuffer`] holds bytes, [`StreamParser`]
//! reads them, [`FastPath`] spares it for chunks of a few bytes. Only the order in which they are
//! called belongs here.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use super::error::{RelativeError, XmlError, XmlErrorKind};
use super::fast_path::{self, FastPath};
use super::frame::{Frame, FrameKind};
use super::input_buffer::InputBuffer;
use super::limits::FrameLimits;
use super::scope::Scope;
use super::start_tag::StartTag;
use super::stream_parser::{Step, StreamParser, StreamState};
use super::top_level;

/// Cuts the bytes of a stream into frames and validates them (RFC 6120 4 and 11).
///
/// Bytes go in with [`push`](Self::push) or through [`window`](Self::window), neither of which
/// parses them. [`poll`](Self::poll) finds the next frame and [`frame`](Self::frame) shows it;
/// [`feed`](Self::feed) does both in one call. The same bytes give the same frames and the same
/// error, however they were split.
///
/// A framer holds at most the larger of [`FrameLimits::frame_bytes`] and
/// [`FrameLimits::header_bytes`] plus two windows of 17 KiB, and what the tape of one element
/// takes, which the other limits bound. Its buffers are overwritten when it is dropped; the
/// allocations that they outgrew are not.
pub struct Framer {
    input: InputBuffer,
    parser: StreamParser,
    input_state: InputState,
    /// How many bytes were pushed last: few, and the next ones may be few as well.
    last_push: usize,
    /// The frame that the last poll found, and its length in bytes.
    current: Option<(FrameKind, usize)>,
    /// Active only as long as the last poll found nothing and all bytes since are inert.
    fast_path: FastPath,
}

/// How far the validated text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputState {
    /// It was not read to its end.
    Unread,
    /// All of it was read, and it holds no complete frame.
    Exhausted,
}

impl Framer {
    /// Creates a framer that expects the start of a stream.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            input: InputBuffer::default(),
            parser: StreamParser::new(limits),
            input_state: InputState::Unread,
            last_push: usize::MAX,
            current: None,
            fast_path: FastPath::default(),
        }
    }

    /// Sets other limits, which hold from the next frame on.
    pub fn set_limits(&mut self, limits: FrameLimits) {
        self.fast_path = FastPath::default();
        self.parser.set_limits(limits);
    }

    /// Returns how many bytes [`push`](Self::push) would take now. It is at least 16384 (one TLS
    /// record) after a poll that found nothing and while [`unread`](Self::unread) is empty, and 0
    /// only while frames wait to be polled.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.input.capacity(self.frame_length())
    }

    /// Takes bytes and returns how many: the first [`capacity`](Self::capacity) ones.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        self.fast_path.suspend();
        // What is stored here is validated by the next poll, together with what was stored before.
        if bytes.len() <= fast_path::BATCH_MAX
            && self.input_state == InputState::Exhausted
            && self.input.push_pending(bytes)
        {
            self.last_push = bytes.len();
            return bytes.len();
        }
        self.push_slowly(bytes)
    }

    /// Returns room for [`capacity`](Self::capacity) bytes, to be written to and then announced
    /// with [`pushed`](Self::pushed). Bytes that are not announced are not wiped with the others.
    pub fn window(&mut self) -> &mut [u8] {
        self.fast_path.suspend();
        self.input.window(self.frame_length())
    }

    /// Announces how many bytes were written to the front of [`window`](Self::window). More than it
    /// has are not counted.
    pub fn pushed(&mut self, n: usize) {
        self.fast_path.suspend();
        self.input.pushed(self.frame_length(), n);
    }

    /// Releases the current frame and finds the next. Returns `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// Returns the first violation found, on this and every later call. Frames before it were
    /// returned before. A violation inside a tag shows when the tag is complete, any other at its
    /// first byte.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<FrameKind>, XmlError> {
        if self.fast_path.is_active() || self.try_fast_path() {
            return Ok(None);
        }
        self.poll_parser()
    }

    /// Does what [`push`](Self::push) and [`poll`](Self::poll) do in one call: takes bytes off the
    /// front of `bytes` and finds the next frame. Returns `None` if all of them were taken and more
    /// are needed. It is the cheapest way for chunks of a few bytes.
    ///
    /// ```
    /// # use xmpp_stream::xml::{XmlError, FrameLimits, Framer};
    /// # fn main() -> Result<(), XmlError> {
    /// let mut framer = Framer::new(FrameLimits::default());
    /// let header = &b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"[..];
    /// for mut chunk in [header, b"<a xm", b"lns='b'/>"] {
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
    pub fn feed(&mut self, bytes: &mut &[u8]) -> Result<Option<FrameKind>, XmlError> {
        match *bytes {
            [byte] if self.input.has_room() && self.fast_path.accepts(*byte) => {
                self.input.push_inert(*byte);
                *bytes = &[];
                Ok(None)
            }
            // Pairs have an arm of their own, because a call would cost more than they do.
            [first, second]
                if self.input.has_room_for(2) && self.fast_path.accepts_pair(*first, *second) =>
            {
                self.input.push_inert(*first);
                self.input.push_inert(*second);
                *bytes = &[];
                Ok(None)
            }
            [_, _, _, ..]
                if bytes.len() <= fast_path::BATCH_MAX
                    && self.input.push_inert_bytes(bytes, &mut self.fast_path) =>
            {
                *bytes = &[];
                Ok(None)
            }
            _ => {
                let (result, rest) = self.feed_chunk(bytes);
                *bytes = rest;
                result
            }
        }
    }

    #[inline(never)] // Its stack frame would burden the fast path.
    fn feed_chunk<'b>(
        &mut self,
        mut bytes: &'b [u8],
    ) -> (Result<Option<FrameKind>, XmlError>, &'b [u8]) {
        loop {
            let taken = self.push(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            match self.poll() {
                Ok(None) if !bytes.is_empty() => {}
                result => return (result, bytes),
            }
        }
    }

    #[inline]
    fn try_fast_path(&mut self) -> bool {
        if !self.fast_path.resume() {
            return false;
        }
        let accepted =
            self.input.has_fast_path_room() && self.fast_path.accepts_all(self.input.unscanned());
        match accepted {
            true => self.input.mark_scanned(),
            false => self.fast_path = FastPath::default(),
        }
        accepted
    }

    #[inline(never)]
    fn push_slowly(&mut self, bytes: &[u8]) -> usize {
        // All bytes become text at once, the inert ones too.
        self.fast_path = FastPath::default();
        self.last_push = bytes.len();
        let length = self.input.length();
        let taken = self.input.push(self.frame_length(), bytes);
        if self.input.length() > length {
            self.input_state = InputState::Unread;
        }
        taken
    }

    #[inline(never)] // Its stack frame would burden the fast path.
    fn poll_parser(&mut self) -> Result<Option<FrameKind>, XmlError> {
        if let StreamState::Failed(fault) = self.parser.state() {
            return Err(fault);
        }
        self.release_frame();
        self.advance().map_err(|error| {
            let fault = error.from(self.input.position());
            self.parser.fail(fault);
            self.input.mark_scanned();
            fault
        })
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<FrameKind>, RelativeError> {
        loop {
            let limit = self.parser.byte_limit(self.input.position());
            if self.input_state == InputState::Exhausted {
                if !self.refill(limit)? {
                    return Ok(None);
                }
                self.input_state = InputState::Unread;
            }
            let controls = self.input.controls();
            match self.parser.step(self.input.text(), controls, limit)? {
                Step::Frame(kind, length) => {
                    self.current = Some((kind, length));
                    return Ok(Some(kind));
                }
                Step::Skip(length) => self.input.consume(length),
                Step::StateChanged => {}
                Step::NeedMore => self.input_state = InputState::Exhausted,
            }
        }
    }

    /// Returns the frame that the last poll found.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        let (kind, length) = self.current?;
        let text = self.input.text().get(..length).unwrap_or_default();
        Some(self.parser.frame(kind, text))
    }

    /// Returns the start tag of the first-level element that has begun and whose end the last poll
    /// did not find. `None` if none has begun, if the tag itself is not complete, and while there
    /// is a current frame.
    ///
    /// Ask after a poll that found nothing: an element that cannot become legal can then be refused
    /// at its start tag. A `<stream:stream>` within an established stream, for example, has no end
    /// to wait for. It is also shown after an error within the element, because the answer must not
    /// depend on how much had arrived. The tag is shown with the byte that completes it, however the bytes were split;
    /// asking costs nothing where there is none.
    ///
    /// ```
    /// # use xmpp_stream::xml::{XmlError, FrameLimits, Framer};
    /// # fn main() -> Result<(), XmlError> {
    /// const STREAMS: &str = "http://etherx.jabber.org/streams";
    /// let mut framer = Framer::new(FrameLimits::default());
    /// let mut bytes = &b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"[..];
    /// assert!(framer.feed(&mut bytes)?.is_some());
    /// let mut again = &b"<stream:stream to='example.org'>"[..];
    /// assert!(framer.feed(&mut again)?.is_none());
    /// assert!(framer.pending_start_tag().is_some_and(|tag| tag.is("stream", STREAMS)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pending_start_tag(&self) -> Option<StartTag<'_>> {
        match self.current {
            None => self.parser.pending_start_tag(self.input.text()),
            Some(_) => None,
        }
    }

    /// Returns the bytes after the current frame, which were not scanned; without a current frame,
    /// what was pushed since the last poll. They are copied where they lie in two places;
    /// [`has_unread`](Self::has_unread) never copies.
    #[must_use]
    pub fn unread(&self) -> Cow<'_, [u8]> {
        self.input.unread(self.frame_length())
    }

    /// Returns whether there are any [`unread`](Self::unread) bytes.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.input.has_unread(self.frame_length())
    }

    /// Moves the unread bytes out, for the layer that comes next (TLS). The current frame stays
    /// readable.
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.fast_path = FastPath::default();
        self.input.take_unread(self.frame_length())
    }

    /// Expects a new stream header (RFC 6120 4.3.3). The header, its namespaces, the current or
    /// unfinished frame and all other parser state are discarded and overwritten. Unread bytes
    /// stay, and white space that they begin with is skipped, also before an XML declaration,
    /// because it belongs to the stream before. After an error a restart has no effect.
    pub fn restart(&mut self) {
        self.fast_path = FastPath::default();
        self.input.restart(self.frame_length());
        self.current = None;
        self.input_state = InputState::Unread;
        self.parser.restart();
    }

    /// Starts over, as a new framer would, with these limits: for the next layer (TLS). Unread bytes
    /// are to be [taken](Self::take_unread) before. What was read is wiped; small buffers are used
    /// again.
    pub(crate) fn reset(&mut self, limits: FrameLimits) {
        self.restart();
        self.parser.reset(limits);
    }

    /// Returns the kind of the current frame.
    pub(crate) fn frame_kind(&self) -> Option<FrameKind> {
        self.current.map(|(kind, _)| kind)
    }

    /// Gives up the current frame before the next poll does.
    pub(crate) fn release_frame(&mut self) {
        if let Some((_, length)) = self.current.take() {
            self.input.consume(length);
        }
    }

    /// Returns how many bytes are allocated for what was received.
    pub(crate) fn allocated(&self) -> usize {
        self.input.allocated() + self.parser.allocated()
    }

    /// Releases memory that is not in use, for connections that become idle. Otherwise buffers keep
    /// the size that the largest frame needed.
    pub fn shrink(&mut self) {
        self.input.shrink();
        self.parser.shrink(self.current.map(|(kind, _)| kind));
    }

    /// Returns whether bytes are held that belong to no complete frame found so far: if the
    /// transport ends now, something was cut.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.input.held() > self.current.map_or(0, |(_, length)| length)
    }

    /// Returns the namespaces that the stream header declares; it is empty before the header was
    /// read.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        self.parser.scope()
    }

    /// Validates more bytes of the frame, which may have `limit` bytes. Returns `false` if there
    /// are none.
    fn refill(&mut self, limit: usize) -> Result<bool, RelativeError> {
        let length = self.input.length();
        // A frame without an end that has as many bytes as it may have is an error.
        let Some(room) = limit.checked_sub(length + 1) else {
            return Err(XmlErrorKind::Limit(self.parser.exceeded_limit()).at(limit));
        };
        if self.input.refill() {
            return Ok(true);
        }
        let Some(error) = self.input.error_after_text() else {
            // The next bytes need no parser as long as they are inert. Room for them is reserved
            // where bytes come a few at a time, which from a TLS record they do not.
            if self.last_push > fast_path::BATCH_MAX {
                self.input.mark_scanned();
            } else if self.input.reserve_fast_path(room) {
                self.fast_path = FastPath::new(self.parser.fast_state(length));
            }
            return Ok(false);
        };
        Err(match self.parser.state() {
            StreamState::Start | StreamState::Restart
                if top_level::is_foreign_encoding(
                    self.input.text(),
                    self.input.byte_after_text(),
                ) =>
            {
                XmlErrorKind::UnsupportedEncoding.at(0)
            }
            StreamState::Start
                if top_level::is_tls(self.input.text(), self.input.byte_after_text()) =>
            {
                XmlErrorKind::TlsRecord.at(0)
            }
            _ => error,
        })
    }

    fn frame_length(&self) -> Option<usize> {
        self.current.map(|(_, length)| length)
    }
}

impl fmt::Debug for Framer {
    /// Shows no content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("stage", &self.parser.state())
            .field("current", &self.current)
            .field("held", &self.input.held())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::XmlErrorKind as K;

    const HEADER: &str = "<s:stream xmlns='a' xmlns:s='http://etherx.jabber.org/streams'>";

    fn after(texts: &[&str]) -> Framer {
        let mut framer = Framer::new(FrameLimits::default());
        for text in texts {
            let mut bytes = text.as_bytes();
            while framer.feed(&mut bytes).expect("well-formed").is_some() {}
        }
        framer
    }

    #[test]
    fn a_closing_tag_has_to_match_the_header_also_when_its_memory_was_released() {
        for (footer, expected) in [
            ("</s:stream>", Ok(Some(FrameKind::Footer))),
            ("</stream>", Err(K::MismatchedTag)),
            ("</t:stream>", Err(K::MismatchedTag)),
            ("</>", Err(K::Syntax)),
        ] {
            for releases in 0..3 {
                let mut framer = after(&[HEADER, "<e/>"]);
                for _ in 0..releases {
                    framer.release_frame();
                    framer.shrink();
                }
                let found = framer.feed(&mut footer.as_bytes());
                let found = found.map_err(|error| error.kind);
                assert_eq!(found, expected, "{footer}, released {releases} times");
            }
        }
    }

    #[test]
    fn a_header_that_is_the_current_frame_stays_when_memory_is_released() {
        let mut framer = Framer::new(FrameLimits::default());
        framer.push(HEADER.as_bytes());
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
        framer.shrink();
        let Some(Frame::Header(header)) = framer.frame() else {
            panic!("{framer:?}");
        };
        assert_eq!(header.as_str(), HEADER);
        assert_eq!(header.content_ns(), Some("a"));
    }

    #[test]
    fn a_framer_that_was_reset_reads_as_a_new_one() {
        let used = || {
            let mut framer = after(&[HEADER, "<e xmlns:p='urn:p'><p:f/>"]);
            framer.reset(FrameLimits::default());
            framer
        };
        assert!(used().scope().iter().next().is_none() && !used().is_partial());
        // After a mere restart the white space would belong to the stream before.
        let declaration = "<?xml version='1.0'?>";
        for text in [
            [" ", declaration, HEADER],
            [declaration, HEADER, "<p:e/>"],
            [HEADER, "<e/>", "</s:stream>"],
            [HEADER, "<s:e/>", "<f"],
            ["<a>", "<s:e/>", ""],
        ] {
            let (mut used, mut new) = (used(), Framer::new(FrameLimits::default()));
            let text = text.concat();
            let (mut to_used, mut to_new) = (text.as_bytes(), text.as_bytes());
            loop {
                let found = used.feed(&mut to_used);
                assert_eq!(found, new.feed(&mut to_new), "{text}");
                assert_eq!(
                    alloc::format!("{:?}", used.frame()),
                    alloc::format!("{:?}", new.frame())
                );
                if !matches!(found, Ok(Some(_))) {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_stream_after_a_restart_allocates_no_buffer_anew_unless_its_header_was_large() {
        let place = |framer: &Framer| core::ptr::from_ref(framer.scope());
        let mut framer = after(&[HEADER, "<e/>"]);
        let before = place(&framer);
        framer.restart();
        assert_eq!(framer.scope().iter().count(), 0);
        let mut header = HEADER.as_bytes();
        assert_eq!(framer.feed(&mut header), Ok(Some(FrameKind::Header)));
        assert_eq!(place(&framer), before);
        let wide = alloc::format!("<s a='{}'>", "x".repeat(4000));
        let mut framer = after(&[&wide, "<e/>"]);
        assert!(framer.parser.allocated() > 4000);
        framer.restart();
        assert!(framer.parser.allocated() < 1000);
    }
}
