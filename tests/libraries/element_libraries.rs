//! Promises about element libraries: a stanza that stands alone is a document that the parsers in use take, with the same
//! names, languages and text, and what they write can be sent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[allow(
    dead_code,
    reason = "shared with the framing tests, which use all of it"
)]
#[path = "../xml/mod.rs"]
mod xml;

use serde::Deserialize;
use xml::tree;
use xmpp_parsers::disco::DiscoInfoResult;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::message::{Lang, Message, MessageType};
use xmpp_parsers::presence::{Presence, Show, Type};
use xmpp_parsers::roster::{Roster, Subscription};
use xmpp_stream::xml::{Checker, Element, Frame, FrameLimits, Framer, Scope, StanzaBuf};

/// A client's stream: the default namespace, and prefixes that only the header declares.
const CLIENT: &str = "<?xml version='1.0'?><stream:stream from='im.example' id='1' version='1.0' xml:lang='de' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:x='urn:example:x' \
    xmlns:odd='urn:example:a&amp;b&apos;c'>";

/// The other way to write a header (RFC 6120 4.8.5): the content namespace has the prefix, the stream is the default.
const PREFIXED: &str =
    "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client' version='1.0'>";

const SERVER: &str = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
    xmlns:db='jabber:server:dialback' xmlns:x='urn:example:x' version='1.0'>";

const XML: &str = xmpp_stream::xml::XML_NS;

/// Everything at once: references, CDATA, line ends, prefixes of the header and of its own, no namespace, a language.
const RICH: &str = "<message from='romeo@im.example/a&amp;b' to=\"juliet@im.example\" type='chat' xml:lang='en' \
    odd:mark='&#x3c;1&#9;2&gt;' id='&quot;&apos;'>\
    <body>1 &lt; 2 &#x1F600; &#233;\r\n<![CDATA[<&]]]]><![CDATA[>]]></body>\
    <body xml:lang='cs'>ahoj &amp; \u{10d}au</body>\
    <x:seen x:at='7'><x:by>tybalt</x:by><plain xmlns=''><deep/></plain></x:seen>\
    <y:e xmlns:y='urn:example:y' xmlns='urn:example:d'><f><x:g/></f><y:h/></y:e>tail</message>";

#[test]
fn minidom_reads_a_stanza_alone_and_what_it_writes_can_be_sent() {
    for stanza in each_way(CLIENT, RICH) {
        let read: minidom::Element = stanza.as_stanza().standalone().parse().unwrap();
        assert!(read.is("message", "jabber:client"));
        assert_eq!(read.attr("from"), Some("romeo@im.example/a&b"));
        assert_eq!(read.attr("id"), Some("\"'"));
        assert_eq!(read.attr_ns("urn:example:a&b'c", "mark"), Some("<1\t2>"));
        assert_eq!(read.attr_ns(XML, "lang"), Some("en"));
        let bodies: Vec<_> = read
            .children()
            .filter(|c| c.is("body", "jabber:client"))
            .map(|c| (c.attr_ns(XML, "lang"), c.text()))
            .collect();
        assert_eq!(
            bodies,
            [
                (None, "1 < 2 \u{1F600} é\n<&]]>".to_owned()),
                (Some("cs"), "ahoj & čau".to_owned()),
            ]
        );
        let seen = read.get_child("seen", "urn:example:x").unwrap();
        assert_eq!(seen.attr_ns("urn:example:x", "at"), Some("7"));
        assert_eq!(
            seen.get_child("by", "urn:example:x").unwrap().text(),
            "tybalt"
        );
        let plain = seen.get_child("plain", "").expect("in no namespace");
        assert!(plain.has_child("deep", ""));
        let e = read.get_child("e", "urn:example:y").unwrap();
        let f = e.get_child("f", "urn:example:d").unwrap();
        assert!(f.has_child("g", "urn:example:x") && e.has_child("h", "urn:example:y"));
        assert_eq!(read.text(), "tail");

        let mut written = Vec::new();
        read.write_to(&mut written).unwrap();
        assert_eq!(sent(&written), tree(stanza.as_stanza().as_element()));
    }
}

