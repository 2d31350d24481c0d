//! The end of a connection: [`CloseTcp`], its reason and its manner. A new reason is added to
//! [`CloseReason`], to this table, and to `disconnect` for the planner.
//!
//! | reason | code | what to do about it |
//! |---|---|---|
//! | [`Closed`](CloseReason::Closed) | `closed` | nothing: both sides closed the stream |
//! | [`Reset`](CloseReason::Reset) | `reset` | connect again, everything anew ([`reset`](crate::reset)) |
//! | [`StreamError`](CloseReason::StreamError) | `stream-error` | look at the condition; by us: the peer broke a rule |
//! | [`TlsRenegotiation`](CloseReason::TlsRenegotiation) | `tls-renegotiation` | the peer, or someone in between, attempted it; log it |
//! | [`Tls`](CloseReason::Tls) | `tls` | certificates, versions or an attacker: see the detail |
//! | [`TlsTruncated`](CloseReason::TlsTruncated) | `tls-truncated` | the end was not authentic: treat what was unanswered as lost |
//! | [`AuthenticationFailed`](CloseReason::AuthenticationFailed) | `authentication-failed` | ask for other credentials; do not retry with these |
//! | [`NegotiationFailed`](CloseReason::NegotiationFailed) | `negotiation-failed` | the peer lacks or refused a step; retrying is unlikely to help |
//! | [`NotWellFormed`](CloseReason::NotWellFormed) | `not-well-formed` | the peer's bytes are not an XMPP stream |
//! | [`Limit`](CloseReason::Limit) | `limit` | the peer exceeded one of our limits |
//! | [`Timeout`](CloseReason::Timeout) | `timeout` | connect again |
//! | [`Transport`](CloseReason::Transport) | `transport` | connect again |
//! | [`StarttlsRefused`](CloseReason::StarttlsRefused) | `starttls-refused` | received: the server has no TLS, never continue without; sent: the client asked out of turn |
//! | [`StarttlsNotOffered`](CloseReason::StarttlsNotOffered) | `starttls-refused` | the server has no TLS here, or the offer was removed on the way: never continue without |
//! | [`PlaintextAfterStarttls`](CloseReason::PlaintextAfterStarttls) | `plaintext-after-starttls` | an injection attempt; log it |
//! | [`LocalAbort`](CloseReason::LocalAbort) | `local-abort` | the application aborted |
//! | [`Internal`](CloseReason::Internal) | `internal` | our side: randomness, keys, configuration |

mod disconnect;

use core::fmt;
use core::time::Duration;

use crate::reset::{ResetCause, Side};
use crate::stream::{DialbackVerdict, NegotiationReason, StreamError};
use crate::{sasl, tls, xml};

/// What ends the TCP connection, and why.
///
/// Only a machine makes one. What a driver does, by [`Manner`]:
/// * `Abort`: drop the socket at once; no shutdown, no drain.
/// * `Graceful`: everything has been handed to TCP (or the peer has stopped
///   taking it). Shut the writing side down, read and discard until the end or
///   for [`linger`](Self::linger), then drop. A plain drop with unread input
///   makes the kernel send RST, which destroys what was just written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the TCP connection has to be closed now"]
pub struct CloseTcp {
    reason: CloseReason,
    manner: Manner,
    linger: Duration,
    truncated: bool,
}

impl CloseTcp {
    pub(crate) const fn new(
        reason: CloseReason,
        manner: Manner,
        linger: Duration,
        truncated: bool,
    ) -> Self {
        Self {
            reason,
            manner,
            linger,
            truncated,
        }
    }

    /// Returns a `CloseTcp` for tests of code that handles one.
    #[cfg(feature = "testing")]
    pub const fn for_testing(reason: CloseReason, manner: Manner) -> Self {
        Self::new(reason, manner, Duration::from_secs(2), false)
    }

    /// Returns why the connection ends.
    #[must_use]
    pub const fn reason(&self) -> &CloseReason {
        &self.reason
    }

    /// Returns how it ends.
    #[must_use]
    pub const fn manner(&self) -> Manner {
        self.manner
    }

    /// For how long at most to read and discard after the shutdown; zero where
    /// the manner is [`Manner::Abort`].
    #[must_use]
    pub const fn linger(&self) -> Duration {
        match self.manner {
            Manner::Abort => Duration::ZERO,
            Manner::Graceful => self.linger,
        }
    }

    /// The stream was closed properly but TLS was not: the peer's closing tag
    /// came, its close_notify did not (RFC 6120 4.4, RFC 5246 7.2.1).
    #[must_use]
    pub const fn truncated(&self) -> bool {
        self.truncated
    }
}

