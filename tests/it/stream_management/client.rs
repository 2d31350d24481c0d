//! The client's side of stream management.

use std::time::Duration;

use xmpp_stream::close::Phase as ClosePhase;
use xmpp_stream::connection::{InitiatorRole, ResumeError};
use xmpp_stream::reset::ResetCause;
use xmpp_stream::sm::{AckMode, Fate, SmPolicy, SmState};
use xmpp_stream::{CloseReason, EventBuf, Initiator, Manner, SendError};

use super::{R, a, message, policy, send};
use crate::harness::configs::FIXED;
use crate::harness::phases::{FOOTER, OFFER_ANONYMOUS, SERVER_HEADER, SUCCESS};
use crate::harness::{Harness, START, Scripted};

const OFFER: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
    <sm xmlns='urn:xmpp:sm:3'/></stream:features>";
const OFFER_BIND: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
const BOUND: &str = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <jid>alice@localhost/desk</jid></bind></iq>";
const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'/>";
const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true' max='120' \
    location='other.example:5222'/>";
const BIND: &str = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <resource>desk</resource></bind></iq>";

type Client = Harness<InitiatorRole, Scripted>;

fn config(policy: Option<SmPolicy>) -> std::sync::Arc<xmpp_stream::config::InitiatorConfig> {
    use xmpp_stream::config::{Credentials, InitiatorConfig};
    let builder = InitiatorConfig::client(&crate::harness::configs::alice())
        .dangerous_plaintext(&FIXED)
        .credentials(Credentials::Anonymous);
    match policy {
        Some(policy) => builder.stream_management(policy),
        None => builder,
    }
    .build()
    .unwrap()
}

/// A client whose server has sent its features after SASL.
fn offered(machine: Initiator, features: &str) -> Client {
    let mut client = Harness::scripted(machine, Box::new(|_, _| {}));
    for text in [SERVER_HEADER, OFFER_ANONYMOUS, SUCCESS, SERVER_HEADER] {
        client.send(text);
    }
    client.receive();
    client.send(features);
    client
}

fn enabled_with(policy: SmPolicy) -> Client {
    let mut client = offered(Initiator::new(config(Some(policy)), START), OFFER);
    assert_eq!(client.receive(), BIND);
    assert_eq!(client.answer_to(BOUND), ENABLE);
    client.send(ENABLED);
    client
}

fn enabled() -> Client {
    enabled_with(policy())
}

/// A client that resumes `state`, up to its `<resume/>`.
fn resuming(state: SmState) -> Client {
    let machine = Initiator::resume(config(Some(policy())), state, START).unwrap();
    offered(machine, OFFER)
}

fn lost(mut client: Client) -> SmState {
    client.rst();
    client.run_until_closed();
    client.machine.take_sm_state().expect("a session")
}

fn fates(state: &SmState) -> Vec<(String, Fate, bool)> {
    state
        .unacknowledged()
        .map(|one| (one.stanza.to_string(), one.fate, one.retransmitted))
        .collect()
}

#[test]
fn xep0198_3_a_client_enables_after_binding_and_once() {
    let mut client = enabled();
    let last = client.events.last().cloned().unwrap();
    assert_eq!(
        last,
        xmpp_stream::EventBuf::ManagementEnabled {
            resumable: true,
            max: Some(120),
            location: Some("other.example:5222".into()),
        }
    );
    assert_eq!(client.answer_to(ENABLED), "");
    assert_eq!(client.code(), "open");
    assert_eq!(
        client.event_lines().last().unwrap(),
        &format!("element {ENABLED}"),
        "what nobody asked for is the application's"
    );
}

#[test]
fn xep0198_nothing_is_enabled_that_is_not_offered_or_not_configured() {
    for (policy, features) in [(Some(policy()), OFFER_BIND), (None, OFFER)] {
        let mut client = offered(Initiator::new(config(policy), START), features);
        assert_eq!(client.receive(), BIND);
        assert_eq!(client.answer_to(BOUND), "");
        send(&mut client.machine, 1);
        assert_eq!(client.receive(), message(1));
        // Whoever does it on its own still can.
        assert_eq!(client.answer_to(R), "");
        assert_eq!(
            client.event_lines().last().unwrap(),
            &format!("element {R}")
        );
        client.rst();
        client.run_until_closed();
        assert!(client.machine.take_sm_state().is_none());
    }
}

