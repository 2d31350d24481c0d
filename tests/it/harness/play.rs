//! Plays a scene at a certain pace and keeps the three sequences: events, the
//! units that went out, and the close. On the way it checks what holds at any
//! pace.

use xmpp_stream::time::Instant;
use xmpp_stream::{Action, Connection, EventBuf, Manner, Negotiation, Wait};

use super::bench::{Carrier, START, Subject, TlsPair, answer, handshake, seal};
use super::hostile_tls::HostileTls;
use super::outcome::Outcome;
use super::pair::{App, Side, tell};
use super::rng::Rng;
use super::scenes::{Ending, Say, Scene};

/// How bytes come and go.
#[derive(Clone, Debug)]
pub enum Pace {
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

/// A scene, ready to be played.
pub struct Stage<'a> {
    pub scene: &'a Scene,
    pub carrier: Carrier,
    pub tls: &'a TlsPair,
    /// How many polls the application takes to answer a decision.
    pub hesitates: usize,
}

impl Stage<'_> {
    pub fn play<N: Subject>(&self, pace: Pace) -> Outcome {
        let mut player = self.player::<N>(pace);
        player.run(self.scene.ending);
        player.outcome()
    }

    /// Up to where the machine has been brought by the handshake.
    pub fn player<N: Subject>(&self, pace: Pace) -> Player<N> {
        let machine = N::machine(self.carrier, self.tls, None);
        let mut player = Player::new(machine, self.scene.app(), pace);
        player.hesitates = self.hesitates;
        if self.carrier != Carrier::Plain {
            let mut peer = N::peer(self.tls);
            player.before_tls(self.carrier, &mut peer);
            player.peer = Some(peer);
        }
        player.say(&N::login());
        player.login_length = player.input.len();
        player.say(&self.scene.says);
        player
    }
}

fn plain(say: &Say) -> Vec<u8> {
    match say {
        Say::Text(text) => text.clone().into_bytes(),
        Say::Record(..) | Say::Raw(_) => panic!("not in plaintext"),
    }
}

pub struct Player<N: Negotiation> {
    pub machine: Connection<N>,
    app: App<N>,
    pace: Pace,
    pub now: Instant,
    pub input: Vec<u8>,
    pub fed: usize,
    hesitates: usize,
    answer_in: Option<usize>,
    pub events: Vec<EventBuf>,
    /// What the machine sent behind the handshake.
    wire: Vec<u8>,
    /// What it sent before.
    units: Vec<(u8, Vec<u8>)>,
    peer: Option<HostileTls>,
    pub wait: Option<Wait>,
    /// The deadline told last.
    due: Option<Instant>,
    pub close: Option<xmpp_stream::CloseTcp>,
    /// How much of the input is the login.
    pub login_length: usize,
}

impl<N: Subject> Player<N> {
    /// With nothing said yet, in clear.
    pub fn new(machine: Connection<N>, app: App<N>, pace: Pace) -> Self {
        Self {
            machine,
            app,
            pace,
            now: START,
            input: Vec::new(),
            fed: 0,
            hesitates: 0,
            answer_in: None,
            events: Vec::new(),
            wire: Vec::new(),
            units: Vec::new(),
            peer: None,
            wait: None,
            due: None,
            close: None,
            login_length: 0,
        }
    }

    /// STARTTLS and the handshake, by pieces where the pace says so.
    fn before_tls(&mut self, carrier: Carrier, peer: &mut HostileTls) {
        let chunk = match self.pace {
            Pace::Each(n) => n,
            Pace::Pieces(..) | Pace::Any(_) => 37,
            Pace::Whole | Pace::SplitAt(_) => usize::MAX,
        };
        let app: App<N> = Box::new(|machine, _| answer(machine, None));
        let machine = core::mem::replace(
            &mut self.machine,
            N::machine(Carrier::Plain, &TlsPair::new(super::bench::V13), None),
        );
        let mut side = Side::new(machine, app);
        side.drive(self.now);
        let mut plain = side.take(usize::MAX);
        if let Carrier::StartTls(_) = carrier {
            for say in N::starttls() {
                let Say::Text(text) = say else { unreachable!() };
                for part in text.as_bytes().chunks(chunk) {
                    side.feed(part, self.now);
                }
                if !text.contains("proceed") {
                    plain.extend(side.take(usize::MAX));
                }
            }
        } else {
            // A client's first flight.
            let hello = core::mem::take(&mut plain);
            peer.receive(&hello);
        }
        let text = handshake(&mut side, peer, chunk, self.now);
        self.units = vec![(0, plain), (1, text)];
        self.machine = side.machine;
        self.events = side.events;
    }

    /// The peer says more.
    pub fn say(&mut self, says: &[Say]) {
        for say in says {
            let bytes = match &mut self.peer {
                Some(peer) => seal(peer, say),
                None => plain(say),
            };
            self.input.extend(bytes);
        }
    }

    /// Feeds what the peer has said and polls until there is nothing more to
    /// do without time or TCP; `take`: TCP takes what comes.
    pub fn feed_all(&mut self, take: bool) {
        loop {
            self.poll_until_wait();
            let taken = self.machine.receive(&self.input[self.fed..]);
            self.fed += taken;
            let moved = taken > 0 || (take && !self.machine.transmit().is_empty());
            if take {
                self.take(usize::MAX);
            }
            if !moved || self.close.is_some() {
                return;
            }
        }
    }

