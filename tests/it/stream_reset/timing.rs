//! When a reset that was advised is carried out: by the application, or by the connection itself at a
//! quiet moment.

use std::time::Duration;

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::reset::{ResetCause, ResetTiming, Side, UsagePolicy};
use xmpp_stream::{CloseReason, Connection};

use super::metered::{Metered, limited, policy};
use super::wire::RESET;
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, Role, START, Scripted, TlsPair};

/// Ten seconds old; then at the first moment that was quiet for two, at the latest after thirty.
fn quiet() -> UsagePolicy {
    let mut policy = policy();
    policy.age = Some(Duration::from_secs(10));
    policy.jitter = Duration::ZERO;
    policy.timing = ResetTiming::Quiet {
        idle: Duration::from_secs(2),
        within: Duration::from_secs(30),
    };
    policy
}

fn at(seconds: u64) -> xmpp_stream::time::Instant {
    START + Duration::from_secs(seconds)
}

fn established<N: Metered>(tls: &TlsPair) -> Harness<N, Scripted> {
    let machine = N::metered(tls, quiet());
    let mut stream = Harness::<N, Scripted>::established(machine, tls, 4096);
    stream.receive();
    stream
}

fn tls() -> [TlsPair; 2] {
    [TLS12, TLS13].map(|version| TlsPair::new(version).without_tickets())
}

fn was_reset<N: Role>(stream: &mut Harness<N, Scripted>) -> bool {
    stream.exchange();
    let is_over = stream.machine.session().is_none();
    assert_eq!(stream.receive().ends_with(RESET), is_over);
    is_over
}

fn deadline<N: Role>(stream: &Harness<N, Scripted>) -> Option<xmpp_stream::time::Instant> {
    stream.wait.unwrap().deadline
}

#[test]
fn an_idle_stream_is_reset_by_itself_once_it_is_due() {
    fn both<N: Metered>() {
        for tls in tls() {
            let mut stream = established::<N>(&tls);
            assert_eq!(deadline(&stream), Some(at(10)));
            assert_eq!(stream.machine.session().unwrap().reset_deadline(), None);
            stream.now = at(10);
            // Idle for ten seconds: as soon as the advice has been seen.
            assert!(was_reset(&mut stream));
            let lines = stream.event_lines();
            assert_eq!(lines.last().unwrap(), "reset-advised key-refresh");
            stream.send_record("</stream:stream>");
            stream.close_notify();
            let by_us = CloseReason::Reset {
                by: Side::Us,
                cause: Some(ResetCause::KeyRefresh),
            };
            assert_eq!(*stream.closed().reason(), by_us);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn a_stream_with_traffic_is_reset_when_it_pauses() {
    fn both<N: Metered>() {
        for tls in tls() {
            let mut stream = established::<N>(&tls);
            for second in 9..20 {
                stream.now = at(second);
                match second % 2 {
                    0 => stream.send_record("<message/>"),
                    _ => {
                        stream.machine.session().unwrap().send("<iq/>").unwrap();
                    }
                }
                assert!(!was_reset(&mut stream), "{second}");
            }
            let latest = stream.machine.session().unwrap().reset_deadline();
            assert_eq!(latest, Some(at(40)));
            assert_eq!(deadline(&stream), Some(at(21)));
            stream.now = at(21);
            assert!(was_reset(&mut stream));
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn a_stream_that_never_pauses_is_reset_at_the_latest_time() {
    fn both<N: Metered>() {
        for tls in tls() {
            let mut stream = established::<N>(&tls);
            for second in 9..40 {
                stream.now = at(second);
                stream.send_record("<message/>");
                assert!(!was_reset(&mut stream), "{second}");
            }
            stream.now = at(40);
            assert!(was_reset(&mut stream));
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// A stanza that has arrived in part, or bytes that TCP does not take.
#[test]
fn a_moment_with_something_under_way_is_not_quiet() {
    fn received_in_part<N: Role>(stream: &mut Harness<N, Scripted>) {
        stream.send_record("<message><body>the rest comes");
    }
    fn not_taken<N: Role>(stream: &mut Harness<N, Scripted>) {
        stream.machine.session().unwrap().send("<iq/>").unwrap();
        stream.run();
        assert!(!stream.machine.transmit().is_empty());
    }
    fn both<N: Metered>() {
        for under_way in [received_in_part, not_taken] {
            for tls in tls() {
                let mut stream = established::<N>(&tls);
                stream.run_at(at(9));
                under_way(&mut stream);
                stream.run_at(at(10));
                let latest = stream.machine.session().unwrap().reset_deadline();
                assert_eq!(latest, Some(at(40)));
                // The moment that would have been quiet is nothing to wake up for.
                assert!(deadline(&stream) > Some(at(11)));
                stream.run_at(at(39));
                assert!(stream.machine.session().is_some());
                stream.run_at(at(40));
                assert!(stream.machine.session().is_none());
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// Traffic without a pause at the end of the keys: the reset does not wait for the latest time.
#[test]
fn rfc6120_5_3_5_1_a_reset_that_waits_for_a_quiet_moment_comes_before_the_keys_are_used_up() {
    fn both<N: Metered>() {
        let tls = limited();
        for sends in [true, false] {
            let mut stream = established::<N>(&tls);
            let mut count = 0;
            while let Some(mut session) = stream.machine.session() {
                match sends {
                    true => drop(session.send("<message/>").unwrap()),
                    false => stream.send_record("<message/>"),
                }
                count += 1;
                stream.exchange();
                assert!(count < 100, "no reset");
            }
            // Of 99 records 16 are kept for the end, and the login has taken some.
            assert!((70..84).contains(&count), "{count}");
            let lines = stream.event_lines();
            let advised = lines
                .iter()
                .position(|line| line == "reset-advised sequence-limit")
                .expect("advised");
            assert!(sends || lines.len() > advised + 5, "no warning: {lines:?}");
            assert!(stream.receive().ends_with(RESET));
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn rfc6120_13_7_2_3_2_a_revoked_certificate_resets_the_stream_in_every_phase() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
            // Before anything was received, and established.
            let mut early: Connection<N> = N::machine(carrier, &tls, None);
            early.certificate_revoked();
            let mut early = Harness::new(early, Box::new(|_, _| {}));
            early.run();
            while early.close.is_none() {
                early.transmit(usize::MAX);
                early.run_at(early.wait.unwrap().deadline.unwrap_or(early.now));
            }
            let revoked = CloseReason::Reset {
                by: Side::Us,
                cause: Some(ResetCause::CertificateRevoked),
            };
            if carrier == Carrier::Plain {
                assert_eq!(*early.closed().reason(), revoked);
            }
            if carrier != Carrier::DirectTls(tls_version(carrier)) {
                continue;
            }
            let machine = N::machine(carrier, &tls, None);
            let mut stream = Harness::<N, Scripted>::established(machine, &tls, 4096);
            let reported = stream.events.len();
            stream.machine.certificate_revoked();
            // Nothing more of that peer is believed.
            stream.send_record("<message/>");
            assert!(stream.receive().ends_with(RESET));
            assert_eq!(stream.events.len(), reported);
            stream.send_record("</stream:stream>");
            stream.close_notify();
            assert_eq!(*stream.closed().reason(), revoked);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

fn tls_version(carrier: Carrier) -> crate::harness::pki::Version {
    carrier.version().unwrap_or(TLS13)
}
