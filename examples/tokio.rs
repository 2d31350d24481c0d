//! A driver for tokio.
//!
//! Logs in, pings, closes:
//! `tokio --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
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
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::sync::Arc;

use conversation::Conversation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, CloseTcp, Initiator, Manner, Wait};

/// Drives the machine to its end.
async fn drive(
    tcp: &TcpStream,
    machine: &mut Initiator,
    talk: &mut Conversation,
    clock: StdClock,
) -> CloseTcp {
    loop {
        // What the application wants to say; the machine acts on it below.
        talk.act(machine);
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => talk.event(&event),
            Action::Wait(wait) => sleep(tcp, machine, wait, now).await,
            Action::CloseTcp(close) => return close.clone(),
        }
    }
}

/// Sleeps until one of the things waited for comes true. Bytes move after the
/// await, so a driver that has more to wait for may drop this future.
async fn sleep(tcp: &TcpStream, machine: &mut Initiator, wait: Wait, now: Instant) {
    let time = async {
        match wait.timeout(now) {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => pending().await,
        }
    };
    let moved = tokio::select! {
        // TCP may take a part: the rest stays in the window.
        ready = tcp.writable(), if wait.write => ready
            .and_then(|()| tcp.try_write(machine.transmit()))
            .map(|n| machine.transmitted(n)),
        // The window is what the machine has room for, so nothing is read
        // that it could not take.
        ready = tcp.readable(), if wait.read => ready
            .and_then(|()| tcp.try_read(machine.receive_window()))
            .map(|n| match n {
                0 => machine.receive_eof(),
                n => machine.received(n),
            }),
        () = time => Ok(()),
    };
    match moved {
        // The socket was not ready after all.
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(_) => machine.transport_failed(),
        Ok(()) => {}
    }
}

/// Ends TCP as the machine says.
async fn end(mut tcp: TcpStream, close: &CloseTcp) -> io::Result<()> {
    match close.manner() {
        // At once: dropping the socket is all.
        Manner::Abort => return Ok(()),
        Manner::Graceful => tcp.shutdown().await?,
    }
    // Reading on: unread input would turn the end into an RST, which takes
    // from the peer what it has not read yet, say a stream error.
    let drain = async {
        let mut sink = [0; 4096];
        while tcp.read(&mut sink).await? != 0 {}
        Ok(())
    };
    timeout(close.linger(), drain).await.unwrap_or(Ok(()))
}

/// One connection, from TCP's beginning to its end.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(address: &str, config: Arc<InitiatorConfig>) -> io::Result<CloseTcp> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let clock = StdClock::new();
    let mut machine = Initiator::new(config, clock.now());
    let mut talk = Conversation::new();
    let close = drive(&tcp, &mut machine, &mut talk, clock).await;
    talk.closed(&close);
    // The peer may have gone first: the stream has ended either way.
    let _ = end(tcp, &close).await;
    Ok(close)
}

fn main() -> ExitCode {
    conversation::main(run)
}
