//! Pure SASL mechanisms (RFC 4422), both sides: octets in, octets out.
//!
//! * The initiating entity runs a [`Mechanism`]: [`ScramClient`],
//!   [`PlainClient`], [`ExternalClient`], [`AnonymousClient`], or one of the
//!   user's own. [`select`] chooses which.
//! * The receiving entity runs an [`Acceptor`]: [`ScramAcceptor`],
//!   [`PlainAcceptor`], [`ExternalAcceptor`], [`AnonymousAcceptor`].
//!   [`Advertisement`] says what to offer, and starts nothing that was not
//!   offered.
//!
//! Implemented: RFC 4422 (without security layers), RFC 4505, RFC 4616, RFC
//! 5802, RFC 7677, SCRAM-SHA-512 (the same with SHA-512), the choice of
//! mechanism and the failure conditions of RFC 6120 sections 6.3 to 6.5 and
//! 13.8, channel bindings by name (RFC 5929, RFC 9266) and their announcement
//! (XEP-0440).
//!
//! Not here: XML and the base64 around each message, `=` against absence (the
//! stream layer hands over `Some(empty)` or `None`), the form of an
//! authorization identity, retries, where channel bindings come from. There is
//! no source of randomness either: nonces are arguments.
//!
//! Whatever the peer sends is bounded: no message over [`MAX_MESSAGE`] is
//! looked at, and names, nonces, salts and iteration counts have limits of
//! their own. Key derivation is done in slices, one per `work` call.
//!
//! # Example
//!
//! A whole exchange; in life, the messages travel in XML and the nonces are
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


/// The longest message of a mechanism, in octets: sent or received.
pub const MAX_MESSAGE: usize = 8192;

/// The initiating side of one SASL exchange (RFC 4422 section 3).
///
/// The calls come in this order: [`initial`](Self::initial) once,
/// [`challenge`](Self::challenge) for each `<challenge/>`,
/// [`work`](Self::work) as long as the last answer was [`MechanismStep::Working`], and
/// [`success`](Self::success) for `<success/>`. Any other order is an `Err`,
/// never a panic. After an `Err` the exchange is over and every further call
/// is one too.
pub trait Mechanism: Send + fmt::Debug {
    /// The IANA name, e.g. `SCRAM-SHA-256-PLUS`.
    fn name(&self) -> &str;

    /// The initial response (RFC 6120 section 6.4.2). `None`: there is none,
    /// `<auth/>` stays empty. `Some` of nothing: an empty one, written `=`.
    ///
    /// # Errors
    /// [`SaslError::OutOfSequence`] if called twice; [`SaslError::TooLong`] if names
    /// make the message too long.
    fn initial(&mut self) -> Result<Option<Secret>, SaslError>;

    /// Takes the decoded data of a `<challenge/>`.
    ///
    /// # Errors
    /// Whatever is wrong with the message, or [`SaslError::OutOfSequence`].
    fn challenge(&mut self, data: &[u8]) -> Result<MechanismStep, SaslError>;

    /// Does one bounded slice of the work that [`MechanismStep::Working`] announced.
    ///
    /// # Errors
    /// [`SaslError::OutOfSequence`] if there is none.
    fn work(&mut self) -> Result<MechanismStep, SaslError>;

    /// Takes the decoded additional data of `<success/>`, if it had any.
    ///
    /// Nothing else makes an [`LoginResult`], so nobody gets past a success
    /// without it. Where a mechanism authenticates the server (SCRAM), `Ok`
    /// means that the server was verified, here or in an earlier challenge
    /// (RFC 6120 section 6.3.10).
    ///
    /// # Errors
    /// [`SaslError::ServerNotVerified`] above all; [`SaslError::OutOfSequence`].
    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError>;
}

/// What a [`Mechanism`] wants next. Exhaustive on purpose: a further kind of
/// step has to be a compile error in whoever drives it.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MechanismStep {
    /// Send this in a `<response/>`.
    Respond(Secret),
    /// Call [`Mechanism::work`].
    Working,
}

/// The end of a successful exchange, and what it proved about the server.
#[must_use]
#[derive(Clone, Debug)]
pub struct LoginResult {
    server: ServerProof,
    keys: Option<ClientKeys>,
}

/// What an exchange proved about the server, beyond what TLS had proved.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerProof {
    /// The server knows the user's credentials.
    Verified,
    /// The mechanism does not authenticate servers (PLAIN, EXTERNAL,
    /// ANONYMOUS): the certificate is all there is.
    None,
}

impl LoginResult {
    /// For mechanisms that have verified the server.
    pub const fn server_verified() -> Self {
        Self {
            server: ServerProof::Verified,
            keys: None,
        }
    }

    /// For mechanisms that cannot verify servers.
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

    /// What was proved about the server.
    #[must_use]
    pub const fn server(&self) -> ServerProof {
        self.server
    }

    /// The SCRAM keys that just worked, to be used instead of the password
    /// next time (RFC 5802 section 5.1).
    #[must_use]
    pub fn into_client_keys(self) -> Option<ClientKeys> {
        self.keys
    }
}

/// Why an exchange failed on the initiating side.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The caller's mistake: this call is not allowed now, or the exchange is
    /// over.
    #[error("the call is out of sequence")]
    OutOfSequence,
    /// The server sent a challenge or data where the mechanism has none.
    #[error("the mechanism has no such message")]
    Unexpected,
    /// A message is longer than [`MAX_MESSAGE`], or a part of it than its
    /// bound.
    #[error("a message or a part of it is too long")]
    TooLong,
    /// The message breaks the mechanism's syntax.
    #[error("the message is malformed")]
    Malformed,
    /// The message has the reserved attribute `m` (RFC 5802 section 5.1).
    #[error("the message asks for an unknown mandatory extension")]
    UnknownExtension,
    /// The server's nonce does not extend ours.
    #[error("the server's nonce does not extend the client's")]
    Nonce,
    /// The server asks for an iteration count outside the bounds; nothing was
    /// derived.
    #[error("the iteration count {count} is out of bounds")]
    Iterations {
        /// What the server asked for; a number that does not fit is
        /// `u32::MAX`.
        count: u32,
    },
    /// The cached keys are for another salt, count or hash, and there is no
    /// password to fall back to.
    #[error("the cached keys do not fit and there is no password")]
    NoPassword,
    /// The server announced success without proving that it knows the user's
    /// credentials, or with a wrong proof.
    #[error("the server was not verified")]
    ServerNotVerified,
    /// The server's final message names an error (RFC 5802 section 7).
    #[error("the server reports: {0}")]
    Server(ScramError),
    /// For mechanisms outside this crate: a reason of their own.
    #[error("{0}")]
    Other(&'static str),
}
