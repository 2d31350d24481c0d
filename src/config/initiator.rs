//! Configuration of an initiating entity: a client, a server that connects to another one, or an
//! external component.
//!
//! All three kinds share one builder. What only one kind has is in the `impl` block of that kind.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use rustls::client::Resumption as SessionStore;
use rustls::pki_types::ServerName;

use super::proof::ServerProof;
use super::{
    Client, Component, ConfigError, Credentials, HasSecurity, KeySource, Proof, Sasl2Options,
    Server, UnverifiedServer, WantsSecurity,
};
use crate::component::ComponentSecret;
use crate::dialback::DialbackSecret;
use crate::jid::Jid;
use crate::limits::Limits;
use crate::random::Random;
use crate::reset::{Connect, TicketEpoch, TlsResumption, UsagePolicy};
use crate::sasl::{self, Authzid, LoginPin, MechanismName, MechanismSet, Password, Username};
use crate::sm::SmPolicy;
use crate::stream::lang::is_language_tag;
use crate::stream::{
    ConflictPolicy, EarlyElements, Kind, ManagementPolicy, Sasl2Policy, Security, StreamPolicy,
};
use crate::tls::identity::Trust;
use crate::tls::{ClientTls, Resumption};
use crate::trace::Trace;
use crate::xml::Scope;

/// Holds what an [`Initiator`](crate::Initiator) is made from.
#[derive(Clone)]
pub struct InitiatorConfig {
    /// The kind of the stream.
    pub(crate) kind: Kind,
    /// The local address: of a user, a server's domain, or a component.
    pub(crate) account: Jid,
    /// The domain that the stream is opened to.
    pub(crate) peer: String,
    /// Where the protection of the stream comes from.
    pub(crate) security: InitiatorSecurity,
    /// The name expected in the peer's certificate; `None` without TLS.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// Whether this connection may resume a TLS session.
    pub(crate) resumption: Resumption,
    /// The epoch of the TLS sessions in the store; a reset begins a new one.
    pub(crate) epoch: TicketEpoch,
    /// Makes the store for the next epoch.
    pub(crate) fresh_store: fn() -> SessionStore,
    /// What the local identity is proved with.
    pub(crate) proof: Proof,
    /// Whether a component needs a verified server.
    pub(crate) unverified_server: UnverifiedServer,
    /// The SASL mechanisms that may be used.
    pub(crate) sasl: sasl::MechanismPolicy,
    /// The iteration counts of SCRAM that are accepted.
    pub(crate) iterations: sasl::IterationBounds,
    /// What happens if the resource is in use.
    pub(crate) conflict: ConflictPolicy,
    /// `xml:lang` of the stream.
    pub(crate) lang: String,
    /// The namespaces that the headers declare.
    pub(crate) scope: Arc<Scope>,
    /// The limits on what is received and kept.
    pub(crate) limits: Limits,
    /// When a reset is advised.
    pub(crate) usage: UsagePolicy,
    /// How stream management is used, if it is.
    pub(crate) management: Option<Arc<SmPolicy>>,
    /// What this login must not fall below.
    pub(crate) pin: Option<LoginPin>,
    /// How SASL2 is used, if it may be.
    pub(crate) sasl2: Option<Arc<Sasl2Options>>,
    /// The randomness for nonces.
    pub(crate) random: Arc<dyn Random>,
    /// The hook for traces.
    pub(crate) trace: Option<Arc<dyn Trace>>,
}

/// Says where the protection of an initiating entity's stream comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InitiatorSecurity {
    /// STARTTLS, mandatory (RFC 6120 5).
    StartTls(ClientTls),
    /// TLS from the first byte (XEP-0368).
    DirectTls(ClientTls),
    /// No protection.
    DangerousPlaintext,
}

/// Builds an [`InitiatorConfig`].
///
/// `State` is [`WantsSecurity`] until the protection of the stream is chosen, and [`HasSecurity`]
/// after. `For` says what initiates: a [`Client`], a [`Server`] or a [`Component`]. See the
/// [module](super) for an example.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct InitiatorBuilder<State, For = Client> {
    settings: Settings,
    typestate: PhantomData<(State, For)>,
}

