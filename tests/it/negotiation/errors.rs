//! Stream errors, sent and received, in every phase of both roles (RFC 6120
//! 4.9).

use xmpp_stream::reset::Side;
use xmpp_stream::stream::{OtherHost, StreamCondition, StreamError};
use xmpp_stream::{CloseReason, Manner, Negotiation};

use crate::harness::phases::{
    CLIENT_HEADER, FOOTER, PROCEED, Phase, SERVER_HEADER, STARTTLS, initiator, initiator_at,
    peer_client, peer_server, responder, responder_at,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, Scripted};

const OPEN: [Phase; 6] = [
    Phase::Start,
    Phase::Opened,
    Phase::Sasl,
    Phase::Authenticated,
    Phase::Binding,
    Phase::Established,
];

/// The names that RFC 6120 4.9.3.1 to 4.9.3.25 give, copied from their headings: what the crate
/// writes and reads is compared with these, and not with itself.
const NAMES: [(StreamCondition, &str); 25] = [
    (StreamCondition::BadFormat, "bad-format"),
    (StreamCondition::BadNamespacePrefix, "bad-namespace-prefix"),
    (StreamCondition::Conflict, "conflict"),
    (StreamCondition::ConnectionTimeout, "connection-timeout"),
    (StreamCondition::HostGone, "host-gone"),
    (StreamCondition::HostUnknown, "host-unknown"),
    (StreamCondition::ImproperAddressing, "improper-addressing"),
    (
        StreamCondition::InternalServerError,
        "internal-server-error",
    ),
    (StreamCondition::InvalidFrom, "invalid-from"),
    (StreamCondition::InvalidNamespace, "invalid-namespace"),
    (StreamCondition::InvalidXml, "invalid-xml"),
    (StreamCondition::NotAuthorized, "not-authorized"),
    (StreamCondition::NotWellFormed, "not-well-formed"),
    (StreamCondition::PolicyViolation, "policy-violation"),
    (
        StreamCondition::RemoteConnectionFailed,
        "remote-connection-failed",
    ),
    (StreamCondition::Reset, "reset"),
    (StreamCondition::ResourceConstraint, "resource-constraint"),
    (StreamCondition::RestrictedXml, "restricted-xml"),
    (StreamCondition::SeeOtherHost, "see-other-host"),
    (StreamCondition::SystemShutdown, "system-shutdown"),
    (StreamCondition::UndefinedCondition, "undefined-condition"),
    (StreamCondition::UnsupportedEncoding, "unsupported-encoding"),
    (StreamCondition::UnsupportedFeature, "unsupported-feature"),
    (
        StreamCondition::UnsupportedStanzaType,
        "unsupported-stanza-type",
    ),
    (StreamCondition::UnsupportedVersion, "unsupported-version"),
];

fn error(condition: StreamCondition) -> StreamError {
    match condition {
        StreamCondition::SeeOtherHost => {
            StreamError::see_other_host(OtherHost::new("other.example", Some(9222)).unwrap())
        }
        condition => StreamError::new(condition),
    }
}

/// The bytes of [`error`] on the wire.
fn literal(condition: StreamCondition) -> String {
    let (_, name) = NAMES
        .into_iter()
        .find(|(named, _)| *named == condition)
        .expect("every condition has a name");
    let namespace = "urn:ietf:params:xml:ns:xmpp-streams";
    match condition {
        StreamCondition::SeeOtherHost => format!(
            "<stream:error><{name} xmlns='{namespace}'>other.example:9222</{name}></stream:error>"
        ),
        _ => format!("<stream:error><{name} xmlns='{namespace}'/></stream:error>"),
    }
}

/// The application fails the stream: `header`: our header has to come
/// first.
fn fails<N: Negotiation>(
    mut harness: Harness<N, Scripted>,
    condition: StreamCondition,
    header: bool,
    about: &str,
) {
    let events = harness.events.len();
    harness.machine.fail(error(condition));
    // In one write: one poll, one window.
    let _ = harness.machine.poll(harness.now);
    let about = format!("{about} {condition}");
    assert!(!harness.machine.transmit().is_empty(), "{about}");
    let first = harness.transmit(usize::MAX);
    harness.exchange();
    assert_eq!(harness.receive(), "", "{about}: more than one write");
    harness.machine.transmitted(0);
    let text = harness.open(&first);
    let expected = [literal(condition), FOOTER.into()].concat();
    let head = text
        .strip_suffix(expected.as_str())
        .unwrap_or_else(|| panic!("{about}: {text}"));
    assert_eq!(
        head.starts_with("<?xml version='1.0'?><stream:stream "),
        header,
        "{about}"
    );
    assert_eq!(
        head.matches('<').count(),
        if header { 2 } else { 0 },
        "{about}: {text}"
    );
    // 6120-4.9.1.1-1: nothing is processed afterwards; then the end.
    assert!(harness.machine.session().is_none() && harness.machine.decision().is_none());
    harness.finish();
    assert_eq!(harness.events_since(events), [""; 0], "{about}");
    assert_eq!(harness.end().1, Manner::Graceful, "{about}");
    assert_reason(&harness, Side::Us, condition, &about);
}

