//! Numbered stanzas that one application sends under stream management.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;

use super::application::Violation;
use crate::sm::{Fate, SmState};
use crate::ticket::Ticket;

/// A stanza to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Its number, counted from 0.
    pub number: u64,
    /// Whether the peer may have it already. It has to be told so.
    pub again: bool,
}

/// What one application sends to the other, on one session of stream management (XEP-0198) at a
/// time: stanzas 0, 1, 2 and so on.
///
/// A session that is over is read with [`over`](Self::over). What its peer may not have is to be
/// sent again on the next one, before anything new: without a word if the fate says that the peer
/// does not have it, else as a possible double.
#[derive(Clone, Debug)]
pub struct Outgoing {
    total: u64,
    next: u64,
    /// Of earlier sessions, in order.
    again: VecDeque<Numbered>,
    /// Sent on the session, and not acknowledged, in order.
    outstanding: VecDeque<(Ticket, Numbered)>,
    delivered: BTreeSet<u64>,
    /// How many stanzas had which fate when their session was over.
    fates: Fates,
}

/// How many stanzas had which fate when their session was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// See [`Fate::Unsent`].
    pub unsent: u64,
    /// See [`Fate::Unhandled`].
    pub unhandled: u64,
    /// See [`Fate::Unknown`].
    pub unknown: u64,
}

impl Outgoing {
    /// Returns one that has to send so many stanzas.
    #[must_use]
    pub const fn new(total: u64) -> Self {
        Self {
            total,
            next: 0,
            again: VecDeque::new(),
            outstanding: VecDeque::new(),
            delivered: BTreeSet::new(),
            fates: Fates {
                unsent: 0,
                unhandled: 0,
                unknown: 0,
            },
        }
    }

    /// Returns how many stanzas it has to send.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Returns the stanza to be sent next.
    #[must_use]
    pub fn next(&self) -> Option<Numbered> {
        let new = Numbered {
            number: self.next,
            again: false,
        };
        let again = self.again.front().copied();
        again.or_else(|| (self.next < self.total).then_some(new))
    }

    /// The stanza that was to be sent next was handed to `send`.
    pub fn sent(&mut self, ticket: Ticket) {
        let Some(sent) = self.next() else {
            return;
        };
        if self.again.pop_front().is_none() {
            self.next += 1;
        }
        self.outstanding.push_back((ticket, sent));
    }

    /// The peer has handled everything up to this ticket.
    pub fn acknowledged(&mut self, ticket: Ticket) {
        while let Some((sent, numbered)) = self.outstanding.front() {
            if *sent > ticket {
                break;
            }
            self.delivered.insert(numbered.number);
            self.outstanding.pop_front();
        }
    }

    /// The session is over. What it does not list as unacknowledged was handled.
    ///
    /// # Errors
    /// A [`Violation`] if it lists a stanza that was not sent or was acknowledged, or twice.
    pub fn over(&mut self, session: &SmState) -> Result<(), Violation> {
        let mut fates = BTreeMap::new();
        for unacknowledged in session.unacknowledged() {
            let (ticket, fate) = (unacknowledged.ticket, unacknowledged.fate);
            if fates.insert(ticket, fate).is_some() {
                return Err(Violation(format!("{ticket:?} is listed twice")));
            }
        }
        let mut again = VecDeque::new();
        for (ticket, numbered) in core::mem::take(&mut self.outstanding) {
            let fate = fates.remove(&ticket);
            let may_be_there = match fate {
                None => {
                    self.delivered.insert(numbered.number);
                    continue;
                }
                Some(Fate::Unsent) => {
                    self.fates.unsent += 1;
                    false
                }
                Some(Fate::Unhandled) => {
                    self.fates.unhandled += 1;
                    false
                }
                Some(Fate::Unknown) => {
                    self.fates.unknown += 1;
                    true
                }
            };
            again.push_back(Numbered {
                again: numbered.again || may_be_there,
                ..numbered
            });
        }
        if let Some((ticket, fate)) = fates.first_key_value() {
            let what = format!("{ticket:?}, {fate:?}, is not outstanding");
            return Err(Violation(what));
        }
        again.append(&mut self.again);
        self.again = again;
        Ok(())
    }

    /// Nothing will be said of the session, as if its state were lost.
    pub fn forgotten(&mut self) {
        let lost = core::mem::take(&mut self.outstanding);
        self.fates.unknown += lost.len() as u64;
        let mut again: VecDeque<Numbered> = lost
            .into_iter()
            .map(|(_, numbered)| Numbered {
                again: true,
                ..numbered
            })
            .collect();
        again.append(&mut self.again);
        self.again = again;
    }

    /// Whether something was sent on the session and is not acknowledged.
    #[must_use]
    pub fn is_outstanding(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// Whether everything was sent and acknowledged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.delivered.len() as u64 == self.total
    }

    /// Returns the numbers of the stanzas that were reported as handled by the peer.
    pub fn delivered(&self) -> impl Iterator<Item = u64> + '_ {
        self.delivered.iter().copied()
    }

    /// Returns how many stanzas had which fate when their session was over.
    #[must_use]
    pub const fn fates(&self) -> Fates {
        self.fates
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// A session that lists these tickets, of which TCP took those up to `flushed`.
    fn session(tickets: &[u64], flushed: u64) -> SmState {
        let mut session = SmState::new(0);
        for ticket in tickets {
            session.queue.push("<message/>", Ticket::nth(*ticket));
        }
        session.flushed = Some(Ticket::nth(flushed));
        session
    }

    /// One that has sent stanzas 0 to 3 under the tickets 1 to 4.
    fn sending() -> Outgoing {
        let mut outgoing = Outgoing::new(5);
        for ticket in 1..=4 {
            outgoing.sent(Ticket::nth(ticket));
        }
        outgoing
    }

    fn to_be_sent(outgoing: &mut Outgoing) -> Vec<(u64, bool)> {
        let mut all = Vec::new();
        while let Some(Numbered { number, again }) = outgoing.next() {
            all.push((number, again));
            outgoing.sent(Ticket::nth(100 + number));
        }
        all
    }

    #[test]
    fn what_the_peer_may_not_have_is_sent_again_before_anything_new() {
        let mut outgoing = sending();
        outgoing.acknowledged(Ticket::nth(1));
        // Stanza 1 is not listed, so it was handled; 3 was not taken by TCP.
        outgoing.over(&session(&[3, 4], 3)).unwrap();
        assert_eq!(outgoing.delivered().collect::<Vec<_>>(), [0, 1]);
        let fates = outgoing.fates();
        assert_eq!((fates.unknown, fates.unsent, fates.unhandled), (1, 1, 0));
        assert_eq!(
            to_be_sent(&mut outgoing),
            [(2, true), (3, false), (4, false)]
        );
        // A possible double stays one.
        outgoing.over(&session(&[102, 103, 104], 0)).unwrap();
        assert_eq!(
            to_be_sent(&mut outgoing),
            [(2, true), (3, false), (4, false)]
        );
        outgoing.acknowledged(Ticket::nth(104));
        assert!(outgoing.is_done() && !outgoing.is_outstanding());
    }

    #[test]
    fn a_session_lists_nothing_but_what_is_outstanding() {
        sending().over(&session(&[4, 5], 4)).unwrap_err();
        let mut outgoing = sending();
        outgoing.acknowledged(Ticket::nth(2));
        outgoing.over(&session(&[2], 4)).unwrap_err();
    }
}
