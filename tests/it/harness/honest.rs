//! A stream over TLS with a peer that keeps to the rules of TLS.

use xmpp_stream::time::Instant;
use xmpp_stream::{Connection, Negotiation};

use super::bench::{START, Subject, TlsPair, answer};
use super::hostile_tls::HostileTls;
use super::pair::{App, Side};
use super::scenes::Say;

/// A stream over TLS with an ordinary peer.
pub struct Honest<N: Negotiation> {
    pub side: Side<N>,
    pub peer: HostileTls,
    pub now: Instant,
    /// What the peer has read.
    pub text: Vec<u8>,
    /// How many bytes the machine gets at a time.
    chunk: usize,
}

impl<N: Subject> Honest<N> {
    /// Established.
    pub fn new(machine: Connection<N>, tls: &TlsPair, chunk: usize) -> Self {
        let mut honest = Self::unspoken(machine, tls, chunk);
        honest.log_in();
        honest
    }

    /// Before the first byte.
    pub fn unspoken(machine: Connection<N>, tls: &TlsPair, chunk: usize) -> Self {
        let app: App<N> = Box::new(|machine, _| answer(machine, None));
        Self {
            side: Side::new(machine, app),
            peer: N::peer(tls),
            now: START,
            text: Vec::new(),
            chunk,
        }
    }

    /// TLS, and everything until the stream is established.
    pub fn log_in(&mut self) {
        self.drain();
        for say in N::login() {
            let Say::Text(text) = say else { unreachable!() };
            self.say(&text);
        }
        assert!(self.side.machine.session().is_some());
    }

    /// The peer says this.
    pub fn say(&mut self, text: &str) {
        self.peer.write(text.as_bytes());
        self.drain();
    }

    /// Carries bytes both ways until nothing moves.
    pub fn drain(&mut self) {
        loop {
            let theirs = self.peer.output();
            for part in theirs.chunks(self.chunk) {
                self.side.feed(part, self.now);
            }
            self.side.drive(self.now);
            let ours = self.side.take(usize::MAX);
            self.peer.receive(&ours);
            let text = self.peer.read();
            self.text.extend(text);
            if ours.is_empty() && theirs.is_empty() {
                return;
            }
        }
    }
}
