//! Malformed and misplaced input in every phase of both roles: each gets the
//! stream error RFC 6120 names, then the end; nothing hangs and nothing is
//! accepted. And the spellings that are unusual and legal. Everything is fed
//! whole and byte by byte, with the same result.

mod common;

use common::hand::{
    At, Hand, SERVER_HEADER, Via, initiator, initiator_at, responder, responder_at,
};
use common::pki::TLS13;
use xmpp_stream::stream::Condition::{
    BadFormat, BadNamespacePrefix, HostUnknown, ImproperAddressing, InvalidNamespace,
    NotAuthorized, NotWellFormed, PolicyViolation, RestrictedXml, UnsupportedEncoding,
    UnsupportedStanzaType, UnsupportedVersion,
};
use xmpp_stream::stream::{Condition, Initiating, Receiving};
use xmpp_stream::{Manner, Negotiation};

/// Input, and the error it is answered with.
type Row = (Vec<u8>, Condition);

fn rows<const N: usize>(rows: [(&[u8], Condition); N]) -> Vec<Row> {
    rows.into_iter()
        .map(|(input, c)| (input.to_vec(), c))
        .collect()
}

/// In the place of a stream header.
#[rustfmt::skip]
fn bad_headers() -> Vec<Row> {
    let mut all = rows([
        // No stream at all.
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", NotWellFormed),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", NotWellFormed),
        (b"\0", UnsupportedEncoding),
        (b"hello", NotWellFormed),
        (b"&#x20;", NotWellFormed),
        (b"<![CDATA[ ]]>", NotWellFormed),
        (b"</stream:stream>", NotWellFormed),
        (b"<>", NotWellFormed),
        (b"< stream:stream>", NotWellFormed),
        (b"<stream:stream <", NotWellFormed),
        (b"<:stream xmlns='a'>", NotWellFormed),
        (b"<stream: xmlns:stream='http://etherx.jabber.org/streams'>", NotWellFormed),
        // 11.6
        (b"\xef\xbb\xbf<?xml version='1.0'?>", NotWellFormed),
        (b"\xef\xbb\xbf<stream:stream", NotWellFormed),
        (b"\xff\xfe<\0?\0", UnsupportedEncoding),
        (b"\xfe\xff\0<\0?", UnsupportedEncoding),
        (b"<\0?\0x\0m\0l\0", UnsupportedEncoding),
        (b"\0<\0?\0x\0m\0l", UnsupportedEncoding),
        (b"\0\0\0<", UnsupportedEncoding),
        (b"<?xml version='1.0' encoding='UTF-16'?>", UnsupportedEncoding),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?>", UnsupportedEncoding),
        (b"<?xml version='1.0' encoding='US-ASCII'?>", UnsupportedEncoding),
        // 11.5
        (b" <?xml version='1.0'?>", NotWellFormed),
        (b"<?xml version='1.0'?><?xml version='1.0'?>", NotWellFormed),
        (b"<?xml version='1.0'?>\n<?xml version='1.0'?>", NotWellFormed),
        (b"<?xml encoding='UTF-8' version='1.0'?>", NotWellFormed),
        (b"<?xml encoding='UTF-8'?>", NotWellFormed),
        (b"<?xml version='2.0'?>", NotWellFormed),
        (b"<?xml version=1.0?>", NotWellFormed),
        (b"<?xml version='1.0' standalone='maybe'?>", NotWellFormed),
        (b"<?xml version='1.0' standalone='yes'?>", RestrictedXml),
        (b"<?xml version='1.0' standalone='no'?>", RestrictedXml),
        // 11.1
        (b"<!-- hello -->", RestrictedXml),
        (b"<?xml version='1.0'?><!-- hello -->", RestrictedXml),
        (b"<?php echo 1 ?>", RestrictedXml),
        (b"<?xml-stylesheet href='a'?>", RestrictedXml),
        (b"<!DOCTYPE stream [<!ENTITY a 'b'>]>", RestrictedXml),
        (b"<?xml version='1.0'?><!DOCTYPE", RestrictedXml),
        // 4.8
        (b"<stream:stream xmlns='jabber:client' to='localhost' version='1.0'>", NotWellFormed),
        (b"<stream xmlns='jabber:client' to='localhost' version='1.0'>", InvalidNamespace),
        (b"<stream to='localhost' version='1.0'>", InvalidNamespace),
        (b"<stream:stream xmlns='jabber:client' xmlns:stream='http://wrong.example/' to='localhost' version='1.0'>", InvalidNamespace),
        (b"<stream:flow xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>", BadFormat),
        (b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>", InvalidNamespace),
        (b"<stream:stream xmlns='jabber:foo' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>", InvalidNamespace),
    ]);
    // Behind an acceptable start.
    for (attributes, condition) in [
        // 4.7.5
        ("to='localhost'", UnsupportedVersion),
        ("to='localhost' version=''", UnsupportedVersion),
        ("to='localhost' version='0.9'", UnsupportedVersion),
        ("to='localhost' version='1'", UnsupportedVersion),
        ("to='localhost' version='1.'", UnsupportedVersion),
        ("to='localhost' version='1.0.0'", UnsupportedVersion),
        ("to='localhost' version='-1.0'", UnsupportedVersion),
        ("to='localhost' version='one'", UnsupportedVersion),
        // 4.7.1, 4.7.2
        ("to='a@@b' version='1.0'", ImproperAddressing),
        ("to='localhost' from='@' version='1.0'", ImproperAddressing),
        // 11.3, 11.6
        ("to='localhost' to='localhost' version='1.0'", NotWellFormed),
        ("to='localhost' version='1.0' xmlns:xml='a'", NotWellFormed),
        ("to='localhost' version='1.0' xmlns:xmlns='a'", NotWellFormed),
        ("to='localhost' version='1.0' xmlns:a=''", NotWellFormed),
        ("to='localhost' version='1.0' xmlns:a='http://www.w3.org/2000/xmlns/'", NotWellFormed),
        ("to='localhost' version='1.0' a:b='c'", NotWellFormed),
        ("to='localhost'version='1.0'", NotWellFormed),
        ("to=localhost version='1.0'", NotWellFormed),
        ("to='localhost' version", NotWellFormed),
        ("to='<'", NotWellFormed),
        ("to='&'", NotWellFormed),
        ("to='&#0;'", NotWellFormed),
        ("to='&#xD800;'", NotWellFormed),
        ("to='&host;'", RestrictedXml),
    ] {
        all.push((header(attributes), condition));
    }
    for bytes in [&b"\xc0\xaf"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xc3 ", b"\x01", b"\x7f\xff"] {
        all.push((header(&[b"to='", bytes, b"'"].concat()), NotWellFormed));
    }
    // 13.12
    all.push((header("a".repeat(4100)), PolicyViolation));
    all.push((header(format!("{}='b'", "a".repeat(300))), PolicyViolation));
    all.push((header((0..70).map(|i| format!("a{i}='' ")).collect::<String>()), PolicyViolation));
    all.push((header((0..40).map(|i| format!("xmlns:a{i}='a' ")).collect::<String>()), PolicyViolation));
    all.push(([b"<?xml version='1.0'", &b" ".repeat(4100)[..]].concat(), PolicyViolation));
    all.push((b" ".repeat(4100), PolicyViolation));
    all
}

