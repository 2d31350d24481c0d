//! A session and a hostile peer that have completed an honest handshake.

use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use xmpp_stream::tls::{ClientTls, Resumption, ServerTls, TlsLimits, TlsSession};

use crate::attacks::Role;
use crate::common::hostile_tls::HostileTls;
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, Version, name, pki, sessions};
use crate::common::tls_driver::{Driver, Feed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Full,
    Resumed,
}

/// Configs of a session and a hostile peer that can resume if they should.
pub struct Lab {
    role: Role,
    kind: Kind,
    client: ClientConfig,
    pub server: ServerConfig,
}

impl Lab {
    pub fn new(role: Role, version: Version, crypto: Crypto, suite: &str, kind: Kind) -> Self {
        let setup = Setup::new(crypto, version).suites(suite);
        let mut server = pki().server(&setup, Leaf::Valid);
        if kind == Kind::Resumed {
            server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        }
        let client = pki().client(&setup);
        Self {
            role,
            kind,
            client,
            server,
        }
    }

    pub fn connect(&self, feed: Feed) -> (Driver, HostileTls) {
        let (mut driver, mut peer) = self.pair(feed);
        driver.handshake(&mut peer);
        let expected = match self.kind {
            Kind::Full => HandshakeKind::Full,
            Kind::Resumed => HandshakeKind::Resumed,
        };
        assert_eq!(peer.kind(), expected);
        (driver, peer)
    }

    /// Both ends before the handshake. To resume, they have met before.
    pub fn pair(&self, feed: Feed) -> (Driver, HostileTls) {
        let mut client = self.client.clone();
        client.resumption = rustls::client::Resumption::in_memory_sessions(4);
        if self.kind == Kind::Resumed {
            let (mut driver, mut peer) = self.ends(&client, feed);
            driver.handshake(&mut peer);
        }
        self.ends(&client, feed)
    }

    fn ends(&self, client: &ClientConfig, feed: Feed) -> (Driver, HostileTls) {
        let limits = TlsLimits::default();
        let (session, peer) = match self.role {
            Role::Client => {
                let tls = ClientTls::new(Arc::new(client.clone()));
                let resumption = match self.kind {
                    Kind::Full => Resumption::Forbidden,
                    Kind::Resumed => Resumption::Allowed,
                };
                let session = TlsSession::client(&tls, name(DOMAIN), &[], resumption, limits);
                (session, HostileTls::server(self.server.clone()))
            }
            Role::Server => {
                let tls = ServerTls::new(Arc::new(self.server.clone()));
                let tls = match self.kind {
                    Kind::Full => tls,
                    Kind::Resumed => tls.resumable(sessions()),
                };
                let session = TlsSession::server(&tls, &[], limits);
                (session, HostileTls::client(client.clone(), name(DOMAIN)))
            }
        };
        (Driver::new(session.unwrap(), feed), peer)
    }

    /// A peer that has completed the handshake for its part and holds back its
    /// last flight: in TLS 1.2 a server after a full handshake and a client
    /// after a resumed one, in TLS 1.3 a client.
    pub fn last_flight(&self, feed: Feed) -> (Driver, HostileTls, Vec<u8>) {
        let (mut driver, mut peer) = self.pair(feed);
        for _ in 0..10 {
            let flight = peer.output();
            if !peer.honest().is_handshaking() {
                return (driver, peer, flight);
            }
            driver.feed(&flight);
            peer.receive(&driver.take_out());
        }
        panic!("no last flight");
    }
}
