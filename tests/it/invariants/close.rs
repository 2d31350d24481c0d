//! Invariants 3 and 4: nothing follows the close, and there is one. That
//! nothing follows it is asserted after every scenario ([`Scheduled`]); here are
//! the ends at which bytes are still waiting.
//!
//! [`Scheduled`]: crate::harness::Scheduled

use std::time::Duration;

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::{Action, Connection, Manner, Wait};

use super::each;
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::{Behavior, message, text, texts};
use crate::harness::schedule::Run;
use crate::harness::{
    Carrier, Harness, HostileTls, Role, START, Scenario, Schedule, Scheduled, TlsPair,
};

/// An established stream whose peer sends `input` after the login; TCP has not
/// taken what the machine has sent since.
fn stuck<N: Role>(carrier: Carrier, behavior: Behavior, input: &[&str]) -> Harness<N, Scheduled> {
    let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
    let scenario = Scenario {
        behavior,
        ..Scenario::IDLE
    };
    let mut harness = Harness::after(&scenario, carrier, &tls);
    harness.send(&texts(input));
    harness.deliver_all();
    harness
}

/// Sleeps until the machine has closed; nothing is read or written.
fn sleep_to_the_end<N: Role>(harness: &mut Harness<N, Scheduled>) {
    for _ in 0..20 {
        if harness.close.is_some() {
            return;
        }
        let Wait { deadline, .. } = harness.wait.expect("waits");
        harness.now = harness.now.max(deadline.expect("a deadline"));
        harness.deliver_all();
    }
    panic!("no end: {:?}", harness.machine);
}

fn end<N: Role>(harness: &Harness<N, Scheduled>) -> (&'static str, Manner) {
    let close = harness.close.as_ref().expect("closed");
    (close.reason().code(), close.manner())
}

#[test]
fn an_abort_drops_what_tcp_has_not_taken() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            let mut harness = stuck::<N>(carrier, Behavior::Echo, &[&message(1)]);
            assert!(harness.machine.transmit().len() > 40);
            harness.machine.transmitted(10);
            harness.machine.abort();
            harness.deliver_all();
            assert_eq!(end(&harness), ("local-abort", Manner::Abort));
            assert!(harness.machine.transmit().is_empty());
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn a_graceful_end_waits_for_tcp_to_take_everything() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            let mut harness =
                stuck::<N>(carrier, Behavior::Echo, &[&message(1), "</stream:stream>"]);
            // Byte by byte: not closed before the last one is taken.
            while !harness.machine.transmit().is_empty() {
                assert!(harness.close.is_none());
                harness.transmit(1);
                harness.deliver_all();
            }
            if harness.close.is_none() {
                // Under TLS the peer's close_notify is outstanding.
                harness.machine.receive_eof();
                harness.deliver_all();
            }
            assert_eq!(end(&harness), ("closed", Manner::Graceful));
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn a_peer_that_takes_nothing_does_not_hold_up_the_end() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            for (behavior, input) in [
                (Behavior::Echo, vec![message(1), "</stream:stream>".into()]),
                (Behavior::Close(1), vec![message(1)]),
                (Behavior::Fail(1), vec![message(1)]),
                (Behavior::Echo, vec![message(1), "<a></b>".into()]),
            ] {
                let input: Vec<&str> = input.iter().map(String::as_str).collect();
                let mut harness = stuck::<N>(carrier, behavior, &input);
                assert!(harness.close.is_none());
                let began = harness.now;
                sleep_to_the_end(&mut harness);
                let lasted = harness.now.saturating_duration_since(began);
                assert!(lasted <= Duration::from_secs(11), "{lasted:?}");
                assert_eq!(end(&harness).1, Manner::Graceful);
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// The clock of a peer that takes no bytes is older than the close; the close
/// keeps its own deadline all the same.
#[test]
fn a_write_stall_does_not_cut_the_end_short() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            let mut harness = stuck::<N>(carrier, Behavior::Echo, &[&message(1)]);
            harness.now = harness.now + Duration::from_secs(59);
            harness.send(&[text("</stream:stream>")]);
            harness.deliver_all();
            let closing = harness.now;
            while harness.close.is_none() {
                // Checked in it: graceful only after the deadline.
                sleep_once(&mut harness);
            }
            let lasted = harness.now.saturating_duration_since(closing);
            assert_eq!(end(&harness), ("closed", Manner::Graceful));
            assert!(lasted >= Duration::from_secs(5), "{carrier:?}: {lasted:?}");
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

fn sleep_once<N: Role>(harness: &mut Harness<N, Scheduled>) {
    let deadline = harness.wait.expect("waits").deadline.expect("a deadline");
    assert!(deadline > harness.now);
    harness.now = deadline;
    harness.deliver_all();
}

#[test]
fn a_peer_that_takes_nothing_for_a_minute_is_given_up() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            let mut harness = stuck::<N>(carrier, Behavior::Echo, &[&message(1)]);
            // One byte taken is a sign of life.
            sleep_part(&mut harness, 59_999);
            harness.transmit(1);
            harness.deliver_all();
            sleep_part(&mut harness, 59_999);
            assert!(harness.close.is_none());
            sleep_part(&mut harness, 1);
            assert_eq!(end(&harness), ("timeout", Manner::Abort));
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

fn sleep_part<N: Role>(harness: &mut Harness<N, Scheduled>, millis: u64) {
    harness.now = harness.now + Duration::from_millis(millis);
    harness.deliver_all();
}

/// A clean close that was spoiled is not reported as one.
#[test]
fn what_goes_wrong_while_closing_becomes_the_reason() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version);
            let close =
                |harness: &mut Harness<N, HostileTls>| harness.machine.session().unwrap().close();
            let mut harness = Harness::<N, HostileTls>::established(&tls, version);
            close(&mut harness);
            let forged = crate::harness::hostile_tls::forged(23, &[7; 40]);
            harness.deliver(&forged);
            finish(&mut harness);
            assert_eq!(harness.code(), "tls", "{}", N::NAME);

            let mut harness = Harness::<N, HostileTls>::established(&tls, version);
            close(&mut harness);
            harness.machine.receive_eof();
            finish(&mut harness);
            assert_eq!(harness.code(), "tls-truncated", "{}", N::NAME);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

