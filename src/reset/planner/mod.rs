//! When and how to connect again.
//!
//! It implements RFC 6120 3.3 (an unpredictable first delay, then truncated exponential back-off),
//! the reconnecting half of 4.9.3.16 and 13.7.2.3 (nothing of the old TLS context after a reset),
//! and the bound on successive redirects of 4.9.3.19. It does not resolve names, connect, or store
//! tickets; it says what the driver does next.
//!
//! # Delays
//!
//! Every end of a connection has a *ceiling*, and the delay is drawn at random below it. The first
//! ceiling is 60 s after a loss (RFC 6120 3.3), and a few seconds after a reset or redirect, where
//! the peer is there and waits: RFC 6120 3.3 is about servers that disappear *unexpectedly*, and
//! 4.3.5 makes the sender of resets stagger them. Until a stream has stayed established long enough
//! ([`PlannerConfig::with_stable_after`]), each further end doubles the ceiling, up to
//! [`PlannerConfig::with_max_delay`], and the delay is drawn from its upper half. So delays never
//! shrink while nothing works, and a peer that always resets is contacted exponentially less often.
//!
//! # After a reset
//!
//! RFC 6120 3.3 recommends TLS session resumption for reconnecting, and 4.9.3.16 rules it out after
//! a reset. [`Connect::resumption`] is therefore [`TlsResumption::Forbidden`] until a stream has
//! been established anew. Tickets of the old context can still exist then, or arrive later. For
//! this reason each reset starts a new [`TicketEpoch`], and a ticket store serves one epoch only.

mod draw;
mod outcome;
mod plan;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::time::Duration;

pub use draw::stagger;
pub use outcome::{Disconnect, Outcome, PeerError, Side};
pub use plan::{Connect, GiveUp, Plan, Target, TicketEpoch, TlsResumption};

use super::ResetCause;
use crate::random::Random;
use crate::time::Instant;

/// Plans the next connection to one peer.
///
/// One planner serves one pair of local and remote address, across all its connections, for as long
/// as that pair is of interest. It is told every outcome ([`next`](Self::next)) and answers with a
/// [`Plan`]. The initiating entity of the closed connection reconnects, whichever side sent the
/// `<reset/>` (RFC 6120 13.7.2.3), so a receiving entity has no planner.
#[derive(Clone, Debug)]
pub struct Planner {
    /// Delays and maximums.
    config: PlannerConfig,
    /// The source of delays.
    random: Arc<dyn Random>,
    /// Whether a stream is established.
    stream: StreamState,
    /// The last ceiling, while no stream has been established long enough since.
    ceiling: Option<Duration>,
    /// Resets in a row.
    resets: u32,
    /// Redirects in a row.
    redirects: u32,
    /// The epoch of the next connection.
    epoch: TicketEpoch,
    /// The reset after which nothing was established yet.
    after_reset: Option<ResetCause>,
}

#[derive(Clone, Copy, Debug)]
enum StreamState {
    Down,
    Up { since: Instant },
}

impl Planner {
    /// Makes a planner for a peer that has not been connected to yet.
    ///
    /// `random` decides the delays: a rustls provider's `secure_random`, or any other [`Random`].
    /// If it fails, the longest delay is used, never none.
    #[must_use]
    pub fn new(config: PlannerConfig, random: impl Random + 'static) -> Self {
        Self {
            config,
            random: Arc::new(random),
            stream: StreamState::Down,
            ceiling: None,
            resets: 0,
            redirects: 0,
            epoch: TicketEpoch::FIRST,
            after_reset: None,
        }
    }

