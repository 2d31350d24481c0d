//! Runs a scenario on a schedule and keeps the three sequences: events, the
//! units that went out, and the close. On the way it asserts what holds on any
//! schedule.

use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::time::Instant;
use xmpp_stream::{Action, Connection, EventBuf, Manner, Negotiation, Wait};

use super::configs::decide_anonymous;
use super::hostile_tls::HostileTls;
use super::outcome::Outcome;
use super::rng::Rng;
use super::role::{Carrier, Role, TlsPair};
use super::scenarios::{Scenario, TcpEnd, WireItem};
use super::{App, Harness, line};

/// How bytes come and go, and when the machine is polled.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// All there is, each time.
    Whole,
    /// So many bytes in, and out, at a time.
    Each(usize),
    /// Everything up to this byte, then the rest.
    SplitAt(usize),
    /// Pieces of up to so many bytes; everything in between is as `Whole`.
    Pieces(Rng, usize),
    /// Receive, transmit and poll in any order.
    Any(Rng),
}

/// A scenario and what it runs on.
pub struct Run<'a> {
    pub scenario: &'a Scenario,
    pub carrier: Carrier,
    pub tls: &'a TlsPair,
    /// How many polls the application takes to answer a decision.
    pub decision_delay: usize,
}

impl Run<'_> {
    /// Runs the scenario to its end.
    pub fn outcome<N: Role>(&self, schedule: Schedule) -> Outcome {
        let mut harness = self.start::<N>(schedule);
        harness.run_to_end(self.scenario.ending);
        harness.outcome()
    }

    /// Completes STARTTLS and the handshake. What the peer sends after it waits
    /// to be delivered.
    pub fn start<N: Role>(&self, schedule: Schedule) -> Harness<N, Scheduled> {
        let machine = N::machine(self.carrier, self.tls, None);
        let mut harness = match self.carrier {
            Carrier::Plain => Harness::scheduled(machine, self.scenario.app(), schedule),
            _ => self.after_tls(machine, schedule),
        };
        harness.peer.decision_delay = self.decision_delay;
        harness.send(&N::login());
        harness.peer.login_length = harness.peer.input.len();
        harness.send(&self.scenario.input);
        harness
    }

    /// STARTTLS and the handshake, in pieces where the schedule says so.
    fn after_tls<N: Role>(
        &self,
        machine: Connection<N>,
        schedule: Schedule,
    ) -> Harness<N, Scheduled> {
        let chunk = match schedule {
            Schedule::Each(n) => n,
            Schedule::Pieces(..) | Schedule::Any(_) => 37,
            Schedule::Whole | Schedule::SplitAt(_) => usize::MAX,
        };
        let mut harness = Harness::new(machine, Box::new(|machine, _| decide_anonymous(machine)));
        let mut plain = Vec::new();
        if let Carrier::StartTls(_) = self.carrier {
            harness.run();
            plain = harness.transmit(usize::MAX);
            for item in N::starttls() {
                let text = item.plain();
                for part in text.chunks(chunk) {
                    harness.deliver(part);
                }
                if !String::from_utf8_lossy(&text).contains("proceed") {
                    plain.extend(harness.transmit(usize::MAX));
                }
            }
        }
        let mut harness = harness.hostile(N::peer(self.tls), chunk);
        harness.sent.clear();
        harness.wait = None;
        harness.app = self.scenario.app();
        let text = std::mem::take(&mut harness.text);
        harness.map_peer(|tls| Scheduled {
            before: vec![(0, plain), (1, text)],
            tls: Some(tls),
            ..Scheduled::new(schedule)
        })
    }
}

/// A peer whose bytes are known beforehand, and the schedule they follow.
pub struct Scheduled {
    schedule: Schedule,
    /// Everything the peer sends.
    pub input: Vec<u8>,
    /// How much of it the machine has taken.
    pub delivered: usize,
    /// How much of it is the login.
    pub login_length: usize,
    /// What the machine sent before the input begins.
    before: Vec<(u8, Vec<u8>)>,
    tls: Option<HostileTls>,
    /// How many polls the application takes to answer a decision.
    decision_delay: usize,
    /// How many of them are left.
    answer_in: Option<usize>,
    /// The deadline the machine named last.
    deadline: Option<Instant>,
}

impl Scheduled {
    fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            input: Vec::new(),
            delivered: 0,
            login_length: 0,
            before: Vec::new(),
            tls: None,
            decision_delay: 0,
            answer_in: None,
            deadline: None,
        }
    }

    /// Returns how much of the input the machine has not taken.
    pub fn left(&self) -> usize {
        self.input.len() - self.delivered
    }
}

