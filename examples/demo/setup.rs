//! What the demonstration is made from: one host, one account, two configs.

use std::sync::Arc;

use rustls::crypto::SecureRandom;
use xmpp_stream::Decision;
use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::BindDecision;
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{
    self, Decoy, Hash, MechanismName, MechanismSet, Password, ScramKeys, Username,
};
use xmpp_stream::stream::BindCondition;
use xmpp_stream::tls::{ClientTls, ServerTls};

use crate::pki::{Pki, provider};
use crate::show::Show;
use crate::{Failure, or_fail};

pub const DOMAIN: &str = "im.example.com";
const USER: &str = "juliet";
const PASSWORD: &str = "r0m30myr0m30";
const ITERATIONS: u32 = 4096;

pub struct Setup {
    pub show: Show,
    pub pki: Pki,
    pub random: &'static dyn SecureRandom,
    /// What the server keeps of the password.
    pub keys: ScramKeys,
}

impl Setup {
    pub fn new(show: Show) -> Result<Self, Failure> {
        let password = Password::ascii(PASSWORD).map_err(or_fail)?;
        let salt = b"not so random...";
        Ok(Self {
            show,
            pki: Pki::new()?,
            random: provider().secure_random,
            keys: ScramKeys::derive(Hash::Sha256, &password, salt, ITERATIONS).map_err(or_fail)?,
        })
    }

    /// juliet's client, with sessions to resume.
    pub fn initiator(&self) -> Result<Arc<InitiatorConfig>, Failure> {
        let jid = Jid::from_parts(Some(USER), DOMAIN, Some("balcony")).map_err(or_fail)?;
        self.initiator_with(
            &jid,
            Credentials::Password {
                username: Username::ascii(USER).map_err(or_fail)?,
                password: Password::ascii(PASSWORD).map_err(or_fail)?,
                keys: None,
                authzid: None,
            },
        )
    }

    /// A client without an account.
    pub fn anonymous(&self) -> Result<Arc<InitiatorConfig>, Failure> {
        let jid = Jid::from_parts(None, DOMAIN, None).map_err(or_fail)?;
        self.initiator_with(&jid, Credentials::Anonymous)
    }

    fn initiator_with(
        &self,
        jid: &Jid,
        credentials: Credentials,
    ) -> Result<Arc<InitiatorConfig>, Failure> {
        let tls = ClientTls::new(Arc::new(self.pki.client(rustls::ALL_VERSIONS)?));
        InitiatorConfig::client(jid)
            .starttls(tls)
            .credentials(credentials)
            .build()
            .map_err(or_fail)
    }

    /// The server, which lets sessions be resumed.
    pub fn responder(&self) -> Result<Arc<ResponderConfig>, Failure> {
        let tls = ServerTls::new(Arc::new(self.pki.server(rustls::ALL_VERSIONS)?)).tickets(true);
        let mechanisms = MechanismSet::EMPTY
            .with_scram(Hash::Sha256)
            .with(MechanismName::Anonymous);
        let host = HostConfig::builder(DOMAIN, Decoy::new(&[7; 32], ITERATIONS))
            .tls(tls)
            .mechanisms(mechanisms)
            .build()
            .map_err(or_fail)?;
        let server = ResponderConfig::server(self.random).single_host(host);
        server.starttls().build().map_err(or_fail)
    }

    /// Answers the server's questions.
    pub fn decide(&self, decision: Decision<'_>) {
        match decision {
            Decision::Scram(scram) if scram.username() == USER && scram.hash() == Hash::Sha256 => {
                scram.keys(USER.to_owned(), self.keys.clone());
            }
            Decision::Scram(scram) => {
                let name = scram.username().to_owned();
                scram.unknown_user(name);
            }
            Decision::Anonymous(anonymous) => anonymous.accept("somebody".to_owned()),
            Decision::Bind(bind) => grant(bind),
            Decision::Password(plain) => plain.reject(sasl::SaslCondition::NotAuthorized),
            Decision::External(external) => external.reject(sasl::SaslCondition::NotAuthorized),
            // Not asked: there is a single host.
            _ => {}
        }
    }
}

fn grant(bind: BindDecision<'_>) {
    let local = Some(bind.identity().authcid.as_str());
    match Jid::from_parts(local, DOMAIN, Some(bind.resource().unwrap_or("orchard"))) {
        Ok(jid) => bind.accept(jid).expect("it has all its parts"),
        Err(_) => bind.refuse(BindCondition::BadRequest),
    }
}
