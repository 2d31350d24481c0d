//! The server's side of stream management.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use xmpp_stream::config::ResponderConfig;
use xmpp_stream::connection::{ResponderRole, ResumeError};
use xmpp_stream::sm::{Fate, SmPolicy, SmState};
use xmpp_stream::{Decision, Responder};

use super::{R, a, message, policy, send};
use crate::harness::configs::{FIXED, decide};
use crate::harness::phases::{AUTH_ANONYMOUS, BIND, CLIENT_HEADER, FOOTER, host};
use crate::harness::{Carrier, Harness, START, Scripted};

const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>";
const UNEXPECTED: &str = "<failed xmlns='urn:xmpp:sm:3'>\
    <unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
/// The name that the tests' randomness makes.
const NAME: &str = "0102030405060708090a0b0c0d0e0f10";

type Server = Harness<ResponderRole, Scripted>;
type Store = Rc<RefCell<Option<SmState>>>;

fn config(policy: Option<SmPolicy>) -> Arc<ResponderConfig> {
    let builder = ResponderConfig::server(&FIXED)
        .single_host(host(Carrier::Plain))
        .dangerous_plaintext();
    match policy {
        Some(policy) => builder.stream_management(policy),
        None => builder,
    }
    .build()
    .unwrap()
}

fn enabled_answer() -> String {
    format!("<enabled xmlns='urn:xmpp:sm:3' id='{NAME}' resume='true' max='60'/>")
}

/// A server after SASL, whose sessions are in `store`.
fn authenticated(policy: Option<SmPolicy>, store: &Store) -> Server {
    let store = store.clone();
    let mut server = Harness::scripted(
        Responder::new(config(policy), START),
        Box::new(move |machine, _| {
            if let Some(Decision::Resume(decision)) = machine.decision() {
                let found = store
                    .borrow_mut()
                    .take_if(|state| state.id() == Some(decision.previd()));
                match found {
                    Some(state) => decision.resume(state).unwrap(),
                    None => decision.refuse(Some(7)),
                }
                return;
            }
            decide(machine);
        }),
    );
    for text in [CLIENT_HEADER, AUTH_ANONYMOUS] {
        server.send(text);
    }
    server.receive();
    server.send(CLIENT_HEADER);
    server
}

fn enabled(store: &Store) -> Server {
    let mut server = authenticated(Some(policy()), store);
    server.send(BIND);
    server.receive();
    assert_eq!(server.answer_to(ENABLE), enabled_answer());
    server
}

fn lose(mut server: Server, store: &Store) {
    server.rst();
    server.run_until_closed();
    *store.borrow_mut() = server.machine.take_sm_state();
}

fn resume(h: u32) -> String {
    format!("<resume xmlns='urn:xmpp:sm:3' h='{h}' previd='{NAME}'/>")
}

#[test]
fn xep0198_2_it_is_offered_after_sasl_where_it_is_configured() {
    let store = Store::default();
    let mut server = authenticated(Some(policy()), &store);
    assert!(server.receive().contains("<sm xmlns='urn:xmpp:sm:3'/>"));
    let mut server = authenticated(None, &store);
    assert!(!server.receive().contains("urn:xmpp:sm"));
    server.send(BIND);
    server.receive();
    assert_eq!(server.answer_to(ENABLE), "");
    assert_eq!(
        server.event_lines().last().unwrap(),
        &format!("element {ENABLE}")
    );
}

#[test]
fn xep0198_3_it_is_enabled_after_binding_and_once() {
    let store = Store::default();
    let mut server = authenticated(Some(policy()), &store);
    server.receive();
    assert_eq!(server.answer_to(ENABLE), UNEXPECTED);
    server.send(BIND);
    server.receive();
    assert_eq!(server.answer_to(ENABLE), enabled_answer());
    assert_eq!(server.answer_to(ENABLE), UNEXPECTED);
    assert_eq!(server.answer_to(&resume(0)), UNEXPECTED);
    assert_eq!(server.code(), "open");
}

