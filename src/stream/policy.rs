//! The settings of a stream that the state tables know; fixed before the stream begins.

use super::{ElementClass, Input, Kind, StreamLevel};

/// What a stream is and how it is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StreamPolicy {
    /// Client-to-server, server-to-server or component.
    pub kind: Kind,
    /// Where TLS comes from.
    pub security: Security,
    /// How many SASL attempts there are (RFC 6120 6.4.5).
    pub sasl_attempts: u8,
    /// What an initiating entity does when its resource is taken (RFC 6120 7.7.2.3).
    pub conflict: ConflictPolicy,
    /// Whether a server may prove its domain by dialback.
    pub dialback: DialbackPolicy,
    /// What a receiving entity does with elements of a client that belong to no step it knows.
    pub early_elements: EarlyElements,
    /// What stream management is for; only on streams of clients.
    pub management: ManagementPolicy,
    /// Whether SASL2 is spoken; only on streams of clients, and only under TLS.
    pub sasl2: Sasl2Policy,
}

impl StreamPolicy {
    /// A policy with three SASL attempts, a resource of the server's choice after a conflict, and
    /// without dialback. Elements out of turn are refused.
    #[must_use]
    pub const fn new(kind: Kind, security: Security) -> Self {
        Self {
            kind,
            security,
            sasl_attempts: 3,
            conflict: ConflictPolicy::Generate,
            dialback: DialbackPolicy::Refused,
            early_elements: EarlyElements::Refused,
            management: ManagementPolicy::Off,
            sasl2: Sasl2Policy::Off,
        }
    }

    /// The input as a table with this policy sees it: the elements of stream management and of SASL2
    /// are unknown where these are not used.
    pub(super) fn known(self, input: Input) -> Input {
        match input {
            Input::Element(ElementClass::Management(_)) if !self.has_management() => {
                Input::Element(ElementClass::Other)
            }
            Input::Element(ElementClass::Sasl2(_)) if !self.has_sasl2() => {
                Input::Element(ElementClass::Other)
            }
            input => input,
        }
    }

    /// Whether stream management is in use on an established stream.
    pub(super) fn has_management(self) -> bool {
        self.kind == Kind::ClientToServer && self.management != ManagementPolicy::Off
    }

    /// Whether SASL2 may be spoken. XEP-0388 allows it after TLS only.
    pub(super) fn has_sasl2(self) -> bool {
        self.kind == Kind::ClientToServer
            && self.sasl2 == Sasl2Policy::On
            && self.security != Security::Plaintext
    }

    /// Whether a domain pair may be proved by dialback on this level: where SASL stands.
    pub(super) fn has_dialback(self, level: StreamLevel) -> bool {
        self.kind == Kind::ServerToServer
            && self.dialback == DialbackPolicy::Allowed
            && level == self.security.sasl_level()
    }
}

/// Where the protection of a stream comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Security {
    /// STARTTLS, mandatory (RFC 6120 5).
    StartTls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
    /// There is no TLS.
    Plaintext,
}

impl Security {
    /// The level whose features carry SASL.
    pub(super) const fn sasl_level(self) -> StreamLevel {
        match self {
            Self::StartTls | Self::DirectTls => StreamLevel::Secured,
            Self::Plaintext => StreamLevel::Plain,
        }
    }
}

/// What an initiating entity does when its resource is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConflictPolicy {
    /// Ask for a resource of the server's choice, once.
    #[default]
    Generate,
    /// Give up.
    GiveUp,
}

/// What a receiving entity does with a client's elements of protocols that it does not know, and
/// with requests to the server, before the stream is established.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EarlyElements {
    /// An unknown element ends the stream, a request is answered with a stanza error.
    #[default]
    Refused,
    /// The application gets both: after the features that offer SASL, and after those that offer
    /// binding. What it does not answer stays without an answer.
    Delivered,
}

/// What stream management is for (XEP-0198).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ManagementPolicy {
    /// It is not used. Its elements are like those of any protocol that is not known here.
    #[default]
    Off,
    /// An initiating entity enables it where it is offered; a receiving entity offers it, with
    /// resumption.
    Enable,
    /// An initiating entity resumes an earlier session before it binds a resource, where that is
    /// offered. For a receiving entity it is the same as [`Enable`](Self::Enable).
    Resume,
}

/// Whether SASL2 is spoken (XEP-0388).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sasl2Policy {
    /// It is not. Its elements are like those of any protocol that is not known here.
    #[default]
    Off,
    /// An initiating entity prefers it where it is offered; a receiving entity offers it beside the
    /// profile of RFC 6120.
    On,
}

/// What Server Dialback is for (XEP-0220); only between servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DialbackPolicy {
    /// It is not used.
    #[default]
    Refused,
    /// It proves a domain where SASL EXTERNAL does not.
    Allowed,
    /// An initiating server asks only whether keys are genuine (XEP-0220 2.1.2), and sends nothing
    /// else.
    VerifyOnly,
}
