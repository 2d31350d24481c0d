//! The failure conditions of SASL, and their names on the wire (RFC 6120 6.5).
//!
//! The names are those of the RFC; a new condition needs an RFC or a XEP.

use core::fmt;

/// A SASL failure condition: the child element of `<failure/>` (RFC 6120 6.5).
///
/// The order is that of the RFC.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaslCondition {
    /// The initiating entity sent `<abort/>` (RFC 6120 6.5.1).
    Aborted,
    /// The account is temporarily disabled (RFC 6120 6.5.2).
    AccountDisabled,
    /// The credentials have expired (RFC 6120 6.5.3).
    CredentialsExpired,
    /// The mechanism may only be used under TLS (RFC 6120 6.5.4).
    EncryptionRequired,
    /// The data is not base64 as RFC 6120 requires it (RFC 6120 6.5.5).
    IncorrectEncoding,
    /// The authorization identity is malformed, or not open to this user (RFC 6120 6.5.6).
    InvalidAuthzid,
    /// The mechanism is not one of those offered (RFC 6120 6.5.7).
    InvalidMechanism,
    /// The message violates the syntax of the mechanism, or came at the wrong time (RFC 6120
    /// 6.5.8).
    MalformedRequest,
    /// The mechanism is weaker than the policy allows for this user (RFC 6120 6.5.9).
    MechanismTooWeak,
    /// The credentials are wrong, or the user is unknown; the two are never distinguished (RFC 6120
    /// 6.5.10).
    NotAuthorized,
    /// The receiving entity cannot authenticate anybody at the moment (RFC 6120 6.5.11).
    TemporaryAuthFailure,
}

impl SaslCondition {
    /// All conditions, in the order of the RFC.
    pub const ALL: [Self; 11] = [
        Self::Aborted,
        Self::AccountDisabled,
        Self::CredentialsExpired,
        Self::EncryptionRequired,
        Self::IncorrectEncoding,
        Self::InvalidAuthzid,
        Self::InvalidMechanism,
        Self::MalformedRequest,
        Self::MechanismTooWeak,
        Self::NotAuthorized,
        Self::TemporaryAuthFailure,
    ];

    /// Returns the local name of the element, e.g. `not-authorized`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::MechanismTooWeak => "mechanism-too-weak",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }

    /// Returns the condition for an element of this local name. An unknown one counts as
    /// `not-authorized` (RFC 6120 6.5).
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == name)
            .unwrap_or(Self::NotAuthorized)
    }
}

impl fmt::Display for SaslCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6120_6_5_every_condition_is_understood_and_unknown_is_not_authorized() {
        // Literally as in RFC 6120 6.5.1 to 6.5.11.
        assert_eq!(
            SaslCondition::ALL.map(SaslCondition::as_str),
            [
                "aborted",
                "account-disabled",
                "credentials-expired",
                "encryption-required",
                "incorrect-encoding",
                "invalid-authzid",
                "invalid-mechanism",
                "malformed-request",
                "mechanism-too-weak",
                "not-authorized",
                "temporary-auth-failure",
            ]
        );
        for condition in SaslCondition::ALL {
            assert_eq!(SaslCondition::from_name(condition.as_str()), condition);
        }
        for unknown in ["", "Aborted", "bad-protocol", "not-authorized "] {
            assert_eq!(
                SaslCondition::from_name(unknown),
                SaslCondition::NotAuthorized
            );
        }
    }
}
