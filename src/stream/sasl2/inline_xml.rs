//! An element of an extension, given by the application to be written inside an element of SASL2.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::encoding::is_extension;
use crate::stream::{Kind, ns};
use crate::xml::StanzaBuf;

/// Holds one XML element that declares every namespace it uses: a feature requested in `<bind/>`,
/// the answer to one in `<bound/>`, or what a task says.
///
/// It is in a namespace of its own: neither the stream's, nor one whose elements this crate writes
/// in the same place. It is wiped when dropped, because a task may say a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct InlineXml(Zeroizing<String>);

impl InlineXml {
    /// Checks and takes the element.
    ///
    /// # Errors
    /// [`InlineXmlError`] if it is not one well-formed element of such a namespace.
    pub fn new(xml: &str) -> Result<Self, InlineXmlError> {
        let parsed = StanzaBuf::parse(xml).map_err(|_| InlineXmlError::NotOneElement)?;
        let namespace = parsed.as_stanza().as_element().ns();
        let is_content = [Kind::ClientToServer, Kind::ServerToServer, Kind::Component]
            .into_iter()
            .any(|kind| kind.content_ns() == namespace);
        if is_content || namespace == ns::STREAM || !is_extension(namespace) {
            return Err(InlineXmlError::Namespace);
        }
        Ok(Self(Zeroizing::new(xml.into())))
    }

    /// Returns the element as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InlineXml {
    /// Shows the length only, because the content may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineXml")
            .field("bytes", &self.0.len())
            .finish()
    }
}

/// Says why an element cannot be written inside an element of SASL2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InlineXmlError {
    /// The text is not exactly one well-formed element.
    #[error("not exactly one well-formed XML element")]
    NotOneElement,
    /// The element has no namespace, or one of the stream or of what this crate writes itself.
    #[error("an inline element needs a namespace of its own")]
    Namespace,
}
