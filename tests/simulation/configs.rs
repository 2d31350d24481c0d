//! Clients and servers of one account that anybody may use.

use std::sync::Arc;
use std::time::Duration;

use xmpp_stream::config::{
    Credentials, HasSecurity, HostConfig, InitiatorBuilder, InitiatorConfig, ResponderBuilder,
    ResponderConfig,
};
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::{ResetTiming, UsagePolicy};
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::testkit::{Protection, Rng, SeededRandom};
use xmpp_stream::tls::{ClientTls, ServerTls};

/// What protects the connections of a simulation.
#[derive(Clone)]
pub enum Security {
    Plain,
    Starttls(rustls::ClientConfig, rustls::ServerConfig),
    DirectTls(rustls::ClientConfig, rustls::ServerConfig),
}

impl Security {
    pub fn protection(&self) -> Protection {
        match self {
            Self::Plain => Protection::None,
            Self::Starttls(..) => Protection::Starttls,
            Self::DirectTls(..) => Protection::DirectTls,
        }
    }
}

/// Often one that resets the stream after a few seconds or records by itself; it is
/// for TLS keys, so without TLS it means nothing.
fn draw_usage(rng: &mut Rng) -> UsagePolicy {
    let mut policy = UsagePolicy::default();
    policy.age = rng
        .once_in(2)
        .then(|| Duration::from_millis(1_000 + rng.below(8_000)));
    policy.records = rng.once_in(2).then(|| 10 + rng.below(40));
    policy.timing = match rng.below(3) {
        0 => ResetTiming::Advised,
        _ => ResetTiming::Quiet {
            idle: Duration::from_millis(rng.below(500)),
            within: Duration::from_millis(rng.below(5_000)),
        },
    };
    policy
}

/// The client's config.
pub fn client(rng: &mut Rng, security: &Security) -> InitiatorBuilder<HasSecurity> {
    let builder = InitiatorConfig::client(&Jid::parse("guest@localhost/desk").unwrap());
    let tls = |client: &rustls::ClientConfig| ClientTls::new(Arc::new(client.clone()));
    let builder = match security {
        Security::Plain => builder.dangerous_plaintext(SeededRandom::new(0)),
        Security::Starttls(client, _) => builder.starttls(tls(client)),
        Security::DirectTls(client, _) => builder.direct_tls(tls(client)),
    };
    builder
        .credentials(Credentials::Anonymous)
        .usage(draw_usage(rng))
        .random(SeededRandom::new(rng.draw()))
}

/// The server's config.
pub fn server(rng: &mut Rng, security: &Security) -> ResponderBuilder<HasSecurity> {
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
        .usage(draw_usage(rng));
    let builder = ResponderConfig::server(SeededRandom::new(rng.draw()));
    let tls = |server: &rustls::ServerConfig| ServerTls::new(Arc::new(server.clone()));
    match security {
        Security::Plain => builder
            .single_host(host.build().unwrap())
            .dangerous_plaintext(),
        Security::Starttls(_, server) => builder
            .single_host(host.tls(tls(server)).build().unwrap())
            .starttls(),
        Security::DirectTls(_, server) => builder
            .single_host(host.build().unwrap())
            .direct_tls(tls(server)),
    }
}
