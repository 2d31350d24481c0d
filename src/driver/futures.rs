//! A driver for anything that is `AsyncRead + AsyncWrite` of `futures-io`, on any executor.
//!
//! `futures-io` has no timer, so the driver is given one: a function that makes a future for a time,
//! such as `smol::Timer::after`.
//!
//! All state is in the [`Driver`], none in the futures of its methods, and bytes and events move
//! without a suspension between them. The future of [`next`](Driver::next) can therefore be dropped at
//! any time (`select!`, a timeout) and nothing is lost; dropped, the future of
//! [`send`](Driver::send) has queued nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, ErrorKind};

use futures_io::{AsyncRead, AsyncWrite};

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

/// After how many events, and steps between them, a driver lets other tasks of its executor run, though
/// it could go on.
pub const STEPS_PER_TURN: u32 = 64;

/// A machine and its socket; see [`driver`](super). `F` is the future of the timer.
pub struct Driver<R: Negotiation, Io, F> {
    driven: Driven<R>,
    /// `None` once TCP is closed.
    io: Option<Io>,
    flush: Flush,
    timer: fn(Duration) -> F,
    alarm: Option<Alarm<F>>,
    /// How many steps are left of this turn.
    steps: u32,
    ending: Ending,
}

/// How far TCP is closed.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Open,
    /// Our direction is being shut down. What follows has to be over at that time.
    ShuttingDown(Instant),
    /// It is shut down, and input is discarded.
    Discarding(Instant),
}

/// Whether bytes may be in a buffer of the socket's own.
#[derive(Debug, PartialEq, Eq)]
enum Flush {
    Done,
    Due,
}

/// A timer that is running.
struct Alarm<F> {
    at: Instant,
    timer: Pin<Box<F>>,
}

impl<Io, F> Driver<InitiatorRole, Io, F>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    /// Returns the driver of an initiating entity, on a connection that has just been made. For TCP,
    /// set `TCP_NODELAY`: the machine writes whole units.
    #[must_use]
    pub fn initiator(config: Arc<InitiatorConfig>, io: Io, timer: fn(Duration) -> F) -> Self {
        let clock = StdClock::new();
        Self::new(Connection::new(config, clock.now()), clock, io, timer)
    }
}

impl<Io, F> Driver<ResponderRole, Io, F>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    /// Returns the driver of a receiving entity, on a connection that has just been accepted. For TCP,
    /// set `TCP_NODELAY`: the machine writes whole units.
    #[must_use]
    pub fn responder(config: Arc<ResponderConfig>, io: Io, timer: fn(Duration) -> F) -> Self {
        let clock = StdClock::new();
        Self::new(Connection::new(config, clock.now()), clock, io, timer)
    }
}

