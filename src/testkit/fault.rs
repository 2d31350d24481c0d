//! What goes wrong on a connection, when, and where.

use alloc::vec::Vec;
use core::time::Duration;

use super::link::Entity;
use super::rng::Rng;
use crate::close::Phase;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// What was written at once is read in parts.
    Split,
    /// TCP takes a part of what it is offered.
    PartialWrite,
    /// Bytes are on their way for a while.
    Delay,
    /// The connection ends with FIN at some byte.
    CutWithFin,
    /// The connection ends with RST at some byte, and what is on its way is lost.
    CutWithRst,
    /// One direction ends with FIN at some byte, the other goes on.
    HalfClose,
    /// Nothing is delivered for a while, which may be longer than any deadline.
    Stall,
    /// One entity resets the stream (RFC 6120 4.9.3.16).
    Reset,
    /// Both entities reset the stream before either has heard of the other's reset.
    ResetByBoth,
    /// One entity closes the stream (RFC 6120 4.4).
    Close,
    /// One entity's application aborts the connection.
    Abort,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Split,
        Self::PartialWrite,
        Self::Delay,
        Self::CutWithFin,
        Self::CutWithRst,
        Self::HalfClose,
        Self::Stall,
        Self::Reset,
        Self::ResetByBoth,
        Self::Close,
        Self::Abort,
    ];

    /// Those that a [`FaultPlan`] consists of. The others come from
    /// [`Traffic`](super::Traffic).
    pub const PLANNED: [Self; 8] = [
        Self::CutWithFin,
        Self::CutWithRst,
        Self::HalfClose,
        Self::Stall,
        Self::Reset,
        Self::ResetByBoth,
        Self::Close,
        Self::Abort,
    ];

    /// Returns the kind in kebab-case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::PartialWrite => "partial-write",
            Self::Delay => "delay",
            Self::CutWithFin => "cut-with-fin",
            Self::CutWithRst => "cut-with-rst",
            Self::HalfClose => "half-close",
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::ResetByBoth => "reset-by-both",
            Self::Close => "close",
            Self::Abort => "abort",
        }
    }
}

/// One fault that is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// To whom: whose input is cut or stalled, or who resets, closes or aborts.
    pub on: Entity,
    /// In which phase of its stream.
    pub phase: Phase,
    /// After how many bytes that it reads in that phase.
    pub after: u64,
    /// It happens after this time in any case.
    pub patience: Duration,
    /// How long a stall lasts.
    pub lasts: Duration,
}

/// The faults of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan(Vec<Fault>);

impl FaultPlan {
    /// Nothing goes wrong.
    pub const NONE: Self = Self(Vec::new());

    /// Takes these faults. Each happens once, if its phase is reached.
    #[must_use]
    pub const fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    /// Draws one to three faults in some of the phases.
    pub fn draw(rng: &mut Rng, phases: &[Phase]) -> Self {
        let mut faults: Vec<Fault> = (0..=rng.below(3))
            .map(|_| Fault::draw(rng, phases))
            .collect();
        // Something has to begin the end.
        let closing = faults.iter().any(|fault| fault.phase == Phase::Closing);
        if closing {
            let kinds = [FaultKind::Reset, FaultKind::Close, FaultKind::ResetByBoth];
            faults.push(Fault {
                kind: rng.pick(&kinds).copied().unwrap_or(FaultKind::Close),
                phase: Phase::Established,
                ..Fault::draw(rng, phases)
            });
        }
        Self(faults)
    }

    /// Returns the faults.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl Fault {
    /// Draws a planned kind of fault in one of the phases.
    pub fn draw(rng: &mut Rng, phases: &[Phase]) -> Self {
        let kinds = FaultKind::PLANNED;
        let after = match rng.below(4) {
            0 => 0,
            1 => rng.below(16),
            2 => rng.below(300),
            _ => rng.below(3_000),
        };
        Self {
            kind: rng.pick(&kinds).copied().unwrap_or(FaultKind::CutWithRst),
            on: match rng.once_in(2) {
                true => Entity::Initiating,
                false => Entity::Receiving,
            },
            phase: rng.pick(phases).copied().unwrap_or(Phase::Established),
            after,
            patience: Duration::from_millis(rng.below(4_000)),
            lasts: Duration::from_millis(match rng.below(3) {
                0 => rng.below(2_000),
                1 => rng.below(30_000),
                _ => rng.below(150_000),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_with_a_fault_at_the_end_begins_the_end() {
        let mut rng = Rng::new(1);
        for _ in 0..200 {
            let plan = FaultPlan::draw(&mut rng, &[Phase::Closing]);
            let begins = |fault: &Fault| {
                fault.phase == Phase::Established
                    && matches!(
                        fault.kind,
                        FaultKind::Reset | FaultKind::Close | FaultKind::ResetByBoth
                    )
            };
            assert!(plan.faults().iter().any(begins));
        }
    }
}
