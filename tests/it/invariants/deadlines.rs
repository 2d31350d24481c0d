//! Invariant 11: a poll at the deadline makes progress on that deadline. That
//! is asserted in every scenario ([`Scheduled`]); here is each deadline by itself,
//! and a deadline of one thing in the middle of another.
//!
//! [`Scheduled`]: crate::harness::Scheduled

use std::sync::Arc;
use std::time::Duration;

use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::reset::UsagePolicy;
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Action, Connection, Initiator, Negotiation, Responder, Wait};

use crate::harness::configs::{FIXED, alice, anonymous_host_using, decide_anonymous};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, HostileTls, Role, START, TlsPair};

/// Whether TCP takes what the machine sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tcp {
    Takes,
    Stalls,
}

/// Sleeps from deadline to deadline. Returns the times of all of them and how it
/// ended. Every sleep must make progress.
fn sleep<N: Negotiation>(
    machine: &mut Connection<N>,
    mut now: Instant,
    tcp: Tcp,
) -> (Vec<u64>, String) {
    let mut times = Vec::new();
    for _ in 0..100 {
        let mut polls = 0;
        let wait = loop {
            polls += 1;
            assert!(polls < 20, "busy at {now:?}: {machine:?}");
            match machine.poll(now) {
                Action::Event(_) => {}
                Action::Wait(Wait { deadline, .. }) if deadline == Some(now) => {}
                Action::Wait(wait) => break wait,
                Action::CloseTcp(close) => return (times, close.reason().code().into()),
            }
            if tcp == Tcp::Takes {
                machine.transmitted(usize::MAX);
            }
        };
        if tcp == Tcp::Takes && !machine.transmit().is_empty() {
            machine.transmitted(usize::MAX);
            continue;
        }
        let deadline = wait.deadline.expect("a deadline");
        assert!(
            deadline > now,
            "{deadline:?} has passed at {now:?}: {machine:?}"
        );
        now = deadline;
        times.push(
            now.saturating_duration_since(START)
                .as_millis()
                .try_into()
                .unwrap(),
        );
    }
    panic!("no end: {machine:?}");
}

#[test]
fn a_peer_that_sends_nothing_times_out_on_every_carrier() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            for tcp in [Tcp::Takes, Tcp::Stalls] {
                let tls = TlsPair::new(carrier.version().unwrap_or(TLS13));
                let mut machine = N::machine(carrier, &tls, None);
                let (times, code) = sleep(&mut machine, START, tcp);
                assert_eq!(code, "timeout");
                assert_eq!(times.first(), Some(&30_000), "{times:?}");
                assert!(times.len() <= 3, "{times:?}");
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

fn aged() -> UsagePolicy {
    let mut policy = UsagePolicy::default();
    policy.age = Some(Duration::from_secs(10));
    policy.certificate_expires = Some(START + Duration::from_secs(12));
    policy.jitter = Duration::ZERO;
    policy
}

fn initiator(tls: &TlsPair) -> Initiator {
    let config = InitiatorConfig::client(&alice())
        .direct_tls(ClientTls::new(Arc::new(tls.client.clone())))
        .credentials(Credentials::Anonymous)
        .usage(aged())
        .random(&FIXED)
        .build()
        .unwrap();
    Initiator::new(config, START)
}

fn responder(tls: &TlsPair) -> Responder {
    let config = ResponderConfig::server(&FIXED)
        .single_host(anonymous_host_using(aged()))
        .direct_tls(ServerTls::new(Arc::new(tls.server.clone())))
        .build()
        .unwrap();
    Responder::new(config, START)
}

/// The meter's deadlines mean nothing to a stream that is being closed: they
/// must not keep waking its driver.
#[test]
fn a_reset_that_would_be_due_does_not_disturb_the_end() {
    fn check<N: Role>(machine: Connection<N>, tls: &TlsPair) {
        let mut harness = Harness::<N, HostileTls>::over_tls(machine, tls, 4096);
        harness.log_in();
        let now = START + Duration::from_secs(9);
        harness.run_at(now);
        harness.machine.session().unwrap().close();
        let (times, code) = sleep(&mut harness.machine, now, Tcp::Takes);
        assert_eq!(code, "timeout");
        // Closing tag and close_notify together: 5 s.
        assert_eq!(times, [14_000], "{}", N::NAME);
    }
    for version in [TLS12, TLS13] {
        let tls = TlsPair::new(version).without_tickets();
        check::<InitiatorRole>(initiator(&tls), &tls);
        check::<ResponderRole>(responder(&tls), &tls);
    }
}

/// Nor do the deadlines of a negotiation that TCP has ended, while it does not
/// take the last bytes.
#[test]
fn a_deadline_of_the_negotiation_does_not_disturb_the_end() {
    fn check<N: Role>() {
        let machine = N::machine(Carrier::Plain, &TlsPair::new(TLS13), None);
        let app = |machine: &mut Connection<N>, _: &_| decide_anonymous(machine);
        let mut harness = Harness::new(machine, Box::new(app));
        harness.deliver(&N::login()[0].plain());
        assert!(!harness.machine.transmit().is_empty());
        harness.machine.receive_eof();
        let now = START + Duration::from_millis(29_500);
        let (times, code) = sleep(&mut harness.machine, now, Tcp::Stalls);
        assert_eq!(code, "transport");
        assert_eq!(times, [30_500], "{}", N::NAME);
    }
    check::<InitiatorRole>();
    check::<ResponderRole>();
}

#[test]
fn each_advice_to_reset_comes_at_its_time_and_once() {
    fn check<N: Role>(machine: Connection<N>, tls: &TlsPair) {
        let mut harness = Harness::<N, HostileTls>::over_tls(machine, tls, 4096);
        harness.log_in();
        let reported = harness.events.len();
        for (at, advice) in [
            (10_000, "reset-advised key-refresh"),
            (12_000, "reset-advised certificate-expired"),
        ] {
            let deadline = harness.wait.unwrap().deadline;
            assert_eq!(deadline, Some(START + Duration::from_millis(at)));
            harness.run_at(deadline.unwrap());
            assert_eq!(harness.event_lines().last().unwrap(), advice);
        }
        assert_eq!(harness.events.len(), reported + 2);
        // The first is the application's to follow; after the second the peer is nobody any more.
        assert!(harness.machine.session().is_none());
    }
    for version in [TLS12, TLS13] {
        let tls = TlsPair::new(version).without_tickets();
        check::<InitiatorRole>(initiator(&tls), &tls);
        check::<ResponderRole>(responder(&tls), &tls);
    }
}
