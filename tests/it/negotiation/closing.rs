//! Closing a stream (RFC 6120 4.4), and white space on an open one (4.6.1).

use std::time::Duration;

use xmpp_stream::reset::{ResetCause, Side};
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseReason, Initiator, Manner, Negotiation, Responder};

use crate::harness::configs::{client, decide};
use crate::harness::phases::{
    CLIENT_HEADER, FOOTER, OFFER_ANONYMOUS, Phase, SERVER_HEADER, host, initiator_at, responder,
    responder_at, responder_config,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, START, Scripted};

const MESSAGE: &str = "<message><body>hello</body></message>";
const ALL: [Carrier; 3] = [
    Carrier::Plain,
    Carrier::StartTls(TLS12),
    Carrier::StartTls(TLS13),
];

/// Behavior the same with an established stream of either role, over all carriers.
fn both(
    carrier: &[Carrier],
    mut server: impl FnMut(Harness<xmpp_stream::connection::ResponderRole, Scripted>),
    mut client: impl FnMut(Harness<xmpp_stream::connection::InitiatorRole, Scripted>),
) {
    for carrier in carrier.iter().copied() {
        server(responder_at(carrier, Phase::Established));
        client(initiator_at(carrier, Phase::Established));
    }
}

fn close<N: Negotiation>(harness: &mut Harness<N, Scripted>) {
    harness.machine.session().expect("established").close();
    harness.exchange();
}

fn closed_by<N: Negotiation>(harness: &Harness<N, Scripted>, by: Side) {
    assert_eq!(*harness.closed().reason(), CloseReason::Closed { by });
    assert_eq!(harness.end().1, Manner::Graceful);
}

#[test]
fn rfc6120_4_4_2_after_our_closing_tag_the_connection_stays_open_until_the_peers() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        close(&mut harness);
        assert_eq!(harness.receive(), FOOTER);
        assert!(harness.close.is_none());
        assert!(harness.machine.session().is_none());
        // 6120-4.4-4
        let events = harness.events.len();
        harness.send([MESSAGE, " ", "<x xmlns='urn:example'/>"].concat());
        assert_eq!(
            harness.events_since(events),
            [
                format!("stanza {MESSAGE}"),
                "keepalive".into(),
                "element <x xmlns='urn:example'/>".into()
            ]
        );
        harness.finish();
        // 6120-4.4-3
        assert_eq!(harness.receive(), "");
        closed_by(&harness, Side::Us);
    }
    both(&ALL, check, check);
}

#[test]
fn rfc6120_4_4_9_the_peers_closing_tag_is_answered() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let events = harness.events.len();
        harness.finish();
        assert_eq!(harness.receive(), FOOTER);
        assert_eq!(harness.events_since(events), ["peer-closing"]);
        closed_by(&harness, Side::Peer);
    }
    both(&ALL, check, check);
}

#[test]
fn a_last_stanza_goes_out_before_the_answer_to_the_closing_tag() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        harness.app = Box::new(|machine, event| {
            if matches!(event, xmpp_stream::EventBuf::PeerClosing) {
                let mut session = machine.session().expect("half open");
                session.send(MESSAGE).unwrap();
                session.send("<presence type='unavailable'/>").unwrap();
            }
        });
        harness.finish();
        assert_eq!(
            harness.receive(),
            [MESSAGE, "<presence type='unavailable'/>", FOOTER].concat()
        );
        closed_by(&harness, Side::Peer);
    }
    both(&ALL, check, check);
}