/// The stream ended by an error of this condition, of this side. The cause of a
/// reset is known only to the side that sends it.
fn assert_reason<N: Negotiation>(
    harness: &Harness<N, Scripted>,
    side: Side,
    condition: StreamCondition,
    about: &str,
) {
    match harness.closed().reason() {
        CloseReason::Reset { by, cause } => {
            assert_eq!((*by, condition), (side, StreamCondition::Reset), "{about}");
            assert!(side == Side::Us || cause.is_none(), "{about}");
        }
        CloseReason::StreamError { by, error } => {
            assert_eq!((*by, error.condition()), (side, condition), "{about}");
        }
        other => panic!("{about}: {other:?}"),
    }
}

#[test]
fn rfc6120_4_9_1_1_1_every_error_is_sent_in_every_phase_of_a_server() {
    for at in OPEN {
        for condition in StreamCondition::ALL {
            let header = at.awaits_header();
            fails(
                responder_at(Carrier::Plain, at),
                condition,
                header,
                &format!("{at:?}"),
            );
        }
    }
    for at in [
        Phase::BeforeTls,
        Phase::Secured,
        Phase::Opened,
        Phase::Established,
    ] {
        let harness = responder_at(Carrier::StartTls(TLS13), at);
        fails(
            harness,
            StreamCondition::SystemShutdown,
            at.awaits_header(),
            &format!("TLS {at:?}"),
        );
    }
}

#[test]
fn rfc6120_4_9_1_1_1_every_error_is_sent_in_every_phase_of_a_client() {
    for at in OPEN {
        for condition in StreamCondition::ALL {
            let mut harness = initiator_at(Carrier::Plain, at);
            harness.receive();
            fails(harness, condition, false, &format!("{at:?}"));
        }
    }
    for at in [
        Phase::BeforeTls,
        Phase::Secured,
        Phase::Opened,
        Phase::Established,
    ] {
        let harness = initiator_at(Carrier::StartTls(TLS13), at);
        fails(
            harness,
            StreamCondition::SystemShutdown,
            false,
            &format!("TLS {at:?}"),
        );
    }
}

/// A server in the middle of a decision answers at once, and the answer of the
/// application that comes afterwards has no effect.
#[test]
fn an_error_does_not_wait_for_a_decision() {
    for (at, opening) in [
        (Phase::Opened, crate::harness::phases::AUTH_SCRAM),
        (Phase::Binding, crate::harness::phases::BIND),
    ] {
        let mut harness = responder_at(Carrier::Plain, at);
        harness.app = Box::new(|_, _| {});
        harness.send(opening);
        assert_eq!(harness.event_lines().last().unwrap(), "decision");
        harness.machine.fail(error(StreamCondition::SystemShutdown));
        harness.exchange();
        assert!(harness.receive().contains("<system-shutdown "));
        assert!(harness.machine.decision().is_none());
        let start = harness.now;
        harness.finish();
        assert_eq!(harness.now, start, "the closing tag was answered at once");
    }
}

/// 6120-5.4.3.1-1: no XML before the end of the handshake.
#[test]
fn an_error_in_the_tls_handshake_waits_for_its_end() {
    for version in [TLS12, TLS13] {
        let mut harness = responder(Carrier::StartTls(version));
        harness.send(CLIENT_HEADER);
        harness.receive();
        harness.send(STARTTLS);
        assert_eq!(harness.receive(), PROCEED);
        harness.machine.fail(error(StreamCondition::SystemShutdown));
        // The first one counts.
        harness.exchange();
        harness.machine.fail(error(StreamCondition::Conflict));
        harness.exchange();
        assert_eq!(harness.receive(), "");
        harness.start_tls(peer_client(version));
        let received = harness.receive();
        assert!(
            received.starts_with("<?xml version='1.0'?><stream:stream "),
            "{received}"
        );
        assert!(
            received.ends_with(&[literal(StreamCondition::SystemShutdown), FOOTER.into()].concat())
        );
        harness.finish();
        assert_eq!(harness.end(), ("stream-error", Manner::Graceful));

        let mut harness = initiator(Carrier::DirectTls(version));
        harness.machine.fail(error(StreamCondition::SystemShutdown));
        harness.start_tls(peer_server(version));
        let received = harness.receive();
        assert!(
            received.starts_with("<?xml version='1.0'?><stream:stream "),
            "{received}"
        );
        assert!(
            received.ends_with(&[literal(StreamCondition::SystemShutdown), FOOTER.into()].concat())
        );
        harness.finish();
        assert_eq!(harness.end(), ("stream-error", Manner::Graceful));
    }
}

