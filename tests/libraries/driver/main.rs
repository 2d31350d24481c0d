//! The drivers of the crate on real sockets: no byte is lost, whatever the peer's pace is, and no deadline
//! is missed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code on real sockets and in real time"
)]

#[path = "../../it/harness/mod.rs"]
mod common;
mod drive;
mod turns;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::configs::{FIXED, decide, server, single_host};
use common::pki::{Crypto, Leaf, Setup, TLS13, pki};
use drive::{DRIVERS, Drive};
use xmpp_stream::config::{HasSecurity, InitiatorBuilder, InitiatorConfig, ResponderConfig};
use xmpp_stream::driver::blocking::Driver;
use xmpp_stream::driver::{Next, NotSentError};
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::{Password, Username};
use xmpp_stream::sm::SmPolicy;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{EventBuf, Manner, SendError};

/// How late a driver may be.
const LATE: Duration = Duration::from_millis(100);

#[test]
fn no_byte_is_lost_to_a_peer_that_takes_and_gives_one_byte_at_a_time() {
    for (name, new) in DRIVERS {
        let setup = Setup::new(Crypto::Ring, TLS13);
        let tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
        let (address, peer) = accept(move |tcp| echo(tcp, Some(tls)));
        let address = bytewise(address);
        let tls = ClientTls::new(Arc::new(pki().client(&setup)));
        let mut driver = new(alice(Some(tls), Limits::client()), connect(&address));
        establish(&mut *driver);
        for n in 0..10 {
            driver.send(&message(n, 100)).unwrap();
        }
        for n in 0..10 {
            assert_eq!(stanza(&mut *driver), message(n, 100), "{name}");
        }
        let close = driver.close();
        assert_eq!(close.reason().code(), "closed", "{name}");
        assert!(!close.truncated(), "{name}");
        assert_eq!(peer.join().unwrap(), "closed", "{name}");
    }
}

#[test]
fn a_slow_reader_slows_the_sender_down_and_loses_nothing() {
    const MESSAGES: usize = 600;
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|tcp| {
            let mut driver = Driver::responder(server(None), tcp);
            let mut received = 0;
            loop {
                match driver.next() {
                    Next::Event(EventBuf::Decision) => decide(driver.machine_mut()),
                    Next::Event(EventBuf::Stanza(stanza)) => {
                        assert_eq!(stanza.as_stanza().as_str(), message(received, 20_000));
                        received += 1;
                        thread::sleep(Duration::from_millis(1));
                    }
                    Next::Event(_) => {}
                    Next::Closed(_) => return received,
                }
            }
        });
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        establish(&mut *driver);
        let begin = Instant::now();
        for n in 0..MESSAGES {
            driver.send(&message(n, 20_000)).unwrap();
        }
        // The sender was held up: its outbox and TCP hold less than all.
        assert!(begin.elapsed() > Duration::from_millis(100), "{name}");
        assert_eq!(driver.close().reason().code(), "closed", "{name}");
        assert_eq!(peer.join().unwrap(), MESSAGES, "{name}");
    }
}

#[test]
fn an_application_that_takes_no_events_slows_the_peer_down_and_loses_nothing() {
    const MESSAGES: usize = 600;
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|tcp| {
            let mut driver = Driver::responder(server(None), tcp);
            while driver.machine_mut().session().is_none() {
                if let Next::Event(EventBuf::Decision) = driver.next() {
                    decide(driver.machine_mut());
                }
            }
            let begin = Instant::now();
            for n in 0..MESSAGES {
                driver.send(&message(n, 20_000)).unwrap();
            }
            let held_up = begin.elapsed();
            let _ = driver.close();
            held_up
        });
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        establish(&mut *driver);
        thread::sleep(Duration::from_millis(300));
        for n in 0..MESSAGES {
            assert_eq!(stanza(&mut *driver), message(n, 20_000), "{name}");
        }
        assert_eq!(finish(&mut *driver).0, "closed", "{name}");
        assert!(peer.join().unwrap() > Duration::from_millis(200), "{name}");
    }
}

#[test]
fn two_that_send_at_once_do_not_stop_each_other_while_one_takes_events() {
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|tcp| echo(tcp, None));
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        establish(&mut *driver);
        // The peer sends each back before it reads the next.
        let (mut sent, mut received) = (0, 0);
        while received < 400 {
            while sent < 400 && sent < received + 50 {
                driver.send(&message(sent, 20_000)).unwrap();
                sent += 1;
            }
            assert_eq!(stanza(&mut *driver), message(received, 20_000), "{name}");
            received += 1;
        }
        assert_eq!(driver.close().reason().code(), "closed", "{name}");
        assert_eq!(peer.join().unwrap(), "closed", "{name}");
    }
}

