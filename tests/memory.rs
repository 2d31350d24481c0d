//! Memory per connection has a bound that follows from `Limits`.
//!
//! One test in its own crate, because the allocator counts for all threads.

#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code"
)]

#[path = "it/harness/mod.rs"]
mod harness;

use std::sync::Arc;
use std::time::Duration;

use harness::Pair;
use harness::configs::{FIXED, client, client_with, decide, server};
use harness::pki::{Crypto, Leaf, Setup, pki};
use peak_alloc::PeakAlloc;
use rustls::version::{TLS12, TLS13};
use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::event::DialbackAnswer;
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::Decoy;
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::xml::{FrameKind, FrameLimits, Framer};
use xmpp_stream::{Action, CloseTcp, Connection, Event, Initiator, Negotiation, Responder, Wait};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const NOW: Instant = Instant::from_millis(0);

#[test]
fn memory_stays_within_the_bound_whatever_peer_and_application_do() {
    what_an_authenticated_peer_sends();
    what_anyone_sends();
    what_the_application_sends();
    what_other_servers_ask();
    what_a_framer_keeps();
    what_an_idle_stream_keeps();
}

/// A stream that has carried much holds no more than one that has carried nothing, once its driver
/// has slept as told.
fn what_an_idle_stream_keeps() {
    let elements = "<a b='c'/>".repeat(2_000);
    let burst = format!("<message>{}{elements}</message>", "x".repeat(16_000));
    for version in [None, Some(&TLS12), Some(&TLS13)] {
        let setup = version.map(|version| Setup::new(Crypto::Ring, version));
        let client_tls = setup
            .as_ref()
            .map(|setup| ClientTls::new(Arc::new(pki().client(setup))));
        let server_tls = setup
            .as_ref()
            .map(|setup| ServerTls::new(Arc::new(pki().server(setup, Leaf::Valid))));
        let client = Initiator::new(client_with(client_tls, "secret"), NOW);
        let mut pair = Pair::connect(client, Responder::new(server(server_tls), NOW));
        pair.exchange();
        let mut now = pair.now;
        let (mut client, mut server) = (pair.machine, pair.peer.machine);
        let mut transit = Vec::with_capacity(1 << 17);
        let idle = HEAP.current_usage();
        for _ in 0..3 {
            client.session().unwrap().send(&burst).unwrap();
            server.session().unwrap().send(&burst).unwrap();
            while carry(&mut client, &mut server, now, &mut transit)
                + carry(&mut server, &mut client, now, &mut transit)
                > 0
            {}
            // A driver may have a window at hand while it sleeps.
            let _ = server.receive_window();
            let used = HEAP.current_usage() - idle;
            assert!(used > 50_000, "{used}");
            let quiet = now + Duration::from_secs(10);
            assert_eq!(wait(&mut client, now).deadline, Some(quiet));
            assert_eq!(wait(&mut server, now).deadline, Some(quiet));
            now = quiet;
            // It is woken once, and then not before the keepalive.
            let later = now + Duration::from_secs(280);
            assert!(wait(&mut client, now).deadline.is_none_or(|at| at > later));
            assert!(wait(&mut server, now).deadline.is_none_or(|at| at > later));
            if version.is_some() {
                // A driver that has to ask for a window before it knows that there is nothing to read.
                assert!(!client.receive_window().is_empty() && !server.receive_window().is_empty());
                client.received(0);
                server.received(0);
            }
            let left = HEAP.current_usage().saturating_sub(idle);
            assert!(left < 1_000, "{version:?}: {used} -> {left}");
            now = now + Duration::from_secs(100);
        }
    }
}

/// Has `from` work and gives `to` the bytes, through its window. Returns how many.
fn carry<A: Negotiation, B: Negotiation>(
    from: &mut Connection<A>,
    to: &mut Connection<B>,
    now: Instant,
    transit: &mut Vec<u8>,
) -> usize {
    let _ = wait(from, now);
    transit.clear();
    transit.extend_from_slice(from.transmit());
    from.transmitted(transit.len());
    let _ = wait(from, now);
    let mut rest = &transit[..];
    while !rest.is_empty() {
        let window = to.receive_window();
        let taken = window.len().min(rest.len());
        window[..taken].copy_from_slice(&rest[..taken]);
        to.received(taken);
        rest = &rest[taken..];
        let _ = wait(to, now);
    }
    transit.len()
}

