//! Every deadline, in every phase of both roles.

use std::time::Duration;

use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::Decoy;
use xmpp_stream::{Decision, Manner, Negotiation, Responder};

use crate::harness::configs::{FIXED, decide};
use crate::harness::phases::{
    AUTH_ANONYMOUS, AUTH_SCRAM, BIND, CLIENT_HEADER, FOOTER, OFFER_STARTTLS, PROCEED, Phase,
    SERVER_HEADER, STARTTLS, initiator, initiator_at, initiator_with, responder, responder_at,
    small,
};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, START, Scripted};

const TLS: Carrier = Carrier::StartTls(TLS13);

/// The peer falls silent: `<connection-timeout/>` after 30 seconds, and the end about a second
/// later, because a stream that is not established is worth no longer exchange.
fn runs_out<N: Negotiation>(
    mut harness: Harness<N, Scripted>,
    phase: &str,
    header: bool,
    about: &str,
) {
    let start = harness.now;
    harness.run_until_closed();
    let waited = harness.now.saturating_duration_since(start).as_secs();
    assert_eq!(waited, 31, "{about}");
    let received = harness.receive();
    let error = "<stream:error><connection-timeout \
                 xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    assert!(received.ends_with(error), "{about}: {received}");
    assert_eq!(received.starts_with("<?xml"), header, "{about}: {received}");
    assert_eq!(harness.end(), ("timeout", Manner::Graceful), "{about}");
    let reported = harness.closed().reason().to_string();
    assert_eq!(reported, format!("timeout, {phase}"), "{about}");
}

#[test]
fn rfc6120_4_6_2_1_a_client_that_sends_nothing_times_out_in_every_phase() {
    for (carrier, at, phase) in [
        (
            Carrier::Plain,
            Phase::Start,
            "waiting for the stream header",
        ),
        (Carrier::Plain, Phase::Sasl, "in SASL"),
        (
            Carrier::Plain,
            Phase::Authenticated,
            "waiting for the stream header",
        ),
        (Carrier::Plain, Phase::Binding, "binding a resource"),
        (TLS, Phase::BeforeTls, "negotiating STARTTLS"),
        (TLS, Phase::Secured, "waiting for the stream header"),
        (TLS, Phase::Opened, "in SASL"),
        (TLS, Phase::Sasl, "in SASL"),
        (TLS, Phase::Binding, "binding a resource"),
    ] {
        let about = format!("{carrier:?} {at:?}");
        runs_out(responder_at(carrier, at), phase, at.awaits_header(), &about);
    }
}

#[test]
fn rfc6120_4_6_2_1_a_server_that_sends_nothing_times_out_in_every_phase() {
    for (carrier, at, phase) in [
        (
            Carrier::Plain,
            Phase::Start,
            "waiting for the stream header",
        ),
        (Carrier::Plain, Phase::Opened, "waiting for stream features"),
        (Carrier::Plain, Phase::Sasl, "in SASL"),
        (
            Carrier::Plain,
            Phase::Authenticated,
            "waiting for the stream header",
        ),
        (Carrier::Plain, Phase::Binding, "binding a resource"),
        (TLS, Phase::BeforeTls, "negotiating STARTTLS"),
        (TLS, Phase::Secured, "waiting for the stream header"),
        (TLS, Phase::Opened, "waiting for stream features"),
        (TLS, Phase::Binding, "binding a resource"),
    ] {
        let mut harness = initiator_at(carrier, at);
        harness.receive();
        runs_out(harness, phase, false, &format!("{carrier:?} {at:?}"));
    }
}

/// 6120-5.4.3.2-2: no XML.
#[test]
fn a_tls_handshake_that_takes_too_long_ends_without_xml() {
    let mut harness = responder_at(TLS, Phase::BeforeTls);
    harness.send(STARTTLS);
    assert_eq!(harness.receive(), PROCEED);
    let start = harness.now;
    harness.run_until_closed();
    assert_eq!(harness.now.saturating_duration_since(start).as_secs(), 30);
    assert_eq!(harness.receive(), "");
    assert_eq!(harness.end().0, "timeout");
    assert_eq!(
        harness.closed().reason().to_string(),
        "timeout, in the TLS handshake"
    );

    let mut harness = initiator(TLS);
    harness.send(SERVER_HEADER);
    harness.send(OFFER_STARTTLS);
    harness.receive();
    harness.send(PROCEED);
    harness.receive_bytes();
    harness.run_until_closed();
    assert!(harness.receive_bytes().is_empty());
    assert_eq!(
        harness.closed().reason().to_string(),
        "timeout, in the TLS handshake"
    );
}

