//! What firmware would have: a port with two small FIFOs, a tick counter that
//! wraps, and a super-loop of which [`pass`] is one turn. Only `core` and the
//! crate under test; the machine's own buffers are the only heap.

use core::time::Duration;

use xmpp_stream::time::Instant;
use xmpp_stream::{Action, Connection, Event, Manner, Negotiation, Wait};

/// Bytes in a FIFO of the port.
pub const FIFO: usize = 16;

/// The application's part of the loop.
pub trait App<N: Negotiation> {
    /// Looks at what has happened.
    fn event(&mut self, event: &Event<'_>);
    /// Calls into the machine, which is polled next.
    fn act(&mut self, machine: &mut Connection<N>);
}

/// What one turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// There may be more to do: take another turn.
    Busy,
    /// Nothing until this comes true: the processor may sleep.
    Idle(Wait),
    /// The connection is over. `Abort`: switch the transmitter off now.
    /// `Graceful`: do so when its FIFO is empty, and listen for so long.
    Over(Manner, Duration),
}

/// One turn of the loop: what came in, what goes out, one poll.
pub fn pass<N: Negotiation>(
    port: &mut Port,
    now: Instant,
    machine: &mut Connection<N>,
    app: &mut impl App<N>,
) -> Pass {
    let n = port.rx.pop(machine.receive_window());
    machine.received(n);
    if port.peer_is_gone() {
        machine.receive_eof();
    }
    let n = port.tx.push(machine.transmit());
    machine.transmitted(n);
    app.act(machine);
    match machine.poll(now) {
        Action::Event(event) => {
            app.event(&event);
            Pass::Busy
        }
        Action::Wait(wait) => Pass::Idle(wait),
        Action::CloseTcp(close) => Pass::Over(close.manner(), close.linger()),
    }
}

/// Whether a sleep is over: an interrupt of the port, or the timer.
pub fn is_over(wait: Wait, port: &Port, now: Instant) -> bool {
    (wait.read && (!port.rx.is_empty() || port.peer_is_gone()))
        || (wait.write && !port.tx.is_full())
        || wait.deadline.is_some_and(|at| at <= now)
}

/// The port's registers.
#[derive(Debug, Default)]
pub struct Port {
    /// Received, not yet read.
    pub rx: Fifo,
    /// Written, not yet on the line.
    pub tx: Fifo,
    /// The other end has switched its transmitter off.
    pub silent: bool,
}

impl Port {
    fn peer_is_gone(&self) -> bool {
        self.silent && self.rx.is_empty()
    }
}

/// A ring of bytes.
#[derive(Debug, Default)]
pub struct Fifo {
    bytes: [u8; FIFO],
    start: usize,
    len: usize,
}

impl Fifo {
    /// Takes what fits; how many that were.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = FIFO - self.len;
        let taken = bytes.len().min(room);
        for byte in &bytes[..taken] {
            self.bytes[(self.start + self.len) % FIFO] = *byte;
            self.len += 1;
        }
        taken
    }

    /// Gives what there is and fits; how many that were.
    pub fn pop(&mut self, out: &mut [u8]) -> usize {
        let given = out.len().min(self.len);
        for byte in &mut out[..given] {
            *byte = self.bytes[self.start];
            self.start = (self.start + 1) % FIFO;
            self.len -= 1;
        }
        given
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn is_full(&self) -> bool {
        self.len == FIFO
    }
}

/// Makes instants of a 32-bit millisecond counter, which wraps every 50 days.
/// To be read more often than that.
#[derive(Debug)]
pub struct Ticks {
    last: u32,
    millis: u64,
}

impl Ticks {
    /// A clock whose origin is the counter's present value.
    pub fn new(counter: u32) -> Self {
        Self {
            last: counter,
            millis: 0,
        }
    }

    /// The time when the counter has this value.
    pub fn read(&mut self, counter: u32) -> Instant {
        self.millis += u64::from(counter.wrapping_sub(self.last));
        self.last = counter;
        Instant::from_millis(self.millis)
    }
}
