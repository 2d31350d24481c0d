//! When and how to connect again.
//!
//! It implements RFC 6120 3.3 (an unpredictable first delay, then truncated exponential back-off),
//! the reconnecting half of 4.9.3.16 and 13.7.2.3 (nothing of the old TLS context after a reset),
//! the bound on successive redirects of 4.9.3.19, the order of SRV records (3.2.1, RFC 2782), and the
//! preferred host of stream management (XEP-0198 3). It does not resolve names, connect, or store
//! tickets; it says what the driver does next. What it knows can be stored ([`PlannerState`]).
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
//! # Where
//!
//! | after | next host |
//! |---|---|
//! | `<see-other-host/>` | the host it names ([`Target::Redirect`]) |
//! | an established stream with a `location` | that host ([`Target::Location`]) |
//! | an established stream, unless the peer said that it cannot serve | the same host again, then the others |
//! | an attempt that made no TCP connection | the next of the SRV records ([`Target::Srv`]), at once |
//! | any other failure, or the last of the records | the next one, or the first of a new order, after a delay |
//!
//! Without SRV records the driver resolves the domain itself ([`Target::Original`]).
//!
//! # When not
//!
//! Rejected credentials, a conflict on an established stream, and the application's own end are final.
//! Other permanent failures ([`Prospect`]) are tried again a few times, because before TLS anyone can
//! write them. Temporary ones are tried again within the total number of attempts and the total time
//! that the config allows.
//!
//! # After a reset
//!
//! RFC 6120 3.3 recommends TLS session resumption for reconnecting, and 4.9.3.16 rules it out after
//! a reset. [`Connect::resumption`] is therefore [`TlsResumption::Forbidden`] until a stream has
//! been established anew. Tickets of the old context can still exist then, or arrive later. For
//! this reason each reset starts a new [`TicketEpoch`], and a ticket store serves one epoch only.

mod config;
mod draw;
mod hosts;
mod outcome;
mod plan;
mod state;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::time::Duration;

pub use config::{PlannerConfig, PlannerConfigError};
pub use draw::stagger;
use hosts::Hosts;
pub use hosts::SrvTarget;
pub use outcome::{Disconnect, Outcome, PeerError, Prospect, Side};
pub use plan::{Connect, GiveUp, Plan, Target, TicketEpoch, TlsResumption};
pub use state::{PlannerState, PlannerStateError};

