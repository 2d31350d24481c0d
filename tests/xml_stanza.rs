//! Stanzas: reading, owning, standing alone, rewriting, writing, checking.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[allow(
    dead_code,
    reason = "shared with the framing tests, which use all of it"
)]
mod xml;

extern crate alloc;

use alloc::borrow::Cow;
use core::fmt::Write as _;

use proptest::prelude::*;
use xml::{HEADER, tree};
use xmpp_stream::xml::write::{escape_attr, escape_text};
use xmpp_stream::xml::{
    Checker, Frame, FrameKind, FrameLimits, Framer, LimitKind, Node, RewriteError, Scope,
    StanzaBuf, XML_NS, XmlErrorKind as K,
};

const STANZA: &str = "<message from='a@b/c' to=\"d\" xml:lang='en' x:y='1' xmlns:x='urn:x'>\
    <body>1 &lt; 2\r\n<![CDATA[<&>]]>!</body><x:e><f xmlns='urn:f'/></x:e><body/>tail</message>";

fn scope() -> Scope {
    Scope::new(
        "jabber:client",
        &[("stream", "http://etherx.jabber.org/streams")],
    )
}

fn parse(text: &str) -> StanzaBuf {
    StanzaBuf::parse_in(text, &scope(), FrameLimits::default()).expect(text)
}

#[test]
fn a_stanza_shows_what_was_sent() {
    let stanza = parse(STANZA);
    let stanza = stanza.as_stanza();
    assert_eq!(
        (stanza.name(), stanza.ns(), stanza.prefix()),
        ("message", "jabber:client", None)
    );
    assert!(stanza.is("message", "jabber:client") && !stanza.is("message", "jabber:server"));
    assert_eq!(stanza.attr("from").as_deref(), Some("a@b/c"));
    assert_eq!(stanza.attr("to").as_deref(), Some("d"));
    assert_eq!(stanza.attr("y"), None, "it has a prefix");
    assert_eq!(stanza.attr("xmlns"), None, "declarations are no attributes");
    assert_eq!(stanza.attr_ns("urn:x", "y").as_deref(), Some("1"));
    assert_eq!(stanza.attr_ns(XML_NS, "lang").as_deref(), Some("en"));
    assert_eq!(stanza.attr_ns(XML_NS, "y"), None);
    assert_eq!(stanza.attr_ns("urn:x", "lang"), None);
    assert_eq!(stanza.attr_ns("", "to").as_deref(), Some("d"));
    let names: Vec<_> = stanza.attrs().map(|a| (a.prefix(), a.name())).collect();
    assert_eq!(
        names,
        [
            (None, "from"),
            (None, "to"),
            (Some("xml"), "lang"),
            (Some("x"), "y")
        ]
    );
    let children: Vec<_> = stanza.children().map(|e| (e.prefix(), e.name())).collect();
    assert_eq!(children.len(), 3);
    assert_eq!(
        children
            .iter()
            .filter(|(prefix, _)| *prefix == Some("x"))
            .count(),
        STANZA.matches("<x:").count()
    );
    assert_eq!(stanza.prefix(), None);
    assert_eq!(stanza.nodes().count(), 4);
    assert_eq!(stanza.text(), "tail");
    let body = stanza.child("body", "jabber:client").unwrap();
    assert_eq!(body.text(), "1 < 2\n<&>!");
    assert_eq!(body.as_str(), "<body>1 &lt; 2\r\n<![CDATA[<&>]]>!</body>");
    let f = stanza
        .child("e", "urn:x")
        .and_then(|e| e.child("f", "urn:f"));
    assert_eq!(f.unwrap().as_str(), "<f xmlns='urn:f'/>");
    assert!(stanza.child("f", "urn:f").is_none(), "not a child");
    assert_eq!(stanza.as_str(), STANZA);
    let owned = stanza.to_owned();
    assert_eq!(
        tree(owned.as_stanza().as_element()),
        tree(stanza.as_element())
    );
}

