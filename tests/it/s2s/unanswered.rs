//! Questions of dialback without an answer (XEP-0220 2.5).

use core::time::Duration;
use std::sync::Arc;

use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::limits::Limits;
use xmpp_stream::stream::StreamCondition;
use xmpp_stream::time::Instant;
use xmpp_stream::{EventBuf, SendError};

use super::servers::{CAPULET, MONTAGUE, jid, opened_responder, reported};
use super::unsolicited::{asking, error_of, sender};
use crate::harness::configs::FIXED;
use crate::harness::{Harness, START, Scripted};

const VALID: &str = "<db:result from='montague.example' to='capulet.example' type='valid'/>";
const NO_ANSWER: &str = "key capulet.example montague.example error: remote-server-timeout";

fn verdict(id: &str) -> String {
    format!("<db:verify from='montague.example' to='capulet.example' id='{id}' type='valid'/>")
}

/// Capulet, which has asked for its pair and got it.
fn established() -> Harness<InitiatorRole, Scripted> {
    let mut harness = asking();
    harness.deliver(VALID.as_bytes());
    assert!(reported(&harness).contains(&"established".to_string()));
    harness.events.clear();
    harness
}

/// Capulet connects to ask, and for nothing else.
fn to_ask(limits: Limits) -> Arc<InitiatorConfig> {
    InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .dangerous_plaintext(&FIXED)
        .verify_only()
        .limits(limits)
        .build()
        .unwrap()
}

fn verify(harness: &mut Harness<InitiatorRole, Scripted>, id: &str) -> Result<(), SendError> {
    let key = DialbackKey::new("key").unwrap();
    let mut session = harness.machine.session().unwrap();
    session.verify(&jid(CAPULET), &jid(MONTAGUE), id, &key)
}

fn drive(harness: &mut Harness<InitiatorRole, Scripted>, now: Instant) {
    harness.run_at(now);
    harness.transmit(usize::MAX);
    harness.run_at(now);
}

/// The deadline, unless it is that of the keepalive.
fn deadline(harness: &Harness<InitiatorRole, Scripted>) -> Option<Instant> {
    let deadline = harness.wait.unwrap().deadline;
    deadline.filter(|at| *at < at_keepalive())
}

fn at_keepalive() -> Instant {
    START + Duration::from_secs(300)
}

