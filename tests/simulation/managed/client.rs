//! The client: it resumes its session on a new connection, until everything has
//! been said.

use std::sync::Arc;
use std::time::Duration;

use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::sm::SmState;
use xmpp_stream::testkit::{Application, At, InitiatingApplication, Protection, Rng, Violation};
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseTcp, EventBuf, Initiator};

use super::correspondent::{Correspondent, Planted};
use super::{draw_ack_mode, draw_policy};
use crate::configs::{self, Security};

/// More connections than any seed needs.
const MOST_CONNECTIONS: usize = 60;

pub struct Client {
    pub correspondent: Correspondent,
    config: Arc<InitiatorConfig>,
    protection: Protection,
    session: Option<SmState>,
    next: Option<Instant>,
    connections: usize,
    /// How many stanzas the server sends.
    expects: u64,
    /// How many sessions were resumed, and how many were not.
    pub resumed: u64,
    pub refused: u64,
}

impl Client {
    pub fn new(mut rng: Rng, security: &Security, planted: Planted, expects: u64) -> Self {
        let ack_mode = draw_ack_mode(&mut rng);
        let config = configs::client(&mut rng, security)
            .stream_management(draw_policy(&mut rng, ack_mode))
            .build()
            .unwrap();
        Self {
            correspondent: Correspondent::new(rng, planted, ack_mode),
            config,
            protection: security.protection(),
            session: None,
            next: Some(Instant::from_millis(0)),
            connections: 0,
            expects,
            resumed: 0,
            refused: 0,
        }
    }

    fn is_done(&self) -> bool {
        let Correspondent {
            outgoing, incoming, ..
        } = &self.correspondent;
        outgoing.is_done() && incoming.count() == self.expects
    }
}

impl Application<InitiatorRole> for Client {
    fn event(
        &mut self,
        at: At,
        machine: &mut Initiator,
        event: &EventBuf,
    ) -> Result<(), Violation> {
        match event {
            EventBuf::Established(_) => {
                self.correspondent.begin(at);
            }
            EventBuf::ManagementRefused(_) => {
                if let Some(session) = machine.take_sm_state() {
                    self.refused += 1;
                    self.correspondent.outgoing.over(&session)?;
                }
            }
            _ => {}
        }
        self.correspondent.event(at, machine, event)
    }

    fn turn(&mut self, at: At, machine: &mut Initiator) -> Result<(), Violation> {
        self.correspondent.turn(at, machine);
        if self.is_done() {
            if let Some(session) = machine.session() {
                session.close();
            }
        }
        Ok(())
    }

    fn closed(
        &mut self,
        at: At,
        machine: &mut Initiator,
        close: &CloseTcp,
    ) -> Result<(), Violation> {
        self.session = self.correspondent.closed(at, machine, close)?;
        if self.session.is_none() && self.correspondent.outgoing.is_outstanding() {
            return Err(Violation("the client's session has vanished".into()));
        }
        let Self {
            correspondent,
            session,
            ..
        } = self;
        // The process ends, and begins again from what it had stored; or it had stored nothing.
        if let Some(state) = session.take() {
            match correspondent.rng.below(12) {
                0 => correspondent.outgoing.over(&state)?,
                1..6 => *session = Some(SmState::from_bytes(&state.to_bytes()).unwrap()),
                _ => *session = Some(state),
            }
        }
        let delay = Duration::from_millis(correspondent.rng.below(5_000));
        self.next = match self.is_done() {
            true => None,
            false if self.connections == MOST_CONNECTIONS => {
                return Err(Violation("it never gets done".into()));
            }
            false => Some(at.now + delay),
        };
        Ok(())
    }

    fn wake(&self, connection: usize) -> Option<Instant> {
        self.correspondent.wake(connection)
    }
}

impl InitiatingApplication for Client {
    fn next_connection(&self) -> Option<Instant> {
        self.next
    }

    fn connect(&mut self, at: At) -> (Initiator, Protection) {
        self.next = None;
        self.connections += 1;
        let machine = match self.session.take() {
            Some(session) => {
                self.resumed += 1;
                Initiator::resume(self.config.clone(), session, at.now).unwrap()
            }
            None => Initiator::new(self.config.clone(), at.now),
        };
        (machine, self.protection)
    }
}
