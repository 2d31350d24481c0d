//! A client that sends numbers, checks those that it receives, and resumes its session wherever it gets in.

use std::net::TcpStream;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use xmpp_stream::config::{Credentials, InitiatorConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{ClientKeys, Password, Username};
use xmpp_stream::sm::{SmPolicy, SmState};
use xmpp_stream::time::StdClock;
use xmpp_stream::tls::ClientTls;
use xmpp_stream::{Action, Event, Initiator, SendError};

use crate::cluster::{Cluster, DOMAIN, PASSWORD};
use crate::{Failure, tcp};

/// How many messages may be between two clients.
const WINDOW: u64 = 200;
/// How many messages are sent before it is looked for those that have come.
const BURST: u64 = 8;

/// What the program and the clients tell each other.
pub struct Shared {
    addresses: Vec<String>,
    pub peers: [Peer; 2],
    pub sending: AtomicBool,
    pub finished: AtomicBool,
    faults: Mutex<Vec<String>>,
}

/// One of the clients.
#[derive(Default)]
pub struct Peer {
    /// The node that it is on, or goes to.
    pub node: AtomicUsize,
    pub established: AtomicBool,
    pub sent: AtomicU64,
    /// All numbers up to this one have come.
    pub received: AtomicU64,
    connections: AtomicU64,
    resumed_elsewhere: AtomicU64,
    resumed_there: AtomicU64,
    sent_again: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
}

impl Shared {
    pub fn new(addresses: Vec<String>) -> Self {
        Self {
            addresses,
            peers: Default::default(),
            sending: AtomicBool::new(true),
            finished: AtomicBool::new(false),
            faults: Mutex::default(),
        }
    }

    fn fault(&self, what: String) {
        self.faults.lock().expect("no panic").push(what);
    }

    /// Fails if a client has a fault.
    pub fn check(&self) -> Result<(), Failure> {
        match self.faults.lock().expect("no panic").first() {
            Some(fault) => Err(fault.clone().into()),
            None => Ok(()),
        }
    }

    pub fn wait_until(&self, most: Duration, done: impl Fn() -> bool) -> Result<(), Failure> {
        let clock = StdClock::new();
        let end = clock.now() + most;
        while !done() {
            self.check()?;
            if clock.now() > end {
                return Err(format!("no end after {most:?}: {:?}", self.numbers()).into());
            }
            sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether everything that was sent has arrived.
    pub fn is_drained(&self) -> bool {
        self.numbers()
            .iter()
            .all(|(sent, received)| sent == received)
    }

    /// How many each client sent, and how many of them the other one received.
    fn numbers(&self) -> [(u64, u64); 2] {
        let [a, b] = &self.peers;
        [(a, b), (b, a)].map(|(from, to)| (from.sent.load(SeqCst), to.received.load(SeqCst)))
    }

    /// Prints the figures. Returns how many of them should be zero and are not.
    pub fn report(&self, store: &str, seed: u64, kills: u64, hits: u64) -> u64 {
        let sum = |of: fn(&Peer) -> &AtomicU64| -> u64 {
            self.peers.iter().map(|peer| of(peer).load(SeqCst)).sum()
        };
        let (lost, doubled) = (sum(|peer| &peer.lost), sum(|peer| &peer.doubled));
        println!(
            "store {store}, seed {seed}: {kills} kills, {hits} of them of a node with a stream"
        );
        println!(
            "connections {}, resumed on the other node {}, on the same one {}",
            sum(|peer| &peer.connections),
            sum(|peer| &peer.resumed_elsewhere),
            sum(|peer| &peer.resumed_there),
        );
        println!(
            "messages sent {}, received {}, sent again by clients {}, lost {lost}, doubled {doubled}",
            sum(|peer| &peer.sent),
            sum(|peer| &peer.received),
            sum(|peer| &peer.sent_again),
        );
        lost + doubled
    }
}

/// Who logs in, and how.
pub struct Account {
    pub jid: Jid,
    tls: ClientTls,
    keys: Mutex<Option<ClientKeys>>,
}

impl Account {
    pub fn new(name: &str, cluster: &Cluster) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(cluster.root.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            jid: Jid::from_parts(Some(name), DOMAIN, Some("load"))?,
            tls: ClientTls::new(Arc::new(tls)),
            keys: Mutex::default(),
        })
    }

    /// A machine that resumes this session, or has a new one.
    pub fn machine(&self, state: Option<SmState>, clock: StdClock) -> Result<Initiator, Failure> {
        let username = Username::saslprep(self.jid.local().unwrap_or_default())?;
        // The keys of the first login spare the later ones the derivation.
        let credentials = match self.keys.lock().expect("no panic").clone() {
            Some(keys) => Credentials::Keys {
                username,
                keys,
                authzid: None,
            },
            None => Credentials::Password {
                username,
                password: Password::saslprep(PASSWORD)?,
                keys: None,
                authzid: None,
            },
        };
        let config = InitiatorConfig::client(&self.jid)
            .direct_tls(self.tls.clone())
            .credentials(credentials)
            .stream_management(SmPolicy::new().ask(4, Duration::from_millis(50)))
            // The load is addressed to resources of its own choice (RFC 6120 7.7).
            .without_sasl2()
            .build()?;
        Ok(match state {
            Some(state) => Initiator::resume(config, state, clock.now())?,
            None => Initiator::new(config, clock.now()),
        })
    }

    /// Keeps the keys of a login that just worked.
    pub fn keep_keys(&self, machine: &mut Initiator) {
        if let Some(keys) = machine.take_scram_keys() {
            *self.keys.lock().expect("no panic") = Some(keys);
        }
    }
}

pub struct Client {
    account: Arc<Account>,
    to: String,
    index: usize,
    shared: Arc<Shared>,
    is_managed: bool,
    /// The node that had the session last.
    session_on: Option<usize>,
}

impl Client {
    pub fn new(account: Arc<Account>, to: &Jid, index: usize, shared: Arc<Shared>) -> Self {
        Self {
            account,
            to: to.as_str().to_owned(),
            index,
            shared,
            is_managed: false,
            session_on: None,
        }
    }

    /// Goes from node to node until the program says that it is over.
    pub fn run(mut self) -> Result<(), Failure> {
        let mut state = None;
        let mut node = 0;
        while !self.shared.finished.load(SeqCst) {
            self.peer().node.store(node, SeqCst);
            if let Ok(tcp) = TcpStream::connect(&self.shared.addresses[node]) {
                tcp::prepare(&tcp)?;
                state = self.connection(tcp, node, state)?;
                self.peer().established.store(false, SeqCst);
            }
            node = 1 - node;
            sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn peer(&self) -> &Peer {
        &self.shared.peers[self.index]
    }

    /// One connection. Returns the session that outlives it.
    fn connection(
        &mut self,
        mut socket: TcpStream,
        node: usize,
        state: Option<SmState>,
    ) -> Result<Option<SmState>, Failure> {
        let clock = StdClock::new();
        let had_session = state.is_some();
        let mut machine = self.account.machine(state, clock)?;
        self.peer().connections.fetch_add(1, SeqCst);
        self.is_managed = false;
        loop {
            let now = clock.now();
            match machine.poll(now) {
                Action::Event(event) => self.on_event(&event, node),
                Action::Wait(wait) => {
                    if !self.send(&mut machine)? {
                        tcp::exchange(&mut socket, &mut machine, wait, now)?;
                    }
                }
                Action::CloseTcp(close) => {
                    let close = close.clone();
                    let _ = tcp::end(&mut socket, &close, clock);
                    break;
                }
            }
            self.account.keep_keys(&mut machine);
            if self.shared.finished.load(SeqCst) {
                if let Some(session) = machine.session() {
                    session.close();
                }
            }
        }
        let state = machine.take_sm_state().filter(SmState::is_resumable);
        if had_session && state.is_none() && !self.shared.finished.load(SeqCst) {
            self.shared
                .fault(format!("a session was lost on node {node}"));
        }
        Ok(state)
    }

    fn on_event(&mut self, event: &Event<'_>, node: usize) {
        let peer = self.peer();
        match event {
            Event::Established(established) => {
                peer.established.store(true, SeqCst);
                if let Some(resumed) = established.resumed() {
                    match self.session_on == Some(node) {
                        true => peer.resumed_there.fetch_add(1, SeqCst),
                        false => peer.resumed_elsewhere.fetch_add(1, SeqCst),
                    };
                    peer.sent_again
                        .fetch_add(u64::from(resumed.retransmitted), SeqCst);
                    self.session_on = Some(node);
                    self.is_managed = true;
                } else if self.session_on.is_some() {
                    self.shared
                        .fault(format!("a session was not resumed on node {node}"));
                }
            }
            Event::ManagementEnabled(_) => {
                self.session_on = Some(node);
                self.is_managed = true;
            }
            Event::Stanza(stanza) => {
                let number = stanza.attr("id").and_then(|id| id.parse::<u64>().ok());
                let next = peer.received.load(SeqCst) + 1;
                match number {
                    Some(number) if number >= next => {
                        peer.lost.fetch_add(number - next, SeqCst);
                        peer.received.store(number, SeqCst);
                    }
                    Some(_) => {
                        peer.doubled.fetch_add(1, SeqCst);
                    }
                    None => self.shared.fault(format!("an answer: {}", stanza.as_str())),
                }
            }
            _ => {}
        }
    }

    /// Sends some messages, unless too many are on their way. Returns whether it did.
    fn send(&mut self, machine: &mut Initiator) -> Result<bool, Failure> {
        let (own, other) = (self.peer(), &self.shared.peers[1 - self.index]);
        if !self.is_managed || !self.shared.sending.load(SeqCst) {
            return Ok(false);
        }
        let Some(mut session) = machine.session() else {
            return Ok(false);
        };
        let begin = own.sent.load(SeqCst);
        for number in begin + 1..=begin + BURST {
            if number > other.received.load(SeqCst) + WINDOW {
                return Ok(number > begin + 1);
            }
            let message = format!(
                "<message to='{}' id='{number}'><body>number {number}</body></message>",
                self.to
            );
            match session.send(&message) {
                Ok(_) => own.sent.store(number, SeqCst),
                Err(SendError::Full { .. }) => return Ok(number > begin + 1),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
