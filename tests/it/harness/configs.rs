//! Accounts, hosts and configs: alice of `localhost`, her password, and the
//! servers that know her.

use std::sync::Arc;

use xmpp_stream::config::{HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::random::{Random, RandomError};
use xmpp_stream::reset::UsagePolicy;
use xmpp_stream::sasl::{
    self, Decoy, Hash, MechanismName, MechanismSet, Password, ScramKeys, Username,
};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Connection, Decision, Negotiation};

/// Random bytes that are the same in every run: 1, 2, 3 and so on.
#[derive(Debug)]
pub struct Fixed;

impl Random for Fixed {
    fn fill(&self, buf: &mut [u8]) -> Result<(), RandomError> {
        for (byte, value) in buf.iter_mut().zip(1..) {
            *byte = value;
        }
        Ok(())
    }
}

pub static FIXED: Fixed = Fixed;

/// alice's address.
pub fn alice() -> Jid {
    Jid::parse("alice@localhost/desk").unwrap()
}

/// Answers every decision as a server of one user does: alice, password
/// `secret`, any resource.
pub fn decide<N: Negotiation>(machine: &mut Connection<N>) {
    let Some(decision) = machine.decision() else {
        return;
    };
    match decision {
        Decision::Host(host) => host.serve(single_host(None)),
        Decision::Password(password) => {
            if password.authcid() == "alice" && password.password() == b"secret" {
                password.accept("alice".into());
            } else {
                password.reject(sasl::SaslCondition::NotAuthorized);
            }
        }
        Decision::Scram(scram) => {
            let name = scram.username().to_string();
            if name == "alice" {
                let keys = keys(scram.hash());
                scram.keys(name, keys);
            } else {
                scram.unknown_user(name);
            }
        }
        Decision::External(external) => external.accept("alice".into()),
        Decision::Anonymous(anonymous) => anonymous.accept("guest".into()),
        Decision::Bind(bind) => {
            let local = bind.identity().authcid.clone();
            let resource = bind.resource().unwrap_or("made-up").to_string();
            bind.accept(Jid::parse(&format!("{local}@localhost/{resource}")).unwrap())
                .unwrap();
        }
        other => panic!("unexpected {other:?}"),
    }
}

/// Returns the stored keys of alice.
pub fn keys(hash: Hash) -> ScramKeys {
    ScramKeys::derive(
        hash,
        &Password::ascii("secret").unwrap(),
        b"sixteen octets!!",
        4096,
    )
    .unwrap()
}

/// Returns the server's only host.
pub fn single_host(tls: Option<ServerTls>) -> Arc<HostConfig> {
    host_with(tls, MechanismSet::scram())
}

pub fn host_with(tls: Option<ServerTls>, mechanisms: MechanismSet) -> Arc<HostConfig> {
    let mut host =
        HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096)).mechanisms(mechanisms);
    if let Some(tls) = tls {
        host = host.tls(tls);
    }
    host.build().unwrap()
}

/// Returns alice's client.
pub fn client(tls: Option<ClientTls>) -> Arc<InitiatorConfig> {
    client_with(tls, "secret")
}

pub fn client_with(tls: Option<ClientTls>, password: &str) -> Arc<InitiatorConfig> {
    let builder = InitiatorConfig::client(&alice());
    let builder = match tls {
        Some(tls) => builder.starttls(tls),
        None => builder.dangerous_plaintext(&FIXED),
    };
    builder
        .password(
            Username::ascii("alice").unwrap(),
            Password::ascii(password).unwrap(),
        )
        .random(&FIXED)
        .build()
        .unwrap()
}

/// Returns a host that takes anonymous users.
pub fn anonymous_host(tls: Option<ServerTls>, limits: Option<Limits>) -> Arc<HostConfig> {
    let mut host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
        .limits(limits.unwrap_or(Limits::server()));
    if let Some(tls) = tls {
        host = host.tls(tls);
    }
    host.build().unwrap()
}

/// The same host, with a policy of resets, and without keepalives.
pub fn anonymous_host_using(policy: UsagePolicy) -> Arc<HostConfig> {
    HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
        .usage(policy)
        .limits(Limits::server().with_keepalive(None).unwrap())
        .build()
        .unwrap()
}

/// Answers every decision; the host takes anonymous users.
pub fn decide_anonymous<N: Negotiation>(machine: &mut Connection<N>) {
    if let Some(Decision::Host(decision)) = machine.decision() {
        decision.serve(anonymous_host(None, None));
        return;
    }
    decide(machine);
}

/// Returns the server of one user.
pub fn server(tls: Option<ServerTls>) -> Arc<ResponderConfig> {
    let starttls = tls.is_some();
    let builder = ResponderConfig::server(&FIXED).single_host(single_host(tls));
    let builder = if starttls {
        builder.starttls()
    } else {
        builder.dangerous_plaintext()
    };
    builder.build().unwrap()
}