use super::ResetCause;
use crate::random::Random;
use crate::stream::OtherHost;
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
    /// Refusals in a row.
    refusals: u32,
    /// The attempts planned since a stream was established long enough, or since giving up.
    attempts: u32,
    /// The time since the first of the failures that these attempts follow.
    failing: Option<Span>,
    /// The epoch of the next connection.
    epoch: TicketEpoch,
    /// The reset after which nothing was established yet.
    after_reset: Option<ResetCause>,
    hosts: Hosts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamState {
    Down,
    Up(Span),
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
            refusals: 0,
            attempts: 0,
            failing: None,
            epoch: TicketEpoch::FIRST,
            after_reset: None,
            hosts: Hosts::default(),
        }
    }

    /// Takes the hosts that serve the peer: the SRV records of its domain (RFC 6120 3.2.1), as the
    /// driver has resolved them. Call it whenever they were resolved anew; an empty list, as at the
    /// beginning, leaves addresses to the driver ([`Target::Original`]).
    ///
    /// They are tried in the order of RFC 2782 (by priority, and at random by weight among equals). If
    /// no TCP connection to one is made, the next is tried at once, and back-off begins after the last.
    /// After any other failure the next is tried after a delay. The host of an established stream comes
    /// first after it, unless the peer said that it cannot serve. At most 32 are kept, those with the
    /// lowest priority values.
    pub fn set_targets(&mut self, targets: &[SrvTarget]) {
        self.hosts.set_targets(targets);
    }

    /// Takes the host that the peer prefers for resuming the session (`location` of XEP-0198 3), or
    /// `None` if it named none.
    ///
    /// Call it with every `<enabled/>`. Once a stream has been established, the location is where the
    /// next connection goes ([`Target::Location`]). If that attempt ends before a stream is
    /// established, the location is forgotten, and the usual hosts follow.
    pub fn set_location(&mut self, location: Option<OtherHost>) {
        self.hosts.location = location;
    }

    /// Takes the host that `<see-other-host/>` names, before the outcome is reported, so that
    /// [`host`](Self::host) has it.
    pub fn set_redirect(&mut self, host: OtherHost) {
        self.hosts.redirect = Some(host);
    }

    /// Returns the host of the last plan: where to connect. A host with a port is connected to as it
    /// is; one without is resolved (RFC 6120 3.2). It is `None` for [`Target::Original`], and for
    /// [`Target::Redirect`] if nobody has called [`set_redirect`](Self::set_redirect).
    ///
    /// Whichever it is, the stream header has the same `to`, and the certificate is checked against
    /// the same reference identity, which is the peer's domain (RFC 6120 13.7.2.1, 4.9.3.19). It is
    /// in the `InitiatorConfig`, which no plan changes.
    #[must_use]
    pub fn host(&self) -> Option<&OtherHost> {
        self.hosts.current()
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
                self.stream = StreamState::Up(Span::from(now));
                self.after_reset = None;
                self.hosts.established();
                Plan::Keep
            }
            Outcome::ConnectFailed => {
                self.stream = StreamState::Down;
                match self.hosts.after_no_connection() {
                    Some(target) => self.attempt(now, Duration::ZERO, target),
                    None => self.connect(now, self.config.first_delay),
                }
            }
            Outcome::Closed(ended) => self.closed(now, ended),
        }
    }

    /// Returns what has to be kept to go on planning in another process, or after a restart; see
    /// [`restore`](Self::restore).
    #[must_use]
    pub fn state(&self, now: Instant) -> PlannerState {
        PlannerState {
            stream: match self.stream {
                StreamState::Down => None,
                StreamState::Up(span) => Some(span.length(now)),
            },
            ceiling: self.ceiling,
            resets: self.resets,
            redirects: self.redirects,
            refusals: self.refusals,
            attempts: self.attempts,
            failing: self.failing.map(|span| span.length(now)),
            epoch: self.epoch,
            after_reset: self.after_reset,
            hosts: self.hosts.clone(),
        }
    }

    /// Makes a planner that goes on where another one was when [`state`](Self::state) was called, at
    /// `now` on this process's clock. The time in between is not counted.
    #[must_use]
    pub fn restore(
        config: PlannerConfig,
        random: impl Random + 'static,
        state: &PlannerState,
        now: Instant,
    ) -> Self {
        let span = |before| Span { since: now, before };
        Self {
            config,
            random: Arc::new(random),
            stream: match state.stream {
                None => StreamState::Down,
                Some(before) => StreamState::Up(span(before)),
            },
            ceiling: state.ceiling,
            resets: state.resets,
            redirects: state.redirects,
            refusals: state.refusals,
            attempts: state.attempts,
            failing: state.failing.map(span),
            epoch: state.epoch,
            after_reset: state.after_reset,
            hosts: state.hosts.clone(),
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
            StreamState::Up(span) => span.length(now) >= self.config.stable_after,
        };
        // A peer that renegotiates does so however long the stream was established.
        if stable && ended != Disconnect::TlsRenegotiation {
            self.ceiling = None;
            self.resets = 0;
            self.redirects = 0;
            self.refusals = 0;
            self.forget_attempts();
        }
        match stream {
            StreamState::Down => self.hosts.never_established(),
            StreamState::Up(_) => self.hosts.lost(ended),
        }
        match (ended, stream) {
            (Disconnect::Closed { by: Side::Us } | Disconnect::LocalAbort, _) => {
                self.give_up(GiveUp::Requested)
            }
            (Disconnect::AuthenticationFailed, _) => self.give_up(GiveUp::AuthenticationFailed),
            (Disconnect::StreamError(PeerError::Conflict), StreamState::Up(_)) => {
                self.give_up(GiveUp::Conflict)
            }
            (Disconnect::Reset { cause, .. }, _) => self.reset(now, cause),
            (Disconnect::StreamError(PeerError::SeeOtherHost), _) => self.redirect(now),
            (Disconnect::NegotiationFailed | Disconnect::StreamError(PeerError::Refused), _) => {
                self.refused(now)
            }
            // A conflict on a stream that was never established can have been written by anyone on
            // the path, so it delays and does not give up.
            (Disconnect::StreamError(PeerError::Conflict), StreamState::Down)
            | (
                Disconnect::Closed { by: Side::Peer }
                | Disconnect::Lost
                | Disconnect::AuthenticationUnavailable
                | Disconnect::ProtocolViolation
                | Disconnect::TlsFailed
                | Disconnect::TlsRenegotiation
                | Disconnect::Internal
                | Disconnect::StreamError(PeerError::Unavailable),
                _,
            ) => self.connect(now, self.config.first_delay),
        }
    }

    fn reset(&mut self, now: Instant, cause: ResetCause) -> Plan {
        // Whatever is planned now, the old context is void.
        self.epoch = self.epoch.next();
        self.after_reset = Some(cause);
        self.resets = self.resets.saturating_add(1);
        if self.resets > self.config.max_resets {
            return self.give_up(GiveUp::TooManyResets);
        }
        self.connect(now, self.config.reset_delay)
    }

    fn redirect(&mut self, now: Instant) -> Plan {
        self.redirects = self.redirects.saturating_add(1);
        if self.redirects > u32::from(self.config.max_redirects) {
            return self.give_up(GiveUp::TooManyRedirects);
        }
        let target = self.hosts.redirected();
        let delay = self.back_off(self.config.reset_delay);
        self.attempt(now, delay, target)
    }

    fn refused(&mut self, now: Instant) -> Plan {
        self.refusals = self.refusals.saturating_add(1);
        let hosts = u32::try_from(self.hosts.count()).unwrap_or(u32::MAX);
        if self.refusals > self.config.max_refusals.max(hosts.saturating_sub(1)) {
            self.refusals = 0;
            return self.give_up(GiveUp::Refused);
        }
        self.connect(now, self.config.first_delay)
    }

    /// Plans an attempt after a delay below `first`, or below what back-off has made of it.
    fn connect(&mut self, now: Instant, first: Duration) -> Plan {
        let target = self.hosts.choose(&self.random);
        let delay = self.back_off(first);
        self.attempt(now, delay, target)
    }

    fn back_off(&mut self, first: Duration) -> Duration {
        let max = self.config.max_delay;
        let (floor, ceiling) = match self.ceiling {
            None => (Duration::ZERO, first.min(max)),
            Some(last) => {
                let ceiling = last.saturating_mul(2).max(first).max(MIN_CEILING).min(max);
                (ceiling / 2, ceiling)
            }
        };
        self.ceiling = Some(ceiling);
        draw::between(&self.random, floor, ceiling)
            .unwrap_or_else(|| ceiling.max(MIN_CEILING).min(max))
    }

    fn attempt(&mut self, now: Instant, delay: Duration, target: Target) -> Plan {
        let failing = *self.failing.get_or_insert(Span::from(now));
        self.attempts = self.attempts.saturating_add(1);
        if self
            .config
            .max_attempts
            .is_some_and(|max| self.attempts > max)
        {
            return self.give_up(GiveUp::TooManyAttempts);
        }
        let time = failing.length(now).saturating_add(delay);
        if self.config.max_time.is_some_and(|max| time > max) {
            return self.give_up(GiveUp::TooLong);
        }
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

    /// Whoever tries again after this has all attempts and all the time again.
    fn give_up(&mut self, reason: GiveUp) -> Plan {
        self.forget_attempts();
        Plan::GiveUp(reason)
    }

    fn forget_attempts(&mut self) {
        self.attempts = 0;
        self.failing = None;
    }
}

/// A time that goes on, and may have begun in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    since: Instant,
    /// What had passed by then.
    before: Duration,
}

impl Span {
    fn length(self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.since);
        self.before.saturating_add(since)
    }
}

impl From<Instant> for Span {
    fn from(since: Instant) -> Self {
        let before = Duration::ZERO;
        Self { since, before }
    }
}

/// The ceiling from which doubling starts if the first one was shorter, and the delay if there is
/// no randomness.
const MIN_CEILING: Duration = Duration::from_secs(1);
