//! The rustls connection, and the only code that drives it.
//!
//! rustls 0.23's *unbuffered* API is the one that needs no `std`. These rules keep its calls safe;
//! they hold here and in [`TlsSession`](super::TlsSession):
//!
//! * Every call, for whatever purpose, is given exactly the bytes exposed and not discarded. With a
//!   handshake fragment pending, a shorter view panics.
//! * What a state hands out is encoded on that same object, or it is lost.
//! * A result is looked at only after the engine went idle, because the library stops between two
//!   messages of one record.
//! * After an error the engine is asked only for queued alerts, and for one more if there was none
//!   ([`Engine::provoke_alert`]). The library does not latch errors itself, and a second fatal
//!   alert fails an assertion of its own in debug builds.
//! * After our own close_notify no record is given to it, for the same reason. Its keys go to
//!   [`post_close`](super::post_close) then.
//!
//! Change here how the library is called. What a result means is decided in
//! [`session`](super::session) and [`renegotiation`](super::renegotiation).

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
use super::post_close::RecordOpener;
use super::receive_buffer::ReceiveBuffer;
#[cfg(feature = "testkit")]
use super::record_keys::RecordKeys;
use super::renegotiation::TlsRole;

/// Space for what the library puts before a record (a KeyUpdate, twice at most) beside the
/// record's overhead.
const SPARE: usize = 128;

/// Calls that [`Engine::provoke_alert`] makes at most. Messages that are whole in the buffer are
/// refused one per call.
const ALERT_ATTEMPTS: usize = 8;

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

    /// Processes what the buffer exposes until the library is idle. Handshake bytes and alerts are
    /// appended to `out`, text goes to `sink`.
    pub(super) fn pump(
        &mut self,
        buffer: &mut ReceiveBuffer,
        out: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Pumped, Error> {
        let mut done = Pumped::default();
        loop {
            let (discard, step) = self.process(buffer.engine_view(), out, sink);
            buffer.discard(discard);
            match step? {
                EngineStep::Again => {}
                EngineStep::Text(n) => done.text += n,
                EngineStep::PeerClosed => done.peer_closed = true,
                EngineStep::Idle => return Ok(done),
            }
        }
    }

    /// Appends the alerts an error has queued. The library hands out queued output before it looks
    /// at input, so an empty view is right here whatever is pending. One call more would not be.
    pub(super) fn drain_alerts(&mut self, out: &mut Vec<u8>) {
        while self.common().wants_write() {
            let (_, step) = self.process(&mut [], out, &mut |_| {});
            if !matches!(step, Ok(EngineStep::Again | EngineStep::Text(_))) {
                return;
            }
        }
    }

    /// Has the library append a fatal alert of its own, protected as the moment needs it, by a
    /// record header it must refuse (usually `decode_error`). For refusals that the library does
    /// not make, or makes without an alert; it has no call for this.
    ///
    /// Must not be called after a fatal alert or close_notify. The session ends with it.
    pub(super) fn provoke_alert(&mut self, buffer: &mut ReceiveBuffer, out: &mut Vec<u8>) {
        buffer.expose_invalid_header();
        for _ in 0..ALERT_ATTEMPTS {
            let mut ignored = Vec::new();
            let (discard, step) = self.process(buffer.engine_view(), &mut ignored, &mut |_| {});
            buffer.discard(discard);
            if step.is_err() && self.common().wants_write() {
                return self.drain_alerts(out);
            }
        }
    }

    /// Encrypts `text`, at most one record of it, and appends the record to `out`, after key
    /// updates that are due.
    pub(super) fn seal(
        &mut self,
        buffer: &mut ReceiveBuffer,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        self.write(buffer, out, text.len() + SPARE, text)
    }

    /// Appends close_notify to `out`, after key updates that are due.
    pub(super) fn close(
        &mut self,
        buffer: &mut ReceiveBuffer,
        out: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        self.write(buffer, out, SPARE, &[])
    }

    /// Ends the connection and returns what opens the records that still come. Returns `None` if
    /// the crypto provider does not give its keys out.
    pub(super) fn into_record_opener(self) -> Option<RecordOpener> {
        match self {
            Self::Client(c) => {
                let (secrets, kernel) = c.dangerous_into_kernel_connection().ok()?;
                RecordOpener::client(kernel, secrets.rx)
            }
            Self::Server(s) => {
                let (secrets, kernel) = s.dangerous_into_kernel_connection().ok()?;
                RecordOpener::server(kernel, secrets.rx)
            }
        }
    }

    /// Ends the connection and returns its keys. Returns `None` before the handshake is complete, and
    /// if the crypto provider does not give its keys out.
    #[cfg(feature = "testkit")]
    pub(super) fn into_record_keys(self) -> Option<RecordKeys> {
        let suite = self.suite()?;
        let secrets = match self {
            Self::Client(c) => c.dangerous_into_kernel_connection().ok()?.0,
            Self::Server(s) => s.dangerous_into_kernel_connection().ok()?.0,
        };
        RecordKeys::new(suite, secrets)
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// Returns the negotiated version, which is known before the handshake is complete.
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

    /// Returns how many TLS 1.3 tickets a client has received.
    pub(super) fn tickets_received(&self) -> u32 {
        match self {
            Self::Client(c) => c.tls13_tickets_received(),
            Self::Server(_) => 0,
        }
    }

    pub(super) fn role(&self) -> TlsRole {
        match self {
            Self::Client(_) => TlsRole::Client,
            Self::Server(_) => TlsRole::Server,
        }
    }

    fn common(&self) -> &CommonState {
        match self {
            Self::Client(c) => c,
            Self::Server(s) => s,
        }
    }

    /// Calls the library once, and returns how many bytes it discards.
    fn process(
        &mut self,
        view: &mut [u8],
        out: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<EngineStep, Error>) {
        match self {
            Self::Client(c) => step(c.process_tls_records(view), out, sink),
            Self::Server(s) => step(s.process_tls_records(view), out, sink),
        }
    }

    /// Encrypts `text`, or close_notify if there is none.
    fn write(
        &mut self,
        buffer: &mut ReceiveBuffer,
        out: &mut Vec<u8>,
        space: usize,
        text: &[u8],
    ) -> Result<(), EngineError> {
        let view = buffer.engine_view();
        match self {
            Self::Client(c) => encrypt(c.process_tls_records(view), out, space, text),
            Self::Server(s) => encrypt(s.process_tls_records(view), out, space, text),
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
        // The output is our transport: what is appended counts as transmitted.
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

/// Appends one record that the library has made. The first attempt tells the size.
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
    space: usize,
    text: &[u8],
) -> Result<(), EngineError> {
    let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
        return Err(EngineError);
    };
    let start = out.len();
    let mut space = space;
    // One retry is enough, because the size told is exact.
    for _ in 0..3 {
        out.resize(start + space, 0);
        let target = out.get_mut(start..).unwrap_or_default();
        match write(&mut traffic, text, target) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(needed)) => space = needed.required_size,
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
