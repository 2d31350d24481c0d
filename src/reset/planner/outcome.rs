//! What a planner is told: how connections fare and end.

use crate::reset::ResetCause;

/// What became of a connection, or of the attempt to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The stream was negotiated: stanzas may flow (RFC 6120 4.3.5).
    Established,
    /// No connection came about: no address, refused, timed out.
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
        /// Why; [`ResetCause::Other`] for a reset by the peer.
        cause: ResetCause,
    },
    /// The peer sent another stream error.
    StreamError(PeerError),
    /// The connection broke: FIN or RST without a closing tag, a truncated TLS
    /// connection, a deadline that passed.
    Lost,
    /// The peer refused the credentials for good, or could not prove that it
    /// knows them (RFC 6120 6.5).
    AuthenticationFailed,
    /// SASL failed for a reason that passes: `<temporary-auth-failure/>`
    /// (RFC 6120 6.5.11), `<aborted/>`.
    AuthenticationUnavailable,
    /// The peer offered no way on that we accept: no STARTTLS, no common
    /// mechanism, a failed resource binding, a version too old.
    NegotiationFailed,
    /// We closed because the peer broke the protocol or exceeded a limit.
    ProtocolViolation,
    /// The TLS handshake failed, the certificate did not satisfy, or a record
    /// was bad (RFC 6120 5.4.3.2).
    TlsFailed,
    /// The peer attempted a TLS renegotiation (RFC 6120 5.3.5).
    TlsRenegotiation,
    /// The application aborted the connection.
    LocalAbort,
    /// Our own side failed: no randomness, keys used up.
    Internal,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// This side.
    Us,
    /// The other side.
    Peer,
}

/// What kind of stream error the peer sent (RFC 6120 4.9.3), by what it means
/// for the next attempt. `<reset/>` is [`Disconnect::Reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerError {
    /// `<conflict/>`: another stream took this one's place. Coming back would
    /// throw out the other, which would come back, too. (Believed of an
    /// established stream only.)
    Conflict,
    /// `<see-other-host/>`: the same service is to be had elsewhere.
    SeeOtherHost,
    /// The peer objects to us or to what we sent: `<host-gone/>`,
    /// `<host-unknown/>`, `<not-authorized/>`, `<policy-violation/>`,
    /// `<unsupported-version/>`, `<not-well-formed/>` and their like.
    Refused,
    /// The peer cannot serve us now: `<connection-timeout/>`,
    /// `<internal-server-error/>`, `<remote-connection-failed/>`,
    /// `<resource-constraint/>`, `<system-shutdown/>`.
    Unavailable,
}
