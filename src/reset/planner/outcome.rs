//! What a planner is told: how connections succeed and end.
//!
//! The connection translates its close reasons into [`Disconnect`]; a new variant needs a rule in
//! the planner.

use crate::reset::ResetCause;

/// What became of a connection, or of the attempt to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The stream was negotiated, and stanzas may flow (RFC 6120 4.3.5).
    Established,
    /// No TCP connection was made: there was no address, it was refused, or it timed out.
    ConnectFailed,
    /// There was a connection, and it has ended, in whatever phase.
    Closed(Disconnect),
}

/// How a connection ended, as far as it matters for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnect {
    /// The stream was closed in order and without an error (RFC 6120 4.4).
    Closed {
        /// Who closed first.
        by: Side,
    },
    /// The stream was reset (RFC 6120 4.9.3.16).
    Reset {
        /// Who sent `<reset/>`.
        by: Side,
        /// The cause; [`ResetCause::Other`] for a reset by the peer.
        cause: ResetCause,
    },
    /// The peer sent another stream error.
    StreamError(PeerError),
    /// The connection broke: FIN or RST without a closing tag, a truncated TLS connection, or an
    /// expired deadline.
    Lost,
    /// The peer refused the credentials for good, or could not prove that it knows them (RFC 6120
    /// 6.5).
    AuthenticationFailed,
    /// SASL failed for a temporary reason: `<temporary-auth-failure/>` (RFC 6120 6.5.11) or
    /// `<aborted/>`.
    AuthenticationUnavailable,
    /// The peer offered nothing acceptable: no STARTTLS, no common mechanism, a failed resource
    /// binding, or an old version.
    NegotiationFailed,
    /// This side closed, because the peer violated the protocol or exceeded a limit.
    ProtocolViolation,
    /// The TLS handshake failed, the certificate was not accepted, or a record was invalid (RFC
    /// 6120 5.4.3.2).
    TlsFailed,
    /// The peer attempted a TLS renegotiation (RFC 6120 5.3.5).
    TlsRenegotiation,
    /// The application aborted the connection.
    LocalAbort,
    /// This side failed: there was no randomness, or the keys were used up.
    Internal,
}

impl Disconnect {
    /// Returns whether the same attempt can succeed later.
    #[must_use]
    pub const fn prospect(self) -> Prospect {
        match self {
            Self::Closed { by: Side::Us }
            | Self::AuthenticationFailed
            | Self::NegotiationFailed
            | Self::LocalAbort
            | Self::StreamError(PeerError::Conflict | PeerError::Refused) => Prospect::Permanent,
            Self::Closed { by: Side::Peer }
            | Self::Reset { .. }
            | Self::StreamError(PeerError::SeeOtherHost | PeerError::Unavailable)
            | Self::Lost
            | Self::AuthenticationUnavailable
            | Self::ProtocolViolation
            | Self::TlsFailed
            | Self::TlsRenegotiation
            | Self::Internal => Prospect::Temporary,
        }
    }
}

/// What may become of the same attempt later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prospect {
    /// It may succeed.
    Temporary,
    /// It fails again, unless somebody changes something: credentials, configuration, an account.
    Permanent,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// This side.
    Us,
    /// The other side.
    Peer,
}

/// What kind of stream error the peer sent, by what it means for the next attempt. `<reset/>` is
/// [`Disconnect::Reset`] (RFC 6120 4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerError {
    /// `<conflict/>`: another stream took the place of this one. To connect again would end the
    /// other, which would then connect again too.
    ///
    /// It is believed only of an established stream.
    Conflict,
    /// `<see-other-host/>`: the same service is available at another host.
    SeeOtherHost,
    /// The peer objects to this side or to what it sent: `<host-gone/>`, `<host-unknown/>`,
    /// `<not-authorized/>`, `<policy-violation/>`, `<unsupported-version/>`, `<not-well-formed/>`
    /// and similar.
    Refused,
    /// The peer cannot serve now: `<connection-timeout/>`, `<internal-server-error/>`,
    /// `<remote-connection-failed/>`, `<resource-constraint/>`, `<system-shutdown/>`; or it says
    /// nothing: `<undefined-condition/>`.
    Unavailable,
}
