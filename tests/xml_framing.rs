//! Framing: what is refused and how, what is accepted, and that neither depends on chunks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod xml;

use xml::{HEADER, Seen, run, run_split};
use xmpp_stream::xml::{
    Frame, FrameKind, FrameLimits, Framer, LimitKind, XmlError, XmlErrorClass, XmlErrorKind as K,
};

/// What must be refused inside a stream: the input after the header, the kind of the error, and its
/// offset within the input.
const REFUSED: &[(&str, K, u64)] = &[
    ("<<", K::Syntax, 0),
    // Restricted by RFC 6120 11.1, at every level.
    ("<a><!-- c --></a>", K::Comment, 3),
    ("<!-- c -->", K::Comment, 0),
    ("<a><?php x?></a>", K::ProcessingInstruction, 3),
    ("<?php x?>", K::ProcessingInstruction, 0),
    ("<?xml-stylesheet x?>", K::ProcessingInstruction, 0),
    ("<a><!DOCTYPE a></a>", K::Doctype, 3),
    ("<!DOCTYPE a>", K::Doctype, 0),
    ("<!ENTITY a 'b'>", K::Doctype, 0),
    ("<a>&foo;</a>", K::EntityReference, 3),
    ("<a b='&foo;'/>", K::EntityReference, 6),
    ("<a b='x&amp;yz&foo;'/>", K::EntityReference, 14),
    ("<a>&AMP;</a>", K::EntityReference, 3),
    // An XML declaration stands at the start of a stream.
    ("<?xml version='1.0'?>", K::MisplacedDeclaration, 0),
    ("<a><?xml version='1.0'?></a>", K::MisplacedDeclaration, 3),
    // Not well-formed.
    ("<a>a & b</a>", K::BareAmpersand, 5),
    ("<a>&</a>", K::BareAmpersand, 3),
    ("<a>&amp</a>", K::BareAmpersand, 3),
    ("<a b='&'/>", K::BareAmpersand, 6),
    ("<a>&#0;</a>", K::InvalidCharacterReference, 3),
    ("<a>&#xD800;</a>", K::InvalidCharacterReference, 3),
    ("<a>&#xFFFE;</a>", K::InvalidCharacterReference, 3),
    ("<a>&#x110000;</a>", K::InvalidCharacterReference, 3),
    ("<a b='&#x1;'/>", K::InvalidCharacterReference, 6),
    ("<a>\u{1}</a>", K::InvalidCharacter, 3),
    ("<a>\u{16}</a>", K::InvalidCharacter, 3),
    ("<a>x\u{0}</a>", K::InvalidCharacter, 4),
    ("<a>x\u{FFFE}</a>", K::InvalidCharacter, 4),
    ("<a>x\u{FFFF}</a>", K::InvalidCharacter, 4),
    ("<a b='\u{b}'/>", K::InvalidCharacter, 6),
    ("<a>]]></a>", K::CdataEnd, 3),
    ("<a>x]]]></a>", K::CdataEnd, 5),
    ("<a></b>", K::MismatchedTag, 3),
    ("<a><b></a></b>", K::MismatchedTag, 6),
    ("<a/></a>", K::MismatchedTag, 4),
    ("<a></A>", K::MismatchedTag, 3),
    ("<a></ a>", K::Syntax, 3),
    ("<a></a b='c'>", K::Syntax, 3),
    ("<a></>", K::Syntax, 3),
    ("<a><</a>", K::Syntax, 3),
    ("<a>< b/></a>", K::Syntax, 3),
    ("<a", K::Syntax, 2), // with the `<` that is appended below
    ("<a <b/>", K::Syntax, 3),
    ("<a b/>", K::Syntax, 4),
    ("<a b=c/>", K::Syntax, 5),
    ("<a b='c/><d e='f'/>", K::LessThanInAttribute, 9),
    ("<a b='c'd='e'/>", K::Syntax, 8),
    ("<a b=\"c'/><d/>", K::LessThanInAttribute, 10),
    ("<a / >", K::Syntax, 3),
    ("<a/ >", K::Syntax, 2),
    ("<1a/>", K::Syntax, 0),
    ("<-a/>", K::Syntax, 0),
    ("<a 1b='c'/>", K::Syntax, 3),
    ("<a\u{d7}/>", K::Syntax, 2), // U+00D7 is no name character
    ("<\u{b7}a/>", K::Syntax, 1), // U+00B7 starts no name
    ("<a b='<'/>", K::LessThanInAttribute, 6),
    ("<a b='c' b='d'/>", K::DuplicateAttribute, 9),
    ("<a><![IGNORE[x]]></a>", K::Syntax, 3),
    ("<a><!x></a>", K::Doctype, 3),
    ("<a><![CDATAx", K::Syntax, 3),
    // Not namespace-well-formed.
    ("<:a/>", K::Syntax, 0),
    ("<a:/>", K::Syntax, 1),
    ("<stream:a:b/>", K::Syntax, 1),
    ("<a :b='1'/>", K::Syntax, 3),
    ("<x:a/>", K::UndeclaredFirstLevelPrefix, 1),
    ("<a><x:b/></a>", K::UndeclaredPrefix, 4),
    ("<a x:b='1'/>", K::UndeclaredPrefix, 3),
    ("<a><b xmlns:x='u'/><x:c/></a>", K::UndeclaredPrefix, 20),
    ("<a xmlns:x=''/>", K::EmptyNamespace, 3),
    ("<a xmlns:xml='u'/>", K::ReservedNamespace, 3),
    ("<a xmlns:xmlns='u'/>", K::ReservedNamespace, 3),
    (
        "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
        K::ReservedNamespace,
        3,
    ),
    (
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        K::ReservedNamespace,
        3,
    ),
    (
        "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        K::ReservedNamespace,
        3,
    ),
    (
        "<a xmlns='http://www.w3.org/XML/1998/name&#115;pace'/>",
        K::ReservedNamespace,
        3,
    ),
    ("<xmlns:a/>", K::ReservedNamespace, 1),
    (
        "<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>",
        K::DuplicateAttribute,
        35,
    ),
    ("<a xmlns='u' xmlns='v'/>", K::DuplicateAttribute, 13),
    // Text where only white space may stand.
    ("hello", K::TextBetweenStanzas, 0),
    (" \n.", K::TextBetweenStanzas, 2),
    ("&#32;", K::TextBetweenStanzas, 0),
    ("<a/>\u{FEFF}<b/>", K::TextBetweenStanzas, 4),
    ("<![CDATA[ ]]>", K::TextBetweenStanzas, 0),
    // The closing tag.
    ("</stream>", K::MismatchedTag, 0),
    ("</s:stream>", K::MismatchedTag, 0),
    ("</stream:stream>x", K::AfterFooter, 16),
    ("</stream:stream><a/>", K::AfterFooter, 16),
    (
        "</stream:stream>\n<?xml version='1.0'?>",
        K::AfterFooter,
        17,
    ),
];