#[test]
fn a_driver_reads_on_from_a_peer_that_does_not_read() {
    const MESSAGES: usize = 800;
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|mut tcp| {
            let mut driver = Driver::responder(server(None), tcp.try_clone().unwrap());
            while driver.machine_mut().session().is_none() {
                if let Next::Event(EventBuf::Decision) = driver.next() {
                    decide(driver.machine_mut());
                }
            }
            // Once the answer to binding is out, the rest goes past the driver.
            driver.send(&message(0, 10)).unwrap();
            tcp.set_write_timeout(None).unwrap();
            for n in 1..MESSAGES {
                tcp.write_all(message(n, 20_000).as_bytes()).unwrap();
            }
            tcp.set_read_timeout(None).unwrap();
            let mut heard = String::new();
            tcp.read_to_string(&mut heard).unwrap();
            heard.matches("</message>").count()
        });
        let stalls = Limits::client()
            .with_write_stall_timeout(Duration::from_secs(10))
            .and_then(|limits| limits.with_closing_timeout(Duration::from_millis(500)))
            .unwrap();
        let mut driver = new(alice(None, stalls), connect(&address));
        establish(&mut *driver);
        let mut sent = 0;
        for n in 0..MESSAGES {
            let bytes = if n == 0 { 10 } else { 20_000 };
            assert_eq!(stanza(&mut *driver), message(n, bytes), "{name}");
            sent += driver.fill(&message(n, 20_000));
        }
        assert!(sent < MESSAGES, "{name}: the peer's TCP took everything");
        let _ = driver.close();
        assert_eq!(peer.join().unwrap(), sent, "{name}");
    }
}

/// TCP takes everything here: what makes room is `<a/>`, which has to be read.
#[test]
fn a_send_that_waits_for_acknowledgements_reads_them_and_keeps_what_comes_between() {
    const MESSAGES: usize = 100;
    const WAITING: u32 = 4;
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|tcp| {
            let config = ResponderConfig::server(&FIXED)
                .single_host(single_host(None))
                .dangerous_plaintext()
                .stream_management(SmPolicy::new())
                .build()
                .unwrap();
            let mut driver = Driver::responder(config, tcp);
            let mut received = 0;
            loop {
                match driver.next() {
                    Next::Event(EventBuf::Decision) => decide(driver.machine_mut()),
                    Next::Event(EventBuf::Stanza(stanza)) => {
                        let stanza = stanza.as_stanza().as_str().to_owned();
                        assert_eq!(stanza, message(received, 100));
                        received += 1;
                        if received % 10 == 0 {
                            driver.send(&stanza).unwrap();
                        }
                    }
                    Next::Event(_) => {}
                    Next::Closed(_) => return received,
                }
            }
        });
        let policy = SmPolicy::new()
            .queue(WAITING, 100_000)
            .ack_timeout(Duration::from_secs(5));
        let config = alice_with(None, |config| config.stream_management(policy));
        let mut driver = new(config, connect(&address));
        loop {
            match driver.next() {
                Next::Event(EventBuf::ManagementEnabled { .. }) => break,
                Next::Event(_) => {}
                Next::Closed(close) => panic!("{name}: {}", close.reason()),
            }
        }
        // Nobody calls `next` meanwhile.
        for n in 0..MESSAGES {
            assert!(driver.send(&message(n, 100)).is_ok(), "{name}: {n}");
        }
        for n in 0..MESSAGES / 10 {
            assert_eq!(stanza(&mut *driver), message(n * 10 + 9, 100), "{name}");
        }
        assert_eq!(driver.close().reason().code(), "closed", "{name}");
        assert_eq!(peer.join().unwrap(), MESSAGES, "{name}");
    }
}

#[test]
fn a_stopped_peer_ends_a_blocked_write_at_its_deadline() {
    for (name, new) in DRIVERS {
        let stalls = Limits::client()
            .with_write_stall_timeout(Duration::from_secs(1))
            .unwrap();
        let peer = Peer::start();
        let mut driver = new(alice(None, stalls), connect(&peer.address));
        establish(&mut *driver);
        peer.signal("STOP");
        let mut sent = Instant::now();
        let refused = loop {
            match driver.send(&message(0, 20_000)) {
                Ok(_) => sent = Instant::now(),
                Err(error) => break error,
            }
        };
        let waited = sent.elapsed();
        assert_eq!(refused, NotSentError::NoSession, "{name}");
        let (code, manner) = finish(&mut *driver);
        assert_eq!((code, manner), ("timeout", Manner::Abort), "{name}");
        // What was sent last filled the outbox; TCP had stopped before or then.
        let allowed = Duration::from_millis(900)..Duration::from_secs(1) + LATE;
        assert!(allowed.contains(&waited), "{name}: {waited:?}");
    }
}

