//! Closing a stream (RFC 6120 4.4), and white space on an open one (4.6.1).

use xmpp_stream::reset::{Cause, Side};
use xmpp_stream::stream::{Condition, StreamError};
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseReason, Initiator, Manner, Negotiation, Responder};

use crate::harness::hand::Hand;
use crate::harness::lead::{
    At, CLIENT_HEADER, FOOTER, OFFER_ANONYMOUS, SERVER_HEADER, Via, host, initiator_at, responder,
    responder_at, responder_config,
};
use crate::harness::pair::{client, decide};
use crate::harness::pki::{TLS12, TLS13};

const MESSAGE: &str = "<message><body>hello</body></message>";
const ALL: [Via; 3] = [Via::Plain, Via::StartTls(TLS12), Via::StartTls(TLS13)];

/// Does the same with an established stream of either role, over all carriers.
fn both(
    via: &[Via],
    mut server: impl FnMut(Hand<xmpp_stream::stream::Receiving>),
    mut client: impl FnMut(Hand<xmpp_stream::stream::Initiating>),
) {
    for via in via.iter().copied() {
        server(responder_at(via, At::Established));
        client(initiator_at(via, At::Established));
    }
}

fn close<N: Negotiation>(hand: &mut Hand<N>) {
    hand.side.machine.session().expect("established").close();
    hand.pump();
}

fn closed_by<N: Negotiation>(hand: &Hand<N>, by: Side) {
    assert_eq!(*hand.close().reason(), CloseReason::Closed { by });
    assert_eq!(hand.end().1, Manner::Graceful);
}

#[test]
fn rfc6120_4_4_2_the_own_closing_tag_waits_for_the_peers() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        close(&mut hand);
        assert_eq!(hand.said(), FOOTER);
        assert!(hand.side.close.is_none());
        assert!(hand.side.machine.session().is_none());
        // 6120-4.4-4
        let events = hand.side.events.len();
        hand.say([MESSAGE, " ", "<x xmlns='urn:example'/>"].concat());
        assert_eq!(
            hand.told_since(events),
            [
                format!("stanza {MESSAGE}"),
                "keepalive".into(),
                "element <x xmlns='urn:example'/>".into()
            ]
        );
        hand.part();
        // 6120-4.4-3
        assert_eq!(hand.said(), "");
        closed_by(&hand, Side::Us);
    }
    both(&ALL, scene, scene);
}

#[test]
fn rfc6120_4_4_9_the_peers_closing_tag_is_answered() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let events = hand.side.events.len();
        hand.part();
        assert_eq!(hand.said(), FOOTER);
        assert_eq!(hand.told_since(events), ["peer-closing"]);
        closed_by(&hand, Side::Peer);
    }
    both(&ALL, scene, scene);
}

#[test]
fn a_last_stanza_goes_out_before_the_answer_to_the_closing_tag() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        hand.side.app = Box::new(|machine, event| {
            if matches!(event, xmpp_stream::EventBuf::PeerClosing) {
                let mut session = machine.session().expect("half open");
                session.send(MESSAGE).unwrap();
                session.send("<presence type='unavailable'/>").unwrap();
            }
        });
        hand.part();
        assert_eq!(
            hand.said(),
            [MESSAGE, "<presence type='unavailable'/>", FOOTER].concat()
        );
        closed_by(&hand, Side::Peer);
    }
    both(&ALL, scene, scene);
}

/// What the application can do while the peer's closing tag is reported.
#[test]
fn the_answer_to_a_closing_tag_may_be_an_error() {
    type Act<N> = fn(&mut xmpp_stream::Connection<N>);
    fn scene<N: Negotiation>(via: Via, make: fn(Via, At) -> Hand<N>) {
        let acts: [(Act<N>, &str, &str, Manner); 4] = [
            (
                |machine| machine.fail(StreamError::new(Condition::Conflict)),
                "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 </stream:error></stream:stream>",
                "stream-error",
                Manner::Graceful,
            ),
            (
                |machine| machine.session().unwrap().reset(Cause::KeyRefresh),
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
        for (act, said, code, manner) in acts {
            let mut hand = make(via, At::Established);
            hand.side.app = Box::new(move |machine, event| {
                if matches!(event, xmpp_stream::EventBuf::PeerClosing) {
                    act(machine);
                }
            });
            hand.part();
            assert_eq!(hand.said(), said);
            assert_eq!(hand.end(), (code, manner));
        }
    }
    for via in ALL {
        scene(via, responder_at);
        scene(via, initiator_at);
    }
}

#[test]
fn rfc6120_4_4_both_sides_may_close_at_once() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let events = hand.side.events.len();
        hand.side.machine.session().unwrap().close();
        // The peer's tag is there before the machine acts.
        hand.part();
        assert_eq!(hand.said(), FOOTER, "one tag each");
        assert_eq!(hand.told_since(events), [""; 0]);
        closed_by(&hand, Side::Us);
    }
    both(&ALL, scene, scene);
}