/// Polls until the machine waits.
fn wait<N: Negotiation>(machine: &mut Connection<N>, now: Instant) -> Wait {
    loop {
        match machine.poll(now) {
            Action::Event(_) => {}
            Action::Wait(wait) => return wait,
            Action::CloseTcp(close) => panic!("{close:?}"),
        }
    }
}

fn what_a_framer_keeps() {
    let mut limits = FrameLimits::default();
    limits.frame_bytes = 2_000_000;
    let stream = format!("<s><a>{}</a><b>", "x<y/>".repeat(200));
    let long = format!("<s><a>{}</a><b>", "x".repeat(1_000_000));
    let before = HEAP.current_usage();
    let mut framer = Framer::new(limits);
    // What comes while nothing waits is kept once, and no longer than the next poll.
    let mut chunk = &long.as_bytes()[..16_000];
    while framer.feed(&mut chunk).unwrap().is_some() {}
    let used = HEAP.current_usage() - before;
    assert!(used < 20_000, "{used}");
    for _ in 0..100 {
        let mut stanzas = &b"</a><a>"[..];
        assert_eq!(framer.feed(&mut stanzas), Ok(Some(FrameKind::Element)));
        assert_eq!(framer.feed(&mut stanzas), Ok(None));
        let mut text = &long.as_bytes()[10..10_000];
        assert_eq!(framer.feed(&mut text), Ok(None));
    }
    let used = HEAP.current_usage() - before;
    assert!(used < 40_000, "{used}");
    for (stream, least) in [(&stream, 5_000), (&long, 1_000_000)] {
        framer.restart();
        let mut rest = stream.as_bytes();
        while framer.feed(&mut rest).unwrap().is_some() {}
        let used = HEAP.current_usage() - before;
        framer.shrink();
        let left = HEAP.current_usage() - before;
        assert!(used > least && left < 1_000, "{used} -> {left}");
        let mut rest = &b"</b>"[..];
        let found = framer.feed(&mut rest);
        assert_eq!(
            found,
            Ok(Some(FrameKind::Element)),
            "what was begun is kept"
        );
    }
}

fn what_an_authenticated_peer_sends() {
    let login = login();
    let small_outbox = Limits::server().with_outbox_bytes(10_000).unwrap();
    let least = small_outbox
        .with_stanza_bytes(10_000)
        .unwrap()
        .with_elements(64)
        .unwrap();
    for (name, limits) in [
        ("default", Limits::server()),
        ("small outbox", small_outbox),
        ("least", least),
    ] {
        let config = plaintext(limits);
        for (attack, stanza) in stanzas(limits.stanza_bytes(), limits.elements()) {
            for cut in [0, 1] {
                let whole = &stanza.as_bytes()[..stanza.len() - cut];
                let (used, close) = peak(&config, &[&login, whole]);
                assert_eq!(close, None, "{attack}: the attack is refused, not measured");
                check(&format!("{name}, {attack}"), used, limits.memory_bound());
                if attack == "attributes" && name == "small outbox" {
                    // A bound far above what can happen would prove nothing.
                    // Most of it is for a stanza of that size that is sent at the same time.
                    assert!(used * 5 > limits.memory_bound(), "{used}");
                }
            }
        }
    }
}

