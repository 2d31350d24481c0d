//! The view of the start tag of a first-level element that is not complete yet.
//!
//! It exists so that an element which cannot become legal is refused at its start tag, before the
//! peer has sent the rest. Only what a start tag says may be shown here.

use alloc::borrow::Cow;
use core::fmt;

use super::element::{self, Attribute, Element};

/// The start tag of a first-level element whose end has not arrived; see
/// [`Framer::pending_start_tag`](super::Framer::pending_start_tag).
#[derive(Clone, Copy)]
pub struct StartTag<'a>(Element<'a>);

impl<'a> StartTag<'a> {
    pub(crate) fn new(element: Element<'a>) -> Self {
        Self(element)
    }

    /// Returns the local name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.0.name()
    }

    /// Returns the name of the namespace; it is empty for none.
    #[must_use]
    pub fn ns(&self) -> &'a str {
        self.0.ns()
    }

    /// Returns the prefix as written, `None` if there is none.
    #[must_use]
    pub fn prefix(&self) -> Option<&'a str> {
        self.0.prefix()
    }

    /// Returns whether the element has this local name in this namespace.
    #[must_use]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.0.is(name, ns)
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

    /// Returns the tag exactly as received.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0.as_str()
    }
}

impl fmt::Debug for StartTag<'_> {
    /// Shows name and length only, because the content may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        element::describe(f, "StartTag", self.name(), self.as_str().len())
    }
}
