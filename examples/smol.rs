//! A client on smol, driven by hand.
//!
//! Logs in, pings the server, closes, and prints a line of JSON for each:
//! `smol --jid alice@localhost --password secret --connect 127.0.0.1:5222 --ca ca.pem`
//!
//! `xmpp_stream::driver::futures` is a ready driver for smol and others. To copy this program, take this
//! file and
//!
//! ```toml
//! [dependencies]
//! rustls = { version = "0.23.46", default-features = false, features = ["ring", "std", "tls12"] }
//! smol = "2"
//! xmpp-stream = "0.1"
//! ```

use std::future::pending;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use smol::future::or;
use smol::net::resolve;
use smol::{Async, Timer};
use xmpp_stream::prelude::*;
use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::{Action, Initiator, Manner, Wait};

/// Drives the machine to its end.
async fn drive(
    tcp: &Async<TcpStream>,
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
            Action::Wait(wait) => sleep(tcp, machine, wait, now).await?,
            Action::CloseTcp(close) => return Ok(close.clone()),
        }
    }
}

/// What ended a sleep.
enum Woken {
    Writable,
    Readable,
    Deadline,
}

/// Sleeps until one of the things waited for comes true. Bytes move after the
/// await, so a driver that has more to wait for may drop this future.
async fn sleep(
    tcp: &Async<TcpStream>,
    machine: &mut Initiator,
    wait: Wait,
    now: Instant,
) -> io::Result<()> {
    let write = async {
        if !wait.write {
            pending::<()>().await;
        }
        tcp.writable().await.map(|()| Woken::Writable)
    };
    let read = async {
        if !wait.read {
            pending::<()>().await;
        }
        tcp.readable().await.map(|()| Woken::Readable)
    };
    let time = async {
        match wait.timeout(now) {
            Some(timeout) => Timer::after(timeout).await,
            None => pending().await,
        };
        Ok(Woken::Deadline)
    };
    let moved = match or(write, or(read, time)).await? {
        Woken::Deadline => return Ok(()),
        // TCP may take a part: the rest stays in the window.
        Woken::Writable => tcp
            .get_ref()
            .write(machine.transmit())
            .map(|n| machine.transmitted(n)),
        // The window is what the machine has room for, so nothing is read
        // that it could not take.
        Woken::Readable => tcp
            .get_ref()
            .read(machine.receive_window())
            .map(|n| match n {
                0 => machine.receive_eof(),
                n => machine.received(n),
            }),
    };
    match moved {
        Err(error) if !is_early(&error) => machine.transport_failed(),
        _ => {}
    }
    Ok(())
}

/// Ends TCP as the machine says.
async fn end(tcp: Async<TcpStream>, close: &CloseTcp) -> io::Result<()> {
    match close.manner() {
        // At once: dropping the socket is all.
        Manner::Abort => return Ok(()),
        Manner::Graceful => tcp.get_ref().shutdown(Shutdown::Write)?,
    }
    // Reading on: unread input would turn the end into an RST, which takes
    // from the peer what it has not read yet, say a stream error.
    let drain = async {
        let mut sink = [0; 4096];
        while tcp.read_with(|mut tcp| tcp.read(&mut sink)).await? != 0 {}
        Ok(())
    };
    let linger = async {
        Timer::after(close.linger()).await;
        Ok(())
    };
    or(drain, linger).await
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
    smol::block_on(async {
        let tcp = connect(address).await?;
        let clock = StdClock::new();
        let mut machine = Initiator::new(config, clock.now());
        let close = drive(&tcp, &mut machine, &mut Conversation::default(), clock).await?;
        // The peer may have gone first: the stream has ended either way.
        let _ = end(tcp, &close).await;
        Ok(close)
    })
}

/// The socket was not ready after all.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

async fn connect(address: &str) -> io::Result<Async<TcpStream>> {
    let mut outcome = Err(ErrorKind::NotFound.into());
    for address in resolve(address).await? {
        outcome = Async::<TcpStream>::connect(address).await;
        if outcome.is_ok() {
            break;
        }
    }
    let tcp = outcome?;
    tcp.get_ref().set_nodelay(true)?;
    Ok(tcp)
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