/// What is done next.
enum Step {
    Receive(usize),
    EndTcp,
    Transmit(usize),
    Poll,
    Sleep,
}

impl<N: Role> Harness<N, Scheduled> {
    /// Runs the login of `scenario` and everything the peer sends in it, all at
    /// once; TCP takes everything.
    pub fn after(scenario: &Scenario, carrier: Carrier, tls: &TlsPair) -> Self {
        let run = Run {
            scenario,
            carrier,
            tls,
            decision_delay: 0,
        };
        let mut harness = run.start::<N>(Schedule::Whole);
        harness.exchange_all();
        harness
    }

    /// The same with a peer that has sent nothing after the login.
    pub fn established(carrier: Carrier, tls: &TlsPair) -> Self {
        Self::after(&Scenario::IDLE, carrier, tls)
    }
}

impl<N: Negotiation> Harness<N, Scheduled> {
    /// Takes a machine in plaintext whose peer has sent nothing yet.
    pub fn scheduled(machine: Connection<N>, app: App<N>, schedule: Schedule) -> Self {
        Self::with_peer(machine, app, Scheduled::new(schedule))
    }

    /// The peer sends more, which waits to be delivered.
    pub fn send(&mut self, items: &[WireItem]) {
        for item in items {
            let bytes = match &mut self.peer.tls {
                Some(tls) => item.seal(tls),
                None => item.plain(),
            };
            self.peer.input.extend(bytes);
        }
    }

    /// Delivers the input and polls until there is nothing more to do without
    /// time or TCP, which takes nothing.
    pub fn deliver_all(&mut self) {
        loop {
            self.poll_until_wait();
            if self.receive_at_most(usize::MAX) == 0 || self.close.is_some() {
                return;
            }
        }
    }

    /// The same, and TCP takes everything.
    pub fn exchange_all(&mut self) {
        loop {
            self.poll_until_wait();
            let received = self.receive_at_most(usize::MAX);
            let sent = self.transmit(usize::MAX);
            if (received == 0 && sent.is_empty()) || self.close.is_some() {
                return;
            }
        }
    }

    /// Follows the schedule until the machine has closed. When the input is used
    /// up TCP ends as `ending` says.
    pub fn run_to_end(&mut self, ending: TcpEnd) {
        let mut ended = false;
        for _ in 0..4_000_000 {
            match self.next_step(ended) {
                Step::Receive(n) => {
                    if self.receive_at_most(n) == 0 {
                        self.poll();
                    }
                }
                Step::EndTcp => {
                    ended = true;
                    if ending == TcpEnd::Rst {
                        // Here a reset overtakes nothing: it comes last.
                        self.poll_until_wait();
                        self.transmit(usize::MAX);
                    }
                    self.end_tcp(ending);
                    self.wait = None;
                }
                Step::Transmit(n) => drop(self.transmit(n)),
                Step::Poll => self.poll(),
                Step::Sleep => self.sleep(),
            }
            if self.close.is_some() {
                return;
            }
        }
        panic!("no end: {:?}", self.machine);
    }

    /// Lets TCP end.
    pub fn end_tcp(&mut self, ending: TcpEnd) {
        match ending {
            TcpEnd::Fin => self.machine.receive_eof(),
            TcpEnd::Rst => self.machine.transport_failed(),
            TcpEnd::Never => {}
        }
    }

    /// Hands at most `most` bytes of the input to the machine. Returns how many
    /// it has taken.
    pub fn receive_at_most(&mut self, most: usize) -> usize {
        let Scheduled {
            input, delivered, ..
        } = &mut self.peer;
        let end = input.len().min(delivered.saturating_add(most));
        let taken = self.machine.receive(&input[*delivered..end]);
        *delivered += taken;
        taken
    }

    fn next_step(&mut self, ended: bool) -> Step {
        let peer = &mut self.peer;
        let left = peer.left();
        let unsent = self.machine.transmit().len();
        // What is left to do when the machine has said that it waits.
        if self.wait.is_some() && unsent == 0 && peer.answer_in.is_none() && left == 0 {
            return if ended { Step::Sleep } else { Step::EndTcp };
        }
        if let Schedule::Any(rng) = &mut peer.schedule {
            return match rng.below(4) {
                0 if left > 0 => Step::Receive(1 + rng.below(left.min(90))),
                1 if unsent > 0 => Step::Transmit(1 + rng.below(unsent.min(60))),
                _ => Step::Poll,
            };
        }
        if self.wait.is_none() || peer.answer_in.is_some() {
            return Step::Poll;
        }
        if unsent > 0 {
            return Step::Transmit(match peer.schedule {
                Schedule::Each(n) => n,
                _ => unsent,
            });
        }
        self.wait = None;
        let delivered = peer.delivered;
        Step::Receive(match &mut peer.schedule {
            Schedule::Each(n) => (*n).min(left),
            Schedule::SplitAt(at) if delivered < *at => (*at - delivered).min(left),
            Schedule::Pieces(rng, most) => 1 + rng.below(left.min(*most)),
            _ => left,
        })
    }

