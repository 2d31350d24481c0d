//! What one application has sent and received, and what must hold between the journals of two.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::application::Violation;
use crate::close::{CloseReason, CloseTcp};
use crate::reset::Side;
use crate::stream::StreamCondition;

/// What happened on one connection, as one application saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Page {
    established: bool,
    /// The numbers of the stanzas that were handed to `send`, in order.
    sent: Vec<u64>,
    /// The numbers of those that arrived, in order.
    arrived: Vec<u64>,
    close: Option<CloseTcp>,
}

/// An application's record of numbered stanzas, by connection.
///
/// It is for streams without stream management (XEP-0198): what arrives on a connection is the
/// beginning of what was sent on it, and all of it where the end was orderly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal(BTreeMap<usize, Page>);

/// How many stanzas there were in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were handed to `send`.
    pub sent: usize,
    /// How many arrived.
    pub arrived: usize,
}

impl Journal {
    /// Returns one without an entry.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The stream is established.
    pub fn established(&mut self, connection: usize) {
        self.0.entry(connection).or_default().established = true;
    }

    /// A stanza was handed to `send`.
    pub fn sent(&mut self, connection: usize, number: u64) {
        self.0.entry(connection).or_default().sent.push(number);
    }

    /// A stanza arrived.
    pub fn arrived(&mut self, connection: usize, number: u64) {
        self.0.entry(connection).or_default().arrived.push(number);
    }

    /// The machine has closed.
    pub fn closed(&mut self, connection: usize, close: &CloseTcp) {
        self.0.entry(connection).or_default().close = Some(close.clone());
    }

    /// Looks at how the connections have ended, for applications that count their stanzas elsewhere.
    ///
    /// # Errors
    /// A [`Violation`] if one has ended for a reason that only a defect or an attacker can cause.
    pub fn check_reasons(&self) -> Result<(), Violation> {
        for (connection, page) in &self.0 {
            page.check_reason(*connection)?;
        }
        Ok(())
    }

    /// Compares the journals of the two applications at the end of a simulation. On each connection
    /// and in each direction, what arrived is the beginning of what was sent; it is all of it if the
    /// peer's closing tag or stream error arrived. No connection ends for a reason that only a
    /// defect or an attacker can cause.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn compare(&self, other: &Self) -> Result<Tally, Violation> {
        let mut tally = Tally::default();
        for (connection, page) in &self.0 {
            let peer = other.0.get(connection).cloned().unwrap_or_default();
            page.follows(&peer, *connection)?;
            peer.follows(page, *connection)?;
            tally.sent += page.sent.len() + peer.sent.len();
            tally.arrived += page.arrived.len() + peer.arrived.len();
        }
        Ok(tally)
    }
}

impl Page {
    /// Whether what arrived here agrees with what `peer` sent.
    fn follows(&self, peer: &Self, connection: usize) -> Result<(), Violation> {
        let violation = |what: &str| {
            let (sent, arrived, close) = (&peer.sent, &self.arrived, &self.close);
            Err(Violation(format!(
                "connection {connection}: {what}: sent {sent:?}, arrived {arrived:?}, {close:?}"
            )))
        };
        if !peer.sent.starts_with(&self.arrived) {
            return violation("what arrived is not the beginning of what was sent");
        }
        let Some(close) = &self.close else {
            return violation("the connection has not ended");
        };
        self.check_reason(connection)?;
        if hears_the_end(close.reason()) && self.arrived != peer.sent {
            return violation("an orderly end, and something did not arrive");
        }
        Ok(())
    }

    fn check_reason(&self, connection: usize) -> Result<(), Violation> {
        match &self.close {
            Some(close) if self.is_a_defect(close.reason()) => Err(Violation(format!(
                "connection {connection}: nothing in the simulation causes this end: {close:?}"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether neither the network nor the applications of a simulation can cause the reason.
    fn is_a_defect(&self, reason: &CloseReason) -> bool {
        match reason {
            // The error with which an initiating entity gives up may cross `<success/>` or
            // `<proceed/>`, and is then read where the header of the next stream (RFC 6120 4.3.3) or
            // the TLS handshake (RFC 6120 5.4.2.3) should be.
            CloseReason::NotWellFormed(_) | CloseReason::PlaintextAfterStarttls => self.established,
            // Those that the faults of a plan send, and those of a peer that is given up.
            CloseReason::StreamError { error, .. } => {
                let expected = matches!(
                    error.condition(),
                    StreamCondition::Reset
                        | StreamCondition::SystemShutdown
                        | StreamCondition::ConnectionTimeout
                );
                self.established && !expected
            }
            CloseReason::Limit(_)
            | CloseReason::Tls(_)
            | CloseReason::TlsRenegotiation(_)
            | CloseReason::AuthenticationFailed(_)
            | CloseReason::StarttlsRefused
            | CloseReason::StarttlsNotOffered
            | CloseReason::Internal(_) => true,
            _ => false,
        }
    }
}

/// Whether the reason tells that the peer's last words have arrived, while what came before them was
/// still delivered.
const fn hears_the_end(reason: &CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::Closed { .. }
            | CloseReason::Reset { by: Side::Peer, .. }
            | CloseReason::StreamError { by: Side::Peer, .. }
    )
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::close::{Manner, Phase};

    fn journal(sent: &[u64], arrived: &[u64], reason: CloseReason) -> Journal {
        let mut journal = Journal::new();
        for number in sent {
            journal.sent(0, *number);
        }
        for number in arrived {
            journal.arrived(0, *number);
        }
        let close = CloseTcp::new(reason, Manner::Graceful, Duration::ZERO, false);
        journal.closed(0, &close);
        journal
    }

    const LOST: CloseReason = CloseReason::Transport(Phase::Established);
    const CLOSED: CloseReason = CloseReason::Closed { by: Side::Us };

    fn arrives(arrived: &[u64], reason: CloseReason) -> Result<Tally, Violation> {
        let sender = journal(&[1, 2, 3], &[], LOST);
        let receiver = journal(&[], arrived, reason);
        assert_eq!(
            sender.compare(&receiver).is_ok(),
            receiver.compare(&sender).is_ok()
        );
        sender.compare(&receiver)
    }

    #[test]
    fn what_arrives_is_the_beginning_of_what_was_sent() {
        let tally = arrives(&[1, 2], LOST).unwrap();
        assert_eq!((tally.sent, tally.arrived), (3, 2));
        arrives(&[], LOST).unwrap();
        // Lost in the middle, doubled, out of order, and never sent.
        for wrong in [&[1, 3][..], &[1, 1], &[2, 1], &[1, 2, 3, 4]] {
            arrives(wrong, LOST).unwrap_err();
        }
    }

    #[test]
    fn nothing_is_lost_where_the_end_was_orderly() {
        arrives(&[1, 2, 3], CLOSED).unwrap();
        arrives(&[1, 2], CLOSED).unwrap_err();
    }

    #[test]
    fn a_reason_that_nothing_causes_is_a_violation() {
        arrives(&[], CloseReason::StarttlsRefused).unwrap_err();
    }
}
