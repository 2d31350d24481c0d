//! Bytes between a machine and a blocking socket.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{CloseTcp, Connection, Manner, Negotiation, Wait};

/// How long is slept at most; what else a connection waits for is looked at in turns.
pub const TURN: Duration = Duration::from_millis(5);

/// Prepares a socket.
pub fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_write_timeout(Some(TURN))
}

/// Writes what waits, or reads, or sleeps.
pub fn exchange<N: Negotiation>(
    tcp: &mut TcpStream,
    machine: &mut Connection<N>,
    wait: Wait,
    now: Instant,
) -> io::Result<()> {
    if wait.write {
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
    let turn = wait.timeout(now).unwrap_or(TURN).min(TURN);
    // To a socket a timeout of zero is none at all.
    let turn = turn.max(Duration::from_millis(1));
    if !wait.read {
        std::thread::sleep(turn);
        return Ok(());
    }
    tcp.set_read_timeout(Some(turn))?;
    match tcp.read(machine.receive_window()) {
        Ok(0) => machine.receive_eof(),
        Ok(n) => machine.received(n),
        Err(error) if is_early(&error) => {}
        Err(_) => machine.transport_failed(),
    }
    Ok(())
}

/// Ends TCP as the machine says.
pub fn end(tcp: &mut TcpStream, close: &CloseTcp, clock: StdClock) -> io::Result<()> {
    if close.manner() == Manner::Abort {
        return Ok(());
    }
    tcp.shutdown(Shutdown::Write)?;
    let until = clock.now() + close.linger();
    let mut sink = [0; 4096];
    while clock.now() < until {
        tcp.set_read_timeout(Some(TURN))?;
        match tcp.read(&mut sink) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if is_early(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Nothing happened before the timeout, or a signal did.
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
