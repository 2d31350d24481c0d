//! Resource binding (RFC 6120 7): who is who afterwards.

use std::cell::RefCell;
use std::rc::Rc;

use rustls::crypto::SecureRandom;
use xmpp_stream::config::ResponderConfig;
use xmpp_stream::jid::Jid;
use xmpp_stream::stream::BindCondition;
use xmpp_stream::{Decision, Responder};

use crate::harness::configs::decide;
use crate::harness::phases::{
    AUTH_ANONYMOUS, BIND, CLIENT_HEADER, Phase, host, initiator_at, responder_at,
};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, START};

/// 6120-4.3.6-5: not who it asked to be, nor who it logged in as.
#[test]
fn rfc6120_7_7_1_2_a_client_takes_the_address_the_server_assigns() {
    let mut harness = initiator_at(Carrier::Plain, Phase::Binding);
    harness.send(
        "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>guest-17@localhost/4db06f06-1ea4-11dc-aca3-000bcd821bfb</jid></bind></iq>",
    );
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "established guest-17@localhost/4db06f06-1ea4-11dc-aca3-000bcd821bfb"
    );
}

/// 6120-4.3.6-2: no full address before. 6120-4.3.6-4: its resource is the one
/// that was agreed on.
#[test]
fn rfc6120_4_3_6_3_the_address_is_the_authenticated_user_with_the_bound_resource() {
    let mut harness = responder_at(Carrier::StartTls(TLS13), Phase::Opened);
    harness.app = Box::new(|machine, _| match machine.decision() {
        Some(Decision::Password(password)) => {
            assert_eq!(password.authzid(), Some("carol@localhost"));
            password.accept("carol".into());
        }
        Some(Decision::Bind(bind)) => {
            let identity = bind.identity();
            assert_eq!(identity.authcid, "carol");
            assert_eq!(identity.authzid.as_deref(), Some("carol@localhost"));
            let resource = bind.resource().unwrap();
            let jid = Jid::from_parts(Some(&identity.authcid), "localhost", Some(resource));
            bind.accept(jid.unwrap()).unwrap();
        }
        _ => {}
    });
    // carol@localhost, carol, secret
    harness.send(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
         Y2Fyb2xAbG9jYWxob3N0AGNhcm9sAHNlY3JldA==</auth>",
    );
    harness.send(CLIENT_HEADER);
    let established = |reported: Vec<String>| {
        reported
            .iter()
            .any(|event| event.starts_with("established"))
    };
    assert!(!established(harness.event_lines()));
    harness.send(
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>desk</resource></bind></iq>",
    );
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "established carol@localhost/desk"
    );
}

/// The randomness of an operating system.
fn random() -> &'static dyn SecureRandom {
    rustls::crypto::ring::default_provider().secure_random
}

/// 6120-7.7.2.2-1: overriding a resource that is taken, or refusing it; ending
/// the other stream is that stream's `fail`.
#[test]
fn rfc6120_7_6_1_a_random_resource_can_be_generated() {
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..20 {
        let config = ResponderConfig::server(random())
            .single_host(host(Carrier::Plain))
            .dangerous_plaintext()
            .build()
            .unwrap();
        let machine = Responder::new(config, START);
        let asked = Rc::new(RefCell::new(Vec::new()));
        let log = asked.clone();
        let app = move |machine: &mut Responder| match machine.decision() {
            Some(Decision::Bind(bind)) if log.borrow().is_empty() => {
                log.borrow_mut().push(bind.generated().to_string());
                bind.refuse(BindCondition::Conflict);
            }
            Some(Decision::Bind(bind)) => {
                let resource = bind.generated().to_string();
                log.borrow_mut().push(resource.clone());
                let jid = Jid::from_parts(Some("guest"), "localhost", Some(&resource));
                bind.accept(jid.unwrap()).unwrap();
            }
            _ => decide(machine),
        };
        let mut harness = Harness::scripted(machine, Box::new(move |machine, _| app(machine)));
        for text in [CLIENT_HEADER, AUTH_ANONYMOUS, CLIENT_HEADER, BIND] {
            harness.send(text);
        }
        assert!(harness.receive().contains("<conflict "));
        harness.send(BIND);
        let asked = asked.borrow().clone();
        let jid = format!("<jid>guest@localhost/{}</jid>", asked[1]);
        assert!(harness.receive().contains(&jid));
        for resource in asked {
            assert_eq!(resource.len(), 32, "128 bits");
            assert!(!seen.contains(&resource), "{resource}");
            seen.push(resource);
        }
    }
    assert_eq!(seen.len(), 40);
}