#[test]
fn a_header_shows_what_was_sent() {
    let sent = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' \
        from='a@b' to=\"c&amp;d\" xml:lang='en' s:x='1' version='1.0'>";
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(sent.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    let Some(Frame::Header(header)) = framer.frame() else {
        panic!("no header");
    };
    assert_eq!((header.prefix(), header.name()), (Some("s"), "stream"));
    assert_eq!(header.ns(), "http://etherx.jabber.org/streams");
    assert_eq!(header.content_ns(), Some("jabber:client"));
    assert_eq!(header.attr("to").as_deref(), Some("c&d"));
    assert_eq!(header.attr("x"), None, "it has a prefix");
    assert_eq!(header.attr_ns(XML_NS, "lang").as_deref(), Some("en"));
    assert_eq!(header.attr_ns(XML_NS, "from"), None);
    let names: Vec<_> = header.attrs().map(|a| a.name()).collect();
    assert_eq!(names, ["from", "to", "lang", "x", "version"]);
    let namespaces: Vec<_> = header.namespaces().collect();
    assert_eq!(
        namespaces,
        [
            ("s", "http://etherx.jabber.org/streams"),
            ("", "jabber:client")
        ]
    );
    assert_eq!(header.as_str(), sent);
    let shown = format!("{header:?}");
    assert!(
        shown.contains("stream") && !shown.contains("a@b"),
        "{shown}"
    );
}

#[test]
fn a_header_without_content_namespace_has_none() {
    for (sent, prefix) in [("<s:a xmlns:s='u' xmlns=''>", Some("s")), ("<a>", None)] {
        let mut framer = Framer::new(FrameLimits::default());
        framer.push(sent.as_bytes());
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
        let Some(Frame::Header(header)) = framer.frame() else {
            panic!("no header");
        };
        assert_eq!((header.prefix(), header.content_ns()), (prefix, None));
    }
    let mut framer = Framer::new(FrameLimits::default());
    let sent = format!("<s:a xmlns:xml='{XML_NS}' xmlns='' xmlns:s='u'>");
    framer.push(sent.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    assert_eq!(framer.scope().iter().collect::<Vec<_>>(), [("s", "u")]);
    assert_eq!(format!("{:?}", framer.scope()), "{\"s\": \"u\"}");
}

#[test]
fn a_name_as_long_as_xmlns_declares_nothing() {
    let stanza = parse("<a place='1' abcde:f='2' xmlns:abcde='u' xmlns='v' class='3'/>");
    let stanza = stanza.as_stanza();
    let attributes: Vec<_> = stanza.attrs().map(|a| (a.ns(), a.name())).collect();
    assert_eq!(attributes, [("", "place"), ("u", "f"), ("", "class")]);
    assert_eq!(stanza.ns(), "v");
}

#[test]
fn stanzas_are_equal_that_are_the_same_alone() {
    let scope = scope();
    let limits = FrameLimits::default();
    let inherits = StanzaBuf::parse_in("<a><b/></a>", &scope, limits).unwrap();
    let alone = StanzaBuf::parse("<a xmlns='jabber:client'><b/></a>").unwrap();
    let other = StanzaBuf::parse("<a><b/></a>").unwrap();
    assert_eq!(inherits, alone);
    assert_eq!(inherits, inherits.clone());
    assert_ne!(inherits, other);
    let shown = format!("{:?}", StanzaBuf::parse("<a>secret</a>").unwrap());
    assert!(
        shown.contains("StanzaBuf") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn shrinking_keeps_the_frame_that_is_shown_and_the_one_that_has_begun() {
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(HEADER.as_bytes());
    while framer.poll().unwrap().is_some() {}
    framer.push(b"<a b='c'><d/></a><e>");
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    for _ in 0..2 {
        let Some(Frame::Element(stanza)) = framer.frame() else {
            panic!("no element");
        };
        assert_eq!(stanza.attr("b").as_deref(), Some("c"));
        assert_eq!(stanza.children().count(), 1);
        framer.shrink();
    }
    assert_eq!(framer.poll(), Ok(None));
    framer.shrink();
    framer.push(b"<f/></e>");
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    let Some(Frame::Element(stanza)) = framer.frame() else {
        panic!("no element");
    };
    assert_eq!((stanza.name(), stanza.children().count()), ("e", 1));
}

#[test]
fn values_are_borrowed_where_nothing_has_to_be_changed() {
    let stanza = parse("<a b='c > d' e='f&amp;' g='h\ti'>text\nline</a>");
    let stanza = stanza.as_stanza();
    assert!(matches!(stanza.attr("b"), Some(Cow::Borrowed("c > d"))));
    assert_eq!(stanza.attr("e").as_deref(), Some("f&"));
    assert_eq!(stanza.attr("g").as_deref(), Some("h i"));
    assert!(matches!(stanza.text(), Cow::Borrowed("text\nline")));
    for (text, nodes) in [
        ("<a><![CDATA[]]></a>", 0),
        ("<a>x<![CDATA[]]>y</a>", 2),
        ("<a><![CDATA[x]]><b/></a>", 2),
    ] {
        assert_eq!(parse(text).as_stanza().nodes().count(), nodes, "{text}");
    }
    let escaped = parse("<a>&gt;<b/>x\ry</a>");
    assert_eq!(escaped.as_stanza().text(), ">x\ny");
}

#[test]
fn debug_shows_no_content() {
    let secret = parse("<auth mechanism='PLAIN'>c2VjcmV0</auth>");
    let stanza = secret.as_stanza();
    let texts: Vec<Node<'_>> = stanza.nodes().collect();
    let attributes: Vec<_> = stanza.attrs().collect();
    let shown = format!(
        "{secret:?}{stanza:?}{:?}{texts:?}{attributes:?}{:?}",
        *stanza,
        stanza.rewrite()
    );
    assert!(
        !shown.contains("c2Vj") && !shown.contains("PLAIN"),
        "{shown}"
    );
    for kind in [
        "Rewrite {",
        "Element {",
        "Stanza {",
        "StanzaBuf {",
        "Text {",
        "Attribute {",
    ] {
        assert!(shown.contains(kind), "{kind}: {shown}");
    }
    assert!(
        shown.contains("auth") && shown.contains("mechanism"),
        "{shown}"
    );
    let checker = Checker::new(FrameLimits::default(), "jabber:client", &[]);
    assert!(format!("{checker:?}").contains("jabber:client"));
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(HEADER.as_bytes());
    framer.push(b"<auth>c2VjcmV0</auth>");
    while framer.poll().unwrap() != Some(FrameKind::Element) {}
    let shown = format!("{framer:?}{:?}", framer.frame());
    assert!(
        shown.contains("Framer") && !shown.contains("c2Vj"),
        "{shown}"
    );
}

#[test]
fn rfc6120_4_8_5_a_stanza_alone_has_the_same_names() {
    let cases = [
        ("<a/>", "<a xmlns='jabber:client'/>"),
        (
            "<a b='c'><d/></a>",
            "<a xmlns='jabber:client' b='c'><d/></a>",
        ),
        ("<a xmlns='u'/>", "<a xmlns='u'/>"),
        ("<x:a xmlns:x='u'/>", "<x:a xmlns:x='u'/>"),
        (
            "<x:a xmlns:x='u'><b/></x:a>",
            "<x:a xmlns='jabber:client' xmlns:x='u'><b/></x:a>",
        ),
        (
            "<stream:error><b xmlns='u'/></stream:error>",
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><b xmlns='u'/></stream:error>",
        ),
        (
            "<a xmlns='u' stream:b=''/>",
            "<a xmlns:stream='http://etherx.jabber.org/streams' xmlns='u' stream:b=''/>",
        ),
    ];
    for (input, expected) in cases {
        let stanza = parse(input);
        let alone = stanza.as_stanza().standalone();
        assert_eq!(alone, expected);
        let again = StanzaBuf::parse(&alone).expect("stands alone");
        assert_eq!(
            tree(again.as_stanza().as_element()),
            tree(stanza.as_stanza().as_element())
        );
    }
    // Inner elements stand alone too, with what they have from their ancestors.
    let stanza = parse("<a xmlns='u&amp;v' xmlns:p='w'><b p:c='d'/></a>");
    let inner = stanza.as_stanza().children().next().unwrap();
    assert_eq!(
        inner.standalone(),
        "<b xmlns='u&amp;v' xmlns:p='w' p:c='d'/>"
    );
}

fn rewritten(stanza: &str, to: Option<&str>, ns: &str) -> String {
    let stanza = parse(stanza);
    let mut out = String::new();
    let rewrite = stanza.as_stanza().rewrite().from(Some("me@h/'r'")).to(to);
    rewrite.content_ns(ns).write(&mut out).expect("written");
    out
}

#[test]
fn rfc6120_4_8_3_rewriting_moves_content_and_nothing_else() {
    let cases = [
        ("<message/>", "<message from='me@h/&apos;r&apos;' to='x'/>"),
        (
            "<message from='old' id='1' to='old'><body>t &amp; u</body> </message >",
            "<message from='me@h/&apos;r&apos;' to='x' id='1'><body>t &amp; u</body> </message >",
        ),
        (
            "<message xmlns='jabber:client'><body/></message>",
            "<message from='me@h/&apos;r&apos;' to='x'><body/></message>",
        ),
        // 6120-8.1.5-1
        (
            "<message xml:lang='pl'><body xml:lang='de-CH'/></message>",
            "<message from='me@h/&apos;r&apos;' to='x' xml:lang='pl'><body xml:lang='de-CH'/></message>",
        ),
        (
            "<c:message xmlns:c='jabber:client' c:to='k'><c:body>t</c:body ><e xmlns='urn:e'/></c:message>",
            "<message from='me@h/&apos;r&apos;' to='x' xmlns:c='jabber:client' c:to='k'><body>t</body><e xmlns='urn:e'/></message>",
        ),
        (
            "<message><f xmlns='urn:f'><message xmlns='jabber:client' to='k'><body/></message></f></message>",
            "<message from='me@h/&apos;r&apos;' to='x'><f xmlns='urn:f'><message xmlns='jabber:client' to='k'><body/></message></f></message>",
        ),
        (
            "<message><p:f xmlns:p='urn:f'><body/><g xmlns='jabber:client'/></p:f></message>",
            "<message from='me@h/&apos;r&apos;' to='x'><p:f xmlns:p='urn:f'><body/><g xmlns='jabber:client'/></p:f></message>",
        ),
        (
            "<c:message xmlns:c='jabber:client' xmlns='urn:d'><e/><c:b/></c:message>",
            "<message from='me@h/&apos;r&apos;' to='x' xmlns:c='jabber:client'><e xmlns='urn:d'/><b/></message>",
        ),
        (
            "<message><e xmlns=''><f/></e></message>",
            "<message from='me@h/&apos;r&apos;' to='x'><e xmlns=''><f/></e></message>",
        ),
        (
            "<message stream:a='b'/>",
            "<message xmlns:stream='http://etherx.jabber.org/streams' from='me@h/&apos;r&apos;' to='x' stream:a='b'/>",
        ),
        (
            "<r xmlns='urn:xmpp:sm:3'/>",
            "<r xmlns='urn:xmpp:sm:3' from='me@h/&apos;r&apos;' to='x'/>",
        ),
    ];
    for (input, expected) in cases {
        let out = rewritten(input, Some("x"), "jabber:server");
        assert_eq!(out, expected, "{input}");
        let mut checker = Checker::new(FrameLimits::default(), "jabber:server", &[]);
        checker.check(&out).expect("fit for the other stream");
    }
    assert_eq!(
        rewritten("<iq to='a'/>", None, "jabber:client"),
        "<iq from='me@h/&apos;r&apos;'/>"
    );
}

#[test]
fn rewriting_an_element_that_stands_alone_keeps_it_standing_alone() {
    let stanza = StanzaBuf::parse("<q xmlns='u' to='a'><i xmlns=''/><j/></q>").unwrap();
    let mut out = String::new();
    let rewrite = stanza.as_stanza().rewrite().to(Some("b"));
    rewrite.write(&mut out).unwrap();
    assert_eq!(out, "<q xmlns='u' to='b'><i xmlns=''/><j/></q>");
}

#[test]
fn rewriting_does_not_multiply_what_a_peer_sent() {
    let children = "<b/>".repeat(4000);
    let rewritten = |namespace: &str| {
        let text = format!(
            "<p:message xmlns:p='jabber:client' xmlns='{namespace}'>{children}</p:message>"
        );
        let mut out = String::new();
        let stanza = StanzaBuf::parse_in(&text, &scope(), FrameLimits::default()).expect("legal");
        let result = stanza
            .as_stanza()
            .rewrite()
            .content_ns("jabber:server")
            .write(&mut out);
        assert!(out.len() < 32 * text.len());
        result
    };
    assert_eq!(
        rewritten("urn:xmpp:a:protocol:with:a:name:of:its:length:0"),
        Ok(())
    );
    assert_eq!(rewritten(&"n".repeat(100_000)), Err(RewriteError::TooLong));
}

#[test]
fn rewriting_does_not_compare_a_long_name_for_each_short_element() {
    let long = "n".repeat(100_000);
    let children = "<q:b/>".repeat(4000);
    let text =
        |long: &str| format!("<p:a xmlns:p='{long}' xmlns:q='{long}'><p:b/>{children}</p:a>");
    let rewritten = |long: &str| {
        let mut limits = FrameLimits::default();
        limits.frame_bytes = 1 << 20;
        let stanza = StanzaBuf::parse_in(&text(long), &Scope::default(), limits).expect("legal");
        stanza.as_stanza().rewrite().write(&mut String::new())
    };
    assert_eq!(rewritten("urn:x"), Ok(()));
    assert_eq!(rewritten(&long), Err(RewriteError::TooLong));
}

#[test]
fn an_element_of_the_xml_namespace_is_no_content_and_keeps_its_prefix() {
    for text in ["<xml:c\t/>", "<xml:c><a xmlns='u'/><xml:d/></xml:c>"] {
        let stanza = StanzaBuf::parse(text).unwrap();
        for ns in [None, Some("jabber:server")] {
            let mut out = String::new();
            let rewrite = stanza.as_stanza().rewrite();
            let rewrite = match ns {
                Some(ns) => rewrite.content_ns(ns),
                None => rewrite,
            };
            rewrite.write(&mut out).unwrap();
            let read = StanzaBuf::parse(&out).unwrap();
            assert_eq!(
                xml::tree(stanza.as_stanza().as_element()),
                xml::tree(read.as_stanza().as_element())
            );
        }
    }
    let mut out = String::new();
    for reserved in [xmpp_stream::xml::XML_NS, "http://www.w3.org/2000/xmlns/"] {
        let stanza = StanzaBuf::parse("<a/>").unwrap();
        let rewrite = stanza.as_stanza().rewrite().content_ns(reserved);
        assert_eq!(
            rewrite.write(&mut out),
            Err(RewriteError::ReservedNamespace)
        );
        assert_eq!(out, "");
    }
}

#[test]
fn what_is_written_survives_tags_quotes_and_normalisation() {
    let text = "<&>\"' \t\n\rx";
    let escaped = escape_text(text).unwrap();
    assert_eq!(escaped.to_string(), "&lt;&amp;&gt;\"' \t\n&#13;x");
    let value = escape_attr(text).unwrap();
    assert_eq!(
        value.to_string(),
        "&lt;&amp;&gt;&quot;&apos; &#9;&#10;&#13;x"
    );
    let stanza = parse(&format!("<a b='{value}' c=\"{value}\">{escaped}</a>"));
    let stanza = stanza.as_stanza();
    assert_eq!(stanza.attr("b").as_deref(), Some(text));
    assert_eq!(stanza.attr("c").as_deref(), Some(text));
    assert_eq!(stanza.text(), text);
    let shown = format!("{:?}", escape_text("secret").unwrap());
    assert!(
        shown.contains("Escaped") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_written_is_refused_before_writing() {
    let stanza = parse("<a/>");
    let mut out = String::new();
    let error = stanza
        .as_stanza()
        .rewrite()
        .to(Some("\u{1}"))
        .write(&mut out);
    assert!(matches!(error, Err(RewriteError::Unwritable(_))));
    assert_eq!(out, "");
    let error = escape_text("ab\u{FFFF}").unwrap_err();
    assert_eq!((error.character, error.index), ('\u{FFFF}', 2));
    assert_eq!(
        error.to_string(),
        "XML cannot carry U+FFFF, found at byte 2"
    );
    assert!(escape_attr("\0").is_err());
}

#[test]
fn rfc6120_11_1_only_one_whole_element_can_be_sent() {
    let mut checker = Checker::new(FrameLimits::default(), "jabber:client", &[("s", "u")]);
    for good in ["<a/>", "<a>b</a>", "<s:a><b/></s:a>", "<stream xmlns='x'/>"] {
        assert_eq!(checker.check(good).expect(good).as_str(), good);
    }
    let bad = [
        ("", K::NotOneElement, 0),
        (" <a/>", K::NotOneElement, 0),
        ("<a/> ", K::NotOneElement, 4),
        ("<a/><b/>", K::NotOneElement, 4),
        ("<a/></stream:stream>", K::NotOneElement, 4),
        ("</s:stream>", K::NotOneElement, 0),
        ("text", K::NotOneElement, 0),
        ("<![CDATA[x]]>", K::NotOneElement, 0),
        ("<", K::Incomplete, 1),
        ("<a", K::Incomplete, 2),
        ("<a>", K::Incomplete, 3),
        ("<a><b></b>", K::Incomplete, 10),
        ("<a></b>", K::MismatchedTag, 3),
        ("<?xml version='1.0'?><a/>", K::MisplacedDeclaration, 0),
        ("<!-- --><a/>", K::Comment, 0),
        ("<a>\u{1}</a>", K::InvalidCharacter, 3),
        ("<a>&x;</a>", K::EntityReference, 3),
        ("<t:a/>", K::UndeclaredFirstLevelPrefix, 1),
    ];
    for (text, kind, at) in bad {
        let fault = checker.check(text).expect_err(text);
        assert_eq!((fault.kind, fault.position), (kind, at), "{text}");
        checker
            .check("<a/>")
            .expect("the checker can be used again");
    }
    assert_eq!(checker.check("<a/>").unwrap().ns(), "jabber:client");
    let mut limits = FrameLimits::default();
    limits.frame_bytes = 100;
    let mut checker = Checker::new(limits, "jabber:client", &[]);
    for length in 99..200 {
        let text = format!("<a>{}</a>", "x".repeat(length - 7));
        let fault = checker.check(&text).err().map(|f| (f.kind, f.position));
        let limit = (K::Limit(LimitKind::FrameBytes), 100);
        assert_eq!(fault, (length > 100).then_some(limit), "{length}");
    }
}

#[test]
fn scopes_take_only_what_a_header_could_declare() {
    let scope = Scope::new(
        "u",
        &[
            ("p", "v"),
            ("xml", "w"),
            ("xmlns", "w"),
            ("q", ""),
            ("r s", "w"),
            ("t", "\u{1}"),
        ],
    );
    assert_eq!(scope.iter().collect::<Vec<_>>(), [("", "u"), ("p", "v")]);
    assert_eq!(Scope::new("", &[]), Scope::default());
}

/// Declares the prefixes `p0`, `p1` and so on, with these namespaces.
fn declarations(namespaces: &[String]) -> String {
    joined(namespaces.len(), |i| {
        format!(" xmlns:p{i}='{}'", namespaces[i])
    })
}

fn joined(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

#[test]
fn of_many_prefixes_each_means_what_its_innermost_declaration_says() {
    for count in [1_usize, 2, 15, 16, 17, 18, 31, 40, 300] {
        let limits = wide();
        let outer: Vec<String> = (0..count).map(|i| format!("urn:{}", i / 2)).collect();
        let inner: Vec<String> = (0..count.div_ceil(2)).map(|i| format!("in:{i}")).collect();
        let names = joined(count, |i| format!("<p{i}:n p{i}:m=''/>"));
        let text = format!(
            "<a{}>{names}<b{}>{names}<c{}/>{names}</b>{names}</a>",
            declarations(&outer),
            declarations(&inner),
            declarations(&outer),
        );
        let stanza = StanzaBuf::parse_in(&text, &scope(), limits).expect("well-formed");
        let hidden = inner.iter().chain(outer.iter().skip(inner.len()));
        let expected = |namespaces: &[String], of: Vec<xmpp_stream::xml::Element<'_>>| {
            let names = of.iter().filter(|element| element.name() == "n");
            let found: Vec<(String, String)> = names
                .map(|n| (n.ns().into(), n.attrs().map(|a| a.ns()).collect()))
                .collect();
            let namespaces = namespaces.iter().map(|ns| (ns.clone(), ns.clone()));
            let rounds = found.len() / namespaces.len();
            assert!(rounds == 2, "{count}");
            let expected: Vec<_> = namespaces.collect();
            assert_eq!(found, [expected.clone(), expected].concat(), "{count}");
        };
        let stanza = stanza.as_stanza();
        expected(&outer, stanza.children().collect());
        let b = stanza
            .children()
            .find(|child| child.name() == "b")
            .expect("b");
        let hidden: Vec<String> = hidden.cloned().collect();
        expected(&hidden, b.children().collect());
        // All that names rely on is declared again, once each.
        for child in b.children().filter(|child| child.name() == "n") {
            let alone = StanzaBuf::parse(&child.standalone()).expect("stands alone");
            assert_eq!(tree(alone.as_stanza().as_element()), tree(child));
        }
    }
}

#[test]
fn duplicates_are_found_among_attributes_of_any_number_and_namespaces_of_any_length() {
    let long = "n".repeat(3000);
    for count in [2_usize, 3, 15, 16, 17, 18, 40, 300] {
        let different: Vec<String> = (0..count).map(|i| format!("{long}{i}")).collect();
        let attributes = joined(count, |i| format!(" p{i}:c=''"));
        let text = |namespaces: &[String], more: &str| {
            format!("<a{}><b{attributes}{more}/></a>", declarations(namespaces))
        };
        let result = |text: &str| {
            let parsed = StanzaBuf::parse_in(text, &scope(), wide());
            parsed.err().map(|fault| (fault.kind, fault.position))
        };
        assert_eq!(result(&text(&different, " c='' xml:c=''")), None, "{count}");
        for (first, second) in [(0, 1), (0, count - 1), (count / 2, count - 1)] {
            if first == second {
                continue;
            }
            // The same name, once written with a reference.
            let mut alike = different.clone();
            alike[second] = alike[first].replacen('n', "&#110;", 1);
            let text = text(&alike, " x=''");
            let at = text.rfind(&format!("p{second}:c")).unwrap() as u64;
            let expected = Some((K::DuplicateAttribute, at));
            assert_eq!(result(&text), expected, "{count} {first} {second}");
        }
        // Of several the last one is reported.
        let text = text(&different, " d='' p0:d='' d='' p0:d='' e=''");
        let at = text.rfind("p0:d").unwrap() as u64;
        assert_eq!(result(&text), Some((K::DuplicateAttribute, at)), "{count}");
    }
}

#[test]
fn duplicates_are_found_across_the_stream_header_and_the_stanza() {
    for count in [2_usize, 15, 16, 17, 40, 300] {
        let namespaces: Vec<String> = (0..count).map(|i| format!("urn:{}", i / 2)).collect();
        let names: Vec<String> = (0..count).map(|i| format!("p{i}")).collect();
        let prefixes: Vec<(&str, &str)> = names
            .iter()
            .map(String::as_str)
            .zip(namespaces.iter().map(String::as_str))
            .collect();
        let scope = Scope::new("jabber:client", &prefixes);
        let last = count - 1;
        assert_eq!(scope.get(&format!("p{last}")), Some(&*namespaces[last]));
        assert_eq!(scope.get("p"), None);
        for (text, duplicate) in [
            (format!("<a p0:c='' p{last}:c=''/>"), count == 2),
            ("<a p0:c='' p1:c=''/>".into(), true),
            (
                format!("<a xmlns:q='urn:{}' q:c='' p{last}:c=''/>", last / 2),
                true,
            ),
            (format!("<a xmlns:q='urn:x' q:c='' p{last}:c=''/>"), false),
            (
                format!("<a xmlns:q='urn:x' xmlns:r='urn:x' q:c='' p{last}:c='' r:c=''/>"),
                true,
            ),
        ] {
            let parsed = StanzaBuf::parse_in(&text, &scope, wide());
            let kind = parsed.err().map(|fault| fault.kind);
            assert_eq!(
                kind,
                duplicate.then_some(K::DuplicateAttribute),
                "{count} {text}"
            );
        }
    }
}

fn wide() -> FrameLimits {
    let mut limits = FrameLimits::default();
    limits.frame_bytes = 8 << 20;
    limits.namespaces = u16::MAX;
    limits.attributes = u16::MAX;
    limits
}

/// A tree to write and read back.
#[derive(Clone, Debug)]
enum Tree {
    Text(String),
    Element(&'static str, Vec<(&'static str, String)>, Vec<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let text = any::<String>().prop_map(|s| {
        s.chars()
            .filter(|&c| escape_text(c.encode_utf8(&mut [0; 4])).is_ok())
            .collect::<String>()
    });
    let name = prop::sample::select(vec!["a", "message", "s:b", "\u{e9}"]);
    let attributes = (
        prop::option::of(text.clone()),
        prop::option::of(text.clone()),
    )
        .prop_map(|(a, b)| {
            a.map(|v| ("id", v))
                .into_iter()
                .chain(b.map(|v| ("s:x", v)))
                .collect::<Vec<_>>()
        });
    let leaf = prop_oneof![
        text.prop_map(Tree::Text),
        (name.clone(), attributes.clone()).prop_map(|(n, a)| Tree::Element(n, a, vec![])),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        (
            name.clone(),
            attributes.clone(),
            prop::collection::vec(inner, 0..5),
        )
            .prop_map(|(n, a, c)| Tree::Element(n, a, c))
    })
}

fn write(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Text(text) => _ = write!(out, "{}", escape_text(text).unwrap()),
        Tree::Element(name, attributes, children) => {
            let _ = write!(out, "<{name}");
            for (name, value) in attributes {
                let _ = write!(out, " {name}='{}'", escape_attr(value).unwrap());
            }
            out.push('>');
            for child in children {
                write(child, out);
            }
            let _ = write!(out, "</{name}>");
        }
    }
}

/// Returns what [`tree`] must return for what was read.
fn expected(node: &Tree, text: &mut String, out: &mut String) {
    let flush = |text: &mut String, out: &mut String| {
        if !text.is_empty() {
            let _ = write!(out, " {text:?}");
            text.clear();
        }
    };
    match node {
        Tree::Text(t) => text.push_str(t),
        Tree::Element(name, attributes, children) => {
            flush(text, out);
            let qualified = |name: &str, default: &str| match name.split_once(':') {
                Some((_, local)) => format!("{{urn:s}}{local}"),
                None => format!("{{{default}}}{name}"),
            };
            let _ = write!(out, "({}", qualified(name, "jabber:client"));
            let mut attributes: Vec<String> = attributes
                .iter()
                .map(|(n, v)| format!(" {}={v:?}", qualified(n, "")))
                .collect();
            attributes.sort();
            out.push_str(&attributes.concat());
            for child in children {
                expected(child, text, out);
            }
            flush(text, out);
            out.push(')');
        }
    }
}

#[test]
fn a_stanza_that_is_kept_keeps_its_namespaces_when_its_stream_restarts() {
    let header = |p: &str, uri: &str| format!("<s xmlns='{uri}' xmlns:{p}='urn:{p}'>");
    let mut framer = Framer::new(FrameLimits::default());
    let mut kept = Vec::new();
    for (p, uri) in [("p", "urn:1"), ("q", "urn:2"), ("r", "urn:3")] {
        framer.push(header(p, uri).as_bytes());
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
        framer.push(format!("<{p}:a><b/></{p}:a>").as_bytes());
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
        if let Some(Frame::Element(stanza)) = framer.frame() {
            kept.push((stanza.to_owned(), format!("urn:{p}"), uri));
        }
        framer.restart();
        assert_eq!(framer.scope().iter().count(), 0);
    }
    assert_eq!(kept.len(), 3);
    for (stanza, name, content) in &kept {
        let stanza = stanza.as_stanza();
        assert_eq!(stanza.ns(), name);
        assert!(stanza.child("b", content).is_some(), "{content}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(body in trees(), chunk in 1..40_usize) {
        let root = Tree::Element("message", vec![], vec![body]);
        let (mut text, mut wanted) = (String::new(), String::new());
        write(&root, &mut text);
        expected(&root, &mut String::new(), &mut wanted);
        let stream = format!("<s xmlns='jabber:client' xmlns:s='urn:s'>{text}");
        let mut framer = Framer::new(FrameLimits::default());
        let mut found = None;
        for bytes in stream.as_bytes().chunks(chunk) {
            prop_assert_eq!(framer.push(bytes), bytes.len());
            while let Some(kind) = framer.poll().unwrap() {
                if let (FrameKind::Element, Some(Frame::Element(stanza))) = (kind, framer.frame()) {
                    let alone = StanzaBuf::parse(&stanza.standalone()).unwrap();
                    prop_assert_eq!(tree(alone.as_stanza().as_element()), tree(stanza.as_element()));
                    found = Some(tree(stanza.as_element()));
                }
            }
        }
        prop_assert_eq!(found, Some(wanted));
        let mut checker = Checker::new(FrameLimits::default(), "jabber:client", &[("s", "urn:s")]);
        prop_assert!(checker.check(&text).is_ok());
    }

    #[test]
    fn whatever_comes_is_judged_alike_in_any_chunks(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<", ">", "/", "a", "<a", "<b ", "</a>", "</b>", "/>", "='", "'", "\"", " ", "x='1'", "&", "amp;", "&lt;",
            "]]>", "<![CDATA[", "xmlns", ":", "p:", "<p:a xmlns:p='u'>", "</p:a>", "é", "\u{FFFE}", "\u{1}", "<!--", "<?",
            "\n", "</stream:stream>", "text",
        ]), 0..30),
        bytes in prop::collection::vec(any::<u8>(), 0..4),
        chunk in 1..20_usize,
    ) {
        let stream = [HEADER.as_bytes(), parts.concat().as_bytes(), &bytes].concat();
        let mut limits = FrameLimits::default();
        limits.frame_bytes = 60;
        let whole = xml::run(&stream, limits);
        prop_assert_eq!(&whole, &xml::run_split(&stream, chunk, limits));
        prop_assert_eq!(&whole, &xml::run_split(&stream, 1, limits));
    }
}

#[test]
fn everything_can_go_to_another_thread() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Framer>();
    check::<Checker>();
    check::<StanzaBuf>();
}
