//! What came of a scenario.

use xmpp_stream::Manner;

/// The three sequences.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    pub events: Vec<String>,
    /// Type and content of each record, or all stream text at once.
    pub units: Vec<(u8, Vec<u8>)>,
    pub close: String,
    pub manner: Option<Manner>,
    /// How many bytes the peer sent after the handshake.
    pub length: usize,
}

impl Outcome {
    /// Whether it is the same as `other`; where the end was abrupt, one's
    /// units may be a prefix of the other's.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let units = if self.manner == Some(Manner::Abort) {
            let (ours, theirs) = (self.flat(), other.flat());
            let n = ours.len().min(theirs.len());
            ours[..n] == theirs[..n]
        } else {
            self.units == other.units
        };
        units && self.events == other.events && self.close == other.close
    }

    fn flat(&self) -> Vec<u8> {
        self.units
            .iter()
            .flat_map(|(_, unit)| unit.clone())
            .collect()
    }
}

impl core::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f)?;
        for event in &self.events {
            writeln!(f, "  event {event}")?;
        }
        for (kind, unit) in &self.units {
            writeln!(f, "  out {kind} {:?}", String::from_utf8_lossy(unit))?;
        }
        writeln!(f, "  close {}", self.close)
    }
}
