//! Two machines of ours, back to back.

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::time::Instant;
use xmpp_stream::{Initiator, Negotiation, Responder};

use super::configs::decide;
use super::{Harness, Peer};

/// An initiator whose peer is a responder.
pub type Pair = Harness<InitiatorRole, Harness<ResponderRole>>;

impl<M: Negotiation> Peer for Harness<M> {
    fn read(&mut self, bytes: &[u8], _: &mut Vec<u8>, now: Instant) {
        self.now = now;
        self.deliver(bytes);
    }

    fn pending(&mut self, now: Instant) -> Vec<u8> {
        self.run_at(now);
        self.transmit(self.chunk)
    }
}

impl Pair {
    /// Takes both machines. The responder's application answers every decision.
    pub fn connect(initiator: Initiator, responder: Responder) -> Self {
        let responder = Harness::new(responder, Box::new(|machine, _| decide(machine)));
        Self::with_peer(initiator, Box::new(|_, _| {}), responder)
    }

    /// Exchanges, and lets TCP end where a machine has closed, until both have.
    pub fn finish(&mut self) {
        for _ in 0..100 {
            self.exchange();
            if self.close.is_some() {
                self.peer.machine.receive_eof();
            }
            if self.peer.close.is_some() {
                self.machine.receive_eof();
            }
            self.exchange();
            if self.close.is_some() && self.peer.close.is_some() {
                return;
            }
            let next = [self.wait, self.peer.wait]
                .into_iter()
                .flatten()
                .filter_map(|wait| wait.deadline)
                .min()
                .expect("a deadline");
            self.now = self.now.max(next);
        }
        panic!("no end");
    }
}
