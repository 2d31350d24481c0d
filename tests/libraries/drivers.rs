//! The drivers of the examples on real sockets: what they owe the machine at
//! the beginning, at a deadline and at the end.
#![allow(
    clippy::duplicate_mod,
    reason = "each driver brings what it shares with the others"
)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code on real sockets and in real time"
)]

#[path = "../it/harness/mod.rs"]
mod common;

#[allow(dead_code, reason = "its `main`")]
#[path = "../../examples/blocking.rs"]
mod blocking_driver;
#[allow(dead_code, reason = "its `main`")]
#[path = "../../examples/mio.rs"]
mod mio_driver;
#[allow(dead_code, reason = "its `main`")]
#[path = "../../examples/smol.rs"]
mod smol_driver;
#[allow(dead_code, reason = "its `main`")]
#[path = "../../examples/tokio.rs"]
mod tokio_driver;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::configs::{FIXED, client, decide, server};
use common::pki::{Crypto, Leaf, Setup, TLS12, TLS13, pki};
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::{Password, Username};
use xmpp_stream::time::StdClock;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Action, CloseTcp, Event, Manner, Responder};

type Driver = fn(&str, Arc<InitiatorConfig>) -> io::Result<CloseTcp>;

const DRIVERS: [(&str, Driver); 4] = [
    ("blocking", blocking_driver::run),
    ("mio", mio_driver::run),
    ("smol", smol_driver::run),
    ("tokio", tokio_driver::run),
];

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='localhost' id='1' version='1.0'>";

#[test]
fn every_driver_logs_in_pings_and_closes() {
    for (name, driver) in DRIVERS {
        for version in [TLS12, TLS13] {
            let setup = Setup::new(Crypto::Ring, version);
            let tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
            let (address, peer) = accept(move |tcp| serve(tcp, Some(tls)));
            let tls = ClientTls::new(Arc::new(pki().client(&setup)));
            let close = driver(&address, client(Some(tls))).unwrap();
            assert_eq!(close.reason().code(), "closed", "{name}");
            assert_eq!(close.manner(), Manner::Graceful, "{name}");
            assert_eq!(peer.join().unwrap().unwrap(), "closed", "{name}");
        }
    }
}

#[test]
fn a_stream_error_arrives_although_more_was_sent_than_the_machine_read() {
    for (name, driver) in DRIVERS {
        let (address, peer) = accept(|mut tcp| {
            tcp.write_all(HEADER.as_bytes())?;
            tcp.write_all(b"<message></well-formed>")?;
            tcp.write_all(&vec![b'x'; 300_000])?;
            // By now the client has closed. A reset of TCP would be an error
            // here, and have taken the stream error with it.
            thread::sleep(Duration::from_millis(200));
            let mut heard = String::new();
            tcp.read_to_string(&mut heard)?;
            Ok(heard)
        });
        let close = driver(&address, client(None)).unwrap();
        assert_eq!(close.reason().code(), "not-well-formed", "{name}");
        let heard = peer.join().unwrap().expect(name);
        assert!(heard.contains("<not-well-formed "), "{name}: {heard}");
        assert!(heard.ends_with("</stream:stream>"), "{name}: {heard}");
    }
}

#[test]
fn a_deadline_wakes_a_driver_that_hears_nothing() {
    for (name, driver) in DRIVERS {
        let (address, peer) = accept(|mut tcp| {
            let mut heard = String::new();
            tcp.read_to_string(&mut heard)?;
            Ok(heard)
        });
        let begin = Instant::now();
        let close = driver(&address, impatient()).unwrap();
        let waited = begin.elapsed();
        assert_eq!(close.reason().code(), "timeout", "{name}");
        // A second for the header, a tenth for the answer to the stream error,
        // a tenth of lingering.
        let expected = Duration::from_secs(1)..Duration::from_secs(2);
        assert!(expected.contains(&waited), "{name}: {waited:?}");
        let heard = peer.join().unwrap().expect(name);
        assert!(heard.contains("<connection-timeout "), "{name}: {heard}");
    }
}

#[test]
fn half_a_connection_is_told_from_a_broken_one() {
    for (name, driver) in DRIVERS {
        // FIN: the machine may still write, and closes TLS and TCP in order.
        let (address, peer) = accept(|mut tcp| {
            tcp.write_all(HEADER.as_bytes())?;
            tcp.shutdown(Shutdown::Write)?;
            let mut heard = String::new();
            tcp.read_to_string(&mut heard)?;
            Ok(heard)
        });
        let close = driver(&address, client(None)).unwrap();
        let end = (close.reason().code(), close.manner());
        assert_eq!(end, ("transport", Manner::Graceful), "{name}");
        peer.join().unwrap().expect(name);

        // RST, by a drop with unread input.
        let (address, peer) = accept(|tcp| {
            tcp.peek(&mut [0])?;
            Ok(String::new())
        });
        let close = driver(&address, client(None)).unwrap();
        let end = (close.reason().code(), close.manner());
        assert_eq!(end, ("transport", Manner::Abort), "{name}");
        peer.join().unwrap().expect(name);
    }
}

/// A peer for one connection, in a thread of its own.
fn accept<T: Send + 'static>(
    peer: impl FnOnce(TcpStream) -> io::Result<T> + Send + 'static,
) -> (String, thread::JoinHandle<io::Result<T>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || peer(listener.accept()?.0));
    (address, thread)
}

/// The server's side of the conversation; the code of its end.
fn serve(mut tcp: TcpStream, tls: Option<ServerTls>) -> io::Result<&'static str> {
    let clock = StdClock::new();
    let mut machine = Responder::new(server(tls), clock.now());
    tcp.set_read_timeout(Some(Duration::from_millis(1)))?;
    let mut answer = None;
    loop {
        decide(&mut machine);
        if let (Some(id), Some(mut session)) = (answer.take(), machine.session()) {
            let reply = format!("<iq type='result' id='{id}'/>");
            session.send(&reply).unwrap();
        }
        match machine.poll(clock.now()) {
            Action::Event(Event::Stanza(ping)) => {
                answer = ping.attr("id").map(|id| id.to_string());
            }
            Action::Event(_) => {}
            Action::CloseTcp(close) => return Ok(close.reason().code()),
            Action::Wait(wait) => {
                if wait.write {
                    let n = tcp.write(machine.transmit())?;
                    machine.transmitted(n);
                } else if wait.read {
                    match tcp.read(machine.receive_window()) {
                        Ok(0) => machine.receive_eof(),
                        Ok(n) => machine.received(n),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

/// alice's client, with the shortest deadlines there are.
fn impatient() -> Arc<InitiatorConfig> {
    let short = Duration::from_millis(100);
    let limits = Limits::client()
        .with_phase_timeout(Duration::from_secs(1))
        .and_then(|limits| limits.with_closing_timeout(short))
        .and_then(|limits| limits.with_linger(short))
        .unwrap();
    let username = Username::ascii("alice").unwrap();
    InitiatorConfig::client(&Jid::parse("alice@localhost").unwrap())
        .dangerous_plaintext(&FIXED)
        .password(username, Password::ascii("secret").unwrap())
        .limits(limits)
        .build()
        .unwrap()
}
