//! What carries the stream: TCP, or TLS over it.
//!
//! [`Transport`] takes bytes from TCP as far as they are TLS's, opens one record at a time, and
//! encrypts what is sent. It knows nothing of XML: plaintext is handed to whoever calls.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::tracer::Tracer;
use crate::sasl::{ChannelBindingData, ChannelBindingKind};
use crate::tls::{self, TlsInfo};

/// What carries the stream.
#[derive(Debug)]
pub(super) enum Transport {
    /// Bytes are stream text.
    Plain,
    /// Bytes are TLS records.
    Tls(Box<TlsTransport>),
}

/// TLS over TCP.
#[derive(Debug)]
pub(super) struct TlsTransport {
    session: tls::TlsSession,
    /// What was read after the last frame before TLS, on its way into the session.
    pre_tls_bytes: Vec<u8>,
    first_byte: FirstByte,
}

/// The first byte that arrives after `<proceed/>`.
///
/// It matters only there: TLS would call XML a bad record, and bytes sent after `<starttls/>` would
/// have one reason if they arrived in the same segment and another if they arrived in the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstByte {
    /// It does not matter.
    Any,
    /// It has not arrived.
    Awaited,
    /// It has arrived.
    Received(u8),
}

impl FirstByte {
    fn record(&mut self, first: Option<&u8>) {
        if let (Self::Awaited, Some(byte)) = (&self, first) {
            *self = Self::Received(*byte);
        }
    }

    /// Whether it cannot begin a TLS record: the content types (RFC 8446 5.1, RFC 6520) are
    /// characters that XML does not have.
    const fn is_text(self) -> bool {
        matches!(self, Self::Received(byte) if !matches!(byte, 20..=24))
    }
}

/// The result of opening one record.
pub(super) enum Opened {
    /// There is no TLS, so there are no records.
    NoTls,
    /// Plaintext arrived where TLS was to begin.
    Plaintext,
    /// What TLS says.
    Step(tls::TlsStep),
}

impl Transport {
    /// Hands the transport to TLS. `unread` is what was read after the last frame: it is TLS's
    /// (RFC 6120 5.4.2.3).
    pub(super) fn start_tls(&mut self, mut tls: Box<TlsTransport>, unread: Vec<u8>) {
        tls.pre_tls_bytes = unread;
        *self = Self::Tls(tls);
    }

    /// The TLS session, if there is one.
    pub(super) fn tls(&self) -> Option<&tls::TlsSession> {
        match self {
            Self::Plain => None,
            Self::Tls(tls) => Some(&tls.session),
        }
    }

    /// Ends the transport and returns TLS's record keys; `None` unless it is established.
    #[cfg(feature = "testkit")]
    pub(super) fn into_record_keys(self) -> Option<tls::RecordKeys> {
        match self {
            Self::Plain => None,
            Self::Tls(tls) => tls.session.into_record_keys(),
        }
    }

    /// What TLS negotiated, once the handshake is complete.
    pub(super) fn tls_info(&self) -> Option<&TlsInfo> {
        self.tls().and_then(tls::TlsSession::established)
    }