    /// Takes what became of the last connection and returns what comes next.
    ///
    /// Report [`Outcome::Established`] when stream negotiation is complete, then, or in its place,
    /// [`Outcome::Closed`] or [`Outcome::ConnectFailed`]. A [`Plan::GiveUp`] is not final: if the
    /// application connects again (the user typed a new password), it continues to report here, and
    /// the rules about tickets still hold.
    pub fn next(&mut self, now: Instant, outcome: Outcome) -> Plan {
        match outcome {
            Outcome::Established => {
                self.stream = StreamState::Up { since: now };
                self.after_reset = None;
                Plan::Keep
            }
            Outcome::ConnectFailed => {
                self.stream = StreamState::Down;
                self.connect(now, self.config.first_delay, Target::Original)
            }
            Outcome::Closed(ended) => self.closed(now, ended),
        }
    }

    /// Returns the epoch whose ticket store the next connection uses.
    #[must_use]
    pub const fn epoch(&self) -> TicketEpoch {
        self.epoch
    }

    fn closed(&mut self, now: Instant, ended: Disconnect) -> Plan {
        let stream = core::mem::replace(&mut self.stream, StreamState::Down);
        let stable = match stream {
            StreamState::Down => false,
            StreamState::Up { since } => {
                now.saturating_duration_since(since) >= self.config.stable_after
            }
        };
        // A peer that renegotiates does so however long the stream was established.
        if stable && ended != Disconnect::TlsRenegotiation {
            self.ceiling = None;
            self.resets = 0;
            self.redirects = 0;
        }
        match (ended, stream) {
            (Disconnect::Closed { by: Side::Us } | Disconnect::LocalAbort, _) => {
                Plan::GiveUp(GiveUp::Requested)
            }
            (Disconnect::AuthenticationFailed, _) => Plan::GiveUp(GiveUp::AuthenticationFailed),
            (Disconnect::StreamError(PeerError::Conflict), StreamState::Up { .. }) => {
                Plan::GiveUp(GiveUp::Conflict)
            }
            (Disconnect::Reset { cause, .. }, _) => self.reset(now, cause),
            (Disconnect::StreamError(PeerError::SeeOtherHost), _) => self.redirect(now),
            // A conflict on a stream that was never established can have been written by anyone on
            // the path, so it delays and does not give up.
            (Disconnect::StreamError(PeerError::Conflict), StreamState::Down)
            | (
                Disconnect::Closed { by: Side::Peer }
                | Disconnect::Lost
                | Disconnect::AuthenticationUnavailable
                | Disconnect::NegotiationFailed
                | Disconnect::ProtocolViolation
                | Disconnect::TlsFailed
                | Disconnect::TlsRenegotiation
                | Disconnect::Internal
                | Disconnect::StreamError(PeerError::Refused | PeerError::Unavailable),
                _,
            ) => self.connect(now, self.config.first_delay, Target::Original),
        }
    }

    fn reset(&mut self, now: Instant, cause: ResetCause) -> Plan {
        // Whatever is planned now, the old context is void.
        self.epoch = self.epoch.next();
        self.after_reset = Some(cause);
        self.resets = self.resets.saturating_add(1);
        if self.resets > self.config.max_resets {
            return Plan::GiveUp(GiveUp::TooManyResets);
        }
        self.connect(now, self.config.reset_delay, Target::Original)
    }

    fn redirect(&mut self, now: Instant) -> Plan {
        self.redirects = self.redirects.saturating_add(1);
        if self.redirects > u32::from(self.config.max_redirects) {
            return Plan::GiveUp(GiveUp::TooManyRedirects);
        }
        self.connect(now, self.config.reset_delay, Target::Redirect)
    }

    fn connect(&mut self, now: Instant, first: Duration, target: Target) -> Plan {
        let max = self.config.max_delay;
        let (floor, ceiling) = match self.ceiling {
            None => (Duration::ZERO, first.min(max)),
            Some(last) => {
                let ceiling = last.saturating_mul(2).max(first).max(MIN_CEILING).min(max);
                (ceiling / 2, ceiling)
            }
        };
        self.ceiling = Some(ceiling);
        let delay = draw::between(&self.random, floor, ceiling)
            .unwrap_or_else(|| ceiling.max(MIN_CEILING).min(max));
        Plan::Connect(Connect {
            at: now + delay,
            delay,
            resumption: match self.after_reset {
                None => TlsResumption::Allowed,
                Some(_) => TlsResumption::Forbidden,
            },
            epoch: self.epoch,
            after_reset: self.after_reset,
            target,
        })
    }
}

