//! Reading after our own close_notify.
//!
//! The stream is closed by then, so text that still comes has no reader (RFC 6120 4.4) and is
//! dropped. Two things matter still: the peer's close_notify, after which TCP can be closed, and
//! a renegotiation attempt, which must be answered with an immediate close at any moment (RFC 6120
//! 5.3.5). Neither can be told from a record header, so every record is decrypted.
//!
//! rustls must not be given records any more: with close_notify sent, it would answer a forged
//! record with a second alert, and fails an assertion in debug builds. So the rustls connection
//! is taken apart (`dangerous_into_kernel_connection`), and its keys open the records here. A
//! record that is not authentic, a fatal alert, and everything that has no place after a handshake
//! is a [`TlsStep::Failed`] without an alert, because we have closed our direction.
//!
//! If the crypto provider does not give its keys out, only the header counts: in TLS 1.2 a
//! handshake record is an attempt, everything else is dropped, and close_notify is never seen.
//!
//! Change here what counts after our close_notify.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use rustls::client::ClientConnectionData;
use rustls::crypto::cipher::{InboundOpaqueMessage, MessageDecrypter};
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ConnectionTrafficSecrets, Error, ProtocolVersion, SupportedCipherSuite};

use super::info::TlsVersion;
use super::reason::{Alert, TlsReason, TlsReasonKind, kind_of};
use super::record::{ContentType, HEADER_LEN, Header};
use super::renegotiation::{
    CLIENT_HELLO, HELLO_REQUEST, RenegotiationAttempt, RenegotiationEvidence, TlsRole,
    evidence_in_content,
};
use super::step::TlsStep;

/// Most KeyUpdates accepted, as many as rustls accepts in a row.
const MAX_KEY_UPDATES: u8 = 32;

const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
const CLOSE_NOTIFY: u8 = 0;
const USER_CANCELED: u8 = 90;
const WARNING: u8 = 1;

/// Reads what the peer sends after our close_notify.
pub(super) struct PostCloseReader {
    role: TlsRole,
    /// `None` if the handshake was given up: then nothing can come that counts.
    version: Option<TlsVersion>,
    /// `None` if the keys are not known.
    opener: Option<RecordOpener>,
    messages: Messages,
    key_updates: u8,
}

/// Where in its TLS 1.3 handshake messages the peer is.
enum Messages {
    /// At the beginning of one, or in its first four bytes.
    Header { bytes: [u8; 4], len: usize },
    /// In the body of one, `left` bytes before its end.
    Body { kind: u8, left: usize },
    /// In a message that began before our close_notify.
    Unknown,
}

impl PostCloseReader {
    /// `pending`: whether a part of a handshake message was received before our close_notify.
    pub(super) fn new(
        role: TlsRole,
        version: Option<TlsVersion>,
        opener: Option<RecordOpener>,
        pending: usize,
    ) -> Self {
        Self {
            role,
            version,
            opener,
            messages: match pending {
                0 => Messages::START,
                _ => Messages::Unknown,
            },
            key_updates: 0,
        }
    }

    /// Opens and inspects one whole record.
    pub(super) fn inspect(&mut self, record: &mut [u8]) -> TlsStep {
        let (Some(version), Some(header)) = (self.version, Header::read(record)) else {
            return TlsStep::Continue;
        };
        let Some(opener) = &mut self.opener else {
            return match (version, header.kind) {
                (TlsVersion::Tls12, ContentType::Handshake) => {
                    attempt(version, RenegotiationEvidence::HandshakeRecord)
                }
                _ => TlsStep::Continue,
            };
        };
        // ChangeCipherSpec is never protected, so rustls does not decrypt it either.
        if header.kind == ContentType::ChangeCipherSpec {
            return unexpected(&header.kind);
        }
        let (kind, content) = match opener.open(record) {
            Ok(opened) => opened,
            Err(error) => return failed(kind_of(&error)),
        };
        match (kind, version) {
            (ContentType::Alert, _) => alert(version, content),
            (ContentType::Handshake, TlsVersion::Tls12) => {
                attempt(version, evidence_in_content(self.role, content))
            }
            (ContentType::Handshake, TlsVersion::Tls13) => {
                match self.messages.read(self.role, content) {
                    Ok(Handshake::Nothing) => TlsStep::Continue,
                    Ok(Handshake::KeyUpdate) => self.update_keys(),
                    Err(step) => step,
                }
            }
            (ContentType::ApplicationData, _) => match self.messages {
                Messages::Header { len: 0, .. } => TlsStep::Continue,
                _ => misbehaved("MessageInterleavedWithHandshakeMessage"),
            },
            _ => unexpected(&kind),
        }
    }

