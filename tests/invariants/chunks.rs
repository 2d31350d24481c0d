//! Invariant 1: the same received bytes, in any split, make the same three
//! sequences.

use xmpp_stream::stream::{Initiating, Receiving};

use crate::common::bench::{Carrier, Subject};
use crate::common::play::Pace;
use crate::common::rng::Rng;
use crate::each;

#[test]
fn any_split_into_two_makes_the_same_sequences() {
    fn both<N: Subject>() {
        let mut splits = 0;
        each::<N>(Carrier::Plain, &mut |stage, whole| {
            for at in 1..whole.length {
                let split = stage.play::<N>(Pace::SplitAt(at));
                assert!(
                    split.agrees_with(whole),
                    "{} at {at}: {split:#?}\n{whole:#?}",
                    stage.scene.name
                );
                splits += 1;
            }
        });
        println!("{}: {splits} splits", N::ROLE);
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn single_bytes_and_random_pieces_make_the_same_sequences() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |stage, whole| {
                let mut paces = vec![Pace::Each(1), Pace::Each(7)];
                for seed in 0..6 {
                    paces.push(Pace::Pieces(Rng::new(seed), 60));
                }
                for pace in paces {
                    let said = format!("{}, {carrier:?}, {}, {pace:?}", N::ROLE, stage.scene.name);
                    let other = stage.play::<N>(pace);
                    assert!(other.agrees_with(whole), "{said}: {other:#?}\n{whole:#?}");
                }
            });
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}
