//! The same strictness for what goes out (RFC 6120 sections 11.1 and 11.3: "MUST NOT generate").

use alloc::sync::Arc;
use core::fmt;

use super::chars;
use super::element::{Element, Stanza};
use super::fault::{Fault, FaultKind, Flaw};
use super::limits::FrameLimits;
use super::names::Scope;
use super::scan::{self, Assembler, Markup, Surroundings};

/// Checks outbound text: exactly one balanced, namespace-well-formed element under the limits.
///
/// What passes cannot open, close or restart the stream: it has neither declaration nor unmatched tag.
pub struct Checker {
    assembler: Assembler,
    scope: Arc<Scope>,
    limits: FrameLimits,
}

impl Checker {
    /// For a stream whose own header declares this content namespace and these prefixes; see [`Scope::new`].
    #[must_use]
    pub fn new(limits: FrameLimits, content_ns: &str, prefixes: &[(&str, &str)]) -> Self {
        Self {
            assembler: Assembler::default(),
            scope: Arc::new(Scope::new(content_ns, prefixes)),
            limits: limits.clamped(),
        }
    }

    /// Checks one element; no white space, declaration or anything else may stand around it.
    ///
    /// # Errors
    ///
    /// The first violation; positions count from the start of `text`.
    pub fn check<'a>(&'a mut self, text: &'a str) -> Result<Stanza<'a>, Fault> {
        one_element(&mut self.assembler, text, &self.scope, &self.limits)?;
        Ok(Stanza::new(Element::new(
            text,
            &self.assembler.tape,
            &self.scope,
            0,
        )))
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Reads text that must be one element, no more and no less.
pub(crate) fn one_element(
    assembler: &mut Assembler,
    text: &str,
    scope: &Scope,
    limits: &FrameLimits,
) -> Result<(), Fault> {
    read(assembler, text, scope, limits).map_err(|flaw| flaw.from(0))
}

fn read(
    assembler: &mut Assembler,
    text: &str,
    scope: &Scope,
    limits: &FrameLimits,
) -> Result<(), Flaw> {
    if text.len() > limits.frame_bytes {
        let kind = FaultKind::Limit(super::fault::LimitKind::FrameBytes);
        return Err(kind.at(limits.frame_bytes));
    }
    let controls = chars::characters(text).map_err(|at| FaultKind::InvalidCharacter.at(at))?;
    if !text.starts_with('<') {
        return Err(FaultKind::NotOneElement.at(0));
    }
    match scan::markup(text.as_bytes(), 0)? {
        Markup::StartTag => {}
        Markup::EndTag | Markup::Cdata => return Err(FaultKind::NotOneElement.at(0)),
        Markup::Unfinished => return Err(FaultKind::Incomplete.at(text.len())),
    }
    assembler.clear(scope);
    let around = Surroundings {
        scope,
        limits,
        controls,
        undeclared: FaultKind::UndeclaredFirstLevelPrefix,
    };
    match assembler.element(text, &around)? {
        Some(end) if end == text.len() => Ok(()),
        Some(end) => Err(FaultKind::NotOneElement.at(end)),
        None => Err(FaultKind::Incomplete.at(text.len())),
    }
}
