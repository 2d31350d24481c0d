//! Scripted connections of both roles, brought to a phase of their streams; and
//! the stream text it takes.

use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection};
use xmpp_stream::config::{
    Credentials, HasSecurity, HostConfig, InitiatorBuilder, InitiatorConfig, ResponderConfig,
};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Initiator, Negotiation, Responder};

use super::configs::{FIXED, alice, decide};
use super::pki::{Crypto, Leaf, Setup, Version, name, pki};
use super::role::Carrier;
use super::{Harness, START, Scripted};

pub const CLIENT_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
pub const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='localhost' id='1' version='1.0'>";
pub const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub const OFFER_STARTTLS: &str = "<stream:features><starttls \
    xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
pub const OFFER_ANONYMOUS: &str = "<stream:features><mechanisms \
    xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>\
    </stream:features>";
pub const OFFER_BIND: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
pub const AUTH_ANONYMOUS: &str =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
/// `n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL`
pub const AUTH_SCRAM: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' \
    mechanism='SCRAM-SHA-256'>biwsbj1hbGljZSxyPWZ5a28rZDJsYmJGZ09OUnY5cWt4ZGF3TA==</auth>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
pub const BIND: &str =
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
pub const BOUND: &str = "<iq type='result' id='bind'>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>guest@localhost/r</jid></bind></iq>";
pub const FOOTER: &str = "</stream:stream>";

/// Limits that tests can reach.
pub fn small(limits: Limits) -> Limits {
    limits.with_stanza_bytes(12_000).unwrap()
}

/// An anonymous client.
pub fn initiator(carrier: Carrier) -> Harness<InitiatorRole, Scripted> {
    initiator_with(carrier, |config| config)
}

pub fn initiator_with(
    carrier: Carrier,
    adjust: impl FnOnce(InitiatorBuilder<HasSecurity>) -> InitiatorBuilder<HasSecurity>,
) -> Harness<InitiatorRole, Scripted> {
    let builder = InitiatorConfig::client(&alice());
    let tls = |version| ClientTls::new(Arc::new(pki().client(&setup(version))));
    let builder = match carrier {
        Carrier::Plain => builder.dangerous_plaintext(&FIXED),
        Carrier::StartTls(version) => builder.starttls(tls(version)),
        Carrier::DirectTls(version) => builder.direct_tls(tls(version)),
    };
    let builder = builder
        .credentials(Credentials::Anonymous)
        .limits(small(Limits::client()))
        .random(&FIXED);
    let config = adjust(builder).build().unwrap();
    let machine = Initiator::new(config, START);
    Harness::scripted(machine, Box::new(|_, _| {}))
}

/// A server for everybody.
pub fn responder(carrier: Carrier) -> Harness<ResponderRole, Scripted> {
    let config = responder_config(carrier, host(carrier));
    let machine = Responder::new(config, START);
    Harness::scripted(machine, Box::new(|machine, _| decide(machine)))
}

pub fn responder_config(carrier: Carrier, host: Arc<HostConfig>) -> Arc<ResponderConfig> {
    let builder = ResponderConfig::server(&FIXED).single_host(host);
    let builder = match carrier {
        Carrier::Plain => builder.dangerous_plaintext(),
        Carrier::StartTls(_) => builder.starttls(),
        Carrier::DirectTls(version) => builder.direct_tls(server_tls(version)),
    };
    builder.build().unwrap()
}

pub fn host(carrier: Carrier) -> Arc<HostConfig> {
    let mechanisms = MechanismSet::scram()
        .with(MechanismName::Anonymous)
        .with(MechanismName::Plain);
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(mechanisms)
        .limits(small(Limits::server()));
    match carrier {
        Carrier::StartTls(version) => host.tls(server_tls(version)),
        Carrier::Plain | Carrier::DirectTls(_) => host,
    }
    .build()
    .unwrap()
}

pub fn server_tls(version: Version) -> ServerTls {
    ServerTls::new(Arc::new(pki().server(&setup(version), Leaf::Valid)))
}

/// The TLS of a client as the peer.
pub fn peer_client(version: Version) -> ClientConnection {
    let config = pki().client(&setup(version));
    ClientConnection::new(Arc::new(config), name("localhost")).unwrap()
}

