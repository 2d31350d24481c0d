//! Everything of a connection that is the same in both roles and is not the
//! state table: transport, framer, outbox, clocks, wishes, the end.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::gate::{Decision, Gate};
use super::outbox::Outbox;
use super::role::{Position, Stage};
use super::session::Session;
use crate::close::{CloseReason, CloseTcp, Phase};
use crate::jid::Jid;
use crate::limits::Limits;
use crate::reset::{Cause, KeyUsage, Usage, UsagePolicy};
use crate::sasl::ChannelBindingData;
use crate::stream::{Kind, Opened};
use crate::stream::{StreamError, Version};
use crate::time::Instant;
use crate::tls::{self, TlsInfo};
use crate::xml::{self, Checker, FrameKind, Framer};

/// See the module.
#[derive(Debug)]
pub struct Link {
    pub(super) limits: Limits,
    pub(super) transport: Transport,
    pub(super) framer: Framer,
    /// A frame the framer has found and nobody has looked at.
    pub(super) found: Option<FrameKind>,
    pub(super) outbox: Outbox,
    /// What the application sends is checked as strictly as what comes.
    pub(super) checker: Checker,
    pub(super) inbound: Inbound,
    pub(super) request: Option<Request>,
    pub(super) gate: Option<Gate>,
    pub(super) peer: PeerHeader,
    pub(super) clock: Clock,
    pub(super) usage: Option<Usage>,
    /// A reset the machine sends by itself at the next poll.
    pub(super) due_reset: Option<Cause>,
    /// The last fault of the peer's bytes.
    pub(super) fault: Option<xml::Fault>,
    /// The last stream error of the peer.
    pub(super) peer_error: Option<StreamError>,
    pub(super) peer_footer: bool,
    /// The reason the end will have; the first one counts.
    pub(super) ending: Option<CloseReason>,
    pub(super) tail: Tail,
    pub(super) end: End,
}

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

/// What is known of TCP's other direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// Bytes may come.
    Open,
    /// FIN.
    Ended,
    /// RST, EPIPE.
    Failed,
}

/// A wish of the application, acted on by the next poll.
#[derive(Debug)]
pub(super) enum Request {
    Close,
    Reset(Cause),
    Fail(StreamError),
    Abort,
}

/// After the exchange of closing tags (RFC 6120 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The exchange goes on, or has not begun.
    Exchange,
    /// Our close_notify is written, the peer's outstanding.
    AwaitNotify,
    /// Only bytes for TCP are left.
    Drain,
}

/// The last word.
#[derive(Debug)]
pub(super) enum End {
    Open,
    Closed { close: CloseTcp, taken: bool },
}

/// Deadlines, and the present that moves them.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) now: Instant,
    /// Of the phase, or of a step of the end.
    pub(super) phase: Option<Instant>,
    /// Of the whole negotiation.
    pub(super) negotiation: Option<Instant>,
    /// Of the peer's taking bytes: the progress made when it was set.
    pub(super) stall: Option<(u64, Instant)>,
}

/// The peer's stream header.
#[derive(Clone, Debug)]
pub struct PeerHeader {
    pub(crate) id: Option<String>,
    pub(crate) from: Option<Jid>,
    pub(crate) to: Option<Jid>,
    pub(crate) lang: Option<String>,
    pub(crate) version: Version,
}

impl PeerHeader {
    /// Keeps what the header says.
    pub(super) fn note(&mut self, opened: &Opened<'_>) {
        self.id = opened.id.as_deref().map(ToOwned::to_owned);
        self.from = opened.from.clone().ok().flatten();
        self.to = opened.to.clone().ok().flatten();
        self.lang = opened.lang.as_deref().map(ToOwned::to_owned);
        self.version = opened.version;
    }
}

impl Link {
    pub(super) fn new(limits: Limits, kind: Kind, now: Instant) -> Self {
        Self {
            transport: Transport::Plain,
            framer: Framer::new(limits.before_auth()),
            found: None,
            outbox: Outbox::default(),
            checker: Checker::new(limits.after_auth(), kind.content_ns(), kind.prefixes()),
            inbound: Inbound::Open,
            request: None,
            gate: None,
            peer: PeerHeader {
                id: None,
                from: None,
                to: None,
                lang: None,
                version: Version::LEGACY,
            },
            clock: Clock {
                now,
                phase: Some(now + limits.phase_timeout()),
                negotiation: Some(now + limits.negotiation_timeout()),
                stall: None,
            },
            usage: None,
            due_reset: None,
            fault: None,
            peer_error: None,
            peer_footer: false,
            ending: None,
            tail: Tail::Exchange,
            end: End::Open,
            limits,
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.end, End::Closed { .. })
    }

    /// Whether bytes are welcome.
    const fn is_listening(&self) -> bool {
        !self.is_closed() && matches!(self.inbound, Inbound::Open)
    }

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

    pub(super) fn receive_eof(&mut self) {
        if self.inbound == Inbound::Open {
            self.inbound = Inbound::Ended;
        }
    }

