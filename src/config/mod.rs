//! What a connection is made from.
//!
//! Configs are shared (`Arc`) between connections. Their builders use
//! typestate: where the protection of the stream comes from has to be said
//! before anything secret can be given, so that "a password, transport
//! security unspecified" does not compile:
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
//! use xmpp_stream::{config::InitiatorConfig, jid::Jid, sasl::{Password, Username}, tls::ClientTls};
//! # fn config(tls: ClientTls) -> Result<(), Box<dyn std::error::Error>> {
//! let jid = Jid::parse("juliet@im.example.com")?;
//! let config = InitiatorConfig::client(&jid)
//!     .starttls(tls)
//!     .password(Username::ascii("juliet")?, Password::ascii("r0m30")?)
//!     .build()?;
//! # Ok(()) }
//! ```
//!
//! Whatever weakens a stream is spelled `dangerous_*`.
//!
//! Streams between servers and of components have builders of their own, in
//! the same manner:
//!
//! ```
//! use xmpp_stream::{config::InitiatorConfig, dialback::DialbackSecret, jid::Jid};
//! use xmpp_stream::tls::{ClientTls, identity::Trust};
//! # fn config(tls: ClientTls, trust: Trust, secret: DialbackSecret) -> Result<(), Box<dyn std::error::Error>> {
//! let own = Jid::parse("montague.example")?;
//! let peer = Jid::parse("capulet.example")?;
//! let config = InitiatorConfig::server(&own, &peer)
//!     .starttls(tls) // of `ClientTls::deferred`, with our certificate
//!     .external(trust)
//!     .dialback(secret)
//!     .build()?;
//! # Ok(()) }
//! ```
//!
//! Each side picks what may prove a domain: its certificate (SASL EXTERNAL),
//! dialback, or both, of which EXTERNAL is tried first.

mod credentials;
mod initiator;
mod responder;
mod servers;

pub use credentials::Credentials;
pub use initiator::{
    HasSecurity, InitiatorBuilder, InitiatorConfig, InitiatorSecurity, WantsSecurity,
};
pub use responder::{
    HostBuilder, HostConfig, ResponderBuilder, ResponderConfig, ResponderSecurity,
};
pub use servers::{Client, Component, Server};
pub(crate) use servers::{KeySource, Proof};

/// Why a config cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The domain cannot be the name of a TLS server.
    #[error("the domain is no TLS server name")]
    ServerName,
    /// There is nothing to prove oneself with: a client's credentials, a
    /// server's certificate or dialback, a component's secret; or no
    /// randomness.
    #[error("no credentials")]
    NoCredentials,
    /// The entity to act as is no bare JID (RFC 6120 6.3.8).
    #[error("the authorization identity is no bare JID")]
    Authzid,
    /// No SASL mechanism is left to offer.
    #[error("no SASL mechanism")]
    NoMechanism,
}
