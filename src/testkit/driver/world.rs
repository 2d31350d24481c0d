//! What is around a driver under test: TCP, its peer, the clock, and what was seen of the driver.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;

use crate::close::{CloseTcp, Manner};
use crate::connection::Negotiation;
use crate::testkit::link::{Entity, Link, ReadResult, Traffic, Written};
use crate::testkit::peer::{Peer, TcpState};
use crate::testkit::rng::Rng;
use crate::time::Instant;

/// More calls of one driver in one run than any real work needs.
const MOST_CALLS: u64 = 2_000_000;
/// More calls in a row that move no byte and no clock.
const MOST_IDLE_CALLS: u64 = 20_000;
/// Calls after which a driver that does not stop is stopped by a panic.
const MOST_CALLS_AFTER_THE_END: u64 = 100_000;

/// Longer than any deadline of a machine. Two machines that both wait for something that was lost keep
/// each other alive for ever.
const LONGEST_RUN: Duration = Duration::from_secs(30 * 3_600);

/// When every run begins.
pub(super) const START: Instant = Instant::from_millis(1_000);

/// A peer in either role.
pub(super) trait Remote: Send {
    fn run(&mut self, now: Instant) -> bool;
    fn receive(&mut self, bytes: &[u8]) -> usize;
    fn receive_eof(&mut self);
    fn transport_failed(&mut self);
    fn take_output(&mut self) -> Vec<u8>;
    fn deadline(&self) -> Option<Instant>;
    fn tcp(&self) -> TcpState;
    fn is_reading(&self) -> bool;
    fn close(&self) -> Option<&CloseTcp>;
    fn text(&self) -> Vec<u8>;
}

impl<N: Negotiation> Remote for Peer<N>
where
    Self: Send,
{
    fn run(&mut self, now: Instant) -> bool {
        Self::run(self, now)
    }

    fn receive(&mut self, bytes: &[u8]) -> usize {
        Self::receive(self, bytes)
    }

    fn receive_eof(&mut self) {
        Self::receive_eof(self);
    }

    fn transport_failed(&mut self) {
        Self::transport_failed(self);
    }

    fn take_output(&mut self) -> Vec<u8> {
        Self::take_output(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Self::deadline(self)
    }

    fn tcp(&self) -> TcpState {
        Self::tcp(self)
    }

    fn is_reading(&self) -> bool {
        Self::is_reading(self)
    }

    fn close(&self) -> Option<&CloseTcp> {
        Self::close(self)
    }

    fn text(&self) -> Vec<u8> {
        self.records()
            .iter()
            .flat_map(|(_, content)| content.iter().copied())
            .collect()
    }
}

/// What became of one call of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many bytes moved; 0 is the end of what can be read.
    Moved(usize),
    /// Nothing can be done now.
    Blocked,
    /// A signal came (EINTR).
    Interrupted,
    /// The connection has failed.
    Failed,
    /// The check has ended the run.
    Ended,
}

/// How the machine under the driver ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) close: CloseTcp,
    pub(super) at: Instant,
}

pub(super) struct World {
    pub(super) now: Instant,
    link: Link,
    /// The driver's side.
    me: Entity,
    pub(super) remote: Box<dyn Remote>,
    /// What the peer has written and TCP has not taken.
    unsent: Vec<u8>,
    /// What of the peer's TCP state the link has been told.
    told: TcpState,
    peer_heard_end: bool,
    interrupts: Option<Rng>,
    calls: u64,
    idle_calls: u64,
    /// What was seen first that must not be.
    pub(super) violation: Option<String>,
    pub(super) end: Option<End>,
    pub(super) shut_down: Option<Instant>,
    pub(super) dropped: Option<Instant>,
    /// The last moment at which the end of what the peer writes was read.
    pub(super) read_end: Option<Instant>,
    /// How many stanzas had arrived when the machine ended.
    pub(super) heard: usize,
    wakers: Vec<Waker>,
    timers: Vec<Instant>,
}