/// The settings so far. They are checked by `build`, when all of them are known.
#[derive(Clone)]
struct Settings {
    kind: Kind,
    account: Jid,
    peer: String,
    /// The name expected in the peer's certificate.
    server_name: String,
    security: InitiatorSecurity,
    fresh_store: fn() -> SessionStore,
    proof: Option<Proof>,
    unverified_server: UnverifiedServer,
    sasl: sasl::MechanismPolicy,
    iterations: sasl::IterationBounds,
    conflict: ConflictPolicy,
    lang: String,
    limits: Limits,
    usage: Option<UsagePolicy>,
    management: Option<Arc<SmPolicy>>,
    pin: Option<LoginPin>,
    sasl2: Option<Arc<Sasl2Options>>,
    /// `None` takes the randomness of the TLS config.
    random: Option<Arc<dyn Random>>,
    trace: Option<Arc<dyn Trace>>,
}

impl InitiatorConfig {
    /// Starts the config of a client of the account `jid`.
    ///
    /// The domain of `jid` is the one the stream is opened to and the one expected in the server's
    /// certificate. If `jid` has a resource, that resource is asked for.
    pub fn client(jid: &Jid) -> InitiatorBuilder<WantsSecurity> {
        InitiatorBuilder::new(Kind::ClientToServer, jid.clone(), jid.domain())
    }

    /// Starts the config of a server of the domain `local` that opens a stream to the domain
    /// `peer`, to send stanzas from `local` to `peer`.
    ///
    /// Only the domainparts are used. Bidirectional streams (XEP-0288), and requests for more than
    /// one domain pair by the initiating server, are not supported.
    pub fn server(local: &Jid, peer: &Jid) -> InitiatorBuilder<WantsSecurity, Server> {
        InitiatorBuilder::new(Kind::ServerToServer, local.domain_only(), peer.domain())
    }

    /// Starts the config of an external component with the address `domain` (XEP-0114).
    pub fn component(domain: &Jid) -> InitiatorBuilder<WantsSecurity, Component> {
        InitiatorBuilder::new(Kind::Component, domain.domain_only(), domain.domain())
    }

    /// Returns the config for the connection that a [`Planner`](crate::reset::Planner) ordered.
    ///
    /// After a reset, no TLS session of an earlier connection may be resumed: a fresh store takes
    /// the place of the old one, for this connection and all later ones (RFC 6120 4.9.3.16).
    /// Derive each config from the one before, because the config remembers which resets it has
    /// seen.
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

    /// Returns the address the config was made for.
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
            early_elements: EarlyElements::Refused,
            management: match self.management {
                Some(_) => ManagementPolicy::Enable,
                None => ManagementPolicy::Off,
            },
            sasl2: match self.sasl2 {
                Some(_) => Sasl2Policy::On,
                None => Sasl2Policy::Off,
            },
        }
    }

    /// Returns the credentials that SASL uses, if SASL is used.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.proof.credentials()
    }
}

impl<For> InitiatorBuilder<WantsSecurity, For> {
    fn new(kind: Kind, account: Jid, peer: &str) -> Self {
        Self {
            settings: Settings {
                kind,
                account,
                peer: peer.to_string(),
                server_name: peer.to_string(),
                security: InitiatorSecurity::DangerousPlaintext,
                fresh_store: SessionStore::disabled,
                proof: None,
                unverified_server: UnverifiedServer::default(),
                sasl: sasl::MechanismPolicy::new(),
                iterations: sasl::IterationBounds::default(),
                conflict: ConflictPolicy::default(),
                lang: "en".to_string(),
                limits: match kind {
                    Kind::ClientToServer => Limits::client(),
                    Kind::ServerToServer | Kind::Component => Limits::server_to_server(),
                },
                usage: None,
                management: None,
                pin: None,
                sasl2: match kind {
                    Kind::ClientToServer => Some(Arc::new(Sasl2Options::new())),
                    Kind::ServerToServer | Kind::Component => None,
                },
                random: None,
                trace: None,
            },
            typestate: PhantomData,
        }
    }

