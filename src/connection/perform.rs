//! Carrying out what the state table orders, as far as it is the same in both
//! roles.

use super::Connection;
use super::drive::{News, Turn};
use super::ending::UNEXPLAINED;
use super::link::Tail;
use super::role::{Negotiation, Position, Stage};
use super::transport::Opening;
use crate::close::{CloseReason, InternalError, Manner};
use crate::reset::Side;
use crate::stream::{
    Act, Cause, Failure, Input, OwnHeader, StreamCondition as Condition, StreamError, Tell,
    header::CLOSING_TAG,
};
use crate::xml::{Fault, FaultClass, Frame};

impl<N: Negotiation> Connection<N> {
    /// Steps the table and carries out its orders, until they raise no more
    /// questions.
    pub(super) fn feed(&mut self, input: Input) -> Turn {
        let mut turn = Turn::Again;
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let before = self.table.position();
            let output = self.table.step(input);
            let after = self.table.position();
            if before != after {
                self.link.enter(after);
            }
            if output.tell != Tell::Nothing {
                self.note(output.tell);
                turn = Turn::News(News::Table(output.tell));
            }
            next = self.perform(output.act, before);
            if self.link.is_closed() {
                break;
            }
        }
        if self.table.position().stage == Stage::Done {
            self.seal();
            self.link.begin_tail();
        }
        turn
    }

    /// What the news leaves behind.
    fn note(&mut self, tell: Tell) {
        match tell {
            Tell::StreamError => {
                let Some(Frame::Element(element)) = self.link.framer.frame() else {
                    return;
                };
                let error = StreamError::parse(&element);
                self.link.end_with(ended_by(Side::Peer, error.clone()));
                self.link.peer_error = Some(error);
            }
            Tell::Established => {
                let policy = N::common(&self.side).usage;
                self.link.meter(policy);
                N::established(&mut self.side, &mut self.link);
            }
            _ => {}
        }
    }

    fn perform(&mut self, act: Act, before: Position) -> Option<Input> {
        match act {
            Act::Wait => {}
            Act::StartTls => self.start_tls(),
            Act::CloseStream(cause) => {
                self.end_because(cause, before);
                self.link.say(|out| out.push_str(CLOSING_TAG));
            }
            Act::EndTransport(cause) => self.end_because(cause, before),
            Act::Fail(header, failure) => self.fail_with(header, failure),
            act => return N::carry_out(&mut self.side, &mut self.link, act),
        }
        None
    }

    pub(super) fn start_tls(&mut self) {
        match N::tls_session(&self.side, &self.link) {
            Ok(session) => self.link.start_tls(session, Opening::Any),
            Err(error) => self.link.finish(
                CloseReason::Internal(InternalError::TlsSetup(error)),
                Manner::Abort,
            ),
        }
    }

    /// Stream error and closing tag in one write, behind the own header if it
    /// is missing (RFC 6120 4.9.1.1, 4.9.1.2).
    fn fail_with(&mut self, header: OwnHeader, failure: Failure) {
        let (error, reason) = match failure {
            Failure::Condition(condition) => {
                let error = StreamError::new(condition);
                let reason = match self.link.fault {
                    Some(fault) => faulty(fault),
                    None => ended_by(Side::Us, error.clone()),
                };
                (error, reason)
            }
            Failure::Application => {
                let error = N::common_mut(&mut self.side)
                    .error
                    .take()
                    .unwrap_or_else(|| StreamError::new(Condition::UndefinedCondition));
                let reason = ended_by(Side::Us, error.clone());
                (error, reason)
            }
            Failure::Reset => (
                StreamError::new(Condition::Reset),
                CloseReason::Reset {
                    by: Side::Us,
                    cause: N::common(&self.side).cause,
                },
            ),
            // The reason is known: which phase it was.
            Failure::Timeout => {
                let error = StreamError::new(Condition::ConnectionTimeout);
                let reason = ended_by(Side::Us, error.clone());
                (error, reason)
            }
        };
        self.link.end_with(reason);
        let Ok(head) = (match header {
            OwnHeader::Missing => N::own_header(&mut self.side, &self.link),
            OwnHeader::Sent => Ok(alloc::string::String::new()),
        }) else {
            self.link.finish(super::NO_RANDOMNESS, Manner::Abort);
            return;
        };
        self.link.say(|out| {
            out.push_str(&head);
            error.write(out);
            out.push_str(CLOSING_TAG);
        });
    }

    /// Gives the end its reason, unless it has one.
    fn end_because(&mut self, cause: Cause, before: Position) {
        let reason = match cause {
            // Of the peer's error the reason is known.
            Cause::Closed | Cause::PeerError => CloseReason::Closed {
                by: match self.link.peer_footer {
                    true => Side::Peer,
                    false => Side::Us,
                },
            },
            Cause::StarttlsRefused => CloseReason::StarttlsRefused,
            Cause::Authentication => N::authentication_failure(&mut self.side, &self.link),
            Cause::Negotiation(failure) => CloseReason::NegotiationFailed(failure),
            Cause::Timeout => CloseReason::Timeout(before.phase),
            Cause::Unreadable => self.link.fault.map_or(UNEXPLAINED, faulty),
            Cause::Internal => CloseReason::Internal(InternalError::Table),
        };
        self.link.end_with(reason);
    }

    /// Turns what was said into bytes.
    pub(super) fn seal(&mut self) {
        if self.link.is_closed() || self.link.tail != Tail::Exchange {
            return;
        }
        if self.link.seal().is_err() {
            self.link.finish(
                CloseReason::Internal(InternalError::KeysExhausted),
                Manner::Abort,
            );
        }
    }
}

/// The reason bytes make that are no stream.
fn faulty(fault: Fault) -> CloseReason {
    match fault.kind.class() {
        FaultClass::PolicyViolation => CloseReason::Limit(fault),
        _ => CloseReason::NotWellFormed(fault),
    }
}

/// The reason a stream error makes.
fn ended_by(by: Side, error: StreamError) -> CloseReason {
    match error.condition() {
        Condition::Reset => CloseReason::Reset { by, cause: None },
        _ => CloseReason::StreamError { by, error },
    }
}
