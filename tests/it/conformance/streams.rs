//! Streams (RFC 6120 4): restarts, what may be sent when, headers, errors.

use xmpp_stream::config::{ConfigError, HostConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::stream::{OtherHost, StreamCondition, StreamError};
use xmpp_stream::{CloseReason, Decision, EventBuf, Initiator, Negotiation, Responder, SendError};

use crate::harness::configs::{FIXED, client, decide, server};
use crate::harness::phases::{
    BIND, BOUND, CLIENT_HEADER, FOOTER, OFFER_ANONYMOUS, OFFER_BIND, Phase, SERVER_HEADER, SUCCESS,
    initiator, initiator_at, initiator_with, responder, responder_at,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Carrier, Harness, Pair, START, Scripted};

/// How the header of either side begins; none may be left out (11.5).
const DECLARED: &str = "<?xml version='1.0'?><stream:stream ";

fn plain_pair() -> Pair {
    Pair::connect(
        Initiator::new(client(None), START),
        Responder::new(server(None), START),
    )
}

/// 6120-4.5-1, 6120-4.3.3-2 to -6, 6120-7.3.2-1: on one connection there are
/// two streams in each direction, one for each side of SASL, and neither
/// closing tag nor end of TCP between them.
#[test]
fn rfc6120_4_3_3_2_a_restart_is_a_new_header_and_nothing_else() {
    let mut pair = plain_pair();
    pair.exchange();
    assert!(pair.machine.session().is_some());
    assert!(pair.peer.machine.session().is_some());
    assert!(pair.close.is_none() && pair.peer.close.is_none());
    for (sent, before_restart) in [(&pair.sent, "</response>"), (&pair.peer.sent, "</success>")] {
        let text = String::from_utf8_lossy(sent);
        assert_eq!(text.matches("<stream:stream ").count(), 2, "{text}");
        assert!(!text.contains(FOOTER), "{text}");
        let (old, new) = text.split_once(before_restart).expect("a restart");
        assert!(old.starts_with(DECLARED), "{old}");
        assert!(new.starts_with(DECLARED), "{new}");
    }
    pair.machine.session().unwrap().close();
    pair.finish();
    assert_eq!((pair.code(), pair.peer.code()), ("closed", "closed"));
}

/// 6120-6.3.1-1, 6120-7.3.1-1: neither has `<required/>`.
#[test]
fn rfc6120_4_3_2_4_the_stream_is_not_established_while_a_mandatory_feature_is_left() {
    let mut harness = initiator(Carrier::Plain);
    let texts = [
        SERVER_HEADER,
        OFFER_ANONYMOUS,
        SUCCESS,
        SERVER_HEADER,
        OFFER_BIND,
    ];
    for text in texts {
        harness.send(text);
        assert!(harness.machine.session().is_none(), "{text}");
    }
    harness.send(BOUND);
    assert!(harness.machine.session().is_some());
}

/// 6120-4.6.1-2, XEP-0198-en: no stanza, no white space, no `<enable/>`: all
/// of them need a session.
#[test]
fn rfc6120_4_3_5_4_nothing_can_be_sent_before_the_stream_is_established() {
    fn assert_sends_nothing<N: Negotiation>(mut harness: Harness<N, Scripted>, about: &str) {
        harness.receive();
        assert!(harness.machine.session().is_none(), "{about}");
        harness.exchange();
        assert_eq!(harness.receive(), "", "{about}");
    }
    let plain = Phase::PLAIN.map(|at| (Carrier::Plain, at));
    let tls = [
        Phase::BeforeTls,
        Phase::Secured,
        Phase::Opened,
        Phase::Sasl,
        Phase::Binding,
    ];
    let cases = plain
        .into_iter()
        .chain(tls.map(|at| (Carrier::StartTls(TLS13), at)))
        .chain(tls.map(|at| (Carrier::StartTls(TLS12), at)));
    for (carrier, at) in cases {
        if at != Phase::Established {
            assert_sends_nothing(
                responder_at(carrier, at),
                &format!("responder {carrier:?} {at:?}"),
            );
            assert_sends_nothing(
                initiator_at(carrier, at),
                &format!("initiator {carrier:?} {at:?}"),
            );
        }
    }
    assert!(
        responder_at(Carrier::Plain, Phase::Established)
            .machine
            .session()
            .is_some()
    );
    assert!(
        initiator_at(Carrier::Plain, Phase::Established)
            .machine
            .session()
            .is_some()
    );
}

/// 6120-4.1-2, 6120-4.8.4-2: unknown elements with a namespace of their own
/// are ignored, and nothing inside an element is a stanza.
#[test]
fn rfc6120_4_8_4_1_other_elements_are_not_reported_as_stanzas() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        for element in [
            "<message xmlns='urn:example'/>",
            "<x xmlns='urn:example'><message xmlns='jabber:client'/></x>",
            "<e:iq xmlns:e='urn:example' type='get' id='1'/>",
        ] {
            let events = harness.events.len();
            harness.send(element);
            assert_eq!(harness.events_since(events), [format!("element {element}")]);
            assert!(harness.close.is_none());
        }
        let nested = "<message><message/><presence/></message>";
        let events = harness.events.len();
        harness.send(nested);
        assert_eq!(harness.events_since(events), [format!("stanza {nested}")]);
    }
    check::<ResponderRole>(responder_at(Carrier::Plain, Phase::Established));
    check::<InitiatorRole>(initiator_at(Carrier::Plain, Phase::Established));
}

