//! What the trace of a stream between servers does not show.

use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::event::DialbackAnswer;
use xmpp_stream::trace::Payload;
use xmpp_stream::{Initiator, Responder};

use super::dialback::{answer, only_request};
use super::servers::{CAPULET, Certificate, MONTAGUE, Proofs, host, jid, secret, trust};
use crate::harness::configs::FIXED;
use crate::harness::pki::TLS13;
use crate::harness::recorder::contents;
use crate::harness::{Pair, Recorder, START};

fn pair(initiator: Initiator, responder: Responder) -> Pair {
    let mut pair = Pair::connect(initiator, responder);
    pair.peer.app = Box::new(|_, _| {});
    pair.machine.set_trace_id(1);
    pair.peer.machine.set_trace_id(2);
    pair
}

#[test]
fn a_trace_shows_no_dialback_key() {
    let recorder = Recorder::new(Payload::Full);
    let ask = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .dangerous_plaintext(&FIXED)
        .dialback(secret(CAPULET))
        .trace(recorder.clone())
        .build()
        .unwrap();
    let serve = ResponderConfig::s2s(&FIXED)
        .single_host(host(MONTAGUE, None, Proofs::Dialback))
        .dialback()
        .trace(recorder.clone())
        .dangerous_plaintext()
        .build()
        .unwrap();
    let mut stream = pair(
        Initiator::new(ask, START),
        Responder::new(serve.clone(), START),
    );
    stream.exchange();
    let request = only_request(&stream.peer);
    let keys = contents(&String::from_utf8(stream.sent.clone()).unwrap());
    assert_eq!(keys.len(), 1);

    // The receiving server asks the authoritative one, which is played by the same code.
    let verify = InitiatorConfig::server(&jid(MONTAGUE), &jid(CAPULET))
        .dangerous_plaintext(&FIXED)
        .verify_only()
        .trace(recorder.clone())
        .build()
        .unwrap();
    let authority = ResponderConfig::s2s(&FIXED)
        .single_host(host(CAPULET, None, Proofs::Dialback))
        .dialback()
        .trace(recorder.clone())
        .dangerous_plaintext()
        .build()
        .unwrap();
    let mut asking = pair(
        Initiator::new(verify, START),
        Responder::new(authority, START),
    );
    asking.exchange();
    let key = xmpp_stream::dialback::DialbackKey::new(&keys[0]).unwrap();
    let mut session = asking.machine.session().unwrap();
    session
        .verify(&jid(MONTAGUE), &jid(CAPULET), request.stream_id(), &key)
        .unwrap();
    asking.exchange();
    assert!(
        asking
            .event_lines()
            .iter()
            .any(|line| line.contains("KeyVerdict"))
    );

    answer(&mut stream.peer, &request, DialbackAnswer::Valid);
    stream.exchange();
    assert!(stream.machine.session().is_some());
    recorder.hides("the key", keys[0].as_bytes());
    recorder.hides("the secret", b"the secret of capulet.example");
    recorder.hides_content();
    assert!(
        !recorder
            .with("1 -> <db:result from='capulet.example'")
            .is_empty()
    );
    assert!(
        !recorder
            .with("<- <db:verify from='montague.example'")
            .is_empty()
    );
    assert!(!recorder.with("key-verdict").is_empty());
}

#[test]
fn a_trace_of_external_between_servers_shows_no_response() {
    let recorder = Recorder::new(Payload::Full);
    let ask = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
        .starttls(Certificate::Good(CAPULET).client(TLS13))
        .external(trust())
        .trace(recorder.clone())
        .build()
        .unwrap();
    let tls = Certificate::Good(MONTAGUE).server(TLS13);
    let serve = ResponderConfig::s2s(&FIXED)
        .single_host(host(MONTAGUE, Some(tls), Proofs::External))
        .trace(recorder.clone())
        .starttls()
        .build()
        .unwrap();
    let mut stream = pair(Initiator::new(ask, START), Responder::new(serve, START));
    stream.exchange();
    assert!(stream.machine.session().is_some(), "{:?}", stream.close);
    assert_eq!(
        recorder.with("<auth "),
        [
            "1 -> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>\
             [20 bytes]</auth>",
            "2 <- <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>\
             [20 bytes]</auth>",
        ]
    );
    recorder.hides_content();
}
