//! How the end of a transport maps to a reason: the table in the documentation
//! of `connection`, row by row.

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::reset::Side;
use xmpp_stream::{CloseReason, Manner, Negotiation};

use crate::harness::phases::{
    FOOTER, OFFER_STARTTLS, PROCEED, Phase, SERVER_HEADER, STARTTLS, initiator, initiator_at,
    peer_client, responder, responder_at,
};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{Carrier, Harness, Scripted};

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
    carrier: &'static [Carrier],
    first: First,
    peer: &'static [Peer],
    code: &'static str,
    truncated: bool,
    manner: Manner,
}

const PLAIN: &[Carrier] = &[Carrier::Plain];
const TLS: &[Carrier] = &[
    Carrier::StartTls(TLS12),
    Carrier::StartTls(TLS13),
    Carrier::DirectTls(TLS12),
    Carrier::DirectTls(TLS13),
];

const fn row(
    carrier: &'static [Carrier],
    first: First,
    peer: &'static [Peer],
    (code, truncated, manner): (&'static str, bool, Manner),
) -> Row {
    Row {
        carrier,
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

/// The end is acted on after everything before it, close_notify included.
#[test]
fn a_close_notify_that_came_with_the_fin_is_seen() {
    for carrier in TLS {
        let mut initiator = initiator_at(*carrier, Phase::Established);
        initiator.send_and_disconnect(FOOTER);
        let mut responder = responder_at(*carrier, Phase::Established);
        responder.send_and_disconnect(FOOTER);
        for close in [initiator.closed(), responder.closed()] {
            assert_eq!(close.reason().code(), "closed", "{carrier:?}");
            assert!(!close.truncated(), "{carrier:?}");
        }
    }
}

#[test]
fn the_end_of_the_transport_maps_to_the_documented_reason() {
    for row in &ROWS {
        for carrier in row.carrier {
            check(responder_at(*carrier, Phase::Established), row, *carrier);
            check(initiator_at(*carrier, Phase::Established), row, *carrier);
        }
    }
}

fn check<N: Negotiation>(mut harness: Harness<N, Scripted>, row: &Row, carrier: Carrier) {
    if row.first == We {
        harness.machine.session().unwrap().close();
        harness.exchange();
    }
    for peer in row.peer {
        match peer {
            Footer => harness.send(FOOTER),
            CloseNotify => harness.close_notify(),
            Fin => harness.fin(),
            Rst => harness.rst(),
            Forged => harness.send_bytes(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat()),
        }
    }
    harness.run_until_closed();
    let about = format!("{carrier:?} {:?} {:?}", row.first, row.peer);
    assert_eq!(harness.end(), (row.code, row.manner), "{about}");
    assert_eq!(harness.closed().truncated(), row.truncated, "{about}");
    if let CloseReason::Closed { by } = harness.closed().reason() {
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
fn a_transport_that_ends_in_a_handshake_is_reported_with_the_phase() {
    for version in VERSIONS {
        for (end, manner) in [(Fin, Manner::Graceful), (Rst, Manner::Abort)] {
            let mut harness = responder_at(Carrier::StartTls(version), Phase::BeforeTls);
            harness.send(STARTTLS);
            assert_eq!(harness.receive(), PROCEED);
            ends_in_handshake(harness, end, manner);

            // In the middle of it.
            let mut harness = responder(Carrier::DirectTls(version));
            let mut client = rustls::Connection::from(peer_client(version));
            let mut hello = Vec::new();
            client.write_tls(&mut hello).unwrap();
            harness.send_bytes(&hello);
            harness.receive_bytes();
            ends_in_handshake(harness, end, manner);

            let mut harness = initiator(Carrier::StartTls(version));
            for text in [SERVER_HEADER, OFFER_STARTTLS, PROCEED] {
                harness.send(text);
            }
            harness.receive_bytes();
            ends_in_handshake(harness, end, manner);
        }
    }
}

fn ends_in_handshake<N: Negotiation>(mut harness: Harness<N, Scripted>, end: Peer, manner: Manner) {
    match end {
        Fin => harness.fin(),
        _ => harness.rst(),
    }
    harness.run_until_closed();
    assert!(harness.receive_bytes().is_empty());
    assert_eq!(harness.end(), ("transport", manner));
    let reported = harness.closed().reason().to_string();
    assert_eq!(reported, "TCP ended, in the TLS handshake");
}

#[test]
fn a_transport_that_ends_in_negotiation_is_reported_with_the_phase() {
    for (at, phase) in [
        (Phase::Start, "waiting for the stream header"),
        (Phase::Binding, "binding a resource"),
        (Phase::Sasl, "in SASL"),
    ] {
        let mut hands: (
            Harness<ResponderRole, Scripted>,
            Harness<InitiatorRole, Scripted>,
        ) = (
            responder_at(Carrier::Plain, at),
            initiator_at(Carrier::Plain, at),
        );
        hands.0.fin();
        hands.1.fin();
        for close in [hands.0.run_until_closed(), hands.1.run_until_closed()] {
            let reported = close.reason().to_string();
            assert_eq!(reported, format!("TCP ended, {phase}"));
        }
    }
}

/// 6120-4.6.1-1: nothing is sent to a transport that has ended. Without TLS, and
/// with it but for close_notify.
#[test]
fn rfc6120_4_6_1_1_nothing_is_sent_to_a_transport_that_ended() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        harness.fin();
        harness.run_until_closed();
        assert_eq!(harness.receive(), "");
    }
    for carrier in PLAIN.iter().chain(TLS) {
        check(responder_at(*carrier, Phase::Established));
        check(initiator_at(*carrier, Phase::Established));
    }
}

/// A FIN is acted on after every complete frame before it; a stanza cut by
/// it is never delivered.
#[test]
fn what_came_before_the_end_is_delivered_and_what_was_cut_is_not() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>, carrier: Carrier) {
        let events = harness.events.len();
        let text = [&MESSAGE.repeat(3), "<message><body>cut"].concat();
        if carrier == Carrier::Plain {
            // Received, and not yet looked at, when the end comes.
            assert_eq!(harness.machine.receive(text.as_bytes()), text.len());
        } else {
            harness.send(text);
        }
        harness.fin();
        harness.run_until_closed();
        let expected = vec![format!("stanza {MESSAGE}"); 3];
        assert_eq!(harness.events_since(events), expected);
        let code = match carrier {
            Carrier::Plain => "transport",
            _ => "tls-truncated",
        };
        assert_eq!(harness.end().0, code);
    }
    for carrier in PLAIN.iter().chain(TLS) {
        check(responder_at(*carrier, Phase::Established), *carrier);
        check(initiator_at(*carrier, Phase::Established), *carrier);
    }
}

/// Both directions of TLS end on their own: after the peer's close_notify its
/// stream is broken, and what we have to send is not sent.
#[test]
fn text_after_close_notify_is_not_read() {
    for carrier in TLS {
        let mut harness = responder_at(*carrier, Phase::Established);
        let events = harness.events.len();
        harness.close_notify();
        harness.send_bytes(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat());
        harness.run_until_closed();
        assert_eq!(harness.events_since(events), [""; 0]);
        assert_eq!(harness.end().0, "transport");
        assert!(
            harness.received_close_notify(),
            "ours was sent all the same"
        );
    }
}
