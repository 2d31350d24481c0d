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

/// A TLS record's plaintext is at most 2^14 bytes (RFC 8446 section 5.1); one always fits behind the unfinished
/// character that may be left from before.
const RAW_BYTES: usize = 16_384 + 64;

/// See the module documentation.
pub(crate) struct Input {
    /// `filled` bytes received and not yet done with. What is longer is room for [`Input::window`].
    raw: Vec<u8>,
    filled: usize,
    /// How many of them were validated and copied: they are the end of `text`.
    copied: usize,
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
        if self.behind(n).is_empty() {
            RAW_BYTES
        } else {
            RAW_BYTES.saturating_sub(self.filled)
        }
    }

    pub(crate) fn push(&mut self, n: usize, bytes: &[u8]) -> usize {
        self.settle(n);
        let taken = bytes.len().min(self.capacity(n));
        self.raw.truncate(self.filled);
        match bytes.get(..taken).unwrap_or_default() {
            [byte] => self.raw.push(*byte),
            bytes => self.raw.extend_from_slice(bytes),
        }
        self.filled += taken;
        taken
    }

    pub(crate) fn window(&mut self, n: usize) -> &mut [u8] {
        self.settle(n);
        self.raw.resize(RAW_BYTES.max(self.filled), 0);
        self.raw.get_mut(self.filled..).unwrap_or_default()
    }

    pub(crate) fn pushed(&mut self, n: usize) {
        self.filled = self.filled.saturating_add(n).min(self.raw.len());
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
    pub(crate) fn refill(&mut self) -> bool {
        if self.start > 0 {
            // Each byte is moved once at most: the frame it belongs to then starts at 0.
            self.text.drain(..self.start);
            self.start = 0;
        }
        if self.text.is_empty() {
            self.controls = Controls::None;
        }
        if self.copied < self.filled && self.copied > 0 {
            self.raw.copy_within(self.copied..self.filled, 0);
        }
        self.filled -= self.copied;
        self.copied = 0;
        if self.wrong.is_some() || self.filled == 0 {
            return false;
        }
        let valid = chars::validate(self.raw.get(..self.filled).unwrap_or_default());
        self.text.push_str(valid.text);
        self.copied = valid.text.len();
        self.wrong = valid.wrong;
        self.controls = self.controls.max(valid.controls);
        self.copied > 0
    }

    /// The byte behind the text, if it is the only one and plainly legal.
    pub(crate) fn lone_byte(&self) -> Option<u8> {
        match self.raw.get(self.copied..self.filled) {
            Some(&[byte @ b' '..=b'~']) => Some(byte),
            _ => None,
        }
    }

    /// Puts what [`lone_byte`](Self::lone_byte) gave behind the text. Like [`refill`](Self::refill), it may only be called
    /// when all of the text was read.
    pub(crate) fn take_lone_byte(&mut self, byte: u8) {
        self.text.push(char::from(byte));
        self.filled = 0;
        self.copied = 0;
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
        if self.behind(n).is_empty() {
            self.filled = 0;
            self.copied = 0;
        }
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
