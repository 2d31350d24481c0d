//! Numbered stanzas that one application receives under stream management.

use alloc::format;

use super::application::Violation;
use super::outgoing::{Numbered, Outgoing};

/// What one application receives of an [`Outgoing`]: each stanza once and in order, over all
/// sessions, but for doubles that are flagged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// How many have arrived, which are the first ones.
    arrived: u64,
    /// How many arrived once more, flagged.
    doubles: u64,
}

impl Incoming {
    /// Returns one to which nothing has arrived.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            arrived: 0,
            doubles: 0,
        }
    }

    /// A stanza has arrived. `again` says that it may be a double: the peer has said so, or this
    /// side's machine ([`Session::is_redelivery`](crate::Session::is_redelivery)).
    ///
    /// # Errors
    /// A [`Violation`] if one before it is missing, or if it is a double that is not flagged.
    pub fn arrived(&mut self, numbered: Numbered) -> Result<(), Violation> {
        let Numbered { number, again } = numbered;
        let expected = self.arrived;
        if number == expected {
            self.arrived += 1;
            return Ok(());
        }
        let what = match (number < expected, again) {
            (true, true) => {
                self.doubles += 1;
                return Ok(());
            }
            (true, false) => "is a double that is not flagged",
            (false, _) => "is out of order, or something is lost",
        };
        Err(Violation(format!("{number} {what}: expected {expected}")))
    }

    /// Drops what has arrived after the first `count`: it was delivered, and its session was dropped
    /// before the application had handled it ([`AckMode::Handled`](crate::sm::AckMode::Handled)).
    pub const fn roll_back(&mut self, count: u64) {
        if count < self.arrived {
            self.arrived = count;
        }
    }

    /// Returns how many stanzas have arrived, doubles not counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.arrived
    }

    /// Returns how many flagged doubles have arrived.
    #[must_use]
    pub const fn doubles(&self) -> u64 {
        self.doubles
    }

    /// Compares what has arrived with what the sender was told of.
    ///
    /// # Errors
    /// A [`Violation`] if something was reported as handled and has not arrived.
    pub fn compare(&self, outgoing: &Outgoing) -> Result<(), Violation> {
        match outgoing.delivered().find(|number| *number >= self.arrived) {
            Some(number) => Err(Violation(format!(
                "{number} was acknowledged and has not arrived"
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(numbers: &[(u64, bool)]) -> Result<Incoming, Violation> {
        let mut incoming = Incoming::new();
        for (number, again) in numbers {
            incoming.arrived(Numbered {
                number: *number,
                again: *again,
            })?;
        }
        Ok(incoming)
    }

    #[test]
    fn each_stanza_arrives_once_and_in_order_but_for_flagged_doubles() {
        let incoming = arrive(&[(0, false), (1, false), (0, true), (1, true), (2, true)]).unwrap();
        assert_eq!((incoming.count(), incoming.doubles()), (3, 2));
        arrive(&[(0, false), (0, false)]).unwrap_err();
        arrive(&[(0, false), (2, false)]).unwrap_err();
        arrive(&[(1, true)]).unwrap_err();
    }
}
