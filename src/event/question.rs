//! What a gate asks of the application.

use alloc::string::String;

use crate::jid::Jid;
use crate::sasl::{self, Identity};

/// A question that stops the stream until it is answered through
/// [`Connection::decision`](crate::Connection::decision).
#[derive(Debug)]
#[non_exhaustive]
pub enum Question {
    /// Which host is addressed? Certificate, mechanisms and limits depend on it.
    Host {
        /// `to` of the peer's header (RFC 6120 4.7.2).
        to: Option<Jid>,
        /// `from` of the peer's header (RFC 6120 4.7.1); not authentic before TLS.
        from: Option<Jid>,
        /// The server name of the TLS handshake, where TLS came first.
        sni: Option<String>,
    },
    /// SASL asks whether a password is right, for stored keys, or for an identity.
    Sasl(sasl::CredentialQuery),
    /// May this resource be bound (RFC 6120 7.6, 7.7)?
    Bind {
        /// Who was authenticated.
        identity: Identity,
        /// The resource that the peer asks for.
        resource: Option<String>,
        /// A resource that nobody can predict.
        generated: String,
    },
    /// Which session of an earlier stream does a client resume (XEP-0198 5)?
    Resume {
        /// Who was authenticated.
        identity: Identity,
        /// The name of the session.
        previd: sasl::Secret,
        /// How many stanzas the client has handled, modulo 2^32.
        h: u32,
    },
}
