//! The harness of all tests that drive a [`Connection`]: one machine under
//! test, one peer, one clock.
//!
//! [`Harness<N, P>`] holds a machine of the role `N`, the application that owns
//! it (a closure called for every event), what the machine has reported, and the
//! peer `P`. The peer decides what a test can send:
//!
//! * [`Scripted`]: stream text, in plaintext or through an ordinary rustls
//!   connection. For negotiation, conformance and malformed input.
//! * [`HostileTls`]: TLS records of any type and content, sealed with the keys of
//!   the session. For renegotiation and resets.
//! * `Harness<M>`: our own machine of the other role ([`Pair`]). For whole
//!   connections.
//! * [`Scheduled`]: a [`Scenario`] whose bytes come and go as a [`Schedule`]
//!   says; what must hold on any schedule is asserted at every poll. For the
//!   invariants.
//! * `()`: no peer; the test carries the bytes.
//!
//! The verbs mean the same for every peer that has them:
//!
//! * `deliver(bytes)` hands bytes from TCP to the machine, `transmit(most)` takes
//!   bytes from it.
//! * `run()` polls until the machine waits or has closed. `exchange()` does so and
//!   carries bytes both ways until nothing moves.
//! * `send(..)` has the peer write. `receive()` returns the stream text that has
//!   reached the peer since the last call. `answer_to(text)` does both.
//! * `close_notify()`, `fin()` and `rst()` end TLS or TCP from the peer's side.
//! * `advance()` moves the clock to the machine's deadline, `run_until_closed()`
//!   until the machine has closed. `finish()` has the peer close its direction,
//!   too, before that.
//! * `event_lines()` and `events_since(n)` return events, one line each; `end()`
//!   returns the code of the close reason, and the manner.
//!
//! [`Role`] makes the same machine in either role over a [`Carrier`] (plaintext,
//! STARTTLS, direct TLS). [`phases`] brings a scripted connection to a phase of
//! its stream. [`configs`] has the account, hosts and configs, [`support`] what
//! tests need without a machine: certificates, TLS peers, random numbers of a
//! seed.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code"
)]

pub mod configs;
pub mod hostile;
pub mod outcome;
pub mod pair;
pub mod phases;
pub mod role;
pub mod scenarios;
pub mod schedule;
pub mod scripted;
pub mod support;

use xmpp_stream::time::Instant;
use xmpp_stream::{Action, CloseTcp, Connection, EventBuf, Manner, Negotiation, Wait};

pub use self::pair::Pair;
pub use self::role::{Carrier, Role, TlsPair};
pub use self::scenarios::Scenario;
pub use self::schedule::{Schedule, Scheduled};
pub use self::scripted::Scripted;
pub use self::support::hostile_tls::{self, HostileTls};
pub use self::support::pki;
pub use self::support::rng::{self, Rng};

/// When every machine is made, unless a test says otherwise.
pub const START: Instant = Instant::from_millis(1_000);

/// Called for every event, before the next poll.
pub type App<N> = Box<dyn FnMut(&mut Connection<N>, &EventBuf)>;

/// A machine under test and its peer.
pub struct Harness<N: Negotiation, P = ()> {
    pub machine: Connection<N>,
    /// The application.
    pub app: App<N>,
    /// All events so far.
    pub events: Vec<EventBuf>,
    /// The end, once the machine has closed.
    pub close: Option<CloseTcp>,
    /// What the machine waits for, as of the last poll.
    pub wait: Option<Wait>,
    pub now: Instant,
    /// How many bytes the peer writes, and TCP carries, at a time.
    pub chunk: usize,
    /// Everything TCP has taken from the machine.
    pub sent: Vec<u8>,
    pub peer: P,
    /// What the peer has read and the test has not asked for.
    text: Vec<u8>,
}

impl<N: Negotiation> Harness<N> {
    /// Takes a machine whose bytes the test carries itself.
    pub fn new(machine: Connection<N>, app: App<N>) -> Self {
        Self::with_peer(machine, app, ())
    }
}

impl<N: Negotiation, P> Harness<N, P> {
    /// Takes a machine and its peer. Nothing is polled yet.
    pub fn with_peer(machine: Connection<N>, app: App<N>, peer: P) -> Self {
        Self {
            machine,
            app,
            events: Vec::new(),
            close: None,
            wait: None,
            now: START,
            chunk: usize::MAX,
            sent: Vec::new(),
            peer,
            text: Vec::new(),
        }
    }

    /// Makes another peer of this one.
    pub fn map_peer<Q>(self, make: impl FnOnce(P) -> Q) -> Harness<N, Q> {
        Harness {
            machine: self.machine,
            app: self.app,
            events: self.events,
            close: self.close,
            wait: self.wait,
            now: self.now,
            chunk: self.chunk,
            sent: self.sent,
            peer: make(self.peer),
            text: self.text,
        }
    }