#[test]
fn minidom_reads_stanzas_of_streams_that_prefix_their_content() {
    let text = "<c:message to='a@b'><c:body>hi</c:body><error/></c:message>";
    for stanza in each_way(PREFIXED, text) {
        let read: minidom::Element = stanza.as_stanza().standalone().parse().unwrap();
        assert!(read.is("message", "jabber:client"));
        assert_eq!(
            read.get_child("body", "jabber:client").unwrap().text(),
            "hi"
        );
        assert!(read.has_child("error", "http://etherx.jabber.org/streams"));
        let mut written = Vec::new();
        read.write_to(&mut written).unwrap();
        assert_eq!(sent(&written), tree(stanza.as_stanza().as_element()));
    }
}

#[test]
fn minidom_reads_what_is_inside_a_stanza() {
    let text = "<iq type='result' id='1'><x:box><item odd:no='1'>a</item></x:box></iq>";
    for stanza in each_way(CLIENT, text) {
        let stanza = stanza.as_stanza();
        let item = stanza
            .child("box", "urn:example:x")
            .unwrap()
            .children()
            .next()
            .unwrap();
        let read: minidom::Element = item.standalone().parse().unwrap();
        assert!(read.is("item", "jabber:client"));
        assert_eq!(read.attr_ns("urn:example:a&b'c", "no"), Some("1"));
        assert_eq!(read.text(), "a");
    }
}

#[test]
fn xso_reads_a_message_and_what_it_writes_can_be_sent() {
    let text = "<message from='a@b/&lt;&gt;' to='c@d' type='chat' id='m1' xml:lang='en'>\
        <body>x &amp; <![CDATA[<y>]]>&#x10d;</body><body xml:lang='cs'>\u{10d}</body>\
        <thread parent='p'>t</thread><x:note x:by='z'>n</x:note></message>";
    for stanza in each_way(CLIENT, text) {
        let alone = stanza.as_stanza().standalone();
        let message: Message = xso::from_bytes(alone.as_bytes()).unwrap();
        assert_eq!(message.from.as_ref().unwrap().as_str(), "a@b/<>");
        assert_eq!(message.to.as_ref().unwrap().as_str(), "c@d");
        assert_eq!(message.type_, MessageType::Chat);
        assert_eq!(message.bodies.len(), 2);
        assert_eq!(message.bodies[&Lang::from("en")], "x & <y>č");
        assert_eq!(message.bodies[&Lang::from("cs")], "č");
        let thread = message.thread.clone().unwrap();
        assert_eq!(
            (thread.id.as_str(), thread.parent.as_deref()),
            ("t", Some("p"))
        );
        let [note] = &message.payloads[..] else {
            panic!("one unknown payload")
        };
        assert!(note.is("note", "urn:example:x"));
        assert_eq!(note.attr_ns("urn:example:x", "by"), Some("z"));
        assert_eq!(note.text(), "n");

        let written = xso::to_vec(&message).unwrap();
        let again = one(CLIENT, core::str::from_utf8(&written).unwrap(), 5);
        let again: Message = xso::from_bytes(again.as_stanza().standalone().as_bytes()).unwrap();
        assert_eq!(again, message);
        sent(&written);
    }
}

#[test]
fn xso_reads_a_presence_and_what_it_writes_can_be_sent() {
    let text = "<presence from='a@b/c'><show>dnd</show><status>&#97;way</status>\
        <status xml:lang='fr'>l\u{e0}</status><priority>-7</priority></presence>";
    for stanza in each_way(CLIENT, text) {
        let alone = stanza.as_stanza().standalone();
        let presence: Presence = xso::from_bytes(alone.as_bytes()).unwrap();
        assert_eq!(presence.from.as_ref().unwrap().as_str(), "a@b/c");
        assert_eq!(
            (&presence.type_, &presence.show),
            (&Type::None, &Some(Show::Dnd))
        );
        assert_eq!(presence.priority.0, -7);
        // The language of the stream's header is not the document's.
        assert_eq!(presence.statuses[&Lang::new()], "away");
        assert_eq!(presence.statuses[&Lang::from("fr")], "là");
        let written = xso::to_vec(&presence).unwrap();
        assert_eq!(sent(&written), tree(stanza.as_stanza().as_element()));
    }
}

