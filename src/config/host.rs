//! Configuration of one host: a domain that a receiving entity serves, with its certificate,
//! mechanisms, features and limits.
//!
//! A responder gets it beforehand ([`ResponderBuilder::single_host`](super::ResponderBuilder)) or
//! by the application's decision, once the peer has named the domain. What only hosts for clients,
//! servers or components have is in the `impl` block of that kind.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use super::{Client, Component, ConfigError, Server};
use crate::component::ComponentSecret;
use crate::dialback::DialbackSecret;
use crate::jid::Jid;
use crate::limits::Limits;
use crate::reset::UsagePolicy;
use crate::sasl::{Decoy, FastSet, Hash, MechanismName, MechanismSet};
use crate::stream::{FeatureXml, Kind, Sasl2Policy};
use crate::tls::ServerTls;
use crate::tls::identity::Trust;

/// Holds what a receiving entity needs to know of a host that it serves.
#[derive(Clone)]
pub struct HostConfig {
    /// The kind of the streams that the host is for.
    pub(crate) kind: Kind,
    /// The domain, normalised.
    pub(crate) domain: String,
    /// The TLS config for STARTTLS.
    pub(crate) tls: Option<ServerTls>,
    /// The SASL mechanisms that may be offered.
    pub(crate) mechanisms: MechanismSet,
    /// What unknown users are answered with.
    pub(crate) decoy: Decoy,
    /// The features offered after ours.
    pub(crate) features: Vec<FeatureXml>,
    /// The features offered beside SASL.
    pub(crate) login_features: Vec<FeatureXml>,
    /// The limits on what is received and kept.
    pub(crate) limits: Limits,
    /// When a reset is advised.
    pub(crate) usage: Option<UsagePolicy>,
    /// The issuers of certificates that prove the domain of a peer that is a server.
    pub(crate) trust: Option<Trust>,
    /// The secret whose keys answer `<db:verify/>`.
    pub(crate) dialback: Option<DialbackSecret>,
    /// The secret of a component.
    pub(crate) component: Option<ComponentSecret>,
    pub(crate) from: HeaderFrom,
    /// Whether SASL2 is offered.
    pub(crate) sasl2: Sasl2Policy,
    /// The features that are enabled together with a resource (XEP-0386).
    pub(crate) inline_features: Vec<String>,
    /// The mechanisms that tokens are used with and given for.
    pub(crate) fast: FastSet,
    pub(crate) offer_proof: ProofOfOffer,
    /// The hashes that clients are asked to give keys for.
    pub(crate) upgrades: Option<ScramUpgrades>,
}

/// What the `from` of a client's header may be (RFC 6120 6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFrom {
    /// The address that SASL authenticates, or nothing.
    Authenticated,
    /// Any address.
    Any,
}

/// Whether SCRAM proves what was offered (XEP-0474).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProofOfOffer {
    /// It does.
    Sent,
    /// It does not, for clients that stumble over it.
    LeftOut,
}

/// The upgrades of SCRAM that a host offers (XEP-0480).
#[derive(Clone, Debug)]
pub(crate) struct ScramUpgrades {
    pub(crate) hashes: Vec<Hash>,
    pub(crate) iterations: u32,
}

/// Builds a [`HostConfig`]. `For` says who connects: [`Client`]s, [`Server`]s or a [`Component`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HostBuilder<For = Client> {
    host: HostConfig,
    typestate: PhantomData<For>,
}

impl HostConfig {
    /// Starts the config of a host for clients.
    ///
    /// `decoy` makes the answers to unknown users ([`sasl::Decoy`](crate::sasl::Decoy)). All forms
    /// of SCRAM are offered until [`HostBuilder::mechanisms`] says otherwise.
    pub fn builder(domain: &str, decoy: Decoy) -> HostBuilder {
        HostBuilder::new(Self {
            mechanisms: MechanismSet::scram(),
            limits: Limits::server(),
            from: HeaderFrom::Authenticated,
            sasl2: Sasl2Policy::On,
            ..Self::offering_nothing(Kind::ClientToServer, domain, decoy)
        })
    }

    /// Starts the config of a host for other servers. Only the domainpart of `domain` is used.
    pub fn s2s(domain: &Jid) -> HostBuilder<Server> {
        HostBuilder::new(Self::offering_nothing(
            Kind::ServerToServer,
            domain.domain(),
            unused_decoy(),
        ))
    }

    /// Starts the config of a component, as its server sees it: `domain` is the address of the
    /// component.
    pub fn component(domain: &Jid, secret: ComponentSecret) -> HostBuilder<Component> {
        HostBuilder::new(Self {
            component: Some(secret),
            ..Self::offering_nothing(Kind::Component, domain.domain(), unused_decoy())
        })
    }

    /// Returns the domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether elements of this namespace may ask for something together with a resource. A feature is
    /// offered by its namespace or, as service discovery names it, by one that begins so.
    pub(crate) fn offers_inline(&self, namespace: &str) -> bool {
        self.inline_features.iter().any(|var| var == namespace)
    }

