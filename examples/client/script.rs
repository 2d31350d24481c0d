//! What the client does once it is bound, over several connections if need be.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::reset::ResetCause;
use xmpp_stream::sm::{Fate, SmState};
use xmpp_stream::stream::OtherHost;
use xmpp_stream::time::Instant;
use xmpp_stream::xml::{Stanza, StanzaBuf, XmlError, write};
use xmpp_stream::{CloseReason, CloseTcp, Event, Initiator, SendError, Ticket};

use crate::memory::Memory;
use crate::net::App;
use crate::shared::lines::Lines;

/// How long an answer to a ping may take before TCP counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// The steps, how far they have come, and the connection they are on.
///
/// A step is handled when it, or any later one, was answered: a server takes
/// stanzas in their order (RFC 6120 10.1). When a connection ends in order,
/// with both closing tags, whatever asked for no answer has arrived too (4.4).
/// What was not handled is done again on the next connection.
///
/// With stream management the server acknowledges each stanza, and a session
/// that is resumed sends by itself what is missing. After a session that is not,
/// what the server does not have is done again; what it may have is reported,
/// and not done again. Pings are: they ask about the stream they are on.
pub struct Script {
    steps: Vec<Step>,
    stay: Duration,
    /// When to close; known once all steps are done.
    leave: Option<Instant>,
    state: State,
    /// Answers to the server's own requests.
    replies: Vec<String>,
    /// The session that the next connection resumes.
    session: Option<SmState>,
    /// While this connection is to resume a session: how many of its stanzas
    /// are not acknowledged.
    resuming: Option<usize>,
    resets: Resets,
    memory: Memory,
    lines: Lines,
}

/// Whether the stream is reset when its keys are old.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resets {
    Never,
    WhenAdvised,
    /// It is due.
    Now(ResetCause),
}

struct Step {
    text: String,
    id: Option<String>,
    kind: Kind,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An iq get or set: somebody answers.
    Request,
    /// The n-th ping of ours: the next step waits for its answer.
    Ping(u32),
    /// Anything else.
    Notice,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Todo,
    /// Sent on this connection, or on an earlier one of the same session.
    Sent(Ticket),
    /// The server has it, and its answer is still to come.
    Acknowledged,
    Handled,
}

/// Where the connection stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Negotiating,
    /// Bound at `since`; a ping may be under way.
    Bound {
        since: Instant,
        ping: Option<Instant>,
    },
    /// We are done: the stream is being closed.
    Leaving {
        since: Instant,
    },
}

impl App<InitiatorRole> for Script {
    type Mail = Infallible;

    fn event(&mut self, event: &Event<'_>, now: Instant) {
        match event {
            Event::Stanza(stanza) if self.is_pong(stanza) => self.answered(stanza),
            Event::Stanza(stanza) => {
                self.lines.event(event);
                self.answered(stanza);
                self.replies.extend(reply(stanza));
            }
            Event::Established(established) => {
                self.lines.event(event);
                if established.resumed().is_some() {
                    self.resuming = None;
                }
                self.state = State::Bound {
                    since: now,
                    ping: self.pings_under_way().then_some(now),
                };
            }
            Event::Acknowledged(ticket) => self.acknowledged(*ticket),
            // There was nothing to resume, and it goes on without.
            Event::ManagementRefused(refused) if refused.session().is_none() => {
                self.lines.management_failed(0, 0);
            }
            Event::ResetAdvised(cause) if self.resets == Resets::WhenAdvised => {
                self.resets = Resets::Now(*cause);
            }
            _ => self.lines.event(event),
        }
    }

    fn act(&mut self, machine: &mut Initiator, now: Instant) -> Option<Instant> {
        self.memory.keep(machine);
        if self.resuming.is_some() {
            match machine.take_sm_state() {
                Some(session) if session.is_resumable() => self.session = Some(session),
                Some(session) => self.not_resumed(&session),
                None => {}
            }
        }
        let State::Bound { since, ping } = self.state else {
            return None;
        };
        self.send_replies(machine);
        if let Some(sent) = ping {
            let patience = sent + PATIENCE;
            if patience <= now {
                self.lines.trace(format_args!("no answer: TCP is dead"));
                machine.transport_failed();
            }
            return Some(patience);
        }
        if !self.send_steps(machine, now) {
            return None;
        }
        let leave = *self.leave.get_or_insert(now + self.stay);
        if leave <= now {
            if let Some(session) = machine.session() {
                session.close();
                self.state = State::Leaving { since };
            }
        }
        Some(leave)
    }

    fn take_reset(&mut self) -> Option<ResetCause> {
        match self.resets {
            Resets::Now(cause) => {
                self.resets = Resets::WhenAdvised;
                Some(cause)
            }
            Resets::Never | Resets::WhenAdvised => None,
        }
    }

    fn wants_mail(&self) -> bool {
        false
    }

    fn mail(&mut self, mail: Infallible) {
        match mail {}
    }
}

