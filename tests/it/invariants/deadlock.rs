//! Invariant 5: a driver that sleeps exactly as told never stalls. It reads
//! only if told to read, writes only if told to write, and otherwise sleeps
//! until the deadline.

use xmpp_stream::Wait;
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;

use super::each;
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::{TcpEnd, WireItem};
use crate::harness::{Carrier, Harness, Rng, Role, Schedule, Scheduled, TlsPair};

/// What the driver did at each end of the wait.
#[derive(Debug, Default)]
struct Slept {
    reads: usize,
    writes: usize,
    sleeps: usize,
}

/// `io`: how many bytes TCP gives and takes at a time.
fn drive_as_told<N: Role>(
    harness: &mut Harness<N, Scheduled>,
    ending: TcpEnd,
    io: &mut Rng,
) -> Slept {
    let mut slept = Slept::default();
    let mut ended = false;
    for _ in 0..1_000_000 {
        harness.poll();
        if harness.close.is_some() {
            return slept;
        }
        let Some(wait) = harness.wait else { continue };
        let left = harness.peer.left();
        let Wait {
            read,
            write,
            deadline,
        } = wait;
        let readable = left > 0 || (!ended && ending != TcpEnd::Never);
        if write && (!read || !readable || io.below(2) == 0) {
            slept.writes += 1;
            harness.transmit(1 + io.below(50));
        } else if read && readable {
            slept.reads += 1;
            if left > 0 {
                let taken = harness.receive_at_most(1 + io.below(left.min(70)));
                assert!(taken > 0, "told to read, and no room");
            } else {
                ended = true;
                harness.end_tcp(ending);
            }
        } else {
            slept.sleeps += 1;
            harness.now = deadline.expect("a deadline");
        }
    }
    panic!("no end: {:?}", harness.machine);
}

#[test]
fn a_driver_that_sleeps_as_told_never_stalls() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |run, whole| {
                for seed in 0..4 {
                    let mut harness = run.start::<N>(Schedule::Whole);
                    let slept =
                        drive_as_told(&mut harness, run.scenario.ending, &mut Rng::new(seed));
                    assert!(slept.reads > 3 && slept.writes > 0, "{slept:?}");
                    let place = format!("{}, {carrier:?}, {}", N::NAME, run.scenario.name);
                    let other = harness.outcome();
                    // TCP's reset may overtake what was still unread.
                    if run.scenario.ending != TcpEnd::Rst {
                        assert!(other.agrees_with(whole), "{place}: {other:?}{whole:?}");
                    }
                }
            });
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
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
        Carrier::DirectTls(TLS12),
        Carrier::DirectTls(TLS13),
    ] {
        let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
        let mut harness = Harness::<ResponderRole, Scheduled>::established(carrier, &tls);
        let requests = (0..3_000).map(|n| {
            format!(
                "<iq type='set' id='{n}'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
            )
        });
        harness.send(&requests.map(WireItem::Text).collect::<Vec<_>>());
        harness.deliver_all();
        // Blocked: no event, no end, and bytes left over.
        let held = harness.machine.transmit().len();
        assert!((most..most + 1_000).contains(&held), "{carrier:?}: {held}");
        assert!(harness.peer.left() > 0);
        assert!(!harness.wait.unwrap().read);
        let mut rng = Rng::new(7);
        while harness.peer.left() > 0 || !harness.machine.transmit().is_empty() {
            harness.transmit(1 + rng.below(9_000));
            harness.deliver_all();
            assert!(harness.machine.transmit().len() < most + 1_000);
        }
        assert!(harness.close.is_none());
        let out = harness
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
