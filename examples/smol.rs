//! A driver for smol.
//!
//! Logs in, pings, closes:
//! `smol --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

#[path = "shared/conversation.rs"]
mod conversation;
mod shared;

use std::future::pending;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use conversation::Conversation;
use smol::future::or;
use smol::net::resolve;
use smol::{Async, Timer};
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, CloseTcp, Initiator, Manner, Wait};

/// Drives the machine to its end.
async fn drive(
    tcp: &Async<TcpStream>,
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
            Action::Wait(wait) => sleep(tcp, machine, wait, now).await?,
            Action::CloseTcp(close) => return Ok(close.clone()),
        }
    }
}

/// What ended a sleep.
enum Woken {
    Writable,
    Readable,
    Deadline,
}

/// Sleeps until one of the things waited for comes true. Bytes move after the
/// await, so a driver that has more to wait for may drop this future.
async fn sleep(
    tcp: &Async<TcpStream>,
    machine: &mut Initiator,
    wait: Wait,
    now: Instant,
) -> io::Result<()> {
    let write = async {
        if !wait.write {
            pending::<()>().await;
        }
        tcp.writable().await.map(|()| Woken::Writable)
    };
    let read = async {
        if !wait.read {
            pending::<()>().await;
        }
        tcp.readable().await.map(|()| Woken::Readable)
    };
    let time = async {
        match wait.timeout(now) {
            Some(timeout) => Timer::after(timeout).await,
            None => pending().await,
        };
        Ok(Woken::Deadline)
    };
    let moved = match or(write, or(read, time)).await? {
        Woken::Deadline => return Ok(()),
        // TCP may take a part: the rest stays in the window.
        Woken::Writable => tcp
            .get_ref()
            .write(machine.transmit())
            .map(|n| machine.transmitted(n)),
        // The window is what the machine has room for, so nothing is read
        // that it could not take.
        Woken::Readable => tcp
            .get_ref()
            .read(machine.receive_window())
            .map(|n| match n {
                0 => machine.receive_eof(),
                n => machine.received(n),
            }),
    };
    match moved {
        Err(error) if !is_early(&error) => machine.transport_failed(),
        _ => {}
    }
    Ok(())
}

/// Ends TCP as the machine says.
async fn end(tcp: Async<TcpStream>, close: &CloseTcp) -> io::Result<()> {
    match close.manner() {
        // At once: dropping the socket is all.
        Manner::Abort => return Ok(()),
        Manner::Graceful => tcp.get_ref().shutdown(Shutdown::Write)?,
    }
    // Reading on: unread input would turn the end into an RST, which takes
    // from the peer what it has not read yet, say a stream error.
    let drain = async {
        let mut sink = [0; 4096];
        while tcp.read_with(|mut tcp| tcp.read(&mut sink)).await? != 0 {}
        Ok(())
    };
    let linger = async {
        Timer::after(close.linger()).await;
        Ok(())
    };
    or(drain, linger).await
}

/// One connection, from TCP's beginning to its end.
pub(crate) fn run(address: &str, config: Arc<InitiatorConfig>) -> io::Result<CloseTcp> {
    smol::block_on(async {
        let tcp = connect(address).await?;
        let clock = StdClock::new();
        let mut machine = Initiator::new(config, clock.now());
        let mut talk = Conversation::new();
        let close = drive(&tcp, &mut machine, &mut talk, clock).await?;
        talk.closed(&close);
        // The peer may have gone first: the stream has ended either way.
        let _ = end(tcp, &close).await;
        Ok(close)
    })
}

/// The socket was not ready after all.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

async fn connect(address: &str) -> io::Result<Async<TcpStream>> {
    let mut outcome = Err(ErrorKind::NotFound.into());
    for address in resolve(address).await? {
        outcome = Async::<TcpStream>::connect(address).await;
        if outcome.is_ok() {
            break;
        }
    }
    let tcp = outcome?;
    tcp.get_ref().set_nodelay(true)?;
    Ok(tcp)
}

fn main() -> ExitCode {
    conversation::main(run)
}
