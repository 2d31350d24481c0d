//! The machine inside a [`Connection`](super::Connection): its parts, the loop of a poll, and what each
//! step does. The public face, with the contract, is the module above. A further step is added to
//! `steps` and to `try_step`.
//!
//! Buffers keep the size that traffic gave them, so that a steady flow allocates nothing. They are
//! given back once when the stream is established, because negotiation needs larger ones, and from
//! then on at a deadline, `Timer::Shrink`, ten seconds after the last traffic, at which a driver that sleeps as told polls anyway. The
//! deadline moves with the traffic and is not set again before more of it, so an idle connection wakes
//! its driver once.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::advance::{Advance, shutdown_clock};
use super::context::{Change, Context};
use super::decision::{Decision, PendingDecision, ReadMode};
use super::inbound::{Inbound, TcpInput};
use super::initiator::InitiatorRole;
use super::key_meter::KeyMeter;
use super::management::{Expiry, Management};
use super::outbound::Outbound;
use super::request::{EndRequest, PendingRequest};
use super::responder::ResponderRole;
use super::role::{Negotiation, Position, Setup, Stage};
use super::s2s::S2s;
use super::session::{Negotiating, Session};
use super::shutdown::{Reason, Shutdown, ShutdownInput};
use super::steps::{Budget, Progress, STEPS, Step};
use super::timers::{Timer, Timers, earlier};
use super::transport::{Opened, Transport};
use crate::action::{Action, Wait};
use crate::close::{CloseReason, CloseTcp, InternalReason, Phase};
use crate::event::{Established, Event, StreamOpened};
use crate::limits::Limits;
use crate::reset::ResetCause;
use crate::sm::SmState;
use crate::stream::{
    AppRequest, Features, FirstLevelElement, InFlight, Input, Kind, Notice, PeerHeader,
    StreamCondition, StreamError,
};
use crate::time::Instant;
use crate::tls::{self, TlsInfo};
use crate::xml::Frame;

/// What the buffers of an established stream may keep for good, in bytes.
const IDLE_BYTES: usize = 1024;

/// One TCP connection's state machine, as `Connection` shows it.
pub(super) struct Machine<R: Negotiation> {
    role: R,
    kind: Kind,
    /// The limits; those of the host once it is known.
    limits: Limits,
    transport: Transport,
    inbound: Inbound,
    outbound: Outbound,
    /// The peer's header of the current stream.
    peer: PeerHeader,
    /// The question that stops the stream until it is answered.
    decision: Option<Box<PendingDecision>>,
    /// Domain pairs and addresses; only of servers and components.
    s2s: Option<Box<S2s>>,
    /// Stream management; only of clients' streams, if it is configured.
    management: Option<Box<Management>>,
    timers: Timers,
    keys: KeyMeter,
    /// What the application has requested and the next poll acts on.
    request: PendingRequest,
    /// The stream error that the application ends the stream with.
    error: Option<StreamError>,
    /// Why the application, or the key meter, resets the stream.
    reset_cause: Option<ResetCause>,
    /// The last stream error of the peer.
    peer_error: Option<StreamError>,
    shutdown: Shutdown,
}

impl<R: Negotiation> Machine<R> {
    pub(super) fn role_mut(&mut self) -> &mut R {
        &mut self.role
    }

