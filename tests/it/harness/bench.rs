//! A machine under test, in either role, and a peer that says what a scene
//! wants: in plaintext, or through TLS with authentic records of any kind.

use std::sync::Arc;

use rustls::ProtocolVersion;
use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::UsagePolicy;
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{Connection, Decision, Negotiation};

use super::honest::Honest;
use super::hostile_tls::HostileTls;
use super::pair::{App, FIXED, Side, decide};
use super::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, name, pki};
use super::scenes::{Say, texts};

/// What carries the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Plain,
    StartTls(ProtocolVersion),
    DirectTls(ProtocolVersion),
}

pub const V12: ProtocolVersion = ProtocolVersion::TLSv1_2;
pub const V13: ProtocolVersion = ProtocolVersion::TLSv1_3;

impl Carrier {
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::DirectTls(V12),
        Self::DirectTls(V13),
        Self::StartTls(V12),
    ];

    pub fn version(self) -> Option<ProtocolVersion> {
        match self {
            Self::Plain => None,
            Self::StartTls(version) | Self::DirectTls(version) => Some(version),
        }
    }
}

pub fn supported(version: ProtocolVersion) -> Version {
    if version == V12 { TLS12 } else { TLS13 }
}

/// The two sides' TLS configs. Clones share tickets.
#[derive(Clone)]
pub struct TlsPair {
    pub client: rustls::ClientConfig,
    pub server: rustls::ServerConfig,
}

impl TlsPair {
    pub fn new(version: ProtocolVersion) -> Self {
        let setup = Setup::new(Crypto::Ring, supported(version));
        Self::of(&setup)
    }

    pub fn of(setup: &Setup) -> Self {
        Self {
            client: pki().client(setup),
            server: pki().server(setup, Leaf::Valid),
        }
    }

    /// Without resumption: every connection begins the same.
    pub fn without_tickets(mut self) -> Self {
        self.client.resumption = rustls::client::Resumption::disabled();
        self
    }

    /// With client certificates.
    pub fn mutual(version: ProtocolVersion) -> Self {
        let setup = Setup::new(Crypto::Ring, supported(version));
        Self {
            client: pki().client_with_certificate(&setup),
            server: pki().server_with_client_auth(&setup, Leaf::Valid),
        }
    }
}

/// A role under test.
pub trait Subject: Negotiation {
    const ROLE: &'static str;

    fn machine(carrier: Carrier, tls: &TlsPair, limits: Option<Limits>) -> Connection<Self>;
    /// The peer's end of TLS.
    fn peer(tls: &TlsPair) -> HostileTls;
    /// What the peer says before TLS, where STARTTLS is used.
    fn starttls() -> Vec<Say>;
    /// What the peer says until the stream is established.
    fn login() -> Vec<Say>;
}

const HEADER_OF_SERVER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='localhost' version='1.0' \
    xml:lang='en'>";
const HEADER_OF_CLIENT: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0' xml:lang='en'>";

pub fn alice() -> Jid {
    Jid::parse("alice@localhost/desk").unwrap()
}

impl Subject for Initiating {
    const ROLE: &'static str = "initiator";

    fn machine(carrier: Carrier, tls: &TlsPair, limits: Option<Limits>) -> Connection<Self> {
        let builder = InitiatorConfig::client(&alice());
        let tls = || ClientTls::new(Arc::new(tls.client.clone()));
        let builder = match carrier {
            Carrier::Plain => builder.dangerous_plaintext(&FIXED),
            Carrier::StartTls(_) => builder.starttls(tls()),
            Carrier::DirectTls(_) => builder.direct_tls(tls()),
        };
        let config = builder
            .credentials(Credentials::Anonymous)
            .limits(limits.unwrap_or(Limits::client()))
            .random(&FIXED)
            .build()
            .unwrap();
        Connection::new(config, START)
    }

    fn peer(tls: &TlsPair) -> HostileTls {
        HostileTls::server(tls.server.clone())
    }

