//! Configuration of an initiating entity.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use rustls::client::Resumption as SessionStore;
use rustls::crypto::SecureRandom;
use rustls::pki_types::ServerName;

use super::ConfigError;
use super::credentials::Credentials;
use super::servers::{Client, Proof};
use crate::jid::Jid;
use crate::limits::Limits;
use crate::reset::{Connect, TicketEpoch, TlsResumption, UsagePolicy};
use crate::sasl::{self, Password, Username};
use crate::stream::{ConflictPolicy, Kind, StreamPolicy, Security, lang::is_language_tag};
use crate::tls::{ClientTls, Resumption};

/// What an [`Initiator`](crate::Initiator) is made from.
#[derive(Clone)]
pub struct InitiatorConfig {
    pub(crate) kind: Kind,
    /// Who we are: a user, a domain, a component.
    pub(crate) account: Jid,
    /// Whom the stream is opened to.
    pub(crate) peer: String,
    pub(crate) security: InitiatorSecurity,
    pub(crate) server_name: Option<ServerName<'static>>,
    pub(crate) resumption: Resumption,
    pub(crate) epoch: TicketEpoch,
    pub(crate) fresh_store: fn() -> SessionStore,
    pub(crate) proof: Proof,
    pub(crate) sasl: sasl::MechanismPolicy,
    pub(crate) iterations: sasl::IterationBounds,
    pub(crate) conflict: ConflictPolicy,
    pub(crate) lang: String,
    pub(crate) limits: Limits,
    pub(crate) usage: UsagePolicy,
    pub(crate) random: &'static dyn SecureRandom,
}

/// Where the protection of the stream comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InitiatorSecurity {
    /// STARTTLS, mandatory (RFC 6120 5).
    StartTls(ClientTls),
    /// TLS from the first byte (XEP-0368).
    DirectTls(ClientTls),
    /// None.
    DangerousPlaintext,
}

/// Typestate: the protection of the stream is undecided.
#[derive(Clone, Copy, Debug)]
pub enum WantsSecurity {}

/// Typestate: the protection of the stream is chosen.
#[derive(Clone, Copy, Debug)]
pub enum HasSecurity {}

/// Builds an [`InitiatorConfig`]; see the [module](super). `For` says what
/// initiates: a [`Client`], a [`Server`](super::Server) or a
/// [`Component`](super::Component).
#[derive(Clone)]
#[must_use]
pub struct InitiatorBuilder<State, For = Client> {
    kind: Kind,
    pub(super) account: Jid,
    peer: String,
    /// The name in the peer's certificate.
    pub(super) server_name: String,
    security: InitiatorSecurity,
    fresh_store: fn() -> SessionStore,
    pub(super) proof: Option<Proof>,
    sasl: sasl::MechanismPolicy,
    iterations: sasl::IterationBounds,
    conflict: ConflictPolicy,
    lang: String,
    limits: Limits,
    usage: Option<UsagePolicy>,
    random: Option<&'static dyn SecureRandom>,
    state: PhantomData<(State, For)>,
}

impl InitiatorConfig {
    /// A client of the account `jid`: its domain is whom to talk to and whose
    /// certificate is expected, its resource, if any, is asked for.
    pub fn client(jid: &Jid) -> InitiatorBuilder<WantsSecurity> {
        InitiatorBuilder::new(Kind::ClientToServer, jid.clone(), jid.domain())
    }

    /// The config for the connection that a [`Planner`](crate::reset::Planner)
    /// ordered. After a reset nothing of the TLS sessions before it is left: a
    /// fresh store takes their place, for this connection and all later ones
    /// (RFC 6120 4.9.3.16). Derive each config from the one before.
    #[must_use]
    pub fn for_reconnect(&self, plan: &Connect) -> Arc<Self> {
        let mut next = self.clone();
        next.resumption = match plan.resumption {
            TlsResumption::Allowed => Resumption::Allowed,
            TlsResumption::Forbidden => Resumption::Forbidden,
        };
        if plan.epoch != self.epoch {
            next.epoch = plan.epoch;
            let store = (self.fresh_store)();
            next.security = match next.security {
                InitiatorSecurity::StartTls(tls) => {
                    InitiatorSecurity::StartTls(tls.session_store(store))
                }
                InitiatorSecurity::DirectTls(tls) => {
                    InitiatorSecurity::DirectTls(tls.session_store(store))
                }
                InitiatorSecurity::DangerousPlaintext => InitiatorSecurity::DangerousPlaintext,
            };
        }
        Arc::new(next)
    }

