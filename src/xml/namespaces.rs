//! Namespaces in XML 1.0: what is declared, and what a prefix means where it is used.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::chars;
use super::error::{FaultKind, LimitKind, RelativeError};
use super::limits::FrameLimits;
use super::tag::{AttributeNames, StartTag};
use super::tape::{
    AttributeNode, AttributeRole, Binding, Namespace, Node, Span, Tape, Uri, XML, offset,
};
use super::values;

/// The namespace of `xmlns` attributes, which may be neither declared nor used.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The namespace declarations of a stream header: they hold for every element of that stream (RFC 6120 4.8).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scope {
    text: String,
    /// Prefix and namespace name, in `text`.
    entries: Vec<(Span, Span)>,
}

impl Scope {
    /// A scope with this default namespace (the stream's content namespace; empty: none) and these prefixes.
    ///
    /// Meant for the header the caller writes itself. What no header could declare is left out: the prefixes `xml`
    /// and `xmlns`, a prefix without namespace, and namespace names with characters XML cannot carry.
    #[must_use]
    pub fn new(content_ns: &str, prefixes: &[(&str, &str)]) -> Self {
        let mut scope = Self::default();
        if !content_ns.is_empty() {
            scope.declare("", content_ns);
        }
        for &(prefix, uri) in prefixes {
            if chars::is_name(prefix) && !matches!(prefix, "xml" | "xmlns") && !uri.is_empty() {
                scope.declare(prefix, uri);
            }
        }
        scope
    }

    /// The namespace a prefix is bound to; the empty prefix asks for the default namespace.
    #[must_use]
    pub fn get(&self, prefix: &str) -> Option<&str> {
        self.iter()
            .find(|&(declared, _)| declared == prefix)
            .map(|(_, uri)| uri)
    }

    /// Pairs of prefix and namespace name in the order declared; the default namespace has the empty prefix.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.entries
            .iter()
            .map(|(prefix, uri)| (prefix.of(&self.text), uri.of(&self.text)))
    }

    /// What a stream header declares.
    pub(crate) fn of_header(tape: &Tape, text: &str) -> Self {
        let mut scope = Self::default();
        for binding in &tape.bindings {
            let uri = tape.binding_uri(binding, text);
            let prefix = binding.prefix.of(text);
            if !uri.is_empty() && prefix != "xml" {
                scope.declare(prefix, uri);
            }
        }
        scope
    }

    fn declare(&mut self, prefix: &str, uri: &str) {
        if chars::check_chars(uri).is_ok() && self.get(prefix).is_none() {
            let prefix = append(&mut self.text, prefix);
            let uri = append(&mut self.text, uri);
            self.entries.push((prefix, uri));
        }
    }

    pub(crate) fn uri(&self, index: u32) -> &str {
        self.entries
            .get(index as usize)
            .map_or("", |(_, uri)| uri.of(&self.text))
    }

    pub(crate) fn prefix(&self, index: u32) -> &str {
        self.entries
            .get(index as usize)
            .map_or("", |(prefix, _)| prefix.of(&self.text))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn find(&self, prefix: &str) -> Namespace {
        self.iter()
            .position(|(declared, _)| declared == prefix)
            .map_or(Namespace::None, |index| Namespace::Inherited(offset(index)))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// What is declared at the place reading has come to.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    /// The prefixes in scope that the element itself declares: indices into `Tape::bindings`.
    prefixes: Vec<u32>,
    current: Checkpoint,
}

/// What to return to when an element ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint {
    prefixes: u32,
    default: Namespace,
    /// Declarations in scope within the element.
    declared: u32,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            prefixes: Vec::new(),
            current: Checkpoint {
                prefixes: 0,
                default: Namespace::None,
                declared: 0,
            },
        }
    }
}

/// The element whose start tag was just read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartedElement<'a> {
    pub(crate) text: &'a str,
    pub(crate) tag: StartTag,
    /// The index its node will have.
    pub(crate) node: u32,
    pub(crate) scope: &'a Scope,
    pub(crate) limits: &'a FrameLimits,
    /// What an undeclared prefix on the element's name is.
    pub(crate) undeclared: FaultKind,
}

