//! Where dialback is not to be had, how much of it there may be, and that it
//! does not matter how it arrives (XEP-0220).

use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::event::DialbackAnswer;
use xmpp_stream::limits::Limits;
use xmpp_stream::{EventBuf, Responder, SendError};

use super::dialback::{SELF_MADE, answer, requests};
use super::servers::{
    CAPULET, Certificate, HEADER, MONTAGUE, Proofs, capulet_to_montague, jid, opened_responder,
    opened_responder_with, pair, reported, responder, secured,
};
use crate::harness::pki::TLS13;
use crate::harness::{Harness, START};

/// Every split of the bytes: the same events, the same answers.
#[test]
fn a_stream_is_the_same_however_its_bytes_arrive() {
    let script = [
        HEADER,
        "<db:result from='capulet.example' to='montague.example'>key</db:result>",
        "<db:verify from='capulet.example' to='montague.example' id='1'>key</db:verify>",
        "<message from='capulet.example' to='montague.example'/>",
        "<db:result from='rooms.capulet.example' to='montague.example'>bad</db:result>",
        "<db:result from='evil.example' to='elsewhere.example'>key</db:result> ",
        "<message from='evil.example' to='montague.example'/>",
        "<message from='capulet.example' to='montague.example'/>",
    ]
    .concat();
    let run = |chunk: usize| {
        let config = responder(MONTAGUE, None, Proofs::Dialback);
        let mut harness = Harness::scripted(
            Responder::new(config, START),
            Box::new(|machine, event| {
                if let EventBuf::Request(request) = event {
                    let verdict = match request.from().as_str() {
                        CAPULET => DialbackAnswer::Valid,
                        _ => DialbackAnswer::Invalid,
                    };
                    let mut session = machine.session().unwrap();
                    session.answer(request.id(), verdict).unwrap();
                }
            }),
        );
        for bytes in script.as_bytes().chunks(chunk) {
            harness.send(bytes);
        }
        harness.fin();
        let close = harness.close.as_ref().map(|close| format!("{close:?}"));
        (reported(&harness), harness.receive(), close.unwrap())
    };
    let whole = run(usize::MAX);
    assert_eq!(
        whole.0,
        [
            "request capulet.example montague.example",
            "established",
            "pair capulet.example montague.example dialback",
            "stanza <message from='capulet.example' to='montague.example'/>",
            "request rooms.capulet.example montague.example",
            "keepalive",
        ]
    );
    for part in [
        "type='valid'",
        "type='invalid'",
        "<forbidden",
        "<item-not-found",
        "<invalid-from",
    ] {
        assert!(whole.1.contains(part), "{part}: {}", whole.1);
    }
    for chunk in 1..200 {
        assert_eq!(run(chunk), whole, "{chunk}");
    }
}

#[test]
fn questions_that_wait_are_bounded_and_fewer_before_anything_is_verified() {
    let ask =
        |n: usize| format!("<db:result from='d{n}.example' to='montague.example'>k</db:result>");
    let mut harness = opened_responder();
    for n in 0..4 {
        assert_eq!(harness.answer_to(&ask(n)), "");
    }
    assert!(harness.answer_to(&ask(4)).contains("<resource-constraint"));
    let asked = requests(&harness);
    answer(&mut harness, &asked[0], DialbackAnswer::Valid);
    harness.receive();
    let most = usize::from(Limits::server_to_server().requests());
    for n in 4..most {
        assert_eq!(harness.answer_to(&ask(n)), "", "{n}");
    }
    assert!(
        harness
            .answer_to(&ask(most))
            .contains("<resource-constraint")
    );
    assert!(harness.close.is_none());
}

#[test]
fn our_questions_are_bounded() {
    let client = Certificate::None.client(TLS13);
    let ask = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .starttls(client)
        .verify_only()
        .limits(Limits::server_to_server().with_requests(2).unwrap())
        .build()
        .unwrap();
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let mut pair = pair(ask, responder(MONTAGUE, Some(tls), Proofs::Dialback));
    pair.exchange();
    let key = DialbackKey::new("k").unwrap();
    let (own, peer) = (jid(CAPULET), jid(MONTAGUE));
    let mut session = pair.machine.session().unwrap();
    assert_eq!(
        session.verify(&own, &peer, "", &key),
        Err(SendError::NotHere)
    );
    assert_eq!(session.verify(&own, &peer, "1", &key), Ok(()));
    assert_eq!(session.verify(&own, &peer, "2", &key), Ok(()));
    assert!(matches!(
        session.verify(&own, &peer, "3", &key),
        Err(SendError::Full { .. })
    ));
    pair.exchange();
    let mut session = pair.machine.session().unwrap();
    assert_eq!(session.verify(&own, &peer, "3", &key), Ok(()));
    let mut session = pair.peer.machine.session().unwrap();
    assert_eq!(
        session.verify(&own, &peer, "1", &key),
        Err(SendError::NotHere)
    );
}

/// 2.4: `policy-violation` before TLS, `not-authorized` where only a
/// certificate is accepted; SASL stays open.
#[test]
fn xep0220_2_5_dialback_is_declined_where_it_is_not_available() {
    let question = "<db:result from='capulet.example' to='montague.example'>k</db:result>";
    let verify = "<db:verify from='capulet.example' to='montague.example' id='1'>k</db:verify>";
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let mut harness = opened_responder_with(responder(MONTAGUE, Some(tls), Proofs::Both));
    for question in [question, verify] {
        let answer = harness.answer_to(question);
        assert!(answer.contains("<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"));
    }
    let answer = harness.answer_to("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert!(answer.contains("<proceed"));
    assert_eq!(requests(&harness), []);

    let proofs = (Proofs::External, Proofs::External);
    let pair = capulet_to_montague(TLS13, Certificate::Good(CAPULET), proofs);
    let mut harness = secured(pair);
    let mut answer = String::new();
    for text in [HEADER, question] {
        answer += &harness.answer_to(text);
    }
    assert!(!answer.contains("<dialback"), "{answer}");
    assert!(answer.contains("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"));
    assert!(harness.close.is_none());
}

/// An initiating server without dialback does not try it, nor one whose peer
/// has none.
#[test]
fn dialback_is_used_only_where_both_sides_have_it() {
    for proofs in [
        (Proofs::External, Proofs::Both),
        (Proofs::Both, Proofs::External),
    ] {
        let mut pair = capulet_to_montague(TLS13, SELF_MADE, proofs);
        pair.finish();
        assert_ne!(pair.code(), "closed");
        assert_eq!(requests(&pair.peer), []);
        let sent = pair.machine.session().is_some();
        assert!(!sent);
    }
    // What has nothing to prove itself with is no config.
    let nothing = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .starttls(SELF_MADE.client(TLS13))
        .build();
    assert!(nothing.is_err());
}
