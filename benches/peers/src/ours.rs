//! Visits a stream with `xmpp_stream::xml::Framer`.

use xmpp_stream::xml::{Attribute, Element, Frame, FrameLimits, Framer, Node};

use crate::visit::Visited;

pub fn limits() -> FrameLimits {
    let mut limits = FrameLimits::default();
    limits.frame_bytes = 64 << 20;
    limits.elements = u32::MAX;
    limits.attributes = u16::MAX;
    limits.namespaces = u16::MAX;
    limits.name_bytes = u16::MAX;
    limits
}

pub fn framer(bytes: &[u8], chunk: usize) -> Visited {
    let mut framer = Framer::new(limits());
    let mut visited = Visited::default();
    for mut part in bytes.chunks(chunk) {
        while framer.feed(&mut part).expect("well-formed").is_some() {
            frame(framer.frame(), &mut visited);
        }
    }
    visited
}

#[inline(never)] // In a program the loop that reads knows nothing of what is read.
fn frame(frame: Option<Frame<'_>>, visited: &mut Visited) {
    match frame {
        Some(Frame::Element(stanza)) => element(stanza.as_element(), visited),
        Some(Frame::Header(header)) => {
            visited.element(header.name().len(), header.ns().len());
            header.attrs().for_each(|a| attribute(a, visited));
        }
        _ => {}
    }
}

/// Validates and frames, but looks at nothing.
pub fn frames(bytes: &[u8], chunk: usize) -> Visited {
    let mut framer = Framer::new(limits());
    let mut visited = Visited::default();
    for mut rest in bytes.chunks(chunk) {
        while !rest.is_empty() {
            let taken = framer.push(rest);
            rest = &rest[taken..];
            while framer.poll().expect("well-formed").is_some() {
                visited.elements += 1;
            }
        }
    }
    visited
}

fn element(element: Element<'_>, visited: &mut Visited) {
    visited.element(element.name().len(), element.ns().len());
    for a in element.attrs() {
        attribute(a, visited);
    }
    for node in element.nodes() {
        match node {
            Node::Element(child) => self::element(child, visited),
            Node::Text(text) => visited.text += text.value().len(),
            _ => {}
        }
    }
}

fn attribute(attribute: Attribute<'_>, visited: &mut Visited) {
    visited.attribute(
        attribute.name().len(),
        attribute.ns().len(),
        attribute.value().len(),
    );
}
