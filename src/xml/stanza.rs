//! A stanza as a whole: its view, and the owned form for those who keep one beyond the next poll.
//!
//! Change here what is done with whole stanzas. What is read of them is in
//! [`element`](super::element), and what is written in [`rewrite`](super::rewrite).

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use zeroize::Zeroize;

use super::element::{self, Element};
use super::element_parser::{self, ElementParser};
use super::error::XmlError;
use super::limits::FrameLimits;
use super::rewrite::Rewrite;
use super::scope::Scope;
use super::tape::Tape;

/// A view of a first-level element. It derefs to [`Element`] and adds what is done with stanzas as
/// a whole.
#[derive(Clone, Copy)]
pub struct Stanza<'a>(Element<'a>);

/// An owned stanza. It keeps the namespaces of the stream it came from.
#[derive(Clone)]
pub struct StanzaBuf {
    text: String,
    tape: Tape,
    scope: Arc<Scope>,
}

impl<'a> Stanza<'a> {
    pub(crate) fn new(element: Element<'a>) -> Self {
        Self(element)
    }

    /// Returns the view of the stanza as an element.
    #[must_use]
    pub fn as_element(&self) -> Element<'a> {
        self.0
    }

    /// Writes the stanza with other addresses or another content namespace, without building a
    /// tree.
    pub fn rewrite(&self) -> Rewrite<'a> {
        Rewrite::new(self.0)
    }

    /// Returns an owned copy.
    #[must_use]
    pub fn to_owned(&self) -> StanzaBuf {
        StanzaBuf::copy(self.0)
    }
}

impl<'a> Deref for Stanza<'a> {
    type Target = Element<'a>;

    fn deref(&self) -> &Element<'a> {
        &self.0
    }
}

impl StanzaBuf {
    /// Reads one element that stands alone, under the default limits.
    ///
    /// # Errors
    ///
    /// Returns the first violation; positions count from the start of `text`. Nothing may stand
    /// before or after the element.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        Self::parse_in(text, &Scope::default(), FrameLimits::default())
    }

    /// Reads one element as if it stood in a stream whose header declares `scope`.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_in(text: &str, scope: &Scope, limits: FrameLimits) -> Result<Self, XmlError> {
        let mut parser = ElementParser::default();
        element_parser::one_element(&mut parser, text, scope, &limits.clamped())?;
        Ok(Self {
            text: String::from(text),
            tape: parser.tape,
            scope: Arc::new(scope.clone()),
        })
    }

    /// Returns the view, which has all the accessors.
    #[must_use]
    pub fn as_stanza(&self) -> Stanza<'_> {
        Stanza::new(Element::new(&self.text, &self.tape, &self.scope, 0))
    }

    pub(crate) fn copy(element: Element<'_>) -> Self {
        let (text, tape, scope, _) = element.parts();
        Self {
            text: String::from(text),
            tape: tape.clone(),
            scope: Arc::clone(scope),
        }
    }
}

impl fmt::Debug for Stanza<'_> {
    /// Shows name and length only, because the content may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        element::describe(f, "Stanza", self.name(), self.as_str().len())
    }
}

impl fmt::Debug for StanzaBuf {
    /// Shows name and length only, because the content may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stanza = self.as_stanza();
        element::describe(f, "StanzaBuf", stanza.name(), self.text.len())
    }
}

impl Drop for StanzaBuf {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

/// Stanzas are equal if they are the same as standalone elements, so what a stanza inherits from
/// its stream belongs to it.
impl PartialEq for StanzaBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_stanza().standalone() == other.as_stanza().standalone()
    }
}

impl Eq for StanzaBuf {}
