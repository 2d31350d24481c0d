//! The buffers of a framer: validated text, and bytes that are not part of it yet.
//!
//! Bytes that arrive when everything before them was read are validated in long runs and appended
//! to `text`: that is the only time they are copied. Everything later works on `str` slices without
//! validating again. What cannot be appended waits in `raw`: bytes that arrive while others are
//! still to be read, the start of a character, inert bytes (see [`fast_path`]), and what is not
//! UTF-8 at all, which either belongs to the next layer (TLS) or is an error. A change here has to
//! keep "validated once, copied once".

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use super::chars::{self, Controls};
use super::error::{RelativeError, XmlErrorKind};
use super::fast_path::{self, FastPath};

/// A TLS record's plaintext has at most 2^14 bytes (RFC 8446 5.1). One record always fits after the
/// inert bytes and the unfinished character that may be left from before.
const RAW_BYTES: usize = 16_384 + fast_path::PENDING_MAX + 64;

/// The least room for text, in bytes, so that the elements of a negotiation fit without growing it.
const LEAST_TEXT: usize = 512;

/// The received bytes that were not consumed.
pub(crate) struct InputBuffer {
    /// Validated text: earlier frames, the current frame and what follows it.
    text: String,
    /// The offset of the current frame in `text`.
    start: usize,
    /// The offset of the current frame in the stream.
    position: u64,
    /// How many bytes of the text, from `start` on, were scanned without finding a frame.
    scanned: usize,
    /// The control characters that the text may hold.
    controls: Controls,
    /// The first `filled` bytes follow the text in the stream; the others are room.
    raw: Vec<u8>,
    filled: usize,
    /// How many of the filled bytes, counted from their end, were not scanned. The others are
    /// inert, or the start of a character.
    unscanned: usize,
    /// How many bytes at the start of `raw` held received bytes at some time before `filled` last
    /// became smaller. They are wiped before their memory is given back.
    used: usize,
    /// The length of `raw` that was reserved for inert bytes.
    room: usize,
    /// The error of the bytes that follow the text.
    error_after_text: Option<XmlErrorKind>,
}

impl Default for InputBuffer {
    fn default() -> Self {
        Self {
            text: String::new(),
            start: 0,
            position: 0,
            scanned: 0,
            controls: Controls::None,
            raw: Vec::new(),
            filled: 0,
            unscanned: 0,
            used: 0,
            room: 0,
            error_after_text: None,
        }
    }
}

/// The length of the current frame, if there is one.
pub(crate) type FrameLength = Option<usize>;

impl InputBuffer {
    /// Returns how many bytes there is room for. What is unread, text or not, is one window at
    /// most.
    pub(crate) fn capacity(&self, frame: FrameLength) -> usize {
        let (text, _) = self.unread_parts(frame);
        RAW_BYTES.saturating_sub(self.filled + text.len())
    }

