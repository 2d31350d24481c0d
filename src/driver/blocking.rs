//! A driver for a blocking socket of the standard library: one thread for each connection.
//!
//! The standard library cannot wait for a read and a write at once, and a socket that is readable
//! does not wake a write. Where the machine wants both, this driver tries each for [`TURN`] in turn, so
//! that it reads on from a peer that does not read, and the other way round; where it wants one, it
//! sleeps in that one until the deadline. On Windows a write that timed out leaves a socket in a state
//! that the system does not define: take another driver there.
//!
//! A thread of its own needs no bound on its turns: the operating system shares the processor out.

use alloc::sync::Arc;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use super::driven::{Driven, Step};
use super::{ClosedError, Next, NotSentError, carries, establishes};
use crate::action::Wait;
use crate::close::{CloseTcp, Manner};
use crate::config::{InitiatorConfig, ResponderConfig};
use crate::connection::{Connection, InitiatorRole, Negotiation, ResponderRole};
use crate::sm::Received;
use crate::ticket::Ticket;
use crate::time::{Instant, StdClock};
use crate::xml::StanzaBuf;

/// How long one direction is tried while the other one is wanted, too.
pub const TURN: Duration = Duration::from_millis(10);

/// A machine and its socket; see [`driver`](super).
#[derive(Debug)]
pub struct Driver<R: Negotiation> {
    driven: Driven<R>,
    /// `None` once TCP is closed.
    tcp: Option<TcpStream>,
    /// Until when a write that was blocked is not tried again, if there is something to read.
    next_write: Instant,
}

impl Driver<InitiatorRole> {
    /// Returns the driver of an initiating entity, on a TCP connection that has just been made.
    #[must_use]
    pub fn initiator(config: Arc<InitiatorConfig>, tcp: TcpStream) -> Self {
        let clock = StdClock::new();
        Self::new(Connection::new(config, clock.now()), clock, tcp)
    }
}

impl Driver<ResponderRole> {
    /// Returns the driver of a receiving entity, on a TCP connection that has just been accepted.
    #[must_use]
    pub fn responder(config: Arc<ResponderConfig>, tcp: TcpStream) -> Self {
        let clock = StdClock::new();
        Self::new(Connection::new(config, clock.now()), clock, tcp)
    }
}

impl<R: Negotiation> Driver<R> {
    /// Returns the driver of any machine. `clock` is the one by which the machine was made.
    #[must_use]
    pub fn new(machine: Connection<R>, clock: StdClock, tcp: TcpStream) -> Self {
        // The machine writes whole units: to wait for more of them only costs time.
        tcp.set_nodelay(true).ok();
        Self {
            driven: Driven::new(machine, clock),
            tcp: Some(tcp),
            next_write: Instant::default(),
        }
    }

