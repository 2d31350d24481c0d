//! Every deadline, in every phase of both roles.

use std::time::Duration;

use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::Decoy;
use xmpp_stream::stream::Receiving;
use xmpp_stream::time::Instant;
use xmpp_stream::{Decision, Manner, Negotiation, Responder};

use crate::harness::hand::Hand;
use crate::harness::lead::{
    AUTH_ANONYMOUS, AUTH_SCRAM, At, BIND, CLIENT_HEADER, FOOTER, OFFER_STARTTLS, PROCEED,
    SERVER_HEADER, STARTTLS, Via, initiator, initiator_at, initiator_with, responder, responder_at,
    small,
};
use crate::harness::pair::{FIXED, decide};
use crate::harness::pki::TLS13;

const TLS: Via = Via::StartTls(TLS13);

/// The peer falls silent: `<connection-timeout/>` after 30 seconds, and the
/// end 5 seconds later.
fn runs_out<N: Negotiation>(mut hand: Hand<N>, phase: &str, header: bool, about: &str) {
    let start = hand.now;
    hand.run_out();
    let waited = hand.now.saturating_duration_since(start).as_secs();
    assert!((35..=40).contains(&waited), "{about}: {waited} s");
    let said = hand.said();
    let error = "<stream:error><connection-timeout \
                 xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    assert!(said.ends_with(error), "{about}: {said}");
    assert_eq!(said.starts_with("<?xml"), header, "{about}: {said}");
    assert_eq!(hand.end(), ("timeout", Manner::Graceful), "{about}");
    let told = hand.close().reason().to_string();
    assert_eq!(told, format!("timeout, {phase}"), "{about}");
}

#[test]
fn rfc6120_4_6_2_1_a_silent_client_runs_out_in_every_phase() {
    for (via, at, phase) in [
        (Via::Plain, At::Start, "waiting for the stream header"),
        (Via::Plain, At::Sasl, "in SASL"),
        (
            Via::Plain,
            At::Authenticated,
            "waiting for the stream header",
        ),
        (Via::Plain, At::Binding, "binding a resource"),
        (TLS, At::BeforeTls, "negotiating STARTTLS"),
        (TLS, At::Secured, "waiting for the stream header"),
        (TLS, At::Opened, "in SASL"),
        (TLS, At::Sasl, "in SASL"),
        (TLS, At::Binding, "binding a resource"),
    ] {
        let about = format!("{via:?} {at:?}");
        runs_out(responder_at(via, at), phase, at.awaits_header(), &about);
    }
}

#[test]
fn rfc6120_4_6_2_1_a_silent_server_runs_out_in_every_phase() {
    for (via, at, phase) in [
        (Via::Plain, At::Start, "waiting for the stream header"),
        (Via::Plain, At::Opened, "waiting for stream features"),
        (Via::Plain, At::Sasl, "in SASL"),
        (
            Via::Plain,
            At::Authenticated,
            "waiting for the stream header",
        ),
        (Via::Plain, At::Binding, "binding a resource"),
        (TLS, At::BeforeTls, "negotiating STARTTLS"),
        (TLS, At::Secured, "waiting for the stream header"),
        (TLS, At::Opened, "waiting for stream features"),
        (TLS, At::Binding, "binding a resource"),
    ] {
        let mut hand = initiator_at(via, at);
        hand.said();
        runs_out(hand, phase, false, &format!("{via:?} {at:?}"));
    }
}

/// 6120-5.4.3.2-2: no XML.
#[test]
fn a_tls_handshake_that_takes_too_long_ends_without_a_word() {
    let mut hand = responder_at(TLS, At::BeforeTls);
    hand.say(STARTTLS);
    assert_eq!(hand.said(), PROCEED);
    let start = hand.now;
    hand.run_out();
    assert_eq!(hand.now.saturating_duration_since(start).as_secs(), 30);
    assert_eq!(hand.said(), "");
    assert_eq!(hand.end().0, "timeout");
    assert_eq!(
        hand.close().reason().to_string(),
        "timeout, in the TLS handshake"
    );

    let mut hand = initiator(TLS);
    hand.say(SERVER_HEADER);
    hand.say(OFFER_STARTTLS);
    hand.said();
    hand.say(PROCEED);
    hand.raw_said();
    hand.run_out();
    assert!(hand.raw_said().is_empty());
    assert_eq!(
        hand.close().reason().to_string(),
        "timeout, in the TLS handshake"
    );
}

