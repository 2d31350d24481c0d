//! Answers without a question, and questions in the wrong direction (XEP-0220
//! 3.1; CVE-2012-3525 and its kin).

use std::sync::Arc;

use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::reset::Side as Author;
use xmpp_stream::stream::StreamCondition;
use xmpp_stream::{CloseReason, Initiator, Negotiation, SendError};

use super::servers::{
    CAPULET, HEADER, MONTAGUE, Proofs, initiator, jid, opened_responder, reported, secret,
};
use crate::harness::configs::FIXED;
use crate::harness::{Harness, Rng, START, Scripted};

/// The stream error a machine has ended its stream with.
pub fn error_of<N: Negotiation, P>(harness: &mut Harness<N, P>) -> StreamCondition {
    harness.machine.receive_eof();
    for _ in 0..3 {
        harness.run();
        harness.transmit(usize::MAX);
    }
    match harness.close.as_ref().map(|close| close.reason().clone()) {
        Some(CloseReason::StreamError {
            by: Author::Us,
            error,
        }) => error.condition(),
        other => panic!("{other:?}"),
    }
}

const PAIR: &str = "from='capulet.example' to='montague.example'";
const SWAPPED: &str = "from='montague.example' to='capulet.example'";

/// A receiving server asks nothing on this stream.
#[test]
fn a_receiving_server_accepts_no_dialback_answer_for_any_domain() {
    let request = format!("<db:result {PAIR}>key</db:result>");
    for before in ["", &request] {
        for addresses in [PAIR, SWAPPED] {
            for answer in [
                format!("<db:result {addresses} type='valid'/>"),
                format!("<db:result {addresses} type='invalid'/>"),
                format!("<db:result {addresses} type='error'/>"),
                format!("<db:verify {addresses} id='1' type='valid'/>"),
                format!("<db:verify {addresses} id='1' type='invalid'/>"),
                format!("<d:result xmlns:d='jabber:server:dialback' {addresses} type='valid'/>"),
            ] {
                let mut harness = opened_responder();
                harness.answer_to(before);
                harness.answer_to(&answer);
                let reported = reported(&harness);
                assert!(
                    !reported.iter().any(|line| line.starts_with("pair")),
                    "{answer}"
                );
                assert_eq!(
                    error_of(&mut harness),
                    StreamCondition::InvalidFrom,
                    "{answer}"
                );
            }
        }
    }
}

/// An initiating server without TLS, after header and features; and what it has
/// sent since.
pub fn sender(config: Arc<InitiatorConfig>) -> (Harness<InitiatorRole, Scripted>, String) {
    let mut harness = Harness::scripted(Initiator::new(config, START), Box::new(|_, _| {}));
    harness.receive();
    let header = "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
        xmlns:stream='http://etherx.jabber.org/streams' from='montague.example' \
        to='capulet.example' id='D60000229F' version='1.0'>";
    harness.deliver(header.as_bytes());
    harness.deliver(b"<stream:features/>");
    let received = harness.receive();
    (harness, received)
}

pub fn asking() -> Harness<InitiatorRole, Scripted> {
    let (harness, received) = sender(initiator(CAPULET, MONTAGUE, None, Proofs::Dialback));
    let key = secret(CAPULET).key(&jid(MONTAGUE), &jid(CAPULET), "D60000229F");
    assert_eq!(
        received,
        format!("<db:result {PAIR}>{}</db:result>", key.as_str())
    );
    harness
}

#[test]
fn an_initiating_server_accepts_only_the_answer_to_its_question() {
    for answer in [
        // The request, reflected; of others; from others.
        format!("<db:result {PAIR} type='valid'/>"),
        "<db:result from='montague.example' to='evil.example' type='valid'/>".into(),
        "<db:result from='evil.example' to='capulet.example' type='valid'/>".into(),
        format!("<db:verify {SWAPPED} id='D60000229F' type='valid'/>"),
    ] {
        let mut harness = asking();
        harness.deliver(answer.as_bytes());
        assert_eq!(reported(&harness), Vec::<String>::new(), "{answer}");
        assert_eq!(
            error_of(&mut harness),
            StreamCondition::InvalidFrom,
            "{answer}"
        );
    }
    // Nor twice over.
    let mut harness = asking();
    let valid = format!("<db:result {SWAPPED} type='valid'/>");
    harness.deliver(valid.as_bytes());
    assert!(reported(&harness).contains(&"established".to_string()));
    harness.deliver(valid.as_bytes());
    assert_eq!(error_of(&mut harness), StreamCondition::InvalidFrom);
}

/// The key has not been sent yet: nothing was asked.
#[test]
fn an_answer_before_the_application_has_made_the_key_is_refused() {
    let config = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .dangerous_plaintext(&FIXED)
        .dialback_keys_by_application()
        .build()
        .unwrap();
    let (mut harness, received) = sender(config);
    assert_eq!(received, "");
    let valid = format!("<db:result {SWAPPED} type='valid'/>");
    harness.deliver(valid.as_bytes());
    assert_eq!(error_of(&mut harness), StreamCondition::InvalidFrom);
}

