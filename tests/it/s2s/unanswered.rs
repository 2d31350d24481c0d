//! Questions of dialback that nobody answers (XEP-0220 2.5).

use core::time::Duration;
use std::sync::Arc;

use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::dialback::DialbackKey;
use xmpp_stream::limits::Limits;
use xmpp_stream::stream::{Condition, Initiating};
use xmpp_stream::time::Instant;
use xmpp_stream::{EventBuf, SendError};

use super::unsolicited::{asking, error_of, sender};
use super::world::{Bare, CAPULET, MONTAGUE, START, jid, told};
use crate::harness::pair::{FIXED, Side};

const VALID: &str = "<db:result from='montague.example' to='capulet.example' type='valid'/>";
const NO_ANSWER: &str = "key capulet.example montague.example error: remote-server-timeout";

fn verdict(id: &str) -> String {
    format!("<db:verify from='montague.example' to='capulet.example' id='{id}' type='valid'/>")
}

/// Capulet, which has asked for its pair and got it.
fn established() -> Side<Initiating> {
    let mut side = asking();
    side.feed(VALID.as_bytes(), START);
    assert!(told(&side).contains(&"established".to_string()));
    side.events.clear();
    side
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

fn verify(side: &mut Side<Initiating>, id: &str) -> Result<(), SendError> {
    let key = DialbackKey::new("key").unwrap();
    let mut session = side.machine.session().unwrap();
    session.verify(&jid(CAPULET), &jid(MONTAGUE), id, &key)
}

fn drive(side: &mut Side<Initiating>, now: Instant) {
    side.drive(now);
    side.take(usize::MAX);
    side.drive(now);
}

fn deadline(side: &Side<Initiating>) -> Option<Instant> {
    side.wait.unwrap().deadline
}

/// Milliseconds.
fn at(time: u64) -> Instant {
    Instant::from_millis(time)
}

#[test]
fn a_key_that_its_server_says_nothing_about_has_no_verdict_when_its_time_is_up() {
    let mut side = established();
    drive(&mut side, START);
    assert_eq!(deadline(&side), None);
    verify(&mut side, "1").unwrap();
    drive(&mut side, at(5_000));
    verify(&mut side, "2").unwrap();
    verify(&mut side, "3").unwrap();
    side.feed(verdict("2").as_bytes(), at(6_000));
    let answered = "key capulet.example montague.example valid";
    assert_eq!(told(&side), [answered]);

    assert_eq!(deadline(&side), Some(at(20_000)));
    drive(&mut side, at(19_999));
    assert_eq!(told(&side), [answered]);
    drive(&mut side, at(20_000));
    assert_eq!(told(&side), [answered, NO_ANSWER]);
    assert_eq!(deadline(&side), Some(at(25_000)));
    drive(&mut side, at(30_000));
    assert_eq!(told(&side), [answered, NO_ANSWER, NO_ANSWER]);
    let ids = side.events.iter().map(|event| match event {
        EventBuf::KeyVerdict(verdict) => verdict.stream_id(),
        other => panic!("{other:?}"),
    });
    assert_eq!(ids.collect::<Vec<_>>(), ["2", "1", "3"]);

    // It waits for nothing more, and goes on.
    assert_eq!(deadline(&side), None);
    let stanza = "<message from='capulet.example' to='montague.example'/>";
    side.machine.session().unwrap().send(stanza).unwrap();
    drive(&mut side, at(99_000));
    assert!(side.close.is_none());
}

#[test]
fn an_answer_that_comes_too_late_is_neither_news_nor_an_offence() {
    let mut side = established();
    verify(&mut side, "1").unwrap();
    drive(&mut side, at(20_000));
    assert_eq!(told(&side), [NO_ANSWER]);
    side.feed(verdict("1").as_bytes(), at(20_001));
    side.feed(b" ", at(20_001));
    assert_eq!(told(&side), [NO_ANSWER, "keepalive"]);
    assert!(side.close.is_none() && side.machine.session().is_some());
    // One question, one answer.
    side.feed(verdict("1").as_bytes(), at(20_002));
    assert_eq!(error_of(&mut side), Condition::InvalidFrom);
}

#[test]
fn a_question_that_is_asked_again_is_answered_by_whichever_answer_comes_first() {
    let mut side = established();
    verify(&mut side, "1").unwrap();
    drive(&mut side, at(20_000));
    verify(&mut side, "1").unwrap();
    for _ in 0..2 {
        side.feed(verdict("1").as_bytes(), at(20_001));
        let answered = "key capulet.example montague.example valid";
        assert_eq!(told(&side), [NO_ANSWER, answered]);
    }
    side.feed(verdict("1").as_bytes(), at(20_002));
    assert_eq!(error_of(&mut side), Condition::InvalidFrom);
}

/// Who never answers is not asked for ever.
#[test]
fn questions_whose_time_is_up_count_until_they_are_answered() {
    let limits = Limits::server_to_server().with_requests(2).unwrap();
    let limits = limits.with_verify_timeout(Duration::from_secs(3)).unwrap();
    let (mut side, _) = sender(to_ask(limits));
    verify(&mut side, "1").unwrap();
    verify(&mut side, "2").unwrap();
    drive(&mut side, at(3_000));
    assert_eq!(told(&side), [NO_ANSWER, NO_ANSWER]);
    assert!(matches!(
        verify(&mut side, "3"),
        Err(SendError::Full { .. })
    ));
    side.feed(verdict("1").as_bytes(), at(3_001));
    assert_eq!(verify(&mut side, "3"), Ok(()));
}

/// The default leaves time to hear of it before the stream is given up.
#[test]
fn a_stream_that_was_opened_to_ask_ends_after_the_verdict() {
    let (mut side, _) = sender(to_ask(Limits::server_to_server()));
    verify(&mut side, "1").unwrap();
    drive(&mut side, START);
    let mut times = Vec::new();
    while side.close.is_none() {
        times.push(deadline(&side).unwrap().as_millis());
        drive(&mut side, at(*times.last().unwrap()));
    }
    assert_eq!(told(&side)[0], NO_ANSWER);
    assert_eq!(times[..2], [20_000, 30_000]);
    assert_eq!(side.code(), "timeout");
}

#[test]
fn a_stream_that_ends_asks_no_more() {
    let minute = Duration::from_secs(60);
    let limits = Limits::server_to_server().with_closing_timeout(minute);
    let (mut side, _) = sender(to_ask(limits.unwrap()));
    verify(&mut side, "1").unwrap();
    side.machine.session().unwrap().close();
    drive(&mut side, at(1_000));
    // The closing tag of the peer.
    assert_eq!(deadline(&side), Some(at(61_000)));
    drive(&mut side, at(25_000));
    assert!(told(&side).is_empty());
}

/// A question nobody answers does not keep a stream that nothing is verified
/// on (RFC 6120 4.9.3.15).
#[test]
fn rfc6120_4_9_3_15_1_an_unanswered_question_ends_in_remote_connection_failed() {
    let mut bare = Bare::open();
    bare.say("<db:result from='capulet.example' to='montague.example'>k</db:result>");
    let deadline = bare.side.wait.unwrap().deadline.unwrap();
    bare.side.drive(deadline);
    let said = bare.said();
    assert!(said.contains("<remote-connection-failed"), "{said}");
    assert!(said.ends_with("</stream:stream>"));
}