    fn update_keys(&mut self) -> TlsStep {
        self.key_updates += 1;
        if self.key_updates > MAX_KEY_UPDATES {
            return misbehaved("TooManyKeyUpdateRequests");
        }
        match self.opener.as_mut().map(RecordOpener::update_keys) {
            Some(Ok(())) => TlsStep::Continue,
            Some(Err(error)) => failed(kind_of(&error)),
            None => unexpected(&KEY_UPDATE),
        }
    }
}

/// What the messages of one record ask for.
enum Handshake {
    Nothing,
    KeyUpdate,
}

impl Messages {
    const START: Self = Self::Header {
        bytes: [0; 4],
        len: 0,
    };

    /// Follows the messages through the content of one record.
    fn read(&mut self, role: TlsRole, content: &[u8]) -> Result<Handshake, TlsStep> {
        let mut rest = content;
        loop {
            match self {
                Self::Unknown => return Err(unexpected(&ContentType::Handshake)),
                Self::Header { bytes, len } => {
                    let Some((byte, following)) = rest.split_first() else {
                        return Ok(Handshake::Nothing);
                    };
                    rest = following;
                    if *len == 0 {
                        check_type(role, *byte)?;
                    }
                    if let Some(slot) = bytes.get_mut(*len) {
                        *slot = *byte;
                    }
                    *len += 1;
                    if *len == bytes.len() {
                        let [kind, a, b, c] = *bytes;
                        let left = usize::try_from(u32::from_be_bytes([0, a, b, c]));
                        *self = Self::Body {
                            kind,
                            left: left.unwrap_or(usize::MAX),
                        };
                    }
                }
                Self::Body { kind, left } => {
                    let n = rest.len().min(*left);
                    rest = rest.get(n..).unwrap_or_default();
                    *left -= n;
                    if *left > 0 {
                        return Ok(Handshake::Nothing);
                    }
                    let kind = *kind;
                    *self = Self::START;
                    match (kind, rest) {
                        (KEY_UPDATE, []) => return Ok(Handshake::KeyUpdate),
                        // RFC 8446 5.1: new keys begin with a record.
                        (KEY_UPDATE, _) => return Err(misbehaved("KeyEpochWithPendingFragment")),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Refuses what must not follow a TLS 1.3 handshake (RFC 8446 4.6). A hello is an attempt as soon
/// as its first byte is there.
fn check_type(role: TlsRole, kind: u8) -> Result<(), TlsStep> {
    let version = TlsVersion::Tls13;
    match (kind, role) {
        (HELLO_REQUEST, _) => Err(attempt(version, RenegotiationEvidence::HelloRequest)),
        (CLIENT_HELLO, _) => Err(attempt(version, RenegotiationEvidence::ClientHello)),
        (KEY_UPDATE, _) | (NEW_SESSION_TICKET, TlsRole::Client) => Ok(()),
        (other, _) => Err(unexpected(&other)),
    }
}

/// RFC 8446 6, RFC 5246 7.2. In TLS 1.3 the level means nothing.
fn alert(version: TlsVersion, content: &[u8]) -> TlsStep {
    match (version, content) {
        (_, [_, CLOSE_NOTIFY]) => TlsStep::PeerClosed,
        (TlsVersion::Tls13, [_, USER_CANCELED]) | (TlsVersion::Tls12, [WARNING, _]) => {
            TlsStep::Continue
        }
        (_, [_, description]) => failed(TlsReasonKind::AlertReceived(Alert(*description))),
        _ => failed(TlsReasonKind::MalformedMessage {
            detail: String::from("Alert"),
        }),
    }
}

fn attempt(version: TlsVersion, sign: RenegotiationEvidence) -> TlsStep {
    TlsStep::Renegotiation(RenegotiationAttempt { version, sign })
}

fn unexpected(what: &dyn core::fmt::Debug) -> TlsStep {
    failed(TlsReasonKind::UnexpectedMessage {
        detail: format!("{what:?}"),
    })
}

fn misbehaved(how: &str) -> TlsStep {
    failed(TlsReasonKind::Misbehaved {
        detail: String::from(how),
    })
}

fn failed(kind: TlsReasonKind) -> TlsStep {
    TlsStep::Failed(TlsReason::new(kind))
}

/// The receiving keys of a rustls connection that has ended.
pub(super) struct RecordOpener {
    kernel: Kernel,
    decrypter: Box<dyn MessageDecrypter>,
    /// The number of the next record.
    sequence: u64,
}

enum Kernel {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

impl RecordOpener {
    pub(super) fn client(
        kernel: KernelConnection<ClientConnectionData>,
        keys: (u64, ConnectionTrafficSecrets),
    ) -> Option<Self> {
        let suite = kernel.negotiated_cipher_suite();
        Self::new(Kernel::Client(kernel), suite, keys)
    }

    pub(super) fn server(
        kernel: KernelConnection<ServerConnectionData>,
        keys: (u64, ConnectionTrafficSecrets),
    ) -> Option<Self> {
        let suite = kernel.negotiated_cipher_suite();
        Self::new(Kernel::Server(kernel), suite, keys)
    }

    fn new(
        kernel: Kernel,
        suite: SupportedCipherSuite,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Option<Self> {
        Some(Self {
            kernel,
            decrypter: decrypter(suite, secrets)?,
            sequence,
        })
    }

    /// Decrypts a record in place. Returns its content type and content.
    fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<(ContentType, &'a [u8]), Error> {
        let Some((header, payload)) = record.split_first_chunk_mut::<HEADER_LEN>() else {
            return Err(Error::DecryptError);
        };
        let [kind, major, minor, ..] = *header;
        let version = ProtocolVersion::from(u16::from_be_bytes([major, minor]));
        let sealed = InboundOpaqueMessage::new(rustls::ContentType::from(kind), version, payload);
        let opened = self.decrypter.decrypt(sealed, self.sequence)?;
        self.sequence += 1;
        Ok((ContentType::from(u8::from(opened.typ)), opened.payload))
    }

    /// Follows the peer's KeyUpdate (RFC 8446 4.6.3).
    fn update_keys(&mut self) -> Result<(), Error> {
        let (suite, (sequence, secrets)) = match &mut self.kernel {
            Kernel::Client(k) => (k.negotiated_cipher_suite(), k.update_rx_secret()?),
            Kernel::Server(k) => (k.negotiated_cipher_suite(), k.update_rx_secret()?),
        };
        self.decrypter = decrypter(suite, secrets).ok_or(Error::DecryptError)?;
        self.sequence = sequence;
        Ok(())
    }
}

/// Returns what opens the records of these secrets; `None` for a cipher suite that is not known here.
pub(super) fn decrypter(
    suite: SupportedCipherSuite,
    secrets: ConnectionTrafficSecrets,
) -> Option<Box<dyn MessageDecrypter>> {
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        return None;
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => Some(suite.aead_alg.decrypter(key, iv)),
        // The rest of a TLS 1.2 nonce is in each record (RFC 5288 3).
        SupportedCipherSuite::Tls12(suite) => {
            let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
            Some(suite.aead_alg.decrypter(key, iv.as_ref().get(..fixed)?))
        }
    }
}
