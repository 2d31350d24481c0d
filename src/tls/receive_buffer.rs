//! The ciphertext buffer.
//!
//! Three regions follow each other: bytes already *shown* to the TLS engine
//! and not yet discarded by it (fragments of one handshake message, which the
//! engine decrypts in place and wants to see again, unmoved relative to each
//! other, at every call), bytes *unread*, and free space. The engine's
//! discards only move an offset; bytes are moved when space is needed, and
//! then at least as many are freed as are moved, so the cost stays linear.
//!
//! Decrypted text stays behind in this buffer, so it is wiped when it is given
//! up.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use zeroize::Zeroize;

use super::record::{HEADER_LEN, Header, MAX_WIRE};

/// What may stay allocated while nothing is held: enough for most stanzas.
const KEEP: usize = 1024;

/// The least a window offers.
const WINDOW: usize = 4096;

#[derive(Default)]
pub(super) struct ReceiveBuffer {
    bytes: Vec<u8>,
    /// `start..start + shown` is shown, up to `end` unread, the rest free.
    start: usize,
    exposed: usize,
    end: usize,
}

impl ReceiveBuffer {
    /// How many bytes are taken at most now: always enough to complete the
    /// next record.
    pub(super) fn room(&self) -> usize {
        MAX_WIRE.saturating_sub(self.unread().len())
    }

    /// Stores up to [`room`](Self::room) bytes and returns how many.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        if let (Some(free), Some(taken)) = (self.free(n), bytes.get(..n)) {
            free.copy_from_slice(taken);
            self.end += n;
        }
        n
    }

    /// Free space to read into, enough for the next record if its length is
    /// known; empty only if there is no room.
    pub(super) fn window(&mut self) -> &mut [u8] {
        let missing = Header::read(self.unread())
            .map_or(HEADER_LEN, Header::needed)
            .saturating_sub(self.unread().len());
        let n = missing.max(WINDOW).min(self.room());
        self.free(n).unwrap_or_default()
    }

    /// `n` bytes were written into the last [`window`](Self::window).
    pub(super) fn pushed(&mut self, n: usize) {
        self.end += n.min(self.bytes.len() - self.end).min(self.room());
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes
            .get(self.start + self.exposed..self.end)
            .unwrap_or_default()
    }

    /// How many bytes the engine has seen and not discarded.
    pub(super) fn exposed(&self) -> usize {
        self.exposed
    }

    /// Shows `n` more unread bytes to the engine. The range is for
    /// [`decrypted_in_place`](Self::decrypted_in_place).
    pub(super) fn expose(&mut self, n: usize) -> Range<usize> {
        let from = self.start + self.exposed;
        self.exposed += n.min(self.end - from);
        from..self.start + self.exposed
    }

    /// Exactly what the engine must be given at every call.
    pub(super) fn engine_view(&mut self) -> &mut [u8] {
        self.bytes
            .get_mut(self.start..self.start + self.exposed)
            .unwrap_or_default()
    }

    /// The engine has no more use for the first `n` shown bytes.
    pub(super) fn discard(&mut self, n: usize) {
        let n = n.min(self.exposed);
        self.start += n;
        self.exposed -= n;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// What is left in place of bytes that were shown, discarded or not; valid
    /// until more is pushed.
    pub(super) fn decrypted_in_place(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// The engine will not be called again.
    pub(super) fn drop_exposed(&mut self) {
        self.discard(self.exposed);
    }

    /// Drops `n` unread bytes that are never shown.
    pub(super) fn skip(&mut self, n: usize) {
        self.expose(n);
        self.drop_exposed();
    }

    /// Drops everything, and the memory with it.
    pub(super) fn clear(&mut self) {
        self.bytes.zeroize();
        *self = Self::default();
    }

    /// Gives a large buffer back while nothing is held. This happens once per
    /// burst, so it is a plain fill and not the bytewise wipe of `zeroize`.
    pub(super) fn release(&mut self) {
        if self.end == 0 && self.bytes.len() > KEEP {
            self.bytes.fill(0);
            core::hint::black_box(&mut self.bytes);
            self.bytes = Vec::new();
        }
    }

    /// `n` bytes of free space behind the unread ones.
    fn free(&mut self, n: usize) -> Option<&mut [u8]> {
        if self.bytes.len() - self.end < n {
            self.make_space(n);
        }
        self.bytes.get_mut(self.end..self.end + n)
    }

    fn make_space(&mut self, n: usize) {
        let held = self.end - self.start;
        if held <= self.start && held + n <= self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
        } else {
            let next = Header::read(self.unread()).map_or(0, Header::needed);
            let size = (held + n).max(self.exposed + next).max(held * 2);
            let mut bytes = vec![0; size];
            if let (Some(to), Some(from)) =
                (bytes.get_mut(..held), self.bytes.get(self.start..self.end))
            {
                to.copy_from_slice(from);
            }
            self.bytes.zeroize();
            self.bytes = bytes;
        }
        self.end = held;
        self.start = 0;
    }
}

