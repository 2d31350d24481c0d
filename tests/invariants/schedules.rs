//! Invariant 2: short `receive`s, partial `transmitted`s and polls in any
//! order, with the application's calls pinned to events, make the same three
//! sequences.

use xmpp_stream::stream::{Initiating, Receiving};

use crate::common::bench::{Carrier, Subject};
use crate::common::play::{Pace, Stage};
use crate::common::rng::Rng;
use crate::each;

const SEEDS: u64 = 12;

#[test]
fn any_schedule_makes_the_same_sequences() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |stage, whole| {
                for seed in 0..SEEDS {
                    let other = stage.play::<N>(Pace::Any(Rng::new(seed)));
                    assert!(
                        other.agrees_with(whole),
                        "{}, {carrier:?}, {}, seed {seed}: {other:?}{whole:?}",
                        N::ROLE,
                        stage.scene.name
                    );
                }
            });
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// The peer's bytes go on coming while the application looks things up.
#[test]
fn it_does_not_matter_how_long_the_application_hesitates() {
    for carrier in Carrier::ALL {
        each::<Receiving>(carrier, &mut |stage, whole| {
            for hesitates in [1, 2, 9] {
                let stage = Stage {
                    hesitates,
                    ..*stage
                };
                for pace in [
                    Pace::Whole,
                    Pace::Each(1),
                    Pace::Each(30),
                    Pace::Any(Rng::new(hesitates as u64)),
                ] {
                    let said = format!("{carrier:?}, {}, {hesitates}, {pace:?}", stage.scene.name);
                    let other = stage.play::<Receiving>(pace);
                    assert!(other.agrees_with(whole), "{said}: {other:?}{whole:?}");
                }
            }
        });
    }
}
