//! The servers: several nodes that share a store of sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xmpp_stream::config::ResponderConfig;
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::sm::SmState;
use xmpp_stream::testkit::{Application, At, Outgoing, ReceivingApplication, Rng, Violation};
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseTcp, Decision, EventBuf, Responder};

use super::correspondent::{Correspondent, Planted};
use super::{draw_ack_mode, draw_policy};
use crate::configs::{self, Security};

const NODES: u64 = 3;

/// A session in the store.
#[derive(Clone)]
struct Stored {
    bytes: Vec<u8>,
    /// The node that stored it.
    node: u64,
    /// Whether it was handed out. Only a store with a planted bug keeps it then.
    is_stale: bool,
}

/// What the nodes share.
#[derive(Default)]
struct Store {
    /// Sessions by name.
    sessions: BTreeMap<String, Stored>,
    /// Of sessions that were dropped: how many stanzas had been handled.
    tombstones: BTreeMap<String, u32>,
}

impl Store {
    /// Looks a session up, and deletes it in the same step.
    fn take(&mut self, name: &str, planted: Planted) -> Option<Stored> {
        match planted {
            Planted::ResumesTwice => {
                let stored = self.sessions.get_mut(name)?;
                let found = stored.clone();
                stored.is_stale = true;
                Some(found)
            }
            Planted::Nothing | Planted::ResendsWithoutFlag => self.sessions.remove(name),
        }
    }

    /// Stores a session.
    fn put(&mut self, name: String, stored: Stored) {
        self.sessions.insert(name, stored);
    }

    /// The sessions that were not handed out.
    fn left(&self) -> impl Iterator<Item = SmState> {
        let left = self.sessions.values().filter(|stored| !stored.is_stale);
        left.map(|stored| SmState::from_bytes(&stored.bytes).unwrap())
    }
}

/// All nodes. There is one account, so there is one session at a time.
pub struct Cluster {
    pub correspondent: Correspondent,
    planted: Planted,
    config: Arc<ResponderConfig>,
    store: Store,
    nodes: BTreeMap<usize, u64>,
    /// The connection that has the session.
    live: Option<usize>,
    /// Connections on which a decision waits until no other one has the session.
    waiting: BTreeSet<usize>,
    /// Connections that have to end, because the session goes on elsewhere.
    ousted: BTreeSet<usize>,
    /// Connections that resume a session.
    resuming: BTreeSet<usize>,
    now: Instant,
    /// How many sessions were resumed, and how many of them on another node.
    pub resumed: u64,
    pub resumed_elsewhere: u64,
    /// How many were taken over from a connection that was still open.
    pub ousts: u64,
}

impl Cluster {
    pub fn new(mut rng: Rng, security: &Security, planted: Planted) -> Self {
        let ack_mode = draw_ack_mode(&mut rng);
        let config = configs::server(&mut rng, security)
            .stream_management(draw_policy(&mut rng, ack_mode))
            .build()
            .unwrap();
        Self {
            correspondent: Correspondent::new(rng, planted, ack_mode),
            planted,
            config,
            store: Store::default(),
            nodes: BTreeMap::new(),
            live: None,
            waiting: BTreeSet::new(),
            ousted: BTreeSet::new(),
            resuming: BTreeSet::new(),
            now: Instant::from_millis(0),
            resumed: 0,
            resumed_elsewhere: 0,
            ousts: 0,
        }
    }

    /// Answers a decision once no other connection has the session.
    fn decide(&mut self, at: At, machine: &mut Responder) -> Result<(), Violation> {
        match self.live {
            Some(other) if other != at.connection && self.ousts_first() => {
                self.ousts += u64::from(self.ousted.insert(other));
                return Ok(());
            }
            _ => {}
        }
        self.waiting.remove(&at.connection);
        match machine.decision() {
            Some(Decision::Bind(bind)) => {
                let jid = format!("guest@localhost/{}", bind.resource().unwrap_or("desk"));
                bind.accept(Jid::parse(&jid).unwrap()).unwrap();
                // The client begins anew, so its earlier session is over.
                for session in self.store.left() {
                    self.correspondent.outgoing.over(&session)?;
                }
                self.store.sessions.clear();
            }
            Some(Decision::Resume(resume)) => {
                let name = resume.previd().to_string();
                let Some(Stored { bytes, node, .. }) = self.store.take(&name, self.planted) else {
                    resume.refuse(self.store.tombstones.remove(&name));
                    return Ok(());
                };
                let session = SmState::from_bytes(&bytes).unwrap();
                resume.resume(session).unwrap();
                self.resuming.insert(at.connection);
                self.resumed += 1;
                let here = self.nodes.get(&at.connection);
                self.resumed_elsewhere += u64::from(here != Some(&node));
            }
            _ => return Ok(()),
        }
        self.live = Some(at.connection);
        Ok(())
    }

