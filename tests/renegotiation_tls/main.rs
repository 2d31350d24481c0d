//! RFC 6120 5.3.5 at the TLS layer: every way to attempt a renegotiation is
//! seen, nothing else is taken for one, nothing is sent after detection, and
//! the text of earlier records was given out before.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    unreachable_pub,
    reason = "test code"
)]

mod attacks;
#[path = "../it/harness/support/mod.rs"]
mod common;
mod lab;

use attacks::{
    Attack, Outcome, Piece, Role, Sign, TLS12_ATTACKS, TLS13_ATTACKS, TLS13_CLIENT, TLS13_SERVER,
};
use common::hostile_tls::{
    ALERT, CHANGE_CIPHER_SPEC, CLOSE_NOTIFY, DATA, HELLO_REQUEST, HostileTls, client_hello,
    record_types,
};
use common::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, pki};
use common::tls_driver::{Driver, Feed};
use lab::{Kind, Lab};
use rustls::HandshakeKind;
use xmpp_stream::tls::{RecordGuard, Scan, SealError, TlsStep, TlsVersion};

const STACKS: &[(Crypto, &str)] = &[
    (Crypto::Ring, "AES_128"),
    (Crypto::Ring, "AES_256"),
    (Crypto::Ring, "CHACHA20"),
    #[cfg(feature = "libraries")]
    (Crypto::AwsLc, "AES_128"),
];

#[test]
fn rfc6120_5_3_5_5_and_6_every_attempt_ends_tls_1_2_silently_and_nothing_else_does() {
    let runs = run_all(TLS12, |_| TLS12_ATTACKS.to_vec());
    assert_eq!(runs, TLS12_ATTACKS.len() * STACKS.len() * 2 * 2 * 2);
}

#[test]
fn rfc6120_5_3_5_5_and_6_every_attempt_ends_tls_1_3_silently_and_nothing_else_does() {
    let runs = run_all(TLS13, |role| {
        let by_role = match role {
            Role::Client => TLS13_CLIENT,
            Role::Server => TLS13_SERVER,
        };
        [TLS13_ATTACKS, by_role].concat()
    });
    assert_eq!(runs, (TLS13_ATTACKS.len() + 2) * STACKS.len() * 2 * 2 * 2);
}

/// All attacks in all combinations; returns how many runs that were.
fn run_all(version: Version, attacks: fn(Role) -> Vec<Attack>) -> usize {
    let mut runs = 0;
    for &(crypto, suite) in STACKS {
        for role in [Role::Client, Role::Server] {
            for kind in [Kind::Full, Kind::Resumed] {
                let lab = Lab::new(role, version, crypto, suite, kind);
                for feed in Feed::ALL {
                    for attack in attacks(role) {
                        let context = format!(
                            "{:?} {role:?} {kind:?} {crypto:?} {suite} {feed:?}",
                            attack.pieces
                        );
                        run(&lab, feed, role, &attack, &context);
                        runs += 1;
                    }
                }
            }
        }
    }
    runs
}

fn run(lab: &Lab, feed: Feed, role: Role, attack: &Attack, context: &str) {
    let (mut driver, mut peer) = lab.connect(feed);
    peer.turn();
    let last = driver.receive(&attack.bytes(&mut peer, role));
    assert_eq!(driver.text, attack.text, "{context}");
    let written = driver.take_out();
    let alerts = usize::from(matches!(attack.outcome, Outcome::Alerted(_)));
    match (&last, attack.outcome) {
        (TlsStep::Renegotiation(attempt), Outcome::Renegotiation(sign)) => {
            assert_eq!(attempt.sign, role.sign(sign), "{context}");
        }
        (TlsStep::Failed(failure), Outcome::Alerted(code) | Outcome::Failed(code)) => {
            assert_eq!(failure.code(), code, "{context}");
            assert_eq!(failure.alert_sent(), alerts == 1, "{context}");
        }
        (TlsStep::PeerClosed, Outcome::PeerClosed) | (TlsStep::NeedMore, Outcome::Quiet) => {}
        other => panic!("{context}: {other:?}"),
    }
    let opened = peer.open(&written).into_iter().map(|(kind, _)| kind);
    assert!(opened.eq(vec![ALERT; alerts]), "{context}");

    match attack.outcome {
        Outcome::Quiet => still_writes(&mut driver, context),
        Outcome::PeerClosed => {
            still_writes(&mut driver, context);
            hears_nothing(&mut driver, &mut peer, &last, context);
        }
        _ => {
            hears_nothing(&mut driver, &mut peer, &last, context);
            assert_eq!(driver.seal(b"x"), Err(SealError::Closed), "{context}");
            driver.session.close(&mut driver.out);
            assert!(driver.out.is_empty(), "{context}");
        }
    }
}

fn still_writes(driver: &mut Driver, context: &str) {
    driver.seal(b"still here").unwrap();
    let types = record_types(&driver.take_out());
    assert_eq!(types.last(), Some(&DATA), "{context}");
}

