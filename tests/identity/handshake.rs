//! Any certificate passes a deferred handshake, and nothing but
//! `verify_peer` makes it count.

use std::sync::Arc;

use rcgen::ExtendedKeyUsagePurpose as Usage;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use xmpp_stream::tls::identity::{IdentityError, Purpose};
use xmpp_stream::tls::{
    CertificateReason, ClientTls, HandshakeKind, Resumption, ServerTls, TlsLimits, TlsReasonKind,
    TlsSession, TlsStep, Verification,
};

use crate::authority::San::{Dns, Xmpp};
use crate::authority::{Authority, authority, common_name_only, for_names};
use crate::common::pki::{Crypto, Identity, Setup, TLS12, TLS13, Version, name, pki};
use crate::{DOMAIN, NOW, trust};

const VERSIONS: [Version; 2] = [TLS12, TLS13];

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(Crypto::Ring.provider())
}

/// A server that opens a stream, presenting what it is given.
fn opening(version: Version, own: Option<&Identity>) -> ClientTls {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        // Would refuse everybody, and is not asked.
        .with_root_certificates(RootCertStore::empty());
    ClientTls::deferred(Arc::new(match own {
        Some(own) => config
            .with_client_auth_cert(own.chain.clone(), own.key())
            .unwrap(),
        None => config.with_no_client_auth(),
    }))
}

/// A server that takes streams of others.
fn taking(version: Version, own: &Identity) -> ServerTls {
    let key = CertifiedKey::from_der(own.chain.clone(), own.key(), &provider()).unwrap();
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap();
    ServerTls::deferred(builder, Arc::new(SingleCertAndKey::from(key)))
}

/// Both ends of a handshake, and how each one ended.
struct Ends {
    client: TlsSession,
    server: TlsSession,
    client_step: TlsStep,
    server_step: TlsStep,
}

fn handshake(client: &ClientTls, server: &ServerTls) -> Ends {
    handshake_with(client, server, Resumption::Forbidden)
}

fn handshake_with(client: &ClientTls, server: &ServerTls, resumption: Resumption) -> Ends {
    let limits = TlsLimits::default();
    let mut client = TlsSession::client(client, name(DOMAIN), &[], resumption, limits).unwrap();
    let mut server = TlsSession::server(server, &[], limits).unwrap();
    assert!(client.peer_jids().is_empty());
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let (mut client_step, mut server_step) = (TlsStep::NeedMore, TlsStep::NeedMore);
    for _ in 0..10 {
        client_step = turn(&mut client, &mut to_client, &mut to_server);
        server_step = turn(&mut server, &mut to_server, &mut to_client);
    }
    Ends {
        client,
        server,
        client_step,
        server_step,
    }
}

fn turn(session: &mut TlsSession, input: &mut Vec<u8>, out: &mut Vec<u8>) -> TlsStep {
    loop {
        let taken = session.push(input);
        input.drain(..taken);
        match session.poll(out, &mut |_| panic!("text")) {
            TlsStep::NeedMore if input.is_empty() => return TlsStep::NeedMore,
            TlsStep::NeedMore | TlsStep::Continue | TlsStep::Established => {}
            end => return end,
        }
    }
}

