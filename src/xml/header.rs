//! The view of a stream header.
//!
//! It shows what the peer wrote; whether the header is acceptable is for the stream layer.

use alloc::borrow::Cow;
use core::fmt;

use super::element::{self, Attribute, Element};

/// A view of a stream header, the start tag of the stream's root element (RFC 6120 4.7).
#[derive(Clone, Copy)]
pub struct Header<'a>(Element<'a>);

impl<'a> Header<'a> {
    pub(crate) fn new(element: Element<'a>) -> Self {
        Self(element)
    }

    /// Returns the local name of the root element, which is `stream` for a stream (RFC 6120 4.8.1).
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.0.name()
    }

    /// Returns the namespace of the root element; it is empty for none.
    #[must_use]
    pub fn ns(&self) -> &'a str {
        self.0.ns()
    }

    /// Returns the prefix of the root element as written, `None` if there is none.
    #[must_use]
    pub fn prefix(&self) -> Option<&'a str> {
        self.0.prefix()
    }

    /// Returns the default namespace that the header declares, which is the content namespace (RFC
    /// 6120 4.8.2).
    #[must_use]
    pub fn content_ns(&self) -> Option<&'a str> {
        self.namespaces()
            .find(|(prefix, uri)| prefix.is_empty() && !uri.is_empty())
            .map(|(_, uri)| uri)
    }

    /// Returns the value of the attribute of this name without namespace, as [`Element::attr`]
    /// does.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.attr(name)
    }

    /// Returns the value of the attribute of this local name in this namespace, as
    /// [`Element::attr_ns`] does.
    #[must_use]
    pub fn attr_ns(&self, ns: &str, name: &str) -> Option<Cow<'a, str>> {
        self.0.attr_ns(ns, name)
    }

    /// Returns all attributes except namespace declarations, in document order.
    pub fn attrs(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.0.attrs()
    }

    /// Returns the namespace declarations as pairs of prefix and namespace name; the default
    /// namespace has the empty prefix.
    pub fn namespaces(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (text, tape, _, _) = self.0.parts();
        tape.bindings
            .iter()
            .map(move |binding| (binding.prefix.of(text), tape.binding_uri(binding, text)))
    }

    /// Returns the tag exactly as received.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0.parts().0
    }
}

impl fmt::Debug for Header<'_> {
    /// Shows name and length only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        element::describe(f, "Header", self.name(), self.as_str().len())
    }
}