/// So many milliseconds after the start.
fn at(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

#[test]
fn a_key_whose_server_does_not_answer_has_no_verdict_at_the_deadline() {
    let mut harness = established();
    drive(&mut harness, START);
    assert_eq!(deadline(&harness), None);
    verify(&mut harness, "1").unwrap();
    drive(&mut harness, at(5_000));
    verify(&mut harness, "2").unwrap();
    verify(&mut harness, "3").unwrap();
    harness.now = at(6_000);
    harness.deliver(verdict("2").as_bytes());
    let answered = "key capulet.example montague.example valid";
    assert_eq!(reported(&harness), [answered]);

    assert_eq!(deadline(&harness), Some(at(20_000)));
    drive(&mut harness, at(19_999));
    assert_eq!(reported(&harness), [answered]);
    drive(&mut harness, at(20_000));
    assert_eq!(reported(&harness), [answered, NO_ANSWER]);
    assert_eq!(deadline(&harness), Some(at(25_000)));
    drive(&mut harness, at(30_000));
    assert_eq!(reported(&harness), [answered, NO_ANSWER, NO_ANSWER]);
    let ids = harness.events.iter().map(|event| match event {
        EventBuf::KeyVerdict(verdict) => verdict.stream_id(),
        other => panic!("{other:?}"),
    });
    assert_eq!(ids.collect::<Vec<_>>(), ["2", "1", "3"]);

    // It waits for nothing more, and goes on.
    assert_eq!(deadline(&harness), None);
    let stanza = "<message from='capulet.example' to='montague.example'/>";
    harness.machine.session().unwrap().send(stanza).unwrap();
    drive(&mut harness, at(99_000));
    assert!(harness.close.is_none());
}

#[test]
fn an_answer_after_the_deadline_is_ignored() {
    let mut harness = established();
    verify(&mut harness, "1").unwrap();
    drive(&mut harness, at(20_000));
    assert_eq!(reported(&harness), [NO_ANSWER]);
    harness.now = at(20_001);
    harness.deliver(verdict("1").as_bytes());
    harness.now = at(20_001);
    harness.deliver(b" ");
    assert_eq!(reported(&harness), [NO_ANSWER, "keepalive"]);
    assert!(harness.close.is_none() && harness.machine.session().is_some());
    // One question, one answer.
    harness.now = at(20_002);
    harness.deliver(verdict("1").as_bytes());
    assert_eq!(error_of(&mut harness), StreamCondition::InvalidFrom);
}

#[test]
fn a_question_that_is_asked_again_is_answered_by_whichever_answer_comes_first() {
    let mut harness = established();
    verify(&mut harness, "1").unwrap();
    drive(&mut harness, at(20_000));
    verify(&mut harness, "1").unwrap();
    for _ in 0..2 {
        harness.now = at(20_001);
        harness.deliver(verdict("1").as_bytes());
        let answered = "key capulet.example montague.example valid";
        assert_eq!(reported(&harness), [NO_ANSWER, answered]);
    }
    harness.now = at(20_002);
    harness.deliver(verdict("1").as_bytes());
    assert_eq!(error_of(&mut harness), StreamCondition::InvalidFrom);
}

/// Who never answers is not asked for ever.
#[test]
fn expired_questions_count_until_they_are_answered() {
    let limits = Limits::server_to_server().with_requests(2).unwrap();
    let limits = limits.with_verify_timeout(Duration::from_secs(3)).unwrap();
    let (mut harness, _) = sender(to_ask(limits));
    verify(&mut harness, "1").unwrap();
    verify(&mut harness, "2").unwrap();
    drive(&mut harness, at(3_000));
    assert_eq!(reported(&harness), [NO_ANSWER, NO_ANSWER]);
    assert!(matches!(
        verify(&mut harness, "3"),
        Err(SendError::Full { .. })
    ));
    harness.now = at(3_001);
    harness.deliver(verdict("1").as_bytes());
    assert_eq!(verify(&mut harness, "3"), Ok(()));
}

/// The default leaves time to hear of it before the stream is given up.
#[test]
fn a_stream_that_was_opened_to_ask_ends_after_the_verdict() {
    let (mut harness, _) = sender(to_ask(Limits::server_to_server()));
    verify(&mut harness, "1").unwrap();
    drive(&mut harness, START);
    let mut times = Vec::new();
    while harness.close.is_none() {
        times.push(deadline(&harness).unwrap());
        drive(&mut harness, *times.last().unwrap());
    }
    assert_eq!(reported(&harness)[0], NO_ANSWER);
    assert_eq!(times[..2], [at(20_000), at(30_000)]);
    assert_eq!(harness.code(), "timeout");
}

#[test]
fn a_closing_stream_reports_no_missing_answers() {
    let mut harness = established();
    verify(&mut harness, "1").unwrap();
    drive(&mut harness, at(17_000));
    harness.machine.session().unwrap().close();
    drive(&mut harness, at(17_000));
    // The closing tag of the peer; the answer was due at 20 s.
    assert_eq!(deadline(&harness), Some(at(22_000)));
    drive(&mut harness, at(21_000));
    assert!(reported(&harness).is_empty());
    assert!(harness.close.is_none());
}

/// A stream that only asks is never established, so its end has the bound of such streams.
#[test]
fn a_stream_that_only_asks_waits_a_second_for_its_end() {
    let minute = Duration::from_secs(60);
    let limits = Limits::server_to_server().with_closing_timeout(minute);
    let (mut harness, _) = sender(to_ask(limits.unwrap()));
    verify(&mut harness, "1").unwrap();
    harness.machine.session().unwrap().close();
    drive(&mut harness, at(500));
    assert_eq!(deadline(&harness), Some(at(1_500)));
}

/// The deadline of the phase is that of the whole phase, whatever is asked meanwhile.
#[test]
fn a_stream_that_nothing_is_verified_on_is_not_kept_by_further_questions() {
    let request = "<db:result from='capulet.example' to='montague.example'>k</db:result>";
    for text in [
        "",
        " ",
        request,
        "<db:verify from='capulet.example' to='montague.example' id='1'>k</db:verify>",
        "<db:result from='capulet.example' to='elsewhere.example'>k</db:result>",
    ] {
        let mut harness = opened_responder();
        harness.answer_to(request);
        let seconds = harness.hold_open_with(text);
        // The phase, and a second for closing tags: such a peer is not authenticated.
        assert_eq!(seconds, 31, "{text}");
        assert!(harness.machine.session().is_none());
    }
}

/// A question without an answer does not keep a stream that nothing is verified
/// on (RFC 6120 4.9.3.15).
#[test]
fn rfc6120_4_9_3_15_1_an_unanswered_question_ends_in_remote_connection_failed() {
    let mut harness = opened_responder();
    harness.answer_to("<db:result from='capulet.example' to='montague.example'>k</db:result>");
    let deadline = harness.wait.unwrap().deadline.unwrap();
    harness.run_at(deadline);
    let received = harness.receive();
    assert!(received.contains("<remote-connection-failed"), "{received}");
    assert!(received.ends_with("</stream:stream>"));
}