#[test]
fn any_certificate_passes_and_only_verify_peer_makes_it_count() {
    let root = Authority::root(authority("root"));
    let stranger = Authority::root(authority("stranger"));
    let trust = trust(Crypto::Ring, &[&root]);
    let good = || for_names(&[Dns(DOMAIN)]).usage(&[Usage::ServerAuth]);
    let mismatch = "certificate-name-mismatch";
    let peers = [
        ("good", root.issue(&good()), "ok"),
        (
            "wrong name",
            root.issue(&for_names(&[Dns("a.example")])),
            mismatch,
        ),
        ("no name", root.issue(&common_name_only(DOMAIN)), mismatch),
        (
            "expired",
            root.issue(&good().valid(2000, 2001)),
            "certificate-expired",
        ),
        (
            "unknown issuer",
            stranger.issue(&good()),
            "certificate-unknown-issuer",
        ),
        (
            "self-signed",
            good().self_signed(),
            "certificate-self-signed",
        ),
    ];
    for version in VERSIONS {
        for (what, peer, expected) in &peers {
            let ends = handshake(&opening(version, Some(peer)), &taking(version, peer));
            for (session, purpose) in [
                (&ends.client, Purpose::ServerAsServer),
                (&ends.server, Purpose::ServerAsClient),
            ] {
                let info = session.established().expect(what);
                assert_eq!(info.peer_certificates(), peer.chain);
                assert!(!info.peer_verified());
                assert!(session.encrypted().is_some());
                assert!(session.verified().is_none(), "{what}");
                let verdict = session.verify_peer(&trust, DOMAIN, purpose, NOW);
                let found = verdict.as_ref().map_or_else(IdentityError::code, |_| "ok");
                println!("{:?} {purpose:?} {what}: {found}", info.version());
                assert_eq!(found, *expected);
                // The proof is the caller's to keep.
                assert!(session.verified().is_none());
            }
        }
    }
}

#[test]
fn a_server_asks_for_a_certificate_and_does_not_insist() {
    let root = Authority::root(authority("root"));
    let trust = trust(Crypto::Ring, &[&root]);
    let own = root.issue(&for_names(&[Dns(DOMAIN)]));
    for version in VERSIONS {
        let ends = handshake(&opening(version, None), &taking(version, &own));
        assert!(ends.server.encrypted().is_some());
        assert!(ends.server.verified().is_none());
        let verdict = ends
            .server
            .verify_peer(&trust, DOMAIN, Purpose::ServerAsClient, NOW);
        assert_eq!(verdict.err(), Some(IdentityError::NoCertificate));
    }
}

#[test]
fn before_the_handshake_nobody_is_verified() {
    let root = Authority::root(authority("root"));
    let tls = taking(TLS13, &root.issue(&for_names(&[Dns(DOMAIN)])));
    let session = TlsSession::server(&tls, &[], TlsLimits::default()).unwrap();
    let trust = trust(Crypto::Ring, &[&root]);
    let verdict = session.verify_peer(&trust, DOMAIN, Purpose::ServerAsClient, NOW);
    assert_eq!(verdict.err(), Some(IdentityError::NoCertificate));
}

#[test]
fn a_deferred_config_cannot_be_declared_to_verify() {
    let peer = for_names(&[Dns(DOMAIN)]).self_signed();
    for version in VERSIONS {
        let client = opening(version, Some(&peer)).verification(Verification::Config);
        let server = taking(version, &peer)
            .verification(Verification::Config)
            .tickets(true);
        let ends = handshake(&client, &server);
        for session in [&ends.client, &ends.server] {
            assert!(session.encrypted().is_some());
            assert!(session.verified().is_none());
        }
    }
}

#[test]
fn a_session_of_a_deferred_handshake_is_not_resumed_where_it_would_count() {
    let peer = for_names(&[Dns(DOMAIN)]).self_signed();
    for version in VERSIONS {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(peer.chain.clone(), peer.key())
            .unwrap();
        let server = ServerTls::new(Arc::new(config)).tickets(true);
        // One store for both.
        let config = Arc::new(pki().client(&Setup::new(Crypto::Ring, version)));
        let (deferred, verifying) = (ClientTls::deferred(config.clone()), ClientTls::new(config));
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let ends = handshake_with(&deferred, &server, Resumption::Allowed);
            let info = ends.client.established().unwrap();
            assert_eq!(info.handshake(), expected);
            assert_eq!(info.peer_certificates(), peer.chain);
            assert!(ends.client.verified().is_none());
        }
        let ends = handshake_with(&verifying, &server, Resumption::Allowed);
        assert!(ends.client.encrypted().is_none());
        assert!(matches!(ends.client_step, TlsStep::Failed(_)));
    }
}