#[test]
fn rfc6120_11_everything_illegal_inside_a_stream_is_refused() {
    for &(input, kind, at) in REFUSED {
        // A `<` decides what was left open.
        let stream = format!("{HEADER}{input}<");
        let seen = run(stream.as_bytes(), FrameLimits::default());
        let expected = XmlError::kind_at(kind, HEADER.len() as u64 + at);
        assert_eq!(seen.end_kind(), Some(expected), "{input}");
    }
}

/// What must be refused at the start of a stream.
const REFUSED_FIRST: &[(&[u8], K, u64)] = &[
    (b" <?xml version='1.0'?>", K::MisplacedDeclaration, 1),
    (
        b"<?xml version='1.0'?><?xml version='1.0'?>",
        K::MisplacedDeclaration,
        21,
    ),
    (b"<?xml version='1.0' standalone='no'?>", K::Standalone, 0),
    (b"<?xml version='1.0' standalone='yes'?>", K::Standalone, 0),
    (
        b"<?xml version='1.0' standalone='x'?>",
        K::MalformedDeclaration,
        0,
    ),
    (b"<?xml version='2.0'?>", K::MalformedDeclaration, 0),
    (b"<?xml version='1.'?>", K::MalformedDeclaration, 0),
    (b"<?xml version='1.x'?>", K::MalformedDeclaration, 0),
    (b"<?xml version='1.0a'?>", K::MalformedDeclaration, 0),
    (b"<?xml?>", K::MalformedDeclaration, 0),
    (b"<?xml version='1.0'>", K::MalformedDeclaration, 0),
    (
        b"<?xml encoding='UTF-8' version='1.0'?>",
        K::MalformedDeclaration,
        0,
    ),
    (
        b"<?xml version='1.0'encoding='UTF-8'?>",
        K::MalformedDeclaration,
        0,
    ),
    (
        b"<?xml version='1.0' encoding='UTF-16'?>",
        K::UnsupportedEncoding,
        0,
    ),
    (
        b"<?xml version='1.0' encoding='ISO-8859-1'?>",
        K::UnsupportedEncoding,
        0,
    ),
    (
        b"<?xml version='1.0' encoding='-'?>",
        K::MalformedDeclaration,
        0,
    ),
    (b"\xFE\xFF\x00<", K::UnsupportedEncoding, 0),
    (b"\xFF\xFE<\x00", K::UnsupportedEncoding, 0),
    (b"\x00<", K::UnsupportedEncoding, 0),
    (b"<\x00", K::UnsupportedEncoding, 0),
    (b"\xEF\xBB\xBF<?xml version='1.0'?>", K::TextBeforeHeader, 0),
    (b"GET / HTTP/1.1\r\n", K::TextBeforeHeader, 0),
    (b"\x16\x03\x01\x02", K::TlsRecord, 0),
    (b"\x15\x03\x03\x00\x02", K::TlsRecord, 0),
    (b"\x01<", K::InvalidCharacter, 0),
    (b"\x80", K::InvalidUtf8, 0),
    (b"<!DOCTYPE x>", K::Doctype, 0),
    (b"<?xml version='1.0'?><!DOCTYPE x>", K::Doctype, 21),
    (b"<!-- c -->", K::Comment, 0),
    (b"<?pi?>", K::ProcessingInstruction, 0),
    (b"</stream:stream>", K::MismatchedTag, 0),
    (b"<![CDATA[", K::TextBeforeHeader, 0),
    (b"<stream:stream>", K::UndeclaredPrefix, 1),
    (b"<s xmlns='u' xmlns='u'>", K::DuplicateAttribute, 13),
];

#[test]
fn rfc6120_11_5_everything_illegal_before_a_header_is_refused_at_once() {
    for &(input, kind, at) in REFUSED_FIRST {
        let seen = run(input, FrameLimits::default());
        let shown = String::from_utf8_lossy(input);
        assert_eq!(
            seen.end_kind(),
            Some(XmlError::kind_at(kind, at)),
            "{shown}"
        );
        assert_eq!(seen.frames, [""; 0], "{shown}");
    }
}

#[test]
fn rfc6120_11_6_invalid_utf8_is_refused_wherever_it_stands() {
    let wrong: &[&[u8]] = &[
        b"\xC0\x80",
        b"\xC1\xBC",
        b"\xE0\x80\xBC",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\x80",
        b"\xFF",
        b"\xE2\x82<",
        b"\xF0\x9F\x98<",
    ];
    for bytes in wrong {
        for before in [
            "",
            "<a>",
            "<a b='",
            "<a",
            "<",
            "<a>&",
            "<a><![CDATA[",
            "</stream:stream",
        ] {
            let stream = [HEADER.as_bytes(), before.as_bytes(), bytes, b"</a>"].concat();
            let at = (HEADER.len() + before.len()) as u64;
            let seen = run(&stream, FrameLimits::default());
            let expected = XmlError::kind_at(K::InvalidUtf8, at);
            assert_eq!(seen.end_kind(), Some(expected), "{before}{bytes:x?}");
        }
    }
}

