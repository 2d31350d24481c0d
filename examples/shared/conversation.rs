//! The conversation of the driver examples: log in, ping, close.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use xmpp_stream::config::{InitiatorConfig, Sasl2Options};
use xmpp_stream::{CloseTcp, Event, Initiator};

use super::shared::account;
use super::shared::lines::{Lines, exit_code};
use super::shared::options::{Options, Usage};

const PING: &str = "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>";

/// How far the conversation has come.
#[derive(Debug)]
pub struct Conversation {
    state: State,
    lines: Lines,
}

#[derive(Debug)]
enum State {
    Negotiating,
    Bound,
    Pinged,
    Answered,
    Leaving,
}

impl Conversation {
    /// A conversation that has not begun.
    pub fn new() -> Self {
        Self {
            state: State::Negotiating,
            lines: Lines {
                conn: None,
                trace: false,
            },
        }
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

    /// The machine's last word: what is left to do is to end TCP.
    pub fn closed(&self, close: &CloseTcp) {
        self.lines.closed(close);
    }
}

/// A driver's `main`: reads the command line, has one conversation.
pub fn main(run: impl FnOnce(&str, Arc<InitiatorConfig>) -> io::Result<CloseTcp>) -> ExitCode {
    let options = || {
        let options = Options::read(&account::VALUED, &account::FLAGS)?;
        Ok((
            account::config(&options, Sasl2Options::new(), None)?,
            options.need("connect")?.to_owned(),
        ))
    };
    let (config, address) = match options() {
        Ok(read) => read,
        Err(usage) => return Usage::exit(&usage),
    };
    match run(&address, config) {
        Ok(close) => ExitCode::from(exit_code(close.reason())),
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::from(NO_TCP)
        }
    }
}

/// The exit code where not even TCP came about.
const NO_TCP: u8 = 6;