/// 6120-4.8.3-3, 6120-4.8.5-4, 6120-4.8.2-1: what the peer would have to refuse
/// does not go out.
#[test]
fn rfc6120_4_8_3_5_nothing_is_sent_that_does_not_belong_on_the_stream() {
    fn check<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        for (element, condition) in [
            (
                "<message xmlns='jabber:server'/>",
                StreamCondition::InvalidNamespace,
            ),
            (
                "<s:message xmlns:s='jabber:server'/>",
                StreamCondition::InvalidNamespace,
            ),
            ("<message xmlns=''/>", StreamCondition::InvalidNamespace),
            (
                "<c:message xmlns:c='jabber:client'/>",
                StreamCondition::BadNamespacePrefix,
            ),
            ("<massage/>", StreamCondition::UnsupportedStanzaType),
        ] {
            let sent = harness.machine.session().unwrap().send(element);
            assert_eq!(sent, Err(SendError::Refused(condition)), "{element}");
            harness.exchange();
            assert_eq!(harness.receive(), "", "{element}");
        }
        let element = "<message xmlns='jabber:client'/>";
        harness.machine.session().unwrap().send(element).unwrap();
        harness.exchange();
        assert_eq!(harness.receive(), element);
    }
    check::<ResponderRole>(responder_at(Carrier::Plain, Phase::Established));
    check::<InitiatorRole>(initiator_at(Carrier::Plain, Phase::Established));
}

/// With the stream namespace as the default one, what declares no namespace is
/// in that of the stream, and no stanza.
#[test]
fn rfc6120_4_8_2_1_an_element_in_the_stream_namespace_is_no_stanza() {
    let mut harness = responder(Carrier::Plain);
    let header = "<stream xmlns='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
    for text in [
        header,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        header,
        &BIND.replace("<iq ", "<iq xmlns='jabber:client' "),
    ] {
        harness.send(text);
    }
    let events = harness.events.len();
    harness.receive();
    harness.send("<message xmlns='jabber:client'/>");
    assert_eq!(harness.events_since(events).len(), 1);
    harness.send("<message/>");
    assert_eq!(harness.events_since(events).len(), 1);
    assert!(harness.receive().contains("<unsupported-stanza-type "));
}

