//! The conversation: pings, then a reset or the end.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use xmpp_stream::reset::ResetCause;
use xmpp_stream::time::Instant;
use xmpp_stream::{Event, Initiator};

/// How many pings are answered before the conversation goes on.
const PINGS: u32 = 3;

/// How long the server is waited for to reset the stream; then the client does.
const PATIENCE: Duration = Duration::from_secs(6);

/// How far a conversation has come.
#[derive(Debug)]
pub(crate) struct Talk {
    ending: Ending,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Reset,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Negotiating,
    /// So many pings were answered.
    Idle(u32),
    /// This ping waits for its answer.
    Pinged(u32),
    /// Since when the server's reset is waited for.
    Waiting(Instant),
    Leaving,
}

impl Talk {
    /// Pings and waits for a reset.
    pub(crate) fn until_reset() -> Self {
        Self {
            ending: Ending::Reset,
            state: State::Negotiating,
        }
    }

    /// Pings and closes.
    pub(crate) fn until_closed() -> Self {
        Self {
            ending: Ending::Closed,
            state: State::Negotiating,
        }
    }

    /// Whether a reset is the end this conversation was to have, and all pings were answered.
    pub(crate) fn ends_with_reset(&self) -> bool {
        self.ending == Ending::Reset && matches!(self.state, State::Waiting(_) | State::Leaving)
    }

    /// Whether this side has closed, and all pings were answered.
    pub(crate) fn has_closed(&self) -> bool {
        self.ending == Ending::Closed && self.state == State::Leaving
    }

    /// Looks at what has happened; a line about it.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> String {
        match (event, self.state) {
            (Event::Established(established), _) => {
                self.state = State::Idle(0);
                format!("bound: {:?}", established.jid())
            }
            (Event::Stanza(answer), State::Pinged(n))
                if answer.attr("id").as_deref() == Some(&format!("ping-{n}"))
                    && answer.attr("type").as_deref() == Some("result") =>
            {
                self.state = State::Idle(n);
                format!("pong {n}")
            }
            (event, _) => format!("{event:?}"),
        }
    }

    /// Says what is to be said now.
    pub(crate) fn act(&mut self, machine: &mut Initiator, now: Instant) {
        let Some(mut session) = machine.session() else {
            return;
        };
        match (self.state, self.ending) {
            (State::Idle(PINGS), Ending::Reset) => self.state = State::Waiting(now),
            (State::Idle(PINGS), Ending::Closed) => {
                session.close();
                self.state = State::Leaving;
            }
            (State::Idle(n), _) => {
                let n = n + 1;
                let ping =
                    format!("<iq type='get' id='ping-{n}'><ping xmlns='urn:xmpp:ping'/></iq>");
                if session.send(&*ping).is_ok() {
                    self.state = State::Pinged(n);
                }
            }
            (State::Waiting(since), _) if now >= since + PATIENCE => {
                session.reset(ResetCause::KeyRefresh);
                self.state = State::Leaving;
            }
            (State::Negotiating | State::Pinged(_) | State::Waiting(_) | State::Leaving, _) => {}
        }
    }
}
