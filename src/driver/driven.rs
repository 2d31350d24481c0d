//! What the drivers have in common: the machine, its clock, and the events that came while `send`
//! waited for room.

use alloc::collections::VecDeque;

use super::NotSentError;
use crate::action::{Action, Wait};
use crate::close::CloseTcp;
use crate::connection::{Connection, Negotiation, SendError};
use crate::event::EventBuf;
use crate::sm::Received;
use crate::ticket::Ticket;
use crate::time::StdClock;

/// How many bytes of stanzas are kept before `send` stops reading.
const AHEAD: usize = 64 * 1024;

/// A machine that a driver drives.
#[derive(Debug)]
pub(super) struct Driven<R: Negotiation> {
    pub(super) machine: Connection<R>,
    pub(super) clock: StdClock,
    /// Events that came while `send` waited, in their order.
    ahead: VecDeque<Happened>,
    ahead_bytes: usize,
    last: Delivery,
}

/// An owned [`Action`].
pub(super) enum Step {
    Event(Happened),
    Wait(Wait),
    Close(CloseTcp),
}

/// An event, and what the session said of it when it came.
#[derive(Debug)]
pub(super) struct Happened {
    event: EventBuf,
    delivery: Delivery,
}

/// What stream management says of the stanza that was delivered last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivery {
    pub(super) received: Option<Received>,
    pub(super) is_redelivery: bool,
}

impl<R: Negotiation> Driven<R> {
    pub(super) fn new(machine: Connection<R>, clock: StdClock) -> Self {
        Self {
            machine,
            clock,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            last: Delivery::default(),
        }
    }

    /// Polls the machine.
    pub(super) fn step(&mut self) -> Step {
        let event = match self.machine.poll(self.clock.now()) {
            Action::Event(event) => event.to_owned(),
            Action::Wait(wait) => return Step::Wait(wait),
            Action::CloseTcp(close) => return Step::Close(close.clone()),
        };
        let delivery = self
            .machine
            .session()
            .map_or_else(Delivery::default, |session| Delivery {
                received: session.received(),
                is_redelivery: session.is_redelivery(),
            });
        Step::Event(Happened { event, delivery })
    }

    /// Hands an event to the application.
    pub(super) fn hand_over(&mut self, happened: Happened) -> EventBuf {
        self.last = happened.delivery;
        happened.event
    }

    /// What the session said of the event that the application was given last.
    pub(super) const fn last(&self) -> Delivery {
        self.last
    }

    /// Keeps an event that came while `send` waited.
    pub(super) fn keep(&mut self, happened: Happened) {
        self.ahead_bytes += size(&happened.event);
        self.ahead.push_back(happened);
    }

    /// The first event that was kept.
    pub(super) fn take_kept(&mut self) -> Option<EventBuf> {
        let happened = self.ahead.pop_front()?;
        self.ahead_bytes -= size(&happened.event);
        Some(self.hand_over(happened))
    }

    /// How `send` waits: without reading, once it has kept enough.
    ///
    /// # Errors
    /// [`SendError::Full`] if then nothing is left that makes room.
    pub(super) fn wait_for_room(&mut self, mut wait: Wait) -> Result<Wait, NotSentError> {
        wait.read &= self.ahead_bytes < AHEAD;
        if wait.read || wait.write || self.ahead.is_empty() {
            return Ok(wait);
        }
        let capacity = self
            .machine
            .session()
            .map_or(0, |session| session.capacity());
        Err(SendError::Full { capacity }.into())
    }

    /// Queues an element; `None` if there is no room now.
    ///
    /// # Errors
    /// [`NotSentError`]; nothing was queued.
    pub(super) fn try_send(&mut self, element: &str) -> Result<Option<Ticket>, NotSentError> {
        let mut session = self.machine.session().ok_or(NotSentError::NoSession)?;
        match session.send(element) {
            Ok(ticket) => Ok(Some(ticket)),
            Err(SendError::Full { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What an event counts while it is kept.
fn size(event: &EventBuf) -> usize {
    let text = match event {
        EventBuf::Stanza(stanza) | EventBuf::Element(stanza) => stanza.as_stanza().as_str().len(),
        _ => 0,
    };
    size_of::<Happened>() + text
}