    /// Takes as many bytes as there is room for and returns how many. They become text if all
    /// before them was scanned.
    pub(crate) fn push(&mut self, frame: FrameLength, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.capacity(frame));
        let bytes = bytes.get(..taken).unwrap_or_default();
        // Bytes after the start of a character wait for the next refill, which validates both.
        if self.has_unread(frame) || self.filled > 0 {
            self.store(bytes);
            return taken;
        }
        self.discard_consumed();
        self.scanned = self.length();
        let taken_in = self.append(bytes);
        self.store(bytes.get(taken_in..).unwrap_or_default());
        taken
    }

    /// Stores bytes without validating them. There must be room.
    pub(crate) fn store(&mut self, bytes: &[u8]) {
        if self.raw.len() == RAW_BYTES {
            self.raw.truncate(self.filled.max(fast_path::PENDING_MAX));
        }
        let end = self.filled + bytes.len();
        if let Some(room) = self.raw.get_mut(self.filled..end) {
            room.copy_from_slice(bytes);
        } else {
            self.raw.truncate(self.filled);
            self.raw.extend_from_slice(bytes);
        }
        self.filled = end;
        self.unscanned += bytes.len();
    }

    /// Returns whether [`push_inert`](Self::push_inert) has room, which
    /// [`reserve_fast_path`](Self::reserve_fast_path) made. The answer holds only while no text is
    /// unread.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.filled < self.raw.len()
    }

    /// Stores one inert byte.
    #[inline]
    pub(crate) fn push_inert(&mut self, byte: u8) {
        if let Some(place) = self.raw.get_mut(self.filled) {
            *place = byte;
            self.filled += 1;
        }
    }

    /// Returns whether [`push_inert`](Self::push_inert) has room for `n` bytes.
    #[inline]
    pub(crate) fn has_room_for(&self, n: usize) -> bool {
        self.filled + n <= self.raw.len()
    }

    /// Stores bytes if `fast_path` accepts all of them and there is room. Otherwise it returns
    /// `false` and stores nothing.
    #[inline(never)] // Inlined, it would burden the callers that feed single bytes.
    pub(crate) fn push_inert_bytes(&mut self, bytes: &[u8], fast_path: &mut FastPath) -> bool {
        let end = self.filled + bytes.len();
        let Some(room) = self.raw.get_mut(self.filled..end) else {
            return false;
        };
        if !fast_path.copy_inert(bytes, room) {
            return false;
        }
        self.filled = end;
        true
    }

    /// Stores a few bytes that were not scanned. Returns `false`, and stores nothing, if there is
    /// no room.
    #[inline]
    pub(crate) fn push_pending(&mut self, bytes: &[u8]) -> bool {
        let room = self.raw.get_mut(self.filled..).unwrap_or_default();
        if room.len() < bytes.len() {
            return false;
        }
        for (place, &byte) in room.iter_mut().zip(bytes) {
            *place = byte;
        }
        self.filled += bytes.len();
        self.unscanned += bytes.len();
        true
    }

    pub(crate) fn window(&mut self, frame: FrameLength) -> &mut [u8] {
        self.raw.resize(self.filled + self.capacity(frame), 0);
        self.raw.get_mut(self.filled..).unwrap_or_default()
    }

    pub(crate) fn pushed(&mut self, frame: FrameLength, n: usize) {
        let room = self.raw.len().saturating_sub(self.filled);
        let n = n.min(room).min(self.capacity(frame));
        self.filled += n;
        self.unscanned += n;
    }

    /// Returns the validated text from the start of the current frame on.
    pub(crate) fn text(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// Returns the length of [`text`](Self::text).
    pub(crate) fn length(&self) -> usize {
        self.text.len().saturating_sub(self.start)
    }

    /// Returns the control characters that the text may hold.
    pub(crate) fn controls(&self) -> Controls {
        self.controls
    }

    /// Returns the offset of the current frame in the stream.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Moves the start of the current frame by `n` bytes.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        self.position += n as u64;
        self.scanned = self.scanned.saturating_sub(n);
    }

    /// Validates the bytes that have arrived since and appends them to the text. Returns `false` if
    /// there are none. May be called only when all of the text was scanned and holds no complete
    /// frame.
    #[inline]
    pub(crate) fn refill(&mut self) -> bool {
        self.filled > 0 && self.error_after_text.is_none() && self.validate_raw()
    }

    fn validate_raw(&mut self) -> bool {
        self.discard_consumed();
        let raw = core::mem::take(&mut self.raw);
        let n = self.append(raw.get(..self.filled).unwrap_or_default());
        self.raw = raw;
        if n < self.filled {
            self.raw.copy_within(n..self.filled, 0);
        }
        self.set_filled(self.filled - n);
        self.unscanned = self.filled;
        self.scanned = self.length();
        n > 0
    }

    /// Validates bytes and appends those that are valid, whose number it returns.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let valid = chars::validate(bytes);
        if self.text.capacity() == 0 && !bytes.is_empty() {
            self.text.reserve(bytes.len().max(LEAST_TEXT));
        }
        self.text.push_str(valid.text);
        self.error_after_text = valid.error;
        self.controls = self.controls.max(valid.controls);
        valid.text.len()
    }

    /// Discards the text of earlier frames. What follows them is moved once at most, because its
    /// frame then starts at 0.
    fn discard_consumed(&mut self) {
        if self.start > 0 {
            self.text.drain(..self.start);
            self.start = 0;
        }
        if self.text.is_empty() {
            self.controls = Controls::None;
        }
    }

    /// Reserves room for at most `room` inert bytes; to be called after [`refill`](Self::refill)
    /// found nothing. Returns `false` if no inert bytes may be stored.
    pub(crate) fn reserve_fast_path(&mut self, room: usize) -> bool {
        self.mark_scanned();
        // The start of a character is not inert, and a caller that asked for a window uses it.
        if self.filled > 0 || self.raw.len() == RAW_BYTES {
            return false;
        }
        self.room = room.min(fast_path::PENDING_MAX);
        if self.raw.len() != self.room {
            self.raw.resize(self.room, 0);
        }
        true
    }

    /// Returns whether the reserved room was enough for what was stored since.
    pub(crate) fn has_fast_path_room(&self) -> bool {
        self.raw.len() == self.room
    }

    /// Returns the bytes after the text that were not scanned.
    pub(crate) fn unscanned(&self) -> &[u8] {
        self.raw
            .get(self.filled.saturating_sub(self.unscanned)..self.filled)
            .unwrap_or_default()
    }

    /// Records that everything was scanned.
    pub(crate) fn mark_scanned(&mut self) {
        self.unscanned = 0;
        self.scanned = self.length();
    }

    /// Returns the error of the bytes after the text, relative to the start of the frame.
    pub(crate) fn error_after_text(&self) -> Option<RelativeError> {
        self.error_after_text.map(|kind| kind.at(self.length()))
    }

    /// Returns the byte after the text.
    pub(crate) fn byte_after_text(&self) -> Option<u8> {
        let rest = self.raw.get(..self.filled)?;
        rest.first().copied()
    }

    /// Returns whether there is anything after the current frame or, without one, anything that was
    /// not scanned.
    pub(crate) fn has_unread(&self, frame: FrameLength) -> bool {
        let (text, raw) = self.unread_parts(frame);
        !text.is_empty() || !raw.is_empty()
    }

    /// Returns what follows the current frame or, without one, what was not scanned.
    pub(crate) fn unread(&self, frame: FrameLength) -> Cow<'_, [u8]> {
        match self.unread_parts(frame) {
            (text, []) => Cow::Borrowed(text),
            ([], raw) => Cow::Borrowed(raw),
            (text, raw) => Cow::Owned([text, raw].concat()),
        }
    }

    fn unread_parts(&self, frame: FrameLength) -> (&[u8], &[u8]) {
        let text = self.text().as_bytes();
        match frame {
            Some(length) => (
                text.get(length..).unwrap_or_default(),
                self.raw.get(..self.filled).unwrap_or_default(),
            ),
            None => (
                text.get(self.scanned..).unwrap_or_default(),
                self.unscanned(),
            ),
        }
    }

    /// Discards and wipes everything except what is unread; positions start again at 0.
    pub(crate) fn restart(&mut self, frame: FrameLength) {
        let kept = self.take_unread(frame);
        self.wipe();
        *self = Self {
            text: core::mem::take(&mut self.text),
            filled: kept.len(),
            unscanned: kept.len(),
            raw: kept,
            ..Self::default()
        };
    }

    /// Moves out what is unread. The current frame stays readable.
    pub(crate) fn take_unread(&mut self, frame: FrameLength) -> Vec<u8> {
        let taken = self.unread(frame).into_owned();
        let kept = match frame {
            Some(_) => 0,
            None => self.filled.saturating_sub(self.unscanned),
        };
        self.set_filled(kept);
        self.unscanned = 0;
        self.text
            .truncate(self.start + frame.unwrap_or(self.scanned));
        self.error_after_text = None;
        taken
    }

    /// Returns how many bytes are allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.raw.capacity() + self.text.capacity()
    }

    /// Releases memory that is not in use, and wipes it before.
    pub(crate) fn shrink(&mut self) {
        self.discard_consumed();
        if self.raw.capacity() > self.filled || self.text.capacity() > self.text.len() {
            let raw = self.raw.get(..self.filled).unwrap_or_default().to_vec();
            let text = self.text.clone();
            self.wipe();
            (self.raw, self.text, self.used) = (raw, text, 0);
        }
    }

    /// Wipes and discards everything. What a caller has never announced with
    /// [`pushed`](Self::pushed) is no received byte: wiping the whole window would cost every
    /// connection that leaves plaintext for TLS more than all else it does before.
    fn wipe(&mut self) {
        let used = self.used.max(self.filled).min(self.raw.capacity());
        self.raw.clear();
        if let Some(used) = self.raw.spare_capacity_mut().get_mut(..used) {
            used.zeroize();
        }
        self.text.zeroize();
    }

    fn set_filled(&mut self, filled: usize) {
        self.used = self.used.max(self.filled);
        self.filled = filled;
    }

    pub(crate) fn held(&self) -> usize {
        self.length() + self.filled
    }
}

impl Drop for InputBuffer {
    /// Wipes the buffers, because a password on its way to SASL may be in them.
    fn drop(&mut self) {
        self.wipe();
    }
}
