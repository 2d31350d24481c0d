//! A program's own driver for blocking sockets, and what the program does when a connection has ended.
//!
//! The program needs neither the test kit nor TLS to be tested: [`drive`] is generic over the few
//! functions that it needs of a socket and of a clock. `src/tests` brings it into every situation that
//! the kit knows, and shows that the kit finds three drivers that are wrong.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, CloseReason, CloseTcp, Connection, Event, Manner, Negotiation};

#[cfg(test)]
mod tests;

/// How long one direction is tried while the other one is wanted, too.
const TURN: Duration = Duration::from_millis(10);

/// What the driver needs of a socket that blocks.
pub trait Socket: Read + Write {
    /// Bounds how long a read blocks.
    ///
    /// # Errors
    /// Those of the system.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Bounds how long a write blocks.
    ///
    /// # Errors
    /// Those of the system.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends the writing side.
    ///
    /// # Errors
    /// Those of the system.
    fn shut_down(&mut self) -> io::Result<()>;

    /// Sleeps.
    fn sleep(&self, duration: Duration);
}

/// What the driver needs of a clock.
pub trait Clock {
    /// Returns the time.
    fn now(&self) -> Instant;
}

/// What the program does with its machine.
pub trait Application<N: Negotiation> {
    /// Looks at what has happened.
    fn event(&mut self, event: &Event<'_>);

    /// Calls into the machine.
    fn act(&mut self, machine: &mut Connection<N>);

    /// Learns that the machine has closed. The driver ends TCP next.
    fn closed(&mut self, close: &CloseTcp);
}

/// Drives a machine to its end, and ends TCP as it says.
///
/// # Errors
/// Those of the socket's settings. Failed reads and writes are the machine's matter.
pub fn drive<N: Negotiation>(
    mut machine: Connection<N>,
    mut socket: impl Socket,
    clock: &impl Clock,
    application: &mut impl Application<N>,
) -> io::Result<CloseTcp> {
    let close = loop {
        application.act(&mut machine);
        let wait = match machine.poll(clock.now()) {
            Action::Event(event) => {
                application.event(&event);
                continue;
            }
            Action::CloseTcp(close) => break close.clone(),
            Action::Wait(wait) => wait,
        };
        let timeout = wait.timeout(clock.now());
        // One thread cannot sleep in a write and in a read.
        let turn = match wait.read && wait.write {
            true => Some(timeout.map_or(TURN, |timeout| timeout.min(TURN))),
            false => timeout,
        };
        // A socket refuses a timeout of zero.
        let turn = turn.map(|turn| turn.max(Duration::from_millis(1)));
        if wait.write {
            socket.set_write_timeout(turn)?;
            match socket.write(machine.transmit()) {
                Ok(taken) => machine.transmitted(taken),
                Err(error) if passes(&error) => {}
                Err(_) => machine.transport_failed(),
            }
        }
        if wait.read {
            socket.set_read_timeout(turn)?;
            match socket.read(machine.receive_window()) {
                Ok(0) => machine.receive_eof(),
                Ok(n) => machine.received(n),
                Err(error) if passes(&error) => {}
                Err(_) => machine.transport_failed(),
            }
        } else if !wait.write {
            socket.sleep(turn.unwrap_or_default());
        }
    };
    application.closed(&close);
    if close.manner() == Manner::Graceful {
        linger(&mut socket, clock, close.linger())?;
    }
    Ok(close)
}

/// Shuts down, and discards what still comes until the peer's end: a drop with unread input would
/// destroy what was just written.
fn linger(socket: &mut impl Socket, clock: &impl Clock, time: Duration) -> io::Result<()> {
    if socket.shut_down().is_err() {
        return Ok(());
    }
    let end = clock.now() + time;
    let mut discarded = [0; 4096];
    while clock.now() < end {
        let left = end.saturating_duration_since(clock.now());
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match socket.read(&mut discarded) {
            Ok(1..) => {}
            Err(error) if passes(&error) => {}
            Ok(0) | Err(_) => break,
        }
    }
    Ok(())
}

/// Nothing came in time, or a signal did.
fn passes(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

impl Socket for TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        TcpStream::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        TcpStream::set_write_timeout(self, timeout)
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

impl Clock for StdClock {
    fn now(&self) -> Instant {
        StdClock::now(self)
    }
}

/// What the program's window shows after the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Nothing: the user wanted it.
    None,
    /// "Connecting again".
    Reconnecting,
    /// "Is your password right?"
    AskForPassword,
    /// "This network is not to be trusted": somebody may be in between.
    Warning,
    /// "The server refuses": there is nothing to do for the user.
    Failure,
}

/// Returns what is shown for a reason.
#[must_use]
pub fn notice(reason: &CloseReason) -> Notice {
    match reason {
        CloseReason::Closed { .. } | CloseReason::LocalAbort => Notice::None,
        CloseReason::Reset { .. } | CloseReason::Timeout(_) | CloseReason::Transport(_) => {
            Notice::Reconnecting
        }
        CloseReason::AuthenticationFailed(_) => Notice::AskForPassword,
        CloseReason::TlsRenegotiation(_)
        | CloseReason::Tls(_)
        | CloseReason::TlsTruncated
        | CloseReason::StarttlsNotOffered
        | CloseReason::PlaintextAfterStarttls => Notice::Warning,
        // Among them what later versions of the crate add.
        _ => Notice::Failure,
    }
}
