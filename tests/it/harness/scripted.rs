//! A peer whose stream text the test writes, in plaintext or through TLS.

use std::io::{Read, Write};

use xmpp_stream::time::Instant;
use xmpp_stream::{CloseTcp, Connection, Negotiation};

use super::configs::decide_anonymous;
use super::phases::FOOTER;
use super::role::{Role, TlsPair};
use super::scenarios::WireItem;
use super::{App, Harness, Peer};

/// Writes what the test says, and by itself only what TLS asks for.
#[derive(Default)]
pub struct Scripted {
    tls: Option<Tls>,
}

/// The peer's half of TLS.
struct Tls {
    connection: rustls::Connection,
    /// The machine's close_notify has come.
    closed: bool,
    /// What the machine sent was an alert.
    failed: Option<rustls::Error>,
}

impl Scripted {
    /// Makes a peer that uses TLS from the first byte.
    pub fn with_tls(connection: impl Into<rustls::Connection>) -> Self {
        let tls = Tls {
            connection: connection.into(),
            closed: false,
            failed: None,
        };
        Self { tls: Some(tls) }
    }

    /// Returns the peer's TLS connection. Panics in plaintext.
    pub fn tls(&mut self) -> &mut rustls::Connection {
        &mut self.tls.as_mut().expect("under TLS").connection
    }
}

impl Peer for Scripted {
    fn read(&mut self, bytes: &[u8], text: &mut Vec<u8>, _: Instant) {
        match &mut self.tls {
            None => text.extend_from_slice(bytes),
            Some(tls) => tls.read(bytes, text),
        }
    }

    fn pending(&mut self, _: Instant) -> Vec<u8> {
        self.tls.as_mut().map_or_else(Vec::new, Tls::output)
    }
}

impl Tls {
    fn read(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) {
        while !bytes.is_empty() && self.failed.is_none() {
            self.connection.read_tls(&mut bytes).unwrap();
            match self.connection.process_new_packets() {
                Ok(state) => self.closed |= state.peer_has_closed(),
                Err(error @ rustls::Error::AlertReceived(_)) => self.failed = Some(error),
                Err(error) => panic!("the machine's TLS: {error}"),
            }
            let _would_block = self.connection.reader().read_to_end(text);
        }
    }

    fn write(&mut self, text: &[u8]) -> Vec<u8> {
        self.connection.writer().write_all(text).unwrap();
        self.output()
    }

    fn output(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut out).unwrap();
        }
        out
    }
}

impl<N: Negotiation> Harness<N, Scripted> {
    /// Takes a machine whose peer begins in plaintext, and runs it.
    pub fn scripted(machine: Connection<N>, app: App<N>) -> Self {
        let mut harness = Self::with_peer(machine, app, Scripted::default());
        harness.exchange();
        harness
    }