    /// The JID it was made for.
    #[must_use]
    pub fn account(&self) -> &Jid {
        &self.account
    }

    pub(crate) fn policy(&self) -> StreamPolicy {
        StreamPolicy {
            kind: self.kind,
            security: match self.security {
                InitiatorSecurity::StartTls(_) => Security::StartTls,
                InitiatorSecurity::DirectTls(_) => Security::DirectTls,
                InitiatorSecurity::DangerousPlaintext => Security::Plaintext,
            },
            sasl_attempts: self.limits.sasl_attempts(),
            conflict: self.conflict,
            dialback: self.proof.dialback(),
        }
    }

    /// What SASL uses.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        match &self.proof {
            Proof::Client(credentials) => Some(credentials),
            Proof::Server(server) => server.external.as_ref().map(|(_, login)| login),
            Proof::Component(_) => None,
        }
    }
}

impl<For> InitiatorBuilder<WantsSecurity, For> {
    pub(super) fn new(kind: Kind, account: Jid, peer: &str) -> Self {
        Self {
            kind,
            account,
            peer: peer.to_string(),
            server_name: peer.to_string(),
            security: InitiatorSecurity::DangerousPlaintext,
            fresh_store: SessionStore::disabled,
            proof: None,
            sasl: sasl::MechanismPolicy::new(),
            iterations: sasl::IterationBounds::default(),
            conflict: ConflictPolicy::default(),
            lang: "en".to_string(),
            limits: match kind {
                Kind::ClientToServer => Limits::client(),
                Kind::ServerToServer | Kind::Component => Limits::server_to_server(),
            },
            usage: None,
            random: None,
            state: PhantomData,
        }
    }

    /// TLS from the first byte, with ALPN `xmpp-client` or `xmpp-server`
    /// (XEP-0368); a component's has none.
    pub fn direct_tls(self, tls: ClientTls) -> InitiatorBuilder<HasSecurity, For> {
        self.secured(InitiatorSecurity::DirectTls(tls))
    }

    /// No TLS. Everything can be read and changed on the way. Of a client's
    /// mechanisms SCRAM and ANONYMOUS are used at all; a server can use
    /// dialback, a component has its handshake. `random` is where nonces come
    /// from.
    pub fn dangerous_plaintext(
        mut self,
        random: &'static dyn SecureRandom,
    ) -> InitiatorBuilder<HasSecurity, For> {
        self.random = Some(random);
        self.sasl = self.sasl.dangerous_scram_to_unverified();
        self.secured(InitiatorSecurity::DangerousPlaintext)
    }

    pub(super) fn secured(self, security: InitiatorSecurity) -> InitiatorBuilder<HasSecurity, For> {
        InitiatorBuilder {
            kind: self.kind,
            account: self.account,
            peer: self.peer,
            server_name: self.server_name,
            security,
            fresh_store: self.fresh_store,
            proof: self.proof,
            sasl: self.sasl,
            iterations: self.iterations,
            conflict: self.conflict,
            lang: self.lang,
            limits: self.limits,
            usage: self.usage,
            random: self.random,
            state: PhantomData,
        }
    }
}

impl InitiatorBuilder<WantsSecurity, Client> {
    /// TLS by STARTTLS, without which nothing but the header is said.
    pub fn starttls(self, tls: ClientTls) -> InitiatorBuilder<HasSecurity, Client> {
        self.secured(InitiatorSecurity::StartTls(tls))
    }
}

