//! The invariants of the whole machine, each in a file named after it. They
//! hold for both roles, in plaintext and under TLS 1.2 and 1.3, at any schedule.

mod chunks;
mod close;
mod deadlines;
mod deadlock;
mod downgrade;
mod handover;
mod panics;
mod schedules;
mod send;

use crate::harness::outcome::Outcome;
use crate::harness::pki::TLS13;
use crate::harness::schedule::Run;
use crate::harness::{Carrier, Role, Schedule, TlsPair, scenarios};

/// Every scenario that can run on `carrier`, with its outcome when
/// everything comes at once.
pub(crate) fn each<N: Role>(carrier: Carrier, check: &mut dyn FnMut(&Run<'_>, &Outcome)) {
    let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
    let mut played = 0;
    for scenario in &scenarios::all() {
        if carrier == Carrier::Plain && !scenario.is_plain() {
            continue;
        }
        let run = Run {
            scenario,
            carrier,
            tls: &tls,
            decision_delay: 0,
        };
        let whole = run.outcome::<N>(Schedule::Whole);
        let place = format!("{}, {carrier:?}, {}", N::NAME, scenario.name);
        let reported = |what: &str| {
            whole
                .events
                .iter()
                .filter(|event| event.starts_with(what))
                .count()
        };
        assert_eq!(
            whole.close.split(',').next(),
            Some(scenario.expected(carrier)),
            "{place}: {whole:#?}"
        );
        assert_eq!(reported("stanza"), scenario.stanzas, "{place}: {whole:#?}");
        assert_eq!(reported("established"), 1, "{place}");
        check(&run, &whole);
        played += 1;
    }
    println!("{}, {carrier:?}: {played} scenarios", N::NAME);
    assert!(played >= 15);
}
