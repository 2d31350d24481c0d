//! The same machine in either role, over any carrier.

use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection};
use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Connection, Negotiation};

use super::START;
use super::configs::{FIXED, alice, anonymous_host};
use super::hostile_tls::HostileTls;
use super::phases::{
    AUTH_ANONYMOUS, OFFER_ANONYMOUS, OFFER_BIND, OFFER_STARTTLS, PROCEED, STARTTLS, SUCCESS,
};
use super::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, name, pki, sessions};
use super::scenarios::{WireItem, texts};

/// What carries the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Plain,
    StartTls(Version),
    DirectTls(Version),
}

impl Carrier {
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::DirectTls(TLS12),
        Self::DirectTls(TLS13),
        Self::StartTls(TLS12),
    ];

    pub fn version(self) -> Option<Version> {
        match self {
            Self::Plain => None,
            Self::StartTls(version) | Self::DirectTls(version) => Some(version),
        }
    }
}

/// The two sides' TLS configs. Clones share tickets.
#[derive(Clone)]
pub struct TlsPair {
    pub client: rustls::ClientConfig,
    pub server: rustls::ServerConfig,
}

impl TlsPair {
    pub fn new(version: Version) -> Self {
        let setup = Setup::new(Crypto::Ring, version);
        Self::of(&setup)
    }

    pub fn of(setup: &Setup) -> Self {
        Self {
            client: pki().client(setup),
            server: pki().server(setup, Leaf::Valid),
        }
    }

    /// Without resumption: every connection begins the same.
    pub fn without_tickets(mut self) -> Self {
        self.client.resumption = rustls::client::Resumption::disabled();
        self
    }

    /// With client certificates.
    pub fn mutual(version: Version) -> Self {
        let setup = Setup::new(Crypto::Ring, version);
        Self {
            client: pki().client_with_certificate(&setup),
            server: pki().server_with_client_auth(&setup, Leaf::Valid),
        }
    }
}

/// A role under test.
pub trait Role: Negotiation {
    const NAME: &'static str;

    fn machine(carrier: Carrier, tls: &TlsPair, limits: Option<Limits>) -> Connection<Self>;
    /// The peer's end of TLS, which can be made hostile.
    fn peer(tls: &TlsPair) -> HostileTls;
    /// The peer's end of TLS.
    fn tls_peer(tls: &TlsPair) -> rustls::Connection;
    /// What the peer writes before TLS, where STARTTLS is used.
    fn starttls() -> Vec<WireItem>;
    /// What the peer writes until the stream is established.
    fn login() -> Vec<WireItem>;
}

const HEADER_OF_SERVER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='localhost' version='1.0' \
    xml:lang='en'>";
const HEADER_OF_CLIENT: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0' xml:lang='en'>";

impl Role for InitiatorRole {
    const NAME: &'static str = "initiator";

    fn machine(carrier: Carrier, tls: &TlsPair, limits: Option<Limits>) -> Connection<Self> {
        let builder = InitiatorConfig::client(&alice());
        let tls = || ClientTls::new(Arc::new(tls.client.clone()));
        let builder = match carrier {
            Carrier::Plain => builder.dangerous_plaintext(&FIXED),
            Carrier::StartTls(_) => builder.starttls(tls()),
            Carrier::DirectTls(_) => builder.direct_tls(tls()),
        };
        let config = builder
            .credentials(Credentials::Anonymous)
            .limits(limits.unwrap_or(Limits::client()))
            .random(&FIXED)
            .build()
            .unwrap();
        Connection::new(config, START)
    }

    fn peer(tls: &TlsPair) -> HostileTls {
        HostileTls::server(tls.server.clone())
    }

    fn tls_peer(tls: &TlsPair) -> rustls::Connection {
        let server = ServerConnection::new(Arc::new(tls.server.clone()));
        server.unwrap().into()
    }

    fn starttls() -> Vec<WireItem> {
        texts(&[HEADER_OF_SERVER, OFFER_STARTTLS, PROCEED])
    }

    fn login() -> Vec<WireItem> {
        texts(&[
            HEADER_OF_SERVER,
            OFFER_ANONYMOUS,
            SUCCESS,
            HEADER_OF_SERVER,
            OFFER_BIND,
            "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>alice@localhost/desk</jid></bind></iq>",
        ])
    }
}

impl Role for ResponderRole {
    const NAME: &'static str = "responder";

    fn machine(carrier: Carrier, tls: &TlsPair, limits: Option<Limits>) -> Connection<Self> {
        let tls = || ServerTls::new(Arc::new(tls.server.clone())).resumable(sessions());
        let builder = ResponderConfig::server(&FIXED).limits(limits.unwrap_or(Limits::server()));
        let config = match carrier {
            Carrier::Plain => builder.dangerous_plaintext(),
            Carrier::StartTls(_) => builder
                .single_host(anonymous_host(Some(tls()), limits))
                .starttls(),
            Carrier::DirectTls(_) => builder.direct_tls(tls()),
        };
        Connection::new(config.build().unwrap(), START)
    }

    fn peer(tls: &TlsPair) -> HostileTls {
        HostileTls::client(tls.client.clone(), name("localhost"))
    }

    fn tls_peer(tls: &TlsPair) -> rustls::Connection {
        let client = ClientConnection::new(Arc::new(tls.client.clone()), name("localhost"));
        client.unwrap().into()
    }

    fn starttls() -> Vec<WireItem> {
        texts(&[HEADER_OF_CLIENT, STARTTLS])
    }

    fn login() -> Vec<WireItem> {
        texts(&[
            HEADER_OF_CLIENT,
            AUTH_ANONYMOUS,
            HEADER_OF_CLIENT,
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>desk</resource></bind></iq>",
        ])
    }
}
