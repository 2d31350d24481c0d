//! SCRAM, both sides, with SHA-1, SHA-256 and SHA-512 (RFC 5802, RFC 7677).
//!
//! The RFCs leave some choices open:
//!
//! * Syntax is strict: attributes stand in the order of RFC 5802 7, base64 is canonical, and a
//!   known attribute in the place of an extension is malformed. Unknown optional extensions are
//!   ignored, as they must be; the reserved `m` fails.
//! * The client accepts an iteration count only within [`IterationBounds`], and checks it before
//!   the first hash. Otherwise a server could keep it busy for hours (RFC 5802 9).
//! * PBKDF2 is written here on top of `hmac`, because no crate has one that can be interrupted: a
//!   `work` call does at most [`SLICE`] iterations.
//! * The server never sends an error (`e=`), because `<failure/>` reports it (RFC 5802 5.1 permits
//!   that). The client reads them.
//! * An unknown user gets a made-up salt from a [`Decoy`] and fails at the end, like somebody with
//!   a wrong password.
//! * `tls-unique` is not supported, see the module of [`ChannelBindingKind`].
//!
//! This file has what the two sides share. The syntax is in `message.rs`, keys are in `keys.rs`,
//! and the hash functions in `kdf.rs`.
//!
//! [`ChannelBindingKind`]: super::ChannelBindingKind

mod client;
mod kdf;
mod keys;
mod message;
mod server;

use core::fmt;

pub use client::{ClientBinding, IterationBounds, ScramClient, ScramCredentials};
pub(super) use kdf::Derivation;
pub use keys::{ClientKeys, Decoy, KeysError, ScramKeys};
pub use server::{AcceptorBinding, ScramAcceptor};

/// The most HMAC iterations of one `work` call: well below a millisecond on a desktop CPU, some
/// milliseconds on a small one.
pub const SLICE: u32 = 1024;

/// The fewest iterations, which RFC 5802 5.1 and RFC 7677 4 ask servers to announce at least.
pub(crate) const MIN_ITERATIONS: u32 = 4096;

/// The most octets of a salt.
pub(crate) const MAX_SALT: usize = 256;

/// The hash of a SCRAM mechanism. Weaker ones come first in the order.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 5802).
    Sha1,
    /// SHA-256 (RFC 7677).
    Sha256,
    /// SHA-512 (registered with IANA; the construction is that of RFC 5802).
    Sha512,
}

impl Hash {
    /// Returns the IANA name, e.g. `SHA-256`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// Returns how many octets the hash, and every key made with it, has.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
    fn from_value(value: &str) -> Self {
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
