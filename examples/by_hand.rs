use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use xmpp_stream::time::StdClock;
use xmpp_stream::{Action, CloseTcp, Connection, Event, Manner, Negotiation};

/// What a program does with a machine.
pub trait Application<N: Negotiation> {
    /// Looks at what has happened. An event borrows from the machine: `act` is next.
    fn event(&mut self, event: &Event<'_>);

    /// Calls into the machine, e.g. `machine.session()` to send, `machine.decision()` to answer.
    fn act(&mut self, machine: &mut Connection<N>);
}

/// Drives a machine over a blocking socket to its end.
pub fn run<N: Negotiation>(
    machine: &mut Connection<N>,
    mut tcp: TcpStream,
    clock: StdClock,
    application: &mut impl Application<N>,
) -> io::Result<CloseTcp> {
    let close = loop {
        application.act(machine);
        let wait = match machine.poll(clock.now()) {
            Action::Event(event) => {
                application.event(&event);
                continue;
            }
            Action::CloseTcp(close) => break close.clone(),
            Action::Wait(wait) => wait,
        };
        // One thread cannot sleep in a write and in a read: where both are wanted, in short turns.
        let turn = match (wait.read && wait.write, wait.timeout(clock.now())) {
            (true, timeout) => {
                Some(Duration::from_millis(10).min(timeout.unwrap_or(Duration::MAX)))
            }
            (false, timeout) => timeout,
        };
        // A socket refuses a timeout of zero, and takes none for "for ever".
        let turn = turn.map(|turn| turn.max(Duration::from_millis(1)));
        if wait.write {
            tcp.set_write_timeout(turn)?; // a peer that reads nothing cannot hold up a deadline
            match tcp.write(machine.transmit()) {
                Ok(taken) => machine.transmitted(taken), // what was not taken stays in the window
                Err(error) if is_early(&error) => {}
                Err(_) => machine.transport_failed(),
            }
        }
        if wait.read {
            tcp.set_read_timeout(turn)?;
            match tcp.read(machine.receive_window()) {
                Ok(0) => machine.receive_eof(),
                Ok(n) => machine.received(n),
                Err(error) if is_early(&error) => {}
                Err(_) => machine.transport_failed(),
            }
        } else if !wait.write {
            std::thread::sleep(turn.unwrap_or_default());
        }
    };
    if close.manner() == Manner::Graceful && tcp.shutdown(Shutdown::Write).is_ok() {
        // A plain drop with unread input would send RST, which destroys what was just written.
        let end = clock.now() + close.linger();
        let mut discarded = [0; 4096];
        while clock.now() < end {
            let left = end.saturating_duration_since(clock.now());
            tcp.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match tcp.read(&mut discarded) {
                Ok(1..) => {}
                Err(error) if is_early(&error) => {}
                Ok(0) | Err(_) => break,
            }
        }
    }
    Ok(close)
}

/// Nothing happened before the timeout, or a signal did.
fn is_early(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
