//! Streams under stream management (XEP-0198): every stanza arrives once and in
//! order, whatever the network and both applications do, and on whichever node the
//! session is resumed.

mod client;
mod cluster;
mod correspondent;

use std::time::Duration;

use client::Client;
use cluster::Cluster;
use correspondent::Planted;
use xmpp_stream::close::Phase;
use xmpp_stream::sm::{AckMode, SmPolicy};
use xmpp_stream::testkit::{Coverage, Failure, Fates, Rng, Simulation, Violation, Weather};

use crate::configs::Security;
use crate::network::{PLAIN, secured};
use crate::seeds::{assert_covered, is_whole, run, seeds, usual};

/// How many connections of each seed have faults.
const FAULTY: usize = 4;

type Managed = Simulation<Client, Cluster>;

fn draw_ack_mode(rng: &mut Rng) -> AckMode {
    match rng.once_in(3) {
        true => AckMode::Handled,
        false => AckMode::Delivered,
    }
}

/// Often with so small a queue that it is full.
fn draw_policy(rng: &mut Rng, ack_mode: AckMode) -> SmPolicy {
    // Without a delay, a peer that has handled nothing yet is asked as fast as it answers.
    let ask = (1 + rng.below(8), 100 + rng.below(3_000));
    let queue = match rng.once_in(2) {
        true => (1 + rng.below(6), 4_096),
        false => (1_024, 1 << 16),
    };
    SmPolicy::new()
        .ack_mode(ack_mode)
        .ask(u32::try_from(ask.0).unwrap(), Duration::from_millis(ask.1))
        .ack_timeout(Duration::from_millis(5_000 + rng.below(60_000)))
        .queue(u32::try_from(queue.0).unwrap(), queue.1)
}

fn simulation(seed: u64, security: &Security, phases: &[Phase], planted: Planted) -> Managed {
    let mut rng = Rng::new(seed);
    let weather = Weather::Foul {
        connections: FAULTY,
        phases: phases.to_vec(),
    };
    let cluster = Cluster::new(rng.fork(), security, planted);
    let expects = cluster.correspondent.outgoing.total();
    let client = Client::new(rng.fork(), security, planted, expects);
    Simulation::new(rng.draw(), weather, client, cluster)
}

/// What happened over all seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    stanzas: u64,
    /// Doubles that were flagged.
    doubles: u64,
    fates: Fates,
    resumed: u64,
    resumed_elsewhere: u64,
    refused: u64,
    ousts: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.stanzas += other.stanzas;
        self.doubles += other.doubles;
        self.fates.unsent += other.fates.unsent;
        self.fates.unhandled += other.fates.unhandled;
        self.fates.unknown += other.fates.unknown;
        self.resumed += other.resumed;
        self.resumed_elsewhere += other.resumed_elsewhere;
        self.refused += other.refused;
        self.ousts += other.ousts;
    }

    fn of(simulation: &Managed) -> Self {
        let (client, cluster) = (simulation.initiating(), simulation.receiving());
        let mut counts = Self {
            resumed: cluster.resumed,
            resumed_elsewhere: cluster.resumed_elsewhere,
            refused: client.refused,
            ousts: cluster.ousts,
            ..Self::default()
        };
        for side in [&client.correspondent, &cluster.correspondent] {
            counts.add(&Self {
                stanzas: side.incoming.count(),
                doubles: side.incoming.doubles(),
                fates: side.outgoing.fates(),
                ..Self::default()
            });
        }
        counts
    }
}

/// In both directions everything has arrived, and so has what was reported.
fn check(simulation: &Managed) -> Result<Counts, Failure> {
    let client = &simulation.initiating().correspondent;
    let cluster = &simulation.receiving().correspondent;
    client.journal.check_reasons()?;
    cluster.journal.check_reasons()?;
    let sent = [
        client.outgoing.clone(),
        simulation.receiving().after_expiry()?,
    ];
    for (outgoing, incoming) in sent.iter().zip([&cluster.incoming, &client.incoming]) {
        incoming.compare(outgoing)?;
        if incoming.count() != outgoing.total() || outgoing.is_outstanding() {
            let what = "something has not arrived, or has no fate".into();
            return Err(Violation(what).into());
        }
    }
    Ok(Counts::of(simulation))
}

fn run_all(usual: u64, security: impl Fn(u64) -> Security, phases: &[Phase]) -> (Coverage, Counts) {
    let mut coverage = Coverage::new();
    let mut counts = Counts::default();
    for seed in seeds(usual) {
        let make = |seed| simulation(seed, &security(seed), phases, Planted::Nothing);
        let (found, counted) = run(seed, make, check);
        coverage.add(&found);
        counts.add(&counted);
    }
    println!("{coverage}\n{counts:?}");
    (coverage, counts)
}

#[test]
fn nothing_is_lost_doubled_or_reordered_over_resets_cuts_and_nodes() {
    // Half of the faults are where stanzas flow.
    let mut phases = PLAIN.to_vec();
    phases.extend([Phase::Established; PLAIN.len()]);
    let (coverage, counts) = run_all(usual(250, 12_000), |_| Security::Plain, &phases);
    assert_covered(&coverage, &PLAIN);
    if is_whole() {
        let Fates {
            unsent,
            unhandled,
            unknown,
        } = counts.fates;
        let seen = [
            unsent,
            unhandled,
            unknown,
            counts.doubles,
            counts.resumed_elsewhere,
            counts.refused,
            counts.ousts,
        ];
        assert!(seen.iter().all(|n| *n >= 50), "{counts:?}");
    }
}

#[test]
fn nothing_is_lost_doubled_or_reordered_under_tls() {
    let phases = [Phase::TlsHandshake, Phase::Binding, Phase::Established];
    run_all(usual(40, 400), secured, &phases);
}

/// The first seed in which an application's mistake shows, of 1,000.
fn first_seed_with(planted: Planted) -> Option<(u64, Failure)> {
    (0..1_000).find_map(|seed| {
        let mut simulation = simulation(seed, &Security::Plain, &PLAIN, planted);
        let outcome = simulation.run().and_then(|()| check(&simulation));
        outcome.err().map(|failure| (seed, failure))
    })
}

#[test]
fn mistakes_of_applications_and_stores_are_found_within_1000_seeds() {
    for planted in [Planted::ResendsWithoutFlag, Planted::ResumesTwice] {
        let (seed, failure) = first_seed_with(planted).expect("it is found");
        println!("{planted:?}: seed {seed}: {failure}");
    }
}
