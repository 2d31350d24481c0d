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
pub(crate) use host::ScramUpgrades;
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
