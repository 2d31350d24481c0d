//! TLS setup per role: the user's rustls config and what this crate adds.
//!
//! The user chooses the crypto provider, roots, certificates, client authentication and versions by
//! building a rustls config. This crate never changes the user's object. It works on clones (a few
//! hundred bytes, the rest is shared), in which it
//!
//! * switches early data off, in both roles, and half-RTT data on a server, because what arrives
//!   before the handshake is complete can be replayed;
//! * issues no tickets as a server unless asked to, and marks those that it issues, so that a stream
//!   reset takes them back (RFC 6120 4.9.3.16, [`ResumableSessions`]);
//! * notes the exporter secret, the certificate sent and SNI;
//! * allows secret extraction, because records that come after our close_notify are opened without
//!   rustls. The secrets stay in the [`TlsSession`](super::TlsSession).
//!
//! Change here what a user can set and what is changed in a clone. The hooks are in
//! [`config_hooks`](super::config_hooks).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use rustls::pki_types::UnixTime;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ConfigBuilder, Error, ServerConfig, WantsVerifier};

use super::config_hooks::{CertResolverHook, KeyLogHook, NoTickets};
use super::identity::AnyChain;
use super::resumable::{ResumableSessions, SessionMark, StorageHook, TicketerHook};
use super::server_end_point::EndPointCache;
use crate::random::Random;

/// Where [`Verified`](super::Verified) comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// From the verifier of the rustls config: a handshake that finished has verified the peer, if
    /// the peer presented a certificate. For client-to-server streams.
    #[default]
    Config,
    /// From [`TlsSession::verify_peer`](super::TlsSession::verify_peer) after the handshake: the config
    /// lets any certificate through, as server-to-server streams need where dialback may follow
    /// (RFC 6120 13.7.2, XEP-0220). The handshake alone proves only
    /// [`Encrypted`](super::Encrypted).
    Deferred,
}

/// Which verifier a rustls config has.
#[derive(Clone, Copy, Debug)]
enum Verifier {
    /// The user's, with what the user says about it.
    Given(Verification),
    /// [`AnyChain`], which proves nothing about the peer.
    AnyChain,
}

impl Verifier {
    /// Takes what the user says about the verifier. It counts only if the verifier is the user's.
    fn declared(self, verification: Verification) -> Self {
        match self {
            Self::Given(_) => Self::Given(verification),
            Self::AnyChain => Self::AnyChain,
        }
    }

    fn verification(self) -> Verification {
        match self {
            Self::Given(verification) => verification,
            Self::AnyChain => Verification::Deferred,
        }
    }
}

/// Whether a client may resume an earlier TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// It may, as the rustls config says (RFC 6120 3.3 recommends it).
    Allowed,
    /// It must make a full handshake, and nothing of it is kept for another one: after a stream
    /// reset (RFC 6120 4.9.3.16).
    Forbidden,
}

/// Bounds on what a peer can make a session hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsLimits {
    /// Bytes of records whose handshake message is not whole yet, default 32 KiB. One record more
    /// may be held. A certificate chain has to fit.
    pub handshake_bytes: usize,
}

impl Default for TlsLimits {
    fn default() -> Self {
        Self {
            handshake_bytes: 32 * 1024,
        }
    }
}

/// Why a session could not be set up: a mistake in the config, or no randomness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The crypto provider gave no random bytes.
    #[error("the crypto provider gave no random bytes")]
    NoRandomness,
    /// An application protocol name is empty or longer than 255 bytes (RFC 7301 3.1).
    #[error("an application protocol name is empty or too long")]
    Alpn,
    /// TLS is needed, and the connection's config has none.
    #[error("there is no TLS config")]
    NotConfigured,
    /// The TLS library refused the config.
    #[error("the TLS config was refused: {detail}")]
    Config {
        /// The library's reason.
        detail: String,
    },
}

impl SetupError {
    pub(super) fn from_rustls(error: &Error) -> Self {
        match error {
            Error::FailedToGetRandomBytes => Self::NoRandomness,
            other => Self::Config {
                detail: format!("{other:?}"),
            },
        }
    }
}

/// TLS as a client: for XMPP clients, and for servers that open a connection to another server.
/// Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    verifier: Verifier,
    require_renegotiation_info: bool,
}

