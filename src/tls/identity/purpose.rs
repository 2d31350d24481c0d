//! What a certificate is presented for, and what it must be good for then (RFC 6120 13.7.1).
//!
//! Change here which services and key usages serve a purpose, and with them the rules in the
//! documentation of [`identity`](super).

use webpki::KeyPurposeId;

/// What a certificate is presented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// By a server, to its client.
    ClientToServer,
    /// By a server, to the server that connects to it.
    ServerAsServer,
    /// By a server, to the server it connects to.
    ServerAsClient,
    /// By a user's client, to its server.
    Client,
}

impl Purpose {
    /// Returns the service of an SRV-ID (RFC 6120 13.7.1.2.1).
    pub(super) fn service(self) -> Option<&'static str> {
        match self {
            Self::ClientToServer => Some("_xmpp-client"),
            Self::ServerAsServer | Self::ServerAsClient => Some("_xmpp-server"),
            Self::Client => None,
        }
    }

    /// Returns the extended key usages of which one is enough.
    pub(super) fn key_purposes(self) -> &'static [KeyPurposeId<'static>] {
        /// 1.3.6.1.5.5.7.3.1 (RFC 5280 4.2.1.12)
        const SERVER: KeyPurposeId<'_> = KeyPurposeId::new(b"\x2b\x06\x01\x05\x05\x07\x03\x01");
        /// 1.3.6.1.5.5.7.3.2
        const CLIENT: KeyPurposeId<'_> = KeyPurposeId::new(b"\x2b\x06\x01\x05\x05\x07\x03\x02");
        const XMPP: KeyPurposeId<'_> = KeyPurposeId::new(XMPP_ADDR);
        match self {
            Self::ClientToServer | Self::ServerAsServer => &[SERVER, XMPP],
            Self::ServerAsClient => &[CLIENT, SERVER, XMPP],
            Self::Client => &[CLIENT, XMPP],
        }
    }
}

/// id-on-xmppAddr, 1.3.6.1.5.5.7.8.5 (RFC 6120 13.7.1.4)
pub(super) const XMPP_ADDR: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x08\x05";
