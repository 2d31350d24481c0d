//! The loop of `client` and `server`: one connection on tokio, with an
//! application that also has its own time and gets mail from elsewhere.
//!
//! `tokio.rs` is the same loop with nothing around it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use xmpp_stream::reset::ResetCause;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, CloseTcp, Connection, Event, Manner, Negotiation, Wait};

use super::shared::lines::Lines;
use super::shared::login::{Flights, Login};

/// What a connection is for.
pub trait App<N: Negotiation> {
    /// What may come from elsewhere in the program.
    type Mail: Send;

    /// Looks at what has happened; [`act`](Self::act) is next.
    fn event(&mut self, event: &Event<'_>, now: Instant);

    /// Calls into the machine, which is polled next. The time at which it
    /// wants to act again, whatever happens.
    fn act(&mut self, machine: &mut Connection<N>, now: Instant) -> Option<Instant>;

    /// A stream reset that is due once everything received has been told.
    fn take_reset(&mut self) -> Option<ResetCause> {
        None
    }

    /// Whether mail can be taken now.
    fn wants_mail(&self) -> bool;

    /// Takes mail; [`act`](Self::act) is next.
    fn mail(&mut self, mail: Self::Mail);
}

/// Drives one connection to the machine's end; [`end`] is next.
///
/// It may be cancelled: no byte and no event is lost, and the machine can be
/// aborted then.
pub async fn drive<N: Negotiation, A: App<N>>(
    tcp: &mut TcpStream,
    machine: &mut Connection<N>,
    app: &mut A,
    mail: &mut mpsc::Receiver<A::Mail>,
    clock: StdClock,
    lines: Lines,
) -> CloseTcp {
    let mut login = Login::default();
    loop {
        if let Some(decision) = machine.decision() {
            login.asked(decision.question());
        }
        let until = app.act(machine, clock.now());
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => {
                app.event(&event, now);
                login.event(&event, lines);
            }
            Action::Wait(mut wait) => {
                if let (Some(cause), Some(session)) = (app.take_reset(), machine.session()) {
                    session.reset(cause);
                    continue;
                }
                wait.deadline = [wait.deadline, until].into_iter().flatten().min();
                let mail_wanted = app.wants_mail();
                tokio::select! {
                    () = sleep_on(tcp, machine, wait, now, &mut login.flights) => {}
                    Some(letter) = mail.recv(), if mail_wanted => app.mail(letter),
                }
            }
            Action::CloseTcp(close) => {
                let close = close.clone();
                lines.closed(&close);
                return close;
            }
        }
    }
}

/// Sleeps as told, and moves bytes when TCP is ready. May be cancelled: bytes move in the poll that ends
/// it.
async fn sleep_on<N: Negotiation>(
    tcp: &mut TcpStream,
    machine: &mut Connection<N>,
    wait: Wait,
    now: Instant,
    flights: &mut Flights,
) {
    let mut time = pin!(async {
        match wait.timeout(now) {
            Some(duration) => sleep(duration).await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|cx| {
        let mut tcp = Pin::new(&mut *tcp);
        // What waits goes out before more comes in.
        if wait.write {
            if let Poll::Ready(written) = tcp.as_mut().poll_write(cx, machine.transmit()) {
                match written {
                    Ok(n) => {
                        machine.transmitted(n);
                        flights.sent();
                    }
                    Err(_) => machine.transport_failed(),
                }
                return Poll::Ready(());
            }
        }
        // The window takes memory, which an idle connection can do without: it is asked for when there
        // is something to read. `poll_read` knows that a window which is not filled was enough, so
        // that the next sleep does not begin with an attempt.
        if wait.read && tcp.poll_read_ready(cx).is_ready() {
            let mut window = ReadBuf::new(machine.receive_window());
            if let Poll::Ready(read) = tcp.as_mut().poll_read(cx, &mut window) {
                let n = window.filled().len();
                match read {
                    Ok(()) if n == 0 => machine.receive_eof(),
                    Ok(()) => {
                        machine.received(n);
                        flights.received();
                    }
                    Err(_) => machine.transport_failed(),
                }
                return Poll::Ready(());
            }
        }
        time.as_mut().poll(cx)
    })
    .await;
}

/// Ends TCP as the machine says.
pub async fn end(mut tcp: TcpStream, close: &CloseTcp) {
    match close.manner() {
        // Dropping the socket is all.
        Manner::Abort => {}
        // Reading on: unread input would turn the end into an RST, which
        // takes from the peer what it has not read yet.
        Manner::Graceful => {
            let drain = async {
                tcp.shutdown().await?;
                while discard(&tcp)? {
                    tcp.readable().await?;
                }
                io::Result::Ok(())
            };
            let _ = timeout(close.linger(), drain).await;
        }
    }
}

/// Reads what is there; whether there may be more. The buffer is not in the future, which is as large
/// as it ever gets from the connection's first byte on.
fn discard(tcp: &TcpStream) -> io::Result<bool> {
    match tcp.try_read(&mut [0; 4096]) {
        Ok(n) => Ok(n != 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// Without Nagle's delay: the machine writes whole units.
pub fn prompt(connected: io::Result<TcpStream>) -> io::Result<TcpStream> {
    let tcp = connected?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}