/// How the TCP connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Manner {
    /// It ends at once, without another byte (RFC 6120 5.3.5).
    Abort,
    /// It ends with shutdown and linger.
    Graceful,
}

impl Manner {
    /// Returns `abort` or `graceful`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Graceful => "graceful",
        }
    }
}

/// Why a connection ended. The [module](self) has a table of what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The stream was closed with both closing tags (RFC 6120 4.4).
    Closed {
        /// Who closed first.
        by: Side,
    },
    /// The stream was reset (RFC 6120 4.9.3.16).
    Reset {
        /// Who sent `<reset/>`.
        by: Side,
        /// Why, if this side did.
        cause: Option<ResetCause>,
    },
    /// A stream error other than `<reset/>` ended the stream (RFC 6120 4.9).
    StreamError {
        /// Who sent it.
        by: Side,
        /// The error.
        error: StreamError,
    },
    /// The peer attempted a TLS renegotiation (RFC 6120 5.3.5). The connection is closed at once,
    /// without a stream error.
    TlsRenegotiation(tls::RenegotiationAttempt),
    /// TLS failed, in the handshake or later (RFC 6120 5.4.3.2).
    Tls(tls::TlsReason),
    /// TCP ended under TLS with neither closing tag nor close_notify.
    TlsTruncated,
    /// SASL failed (RFC 6120 6.4.5), or the server could not prove itself.
    AuthenticationFailed(AuthenticationReason),
    /// A step that this entity needs was not offered, or was refused.
    NegotiationFailed(NegotiationReason),
    /// The peer's bytes are not an acceptable stream (RFC 6120 11.1, 11.3).
    NotWellFormed(xml::XmlError),
    /// The peer exceeded a limit (RFC 6120 13.12).
    Limit(xml::XmlError),
    /// Something took too long.
    Timeout(Phase),
    /// TCP ended without the stream being closed.
    Transport(Phase),
    /// The receiving entity refused STARTTLS (RFC 6120 5.4.2.2). On its own side: it was requested
    /// where it had not been offered.
    StarttlsRefused,
    /// The receiving entity did not offer STARTTLS, and refused it when it was requested all the same
    /// (RFC 6120 5.4.2.2, RFC 7590 3.1): it has no TLS here, or somebody has removed the offer.
    StarttlsNotOffered,
    /// Bytes arrived after `<starttls/>` before `<proceed/>` was sent, or what arrived then was not
    /// TLS (RFC 6120 5.4.3.1).
    PlaintextAfterStarttls,
    /// The application called `abort`.
    LocalAbort,
    /// This side failed.
    Internal(InternalReason),
}

impl CloseReason {
    /// Whether a session of stream management outlives a connection that ended so (XEP-0198 5, 7):
    /// not if the stream was closed, and after a stream error only if it says that the peer, or this
    /// side, goes away for a while.
    pub(crate) fn session_survives(&self) -> bool {
        use crate::stream::StreamCondition as C;
        match self {
            Self::Closed { .. } => false,
            Self::StreamError { error, .. } => matches!(
                error.condition(),
                C::ConnectionTimeout
                    | C::InternalServerError
                    | C::RemoteConnectionFailed
                    | C::ResourceConstraint
                    | C::SeeOtherHost
                    | C::SystemShutdown
            ),
            _ => true,
        }
    }

    /// The reason in kebab-case, for logs and scripts; see the
    /// [module](self).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Reset { .. } => "reset",
            Self::StreamError { .. } => "stream-error",
            Self::TlsRenegotiation(_) => "tls-renegotiation",
            Self::Tls(_) => "tls",
            Self::TlsTruncated => "tls-truncated",
            Self::AuthenticationFailed(_) => "authentication-failed",
            Self::NegotiationFailed(_) => "negotiation-failed",
            Self::NotWellFormed(_) => "not-well-formed",
            Self::Limit(_) => "limit",
            Self::Timeout(_) => "timeout",
            Self::Transport(_) => "transport",
            Self::StarttlsRefused | Self::StarttlsNotOffered => "starttls-refused",
            Self::PlaintextAfterStarttls => "plaintext-after-starttls",
            Self::LocalAbort => "local-abort",
            Self::Internal(_) => "internal",
        }
    }
}