    fn starttls() -> Vec<Say> {
        texts(&[
            HEADER_OF_SERVER,
            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/>\
             </starttls></stream:features>",
            "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ])
    }

    fn login() -> Vec<Say> {
        texts(&[
            HEADER_OF_SERVER,
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>",
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            HEADER_OF_SERVER,
            "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
            "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>alice@localhost/desk</jid></bind></iq>",
        ])
    }
}

impl Subject for Receiving {
    const ROLE: &'static str = "responder";

    fn machine(carrier: Carrier, tls: &TlsPair, limits: Option<Limits>) -> Connection<Self> {
        let tls = || ServerTls::new(Arc::new(tls.server.clone())).tickets(true);
        let builder = ResponderConfig::server(&FIXED).limits(limits.unwrap_or(Limits::server()));
        let config = match carrier {
            Carrier::Plain => builder.dangerous_plaintext(),
            Carrier::StartTls(_) => builder.single_host(host(Some(tls()), limits)).starttls(),
            Carrier::DirectTls(_) => builder.direct_tls(tls()),
        };
        Connection::new(config, START)
    }

    fn peer(tls: &TlsPair) -> HostileTls {
        HostileTls::client(tls.client.clone(), name("localhost"))
    }

    fn starttls() -> Vec<Say> {
        texts(&[
            HEADER_OF_CLIENT,
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ])
    }

    fn login() -> Vec<Say> {
        texts(&[
            HEADER_OF_CLIENT,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
            HEADER_OF_CLIENT,
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>desk</resource></bind></iq>",
        ])
    }
}

pub const START: Instant = Instant::from_millis(1_000);

/// The host of the scenes: anyone may come in.
pub fn host(tls: Option<ServerTls>, limits: Option<Limits>) -> Arc<HostConfig> {
    let mechanisms = MechanismSet::EMPTY.with(MechanismName::Anonymous);
    let mut host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(mechanisms)
        .limits(limits.unwrap_or(Limits::server()));
    if let Some(tls) = tls {
        host = host.tls(tls);
    }
    host.build().unwrap()
}

/// The same host, with a policy of resets.
pub fn host_using(policy: UsagePolicy) -> Arc<HostConfig> {
    HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
        .usage(policy)
        .build()
        .unwrap()
}

/// Answers every decision at once.
pub fn answer<N: Negotiation>(machine: &mut Connection<N>, limits: Option<Limits>) {
    if let Some(Decision::Host(gate)) = machine.decision() {
        gate.serve(host(None, limits));
        return;
    }
    decide(machine);
}

/// Has the machine and the peer complete the handshake, `chunk` bytes at a
/// time, and ends the peer's honesty. Returns the text it got meanwhile.
pub fn handshake<N: Negotiation>(
    side: &mut Side<N>,
    peer: &mut HostileTls,
    chunk: usize,
    now: Instant,
) -> Vec<u8> {
    peer.handshake(&mut |bytes| {
        for part in bytes.chunks(chunk) {
            side.feed(part, now);
        }
        side.drive(now);
        side.take(usize::MAX)
    });
    let text = peer.read();
    peer.turn();
    text
}

/// A stream over TLS and a peer that has turned hostile.
pub struct Rig<N: Negotiation> {
    pub side: Side<N>,
    pub peer: HostileTls,
    pub now: Instant,
    pub resumed: bool,
    /// What the machine said before the peer turned hostile.
    pub text: Vec<u8>,
}

impl<N: Subject> Rig<N> {
    /// TLS is complete; the peer has said nothing yet.
    pub fn secured(tls: &TlsPair, version: ProtocolVersion) -> Self {
        Self::with(
            N::machine(Carrier::DirectTls(version), tls, None),
            tls,
            4096,
        )
    }

    pub fn with(machine: Connection<N>, tls: &TlsPair, chunk: usize) -> Self {
        let app: App<N> = Box::new(|machine, _| answer(machine, None));
        let mut side = Side::new(machine, app);
        let mut peer = N::peer(tls);
        let text = handshake(&mut side, &mut peer, chunk, START);
        let resumed = side.events.iter().any(|event| match event {
            xmpp_stream::EventBuf::TlsEstablished(info) => {
                info.handshake() == xmpp_stream::tls::HandshakeKind::Resumed
            }
            _ => false,
        });
        Self {
            side,
            peer,
            now: START,
            resumed,
            text,
        }
    }

    /// The stream is established and everything said until then is taken.
    pub fn established(tls: &TlsPair, version: ProtocolVersion) -> Self {
        let mut rig = Self::secured(tls, version);
        rig.log_in();
        rig
    }

    /// The same with a peer that stays honest: it keeps tickets.
    pub fn established_honest(tls: &TlsPair, version: ProtocolVersion) -> Honest<N> {
        Honest::new(
            N::machine(Carrier::DirectTls(version), tls, None),
            tls,
            4096,
        )
    }

    pub fn log_in(&mut self) {
        for say in N::login() {
            let record = self.seal(&say);
            self.side.feed(&record, self.now);
            self.side.drive(self.now);
            self.read_out();
        }
        assert!(
            self.side.machine.session().is_some(),
            "{:?}",
            self.side.machine
        );
    }

    pub fn seal(&mut self, say: &Say) -> Vec<u8> {
        seal(&mut self.peer, say)
    }

    /// Takes what the machine has for TCP, as stream text.
    pub fn read_text(&mut self) -> String {
        let records = self.read_out();
        let texts = records
            .into_iter()
            .filter(|(kind, _)| *kind == super::hostile_tls::DATA);
        String::from_utf8(texts.flat_map(|(_, text)| text).collect()).unwrap()
    }

    /// Takes what the machine has for TCP, as records.
    pub fn read_out(&mut self) -> Vec<(u8, Vec<u8>)> {
        let bytes = self.side.take(usize::MAX);
        self.peer.open(&bytes)
    }
}

pub fn seal(peer: &mut HostileTls, say: &Say) -> Vec<u8> {
    match say {
        Say::Text(text) => peer.seal(super::hostile_tls::DATA, text.as_bytes()),
        Say::Record(kind, content) => peer.seal(*kind, content),
        Say::Raw(bytes) => bytes.clone(),
    }
}
