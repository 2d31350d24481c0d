//! rustls's unbuffered API alone, driven as its documentation says: what every login and every
//! record is compared with.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, ServerConfig};

use crate::meter::{self, Role};

/// Room for what one turn can write.
const ROOM: usize = 1 << 18;

/// One side. Its buffers are lent to it, so that it is as small as it can be.
pub enum Bare {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// Bytes on their way, in a buffer that does not grow.
pub struct Wire {
    bytes: Vec<u8>,
    length: usize,
}

impl Wire {
    pub fn new() -> Self {
        Self {
            bytes: vec![0; ROOM],
            length: 0,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Replaces what it holds.
    pub fn set(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.length = bytes.len();
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.length..]
    }
}

impl Bare {
    pub fn client(config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        Self::Client(UnbufferedClientConnection::new(config.clone(), name).expect("a client"))
    }

    pub fn server(config: &Arc<ServerConfig>) -> Self {
        Self::Server(UnbufferedServerConnection::new(config.clone()).expect("a server"))
    }

    /// Works off `input`, appends what is to be sent to `out`, gives text to `sink`. Returns whether
    /// the handshake is complete.
    pub fn pump(&mut self, input: &mut Wire, out: &mut Wire, sink: &mut dyn FnMut(&[u8])) -> bool {
        let mut start = 0;
        loop {
            let view = &mut input.bytes[start..input.length];
            let (discard, next) = match self {
                Self::Client(client) => turn(client.process_tls_records(view), out, sink),
                Self::Server(server) => turn(server.process_tls_records(view), out, sink),
            };
            start += discard;
            if let Some(complete) = next {
                assert_eq!(start, input.length, "no record is cut");
                input.clear();
                return complete;
            }
        }
    }

    /// Appends a record with `text` to `out`.
    pub fn seal(&mut self, text: &[u8], out: &mut Wire) {
        match self {
            Self::Client(client) => seal(client.process_tls_records(&mut []), text, out),
            Self::Server(server) => seal(server.process_tls_records(&mut []), text, out),
        }
    }
}

fn turn<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Wire,
    sink: &mut dyn FnMut(&[u8]),
) -> (usize, Option<bool>) {
    let mut discard = status.discard;
    let next = match status.state.expect("TLS does not fail") {
        ConnectionState::EncodeTlsData(mut data) => {
            out.length += data.encode(out.room()).expect("room");
            None
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            None
        }
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record.expect("a record");
                discard += record.discard;
                sink(record.payload);
            }
            None
        }
        ConnectionState::BlockedHandshake => Some(false),
        ConnectionState::WriteTraffic(_) => Some(true),
        other => panic!("{other:?}"),
    };
    (discard, next)
}

fn seal<Data>(status: UnbufferedStatus<'_, '_, Data>, text: &[u8], out: &mut Wire) {
    let ConnectionState::WriteTraffic(mut traffic) = status.state.expect("TLS does not fail")
    else {
        panic!("not established");
    };
    out.length += traffic.encrypt(text, out.room()).expect("room");
}

/// Two sides after their handshake.
pub struct BarePair {
    pub sides: [Box<Bare>; 2],
    /// How many records the handshake took in each direction.
    pub handshake_records: [usize; 2],
    /// What travels to each side.
    pub wires: [Wire; 2],
}

impl BarePair {
    pub fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Self {
        let mut wires = [Wire::new(), Wire::new()];
        let mut sides = [
            meter::run(Role::Initiator, || Box::new(Bare::client(client))),
            meter::run(Role::Responder, || Box::new(Bare::server(server))),
        ];
        let mut handshake_records = [0; 2];
        for _ in 0..10 {
            let mut complete = [false; 2];
            for role in Role::BOTH {
                let side = &mut sides[role as usize];
                let [first, second] = &mut wires;
                let (input, out) = match role {
                    Role::Initiator => (first, second),
                    Role::Responder => (second, first),
                };
                let none = &mut |_: &[u8]| panic!("no text yet");
                complete[role as usize] = meter::run(role, || side.pump(input, out, none));
                handshake_records[role as usize] += records(out.bytes()).count();
            }
            if complete == [true; 2] && wires.iter().all(|wire| wire.bytes().is_empty()) {
                return Self {
                    sides,
                    handshake_records,
                    wires,
                };
            }
        }
        panic!("no handshake");
    }

    /// `from` seals each text, the other side opens all.
    pub fn carry<'t>(&mut self, from: Role, texts: impl Iterator<Item = &'t [u8]> + Clone) {
        let [first, second] = &mut self.wires;
        let (there, back) = match from {
            Role::Initiator => (second, first),
            Role::Responder => (first, second),
        };
        let sender = &mut self.sides[from as usize];
        meter::run(from, || texts.for_each(|text| sender.seal(text, there)));
        let receiver = &mut self.sides[from.other() as usize];
        let sink = &mut |text: &[u8]| {
            std::hint::black_box(text);
        };
        meter::run(from.other(), || receiver.pump(there, back, sink));
        assert!(back.bytes().is_empty());
    }
}

/// The records in `bytes`, which holds whole ones: their content with what the cipher added.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let [_, _, _, high, low, rest @ ..] = bytes else {
            assert!(bytes.is_empty(), "a whole record");
            return None;
        };
        let (record, next) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        bytes = next;
        Some(record)
    })
}
