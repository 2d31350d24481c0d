//! The namespace names this layer reads and writes (RFC 6120 section 14).

pub use crate::xml::XML_NS as XML;

/// The stream namespace: header, features, stream errors (4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// The content namespace between client and server (4.8.3).
pub const CLIENT: &str = "jabber:client";
/// The content namespace between servers (4.8.3).
pub const SERVER: &str = "jabber:server";
/// The content namespace between an external component and its server
/// (XEP-0114).
pub const COMPONENT: &str = "jabber:component:accept";
/// Conditions and text of stream errors (4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions and text of stanza errors (8.3).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (5.4).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (6.4).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// The channel bindings a server supports (XEP-0440).
pub const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Resource binding (7.1).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// The session establishment of RFC 3921 section 3.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Server dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// The stream feature of dialback (XEP-0220 2.3).
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
