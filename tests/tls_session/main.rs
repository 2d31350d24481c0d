//! `tls::TlsSession` against buffered rustls peers, hostile ones, and itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    unreachable_pub,
    reason = "test code"
)]

mod bindings;
mod closing;
#[path = "../it/harness/support/mod.rs"]
mod common;
mod failures;
mod handshake;
mod limits;
mod resumption;

use std::sync::Arc;

use common::hostile_tls::HostileTls;
use common::pki::{Crypto, DOMAIN, Leaf, Setup, TLS12, TLS13, Version, name, pki};
use common::tls_driver::{Driver, Feed};
use rustls::{ClientConfig, ServerConfig};
use xmpp_stream::tls::{ClientTls, Resumption, ServerTls, TlsLimits, TlsSession, TlsStep};

const VERSIONS: [Version; 2] = [TLS12, TLS13];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

impl Role {
    const BOTH: [Self; 2] = [Self::Client, Self::Server];
}

/// A client session with default settings.
fn client(config: ClientConfig, feed: Feed) -> Driver {
    client_with(&ClientTls::new(Arc::new(config)), feed)
}

fn client_with(tls: &ClientTls, feed: Feed) -> Driver {
    let limits = TlsLimits::default();
    let session = TlsSession::client(tls, name(DOMAIN), &[], Resumption::Allowed, limits);
    Driver::new(session.unwrap(), feed)
}

/// A server session with default settings.
fn server(config: ServerConfig, feed: Feed) -> Driver {
    server_with(&ServerTls::new(Arc::new(config)), feed)
}

fn server_with(tls: &ServerTls, feed: Feed) -> Driver {
    let session = TlsSession::server(tls, &[], TlsLimits::default());
    Driver::new(session.unwrap(), feed)
}

/// A session in this role and its honest peer, handshake complete.
fn pair(setup: &Setup, role: Role, feed: Feed) -> (Driver, HostileTls) {
    let (mut driver, mut peer) = match role {
        Role::Client => (
            client(pki().client(setup), feed),
            HostileTls::server(pki().server(setup, Leaf::Valid)),
        ),
        Role::Server => (
            server(pki().server(setup, Leaf::Valid), feed),
            HostileTls::client(pki().client(setup), name(DOMAIN)),
        ),
    };
    driver.handshake(&mut peer);
    (driver, peer)
}

/// Carries bytes between two of our sessions until both are quiet.
fn connect(one: &mut Driver, other: &mut Driver) {
    loop {
        let (to_other, to_one) = (one.take_out(), other.take_out());
        if to_other.is_empty() && to_one.is_empty() {
            return;
        }
        other.feed(&to_other);
        one.feed(&to_one);
    }
}

/// The code a session has failed with.
fn failure(driver: &Driver) -> &'static str {
    match driver.steps.last() {
        Some(TlsStep::Failed(failure)) => failure.code(),
        other => panic!("no failure: {other:?}"),
    }
}

/// Runs over both versions, roles and ways to feed.
fn everywhere(test: impl Fn(&Setup, Role, Feed)) {
    for version in VERSIONS {
        for role in Role::BOTH {
            for feed in Feed::ALL {
                test(&Setup::new(Crypto::Ring, version), role, feed);
            }
        }
    }
}
