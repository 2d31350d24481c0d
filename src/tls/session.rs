//! One TLS session, from the first byte of the handshake to close_notify.
//!
//! This file decides what a session does with each record, what it tells its caller, and which
//! alert goes out. How the library is driven is [`engine`](super::engine)'s matter, what counts as
//! renegotiation [`renegotiation`](super::renegotiation)'s, and what is read after our close_notify
//! [`post_close`](super::post_close)'s.
//!
//! # Refusals and their alerts
//!
//! | refusal | alert |
//! |---|---|
//! | rustls refuses with an alert | that one |
//! | rustls refuses without one (see below) | one that is provoked |
//! | more handshake bytes than [`TlsLimits::handshake_bytes`] | `decode_error` |
//! | `renegotiation_info` missing or not empty | `handshake_failure` (RFC 5746 3.4, 3.6) |
//! | a ServerHello of a version not offered | `protocol_version` (RFC 8446 4.2.1) |
//! | a fatal alert of the peer | none: the connection is over (RFC 8446 6.2) |
//! | a failure on our side (`internal`) | none but rustls's |
//! | renegotiation | none (RFC 6120 5.3.5) |
//! | anything after our close_notify | none: our direction is closed |
//!
//! rustls refuses without an alert: data between the parts of a message, floods of empty records,
//! warnings or KeyUpdates, and a handshake message above 64 KiB. Then it is given an invalid record
//! header, which it answers with `decode_error`, or with `bad_record_mac` if the refused record is
//! still in the way.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{Error, SupportedCipherSuite};

use super::channel_binding::{Binding, Bindings, ChannelBinding};
use super::config::{ClientTls, Resumption, ServerTls, SetupError, TlsLimits, Verification};
use super::config_hooks::{CertResolverHook, KeyLogHook};
use super::engine::Engine;
use super::exporter::Exporter;
use super::identity::{self, CertIdentity, IdentityError, Purpose, Trust};
use super::info::{Counters, HandshakeKind, TlsInfo, TlsVersion};
use super::key_usage::KeyUsage;
use super::post_close::PostCloseReader;
use super::proof::{Encrypted, Verified};
use super::reason::{TlsReason, TlsReasonKind, kind_of};
use super::receive_buffer::ReceiveBuffer;
use super::record::{ContentType, HEADER_LEN, Header, MAX_PLAINTEXT, MAX_WIRE};
#[cfg(feature = "testkit")]
use super::record_keys::RecordKeys;
use super::renegotiation::{RecordContext, TlsRole, detect};
use super::renegotiation_info::{Acknowledgement, ExpectedHello, HelloFinding, HelloInspector};
use super::resumable::SessionMark;
use super::server_end_point::{EndPoint, EndPointCache};
use super::step::{SealError, TlsStep};
use crate::jid::Jid;

/// Bytes of the authentication tag of every TLS 1.3 suite rustls has.
const TAG_LEN: usize = 16;

/// Alert descriptions that are sent in clear, before rustls knows the version (RFC 8446 6.2).
const UNEXPECTED_MESSAGE: u8 = 10;
const HANDSHAKE_FAILURE: u8 = 40;
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;

/// A TLS session without I/O.
///
/// Ciphertext goes in by [`push`](Self::push) (or [`window`](Self::window) and
/// [`pushed`](Self::pushed)), which only stores it. [`poll`](Self::poll) works on one record of it.
/// Text comes out through a closure, bytes for TCP are appended to a `Vec`. [`seal`](Self::seal)
/// encrypts text.
///
/// The two directions end independently (RFC 8446 6.1): after the peer's close_notify, text can
/// still be sealed. After [`close`](Self::close), received records are still decrypted, but their
/// text is dropped.
pub struct TlsSession {
    role: TlsRole,
    /// The rustls connection. It is gone after our close_notify.
    engine: Option<Engine>,
    buffer: ReceiveBuffer,
    limits: TlsLimits,
    verification: Verification,
    /// Most text one record takes under the config's `max_fragment_size`.
    max_fragment: usize,
    key_usage: KeyUsage,
    reading: Reading,
    writing: Writing,
    progress: Progress,
    /// On a server that lets sessions be resumed.
    resumable: Option<Arc<SessionMark>>,
}

