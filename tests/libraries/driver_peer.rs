//! A client for `tests/interop`: DRIVER ADDRESS CA soak|write|close. It fails if a byte is lost or a
//! deadline is missed by more than a tenth of a second.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program of the tests"
)]

#[allow(dead_code, reason = "it uses a part")]
#[path = "driver/drive.rs"]
mod drive;

use std::env::args;
use std::io::stdin;
use std::net::TcpStream;
use std::ops::Range;
use std::time::{Duration, Instant};

use drive::{DRIVERS, Drive};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use xmpp_stream::limits::Limits;
use xmpp_stream::prelude::*;

fn main() {
    let [_, driver, address, ca, way]: [String; 5] = args().collect::<Vec<_>>().try_into().unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let provider = rustls::crypto::ring::default_provider().into();
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let limits = Limits::client()
        .with_write_stall_timeout(Duration::from_secs(1))
        .and_then(|limits| limits.with_closing_timeout(Duration::from_millis(300)))
        .and_then(|limits| limits.with_linger(Duration::from_millis(200)))
        .unwrap();
    let config = InitiatorConfig::client(&Jid::parse("alice@localhost/driver").unwrap())
        .starttls(ClientTls::new(tls.into()))
        .password(
            Username::ascii("alice").unwrap(),
            Password::ascii("secret").unwrap(),
        )
        .limits(limits)
        .build()
        .unwrap();
    let (_, new) = DRIVERS.iter().find(|(name, _)| *name == driver).unwrap();
    let mut driver = new(config, TcpStream::connect(address).unwrap());
    while !matches!(next(&mut *driver), EventBuf::Established(_)) {}
    match way.as_str() {
        "soak" => soak(&mut *driver),
        "write" => write(&mut *driver),
        "close" => close(&mut *driver),
        _ => panic!("{way}"),
    }
}

/// Sends 4 MB to itself and compares what comes back.
fn soak(driver: &mut dyn Drive) {
    let (mut sent, mut received) = (0, 0);
    while received < 200 {
        while sent < 200 && sent < received + 20 {
            let body = body(sent);
            let text =
                format!("<message to='alice@localhost/driver'><body>{body}</body></message>");
            driver.send(&text).unwrap();
            sent += 1;
        }
        if let EventBuf::Stanza(stanza) = next(driver) {
            let stanza = stanza.as_stanza();
            let text = stanza
                .child("body", "jabber:client")
                .map(|body| body.text().to_string());
            assert_eq!(text, Some(body(received)));
            received += 1;
        }
    }
    println!("{}", driver.close().reason().code());
}

fn body(n: usize) -> String {
    format!("{n} {}", "x".repeat(20_000))
}

/// The peer is stopped, then as much is sent as there is room for.
fn write(driver: &mut dyn Drive) {
    peer_stops();
    let mut sent = Instant::now();
    while driver
        .send(&format!("<message><body>{}</body></message>", body(0)))
        .is_ok()
    {
        sent = Instant::now();
    }
    in_time(sent, 900..1_100);
    while !matches!(driver.next(), Next::Closed(_)) {}
}

/// The peer is stopped, then the stream is closed.
fn close(driver: &mut dyn Drive) {
    peer_stops();
    let begin = Instant::now();
    let close = driver.close();
    // Closing tag and close_notify, then lingering; the clock counts milliseconds.
    in_time(begin, 490..600);
    println!("{}", close.reason().code());
}

fn peer_stops() {
    println!("established");
    stdin().read_line(&mut String::new()).unwrap();
}

fn in_time(begin: Instant, allowed: Range<u128>) {
    let waited = begin.elapsed().as_millis();
    println!("after {waited} ms");
    assert!(
        allowed.contains(&waited),
        "{waited} ms are not in {allowed:?}"
    );
}

fn next(driver: &mut dyn Drive) -> EventBuf {
    match driver.next() {
        Next::Event(event) => event,
        Next::Closed(close) => panic!("{}", close.reason()),
    }
}
