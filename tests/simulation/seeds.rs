//! Which seeds run, and what is printed of one that fails.

use std::fmt::Debug;
use std::str::FromStr;

use xmpp_stream::close::Phase;
use xmpp_stream::testkit::{
    Coverage, Failure, InitiatingApplication, ReceivingApplication, Simulation,
};

/// The number that an environment variable holds.
fn number<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// The seed that was asked for.
fn only() -> Option<u64> {
    number("SIM_SEED")
}

/// The seeds of a test that runs so many unless it is told otherwise.
pub fn seeds(usual: u64) -> impl Iterator<Item = u64> {
    let (first, many) = match only() {
        Some(seed) => (seed, 1),
        None => (
            number("SIM_FIRST").unwrap_or(0),
            number("SIM_SEEDS").unwrap_or(usual),
        ),
    };
    first..first + many
}

/// How many seeds a test runs: few if nothing is optimised, because each then takes
/// some thirty times as long.
pub fn usual(few: u64, many: u64) -> u64 {
    match cfg!(debug_assertions) {
        true => few,
        false => many,
    }
}

/// Whether every test runs as many seeds as it needs to meet everything.
pub fn is_whole() -> bool {
    let asked = ["SIM_SEED", "SIM_SEEDS"].map(|name| std::env::var(name).is_ok());
    !cfg!(debug_assertions) && asked == [false; 2]
}

/// Each kind of fault has happened at least 50 times in each of the phases, in a
/// whole run.
pub fn assert_covered(coverage: &Coverage, phases: &[Phase]) {
    if is_whole() {
        let (kind, phase, least) = coverage.least(phases).unwrap();
        assert!(least >= 50, "{} in {phase:?}: {least}", kind.as_str());
    }
}

/// Runs one seed. If it fails, it runs once more, and what happened is printed.
pub fn run<I: InitiatingApplication, R: ReceivingApplication, T: Debug + PartialEq>(
    seed: u64,
    make: impl Fn(u64) -> Simulation<I, R>,
    check: impl Fn(&Simulation<I, R>) -> Result<T, Failure>,
) -> (Coverage, T) {
    let mut simulation = make(seed);
    let outcome = simulation.run().and_then(|()| check(&simulation));
    if outcome.is_err() || only().is_some() {
        let mut again = make(seed).logging();
        let repeated = again.run().and_then(|()| check(&again));
        for line in again.log() {
            println!("{line}");
        }
        println!("SIM_SEED={seed}: {repeated:?}");
        assert_eq!(
            outcome, repeated,
            "SIM_SEED={seed} differs when it is run again"
        );
    }
    match outcome {
        Ok(found) => (simulation.coverage().clone(), found),
        Err(failure) => panic!("SIM_SEED={seed}: {failure}"),
    }
}
