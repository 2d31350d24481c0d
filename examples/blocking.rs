//! A driver for a blocking socket, with one thread and no dependency.
//!
//! Logs in, pings, closes:
//! `blocking --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
//!
//! One thread cannot sleep in a read and in a write at once. Where the machine
//! wants both, this driver looks at each in short turns; a peer that sends
//! while it does not read cannot stall it. `mio.rs` sleeps in one place.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

#[path = "shared/conversation.rs"]
mod conversation;
mod shared;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use conversation::Conversation;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, CloseTcp, Initiator, Manner, Wait};

/// How long one direction is looked at while the other one is wanted, too.
const TURN: Duration = Duration::from_millis(10);

/// Drives the machine to its end.
fn drive(
    tcp: &mut TcpStream,
    machine: &mut Initiator,
    talk: &mut Conversation,
    clock: StdClock,
) -> io::Result<CloseTcp> {
    loop {
        // What the application wants to say; the machine acts on it below.
        talk.act(machine);
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => talk.event(&event),
            Action::Wait(wait) => sleep(tcp, machine, wait, now)?,
            Action::CloseTcp(close) => return Ok(close.clone()),
        }
    }
}

/// Sleeps until one of the things waited for comes true.
fn sleep(tcp: &mut TcpStream, machine: &mut Initiator, wait: Wait, now: Instant) -> io::Result<()> {
    let timeout = wait.timeout(now);
    let turn = Some(timeout.map_or(TURN, |timeout| timeout.min(TURN)));
    if wait.write {
        tcp.set_write_timeout(nonzero(if wait.read { turn } else { timeout }))?;
        // TCP may take a part: the rest stays in the window.
        match tcp.write(machine.transmit()) {
            Ok(n) => {
                machine.transmitted(n);
                return Ok(());
            }
            Err(error) if is_early(&error) => {}
            Err(_) => {
                machine.transport_failed();
                return Ok(());
            }
        }
    }
    if wait.read {
        tcp.set_read_timeout(nonzero(if wait.write { turn } else { timeout }))?;
        // The window is what the machine has room for, so nothing is read
        // that it could not take.
        match tcp.read(machine.receive_window()) {
            Ok(0) => machine.receive_eof(),
            Ok(n) => machine.received(n),
            Err(error) if is_early(&error) => {}
            Err(_) => machine.transport_failed(),
        }
    } else if !wait.write {
        std::thread::sleep(timeout.unwrap_or_default());
    }
    Ok(())
}

/// Ends TCP as the machine says.
fn end(mut tcp: TcpStream, close: &CloseTcp, clock: StdClock) -> io::Result<()> {
    match close.manner() {
        // At once: dropping the socket is all.
        Manner::Abort => return Ok(()),
        Manner::Graceful => tcp.shutdown(Shutdown::Write)?,
    }
    // Reading on: unread input would turn the end into an RST, which takes
    // from the peer what it has not read yet, say a stream error.
    let until = clock.now() + close.linger();
    let mut sink = [0; 4096];
    loop {
        let left = until.saturating_duration_since(clock.now());
        if left.is_zero() {
            return Ok(());
        }
        tcp.set_read_timeout(Some(left))?;
        match tcp.read(&mut sink) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if is_early(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// One connection, from TCP's beginning to its end.
pub(crate) fn run(address: &str, config: Arc<InitiatorConfig>) -> io::Result<CloseTcp> {
    let mut tcp = TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    let clock = StdClock::new();
    let mut machine = Initiator::new(config, clock.now());
    let mut talk = Conversation::new();
    let close = drive(&mut tcp, &mut machine, &mut talk, clock)?;
    talk.closed(&close);
    // The peer may have gone first: the stream has ended either way.
    let _ = end(tcp, &close, clock);
    Ok(close)
}

/// To a socket a timeout of zero is none at all.
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

fn main() -> ExitCode {
    conversation::main(run)
}
