//! Text that no login of ours writes: of hostile and of mistaken peers, in any pieces; and what users
//! write.

use std::sync::Arc;

use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::trace::{MAX_TEXT, Payload};
use xmpp_stream::{Initiator, Negotiation, Responder};

use crate::harness::configs::{FIXED, alice, decide};
use crate::harness::phases::{
    AUTH_ANONYMOUS, BIND, BOUND, CLIENT_HEADER, OFFER_ANONYMOUS, OFFER_BIND, SERVER_HEADER,
    SUCCESS, host,
};
use crate::harness::{Carrier, Harness, Recorder, START, Scripted};

const SECRET: &str = "hunter2hunter2";

/// Texts that carry the secret somewhere, and belong nowhere before a login.
fn misplaced() -> Vec<String> {
    let sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
    let texts = [
        "<auth xmlns='SASL' mechanism='PLAIN'>SECRET</auth>",
        "<auth xmlns='SASL' mechanism='SECRET'/>",
        "<auth xmlns='SASL' mechanism='PLAIN' data='SECRET'/>",
        "<auth xmlns='SASL' mechanism='PLAIN'><data>SECRET</data></auth>",
        "<auth xmlns='SASL' mechanism='PLAIN'><![CDATA[SECRET]]></auth>",
        "<auth xmlns='SASL' mechanism='PLAIN'><SECRET/></auth>",
        "<s:auth xmlns:s='SASL' mechanism='PLAIN'><s:x>SECRET</s:x></s:auth>",
        "<s:auth xmlns:s='SASL' xmlns='jabber:client' mechanism='PLAIN'><iq>SECRET</iq></s:auth>",
        "<SECRET xmlns='SASL'/>",
        "<response xmlns='SASL'>SECRET</response>",
        "<response xmlns='SASL2'>SECRET</response>",
        "<challenge xmlns='SASL'>SECRET</challenge>",
        "<success xmlns='SASL2'><token xmlns='urn:xmpp:fast:0' token='SECRET'/></success>",
        "<authenticate xmlns='SASL2' mechanism='PLAIN'>SECRET<user-agent id='SECRET'>\
         <software>SECRET</software></user-agent><x xmlns='SECRET'/></authenticate>",
        "<auth xmlns='SASLx' mechanism='PLAIN'>SECRET</auth>",
        "<auth mechanism='PLAIN'>SECRET</auth>",
        "<handshake>SECRET</handshake>",
        "<resume xmlns='urn:xmpp:sm:3' previd='SECRET' h='1'/>",
        "<resume xmlns='urn:xmpp:sm:2' previd='SECRET' h='1'/>",
        "<db:result xmlns:db='jabber:server:dialback'>SECRET</db:result>",
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'><password>SECRET</password>\
         </query></iq>",
        "<iq type='set' id='r'><query xmlns='jabber:iq:auth' digest='SECRET'/></iq>",
        "<message><body>SECRET</body></message>",
        "<unknown xmlns='urn:x'>SECRET</unknown>",
        "<SECRET xmlns='urn:x'/>",
        "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>SECRET</text></stream:error>",
        "<stream:features><x xmlns='urn:x' a='SECRET'>SECRET</x></stream:features>",
        "SECRET",
        "<auth xmlns='SASL' mechanism='PLAIN'>SECRET</response>",
        "<auth xmlns='SASL' mechanism='PLAIN'>SECRET&bad;</auth>",
        "<auth xmlns='SASL' mechanism='PLAIN'>SECRET<",
        "<auth xmlns='SASL' mechanism=SECRET>",
        "<!-- SECRET --><auth xmlns='SASL' mechanism='PLAIN'>SECRET</auth>",
        "<?xml version='1.0'?><stream:stream SECRET='SECRET' xmlns='jabber:client'>",
    ];
    let replaced = |text: &&str| {
        text.replace("SASL2", "urn:xmpp:sasl:2")
            .replace("SASL", sasl)
            .replace("SECRET", SECRET)
    };
    texts.iter().map(replaced).collect()
}

fn responder(recorder: &Arc<Recorder>) -> Harness<ResponderRole, Scripted> {
    let config = ResponderConfig::server(&FIXED)
        .single_host(host(Carrier::Plain))
        .trace(recorder.clone())
        .dangerous_plaintext()
        .build()
        .unwrap();
    let machine = Responder::new(config, START);
    Harness::scripted(machine, Box::new(|machine, _| decide(machine)))
}

fn initiator(recorder: &Arc<Recorder>) -> Harness<InitiatorRole, Scripted> {
    let config = InitiatorConfig::client(&alice())
        .dangerous_plaintext(&FIXED)
        .credentials(Credentials::Anonymous)
        .trace(recorder.clone())
        .build()
        .unwrap();
    Harness::scripted(Initiator::new(config, START), Box::new(|_, _| {}))
}

/// The trace of a peer that writes these texts, so many bytes at a time.
fn told<N: Negotiation>(
    make: impl FnOnce(&Arc<Recorder>) -> Harness<N, Scripted>,
    texts: &[&str],
    chunk: usize,
) -> Arc<Recorder> {
    let recorder = Recorder::new(Payload::Full);
    let mut harness = make(&recorder);
    harness.chunk = chunk;
    for text in texts {
        harness.send(text);
    }
    harness.machine.transport_failed();
    harness.run();
    recorder
}

/// All lines but those of text that was received, and of what is ignored while the stream is closing: an
/// element that is refused by its start tag is shown if its end had arrived by then, and otherwise comes
/// later.
fn not_received(recorder: &Recorder) -> Vec<String> {
    let mut lines = recorder.lines();
    lines.retain(|line| !line.contains(" <- ") && !line.contains("-- Closing("));
    lines
}