#[test]
fn a_stopped_peer_does_not_hold_up_a_close() {
    for (name, new) in DRIVERS {
        let ends = Limits::client()
            .with_closing_timeout(Duration::from_millis(300))
            .and_then(|limits| limits.with_linger(Duration::from_millis(200)))
            .unwrap();
        let peer = Peer::start();
        let mut driver = new(alice(None, ends), connect(&peer.address));
        establish(&mut *driver);
        peer.signal("STOP");
        let begin = Instant::now();
        let close = driver.close();
        let waited = begin.elapsed();
        assert_eq!(close.manner(), Manner::Graceful, "{name}");
        // The clock counts milliseconds.
        let allowed = Duration::from_millis(490)..Duration::from_millis(500) + LATE;
        assert!(allowed.contains(&waited), "{name}: {waited:?}");
    }
}

#[test]
fn an_interrupted_call_of_a_driver_is_no_failure() {
    // The peer is a driver in a call that SIGSTOP and SIGCONT interrupt: signal(7) names reads with a timeout.
    let peer = Peer::start();
    let mut driver = DRIVERS[0].1(alice(None, Limits::client()), connect(&peer.address));
    establish(&mut *driver);
    for n in 0..5 {
        thread::sleep(Duration::from_millis(20));
        peer.signal("STOP");
        thread::sleep(Duration::from_millis(20));
        peer.signal("CONT");
        driver.send(&message(n, 100)).unwrap();
        assert_eq!(stanza(&mut *driver), message(n, 100));
    }
    assert_eq!(driver.close().reason().code(), "closed");
    assert_eq!(peer.end(), "closed");
}

#[test]
fn an_abort_drops_the_socket_at_once_and_sends_nothing() {
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|mut tcp| {
            let mut heard = vec![0; 1000];
            let n = tcp.read(&mut heard)?;
            heard.truncate(n);
            tcp.write_all(HEADER.as_bytes())?;
            let begin = Instant::now();
            tcp.read_to_end(&mut heard)?;
            Ok::<_, io::Error>((String::from_utf8(heard).unwrap(), begin.elapsed()))
        });
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        // The header has gone out once the peer has answered.
        while !matches!(driver.next(), Next::Event(EventBuf::StreamOpened { .. })) {}
        driver.abort();
        let begin = Instant::now();
        assert_eq!(
            finish(&mut *driver),
            ("local-abort", Manner::Abort),
            "{name}"
        );
        assert!(begin.elapsed() < LATE, "{name}");
        let (heard, waited) = peer.join().unwrap().unwrap();
        assert!(
            heard.ends_with('>') && !heard.contains("</stream"),
            "{name}: {heard}"
        );
        assert!(waited < LATE, "{name}: {waited:?}");
    }
}

#[test]
fn half_a_connection_is_told_from_a_broken_one() {
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|mut tcp| {
            tcp.write_all(HEADER.as_bytes())?;
            tcp.shutdown(Shutdown::Write)?;
            let mut heard = String::new();
            tcp.read_to_string(&mut heard)
        });
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        assert_eq!(
            finish(&mut *driver),
            ("transport", Manner::Graceful),
            "{name}"
        );
        peer.join().unwrap().expect(name);

        // A drop with unread input is a RST.
        let (address, peer) = accept(|tcp| tcp.peek(&mut [0]));
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        assert_eq!(finish(&mut *driver), ("transport", Manner::Abort), "{name}");
        peer.join().unwrap().expect(name);
    }
}

#[test]
fn a_stream_error_arrives_although_more_was_sent_than_was_read() {
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|mut tcp| {
            tcp.write_all(HEADER.as_bytes())?;
            tcp.write_all(b"<message></well-formed>")?;
            // More than TCP holds. A RST would be an error here, or take the stream error with it.
            tcp.write_all(&vec![b'x'; 20_000_000])?;
            let mut heard = String::new();
            tcp.read_to_string(&mut heard)?;
            Ok::<_, io::Error>(heard)
        });
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        assert_eq!(finish(&mut *driver).0, "not-well-formed", "{name}");
        let heard = peer.join().unwrap().expect(name);
        assert!(heard.contains("<not-well-formed "), "{name}: {heard}");
        assert!(heard.ends_with("</stream:stream>"), "{name}: {heard}");
    }
}