impl ClientTls {
    /// Creates a setup that works with clones of `config`.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>) -> Self {
        let mut config = Arc::unwrap_or_clone(config);
        config.enable_early_data = false;
        config.enable_secret_extraction = true;
        Self {
            config: Arc::new(config),
            verifier: Verifier::Given(Verification::Config),
            require_renegotiation_info: true,
        }
    }

    /// Creates a setup that works with clones of `config` in which any server certificate passes
    /// the handshake, which checks only that the server has its key: [`Verification::Deferred`].
    /// For a server that opens a stream to another one. The verifier of `config` is not used.
    #[must_use]
    pub fn deferred(config: Arc<ClientConfig>) -> Self {
        let mut config = Arc::unwrap_or_clone(config);
        let verifier = Arc::new(AnyChain::new(config.crypto_provider()));
        config.dangerous().set_certificate_verifier(verifier);
        Self {
            verifier: Verifier::AnyChain,
            ..Self::new(Arc::new(config))
        }
    }

    /// Sets where [`Verified`](super::Verified) comes from; default [`Verification::Config`]. After
    /// [`deferred`](Self::deferred) it cannot be changed.
    #[must_use]
    pub fn verification(mut self, verification: Verification) -> Self {
        self.verifier = self.verifier.declared(verification);
        self
    }

    /// Sets whether a TLS 1.2 server must acknowledge `renegotiation_info` (RFC 9325 3.5); default
    /// true. Without it the connection is open to CVE-2009-3555 on the server's side, whatever this
    /// side does.
    #[must_use]
    pub fn require_renegotiation_info(mut self, require: bool) -> Self {
        self.require_renegotiation_info = require;
        self
    }

    /// Uses `store` for TLS sessions from now on, in place of the config's. A stream reset voids
    /// all earlier sessions for good (RFC 6120 4.9.3.16), not only for the connection that follows
    /// it: give a fresh store then, or `rustls::client::Resumption::disabled()`.
    #[must_use]
    pub fn session_store(mut self, store: rustls::client::Resumption) -> Self {
        let mut config = Arc::unwrap_or_clone(self.config);
        config.resumption = store;
        self.config = Arc::new(config);
        self
    }

    /// Returns the randomness of the config's crypto provider.
    #[must_use]
    pub fn random(&self) -> Arc<dyn Random> {
        Arc::new(self.config.crypto_provider().secure_random)
    }

    /// Returns the wall-clock time of the config's time provider, or `None` if it has none.
    #[must_use]
    pub fn unix_time(&self) -> Option<UnixTime> {
        self.config.time_provider.current_time()
    }

    /// Returns the certificate that the config's resolver has for a server that names no authorities.
    ///
    /// rustls does not tell which certificate it sent. The resolver cannot be wrapped either, because
    /// rustls resumes a session only if the resolver is the same object.
    pub(super) fn certificate(&self) -> Option<Arc<CertifiedKey>> {
        let resolver = &self.config.client_auth_cert_resolver;
        let algorithms = self
            .config
            .crypto_provider()
            .signature_verification_algorithms;
        match resolver.has_certs() {
            true => resolver.resolve(&[], &algorithms.supported_schemes()),
            false => None,
        }
    }

    pub(super) fn must_acknowledge(&self) -> bool {
        self.require_renegotiation_info
    }

    pub(super) fn verified_by(&self) -> Verification {
        self.verifier.verification()
    }

    /// Makes the config of one connection, with its hooks.
    pub(super) fn for_connection(
        &self,
        alpn: &[&[u8]],
        resumption: Resumption,
    ) -> Result<(ClientConfig, Arc<KeyLogHook>), SetupError> {
        let mut config = ClientConfig::clone(&self.config);
        let exporter = KeyLogHook::new(config.key_log);
        config.key_log = exporter.clone();
        if !alpn.is_empty() {
            config.alpn_protocols = protocols(alpn)?;
        }
        if resumption == Resumption::Forbidden {
            config.resumption = rustls::client::Resumption::disabled();
        }
        Ok((config, exporter))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("verification", &self.verified_by())
            .field(
                "require_renegotiation_info",
                &self.require_renegotiation_info,
            )
            .finish_non_exhaustive()
    }
}

/// TLS as a server: for XMPP servers towards clients and other servers. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls {
    given: Arc<ServerConfig>,
    config: Arc<ServerConfig>,
    verifier: Verifier,
    end_points: Arc<EndPointCache>,
    /// The sessions that can be resumed; `None` if none can.
    sessions: Option<ResumableSessions>,
}