#[test]
fn an_established_stream_has_no_deadline() {
    let hand = responder_at(Via::Plain, At::Established);
    assert_eq!(hand.side.wait.unwrap().deadline, None);
    let hand = initiator_at(Via::Plain, At::Established);
    assert_eq!(hand.side.wait.unwrap().deadline, None);
}

/// Bytes that make no progress buy no time.
#[test]
fn dripping_bytes_do_not_move_the_deadline() {
    for (at, drip) in [
        (At::Start, CLIENT_HEADER),
        (At::Opened, AUTH_ANONYMOUS),
        (At::Opened, "                                        "),
    ] {
        let mut hand = responder_at(Via::Plain, at);
        for byte in drip.bytes().take(40) {
            hand.say([byte]);
            hand.now = hand.now + Duration::from_secs(1);
            hand.pump();
        }
        assert!(hand.said().contains("<connection-timeout "), "{drip}");
    }
    // Neither do attempts that fail.
    let mut hand = responder_at(Via::Plain, At::Opened);
    for _ in 0..2 {
        hand.now = hand.now + Duration::from_secs(14);
        hand.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='HELLO'/>");
    }
    hand.said();
    hand.now = hand.now + Duration::from_secs(2);
    hand.pump();
    assert!(hand.said().contains("<connection-timeout "));
}

#[test]
fn the_negotiation_as_a_whole_has_a_deadline() {
    let limits = small(Limits::server())
        .with_negotiation_timeout(Duration::from_secs(40))
        .unwrap();
    let config = ResponderConfig::server(&FIXED)
        .limits(limits)
        .dangerous_plaintext();
    let machine = Responder::new(config, Instant::from_millis(0));
    let mut hand = Hand::new(machine, Box::new(|machine, _| decide(machine)));
    hand.now = Instant::from_millis(29_000);
    hand.say(CLIENT_HEADER);
    assert!(hand.side.close.is_none());
    hand.said();
    hand.run_out();
    assert!(hand.said().contains("<connection-timeout "));
    let told = hand.close().reason().to_string();
    assert_eq!(told, "timeout, in the negotiation as a whole");
    assert_eq!(hand.now, Instant::from_millis(45_000));

    let mut hand = initiator_with(Via::Plain, |config| {
        let limits = Limits::client().with_negotiation_timeout(Duration::from_secs(40));
        config.limits(limits.unwrap())
    });
    hand.said();
    hand.now = Instant::from_millis(29_000);
    hand.say(SERVER_HEADER);
    hand.run_out();
    let told = hand.close().reason().to_string();
    assert_eq!(told, "timeout, in the negotiation as a whole");
}

/// A server whose application answers nothing from here on.
fn mute(at: At) -> Hand<Receiving> {
    let mut hand = match at {
        // The host is asked for only where there is no single one.
        At::Start => {
            let config = ResponderConfig::server(&FIXED).dangerous_plaintext();
            Hand::new(
                Responder::new(config, Instant::from_millis(0)),
                Box::new(|_, _| {}),
            )
        }
        at => responder_at(Via::Plain, at),
    };
    hand.side.app = Box::new(|_, _| {});
    hand
}

const GATES: [(At, &str, &str); 4] = [
    (At::Start, CLIENT_HEADER, "waiting for the application"),
    (At::Opened, AUTH_SCRAM, "in SASL"),
    (At::Opened, AUTH_ANONYMOUS, "in SASL"),
    (At::Binding, BIND, "binding a resource"),
];

/// The peer did its part, so it is not told of a timeout of its own.
#[test]
fn a_decision_that_is_never_made_ends_the_stream() {
    for (at, opening, phase) in GATES {
        let mut hand = mute(at);
        hand.say(opening);
        assert_eq!(hand.side.told().last().unwrap(), "decision", "{phase}");
        assert!(hand.side.machine.decision().is_some());
        // The peer's next words wait behind it.
        hand.say("<message/>");
        let start = hand.now;
        hand.sleep();
        assert_eq!(
            hand.now.saturating_duration_since(start).as_secs(),
            30,
            "{phase}"
        );
        let said = hand.said();
        assert!(said.contains("<internal-server-error "), "{phase}: {said}");
        assert_eq!(said.starts_with("<?xml"), at == At::Start, "{phase}");
        assert!(hand.side.machine.decision().is_none(), "{phase}");
        hand.part();
        assert_eq!(hand.end(), ("timeout", Manner::Graceful), "{phase}");
        assert_eq!(
            hand.close().reason().to_string(),
            format!("timeout, {phase}")
        );
        assert!(
            !hand
                .side
                .told()
                .iter()
                .any(|event| event.starts_with("stanza"))
        );
    }
}

