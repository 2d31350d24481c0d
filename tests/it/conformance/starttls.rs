//! STARTTLS and the certificates of either side (RFC 6120 5, 13.7).

use std::sync::Arc;

use rustls::ClientConnection;
use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::reset::{
    Connect, Disconnect, Outcome, PeerError, Plan, Planner, PlannerConfig, SrvTarget, Target,
};
use xmpp_stream::sasl::Decoy;
use xmpp_stream::stream::OtherHost;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Decision, Initiator, Responder};

use crate::harness::configs::{FIXED, client, decide, host_with, server};
use crate::harness::phases::{PROCEED, Phase, STARTTLS, responder_at};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, name, pki};
use crate::harness::{Carrier, Harness, Pair, START};

/// alice and her server, over STARTTLS.
pub fn pair(version: Version) -> Pair {
    let setup = Setup::new(Crypto::Ring, version);
    let client_tls = ClientTls::new(Arc::new(pki().client(&setup)));
    let server_tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
    Pair::connect(
        Initiator::new(client(Some(client_tls)), START),
        Responder::new(server(Some(server_tls)), START),
    )
}

/// The types of the records that `bytes` consist of.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind, 3, 1..=3, high, low, rest @ ..] = bytes {
        types.push(*kind);
        bytes = &rest[usize::from(*high) << 8 | usize::from(*low)..];
    }
    assert!(bytes.is_empty(), "no record: {bytes:x?}");
    types
}

/// What a side sent up to and with `last`, and the records after it.
fn split<'a>(sent: &'a [u8], last: &str) -> (&'a str, Vec<u8>) {
    let at = sent
        .windows(last.len())
        .position(|window| window == last.as_bytes())
        .expect(last);
    let (clear, tls) = sent.split_at(at + last.len());
    (std::str::from_utf8(clear).unwrap(), records(tls))
}

/// A stream over STARTTLS from its first byte to its last, and what went over
/// the wire.
fn transcript(version: Version) -> (Vec<u8>, Vec<u8>) {
    let mut pair = pair(version);
    pair.exchange();
    for _ in 0..10 {
        let session = &mut pair.machine.session().unwrap();
        session
            .send("<message><body>hello</body></message>")
            .unwrap();
        let session = &mut pair.peer.machine.session().unwrap();
        session
            .send("<message><body>hello</body></message>")
            .unwrap();
        pair.exchange();
    }
    pair.peer.machine.session().unwrap().close();
    pair.finish();
    assert_eq!((pair.code(), pair.peer.code()), ("closed", "closed"));
    (pair.sent, pair.peer.sent)
}

/// 6120-5.4.2.3-1: TLS begins after the `>`.
#[test]
fn rfc6120_5_3_3_1_no_white_space_stands_around_starttls() {
    for version in [TLS12, TLS13] {
        let (there, back) = transcript(version);
        let (clear, tls) = split(&there, STARTTLS);
        assert!(clear.ends_with(&[">", STARTTLS].concat()), "{clear}");
        assert!(!tls.is_empty());
        let (clear, tls) = split(&back, PROCEED);
        assert!(
            clear.ends_with(&["</stream:features>", PROCEED].concat()),
            "{clear}"
        );
        assert!(!tls.is_empty());
    }
}

/// To the last byte, the end of the stream included.
#[test]
fn rfc6120_5_4_3_1_7_after_starttls_only_tls_records_are_sent() {
    for version in [TLS12, TLS13] {
        let (there, back) = transcript(version);
        for (_, types) in [split(&there, STARTTLS), split(&back, PROCEED)] {
            assert!(
                types.iter().all(|kind| (20..=23).contains(kind)),
                "{types:?}"
            );
            let mut data = types.iter().filter(|kind| **kind == 23);
            assert!(data.nth(10).is_some(), "{types:?}");
        }
    }
}

/// 6120-5.3.5-2, 3920bis-draft-1, 3920bis-draft-3: in TLS 1.2 whatever is a
/// handshake can be told from outside, and after Finished there is none.
#[test]
fn rfc6120_5_3_5_4_no_second_handshake_is_ever_begun() {
    let (there, back) = transcript(TLS12);
    for (_, types) in [split(&there, STARTTLS), split(&back, PROCEED)] {
        let (_, protected) = types.split_at(types.iter().position(|kind| *kind == 20).unwrap());
        // ChangeCipherSpec, Finished, data, close_notify.
        assert_eq!(protected[..2], [20, 22]);
        assert_eq!(*protected.last().unwrap(), 21);
        let data = &protected[2..protected.len() - 1];
        assert!(data.iter().all(|kind| *kind == 23), "{types:?}");
    }
}

/// Two hosts on one port, each with a certificate of its own.
#[test]
fn rfc6120_5_4_3_1_4_the_certificate_is_that_of_the_host_in_to() {
    let host = |domain: &str| -> Arc<HostConfig> {
        let leaf = match domain {
            "wrong.example" => Leaf::WrongHost,
            _ => Leaf::Valid,
        };
        let tls = pki().server(&Setup::new(Crypto::Ring, TLS13), leaf);
        let host = HostConfig::builder(domain, Decoy::new(&[7; 32], 4096));
        host.tls(ServerTls::new(Arc::new(tls))).build().unwrap()
    };
    for domain in ["wrong.example", "localhost"] {
        let config = ResponderConfig::server(&FIXED).starttls().build().unwrap();
        let machine = Responder::new(config, START);
        let mut harness = Harness::scripted(
            machine,
            Box::new(move |machine, _| match machine.decision() {
                Some(Decision::Host(question)) => {
                    let to = question.to().unwrap().domain().to_string();
                    question.serve(host(&to));
                }
                _ => decide(machine),
            }),
        );
        harness.send(format!(
            "<stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' version='1.0'>"
        ));
        let received = harness.receive();
        assert!(
            received.contains(&format!(" from='{domain}' ")),
            "{received}"
        );
        harness.send(STARTTLS);
        assert_eq!(harness.receive(), PROCEED);
        // The client asks for no other name, and verifies this one.
        let mut config = pki().client(&Setup::new(Crypto::Ring, TLS13));
        config.enable_sni = false;
        harness.start_tls(ClientConnection::new(Arc::new(config), name(domain)).unwrap());
        assert!(harness.tls_error().is_none(), "{:?}", harness.tls_error());
        assert!(harness.machine.tls().is_some(), "{domain}");
    }
}

