//! The clock, the connections, and what happens next.

use alloc::string::String;
use alloc::vec::Vec;

use super::application::{Application, At, InitiatingApplication, ReceivingApplication};
use super::coverage::Coverage;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::fault::FaultPlan;
use super::link::{Entity, Link, Traffic};
use super::log::Log;
use super::pair::{Pair, Records};
use super::rng::Rng;
use crate::close::Phase;
use crate::connection::{InitiatorRole, Negotiation, ResponderRole};
use crate::time::Instant;

/// More steps than any simulation of a few connections needs.
const MOST_STEPS: usize = 1_000_000;

/// What the network does to connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything arrives at once, and nothing fails.
    Fair,
    /// How bytes move is drawn for each connection, sometimes so slowly that deadlines pass. Nothing
    /// fails.
    Uneven,
    /// How bytes move is drawn for each connection. The first so many connections have faults in
    /// these phases.
    Foul {
        /// How many connections have faults.
        connections: usize,
        /// In which phases.
        phases: Vec<Phase>,
    },
}

/// Connections between an initiating and a receiving application, under one virtual clock.
///
/// Everything that happens follows from the seed, if the applications' machines follow from it too:
/// see [`SeededRandom`](super::SeededRandom).
#[derive(Debug)]
pub struct Simulation<I, R> {
    now: Instant,
    rng: Rng,
    weather: Weather,
    initiating: I,
    receiving: R,
    pairs: Vec<Pair>,
    /// How many connections there were.
    connections: usize,
    coverage: Coverage,
    log: Log,
}

impl<I: InitiatingApplication, R: ReceivingApplication> Simulation<I, R> {
    /// Returns a simulation in which nothing has happened.
    pub fn new(seed: u64, weather: Weather, initiating: I, receiving: R) -> Self {
        Self {
            now: Instant::from_millis(1_000),
            rng: Rng::new(seed),
            weather,
            initiating,
            receiving,
            pairs: Vec::new(),
            connections: 0,
            coverage: Coverage::new(),
            log: Log::default(),
        }
    }

    /// Keeps a [`log`](Self::log) from now on.
    #[must_use]
    pub fn logging(mut self) -> Self {
        self.log = Log::keeping();
        self
    }

    /// Runs until the initiating application wants no further connection and all have ended.
    ///
    /// # Errors
    /// [`Failure`]: what went wrong first.
    pub fn run(&mut self) -> Result<(), Failure> {
        for _ in 0..MOST_STEPS {
            if !self.turn()? {
                match (self.next_change(), self.pairs.first()) {
                    (Some(at), _) => self.now = at,
                    (None, None) => return Ok(()),
                    (None, Some(pair)) => return Err(Failure::Stalled(pair.connection())),
                }
            }
        }
        Err(Failure::TooLong(MOST_STEPS))
    }

    /// Returns the time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Returns the initiating application.
    #[must_use]
    pub const fn initiating(&self) -> &I {
        &self.initiating
    }

    /// Returns the receiving application.
    #[must_use]
    pub const fn receiving(&self) -> &R {
        &self.receiving
    }

    /// Returns how often each kind of fault has happened in each phase.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Returns what has happened, a line each; nothing unless [`logging`](Self::logging) was called.
    #[must_use]
    pub fn log(&self) -> &[String] {
        self.log.lines()
    }

    /// Does what can be done at this time. Returns whether anything was.
    fn turn(&mut self) -> Result<bool, Failure> {
        let mut moved = false;
        if self
            .initiating
            .next_connection()
            .is_some_and(|at| at <= self.now)
        {
            self.connect();
            moved = true;
        }
        let Self {
            initiating,
            receiving,
            now,
            ..
        } = self;
        let mut records = Records {
            coverage: &mut self.coverage,
            log: &mut self.log,
        };
        for pair in &mut self.pairs {
            moved |= pair.turn(initiating, receiving, *now, &mut records)?;
        }
        self.pairs.retain(|pair| !pair.is_closed());
        Ok(moved)
    }

    fn connect(&mut self) {
        let at = At {
            connection: self.connections,
            now: self.now,
        };
        self.connections += 1;
        let mut rng = self.rng.fork();
        let (traffic, plan) = match &self.weather {
            Weather::Fair => (Traffic::INSTANT, FaultPlan::NONE),
            Weather::Foul {
                connections,
                phases,
            } if at.connection < *connections => {
                (Traffic::draw(&mut rng), FaultPlan::draw(&mut rng, phases))
            }
            Weather::Uneven | Weather::Foul { .. } => (Traffic::draw(&mut rng), FaultPlan::NONE),
        };
        let (initiator, protection) = self.initiating.connect(at);
        let responder = self.receiving.accept(at);
        let link = Link::new(traffic, rng.fork());
        let initiator = Endpoint::new(initiator, Entity::Initiating, protection);
        let responder = Endpoint::new(responder, Entity::Receiving, protection);
        let pair = Pair::new(at.connection, link, initiator, responder, &plan, rng);
        self.pairs.push(pair);
    }

    /// When something happens next.
    fn next_change(&self) -> Option<Instant> {
        let pairs = self.pairs.iter().flat_map(|pair| {
            [
                pair.next_change(self.now),
                wake::<InitiatorRole>(&self.initiating, pair, Entity::Initiating),
                wake::<ResponderRole>(&self.receiving, pair, Entity::Receiving),
            ]
        });
        pairs
            .chain([self.initiating.next_connection()])
            .flatten()
            .filter(|at| *at > self.now)
            .min()
    }
}

/// When the application wants to be called for this connection.
fn wake<N: Negotiation>(
    application: &impl Application<N>,
    pair: &Pair,
    who: Entity,
) -> Option<Instant> {
    match pair.is_running(who) {
        true => application.wake(pair.connection()),
        false => None,
    }
}
