//! A peer that writes TLS records of any type and content.

use xmpp_stream::tls::HandshakeKind;
use xmpp_stream::{Connection, EventBuf, Negotiation};

use super::configs::decide_anonymous;
use super::hostile_tls::{DATA, HostileTls};
use super::pki::Version;
use super::role::{Carrier, Role, TlsPair};
use super::scenarios::WireItem;
use super::{App, Harness};

impl<N: Negotiation> Harness<N> {
    /// Completes the handshake with an ordinary TLS peer, `chunk` bytes at a
    /// time. From then on that peer chooses every record.
    pub fn hostile(mut self, mut peer: HostileTls, chunk: usize) -> Harness<N, HostileTls> {
        peer.handshake(&mut |bytes| {
            for part in bytes.chunks(chunk) {
                self.deliver(part);
            }
            self.run();
            self.transmit(usize::MAX)
        });
        self.text.extend(peer.read());
        peer.turn();
        self.map_peer(|()| peer)
    }
}

impl<N: Role> Harness<N, HostileTls> {
    /// Takes a machine that begins with TLS and completes the handshake, `chunk`
    /// bytes at a time; every decision is answered.
    pub fn over_tls(machine: Connection<N>, tls: &TlsPair, chunk: usize) -> Self {
        let app: App<N> = Box::new(|machine, _| decide_anonymous(machine));
        Harness::new(machine, app).hostile(N::peer(tls), chunk)
    }

    /// The same with the machine of the role; the peer has written no text yet.
    pub fn secured(tls: &TlsPair, version: Version) -> Self {
        Self::over_tls(
            N::machine(Carrier::DirectTls(version), tls, None),
            tls,
            4096,
        )
    }

    /// The same, established, and everything written until then is read.
    pub fn established(tls: &TlsPair, version: Version) -> Self {
        let mut harness = Self::secured(tls, version);
        harness.log_in();
        harness
    }

    /// Everything until the stream is established.
    pub fn log_in(&mut self) {
        for item in N::login() {
            self.send(&item);
            self.receive();
        }
        assert!(self.machine.session().is_some(), "{:?}", self.machine);
    }

    /// Whether the TLS session of an earlier connection was resumed.
    pub fn is_resumed(&self) -> bool {
        self.events.iter().any(|event| match event {
            EventBuf::TlsEstablished(info) => info.handshake() == HandshakeKind::Resumed,
            _ => false,
        })
    }
}

impl<N: Negotiation> Harness<N, HostileTls> {
    /// Returns the bytes of what the peer writes, which the test delivers.
    pub fn seal(&mut self, item: &WireItem) -> Vec<u8> {
        item.seal(&mut self.peer)
    }

    /// The peer writes this.
    pub fn send(&mut self, item: &WireItem) {
        let bytes = self.seal(item);
        self.deliver(&bytes);
        self.run();
    }

    /// The peer writes stream text in one record; returns what it reads then.
    pub fn answer_to(&mut self, text: &str) -> String {
        self.send(&WireItem::Text(text.into()));
        self.receive()
    }

    /// Returns the stream text that has reached the peer since the last call.
    pub fn receive(&mut self) -> String {
        let records = self.receive_records();
        let mut text = std::mem::take(&mut self.text);
        for (kind, content) in records {
            if kind == DATA {
                text.extend(content);
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// Takes what the machine has for TCP, as records.
    pub fn receive_records(&mut self) -> Vec<(u8, Vec<u8>)> {
        let bytes = self.transmit(usize::MAX);
        self.peer.open(&bytes)
    }
}