#[test]
fn xso_reads_a_roster_and_a_disco_result() {
    let roster = "<iq id='r' type='result' to='a@b/c'><query xmlns='jabber:iq:roster' ver='v1'>\
        <item jid='n@b' name='N &amp; co' subscription='both'><group>G</group><group>H</group></item>\
        <item jid='o@b' subscription='none' ask='subscribe'/></query></iq>";
    for stanza in each_way(CLIENT, roster) {
        let iq: Iq = xso::from_bytes(stanza.as_stanza().standalone().as_bytes()).unwrap();
        let Iq::Result {
            id,
            to,
            payload: Some(payload),
            ..
        } = iq
        else {
            panic!("a result")
        };
        assert_eq!((id.as_str(), to.unwrap().as_str()), ("r", "a@b/c"));
        let roster = Roster::try_from(payload).unwrap();
        assert_eq!(roster.ver.as_deref(), Some("v1"));
        let items: Vec<_> = roster
            .items
            .iter()
            .map(|i| {
                (
                    i.jid.as_str(),
                    i.name.as_deref(),
                    &i.subscription,
                    i.groups.len(),
                )
            })
            .collect();
        assert_eq!(
            items,
            [
                ("n@b", Some("N & co"), &Subscription::Both, 2),
                ("o@b", None, &Subscription::None, 0),
            ]
        );
    }

    // The prefix of the payload is the header's.
    let header = CLIENT.replace(
        "xmlns:x='urn:example:x'",
        "xmlns:d='http://jabber.org/protocol/disco#info'",
    );
    let disco = "<iq id='d' type='result' from='im.example'><d:query node='n'>\
        <d:identity category='server' type='im' name='\u{fc}&lt;' xml:lang='de'/>\
        <d:feature var='urn:xmpp:ping'/><d:feature var='jabber:iq:roster'/></d:query></iq>";
    for stanza in each_way(&header, disco) {
        let iq: Iq = xso::from_bytes(stanza.as_stanza().standalone().as_bytes()).unwrap();
        let Iq::Result {
            payload: Some(payload),
            ..
        } = iq
        else {
            panic!("a result")
        };
        let disco = DiscoInfoResult::try_from(payload).unwrap();
        assert_eq!(disco.node.as_deref(), Some("n"));
        let [identity] = &disco.identities[..] else {
            panic!("one identity")
        };
        assert_eq!(
            (identity.category.as_str(), identity.type_.as_str()),
            ("server", "im")
        );
        assert_eq!(
            (identity.name.as_deref(), identity.lang.as_deref()),
            (Some("ü<"), Some("de"))
        );
        assert_eq!(
            disco.features.iter().collect::<Vec<_>>(),
            ["jabber:iq:roster", "urn:xmpp:ping"]
        );
    }
}

/// xmpp-parsers knows stanzas in one content namespace. One of another server is rewritten, then stands alone.
#[test]
fn xso_reads_a_stanza_of_a_server_when_its_content_namespace_was_rewritten() {
    let text = "<message from='a@b' to='c@d'><body>s</body><x:note/></message>";
    for stanza in each_way(SERVER, text) {
        assert!(xso::from_bytes::<Message>(stanza.as_stanza().standalone().as_bytes()).is_err());
        let mut rewritten = String::new();
        stanza
            .as_stanza()
            .rewrite()
            .content_ns("jabber:client")
            .write(&mut rewritten)
            .unwrap();
        let here = Scope::new("jabber:client", &[]);
        let rewritten = StanzaBuf::parse_in(&rewritten, &here, FrameLimits::default()).unwrap();
        let message: Message =
            xso::from_bytes(rewritten.as_stanza().standalone().as_bytes()).unwrap();
        assert_eq!(message.bodies[&Lang::new()], "s");
        assert!(message.payloads[0].is("note", "urn:example:x"));
    }
}