/// The TLS of a server as the peer.
pub fn peer_server(version: Version) -> ServerConnection {
    let config = pki().server(&setup(version), Leaf::Valid);
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn setup(version: Version) -> Setup {
    Setup::new(Crypto::Ring, version)
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing was sent to the machine.
    Start,
    /// Before TLS, features exchanged; an initiator has asked for STARTTLS.
    BeforeTls,
    /// The TLS handshake is complete, the header is outstanding.
    Secured,
    /// The first header over this transport was sent; an initiator awaits features.
    Opened,
    /// In a SASL exchange.
    Sasl,
    /// Authenticated, the header is outstanding.
    Authenticated,
    /// The bind request is outstanding; an initiator awaits its answer.
    Binding,
    /// Stanzas flow.
    Established,
    /// The machine has written its closing tag.
    Closing,
}

impl Phase {
    /// The phases of a plaintext stream.
    pub const PLAIN: [Self; 7] = [
        Self::Start,
        Self::Opened,
        Self::Sasl,
        Self::Authenticated,
        Self::Binding,
        Self::Established,
        Self::Closing,
    ];

    /// Whether the peer's header is what comes next.
    pub fn awaits_header(self) -> bool {
        matches!(self, Self::Start | Self::Secured | Self::Authenticated)
    }
}

/// A server brought to a phase; what it wrote on the way is forgotten.
pub fn responder_at(carrier: Carrier, phase: Phase) -> Harness<ResponderRole, Scripted> {
    let mut harness = responder(carrier);
    bring_responder(&mut harness, carrier, phase);
    harness.receive();
    harness
}

pub fn bring_responder(
    harness: &mut Harness<ResponderRole, Scripted>,
    carrier: Carrier,
    phase: Phase,
) {
    if phase == Phase::Start {
        return;
    }
    match carrier {
        Carrier::Plain => {}
        Carrier::StartTls(version) => {
            harness.send(CLIENT_HEADER);
            if phase == Phase::BeforeTls {
                return;
            }
            harness.receive();
            harness.send(STARTTLS);
            assert_eq!(harness.receive(), PROCEED);
            harness.start_tls(peer_client(version));
        }
        Carrier::DirectTls(version) => harness.start_tls(peer_client(version)),
    }
    let sasl = match phase {
        Phase::Sasl => AUTH_SCRAM,
        _ => AUTH_ANONYMOUS,
    };
    harness.send_up_to(
        phase,
        &[
            (Phase::Opened, &[CLIENT_HEADER]),
            (Phase::Sasl, &[sasl]),
            (Phase::Binding, &[CLIENT_HEADER]),
            (Phase::Established, &[BIND]),
        ],
    );
}

/// A client brought to a phase; what it wrote on the way is forgotten.
pub fn initiator_at(carrier: Carrier, phase: Phase) -> Harness<InitiatorRole, Scripted> {
    let mut harness = initiator(carrier);
    bring_initiator(&mut harness, carrier, phase);
    harness.receive();
    harness
}

pub fn bring_initiator(
    harness: &mut Harness<InitiatorRole, Scripted>,
    carrier: Carrier,
    phase: Phase,
) {
    if phase == Phase::Start {
        return;
    }
    match carrier {
        Carrier::Plain => {}
        Carrier::StartTls(version) => {
            harness.send(SERVER_HEADER);
            harness.send(OFFER_STARTTLS);
            if phase == Phase::BeforeTls {
                return;
            }
            harness.receive();
            harness.send(PROCEED);
            harness.start_tls(peer_server(version));
        }
        Carrier::DirectTls(version) => harness.start_tls(peer_server(version)),
    }
    harness.send_up_to(
        phase,
        &[
            (Phase::Opened, &[SERVER_HEADER]),
            (Phase::Sasl, &[OFFER_ANONYMOUS]),
            (Phase::Authenticated, &[SUCCESS]),
            (Phase::Binding, &[SERVER_HEADER, OFFER_BIND]),
            (Phase::Established, &[BOUND]),
        ],
    );
}

impl<N: Negotiation> Harness<N, Scripted> {
    /// The peer sends what leads to each phase, up to `phase`.
    fn send_up_to(&mut self, phase: Phase, steps: &[(Phase, &[&str])]) {
        for (reached, texts) in steps {
            if phase >= *reached {
                for text in *texts {
                    self.send(text);
                }
            }
        }
        if phase == Phase::Closing {
            self.machine.session().expect("established").close();
            self.exchange();
        }
    }
}
