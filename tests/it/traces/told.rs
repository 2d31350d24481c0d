//! What the hook is told: everything, in order, and once.

use std::sync::Arc;

use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::trace::Payload;
use xmpp_stream::{Connection, Initiator, Responder};

use crate::harness::configs::{FIXED, alice, anonymous_host, decide};
use crate::harness::hostile_tls::{HANDSHAKE, HELLO_REQUEST, client_hello};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::scenarios::WireItem;
use crate::harness::{Harness, HostileTls, Pair, Recorder, Role, START, TlsPair};

/// An anonymous login over TLS from the first byte; a trace for each side.
fn login(version: Version) -> (Pair, [Arc<Recorder>; 2]) {
    let tls = TlsPair::new(version);
    let recorders = [(); 2].map(|()| Recorder::new(Payload::Full));
    let initiator = InitiatorConfig::client(&alice())
        .direct_tls(ClientTls::new(Arc::new(tls.client)))
        .credentials(Credentials::Anonymous)
        .trace(recorders[0].clone())
        .build()
        .unwrap();
    let responder = ResponderConfig::server(&FIXED)
        .single_host(anonymous_host(None, None))
        .trace(recorders[1].clone())
        .direct_tls(ServerTls::new(Arc::new(tls.server)))
        .build()
        .unwrap();
    let mut pair = Pair::connect(
        Initiator::new(initiator, START),
        Responder::new(responder, START),
    );
    pair.peer.app = Box::new(|machine, _| decide(machine));
    pair.machine.set_trace_id(1);
    pair.peer.machine.set_trace_id(2);
    pair.exchange();
    assert!(pair.machine.session().is_some());
    (pair, recorders)
}

#[test]
fn every_record_is_told_with_its_length() {
    for version in [TLS12, TLS13] {
        let (mut pair, [client, server]) = login(version);
        pair.machine.session().unwrap().close();
        pair.finish();
        let count = |recorder: &Recorder, direction: &str| {
            recorder.with(&format!("{direction} TLS record: ")).len()
        };
        for (sent, recorder, other) in [
            (&pair.sent, &client, &server),
            (&pair.peer.sent, &server, &client),
        ] {
            let (bytes, records) = recorder.records_sent();
            assert_eq!(bytes, sent.len());
            assert_eq!(count(recorder, "->"), records);
            assert_eq!(count(other, "<-"), records);
        }
        let first = &client.with("TLS record")[0];
        assert!(first.starts_with("1 -> TLS record: handshake, "), "{first}");
    }
}

#[test]
fn every_text_is_told_to_both_sides_in_the_same_words() {
    let (mut pair, [client, server]) = login(TLS13);
    for text in ["<message><body>1</body></message>", "<presence/>"] {
        pair.machine.session().unwrap().send(text).unwrap();
    }
    pair.exchange();
    let texts = |recorder: &Recorder, direction: &str| -> Vec<String> {
        let lines = recorder.lines();
        let parts = lines.iter().filter_map(|line| line.split_once(direction));
        let texts = parts.map(|(_, text)| text.replace("<?xml version='1.0'?>", ""));
        texts
            .filter(|text| !text.starts_with("TLS") && !text.starts_with("<stream:stream"))
            .collect()
    };
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (sent, received) = (texts(from, " -> "), texts(to, " <- "));
        assert_eq!(sent, received);
        assert!(sent.len() >= 3, "{sent:#?}");
    }
    assert_eq!(server.with("<- <message><body>1</body></message>").len(), 1);
}

/// Each step begins where the one before has ended.
#[test]
fn every_step_of_the_table_is_told() {
    for recorder in login(TLS13).1 {
        let mut state = String::from("Idle");
        let steps = recorder.with(" -- ");
        for step in &steps {
            let (_, step) = step.split_once(" -- ").unwrap();
            let (before, rest) = step.split_once(" + ").unwrap();
            assert_eq!(before, state);
            state = rest.split_once(" = ").unwrap().1.to_string();
            state.truncate(
                state
                    .match_indices(", ")
                    .map(|(at, _)| at)
                    .find(|at| {
                        state[..*at].matches('(').count() == state[..*at].matches(')').count()
                    })
                    .unwrap(),
            );
        }
        assert_eq!(state, "Established");
        assert!(steps.len() >= 7, "{steps:#?}");
    }
}

#[test]
fn events_are_told_as_the_application_gets_them_and_the_end_once() {
    let (mut pair, recorders) = login(TLS13);
    pair.machine.session().unwrap().close();
    pair.finish();
    let events = [pair.events.len(), pair.peer.events.len()];
    for ((recorder, events), side) in recorders.iter().zip(events).zip(["1", "2"]) {
        let lines = recorder.with("** ");
        assert_eq!(lines.len(), events + 1, "{lines:#?}");
        let last = lines.last().unwrap();
        let by = if side == "1" { "we" } else { "the peer" };
        let expected = format!("{side} ** CloseTcp, graceful: closed ({by} closed the stream)");
        assert_eq!(*last, expected);
        assert_eq!(recorder.lines().last(), Some(last));
    }
}

/// An established stream of a hostile peer attempts a renegotiation.
fn attempt<N: Role>(machine: Connection<N>, tls: &TlsPair, recorder: &Recorder) {
    let mut harness = Harness::<N, HostileTls>::over_tls(machine, tls, 4096);
    harness.log_in();
    let before = recorder.lines().len();
    let hello = match N::NAME {
        "responder" => client_hello(false),
        _ => HELLO_REQUEST.to_vec(),
    };
    harness.send(&WireItem::Record(HANDSHAKE, hello));
    let lines = &recorder.lines()[before..];
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].starts_with("0 <- TLS record: handshake, "),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("0 ** CloseTcp, abort: tls-renegotiation ("),
        "{lines:#?}"
    );
}

#[test]
fn a_renegotiation_attempt_is_a_record_and_the_end() {
    let tls = TlsPair::new(TLS12);
    let recorder = Recorder::new(Payload::Full);
    let initiator = InitiatorConfig::client(&alice())
        .direct_tls(ClientTls::new(Arc::new(tls.client.clone())))
        .credentials(Credentials::Anonymous)
        .trace(recorder.clone())
        .build()
        .unwrap();
    attempt(Initiator::new(initiator, START), &tls, &recorder);

    let recorder = Recorder::new(Payload::Full);
    let responder = ResponderConfig::server(&FIXED)
        .single_host(anonymous_host(None, None))
        .trace(recorder.clone())
        .direct_tls(ServerTls::new(Arc::new(tls.server.clone())))
        .build()
        .unwrap();
    attempt(Responder::new(responder, START), &tls, &recorder);
}

/// The guide's lines are those that the documentation of the module compiles.
#[test]
fn the_hook_for_the_crate_log_in_the_guide_is_the_one_that_is_compiled() {
    let documentation: String = include_str!("../../../src/trace/mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .flat_map(|line| [line.strip_prefix(' ').unwrap_or(line), "\n"])
        .collect();
    let guide = include_str!("../../../docs/guide/tracing.md");
    let (_, code) = guide.split_once("```rust\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    assert!(code.contains("impl Trace for ToLog"));
    assert!(documentation.contains(code), "{documentation}");
}