#[test]
fn xep0198_4_stanzas_are_counted_from_enabled_on_and_everything_else_is_not() {
    let mut client = enabled();
    client.send("<message/> <presence/><iq type='get' id='1'/>");
    client.send("<x xmlns='urn:x'/>");
    assert_eq!(client.answer_to(R), a(3));
    // Many requests have one answer.
    assert_eq!(client.answer_to(&format!("{R}<message/>{R}{R}")), a(4));
}

#[test]
fn xep0198_4_a_client_counts_what_it_sends_after_enable_and_receives_after_enabled() {
    let mut client = offered(Initiator::new(config(Some(policy())), START), OFFER);
    client.receive();
    assert_eq!(client.answer_to(BOUND), ENABLE);
    // On their way while the server reads `<enable/>`.
    client.send("<message/>");
    send(&mut client.machine, 1);
    assert_eq!(client.receive(), message(1));
    client.send(ENABLED);
    assert_eq!(client.answer_to(R), a(0));
    assert_eq!(client.machine.session().unwrap().unacknowledged(), 1);
    client.send(a(1));
    assert_eq!(client.machine.session().unwrap().unacknowledged(), 0);
    assert_eq!(client.code(), "open");
}

#[test]
fn xep0198_4_an_acknowledgement_is_asked_for_by_number_and_by_time() {
    let mut client = enabled();
    send(&mut client.machine, 1);
    send(&mut client.machine, 2);
    assert_eq!(client.receive(), message(1) + &message(2));
    assert!((client.advance() - 2.0).abs() < 0.01);
    assert_eq!(client.receive(), R);
    // Not again before the answer.
    send(&mut client.machine, 3);
    send(&mut client.machine, 4);
    assert_eq!(client.receive(), message(3) + &message(4));
    client.send(a(2));
    assert_eq!(client.machine.session().unwrap().unacknowledged(), 2);
    client.send(a(4));
    for number in 5..=7 {
        send(&mut client.machine, number);
    }
    assert_eq!(
        client.receive(),
        format!("{}{}{}{R}", message(5), message(6), message(7))
    );
}

#[test]
fn xep0198_4_a_peer_that_owes_an_acknowledgement_is_given_up() {
    let mut client = enabled();
    send(&mut client.machine, 1);
    client.exchange();
    client.advance();
    assert_eq!(client.receive(), message(1) + R);
    // Other traffic is no answer.
    client.send("<message/>");
    let close = client.run_until_closed().clone();
    assert_eq!(
        close.reason(),
        &CloseReason::Timeout(ClosePhase::Acknowledgement)
    );
    assert_eq!(close.manner(), Manner::Abort);
    let state = client.machine.take_sm_state().unwrap();
    assert!(state.is_resumable());
    assert_eq!(fates(&state), [(message(1), Fate::Unknown, false)]);
}

#[test]
fn xep0198_4_tickets_are_acknowledged_in_order() {
    let mut client = enabled();
    let tickets = [1, 2, 3].map(|number| send(&mut client.machine, number));
    client.exchange();
    let at = client.events.len();
    client.send(a(2));
    client.send(a(2));
    client.send(a(3));
    assert_eq!(
        client.events[at..],
        [
            xmpp_stream::EventBuf::Acknowledged(tickets[1]),
            xmpp_stream::EventBuf::Acknowledged(tickets[2]),
        ]
    );
    let session = client.machine.session().unwrap();
    assert_eq!(session.acknowledged(), Some(tickets[2]));
}

#[test]
fn xep0198_6_a_count_that_is_too_high_ends_the_stream_and_says_why() {
    for h in [2, u32::MAX] {
        let mut client = enabled();
        send(&mut client.machine, 1);
        client.receive();
        assert_eq!(
            client.answer_to(&a(h)),
            format!(
                "{}<stream:error><undefined-condition \
                 xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 <handled-count-too-high xmlns='urn:xmpp:sm:3' h='{h}' send-count='1'/>\
                 </stream:error>{FOOTER}",
                a(0)
            )
        );
        client.finish();
        assert_eq!(client.code(), "stream-error");
        assert!(!client.machine.take_sm_state().unwrap().is_resumable());
    }
}

