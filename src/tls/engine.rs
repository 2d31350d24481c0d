//! The only place that touches a rustls connection.
//!
//! rustls 0.23's *unbuffered* API, the one that needs no `std`. It has edges
//! that cut, so these rules hold here and in [`Session`](super::Session):
//!
//! * Every call, for whatever purpose, is given exactly the bytes shown and
//!   not discarded: with a handshake fragment pending a shorter window panics.
//! * What a state hands out is encoded on that same object, or it is lost.
//! * A result is judged only after the engine went idle: the library yields
//!   between two messages of one record.
//! * After an error the engine is asked only for queued alerts, then never
//!   again: it does not latch errors itself, and a second fatal alert fails an
//!   assertion in debug builds.
//! * After our own close_notify nothing is fed any more, for the same reason.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, CommonState, Error, ServerConfig, SupportedCipherSuite};

use super::info::{HandshakeKind, TlsVersion};
use super::receive_buffer::ReceiveBuffer;
use super::renegotiation::TlsRole;

/// Room for what the library puts in front of a record (a KeyUpdate, twice at
/// most) beside a record's own overhead.
const SPARE: usize = 128;

pub(super) enum Engine {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What one presentation led to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pumped {
    /// Bytes of text handed to the sink.
    pub(super) text: usize,
    /// The peer's close_notify came.
    pub(super) peer_closed: bool,
}

/// The engine did not do what its state promised.
#[derive(Debug)]
pub(super) struct EngineError;

enum EngineStep {
    Again,
    Text(usize),
    PeerClosed,
    Idle,
}

impl Engine {
    pub(super) fn client(config: ClientConfig, name: ServerName<'static>) -> Result<Self, Error> {
        UnbufferedClientConnection::new(Arc::new(config), name).map(Self::Client)
    }

    pub(super) fn server(config: ServerConfig) -> Result<Self, Error> {
        UnbufferedServerConnection::new(Arc::new(config)).map(Self::Server)
    }

