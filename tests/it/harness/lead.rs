//! Machines of both roles, led by hand to a phase of their streams; and the
//! words it takes.

use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection};
use xmpp_stream::config::{
    Chosen, Credentials, HostConfig, InitiatorBuilder, InitiatorConfig, ResponderConfig,
};
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Initiator, Responder};

use super::hand::Hand;
use super::pair::{FIXED, decide};
use super::pki::{Crypto, Leaf, Setup, Version, name, pki};

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

/// Where a machine's protection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Plain,
    StartTls(Version),
    DirectTls(Version),
}

/// Limits that tests can reach.
pub fn small(limits: Limits) -> Limits {
    limits.with_stanza_bytes(12_000).unwrap()
}

/// An anonymous client.
pub fn initiator(via: Via) -> Hand<Initiating> {
    initiator_with(via, |config| config)
}

pub fn initiator_with(
    via: Via,
    adjust: impl FnOnce(InitiatorBuilder<Chosen>) -> InitiatorBuilder<Chosen>,
) -> Hand<Initiating> {
    let builder = InitiatorConfig::client(&Jid::parse("alice@localhost/desk").unwrap());
    let tls = |version| ClientTls::new(Arc::new(pki().client(&setup(version))));
    let builder = match via {
        Via::Plain => builder.dangerous_plaintext(&FIXED),
        Via::StartTls(version) => builder.starttls(tls(version)),
        Via::DirectTls(version) => builder.direct_tls(tls(version)),
    };
    let builder = builder
        .credentials(Credentials::Anonymous)
        .limits(small(Limits::client()))
        .random(&FIXED);
    let config = adjust(builder).build().unwrap();
    let machine = Initiator::new(config, Instant::from_millis(0));
    Hand::new(machine, Box::new(|_, _| {}))
}

/// A server for everybody.
pub fn responder(via: Via) -> Hand<Receiving> {
    let config = responder_config(via, host(via));
    let machine = Responder::new(config, Instant::from_millis(0));
    Hand::new(machine, Box::new(|machine, _| decide(machine)))
}

pub fn responder_config(via: Via, host: Arc<HostConfig>) -> Arc<ResponderConfig> {
    let builder = ResponderConfig::server(&FIXED).single_host(host);
    match via {
        Via::Plain => builder.dangerous_plaintext(),
        Via::StartTls(_) => builder.starttls(),
        Via::DirectTls(version) => builder.direct_tls(server_tls(version)),
    }
}

pub fn host(via: Via) -> Arc<HostConfig> {
    let mechanisms = MechanismSet::scram()
        .with(MechanismName::Anonymous)
        .with(MechanismName::Plain);
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(mechanisms)
        .limits(small(Limits::server()));
    match via {
        Via::StartTls(version) => host.tls(server_tls(version)),
        Via::Plain | Via::DirectTls(_) => host,
    }
    .build()
    .unwrap()
}

pub fn server_tls(version: Version) -> ServerTls {
    ServerTls::new(Arc::new(pki().server(&setup(version), Leaf::Valid)))
}

/// The TLS of a client played by hand.
pub fn peer_client(version: Version) -> ClientConnection {
    let config = pki().client(&setup(version));
    ClientConnection::new(Arc::new(config), name("localhost")).unwrap()
}

/// The TLS of a server played by hand.
pub fn peer_server(version: Version) -> ServerConnection {
    let config = pki().server(&setup(version), Leaf::Valid);
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn setup(version: Version) -> Setup {
    Setup::new(Crypto::Ring, version)
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Nothing was said to the machine.
    Start,
    /// Before TLS, features exchanged; an initiator has asked for STARTTLS.
    BeforeTls,
    /// TLS is there, the header is outstanding.
    Secured,
    /// The first header of this leg was said; an initiator awaits features.
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

impl At {
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

/// A server, led to a phase; what it said on the way is forgotten.
pub fn responder_at(via: Via, at: At) -> Hand<Receiving> {
    let mut hand = responder(via);
    lead_responder(&mut hand, via, at);
    hand.said();
    hand
}

pub fn lead_responder(hand: &mut Hand<Receiving>, via: Via, at: At) {
    if at == At::Start {
        return;
    }
    match via {
        Via::Plain => {}
        Via::StartTls(version) => {
            hand.say(CLIENT_HEADER);
            if at == At::BeforeTls {
                return;
            }
            hand.said();
            hand.say(STARTTLS);
            assert_eq!(hand.said(), PROCEED);
            hand.secure(peer_client(version));
        }
        Via::DirectTls(version) => hand.secure(peer_client(version)),
    }
    let steps: [(At, &[&str]); 4] = [
        (At::Opened, &[CLIENT_HEADER]),
        (At::Authenticated, &[AUTH_ANONYMOUS]),
        (At::Binding, &[CLIENT_HEADER]),
        (At::Established, &[BIND]),
    ];
    for (reached, texts) in steps {
        if at == At::Sasl && reached == At::Authenticated {
            return hand.say(AUTH_SCRAM);
        }
        if at >= reached {
            for text in texts {
                hand.say(text);
            }
        }
    }
    if at == At::Closing {
        hand.side.machine.session().expect("established").close();
        hand.pump();
    }
}

/// A client, led to a phase; what it said on the way is forgotten.
pub fn initiator_at(via: Via, at: At) -> Hand<Initiating> {
    let mut hand = initiator(via);
    lead_initiator(&mut hand, via, at);
    hand.said();
    hand
}

pub fn lead_initiator(hand: &mut Hand<Initiating>, via: Via, at: At) {
    if at == At::Start {
        return;
    }
    match via {
        Via::Plain => {}
        Via::StartTls(version) => {
            hand.say(SERVER_HEADER);
            hand.say(OFFER_STARTTLS);
            if at == At::BeforeTls {
                return;
            }
            hand.said();
            hand.say(PROCEED);
            hand.secure(peer_server(version));
        }
        Via::DirectTls(version) => hand.secure(peer_server(version)),
    }
    let steps: [(At, &[&str]); 5] = [
        (At::Opened, &[SERVER_HEADER]),
        (At::Sasl, &[OFFER_ANONYMOUS]),
        (At::Authenticated, &[SUCCESS]),
        (At::Binding, &[SERVER_HEADER, OFFER_BIND]),
        (At::Established, &[BOUND]),
    ];
    for (reached, texts) in steps {
        if at >= reached {
            for text in texts {
                hand.say(text);
            }
        }
    }
    if at == At::Closing {
        hand.side.machine.session().expect("established").close();
        hand.pump();
    }
}