impl Script {
    pub fn new<'a>(
        sends: impl Iterator<Item = &'a str>,
        pings: u32,
        stay: Duration,
        lines: Lines,
    ) -> Result<Self, XmlError> {
        let mut steps = sends.map(Step::send).collect::<Result<Vec<_>, _>>()?;
        steps.extend((1..=pings).map(Step::ping));
        Ok(Self {
            steps,
            stay,
            leave: None,
            state: State::Negotiating,
            replies: Vec::new(),
            session: None,
            resuming: None,
            resets: Resets::Never,
            memory: Memory::default(),
            lines,
        })
    }

    /// The same, with resets when the machine advises them.
    pub fn resetting(mut self, resetting: bool) -> Self {
        if resetting {
            self.resets = Resets::WhenAdvised;
        }
        self
    }

    /// The same, with files for what logins bring.
    pub fn remembering(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The machine of the next connection: it resumes the session, if there is
    /// one.
    pub fn begin(&mut self, config: &Arc<InitiatorConfig>, now: Instant) -> Initiator {
        if let Some(session) = self.session.take() {
            self.resuming = Some(session.unacknowledged().count());
            match Initiator::resume(Arc::clone(config), session, now) {
                Ok(machine) => return machine,
                Err(error) => {
                    eprintln!("not resumed: {error}");
                    self.not_resumed(&error.into_state());
                }
            }
        }
        Initiator::new(Arc::clone(config), now)
    }

    /// Where the server would like the session to be resumed.
    pub fn location(&self) -> Option<OtherHost> {
        self.session.as_ref()?.location()?.parse().ok()
    }

    /// The connection has ended. Since when it was bound, if it was.
    pub fn disconnected(&mut self, machine: &mut Initiator, close: &CloseTcp) -> Option<Instant> {
        self.memory.discard(close);
        let in_order = !close.truncated()
            && matches!(
                close.reason(),
                CloseReason::Closed { .. } | CloseReason::Reset { .. }
            );
        match machine.take_sm_state().or(self.session.take()) {
            Some(session) if session.is_resumable() => self.session = Some(session),
            Some(session) if self.resuming.is_some() => self.not_resumed(&session),
            Some(session) => self.settle(Some(&session), in_order),
            None => self.settle(None, in_order),
        }
        match std::mem::replace(&mut self.state, State::Negotiating) {
            State::Negotiating => None,
            State::Bound { since, .. } | State::Leaving { since } => Some(since),
        }
    }

    /// The server has not resumed this session.
    fn not_resumed(&mut self, session: &SmState) {
        let fates = || session.unacknowledged().map(|stanza| stanza.fate);
        let unknown = fates().filter(|fate| *fate == Fate::Unknown).count();
        let before = self.resuming.take().unwrap_or_default();
        let handled = before.saturating_sub(fates().count());
        self.lines.management_failed(handled, unknown);
        self.settle(Some(session), false);
    }

    /// Nothing more comes of what was sent: decides what is done again. With
    /// stream management `session` is the one that is over.
    fn settle(&mut self, session: Option<&SmState>, in_order: bool) {
        self.replies.clear();
        let fate = |ticket| {
            let mut unacknowledged = session?.unacknowledged();
            let stanza = unacknowledged.find(|stanza| stanza.ticket == ticket)?;
            Some(stanza.fate)
        };
        for step in &mut self.steps {
            step.progress = match (step.progress, step.kind) {
                (Progress::Handled, _) => Progress::Handled,
                (Progress::Todo, _)
                | (Progress::Sent(_) | Progress::Acknowledged, Kind::Ping(_)) => Progress::Todo,
                (Progress::Sent(_), Kind::Notice) if in_order => Progress::Handled,
                (Progress::Sent(_), _) if session.is_none() => Progress::Todo,
                (Progress::Sent(ticket), kind) => match (fate(ticket), kind) {
                    (Some(Fate::Unsent | Fate::Unhandled), _) => Progress::Todo,
                    (None, Kind::Notice) => Progress::Handled,
                    (None, _) => step.give_up("its answer is lost"),
                    (Some(_), _) => step.give_up("the server may have it"),
                },
                (Progress::Acknowledged, _) => step.give_up("its answer is lost"),
            };
        }
    }

    /// Notes that the server has everything up to this ticket.
    fn acknowledged(&mut self, last: Ticket) {
        self.lines
            .trace(format_args!("acknowledged up to {last:?}"));
        for step in &mut self.steps {
            step.progress = match (step.progress, step.kind) {
                (Progress::Sent(ticket), Kind::Notice) if ticket <= last => Progress::Handled,
                (Progress::Sent(ticket), _) if ticket <= last => Progress::Acknowledged,
                (other, _) => other,
            };
        }
    }

    /// Whether a ping of an earlier connection is still to be answered.
    fn pings_under_way(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.kind, Kind::Ping(_)) && step.progress.awaits_answer())
    }

    /// Sends what fits, up to a ping. Whether nothing is left to do.
    fn send_steps(&mut self, machine: &mut Initiator, now: Instant) -> bool {
        let Some(mut session) = machine.session() else {
            return false;
        };
        for step in &mut self.steps {
            if step.progress != Progress::Todo {
                continue;
            }
            match session.send(&step.text) {
                Ok(ticket) => {
                    self.lines.trace(format_args!("sent {}", step.text));
                    step.progress = Progress::Sent(ticket);
                }
                Err(SendError::Full { .. }) => return false,
                Err(error) => {
                    eprintln!("not sent: {error}: {}", step.text);
                    step.progress = Progress::Handled;
                }
            }
            if let (Kind::Ping(_), State::Bound { ping, .. }) = (step.kind, &mut self.state) {
                *ping = Some(now);
                return false;
            }
        }
        true
    }

    fn send_replies(&mut self, machine: &mut Initiator) {
        let Some(mut session) = machine.session() else {
            return;
        };
        for reply in self.replies.drain(..) {
            match session.send(&reply) {
                Ok(_) => self.lines.trace(format_args!("sent {reply}")),
                Err(error) => eprintln!("not sent: {error}: {reply}"),
            }
        }
    }

    /// Whether this is what the ping under way waits for.
    fn is_pong(&self, stanza: &Stanza<'_>) -> bool {
        self.position(stanza)
            .is_some_and(|at| matches!(self.steps[at].kind, Kind::Ping(_)))
    }

    /// Notes that a step was answered, if this answers one.
    fn answered(&mut self, stanza: &Stanza<'_>) {
        let Some(at) = self.position(stanza) else {
            return;
        };
        for step in &mut self.steps[..=at] {
            step.progress = Progress::Handled;
        }
        if let Kind::Ping(n) = self.steps[at].kind {
            self.lines.say("pong", &json!({ "n": n }));
            if let State::Bound { ping, .. } = &mut self.state {
                *ping = None;
            }
        }
    }

    /// The step a stanza answers: the same id, and no request itself.
    fn position(&self, stanza: &Stanza<'_>) -> Option<usize> {
        let asks = matches!(stanza.attr("type").as_deref(), Some("get" | "set"));
        let id = stanza.attr("id").filter(|_| !asks)?;
        self.steps
            .iter()
            .position(|step| step.progress.awaits_answer() && step.id.as_deref() == Some(&*id))
    }
}

