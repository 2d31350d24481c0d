//! What a reset looks like on the wire, in order.

use std::time::Duration;

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::reset::{ResetCause, Side};
use xmpp_stream::{CloseReason, Manner};

use crate::harness::configs::decide_anonymous;
use crate::harness::hostile_tls::{ALERT, CLOSE_NOTIFY, DATA};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::scenarios::{FOOTER, WireItem, message, text};
use crate::harness::{App, Carrier, Harness, HostileTls, Role, TlsPair};

pub const RESET: &str = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
    </stream:error></stream:stream>";

const CAUSES: [ResetCause; 6] = [
    ResetCause::NewFeatures,
    ResetCause::KeyRefresh,
    ResetCause::SequenceLimit,
    ResetCause::CertificateExpired,
    ResetCause::CertificateRevoked,
    ResetCause::Other,
];

fn harness<N: Role>(version: Version) -> Harness<N, HostileTls> {
    Harness::<N, HostileTls>::established(&TlsPair::new(version).without_tickets(), version)
}

fn notify() -> (u8, Vec<u8>) {
    (ALERT, CLOSE_NOTIFY.to_vec())
}

fn data(text: &str) -> (u8, Vec<u8>) {
    (DATA, text.as_bytes().to_vec())
}

fn reset<N: Role>(harness: &mut Harness<N, HostileTls>, cause: ResetCause) {
    let mut session = harness.machine.session().unwrap();
    session.send(&message(5)).unwrap();
    session.reset(cause);
    harness.run();
    // What was sent before, then error and closing tag in one unit.
    assert_eq!(harness.receive_records(), [data(&message(5)), data(RESET)]);
    assert!(harness.machine.session().is_none());
}

#[test]
fn rfc6120_4_9_3_16_error_tag_answer_close_notify_and_tcp_follow_in_this_order() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            for cause in CAUSES {
                let mut harness = harness::<N>(version);
                reset(&mut harness, cause);
                // Nothing more until the peer has closed its direction.
                harness.send(&text(FOOTER));
                assert_eq!(harness.receive_records(), [notify()]);
                harness.run();
                assert!(harness.close.is_none());
                harness.send(&WireItem::Record(ALERT, CLOSE_NOTIFY.to_vec()));
                let close = harness.close.clone().expect("closed");
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
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn rfc6120_4_4_a_reset_that_is_not_answered_ends_at_its_deadline() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let mut harness = harness::<N>(version);
            reset(&mut harness, ResetCause::KeyRefresh);
            let began = harness.now;
            let mut sent = Vec::new();
            while harness.close.is_none() {
                harness.now = harness.wait.unwrap().deadline.unwrap();
                harness.run();
                let seconds = harness.now.saturating_duration_since(began).as_secs();
                sent.extend(
                    harness
                        .receive_records()
                        .into_iter()
                        .map(|unit| (seconds, unit)),
                );
            }
            // Five seconds for the tag and the alert together, and a moment for the last bytes.
            assert_eq!(sent, [(5, notify())]);
            assert_eq!(harness.now, began + Duration::from_millis(5_100));
            assert_eq!(harness.code(), "reset");
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn rfc6120_4_9_3_16_a_reset_that_is_received_is_answered_with_the_closing_tag() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let mut harness = harness::<N>(version);
            let reported = harness.events.len();
            harness
                .machine
                .session()
                .unwrap()
                .send(&message(5))
                .unwrap();
            harness.send(&text(RESET));
            assert_eq!(
                harness.receive_records(),
                [data(&message(5)), data(FOOTER), notify()]
            );
            assert_eq!(harness.event_lines()[reported..], ["stream-error reset"]);
            harness.send(&WireItem::Record(ALERT, CLOSE_NOTIFY.to_vec()));
            let close = harness.close.clone().expect("closed");
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
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn resets_that_cross_end_the_stream_once() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let mut harness = harness::<N>(version);
            reset(&mut harness, ResetCause::KeyRefresh);
            harness.send(&text(RESET));
            assert_eq!(harness.receive_records(), [notify()]);
            harness.machine.receive_eof();
            harness.run();
            assert_eq!(harness.code(), "reset");
            assert_eq!(harness.event_lines().last().unwrap(), "stream-error reset");
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// Of a peer whose certificate no longer holds nothing more is believed.
#[test]
fn rfc6120_13_7_2_3_1_what_is_in_flight_is_dropped_where_the_identity_is_lost() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            for cause in CAUSES {
                let mut harness = harness::<N>(version);
                let reported = harness.events.len();
                harness.machine.session().unwrap().reset(cause);
                // Already received, or received later: the same.
                let bytes = harness.seal(&text(&message(1)));
                let taken = harness.machine.receive(&bytes);
                assert_eq!(taken, bytes.len());
                harness.run();
                harness.send(&text(&message(2)));
                let lost = matches!(
                    cause,
                    ResetCause::CertificateExpired | ResetCause::CertificateRevoked
                );
                let expected = if lost {
                    vec![]
                } else {
                    vec![
                        format!("stanza {}", message(1)),
                        format!("stanza {}", message(2)),
                    ]
                };
                assert_eq!(harness.event_lines()[reported..], expected, "{cause}");
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn rfc6120_4_9_3_16_in_plaintext_the_order_is_the_same_without_alerts() {
    fn both<N: Role>() {
        let machine = N::machine(Carrier::Plain, &TlsPair::new(TLS13), None);
        let app: App<N> = Box::new(|machine, _| decide_anonymous(machine));
        let mut harness = Harness::scripted(machine, app);
        for item in N::login() {
            let WireItem::Text(text) = item else {
                unreachable!()
            };
            harness.answer_to(&text);
        }
        let mut session = harness.machine.session().unwrap();
        session.send(&message(5)).unwrap();
        session.reset(ResetCause::KeyRefresh);
        assert_eq!(harness.answer_to(""), message(5) + RESET);
        assert_eq!(harness.answer_to(&message(6)), "");
        assert_eq!(
            *harness.event_lines().last().unwrap(),
            format!("stanza {}", message(6))
        );
        assert_eq!(harness.answer_to(FOOTER), "");
        assert_eq!(harness.code(), "reset");
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}
