//! Steps of the role's table, and the commands that are the same in both roles.

use core::time::Duration;

use super::context::Context;
use super::key_meter::KeyMeter;
use super::management::Management;
use super::role::{NoRandomness, Position, Role, Stage};
use super::shutdown::{Reason, Shutdown, ShutdownClock, ShutdownInput};
use super::timers::{Timer, Timers};
use super::tracer::Tracer;
use super::transport::FirstByte;
use crate::close::{CloseReason, InternalReason};
use crate::limits::Limits;
use crate::reset::{ResetCause, Side};
use crate::stream::header::CLOSING_TAG;
use crate::stream::{
    CloseCause, Command, Content, ElementClass, ErrorSource, FirstLevelElement, Input, Kind,
    ManagementResult, NegotiationReason, Notice, Output, OwnHeader, StreamCondition, StreamError,
};
use crate::trace::Step;
use crate::xml::{Frame, XmlError, XmlErrorClass};

/// The parts of a connection that a step of the table may change.
pub(super) struct Advance<'a> {
    /// What the role may use.
    pub(super) cx: Context<'a>,
    pub(super) shutdown: &'a mut Shutdown,
    pub(super) timers: &'a mut Timers,
    pub(super) keys: &'a mut KeyMeter,
    /// The last stream error of the peer.
    pub(super) peer_error: &'a mut Option<StreamError>,
    /// Why the application, or the key meter, resets the stream.
    pub(super) reset_cause: Option<ResetCause>,
    pub(super) trace: &'a mut Tracer,
}

/// How long closing tags and close_notify may take while the stream is not established, which
/// includes the wait for dialback: such a peer is owed no more than the chance to read why it is
/// refused.
const UNESTABLISHED_CLOSING_TIMEOUT: Duration = Duration::from_secs(1);

