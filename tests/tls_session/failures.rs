//! Handshakes that fail, why, and what the peer is told (RFC 6120 5.4.3.2).

use std::sync::Arc;

use sha2::Digest;
use xmpp_stream::tls::{
    Alert, CertificateReason, ClientTls, Resumption, ServerTls, TlsLimits, TlsReasonKind,
    TlsSession, TlsStep,
};

use crate::common::hostile_tls::{ALERT, forged, message, record_types};
use crate::common::pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, name, pki};
use crate::common::tls_driver::{Driver, Feed};
use crate::{Role, VERSIONS, client, client_with, connect, failure, server};

const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

#[test]
fn rfc6120_5_4_3_1_5_a_certificate_that_does_not_verify_is_refused_with_its_reason() {
    for version in VERSIONS {
        for (leaf, fault, alert) in [
            (Leaf::Untrusted, CertificateReason::UnknownIssuer, 48),
            (Leaf::WrongHost, CertificateReason::NameMismatch, 42),
            (Leaf::Expired, CertificateReason::Expired, 45),
            (Leaf::Client, CertificateReason::NameMismatch, 42),
        ] {
            for feed in Feed::ALL {
                let setup = Setup::new(Crypto::Ring, version);
                let mut one = client(pki().client(&setup), feed);
                let mut other = server(pki().server(&setup, leaf), feed);
                connect(&mut one, &mut other);
                let Some(TlsStep::Failed(failure)) = one.steps.last() else {
                    panic!("{leaf:?}: {:?}", one.steps);
                };
                let expected = match leaf {
                    // Either objection is right.
                    Leaf::Client => failure.kind().clone(),
                    _ => TlsReasonKind::Certificate(fault),
                };
                assert_eq!(*failure.kind(), expected);
                assert!(failure.code().starts_with("certificate-"));
                assert!(failure.alert_sent());
                assert!(one.session.encrypted().is_none());
                assert!(one.session.verified().is_none());
                let Some(TlsStep::Failed(told)) = other.steps.last() else {
                    panic!("the server was not told: {:?}", other.steps);
                };
                if leaf != Leaf::Client {
                    let alert = TlsReasonKind::AlertReceived(Alert(alert));
                    assert_eq!(*told.kind(), alert, "{leaf:?}");
                }
            }
        }
    }
}

#[test]
fn nothing_in_common_is_named() {
    let tls12 = Setup::new(Crypto::Ring, TLS12);
    let tls13 = Setup::new(Crypto::Ring, TLS13);
    for (ours, theirs, expected) in [
        (&tls12, &tls13, "protocol-version"),
        (&tls13, &tls12, "protocol-version"),
        (
            &tls13.clone().suites("AES_128"),
            &tls13.clone().suites("CHACHA20"),
            "cipher-suite",
        ),
    ] {
        let mut one = client(pki().client(ours), Feed::Whole);
        let mut other = server(pki().server(theirs, Leaf::Valid), Feed::Whole);
        connect(&mut one, &mut other);
        assert_eq!(failure(&other), expected);
        assert_eq!(failure(&one), "alert-received");
    }
    let tls = ClientTls::new(Arc::new(pki().client(&tls13)));
    let limits = TlsLimits::default();
    let alpn = &[&b"xmpp-client"[..]];
    let session = TlsSession::client(&tls, name(DOMAIN), alpn, Resumption::Allowed, limits);
    let mut one = Driver::new(session.unwrap(), Feed::Whole);
    let tls = ServerTls::new(Arc::new(pki().server(&tls13, Leaf::Valid)));
    let session = TlsSession::server(&tls, &[b"xmpp-server"], limits);
    let mut other = Driver::new(session.unwrap(), Feed::Whole);
    connect(&mut one, &mut other);
    assert_eq!(failure(&other), "no-application-protocol");
}

/// The first bytes of something else are answered at once, not after a record
/// they only seem to announce.
#[test]
fn bytes_that_are_no_tls_fail_at_the_fifth() {
    for version in VERSIONS {
        for role in Role::BOTH {
            for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"<stream:stream", b"\n\n\n\n\n"] {
                let mut driver = either(&Setup::new(Crypto::Ring, version), role);
                assert_eq!(driver.receive(&bytes[..4]), TlsStep::NeedMore);
                assert!(matches!(driver.receive(&bytes[4..5]), TlsStep::Failed(_)));
                let expected = match bytes {
                    b"<stream:stream" => "not-tls",
                    _ => "malformed-record",
                };
                assert_eq!(failure(&driver), expected);
                assert_eq!(record_types(&driver.out), [ALERT]);
            }
        }
    }
}

