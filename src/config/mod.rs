//! Configuration: what a connection is made from.
//!
//! A config is built once, checked when it is built, and shared (`Arc`) between connections. The
//! types are [`InitiatorConfig`] for the side that connects, [`ResponderConfig`] for the side that
//! accepts, and [`HostConfig`] for one domain that a responder serves. Each exists for streams
//! between a [`Client`] and its server, between [`Server`]s (RFC 6120, XEP-0178, XEP-0220), and
//! between a [`Component`] and its server (XEP-0114).
//!
//! The builders use typestate: where the protection of the stream comes from has to be said before
//! anything secret can be given, so that "a password, transport security unspecified" does not
//! compile:
//!
//! ```compile_fail,E0599
//! use xmpp_stream::{config::InitiatorConfig, jid::Jid, sasl::{Password, Username}};
//! let jid = Jid::parse("juliet@im.example.com").unwrap();
//! let config = InitiatorConfig::client(&jid)
//!     .password(Username::ascii("juliet").unwrap(), Password::ascii("r0m30").unwrap())
//!     .build();
//! ```
//!
//! ```
//! use xmpp_stream::config::InitiatorConfig;
//! use xmpp_stream::{jid::Jid, sasl::{Password, Username}, tls::ClientTls};
//! # fn config(tls: ClientTls) -> Result<(), Box<dyn std::error::Error>> {
//! let jid = Jid::parse("juliet@im.example.com")?;
//! let config = InitiatorConfig::client(&jid)
//!     .starttls(tls)
//!     .password(Username::ascii("juliet")?, Password::ascii("r0m30")?)
//!     .build()?;
//! # Ok(()) }
//! ```
//!
//! Streams between servers and of components are configured in the same manner:
//!
//! ```
//! use xmpp_stream::{config::InitiatorConfig, dialback::DialbackSecret, jid::Jid};
//! use xmpp_stream::tls::{ClientTls, identity::Trust};
//! # fn config(tls: ClientTls, trust: Trust, secret: DialbackSecret)
//! #     -> Result<(), Box<dyn std::error::Error>> {
//! let local = Jid::parse("montague.example")?;
//! let peer = Jid::parse("capulet.example")?;
//! let config = InitiatorConfig::server(&local, &peer)
//!     .starttls(tls) // made by `ClientTls::deferred`, with a client certificate
//!     .external(trust)
//!     .dialback(secret)
//!     .build()?;
//! # Ok(()) }
//! ```
//!
//! # Later logins
//!
//! A client can store three things of a login for the next one: a token in the place of the password
//! (FAST, XEP-0484), a pin that no later login falls below (XEP-0438), and the features of the server,
//! by which the next login is sent right after the TLS handshake.
//!
//! ```
//! use std::sync::Arc;
//! use xmpp_stream::config::*;
//! use xmpp_stream::sasl::{FastToken, LoginPin, Password, Username};
//! use xmpp_stream::stream::sasl2::UserAgent;
//! use xmpp_stream::{EventBuf, Initiator, jid::Jid, tls::ClientTls};
//!
//! /// What the application has on its disk, for one account: with the care that a password needs.
//! #[derive(Default)]
//! struct Stored {
//!     token: Option<Vec<u8>>,
//!     pin: Option<String>,
//!     features: Option<String>,
//! }
//!
//! fn config(
//!     tls: ClientTls,
//!     stored: &Stored,
//! ) -> Result<Arc<InitiatorConfig>, Box<dyn std::error::Error>> {
//!     // Made once, when the application is installed.
//!     let agent = UserAgent::new(Some("d4565fa7-4d72-4749-b3d3-740edbf87770"), None, None)?;
//!     let pipelining = match &stored.features {
//!         Some(features) => Pipelining::Known(KnownFeatures::parse(features)?),
//!         None => Pipelining::Learn,
//!     };
//!     let mut sasl2 = Sasl2Options::new()
//!         .user_agent(agent)
//!         .request_token()
//!         .pipelining(pipelining);
//!     if let Some(token) = &stored.token {
//!         let token = FastToken::from_bytes(token)?;
//!         sasl2 = sasl2.token(token, TokenFallback::Credentials);
//!     }
//!     let mut builder = InitiatorConfig::client(&Jid::parse("juliet@im.example.com/balcony")?)
//!         .direct_tls(tls)
//!         .password(Username::ascii("juliet")?, Password::ascii("r0m30")?)
//!         .sasl2(sasl2);
//!     if let Some(pin) = &stored.pin {
//!         builder = builder.pin(pin.parse::<LoginPin>()?);
//!     }
//!     Ok(builder.build()?)
//! }
//!
//! /// Called for every event.
//! fn store(machine: &mut Initiator, event: &EventBuf, stored: &mut Stored) {
//!     let EventBuf::Authenticated { .. } = event else {
//!         return;
//!     };
//!     if let Some(token) = machine.take_token() {
//!         stored.token = Some(token.to_bytes().as_bytes().to_vec());
//!     }
//!     if let Some(pin) = machine.login_pin() {
//!         stored.pin = Some(pin.to_string());
//!     }
//!     stored.features = machine.known_features().map(|known| known.as_str().into());
//! }
//! ```
//!
//! A server offers tokens, keeps them for each client of each account, and follows their rotation:
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//! use xmpp_stream::config::{ConfigError, HostConfig};
//! use xmpp_stream::sasl::{Decoy, FastSet, StoredTokens};
//! use xmpp_stream::{Decision, Responder};
//!
//! fn host(decoy: Decoy) -> Result<Arc<HostConfig>, ConfigError> {
//!     HostConfig::builder("im.example.com", decoy)
//!         .fast(FastSet::all())
//!         .build()
//! }
//!
//! /// The tokens by account and client.
//! type Store = HashMap<(String, String), StoredTokens>;
//!
//! /// Called at `Event::Decision`.
//! fn decide(machine: &mut Responder, store: &mut Store, expiry: &str) {
//!     match machine.decision() {
//!         Some(Decision::Token(decision)) => {
//!             let account = decision.username().to_string();
//!             let client = decision.client().unwrap_or_default().to_string();
//!             let tokens = store.get(&(account.clone(), client)).cloned();
//!             decision.tokens(account, tokens.unwrap_or_default());
//!         }
//!         Some(Decision::IssueToken(decision)) => {
//!             let request = decision.request();
//!             let key = (request.identity.authcid.clone(), request.client.clone());
//!             let mut tokens = store.remove(&key).unwrap_or_default();
//!             tokens = match (request.used, request.invalidate) {
//!                 (Some(_), true) => StoredTokens::none(),
//!                 (Some(slot), false) => tokens.after_use(slot),
//!                 (None, _) => tokens,
//!             };
//!             if request.requested {
//!                 match decision.issue(expiry) {
//!                     Ok(token) => tokens = tokens.after_issue(token),
//!                     Err(error) => eprintln!("{error}"),
//!                 }
//!             } else {
//!                 decision.keep();
//!             }
//!             store.insert(key, tokens);
//!         }
//!         _ => {} // passwords, resources
//!     }
//! }
//! ```
//!
//! # Rules
//!
//! Three rules hold for every setting:
//! * A value that cannot be used is refused with an error, by the value's type or by `build`, and
//!   never replaced or ignored.
//! * The order in which settings are given means nothing.
//! * Whatever weakens a stream is spelled `dangerous_*`.
//!
//! What may be changed here: a new setting gets a method on its builder, a field of its config,
//! and, if it can be wrong, a variant of [`ConfigError`] that `build` returns.