    pub(crate) fn usage(&self) -> UsagePolicy {
        self.usage.unwrap_or_else(|| UsagePolicy {
            reserve_records: UsagePolicy::reserve_for(self.limits.outbox_bytes()),
            ..UsagePolicy::default()
        })
    }

    fn offering_nothing(kind: Kind, domain: &str, decoy: Decoy) -> Self {
        Self {
            kind,
            domain: domain.to_string(),
            tls: None,
            mechanisms: MechanismSet::EMPTY,
            decoy,
            features: Vec::new(),
            login_features: Vec::new(),
            limits: Limits::server_to_server(),
            usage: None,
            trust: None,
            dialback: None,
            component: None,
            from: HeaderFrom::Any,
            sasl2: Sasl2Policy::Off,
            inline_features: Vec::new(),
            fast: FastSet::EMPTY,
            offer_proof: ProofOfOffer::Sent,
            upgrades: None,
        }
    }
}

impl ScramUpgrades {
    /// Whether each of them is an upgrade, and the count acceptable to clients (XEP-0480 3).
    fn is_possible(&self) -> bool {
        self.iterations >= 4096 && !self.hashes.is_empty() && !self.hashes.contains(&Hash::Sha1)
    }
}

impl HostBuilder<Client> {
    /// Sets the TLS config for STARTTLS.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.host.tls = Some(tls);
        self
    }

    /// Adds a further stream feature, written after ours once the peer is authenticated.
    ///
    /// What the client sends for it arrives as [`Event::Element`](crate::Event::Element) or
    /// [`Event::Stanza`](crate::Event::Stanza) once a resource is bound, and before that only if
    /// [`ResponderBuilder::early_elements`](super::ResponderBuilder::early_elements) says so. Two
    /// kinds of protocol cannot be layered on: those that take the place of SASL or of binding,
    /// because only the steps that this crate knows lead to an established stream, and those that change how bytes are read
    /// (compression, XEP-0138). A client of this crate takes its own steps at once, so it cannot
    /// put one of another protocol before them.
    pub fn feature(mut self, feature: FeatureXml) -> Self {
        self.host.features.push(feature);
        self
    }

    /// Adds a feature that is offered beside SASL, after TLS, to clients that are not authenticated.
    pub fn login_feature(mut self, feature: FeatureXml) -> Self {
        self.host.login_features.push(feature);
        self
    }

    /// Offers the profile of RFC 6120 6 alone. Without this setting SASL2 (XEP-0388) is offered beside
    /// it, under TLS, with a resource (XEP-0386) and, where it is configured, stream management in the
    /// same exchange.
    pub fn without_sasl2(mut self) -> Self {
        self.host.sasl2 = Sasl2Policy::Off;
        self
    }

    /// Offers a feature that can be enabled together with a resource (XEP-0386 3.1), by the namespace
    /// of the elements that ask for it: `urn:xmpp:carbons:2`. What a client asks for is in
    /// [`Question::Bind`](crate::event::Question::Bind). Stream management is offered without being
    /// named here.
    pub fn inline_feature(mut self, namespace: &str) -> Self {
        self.host.inline_features.push(namespace.to_string());
        self
    }

    /// Offers tokens for later logins (FAST, XEP-0484), with these mechanisms, in SASL2 and under TLS.
    /// Each stream is offered those whose channel binding it has. Offer one without a binding too,
    /// because not every client has one (XEP-0484 3.1).
    ///
    /// The application keeps the tokens: it is asked for those of a client
    /// ([`Decision::Token`](crate::Decision::Token)), and what becomes of them
    /// ([`Decision::IssueToken`](crate::Decision::IssueToken)). By default nothing is offered.
    pub fn fast(mut self, mechanisms: FastSet) -> Self {
        self.host.fast = mechanisms;
        self
    }

    /// Asks clients that log in with their password for the keys of these hashes too, in SASL2 (XEP-0480),
    /// with this iteration count.
    ///
    /// The application is asked to store the keys ([`Decision::StoreKeys`](crate::Decision::StoreKeys)).
    /// A client whose keys for a hash are stored need not be asked for them again; the offer is the same
    /// for all, so that it does not say whose are.
    pub fn scram_upgrades(mut self, hashes: &[Hash], iterations: u32) -> Self {
        self.host.upgrades = Some(ScramUpgrades {
            hashes: hashes.to_vec(),
            iterations,
        });
        self
    }

    /// Leaves out of SCRAM the proof that the offer has arrived unchanged (XEP-0474), for clients that
    /// do not ignore an attribute that they do not know, as RFC 5802 5.1 demands.
    ///
    /// It is dangerous because a man in the middle can then weaken the offer unnoticed.
    pub fn dangerous_without_downgrade_protection(mut self) -> Self {
        self.host.offer_proof = ProofOfOffer::LeftOut;
        self
    }

    /// Sets the mechanisms to offer. Each stream is offered those that are possible on it: -PLUS
    /// where there is a channel binding, EXTERNAL where the client has shown a verified
    /// certificate, PLAIN under TLS.
    ///
    /// Some clients (slixmpp 1.8) take every -PLUS mechanism for `tls-unique`, which is not used here,
    /// and do not get in where one is offered.
    pub fn mechanisms(mut self, mechanisms: MechanismSet) -> Self {
        self.host.mechanisms = mechanisms;
        self
    }

    /// Accepts a client whose stream header has another `from` than the address that SASL
    /// authenticated. The application learns `from` by
    /// [`StreamOpened`](crate::event::StreamOpened), before it is asked for any credentials, and
    /// decides what it means.
    ///
    /// Without this setting the two are compared wherever TLS protects the header. If they differ,
    /// the stream ends with `<invalid-from/>` in the place of `<success/>`, or at the header after
    /// it (RFC 6120 6.4.6, 4.9.3.9). `from` has to be the username that the application answered
    /// with, read as the localpart of an address of this host or, if it contains `@`, as a bare
    /// address; or the authorization identity, if the client gave one. Use this setting if
    /// usernames are something else, or if the application assigns addresses: by the content of a
    /// certificate, or to ANONYMOUS clients that claim an address.
    pub fn from_may_differ(mut self) -> Self {
        self.host.from = HeaderFrom::Any;
        self
    }

    /// Checks the settings and builds the config.
    ///
    /// # Errors
    /// Returns [`ConfigError::Domain`], [`ConfigError::NoMechanism`] or
    /// [`ConfigError::NoUpgrade`].
    pub fn build(mut self) -> Result<Arc<HostConfig>, ConfigError> {
        match Jid::parse(&self.host.domain) {
            Ok(jid) if jid.is_domain() => self.host.domain = jid.domain().to_string(),
            _ => return Err(ConfigError::Domain),
        }
        if self.host.mechanisms.is_empty() {
            return Err(ConfigError::NoMechanism);
        }
        if self
            .host
            .upgrades
            .as_ref()
            .is_some_and(|upgrades| !upgrades.is_possible())
        {
            return Err(ConfigError::NoUpgrade);
        }
        Ok(Arc::new(self.host))
    }
}

