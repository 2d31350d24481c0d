//! What the fuzz targets share: feeding a framer, and a form in which results of different parsers can be compared.

pub mod machines;
pub mod sasl;

use std::fmt::Write as _;

use xmpp_stream::xml::{Element, Frame, FrameLimits, Framer, Node, XmlError};

pub const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// A first-level element in canonical form: names with their namespaces, sorted attributes, joined text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    out: String,
    text: String,
}

impl Tree {
    pub fn start(&mut self, ns: &str, name: &str, mut attributes: Vec<(String, String, String)>) {
        self.flush();
        attributes.sort();
        let _ = write!(self.out, "<{{{ns}}}{name}");
        for (ns, name, value) in attributes {
            let _ = write!(self.out, " {{{ns}}}{name}={value:?}");
        }
        self.out.push('>');
    }

    pub fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn end(&mut self) {
        self.flush();
        self.out.push_str("</>");
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let _ = write!(self.out, "{:?}", self.text);
            self.text.clear();
        }
    }
}

/// What a framer made of a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub frames: Vec<Seed>,
    pub fault: Option<XmlError>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Seed {
    Header(String),
    Element(String, Tree),
    Keepalive,
    Footer,
}

/// Pushes chunks of the given lengths, then the rest; zeros take no bytes, but poll.
pub fn run(stream: &[u8], chunks: &[usize], limits: FrameLimits) -> Seen {
    let mut framer = Framer::new(limits);
    let mut frames = Vec::new();
    let mut rest = stream;
    let mut lengths = chunks.iter().copied();
    loop {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        let (mut chunk, after) = rest.split_at(length);
        rest = after;
        loop {
            let taken = framer.push(chunk);
            chunk = &chunk[taken..];
            loop {
                match framer.poll() {
                    Ok(None) => break,
                    Ok(Some(_)) => frames.push(seed(framer.frame().expect("a frame was found"))),
                    Err(fault) => {
                        assert_eq!(framer.poll(), Err(fault), "a fault is for ever");
                        let fault = Some(fault);
                        return Seen { frames, fault };
                    }
                }
            }
            assert!(framer.capacity() >= 16_384, "one record always fits");
            if chunk.is_empty() {
                break;
            }
        }
        if rest.is_empty() {
            return Seen {
                frames,
                fault: None,
            };
        }
    }
}

/// Feeds chunks of the given lengths, then the rest; a zero pushes a byte and does not poll.
pub fn feed(stream: &[u8], chunks: &[usize], limits: FrameLimits) -> Seen {
    let mut framer = Framer::new(limits);
    let mut frames = Vec::new();
    let mut rest = stream;
    let mut lengths = chunks.iter().copied();
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        if length == 0 {
            rest = &rest[framer.push(&rest[..1])..];
            continue;
        }
        let (mut chunk, after) = rest.split_at(length);
        rest = after;
        loop {
            match framer.feed(&mut chunk) {
                Ok(None) => break,
                Ok(Some(_)) => frames.push(seed(framer.frame().expect("a frame was found"))),
                Err(fault) => {
                    assert_eq!(framer.poll(), Err(fault), "a fault is for ever");
                    let fault = Some(fault);
                    return Seen { frames, fault };
                }
            }
        }
        assert!(chunk.is_empty(), "what is fed is taken");
        assert!(framer.unread().is_empty(), "what is taken is looked at");
    }
    let mut last = Seen {
        frames,
        fault: None,
    };
    loop {
        match framer.poll() {
            Ok(None) => return last,
            Ok(Some(_)) => last
                .frames
                .push(seed(framer.frame().expect("a frame was found"))),
            Err(fault) => {
                last.fault = Some(fault);
                return last;
            }
        }
    }
}

fn seed(frame: Frame<'_>) -> Seed {
    match frame {
        Frame::Header(header) => Seed::Header(header.as_str().to_owned()),
        Frame::Element(stanza) => {
            Seed::Element(stanza.as_str().to_owned(), tree(stanza.as_element()))
        }
        Frame::Keepalive => Seed::Keepalive,
        Frame::Footer => Seed::Footer,
        _ => unreachable!("no other frames"),
    }
}

pub fn tree(element: Element<'_>) -> Tree {
    let mut tree = Tree::default();
    visit(element, &mut tree);
    tree
}

fn visit(element: Element<'_>, tree: &mut Tree) {
    let attributes = element.attrs().map(|a| {
        let value = a.value().into_owned();
        (a.ns().to_owned(), a.name().to_owned(), value)
    });
    tree.start(element.ns(), element.name(), attributes.collect());
    for node in element.nodes() {
        match node {
            Node::Element(child) => visit(child, tree),
            Node::Text(text) => tree.text(&text.value()),
            _ => unreachable!("no other content"),
        }
    }
    tree.end();
}
