//! Configuration of streams between servers (RFC 6120, XEP-0178, XEP-0220) and
//! of external components (XEP-0114), in both roles.
//!
//! Not yet done: bidirectional streams (XEP-0288), and asking for more than one
//! domain pair as the initiating server; a receiving server is asked for as
//! many as [`Limits::requests`](crate::limits::Limits::requests) allows.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls::crypto::SecureRandom;

use super::{
    Credentials, HasSecurity, HostBuilder, HostConfig, InitiatorBuilder, InitiatorConfig,
    InitiatorSecurity, ResponderBuilder, ResponderConfig, ResponderSecurity, WantsSecurity,
};
use crate::component::ComponentSecret;
use crate::dialback::DialbackSecret;
use crate::jid::Jid;
use crate::limits::Limits;
use crate::sasl::{Authzid, Decoy, MechanismName, MechanismSet};
use crate::stream::{DialbackPolicy, Kind};
use crate::tls::ClientTls;
use crate::tls::identity::Trust;

/// What a builder is for: streams between a client and its server.
#[derive(Clone, Copy, Debug)]
pub enum Client {}

/// What a builder is for: streams between servers.
#[derive(Clone, Copy, Debug)]
pub enum Server {}

/// What a builder is for: streams between a component and its server.
#[derive(Clone, Copy, Debug)]
pub enum Component {}

impl InitiatorConfig {
    /// A server of the domain `own` that opens a stream to the domain `peer`,
    /// to send stanzas from the one to the other. Only the domainparts count.
    pub fn server(own: &Jid, peer: &Jid) -> InitiatorBuilder<WantsSecurity, Server> {
        InitiatorBuilder::new(Kind::ServerToServer, own.domain_only(), peer.domain())
    }

    /// An external component with the address `domain` (XEP-0114).
    pub fn component(domain: &Jid) -> InitiatorBuilder<WantsSecurity, Component> {
        InitiatorBuilder::new(Kind::Component, domain.domain_only(), domain.domain())
    }
}

impl InitiatorBuilder<WantsSecurity, Server> {
    /// TLS by STARTTLS, without which nothing but the header is said.
    pub fn starttls(self, tls: ClientTls) -> InitiatorBuilder<HasSecurity, Server> {
        self.secured(InitiatorSecurity::StartTls(tls))
    }
}

impl InitiatorBuilder<HasSecurity, Server> {
    /// Proves the own domain with the TLS config's client certificate, by SASL
    /// EXTERNAL (XEP-0178), if the peer offers that and its own certificate is
    /// good for its domain by `trust`.
    pub fn external(self, trust: Trust) -> Self {
        // XEP-0178 3: the authorization identity is for older servers' sake.
        let authzid = Authzid::new(self.account.domain()).ok();
        let login = Credentials::External { authzid };
        self.with(|server| server.external = Some((trust, login)))
    }

    /// Proves the own domain by dialback (XEP-0220) where EXTERNAL is not to be
    /// had or fails. The peer may then be anyone who is reached under the
    /// domain's address: its certificate does not have to be good, unless the
    /// TLS config's own verifier insists.
    pub fn dialback(self, secret: DialbackSecret) -> Self {
        self.with(|server| server.keys = KeySource::Secret(secret))
    }

    /// The same with keys that the application makes: it is asked by
    /// [`Event::Request`](crate::Event::Request).
    pub fn dialback_keys_by_application(self) -> Self {
        self.with(|server| server.keys = KeySource::Application)
    }

    /// Proves nothing, and sends no stanzas: the stream is for asking whether
    /// keys are genuine ([`Session::verify`](crate::Session::verify)).
    pub fn verify_only(self) -> Self {
        self.with(|server| server.keys = KeySource::VerifyOnly)
    }

    fn with(mut self, change: impl FnOnce(&mut ServerProof)) -> Self {
        let mut server = match self.proof.take() {
            Some(Proof::Server(server)) => server,
            _ => ServerProof::default(),
        };
        change(&mut server);
        self.proof = Some(Proof::Server(server));
        self
    }
}

impl InitiatorBuilder<HasSecurity, Component> {
    /// The secret shared with the server.
    pub fn secret(mut self, secret: ComponentSecret) -> Self {
        self.proof = Some(Proof::Component(secret));
        self
    }

    /// The name in the server's certificate; default: the component's own
    /// domain, of which the server is only a part.
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_name = name.to_string();
        self
    }
}