fn what_anyone_sends() {
    let limits = Limits::server();
    let bound = limits.memory_bound_before_auth();
    let config = plaintext(limits);
    let header = "<stream:stream xmlns='jabber:client' to='localhost' version='1.0' \
        xmlns:stream='http://etherx.jabber.org/streams'";
    for (attack, element) in stanzas(limits.frame_bytes_before_auth(), limits.elements()) {
        let bytes = format!("{header}>{element}");
        let (used, close) = peak(&config, &[bytes.as_bytes()]);
        assert!(close.is_none() || attack != "text", "{close:?}");
        check(&format!("before authentication, {attack}"), used, bound);
    }
    let wide = fill(
        header,
        &attributes(24),
        ">",
        usize::MAX,
        limits.header_bytes(),
    );
    let (used, _) = peak(&config, &[wide.as_bytes()]);
    check("a header full of attributes", used, bound);

    // A ClientHello without an end.
    let setup = Setup::new(Crypto::Ring, &TLS13);
    let tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
    let config = server(Some(tls));
    let starttls = format!("{header}><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    let mut hello = Vec::new();
    for number in 0..6 {
        let mut record = vec![0; 16_384];
        if number == 0 {
            record[..4].copy_from_slice(&[1, 0, 0xf0, 0]);
        }
        hello.extend([22, 3, 1, 0x40, 0]);
        hello.extend(record);
    }
    let (used, close) = peak(&config, &[starttls.as_bytes(), &hello]);
    assert!(close.is_some(), "98,304 bytes of one handshake message");
    check("an endless ClientHello", used, bound);
}

fn what_the_application_sends() {
    for version in [None, Some(&TLS12), Some(&TLS13)] {
        for unit in [" ", "<iq/>", "<iq a=''/>"] {
            let setup = version.map(|version| Setup::new(Crypto::Ring, version));
            let client_tls = setup
                .as_ref()
                .map(|setup| ClientTls::new(Arc::new(pki().client(setup))));
            let server_tls = setup
                .as_ref()
                .map(|setup| ServerTls::new(Arc::new(pki().server(setup, Leaf::Valid))));
            let (client, server) = (client_with(client_tls, "secret"), server(server_tls));
            let start = HEAP.current_usage();
            HEAP.reset_peak_usage();
            // Both machines are counted; the bound has to hold for one.
            let mut pair = Pair::connect(Initiator::new(client, NOW), Responder::new(server, NOW));
            pair.exchange();
            let machine = &mut pair.peer.machine;
            let mut sent = 0_usize;
            while let Some(mut session) = machine.session() {
                let outcome = match unit {
                    " " => session.keepalive(),
                    _ => session.send(unit),
                };
                if outcome.is_err() {
                    break;
                }
                sent += 1;
            }
            assert!(sent > 100, "only {sent} units fit");
            let _ = machine.poll(NOW);
            assert!(machine.transmit().len() >= sent * unit.len());
            let used = HEAP.peak_usage() - start;
            let name = format!("{sent} times {unit:?} unsent");
            check(&name, used, Limits::server().memory_bound());
        }
    }
}

#[track_caller]
fn check(what: &str, used: usize, bound: usize) {
    println!("{used:>9} of {bound:>9} bytes: {what}");
    assert!(used <= bound, "{what}: {used} bytes, the bound is {bound}");
}

/// The most memory a fresh responder held while it was fed, and its end.
fn peak(config: &Arc<ResponderConfig>, input: &[&[u8]]) -> (usize, Option<CloseTcp>) {
    let start = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let mut machine = Responder::new(config.clone(), NOW);
    let mut close = None;
    for mut rest in input.iter().flat_map(|bytes| bytes.chunks(1_460)) {
        while !rest.is_empty() && close.is_none() {
            rest = &rest[machine.receive(rest)..];
            close = drive(&mut machine);
        }
    }
    (HEAP.peak_usage() - start, close)
}

/// Polls until the machine waits or closes; TCP takes everything.
fn drive(machine: &mut Responder) -> Option<CloseTcp> {
    loop {
        match machine.poll(NOW) {
            Action::Event(_) => decide(machine),
            Action::CloseTcp(close) => return Some(close.clone()),
            Action::Wait(_) => match machine.transmit().len() {
                0 => return None,
                taken => machine.transmitted(taken),
            },
        }
    }
}

/// The longest questions there are, as many as may wait.
fn what_other_servers_ask() {
    let asked = |requests: u16| {
        let limits = Limits::server_to_server().with_requests(requests).unwrap();
        let domain = Jid::parse(&domain("host")).unwrap();
        let host = HostConfig::s2s(&domain).limits(limits).build().unwrap();
        let config = ResponderConfig::s2s(&FIXED)
            .single_host(host)
            .dialback()
            .dangerous_plaintext()
            .build()
            .unwrap();
        let to = domain.as_str();
        let header = format!(
            "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
             xmlns:stream='http://etherx.jabber.org/streams' from='a' to='{to}' version='1.0'>"
        );
        let mut machine = Responder::new(config, NOW);
        let mut say = |text: &str| {
            assert_eq!(machine.receive(text.as_bytes()), text.len());
            loop {
                match machine.poll(NOW) {
                    Action::Event(Event::Request(request)) => {
                        let first = request.from().as_str() == "a";
                        let id = request.id();
                        if first {
                            let mut session = machine.session().unwrap();
                            session.answer(id, DialbackAnswer::Valid).unwrap();
                        }
                    }
                    Action::Event(_) => {}
                    Action::CloseTcp(close) => panic!("{close:?}"),
                    Action::Wait(_) => match machine.transmit().len() {
                        0 => return,
                        taken => machine.transmitted(taken),
                    },
                }
            }
        };
        let key = "k".repeat(256);
        say(&header);
        say(&format!("<db:result from='a' to='{to}'>{key}</db:result>"));
        HEAP.reset_peak_usage();
        let before = HEAP.peak_usage();
        for n in 1..requests {
            let from = domain_of(n);
            say(&format!(
                "<db:result from='{from}' to='{to}'>{key}</db:result>"
            ));
        }
        HEAP.peak_usage() - before
    };
    let (few, many) = (asked(2), asked(1_024));
    let each = (many - few) / 1_022;
    println!("{each:>9} of      3300 bytes: a question of another server's");
    assert!((2_300..=3_300).contains(&each), "{each}");
    let bound = |requests| {
        let limits = Limits::server_to_server().with_requests(requests).unwrap();
        limits.memory_bound()
    };
    assert_eq!(bound(1_024) - bound(2), 1_022 * 3_300);
}

/// A domain of 1,023 bytes.
fn domain(first: &str) -> String {
    let mut domain = first.to_string();
    while domain.len() < 1_023 - 60 {
        domain.push('.');
        domain.push_str(&"d".repeat(59));
    }
    let rest = 1_023 - domain.len() - 1;
    domain.push('.');
    domain.push_str(&"e".repeat(rest));
    domain
}

fn domain_of(n: u16) -> String {
    domain(&format!("n{n}"))
}

fn plaintext(limits: Limits) -> Arc<ResponderConfig> {
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4_096))
        .limits(limits)
        .build()
        .unwrap();
    ResponderConfig::server(&FIXED)
        .single_host(host)
        .dangerous_plaintext()
        .build()
        .unwrap()
}

