//! What a client may send before its stream is established, and white space where a stream is
//! restarted (RFC 6120 4.3.3, 7.1, 11.7).

use xmpp_stream::connection::{InitiatorRole, ResponderRole};

use crate::harness::phases::{
    AUTH_ANONYMOUS, BIND, BOUND, CLIENT_HEADER, OFFER_ANONYMOUS, OFFER_BIND, Phase, SERVER_HEADER,
    SUCCESS, initiator_at, responder_at,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, Scripted};

const ALL: [Carrier; 3] = [
    Carrier::Plain,
    Carrier::StartTls(TLS12),
    Carrier::DirectTls(TLS13),
];

/// Defect B9: the server answers for itself, and the login goes on.
#[test]
fn rfc6120_7_1_a_request_to_the_server_before_binding_is_answered_with_a_stanza_error() {
    for carrier in ALL {
        for at in [Phase::Opened, Phase::Binding] {
            let mut harness = responder_at(carrier, at);
            for (request, from) in [
                (
                    "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
                    "",
                ),
                ("<iq type='set' id='1' to=''><q xmlns='u:x'/></iq>", ""),
                (
                    "<iq type='get' id='1' to='localhost'/>",
                    " from='localhost'",
                ),
                (
                    "<iq type='nonsense' id='1' to='LOCALHOST'/>",
                    " from='localhost'",
                ),
                (
                    "<iq type='set' id='1'><session \
                     xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
                    "",
                ),
            ] {
                let events = harness.events.len();
                assert_eq!(
                    harness.answer_to(request),
                    format!(
                        "<iq type='error' id='1'{from}><error type='auth'><not-authorized \
                         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                    ),
                    "{carrier:?} {at:?} {request}"
                );
                assert_eq!(harness.events_since(events), [""; 0]);
            }
            if at == Phase::Opened {
                harness.send(AUTH_ANONYMOUS);
                harness.send(CLIENT_HEADER);
            }
            harness.send(BIND);
            assert!(harness.machine.session().is_some(), "{carrier:?} {at:?}");
        }
    }
}

/// RFC 6120 7.1: a stanza to anybody else ends the stream, also one that looks like a request.
#[test]
fn rfc6120_7_1_a_stanza_to_somebody_else_before_binding_ends_the_stream() {
    for stanza in [
        "<iq type='get' id='1' to='bob@localhost'/>",
        "<iq type='get' id='1' to='localhost/x'/>",
        "<iq type='get' id='1' to='elsewhere.example'/>",
        "<iq type='get' id='1' to='a b@c'/>",
        "<message to='localhost'/>",
        "<presence/>",
    ] {
        for at in [Phase::Opened, Phase::Binding] {
            let mut harness = responder_at(Carrier::Plain, at);
            let answer = harness.answer_to(stanza);
            assert!(
                answer.contains("<stream:error><not-authorized "),
                "{stanza}: {answer}"
            );
        }
    }
}

/// Such requests buy no time, and their answers wait for TCP like everything else.
#[test]
fn requests_before_binding_do_not_move_the_deadline() {
    let mut harness = responder_at(Carrier::Plain, Phase::Opened);
    for _ in 0..40 {
        harness.send("<iq type='get' id='1'/>");
        harness.now = harness.now + std::time::Duration::from_secs(1);
        harness.exchange();
    }
    assert!(harness.receive().contains("<connection-timeout "));
}

/// Once the stream is established the same request is the application's.
#[test]
fn a_request_to_the_server_is_delivered_on_an_established_stream() {
    let mut harness = responder_at(Carrier::Plain, Phase::Established);
    for request in [
        "<iq type='get' id='1'/>",
        "<iq type='set' id='1' to='localhost'/>",
    ] {
        assert_eq!(harness.answer_to(request), "");
        let last = harness.event_lines().pop();
        assert_eq!(last, Some(format!("stanza {request}")));
    }
}

const SPACES: [&str; 4] = ["\n", " ", "\r\n", "\t \n \n"];

fn log_in_to(harness: &mut Harness<InitiatorRole, Scripted>, space: &str) {
    // A server may take `<success/>`, the line break and its header in one write.
    harness.send(SERVER_HEADER);
    harness.send(OFFER_ANONYMOUS);
    harness.send([SUCCESS, space, SERVER_HEADER, OFFER_BIND].concat());
    harness.send(BOUND);
}

fn log_in_from(harness: &mut Harness<ResponderRole, Scripted>, space: &str) {
    harness.send(CLIENT_HEADER);
    harness.send([AUTH_ANONYMOUS, space, CLIENT_HEADER].concat());
    harness.send(BIND);
}

/// Defect B10.
#[test]
fn white_space_before_a_restarted_streams_declaration_is_accepted() {
    for space in SPACES {
        for chunk in [1, usize::MAX] {
            for carrier in ALL {
                let mut harness = initiator_at(carrier, at_header(carrier));
                harness.chunk = chunk;
                log_in_to(&mut harness, space);
                assert!(harness.machine.session().is_some(), "{carrier:?} {space:?}");
                let mut harness = responder_at(carrier, at_header(carrier));
                harness.chunk = chunk;
                log_in_from(&mut harness, space);
                assert!(harness.machine.session().is_some(), "{carrier:?} {space:?}");
            }
        }
    }
    // Without a declaration it was legal before.
    let (declaration, header) = SERVER_HEADER.split_at("<?xml version='1.0'?>".len());
    assert!(declaration.ends_with("?>"));
    let mut harness = initiator_at(Carrier::Plain, Phase::Start);
    harness.send(
        [
            " ",
            header,
            OFFER_ANONYMOUS,
            SUCCESS,
            "\n",
            header,
            OFFER_BIND,
            BOUND,
        ]
        .concat(),
    );
    assert!(harness.machine.session().is_some());
}

/// Where TLS follows, white space is plaintext in its place (RFC 6120 5.4.3.3).
#[test]
fn white_space_after_proceed_is_no_tls() {
    use crate::harness::phases::{PROCEED, STARTTLS};
    let mut harness = initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
    harness.send([PROCEED, "\n    \n"].concat());
    harness.run_until_closed();
    assert_eq!(harness.end().0, "tls");
    let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
    harness.send([STARTTLS, "\n"].concat());
    harness.run_until_closed();
    assert_eq!(harness.code(), "plaintext-after-starttls");
}

fn at_header(carrier: Carrier) -> Phase {
    match carrier {
        Carrier::Plain => Phase::Start,
        _ => Phase::Secured,
    }
}
