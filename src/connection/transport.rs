//! What carries the stream: TCP, or TLS over it. Bytes in, text out, text in.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::link::{Link, PeerHeader};
use crate::sasl::ChannelBindingData;
use crate::tls::{self, TlsInfo};
use crate::xml::Framer;

/// What carries the stream.
#[derive(Debug)]
pub(super) enum Transport {
    /// Bytes are stream text.
    Plain,
    /// Bytes are TLS records. `carry`: what was read behind the last frame
    /// before TLS, on its way into the session. `opening`: whether it is TLS
    /// that begins.
    Tls {
        session: Box<tls::Session>,
        carry: Vec<u8>,
        opening: Opening,
    },
}

/// What came first behind `<proceed/>`. Only there it matters: TLS would call
/// XML a bad record, and what stood behind `<starttls/>` would have another
/// name if it came in the same segment and if it came in the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It does not matter.
    Any,
    /// Nothing yet.
    Awaited,
    /// This byte.
    Byte(u8),
}

impl Opening {
    fn note(&mut self, first: Option<&u8>) {
        if let (Self::Awaited, Some(byte)) = (&self, first) {
            *self = Self::Byte(*byte);
        }
    }

    /// Whether it is no TLS record: the content types (RFC 8446 5.1, RFC 6520)
    /// are characters XML does not have.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Byte(byte) if !matches!(byte, 20..=24))
    }
}

impl Link {
    /// How many bytes `receive` would take.
    pub(super) fn capacity(&self) -> usize {
        match &self.transport {
            _ if !self.is_listening() => 0,
            Transport::Plain => self.framer.capacity(),
            Transport::Tls { carry, .. } if !carry.is_empty() => 0,
            Transport::Tls { session, .. } => session.capacity(),
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> usize {
        if self.capacity() == 0 {
            return 0;
        }
        match &mut self.transport {
            Transport::Plain => self.framer.push(bytes),
            Transport::Tls {
                session, opening, ..
            } => {
                opening.note(bytes.first());
                session.push(bytes)
            }
        }
    }

    pub(super) fn window(&mut self) -> &mut [u8] {
        if self.capacity() == 0 {
            return &mut [];
        }
        match &mut self.transport {
            Transport::Plain => self.framer.window(),
            Transport::Tls { session, .. } => session.window(),
        }
    }

    pub(super) fn received(&mut self, n: usize) {
        if self.capacity() == 0 {
            return;
        }
        match &mut self.transport {
            Transport::Plain => self.framer.pushed(n),
            Transport::Tls {
                session, opening, ..
            } => {
                if n > 0 && *opening == Opening::Awaited {
                    opening.note(session.window().first());
                }
                session.pushed(n);
            }
        }
    }

    pub(super) fn tls(&self) -> Option<&tls::Session> {
        match &self.transport {
            Transport::Plain => None,
            Transport::Tls { session, .. } => Some(session),
        }
    }

    pub(super) fn tls_info(&self) -> Option<&TlsInfo> {
        self.tls().and_then(tls::Session::established)
    }

    /// Hands the transport to TLS: what was read behind the last frame is
    /// TLS's (RFC 6120 5.4.2.3), and what was read before it is forgotten
    /// (5.4.3.3).
    pub(super) fn start_tls(&mut self, session: tls::Session, opening: Opening) {
        self.transport = Transport::Tls {
            session: Box::new(session),
            carry: self.framer.take_unread(),
            opening,
        };
        self.framer = Framer::new(self.limits.before_auth());
        self.found = None;
        self.peer = PeerHeader::NONE;
    }

    /// Turns what was said into bytes, as stream text.
    pub(super) fn send_plain(&mut self) {
        let sealed: Result<(), Infallible> = self.outbox.seal(|text, wire| {
            wire.extend_from_slice(text);
            Ok(())
        });
        match sealed {
            Ok(()) => {}
        }
    }

    /// Turns what was said into bytes, through TLS if it is there.
    ///
    /// # Errors
    /// TLS refuses to encrypt.
    pub(super) fn seal(&mut self) -> Result<(), tls::SealError> {
        match &mut self.transport {
            Transport::Plain => {
                self.send_plain();
                Ok(())
            }
            Transport::Tls { session, .. } => {
                self.outbox.seal(|text, wire| session.seal(text, wire))
            }
        }
    }

    pub(super) fn tls_limits(&self) -> tls::TlsLimits {
        tls::TlsLimits {
            handshake_bytes: self.limits.handshake_bytes(),
            ..tls::TlsLimits::default()
        }
    }

    /// The channel bindings of the session, the preferred one first.
    pub(super) fn channel_bindings(&self) -> Vec<ChannelBindingData> {
        let Some(session) = self.tls() else {
            return Vec::new();
        };
        let data = |kind| {
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
        };
        session.available_bindings().filter_map(data).collect()
    }
}