/// Legal spellings, each of one first-level element or none, after which the stream goes on.
const ACCEPTED: &[(&str, usize)] = &[
    ("<message/>", 1),
    ("<message></message>", 1),
    ("<message ></message\t\r\n >", 1),
    ("<message\n\tfrom\r=\n'a'\t to = \"b\" />", 1),
    ("<a b='\"' c=\"'\" d='>' e='/>'/>", 1),
    (
        "<a from='' prom='' b='' xmlns:b='u' xmlns:c='u' b:d='' xml:d=''/>",
        1,
    ),
    (
        "<a>&amp;&lt;&gt;&apos;&quot;&#65;&#x41;&#x10FFFF;&#9;</a>",
        1,
    ),
    ("<a b='&amp;&#10;&#xD;'/>", 1),
    ("<a><![CDATA[<b>&foo;]] ]]]]><![CDATA[>]]></a>", 1),
    ("<a>x<![CDATA[]]>]<![CDATA[]]>></a>", 1),
    ("<a>]] > ]]&gt; > ></a>", 1),
    ("<a><![CDATA[x]]>></a>", 1),
    ("<x:a xmlns:x='u'><x:b x:c='1' c='1'/></x:a>", 1),
    ("<a xmlns:x='u' xmlns:y='v' x:b='1' y:b='2' b='3'/>", 1),
    ("<a xmlns=''/>", 1),
    ("<a xmlns='u'><b xmlns=''/></a>", 1),
    (
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
        1,
    ),
    ("<stream:stream><stream:stream/></stream:stream>", 1),
    ("<stream:error/>", 1),
    (
        "<\u{e9}l\u{e9}ment \u{4e2d}='\u{1F600}'>\u{FEFF}\u{7f}\u{85}</\u{e9}l\u{e9}ment>",
        1,
    ),
    ("<a.b-c_d0/>", 1),
    (
        "<a b='1\n2\t3\r\n4\r5' c='6789'>a\r\nb\rc\n<![CDATA[d\r\ne]]>f</a>",
        1,
    ),
    ("<_/>", 1),
    ("<a>\u{FFFD}\u{E000}\u{FE0F}\u{10FFFF}</a>", 1),
    ("<a/><b/><c></c>", 3),
    (" \r\n\t<a/> ", 1),
    ("<a><b>1</b>2<b/>3</a>", 1),
];

#[test]
fn legal_spellings_are_accepted() {
    for &(input, elements) in ACCEPTED {
        let stream = format!("{HEADER}{input}</stream:stream >\r\n ");
        let seen = run(stream.as_bytes(), FrameLimits::default());
        assert_eq!(seen.end, None, "{input}");
        let found = seen
            .frames
            .iter()
            .filter(|f| f.starts_with("element "))
            .count();
        assert_eq!(found, elements, "{input}: {seen:?}");
        assert_eq!(
            seen.frames.last().map(String::as_str),
            Some("footer"),
            "{input}"
        );
    }
}

#[test]
fn legal_starts_are_accepted() {
    let starts = [
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
        "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
        "<?xml version=\"1.0\" encoding='utf-8' ?>\n<s xmlns='http://etherx.jabber.org/streams'>",
        "<?xml\nversion = '1.1'\tencoding = \"UTF-8\"?> <s>",
        " \r\n<s>",
        "<s a='b'\n>",
    ];
    for start in starts {
        let seen = run(start.as_bytes(), FrameLimits::default());
        assert_eq!(seen.end, None, "{start}");
        assert_eq!(seen.frames.len(), 1, "{start}");
        assert!(seen.frames[0].starts_with("header "), "{start}");
    }
}

#[test]
fn frames_and_faults_do_not_depend_on_chunks() {
    let mut streams: Vec<Vec<u8>> = Vec::new();
    for &(input, _, _) in REFUSED {
        streams.push(format!("{HEADER}{input}").into_bytes());
        streams.push(format!("{HEADER}<a>t</a> {input}<").into_bytes());
    }
    for &(input, _) in ACCEPTED {
        streams.push(format!("{HEADER}{input}</stream:stream>").into_bytes());
    }
    streams.extend(REFUSED_FIRST.iter().map(|&(input, _, _)| input.to_vec()));
    for tail in [&b"\xE2\x82"[..], b"\xC0<", b"\xF0\x9F\x98\x80<"] {
        streams.push([HEADER.as_bytes(), b"<a>&am", tail, b"p;</a>"].concat());
        streams.push([HEADER.as_bytes(), b"<a b='", tail, b"'/>"].concat());
    }
    let small = FrameLimits::default();
    let mut tight = small;
    tight.frame_bytes = 24;
    tight.name_bytes = 13; // The name of the header has as many.
    for stream in &streams {
        for limits in [small, tight] {
            let whole = run(stream, limits);
            let bytewise = run_split(stream, 1, limits);
            assert_eq!(whole, bytewise, "{}", String::from_utf8_lossy(stream));
            for at in 0..=stream.len() {
                let (a, b) = stream.split_at(at);
                let split = Seen::collect(&[a, b], limits);
                assert_eq!(whole, split, "{at}: {}", String::from_utf8_lossy(stream));
            }
        }
    }
}

/// Streams that must be read correctly byte by byte.
fn streams() -> Vec<Vec<u8>> {
    let mut streams: Vec<Vec<u8>> = Vec::new();
    for &(input, _, _) in REFUSED {
        streams.push(format!("{HEADER}<a>t</a> {input}<").into_bytes());
    }
    for &(input, _) in ACCEPTED {
        streams.push(format!("{HEADER}{input}{input}</stream:stream>").into_bytes());
    }
    streams.extend(REFUSED_FIRST.iter().map(|&(input, _, _)| input.to_vec()));
    let mixed = "caf\u{e9} \u{4e2d}\u{1F600}\u{FFFD}\t\r\n";
    for (before, after) in [
        ("<a>", "]]></a>"),
        ("<a>]]", "</a>"),
        ("<a b='", "'/>"),
        ("<a b=\"'>", "\"/>"),
        ("<a ", "<"),
        ("<a></a", "x>"),
        ("<a><![CDATA[", "]]></a>"),
        (
            "<a>&amp;",
            "&#x1F600;&#0000000000065;&#00000000000065;&#000000000000065;</a>",
        ),
    ] {
        for filling in [
            String::new(),
            mixed.into(),
            mixed.repeat(20),
            "x".repeat(1100),
        ] {
            for wrong in [
                &b""[..],
                b"\xC0",
                b"\xE2<",
                b"\xEF\xBF\xBE",
                b"\xF0\x9F\x98",
                b"\0",
            ] {
                let parts = [HEADER, before, &filling].map(str::as_bytes).concat();
                streams.push([&parts, wrong, after.as_bytes()].concat());
            }
        }
    }
    streams
}