#[test]
fn rfc6120_4_7_4_7_the_language_of_the_peers_stream_is_reported() {
    let lang_of = |events: &[EventBuf]| match events {
        [EventBuf::StreamOpened { lang, .. }, ..] => lang.clone(),
        other => panic!("{other:?}"),
    };
    let header = SERVER_HEADER.replace(" version='1.0'>", " xml:lang='de-CH' version='1.0'>");
    let mut harness = initiator(Carrier::Plain);
    harness.send(&header);
    assert_eq!(lang_of(&harness.events).as_deref(), Some("de-CH"));
    let mut harness = responder(Carrier::Plain);
    harness.send(header.replace("from='localhost' id='1'", "to='localhost'"));
    assert_eq!(lang_of(&harness.events).as_deref(), Some("de-CH"));
}

/// 6120-4.7.4-5, 6120-4.7.4-6: else the one there is.
#[test]
fn rfc6120_4_7_4_4_the_language_asked_for_is_answered_as_it_was_spelled() {
    for (asked, answered) in [
        ("de-CH", "de-CH"),
        ("DE-ch", "DE-ch"),
        ("de-CH-1996", "de-CH"),
        ("de", "de-CH"),
        ("fr", "de-CH"),
        ("no tag", "de-CH"),
    ] {
        let decoy = xmpp_stream::sasl::Decoy::new(&[7; 32], 4096);
        let host = HostConfig::builder("localhost", decoy).build().unwrap();
        let config = ResponderConfig::server(&FIXED)
            .lang("de-CH")
            .single_host(host)
            .dangerous_plaintext()
            .build()
            .unwrap();
        let machine = Responder::new(config, START);
        let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
        harness.send(CLIENT_HEADER.replace(" to=", &format!(" xml:lang='{asked}' to=")));
        let received = harness.receive();
        assert!(
            received.contains(&format!(" xml:lang='{answered}' ")),
            "{asked}: {received}"
        );
    }
    let mut harness = initiator_with(Carrier::Plain, |config| config);
    assert!(harness.receive().contains(" xml:lang='en' "));
    // 6120-4.7.4-1: what is not a language tag cannot be configured.
    let config = ResponderConfig::server(&FIXED).lang("no tag");
    let refused = config.dangerous_plaintext().build().err();
    assert_eq!(refused, Some(ConfigError::Lang));
}

/// What a stanza says of its language stays as it is (6120-4.7.4-7), and so do
/// its addresses, id and type (8.1).
#[test]
fn rfc6120_8_1_the_common_attributes_of_stanzas_arrive_as_they_were_sent() {
    for name in ["message", "presence", "iq"] {
        let stanza = format!(
            "<{name} from='a@localhost/b' to='c@d' id='&lt;1&gt;' type='error' xml:lang='pl'>\
             <error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>\
             <x xmlns='urn:example'/></{name}>"
        );
        let mut harness = responder_at(Carrier::Plain, Phase::Established);
        harness.send(&stanza);
        let Some(EventBuf::Stanza(reported)) = harness.events.last() else {
            panic!("{:?}", harness.event_lines());
        };
        let reported = reported.as_stanza();
        assert_eq!((reported.name(), reported.ns()), (name, "jabber:client"));
        assert_eq!(reported.attr("from").as_deref(), Some("a@localhost/b"));
        assert_eq!(reported.attr("to").as_deref(), Some("c@d"));
        assert_eq!(reported.attr("id").as_deref(), Some("<1>"));
        assert_eq!(reported.attr("type").as_deref(), Some("error"));
        let xml = "http://www.w3.org/XML/1998/namespace";
        assert_eq!(reported.attr_ns(xml, "lang").as_deref(), Some("pl"));
        // 6120-15-stanza-extension: unknown payload.
        assert_eq!(reported.as_str(), stanza);
        // 6120-15-stanza-error-reply: no answer is sent.
        assert_eq!(harness.receive(), "");
        assert!(harness.close.is_none());
    }
}

/// A server of several hosts, whose application refuses all of them.
fn refusing(error: StreamError) -> Harness<ResponderRole, Scripted> {
    let config = ResponderConfig::server(&FIXED)
        .dangerous_plaintext()
        .build()
        .unwrap();
    let machine = Responder::new(config, START);
    let mut error = Some(error);
    Harness::scripted(
        machine,
        Box::new(move |machine, _| {
            if let Some(Decision::Host(host)) = machine.decision() {
                host.refuse(error.take().expect("asked once"));
            }
        }),
    )
}