/// serde knows no namespaces: quick-xml gives elements and attributes by their local names (but `xml:lang`), and shows
/// declarations as attributes.
#[derive(Debug, Deserialize, PartialEq)]
struct Chat {
    #[serde(rename = "@xmlns")]
    ns: String,
    #[serde(rename = "@from")]
    from: String,
    #[serde(rename = "@xml:lang")]
    lang: Option<String>,
    #[serde(rename = "@mark")]
    mark: Option<String>,
    #[serde(rename = "@xmlns:odd")]
    odd: Option<String>,
    #[serde(rename = "body", default)]
    bodies: Vec<Body>,
    seen: Option<Seen>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Body {
    #[serde(rename = "@xml:lang")]
    lang: Option<String>,
    #[serde(rename = "$text")]
    text: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Seen {
    #[serde(rename = "@at")]
    at: u8,
    by: String,
}

#[test]
fn quick_xml_reads_a_stanza_alone_into_structs() {
    let text = "<message from='a@b/c&amp;&#x64;' xml:lang='en' odd:mark='&lt;&#233;'>\
        <body>1 &lt; 2 &#x1F600;<![CDATA[<&>]]></body><body xml:lang='cs'>\u{10d}</body>\
        <x:seen x:at='7'><x:by>tybalt</x:by></x:seen></message>";
    for stanza in each_way(CLIENT, text) {
        let chat: Chat = quick_xml::de::from_str(&stanza.as_stanza().standalone()).unwrap();
        let expected = Chat {
            ns: "jabber:client".into(),
            from: "a@b/c&d".into(),
            lang: Some("en".into()),
            mark: Some("<é".into()),
            odd: Some("urn:example:a&b'c".into()),
            bodies: vec![
                Body {
                    lang: None,
                    text: "1 < 2 \u{1F600}<&>".into(),
                },
                Body {
                    lang: Some("cs".into()),
                    text: "č".into(),
                },
            ],
            seen: Some(Seen {
                at: 7,
                by: "tybalt".into(),
            }),
        };
        assert_eq!(chat, expected);
    }
    for stanza in each_way(
        SERVER,
        "<message from='b'><x:seen x:at='8'><x:by>q</x:by></x:seen></message>",
    ) {
        let chat: Chat = quick_xml::de::from_str(&stanza.as_stanza().standalone()).unwrap();
        assert_eq!(
            (chat.ns.as_str(), chat.from.as_str()),
            ("jabber:server", "b")
        );
        assert_eq!(
            chat.seen,
            Some(Seen {
                at: 8,
                by: "q".into()
            })
        );
    }
}

/// quick-xml's events with namespaces resolved are the same names as ours.
#[test]
fn quick_xml_resolves_the_same_names() {
    use quick_xml::events::Event;
    use quick_xml::name::ResolveResult;

    for (header, text) in [
        (CLIENT, RICH),
        (SERVER, "<db:result to='a' from='b'>k</db:result>"),
    ] {
        for stanza in each_way(header, text) {
            let alone = stanza.as_stanza().standalone();
            let mut reader = quick_xml::NsReader::from_str(&alone);
            let mut names = Vec::new();
            loop {
                let (ns, event) = reader.read_resolved_event().unwrap();
                let ns = match ns {
                    ResolveResult::Bound(ns) => ns.0.to_owned(),
                    ResolveResult::Unbound => Vec::new(),
                    ResolveResult::Unknown(prefix) => panic!("undeclared {prefix:?}"),
                };
                match event {
                    Event::Start(tag) | Event::Empty(tag) => names.push((
                        String::from_utf8(tag.local_name().as_ref().to_vec()).unwrap(),
                        String::from_utf8(ns).unwrap(),
                    )),
                    Event::Eof => break,
                    _ => {}
                }
            }
            let mut expected = Vec::new();
            names_of(stanza.as_stanza().as_element(), &mut expected);
            assert_eq!(names, expected);
        }
    }
}

/// The stanza as a framer finds it after this header, in chunks of several sizes.
fn each_way(header: &str, stanza: &str) -> impl Iterator<Item = StanzaBuf> {
    [1, 7, usize::MAX]
        .map(|chunk| one(header, stanza, chunk))
        .into_iter()
}

fn one(header: &str, stanza: &str, chunk: usize) -> StanzaBuf {
    let stream = [header, stanza].concat();
    let mut framer = Framer::new(FrameLimits::default());
    let mut found = None;
    for bytes in stream.as_bytes().chunks(chunk.min(stream.len())) {
        assert_eq!(framer.push(bytes), bytes.len());
        while framer.poll().expect("legal").is_some() {
            if let Some(Frame::Element(stanza)) = framer.frame() {
                assert!(found.replace(stanza.to_owned()).is_none());
            }
        }
    }
    found.expect("a stanza")
}

/// What the peer of a client reads of this text, after it passed the check of outbound text.
fn sent(written: &[u8]) -> String {
    let text = core::str::from_utf8(written).unwrap();
    let mut checker = Checker::new(FrameLimits::default(), "jabber:client", &[]);
    checker.check(text).expect("fit to be sent");
    tree(one(CLIENT, text, 5).as_stanza().as_element())
}

/// Local names and namespaces, in document order.
fn names_of(element: Element<'_>, names: &mut Vec<(String, String)>) {
    names.push((element.name().into(), element.ns().into()));
    element.children().for_each(|child| names_of(child, names));
}
