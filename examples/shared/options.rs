//! Command lines: `--name VALUE` and `--name`.

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

/// What is wrong with the command line, or with a file it names.
#[derive(Debug)]
pub struct Usage(pub String);

impl Usage {
    /// Prints the complaint; the exit code for it.
    pub fn exit(&self) -> ExitCode {
        eprintln!("{}", self.0);
        ExitCode::from(64)
    }
}

/// The options that were given, in their order.
#[derive(Debug)]
pub struct Options(Vec<(String, String)>);

impl Options {
    /// Reads this process's arguments. `valued` options take a value, `flags`
    /// none.
    pub fn read(valued: &[&str], flags: &[&str]) -> Result<Self, Usage> {
        let mut given = Vec::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let name = argument
                .strip_prefix("--")
                .ok_or_else(|| Usage(format!("not an option: {argument}")))?;
            let value = if flags.contains(&name) {
                String::new()
            } else if valued.contains(&name) {
                arguments
                    .next()
                    .ok_or_else(|| Usage(format!("--{name} needs a value")))?
            } else {
                return Err(Usage(format!("unknown option: --{name}")));
            };
            given.push((name.to_owned(), value));
        }
        Ok(Self(given))
    }

    /// Every value of an option.
    pub fn all<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.0
            .iter()
            .filter(move |(given, _)| *given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of an option; the last one if it was repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next_back()
    }

    /// The value of an option that must be there.
    pub fn need(&self, name: &str) -> Result<&str, Usage> {
        self.get(name)
            .ok_or_else(|| Usage(format!("--{name} is needed")))
    }

    /// Whether a flag was given.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of an option as something else.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>, Usage>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.get(name)
            .map(|value| value.parse().map_err(bad(name)))
            .transpose()
    }
}

/// Complains about an option.
pub fn bad<E: Display>(name: &str) -> impl Fn(E) -> Usage {
    move |error| Usage(format!("--{name}: {error}"))
}
