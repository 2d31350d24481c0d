//! Configuration of a receiving entity: a server for clients, for other servers, or for external
//! components.
//!
//! It holds what must be known before the peer has named a host; the rest is in
//! [`HostConfig`].

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use super::initiator::is_possible_in_plaintext;
use super::{Client, Component, ConfigError, HasSecurity, HostConfig, Server, WantsSecurity};
use crate::limits::Limits;
use crate::random::Random;
use crate::sm::SmPolicy;
use crate::stream::lang::is_language_tag;
use crate::stream::{
    ConflictPolicy, DialbackPolicy, EarlyElements, Kind, ManagementPolicy, Sasl2Policy, Security,
    StreamPolicy,
};
use crate::tls::ServerTls;
use crate::trace::Trace;
use crate::xml::Scope;

/// Holds what a [`Responder`](crate::Responder) is made from.
#[derive(Clone)]
pub struct ResponderConfig {
    /// The kind of the stream.
    pub(crate) kind: Kind,
    /// Where the protection of the stream comes from.
    pub(crate) security: ResponderSecurity,
    /// The only host. `None` means that the application decides.
    pub(crate) host: Option<Arc<HostConfig>>,
    /// `xml:lang` of the stream.
    pub(crate) lang: String,
    /// The namespaces that the headers declare.
    pub(crate) scope: Arc<Scope>,
    /// The limits until the host is known.
    pub(crate) limits: Limits,
    /// Whether peers may prove their domain by dialback.
    pub(crate) dialback: DialbackPolicy,
    /// What happens to a client's elements that belong to no step of negotiation.
    pub(crate) early_elements: EarlyElements,
    /// How stream management is used, if it is.
    pub(crate) management: Option<Arc<SmPolicy>>,
    /// The randomness for stream ids and nonces.
    pub(crate) random: Arc<dyn Random>,
    /// The hook for traces.
    pub(crate) trace: Option<Arc<dyn Trace>>,
}

/// Says where the protection of a receiving entity's stream comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResponderSecurity {
    /// STARTTLS with the TLS config of the host, mandatory (RFC 6120 5).
    StartTls,
    /// TLS from the first byte (XEP-0368). The resolver of this TLS config chooses the certificate
    /// by SNI.
    DirectTls(ServerTls),
    /// No protection.
    DangerousPlaintext,
}

/// Builds a [`ResponderConfig`].
///
/// `State` is [`WantsSecurity`] until the protection of the stream is chosen, and [`HasSecurity`]
/// after. `For` says who connects: [`Client`]s, [`Server`]s or [`Component`]s.
///
/// ```
/// use xmpp_stream::config::{HostConfig, ResponderConfig};
/// use xmpp_stream::{random::Random, sasl::Decoy, tls::ServerTls};
/// # fn config(tls: ServerTls, random: impl Random + 'static, secret: [u8; 32])
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let host = HostConfig::builder("im.example.com", Decoy::new(&secret, 4096)).tls(tls).build()?;
/// let config = ResponderConfig::server(random).single_host(host).starttls().build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ResponderBuilder<State, For = Client> {
    settings: Settings,
    typestate: PhantomData<(State, For)>,
}

/// The settings so far. They are checked by `build`, when all of them are known.
#[derive(Clone)]
struct Settings {
    kind: Kind,
    security: ResponderSecurity,
    host: Option<Arc<HostConfig>>,
    lang: String,
    /// `None` takes the limits of the single host, or the default of the kind.
    limits: Option<Limits>,
    dialback: DialbackPolicy,
    early_elements: EarlyElements,
    management: Option<Arc<SmPolicy>>,
    random: Arc<dyn Random>,
    trace: Option<Arc<dyn Trace>>,
}

impl ResponderConfig {
    /// Starts the config of a server for clients. `random` is the source of stream ids and nonces,
    /// for instance `secure_random` of the TLS provider.
    pub fn server(random: impl Random + 'static) -> ResponderBuilder<WantsSecurity> {
        ResponderBuilder::new(Kind::ClientToServer, Arc::new(random))
    }