/// Writes the detail of the reason; [`code`](CloseReason::code) is its name.
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |by: &Side| match by {
            Side::Us => "sent",
            Side::Peer => "received",
        };
        match self {
            Self::Closed { by: Side::Us } => f.write_str("we closed the stream"),
            Self::Closed { by: Side::Peer } => f.write_str("the peer closed the stream"),
            Self::Reset { by: author, cause } => match cause {
                Some(cause) => write!(f, "reset {}: {}", by(author), cause.as_str()),
                None => write!(f, "reset {}", by(author)),
            },
            Self::StreamError { by: author, error } => {
                write!(f, "{} {}", error.condition().as_str(), by(author))
            }
            Self::TlsRenegotiation(attempt) => write!(f, "{attempt}"),
            Self::Tls(failure) => write!(f, "{failure}"),
            Self::TlsTruncated => f.write_str("TCP ended without close_notify"),
            Self::AuthenticationFailed(failure) => write!(f, "{failure}"),
            Self::NegotiationFailed(failure) => write!(f, "{failure}"),
            Self::NotWellFormed(fault) | Self::Limit(fault) => write!(f, "{fault}"),
            Self::Timeout(phase) => write!(f, "timeout, {phase}"),
            Self::Transport(phase) => write!(f, "TCP ended, {phase}"),
            Self::StarttlsRefused => f.write_str("STARTTLS was refused"),
            Self::StarttlsNotOffered => f.write_str("STARTTLS was not offered"),
            Self::PlaintextAfterStarttls => f.write_str("plaintext where TLS was to begin"),
            Self::LocalAbort => f.write_str("aborted by the application"),
            Self::Internal(error) => write!(f, "{error}"),
        }
    }
}

/// Where a connection stood when something happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for the peer's stream header.
    Header,
    /// Negotiating before TLS.
    StartTls,
    /// In the TLS handshake.
    TlsHandshake,
    /// Waiting for features.
    Features,
    /// In SASL.
    Authentication,
    /// In dialback, between servers.
    Dialback,
    /// Binding a resource.
    Binding,
    /// Waiting for an answer of our own application.
    Decision,
    /// The whole negotiation.
    Negotiation,
    /// The stream was established.
    Established,
    /// The stream was being closed.
    Closing,
    /// The peer took no bytes.
    Write,
    /// The peer owed an acknowledgement (XEP-0198 4).
    Acknowledgement,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "waiting for the stream header",
            Self::StartTls => "negotiating STARTTLS",
            Self::TlsHandshake => "in the TLS handshake",
            Self::Features => "waiting for stream features",
            Self::Authentication => "in SASL",
            Self::Dialback => "in dialback",
            Self::Binding => "binding a resource",
            Self::Decision => "waiting for the application",
            Self::Negotiation => "in the negotiation as a whole",
            Self::Established => "established",
            Self::Closing => "closing",
            Self::Write => "peer takes no bytes",
            Self::Acknowledgement => "waiting for an acknowledgement",
        })
    }
}

/// What went wrong in SASL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationReason {
    /// The peer answered `<failure/>` (RFC 6120 6.5).
    #[error("{}", .0.as_str())]
    Refused(sasl::SaslCondition),
    /// Our mechanism failed: the peer broke the mechanism's rules, or could
    /// not prove that it knows the password.
    #[error("{0}")]
    Mechanism(sasl::SaslError),
    /// No offered mechanism is acceptable to our policy.
    #[error("{0}")]
    NoMechanism(sasl::SelectError),
    /// The token of an earlier login cannot be used here, and the config says to end the attempt then
    /// ([`TokenFallback::End`](crate::config::TokenFallback::End)).
    #[error("the token cannot be used: {0}")]
    Token(sasl::TokenUnusable),
    /// The server offers something weaker than at an earlier login, whose
    /// [pin](crate::config::InitiatorBuilder::pin) forbids it.
    #[error("weaker than before: {0}")]
    Pin(sasl::PinBreach),
    /// The server wants a task that is not known here, or was not asked for (XEP-0388 2.6.3).
    #[error("the server wants a task that is not known")]
    Task,
    /// The domain was not verified (XEP-0220): the peer said so, or we did.
    #[error("dialback: {0}")]
    Dialback(DialbackVerdict),
    /// This component has not sent its proof, because nobody has verified the server's certificate.
    #[error("the server is not verified")]
    ServerNotVerified,
}

/// What failed on this side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InternalReason {
    /// The random number generator failed.
    #[error("no randomness")]
    Randomness,
    /// The TLS configuration cannot be used.
    #[error("TLS configuration: {0}")]
    TlsSetup(tls::SetupError),
    /// TLS refused to encrypt: the keys are used up.
    #[error("TLS keys exhausted")]
    KeysExhausted,
    /// A step came without what it needs. Only a defect of this crate causes it.
    #[error("defect: an unexpected step")]
    Table,
}
