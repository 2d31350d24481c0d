//! What a run of simulations has met: kinds of fault by phase of the stream.

use alloc::collections::BTreeMap;
use core::fmt;

use super::fault::FaultKind;
use crate::close::Phase;

/// Counts how often each kind of fault has happened in each phase of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(FaultKind, Phase), u64>);

impl Coverage {
    /// Returns one without a count.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Counts a fault in a phase.
    pub fn count(&mut self, kind: FaultKind, phase: Phase) {
        *self.0.entry((kind, phase)).or_default() += 1;
    }

    /// Adds the counts of another one.
    pub fn add(&mut self, other: &Self) {
        for (cell, n) in &other.0 {
            *self.0.entry(*cell).or_default() += n;
        }
    }

    /// Returns how often the kind of fault has happened in the phase.
    #[must_use]
    pub fn of(&self, kind: FaultKind, phase: Phase) -> u64 {
        self.0.get(&(kind, phase)).copied().unwrap_or_default()
    }

    /// Returns the smallest count among those of all kinds in these phases, and where it is.
    #[must_use]
    pub fn least(&self, phases: &[Phase]) -> Option<(FaultKind, Phase, u64)> {
        let cells = FaultKind::ALL
            .into_iter()
            .flat_map(|kind| phases.iter().map(move |phase| (kind, *phase)));
        cells
            .map(|(kind, phase)| (kind, phase, self.of(kind, phase)))
            .min_by_key(|(.., n)| *n)
    }
}

/// Writes a table: a line for each kind, a column for each phase that was met.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases: BTreeMap<Phase, ()> = self.0.keys().map(|(_, phase)| (*phase, ())).collect();
        write!(f, "{:16}", "")?;
        for phase in phases.keys() {
            write!(f, "{:>16}", heading(*phase))?;
        }
        for kind in FaultKind::ALL {
            write!(f, "\n{:16}", kind.as_str())?;
            for phase in phases.keys() {
                write!(f, "{:>16}", self.of(kind, *phase))?;
            }
        }
        Ok(())
    }
}

const fn heading(phase: Phase) -> &'static str {
    match phase {
        Phase::Header => "header",
        Phase::TlsHandshake => "tls-handshake",
        Phase::Authentication => "authentication",
        Phase::Binding => "binding",
        Phase::Established => "established",
        Phase::Closing => "closing",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_least_count_is_that_of_the_rarest_cell() {
        let mut coverage = Coverage::new();
        let phases = [Phase::Header, Phase::Closing];
        for kind in FaultKind::ALL {
            for phase in phases {
                coverage.count(kind, phase);
                coverage.count(kind, phase);
            }
        }
        let mut twice = coverage.clone();
        twice.add(&coverage);
        assert_eq!(twice.of(FaultKind::Stall, Phase::Closing), 4);
        assert_eq!(coverage.least(&phases).unwrap().2, 2);
        let missing = coverage.least(&[Phase::Header, Phase::Binding]).unwrap();
        assert_eq!((missing.1, missing.2), (Phase::Binding, 0));
        assert!(coverage.to_string().contains("header"));
    }
}
