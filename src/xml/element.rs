//! Views of elements: they borrow the text and the tape, and tokenise nothing.
//!
//! A view shows what the peer wrote, with references resolved and prefixes looked up. What it means
//! is for the layers above.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use super::scope::Scope;
use super::tape::{AttributeNode, AttributeRole, ElementNode, Tape, TapeNode, TextForm};
use super::{namespaces, values, work, write};

/// A view of one element, on any level. It is cheap to copy.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    text: &'a str,
    tape: &'a Tape,
    scope: &'a Arc<Scope>,
    index: u32,
}

/// A view of an attribute that is not a namespace declaration.
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    element: Element<'a>,
    node: &'a AttributeNode,
}

/// A child of an element.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Node<'a> {
    /// An element.
    Element(Element<'a>),
    /// A run of character data or a CDATA section.
    Text(Text<'a>),
}

/// A view of character data. Neighbouring runs (text beside a CDATA section) are separate.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    raw: &'a str,
    form: TextForm,
}

impl<'a> Element<'a> {
    pub(crate) fn new(text: &'a str, tape: &'a Tape, scope: &'a Arc<Scope>, index: u32) -> Self {
        Self {
            text,
            tape,
            scope,
            index,
        }
    }

    /// Returns the local name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.node().map_or("", |node| node.name.local(self.text))
    }

    /// Returns the name of the namespace; it is empty for none.
    #[must_use]
    pub fn ns(&self) -> &'a str {
        self.node().map_or("", |node| {
            self.tape.uri(node.namespace, self.text, self.scope)
        })
    }

    /// Returns the prefix as written, `None` if there is none.
    #[must_use]
    pub fn prefix(&self) -> Option<&'a str> {
        self.node()
            .map(|node| node.name.prefix(self.text))
            .filter(|prefix| !prefix.is_empty())
    }

    /// Returns whether the name is written with a prefix.
    pub(crate) fn is_prefixed(&self) -> bool {
        self.node().is_some_and(|node| node.name.prefix > 0)
    }

    /// Returns whether the element has this local name in this namespace.
    #[must_use]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name() == name && self.ns() == ns
    }

    /// Returns the value of the attribute of this name without namespace, with references resolved
    /// and normalised as XML 1.0 3.3.3 says. It is borrowed if nothing had to be changed.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<Cow<'a, str>> {
        self.plain_attributes()
            .find(|attr| attr.node.name.prefix == 0 && attr.name() == name)
            .map(|attr| attr.value())
    }

    /// Returns the value of the attribute of this local name in this namespace. `xml:lang` is
    /// `attr_ns(XML_NS, "lang")`.
    #[must_use]
    pub fn attr_ns(&self, ns: &str, name: &str) -> Option<Cow<'a, str>> {
        self.plain_attributes()
            .find(|attr| attr.name() == name && attr.ns() == ns)
            .map(|attr| attr.value())
    }

    /// Returns all attributes except namespace declarations, in document order.
    pub fn attrs(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.plain_attributes()
    }

    /// Returns the child elements, in document order.
    pub fn children(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.nodes().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Returns the first child element of this local name and namespace.
    #[must_use]
    pub fn child(&self, name: &str, ns: &str) -> Option<Element<'a>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// Returns child elements and character data, in document order.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'a> {
        Nodes {
            element: *self,
            next: self.index + 1,
            end: self.node().map_or(0, |node| node.next),
        }
    }

    /// Returns the character data directly inside, joined, with references resolved, CDATA sections
    /// included and line ends normalised (XML 1.0 2.11). It is borrowed if nothing had to be
    /// changed.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        let mut texts = self.nodes().filter_map(|node| match node {
            Node::Text(text) => Some(text),
            Node::Element(_) => None,
        });
        let Some(first) = texts.next() else {
            return Cow::Borrowed("");
        };
        let mut value = first.value();
        for text in texts {
            value.to_mut().push_str(&text.value());
        }
        value
    }

    /// Returns the element exactly as received. It may use prefixes declared around it; see
    /// [`standalone`](Self::standalone).
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.node().map_or("", |node| {
            // The `<` stands before the name.
            let start = (node.name.start as usize).saturating_sub(1);
            self.text.get(start..node.end as usize).unwrap_or_default()
        })
    }

    /// Returns the element with the namespace declarations that it inherits and uses, so that it
    /// parses alone with the same names: what to give to an XML library. It is borrowed if it
    /// inherits nothing. An `xml:lang` of the stream header, which holds for stanzas without one
    /// (RFC 6120 4.7.4 and 8.1.5), is not added.
    #[must_use]
    pub fn standalone(&self) -> Cow<'a, str> {
        let missing = namespaces::borrowed_declarations(self.tape, self.index);
        let Some(node) = self.node().filter(|_| !missing.is_empty()) else {
            return Cow::Borrowed(self.as_str());
        };
        let name_end = 1 + usize::from(node.name.length);
        let whole = self.as_str();
        let mut out = String::with_capacity(whole.len() + 64 * missing.len());
        out.push_str(whole.get(..name_end).unwrap_or_default());
        for namespace in missing {
            let prefix = namespaces::prefix_of(self.tape, namespace, self.text, self.scope);
            let uri = self.tape.uri(namespace, self.text, self.scope);
            // Writing to a `String` cannot fail.
            let _ = write::declaration(&mut out, prefix, uri);
        }
        out.push_str(whole.get(name_end..).unwrap_or_default());
        Cow::Owned(out)
    }

    pub(crate) fn node(&self) -> Option<&'a ElementNode> {
        self.tape.element(self.index)
    }

    pub(crate) fn parts(&self) -> (&'a str, &'a Tape, &'a Arc<Scope>, u32) {
        (self.text, self.tape, self.scope, self.index)
    }

    fn plain_attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let element = *self;
        self.node()
            .map_or(&[][..], |node| self.tape.attributes_of(node))
            .iter()
            .inspect(|_| work::count(1))
            .filter(|node| node.role == AttributeRole::Plain)
            .map(move |node| Attribute { element, node })
    }
}

