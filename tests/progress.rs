//! Invariant 6: work per poll is bounded, and the total cost is linear in the
//! bytes, also where they come one by one.
//!
//! One test in its own crate, because the allocator counts for all threads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code"
)]

#[path = "it/harness/mod.rs"]
mod harness;

use std::alloc::System;

use harness::configs::{client, server};
use harness::pki::{TLS12, TLS13};
use harness::scenarios::WireItem;
use harness::{Carrier, Harness, Pair, Role, START, Scheduled, TlsPair};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::{Action, Initiator, Negotiation, Responder};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a run has cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    bytes_in: usize,
    polls: usize,
    events: usize,
    /// Bytes asked of the allocator, moves included.
    allocated: usize,
    calls: usize,
}

#[test]
fn the_cost_is_linear_and_the_work_of_a_poll_bounded() {
    for carrier in [
        Carrier::Plain,
        Carrier::DirectTls(TLS12),
        Carrier::DirectTls(TLS13),
    ] {
        linear::<InitiatorRole>(carrier);
        linear::<ResponderRole>(carrier);
    }
    a_poll_tells_one_event();
    a_poll_takes_one_handshake_record();
    a_poll_derives_one_slice_of_a_key();
}

/// Streams of these, four sizes each.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Many small stanzas.
    Small,
    /// One large stanza of text.
    Text,
    /// One stanza of many elements.
    Elements,
    /// One stanza with many attributes.
    Attributes,
    /// White space.
    Keepalives,
}

impl Shape {
    fn text(self, size: usize) -> String {
        match self {
            Self::Small => "<message><body>hi</body></message>".repeat(size / 34),
            Self::Text => format!("<message><body>{}</body></message>", "x".repeat(size)),
            Self::Elements => format!("<message>{}</message>", "<a><b/></a>x".repeat(size / 12)),
            Self::Attributes => {
                format!(
                    "<message>{}</message>",
                    "<a b='1' c='2' d='3'/>".repeat(size / 22)
                )
            }
            Self::Keepalives => " ".repeat(size),
        }
    }
}

fn linear<N: Role>(carrier: Carrier) {
    for shape in [
        Shape::Small,
        Shape::Text,
        Shape::Elements,
        Shape::Attributes,
        Shape::Keepalives,
    ] {
        for chunk in [1, 100, 4_096] {
            let sizes = [5_000, 20_000];
            let [small, large] = sizes.map(|size| cost::<N>(carrier, &shape.text(size), chunk));
            let place = format!(
                "{}, {carrier:?}, {shape:?}, {chunk}: {small:?}, {large:?}",
                N::NAME
            );
            // One poll for what came, and one for each event.
            for cost in [small, large] {
                let fed = cost.bytes_in.div_ceil(chunk);
                assert!(cost.polls <= 2 * fed + cost.events + 40, "{place}");
            }
            // Four times the input: four times the cost, within the rounding
            // of growing buffers. Squared it would be sixteen times.
            let most = |cost: usize, floor: usize| cost.max(floor) * 6;
            assert!(large.allocated <= most(small.allocated, 100_000), "{place}");
            assert!(large.calls <= most(small.calls, 100), "{place}");
        }
    }
}

/// Feeds `text` to an established stream, `chunk` bytes at a time.
fn cost<N: Role>(carrier: Carrier, text: &str, chunk: usize) -> Cost {
    let mut harness = established::<N>(carrier);
    harness.send(
        &text
            .as_bytes()
            .chunks(16_384)
            .map(|part| WireItem::Text(std::str::from_utf8(part).unwrap().into()))
            .collect::<Vec<_>>(),
    );
    let input = harness.peer.input.split_off(harness.peer.delivered);
    let machine = &mut harness.machine;
    let region = Region::new(HEAP);
    let (mut polls, mut events) = (0, 0);
    for part in input.chunks(chunk) {
        let mut rest = part;
        loop {
            let taken = machine.receive(rest);
            rest = &rest[taken..];
            loop {
                polls += 1;
                match machine.poll(START) {
                    Action::Event(_) => events += 1,
                    Action::Wait(_) => break,
                    Action::CloseTcp(close) => panic!("{}", close.reason()),
                }
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    let change = region.change();
    assert!(events > 0);
    Cost {
        bytes_in: input.len(),
        polls,
        events,
        allocated: change.bytes_allocated,
        calls: change.allocations + change.reallocations,
    }
}

fn established<N: Role>(carrier: Carrier) -> Harness<N, Scheduled> {
    let tls = TlsPair::new(carrier.version().unwrap_or(TLS13)).without_tickets();
    Harness::<N, Scheduled>::established(carrier, &tls)
}

/// The stretch of polls in which nothing comes in is as long as there is work.
fn a_poll_tells_one_event() {
    let mut harness = established::<ResponderRole>(Carrier::Plain);
    let stanzas = "<message/>".repeat(1_000);
    assert_eq!(harness.machine.receive(stanzas.as_bytes()), stanzas.len());
    let mut events = 0;
    while let Action::Event(_) = harness.machine.poll(START) {
        events += 1;
    }
    assert_eq!(events, 1_000);
}

/// A whole flight is there at once, and takes as many polls as it has records.
fn a_poll_takes_one_handshake_record() {
    let mut tls = TlsPair::new(TLS12).without_tickets();
    tls.server.max_fragment_size = Some(100);
    let machine = InitiatorRole::machine(Carrier::DirectTls(TLS12), &tls, None);
    let mut harness = Harness::new(machine, Box::new(|_, _| {}));
    let mut peer = InitiatorRole::peer(&tls);
    harness.run();
    peer.receive(&harness.transmit(usize::MAX));
    let flight = peer.output();
    let records = harness::hostile_tls::record_types(&flight).len();
    assert!(records >= 2, "{records}");
    assert_eq!(harness.machine.receive(&flight), flight.len());
    let polls = busy_polls(&mut harness.machine);
    assert!(polls >= records, "{polls} polls for {records} records");
}

/// Polls until the machine no longer asks for one at once.
fn busy_polls<N: Negotiation>(machine: &mut xmpp_stream::Connection<N>) -> usize {
    for polls in 0..1_000 {
        match machine.poll(START) {
            Action::Wait(wait) if wait.deadline == Some(START) => {}
            Action::Event(_) => {}
            Action::Wait(_) => return polls + 1,
            Action::CloseTcp(close) => panic!("{}", close.reason()),
        }
    }
    panic!("busy for ever");
}

/// SCRAM with 4096 rounds is cut into slices, each a poll of its own.
fn a_poll_derives_one_slice_of_a_key() {
    let mut pair = Pair::connect(
        Initiator::new(client(None), START),
        Responder::new(server(None), START),
    );
    pair.now = START;
    let mut most = 0;
    for _ in 0..12 {
        let there = pair.transmit(usize::MAX);
        pair.peer.deliver(&there);
        pair.peer.run();
        let back = pair.peer.transmit(usize::MAX);
        assert_eq!(pair.machine.receive(&back), back.len());
        most = most.max(busy_polls(&mut pair.machine));
    }
    assert!(pair.machine.session().is_some());
    println!("{most} polls for one key");
    assert!(most >= 4, "{most}");
}
