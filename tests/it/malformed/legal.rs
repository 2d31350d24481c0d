//! Input that is unusual and legal.

use xmpp_stream::Manner;
use xmpp_stream::connection::{InitiatorRole, ResponderRole};

use crate::harness::phases::{SERVER_HEADER, initiator, responder};
use crate::harness::{Carrier, Harness, Scripted};

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
    // 11.4: unknown attributes
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0' hello='world' xmlns:a='u' a:to='elsewhere'>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' to='localhost' version='1.0'>",
];

/// Spellings of everything after the header: SASL, binding, a stanza, the
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
        let mut harness: Harness<ResponderRole, Scripted> = responder(Carrier::Plain);
        harness.chunk = chunk;
        for text in [header, auth, header, bind] {
            harness.send(spell(text));
        }
        assert!(
            harness.machine.session().is_some(),
            "{header} {auth} {bind}: {}",
            harness.receive()
        );
        let before = harness.receive();
        harness.send(spell(stanza));
        harness.send(spell(footer));
        harness.run_until_closed();
        assert_eq!(
            harness.end(),
            ("closed", Manner::Graceful),
            "{header} {stanza} {footer}"
        );
        assert_eq!(harness.receive(), "</stream:stream>");
        (before, harness.event_lines())
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

/// Spellings of what a server sends.
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
    // A version above ours, unknown features
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
            let mut harness: Harness<InitiatorRole, Scripted> = initiator(Carrier::Plain);
            harness.chunk = chunk;
            for text in [header, mechanisms, success, header, bind, bound] {
                harness.send(text);
            }
            let reported = harness.event_lines();
            assert!(
                reported
                    .iter()
                    .any(|event| event == "established guest@localhost/r"),
                "{header}: {reported:?} {}",
                harness.receive()
            );
            let before = harness.receive();
            harness.send(footer);
            harness.run_until_closed();
            assert_eq!(harness.end(), ("closed", Manner::Graceful), "{footer}");
            (before, harness.event_lines())
        };
        assert_eq!(outcome(usize::MAX), outcome(1));
    }
}