    /// Waits for what happens next.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would end with `None`, and this ends with the reason"
    )]
    pub fn next(&mut self) -> Next {
        if let Some(event) = self.driven.take_kept() {
            return Next::Event(event);
        }
        loop {
            match self.driven.step() {
                Step::Event(happened) => return Next::Event(self.driven.hand_over(happened)),
                Step::Wait(wait) => self.wait(wait),
                Step::Close(close) => {
                    self.end(&close);
                    return Next::Closed(close);
                }
            }
        }
    }

    /// Waits until the stream is established. Other events are dropped.
    ///
    /// # Errors
    /// [`ClosedError`]
    pub fn established(&mut self) -> Result<(), ClosedError> {
        loop {
            if let Some(result) = self.next().wanted(establishes) {
                return result;
            }
        }
    }

    /// Waits for the next stanza. Other events are dropped.
    ///
    /// # Errors
    /// [`ClosedError`]
    pub fn stanza(&mut self) -> Result<StanzaBuf, ClosedError> {
        loop {
            if let Some(result) = self.next().wanted(carries) {
                return result;
            }
        }
    }

    /// Sends one element, as [`Session::send`](crate::Session::send) does, and waits while there is no
    /// room for it.
    ///
    /// # Errors
    /// [`NotSentError`]; nothing was queued.
    pub fn send(&mut self, element: &str) -> Result<Ticket, NotSentError> {
        let ticket = loop {
            if let Some(ticket) = self.driven.try_send(element)? {
                break ticket;
            }
            match self.driven.step() {
                Step::Event(happened) => self.driven.keep(happened),
                Step::Wait(wait) => {
                    let wait = self.driven.wait_for_room(wait)?;
                    self.wait(wait);
                }
                Step::Close(_) => return Err(NotSentError::NoSession),
            }
        };
        self.hand_to_tcp();
        Ok(ticket)
    }

    /// Closes the stream once it is established, and waits for the end. Events until then are
    /// dropped: to see them, call [`Session::close`](crate::Session::close) and go on with
    /// [`next`](Self::next).
    pub fn close(&mut self) -> CloseTcp {
        loop {
            if let Some(session) = self.driven.machine.session() {
                session.close();
            }
            if let Next::Closed(close) = self.next() {
                return close;
            }
        }
    }

    /// Returns the machine.
    #[must_use]
    pub const fn machine(&self) -> &Connection<R> {
        &self.driven.machine
    }

    /// Returns the machine, for its session, its decisions and its end; what is called there is carried
    /// out by the next [`next`](Self::next).
    pub const fn machine_mut(&mut self) -> &mut Connection<R> {
        &mut self.driven.machine
    }

    /// Returns what names the last stanza that [`next`](Self::next) gave, for
    /// [`Session::handled`](crate::Session::handled). [`Session::received`](crate::Session::received) may
    /// be ahead of it.
    #[must_use]
    pub const fn received(&self) -> Option<Received> {
        self.driven.last().received
    }

    /// Returns whether the last stanza that [`next`](Self::next) gave is a
    /// [redelivery](crate::Session::is_redelivery).
    #[must_use]
    pub const fn is_redelivery(&self) -> bool {
        self.driven.last().is_redelivery
    }

    /// Sleeps until one of the things waited for comes true, and does it.
    fn wait(&mut self, wait: Wait) {
        let now = self.driven.clock.now();
        let timeout = wait.timeout(now);
        let turn = Some(timeout.map_or(TURN, |timeout| timeout.min(TURN)));
        match (wait.write, wait.read) {
            (true, true) => {
                if now < self.next_write {
                    self.read(turn);
                } else if !self.write(turn) {
                    // Half of the time belongs to reading: a write that is blocked may stay so.
                    self.next_write = self.driven.clock.now() + TURN;
                }
            }
            (true, false) => {
                self.write(timeout);
            }
            (false, true) => self.read(timeout),
            (false, false) => thread::sleep(timeout.unwrap_or_default()),
        }
    }

    /// Writes what TCP takes within the timeout; whether anything came of it.
    fn write(&mut self, timeout: Option<Duration>) -> bool {
        let (machine, Some(tcp)) = (&mut self.driven.machine, &mut self.tcp) else {
            return false;
        };
        let written = tcp
            .set_write_timeout(nonzero(timeout))
            .and_then(|()| tcp.write(machine.transmit()));
        match written {
            Ok(1..) => {}
            Err(error) if is_early(&error) => return false,
            Ok(0) | Err(_) => machine.transport_failed(),
        }
        // TCP may have taken a part: the rest stays in the window.
        machine.transmitted(written.unwrap_or(0));
        true
    }

    /// Reads what the machine has room for, if it comes within the timeout.
    fn read(&mut self, timeout: Option<Duration>) {
        let (machine, Some(tcp)) = (&mut self.driven.machine, &mut self.tcp) else {
            return;
        };
        let read = tcp
            .set_read_timeout(nonzero(timeout))
            .and_then(|()| tcp.read(machine.receive_window()));
        match read {
            Ok(0) => machine.receive_eof(),
            Ok(n) => machine.received(n),
            Err(error) if is_early(&error) => {}
            Err(_) => machine.transport_failed(),
        }
    }

    /// Writes what was just sent, as far as TCP takes it now.
    fn hand_to_tcp(&mut self) {
        loop {
            match self.driven.step() {
                Step::Event(happened) => self.driven.keep(happened),
                Step::Wait(wait) if wait.write && self.write(Some(Duration::ZERO)) => {}
                Step::Wait(_) | Step::Close(_) => return,
            }
        }
    }

    /// Closes TCP as the machine says.
    fn end(&mut self, close: &CloseTcp) {
        let Some(mut tcp) = self.tcp.take() else {
            return;
        };
        if close.manner() == Manner::Abort || tcp.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let until = self.driven.clock.now() + close.linger();
        let mut discarded = [0; 4096];
        loop {
            let left = until.saturating_duration_since(self.driven.clock.now());
            if left.is_zero() || tcp.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match tcp.read(&mut discarded) {
                Ok(1..) => {}
                Err(error) if is_early(&error) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// A socket refuses a timeout of zero, because to the system it means "for ever".
fn nonzero(timeout: Option<Duration>) -> Option<Duration> {
    timeout.map(|timeout| timeout.max(Duration::from_millis(1)))
}

/// Nothing happened before the timeout, or a signal did.
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
