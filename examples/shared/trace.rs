//! `--trace`: what happens on each connection, on stderr, a line for each thing.
//!
//! ```text
//! [1]   0.004 <- <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>
//! ```
//!
//! The number is the connection's, where there are several. The time is in seconds, since the program
//! began. Then `<-` is what was received, `->` what was sent, `--` a step of the state table, and `**`
//! what the application learns. Text is shown in full but for what is secret, as [`Payload::Full`] says:
//! `stanza` on stdout shows stanzas in full, too.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use xmpp_stream::time::{Instant, StdClock};
use xmpp_stream::trace::{Direction, Payload, Trace, Traced};

use super::options::Options;

/// Writes the trace of any number of connections.
#[derive(Debug)]
pub struct Printer {
    /// Since the program began.
    clock: StdClock,
    has_colours: bool,
}

/// The colours of a terminal (ECMA-48 8.3.117).
const PLAIN: &str = "\x1b[0m";
const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const FAINT: &str = "\x1b[2m";

impl Printer {
    /// One whose time begins now, if `--trace` is given. Colours are for terminals alone, and for nobody who has set
    /// `NO_COLOR` (no-color.org).
    pub fn from_options(options: &Options) -> Option<Arc<Self>> {
        if !options.has("trace") {
            return None;
        }
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Some(Arc::new(Self {
            clock: StdClock::new(),
            has_colours: std::io::stderr().is_terminal() && !is_refused,
        }))
    }

    /// The line.
    fn line(&self, id: u64, what: &Traced<'_>) -> String {
        let connection = match id {
            0 => String::new(),
            number => format!("[{number}] "),
        };
        let millis = self.clock.now().as_millis();
        let time = format!("{:>3}.{:03}", millis / 1000, millis % 1000);
        match self.has_colours {
            true => format!(
                "{connection}{FAINT}{time}{PLAIN} {}{what}{PLAIN}",
                colour(what)
            ),
            false => format!("{connection}{time} {what}"),
        }
    }
}

impl Trace for Printer {
    fn trace(&self, id: u64, _: Instant, what: &Traced<'_>) {
        let line = self.line(id, what);
        if cfg!(test) {
            // What goes through the macro, the test harness keeps to itself.
            eprintln!("{line}");
            return;
        }
        // A reader that has gone away is no reason to stop.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn payload(&self) -> Payload {
        Payload::Full
    }
}

fn colour(what: &Traced<'_>) -> &'static str {
    match what {
        Traced::Text(text) => match text.direction {
            Direction::In => CYAN,
            Direction::Out => GREEN,
        },
        Traced::Event(_) => YELLOW,
        Traced::CloseTcp(close) => match close.code() {
            "closed" => YELLOW,
            _ => RED,
        },
        // Records and steps are there to be looked up.
        _ => FAINT,
    }
}