/// Presents a certificate without having its key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl Thief {
    fn new(stolen: &Identity, own: &Identity) -> Arc<Self> {
        let own = CertifiedKey::from_der(own.chain.clone(), own.key(), &provider()).unwrap();
        Arc::new(Self(Arc::new(CertifiedKey::new(
            stolen.chain.clone(),
            own.key,
        ))))
    }
}

impl ResolvesServerCert for Thief {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl ResolvesClientCert for Thief {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn a_certificate_without_its_key_fails_the_handshake() {
    let root = Authority::root(authority("root"));
    let victim = root.issue(&for_names(&[Dns(DOMAIN)]));
    let own = for_names(&[Dns(DOMAIN)]).self_signed();
    let thief = Thief::new(&victim, &own);
    for version in VERSIONS {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap();
        let server = ServerTls::deferred(builder, thief.clone());
        let ends = handshake(&opening(version, None), &server);
        assert_refused(&ends.client_step);
        assert!(ends.client.encrypted().is_none());

        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_client_cert_resolver(thief.clone());
        let client = ClientTls::deferred(Arc::new(config));
        let ends = handshake(&client, &taking(version, &own));
        assert_refused(&ends.server_step);
        assert!(ends.server.encrypted().is_none());
    }
}

fn assert_refused(step: &TlsStep) {
    let refused = TlsReasonKind::Certificate(CertificateReason::BadSignature);
    match step {
        TlsStep::Failed(failure) => assert_eq!(failure.kind(), &refused),
        other => panic!("{other:?}"),
    }
}

#[test]
fn xep0178_addresses_are_told_of_verified_clients_only() {
    let root = Authority::root(authority("root"));
    let names = [
        Xmpp("juliet@im.example.com"),
        Xmpp("juliet@elsewhere.example"),
    ];
    let user = root.issue(&for_names(&names).usage(&[Usage::ClientAuth]));
    let own = root.issue(&for_names(&[Dns(DOMAIN)]));
    let mut store = RootCertStore::empty();
    store.add(root.certificate().clone()).unwrap();
    for version in VERSIONS {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(store.clone()), provider())
                .allow_unauthenticated()
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(own.chain.clone(), own.key())
            .unwrap();
        let ends = handshake(
            &opening(version, Some(&user)),
            &ServerTls::new(Arc::new(config)),
        );
        assert!(ends.server.verified().is_some());
        let jids: Vec<_> = ends
            .server
            .peer_jids()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(jids, ["juliet@im.example.com", "juliet@elsewhere.example"]);
        let info = ends.server.established().unwrap();
        assert_eq!(info.peer_jids(), ends.server.peer_jids());
        assert!(info.peer_expires().is_some());

        // Nobody has verified it.
        let ends = handshake(&opening(version, Some(&user)), &taking(version, &own));
        assert!(ends.server.peer_jids().is_empty());
        // Until somebody does.
        let trust = trust(Crypto::Ring, &[&root]);
        let (_, user) = ends
            .server
            .verify_peer(&trust, DOMAIN, Purpose::Client, NOW)
            .unwrap();
        let jids: Vec<_> = user.jids().map(|jid| jid.to_string()).collect();
        assert_eq!(jids, ["juliet@im.example.com"]);
    }
}

#[test]
fn the_time_is_that_of_the_configs_provider() {
    let own = for_names(&[Dns(DOMAIN)]).self_signed();
    let now = || rustls::pki_types::UnixTime::now().as_secs();
    let before = now();
    let times = [
        opening(TLS13, None).unix_time(),
        taking(TLS13, &own).unix_time(),
        ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, TLS13)))).unix_time(),
    ];
    for time in times {
        let time = time.unwrap().as_secs();
        assert!((before..=now()).contains(&time));
    }
}
