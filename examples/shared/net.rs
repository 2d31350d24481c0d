//! The loop of `client` and `server`: one connection on tokio, with an
//! application that also has its own time and gets mail from elsewhere.
//!
//! `tokio.rs` is the same loop with nothing around it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    tcp: &TcpStream,
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
                    () = sleep_on(tcp, machine, wait, now, lines, &mut login.flights) => {}
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

/// Sleeps as told, and moves bytes when TCP is ready. May be cancelled at its
/// only await: bytes move after it.
async fn sleep_on<N: Negotiation>(
    tcp: &TcpStream,
    machine: &mut Connection<N>,
    wait: Wait,
    now: Instant,
    lines: Lines,
    flights: &mut Flights,
) {
    let time = async {
        match wait.timeout(now) {
            Some(duration) => sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // What waits goes out before more comes in.
        biased;
        ready = tcp.writable(), if wait.write => match ready.and_then(|()| tcp.try_write(machine.transmit())) {
            Ok(n) => {
                lines.trace_bytes("->", &machine.transmit()[..n]);
                machine.transmitted(n);
                flights.sent();
            }
            Err(error) => failed(machine, &error),
        },
        ready = tcp.readable(), if wait.read => match ready.and_then(|()| tcp.try_read(machine.receive_window())) {
            Ok(0) => machine.receive_eof(),
            Ok(n) => {
                lines.trace_bytes("<-", &machine.receive_window()[..n]);
                machine.received(n);
                flights.received();
            }
            Err(error) => failed(machine, &error),
        },
        () = time => {}
    }
}

/// A socket that was not ready after all is no failure.
fn failed<N: Negotiation>(machine: &mut Connection<N>, error: &io::Error) {
    if error.kind() != io::ErrorKind::WouldBlock {
        machine.transport_failed();
    }
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
                let mut sink = [0; 4096];
                while tcp.read(&mut sink).await? != 0 {}
                io::Result::Ok(())
            };
            let _ = timeout(close.linger(), drain).await;
        }
    }
}

/// Without Nagle's delay: the machine writes whole units.
pub fn prompt(connected: io::Result<TcpStream>) -> io::Result<TcpStream> {
    let tcp = connected?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}