/// What the application can do while the peer's closing tag is reported.
#[test]
fn the_answer_to_a_closing_tag_may_be_an_error() {
    type Act<N> = fn(&mut xmpp_stream::Connection<N>);
    fn check<N: Negotiation>(carrier: Carrier, make: fn(Carrier, Phase) -> Harness<N, Scripted>) {
        let acts: [(Act<N>, &str, &str, Manner); 4] = [
            (
                |machine| machine.fail(StreamError::new(StreamCondition::Conflict)),
                "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 </stream:error></stream:stream>",
                "stream-error",
                Manner::Graceful,
            ),
            (
                |machine| machine.session().unwrap().reset(ResetCause::KeyRefresh),
                "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 </stream:error></stream:stream>",
                "reset",
                Manner::Graceful,
            ),
            (
                |machine| machine.session().unwrap().close(),
                FOOTER,
                "closed",
                Manner::Graceful,
            ),
            (
                xmpp_stream::Connection::abort,
                "",
                "local-abort",
                Manner::Abort,
            ),
        ];
        for (act, received, code, manner) in acts {
            let mut harness = make(carrier, Phase::Established);
            harness.app = Box::new(move |machine, event| {
                if matches!(event, xmpp_stream::EventBuf::PeerClosing) {
                    act(machine);
                }
            });
            harness.finish();
            assert_eq!(harness.receive(), received);
            assert_eq!(harness.end(), (code, manner));
        }
    }
    for carrier in ALL {
        check(carrier, responder_at);
        check(carrier, initiator_at);
    }
}

#[test]
fn rfc6120_4_4_both_sides_may_close_at_once() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let events = harness.events.len();
        harness.machine.session().unwrap().close();
        // The peer's tag is there before the machine acts.
        harness.finish();
        assert_eq!(harness.receive(), FOOTER, "one tag each");
        assert_eq!(harness.events_since(events), [""; 0]);
        closed_by(&harness, Side::Us);
    }
    both(&ALL, check, check);
}

#[test]
fn rfc6120_4_4_5_a_close_that_is_not_answered_ends_at_its_deadline() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        close(&mut harness);
        let start = harness.now;
        harness.run_until_closed();
        let waited = harness.now.saturating_duration_since(start).as_secs();
        assert!((5..=10).contains(&waited), "{waited}");
        assert_eq!(harness.end(), ("timeout", Manner::Graceful));
        assert_eq!(harness.receive(), FOOTER);
    }
    both(&ALL, check, check);
}

/// What the peer says after our closing tag or our stream error does not give it more time.
#[test]
fn rfc6120_4_4_5_a_peer_that_keeps_talking_does_not_move_the_deadline() {
    type End<N> = fn(&mut Harness<N, Scripted>);
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>, end: End<N>) {
        end(&mut harness);
        let start = harness.now;
        harness.receive();
        while harness.close.is_none() {
            harness.now = harness.now + Duration::from_secs(1);
            harness.send(MESSAGE);
            let waited = harness.now.saturating_duration_since(start).as_secs();
            assert!(waited <= 10, "open after {waited} s");
        }
        assert_eq!(harness.end().1, Manner::Graceful);
        assert_eq!(harness.receive(), "");
    }
    fn fail<N: Negotiation>(harness: &mut Harness<N, Scripted>) {
        harness.machine.fail(StreamCondition::Conflict.into());
        harness.exchange();
    }
    both(
        &ALL,
        |server| check(server, close),
        |client| check(client, close),
    );
    both(
        &ALL,
        |server| check(server, fail),
        |client| check(client, fail),
    );
}

/// RFC 5246 7.2.1: the answer to close_notify is close_notify, at once.
#[test]
fn rfc5246_7_2_1_the_peers_close_notify_is_answered_at_once() {
    fn alone<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let start = harness.now;
        harness.close_notify();
        assert!(harness.received_close_notify());
        assert_eq!(harness.now, start);
    }
    fn after_the_tag<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let start = harness.now;
        harness.send(FOOTER);
        harness.close_notify();
        assert!(harness.received_close_notify());
        assert_eq!(harness.receive(), FOOTER);
        assert!(!harness.closed().truncated());
        assert_eq!(harness.now, start, "nothing is waited for");
    }
    both(&ALL[1..], alone, alone);
    both(&ALL[1..], after_the_tag, after_the_tag);
}