    /// The peer writes stream text, `chunk` bytes of it at a time; under TLS each
    /// time a record.
    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        for piece in text.as_ref().chunks(self.chunk) {
            self.send_record(piece);
        }
    }

    /// The peer writes stream text, under TLS in one record.
    pub fn send_record(&mut self, text: impl AsRef<[u8]>) {
        let bytes = match &mut self.peer.tls {
            None => text.as_ref().to_vec(),
            Some(tls) => tls.write(text.as_ref()),
        };
        self.send_bytes(&bytes);
    }

    /// The peer writes bytes to TCP as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(self.chunk) {
            self.deliver(part);
        }
        self.exchange();
    }

    /// Exchanges, and returns the stream text that has reached the peer since the
    /// last call.
    pub fn receive(&mut self) -> String {
        String::from_utf8(self.receive_bytes()).expect("the machine writes UTF-8")
    }

    /// The same as bytes, for TLS that the peer does not decrypt.
    pub fn receive_bytes(&mut self) -> Vec<u8> {
        self.exchange();
        std::mem::take(&mut self.text)
    }

    /// The peer writes stream text; returns what it reads then.
    pub fn answer_to(&mut self, text: &str) -> String {
        self.send(text);
        self.receive()
    }

    /// Returns the stream text in bytes that the test took from the machine.
    pub fn open(&mut self, bytes: &[u8]) -> String {
        self.peer.read(bytes, &mut self.text, self.now);
        self.receive()
    }

    /// Completes a handshake: from here on the peer uses TLS. What the machine has
    /// written since the last call of `receive` is its first flight.
    pub fn start_tls(&mut self, connection: impl Into<rustls::Connection>) {
        let hello = self.receive_bytes();
        self.peer = Scripted::with_tls(connection);
        self.peer.read(&hello, &mut self.text, self.now);
        self.exchange();
        let is_handshaking = self.peer.tls().is_handshaking();
        assert!(!is_handshaking, "no handshake: {:?}", self.machine);
    }

    /// The peer ends its direction of TLS.
    pub fn close_notify(&mut self) {
        self.peer.tls().send_close_notify();
        self.exchange();
    }

    /// The peer writes this and ends TLS and TCP, all before the machine is
    /// polled.
    pub fn send_and_disconnect(&mut self, text: &str) {
        let tls = self.peer.tls.as_mut().expect("under TLS");
        let mut bytes = tls.write(text.as_bytes());
        tls.connection.send_close_notify();
        bytes.extend(tls.output());
        assert_eq!(self.machine.receive(&bytes), bytes.len());
        self.fin();
    }

    /// Whether the machine has ended its direction of TLS.
    pub fn received_close_notify(&self) -> bool {
        self.peer.tls.as_ref().is_some_and(|tls| tls.closed)
    }

    /// Returns the alert the machine has sent, if any.
    pub fn tls_error(&self) -> Option<&rustls::Error> {
        self.peer.tls.as_ref()?.failed.as_ref()
    }

    /// The peer ends its direction of TCP.
    pub fn fin(&mut self) {
        self.machine.receive_eof();
        self.exchange();
    }

    /// TCP fails.
    pub fn rst(&mut self) {
        self.machine.transport_failed();
        self.exchange();
    }

    /// Moves the clock to the machine's next deadline. Returns how far that was,
    /// in seconds.
    pub fn advance(&mut self) -> f64 {
        let wait = self.wait.expect("it waits");
        let deadline = wait.deadline.expect("it waits without a deadline");
        let seconds = deadline.saturating_duration_since(self.now).as_secs_f64();
        self.now = self.now.max(deadline);
        self.exchange();
        seconds
    }

    /// Moves the clock until the machine has closed. The peer writes nothing.
    pub fn run_until_closed(&mut self) -> &CloseTcp {
        let mut seconds = 0.0;
        while self.close.is_none() {
            seconds += self.advance();
            assert!(seconds < 200.0, "it hangs: {:?}", self.machine);
        }
        self.closed()
    }

    /// The peer sends `text` each second until the machine has closed. Returns how many seconds
    /// that took.
    pub fn hold_open_with(&mut self, text: &str) -> u64 {
        let start = self.now;
        while self.close.is_none() {
            let seconds = self.now.saturating_duration_since(start).as_secs();
            assert!(seconds < 200, "it hangs: {:?}", self.machine);
            self.now = self.now + std::time::Duration::from_secs(1);
            self.exchange();
            if self.close.is_none() {
                self.send(text);
            }
        }
        self.now.saturating_duration_since(start).as_secs()
    }

    /// The peer closes its direction of the stream, and the connection ends.
    pub fn finish(&mut self) -> &CloseTcp {
        if self.close.is_none() {
            self.send(FOOTER);
        }
        self.run_until_closed()
    }
}

impl<N: Role> Harness<N, Scripted> {
    /// Takes a machine that begins with TLS, `chunk` bytes at a time; every
    /// decision is answered. Nothing is polled yet.
    pub fn over_tls(machine: Connection<N>, tls: &TlsPair, chunk: usize) -> Self {
        let app: App<N> = Box::new(|machine, _| decide_anonymous(machine));
        let peer = Scripted::with_tls(N::tls_peer(tls));
        let mut harness = Self::with_peer(machine, app, peer);
        harness.chunk = chunk;
        harness
    }

    /// The same, established.
    pub fn established(machine: Connection<N>, tls: &TlsPair, chunk: usize) -> Self {
        let mut harness = Self::over_tls(machine, tls, chunk);
        harness.log_in();
        harness
    }

    /// Completes the handshake, and everything until the stream is established.
    pub fn log_in(&mut self) {
        self.exchange();
        for item in N::login() {
            let WireItem::Text(text) = item else {
                unreachable!()
            };
            self.send_record(&text);
        }
        assert!(self.machine.session().is_some(), "{:?}", self.machine);
    }
}
