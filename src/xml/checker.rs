//! The check of outbound text, which is as strict as that of inbound text (RFC 6120 11.1 and 11.3:
//! "MUST NOT generate").
//!
//! It must use the parser that reads inbound elements, so that both accept the same.

use alloc::sync::Arc;
use core::fmt;

use super::element::Element;
use super::element_parser::{self, ElementParser};
use super::error::XmlError;
use super::limits::FrameLimits;
use super::scope::Scope;
use super::stanza::Stanza;

/// Checks outbound text: exactly one balanced, namespace-well-formed element under the limits.
///
/// What passes cannot open, close or restart the stream, because it has neither a declaration nor
/// an unmatched tag.
pub struct Checker {
    parser: ElementParser,
    scope: Arc<Scope>,
    limits: FrameLimits,
}

impl Checker {
    /// Creates a checker for a stream whose header, as sent, declares this content namespace and
    /// these prefixes; see [`Scope::new`].
    #[must_use]
    pub fn new(limits: FrameLimits, content_ns: &str, prefixes: &[(&str, &str)]) -> Self {
        Self::with_scope(limits, Arc::new(Scope::new(content_ns, prefixes)))
    }

    /// Creates a checker for a stream whose header, as sent, declares what `scope` holds. Checkers
    /// of many streams can share it.
    pub(crate) fn with_scope(limits: FrameLimits, scope: Arc<Scope>) -> Self {
        Self {
            parser: ElementParser::default(),
            scope,
            limits: limits.clamped(),
        }
    }

    /// Checks one element. No white space, declaration or anything else may stand around it.
    ///
    /// # Errors
    ///
    /// Returns the first violation; positions count from the start of `text`.
    pub fn check<'a>(&'a mut self, text: &'a str) -> Result<Stanza<'a>, XmlError> {
        element_parser::one_element(&mut self.parser, text, &self.scope, &self.limits)?;
        Ok(Stanza::new(Element::new(
            text,
            &self.parser.tape,
            &self.scope,
            0,
        )))
    }

    /// Checks the element that `text` begins with. Returns it, and what follows it.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub(crate) fn check_first<'a, 'text: 'a>(
        &'a mut self,
        text: &'text str,
    ) -> Result<(Stanza<'a>, &'text str), XmlError> {
        let end = element_parser::first_element(&mut self.parser, text, &self.scope, &self.limits)?;
        let (first, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let element = Element::new(first, &self.parser.tape, &self.scope, 0);
        Ok((Stanza::new(element), rest))
    }

    /// Returns how many bytes are allocated for the element that was checked last.
    pub(crate) fn allocated(&self) -> usize {
        self.parser.allocated()
    }

    /// Releases the memory of the element that was checked last.
    pub fn shrink(&mut self) {
        self.parser.clear(&self.scope);
        self.parser.shrink();
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
