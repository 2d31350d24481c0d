//! Against expat and rxml, parsers of many servers and clients: whoever reads the same bytes differently can be tricked
//! into seeing stanzas that others do not.
//!
//! An element that comes out here must come out there, and be the same. What is refused here as not well-formed must be
//! refused there. Allowed to differ: what RFC 6120 restricts and XML does not, our limits, and names outside ASCII (expat
//! has the names of XML's fourth edition; we have those of the fifth).

#![no_main]

use std::ffi::{CStr, c_char, c_int, c_void};

use libfuzzer_sys::fuzz_target;
use rxml::Parse;
use xmpp_stream::xml::{FrameLimits, XmlErrorClass, XmlErrorKind};
use xmpp_stream_fuzz::{HEADER, Seed, Tree, run};

fuzz_target!(|bytes: &[u8]| {
    let stream = [HEADER.as_bytes(), bytes].concat();
    let ours = run(&stream, &[], FrameLimits::default());
    let elements: Vec<&Tree> = ours
        .frames
        .iter()
        .filter_map(|frame| match frame {
            Seed::Element(_, tree) => Some(tree),
            _ => None,
        })
        .collect();
    let refused = ours.fault.is_some_and(|fault| must_refuse(fault.kind));
    // What cannot become well-formed any more cannot do so with this after it. Others wait for the
    // bytes that a character claims to have, or for the end of a tag.
    let stream = [&stream[..], b"AAAA>'\">"].concat();
    // rxml 0.14 takes a second `xmlns` on one element, and the namespace of `xmlns` itself; and it looks at characters only
    // when the text they stand in ends.
    let by_rxml = !ours.fault.is_some_and(|fault| {
        matches!(
            fault.kind,
            XmlErrorKind::DuplicateAttribute
                | XmlErrorKind::ReservedNamespace
                | XmlErrorKind::InvalidUtf8
                | XmlErrorKind::InvalidCharacter
        )
    });
    // To rxml 0.14, some of U+Fxxx are no name characters (XML's fifth edition says they are), it loses the thread after a
    // carriage return in an attribute, and it takes no references with many leading zeros.
    let excused = |bytes: &[u8]| matches!(bytes, b"&#0" | b"#x0" | [b'\r' | 0xEF, ..]);
    if !stream.windows(3).any(excused) {
        compare("rxml", &elements, refused && by_rxml, &rxml(&stream));
    }
    let end = ours
        .fault
        .map_or(stream.len() as u64, |fault| fault.position);
    let read = usize::try_from(end).ok().and_then(|end| stream.get(..end));
    if read.is_some_and(<[u8]>::is_ascii) {
        compare("expat", &elements, refused, &expat(&stream));
    } else {
        // Names may be refused there, but what comes out must be the same.
        let expat = expat(&stream);
        let both = elements.len().min(expat.elements.len());
        compare_elements("expat", &elements[..both], &expat);
    }
});

/// What another parser made of a stream.
#[derive(Default)]
struct Other {
    elements: Vec<Tree>,
    failed: bool,
    depth: usize,
    tree: Tree,
}

impl Other {
    fn start(&mut self, ns: &str, name: &str, attributes: Vec<(String, String, String)>) {
        if self.depth > 0 {
            self.tree.start(ns, name, attributes);
        }
        self.depth += 1;
    }

    fn text(&mut self, text: &str) {
        if self.depth > 1 {
            self.tree.text(text);
        }
    }

    fn end(&mut self) {
        self.depth -= 1;
        if self.depth > 0 {
            self.tree.end();
        }
        if self.depth == 1 {
            self.elements.push(std::mem::take(&mut self.tree));
        }
    }
}

fn compare(name: &str, ours: &[&Tree], refused: bool, other: &Other) {
    compare_elements(name, ours, other);
    if refused {
        assert!(other.failed, "{name} accepts what we refuse");
    }
}

fn compare_elements(name: &str, ours: &[&Tree], other: &Other) {
    for (i, element) in ours.iter().enumerate() {
        assert_eq!(Some(*element), other.elements.get(i), "{name}, element {i}");
    }
}

