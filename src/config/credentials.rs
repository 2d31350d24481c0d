//! Credentials: what a client, or a server that uses EXTERNAL, authenticates with.
//!
//! A new kind of credentials gets a variant here, its mechanisms in `Credentials::mechanisms`, and
//! a mechanism in [`crate::sasl`].

use crate::sasl::{Authzid, ClientKeys, MechanismName, MechanismSet, Password, Username};

/// Holds what an initiating entity authenticates with (RFC 6120 6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// Uses SCRAM, and PLAIN where the policy allows it.
    Password {
        /// The name of the user.
        username: Username,
        /// The password.
        password: Password,
        /// SCRAM keys kept from an earlier login. The password is used where they do not fit.
        keys: Option<ClientKeys>,
        /// The entity to act as, if it is not the user.
        authzid: Option<Authzid>,
    },
    /// Uses SCRAM with keys kept from an earlier login (RFC 5802 5.1).
    Keys {
        /// The name of the user.
        username: Username,
        /// The keys.
        keys: ClientKeys,
        /// The entity to act as, if it is not the user.
        authzid: Option<Authzid>,
    },
    /// Uses EXTERNAL with the client certificate of the TLS config (XEP-0178).
    External {
        /// The entity to act as. It is needed only if the certificate names several.
        authzid: Option<Authzid>,
    },
    /// Uses ANONYMOUS (XEP-0175).
    Anonymous,
}

impl Credentials {
    pub(super) fn authzid(&self) -> Option<&Authzid> {
        match self {
            Self::Password { authzid, .. }
            | Self::Keys { authzid, .. }
            | Self::External { authzid } => authzid.as_ref(),
            Self::Anonymous => None,
        }
    }

    /// Returns the mechanisms that these credentials can be used with.
    pub(super) fn mechanisms(&self) -> MechanismSet {
        match self {
            Self::Password { .. } => MechanismSet::scram().with(MechanismName::Plain),
            Self::Keys { keys, .. } => MechanismSet::EMPTY.with_scram(keys.hash()),
            Self::External { .. } => MechanismSet::EMPTY.with(MechanismName::External),
            Self::Anonymous => MechanismSet::EMPTY.with(MechanismName::Anonymous),
        }
    }
}
