//! Why an exchange failed on the initiating side.
//!
//! Change here which reasons there are. The conditions that a server sends are
//! [`SaslCondition`](super::SaslCondition).

/// The error of a [`Mechanism`](super::Mechanism): why an exchange failed on the initiating side.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The call is not allowed now, or the exchange is over. This is a mistake of the caller.
    #[error("the call is out of sequence")]
    OutOfSequence,
    /// The server sent a challenge or data where the mechanism has none.
    #[error("the mechanism has no such message")]
    Unexpected,
    /// A message is longer than [`MAX_MESSAGE`](super::MAX_MESSAGE), or a part of it is longer than
    /// its limit.
    #[error("a message or a part of it is too long")]
    TooLong,
    /// The message violates the syntax of the mechanism.
    #[error("the message is malformed")]
    Malformed,
    /// The message has the reserved attribute `m` (RFC 5802 5.1).
    #[error("the message asks for an unknown mandatory extension")]
    UnknownExtension,
    /// The server's nonce does not extend the client's nonce.
    #[error("the server's nonce does not extend the client's")]
    Nonce,
    /// The server asks for an iteration count outside the bounds. Nothing was derived.
    #[error("the iteration count {count} is out of bounds")]
    Iterations {
        /// The count that the server asked for, or `u32::MAX` if the number is larger.
        count: u32,
    },
    /// The cached keys are for another salt, count or hash, and there is no password to derive new
    /// ones from.
    #[error("the cached keys do not fit and there is no password")]
    NoPassword,
    /// The server announced success without proof that it knows the user's credentials, or with a
    /// wrong one.
    #[error("the server was not verified")]
    ServerNotVerified,
    /// The server's final message names an error (RFC 5802 7).
    #[error("the server reports: {0}")]
    Server(ScramError),
    /// The server has offered something else than what arrived here: somebody changed the offer in
    /// between (XEP-0474). No proof was sent.
    #[error("the server's offer was changed on its way")]
    OfferChanged,
    /// The server does not prove what it has offered, and
    /// [`DowngradeProtection::Required`](super::DowngradeProtection::Required) is set (XEP-0474). No
    /// proof was sent.
    #[error("the server does not prove what it has offered")]
    NoDowngradeProtection,
    /// A reason of a mechanism outside this crate.
    #[error("{0}")]
    Other(&'static str),
}

/// An error in a server's final message (RFC 5802 7, `server-error-value`).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ScramError {
    /// `invalid-encoding`
    #[error("invalid-encoding")]
    InvalidEncoding,
    /// `extensions-not-supported`
    #[error("extensions-not-supported")]
    ExtensionsNotSupported,
    /// `invalid-proof`
    #[error("invalid-proof")]
    InvalidProof,
    /// `channel-bindings-dont-match`
    #[error("channel-bindings-dont-match")]
    ChannelBindingsDontMatch,
    /// `server-does-support-channel-binding`: this side sent `y`, so somebody removed the -PLUS
    /// mechanisms from the offer.
    #[error("server-does-support-channel-binding")]
    ServerDoesSupportChannelBinding,
    /// `channel-binding-not-supported`
    #[error("channel-binding-not-supported")]
    ChannelBindingNotSupported,
    /// `unsupported-channel-binding-type`
    #[error("unsupported-channel-binding-type")]
    UnsupportedChannelBindingType,
    /// `unknown-user`
    #[error("unknown-user")]
    UnknownUser,
    /// `invalid-username-encoding`
    #[error("invalid-username-encoding")]
    InvalidUsernameEncoding,
    /// `no-resources`
    #[error("no-resources")]
    NoResources,
    /// `other-error`, and any value that this crate does not know.
    #[error("other-error")]
    Other,
}

impl ScramError {
    pub(super) fn from_value(value: &str) -> Self {
        match value {
            "invalid-encoding" => Self::InvalidEncoding,
            "extensions-not-supported" => Self::ExtensionsNotSupported,
            "invalid-proof" => Self::InvalidProof,
            "channel-bindings-dont-match" => Self::ChannelBindingsDontMatch,
            "server-does-support-channel-binding" => Self::ServerDoesSupportChannelBinding,
            "channel-binding-not-supported" => Self::ChannelBindingNotSupported,
            "unsupported-channel-binding-type" => Self::UnsupportedChannelBindingType,
            "unknown-user" => Self::UnknownUser,
            "invalid-username-encoding" => Self::InvalidUsernameEncoding,
            "no-resources" => Self::NoResources,
            _ => Self::Other,
        }
    }
}
