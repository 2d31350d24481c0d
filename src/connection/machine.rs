//! The machine inside a [`Connection`](super::Connection): its parts, the loop of a poll, and what each
//! step does. The public face, with the contract, is the module above. A further step is added to
//! `steps` and to `try_step`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use super::advance::{Advance, shutdown_clock};
use super::buffers::Buffers;
use super::context::{Change, Context};
use super::decision::{Decision, PendingDecision, ReadMode};
use super::inbound::{Inbound, TcpInput};
use super::initiator::InitiatorRole;
use super::key_meter::KeyMeter;
use super::management::{Due, Management};
use super::outbound::Outbound;
use super::request::{EndRequest, PendingRequest};
use super::responder::ResponderRole;
use super::role::{Negotiation, Position, Setup, Stage};
use super::s2s::S2s;
use super::session::{Negotiating, Session};
use super::shutdown::{Observed, Reason, Shutdown, ShutdownInput};
use super::steps::{Budget, Progress, STEPS, Step};
use super::timers::{Timer, Timers};
use super::transport::{Opened, Transport};
use super::waiting::Waiting;
use crate::action::Action;
use crate::close::{CloseReason, CloseTcp, InternalReason, Phase};
use crate::event::{Established, Event, StreamOpened};
use crate::limits::Limits;
use crate::reset::ResetCause;
use crate::sm::SmState;
use crate::stream::{Features, Input, Kind, Notice, PeerHeader, StreamCondition, StreamError};
use crate::time::Instant;
use crate::tls::{self, TlsInfo};

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
    pub(super) fn role(&self) -> &R {
        &self.role
    }

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
            if progress == Progress::Idle {
                self.answer_owed();
            }
            self.flush();
            self.watch_writing();
            match progress {
                // What was read before the end is reported all the same.
                Progress::Report(notice) => break Some(notice),
                Progress::Continue if !self.shutdown.is_closed() => {}
                Progress::Continue | Progress::Idle => break None,
            }
        };
        self.size_buffers(notice);
        if let Some(management) = &mut self.management {
            management.watch(self.timers.now());
        }
        if notice.is_some_and(|notice| !self.has_content(notice)) {
            debug_assert!(false, "a notice without its content");
            let _ = self.close(CloseReason::Internal(InternalReason::Table));
        }
        match notice.and_then(|notice| self.event(notice)) {
            Some(event) => Action::Event(event),
            None => match self.shutdown.close() {
                Some(close) => Action::CloseTcp(close),
                None => Action::Wait(self.waiting().wait(self.is_busy(&budget))),
            },
        }
    }

    pub(super) fn session(&mut self) -> Option<Session<'_>> {
        let stage = self.role.position().stage;
        let is_open = stage.has_session() && !self.shutdown.is_closed() && self.request.is_none();
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
        let is_closed = self.shutdown.is_closed();
        let decision = self.decision.as_deref_mut().filter(|_| !is_closed);
        decision.and_then(Decision::of)
    }

    pub(super) fn request(&mut self, request: EndRequest) {
        self.request.store(request);
    }

    pub(super) fn take_close(&mut self) -> Option<CloseTcp> {
        self.shutdown.take_close()
    }

    pub(super) fn tls(&self) -> Option<&TlsInfo> {
        self.transport.tls_info()
    }

    #[cfg(feature = "testkit")]
    pub(super) fn into_transport(self) -> Transport {
        self.transport
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
        let [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14] = STEPS;
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
            .or_else(|| self.try_step(s14, at, budget))
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
            Step::Resume if !position.stage.is_reporting() => None,
            Step::Resume => Some(self.advance(Input::Resume)),
            Step::Deadline => self.on_deadline(position),
            Step::DueReset if !self.keys.awaits_reset() => None,
            Step::DueReset => {
                let (now, quiet_since) = (self.timers.now(), self.waiting().quiet_since());
                let tls = self.transport.tls();
                let cause = self.keys.take_due(now, quiet_since, tls, &self.outbound)?;
                Some(self.on_request(EndRequest::Reset(cause)))
            }
            Step::KeyUsage => {
                let now = self.timers.now();
                let advised = position.stage == Stage::Established
                    && self.keys.check(now, self.transport.tls(), &self.outbound);
                advised.then_some(Progress::Report(Notice::ResetAdvised))
            }
            Step::Management => self.on_management(position),
            Step::Keepalive if !self.timers.is_silent_for(self.limits.keepalive()?) => None,
            Step::Keepalive => {
                let at = self.waiting().keepalive()?;
                (at <= self.timers.now()).then(|| {
                    Management::keep_alive(self.management.as_deref_mut(), &mut self.outbound);
                    Progress::Continue
                })
            }
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
        let Some(app_request) = request.app_request() else {
            return self.close(CloseReason::LocalAbort);
        };
        match request {
            EndRequest::Reset(cause) => self.reset_cause = self.reset_cause.or(Some(cause)),
            EndRequest::Fail(error) => self.error = self.error.take().or(Some(error)),
            EndRequest::Close | EndRequest::Abort => {}
        }
        self.advance(Input::AppRequest(app_request))
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
        if position.stage.is_negotiating() {
            self.end_with(CloseReason::Timeout(phase));
        }
        Some(self.advance(Input::Expired))
    }

    fn on_management(&mut self, position: Position) -> Option<Progress> {
        let management = self.management.as_mut()?;
        if position.stage != Stage::Established {
            return None;
        }
        Some(
            match management.due(self.timers.now(), &mut self.outbound)? {
                Due::Asked => Progress::Continue,
                Due::Announce(notice) => Progress::Report(notice),
                Due::PeerLost => self.close(CloseReason::Timeout(Phase::Acknowledgement)),
                Due::Overflow => {
                    let error = StreamError::new(StreamCondition::ResourceConstraint);
                    self.on_request(EndRequest::Fail(error))
                }
            },
        )
    }

    /// Answers the peer's requests for acknowledgement, now that everything received has been read.
    fn answer_owed(&mut self) {
        let is_established = self.role.position().stage == Stage::Established;
        if let Some(management) = self.management.as_mut().filter(|_| is_established) {
            management.answer_owed(&mut self.outbound);
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
        let notice = advance.frame(role, kind);
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
        let tcp = self.inbound.tcp();
        let is_drained = self.outbound.transmit().is_empty();
        let now = self.timers.now();
        match self
            .shutdown
            .observe(now, tcp, &mut self.transport, is_drained)
        {
            Observed::Input(input) => {
                self.shut(input);
                Progress::Continue
            }
            Observed::Record => Progress::Continue,
            Observed::Nothing => Progress::Idle,
        }
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
        if let Some(close) = self.shutdown.close() {
            // What outlives the connection is complete.
            if let Some(management) = &mut self.management {
                let survives = close.reason().session_survives();
                management.end(survives, self.role.bound(), &self.outbound);
            }
            // Under `Abort` what TCP has not taken is dropped; under `Graceful` nothing is left, or
            // the deadline has passed.
            self.outbound.clear();
            self.decision = None;
            self.request = PendingRequest::default();
        }
    }

    /// Encodes what was sent.
    fn flush(&mut self) {
        // Most turns have sent nothing.
        if !self.outbound.has_units() {
            return;
        }
        if self.shutdown.is_open() && self.outbound.flush(&mut self.transport).is_err() {
            let _ = self.close(CloseReason::Internal(InternalReason::KeysExhausted));
        }
    }

    /// Watches whether TCP takes bytes. The end has a deadline of its own for that.
    fn watch_writing(&mut self) {
        let waits = self.shutdown.is_open() && !self.outbound.transmit().is_empty();
        let progress = waits.then(|| self.outbound.progress());
        let timeout = self.limits.write_stall_timeout();
        self.timers.watch_writing(progress, timeout);
    }

    /// Whether there is work left that the budget of a poll has put off.
    fn is_busy(&self, budget: &Budget) -> bool {
        let is_working = self.shutdown.is_open() && self.is_working(self.role.position());
        is_working || (self.transport.is_handshaking() && budget.handshake_records == 0)
    }

    fn waiting(&self) -> Waiting<'_> {
        // While the stream or the connection is ending, nobody is asked, advised or given up any more.
        let stage = self.role.position().stage;
        let is_open = self.shutdown.is_open() && stage == Stage::Established;
        let is_federating = self.shutdown.is_open() && stage == Stage::Federating;
        Waiting {
            inbound: &self.inbound,
            outbound: &self.outbound,
            transport: &self.transport,
            timers: &self.timers,
            keys: Some(&self.keys).filter(|_| is_open),
            s2s: self.s2s.as_deref().filter(|_| is_open || is_federating),
            management: self.management.as_deref().filter(|_| is_open),
            keepalive: self.limits.keepalive().filter(|_| is_open),
            shutdown: &self.shutdown,
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
            Notice::Authenticated => {
                Event::Authenticated(self.role.authenticated(self.inbound.element()))
            }
            Notice::Established => Event::Established(Established {
                jid: self.role.bound(),
                resumed: self.management.as_ref().and_then(|sm| sm.resumed()),
            }),
            Notice::Stanza => Event::Stanza(self.inbound.element()?),
            Notice::Element => Event::Element(self.inbound.element()?),
            Notice::Keepalive => Event::Keepalive,
            Notice::StreamError => Event::StreamError(self.peer_error.as_ref()?),
            Notice::ManagementEnabled | Notice::ManagementRefused | Notice::Acknowledged => {
                self.management.as_ref()?.event(notice)?
            }
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
        let mut buffers = Buffers {
            inbound: &mut self.inbound,
            outbound: &mut self.outbound,
            transport: &mut self.transport,
            management: self.management.as_deref_mut(),
        };
        match notice {
            // The event lends nothing of the element that caused it.
            Some(Notice::ManagementEnabled) => buffers.release(),
            Some(Notice::Established) => {
                buffers.release();
                self.transport.forget_bindings();
                if self.s2s.is_none() {
                    self.peer = PeerHeader::NONE;
                }
            }
            Some(_) => {}
            None => {
                let is_established = self.role.position().stage == Stage::Established;
                buffers.watch(&mut self.timers, is_established);
            }
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
impl<R: Negotiation> fmt::Debug for Machine<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("role", &self.role)
            .field("outbound", &self.outbound)
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
