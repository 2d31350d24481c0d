//! Which stanzas a stream between servers carries, and its headers (RFC 6120
//! 4.5, 4.7, 8.1.1.2, 8.1.2.2).

use xmpp_stream::config::ResponderConfig;
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::event::DialbackAnswer;
use xmpp_stream::stream::StreamCondition;
use xmpp_stream::{CloseReason, EventBuf, Initiator, Negotiation, Responder, SendError};

use super::peer::{MECHANISMS, SUCCESS, answer, secured_initiator};
use super::servers::{
    CAPULET, Certificate, HEADER, MONTAGUE, Proofs, capulet_to_montague, host, initiator,
    opened_responder, reported, responder, secured, secured_over,
};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::{Harness, START, Scripted};

/// Montague, with the pair of Capulet verified.
fn federated() -> Harness<ResponderRole, Scripted> {
    let mut harness = opened_responder();
    harness.answer_to("<db:result from='capulet.example' to='montague.example'>key</db:result>");
    let id = harness.events.iter().find_map(|event| match event {
        EventBuf::Request(request) => Some(request.id()),
        _ => None,
    });
    let mut session = harness.machine.session().unwrap();
    session.answer(id.unwrap(), DialbackAnswer::Valid).unwrap();
    assert!(harness.receive().contains("type='valid'"));
    harness
}

fn error_of<N: Negotiation, P>(harness: &Harness<N, P>) -> Option<StreamCondition> {
    match harness.close.as_ref()?.reason() {
        CloseReason::StreamError { error, .. } => Some(error.condition()),
        other => panic!("{other:?}"),
    }
}

fn finish<N: Negotiation, P>(harness: &mut Harness<N, P>) {
    harness.machine.receive_eof();
    for _ in 0..3 {
        harness.run();
        harness.transmit(usize::MAX);
    }
}

#[test]
fn rfc6120_8_1_2_2_2_stanzas_are_taken_for_verified_pairs_alone() {
    use StreamCondition::{HostUnknown, ImproperAddressing, InvalidFrom};
    let montague = |from: &str| format!("from='{from}' to='montague.example'");
    for (addresses, refused) in [
        (montague("capulet.example"), None),
        (
            "from='juliet@capulet.example/x' to='romeo@montague.example/y'".into(),
            None,
        ),
        (
            "from='juliet@CAPULET.example.' to='romeo@Montague.Example'".into(),
            None,
        ),
        (montague("juliet&#64;capulet.example"), None),
        // What RFC 6122 allowed is the stanza's matter.
        (montague("juliet@capulet.example/ desk"), None),
        (montague("juliet@capulet.example/&#32;desk"), None),
        (
            "from='capulet.example' to='romeo@montague.example/ desk'".into(),
            None,
        ),
        (montague("juliet@evil.example/ desk"), Some(InvalidFrom)),
        (
            "from='capulet.example' to='romeo@elsewhere.example/ desk'".into(),
            Some(HostUnknown),
        ),
        (montague("a:b@capulet.example"), Some(ImproperAddressing)),
        (
            montague(&format!("{}@capulet.example", "a".repeat(1024))),
            Some(ImproperAddressing),
        ),
        (montague("evil.example"), Some(InvalidFrom)),
        (montague("sub.capulet.example"), Some(InvalidFrom)),
        (montague("capulet.example@evil.example"), Some(InvalidFrom)),
        (montague("evil.example/capulet.example"), Some(InvalidFrom)),
        (
            "from='montague.example' to='capulet.example'".into(),
            Some(InvalidFrom),
        ),
        (
            // 8.1.1.2
            "from='capulet.example' to='elsewhere.example'".into(),
            Some(HostUnknown),
        ),
        ("from='capulet.example'".into(), Some(ImproperAddressing)),
        ("to='montague.example'".into(), Some(ImproperAddressing)),
        (montague(""), Some(ImproperAddressing)),
        (montague("a b"), Some(ImproperAddressing)),
    ] {
        for name in ["message", "presence", "iq type='get' id='1'"] {
            let mut harness = federated();
            let before = reported(&harness).len();
            harness.answer_to(&format!("<{name} {addresses}/>"));
            let delivered = reported(&harness).len() - before;
            assert_eq!(delivered, usize::from(refused.is_none()), "{addresses}");
            if refused.is_some() {
                finish(&mut harness);
            }
            assert_eq!(error_of(&harness), refused, "{addresses}");
        }
    }
}

