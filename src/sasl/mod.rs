//! SASL mechanisms without XML, for both sides: octets in, octets out (RFC 4422).
//!
//! * The initiating entity runs a [`Mechanism`]: [`ScramClient`], [`PlainClient`],
//!   [`ExternalClient`], [`AnonymousClient`], or one of the user. [`select`](select()) chooses
//!   which.
//! * The receiving entity runs an [`Acceptor`]: [`ScramAcceptor`], [`PlainAcceptor`],
//!   [`ExternalAcceptor`], [`AnonymousAcceptor`]. [`Advertisement`] says what to offer, and starts
//!   nothing that was not offered.
//!
//! Implemented are RFC 4422 (without security layers), RFC 4505, RFC 4616, RFC 5802, RFC 7677,
//! SCRAM-SHA-512 (RFC 5802 with SHA-512), the choice of mechanism and the failure conditions of RFC
//! 6120 6.3 to 6.5 and 13.8, channel bindings by name (RFC 5929, RFC 9266) and their announcement
//! (XEP-0440).
//!
//! Not part of this module are XML, the base64 of each message and the difference between `=` and
//! absence (the stream layer passes `Some(empty)` or `None`), the form of an authorization
//! identity, retries, and the source of channel bindings. Nonces are arguments.
//!
//! Whatever the peer sends is bounded: no message longer than [`MAX_MESSAGE`] is read, and names,
//! nonces, salts and iteration counts have limits of their own. Key derivation is done in slices,
//! one per `work` call. This file holds the initiating side's trait; a new mechanism gets a file of
//! its own, an entry in [`MechanismName`], and rows in [`select`](select()) and [`Advertisement`].
//!
//! # Example
//!
//! The example runs a whole exchange. In a real one, the messages travel in XML and the nonces are
//! random.
//!
//! ```
//! use xmpp_stream::sasl::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = ScramKeys::derive(Hash::Sha256, &Password::ascii("pencil")?, b"salt", 4096)?;
//! let allowed = MechanismSet::EMPTY.with_scram(Hash::Sha256);
//! let offered = Advertisement::new(allowed, Channel::Encrypted, Vec::new());
//!
//! let offer = MechanismOffer::new(offered.mechanisms().iter().map(MechanismName::as_str));
//! let choice = select(offer, Capabilities::new().verified().password(), MechanismPolicy::new())?;
//! assert_eq!(choice.mechanism().as_str(), "SCRAM-SHA-256");
//!
//! let credentials = ScramCredentials::password(Password::ascii("pencil")?);
//! let binding = choice.client_binding(&[]).ok_or("no such binding")?;
//! let user = Username::ascii("juliet")?;
//! let mut client = ScramClient::new(Hash::Sha256, user, credentials, binding, [1; 18]);
//! let decoy = Decoy::new(&[0; 32], 4096);
//! let mut server = offered.accept(client.name(), &decoy, [2; 18]).map_err(|c| c.as_str())?;
//!
//! let mut step = server.response(client.initial()?.as_ref().map(Secret::as_bytes));
//! let (identity, data) = loop {
//!     step = match step {
//!         AcceptorStep::Challenge(data) => {
//!             let mut next = client.challenge(data.as_bytes())?;
//!             while next == MechanismStep::Working {
//!                 next = client.work()?;
//!             }
//!             let MechanismStep::Respond(data) = next else { unreachable!() };
//!             server.response(Some(data.as_bytes()))
//!         }
//!         AcceptorStep::Ask(CredentialQuery::ScramKeys { username, .. }) if username == "juliet" => {
//!             server.provide(CredentialAnswer::keys(username, keys.clone()))
//!         }
//!         AcceptorStep::Ask(_) => server.provide(CredentialAnswer::Reject(SaslCondition::NotAuthorized)),
//!         AcceptorStep::Working => server.work(),
//!         AcceptorStep::Success { identity, data } => break (identity, data),
//!         AcceptorStep::Failure(condition) => return Err(condition.as_str().into()),
//!     };
//! };
//! assert_eq!(identity.authcid, "juliet");
//! let outcome = client.success(data.as_ref().map(Secret::as_bytes))?;
//! assert_eq!(outcome.server(), ServerProof::Verified);
//! # Ok(())
//! # }
//! ```

mod acceptor;
mod anonymous;
mod binding;
mod condition;
mod external;
mod name;
mod one_message;
mod password;
mod plain;
mod policy;
mod scram;
mod secret;
mod select;
#[cfg(test)]
mod tests;

use core::fmt;

pub use acceptor::{
    Acceptor, AcceptorStep, Advertisement, Channel, CredentialAnswer, CredentialQuery, Identity,
};
pub use anonymous::{AnonymousAcceptor, AnonymousClient};
pub use binding::{ChannelBindingData, ChannelBindingKind};
pub use condition::SaslCondition;
pub use external::{ExternalAcceptor, ExternalClient};
pub use name::{MechanismName, MechanismSet};
pub use password::{
    Authzid, MAX_AUTHZID, MAX_PASSWORD, MAX_USERNAME, Password, PrepareError, Username,
};
pub use plain::{PlainAcceptor, PlainClient};
pub use policy::{BindingUse, MechanismPolicy};
pub use scram::{
    AcceptorBinding, ClientBinding, ClientKeys, Decoy, Hash, IterationBounds, KeysError, SLICE,
    ScramAcceptor, ScramClient, ScramCredentials, ScramError, ScramKeys,
};
pub use secret::Secret;
pub use select::{
    BindingFlag, Capabilities, Choice, Downgrade, MechanismOffer, SelectError, select,
};

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
            keys: None,
        }
    }

    /// Returns the result of a mechanism that cannot verify servers.
    pub const fn server_unproven() -> Self {
        Self {
            server: ServerProof::None,
            keys: None,
        }
    }

    fn with_keys(self, keys: ClientKeys) -> Self {
        Self {
            keys: Some(keys),
            ..self
        }
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

/// The error of a [`Mechanism`]: why an exchange failed on the initiating side.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The call is not allowed now, or the exchange is over. This is a mistake of the caller.
    #[error("the call is out of sequence")]
    OutOfSequence,
    /// The server sent a challenge or data where the mechanism has none.
    #[error("the mechanism has no such message")]
    Unexpected,
    /// A message is longer than [`MAX_MESSAGE`], or a part of it is longer than its limit.
    #[error("a message or a part of it is too long")]
    TooLong,
    /// The message violates the syntax of the mechanism.
    #[error("the message is malformed")]
    Malformed,
    /// The message has the reserved attribute `m` (RFC 5802 5.1).
    #[error("the message asks for an unknown mandatory extension")]
    UnknownExtension,
    /// The server's nonce does not extend the client's nonce.
    #[error("the server's nonce does not extend the client's")]
    Nonce,
    /// The server asks for an iteration count outside the bounds. Nothing was derived.
    #[error("the iteration count {count} is out of bounds")]
    Iterations {
        /// The count that the server asked for, or `u32::MAX` if the number is larger.
        count: u32,
    },
    /// The cached keys are for another salt, count or hash, and there is no password to derive new
    /// ones from.
    #[error("the cached keys do not fit and there is no password")]
    NoPassword,
    /// The server announced success without proof that it knows the user's credentials, or with a
    /// wrong one.
    #[error("the server was not verified")]
    ServerNotVerified,
    /// The server's final message names an error (RFC 5802 7).
    #[error("the server reports: {0}")]
    Server(ScramError),
    /// A reason of a mechanism outside this crate.
    #[error("{0}")]
    Other(&'static str),
}
