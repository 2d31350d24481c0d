//! Stream headers, versions, features (RFC 6120 4.3, 4.7).

use std::sync::atomic::{AtomicU8, Ordering};

use xmpp_stream::Responder;
use xmpp_stream::config::{Credentials, ResponderConfig};
use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::sasl::{Password, Username};

use crate::harness::configs::decide;
use crate::harness::phases::{
    AUTH_ANONYMOUS, CLIENT_HEADER, FOOTER, OFFER_ANONYMOUS, OFFER_STARTTLS, PROCEED, Phase,
    SERVER_HEADER, STARTTLS, SUCCESS, host, initiator, initiator_at, initiator_with, peer_client,
    peer_server, responder, responder_at,
};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, START, Scripted};

/// A client's header with these attributes.
fn header(attributes: &str) -> String {
    format!(
        "<stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
    )
}

/// The value of an attribute of the header in `text`.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.find("<stream:stream")?;
    let tag = &text[start..start + text[start..].find('>')?];
    let value = tag.split_once(&format!(" {name}='"))?.1;
    value.split('\'').next()
}

#[test]
fn rfc6120_4_7_5_2_the_answer_has_the_lower_version() {
    for version in [
        "1.0",
        "01.0",
        "1.00",
        "1.1",
        "1.10",
        "2.0",
        "2.13",
        "11.0",
        "99999999.0",
    ] {
        let mut harness = responder(Carrier::Plain);
        harness.send(header(&format!("to='localhost' version='{version}'")));
        let received = harness.receive();
        assert_eq!(attribute(&received, "version"), Some("1.0"), "{version}");
        assert!(received.ends_with("</stream:features>"), "{version}");
        assert!(harness.close.is_none());
    }
}

#[test]
fn rfc6120_4_7_5_8_a_version_below_1_0_is_not_negotiated_with() {
    for (attributes, answer) in [
        // 6120-4.7.5-9
        ("to='localhost'", None),
        ("to='localhost' version='0.9'", Some("0.9")),
        ("to='localhost' version='0.10'", Some("0.10")),
        ("to='localhost' version='00.09'", Some("0.9")),
    ] {
        let mut harness = responder(Carrier::Plain);
        harness.send(header(attributes));
        let received = harness.receive();
        assert_eq!(attribute(&received, "version"), answer, "{attributes}");
        assert!(received.contains("<unsupported-version"), "{attributes}");
        // 6120-4.3.2-1
        assert!(!received.contains("features"), "{attributes}");
        assert_eq!(harness.finish().reason().code(), "stream-error");
    }
}

#[test]
fn rfc6120_4_7_5_7_a_client_leaves_a_server_below_1_0() {
    for (attributes, accepted) in [
        ("from='localhost' id='1'", false),
        ("from='localhost' id='1' version='0.9'", false),
        ("from='localhost' id='1' version='1.0'", true),
        ("from='localhost' id='1' version='1.1'", true),
        ("from='localhost' id='1' version='2.0'", true),
        ("from='localhost' id='1' version='11.0'", true),
    ] {
        let mut harness = initiator_at(Carrier::Plain, Phase::Start);
        harness.send(header(attributes));
        let received = harness.receive();
        assert_eq!(received.is_empty(), accepted, "{attributes}: {received}");
        assert_eq!(received.contains("<unsupported-version"), !accepted);
    }
}

#[test]
fn rfc6120_4_7_2_2_the_answer_is_addressed_to_the_bare_from() {
    for (from, to) in [
        ("from='alice@localhost'", Some("alice@localhost")),
        ("from='alice@localhost/desk'", Some("alice@localhost")),
        // 6120-4.7.2-3
        ("", None),
        ("from=''", None),
    ] {
        let mut harness = responder(Carrier::Plain);
        harness.send(header(&format!("to='localhost' version='1.0' {from}")));
        let received = harness.receive();
        assert_eq!(attribute(&received, "to"), to, "{from}");
        // 6120-4.7.1-4, 6120-4.7.4-3
        assert_eq!(attribute(&received, "from"), Some("localhost"));
        assert_eq!(attribute(&received, "xml:lang"), Some("en"));
    }
}

