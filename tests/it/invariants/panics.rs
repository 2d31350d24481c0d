//! Invariant 10: no panic on any input, in any order of calls, and no state in
//! which it is not known how things go on. (What memory it takes is measured in
//! a test of its own.)

use std::collections::BTreeMap;
use std::time::Duration;

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::reset::ResetCause;
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::time::Instant;
use xmpp_stream::{Action, Connection, Negotiation};

use crate::harness::configs::decide_anonymous;
use crate::harness::hostile_tls::{ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, client_hello};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::{self, WireItem, message};
use crate::harness::{Carrier, Harness, HostileTls, Rng, Role, START, TlsPair};

/// What makes sense somewhere.
const FRAGMENTS: [&str; 20] = [
    "<message/>",
    "<message><body>",
    "</body></message>",
    "</stream:stream>",
    "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<stream:features/>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>YQ==</response>",
    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj0xLHM9MSxpPTE=</challenge>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
    "<iq type='set' id='x'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq type='error' id='bind'/>",
    "<?xml version='1.0'?>",
    "&#xD800;",
    " ",
    "<!--",
    "\u{feff}",
    "<![CDATA[",
];

/// One call, of any kind, with any argument.
fn call<N: Negotiation>(machine: &mut Connection<N>, rng: &mut Rng, now: &mut Instant) {
    match rng.below(24) {
        0 => machine.transmitted(rng.below(2_000)),
        1 => machine.transmitted(usize::MAX),
        // The peer did not send these bytes.
        2 if rng.below(60) == 0 => machine.received(rng.below(40)),
        3 if rng.below(60) == 0 => machine.received(usize::MAX),
        4 if rng.below(60) == 0 => {
            let window = machine.receive_window();
            let n = rng.below(window.len().min(64) + 1);
            for byte in &mut window[..n] {
                *byte = rng.next().to_le_bytes()[0];
            }
            machine.received(n);
        }
        5 if rng.below(20) == 0 => *now = *now + Duration::from_millis(rng.next() % 40_000),
        // Backwards, too.
        6 if rng.below(40) == 0 => *now = Instant::from_millis(rng.next() % 100_000),
        7..=9 => decide_anonymous(machine),
        10..=16 => {
            if let Some(mut session) = machine.session() {
                match rng.below(40) {
                    0 if rng.below(8) == 0 => session.close(),
                    1 if rng.below(8) == 0 => session.reset(ResetCause::CertificateRevoked),
                    2 if rng.below(8) == 0 => session.reset(ResetCause::KeyRefresh),
                    3..=6 => drop(session.keepalive()),
                    7..=12 => drop(session.send(FRAGMENTS[rng.below(FRAGMENTS.len())])),
                    _ => drop(session.send(&message(rng.below(99)))),
                }
            }
        }
        17 if rng.below(60) == 0 => machine.receive_eof(),
        18 if rng.below(200) == 0 => machine.transport_failed(),
        19 if rng.below(200) == 0 => machine.fail(StreamError::new(StreamCondition::Conflict)),
        20 if rng.below(400) == 0 => machine.abort(),
        21 => drop(format!("{machine:?}")),
        _ => {}
    }
}

/// Polls a few times; returns whether it has closed.
fn poll<N: Negotiation>(machine: &mut Connection<N>, now: Instant) -> bool {
    for _ in 0..4 {
        match machine.poll(now) {
            Action::Event(event) => drop(event.to_owned()),
            Action::Wait(wait) => {
                assert!(wait.read || wait.write || wait.deadline.is_some());
                return false;
            }
            Action::CloseTcp(_) => return true,
        }
    }
    false
}

/// Feeds `bytes` between calls. Says whether the machine has closed by itself.
fn mix<N: Negotiation>(machine: &mut Connection<N>, bytes: &[u8], rng: &mut Rng) -> bool {
    let mut now = START;
    let mut rest = bytes;
    for _ in 0..400 {
        let n = rng.below(rest.len().min(120) + 1);
        let taken = machine.receive(&rest[..n]);
        assert!(taken <= n);
        rest = &rest[taken..];
        call(machine, rng, &mut now);
        if poll(machine, now) {
            assert!(machine.transmit().is_empty());
            return true;
        }
    }
    // Left alone it comes to an end, or waits in an established stream.
    machine.receive_eof();
    for _ in 0..20_000 {
        match machine.poll(now) {
            Action::Event(_) => {}
            Action::Wait(wait) => {
                decide_anonymous(machine);
                machine.transmitted(usize::MAX);
                now = wait.deadline.unwrap_or(now).max(now);
            }
            Action::CloseTcp(_) => return false,
        }
    }
    panic!("no end: {machine:?}");
}

