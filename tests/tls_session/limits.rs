//! Bounds: sequence numbers, floods, memory.

use std::sync::Arc;

use rustls::{CipherSuiteCommon, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};
use xmpp_stream::tls::{
    Alert, ClientTls, Resumption, SealError, ServerTls, TlsLimits, TlsReasonKind, TlsSession,
    TlsStep,
};

use crate::common::hostile_tls::{ALERT, CLOSE_NOTIFY, DATA, HANDSHAKE, HostileTls, message};
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, Version, name, pki};
use crate::common::tls_driver::{Driver, Feed};
use crate::{Role, VERSIONS, client, connect, everywhere, failure, pair, server_with};

/// AES-128-GCM whose keys are worn out after `limit` records.
fn worn(version: Version, limit: u64) -> Setup {
    let mut setup = Setup::new(Crypto::Ring, version).suites("AES_128");
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: limit,
    };
    for suite in &mut setup.provider.cipher_suites {
        *suite = match *suite {
            SupportedCipherSuite::Tls12(given) => {
                SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                    common: common(&given.common),
                    prf_provider: given.prf_provider,
                    kx: given.kx,
                    sign: given.sign,
                    aead_alg: given.aead_alg,
                })))
            }
            SupportedCipherSuite::Tls13(given) => {
                SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                    common: common(&given.common),
                    hkdf_provider: given.hkdf_provider,
                    aead_alg: given.aead_alg,
                    quic: given.quic,
                })))
            }
        };
    }
    setup
}

/// RFC 9325 4.4. Finished has number 0, so a limit of 10 leaves 9 records.
#[test]
fn tls_1_2_keys_are_used_to_their_limit_and_not_beyond() {
    for role in Role::BOTH {
        for feed in Feed::ALL {
            let (mut driver, mut peer) = pair(&worn(TLS12, 10), role, feed);
            let counters = driver.session.counters();
            assert_eq!((counters.limit, counters.rekeys_itself), (10, false));
            assert_eq!((counters.records_sent, counters.records_received), (1, 1));
            for _ in 0..7 {
                driver.seal(b"one").unwrap();
            }
            // Three records do not fit: nothing is sealed, nothing changes.
            let before = driver.out.len();
            assert_eq!(driver.seal(&vec![0; 40_000]), Err(SealError::KeysExhausted));
            assert_eq!(driver.out.len(), before);
            driver.seal(&vec![0; 20_000]).unwrap();
            assert_eq!(driver.session.counters().records_sent, 10);
            assert_eq!(driver.seal(b"one"), Err(SealError::KeysExhausted));
            // Reading goes on, and close_notify goes out.
            peer.turn();
            let text = peer.seal(DATA, b"text");
            assert_eq!(driver.receive(&text), TlsStep::NeedMore);
            assert_eq!(driver.text, b"text");
            driver.session.close(&mut driver.out);
            let opened = peer.open(&driver.take_out());
            let kinds: Vec<u8> = opened.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, [&[DATA; 9][..], &[ALERT]].concat());
            assert_eq!(opened.last().unwrap().1, CLOSE_NOTIFY);
        }
    }
}

#[test]
fn tls_1_3_keys_are_updated_at_their_limit_and_the_peer_follows() {
    for limit in [3, 10] {
        for role in Role::BOTH {
            let (mut driver, mut peer) = pair(&worn(TLS13, limit), role, Feed::Whole);
            let start = driver.session.counters();
            assert!(start.rekeys_itself);
            let mut text = Vec::new();
            for n in 0..50_u8 {
                driver.seal(&[n; 100]).unwrap();
                text.extend([n; 100]);
                assert!(driver.session.counters().records_sent < limit);
                peer.receive(&driver.take_out());
                // The peer's reply to our updates, and its own text.
                peer.write(&[n]);
                driver.feed(&peer.output());
            }
            assert_eq!(peer.read(), text);
            assert_eq!(driver.text, (0..50).collect::<Vec<u8>>());
            let counters = driver.session.counters();
            assert!(u64::from(counters.key_updates_sent) >= 50 / limit);
            assert!(u64::from(counters.key_updates_received) >= 50 / limit);
            assert_eq!(counters.bytes_sent % 100, 0);
            assert!(counters.bytes_sent < 100 * limit);
            assert!(counters.records_received < limit);
        }
    }
}

/// A text of more records than the keys allow at once.
#[test]
fn tls_1_3_updates_keys_within_one_text() {
    for role in Role::BOTH {
        let (mut driver, mut peer) = pair(&worn(TLS13, 3), role, Feed::Whole);
        driver.seal(&vec![7; 200_000]).unwrap();
        for record in driver.take_out().chunks(10_000) {
            peer.receive(record);
        }
        assert_eq!(peer.read(), vec![7; 200_000]);
    }
}

