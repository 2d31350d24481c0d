//! One machine against a peer played by hand: stream text in, stream text out,
//! under TLS or not, under a virtual clock.

use std::io::{Read, Write};

use xmpp_stream::time::Instant;
use xmpp_stream::{CloseTcp, Connection, Manner, Negotiation};

use super::lead::FOOTER;
use super::pair::{App, Side};

/// See the module.
pub struct Hand<N: Negotiation> {
    pub side: Side<N>,
    pub now: Instant,
    /// How many bytes of text are fed at a time.
    pub chunk: usize,
    /// What the machine has said and nobody has looked at.
    text: Vec<u8>,
    tls: Option<PeerTls>,
}

/// The peer's half of TLS.
struct PeerTls {
    connection: rustls::Connection,
    /// The machine's close_notify has come.
    closed: bool,
    /// What the machine sent was not TLS, or an alert.
    failed: Option<rustls::Error>,
}

impl<N: Negotiation> Hand<N> {
    pub fn new(machine: Connection<N>, app: App<N>) -> Self {
        let mut hand = Self {
            side: Side::new(machine, app),
            now: Instant::from_millis(0),
            chunk: usize::MAX,
            text: Vec::new(),
            tls: None,
        };
        hand.pump();
        hand
    }

    /// Lets the machine work, and takes what it says.
    pub fn pump(&mut self) {
        loop {
            self.side.drive(self.now);
            let bytes = self.side.take(usize::MAX);
            if bytes.is_empty() {
                return;
            }
            match &mut self.tls {
                None => self.text.extend_from_slice(&bytes),
                Some(tls) => tls.take(&bytes, &mut self.text),
            }
        }
    }

    /// Says stream text to the machine, in chunks.
    pub fn say(&mut self, text: impl AsRef<[u8]>) {
        for piece in text.as_ref().chunks(self.chunk) {
            let bytes = match &mut self.tls {
                None => piece.to_vec(),
                Some(tls) => tls.seal(piece),
            };
            self.raw(&bytes);
        }
    }

    /// Gives the machine bytes as from TCP.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.side.feed(bytes, self.now);
        self.pump();
    }

    /// What the machine has said since the last look.
    pub fn said(&mut self) -> String {
        String::from_utf8(self.raw_said()).expect("the machine speaks UTF-8")
    }

    /// The same as bytes, where it is TLS that nobody opens.
    pub fn raw_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// Bytes taken by hand, as stream text.
    pub fn opened(&mut self, bytes: &[u8]) -> String {
        match &mut self.tls {
            None => self.text.extend_from_slice(bytes),
            Some(tls) => tls.take(bytes, &mut self.text),
        }
        self.said()
    }

    /// From here on the peer speaks TLS, and what the machine said since the
    /// last look is TLS: completes the handshake.
    pub fn secure(&mut self, connection: impl Into<rustls::Connection>) {
        let mut tls = PeerTls {
            connection: connection.into(),
            closed: false,
            failed: None,
        };
        let hello = std::mem::take(&mut self.text);
        tls.take(&hello, &mut self.text);
        self.tls = Some(tls);
        for _ in 0..20 {
            self.pump();
            let Some(tls) = &mut self.tls else { return };
            let bytes = tls.output();
            if bytes.is_empty() && !tls.connection.is_handshaking() {
                return;
            }
            self.raw(&bytes);
        }
        panic!("no handshake: {:?}", self.side.machine);
    }

    /// The peer ends its direction of TLS.
    pub fn close_notify(&mut self) {
        let tls = self.tls.as_mut().expect("under TLS");
        tls.connection.send_close_notify();
        let bytes = tls.output();
        self.raw(&bytes);
    }

    /// The peer says this, ends TLS and TCP, all before the machine is polled.
    pub fn say_and_leave(&mut self, text: &str) {
        let tls = self.tls.as_mut().expect("under TLS");
        let mut bytes = tls.seal(text.as_bytes());
        tls.connection.send_close_notify();
        bytes.extend(tls.output());
        assert_eq!(self.side.machine.receive(&bytes), bytes.len());
        self.fin();
    }

    /// Whether the machine ended its direction of TLS.
    pub fn got_close_notify(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.closed)
    }

    /// What the peer's TLS has to object to.
    pub fn tls_error(&self) -> Option<&rustls::Error> {
        self.tls.as_ref()?.failed.as_ref()
    }

    pub fn fin(&mut self) {
        self.side.machine.receive_eof();
        self.pump();
    }

    pub fn rst(&mut self) {
        self.side.machine.transport_failed();
        self.pump();
    }

    /// Sleeps until the machine's next deadline; how long that was, in
    /// seconds.
    pub fn sleep(&mut self) -> f64 {
        let wait = self.side.wait.expect("it waits");
        let deadline = wait.deadline.expect("it waits for ever");
        let slept = deadline.saturating_duration_since(self.now).as_secs_f64();
        self.now = self.now.max(deadline);
        self.pump();
        slept
    }

    /// Sleeps until the machine has closed, at most that long. The peer says
    /// nothing more.
    pub fn run_out(&mut self) -> &CloseTcp {
        let mut slept = 0.0;
        while self.side.close.is_none() {
            slept += self.sleep();
            assert!(slept < 200.0, "it hangs: {:?}", self.side.machine);
        }
        self.close()
    }

    /// Closes the peer's side, too, and lets it end.
    pub fn part(&mut self) -> &CloseTcp {
        if self.side.close.is_none() {
            self.say(FOOTER);
        }
        self.run_out()
    }

    pub fn close(&self) -> &CloseTcp {
        self.side.close.as_ref().expect("closed")
    }

    /// The code of the reason, and the manner.
    pub fn end(&self) -> (&'static str, Manner) {
        (self.close().reason().code(), self.close().manner())
    }

    /// Events since the `from`th, readable.
    pub fn told_since(&self, from: usize) -> Vec<String> {
        self.side.told().split_off(from)
    }
}

impl PeerTls {
    fn take(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) {
        while !bytes.is_empty() && self.failed.is_none() {
            self.connection.read_tls(&mut bytes).unwrap();
            match self.connection.process_new_packets() {
                Ok(state) => self.closed |= state.peer_has_closed(),
                Err(error) => self.failed = Some(error),
            }
            let _would_block = self.connection.reader().read_to_end(text);
        }
    }

    fn seal(&mut self, text: &[u8]) -> Vec<u8> {
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
