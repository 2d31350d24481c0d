//! Proofs of what a TLS session has achieved.
//!
//! Only the parent module makes them, so code that needs one cannot run too early (RFC 6120 13.8,
//! 13.9.4). Nothing that could make one outside of it may be added here.

/// The proof that a TLS handshake has finished: what is said now is private and authentic, but not
/// yet known to be said to the right peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encrypted(());

/// The proof that the peer's identity was verified (RFC 6120 13.7.2): for a client the server's
/// name, for a server the client's certificate. Passwords and SASL EXTERNAL need this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified(());

impl Encrypted {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl Verified {
    pub(super) const fn new() -> Self {
        Self(())
    }
}
