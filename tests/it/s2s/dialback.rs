//! Server Dialback with all three servers (XEP-0220).

use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::event::{DialbackAnswer, DialbackQuestion, DialbackRequest};
use xmpp_stream::reset::{Ended, Outcome};
use xmpp_stream::stream::{DialbackError, DialbackVerdict};
use xmpp_stream::{AnswerError, EventBuf, Negotiation, SendError};

use super::world::{
    Bare, CAPULET, Certificate, EVIL, MONTAGUE, Proofs, capulet_to_montague, jid, pair, responder,
    secret, told,
};
use crate::harness::pair::{FIXED, Pair, Side};
use crate::harness::pki::{TLS12, TLS13, Version};

pub const SELF_MADE: Certificate = Certificate::SelfMade(CAPULET);

/// The requests a machine has told of.
pub fn requests<N: Negotiation>(side: &Side<N>) -> Vec<DialbackRequest> {
    side.events
        .iter()
        .filter_map(|event| match event {
            EventBuf::Request(request) => Some(request.clone()),
            _ => None,
        })
        .collect()
}

pub fn only_request<N: Negotiation>(side: &Side<N>) -> DialbackRequest {
    let mut requests = requests(side);
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn key_of(request: &DialbackRequest) -> &DialbackKey {
    match request.question() {
        DialbackQuestion::Authorize(key) | DialbackQuestion::Verify(key) => key,
        other => panic!("{other:?}"),
    }
}

pub fn answer<N: Negotiation>(
    side: &mut Side<N>,
    request: &DialbackRequest,
    answer: DialbackAnswer,
) {
    let mut session = side.machine.session().unwrap();
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
    pair.settle();
    let mut session = pair.initiator.machine.session().unwrap();
    let (own, theirs) = (request.to(), request.from());
    session
        .verify(own, theirs, request.stream_id(), key_of(request))
        .unwrap();
    pair.settle();
    let verdict = pair.initiator.events.iter().find_map(|event| match event {
        EventBuf::KeyVerdict(verdict) => Some(verdict.clone()),
        _ => None,
    });
    let verdict = verdict.unwrap();
    assert_eq!((verdict.from(), verdict.to()), (own, theirs));
    assert_eq!(verdict.stream_id(), request.stream_id());
    pair.initiator.machine.session().unwrap().close();
    pair.finish();
    assert_eq!(pair.initiator.code(), "closed");
    verdict.verdict()
}

#[test]
fn xep0220_2_the_authoritative_server_verifies_the_key_and_stanzas_may_flow() {
    for version in [TLS12, TLS13] {
        let proofs = (Proofs::Dialback, Proofs::Both);
        let mut pair = capulet_to_montague(version, SELF_MADE, proofs);
        pair.settle();
        let asked = "request capulet.example montague.example";
        assert_eq!(told(&pair.responder), ["tls", asked]);
        let early = "<message from='juliet@capulet.example' to='romeo@montague.example'/>";
        let mut session = pair.initiator.machine.session().unwrap();
        assert_eq!(session.send(early), Err(SendError::Addresses));

        let request = only_request(&pair.responder);
        let verdict = ask_authority(&request, version, CAPULET);
        assert_eq!(verdict, DialbackVerdict::Valid);
        answer(&mut pair.responder, &request, verdict.into());
        pair.settle();
        let verified = "pair capulet.example montague.example dialback";
        assert_eq!(told(&pair.initiator), ["tls", "established", verified]);
        assert_eq!(
            told(&pair.responder),
            ["tls", asked, "established", verified]
        );

        pair.initiator
            .machine
            .session()
            .unwrap()
            .send(early)
            .unwrap();
        pair.settle();
        assert!(told(&pair.responder).last().unwrap().starts_with("stanza"));
        let again = DialbackAnswer::Valid;
        let mut session = pair.responder.machine.session().unwrap();
        assert_eq!(
            session.answer(request.id(), again),
            Err(AnswerError::Unknown)
        );
        pair.responder.machine.session().unwrap().close();
        pair.finish();
        assert_eq!(
            (pair.initiator.code(), pair.responder.code()),
            ("closed", "closed")
        );
    }
}

/// Evil says it is Capulet; Capulet knows nothing of it.
#[test]
fn xep0220_2_2_1_an_invalid_key_ends_the_stream_while_nothing_else_is_verified() {
    let imposter = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .starttls(Certificate::Good(EVIL).client(TLS13))
        .dialback(secret(EVIL))
        .build()
        .unwrap();
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let mut pair = pair(imposter, responder(MONTAGUE, Some(tls), Proofs::Both));
    pair.settle();
    let request = only_request(&pair.responder);
    let verdict = ask_authority(&request, TLS13, CAPULET);
    assert_eq!(verdict, DialbackVerdict::Invalid);
    answer(&mut pair.responder, &request, verdict.into());
    pair.finish();
    for code in [pair.initiator.code(), pair.responder.code()] {
        assert_eq!(code, "authentication-failed");
    }
    assert!(!told(&pair.responder).contains(&"established".to_string()));
    let close = pair.initiator.close.unwrap();
    assert_eq!(close.reason().to_string(), "dialback: invalid");
    assert_eq!(
        Outcome::from(&close),
        Outcome::Closed(Ended::AuthenticationFailed)
    );
}

/// 2.5: an error is not the peer's fault, and worth another try.
#[test]
fn xep0220_2_5_an_error_leaves_the_stream_to_the_initiating_server() {
    let proofs = (Proofs::Dialback, Proofs::Dialback);
    let mut pair = capulet_to_montague(TLS13, SELF_MADE, proofs);
    pair.settle();
    let request = only_request(&pair.responder);
    let error = DialbackAnswer::Error(DialbackError::RemoteServerTimeout);
    answer(&mut pair.responder, &request, error);
    pair.responder.drive(pair.now);
    assert!(pair.responder.machine.session().is_some());
    pair.finish();
    let close = pair.initiator.close.unwrap();
    let reason = close.reason().to_string();
    assert_eq!(reason, "dialback: error: remote-server-timeout");
    assert_eq!(
        Outcome::from(&close),
        Outcome::Closed(Ended::AuthenticationUnavailable)
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
    pair.settle();
    assert_eq!(requests(&pair.responder), []);
    let make = only_request(&pair.initiator);
    assert_eq!(make.question(), &DialbackQuestion::MakeKey);
    assert_eq!(
        (make.from().as_str(), make.to().as_str()),
        (CAPULET, MONTAGUE)
    );
    let mut session = pair.initiator.machine.session().unwrap();
    let mismatch = session.answer(make.id(), DialbackAnswer::Valid);
    assert_eq!(mismatch, Err(AnswerError::Mismatch));
    let key = DialbackKey::new("application's own").unwrap();
    answer(&mut pair.initiator, &make, DialbackAnswer::Key(key.clone()));
    pair.settle();
    let request = only_request(&pair.responder);
    assert!(*key_of(&request) == key);
    assert_eq!(request.stream_id(), make.stream_id());

    // The authoritative server without a secret asks its application, too.
    let host = xmpp_stream::config::HostConfig::s2s(&jid(CAPULET))
        .tls(SELF_MADE.server(TLS13))
        .build();
    let authority = ResponderConfig::s2s(&FIXED).single_host(host).dialback();
    let ask = InitiatorConfig::server(&jid(MONTAGUE), &jid(CAPULET))
        .starttls(Certificate::None.client(TLS13))
        .verify_only()
        .build()
        .unwrap();
    let mut third = super::world::pair(ask, authority.starttls());
    third.settle();
    let mut session = third.initiator.machine.session().unwrap();
    session
        .verify(&jid(MONTAGUE), &jid(CAPULET), request.stream_id(), &key)
        .unwrap();
    third.settle();
    let verify = only_request(&third.responder);
    assert!(matches!(verify.question(), DialbackQuestion::Verify(_)));
    assert_eq!(verify.stream_id(), make.stream_id());
    answer(&mut third.responder, &verify, DialbackAnswer::Valid);
    third.settle();
    let verdict = "key montague.example capulet.example valid".to_string();
    assert_eq!(told(&third.initiator), ["tls".to_string(), verdict]);
    assert!(!told(&third.responder).contains(&"established".to_string()));
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
        let mut bare = Bare::with(montague());
        let answer = bare.say(&format!(
            "<db:verify from='capulet.example' to='{to}' id='{id}'>{}</db:verify>",
            key.as_str()
        ));
        assert!(answer.contains(verdict), "{answer}");
        assert!(answer.starts_with(&format!(
            "<db:verify from='{to}' to='capulet.example' id='{id}'"
        )));
        assert!(bare.side.close.is_none());
    }
}

/// 2.2.1: several pairs on one stream, each on its own; after the first one a
/// wrong key is an error and no end.
#[test]
fn xep0220_2_2_1_each_domain_pair_is_asked_for_and_the_stream_goes_on_meanwhile() {
    let mut bare = Bare::open();
    let ask = |from: &str| {
        format!("<db:result from='{from}' to='montague.example'>key of {from}</db:result>")
    };
    let message = |from: &str| format!("<message from='u@{from}' to='romeo@montague.example'/>");
    assert_eq!(bare.say(&ask("capulet.example")), "");
    assert_eq!(bare.say(&ask("rooms.capulet.example")), "");
    let asked = requests(&bare.side);
    assert_eq!(asked.len(), 2);
    answer(&mut bare.side, &asked[0], DialbackAnswer::Valid);
    let valid = "<db:result from='montague.example' to='capulet.example' type='valid'/>";
    assert_eq!(bare.said(), valid);
    // The other one waits, and stanzas and questions go on.
    assert_eq!(bare.say(&message("capulet.example")), "");
    assert!(told(&bare.side).last().unwrap().starts_with("stanza"));
    assert_eq!(bare.say(&ask("evil.example")), "");
    let asked = requests(&bare.side);
    answer(&mut bare.side, &asked[2], DialbackAnswer::Invalid);
    assert!(
        bare.said()
            .contains("type='error'><error type='auth'><forbidden")
    );
    answer(&mut bare.side, &asked[1], DialbackAnswer::Valid);
    let valid = "<db:result from='montague.example' to='rooms.capulet.example' type='valid'/>";
    assert_eq!(bare.said(), valid);
    assert_eq!(bare.say(&message("rooms.capulet.example")), "");
    assert!(told(&bare.side).last().unwrap().starts_with("stanza"));
    // The stream was given up on for none of them.
    assert!(bare.side.close.is_none());
    let answer = bare.say(&message("evil.example"));
    assert!(answer.contains("<invalid-from"), "{answer}");
}

#[test]
fn xep0220_2_5_a_domain_that_is_not_served_here_is_no_question() {
    let mut bare = Bare::open();
    let answer =
        bare.say("<db:result from='capulet.example' to='elsewhere.example'>key</db:result>");
    let expected = "<db:result from='elsewhere.example' to='capulet.example' type='error'>\
                    <error type='cancel'><item-not-found";
    assert!(answer.starts_with(expected), "{answer}");
    assert_eq!(requests(&bare.side), []);
    assert!(bare.side.machine.session().is_some());
}

#[test]
fn a_stream_on_which_dialback_goes_on_can_be_ended() {
    let proofs = (Proofs::Dialback, Proofs::Dialback);
    let end: [fn(&mut Pair); 3] = [
        |pair| pair.initiator.machine.session().unwrap().close(),
        |pair| pair.responder.machine.session().unwrap().close(),
        |pair| {
            let session = pair.responder.machine.session().unwrap();
            session.reset(xmpp_stream::reset::Cause::KeyRefresh);
        },
    ];
    for (end, codes) in end.into_iter().zip([
        ("closed", "closed"),
        ("negotiation-failed", "closed"),
        ("reset", "reset"),
    ]) {
        let mut pair = capulet_to_montague(TLS13, SELF_MADE, proofs);
        pair.settle();
        end(&mut pair);
        pair.finish();
        assert_eq!((pair.initiator.code(), pair.responder.code()), codes);
    }
}
