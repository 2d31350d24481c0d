//! What both applications do on a session: send what is to be sent, and take note
//! of what arrives.

use std::time::Duration;

use xmpp_stream::sm::{AckMode, Received, SmState};
use xmpp_stream::testkit::{At, Incoming, Journal, Numbered, Outgoing, Rng, Violation};
use xmpp_stream::time::Instant;
use xmpp_stream::{CloseTcp, Connection, EventBuf, Negotiation, SendError};

/// What an application does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    Nothing,
    /// It sends stanzas of unknown fate again without saying so.
    ResendsWithoutFlag,
    /// Two nodes may resume one session: the store does not delete what it hands out.
    ResumesTwice,
}

/// What was delivered on a connection and is not handled.
#[derive(Clone, Copy)]
struct Unhandled {
    connection: usize,
    received: Received,
    /// How many stanzas are handled once this is.
    count: u64,
    due: Instant,
}

/// One side of the correspondence.
pub struct Correspondent {
    pub rng: Rng,
    pub outgoing: Outgoing,
    pub incoming: Incoming,
    /// Of how the connections have ended.
    pub journal: Journal,
    planted: Planted,
    ack_mode: AckMode,
    /// The connection of the session, and when the next stanza is sent.
    talk: Option<(usize, Instant)>,
    /// What was delivered and not handled, and when it will be.
    unhandled: Option<Unhandled>,
    /// How many stanzas are handled, where the application says so.
    handled: u64,
}

impl Correspondent {
    pub fn new(mut rng: Rng, planted: Planted, ack_mode: AckMode) -> Self {
        let total = rng.below(40);
        Self {
            rng,
            outgoing: Outgoing::new(total),
            incoming: Incoming::new(),
            journal: Journal::new(),
            planted,
            ack_mode,
            talk: None,
            unhandled: None,
            handled: 0,
        }
    }

    /// The session is on this connection now.
    pub fn begin(&mut self, at: At) {
        self.talk = Some((at.connection, self.later(at.now)));
    }

    pub fn event<N: Negotiation>(
        &mut self,
        at: At,
        machine: &mut Connection<N>,
        event: &EventBuf,
    ) -> Result<(), Violation> {
        match event {
            EventBuf::Stanza(stanza) => {
                let stanza = stanza.as_stanza();
                let id = stanza.attr("id").and_then(|id| id.parse().ok());
                let number = id.ok_or_else(|| Violation("a stanza of nobody".into()))?;
                // Once the stream is closing there is no session to ask.
                let session = machine.session();
                let redelivery = session
                    .as_ref()
                    .map_or(self.ack_mode == AckMode::Handled, |session| {
                        session.is_redelivery()
                    });
                let again = stanza.attr("again").is_some() || redelivery;
                self.incoming.arrived(Numbered { number, again })?;
                if let Some(received) = session.and_then(|session| session.received()) {
                    self.unhandled = Some(Unhandled {
                        connection: at.connection,
                        received,
                        count: number + 1,
                        due: self.later(at.now),
                    });
                }
            }
            // What `<resumed/>` acknowledges has no event of its own.
            EventBuf::Established(_) => {
                self.journal.established(at.connection);
                if let Some(ticket) = machine.session().and_then(|session| session.acknowledged()) {
                    self.outgoing.acknowledged(ticket);
                }
            }
            EventBuf::Acknowledged(ticket) => self.outgoing.acknowledged(*ticket),
            _ => {}
        }
        Ok(())
    }

    pub fn turn<N: Negotiation>(&mut self, at: At, machine: &mut Connection<N>) {
        let Some(mut session) = machine.session() else {
            self.end(at.connection);
            return;
        };
        let here = |unhandled: &mut Unhandled| {
            unhandled.connection == at.connection && unhandled.due <= at.now
        };
        if let Some(unhandled) = self.unhandled.take_if(here) {
            session.handled(unhandled.received);
            self.handled = self.handled.max(unhandled.count);
        }
        let Some((connection, due)) = self.talk else {
            return;
        };
        if connection != at.connection || due > at.now {
            return;
        }
        let Some(Numbered { number, again }) = self.outgoing.next() else {
            self.talk = Some((connection, at.now + Duration::from_secs(5)));
            return;
        };
        let padding = "caf\u{e9} ".repeat(self.rng.length(30));
        let flag = match again && self.planted != Planted::ResendsWithoutFlag {
            true => " again='1'",
            false => "",
        };
        let text = format!("<message id='{number}'{flag}><body>{padding}</body></message>");
        let next = match session.send(&text) {
            Ok(ticket) => {
                self.outgoing.sent(ticket);
                self.later(at.now)
            }
            // Until something is acknowledged.
            Err(SendError::Full { .. }) => at.now + Duration::from_millis(300),
            Err(error) => panic!("{error}"),
        };
        self.talk = Some((connection, next));
    }

    /// The connection has closed. Returns the session if it can be resumed.
    pub fn closed<N: Negotiation>(
        &mut self,
        at: At,
        machine: &mut Connection<N>,
        close: &CloseTcp,
    ) -> Result<Option<SmState>, Violation> {
        self.journal.closed(at.connection, close);
        self.end(at.connection);
        let mut resumable = None;
        while let Some(session) = machine.take_sm_state() {
            match (session.is_resumable(), &resumable) {
                (true, None) => resumable = Some(session),
                (true, Some(_)) => {
                    return Err(Violation("two sessions can be resumed".into()));
                }
                (false, _) => self.outgoing.over(&session)?,
            }
        }
        Ok(resumable)
    }

    /// The session is dropped, and the peer is told what was handled.
    pub fn drop_unhandled(&mut self) {
        if self.ack_mode == AckMode::Handled {
            self.incoming.roll_back(self.handled);
        }
    }

    /// Nothing more can be done on this connection.
    fn end(&mut self, connection: usize) {
        self.talk.take_if(|(at, _)| *at == connection);
        self.unhandled
            .take_if(|unhandled| unhandled.connection == connection);
    }

    pub fn wake(&self, connection: usize) -> Option<Instant> {
        let talk = self.talk.filter(|(at, _)| *at == connection);
        let handle = self
            .unhandled
            .filter(|unhandled| unhandled.connection == connection);
        let times = [
            talk.map(|(_, due)| due),
            handle.map(|unhandled| unhandled.due),
        ];
        times.into_iter().flatten().min()
    }

    /// Often several stanzas at once.
    pub fn later(&mut self, now: Instant) -> Instant {
        match self.rng.below(3) {
            0 => now,
            1 => now + Duration::from_millis(self.rng.below(50)),
            _ => now + Duration::from_millis(self.rng.below(2_000)),
        }
    }
}
