//! How a connection ends: from the first reason to `CloseTcp`, in one state machine.
//!
//! The role's table decides when the stream is over (`stream::Closing`). [`Shutdown`] owns what is
//! beside and after that: the reason, the deadline, close_notify, the last bytes for TCP, and the
//! final answer. A unit test visits every state with every input, in any order.
//!
//! # Which of two reasons wins
//!
//! | weight | reasons |
//! |---|---|
//! | [`Stated`](Weight::Stated) | what either side has stated, or what makes this connection useless: the peer's stream error, the application's error or reset, a failed login or negotiation, a failure of TLS |
//! | [`Observed`](Weight::Observed) | what this side has observed: our complaint about the peer, a timeout, a lost transport |
//! | [`Closed`](Weight::Closed) | an orderly close |
//!
//! A heavier reason replaces a lighter one, because the peer's `<see-other-host/>` or `<reset/>`
//! says more than our complaint about the header it came with (RFC 6120 4.9.1.3), and a close is
//! clean only if nothing goes wrong after it. Among equals the first counts. `Abort` overrides all.

use alloc::vec::Vec;
use core::time::Duration;

use super::inbound::TcpInput;
use super::tracer::Tracer;
use super::transport::{Opened, PeerNotify, Transport};
use crate::close::{CloseReason, CloseTcp, InternalReason, Manner};
use crate::reset::Side;
use crate::time::Instant;
use crate::tls::TlsStep;

/// How a connection ends.
#[derive(Clone, Debug)]
pub(super) enum Shutdown {
    /// The stream is open, or closing tags are exchanged: the role's table decides.
    Open {
        /// The reason that the end will have, as far as it is known.
        reason: Option<Reason>,
        /// Whether the peer's closing tag has arrived.
        tag: PeerTag,
        /// When the exchange of closing tags and of close_notify has to be over; `None` until it
        /// begins.
        deadline: Option<Instant>,
    },
    /// Our close_notify is written; the peer's is outstanding (RFC 6120 4.4, RFC 5246 7.2.1).
    AwaitCloseNotify {
        reason: Reason,
        tag: PeerTag,
        deadline: Instant,
    },
    /// Only bytes for TCP are left.
    Flushing {
        reason: Reason,
        tls_end: TlsEnd,
        deadline: Instant,
    },
    /// The final state, and what every further poll answers.
    Closed {
        close: CloseTcp,
        hand_over: HandOver,
    },
}

/// A reason and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    reason: CloseReason,
    weight: Weight,
}

/// Which of two reasons wins: the heavier one; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Weight {
    Closed,
    Observed,
    Stated,
}

/// What is known of the peer's closing tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PeerTag {
    Outstanding,
    Received,
}

/// How the peer's direction of TLS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TlsEnd {
    /// With close_notify; or there was no TLS, or no closing tag either.
    Clean,
    /// The closing tag came, close_notify did not.
    Truncated,
}

/// Whether the application has taken its `CloseTcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum HandOver {
    Outstanding,
    Done,
}

/// What can happen on the way to the end.
#[derive(Clone, Debug)]
pub(super) enum ShutdownInput {
    /// Something gives the end a reason. The stream goes on until its table ends it.
    Reason(Reason),
    /// The peer's closing tag arrived.
    Footer,
    /// The exchange of closing tags begins.
    Closing,
    /// The streams are over: close_notify is written, and this is known of the peer's.
    StreamOver(PeerNotify),
    /// Nothing more is to be read or written but the bytes that wait for TCP.
    LastBytes,
    /// The peer's close_notify arrived, or TLS cannot yield it any more.
    CloseNotify,
    /// TCP ended in order.
    Fin,
    /// TCP failed.
    Rst,
    /// The deadline has passed.
    Expired,
    /// TCP has taken every byte.
    Drained,
    /// The connection ends at once, without another byte.
    Abort(CloseReason),
}

/// What was seen on the way to the end.
#[derive(Clone, Debug)]
pub(super) enum Observed {
    /// A step of the end.
    Input(ShutdownInput),
    /// A record that means nothing any more; another may follow.
    Record,
    /// Nothing yet.
    Nothing,
}

/// The time, and how long the end may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShutdownClock {
    pub(super) now: Instant,
    /// For closing tags and close_notify together.
    pub(super) timeout: Duration,
    /// Of `CloseTcp`.
    pub(super) linger: Duration,
}

/// How long TCP may take for the last bytes after the deadline of the exchange has passed. A
/// transport that takes bytes at all takes these at once.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