    pub(super) fn new(config: Arc<R::Config>, now: Instant) -> Self {
        let (role, setup) = R::new(config);
        let Setup {
            kind,
            limits,
            rule,
            management,
            scope,
        } = setup;
        let mut timers = Timers::new(now);
        timers.set(Timer::Phase, limits.phase_timeout());
        timers.set(Timer::Negotiation, limits.negotiation_timeout());
        let max_pairs = usize::from(limits.requests());
        Self {
            role,
            kind,
            transport: Transport::Plain,
            inbound: Inbound::new(limits.before_auth()),
            outbound: Outbound::new(&limits, kind, scope),
            peer: PeerHeader::NONE,
            decision: None,
            s2s: rule.map(|rule| Box::new(S2s::new(rule, max_pairs))),
            management: management.map(Box::new),
            timers,
            keys: KeyMeter::default(),
            request: PendingRequest::default(),
            error: None,
            reset_cause: None,
            peer_error: None,
            shutdown: Shutdown::OPEN,
            limits,
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> usize {
        match self.shutdown.is_closed() {
            true => 0,
            false => self.inbound.receive(&mut self.transport, bytes),
        }
    }

    pub(super) fn receive_window(&mut self) -> &mut [u8] {
        match self.shutdown.is_closed() {
            true => &mut [],
            false => self.inbound.window(&mut self.transport),
        }
    }

    pub(super) fn received(&mut self, n: usize) {
        if !self.shutdown.is_closed() {
            self.inbound.received(&mut self.transport, n);
        }
    }

    pub(super) fn receive_eof(&mut self) {
        self.inbound.end();
    }

    pub(super) fn transport_failed(&mut self) {
        self.inbound.fail();
    }

    pub(super) fn transmit(&self) -> &[u8] {
        self.outbound.transmit()
    }

    pub(super) fn transmitted(&mut self, n: usize) {
        self.outbound.transmitted(n);
    }

    pub(super) fn poll(&mut self, now: Instant) -> Action<'_> {
        self.timers.advance(now);
        let mut budget = Budget {
            derivations: 1,
            handshake_records: 1,
        };
        // What the application sent before this poll comes before what the poll causes.
        self.flush();
        let notice = loop {
            let progress = self.turn(&mut budget);
            self.flush();
            self.watch_writing();
            match progress {
                // What was read before the end is reported all the same.
                Progress::Report(notice) => break Some(notice),
                Progress::Continue if !self.shutdown.is_closed() => {}
                Progress::Continue => break None,
                Progress::Idle => {
                    self.answer_owed();
                    break None;
                }
            }
        };
        self.size_buffers(notice);
        self.end_session();
        if notice.is_some_and(|notice| !self.has_content(notice)) {
            debug_assert!(false, "a notice without its content");
            let _ = self.close(CloseReason::Internal(InternalReason::Table));
        }
        match notice.and_then(|notice| self.event(notice)) {
            Some(event) => Action::Event(event),
            None => match self.shutdown.close() {
                Some(close) => Action::CloseTcp(close),
                None => Action::Wait(self.wait(&budget)),
            },
        }
    }

    pub(super) fn session(&mut self) -> Option<Session<'_>> {
        let stage = self.role.position().stage;
        let is_open = matches!(
            stage,
            Stage::Federating | Stage::Established | Stage::PeerClosing
        ) && !self.shutdown.is_closed()
            && self.request.is_none();
        is_open.then(|| Session {
            kind: self.kind,
            keys: &self.keys,
            tls: self.transport.tls(),
            limits: &self.limits,
            now: self.timers.now(),
            out: &mut self.outbound,
            s2s: self.s2s.as_deref_mut(),
            management: self.management.as_deref_mut(),
            request: &mut self.request,
        })
    }

    pub(super) fn take_sm_state(&mut self) -> Option<SmState> {
        self.management.as_mut()?.take(self.shutdown.is_closed())
    }

    pub(super) fn sm_snapshot(&self) -> Option<SmState> {
        let management = self.management.as_ref()?;
        let is_open = !self.shutdown.is_closed();
        is_open
            .then(|| management.snapshot(self.role.bound(), &self.outbound))
            .flatten()
    }

