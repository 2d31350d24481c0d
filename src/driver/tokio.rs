//! A driver for tokio: for a `TcpStream` and anything else that is `AsyncRead + AsyncWrite`.
//!
//! It is [`futures::Driver`] with tokio's traits and timer, and has the same promises. It needs a
//! runtime whose time driver is enabled, and runs on either flavour.

use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::time::{Sleep, sleep};

use super::{ClosedError, Next, NotSentError, futures};
use crate::close::CloseTcp;
use crate::config::{InitiatorConfig, ResponderConfig};
use crate::connection::{Connection, InitiatorRole, Negotiation, ResponderRole};
use crate::sm::Received;
use crate::ticket::Ticket;
use crate::time::StdClock;
use crate::xml::StanzaBuf;

/// A machine and its socket; see [`driver`](super).
#[derive(Debug)]
pub struct Driver<R: Negotiation, Io>(futures::Driver<R, Adapter<Io>, Sleep>);

impl<Io: AsyncRead + AsyncWrite + Unpin> Driver<InitiatorRole, Io> {
    /// Returns the driver of an initiating entity, on a connection that has just been made. For TCP,
    /// set `TCP_NODELAY`: the machine writes whole units.
    #[must_use]
    pub fn initiator(config: Arc<InitiatorConfig>, io: Io) -> Self {
        Self(futures::Driver::initiator(config, Adapter(io), sleep))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Driver<ResponderRole, Io> {
    /// Returns the driver of a receiving entity, on a connection that has just been accepted. For TCP,
    /// set `TCP_NODELAY`: the machine writes whole units.
    #[must_use]
    pub fn responder(config: Arc<ResponderConfig>, io: Io) -> Self {
        Self(futures::Driver::responder(config, Adapter(io), sleep))
    }
}

impl<R: Negotiation, Io: AsyncRead + AsyncWrite + Unpin> Driver<R, Io> {
    /// Returns the driver of any machine. `clock` is the one by which the machine was made.
    #[must_use]
    pub fn new(machine: Connection<R>, clock: StdClock, io: Io) -> Self {
        Self(futures::Driver::new(machine, clock, Adapter(io), sleep))
    }

    /// Waits for what happens next. Cancel-safe.
    pub async fn next(&mut self) -> Next {
        self.0.next().await
    }

    /// Waits until the stream is established. Other events are dropped. Cancel-safe.
    ///
    /// # Errors
    /// [`ClosedError`]
    pub async fn established(&mut self) -> Result<(), ClosedError> {
        self.0.established().await
    }

    /// Waits for the next stanza. Other events are dropped. Cancel-safe.
    ///
    /// # Errors
    /// [`ClosedError`]
    pub async fn stanza(&mut self) -> Result<StanzaBuf, ClosedError> {
        self.0.stanza().await
    }

    /// Sends one element, as [`Session::send`](crate::Session::send) does, and waits while there is no
    /// room for it. Cancel-safe: dropped before it is ready, it has queued nothing.
    ///
    /// # Errors
    /// [`NotSentError`]; nothing was queued.
    pub async fn send(&mut self, element: &str) -> Result<Ticket, NotSentError> {
        self.0.send(element).await
    }

    /// Closes the stream once it is established, and waits for the end. Events until then are
    /// dropped: to see them, call [`Session::close`](crate::Session::close) and go on with
    /// [`next`](Self::next). Cancel-safe.
    pub async fn close(&mut self) -> CloseTcp {
        self.0.close().await
    }

    /// Returns the machine.
    #[must_use]
    pub const fn machine(&self) -> &Connection<R> {
        self.0.machine()
    }

    /// Returns the machine, for its session, its decisions and its end; what is called there is carried
    /// out by the next [`next`](Self::next).
    pub const fn machine_mut(&mut self) -> &mut Connection<R> {
        self.0.machine_mut()
    }

    /// Returns what names the last stanza that [`next`](Self::next) gave, for
    /// [`Session::handled`](crate::Session::handled). [`Session::received`](crate::Session::received) may
    /// be ahead of it.
    #[must_use]
    pub const fn received(&self) -> Option<Received> {
        self.0.received()
    }

    /// Returns whether the last stanza that [`next`](Self::next) gave is a
    /// [redelivery](crate::Session::is_redelivery).
    #[must_use]
    pub const fn is_redelivery(&self) -> bool {
        self.0.is_redelivery()
    }
}

/// tokio's traits as those of `futures-io`.
#[derive(Debug)]
struct Adapter<Io>(Io);

impl<Io: AsyncRead + Unpin> futures_io::AsyncRead for Adapter<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<Io: AsyncWrite + Unpin> futures_io::AsyncWrite for Adapter<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
