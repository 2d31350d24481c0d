//! The application of a driver under test.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::socket::Shared;
use super::world::End;
use crate::close::CloseTcp;
use crate::connection::{Connection, Negotiation, SendError};
use crate::event::Event;
use crate::stream::{StreamCondition, StreamError};

/// Answers the decisions of a machine.
pub(super) type Answers<N> = Arc<dyn Fn(&mut Connection<N>) + Send + Sync>;

/// What the application does once it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finale {
    /// It closes the stream as soon as everything has arrived.
    Close,
    /// It aborts, with bytes waiting that TCP has not taken.
    Abort,
    /// It ends the stream with a stream error.
    Fail,
    /// It waits for what the peer does.
    Wait,
}

/// How much is said, and how it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// How many stanzas this side sends.
    pub(super) sends: usize,
    /// How many stanzas the other side sends.
    pub(super) hears: usize,
    /// How many bytes of text each stanza has.
    pub(super) size: usize,
    pub(super) finale: Finale,
}

impl Part {
    /// Returns the stanza of this number, counted from 0.
    pub(super) fn stanza(self, number: usize) -> String {
        let text: String = "0123456789".chars().cycle().take(self.size).collect();
        format!("<message id='{number}'><body>{text}</body></message>")
    }
}

/// The application that a driver under test works for. The driver calls it as a real one:
///
/// * [`event`](Self::event) with every event,
/// * [`act`](Self::act) before it polls again, and before it waits,
/// * [`closed`](Self::closed) as soon as the machine has closed, before it carries that out.
pub struct Exchange<N: Negotiation> {
    world: Shared,
    answers: Answers<N>,
    part: Part,
    sent: usize,
    /// How many stanzas have arrived, all of them right.
    heard: usize,
    established: bool,
    finished: bool,
}

impl<N: Negotiation> Exchange<N> {
    pub(super) fn new(world: Shared, answers: Answers<N>, part: Part) -> Self {
        Self {
            world,
            answers,
            part,
            sent: 0,
            heard: 0,
            established: false,
            finished: false,
        }
    }

    /// Looks at an event.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Established(_) => self.established = true,
            Event::Stanza(stanza) => {
                let expected = self.part.stanza(self.heard);
                if stanza.as_str() == expected {
                    self.heard += 1;
                } else {
                    let found: String = stanza.as_str().chars().take(40).collect();
                    let heard = self.heard;
                    self.violate(format!(
                        "lost or changed bytes: stanza {heard} came as {found}"
                    ));
                }
            }
            _ => {}
        }
    }

    /// Calls into the machine: answers, sends, ends.
    pub fn act(&mut self, machine: &mut Connection<N>) {
        if machine.decision().is_some() {
            (self.answers)(machine);
        }
        if !self.established || self.finished {
            return;
        }
        while self.sent < self.part.sends {
            let stanza = self.part.stanza(self.sent);
            let Some(mut session) = machine.session() else {
                return;
            };
            match session.send(&stanza) {
                Ok(_) => self.sent += 1,
                Err(SendError::Full { .. }) => break,
                Err(error) => return self.violate(format!("cannot send: {error}")),
            }
        }
        let said = self.sent == self.part.sends;
        match self.part.finale {
            Finale::Wait => {}
            // Full: something waits that TCP has not taken.
            Finale::Abort if machine.transmit().len() > 1 => {
                machine.abort();
                self.finished = true;
            }
            Finale::Abort => {}
            Finale::Fail if said => {
                let condition = StreamCondition::PolicyViolation;
                machine.fail(StreamError::new(condition).with_text("the end of the check"));
                self.finished = true;
            }
            Finale::Close if said && self.heard == self.part.hears => {
                if let Some(session) = machine.session() {
                    session.close();
                    self.finished = true;
                }
            }
            Finale::Fail | Finale::Close => {}
        }
    }

    /// Takes the end of the machine, before the driver carries it out.
    pub fn closed(&mut self, close: &CloseTcp) {
        let heard = self.heard;
        self.world.with(|world| {
            let at = world.now;
            if world.end.is_some() {
                world.violate("tells of the end twice");
            }
            world.end.get_or_insert(End {
                close: close.clone(),
                at,
            });
            world.heard = heard;
        });
    }

    fn violate(&self, what: String) {
        self.world.with(|world| world.violate(what));
    }
}

impl<N: Negotiation> core::fmt::Debug for Exchange<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Exchange")
            .field("sent", &self.sent)
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

/// The application of the peer: it sends its stanzas, counts what arrives, and answers the end.
pub(super) struct Correspondent<N: Negotiation> {
    answers: Answers<N>,
    part: Part,
    established: bool,
    sent: usize,
    heard: Arc<core::sync::atomic::AtomicUsize>,
}

impl<N: Negotiation> Correspondent<N> {
    pub(super) fn new(
        answers: Answers<N>,
        part: Part,
        heard: Arc<core::sync::atomic::AtomicUsize>,
    ) -> Self {
        Self {
            answers,
            part,
            established: false,
            sent: 0,
            heard,
        }
    }

    /// Returns it as a closure.
    pub(super) fn into_closure(
        mut self,
    ) -> Box<dyn FnMut(&mut Connection<N>, &crate::event::EventBuf) + Send>
    where
        N: 'static,
    {
        Box::new(move |machine, event| self.on(machine, event))
    }

    fn on(&mut self, machine: &mut Connection<N>, event: &crate::event::EventBuf) {
        use core::sync::atomic::Ordering::Relaxed;

        use crate::event::EventBuf;
        match event {
            EventBuf::Decision => (self.answers)(machine),
            EventBuf::Established(_) => self.established = true,
            EventBuf::Stanza(stanza) => {
                let heard = self.heard.load(Relaxed);
                if stanza.as_stanza().as_str() == self.part.stanza(heard).to_string() {
                    self.heard.store(heard + 1, Relaxed);
                }
            }
            _ => {}
        }
        if !self.established {
            return;
        }
        let waiting: Vec<String> = (self.sent..self.part.sends)
            .map(|number| self.part.stanza(number))
            .collect();
        for stanza in waiting {
            let Some(mut session) = machine.session() else {
                return;
            };
            if session.send(&stanza).is_err() {
                return;
            }
            self.sent += 1;
        }
    }
}