/// The verdict is final.
fn hears_nothing(driver: &mut Driver, peer: &mut HostileTls, last: &TlsStep, context: &str) {
    let text = driver.text.clone();
    let later = peer.seal(DATA, b"later");
    assert_eq!(driver.receive(&later), *last, "{context}");
    assert_eq!(driver.text, text, "{context}");
    assert!(driver.out.is_empty(), "{context}");
}

/// The pairs in which the peer speaks last.
fn last_speakers() -> [(Version, Role, Kind); 3] {
    [
        (TLS12, Role::Client, Kind::Full),
        (TLS12, Role::Server, Kind::Resumed),
        (TLS13, Role::Server, Kind::Full),
    ]
}

#[test]
fn rfc6120_5_3_5_5_a_hello_right_after_finished_in_one_segment_is_seen() {
    for (version, role, kind) in last_speakers() {
        for feed in Feed::ALL {
            let lab = Lab::new(role, version, Crypto::Ring, "AES_128", kind);
            let (mut driver, mut peer, mut flight) = lab.last_flight(feed);
            peer.turn();
            for piece in [Piece::Text(b"before"), Piece::Hello, Piece::Text(b"later")] {
                flight.extend(piece.bytes(&mut peer, role));
            }
            let last = driver.receive(&flight);
            assert!(
                matches!(last, TlsStep::Renegotiation(a) if a.sign == role.sign(Sign::Right)),
                "{last:?}"
            );
            assert_eq!(
                driver.steps[..2],
                [TlsStep::Established, TlsStep::Plaintext]
            );
            assert_eq!(driver.text, b"before");
        }
    }
}

#[test]
fn a_hello_in_the_finished_record_is_a_failed_handshake() {
    for (version, role, kind) in &last_speakers()[..2] {
        for feed in Feed::ALL {
            let lab = Lab::new(*role, version, Crypto::Ring, "AES_128", *kind);
            let (mut driver, mut peer, flight) = lab.last_flight(feed);
            peer.turn();
            let finished = flight.len() - (5 + 8 + 16 + 16);
            let (before, finished) = flight.split_at(finished);
            let hello = match role {
                Role::Client => HELLO_REQUEST.to_vec(),
                Role::Server => client_hello(false),
            };
            let packed = peer.repack(finished, 0, &hello);
            let last = driver.receive(&[before, &packed].concat());
            let TlsStep::Failed(failure) = last else {
                panic!("{last:?}");
            };
            assert_eq!(failure.code(), "peer-misbehaved");
            assert!(failure.alert_sent());
            assert!(driver.session.established().is_none());
            assert_eq!(record_types(&driver.out).last(), Some(&ALERT));
        }
    }
}

/// The guard for other TLS libraries suspects every TLS 1.2 attempt, and
/// nothing in an honest connection.
#[test]
fn the_record_guard_suspects_every_attempt() {
    for role in [Role::Client, Role::Server] {
        let lab = Lab::new(role, TLS12, Crypto::Ring, "AES_128", Kind::Full);
        for attack in TLS12_ATTACKS {
            let mut guard = RecordGuard::new();
            let (mut driver, mut peer) = lab.pair(Feed::Whole);
            peer.handshake(&mut |bytes| {
                assert_eq!(suspects(&mut guard, bytes), 0);
                driver.feed(bytes);
                driver.take_out()
            });
            assert_eq!(guard.handshake_complete(TlsVersion::Tls12), Scan::Pass);
            peer.turn();
            let text = peer.seal(DATA, b"text");
            assert_eq!(suspects(&mut guard, &text), 0);
            let found = suspects(&mut guard, &attack.bytes(&mut peer, role));
            if matches!(attack.outcome, Outcome::Renegotiation(_)) {
                assert!(found > 0, "{attack:?}");
            }
        }
    }
}

/// The same for a caller that forwards bytes as they come and learns with the library that the
/// handshake is complete.
#[test]
fn the_record_guard_misses_no_attempt_in_one_segment_with_finished() {
    for (version, role, kind) in last_speakers() {
        for with_hello in [true, false] {
            let lab = Lab::new(role, version, Crypto::Ring, "AES_128", kind);
            let mut guard = RecordGuard::new();
            let (mut driver, mut peer) = lab.pair(Feed::Whole);
            let mut flight = peer.up_to_finished(&mut |bytes| {
                assert_eq!(suspects(&mut guard, bytes), 0);
                driver.feed(bytes);
                driver.take_out()
            });
            if with_hello {
                flight.extend(Piece::Hello.bytes(&mut peer, role));
            }
            assert_eq!(suspects(&mut guard, &flight), 0);
            let (seen, found) = match version == TLS12 {
                true => (TlsVersion::Tls12, with_hello),
                false => (TlsVersion::Tls13, false),
            };
            let expected = if found { Scan::Suspect } else { Scan::Pass };
            assert_eq!(guard.handshake_complete(seen), expected);
        }
    }
}

