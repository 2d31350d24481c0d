//! Configuration of a receiving entity, and of the hosts it serves.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use rustls::crypto::SecureRandom;

use super::ConfigError;
use super::servers::Client;
use crate::component::ComponentSecret;
use crate::dialback::DialbackSecret;
use crate::limits::Limits;
use crate::reset::UsagePolicy;
use crate::sasl::{Decoy, MechanismSet};
use crate::stream::{
    ConflictPolicy, DialbackPolicy, FeatureXml, Kind, StreamPolicy, Security, lang::is_language_tag,
};
use crate::tls::ServerTls;
use crate::tls::identity::Trust;

/// What a [`Responder`](crate::Responder) is made from.
#[derive(Clone)]
pub struct ResponderConfig {
    pub(crate) kind: Kind,
    pub(crate) security: ResponderSecurity,
    /// The only host; `None`: the application is asked.
    pub(crate) host: Option<Arc<HostConfig>>,
    pub(crate) lang: String,
    /// Until the host is known.
    pub(crate) limits: Limits,
    pub(crate) dialback: DialbackPolicy,
    pub(crate) random: &'static dyn SecureRandom,
}

/// Where the protection of the stream comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResponderSecurity {
    /// STARTTLS with the host's certificate, mandatory (RFC 6120 5).
    StartTls,
    /// TLS from the first byte (XEP-0368); the certificate is chosen by SNI,
    /// by the config's own resolver.
    DirectTls(ServerTls),
    /// None.
    DangerousPlaintext,
}

/// A host that is served: its certificate, mechanisms and limits.
#[derive(Clone)]
pub struct HostConfig {
    pub(crate) domain: String,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) mechanisms: MechanismSet,
    pub(crate) decoy: Decoy,
    pub(crate) features: Vec<FeatureXml>,
    pub(crate) limits: Limits,
    pub(crate) usage: Option<UsagePolicy>,
    /// Whose certificates prove a server's domain.
    pub(crate) trust: Option<Trust>,
    /// What answers `<db:verify/>`.
    pub(crate) dialback: Option<DialbackSecret>,
    pub(crate) component: Option<ComponentSecret>,
    /// A client's `from` has to be the address of whom SASL found.
    pub(crate) compares_from: bool,
}

/// Builds a [`ResponderConfig`]. `For` says who connects: [`Client`]s,
/// [`Server`](super::Server)s or [`Component`](super::Component)s.
#[derive(Clone)]
#[must_use]
pub struct ResponderBuilder<For = Client> {
    kind: Kind,
    random: &'static dyn SecureRandom,
    host: Option<Arc<HostConfig>>,
    lang: String,
    limits: Limits,
    pub(super) dialback: DialbackPolicy,
    connects: PhantomData<For>,
}

/// Builds a [`HostConfig`]. `For` says who connects, as in
/// [`ResponderBuilder`].
#[derive(Clone)]
#[must_use]
pub struct HostBuilder<For = Client> {
    pub(super) host: HostConfig,
    connects: PhantomData<For>,
}

impl ResponderConfig {
    /// A server for clients. `random` is where stream ids and nonces come
    /// from, for instance the TLS provider's `secure_random`.
    pub fn server(random: &'static dyn SecureRandom) -> ResponderBuilder {
        ResponderBuilder::new(Kind::ClientToServer, random)
    }

    pub(crate) fn policy(&self) -> StreamPolicy {
        StreamPolicy {
            kind: self.kind,
            security: match self.security {
                ResponderSecurity::StartTls => Security::StartTls,
                ResponderSecurity::DirectTls(_) => Security::DirectTls,
                ResponderSecurity::DangerousPlaintext => Security::Plaintext,
            },
            sasl_attempts: self.limits.sasl_attempts(),
            conflict: ConflictPolicy::default(),
            dialback: self.dialback,
        }
    }
}

impl<For> ResponderBuilder<For> {
    pub(super) fn new(kind: Kind, random: &'static dyn SecureRandom) -> Self {
        Self {
            kind,
            random,
            host: None,
            lang: "en".to_string(),
            limits: match kind {
                Kind::ClientToServer => Limits::server(),
                Kind::ServerToServer | Kind::Component => Limits::server_to_server(),
            },
            dialback: DialbackPolicy::Refused,
            connects: PhantomData,
        }
    }

    /// There is one host: a stream to it is served, any other refused with
    /// `<host-unknown/>`, and the application is not asked.
    pub fn single_host(mut self, host: Arc<HostConfig>) -> Self {
        self.limits = host.limits;
        self.host = Some(host);
        self
    }

    /// `xml:lang` of the stream: the one language we speak, whatever the peer
    /// asks for, spelled as the peer does (RFC 6120 4.7.4); default `en`. What
    /// is no language tag is passed over.
    pub fn lang(mut self, lang: &str) -> Self {
        if is_language_tag(lang) {
            self.lang = lang.to_string();
        }
        self
    }