impl HostBuilder<Server> {
    /// Sets the TLS config for STARTTLS.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.host.tls = Some(tls);
        self
    }

    /// Adds a further stream feature, written after ours once the peer is authenticated.
    pub fn feature(mut self, feature: FeatureXml) -> Self {
        self.host.features.push(feature);
        self
    }

    /// Offers SASL EXTERNAL to servers whose certificate is valid, according to `trust`, for the
    /// domain in the `from` of their stream header (XEP-0178). The TLS config has to ask for
    /// certificates, as [`ServerTls::deferred`] does.
    pub fn external(mut self, trust: Trust) -> Self {
        self.host.trust = Some(trust);
        self.host.mechanisms = MechanismSet::EMPTY.with(MechanismName::External);
        self
    }

    /// Answers `<db:verify/>` for this domain with keys made from this secret. Without it the
    /// application is asked by [`Event::Request`](crate::Event::Request).
    pub fn dialback_secret(mut self, secret: DialbackSecret) -> Self {
        self.host.dialback = Some(secret);
        self
    }

    /// Builds the config. A host that offers nothing is accepted here, because dialback is a
    /// setting of the responder.
    ///
    /// # Errors
    /// Returns a [`ConfigError`]; at present there is no setting that can be wrong.
    pub fn build(self) -> Result<Arc<HostConfig>, ConfigError> {
        Ok(Arc::new(self.host))
    }
}

impl HostBuilder<Component> {
    /// Builds the config.
    ///
    /// # Errors
    /// Returns a [`ConfigError`]; at present there is no setting that can be wrong.
    pub fn build(self) -> Result<Arc<HostConfig>, ConfigError> {
        Ok(Arc::new(self.host))
    }
}

impl<For> HostBuilder<For> {
    const fn new(host: HostConfig) -> Self {
        Self {
            host,
            typestate: PhantomData,
        }
    }

    /// Sets the limits. The default is [`Limits::server`]; for servers and components it is
    /// [`Limits::server_to_server`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.host.limits = limits;
        self
    }

    /// Sets when a reset is advised.
    pub fn usage(mut self, policy: UsagePolicy) -> Self {
        self.host.usage = Some(policy);
        self
    }
}

/// Only hosts with passwords ask a decoy.
fn unused_decoy() -> Decoy {
    Decoy::new(&[0; 32], 4096)
}

impl fmt::Debug for HostConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostConfig")
            .field("kind", &self.kind)
            .field("domain", &self.domain)
            .field("mechanisms", &self.mechanisms)
            .finish_non_exhaustive()
    }
}

impl<For> fmt::Debug for HostBuilder<For> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}
