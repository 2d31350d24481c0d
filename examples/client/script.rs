//! What the client does once it is bound, over several connections if need be.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use serde_json::json;
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::time::Instant;
use xmpp_stream::xml::{Stanza, StanzaBuf, XmlError, write};
use xmpp_stream::{CloseReason, CloseTcp, Event, Initiator, SendError};

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
pub struct Script {
    steps: Vec<Step>,
    stay: Duration,
    /// When to close; known once all steps are done.
    leave: Option<Instant>,
    state: State,
    /// Answers to the server's own requests.
    replies: Vec<String>,
    lines: Lines,
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
    /// Sent on this connection.
    Sent,
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
            Event::Established(_) => {
                self.lines.event(event);
                self.state = State::Bound {
                    since: now,
                    ping: None,
                };
            }
            _ => self.lines.event(event),
        }
    }

    fn act(&mut self, machine: &mut Initiator, now: Instant) -> Option<Instant> {
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
            lines,
        })
    }

    /// The connection has ended. Since when it was bound, if it was.
    pub fn disconnected(&mut self, close: &CloseTcp) -> Option<Instant> {
        let in_order = !close.truncated()
            && matches!(
                close.reason(),
                CloseReason::Closed { .. } | CloseReason::Reset { .. }
            );
        for step in &mut self.steps {
            step.progress = match (step.progress, step.kind) {
                (Progress::Sent, Kind::Notice) if in_order => Progress::Handled,
                (Progress::Handled, _) => Progress::Handled,
                (Progress::Sent | Progress::Todo, _) => Progress::Todo,
            };
        }
        self.replies.clear();
        match std::mem::replace(&mut self.state, State::Negotiating) {
            State::Negotiating => None,
            State::Bound { since, .. } | State::Leaving { since } => Some(since),
        }
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
                Ok(_) => {
                    self.lines.trace(format_args!("sent {}", step.text));
                    step.progress = Progress::Sent;
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
            .position(|step| step.progress == Progress::Sent && step.id.as_deref() == Some(&*id))
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