/// The receiving direction.
enum Reading {
    /// A client has not written its ClientHello yet.
    Start,
    Records,
    /// Our close_notify was sent.
    AfterClose(Box<PostCloseReader>),
    Ended(TlsStep),
}

/// The sending direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    Closed,
}

/// What is kept of the handshake, while it lasts and after it.
enum Progress {
    Handshaking(Handshake),
    Established(Established),
}

/// What only the handshake needs.
struct Handshake {
    hellos: HelloInspector,
    key_log: Arc<KeyLogHook>,
    /// On a server.
    certificate: Option<(Arc<CertResolverHook>, Arc<EndPointCache>)>,
    /// On a client that has a certificate.
    client_certificate: Option<Arc<CertifiedKey>>,
}

struct Established {
    info: TlsInfo,
    bindings: Bindings,
    /// The certificates that were sent. They are dropped with the bindings.
    own: Option<Arc<CertifiedKey>>,
}

impl TlsSession {
    /// Creates a client session towards `name`, which is the reference identity: the domain part
    /// the stream is opened to, never a host name from DNS (RFC 6120 13.7.2.1). `alpn` replaces the
    /// config's protocols unless it is empty. The first [`poll`](Self::poll) writes the
    /// ClientHello.
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
        let (config, key_log) = tls.for_connection(alpn, resumption)?;
        let max_fragment = max_fragment(config.max_fragment_size);
        let engine = Engine::client(config, name).map_err(|e| SetupError::from_rustls(&e))?;
        let acknowledgement = match tls.must_acknowledge() {
            true => Acknowledgement::Required,
            false => Acknowledgement::Optional,
        };
        let handshake = Handshake {
            hellos: HelloInspector::new(ExpectedHello::ServerHello(acknowledgement)),
            key_log,
            certificate: None,
            client_certificate: tls.certificate(),
        };
        Ok(Self {
            verification: tls.verified_by(),
            reading: Reading::Start,
            ..Self::new(engine, handshake, max_fragment, limits)
        })
    }

    /// Creates a server session. `alpn` replaces the config's protocols unless it is empty.
    ///
    /// # Errors
    /// [`SetupError`] if the config is unusable.
    pub fn server(tls: &ServerTls, alpn: &[&[u8]], limits: TlsLimits) -> Result<Self, SetupError> {
        let (config, hooks) = tls.for_connection(alpn)?;
        let max_fragment = max_fragment(config.max_fragment_size);
        let engine = Engine::server(config).map_err(|e| SetupError::from_rustls(&e))?;
        let handshake = Handshake {
            hellos: HelloInspector::new(ExpectedHello::ClientHello),
            key_log: hooks.exporter,
            certificate: Some((hooks.resolver, tls.end_points())),
            client_certificate: None,
        };
        Ok(Self {
            verification: tls.verified_by(),
            resumable: hooks.session,
            ..Self::new(engine, handshake, max_fragment, limits)
        })
    }

    fn new(engine: Engine, handshake: Handshake, max_fragment: usize, limits: TlsLimits) -> Self {
        Self {
            role: engine.role(),
            engine: Some(engine),
            buffer: ReceiveBuffer::default(),
            limits,
            verification: Verification::Config,
            max_fragment,
            key_usage: KeyUsage::default(),
            reading: Reading::Records,
            writing: Writing::Open,
            progress: Progress::Handshaking(handshake),
            resumable: None,
        }
    }

    /// Returns how many bytes [`push`](Self::push) takes now. It is zero only while a complete
    /// record waits for [`poll`](Self::poll).
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.room()
    }

    /// Stores ciphertext, at most [`capacity`](Self::capacity) bytes, and returns how much. After a
    /// terminal step what comes in is dropped.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        match self.reading {
            Reading::Ended(_) => bytes.len(),
            _ => self.buffer.push(bytes),
        }
    }

    /// Returns space to read ciphertext into, so that the caller needs no buffer. It is empty only
    /// if [`capacity`](Self::capacity) is zero. Then call [`pushed`](Self::pushed).
    pub fn window(&mut self) -> &mut [u8] {
        self.buffer.window()
    }

    /// Takes `n` bytes that were read into the last [`window`](Self::window), with no other call in
    /// between. After 0 a window that no byte has used takes no memory any more.
    pub fn pushed(&mut self, n: usize) {
        match self.reading {
            Reading::Ended(_) => {}
            _ => self.buffer.pushed(n),
        }
    }

    /// Works on at most one new record. What it causes to be sent is appended to `out`. Text is
    /// given to `sink`, at most 16384 bytes in one call or none, so that it is copied once.
    ///
    /// After a terminal step the answer stays the same and nothing more is appended. With
    /// [`TlsStep::Renegotiation`] nothing is.
    pub fn poll(&mut self, out: &mut Vec<u8>, sink: &mut dyn FnMut(&[u8])) -> TlsStep {
        let step = match &self.reading {
            Reading::Start => self.start(out),
            Reading::Records => self.next_record(out, sink),
            Reading::AfterClose(_) => self.next_after_close(),
            Reading::Ended(step) => return step.clone(),
        };
        if let TlsStep::PeerClosed | TlsStep::Renegotiation(_) | TlsStep::Failed(_) = step {
            self.buffer.clear();
            self.reading = Reading::Ended(step.clone());
        }
        if let TlsStep::Renegotiation(_) | TlsStep::Failed(_) = step {
            self.writing = Writing::Closed;
        }
        step
    }

    /// Returns the content type and the length of the record that the next poll works on, if a whole one
    /// has arrived. Nothing of it is authentic.
    pub(crate) fn pending_record(&self) -> Option<(ContentType, usize)> {
        let unread = self.buffer.unread();
        let header = Header::read(unread).filter(|header| unread.len() >= header.needed())?;
        Some((header.kind, header.length()))
    }

    /// Returns whether a poll would do nothing and return [`TlsStep::NeedMore`].
    pub(crate) fn is_at_rest(&self) -> bool {
        matches!(self.reading, Reading::Records) && self.buffer.is_at_rest()
    }

    /// Encrypts `text`, as records of at most 16384 bytes, and appends them to `out`: all of it or,
    /// with an error, nothing. An empty text appends nothing. A key update owed to the peer goes
    /// first (RFC 8446 4.6.3).
    ///
    /// # Errors
    /// [`SealError`]; the session is unchanged.
    pub fn seal(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let (Writing::Open, Some(engine)) = (self.writing, &mut self.engine) else {
            return Err(SealError::Closed);
        };
        if let Progress::Handshaking(_) = self.progress {
            return Err(SealError::NotEstablished);
        }
        let records = u64::try_from(text.len().div_ceil(self.max_fragment)).unwrap_or(u64::MAX);
        if !self.key_usage.allows(records, self.buffer.exposed() > 0) {
            return Err(SealError::KeysExhausted);
        }
        let start = out.len();
        for fragment in text.chunks(self.max_fragment) {
            let from = out.len();
            if engine.seal(&mut self.buffer, fragment, out).is_err() {
                // Not reached, because the library checks the same. What was sealed has used its
                // sequence numbers, so this is final.
                out.truncate(start);
                self.writing = Writing::Closed;
                return Err(SealError::Closed);
            }
            self.key_usage
                .sealed(out.get(from..).unwrap_or_default(), fragment.len());
        }
        Ok(())
    }

    /// Appends close_notify, once. Nothing can be sealed afterwards. Nothing is appended if the
    /// session has failed or is still in the handshake, which has no orderly end.
    ///
    /// From here on the text of received records is dropped, because it has no reader any more (RFC
    /// 6120 4.4 closes the stream first). The records are still decrypted:
    ///
    /// * an authentic close_notify is [`TlsStep::PeerClosed`];
    /// * a renegotiation attempt is [`TlsStep::Renegotiation`], as before (RFC 6120 5.3.5);
    /// * a fatal alert, a record that is not authentic, and whatever else breaks the protocol is
    ///   [`TlsStep::Failed`], without an alert.
    ///
    /// If the crypto provider does not give out the keys of its cipher suites (those of `ring` and
    /// `aws-lc-rs` do), no [`TlsStep::PeerClosed`] comes, and a TLS 1.2 handshake record counts as an
    /// attempt by its header. After a handshake that was given up, nothing is looked at.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.writing == Writing::Closed {
            return;
        }
        self.writing = Writing::Closed;
        let version = self.version();
        let mut engine = self.engine.take();
        if let (Some(engine), Some(_)) = (&mut engine, version) {
            let from = out.len();
            // Only a broken library refuses this. Then nothing is sent.
            let _refused = engine.close(&mut self.buffer, out);
            self.key_usage
                .sealed(out.get(from..).unwrap_or_default(), 0);
        }
        if !matches!(self.reading, Reading::Ended(_)) {
            let opener = engine.and_then(Engine::into_record_opener);
            let pending = self.buffer.exposed();
            self.buffer.drop_exposed();
            let reader = PostCloseReader::new(self.role, version, opener, pending);
            self.reading = Reading::AfterClose(Box::new(reader));
        }
    }

    /// Ends the session and returns its record keys; `None` unless it is established, and open for
    /// writing.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub fn into_record_keys(mut self) -> Option<RecordKeys> {
        self.engine.take()?.into_record_keys()
    }

    /// Returns how many bytes the receive buffer has allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.buffer.allocated()
    }

    /// Frees the memory that received records do not need now.
    ///
    /// The receive buffer is kept from record to record, at most 36874 bytes, because a steady flow
    /// would otherwise pay for an allocation each time. Call this when nothing has come for a
    /// while. Decrypted text in the buffer is wiped before the memory is given back.
    pub fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// Returns whether the handshake is going on: it is not complete, failed or given up.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        matches!(self.progress, Progress::Handshaking(_))
            && matches!(self.reading, Reading::Start | Reading::Records)
    }

    /// Returns whether the peer's close_notify has come (RFC 8446 6.1). If TCP ends without it, the
    /// stream may have been cut short.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        matches!(self.reading, Reading::Ended(TlsStep::PeerClosed))
    }

    /// Returns what was negotiated, or `None` until the handshake is complete.
    #[must_use]
    pub fn established(&self) -> Option<&TlsInfo> {
        self.completed().map(|established| &established.info)
    }

    /// Returns the proof that the handshake is complete.
    #[must_use]
    pub fn encrypted(&self) -> Option<Encrypted> {
        self.completed().map(|_| Encrypted::new())
    }

    /// Returns the proof that the rustls config's verifier has accepted the peer's certificate:
    /// with [`Verification::Config`] and a complete handshake in which the peer presented one. With
    /// [`Verification::Deferred`] see [`verify_peer`](Self::verify_peer).
    #[must_use]
    pub fn verified(&self) -> Option<Verified> {
        let info = self.established()?;
        info.peer_verified.then(Verified::new)
    }

    /// Checks the certificate the peer presented in the handshake, with the arguments of
    /// [`identity::check`]. Returns the proof that the peer is `reference`, and all it may act as.
    /// The session remembers nothing: an earlier proof is for the earlier reference.
    ///
    /// With [`Verification::Deferred`] this is the only way to [`Verified`]. It takes several
    /// signature checks, and once per stream is enough, because [`CertIdentity::speaks_for`] answers
    /// for further domains.
    ///
    /// # Errors
    /// [`IdentityError`]; [`IdentityError::NoCertificate`] also before the handshake is complete.
    pub fn verify_peer(
        &self,
        trust: &Trust,
        reference: &str,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<(Verified, CertIdentity), IdentityError> {
        let chain = self.established().map(TlsInfo::peer_certificates);
        let identity = identity::check(chain.unwrap_or_default(), trust, reference, purpose, now)?;
        Ok((Verified::new(), identity))
    }

    /// Returns [`TlsInfo::peer_jids`]; empty until the handshake is complete.
    #[must_use]
    pub fn peer_jids(&self) -> Vec<Jid> {
        self.established()
            .map(TlsInfo::peer_jids)
            .unwrap_or_default()
    }

    /// Returns the channel binding of this kind, if this session has it. There is none before the
    /// handshake is complete, and a server has no `tls-server-end-point` on a resumed session, in
    /// which it sent no certificate. The data is derived by the first call.
    #[must_use]
    pub fn channel_binding(&self, kind: ChannelBinding) -> Option<Binding> {
        let established = self.completed()?;
        established.bindings.get(kind, &established.info)
    }

    /// Returns the kinds [`channel_binding`](Self::channel_binding) has, the preferred one first
    /// (RFC 9266 3). This derives no data.
    pub fn available_bindings(&self) -> impl Iterator<Item = ChannelBinding> + '_ {
        ChannelBinding::ALL.into_iter().filter(|kind| {
            self.completed()
                .is_some_and(|established| established.bindings.has(*kind))
        })
    }

    /// Returns the most text that one record takes.
    pub(crate) fn max_fragment(&self) -> usize {
        self.max_fragment
    }

    /// Returns the chain that this side has presented, its own certificate first; on a client the
    /// chain that it presents where it is asked. It is empty if there is none, on a resumed session,
    /// and after [`forget_bindings`](Self::forget_bindings).
    pub(crate) fn own_certificates(&self) -> &[CertificateDer<'static>] {
        let own = self.completed().and_then(|session| session.own.as_ref());
        own.map(|key| key.cert.as_slice()).unwrap_or_default()
    }

    /// Drops the channel bindings and the secret from which they are derived, and the chain that was
    /// presented.
    pub(crate) fn forget_bindings(&mut self) {
        if let Progress::Established(established) = &mut self.progress {
            established.bindings = Bindings {
                exporter: None,
                end_point: None,
            };
            established.own = None;
        }
    }

    /// Has a server resume this session no more, by whatever ticket, issued before or after: the stream
    /// was reset (RFC 6120 4.9.3.16). [`ResumableSessions`](super::ResumableSessions) says what a
    /// session is. A client forgets its sessions by another store
    /// ([`ClientTls::session_store`]).
    pub fn revoke_session(&self) {
        if let Some(session) = &self.resumable {
            session.revoke();
        }
    }

    /// Returns how much the current keys were used. Records that come after our close_notify are
    /// not counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let counters = self.key_usage.counters();
        Counters {
            // While a handshake message has arrived in part, the library cannot update its keys.
            rekeys_itself: counters.rekeys_itself && self.buffer.exposed() == 0,
            ..counters
        }
    }

    fn completed(&self) -> Option<&Established> {
        match &self.progress {
            Progress::Handshaking(_) => None,
            Progress::Established(established) => Some(established),
        }
    }

    fn version(&self) -> Option<TlsVersion> {
        self.completed().map(|established| established.info.version)
    }

    /// Has a client write its ClientHello.
    fn start(&mut self, out: &mut Vec<u8>) -> TlsStep {
        self.reading = Reading::Records;
        let Some(engine) = &mut self.engine else {
            return internal("no connection");
        };
        match engine.pump(&mut self.buffer, out, &mut |_| {}) {
            Ok(_) => TlsStep::Continue,
            Err(error) => self.fail(&error, out),
        }
    }

    fn next_record(&mut self, out: &mut Vec<u8>, sink: &mut dyn FnMut(&[u8])) -> TlsStep {
        let Some(header) = Header::read(self.buffer.unread()) else {
            self.buffer.free_if_oversized();
            return TlsStep::NeedMore;
        };
        let Some(record) = self.buffer.unread().get(..header.needed()) else {
            return TlsStep::NeedMore;
        };
        let held = self.buffer.exposed() + record.len();
        if held > self.limits.handshake_bytes.saturating_add(MAX_WIRE) {
            return self.refuse(TlsReasonKind::HandshakeTooLarge, DECODE_ERROR, out);
        }
        let is_markup = record.starts_with(b"<");
        let finding = match &mut self.progress {
            Progress::Handshaking(handshake) => handshake.hellos.inspect(record),
            Progress::Established(_) => None,
        };
        if let Some(finding @ (HelloFinding::NotEmpty | HelloFinding::Version)) = finding {
            return refuse_hello(finding, out);
        }
        let context = RecordContext {
            role: self.role,
            header,
            established: self.version(),
        };
        let Some(engine) = &mut self.engine else {
            return internal("no connection");
        };
        let exposed = self.buffer.expose(header.needed());
        let tickets = engine.tickets_received();
        let start = out.len();
        let result = engine.pump(&mut self.buffer, out, sink);
        let version = engine.version();
        let tickets = engine.tickets_received() - tickets;
        let after = match &result {
            Ok(_) => Ok(out.get(start..).unwrap_or_default()),
            Err(error) => Err(error),
        };
        if let Some(attempt) = detect(context, after) {
            out.truncate(start);
            return TlsStep::Renegotiation(attempt);
        }
        let pumped = match result {
            Ok(pumped) => pumped,
            Err(_) if is_markup && version.is_none() => {
                return self.fail_as(TlsReasonKind::NotTls, out);
            }
            Err(error) => return self.fail(&error, out),
        };
        if header.is_malformed() {
            // The library did not object to what it must object to.
            return failed(malformed_header());
        }
        if finding == Some(HelloFinding::NotAcknowledged) && version == Some(TlsVersion::Tls12) {
            // Nothing is encrypted yet, and what the library would say is withdrawn.
            out.truncate(start);
            return refuse_hello(HelloFinding::NotAcknowledged, out);
        }
        let written = out.get(start..).unwrap_or_default();
        if context.established.is_none() {
            self.key_usage.handshake(header.kind, written);
            return self.check_established(written);
        }
        self.key_usage.opened(pumped.text);
        self.key_usage.sealed(written, 0);
        if tickets == 0 && self.is_key_update(exposed) {
            self.key_usage.peer_updated_keys();
        }
        match (pumped.peer_closed, pumped.text) {
            (true, _) => TlsStep::PeerClosed,
            (false, 0) => TlsStep::Continue,
            (false, _) => TlsStep::Plaintext,
        }
    }

    fn next_after_close(&mut self) -> TlsStep {
        let Some(header) = Header::read(self.buffer.unread()) else {
            return TlsStep::NeedMore;
        };
        if header.is_malformed() {
            return failed(malformed_header());
        }
        if self.buffer.unread().len() < header.wire_len() {
            return TlsStep::NeedMore;
        }
        self.buffer.expose(header.wire_len());
        let step = match &mut self.reading {
            Reading::AfterClose(reader) => reader.inspect(self.buffer.engine_view()),
            _ => TlsStep::Continue,
        };
        self.buffer.drop_exposed();
        step
    }

    /// Fails with the library's error, and with the alert it wants sent or still owes the peer.
    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) -> TlsStep {
        self.fail_as(kind_of(error), out)
    }

    fn fail_as(&mut self, kind: TlsReasonKind, out: &mut Vec<u8>) -> TlsStep {
        let start = out.len();
        if let Some(engine) = &mut self.engine {
            engine.drain_alerts(out);
        }
        match kind {
            _ if out.len() > start => failed_with_alert(kind),
            TlsReasonKind::AlertReceived(_) | TlsReasonKind::Internal { .. } => failed(kind),
            _ => self.refuse(kind, UNEXPECTED_MESSAGE, out),
        }
    }

    /// Fails with a fatal alert where the library has queued none. `description` is sent in clear
    /// while the version is not known; later only the library can protect an alert, and it
    /// chooses the description.
    fn refuse(&mut self, kind: TlsReasonKind, description: u8, out: &mut Vec<u8>) -> TlsStep {
        let start = out.len();
        if let Some(engine) = &mut self.engine {
            match engine.version() {
                None => out.extend(plaintext_alert(description)),
                Some(_) => engine.provoke_alert(&mut self.buffer, out),
            }
        }
        match out.len() > start {
            true => failed_with_alert(kind),
            false => failed(kind),
        }
    }

    /// Gathers the facts once the handshake is complete, and drops what only the handshake needs.
    /// `written` is what its last record caused to be sent.
    fn check_established(&mut self, written: &[u8]) -> TlsStep {
        let (Some(engine), Progress::Handshaking(handshake)) = (&self.engine, &self.progress)
        else {
            return internal("no connection");
        };
        if engine.is_handshaking() {
            return TlsStep::Continue;
        }
        let (Some(version), Some(suite), Some(kind)) =
            (engine.version(), engine.suite(), engine.handshake_kind())
        else {
            return internal("handshake complete, parameters unknown");
        };
        let peer_certificates = engine.peer_certificates().to_vec();
        let choice = handshake
            .certificate
            .as_ref()
            .and_then(|(resolver, _)| resolver.last_choice());
        let info = TlsInfo {
            version,
            suite: name(suite),
            handshake: kind,
            alpn: engine.alpn().map(<[u8]>::to_vec),
            server_name: choice.and_then(|choice| choice.server_name.clone()),
            peer_verified: self.verification == Verification::Config
                && !peer_certificates.is_empty(),
            peer_certificates,
        };
        // On resumption nothing was sent, and what would be sent today need not be the session's.
        let own = match kind {
            HandshakeKind::Resumed => None,
            HandshakeKind::Full => choice
                .map(|choice| choice.key.clone())
                .or_else(|| handshake.client_certificate.clone()),
        };
        let bindings = Bindings {
            exporter: Exporter::new(suite, &handshake.key_log),
            end_point: match (&handshake.certificate, choice) {
                (None, _) => EndPoint::of_peer(&info),
                // No certificate was sent, and the one that would be sent today need not be the
                // session's.
                (Some(_), _) if kind == HandshakeKind::Resumed => None,
                (Some((_, cache)), Some(choice)) => {
                    EndPoint::of_sent(choice.key.clone(), cache.clone())
                }
                (Some(_), None) => None,
            },
        };
        self.key_usage
            .established(self.role, version, record_limit(suite), written);
        self.progress = Progress::Established(Established {
            info,
            bindings,
            own,
        });
        TlsStep::Established
    }

    /// Returns whether the record was a TLS 1.3 KeyUpdate. The library does not tell, but it
    /// decrypts in place, and the inner type is the last byte of the plaintext that is not padding
    /// (RFC 8446 5.2). An update that follows a ticket in the same record goes unnoticed, and the
    /// count is then too high.
    fn is_key_update(&self, exposed: Range<usize>) -> bool {
        self.version() == Some(TlsVersion::Tls13)
            && self.buffer.exposed() == 0
            && inner_type(self.buffer.decrypted_in_place(exposed)) == Some(ContentType::Handshake)
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("role", &self.role)
            .field("handshaking", &self.is_handshaking())
            .field("established", &self.established())
            .finish_non_exhaustive()
    }
}