#[test]
fn rfc6120_4_4_5_a_close_that_is_not_answered_ends_by_the_clock() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        close(&mut hand);
        let start = hand.now;
        hand.run_out();
        let waited = hand.now.saturating_duration_since(start).as_secs();
        assert!((5..=10).contains(&waited), "{waited}");
        assert_eq!(hand.end(), ("timeout", Manner::Graceful));
        assert_eq!(hand.said(), FOOTER);
    }
    both(&ALL, scene, scene);
}

/// 6120-4.4-7, 6120-4.4-8: tag, tag, close_notify, close_notify, TCP.
#[test]
fn rfc6120_4_4_7_close_notify_comes_behind_the_closing_tags() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        close(&mut hand);
        assert!(!hand.got_close_notify(), "before the peer's closing tag");
        hand.say(FOOTER);
        assert!(hand.got_close_notify());
        assert!(hand.side.close.is_none(), "before the peer's close_notify");
        hand.close_notify();
        assert!(!hand.close().truncated());
        closed_by(&hand, Side::Us);
    }
    both(&ALL[1..], scene, scene);
}

#[test]
fn behind_an_error_of_ours_nothing_is_delivered() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let events = hand.side.events.len();
        hand.side
            .machine
            .fail(StreamError::new(Condition::PolicyViolation));
        hand.pump();
        hand.say(MESSAGE);
        hand.part();
        assert_eq!(hand.told_since(events), [""; 0]);
    }
    both(&[Via::Plain], scene, scene);
}

/// What was in flight is delivered, unless the peer's identity is in doubt
/// (6120-13.12-1).
#[test]
fn behind_a_reset_of_ours_the_cause_decides() {
    fn scene<N: Negotiation>(make: fn(Via, At) -> Hand<N>) {
        for (cause, delivered) in [
            (Cause::NewFeatures, 1),
            (Cause::KeyRefresh, 1),
            (Cause::SequenceLimit, 1),
            (Cause::CertificateExpired, 0),
            (Cause::CertificateRevoked, 0),
        ] {
            let mut hand = make(Via::Plain, At::Established);
            let events = hand.side.events.len();
            hand.side.machine.session().unwrap().reset(cause);
            hand.pump();
            hand.say(MESSAGE);
            assert_eq!(hand.told_since(events).len(), delivered, "{cause}");
            hand.part();
            let by = Side::Us;
            let cause = Some(cause);
            assert_eq!(*hand.close().reason(), CloseReason::Reset { by, cause });
        }
    }
    scene(responder_at);
    scene(initiator_at);
}

/// A close is clean only if nothing went wrong behind it.
#[test]
fn an_error_of_the_peer_that_crosses_our_closing_tag_is_the_reason() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        close(&mut hand);
        let events = hand.side.events.len();
        hand.say(
            "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        );
        hand.say([MESSAGE, FOOTER].concat());
        hand.run_out();
        assert_eq!(hand.told_since(events), ["stream-error conflict"]);
        assert_eq!(hand.said(), FOOTER);
        assert_eq!(hand.end(), ("stream-error", Manner::Graceful));
    }
    both(&ALL, scene, scene);
}

#[test]
fn nothing_behind_the_peers_closing_tag_is_looked_at() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let events = hand.side.events.len();
        hand.say([FOOTER, MESSAGE, CLIENT_HEADER, "\u{1}"].concat());
        hand.run_out();
        assert_eq!(hand.told_since(events), ["peer-closing"]);
        assert_eq!(hand.said(), FOOTER);
        closed_by(&hand, Side::Peer);
    }
    both(&ALL, scene, scene);
}

/// What was queued before goes out before.
#[test]
fn what_was_sent_before_a_close_goes_out_before_the_tag() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let mut session = hand.side.machine.session().unwrap();
        for _ in 0..100 {
            session.send(MESSAGE).unwrap();
        }
        session.close();
        hand.pump();
        assert_eq!(hand.said(), [MESSAGE.repeat(100).as_str(), FOOTER].concat());
        hand.part();
        closed_by(&hand, Side::Us);
    }
    both(&ALL, scene, scene);
}

