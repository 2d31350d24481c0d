//! Users, whose SCRAM keys are kept after the first login, and the configs of their streams.

use std::sync::Arc;

use rustls::client::Resumption;
use xmpp_stream::config::{Credentials, InitiatorConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{
    BindingUse, ClientKeys, Hash, MechanismName, MechanismPolicy, MechanismSet, Password, Username,
};
use xmpp_stream::tls::ClientTls;

use crate::options::{Options, Usage, bad};
use crate::tls;

const MECHANISM: MechanismName = MechanismName::Scram(Hash::Sha1);

pub struct Accounts {
    domain: String,
    password: Password,
    tls: ClientTls,
    is_direct: bool,
    /// The keys of the users, by number.
    keys: Vec<Option<ClientKeys>>,
}

impl Accounts {
    pub fn from_options(options: &Options) -> Result<Self, Usage> {
        Ok(Self {
            domain: options.need("domain")?.to_owned(),
            password: Password::ascii(options.need("password")?).map_err(bad("password"))?,
            // Every handshake is a whole one.
            tls: tls::client(options)?.session_store(Resumption::disabled()),
            is_direct: options.has("direct-tls"),
            keys: vec![None; options.parsed("users")?.unwrap_or(1000)],
        })
    }

    pub fn count(&self) -> usize {
        self.keys.len()
    }

    pub fn keep(&mut self, user: usize, keys: ClientKeys) {
        self.keys[user] = Some(keys);
    }

    /// The address of a stream: the users take turns.
    pub fn jid(&self, stream: usize) -> String {
        let (user, resource) = (stream % self.count(), stream / self.count());
        format!("user{user}@{}/r{resource}", self.domain)
    }

    /// SASL and binding as of RFC 6120, which every server has.
    pub fn config(&self, stream: usize) -> Result<Arc<InitiatorConfig>, Usage> {
        let jid = Jid::parse(&self.jid(stream)).map_err(bad("domain"))?;
        let username = Username::ascii(jid.local().unwrap_or_default()).map_err(bad("domain"))?;
        let credentials = Credentials::Password {
            username,
            password: self.password.clone(),
            keys: self.keys[stream % self.count()].clone(),
            authzid: None,
        };
        let policy = MechanismPolicy::new()
            .allow(MechanismSet::EMPTY.with(MECHANISM))
            // Debian's servers announce -PLUS without its bindings (XEP-0440).
            .binding(BindingUse::DangerousIfAnnounced);
        let builder = InitiatorConfig::client(&jid);
        let builder = match self.is_direct {
            true => builder.direct_tls(self.tls.clone()),
            false => builder.starttls(self.tls.clone()),
        };
        builder
            .credentials(credentials)
            .sasl(policy)
            .without_sasl2()
            .build()
            .map_err(bad("domain"))
    }
}
