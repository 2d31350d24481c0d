//! A deterministic simulation of pairs of machines, for tests of what is built on them.
//!
//! Two applications, one of which opens connections that the other accepts, own the machines. The
//! [`Simulation`] drives every machine as the contract of [`connection`](crate::connection) says,
//! and carries the bytes over a simulated TCP [`Link`] under a virtual clock: in parts, late, with
//! ends at any byte, half-closes, stalls, and with resets, closes and aborts by either side in any
//! phase. What happens follows from a seed, so that a failure can be had again.
//!
//! | part | what it does |
//! |---|---|
//! | [`Simulation`] | the clock, the connections, what happens next |
//! | [`InitiatingApplication`], [`ReceivingApplication`] | the code under test, or a script |
//! | [`Link`], [`Traffic`] | TCP |
//! | [`FaultPlan`], [`Fault`], [`FaultKind`] | what goes wrong, where and when |
//! | [`Journal`] | which stanzas were sent, which arrived, and whether that is right |
//! | [`Outgoing`], [`Incoming`] | the same under stream management (XEP-0198), over many connections |
//! | [`Coverage`] | which kinds of fault have been met in which phases |
//! | [`Rng`], [`SeededRandom`] | numbers that follow from a seed |
//!
//! Of the machines themselves the simulation asserts that they wait for something, that they wait
//! at all, and that they are inert after their end. What else must hold is the applications' to say:
//! their calls return a [`Violation`].
//!
//! The crate has no cryptographic provider, so TLS configs come from the application. Seeds whose
//! connections use TLS can be had again as far as the provider's messages have the same lengths in
//! each run: a signature algorithm of fixed length sees to that.

mod application;
mod coverage;
mod endpoint;
mod failure;
mod fault;
mod incoming;
mod journal;
mod link;
mod log;
mod outgoing;
mod pair;
mod pipe;
mod rng;
mod simulation;

pub use application::{
    Application, At, InitiatingApplication, Protection, ReceivingApplication, Violation,
};
pub use coverage::Coverage;
pub use failure::Failure;
pub use fault::{Fault, FaultKind, FaultPlan};
pub use incoming::Incoming;
pub use journal::{Journal, Tally};
pub use link::{Entity, Link, Portion, Received, Traffic, Written};
pub use outgoing::{Fates, Numbered, Outgoing};
pub use rng::{Rng, SeededRandom};
pub use simulation::{Simulation, Weather};
