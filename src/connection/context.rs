//! What a role borrows while it executes a command, and what it changes by that.

use alloc::boxed::Box;
use alloc::string::String;

use super::decision::PendingDecision;
use super::inbound::Inbound;
use super::management::Management;
use super::outbound::Outbound;
use super::s2s::S2s;
use super::transport::{FirstByte, TlsTransport, binding_kind, channel_binding};
use crate::close::{CloseReason, InternalReason};
use crate::event::Question;
use crate::limits::Limits;
use crate::sasl::{ChannelBindingData, ChannelBindingKind};
use crate::stream::{PeerHeader, StreamError};
use crate::tls::{self, TlsInfo};
use crate::xml::FrameLimits;

/// The parts of a connection that a role may use.
#[derive(Debug)]
pub struct Context<'a> {
    /// The TLS session, if there is one.
    pub(super) tls: Option<&'a tls::TlsSession>,
    /// The peer's stream header.
    pub(super) peer: &'a mut PeerHeader,
    pub(super) out: &'a mut Outbound,
    /// The limits; those of the host once it is known.
    pub(super) limits: &'a mut Limits,
    /// Only of servers and components.
    pub(super) s2s: Option<&'a mut S2s>,
    /// Only of clients' streams, if it is configured.
    pub(super) management: Option<&'a mut Management>,
    /// The error with which the stream ends if the table says that the application does it.
    pub(super) error: &'a mut Option<StreamError>,
    pub(super) inbound: &'a Inbound,
    pub(super) decision: &'a mut Option<Box<PendingDecision>>,
    /// What becomes of the inbound direction and of the connection after the step.
    pub(super) change: Change,
    /// A reason that the end will have.
    pub(super) reason: Option<CloseReason>,
}

/// What a step changes after the received element is no longer used.
#[derive(Debug)]
pub(super) enum Change {
    Nothing,
    /// Frames have other limits.
    SetLimits(FrameLimits),
    /// A new stream header is expected (RFC 6120 4.3.3), under these limits.
    Restart(FrameLimits),
    /// What was queued goes out, then TLS takes the transport.
    StartTls(Box<TlsTransport>),
    /// What was queued goes out, then the connection ends for this reason.
    LastBytes(CloseReason),
    /// The connection ends at once for this reason.
    Abort(CloseReason),
}

impl Context<'_> {
    /// What TLS negotiated, once the handshake is complete: headers are protected from then on.
    pub(super) fn tls_info(&self) -> Option<&TlsInfo> {
        self.tls.and_then(tls::TlsSession::established)
    }

    /// The channel binding of this kind that the TLS session has. Deriving it costs a few hash
    /// computations, so only the one that is used is asked for.
    pub(super) fn channel_binding(&self, kind: ChannelBindingKind) -> Option<ChannelBindingData> {
        channel_binding(self.tls?, kind)
    }

    /// The kinds that the TLS session has. Unlike their data they cost nothing.
    pub(super) fn channel_binding_kinds(&self) -> impl Iterator<Item = ChannelBindingKind> {
        self.tls
            .into_iter()
            .flat_map(tls::TlsSession::available_bindings)
            .filter_map(binding_kind)
    }

    /// Queues a stanza that this crate answers with; where stanzas are counted, it is kept like any
    /// other.
    pub(super) fn push_stanza(&mut self, write: impl FnOnce(&mut String)) {
        match self.management.as_deref_mut().filter(|sm| sm.keeps()) {
            Some(management) => {
                let ticket = self.out.push_stanza(write);
                management.keep(ticket, self.out, fragment(self.tls));
            }
            None => self.out.push_control(write),
        }
    }

    /// Whether bytes have been received after the last frame.
    pub(super) fn has_unread(&self) -> bool {
        self.inbound.has_unread()
    }

    /// Asks the application. The stream stops until it has answered.
    pub(super) fn ask(&mut self, question: Question) {
        *self.decision = Some(Box::new(PendingDecision::new(question)));
    }

    /// Expects a new stream header.
    pub(super) fn restart(&mut self, limits: FrameLimits) {
        self.change = Change::Restart(limits);
    }

    /// Hands the transport to TLS after what is queued.
    pub(super) fn start_tls(&mut self, session: tls::TlsSession, first_byte: FirstByte) {
        self.change = Change::StartTls(Box::new(TlsTransport::new(session, first_byte)));
    }

    /// Ends the connection at once.
    pub(super) fn abort(&mut self, reason: CloseReason) {
        self.change = Change::Abort(reason);
    }

    /// Ends the connection because there is no randomness.
    pub(super) fn no_randomness(&mut self) {
        self.abort(CloseReason::Internal(InternalReason::Randomness));
    }

    /// Ends the connection because a command came without what it needs: a defect of this crate.
    pub(super) fn defect(&mut self, what: &str) {
        debug_assert!(false, "defect: {what}");
        self.abort(CloseReason::Internal(InternalReason::Table));
    }

    /// Whether the connection ends at once.
    pub(super) const fn is_aborted(&self) -> bool {
        matches!(self.change, Change::Abort(_))
    }
}

/// The limits of a TLS session.
pub(super) fn tls_limits(limits: &Limits) -> tls::TlsLimits {
    tls::TlsLimits {
        handshake_bytes: limits.handshake_bytes(),
        ..tls::TlsLimits::default()
    }
}

/// How many bytes of text one record takes.
pub(super) fn fragment(tls: Option<&tls::TlsSession>) -> usize {
    tls.map_or(usize::MAX, tls::TlsSession::max_fragment)
}
