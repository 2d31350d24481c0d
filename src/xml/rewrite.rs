//! Writes a stanza with other addresses or another content namespace, without building a tree.
//!
//! A stanza's *content elements* are the stanza itself, if it is in the content namespace, and
//! within it every element of that namespace whose parent is a content element or which has its
//! namespace from the stream header. They move to the new content namespace, however they were
//! spelled, and are written without prefix (RFC 6120 4.8.5 forbids prefixes for them). A `<message
//! xmlns='jabber:client'/>` inside `<forwarded/>` is none of them and stays what it is (XEP-0297
//! 3). Everything else is copied as received.

use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;

use thiserror::Error;

use super::element::Element;
use super::namespaces;
use super::scope::Namespace;
use super::span::Name;
use super::tape::{AttributeNode, AttributeRole, ElementNode, TapeNode};
use super::write::{self, Escaped, Unwritable};

/// A stanza that is about to be written with changes; made by
/// [`Stanza::rewrite`](super::Stanza::rewrite).
///
/// The result is meant for a stream whose default namespace is the content namespace that was asked
/// for or, if none was, that of the stream the stanza came from. Prefixes that the stanza has from
/// the header of that stream are declared on it.
#[derive(Clone, Copy)]
#[must_use = "nothing is written before `write`"]
pub struct Rewrite<'a> {
    stanza: Element<'a>,
    from: Address<'a>,
    to: Address<'a>,
    content_ns: Option<&'a str>,
}

/// The reason why a stanza was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// An address or namespace has a character that XML does not allow. Nothing was written.
    #[error("{0}")]
    Unwritable(Unwritable),
    /// The content namespace that was asked for can be no default namespace (Namespaces in XML 1.0
    /// 3). Nothing was written.
    #[error("no default namespace can be that of `xml` or `xmlns`")]
    ReservedNamespace,
    /// Long namespace names would have to be declared or compared so often that the cost would be
    /// many times that of reading the stanza. A part of it may have been written.
    #[error("the namespaces of the stanza take too much space")]
    TooLong,
    /// The writer failed. A part of the stanza may have been written.
    #[error("the writer failed")]
    Writer,
}

impl From<fmt::Error> for RewriteError {
    fn from(_: fmt::Error) -> Self {
        Self::Writer
    }
}

impl From<Unwritable> for RewriteError {
    fn from(error: Unwritable) -> Self {
        Self::Unwritable(error)
    }
}

/// What to do with an address attribute.
#[derive(Clone, Copy)]
enum Address<'a> {
    Keep,
    Remove,
    Set(&'a str),
}

impl<'a> Address<'a> {
    fn new(address: Option<&'a str>) -> Self {
        address.map_or(Self::Remove, Self::Set)
    }

    fn escaped(self) -> Result<EscapedAddress<'a>, Unwritable> {
        Ok(match self {
            Self::Keep => EscapedAddress::Keep,
            Self::Remove => EscapedAddress::Remove,
            Self::Set(address) => EscapedAddress::Set(write::escape_attr(address)?),
        })
    }
}

/// An [`Address`] that is known to be writable.
#[derive(Clone, Copy)]
enum EscapedAddress<'a> {
    Keep,
    Remove,
    Set(Escaped<'a>),
}

impl EscapedAddress<'_> {
    fn write(self, out: &mut dyn fmt::Write, name: &str) -> fmt::Result {
        match self {
            Self::Set(address) => write!(out, " {name}='{address}'"),
            Self::Keep | Self::Remove => Ok(()),
        }
    }
}

impl<'a> Rewrite<'a> {
    pub(crate) fn new(stanza: Element<'a>) -> Self {
        Self {
            stanza,
            from: Address::Keep,
            to: Address::Keep,
            content_ns: None,
        }
    }

    /// Sets the stanza's `from`, or removes it (`None`).
    pub fn from(self, address: Option<&'a str>) -> Self {
        Self {
            from: Address::new(address),
            ..self
        }
    }

    /// Sets the stanza's `to`, or removes it (`None`).
    pub fn to(self, address: Option<&'a str>) -> Self {
        Self {
            to: Address::new(address),
            ..self
        }
    }

    /// Moves the stanza and its content elements (see the [module](self)) to another content
    /// namespace, for example from `jabber:client` to `jabber:server` (RFC 6120 4.8.3).
    pub fn content_ns(self, ns: &'a str) -> Self {
        Self {
            content_ns: Some(ns),
            ..self
        }
    }

