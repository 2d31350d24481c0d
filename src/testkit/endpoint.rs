//! One side of a simulated connection: a machine, its socket, and the driver's loop.

use super::application::{Application, At, Protection};
use super::coverage::Coverage;
use super::failure::Failure;
use super::fault::FaultKind;
use super::link::{Entity, Link, ReadResult, Written};
use super::log::Log;
use super::rng::Rng;
use crate::action::{Action, Wait};
use crate::close::{CloseTcp, Manner, Phase};
use crate::connection::{Connection, Negotiation};
use crate::event::EventBuf;
use crate::reset::ResetCause;
use crate::stream::{StreamCondition, StreamError};
use crate::time::Instant;

/// More polls than any real work needs before a machine waits.
const MOST_POLLS: usize = 20_000;

/// The driver's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    Open,
    /// The machine has closed; input is discarded until the peer's end, or until this time.
    Lingering(Instant),
    Closed,
}

/// A machine and its driver.
#[derive(Debug)]
pub(super) struct Endpoint<N: Negotiation> {
    machine: Connection<N>,
    who: Entity,
    socket: Socket,
    /// What the machine waits for, as of the last poll; `None` if it has to be polled.
    wait: Option<Wait>,
    phase: Phase,
    protection: Protection,
}

impl<N: Negotiation> Endpoint<N> {
    pub(super) const fn new(machine: Connection<N>, who: Entity, protection: Protection) -> Self {
        Self {
            machine,
            who,
            socket: Socket::Open,
            wait: None,
            phase: match protection {
                Protection::DirectTls => Phase::TlsHandshake,
                Protection::None | Protection::Starttls => Phase::Header,
            },
            protection,
        }
    }

    /// The phase of the stream, as its events tell it.
    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the machine has not closed.
    pub(super) const fn is_running(&self) -> bool {
        matches!(self.socket, Socket::Open)
    }