/// What a client sends until it is established.
fn login() -> Vec<u8> {
    let mut pair = Pair::connect(
        Initiator::new(client(None), NOW),
        Responder::new(server(None), NOW),
    );
    pair.exchange();
    assert!(pair.machine.session().is_some());
    pair.sent
}

/// Stanzas of at most `bytes` that make the most of them, by what they spend
/// them on.
fn stanzas(bytes: usize, elements: u32) -> [(&'static str, String); 5] {
    let most = elements as usize - 1;
    let full = |unit: &str, most| fill("<message>", unit, "</message>", most, bytes);
    let declared = |value: &str| -> String {
        names(28)
            .map(|name| [" xmlns:", &name, "='", value, "'"].concat())
            .collect()
    };
    [
        ("attributes", full(&format!("<a{}/>", attributes(64)), most)),
        ("namespaces", full(&format!("<a{}/>", declared("a")), most)),
        (
            "references",
            full(&format!("<a{}/>", declared("&lt;")), most),
        ),
        ("elements", full("<a/>b", most)),
        ("text", full("a", usize::MAX)),
    ]
}

fn attributes(count: usize) -> String {
    names(count)
        .map(|name| [" ", &name, "=''"].concat())
        .collect()
}

/// Short names that differ.
fn names(count: usize) -> impl Iterator<Item = String> {
    let letters = || ('a'..='z').chain('A'..='Z');
    let one = letters().map(String::from);
    one.chain(letters().map(|letter| format!("a{letter}")))
        .take(count)
}

/// `head`, as many `unit`s as fit and are allowed, `tail`.
fn fill(head: &str, unit: &str, tail: &str, most: usize, bytes: usize) -> String {
    let room = (bytes - head.len() - tail.len()) / unit.len();
    [head, &unit.repeat(room.min(most)), tail].concat()
}