    /// Polls until the machine waits or has closed.
    pub fn run(&mut self) {
        for _ in 0..100_000 {
            let event = match self.machine.poll(self.now) {
                Action::Event(event) => event.to_owned(),
                Action::Wait(wait) => {
                    assert!(
                        wait.read || wait.write || wait.deadline.is_some(),
                        "a deadlock: {:?}",
                        self.machine
                    );
                    self.wait = Some(wait);
                    if wait.deadline == Some(self.now) {
                        continue;
                    }
                    return;
                }
                Action::CloseTcp(close) => {
                    self.close = Some(close.clone());
                    return;
                }
            };
            (self.app)(&mut self.machine, &event);
            self.events.push(event);
        }
        panic!("no end of work: {:?}", self.machine);
    }

    /// Moves the clock, and runs.
    pub fn run_at(&mut self, now: Instant) {
        self.now = now;
        self.run();
    }

    /// Hands all of `bytes` to the machine, and runs.
    pub fn deliver(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.machine.receive(bytes);
            bytes = &bytes[taken..];
            self.run();
            if taken == 0 && self.close.is_some() {
                return;
            }
        }
    }

    /// Takes at most `most` of the bytes for TCP.
    pub fn transmit(&mut self, most: usize) -> Vec<u8> {
        let window = self.machine.transmit();
        let bytes = window[..window.len().min(most)].to_vec();
        self.machine.transmitted(bytes.len());
        self.sent.extend_from_slice(&bytes);
        bytes
    }

    /// Returns all events, one line each.
    pub fn event_lines(&self) -> Vec<String> {
        self.events_since(0)
    }

    /// Returns the events from the `from`th on, one line each.
    pub fn events_since(&self, from: usize) -> Vec<String> {
        self.events[from..].iter().map(line).collect()
    }

    /// Returns the end. Panics if the machine has not closed.
    pub fn closed(&self) -> &CloseTcp {
        self.close.as_ref().expect("closed")
    }

    /// Returns the code of the close reason, and the manner.
    pub fn end(&self) -> (&'static str, Manner) {
        (self.closed().reason().code(), self.closed().manner())
    }

    /// Returns the code of the close reason, or "open".
    pub fn code(&self) -> &'static str {
        self.close
            .as_ref()
            .map_or("open", |close| close.reason().code())
    }
}

/// Who answers a machine.
pub trait Peer {
    /// Reads what the machine wrote; stream text is appended to `text`.
    fn read(&mut self, bytes: &[u8], text: &mut Vec<u8>, now: Instant);

    /// Returns what the peer writes without being told to.
    fn pending(&mut self, now: Instant) -> Vec<u8>;
}

impl<N: Negotiation, P: Peer> Harness<N, P> {
    /// Runs, and carries bytes both ways until nothing moves.
    pub fn exchange(&mut self) {
        loop {
            self.run();
            let sent = self.transmit(self.chunk);
            let received = self.peer.pending(self.now);
            if sent.is_empty() && received.is_empty() {
                return;
            }
            self.peer.read(&sent, &mut self.text, self.now);
            for part in received.chunks(self.chunk) {
                self.deliver(part);
            }
        }
    }
}

/// Writes an event in a line.
pub fn line(event: &EventBuf) -> String {
    match event {
        EventBuf::StreamOpened { .. } => "stream-opened".into(),
        EventBuf::Decision => "decision".into(),
        EventBuf::Features(_) => "features".into(),
        EventBuf::TlsEstablished(info) => {
            format!("tls {:?} {:?}", info.version(), info.handshake())
        }
        EventBuf::Authenticated {
            mechanism,
            identity,
            ..
        } => format!("authenticated {mechanism} {identity}"),
        EventBuf::Established(established) => match &established.jid {
            Some(jid) => format!("established {jid}"),
            None => "established".into(),
        },
        EventBuf::Stanza(stanza) => format!("stanza {}", stanza.as_stanza().as_str()),
        EventBuf::Element(element) => format!("element {}", element.as_stanza().as_str()),
        EventBuf::Keepalive => "keepalive".into(),
        EventBuf::ResetAdvised(cause) => format!("reset-advised {}", cause.as_str()),
        EventBuf::StreamError(error) => format!("stream-error {}", error.condition().as_str()),
        EventBuf::PeerClosing => "peer-closing".into(),
        other => format!("{other:?}"),
    }
}

/// Does `check`, and prints `place` if it panics.
pub fn naming<T>(place: &str, check: impl FnOnce() -> T) -> T {
    struct Place<'a>(&'a str);
    impl Drop for Place<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("at: {}", self.0);
            }
        }
    }
    let _place = Place(place);
    check()
}
