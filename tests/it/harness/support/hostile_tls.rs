//! A TLS peer that can put any *authentic* record on the wire.
//!
//! It begins as an ordinary buffered rustls connection, in either role. At any
//! moment after the handshake [`HostileTls::turn`] takes the traffic keys out
//! of it; from then on [`seal`](HostileTls::seal) makes records of any type
//! and content, and [`open`](HostileTls::open) reads what comes back.

use std::io::{Read, Write};
use std::sync::Arc;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce,
    UnboundKey,
};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, ConnectionTrafficSecrets, HandshakeKind,
    ProtocolVersion, ServerConfig, ServerConnection,
};

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

pub const HELLO_REQUEST: [u8; 4] = [0; 4];
pub const CLOSE_NOTIFY: [u8; 2] = [1, 0];
pub const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
pub const KEY_UPDATE_REQUEST: [u8; 5] = [24, 0, 0, 1, 1];

pub struct HostileTls {
    mode: Mode,
    /// Text received while honest.
    text: Vec<u8>,
    /// What was received in [`Mode::Hostile`] and is no whole record yet.
    rest: Vec<u8>,
}

enum Mode {
    Honest(Box<Connection>),
    Hostile { tx: Box<Keys>, rx: Box<Keys> },
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
        let version = connection.protocol_version().unwrap();
        let secrets = connection.dangerous_extract_secrets().unwrap();
        self.mode = Mode::Hostile {
            tx: Box::new(Keys::new(version, secrets.tx)),
            rx: Box::new(Keys::new(version, secrets.rx)),
        };
    }

    /// An authentic record.
    pub fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        match &mut self.mode {
            Mode::Hostile { tx, .. } => tx.seal(kind, content),
            _ => panic!("turn first"),
        }
    }

    /// The number of the next record sealed here.
    pub fn sent_number(&self) -> u64 {
        match &self.mode {
            Mode::Hostile { tx, .. } => tx.sequence,
            _ => panic!("turn first"),
        }
    }

    /// The number of the next record to open.
    pub fn received_number(&self) -> u64 {
        match &self.mode {
            Mode::Hostile { rx, .. } => rx.sequence,
            _ => panic!("turn first"),
        }
    }

    /// Returns a record this peer has sealed, sealed again as number `sequence`, with more content.
    pub fn repack(&mut self, record: &[u8], sequence: u64, more: &[u8]) -> Vec<u8> {
        let Mode::Hostile { tx, .. } = &mut self.mode else {
            panic!("turn first");
        };
        let next = tx.sequence;
        tx.sequence = sequence;
        let (kind, content) = tx.open(record);
        tx.sequence = sequence;
        let repacked = tx.seal(kind, &[&content, more].concat());
        tx.sequence = next;
        repacked
    }

    /// The whole records in `bytes` and what came before, opened: type and
    /// content. Panics on one that is not authentic.
    pub fn open(&mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.rest.extend_from_slice(bytes);
        let Mode::Hostile { rx, .. } = &mut self.mode else {
            panic!("turn first");
        };
        let mut opened = Vec::new();
        while let Some(len) = record_len(&self.rest) {
            let record: Vec<u8> = self.rest.drain(..len).collect();
            opened.push(rx.open(&record));
        }
        opened
    }
}

/// A record that is not authentic.
pub fn forged(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &len[..], payload].concat()
}

/// A handshake message.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &len[1..], body].concat()
}

/// A ClientHello such as a renegotiating TLS 1.2 client sends; `tls13` adds
/// `supported_versions`.
pub fn client_hello(tls13: bool) -> Vec<u8> {
    let mut extensions: Vec<u8> = [
        &[0xff, 1, 0, 1, 0][..],          // renegotiation_info
        &[0, 10, 0, 4, 0, 2, 0, 29],      // supported_groups: x25519
        &[0, 11, 0, 2, 1, 0],             // ec_point_formats
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4], // signature_algorithms
        &[0, 23, 0, 0],                   // extended_master_secret
    ]
    .concat();
    if tls13 {
        extensions.extend([0, 43, 0, 3, 2, 3, 4]);
    }
    let len = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let suites = [0, 6, 0xc0, 0x2b, 0xc0, 0x2f, 0x13, 0x01];
    let body = [
        &[3, 3][..],
        &[0x55; 32],
        &[0],
        &suites,
        &[1, 0],
        &len,
        &extensions,
    ]
    .concat();
    message(1, &body)
}

/// The length of the record `bytes` begin with, if it is whole.
pub fn record_len(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..5)?;
    let len = 5 + usize::from(u16::from_be_bytes([header[3], header[4]]));
    (bytes.len() >= len).then_some(len)
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

/// The keys of one direction.
struct Keys {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    sequence: u64,
    form: Form,
}

/// How nonce and additional data are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Tls12Gcm,
    Tls12ChaCha,
    Tls13,
}

impl Keys {
    fn new(version: ProtocolVersion, (sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let (algorithm, key, iv): (&'static Algorithm, _, _) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => panic!("unknown suite"),
        };
        let form = match version {
            ProtocolVersion::TLSv1_3 => Form::Tls13,
            _ if std::ptr::eq(algorithm, &raw const CHACHA20_POLY1305) => Form::Tls12ChaCha,
            _ => Form::Tls12Gcm,
        };
        Self {
            key: LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).unwrap()),
            iv: iv.as_ref().try_into().unwrap(),
            sequence,
            form,
        }
    }

    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.next();
        let nonce = self.nonce(sequence);
        let mut sealed = content.to_vec();
        let (outer, explicit): (u8, &[u8]) = match self.form {
            Form::Tls12Gcm => (kind, &nonce[4..]),
            Form::Tls12ChaCha => (kind, &[]),
            Form::Tls13 => {
                sealed.push(kind);
                (DATA, &[])
            }
        };
        let wire_len = u16::try_from(explicit.len() + sealed.len() + 16).unwrap();
        let header = header(outer, wire_len);
        let aad = self.additional_data(sequence, kind, sealed.len(), header);
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut sealed,
            )
            .unwrap();
        [&header, explicit, &sealed].concat()
    }

    fn open(&mut self, record: &[u8]) -> (u8, Vec<u8>) {
        let sequence = self.next();
        let mut nonce = self.nonce(sequence);
        let (header, mut payload) = record.split_at(5);
        if self.form == Form::Tls12Gcm {
            let (explicit, rest) = payload.split_at(8);
            nonce[4..].copy_from_slice(explicit);
            payload = rest;
        }
        let header: [u8; 5] = header.try_into().unwrap();
        let aad = self.additional_data(sequence, header[0], payload.len() - 16, header);
        let mut payload = payload.to_vec();
        let text = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut payload,
            )
            .expect("authentic");
        match self.form {
            Form::Tls13 => {
                let end = text.iter().rposition(|byte| *byte != 0).unwrap();
                (text[end], text[..end].to_vec())
            }
            _ => (header[0], text.to_vec()),
        }
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    fn nonce(&self, sequence: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(sequence.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    fn additional_data(&self, sequence: u64, kind: u8, plain: usize, wire: [u8; 5]) -> Vec<u8> {
        if self.form == Form::Tls13 {
            return wire.to_vec();
        }
        let plain = header(kind, u16::try_from(plain).unwrap());
        [&sequence.to_be_bytes()[..], &plain].concat()
    }
}

fn header(kind: u8, len: u16) -> [u8; 5] {
    let [high, low] = len.to_be_bytes();
    [kind, 3, 3, high, low]
}