    pub fn run(&mut self, ending: Ending) {
        let mut ended = false;
        for _ in 0..4_000_000 {
            match self.choose(ended) {
                Turn::Receive(n) => {
                    let taken = self.machine.receive(&self.input[self.fed..self.fed + n]);
                    self.fed += taken;
                    if taken == 0 {
                        self.poll();
                    }
                }
                Turn::End => {
                    ended = true;
                    match ending {
                        Ending::Fin => self.machine.receive_eof(),
                        Ending::Rst => {
                            // A reset overtakes nothing here: it comes last.
                            self.poll_until_wait();
                            self.take(usize::MAX);
                            self.machine.transport_failed();
                        }
                        Ending::Silence => {}
                    }
                    self.wait = None;
                }
                Turn::Transmit(n) => self.take(n),
                Turn::Poll => self.poll(),
                Turn::Sleep => self.sleep(),
            }
            if self.close.is_some() {
                return;
            }
        }
        panic!("no end: {:?}", self.machine);
    }

    fn choose(&mut self, ended: bool) -> Turn {
        let left = self.input.len() - self.fed;
        let waiting = self.machine.transmit().len();
        // What is left to do when the machine has said that it waits.
        if self.wait.is_some() && waiting == 0 && self.answer_in.is_none() && left == 0 {
            return if ended { Turn::Sleep } else { Turn::End };
        }
        if let Pace::Any(rng) = &mut self.pace {
            return match rng.below(4) {
                0 if left > 0 => Turn::Receive(1 + rng.below(left.min(90))),
                1 if waiting > 0 => Turn::Transmit(1 + rng.below(waiting.min(60))),
                _ => Turn::Poll,
            };
        }
        if self.wait.is_none() || self.answer_in.is_some() {
            return Turn::Poll;
        }
        if waiting > 0 {
            return Turn::Transmit(match self.pace {
                Pace::Each(n) => n,
                _ => waiting,
            });
        }
        self.wait = None;
        Turn::Receive(match &mut self.pace {
            Pace::Each(n) => (*n).min(left),
            Pace::SplitAt(at) if self.fed < *at => (*at - self.fed).min(left),
            Pace::Pieces(rng, most) => 1 + rng.below(left.min(*most)),
            _ => left,
        })
    }

    pub fn take(&mut self, n: usize) {
        let window = self.machine.transmit();
        let n = n.min(window.len());
        self.wire.extend_from_slice(&window[..n]);
        self.machine.transmitted(n);
    }

    fn poll_until_wait(&mut self) {
        self.wait = None;
        while self.wait.is_none() && self.close.is_none() {
            self.poll();
        }
    }

    pub fn poll(&mut self) {
        self.hesitate();
        let held = self.machine.transmit().len();
        let due = self.due;
        let event = match self.machine.poll(self.now) {
            Action::Event(event) => event.to_owned(),
            Action::Wait(wait) => {
                self.check_wait(wait);
                self.due = wait.deadline;
                let busy = wait.deadline.is_some_and(|at| at <= self.now);
                self.wait = (!busy).then_some(wait);
                return;
            }
            Action::CloseTcp(close) => {
                let close = close.clone();
                if close.manner() == Manner::Graceful {
                    assert!(
                        held == 0 || due.is_some_and(|at| at <= self.now),
                        "graceful, with {held} bytes left before the deadline"
                    );
                }
                self.close = Some(close);
                self.assert_inert();
                return;
            }
        };
        self.wait = None;
        if event == EventBuf::Decision {
            self.answer_in = Some(self.hesitates);
            self.hesitate();
        }
        (self.app)(&mut self.machine, &event);
        self.events.push(event);
    }

    fn hesitate(&mut self) {
        match self.answer_in {
            Some(0) => {
                self.answer_in = None;
                answer(&mut self.machine, None);
            }
            Some(n) => self.answer_in = Some(n - 1),
            None => {}
        }
    }

    fn sleep(&mut self) {
        let wait = self.wait.take().unwrap();
        let deadline = wait.deadline.expect("a deadlock: silence for ever");
        assert!(deadline > self.now);
        self.now = deadline;
        let before = (self.events.len(), wait.deadline);
        self.poll();
        // Invariant 11: that poll has made progress.
        let after = self.wait.and_then(|wait| wait.deadline);
        assert!(
            self.close.is_some() || self.events.len() > before.0 || after != before.1,
            "nothing came of the deadline: {:?}",
            self.machine
        );
    }

    /// What holds of every [`Wait`].
    fn check_wait(&self, wait: Wait) {
        let window = self.machine.transmit();
        assert!(
            wait.read || wait.write || wait.deadline.is_some(),
            "a deadlock: {:?}",
            self.machine
        );
        assert_eq!(wait.write, !window.is_empty(), "write, {:?}", self.machine);
    }

    /// Invariant 3.
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
                panic!("something behind the last word");
            };
            assert_eq!(Some(close), self.close.as_ref());
            // None of these is heard any more.
            self.machine.receive_eof();
            self.machine.fail(xmpp_stream::stream::StreamError::new(
                xmpp_stream::stream::Condition::Conflict,
            ));
            self.machine.abort();
            self.machine.transport_failed();
        }
    }

    pub fn outcome(mut self) -> Outcome {
        let close = self.close.as_ref().map_or(String::from("open"), |close| {
            let (code, manner) = (close.reason().code(), close.manner());
            let truncated = if close.truncated() { ", truncated" } else { "" };
            format!("{code}, {}{truncated}: {}", manner.as_str(), close.reason())
        });
        let mut units = self.units;
        match &mut self.peer {
            Some(peer) => units.extend(peer.open(&self.wire)),
            None => units.push((0, self.wire)),
        }
        Outcome {
            events: self.events.iter().map(tell).collect(),
            units,
            close,
            manner: self.close.map(|close| close.manner()),
            length: self.input.len(),
        }
    }
}

enum Turn {
    Receive(usize),
    End,
    Transmit(usize),
    Poll,
    Sleep,
}