impl Drop for ReceiveBuffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(len: u16) -> Vec<u8> {
        let mut bytes = vec![23, 3, 3];
        bytes.extend(len.to_be_bytes());
        bytes.extend((0..len).map(|i| i.to_be_bytes()[1]));
        bytes
    }

    #[test]
    fn there_is_always_room_for_the_next_record_and_never_for_more() {
        let mut buffer = ReceiveBuffer::default();
        let big = record(18_431);
        assert_eq!(buffer.push(&big), big.len());
        assert_eq!(buffer.room(), MAX_WIRE - big.len());
        assert_eq!(buffer.push(&big), 1);
        assert_eq!(buffer.push(&big), 0);
        assert!(buffer.window().is_empty());
        buffer.expose(big.len());
        // Retained bytes do not eat into the room for the record behind them.
        assert_eq!(buffer.room(), MAX_WIRE - 1);
        while buffer.push(&big) > 0 {}
        let held = buffer.exposed() + buffer.unread().len();
        assert!(buffer.bytes.capacity() <= 2 * held);
    }

    #[test]
    fn bytes_come_out_in_order_whatever_is_pushed_exposed_and_discarded() {
        let mut buffer = ReceiveBuffer::default();
        let (mut sent, mut got, mut next) = (Vec::new(), Vec::new(), 0_u8);
        for step in 0_usize..2000 {
            let chunk: Vec<u8> = (0..step * 7 % 900)
                .map(|_| {
                    next = next.wrapping_add(1);
                    next
                })
                .collect();
            let taken = if step % 3 == 0 {
                let window = buffer.window();
                let n = window.len().min(chunk.len());
                window[..n].copy_from_slice(&chunk[..n]);
                buffer.pushed(n);
                n
            } else {
                buffer.push(&chunk)
            };
            sent.extend_from_slice(&chunk[..taken]);
            buffer.expose(step * 13 % 1700);
            let discard = buffer.exposed() * (step % 4) / 3;
            let discard = discard.min(buffer.exposed());
            got.extend_from_slice(&buffer.engine_view()[..discard]);
            buffer.discard(discard);
        }
        let exposed = buffer.exposed();
        got.extend_from_slice(&buffer.engine_view()[..exposed]);
        got.extend_from_slice(buffer.unread());
        assert_eq!(sent, got);
        assert!(sent.len() > 500_000);
    }

    #[test]
    fn a_full_buffer_fed_record_by_record_does_not_move_everything_each_time() {
        let mut buffer = ReceiveBuffer::default();
        let small = record(17);
        while buffer.push(&small) == small.len() {}
        let mut moves = 0;
        for _ in 0..10_000 {
            buffer.skip(small.len());
            let before = buffer.start;
            buffer.push(&small);
            moves += usize::from(buffer.start < before);
        }
        assert!(moves < 20, "{moves} moves");
    }

    #[test]
    fn a_large_buffer_is_given_back_when_idle() {
        let mut buffer = ReceiveBuffer::default();
        buffer.push(&record(16_000));
        buffer.skip(16_005);
        buffer.release();
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
