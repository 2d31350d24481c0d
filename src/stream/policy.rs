//! What the state tables are told before a stream begins (sections are RFC 6120's).

use super::{Kind, Leg};

/// What a stream is and how it is protected; fixed before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Client-to-server, server-to-server or component.
    pub kind: Kind,
    /// Where TLS comes from.
    pub security: Security,
    /// How many SASL attempts there are (6.4.5).
    pub sasl_attempts: u8,
    /// What an initiating entity does when its resource is taken (7.7.2.3).
    pub conflict: Conflict,
    /// Whether a server may prove its domain by dialback.
    pub dialback: Dialback,
}

impl Policy {
    /// Whether a domain pair may be proved by dialback, where `leg` stands: in
    /// the place of SASL.
    pub(super) fn has_dialback(self, leg: Leg) -> bool {
        self.kind == Kind::ServerToServer
            && self.dialback == Dialback::Allowed
            && leg == self.security.sasl_leg()
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
    /// The leg whose features carry SASL.
    pub(super) const fn sasl_leg(self) -> Leg {
        match self {
            Self::StartTls | Self::DirectTls => Leg::Secured,
            Self::Plaintext => Leg::Plain,
        }
    }
}

/// What an initiating entity does when its resource is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// Ask for a resource of the server's choice, once.
    #[default]
    Generate,
    /// Give up.
    GiveUp,
}

/// What Server Dialback is for (XEP-0220); only between servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialback {
    /// Nothing.
    #[default]
    Refused,
    /// It proves a domain where SASL EXTERNAL does not.
    Allowed,
    /// An initiating server that asks only whether keys are genuine (2.1.2),
    /// and wants to send nothing else.
    VerifyOnly,
}
