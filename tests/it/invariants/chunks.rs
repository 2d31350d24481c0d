//! Invariant 1: the same received bytes, in any split, make the same three
//! sequences.

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::{Connection, Initiator, Responder};

use super::each;
use crate::harness::configs::{client, decide, server};
use crate::harness::outcome::Outcome;
use crate::harness::scenarios::{TcpEnd, message};
use crate::harness::{Carrier, Harness, Pair, Rng, Role, START, Schedule, Scheduled};

#[test]
fn any_split_into_two_makes_the_same_sequences() {
    fn both<N: Role>() {
        let mut splits = 0;
        each::<N>(Carrier::Plain, &mut |run, whole| {
            for at in 1..whole.length {
                let split = run.outcome::<N>(Schedule::SplitAt(at));
                assert!(
                    split.agrees_with(whole),
                    "{} at {at}: {split:#?}\n{whole:#?}",
                    run.scenario.name
                );
                splits += 1;
            }
        });
        println!("{}: {splits} splits", N::NAME);
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn single_bytes_and_random_pieces_make_the_same_sequences() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |run, whole| {
                let mut schedules = vec![Schedule::Each(1), Schedule::Each(7)];
                for seed in 0..6 {
                    schedules.push(Schedule::Pieces(Rng::new(seed), 60));
                }
                for schedule in schedules {
                    let received = format!(
                        "{}, {carrier:?}, {}, {schedule:?}",
                        N::NAME,
                        run.scenario.name
                    );
                    let other = run.outcome::<N>(schedule);
                    assert!(
                        other.agrees_with(whole),
                        "{received}: {other:#?}\n{whole:#?}"
                    );
                }
            });
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// A login by SCRAM, as two machines make it: what each of them sent.
fn scram() -> (Vec<u8>, Vec<u8>) {
    let mut pair = Pair::connect(
        Initiator::new(client(None), START),
        Responder::new(server(None), START),
    );
    pair.now = START;
    pair.exchange();
    let mut session = pair.machine.session().unwrap();
    session.send(&message(1)).unwrap();
    session.close();
    pair.exchange();
    assert_eq!(pair.code(), "closed");
    (pair.sent, pair.peer.sent)
}

/// Key derivation takes many polls; what comes meanwhile has to wait.
#[test]
fn the_same_holds_while_a_key_is_derived() {
    fn replay<N: Role>(
        machine: &dyn Fn() -> Connection<N>,
        input: &[u8],
        app: fn(&mut Connection<N>),
    ) {
        let play = |schedule: Schedule| {
            let app = Box::new(move |machine: &mut Connection<N>, _: &_| app(machine));
            let mut harness = Harness::<N, Scheduled>::scheduled(machine(), app, schedule);
            harness.peer.input = input.to_vec();
            harness.run_to_end(TcpEnd::Fin);
            harness.outcome()
        };
        let whole: Outcome = play(Schedule::Whole);
        assert!(
            whole
                .events
                .iter()
                .any(|reported| reported.starts_with("authenticated SCRAM")),
            "{whole:?}"
        );
        assert!(whole.close.starts_with("closed"), "{whole:?}");
        let mut schedules: Vec<_> = (1..input.len())
            .step_by(61)
            .map(Schedule::SplitAt)
            .collect();
        schedules.push(Schedule::Each(1));
        for seed in 0..4 {
            schedules.push(Schedule::Any(Rng::new(seed)));
            schedules.push(Schedule::Pieces(Rng::new(seed), 300));
        }
        for schedule in schedules {
            let received = format!("{}, {schedule:?}", N::NAME);
            let other = play(schedule);
            assert!(other.agrees_with(&whole), "{received}: {other:?}{whole:?}");
        }
    }
    let (ours, theirs) = scram();
    replay::<InitiatorRole>(&|| Initiator::new(client(None), START), &theirs, |_| {});
    replay::<ResponderRole>(&|| Responder::new(server(None), START), &ours, decide);
}
