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
//! # Example
//!
//! A client greets a server once, however the bytes come and go:
//!
//! ```
//! use std::sync::Arc;
//! use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
//! use xmpp_stream::connection::{InitiatorRole, ResponderRole};
//! use xmpp_stream::jid::Jid;
//! use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
//! use xmpp_stream::testkit::{
//!     Application, At, InitiatingApplication, Protection, ReceivingApplication, SeededRandom,
//!     Simulation, Violation, Weather,
//! };
//! use xmpp_stream::time::Instant;
//! use xmpp_stream::{CloseReason, CloseTcp, Decision, EventBuf, Initiator, Responder};
//!
//! struct Client {
//!     config: Arc<InitiatorConfig>,
//!     next: Option<Instant>,
//! }
//!
//! impl Application<InitiatorRole> for Client {
//!     fn event(&mut self, _: At, machine: &mut Initiator, event: &EventBuf) -> Result<(), Violation> {
//!         if let EventBuf::Established(_) = event {
//!             let mut session = machine.session().expect("established");
//!             session.send("<message><body>Hello</body></message>").expect("room");
//!         }
//!         Ok(())
//!     }
//!     fn closed(&mut self, _: At, _: &mut Initiator, close: &CloseTcp) -> Result<(), Violation> {
//!         match close.reason() {
//!             // On a very slow network a deadline passes first.
//!             CloseReason::Closed { .. } | CloseReason::Timeout(_) => Ok(()),
//!             CloseReason::StreamError { .. } | CloseReason::Transport(_) => Ok(()),
//!             other => Err(Violation(other.to_string())),
//!         }
//!     }
//! }
//!
//! impl InitiatingApplication for Client {
//!     fn next_connection(&self) -> Option<Instant> {
//!         self.next
//!     }
//!     fn connect(&mut self, at: At) -> (Initiator, Protection) {
//!         self.next = None;
//!         (Initiator::new(self.config.clone(), at.now), Protection::None)
//!     }
//! }
//!
//! struct Server {
//!     config: Arc<ResponderConfig>,
//!     greetings: usize,
//! }
//!
//! impl Application<ResponderRole> for Server {
//!     fn event(&mut self, _: At, machine: &mut Responder, event: &EventBuf) -> Result<(), Violation> {
//!         match (event, machine.decision()) {
//!             (EventBuf::Stanza(_), _) => {
//!                 self.greetings += 1;
//!                 machine.session().expect("established").close();
//!             }
//!             (_, Some(Decision::Anonymous(decision))) => decision.accept("guest".into()),
//!             (_, Some(Decision::Bind(decision))) => {
//!                 decision.accept(Jid::parse("guest@localhost/desk").expect("a JID")).expect("full");
//!             }
//!             _ => {}
//!         }
//!         Ok(())
//!     }
//!     fn closed(&mut self, _: At, _: &mut Responder, _: &CloseTcp) -> Result<(), Violation> {
//!         Ok(())
//!     }
//! }
//!
//! impl ReceivingApplication for Server {
//!     fn accept(&mut self, at: At) -> Responder {
//!         Responder::new(self.config.clone(), at.now)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
//!     .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
//!     .build()?;
//! let mut greetings = 0;
//! for seed in 0..50 {
//!     let client = InitiatorConfig::client(&Jid::parse("guest@localhost")?)
//!         .dangerous_plaintext(SeededRandom::new(seed))
//!         .credentials(Credentials::Anonymous)
//!         .build()?;
//!     let server = ResponderConfig::server(SeededRandom::new(seed))
//!         .single_host(host.clone())
//!         .dangerous_plaintext()
//!         .build()?;
//!     let client = Client { config: client, next: Some(Instant::from_millis(0)) };
//!     let server = Server { config: server, greetings: 0 };
//!     let mut simulation = Simulation::new(seed, Weather::Uneven, client, server);
//!     simulation.run().map_err(|failure| format!("seed {seed}: {failure}"))?;
//!     assert!(simulation.receiving().greetings <= 1);
//!     greetings += simulation.receiving().greetings;
//! }
//! assert!(greetings > 40);
//! # Ok(()) }
//! ```
//!
//! # TLS
//!
//! The crate has no cryptographic provider, so TLS configs come from the application. Seeds whose
//! connections use TLS can be had again as far as the provider's messages have the same lengths in
//! each run: a signature algorithm of fixed length sees to that.

mod application;
pub mod attack;
pub mod configs;
mod coverage;
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub mod driver;
mod endpoint;
mod failure;
mod fault;
mod incoming;
mod journal;
mod link;
mod log;
mod outgoing;
mod pair;
mod peer;
mod pipe;
mod rng;
pub mod samples;
mod simulation;
#[cfg(feature = "proptest")]
#[cfg_attr(docsrs, doc(cfg(feature = "proptest")))]
pub mod strategies;

pub use application::{
    Application, At, InitiatingApplication, Protection, ReceivingApplication, Violation,
};
pub use attack::{Attack, Renegotiation};
pub use coverage::Coverage;
pub use failure::Failure;
pub use fault::{Fault, FaultKind, FaultPlan};
pub use incoming::Incoming;
pub use journal::{Journal, Tally};
pub use link::{Entity, Link, Portion, Received, Traffic, Written};
pub use outgoing::{Fates, Numbered, Outgoing};
pub use peer::{Moment, Peer, PeerApplication, TcpState};
pub use rng::{Rng, SeededRandom};
pub use simulation::{Simulation, Weather};