fn suspects(guard: &mut RecordGuard, mut bytes: &[u8]) -> usize {
    let mut found = 0;
    while !bytes.is_empty() {
        let (taken, scan) = guard.scan(bytes);
        bytes = &bytes[taken..];
        found += usize::from(scan == Scan::Suspect);
    }
    found
}

/// HelloRetryRequest, with the ChangeCipherSpec of middlebox compatibility
/// mode, belongs to the first handshake.
#[test]
fn a_hello_retry_request_is_no_renegotiation() {
    for role in [Role::Client, Role::Server] {
        for feed in Feed::ALL {
            let mut lab = Lab::new(role, TLS13, Crypto::Ring, "AES_128", Kind::Full);
            let mut setup = Setup::new(Crypto::Ring, TLS13);
            setup
                .provider
                .kx_groups
                .retain(|group| format!("{:?}", group.name()) == "secp384r1");
            lab.server = pki().server(&setup, Leaf::Valid);
            let (mut driver, mut peer) = lab.pair(feed);
            let mut seen = Vec::new();
            peer.handshake(&mut |bytes| {
                seen.extend_from_slice(bytes);
                driver.feed(bytes);
                let answer = driver.take_out();
                seen.extend_from_slice(&answer);
                answer
            });
            assert_eq!(peer.kind(), HandshakeKind::FullWithHelloRetryRequest);
            assert!(record_types(&seen).contains(&CHANGE_CIPHER_SPEC));
            assert_eq!(driver.steps, [TlsStep::Established]);
        }
    }
}

/// After our own close_notify records are still opened, so an attempt closes at once, only an
/// authentic close_notify counts as one, and nothing, forged or not, is answered.
#[test]
fn after_our_close_notify_every_attempt_is_seen_and_nothing_is_answered() {
    let mut runs = 0;
    for version in [TLS12, TLS13] {
        for &(crypto, suite) in STACKS {
            for role in [Role::Client, Role::Server] {
                let lab = Lab::new(role, version, crypto, suite, Kind::Full);
                let attacks = match (version == TLS12, role) {
                    (true, _) => TLS12_ATTACKS.to_vec(),
                    (false, Role::Client) => [TLS13_ATTACKS, TLS13_CLIENT].concat(),
                    (false, Role::Server) => [TLS13_ATTACKS, TLS13_SERVER].concat(),
                };
                for feed in Feed::ALL {
                    for attack in &attacks {
                        let expected = after_close(version, role, attack);
                        closing_run(&lab, feed, role, attack, expected);
                        runs += 1;
                    }
                }
            }
        }
    }
    assert_eq!(
        runs,
        (TLS12_ATTACKS.len() + TLS13_ATTACKS.len() + 2) * STACKS.len() * 2 * 2
    );
}

/// What comes of an attack after our close_notify, where it is not the same as before.
fn after_close(version: Version, role: Role, attack: &Attack) -> Outcome {
    match attack.pieces {
        // Its header is looked at, not its content.
        [Piece::Ccs] => Outcome::Failed("unexpected-message"),
        // The first byte of a message is enough in TLS 1.3, and its body is not read.
        [Piece::HelloBytes(_), ..] if version == TLS13 => Outcome::Renegotiation(Sign::Right),
        [Piece::Handshake([1, ..])] => Outcome::Renegotiation(match (version == TLS12, role) {
            (_, Role::Server) => Sign::Right,
            (true, Role::Client) => Sign::Record,
            (false, Role::Client) => Sign::Wrong,
        }),
        _ => attack.outcome,
    }
}

fn closing_run(lab: &Lab, feed: Feed, role: Role, attack: &Attack, expected: Outcome) {
    let context = format!("{:?} {role:?} {feed:?}", attack.pieces);
    let (mut driver, mut peer) = lab.connect(feed);
    peer.turn();
    driver.session.close(&mut driver.out);
    let closing = driver.take_out();
    assert_eq!(peer.open(&closing), [(ALERT, CLOSE_NOTIFY.to_vec())]);
    let last = driver.receive(&attack.bytes(&mut peer, role));
    match (&last, expected) {
        (TlsStep::Renegotiation(attempt), Outcome::Renegotiation(sign)) => {
            assert_eq!(attempt.sign, role.sign(sign), "{context}");
        }
        (TlsStep::Failed(failure), Outcome::Alerted(code) | Outcome::Failed(code)) => {
            assert_eq!(failure.code(), code, "{context}");
            assert!(!failure.alert_sent(), "{context}");
        }
        (TlsStep::PeerClosed, Outcome::PeerClosed) | (TlsStep::NeedMore, Outcome::Quiet) => {}
        other => panic!("{context}: {other:?}"),
    }
    assert!(driver.out.is_empty(), "{context}");
    assert!(driver.text.is_empty(), "{context}");
    assert_eq!(driver.session.peer_closed(), last == TlsStep::PeerClosed);
    if expected != Outcome::Quiet {
        hears_nothing(&mut driver, &mut peer, &last, &context);
    }
}
