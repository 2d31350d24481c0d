//! Handshakes that succeed, and what is known afterwards.

use std::sync::Arc;

use xmpp_stream::tls::{
    ClientTls, HandshakeKind, Resumption, SealError, ServerTls, SetupError, TlsLimits, TlsSession,
    TlsStep, TlsVersion, Verification,
};

use crate::common::hostile_tls::{DATA, HANDSHAKE, HostileTls, KEY_UPDATE, record_types};
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, name, pki};
use crate::common::tls_driver::{Driver, Feed};
use crate::{Role, VERSIONS, client, client_with, connect, everywhere, pair, server, server_with};

fn long_text() -> Vec<u8> {
    (0..40_000_u32).map(|i| i.to_be_bytes()[2]).collect()
}

#[test]
fn every_version_provider_and_role_works_with_a_buffered_peer() {
    let mut runs = 0;
    for version in VERSIONS {
        for ours in Crypto::ALL {
            for theirs in Crypto::ALL {
                for role in Role::BOTH {
                    for feed in Feed::ALL {
                        let (ours, theirs) =
                            (Setup::new(ours, version), Setup::new(theirs, version));
                        talk(&ours, &theirs, role, feed);
                        runs += 1;
                    }
                }
            }
        }
    }
    assert_eq!(runs, Crypto::ALL.len().pow(2) * 2 * 2 * 2);
}

fn talk(ours: &Setup, theirs: &Setup, role: Role, feed: Feed) {
    let (mut driver, mut peer) = match role {
        Role::Client => (
            client(pki().client(ours), feed),
            HostileTls::server(pki().server(theirs, Leaf::Valid)),
        ),
        Role::Server => (
            server(pki().server(ours, Leaf::Valid), feed),
            HostileTls::client(pki().client(theirs), name(DOMAIN)),
        ),
    };
    assert!(driver.session.is_handshaking());
    assert_eq!(driver.seal(b"early"), Err(SealError::NotEstablished));
    driver.handshake(&mut peer);
    assert!(!driver.session.is_handshaking());
    assert_eq!(driver.steps, [TlsStep::Established]);

    let info = driver.session.established().unwrap();
    let version = if ours.version == TLS12 {
        TlsVersion::Tls12
    } else {
        TlsVersion::Tls13
    };
    assert_eq!(info.version(), version);
    assert_eq!(info.handshake(), HandshakeKind::Full);
    let suite = peer.honest().negotiated_cipher_suite().unwrap().suite();
    assert_eq!(info.cipher_suite(), suite.as_str().unwrap());
    assert_eq!(info.cipher_suite_number(), u16::from(suite));
    assert_eq!(info.alpn(), None);
    match role {
        Role::Client => {
            assert_eq!(info.server_name(), None);
            assert_eq!(info.peer_certificates(), pki().identity(Leaf::Valid).chain);
            assert!(driver.session.verified().is_some());
        }
        Role::Server => {
            assert_eq!(info.server_name(), Some(DOMAIN));
            assert!(info.peer_certificates().is_empty());
            assert!(driver.session.verified().is_none());
        }
    }
    assert!(driver.session.encrypted().is_some());

    let text = long_text();
    driver.seal(&text).unwrap();
    driver.seal(b"").unwrap();
    let sealed = driver.take_out();
    assert_eq!(record_types(&sealed), [DATA; 3]);
    peer.receive(&sealed[..100]);
    peer.receive(&sealed[100..]);
    assert_eq!(peer.read(), text);
    peer.write(&text);
    driver.feed(&peer.output());
    assert_eq!(driver.text, text);
}

#[test]
fn our_sessions_work_with_each_other() {
    everywhere(|setup, _, feed| {
        let mut one = client(pki().client(setup), feed);
        let mut other = server(pki().server(setup, Leaf::Rsa), feed);
        connect(&mut one, &mut other);
        assert_eq!(one.steps, [TlsStep::Established]);
        one.seal(&long_text()).unwrap();
        other.seal(b"answer").unwrap();
        connect(&mut one, &mut other);
        assert_eq!(other.text, long_text());
        assert_eq!(one.text, b"answer");
    });
}

/// Filling the window is the same as pushing.
#[test]
fn a_window_takes_what_push_takes() {
    everywhere(|setup, role, _| {
        let (mut driver, mut peer) = pair(setup, role, Feed::Whole);
        peer.write(&long_text());
        let mut bytes = &peer.output()[..];
        while !bytes.is_empty() {
            let window = driver.session.window();
            let n = window.len().min(bytes.len()).min(1000);
            assert!(n > 0, "settled, and still no room");
            window[..n].copy_from_slice(&bytes[..n]);
            driver.session.pushed(n);
            bytes = &bytes[n..];
            let _idle = driver.settle();
        }
        assert_eq!(driver.text, long_text());
    });
}

/// Memory can be given back at any moment: in the handshake, within a record, and with a part of a
/// message received.
#[test]
fn a_session_shrinks_at_any_moment() {
    everywhere(|setup, role, _| {
        let (mut driver, mut peer) = match role {
            Role::Client => (
                client(pki().client(setup), Feed::Whole),
                HostileTls::server(pki().server(setup, Leaf::Valid)),
            ),
            Role::Server => (
                server(pki().server(setup, Leaf::Valid), Feed::Whole),
                HostileTls::client(pki().client(setup), name(DOMAIN)),
            ),
        };
        let feed = |driver: &mut Driver, bytes: &[u8]| {
            for piece in bytes.chunks(7) {
                driver.feed(piece);
                driver.session.shrink();
            }
        };
        peer.handshake(&mut |bytes| {
            feed(&mut driver, bytes);
            driver.take_out()
        });
        peer.write(&long_text());
        feed(&mut driver, &peer.output());
        assert_eq!(driver.text, long_text());
        peer.turn();
        if setup.version == TLS13 {
            for piece in KEY_UPDATE[..3].chunks(1) {
                let piece = peer.seal(HANDSHAKE, piece);
                feed(&mut driver, &piece);
            }
        }
        driver.seal(b"still here").unwrap();
        let out = driver.take_out();
        assert_eq!(peer.open(&out), [(DATA, b"still here".to_vec())]);
    });
}

