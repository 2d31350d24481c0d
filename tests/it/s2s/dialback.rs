//! Server Dialback with all three servers (XEP-0220).

use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::event::{DialbackAnswer, DialbackQuestion, DialbackRequest};
use xmpp_stream::reset::{Disconnect, Outcome};
use xmpp_stream::stream::{DialbackCondition, DialbackVerdict};
use xmpp_stream::{AnswerError, EventBuf, Negotiation, SendError};

use super::servers::{
    CAPULET, Certificate, EVIL, MONTAGUE, Proofs, capulet_to_montague, jid, opened_responder,
    opened_responder_with, pair, reported, responder, secret,
};
use crate::harness::configs::FIXED;
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{Harness, Pair};

pub const SELF_MADE: Certificate = Certificate::SelfMade(CAPULET);

/// The requests a machine has reported.
pub fn requests<N: Negotiation, P>(harness: &Harness<N, P>) -> Vec<DialbackRequest> {
    harness
        .events
        .iter()
        .filter_map(|event| match event {
            EventBuf::Request(request) => Some(request.clone()),
            _ => None,
        })
        .collect()
}

pub fn only_request<N: Negotiation, P>(harness: &Harness<N, P>) -> DialbackRequest {
    let mut requests = requests(harness);
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn key_of(request: &DialbackRequest) -> &DialbackKey {
    match request.question() {
        DialbackQuestion::Authorize(key) | DialbackQuestion::Verify(key) => key,
        other => panic!("{other:?}"),
    }
}

pub fn answer<N: Negotiation, P>(
    harness: &mut Harness<N, P>,
    request: &DialbackRequest,
    answer: DialbackAnswer,
) {
    let mut session = harness.machine.session().unwrap();
    session.answer(request.id(), answer).unwrap();
}

/// Montague, asked by whoever claims to be `request.from()`, asks the server
/// it finds under that name.
fn ask_authority(request: &DialbackRequest, version: Version, authority: &str) -> DialbackVerdict {
    let client = Certificate::Good(MONTAGUE).client(version);
    let ask = InitiatorConfig::server(request.to(), request.from())
        .starttls(client)
        .verify_only()
        .build()
        .unwrap();
    let tls = SELF_MADE.server(version);
    let mut pair = pair(ask, responder(authority, Some(tls), Proofs::Dialback));
    pair.exchange();
    let mut session = pair.machine.session().unwrap();
    let (own, theirs) = (request.to(), request.from());
    session
        .verify(own, theirs, request.stream_id(), key_of(request))
        .unwrap();
    pair.exchange();
    let verdict = pair.events.iter().find_map(|event| match event {
        EventBuf::KeyVerdict(verdict) => Some(verdict.clone()),
        _ => None,
    });
    let verdict = verdict.unwrap();
    assert_eq!((verdict.from(), verdict.to()), (own, theirs));
    assert_eq!(verdict.stream_id(), request.stream_id());
    pair.machine.session().unwrap().close();
    pair.finish();
    assert_eq!(pair.code(), "closed");
    verdict.verdict()
}

#[test]
fn xep0220_2_the_authoritative_server_verifies_the_key_and_stanzas_may_flow() {
    for version in [TLS12, TLS13] {
        let proofs = (Proofs::Dialback, Proofs::Both);
        let mut pair = capulet_to_montague(version, SELF_MADE, proofs);
        pair.exchange();
        let asked = "request capulet.example montague.example";
        assert_eq!(reported(&pair.peer), ["tls", asked]);
        let early = "<message from='juliet@capulet.example' to='romeo@montague.example'/>";
        let mut session = pair.machine.session().unwrap();
        assert_eq!(session.send(early), Err(SendError::Addresses));

        let request = only_request(&pair.peer);
        let verdict = ask_authority(&request, version, CAPULET);
        assert_eq!(verdict, DialbackVerdict::Valid);
        answer(&mut pair.peer, &request, verdict.into());
        pair.exchange();
        let verified = "pair capulet.example montague.example dialback";
        assert_eq!(reported(&pair), ["tls", "established", verified]);
        assert_eq!(
            reported(&pair.peer),
            ["tls", asked, "established", verified]
        );

        pair.machine.session().unwrap().send(early).unwrap();
        pair.exchange();
        assert!(reported(&pair.peer).last().unwrap().starts_with("stanza"));
        let again = DialbackAnswer::Valid;
        let mut session = pair.peer.machine.session().unwrap();
        assert_eq!(
            session.answer(request.id(), again),
            Err(AnswerError::Unknown)
        );
        pair.peer.machine.session().unwrap().close();
        pair.finish();
        assert_eq!((pair.code(), pair.peer.code()), ("closed", "closed"));
    }
}

/// Evil claims to be Capulet; Capulet did not make the key.
#[test]
fn xep0220_2_2_1_an_invalid_key_ends_the_stream_while_nothing_else_is_verified() {
    let imposter = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .starttls(Certificate::Good(EVIL).client(TLS13))
        .dialback(secret(EVIL))
        .build()
        .unwrap();
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let mut pair = pair(imposter, responder(MONTAGUE, Some(tls), Proofs::Both));
    pair.exchange();
    let request = only_request(&pair.peer);
    let verdict = ask_authority(&request, TLS13, CAPULET);
    assert_eq!(verdict, DialbackVerdict::Invalid);
    answer(&mut pair.peer, &request, verdict.into());
    pair.finish();
    for code in [pair.code(), pair.peer.code()] {
        assert_eq!(code, "authentication-failed");
    }
    assert!(!reported(&pair.peer).contains(&"established".to_string()));
    let close = pair.close.unwrap();
    assert_eq!(close.reason().to_string(), "dialback: invalid");
    assert_eq!(
        Outcome::from(&close),
        Outcome::Closed(Disconnect::AuthenticationFailed)
    );
}

/// 2.5: an error is not the peer's fault, and worth another try.
#[test]
fn xep0220_2_5_an_error_leaves_the_stream_to_the_initiating_server() {
    let proofs = (Proofs::Dialback, Proofs::Dialback);
    let mut pair = capulet_to_montague(TLS13, SELF_MADE, proofs);
    pair.exchange();
    let request = only_request(&pair.peer);
    let error = DialbackAnswer::Error(DialbackCondition::RemoteServerTimeout);
    answer(&mut pair.peer, &request, error);
    pair.peer.run();
    assert!(pair.peer.machine.session().is_some());
    pair.finish();
    let close = pair.close.unwrap();
    let reason = close.reason().to_string();
    assert_eq!(reason, "dialback: error: remote-server-timeout");
    assert_eq!(
        Outcome::from(&close),
        Outcome::Closed(Disconnect::AuthenticationUnavailable)
    );
}

#[test]
fn keys_may_be_made_and_checked_by_the_application() {
    let ours = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .starttls(SELF_MADE.client(TLS13))
        .dialback_keys_by_application()
        .build()
        .unwrap();
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let mut pair = pair(ours, responder(MONTAGUE, Some(tls), Proofs::Dialback));
    pair.exchange();
    assert_eq!(requests(&pair.peer), []);
    let make = only_request(&pair);
    assert_eq!(make.question(), &DialbackQuestion::MakeKey);
    assert_eq!(
        (make.from().as_str(), make.to().as_str()),
        (CAPULET, MONTAGUE)
    );
    let mut session = pair.machine.session().unwrap();
    let mismatch = session.answer(make.id(), DialbackAnswer::Valid);
    assert_eq!(mismatch, Err(AnswerError::Mismatch));
    let key = DialbackKey::new("application's own").unwrap();
    answer(&mut pair, &make, DialbackAnswer::Key(key.clone()));
    pair.exchange();
    let request = only_request(&pair.peer);
    assert!(*key_of(&request) == key);
    assert_eq!(request.stream_id(), make.stream_id());

    // The authoritative server without a secret asks its application, too.
    let host = xmpp_stream::config::HostConfig::s2s(&jid(CAPULET))
        .tls(SELF_MADE.server(TLS13))
        .build()
        .unwrap();
    let authority = ResponderConfig::s2s(&FIXED).single_host(host).dialback();
    let ask = InitiatorConfig::server(&jid(MONTAGUE), &jid(CAPULET))
        .starttls(Certificate::None.client(TLS13))
        .verify_only()
        .build()
        .unwrap();
    let mut third = super::servers::pair(ask, authority.starttls().build().unwrap());
    third.exchange();
    let mut session = third.machine.session().unwrap();
    session
        .verify(&jid(MONTAGUE), &jid(CAPULET), request.stream_id(), &key)
        .unwrap();
    third.exchange();
    let verify = only_request(&third.peer);
    assert!(matches!(verify.question(), DialbackQuestion::Verify(_)));
    assert_eq!(verify.stream_id(), make.stream_id());
    answer(&mut third.peer, &verify, DialbackAnswer::Valid);
    third.exchange();
    let verdict = "key montague.example capulet.example valid".to_string();
    assert_eq!(reported(&third), ["tls".to_string(), verdict]);
    assert!(!reported(&third.peer).contains(&"established".to_string()));
}

/// XEP-0220-corr: the key is for one stream.
#[test]
fn a_key_of_another_stream_or_domain_is_not_ours() {
    let montague = || responder(MONTAGUE, None, Proofs::Dialback);
    let (own, other) = (jid(MONTAGUE), jid(CAPULET));
    let key = |id: &str| secret(MONTAGUE).key(&other, &own, id);
    for (to, id, key, verdict) in [
        (MONTAGUE, "D60000229F", key("D60000229F"), "type='valid'"),
        (MONTAGUE, "D60000229F", key("D60000229E"), "type='invalid'"),
        (
            MONTAGUE,
            "D60000229F",
            secret(CAPULET).key(&other, &own, "D60000229F"),
            "type='invalid'",
        ),
        (EVIL, "D60000229F", key("D60000229F"), "<item-not-found"),
    ] {
        let mut harness = opened_responder_with(montague());
        let answer = harness.answer_to(&format!(
            "<db:verify from='capulet.example' to='{to}' id='{id}'>{}</db:verify>",
            key.as_str()
        ));
        assert!(answer.contains(verdict), "{answer}");
        assert!(answer.starts_with(&format!(
            "<db:verify from='{to}' to='capulet.example' id='{id}'"
        )));
        assert!(harness.close.is_none());
    }
}

/// 2.2.1: several pairs on one stream, each on its own; after the first one a
/// wrong key is an error and no end.
#[test]
fn xep0220_2_2_1_each_domain_pair_is_asked_for_and_the_stream_goes_on_meanwhile() {
    let mut harness = opened_responder();
    let ask = |from: &str| {
        format!("<db:result from='{from}' to='montague.example'>key of {from}</db:result>")
    };
    let message = |from: &str| format!("<message from='u@{from}' to='romeo@montague.example'/>");
    assert_eq!(harness.answer_to(&ask("capulet.example")), "");
    assert_eq!(harness.answer_to(&ask("rooms.capulet.example")), "");
    let asked = requests(&harness);
    assert_eq!(asked.len(), 2);
    answer(&mut harness, &asked[0], DialbackAnswer::Valid);
    let valid = "<db:result from='montague.example' to='capulet.example' type='valid'/>";
    assert_eq!(harness.receive(), valid);
    // The other one waits, and stanzas and questions go on.
    assert_eq!(harness.answer_to(&message("capulet.example")), "");
    assert!(reported(&harness).last().unwrap().starts_with("stanza"));
    assert_eq!(harness.answer_to(&ask("evil.example")), "");
    let asked = requests(&harness);
    answer(&mut harness, &asked[2], DialbackAnswer::Invalid);
    assert!(
        harness
            .receive()
            .contains("type='error'><error type='auth'><forbidden")
    );
    answer(&mut harness, &asked[1], DialbackAnswer::Valid);
    let valid = "<db:result from='montague.example' to='rooms.capulet.example' type='valid'/>";
    assert_eq!(harness.receive(), valid);
    assert_eq!(harness.answer_to(&message("rooms.capulet.example")), "");
    assert!(reported(&harness).last().unwrap().starts_with("stanza"));
    // The stream was given up on for none of them.
    assert!(harness.close.is_none());
    let answer = harness.answer_to(&message("evil.example"));
    assert!(answer.contains("<invalid-from"), "{answer}");
}

#[test]
fn xep0220_2_5_a_domain_that_is_not_served_here_is_no_question() {
    let mut harness = opened_responder();
    let answer = harness
        .answer_to("<db:result from='capulet.example' to='elsewhere.example'>key</db:result>");
    let expected = "<db:result from='elsewhere.example' to='capulet.example' type='error'>\
                    <error type='cancel'><item-not-found";
    assert!(answer.starts_with(expected), "{answer}");
    assert_eq!(requests(&harness), []);
    assert!(harness.machine.session().is_some());
}

#[test]
fn a_stream_on_which_dialback_goes_on_can_be_ended() {
    let proofs = (Proofs::Dialback, Proofs::Dialback);
    let end: [fn(&mut Pair); 3] = [
        |pair| pair.machine.session().unwrap().close(),
        |pair| pair.peer.machine.session().unwrap().close(),
        |pair| {
            let session = pair.peer.machine.session().unwrap();
            session.reset(xmpp_stream::reset::ResetCause::KeyRefresh);
        },
    ];
    for (end, codes) in end.into_iter().zip([
        ("closed", "closed"),
        ("negotiation-failed", "closed"),
        ("reset", "reset"),
    ]) {
        let mut pair = capulet_to_montague(TLS13, SELF_MADE, proofs);
        pair.exchange();
        end(&mut pair);
        pair.finish();
        assert_eq!((pair.code(), pair.peer.code()), codes);
    }
}
