//! Invariant 1: the same received bytes, in any split, make the same three
//! sequences.

use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::{Connection, Initiator, Responder};

use super::each;
use crate::harness::bench::{Carrier, START, Subject};
use crate::harness::outcome::Outcome;
use crate::harness::pair::{Pair, client, server};
use crate::harness::play::{Pace, Player};
use crate::harness::rng::Rng;
use crate::harness::scenes::{Ending, message};

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

/// A login by SCRAM, as two machines make it: what each of them sent.
fn scram() -> (Vec<u8>, Vec<u8>) {
    let mut pair = Pair::new(
        Initiator::new(client(None), START),
        Responder::new(server(None), START),
    );
    pair.now = START;
    pair.settle();
    let mut session = pair.initiator.machine.session().unwrap();
    session.send(&message(1)).unwrap();
    session.close();
    pair.settle();
    assert_eq!(pair.initiator.code(), "closed");
    pair.sent
}

/// Key derivation takes many polls; what comes meanwhile has to wait.
#[test]
fn the_same_holds_while_a_key_is_derived() {
    fn replay<N: Subject>(machine: &dyn Fn() -> Connection<N>, input: &[u8], decisions: bool) {
        let play = |pace: Pace| {
            // SCRAM's gate, too: the player's own answer knows nobody.
            let app = Box::new(move |machine: &mut Connection<N>, _: &_| {
                if decisions {
                    crate::harness::pair::decide(machine);
                }
            });
            let mut player = Player::<N>::new(machine(), app, pace);
            player.input = input.to_vec();
            player.run(Ending::Fin);
            player.outcome()
        };
        let whole: Outcome = play(Pace::Whole);
        assert!(
            whole
                .events
                .iter()
                .any(|told| told.starts_with("authenticated SCRAM")),
            "{whole:?}"
        );
        assert!(whole.close.starts_with("closed"), "{whole:?}");
        let mut paces: Vec<_> = (1..input.len()).step_by(61).map(Pace::SplitAt).collect();
        paces.push(Pace::Each(1));
        for seed in 0..4 {
            paces.push(Pace::Any(Rng::new(seed)));
            paces.push(Pace::Pieces(Rng::new(seed), 300));
        }
        for pace in paces {
            let said = format!("{}, {pace:?}", N::ROLE);
            let other = play(pace);
            assert!(other.agrees_with(&whole), "{said}: {other:?}{whole:?}");
        }
    }
    let (ours, theirs) = scram();
    replay::<Initiating>(&|| Initiator::new(client(None), START), &theirs, false);
    replay::<Receiving>(&|| Responder::new(server(None), START), &ours, true);
}
