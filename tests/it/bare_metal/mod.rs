//! Firmware's super-loop drives the machines: no sockets, FIFOs of 16 bytes, a
//! tick counter that wraps. The loop sleeps exactly as the `Wait` says, and
//! nothing stalls.

mod firmware;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use firmware::{App, FIFO, Pass, Port, Ticks, is_over, pass};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Connection, Event, Initiator, Manner, Negotiation, Responder};

use crate::harness::configs::{client, decide, server};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, pki};

/// Where the tick counter begins: it wraps in the middle of the conversation.
const ORIGIN: u32 = u32::MAX - 40;

/// A connection takes fewer ticks than this.
const PATIENCE: u32 = 200_000;

#[test]
fn a_super_loop_with_small_fifos_and_a_wrapping_tick_counter_holds_a_conversation() {
    for version in [TLS12, TLS13] {
        let mut boards = Boards::new(version);
        let ticks = boards.run(|_| {});
        println!("{version:?}: {ticks} ticks, {:?}", boards.passes());
        assert_eq!(boards.client.code(), "closed");
        assert_eq!(boards.server.code(), "closed");
        assert!(boards.client.app.ponged);
        assert!(ORIGIN.checked_add(ticks).is_none(), "the counter wrapped");
    }
}

#[test]
fn a_broken_line_ends_both_sides_at_the_deadlines_they_named() {
    // While TLS is negotiated nothing is carried any more, in either
    // direction, and neither side is notified.
    let mut boards = Boards::new(TLS13);
    boards.run(|boards| boards.broken |= boards.tick >= 40);
    let ends = [
        (
            boards.client.code(),
            boards.client.named,
            boards.client.ended,
        ),
        (
            boards.server.code(),
            boards.server.named,
            boards.server.ended,
        ),
    ];
    println!("{ends:?}");
    for (code, named, ended) in ends {
        assert_eq!(code, "timeout");
        assert_eq!(named, ended);
        // 30 s for the phase; what the machine still had to say is given 5 s
        // to be answered, and 5 s to be taken.
        let ended = ended.unwrap().as_millis();
        assert!((30_000..=40_040).contains(&ended), "{ended}");
    }
}

#[test]
fn a_byte_lost_on_the_line_is_a_tls_failure() {
    let mut boards = Boards::new(TLS13);
    let mut lost = 0;
    boards.run(|boards| {
        // The first byte of a record.
        if boards.client.established && lost == 0 {
            lost = boards.server.port.tx.pop(&mut [0]);
        }
    });
    assert_eq!(lost, 1);
    assert_eq!(boards.client.code(), "tls");
    assert!(!boards.client.app.ponged);
}

/// Two boards and the line between them.
struct Boards {
    client: Board<InitiatorRole, Client>,
    server: Board<ResponderRole, Server>,
    /// Ticks since the start.
    tick: u32,
    /// The line carries nothing.
    broken: bool,
}

impl Boards {
    fn new(version: Version) -> Self {
        let setup = Setup::new(Crypto::Ring, version);
        let client_tls = ClientTls::new(Arc::new(pki().client(&setup)));
        let server_tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
        let start = Instant::from_millis(0);
        let initiator = Initiator::new(client(Some(client_tls)), start);
        let responder = Responder::new(server(Some(server_tls)), start);
        Self {
            client: Board::new(initiator, Client::default()),
            server: Board::new(responder, Server::default()),
            tick: 0,
            broken: false,
        }
    }

    /// Ticks until both boards have switched off; how many there were.
    fn run(&mut self, mut disturb: impl FnMut(&mut Self)) -> u32 {
        while !(self.client.is_off() && self.server.is_off()) {
            let counter = ORIGIN.wrapping_add(self.tick);
            self.client.tick(counter);
            self.server.tick(counter);
            disturb(self);
            if !self.broken {
                carry(&mut self.client, &mut self.server);
                carry(&mut self.server, &mut self.client);
            }
            self.tick += 1;
            assert!(self.tick < PATIENCE, "{:?}", self.client.machine);
        }
        self.tick
    }

    fn passes(&self) -> (u32, u32) {
        (self.client.passes, self.server.passes)
    }
}

/// What one board has sent reaches the other, if there is room; then, that it
/// has switched off.
fn carry<A: Negotiation, P: App<A>, B: Negotiation, Q: App<B>>(
    from: &mut Board<A, P>,
    to: &mut Board<B, Q>,
) {
    let mut byte = [0];
    while !to.port.rx.is_full() && from.port.tx.pop(&mut byte) == 1 {
        to.port.rx.push(&byte);
    }
    to.port.silent = from.is_off() && from.port.tx.is_empty();
}

/// A machine, its application, its port and its clock.
struct Board<N: Negotiation, P> {
    machine: Connection<N>,
    app: P,
    port: Port,
    clock: Ticks,
    last: Pass,
    established: bool,
    passes: u32,
    /// The deadline of the last sleep, and the end.
    named: Option<Instant>,
    ended: Option<Instant>,
}

impl<N: Negotiation, P: App<N>> Board<N, P> {
    fn new(machine: Connection<N>, app: P) -> Self {
        Self {
            machine,
            app,
            port: Port::default(),
            clock: Ticks::new(ORIGIN),
            last: Pass::Busy,
            established: false,
            passes: 0,
            named: None,
            ended: None,
        }
    }

    /// The board's own loop: one turn per tick, unless it sleeps.
    fn tick(&mut self, counter: u32) {
        let now = self.clock.read(counter);
        let awake = match self.last {
            Pass::Busy => true,
            Pass::Idle(wait) => is_over(wait, &self.port, now),
            Pass::Over(..) => false,
        };
        if !awake {
            return;
        }
        self.last = pass(&mut self.port, now, &mut self.machine, &mut self.app);
        self.established |= self.machine.session().is_some();
        self.passes += 1;
        match self.last {
            Pass::Busy => {}
            Pass::Idle(wait) => self.named = wait.deadline,
            Pass::Over(manner, _) => {
                self.ended = Some(now);
                if manner == Manner::Abort {
                    self.port.tx.pop(&mut [0; FIFO]);
                }
            }
        }
    }

    fn is_off(&self) -> bool {
        matches!(self.last, Pass::Over(..))
    }

    fn code(&mut self) -> &'static str {
        self.machine.take_close().map_or("open", |close| {
            assert!(close.linger() <= Duration::from_secs(2));
            close.reason().code()
        })
    }
}

/// Pings once and leaves.
#[derive(Default)]
struct Client {
    pinged: bool,
    ponged: bool,
}

impl App<InitiatorRole> for Client {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Stanza(stanza) = event {
            self.ponged |= stanza.attr("id").as_deref() == Some("p");
        }
    }

    fn act(&mut self, machine: &mut Initiator) {
        let Some(mut session) = machine.session() else {
            return;
        };
        if self.ponged {
            session.close();
        } else if !self.pinged {
            session
                .send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
                .unwrap();
            self.pinged = true;
        }
    }
}

/// Answers what it is asked.
#[derive(Default)]
struct Server {
    asked: Option<String>,
}

impl App<ResponderRole> for Server {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Stanza(stanza) = event {
            self.asked = stanza.attr("id").map(Cow::into_owned);
        }
    }

    fn act(&mut self, machine: &mut Responder) {
        decide(machine);
        if let (Some(id), Some(mut session)) = (self.asked.take(), machine.session()) {
            session
                .send_with(|out| write!(out, "<iq type='result' id='{id}'/>"))
                .unwrap();
        }
    }
}
