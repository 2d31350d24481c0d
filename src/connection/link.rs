//! Everything of a connection that is the same in both roles and is not the
//! state table: transport, framer, outbox, clocks, wishes, the end.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::clock::Clock;
use super::decision::Decision;
use super::federation::{Federation, Scope};
use super::gate::Gate;
use super::outbox::Outbox;
use super::role::{Position, Stage};
use super::session::Session;
use super::transport::Transport;
use crate::close::{CloseReason, CloseTcp};
use crate::jid::Jid;
use crate::limits::Limits;
use crate::reset::{Cause, KeyUsage, Usage, UsagePolicy};
use crate::stream::{Kind, ParsedHeader as Opened};
use crate::stream::{StreamError, Version};
use crate::time::Instant;
use crate::xml::{self, Checker, FrameKind, Framer};

/// See the module.
#[derive(Debug)]
pub struct Link {
    pub(super) kind: Kind,
    pub(super) limits: Limits,
    pub(super) transport: Transport,
    pub(super) framer: Framer,
    /// A frame the framer has found and nobody has looked at.
    pub(super) found: Option<FrameKind>,
    pub(super) outbox: Outbox,
    /// What the application sends is checked as strictly as what comes.
    pub(super) checker: Checker,
    pub(super) content_ns: &'static str,
    pub(super) federation: Federation,
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
    /// Before there is one.
    pub(super) const NONE: Self = Self {
        id: None,
        from: None,
        to: None,
        lang: None,
        version: Version::LEGACY,
    };

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
    pub(super) fn new(limits: Limits, kind: Kind, scope: Scope, now: Instant) -> Self {
        Self {
            transport: Transport::Plain,
            framer: Framer::new(limits.before_auth()),
            found: None,
            outbox: Outbox::default(),
            checker: Checker::new(limits.after_auth(), kind.content_ns(), kind.prefixes()),
            content_ns: kind.content_ns(),
            federation: Federation::new(scope, usize::from(limits.requests())),
            inbound: Inbound::Open,
            request: None,
            gate: None,
            peer: PeerHeader::NONE,
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
            kind,
            limits,
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.end, End::Closed { .. })
    }

    /// Whether bytes are welcome.
    pub(super) const fn is_listening(&self) -> bool {
        !self.is_closed() && matches!(self.inbound, Inbound::Open)
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
        let open = matches!(
            position.stage,
            Stage::Federating | Stage::Established | Stage::PeerClosing
        ) && !self.is_closed()
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

    /// A new stream header is expected from the peer (4.3.3), under these
    /// limits.
    pub(super) fn restart(&mut self, limits: xml::FrameLimits) {
        self.framer.restart();
        self.framer.set_limits(limits);
        self.found = None;
        self.peer = PeerHeader::NONE;
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
        keys.records_queued = self.outbox.units();
        keys.bytes_sent = counters.bytes_sent;
        keys.bytes_received = counters.bytes_received;
        Some(keys)
    }

    /// How many records the application may still use, beside the reserve;
    /// `None`: as many as it likes.
    pub(super) fn key_room(&self) -> Option<u64> {
        let keys = self.key_usage()?;
        match self.usage.as_ref()?.room(&keys) {
            u64::MAX => None,
            room => Some(room),
        }
    }

    /// Says something of the machine's own.
    pub(super) fn say(&mut self, write: impl FnOnce(&mut String)) {
        self.outbox.say(write);
    }

    /// So much waits for TCP that nothing more is taken in: the own replies
    /// have used up their reserve.
    pub(super) fn is_blocked(&self) -> bool {
        self.outbox.waiting() > self.limits.outbox_bytes() + self.limits.reserve_bytes()
    }
}