/// The peer sends an error: an event, our closing tag, the end.
fn receives<N: Negotiation>(
    mut harness: Harness<N, Scripted>,
    xml: &str,
    condition: StreamCondition,
    about: &str,
) {
    let events = harness.events.len();
    harness.send([xml, FOOTER].concat());
    let about = format!("{about} {condition}");
    assert_eq!(harness.receive(), FOOTER, "{about}");
    assert_eq!(
        harness.events_since(events).last().map(String::as_str),
        Some(format!("stream-error {condition}").as_str()),
        "{about}"
    );
    harness.run_until_closed();
    assert_eq!(harness.end().1, Manner::Graceful, "{about}");
    assert_reason(&harness, Side::Peer, condition, &about);
}

#[test]
fn rfc6120_4_9_1_1_2_every_error_is_understood_in_every_phase() {
    for at in OPEN {
        for condition in StreamCondition::ALL {
            let mut xml = literal(condition);
            let about = format!("{at:?}");
            if at.awaits_header() {
                xml.insert_str(0, SERVER_HEADER);
            }
            receives(initiator_at(Carrier::Plain, at), &xml, condition, &about);
            let xml = literal(condition);
            if !at.awaits_header() {
                receives(responder_at(Carrier::Plain, at), &xml, condition, &about);
            }
        }
    }
    for condition in [StreamCondition::Reset, StreamCondition::SystemShutdown] {
        let xml = literal(condition);
        let before = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
        receives(before, &xml, condition, "awaiting <proceed/>");
        let inside = initiator_at(Carrier::StartTls(TLS13), Phase::Established);
        receives(inside, &xml, condition, "TLS");
        let inside = responder_at(Carrier::StartTls(TLS13), Phase::Established);
        receives(inside, &xml, condition, "TLS");
    }
}

/// The server closes TCP after its error, without a closing tag.
#[test]
fn an_error_stays_the_reason_when_the_transport_ends() {
    for condition in [StreamCondition::Conflict, StreamCondition::Reset] {
        for end in [Harness::fin, Harness::rst] {
            let mut harness = initiator_at(Carrier::Plain, Phase::Established);
            harness.send(literal(condition));
            end(&mut harness);
            harness.run_until_closed();
            let code = match condition {
                StreamCondition::Reset => "reset",
                _ => "stream-error",
            };
            assert_eq!(harness.end().0, code);
        }
    }
}

#[test]
fn rfc6120_4_9_3_19_2_the_other_host_is_reported() {
    for (text, host, port) in [
        ("other.example", "other.example", None),
        ("other.example:9222", "other.example", Some(9222)),
        ("[2001:db8::1]:9222", "[2001:db8::1]", Some(9222)),
        ("\n  192.0.2.1 \n", "192.0.2.1", None),
    ] {
        let xml = format!(
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{text}\
             </see-other-host></stream:error>"
        );
        let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::Opened);
        harness.send(xml);
        harness.finish();
        let CloseReason::StreamError {
            by: Side::Peer,
            error,
        } = harness.closed().reason()
        else {
            panic!("{:?}", harness.closed());
        };
        let other = error.other_host().expect("a host");
        assert_eq!((other.host(), other.port()), (host, port));
    }
}

#[test]
fn rfc6120_4_9_2_2_an_unknown_condition_is_undefined() {
    let mut harness = initiator_at(Carrier::Plain, Phase::Established);
    harness.send(
        "<stream:error><hello xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>why</text>\
         <app xmlns='urn:example'/></stream:error>",
    );
    harness.finish();
    let CloseReason::StreamError { error, .. } = harness.closed().reason() else {
        panic!("{:?}", harness.closed());
    };
    assert_eq!(error.condition(), StreamCondition::UndefinedCondition);
    assert_eq!(error.unknown_name(), Some("hello"));
    assert_eq!((error.text(), error.lang()), (Some("why"), Some("en")));
    assert!(error.application().unwrap().contains("urn:example"));
}
