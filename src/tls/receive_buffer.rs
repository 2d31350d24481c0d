//! The buffer of received ciphertext.
//!
//! Three regions follow each other: bytes *exposed* to the TLS engine and not yet discarded by it,
//! bytes *unread*, and free space. The engine decrypts in place and wants to see exposed bytes
//! again at every call, at the same distances from each other, until it discards them (fragments
//! of one handshake message). A discard only moves an offset. Bytes are moved when space is needed,
//! and then at least as many are freed as are moved, so the cost stays linear.
//!
//! # Wiping
//!
//! The engine leaves decrypted plaintext in the buffer. The buffer is used again for the records
//! that follow, without a wipe per record, so the plaintext of earlier records stays in it until
//! it is overwritten. Every byte that was ever exposed is overwritten with zeros **before its
//! memory is given back**: when the buffer grows, when [`ReceiveBuffer::shrink`] or
//! [`ReceiveBuffer::clear`] frees it, and when it is dropped. Ciphertext is not wiped.
//!
//! Change here how memory is kept and moved. What a record is belongs to [`record`](super::record),
//! and what the engine expects of its view is said in [`engine`](super::engine).

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use zeroize::Zeroize;

use super::record::{HEADER_LEN, Header, MAX_WIRE};

/// The least space [`ReceiveBuffer::window`] offers, if there is so much room.
const WINDOW: usize = 4096;

/// The largest buffer that is kept for the next record. Only handshake messages in many small
/// records need more.
const MAX_KEPT: usize = 2 * MAX_WIRE;

/// A record header that every TLS library refuses: it announces 65535 bytes.
const INVALID_HEADER: [u8; HEADER_LEN] = [22, 3, 3, 0xff, 0xff];

#[derive(Default)]
pub(super) struct ReceiveBuffer {
    bytes: Vec<u8>,
    /// `start..start + exposed` is exposed, from there to `end` unread, the rest free.
    start: usize,
    exposed: usize,
    end: usize,
    /// `..decrypted` was exposed at some time, so plaintext may lie there.
    decrypted: usize,
}

impl ReceiveBuffer {
    /// Returns how many bytes are taken at most now: always enough to complete the next record.
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

    /// Returns free space to read into, enough for the next record if its length is known. It is
    /// empty only if there is no room.
    pub(super) fn window(&mut self) -> &mut [u8] {
        let missing = Header::read(self.unread())
            .map_or(HEADER_LEN, Header::needed)
            .saturating_sub(self.unread().len());
        let n = missing.max(WINDOW).min(self.room());
        self.free(n).unwrap_or_default()
    }

    /// Takes `n` bytes that were written into the last [`window`](Self::window). If nothing was, and
    /// nothing has ever been in this memory, it is given back.
    pub(super) fn pushed(&mut self, n: usize) {
        if n == 0 && self.end == 0 && self.decrypted == 0 {
            self.bytes = Vec::new();
        }
        self.end += n.min(self.bytes.len() - self.end).min(self.room());
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes
            .get(self.start + self.exposed..self.end)
            .unwrap_or_default()
    }

    /// Returns how many bytes the engine has seen and not discarded.
    pub(super) fn exposed(&self) -> usize {
        self.exposed
    }

    /// Exposes `n` more unread bytes to the engine. Returns their range for
    /// [`decrypted_in_place`](Self::decrypted_in_place).
    pub(super) fn expose(&mut self, n: usize) -> Range<usize> {
        let from = self.start + self.exposed;
        self.exposed += n.min(self.end - from);
        let range = from..self.start + self.exposed;
        self.decrypted = self.decrypted.max(range.end);
        range
    }

    /// Replaces everything unread with a record header that the engine must refuse, and exposes
    /// it.
    pub(super) fn expose_invalid_header(&mut self) {
        self.end = self.start + self.exposed;
        if let Some(free) = self.free(HEADER_LEN) {
            free.copy_from_slice(&INVALID_HEADER);
            self.end += HEADER_LEN;
            self.expose(HEADER_LEN);
        }
    }

    /// Returns the exposed bytes: exactly what the engine must be given at every call.
    pub(super) fn engine_view(&mut self) -> &mut [u8] {
        self.bytes
            .get_mut(self.start..self.start + self.exposed)
            .unwrap_or_default()
    }

    /// Gives up the first `n` exposed bytes, which the engine does not need any more.
    pub(super) fn discard(&mut self, n: usize) {
        let n = n.min(self.exposed);
        self.start += n;
        self.exposed -= n;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Returns what the engine left in place of bytes that were exposed, discarded or not. The
    /// range is valid until more is pushed.
    pub(super) fn decrypted_in_place(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Gives up all exposed bytes.
    pub(super) fn drop_exposed(&mut self) {
        self.discard(self.exposed);
    }

    /// Drops everything, and the memory with it.
    pub(super) fn clear(&mut self) {
        self.wipe();
        self.bytes = Vec::new();
        (self.start, self.exposed, self.end) = (0, 0, 0);
    }

    /// Returns whether no byte is held and the buffer is not larger than any flow of records needs.
    pub(super) fn is_at_rest(&self) -> bool {
        self.end == 0 && self.bytes.len() <= MAX_KEPT
    }

    /// Frees an empty buffer that is larger than any flow of records needs.
    pub(super) fn free_if_oversized(&mut self) {
        if self.end == 0 && self.bytes.len() > MAX_KEPT {
            self.clear();
        }
    }

    /// Returns how many bytes are allocated.
    pub(super) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Frees what is not needed for the bytes held: all of it if there are none.
    pub(super) fn shrink(&mut self) {
        let held = self.end - self.start;
        if held == 0 {
            self.clear();
        } else if self.bytes.len() > held {
            self.reallocate(held);
        }
    }

    /// Returns at least `n` bytes of free space, which follow the unread ones.
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
            (self.start, self.end) = (0, held);
        } else {
            let next = Header::read(self.unread()).map_or(0, Header::needed);
            self.reallocate((held + n).max(self.exposed + next).max(held * 2));
        }
    }

