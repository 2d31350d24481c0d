//! close_notify in both directions (RFC 8446 6.1), and its absence.

use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, Tls12AeadAlgorithm,
    Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{
    CipherSuiteCommon, ConnectionTrafficSecrets, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};
use xmpp_stream::tls::{SealError, TlsStep};

use crate::common::hostile_tls::{
    ALERT, CLOSE_NOTIFY, DATA, HANDSHAKE, HELLO_REQUEST, HostileTls, KEY_UPDATE,
    KEY_UPDATE_REQUEST, forged, message,
};
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, name, pki};
use crate::common::tls_driver::Feed;
use crate::{Role, VERSIONS, client, everywhere, failure, pair, server};

#[test]
fn the_peer_s_close_notify_ends_reading_and_not_writing() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        assert!(!driver.session.peer_closed());
        let bytes = [peer.seal(DATA, b"last"), peer.seal(ALERT, &CLOSE_NOTIFY)].concat();
        assert_eq!(driver.receive(&bytes), TlsStep::PeerClosed);
        assert_eq!(driver.text, b"last");
        assert!(driver.session.peer_closed());
        driver.seal(b"still here").unwrap();
        driver.session.close(&mut driver.out);
        assert_eq!(driver.seal(b"x"), Err(SealError::Closed));
        let out = driver.take_out();
        assert_eq!(
            peer.open(&out),
            [
                (DATA, b"still here".to_vec()),
                (ALERT, CLOSE_NOTIFY.to_vec())
            ]
        );
    });
}

#[test]
fn our_close_notify_goes_out_once_and_ends_writing() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        driver.session.close(&mut driver.out);
        driver.session.close(&mut driver.out);
        assert_eq!(driver.seal(b"x"), Err(SealError::Closed));
        let out = driver.take_out();
        assert_eq!(peer.open(&out), [(ALERT, CLOSE_NOTIFY.to_vec())]);
        // Text that comes now has no reader; the peer's close_notify is seen.
        let text = peer.seal(DATA, b"too late");
        assert_eq!(driver.receive(&text), TlsStep::NeedMore);
        assert!(!driver.session.peer_closed());
        let close = peer.seal(ALERT, &CLOSE_NOTIFY);
        assert_eq!(driver.receive(&close), TlsStep::PeerClosed);
        assert!(driver.session.peer_closed());
        assert!(driver.text.is_empty());
        assert!(driver.out.is_empty());
    });
}

/// RFC 8446 4.6.3: the records after a KeyUpdate are under other keys.
#[test]
fn after_our_close_notify_key_updates_and_tickets_are_followed() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        for feed in Feed::ALL {
            let (mut driver, mut peer) = pair(&setup, role, feed);
            driver.session.close(&mut driver.out);
            peer.receive(&driver.take_out());
            for text in [&b"one"[..], b"two"] {
                peer.write(text);
                peer.honest().refresh_traffic_keys().unwrap();
            }
            peer.honest().send_close_notify();
            assert_eq!(driver.receive(&peer.output()), TlsStep::PeerClosed);
            assert!(driver.text.is_empty());
            assert!(driver.out.is_empty());
        }
        let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
        driver.session.close(&mut driver.out);
        for n in 1..=33 {
            peer.honest().refresh_traffic_keys().unwrap();
            let step = driver.receive(&peer.output());
            assert_eq!(step == TlsStep::NeedMore, n < 33, "{n}: {step:?}");
        }
        assert_eq!(failure(&driver), "peer-misbehaved");
    }
    // A ticket in pieces.
    let ticket = message(4, &[7; 100]);
    let (mut driver, mut peer) = pair(&setup, Role::Client, Feed::Whole);
    peer.turn();
    driver.session.close(&mut driver.out);
    for piece in ticket.chunks(3) {
        let piece = peer.seal(HANDSHAKE, piece);
        assert_eq!(driver.receive(&piece), TlsStep::NeedMore);
    }
    let hello = peer.seal(HANDSHAKE, &HELLO_REQUEST);
    assert!(matches!(driver.receive(&hello), TlsStep::Renegotiation(_)));
}

