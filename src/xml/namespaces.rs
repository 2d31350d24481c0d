//! Namespaces in XML 1.0: which declarations are in scope, what a prefix means, which attributes
//! are duplicates.
//!
//! Everything here works on names that the peer chose, so no operation may cost more than a
//! constant (or the logarithm of a limit) per byte received, whatever the limits are: few names are
//! compared one by one, many are looked up or sorted, and namespace names are compared by number.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::error::{LimitKind, RelativeError, XmlErrorKind};
use super::limits::FrameLimits;
use super::scope::{LINEAR_SEARCH_MAX, Namespace, Scope};
use super::span::{Span, append, offset};
use super::tag::{AttributeNames, ParsedStartTag};
use super::tape::{AttributeNode, AttributeRole, Binding, Tape, TapeNode, Uri, XML};
use super::values;

/// The namespace of `xmlns` attributes, which may be neither declared nor used.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Resolves prefixes while an element is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver {
    prefixes: Prefixes,
    numbers: Numbers,
    current: Checkpoint,
    /// Attributes to be sorted, kept for its memory.
    sorted: Vec<(u64, Span, u32)>,
}

/// What holds outside of an element, to be restored when the element ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoint {
    /// How many prefixes are declared.
    prefixes: u32,
    default: Namespace,
    /// How many declarations are in scope, those of the stream header not counted.
    declared: u32,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            prefixes: 0,
            default: Namespace::None,
            declared: 0,
        }
    }
}

/// The element whose start tag was just read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartedElement<'a> {
    /// The text that offsets refer to.
    pub(crate) text: &'a str,
    /// Its start tag.
    pub(crate) tag: ParsedStartTag,
    /// The index its node will have.
    pub(crate) node: u32,
    /// The declarations of the stream header.
    pub(crate) scope: &'a Scope,
    /// The limits that hold for it.
    pub(crate) limits: &'a FrameLimits,
    /// What to report if the prefix of the element's name is not declared.
    pub(crate) undeclared: XmlErrorKind,
}

impl Resolver {
    /// Begins a first-level element.
    pub(crate) fn clear(&mut self, scope: &Scope) {
        self.prefixes.truncate(0);
        self.numbers.clear();
        self.current = Checkpoint {
            prefixes: 0,
            default: scope.find(""),
            declared: 0,
        };
    }

