//! How the drivers with futures share their executor, without sockets: the peer is a machine in the place
//! of one, and always ready.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use smol::{LocalExecutor, Timer, future};
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::driver::Next;
use xmpp_stream::driver::futures::{Driver, STEPS_PER_TURN};
use xmpp_stream::limits::Limits;
use xmpp_stream::time::StdClock;
use xmpp_stream::{Action, EventBuf, Responder};

use super::alice;
use super::common::configs::{decide, server};

/// Waits until the stream is established.
async fn establish_on(driver: &mut Driver<InitiatorRole, Busy, Timer>) {
    loop {
        match driver.next().await {
            Next::Event(EventBuf::Established(_)) => return,
            Next::Event(_) => {}
            Next::Closed(close) => panic!("{}", close.reason()),
        }
    }
}

/// A peer that always has something to say, and a wire to it that is never blocked. Each call is
/// interrupted once before it does anything.
struct Busy {
    machine: Responder,
    clock: StdClock,
    /// Whether the next read, and the next write, is interrupted.
    interrupted: [bool; 2],
    /// Once our side has shut its direction down, it floods.
    floods: Rc<Cell<bool>>,
}

impl Busy {
    fn new() -> Self {
        let clock = StdClock::new();
        Self {
            machine: Responder::new(server(None), clock.now()),
            clock,
            interrupted: [true; 2],
            floods: Rc::default(),
        }
    }

    fn interrupt(&mut self, direction: usize) -> io::Result<()> {
        let interrupted = self.interrupted[direction];
        self.interrupted[direction] = !interrupted;
        match interrupted {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }

    fn work(&mut self) {
        loop {
            decide(&mut self.machine);
            if let Some(mut session) = self.machine.session() {
                while session.send("<message/>").is_ok() {}
            }
            match self.machine.poll(self.clock.now()) {
                Action::Event(_) => {}
                Action::Wait(_) | Action::CloseTcp(_) => return,
            }
        }
    }
}

impl AsyncRead for Busy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.interrupt(0)?;
        if self.floods.get() {
            return Poll::Ready(Ok(buf.len()));
        }
        self.work();
        let n = buf.len().min(self.machine.transmit().len());
        if n == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        buf[..n].copy_from_slice(&self.machine.transmit()[..n]);
        self.machine.transmitted(n);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Busy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.interrupt(1)?;
        Poll::Ready(Ok(self.machine.receive(buf)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.interrupt(1))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.floods.set(true);
        Poll::Ready(self.interrupt(1))
    }
}

#[test]
fn a_busy_connection_does_not_starve_others_on_the_same_executor() {
    let executor = LocalExecutor::new();
    let stanzas = Rc::new(Cell::new(0));
    let counted = Rc::clone(&stanzas);
    let busy = executor.spawn(async move {
        let mut driver =
            Driver::initiator(alice(None, Limits::client()), Busy::new(), Timer::after);
        establish_on(&mut driver).await;
        loop {
            match driver.next().await {
                Next::Event(EventBuf::Stanza(_)) => counted.set(counted.get() + 1),
                Next::Event(_) => {}
                Next::Closed(close) => return close.reason().to_string(),
            }
        }
    });
    let seen = Rc::clone(&stanzas);
    let other = executor.spawn(async move {
        while seen.get() == 0 {
            future::yield_now().await;
        }
        for _ in 0..100 {
            let before = seen.get();
            future::yield_now().await;
            let turn = seen.get() - before;
            assert!(
                turn <= STEPS_PER_TURN,
                "{turn} stanzas before it was anybody else's turn"
            );
        }
    });
    future::block_on(executor.run(other));
    assert!(!busy.is_finished(), "the busy connection ended");
    assert!(stanzas.get() > 2 * STEPS_PER_TURN, "it was not busy");
}

#[test]
fn a_peer_that_floods_at_the_end_starves_nobody_and_is_left_in_time() {
    let linger = Duration::from_millis(100);
    let executor = LocalExecutor::new();
    let ending = executor.spawn(async {
        let mut driver = Driver::initiator(
            alice(None, Limits::client().with_linger(linger).unwrap()),
            Busy::new(),
            Timer::after,
        );
        establish_on(&mut driver).await;
        driver.close().await.reason().code()
    });
    let turns = Rc::new(Cell::new(0_u32));
    let counted = Rc::clone(&turns);
    let other = executor.spawn(async move {
        loop {
            counted.set(counted.get() + 1);
            future::yield_now().await;
        }
    });
    let code = future::block_on(executor.run(ending));
    drop(other);
    assert!(
        turns.get() > 10,
        "{code}: {} turns of the other task",
        turns.get()
    );
}

#[test]
fn an_abort_does_not_shut_the_socket_down() {
    let busy = Busy::new();
    let is_shut_down = Rc::clone(&busy.floods);
    let mut driver = Driver::initiator(alice(None, Limits::client()), busy, Timer::after);
    let close = future::block_on(async {
        establish_on(&mut driver).await;
        driver.machine_mut().abort();
        driver.close().await
    });
    assert_eq!(close.reason().code(), "local-abort");
    assert!(!is_shut_down.get());
}