#[test]
fn what_is_sent_too_early_or_is_no_element_is_refused_at_once() {
    for (name, new) in DRIVERS {
        let (address, peer) = accept(|tcp| echo(tcp, None));
        let mut driver = new(alice(None, Limits::client()), connect(&address));
        assert_eq!(
            driver.send("<presence/>"),
            Err(NotSentError::NoSession),
            "{name}"
        );
        establish(&mut *driver);
        let refused = driver.send("<messgae/>");
        assert!(
            matches!(refused, Err(NotSentError::Refused(SendError::Refused(_)))),
            "{name}: {refused:?}"
        );
        let _ = driver.close();
        peer.join().unwrap();
    }
}

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='localhost' id='1' version='1.0'>";

/// A message with its number and so many bytes of text.
fn message(n: usize, bytes: usize) -> String {
    let body = "x".repeat(bytes);
    format!("<message id='{n}' xmlns='jabber:client'><body>{body}</body></message>")
}

/// Waits until the stream is established.
fn establish(driver: &mut dyn Drive) {
    loop {
        match driver.next() {
            Next::Event(EventBuf::Established(_)) => return,
            Next::Event(_) => {}
            Next::Closed(close) => panic!("{}", close.reason()),
        }
    }
}

/// The next stanza.
fn stanza(driver: &mut dyn Drive) -> String {
    loop {
        match driver.next() {
            Next::Event(EventBuf::Stanza(stanza)) => return stanza.as_stanza().as_str().to_owned(),
            Next::Event(_) => {}
            Next::Closed(close) => panic!("{}", close.reason()),
        }
    }
}

/// The end.
fn finish(driver: &mut dyn Drive) -> (&'static str, Manner) {
    loop {
        if let Next::Closed(close) = driver.next() {
            return (close.reason().code(), close.manner());
        }
    }
}

fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

/// A peer for one connection, in a thread of its own.
fn accept<T: Send + 'static>(
    peer: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || peer(listener.accept().unwrap().0));
    (address, thread)
}

/// A server that sends every stanza back; the code of its end.
fn echo(tcp: TcpStream, tls: Option<ServerTls>) -> &'static str {
    let mut driver = Driver::responder(server(tls), tcp);
    loop {
        match driver.next() {
            Next::Event(EventBuf::Decision) => decide(driver.machine_mut()),
            Next::Event(EventBuf::Stanza(stanza)) => {
                driver.send(stanza.as_stanza().as_str()).unwrap();
            }
            Next::Event(_) => {}
            Next::Closed(close) => return close.reason().code(),
        }
    }
}

/// A relay to `address` that carries one byte at a time, in both directions; its own address.
fn bytewise(address: String) -> String {
    let (own, _) = accept(move |near| {
        let far = connect(&address);
        for tcp in [&near, &far] {
            tcp.set_nodelay(true).unwrap();
        }
        let there = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || carry(there.0, there.1));
        carry(far, near);
    });
    own
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut byte = [0];
    while let Ok(1) = from.read(&mut byte) {
        if to.write_all(&byte).is_err() {
            return;
        }
    }
    to.shutdown(Shutdown::Write).ok();
}

/// alice's client.
fn alice(tls: Option<ClientTls>, limits: Limits) -> Arc<InitiatorConfig> {
    alice_with(tls, |config| config.limits(limits))
}

fn alice_with(
    tls: Option<ClientTls>,
    adjust: impl FnOnce(InitiatorBuilder<HasSecurity>) -> InitiatorBuilder<HasSecurity>,
) -> Arc<InitiatorConfig> {
    let builder = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap());
    let builder = match tls {
        Some(tls) => builder.starttls(tls),
        None => builder.dangerous_plaintext(&FIXED),
    };
    let username = Username::ascii("alice").unwrap();
    let builder = builder.password(username, Password::ascii("secret").unwrap());
    adjust(builder).build().unwrap()
}

/// A peer in a process of its own (`peer.rs`).
struct Peer {
    process: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Peer {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_peer"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut peer = Self {
            lines: BufReader::new(process.stdout.take().unwrap()),
            process,
            address: String::new(),
        };
        peer.address = peer.line();
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// What it says at its end.
    fn end(mut self) -> String {
        let code = self.line();
        assert!(self.process.wait().unwrap().success());
        code
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
