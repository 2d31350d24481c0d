//! Buffers: bytes as they came, and the validated text the framer reads.
//!
//! What arrives is kept twice for a short time. `raw` holds it as bytes, so that what stands behind a frame can be
//! handed over untouched (to TLS, which is not UTF-8). `text` holds the part that was validated: each byte is checked
//! once, in long runs, and everything behind works on `str` slices without checking again.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use super::chars::{self, Controls};
use super::fault::{FaultKind, Flaw};
use super::quiet;

/// A TLS record's plaintext is at most 2^14 bytes (RFC 8446 section 5.1); one always fits behind the quiet bytes and the
/// unfinished character that may be left from before.
const RAW_BYTES: usize = 16_384 + quiet::MOST + 64;

/// See the module documentation.
pub(crate) struct Input {
    /// `filled` bytes received and not yet done with. What is longer is room for [`Input::window`].
    raw: Vec<u8>,
    filled: usize,
    /// How many of them were validated and copied: they are the end of `text`.
    copied: usize,
    /// How many of them, at the end, were not looked at. The others were copied, or are quiet or the start of a character.
    arrived: usize,
    /// How many of them may be quiet.
    room: usize,
    text: String,
    /// Where the current frame starts in `text`.
    start: usize,
    /// Where it starts in the stream.
    position: u64,
    /// What is wrong with the bytes behind `text`.
    wrong: Option<FaultKind>,
    /// Whether `text` may hold control characters.
    controls: Controls,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            raw: Vec::new(),
            filled: 0,
            copied: 0,
            arrived: 0,
            room: 0,
            text: String::new(),
            start: 0,
            position: 0,
            wrong: None,
            controls: Controls::None,
        }
    }
}

impl Input {
    /// How much there is room for, when the first `n` bytes of the current frame were read.
    pub(crate) fn capacity(&self, n: usize) -> usize {
        if self.is_settled(n) {
            RAW_BYTES
        } else {
            RAW_BYTES.saturating_sub(self.filled)
        }
    }

    pub(crate) fn push(&mut self, n: usize, bytes: &[u8]) -> usize {
        self.settle(n);
        let taken = bytes.len().min(RAW_BYTES.saturating_sub(self.filled));
        let bytes = bytes.get(..taken).unwrap_or_default();
        let end = self.filled + taken;
        if self.raw.len() == RAW_BYTES {
            self.raw.truncate(self.filled.max(quiet::MOST));
        }
        if let Some(room) = self.raw.get_mut(self.filled..end) {
            room.copy_from_slice(bytes);
        } else {
            self.raw.truncate(self.filled);
            self.raw.extend_from_slice(bytes);
        }
        self.filled = end;
        self.arrived += taken;
        taken
    }