#[test]
fn a_verdict_on_a_key_is_accepted_once_and_only_if_it_was_asked_for() {
    let key = DialbackKey::new("key").unwrap();
    let verify = |harness: &mut Harness<InitiatorRole, Scripted>| {
        let mut session = harness.machine.session().unwrap();
        let (own, theirs) = (jid(CAPULET), jid(MONTAGUE));
        session.verify(&own, &theirs, "417GAF25", &key).unwrap();
    };
    for answer in [
        format!("<db:verify {SWAPPED} id='417GAF26' type='valid'/>"),
        format!("<db:verify {PAIR} id='417GAF25' type='valid'/>"),
        "<db:verify from='evil.example' to='capulet.example' id='417GAF25' type='valid'/>".into(),
    ] {
        let mut harness = asking();
        verify(&mut harness);
        harness.deliver(answer.as_bytes());
        assert_eq!(reported(&harness), Vec::<String>::new());
        assert_eq!(
            error_of(&mut harness),
            StreamCondition::InvalidFrom,
            "{answer}"
        );
    }
    let mut harness = asking();
    verify(&mut harness);
    let valid = format!("<db:verify {SWAPPED} id='417GAF25' type='valid'/>");
    harness.deliver(valid.as_bytes());
    assert_eq!(
        reported(&harness),
        ["key capulet.example montague.example valid"]
    );
    // No pair follows from it.
    let stanza = format!("<message {PAIR}/>");
    let mut session = harness.machine.session().unwrap();
    assert_eq!(session.send(&stanza), Err(SendError::Addresses));
    harness.deliver(valid.as_bytes());
    assert_eq!(error_of(&mut harness), StreamCondition::InvalidFrom);
}

/// Without XEP-0288 questions come on a connection of the peer's own.
#[test]
fn questions_to_an_initiating_server_are_refused() {
    for question in [
        format!("<db:result {SWAPPED}>key</db:result>"),
        format!("<db:verify {SWAPPED} id='1'>key</db:verify>"),
    ] {
        let mut harness = asking();
        harness.deliver(question.as_bytes());
        let condition = StreamCondition::UnsupportedStanzaType;
        assert_eq!(error_of(&mut harness), condition, "{question}");
    }
}

/// The machine answers for the application, and the application cannot send
/// for the machine.
#[test]
fn the_application_cannot_write_dialback_by_hand() {
    let mut harness = opened_responder();
    harness.answer_to(&format!("<db:result {PAIR}>key</db:result>"));
    let mut session = harness.machine.session().unwrap();
    for forged in [
        format!("<db:result {SWAPPED} type='valid'/>"),
        format!("<x:verify xmlns:x='jabber:server:dialback' {SWAPPED} id='1' type='valid'/>"),
    ] {
        let refused = session.send(&forged);
        assert_eq!(refused, Err(SendError::Reserved), "{forged}");
    }
    assert_eq!(harness.receive(), "");
}

/// In whatever order a peer sends the elements streams are made of: without an
/// answer of ours nothing is verified, and nothing is delivered.
#[test]
fn no_sequence_of_elements_verifies_a_pair_by_itself() {
    let seed = 20_260_101;
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let mut fragments = vec![
        "<message from='capulet.example' to='montague.example'/>".to_string(),
        "<iq type='get' id='1' from='capulet.example' to='montague.example'/>".into(),
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>".into(),
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>".into(),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into(),
        "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>".into(),
        "<handshake/>".into(),
        HEADER.into(),
        " ".into(),
    ];
    for addresses in [PAIR, SWAPPED] {
        for rest in [
            "/>",
            ">key</db:result>",
            " type='valid'/>",
            " type='error'/>",
        ] {
            fragments.push(format!("<db:result {addresses}{rest}"));
        }
        for rest in ["/>", ">key</db:verify>", " type='valid'/>"] {
            fragments.push(format!("<db:verify id='1' {addresses}{rest}"));
        }
    }
    let mut closed = 0;
    for _ in 0..5_000 {
        let mut harness = opened_responder();
        for _ in 0..6 {
            let fragment = &fragments[rng.below(fragments.len())];
            harness.answer_to(fragment);
        }
        closed += usize::from(harness.receive().is_empty() && harness.machine.session().is_none());
        for line in reported(&harness) {
            let kind = line.split(' ').next().unwrap();
            assert!(matches!(kind, "request" | "stream-error"), "{line}");
        }
    }
    // Both happen: streams that end, and streams that go on.
    assert!((1_000..5_000).contains(&closed), "{closed}");
}

#[test]
fn what_dialback_cannot_mean_is_refused() {
    use StreamCondition::{BadFormat, ImproperAddressing};
    for (element, condition) in [
        (
            "<db:result from='capulet.example'>k</db:result>",
            ImproperAddressing,
        ),
        (
            "<db:result from='u@a.example' to='montague.example'>k</db:result>",
            ImproperAddressing,
        ),
        (
            "<db:result from='a.example' to='montague.example'/>",
            BadFormat,
        ),
        (
            "<db:result from='a.example' to='montague.example' type='maybe'/>",
            BadFormat,
        ),
        (
            "<db:verify from='a.example' to='montague.example'>k</db:verify>",
            BadFormat,
        ),
    ] {
        let mut harness = opened_responder();
        harness.answer_to(element);
        assert_eq!(error_of(&mut harness), condition, "{element}");
    }
}
