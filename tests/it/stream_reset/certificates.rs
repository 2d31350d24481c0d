//! Certificates that expire while the stream is open (RFC 6120 13.7.2.3): whose, which of a chain, and
//! by which clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use xmpp_stream::config::{Credentials, InitiatorConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::{CertificateScope, ResetCause, Side, UsagePolicy};
use xmpp_stream::tls::{ClientTls, HandshakeKind, Verification};
use xmpp_stream::{CloseReason, Connection, EventBuf};

use super::metered::Metered;
use crate::harness::configs::{FIXED, alice};
use crate::harness::pki::{Crypto, TLS12, TLS13, Version};
use crate::harness::scenarios::WireItem;
use crate::harness::{Harness, Role, START, Scripted, TlsPair};

/// 2030-01-01, when every stream here begins.
const BEGIN: u64 = 1_893_456_000;
const HOUR: u64 = 3_600;

/// A wall clock that is set by hand.
#[derive(Clone, Debug)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(BEGIN)))
    }

    fn turn(&self, hours: u64) {
        self.0.store(BEGIN + hours * HOUR, Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::Relaxed);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// When certificates expire, in hours after the beginning.
#[derive(Clone, Copy)]
struct Lifetimes {
    leaf: u64,
    intermediate: u64,
    /// Of a certificate at the end of the chain that nobody needs.
    superfluous: Option<u64>,
}

const LIFETIMES: Lifetimes = Lifetimes {
    leaf: 24,
    intermediate: 12,
    superfluous: None,
};

fn params(names: &[&str], hours: u64) -> CertificateParams {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2029, 12, 1) + Duration::from_secs((31 * 24 + hours) * HOUR);
    params
}

