//! The stream layer of RFC 6120: what travels on a stream, and the state tables that say what may
//! travel when.
//!
//! The wire forms know their own elements and nothing of states: [`header`], [`error`],
//! [`features`], [`starttls`], [`sasl`], [`sasl2`], [`bind`], [`dialback`], [`handshake`]; and [`element`], the
//! one function that turns any first-level element into a finite class for the tables.
//!
//! The tables are [`Initiating`] and [`Receiving`]. They share the alphabet ([`Input`], [`Command`],
//! [`Notice`]), the way to the first XML ([`AfterTls`]) and the exchange of closing tags
//! ([`Closing`]). What they do, input by input, is written out in the module `tables` of this
//! documentation; the module `diagrams` has pictures of them.

mod addresses;
pub mod bind;
mod closing;
mod condition;
pub mod dialback;
#[cfg(all(test, feature = "std"))]
mod doubling;
pub mod element;
pub mod error;
pub mod features;
pub mod handshake;
pub mod header;
mod initiating;
pub mod lang;
pub mod management;
pub mod ns;
mod peer_header;
mod policy;
mod put;
mod receiving;
pub mod sasl;
pub mod sasl2;
mod stanza_error;
pub mod starttls;
mod table;
#[cfg(test)]
mod testing;
mod tls_negotiation;

/// The state tables, written out.
#[cfg(doc)]
#[doc = include_str!("tables.md")]
pub mod tables {}

/// The state tables on clients' streams, as pictures.
///
/// # Initiating entity
///
#[cfg(doc)]
#[doc = include_str!("../../docs/diagrams/initiating.svg")]
///
#[doc = include_str!("../../docs/diagrams/initiating-login.svg")]
///
/// # Receiving entity
///
#[doc = include_str!("../../docs/diagrams/receiving.svg")]
///
#[doc = include_str!("../../docs/diagrams/receiving-login.svg")]
///
#[doc = include_str!("../../docs/diagrams/receiving-task.svg")]
///
#[doc = include_str!("../../docs/diagrams/receiving-inline.svg")]
pub mod diagrams {}

pub use addresses::{StanzaAddress, StanzaAddresses};
pub use bind::{BindCondition, BindRequest, MalformedRequest, Recipient};
pub use closing::Closing;
pub use condition::StreamCondition;
pub use dialback::{DialbackCondition, DialbackContent, DialbackElement, DialbackVerdict};
pub use element::{
    Awaited, Content, ElementClass, ErrorClass, FirstLevelElement, PairAnswer, Sasl2Class,
    StanzaKind, StanzaRefusal, classify, classify_start_tag,
};
pub use error::{ApplicationConditionError, OtherHost, OtherHostError, StreamError};
pub use features::{
    Authentication, AuthenticationOut, FeatureError, FeatureOffer, FeatureXml, Features,
    FeaturesClass, FeaturesOut, InlineBindFeature,
};
pub use header::{
    HeaderClass, HeaderFlaw, HeaderOut, Kind, ParsedHeader, Role, Version, VersionClass,
};
pub use initiating::{Initiating, InitiatingPhase, LegacySession, PipelinedStage, SaslExchange};
pub use management::{ManagementClass, ManagementElement, ManagementRefusal};
pub(crate) use peer_header::PeerHeader;
pub use policy::{
    ConflictPolicy, DialbackPolicy, EarlyElements, ManagementPolicy, Sasl2Policy, Security,
    StreamPolicy,
};
pub use receiving::{InlineStep, Receiving, ReceivingPhase, SaslTurn, TaskTurn};
pub use sasl::{SaslElement, SaslFailure};
pub use sasl2::{InlineXml, InlineXmlError, Sasl2Element, UserAgent, UserAgentError};
pub(crate) use stanza_error::write_refusal;
pub use starttls::StartTls;
pub use table::{
    Answer, AppRequest, BindRefusal, CloseCause, Command, ErrorSource, InFlight, InitiatingCommand,
    InlineRequests, Input, LoginOutcome, ManagementResult, NegotiationReason, Notice, Output,
    OwnHeader, PairResult, ReceivingCommand, ResourceChoice, SaslResult, StreamLevel,
};
pub use tls_negotiation::AfterTls;