/// Returns the text one record takes. The config's fragment size counts the record header.
fn max_fragment(max_fragment_size: Option<usize>) -> usize {
    max_fragment_size.map_or(MAX_PLAINTEXT, |size| {
        size.saturating_sub(HEADER_LEN).clamp(1, MAX_PLAINTEXT)
    })
}

fn inner_type(record: &[u8]) -> Option<ContentType> {
    let inner = record.get(HEADER_LEN..record.len().checked_sub(TAG_LEN)?)?;
    let last = inner.iter().rev().find(|byte| **byte != 0)?;
    Some(ContentType::from(*last))
}

/// Refuses a hello. The hellos are in clear, and so is the alert.
fn refuse_hello(finding: HelloFinding, out: &mut Vec<u8>) -> TlsStep {
    let (kind, description) = match finding {
        HelloFinding::NotAcknowledged => (TlsReasonKind::NoRenegotiationInfo, HANDSHAKE_FAILURE),
        HelloFinding::NotEmpty => (TlsReasonKind::RenegotiationInfo, HANDSHAKE_FAILURE),
        HelloFinding::Version => (TlsReasonKind::ProtocolVersion, PROTOCOL_VERSION),
    };
    out.extend(plaintext_alert(description));
    failed_with_alert(kind)
}

/// Returns the record of a fatal alert in clear.
fn plaintext_alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}

fn malformed_header() -> TlsReasonKind {
    TlsReasonKind::MalformedRecord {
        detail: String::from("header"),
    }
}

fn internal(detail: &str) -> TlsStep {
    let detail = String::from(detail);
    failed(TlsReasonKind::Internal { detail })
}

/// A failure of which the peer is told nothing.
fn failed(kind: TlsReasonKind) -> TlsStep {
    TlsStep::Failed(TlsReason::new(kind))
}

/// A failure whose alert is in the output.
fn failed_with_alert(kind: TlsReasonKind) -> TlsStep {
    TlsStep::Failed(TlsReason::new(kind).with_alert())
}

fn name(suite: SupportedCipherSuite) -> (u16, &'static str) {
    let suite = suite.suite();
    (u16::from(suite), suite.as_str().unwrap_or("unknown"))
}

/// Returns how many records the suite allows under one key.
fn record_limit(suite: SupportedCipherSuite) -> u64 {
    match suite {
        SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
        SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
    }
}
