//! One TLS session, from the first byte of the handshake to close_notify.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use rustls::pki_types::ServerName;

use super::channel_binding::{Binding, ChannelBinding};
use super::config::{ClientTls, Resumption, ServerTls, SetupError, TlsLimits, Verification};
use super::config_hooks::{CertResolverHook, KeyLogHook};
use super::engine::Engine;
use super::exporter::Secret;
use super::info::{Counters, TlsInfo};
use super::key_usage::KeyUsage;
use super::proof::{Encrypted, Verified};
use super::reason::TlsFailure;
use super::receive_buffer::ReceiveBuffer;
use super::record::{HEADER_LEN, MAX_PLAINTEXT};
use super::renegotiation::Attempt;
use super::renegotiation_info::{ExpectedHello, RenegotiationInfoCheck};

/// A TLS session without I/O.
///
/// Ciphertext goes in by [`push`](Self::push) (or [`window`](Self::window) and
/// [`pushed`](Self::pushed)), which only stores it. [`poll`](Self::poll) works
/// on one record of it; text comes out through a closure, bytes for TCP are
/// appended to a `Vec`. [`seal`](Self::seal) encrypts text.
///
/// The two directions end on their own (RFC 8446 6.1): after the peer's
/// close_notify text can still be sealed. After [`close`](Self::close)
/// received records are no longer decrypted; see there.
pub struct Session {
    pub(super) engine: Engine,
    pub(super) buffer: ReceiveBuffer,
    pub(super) limits: TlsLimits,
    pub(super) hello: RenegotiationInfoCheck,
    pub(super) verification: Verification,
    pub(super) exporter: Arc<KeyLogHook>,
    pub(super) resolver: Option<Arc<CertResolverHook>>,
    /// Most text one record takes under the config's `max_fragment_size`.
    piece: usize,
    pub(super) key_usage: KeyUsage,
    pub(super) reading: Reading,
    writing: Writing,
    pub(super) established: Option<Established>,
}

/// What a [`Session::poll`] did. Exhaustive on purpose: a new thing to react
/// to must be a compile error for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Nothing can be done without more ciphertext.
    NeedMore,
    /// A record was worked off and there is nothing to tell.
    Continue,
    /// The handshake is complete. Told once.
    Established,
    /// Text came and was given to the closure.
    Plaintext,
    /// The peer's close_notify: everything it sent has been given out.
    /// Terminal for reading; see [`Session::close`] for what it means after
    /// our own.
    PeerClosed,
    /// The peer attempts renegotiation (RFC 6120 5.3.5): close TCP at once and
    /// send nothing, not even what is still in the output. Terminal.
    Renegotiation(Attempt),
    /// The session failed. Terminal.
    Failed(TlsFailure),
}

/// Why text was not sealed. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The handshake is not complete.
    #[error("the TLS handshake is not complete")]
    NotEstablished,
    /// close_notify was sent, or the session has failed.
    #[error("the TLS session is closed for writing")]
    Closed,
    /// The text takes more records than the keys allow (RFC 9325 4.4: AES-GCM
    /// in TLS 1.2, 2^24 records). close_notify can still be sent.
    #[error("the TLS keys are used up")]
    KeysExhausted,
}

/// The receiving direction.
pub(super) enum Reading {
    /// A client has not written its ClientHello yet.
    Start,
    Records,
    /// Our close_notify is out: records are skipped unopened.
    AwaitingCloseNotify,
    Ended(Step),
}

/// The sending direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    Closed,
}

pub(super) struct Established {
    pub(super) info: TlsInfo,
    pub(super) exporter: Option<Secret>,
    pub(super) endpoint: Option<Vec<u8>>,
}

impl Session {
    /// A client session towards `name`, which is the reference identity: the
    /// domain part the stream is opened to, never a host name from DNS (RFC
    /// 6120 13.7.2.1). `alpn` replaces the config's protocols unless empty.
    /// The first [`poll`](Self::poll) writes the ClientHello.
    ///
    /// # Errors
    /// [`SetupError`] if the config is unusable or there is no randomness.
    pub fn client(
        tls: &ClientTls,
        name: ServerName<'static>,
        alpn: &[&[u8]],
        resumption: Resumption,
        limits: TlsLimits,
    ) -> Result<Self, SetupError> {
        let (config, exporter) = tls.for_connection(alpn, resumption)?;
        let piece = piece(config.max_fragment_size);
        let engine = Engine::client(config, name).map_err(|e| SetupError::from_rustls(&e))?;
        let expect = if tls.must_acknowledge() {
            ExpectedHello::AcknowledgingServerHello
        } else {
            ExpectedHello::ServerHello
        };
        let mut session = Self::new(engine, expect, exporter, piece, limits);
        session.verification = tls.verified_by();
        session.reading = Reading::Start;
        Ok(session)
    }