/// Another number for each byte.
#[derive(Debug)]
struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, buf: &mut [u8]) -> Result<(), RandomError> {
        for byte in buf {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

static COUNTING: Counting = Counting(AtomicU8::new(0));

#[test]
fn rfc6120_4_7_3_1_each_header_has_an_id_of_its_own() {
    let carrier = Carrier::StartTls(TLS13);
    let config = ResponderConfig::server(&COUNTING)
        .single_host(host(carrier))
        .starttls()
        .build()
        .unwrap();
    let machine = Responder::new(config, START);
    let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
    let mut ids = Vec::new();
    let mut note = |received: String| ids.push(attribute(&received, "id").unwrap().to_string());
    // 6120-4.7.3-5: an id of the peer's is not echoed.
    harness.send(header("to='localhost' version='1.0' id='mine'"));
    note(harness.receive());
    harness.send(STARTTLS);
    harness.receive();
    harness.start_tls(peer_client(TLS13));
    harness.send(CLIENT_HEADER);
    note(harness.receive());
    harness.send(AUTH_ANONYMOUS);
    harness.receive();
    harness.send(CLIENT_HEADER);
    note(harness.receive());
    for (index, id) in ids.iter().enumerate() {
        // 6120-4.7.3-3: 128 bits.
        assert_eq!(id.len(), 32);
        assert!(!ids[..index].contains(id), "{ids:?}");
    }
    assert_eq!(ids.len(), 3);
}

#[derive(Debug)]
struct Broken;

impl Random for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
}

#[test]
fn without_randomness_there_is_no_stream() {
    let config = ResponderConfig::server(&Broken)
        .single_host(host(Carrier::Plain))
        .dangerous_plaintext()
        .build()
        .unwrap();
    for input in [CLIENT_HEADER, "nonsense"] {
        let machine = Responder::new(config.clone(), START);
        let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
        harness.send(input);
        assert_eq!(harness.receive(), "");
        assert_eq!(harness.end(), ("internal", xmpp_stream::Manner::Abort));
    }
}

#[test]
fn rfc6120_4_7_1_2_from_is_not_sent_before_the_stream_is_protected() {
    let mut harness = initiator_with(Carrier::StartTls(TLS13), |config| {
        config.credentials(Credentials::External { authzid: None })
    });
    let first = harness.receive();
    // 6120-11.5-1, 6120-4.7.2-1, 6120-4.7.5-1, 6120-4.7.4-2, 6120-4.7.3-4
    assert!(first.starts_with("<?xml version='1.0'?><stream:stream "));
    assert_eq!(attribute(&first, "from"), None);
    assert_eq!(attribute(&first, "to"), Some("localhost"));
    assert_eq!(attribute(&first, "version"), Some("1.0"));
    assert_eq!(attribute(&first, "xml:lang"), Some("en"));
    assert_eq!(attribute(&first, "id"), None);

    harness.send(SERVER_HEADER);
    harness.send(OFFER_STARTTLS);
    assert_eq!(harness.receive(), STARTTLS);
    harness.send(PROCEED);
    harness.start_tls(peer_server(TLS13));
    let second = harness.receive();
    // 6120-4.3.3-2, 6120-5.4.3.3-3, 6120-4.7.1-1
    assert!(second.starts_with("<?xml version='1.0'?><stream:stream "));
    assert_eq!(attribute(&second, "from"), Some("alice@localhost"));
    assert_eq!(attribute(&second, "to"), Some("localhost"));
    assert_eq!(attribute(&second, "version"), Some("1.0"));
    assert_eq!(attribute(&second, "xml:lang"), Some("en"));
    assert_eq!(attribute(&second, "id"), None);

    harness.send(SERVER_HEADER);
    harness.send(OFFER_ANONYMOUS.replace("ANONYMOUS", "EXTERNAL"));
    harness.receive();
    harness.send(SUCCESS);
    let third = harness.receive();
    // 6120-6.4.6-3
    assert!(third.starts_with("<?xml version='1.0'?><stream:stream "));
    assert_eq!(third.matches('<').count(), 2);
    assert_eq!(attribute(&third, "from"), Some("alice@localhost"));
    assert_eq!(attribute(&third, "to"), Some("localhost"));
}

/// Who is given a name does not know it (XEP-0175).
#[test]
fn rfc6120_4_7_1_2_a_client_without_an_account_sends_no_from() {
    let mut harness = initiator(Carrier::DirectTls(TLS13));
    harness.start_tls(peer_server(TLS13));
    for text in [SERVER_HEADER, OFFER_ANONYMOUS, SUCCESS] {
        harness.send(text);
    }
    let received = harness.receive();
    assert_eq!(received.matches("<stream:stream ").count(), 2, "{received}");
    assert!(!received.contains("from="), "{received}");
}

#[test]
fn rfc6120_4_7_1_2_from_is_never_sent_in_the_clear() {
    let mut harness = initiator_at(Carrier::Plain, Phase::Start);
    lead_through_plaintext(&mut harness);
    assert!(!harness.receive().contains("alice@localhost"));
    // Nor by a client that has an account, and sends it where TLS protects it.
    for carrier in [Carrier::Plain, Carrier::StartTls(TLS13)] {
        let mut harness = initiator_with(carrier, |config| {
            let username = Username::ascii("alice").unwrap();
            config.password(username, Password::ascii("secret").unwrap())
        });
        let received = harness.receive();
        assert_eq!(attribute(&received, "to"), Some("localhost"), "{received}");
        assert_eq!(attribute(&received, "from"), None, "{received}");
    }
}

fn lead_through_plaintext(harness: &mut Harness<xmpp_stream::connection::InitiatorRole, Scripted>) {
    for text in [SERVER_HEADER, OFFER_ANONYMOUS, SUCCESS, SERVER_HEADER] {
        harness.send(text);
    }
}

#[test]
fn rfc6120_5_4_3_3_2_what_was_learned_before_tls_is_forgotten() {
    let following = header("to='localhost' version='1.0'");
    // If no header was read on this stream, ours must come first all the same.
    for (text, answer) in [
        (following.as_str(), "<stream:features>"),
        ("nonsense", "<stream:error>"),
    ] {
        let mut harness = responder(Carrier::StartTls(TLS13));
        harness.send(header(
            "to='localhost' version='1.0' from='mallory@localhost'",
        ));
        assert_eq!(
            attribute(&harness.receive(), "to"),
            Some("mallory@localhost")
        );
        harness.send(STARTTLS);
        harness.receive();
        harness.start_tls(peer_client(TLS13));
        harness.send(text);
        let received = harness.receive();
        assert_eq!(attribute(&received, "from"), Some("localhost"));
        assert_eq!(attribute(&received, "to"), None, "{received}");
        assert!(received.contains(answer), "{received}");
    }
}

#[test]
fn rfc6120_4_9_1_3_an_unknown_host_is_answered_by_a_known_one() {
    for attributes in ["version='1.0'", "to='elsewhere.example' version='1.0'"] {
        let mut harness = responder(Carrier::Plain);
        harness.send(header(attributes));
        let received = harness.receive();
        assert_eq!(
            attribute(&received, "from"),
            Some("localhost"),
            "{attributes}"
        );
        assert!(received.contains("<host-unknown"), "{attributes}");
    }
}

/// A restarted stream is to the host of the first.
#[test]
fn the_host_cannot_change_with_a_restart() {
    let mut harness = responder_at(Carrier::Plain, Phase::Authenticated);
    harness.send(header("to='elsewhere.example' version='1.0'"));
    assert!(harness.receive().contains("<host-unknown"));
    assert!(harness.machine.session().is_none());
}

#[test]
fn rfc6120_4_3_4_1_the_features_after_each_header_are_those_of_the_next_step() {
    let carrier = Carrier::StartTls(TLS13);
    let mut harness = responder(carrier);
    harness.send(CLIENT_HEADER);
    let received = harness.receive();
    // 6120-5.3.1-2, 6120-5.4.1-3, 6120-5.4.1-4, 6120-6.3.4-1
    assert!(received.ends_with(OFFER_STARTTLS), "{received}");

    harness.send(STARTTLS);
    assert_eq!(harness.receive(), PROCEED);
    harness.start_tls(peer_client(TLS13));
    harness.send(CLIENT_HEADER);
    let received = harness.receive();
    // 6120-5.4.3.3-6, 6120-5.4.3.3-7, 6120-7.4-2
    assert!(
        !received.contains("starttls") && !received.contains("xmpp-bind"),
        "{received}"
    );
    // SASL2 has an offer of its own.
    let begin = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    let (_, offer) = received.split_once(begin).expect("an offer");
    let (offer, _) = offer.split_once("</mechanisms>").expect("its end");
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "PLAIN"] {
        let element = format!("<mechanism>{mechanism}</mechanism>");
        assert!(offer.contains(&element), "{mechanism}: {received}");
    }

    harness.send(AUTH_ANONYMOUS);
    assert_eq!(
        harness.receive(),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></success>"
    );
    harness.send(CLIENT_HEADER);
    let received = harness.receive();
    // 6120-7.4-1
    assert!(
        received.contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"),
        "{received}"
    );
    assert!(
        !received.contains("mechanism") && !received.contains("starttls"),
        "{received}"
    );
}

