//! Places in a text: spans and qualified names.
//!
//! They are kept in 32 bits because an element has so many of them; the tape and the scopes of
//! stream headers are made of them. Change their size only together with the memory bound in the
//! module documentation.

use alloc::string::String;

use super::work;

/// The bytes from `start` up to `end`, which is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A qualified name in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) start: u32,
    /// The bytes of the prefix without its colon; 0 if there is none.
    pub(crate) prefix: u16,
    /// The bytes of the whole name.
    pub(crate) length: u16,
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
        work::count(self.range().len());
        text.get(self.range()).unwrap_or_default()
    }
}

impl Name {
    #[inline]
    pub(crate) fn qualified(self, text: &str) -> &str {
        work::count(usize::from(self.length));
        let start = self.start as usize;
        text.get(start..start + usize::from(self.length))
            .unwrap_or_default()
    }

    #[inline]
    pub(crate) fn prefix(self, text: &str) -> &str {
        work::count(usize::from(self.prefix));
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
        work::count(usize::from(self.length));
        let start = self.start as usize;
        let colon = usize::from(self.prefix != 0);
        text.get(start + usize::from(self.prefix) + colon..start + usize::from(self.length))
            .unwrap_or_default()
    }
}

/// Converts an offset or index to the 32 bits that the tape keeps; the limits of frames make it
/// fit.
#[inline]
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Appends `text` and returns where it stands.
pub(crate) fn append(to: &mut String, text: &str) -> Span {
    let start = to.len();
    to.push_str(text);
    Span::new(start, to.len())
}
