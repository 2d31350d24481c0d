//! What is refused, and as what.

use xmpp_stream::stream::StreamCondition;
use xmpp_stream::stream::StreamCondition::{
    BadFormat, BadNamespacePrefix, HostUnknown, ImproperAddressing, InvalidNamespace,
    NotAuthorized, NotWellFormed, PolicyViolation, RestrictedXml, UnsupportedEncoding,
    UnsupportedStanzaType, UnsupportedVersion,
};

use crate::harness::phases::Phase;

/// Input, and the error it is answered with.
pub(crate) type Row = (Vec<u8>, StreamCondition);

fn rows<const N: usize>(rows: [(&[u8], StreamCondition); N]) -> Vec<Row> {
    rows.into_iter()
        .map(|(input, c)| (input.to_vec(), c))
        .collect()
}

/// In the place of a stream header.
#[rustfmt::skip]
pub(crate) fn bad_headers() -> Vec<Row> {
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
    // After an acceptable start.
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
        all.push((header([b"to='", bytes, b"'"].concat()), NotWellFormed));
    }
    // 13.12
    all.push((header("a".repeat(4100)), PolicyViolation));
    all.push((header(format!("{}='b'", "a".repeat(300))), PolicyViolation));
    all.push((header(numbered(70, |i| format!("a{i}='' "))), PolicyViolation));
    all.push((header(numbered(40, |i| format!("xmlns:a{i}='a' "))), PolicyViolation));
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
pub(crate) fn bad_content() -> Vec<Row> {
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
    all.push((b"<message>".repeat(65), PolicyViolation));
    let attributes = numbered(70, |i| format!(" a{i}=''"));
    all.push((format!("<message{attributes}/>").into(), PolicyViolation));
    all.push((format!("<{}/>", "a".repeat(300)).into(), PolicyViolation));
    all.push((format!("<message>&{};</message>", "a".repeat(300)).into(), PolicyViolation));
    all.push((format!("<message>{}</message>", "a".repeat(12_001)).into(), PolicyViolation));
    all.push((format!("<message>{}", "a".repeat(12_001)).into(), PolicyViolation));
    all.push((format!("<message {}", " ".repeat(12_001)).into(), PolicyViolation));
    all.push((format!("</stream:stream{}", " ".repeat(12_001)).into(), PolicyViolation));
    all
}

/// Start tags of elements that nothing can complete to legal ones: refused without waiting for their
/// end, and whatever follows.
#[rustfmt::skip]
pub(crate) fn bad_start_tags() -> Vec<Row> {
    vec![
        (b"<a>".repeat(65), UnsupportedStanzaType),
        (b"<a></b>".to_vec(), UnsupportedStanzaType),
        (b"<a>&hello;".to_vec(), UnsupportedStanzaType),
        (b"<stream:stream>".to_vec(), BadFormat),
        (b"<stream:hello>".to_vec(), UnsupportedStanzaType),
        (b"<c:message xmlns:c='jabber:client'>".to_vec(), BadNamespacePrefix),
        (b"<message xmlns=''>".to_vec(), InvalidNamespace),
        (b"<message xmlns='jabber:server'>".to_vec(), InvalidNamespace),
    ]
}

fn numbered(n: usize, piece: impl Fn(usize) -> String) -> String {
    (0..n).map(piece).collect()
}

/// In the place of a connection's first header: where a stream is restarted, white space before it
/// belongs to the stream before.
pub(crate) fn bad_first_headers() -> Vec<Row> {
    rows([(b" <?xml version='1.0'?>", NotWellFormed)])
}

/// A host that is not served (RFC 6120 4.9.3.6); what a client alone may not put into `to`.
pub(crate) fn bad_hosts() -> Vec<Row> {
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
pub(crate) const OUT_OF_TURN: [(&str, &[Phase], &str, StreamCondition); 33] = [
    // To a server
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<message/>", NotAuthorized),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<presence/>", NotAuthorized),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<iq type='get' id='a' to='bob@localhost'/>", NotAuthorized),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<iq type='set' id='a' to='bob@localhost'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", NotAuthorized),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<iq type='result' id='a'/>", NotAuthorized),
    ("responder", &[Phase::Sasl], "<iq type='get' id='a'/>", NotAuthorized),
    ("responder", &[Phase::Sasl], "<iq type='set' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", NotAuthorized),
    ("responder", &[Phase::Sasl], "<iq type='set' id='a'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", NotAuthorized),
    ("responder", &[Phase::Opened, Phase::Binding], "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Opened, Phase::Binding], "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<stream:features/>", UnsupportedStanzaType),
    ("responder", &[Phase::Sasl], "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Sasl], "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>now</starttls>", UnsupportedStanzaType),
    ("responder", &[Phase::Binding], "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", UnsupportedStanzaType),
    ("responder", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<enable xmlns='urn:xmpp:sm:3'/>", UnsupportedStanzaType),
    // To a client
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<message/>", NotAuthorized),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<presence/>", NotAuthorized),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<iq type='result' id='other'/>", NotAuthorized),
    ("initiator", &[Phase::Opened], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Sasl, Phase::Binding], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'>now</proceed>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Binding], "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Binding], "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Binding], "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Sasl, Phase::Binding], "<stream:features/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Opened, Phase::Sasl, Phase::Binding], "<enabled xmlns='urn:xmpp:sm:3'/>", UnsupportedStanzaType),
    ("initiator", &[Phase::Binding], "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>not a jid</jid></bind></iq>", ImproperAddressing),
];

/// What a client cannot take for the answer to `<starttls/>`.
#[rustfmt::skip]
pub(crate) const NO_PROCEED: [(&str, StreamCondition); 7] = [
    ("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'>now</proceed>", UnsupportedStanzaType),
    ("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></proceed>", UnsupportedStanzaType),
    ("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", UnsupportedStanzaType),
    ("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", UnsupportedStanzaType),
    ("<proceed/>", UnsupportedStanzaType),
    ("<message/>", NotAuthorized),
];