#[test]
fn rfc6120_13_8_3_3_plain_is_not_offered_without_tls() {
    let mut harness = responder(Carrier::Plain);
    harness.send(CLIENT_HEADER);
    let received = harness.receive();
    assert!(received.contains("<mechanism>SCRAM-SHA-256</mechanism>"));
    assert!(
        !received.contains("PLAIN") && !received.contains("-PLUS"),
        "{received}"
    );
}

#[test]
fn rfc6120_4_3_2_3_the_order_of_features_has_no_effect() {
    let starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let sasl = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>ANONYMOUS</mechanism></mechanisms>";
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    let session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
    let unknown = "<hello xmlns='urn:example'><required/></hello>";
    let voluntary = "<hello xmlns='urn:example:2'/>";
    // Each feature that the client takes up, first, in the middle and last.
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
        let offer = |features: [&str; 4]| {
            let features: String = order.into_iter().map(|i| features[i]).collect();
            format!("<stream:features>{features}</stream:features>")
        };
        let mut harness = initiator_at(Carrier::Plain, Phase::Opened);
        let answer = harness.answer_to(&offer([starttls, sasl, unknown, voluntary]));
        assert!(answer.starts_with("<auth "), "{order:?}: {answer}");
        harness.send(SUCCESS);
        harness.receive();
        harness.send(SERVER_HEADER);
        let answer = harness.answer_to(&offer([session, bind, unknown, voluntary]));
        assert!(answer.starts_with("<iq "), "{order:?}: {answer}");
        // The session is required where it is offered so, wherever that stands.
        let answer = harness.answer_to(
            "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>alice@localhost/desk</jid></bind></iq>",
        );
        assert!(answer.contains(session), "{order:?}: {answer}");
        // Without SASL, the mandatory feature that is not known is the reason.
        let mut harness = initiator_at(Carrier::Plain, Phase::Opened);
        let answer = harness.answer_to(&offer([starttls, bind, unknown, voluntary]));
        assert!(
            answer.contains("<unsupported-feature "),
            "{order:?}: {answer}"
        );
    }
}

