//! What a client asks for with its login by SASL2 (XEP-0388).

use alloc::string::String;
use alloc::vec::Vec;

/// How a client uses SASL2 where the server offers it.
///
/// The defaults bind a resource in the same exchange (XEP-0386), with the resource of the account's
/// address as the tag, and enable or resume stream management in it where that is configured.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Sasl2Options {
    /// What the server's resource begins with; `None` takes the wanted resource.
    pub(crate) tag: Option<String>,
    /// What is enabled together with the resource.
    pub(crate) features: Vec<InlineFeature>,
}

/// A feature that is enabled together with the resource (XEP-0386 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineFeature {
    /// The name that the server offers it by.
    pub(crate) var: String,
    /// The element that asks for it.
    pub(crate) xml: String,
}

impl Sasl2Options {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }
}