    pub(super) fn transport_failed(&mut self) {
        self.inbound = Inbound::Failed;
    }

    /// The first wish counts, but an abort overrides what is not done yet.
    pub(super) fn request(&mut self, request: Request) {
        let replace = matches!(request, Request::Abort);
        if self.request.is_none() || replace {
            self.request = Some(request);
        }
    }

    pub(super) fn session(&mut self, position: Position) -> Option<Session<'_>> {
        let open = matches!(position.stage, Stage::Established | Stage::PeerClosing)
            && !self.is_closed()
            && self.request.is_none();
        open.then(|| Session::new(self))
    }

    pub(super) fn decision(&mut self) -> Option<Decision<'_>> {
        if self.is_closed() {
            return None;
        }
        self.gate.as_mut().and_then(Decision::of)
    }

    pub(super) fn take_close(&mut self) -> Option<CloseTcp> {
        match &mut self.end {
            End::Closed { close, taken } if !*taken => {
                *taken = true;
                Some(close.clone())
            }
            _ => None,
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
    /// TLS's (RFC 6120 5.4.2.3), and the framer that read before it is gone
    /// (5.4.3.3).
    pub(super) fn start_tls(&mut self, session: tls::Session, opening: Opening) {
        self.transport = Transport::Tls {
            session: Box::new(session),
            carry: self.framer.take_unread(),
            opening,
        };
        self.framer = Framer::new(self.limits.before_auth());
        self.found = None;
    }

    /// A new stream header is expected from the peer (4.3.3), under these
    /// limits.
    pub(super) fn restart(&mut self, limits: xml::FrameLimits) {
        self.framer.restart();
        self.framer.set_limits(limits);
        self.found = None;
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

    /// Starts the meter of the keys.
    pub(super) fn meter(&mut self, policy: UsagePolicy) {
        self.usage = self
            .tls()
            .is_some()
            .then(|| Usage::new(policy, self.clock.now));
    }

    /// What the meter reads.
    pub(super) fn key_usage(&self) -> Option<KeyUsage> {
        let counters = self.tls()?.counters();
        let mut keys = KeyUsage::new(counters.limit, counters.rekeys_itself);
        keys.records_sent = counters.records_sent;
        keys.records_received = counters.records_received;
        keys.bytes_sent = counters.bytes_sent;
        keys.bytes_received = counters.bytes_received;
        Some(keys)
    }

    /// Says something of the machine's own.
    pub(super) fn say(&mut self, write: impl FnOnce(&mut String)) {
        self.outbox.say(write);
    }

    /// Starts the clock of a new phase.
    pub(super) fn enter(&mut self, position: Position) {
        let now = self.clock.now;
        let timeout = match position.stage {
            Stage::Idle | Stage::Negotiating => Some(self.limits.phase_timeout()),
            Stage::Established => None,
            Stage::PeerClosing | Stage::Closing | Stage::Done => {
                Some(self.limits.closing_timeout())
            }
        };
        self.clock.phase = timeout.map(|timeout| now + timeout);
        // A stream that is being closed needs no reset, and no deadline of it.
        if position.stage != Stage::Established {
            self.usage = None;
            self.due_reset = None;
        }
        if position.stage != Stage::Negotiating {
            self.clock.negotiation = None;
            // What is asked would be answered too late.
            self.gate = None;
        }
    }

    /// The next time something happens without input.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.clock.phase,
            self.clock.negotiation,
            self.clock.stall.map(|(_, at)| at),
            self.usage.as_ref().and_then(Usage::deadline),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Which deadline has passed.
    pub(super) fn overdue(&self, phase: Phase) -> Option<Overdue> {
        let now = self.clock.now;
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if passed(self.clock.stall.map(|(_, at)| at)) {
            Some(Overdue::Write)
        } else if passed(self.clock.phase) {
            Some(Overdue::Phase(phase))
        } else if passed(self.clock.negotiation) {
            Some(Overdue::Phase(Phase::Negotiation))
        } else {
            None
        }
    }

    /// Keeps the clock of a peer that takes no bytes. The last step of the end
    /// has a deadline of its own for that.
    pub(super) fn watch_writing(&mut self) {
        let progress = self.outbox.progress();
        self.clock.stall = match self.clock.stall {
            _ if self.outbox.window().is_empty() || self.tail != Tail::Exchange => None,
            Some((mark, at)) if mark == progress => Some((mark, at)),
            _ => Some((progress, self.clock.now + self.limits.write_stall_timeout())),
        };
    }

    /// So much waits for TCP that nothing more is taken in: the own replies
    /// have used up their reserve.
    pub(super) fn is_blocked(&self) -> bool {
        self.outbox.waiting() > self.limits.outbox_bytes() + self.limits.reserve_bytes()
    }
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// TCP took no bytes.
    Write,
    /// The phase, or the negotiation as a whole.
    Phase(Phase),
}
