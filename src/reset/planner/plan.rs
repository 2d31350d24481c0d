//! What a planner answers.

use core::{fmt, time::Duration};

use crate::{reset::ResetCause, time::Instant};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Plan {
    /// Nothing: the connection is up.
    Keep,
    /// Connect again, as described.
    Connect(Connect),
    /// Do not connect again without being told to.
    GiveUp(GiveUp),
}

/// When to connect, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connect {
    /// When to connect, not before.
    pub at: Instant,
    /// The same as a span from the `now` the planner was given.
    pub delay: Duration,
    /// Whether the TLS handshake may resume a session. If not, no session id,
    /// ticket, PSK or early data may be offered (RFC 6120 4.9.3.16).
    pub resumption: TlsResumption,
    /// The epoch the connection belongs to. Tickets are taken from and put
    /// into this epoch's store alone; stores of earlier epochs are dropped,
    /// and a ticket that arrives on a connection of an earlier epoch goes with
    /// it.
    pub epoch: TicketEpoch,
    /// The reset after which no stream was established yet, if any.
    ///
    /// Then whatever else was tied to the old context is void: the result of
    /// SASL, channel bindings, the peer's certificate, the bound address.
    /// Stream management (XEP-0198) may resume its session once the new stream
    /// is authenticated: that is no TLS resumption. A token (XEP-0484) is a new
    /// authentication and allowed by the letter; after a cause that
    /// [discards what is in flight](ResetCause::discards_in_flight) it should not
    /// be used.
    pub after_reset: Option<ResetCause>,
    /// Where to connect.
    pub target: Target,
}

/// Whether TLS session resumption may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsResumption {
    /// Recommended, with tickets of this epoch (RFC 6120 3.3).
    Allowed,
    /// Ruled out (RFC 6120 4.9.3.16).
    Forbidden,
}

/// Which address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// What the peer's domain resolves to (RFC 6120 3.2).
    Original,
    /// The host the peer's `<see-other-host/>` named, with the same `to`, the
    /// same policies and the same reference identity as for the original
    /// (RFC 6120 4.9.3.19). If that attempt fails, the plan is the original
    /// again.
    Redirect,
}

/// Why not to connect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The application ended the connection.
    Requested,
    /// The credentials were refused: the same would be refused again.
    AuthenticationFailed,
    /// Another stream took this one's place (`<conflict/>`): reconnecting
    /// would start a fight that neither side wins.
    Conflict,
    /// The peer resets whatever is opened to it.
    TooManyResets,
    /// The peer redirects without end (RFC 6120 4.9.3.19).
    TooManyRedirects,
}

impl GiveUp {
    /// The reason in kebab-case, for logs: `too-many-resets`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::AuthenticationFailed => "authentication-failed",
            Self::Conflict => "conflict",
            Self::TooManyResets => "too-many-resets",
            Self::TooManyRedirects => "too-many-redirects",
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
/// Grows with every reset and never returns to an earlier value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketEpoch(u64);

impl TicketEpoch {
    /// The epoch before any reset.
    pub const FIRST: Self = Self(0);

    /// The number of resets before this epoch.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The epoch after a reset. (Saturation is out of reach: one reset per
    /// nanosecond takes five centuries.)
    #[must_use]
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
