//! What a stanza costs a server's machine, beside rustls's record and the XML layer alone.

use std::sync::Arc;

use crate::bare::{Bare, BarePair, Wire};
use crate::machine::{Carrier, Configs, HEADER, Login, Server, Xml};
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

/// A bound server's machine and the client, which is rustls and fixed texts; the same two sides of
/// rustls alone; and the XML layer alone.
pub struct Bench {
    machine: Server,
    client: Box<Bare>,
    bare: BarePair,
    xml: Xml,
    out: Wire,
    back: Wire,
}

/// Whom the parts belong to.
const ROLE: Role = Role::Responder;

impl Bench {
    pub fn new(pki: &Pki) -> Self {
        let mut config = pki.client(Version::Tls13, Shown::Nothing);
        let server = Arc::new(pki.server(Version::Tls13, Shown::Nothing));
        let bare = BarePair::handshake(&Arc::new(config.clone()), &server);
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        let config = Arc::new(config);
        let configs = Configs::new(Login::Anonymous, Carrier::DirectTls, &config, &server);
        let mut bench = Self {
            machine: configs.responder(),
            client: Box::new(Bare::client(&config)),
            bare,
            xml: Xml::new(),
            out: Wire::new(),
            back: Wire::new(),
        };
        while !bench.turn() {}
        for text in [
            HEADER,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
            HEADER,
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>desk</resource></bind></iq>",
        ] {
            bench.client.seal(text.as_bytes(), &mut bench.out);
            bench.turn();
        }
        bench
    }

    /// Carries what the client has said and what the machine answers. Returns whether the client's
    /// handshake is complete and all it said was carried.
    fn turn(&mut self) -> bool {
        let complete = self.client.pump(&mut self.back, &mut self.out, &mut |_| {});
        give(ROLE, &mut self.machine, self.out.bytes(), 0);
        let carried = !self.out.bytes().is_empty();
        self.out.clear();
        let mut transit = Vec::new();
        take(ROLE, &mut self.machine, &mut transit);
        self.back.set(&transit);
        complete && !carried && transit.is_empty()
    }

    /// Sends `count` stanzas of `size` bytes.
    pub fn send(&mut self, size: usize, count: usize) {
        let text = stanza(size);
        let mut transit = Vec::with_capacity(1 << 17);
        let key = format!("send/{size}");
        measure(&key, count, count, |machine, base| {
            if machine {
                send(ROLE, &mut self.machine, &text, &mut transit, 0);
            }
            if base {
                let (out, side) = (&mut self.out, &mut self.bare.sides[1]);
                meter::run(ROLE, || side.seal(text.as_bytes(), out));
                out.clear();
                assert_eq!(meter::run(ROLE, || self.xml.feed(text.as_bytes())), 1);
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
        measure(&key, count, count * packed, |machine, base| {
            if machine {
                self.client.seal(text.as_bytes(), &mut self.out);
                let stanzas = match by {
                    By::Window => give(ROLE, &mut self.machine, self.out.bytes(), 0).stanzas,
                    By::Slice => push(&mut self.machine, self.out.bytes()),
                };
                assert_eq!(stanzas, packed);
                self.out.clear();
            }
            if base {
                let [initiator, responder] = &mut self.bare.sides;
                initiator.seal(text.as_bytes(), &mut self.out);
                let (xml, out, back) = (&mut self.xml, &mut self.out, &mut self.back);
                let mut found = 0;
                meter::run(ROLE, || {
                    responder.pump(out, back, &mut |text| found += xml.feed(text))
                });
                assert_eq!(found, packed);
            }
        });
    }
}

/// Gives the machine what came from TCP as a slice, and polls it.
fn push(machine: &mut Server, mut bytes: &[u8]) -> usize {
    let mut stanzas = 0;
    while !bytes.is_empty() {
        let (taken, told) = meter::run(ROLE, || (machine.receive(bytes), machine.drive(0)));
        bytes = &bytes[taken..];
        stanzas += told.stanzas;
    }
    stanzas
}

/// Runs the machine's work, then the baseline's, each `count` times after three times unmeasured.
fn measure(key: &str, count: usize, units: usize, mut work: impl FnMut(bool, bool)) {
    for (who, machine, base) in [("ours", true, false), ("bare", false, true)] {
        for _ in 0..3 {
            work(machine, base);
        }
        meter::take(ROLE);
        meter::watch(Some(ROLE));
        for _ in 0..count {
            work(machine, base);
        }
        meter::watch(None);
        let allocations = meter::take(ROLE).allocations as f64 / units as f64;
        meter::dump(&format!("{key}/{who}"), units);
        meter::tell(&format!("allocations/{key}/{who}"), allocations);
    }
}