#[test]
fn a_client_certificate_verifies_the_client_unless_verification_is_deferred() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        for (verification, expected) in [
            (Verification::Config, true),
            (Verification::Deferred, false),
        ] {
            let config = pki().server_with_client_auth(&setup, Leaf::Valid);
            let tls = ServerTls::new(Arc::new(config)).verification(verification);
            let mut driver = server_with(&tls, Feed::Whole);
            let config = pki().client_with_certificate(&setup);
            driver.handshake(&mut HostileTls::client(config, name(DOMAIN)));
            let info = driver.session.established().unwrap();
            assert_eq!(info.peer_certificates(), pki().identity(Leaf::Client).chain);
            assert_eq!(info.peer_verified(), expected);
            assert_eq!(driver.session.verified().is_some(), expected);
            assert!(driver.session.encrypted().is_some());

            let mut driver = server_with(&tls, Feed::Whole);
            driver.handshake(&mut HostileTls::client(pki().client(&setup), name(DOMAIN)));
            assert!(driver.session.verified().is_none());
        }
    }
}

#[test]
fn a_client_that_defers_verification_is_only_encrypted() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        let tls = ClientTls::new(Arc::new(pki().client(&setup)));
        let tls = tls.verification(Verification::Deferred);
        let mut driver = client_with(&tls, Feed::Whole);
        driver.handshake(&mut HostileTls::server(pki().server(&setup, Leaf::Valid)));
        assert!(driver.session.encrypted().is_some());
        assert!(driver.session.verified().is_none());
    }
}

#[test]
fn our_session_presents_its_client_certificate() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        let mut driver = client(pki().client_with_certificate(&setup), Feed::Whole);
        let config = pki().server_with_client_auth(&setup, Leaf::Valid);
        let mut peer = HostileTls::server(config);
        driver.handshake(&mut peer);
        assert_eq!(
            peer.honest().peer_certificates().unwrap(),
            pki().identity(Leaf::Client).chain
        );
    }
}

#[test]
fn rfc7301_application_protocols_given_to_a_session_replace_the_config_s() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        let mut config = pki().client(&setup);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tls = ClientTls::new(Arc::new(config));
        let limits = TlsLimits::default();
        let session = TlsSession::client(
            &tls,
            name(DOMAIN),
            &[b"xmpp-client"],
            Resumption::Allowed,
            limits,
        );
        let mut one = Driver::new(session.unwrap(), Feed::Whole);
        let tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
        let session = TlsSession::server(&tls, &[b"xmpp-server", b"xmpp-client"], limits);
        let mut other = Driver::new(session.unwrap(), Feed::Whole);
        connect(&mut one, &mut other);
        for driver in [&one, &other] {
            let info = driver.session.established().unwrap();
            assert_eq!(info.alpn(), Some(&b"xmpp-client"[..]));
        }
    }
}

#[test]
fn what_cannot_be_set_up_is_an_error() {
    let setup = Setup::new(Crypto::Ring, TLS13);
    let limits = TlsLimits::default();
    let tls = ClientTls::new(Arc::new(pki().client(&setup)));
    for wrong in [&b""[..], &[b'x'; 256]] {
        let made = TlsSession::client(&tls, name(DOMAIN), &[wrong], Resumption::Allowed, limits);
        assert_eq!(made.unwrap_err(), SetupError::Alpn);
    }
    let mut config = pki().server(&setup, Leaf::Valid);
    config.max_fragment_size = Some(7);
    let made = TlsSession::server(&ServerTls::new(Arc::new(config)), &[], limits);
    assert!(matches!(made.unwrap_err(), SetupError::Config { .. }));
}

#[test]
fn a_config_s_fragment_size_is_kept() {
    everywhere(|setup, role, feed| {
        let mut config = pki().server(setup, Leaf::Valid);
        config.max_fragment_size = Some(105);
        let mut client_config = pki().client(setup);
        client_config.max_fragment_size = Some(105);
        let mut one = client(client_config, feed);
        let mut other = server(config, feed);
        connect(&mut one, &mut other);
        let (sender, receiver) = match role {
            Role::Client => (&mut one, &mut other),
            Role::Server => (&mut other, &mut one),
        };
        let before = sender.session.counters().records_sent;
        sender.seal(&[b'x'; 250]).unwrap();
        assert_eq!(record_types(&sender.out), [DATA; 3]);
        assert_eq!(sender.session.counters().records_sent, before + 3);
        let sealed = sender.take_out();
        receiver.feed(&sealed);
        assert_eq!(receiver.text, [b'x'; 250]);
    });
}

#[test]
fn a_session_moves_between_threads_and_shows_no_secret() {
    fn is_send<T: Send + 'static>(_: &T) {}
    let setup = Setup::new(Crypto::Ring, TLS13);
    let (mut driver, mut peer) = pair(&setup, Role::Client, Feed::Whole);
    peer.write(b"secret text");
    driver.feed(&peer.output());
    is_send(&driver.session);
    let shown = format!("{:?}", driver.session);
    assert!(!shown.contains("secret"));
    for binding in driver.session.available_bindings() {
        let binding = driver.session.channel_binding(binding).unwrap();
        let shown = format!("{binding:?}");
        assert!(!shown.contains(&format!("{:?}", binding.as_bytes())));
        assert!(!shown.contains(char::is_numeric), "{shown}");
    }
}