impl Resolver {
    /// Begins a first-level element.
    pub(crate) fn clear(&mut self, scope: &Scope) {
        self.prefixes.clear();
        self.current = Checkpoint {
            prefixes: 0,
            default: scope.find(""),
            declared: 0,
        };
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.current
    }

    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) {
        self.prefixes.truncate(checkpoint.prefixes as usize);
        self.current = checkpoint;
    }

    /// Takes in the declarations of an element, finds the namespaces of its attributes and returns that of its name.
    pub(crate) fn resolve(
        &mut self,
        start: &StartedElement<'_>,
        tape: &mut Tape,
    ) -> Result<Namespace, RelativeError> {
        if start.tag.names == AttributeNames::MayBePrefixed {
            for index in start.tag.attributes.range() {
                match tape.attributes.get(index) {
                    Some(attribute) if attribute.role != AttributeRole::Plain => {
                        self.declare(start, tape, *attribute)?;
                    }
                    _ => {}
                }
            }
        }
        let name = start.tag.name;
        let namespace = if name.prefix == 0 {
            self.current.default
        } else {
            self.element_namespace(start, tape, name.prefix(start.text))?
        };
        if start.tag.names == AttributeNames::MayBePrefixed {
            for index in start.tag.attributes.range() {
                self.resolve_attribute(start, tape, index)?;
            }
        }
        check_unique(start, tape)?;
        Ok(namespace)
    }

    fn element_namespace(
        &self,
        start: &StartedElement<'_>,
        tape: &Tape,
        prefix: &str,
    ) -> Result<Namespace, RelativeError> {
        let at = start.tag.name.start as usize;
        if prefix == "xmlns" {
            return Err(FaultKind::ReservedNamespace.at(at));
        }
        self.lookup(start, tape, prefix)
            .ok_or(start.undeclared.at(at))
    }

    fn resolve_attribute(
        &self,
        start: &StartedElement<'_>,
        tape: &mut Tape,
        index: usize,
    ) -> Result<(), RelativeError> {
        let name = match tape.attributes.get(index) {
            Some(attribute)
                if attribute.role == AttributeRole::Plain && attribute.name.prefix != 0 =>
            {
                attribute.name
            }
            _ => return Ok(()),
        };
        let namespace = self
            .lookup(start, tape, name.prefix(start.text))
            .ok_or(FaultKind::UndeclaredPrefix.at(name.start as usize))?;
        if let Some(attribute) = tape.attributes.get_mut(index) {
            attribute.namespace = namespace;
        }
        Ok(())
    }

    fn lookup(&self, start: &StartedElement<'_>, tape: &Tape, prefix: &str) -> Option<Namespace> {
        if prefix == "xml" {
            return Some(Namespace::Xml);
        }
        let local = self.prefixes.iter().rev().find(|&&index| {
            tape.bindings
                .get(index as usize)
                .is_some_and(|binding| binding.prefix.of(start.text) == prefix)
        });
        match local {
            Some(&index) => Some(Namespace::Local(index)),
            None => match start.scope.find(prefix) {
                Namespace::None => None,
                inherited => Some(inherited),
            },
        }
    }

    /// Takes in one declaration (Namespaces in XML 1.0, sections 2.2 and 3).
    fn declare(
        &mut self,
        start: &StartedElement<'_>,
        tape: &mut Tape,
        attribute: AttributeNode,
    ) -> Result<(), RelativeError> {
        let at = attribute.name.start as usize;
        let uri = if attribute.verbatim {
            Uri::Text(attribute.value)
        } else {
            let value = values::attribute_value(attribute.value.of(start.text));
            Uri::Arena(append(&mut tape.arena, &value))
        };
        let mut binding = Binding {
            node: start.node,
            prefix: Span::default(),
            uri,
        };
        let name = tape.binding_uri(&binding, start.text);
        let empty = name.is_empty();
        let reserved = is_reserved(name);
        self.current.declared += 1;
        if self.current.declared as usize + start.scope.len() > usize::from(start.limits.namespaces)
        {
            return Err(FaultKind::Limit(LimitKind::Namespaces).at(at));
        }
        let fresh = Namespace::Local(offset(tape.bindings.len()));
        if attribute.role == AttributeRole::DeclaresDefault {
            if reserved {
                return Err(FaultKind::ReservedNamespace.at(at));
            }
            self.current.default = if empty { Namespace::None } else { fresh };
        } else {
            let prefix = attribute.name.local(start.text);
            match (prefix, name) {
                // The one thing `xml` may be bound to, and is anyway.
                ("xml", XML) => {}
                ("xml" | "xmlns", _) | (_, XML | XMLNS) => {
                    return Err(FaultKind::ReservedNamespace.at(at));
                }
                (_, "") => return Err(FaultKind::EmptyNamespace.at(at)),
                _ => {
                    self.prefixes.push(offset(tape.bindings.len()));
                    self.current.prefixes += 1;
                }
            }
            let end = at + usize::from(attribute.name.length);
            binding.prefix = Span::new(end - prefix.len(), end);
        }
        tape.bindings.push(binding);
        Ok(())
    }
}