#[test]
fn a_full_queue_refuses_stanzas_until_they_are_acknowledged() {
    let mut client = enabled();
    for number in 1..=7 {
        send(&mut client.machine, number);
        client.exchange();
    }
    let mut session = client.machine.session().unwrap();
    assert_eq!(session.capacity(), 0);
    assert_eq!(
        session.send("<message/>"),
        Err(SendError::Full { capacity: 0 })
    );
    assert!(session.keepalive().is_ok());
    client.send(a(1));
    let mut session = client.machine.session().unwrap();
    assert!(session.send("<message/>").is_ok());
    // The bytes of the stanzas are bounded, too.
    let mut client = enabled_with(policy().queue(7, 100));
    let long = format!("<message id='{}'/>", "x".repeat(90));
    let mut session = client.machine.session().unwrap();
    assert!(session.send(&long).is_ok(), "one stanza always fits");
    assert!(matches!(session.send(&long), Err(SendError::Full { .. })));
}

#[test]
fn xep0198_5_a_lost_session_is_resumed_in_the_place_of_binding() {
    let mut client = enabled();
    client.send("<message/>");
    for number in 1..=3 {
        send(&mut client.machine, number);
    }
    client.exchange();
    let last = client.machine.session().unwrap().flushed().unwrap();
    let state = lost(client);
    assert!(state.is_resumable());
    assert_eq!((state.id(), state.max()), (Some("s1"), Some(120)));
    assert_eq!(state.location(), Some("other.example:5222"));
    // Another process goes on.
    let state = SmState::from_bytes(&state.to_bytes()).unwrap();
    let mut client = resuming(state);
    assert_eq!(
        client.receive(),
        "<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>"
    );
    assert_eq!(
        client.answer_to("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>"),
        format!("{}{}{R}", message(2), message(3)),
        "exactly what was not handled, and no bind"
    );
    assert_eq!(
        client.event_lines().last().unwrap(),
        "established alice@localhost/desk"
    );
    let Some(EventBuf::Established(established)) = client.events.last() else {
        panic!("{:?}", client.events);
    };
    let resumed = established.resumed.expect("an earlier session");
    assert_eq!((resumed.h, resumed.retransmitted), (1, 2));
    let ticket = send(&mut client.machine, 4);
    assert!(ticket > last, "tickets go on");
    assert_eq!(client.receive(), message(4));
    client.send("<message/>");
    assert_eq!(client.answer_to(R), a(2));
    client.send(a(4));
    assert_eq!(
        client.machine.session().unwrap().acknowledged(),
        Some(ticket)
    );
}

#[test]
fn xep0198_5_a_refused_resumption_hands_the_session_back_and_binds() {
    for (failed, expected) in [
        (
            "<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
            vec![(message(2), Fate::Unhandled, false)],
        ),
        (
            "<failed xmlns='urn:xmpp:sm:3'/>",
            vec![
                (message(1), Fate::Unknown, false),
                (message(2), Fate::Unknown, false),
            ],
        ),
        // A count that cannot be is none.
        (
            "<failed xmlns='urn:xmpp:sm:3' h='9'/>",
            vec![
                (message(1), Fate::Unknown, false),
                (message(2), Fate::Unknown, false),
            ],
        ),
    ] {
        let mut client = enabled();
        send(&mut client.machine, 1);
        let second = send(&mut client.machine, 2);
        client.exchange();
        let mut client = resuming(lost(client));
        client.receive();
        assert_eq!(client.answer_to(failed), BIND);
        let told = match client.events.last() {
            Some(EventBuf::ManagementRefused(Some(session))) => session.clone(),
            other => panic!("{other:?}"),
        };
        let old = client.machine.take_sm_state().expect("handed back");
        assert_eq!(*told, old);
        assert_eq!(fates(&old), expected, "{failed}");
        assert!(!old.is_resumable());
        assert!(client.machine.take_sm_state().is_none());
        // Nothing is sent again without the application, and the new session counts from zero.
        assert_eq!(client.answer_to(BOUND), ENABLE);
        client.send("<enabled xmlns='urn:xmpp:sm:3' id='s2' resume='true'/>");
        assert!(send(&mut client.machine, 3) > second);
        assert_eq!(client.receive(), message(3));
        assert_eq!(client.answer_to(R), a(0));
    }
}

#[test]
fn xep0198_5_a_server_without_the_offer_gets_a_bind_and_the_session_is_handed_back() {
    let mut client = enabled();
    send(&mut client.machine, 1);
    client.exchange();
    let state = lost(client);
    let machine = Initiator::resume(config(Some(policy())), state, START).unwrap();
    let mut client = offered(machine, OFFER_BIND);
    assert_eq!(client.receive(), BIND);
    assert_eq!(client.answer_to(BOUND), "");
    let old = client.machine.take_sm_state().expect("handed back");
    assert_eq!(fates(&old), [(message(1), Fate::Unknown, false)]);
}