/// 6120-4.4-7, 6120-4.4-8: tag, tag, close_notify, close_notify, TCP.
#[test]
fn rfc6120_4_4_7_close_notify_comes_after_the_closing_tags() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        close(&mut harness);
        assert!(
            !harness.received_close_notify(),
            "before the peer's closing tag"
        );
        harness.send(FOOTER);
        assert!(harness.received_close_notify());
        assert!(harness.close.is_none(), "before the peer's close_notify");
        harness.close_notify();
        assert!(!harness.closed().truncated());
        closed_by(&harness, Side::Us);
    }
    both(&ALL[1..], check, check);
}

#[test]
fn after_our_stream_error_nothing_is_delivered() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let events = harness.events.len();
        harness
            .machine
            .fail(StreamError::new(StreamCondition::PolicyViolation));
        harness.exchange();
        harness.send(MESSAGE);
        harness.finish();
        assert_eq!(harness.events_since(events), [""; 0]);
    }
    both(&[Carrier::Plain], check, check);
}

/// What was in flight is delivered, unless the peer's identity is in doubt
/// (6120-13.12-1).
#[test]
fn after_our_reset_stanzas_are_delivered_unless_the_identity_is_in_doubt() {
    fn check<N: Negotiation>(make: fn(Carrier, Phase) -> Harness<N, Scripted>) {
        for (cause, delivered) in [
            (ResetCause::NewFeatures, 1),
            (ResetCause::KeyRefresh, 1),
            (ResetCause::SequenceLimit, 1),
            (ResetCause::CertificateExpired, 0),
            (ResetCause::CertificateRevoked, 0),
        ] {
            let mut harness = make(Carrier::Plain, Phase::Established);
            let events = harness.events.len();
            harness.machine.session().unwrap().reset(cause);
            harness.exchange();
            harness.send(MESSAGE);
            assert_eq!(harness.events_since(events).len(), delivered, "{cause}");
            harness.finish();
            let by = Side::Us;
            let cause = Some(cause);
            assert_eq!(*harness.closed().reason(), CloseReason::Reset { by, cause });
        }
    }
    check(responder_at);
    check(initiator_at);
}

/// A close is clean only if nothing went wrong after it.
#[test]
fn an_error_of_the_peer_that_crosses_our_closing_tag_is_the_reason() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        close(&mut harness);
        let events = harness.events.len();
        harness.send(
            "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        );
        harness.send([MESSAGE, FOOTER].concat());
        harness.run_until_closed();
        assert_eq!(harness.events_since(events), ["stream-error conflict"]);
        assert_eq!(harness.receive(), FOOTER);
        assert_eq!(harness.end(), ("stream-error", Manner::Graceful));
    }
    both(&ALL, check, check);
}

#[test]
fn nothing_after_the_peers_closing_tag_is_read() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let events = harness.events.len();
        harness.send([FOOTER, MESSAGE, CLIENT_HEADER, "\u{1}"].concat());
        harness.run_until_closed();
        assert_eq!(harness.events_since(events), ["peer-closing"]);
        assert_eq!(harness.receive(), FOOTER);
        closed_by(&harness, Side::Peer);
    }
    both(&ALL, check, check);
}

/// What was queued before goes out before.
#[test]
fn what_was_sent_before_a_close_goes_out_before_the_tag() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let mut session = harness.machine.session().unwrap();
        for _ in 0..100 {
            session.send(MESSAGE).unwrap();
        }
        session.close();
        harness.exchange();
        assert_eq!(
            harness.receive(),
            [MESSAGE.repeat(100).as_str(), FOOTER].concat()
        );
        harness.finish();
        closed_by(&harness, Side::Us);
    }
    both(&ALL, check, check);
}

