//! Two applications that send each other numbered stanzas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::jid::Jid;
use xmpp_stream::testkit::{
    Application, At, InitiatingApplication, Journal, Protection, ReceivingApplication, Rng,
    Violation,
};
use xmpp_stream::time::Instant;
use xmpp_stream::{
    CloseTcp, Connection, Decision, EventBuf, Initiator, Negotiation, Responder, SendError,
};

use crate::configs::{self, Security};

/// Sends numbered stanzas at times of its own while a stream is established, and
/// writes down what it sends and what arrives.
struct Talker {
    rng: Rng,
    journal: Journal,
    next_number: u64,
    /// When the next stanza is sent, by connection, and how many are left.
    talks: BTreeMap<usize, (Instant, u64)>,
    after: After,
}

/// What a talker does when it has said everything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Closes,
    Listens,
}

impl Talker {
    fn new(rng: Rng, after: After) -> Self {
        Self {
            rng,
            journal: Journal::new(),
            next_number: 0,
            talks: BTreeMap::new(),
            after,
        }
    }

    fn event<N: Negotiation>(
        &mut self,
        at: At,
        machine: &mut Connection<N>,
        event: &EventBuf,
    ) -> Result<(), Violation> {
        match event {
            EventBuf::Decision => decide(machine),
            EventBuf::Established(_) => {
                self.journal.established(at.connection);
                let stanzas = self.rng.below(12);
                let begin = self.later(at.now);
                self.talks.insert(at.connection, (begin, stanzas));
            }
            EventBuf::Stanza(stanza) => {
                let stanza = stanza.as_stanza();
                let id = stanza.attr("id").and_then(|id| id.parse().ok());
                let number = id.ok_or_else(|| Violation("a stanza of nobody".into()))?;
                self.journal.arrived(at.connection, number);
            }
            _ => {}
        }
        Ok(())
    }

    fn turn<N: Negotiation>(&mut self, at: At, machine: &mut Connection<N>) {
        let Some((due, stanzas)) = self.talks.get(&at.connection).copied() else {
            return;
        };
        let Some(mut session) = machine.session() else {
            self.talks.remove(&at.connection);
            return;
        };
        if due > at.now {
            return;
        }
        if stanzas == 0 {
            self.talks.remove(&at.connection);
            if self.after == After::Closes {
                session.close();
            }
            return;
        }
        let number = self.next_number;
        let padding = match self.rng.below(40) {
            0 => self.rng.length(8_000),
            _ => self.rng.length(200),
        };
        let text = format!(
            "<message id='{number}'><body>{}</body></message>",
            "caf\u{e9} ".repeat(padding / 5)
        );
        match session.send(&text) {
            Ok(_) => {
                self.journal.sent(at.connection, number);
                self.next_number += 1;
                let next = (self.later(at.now), stanzas - 1);
                self.talks.insert(at.connection, next);
            }
            // It is tried again when something has moved, or later.
            Err(SendError::Full { .. }) => {
                let again = (at.now + Duration::from_millis(500), stanzas);
                self.talks.insert(at.connection, again);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Often several stanzas at once.
    fn later(&mut self, now: Instant) -> Instant {
        match self.rng.below(3) {
            0 => now,
            1 => now + Duration::from_millis(self.rng.below(50)),
            _ => now + Duration::from_millis(self.rng.below(3_000)),
        }
    }

    fn closed(&mut self, at: At, close: &CloseTcp) {
        self.talks.remove(&at.connection);
        self.journal.closed(at.connection, close);
    }

    fn wake(&self, connection: usize) -> Option<Instant> {
        self.talks.get(&connection).map(|(due, _)| *due)
    }
}

/// Answers every decision as a server that anybody may use.
fn decide<N: Negotiation>(machine: &mut Connection<N>) {
    match machine.decision() {
        Some(Decision::Anonymous(anonymous)) => anonymous.accept("guest".into()),
        Some(Decision::Bind(bind)) => {
            let resource = bind.resource().unwrap_or(bind.generated());
            let jid = Jid::parse(&format!("guest@localhost/{resource}")).unwrap();
            bind.accept(jid).unwrap();
        }
        other => panic!("unexpected {other:?}"),
    }
}

/// Opens a connection, and another one after its end, so many times.
pub struct Client {
    talker: Talker,
    config: Arc<InitiatorConfig>,
    protection: Protection,
    next: Option<Instant>,
    left: usize,
}

impl Client {
    pub fn new(mut rng: Rng, security: &Security, connections: usize) -> Self {
        let config = configs::client(&mut rng, security).build().unwrap();
        Self {
            config,
            talker: Talker::new(rng, After::Closes),
            protection: security.protection(),
            next: Some(Instant::from_millis(0)),
            left: connections,
        }
    }

    pub fn journal(&self) -> &Journal {
        &self.talker.journal
    }
}

impl Application<InitiatorRole> for Client {
    fn event(
        &mut self,
        at: At,
        machine: &mut Initiator,
        event: &EventBuf,
    ) -> Result<(), Violation> {
        self.talker.event(at, machine, event)
    }

    fn turn(&mut self, at: At, machine: &mut Initiator) -> Result<(), Violation> {
        self.talker.turn(at, machine);
        Ok(())
    }

    fn closed(&mut self, at: At, _: &mut Initiator, close: &CloseTcp) -> Result<(), Violation> {
        self.talker.closed(at, close);
        let delay = Duration::from_millis(self.talker.rng.below(5_000));
        self.next = (self.left > 0).then_some(at.now + delay);
        Ok(())
    }

    fn wake(&self, connection: usize) -> Option<Instant> {
        self.talker.wake(connection)
    }
}

impl InitiatingApplication for Client {
    fn next_connection(&self) -> Option<Instant> {
        self.next
    }

    fn connect(&mut self, at: At) -> (Initiator, Protection) {
        self.next = None;
        self.left -= 1;
        (Initiator::new(self.config.clone(), at.now), self.protection)
    }
}

/// Accepts everybody.
pub struct Server {
    talker: Talker,
    config: Arc<ResponderConfig>,
}

impl Server {
    pub fn new(mut rng: Rng, security: &Security) -> Self {
        let config = configs::server(&mut rng, security).build().unwrap();
        Self {
            talker: Talker::new(rng, After::Listens),
            config,
        }
    }

    pub fn journal(&self) -> &Journal {
        &self.talker.journal
    }
}

impl Application<ResponderRole> for Server {
    fn event(
        &mut self,
        at: At,
        machine: &mut Responder,
        event: &EventBuf,
    ) -> Result<(), Violation> {
        self.talker.event(at, machine, event)
    }

    fn turn(&mut self, at: At, machine: &mut Responder) -> Result<(), Violation> {
        self.talker.turn(at, machine);
        Ok(())
    }

    fn closed(&mut self, at: At, _: &mut Responder, close: &CloseTcp) -> Result<(), Violation> {
        self.talker.closed(at, close);
        Ok(())
    }

    fn wake(&self, connection: usize) -> Option<Instant> {
        self.talker.wake(connection)
    }
}

impl ReceivingApplication for Server {
    fn accept(&mut self, at: At) -> Responder {
        Responder::new(self.config.clone(), at.now)
    }
}