#[test]
fn xep0198_5_what_resumes_another_session_or_counts_too_high_is_refused() {
    for (answer, condition) in [
        (
            "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='other'/>",
            "bad-format",
        ),
        (
            "<resumed xmlns='urn:xmpp:sm:3' h='2' previd='s1'/>",
            "handled-count-too-high",
        ),
        ("<message/>", "not-authorized"),
    ] {
        let mut client = enabled();
        send(&mut client.machine, 1);
        client.exchange();
        let mut client = resuming(lost(client));
        client.receive();
        let sent = client.answer_to(answer);
        assert!(sent.contains(condition), "{sent}");
        client.finish();
        // The session is as it was.
        let state = client.machine.take_sm_state().unwrap();
        assert_eq!(fates(&state), [(message(1), Fate::Unknown, false)]);
    }
}

#[test]
fn a_connection_that_is_lost_before_the_resumption_keeps_the_session() {
    let mut client = enabled();
    send(&mut client.machine, 1);
    client.exchange();
    let bytes = lost(client).to_bytes();
    let state = SmState::from_bytes(&bytes).unwrap();
    let mut client = resuming(state);
    client.receive();
    let state = lost(client);
    assert_eq!(state.to_bytes(), bytes);
}

#[test]
fn xep0198_5_a_server_may_enable_without_resumption() {
    let mut client = offered(Initiator::new(config(Some(policy())), START), OFFER);
    client.send(BOUND);
    client.send("<enabled xmlns='urn:xmpp:sm:3'/>");
    client.receive();
    send(&mut client.machine, 1);
    send(&mut client.machine, 2);
    // Half of the second is taken.
    client.run();
    let bytes = client.transmit(message(1).len() + 5);
    assert!(!bytes.is_empty());
    client.machine.transport_failed();
    client.run();
    let state = client.machine.take_sm_state().unwrap();
    assert!(!state.is_resumable());
    assert_eq!(
        fates(&state),
        [
            (message(1), Fate::Unknown, false),
            (message(2), Fate::Unsent, false),
        ]
    );
    let error = Initiator::resume(config(Some(policy())), state, START).unwrap_err();
    assert!(matches!(error, ResumeError::NotResumable(_)));
}

#[test]
fn xep0198_3_a_refused_enable_leaves_an_ordinary_stream() {
    let mut client = offered(Initiator::new(config(Some(policy())), START), OFFER);
    client.send(BOUND);
    client.send("<failed xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(
        client.events.last(),
        Some(&EventBuf::ManagementRefused(None))
    );
    client.receive();
    for number in 1..=8 {
        send(&mut client.machine, number);
    }
    assert!(!client.receive().contains("<r "));
    client.rst();
    client.run_until_closed();
    assert!(client.machine.take_sm_state().is_none());
}

#[test]
fn xep0198_4_the_last_acknowledgement_goes_before_the_closing_tag() {
    let mut client = enabled();
    client.send("<message/>");
    client.machine.session().unwrap().close();
    assert_eq!(client.receive(), a(1) + FOOTER);
    client.finish();
    assert_eq!(client.code(), "closed");
    let state = client.machine.take_sm_state().unwrap();
    assert!(!state.is_resumable(), "XEP-0198 7: the session is over");
    // The peer's acknowledgement may cross our closing tag.
    let mut client = enabled();
    let ticket = send(&mut client.machine, 1);
    client.machine.session().unwrap().close();
    client.receive();
    client.send(a(1));
    assert_eq!(
        client.events.last(),
        Some(&xmpp_stream::EventBuf::Acknowledged(ticket))
    );
}

#[test]
fn a_reset_keeps_the_session() {
    let mut client = enabled();
    send(&mut client.machine, 1);
    client.exchange();
    client
        .machine
        .session()
        .unwrap()
        .reset(ResetCause::KeyRefresh);
    client.finish();
    assert_eq!(client.code(), "reset");
    assert!(client.machine.take_sm_state().unwrap().is_resumable());
    // The server's reset does, too.
    let mut client = enabled();
    client.send(
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
         </stream:stream>",
    );
    client.run_until_closed();
    assert_eq!(client.code(), "reset");
    assert!(client.machine.take_sm_state().unwrap().is_resumable());
}

