//! Stream errors, sent and received, in every phase of both roles (RFC 6120
//! 4.9).

use xmpp_stream::reset::Side;
use xmpp_stream::stream::{Condition, OtherHost, StreamError};
use xmpp_stream::{CloseReason, Manner, Negotiation};

use crate::harness::hand::Hand;
use crate::harness::lead::{
    At, CLIENT_HEADER, FOOTER, PROCEED, SERVER_HEADER, STARTTLS, Via, initiator, initiator_at,
    peer_client, peer_server, responder, responder_at,
};
use crate::harness::pki::{TLS12, TLS13};

const OPEN: [At; 6] = [
    At::Start,
    At::Opened,
    At::Sasl,
    At::Authenticated,
    At::Binding,
    At::Established,
];

fn error(condition: Condition) -> StreamError {
    match condition {
        Condition::SeeOtherHost => {
            StreamError::see_other_host(OtherHost::new("other.example", Some(9222)).unwrap())
        }
        condition => StreamError::new(condition),
    }
}

fn written(error: &StreamError) -> String {
    let mut out = String::new();
    error.write(&mut out);
    out
}

/// The application fails the stream: `header` says whether the own header has
/// to come first.
fn fails<N: Negotiation>(mut hand: Hand<N>, condition: Condition, header: bool, about: &str) {
    let events = hand.side.events.len();
    hand.side.machine.fail(error(condition));
    // In one write: one poll, one window.
    let _ = hand.side.machine.poll(hand.now);
    let about = format!("{about} {condition}");
    assert!(!hand.side.machine.transmit().is_empty(), "{about}");
    let first = hand.side.take(usize::MAX);
    hand.pump();
    assert_eq!(hand.said(), "", "{about}: more than one write");
    hand.side.machine.transmitted(0);
    let text = hand.opened(&first);
    let expected = [written(&error(condition)), FOOTER.into()].concat();
    let head = text
        .strip_suffix(expected.as_str())
        .unwrap_or_else(|| panic!("{about}: {text}"));
    assert_eq!(
        head.starts_with("<?xml version='1.0'?><stream:stream "),
        header,
        "{about}"
    );
    assert_eq!(
        head.matches('<').count(),
        if header { 2 } else { 0 },
        "{about}: {text}"
    );
    // 6120-4.9.1.1-1: nothing is processed afterwards; then the end.
    assert!(hand.side.machine.session().is_none() && hand.side.machine.decision().is_none());
    hand.part();
    assert_eq!(hand.told_since(events), [""; 0], "{about}");
    assert_eq!(hand.end().1, Manner::Graceful, "{about}");
    match hand.close().reason() {
        CloseReason::Reset { by: Side::Us, .. } => assert_eq!(condition, Condition::Reset),
        CloseReason::StreamError {
            by: Side::Us,
            error,
        } => {
            assert_eq!(error.condition(), condition, "{about}");
        }
        other => panic!("{about}: {other:?}"),
    }
}

#[test]
fn rfc6120_4_9_1_1_1_every_error_is_sent_in_every_phase_of_a_server() {
    for at in OPEN {
        for condition in Condition::ALL {
            let header = at.awaits_header();
            fails(
                responder_at(Via::Plain, at),
                condition,
                header,
                &format!("{at:?}"),
            );
        }
    }
    for at in [At::BeforeTls, At::Secured, At::Opened, At::Established] {
        let hand = responder_at(Via::StartTls(TLS13), at);
        fails(
            hand,
            Condition::SystemShutdown,
            at.awaits_header(),
            &format!("TLS {at:?}"),
        );
    }
}

#[test]
fn rfc6120_4_9_1_1_1_every_error_is_sent_in_every_phase_of_a_client() {
    for at in OPEN {
        for condition in Condition::ALL {
            let mut hand = initiator_at(Via::Plain, at);
            hand.said();
            fails(hand, condition, false, &format!("{at:?}"));
        }
    }
    for at in [At::BeforeTls, At::Secured, At::Opened, At::Established] {
        let hand = initiator_at(Via::StartTls(TLS13), at);
        fails(
            hand,
            Condition::SystemShutdown,
            false,
            &format!("TLS {at:?}"),
        );
    }
}

/// A server in the middle of a decision answers at once, and the answer of the
/// application that comes too late means nothing.
#[test]
fn an_error_does_not_wait_for_a_decision() {
    for (at, opening) in [
        (At::Opened, crate::harness::lead::AUTH_SCRAM),
        (At::Binding, crate::harness::lead::BIND),
    ] {
        let mut hand = responder_at(Via::Plain, at);
        hand.side.app = Box::new(|_, _| {});
        hand.say(opening);
        assert_eq!(hand.side.told().last().unwrap(), "decision");
        hand.side.machine.fail(error(Condition::SystemShutdown));
        hand.pump();
        assert!(hand.said().contains("<system-shutdown "));
        assert!(hand.side.machine.decision().is_none());
        let start = hand.now;
        hand.part();
        assert_eq!(hand.now, start, "the closing tag was answered at once");
    }
}

