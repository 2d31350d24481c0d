//! Invariant 5: a driver that sleeps exactly as told never stalls. It reads
//! only if told to read, writes only if told to write, and otherwise sleeps
//! until the deadline.

use xmpp_stream::Wait;
use xmpp_stream::limits::Limits;
use xmpp_stream::stream::{Initiating, Receiving};

use super::close::established;
use super::each;
use crate::harness::bench::{Carrier, Subject, TlsPair, V12, V13};
use crate::harness::play::{Pace, Player};
use crate::harness::rng::Rng;
use crate::harness::scenes::{Ending, Say};

/// What the driver did at each end of the wait.
#[derive(Debug, Default)]
struct Slept {
    reads: usize,
    writes: usize,
    sleeps: usize,
}

/// `io`: how many bytes TCP gives and takes at a time.
fn obey<N: Subject>(player: &mut Player<N>, ending: Ending, io: &mut Rng) -> Slept {
    let mut slept = Slept::default();
    let mut ended = false;
    for _ in 0..1_000_000 {
        player.poll();
        if player.close.is_some() {
            return slept;
        }
        let Some(wait) = player.wait else { continue };
        let left = player.input.len() - player.fed;
        let Wait {
            read,
            write,
            deadline,
        } = wait;
        let readable = left > 0 || (!ended && ending != Ending::Silence);
        if write && (!read || !readable || io.below(2) == 0) {
            slept.writes += 1;
            player.take(1 + io.below(50));
        } else if read && readable {
            slept.reads += 1;
            if left > 0 {
                let n = 1 + io.below(left.min(70));
                let taken = player
                    .machine
                    .receive(&player.input[player.fed..player.fed + n]);
                assert!(taken > 0, "told to read, and no room");
                player.fed += taken;
            } else {
                ended = true;
                match ending {
                    Ending::Fin => player.machine.receive_eof(),
                    Ending::Rst => player.machine.transport_failed(),
                    Ending::Silence => {}
                }
            }
        } else {
            slept.sleeps += 1;
            player.now = deadline.expect("asleep for ever");
        }
    }
    panic!("no end: {:?}", player.machine);
}

#[test]
fn a_driver_that_sleeps_as_told_never_stalls() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |stage, whole| {
                for seed in 0..4 {
                    let mut player = stage.player::<N>(Pace::Whole);
                    let slept = obey(&mut player, stage.scene.ending, &mut Rng::new(seed));
                    assert!(slept.reads > 3 && slept.writes > 0, "{slept:?}");
                    let place = format!("{}, {carrier:?}, {}", N::ROLE, stage.scene.name);
                    let other = player.outcome();
                    // TCP's reset may overtake what was still unread.
                    if stage.scene.ending != Ending::Rst {
                        assert!(other.agrees_with(whole), "{place}: {other:?}{whole:?}");
                    }
                }
            });
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// The machine's own replies have a reserve. A peer that asks and does not
/// read uses it up; then nothing more is taken from it, and all is answered in
/// order once it reads.
#[test]
fn a_peer_that_does_not_read_blocks_only_itself() {
    let limits = Limits::server();
    let most = limits.outbox_bytes() + limits.reserve_bytes();
    for carrier in [
        Carrier::Plain,
        Carrier::DirectTls(V12),
        Carrier::DirectTls(V13),
    ] {
        let tls = TlsPair::new(carrier.version().unwrap_or(V13)).without_tickets();
        let mut player = established::<Receiving>(carrier, &tls);
        let requests = (0..3_000).map(|n| {
            format!(
                "<iq type='set' id='{n}'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
            )
        });
        player.say(&requests.map(Say::Text).collect::<Vec<_>>());
        player.feed_all(false);
        // Blocked: no event, no end, and bytes left over that nobody takes.
        let held = player.machine.transmit().len();
        assert!((most..most + 1_000).contains(&held), "{carrier:?}: {held}");
        assert!(player.fed < player.input.len());
        assert!(!player.wait.unwrap().read);
        let mut rng = Rng::new(7);
        while player.fed < player.input.len() || !player.machine.transmit().is_empty() {
            player.take(1 + rng.below(9_000));
            player.feed_all(false);
            assert!(player.machine.transmit().len() < most + 1_000);
        }
        assert!(player.close.is_none());
        let out = player
            .outcome()
            .units
            .into_iter()
            .flat_map(|(_, unit)| unit);
        let out = String::from_utf8(out.collect()).unwrap();
        let mut rest = &out[..];
        for n in 0..3_000 {
            let reply = format!("id='{n}'");
            let at = rest.find(&reply).expect("an answer");
            rest = &rest[at + reply.len()..];
        }
    }
}
