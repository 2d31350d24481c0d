//! SASL mechanisms without XML, for both sides: octets in, octets out (RFC 4422).
//!
//! * The initiating entity runs a [`Mechanism`]: [`ScramClient`], [`PlainClient`],
//!   [`ExternalClient`], [`AnonymousClient`], or one of the user. [`select`](select()) chooses
//!   which. With a token in place of the password, it runs an [`HtClient`]; [`select_fast`] and
//!   [`check_token`] say with which.
//! * The receiving entity runs an [`Acceptor`]: [`ScramAcceptor`], [`PlainAcceptor`],
//!   [`ExternalAcceptor`], [`AnonymousAcceptor`], [`HtAcceptor`]. [`Advertisement`] says what to offer, and starts
//!   nothing that was not offered.
//!
//! Implemented are RFC 4422 (without security layers), RFC 4505, RFC 4616, RFC 5802, RFC 7677,
//! SCRAM-SHA-512 (RFC 5802 with SHA-512), the choice of mechanism and the failure conditions of RFC
//! 6120 6.3 to 6.5 and 13.8, channel bindings by name (RFC 5929, RFC 9266) and their announcement
//! (XEP-0440), the proof of the offer in SCRAM (XEP-0474), upgrades of SCRAM (XEP-0480), pins
//! (XEP-0438), and HT for tokens of FAST (draft-schmaus-kitten-sasl-ht-09, XEP-0484).
//!
//! Not part of this module are XML, the base64 of each message and the difference between `=` and
//! absence (the stream layer passes `Some(empty)` or `None`), the form of an authorization
//! identity, retries, and the source of channel bindings. Nonces are arguments.
//!
//! Whatever the peer sends is bounded: no message longer than [`MAX_MESSAGE`] is read, and names,
//! nonces, salts and iteration counts have limits of their own. Key derivation is done in slices,
//! one per `work` call. A new mechanism gets a file of its own, an entry in [`MechanismName`], and
//! rows in [`select`](select()) and [`Advertisement`].
//!
//! # Tokens, upgrades and pins
//!
//! Mechanisms of FAST are a type of their own, [`FastMechanism`], because they are listed in
//! `<fast/>` and used with a [`FastToken`] only. A client asks for a token by [`select_fast`] while it
//! logs in by its password, and later logs in by [`check_token`] and [`HtClient`]. A server offers
//! them by [`Advertisement::fast`], starts them by [`Advertisement::accept_fast`], and rotates
//! [`StoredTokens`].
//!
//! After a login by password, [`UpgradeClient`] and [`UpgradeAcceptor`] make keys for a stronger hash.
//! A [`LoginPin`] remembers how strong a login was, and [`select_pinned`] refuses a weaker one.
//!
//! # What to store
//!
//! * A server stores [`ScramKeys`] for each hash, [`StoredTokens`] for each client, and the secret of
//!   its [`Decoy`]; never a password. Tokens are stored as they are, because HT is keyed with them.
//! * A client stores [`ClientKeys`] in place of the password where SCRAM is all that it uses, its
//!   [`FastToken`], and its [`LoginPin`].
//!
//! `docs/credentials.md` in the repository says what a thief could do with each, and when it changes
//! (XEP-0438).
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
//!         AcceptorStep::Success { identity, data, .. } => break (identity, data),
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
mod advertisement;
mod anonymous;
mod binding;
mod condition;
mod error;
mod external;
mod fast;
mod hash;
mod ht;
mod keys;
mod mechanism;
mod name;
mod offer;
mod one_message;
mod password;
mod pin;
mod plain;
mod policy;
mod profile;
mod scram;
mod secret;
mod select;
mod select_fast;
#[cfg(test)]
mod tests;
mod token;
mod upgrade;

pub use acceptor::{Acceptor, AcceptorStep, CredentialAnswer, CredentialQuery, Identity};
pub use advertisement::{Advertisement, Channel};
pub use anonymous::{AnonymousAcceptor, AnonymousClient};
pub use binding::{ChannelBindingData, ChannelBindingKind};
pub use condition::SaslCondition;
pub use error::{SaslError, ScramError};
pub use external::{ExternalAcceptor, ExternalClient};
pub use fast::{FastMechanism, FastSet};
pub use hash::{Hash, SLICE};
pub use ht::{HtAcceptor, HtClient};
pub use keys::{ClientKeys, Decoy, KeysError, MAX_SALT, ScramKeys};
pub use mechanism::{LoginResult, MAX_MESSAGE, Mechanism, MechanismStep, ServerProof};
pub use name::{MechanismName, MechanismSet};
pub use offer::{DowngradeProtection, OfferProof, OfferRecord};
pub use password::{
    Authzid, MAX_AUTHZID, MAX_PASSWORD, MAX_USERNAME, Password, PrepareError, Username,
};
pub use pin::{LoginPin, PinBreach, PinFormatError, PinnedError, select_pinned};
pub use plain::{PlainAcceptor, PlainClient};
pub use policy::{BindingUse, MechanismPolicy};
pub use profile::SaslProfile;
pub use scram::{
    AcceptorBinding, ClientBinding, IterationBounds, ScramAcceptor, ScramClient, ScramCredentials,
};
pub use secret::Secret;
pub use select::{
    BindingFlag, Capabilities, Choice, Downgrade, MechanismOffer, SelectError, select,
};
pub use select_fast::{TokenUnusable, check_token, select_fast};
pub use token::{
    FastToken, MAX_TOKEN, MAX_TOKEN_EXPIRY, StoredToken, StoredTokens, TokenError, TokenSlot,
};
pub use upgrade::{UpgradeAcceptor, UpgradeClient, select_upgrade};