impl<R, Io, F> Driver<R, Io, F>
where
    R: Negotiation,
    Io: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    /// Returns the driver of any machine. `clock` is the one by which the machine was made.
    #[must_use]
    pub fn new(machine: Connection<R>, clock: StdClock, io: Io, timer: fn(Duration) -> F) -> Self {
        Self {
            driven: Driven::new(machine, clock),
            io: Some(io),
            flush: Flush::Done,
            timer,
            alarm: None,
            steps: STEPS_PER_TURN,
            ending: Ending::Open,
        }
    }

    /// Waits for what happens next. Cancel-safe.
    pub async fn next(&mut self) -> Next {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits until the stream is established. Other events are dropped. Cancel-safe.
    ///
    /// # Errors
    /// [`ClosedError`]
    pub async fn established(&mut self) -> Result<(), ClosedError> {
        loop {
            if let Some(result) = self.next().await.wanted(establishes) {
                return result;
            }
        }
    }

    /// Waits for the next stanza. Other events are dropped. Cancel-safe.
    ///
    /// # Errors
    /// [`ClosedError`]
    pub async fn stanza(&mut self) -> Result<StanzaBuf, ClosedError> {
        loop {
            if let Some(result) = self.next().await.wanted(carries) {
                return result;
            }
        }
    }

    /// Sends one element, as [`Session::send`](crate::Session::send) does, and waits while there is no
    /// room for it. Cancel-safe: dropped before it is ready, it has queued nothing.
    ///
    /// # Errors
    /// [`NotSentError`]; nothing was queued.
    pub async fn send(&mut self, element: &str) -> Result<Ticket, NotSentError> {
        poll_fn(|cx| self.poll_send(cx, element)).await
    }

    /// Closes the stream once it is established, and waits for the end. Events until then are
    /// dropped: to see them, call [`Session::close`](crate::Session::close) and go on with
    /// [`next`](Self::next). Cancel-safe.
    pub async fn close(&mut self) -> CloseTcp {
        loop {
            if let Some(session) = self.driven.machine.session() {
                session.close();
            }
            if let Next::Closed(close) = self.next().await {
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

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            ready!(self.poll_turn(cx));
            if let Some(event) = self.driven.take_kept() {
                return Poll::Ready(Next::Event(event));
            }
            match self.driven.step() {
                Step::Event(happened) => {
                    return Poll::Ready(Next::Event(self.driven.hand_over(happened)));
                }
                Step::Wait(wait) => ready!(self.poll_wait(cx, wait)),
                Step::Close(close) => {
                    ready!(self.poll_end(cx, &close));
                    return Poll::Ready(Next::Closed(close));
                }
            }
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        element: &str,
    ) -> Poll<Result<Ticket, NotSentError>> {
        loop {
            ready!(self.poll_turn(cx));
            if let Some(ticket) = self.driven.try_send(element)? {
                self.hand_to_tcp(cx);
                return Poll::Ready(Ok(ticket));
            }
            match self.driven.step() {
                Step::Event(happened) => self.driven.keep(happened),
                Step::Wait(wait) => {
                    let wait = self.driven.wait_for_room(wait)?;
                    ready!(self.poll_wait(cx, wait));
                }
                Step::Close(_) => return Poll::Ready(Err(NotSentError::NoSession)),
            }
        }
    }

    /// Takes a step of this turn; after the last one other tasks come first.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.steps == 0 {
            self.steps = STEPS_PER_TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.steps -= 1;
        Poll::Ready(())
    }

    /// Does what the machine waits for, as far as it is possible now. Ready if anything was.
    fn poll_wait(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<()> {
        // Both, and not the one or the other: each leaves its waker where it waits.
        let written = self.poll_write(cx, wait);
        let read = self.poll_read(cx, wait);
        if written.is_ready() || read.is_ready() {
            return Poll::Ready(());
        }
        if let Some(deadline) = wait.deadline {
            ready!(self.poll_alarm(cx, deadline));
            return Poll::Ready(());
        }
        self.rest()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<()> {
        let (machine, Some(io)) = (&mut self.driven.machine, &mut self.io) else {
            return Poll::Pending;
        };
        let io = Pin::new(io);
        if !wait.write {
            if self.flush == Flush::Done {
                return Poll::Pending;
            }
            return match ready!(io.poll_flush(cx)) {
                Ok(()) => {
                    self.flush = Flush::Done;
                    Poll::Pending
                }
                Err(error) => {
                    fail(machine, &error);
                    Poll::Ready(())
                }
            };
        }
        match ready!(io.poll_write(cx, machine.transmit())) {
            // TCP may have taken a part: the rest stays in the window.
            Ok(n @ 1..) => {
                machine.transmitted(n);
                self.flush = Flush::Due;
            }
            Ok(0) => machine.transport_failed(),
            Err(error) => fail(machine, &error),
        }
        Poll::Ready(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<()> {
        let (machine, Some(io)) = (&mut self.driven.machine, &mut self.io) else {
            return Poll::Pending;
        };
        if !wait.read {
            return Poll::Pending;
        }
        match Pin::new(io).poll_read(cx, machine.receive_window()) {
            Poll::Ready(Ok(0)) => machine.receive_eof(),
            Poll::Ready(Ok(n)) => machine.received(n),
            Poll::Ready(Err(error)) => fail(machine, &error),
            Poll::Pending => {
                // An idle connection does without the window.
                machine.received(0);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Ready when the time has come. A timer that is running rings early if the deadline has moved: it
    /// is set anew then, and not, at the cost of an allocation, at each move.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            let left = deadline.saturating_duration_since(self.driven.clock.now());
            if left.is_zero() {
                return Poll::Ready(());
            }
            let alarm = match &mut self.alarm {
                Some(alarm) if alarm.at <= deadline => alarm,
                slot => slot.insert(Alarm {
                    at: deadline,
                    timer: Box::pin((self.timer)(left)),
                }),
            };
            if alarm.timer.as_mut().poll(cx).is_pending() {
                return self.rest();
            }
            self.alarm = None;
        }
    }

    /// Nothing can be done now, so that the next turn is a whole one.
    fn rest(&mut self) -> Poll<()> {
        self.steps = STEPS_PER_TURN;
        Poll::Pending
    }

    /// Writes what was just sent, as far as TCP takes it now.
    fn hand_to_tcp(&mut self, cx: &mut Context<'_>) {
        loop {
            match self.driven.step() {
                Step::Event(happened) => self.driven.keep(happened),
                Step::Wait(wait) if self.poll_write(cx, wait).is_ready() => {}
                Step::Wait(_) | Step::Close(_) => return,
            }
        }
    }

    /// Closes TCP as the machine says.
    fn poll_end(&mut self, cx: &mut Context<'_>, close: &CloseTcp) -> Poll<()> {
        if close.manner() == Manner::Graceful {
            let until = match self.ending {
                Ending::Open => self.driven.clock.now() + close.linger(),
                Ending::ShuttingDown(until) | Ending::Discarding(until) => until,
            };
            if self.poll_discard(cx, until).is_pending() {
                ready!(self.poll_alarm(cx, until));
            }
        }
        self.io = None;
        self.alarm = None;
        Poll::Ready(())
    }

    /// Shuts our direction down, then reads and discards to the peer's end.
    fn poll_discard(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let mut discarded = [0; 4096];
        loop {
            let Some(io) = self.io.as_mut().map(Pin::new) else {
                return Poll::Ready(());
            };
            let done = match self.ending {
                Ending::Open => {
                    self.ending = Ending::ShuttingDown(until);
                    continue;
                }
                Ending::ShuttingDown(_) => ready!(io.poll_close(cx)).map(|()| {
                    self.ending = Ending::Discarding(until);
                    1
                }),
                Ending::Discarding(_) => ready!(io.poll_read(cx, &mut discarded)),
            };
            match done {
                Ok(1..) => ready!(self.poll_turn(cx)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

/// A signal is no failure: the call is tried again.
fn fail<R: Negotiation>(machine: &mut Connection<R>, error: &io::Error) {
    if error.kind() != ErrorKind::Interrupted {
        machine.transport_failed();
    }
}

impl<R: Negotiation, Io, F> fmt::Debug for Driver<R, Io, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("machine", &self.driven.machine)
            .finish_non_exhaustive()
    }
}
