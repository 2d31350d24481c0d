//! Streams between servers end as others do: at once on a renegotiation
//! attempt, also with client certificates and while dialback goes on (RFC 6120
//! 5.3.5), and by a reset after which everything is negotiated anew
//! (4.9.3.16).

use std::sync::Arc;

use rustls::client::Resumption as Store;
use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::event::DialbackAnswer;
use xmpp_stream::reset::{Outcome, Plan, Planner, PlannerConfig, ResetCause};
use xmpp_stream::tls::HandshakeKind;
use xmpp_stream::{CloseReason, EventBuf, Initiator, Manner, Negotiation, Responder};

use super::peer::{MECHANISMS, SUCCESS, answer, secured_initiator};
use super::servers::{
    CAPULET, Certificate, HEADER, MONTAGUE, Proofs, initiator, jid, pair, reported, responder,
    secret, secured_over, trust,
};
use crate::harness::configs::FIXED;
use crate::harness::hostile_tls::{DATA, HANDSHAKE, HELLO_REQUEST, client_hello};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::text;
use crate::harness::{Harness, Pair, START};

const EXTERNAL: &str =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
const QUESTION: &str = "<db:result from='capulet.example' to='montague.example'>key</db:result>";
const STANZA: &str = "<message from='capulet.example' to='montague.example'/>";

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Offered,
    Asked,
    Proved,
}

/// Asserts that the machine has closed at once and has sent nothing.
fn assert_closed_silently<N: Negotiation, P>(harness: &mut Harness<N, P>, what: &str) {
    harness.run();
    assert!(harness.machine.transmit().is_empty(), "{what}");
    let close = harness.close.as_ref().unwrap();
    assert!(
        matches!(close.reason(), CloseReason::TlsRenegotiation(_)),
        "{what}: {close:?}"
    );
    assert_eq!(close.manner(), Manner::Abort, "{what}");
    assert!(harness.machine.session().is_none());
}

/// Montague, towards a peer with Capulet's certificate.
#[test]
fn rfc6120_5_3_5_6_a_hello_of_the_initiating_server_ends_the_connection() {
    let mut closed = 0;
    for version in [TLS12, TLS13] {
        for state in [State::Offered, State::Asked, State::Proved] {
            let tls = Certificate::Good(MONTAGUE).server(version);
            let config = responder(MONTAGUE, Some(tls), Proofs::Both);
            let capulet = initiator(CAPULET, MONTAGUE, None, Proofs::Dialback);
            let mut harness = secured_over(pair(capulet, config), version);
            harness.send(&text(HEADER));
            match state {
                State::Offered => {}
                State::Asked => harness.send(&text(QUESTION)),
                State::Proved => {
                    harness.send(&text(EXTERNAL));
                    harness.send(&text(HEADER));
                    harness.send(&text(STANZA));
                    assert!(reported(&harness).last().unwrap().starts_with("stanza"));
                }
            }
            let waiting = harness.machine.transmit().len();
            assert!(waiting > 0, "nothing to drop");
            let before = reported(&harness).len();
            let records = [
                harness
                    .peer
                    .seal(HANDSHAKE, &client_hello(version == TLS13)),
                harness.peer.seal(DATA, STANZA.as_bytes()),
            ];
            harness.deliver(&records.concat());
            assert_closed_silently(&mut harness, &format!("{version:?} {state:?}"));
            assert_eq!(reported(&harness).len(), before);
            closed += 1;
        }
    }
    println!("attempts closed: {closed}");
}

