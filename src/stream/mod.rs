//! The stream layer of RFC 6120: what travels on a stream, and the state
//! tables that say what may travel when.
//!
//! The wire forms, each of which knows its own elements and nothing of states:
//! [`header`], [`error`], [`features`], [`starttls`], [`sasl`], [`bind`]; and
//! [`element`], the one function that turns any first-level element into a
//! finite class for the tables.

pub mod bind;
mod condition;
pub mod element;
pub mod error;
pub mod features;
pub mod header;
pub mod lang;
pub mod ns;
mod put;
pub mod sasl;
pub mod starttls;
#[cfg(test)]
mod testing;

pub use bind::{BindError, BindRequest};
pub use condition::Condition;
pub use element::{Awaited, ElementClass, ErrorClass, StanzaKind, classify};
pub use error::{ApplicationError, OtherHost, OtherHostError, StreamError};
pub use features::{FeatureError, FeatureXml, Features, FeaturesClass, FeaturesOut, Offer};
pub use header::{HeaderOut, Kind, Opened, OpeningClass, Role, Version, VersionClass};
pub use sasl::{SaslElement, SaslFailure};
pub use starttls::StartTls;