impl Advance<'_> {
    /// Steps the table and executes its commands, until they raise no more inputs. `element` is the
    /// element just received, if one was. Returns what the application is told.
    pub(super) fn run<R: Role>(
        &mut self,
        role: &mut R,
        input: Input,
        element: Option<&FirstLevelElement<'_>>,
    ) -> Notice {
        let mut notice = Notice::Nothing;
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let before = role.position();
            let output = match self.trace.is_on() {
                false => role.step(input),
                true => self.traced_step(role, input),
            };
            let after = role.position();
            if before != after {
                self.enter(before, after);
            }
            if output.notice != Notice::Nothing {
                self.record(role, output.notice, element);
                notice = output.notice;
            }
            next = self.execute(role, output.command, before, element);
            if let Some(reason) = self.cx.reason.take() {
                self.end_with(Reason::new(reason));
            }
            if self.cx.is_aborted() {
                break;
            }
        }
        if notice == Notice::Established {
            if let Some(management) = self.cx.management.as_deref_mut() {
                management.established(self.cx.out);
            }
        }
        notice
    }

    /// Takes the frame that was read.
    #[inline]
    pub(super) fn frame<R: Role>(&mut self, role: &mut R, kind: Kind) -> Notice {
        if self.trace.is_on() {
            self.trace_frame();
        }
        match self.cx.inbound.frame() {
            Some(Frame::Header(header)) => {
                let class = role.read_header(&header, &mut self.cx);
                self.run(role, Input::Header(class), None)
            }
            Some(Frame::Element(element)) => {
                let element =
                    FirstLevelElement::read(*element, kind, role.awaited(), role.recipient());
                let class = match &mut self.cx.s2s {
                    None => Some(element.class()),
                    Some(s2s) => s2s.filter_inbound(&element),
                };
                match class {
                    Some(class) => self.element(role, class, &element),
                    None => Notice::Nothing,
                }
            }
            Some(Frame::Keepalive) => self.run(role, Input::Keepalive, None),
            Some(Frame::Footer) => {
                self.footer();
                self.run(role, Input::Footer, None)
            }
            None => {
                self.cx.defect("a frame was found and is not there");
                Notice::Nothing
            }
        }
    }

    /// Steps the table, and tells the hook for traces.
    #[cold]
    fn traced_step<R: Role>(&mut self, role: &mut R, input: Input) -> Output<R::Command> {
        let before = role.state();
        let output = role.step(input);
        self.trace.step(Step {
            before: &before,
            input,
            after: &role.state(),
            phase: role.position().phase,
            command: &output.command,
        });
        output
    }

    /// Tells the hook for traces of the frame that was read.
    #[cold]
    fn trace_frame(&self) {
        if let Some(frame) = self.cx.inbound.frame() {
            self.trace.frame(&frame);
        }
    }

    /// Takes an element of the peer, of this class.
    #[inline]
    fn element<R: Role>(
        &mut self,
        role: &mut R,
        class: ElementClass,
        element: &FirstLevelElement<'_>,
    ) -> Notice {
        let notice = self.run(role, Input::Element(class), Some(element));
        if class.is_stanza() {
            self.count_inbound(role, notice);
        }
        notice
    }

    /// Counts a stanza of the peer that the application is handed, or that was answered here; not one
    /// that is dropped, or that ended the stream (XEP-0198 4).
    #[inline]
    fn count_inbound<R: Role>(&mut self, role: &R, notice: Notice) {
        if let Some(management) = self.cx.management.as_deref_mut() {
            if notice == Notice::Stanza {
                management.count_delivered();
            } else if role.position().stage == Stage::Established {
                management.count_answered();
            }
        }
    }

    /// Gives the end a reason, unless it has a heavier one.
    pub(super) fn end_with(&mut self, reason: Reason) {
        let clock = shutdown_clock(self.timers, self.cx.limits, Stage::Closing);
        self.shutdown.step(ShutdownInput::Reason(reason), clock);
    }

    /// Records that the peer's closing tag has arrived.
    pub(super) fn footer(&mut self) {
        let clock = shutdown_clock(self.timers, self.cx.limits, Stage::Closing);
        self.shutdown.step(ShutdownInput::Footer, clock);
    }

    /// Sets the deadlines of a new position, and drops what no longer applies there.
    fn enter(&mut self, before: Position, after: Position) {
        match after.stage {
            Stage::Idle | Stage::Negotiating | Stage::Federating | Stage::Reporting => {
                self.timers
                    .set(Timer::Phase, self.cx.limits.phase_timeout());
            }
            Stage::Established => self.timers.stop(Timer::Phase),
            Stage::PeerClosing | Stage::Closing | Stage::Done => {
                self.timers.stop(Timer::Phase);
                self.timers.stop(Timer::Shrink);
                let clock = shutdown_clock(self.timers, self.cx.limits, before.stage);
                self.shutdown.step(ShutdownInput::Closing, clock);
            }
        }
        // While the application may send, the keys are metered.
        if !matches!(after.stage, Stage::Established | Stage::PeerClosing) {
            self.keys.stop();
        }
        if !matches!(
            after.stage,
            Stage::Idle | Stage::Negotiating | Stage::Federating | Stage::Reporting
        ) {
            self.timers.stop(Timer::Negotiation);
            *self.cx.decision = None;
        }
        if matches!(after.stage, Stage::Closing | Stage::Done) {
            if let Some(s2s) = &mut self.cx.s2s {
                s2s.cancel_pending();
            }
        }
    }

    /// Records what a notice implies.
    fn record<R: Role>(
        &mut self,
        role: &mut R,
        notice: Notice,
        element: Option<&FirstLevelElement<'_>>,
    ) {
        match (notice, element.map(FirstLevelElement::content)) {
            (Notice::StreamError, Some(Content::StreamError(error))) => {
                self.revoke_session(error);
                self.end_with(Reason::new(reason_for_error(Side::Peer, (**error).clone())));
                *self.peer_error = Some((**error).clone());
            }
            (Notice::StreamError, _) => self.cx.defect("a stream error without its element"),
            (Notice::Features, Some(Content::Features(features))) => {
                if let Some(management) = self.cx.management.as_deref_mut() {
                    management.offer(features.management());
                }
            }
            (Notice::ManagementRefused, Some(Content::Management(element))) => {
                if let Some(management) = self.cx.management.as_deref_mut() {
                    management.resumption_refused(element);
                }
            }
            (Notice::Established, _) => {
                role.established(element, &mut self.cx);
                if let Some(session) = self.cx.tls {
                    let certificates = role.certificates(session);
                    self.keys.start(
                        role.usage(),
                        self.cx.limits.outbox_bytes(),
                        session,
                        &certificates,
                        role.random(),
                        self.timers.now(),
                    );
                }
            }
            _ => {}
        }
    }

    fn execute<R: Role>(
        &mut self,
        role: &mut R,
        command: Command<R::Command>,
        before: Position,
        element: Option<&FirstLevelElement<'_>>,
    ) -> Option<Input> {
        match command {
            Command::Wait => {}
            Command::StartTls => match role.tls_session(self.cx.limits) {
                Ok(session) => self.cx.start_tls(session, FirstByte::Any),
                Err(error) => {
                    self.cx
                        .abort(CloseReason::Internal(InternalReason::TlsSetup(error)));
                }
            },
            Command::CloseStream(cause) => {
                if cause == CloseCause::Negotiation(NegotiationReason::NoBind) {
                    if let Some(management) = self.cx.management.as_deref_mut() {
                        management.no_resumption();
                    }
                }
                let reason = self.reason_for_cause(role, cause, before, element);
                self.end_with(Reason::new(reason));
                self.answer_last(before);
                self.cx.out.push_control(|out| out.push_str(CLOSING_TAG));
            }
            Command::EndTransport(cause) => {
                let reason = self.reason_for_cause(role, cause, before, element);
                self.end_with(Reason::new(reason));
            }
            Command::Fail(header, source) => {
                self.answer_last(before);
                self.fail(role, header, source);
            }
            Command::Manage => return self.manage(element).map(Input::Managed),
            Command::Retransmit => match self.cx.management.as_deref_mut() {
                Some(management) => management.retransmit(self.cx.out),
                None => self.cx.defect("a session that is not there goes on"),
            },
            Command::Role(command) => return role.execute(command, element, &mut self.cx),
        }
        None
    }

    /// Acts on an element of stream management.
    fn manage(&mut self, element: Option<&FirstLevelElement<'_>>) -> Option<ManagementResult> {
        let management = self.cx.management.as_deref_mut();
        match (management, element.map(FirstLevelElement::content)) {
            (Some(management), Some(Content::Management(element))) => {
                if let Ok(result) = management.manage(element, self.cx.out) {
                    return result;
                }
                self.cx.no_randomness();
            }
            _ => self.cx.defect("stream management without its element"),
        }
        None
    }

    /// The last acknowledgement goes before our closing tag (XEP-0198 4).
    fn answer_last(&mut self, before: Position) {
        if matches!(before.stage, Stage::Established | Stage::PeerClosing) {
            if let Some(management) = self.cx.management.as_deref_mut() {
                management.answer_last(self.cx.out);
            }
        }
    }

    /// Writes stream error and closing tag in one unit, after our header if that is missing (RFC
    /// 6120 4.9.1.1, 4.9.1.2).
    fn fail<R: Role>(&mut self, role: &mut R, header: OwnHeader, source: ErrorSource) {
        let (error, reason) = match source {
            ErrorSource::Condition(condition) => {
                let error = StreamError::new(condition);
                let reason = match self.cx.inbound.fault() {
                    Some(fault) => reason_for_fault(fault),
                    None => reason_for_error(Side::Us, error.clone()),
                };
                (error, Reason::new(reason))
            }
            ErrorSource::Application | ErrorSource::Refusal => match self.cx.error.take() {
                Some(error) => {
                    let reason = reason_for_error(Side::Us, error.clone());
                    let reason = match source {
                        ErrorSource::Application => Reason::stated(reason),
                        _ => Reason::new(reason),
                    };
                    (error, reason)
                }
                None => {
                    return self
                        .cx
                        .defect("the error to end the stream with is missing");
                }
            },
            ErrorSource::HandledCount => {
                let error = StreamError::new(StreamCondition::UndefinedCondition);
                let management = self.cx.management.as_deref();
                let condition = management.and_then(Management::too_high);
                let error = match condition.map(|xml| error.clone().with_application(&xml)) {
                    Some(Ok(error)) => error,
                    Some(Err(_)) | None => error,
                };
                let reason = reason_for_error(Side::Us, error.clone());
                (error, Reason::new(reason))
            }
            ErrorSource::Reset => {
                let reason = CloseReason::Reset {
                    by: Side::Us,
                    cause: self.reset_cause,
                };
                (
                    StreamError::new(StreamCondition::Reset),
                    Reason::stated(reason),
                )
            }
            // The reason names the phase, and was recorded when the deadline passed.
            ErrorSource::Timeout => {
                let error = StreamError::new(StreamCondition::ConnectionTimeout);
                let reason = Reason::new(reason_for_error(Side::Us, error.clone()));
                (error, reason)
            }
        };
        self.revoke_session(&error);
        self.end_with(reason);
        let head = match header {
            OwnHeader::Missing => role.header(&self.cx),
            OwnHeader::Sent => Ok(alloc::string::String::new()),
        };
        match head {
            Ok(head) => self.cx.out.push_control(|out| {
                out.push_str(&head);
                error.write(out);
                out.push_str(CLOSING_TAG);
            }),
            Err(NoRandomness) => self.cx.no_randomness(),
        }
    }

    /// After a reset the TLS session is void: it must not be resumed (RFC 6120 4.9.3.16).
    fn revoke_session(&self, error: &StreamError) {
        if let (StreamCondition::Reset, Some(session)) = (error.condition(), self.cx.tls) {
            session.revoke_session();
        }
    }

    fn reason_for_cause<R: Role>(
        &self,
        role: &mut R,
        cause: CloseCause,
        before: Position,
        element: Option<&FirstLevelElement<'_>>,
    ) -> CloseReason {
        match cause {
            // The peer's error has been recorded as the reason.
            CloseCause::Closed | CloseCause::PeerError => CloseReason::Closed {
                by: self.shutdown.closed_by(),
            },
            CloseCause::StarttlsRefused => role.starttls_reason(),
            CloseCause::Authentication => {
                CloseReason::AuthenticationFailed(role.authentication_reason(element))
            }
            CloseCause::Negotiation(reason) => CloseReason::NegotiationFailed(reason),
            CloseCause::Timeout => CloseReason::Timeout(before.phase),
            CloseCause::Unreadable => match self.cx.inbound.fault() {
                Some(fault) => reason_for_fault(fault),
                None => CloseReason::Internal(InternalReason::Table),
            },
            CloseCause::Internal => CloseReason::Internal(InternalReason::Table),
        }
    }
}

/// The clock of a connection's end that begins in this stage.
pub(super) fn shutdown_clock(timers: &Timers, limits: &Limits, stage: Stage) -> ShutdownClock {
    let timeout = match stage {
        Stage::Idle | Stage::Negotiating | Stage::Federating | Stage::Reporting => {
            limits.closing_timeout().min(UNESTABLISHED_CLOSING_TIMEOUT)
        }
        _ => limits.closing_timeout(),
    };
    ShutdownClock {
        now: timers.now(),
        timeout,
        linger: limits.linger(),
    }
}

/// The reason for bytes that are no acceptable stream.
fn reason_for_fault(fault: XmlError) -> CloseReason {
    match fault.kind.class() {
        XmlErrorClass::PolicyViolation => CloseReason::Limit(fault),
        _ => CloseReason::NotWellFormed(fault),
    }
}

/// The reason for a stream error.
fn reason_for_error(by: Side, error: StreamError) -> CloseReason {
    match error.condition() {
        StreamCondition::Reset => CloseReason::Reset { by, cause: None },
        _ => CloseReason::StreamError { by, error },
    }
}