impl InitiatorBuilder<HasSecurity, Client> {
    /// Logs in with a password.
    pub fn password(self, username: Username, password: Password) -> Self {
        self.credentials(Credentials::Password {
            username,
            password,
            keys: None,
            authzid: None,
        })
    }

    /// Logs in with these credentials.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.proof = Some(Proof::Client(credentials));
        self
    }

    /// Which mechanisms may be used; see [`sasl::MechanismPolicy`] for the default.
    pub fn sasl(mut self, policy: sasl::MechanismPolicy) -> Self {
        self.sasl = policy;
        self
    }

    /// Which iteration counts of SCRAM are accepted.
    pub fn iterations(mut self, bounds: sasl::IterationBounds) -> Self {
        self.iterations = bounds;
        self
    }

    /// What happens when the resource is taken (RFC 6120 7.7.2.2).
    pub fn conflict(mut self, conflict: ConflictPolicy) -> Self {
        self.conflict = conflict;
        self
    }
}

impl<For> InitiatorBuilder<HasSecurity, For> {
    /// `xml:lang` of the stream (RFC 6120 4.7.4); default `en`. What is no
    /// language tag is passed over.
    pub fn lang(mut self, lang: &str) -> Self {
        if is_language_tag(lang) {
            self.lang = lang.to_string();
        }
        self
    }

    /// The limits; default [`Limits::client`], for servers and components
    /// [`Limits::server_to_server`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// When the stream wants a reset.
    pub fn usage(mut self, policy: UsagePolicy) -> Self {
        self.usage = Some(policy);
        self
    }

    /// The randomness for nonces; default: the TLS provider's.
    pub fn random(mut self, random: &'static dyn SecureRandom) -> Self {
        self.random = Some(random);
        self
    }

    /// Makes the TLS session store that takes the old one's place after a
    /// reset; default: none, no session is ever resumed again.
    pub fn session_store_after_reset(mut self, store: fn() -> SessionStore) -> Self {
        self.fresh_store = store;
        self
    }

    /// The config.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn build(self) -> Result<Arc<InitiatorConfig>, ConfigError> {
        let tls = match &self.security {
            InitiatorSecurity::StartTls(tls) | InitiatorSecurity::DirectTls(tls) => Some(tls),
            InitiatorSecurity::DangerousPlaintext => None,
        };
        let server_name = match tls {
            Some(_) => {
                Some(ServerName::try_from(self.server_name).map_err(|_| ConfigError::ServerName)?)
            }
            None => None,
        };
        // 6.3.8: a client acts as an account; a server as a domain.
        let authzid = match &self.proof {
            Some(Proof::Client(credentials)) => credentials.authzid(),
            _ => None,
        };
        if let Some(authzid) = authzid {
            match Jid::parse(authzid.as_str()) {
                Ok(jid) if jid.local().is_some() && jid.is_bare() => {}
                _ => return Err(ConfigError::Authzid),
            }
        }
        let random = self
            .random
            .or_else(|| tls.map(ClientTls::random))
            .ok_or(ConfigError::NoCredentials)?;
        let usage = self.usage.unwrap_or_else(|| UsagePolicy {
            reserve_records: UsagePolicy::reserve_for(self.limits.outbox_bytes()),
            ..UsagePolicy::default()
        });
        Ok(Arc::new(InitiatorConfig {
            kind: self.kind,
            server_name,
            account: self.account,
            peer: self.peer,
            security: self.security,
            resumption: Resumption::Allowed,
            epoch: TicketEpoch::FIRST,
            fresh_store: self.fresh_store,
            proof: self
                .proof
                .filter(Proof::is_complete)
                .ok_or(ConfigError::NoCredentials)?,
            sasl: self.sasl,
            iterations: self.iterations,
            conflict: self.conflict,
            lang: self.lang,
            limits: self.limits,
            usage,
            random,
        }))
    }
}

impl fmt::Debug for InitiatorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitiatorConfig")
            .field("kind", &self.kind)
            .field("account", &self.account)
            .field("security", &self.security)
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

impl<State, For> fmt::Debug for InitiatorBuilder<State, For> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitiatorBuilder")
            .field("account", &self.account)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}