#[test]
fn stanzas_are_acknowledged_when_the_application_says_so() {
    let mut client = enabled_with(policy().ack_mode(AckMode::Handled));
    client.send("<message id='a'/>");
    let first = client.machine.session().unwrap().received().unwrap();
    client.send("<message id='b'/><message id='c'/>");
    assert_eq!(client.answer_to(R), a(0));
    client.machine.session().unwrap().handled(first);
    assert_eq!(client.receive(), "", "not all that was asked about");
    let last = client.machine.session().unwrap().received().unwrap();
    client.machine.session().unwrap().handled(last);
    assert_eq!(client.receive(), a(3), "the answer that was owed");
    // Nothing goes back, and nothing is handled before it was delivered.
    client.machine.session().unwrap().handled(first);
    assert_eq!(client.answer_to(R), a(3));
    client.send("<message id='d'/><message id='e'/>");
    let state = lost(client);
    let mut client = {
        let policy = policy().ack_mode(AckMode::Handled);
        let machine = Initiator::resume(config(Some(policy)), state, START).unwrap();
        offered(machine, OFFER)
    };
    assert_eq!(
        client.receive(),
        "<resume xmlns='urn:xmpp:sm:3' h='3' previd='s1'/>"
    );
    client.send("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>");
    for (text, again) in [("d", true), ("e", true), ("f", false)] {
        client.send(format!("<message id='{text}'/>"));
        let session = client.machine.session().unwrap();
        assert_eq!(session.is_redelivery(), again, "{text}");
    }
}

#[test]
fn a_session_is_resumed_by_its_own_account_and_config_alone() {
    let state = lost(enabled());
    let error = Initiator::resume(config(None), state, START).unwrap_err();
    assert!(matches!(error, ResumeError::NotConfigured(_)));
    let bob = xmpp_stream::jid::Jid::parse("bob@localhost").unwrap();
    let other = xmpp_stream::config::InitiatorConfig::client(&bob)
        .dangerous_plaintext(&FIXED)
        .credentials(xmpp_stream::config::Credentials::Anonymous)
        .stream_management(policy())
        .build()
        .unwrap();
    let error = Initiator::resume(other, error.into_state(), START).unwrap_err();
    assert!(matches!(error, ResumeError::OtherAccount(_)));
}

/// RFC 6120 4.6: a peer that is gone is noticed, also where nothing waits for it.
#[test]
fn an_idle_server_is_asked_and_given_up_if_it_does_not_answer() {
    let mut client = enabled();
    client.receive();
    for answer in [a(0), String::new()] {
        let (start, mut text) = (client.now, String::new());
        while text.is_empty() {
            client.advance();
            text = client.receive();
        }
        assert_eq!(text, R);
        let seconds = client.now.saturating_duration_since(start).as_secs_f64();
        assert!((seconds - 300.0).abs() < 0.01, "{seconds}");
        client.send(answer);
    }
    // Its stanzas are no answer.
    for _ in 0..3 {
        client.now = client.now + Duration::from_secs(9);
        client.send("<message/>");
        assert_eq!(client.code(), "open");
    }
    client.run_until_closed();
    assert_eq!(
        client.closed().reason(),
        &CloseReason::Timeout(ClosePhase::Acknowledgement)
    );
}

#[test]
fn a_queue_that_fills_up_is_asked_about_before_it_is_full() {
    let mut client = enabled_with(policy().ask(100, Duration::from_secs(2)).queue(100, 200));
    let long = format!("<message id='{}'/>", "x".repeat(60));
    let mut session = client.machine.session().unwrap();
    session.send(&long).unwrap();
    session.send(&long).unwrap();
    assert_eq!(client.receive(), format!("{long}{long}{R}"));
}

/// What stood in features before the stream was authenticated is forgotten (RFC 6120 6.3.7).
#[test]
fn only_the_last_features_offer_stream_management() {
    let machine = Initiator::new(config(Some(policy())), START);
    let mut client = Harness::scripted(machine, Box::new(|_, _| {}));
    client.send(SERVER_HEADER);
    client.send(OFFER_ANONYMOUS.replace(
        "</stream:features>",
        "<sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    ));
    client.send(SUCCESS);
    client.send(SERVER_HEADER);
    client.receive();
    client.send(OFFER_BIND);
    assert_eq!(client.receive(), BIND);
    assert_eq!(client.answer_to(BOUND), "");
}