    /// Moves what is held to the beginning of `size` new bytes, and wipes the old ones.
    fn reallocate(&mut self, size: usize) {
        let held = self.end - self.start;
        let mut bytes = vec![0; size];
        if let (Some(to), Some(from)) =
            (bytes.get_mut(..held), self.bytes.get(self.start..self.end))
        {
            to.copy_from_slice(from);
        }
        self.wipe();
        self.bytes = bytes;
        (self.start, self.end) = (0, held);
        self.decrypted = self.exposed;
    }

    /// Overwrites everything that was ever exposed.
    fn wipe(&mut self) {
        if let Some(plaintext) = self.bytes.get_mut(..self.decrypted) {
            plaintext.zeroize();
        }
        self.decrypted = 0;
    }
}

impl Drop for ReceiveBuffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(len: u16) -> Vec<u8> {
        let mut bytes = vec![23, 3, 3];
        bytes.extend(len.to_be_bytes());
        bytes.extend((0..len).map(|i| i.to_be_bytes()[1] & 0x7f));
        bytes
    }

    /// Takes the next `n` bytes as the engine takes a record.
    fn consume(buffer: &mut ReceiveBuffer, n: usize) {
        buffer.expose(n);
        buffer.drop_exposed();
    }

    #[test]
    fn an_unused_window_is_given_back_and_a_used_one_is_kept() {
        let mut buffer = ReceiveBuffer::default();
        assert!(!buffer.window().is_empty());
        buffer.pushed(0);
        assert_eq!(buffer.allocated(), 0);
        let record = record(100);
        buffer.window()[..record.len()].copy_from_slice(&record);
        buffer.pushed(record.len());
        consume(&mut buffer, record.len());
        assert!(!buffer.window().is_empty());
        buffer.pushed(0);
        assert_eq!(buffer.allocated(), WINDOW);
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
        // Retained bytes leave the room for the record after them as it is.
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
            if step % 17 == 0 {
                buffer.shrink();
            }
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
            consume(&mut buffer, small.len());
            let before = buffer.start;
            buffer.push(&small);
            moves += usize::from(buffer.start < before);
        }
        assert!(moves < 20, "{moves} moves");
    }

    #[test]
    fn a_steady_flow_of_records_stays_in_one_allocation() {
        for len in [100, 300, 1000, 4000, 16_000] {
            let record = record(len);
            let mut buffer = ReceiveBuffer::default();
            let mut places = Vec::new();
            for _ in 0..100 {
                let mut rest = &record[..];
                while !rest.is_empty() {
                    let window = buffer.window();
                    let n = window.len().min(rest.len());
                    window[..n].copy_from_slice(&rest[..n]);
                    buffer.pushed(n);
                    rest = &rest[n..];
                }
                consume(&mut buffer, record.len());
                buffer.free_if_oversized();
                places.push(buffer.bytes.as_ptr());
            }
            assert!(places.iter().all(|place| *place == places[0]), "{len}");
            assert!(buffer.bytes.len() <= usize::from(len).max(WINDOW) + 4101);
        }
    }

    #[test]
    fn shrinking_gives_back_what_is_not_held() {
        let mut buffer = ReceiveBuffer::default();
        buffer.push(&record(16_000));
        consume(&mut buffer, 16_005);
        assert!(buffer.bytes.capacity() >= 16_005);
        buffer.push(&[23, 3, 3]);
        buffer.shrink();
        assert_eq!(
            (buffer.bytes.capacity(), buffer.unread()),
            (3, &[23, 3, 3][..])
        );
        consume(&mut buffer, 3);
        buffer.shrink();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn a_buffer_larger_than_any_record_needs_is_not_kept() {
        let mut buffer = ReceiveBuffer::default();
        while buffer.exposed() < 3 * MAX_WIRE {
            let pushed = buffer.push(&record(16_000));
            buffer.expose(pushed);
        }
        buffer.drop_exposed();
        buffer.free_if_oversized();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    /// What lies outside `..decrypted` was never exposed, and `wipe` covers the rest.
    #[test]
    fn every_byte_that_was_exposed_is_wiped_before_its_memory_is_given_back() {
        let mut buffer = ReceiveBuffer::default();
        for len in [10, 900, 20, 5000, 16_000, 7] {
            let pushed = buffer.push(&record(len));
            buffer.expose(pushed / 2);
            buffer.engine_view().fill(0xaa);
            buffer.discard(pushed / 4);
            assert!(!buffer.bytes[buffer.decrypted..].contains(&0xaa));
        }
        assert!(buffer.bytes.contains(&0xaa));
        buffer.wipe();
        assert!(!buffer.bytes.contains(&0xaa));
    }
}
