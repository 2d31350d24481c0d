//! Resource binding and the legacy session (RFC 6120 7, RFC 3921 3).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use xmpp_stream::jid::Jid;
use xmpp_stream::stream::{BindError, Conflict, Initiating, Receiving};
use xmpp_stream::{CloseReason, Decision, Manner};

use crate::harness::hand::Hand;
use crate::harness::lead::{
    At, BIND, BOUND, CLIENT_HEADER, FOOTER, SERVER_HEADER, Via, initiator_with, lead_initiator,
    responder_at,
};
use crate::harness::pair::decide;

fn client(conflict: Conflict) -> Hand<Initiating> {
    let mut hand = initiator_with(Via::Plain, |config| config.conflict(conflict));
    lead_initiator(&mut hand, Via::Plain, At::Binding);
    hand
}

fn bind_error(id: &str, condition: &str) -> String {
    format!(
        "<iq type='error' id='{id}'><error type='modify'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

/// A server that binds as the closure says.
fn server(decide: impl Fn(&str) -> Result<Jid, BindError> + 'static) -> Hand<Receiving> {
    let mut hand = responder_at(Via::Plain, At::Binding);
    hand.side.app = Box::new(move |machine, _| {
        if let Some(Decision::Bind(bind)) = machine.decision() {
            match decide(bind.resource().unwrap_or("")) {
                Ok(jid) => bind.accept(jid).unwrap(),
                Err(error) => bind.refuse(error),
            }
        }
    });
    hand
}

fn guest(resource: &str) -> Jid {
    Jid::parse(&format!("guest@localhost/{resource}")).unwrap()
}

fn bind(id: &str, resource: &str) -> String {
    format!(
        "<iq type='set' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>{resource}</resource></bind></iq>"
    )
}

fn ends_refused(mut hand: Hand<Initiating>) {
    assert_eq!(hand.said(), FOOTER);
    hand.part();
    assert_eq!(hand.end(), ("negotiation-failed", Manner::Graceful));
}

// The client

/// The caller's mistake changes nothing: the gate stays open.
#[test]
fn what_is_no_full_jid_is_not_bound() {
    let refused: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = refused.clone();
    let mut hand = responder_at(Via::Plain, At::Binding);
    hand.side.app = Box::new(move |machine, _| {
        for jid in ["alice@localhost", "localhost/desk", "localhost"] {
            if let Some(Decision::Bind(bind)) = machine.decision() {
                let error = bind.accept(Jid::parse(jid).unwrap()).unwrap_err();
                seen.borrow_mut().push(error.to_string());
            }
        }
        decide(machine);
    });
    hand.say(BIND);
    assert_eq!(refused.borrow().len(), 3, "{refused:?}");
    assert_eq!(refused.borrow()[0], "alice@localhost is no full JID");
    assert!(hand.side.told().last().unwrap().starts_with("established "));
}

#[test]
fn rfc6120_7_4_3_the_configured_resource_is_asked_for() {
    let mut hand = client(Conflict::Generate);
    assert!(hand.said().ends_with(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>desk</resource></bind></iq>"
    ));
    // 6120-4.3.6-5, 6120-7.7.1-2, 6120-7.3.2-1
    hand.say(BOUND);
    assert_eq!(hand.said(), "");
    assert_eq!(
        hand.side.told().last().unwrap(),
        "established guest@localhost/r"
    );
}

#[test]
fn rfc6120_7_7_2_2_1_a_conflict_is_followed_by_a_generated_resource() {
    let mut hand = client(Conflict::Generate);
    hand.said();
    hand.say(bind_error("bind", "conflict"));
    assert_eq!(
        hand.said(),
        "<iq type='set' id='bind-again'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    );
    hand.say(BOUND.replace("id='bind'", "id='bind-again'"));
    assert!(hand.side.machine.session().is_some());

    // Once.
    let mut hand = client(Conflict::Generate);
    hand.say(bind_error("bind", "conflict"));
    hand.said();
    hand.say(bind_error("bind-again", "conflict"));
    ends_refused(hand);
}

#[test]
fn a_client_may_give_up_on_a_conflict() {
    let mut hand = client(Conflict::GiveUp);
    hand.said();
    hand.say(bind_error("bind", "conflict"));
    ends_refused(hand);
}

#[test]
fn rfc6120_7_6_2_any_other_refusal_ends_the_stream() {
    for condition in ["not-allowed", "resource-constraint", "bad-request", "hello"] {
        let mut hand = client(Conflict::Generate);
        hand.said();
        hand.say(bind_error("bind", condition));
        ends_refused(hand);
    }
}

/// A late answer to the first request is none to the second.
#[test]
fn an_answer_is_told_by_its_id() {
    let mut hand = client(Conflict::Generate);
    hand.say(bind_error("bind", "conflict"));
    hand.said();
    hand.say(BOUND);
    assert!(hand.said().contains("<not-authorized "));
    assert!(hand.side.machine.session().is_none());
}

const SESSION: &str = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
const OPTIONAL_SESSION: &str =
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>";

fn offered(session: &str) -> Hand<Initiating> {
    let mut hand = initiator_with(Via::Plain, |config| config);
    lead_initiator(&mut hand, Via::Plain, At::Authenticated);
    hand.say(SERVER_HEADER);
    hand.say(format!(
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>{session}\
         </stream:features>"
    ));
    hand.said();
    hand.say(BOUND);
    hand
}

#[test]
fn rfc3921_3_a_mandatory_session_is_requested() {
    let mut hand = offered(SESSION);
    assert_eq!(
        hand.said(),
        format!("<iq type='set' id='session'>{SESSION}</iq>")
    );
    assert!(hand.side.machine.session().is_none());
    hand.say("<iq type='result' id='session'/>");
    assert_eq!(
        hand.side.told().last().unwrap(),
        "established guest@localhost/r"
    );

    let mut hand = offered(SESSION);
    hand.said();
    hand.say(bind_error("session", "forbidden"));
    ends_refused(hand);
}

#[test]
fn rfc6120_a_voluntary_session_is_not_requested() {
    for session in [OPTIONAL_SESSION, ""] {
        let mut hand = offered(session);
        assert_eq!(hand.said(), "");
        assert!(hand.side.machine.session().is_some());
    }
}

// The server

#[test]
fn rfc6120_7_6_1_1_the_result_has_the_full_jid() {
    let mut hand = server(|resource| {
        assert_eq!(resource, "balcony");
        // 6120-7.7.1-1: it may be another.
        Ok(guest("balcony-2"))
    });
    hand.say(bind("bind_2", "balcony"));
    assert_eq!(
        hand.said(),
        "<iq type='result' id='bind_2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>guest@localhost/balcony-2</jid></bind></iq>"
    );
    assert_eq!(
        hand.side.told().last().unwrap(),
        "established guest@localhost/balcony-2"
    );
    // 6120-15-bind-restart
    hand.say(
        CLIENT_HEADER
            .replace("<?xml version='1.0'?>", "")
            .replace('>', "/>"),
    );
    assert!(hand.said().contains("<bad-format "));
}

#[test]
fn rfc6120_7_6_2_the_stream_survives_a_refusal() {
    for (error, name, kind) in [
        (BindError::Conflict, "conflict", "modify"),
        (BindError::BadRequest, "bad-request", "modify"),
        (BindError::NotAllowed, "not-allowed", "cancel"),
        (BindError::ResourceConstraint, "resource-constraint", "wait"),
        (BindError::Other, "internal-server-error", "cancel"),
    ] {
        let mut hand = server(move |resource| match resource {
            "taken" => Err(error),
            free => Ok(guest(free)),
        });
        hand.say(bind("1", "taken"));
        assert_eq!(
            hand.said(),
            format!(
                "<iq type='error' id='1'><error type='{kind}'><{name} \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            )
        );
        assert!(hand.side.machine.session().is_none());
        hand.say(bind("2", "free"));
        assert!(hand.said().contains("<jid>guest@localhost/free</jid>"));
    }
}

#[test]
fn rfc6120_7_7_3_2_after_five_refusals_the_stream_ends() {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let mut hand = server(move |_| {
        count.set(count.get() + 1);
        Err(BindError::Conflict)
    });
    for _ in 0..5 {
        hand.say(bind("1", "taken"));
        assert!(hand.said().contains("<conflict "));
    }
    hand.say(bind("1", "taken"));
    assert!(hand.said().contains("<policy-violation "));
    assert_eq!(asked.get(), 5);
    hand.part();
    assert!(matches!(
        hand.close().reason(),
        CloseReason::StreamError { .. }
    ));
}

#[test]
fn a_stream_has_one_resource() {
    let mut hand = responder_at(Via::Plain, At::Established);
    hand.say(BIND);
    assert_eq!(
        hand.said(),
        "<iq type='error' id='b'><error type='cancel'><not-allowed \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert!(hand.side.close.is_none());
    assert!(
        !hand
            .side
            .told()
            .iter()
            .any(|event| event.starts_with("stanza"))
    );
}

#[test]
fn rfc3921_3_a_session_is_granted_and_means_nothing() {
    let mut hand = responder_at(Via::Plain, At::Established);
    let events = hand.side.events.len();
    hand.say(format!("<iq type='set' id='s'>{SESSION}</iq>"));
    assert_eq!(hand.said(), "<iq type='result' id='s'></iq>");
    assert_eq!(hand.told_since(events), [""; 0]);
}
