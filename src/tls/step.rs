//! What a session tells its caller: the outcome of a step, and why text was not sealed.
//!
//! Change here what there is to tell. When it is told is decided in [`session`](super::session)
//! and, after our close_notify, in [`post_close`](super::post_close).

use super::reason::TlsReason;
use super::renegotiation::RenegotiationAttempt;

/// What a [`TlsSession::poll`](super::TlsSession::poll) did. The enum is exhaustive on purpose, because a
/// new thing to react to must be a compile error for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum TlsStep {
    /// Nothing can be done without more ciphertext.
    NeedMore,
    /// A record was processed and there is nothing to report.
    Continue,
    /// The handshake is complete. This is reported once.
    Established,
    /// Text came and was given to the closure.
    Plaintext,
    /// The peer's close_notify came: everything it sent has been given out. Terminal for reading.
    PeerClosed,
    /// The peer attempts renegotiation (RFC 6120 5.3.5): close TCP at once and send nothing, not
    /// even what is still in the output. Terminal.
    Renegotiation(RenegotiationAttempt),
    /// The session failed. Terminal.
    Failed(TlsReason),
}

/// Why text was not sealed. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The handshake is not complete.
    #[error("the TLS handshake is not complete")]
    NotEstablished,
    /// close_notify was sent, or the session has failed.
    #[error("the TLS session is closed for writing")]
    Closed,
    /// The text takes more records than the keys allow (RFC 9325 4.4: AES-GCM in TLS 1.2, 2^24
    /// records). close_notify can still be sent.
    #[error("the TLS keys are used up")]
    KeysExhausted,
}