    /// Works off what the buffer shows until the library is idle. Handshake
    /// bytes and alerts are appended to `out`, text goes to `sink`.
    pub(super) fn pump(
        &mut self,
        buffer: &mut ReceiveBuffer,
        out: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Pumped, Error> {
        let mut done = Pumped::default();
        loop {
            let (discard, step) = match self {
                Self::Client(c) => step(c.process_tls_records(buffer.engine_view()), out, sink),
                Self::Server(s) => step(s.process_tls_records(buffer.engine_view()), out, sink),
            };
            buffer.discard(discard);
            match step? {
                EngineStep::Again => {}
                EngineStep::Text(n) => done.text += n,
                EngineStep::PeerClosed => done.peer_closed = true,
                EngineStep::Idle => return Ok(done),
            }
        }
    }

    /// Appends the alerts an error has queued. Output is popped before input
    /// is looked at, so an empty window is right here, whatever is pending;
    /// one call more would not be.
    pub(super) fn drain_alerts(&mut self, out: &mut Vec<u8>) {
        while self.common().wants_write() {
            let (_, step) = match self {
                Self::Client(c) => step(c.process_tls_records(&mut []), out, &mut |_| {}),
                Self::Server(s) => step(s.process_tls_records(&mut []), out, &mut |_| {}),
            };
            if !matches!(step, Ok(EngineStep::Again | EngineStep::Text(_))) {
                return;
            }
        }
    }

    /// Seals `text`, at most one record of it, and appends the record to
    /// `out`, behind key updates that are due.
    pub(super) fn seal(
        &mut self,
        buffer: &mut ReceiveBuffer,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        self.write(buffer, out, text.len() + SPARE, text)
    }

    /// Appends close_notify to `out`, behind key updates that are due.
    pub(super) fn close(
        &mut self,
        buffer: &mut ReceiveBuffer,
        out: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        self.write(buffer, out, SPARE, &[])
    }

    /// Seals `text`, or close_notify if there is none.
    fn write(
        &mut self,
        buffer: &mut ReceiveBuffer,
        out: &mut Vec<u8>,
        room: usize,
        text: &[u8],
    ) -> Result<(), EngineError> {
        match self {
            Self::Client(c) => {
                encrypt(c.process_tls_records(buffer.engine_view()), out, room, text)
            }
            Self::Server(s) => {
                encrypt(s.process_tls_records(buffer.engine_view()), out, room, text)
            }
        }
    }

    pub(super) fn role(&self) -> TlsRole {
        match self {
            Self::Client(_) => TlsRole::Client,
            Self::Server(_) => TlsRole::Server,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// The negotiated version, known before the handshake is complete.
    pub(super) fn version(&self) -> Option<TlsVersion> {
        self.common()
            .protocol_version()
            .and_then(TlsVersion::from_rustls)
    }

    pub(super) fn suite(&self) -> Option<SupportedCipherSuite> {
        self.common().negotiated_cipher_suite()
    }

    pub(super) fn handshake_kind(&self) -> Option<HandshakeKind> {
        Some(match self.common().handshake_kind()? {
            rustls::HandshakeKind::Resumed => HandshakeKind::Resumed,
            rustls::HandshakeKind::Full | rustls::HandshakeKind::FullWithHelloRetryRequest => {
                HandshakeKind::Full
            }
        })
    }

    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.common().alpn_protocol()
    }

    pub(super) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.common().peer_certificates().unwrap_or_default()
    }

    /// How many TLS 1.3 tickets have come, on a client.
    pub(super) fn tickets_received(&self) -> u32 {
        match self {
            Self::Client(c) => c.tls13_tickets_received(),
            Self::Server(_) => 0,
        }
    }

    fn common(&self) -> &CommonState {
        match self {
            Self::Client(c) => c,
            Self::Server(s) => s,
        }
    }
}

fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Vec<u8>,
    sink: &mut dyn FnMut(&[u8]),
) -> (usize, Result<EngineStep, Error>) {
    let mut discard = status.discard;
    let step = match status.state {
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Ok(EngineStep::Again)
        }
        // The output is our transport: appended is transmitted.
        Ok(ConnectionState::TransmitTlsData(transmit)) => {
            transmit.done();
            Ok(EngineStep::Again)
        }
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut text = 0;
            loop {
                match traffic.next_record() {
                    Some(Ok(record)) => {
                        discard += record.discard;
                        text += record.payload.len();
                        sink(record.payload);
                    }
                    Some(Err(error)) => break Err(error),
                    None => break Ok(EngineStep::Text(text)),
                }
            }
        }
        Ok(ConnectionState::PeerClosed) => Ok(EngineStep::PeerClosed),
        // `ReadEarlyData` cannot come: early data is off in our configs.
        Ok(_) => Ok(EngineStep::Idle),
        Err(error) => Err(error),
    };
    (discard, step)
}

/// Appends one record of the library's own. The first attempt tells the size.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, out: &mut Vec<u8>) {
    if let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) {
        let start = out.len();
        out.resize(start + needed.required_size, 0);
        let written = data.encode(out.get_mut(start..).unwrap_or_default());
        out.truncate(start + written.unwrap_or(0));
    }
}

fn encrypt<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Vec<u8>,
    room: usize,
    text: &[u8],
) -> Result<(), EngineError> {
    let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
        return Err(EngineError);
    };
    let start = out.len();
    let mut room = room;
    // More than one retry is unheard of: the size told is exact.
    for _ in 0..3 {
        out.resize(start + room, 0);
        let target = out.get_mut(start..).unwrap_or_default();
        match write(&mut traffic, text, target) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(needed)) => room = needed.required_size,
            Err(EncryptError::EncryptExhausted) => break,
        }
    }
    out.truncate(start);
    Err(EngineError)
}

fn write<Data>(
    traffic: &mut WriteTraffic<'_, Data>,
    text: &[u8],
    target: &mut [u8],
) -> Result<usize, EncryptError> {
    if text.is_empty() {
        traffic.queue_close_notify(target)
    } else {
        traffic.encrypt(text, target)
    }
}
