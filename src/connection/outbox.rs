//! What waits for TCP: text that is not yet encoded, and bytes that are not yet taken.
//!
//! The two queues keep one invariant: a unit of text is encoded as a whole and in order, so record
//! boundaries depend on what was sent and not on when the driver polls.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use zeroize::Zeroize;

use crate::ticket::Ticket;

/// What a SASL element has at most beside its data in base64: its tags, its namespace and the name
/// of a mechanism.
const SASL_ELEMENT: usize = 256;

/// What most headers take with their features, in bytes.
const CONTROL_TEXT: usize = 512;

/// What most flights of a TLS handshake take, in bytes.
const CONTROL_WIRE: usize = 1024;

/// The cost of a unit beside its text, in bytes: its entry in a queue that may have grown to twice
/// its length, and its record.
pub(crate) const UNIT_COST: usize = 64;

/// Two queues: units of text in the order in which they were sent, and the bytes that they became.
#[derive(Default)]
pub(super) struct Outbox {
    /// Text that is not yet encoded.
    text: String,
    /// The units of that text.
    units: VecDeque<Unit>,
    /// Bytes for TCP; the first `taken` are taken already.
    wire: Vec<u8>,
    taken: usize,
    /// How many bytes TCP has ever taken: a mark for progress and for tickets.
    taken_ever: u64,
    /// Where the units that were sent with a ticket end, in bytes ever encoded.
    marks: VecDeque<(u64, Ticket)>,
    last_ticket: u64,
    /// The last ticket whose bytes TCP has taken.
    flushed: Option<Ticket>,
    secrecy: Secrecy,
}

/// Whether the text that waits has to be wiped once it is encoded. Because wiping costs the whole
/// capacity, it is not done for every stanza.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Secrecy {
    #[default]
    None,
    Secret,
}

struct Unit {
    length: usize,
    /// How much of it was appended to what the ticket names.
    appended: usize,
    ticket: Option<Ticket>,
}

impl Outbox {
    /// The bytes that TCP should take next.
    pub(super) fn window(&self) -> &[u8] {
        self.wire.get(self.taken..).unwrap_or_default()
    }

    /// Records that TCP took `n` bytes of the window. More than it holds counts as all.
    pub(super) fn taken(&mut self, n: usize) {
        let n = n.min(self.window().len());
        self.taken += n;
        self.taken_ever += n as u64;
        if self.taken == self.wire.len() {
            self.wire.clear();
            self.taken = 0;
        }
        while let Some(&(end, ticket)) = self.marks.front() {
            if end > self.taken_ever {
                break;
            }
            self.flushed = Some(ticket);
            self.marks.pop_front();
        }
    }

    /// How many bytes TCP has ever taken.
    pub(super) const fn progress(&self) -> u64 {
        self.taken_ever
    }

    /// The last ticket whose bytes TCP has taken.
    pub(super) const fn flushed(&self) -> Option<Ticket> {
        self.flushed
    }

    /// How many bytes of text and of wire wait, with the cost of their bookkeeping.
    pub(super) fn waiting(&self) -> usize {
        let units = self.units.len() + self.marks.len();
        self.text.len() + self.window().len() + units * UNIT_COST
    }