fn header(attributes: impl AsRef<[u8]>) -> Vec<u8> {
    let start = b"<stream:stream xmlns='jabber:client' \
        xmlns:stream='http://etherx.jabber.org/streams' ";
    [start, attributes.as_ref(), b">"].concat()
}

/// Where first-level elements are expected: never acceptable, whatever the
/// phase.
#[rustfmt::skip]
fn bad_content() -> Vec<Row> {
    let mut all = rows([
        // 11.7, 4.9.3.1
        (b"hello", BadFormat),
        (b"&#x20;", BadFormat),
        (b"&amp;", BadFormat),
        (b"<![CDATA[ ]]>", BadFormat),
        // 11.1, first level and inside
        (b"<!-- hello -->", RestrictedXml),
        (b"<?php x?>", RestrictedXml),
        (b"<!DOCTYPE a>", RestrictedXml),
        (b"<!ELEMENT a EMPTY>", RestrictedXml),
        (b"<message><!-- hello --></message>", RestrictedXml),
        (b"<message><?php x?></message>", RestrictedXml),
        (b"<message><!DOCTYPE a></message>", RestrictedXml),
        (b"<message><body>&hello;</body></message>", RestrictedXml),
        (b"<message><body>&nbsp;</body></message>", RestrictedXml),
        (b"<message id='&hello;'/>", RestrictedXml),
        // 11.5
        (b"<?xml version='1.0'?>", NotWellFormed),
        (b" <?xml version='1.0'?>", NotWellFormed),
        (b"<message><?xml version='1.0'?></message>", NotWellFormed),
        // 11.3: references
        (b"<message>&</message>", NotWellFormed),
        (b"<message>a & b</message>", NotWellFormed),
        (b"<message>&;</message>", NotWellFormed),
        (b"<message>&#;</message>", NotWellFormed),
        (b"<message>&#x;</message>", NotWellFormed),
        (b"<message>&#xg;</message>", NotWellFormed),
        (b"<message>&#0;</message>", NotWellFormed),
        (b"<message>&#8;</message>", NotWellFormed),
        (b"<message>&#xD800;</message>", NotWellFormed),
        (b"<message>&#xFFFE;</message>", NotWellFormed),
        (b"<message>&#x110000;</message>", NotWellFormed),
        (b"<message>&#99999999999;</message>", NotWellFormed),
        (b"<message>&#X41;</message>", NotWellFormed),
        (b"<message id='&#0;'/>", NotWellFormed),
        (b"<message id='a & b'/>", NotWellFormed),
        // 11.6 and XML's Char
        (b"<message>\xc0\xaf</message>", NotWellFormed),
        (b"<message>\xe0\x80\xaf</message>", NotWellFormed),
        (b"<message>\xed\xa0\x80</message>", NotWellFormed),
        (b"<message>\xf4\x90\x80\x80</message>", NotWellFormed),
        (b"<message>\xf8\x88\x80\x80\x80</message>", NotWellFormed),
        (b"<message>\x80</message>", NotWellFormed),
        (b"<message>\xc3</message>", NotWellFormed),
        (b"<message>\xe2\x82</message>", NotWellFormed),
        (b"<message>\xff</message>", NotWellFormed),
        (b"<message>\0</message>", NotWellFormed),
        (b"<message>\x0b</message>", NotWellFormed),
        (b"<message>\x1f</message>", NotWellFormed),
        (b"<message>\xef\xbf\xbe</message>", NotWellFormed),
        (b"<message>\xef\xbf\xbf</message>", NotWellFormed),
        (b"<message \xc3\x28='a'/>", NotWellFormed),
        (b"\xef\xbb\xbf<message/>", BadFormat),
        (b"\0", NotWellFormed),
        (b"\xff", NotWellFormed),
        // Tags
        (b"<message></presence>", NotWellFormed),
        (b"<message><body></message></body>", NotWellFormed),
        (b"</message>", NotWellFormed),
        (b"</stream>", NotWellFormed),
        (b"</stream:streams>", NotWellFormed),
        (b"</x:stream>", NotWellFormed),
        (b"</stream:stream a='b'>", NotWellFormed),
        (b"</ stream:stream>", NotWellFormed),
        (b"< message/>", NotWellFormed),
        (b"<message/ >", NotWellFormed),
        (b"<message//>", NotWellFormed),
        (b"<1message/>", NotWellFormed),
        (b"<-message/>", NotWellFormed),
        (b"<message:/>", NotWellFormed),
        (b"<:message/>", NotWellFormed),
        (b"<a:b:c/>", NotWellFormed),
        (b"<>", NotWellFormed),
        (b"</>", NotWellFormed),
        (b"<message<", NotWellFormed),
        (b"<message><body<", NotWellFormed),
        (b"<![CDAT[", NotWellFormed),
        // Attributes
        (b"<message a='1' a='2'/>", NotWellFormed),
        (b"<message xmlns:a='u' xmlns:b='u' a:c='1' b:c='2'/>", NotWellFormed),
        (b"<message a='1'b='2'/>", NotWellFormed),
        (b"<message a/>", NotWellFormed),
        (b"<message a=/>", NotWellFormed),
        (b"<message a=b/>", NotWellFormed),
        (b"<message ='b'/>", NotWellFormed),
        (b"<message a='<'/>", NotWellFormed),
        (b"<message a='\x01'/>", NotWellFormed),
        (b"<message :a='b'/>", NotWellFormed),
        (b"<message a:='b'/>", NotWellFormed),
        (b"<message>]]></message>", NotWellFormed),
        // Namespaces in XML
        (b"<a:message/>", BadNamespacePrefix),
        (b"<message><a:b/></message>", NotWellFormed),
        (b"<message a:b='c'/>", NotWellFormed),
        (b"<message><x xmlns:a='u'/><a:y/></message>", NotWellFormed),
        (b"<message xmlns:a=''/>", NotWellFormed),
        (b"<message xmlns:xml='u'/>", NotWellFormed),
        (b"<message xmlns:a='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed),
        (b"<message xmlns:xmlns='u'/>", NotWellFormed),
        (b"<message xmlns:a='http://www.w3.org/2000/xmlns/'/>", NotWellFormed),
        (b"<message xmlns='http://www.w3.org/2000/xmlns/'/>", NotWellFormed),
        (b"<message xmlns='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed),
        (b"<xmlns:a/>", NotWellFormed),
        // 4.8: well-formed, and no part of a stream
        (b"<stream:stream/>", BadFormat),
        (b"<stream:stream xmlns='jabber:client' to='localhost' version='1.0'></stream:stream>", BadFormat),
        (b"<message xmlns='jabber:server'/>", InvalidNamespace),
        (b"<message xmlns=''/>", InvalidNamespace),
        (b"<c:message xmlns:c='jabber:client'/>", BadNamespacePrefix),
        (b"<pubsub/>", UnsupportedStanzaType),
        (b"<Message/>", UnsupportedStanzaType),
        (b"<stream:hello/>", UnsupportedStanzaType),
    ]);
    // 13.12
    all.push((b"<a>".repeat(65), PolicyViolation));
    all.push((attributes(70), PolicyViolation));
    all.push((format!("<{}/>", "a".repeat(300)).into(), PolicyViolation));
    all.push((format!("<message>&{};</message>", "a".repeat(300)).into(), PolicyViolation));
    all.push((format!("<message>{}</message>", "a".repeat(12_001)).into(), PolicyViolation));
    all.push((format!("<message>{}", "a".repeat(12_001)).into(), PolicyViolation));
    all.push((format!("<message {}", " ".repeat(12_001)).into(), PolicyViolation));
    all.push((format!("</stream:stream{}", " ".repeat(12_001)).into(), PolicyViolation));
    all
}

fn attributes(n: usize) -> Vec<u8> {
    let attributes: String = (0..n).map(|i| format!(" a{i}=''")).collect();
    format!("<message{attributes}/>").into()
}

/// A host nobody serves (4.9.3.6); what a client alone may not put into `to`.
fn bad_hosts() -> Vec<Row> {
    vec![
        (header("version='1.0'"), HostUnknown),
        (header("to='' version='1.0'"), HostUnknown),
        (header("to='elsewhere.example' version='1.0'"), HostUnknown),
        (
            header("to='alice@localhost' version='1.0'"),
            ImproperAddressing,
        ),
        (
            header("to='localhost/desk' version='1.0'"),
            ImproperAddressing,
        ),
    ]
}

/// Acceptable elements, at a time when they are not.
#[rustfmt::skip]
const OUT_OF_TURN: [(&str, &[At], &str, Condition); 27] = [
    // To a server
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<message/>", NotAuthorized),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<presence/>", NotAuthorized),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<iq type='get' id='a'/>", NotAuthorized),
    ("responder", &[At::Opened, At::Sasl], "<iq type='set' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", NotAuthorized),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<iq type='set' id='a'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", NotAuthorized),
    ("responder", &[At::Opened, At::Binding], "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[At::Opened, At::Binding], "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<stream:features/>", UnsupportedStanzaType),
    ("responder", &[At::Sasl], "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("responder", &[At::Binding], "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", UnsupportedStanzaType),
    ("responder", &[At::Opened, At::Sasl, At::Binding], "<enable xmlns='urn:xmpp:sm:3'/>", UnsupportedStanzaType),
    // To a client
    ("initiator", &[At::Opened, At::Sasl, At::Binding], "<message/>", NotAuthorized),
    ("initiator", &[At::Opened, At::Sasl, At::Binding], "<presence/>", NotAuthorized),
    ("initiator", &[At::Opened, At::Sasl, At::Binding], "<iq type='result' id='other'/>", NotAuthorized),
    ("initiator", &[At::Opened], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("initiator", &[At::Sasl, At::Binding], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("initiator", &[At::Opened, At::Binding], "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("initiator", &[At::Opened, At::Binding], "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("initiator", &[At::Opened, At::Binding], "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("initiator", &[At::Opened, At::Sasl, At::Binding], "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", UnsupportedStanzaType),
    ("initiator", &[At::Opened, At::Sasl, At::Binding], "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("initiator", &[At::Sasl, At::Binding], "<stream:features/>", UnsupportedStanzaType),
    ("initiator", &[At::Opened, At::Sasl, At::Binding], "<enabled xmlns='urn:xmpp:sm:3'/>", UnsupportedStanzaType),
    ("initiator", &[At::Binding], "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>not a jid</jid></bind></iq>", ImproperAddressing),
];

#[test]
fn malformed_headers_are_refused_in_every_phase_that_awaits_one() {
    for at in At::PLAIN.into_iter().filter(|at| at.awaits_header()) {
        for (input, condition) in bad_headers() {
            refused(|| responder_at(Via::Plain, at), at, &input, condition);
            refused(|| initiator_at(Via::Plain, at), at, &input, condition);
        }
        for (input, condition) in bad_hosts() {
            refused(|| responder_at(Via::Plain, at), at, &input, condition);
        }
    }
}

#[test]
fn malformed_content_is_refused_in_every_phase() {
    for at in At::PLAIN
        .into_iter()
        .filter(|at| !at.awaits_header() && *at != At::Closing)
    {
        for (input, condition) in bad_content() {
            refused(|| responder_at(Via::Plain, at), at, &input, condition);
            refused(|| initiator_at(Via::Plain, at), at, &input, condition);
        }
    }
}

#[test]
fn malformed_content_is_refused_before_tls() {
    let via = Via::StartTls(&TLS13);
    let at = At::BeforeTls;
    for (input, condition) in bad_content() {
        refused(|| responder_at(via, at), at, &input, condition);
        refused(|| initiator_at(via, at), at, &input, condition);
    }
}

/// One of each kind: what is read inside TLS is read by the same layer.
#[test]
fn malformed_input_is_refused_inside_tls() {
    let via = Via::StartTls(&TLS13);
    for (input, condition) in bad_headers().into_iter().step_by(7) {
        refused(
            || responder_at(via, At::Secured),
            At::Secured,
            &input,
            condition,
        );
        refused(
            || initiator_at(via, At::Secured),
            At::Secured,
            &input,
            condition,
        );
    }
    for (input, condition) in bad_content().into_iter().step_by(9) {
        for at in [At::Opened, At::Established] {
            refused(|| responder_at(via, at), at, &input, condition);
            refused(|| initiator_at(via, at), at, &input, condition);
        }
    }
}

/// 6120-4.3.5-6, 6120-7.1-3, 6120-4.9.3.12-1, 6120-4.9.3.24-1.
#[test]
fn elements_out_of_turn_are_refused() {
    for (role, phases, input, condition) in OUT_OF_TURN {
        for at in phases.iter().copied() {
            match role {
                "responder" => refused(
                    || responder_at(Via::Plain, at),
                    at,
                    input.as_bytes(),
                    condition,
                ),
                _ => refused(
                    || initiator_at(Via::Plain, at),
                    at,
                    input.as_bytes(),
                    condition,
                ),
            }
        }
    }
}

/// 6120-4.4-3: the own closing tag is out, so no error can follow; the end
/// still says what it was.
#[test]
fn malformed_content_behind_the_own_closing_tag_ends_the_stream_silently() {
    for (input, condition) in bad_content() {
        let outcome = |chunk| {
            let mut outcomes = Vec::new();
            let mut hand = responder_at(Via::Plain, At::Closing);
            outcomes.push(end_silently(&mut hand, chunk, &input));
            let mut hand = initiator_at(Via::Plain, At::Closing);
            outcomes.push(end_silently(&mut hand, chunk, &input));
            outcomes
        };
        let whole = outcome(usize::MAX);
        assert_eq!(whole, outcome(1), "{}", show(&input));
        for code in whole {
            let expected = match condition {
                _ if is_element(&input) => "closed",
                PolicyViolation => "limit",
                _ => "not-well-formed",
            };
            assert_eq!(code, expected, "{} {condition}", show(&input));
        }
    }
}

fn end_silently<N: Negotiation>(hand: &mut Hand<N>, chunk: usize, input: &[u8]) -> &'static str {
    let events = hand.side.events.len();
    hand.chunk = chunk;
    hand.say(input);
    if hand.side.close.is_none() {
        hand.say("</stream:stream>");
    }
    assert_eq!(hand.said(), "", "{}", show(input));
    let told: Vec<_> = hand
        .told_since(events)
        .into_iter()
        .filter(|e| e != "keepalive")
        .collect();
    assert_eq!(told, [""; 0], "{}", show(input));
    hand.run_out();
    hand.end().0
}

/// Whether it is an element that cannot stand there, not a fault.
fn is_element(input: &[u8]) -> bool {
    const ELEMENTS: [&[u8]; 8] = [
        b"<stream:stream/>",
        b"<stream:stream xmlns='jabber:client'",
        b"<message xmlns='jabber:server'/>",
        b"<message xmlns=''/>",
        b"<c:message",
        b"<pubsub/>",
        b"<Message/>",
        b"<stream:hello/>",
    ];
    ELEMENTS.iter().any(|element| input.starts_with(element))
}

/// Feeds it whole and byte by byte, and looks at the answer.
fn refused<N: Negotiation>(hand: impl Fn() -> Hand<N>, at: At, input: &[u8], condition: Condition) {
    let whole = answer(hand(), usize::MAX, input);
    let bytes = answer(hand(), 1, input);
    let about = format!("{at:?}: {}", show(input));
    assert_eq!(whole, bytes, "chunks matter, {about}");
    let Answer {
        text,
        told,
        code,
        manner,
        slept,
    } = whole;
    let error = format!(
        "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
         </stream:stream>"
    );
    let header = text
        .strip_suffix(&error)
        .unwrap_or_else(|| panic!("{about}: expected {condition}, got {text:?}"));
    // 4.9.1.2: an answer of its own, with a header of its own.
    let alone = header.starts_with("<?xml version='1.0'?><stream:stream ")
        && header.ends_with('>')
        && header.matches('<').count() == 2;
    let due = at.awaits_header() && std::any::type_name::<N>().contains("Receiving");
    assert!(
        if due { alone } else { header.is_empty() },
        "{about}: {text:?}"
    );
    assert!(
        told.iter()
            .all(|event| event == "keepalive" || condition == HostUnknown),
        "{about}: {told:?}"
    );
    assert!(
        ["not-well-formed", "limit", "stream-error"].contains(&code),
        "{about}: {code}"
    );
    assert_eq!(code == "limit", condition == PolicyViolation, "{about}");
    assert_eq!(manner, Manner::Graceful, "{about}");
    assert!(slept <= 10.0, "{about}: it took {slept} s");
}

#[derive(Debug, PartialEq)]
struct Answer {
    text: String,
    told: Vec<String>,
    code: &'static str,
    manner: Manner,
    slept: f64,
}

/// What a machine answers, from a peer that says nothing else.
fn answer<N: Negotiation>(mut hand: Hand<N>, chunk: usize, input: &[u8]) -> Answer {
    let events = hand.side.events.len();
    hand.chunk = chunk;
    hand.say(input);
    let text = hand.said();
    let start = hand.now;
    hand.run_out();
    assert_eq!(hand.said(), "", "a last word behind the last word");
    Answer {
        text,
        told: hand.told_since(events),
        code: hand.end().0,
        manner: hand.end().1,
        slept: hand.now.saturating_duration_since(start).as_secs_f64(),
    }
}

fn show(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    text.chars()
        .take(120)
        .flat_map(char::escape_debug)
        .collect()
}

/// Headers a client may send, unusual as some are.
#[rustfmt::skip]
const LEGAL_CLIENT_HEADERS: [&str; 26] = [
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    // 11.5
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<?xml version = '1.0'\tencoding\n=\r'utf-8' ?>\n\n<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<?xml version='1.1'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "\r\n\t <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    // Quotes, white space, order
    "<stream:stream xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\" to=\"localhost\" version=\"1.0\">",
    "<stream:stream\n  to = 'localhost'\r\n  version\t=\t\"1.0\"\n  xmlns = 'jabber:client'\n  xmlns:stream\n=\n'http://etherx.jabber.org/streams'\n>",
    "<stream:stream version='1.0' to='localhost' xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' >",
    // References in attributes
    "<stream:stream xmlns='jabber&#58;client' xmlns:stream='http&#x3A;//etherx.jabber.org/streams' to='local&#104;ost' version='1&#x2e;0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0' a='&lt;&gt;&amp;&quot;&apos;'>",
    // 4.8.2, 4.8.5: prefixes
    "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<stream xmlns='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    "<f\u{f6}\u{f6}:stream xmlns='jabber:client' xmlns:f\u{f6}\u{f6}='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    // 4.7
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='LOCALHOST' version='1.0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='alice@localhost' version='1.0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='' version='1.0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' id='mine' version='1.0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' xml:lang='de-CH' version='1.0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' xml:lang='no tag' version='1.0'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='01.00'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.7'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='11.0'>",
    // 11.4: what nobody knows
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0' hello='world' xmlns:a='u' a:to='elsewhere'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' to='localhost' version='1.0'>",
];

/// Spellings of everything behind the header: SASL, binding, a stanza, the
/// end. `S` and `C` stand for what makes an element one of the stream or the
/// content namespace.
#[rustfmt::skip]
const LEGAL_CLIENTS: [[&str; 4]; 7] = [
    [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        "<iq type='set' id='b' C><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<message C><body>hello</body></message>",
        "</S>",
    ],
    // White space between and inside
    [
        " \n<auth\n xmlns = 'urn:ietf:params:xml:ns:xmpp-sasl'\tmechanism = \"ANONYMOUS\"\n></auth\n>",
        "\t<iq\r\n type='set'\n id='b' C>\n <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind' />\n</iq >",
        "\n<message C >\n<body >hello</body >\n</message >\n",
        " </S >",
    ],
    // References
    [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANON&#x59;MOUS'></auth>",
        "<iq type='&#115;et' id='&lt;b&gt;' C><bind xmlns='urn:ietf&#58;params:xml:ns:xmpp-bind'/></iq>",
        "<message C><body>&#104;&#x65;l&#108;o &amp;&lt;&gt;&quot;&apos; &#x1F600;</body></message>",
        "</S>",
    ],
    // CDATA
    [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'><![CDATA[]]></auth>",
        "<iq type='set' id='b' C><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource><![CDATA[de]]>sk</resource></bind></iq>",
        "<message C><body><![CDATA[<hello> & ]] >]]></body></message>",
        "</S>",
    ],
    // Prefixes of other namespaces
    [
        "<sasl:auth xmlns:sasl='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        "<iq type='set' id='b' C><x:bind xmlns:x='urn:ietf:params:xml:ns:xmpp-bind'><x:resource>desk</x:resource></x:bind></iq>",
        "<message C xmlns:a='u' xmlns:b='v' a:c='1' b:c='2'><a:b xmlns:a='w'><a:c/></a:b></message>",
        "</S>",
    ],
    // SASL's `=`, an empty resource, an unknown attribute
    [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS' hello='world'>=</auth>",
        "<iq type='set' id='b' C><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource/></bind></iq>",
        "<message C to='' from='' xml:lang='' type='chat'/>",
        "</S>",
    ],
    // Characters from all over
    [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        "<iq type='set' id='\u{e4}\u{4e2d}\u{1F600}' C><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<message C><body>\u{feff}\u{85}\u{2028}\u{fffd}\u{10ffff}\t\r\n\u{7f}</body><\u{e4} xmlns='u' \u{4e2d}='\u{10000}'/></message>",
        "</S>",
    ],
];

#[test]
fn legal_spellings_of_a_client_reach_establishment() {
    let usual = &LEGAL_CLIENTS[0];
    for header in LEGAL_CLIENT_HEADERS {
        client_is_served(header, usual);
    }
    for spelling in &LEGAL_CLIENTS {
        for header in [0, 11, 12, 13] {
            client_is_served(LEGAL_CLIENT_HEADERS[header], spelling);
        }
    }
}

fn client_is_served(header: &str, [auth, bind, stanza, footer]: &[&str; 4]) {
    // As this header has it.
    let start = header
        .rfind("stream")
        .and_then(|_| header.find("stream ").or(header.find("stream\n")));
    let name_end = start.unwrap() + "stream".len();
    let name = header[..name_end].rsplit('<').next().unwrap();
    let content = match header.contains("jabber") && header.contains(" xmlns='jabber:client'")
        || header.contains("xmlns=\"jabber")
        || header.contains("xmlns = 'jabber")
        || header.contains("jabber&#58;client")
    {
        true => "",
        false => "xmlns='jabber:client'",
    };
    let spell = |text: &str| {
        text.replace(" C", &format!(" {content}"))
            .replace("/S", &format!("/{name}"))
    };
    let outcome = |chunk| {
        let mut hand: Hand<Receiving> = responder(Via::Plain);
        hand.chunk = chunk;
        for text in [header, auth, header, bind] {
            hand.say(spell(text));
        }
        assert!(
            hand.side.machine.session().is_some(),
            "{header} {auth} {bind}: {}",
            hand.said()
        );
        let before = hand.said();
        hand.say(spell(stanza));
        hand.say(spell(footer));
        hand.run_out();
        assert_eq!(
            hand.end(),
            ("closed", Manner::Graceful),
            "{header} {stanza} {footer}"
        );
        assert_eq!(hand.said(), "</stream:stream>");
        (before, hand.side.told())
    };
    let whole = outcome(usize::MAX);
    assert_eq!(whole, outcome(1));
    let stanzas = whole
        .1
        .iter()
        .filter(|event| event.starts_with("stanza "))
        .count();
    assert_eq!(stanzas, 1, "{:?}", whole.1);
}

/// The other half of a stream, in other words.
#[rustfmt::skip]
const LEGAL_SERVERS: [[&str; 6]; 5] = [
    [
        SERVER_HEADER,
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>",
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
        "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>guest@localhost/r</jid></bind></iq>",
        "</stream:stream>",
    ],
    // The stream namespace as the default one, no declaration, no `id`, `from` or `to`
    [
        "<stream xmlns='http://etherx.jabber.org/streams' version='1.0'>",
        "<features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></features>",
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></success>",
        "<features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>",
        "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>guest@localhost/r</jid></bind></iq>",
        "</stream>",
    ],
    // Another prefix, other quotes, prefixes for what is not content, white space
    [
        "<?xml version=\"1.0\" encoding='utf-8'?>\n<s:stream xmlns:s=\"http://etherx.jabber.org/streams\" xmlns=\"jabber:client\" id=\"&amp;\" from=\"localhost\" to=\"alice@localhost\" version=\"1.0\" xml:lang=\"en\">",
        "\n <s:features>\n <sasl:mechanisms xmlns:sasl='urn:ietf:params:xml:ns:xmpp-sasl'>\n<sasl:mechanism>HELLO</sasl:mechanism><sasl:mechanism>ANON<![CDATA[YMO]]>&#85;S</sasl:mechanism>\n</sasl:mechanisms>\n</s:features>\n",
        "<sasl:success xmlns:sasl='urn:ietf:params:xml:ns:xmpp-sasl' />",
        "<s:features >\n<x:bind xmlns:x='urn:ietf:params:xml:ns:xmpp-bind'/>\n</s:features >",
        "\n<iq type='result' id='b&#105;nd'>\n<x:bind xmlns:x='urn:ietf:params:xml:ns:xmpp-bind'>\n<x:jid>\nguest@localhost/r\n</x:jid></x:bind></iq>",
        "\n</s:stream\t>",
    ],
    // A version above ours, features nobody knows
    [
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='localhost' id='1' version='1.1' a='b'>",
        "<stream:features><hello xmlns='u'><required/></hello><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><hello xmlns='u'/><mechanism>ANONYMOUS</mechanism></mechanisms><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression></stream:features>",
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<stream:features><sm xmlns='urn:xmpp:sm:3'><required xmlns='urn:xmpp:sm:3'/></sm><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind><ver xmlns='urn:xmpp:features:rosterver'/></stream:features>",
        "<iq type='result' id='bind' from='localhost' to='x'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>guest@localhost/r</jid></bind></iq>",
        "</stream:stream>",
    ],
    // A voluntary session, a second mechanism list
    [
        SERVER_HEADER,
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>",
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<stream:features><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
        "<iq id='bind' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>guest@localhost/r</jid></bind></iq>",
        "</stream:stream>",
    ],
];

#[test]
fn legal_spellings_of_a_server_reach_establishment() {
    for [header, mechanisms, success, bind, bound, footer] in LEGAL_SERVERS {
        let outcome = |chunk| {
            let mut hand: Hand<Initiating> = initiator(Via::Plain);
            hand.chunk = chunk;
            for text in [header, mechanisms, success, header, bind, bound] {
                hand.say(text);
            }
            let told = hand.side.told();
            assert!(
                told.iter()
                    .any(|event| event == "established guest@localhost/r"),
                "{header}: {told:?} {}",
                hand.said()
            );
            let before = hand.said();
            hand.say(footer);
            hand.run_out();
            assert_eq!(hand.end(), ("closed", Manner::Graceful), "{footer}");
            (before, hand.side.told())
        };
        assert_eq!(outcome(usize::MAX), outcome(1));
    }
}
