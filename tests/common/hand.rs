//! One machine against a peer played by hand: stream text in, stream text out,
//! under TLS or not, under a virtual clock.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection};
use xmpp_stream::config::{Chosen, HostConfig};
use xmpp_stream::config::{Credentials, InitiatorBuilder, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{CloseTcp, Connection, Initiator, Manner, Negotiation, Responder};

use super::pair::{App, FIXED, Side, decide};
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

/// See the module.
pub struct Hand<N: Negotiation> {
    pub side: Side<N>,
    pub now: Instant,
    /// How many bytes of text are fed at a time.
    pub chunk: usize,
    /// What the machine has said and nobody has looked at.
    text: Vec<u8>,
    tls: Option<PeerTls>,
}

/// The peer's half of TLS.
struct PeerTls {
    connection: rustls::Connection,
    /// The machine's close_notify has come.
    closed: bool,
    /// What the machine sent was not TLS, or an alert.
    failed: Option<rustls::Error>,
}

impl<N: Negotiation> Hand<N> {
    pub fn new(machine: Connection<N>, app: App<N>) -> Self {
        let mut hand = Self {
            side: Side::new(machine, app),
            now: Instant::from_millis(0),
            chunk: usize::MAX,
            text: Vec::new(),
            tls: None,
        };
        hand.pump();
        hand
    }

    /// Lets the machine work, and takes what it says.
    pub fn pump(&mut self) {
        loop {
            self.side.drive(self.now);
            let bytes = self.side.take(usize::MAX);
            if bytes.is_empty() {
                return;
            }
            match &mut self.tls {
                None => self.text.extend_from_slice(&bytes),
                Some(tls) => tls.take(&bytes, &mut self.text),
            }
        }
    }

    /// Says stream text to the machine, in chunks.
    pub fn say(&mut self, text: impl AsRef<[u8]>) {
        for piece in text.as_ref().chunks(self.chunk) {
            let bytes = match &mut self.tls {
                None => piece.to_vec(),
                Some(tls) => tls.seal(piece),
            };
            self.raw(&bytes);
        }
    }

    /// Gives the machine bytes as from TCP.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.side.feed(bytes, self.now);
        self.pump();
    }

    /// What the machine has said since the last look.
    pub fn said(&mut self) -> String {
        String::from_utf8(self.raw_said()).expect("the machine speaks UTF-8")
    }

    /// The same as bytes, where it is TLS that nobody opens.
    pub fn raw_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// From here on the peer speaks TLS, and what the machine said since the
    /// last look is TLS: completes the handshake.
    pub fn secure(&mut self, connection: impl Into<rustls::Connection>) {
        let mut tls = PeerTls {
            connection: connection.into(),
            closed: false,
            failed: None,
        };
        let hello = std::mem::take(&mut self.text);
        tls.take(&hello, &mut self.text);
        self.tls = Some(tls);
        for _ in 0..20 {
            self.pump();
            let Some(tls) = &mut self.tls else { return };
            let bytes = tls.output();
            if bytes.is_empty() && !tls.connection.is_handshaking() {
                return;
            }
            self.raw(&bytes);
        }
        panic!("no handshake: {:?}", self.side.machine);
    }

    /// The peer ends its direction of TLS.
    pub fn close_notify(&mut self) {
        let tls = self.tls.as_mut().expect("under TLS");
        tls.connection.send_close_notify();
        let bytes = tls.output();
        self.raw(&bytes);
    }

    /// Whether the machine ended its direction of TLS.
    pub fn got_close_notify(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.closed)
    }

    /// What the peer's TLS has to object to.
    pub fn tls_error(&self) -> Option<&rustls::Error> {
        self.tls.as_ref()?.failed.as_ref()
    }

    pub fn fin(&mut self) {
        self.side.machine.receive_eof();
        self.pump();
    }

    pub fn rst(&mut self) {
        self.side.machine.transport_failed();
        self.pump();
    }

    /// Sleeps until the machine's next deadline; how long that was, in
    /// seconds.
    pub fn sleep(&mut self) -> f64 {
        let wait = self.side.wait.expect("it waits");
        let deadline = wait.deadline.expect("it waits for ever");
        let slept = deadline.saturating_duration_since(self.now).as_secs_f64();
        self.now = self.now.max(deadline);
        self.pump();
        slept
    }

    /// Sleeps until the machine has closed, at most that long. The peer says
    /// nothing more.
    pub fn run_out(&mut self) -> &CloseTcp {
        let mut slept = 0.0;
        while self.side.close.is_none() {
            slept += self.sleep();
            assert!(slept < 200.0, "it hangs: {:?}", self.side.machine);
        }
        self.close()
    }

    /// Closes the peer's side, too, and lets it end.
    pub fn part(&mut self) -> &CloseTcp {
        if self.side.close.is_none() {
            self.say(FOOTER);
        }
        self.run_out()
    }

    pub fn close(&self) -> &CloseTcp {
        self.side.close.as_ref().expect("closed")
    }

    /// The code of the reason, and the manner.
    pub fn end(&self) -> (&'static str, Manner) {
        (self.close().reason().code(), self.close().manner())
    }

    /// Events since the `from`th, readable.
    pub fn told_since(&self, from: usize) -> Vec<String> {
        self.side.told().split_off(from)
    }
}

impl PeerTls {
    fn take(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) {
        while !bytes.is_empty() && self.failed.is_none() {
            self.connection.read_tls(&mut bytes).unwrap();
            match self.connection.process_new_packets() {
                Ok(state) => self.closed |= state.peer_has_closed(),
                Err(error) => self.failed = Some(error),
            }
            let _would_block = self.connection.reader().read_to_end(text);
        }
    }

    fn seal(&mut self, text: &[u8]) -> Vec<u8> {
        self.connection.writer().write_all(text).unwrap();
        self.output()
    }

    fn output(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut out).unwrap();
        }
        out
    }
}

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
            texts.iter().for_each(|text| hand.say(text));
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
            texts.iter().for_each(|text| hand.say(text));
        }
    }
    if at == At::Closing {
        hand.side.machine.session().expect("established").close();
        hand.pump();
    }
}