#[test]
fn a_peer_that_closes_in_the_middle_of_negotiation_is_answered() {
    for at in [Phase::Opened, Phase::Sasl, Phase::Binding] {
        let mut harness = responder_at(Carrier::Plain, at);
        harness.finish();
        assert_eq!(harness.receive(), FOOTER);
        assert_eq!(harness.end(), ("negotiation-failed", Manner::Graceful));
        let mut harness = initiator_at(Carrier::Plain, at);
        harness.finish();
        assert_eq!(harness.receive(), FOOTER);
        assert_eq!(harness.end(), ("negotiation-failed", Manner::Graceful));
    }
    // A stream of nothing: header and closing tag in one.
    let mut harness = responder(Carrier::Plain);
    harness.send(CLIENT_HEADER.replace("version='1.0'>", "version='1.0'/>"));
    assert!(harness.receive().ends_with(FOOTER));
    assert_eq!(harness.end().0, "negotiation-failed");
}

#[test]
fn rfc6120_4_6_1_3_white_space_is_reported_and_can_be_sent() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        let events = harness.events.len();
        harness.send(" \n\r\t");
        assert_eq!(harness.events_since(events), ["keepalive"; 4]);
        assert_eq!(harness.receive(), "", "no answer");
        harness.machine.session().unwrap().keepalive().unwrap();
        harness.exchange();
        assert_eq!(harness.receive(), " ");
    }
    both(&ALL, check, check);
    // In negotiation it is not reported (6120-11.7-1).
    for at in [Phase::Opened, Phase::Sasl, Phase::Binding] {
        let mut harness = responder_at(Carrier::Plain, at);
        let events = harness.events.len();
        harness.send(" \n ");
        assert_eq!(harness.events_since(events), [""; 0]);
        assert!(harness.close.is_none() && harness.receive().is_empty());
    }
}

/// Before the first poll, too: header, error, closing tag.
#[test]
fn a_machine_can_be_failed_before_it_did_anything() {
    let error = || StreamError::new(StreamCondition::SystemShutdown);
    let now = START;
    let mut machine = Responder::new(responder_config(Carrier::Plain, host(Carrier::Plain)), now);
    machine.fail(error());
    let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
    let received = harness.receive();
    assert!(
        received.starts_with("<?xml") && received.ends_with(FOOTER),
        "{received}"
    );
    // The peer's header was under way.
    harness.send(CLIENT_HEADER);
    harness.finish();
    assert_eq!(harness.end(), ("stream-error", Manner::Graceful));

    let mut machine = Initiator::new(client(None), now);
    machine.fail(error());
    let mut harness = Harness::scripted(machine, Box::new(|_, _| {}));
    let received = harness.receive();
    assert!(
        received.starts_with("<?xml") && received.ends_with(FOOTER),
        "{received}"
    );
    harness.send([SERVER_HEADER, OFFER_ANONYMOUS].concat());
    harness.finish();
    assert_eq!(harness.end(), ("stream-error", Manner::Graceful));

    let mut machine = Initiator::new(client(None), now);
    machine.abort();
    let mut harness = Harness::scripted(machine, Box::new(|_, _| {}));
    assert_eq!(harness.receive(), "");
    assert_eq!(harness.end(), ("local-abort", Manner::Abort));
}

/// Nothing follows the close.
#[test]
fn after_the_close_no_call_has_an_effect() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        harness.finish();
        let events = harness.events.len();
        let machine = &mut harness.machine;
        assert!(machine.take_close().is_some());
        assert!(machine.take_close().is_none());
        assert!(machine.session().is_none() && machine.decision().is_none());
        assert!(machine.receive_window().is_empty());
        assert_eq!(machine.receive(MESSAGE.as_bytes()), 0);
        machine.receive_eof();
        machine.transport_failed();
        machine.fail(StreamError::new(StreamCondition::Conflict));
        machine.abort();
        let before = harness.closed().clone();
        harness.now = Instant::from_millis(u64::MAX);
        harness.exchange();
        assert_eq!(*harness.closed(), before);
        assert!(harness.machine.transmit().is_empty());
        assert_eq!(harness.events_since(events), [""; 0]);
    }
    both(&ALL, check, check);
}