impl Reason {
    /// A reason with its usual weight.
    pub(super) const fn new(reason: CloseReason) -> Self {
        let weight = match &reason {
            CloseReason::Closed { .. } => Weight::Closed,
            CloseReason::StreamError { by: Side::Us, .. }
            | CloseReason::NotWellFormed(_)
            | CloseReason::Limit(_)
            | CloseReason::Timeout(_)
            | CloseReason::TlsTruncated
            | CloseReason::Transport(_) => Weight::Observed,
            _ => Weight::Stated,
        };
        Self { reason, weight }
    }

    /// A reason that the application has stated.
    pub(super) const fn stated(reason: CloseReason) -> Self {
        Self {
            reason,
            weight: Weight::Stated,
        }
    }

    /// The reason of an end that nothing has explained: a defect of this crate.
    fn unexplained() -> Self {
        debug_assert!(false, "an end without a reason");
        Self::new(CloseReason::Internal(InternalReason::Table))
    }

    /// Replaces `old` by `new` if `new` is heavier.
    fn prefer(old: Option<Self>, new: Self) -> Self {
        match old {
            Some(old) if old.weight >= new.weight => old,
            _ => new,
        }
    }
}

impl Shutdown {
    /// The state of a connection that has just begun.
    pub(super) const OPEN: Self = Self::Open {
        reason: None,
        tag: PeerTag::Outstanding,
        deadline: None,
    };

    /// Takes one input: the only function that moves.
    pub(super) fn step(&mut self, input: ShutdownInput, clock: ShutdownClock) {
        // Replaced below in every case.
        let state = core::mem::replace(self, Self::OPEN);
        *self = state.next(input, clock);
    }

    /// What has happened since, after the streams are over: what still arrives is read for its end
    /// alone.
    pub(super) fn observe(
        &self,
        now: Instant,
        tcp: TcpInput,
        transport: &mut Transport,
        trace: &mut Tracer,
        is_drained: bool,
    ) -> Observed {
        let input = if tcp == TcpInput::Failed {
            ShutdownInput::Rst
        } else if self.deadline().is_some_and(|at| at <= now) {
            ShutdownInput::Expired
        } else if self.reads() {
            // Our direction is closed: nothing that TLS may want to send goes out.
            let mut unsent = Vec::new();
            match transport.open_record(&mut unsent, trace, &mut |_| {}) {
                Opened::Step(TlsStep::Continue | TlsStep::Plaintext | TlsStep::Established) => {
                    return Observed::Record;
                }
                Opened::Step(TlsStep::NeedMore) => match tcp {
                    TcpInput::Open => return Observed::Nothing,
                    TcpInput::Ended | TcpInput::Failed => ShutdownInput::Fin,
                },
                Opened::Step(TlsStep::PeerClosed) => ShutdownInput::CloseNotify,
                Opened::Step(TlsStep::Renegotiation(attempt)) => {
                    ShutdownInput::Abort(CloseReason::TlsRenegotiation(attempt))
                }
                Opened::Step(TlsStep::Failed(_)) | Opened::NoTls | Opened::Plaintext => {
                    ShutdownInput::LastBytes
                }
            }
        } else if is_drained {
            ShutdownInput::Drained
        } else {
            return Observed::Nothing;
        };
        Observed::Input(input)
    }