    /// Uses TLS from the first byte, with ALPN `xmpp-client` or `xmpp-server` (XEP-0368). A
    /// component's connection has no ALPN.
    pub fn direct_tls(self, tls: ClientTls) -> InitiatorBuilder<HasSecurity, For> {
        self.secured(InitiatorSecurity::DirectTls(tls))
    }

    /// Uses no TLS, so that everything can be read and changed on the way.
    ///
    /// A client can use SCRAM and ANONYMOUS, a server dialback, a component its handshake.
    /// `random` is the source of nonces.
    pub fn dangerous_plaintext(
        mut self,
        random: impl Random + 'static,
    ) -> InitiatorBuilder<HasSecurity, For> {
        self.settings.random = Some(Arc::new(random));
        self.secured(InitiatorSecurity::DangerousPlaintext)
    }

    fn secured(mut self, security: InitiatorSecurity) -> InitiatorBuilder<HasSecurity, For> {
        self.settings.security = security;
        InitiatorBuilder {
            settings: self.settings,
            typestate: PhantomData,
        }
    }
}

impl InitiatorBuilder<WantsSecurity, Client> {
    /// Uses STARTTLS. Nothing but the stream header is sent without TLS.
    pub fn starttls(self, tls: ClientTls) -> InitiatorBuilder<HasSecurity, Client> {
        self.secured(InitiatorSecurity::StartTls(tls))
    }
}

impl InitiatorBuilder<WantsSecurity, Server> {
    /// Uses STARTTLS. Nothing but the stream header is sent without TLS.
    pub fn starttls(self, tls: ClientTls) -> InitiatorBuilder<HasSecurity, Server> {
        self.secured(InitiatorSecurity::StartTls(tls))
    }
}

impl<State> InitiatorBuilder<State, Client> {
    /// Uses [stream management](crate::sm) where the server offers it (XEP-0198).
    /// [`Connection::resume`](crate::Connection::resume) resumes an earlier session.
    pub fn stream_management(mut self, policy: SmPolicy) -> Self {
        self.settings.management = Some(Arc::new(policy));
        self
    }

    /// Sets what this login must not fall below: what
    /// [`Initiator::login_pin`](crate::Initiator::login_pin) returned after an earlier login of this
    /// account. A server that offers less ends the attempt with
    /// [`AuthenticationReason::Pin`](crate::close::AuthenticationReason::Pin) before anything secret
    /// leaves. Whether to forget the pin then is for a person to decide.
    pub fn pin(mut self, pin: LoginPin) -> Self {
        self.settings.pin = Some(pin);
        self
    }

    /// Sets how SASL2 is used (XEP-0388). It is preferred where the server offers it, unless
    /// [`without_sasl2`](Self::without_sasl2) is called.
    pub fn sasl2(mut self, options: Sasl2Options) -> Self {
        self.settings.sasl2 = Some(Arc::new(options));
        self
    }

    /// Logs in by the profile of RFC 6120 6 alone.
    pub fn without_sasl2(mut self) -> Self {
        self.settings.sasl2 = None;
        self
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
        self.settings.proof = Some(Proof::Client(credentials));
        self
    }

    /// Sets which mechanisms may be used. The default is [`sasl::MechanismPolicy::new`].
    pub fn sasl(mut self, policy: sasl::MechanismPolicy) -> Self {
        self.settings.sasl = policy;
        self
    }

    /// Sets which iteration counts of SCRAM are accepted.
    pub fn iterations(mut self, bounds: sasl::IterationBounds) -> Self {
        self.settings.iterations = bounds;
        self
    }

    /// Sets what happens if the resource is in use (RFC 6120 7.7.2.2).
    pub fn conflict(mut self, conflict: ConflictPolicy) -> Self {
        self.settings.conflict = conflict;
        self
    }
}

