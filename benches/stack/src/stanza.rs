//! What a stanza costs a machine, beside rustls's record and the XML layer alone.

use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};

use crate::bare::{Bare, BarePair, Wire};
use crate::machine::{
    Carrier, Configs, HEADER, Initiating, Kind, Login, Machine, Profile, Receiving, Xml,
};
use crate::meter::{self, Role};
use crate::pair::{give, send, take};
use crate::pki::{Pki, Shown, Version};

/// How received bytes reach the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Written into the machine's own buffer.
    Window,
    /// Copied from a buffer of the driver's.
    Slice,
}

/// A message of exactly so many bytes.
pub fn stanza(size: usize) -> String {
    let head = "<message from='alice@localhost/desk' to='bob@localhost' type='chat'><body>";
    let tail = match size {
        ..300 => "</body></message>",
        _ => {
            "</body><active xmlns='http://jabber.org/protocol/chatstates'/>\
             <request xmlns='urn:xmpp:receipts'/></message>"
        }
    };
    let words = "Wherefore art thou, Romeo? ".bytes().cycle();
    let body: Vec<u8> = words.take(size - head.len() - tail.len()).collect();
    format!("{head}{}{tail}", String::from_utf8(body).expect("ASCII"))
}

/// A roster of at most so many bytes: a stanza of many elements.
pub fn roster(size: usize) -> String {
    let (head, tail) = (
        "<iq type='set' id='roster'><query xmlns='jabber:iq:roster'>",
        "</query></iq>",
    );
    let mut text = head.to_owned();
    for number in 0.. {
        let item = format!(
            "<item jid='friend{number}@example.com' name='Friend {number}' subscription='both'>\
             <group>Friends</group></item>"
        );
        if text.len() + item.len() + tail.len() > size {
            break;
        }
        text.push_str(&item);
    }
    text + tail
}

/// A bound machine and its peer, which is rustls and fixed texts; the two sides of rustls alone; and
/// the XML layer alone.
pub struct Bench<N: Kind> {
    role: Role,
    machine: Machine<N>,
    peer: Box<Bare>,
    /// What the machine said to the peer last.
    heard: String,
    bare: BarePair,
    xml: Xml,
    out: Wire,
    back: Wire,
}

/// What a client says, and what a server says, each after the other's words before it.
const CLIENT: [&str; 4] = [
    HEADER,
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
    HEADER,
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
     <resource>desk</resource></bind></iq>",
];
const SERVER: [&str; 4] = [
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
     from='localhost' id='1' version='1.0'><stream:features>\
     <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism>\
     </mechanisms></stream:features>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
     from='localhost' id='2' version='1.0'><stream:features>\
     <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    "<iq type='result' id='ID'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
     <jid>guest@localhost/desk</jid></bind></iq>",
];

impl Bench<Receiving> {
    /// The machine is a server's.
    pub fn responder(pki: &Pki) -> Self {
        let setup = Setup::new(pki);
        let peer = Bare::client(&setup.client);
        Self::new(
            Role::Responder,
            setup.configs.responder(),
            peer,
            setup.bare,
            CLIENT,
        )
    }
}

impl Bench<Initiating> {
    /// The machine is a client's.
    pub fn initiator(pki: &Pki) -> Self {
        let setup = Setup::new(pki);
        let peer = Bare::server(&setup.server);
        Self::new(
            Role::Initiator,
            setup.configs.initiator(),
            peer,
            setup.bare,
            SERVER,
        )
    }
}

/// What either bench is made from: direct TLS 1.3, ANONYMOUS.
struct Setup {
    configs: Configs,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    bare: BarePair,
}

impl Setup {
    fn new(pki: &Pki) -> Self {
        let mut client = pki.client(Version::Tls13, Shown::Nothing);
        let mut server = pki.server(Version::Tls13, Shown::Nothing);
        client.alpn_protocols = vec![b"xmpp-client".to_vec()];
        server.alpn_protocols = vec![b"xmpp-client".to_vec()];
        let (client, server) = (Arc::new(client), Arc::new(server));
        Self {
            configs: Configs::new(
                Login::Anonymous,
                Carrier::DirectTls,
                Profile::Sasl,
                &client,
                &server,
            ),
            bare: BarePair::handshake(&client, &server),
            client,
            server,
        }
    }
}