/// A message of which a part came before our close_notify cannot be followed.
#[test]
fn after_our_close_notify_the_rest_of_a_message_is_refused() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
        peer.turn();
        let half = peer.seal(HANDSHAKE, &KEY_UPDATE[..2]);
        driver.feed(&half);
        driver.session.close(&mut driver.out);
        let rest = peer.seal(HANDSHAKE, &KEY_UPDATE[2..]);
        driver.feed(&rest);
        assert_eq!(failure(&driver), "unexpected-message");
    }
}

/// RFC 8446 6.1: only an authentic close_notify is one. Whatever else has its length is not.
#[test]
fn after_our_close_notify_only_close_notify_is_close_notify() {
    everywhere(|setup, role, feed| {
        for (kind, content, code) in [
            (DATA, &b"xy"[..], None),
            (ALERT, &[2, 40], Some("alert-received")),
            (ALERT, &[1, 90], None),
            (ALERT, &[1], Some("malformed-message")),
        ] {
            let (mut driver, mut peer) = pair(setup, role, feed);
            peer.turn();
            driver.session.close(&mut driver.out);
            driver.take_out();
            let record = peer.seal(kind, content);
            driver.feed(&record);
            match code {
                Some(code) => assert_eq!(failure(&driver), code),
                None => assert_eq!(driver.steps, [TlsStep::Established]),
            }
            assert!(!driver.session.peer_closed());
            assert!(driver.out.is_empty());
        }
        for kind in [ALERT, DATA] {
            let (mut driver, _peer) = pair(setup, role, feed);
            driver.session.close(&mut driver.out);
            driver.feed(&forged(kind, &[7; 19]));
            assert_eq!(failure(&driver), "bad-record");
        }
    });
}

/// A crypto provider that does not give its keys out.
#[test]
fn after_our_close_notify_without_keys_only_headers_count() {
    for version in VERSIONS {
        for role in Role::BOTH {
            let honest = Setup::new(Crypto::Ring, version);
            let setup = without_extraction(honest.clone());
            let (mut driver, mut peer) = match role {
                Role::Client => (
                    client(pki().client(&setup), Feed::Whole),
                    HostileTls::server(pki().server(&honest, Leaf::Valid)),
                ),
                Role::Server => (
                    server(pki().server(&setup, Leaf::Valid), Feed::Whole),
                    HostileTls::client(pki().client(&honest), name(DOMAIN)),
                ),
            };
            driver.handshake(&mut peer);
            driver.session.close(&mut driver.out);
            assert!(!driver.take_out().is_empty());
            for kind in [ALERT, DATA] {
                assert_eq!(driver.receive(&forged(kind, &[7; 26])), TlsStep::NeedMore);
            }
            let step = driver.receive(&forged(HANDSHAKE, &[7; 26]));
            let attempt = matches!(step, TlsStep::Renegotiation(_));
            assert_eq!(attempt, version == TLS12, "{step:?}");
            assert!(driver.out.is_empty());
        }
    }
}

/// The same suites, whose keys are not given out.
fn without_extraction(mut setup: Setup) -> Setup {
    for suite in &mut setup.provider.cipher_suites {
        *suite = match *suite {
            SupportedCipherSuite::Tls12(given) => {
                SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                    common: common(&given.common),
                    prf_provider: given.prf_provider,
                    kx: given.kx,
                    sign: given.sign,
                    aead_alg: Box::leak(Box::new(Locked12(given.aead_alg))),
                })))
            }
            SupportedCipherSuite::Tls13(given) => {
                SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                    common: common(&given.common),
                    hkdf_provider: given.hkdf_provider,
                    aead_alg: Box::leak(Box::new(Locked13(given.aead_alg))),
                    quic: given.quic,
                })))
            }
        };
    }
    setup
}

fn common(common: &CipherSuiteCommon) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: common.confidentiality_limit,
    }
}

