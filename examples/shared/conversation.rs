//! The conversation of the driver examples: log in, ping, close.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use xmpp_stream::config::InitiatorConfig;
use xmpp_stream::{CloseTcp, Event, Initiator};

use crate::shared::account;
use crate::shared::lines::{Lines, exit_code};
use crate::shared::options::{Options, Usage};

const PING: &str = "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>";

/// How far the conversation has come.
pub struct Conversation {
    state: State,
    lines: Lines,
}

enum State {
    Negotiating,
    Bound,
    Pinged,
    Answered,
    Leaving,
}

impl Conversation {
    /// From the command line: what the machine is made from, the address of
    /// its server, and the conversation.
    pub fn begin() -> Result<(Arc<InitiatorConfig>, String, Self), Usage> {
        let options = Options::read(&account::VALUED, &account::FLAGS)?;
        let config = account::config(&options)?;
        let address = options.need("connect")?.to_owned();
        let conversation = Self {
            state: State::Negotiating,
            lines: Lines {
                conn: None,
                trace: false,
            },
        };
        Ok((config, address, conversation))
    }

    /// Looks at what has happened.
    pub fn event(&mut self, event: &Event<'_>) {
        match (event, &self.state) {
            (Event::Established(_), _) => {
                self.lines.event(event);
                self.state = State::Bound;
            }
            (Event::Stanza(answer), State::Pinged)
                if answer.attr("id").as_deref() == Some("ping") =>
            {
                self.lines.say("pong", &json!({"n": 1}));
                self.state = State::Answered;
            }
            _ => self.lines.event(event),
        }
    }

    /// Says what is to be said now.
    pub fn act(&mut self, machine: &mut Initiator) {
        let Some(mut session) = machine.session() else {
            return;
        };
        match self.state {
            State::Bound => match session.send(PING) {
                Ok(_) => self.state = State::Pinged,
                Err(error) => eprintln!("not sent: {error}"),
            },
            State::Answered => {
                session.close();
                self.state = State::Leaving;
            }
            State::Negotiating | State::Pinged | State::Leaving => {}
        }
    }

    /// The end: the last line, and the exit code.
    pub fn end(&self, close: &CloseTcp) -> ExitCode {
        self.lines.closed(close);
        ExitCode::from(exit_code(close.reason()))
    }
}

/// The exit code where not even TCP came about, or could not be set up.
pub fn no_tcp(error: &std::io::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(6)
}