    /// Starts the config of a server for other servers. `random` is as in
    /// [`server`](ResponderConfig::server). Dialback depends on it too, because its keys are made
    /// from stream ids.
    pub fn s2s(random: impl Random + 'static) -> ResponderBuilder<WantsSecurity, Server> {
        ResponderBuilder::new(Kind::ServerToServer, Arc::new(random))
    }

    /// Starts the config of a server for external components (XEP-0114). The host that a peer asks
    /// for is the component's address.
    pub fn component(random: impl Random + 'static) -> ResponderBuilder<WantsSecurity, Component> {
        ResponderBuilder::new(Kind::Component, Arc::new(random))
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
            early_elements: self.early_elements,
            management: match self.management {
                Some(_) => ManagementPolicy::Enable,
                None => ManagementPolicy::Off,
            },
            // Each host says whether it offers it.
            sasl2: Sasl2Policy::On,
        }
    }
}

impl<For> ResponderBuilder<WantsSecurity, For> {
    fn new(kind: Kind, random: Arc<dyn Random>) -> Self {
        Self {
            settings: Settings {
                kind,
                security: ResponderSecurity::DangerousPlaintext,
                host: None,
                lang: "en".to_string(),
                limits: None,
                dialback: DialbackPolicy::Refused,
                early_elements: EarlyElements::Refused,
                management: None,
                random,
                trace: None,
            },
            typestate: PhantomData,
        }
    }

    /// Uses TLS from the first byte, with ALPN `xmpp-client` or `xmpp-server` (XEP-0368). A
    /// component's connection has no ALPN.
    pub fn direct_tls(self, tls: ServerTls) -> ResponderBuilder<HasSecurity, For> {
        self.secured(ResponderSecurity::DirectTls(tls))
    }

    /// Uses no TLS, so that everything can be read and changed on the way.
    pub fn dangerous_plaintext(self) -> ResponderBuilder<HasSecurity, For> {
        self.secured(ResponderSecurity::DangerousPlaintext)
    }

    fn secured(mut self, security: ResponderSecurity) -> ResponderBuilder<HasSecurity, For> {
        self.settings.security = security;
        ResponderBuilder {
            settings: self.settings,
            typestate: PhantomData,
        }
    }
}

impl ResponderBuilder<WantsSecurity, Client> {
    /// Uses STARTTLS, mandatory, with the TLS config of the host.
    pub fn starttls(self) -> ResponderBuilder<HasSecurity, Client> {
        self.secured(ResponderSecurity::StartTls)
    }
}

impl ResponderBuilder<WantsSecurity, Server> {
    /// Uses STARTTLS, mandatory, with the TLS config of the host.
    pub fn starttls(self) -> ResponderBuilder<HasSecurity, Server> {
        self.secured(ResponderSecurity::StartTls)
    }
}

impl<State> ResponderBuilder<State, Client> {
    /// Offers [stream management](crate::sm) (XEP-0198). Each
    /// [`Question::Resume`](crate::event::Question::Resume) of a client that resumes a session is a
    /// [`Decision`](crate::Decision).
    pub fn stream_management(mut self, policy: SmPolicy) -> Self {
        self.settings.management = Some(Arc::new(policy));
        self
    }

    /// Sets what happens to elements of protocols that this crate does not know, and to requests
    /// to the server, before a client is bound: registration before SASL (XEP-0077), for example.
    ///
    /// With [`EarlyElements::Delivered`] they arrive as [`Event::Element`](crate::Event::Element)
    /// and [`Event::Stanza`](crate::Event::Stanza) before
    /// [`Event::Established`](crate::Event::Established), once TLS is complete, and
    /// [`Connection::negotiating`](crate::Connection::negotiating) answers them. The client is not
    /// authenticated, or not bound, so the deadlines of negotiation hold, and until SASL the limit
    /// on elements before authentication. Stanzas to anybody else still end the stream (RFC 6120
    /// 7.1).
    ///
    /// How many elements may come is not limited: reading one costs no more than its bytes, and
    /// [`Limits::negotiation_timeout`] ends the stream. An application for which one costs more, an
    /// entry in a database for example, counts them itself, and ends the stream by
    /// [`Connection::fail`](crate::Connection::fail).
    pub fn early_elements(mut self, elements: EarlyElements) -> Self {
        self.settings.early_elements = elements;
        self
    }
}

