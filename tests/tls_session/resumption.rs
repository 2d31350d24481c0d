//! Tickets and resumption (RFC 6120 3.3, 4.9.3.16).

use std::sync::Arc;

use rustls::ServerConfig;
use xmpp_stream::tls::{
    ChannelBinding, ClientTls, HandshakeKind, Resumption, SealError, ServerTls, TlsLimits,
    TlsSession,
};

use crate::common::hostile_tls::HostileTls;
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, Version, name, pki};
use crate::common::tls_driver::{Driver, Feed};
use crate::{VERSIONS, client_with, server_with};

fn setup(version: Version) -> Setup {
    Setup::new(Crypto::Ring, version)
}

fn ticketing_server(version: Version) -> ServerConfig {
    let mut config = pki().server(&setup(version), Leaf::Valid);
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    config
}

/// One connection of our client; how the handshake was.
fn visit(tls: &ClientTls, server: &ServerConfig, resumption: Resumption) -> Driver {
    let session = TlsSession::client(tls, name(DOMAIN), &[], resumption, TlsLimits::default());
    let mut driver = Driver::new(session.unwrap(), Feed::Whole);
    driver.handshake(&mut HostileTls::server(server.clone()));
    driver
}

fn kind(driver: &Driver) -> HandshakeKind {
    driver.session.established().unwrap().handshake()
}

#[test]
fn rfc6120_3_3_3_a_client_resumes_and_stays_verified() {
    for version in VERSIONS {
        let server = ticketing_server(version);
        let tls = ClientTls::new(Arc::new(pki().client(&setup(version))));
        let first = visit(&tls, &server, Resumption::Allowed);
        assert_eq!(kind(&first), HandshakeKind::Full);
        let second = visit(&tls, &server, Resumption::Allowed);
        assert_eq!(kind(&second), HandshakeKind::Resumed);
        assert!(second.session.verified().is_some());
        // The certificate is that of the first handshake, and so its binding.
        let end_point = |driver: &Driver| {
            let binding = driver
                .session
                .channel_binding(ChannelBinding::TlsServerEndPoint);
            binding.unwrap().as_bytes().to_vec()
        };
        assert_eq!(end_point(&first), end_point(&second));
    }
}

#[test]
fn rfc6120_4_9_3_16_2_forbidden_resumption_gives_full_handshakes_and_keeps_nothing() {
    for version in VERSIONS {
        let server = ticketing_server(version);
        let tls = ClientTls::new(Arc::new(pki().client(&setup(version))));
        for _ in 0..2 {
            let driver = visit(&tls, &server, Resumption::Forbidden);
            assert_eq!(kind(&driver), HandshakeKind::Full);
        }
        // Nothing of these was kept.
        let driver = visit(&tls, &server, Resumption::Allowed);
        assert_eq!(kind(&driver), HandshakeKind::Full);
        // Tickets of earlier sessions are there, and not offered.
        let forbidden = hello(&tls, Resumption::Forbidden);
        let allowed = hello(&tls, Resumption::Allowed);
        assert!(forbidden.len() < allowed.len(), "no session to offer");
        let driver = visit(&tls, &server, Resumption::Forbidden);
        assert_eq!(kind(&driver), HandshakeKind::Full);
    }
}

/// The user's config wants early data, and the server would take it. What is sent before the
/// handshake is complete can be replayed.
#[test]
fn a_client_offers_no_early_data_even_if_its_config_does() {
    const EARLY_DATA: [u8; 4] = [0, 42, 0, 0];
    let version = VERSIONS[1];
    // Only sessions a server keeps itself allow for early data.
    let mut server = pki().server(&setup(version), Leaf::Valid);
    server.max_early_data_size = 1000;
    let mut config = pki().client(&setup(version));
    config.enable_early_data = true;
    // A client of rustls's does offer it.
    let honest = Arc::new(config.clone());
    let mut early = rustls::ClientConnection::new(honest.clone(), name(DOMAIN)).unwrap();
    let mut other = rustls::ServerConnection::new(Arc::new(server.clone())).unwrap();
    for _ in 0..4 {
        let (mut to, mut from) = (Vec::new(), Vec::new());
        early.write_tls(&mut to).unwrap();
        other.read_tls(&mut &to[..]).unwrap();
        other.process_new_packets().unwrap();
        other.write_tls(&mut from).unwrap();
        early.read_tls(&mut &from[..]).unwrap();
        early.process_new_packets().unwrap();
    }
    let mut early = rustls::ClientConnection::new(honest, name(DOMAIN)).unwrap();
    let mut offer = Vec::new();
    early.write_tls(&mut offer).unwrap();
    assert!(offer.windows(4).any(|w| w == EARLY_DATA));
    for tls in [
        ClientTls::new(Arc::new(config.clone())),
        ClientTls::deferred(Arc::new(config)),
    ] {
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let offer = hello(&tls, Resumption::Allowed);
            assert!(!offer.windows(4).any(|w| w == EARLY_DATA), "{expected}");
            let driver = visit(&tls, &server, Resumption::Allowed);
            // The store is the config's, in which the first session is already.
            let kind = kind(&driver);
            assert!(kind == expected || kind == HandshakeKind::Resumed);
        }
        assert_eq!(
            kind(&visit(&tls, &server, Resumption::Allowed)),
            HandshakeKind::Resumed
        );
    }
}

