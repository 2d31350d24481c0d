//! What a login takes.

use crate::sasl::{Authzid, ClientKeys, Password, Username};

/// What an initiating entity authenticates with (RFC 6120 6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// SCRAM, and PLAIN where the policy allows it.
    Password {
        /// The user.
        username: Username,
        /// The password.
        password: Password,
        /// SCRAM keys kept from an earlier login; the password is used where
        /// they do not fit.
        keys: Option<ClientKeys>,
        /// The entity to act as, if another one.
        authzid: Option<Authzid>,
    },
    /// SCRAM with keys kept from an earlier login (RFC 5802 5.1).
    Keys {
        /// The user.
        username: Username,
        /// The keys.
        keys: ClientKeys,
        /// The entity to act as, if another one.
        authzid: Option<Authzid>,
    },
    /// EXTERNAL, with the TLS config's client certificate (XEP-0178).
    External {
        /// The entity to act as; needed only if the certificate speaks for
        /// several.
        authzid: Option<Authzid>,
    },
    /// ANONYMOUS (XEP-0175).
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
}