    /// A server session. `alpn` replaces the config's protocols unless empty.
    ///
    /// # Errors
    /// [`SetupError`] if the config is unusable.
    pub fn server(tls: &ServerTls, alpn: &[&[u8]], limits: TlsLimits) -> Result<Self, SetupError> {
        let (config, exporter, resolver) = tls.for_connection(alpn)?;
        let piece = piece(config.max_fragment_size);
        let engine = Engine::server(config).map_err(|e| SetupError::from_rustls(&e))?;
        let mut session = Self::new(engine, ExpectedHello::ClientHello, exporter, piece, limits);
        session.verification = tls.verified_by();
        session.resolver = Some(resolver);
        Ok(session)
    }

    /// How many bytes [`push`](Self::push) takes now. It is zero only while a
    /// complete record waits for [`poll`](Self::poll).
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.room()
    }

    /// Stores ciphertext, at most [`capacity`](Self::capacity) bytes, and
    /// returns how much. After a terminal step what comes in is dropped.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        match self.reading {
            Reading::Ended(_) => bytes.len(),
            _ => self.buffer.push(bytes),
        }
    }

    /// Space to read ciphertext into, without a buffer of one's own; empty
    /// only if [`capacity`](Self::capacity) is zero. Then call
    /// [`pushed`](Self::pushed).
    pub fn window(&mut self) -> &mut [u8] {
        self.buffer.window()
    }

    /// `n` bytes were read into the last [`window`](Self::window), with no
    /// other call in between.
    pub fn pushed(&mut self, n: usize) {
        match self.reading {
            Reading::Ended(_) => {}
            _ => self.buffer.pushed(n),
        }
    }

    /// Works on at most one new record. What it causes to be sent is appended
    /// to `out`; text is given to `sink`, at most 16384 bytes in one call or
    /// none (this way it is copied once, into its place).
    ///
    /// After a terminal step the answer stays the same and nothing more is
    /// appended. With [`Step::Renegotiation`] nothing is.
    pub fn poll(&mut self, out: &mut Vec<u8>, sink: &mut dyn FnMut(&[u8])) -> Step {
        let step = match &self.reading {
            Reading::Start => self.start(out),
            Reading::Records => self.next_record(out, sink),
            Reading::AwaitingCloseNotify => self.skip_record(),
            Reading::Ended(step) => return step.clone(),
        };
        if let Step::PeerClosed | Step::Renegotiation(_) | Step::Failed(_) = step {
            self.buffer.clear();
            self.hello = RenegotiationInfoCheck::Done;
            self.reading = Reading::Ended(step.clone());
        }
        if let Step::Renegotiation(_) | Step::Failed(_) = step {
            self.writing = Writing::Closed;
        }
        step
    }

    /// Encrypts `text`, as records of at most 16384 bytes, and appends them to
    /// `out`: all of it or, with an error, nothing. An empty text appends
    /// nothing. A key update owed to the peer goes in front (RFC 8446 4.6.3).
    ///
    /// # Errors
    /// [`SealError`]; the session is unchanged.
    pub fn seal(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.writing == Writing::Closed {
            return Err(SealError::Closed);
        }
        if self.established.is_none() {
            return Err(SealError::NotEstablished);
        }
        let records = u64::try_from(text.len().div_ceil(self.piece)).unwrap_or(u64::MAX);
        if !self.key_usage.allows(records, self.buffer.exposed() > 0) {
            return Err(SealError::KeysExhausted);
        }
        let start = out.len();
        for piece in text.chunks(self.piece) {
            let from = out.len();
            if self.engine.seal(&mut self.buffer, piece, out).is_err() {
                // Not reached: the checks above are the library's own. What
                // was sealed has used its sequence numbers, so this is final.
                out.truncate(start);
                self.writing = Writing::Closed;
                return Err(SealError::Closed);
            }
            self.key_usage
                .sealed(out.get(from..).unwrap_or_default(), piece.len());
        }
        Ok(())
    }

    /// Appends close_notify, once; nothing can be sealed afterwards. Nothing
    /// is appended if the session has failed or is still in the handshake,
    /// which has no orderly end.
    ///
    /// From here on received records are skipped unopened: their text no
    /// longer has a reader (RFC 6120 4.4 closes the stream first), and the
    /// library must not be given what could make it answer. A record that has
    /// the shape of an alert is then taken for the peer's close_notify. That
    /// is not authenticated, and decides only how long TCP is kept open.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.writing == Writing::Closed {
            return;
        }
        self.writing = Writing::Closed;
        if self.established.is_some() {
            let from = out.len();
            // EngineError only by a broken library: then nothing is sent.
            let _refused = self.engine.close(&mut self.buffer, out);
            self.key_usage
                .sealed(out.get(from..).unwrap_or_default(), 0);
        }
        if !matches!(self.reading, Reading::Ended(_)) {
            self.buffer.drop_exposed();
            self.reading = Reading::AwaitingCloseNotify;
        }
    }

    /// Whether the handshake is going on: not complete, failed or given up.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.established.is_none() && matches!(self.reading, Reading::Start | Reading::Records)
    }

    /// Whether the peer's close_notify has come (RFC 8446 6.1). If TCP ends
    /// without it, the stream may have been cut short. After our own
    /// [`close`](Self::close) this is a guess, see there.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        matches!(self.reading, Reading::Ended(Step::PeerClosed))
    }

    /// What was negotiated; `None` until the handshake is complete.
    #[must_use]
    pub fn established(&self) -> Option<&TlsInfo> {
        self.established.as_ref().map(|e| &e.info)
    }

    /// Proof that the handshake is complete.
    #[must_use]
    pub fn encrypted(&self) -> Option<Encrypted> {
        self.established.as_ref().map(|_| Encrypted::new())
    }

    /// Proof that the rustls config's verifier has accepted the peer's
    /// certificate: with [`Verification::Config`] and a complete handshake in
    /// which the peer presented one. With [`Verification::Deferred`] see
    /// [`verify_peer`](Self::verify_peer).
    #[must_use]
    pub fn verified(&self) -> Option<Verified> {
        let info = self.established()?;
        info.peer_verified.then(Verified::new)
    }

    /// The channel binding of this kind, if this session has it. Only after
    /// the handshake; a server offers no `tls-server-end-point` on a resumed
    /// session, in which it sent no certificate.
    #[must_use]
    pub fn channel_binding(&self, kind: ChannelBinding) -> Option<Binding> {
        let established = self.established.as_ref()?;
        let data = match kind {
            ChannelBinding::TlsExporter => established.exporter.as_ref()?.as_slice(),
            ChannelBinding::TlsServerEndPoint => established.endpoint.as_deref()?,
        };
        Some(Binding::new(kind, data))
    }

    /// The kinds [`channel_binding`](Self::channel_binding) has, the preferred
    /// one first (RFC 9266 3).
    pub fn available_bindings(&self) -> impl Iterator<Item = ChannelBinding> + '_ {
        ChannelBinding::ALL
            .into_iter()
            .filter(|kind| self.channel_binding(*kind).is_some())
    }

    /// How much the current keys were used.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.key_usage.counters()
    }
}

impl Session {
    fn new(
        engine: Engine,
        expect: ExpectedHello,
        exporter: Arc<KeyLogHook>,
        piece: usize,
        limits: TlsLimits,
    ) -> Self {
        Self {
            engine,
            buffer: ReceiveBuffer::default(),
            limits,
            hello: RenegotiationInfoCheck::new(expect),
            verification: Verification::Config,
            exporter,
            resolver: None,
            piece,
            key_usage: KeyUsage::default(),
            reading: Reading::Records,
            writing: Writing::Open,
            established: None,
        }
    }
}

/// The text one record takes: the config's fragment size counts the record
/// header.
fn piece(max_fragment_size: Option<usize>) -> usize {
    max_fragment_size.map_or(MAX_PLAINTEXT, |size| {
        size.saturating_sub(HEADER_LEN).clamp(1, MAX_PLAINTEXT)
    })
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.engine.role())
            .field("handshaking", &self.is_handshaking())
            .field("established", &self.established())
            .finish_non_exhaustive()
    }
}