/// 6120-4.9.1.2-1, 6120-4.9.1.2-2: our header, error and closing tag, in one
/// write. 6120-4.9.1.3-1: `from` is empty where no host is served.
#[test]
fn rfc6120_4_9_3_5_1_a_host_may_be_gone_unknown_or_elsewhere() {
    let elsewhere = OtherHost::new("other.example", Some(9222)).unwrap();
    for (error, element) in [
        (
            StreamError::new(StreamCondition::HostGone),
            "<host-gone xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        ),
        (
            StreamError::new(StreamCondition::HostUnknown),
            "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        ),
        (
            StreamError::see_other_host(elsewhere),
            "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example:9222\
             </see-other-host>",
        ),
    ] {
        let condition = error.condition();
        let mut harness = refusing(error.clone());
        let header = "<stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='gone.example' version='1.0'>";
        assert_eq!(harness.machine.receive(header.as_bytes()), header.len());
        harness.run();
        let received = String::from_utf8(harness.transmit(usize::MAX)).unwrap();
        let end = ["<stream:error>", element, "</stream:error>", FOOTER].concat();
        assert!(received.starts_with(DECLARED), "{received}");
        assert!(received.contains(" from='' "), "{received}");
        assert!(received.ends_with(&end), "{received}");
        assert_eq!(received.matches('<').count(), 2 + end.matches('<').count());
        assert!(harness.machine.transmit().is_empty(), "more than one write");
        harness.finish();
        assert!(
            matches!(harness.closed().reason(), CloseReason::StreamError { error, .. } if error.condition() == condition)
        );
    }
}

#[test]
fn rfc6120_4_9_2_4_the_text_of_an_error_has_no_effect() {
    let mut harness = initiator_at(Carrier::Plain, Phase::Established);
    harness.send(
        "<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>reset, please; \
         see-other-host: other.example</text>\
         <conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    );
    harness.finish();
    let CloseReason::StreamError { error, .. } = harness.closed().reason() else {
        panic!("{:?}", harness.closed());
    };
    assert_eq!(error.condition(), StreamCondition::Conflict);
    assert!(error.other_host().is_none());
}

/// Who has proved nothing has less room than who is authenticated: elements between the two limits
/// are refused before, on any transport, and taken after.
#[test]
fn rfc6120_13_12_2_elements_before_authentication_have_a_limit_of_their_own() {
    fn refused<N: Negotiation>(mut harness: Harness<N, Scripted>, about: &str) {
        harness.receive();
        harness.send(format!("<x xmlns='urn:example'>{}</x>", "x".repeat(11_000)));
        let received = harness.receive();
        assert!(
            received.contains("<policy-violation "),
            "{about}: {received}"
        );
        harness.finish();
        assert_eq!(harness.end().0, "limit", "{about}");
    }
    fn taken<N: Negotiation>(mut harness: Harness<N, Scripted>) {
        harness.send(format!("<x xmlns='urn:example'>{}</x>", "x".repeat(11_000)));
        assert!(
            harness
                .event_lines()
                .last()
                .unwrap()
                .starts_with("element ")
        );
        assert!(harness.close.is_none());
    }
    let tls = Carrier::StartTls(TLS13);
    for (carrier, at) in [
        (Carrier::Plain, Phase::Opened),
        (tls, Phase::BeforeTls),
        (tls, Phase::Opened),
        (Carrier::DirectTls(TLS12), Phase::Opened),
    ] {
        refused(
            responder_at(carrier, at),
            &format!("a client, {carrier:?} {at:?}"),
        );
        refused(
            initiator_at(carrier, at),
            &format!("a server, {carrier:?} {at:?}"),
        );
    }
    taken(responder_at(tls, Phase::Established));
    taken(initiator_at(tls, Phase::Established));
}