impl World {
    pub(super) fn new(
        me: Entity,
        remote: Box<dyn Remote>,
        traffic: Traffic,
        seed: u64,
        interrupts: bool,
    ) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            now: START,
            link: Link::new(traffic, rng.fork()),
            me,
            remote,
            unsent: Vec::new(),
            told: TcpState::Open,
            peer_heard_end: false,
            interrupts: interrupts.then(|| rng.fork()),
            calls: 0,
            idle_calls: 0,
            violation: None,
            end: None,
            shut_down: None,
            dropped: None,
            read_end: None,
            heard: 0,
            wakers: Vec::new(),
            timers: Vec::new(),
        }
    }

    /// Notes what must not be; the first one counts, and ends the run.
    pub(super) fn violate(&mut self, what: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(what.into());
            self.wake();
        }
    }

    /// How the peer's machine has ended, as a code; `open` if it has not.
    pub(super) fn peer_end(&self) -> &'static str {
        self.remote
            .close()
            .map_or("open", |close| close.reason().code())
    }

    /// Begins a call of the driver. `Some` if it comes to nothing.
    pub(super) fn call(&mut self) -> Option<Outcome> {
        self.calls += 1;
        self.idle_calls += 1;
        if self.violation.is_some() {
            let limit = MOST_CALLS_AFTER_THE_END;
            assert!(
                self.idle_calls < limit,
                "the driver does not stop: {}",
                self.violation.as_deref().unwrap_or_default()
            );
            return Some(Outcome::Ended);
        }
        if self.idle_calls > MOST_IDLE_CALLS || self.calls > MOST_CALLS {
            self.violate("spins: it calls the socket again and again, and neither a byte nor the clock moves");
            self.idle_calls = 0;
            return Some(Outcome::Ended);
        }
        let interrupted = self.interrupts.as_mut().is_some_and(|rng| rng.once_in(5));
        interrupted.then_some(Outcome::Interrupted)
    }

    /// Reads what is there now.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Outcome {
        if self.is_aborted() {
            self.violate("reads after CloseTcp with Manner::Abort");
            return Outcome::Ended;
        }
        if into.is_empty() {
            return Outcome::Moved(0);
        }
        self.settle();
        let n = match self.link.read(self.me, self.now) {
            ReadResult::Bytes(bytes) => {
                let n = bytes.len().min(into.len());
                if let (Some(into), Some(bytes)) = (into.get_mut(..n), bytes.get(..n)) {
                    into.copy_from_slice(bytes);
                }
                n
            }
            ReadResult::Fin => {
                self.read_end.get_or_insert(self.now);
                return Outcome::Moved(0);
            }
            ReadResult::Failed => {
                self.read_end.get_or_insert(self.now);
                return Outcome::Failed;
            }
            ReadResult::Nothing => return Outcome::Blocked,
        };
        self.link.consume(self.me, n);
        self.progress();
        Outcome::Moved(n)
    }

    /// Writes what TCP takes now.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Outcome {
        if let Some(end) = &self.end {
            let manner = end.close.manner().as_str();
            self.violate(format!(
                "writes {} bytes after CloseTcp ({manner})",
                bytes.len()
            ));
            return Outcome::Ended;
        }
        if bytes.is_empty() {
            return Outcome::Moved(0);
        }
        self.settle();
        match self.link.write(self.me, bytes, self.now) {
            Written::Taken(n) => {
                self.progress();
                Outcome::Moved(n)
            }
            Written::Blocked => Outcome::Blocked,
            Written::Failed => Outcome::Failed,
        }
    }

    /// Whether there is something to read, the end included.
    pub(super) fn is_readable(&mut self) -> bool {
        self.settle();
        !matches!(self.link.read(self.me, self.now), ReadResult::Nothing)
    }

    /// Whether TCP takes a byte, or says that it has failed.
    pub(super) fn is_writable(&mut self) -> bool {
        self.settle();
        self.link.has_room(self.me, self.now)
    }

    /// Shuts the writing side down.
    pub(super) fn shut_down(&mut self) {
        match &self.end {
            None => self.violate("shuts the socket down before CloseTcp"),
            Some(end) if end.close.manner() == Manner::Abort => {
                self.violate("shuts the socket down where CloseTcp says Manner::Abort");
            }
            Some(_) => {}
        }
        if self.shut_down.is_none() {
            self.shut_down = Some(self.now);
            self.link.shutdown(self.me, self.now);
            self.progress();
            self.settle();
        }
    }

    /// Closes the socket.
    pub(super) fn drop_socket(&mut self) {
        if self.dropped.is_none() {
            self.dropped = Some(self.now);
            self.link.close(self.me, self.now);
            self.settle();
        }
    }

    /// Moves the clock on to what happens next, at most to `until`. Returns whether that is now come.
    pub(super) fn sleep_until(&mut self, until: Option<Instant>, what: &str) -> bool {
        let timer = self
            .timers
            .iter()
            .copied()
            .filter(|at| *at > self.now)
            .min();
        let next = [
            self.link.next_change(self.now),
            self.remote.deadline(),
            until,
            timer,
        ];
        let next = next.into_iter().flatten().filter(|at| *at > self.now).min();
        match (next, until) {
            (_, Some(until)) if until <= self.now => true,
            (Some(next), _) if after(START, next) > LONGEST_RUN => {
                self.violate("never ends: both sides wait for what was lost");
                true
            }
            (Some(next), _) => {
                self.now = next;
                self.progress();
                self.settle();
                until.is_some_and(|until| until <= self.now)
            }
            (None, _) => {
                self.violate(format!(
                    "hangs: it waits {what}, and nothing will ever happen"
                ));
                true
            }
        }
    }

    /// Lets time pass until the driver's part of the connection has arrived, for as long as it takes.
    pub(super) fn let_arrive(&mut self) {
        for _ in 0..10_000 {
            self.settle();
            let next = self.link.next_change(self.now);
            let Some(next) = next.filter(|at| *at > self.now) else {
                return;
            };
            self.now = next;
        }
    }

    pub(super) fn add_waker(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    pub(super) fn add_timer(&mut self, at: Instant) {
        if !self.timers.contains(&at) {
            self.timers.retain(|at| *at > self.now);
            self.timers.push(at);
        }
    }

    fn is_aborted(&self) -> bool {
        let end = self.end.as_ref();
        end.is_some_and(|end| end.close.manner() == Manner::Abort)
    }

    fn progress(&mut self) {
        self.idle_calls = 0;
        self.wake();
    }

    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }

    /// Lets the peer do what it can at this time, and carries its bytes.
    fn settle(&mut self) {
        let peer = self.me.peer();
        loop {
            let mut moved = self.remote.run(self.now);
            self.unsent.extend(self.remote.take_output());
            match self.link.write(peer, &self.unsent, self.now) {
                Written::Taken(n) => {
                    self.unsent.drain(..n);
                    moved = true;
                }
                Written::Blocked => {}
                Written::Failed => {
                    self.unsent.clear();
                    self.remote.transport_failed();
                }
            }
            moved |= self.hand_to_peer();
            moved |= self.tell_link();
            if !moved {
                return;
            }
        }
    }

    fn hand_to_peer(&mut self) -> bool {
        if !self.remote.is_reading() {
            return false;
        }
        let peer = self.me.peer();
        let taken = match self.link.read(peer, self.now) {
            ReadResult::Bytes(bytes) => self.remote.receive(bytes),
            ReadResult::Fin if !self.peer_heard_end => {
                self.peer_heard_end = true;
                self.remote.receive_eof();
                return true;
            }
            ReadResult::Failed if !self.peer_heard_end => {
                self.peer_heard_end = true;
                self.remote.transport_failed();
                return true;
            }
            ReadResult::Fin | ReadResult::Failed | ReadResult::Nothing => return false,
        };
        self.link.consume(peer, taken);
        taken > 0
    }

    /// Does to TCP what the peer has done to its socket.
    fn tell_link(&mut self) -> bool {
        let state = self.remote.tcp();
        if state == self.told {
            return false;
        }
        let peer = self.me.peer();
        match state {
            // After what it has written.
            TcpState::ShutDown | TcpState::Closed if !self.unsent.is_empty() => return false,
            TcpState::ShutDown => self.link.shutdown(peer, self.now),
            TcpState::Closed => self.link.close(peer, self.now),
            TcpState::Reset => self.link.cut_with_rst(self.me, self.now),
            TcpState::Open => {}
        }
        self.told = state;
        true
    }
}

/// How long after `since` something happened.
pub(super) fn after(since: Instant, at: Instant) -> Duration {
    at.saturating_duration_since(since)
}
