//! The socket that a driver under test is given.

use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};

use super::world::{Outcome, World};
use crate::time::Instant;

/// The world, shared by the socket, the clock and the check.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Looks at the world. It is sound also after a panic of the driver: a check has failed then.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The virtual clock of a run. It moves only while the driver waits: in a read, a write,
/// [`MockSocket::wait`], [`MockSocket::sleep`], or with a future that is pending.
#[derive(Clone)]
pub struct MockClock(Shared);

impl MockClock {
    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.with(|world| world.now)
    }

    /// Waits for this time: ready as soon as it has come.
    pub fn poll_until(&self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.0.with(|world| {
            if world.now >= at || world.violation.is_some() {
                return Poll::Ready(());
            }
            world.add_timer(at);
            world.add_waker(context.waker());
            Poll::Pending
        })
    }

    /// Waits for this time.
    pub async fn sleep_until(&self, at: Instant) {
        core::future::poll_fn(|context| self.poll_until(at, context)).await;
    }
}

/// Which of the things that [`MockSocket::wait`] waits for are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read would not block.
    pub readable: bool,
    /// A write would not block.
    pub writable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocking {
    No,
    Yes {
        read: Option<Duration>,
        write: Option<Duration>,
    },
}

/// A simulated TCP socket under a virtual clock, with the interface of
/// [`TcpStream`](std::net::TcpStream): it reads and writes in parts, blocks, is interrupted by signals,
/// ends and fails, as the situation of a [check](super) says.
///
/// It blocks at first. Dropping it closes it.
pub struct MockSocket {
    world: Shared,
    blocking: Blocking,
}

impl MockSocket {
    pub(super) const fn new(world: Shared) -> Self {
        Self {
            world,
            blocking: Blocking::Yes {
                read: None,
                write: None,
            },
        }
    }

    #[cfg(feature = "futures")]
    pub(super) const fn world(&self) -> &Shared {
        &self.world
    }

    /// Returns the clock by which the machine was made.
    #[must_use]
    pub fn clock(&self) -> MockClock {
        MockClock(self.world.clone())
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.world.with(|world| world.now)
    }

    /// Makes reads and writes return [`ErrorKind::WouldBlock`] at once, or block again without a
    /// timeout.
    ///
    /// # Errors
    /// None; it has the form of the standard library's.
    pub fn set_nonblocking(&mut self, nonblocking: bool) -> io::Result<()> {
        self.blocking = match nonblocking {
            true => Blocking::No,
            false => Blocking::Yes {
                read: None,
                write: None,
            },
        };
        Ok(())
    }

    /// Bounds how long a read blocks. It ends with [`ErrorKind::WouldBlock`] then.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for zero, as the standard library has it.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        check_timeout(timeout)?;
        if let Blocking::Yes { read, .. } = &mut self.blocking {
            *read = timeout;
        }
        Ok(())
    }

    /// Bounds how long a write blocks. It ends with [`ErrorKind::WouldBlock`] then.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for zero, as the standard library has it.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        check_timeout(timeout)?;
        if let Blocking::Yes { write, .. } = &mut self.blocking {
            *write = timeout;
        }
        Ok(())
    }

    /// Ends the writing side; the reading side of a simulated socket ends by being dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for anything but [`Shutdown::Write`].
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Write {
            return Err(ErrorKind::Unsupported.into());
        }
        self.world.with(World::shut_down);
        Ok(())
    }

    /// Sleeps until the socket is readable or writable, as far as asked, or until `deadline`: what
    /// `poll`, `epoll` and mio do.
    pub fn wait(&self, read: bool, write: bool, deadline: Option<Instant>) -> Readiness {
        self.world.with(|world| {
            loop {
                if world.call() == Some(Outcome::Ended) {
                    return Readiness {
                        readable: true,
                        writable: true,
                    };
                }
                let ready = Readiness {
                    readable: read && world.is_readable(),
                    writable: write && world.is_writable(),
                };
                let is_ready = ready.readable || ready.writable;
                if is_ready || world.sleep_until(deadline, "for the socket") {
                    return ready;
                }
            }
        })
    }

    /// Sleeps.
    pub fn sleep(&self, duration: Duration) {
        self.world.with(|world| {
            let until = world.now + duration;
            while world.violation.is_none() && !world.sleep_until(Some(until), "for a time") {}
        });
    }

    /// Does a call; blocks as far as the socket does.
    fn blocking(
        &self,
        timeout: Option<Duration>,
        what: &str,
        mut call: impl FnMut(&mut World) -> Outcome,
    ) -> io::Result<usize> {
        self.world.with(|world| {
            let until = timeout.map(|timeout| world.now + timeout);
            let mut outcome = world.call().unwrap_or_else(|| call(world));
            while outcome == Outcome::Blocked && self.blocking != Blocking::No {
                if world.sleep_until(until, what) {
                    break;
                }
                outcome = call(world);
            }
            finish(outcome)
        })
    }

    #[cfg(feature = "futures")]
    fn poll(
        &self,
        context: &Context<'_>,
        call: impl FnOnce(&mut World) -> Outcome,
    ) -> Poll<io::Result<usize>> {
        self.world.with(|world| {
            // `futures-io` knows no EINTR: its sockets try again by themselves.
            let outcome = match world.call() {
                Some(Outcome::Ended) => Outcome::Ended,
                Some(_) | None => call(world),
            };
            if outcome == Outcome::Blocked {
                world.add_waker(context.waker());
                return Poll::Pending;
            }
            Poll::Ready(finish(outcome))
        })
    }
}

fn check_timeout(timeout: Option<Duration>) -> io::Result<()> {
    match timeout {
        Some(Duration::ZERO) => Err(ErrorKind::InvalidInput.into()),
        _ => Ok(()),
    }
}

fn finish(outcome: Outcome) -> io::Result<usize> {
    match outcome {
        Outcome::Moved(n) => Ok(n),
        Outcome::Blocked => Err(ErrorKind::WouldBlock.into()),
        Outcome::Interrupted => Err(ErrorKind::Interrupted.into()),
        Outcome::Failed => Err(ErrorKind::ConnectionReset.into()),
        Outcome::Ended => Err(io::Error::other("the check has failed and ended this run")),
    }
}

impl Read for MockSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let timeout = match self.blocking {
            Blocking::Yes { read, .. } => read,
            Blocking::No => None,
        };
        self.blocking(timeout, "in a read", |world| world.read(into))
    }
}

impl Write for MockSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let timeout = match self.blocking {
            Blocking::Yes { write, .. } => write,
            Blocking::No => None,
        };
        self.blocking(timeout, "in a write", |world| world.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "futures")]
#[cfg_attr(docsrs, doc(cfg(feature = "futures")))]
impl futures_io::AsyncRead for MockSocket {
    fn poll_read(
        self: core::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, |world| world.read(into))
    }
}

#[cfg(feature = "futures")]
#[cfg_attr(docsrs, doc(cfg(feature = "futures")))]
impl futures_io::AsyncWrite for MockSocket {
    fn poll_write(
        self: core::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, |world| world.write(bytes))
    }

    fn poll_flush(self: core::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Shuts the writing side down.
    fn poll_close(self: core::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.world.with(World::shut_down);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MockSocket {
    fn drop(&mut self) {
        self.world.with(World::drop_socket);
    }
}

impl core::fmt::Debug for MockClock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("MockClock").field(&self.now()).finish()
    }
}

impl core::fmt::Debug for MockSocket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MockSocket")
            .field("now", &self.now())
            .field("blocking", &self.blocking)
            .finish_non_exhaustive()
    }
}
