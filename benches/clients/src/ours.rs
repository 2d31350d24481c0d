//! This crate's client, on a blocking socket.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use xmpp_stream::config::{Credentials, InitiatorConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{BindingUse, ClientKeys, MechanismPolicy, Password, Username};
use xmpp_stream::time::StdClock;
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{Action, Event, Initiator};

use crate::Task;

/// Whether SCRAM's keys are derived at each login, or kept from the first one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    Derived,
    Kept,
}

pub fn receive(task: &Task, keys: Keys) {
    let mut kept = None;
    for login in 1..=task.logins {
        let mut client = Client::connect(task, "bob@localhost/bench", kept.clone());
        client.establish();
        if keys == Keys::Kept {
            kept = client.machine.take_scram_keys().or(kept);
        }
        if login == task.logins {
            println!("ready");
            client.receive(task.messages);
        }
        client.close();
    }
}

/// Sends messages of 300 bytes.
pub fn send(task: &Task) {
    let mut client = Client::connect(task, "alice@localhost/bench", None);
    client.establish();
    let open = "<message to='bob@localhost/bench' from='alice@localhost/bench' type='chat'><body>";
    let close = "</body></message>";
    let body = "x".repeat(300 - open.len() - close.len());
    let message = [open, &body, close].concat();
    for _ in 0..task.messages {
        while client
            .machine
            .session()
            .expect("established")
            .send(&message)
            .is_err()
        {
            client.turn();
        }
    }
    client.close();
}

struct Client {
    tcp: TcpStream,
    machine: Initiator,
    clock: StdClock,
}

/// What a turn came to.
#[derive(PartialEq, Eq)]
enum Turn {
    Established,
    Message,
    Other,
    Closed,
}

impl Client {
    fn connect(task: &Task, jid: &str, keys: Option<ClientKeys>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&task.ca).expect("a file") {
            roots
                .add(certificate.expect("a certificate"))
                .expect("a root");
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let jid = Jid::parse(jid).expect("a JID");
        let username = Username::ascii(jid.local().expect("a user")).expect("ASCII");
        let config = InitiatorConfig::client(&jid)
            .starttls(ClientTls::new(Arc::new(tls)))
            .credentials(Credentials::Password {
                username,
                password: Password::ascii("secret").expect("ASCII"),
                keys,
                authzid: None,
            })
            .sasl(MechanismPolicy::new().binding(BindingUse::DangerousIfAnnounced))
            .build()
            .expect("a config");
        let tcp = TcpStream::connect(&task.address).expect("a server");
        tcp.set_nodelay(true).expect("TCP");
        let clock = StdClock::new();
        let machine = Initiator::new(config, clock.now());
        Self {
            tcp,
            machine,
            clock,
        }
    }

    fn turn(&mut self) -> Turn {
        let now = self.clock.now();
        match self.machine.poll(now) {
            Action::Event(Event::Established(_)) => Turn::Established,
            Action::Event(Event::Stanza(stanza)) if stanza.name() == "message" => Turn::Message,
            Action::Event(_) => Turn::Other,
            Action::CloseTcp(_) => Turn::Closed,
            Action::Wait(wait) if wait.write => {
                let written = self.tcp.write(self.machine.transmit()).expect("TCP");
                self.machine.transmitted(written);
                Turn::Other
            }
            // A slice of work was done, and more is due.
            Action::Wait(wait) if wait.deadline.is_some_and(|at| at <= now) => Turn::Other,
            Action::Wait(_) => {
                match self.tcp.read(self.machine.receive_window()).expect("TCP") {
                    0 => self.machine.receive_eof(),
                    n => self.machine.received(n),
                }
                Turn::Other
            }
        }
    }

    fn establish(&mut self) {
        loop {
            match self.turn() {
                Turn::Established => return,
                Turn::Closed => panic!("{:?}", self.machine.take_close()),
                Turn::Message | Turn::Other => {}
            }
        }
    }

    fn receive(&mut self, messages: usize) {
        let mut received = 0;
        while received < messages {
            match self.turn() {
                Turn::Message => received += 1,
                Turn::Closed => panic!("{:?}", self.machine.take_close()),
                Turn::Established | Turn::Other => {}
            }
        }
    }

    fn close(&mut self) {
        self.machine.session().expect("established").close();
        while self.turn() != Turn::Closed {}
        let _ = self.tcp.shutdown(Shutdown::Both);
    }
}