    /// Releases memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.sorted = Vec::new();
        self.numbers.bindings.shrink_to_fit();
        self.prefixes.bindings.shrink_to_fit();
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.current
    }

    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) {
        self.prefixes.truncate(checkpoint.prefixes as usize);
        self.current = checkpoint;
    }

    /// Processes the declarations of an element, resolves its attributes, and returns the namespace
    /// of its name.
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
        self.check_unique(start, tape)?;
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
            return Err(XmlErrorKind::ReservedNamespace.at(at));
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
            .ok_or(XmlErrorKind::UndeclaredPrefix.at(name.start as usize))?;
        if let Some(attribute) = tape.attributes.get_mut(index) {
            attribute.namespace = namespace;
        }
        Ok(())
    }

    fn lookup(&self, start: &StartedElement<'_>, tape: &Tape, prefix: &str) -> Option<Namespace> {
        if prefix == "xml" {
            return Some(Namespace::Xml);
        }
        let local = self.prefixes.find(prefix, start.text, tape);
        match local {
            Some(index) => Some(Namespace::Local(index)),
            None => match start.scope.find(prefix) {
                Namespace::None => None,
                inherited => Some(inherited),
            },
        }
    }

    /// Processes one declaration (Namespaces in XML 1.0, sections 2.2 and 3).
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
            return Err(XmlErrorKind::Limit(LimitKind::Namespaces).at(at));
        }
        let fresh = Namespace::Local(offset(tape.bindings.len()));
        if attribute.role == AttributeRole::DeclaresDefault {
            if reserved {
                return Err(XmlErrorKind::ReservedNamespace.at(at));
            }
            self.current.default = if empty { Namespace::None } else { fresh };
        } else {
            let prefix = attribute.name.local(start.text);
            match (prefix, name) {
                // `xml` may be bound to its namespace, and to nothing else.
                ("xml", XML) => {}
                ("xml" | "xmlns", _) | (_, XML | XMLNS) => {
                    return Err(XmlErrorKind::ReservedNamespace.at(at));
                }
                (_, "") => return Err(XmlErrorKind::EmptyNamespace.at(at)),
                _ => {
                    self.prefixes.push(offset(tape.bindings.len()), prefix);
                    self.current.prefixes += 1;
                }
            }
            let end = at + usize::from(attribute.name.length);
            binding.prefix = Span::new(end - prefix.len(), end);
        }
        tape.bindings.push(binding);
        Ok(())
    }

    /// Refuses attributes with the same qualified or the same expanded name (Namespaces in XML 1.0,
    /// section 6.3).
    fn check_unique(
        &mut self,
        start: &StartedElement<'_>,
        tape: &Tape,
    ) -> Result<(), RelativeError> {
        let attributes = tape.attributes.get(start.tag.attributes.range());
        let attributes = attributes.unwrap_or_default();
        if attributes.len() > LINEAR_SEARCH_MAX {
            return self.check_many_unique(start, tape, attributes);
        }
        let mut rest = attributes;
        while let [before @ .., last] = rest {
            if before
                .iter()
                .any(|other| is_duplicate(start, tape, last, other, &mut self.numbers))
            {
                return Err(XmlErrorKind::DuplicateAttribute.at(last.name.start as usize));
            }
            rest = before;
        }
        Ok(())
    }

    /// Sorts the attributes by expanded name, so that duplicates are neighbours.
    #[cold]
    fn check_many_unique(
        &mut self,
        start: &StartedElement<'_>,
        tape: &Tape,
        attributes: &[AttributeNode],
    ) -> Result<(), RelativeError> {
        let mut sorted = core::mem::take(&mut self.sorted);
        sorted.clear();
        for attribute in attributes {
            let name = attribute.name;
            let namespace = match (name.prefix, attribute.role) {
                (0, _) => 0,
                (_, AttributeRole::Plain) => 2 + self.numbers.get(start, tape, attribute.namespace),
                (_, AttributeRole::DeclaresDefault | AttributeRole::DeclaresPrefix) => 1,
            };
            sorted.push((namespace, name.local_span(), name.start));
        }
        let order = |a: &(u64, Span, u32), b: &(u64, Span, u32)| {
            let lengths = a.1.range().len().cmp(&b.1.range().len());
            let by_name = a.0.cmp(&b.0).then(lengths);
            by_name.then_with(|| a.1.of(start.text).cmp(b.1.of(start.text)))
        };
        sorted.sort_unstable_by(|a, b| order(a, b).then(a.2.cmp(&b.2)));
        let duplicates = sorted.windows(2).filter_map(|pair| match pair {
            [a, b] if order(a, b).is_eq() => Some(b.2),
            _ => None,
        });
        // The last one, as among few attributes.
        let duplicate = duplicates.max();
        self.sorted = sorted;
        duplicate.map_or(Ok(()), |at| {
            Err(XmlErrorKind::DuplicateAttribute.at(at as usize))
        })
    }
}

#[inline]
fn is_duplicate(
    start: &StartedElement<'_>,
    tape: &Tape,
    a: &AttributeNode,
    b: &AttributeNode,
    numbers: &mut Numbers,
) -> bool {
    if a.digest == b.digest && a.name.qualified(start.text) == b.name.qualified(start.text) {
        return true;
    }
    // Declarations are in no namespace; of them only equal qualified names are duplicates.
    a.name.prefix != 0
        && b.name.prefix != 0
        && a.name.local(start.text) == b.name.local(start.text)
        && a.role == AttributeRole::Plain
        && b.role == AttributeRole::Plain
        && numbers.is_same(start, tape, a.namespace, b.namespace)
}

/// The prefixes that are in scope and were declared within the first-level element.
#[derive(Clone, Debug, Default)]
struct Prefixes {
    /// Indices into `Tape::bindings`, the innermost last.
    bindings: Vec<u32>,
    /// The innermost binding of each prefix among those after the first [`LINEAR_SEARCH_MAX`].
    innermost: BTreeMap<Box<str>, u32>,
    /// For each of them the prefix, and the binding that it hides in `innermost`.
    hidden: Vec<(Box<str>, Option<u32>)>,
}

impl Prefixes {
    fn push(&mut self, binding: u32, prefix: &str) {
        if self.bindings.len() >= LINEAR_SEARCH_MAX {
            let hidden = self.innermost.insert(prefix.into(), binding);
            self.hidden.push((prefix.into(), hidden));
        }
        self.bindings.push(binding);
    }

    #[inline]
    fn truncate(&mut self, length: usize) {
        self.bindings.truncate(length);
        if !self.hidden.is_empty() {
            self.restore_hidden(length);
        }
    }

