//! The situations that a driver is brought into.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::exchange::{Finale, Part};
use crate::testkit::attack::{Attack, Renegotiation, content_type};
use crate::testkit::link::{Portion, Traffic};
use crate::testkit::peer::Moment;

/// Where a driver under test finds itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Situation {
    /// Everything moves at once.
    Fair,
    /// One byte is read and written at a time, and signals come.
    Bytewise,
    /// Bytes move in parts and late, TCP takes little, and signals come. The number is a seed.
    Uneven(u64),
    /// Much is written in both directions, more than TCP and the machine hold.
    Full,
    /// The peer never says anything.
    Silent,
    /// The peer neither reads nor writes once the stream is established, and much is to be sent.
    Stopped,
    /// The peer falls silent once the stream is established, and then the stream is closed: nobody
    /// answers.
    Unanswered,
    /// The application aborts while bytes wait for TCP.
    LocalAbort,
    /// The application ends the stream with an error, and the peer has more to say.
    LocalError,
    /// The peer writes something that is no XML.
    Malformed,
    /// TCP ends (FIN) once the stream is established.
    Fin,
    /// TCP fails (RST) once the stream is established.
    Rst,
    /// The peer attempts a TLS renegotiation. Only with TLS.
    Renegotiation(Renegotiation),
}

impl Situation {
    /// Every situation that needs no TLS, with some seeds.
    #[must_use]
    pub fn plaintext() -> Vec<Self> {
        let mut all = vec![
            Self::Fair,
            Self::Bytewise,
            Self::Full,
            Self::Silent,
            Self::Stopped,
            Self::Unanswered,
            Self::LocalAbort,
            Self::LocalError,
            Self::Malformed,
            Self::Fin,
            Self::Rst,
        ];
        all.extend((0..8).map(Self::Uneven));
        all
    }

    /// Every situation, with some seeds.
    #[must_use]
    pub fn tls() -> Vec<Self> {
        let mut all = Self::plaintext();
        all.extend(Renegotiation::ALL.map(Self::Renegotiation));
        all
    }

    pub(super) fn seed(self) -> u64 {
        match self {
            Self::Uneven(seed) => seed,
            _ => 1,
        }
    }

    /// Whether the end is a deadline, so that its time is known.
    pub(super) const fn is_timed(self) -> bool {
        matches!(self, Self::Silent | Self::Stopped | Self::Unanswered)
    }

    /// Whether the machine has the last word, to a peer that reads it.
    pub(super) const fn is_answered(self) -> bool {
        matches!(self, Self::Malformed | Self::Silent | Self::Unanswered)
    }

    pub(super) const fn interrupts(self) -> bool {
        matches!(self, Self::Bytewise | Self::Uneven(_))
    }

    pub(super) fn traffic(self) -> Traffic {
        let [write, read] = match self {
            Self::Bytewise => [Portion::Byte; 2],
            Self::Uneven(seed) if seed % 2 == 0 => [Portion::UpTo(40), Portion::UpTo(400)],
            Self::Uneven(_) => [Portion::UpTo(2_000), Portion::UpTo(7)],
            _ => [Portion::Whole; 2],
        };
        let (latency, window) = match self {
            Self::Uneven(seed) => (0..=seed % 5, 700 + 900 * (usize::from(seed % 3 == 0))),
            Self::Full => (0..=1, 64 << 10),
            // Less than the machine has to say.
            Self::LocalAbort | Self::Stopped | Self::Renegotiation(_) => (0..=0, 4 << 10),
            _ => (0..=0, 1 << 20),
        };
        Traffic {
            write,
            read,
            latency,
            window,
        }
    }

    pub(super) const fn part(self) -> Part {
        let (sends, hears, size) = match self {
            Self::Full => (60, 60, 2_000),
            Self::Stopped | Self::LocalAbort | Self::Renegotiation(_) => (40, 0, 1_000),
            Self::LocalError => (3, 3, 100),
            Self::Bytewise => (4, 4, 60),
            Self::Uneven(_) => (12, 12, 120),
            _ => (10, 10, 100),
        };
        let finale = match self {
            Self::Fair | Self::Bytewise | Self::Uneven(_) | Self::Full | Self::Unanswered => {
                Finale::Close
            }
            Self::LocalAbort => Finale::Abort,
            Self::LocalError => Finale::Fail,
            _ => Finale::Wait,
        };
        let hears = match self {
            Self::Unanswered => 0,
            _ => hears,
        };
        Part {
            sends,
            hears,
            size,
            finale,
        }
    }

    /// What the peer does that it must not.
    pub(super) fn script(self) -> Vec<(Moment, Vec<Attack>)> {
        let (moment, attack) = match self {
            Self::Silent => (Moment::AtOnce, Attack::Silence),
            Self::Stopped => (Moment::Established, Attack::Stop),
            Self::Unanswered => (Moment::Established, Attack::Silence),
            Self::Malformed => (
                Moment::Stanza(3),
                Attack::Text(b"<message></massage>".to_vec()),
            ),
            Self::Fin => (Moment::Stanza(2), Attack::Fin),
            Self::Rst => (Moment::Stanza(2), Attack::Rst),
            Self::Renegotiation(how) => {
                // What TLS 1.3 does not take for an attempt ends with the record that follows.
                let forged = Attack::Forged {
                    content_type: content_type::DATA,
                    payload: vec![7; 40],
                };
                return vec![(Moment::Stanza(2), vec![Attack::Renegotiate(how), forged])];
            }
            Self::Fair
            | Self::Bytewise
            | Self::Uneven(_)
            | Self::Full
            | Self::LocalAbort
            | Self::LocalError => return Vec::new(),
        };
        vec![(moment, vec![attack])]
    }
}

/// What a driver did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{situation:?}: the driver {what}")]
pub struct DriverFault {
    situation: Situation,
    what: String,
}

impl DriverFault {
    pub(super) const fn new(situation: Situation, what: String) -> Self {
        Self { situation, what }
    }

    /// Returns where it happened.
    #[must_use]
    pub const fn situation(&self) -> Situation {
        self.situation
    }

    /// Returns what happened, for people.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