    /// Writes the stanza.
    ///
    /// # Errors
    ///
    /// Returns [`RewriteError::Unwritable`] and [`RewriteError::ReservedNamespace`] before anything
    /// is written, [`RewriteError::TooLong`] if the peer chose its prefixes so that the result would
    /// be many times as long as the stanza, [`RewriteError::Writer`] if `out` fails.
    pub fn write(&self, out: &mut dyn fmt::Write) -> Result<(), RewriteError> {
        let (text, _, scope, _) = self.stanza.parts();
        let inherited = scope.get("");
        // An element without a stream has its content namespace from itself; the namespace of `xml`
        // can be none.
        let own = Some(self.stanza.ns()).filter(|ns| !namespaces::is_reserved(ns));
        let old = inherited.or(own).unwrap_or_default();
        let new = self.content_ns.unwrap_or(old);
        let _ = write::escape_attr(new)?;
        if namespaces::is_reserved(new) {
            return Err(RewriteError::ReservedNamespace);
        }
        let pass = RewritePass {
            stanza: self.stanza,
            text,
            from: self.from.escaped()?,
            to: self.to.escaped()?,
            old,
            new,
            outer_default: self.content_ns.or(inherited).unwrap_or_default(),
            namespace_bytes: Cell::new(0),
        };
        pass.write(out)
    }
}

impl fmt::Debug for Rewrite<'_> {
    /// Shows neither addresses nor content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrite")
            .field("stanza", &self.stanza)
            .field("content_ns", &self.content_ns)
            .finish_non_exhaustive()
    }
}

/// So many bytes of namespace names may be declared or compared for each byte of the stanza. The
/// shortest element, `<a/>`, then has room for the names that protocols use.
const NAMESPACE_BYTES_FACTOR: usize = 16;

/// So many bytes of namespace names may be declared or compared in a stanza of any length.
const NAMESPACE_BYTES_MIN: usize = 4096;

/// One pass over the tape.
struct RewritePass<'a> {
    /// The stanza that is written.
    stanza: Element<'a>,
    /// The text that the stanza's offsets refer to.
    text: &'a str,
    /// What to do with the stanza's `from`.
    from: EscapedAddress<'a>,
    /// What to do with the stanza's `to`.
    to: EscapedAddress<'a>,
    /// The content namespace that the stanza comes from.
    old: &'a str,
    /// The content namespace that it is written for.
    new: &'a str,
    /// The default namespace around the stanza that is written.
    outer_default: &'a str,
    /// The bytes counted so far, see [`count`](Self::count).
    namespace_bytes: Cell<usize>,
}

/// An element whose end tag is still to be written.
#[derive(Clone, Copy)]
struct OpenElement<'a> {
    end: u32,
    kind: ElementKind,
    /// The default namespace within it, as written.
    default: &'a str,
    /// The name in its end tag, if that changes.
    rename: Option<Name>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ElementKind {
    Content,
    Other,
}

impl<'a> RewritePass<'a> {
    fn write(&self, out: &mut dyn fmt::Write) -> Result<(), RewriteError> {
        let (_, tape, _, index) = self.stanza.parts();
        let Some(root) = self.stanza.node() else {
            return Ok(());
        };
        let nodes = tape.nodes.get(index as usize..root.next as usize);
        let mut parents: Vec<OpenElement<'a>> = Vec::new();
        // Everything before this offset is written.
        let mut done = root.name.start.saturating_sub(1);
        for node in nodes.unwrap_or_default() {
            let TapeNode::Element(element) = node else {
                continue;
            };
            let start = element.name.start;
            done = self.close(out, &mut parents, done, start)?;
            let parent = parents.last().copied();
            let (kind, default) = self.start_tag(out, element, parent, done)?;
            done = element.content;
            if element.end > element.content {
                parents.push(OpenElement {
                    end: element.end,
                    kind,
                    default,
                    rename: Some(element.name)
                        .filter(|name| kind == ElementKind::Content && name.prefix != 0),
                });
            }
        }
        self.close(out, &mut parents, done, u32::MAX)?;
        Ok(())
    }

    /// Writes the rest of the elements that end before `until`, and returns up to where all is
    /// written.
    fn close(
        &self,
        out: &mut dyn fmt::Write,
        parents: &mut Vec<OpenElement<'a>>,
        mut done: u32,
        until: u32,
    ) -> Result<u32, fmt::Error> {
        while let Some(parent) = parents.last().copied().filter(|p| p.end <= until) {
            parents.pop();
            match parent.rename {
                None => out.write_str(self.slice(done, parent.end))?,
                Some(name) => {
                    let content = self.slice(done, parent.end);
                    let tag = content.rfind('<').unwrap_or(content.len());
                    out.write_str(content.get(..tag).unwrap_or_default())?;
                    write!(out, "</{}>", name.local(self.text))?;
                }
            }
            done = parent.end;
        }
        Ok(done)
    }

