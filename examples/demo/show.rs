//! What is printed, and how.

use std::env;
use std::io::{self, IsTerminal, Write};

use crate::{Failure, Outcome};

/// Columns of a line without `--verbose`.
const COLUMNS: usize = 110;

#[derive(Clone, Copy)]
pub struct Show {
    pub verbose: bool,
    has_colours: bool,
}

#[derive(Clone, Copy)]
pub enum Colour {
    None,
    Bold,
    Red,
    Green,
    Blue,
}

impl Show {
    /// Colours are for terminals only, and for nobody who sets `NO_COLOR` (no-color.org).
    pub fn new(verbose: bool) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            verbose,
            has_colours: !refused && io::stdout().is_terminal(),
        }
    }

    pub fn chapter(self, title: &str) {
        self.line(Colour::None, "");
        self.line(Colour::Bold, &format!("==== {title}"));
    }

    /// What somebody does, or what happens to him.
    pub fn trace(self, who: &str, colour: Colour, what: &str) {
        self.line(colour, &format!("  {who:<8} {what}"));
    }

    /// Says that something holds, or fails.
    pub fn check(self, holds: bool, what: &str) -> Outcome {
        if !holds {
            return Err(Failure(what.to_owned()));
        }
        self.line(Colour::Green, &format!("  ok       {what}"));
        Ok(())
    }

    pub fn line(self, colour: Colour, text: &str) {
        let mut text = text.to_owned();
        if let Some((end, _)) = text.char_indices().nth(COLUMNS).filter(|_| !self.verbose) {
            text.truncate(end);
            text.push_str(" ...");
        }
        if let (Some(code), true) = (colour.code(), self.has_colours) {
            text = format!("\x1b[{code}m{text}\x1b[0m");
        }
        // Who closes the pipe wants to see no more. The exit code still tells.
        let _ = writeln!(io::stdout(), "{text}");
    }
}

impl Colour {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bold => Some("1"),
            Self::Red => Some("1;31"),
            Self::Green => Some("32"),
            Self::Blue => Some("34"),
        }
    }
}
