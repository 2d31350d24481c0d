//! TLS traffic that resembles a renegotiation and is none: the stream goes on.
//! (A server that counted handshakes once refused its TLS 1.3 clients.)

use rustls::HandshakeKind;
use rustls::crypto::ring::Ticketer;
use rustls::crypto::ring::kx_group::SECP384R1;
use xmpp_stream::connection::{InitiatorRole, ResponderRole};

use crate::harness::hostile_tls::{ALERT, DATA};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, pki};
use crate::harness::scenarios::{WireItem, message, text};
use crate::harness::{Carrier, Harness, HostileTls, Role, Scripted, TlsPair, naming};

/// How many bytes TCP carries at a time.
const CHUNKS: [usize; 2] = [usize::MAX, 1];

fn stream<N: Role>(tls: &TlsPair, version: Version, chunk: usize) -> Harness<N, Scripted> {
    Harness::<N, Scripted>::established(
        N::machine(Carrier::DirectTls(version), tls, None),
        tls,
        chunk,
    )
}

fn handshake_kind<N: Role>(stream: &mut Harness<N, Scripted>) -> HandshakeKind {
    stream.peer.tls().handshake_kind().unwrap()
}

/// Stanzas pass both ways, and the stream closes in order.
fn goes_on<N: Role>(stream: &mut Harness<N, Scripted>) {
    let reported = stream.events.len();
    stream.send_record(message(1));
    assert_eq!(
        stream.event_lines()[reported..],
        [format!("stanza {}", message(1))]
    );
    stream.receive();
    stream.machine.session().unwrap().send(&message(2)).unwrap();
    stream.machine.session().unwrap().close();
    stream.exchange();
    let expected = format!("{}</stream:stream>", message(2));
    assert_eq!(stream.receive(), expected);
    stream.send_record("</stream:stream>");
    stream.close_notify();
    assert_eq!(stream.code(), "closed", "{:?}", stream.close);
}

/// Runs `case` for both versions and feeds; counts what passed.
fn both_versions<N: Role>(name: &str, case: &dyn Fn(Version, usize)) -> usize {
    for version in [TLS12, TLS13] {
        for chunk in CHUNKS {
            naming(
                &format!("{name}, {}, {version:?}, {chunk}", N::NAME),
                || case(version, chunk),
            );
        }
    }
    4
}

fn handshakes<N: Role>() -> usize {
    let mut passed = both_versions::<N>("full", &|version, chunk| {
        let tls = TlsPair::new(version).without_tickets();
        let mut stream = stream::<N>(&tls, version, chunk);
        assert_eq!(handshake_kind(&mut stream), HandshakeKind::Full);
        goes_on(&mut stream);
    });
    for stateless in [false, true] {
        passed += both_versions::<N>("resumed", &|version, chunk| {
            let mut tls = TlsPair::new(version);
            tls.server.send_tls13_tickets = 8;
            if stateless {
                tls.server.ticketer = Ticketer::new().unwrap();
            }
            for expected in [
                HandshakeKind::Full,
                HandshakeKind::Resumed,
                HandshakeKind::Resumed,
            ] {
                let mut stream = stream::<N>(&tls, version, chunk);
                assert_eq!(handshake_kind(&mut stream), expected);
                goes_on(&mut stream);
            }
        });
    }
    passed += both_versions::<N>("client certificate", &|version, chunk| {
        let mut stream = stream::<N>(&TlsPair::mutual(version), version, chunk);
        goes_on(&mut stream);
    });
    passed += both_versions::<N>("small records", &|version, chunk| {
        let mut tls = TlsPair::new(version);
        tls.server.max_fragment_size = Some(64);
        tls.client.max_fragment_size = Some(64);
        let mut stream = stream::<N>(&tls, version, chunk);
        goes_on(&mut stream);
    });
    for chunk in CHUNKS {
        let mut setup = Setup::new(Crypto::Ring, TLS13);
        let client = pki().client(&setup);
        setup.provider.kx_groups = vec![SECP384R1];
        let tls = TlsPair {
            client,
            server: pki().server(&setup, Leaf::Valid),
        };
        let mut stream = stream::<N>(&tls.without_tickets(), TLS13, chunk);
        assert_eq!(
            handshake_kind(&mut stream),
            HandshakeKind::FullWithHelloRetryRequest
        );
        goes_on(&mut stream);
        passed += 1;
    }
    passed
}

fn key_updates<N: Role>() -> usize {
    for chunk in CHUNKS {
        let mut stream = stream::<N>(&TlsPair::new(TLS13), TLS13, chunk);
        for round in 0..40 {
            // rustls accepts up to 32 in a row.
            for _ in 0..=round % 32 {
                stream.peer.tls().refresh_traffic_keys().unwrap();
            }
            stream.send_record(message(round));
            let stanza = message(round);
            stream.machine.session().unwrap().send(&stanza).unwrap();
            stream.exchange();
        }
        assert_eq!(stream.code(), "open");
        goes_on(&mut stream);
    }
    CHUNKS.len()
}

/// Records without effect, from a peer that chooses every one of them.
fn nothings<N: Role>() -> usize {
    let empty = vec![WireItem::Record(DATA, Vec::new()); 20];
    // rustls accepts four in all.
    let warning = |description: u8| vec![WireItem::Record(ALERT, vec![1, description])];
    let mut passed = 0;
    for (version, name, records) in [
        (TLS12, "empty records", empty.clone()),
        (TLS13, "empty records", empty),
        (TLS12, "no_renegotiation", warning(100)),
        (TLS12, "user_canceled", warning(90)),
        (TLS13, "user_canceled", warning(90)),
    ] {
        for chunk in CHUNKS {
            naming(
                &format!("{name}, {}, {version:?}, {chunk}", N::NAME),
                || {
                    let tls = TlsPair::new(version).without_tickets();
                    let mut harness = Harness::<N, HostileTls>::established(&tls, version);
                    let reported = harness.events.len();
                    for round in 0..3 {
                        let bytes: Vec<u8> = records
                            .iter()
                            .chain([&text(&message(round))])
                            .flat_map(|item| harness.seal(item))
                            .collect();
                        for part in bytes.chunks(chunk) {
                            harness.deliver(part);
                        }
                    }
                    assert_eq!(harness.code(), "open", "{:?}", harness.close);
                    assert_eq!(harness.events.len() - reported, 3);
                    assert_eq!(harness.receive_records(), [], "an answer to nothing");
                    harness
                        .machine
                        .session()
                        .unwrap()
                        .send(&message(9))
                        .unwrap();
                    harness.run();
                    assert_eq!(harness.receive(), message(9));
                },
            );
            passed += 1;
        }
    }
    passed
}

#[test]
fn rfc6120_5_3_5_5_ordinary_tls_traffic_is_not_taken_for_an_attempt() {
    fn both<N: Role>() -> usize {
        handshakes::<N>() + key_updates::<N>() + nothings::<N>()
    }
    let passed = both::<InitiatorRole>() + both::<ResponderRole>();
    println!("false alarms 0/{passed}");
    assert_eq!(passed, 68);
}