    /// What was sent, once the sessions that nobody resumes have expired.
    pub fn after_expiry(&self) -> Result<Outgoing, Violation> {
        let mut outgoing = self.correspondent.outgoing.clone();
        for session in self.store.left() {
            outgoing.over(&session)?;
        }
        Ok(outgoing)
    }

    /// Whether a node waits until no other one has the session.
    fn ousts_first(&self) -> bool {
        self.planted != Planted::ResumesTwice
    }

    /// Stores a session that can be resumed, or drops it.
    fn keep(&mut self, at: At, session: &SmState) -> Result<(), Violation> {
        let name = session.id().unwrap().to_string();
        match self.correspondent.rng.below(8) {
            0 => {
                self.correspondent.outgoing.over(session)?;
                if self.correspondent.rng.once_in(2) {
                    self.correspondent.drop_unhandled();
                    self.store.tombstones.insert(name, session.handled());
                }
            }
            // The node dies before it has stored it.
            1 => self.correspondent.outgoing.forgotten(),
            _ => {
                let node = self.nodes[&at.connection];
                let stored = Stored {
                    bytes: session.to_bytes(),
                    node,
                    is_stale: false,
                };
                self.store.put(name, stored);
            }
        }
        Ok(())
    }
}

impl Application<ResponderRole> for Cluster {
    fn event(
        &mut self,
        at: At,
        machine: &mut Responder,
        event: &EventBuf,
    ) -> Result<(), Violation> {
        self.now = at.now;
        match event {
            EventBuf::Decision => match machine.decision() {
                Some(Decision::Anonymous(anonymous)) => anonymous.accept("guest".into()),
                _ => {
                    self.waiting.insert(at.connection);
                }
            },
            EventBuf::ManagementEnabled { .. } => self.correspondent.begin(at),
            EventBuf::Established(_) if self.resuming.contains(&at.connection) => {
                self.correspondent.begin(at);
            }
            _ => {}
        }
        self.correspondent.event(at, machine, event)
    }

    fn turn(&mut self, at: At, machine: &mut Responder) -> Result<(), Violation> {
        self.now = at.now;
        if self.ousted.remove(&at.connection) {
            machine.abort();
            return Ok(());
        }
        if self.waiting.contains(&at.connection) {
            self.decide(at, machine)?;
        }
        self.correspondent.turn(at, machine);
        Ok(())
    }

    fn closed(
        &mut self,
        at: At,
        machine: &mut Responder,
        close: &CloseTcp,
    ) -> Result<(), Violation> {
        self.now = at.now;
        self.waiting.remove(&at.connection);
        self.ousted.remove(&at.connection);
        let had_session = self.live == Some(at.connection);
        if had_session {
            self.live = None;
        }
        match self.correspondent.closed(at, machine, close)? {
            Some(session) => self.keep(at, &session)?,
            None if had_session && self.correspondent.outgoing.is_outstanding() => {
                return Err(Violation("the server's session has vanished".into()));
            }
            None => {}
        }
        Ok(())
    }

    fn wake(&self, connection: usize) -> Option<Instant> {
        let must_end = self.ousted.contains(&connection);
        let may_answer = self.waiting.contains(&connection) && self.live.is_none();
        match must_end || may_answer {
            true => Some(self.now),
            false => self.correspondent.wake(connection),
        }
    }
}

impl ReceivingApplication for Cluster {
    fn accept(&mut self, at: At) -> Responder {
        let node = self.correspondent.rng.below(NODES);
        self.nodes.insert(at.connection, node);
        Responder::new(self.config.clone(), at.now)
    }
}