impl<N: Kind> Bench<N> {
    fn new(
        role: Role,
        machine: Machine<N>,
        peer: Bare,
        bare: BarePair,
        script: [&'static str; 4],
    ) -> Self {
        let mut bench = Self {
            role,
            machine,
            peer: Box::new(peer),
            heard: String::new(),
            bare,
            xml: Xml::new(),
            out: Wire::new(),
            back: Wire::new(),
        };
        bench.machine.drive(0);
        bench.settle();
        for text in script {
            let text = text.replace("ID", bench.heard_id());
            bench.peer.seal(text.as_bytes(), &mut bench.out);
            bench.settle();
        }
        bench
    }

    /// Carries what the two say until neither says anything.
    fn settle(&mut self) {
        let mut transit = Vec::new();
        let mut heard = Vec::new();
        for _ in 0..20 {
            take(self.role, &mut self.machine, &mut transit);
            self.back.set(&transit);
            let sink = &mut |text: &[u8]| heard.extend_from_slice(text);
            self.peer.pump(&mut self.back, &mut self.out, sink);
            if transit.is_empty() && self.out.bytes().is_empty() {
                self.heard = String::from_utf8(heard).expect("UTF-8");
                return;
            }
            give(self.role, &mut self.machine, self.out.bytes(), 0);
            self.out.clear();
        }
        panic!("no end: {:?}", self.machine);
    }

    /// The last `id` the machine has said.
    fn heard_id(&self) -> &str {
        let id = self.heard.rsplit_once(" id=").map_or("", |(_, rest)| rest);
        id.split(['\'', '"']).nth(1).unwrap_or_default()
    }

    /// Sends `count` stanzas of `size` bytes.
    pub fn send(&mut self, size: usize, count: usize) {
        let text = stanza(size);
        let mut transit = Vec::with_capacity(1 << 17);
        let role = self.role;
        measure(role, &format!("send/{size}"), count, 1, |side| match side {
            Side::Ours => send(role, &mut self.machine, &text, &mut transit, 0),
            Side::Bare => {
                let (out, bare) = (&mut self.out, &mut self.bare.sides[role as usize]);
                meter::run(role, || bare.seal(text.as_bytes(), out));
                out.clear();
                assert_eq!(meter::run(role, || self.xml.feed(text.as_bytes())), 1);
            }
        });
    }

    /// Receives `count` records with so many stanzas of `size` bytes in each as fit into `room`
    /// bytes, at least one.
    pub fn receive(&mut self, size: usize, room: usize, by: By, count: usize) {
        let packed = (room / size).max(1);
        let text = stanza(size).repeat(packed);
        let key = match (packed, by) {
            (1, By::Window) => format!("receive-window/{size}"),
            (1, By::Slice) => format!("receive-slice/{size}"),
            _ => format!("receive-many/{size}"),
        };
        let role = self.role;
        measure(role, &key, count, packed, |side| match side {
            Side::Ours => {
                self.peer.seal(text.as_bytes(), &mut self.out);
                let bytes = self.out.bytes();
                let stanzas = match by {
                    By::Window => give(role, &mut self.machine, bytes, 0).stanzas,
                    By::Slice => push(role, &mut self.machine, bytes),
                };
                assert_eq!(stanzas, packed);
                self.out.clear();
            }
            Side::Bare => {
                let (xml, out, back) = (&mut self.xml, &mut self.out, &mut self.back);
                self.bare.sides[role.other() as usize].seal(text.as_bytes(), out);
                let receiver = &mut self.bare.sides[role as usize];
                let mut found = 0;
                let sink = &mut |text: &[u8]| found += xml.feed(text);
                meter::run(role, || receiver.pump(out, back, sink));
                assert_eq!(found, packed);
            }
        });
    }
}

/// Gives the machine what came from TCP as a slice, and polls it.
fn push<N: Kind>(role: Role, machine: &mut Machine<N>, mut bytes: &[u8]) -> usize {
    let mut stanzas = 0;
    while !bytes.is_empty() {
        let (taken, told) = meter::run(role, || (machine.receive(bytes), machine.drive(0)));
        bytes = &bytes[taken..];
        stanzas += told.stanzas;
    }
    stanzas
}

#[derive(Clone, Copy)]
enum Side {
    Ours,
    Bare,
}

/// Has each side do its work `count` times, after three times unmeasured; each time is for `units`
/// stanzas.
fn measure(role: Role, key: &str, count: usize, units: usize, mut work: impl FnMut(Side)) {
    for (name, side) in [("ours", Side::Ours), ("bare", Side::Bare)] {
        for _ in 0..3 {
            work(side);
        }
        meter::take(role);
        meter::watch(Some(role));
        for _ in 0..count {
            work(side);
        }
        meter::watch(None);
        let units = count * units;
        let allocations = meter::take(role).allocations as f64 / units as f64;
        let key = format!("{}/{key}/{name}", role.name());
        meter::dump(&key, units);
        meter::tell(&format!("allocations/{key}"), allocations);
    }
}