/// 4.9.3.12: what comes before any proof is not about addresses.
#[test]
fn rfc6120_4_9_3_12_1_stanzas_before_a_proof_are_not_authorized() {
    let question = "<db:result from='capulet.example' to='montague.example'>key</db:result>";
    for before in ["", question] {
        for from in [CAPULET, "evil.example"] {
            let mut harness = opened_responder();
            harness.answer_to(before);
            harness.answer_to(&format!("<message from='{from}' to='montague.example'/>"));
            finish(&mut harness);
            assert_eq!(error_of(&harness), Some(StreamCondition::NotAuthorized));
        }
    }
}

/// A stream between servers is that of all their users: what one of them writes is delivered, and
/// so is the next stanza.
#[test]
fn what_one_user_writes_does_not_end_a_stream_between_servers() {
    let next = "<message from='b@capulet.example' to='montague.example' id='next'/>";
    let addresses = [
        "from='juliet@capulet.example' to='romeo@montague.example'",
        "from='juliet@capulet.example/ desk' to='romeo@montague.example'",
        "from='juliet@capulet.example/desk ' to='romeo@montague.example/ x'",
        "from='juliet@capulet.example/a\u{a0}b\u{3000}' to='montague.example/\u{a0}'",
        "from='juliet@CAPULET.example/&lt;&amp;@/' to='ROMEO@montague.EXAMPLE./\u{200d}'",
    ];
    let contents = [
        "",
        "text",
        "<stream:stream/>",
        "<stream:error/>",
        "<stream:features/>",
        "<body xmlns=''/>",
        "<message xmlns='jabber:client' from='' to='@'/>",
        "<db:result>k</db:result>",
        "<db:verify from='a' to='b' id='c' type='valid'/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
        "<error/><error/>",
        "<x xmlns:stream='urn:x' xmlns='jabber:server' stream:a=''/>",
    ];
    let mut harness = federated();
    for name in ["message", "presence", "iq"] {
        for kind in [
            "",
            "type=''",
            "type='get'",
            "type='nonsense'",
            "type='error'",
            "id=''",
        ] {
            for address in addresses {
                for content in contents {
                    let stanza = format!("<{name} {kind} {address}>{content}</{name}>");
                    harness.events.clear();
                    assert_eq!(harness.answer_to(&stanza), "", "{stanza}");
                    harness.answer_to(next);
                    let expected = [format!("stanza {stanza}"), format!("stanza {next}")];
                    assert_eq!(reported(&harness), expected);
                }
            }
        }
    }
    assert!(harness.machine.session().is_some());
}

/// After our closing tag what the peer still sends is delivered under the same
/// rules.
#[test]
fn stanzas_after_our_closing_tag_are_checked_as_before() {
    let mut harness = federated();
    harness.machine.session().unwrap().close();
    assert_eq!(harness.receive(), "</stream:stream>");
    let good = "<message from='capulet.example' to='montague.example'/>";
    harness.answer_to(good);
    assert!(reported(&harness).last().unwrap().starts_with("stanza"));
    harness.answer_to("<db:result from='evil.example' to='montague.example'>k</db:result>");
    harness.answer_to(good);
    let known = reported(&harness).len();
    assert!(reported(&harness).last().unwrap().starts_with("stanza"));
    harness.answer_to("<message from='evil.example' to='montague.example'/>");
    harness.answer_to(good);
    assert_eq!(reported(&harness).len(), known);
}

