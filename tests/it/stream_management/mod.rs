//! Stream management (XEP-0198): `client` and `server` against a scripted peer, `pair` with both of our
//! machines and a network that breaks.

mod client;
mod pair;
mod server;

use std::time::Duration;

use xmpp_stream::sm::SmPolicy;
use xmpp_stream::{Connection, Negotiation, Ticket};

/// Asks after three stanzas or two seconds, and keeps seven.
fn policy() -> SmPolicy {
    SmPolicy::new()
        .ask(3, Duration::from_secs(2))
        .ack_timeout(Duration::from_secs(30))
        .queue(7, 10_000)
}

/// Sends a numbered message.
fn send<N: Negotiation>(machine: &mut Connection<N>, number: usize) -> Ticket {
    machine
        .session()
        .expect("established")
        .send(&message(number))
        .expect("sent")
}

fn message(number: usize) -> String {
    format!("<message id='{number}'/>")
}

const R: &str = "<r xmlns='urn:xmpp:sm:3'/>";

fn a(h: u32) -> String {
    format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>")
}
