//! The two profiles of SASL in XMPP.

/// How SASL is spoken on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaslProfile {
    /// That of RFC 6120 6: the stream is restarted after success.
    Sasl,
    /// The extensible one of XEP-0388: the stream goes on after success, and other steps of the
    /// negotiation travel with the login.
    Sasl2,
}

impl SaslProfile {
    /// Every profile.
    pub const ALL: [Self; 2] = [Self::Sasl, Self::Sasl2];
}