    /// Whether nothing more happens here.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.socket, Socket::Closed)
    }

    /// When the driver has to act although no byte has moved.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.socket {
            Socket::Open => self.wait.and_then(|wait| wait.deadline),
            Socket::Lingering(until) => Some(until),
            Socket::Closed => None,
        }
    }

    /// Whether the machine has to be polled now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let passed = |wait: Wait| wait.deadline.is_some_and(|at| at <= now);
        self.is_running() && self.wait.is_none_or(passed)
    }

    /// Moves bytes between the machine and the link, only as the machine has asked for. Returns
    /// whether any did.
    pub(super) fn move_bytes(
        &mut self,
        link: &mut Link,
        rng: &mut Rng,
        coverage: &mut Coverage,
        now: Instant,
    ) -> bool {
        match (self.socket, self.wait) {
            (Socket::Open, Some(wait)) => {
                let wrote = wait.write && self.write(link, coverage, now);
                let read = wait.read && self.read(link, rng, coverage, now);
                wrote || read
            }
            (Socket::Lingering(until), _) => self.linger(link, until, now),
            (Socket::Open, None) | (Socket::Closed, _) => false,
        }
    }

    fn write(&mut self, link: &mut Link, coverage: &mut Coverage, now: Instant) -> bool {
        let offered = self.machine.transmit().len();
        match link.write(self.who, self.machine.transmit(), now) {
            Written::Taken(n) => {
                self.machine.transmitted(n);
                if n < offered {
                    coverage.count(FaultKind::PartialWrite, self.phase);
                }
                if link.is_delayed() {
                    coverage.count(FaultKind::Delay, self.phase);
                }
            }
            Written::Blocked => return false,
            Written::Failed => self.machine.transport_failed(),
        }
        self.wait = None;
        true
    }

    fn read(
        &mut self,
        link: &mut Link,
        rng: &mut Rng,
        coverage: &mut Coverage,
        now: Instant,
    ) -> bool {
        let mut moved = false;
        // A driver may read several times before it polls.
        for _ in 0..=rng.below(3) {
            match link.read(self.who, now) {
                ReadResult::Bytes(bytes) => {
                    let taken = match rng.once_in(2) {
                        true => self.machine.receive(bytes),
                        false => receive_in_window(&mut self.machine, bytes),
                    };
                    if taken == 0 {
                        break;
                    }
                    if link.consume(self.who, taken) {
                        coverage.count(FaultKind::Split, self.phase);
                    }
                }
                ReadResult::Fin => {
                    self.machine.receive_eof();
                    self.wait = None;
                    return true;
                }
                ReadResult::Failed => {
                    self.machine.transport_failed();
                    self.wait = None;
                    return true;
                }
                ReadResult::Nothing => break,
            }
            moved = true;
            self.wait = None;
        }
        moved
    }

    fn linger(&mut self, link: &mut Link, until: Instant, now: Instant) -> bool {
        let n = match link.read(self.who, now) {
            ReadResult::Bytes(bytes) => bytes.len(),
            ReadResult::Nothing if now < until => return false,
            ReadResult::Nothing | ReadResult::Fin | ReadResult::Failed => {
                link.close(self.who, now);
                self.socket = Socket::Closed;
                return true;
            }
        };
        link.consume(self.who, n);
        true
    }

    /// Polls until the machine waits or has closed, as the contract of
    /// [`connection`](crate::connection) says.
    pub(super) fn run(
        &mut self,
        application: &mut impl Application<N>,
        at: At,
        link: &mut Link,
        log: &mut Log,
    ) -> Result<(), Failure> {
        let mut turned = false;
        for _ in 0..MOST_POLLS {
            match self.machine.poll(at.now) {
                Action::Event(event) => {
                    let event = event.to_owned();
                    log.event(at, self.who, &event);
                    self.follow(&event);
                    application.event(at, &mut self.machine, &event)?;
                    turned = false;
                }
                Action::Wait(wait) if !wait.read && !wait.write && wait.deadline.is_none() => {
                    return Err(Failure::Deadlock(at.connection, self.who));
                }
                Action::Wait(_) if !turned => {
                    application.turn(at, &mut self.machine)?;
                    turned = true;
                }
                Action::Wait(wait) => {
                    self.follow_end();
                    if wait.deadline.is_none_or(|deadline| deadline > at.now) {
                        self.wait = Some(wait);
                        return Ok(());
                    }
                }
                Action::CloseTcp(close) => {
                    let close = close.clone();
                    log.close(at, self.who, &close);
                    self.phase = Phase::Closing;
                    application.closed(at, &mut self.machine, &close)?;
                    self.end(&close, link, at)?;
                    return Ok(());
                }
            }
        }
        Err(Failure::Spinning(at.connection, self.who))
    }

    /// Carries out `CloseTcp`.
    fn end(&mut self, close: &CloseTcp, link: &mut Link, at: At) -> Result<(), Failure> {
        let inert = self.machine.transmit().is_empty()
            && self.machine.receive(b" ") == 0
            && self.machine.session().is_none()
            && matches!(self.machine.poll(at.now), Action::CloseTcp(again) if again == close);
        if !inert {
            return Err(Failure::NotInert(at.connection, self.who));
        }
        self.socket = match close.manner() {
            Manner::Abort => {
                link.close(self.who, at.now);
                Socket::Closed
            }
            Manner::Graceful => {
                link.shutdown(self.who, at.now);
                Socket::Lingering(at.now + close.linger())
            }
        };
        Ok(())
    }

    /// Has the application act against the stream, in whatever phase.
    pub(super) fn strike(&mut self, kind: FaultKind, rng: &mut Rng) {
        match (kind, self.machine.session()) {
            (FaultKind::Abort, _) => self.machine.abort(),
            (FaultKind::Close, Some(session)) => session.close(),
            (FaultKind::Close, None) => {
                let error = StreamError::new(StreamCondition::SystemShutdown);
                self.machine.fail(error);
            }
            (_, Some(session)) => session.reset(match rng.once_in(4) {
                true => ResetCause::CertificateRevoked,
                false => ResetCause::KeyRefresh,
            }),
            (_, None) => self.machine.fail(StreamError::new(StreamCondition::Reset)),
        }
        // After an application call the machine is polled again.
        self.wait = None;
    }

    fn follow(&mut self, event: &EventBuf) {
        self.phase = match (event, self.phase) {
            (EventBuf::PeerClosing | EventBuf::StreamError(_), _) => Phase::Closing,
            (EventBuf::TlsEstablished(_), _) => Phase::Header,
            (EventBuf::StreamOpened { .. }, Phase::Header) => {
                match (self.protection, self.machine.tls()) {
                    (Protection::Starttls, None) => Phase::TlsHandshake,
                    _ => Phase::Authentication,
                }
            }
            (EventBuf::Authenticated { .. }, _) => Phase::Binding,
            (EventBuf::Established(_), _) => Phase::Established,
            (_, phase) => phase,
        };
    }

    /// An end that the application has begun shows in that there is no session any more.
    fn follow_end(&mut self) {
        if self.phase == Phase::Established && self.machine.session().is_none() {
            self.phase = Phase::Closing;
        }
    }
}

/// Hands bytes over as a driver does that reads into the machine's own buffer.
fn receive_in_window<N: Negotiation>(machine: &mut Connection<N>, bytes: &[u8]) -> usize {
    let window = machine.receive_window();
    let n = window.len().min(bytes.len());
    for (to, from) in window.iter_mut().zip(bytes) {
        *to = *from;
    }
    machine.received(n);
    n
}
