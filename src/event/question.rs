//! Questions of a connection to the application, each of which stops the stream until it is answered.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::jid::Jid;
use crate::sasl::{self, FastMechanism, Identity, ScramKeys, Secret, TokenSlot};
use crate::stream::sasl2::{InlineXml, UserAgent};

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
        /// A resource that nobody can predict. If the client gave a tag, it begins with that (XEP-0386
        /// 3.2.1).
        generated: String,
        /// What came with the request, if it travelled with a login by SASL2 (XEP-0386 3.2).
        inline: Option<Box<InlineBindRequest>>,
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
    /// What becomes of a client's tokens (XEP-0484)?
    IssueToken(Box<TokenRequest>),
    /// Are these keys of a client's password stored (XEP-0480)?
    StoreKeys {
        /// Who was authenticated.
        identity: Identity,
        /// The keys for a further hash.
        keys: Box<ScramKeys>,
    },
}

/// A request to bind a resource that travelled with a login (XEP-0386 3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InlineBindRequest {
    /// What the client would like its resource to begin with: as a rule the name of the software.
    pub tag: Option<String>,
    /// What the client says of itself (XEP-0388 2.3). Others must not be told.
    pub user_agent: Option<UserAgent>,
    /// The features to enable together with the resource, of those that the host
    /// [offers](crate::config::HostBuilder::inline_feature): at most
    /// [`MAX_BIND_FEATURES`](crate::stream::sasl2::MAX_BIND_FEATURES), of
    /// [`MAX_BIND_FEATURE_BYTES`](crate::stream::sasl2::MAX_BIND_FEATURE_BYTES) together. A request for
    /// more is malformed.
    pub features: Vec<InlineXml>,
}

/// A login that used a token, or that asks for one (FAST, XEP-0484).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenRequest {
    /// Who was authenticated.
    pub identity: Identity,
    /// The id of the client's `<user-agent/>`: tokens belong to it. A client without one is given none,
    /// and its request is not heard (XEP-0484 4.1).
    pub client: String,
    /// The token that was used, if one was.
    pub used: Option<TokenSlot>,
    /// How often the client says that it has used the token. It matters for TLS 0-RTT alone, which
    /// this crate does not offer.
    pub count: Option<u32>,
    /// Whether the client asks that the token be forgotten.
    pub invalidate: bool,
    /// Whether the client asks for a new token. It may be given one without asking.
    pub requested: bool,
    /// The mechanism that a new token is for.
    pub mechanism: FastMechanism,
    /// The text of the new token.
    pub(crate) secret: Secret,
}
