//! The owned form of a stanza, for those who keep one beyond the next poll.

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

/// An owned stanza. It keeps the namespaces of the stream it came from.
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
    /// Returns the first violation; positions count from the start of `text`. Nothing may stand
    /// before or after the element.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::parse_in(text, &Scope::default(), FrameLimits::default())
    }

    /// Reads one element as if it stood in a stream whose header declares `scope`.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_in(text: &str, scope: &Scope, limits: FrameLimits) -> Result<Self, Fault> {
        let mut parser = ElementParser::default();
        checker::one_element(&mut parser, text, scope, &limits.clamped())?;
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
