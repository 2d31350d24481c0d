//! Keepalives of established streams (RFC 6120 4.6).

use std::time::Duration;

use xmpp_stream::Negotiation;
use xmpp_stream::limits::Limits;

use crate::harness::phases::{
    Phase, bring_initiator, initiator_at, initiator_with, responder_at, small,
};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, Scripted};

/// A silent peer gets one space after so many seconds, and after as many more.
fn is_tried<N: Negotiation>(mut harness: Harness<N, Scripted>, interval: u64) {
    harness.exchange();
    // Buffers are made smaller first, where there are any to speak of.
    let mut seconds = 0.0;
    while harness.receive().is_empty() {
        seconds += harness.advance();
    }
    assert!(
        (seconds - Duration::from_secs(interval).as_secs_f64()).abs() < 0.01,
        "{seconds}"
    );
    // Whatever arrives puts it off.
    let start = harness.now;
    harness.now = start + Duration::from_secs(interval - 1);
    harness.send(" ");
    harness.now = start + Duration::from_secs(2 * interval - 2);
    assert_eq!(harness.receive(), "");
    harness.now = start + Duration::from_secs(2 * interval - 1);
    assert_eq!(harness.receive(), " ");
    assert_eq!(harness.code(), "open");
}

#[test]
fn rfc6120_4_6_4_1_a_silent_peer_is_tried_every_five_minutes_by_the_client_first() {
    for carrier in [Carrier::Plain, Carrier::DirectTls(TLS13)] {
        is_tried(initiator_at(carrier, Phase::Established), 300);
        is_tried(responder_at(carrier, Phase::Established), 600);
    }
}

#[test]
fn an_application_may_choose_to_wait_for_ever() {
    let mut client = initiator_with(Carrier::Plain, |config| {
        let limits = small(Limits::client());
        config.limits(limits.with_keepalive(None).unwrap())
    });
    bring_initiator(&mut client, Carrier::Plain, Phase::Established);
    client.receive();
    client.now = client.now + Duration::from_secs(100_000);
    assert_eq!(client.receive(), "");
    assert_eq!(client.wait.unwrap().deadline, None);
}

#[test]
fn nothing_is_sent_to_a_silent_peer_after_the_closing_tag() {
    let mut client = initiator_at(Carrier::Plain, Phase::Closing);
    client.run_until_closed();
    assert_eq!(client.receive(), "");
}
