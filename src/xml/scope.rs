//! The namespace declarations of a stream header, which hold for every element of the stream.
//!
//! A scope is built once per stream and looked up for every prefixed name, so what a look-up needs
//! is computed when it is built. It must stay immutable afterwards, because stanzas share it; only a
//! scope that nothing shares may take the declarations of the next header.
//! [`Namespace`] says where a name's namespace was declared, in the header or in the element.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::chars;
use super::span::{Span, append, offset};

/// Up to this many names are searched one by one; more are searched by an index, so that the cost
/// stays linear whatever the limits are.
pub(crate) const LINEAR_SEARCH_MAX: usize = 16;

/// What a usual header declares: the content namespace and that of streams, at times one more.
const USUAL_ENTRIES: usize = 3;
const USUAL_BYTES: usize = 80;

/// The namespace declarations of a stream header. They hold for every element of the stream
/// (RFC 6120 4.8).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// All prefixes and namespace names.
    text: String,
    entries: Vec<Entry>,
    /// The index of the entry that declares the default namespace, which every element asks for.
    default_namespace: Option<u32>,
    /// Indices of the entries ordered by prefix. Empty where a linear search is enough.
    by_prefix: Vec<u32>,
    /// Indices of the entries ordered by namespace name, then by index. Empty where a linear
    /// search is enough.
    by_uri: Vec<u32>,
}

/// The declaration that a name's namespace comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Namespace {
    /// The name is in no namespace.
    None,
    /// The namespace is that of `xml:lang`.
    Xml,
    /// The declaration with this index in the stream header.
    Inherited(u32),
    /// The binding with this index in `Tape::bindings`.
    Local(u32),
}

/// A declaration.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    prefix: Span,
    uri: Span,
    /// The index of the first entry that has the same namespace name.
    number: u32,
}

impl Scope {
    /// Creates a scope with this default namespace (the stream's content namespace; none if it is
    /// empty) and these prefixes.
    ///
    /// It is meant for the header that the caller writes. What no header can declare is left out:
    /// the prefixes `xml` and `xmlns`, a prefix without namespace, and namespace names with
    /// characters that XML does not allow.
    #[must_use]
    pub fn new(content_ns: &str, prefixes: &[(&str, &str)]) -> Self {
        let mut scope = Self::default();
        scope.reserve();
        if !content_ns.is_empty() {
            scope.declare("", content_ns);
        }
        for &(prefix, uri) in prefixes {
            if chars::is_name(prefix)
                && !matches!(prefix, "xml" | "xmlns")
                && !uri.is_empty()
                && scope.get(prefix).is_none()
            {
                scope.declare(prefix, uri);
            }
        }
        scope.index();
        scope
    }

    /// Returns the namespace a prefix is bound to; the empty prefix asks for the default namespace.
    #[must_use]
    pub fn get(&self, prefix: &str) -> Option<&str> {
        match self.find(prefix) {
            Namespace::Inherited(index) => Some(self.uri(index)),
            _ => None,
        }
    }

    /// Returns pairs of prefix and namespace name in the order of their declaration; the default
    /// namespace has the empty prefix.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.entries
            .iter()
            .map(|entry| (entry.prefix.of(&self.text), entry.uri.of(&self.text)))
    }

    /// Replaces all declarations by these pairs of prefix and namespace name, which have to be such
    /// that a header can declare them. The memory is used again.
    pub(crate) fn set_declarations<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        self.clear();
        self.reserve();
        for (prefix, uri) in pairs {
            self.declare(prefix, uri);
        }
        self.index();
    }

    /// Forgets all declarations. Memory is kept if it is no more than a usual header needs.
    pub(crate) fn clear(&mut self) {
        let (mut text, mut entries) = (
            core::mem::take(&mut self.text),
            core::mem::take(&mut self.entries),
        );
        if text.capacity() <= 2 * USUAL_BYTES && entries.capacity() <= 2 * USUAL_ENTRIES {
            text.clear();
            entries.clear();
            (self.text, self.entries) = (text, entries);
        }
        self.default_namespace = None;
        self.by_prefix = Vec::new();
        self.by_uri = Vec::new();
    }

    /// Makes room for what a usual header declares, so that it is allocated once.
    fn reserve(&mut self) {
        self.text.reserve(USUAL_BYTES);
        self.entries.reserve(USUAL_ENTRIES);
    }

    pub(crate) fn uri(&self, index: u32) -> &str {
        self.entry(index)
            .map_or("", |entry| entry.uri.of(&self.text))
    }

    pub(crate) fn prefix(&self, index: u32) -> &str {
        self.entry(index)
            .map_or("", |entry| entry.prefix.of(&self.text))
    }

    /// Returns a number that entries with equal namespace names, and no others, share.
    pub(crate) fn number(&self, index: u32) -> u32 {
        self.entry(index).map_or(index, |entry| entry.number)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the namespace a prefix is bound to, `Namespace::None` if it is not.
    pub(crate) fn find(&self, prefix: &str) -> Namespace {
        let index = if prefix.is_empty() {
            self.default_namespace
        } else if self.by_prefix.is_empty() {
            self.entries
                .iter()
                .position(|entry| entry.prefix.of(&self.text) == prefix)
                .map(offset)
        } else {
            self.find_in_index(prefix)
        };
        index.map_or(Namespace::None, Namespace::Inherited)
    }

    #[cold]
    fn find_in_index(&self, prefix: &str) -> Option<u32> {
        let order = |index: &u32| self.prefix(*index).cmp(prefix);
        let found = self.by_prefix.binary_search_by(order).ok();
        found.and_then(|at| self.by_prefix.get(at).copied())
    }

    /// Returns the [`number`](Self::number) of a namespace name, `None` if no entry has it.
    pub(crate) fn number_of(&self, uri: &str) -> Option<u32> {
        if self.by_uri.is_empty() {
            return self
                .entries
                .iter()
                .position(|entry| entry.uri.of(&self.text) == uri)
                .map(offset);
        }
        let before = |index: &u32| self.uri(*index).cmp(uri) == Ordering::Less;
        let first = self.by_uri.partition_point(before);
        let first = self.by_uri.get(first).copied();
        first.filter(|&index| self.uri(index) == uri)
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    fn declare(&mut self, prefix: &str, uri: &str) {
        if chars::check_chars(uri).is_ok() {
            let number = offset(self.entries.len());
            if prefix.is_empty() {
                self.default_namespace = Some(number);
            }
            let prefix = append(&mut self.text, prefix);
            let uri = append(&mut self.text, uri);
            self.entries.push(Entry {
                prefix,
                uri,
                number,
            });
        }
    }

    /// Computes what look-ups need; to be called when all entries are there.
    fn index(&mut self) {
        if self.entries.len() > LINEAR_SEARCH_MAX {
            let mut by_prefix: Vec<u32> = (0..offset(self.entries.len())).collect();
            let mut by_uri = by_prefix.clone();
            by_prefix.sort_unstable_by(|&a, &b| self.prefix(a).cmp(self.prefix(b)));
            by_uri.sort_unstable_by(|&a, &b| self.uri(a).cmp(self.uri(b)).then(a.cmp(&b)));
            self.by_prefix = by_prefix;
            self.by_uri = by_uri;
        }
        for index in 0..self.entries.len() {
            let number = self.number_of(self.uri(offset(index)));
            if let (Some(entry), Some(number)) = (self.entries.get_mut(index), number) {
                entry.number = number;
            }
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
