//! How the end of a transport maps to a reason: the table in the documentation
//! of `connection`, row by row.

use xmpp_stream::reset::Side;
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::{CloseReason, Manner, Negotiation};

use crate::harness::hand::Hand;
use crate::harness::lead::{
    At, FOOTER, OFFER_STARTTLS, PROCEED, SERVER_HEADER, STARTTLS, Via, initiator, initiator_at,
    peer_client, responder, responder_at,
};
use crate::harness::pki::{TLS12, TLS13, Version};

const VERSIONS: [Version; 2] = [TLS12, TLS13];
const MESSAGE: &str = "<message><body>hello</body></message>";

/// What the peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Footer,
    CloseNotify,
    Fin,
    Rst,
    /// A record that is not authentic.
    Forged,
}
use Peer::{CloseNotify, Fin, Footer, Forged, Rst};

/// Who closes the stream before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Nobody,
    We,
}
use First::{Nobody, We};

struct Row {
    via: &'static [Via],
    first: First,
    peer: &'static [Peer],
    code: &'static str,
    truncated: bool,
    manner: Manner,
}

const PLAIN: &[Via] = &[Via::Plain];
const TLS: &[Via] = &[
    Via::StartTls(TLS12),
    Via::StartTls(TLS13),
    Via::DirectTls(TLS12),
    Via::DirectTls(TLS13),
];