#[test]
fn rfc6120_4_9_3_23_1_features_are_refused_only_if_no_mandatory_one_is_known() {
    const REQUIRED: &str = "<hello xmlns='urn:example'><required/></hello>";
    let offer = |features: &str| format!("<stream:features>{features}</stream:features>");
    let alone = offer(REQUIRED);
    for at in [Phase::Opened, Phase::Authenticated] {
        let mut harness = initiator_at(Carrier::Plain, at);
        if at == Phase::Authenticated {
            harness.send(SERVER_HEADER);
        }
        harness.send(&alone);
        assert!(harness.receive().contains("<unsupported-feature"), "{at:?}");
    }
    let mut harness = initiator_at(Carrier::Plain, Phase::Authenticated);
    harness.send(SERVER_HEADER);
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    harness.send(offer(&[REQUIRED, bind].concat()));
    assert!(harness.receive().starts_with("<iq type='set'"));
    // What is voluntary does not hold anything up, and nothing is not enough.
    for (features, code) in [
        ("<hello xmlns='urn:example'/>", "negotiation-failed"),
        ("", "negotiation-failed"),
    ] {
        let mut harness = initiator_at(Carrier::Plain, Phase::Opened);
        harness.send(offer(features));
        assert_eq!(harness.receive(), FOOTER);
        harness.finish();
        assert_eq!(harness.end().0, code);
    }
}

#[test]
fn rfc6120_7_4_3_a_client_leaves_a_server_without_binding() {
    let mut harness = initiator_at(Carrier::Plain, Phase::Authenticated);
    harness.send(SERVER_HEADER);
    harness.send("<stream:features/>");
    assert_eq!(harness.receive(), FOOTER);
    harness.finish();
    assert_eq!(harness.end().0, "negotiation-failed");
}

#[test]
fn the_language_of_the_stream_can_be_chosen() {
    let mut harness = initiator_with(Carrier::Plain, |config| config.lang("de-CH"));
    assert_eq!(attribute(&harness.receive(), "xml:lang"), Some("de-CH"));
}