struct Locked12(&'static dyn Tls12AeadAlgorithm);

impl Tls12AeadAlgorithm for Locked12 {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv, extra)
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.0.key_block_shape()
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Locked13(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Locked13 {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// The stream was cut if TCP ends here.
#[test]
fn a_cut_stream_has_no_close_notify() {
    everywhere(|setup, role, feed| {
        let (mut driver, mut peer) = pair(setup, role, feed);
        peer.turn();
        let mut bytes = peer.seal(DATA, b"all I got");
        bytes.extend(peer.seal(ALERT, &CLOSE_NOTIFY));
        bytes.pop();
        assert_eq!(driver.receive(&bytes), TlsStep::NeedMore);
        assert_eq!(driver.text, b"all I got");
        assert!(!driver.session.peer_closed());
    });
}

#[test]
fn a_handshake_given_up_says_nothing() {
    everywhere(|setup, role, feed| {
        let mut driver = match role {
            Role::Client => client(pki().client(setup), feed),
            Role::Server => server(pki().server(setup, Leaf::Valid), feed),
        };
        driver.take_out();
        driver.session.close(&mut driver.out);
        assert!(driver.out.is_empty());
        assert!(!driver.session.is_handshaking());
        assert_eq!(driver.seal(b"x"), Err(SealError::Closed));
        assert_eq!(
            driver.receive(&[22, 3, 3, 0, 4, 1, 0, 0, 0]),
            TlsStep::NeedMore
        );
        assert!(driver.out.is_empty());
    });
}

/// Fragments of a message wait in the buffer, which must be shown to the
/// library at every call, whatever the call is for.
#[test]
fn sealing_and_closing_work_with_half_a_message_received() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        for feed in Feed::ALL {
            let (mut driver, mut peer) = pair(&setup, role, feed);
            peer.turn();
            let half = peer.seal(HANDSHAKE, &KEY_UPDATE[..2]);
            assert_eq!(driver.receive(&half), TlsStep::NeedMore);
            driver.seal(b"text").unwrap();
            driver.session.close(&mut driver.out);
            let out = driver.take_out();
            assert_eq!(
                peer.open(&out),
                [(DATA, b"text".to_vec()), (ALERT, CLOSE_NOTIFY.to_vec())]
            );
        }
    }
}

/// RFC 8446 4.6.3: the peer asked for new keys.
#[test]
fn a_key_update_owed_goes_in_front_of_what_is_sent_next() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    for role in Role::BOTH {
        for closing in [false, true] {
            let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
            peer.turn();
            let request = peer.seal(HANDSHAKE, &KEY_UPDATE_REQUEST);
            assert_eq!(driver.receive(&request), TlsStep::NeedMore);
            assert!(driver.out.is_empty());
            if closing {
                driver.session.close(&mut driver.out);
            } else {
                driver.seal(b"text").unwrap();
            }
            // The first record is under the old keys, the second is not.
            let first = 5 + 5 + 1 + 16;
            let out = driver.take_out();
            assert_eq!(peer.open(&out[..first]), [(HANDSHAKE, KEY_UPDATE.to_vec())]);
            assert!(out.len() > first);
            let counters = driver.session.counters();
            assert_eq!(counters.key_updates_sent, 1);
            assert_eq!(counters.key_updates_received, 1);
            assert_eq!((counters.records_sent, counters.records_received), (1, 0));
        }
    }
}

/// In TLS 1.2 a warning is not the end, and an alert before the handshake is
/// complete is not close_notify.
#[test]
fn a_fatal_alert_is_a_failure_of_the_peer_s() {
    for version in [TLS12, TLS13] {
        for role in Role::BOTH {
            let setup = Setup::new(Crypto::Ring, version);
            let (mut driver, mut peer) = pair(&setup, role, Feed::Whole);
            peer.turn();
            let alert = peer.seal(ALERT, &[2, 80]);
            let TlsStep::Failed(failure) = driver.receive(&alert) else {
                panic!("no failure");
            };
            assert_eq!(failure.code(), "alert-received");
            assert_eq!(
                failure.to_string(),
                "the peer sent the TLS alert internal_error"
            );
            assert!(!failure.alert_sent());
            assert!(driver.out.is_empty());
            assert!(!driver.session.peer_closed());
        }
    }
}