    /// Whether [`store`](Self::store) has room, which [`lull`](Self::lull) made.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.filled < self.raw.len()
    }

    /// Stores one quiet byte.
    #[inline]
    pub(crate) fn store(&mut self, byte: u8) {
        if let Some(place) = self.raw.get_mut(self.filled) {
            *place = byte;
            self.filled += 1;
        }
    }

    pub(crate) fn window(&mut self, n: usize) -> &mut [u8] {
        self.settle(n);
        self.raw.resize(RAW_BYTES.max(self.filled), 0);
        self.raw.get_mut(self.filled..).unwrap_or_default()
    }

    pub(crate) fn pushed(&mut self, n: usize) {
        let n = n.min(self.raw.len().saturating_sub(self.filled));
        self.filled += n;
        self.arrived += n;
    }

    /// The validated text from the start of the current frame.
    pub(crate) fn text(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// How long [`text`](Self::text) is.
    pub(crate) fn length(&self) -> usize {
        self.text.len().saturating_sub(self.start)
    }

    /// Whether the text may hold control characters.
    pub(crate) fn controls(&self) -> Controls {
        self.controls
    }

    /// Where the current frame starts in the stream.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Moves the start of the current frame on.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        self.position += n as u64;
    }

    /// Validates what has arrived since. `false`: nothing new. Only to be called when all of the text was read and
    /// holds no whole frame: from here on `unread` cannot tell what stood behind a place in it.
    #[inline]
    pub(crate) fn refill(&mut self) -> bool {
        if self.copied < self.filled {
            return self.take_in();
        }
        self.filled = 0;
        self.copied = 0;
        self.arrived = 0;
        false
    }

    fn take_in(&mut self) -> bool {
        if self.start > 0 {
            // Each byte is moved once at most: the frame it belongs to then starts at 0.
            self.text.drain(..self.start);
            self.start = 0;
        }
        if self.text.is_empty() {
            self.controls = Controls::None;
        }
        if self.copied > 0 {
            self.raw.copy_within(self.copied..self.filled, 0);
            self.filled -= self.copied;
            self.copied = 0;
        }
        self.arrived = self.filled;
        if self.wrong.is_some() {
            return false;
        }
        let valid = chars::validate(self.raw.get(..self.filled).unwrap_or_default());
        self.text.push_str(valid.text);
        self.copied = valid.text.len();
        self.wrong = valid.wrong;
        self.controls = self.controls.max(valid.controls);
        self.copied > 0
    }

    /// After [`refill`](Self::refill) found nothing: makes room for at most `room` quiet bytes. `false`: none may come.
    pub(crate) fn lull(&mut self, room: usize) -> bool {
        self.look();
        // The start of a character is not quiet, and where there is a window it is used.
        if self.filled > 0 || self.raw.len() == RAW_BYTES {
            return false;
        }
        self.room = room.min(quiet::MOST);
        if self.raw.len() != self.room {
            self.raw.resize(self.room, 0);
        }
        true
    }

    /// Whether all that was stored since has found room.
    pub(crate) fn is_lull(&self) -> bool {
        self.raw.len() == self.room
    }

    /// Takes note that `n` bytes were not looked at.
    #[inline]
    pub(crate) fn arrive(&mut self, n: usize) {
        self.arrived += n;
    }

    /// What was not looked at.
    pub(crate) fn arrived(&self) -> &[u8] {
        self.raw
            .get(self.filled.saturating_sub(self.arrived)..self.filled)
            .unwrap_or_default()
    }

    /// Takes note that all bytes were looked at.
    pub(crate) fn look(&mut self) {
        self.arrived = 0;
    }

    /// How much of the frame was looked at: text, and what waits behind it.
    pub(crate) fn looked_at(&self) -> usize {
        self.length() + self.filled.saturating_sub(self.copied + self.arrived)
    }

    /// What is wrong with the bytes behind the text, relative to the start of the frame.
    pub(crate) fn wrong(&self) -> Option<Flaw> {
        self.wrong.map(|kind| kind.at(self.length()))
    }

    /// The byte behind the text.
    pub(crate) fn next(&self) -> Option<u8> {
        let rest = self.raw.get(self.copied..self.filled)?;
        rest.first().copied()
    }

    /// The bytes behind the first `n` of the current frame.
    pub(crate) fn behind(&self, n: usize) -> &[u8] {
        self.raw
            .get(self.raw_index(n)..self.filled)
            .unwrap_or_default()
    }

    /// Forgets everything but the bytes behind the first `n` of the current frame; positions start anew.
    pub(crate) fn restart(&mut self, n: usize) {
        let kept = Vec::from(self.behind(n));
        self.raw.zeroize();
        self.raw.extend_from_slice(&kept);
        self.filled = kept.len();
        self.copied = 0;
        self.arrived = kept.len();
        self.text.zeroize();
        self.start = 0;
        self.position = 0;
        self.wrong = None;
    }

    /// Moves out the bytes behind the first `n` of the current frame, which stays readable.
    pub(crate) fn take_behind(&mut self, n: usize) -> Vec<u8> {
        let taken = Vec::from(self.behind(n));
        let kept = self.raw_index(n).min(self.filled);
        self.raw.truncate(kept);
        self.filled = kept;
        self.arrived = 0;
        self.copied = self.copied.min(kept);
        self.text.truncate(self.start + n);
        self.wrong = None;
        taken
    }

    /// Gives back memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.raw.truncate(self.filled);
        self.raw.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    pub(crate) fn held(&self) -> usize {
        self.length() + self.filled.saturating_sub(self.copied)
    }

    /// Where nothing is left behind the first `n` bytes of the current frame, what `raw` holds stands in `text`.
    fn settle(&mut self, n: usize) {
        if self.is_settled(n) {
            self.filled = 0;
            self.copied = 0;
        }
    }

    /// Whether all of `raw` stands in `text` and nothing is left behind the first `n` bytes of the current frame.
    fn is_settled(&self, n: usize) -> bool {
        self.copied == self.filled && self.behind(n).is_empty()
    }

    /// `raw[..copied]` is the end of `text`. A frame ends within it, or it would have been found before.
    fn raw_index(&self, n: usize) -> usize {
        (self.start + n + self.copied).saturating_sub(self.text.len())
    }
}

impl Drop for Input {
    /// What passes here may be a password on its way to SASL.
    fn drop(&mut self) {
        self.raw.zeroize();
        self.text.zeroize();
    }
}
