//! A server of one connection in a process of its own, which a test can stop by SIGSTOP: alice's, without
//! TLS. It prints its port, sends every message back, and prints why the connection ended.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program of the tests"
)]

#[path = "../it/harness/configs.rs"]
#[allow(dead_code, unreachable_pub, reason = "it uses a part")]
mod configs;

use std::net::TcpListener;

use configs::{decide, server};
use xmpp_stream::EventBuf;
use xmpp_stream::driver::Next;
use xmpp_stream::driver::blocking::Driver;

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let mut driver = Driver::responder(server(None), listener.accept().unwrap().0);
    let close = loop {
        match driver.next() {
            Next::Event(EventBuf::Decision) => decide(driver.machine_mut()),
            Next::Event(EventBuf::Stanza(stanza)) => {
                let back = stanza.as_stanza().standalone().into_owned();
                driver.send(&back).unwrap();
            }
            Next::Event(_) => {}
            Next::Closed(close) => break close,
        }
    };
    println!("{}", close.reason().code());
}