    pub(super) fn decision(&mut self) -> Option<Decision<'_>> {
        match self.shutdown.is_closed() {
            true => None,
            false => self.decision.as_deref_mut().and_then(Decision::of),
        }
    }

    pub(super) fn fail(&mut self, error: StreamError) {
        self.request.store(EndRequest::Fail(error));
    }

    pub(super) fn abort(&mut self) {
        self.request.store(EndRequest::Abort);
    }

    pub(super) fn take_close(&mut self) -> Option<CloseTcp> {
        self.shutdown.take_close()
    }

    pub(super) fn tls(&self) -> Option<&TlsInfo> {
        self.transport.tls_info()
    }

    /// One turn of the loop: the first step that has something to do does it.
    ///
    /// It is written out because the compiler then takes out of `try_step` what each step needs. A
    /// loop costs more than the steps, of which nearly all have nothing to do.
    fn turn(&mut self, budget: &mut Budget) -> Progress {
        if self.shutdown.is_closed() {
            return Progress::Idle;
        }
        let at = self.role.position();
        let [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13] = STEPS;
        self.try_step(s1, at, budget)
            .or_else(|| self.try_step(s2, at, budget))
            .or_else(|| self.try_step(s3, at, budget))
            .or_else(|| self.try_step(s4, at, budget))
            .or_else(|| self.try_step(s5, at, budget))
            .or_else(|| self.try_step(s6, at, budget))
            .or_else(|| self.try_step(s7, at, budget))
            .or_else(|| self.try_step(s8, at, budget))
            .or_else(|| self.try_step(s9, at, budget))
            .or_else(|| self.try_step(s10, at, budget))
            .or_else(|| self.try_step(s11, at, budget))
            .or_else(|| self.try_step(s12, at, budget))
            .or_else(|| self.try_step(s13, at, budget))
            .unwrap_or(Progress::Idle)
    }

    /// Does one step; `None` if there is nothing to do for it.
    #[expect(
        clippy::inline_always,
        reason = "so that `turn` takes out of it what each step needs"
    )]
    #[inline(always)]
    fn try_step(
        &mut self,
        step: Step,
        position: Position,
        budget: &mut Budget,
    ) -> Option<Progress> {
        match step {
            Step::Abort => self
                .request
                .is_abort()
                .then(|| self.close(CloseReason::LocalAbort)),
            Step::Begin => (position.stage == Stage::Idle).then(|| self.advance(Input::Begin)),
            Step::Shutdown => (!self.shutdown.is_open()).then(|| self.drive_shutdown()),
            Step::Request => self.request.take().map(|request| self.on_request(request)),
            Step::PeerClosing => {
                (position.stage == Stage::PeerClosing).then(|| self.advance(Input::Resume))
            }
            Step::Deadline => self.on_deadline(position),
            Step::DueReset => self
                .keys
                .take_due()
                .map(|cause| self.on_request(EndRequest::Reset(cause))),
            Step::KeyUsage => {
                let now = self.timers.now();
                let advised = position.stage == Stage::Established
                    && self.keys.check(now, self.transport.tls(), &self.outbound);
                advised.then_some(Progress::Report(Notice::ResetAdvised))
            }
            Step::Management => self.on_management(position),
            Step::Decision => self.on_decision(),
            Step::S2s => self.on_s2s(position),
            Step::Mechanism => (self.is_working(position) && budget.derivations > 0).then(|| {
                budget.derivations -= 1;
                self.with_role(R::work)
            }),
            Step::Read => Some(self.read(position, budget)),
        }
    }

    fn on_request(&mut self, request: EndRequest) -> Progress {
        let request = match request {
            EndRequest::Close => AppRequest::Close,
            EndRequest::Abort => return self.close(CloseReason::LocalAbort),
            EndRequest::Reset(cause) => {
                self.reset_cause.get_or_insert(cause);
                AppRequest::Reset(match cause.discards_in_flight() {
                    true => InFlight::Discard,
                    false => InFlight::Deliver,
                })
            }
            EndRequest::Fail(error) => {
                self.error.get_or_insert(error);
                AppRequest::Fail
            }
        };
        self.advance(Input::AppRequest(request))
    }

    fn on_deadline(&mut self, position: Position) -> Option<Progress> {
        let now = self.timers.now();
        let phase = match self.timers.expired() {
            Some(Timer::WriteStall) => {
                return Some(self.close(CloseReason::Timeout(Phase::Write)));
            }
            Some(Timer::Phase) => position.phase,
            Some(Timer::Negotiation) => Phase::Negotiation,
            // Acted on when the connection waits, unless there is new traffic before.
            Some(Timer::Shrink) => return None,
            None => self
                .shutdown
                .deadline()
                .filter(|at| *at <= now)
                .map(|_| position.phase)?,
        };
        if matches!(position.stage, Stage::Negotiating | Stage::Federating) {
            self.end_with(CloseReason::Timeout(phase));
        }
        Some(self.advance(Input::Expired))
    }

    fn on_management(&mut self, position: Position) -> Option<Progress> {
        let management = self.management.as_mut()?;
        if position.stage != Stage::Established {
            return None;
        }
        let now = self.timers.now();
        match management.expire(now, &mut self.outbound) {
            Expiry::PeerLost => {
                return Some(self.close(CloseReason::Timeout(Phase::Acknowledgement)));
            }
            Expiry::Asked => return Some(Progress::Continue),
            Expiry::Nothing => {}
        }
        management.is_overflowing().then(|| {
            let error = StreamError::new(StreamCondition::ResourceConstraint);
            self.on_request(EndRequest::Fail(error))
        })
    }

    /// Answers the peer's requests for acknowledgement, now that everything received has been read.
    fn answer_owed(&mut self) {
        let is_established = self.role.position().stage == Stage::Established;
        if let Some(management) = self.management.as_mut().filter(|_| is_established) {
            if management.answer_owed(&mut self.outbound) {
                self.flush();
                self.watch_writing();
            }
        }
    }

    /// Completes what outlives the connection when it ends.
    fn end_session(&mut self) {
        if let (Some(management), Some(close)) = (&mut self.management, self.shutdown.close()) {
            let survives = close.reason().session_survives();
            management.end(survives, self.role.bound(), &self.outbound);
        }
    }

    fn on_decision(&mut self) -> Option<Progress> {
        if self.decision.as_mut()?.announce() {
            return Some(Progress::Report(Notice::Decision));
        }
        let answer = PendingDecision::take_answer(&mut self.decision)?;
        Some(self.with_role(|role, cx| role.decide(answer, cx)))
    }

    fn on_s2s(&mut self, position: Position) -> Option<Progress> {
        let s2s = self.s2s.as_mut()?;
        if !matches!(position.stage, Stage::Federating | Stage::Established) {
            return None;
        }
        if let Some(notice) = s2s.next_notice(self.timers.now()) {
            return Some(Progress::Report(notice));
        }
        s2s.take_answered().map(|input| self.advance(input))
    }

    /// Whether the mechanism has a slice of work left that still matters.
    fn is_working(&self, position: Position) -> bool {
        position.stage == Stage::Negotiating && self.role.is_working()
    }

    /// Takes the next frame, or opens the next record, or acts on the end of both. While something
    /// else is waited for no frame is taken, but records are opened as long as there is none, so that
    /// a renegotiation attempt is seen at once.
    fn read(&mut self, position: Position, budget: &mut Budget) -> Progress {
        let mode = match &self.decision {
            // SASL may end in a restart, after which the same bytes mean something else (RFC 6120
            // 4.3.3).
            _ if self.is_working(position) => ReadMode::UntilText,
            Some(decision) => decision.read_mode(),
            None if self.outbound.is_blocked(&self.limits) => ReadMode::UntilFrame,
            None => ReadMode::Frames,
        };
        if mode != ReadMode::Frames && self.inbound.tcp() == TcpInput::Failed {
            return self.on_transport_end();
        }
        if mode == ReadMode::UntilText {
            return match self.inbound.has_unread() {
                true => Progress::Idle,
                false => self.read_record(budget),
            };
        }
        let found = self.inbound.find_frame();
        if mode == ReadMode::Frames && found != Ok(true) {
            if let Some(class) = self.inbound.refused_start_tag(self.kind) {
                return self.advance(Input::Element(class));
            }
        }
        match (found, mode) {
            (Ok(false), _) => self.read_record(budget),
            (Ok(true), ReadMode::Frames) => self.read_frame(),
            (Err(fault), ReadMode::Frames) => {
                self.inbound.record_fault(fault);
                self.advance(Input::Fault(fault.kind.class().into()))
            }
            // Acted on when frames are taken again: a fault stays.
            (Ok(true) | Err(_), _) => Progress::Idle,
        }
    }

    /// Takes the frame that was found.
    fn read_frame(&mut self) -> Progress {
        self.inbound.take_frame();
        self.timers.record_traffic();
        let kind = self.kind;
        let (role, mut advance) = self.split();
        let notice = match advance.inbound().frame() {
            Some(Frame::Header(header)) => {
                let class = role.read_header(&header, &mut advance.cx);
                advance.run(role, Input::Header(class), None)
            }
            Some(Frame::Element(element)) => {
                let element =
                    FirstLevelElement::read(*element, kind, role.awaited(), role.recipient());
                let class = match &mut advance.cx.s2s {
                    None => Some(element.class()),
                    Some(s2s) => s2s.filter_inbound(&element),
                };
                match class {
                    Some(class) => {
                        let notice = advance.run(role, Input::Element(class), Some(&element));
                        if class.is_stanza() {
                            advance.count_inbound(role, notice);
                        }
                        notice
                    }
                    None => Notice::Nothing,
                }
            }
            Some(Frame::Keepalive) => advance.run(role, Input::Keepalive, None),
            Some(Frame::Footer) => {
                advance.footer();
                advance.run(role, Input::Footer, None)
            }
            None => {
                advance.cx.defect("a frame was found and is not there");
                Notice::Nothing
            }
        };
        let change = advance.cx.change;
        self.apply(change, notice)
    }

    /// Opens one record.
    fn read_record(&mut self, budget: &mut Budget) -> Progress {
        let handshaking = self.transport.is_handshaking();
        if handshaking && budget.handshake_records == 0 {
            return Progress::Idle;
        }
        // Most polls follow a `send` or a deadline, with nothing received.
        if self.transport.is_at_rest() {
            return self.on_all_read();
        }
        let inbound = &mut self.inbound;
        let opened = self
            .transport
            .open_record(self.outbound.wire(), &mut |text| inbound.push_text(text));
        let step = match opened {
            Opened::NoTls => return self.on_all_read(),
            Opened::Plaintext => return self.close(CloseReason::PlaintextAfterStarttls),
            Opened::Step(step) => step,
        };
        if handshaking && !matches!(step, tls::TlsStep::NeedMore) {
            budget.handshake_records = budget.handshake_records.saturating_sub(1);
        }
        match step {
            tls::TlsStep::NeedMore => self.on_all_read(),
            tls::TlsStep::Continue | tls::TlsStep::Plaintext => {
                self.timers.record_traffic();
                Progress::Continue
            }
            tls::TlsStep::Established => self.advance(Input::Secured),
            tls::TlsStep::PeerClosed => self.on_transport_end(),
            tls::TlsStep::Renegotiation(attempt) => {
                self.close(CloseReason::TlsRenegotiation(attempt))
            }
            // The alert, if there is one, is among the bytes for TCP (RFC 6120 5.4.3.2: no XML).
            tls::TlsStep::Failed(failure) => {
                self.end_with(CloseReason::Tls(failure));
                self.decision = None;
                self.shut(ShutdownInput::LastBytes);
                Progress::Continue
            }
        }
    }

    /// Everything received has been read.
    fn on_all_read(&mut self) -> Progress {
        match self.inbound.tcp() {
            TcpInput::Open => Progress::Idle,
            TcpInput::Ended | TcpInput::Failed => self.on_transport_end(),
        }
    }

    /// TCP, or the peer's direction of TLS, ended before the exchange of closing tags was over.
    fn on_transport_end(&mut self) -> Progress {
        let tcp = self.inbound.tcp();
        let reason = match tcp {
            TcpInput::Ended if self.transport.would_be_truncated() => CloseReason::TlsTruncated,
            _ => CloseReason::Transport(self.role.position().phase),
        };
        self.end_with(reason);
        self.decision = None;
        match tcp {
            TcpInput::Failed => self.shut(ShutdownInput::Rst),
            TcpInput::Open | TcpInput::Ended => self.end_stream(),
        }
        Progress::Continue
    }

    /// Steps the table without a received element.
    fn advance(&mut self, input: Input) -> Progress {
        let (role, mut advance) = self.split();
        let notice = advance.run(role, input, None);
        let change = advance.cx.change;
        self.apply(change, notice)
    }

    /// Lets the role act on something that is not its table's, and tells the table what comes of it.
    fn with_role(
        &mut self,
        act: impl FnOnce(&mut R, &mut Context<'_>) -> Option<Input>,
    ) -> Progress {
        let (role, mut advance) = self.split();
        let notice = match act(role, &mut advance.cx) {
            Some(input) if !advance.cx.is_aborted() => advance.run(role, input, None),
            _ => Notice::Nothing,
        };
        let change = advance.cx.change;
        self.apply(change, notice)
    }

    /// The role, and what its steps may change.
    fn split(&mut self) -> (&mut R, Advance<'_>) {
        let cx = Context {
            tls: self.transport.tls(),
            peer: &mut self.peer,
            out: &mut self.outbound,
            limits: &mut self.limits,
            s2s: self.s2s.as_deref_mut(),
            management: self.management.as_deref_mut(),
            error: &mut self.error,
            inbound: &self.inbound,
            decision: &mut self.decision,
            change: Change::Nothing,
            reason: None,
        };
        let advance = Advance {
            cx,
            shutdown: &mut self.shutdown,
            timers: &mut self.timers,
            keys: &mut self.keys,
            peer_error: &mut self.peer_error,
            reset_cause: self.reset_cause,
        };
        (&mut self.role, advance)
    }

    /// Carries out what a step has changed, now that the received element is no longer used.
    fn apply(&mut self, change: Change, notice: Notice) -> Progress {
        match change {
            Change::Nothing => {}
            Change::SetLimits(limits) => self.inbound.set_limits(limits),
            Change::Restart(limits) => {
                self.inbound.restart(limits);
                self.peer.forget();
            }
            Change::StartTls(tls) => {
                self.flush();
                let unread = self.inbound.start_tls(self.limits.before_auth());
                self.peer.forget();
                self.transport.start_tls(tls, unread);
            }
            Change::LastBytes(reason) => {
                self.end_with(reason);
                self.flush();
                self.shut(ShutdownInput::LastBytes);
            }
            Change::Abort(reason) => {
                let _ = self.close(reason);
            }
        }
        if self.role.position().stage == Stage::Done {
            self.end_stream();
        }
        match notice {
            Notice::Nothing => Progress::Continue,
            notice => Progress::Report(notice),
        }
    }

    /// The streams are over: what was sent goes out, then close_notify.
    fn end_stream(&mut self) {
        if !self.shutdown.is_open() {
            return;
        }
        self.flush();
        if self.shutdown.is_open() {
            let notify = self.outbound.close_tls(&mut self.transport);
            self.shut(ShutdownInput::StreamOver(notify));
        }
    }

    /// One turn after the streams are over: what still arrives is not the application's.
    fn drive_shutdown(&mut self) -> Progress {
        let now = self.timers.now();
        let tcp = self.inbound.tcp();
        let input = if tcp == TcpInput::Failed {
            ShutdownInput::Rst
        } else if self.shutdown.deadline().is_some_and(|at| at <= now) {
            ShutdownInput::Expired
        } else if self.shutdown.reads() {
            // Our direction is closed: nothing that TLS may want to send goes out.
            let mut unsent = alloc::vec::Vec::new();
            match self.transport.open_record(&mut unsent, &mut |_| {}) {
                Opened::Step(
                    tls::TlsStep::Continue | tls::TlsStep::Plaintext | tls::TlsStep::Established,
                ) => return Progress::Continue,
                Opened::Step(tls::TlsStep::NeedMore) => match tcp {
                    TcpInput::Open => return Progress::Idle,
                    TcpInput::Ended | TcpInput::Failed => ShutdownInput::Fin,
                },
                Opened::Step(tls::TlsStep::PeerClosed) => ShutdownInput::CloseNotify,
                Opened::Step(tls::TlsStep::Renegotiation(attempt)) => {
                    ShutdownInput::Abort(CloseReason::TlsRenegotiation(attempt))
                }
                Opened::Step(tls::TlsStep::Failed(_)) | Opened::NoTls | Opened::Plaintext => {
                    ShutdownInput::LastBytes
                }
            }
        } else if self.outbound.transmit().is_empty() {
            ShutdownInput::Drained
        } else {
            return Progress::Idle;
        };
        self.shut(input);
        Progress::Continue
    }

    /// Gives the end a reason, unless it has a heavier one.
    fn end_with(&mut self, reason: CloseReason) {
        self.shut(ShutdownInput::Reason(Reason::new(reason)));
    }

    /// Ends the connection at once, without another byte.
    fn close(&mut self, reason: CloseReason) -> Progress {
        self.shut(ShutdownInput::Abort(reason));
        Progress::Continue
    }

    /// Takes a step of the end.
    fn shut(&mut self, input: ShutdownInput) {
        let clock = shutdown_clock(&self.timers, &self.limits, self.role.position().stage);
        self.shutdown.step(input, clock);
        if self.shutdown.is_closed() {
            // Under `Abort` what TCP has not taken is dropped; under `Graceful` nothing is left, or
            // the deadline has passed.
            self.outbound.clear();
            self.decision = None;
            self.request = PendingRequest::default();
        }
    }

    /// Encodes what was sent.
    fn flush(&mut self) {
        if let Some(management) = &mut self.management {
            management.watch(self.timers.now());
        }
        if self.shutdown.is_open() && self.outbound.flush(&mut self.transport).is_err() {
            let _ = self.close(CloseReason::Internal(InternalReason::KeysExhausted));
        }
    }

    /// Watches whether TCP takes bytes. The end has a deadline of its own for that.
    fn watch_writing(&mut self) {
        if self.outbound.transmit().is_empty() || !self.shutdown.is_open() {
            self.timers.stop(Timer::WriteStall);
        } else {
            let timeout = self.limits.write_stall_timeout();
            self.timers.record_traffic();
            self.timers.watch_writing(self.outbound.progress(), timeout);
        }
    }

    /// How to sleep.
    fn wait(&self, budget: &Budget) -> Wait {
        let is_busy = self.is_working(self.role.position())
            || (self.transport.is_handshaking() && budget.handshake_records == 0);
        let deadline = if is_busy {
            Some(self.timers.now())
        } else {
            let s2s = self.s2s.as_ref().and_then(|s2s| s2s.deadline());
            let management = self.management.as_ref().and_then(|sm| sm.deadline());
            let timers = earlier(self.timers.next(), self.shutdown.deadline());
            earlier(
                timers,
                earlier(self.keys.deadline(), earlier(s2s, management)),
            )
        };
        Wait {
            read: self.shutdown.reads() && self.inbound.capacity(&self.transport) > 0,
            write: !self.outbound.transmit().is_empty(),
            deadline,
        }
    }

    /// Whether what the notice tells of is there, which only a defect prevents. An event of a stanza
    /// is not made twice for that.
    fn has_content(&self, notice: Notice) -> bool {
        match notice {
            Notice::Stanza | Notice::Element => self.inbound.has_element(),
            notice => self.event(notice).is_some(),
        }
    }

    /// The event of a notice; `None` only by a defect.
    fn event(&self, notice: Notice) -> Option<Event<'_>> {
        Some(match notice {
            Notice::Nothing => return None,
            Notice::TlsEstablished => Event::TlsEstablished(self.transport.tls_info()?),
            Notice::StreamOpened => Event::StreamOpened(StreamOpened(&self.peer)),
            Notice::Features => Event::Features(Features::read(*self.inbound.element()?)?),
            Notice::Authenticated => Event::Authenticated(self.role.authenticated()),
            Notice::Established => Event::Established(Established {
                jid: self.role.bound(),
                resumed: self.management.as_ref().and_then(|sm| sm.resumed()),
            }),
            Notice::Stanza => Event::Stanza(self.inbound.element()?),
            Notice::Element => Event::Element(self.inbound.element()?),
            Notice::Keepalive => Event::Keepalive,
            Notice::StreamError => Event::StreamError(self.peer_error.as_ref()?),
            Notice::ManagementEnabled => {
                Event::ManagementEnabled(self.management.as_ref()?.enabled())
            }
            Notice::ManagementRefused => {
                Event::ManagementRefused(self.management.as_ref()?.refused())
            }
            Notice::Acknowledged => Event::Acknowledged(self.management.as_ref()?.acknowledged()?),
            Notice::PeerClosing => Event::PeerClosing,
            Notice::Decision => Event::Decision(self.decision.as_ref()?.question()),
            Notice::ResetAdvised => Event::ResetAdvised(self.keys.advised()?),
            Notice::PairVerified => Event::PairVerified(self.s2s.as_ref()?.announced_pair()?),
            Notice::Request => Event::Request(self.s2s.as_ref()?.announced_request()?),
            Notice::KeyVerdict => Event::KeyVerdict(self.s2s.as_ref()?.key_verdict()?),
        })
    }

    /// Gives back what only the negotiation needed when it ends, and watches the buffers whenever the
    /// connection waits.
    fn size_buffers(&mut self, notice: Option<Notice>) {
        match notice {
            // The event lends nothing of the element that established the stream.
            Some(Notice::Established) => {
                self.inbound.release_frame();
                self.shrink();
                self.transport.forget_bindings();
                if self.s2s.is_none() {
                    self.peer = PeerHeader::NONE;
                }
            }
            Some(_) => {}
            None => self.watch_buffers(),
        }
    }

    /// Has buffers that traffic has made large given back, once nothing has used them for a while.
    fn watch_buffers(&mut self) {
        // While bytes wait for TCP, the outbox is in use, and has a deadline of its own.
        let may_shrink = self.role.position().stage == Stage::Established
            && self.outbound.transmit().is_empty()
            && self.allocated() > IDLE_BYTES;
        if !may_shrink {
            self.timers.stop(Timer::Shrink);
        } else if self.timers.watch_buffers() {
            self.shrink();
        }
    }

    /// How many bytes the buffers have allocated.
    fn allocated(&self) -> usize {
        let management = self.management.as_ref().map_or(0, |sm| sm.allocated());
        self.inbound.allocated()
            + self.outbound.allocated()
            + self.transport.allocated()
            + management
    }

    /// Gives back memory that is not in use.
    fn shrink(&mut self) {
        self.inbound.shrink();
        self.outbound.shrink();
        self.transport.shrink();
        if let Some(management) = &mut self.management {
            management.shrink();
        }
    }
}

impl Machine<InitiatorRole> {
    /// Is to resume a session; only before the first poll.
    pub(super) fn resume(&mut self, state: SmState) {
        self.outbound.continue_after(state.last_ticket);
        self.role.resume();
        if let Some(management) = &mut self.management {
            management.resume(state);
        }
    }
}

impl Machine<ResponderRole> {
    pub(super) fn negotiating(&mut self) -> Option<Negotiating<'_>> {
        let delivers = self.role.delivers_early() && !self.shutdown.is_closed();
        delivers.then_some(Negotiating {
            limits: &self.limits,
            out: &mut self.outbound,
        })
    }
}

/// Shows states, no texts.
impl<R: Negotiation> core::fmt::Debug for Machine<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Machine")
            .field("role", &self.role)
            .field("kind", &self.kind)
            .field("outbound", &self.outbound)
            .field("timers", &self.timers)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