#[test]
fn byte_by_byte_every_frame_and_fault_shows_with_the_byte_that_brings_it_about() {
    let mut tight = FrameLimits::default();
    tight.frame_bytes = 700;
    tight.name_bytes = 13; // The name of the header has as many.
    for stream in streams() {
        for limits in [FrameLimits::default(), tight] {
            let mut bytewise = Framer::new(limits);
            let mut fed = Framer::new(limits);
            let (mut frames, mut fed_frames) = (0, 0);
            for end in 1..=stream.len() {
                assert_eq!(bytewise.push(&stream[end - 1..end]), 1);
                let fault = drain(&mut bytewise, &mut frames);
                let shown = || String::from_utf8_lossy(&stream[..end]).into_owned();
                let fed_fault = feed(&mut fed, &stream[end - 1..end], &mut fed_frames);
                assert_eq!(fault, fed_fault, "{}", shown());
                assert_eq!(frames, fed_frames, "{}", shown());
                assert_eq!(bytewise.unread(), fed.unread(), "{}", shown());
                if fault.is_none() {
                    assert!(bytewise.unread().is_empty(), "{}", shown());
                }
                // The long streams are of interest where the bytes that wait are read.
                if end > 300 && end % 64 > 2 && end + 40 < stream.len() && fault.is_none() {
                    continue;
                }
                let mut at_once = Framer::new(limits);
                assert_eq!(at_once.push(&stream[..end]), end);
                let mut expected = 0;
                assert_eq!(fault, drain(&mut at_once, &mut expected), "{}", shown());
                assert_eq!(frames, expected, "{}", shown());
                assert_eq!(bytewise.is_partial(), at_once.is_partial(), "{}", shown());
                if fault.is_some() {
                    break;
                }
            }
        }
    }
}

#[test]
fn after_a_chunk_of_any_length_bytes_are_judged_as_early_as_ever() {
    let limits = FrameLimits::default();
    let short = streams()
        .into_iter()
        .filter(|s| s.len() < HEADER.len() + 60);
    for stream in short.filter(|s| s.starts_with(HEADER.as_bytes())) {
        let expected: Vec<_> = (0..=stream.len())
            .map(|end| {
                let (mut framer, mut frames) = (Framer::new(limits), 0);
                let fault = feed(&mut framer, &stream[..end], &mut frames);
                (frames, fault)
            })
            .collect();
        for chunk in HEADER.len()..stream.len() {
            let (mut framer, mut frames) = (Framer::new(limits), 0);
            let mut fault = feed(&mut framer, &stream[..chunk], &mut frames);
            for end in chunk + 1..=stream.len() {
                if fault.is_some() {
                    break;
                }
                fault = feed(&mut framer, &stream[end - 1..end], &mut frames);
                let shown = || String::from_utf8_lossy(&stream[..end]).into_owned();
                assert_eq!((frames, fault), expected[end], "{chunk}: {}", shown());
            }
        }
    }
}

fn feed(framer: &mut Framer, mut bytes: &[u8], frames: &mut usize) -> Option<XmlError> {
    loop {
        match framer.feed(&mut bytes) {
            Ok(None) => return None,
            Ok(Some(_)) => *frames += 1,
            Err(fault) => return Some(fault),
        }
    }
}

fn drain(framer: &mut Framer, frames: &mut usize) -> Option<XmlError> {
    loop {
        match framer.poll() {
            Ok(None) => return None,
            Ok(Some(_)) => *frames += 1,
            Err(fault) => return Some(fault),
        }
    }
}

#[test]
fn a_character_cut_by_a_chunk_is_judged_with_its_next_byte() {
    for before in [
        "<a>",
        "<a>t",
        "<a b='",
        "<a b=\"",
        "<a ",
        "<a></a ",
        "<a><![CDATA[",
    ] {
        for cut in [&b"\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98"] {
            let mut framer = Framer::new(FrameLimits::default());
            framer.push(&[HEADER.as_bytes(), before.as_bytes(), cut].concat());
            assert_eq!(drain(&mut framer, &mut 0), None);
            framer.push(b"x");
            let fault = drain(&mut framer, &mut 0).map(|fault| (fault.kind, fault.position));
            let at = (HEADER.len() + before.len()) as u64;
            assert_eq!(
                fault,
                Some(XmlError::kind_at(K::InvalidUtf8, at)),
                "{before}"
            );
        }
    }
}

#[test]
fn what_waits_to_be_read_is_no_unread_byte_and_does_not_survive_a_restart() {
    for (before, waiting) in [
        ("", "<sec"),
        ("<a>", "secret"),
        ("<a b='", "secret \u{e9}"),
        ("<a>", "\u{e9}\u{1F600}"),
        ("<a><![CDATA[", "secret"),
    ] {
        for cut in 0..waiting.len() {
            let mut framer = Framer::new(FrameLimits::default());
            framer.push([HEADER, before].concat().as_bytes());
            assert_eq!(drain(&mut framer, &mut 0), None);
            for (at, &byte) in waiting.as_bytes()[..=cut].iter().enumerate() {
                // By either way, and changing between them.
                if (at + cut) % 3 == 0 {
                    assert_eq!(framer.push(&[byte]), 1);
                    assert_eq!(*framer.unread(), [byte]);
                    assert_eq!(framer.poll(), Ok(None));
                } else {
                    assert_eq!(framer.feed(&mut &[byte][..]), Ok(None));
                }
                assert!(framer.unread().is_empty());
                assert!(framer.is_partial());
                assert!(framer.capacity() >= 16_384);
            }
            // Pushed, but not polled: as ever, unread.
            framer.push(b"<");
            assert_eq!(*framer.unread(), *b"<");
            framer.restart();
            assert_eq!(*framer.unread(), *b"<");
            framer.push(b"s>");
            assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)), "{waiting}");
        }
    }
}

