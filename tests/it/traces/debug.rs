//! `Debug` of events: short enough for a log, and without secrets.

use std::sync::Arc;

use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet, Password, Username};
use xmpp_stream::stream::{StreamCondition, StreamError};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Action, Connection, Event, Initiator, Negotiation, Responder};

use crate::harness::configs::{FIXED, alice, decide};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{START, TlsPair};

/// What `Debug` may write of one event.
const MOST: usize = 400;

/// Polls until the machine waits, and collects `Debug` of all events and of their owned twins.
fn poll<N: Negotiation>(machine: &mut Connection<N>, shown: &mut Vec<String>) {
    loop {
        match machine.poll(START) {
            Action::Event(event) => {
                shown.push(format!("{event:?}"));
                shown.push(format!("{:?}", event.to_owned()));
                if let Event::TlsEstablished(info) = event {
                    let chain = info.peer_certificates();
                    assert!(!chain.is_empty(), "both have certificates");
                    let first = format!("[Certificate({} bytes)", chain[0].len());
                    assert!(shown.last().unwrap().contains(&first), "{shown:?}");
                }
                decide(machine);
            }
            Action::Wait(_) | Action::CloseTcp(_) => return,
        }
    }
}

fn carry<A: Negotiation, B: Negotiation>(
    from: &mut Connection<A>,
    to: &mut Connection<B>,
) -> usize {
    let bytes = from.transmit().to_vec();
    let taken = to.receive(&bytes);
    from.transmitted(taken);
    taken
}

fn login(version: Version, credentials: Credentials) -> Vec<String> {
    let tls = TlsPair::mutual(version);
    let client = InitiatorConfig::client(&alice())
        .starttls(ClientTls::new(Arc::new(tls.client)))
        .credentials(credentials)
        .build()
        .unwrap();
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::scram().with(MechanismName::External))
        .tls(ServerTls::new(Arc::new(tls.server)))
        .build()
        .unwrap();
    let server = ResponderConfig::server(&FIXED)
        .single_host(host)
        .starttls()
        .build()
        .unwrap();
    let mut client = Initiator::new(client, START);
    let mut server = Responder::new(server, START);
    let mut shown = Vec::new();
    for round in 0..100 {
        poll(&mut client, &mut shown);
        poll(&mut server, &mut shown);
        let moved = carry(&mut client, &mut server) + carry(&mut server, &mut client);
        let (Some(mut session), true) = (client.session(), moved == 0) else {
            continue;
        };
        if round > 90 {
            session.close();
        } else if session.flushed().is_none() {
            let body = "secretly ".repeat(2000);
            session
                .send(&format!("<message><body>{body}</body></message>"))
                .unwrap();
        }
    }
    shown
}

#[test]
fn debug_of_every_event_of_a_login_with_client_certificates_is_short() {
    let password = Credentials::Password {
        username: Username::ascii("alice").unwrap(),
        password: Password::ascii("secret").unwrap(),
        keys: None,
        authzid: None,
    };
    for version in [TLS12, TLS13] {
        for credentials in [Credentials::External { authzid: None }, password.clone()] {
            let shown = login(version, credentials);
            let kinds = [
                "StreamOpened",
                "Features",
                "TlsEstablished",
                "Authenticated",
                "Established",
            ];
            for kind in kinds
                .into_iter()
                .chain(["Stanza", "Decision", "PeerClosing"])
            {
                let is_there = shown.iter().any(|event| event.starts_with(kind));
                assert!(is_there, "{kind}: {shown:#?}");
            }
            for event in shown {
                assert!(event.len() <= MOST, "{} bytes: {event}", event.len());
                assert!(!event.contains("secret"), "{event}");
            }
        }
    }
}

#[test]
fn debug_of_a_stream_error_shortens_its_text() {
    let error = StreamError::new(StreamCondition::PolicyViolation)
        .with_text(&"very ".repeat(200))
        .with_application(&format!("<x xmlns='urn:x'>{}</x>", "y".repeat(1000)))
        .unwrap();
    let shown = format!("{error:?}");
    assert!(shown.len() <= MOST, "{shown}");
    assert!(
        shown.contains("very very") && shown.contains("and more, 1000 bytes"),
        "{shown}"
    );
}
