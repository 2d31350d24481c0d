//! What a reset looks like on the wire, in order.

use std::time::Duration;

use rustls::ProtocolVersion;
use xmpp_stream::reset::{Cause, Side};
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::{CloseReason, Manner};

use crate::harness::bench::{Carrier, Rig, START, Subject, TlsPair, V12, V13, answer};
use crate::harness::hostile_tls::{ALERT, CLOSE_NOTIFY, DATA};
use crate::harness::pair::{App, Side as Machine};
use crate::harness::scenes::{FOOTER, Say, message, text};

pub const RESET: &str = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
    </stream:error></stream:stream>";

const CAUSES: [Cause; 6] = [
    Cause::NewFeatures,
    Cause::KeyRefresh,
    Cause::SequenceLimit,
    Cause::CertificateExpired,
    Cause::CertificateRevoked,
    Cause::Other,
];

fn rig<N: Subject>(version: ProtocolVersion) -> Rig<N> {
    Rig::established(&TlsPair::new(version).without_tickets(), version)
}

fn say<N: Subject>(rig: &mut Rig<N>, says: &Say) {
    let bytes = rig.seal(says);
    rig.side.feed(&bytes, rig.now);
    rig.side.drive(rig.now);
}

fn notify() -> (u8, Vec<u8>) {
    (ALERT, CLOSE_NOTIFY.to_vec())
}

fn data(text: &str) -> (u8, Vec<u8>) {
    (DATA, text.as_bytes().to_vec())
}

fn reset<N: Subject>(rig: &mut Rig<N>, cause: Cause) {
    let mut session = rig.side.machine.session().unwrap();
    session.send(&message(5)).unwrap();
    session.reset(cause);
    rig.side.drive(rig.now);
    // What was sent before, then error and closing tag in one unit.
    assert_eq!(rig.read_out(), [data(&message(5)), data(RESET)]);
    assert!(rig.side.machine.session().is_none());
}

#[test]
fn rfc6120_4_9_3_16_error_tag_answer_close_notify_and_tcp_follow_in_this_order() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            for cause in CAUSES {
                let mut rig = rig::<N>(version);
                reset(&mut rig, cause);
                // Nothing more until the peer has closed its direction.
                say(&mut rig, &text(FOOTER));
                assert_eq!(rig.read_out(), [notify()]);
                rig.side.drive(rig.now);
                assert!(rig.side.close.is_none());
                say(&mut rig, &Say::Record(ALERT, CLOSE_NOTIFY.to_vec()));
                let close = rig.side.close.clone().expect("closed");
                assert_eq!(close.manner(), Manner::Graceful);
                assert!(!close.truncated());
                let expected = CloseReason::Reset {
                    by: Side::Us,
                    cause: Some(cause),
                };
                assert_eq!(*close.reason(), expected);
            }
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn rfc6120_4_4_a_peer_that_does_not_answer_the_reset_is_not_waited_for_long() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let mut rig = rig::<N>(version);
            reset(&mut rig, Cause::KeyRefresh);
            let began = rig.now;
            let mut sent = Vec::new();
            while rig.side.close.is_none() {
                rig.now = rig.side.wait.unwrap().deadline.unwrap();
                rig.side.drive(rig.now);
                let seconds = rig.now.saturating_duration_since(began).as_secs();
                sent.extend(rig.read_out().into_iter().map(|unit| (seconds, unit)));
            }
            // Five seconds for the tag, five for the alert.
            assert_eq!(sent, [(5, notify())]);
            assert_eq!(rig.now, began + Duration::from_secs(10));
            assert_eq!(rig.side.code(), "reset");
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn rfc6120_4_9_3_16_a_reset_that_is_received_is_answered_with_the_closing_tag() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let mut rig = rig::<N>(version);
            let told = rig.side.events.len();
            rig.side
                .machine
                .session()
                .unwrap()
                .send(&message(5))
                .unwrap();
            say(&mut rig, &text(RESET));
            assert_eq!(rig.read_out(), [data(&message(5)), data(FOOTER), notify()]);
            assert_eq!(rig.side.told()[told..], ["stream-error reset"]);
            say(&mut rig, &Say::Record(ALERT, CLOSE_NOTIFY.to_vec()));
            let close = rig.side.close.clone().expect("closed");
            let expected = CloseReason::Reset {
                by: Side::Peer,
                cause: None,
            };
            assert_eq!(
                (close.reason(), close.manner()),
                (&expected, Manner::Graceful)
            );
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn resets_that_cross_end_the_stream_once() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let mut rig = rig::<N>(version);
            reset(&mut rig, Cause::KeyRefresh);
            say(&mut rig, &text(RESET));
            assert_eq!(rig.read_out(), [notify()]);
            rig.side.machine.receive_eof();
            rig.side.drive(rig.now);
            assert_eq!(rig.side.code(), "reset");
            assert_eq!(rig.side.told().last().unwrap(), "stream-error reset");
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// Of a peer whose certificate no longer holds nothing more is believed.
#[test]
fn rfc6120_13_7_2_3_1_what_is_in_flight_is_dropped_where_the_identity_is_lost() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            for cause in CAUSES {
                let mut rig = rig::<N>(version);
                let told = rig.side.events.len();
                rig.side.machine.session().unwrap().reset(cause);
                // Already received, or received later: the same.
                let bytes = rig.seal(&text(&message(1)));
                let taken = rig.side.machine.receive(&bytes);
                assert_eq!(taken, bytes.len());
                rig.side.drive(rig.now);
                say(&mut rig, &text(&message(2)));
                let lost = matches!(cause, Cause::CertificateExpired | Cause::CertificateRevoked);
                let expected = if lost {
                    vec![]
                } else {
                    vec![
                        format!("stanza {}", message(1)),
                        format!("stanza {}", message(2)),
                    ]
                };
                assert_eq!(rig.side.told()[told..], expected, "{cause}");
            }
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn rfc6120_4_9_3_16_the_same_in_plaintext_without_the_alerts() {
    fn both<N: Subject>() {
        let machine = N::machine(Carrier::Plain, &TlsPair::new(V13), None);
        let app: App<N> = Box::new(|machine, _| answer(machine, None));
        let mut side = Machine::new(machine, app);
        let tell = |side: &mut Machine<N>, text: &str| {
            side.feed(text.as_bytes(), START);
            side.drive(START);
            String::from_utf8(side.take(usize::MAX)).unwrap()
        };
        for says in N::login() {
            let Say::Text(text) = says else {
                unreachable!()
            };
            tell(&mut side, &text);
        }
        let mut session = side.machine.session().unwrap();
        session.send(&message(5)).unwrap();
        session.reset(Cause::KeyRefresh);
        assert_eq!(tell(&mut side, ""), message(5) + RESET);
        assert_eq!(tell(&mut side, &message(6)), "");
        assert_eq!(
            *side.told().last().unwrap(),
            format!("stanza {}", message(6))
        );
        assert_eq!(tell(&mut side, FOOTER), "");
        assert_eq!(side.code(), "reset");
    }
    both::<Initiating>();
    both::<Receiving>();
}
