//! Configs that need nothing of the caller: plaintext, no password.

use alloc::sync::Arc;
use core::time::Duration;

use super::rng::SeededRandom;
use crate::config::{ConfigError, Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use crate::jid::Jid;
use crate::limits::Limits;
use crate::sasl::{Decoy, MechanismName, MechanismSet};
use crate::sm::SmPolicy;

/// The domain of the kit's own configs.
pub const DOMAIN: &str = "localhost";

/// The configs of a client and of its server.
pub type ConfigPair = (Arc<InitiatorConfig>, Arc<ResponderConfig>);

/// What two configs have in common, and in what they differ from the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairOptions {
    /// What stream ids and nonces follow from.
    pub seed: u64,
    /// Whether SASL2 (XEP-0388) is offered and used.
    pub sasl2: bool,
    /// Whether stream management (XEP-0198) is offered and used.
    pub stream_management: bool,
    /// Limits of the client.
    pub client: Limits,
    /// Limits of the server.
    pub server: Limits,
}

impl Default for PairOptions {
    /// The defaults of the crate, and no stream management.
    fn default() -> Self {
        Self {
            seed: 1,
            sasl2: true,
            stream_management: false,
            client: Limits::client(),
            server: Limits::server(),
        }
    }
}

impl PairOptions {
    /// Returns the options with limits near the smallest, so that each is reached soon: outboxes of
    /// 64 KiB, phases of 5 s, 1 s for the closing tag.
    #[must_use]
    pub fn tight() -> Self {
        let tight = |limits: Limits| {
            limits
                .with_outbox_bytes(64 << 10)?
                .with_stanza_bytes(16 << 10)?
                .with_phase_timeout(Duration::from_secs(5))?
                .with_closing_timeout(Duration::from_secs(1))
        };
        let defaults = Self::default();
        Self {
            client: tight(defaults.client.clone()).unwrap_or(defaults.client),
            server: tight(defaults.server.clone()).unwrap_or(defaults.server),
            ..Self::default()
        }
    }

    /// Returns a client and a server that log `guest` in by ANONYMOUS, without TLS. The server's
    /// application answers [`Decision::Anonymous`](crate::Decision) and
    /// [`Decision::Bind`](crate::Decision).
    ///
    /// # Errors
    /// [`ConfigError`] if the limits contradict each other.
    pub fn plaintext(&self) -> Result<ConfigPair, ConfigError> {
        let account = Jid::parse(DOMAIN).map_err(|_| ConfigError::Domain)?;
        let mut client = InitiatorConfig::client(&account)
            .dangerous_plaintext(SeededRandom::new(self.seed))
            .credentials(Credentials::Anonymous)
            .limits(self.client.clone());
        let mut host = HostConfig::builder(DOMAIN, Decoy::new(&[7; 32], 4096))
            .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
            .limits(self.server.clone());
        if !self.sasl2 {
            client = client.without_sasl2();
            host = host.without_sasl2();
        }
        let mut server = ResponderConfig::server(SeededRandom::new(!self.seed))
            .single_host(host.build()?)
            .limits(self.server.clone())
            .dangerous_plaintext();
        if self.stream_management {
            client = client.stream_management(SmPolicy::default());
            server = server.stream_management(SmPolicy::default());
        }
        Ok((client.build()?, server.build()?))
    }
}