    /// The limits until the host is known; default [`Limits::server`], for
    /// servers and components [`Limits::server_to_server`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// TLS from the first byte, with ALPN `xmpp-client` or `xmpp-server`
    /// (XEP-0368); for components without.
    #[must_use]
    pub fn direct_tls(self, tls: ServerTls) -> Arc<ResponderConfig> {
        self.build(ResponderSecurity::DirectTls(tls))
    }

    /// No TLS: everything can be read and changed on the way.
    #[must_use]
    pub fn dangerous_plaintext(self) -> Arc<ResponderConfig> {
        self.build(ResponderSecurity::DangerousPlaintext)
    }

    pub(super) fn build(self, security: ResponderSecurity) -> Arc<ResponderConfig> {
        Arc::new(ResponderConfig {
            kind: self.kind,
            security,
            host: self.host,
            lang: self.lang,
            limits: self.limits,
            dialback: self.dialback,
            random: self.random,
        })
    }
}

impl ResponderBuilder<Client> {
    /// TLS by STARTTLS, mandatory, with the certificate of the host.
    #[must_use]
    pub fn starttls(self) -> Arc<ResponderConfig> {
        self.build(ResponderSecurity::StartTls)
    }
}

impl HostConfig {
    /// A host. `decoy` is what unknown users are answered with
    /// ([`sasl::Decoy`](crate::sasl::Decoy)). The mechanisms are all SCRAM
    /// forms until [`HostBuilder::mechanisms`] says otherwise.
    pub fn builder(domain: &str, decoy: Decoy) -> HostBuilder {
        HostBuilder::new(Self {
            domain: domain.to_ascii_lowercase(),
            tls: None,
            mechanisms: MechanismSet::scram(),
            decoy,
            features: Vec::new(),
            limits: Limits::server(),
            usage: None,
            trust: None,
            dialback: None,
            component: None,
            compares_from: true,
        })
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    pub(crate) fn usage(&self) -> UsagePolicy {
        self.usage.unwrap_or_else(|| UsagePolicy {
            reserve_records: UsagePolicy::reserve_for(self.limits.outbox_bytes()),
            ..UsagePolicy::default()
        })
    }
}

impl HostBuilder<Client> {
    /// The mechanisms to offer. Of these a stream is offered what fits it:
    /// -PLUS where there is a channel binding, EXTERNAL where the client has
    /// shown a verified certificate, PLAIN under TLS.
    pub fn mechanisms(mut self, mechanisms: MechanismSet) -> Self {
        self.host.mechanisms = mechanisms;
        self
    }

    /// A client may say in the `from` of its header that it is somebody else
    /// than SASL found. The application decides what to make of that: it is told
    /// `from` ([`StreamOpened`](crate::event::StreamOpened)) before it is asked
    /// who somebody is.
    ///
    /// Without this word the two are compared wherever TLS protects the header,
    /// and the stream ends with `<invalid-from/>` if they differ: in the place
    /// of `<success/>`, or at the header behind it (RFC 6120 6.4.6, 4.9.3.9).
    /// `from` has to be the name the application answered with, read as the
    /// local part of an address of this host or, with an `@` in it, as a bare
    /// address; or the authorization identity, if the client gave one. So this
    /// word is for applications whose user names are something else, and for
    /// those that assign addresses: by what a certificate says, or for
    /// ANONYMOUS to clients that say they are somebody.
    pub fn from_may_differ(mut self) -> Self {
        self.host.compares_from = false;
        self
    }

    /// The config.
    ///
    /// # Errors
    /// [`ConfigError::NoMechanism`].
    pub fn build(self) -> Result<Arc<HostConfig>, ConfigError> {
        if self.host.mechanisms.is_empty() {
            return Err(ConfigError::NoMechanism);
        }
        Ok(Arc::new(self.host))
    }
}

impl<For> HostBuilder<For> {
    pub(super) const fn new(host: HostConfig) -> Self {
        Self {
            host,
            connects: PhantomData,
        }
    }

    /// TLS for STARTTLS.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.host.tls = Some(tls);
        self
    }

    /// A further stream feature, written behind ours once the peer is
    /// authenticated.
    pub fn feature(mut self, feature: FeatureXml) -> Self {
        self.host.features.push(feature);
        self
    }

    /// The limits; default [`Limits::server`], for servers and components
    /// [`Limits::server_to_server`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.host.limits = limits;
        self
    }

    /// When a stream wants a reset.
    pub fn usage(mut self, policy: UsagePolicy) -> Self {
        self.host.usage = Some(policy);
        self
    }
}

impl fmt::Debug for ResponderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponderConfig")
            .field("kind", &self.kind)
            .field("security", &self.security)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl<For> fmt::Debug for ResponderBuilder<For> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponderBuilder")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HostConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostConfig")
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
