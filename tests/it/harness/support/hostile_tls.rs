//! A TLS peer that can put any *authentic* record on the wire.
//!
//! It begins as an ordinary buffered rustls connection, in either role. At any
//! moment after the handshake [`HostileTls::turn`] takes the traffic keys out
//! of it; from then on [`seal`](HostileTls::seal) makes records of any type
//! and content, and [`open`](HostileTls::open) reads what comes back.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, HandshakeKind, ServerConfig, ServerConnection,
};
#[allow(unused_imports, reason = "each test uses a part")]
pub use xmpp_stream::testkit::attack::content_type::{ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE};
#[allow(unused_imports, reason = "each test uses a part")]
pub use xmpp_stream::testkit::attack::{
    CLOSE_NOTIFY, HELLO_REQUEST, KEY_UPDATE, KEY_UPDATE_REQUEST, client_hello,
    forged_record as forged, handshake_message as message, record_len,
};
use xmpp_stream::tls::RecordKeys;

pub struct HostileTls {
    mode: Mode,
    /// Text received while honest.
    text: Vec<u8>,
    /// What was received in [`Mode::Hostile`] and is no whole record yet.
    rest: Vec<u8>,
}

enum Mode {
    Honest(Box<Connection>),
    Hostile(Box<RecordKeys>),
    Turning,
}

impl HostileTls {
    pub fn client(mut config: ClientConfig, name: ServerName<'static>) -> Self {
        config.enable_secret_extraction = true;
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::new(connection.into())
    }

    pub fn server(mut config: ServerConfig) -> Self {
        config.enable_secret_extraction = true;
        Self::new(ServerConnection::new(Arc::new(config)).unwrap().into())
    }

    fn new(connection: Connection) -> Self {
        Self {
            mode: Mode::Honest(Box::new(connection)),
            text: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Completes the handshake with what `exchange` stands for: it is given
    /// our bytes and returns the answer.
    pub fn handshake(&mut self, exchange: &mut dyn FnMut(&[u8]) -> Vec<u8>) {
        for _ in 0..20 {
            let ours = self.output();
            let theirs = exchange(&ours);
            if ours.is_empty() && theirs.is_empty() && !self.honest().is_handshaking() {
                return;
            }
            self.receive(&theirs);
        }
        panic!("no handshake");
    }

    /// The same, for the side that finishes: returns its last flight, unsent,
    /// and ends the honest part.
    pub fn up_to_finished(&mut self, exchange: &mut dyn FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
        for _ in 0..20 {
            let ours = self.output();
            if !self.honest().is_handshaking() {
                self.turn();
                return ours;
            }
            let theirs = exchange(&ours);
            self.receive(&theirs);
        }
        panic!("no handshake");
    }

    /// Ciphertext for the other side (while honest).
    pub fn output(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.honest().wants_write() {
            self.honest().write_tls(&mut out).unwrap();
        }
        out
    }

    /// Ciphertext from the other side (while honest).
    pub fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.honest().read_tls(&mut bytes).unwrap();
            self.honest().process_new_packets().unwrap();
            let mut text = core::mem::take(&mut self.text);
            // Ends with `WouldBlock`, or at close_notify.
            let _end = self.honest().reader().read_to_end(&mut text);
            self.text = text;
        }
    }

    /// Text for the other side; then see [`output`](Self::output).
    pub fn write(&mut self, text: &[u8]) {
        self.honest().writer().write_all(text).unwrap();
    }

    /// The text received since the last call.
    pub fn read(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.text)
    }

    /// The honest connection, for its facts.
    pub fn honest(&mut self) -> &mut Connection {
        match &mut self.mode {
            Mode::Honest(connection) => connection,
            _ => panic!("no longer honest"),
        }
    }

    pub fn kind(&mut self) -> HandshakeKind {
        self.honest().handshake_kind().unwrap()
    }

    /// How many TLS 1.3 tickets have come (as a client).
    pub fn tickets_received(&mut self) -> u32 {
        match self.honest() {
            Connection::Client(client) => client.tls13_tickets_received(),
            Connection::Server(_) => 0,
        }
    }

    /// Ends the honest part. The handshake must be complete and no output
    /// waiting.
    pub fn turn(&mut self) {
        let Mode::Honest(connection) = std::mem::replace(&mut self.mode, Mode::Turning) else {
            panic!("no longer honest");
        };
        // aws-lc-rs seals with a key only from record 0 on, so the cipher is always ring's.
        let name = connection.negotiated_cipher_suite().unwrap().suite();
        let suites = ring::default_provider().cipher_suites;
        let suite = suites.into_iter().find(|suite| suite.suite() == name);
        let suite = suite.unwrap();
        let secrets = connection.dangerous_extract_secrets().unwrap();
        self.mode = Mode::Hostile(Box::new(RecordKeys::new(suite, secrets).unwrap()));
    }

    fn keys(&self) -> &RecordKeys {
        match &self.mode {
            Mode::Hostile(keys) => keys,
            _ => panic!("turn first"),
        }
    }

    fn keys_mut(&mut self) -> &mut RecordKeys {
        match &mut self.mode {
            Mode::Hostile(keys) => keys,
            _ => panic!("turn first"),
        }
    }

    /// An authentic record.
    pub fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        self.keys_mut().seal(kind, content).unwrap()
    }

    /// The number of the next record sealed here.
    pub fn sent_number(&self) -> u64 {
        self.keys().sent()
    }

    /// The number of the next record to open.
    pub fn received_number(&self) -> u64 {
        self.keys().received()
    }

    /// Returns a record this peer has sealed under TLS 1.2 with GCM, sealed again as number `sequence`,
    /// with more content.
    pub fn repack(&mut self, record: &[u8], sequence: u64, more: &[u8]) -> Vec<u8> {
        // Header and explicit nonce stand before the content, the tag after it.
        let sealed = 13..record.len() - 16;
        let zeros = vec![0; sealed.len()];
        // The same number gives the same key stream, and sealed zeros are that.
        let keys = self.keys_mut();
        let stream = keys.seal_as(sequence, record[0], &zeros).unwrap();
        let mut content: Vec<u8> = std::iter::zip(&record[sealed.clone()], &stream[sealed])
            .map(|(byte, key)| byte ^ key)
            .collect();
        content.extend_from_slice(more);
        keys.seal_as(sequence, record[0], &content).unwrap()
    }

    /// The whole records in `bytes` and what came before, opened: type and
    /// content. Panics on one that is not authentic.
    pub fn open(&mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.rest.extend_from_slice(bytes);
        let mut opened = Vec::new();
        while let Some(len) = record_len(&self.rest) {
            let record: Vec<u8> = self.rest.drain(..len).collect();
            opened.push(self.keys_mut().open(&record).expect("authentic"));
        }
        opened
    }
}

/// The types of the records in `bytes`.
pub fn record_types(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut types = Vec::new();
    while let Some(len) = record_len(rest) {
        types.push(rest[0]);
        rest = &rest[len..];
    }
    assert!(rest.is_empty(), "not whole records");
    types
}
