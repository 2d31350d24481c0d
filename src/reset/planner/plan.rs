//! What a planner answers: whether, when and how to connect.

use core::fmt;
use core::time::Duration;

use crate::reset::ResetCause;
use crate::time::Instant;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Plan {
    /// Keep the connection, which is established.
    Keep,
    /// Connect again, as described.
    Connect(Connect),
    /// Do not connect again unless the user asks for it.
    GiveUp(GiveUp),
}

/// When to connect, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connect {
    /// The earliest time to connect.
    pub at: Instant,
    /// The same as a span from the `now` that the planner was given.
    pub delay: Duration,
    /// Whether the TLS handshake may resume a session. If not, no session id, ticket, PSK or early
    /// data may be offered (RFC 6120 4.9.3.16).
    pub resumption: TlsResumption,
    /// The epoch of the connection. Its tickets are taken from and put into the store of this epoch
    /// only. Stores of earlier epochs are dropped, together with tickets that arrive on connections
    /// of those epochs.
    pub epoch: TicketEpoch,
    /// The reset after which no stream was established yet, if any.
    ///
    /// Whatever else was tied to the old context is then void: the result of SASL, channel
    /// bindings, the certificate of the peer, the bound address. Stream management (XEP-0198) may
    /// resume its session once the new stream is authenticated, because that is not TLS resumption.
    /// A token (XEP-0484) is a new authentication and allowed by the letter; after a cause that
    /// [discards what is in flight](ResetCause::discards_in_flight) it should not be used.
    pub after_reset: Option<ResetCause>,
    /// Where to connect.
    pub target: Target,
}

/// Whether TLS session resumption may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsResumption {
    /// It is recommended, with tickets of this epoch (RFC 6120 3.3).
    Allowed,
    /// It is ruled out (RFC 6120 4.9.3.16).
    Forbidden,
}

/// Which address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The address that the peer's domain resolves to (RFC 6120 3.2).
    Original,
    /// One of the hosts given by [`Planner::set_targets`](super::Planner::set_targets);
    /// [`Planner::host`](super::Planner::host) says which.
    Srv,
    /// The host that the server prefers for resuming the session (XEP-0198 3), given by
    /// [`Planner::set_location`](super::Planner::set_location), with the same `to`, policies and
    /// reference identity as for the original.
    Location,
    /// The host that the peer's `<see-other-host/>` named, with the same `to`, the same policies
    /// and the same reference identity as for the original. If that attempt fails, the next plan is
    /// the original again (RFC 6120 4.9.3.19).
    Redirect,
}

/// Why not to connect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The application ended the connection.
    Requested,
    /// The credentials were refused, and the same ones would be refused again.
    AuthenticationFailed,
    /// Another stream took the place of this one (`<conflict/>`). To reconnect would end that one,
    /// and so on in turn.
    Conflict,
    /// The peer resets every stream that is opened to it.
    TooManyResets,
    /// The peer redirects without end (RFC 6120 4.9.3.19).
    TooManyRedirects,
    /// The peer refuses this side, or offers nothing acceptable, again and again.
    Refused,
    /// All attempts are used up ([`PlannerConfig::with_max_attempts`](super::PlannerConfig::with_max_attempts)).
    TooManyAttempts,
    /// The next attempt would be too late ([`PlannerConfig::with_max_time`](super::PlannerConfig::with_max_time)).
    TooLong,
}

impl GiveUp {
    /// Returns the reason in kebab-case, for logs: `too-many-resets`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::AuthenticationFailed => "authentication-failed",
            Self::Conflict => "conflict",
            Self::TooManyResets => "too-many-resets",
            Self::TooManyRedirects => "too-many-redirects",
            Self::Refused => "refused",
            Self::TooManyAttempts => "too-many-attempts",
            Self::TooLong => "too-long",
        }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The number of a ticket store: how many resets came before it.
///
/// It grows with every reset and never returns to an earlier value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketEpoch(u64);

impl TicketEpoch {
    /// The epoch before any reset.
    pub const FIRST: Self = Self(0);

    /// Returns the number of resets before this epoch.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Returns the epoch after so many resets.
    pub(super) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Returns the epoch after a reset. It saturates, which is out of reach: one reset per
    /// nanosecond would take five centuries.
    #[must_use]
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