#[test]
fn an_established_stream_has_no_deadline_but_that_of_its_keepalive() {
    let after = |seconds| Some(START + Duration::from_secs(seconds));
    let harness = responder_at(Carrier::Plain, Phase::Established);
    assert_eq!(harness.wait.unwrap().deadline, after(600));
    let harness = initiator_at(Carrier::Plain, Phase::Established);
    assert_eq!(harness.wait.unwrap().deadline, after(300));
}

/// Bytes that make no progress buy no time.
#[test]
fn bytes_without_progress_do_not_move_the_deadline() {
    for (at, drip) in [
        (Phase::Start, CLIENT_HEADER),
        (Phase::Opened, AUTH_ANONYMOUS),
        (Phase::Opened, "                                        "),
    ] {
        let mut harness = responder_at(Carrier::Plain, at);
        for byte in drip.bytes().take(40) {
            harness.send([byte]);
            harness.now = harness.now + Duration::from_secs(1);
            harness.exchange();
        }
        assert!(harness.receive().contains("<connection-timeout "), "{drip}");
    }
    // Neither do attempts that fail.
    let mut harness = responder_at(Carrier::Plain, Phase::Opened);
    for _ in 0..2 {
        harness.now = harness.now + Duration::from_secs(14);
        harness.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='HELLO'/>");
    }
    harness.receive();
    harness.now = harness.now + Duration::from_secs(2);
    harness.exchange();
    assert!(harness.receive().contains("<connection-timeout "));
}

#[test]
fn the_negotiation_as_a_whole_has_a_deadline() {
    let limits = small(Limits::server())
        .with_negotiation_timeout(Duration::from_secs(40))
        .unwrap();
    let config = ResponderConfig::server(&FIXED)
        .limits(limits)
        .dangerous_plaintext()
        .build()
        .unwrap();
    let machine = Responder::new(config, START);
    let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
    harness.now = START + Duration::from_secs(29);
    harness.send(CLIENT_HEADER);
    assert!(harness.close.is_none());
    harness.receive();
    harness.run_until_closed();
    assert!(harness.receive().contains("<connection-timeout "));
    let reported = harness.closed().reason().to_string();
    assert_eq!(reported, "timeout, in the negotiation as a whole");
    assert_eq!(harness.now, START + Duration::from_secs(41));

    let mut harness = initiator_with(Carrier::Plain, |config| {
        let limits = Limits::client().with_negotiation_timeout(Duration::from_secs(40));
        config.limits(limits.unwrap())
    });
    harness.receive();
    harness.now = START + Duration::from_secs(29);
    harness.send(SERVER_HEADER);
    harness.run_until_closed();
    let reported = harness.closed().reason().to_string();
    assert_eq!(reported, "timeout, in the negotiation as a whole");
}

/// A server whose application answers nothing from here on.
fn without_decisions(at: Phase) -> Harness<ResponderRole, Scripted> {
    let mut harness = match at {
        // The host is asked for only where there is no single one.
        Phase::Start => {
            let config = ResponderConfig::server(&FIXED)
                .dangerous_plaintext()
                .build()
                .unwrap();
            Harness::scripted(Responder::new(config, START), Box::new(|_, _| {}))
        }
        at => responder_at(Carrier::Plain, at),
    };
    harness.app = Box::new(|_, _| {});
    harness
}

const DECISIONS: [(Phase, &str, &str); 4] = [
    (Phase::Start, CLIENT_HEADER, "waiting for the application"),
    (Phase::Opened, AUTH_SCRAM, "in SASL"),
    (Phase::Opened, AUTH_ANONYMOUS, "in SASL"),
    (Phase::Binding, BIND, "binding a resource"),
];

/// The peer did its part, so it gets no connection-timeout.
#[test]
fn a_decision_that_is_never_made_ends_the_stream() {
    for (at, opening, phase) in DECISIONS {
        let mut harness = without_decisions(at);
        harness.send(opening);
        assert_eq!(harness.event_lines().last().unwrap(), "decision", "{phase}");
        assert!(harness.machine.decision().is_some());
        // What the peer sends next waits.
        harness.send("<message/>");
        let start = harness.now;
        harness.advance();
        assert_eq!(
            harness.now.saturating_duration_since(start).as_secs(),
            30,
            "{phase}"
        );
        let received = harness.receive();
        assert!(
            received.contains("<internal-server-error "),
            "{phase}: {received}"
        );
        assert_eq!(received.starts_with("<?xml"), at == Phase::Start, "{phase}");
        assert!(harness.machine.decision().is_none(), "{phase}");
        harness.finish();
        assert_eq!(harness.end(), ("timeout", Manner::Graceful), "{phase}");
        assert_eq!(
            harness.closed().reason().to_string(),
            format!("timeout, {phase}")
        );
        assert!(
            !harness
                .event_lines()
                .iter()
                .any(|event| event.starts_with("stanza"))
        );
    }
}

