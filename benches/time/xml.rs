//! Measures time per stream: framing alone, framing and visiting, checking, rewriting.
//!
//! `corpora.py` writes larger streams and `run-peers` counts instructions, which are repeatable where
//! time is not.

use core::fmt::Write as _;
use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xmpp_stream::xml::{Checker, Element, Frame, FrameLimits, Framer, Node};

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Returns a few thousand stanzas as a client sees them.
fn stream() -> String {
    let mut stream = String::from(HEADER);
    for i in 0..2000 {
        let _ = write!(
            stream,
            "<message from='juliet{i}@example.org/phone' to='romeo@example.net' id='m{i}' type='chat' xml:lang='en'>\
             <body>wherefore art thou &amp; where? доброе утро 👍 {i}</body>\
             <active xmlns='http://jabber.org/protocol/chatstates'/>\
             <stanza-id xmlns='urn:xmpp:sid:0' id='s{i}' by='romeo@example.net'/></message>\
             <presence from='nurse{i}@example.org/x'><show>away</show><priority>5</priority></presence>"
        );
    }
    stream
}

fn feed(stream: &[u8], chunk: usize, mut each: impl FnMut(Element<'_>)) {
    let mut framer = Framer::new(FrameLimits::default());
    for mut part in stream.chunks(chunk) {
        while framer.feed(&mut part).is_ok_and(|found| found.is_some()) {
            if let Some(Frame::Element(stanza)) = framer.frame() {
                each(stanza.as_element());
            }
        }
    }
}

fn visit(element: Element<'_>) -> usize {
    let attributes = element.attrs().map(|a| a.name().len() + a.value().len());
    let nodes = element.nodes().map(|node| match node {
        Node::Element(child) => visit(child),
        Node::Text(text) => text.value().len(),
        _ => 0,
    });
    element.name().len() + element.ns().len() + attributes.sum::<usize>() + nodes.sum::<usize>()
}

fn xml(c: &mut Criterion) {
    let stream = stream();
    let mut group = c.benchmark_group("xml");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for chunk in [1, 1460, 16_384] {
        group.bench_function(format!("frame/{chunk}"), |b| {
            b.iter(|| {
                feed(stream.as_bytes(), chunk, |stanza| {
                    black_box(stanza);
                });
            });
        });
        group.bench_function(format!("visit/{chunk}"), |b| {
            b.iter(|| {
                feed(stream.as_bytes(), chunk, |stanza| {
                    black_box(visit(stanza));
                });
            });
        });
    }
    let mut stanzas = Vec::new();
    feed(stream.as_bytes(), 16_384, |stanza| {
        stanzas.push(stanza.as_str().to_owned());
    });
    group.bench_function("check", |b| {
        let mut checker = Checker::new(FrameLimits::default(), "jabber:client", &[]);
        b.iter(|| stanzas.iter().filter(|s| checker.check(s).is_ok()).count());
    });
    group.bench_function("check and rewrite", |b| {
        let mut checker = Checker::new(FrameLimits::default(), "jabber:client", &[]);
        let mut out = String::new();
        b.iter(|| {
            for stanza in &stanzas {
                out.clear();
                if let Ok(stanza) = checker.check(stanza) {
                    let rewrite = stanza.rewrite().from(Some("a@example.org/b"));
                    black_box(rewrite.content_ns("jabber:server").write(&mut out).is_ok());
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, xml);
criterion_main!(benches);
