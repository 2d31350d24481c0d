//! The stanzas that were sent and are not acknowledged.

use alloc::collections::VecDeque;
use alloc::string::String;

use crate::ticket::Ticket;

/// Stanzas in the order in which they were sent, and how many were acknowledged before them.
///
/// All texts stand in one buffer, so that keeping a stanza costs a copy and no allocation.
#[derive(Clone, Default)]
pub(crate) struct SentQueue {
    /// The texts; those before `start` are acknowledged.
    text: String,
    start: usize,
    entries: VecDeque<Entry>,
    /// How many stanzas were acknowledged, modulo 2^32.
    acknowledged: u32,
    /// How many of the entries, from the first, were sent on more than one stream.
    retransmitted: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    length: u32,
    ticket: Ticket,
}

/// The peer acknowledges more stanzas than it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooHigh {
    /// What the peer says.
    pub(crate) h: u32,
    /// What it was sent.
    pub(crate) send_count: u32,
}

/// A stanza of the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent<'a> {
    pub(crate) stanza: &'a str,
    pub(crate) ticket: Ticket,
    pub(crate) retransmitted: bool,
}

/// Two queues are the same if the peer can acknowledge the same of them. What was acknowledged may
/// still be in the buffer of one.
impl PartialEq for SentQueue {
    fn eq(&self, other: &Self) -> bool {
        self.acknowledged == other.acknowledged && self.iter().eq(other.iter())
    }
}

impl Eq for SentQueue {}

impl SentQueue {
    /// An empty queue after so many stanzas.
    pub(crate) fn after(acknowledged: u32) -> Self {
        Self {
            acknowledged,
            ..Self::default()
        }
    }

    /// Keeps a stanza.
    pub(crate) fn push(&mut self, stanza: &str, ticket: Ticket) {
        self.text.push_str(stanza);
        self.entries.push_back(Entry {
            // Longer stanzas are refused by every limit.
            length: u32::try_from(stanza.len()).unwrap_or(u32::MAX),
            ticket,
        });
    }

    /// Drops what the peer has handled. Returns the last ticket of it.
    pub(crate) fn acknowledge(&mut self, h: u32) -> Result<Option<Ticket>, TooHigh> {
        let handled = h.wrapping_sub(self.acknowledged);
        if handled as usize > self.entries.len() {
            return Err(TooHigh {
                h,
                send_count: self.send_count(),
            });
        }
        let mut last = None;
        for entry in self.entries.drain(..handled as usize) {
            self.start += entry.length as usize;
            last = Some(entry.ticket);
        }
        self.acknowledged = h;
        self.retransmitted = self.retransmitted.saturating_sub(handled);
        if self.entries.is_empty() {
            self.text.clear();
            self.start = 0;
        } else if self.start > self.text.len() / 2 {
            // Each byte moves at most once per doubling.
            self.text.drain(..self.start);
            self.start = 0;
        }
        Ok(last)
    }

    /// Records that everything in the queue is sent again.
    pub(crate) fn retransmit(&mut self) {
        self.retransmitted = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
    }

    /// How many stanzas were ever sent, modulo 2^32.
    pub(crate) fn send_count(&self) -> u32 {
        // There are fewer than 2^32 of them.
        #[expect(clippy::cast_possible_truncation, reason = "counted modulo 2^32")]
        self.acknowledged.wrapping_add(self.entries.len() as u32)
    }

    /// How many were acknowledged, modulo 2^32.
    pub(crate) const fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes the stanzas have.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() - self.start
    }

    /// The stanzas, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Sent<'_>> {
        let mut at = self.start;
        self.entries.iter().enumerate().map(move |(index, entry)| {
            let start = at;
            at += entry.length as usize;
            Sent {
                stanza: self.text.get(start..at).unwrap_or_default(),
                ticket: entry.ticket,
                retransmitted: index < self.retransmitted as usize,
            }
        })
    }

    /// How many bytes are allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Frees what is not needed for what waits.
    pub(crate) fn shrink(&mut self) {
        self.text.drain(..self.start);
        self.start = 0;
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }
}

/// Shows numbers only, because stanzas are private.
impl core::fmt::Debug for SentQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SentQueue")
            .field("acknowledged", &self.acknowledged)
            .field("waiting", &self.entries.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{SentQueue, TooHigh};
    use crate::ticket::Ticket;

    fn queue(acknowledged: u32, stanzas: &[&str]) -> SentQueue {
        let mut queue = SentQueue::after(acknowledged);
        for (ticket, stanza) in (1..).zip(stanzas) {
            queue.push(stanza, Ticket::nth(ticket));
        }
        queue
    }

    fn texts(queue: &SentQueue) -> Vec<&str> {
        queue.iter().map(|sent| sent.stanza).collect()
    }

    #[test]
    fn xep0198_4_counts_wrap_at_two_to_the_32() {
        let mut queue = queue(u32::MAX - 1, &["<a/>", "<bb/>", "<ccc/>"]);
        assert_eq!(queue.send_count(), 1);
        assert_eq!(queue.acknowledge(u32::MAX), Ok(Some(Ticket::nth(1))));
        assert_eq!(texts(&queue), ["<bb/>", "<ccc/>"]);
        assert_eq!(queue.acknowledge(0), Ok(Some(Ticket::nth(2))));
        assert_eq!(queue.acknowledge(0), Ok(None));
        assert_eq!(texts(&queue), ["<ccc/>"]);
        assert_eq!(queue.acknowledge(1), Ok(Some(Ticket::nth(3))));
        assert!(queue.is_empty());
        assert_eq!(queue.send_count(), 1);
    }

    #[test]
    fn xep0198_4_a_count_that_is_too_high_or_goes_back_changes_nothing() {
        let mut queue = queue(5, &["<a/>", "<b/>"]);
        for h in [8, 4, 0, u32::MAX] {
            assert_eq!(queue.acknowledge(h), Err(TooHigh { h, send_count: 7 }));
            assert_eq!(texts(&queue), ["<a/>", "<b/>"]);
        }
        assert_eq!(queue.acknowledge(7), Ok(Some(Ticket::nth(2))));
    }

    #[test]
    fn what_is_sent_again_is_marked_until_it_is_acknowledged() {
        let mut queue = queue(0, &["<a/>", "<b/>"]);
        queue.retransmit();
        queue.push("<c/>", Ticket::nth(3));
        let marks = |queue: &SentQueue| -> Vec<bool> {
            queue.iter().map(|sent| sent.retransmitted).collect()
        };
        assert_eq!(marks(&queue), [true, true, false]);
        queue.acknowledge(1).unwrap();
        assert_eq!(marks(&queue), [true, false]);
        queue.acknowledge(2).unwrap();
        assert_eq!(marks(&queue), [false]);
    }

    #[test]
    fn the_texts_survive_any_order_of_sending_and_acknowledging() {
        let mut queue = SentQueue::default();
        let mut sent = Vec::new();
        for n in 0..200u32 {
            let stanza = alloc::format!("<m>{}</m>", "x".repeat(n as usize % 17));
            queue.push(&stanza, Ticket::nth(n.into()));
            sent.push(stanza);
            let h = n.saturating_sub(n % 7);
            queue.acknowledge(h.max(queue.acknowledged())).unwrap();
            let from = queue.acknowledged() as usize;
            assert_eq!(texts(&queue), sent[from..]);
            assert_eq!(queue.bytes(), sent[from..].concat().len());
            if n % 13 == 0 {
                queue.shrink();
            }
        }
    }
}
