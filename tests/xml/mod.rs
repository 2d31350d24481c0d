//! Feeds a framer and records what it found.

use core::fmt::Write as _;

use xmpp_stream::xml::{Element, Frame, FrameLimits, Framer, Node, XmlError, XmlErrorKind};

pub(crate) const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// What was found in a stream: the frames in a canonical form, then the error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) frames: Vec<String>,
    pub(crate) end: Option<XmlError>,
}

/// Feeds all bytes at once.
pub(crate) fn run(stream: &[u8], limits: FrameLimits) -> Seen {
    Seen::collect(&[stream], limits)
}

/// Feeds chunks of this many bytes.
pub(crate) fn run_split(stream: &[u8], chunk: usize, limits: FrameLimits) -> Seen {
    let chunks: Vec<&[u8]> = stream.chunks(chunk).collect();
    Seen::collect(&chunks, limits)
}

impl Seen {
    pub(crate) fn end_kind(&self) -> Option<(XmlErrorKind, u64)> {
        self.end.map(|fault| (fault.kind, fault.position))
    }

    /// Feeds the chunks, and checks that pushing and polling them finds the same.
    pub(crate) fn collect(chunks: &[&[u8]], limits: FrameLimits) -> Self {
        let pushed = Self::pushed(chunks, limits);
        let fed = Self::fed(chunks, limits);
        assert_eq!(pushed, fed);
        fed
    }

    fn fed(chunks: &[&[u8]], limits: FrameLimits) -> Self {
        let mut reader = Framer::new(limits);
        let mut frames = Vec::new();
        for chunk in chunks {
            let mut rest = *chunk;
            loop {
                match reader.feed(&mut rest) {
                    Ok(None) => break,
                    Ok(Some(_)) => frames.extend(reader.frame().map(describe)),
                    Err(fault) => {
                        let end = Some(fault);
                        return Self { frames, end };
                    }
                }
            }
            assert!(rest.is_empty());
        }
        Self { frames, end: None }
    }

    fn pushed(chunks: &[&[u8]], limits: FrameLimits) -> Self {
        let mut reader = Framer::new(limits);
        let mut frames = Vec::new();
        for chunk in chunks {
            let mut rest = *chunk;
            loop {
                let taken = reader.push(rest);
                rest = &rest[taken..];
                loop {
                    match reader.poll() {
                        Ok(None) => break,
                        Ok(Some(_)) => frames.extend(reader.frame().map(describe)),
                        Err(fault) => {
                            return Self {
                                frames,
                                end: Some(fault),
                            };
                        }
                    }
                }
                if rest.is_empty() {
                    break;
                }
            }
        }
        Self { frames, end: None }
    }
}

pub(crate) fn describe(frame: Frame<'_>) -> String {
    match frame {
        Frame::Header(header) => format!(
            "header {}|{}|{}|{}",
            header.name(),
            header.ns(),
            header.content_ns().unwrap_or(""),
            header.as_str()
        ),
        Frame::Element(stanza) => {
            format!("element {} {}", stanza.as_str(), tree(stanza.as_element()))
        }
        Frame::Keepalive => "keepalive".into(),
        Frame::Footer => "footer".into(),
        _ => unreachable!("no other frames"),
    }
}

/// Returns names, namespaces, attributes and text of an element and all in it, however they were
/// spelled.
pub(crate) fn tree(element: Element<'_>) -> String {
    let mut out = format!("({{{}}}{}", element.ns(), element.name());
    let mut attributes: Vec<String> = element
        .attrs()
        .map(|a| format!(" {{{}}}{}={:?}", a.ns(), a.name(), a.value()))
        .collect();
    attributes.sort();
    out.push_str(&attributes.concat());
    let mut text = String::new();
    for node in element.nodes() {
        match node {
            Node::Text(t) => text.push_str(&t.value()),
            Node::Element(child) => {
                if !text.is_empty() {
                    let _ = write!(out, " {text:?}");
                    text.clear();
                }
                out.push_str(&tree(child));
            }
            _ => unreachable!("no other content"),
        }
    }
    if !text.is_empty() {
        let _ = write!(out, " {text:?}");
    }
    out.push(')');
    out
}