#[test]
fn a_peer_that_closes_in_the_middle_of_negotiation_is_answered() {
    for at in [At::Opened, At::Sasl, At::Binding] {
        let mut hand = responder_at(Via::Plain, at);
        hand.part();
        assert_eq!(hand.said(), FOOTER);
        assert_eq!(hand.end(), ("negotiation-failed", Manner::Graceful));
        let mut hand = initiator_at(Via::Plain, at);
        hand.part();
        assert_eq!(hand.said(), FOOTER);
        assert_eq!(hand.end(), ("negotiation-failed", Manner::Graceful));
    }
    // A stream of nothing: header and closing tag in one.
    let mut hand = responder(Via::Plain);
    hand.say(CLIENT_HEADER.replace("version='1.0'>", "version='1.0'/>"));
    assert!(hand.said().ends_with(FOOTER));
    assert_eq!(hand.end().0, "negotiation-failed");
}

#[test]
fn rfc6120_4_6_1_3_white_space_is_heard_and_said() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        let events = hand.side.events.len();
        hand.say(" \n\r\t");
        assert_eq!(hand.told_since(events), ["keepalive"; 4]);
        assert_eq!(hand.said(), "", "nobody answers");
        hand.side.machine.session().unwrap().keepalive().unwrap();
        hand.pump();
        assert_eq!(hand.said(), " ");
    }
    both(&ALL, scene, scene);
    // In negotiation it is no news (6120-11.7-1).
    for at in [At::Opened, At::Sasl, At::Binding] {
        let mut hand = responder_at(Via::Plain, at);
        let events = hand.side.events.len();
        hand.say(" \n ");
        assert_eq!(hand.told_since(events), [""; 0]);
        assert!(hand.side.close.is_none() && hand.said().is_empty());
    }
}

/// Before the first poll, too: header, error, closing tag.
#[test]
fn a_machine_can_be_failed_before_it_did_anything() {
    let error = || StreamError::new(Condition::SystemShutdown);
    let now = Instant::from_millis(0);
    let mut machine = Responder::new(responder_config(Via::Plain, host(Via::Plain)), now);
    machine.fail(error());
    let mut hand = Hand::new(machine, Box::new(|machine, _| decide(machine)));
    let said = hand.said();
    assert!(
        said.starts_with("<?xml") && said.ends_with(FOOTER),
        "{said}"
    );
    // The peer's header was under way.
    hand.say(CLIENT_HEADER);
    hand.part();
    assert_eq!(hand.end(), ("stream-error", Manner::Graceful));

    let mut machine = Initiator::new(client(None), now);
    machine.fail(error());
    let mut hand = Hand::new(machine, Box::new(|_, _| {}));
    let said = hand.said();
    assert!(
        said.starts_with("<?xml") && said.ends_with(FOOTER),
        "{said}"
    );
    hand.say([SERVER_HEADER, OFFER_ANONYMOUS].concat());
    hand.part();
    assert_eq!(hand.end(), ("stream-error", Manner::Graceful));

    let mut machine = Initiator::new(client(None), now);
    machine.abort();
    let mut hand = Hand::new(machine, Box::new(|_, _| {}));
    assert_eq!(hand.said(), "");
    assert_eq!(hand.end(), ("local-abort", Manner::Abort));
}

/// Behind the last word there is nothing.
#[test]
fn the_end_is_the_end() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        hand.part();
        let events = hand.side.events.len();
        let machine = &mut hand.side.machine;
        assert!(machine.take_close().is_some());
        assert!(machine.take_close().is_none());
        assert!(machine.session().is_none() && machine.decision().is_none());
        assert!(machine.receive_window().is_empty());
        assert_eq!(machine.receive(MESSAGE.as_bytes()), 0);
        machine.receive_eof();
        machine.transport_failed();
        machine.fail(StreamError::new(Condition::Conflict));
        machine.abort();
        let before = hand.close().clone();
        hand.now = Instant::from_millis(u64::MAX);
        hand.pump();
        assert_eq!(*hand.close(), before);
        assert!(hand.side.machine.transmit().is_empty());
        assert_eq!(hand.told_since(events), [""; 0]);
    }
    both(&ALL, scene, scene);
}
