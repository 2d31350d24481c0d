//! The initiating side of SASL: the trait of a mechanism, its steps and its result.
//!
//! Users implement [`Mechanism`] too, so a change of it is a change of their code. The receiving
//! side is [`Acceptor`](super::Acceptor).

use core::fmt;

use super::{ClientKeys, OfferProof, SaslError, Secret};

/// The longest message of a mechanism, in octets, sent or received.
pub const MAX_MESSAGE: usize = 8192;

/// The initiating side of one SASL exchange (RFC 4422 3).
///
/// The calls come in this order: [`initial`](Self::initial) once, [`challenge`](Self::challenge)
/// for each `<challenge/>`, [`work`](Self::work) as long as the last result was
/// [`MechanismStep::Working`], and [`success`](Self::success) for `<success/>`. Any other order
/// returns an error and never panics. After an error the exchange is over, and every further call
/// returns an error too.
pub trait Mechanism: Send + fmt::Debug {
    /// Returns the IANA name, e.g. `SCRAM-SHA-256-PLUS`.
    fn name(&self) -> &str;

    /// Returns the initial response. `None` means that there is none, so that `<auth/>` stays
    /// empty; `Some` of no octets is an empty one, written `=` (RFC 6120 6.4.2).
    ///
    /// # Errors
    ///
    /// [`SaslError::OutOfSequence`] if called twice; [`SaslError::TooLong`] if names make the
    /// message too long.
    fn initial(&mut self) -> Result<Option<Secret>, SaslError>;

    /// Takes the decoded data of a `<challenge/>`.
    ///
    /// # Errors
    ///
    /// Any [`SaslError`] about the message, or [`SaslError::OutOfSequence`].
    fn challenge(&mut self, data: &[u8]) -> Result<MechanismStep, SaslError>;

    /// Does one bounded slice of the work that [`MechanismStep::Working`] announced.
    ///
    /// # Errors
    ///
    /// [`SaslError::OutOfSequence`] if there is no work.
    fn work(&mut self) -> Result<MechanismStep, SaslError>;

    /// Takes the decoded additional data of `<success/>`, if it had any.
    ///
    /// Only this function returns a [`LoginResult`], so the check of the server cannot be skipped.
    /// Where a mechanism authenticates the server (SCRAM), `Ok` means that the server was verified,
    /// here or in an earlier challenge (RFC 6120 6.3.10).
    ///
    /// # Errors
    ///
    /// [`SaslError::ServerNotVerified`] above all; [`SaslError::OutOfSequence`].
    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError>;
}

/// What a [`Mechanism`] needs next.
///
/// The enum is exhaustive on purpose: a further kind of step must be a compile error for whoever
/// drives a mechanism.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MechanismStep {
    /// Send this in a `<response/>`.
    Respond(Secret),
    /// Call [`Mechanism::work`].
    Working,
}

/// The result of a successful exchange: what it proved about the server, and keys for the next
/// login.
#[must_use]
#[derive(Clone, Debug)]
pub struct LoginResult {
    server: ServerProof,
    offer: OfferProof,
    keys: Option<ClientKeys>,
}

/// What an exchange proved about the server, in addition to what TLS proved.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerProof {
    /// The server knows the user's credentials.
    Verified,
    /// The mechanism does not authenticate servers (PLAIN, EXTERNAL, ANONYMOUS), so only the
    /// certificate speaks for the server.
    None,
}

impl LoginResult {
    /// Returns the result of a mechanism that has verified the server.
    pub const fn server_verified() -> Self {
        Self {
            server: ServerProof::Verified,
            offer: OfferProof::None,
            keys: None,
        }
    }

    /// Returns the result of a mechanism that cannot verify servers.
    pub const fn server_unproven() -> Self {
        Self {
            server: ServerProof::None,
            offer: OfferProof::None,
            keys: None,
        }
    }

    pub(super) fn with_keys(self, keys: ClientKeys) -> Self {
        Self {
            keys: Some(keys),
            ..self
        }
    }

    pub(super) fn with_offer(self, offer: OfferProof) -> Self {
        Self { offer, ..self }
    }

    /// Returns whether the server's offer was proved to have arrived unchanged (XEP-0474).
    #[must_use]
    pub const fn offer(&self) -> OfferProof {
        self.offer
    }

    /// Returns what was proved about the server.
    #[must_use]
    pub const fn server(&self) -> ServerProof {
        self.server
    }

    /// Returns the SCRAM keys of this exchange. They can be used in place of the password next time
    /// (RFC 5802 5.1).
    #[must_use]
    pub fn into_client_keys(self) -> Option<ClientKeys> {
        self.keys
    }
}