    /// Whether the TLS handshake is under way.
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls().is_some_and(tls::TlsSession::is_handshaking)
    }

    /// The TLS transport that takes bytes from TCP; `None` if XML takes them.
    pub(super) fn receiver(&mut self) -> Option<&mut TlsTransport> {
        match self {
            Self::Plain => None,
            Self::Tls(tls) => Some(tls),
        }
    }

    /// How many bytes TLS would take; `None` if XML takes them.
    pub(super) fn capacity(&self) -> Option<usize> {
        match self {
            Self::Plain => None,
            Self::Tls(tls) if !tls.pre_tls_bytes.is_empty() => Some(0),
            Self::Tls(tls) => Some(tls.session.capacity()),
        }
    }

    /// Returns whether opening a record would do nothing, because TLS has read all that arrived.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.pre_tls_bytes.is_empty() && tls.session.is_at_rest())
    }

    /// Returns whether no record has been received in part or waits to be opened.
    pub(super) fn has_read_all(&self) -> bool {
        matches!(self, Self::Plain) || self.is_at_rest()
    }

    /// Opens one record: its text goes to `sink`, what TLS itself sends to `wire`.
    pub(super) fn open_record(
        &mut self,
        wire: &mut Vec<u8>,
        trace: &mut Tracer,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Opened {
        let Self::Tls(tls) = self else {
            return Opened::NoTls;
        };
        if tls.first_byte.is_text() {
            return Opened::Plaintext;
        }
        if !tls.pre_tls_bytes.is_empty() {
            let taken = tls.session.push(&tls.pre_tls_bytes);
            tls.pre_tls_bytes.drain(..taken);
        }
        Opened::Step(match trace.is_on() {
            false => tls.session.poll(wire, sink),
            true => tls.open_traced(wire, trace, sink),
        })
    }

    /// Appends the bytes of one unit of stream text to `wire`.
    ///
    /// # Errors
    /// TLS refuses to encrypt.
    pub(super) fn encode(
        &mut self,
        text: &[u8],
        wire: &mut Vec<u8>,
        trace: &mut Tracer,
    ) -> Result<(), tls::SealError> {
        match self {
            Self::Plain => {
                wire.extend_from_slice(text);
                trace.unit(text);
            }
            Self::Tls(tls) => {
                let written = wire.len();
                tls.session.seal(text, wire)?;
                trace.unit(text);
                trace.records_sent(wire.get(written..).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Appends close_notify to `wire`, if TLS is established. Returns what is to be expected of the
    /// peer.
    pub(super) fn close(&mut self, wire: &mut Vec<u8>, trace: &mut Tracer) -> PeerNotify {
        match self {
            Self::Tls(tls) if !tls.session.is_handshaking() => {
                let written = wire.len();
                tls.session.close(wire);
                trace.records_sent(wire.get(written..).unwrap_or_default());
                match tls.session.peer_closed() {
                    true => PeerNotify::Received,
                    false => PeerNotify::Outstanding,
                }
            }
            Self::Tls(_) | Self::Plain => PeerNotify::None,
        }
    }

    /// Drops the channel bindings and the secret from which they are derived: only a login needs
    /// them.
    pub(super) fn forget_bindings(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.forget_bindings();
        }
    }

    /// How many bytes are allocated for records.
    pub(super) fn allocated(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Tls(tls) => tls.session.allocated() + tls.pre_tls_bytes.capacity(),
        }
    }

    /// Frees what is not needed for the records that were received and not read.
    pub(super) fn shrink(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.shrink();
            tls.pre_tls_bytes.shrink_to_fit();
        }
    }

    /// Whether the peer's direction of an established TLS session is still open: TCP must not end
    /// now.
    pub(super) fn would_be_truncated(&self) -> bool {
        self.tls()
            .is_some_and(|session| !session.is_handshaking() && !session.peer_closed())
    }
}

/// What is known of the peer's close_notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PeerNotify {
    /// There will be none: there is no established TLS session.
    None,
    /// It has not arrived.
    Outstanding,
    /// It has arrived.
    Received,
}

impl TlsTransport {
    pub(super) const fn new(session: tls::TlsSession, first_byte: FirstByte) -> Self {
        Self {
            session,
            pre_tls_bytes: Vec::new(),
            first_byte,
        }
    }

    /// Opens one record, and tells the hook for traces of it and of those that it causes.
    #[cold]
    fn open_traced(
        &mut self,
        wire: &mut Vec<u8>,
        trace: &Tracer,
        sink: &mut dyn FnMut(&[u8]),
    ) -> tls::TlsStep {
        if let Some((content_type, length)) = self.session.pending_record() {
            trace.record_received(content_type, length);
        }
        let written = wire.len();
        let step = self.session.poll(wire, sink);
        trace.records_sent(wire.get(written..).unwrap_or_default());
        step
    }

    /// Stores bytes from TCP; returns how many.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> usize {
        self.first_byte.record(bytes.first());
        self.session.push(bytes)
    }

    /// The room for bytes from TCP.
    pub(super) fn window(&mut self) -> &mut [u8] {
        self.session.window()
    }

    /// Takes the first `n` bytes of the [`window`](Self::window).
    pub(super) fn received(&mut self, n: usize) {
        if n > 0 && self.first_byte == FirstByte::Awaited {
            self.first_byte.record(self.session.window().first());
        }
        self.session.pushed(n);
    }
}

/// What SASL calls a channel binding of TLS.
pub(super) fn binding_kind(binding: tls::ChannelBinding) -> Option<ChannelBindingKind> {
    ChannelBindingKind::from_name(binding.name())
}

/// The channel bindings of a session, the preferred one first.
pub(super) fn channel_bindings(session: &tls::TlsSession) -> Vec<ChannelBindingData> {
    session
        .available_bindings()
        .filter_map(|kind| derive(session, kind))
        .collect()
}

/// The channel binding of this kind, if the session has it.
pub(super) fn channel_binding(
    session: &tls::TlsSession,
    kind: ChannelBindingKind,
) -> Option<ChannelBindingData> {
    let kind = session
        .available_bindings()
        .find(|available| binding_kind(*available) == Some(kind))?;
    derive(session, kind)
}

fn derive(session: &tls::TlsSession, kind: tls::ChannelBinding) -> Option<ChannelBindingData> {
    let binding = session.channel_binding(kind)?;
    match kind {
        tls::ChannelBinding::TlsExporter => binding
            .as_bytes()
            .try_into()
            .ok()
            .map(ChannelBindingData::tls_exporter),
        tls::ChannelBinding::TlsServerEndPoint => {
            ChannelBindingData::tls_server_end_point(binding.as_bytes())
        }
    }
}