impl InitiatorBuilder<HasSecurity, Server> {
    /// Proves the local domain by SASL EXTERNAL with the client certificate of the TLS config
    /// (XEP-0178). It is used if the peer offers it and the peer's certificate is valid for the
    /// peer's domain according to `trust`.
    pub fn external(self, trust: Trust) -> Self {
        // Older servers expect the authorization identity (XEP-0178 3).
        let authzid = Authzid::new(self.settings.account.domain()).ok();
        let credentials = Credentials::External { authzid };
        self.with(|server| server.external = Some((trust, credentials)))
    }

    /// Proves the local domain by dialback (XEP-0220) if EXTERNAL is not available or fails.
    ///
    /// The peer may then be anyone who is reached under the domain's address: its certificate does
    /// not have to be valid, unless the verifier of the TLS config demands it.
    pub fn dialback(self, secret: DialbackSecret) -> Self {
        self.with(|server| server.keys = KeySource::Secret(secret))
    }

    /// Does the same with keys that the application makes when an
    /// [`Event::Request`](crate::Event::Request) asks for them.
    pub fn dialback_keys_by_application(self) -> Self {
        self.with(|server| server.keys = KeySource::Application)
    }

    /// Proves nothing and sends no stanzas. The stream is only for asking whether keys are genuine
    /// ([`Session::verify`](crate::Session::verify)).
    pub fn verify_only(self) -> Self {
        self.with(|server| server.keys = KeySource::VerifyOnly)
    }

    fn with(mut self, change: impl FnOnce(&mut ServerProof)) -> Self {
        let mut server = match self.settings.proof.take() {
            Some(Proof::Server(server)) => server,
            _ => ServerProof::default(),
        };
        change(&mut server);
        self.settings.proof = Some(Proof::Server(server));
        self
    }
}

impl InitiatorBuilder<HasSecurity, Component> {
    /// Sets the secret shared with the server.
    pub fn secret(mut self, secret: ComponentSecret) -> Self {
        self.settings.proof = Some(Proof::Component(secret));
        self
    }

    /// Gives the proof also to a server whose certificate nobody has verified.
    ///
    /// It matters if the TLS config defers verification
    /// ([`Verification::Deferred`](crate::tls::Verification::Deferred)); otherwise the connection
    /// ends with [`ServerNotVerified`](crate::close::AuthenticationReason::ServerNotVerified)
    /// before the proof is sent. Whoever receives the proof can search for the secret, and can
    /// pretend to be the server.
    pub fn dangerous_unverified_server(mut self) -> Self {
        self.settings.unverified_server = UnverifiedServer::DangerouslyAccepted;
        self
    }

    /// Sets the name expected in the server's certificate. The default is the component's domain,
    /// although the server itself often has another one.
    pub fn server_name(mut self, name: &str) -> Self {
        self.settings.server_name = name.to_string();
        self
    }
}

impl<For> InitiatorBuilder<HasSecurity, For> {
    /// Sets `xml:lang` of the stream, a language tag (RFC 6120 4.7.4). The default is `en`.
    pub fn lang(mut self, lang: &str) -> Self {
        self.settings.lang = lang.to_string();
        self
    }

    /// Sets the limits. The default is [`Limits::client`]; for servers and components it is
    /// [`Limits::server_to_server`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Sets when a reset is advised.
    pub fn usage(mut self, policy: UsagePolicy) -> Self {
        self.settings.usage = Some(policy);
        self
    }

    /// Sets the randomness for nonces. The default is that of the TLS provider.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.settings.random = Some(Arc::new(random));
        self
    }

    /// Sets a hook that is told of everything that happens on the connection
    /// ([`trace`](crate::trace)). By default there is none.
    pub fn trace(mut self, trace: Arc<dyn Trace>) -> Self {
        self.settings.trace = Some(trace);
        self
    }

    /// Sets what makes the TLS session store that takes the place of the old one after a reset. By
    /// default there is none, and no session is resumed again.
    pub fn session_store_after_reset(mut self, store: fn() -> SessionStore) -> Self {
        self.settings.fresh_store = store;
        self
    }

    /// Checks the settings and builds the config.
    ///
    /// # Errors
    /// Returns the first [`ConfigError`] found.
    pub fn build(self) -> Result<Arc<InitiatorConfig>, ConfigError> {
        self.settings.build().map(Arc::new)
    }
}