/// The same for a server, whose tickets say how much early data it takes.
#[test]
fn a_server_accepts_no_early_data_and_sends_none_even_if_its_config_does() {
    let version = VERSIONS[1];
    let mut config = pki().server(&setup(version), Leaf::Valid);
    config.max_early_data_size = 1000;
    config.send_half_rtt_data = true;
    let tls = ServerTls::new(Arc::new(config)).tickets(true);
    let mut client = pki().client(&setup(version));
    client.enable_early_data = true;
    for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
        let mut driver = server_with(&tls, Feed::Whole);
        let mut peer = HostileTls::client(client.clone(), name(DOMAIN));
        let rustls::Connection::Client(honest) = peer.honest() else {
            panic!("a client");
        };
        assert!(honest.early_data().is_none());
        driver.feed(&peer.output());
        assert!(driver.session.is_handshaking());
        assert_eq!(driver.seal(b"half-RTT"), Err(SealError::NotEstablished));
        peer.receive(&driver.take_out());
        driver.handshake(&mut peer);
        assert_eq!(peer.kind(), expected);
    }
}

/// The ClientHello of a connection.
fn hello(tls: &ClientTls, resumption: Resumption) -> Vec<u8> {
    let session = TlsSession::client(tls, name(DOMAIN), &[], resumption, TlsLimits::default());
    Driver::new(session.unwrap(), Feed::Whole).take_out()
}

#[test]
fn rfc6120_4_9_3_16_2_a_new_session_store_forgets_the_old_one_for_good() {
    for version in VERSIONS {
        let server = ticketing_server(version);
        let tls = ClientTls::new(Arc::new(pki().client(&setup(version))));
        visit(&tls, &server, Resumption::Allowed);
        let disabled = tls
            .clone()
            .session_store(rustls::client::Resumption::disabled());
        let fresh = tls.session_store(rustls::client::Resumption::in_memory_sessions(4));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let driver = visit(&fresh, &server, Resumption::Allowed);
            assert_eq!(kind(&driver), expected);
            let driver = visit(&disabled, &server, Resumption::Allowed);
            assert_eq!(kind(&driver), HandshakeKind::Full);
        }
    }
}

#[test]
fn a_server_issues_tickets_only_if_told_to() {
    for version in VERSIONS {
        let config = Arc::new(ticketing_server(version));
        for (tickets, expected) in [
            (false, rustls::HandshakeKind::Full),
            (true, rustls::HandshakeKind::Resumed),
        ] {
            let tls = ServerTls::new(config.clone()).tickets(tickets);
            let client = pki().client(&setup(version));
            for expected in [rustls::HandshakeKind::Full, expected] {
                let mut driver = server_with(&tls, Feed::Whole);
                let mut peer = HostileTls::client(client.clone(), name(DOMAIN));
                driver.handshake(&mut peer);
                assert_eq!(peer.kind(), expected, "{version:?}");
                let issued = peer.tickets_received();
                assert_eq!(issued > 0, tickets && version == VERSIONS[1]);
                let info = driver.session.established().unwrap();
                assert_eq!(info.server_name(), Some(DOMAIN));
                // No certificate was sent on resumption.
                let binding = driver
                    .session
                    .channel_binding(ChannelBinding::TlsServerEndPoint);
                let full = expected == rustls::HandshakeKind::Full;
                assert_eq!(binding.is_some(), full);
            }
        }
    }
}

/// Without a ticketer rustls would keep sessions in memory.
#[test]
fn a_server_keeps_no_sessions_unless_told_to() {
    for version in VERSIONS {
        let config = pki().server(&setup(version), Leaf::Valid);
        for (tickets, expected) in [(false, HandshakeKind::Full), (true, HandshakeKind::Resumed)] {
            let server = ServerTls::new(Arc::new(config.clone())).tickets(tickets);
            let client = ClientTls::new(Arc::new(pki().client(&setup(version))));
            for expected in [HandshakeKind::Full, expected] {
                let mut one = client_with(&client, Feed::Whole);
                let mut other = server_with(&server, Feed::Whole);
                crate::connect(&mut one, &mut other);
                assert_eq!(kind(&one), expected);
                assert_eq!(kind(&other), expected);
            }
        }
    }
}
