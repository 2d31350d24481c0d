//! In steady state, reading a stanza and checking one that is sent allocate nothing.
//!
//! A test binary of its own, because the allocator counts for all its threads.

use std::alloc::System;
use std::hint::black_box;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use xmpp_stream::xml::{Checker, Element, Frame, FrameKind, FrameLimits, Framer, Node};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const STANZA: &str = "<message from='a@example.org/b' to='c@example.org' id='1' xml:lang='en'>\
    <body>hello, world; text that fills a line or two</body>\
    <x:y xmlns:x='urn:x' x:z='1'><![CDATA[<>]]></x:y><a xmlns='urn:a' n='1'/></message>";

/// How often memory was asked for.
fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// One test, so that no other thread allocates meanwhile.
#[test]
fn reading_and_checking_stanzas_allocates_nothing_in_steady_state() {
    for chunk in [1, 64, 1460, 16_384] {
        let stream: Vec<u8> = STANZA.bytes().cycle().take(2000 * STANZA.len()).collect();
        let mut framer = Framer::new(FrameLimits::default());
        framer.push(HEADER.as_bytes());
        assert_eq!(framer.poll(), Ok(Some(FrameKind::Header)));
        let (warm, steady) = stream.split_at(1000 * STANZA.len());
        assert_eq!(feed(&mut framer, warm, chunk), 1000);
        let before = allocations();
        let stanzas = feed(&mut framer, steady, chunk);
        let allocated = allocations() - before;
        assert_eq!((stanzas, allocated), (1000, 0), "chunks of {chunk}");
    }
    let mut checker = Checker::new(FrameLimits::default(), "jabber:client", &[]);
    assert!(checker.check(STANZA).is_ok());
    let before = allocations();
    for _ in 0..1000 {
        assert!(checker.check(STANZA).is_ok());
    }
    assert_eq!(allocations(), before, "checker");
    // The counter counts.
    drop(black_box(Box::new(1)));
    assert!(allocations() > before);
}

fn feed(framer: &mut Framer, stream: &[u8], chunk: usize) -> usize {
    let mut stanzas = 0;
    for mut part in stream.chunks(chunk) {
        while !part.is_empty() {
            let taken = framer.push(part);
            part = &part[taken..];
            while framer.poll().expect("well-formed").is_some() {
                if let Some(Frame::Element(stanza)) = framer.frame() {
                    assert_eq!(visit(stanza.as_element()), 6);
                    stanzas += 1;
                }
            }
        }
    }
    stanzas
}

/// Looks at everything; the number of attributes.
fn visit(element: Element<'_>) -> usize {
    assert!(!element.ns().is_empty() && !element.name().is_empty());
    let mut attributes = element.attrs().filter(|a| !a.value().is_empty()).count();
    for node in element.nodes() {
        match node {
            Node::Element(child) => attributes += visit(child),
            Node::Text(text) => assert!(!text.value().is_empty()),
            _ => {}
        }
    }
    attributes
}