/// Half a message received stands in the way of a key update; the library
/// would answer with an alert.
#[test]
fn tls_1_3_does_not_update_keys_over_half_a_message() {
    for role in Role::BOTH {
        let (mut driver, mut peer) = pair(&worn(TLS13, 6), role, Feed::Whole);
        peer.turn();
        let half = peer.seal(HANDSHAKE, &[24, 0]);
        driver.feed(&half);
        let sealed = (0..9).take_while(|_| driver.seal(b"x").is_ok()).count();
        assert!((3..6).contains(&sealed), "{sealed}");
        assert_eq!(driver.seal(b"x"), Err(SealError::KeysExhausted));
        let opened = peer.open(&driver.take_out());
        assert_eq!(opened, vec![(DATA, b"x".to_vec()); sealed]);
    }
}

#[test]
fn counters_start_where_the_keys_do() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        let start = driver.session.counters();
        let expected = u64::from(setup.version == TLS12);
        assert_eq!(start.records_sent, expected);
        // A server of rustls's sends its tickets after the handshake.
        let tickets = u64::from(setup.version == TLS13 && role == Role::Client);
        assert_eq!(start.records_received, expected + tickets);
        driver.seal(&vec![0; 20_000]).unwrap();
        peer.turn();
        let bytes = [
            peer.seal(DATA, b"abc"),
            peer.seal(DATA, b""),
            peer.seal(DATA, b"d"),
        ];
        driver.feed(&bytes.concat());
        let end = driver.session.counters();
        assert_eq!(end.records_sent, expected + 2);
        assert_eq!(end.records_received, expected + tickets + 3);
        assert_eq!((end.bytes_sent, end.bytes_received), (20_000, 4));
        assert_eq!((end.key_updates_sent, end.key_updates_received), (0, 0));
        // The peer's own view of the numbers.
        assert_eq!(peer.received_number(), expected);
        assert_eq!(peer.sent_number(), end.records_received);
    });
}

#[test]
fn a_server_s_tickets_count() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    let mut config = pki().server(&setup, Leaf::Valid);
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    let tls = ServerTls::new(Arc::new(config)).tickets(true);
    let mut other = server_with(&tls, Feed::Whole);
    let mut one = client(pki().client(&setup), Feed::Whole);
    connect(&mut one, &mut other);
    let (one, other) = (one.session.counters(), other.session.counters());
    assert_eq!(other.records_sent, 1);
    assert_eq!(one.records_received, 1);
    assert_eq!((other.records_received, one.records_sent), (0, 0));
}

#[test]
fn floods_of_empty_records_and_key_updates_end_the_session() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        for n in 1.. {
            let empty = peer.seal(DATA, b"");
            if driver.receive(&empty) != TlsStep::NeedMore {
                assert!((30..40).contains(&n), "{n}");
                break;
            }
        }
        assert_eq!(failure(&driver), "peer-misbehaved");
    });
    for role in Role::BOTH {
        let setup = Setup::new(Crypto::Ring, TLS13);
        let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
        for n in 1.. {
            peer.honest().refresh_traffic_keys().unwrap();
            if driver.receive(&peer.output()) != TlsStep::NeedMore {
                assert_eq!(n, 33);
                break;
            }
            assert_eq!(driver.session.counters().key_updates_received, n);
        }
        assert_eq!(failure(&driver), "peer-misbehaved");
    }
}

/// One message in many one-byte records, which the library wants to see again
/// until it is whole.
#[test]
fn an_endless_message_ends_at_the_limit() {
    for version in VERSIONS {
        for role in Role::BOTH {
            for limit in [2000, 32 * 1024] {
                let mut limits = TlsLimits::default();
                limits.handshake_bytes = limit;
                let mut driver = limited(&Setup::new(Crypto::Ring, version), role, limits);
                // ServerHello or ClientHello, 60000 bytes long.
                let kind = if role == Role::Client { 2 } else { 1 };
                let message = message(kind, &vec![0; 60_000]);
                let mut held = 0;
                for byte in message {
                    let record = [22, 3, 3, 0, 1, byte];
                    held += record.len();
                    if driver.receive(&record) != TlsStep::NeedMore {
                        break;
                    }
                }
                assert_eq!(failure(&driver), "handshake-too-large");
                assert!(held > limit && held <= limit + 18_437 + 6, "{held}");
                assert!(driver.take_out().ends_with(&[21, 3, 3, 0, 2, 2, 50]));
                assert!(alert_sent(&driver));
            }
        }
    }
    // After the handshake, sealed.
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
        peer.turn();
        let mut held = 0;
        for byte in message(4, &vec![0; 60_000]) {
            let record = peer.seal(HANDSHAKE, &[byte]);
            held += record.len();
            if driver.receive(&record) != TlsStep::NeedMore {
                break;
            }
        }
        assert_eq!(failure(&driver), "handshake-too-large");
        assert!(held <= 32 * 1024 + 18_437 + 23, "{held}");
        assert_eq!(peer.open(&driver.take_out()), [(ALERT, vec![2, 50])]);
        assert!(alert_sent(&driver));
    }
}

fn alert_sent(driver: &Driver) -> bool {
    match driver.steps.last() {
        Some(TlsStep::Failed(failure)) => failure.alert_sent(),
        _ => false,
    }
}