fn finish<N: Role>(harness: &mut Harness<N, HostileTls>) {
    harness.run();
    harness.transmit(usize::MAX);
    harness.run();
}

#[test]
fn a_tcp_failure_wins_over_everything() {
    fn failed<N: Role>(mut machine: Connection<N>, expected: &str) {
        machine.transport_failed();
        let mut events = 0;
        let close = loop {
            match machine.poll(START) {
                Action::Event(_) => events += 1,
                Action::Wait(wait) => assert_eq!(wait.deadline, Some(START), "{wait:?}"),
                Action::CloseTcp(close) => break close.clone(),
            }
        };
        assert!(events <= 1);
        assert_eq!(close.reason().code(), expected);
        assert_eq!(close.manner(), Manner::Abort);
        assert_eq!(close.linger(), Duration::ZERO);
    }
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            let tls = TlsPair::new(carrier.version().unwrap_or(TLS13));
            failed(N::machine(carrier, &tls, None), "transport");
            let harness = stuck::<N>(carrier, Behavior::Echo, &[&message(1)]);
            failed(harness.machine, "transport");
            // After both closing tags the failure is no loss.
            let harness = stuck::<N>(carrier, Behavior::Echo, &["</stream:stream>"]);
            failed(harness.machine, "closed");
            let harness = stuck::<N>(carrier, Behavior::Fail(1), &[&message(1)]);
            failed(harness.machine, "stream-error");
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// Also while a decision is pending, whatever waits after it.
#[test]
fn a_tcp_failure_wins_over_a_pending_decision() {
    for following in [false, true] {
        for carrier in [
            Carrier::Plain,
            Carrier::DirectTls(TLS12),
            Carrier::DirectTls(TLS13),
        ] {
            each::<ResponderRole>(carrier, &mut |run, _| {
                let run = Run {
                    decision_delay: usize::MAX,
                    ..*run
                };
                let mut harness = run.start::<ResponderRole>(Schedule::Whole);
                if !following {
                    harness
                        .peer
                        .input
                        .truncate(harness.peer.login_length * 2 / 5);
                }
                harness.exchange_all();
                assert!(harness.machine.decision().is_some());
                harness.machine.transport_failed();
                harness.deliver_all();
                assert_eq!(end(&harness), ("transport", Manner::Abort));
                assert!(harness.machine.decision().is_none());
            });
        }
    }
}

#[test]
fn an_error_before_the_handshake_is_sent_after_it() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut machine = N::machine(Carrier::DirectTls(version), &tls, None);
            machine.fail(StreamError::new(StreamCondition::SystemShutdown));
            let mut harness = Harness::<N, HostileTls>::over_tls(machine, &tls, 1);
            let text = harness.receive();
            assert!(text.contains("<stream:stream"), "{text}");
            assert!(text.contains("system-shutdown"), "{text}");
            assert!(text.ends_with("</stream:stream>"), "{text}");
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}