/// Refuses attributes of the same qualified name, and of the same expanded name (Namespaces in XML 1.0 6.3).
fn check_unique(start: &StartedElement<'_>, tape: &Tape) -> Result<(), RelativeError> {
    let attributes = tape.attributes.get(start.tag.attributes.range());
    let mut rest = attributes.unwrap_or_default();
    while let [before @ .., last] = rest {
        if before
            .iter()
            .any(|other| is_duplicate(start, tape, last, other))
        {
            return Err(FaultKind::DuplicateAttribute.at(last.name.start as usize));
        }
        rest = before;
    }
    Ok(())
}

fn is_duplicate(
    start: &StartedElement<'_>,
    tape: &Tape,
    a: &AttributeNode,
    b: &AttributeNode,
) -> bool {
    if a.digest == b.digest && a.name.qualified(start.text) == b.name.qualified(start.text) {
        return true;
    }
    // Declarations are in no namespace, and are caught above.
    a.name.prefix != 0
        && b.name.prefix != 0
        && a.name.local(start.text) == b.name.local(start.text)
        && tape.uri(a.namespace, start.text, start.scope)
            == tape.uri(b.namespace, start.text, start.scope)
}

fn append(to: &mut String, text: &str) -> Span {
    let start = to.len();
    to.push_str(text);
    Span::new(start, to.len())
}

/// Whether a namespace is declared outside of the element with this node index.
pub(crate) fn declared_outside(tape: &Tape, namespace: Namespace, node: u32) -> bool {
    match namespace {
        Namespace::None | Namespace::Xml => false,
        Namespace::Inherited(_) => true,
        Namespace::Local(index) => tape
            .bindings
            .get(index as usize)
            .is_some_and(|binding| binding.node < node),
    }
}

/// The prefix of a namespace declaration.
pub(crate) fn prefix_of<'a>(
    tape: &Tape,
    namespace: Namespace,
    text: &'a str,
    scope: &'a Scope,
) -> &'a str {
    match namespace {
        Namespace::None => "",
        Namespace::Xml => "xml",
        Namespace::Inherited(index) => scope.prefix(index),
        Namespace::Local(index) => tape
            .bindings
            .get(index as usize)
            .map_or("", |binding| binding.prefix.of(text)),
    }
}

/// The declarations from outside an element that names within it rely on, each once.
pub(crate) fn borrowed_declarations(tape: &Tape, node: u32) -> Vec<Namespace> {
    let mut found = Vec::new();
    let Some(root) = tape.element(node) else {
        return found;
    };
    let mut add = |namespace| {
        if declared_outside(tape, namespace, node) && !found.contains(&namespace) {
            found.push(namespace);
        }
    };
    let nodes = tape.nodes.get(node as usize..root.next as usize);
    for node in nodes.unwrap_or_default() {
        if let Node::Element(element) = node {
            add(element.namespace);
            for attribute in tape.attributes_of(element) {
                add(attribute.namespace);
            }
        }
    }
    found
}

/// Whether only the prefix `xml`, or nothing at all, may be bound to it (Namespaces in XML 1.0 section 3).
pub(crate) fn is_reserved(namespace: &str) -> bool {
    namespace == XML || namespace == XMLNS
}
