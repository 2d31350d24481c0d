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
//! Each side is in a file of its own, and the syntax is in `message.rs`. [`Hash`], the derivation
//! and the keys are outside this module, because PLAIN and the names of mechanisms need them too.
//!
//! [`Hash`]: super::Hash
//! [`SLICE`]: super::SLICE
//! [`Decoy`]: super::Decoy
//! [`ChannelBindingKind`]: super::ChannelBindingKind

mod client;
mod message;
mod server;

pub use client::{ClientBinding, IterationBounds, ScramClient, ScramCredentials};
pub use server::{AcceptorBinding, ScramAcceptor};