impl ServerTls {
    /// Creates a setup that works with clones of `config`.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config: derive(&config, None),
            given: config,
            verifier: Verifier::Given(Verification::Config),
            end_points: Arc::default(),
            sessions: None,
        }
    }

    /// Finishes `builder` so that clients are asked for a certificate, need not present one, and
    /// any one passes the handshake, which checks only that the client has its key:
    /// [`Verification::Deferred`]. For streams from other servers.
    ///
    /// ```
    /// use rustls::{ServerConfig, crypto::CryptoProvider, sign::{CertifiedKey, SingleCertAndKey}};
    /// use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    /// use std::sync::Arc;
    /// use xmpp_stream::tls::ServerTls;
    ///
    /// fn s2s(
    ///     provider: Arc<CryptoProvider>,
    ///     chain: Vec<CertificateDer<'static>>,
    ///     key: PrivateKeyDer<'static>,
    /// ) -> Result<ServerTls, rustls::Error> {
    ///     let key = CertifiedKey::from_der(chain, key, &provider)?;
    ///     let builder = ServerConfig::builder_with_provider(provider)
    ///         .with_safe_default_protocol_versions()?;
    ///     Ok(ServerTls::deferred(builder, Arc::new(SingleCertAndKey::from(key))))
    /// }
    /// ```
    #[must_use]
    pub fn deferred(
        builder: ConfigBuilder<ServerConfig, WantsVerifier>,
        certificates: Arc<dyn ResolvesServerCert>,
    ) -> Self {
        let verifier = Arc::new(AnyChain::new(builder.crypto_provider()));
        let config = builder
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(certificates);
        Self {
            verifier: Verifier::AnyChain,
            ..Self::new(Arc::new(config))
        }
    }

    /// Sets where [`Verified`](super::Verified) comes from if the client presents a certificate;
    /// default [`Verification::Config`]. After [`deferred`](Self::deferred) it cannot be changed.
    #[must_use]
    pub fn verification(mut self, verification: Verification) -> Self {
        self.verifier = self.verifier.declared(verification);
        self
    }

    /// Returns the wall-clock time of the config's time provider, or `None` if it has none.
    #[must_use]
    pub fn unix_time(&self) -> Option<UnixTime> {
        self.config.time_provider.current_time()
    }

    /// Sets whether clients may resume sessions, by the config's tickets and session storage;
    /// default false: none are issued and none accepted.
    ///
    /// No session of a stream that was reset is resumed, whoever sent the `<reset/>` (RFC 6120
    /// 4.9.3.16). Sessions that were begun under another `ServerTls`, or in another process, are not
    /// resumed either, also if they share ticketer or storage: [`resumable`](Self::resumable) has them
    /// shared. If the crypto provider has no randomness now, no tickets are issued.
    #[must_use]
    pub fn tickets(self, tickets: bool) -> Self {
        let random = self.config.crypto_provider().secure_random;
        let newest = ResumableSessions::DEFAULT_NEWEST;
        let sessions = tickets.then(|| ResumableSessions::new(random, newest).ok());
        self.with_sessions(sessions.flatten())
    }

    /// Lets clients resume sessions, as [`tickets`](Self::tickets) does, and shares with every other
    /// config that has the same `sessions` which ones.
    ///
    /// A resumed session has its client certificate without a new check, so configs of different
    /// verifiers must not share sessions together with a ticketer or storage.
    #[must_use]
    pub fn resumable(self, sessions: &ResumableSessions) -> Self {
        self.with_sessions(Some(sessions.clone()))
    }

    fn with_sessions(mut self, sessions: Option<ResumableSessions>) -> Self {
        self.config = derive(&self.given, sessions.as_ref());
        self.sessions = sessions;
        self
    }

    pub(super) fn verified_by(&self) -> Verification {
        self.verifier.verification()
    }

    /// Returns the hashes of the certificates sent so far.
    pub(super) fn end_points(&self) -> Arc<EndPointCache> {
        self.end_points.clone()
    }

    /// Makes the config of one connection, with its hooks.
    pub(super) fn for_connection(
        &self,
        alpn: &[&[u8]],
    ) -> Result<(ServerConfig, ServerHooks), SetupError> {
        let mut config = ServerConfig::clone(&self.config);
        let session = self.sessions.as_ref().map(ResumableSessions::session);
        if let Some(session) = &session {
            config.ticketer = Arc::new(TicketerHook {
                inner: config.ticketer,
                session: session.clone(),
            });
            config.session_storage = Arc::new(StorageHook {
                inner: config.session_storage,
                session: session.clone(),
            });
        }
        let exporter = KeyLogHook::new(config.key_log);
        config.key_log = exporter.clone();
        let resolver = CertResolverHook::new(config.cert_resolver);
        config.cert_resolver = resolver.clone();
        if !alpn.is_empty() {
            config.alpn_protocols = protocols(alpn)?;
        }
        let hooks = ServerHooks {
            exporter,
            resolver,
            session,
        };
        Ok((config, hooks))
    }
}

/// The hooks in the config of one connection of a server.
pub(super) struct ServerHooks {
    pub(super) exporter: Arc<KeyLogHook>,
    pub(super) resolver: Arc<CertResolverHook>,
    /// The session, if it can be resumed.
    pub(super) session: Option<Arc<SessionMark>>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls")
            .field("verification", &self.verified_by())
            .finish_non_exhaustive()
    }
}

fn derive(given: &ServerConfig, sessions: Option<&ResumableSessions>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::clone(given);
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    config.enable_secret_extraction = true;
    if sessions.is_none() {
        config.send_tls13_tickets = 0;
        config.max_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::new(NoTickets);
    }
    Arc::new(config)
}

fn protocols(alpn: &[&[u8]]) -> Result<Vec<Vec<u8>>, SetupError> {
    if alpn.iter().any(|name| !(1..=255).contains(&name.len())) {
        return Err(SetupError::Alpn);
    }
    Ok(alpn.iter().map(|name| name.to_vec()).collect())
}