    fn poll_until_wait(&mut self) {
        self.wait = None;
        while self.wait.is_none() && self.close.is_none() {
            self.poll();
        }
    }

    /// Polls once, and asserts what holds of every poll.
    pub fn poll(&mut self) {
        self.answer_when_due();
        let unsent = self.machine.transmit().len();
        let deadline = self.peer.deadline;
        let event = match self.machine.poll(self.now) {
            Action::Event(event) => event.to_owned(),
            Action::Wait(wait) => {
                self.assert_wait(wait);
                self.peer.deadline = wait.deadline;
                let busy = wait.deadline.is_some_and(|at| at <= self.now);
                self.wait = (!busy).then_some(wait);
                return;
            }
            Action::CloseTcp(close) => {
                let close = close.clone();
                if close.manner() == Manner::Graceful {
                    assert!(
                        unsent == 0 || deadline.is_some_and(|at| at <= self.now),
                        "graceful, with {unsent} bytes left before the deadline"
                    );
                }
                self.close = Some(close);
                self.assert_inert();
                return;
            }
        };
        self.wait = None;
        if event == EventBuf::Decision {
            self.peer.answer_in = Some(self.peer.decision_delay);
            self.answer_when_due();
        }
        (self.app)(&mut self.machine, &event);
        self.events.push(event);
    }

    fn answer_when_due(&mut self) {
        match self.peer.answer_in {
            Some(0) => {
                self.peer.answer_in = None;
                decide_anonymous(&mut self.machine);
            }
            Some(n) => self.peer.answer_in = Some(n - 1),
            None => {}
        }
    }

    fn sleep(&mut self) {
        let wait = self.wait.take().unwrap();
        let deadline = wait.deadline.expect("a deadlock: no deadline");
        assert!(deadline > self.now);
        self.now = deadline;
        let events = self.events.len();
        self.poll();
        // Invariant 11: that poll has made progress.
        let next = self.wait.and_then(|wait| wait.deadline);
        assert!(
            self.close.is_some() || self.events.len() > events || next != wait.deadline,
            "nothing came of the deadline: {:?}",
            self.machine
        );
    }

    /// Asserts what holds of every [`Wait`].
    fn assert_wait(&self, wait: Wait) {
        let window = self.machine.transmit();
        assert!(
            wait.read || wait.write || wait.deadline.is_some(),
            "a deadlock: {:?}",
            self.machine
        );
        assert_eq!(wait.write, !window.is_empty(), "write, {:?}", self.machine);
    }

    /// Asserts invariant 3: nothing follows the close.
    fn assert_inert(&mut self) {
        assert_eq!(self.machine.take_close(), self.close);
        for later in [0, 1, 100_000_000] {
            let now = Instant::from_millis(later);
            assert_eq!(self.machine.take_close(), None);
            assert!(self.machine.transmit().is_empty());
            self.machine.transmitted(5);
            assert_eq!(self.machine.receive(b"<a/>"), 0);
            assert!(self.machine.receive_window().is_empty());
            self.machine.received(3);
            assert!(self.machine.session().is_none());
            assert!(self.machine.decision().is_none());
            let Action::CloseTcp(close) = self.machine.poll(now) else {
                panic!("something after the close");
            };
            assert_eq!(Some(close), self.close.as_ref());
            // None of these changes anything any more.
            self.machine.receive_eof();
            self.machine
                .fail(StreamError::new(StreamCondition::Conflict));
            self.machine.abort();
            self.machine.transport_failed();
        }
    }

    /// Returns the three sequences so far.
    pub fn outcome(mut self) -> Outcome {
        let close = self.close.as_ref().map_or(String::from("open"), |close| {
            let (code, manner) = (close.reason().code(), close.manner());
            let truncated = if close.truncated() { ", truncated" } else { "" };
            format!("{code}, {}{truncated}: {}", manner.as_str(), close.reason())
        });
        let mut units = self.peer.before;
        match &mut self.peer.tls {
            Some(tls) => units.extend(tls.open(&self.sent)),
            None => units.push((0, self.sent)),
        }
        Outcome {
            events: self.events.iter().map(line).collect(),
            units,
            close,
            manner: self.close.map(|close| close.manner()),
            length: self.peer.input.len(),
        }
    }
}