    #[cold]
    fn restore_hidden(&mut self, length: usize) {
        let kept = length.saturating_sub(LINEAR_SEARCH_MAX);
        while self.hidden.len() > kept {
            match self.hidden.pop() {
                Some((prefix, Some(binding))) => self.innermost.insert(prefix, binding),
                Some((prefix, None)) => self.innermost.remove(&prefix),
                None => return,
            };
        }
    }

    /// Returns the innermost binding of a prefix.
    #[inline]
    fn find(&self, prefix: &str, text: &str, tape: &Tape) -> Option<u32> {
        if !self.hidden.is_empty() {
            if let Some(&binding) = self.innermost.get(prefix) {
                return Some(binding);
            }
        }
        let few = self
            .bindings
            .get(..LINEAR_SEARCH_MAX)
            .unwrap_or(&self.bindings);
        let is_bound = |index: &&u32| {
            let binding = tape.bindings.get(**index as usize);
            binding.is_some_and(|binding| binding.prefix.of(text) == prefix)
        };
        few.iter().rev().find(is_bound).copied()
    }
}

/// Numbers that equal namespace names share, so that a long name is read once, when it is numbered.
///
/// They are given only when they are needed, which is nearly never.
#[derive(Clone, Debug, Default)]
struct Numbers {
    /// The number of each binding, as far as they were needed.
    bindings: Vec<u64>,
    /// The numbers of the names that the stream header does not declare.
    names: BTreeMap<Box<str>, u64>,
}

impl Numbers {
    /// The namespace `xml`, to which no other prefix can be bound.
    const XML: u64 = u64::MAX / 2;

    #[inline]
    fn clear(&mut self) {
        if !self.bindings.is_empty() {
            self.bindings.clear();
            self.names.clear();
        }
    }

    #[cold] // Attributes of one local name under several prefixes are rare.
    fn is_same(
        &mut self,
        start: &StartedElement<'_>,
        tape: &Tape,
        a: Namespace,
        b: Namespace,
    ) -> bool {
        a == b || self.get(start, tape, a) == self.get(start, tape, b)
    }

    fn get(&mut self, start: &StartedElement<'_>, tape: &Tape, namespace: Namespace) -> u64 {
        match namespace {
            Namespace::None | Namespace::Xml => Self::XML,
            Namespace::Inherited(index) => start.scope.number(index).into(),
            Namespace::Local(index) => {
                let index = index as usize;
                while self.bindings.len() <= index {
                    let binding = tape.bindings.get(self.bindings.len());
                    let uri = binding.map_or("", |binding| tape.binding_uri(binding, start.text));
                    let number = self.number(start.scope, uri);
                    self.bindings.push(number);
                }
                self.bindings.get(index).copied().unwrap_or(Self::XML)
            }
        }
    }

    fn number(&mut self, scope: &Scope, uri: &str) -> u64 {
        if let Some(number) = scope.number_of(uri) {
            return number.into();
        }
        if let Some(&number) = self.names.get(uri) {
            return number;
        }
        let number = (scope.len() + self.names.len()) as u64;
        self.names.insert(uri.into(), number);
        number
    }
}

/// Returns whether a namespace is declared outside of the element with this node index.
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

/// Returns the prefix of a namespace declaration.
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

/// Returns the declarations outside of an element that names within it rely on, each once.
pub(crate) fn borrowed_declarations(tape: &Tape, node: u32) -> Vec<Namespace> {
    let mut found = Vec::new();
    let mut found_later = BTreeSet::new();
    let Some(root) = tape.element(node) else {
        return found;
    };
    let mut add = |namespace| {
        if !declared_outside(tape, namespace, node) {
            return;
        }
        let few = found.get(..LINEAR_SEARCH_MAX).unwrap_or(&found);
        if !few.contains(&namespace)
            && (found.len() < LINEAR_SEARCH_MAX || found_later.insert(namespace))
        {
            found.push(namespace);
        }
    };
    let nodes = tape.nodes.get(node as usize..root.next as usize);
    for node in nodes.unwrap_or_default() {
        if let TapeNode::Element(element) = node {
            add(element.namespace);
            for attribute in tape.attributes_of(element) {
                add(attribute.namespace);
            }
        }
    }
    found
}

/// Returns whether the namespace is that of `xml` or of `xmlns`, to which no declaration may bind a
/// prefix or the default (Namespaces in XML 1.0, section 3).
pub(crate) fn is_reserved(namespace: &str) -> bool {
    namespace == XML || namespace == XMLNS
}