impl Settings {
    fn build(self) -> Result<InitiatorConfig, ConfigError> {
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
        if !is_language_tag(&self.lang) {
            return Err(ConfigError::Lang);
        }
        let sasl = match tls {
            Some(_) => self.sasl,
            // `dangerous_plaintext` has been said, and SCRAM is what is left of the passwords.
            None => self.sasl.dangerous_scram_to_unverified(),
        };
        let unverified_server = match tls {
            Some(_) => self.unverified_server,
            // `dangerous_plaintext` has been said, and nobody can be verified.
            None => UnverifiedServer::DangerouslyAccepted,
        };
        let proof = self
            .proof
            .filter(Proof::is_complete)
            .ok_or(ConfigError::NoCredentials)?;
        if let Proof::Client(credentials) = &proof {
            check_authzid(credentials)?;
        }
        if !can_authenticate(&proof, &self.security, sasl) {
            return Err(ConfigError::NoMechanism);
        }
        let random = self
            .random
            .or_else(|| tls.map(ClientTls::random))
            .ok_or(ConfigError::NoCredentials)?;
        let usage = self.usage.unwrap_or_else(|| UsagePolicy {
            reserve_records: UsagePolicy::reserve_for(self.limits.outbox_bytes()),
            ..UsagePolicy::default()
        });
        Ok(InitiatorConfig {
            kind: self.kind,
            account: self.account,
            peer: self.peer,
            security: self.security,
            server_name,
            resumption: Resumption::Allowed,
            epoch: TicketEpoch::FIRST,
            fresh_store: self.fresh_store,
            proof,
            unverified_server,
            sasl,
            iterations: self.iterations,
            conflict: self.conflict,
            lang: self.lang,
            scope: Arc::new(self.kind.scope()),
            limits: self.limits,
            management: self.management,
            pin: self.pin,
            sasl2: self.sasl2,
            usage,
            random,
            trace: self.trace,
        })
    }
}

/// A client acts as an account, so its authorization identity is a bare JID (RFC 6120 6.3.8).
fn check_authzid(credentials: &Credentials) -> Result<(), ConfigError> {
    let Some(authzid) = credentials.authzid() else {
        return Ok(());
    };
    match Jid::parse(authzid.as_str()) {
        Ok(jid) if jid.local().is_some() && jid.is_bare() => Ok(()),
        _ => Err(ConfigError::Authzid),
    }
}

/// Whether any way to authenticate is possible, whatever the peer offers.
fn can_authenticate(
    proof: &Proof,
    security: &InitiatorSecurity,
    sasl: sasl::MechanismPolicy,
) -> bool {
    let is_plaintext = matches!(security, InitiatorSecurity::DangerousPlaintext);
    match proof {
        Proof::Component(_) => true,
        Proof::Server(server) => !is_plaintext || !matches!(server.keys, KeySource::None),
        Proof::Client(credentials) => {
            let allowed = credentials.mechanisms().intersection(sasl.allowed());
            !allowed
                .iter()
                .filter(|mechanism| !is_plaintext || is_possible_in_plaintext(*mechanism))
                .filter(|mechanism| !sasl.requires_binding() || !is_unbound_password(*mechanism))
                .collect::<MechanismSet>()
                .is_empty()
        }
    }
}

/// Whether the mechanism works without a certificate, without a channel binding, and without
/// showing the password.
pub(super) const fn is_possible_in_plaintext(mechanism: MechanismName) -> bool {
    matches!(
        mechanism,
        MechanismName::Scram(_) | MechanismName::Anonymous
    )
}

const fn is_unbound_password(mechanism: MechanismName) -> bool {
    matches!(mechanism, MechanismName::Scram(_) | MechanismName::Plain)
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
            .field("account", &self.settings.account)
            .field("security", &self.settings.security)
            .finish_non_exhaustive()
    }
}