/// A server that asks for a certificate gets one of an unknown authority.
#[test]
fn rfc6120_5_4_3_1_6_a_client_certificate_that_does_not_verify_ends_in_tls() {
    for version in [TLS12, TLS13] {
        let setup = Setup::new(Crypto::Ring, version);
        let tls = ServerTls::new(Arc::new(pki().server_with_client_auth(&setup, Leaf::Valid)));
        let mechanisms = xmpp_stream::sasl::MechanismSet::scram();
        let config = ResponderConfig::server(&FIXED)
            .single_host(host_with(Some(tls), mechanisms))
            .starttls()
            .build()
            .unwrap();
        let responder = Responder::new(config, START);

        let stranger = pki().identity(Leaf::Untrusted);
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(setup.provider.clone()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(pki().roots())
            .with_client_auth_cert(stranger.chain.clone(), stranger.key())
            .unwrap();
        let config = client(Some(ClientTls::new(Arc::new(config))));
        let mut pair = Pair::connect(Initiator::new(config, START), responder);
        pair.finish();
        assert_eq!(pair.peer.code(), "tls", "{version:?}");
        let reported = pair.peer.event_lines();
        assert!(
            !reported.iter().any(|event| event.starts_with("tls ")),
            "{reported:?}"
        );
        // 6120-13.7.2-2, 6120-5.4.3.2-2: no XML was sent.
        let (_, types) = split(&pair.peer.sent, PROCEED);
        assert!(!types.is_empty());
    }
}

/// 6120-4.9.3.19-6, 6120-4.9.3.19-7: the same `to`, and a certificate for the
/// original name, whatever the host was called.
#[test]
fn rfc6120_4_9_3_19_5_a_redirected_client_still_asks_for_the_original_domain() {
    for (leaf, established) in [(Leaf::Valid, true), (Leaf::WrongHost, false)] {
        let setup = Setup::new(Crypto::Ring, TLS13);
        let first = client(Some(ClientTls::new(Arc::new(pki().client(&setup)))));
        for target in [Target::Redirect, Target::Location, Target::Srv] {
            let plan = plan_for(target);
            let initiator = Initiator::new(first.for_reconnect(&plan), START);
            let tls = ServerTls::new(Arc::new(pki().server(&setup, leaf)));
            let mut pair = Pair::connect(initiator, Responder::new(server(Some(tls)), START));
            pair.exchange();
            let (clear, _) = split(&pair.sent, STARTTLS);
            assert!(clear.contains(" to='localhost' "), "{clear}");
            assert_eq!(pair.machine.session().is_some(), established);
            if !established {
                pair.finish();
                assert_eq!(pair.code(), "tls");
            }
        }
    }
}

/// The plan of a connection to a host of another name.
fn plan_for(target: Target) -> Connect {
    let mut planner = Planner::new(PlannerConfig::new(), &FIXED);
    let host: OtherHost = "wrong.example:5222".parse().unwrap();
    let outcome = match target {
        Target::Location => {
            let _ = planner.next(START, Outcome::Established);
            planner.set_location(Some(host.clone()));
            Outcome::Closed(Disconnect::Lost)
        }
        Target::Srv => {
            planner.set_targets(&[SrvTarget::new(0, 0, host.clone())]);
            Outcome::ConnectFailed
        }
        _ => {
            planner.set_redirect(host.clone());
            Outcome::Closed(Disconnect::StreamError(PeerError::SeeOtherHost))
        }
    };
    let Plan::Connect(plan) = planner.next(START, outcome) else {
        panic!("no connection");
    };
    assert_eq!((plan.target, planner.host()), (target, Some(&host)));
    plan
}

/// RFC 9325 3.1.1: nothing below TLS 1.2.
#[test]
fn rfc6120_13_9_5_1_old_tls_versions_are_refused() {
    // A ClientHello of TLS 1.0, 1.1 or SSL 3.0 with one cipher suite, and one
    // of SSL 2.0.
    let hello = |minor: u8| {
        let mut body = vec![3, minor];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
        let length = u8::try_from(body.len()).unwrap();
        let mut record = vec![22, 3, 1, 0, 4 + length, 1, 0, 0, length];
        record.extend(body);
        record
    };
    let ssl2 = vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10];
    for (hello, code) in [
        (hello(0), "tls"),
        (hello(1), "tls"),
        (hello(2), "tls"),
        // No record at all.
        (ssl2, "plaintext-after-starttls"),
    ] {
        for version in [TLS12, TLS13] {
            let mut harness = responder_at(Carrier::StartTls(version), Phase::BeforeTls);
            harness.send(STARTTLS);
            assert_eq!(harness.receive(), PROCEED);
            harness.send_bytes(&hello);
            let answer = records(&harness.receive_bytes());
            assert!(
                matches!(answer[..], [] | [21]),
                "more than an alert: {answer:?}"
            );
            harness.run_until_closed();
            assert_eq!(harness.end().0, code);
        }
    }
}
