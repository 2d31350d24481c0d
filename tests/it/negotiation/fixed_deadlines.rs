//! Bounds that a peer cannot move by what it sends: the end, the size of what is read before a
//! login, and how soon close_notify is answered.

use core::time::Duration;

use xmpp_stream::limits::Limits;
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::{Manner, Negotiation};

use crate::harness::phases::{
    FOOTER, Phase, bring_initiator, initiator_at, initiator_with, responder_at,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, Scripted};

const ALL: [Carrier; 3] = [
    Carrier::Plain,
    Carrier::StartTls(TLS12),
    Carrier::DirectTls(TLS13),
];

/// What a peer may go on sending, each second.
const TRICKLE: [&str; 6] = [
    "",
    " ",
    "<message/>",
    "<x xmlns='urn:example'/>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<message><body>",
];

/// The default closing timeout.
const CLOSING: u64 = 5;

/// The closing deadline is set once.
#[test]
fn rfc6120_4_4_5_nothing_that_arrives_after_our_closing_tag_buys_time() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>, text: &str) {
        harness.machine.session().expect("established").close();
        assert_eq!(harness.receive(), FOOTER);
        assert_eq!(harness.hold_open_with(text), CLOSING, "{text:?}");
        assert_eq!(harness.end().1, Manner::Graceful, "{text:?}");
    }
    for carrier in ALL {
        for text in TRICKLE {
            check(responder_at(carrier, Phase::Established), text);
            check(initiator_at(carrier, Phase::Established), text);
        }
    }
}

/// The closing timeout is one deadline for closing tags and close_notify, it can be set,
/// and a peer that has not logged in gets a second of it at most.
#[test]
fn the_closing_timeout_covers_tags_and_close_notify_together() {
    for seconds in [1, 2, 20] {
        for answers in [false, true] {
            for (at, expected) in [(Phase::Binding, 1), (Phase::Established, seconds)] {
                let carrier = Carrier::DirectTls(TLS13);
                let mut harness = initiator_with(carrier, |config| {
                    let limits = Limits::client();
                    let timeout = Duration::from_secs(seconds);
                    config.limits(limits.with_closing_timeout(timeout).unwrap())
                });
                bring_initiator(&mut harness, carrier, at);
                let start = harness.now;
                let conflict = StreamError::new(StreamCondition::Conflict);
                harness.machine.fail(conflict);
                harness.exchange();
                if answers {
                    // Just in time, and then without close_notify.
                    harness.now = harness.now + Duration::from_millis(900);
                    harness.exchange();
                    harness.send(FOOTER);
                }
                harness.run_until_closed();
                let waited = harness.now.saturating_duration_since(start).as_secs();
                assert_eq!(waited, expected, "{at:?} {answers} {seconds}");
                assert_eq!(harness.closed().truncated(), answers);
            }
        }
    }
}

/// Error, closing tag, and the end of TCP, whether the peer answers or not (RFC 6120 4.9.1.1).
#[test]
fn rfc6120_15_stream_error_generate_after_an_error_there_is_a_deadline() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>, text: &str, seconds: u64) {
        let answer = harness.answer_to("<nonsense/>");
        assert!(answer.contains("<unsupported-stanza-type "), "{answer}");
        assert!(answer.ends_with(FOOTER), "{answer}");
        assert_eq!(harness.hold_open_with(text), seconds, "{text:?}");
        assert_eq!(harness.receive(), "");
        assert_eq!(harness.end().1, Manner::Graceful, "{text:?}");
    }
    for carrier in ALL {
        for text in TRICKLE {
            for (at, seconds) in [
                (Phase::Opened, 1),
                (Phase::Sasl, 1),
                (Phase::Binding, 1),
                (Phase::Established, CLOSING),
            ] {
                check(responder_at(carrier, at), text, seconds);
                check(initiator_at(carrier, at), text, seconds);
            }
        }
    }
}

/// Whoever is not authenticated is read under the earlier limit.
#[test]
fn rfc6120_13_12_3_elements_before_authentication_have_a_lower_limit() {
    fn check<N: Negotiation>(
        mut harness: Harness<N, Scripted>,
        (start, end): (&str, &str),
        is_refused: bool,
        about: &str,
    ) {
        // Between the limits before and after authentication, 10,000 and 12,000.
        let element = [start, &"A".repeat(10_500), end].concat();
        let answer = harness.answer_to(&element);
        let refused = answer.contains("<policy-violation ");
        assert_eq!(refused, is_refused, "{about}: {answer}");
    }
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>";
    let response = "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    let features = "<stream:features><x xmlns='u:x'>";
    let challenge = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    let message = ("<message><body>", "</body></message>");
    for carrier in ALL {
        for (at, element, is_refused) in [
            (Phase::Opened, (auth, "</auth>"), true),
            (Phase::Sasl, (response, "</response>"), true),
            (Phase::Opened, message, true),
            (Phase::Established, message, false),
        ] {
            let about = format!("to a server, {carrier:?} {at:?}");
            check(responder_at(carrier, at), element, is_refused, &about);
        }
        for (at, element, is_refused) in [
            (Phase::Opened, (features, "</x></stream:features>"), true),
            (Phase::Sasl, (challenge, "</challenge>"), true),
            (Phase::Established, message, false),
        ] {
            let about = format!("to a client, {carrier:?} {at:?}");
            check(initiator_at(carrier, at), element, is_refused, &about);
        }
    }
    // Before TLS too.
    let carrier = Carrier::StartTls(TLS13);
    check(
        responder_at(carrier, Phase::BeforeTls),
        message,
        true,
        "before TLS",
    );
    check(
        initiator_at(carrier, Phase::BeforeTls),
        message,
        true,
        "before TLS",
    );
}