impl Progress {
    fn awaits_answer(self) -> bool {
        matches!(self, Self::Sent(_) | Self::Acknowledged)
    }
}

impl Step {
    fn send(text: &str) -> Result<Self, XmlError> {
        let parsed = StanzaBuf::parse(text)?;
        let stanza = parsed.as_stanza();
        let request =
            stanza.name() == "iq" && matches!(stanza.attr("type").as_deref(), Some("get" | "set"));
        Ok(Self {
            text: text.to_owned(),
            id: stanza.attr("id").map(Cow::into_owned),
            kind: if request { Kind::Request } else { Kind::Notice },
            progress: Progress::Todo,
        })
    }

    /// It is not done again, and nobody knows what became of it.
    fn give_up(&self, why: &str) -> Progress {
        eprintln!("not sent again, because {why}: {}", self.text);
        Progress::Handled
    }

    fn ping(n: u32) -> Self {
        let id = format!("ping-{n}");
        Self {
            text: format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"),
            id: Some(id),
            kind: Kind::Ping(n),
            progress: Progress::Todo,
        }
    }
}

/// The answer to an iq (RFC 6120 8.2.3): pings are answered, other requests and an iq of none of
/// the four types are refused.
fn reply(stanza: &Stanza<'_>) -> Option<String> {
    if stanza.name() != "iq" {
        return None;
    }
    let (kind, content) = match stanza.attr("type").as_deref() {
        Some("result" | "error") => return None,
        Some("get" | "set") if stanza.child("ping", "urn:xmpp:ping").is_some() => ("result", ""),
        Some("get" | "set") => (
            "error",
            "<error type='cancel'><service-unavailable \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        ),
        _ => (
            "error",
            "<error type='modify'><bad-request \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        ),
    };
    let mut out = format!("<iq type='{kind}'");
    for (ours, theirs) in [("to", "from"), ("id", "id")] {
        if let Some(value) = stanza.attr(theirs) {
            let value = write::escape_attr(&value).ok()?;
            write!(out, " {ours}='{value}'").ok()?;
        }
    }
    write!(out, ">{content}</iq>").ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iq_of_none_of_the_four_types_is_a_bad_request() {
        let answered = |kind: &str| {
            let xml = format!("<iq xmlns='jabber:client' from='a@b' id='1' {kind}/>");
            reply(&StanzaBuf::parse(&xml).unwrap().as_stanza())
        };
        for kind in ["type='nonsense'", "type='GET'", "type=''", ""] {
            let answer = answered(kind).expect(kind);
            assert!(answer.starts_with("<iq type='error' to='a@b' id='1'><error"));
            assert!(answer.contains("<bad-request "), "{answer}");
        }
        for kind in ["type='get'", "type='set'"] {
            let answer = answered(kind).expect(kind);
            assert!(answer.contains("<service-unavailable "), "{answer}");
        }
        for kind in ["type='result'", "type='error'"] {
            assert_eq!(answered(kind), None, "{kind}");
        }
    }
}
