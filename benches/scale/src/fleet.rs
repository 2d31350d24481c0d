//! Many clients in one thread: mio's readiness, and a machine for each socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::tls::TlsInfo;
use xmpp_stream::{Action, Event, Initiator, time};

/// How often deadlines are looked at.
const DEADLINES: Duration = Duration::from_millis(250);

/// What has happened.
pub enum News {
    Tls(TlsInfo),
    Established,
    /// A message: on the stream of that number, with this id, and when it was read.
    Message(usize, Option<usize>, Instant),
    /// Any other stanza, or an error.
    Stray(String),
    Ended(String),
}

/// All streams, by number.
pub struct Fleet {
    address: SocketAddr,
    poll: Poll,
    events: Events,
    clock: time::StdClock,
    streams: Vec<Stream>,
    deadlines_at: Instant,
    pub news: Vec<News>,
}

struct Stream {
    socket: Socket,
    machine: Initiator,
    /// The machine has ended; it is polled no more.
    has_ended: bool,
    deadline: Option<time::Instant>,
}

struct Socket {
    tcp: TcpStream,
    /// mio tells of changes: what it told counts until the socket has no more.
    readable: bool,
    writable: bool,
    /// The server has closed its direction: its end comes after what is left to read.
    is_closed: bool,
}

impl Fleet {
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            address,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clock: time::StdClock::new(),
            streams: Vec::new(),
            deadlines_at: Instant::now(),
            news: Vec::new(),
        })
    }

    /// Begins one more stream.
    pub fn open(&mut self, config: Arc<InitiatorConfig>) -> io::Result<()> {
        let mut tcp = TcpStream::connect(self.address)?;
        tcp.set_nodelay(true)?;
        let token = Token(self.streams.len());
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut tcp, token, both)?;
        let socket = Socket {
            tcp,
            readable: false,
            writable: false,
            is_closed: false,
        };
        self.streams.push(Stream {
            socket,
            machine: Initiator::new(config, self.clock.now()),
            has_ended: false,
            deadline: None,
        });
        Ok(())
    }

    pub fn machine(&mut self, stream: usize) -> &mut Initiator {
        &mut self.streams[stream].machine
    }

    /// Queues a stanza and writes what TCP takes.
    pub fn send(&mut self, stream: usize, stanza: &str) -> Result<(), String> {
        let mut session = self.streams[stream]
            .machine
            .session()
            .ok_or("the stream is not established")?;
        session.send(stanza).map_err(|error| error.to_string())?;
        self.advance(stream);
        Ok(())
    }

    /// Closes every stream; each ends when its server has answered.
    pub fn close(&mut self) {
        for stream in 0..self.streams.len() {
            if let Some(session) = self.streams[stream].machine.session() {
                session.close();
            }
            self.advance(stream);
        }
    }

    /// Moves what can be moved, and waits for that if it has to.
    pub fn turn(&mut self, most: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(most)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let socket = &mut self.streams[event.token().0].socket;
            // An end is there to be found by reading or writing.
            let is_over = event.is_error();
            socket.is_closed |= event.is_read_closed() || is_over;
            socket.readable |= event.is_readable() || socket.is_closed;
            socket.writable |= event.is_writable() || event.is_write_closed() || is_over;
            self.advance(event.token().0);
        }
        self.events = events;
        if self.deadlines_at.elapsed() >= DEADLINES {
            self.deadlines_at = Instant::now();
            let now = self.clock.now();
            for number in 0..self.streams.len() {
                if self.streams[number].deadline.is_some_and(|at| at <= now) {
                    self.advance(number);
                }
            }
        }
        Ok(())
    }

    /// Turns for that long.
    pub fn rest(&mut self, time: Duration) -> io::Result<()> {
        let begin = Instant::now();
        while let Some(left) = time.checked_sub(begin.elapsed()) {
            self.turn(left.min(DEADLINES))?;
        }
        Ok(())
    }

    fn advance(&mut self, number: usize) {
        self.streams[number].advance(number, self.clock, &mut self.news);
    }
}

impl Stream {
    /// Polls the machine until it waits for something that is not there.
    fn advance(&mut self, number: usize, clock: time::StdClock, news: &mut Vec<News>) {
        while !self.has_ended {
            let now = clock.now();
            match self.machine.poll(now) {
                Action::Event(Event::TlsEstablished(info)) => news.push(News::Tls(info.clone())),
                Action::Event(Event::Established(_)) => news.push(News::Established),
                Action::Event(Event::Stanza(stanza)) => {
                    let is_message = stanza.name() == "message"
                        && stanza.attr("type").as_deref() != Some("error");
                    news.push(if is_message {
                        let id = stanza.attr("id").and_then(|id| id.parse().ok());
                        News::Message(number, id, Instant::now())
                    } else {
                        News::Stray(stanza.as_str().to_owned())
                    });
                }
                Action::Event(_) => {}
                Action::CloseTcp(close) => {
                    news.push(News::Ended(close.reason().to_string()));
                    // What the server has still to say comes before its own end.
                    let _ = self.socket.tcp.shutdown(std::net::Shutdown::Write);
                    self.has_ended = true;
                    self.deadline = None;
                }
                Action::Wait(wait) if wait.write && self.socket.writable => {
                    match self.socket.tcp.write(self.machine.transmit()) {
                        Ok(n) => self.machine.transmitted(n),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            self.socket.writable = false;
                        }
                        Err(error) => self.failed(&error),
                    }
                }
                Action::Wait(wait) if wait.read && self.socket.readable => {
                    let window = self.machine.receive_window();
                    let room = window.len();
                    match self.socket.tcp.read(window) {
                        Ok(0) => self.machine.receive_eof(),
                        Ok(n) => {
                            // Less than there was room for is all there was.
                            self.socket.readable = n == room || self.socket.is_closed;
                            self.machine.received(n);
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            self.socket.readable = false;
                        }
                        Err(error) => self.failed(&error),
                    }
                }
                // A slice of work was done, and more is due.
                Action::Wait(wait) if wait.deadline.is_some_and(|at| at <= now) => {}
                Action::Wait(wait) => {
                    self.deadline = wait.deadline;
                    return;
                }
            }
        }
    }

    /// A signal is no failure.
    fn failed(&mut self, error: &io::Error) {
        if error.kind() != ErrorKind::Interrupted {
            self.machine.transport_failed();
        }
    }
}