#[test]
fn nothing_that_a_peer_misplaces_before_the_login_is_shown_however_it_arrives() {
    for text in misplaced() {
        let all = [
            told(responder, &[CLIENT_HEADER, &text], usize::MAX),
            told(initiator, &[SERVER_HEADER, &text], usize::MAX),
            told(
                initiator,
                &[SERVER_HEADER, OFFER_ANONYMOUS, &text],
                usize::MAX,
            ),
        ];
        for recorder in &all {
            recorder.hides(&text, SECRET.as_bytes());
        }
        for chunk in [1, 7] {
            let pieces = [
                told(responder, &[CLIENT_HEADER, &text], chunk),
                told(initiator, &[SERVER_HEADER, &text], chunk),
                told(initiator, &[SERVER_HEADER, OFFER_ANONYMOUS, &text], chunk),
            ];
            for (whole, piece) in all.iter().zip(&pieces) {
                let place = format!("{text}, {chunk} at a time");
                assert_eq!(not_received(whole), not_received(piece), "{place}");
                let shown = whole.with(" <- ");
                for line in piece.with(" <- ") {
                    assert!(shown.contains(&line), "{place}: {line}");
                }
            }
        }
    }
}

#[test]
fn a_header_shows_what_headers_have_and_nothing_else() {
    let header = CLIENT_HEADER.replace(" to=", " extra='hunter2hunter2' to=");
    let recorder = told(responder, &[&header], usize::MAX);
    recorder.hides("an attribute", SECRET.as_bytes());
    assert_eq!(
        recorder.with("<- <stream:stream"),
        [
            "0 <- <stream:stream xmlns='jabber:client' extra='[14 bytes]' to='localhost' version='1.0'>"
        ]
    );
}

fn established(payload: Payload) -> (Arc<Recorder>, Harness<ResponderRole, Scripted>) {
    let recorder = Recorder::new(payload);
    let mut harness = responder(&recorder);
    for text in [CLIENT_HEADER, AUTH_ANONYMOUS, CLIENT_HEADER, BIND] {
        harness.send(text);
    }
    assert!(harness.machine.session().is_some());
    (recorder, harness)
}

const MESSAGE: &str = "<message to='bob@localhost' id='1'><body>see &lt;you&gt;&#13;\u{9b}2J</body>\
    <x xmlns='urn:x' code='4'><p:deep xmlns:p='urn:p'/></x></message>";

#[test]
fn by_default_stanzas_are_shown_without_what_users_write() {
    let (recorder, mut harness) = established(Payload::default());
    harness.send(MESSAGE);
    let mut session = harness.machine.session().unwrap();
    session
        .send("<message to='a@b'><body>secretly</body></message>")
        .unwrap();
    harness.exchange();
    assert_eq!(
        recorder.with("message "),
        [
            "0 <- <message to='bob@localhost' id='1'><body>[24 bytes]</body>\
             <x xmlns='urn:x' code='[1 bytes]'><deep xmlns='urn:p'/></x></message>",
            "0 -> <message to='a@b'><body>[8 bytes]</body></message>",
        ]
    );
    assert_eq!(recorder.with("stanza message,").len(), 1);
}

#[test]
fn in_full_stanzas_are_shown_on_one_line_but_for_what_is_secret() {
    let (recorder, mut harness) = established(Payload::Full);
    harness.send(MESSAGE);
    let hidden = "<iq type='set' id='2'><query xmlns='jabber:iq:register'><username>al</username>\
        <password>hunter2hunter2</password></query></iq>\
        <iq type='set' id='3'><command xmlns='urn:c' action='go'><x xmlns='jabber:x:data'>\
        <field var='accountjid'><value>a@b</value></field>\
        <field var='new_password'><value>hunter2hunter2</value></field>\
        <field type='text-private' var='p'><value>hunter2hunter2</value></field></x></command></iq>\
        <iq type='set' id='4'><transport xmlns='urn:ice' pwd='hunter2hunter2' ufrag='u'/></iq>\
        <message><forwarded xmlns='urn:f'><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        hunter2hunter2</auth></forwarded></message>";
    harness.send(hidden);
    recorder.hides("a password", SECRET.as_bytes());
    assert_eq!(
        recorder.with("<- <message to="),
        [
            "0 <- <message to='bob@localhost' id='1'><body>see &lt;you>&#xd;&#x9b;2J</body>\
          <x xmlns='urn:x' code='4'><deep xmlns='urn:p'/></x></message>"
        ]
    );
    assert_eq!(recorder.with("<value>a@b</value>").len(), 1);
    assert_eq!(recorder.with("ufrag='u'").len(), 1);
    for line in recorder.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

/// A namespace of many bytes that many elements are in would otherwise be written as often.
#[test]
fn what_is_shown_of_one_element_is_bounded() {
    let (recorder, mut harness) = established(Payload::default());
    let long = "n".repeat(4000);
    let children = "<p:a><b xmlns='urn:b'/></p:a>".repeat(200);
    harness.send(format!("<message xmlns:p='{long}'>{children}</message>"));
    let lines = recorder.with("<- <message");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("[cut]"), "{}", lines[0].len());
    assert!(lines[0].len() < MAX_TEXT + 100);
}

#[test]
fn a_login_that_binds_shows_the_address() {
    let recorder = told(
        initiator,
        &[
            SERVER_HEADER,
            OFFER_ANONYMOUS,
            SUCCESS,
            SERVER_HEADER,
            OFFER_BIND,
            BOUND,
        ],
        usize::MAX,
    );
    assert_eq!(
        recorder.with("<jid>"),
        [
            "0 <- <iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
          <jid>guest@localhost/r</jid></bind></iq>"
        ]
    );
    assert_eq!(
        recorder.with("** established \"guest@localhost/r\"").len(),
        1
    );
}