#[test]
fn every_way_to_put_bytes_in_goes_on_where_the_last_one_stopped() {
    let stanza = "<a b='c\u{e9}d'>text &amp; more \u{1F600}<e/></a>".repeat(60);
    let expected = run(
        format!("{HEADER}{stanza}").as_bytes(),
        FrameLimits::default(),
    );
    for pattern in 0..128_u32 {
        let mut framer = Framer::new(FrameLimits::default());
        let mut frames = Vec::new();
        let stream = format!("{HEADER}{stanza}");
        let mut rest = stream.as_bytes();
        let mut turn = pattern;
        while !rest.is_empty() {
            turn = turn.rotate_right(1);
            let n = if turn & 2 == 0 { 1 } else { 3.min(rest.len()) };
            let (chunk, after) = rest.split_at(n);
            rest = after;
            match turn & 5 {
                0 => assert_eq!(framer.push(chunk), n),
                1 => {
                    let mut chunk = chunk;
                    while framer.feed(&mut chunk).unwrap().is_some() {
                        frames.extend(framer.frame().map(xml::describe));
                    }
                }
                4 => {
                    framer.window()[..n].copy_from_slice(chunk);
                    framer.pushed(n);
                }
                _ => {
                    framer.shrink();
                    assert_eq!(framer.push(chunk), n);
                }
            }
            if turn & 8 == 0 || rest.is_empty() {
                while framer.poll().unwrap().is_some() {
                    frames.extend(framer.frame().map(xml::describe));
                }
            }
        }
        assert_eq!(frames, expected.frames, "{pattern}");
    }
}

