//! What a client may send before its stream is established, and white space where a stream is
//! restarted (RFC 6120 4.3.3, 7.1, 11.7).

use std::cell::RefCell;
use std::rc::Rc;

use xmpp_stream::config::{HostConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::stream::{EarlyElements, FeatureXml};
use xmpp_stream::{EventBuf, Responder};

use crate::harness::configs::{FIXED, decide};
use crate::harness::phases::{
    AUTH_ANONYMOUS, BIND, BOUND, CLIENT_HEADER, OFFER_ANONYMOUS, OFFER_BIND, Phase, SERVER_HEADER,
    STARTTLS, SUCCESS, bring_initiator, bring_responder, initiator, initiator_at, responder_at,
    server_tls,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, START, Scripted};

const ALL: [Carrier; 3] = [
    Carrier::Plain,
    Carrier::StartTls(TLS12),
    Carrier::DirectTls(TLS13),
];

/// The server answers for itself, and the login goes on.
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

/// A request of binding to somebody else is not the server's to answer.
#[test]
fn a_bind_or_session_request_to_somebody_else_is_delivered_on_an_established_stream() {
    let mut harness = responder_at(Carrier::Plain, Phase::Established);
    for content in [
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
        "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    ] {
        for to in [
            "bob@localhost",
            "elsewhere.example",
            "guest@localhost/made-up",
        ] {
            let request = format!("<iq type='set' id='1' to='{to}'>{content}</iq>");
            assert_eq!(harness.answer_to(&request), "", "{request}");
            let last = harness.event_lines().pop();
            assert_eq!(last, Some(format!("stanza {request}")));
        }
        for to in ["", " to='localhost'", " to='guest@localhost'"] {
            let events = harness.events.len();
            let request = format!("<iq type='set' id='1'{to}>{content}</iq>");
            assert!(harness.answer_to(&request).starts_with("<iq "), "{request}");
            assert_eq!(harness.events_since(events), [""; 0]);
        }
    }
}

const REGISTER: &str = "<register xmlns='http://jabber.org/features/iq-register'/>";
const ASK: &str = "<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>";
const FORM: &str = "<iq type='result' id='r'><query xmlns='jabber:iq:register'/></iq>";
const UNKNOWN: &str = "<x xmlns='urn:example'/>";

/// A server whose application takes what arrives early, and answers requests.
fn layered(carrier: Carrier) -> Harness<ResponderRole, Scripted> {
    let mut host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
        .login_feature(FeatureXml::new(REGISTER).unwrap());
    let builder = ResponderConfig::server(&FIXED).early_elements(EarlyElements::Delivered);
    let config = match carrier {
        Carrier::Plain => builder
            .single_host(host.build().unwrap())
            .dangerous_plaintext(),
        Carrier::StartTls(version) => {
            host = host.tls(server_tls(version));
            builder.single_host(host.build().unwrap()).starttls()
        }
        Carrier::DirectTls(version) => builder
            .single_host(host.build().unwrap())
            .direct_tls(server_tls(version)),
    };
    let machine = Responder::new(config.build().unwrap(), START);
    Harness::scripted(
        machine,
        Box::new(|machine, event| {
            decide(machine);
            if matches!(event, EventBuf::Stanza(_)) {
                if let Some(mut stream) = machine.negotiating() {
                    stream.send(FORM).unwrap();
                }
            }
        }),
    )
}

/// Registration, and a protocol that nobody here knows, before SASL and before binding.
#[test]
fn the_application_can_take_what_arrives_before_the_stream_is_established() {
    for carrier in ALL {
        let mut harness = layered(carrier);
        if let Carrier::StartTls(_) = carrier {
            // Nothing is taken in the clear.
            harness.send(CLIENT_HEADER);
            assert!(harness.machine.negotiating().is_none());
            assert!(!harness.receive().contains("register"));
            assert!(harness.answer_to(ASK).contains("<not-authorized "));
            harness = layered(carrier);
        }
        bring_responder(&mut harness, carrier, Phase::Opened);
        assert!(harness.receive().contains(REGISTER), "{carrier:?}");
        for at in [Phase::Opened, Phase::Binding] {
            let events = harness.events.len();
            assert_eq!(harness.answer_to(ASK), FORM, "{carrier:?} {at:?}");
            assert_eq!(harness.answer_to(UNKNOWN), "");
            let expected = [format!("stanza {ASK}"), format!("element {UNKNOWN}")];
            assert_eq!(harness.events_since(events), expected);
            // What the stream itself writes, and stanzas of the other namespace, are refused.
            let mut stream = harness.machine.negotiating().unwrap();
            for refused in [
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
                "<stream:features/>",
                "<message xmlns='jabber:server'/>",
                "</stream:stream>",
            ] {
                assert!(stream.send(refused).is_err(), "{refused}");
            }
            if at == Phase::Opened {
                harness.send(AUTH_ANONYMOUS);
                // Between SASL and the new header there is no stream to answer on.
                assert!(harness.machine.negotiating().is_none());
                assert!(harness.machine.session().is_none());
                harness.send(CLIENT_HEADER);
                harness.receive();
            }
        }
        harness.send(BIND);
        assert!(harness.machine.session().is_some());
        assert!(harness.machine.negotiating().is_none());
    }
}

/// It is no stream yet: stanzas to others end it, and deadlines hold.
#[test]
fn what_is_taken_early_neither_goes_to_others_nor_buys_time() {
    for stanza in ["<message/>", "<iq type='get' id='1' to='bob@localhost'/>"] {
        let mut harness = layered(Carrier::Plain);
        bring_responder(&mut harness, Carrier::Plain, Phase::Opened);
        assert!(harness.answer_to(stanza).contains("<not-authorized "));
    }
    for text in [ASK, UNKNOWN] {
        let mut harness = layered(Carrier::Plain);
        bring_responder(&mut harness, Carrier::Plain, Phase::Opened);
        assert_eq!(harness.hold_open_with(text), 31);
        assert_eq!(harness.end().0, "timeout");
    }
}

/// A client's application has no turn between the features and the step they ask for.
#[test]
fn a_client_has_taken_its_next_step_when_the_features_are_reported() {
    for carrier in ALL {
        let steps = Rc::new(RefCell::new(Vec::new()));
        let log = steps.clone();
        let mut harness = initiator(carrier);
        harness.app = Box::new(move |machine, event| {
            if matches!(event, EventBuf::Features(_)) {
                assert!(machine.session().is_none());
                log.borrow_mut().push(machine.transmit().to_vec());
            }
        });
        bring_initiator(&mut harness, carrier, Phase::Established);
        assert!(harness.machine.session().is_some());
        let mut steps = steps.borrow().clone();
        if let Carrier::StartTls(_) = carrier {
            assert!(steps.remove(0).ends_with(STARTTLS.as_bytes()));
        }
        assert_eq!(steps.len(), 2);
        for (sent, expected) in steps.iter().zip(["<auth ", "<bind "]) {
            // Under TLS the test sees records only.
            let text = String::from_utf8_lossy(sent);
            assert!(carrier != Carrier::Plain || text.contains(expected));
            assert!(!sent.is_empty());
        }
    }
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

/// A server may write a line break between `<success/>` and its header.
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
    use crate::harness::phases::PROCEED;
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