#[test]
fn xep0198_3_refusals_before_binding_are_bounded() {
    let store = Store::default();
    let mut server = authenticated(Some(policy()), &store);
    server.receive();
    for _ in 0..5 {
        assert_eq!(server.answer_to(ENABLE), UNEXPECTED);
    }
    let end = server.answer_to(&resume(0));
    assert!(end.contains("policy-violation"), "{end}");
}

#[test]
fn xep0198_4_both_directions_are_counted_with_what_the_server_answers_itself() {
    let store = Store::default();
    let mut server = enabled(&store);
    server.send("<message to='x@localhost'/>");
    // Answered by the server: counted, and kept until it is acknowledged.
    let session = "<iq type='set' id='s'><session \
        xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    assert_eq!(server.answer_to(session), "<iq type='result' id='s'></iq>");
    assert_eq!(server.machine.session().unwrap().unacknowledged(), 1);
    assert_eq!(server.answer_to(R), a(2));
    send(&mut server.machine, 1);
    server.receive();
    server.send(a(2));
    assert_eq!(server.machine.session().unwrap().unacknowledged(), 0);
}

#[test]
fn xep0198_4_a_stanza_that_ends_the_stream_is_not_counted() {
    let store = Store::default();
    let mut server = enabled(&store);
    server.send("<message to='x@localhost'/>");
    let end = server.answer_to("<message xmlns='jabber:server'/>");
    assert!(
        end.starts_with(&a(1)) && end.contains("invalid-namespace"),
        "{end}"
    );
}

#[test]
fn xep0198_5_a_session_is_resumed_and_the_rest_is_sent_again() {
    let store = Store::default();
    let mut server = enabled(&store);
    server.send("<message to='x@localhost'/><presence/>");
    for number in 1..=3 {
        send(&mut server.machine, number);
    }
    server.exchange();
    lose(server, &store);
    let mut server = authenticated(Some(policy()), &store);
    server.receive();
    assert_eq!(
        server.answer_to(&resume(1)),
        format!(
            "<resumed xmlns='urn:xmpp:sm:3' h='2' previd='{NAME}'/>{}{}{R}",
            message(2),
            message(3)
        )
    );
    assert_eq!(
        server.event_lines().last().unwrap(),
        "established guest@localhost/made-up"
    );
    server.send("<message to='x@localhost'/>");
    assert_eq!(server.answer_to(R), a(3));
    // It can be resumed again.
    lose(server, &store);
    let state = store.borrow_mut().take().unwrap();
    let fates: Vec<_> = state
        .unacknowledged()
        .map(|one| (one.stanza.to_string(), one.fate, one.retransmitted))
        .collect();
    assert_eq!(
        fates,
        [
            (message(2), Fate::Unknown, true),
            (message(3), Fate::Unknown, true),
        ]
    );
    assert!(state.is_resumable());
}

