//! The settings of a stream that the state tables know; fixed before the stream begins.

use super::{Kind, StreamLevel};

/// What a stream is and how it is protected; fixed before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamPolicy {
    /// Client-to-server, server-to-server or component.
    pub kind: Kind,
    /// Where TLS comes from.
    pub security: Security,
    /// How many SASL attempts there are (6.4.5).
    pub sasl_attempts: u8,
    /// What an initiating entity does when its resource is taken (7.7.2.3).
    pub conflict: ConflictPolicy,
    /// Whether a server may prove its domain by dialback.
    pub dialback: DialbackPolicy,
}

impl StreamPolicy {
    /// Whether a domain pair may be proved by dialback, where `level` stands: in
    /// the place of SASL.
    pub(super) fn has_dialback(self, level: StreamLevel) -> bool {
        self.kind == Kind::ServerToServer
            && self.dialback == DialbackPolicy::Allowed
            && level == self.security.sasl_level()
    }
}

/// Where the protection of a stream comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// STARTTLS, mandatory (RFC 6120 5).
    StartTls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
    /// None at all.
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

/// What Server Dialback is for (XEP-0220); only between servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DialbackPolicy {
    /// Nothing.
    #[default]
    Refused,
    /// It proves a domain where SASL EXTERNAL does not.
    Allowed,
    /// An initiating server that asks only whether keys are genuine (2.1.2),
    /// and wants to send nothing else.
    VerifyOnly,
}
