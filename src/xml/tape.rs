//! The tape: the result of reading an element once, so that nothing is tokenised again.
//!
//! Nodes stand in document order. An element knows the index after its last descendant, so siblings
//! are found without a tree. All offsets are relative to the `<` of the first-level element. The
//! vectors are cleared, not dropped, between elements, so in steady state nothing is allocated.
//! TapeNode sizes are part of the memory bound in the module documentation.

use alloc::string::String;
use alloc::vec::Vec;

use super::scope::{Namespace, Scope};
use super::span::{Name, Span};

/// What was read of one element.
#[derive(Clone, Default)]
pub(crate) struct Tape {
    pub(crate) nodes: Vec<TapeNode>,
    pub(crate) attributes: Vec<AttributeNode>,
    pub(crate) bindings: Vec<Binding>,
    /// Namespace names that hold references, so that they do not stand in the text as they are.
    pub(crate) arena: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TapeNode {
    Element(ElementNode),
    Text(TextNode),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementNode {
    /// The name as written.
    pub(crate) name: Name,
    /// The namespace of the name.
    pub(crate) namespace: Namespace,
    /// The indices of its attributes in `Tape::attributes`.
    pub(crate) attributes: Span,
    /// The offset after the `>` of the start tag.
    pub(crate) content: u32,
    /// The offset after the `>` of the end tag. Until that was read, it equals `content`.
    pub(crate) end: u32,
    /// The index of the node after its last descendant.
    pub(crate) next: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TextNode {
    pub(crate) span: Span,
    pub(crate) form: TextForm,
}

/// How the value is computed from the text as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// The text is the value.
    Verbatim,
    /// References are resolved and line ends normalised.
    Escaped,
    /// Line ends are normalised (in a CDATA section).
    Lines,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AttributeNode {
    /// The name as written.
    pub(crate) name: Name,
    /// The namespace of the name.
    pub(crate) namespace: Namespace,
    /// The value as received, without quotes.
    pub(crate) value: Span,
    /// States that the text as received is the value.
    pub(crate) verbatim: bool,
    /// States whether it declares a namespace.
    pub(crate) role: AttributeRole,
    /// A digest of the qualified name. Equal names have equal digests, so nearly all comparisons
    /// end with it.
    pub(crate) digest: u32,
}

/// The role of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeRole {
    Plain,
    /// It is `xmlns='..'`.
    DeclaresDefault,
    /// It is `xmlns:p='..'`.
    DeclaresPrefix,
}

/// A namespace declaration within the element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// The index of the node that declares it.
    pub(crate) node: u32,
    /// The prefix in the text; it is empty for the default namespace.
    pub(crate) prefix: Span,
    pub(crate) uri: Uri,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Uri {
    Text(Span),
    Arena(Span),
}

/// The namespace of `xml:lang` and similar attributes.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Tape {
    /// Discards the element and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.attributes.clear();
        self.bindings.clear();
        self.arena.clear();
    }

    /// Returns how many bytes are allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.nodes.capacity() * size_of::<TapeNode>()
            + self.attributes.capacity() * size_of::<AttributeNode>()
            + self.bindings.capacity() * size_of::<Binding>()
            + self.arena.capacity()
    }

    /// Releases memory that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.bindings.shrink_to_fit();
        self.arena.shrink_to_fit();
    }

    /// Makes room for the attributes of a usual stream header, so that they are allocated once.
    pub(crate) fn reserve_header(&mut self) {
        self.attributes.reserve(8);
    }

    /// Returns what a stream header declares, as pairs of prefix and namespace name. No prefix comes
    /// twice, because no attribute does.
    pub(crate) fn header_declarations<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.bindings.iter().filter_map(move |binding| {
            let uri = self.binding_uri(binding, text);
            let prefix = binding.prefix.of(text);
            (!uri.is_empty() && prefix != "xml").then_some((prefix, uri))
        })
    }

    /// Returns the name of a namespace; it is empty for none.
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
            Some(TapeNode::Element(element)) => Some(element),
            Some(TapeNode::Text(_)) | None => None,
        }
    }

    pub(crate) fn element_mut(&mut self, index: u32) -> Option<&mut ElementNode> {
        match self.nodes.get_mut(index as usize) {
            Some(TapeNode::Element(element)) => Some(element),
            Some(TapeNode::Text(_)) | None => None,
        }
    }

    #[inline]
    pub(crate) fn attributes_of(&self, element: &ElementNode) -> &[AttributeNode] {
        self.attributes
            .get(element.attributes.range())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tape_takes_what_the_documentation_says() {
        assert!(size_of::<TapeNode>() <= 40);
        assert!(size_of::<AttributeNode>() <= 32);
        assert!(size_of::<Binding>() <= 24);
    }
}