#[test]
fn xep0198_5_an_unknown_session_is_refused_and_the_client_binds() {
    let store = Store::default();
    let mut server = authenticated(Some(policy()), &store);
    server.receive();
    assert_eq!(
        server.answer_to(&resume(0)),
        "<failed xmlns='urn:xmpp:sm:3' h='7'><item-not-found \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
    let bound = server.answer_to(BIND);
    assert!(
        bound.contains("<jid>guest@localhost/made-up</jid>"),
        "{bound}"
    );
}

#[test]
fn a_server_without_resumption_says_so() {
    let policy = policy().resumption(None);
    let mut server = authenticated(Some(policy), &Store::default());
    server.receive();
    assert_eq!(
        server.answer_to(&resume(0)),
        "<failed xmlns='urn:xmpp:sm:3' h='7'><feature-not-implemented \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
}

#[test]
fn xep0198_5_a_client_that_counts_too_high_is_not_resumed() {
    let store = Store::default();
    let mut server = enabled(&store);
    send(&mut server.machine, 1);
    server.exchange();
    lose(server, &store);
    let mut server = authenticated(Some(policy()), &store);
    server.receive();
    let end = server.answer_to(&resume(2));
    assert!(
        end.contains("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'/>"),
        "{end}"
    );
    server.finish();
    let state = server.machine.take_sm_state().expect("handed back");
    assert_eq!(state.unacknowledged().count(), 1);
}

/// The session in `store`, with its address changed.
fn of_another(store: &Store, address: &str) -> SmState {
    let own = "guest@localhost/made-up";
    assert_eq!(own.len(), address.len());
    let mut bytes = store.borrow().as_ref().unwrap().to_bytes();
    let at = bytes
        .windows(own.len())
        .position(|window| window == own.as_bytes())
        .expect("its address");
    bytes[at..at + own.len()].copy_from_slice(address.as_bytes());
    SmState::from_bytes(&bytes).unwrap()
}

#[test]
fn a_session_of_another_name_or_account_is_not_resumed() {
    let store = Store::default();
    lose(enabled(&store), &store);
    let own = of_another(&store, "guest@localhost/made-up");
    let other = of_another(&store, "other@localhost/made-up");
    let named = "<resume xmlns='urn:xmpp:sm:3' h='0' previd='another'/>";
    for (stored, request, expected) in [
        (own, named.to_string(), "not resumable"),
        (other, resume(0), "other account"),
    ] {
        let errors: Rc<RefCell<Vec<&str>>> = Rc::default();
        let seen = errors.clone();
        let mut server = authenticated(Some(policy()), &store);
        server.app = Box::new(move |machine, _| {
            if let Some(Decision::Resume(decision)) = machine.decision() {
                let error = decision.resume(stored.clone()).unwrap_err();
                seen.borrow_mut().push(match error {
                    ResumeError::NotResumable(_) => "not resumable",
                    ResumeError::OtherAccount(_) => "other account",
                    _ => "?",
                });
            }
            if let Some(Decision::Resume(decision)) = machine.decision() {
                decision.refuse(None);
            }
        });
        server.receive();
        assert!(server.answer_to(&request).starts_with("<failed "));
        assert_eq!(*errors.borrow(), [expected]);
    }
}

/// The same user name, on another host.
#[test]
fn a_session_of_another_host_is_refused_and_handed_back() {
    let store = Store::default();
    lose(enabled(&store), &store);
    let other = of_another(&store, "guest@otherhost/made-up");
    *store.borrow_mut() = Some(other);
    let mut server = authenticated(Some(policy()), &store);
    server.receive();
    assert!(server.answer_to(&resume(0)).starts_with("<failed "));
    let state = server.machine.take_sm_state().expect("handed back");
    assert!(state.is_resumable());
    let bound = server.answer_to(BIND);
    assert!(bound.contains("guest@localhost/made-up"), "{bound}");
}

#[test]
fn xep0198_7_a_stream_that_is_closed_ends_the_session() {
    let store = Store::default();
    let mut server = enabled(&store);
    server.send(FOOTER);
    server.run_until_closed();
    assert!(!server.machine.take_sm_state().unwrap().is_resumable());
}

#[test]
fn a_peer_that_makes_the_server_answer_and_acknowledges_nothing_is_given_up() {
    let store = Store::default();
    let mut server = enabled(&store);
    let id = "x".repeat(500);
    let request = format!(
        "<iq type='set' id='{id}'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
    );
    for _ in 0..200 {
        if server.answer_to(&request).contains("resource-constraint") {
            return;
        }
    }
    panic!("the queue grows without bound");
}

#[test]
fn xep0198_5_a_server_says_for_how_long_and_where_its_sessions_are_resumed() {
    let policy = policy().resumption(Some(30)).location("other.example:5222");
    let store = Store::default();
    let mut server = authenticated(Some(policy), &store);
    server.send(BIND);
    server.receive();
    assert_eq!(
        server.answer_to(ENABLE),
        format!(
            "<enabled xmlns='urn:xmpp:sm:3' id='{NAME}' resume='true' max='30' \
             location='other.example:5222'/>"
        )
    );
}

#[test]
fn a_server_without_resumption_names_no_session() {
    let store = Store::default();
    let mut server = authenticated(Some(policy().resumption(None)), &store);
    server.send(BIND);
    server.receive();
    assert_eq!(server.answer_to(ENABLE), "<enabled xmlns='urn:xmpp:sm:3'/>");
}