/// The ceiling from which doubling starts if the first one was shorter, and the delay if there is
/// no randomness.
const MIN_CEILING: Duration = Duration::from_secs(1);

/// The parameters of a [`Planner`]. Delays are drawn in whole milliseconds.
///
/// A setter that cannot keep a value refuses it; none changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct PlannerConfig {
    first_delay: Duration,
    reset_delay: Duration,
    /// At least [`MIN_MAX_DELAY`].
    max_delay: Duration,
    stable_after: Duration,
    max_resets: u32,
    max_redirects: u8,
}

impl PlannerConfig {
    /// Returns the defaults that the setters name.
    pub const fn new() -> Self {
        Self {
            first_delay: Duration::from_secs(60),
            reset_delay: Duration::from_secs(5),
            max_delay: Duration::from_secs(600),
            stable_after: Duration::from_secs(60),
            max_resets: 10,
            max_redirects: 5,
        }
    }

    /// Sets the ceiling of the first delay after an unexpected loss. The default is 60 s, the span
    /// that RFC 6120 3.3 recommends. A shorter one suits a single user; a large number of clients
    /// of one server needs the default.
    pub const fn with_first_delay(self, first_delay: Duration) -> Self {
        Self {
            first_delay,
            ..self
        }
    }

    /// Sets the ceiling of the first delay after a reset or a redirect. The default is 5 s; zero is
    /// allowed.
    pub const fn with_reset_delay(self, reset_delay: Duration) -> Self {
        Self {
            reset_delay,
            ..self
        }
    }

    /// Sets the ceiling that applies to every delay, in addition to the one that fits its occasion.
    /// The default is 600 s.
    ///
    /// # Errors
    ///
    /// [`PlannerConfigError`] for less than a millisecond. Because delays are whole milliseconds,
    /// that would switch back-off off (RFC 6120 3.3).
    pub fn with_max_delay(self, max_delay: Duration) -> Result<Self, PlannerConfigError> {
        if max_delay < MIN_MAX_DELAY {
            return Err(PlannerConfigError { given: max_delay });
        }
        Ok(Self { max_delay, ..self })
    }

    /// Sets how long a stream must stay established before the planner forgets earlier failures:
    /// back-off, resets and redirects then count from zero. The default is 60 s.
    pub const fn with_stable_after(self, stable_after: Duration) -> Self {
        Self {
            stable_after,
            ..self
        }
    }

    /// Sets how many resets in a row are followed by another attempt; the next one gives up
    /// ([`GiveUp::TooManyResets`]). The default is 10. A stream that was established for
    /// [`with_stable_after`](Self::with_stable_after) starts the count again.
    pub const fn with_max_resets(self, max_resets: u32) -> Self {
        Self { max_resets, ..self }
    }

    /// Sets how many redirects in a row are followed; the next one gives up
    /// ([`GiveUp::TooManyRedirects`]). The default is 5, the most that RFC 6120 4.9.3.19 names. See
    /// also `Limits::redirects`.
    pub const fn with_max_redirects(self, max_redirects: u8) -> Self {
        Self {
            max_redirects,
            ..self
        }
    }
}

/// The least value of [`PlannerConfig::with_max_delay`]: the unit in which delays are drawn.
const MIN_MAX_DELAY: Duration = Duration::from_millis(1);

/// The error of [`PlannerConfig::with_max_delay`]. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("max-delay is {given:?}, must be at least 1 ms")]
#[non_exhaustive]
pub struct PlannerConfigError {
    /// The value that was refused.
    pub given: Duration,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self::new()
    }
}
