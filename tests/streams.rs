//! A stream from its first byte to its last, both roles.

mod common;

use std::sync::Arc;

use common::pair::{Pair, client, client_with, server};
use common::pki::{Crypto, Leaf, Setup, Version, pki};
use rustls::version::{TLS12, TLS13};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Initiator, Responder};

fn plain_pair() -> Pair {
    let start = Instant::from_millis(0);
    Pair::new(
        Initiator::new(client(None), start),
        Responder::new(server(None), start),
    )
}

fn tls_pair(version: Version, password: &str) -> Pair {
    let start = Instant::from_millis(0);
    let setup = Setup::new(Crypto::Ring, version);
    let client_tls = ClientTls::new(Arc::new(pki().client(&setup)));
    let server_tls = ServerTls::new(Arc::new(pki().server(&setup, Leaf::Valid)));
    Pair::new(
        Initiator::new(client_with(Some(client_tls), password), start),
        Responder::new(server(Some(server_tls)), start),
    )
}

#[test]
fn a_plaintext_stream_is_established_and_closed() {
    let mut pair = plain_pair();
    pair.settle();
    println!("{:#?}", pair.initiator.told());
    println!("{:#?}", pair.responder.told());
    println!("{}", String::from_utf8_lossy(&pair.sent.0));
    println!("{}", String::from_utf8_lossy(&pair.sent.1));
    pair.initiator.machine.session().unwrap().close();
    pair.finish();
    assert_eq!(pair.initiator.code(), "closed");
    assert_eq!(pair.responder.code(), "closed");
}

#[test]
fn a_stream_over_starttls_is_established_and_closed() {
    for version in [&TLS12, &TLS13] {
        let mut pair = tls_pair(version, "secret");
        pair.settle();
        println!("{:#?}", pair.initiator.told());
        println!("{:#?}", pair.responder.told());
        pair.responder.machine.session().unwrap().close();
        pair.finish();
        assert_eq!(pair.initiator.code(), "closed");
        assert_eq!(pair.responder.code(), "closed");
    }
}

#[test]
fn a_wrong_password_ends_in_authentication_failed() {
    let mut pair = tls_pair(&TLS13, "wrong");
    pair.finish();
    assert_eq!(pair.initiator.code(), "authentication-failed");
}
