//! The invariants of the whole machine, each in a file named after it. They
//! hold for both roles, in plaintext and under TLS 1.2 and 1.3, at any pace.

mod chunks;
mod close;
mod deadlines;
mod deadlock;
mod downgrade;
mod handover;
mod panics;
mod schedules;
mod send;

use crate::harness::bench::{Carrier, Subject, TlsPair, V13};
use crate::harness::outcome::Outcome;
use crate::harness::play::{Pace, Stage};
use crate::harness::scenes;

/// Every scene that can be played on `carrier`, with its outcome when
/// everything comes at once.
pub(crate) fn each<N: Subject>(carrier: Carrier, check: &mut dyn FnMut(&Stage<'_>, &Outcome)) {
    let tls = TlsPair::new(carrier.version().unwrap_or(V13)).without_tickets();
    let mut played = 0;
    for scene in scenes::all() {
        if carrier == Carrier::Plain && !scene.is_plain() {
            continue;
        }
        let stage = Stage {
            scene: &scene,
            carrier,
            tls: &tls,
            hesitates: 0,
        };
        let whole = stage.play::<N>(Pace::Whole);
        let place = format!("{}, {carrier:?}, {}", N::ROLE, scene.name);
        let told = |what: &str| {
            whole
                .events
                .iter()
                .filter(|event| event.starts_with(what))
                .count()
        };
        assert_eq!(
            whole.close.split(',').next(),
            Some(scene.expected(carrier)),
            "{place}: {whole:#?}"
        );
        assert_eq!(told("stanza"), scene.stanzas, "{place}: {whole:#?}");
        assert_eq!(told("established"), 1, "{place}");
        check(&stage, &whole);
        played += 1;
    }
    println!("{}, {carrier:?}: {played} scenes", N::ROLE);
    assert!(played >= 15);
}
