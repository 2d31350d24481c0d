//! Whom a certificate speaks for: `tls::identity` (RFC 6120 13.7, XEP-0178).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    unreachable_pub,
    reason = "test code"
)]

mod authority;
#[path = "../it/harness/support/mod.rs"]
mod common;
mod handshake;
mod malformed;
mod table;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use authority::Authority;
use common::pki::Crypto;
use rustls::RootCertStore;
use rustls::pki_types::UnixTime;
use xmpp_stream::tls::identity::Trust;

/// 2026-01-01, the time of all checks.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600));

const DOMAIN: &str = "im.example.com";

/// Trust in these roots.
fn trust(crypto: Crypto, roots: &[&Authority]) -> Trust {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.certificate().clone()).unwrap();
    }
    Trust::new(Arc::new(store), &crypto.provider())
}