    /// Writes what stands between `done` and the element, and its start tag. Returns the kind of
    /// the element and the default namespace within it.
    fn start_tag(
        &self,
        out: &mut dyn fmt::Write,
        element: &ElementNode,
        parent: Option<OpenElement<'a>>,
        done: u32,
    ) -> Result<(ElementKind, &'a str), RewriteError> {
        let (_, tape, scope, _) = self.stanza.parts();
        let ns = tape.uri(element.namespace, self.text, scope);
        let kind = self.kind(element, ns, parent)?;
        let outer_default = parent.map_or(self.outer_default, |parent| parent.default);
        let attributes = tape.attributes_of(element);
        // A default namespace is declared where a name needs another one than its parent, not where
        // it was declared before, because content elements may have lost or gained the need for it.
        let default = match kind {
            ElementKind::Content => self.new,
            ElementKind::Other if element.name.prefix == 0 => ns,
            ElementKind::Other => outer_default,
        };
        out.write_str(self.slice(done, element.name.start))?;
        match kind {
            ElementKind::Content => out.write_str(element.name.local(self.text))?,
            ElementKind::Other => out.write_str(element.name.qualified(self.text))?,
        }
        if !self.is_equal(default, outer_default)? {
            self.declare_default(out, default)?;
        }
        if parent.is_none() {
            self.inherited(out)?;
            self.from.write(out, "from")?;
            self.to.write(out, "to")?;
        }
        for attribute in attributes {
            if attribute.role != AttributeRole::DeclaresDefault
                && !(parent.is_none() && self.replaced(attribute))
            {
                // The closing quote belongs to it.
                let text = self.slice(attribute.name.start, attribute.value.end + 1);
                write!(out, " {text}")?;
            }
        }
        let empty = self
            .slice(element.name.start, element.content)
            .ends_with("/>");
        out.write_str(if empty { "/>" } else { ">" })?;
        Ok((kind, default))
    }

    fn kind(
        &self,
        element: &ElementNode,
        ns: &str,
        parent: Option<OpenElement<'_>>,
    ) -> Result<ElementKind, RewriteError> {
        let in_content = parent.is_none_or(|parent| parent.kind == ElementKind::Content);
        let from_header = matches!(element.namespace, Namespace::Inherited(_));
        if (in_content || from_header) && self.is_equal(ns, self.old)? {
            Ok(ElementKind::Content)
        } else {
            Ok(ElementKind::Other)
        }
    }

    fn declare_default(&self, out: &mut dyn fmt::Write, ns: &str) -> Result<(), RewriteError> {
        self.count(ns.len())?;
        Ok(write::declaration(out, "", ns)?)
    }

    /// Compares namespace names.
    fn is_equal(&self, a: &str, b: &str) -> Result<bool, RewriteError> {
        if core::ptr::eq(a, b) {
            return Ok(true);
        }
        if a.len() != b.len() {
            return Ok(false);
        }
        self.count(a.len())?;
        Ok(a == b)
    }

    /// Counts bytes of namespace names that are compared, or declared once more than they were
    /// received, and refuses too many.
    ///
    /// A few bytes can refer to a name of any length, so the cost would grow with the square of the
    /// stanza: a content element with a prefix, for example, loses the default namespace that it
    /// declares, and each of its children has to declare it again.
    fn count(&self, bytes: usize) -> Result<(), RewriteError> {
        let counted = self.namespace_bytes.get() + bytes;
        self.namespace_bytes.set(counted);
        let most = NAMESPACE_BYTES_MIN + NAMESPACE_BYTES_FACTOR * self.stanza.as_str().len();
        if counted > most {
            return Err(RewriteError::TooLong);
        }
        Ok(())
    }

    /// Declares the prefixes that the stanza has from the header of its stream.
    fn inherited(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let (text, tape, scope, index) = self.stanza.parts();
        for namespace in namespaces::borrowed_declarations(tape, index) {
            let prefix = namespaces::prefix_of(tape, namespace, text, scope);
            if !prefix.is_empty() {
                write::declaration(out, prefix, tape.uri(namespace, text, scope))?;
            }
        }
        Ok(())
    }

    /// Returns whether an attribute is an address that is replaced or removed.
    fn replaced(&self, attribute: &AttributeNode) -> bool {
        match attribute.name.qualified(self.text) {
            "from" => !matches!(self.from, EscapedAddress::Keep),
            "to" => !matches!(self.to, EscapedAddress::Keep),
            _ => false,
        }
    }

    fn slice(&self, start: u32, end: u32) -> &'a str {
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}