mod credentials;
mod host;
mod initiator;
mod proof;
mod responder;
mod sasl2;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub(crate) use host::{HeaderFrom, ProofOfOffer, ScramUpgrades};
pub use host::{HostBuilder, HostConfig};
pub use initiator::{InitiatorBuilder, InitiatorConfig, InitiatorSecurity};
pub(crate) use proof::{KeySource, Proof, UnverifiedServer};
pub use responder::{ResponderBuilder, ResponderConfig, ResponderSecurity};
pub(crate) use sasl2::{AfterUse, TokenRequest, TokenUse, Upgrades};
pub use sasl2::{
    KnownFeatures, KnownFeaturesError, Pipelining, Sasl2Options, Sasl2OptionsError, TokenFallback,
};

/// Marks a builder for streams between a client and its server.
#[derive(Clone, Copy, Debug)]
pub enum Client {}

/// Marks a builder for streams between servers.
#[derive(Clone, Copy, Debug)]
pub enum Server {}

/// Marks a builder for streams between an external component and its server (XEP-0114).
#[derive(Clone, Copy, Debug)]
pub enum Component {}

/// Marks a builder that still has to be told where the protection of the stream comes from.
#[derive(Clone, Copy, Debug)]
pub enum WantsSecurity {}

/// Marks a builder that has been told where the protection of the stream comes from.
#[derive(Clone, Copy, Debug)]
pub enum HasSecurity {}

/// Says why a config cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text given as a host's domain is not the domainpart of an address (RFC 7622 3.2).
    #[error("the host's domain is not a domain")]
    Domain,
    /// The domain, or the name given in its place, cannot be the name of a TLS server.
    #[error("the domain cannot be the name of a TLS server")]
    ServerName,
    /// The language is not a language tag (RFC 6120 4.7.4, RFC 5646 2.1).
    #[error("the language is not a language tag")]
    Lang,
    /// Nothing was given to authenticate with: a client needs credentials, a server a certificate
    /// or dialback, a component its secret.
    #[error("no credentials")]
    NoCredentials,
    /// The authorization identity is not a bare JID (RFC 6120 6.3.8).
    #[error("the authorization identity is not a bare JID")]
    Authzid,
    /// No way to authenticate is left. For an initiating entity, its credentials fit no mechanism
    /// that the SASL policy and the protection of the stream allow. For a host, it offers no
    /// mechanism. For a responder with a single host, none of that host's mechanisms can be offered
    /// under the protection of the stream, and dialback is not accepted either.
    #[error("no SASL mechanism can be used")]
    NoMechanism,
    /// The responder offers STARTTLS, and its single host has no TLS config
    /// ([`HostBuilder::tls`]).
    #[error("STARTTLS is offered for a host without a TLS config")]
    HostWithoutTls,
    /// The upgrades of SCRAM name no hash, or SHA-1, which nothing is upgraded to; or fewer than 4096
    /// iterations (XEP-0480 3).
    #[error("no upgrade of SCRAM, or too few iterations")]
    NoUpgrade,
    /// The single host was made for streams of another kind, for instance for a component and not
    /// for clients.
    #[error("the host is for streams of another kind")]
    HostKind,
}
