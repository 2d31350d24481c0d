//! Two machines back to back under a virtual clock, or one machine fed by
//! hand, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{GetRandomFailed, SecureRandom};
use xmpp_stream::config::{HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{self, Decoy, Hash, MechanismSet, Password, ScramKeys, Username};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{
    Action, CloseTcp, Connection, Decision, EventBuf, Initiator, Negotiation, Responder, Wait,
};

/// Not random at all, and the same in every run.
#[derive(Debug)]
pub struct Fixed;

impl SecureRandom for Fixed {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        for (byte, value) in buf.iter_mut().zip(1..) {
            *byte = value;
        }
        Ok(())
    }
}

pub static FIXED: Fixed = Fixed;

/// Called for every event, before the next poll.
pub type App<N> = Box<dyn FnMut(&mut Connection<N>, &EventBuf)>;

/// A machine, its application and what it told.
pub struct Side<N: Negotiation> {
    pub machine: Connection<N>,
    pub app: App<N>,
    pub events: Vec<EventBuf>,
    pub close: Option<CloseTcp>,
    pub wait: Option<Wait>,
}

impl<N: Negotiation> Side<N> {
    pub fn new(machine: Connection<N>, app: App<N>) -> Self {
        Self {
            machine,
            app,
            events: Vec::new(),
            close: None,
            wait: None,
        }
    }

    /// Polls until the machine waits or closes.
    pub fn drive(&mut self, now: Instant) {
        for _ in 0..100_000 {
            let event = match self.machine.poll(now) {
                Action::Event(event) => event.to_owned(),
                Action::Wait(wait) => {
                    assert!(
                        wait.read || wait.write || wait.deadline.is_some(),
                        "a deadlock: {:?}",
                        self.machine
                    );
                    self.wait = Some(wait);
                    if wait.deadline == Some(now) {
                        continue;
                    }
                    return;
                }
                Action::CloseTcp(close) => {
                    self.close = Some(close.clone());
                    return;
                }
            };
            (self.app)(&mut self.machine, &event);
            self.events.push(event);
        }
        panic!("no end of work: {:?}", self.machine);
    }

    /// Takes at most `most` of the bytes for TCP.
    pub fn take(&mut self, most: usize) -> Vec<u8> {
        let window = self.machine.transmit();
        let bytes = window[..window.len().min(most)].to_vec();
        self.machine.transmitted(bytes.len());
        bytes
    }

    /// Feeds all of `bytes`, polling in between where there is no room.
    pub fn feed(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() {
            let taken = self.machine.receive(bytes);
            bytes = &bytes[taken..];
            self.drive(now);
            if taken == 0 && self.close.is_some() {
                return;
            }
        }
    }

    /// Events, readable.
    pub fn told(&self) -> Vec<String> {
        self.events.iter().map(tell).collect()
    }

    /// The code of the close reason.
    pub fn code(&self) -> &'static str {
        self.close
            .as_ref()
            .map_or("open", |close| close.reason().code())
    }
}

/// An event in a line.
pub fn tell(event: &EventBuf) -> String {
    match event {
        EventBuf::StreamOpened { .. } => "stream-opened".into(),
        EventBuf::Decision => "decision".into(),
        EventBuf::Features(_) => "features".into(),
        EventBuf::TlsEstablished(info) => {
            format!("tls {:?} {:?}", info.version(), info.handshake())
        }
        EventBuf::Authenticated {
            mechanism,
            identity,
        } => format!("authenticated {mechanism} {identity}"),
        EventBuf::Established(jid) => match jid {
            Some(jid) => format!("established {jid}"),
            None => "established".into(),
        },
        EventBuf::Stanza(stanza) => format!("stanza {}", stanza.as_stanza().as_str()),
        EventBuf::Element(element) => format!("element {}", element.as_stanza().as_str()),
        EventBuf::Keepalive => "keepalive".into(),
        EventBuf::ResetAdvised(cause) => format!("reset-advised {}", cause.as_str()),
        EventBuf::StreamError(error) => format!("stream-error {}", error.condition().as_str()),
        EventBuf::PeerClosing => "peer-closing".into(),
        other => format!("{other:?}"),
    }
}

/// An initiating and a receiving machine.
pub struct Pair {
    pub initiator: Side<xmpp_stream::stream::Initiating>,
    pub responder: Side<xmpp_stream::stream::Receiving>,
    pub now: Instant,
    /// How many bytes TCP carries at a time.
    pub chunk: usize,
    /// Everything that went either way.
    pub sent: (Vec<u8>, Vec<u8>),
}

impl Pair {
    pub fn new(initiator: Initiator, responder: Responder) -> Self {
        Self {
            initiator: Side::new(initiator, Box::new(|_, _| {})),
            responder: Side::new(responder, Box::new(|machine, _| decide(machine))),
            now: Instant::from_millis(0),
            chunk: usize::MAX,
            sent: (Vec::new(), Vec::new()),
        }
    }

    /// Carries bytes until nothing moves.
    pub fn settle(&mut self) {
        loop {
            self.initiator.drive(self.now);
            self.responder.drive(self.now);
            let there = self.initiator.take(self.chunk);
            let back = self.responder.take(self.chunk);
            if there.is_empty() && back.is_empty() {
                return;
            }
            self.sent.0.extend_from_slice(&there);
            self.sent.1.extend_from_slice(&back);
            self.responder.feed(&there, self.now);
            self.initiator.feed(&back, self.now);
        }
    }

    /// Settles, and lets TCP end where a machine has closed, until both have.
    pub fn finish(&mut self) {
        for _ in 0..100 {
            self.settle();
            if self.initiator.close.is_some() {
                self.responder.machine.receive_eof();
            }
            if self.responder.close.is_some() {
                self.initiator.machine.receive_eof();
            }
            self.settle();
            if self.initiator.close.is_some() && self.responder.close.is_some() {
                return;
            }
            let next = [self.initiator.wait, self.responder.wait]
                .into_iter()
                .flatten()
                .filter_map(|wait| wait.deadline)
                .min()
                .expect("nobody waits for anything");
            self.now = self.now.max(next);
        }
        panic!("no end");
    }
}

/// Answers every decision as the one-user server does: alice, password
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
                password.reject(sasl::Condition::NotAuthorized);
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
            let local = bind.identity().unwrap().authcid.clone();
            let resource = bind.resource().unwrap_or("made-up").to_string();
            bind.accept(Jid::parse(&format!("{local}@localhost/{resource}")).unwrap())
                .unwrap();
        }
        other => panic!("unexpected {other:?}"),
    }
}

/// The stored keys of alice.
pub fn keys(hash: Hash) -> ScramKeys {
    ScramKeys::derive(
        hash,
        &Password::ascii("secret").unwrap(),
        b"sixteen octets!!",
        4096,
    )
    .unwrap()
}

/// The server's only host.
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

/// alice's client.
pub fn client(tls: Option<ClientTls>) -> Arc<InitiatorConfig> {
    client_with(tls, "secret")
}

pub fn client_with(tls: Option<ClientTls>, password: &str) -> Arc<InitiatorConfig> {
    let jid = Jid::parse("alice@localhost/desk").unwrap();
    let builder = InitiatorConfig::client(&jid);
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

/// The server.
pub fn server(tls: Option<ServerTls>) -> Arc<ResponderConfig> {
    let starttls = tls.is_some();
    let builder = ResponderConfig::server(&FIXED).single_host(single_host(tls));
    if starttls {
        builder.starttls()
    } else {
        builder.dangerous_plaintext()
    }
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