#[test]
fn rfc6120_4_5_3_stanzas_go_from_the_initiating_server_to_the_receiving_one() {
    for version in [TLS12, TLS13] {
        let proofs = (Proofs::External, Proofs::External);
        let mut pair = capulet_to_montague(version, Certificate::Good(CAPULET), proofs);
        pair.exchange();
        let mut session = pair.machine.session().unwrap();
        let message = |from: &str, to: &str| format!("<message from='{from}' to='{to}'/>");
        for (from, to) in [
            ("evil.example", MONTAGUE),
            (CAPULET, "elsewhere.example"),
            (MONTAGUE, CAPULET),
        ] {
            let refused = session.send(&message(from, to));
            assert_eq!(refused, Err(SendError::Addresses), "{from} {to}");
        }
        assert_eq!(session.send("<message/>"), Err(SendError::Addresses));
        // 6120-4.8.3-5: no stanza of a client's stream.
        let of_clients =
            format!("<message xmlns='jabber:client' from='{CAPULET}' to='{MONTAGUE}'/>");
        let refused = SendError::Refused(StreamCondition::InvalidNamespace);
        assert_eq!(session.send(&of_clients), Err(refused));
        // What is no stanza has no address: stream management, say.
        session.send("<r xmlns='urn:xmpp:sm:3'/>").unwrap();
        let good = message("juliet@capulet.example/balcony", MONTAGUE);
        session.send(&good).unwrap();

        let mut session = pair.peer.machine.session().unwrap();
        let back = message(MONTAGUE, CAPULET);
        assert_eq!(session.send(&back), Err(SendError::Addresses));
        session.send("<a xmlns='urn:xmpp:sm:3' h='0'/>").unwrap();
        pair.exchange();
        assert!(reported(&pair.peer).last().unwrap().starts_with("stanza"));
        assert!(reported(&pair).last().unwrap().starts_with("element"));
    }
}

/// An initiating server that has got this header.
fn answered(from: &str, to: &str) -> Harness<InitiatorRole, Scripted> {
    let config = initiator(CAPULET, MONTAGUE, None, Proofs::Dialback);
    let mut harness = Harness::scripted(Initiator::new(config, START), Box::new(|_, _| {}));
    let received = harness.receive();
    assert!(received.contains(" from='capulet.example' to='montague.example'"));
    let header = HEADER
        .replace("from='capulet.example'", &format!("from='{from}' id='1'"))
        .replace("to='montague.example'", &format!("to='{to}'"));
    harness.deliver(header.as_bytes());
    harness
}

#[test]
fn rfc6120_4_5_3_a_stanza_from_the_receiving_server_is_refused() {
    let mut harness = answered(MONTAGUE, CAPULET);
    let valid = "<db:result from='montague.example' to='capulet.example' type='valid'/>";
    let stanza = "<message from='montague.example' to='capulet.example'/>";
    for text in ["<stream:features/>", valid, stanza] {
        harness.deliver(text.as_bytes());
    }
    assert!(reported(&harness).contains(&"established".to_string()));
    assert!(
        !reported(&harness)
            .iter()
            .any(|line| line.starts_with("stanza"))
    );
    finish(&mut harness);
    assert_eq!(error_of(&harness), Some(StreamCondition::InvalidFrom));
}

/// Not offered, not accepted, not asked for. What a stream carries in the other
/// direction is in the two tests above.
#[test]
fn xep0288_order_there_are_no_bidirectional_streams() {
    let bidi = "<bidi xmlns='urn:xmpp:bidi'/>";
    let proofs = (Proofs::Both, Proofs::Both);
    for version in [TLS12, TLS13] {
        let pair = capulet_to_montague(version, Certificate::Good(CAPULET), proofs);
        let mut harness = secured_over(pair, version);
        let offer = harness.answer_to(HEADER);
        assert!(offer.contains("<mechanism>EXTERNAL") && offer.contains(":dialback'"));
        assert!(!offer.contains("bidi"), "{offer}");
        let refusal = harness.answer_to(bidi);
        assert!(refusal.contains("<unsupported-stanza-type"), "{refusal}");
    }
    let mut harness = answered(MONTAGUE, CAPULET);
    harness.receive();
    let offer = "<stream:features><bidi xmlns='urn:xmpp:features:bidi'/>\
                 <dialback xmlns='urn:xmpp:features:dialback'/></stream:features>";
    harness.deliver(offer.as_bytes());
    let received = harness.receive();
    assert!(received.starts_with("<db:result "), "{received}");
    assert!(!received.contains("bidi"), "{received}");
}