fn authority(name: &str, hours: u64) -> CertificateParams {
    let mut params = params(&[], hours);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// A chain for this use under a root, and its key.
fn chain(
    root: &Issuer<'_, KeyPair>,
    usage: ExtendedKeyUsagePurpose,
    lives: Lifetimes,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let (issuer_key, leaf_key) = (key(), key());
    let intermediate = authority("intermediate", lives.intermediate);
    let issued = intermediate.signed_by(&issuer_key, root).unwrap();
    let issuer = Issuer::new(intermediate, issuer_key);
    let mut leaf = params(&["localhost", "example.com"], lives.leaf);
    leaf.extended_key_usages = vec![usage];
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let mut chain = vec![leaf.der().clone(), issued.der().clone()];
    if let Some(hours) = lives.superfluous {
        let other = authority("superfluous", hours);
        chain.push(other.self_signed(&key()).unwrap().der().clone());
    }
    (
        chain,
        PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into(),
    )
}

fn tls(version: Version, lives: Lifetimes, clock: &Clock) -> TlsPair {
    let provider = Arc::new(Crypto::Ring.provider());
    let clock = Arc::new(clock.clone());
    let root = authority("root", 1_000_000);
    let root_key = key();
    let mut roots = RootCertStore::empty();
    roots
        .add(root.self_signed(&root_key).unwrap().der().clone())
        .unwrap();
    let roots = Arc::new(roots);
    let root = Issuer::new(root, root_key);
    let (own, own_key) = chain(&root, ExtendedKeyUsagePurpose::ClientAuth, lives);
    let client = ClientConfig::builder_with_details(provider.clone(), clock.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(own, own_key)
        .unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .unwrap();
    let (own, own_key) = chain(&root, ExtendedKeyUsagePurpose::ServerAuth, lives);
    let server = ServerConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(own, own_key)
        .unwrap();
    TlsPair { client, server }
}

fn policy(own: CertificateScope, peer: CertificateScope) -> UsagePolicy {
    let mut policy = UsagePolicy::default();
    policy.own_certificates = own;
    policy.peer_certificates = peer;
    policy.jitter = Duration::ZERO;
    policy
}

/// Sleeps until nothing is left to wait for, and returns what was advised, when, in seconds.
fn advice<N: Metered>(stream: &mut Harness<N, Scripted>) -> Vec<(u64, ResetCause)> {
    let mut advised = Vec::new();
    let mut seen = stream.events.len();
    while let Some(deadline) = stream.wait.unwrap().deadline {
        stream.run_at(deadline);
        let seconds = deadline.saturating_duration_since(START).as_secs();
        for event in &stream.events[seen..] {
            if let EventBuf::ResetAdvised(cause) = event {
                advised.push((seconds, *cause));
            }
        }
        seen = stream.events.len();
        if stream.machine.session().is_none() {
            break;
        }
    }
    advised
}

use CertificateScope::{Chain, Leaf, None as Nothing};
use ResetCause::{CertificateExpired, CertificateExpiring};

#[test]
fn rfc6120_13_7_2_3_1_a_stream_is_reset_when_a_certificate_of_the_peer_s_chain_expires() {
    fn both<N: Metered>() {
        for version in [TLS12, TLS13] {
            for (scope, hours) in [(Leaf, 24), (Chain, 12)] {
                let tls = tls(version, LIFETIMES, &Clock::new()).without_tickets();
                let machine = N::metered(&tls, policy(Nothing, scope));
                let mut stream = Harness::<N, Scripted>::established(machine, &tls, 4096);
                // A warning an hour before; the last second of the validity is part of it.
                let expected = vec![
                    ((hours - 1) * HOUR + 1, CertificateExpiring),
                    (hours * HOUR + 1, CertificateExpired),
                ];
                assert_eq!(advice(&mut stream), expected, "{}, {scope:?}", N::NAME);
                stream.exchange();
                stream.send_record("</stream:stream>");
                stream.close_notify();
                let by_us = CloseReason::Reset {
                    by: Side::Us,
                    cause: Some(CertificateExpired),
                };
                assert_eq!(*stream.closed().reason(), by_us);
            }
            let tls = tls(version, LIFETIMES, &Clock::new()).without_tickets();
            let machine = N::metered(&tls, policy(Nothing, Nothing));
            let stream = Harness::<N, Scripted>::established(machine, &tls, 4096);
            assert!(
                stream
                    .wait
                    .unwrap()
                    .deadline
                    .is_none_or(|at| at < START + Duration::from_secs(60))
            );
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn this_side_s_certificate_is_warned_of_before_it_expires_and_the_stream_goes_on() {
    fn both<N: Metered>() {
        for version in [TLS12, TLS13] {
            for (scope, hours) in [(Leaf, 24), (Chain, 12)] {
                let tls = tls(version, LIFETIMES, &Clock::new()).without_tickets();
                let machine = N::metered(&tls, policy(scope, Nothing));
                let mut stream = Harness::<N, Scripted>::established(machine, &tls, 4096);
                let expected = vec![((hours - 1) * HOUR + 1, CertificateExpiring)];
                assert_eq!(advice(&mut stream), expected, "{}, {scope:?}", N::NAME);
                assert!(stream.machine.session().is_some());
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// Such a certificate was not needed to verify the chain, so its expiry is no news.
#[test]
fn a_certificate_that_had_expired_before_the_handshake_does_not_count() {
    fn both<N: Metered>() {
        let lives = Lifetimes {
            superfluous: Some(0),
            ..LIFETIMES
        };
        let clock = Clock::new();
        clock.turn(1);
        let tls = tls(TLS13, lives, &clock).without_tickets();
        let machine = N::metered(&tls, policy(Nothing, Chain));
        let mut stream = Harness::<N, Scripted>::established(machine, &tls, 4096);
        let expected = vec![
            (10 * HOUR + 1, CertificateExpiring),
            (11 * HOUR + 1, CertificateExpired),
        ];
        assert_eq!(advice(&mut stream), expected);
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// The handshake has verified nobody, and nothing else has, so there is no identity to lose.
#[test]
fn a_certificate_that_proves_nothing_is_not_watched() {
    let tls = tls(TLS13, LIFETIMES, &Clock::new()).without_tickets();
    let client = ClientTls::new(Arc::new(tls.client.clone())).verification(Verification::Deferred);
    let config = InitiatorConfig::client(&alice())
        .direct_tls(client)
        .credentials(Credentials::Anonymous)
        .limits(Limits::client().with_keepalive(None).unwrap())
        .usage(policy(Nothing, Chain))
        .random(&FIXED)
        .build()
        .unwrap();
    let machine: Connection<InitiatorRole> = Connection::new(config, START);
    let mut stream = Harness::<InitiatorRole, Scripted>::established(machine, &tls, 4096);
    assert_eq!(advice(&mut stream), []);
    assert!(stream.machine.session().is_some());
}

/// rustls does not look at the certificate again when a session is resumed.
#[test]
fn rfc6120_13_7_2_3_1_a_resumed_session_whose_certificate_has_expired_is_reset_at_once() {
    for version in [TLS12, TLS13] {
        let clock = Clock::new();
        let lives = Lifetimes {
            leaf: 1,
            ..LIFETIMES
        };
        let mut tls = tls(version, lives, &clock);
        tls.client.resumption = Resumption::in_memory_sessions(4);
        tls.server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        for (turned, expected) in [(0, HandshakeKind::Full), (2, HandshakeKind::Resumed)] {
            clock.turn(turned);
            let machine = InitiatorRole::metered(&tls, policy(Leaf, Leaf));
            let mut stream = Harness::<InitiatorRole, Scripted>::over_tls(machine, &tls, 4096);
            stream.exchange();
            for item in InitiatorRole::login() {
                let WireItem::Text(text) = item else {
                    unreachable!()
                };
                stream.send_record(&text);
            }
            assert_eq!(stream.machine.tls().unwrap().handshake(), expected);
            let is_reset = expected == HandshakeKind::Resumed;
            assert_eq!(stream.machine.session().is_none(), is_reset, "{version:?}");
            let last = stream.event_lines().pop().unwrap();
            assert_eq!(
                last == "reset-advised certificate-expired",
                is_reset,
                "{last}"
            );
        }
    }
}
