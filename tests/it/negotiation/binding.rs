//! Resource binding and the legacy session (RFC 6120 7, RFC 3921 3).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::jid::Jid;
use xmpp_stream::stream::{BindCondition, ConflictPolicy};
use xmpp_stream::{CloseReason, Decision, Manner};

use crate::harness::configs::decide;
use crate::harness::phases::{
    BIND, BOUND, CLIENT_HEADER, FOOTER, Phase, SERVER_HEADER, bring_initiator, initiator_with,
    responder_at,
};
use crate::harness::{Carrier, Harness, Scripted};

fn client(conflict: ConflictPolicy) -> Harness<InitiatorRole, Scripted> {
    let mut harness = initiator_with(Carrier::Plain, |config| config.conflict(conflict));
    bring_initiator(&mut harness, Carrier::Plain, Phase::Binding);
    harness
}

fn bind_error(id: &str, condition: &str) -> String {
    format!(
        "<iq type='error' id='{id}'><error type='modify'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

/// A server that binds as the closure says.
fn server(
    decide: impl Fn(&str) -> Result<Jid, BindCondition> + 'static,
) -> Harness<ResponderRole, Scripted> {
    let mut harness = responder_at(Carrier::Plain, Phase::Binding);
    harness.app = Box::new(move |machine, _| {
        if let Some(Decision::Bind(bind)) = machine.decision() {
            match decide(bind.resource().unwrap_or("")) {
                Ok(jid) => bind.accept(jid).unwrap(),
                Err(error) => bind.refuse(error),
            }
        }
    });
    harness
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

fn ends_refused(mut harness: Harness<InitiatorRole, Scripted>) {
    assert_eq!(harness.receive(), FOOTER);
    harness.finish();
    assert_eq!(harness.end(), ("negotiation-failed", Manner::Graceful));
}

// The client

/// The caller's mistake changes nothing: the decision stays open.
#[test]
fn what_is_no_full_jid_is_not_bound() {
    let refused: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = refused.clone();
    let mut harness = responder_at(Carrier::Plain, Phase::Binding);
    harness.app = Box::new(move |machine, _| {
        for jid in ["alice@localhost", "localhost/desk", "localhost"] {
            if let Some(Decision::Bind(bind)) = machine.decision() {
                let error = bind.accept(Jid::parse(jid).unwrap()).unwrap_err();
                seen.borrow_mut().push(error.to_string());
            }
        }
        decide(machine);
    });
    harness.send(BIND);
    assert_eq!(refused.borrow().len(), 3, "{refused:?}");
    assert_eq!(refused.borrow()[0], "alice@localhost is no full JID");
    assert!(
        harness
            .event_lines()
            .last()
            .unwrap()
            .starts_with("established ")
    );
}

#[test]
fn rfc6120_7_4_3_the_configured_resource_is_asked_for() {
    let mut harness = client(ConflictPolicy::Generate);
    assert!(harness.receive().ends_with(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>desk</resource></bind></iq>"
    ));
    // 6120-4.3.6-5, 6120-7.7.1-2, 6120-7.3.2-1
    harness.send(BOUND);
    assert_eq!(harness.receive(), "");
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "established guest@localhost/r"
    );
}

#[test]
fn rfc6120_7_7_2_2_1_a_conflict_is_followed_by_a_generated_resource() {
    let mut harness = client(ConflictPolicy::Generate);
    harness.receive();
    harness.send(bind_error("bind", "conflict"));
    assert_eq!(
        harness.receive(),
        "<iq type='set' id='bind-again'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    );
    harness.send(BOUND.replace("id='bind'", "id='bind-again'"));
    assert!(harness.machine.session().is_some());

    // Once.
    let mut harness = client(ConflictPolicy::Generate);
    harness.send(bind_error("bind", "conflict"));
    harness.receive();
    harness.send(bind_error("bind-again", "conflict"));
    ends_refused(harness);
}

#[test]
fn a_client_may_give_up_on_a_conflict() {
    let mut harness = client(ConflictPolicy::GiveUp);
    harness.receive();
    harness.send(bind_error("bind", "conflict"));
    ends_refused(harness);
}

#[test]
fn rfc6120_7_6_2_any_other_refusal_ends_the_stream() {
    for condition in ["not-allowed", "resource-constraint", "bad-request", "hello"] {
        let mut harness = client(ConflictPolicy::Generate);
        harness.receive();
        harness.send(bind_error("bind", condition));
        ends_refused(harness);
    }
}

/// An answer to the first request is none to the second.
#[test]
fn a_bind_result_is_recognized_by_its_id() {
    let mut harness = client(ConflictPolicy::Generate);
    harness.send(bind_error("bind", "conflict"));
    harness.receive();
    harness.send(BOUND);
    assert!(harness.receive().contains("<not-authorized "));
    assert!(harness.machine.session().is_none());
}

const SESSION: &str = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
const OPTIONAL_SESSION: &str =
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>";

fn offered(session: &str) -> Harness<InitiatorRole, Scripted> {
    let mut harness = initiator_with(Carrier::Plain, |config| config);
    bring_initiator(&mut harness, Carrier::Plain, Phase::Authenticated);
    harness.send(SERVER_HEADER);
    harness.send(format!(
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>{session}\
         </stream:features>"
    ));
    harness.receive();
    harness.send(BOUND);
    harness
}

#[test]
fn rfc3921_3_a_mandatory_session_is_requested() {
    let mut harness = offered(SESSION);
    assert_eq!(
        harness.receive(),
        format!("<iq type='set' id='session'>{SESSION}</iq>")
    );
    // RFC 6120 7.1: a stream with a resource is established.
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "established guest@localhost/r"
    );
    assert!(harness.machine.session().is_some());
    harness.send("<message id='early'/>");
    harness.send("<iq type='result' id='session'/>");
    harness.send("<message id='next'/>");
    let lines = harness.event_lines();
    assert!(lines[lines.len() - 2].contains("early"), "{lines:?}");
    assert!(lines[lines.len() - 1].contains("next"), "{lines:?}");

    let mut harness = offered(SESSION);
    harness.receive();
    harness.send(bind_error("session", "forbidden"));
    ends_refused(harness);
}

#[test]
fn rfc6120_a_voluntary_session_is_not_requested() {
    for session in [OPTIONAL_SESSION, ""] {
        let mut harness = offered(session);
        assert_eq!(harness.receive(), "");
        assert!(harness.machine.session().is_some());
    }
}

// The server

#[test]
fn rfc6120_7_6_1_1_the_result_has_the_full_jid() {
    let mut harness = server(|resource| {
        assert_eq!(resource, "balcony");
        // 6120-7.7.1-1: it may be another.
        Ok(guest("balcony-2"))
    });
    harness.send(bind("bind_2", "balcony"));
    assert_eq!(
        harness.receive(),
        "<iq type='result' id='bind_2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>guest@localhost/balcony-2</jid></bind></iq>"
    );
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "established guest@localhost/balcony-2"
    );
    // 6120-15-bind-restart
    harness.send(
        CLIENT_HEADER
            .replace("<?xml version='1.0'?>", "")
            .replace('>', "/>"),
    );
    assert!(harness.receive().contains("<bad-format "));
}

#[test]
fn rfc6120_7_6_2_the_stream_survives_a_refusal() {
    for (error, name, kind) in [
        (BindCondition::Conflict, "conflict", "modify"),
        (BindCondition::BadRequest, "bad-request", "modify"),
        (BindCondition::NotAllowed, "not-allowed", "cancel"),
        (
            BindCondition::ResourceConstraint,
            "resource-constraint",
            "wait",
        ),
        (BindCondition::Other, "internal-server-error", "cancel"),
    ] {
        let mut harness = server(move |resource| match resource {
            "taken" => Err(error),
            free => Ok(guest(free)),
        });
        harness.send(bind("1", "taken"));
        assert_eq!(
            harness.receive(),
            format!(
                "<iq type='error' id='1'><error type='{kind}'><{name} \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            )
        );
        assert!(harness.machine.session().is_none());
        harness.send(bind("2", "free"));
        assert!(
            harness
                .receive()
                .contains("<jid>guest@localhost/free</jid>")
        );
    }
}

#[test]
fn rfc6120_7_7_3_2_after_five_refusals_the_stream_ends() {
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let mut harness = server(move |_| {
        count.set(count.get() + 1);
        Err(BindCondition::Conflict)
    });
    for _ in 0..5 {
        harness.send(bind("1", "taken"));
        assert!(harness.receive().contains("<conflict "));
    }
    harness.send(bind("1", "taken"));
    assert!(harness.receive().contains("<policy-violation "));
    assert_eq!(asked.get(), 5);
    harness.finish();
    assert!(matches!(
        harness.closed().reason(),
        CloseReason::StreamError { .. }
    ));
}

#[test]
fn a_stream_has_one_resource() {
    let mut harness = responder_at(Carrier::Plain, Phase::Established);
    harness.send(BIND);
    assert_eq!(
        harness.receive(),
        "<iq type='error' id='b'><error type='cancel'><not-allowed \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert!(harness.close.is_none());
    assert!(
        !harness
            .event_lines()
            .iter()
            .any(|event| event.starts_with("stanza"))
    );
}

#[test]
fn rfc3921_3_a_session_request_is_granted_without_effect() {
    let mut harness = responder_at(Carrier::Plain, Phase::Established);
    let events = harness.events.len();
    harness.send(format!("<iq type='set' id='s'>{SESSION}</iq>"));
    assert_eq!(harness.receive(), "<iq type='result' id='s'></iq>");
    assert_eq!(harness.events_since(events), [""; 0]);
}