#[test]
fn the_end_of_the_transport_ends_a_pending_decision() {
    for (at, opening, phase) in DECISIONS {
        let mut harness = without_decisions(at);
        harness.send(opening);
        harness.fin();
        harness.run_until_closed();
        assert_eq!(harness.end().0, "transport", "{phase}");
        assert!(harness.machine.decision().is_none());

        // It wins over what waits after the decision.
        let mut harness = without_decisions(at);
        harness.send([opening, "<message/>"].concat());
        harness.rst();
        assert_eq!(harness.end(), ("transport", Manner::Abort), "{phase}");

        let mut harness = without_decisions(at);
        harness.send(opening);
        harness.receive();
        harness.machine.abort();
        harness.exchange();
        assert_eq!(harness.receive(), "");
        assert_eq!(harness.end(), ("local-abort", Manner::Abort), "{phase}");
    }
}

/// 6120-4.6.1-1: a peer that takes nothing is not talked to.
#[test]
fn a_peer_that_takes_no_bytes_is_dropped() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let start = harness.now;
        harness
            .machine
            .session()
            .unwrap()
            .send("<message/>")
            .unwrap();
        harness.run();
        let wait = harness.wait.unwrap();
        assert!(wait.write);
        assert_eq!(wait.deadline, Some(start + Duration::from_secs(60)));
        // A byte is progress.
        harness.now = start + Duration::from_secs(59);
        assert_eq!(harness.transmit(1).len(), 1);
        harness.run();
        assert!(harness.close.is_none());
        harness.now = start + Duration::from_secs(118);
        harness.run();
        assert!(harness.close.is_none());
        harness.now = start + Duration::from_secs(119);
        harness.run();
        assert_eq!(harness.end(), ("timeout", Manner::Abort));
        assert!(harness.machine.transmit().is_empty());
        assert_eq!(
            harness.closed().reason().to_string(),
            "timeout, peer takes no bytes"
        );
    }
    for carrier in [Carrier::Plain, TLS] {
        check(responder_at(carrier, Phase::Established));
        check(initiator_at(carrier, Phase::Established));
    }
}

/// A peer that closes, and takes nothing: each step of the end has a deadline.
#[test]
fn a_closing_stream_ends_at_its_deadline_when_the_peer_takes_no_bytes() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        harness.machine.session().unwrap().close();
        let mut slept = 0;
        while harness.close.is_none() {
            harness.run();
            let deadline = harness.wait.unwrap().deadline.unwrap();
            slept += deadline.saturating_duration_since(harness.now).as_secs();
            harness.now = deadline;
            harness.run();
            assert!(slept <= 15, "{slept} s");
        }
        assert_eq!(harness.end().0, "timeout");
    }
    for carrier in [Carrier::Plain, TLS] {
        check(responder_at(carrier, Phase::Established));
        check(initiator_at(carrier, Phase::Established));
    }
}

/// Time that stands still or goes back has no effect.
#[test]
fn a_clock_that_steps_back_is_clamped() {
    let mut harness = responder(Carrier::Plain);
    harness.now = START + Duration::from_millis(29_999);
    harness.exchange();
    harness.now = START;
    harness.exchange();
    assert_eq!(harness.receive(), "");
    harness.now = START + Duration::from_secs(30);
    harness.exchange();
    assert!(harness.receive().contains("<connection-timeout "));
    harness.now = START;
    harness.send([CLIENT_HEADER, FOOTER].concat());
    assert_eq!(harness.end().0, "timeout");
}

/// The host's limits count once it is known.
#[test]
fn the_deadlines_of_the_host_apply_once_it_is_known() {
    let limits = small(Limits::server()).with_phase_timeout(Duration::from_secs(7));
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .limits(limits.unwrap())
        .build()
        .unwrap();
    let config = ResponderConfig::server(&FIXED)
        .dangerous_plaintext()
        .build()
        .unwrap();
    let machine = Responder::new(config, START);
    let mut harness = Harness::scripted(
        machine,
        Box::new(move |machine, _| {
            if let Some(Decision::Host(decision)) = machine.decision() {
                decision.serve(host.clone());
            }
        }),
    );
    harness.send(CLIENT_HEADER);
    let start = harness.now;
    harness.advance();
    assert_eq!(harness.now.saturating_duration_since(start).as_secs(), 7);
}
