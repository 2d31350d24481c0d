//! A stanza of one's own.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use zeroize::Zeroize;

use super::checker;
use super::element::{self, Element, Stanza};
use super::element_parser::ElementParser;
use super::error::Fault;
use super::limits::FrameLimits;
use super::scope::Scope;
use super::tape::Tape;

/// The owned twin of [`Stanza`]. It knows the namespaces of the stream it came from.
#[derive(Clone)]
pub struct StanzaBuf {
    text: String,
    tape: Tape,
    scope: Arc<Scope>,
}

impl StanzaBuf {
    /// Reads one element that stands alone, under the default limits.
    ///
    /// # Errors
    ///
    /// The first violation; positions count from the start of `text`. Nothing may stand before or behind the element.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::parse_in(text, &Scope::default(), FrameLimits::default())
    }

    /// Reads one element as if it stood in a stream whose header declares `scope`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_in(text: &str, scope: &Scope, limits: FrameLimits) -> Result<Self, Fault> {
        let mut parser = ElementParser::default();
        checker::one_element(&mut parser, text, scope, &limits.clamped())?;
        Ok(Self {
            text: String::from(text),
            tape: parser.tape,
            scope: Arc::new(scope.clone()),
        })
    }

    /// The view that has all the accessors.
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

impl fmt::Debug for StanzaBuf {
    /// Name and length only: the content may be a secret.
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

/// The same element alone: what it inherits from its stream counts as its own.
impl PartialEq for StanzaBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_stanza().standalone() == other.as_stanza().standalone()
    }
}

impl Eq for StanzaBuf {}
