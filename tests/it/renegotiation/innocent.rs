//! What looks a little like a renegotiation and is none: the stream goes on.
//! (A server that counted handshakes once locked out its TLS 1.3 clients.)

use rustls::crypto::ring::Ticketer;
use rustls::crypto::ring::kx_group::SECP384R1;
use rustls::{HandshakeKind, ProtocolVersion};
use xmpp_stream::stream::{Initiating, Receiving};

use crate::harness::bench::{Carrier, Rig, Subject, TlsPair, V12, V13, supported};
use crate::harness::honest::Honest;
use crate::harness::hostile_tls::{ALERT, DATA};
use crate::harness::naming;
use crate::harness::pki::{Crypto, Leaf, Setup, pki};
use crate::harness::scenes::{Say, message, text};

/// How many bytes TCP carries at a time.
const CHUNKS: [usize; 2] = [usize::MAX, 1];

fn stream<N: Subject>(tls: &TlsPair, version: ProtocolVersion, chunk: usize) -> Honest<N> {
    Honest::new(
        N::machine(Carrier::DirectTls(version), tls, None),
        tls,
        chunk,
    )
}

/// Stanzas pass both ways, and the stream closes in order.
fn goes_on<N: Subject>(stream: &mut Honest<N>) {
    let told = stream.side.events.len();
    stream.say(&message(1));
    assert_eq!(
        stream.side.told()[told..],
        [format!("stanza {}", message(1))]
    );
    stream.text.clear();
    stream
        .side
        .machine
        .session()
        .unwrap()
        .send(&message(2))
        .unwrap();
    stream.side.machine.session().unwrap().close();
    stream.drain();
    let expected = format!("{}</stream:stream>", message(2));
    assert_eq!(String::from_utf8_lossy(&stream.text), expected);
    stream.say("</stream:stream>");
    stream.peer.honest().send_close_notify();
    stream.drain();
    assert_eq!(stream.side.code(), "closed", "{:?}", stream.side.close);
}

/// Runs `case` for both versions and feeds; counts what passed.
fn both_versions<N: Subject>(name: &str, case: &dyn Fn(ProtocolVersion, usize)) -> usize {
    for version in [V12, V13] {
        for chunk in CHUNKS {
            naming(
                &format!("{name}, {}, {version:?}, {chunk}", N::ROLE),
                || case(version, chunk),
            );
        }
    }
    4
}

fn handshakes<N: Subject>() -> usize {
    let mut passed = both_versions::<N>("full", &|version, chunk| {
        let tls = TlsPair::new(version).without_tickets();
        let mut stream = stream::<N>(&tls, version, chunk);
        assert_eq!(stream.peer.kind(), HandshakeKind::Full);
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
                assert_eq!(stream.peer.kind(), expected);
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
        let mut setup = Setup::new(Crypto::Ring, supported(V13));
        let client = pki().client(&setup);
        setup.provider.kx_groups = vec![SECP384R1];
        let tls = TlsPair {
            client,
            server: pki().server(&setup, Leaf::Valid),
        };
        let mut stream = stream::<N>(&tls.without_tickets(), V13, chunk);
        assert_eq!(stream.peer.kind(), HandshakeKind::FullWithHelloRetryRequest);
        goes_on(&mut stream);
        passed += 1;
    }
    passed
}

fn key_updates<N: Subject>() -> usize {
    for chunk in CHUNKS {
        let mut stream = stream::<N>(&TlsPair::new(V13), V13, chunk);
        for round in 0..40 {
            // Up to 32 in a row are rustls's patience.
            for _ in 0..=round % 32 {
                stream.peer.honest().refresh_traffic_keys().unwrap();
            }
            stream.say(&message(round));
            let stanza = message(round);
            stream
                .side
                .machine
                .session()
                .unwrap()
                .send(&stanza)
                .unwrap();
            stream.drain();
        }
        assert_eq!(stream.side.code(), "open");
        goes_on(&mut stream);
    }
    CHUNKS.len()
}

/// Records that mean nothing, from a peer that chooses every one of them.
fn nothings<N: Subject>() -> usize {
    let empty = vec![Say::Record(DATA, Vec::new()); 20];
    // Four in all are the patience of rustls.
    let warning = |description: u8| vec![Say::Record(ALERT, vec![1, description])];
    let mut passed = 0;
    for (version, name, records) in [
        (V12, "empty records", empty.clone()),
        (V13, "empty records", empty),
        (V12, "no_renegotiation", warning(100)),
        (V12, "user_canceled", warning(90)),
        (V13, "user_canceled", warning(90)),
    ] {
        for chunk in CHUNKS {
            naming(
                &format!("{name}, {}, {version:?}, {chunk}", N::ROLE),
                || {
                    let tls = TlsPair::new(version).without_tickets();
                    let mut rig = Rig::<N>::established(&tls, version);
                    let told = rig.side.events.len();
                    for round in 0..3 {
                        let bytes: Vec<u8> = records
                            .iter()
                            .chain([&text(&message(round))])
                            .flat_map(|say| rig.seal(say))
                            .collect();
                        for part in bytes.chunks(chunk) {
                            rig.side.feed(part, rig.now);
                        }
                    }
                    assert_eq!(rig.side.code(), "open", "{:?}", rig.side.close);
                    assert_eq!(rig.side.events.len() - told, 3);
                    assert_eq!(rig.read_out(), [], "an answer to nothing");
                    rig.side
                        .machine
                        .session()
                        .unwrap()
                        .send(&message(9))
                        .unwrap();
                    rig.side.drive(rig.now);
                    assert_eq!(rig.read_text(), message(9));
                },
            );
            passed += 1;
        }
    }
    passed
}

#[test]
fn rfc6120_5_3_5_5_what_is_no_attempt_raises_no_alarm() {
    fn both<N: Subject>() -> usize {
        handshakes::<N>() + key_updates::<N>() + nothings::<N>()
    }
    let passed = both::<Initiating>() + both::<Receiving>();
    println!("false alarms 0/{passed}");
    assert_eq!(passed, 68);
}