const fn row(
    via: &'static [Via],
    first: First,
    peer: &'static [Peer],
    (code, truncated, manner): (&'static str, bool, Manner),
) -> Row {
    Row {
        via,
        first,
        peer,
        code,
        truncated,
        manner,
    }
}

const CLOSED: (&str, bool, Manner) = ("closed", false, Manner::Graceful);
const TRUNCATED: (&str, bool, Manner) = ("closed", true, Manner::Graceful);
const BROKEN: (&str, bool, Manner) = ("transport", false, Manner::Graceful);
const CUT: (&str, bool, Manner) = ("tls-truncated", false, Manner::Graceful);
const RESET: (&str, bool, Manner) = ("transport", false, Manner::Abort);

#[rustfmt::skip]
const ROWS: [Row; 21] = [
    // yes | yes, or no TLS | FIN
    row(PLAIN, Nobody, &[Footer, Fin], CLOSED),
    row(PLAIN, We,     &[Footer, Fin], CLOSED),
    row(TLS,   Nobody, &[Footer, CloseNotify, Fin], CLOSED),
    row(TLS,   We,     &[Footer, CloseNotify, Fin], CLOSED),
    row(TLS,   We,     &[Footer, CloseNotify, Rst], CLOSED),
    // yes | no | FIN
    row(TLS,   Nobody, &[Footer, Fin], TRUNCATED),
    row(TLS,   We,     &[Footer, Fin], TRUNCATED),
    // no | yes | FIN
    row(TLS,   Nobody, &[CloseNotify, Fin], BROKEN),
    row(TLS,   We,     &[CloseNotify, Fin], BROKEN),
    row(TLS,   Nobody, &[CloseNotify], BROKEN),
    // no | no | FIN
    row(PLAIN, Nobody, &[Fin], BROKEN),
    row(PLAIN, We,     &[Fin], BROKEN),
    row(TLS,   Nobody, &[Fin], CUT),
    row(TLS,   We,     &[Fin], CUT),
    // any | any | RST
    row(PLAIN, Nobody, &[Rst], RESET),
    row(PLAIN, We,     &[Rst], RESET),
    row(TLS,   Nobody, &[Rst], RESET),
    row(TLS,   We,     &[Rst], RESET),
    row(TLS,   We,     &[Footer, Rst], ("closed", false, Manner::Abort)),
    // What is no record ends TLS, and a close that was clean so far is not.
    row(TLS,   Nobody, &[Forged], ("tls", false, Manner::Graceful)),
    row(TLS,   We,     &[Forged], ("tls", false, Manner::Graceful)),
];

/// The end is acted on behind everything before it, close_notify included.
#[test]
fn a_close_notify_that_came_with_the_fin_is_seen() {
    for via in TLS {
        let mut initiator = initiator_at(*via, At::Established);
        initiator.say_and_leave(FOOTER);
        let mut responder = responder_at(*via, At::Established);
        responder.say_and_leave(FOOTER);
        for close in [initiator.close(), responder.close()] {
            assert_eq!(close.reason().code(), "closed", "{via:?}");
            assert!(!close.truncated(), "{via:?}");
        }
    }
}

#[test]
fn the_end_of_the_transport_gives_the_reason_row_by_row() {
    for row in &ROWS {
        for via in row.via {
            check(responder_at(*via, At::Established), row, *via);
            check(initiator_at(*via, At::Established), row, *via);
        }
    }
}

fn check<N: Negotiation>(mut hand: Hand<N>, row: &Row, via: Via) {
    if row.first == We {
        hand.side.machine.session().unwrap().close();
        hand.pump();
    }
    for peer in row.peer {
        match peer {
            Footer => hand.say(FOOTER),
            CloseNotify => hand.close_notify(),
            Fin => hand.fin(),
            Rst => hand.rst(),
            Forged => hand.raw(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat()),
        }
    }
    hand.run_out();
    let about = format!("{via:?} {:?} {:?}", row.first, row.peer);
    assert_eq!(hand.end(), (row.code, row.manner), "{about}");
    assert_eq!(hand.close().truncated(), row.truncated, "{about}");
    if let CloseReason::Closed { by } = hand.close().reason() {
        let author = if row.first == We {
            Side::Us
        } else {
            Side::Peer
        };
        assert_eq!(*by, author, "{about}");
    }
}

/// in a handshake | - | FIN or RST
#[test]
fn in_a_handshake_the_phase_is_told() {
    for version in VERSIONS {
        for (end, manner) in [(Fin, Manner::Graceful), (Rst, Manner::Abort)] {
            let mut hand = responder_at(Via::StartTls(version), At::BeforeTls);
            hand.say(STARTTLS);
            assert_eq!(hand.said(), PROCEED);
            ends_in_handshake(hand, end, manner);

            // In the middle of it.
            let mut hand = responder(Via::DirectTls(version));
            let mut client = rustls::Connection::from(peer_client(version));
            let mut hello = Vec::new();
            client.write_tls(&mut hello).unwrap();
            hand.raw(&hello);
            hand.raw_said();
            ends_in_handshake(hand, end, manner);

            let mut hand = initiator(Via::StartTls(version));
            for text in [SERVER_HEADER, OFFER_STARTTLS, PROCEED] {
                hand.say(text);
            }
            hand.raw_said();
            ends_in_handshake(hand, end, manner);
        }
    }
}

fn ends_in_handshake<N: Negotiation>(mut hand: Hand<N>, end: Peer, manner: Manner) {
    match end {
        Fin => hand.fin(),
        _ => hand.rst(),
    }
    hand.run_out();
    assert!(hand.raw_said().is_empty());
    assert_eq!(hand.end(), ("transport", manner));
    let told = hand.close().reason().to_string();
    assert_eq!(told, "TCP ended, in the TLS handshake");
}

#[test]
fn in_negotiation_the_phase_is_told() {
    for (at, phase) in [
        (At::Start, "waiting for the stream header"),
        (At::Binding, "binding a resource"),
        (At::Sasl, "in SASL"),
    ] {
        let mut hands: (Hand<Receiving>, Hand<Initiating>) =
            (responder_at(Via::Plain, at), initiator_at(Via::Plain, at));
        hands.0.fin();
        hands.1.fin();
        for close in [hands.0.run_out(), hands.1.run_out()] {
            let told = close.reason().to_string();
            assert_eq!(told, format!("TCP ended, {phase}"));
        }
    }
}

/// 6120-4.6.1-1: nothing is said to a transport that is gone. Without TLS, and
/// with it but for close_notify.
#[test]
fn rfc6120_4_6_1_1_nothing_is_said_to_a_transport_that_ended() {
    fn scene<N: Negotiation>(mut hand: Hand<N>) {
        hand.fin();
        hand.run_out();
        assert_eq!(hand.said(), "");
    }
    for via in PLAIN.iter().chain(TLS) {
        scene(responder_at(*via, At::Established));
        scene(initiator_at(*via, At::Established));
    }
}

/// A FIN is acted on behind every complete frame before it; a stanza cut by
/// it is never delivered.
#[test]
fn what_came_before_the_end_is_delivered_and_what_was_cut_is_not() {
    fn scene<N: Negotiation>(mut hand: Hand<N>, plain: bool) {
        let events = hand.side.events.len();
        let text = [&MESSAGE.repeat(3), "<message><body>cut"].concat();
        if plain {
            // Received, and not yet looked at, when the end comes.
            assert_eq!(hand.side.machine.receive(text.as_bytes()), text.len());
        } else {
            hand.say(text);
        }
        hand.fin();
        hand.run_out();
        let expected = vec![format!("stanza {MESSAGE}"); 3];
        assert_eq!(hand.told_since(events), expected);
        let code = if plain { "transport" } else { "tls-truncated" };
        assert_eq!(hand.end().0, code);
    }
    scene(responder_at(Via::Plain, At::Established), true);
    scene(initiator_at(Via::Plain, At::Established), true);
    for via in TLS {
        scene(responder_at(*via, At::Established), false);
        scene(initiator_at(*via, At::Established), false);
    }
}

/// Both directions of TLS end on their own: behind the peer's close_notify its
/// stream is broken, and what we have to say goes out no more.
#[test]
fn text_behind_close_notify_is_not_read() {
    for via in TLS {
        let mut hand = responder_at(*via, At::Established);
        let events = hand.side.events.len();
        hand.close_notify();
        hand.raw(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat());
        hand.run_out();
        assert_eq!(hand.told_since(events), [""; 0]);
        assert_eq!(hand.end().0, "transport");
        assert!(hand.got_close_notify(), "ours was sent all the same");
    }
}
