//! One simulated connection: two endpoints, the link between them, and its faults.

use alloc::vec::Vec;

use super::application::{Application, At};
use super::coverage::Coverage;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::fault::{Fault, FaultKind, FaultPlan};
use super::link::{Entity, Link};
use super::log::Log;
use super::rng::Rng;
use crate::close::Phase;
use crate::connection::{InitiatorRole, Negotiation, ResponderRole};
use crate::time::Instant;

/// A fault of the plan, and how far it is.
#[derive(Debug)]
struct Planned {
    fault: Fault,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its phase has not been reached.
    Waiting,
    /// It happens when so many bytes are read, or at this time.
    Armed { place: u64, until: Instant },
    /// It has happened, or cannot any more.
    Done,
}

/// A connection between two machines.
#[derive(Debug)]
pub(super) struct Pair {
    connection: usize,
    link: Link,
    initiating: Endpoint<InitiatorRole>,
    receiving: Endpoint<ResponderRole>,
    faults: Vec<Planned>,
    rng: Rng,
}

/// What all pairs of a simulation write to.
pub(super) struct Records<'a> {
    pub(super) coverage: &'a mut Coverage,
    pub(super) log: &'a mut Log,
}

impl Pair {
    pub(super) fn new(
        connection: usize,
        link: Link,
        initiating: Endpoint<InitiatorRole>,
        receiving: Endpoint<ResponderRole>,
        plan: &FaultPlan,
        rng: Rng,
    ) -> Self {
        let faults = plan.faults().iter().map(|fault| Planned {
            fault: fault.clone(),
            state: State::Waiting,
        });
        Self {
            connection,
            link,
            initiating,
            receiving,
            faults: faults.collect(),
            rng,
        }
    }

    pub(super) const fn connection(&self) -> usize {
        self.connection
    }

    /// Whether both sockets are closed.
    pub(super) const fn is_closed(&self) -> bool {
        self.initiating.is_closed() && self.receiving.is_closed()
    }

    /// Does what can be done at this time, on both sides, in either order. Returns whether anything
    /// was.
    pub(super) fn turn(
        &mut self,
        initiating: &mut impl Application<InitiatorRole>,
        receiving: &mut impl Application<ResponderRole>,
        now: Instant,
        records: &mut Records<'_>,
    ) -> Result<bool, Failure> {
        let at = At {
            connection: self.connection,
            now,
        };
        let mut moved = self.act_on_faults(at, records);
        let first = self.rng.below(2);
        for side in [first, 1 - first] {
            let (link, rng) = (&mut self.link, &mut self.rng);
            moved |= match side {
                0 => step(&mut self.initiating, initiating, at, link, rng, records)?,
                _ => step(&mut self.receiving, receiving, at, link, rng, records)?,
            };
        }
        Ok(moved)
    }

    /// The next time at which something happens by itself. The times that the applications have
    /// named are theirs.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let faults = self
            .faults
            .iter()
            .filter_map(|planned| match planned.state {
                State::Armed { until, .. } => Some(until),
                State::Waiting | State::Done => None,
            });
        faults
            .chain(self.initiating.deadline())
            .chain(self.receiving.deadline())
            .filter(|at| *at > now)
            .chain(self.link.next_change(now))
            .min()
    }

    /// Whether an application may still be called for this connection.
    pub(super) const fn is_running(&self, who: Entity) -> bool {
        match who {
            Entity::Initiating => self.initiating.is_running(),
            Entity::Receiving => self.receiving.is_running(),
        }
    }

    const fn phase(&self, who: Entity) -> Phase {
        match who {
            Entity::Initiating => self.initiating.phase(),
            Entity::Receiving => self.receiving.phase(),
        }
    }

    fn act_on_faults(&mut self, at: At, records: &mut Records<'_>) -> bool {
        let mut planned = core::mem::take(&mut self.faults);
        let mut struck = false;
        for planned in &mut planned {
            let Planned { fault, state } = planned;
            if !self.is_running(fault.on) {
                *state = State::Done;
            }
            if *state == State::Waiting && self.phase(fault.on) == fault.phase {
                *state = State::Armed {
                    place: self.link.delivered(fault.on) + fault.after,
                    until: at.now + fault.patience,
                };
            }
            if let State::Armed { place, until } = *state {
                if self.link.delivered(fault.on) >= place || until <= at.now {
                    *state = State::Done;
                    self.strike(fault, at, records);
                    struck = true;
                }
            }
        }
        for who in Entity::BOTH {
            let places = planned.iter().filter_map(|planned| match planned.state {
                State::Armed { place, .. } if planned.fault.on == who => Some(place),
                _ => None,
            });
            self.link.hold_at(who, places.min());
        }
        self.faults = planned;
        struck
    }

    fn strike(&mut self, fault: &Fault, at: At, records: &mut Records<'_>) {
        let (on, kind, phase) = (fault.on, fault.kind, self.phase(fault.on));
        match kind {
            FaultKind::CutWithFin => self.link.cut_with_fin(on, at.now),
            FaultKind::CutWithRst => self.link.cut_with_rst(on, at.now),
            FaultKind::HalfClose => self.link.half_close(on, at.now),
            FaultKind::Stall => self.link.stall(on, at.now + fault.lasts),
            FaultKind::ResetByBoth if !self.is_running(on.peer()) => return,
            FaultKind::ResetByBoth => {
                self.strike_endpoint(on.peer(), kind);
                self.strike_endpoint(on, kind);
            }
            FaultKind::Reset | FaultKind::Close | FaultKind::Abort => {
                self.strike_endpoint(on, kind);
            }
            // These come from the traffic.
            FaultKind::Split | FaultKind::PartialWrite | FaultKind::Delay => return,
        }
        records.log.say(at, on, &kind.as_str());
        records.coverage.count(kind, phase);
    }

    fn strike_endpoint(&mut self, who: Entity, kind: FaultKind) {
        match who {
            Entity::Initiating => self.initiating.strike(kind, &mut self.rng),
            Entity::Receiving => self.receiving.strike(kind, &mut self.rng),
        }
    }
}

/// Moves bytes on one side, and runs its machine where there is a reason to.
fn step<N: Negotiation>(
    endpoint: &mut Endpoint<N>,
    application: &mut impl Application<N>,
    at: At,
    link: &mut Link,
    rng: &mut Rng,
    records: &mut Records<'_>,
) -> Result<bool, Failure> {
    let moved = endpoint.move_bytes(link, rng, records.coverage, at.now);
    let woken = application
        .wake(at.connection)
        .is_some_and(|wake| wake <= at.now);
    let has_reason = endpoint.is_due(at.now) || (woken && endpoint.is_running());
    if !has_reason {
        return Ok(moved);
    }
    endpoint.run(application, at, link, records.log)?;
    Ok(true)
}