/// Whether everybody must refuse what we refused.
fn must_refuse(kind: XmlErrorKind) -> bool {
    match kind {
        // Well-formed for a parser that knows no streams: the root may be followed by comments.
        XmlErrorKind::AfterFooter => false,
        // Others read to the end of the declaration first.
        XmlErrorKind::MisplacedDeclaration => false,
        _ => matches!(
            kind.class(),
            XmlErrorClass::NotWellFormed | XmlErrorClass::BadNamespacePrefix
        ),
    }
}

fn rxml(stream: &[u8]) -> Other {
    let mut parser = rxml::Parser::new();
    let mut other = Other::default();
    let mut rest = stream;
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(rxml::Event::StartElement(_, (ns, name), attributes))) => {
                let attributes = attributes
                    .iter()
                    .map(|((ns, name), value)| (ns.to_string(), name.to_string(), value.clone()));
                other.start(&ns, &name, attributes.collect());
            }
            Ok(Some(rxml::Event::Text(_, text))) => other.text(&text),
            Ok(Some(rxml::Event::EndElement(_))) => other.end(),
            Ok(Some(rxml::Event::XmlDeclaration(..))) => {}
            Ok(None) => return other,
            Err(rxml::error::EndOrError::NeedMoreData) => return other,
            Err(rxml::error::EndOrError::Error(_)) => {
                other.failed = true;
                return other;
            }
        }
    }
}

unsafe extern "C" {
    fn XML_ParserCreateNS(encoding: *const c_char, separator: c_char) -> *mut c_void;
    fn XML_ParserFree(parser: *mut c_void);
    fn XML_SetUserData(parser: *mut c_void, data: *mut c_void);
    fn XML_SetElementHandler(
        parser: *mut c_void,
        start: extern "C" fn(*mut c_void, *const c_char, *const *const c_char),
        end: extern "C" fn(*mut c_void, *const c_char),
    );
    fn XML_SetCharacterDataHandler(
        parser: *mut c_void,
        text: extern "C" fn(*mut c_void, *const u8, c_int),
    );
    fn XML_Parse(parser: *mut c_void, bytes: *const u8, length: c_int, last: c_int) -> c_int;
}

/// A character that no XML holds, so that no namespace name can end early (CVE-2022-25236).
const SEPARATOR: u8 = 1;

fn expat(stream: &[u8]) -> Other {
    let mut other = Other::default();
    // SAFETY: the handlers get back the pointer given here, which outlives the parser.
    unsafe {
        let parser = XML_ParserCreateNS(c"UTF-8".as_ptr(), SEPARATOR as c_char);
        XML_SetUserData(parser, (&raw mut other).cast());
        XML_SetElementHandler(parser, start, end);
        XML_SetCharacterDataHandler(parser, text);
        let length = c_int::try_from(stream.len()).expect("short");
        other.failed = XML_Parse(parser, stream.as_ptr(), length, 0) == 0;
        XML_ParserFree(parser);
    }
    other
}

extern "C" fn start(data: *mut c_void, name: *const c_char, attributes: *const *const c_char) {
    // SAFETY: see `expat`; attributes are pairs, ended by a null pointer.
    unsafe {
        let other = &mut *data.cast::<Other>();
        let mut all = Vec::new();
        let mut pair = attributes;
        while !(*pair).is_null() {
            let (ns, name) = expanded(*pair);
            let value = CStr::from_ptr(*pair.add(1)).to_str().expect("UTF-8");
            all.push((ns, name, value.to_owned()));
            pair = pair.add(2);
        }
        let (ns, name) = expanded(name);
        other.start(&ns, &name, all);
    }
}

extern "C" fn end(data: *mut c_void, _: *const c_char) {
    // SAFETY: see `expat`.
    unsafe { &mut *data.cast::<Other>() }.end();
}

extern "C" fn text(data: *mut c_void, text: *const u8, length: c_int) {
    let length = usize::try_from(length).expect("not negative");
    // SAFETY: see `expat`; the parser says how long the text is.
    unsafe {
        let text = std::slice::from_raw_parts(text, length);
        (*data.cast::<Other>()).text(str::from_utf8(text).expect("UTF-8"));
    }
}

unsafe fn expanded(name: *const c_char) -> (String, String) {
    // SAFETY: the parser gives strings that end with NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_str().expect("UTF-8");
    match name.split_once(char::from(SEPARATOR)) {
        Some((ns, name)) => (ns.to_owned(), name.to_owned()),
        None => (String::new(), name.to_owned()),
    }
}