    /// Whether nothing waits, neither text nor bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty() && self.taken == self.wire.len()
    }

    /// Whether units wait to be encoded.
    pub(super) fn has_units(&self) -> bool {
        !self.units.is_empty()
    }

    /// How many records the units that wait need at most, if a record takes `fragment` bytes of text:
    /// each unit fills whole records, and begins one more.
    pub(super) fn records(&self, fragment: usize) -> u64 {
        (self.units.len() + self.text.len() / fragment.max(1)) as u64
    }

    /// Queues a unit of the application, written by `write`. What a failed write has left is dropped.
    pub(super) fn send<E>(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), E>,
    ) -> Result<Ticket, E> {
        let start = self.text.len();
        if let Err(error) = write(&mut self.text) {
            self.text.truncate(start);
            return Err(error);
        }
        self.last_ticket += 1;
        let ticket = Ticket::nth(self.last_ticket);
        self.units.push_back(Unit {
            length: self.text.len() - start,
            appended: 0,
            ticket: Some(ticket),
        });
        Ok(ticket)
    }

    /// Queues a stanza of the machine's own, which gets a ticket because it may be acknowledged.
    pub(super) fn push_stanza(&mut self, write: impl FnOnce(&mut String)) -> Ticket {
        self.push_control(write);
        self.last_ticket += 1;
        let ticket = Ticket::nth(self.last_ticket);
        if let Some(unit) = self.units.back_mut() {
            unit.ticket = Some(ticket);
        }
        ticket
    }

    /// Queues a stanza of an earlier stream, under its own ticket.
    pub(super) fn push_again(&mut self, stanza: &str, ticket: Ticket) {
        self.text.push_str(stanza);
        self.units.push_back(Unit {
            length: stanza.len(),
            appended: 0,
            ticket: Some(ticket),
        });
    }

    /// The text of the unit queued last.
    pub(super) fn last_unit(&self) -> &str {
        let length = self.units.back().map_or(0, |unit| unit.length);
        let start = self.text.len() - length;
        self.text.get(start..).unwrap_or_default()
    }

    /// Adds text to the unit queued last, so that it goes out in the same record. It must fit there:
    /// the peer can read a stanza whose last record it has.
    pub(super) fn append(&mut self, text: &str) {
        if let Some(unit) = self.units.back_mut() {
            self.text.push_str(text);
            unit.length += text.len();
            unit.appended += text.len();
        }
    }

    /// The last ticket that was given.
    pub(super) const fn last_ticket(&self) -> u64 {
        self.last_ticket
    }

    /// Gives no ticket that is not later than `ticket`.
    pub(super) fn continue_after(&mut self, ticket: u64) {
        self.last_ticket = self.last_ticket.max(ticket);
    }

    /// Queues a unit of the machine's own text.
    pub(super) fn push_control(&mut self, write: impl FnOnce(&mut String)) {
        let Ok(()) = self.try_push_control(|text| {
            write(text);
            Ok::<_, Infallible>(())
        });
    }

    /// Queues a unit of the machine's own text. What a failed write has left is dropped.
    pub(super) fn try_push_control<E>(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        // A negotiation writes little else, so both queues are allocated once for all of it.
        if self.text.capacity() == 0 {
            self.text.reserve(CONTROL_TEXT);
        }
        if self.wire.capacity() == 0 {
            self.wire.reserve(CONTROL_WIRE);
        }
        let start = self.text.len();
        if let Err(error) = write(&mut self.text) {
            self.text.truncate(start);
            return Err(error);
        }
        self.units.push_back(Unit {
            length: self.text.len() - start,
            appended: 0,
            ticket: None,
        });
        Ok(())
    }

    /// Queues a SASL element that carries a secret of so many bytes in base64. It is wiped after it
    /// is encoded, and room is made first so that growing leaves no copy.
    pub(super) fn push_secret(&mut self, secret_bytes: usize, write: impl FnOnce(&mut String)) {
        self.push_secret_element(secret_bytes.div_ceil(3) * 4 + SASL_ELEMENT, write);
    }

    /// Does the same for an element of at most so many bytes.
    pub(super) fn push_secret_element(&mut self, bytes: usize, write: impl FnOnce(&mut String)) {
        self.secrecy = Secrecy::Secret;
        self.text.reserve(bytes);
        let room = self.text.capacity();
        self.push_control(write);
        debug_assert_eq!(self.text.capacity(), room, "a secret has been copied");
    }

    /// Turns every unit into bytes with `encode`. Stops at the first error.
    pub(super) fn encode<E>(
        &mut self,
        mut encode: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.units.is_empty() {
            return Ok(());
        }
        self.compact();
        let mut start = 0;
        let mut outcome = Ok(());
        while let Some(unit) = self.units.pop_front() {
            let end = start + unit.length;
            let text = self.text.as_bytes().get(start..end).unwrap_or_default();
            let before = self.wire.len();
            outcome = encode(text, &mut self.wire);
            if outcome.is_err() {
                break;
            }
            start = end;
            if let Some(ticket) = unit.ticket {
                let put_ever = self.taken_ever + self.window().len() as u64;
                // In plaintext the peer can read a stanza without what was appended to it; a record
                // only as a whole.
                let beyond = match self.wire.len() - before == unit.length {
                    true => unit.appended as u64,
                    false => 0,
                };
                self.marks.push_back((put_ever - beyond, ticket));
            }
        }
        self.units.clear();
        self.wipe();
        outcome
    }

    /// The room for bytes that TLS itself sends.
    pub(super) fn wire(&mut self) -> &mut Vec<u8> {
        self.compact();
        &mut self.wire
    }

    /// Drops everything that waits.
    pub(super) fn clear(&mut self) {
        self.wipe();
        self.units.clear();
        self.wire = Vec::new();
        self.taken = 0;
        self.marks.clear();
    }

    fn wipe(&mut self) {
        match core::mem::take(&mut self.secrecy) {
            Secrecy::None => self.text.clear(),
            Secrecy::Secret => self.text.zeroize(),
        }
    }

    /// How many bytes are allocated.
    pub(super) fn allocated(&self) -> usize {
        self.text.capacity()
            + self.wire.capacity()
            + self.units.capacity() * size_of::<Unit>()
            + self.marks.capacity() * size_of::<(u64, Ticket)>()
    }

    /// Frees what is not needed for what waits.
    pub(super) fn shrink(&mut self) {
        self.wire.drain(..self.taken);
        self.taken = 0;
        self.wire.shrink_to_fit();
        // Text that waits may be secret, and must not be copied.
        if self.text.is_empty() {
            self.text = String::new();
        }
        self.units.shrink_to_fit();
        self.marks.shrink_to_fit();
    }

    /// Frees the room of taken bytes once they are the larger part. Because of that each byte moves at
    /// most once per doubling.
    fn compact(&mut self) {
        if self.taken > self.wire.len() / 2 {
            self.wire.drain(..self.taken);
            self.taken = 0;
        }
    }
}

/// Shows lengths only, because the texts may be secret.
impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outbox")
            .field("text", &self.text.len())
            .field("wire", &self.window().len())
            .field("flushed", &self.flushed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues a stanza with a request appended, and encodes both with this many bytes of overhead.
    fn encoded(overhead: usize) -> (Outbox, Ticket) {
        let mut outbox = Outbox::default();
        let sent = outbox.send(|text| {
            text.push_str("<message/>");
            Ok::<_, ()>(())
        });
        outbox.append("<r/>");
        let encode = |text: &[u8], wire: &mut Vec<u8>| {
            wire.extend_from_slice(text);
            wire.resize(wire.len() + overhead, 0);
            Ok::<_, ()>(())
        };
        outbox.encode(encode).unwrap();
        (outbox, sent.unwrap())
    }

    #[test]
    fn a_stanza_is_flushed_when_the_peer_can_read_it() {
        let (mut plain, ticket) = encoded(0);
        plain.taken("<message/".len());
        assert_eq!(plain.flushed(), None);
        plain.taken(1);
        assert_eq!(plain.flushed(), Some(ticket));

        let (mut record, ticket) = encoded(30);
        record.taken("<message/><r/>".len() + 29);
        assert_eq!(record.flushed(), None);
        record.taken(1);
        assert_eq!(record.flushed(), Some(ticket));
    }
}