/// A client whose server sends too much after ServerHello: in TLS 1.3 the alert is encrypted.
#[test]
fn a_certificate_chain_above_the_limit_is_refused_with_an_alert() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        let mut config = pki().server(&setup, Leaf::Valid);
        let chain = vec![pki().identity(Leaf::Rsa).chain[0].clone(); 40];
        let chain = [pki().identity(Leaf::Valid).chain.clone(), chain].concat();
        let key = pki().identity(Leaf::Valid).key();
        let key = rustls::sign::CertifiedKey::from_der(chain, key, &setup.provider).unwrap();
        config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
        config.max_fragment_size = Some(1000);
        let mut limits = TlsLimits::default();
        limits.handshake_bytes = 2000;
        let mut one = limited(&setup, Role::Client, limits);
        let mut other = server_with(&ServerTls::new(Arc::new(config)), Feed::Whole);
        connect(&mut one, &mut other);
        assert_eq!(failure(&one), "handshake-too-large");
        assert!(alert_sent(&one));
        let Some(TlsStep::Failed(told)) = other.steps.last() else {
            panic!("the server was not told: {:?}", other.steps);
        };
        assert_eq!(*told.kind(), TlsReasonKind::AlertReceived(Alert(50)));
    }
}

/// rustls refuses these without an alert.
#[test]
fn refusals_without_an_alert_of_the_library_get_one() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        for case in 0..3 {
            let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
            peer.turn();
            match case {
                // Text within a message.
                0 => {
                    let half = peer.seal(HANDSHAKE, &[24, 0]);
                    driver.feed(&half);
                    let text = peer.seal(DATA, b"text");
                    driver.feed(&text);
                }
                // Empty records.
                1 => {
                    for _ in 0..40 {
                        let empty = peer.seal(DATA, b"");
                        driver.feed(&empty);
                    }
                }
                // A message that says it has 16 MiB.
                _ => {
                    let huge = peer.seal(HANDSHAKE, &[4, 0xff, 0xff, 0xff, 0]);
                    driver.feed(&huge);
                }
            }
            let expected = ["peer-misbehaved", "peer-misbehaved", "malformed-message"][case];
            assert_eq!(failure(&driver), expected);
            assert!(alert_sent(&driver), "{case}");
            let opened = peer.open(&driver.take_out());
            let [(ALERT, alert)] = &opened[..] else {
                panic!("{case}: {opened:?}");
            };
            assert_eq!(alert[0], 2);
        }
    }
    // KeyUpdates without end.
    for role in Role::BOTH {
        let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
        while driver.steps.len() < 2 {
            peer.honest().refresh_traffic_keys().unwrap();
            driver.feed(&peer.output());
        }
        assert_eq!(failure(&driver), "peer-misbehaved");
        assert!(alert_sent(&driver));
        let mut alert = &driver.take_out()[..];
        peer.honest().read_tls(&mut alert).unwrap();
        let told = peer.honest().process_new_packets().unwrap_err();
        assert!(matches!(told, rustls::Error::AlertReceived(_)), "{told:?}");
    }
}

fn limited(setup: &Setup, role: Role, limits: TlsLimits) -> Driver {
    let session = match role {
        Role::Client => {
            let tls = ClientTls::new(Arc::new(pki().client(setup)));
            let name = name(DOMAIN);
            TlsSession::client(&tls, name, &[], Resumption::Allowed, limits)
        }
        Role::Server => {
            let tls = ServerTls::new(Arc::new(pki().server(setup, Leaf::Valid)));
            TlsSession::server(&tls, &[], limits)
        }
    };
    Driver::new(session.unwrap(), Feed::Whole)
}

/// An honest chain of certificates fits, in whatever records it comes.
#[test]
fn an_ordinary_flight_in_tiny_records_fits() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        let mut config = pki().server(&setup, Leaf::Rsa);
        config.max_fragment_size = Some(32);
        let mut driver = client(pki().client(&setup), Feed::Whole);
        driver.handshake(&mut HostileTls::server(config));
    }
}

#[test]
fn input_is_bounded_and_a_full_buffer_can_always_be_worked_off() {
    everywhere(|setup, role, _| {
        let (mut driver, mut peer) = pair(setup, role, Feed::Whole);
        peer.turn();
        let bytes: Vec<u8> = (0..50)
            .flat_map(|_| peer.seal(DATA, &[b'x'; 1000]))
            .collect();
        let taken = driver.session.push(&bytes);
        assert!(taken < 20_000);
        assert_eq!(driver.session.capacity(), 0);
        assert_eq!(driver.session.push(&bytes[taken..]), 0);
        driver.feed(&bytes[taken..]);
        assert_eq!(driver.text, vec![b'x'; 50_000]);
        // After the end everything is taken and forgotten.
        let end = peer.seal(ALERT, &CLOSE_NOTIFY);
        driver.feed(&end);
        assert_eq!(driver.session.push(&bytes), bytes.len());
        assert!(driver.out.is_empty());
        assert_eq!(driver.settle(), TlsStep::PeerClosed);
    });
}
