//! The tape: what reading an element once has found out, so that nothing is tokenised again.
//!
//! Nodes stand in document order; an element knows the index behind its last descendant, so siblings are found
//! without a tree. All offsets are relative to the `<` of the first-level element. The vectors are cleared, not
//! dropped, between elements: in steady state nothing is allocated.

use alloc::string::String;
use alloc::vec::Vec;

use super::scope::Scope;

/// See the module documentation.
#[derive(Clone, Default)]
pub(crate) struct Tape {
    pub(crate) nodes: Vec<Node>,
    pub(crate) attributes: Vec<AttributeNode>,
    pub(crate) bindings: Vec<Binding>,
    /// Namespace names that do not stand in the text as they are, because they hold references.
    pub(crate) arena: String,
}

/// Bytes from `start` to before `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A qualified name in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) start: u32,
    /// Bytes of the prefix without its colon; 0 if there is none.
    pub(crate) prefix: u16,
    /// Bytes in all.
    pub(crate) length: u16,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    Element(ElementNode),
    Text(TextNode),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementNode {
    pub(crate) name: Name,
    pub(crate) namespace: Namespace,
    /// Its attributes: indices into `Tape::attributes`.
    pub(crate) attributes: Span,
    /// Offset behind the `>` of the start tag.
    pub(crate) content: u32,
    /// Offset behind the `>` of the end tag.
    pub(crate) end: u32,
    /// Index of the node behind its last descendant.
    pub(crate) next: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TextNode {
    pub(crate) span: Span,
    pub(crate) form: TextForm,
}

/// What must be done to get from the text as received to its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// Nothing.
    Verbatim,
    /// Resolve references, normalise line ends.
    Escaped,
    /// Normalise line ends (a CDATA section).
    Lines,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AttributeNode {
    pub(crate) name: Name,
    pub(crate) namespace: Namespace,
    pub(crate) value: Span,
    /// Whether the value as received is the value.
    pub(crate) verbatim: bool,
    pub(crate) role: AttributeRole,
    /// Equal names have equal digests: nearly all comparisons end with it.
    pub(crate) digest: u32,
}

/// What an attribute is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeRole {
    Plain,
    /// `xmlns='..'`
    DeclaresDefault,
    /// `xmlns:p='..'`
    DeclaresPrefix,
}

/// Where a name's namespace is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Namespace {
    /// In no namespace.
    None,
    /// The namespace of `xml:lang`.
    Xml,
    /// The n-th declaration of the stream header.
    Inherited(u32),
    /// The n-th of `Tape::bindings`.
    Local(u32),
}

/// A namespace declaration within the element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// The node that declares it.
    pub(crate) node: u32,
    /// The prefix in the text; empty for the default namespace.
    pub(crate) prefix: Span,
    pub(crate) uri: Uri,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Uri {
    Text(Span),
    Arena(Span),
}

/// The namespace of `xml:lang` and its like.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Tape {
    /// Forgets the element, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.attributes.clear();
        self.bindings.clear();
        self.arena.clear();
    }

    /// Gives back memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.bindings.shrink_to_fit();
        self.arena.shrink_to_fit();
    }

    /// The name of a namespace; empty for none.
    #[inline]
    pub(crate) fn uri<'a>(
        &'a self,
        namespace: Namespace,
        text: &'a str,
        scope: &'a Scope,
    ) -> &'a str {
        match namespace {
            Namespace::None => "",
            Namespace::Xml => XML,
            Namespace::Inherited(index) => scope.uri(index),
            Namespace::Local(index) => self
                .bindings
                .get(index as usize)
                .map_or("", |binding| self.binding_uri(binding, text)),
        }
    }

    #[inline]
    pub(crate) fn binding_uri<'a>(&'a self, binding: &Binding, text: &'a str) -> &'a str {
        match binding.uri {
            Uri::Text(span) => span.of(text),
            Uri::Arena(span) => span.of(&self.arena),
        }
    }

    #[inline]
    pub(crate) fn element(&self, index: u32) -> Option<&ElementNode> {
        match self.nodes.get(index as usize) {
            Some(Node::Element(element)) => Some(element),
            Some(Node::Text(_)) | None => None,
        }
    }

    pub(crate) fn element_mut(&mut self, index: u32) -> Option<&mut ElementNode> {
        match self.nodes.get_mut(index as usize) {
            Some(Node::Element(element)) => Some(element),
            Some(Node::Text(_)) | None => None,
        }
    }

    #[inline]
    pub(crate) fn attributes_of(&self, element: &ElementNode) -> &[AttributeNode] {
        self.attributes
            .get(element.attributes.range())
            .unwrap_or_default()
    }
}

impl Span {
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start: offset(start),
            end: offset(end),
        }
    }

    #[inline]
    pub(crate) fn range(self) -> core::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

impl Name {
    #[inline]
    pub(crate) fn qualified(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + usize::from(self.length))
            .unwrap_or_default()
    }

    #[inline]
    pub(crate) fn prefix(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + usize::from(self.prefix))
            .unwrap_or_default()
    }

    #[inline]
    pub(crate) fn local_span(self) -> Span {
        let colon = u32::from(self.prefix != 0);
        Span {
            start: self.start + u32::from(self.prefix) + colon,
            end: self.start + u32::from(self.length),
        }
    }

    #[inline]
    pub(crate) fn local(self, text: &str) -> &str {
        let start = self.start as usize;
        let colon = usize::from(self.prefix != 0);
        text.get(start + usize::from(self.prefix) + colon..start + usize::from(self.length))
            .unwrap_or_default()
    }
}

/// An offset or index in the 32 bits the tape keeps; frames are limited to what these can say.
#[inline]
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tape_takes_what_the_documentation_says() {
        assert!(size_of::<Node>() <= 40);
        assert!(size_of::<AttributeNode>() <= 32);
        assert!(size_of::<Binding>() <= 24);
    }
}
