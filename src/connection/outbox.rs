//! What waits for TCP: text not yet sealed, and bytes not yet taken.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

/// Names one [`send`](crate::Session::send); later ones compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// The longest SASL message in base64, with its element.
const SECRET_UNIT: usize = 12 * 1024;

/// What a unit is charged beside its text, in bytes: its entry in a queue that
/// may have grown to twice its length, and its record.
pub(crate) const UNIT_COST: usize = 64;

/// Two queues: units of text, in the order they were said, and the bytes they
/// became. One unit is one sealing, so record boundaries do not depend on when
/// the driver polls.
#[derive(Default)]
pub(crate) struct Outbox {
    text: String,
    units: VecDeque<Unit>,
    wire: Vec<u8>,
    taken: usize,
    /// Bytes ever taken by TCP: a mark for progress and for tickets.
    taken_ever: u64,
    /// Where the units that were sent with a ticket end, in bytes ever put.
    marks: VecDeque<(u64, Ticket)>,
    last_ticket: u64,
    flushed: Option<Ticket>,
    secrecy: Secrecy,
}

/// Whether the text that waits has to be wiped once it is sealed. Wiping costs
/// the whole capacity, too much for every stanza.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Secrecy {
    #[default]
    None,
    Secret,
}

struct Unit {
    length: usize,
    ticket: Option<Ticket>,
}

impl Outbox {
    /// The bytes for TCP.
    pub(crate) fn window(&self) -> &[u8] {
        self.wire.get(self.taken..).unwrap_or_default()
    }

    /// TCP took `n` bytes of the window (more than it holds counts as all).
    pub(crate) fn taken(&mut self, n: usize) {
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

    /// Bytes ever taken.
    pub(crate) const fn progress(&self) -> u64 {
        self.taken_ever
    }

    /// The last ticket wholly taken.
    pub(crate) const fn flushed(&self) -> Option<Ticket> {
        self.flushed
    }

    /// Text and bytes that wait, with what keeping count of them costs: a
    /// queue of single spaces is charged for its book-keeping too.
    pub(crate) fn waiting(&self) -> usize {
        let units = self.units.len() + self.marks.len();
        self.text.len() + self.window().len() + units * UNIT_COST
    }

    /// How many units wait to be sealed.
    pub(crate) fn units(&self) -> u64 {
        self.units.len() as u64
    }

    /// Queues a unit of the application's, written by `write`; what a failed
    /// write left behind is dropped.
    pub(crate) fn send<E>(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), E>,
    ) -> Result<Ticket, E> {
        let start = self.text.len();
        if let Err(error) = write(&mut self.text) {
            self.text.truncate(start);
            return Err(error);
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.units.push_back(Unit {
            length: self.text.len() - start,
            ticket: Some(ticket),
        });
        Ok(ticket)
    }

    /// Queues a unit of the machine's own.
    pub(crate) fn say(&mut self, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        self.units.push_back(Unit {
            length: self.text.len() - start,
            ticket: None,
        });
    }

    /// The same for a unit that carries a secret: it is wiped behind the
    /// sealing, and room is made first so that no copy stays behind.
    pub(crate) fn say_secret(&mut self, write: impl FnOnce(&mut String)) {
        self.secrecy = Secrecy::Secret;
        self.text.reserve(SECRET_UNIT);
        self.say(write);
    }

    /// Turns every unit into bytes with `seal`; stops at the first error.
    pub(crate) fn seal<E>(
        &mut self,
        mut seal: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), E>,
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
            outcome = seal(text, &mut self.wire);
            if outcome.is_err() {
                break;
            }
            start = end;
            if let Some(ticket) = unit.ticket {
                let put_ever = self.taken_ever + self.window().len() as u64;
                self.marks.push_back((put_ever, ticket));
            }
        }
        self.units.clear();
        self.wipe();
        outcome
    }

    /// Room for bytes that TLS itself has to say.
    pub(crate) fn wire(&mut self) -> &mut Vec<u8> {
        self.compact();
        &mut self.wire
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
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

    /// Gives back the room of taken bytes, once they are the larger part: each
    /// byte moves at most once per doubling.
    fn compact(&mut self) {
        if self.taken > self.wire.len() / 2 {
            self.wire.drain(..self.taken);
            self.taken = 0;
        }
    }
}

/// Lengths only: the texts may be secret.
impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outbox")
            .field("text", &self.text.len())
            .field("wire", &self.window().len())
            .field("flushed", &self.flushed)
            .finish_non_exhaustive()
    }
}
