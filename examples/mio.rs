//! A client on mio, driven by hand: non-blocking sockets, one thread, which could as well serve many connections.
//!
//! Logs in, pings the server, closes, and prints a line of JSON for each:
//! `mio --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
//!
//! To copy the program, take this file and
//!
//! ```toml
//! [dependencies]
//! mio = { version = "1", features = ["net", "os-poll"] }
//! rustls = { version = "0.23.46", default-features = false, features = ["ring", "std", "tls12"] }
//! xmpp-stream = "0.1"
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use xmpp_stream::prelude::*;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, Initiator, Manner, Wait};

/// Drives the machine to its end.
fn drive(
    socket: &mut Socket,
    machine: &mut Initiator,
    conversation: &mut Conversation,
    clock: StdClock,
) -> io::Result<CloseTcp> {
    loop {
        // What the application wants to say; the machine acts on it below.
        conversation.act(machine);
        let now = clock.now();
        match machine.poll(now) {
            Action::Event(event) => conversation.event(&event),
            Action::Wait(wait) => sleep(socket, machine, wait, now)?,
            Action::CloseTcp(close) => return Ok(close.clone()),
        }
    }
}

/// Moves bytes if the socket is ready for what is waited for; else sleeps.
fn sleep(socket: &mut Socket, machine: &mut Initiator, wait: Wait, now: Instant) -> io::Result<()> {
    if wait.write && socket.writable {
        // TCP may take a part: the rest stays in the window.
        match socket.tcp.write(machine.transmit()) {
            Ok(n) => machine.transmitted(n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => socket.writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => machine.transport_failed(),
        }
        Ok(())
    } else if wait.read && socket.readable {
        // The window is what the machine has room for, so nothing is read
        // that it could not take.
        match socket.tcp.read(machine.receive_window()) {
            Ok(0) => machine.receive_eof(),
            Ok(n) => machine.received(n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => socket.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => machine.transport_failed(),
        }
        Ok(())
    } else {
        socket.sleep(wait.timeout(now))
    }
}

/// Ends TCP as the machine says.
fn end(mut socket: Socket, close: &CloseTcp, clock: StdClock) -> io::Result<()> {
    match close.manner() {
        // At once: dropping the socket is all.
        Manner::Abort => return Ok(()),
        Manner::Graceful => socket.tcp.shutdown(Shutdown::Write)?,
    }
    // Reading on: unread input would turn the end into an RST, which takes
    // from the peer what it has not read yet, say a stream error.
    let until = clock.now() + close.linger();
    let mut sink = [0; 4096];
    loop {
        match socket.tcp.read(&mut sink) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left = until.saturating_duration_since(clock.now());
                if left.is_zero() {
                    return Ok(());
                }
                socket.sleep(Some(left))?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn main() -> Result<(), Failure> {
    let close = run(&option("--connect")?, config()?)?;
    let (reason, manner) = (close.reason(), close.manner().as_str());
    let (code, detail) = (reason.code(), json(&reason.to_string()));
    println!(r#"{{"event":"close-tcp","reason":"{code}","manner":"{manner}","detail":{detail}}}"#);
    match reason {
        CloseReason::Closed { .. } => Ok(()),
        other => Err(other.code().into()),
    }
}

/// One connection, from TCP's beginning to its end.
pub(crate) fn run(address: &str, config: Arc<InitiatorConfig>) -> io::Result<CloseTcp> {
    let mut socket = Socket::connect(address)?;
    let clock = StdClock::new();
    let mut machine = Initiator::new(config, clock.now());
    let close = drive(
        &mut socket,
        &mut machine,
        &mut Conversation::default(),
        clock,
    )?;
    // The peer may have gone first: the stream has ended either way.
    let _ = end(socket, &close, clock);
    Ok(close)
}

/// A socket, and what is known of its readiness: mio tells of *changes*, so
/// that what was told counts until the socket says `WouldBlock`.
struct Socket {
    tcp: TcpStream,
    readable: bool,
    writable: bool,
    poll: Poll,
    events: Events,
}

impl Socket {
    /// Connecting itself may block: this is about what comes after it.
    fn connect(address: &str) -> io::Result<Self> {
        let tcp = std::net::TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        let mut tcp = TcpStream::from_std(tcp);
        let poll = Poll::new()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut tcp, Token(0), both)?;
        Ok(Self {
            tcp,
            readable: false,
            writable: false,
            poll,
            events: Events::with_capacity(4),
        })
    }

    /// Sleeps until readiness changes, or for `timeout`.
    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        for event in &self.events {
            // The end of either direction, and an error, are there to be
            // found by reading or writing.
            let over = event.is_error();
            self.readable |= event.is_readable() || event.is_read_closed() || over;
            self.writable |= event.is_writable() || event.is_write_closed() || over;
        }
        Ok(())
    }
}

/// What this program says: a ping, and the end after the answer.
#[derive(Default)]
struct Conversation {
    next: Option<Step>,
}

enum Step {
    Ping,
    Close,
}

impl Conversation {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Established(stream) => {
                let jid = stream.jid().map(Jid::to_string).unwrap_or_default();
                println!(r#"{{"event":"bound","jid":{}}}"#, json(&jid));
                self.next = Some(Step::Ping);
            }
            Event::Stanza(answer) if answer.attr("id").as_deref() == Some("ping") => {
                println!(r#"{{"event":"pong","n":1}}"#);
                self.next = Some(Step::Close);
            }
            _ => {}
        }
    }

    fn act(&mut self, machine: &mut Initiator) {
        let Some(mut session) = machine.session() else {
            return;
        };
        match self.next.take() {
            Some(Step::Ping) => {
                let ping = "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>";
                if let Err(error) = session.send(ping) {
                    eprintln!("not sent: {error}");
                    session.close();
                }
            }
            Some(Step::Close) => session.close(),
            None => {}
        }
    }
}

/// The client that the command line describes.
fn config() -> Result<Arc<InitiatorConfig>, Failure> {
    let jid = Jid::parse(&option("--jid")?)?;
    let username = Username::ascii(jid.local().ok_or("--jid has no local part")?)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(option("--ca")?)?)?;
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = InitiatorConfig::client(&jid)
        .starttls(ClientTls::new(tls.into()))
        .password(username, Password::ascii(&option("--password")?)?)
        .build()?;
    Ok(config)
}

/// A JSON string. Control characters become spaces.
fn json(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The word after `name` on the command line.
fn option(name: &str) -> Result<String, String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).ok_or_else(|| format!("{name} is needed"))
}

type Failure = Box<dyn std::error::Error>;