impl<State> ResponderBuilder<State, Server> {
    /// Lets other servers prove their domain by dialback if they do not prove it by a certificate.
    /// Each domain pair they ask for is an [`Event::Request`](crate::Event::Request), up to
    /// [`Limits::requests`] at a time.
    pub fn dialback(mut self) -> Self {
        self.settings.dialback = DialbackPolicy::Allowed;
        self
    }
}

impl<State, For> ResponderBuilder<State, For> {
    /// Sets the only host. A stream to it is served, and any other is refused with
    /// `<host-unknown/>`, without asking the application.
    pub fn single_host(mut self, host: Arc<HostConfig>) -> Self {
        self.settings.host = Some(host);
        self
    }

    /// Sets `xml:lang` of the stream, a language tag (RFC 6120 4.7.4). The default is `en`. It is
    /// the only language offered, whatever the peer asks for; if the peer asks for the same one, it
    /// is spelled as the peer spells it.
    pub fn lang(mut self, lang: &str) -> Self {
        self.settings.lang = lang.to_string();
        self
    }

    /// Sets a hook that is told of everything that happens on the connection
    /// ([`trace`](crate::trace)). By default there is none.
    pub fn trace(mut self, trace: Arc<dyn Trace>) -> Self {
        self.settings.trace = Some(trace);
        self
    }

    /// Sets the limits until the host is known. The default is those of the single host; without
    /// one it is [`Limits::server`], for servers and components [`Limits::server_to_server`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = Some(limits);
        self
    }
}

impl<For> ResponderBuilder<HasSecurity, For> {
    /// Checks the settings and builds the config.
    ///
    /// # Errors
    /// Returns the first [`ConfigError`] found.
    pub fn build(self) -> Result<Arc<ResponderConfig>, ConfigError> {
        self.settings.build().map(Arc::new)
    }
}

impl Settings {
    fn build(self) -> Result<ResponderConfig, ConfigError> {
        if !is_language_tag(&self.lang) {
            return Err(ConfigError::Lang);
        }
        if let Some(host) = &self.host {
            self.check_host(host)?;
        }
        let limits = self
            .limits
            .unwrap_or_else(|| match (&self.host, self.kind) {
                (Some(host), _) => host.limits,
                (None, Kind::ClientToServer) => Limits::server(),
                (None, Kind::ServerToServer | Kind::Component) => Limits::server_to_server(),
            });
        Ok(ResponderConfig {
            kind: self.kind,
            security: self.security,
            host: self.host,
            lang: self.lang,
            scope: Arc::new(self.kind.scope()),
            limits,
            dialback: self.dialback,
            early_elements: self.early_elements,
            management: self.management,
            random: self.random,
            trace: self.trace,
        })
    }

    fn check_host(&self, host: &HostConfig) -> Result<(), ConfigError> {
        if host.kind != self.kind {
            return Err(ConfigError::HostKind);
        }
        if matches!(self.security, ResponderSecurity::StartTls) && host.tls.is_none() {
            return Err(ConfigError::HostWithoutTls);
        }
        let is_plaintext = matches!(self.security, ResponderSecurity::DangerousPlaintext);
        let can_authenticate = match self.kind {
            Kind::Component => true,
            Kind::ServerToServer if self.dialback == DialbackPolicy::Allowed => true,
            Kind::ClientToServer | Kind::ServerToServer => host
                .mechanisms
                .iter()
                .any(|mechanism| !is_plaintext || is_possible_in_plaintext(mechanism)),
        };
        match can_authenticate {
            true => Ok(()),
            false => Err(ConfigError::NoMechanism),
        }
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

impl<State, For> fmt::Debug for ResponderBuilder<State, For> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponderBuilder")
            .field("kind", &self.settings.kind)
            .field("host", &self.settings.host)
            .finish_non_exhaustive()
    }
}