    fn next(self, input: ShutdownInput, clock: ShutdownClock) -> Self {
        use ShutdownInput as I;
        let ShutdownClock { now, timeout, .. } = clock;
        match (self, input) {
            (state @ Self::Closed { .. }, _) => state,
            (_, I::Abort(reason)) => closed(reason, Manner::Abort, TlsEnd::Clean, clock),

            (
                Self::Open {
                    reason,
                    tag,
                    deadline,
                },
                I::Reason(new),
            ) => Self::Open {
                reason: Some(Reason::prefer(reason, new)),
                tag,
                deadline,
            },
            (
                Self::AwaitCloseNotify {
                    reason,
                    tag,
                    deadline,
                },
                I::Reason(new),
            ) => Self::AwaitCloseNotify {
                reason: Reason::prefer(Some(reason), new),
                tag,
                deadline,
            },
            (
                Self::Flushing {
                    reason,
                    tls_end,
                    deadline,
                },
                I::Reason(new),
            ) => Self::Flushing {
                reason: Reason::prefer(Some(reason), new),
                tls_end,
                deadline,
            },

            (
                Self::Open {
                    reason, deadline, ..
                },
                I::Footer,
            ) => Self::Open {
                reason,
                tag: PeerTag::Received,
                deadline,
            },
            // One deadline for tags and close_notify together: it is never set anew.
            (
                Self::Open {
                    reason,
                    tag,
                    deadline,
                },
                I::Closing,
            ) => Self::Open {
                reason,
                tag,
                deadline: deadline.or(Some(now + timeout)),
            },
            (
                Self::Open {
                    reason,
                    tag,
                    deadline,
                },
                I::StreamOver(PeerNotify::Outstanding),
            ) => {
                let reason = reason.unwrap_or_else(Reason::unexplained);
                match deadline.unwrap_or(now + timeout) {
                    passed if passed <= now => Self::Flushing {
                        reason,
                        tls_end: tag.without_close_notify(),
                        deadline: now + FLUSH_TIMEOUT,
                    },
                    deadline => Self::AwaitCloseNotify {
                        reason,
                        tag,
                        deadline,
                    },
                }
            }
            (
                Self::Open {
                    reason, deadline, ..
                },
                I::StreamOver(_) | I::LastBytes,
            ) => {
                let flush = now + FLUSH_TIMEOUT;
                Self::Flushing {
                    reason: reason.unwrap_or_else(Reason::unexplained),
                    tls_end: TlsEnd::Clean,
                    deadline: deadline.map_or(now + timeout, |deadline| deadline.max(flush)),
                }
            }

            (
                Self::AwaitCloseNotify {
                    reason, deadline, ..
                },
                I::CloseNotify,
            ) => Self::Flushing {
                reason,
                tls_end: TlsEnd::Clean,
                deadline,
            },
            (
                Self::AwaitCloseNotify {
                    reason,
                    tag,
                    deadline,
                },
                I::Fin | I::LastBytes,
            ) => Self::Flushing {
                reason,
                tls_end: tag.without_close_notify(),
                deadline,
            },
            (Self::AwaitCloseNotify { reason, tag, .. }, I::Expired) => Self::Flushing {
                reason,
                tls_end: tag.without_close_notify(),
                deadline: now + FLUSH_TIMEOUT,
            },

            (
                Self::Flushing {
                    reason, tls_end, ..
                },
                I::Drained | I::Expired,
            ) => closed(reason.reason, Manner::Graceful, tls_end, clock),

            (Self::Open { reason, .. }, I::Rst) => {
                let reason = reason.unwrap_or_else(Reason::unexplained);
                closed(reason.reason, Manner::Abort, TlsEnd::Clean, clock)
            }
            (Self::AwaitCloseNotify { reason, .. } | Self::Flushing { reason, .. }, I::Rst) => {
                closed(reason.reason, Manner::Abort, TlsEnd::Clean, clock)
            }

            // The role's table answers these while the stream is open, and in the later states they
            // mean nothing new.
            (state @ Self::Open { .. }, I::CloseNotify | I::Fin | I::Expired | I::Drained)
            | (
                state @ Self::AwaitCloseNotify { .. },
                I::Footer | I::Closing | I::StreamOver(_) | I::Drained,
            )
            | (
                state @ Self::Flushing { .. },
                I::Footer | I::Closing | I::StreamOver(_) | I::LastBytes | I::CloseNotify | I::Fin,
            ) => state,
        }
    }

    /// Whether the role's table still decides.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    /// Whether bytes from TCP still mean something.
    pub(super) const fn reads(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::AwaitCloseNotify { .. })
    }

    /// When the end takes its next step by itself.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Open { deadline, .. } => *deadline,
            Self::AwaitCloseNotify { deadline, .. } | Self::Flushing { deadline, .. } => {
                Some(*deadline)
            }
            Self::Closed { .. } => None,
        }
    }

    /// Who closed the stream first, as far as closing tags tell.
    pub(super) const fn closed_by(&self) -> Side {
        match self {
            Self::Open {
                tag: PeerTag::Received,
                ..
            } => Side::Peer,
            _ => Side::Us,
        }
    }

    /// The final answer.
    pub(super) const fn close(&self) -> Option<&CloseTcp> {
        match self {
            Self::Closed { close, .. } => Some(close),
            _ => None,
        }
    }

    /// The final answer by value, once.
    pub(super) fn take_close(&mut self) -> Option<CloseTcp> {
        match self {
            Self::Closed {
                close,
                hand_over: hand_over @ HandOver::Outstanding,
            } => {
                *hand_over = HandOver::Done;
                Some(close.clone())
            }
            _ => None,
        }
    }
}

impl PeerTag {
    /// How TLS ends if no close_notify arrives: truncated only if the stream itself was closed in
    /// order. Otherwise the reason says what is missing.
    const fn without_close_notify(self) -> TlsEnd {
        match self {
            Self::Received => TlsEnd::Truncated,
            Self::Outstanding => TlsEnd::Clean,
        }
    }
}

fn closed(reason: CloseReason, manner: Manner, tls_end: TlsEnd, clock: ShutdownClock) -> Shutdown {
    let truncated = tls_end == TlsEnd::Truncated;
    Shutdown::Closed {
        close: CloseTcp::new(reason, manner, clock.linger, truncated),
        hand_over: HandOver::Outstanding,
    }
}

#[cfg(test)]
#[allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "it shares files with the tests of the state tables"
)]
mod picture;
#[cfg(test)]
mod tests;