#[test]
fn the_transport_ends_a_decision() {
    for (at, opening, phase) in GATES {
        let mut hand = mute(at);
        hand.say(opening);
        hand.fin();
        hand.run_out();
        assert_eq!(hand.end().0, "transport", "{phase}");
        assert!(hand.side.machine.decision().is_none());

        // It wins over what waits behind the decision.
        let mut hand = mute(at);
        hand.say([opening, "<message/>"].concat());
        hand.rst();
        assert_eq!(hand.end(), ("transport", Manner::Abort), "{phase}");

        let mut hand = mute(at);
        hand.say(opening);
        hand.said();
        hand.side.machine.abort();
        hand.pump();
        assert_eq!(hand.said(), "");
        assert_eq!(hand.end(), ("local-abort", Manner::Abort), "{phase}");
    }
}

/// 6120-4.6.1-1: a peer that takes nothing is not talked to.
#[test]
fn a_peer_that_takes_no_bytes_is_dropped() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let start = hand.now;
        hand.side
            .machine
            .session()
            .unwrap()
            .send("<message/>")
            .unwrap();
        hand.side.drive(hand.now);
        let wait = hand.side.wait.unwrap();
        assert!(wait.write);
        assert_eq!(wait.deadline, Some(start + Duration::from_secs(60)));
        // A byte is progress.
        hand.now = start + Duration::from_secs(59);
        assert_eq!(hand.side.take(1).len(), 1);
        hand.side.drive(hand.now);
        assert!(hand.side.close.is_none());
        hand.now = start + Duration::from_secs(118);
        hand.side.drive(hand.now);
        assert!(hand.side.close.is_none());
        hand.now = start + Duration::from_secs(119);
        hand.side.drive(hand.now);
        assert_eq!(hand.end(), ("timeout", Manner::Abort));
        assert!(hand.side.machine.transmit().is_empty());
        assert_eq!(
            hand.close().reason().to_string(),
            "timeout, peer takes no bytes"
        );
    }
    for via in [Via::Plain, TLS] {
        scene(responder_at(via, At::Established));
        scene(initiator_at(via, At::Established));
    }
}

/// A peer that closes, and takes nothing: each step of the end has a deadline.
#[test]
fn a_closing_stream_ends_though_nobody_takes_its_last_words() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        hand.side.machine.session().unwrap().close();
        let mut slept = 0;
        while hand.side.close.is_none() {
            hand.side.drive(hand.now);
            let deadline = hand.side.wait.unwrap().deadline.unwrap();
            slept += deadline.saturating_duration_since(hand.now).as_secs();
            hand.now = deadline;
            hand.side.drive(hand.now);
            assert!(slept <= 15, "{slept} s");
        }
        assert_eq!(hand.end().0, "timeout");
    }
    for via in [Via::Plain, TLS] {
        scene(responder_at(via, At::Established));
        scene(initiator_at(via, At::Established));
    }
}

/// Time that stands still or goes back hurts nobody.
#[test]
fn a_clock_that_steps_back_is_clamped() {
    let mut hand = responder(Via::Plain);
    hand.now = Instant::from_millis(29_999);
    hand.pump();
    hand.now = Instant::from_millis(0);
    hand.pump();
    assert_eq!(hand.said(), "");
    hand.now = Instant::from_millis(30_000);
    hand.pump();
    assert!(hand.said().contains("<connection-timeout "));
    hand.now = Instant::from_millis(0);
    hand.say([CLIENT_HEADER, FOOTER].concat());
    assert_eq!(hand.end().0, "timeout");
}

/// The host's limits count once it is known.
#[test]
fn the_deadlines_of_the_host_count() {
    let limits = small(Limits::server()).with_phase_timeout(Duration::from_secs(7));
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .limits(limits.unwrap())
        .build()
        .unwrap();
    let config = ResponderConfig::server(&FIXED).dangerous_plaintext();
    let machine = Responder::new(config, Instant::from_millis(0));
    let mut hand = Hand::new(
        machine,
        Box::new(move |machine, _| {
            if let Some(Decision::Host(decision)) = machine.decision() {
                decision.serve(host.clone());
            }
        }),
    );
    hand.say(CLIENT_HEADER);
    let start = hand.now;
    hand.sleep();
    assert_eq!(hand.now.saturating_duration_since(start).as_secs(), 7);
}
