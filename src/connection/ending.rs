//! The end: close_notify, what is left for TCP, the last word (RFC 6120 4.4).

use super::Connection;
use super::drive::Turn;
use super::link::{End, Inbound, Link, Tail};
use super::role::Negotiation;
use super::transport::Transport;
use crate::close::{CloseReason, CloseTcp, InternalError, Manner, Phase};
use crate::tls;

impl<N: Negotiation> Connection<N> {
    /// One turn after the exchange of closing tags: what still comes is not
    /// the application's.
    pub(super) fn tail(&mut self) -> Turn {
        let late = self.link.overdue(Phase::Closing).is_some();
        match self.link.tail {
            Tail::Exchange => Turn::Again,
            Tail::AwaitNotify if late => {
                self.link.drain();
                Turn::Again
            }
            Tail::AwaitNotify => self.await_notify(),
            Tail::Drain => {
                let failed = self.link.inbound == Inbound::Failed;
                if failed || late || self.link.outbox.window().is_empty() {
                    let reason = self.link.ending.take().unwrap_or(UNEXPLAINED);
                    let manner = match failed {
                        true => Manner::Abort,
                        false => Manner::Graceful,
                    };
                    self.link.finish(reason, manner);
                    return Turn::Again;
                }
                Turn::Idle
            }
        }
    }

    fn await_notify(&mut self) -> Turn {
        let Transport::Tls { session, .. } = &mut self.link.transport else {
            self.link.drain();
            return Turn::Again;
        };
        // Our side is closed: nothing that TLS may want to say goes out.
        let mut unsaid = alloc::vec::Vec::new();
        match session.poll(&mut unsaid, &mut |_| {}) {
            tls::Step::NeedMore => match self.link.inbound {
                Inbound::Open => Turn::Idle,
                Inbound::Ended | Inbound::Failed => {
                    self.link.drain();
                    Turn::Again
                }
            },
            tls::Step::Continue | tls::Step::Plaintext | tls::Step::Established => Turn::Again,
            tls::Step::PeerClosed | tls::Step::Failed(_) => {
                self.link.drain();
                Turn::Again
            }
            tls::Step::Renegotiation(attempt) => {
                self.link
                    .finish(CloseReason::TlsRenegotiation(attempt), Manner::Abort);
                Turn::Again
            }
        }
    }

    /// TCP, or the peer's direction of TLS, ended before the exchange of
    /// closing tags was over.
    pub(super) fn lost(&mut self) -> Turn {
        let position = self.table.position();
        let cut = self.link.inbound == Inbound::Ended
            && self
                .link
                .tls()
                .is_some_and(|session| !session.is_handshaking() && !session.peer_closed());
        let reason = if cut {
            CloseReason::TlsTruncated
        } else {
            CloseReason::Transport(position.phase)
        };
        self.link.end_with(reason);
        if self.link.inbound == Inbound::Failed {
            let reason = self.link.ending.take().unwrap_or(UNEXPLAINED);
            self.link.finish(reason, Manner::Abort);
        } else {
            self.link.gate = None;
            self.link.begin_tail();
        }
        Turn::Again
    }

    /// TLS failed; its alert, if there is one, is among the bytes for TCP
    /// (RFC 6120 5.4.3.2: no XML).
    pub(super) fn tls_failed(&mut self, failure: tls::TlsFailure) -> Turn {
        self.link.end_with(CloseReason::Tls(failure));
        self.link.gate = None;
        self.link.drain();
        Turn::Again
    }
}

/// An end without a reason would be a defect of the table.
pub(super) const UNEXPLAINED: CloseReason = CloseReason::Internal(InternalError::Table);

impl Link {
    /// Gives the end its reason. The first one counts, except that a close is
    /// clean only if nothing went wrong behind it.
    pub(super) fn end_with(&mut self, reason: CloseReason) {
        match (&self.ending, &reason) {
            (Some(CloseReason::Closed { .. }), CloseReason::Closed { .. }) => {}
            (None | Some(CloseReason::Closed { .. }), _) => self.ending = Some(reason),
            _ => {}
        }
    }

    /// The exchange is over: close_notify, then what is left for TCP.
    pub(super) fn begin_tail(&mut self) {
        if self.tail != Tail::Exchange || self.is_closed() {
            return;
        }
        self.tail = match &mut self.transport {
            Transport::Tls { session, .. } if !session.is_handshaking() => {
                session.close(self.outbox.wire());
                // What came before a FIN is still to be looked at: it may be the
                // peer's close_notify.
                if session.peer_closed() || self.inbound == Inbound::Failed {
                    Tail::Drain
                } else {
                    Tail::AwaitNotify
                }
            }
            Transport::Tls { .. } | Transport::Plain => Tail::Drain,
        };
        self.hurry();
    }

    /// Only bytes for TCP are left.
    pub(super) fn drain(&mut self) {
        if self.tail == Tail::Exchange {
            self.hurry();
        }
        self.tail = Tail::Drain;
    }

    /// The last step has the closing timeout for itself.
    fn hurry(&mut self) {
        self.clock.phase = Some(self.clock.now + self.limits.closing_timeout());
        self.clock.negotiation = None;
    }

    /// The last word. Under `Abort` what TCP has not taken is dropped; under
    /// `Graceful` there is nothing left, or the deadline has passed.
    pub(super) fn finish(&mut self, reason: CloseReason, manner: Manner) {
        if self.is_closed() {
            return;
        }
        let truncated = self.peer_footer
            && self.tls().is_some_and(|session| !session.peer_closed())
            && manner == Manner::Graceful;
        self.outbox.clear();
        self.gate = None;
        self.request = None;
        self.end = End::Closed {
            close: CloseTcp::new(reason, manner, self.limits.linger(), truncated),
            taken: false,
        };
    }

    pub(super) const fn close(&self) -> Option<&CloseTcp> {
        match &self.end {
            End::Open => None,
            End::Closed { close, .. } => Some(close),
        }
    }

    /// Whether there is room for input, and input to come.
    pub(super) fn wants_input(&self) -> bool {
        self.tail != Tail::Drain && self.capacity() > 0
    }
}