/// Capulet, towards a peer that says it is Montague.
#[test]
fn rfc6120_5_3_5_6_a_hello_of_the_receiving_server_ends_the_connection() {
    let mut closed = 0;
    for version in [TLS12, TLS13] {
        for state in [State::Asked, State::Proved] {
            let proofs = match state {
                State::Asked => Proofs::Dialback,
                _ => Proofs::Both,
            };
            let mut harness = secured_initiator(version, proofs);
            let header = answer();
            let texts: &[&str] = match state {
                State::Asked => &[&header, MECHANISMS],
                _ => &[&header, MECHANISMS, SUCCESS, &header, "<stream:features/>"],
            };
            for item in texts {
                harness.send(&text(item));
            }
            if state == State::Proved {
                let verified = "pair capulet.example montague.example external";
                assert_eq!(reported(&harness).last().unwrap(), verified);
                harness.machine.session().unwrap().send(STANZA).unwrap();
            }
            harness.run();
            assert!(!harness.machine.transmit().is_empty());
            let hello: &[u8] = match version == TLS12 {
                true => &HELLO_REQUEST,
                false => &client_hello(true),
            };
            let record = harness.peer.seal(HANDSHAKE, hello);
            harness.deliver(&record);
            assert_closed_silently(&mut harness, &format!("{version:?} {state:?}"));
            closed += 1;
        }
    }
    println!("attempts closed: {closed}");
}

/// One connection of the initiating server's.
fn connect(config: &Arc<InitiatorConfig>, server: &Arc<ResponderConfig>) -> (Pair, HandshakeKind) {
    let mut pair = Pair::connect(
        Initiator::new(config.clone(), START),
        Responder::new(server.clone(), START),
    );
    pair.peer.app = Box::new(|machine, event| {
        if let EventBuf::Request(request) = event {
            let mut session = machine.session().unwrap();
            session.answer(request.id(), DialbackAnswer::Valid).unwrap();
        }
    });
    pair.exchange();
    let kind = pair.machine.tls().unwrap().handshake();
    (pair, kind)
}

#[test]
fn rfc6120_4_9_3_16_1_after_a_reset_everything_is_verified_again() {
    for version in [TLS12, TLS13] {
        for certificate in [Certificate::Good(CAPULET), Certificate::SelfMade(CAPULET)] {
            let mut client = certificate.client_config(version);
            client.resumption = Store::in_memory_sessions(8);
            let tls = xmpp_stream::tls::ClientTls::deferred(Arc::new(client));
            let mut config = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
                .starttls(tls)
                .session_store_after_reset(|| Store::in_memory_sessions(8))
                .external(trust())
                .dialback(secret(CAPULET))
                .random(&FIXED)
                .build()
                .unwrap();
            let tls = Certificate::Good(MONTAGUE).server(version).tickets(true);
            let server = responder(MONTAGUE, Some(tls), Proofs::Both);
            let mut planner = Planner::new(PlannerConfig::new(), &FIXED);
            for attempt in 0..3 {
                let (mut pair, kind) = connect(&config, &server);
                assert_eq!(kind, HandshakeKind::Full, "{version:?} {attempt}");
                let reported = reported(&pair);
                let by = match certificate {
                    Certificate::Good(_) => "external",
                    _ => "dialback",
                };
                let verified = format!("pair capulet.example montague.example {by}");
                assert_eq!(reported.last().unwrap(), &verified);
                let _ = planner.next(START, Outcome::Established);
                let mut session = pair.machine.session().unwrap();
                session.send(STANZA).unwrap();
                match attempt % 2 {
                    0 => pair
                        .machine
                        .session()
                        .unwrap()
                        .reset(ResetCause::KeyRefresh),
                    _ => pair
                        .peer
                        .machine
                        .session()
                        .unwrap()
                        .reset(ResetCause::KeyRefresh),
                }
                pair.finish();
                assert_eq!((pair.code(), pair.peer.code()), ("reset", "reset"));
                let heard = super::servers::reported(&pair.peer);
                assert!(heard.iter().any(|line| line.starts_with("stanza")));
                let close = pair.machine.take_close().unwrap();
                config = match planner.next(START, (&close).into()) {
                    Plan::Connect(plan) => config.for_reconnect(&plan),
                    other => panic!("{other:?}"),
                };
            }
        }
    }
}