#[test]
fn rfc6120_4_7_2_4_the_answer_comes_from_and_goes_to_whom_it_should() {
    for (from, to, refused) in [
        (MONTAGUE, CAPULET, None),
        // Nothing of it is authentic here, and some leave it out.
        ("", "", None),
        ("evil.example", CAPULET, Some(StreamCondition::InvalidFrom)),
        (
            MONTAGUE,
            "evil.example",
            Some(StreamCondition::ImproperAddressing),
        ),
        (
            "u@montague.example",
            CAPULET,
            Some(StreamCondition::ImproperAddressing),
        ),
    ] {
        let mut harness = answered(from, to);
        if refused.is_some() {
            finish(&mut harness);
        }
        assert_eq!(error_of(&harness), refused, "{from} {to}");
    }
}

/// RFC 6120 4.7.1 and 4.7.2 ask for liberality, also under TLS: the certificate or dialback decides
/// who the peer is.
#[test]
fn rfc6120_4_7_1_6_a_server_header_without_from_is_accepted_before_and_after_tls() {
    let nameless = HEADER.replace("from='capulet.example' ", "");
    assert_ne!(nameless, HEADER);
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let config = responder(MONTAGUE, Some(tls), Proofs::Both);
    let mut harness = Harness::scripted(Responder::new(config, START), Box::new(|_, _| {}));
    harness.deliver(nameless.as_bytes());
    assert!(harness.receive().contains("<starttls"));

    let proofs = (Proofs::Both, Proofs::Both);
    let pair = capulet_to_montague(TLS13, Certificate::Good(CAPULET), proofs);
    let mut harness = secured(pair);
    let received = harness.answer_to(&nameless);
    // Nobody is certified without a name, so only dialback is offered.
    assert!(received.contains("<dialback "), "{received}");
    assert!(!received.contains("EXTERNAL"), "{received}");
}

#[test]
fn rfc6120_4_7_1_3_a_server_says_who_it_is_once_the_stream_is_protected() {
    let mut harness = secured_initiator(TLS13, Proofs::External);
    harness.answer_to(&answer());
    harness.answer_to(MECHANISMS);
    let received = harness.answer_to(SUCCESS);
    let header = "<stream:stream xmlns='jabber:server' \
        xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' \
        from='capulet.example' to='montague.example' ";
    assert!(received.contains(header), "{received}");
}

#[test]
fn xep0220_2_4_the_answer_names_both_and_offers_dialback() {
    let config = responder(MONTAGUE, None, Proofs::Dialback);
    let mut harness = Harness::scripted(Responder::new(config, START), Box::new(|_, _| {}));
    harness.deliver(HEADER.as_bytes());
    let received = harness.receive();
    for part in [
        " from='montague.example' to='capulet.example' id='",
        "xmlns:db='jabber:server:dialback'",
        "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>",
    ] {
        assert!(received.contains(part), "{received}");
    }
}

/// A key is good for one stream only if ids can neither be foretold nor repeat.
#[test]
fn xep0220_id_each_stream_has_an_id_of_its_own() {
    let random = rustls::crypto::ring::default_provider().secure_random;
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..20 {
        let config = ResponderConfig::s2s(random)
            .single_host(host(MONTAGUE, None, Proofs::Dialback))
            .dialback()
            .dangerous_plaintext()
            .build()
            .unwrap();
        let mut harness = Harness::scripted(Responder::new(config, START), Box::new(|_, _| {}));
        harness.deliver(HEADER.as_bytes());
        let received = harness.receive();
        let id = received.split(" id='").nth(1).unwrap();
        let id = id.split('\'').next().unwrap().to_string();
        assert_eq!(id.len(), 32, "128 bits");
        assert!(!ids.contains(&id), "{id}");
        ids.push(id);
    }
}
