//! How an initiating entity proves who it is: one value per kind of stream, inside
//! [`InitiatorConfig`](super::InitiatorConfig).
//!
//! The builder fills it, the connection reads it, and users never see it.

use super::Credentials;
use crate::component::ComponentSecret;
use crate::dialback::DialbackSecret;
use crate::stream::DialbackPolicy;
use crate::tls::identity::Trust;

/// Holds what an initiating entity proves its identity with.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Client(Credentials),
    Server(ServerProof),
    Component(ComponentSecret),
}

/// Says whether a component gives its proof to a server whose certificate nobody has verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnverifiedServer {
    /// The connection ends instead.
    #[default]
    Refused,
    /// It does, because the configuration says so.
    DangerouslyAccepted,
}

impl Proof {
    /// Whether it holds anything that can prove an identity, or nothing has to be proved.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Client(_) | Self::Component(_) => true,
            Self::Server(server) => {
                server.external.is_some() || !matches!(server.keys, KeySource::None)
            }
        }
    }

    pub(super) fn dialback(&self) -> DialbackPolicy {
        match self {
            Self::Client(_) | Self::Component(_) => DialbackPolicy::Refused,
            Self::Server(server) => match server.keys {
                KeySource::None => DialbackPolicy::Refused,
                KeySource::Secret(_) | KeySource::Application => DialbackPolicy::Allowed,
                KeySource::VerifyOnly => DialbackPolicy::VerifyOnly,
            },
        }
    }

    /// Returns the credentials that SASL uses, if SASL is used.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Client(credentials) => Some(credentials),
            Self::Server(server) => server.external.as_ref().map(|(_, credentials)| credentials),
            Self::Component(_) => None,
        }
    }
}

/// Holds what an initiating server proves its domain with.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerProof {
    /// The issuers trusted for the peer's certificate, and the credentials for EXTERNAL. `None`
    /// means that EXTERNAL is not used.
    pub(crate) external: Option<(Trust, Credentials)>,
    /// Where dialback keys come from.
    pub(crate) keys: KeySource,
}

/// Says where dialback keys come from.
#[derive(Clone, Debug, Default)]
pub(crate) enum KeySource {
    /// Dialback is not used.
    #[default]
    None,
    /// Keys are made from the secret (XEP-0185).
    Secret(DialbackSecret),
    /// The application makes them when asked.
    Application,
    /// The stream only asks whether keys of others are genuine.
    VerifyOnly,
}