/// Bytes that are nearly right.
fn spoiled(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..rng.below(5).saturating_sub(2) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] = rng.next().to_le_bytes()[0],
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes.truncate(at),
            3 => drop(bytes.remove(at)),
            4 => {
                let word = rng.pick(&FRAGMENTS).bytes();
                bytes.splice(at..at, word);
            }
            _ => {
                let again = bytes[at..bytes.len().min(at + 200)].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

fn texts(input: &[WireItem]) -> Vec<u8> {
    input
        .iter()
        .flat_map(|item| match item {
            WireItem::Text(text) => text.clone().into_bytes(),
            WireItem::Record(_, bytes) | WireItem::Raw(bytes) => bytes.clone(),
        })
        .collect()
}

const RUNS: u64 = 1_500;

#[test]
fn nothing_that_comes_in_clear_makes_it_panic() {
    fn both<N: Role>() {
        let tls = TlsPair::new(TLS13);
        let scenarios = scenarios::all();
        let mut ends = BTreeMap::new();
        for seed in 0..RUNS {
            let mut rng = Rng::new(seed);
            let carrier = *rng.pick(&[
                Carrier::Plain,
                Carrier::StartTls(TLS13),
                Carrier::DirectTls(TLS13),
            ]);
            let mut bytes = match carrier {
                Carrier::StartTls(_) => texts(&N::starttls()),
                _ => Vec::new(),
            };
            bytes.extend(texts(&N::login()));
            bytes.extend(texts(&rng.pick(&scenarios).input));
            if rng.below(10) == 0 {
                bytes = (0..rng.below(3_000))
                    .map(|_| rng.next().to_le_bytes()[0])
                    .collect();
            }
            let bytes = spoiled(bytes, &mut rng);
            crate::harness::naming(&format!("{}, seed {seed}", N::NAME), || {
                let mut machine = N::machine(carrier, &tls, None);
                mix(&mut machine, &bytes, &mut rng);
                let Action::CloseTcp(close) = machine.poll(START) else {
                    panic!("not closed");
                };
                *ends.entry(close.reason().code()).or_insert(0) += 1;
            });
        }
        println!("{}: {ends:?}", N::NAME);
        assert!(
            ends.len() >= 8,
            "the calls and bytes reach too little: {ends:?}"
        );
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn no_authentic_record_makes_it_panic() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let scenarios = scenarios::all();
            for seed in 0..RUNS / 8 {
                let mut rng = Rng::new(seed);
                crate::harness::naming(&format!("{}, {version:?}, seed {seed}", N::NAME), || {
                    let mut harness = match rng.below(2) {
                        0 => Harness::<N, HostileTls>::established(&tls, version),
                        _ => Harness::<N, HostileTls>::secured(&tls, version),
                    };
                    let mut bytes = Vec::new();
                    for _ in 0..rng.below(12) {
                        let kinds = [
                            CHANGE_CIPHER_SPEC,
                            ALERT,
                            HANDSHAKE,
                            DATA,
                            DATA,
                            DATA,
                            24,
                            0,
                        ];
                        let kind = *rng.pick(&kinds);
                        let content = match rng.below(5) {
                            0 => client_hello(version == TLS13),
                            1 => texts(&rng.pick(&scenarios).input),
                            2 => rng.pick(&FRAGMENTS).as_bytes().to_vec(),
                            3 => vec![0; rng.below(16_385)],
                            _ => (0..rng.below(60))
                                .map(|_| rng.next().to_le_bytes()[0])
                                .collect(),
                        };
                        bytes.extend(harness.peer.seal(kind, &content));
                    }
                    if rng.below(4) == 0 && !bytes.is_empty() {
                        bytes = spoiled(bytes, &mut rng);
                    }
                    mix(&mut harness.machine, &bytes, &mut rng);
                });
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

#[test]
fn no_broken_handshake_makes_it_panic() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            for seed in 0..RUNS / 8 {
                let mut rng = Rng::new(seed);
                crate::harness::naming(&format!("{}, {version:?}, seed {seed}", N::NAME), || {
                    let mut machine = N::machine(Carrier::DirectTls(version), &tls, None);
                    let mut peer = N::peer(&tls);
                    let mut flights = Vec::new();
                    for _ in 0..3 {
                        poll(&mut machine, START);
                        let ours = machine.transmit().to_vec();
                        machine.transmitted(ours.len());
                        let mut left = &ours[..];
                        while !left.is_empty() {
                            if peer.honest().read_tls(&mut left).is_err() {
                                break;
                            }
                            let _broken = peer.honest().process_new_packets();
                        }
                        let theirs = peer.output();
                        flights.clone_from(&theirs);
                        if rng.below(3) == 0 {
                            break;
                        }
                        let taken = machine.receive(&theirs);
                        assert_eq!(taken, theirs.len());
                    }
                    let bytes = spoiled(flights, &mut rng);
                    mix(&mut machine, &bytes, &mut rng);
                });
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}