#[test]
fn rfc9325_3_5_a_server_that_does_not_acknowledge_renegotiation_info_is_left() {
    let setup = Setup::new(Crypto::Ring, TLS12);
    for feed in Feed::ALL {
        for require in [true, false] {
            let tls = ClientTls::new(Arc::new(pki().client(&setup)));
            let tls = tls.require_renegotiation_info(require);
            let mut one = client_with(&tls, feed);
            let mut other = server(pki().server(&setup, Leaf::Valid), feed);
            other.feed(&one.take_out());
            let flight = without_renegotiation_info(&other.take_out());
            let last = one.receive(&flight);
            if require {
                let TlsStep::Failed(failure) = last else {
                    panic!("accepted");
                };
                assert_eq!(failure.code(), "no-renegotiation-info");
                assert!(failure.alert_sent());
                assert_eq!(one.out, HANDSHAKE_FAILURE);
            } else {
                // The signature does not cover the extension: the client goes
                // on, to Finished.
                assert_eq!(last, TlsStep::NeedMore);
                assert!(!one.out.is_empty());
            }
        }
    }
}

/// Without a word of the caller's about it.
#[test]
fn by_default_a_server_that_does_not_acknowledge_renegotiation_info_is_left() {
    let setup = Setup::new(Crypto::Ring, TLS12);
    let config = Arc::new(pki().client(&setup));
    for tls in [ClientTls::new(config.clone()), ClientTls::deferred(config)] {
        let mut one = client_with(&tls, Feed::Whole);
        let mut other = server(pki().server(&setup, Leaf::Valid), Feed::Whole);
        other.feed(&one.take_out());
        one.feed(&without_renegotiation_info(&other.take_out()));
        assert_eq!(failure(&one), "no-renegotiation-info");
        assert_eq!(one.out, HANDSHAKE_FAILURE);
    }
}

/// A ServerHello of this version: no extensions, or these.
fn server_hello(version: [u8; 2], random: [u8; 32], extensions: &[u8]) -> Vec<u8> {
    let mut body = [&version[..], &random, &[0, 0xc0, 0x2f, 0]].concat();
    if !extensions.is_empty() {
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend_from_slice(extensions);
    }
    let mut record = forged(22, &message(2, &body));
    record[1..3].copy_from_slice(&version);
    record
}

/// RFC 8446 4.1.3, 4.2.1: the version is looked at first, and a client that has not offered TLS
/// 1.2 asks nothing of a TLS 1.2 server.
#[test]
fn a_server_hello_of_an_unacceptable_version_is_refused_as_such() {
    const RANDOM: [u8; 32] = [9; 32];
    const TLS13_SELECTED: &[u8] = &[0, 43, 0, 2, 3, 4];
    const TLS12_SELECTED: &[u8] = &[0, 43, 0, 2, 3, 3];
    let only = |version| vec![pki().client(&Setup::new(Crypto::Ring, version))];
    let both = || {
        let provider = Arc::new(Crypto::Ring.provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[TLS12, TLS13]).unwrap();
        let builder = builder.with_root_certificates(pki().roots());
        vec![builder.with_no_client_auth()]
    };
    let any = || [only(TLS12), only(TLS13), both()].concat();
    for (configs, version, extensions, code, alert) in [
        (any(), [3, 0], &[][..], "protocol-version", 70),
        (any(), [3, 1], &[], "protocol-version", 70),
        (any(), [3, 2], &[], "protocol-version", 70),
        (any(), [3, 4], &[], "protocol-version", 70),
        (only(TLS13), [3, 3], &[], "protocol-version", 70),
        (only(TLS12), [3, 3], TLS13_SELECTED, "protocol-version", 70),
        (only(TLS12), [3, 3], &[], "no-renegotiation-info", 40),
        (both(), [3, 3], &[], "no-renegotiation-info", 40),
        (both(), [3, 3], TLS12_SELECTED, "peer-misbehaved", 47),
    ] {
        for config in configs {
            for require in [true, false] {
                for feed in Feed::ALL {
                    let tls = ClientTls::new(Arc::new(config.clone()));
                    let tls = tls.require_renegotiation_info(require);
                    let mut driver = client_with(&tls, feed);
                    driver.take_out();
                    driver.feed(&server_hello(version, RANDOM, extensions));
                    if code == "no-renegotiation-info" && !require {
                        assert!(driver.steps.is_empty());
                        continue;
                    }
                    assert_eq!(failure(&driver), code, "{version:?} {extensions:?}");
                    assert_eq!(driver.out, [21, 3, 3, 0, 2, 2, alert]);
                }
            }
        }
    }
}

/// A HelloRetryRequest is one of TLS 1.3, whatever it says.
#[test]
fn a_hello_retry_request_acknowledges_nothing() {
    let random = retry_request_random();
    for (version, code, alert) in [
        (TLS13, "peer-misbehaved", 47),
        (TLS12, "unexpected-message", 10),
    ] {
        let setup = Setup::new(Crypto::Ring, version);
        let mut driver = client(pki().client(&setup), Feed::Whole);
        driver.take_out();
        // key_share asks for secp384r1.
        driver.feed(&server_hello([3, 3], random, &[0, 51, 0, 2, 0, 24]));
        assert_eq!(failure(&driver), code);
        assert_eq!(driver.out, [21, 3, 3, 0, 2, 2, alert]);
    }
}