/// 6120-5.4.3.1-1: no XML before the end of the handshake.
#[test]
fn an_error_in_the_tls_handshake_waits_for_its_end() {
    for version in [TLS12, TLS13] {
        let mut hand = responder(Via::StartTls(version));
        hand.say(CLIENT_HEADER);
        hand.said();
        hand.say(STARTTLS);
        assert_eq!(hand.said(), PROCEED);
        hand.side.machine.fail(error(Condition::SystemShutdown));
        // The first one counts.
        hand.pump();
        hand.side.machine.fail(error(Condition::Conflict));
        hand.pump();
        assert_eq!(hand.said(), "");
        hand.secure(peer_client(version));
        let said = hand.said();
        assert!(
            said.starts_with("<?xml version='1.0'?><stream:stream "),
            "{said}"
        );
        assert!(
            said.ends_with(&[written(&error(Condition::SystemShutdown)), FOOTER.into()].concat())
        );
        hand.part();
        assert_eq!(hand.end(), ("stream-error", Manner::Graceful));

        let mut hand = initiator(Via::DirectTls(version));
        hand.side.machine.fail(error(Condition::SystemShutdown));
        hand.secure(peer_server(version));
        let said = hand.said();
        assert!(
            said.starts_with("<?xml version='1.0'?><stream:stream "),
            "{said}"
        );
        assert!(
            said.ends_with(&[written(&error(Condition::SystemShutdown)), FOOTER.into()].concat())
        );
        hand.part();
        assert_eq!(hand.end(), ("stream-error", Manner::Graceful));
    }
}

/// The peer sends an error: an event, our closing tag, the end.
fn receives<N: Negotiation>(mut hand: Hand<N>, xml: &str, condition: Condition, about: &str) {
    let events = hand.side.events.len();
    hand.say([xml, FOOTER].concat());
    let about = format!("{about} {condition}");
    assert_eq!(hand.said(), FOOTER, "{about}");
    assert_eq!(
        hand.told_since(events).last().map(String::as_str),
        Some(format!("stream-error {condition}").as_str()),
        "{about}"
    );
    hand.run_out();
    assert_eq!(hand.end().1, Manner::Graceful, "{about}");
    match hand.close().reason() {
        CloseReason::Reset {
            by: Side::Peer,
            cause: None,
        } => {
            assert_eq!(condition, Condition::Reset);
        }
        CloseReason::StreamError {
            by: Side::Peer,
            error,
        } => {
            assert_eq!(error.condition(), condition, "{about}");
        }
        other => panic!("{about}: {other:?}"),
    }
}

#[test]
fn rfc6120_4_9_1_1_2_every_error_is_understood_in_every_phase() {
    for at in OPEN {
        for condition in Condition::ALL {
            let mut xml = written(&error(condition));
            let about = format!("{at:?}");
            if at.awaits_header() {
                xml.insert_str(0, SERVER_HEADER);
            }
            receives(initiator_at(Via::Plain, at), &xml, condition, &about);
            let xml = written(&error(condition));
            if !at.awaits_header() {
                receives(responder_at(Via::Plain, at), &xml, condition, &about);
            }
        }
    }
    for condition in [Condition::Reset, Condition::SystemShutdown] {
        let xml = written(&error(condition));
        let before = initiator_at(Via::StartTls(TLS13), At::BeforeTls);
        receives(before, &xml, condition, "awaiting <proceed/>");
        let inside = initiator_at(Via::StartTls(TLS13), At::Established);
        receives(inside, &xml, condition, "TLS");
        let inside = responder_at(Via::StartTls(TLS13), At::Established);
        receives(inside, &xml, condition, "TLS");
    }
}

/// The server closes TCP behind its error, without a closing tag.
#[test]
fn an_error_stays_the_reason_when_the_transport_ends() {
    for condition in [Condition::Conflict, Condition::Reset] {
        for end in [Hand::fin, Hand::rst] {
            let mut hand = initiator_at(Via::Plain, At::Established);
            hand.say(written(&error(condition)));
            end(&mut hand);
            hand.run_out();
            let code = match condition {
                Condition::Reset => "reset",
                _ => "stream-error",
            };
            assert_eq!(hand.end().0, code);
        }
    }
}

#[test]
fn rfc6120_4_9_3_19_2_the_other_host_is_surfaced() {
    for (text, host, port) in [
        ("other.example", "other.example", None),
        ("other.example:9222", "other.example", Some(9222)),
        ("[2001:db8::1]:9222", "[2001:db8::1]", Some(9222)),
        ("\n  192.0.2.1 \n", "192.0.2.1", None),
    ] {
        let xml = format!(
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{text}\
             </see-other-host></stream:error>"
        );
        let mut hand = initiator_at(Via::StartTls(TLS13), At::Opened);
        hand.say(xml);
        hand.part();
        let CloseReason::StreamError {
            by: Side::Peer,
            error,
        } = hand.close().reason()
        else {
            panic!("{:?}", hand.close());
        };
        let other = error.other_host().expect("a host");
        assert_eq!((other.host(), other.port()), (host, port));
    }
}

#[test]
fn rfc6120_4_9_2_2_an_unknown_condition_is_undefined() {
    let mut hand = initiator_at(Via::Plain, At::Established);
    hand.say(
        "<stream:error><hello xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>why</text>\
         <app xmlns='urn:example'/></stream:error>",
    );
    hand.part();
    let CloseReason::StreamError { error, .. } = hand.close().reason() else {
        panic!("{:?}", hand.close());
    };
    assert_eq!(error.condition(), Condition::UndefinedCondition);
    assert_eq!(error.unknown_name(), Some("hello"));
    assert_eq!((error.text(), error.lang()), (Some("why"), Some("en")));
    assert!(error.application().unwrap().contains("urn:example"));
}