#[test]
fn no_more_than_a_window_is_taken_before_it_is_read() {
    // A restart keeps all of it, what became text at once and what waits.
    let stanzas = "<a/>".repeat(4000);
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(HEADER.as_bytes());
    while framer.poll().unwrap().is_some() {}
    framer.push(stanzas.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    for restarts in 0..3 {
        while framer.capacity() > 0 {
            let room = framer.capacity();
            let taken = framer.push(stanzas.as_bytes());
            assert_eq!(taken, room.min(stanzas.len()));
            let room = framer.window().len();
            assert_eq!(room, framer.capacity());
            framer.pushed(room.min(1));
        }
        assert!(framer.window().is_empty());
        assert_eq!(framer.push(b"<"), 0, "nor a single byte");
        assert!(
            framer.has_unread() && framer.unread().len() <= 17 * 1024,
            "{restarts}"
        );
        framer.restart();
    }
    // Here single bytes would have been inert.
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(format!("{HEADER}<a>").as_bytes());
    while framer.poll().unwrap().is_some() {}
    let text = "x".repeat(framer.capacity());
    assert_eq!(framer.push(text.as_bytes()), text.len());
    assert_eq!((framer.capacity(), framer.push(b"x")), (0, 0));
    // Nor is it after an error, when nothing is read any more.
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(b"<<");
    assert!(framer.poll().is_err());
    let mut taken = 0;
    while framer.capacity() > 0 {
        taken += framer.push(stanzas.as_bytes());
        assert!(framer.poll().is_err());
    }
    assert!(taken <= 17 * 1024, "{taken}");
}

#[test]
fn chunks_of_any_size_are_fed_to_their_end() {
    // These are more bytes than are stored at once, of one frame and of many that wait to be
    // polled.
    let long = format!("<a>{}</a>", "x".repeat(100_000));
    for (stanza, count) in [(long, 1), ("<a/>".repeat(30_000), 30_000)] {
        let stream = format!("{HEADER}{stanza}");
        let mut rest = stream.as_bytes();
        let mut framer = Framer::new(FrameLimits::default());
        let mut frames = 0;
        while framer.feed(&mut rest).unwrap().is_some() {
            frames += 1;
        }
        assert_eq!((frames, rest.len()), (1 + count, 0));
    }
}

#[test]
fn new_limits_hold_from_the_next_frame_on() {
    let mut tight = FrameLimits::default();
    tight.frame_bytes = 20;
    let stanza = format!("<a>{}</a>", "x".repeat(30));
    for chunk in [1, 7, 1000] {
        let mut framer = Framer::new(FrameLimits::default());
        framer.push(HEADER.as_bytes());
        assert_eq!(drain(&mut framer, &mut 0), None);
        framer.push(b"<a>");
        assert_eq!(drain(&mut framer, &mut 0), None);
        framer.set_limits(tight);
        let mut frames = 0;
        for part in stanza.as_bytes()[3..].chunks(chunk) {
            assert_eq!(feed(&mut framer, part, &mut frames), None);
        }
        assert_eq!(frames, 1, "it had begun before");
        let mut fault = None;
        for part in stanza.as_bytes().chunks(chunk) {
            fault = fault.or(feed(&mut framer, part, &mut frames));
        }
        let at = (HEADER.len() + stanza.len() + 20) as u64;
        let expected = XmlError::kind_at(K::Limit(LimitKind::FrameBytes), at);
        assert_eq!(fault.map(|f| (f.kind, f.position)), Some(expected));
    }
}

#[test]
fn every_limit_is_enforced_and_is_a_policy_violation() {
    let mut limits = FrameLimits::default();
    limits.frame_bytes = 1000;
    limits.header_bytes = 200;
    limits.depth = 4;
    limits.attributes = 5;
    limits.elements = 10;
    limits.name_bytes = 20;
    limits.namespaces = 5;
    let attributes = |n: usize| (0..n).fold(String::new(), |s, i| s + &format!(" a{i}=''"));
    let namespaces = |n: usize| (0..n).fold(String::new(), |s, i| s + &format!(" xmlns:n{i}='u'"));
    let name = |n: usize| "n".repeat(n);
    let cases: Vec<(String, Option<LimitKind>)> = vec![
        (format!("<a>{}</a>", "x".repeat(993)), None),
        // As many bytes as may be, and no end: nothing more is waited for.
        (
            format!("<a>{}", "x".repeat(997)),
            Some(LimitKind::FrameBytes),
        ),
        (
            format!("<a>{}</a>", "x".repeat(994)),
            Some(LimitKind::FrameBytes),
        ),
        (
            format!("<a b='{}", "x".repeat(1000)),
            Some(LimitKind::FrameBytes),
        ),
        (
            format!("<a{}", " ".repeat(1000)),
            Some(LimitKind::FrameBytes),
        ),
        (
            format!("<a><![CDATA[{}", "x".repeat(1000)),
            Some(LimitKind::FrameBytes),
        ),
        (
            format!("</stream:stream{}", " ".repeat(1000)),
            Some(LimitKind::FrameBytes),
        ),
        ("<a><a><a><a/></a></a></a>".into(), None),
        (
            "<a><a><a><a><a/></a></a></a></a>".into(),
            Some(LimitKind::Depth),
        ),
        (format!("<a{}/>", attributes(5)), None),
        (
            format!("<a{}/>", attributes(6)),
            Some(LimitKind::Attributes),
        ),
        (format!("<a>{}</a>", "<b/>".repeat(9)), None),
        (
            format!("<a>{}</a>", "<b/>".repeat(10)),
            Some(LimitKind::Elements),
        ),
        (
            format!("<a>{}</a>", "<![CDATA[]]>".repeat(10)),
            Some(LimitKind::Elements),
        ),
        (format!("<{}/>", name(20)), None),
        (format!("<{}/>", name(21)), Some(LimitKind::NameBytes)),
        (format!("<a {}=''/>", name(21)), Some(LimitKind::NameBytes)),
        (format!("<a>&{};</a>", name(21)), Some(LimitKind::NameBytes)),
        // The header declares two.
        (format!("<a{}/>", namespaces(3)), None),
        (
            format!("<a{}/>", namespaces(4)),
            Some(LimitKind::Namespaces),
        ),
        (
            format!("<a{}><b xmlns='v'/></a>", namespaces(3)),
            Some(LimitKind::Namespaces),
        ),
        (format!("<a>{}</a>", "<b xmlns='v'/>".repeat(9)), None),
    ];
    for (input, expected) in cases {
        let stream = format!("{HEADER}{input}");
        for chunk in [1, 7, stream.len()] {
            let seen = run_split(stream.as_bytes(), chunk, limits);
            assert_eq!(seen.end.map(|f| f.kind), expected.map(K::Limit), "{input}");
        }
    }
    for spaces in [200, 300] {
        let stream = format!("{}<s>", " ".repeat(spaces));
        let seen = run_split(stream.as_bytes(), 64, limits);
        let expected = XmlError::kind_at(K::Limit(LimitKind::HeaderBytes), 200);
        assert_eq!(seen.end_kind(), Some(expected));
    }
    assert_eq!(
        K::Limit(LimitKind::Depth).class(),
        XmlErrorClass::PolicyViolation
    );
}

#[test]
fn a_limit_is_reached_without_holding_more_than_it_allows() {
    let mut limits = FrameLimits::default();
    limits.frame_bytes = 50_000;
    let mut framer = Framer::new(limits);
    framer.push(HEADER.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    framer.push(b"<a>");
    let mut sent = 3_u64;
    let fault = loop {
        match framer.poll() {
            Ok(None) => sent += framer.push(&[b'x'; 4096]) as u64,
            Ok(Some(kind)) => panic!("{kind:?}"),
            Err(fault) => break fault,
        }
    };
    assert!(sent < 50_000 + 4096, "{sent}");
    let expected = XmlError::kind_at(
        K::Limit(LimitKind::FrameBytes),
        50_000 + HEADER.len() as u64,
    );
    assert_eq!((fault.kind, fault.position), expected);
    assert_eq!(framer.poll(), Err(fault), "a fault is for ever");
    framer.restart();
    assert_eq!(framer.poll(), Err(fault), "a fault is for ever");
}

#[test]
fn rfc6120_4_6_1_each_byte_of_white_space_is_a_keepalive() {
    let stream = format!("{HEADER} \r\n<a/>\t</stream:stream>  ");
    let seen = run(stream.as_bytes(), FrameLimits::default());
    let frames: Vec<&str> = seen
        .frames
        .iter()
        .map(|f| f.split(' ').next().unwrap())
        .collect();
    let expected = [
        "header",
        "keepalive",
        "keepalive",
        "keepalive",
        "element",
        "keepalive",
        "footer",
    ];
    assert_eq!(frames, expected);
}

#[test]
fn an_empty_root_is_a_header_and_a_footer() {
    let seen = run(b"<s a='b'/> ", FrameLimits::default());
    assert_eq!(seen.frames, ["header s|||<s a='b'/>", "footer"]);
    assert_eq!(seen.end, None);
}

#[test]
fn rfc6120_4_8_5_the_closing_tag_is_matched_as_the_peer_opened_it() {
    for (open, close) in [
        ("<s xmlns='u'>", "</s>"),
        ("<p:s xmlns:p='u'>", "</p:s\n>"),
        ("<stream:stream xmlns:stream='u'>", "</stream:stream>"),
    ] {
        let seen = run(format!("{open}{close}").as_bytes(), FrameLimits::default());
        assert_eq!(
            seen.frames.last().map(String::as_str),
            Some("footer"),
            "{open}"
        );
    }
    // An equal expanded name is not enough.
    let seen = run(b"<p:s xmlns:p='u' xmlns='u'></s>", FrameLimits::default());
    assert_eq!(seen.end.map(|f| f.kind), Some(K::MismatchedTag));
}

#[test]
fn rfc6120_4_8_5_6_after_a_restart_nothing_old_holds() {
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(b"<s xmlns='u' xmlns:old='v'><old:a/><?xml version='1.0'?><t xmlns='w'><old:a/>");
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    assert_eq!(framer.scope().get("old"), Some("v"));
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    framer.restart();
    assert_eq!(framer.scope().get("old"), None);
    assert!(framer.frame().is_none());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    let Some(Frame::Header(header)) = framer.frame() else {
        panic!("no header");
    };
    assert_eq!((header.name(), header.ns()), ("t", "w"));
    let fault = framer.poll().unwrap_err();
    assert_eq!(fault.kind, K::UndeclaredFirstLevelPrefix);
    // Positions count from the restart.
    assert_eq!(fault.position, 34 + 1);
}

#[test]
fn white_space_may_cross_a_restart_but_not_before_a_declaration() {
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(b"<s><a/> \n<t>");
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    framer.restart();
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    assert_eq!(framer.poll(), Ok(None));
}

#[test]
fn what_follows_a_frame_is_handed_over_untouched() {
    let binary: Vec<u8> = (0..=255).cycle().take(9000).collect();
    for (split, between) in [(0, 0), (3, 0), (12, 0), (12, 1), (4000, 5000)] {
        let stream = [HEADER.as_bytes(), b"<proceed/>", &binary].concat();
        let mut framer = Framer::new(FrameLimits::default());
        let cut = (HEADER.len() + split).min(stream.len());
        framer.push(&stream[..cut]);
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
        if split < 10 {
            assert_eq!(framer.poll(), Ok(None));
        }
        framer.push(&stream[cut..]);
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
        assert!(framer.is_partial());
        assert_eq!(*framer.unread(), *binary);
        if between > 0 {
            framer.push(b"more");
        }
        let taken = framer.take_unread();
        assert_eq!(taken[..9000], binary);
        assert_eq!(taken.len(), if between > 0 { 9004 } else { 9000 });
        let Some(Frame::Element(stanza)) = framer.frame() else {
            panic!("the frame is gone");
        };
        assert_eq!(stanza.as_str(), "<proceed/>");
        assert!(!framer.is_partial());
        assert_eq!(framer.poll(), Ok(None));
        framer.push(b"<a/>");
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    }
}

#[test]
fn one_tls_record_always_fits_when_nothing_is_found() {
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(HEADER.as_bytes());
    while framer.poll().unwrap().is_some() {}
    for byte in "<a>\u{1F600}".bytes() {
        framer.push(&[byte]);
        while framer.poll().unwrap().is_some() {}
        assert!(framer.capacity() >= 16_384);
        assert!(framer.is_partial());
    }
    // This holds after any number of bytes that wait, and after an unfinished character.
    for _ in 0..1500 {
        for byte in ["x", "\u{1F600}"].concat().bytes() {
            assert_eq!(framer.feed(&mut &[byte][..]), Ok(None));
            assert!(framer.capacity() >= 16_384);
            assert!(framer.capacity() < 20_000);
        }
    }
    assert_eq!(framer.push(&[b'x'; 16_384]), 16_384);
    assert_eq!(framer.poll(), Ok(None));
    let window = framer.window();
    assert!(window.len() >= 16_384);
    window[..4].copy_from_slice(b"</a>");
    framer.pushed(4);
    assert_eq!(*framer.unread(), *b"</a>");
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    assert!(!framer.is_partial());
    // A full framer takes nothing and says so.
    while framer.push(b"<b/>") == 4 {}
    assert_eq!(framer.capacity(), 0);
    assert!(framer.window().is_empty());
    framer.shrink();
    let mut found = 0;
    while framer.poll().unwrap().is_some() {
        found += 1;
    }
    assert!(found > 4000);
    assert!(framer.capacity() >= 16_384);
}

#[test]
fn a_pending_start_tag_shows_with_its_last_byte_however_the_bytes_come() {
    // Each element has its start tag, the rest, its local name, and whether that has a prefix.
    let elements = [
        (
            "<stream:stream to='a>b' xmlns='c'>",
            "<x/></stream:stream>",
            "stream",
            true,
        ),
        (
            "<message to=\"é\" >",
            "<body>&amp;</body></message >",
            "message",
            false,
        ),
        (
            "<ns:iq xmlns:ns='jabber:client' ns:a='1' to=''\n>",
            "<ns:a></ns:a></ns:iq>",
            "iq",
            true,
        ),
        ("<presence/>", "", "presence", false),
    ];
    let mut stream = HEADER.to_owned();
    // After each number of bytes the element whose start tag has to be pending.
    let mut expected = vec![None; stream.len() + 1];
    for element in elements {
        stream.push_str(element.0);
        expected.resize(stream.len(), None);
        stream.push_str(element.1);
        expected.resize(stream.len(), Some(element));
        expected.push(None);
    }
    let bytes = stream.as_bytes();
    let check = |framer: &Framer, length: usize| {
        let shown = framer.pending_start_tag();
        let Some((text, _, name, prefixed)) = expected[length] else {
            assert!(shown.is_none(), "{length}: {shown:?}");
            return;
        };
        let tag = shown.unwrap();
        assert_eq!((tag.as_str(), tag.name()), (text, name));
        assert_eq!(tag.prefix().is_some(), prefixed);
        let ns = match name {
            "stream" => "http://etherx.jabber.org/streams",
            _ => "jabber:client",
        };
        assert!(tag.is(name, ns) && !tag.is(name, "c") && tag.ns() == ns);
        let to = text
            .contains("to=")
            .then(|| tag.attr("to").unwrap().into_owned());
        assert_eq!(
            tag.attrs().count(),
            text.matches(" to=").count() + text.matches(":a=").count()
        );
        assert!(to.is_none_or(|to| ["a>b", "é", ""].contains(&&*to)));
        assert_eq!(tag.attr_ns("jabber:client", "a").is_some(), name == "iq");
        assert!(!format!("{tag:?}").contains("to="));
    };
    // Every split in two, and chunks of several sizes, are pushed and fed.
    for split in 0..=bytes.len() {
        for chunk in [split.max(1), 1, 2, 3, 8, 9] {
            let (mut fed, mut pushed) = (
                Framer::new(FrameLimits::default()),
                Framer::new(FrameLimits::default()),
            );
            let mut length = 0;
            for part in bytes[..split].chunks(chunk) {
                length += part.len();
                let mut frames = 0;
                assert_eq!(feed(&mut fed, part, &mut frames), None);
                assert_eq!(pushed.push(part), part.len());
                assert_eq!(drain(&mut pushed, &mut frames), None);
                check(&fed, length);
                check(&pushed, length);
            }
        }
    }
}

#[test]
fn a_start_tag_is_pending_while_no_frame_is_shown_and_after_a_fault_in_its_element() {
    let mut framer = Framer::new(FrameLimits::default());
    let stream = [HEADER, "<a/><b>"].concat();
    assert_eq!(framer.push(stream.as_bytes()), stream.len());
    for kind in [FrameKind::Header, FrameKind::Element] {
        assert_eq!(framer.poll(), Ok(Some(kind)));
        assert!(framer.pending_start_tag().is_none());
    }
    assert_eq!(framer.poll(), Ok(None));
    assert_eq!(framer.pending_start_tag().map(|tag| tag.name()), Some("b"));
    assert_eq!(framer.push(b"<c></b>"), 7);
    assert!(framer.poll().is_err());
    assert_eq!(framer.pending_start_tag().map(|tag| tag.name()), Some("b"));
    framer.restart();
    assert!(framer.pending_start_tag().is_none());

    // A fault between elements, or in the start tag itself, shows none.
    for fault in ["</x>", "text", "<b", "<b c='1' c='2'>"] {
        let mut framer = Framer::new(FrameLimits::default());
        let stream = [HEADER, "<a/>", fault, "\0"].concat();
        framer.push(stream.as_bytes());
        while framer.poll().is_ok() {}
        assert!(framer.pending_start_tag().is_none(), "{fault}");
    }
}

/// What is pending after a fault does not depend on how the bytes arrived: the answer to an element
/// that is refused at its start tag must not either.
#[test]
fn the_start_tag_that_is_pending_after_a_fault_is_the_same_in_any_chunks() {
    let pending = |framer: &Framer| {
        framer
            .pending_start_tag()
            .map(|tag| tag.as_str().to_owned())
    };
    for faulty in [
        &b"<a></b>"[..],
        b"<a>\xff",
        b"<a\xff",
        b"<a/>\xff",
        b"<a/></b>",
        b"<a/>text",
        b"<x:a>",
        b"<x:a/>",
        b"<a><x:b>",
        b"<a b='1' b='2'>",
        b"<a><b c='1' c='2'>",
        b"<a xmlns='http://www.w3.org/2000/xmlns/'>",
        b"<a>&hello;",
        b"<a b='&hello;'>",
        b"<a><!-- -->",
        b"<a>]]>",
        b"<a><b><c></b>",
        b"<a></a b>",
        b"</a>",
    ] {
        let stream = [HEADER.as_bytes(), b"<m>1</m>", faulty, b"<m/>"].concat();
        let mut outcomes = Vec::new();
        for chunk in [1, 2, 3, 7, stream.len()] {
            for feeds in [false, true] {
                let mut framer = Framer::new(FrameLimits::default());
                let mut fault = None;
                for mut part in stream.chunks(chunk) {
                    if !feeds {
                        framer.push(part);
                    }
                    while fault.is_none() {
                        let found = match feeds {
                            true => framer.feed(&mut part),
                            false => framer.poll(),
                        };
                        match found {
                            Ok(Some(_)) => {}
                            Ok(None) => break,
                            Err(found) => fault = Some(found),
                        }
                    }
                    if fault.is_some() {
                        break;
                    }
                }
                outcomes.push((fault.expect("a fault"), pending(&framer)));
            }
        }
        let text = String::from_utf8_lossy(faulty);
        assert!(
            outcomes.iter().all(|outcome| *outcome == outcomes[0]),
            "{text}: {outcomes:?}"
        );
    }
}

#[test]
fn white_space_before_the_header_of_a_restarted_stream_is_skipped() {
    const DECLARATION: &str = "<?xml version='1.0'?>";
    for space in ["", " ", "\n", "\r\n\t ", &" ".repeat(100)] {
        for chunk in [1, 3, usize::MAX] {
            let mut framer = Framer::new(FrameLimits::default());
            let restarted = [space, DECLARATION, space, HEADER, "<a/>"].concat();
            assert_eq!(framer.push(HEADER.as_bytes()), HEADER.len());
            assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
            framer.restart();
            let mut found = Vec::new();
            for mut part in restarted.as_bytes().chunks(chunk.min(restarted.len())) {
                while let Some(kind) = framer.feed(&mut part).unwrap() {
                    found.push(kind);
                }
            }
            assert_eq!(found, [FrameKind::Header, FrameKind::Element], "{space:?}");
        }
    }
    // Before the first header of a connection XML itself forbids it (XML 1.0 2.8).
    let mut framer = Framer::new(FrameLimits::default());
    framer.push([" ", DECLARATION, HEADER].concat().as_bytes());
    assert!(framer.poll().is_err());
}

#[test]
fn classes_name_the_stream_error_of_each_row() {
    let rows = [
        (K::Comment, XmlErrorClass::RestrictedXml),
        (K::ProcessingInstruction, XmlErrorClass::RestrictedXml),
        (K::Doctype, XmlErrorClass::RestrictedXml),
        (K::EntityReference, XmlErrorClass::RestrictedXml),
        (K::BareAmpersand, XmlErrorClass::NotWellFormed),
        (K::InvalidCharacterReference, XmlErrorClass::NotWellFormed),
        (K::UndeclaredPrefix, XmlErrorClass::NotWellFormed),
        (
            K::UndeclaredFirstLevelPrefix,
            XmlErrorClass::BadNamespacePrefix,
        ),
        (K::DuplicateAttribute, XmlErrorClass::NotWellFormed),
        (K::MismatchedTag, XmlErrorClass::NotWellFormed),
        (K::Syntax, XmlErrorClass::NotWellFormed),
        (K::ReservedNamespace, XmlErrorClass::NotWellFormed),
        (K::TextBetweenStanzas, XmlErrorClass::BadFormat),
        (K::TextBeforeHeader, XmlErrorClass::NotWellFormed),
        (K::MisplacedDeclaration, XmlErrorClass::NotWellFormed),
        (K::UnsupportedEncoding, XmlErrorClass::UnsupportedEncoding),
    ];
    for (kind, class) in rows {
        assert_eq!(kind.class(), class, "{kind:?}");
    }
}

/// Whatever was read stays readable, and what follows it has room.
#[test]
fn a_whole_record_fits_after_the_current_frame_while_nothing_is_unread() {
    let mut framer = Framer::new(FrameLimits::default());
    framer.push(HEADER.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
    let frame = format!("<a>{}</a>", "x".repeat(9_000));
    framer.push(frame.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    assert!(framer.unread().is_empty());
    assert!(framer.capacity() >= 16_384);

    let record = format!("<b>{}</b>", "y".repeat(16_377));
    assert_eq!(framer.push(record.as_bytes()), 16_384);
    assert_eq!(*framer.unread(), *record.as_bytes());
    let Some(Frame::Element(shown)) = framer.frame() else {
        panic!("gone");
    };
    assert_eq!(shown.as_str(), frame);
    assert_eq!(framer.poll(), Ok(Some(FrameKind::Element)));
    let Some(Frame::Element(shown)) = framer.frame() else {
        panic!("gone");
    };
    assert_eq!(shown.as_str(), record);
}

/// A short form for comparing errors.
trait KindAt {
    fn kind_at(kind: K, position: u64) -> (K, u64);
}

impl KindAt for XmlError {
    fn kind_at(kind: K, position: u64) -> (K, u64) {
        (kind, position)
    }
}
