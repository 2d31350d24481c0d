//! The test kit: what a program that is built on this crate can be tested with, without sockets, in
//! virtual time, and the same in every run.
//!
//! ```toml
//! [dev-dependencies]
//! proptest = { version = "1", default-features = false, features = ["std"] }
//! xmpp-stream = { version = "0.1", features = ["testkit", "proptest"] }
//! ```
//!
//! | you want to test | take |
//! |---|---|
//! | what your program does on each reason, event, question | [`samples`]: `CloseReason::samples()`, [`for_each_event`](samples::for_each_event) |
//! | your driver | [`driver::DriverCheck`](driver) (with `std`) |
//! | what comes of an attack: a renegotiation, malformed XML, silence | [`Peer`], [`Attack`] |
//! | your application over a bad network, over many connections | [`Simulation`] |
//! | any of it with proptest | [`strategies`] (feature `proptest`) |
//! | one handler of a `CloseTcp` | `CloseTcp::for_testing`, of the feature `testing` alone |
//!
//! `examples/own_driver` is a crate that tests its own driver and its own table of reasons.
//!
//! # Getting started
//!
//! Every reason there is, in a table of your own. A reason that a later version adds comes along by
//! itself:
//!
//! ```
//! use xmpp_stream::CloseReason;
//! use xmpp_stream::testkit::samples::Samples;
//!
//! fn is_an_attack(reason: &CloseReason) -> bool {
//!     matches!(reason, CloseReason::TlsRenegotiation(_) | CloseReason::StarttlsNotOffered)
//! }
//!
//! let attacks = CloseReason::samples().into_iter().filter(is_an_attack).count();
//! assert!(attacks > 1);
//! assert_eq!(CloseReason::samples()[0].variant(), CloseReason::VARIANTS[0]);
//! ```
//!
//! A server that completes a login and then writes what is no XML. Under TLS it may as well
//! [attempt a renegotiation](Renegotiation):
//!
//! ```
//! use xmpp_stream::testkit::configs::PairOptions;
//! use xmpp_stream::testkit::{Attack, Moment, Peer};
//! use xmpp_stream::time::Instant;
//! use xmpp_stream::{Action, Decision, Initiator, Responder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, server) = PairOptions::default().plaintext()?;
//! let now = Instant::from_millis(0);
//! let mut client = Initiator::new(client, now);
//! let mut peer = Peer::new(Responder::new(server, now), |machine, _| match machine.decision() {
//!     Some(Decision::Anonymous(decision)) => decision.accept("guest".into()),
//!     Some(Decision::Bind(decision)) => {
//!         decision.accept("guest@localhost/desk".parse().expect("a JID")).expect("full");
//!     }
//!     _ => {}
//! })
//! .at(Moment::Established, [Attack::Text(b"<message></massage>".to_vec())]);
//!
//! let reason = loop {
//!     match client.poll(now) {
//!         Action::Event(_) => {}
//!         Action::CloseTcp(close) => break close.reason().code(),
//!         Action::Wait(wait) if wait.deadline == Some(now) => {}
//!         Action::Wait(_) => {
//!             // In the place of TCP.
//!             let taken = peer.receive(client.transmit());
//!             client.transmitted(taken);
//!             peer.run(now);
//!             match peer.take_output() {
//!                 // Nobody answers the client's stream error.
//!                 bytes if bytes.is_empty() => client.receive_eof(),
//!                 bytes => assert_eq!(client.receive(&bytes), bytes.len()),
//!             }
//!         }
//!     }
//! };
//! assert_eq!(reason, "not-well-formed");
//! # Ok(()) }
//! ```
//!
//! # Certificates and providers
//!
//! The kit has none: TLS configs, with their crypto provider and their certificates, come from the
//! caller, as they do for a machine. A [`Peer`] takes its keys out of its own machine's session, and the
//! ciphers out of its provider, which has to give its keys out and to seal any record: give the peer's
//! config the one of `ring`, whatever the machine under test has (`aws-lc-rs` seals with a key only from
//! record 0 on). What does not need TLS needs nothing: see [`configs`].
//!
//! # Decisions
//!
//! A [`Decision`](crate::Decision) borrows from its machine, so none is made without one.
//! [`Question::samples`](samples::Samples) has what is asked. A machine asks, by its config:
//!
//! | decision | asked by a responder |
//! |---|---|
//! | `Host` | without [`single_host`](crate::config::ResponderBuilder::single_host) |
//! | `Password`, `Scram`, `External`, `Anonymous` | when a peer logs in by PLAIN, SCRAM, EXTERNAL, ANONYMOUS |
//! | `Bind` | after the login of a client |
//! | `Token`, `IssueToken` | with [`fast`](crate::config::HostBuilder::fast) |
//! | `Resume` | with [`stream_management`](crate::config::ResponderBuilder::stream_management) |
//! | `StoreKeys` | with [`scram_upgrades`](crate::config::HostBuilder::scram_upgrades) |
//!
//! # Features
//!
//! `testing` has constructors alone. `testkit` includes it and has no dependency. `proptest` is a
//! feature of its own, because it is the only part with one. None of them changes what a machine does.
//!
//! # Simulations
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
//! Seeds whose
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
pub use link::{Entity, Link, Portion, ReadResult, Traffic, Written};
pub use outgoing::{Fates, Numbered, Outgoing};
pub use peer::{Moment, Peer, PeerApplication, TcpState};
pub use rng::{Rng, SeededRandom};
pub use simulation::{Simulation, Weather};