impl<'a> Attribute<'a> {
    /// Returns the local name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.node.name.local(self.element.text)
    }

    /// Returns the name of the namespace; it is empty for none, as for all attributes without
    /// prefix.
    #[must_use]
    pub fn ns(&self) -> &'a str {
        let Element {
            text, tape, scope, ..
        } = self.element;
        tape.uri(self.node.namespace, text, scope)
    }

    /// Returns the prefix as written, `None` if there is none.
    #[must_use]
    pub fn prefix(&self) -> Option<&'a str> {
        Some(self.node.name.prefix(self.element.text)).filter(|prefix| !prefix.is_empty())
    }

    /// Returns the value, as [`Element::attr`] does.
    #[must_use]
    pub fn value(&self) -> Cow<'a, str> {
        let raw = self.node.value.of(self.element.text);
        if self.node.verbatim {
            Cow::Borrowed(raw)
        } else {
            values::attribute_value(raw)
        }
    }

    /// Returns how many bytes the value has as it is written.
    pub(crate) fn raw_len(&self) -> usize {
        self.node.value.range().len()
    }
}

impl<'a> Text<'a> {
    /// Returns the text with references resolved and line ends normalised. It is borrowed if
    /// nothing had to be changed.
    #[must_use]
    pub fn value(&self) -> Cow<'a, str> {
        match self.form {
            TextForm::Verbatim => Cow::Borrowed(self.raw),
            TextForm::Escaped => values::text_value(self.raw),
            TextForm::Lines => values::cdata_value(self.raw),
        }
    }

    /// Returns how many bytes the text has as it is written.
    pub(crate) fn raw_len(&self) -> usize {
        self.raw.len()
    }
}

/// The children of an element; made by [`Element::nodes`].
#[derive(Clone, Debug)]
pub struct Nodes<'a> {
    element: Element<'a>,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let Element {
            text, tape, scope, ..
        } = self.element;
        let index = self.next;
        work::count(1);
        Some(match tape.nodes.get(index as usize)? {
            TapeNode::Element(node) => {
                self.next = node.next;
                Node::Element(Element::new(text, tape, scope, index))
            }
            TapeNode::Text(node) => {
                self.next += 1;
                Node::Text(Text {
                    raw: node.span.of(text),
                    form: node.form,
                })
            }
        })
    }
}

impl fmt::Debug for Element<'_> {
    /// Shows name and length only, because the content may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Element", self.name(), self.as_str().len())
    }
}

impl fmt::Debug for Attribute<'_> {
    /// Shows name and length only, because the value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Attribute", self.name(), self.raw_len())
    }
}

impl fmt::Debug for Text<'_> {
    /// Shows the length only, because the content may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text")
            .field("bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

pub(crate) fn describe(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    name: &str,
    bytes: usize,
) -> fmt::Result {
    f.debug_struct(kind)
        .field("name", &name)
        .field("bytes", &bytes)
        .finish_non_exhaustive()
}