impl ResponderConfig {
    /// A server for other servers. `random` is as in
    /// [`server`](ResponderConfig::server); a dialback key is only as good as
    /// the stream ids that are made from it.
    pub fn s2s(random: &'static dyn SecureRandom) -> ResponderBuilder<Server> {
        ResponderBuilder::new(Kind::ServerToServer, random)
    }

    /// A server for external components (XEP-0114). The host that is asked for
    /// is the component.
    pub fn component(random: &'static dyn SecureRandom) -> ResponderBuilder<Component> {
        ResponderBuilder::new(Kind::Component, random)
    }
}

impl ResponderBuilder<Server> {
    /// Lets other servers prove their domain by dialback where they do not by
    /// certificate: each domain pair they ask for is an
    /// [`Event::Request`](crate::Event::Request).
    pub fn dialback(mut self) -> Self {
        self.dialback = DialbackPolicy::Allowed;
        self
    }

    /// TLS by STARTTLS, mandatory, with the certificate of the host.
    #[must_use]
    pub fn starttls(self) -> Arc<ResponderConfig> {
        self.build(ResponderSecurity::StartTls)
    }
}

impl HostConfig {
    /// A host for streams from other servers.
    pub fn s2s(domain: &Jid) -> HostBuilder<Server> {
        HostBuilder::new(bare(domain))
    }

    /// A component, as its server sees it: `domain` is the component's.
    pub fn component(domain: &Jid, secret: ComponentSecret) -> HostBuilder<Component> {
        HostBuilder::new(HostConfig {
            component: Some(secret),
            ..bare(domain)
        })
    }
}

impl HostBuilder<Server> {
    /// Offers SASL EXTERNAL to servers whose certificate is good, by `trust`,
    /// for the domain in the `from` of their stream header (XEP-0178). The TLS
    /// config has to ask for certificates, as
    /// [`ServerTls::deferred`](crate::tls::ServerTls::deferred) does.
    pub fn external(mut self, trust: Trust) -> Self {
        self.host.trust = Some(trust);
        self.host.mechanisms = MechanismSet::EMPTY.with(MechanismName::External);
        self
    }

    /// Answers `<db:verify/>` for this domain with keys of this secret.
    /// Without it the application is asked by
    /// [`Event::Request`](crate::Event::Request).
    pub fn dialback_secret(mut self, secret: DialbackSecret) -> Self {
        self.host.dialback = Some(secret);
        self
    }

    /// The config.
    #[must_use]
    pub fn build(self) -> Arc<HostConfig> {
        Arc::new(self.host)
    }
}

impl HostBuilder<Component> {
    /// The config.
    #[must_use]
    pub fn build(self) -> Arc<HostConfig> {
        Arc::new(self.host)
    }
}

/// What an initiating entity proves itself with.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Client(Credentials),
    Server(ServerProof),
    Component(ComponentSecret),
}

impl Proof {
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Client(_) | Self::Component(_) => true,
            Self::Server(server) => {
                server.external.is_some() || !matches!(server.keys, KeySource::None)
            }
        }
    }

    pub(super) fn dialback(&self) -> DialbackPolicy {
        match self {
            Self::Client(_) | Self::Component(_) => DialbackPolicy::Refused,
            Self::Server(server) => match server.keys {
                KeySource::None => DialbackPolicy::Refused,
                KeySource::Secret(_) | KeySource::Application => DialbackPolicy::Allowed,
                KeySource::VerifyOnly => DialbackPolicy::VerifyOnly,
            },
        }
    }
}

/// What an initiating server proves its domain with.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerProof {
    /// By whom the peer's certificate is to be issued for EXTERNAL, and how we
    /// log in then; `None`: not at all.
    pub(crate) external: Option<(Trust, Credentials)>,
    pub(crate) keys: KeySource,
}

/// Where dialback keys come from.
#[derive(Clone, Debug, Default)]
pub(crate) enum KeySource {
    #[default]
    None,
    Secret(DialbackSecret),
    Application,
    VerifyOnly,
}

/// A host that offers nothing.
fn bare(domain: &Jid) -> HostConfig {
    HostConfig {
        domain: domain.domain().to_string(),
        tls: None,
        mechanisms: MechanismSet::EMPTY,
        // Never asked: there are no passwords here.
        decoy: Decoy::new(&[0; 32], 4096),
        features: Vec::new(),
        limits: Limits::server_to_server(),
        usage: None,
        trust: None,
        dialback: None,
        component: None,
        compares_from: false,
    }
}