/// RFC 8446 4.1.3.
fn retry_request_random() -> [u8; 32] {
    sha2::Sha256::digest(b"HelloRetryRequest").into()
}

/// What a server makes of versions it does not have.
#[test]
fn a_client_hello_of_an_unacceptable_version_is_refused_as_such() {
    for (ours, version, extensions) in [
        (TLS12, [3, 1], &[][..]),
        (TLS12, [3, 2], &[]),
        (TLS13, [3, 2], &[]),
        (TLS13, [3, 3], &[]),
        (TLS12, [3, 3], &[0, 43, 0, 3, 2, 3, 4]),
        (TLS13, [3, 3], &[0, 43, 0, 3, 2, 3, 3]),
        (TLS13, [3, 3], &[0, 43, 0, 3, 2, 3, 1]),
    ] {
        // signature_algorithms and supported_groups, without which rustls looks no further
        let groups = [0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3];
        let extensions = [&groups[..], extensions].concat();
        let len = u16::try_from(extensions.len()).unwrap().to_be_bytes();
        let body = [
            &version[..],
            &[5; 32],
            &[0, 0, 4, 0xc0, 0x2b, 0x13, 1, 1, 0],
            &len,
            &extensions,
        ]
        .concat();
        let setup = Setup::new(Crypto::Ring, ours);
        let mut driver = server(pki().server(&setup, Leaf::Valid), Feed::Whole);
        driver.feed(&forged(22, &message(1, &body)));
        assert_eq!(failure(&driver), "protocol-version", "{version:?}");
        assert_eq!(driver.out, [21, 3, 3, 0, 2, 2, 70]);
    }
}

/// Cuts the extension out of a flight that begins with ServerHello.
fn without_renegotiation_info(flight: &[u8]) -> Vec<u8> {
    const INFO: [u8; 5] = [0xff, 1, 0, 1, 0];
    let at = flight.windows(5).position(|w| w == INFO).unwrap();
    let mut cut = [&flight[..at], &flight[at + 5..]].concat();
    // Record, message and extensions are shorter by five now.
    let session_id = usize::from(cut[43]);
    let extensions = 44 + session_id + 3;
    for length in [3, 7, extensions] {
        let value = u16::from_be_bytes([cut[length], cut[length + 1]]) - 5;
        cut[length..length + 2].copy_from_slice(&value.to_be_bytes());
    }
    cut
}

#[test]
fn rfc5746_3_6_a_first_hello_that_renegotiates_is_refused() {
    for version in VERSIONS {
        let setup = Setup::new(Crypto::Ring, version);
        let body = [
            &[3, 3][..],
            &[5; 32],
            &[0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 7, 0xff, 1, 0, 3, 2, 9, 9],
        ]
        .concat();
        for feed in Feed::ALL {
            let mut driver = server(pki().server(&setup, Leaf::Valid), feed);
            driver.feed(&forged(22, &message(1, &body)));
            assert_eq!(failure(&driver), "renegotiation-info-not-empty");
            assert_eq!(driver.out, HANDSHAKE_FAILURE);
        }
    }
}

fn either(setup: &Setup, role: Role) -> Driver {
    let mut driver = match role {
        Role::Client => client(pki().client(setup), Feed::Whole),
        Role::Server => server(pki().server(setup, Leaf::Valid), Feed::Whole),
    };
    driver.take_out();
    driver
}

/// Whatever comes, whenever: no panic, and no more than one verdict.
#[test]
fn damaged_flights_never_panic() {
    const SEED: u64 = 0x5eed;
    println!("seed {SEED:#x}");
    let mut random = SEED;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(below).unwrap()).unwrap()
    };
    let mut failed = 0;
    for run in 0..3000 {
        let setup = Setup::new(Crypto::Ring, VERSIONS[run % 2]);
        let mut one = client(pki().client(&setup), Feed::Whole);
        let mut other = server(pki().server(&setup, Leaf::Valid), Feed::Whole);
        let victim = next(8);
        for turn in 0..8 {
            let (from, to) = if turn % 2 == 0 {
                (&mut one, &mut other)
            } else {
                (&mut other, &mut one)
            };
            if from.session.established().is_some() {
                let _ = from.seal(b"some text");
            }
            let mut flight = from.take_out();
            if turn == victim && !flight.is_empty() {
                for _ in 0..=next(3) {
                    let at = next(flight.len());
                    match next(4) {
                        0 => flight[at] ^= 1 << next(8),
                        1 => flight.truncate(at.max(1)),
                        2 => flight.insert(at, u8::try_from(next(256)).unwrap()),
                        _ => {
                            let copy = flight[at..].to_vec();
                            flight.extend(copy);
                        }
                    }
                }
            }
            to.feed(&flight);
            if next(5) == 0 {
                to.session.close(&mut to.out);
            }
        }
        failed += usize::from(
            [one, other]
                .iter()
                .any(|driver| matches!(driver.steps.last(), Some(TlsStep::Failed(_)))),
        );
    }
    assert!(
        failed > 300,
        "only {failed} runs failed: nothing was tested"
    );
}
