//! Streams without stream management: what arrives is the beginning of what was
//! sent, whatever the network and both applications do.

use xmpp_stream::close::Phase;
use xmpp_stream::testkit::{Coverage, Rng, Simulation, Tally, Weather};

use crate::common::pki::{Crypto, Leaf, Setup, TLS12, TLS13, pki};
use crate::configs::Security;
use crate::seeds::{assert_covered, run, seeds, usual};
use crate::talk::{Client, Server};

/// The phases of a stream without TLS.
pub const PLAIN: [Phase; 5] = [
    Phase::Header,
    Phase::Authentication,
    Phase::Binding,
    Phase::Established,
    Phase::Closing,
];

/// How many connections of each seed have faults. One more has none.
const FAULTY: usize = 3;

fn simulation(seed: u64, security: &Security, phases: &[Phase]) -> Simulation<Client, Server> {
    let mut rng = Rng::new(seed);
    let weather = Weather::Foul {
        connections: FAULTY,
        phases: phases.to_vec(),
    };
    let client = Client::new(rng.fork(), security, FAULTY + 1);
    let server = Server::new(rng.fork(), security);
    Simulation::new(rng.draw(), weather, client, server)
}

fn run_all(usual: u64, security: impl Fn(u64) -> Security, phases: &[Phase]) -> (Coverage, Tally) {
    let mut coverage = Coverage::new();
    let mut tally = Tally::default();
    for seed in seeds(usual) {
        let make = |seed| simulation(seed, &security(seed), phases);
        let compare = |simulation: &Simulation<Client, Server>| {
            let (ours, theirs) = (simulation.initiating(), simulation.receiving());
            Ok(ours.journal().compare(theirs.journal())?)
        };
        let (found, counted) = run(seed, make, compare);
        coverage.add(&found);
        tally.sent += counted.sent;
        tally.arrived += counted.arrived;
    }
    println!("{coverage}\n{tally:?}");
    (coverage, tally)
}

#[test]
fn what_arrives_in_plaintext_is_the_beginning_of_what_was_sent() {
    let (coverage, _) = run_all(usual(250, 6_000), |_| Security::Plain, &PLAIN);
    assert_covered(&coverage, &PLAIN);
}

/// TLS 1.2 and 1.3, STARTTLS and direct TLS, in turn.
pub fn secured(seed: u64) -> Security {
    let version = [TLS12, TLS13][usize::from(seed % 2 == 1)];
    let setup = Setup::new(Crypto::Ring, version);
    // Its signatures have the same length each time, so that a seed can be had again.
    let (client, server) = (pki().client(&setup), pki().server(&setup, Leaf::Rsa));
    match seed % 4 {
        0 | 1 => Security::Starttls(client, server),
        _ => Security::DirectTls(client, server),
    }
}

#[test]
fn what_arrives_under_tls_is_the_beginning_of_what_was_sent() {
    // Half of the faults are in the handshake.
    let mut phases = PLAIN.to_vec();
    phases.extend([Phase::TlsHandshake; PLAIN.len()]);
    let (coverage, _) = run_all(usual(40, 400), secured, &phases);
    assert_covered(&coverage, &[Phase::TlsHandshake]);
}

/// Also under TLS, whose messages have the same lengths each time.
#[test]
fn a_seed_can_be_had_again() {
    let phases = [PLAIN[0], Phase::TlsHandshake, Phase::Established];
    for seed in 0..12 {
        for security in [Security::Plain, secured(seed)] {
            let run = || {
                let mut simulation = simulation(seed, &security, &phases).logging();
                simulation.run().unwrap();
                (simulation.log().to_vec(), simulation.coverage().clone())
            };
            let (first, again) = (run(), run());
            assert!(!first.0.is_empty());
            assert_eq!(first, again, "seed {seed}");
        }
    }
}
