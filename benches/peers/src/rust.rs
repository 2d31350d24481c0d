//! Visits a stream with rxml, minidom and quick-xml.

use minidom::tree_builder::TreeBuilder;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{PrefixDeclaration, ResolveResult};
use rxml::Parse;

use crate::visit::Visited;

pub fn rxml(bytes: &[u8], chunk: usize) -> Visited {
    let mut parser = rxml::Parser::new();
    let mut visited = Visited::default();
    let mut chunks = bytes.chunks(chunk);
    let mut rest: &[u8] = &[];
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(rxml::Event::StartElement(_, (namespace, name), attributes))) => {
                visited.element(name.len(), namespace.len());
                for ((namespace, name), value) in &attributes {
                    visited.attribute(name.len(), namespace.len(), value.len());
                }
            }
            Ok(Some(rxml::Event::Text(_, text))) => visited.text += text.len(),
            Ok(_) => {}
            Err(rxml::error::EndOrError::NeedMoreData) => match chunks.next() {
                Some(chunk) => rest = chunk,
                None => return visited,
            },
            Err(rxml::error::EndOrError::Error(error)) => panic!("rxml: {error}"),
        }
    }
}

/// Builds a tree of each first-level element, as tokio-xmpp's users had it for years.
pub fn minidom(bytes: &[u8], chunk: usize) -> Visited {
    let mut parser = rxml::RawParser::new();
    let mut builder = TreeBuilder::new();
    let mut visited = Visited::default();
    let mut chunks = bytes.chunks(chunk);
    let mut rest: &[u8] = &[];
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(event)) => {
                builder.process_event(event).expect("well-formed");
                if builder.depth() == 1 {
                    while let Some(element) = builder.unshift_child() {
                        visit_minidom(&element, &mut visited);
                    }
                }
            }
            Ok(None) => {}
            Err(rxml::error::EndOrError::NeedMoreData) => match chunks.next() {
                Some(chunk) => rest = chunk,
                None => break,
            },
            Err(rxml::error::EndOrError::Error(error)) => panic!("minidom: {error}"),
        }
    }
    // The root comes last, without children.
    if let Some(root) = builder.root {
        visit_minidom(&root, &mut visited);
    }
    visited
}

fn visit_minidom(element: &minidom::Element, visited: &mut Visited) {
    visited.element(element.name().len(), element.ns().len());
    for ((namespace, name), value) in element.attrs() {
        visited.attribute(name.len(), namespace.len(), value.len());
    }
    for node in element.nodes() {
        match node {
            minidom::Node::Element(child) => visit_minidom(child, visited),
            minidom::Node::Text(text) => visited.text += text.len(),
        }
    }
}

/// The whole text at once, checked to be UTF-8 as its `&str` demands; prefixes stay unresolved, so namespaces are not
/// counted. Characters are not checked.
pub fn quick_xml(bytes: &[u8], _: usize) -> Visited {
    let text = str::from_utf8(bytes).expect("UTF-8");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut visited = Visited::default();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(tag) | Event::Empty(tag) => {
                visited.element(tag.local_name().as_ref().len(), 0);
                attributes(&tag, &mut visited, |_| 0);
            }
            Event::Eof => return visited,
            event => text_of(&event, &mut visited),
        }
    }
}

/// The same with namespaces.
pub fn quick_xml_ns(bytes: &[u8], _: usize) -> Visited {
    let text = str::from_utf8(bytes).expect("UTF-8");
    let mut reader = quick_xml::NsReader::from_str(text);
    let mut visited = Visited::default();
    loop {
        let event = reader.read_event().expect("well-formed");
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                let (namespace, name) = reader.resolver().resolve_element(tag.name());
                visited.element(name.as_ref().len(), bound(&namespace));
                attributes(&tag, &mut visited, |key| {
                    bound(&reader.resolver().resolve_attribute(key).0)
                });
            }
            Event::Eof => return visited,
            event => text_of(&event, &mut visited),
        }
    }
}

fn attributes(
    tag: &BytesStart<'_>,
    visited: &mut Visited,
    namespace: impl Fn(quick_xml::name::QName<'_>) -> usize,
) {
    for attribute in tag.attributes() {
        let attribute = attribute.expect("well-formed");
        match attribute.key.as_namespace_binding() {
            Some(PrefixDeclaration::Default | PrefixDeclaration::Named(_)) => {}
            None => {
                let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0);
                let value = value.expect("references");
                visited.attribute(
                    attribute.key.local_name().as_ref().len(),
                    namespace(attribute.key),
                    value.len(),
                );
            }
        }
    }
}

fn bound(namespace: &ResolveResult<'_>) -> usize {
    match namespace {
        ResolveResult::Bound(namespace) => namespace.as_ref().len(),
        _ => 0,
    }
}

fn text_of(event: &Event<'_>, visited: &mut Visited) {
    match event {
        Event::Text(text) => visited.text += text.xml10_content().len(),
        Event::CData(text) => visited.text += text.xml10_content().len(),
        Event::GeneralRef(reference) => {
            visited.text += match reference.resolve_char_ref().expect("reference") {
                Some(char) => char.len_utf8(),
                // All five predefined entities stand for one byte.
                None => 1,
            }
        }
        _ => {}
    }
}
