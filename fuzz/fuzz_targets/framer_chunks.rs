//! The same bytes in any chunks: the same frames and the same fault, nothing panics, and every element can be taken out
//! of its stream, rewritten and checked.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use xmpp_stream::xml::{Checker, Frame, FrameLimits, Framer, StanzaBuf};
use xmpp_stream_fuzz::{HEADER, run, tree};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Whether a header stands before the bytes.
    opened: bool,
    tight: bool,
    chunks: Vec<u8>,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let mut stream = Vec::new();
    if input.opened {
        stream.extend_from_slice(HEADER.as_bytes());
    }
    stream.extend_from_slice(input.bytes);
    let mut limits = FrameLimits::default();
    if input.tight {
        limits.frame_bytes = 64;
        limits.header_bytes = 100;
        limits.depth = 3;
        limits.attributes = 3;
        limits.elements = 5;
        limits.name_bytes = 8;
        limits.namespaces = 4;
    }
    let whole = run(&stream, &[], limits);
    let bytewise = run(&stream, &vec![1; stream.len()], limits);
    assert_eq!(whole, bytewise);
    let chunks: Vec<usize> = input.chunks.iter().map(|&n| usize::from(n)).collect();
    assert_eq!(whole, run(&stream, &chunks, limits));
    take_out(&stream, limits);
});

/// What is done with elements once they were framed.
fn take_out(stream: &[u8], limits: FrameLimits) {
    let mut framer = Framer::new(limits);
    let mut checker = Checker::new(FrameLimits::default(), "jabber:server", &[]);
    let mut rest = stream;
    loop {
        let taken = framer.push(rest);
        rest = &rest[taken..];
        while let Ok(Some(_)) = framer.poll() {
            let Some(Frame::Element(stanza)) = framer.frame() else {
                continue;
            };
            let alone = StanzaBuf::parse(&stanza.standalone()).expect("stands alone");
            let (here, there) = (stanza.as_element(), alone.as_stanza().as_element());
            assert_eq!(tree(here), tree(there));
            for child in stanza.children() {
                let alone = StanzaBuf::parse(&child.standalone()).expect("stands alone");
                assert_eq!(tree(child), tree(alone.as_stanza().as_element()));
            }
            let mut out = String::new();
            let rewrite = stanza.rewrite().from(Some("a&b")).to(None);
            rewrite
                .content_ns("jabber:server")
                .write(&mut out)
                .expect("writable");
            let moved = checker.check(&out).expect("fit for the other stream");
            if stanza.ns() == "jabber:client" {
                assert_eq!(moved.ns(), "jabber:server");
                assert_eq!(moved.attr("from").as_deref(), Some("a&b"));
            }
            // Nothing but names changes: as much text, as many elements.
            assert_eq!(stanza.text(), moved.text());
            assert_eq!(stanza.children().count(), moved.children().count());
            // Without another namespace the names stay as well.
            let mut out = String::new();
            stanza.rewrite().write(&mut out).expect("writable");
            let same = StanzaBuf::parse_in(&out, framer.scope(), FrameLimits::default());
            assert_eq!(
                tree(here),
                tree(same.expect("fit").as_stanza().as_element())
            );
        }
        if rest.is_empty() || framer.poll().is_err() {
            return;
        }
    }
}
