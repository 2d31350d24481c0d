//! A check of drivers, under a virtual clock and without sockets: no byte is lost, deadlines are kept,
//! [`CloseTcp`](crate::CloseTcp) is carried out as its manner says, and nothing is written after it.
//!
//! A [`DriverCheck`] brings a driver into one [`Situation`] after the other. For each it hands over a
//! [`Task`]: a machine, a [`MockSocket`] that has the interface of a `TcpStream` (and, with the feature
//! `futures`, that of `AsyncRead` and `AsyncWrite`), and an [`Exchange`], the application that sends,
//! hears and ends. On the other side of the socket is a [`Peer`]. Afterwards the run is
//! compared with that of a driver of the kit's own in the same situation.
//!
//! What is found, among others:
//!
//! | mistake | situation | what the check says |
//! |---|---|---|
//! | takes all of `transmit` for written after a short write | `Bytewise`, `Uneven` | the machines do not end with `closed` |
//! | ignores how much `receive` has taken | `Full` | bytes are lost, or the run never ends |
//! | does not try again after EINTR | `Bytewise` | the machine ended with `transport` |
//! | sleeps without a deadline | `Silent`, `Stopped`, `Unanswered` | it hangs |
//! | writes what waits after `Manner::Abort` | `LocalAbort`, `Renegotiation` | it writes after `CloseTcp` |
//! | drops the socket after `Manner::Graceful` | `LocalError`, `Malformed` | it does not shut down or linger |
//! | polls again and again in the place of sleeping | any | it spins |
//!
//! # Example
//!
//! A driver that blocks, written against `Read` and `Write`, is generic over a few functions of the
//! socket; `examples/own_driver` is such a crate. The smallest one:
//!
//! ```
//! use std::io::{ErrorKind, Read, Write};
//! use std::net::Shutdown;
//! use xmpp_stream::testkit::driver::{DriverCheck, Task};
//! use xmpp_stream::{Action, Manner, Negotiation};
//!
//! fn drive<N: Negotiation>(task: Task<N>) {
//!     let Task { mut machine, mut socket, mut application, .. } = task;
//!     socket.set_nonblocking(true).unwrap();
//!     let passes = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted);
//!     let close = loop {
//!         application.act(&mut machine);
//!         let wait = match machine.poll(socket.now()) {
//!             Action::Event(event) => {
//!                 application.event(&event);
//!                 continue;
//!             }
//!             Action::CloseTcp(close) => break close.clone(),
//!             Action::Wait(wait) => wait,
//!         };
//!         let ready = socket.wait(wait.read, wait.write, wait.deadline);
//!         if ready.writable {
//!             match socket.write(machine.transmit()) {
//!                 Ok(taken) => machine.transmitted(taken),
//!                 Err(error) if passes(error.kind()) => {}
//!                 Err(_) => machine.transport_failed(),
//!             }
//!         }
//!         if ready.readable {
//!             match socket.read(machine.receive_window()) {
//!                 Ok(0) => machine.receive_eof(),
//!                 Ok(n) => machine.received(n),
//!                 Err(error) if passes(error.kind()) => {}
//!                 Err(_) => machine.transport_failed(),
//!             }
//!         }
//!     };
//!     application.closed(&close);
//!     if close.manner() == Manner::Graceful {
//!         socket.shutdown(Shutdown::Write).unwrap();
//!         let end = socket.now() + close.linger();
//!         while socket.now() < end {
//!             socket.wait(true, false, Some(end));
//!             match socket.read(&mut [0; 4096]) {
//!                 Ok(1..) => {}
//!                 Err(error) if passes(error.kind()) => {}
//!                 Ok(0) | Err(_) => break,
//!             }
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let check = DriverCheck::plaintext()?;
//! check.initiator(drive)?;
//! check.responder(drive)?;
//! // One that leaves after a single poll is caught.
//! let fault = check.initiator(|mut task| {
//!     let now = task.socket.now();
//!     task.socket.set_nonblocking(true).unwrap();
//!     let _ = task.machine.poll(now);
//! });
//! assert!(fault.is_err());
//! # Ok(()) }
//! ```

mod exchange;
#[cfg(feature = "futures")]
mod executor;
mod reference;
mod run;
mod situation;
mod socket;
#[cfg(test)]
mod tests;
mod world;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

pub use self::exchange::Exchange;
use self::exchange::{Answers, Correspondent, Finale, Part};
pub use self::run::Task;
use self::run::{Report, report};
pub use self::situation::{DriverFault, Situation};
use self::socket::Shared;
pub use self::socket::{MockClock, MockSocket, Readiness};
use self::world::World;
use crate::config::{ConfigError, InitiatorConfig, ResponderConfig};
use crate::connection::{Connection, Decision, InitiatorRole, Negotiation, ResponderRole};
use crate::jid::Jid;
use crate::testkit::configs;
use crate::testkit::link::Entity;
use crate::testkit::peer::Peer;

/// Brings drivers into situations, and looks at what they do; see the [module](self).
pub struct DriverCheck {
    initiating: Arc<InitiatorConfig>,
    receiving: Arc<ResponderConfig>,
    answers: Answers<ResponderRole>,
    situations: Vec<Situation>,
}

impl DriverCheck {
    /// Returns a check without TLS, in every situation that needs none.
    ///
    /// # Errors
    /// None is expected: the configs are the kit's.
    pub fn plaintext() -> Result<Self, ConfigError> {
        let (initiating, receiving) = configs::PairOptions::default().plaintext()?;
        Ok(Self {
            situations: Situation::plaintext(),
            ..Self::new(initiating, receiving)
        })
    }

    /// Returns a check with other configs, in [every situation](Situation::tls). A receiving entity's
    /// decisions are answered so that anybody may log in without a password, as `guest`; see
    /// [`answering`](Self::answering).
    #[must_use]
    pub fn new(initiating: Arc<InitiatorConfig>, receiving: Arc<ResponderConfig>) -> Self {
        Self {
            initiating,
            receiving,
            answers: Arc::new(admit_anybody),
            situations: Situation::tls(),
        }
    }

    /// Answers the decisions of the receiving entity so.
    #[must_use]
    pub fn answering(
        mut self,
        answer: impl Fn(&mut Connection<ResponderRole>) + Send + Sync + 'static,
    ) -> Self {
        self.answers = Arc::new(answer);
        self
    }

    /// Checks these situations alone.
    #[must_use]
    pub fn only(mut self, situations: impl IntoIterator<Item = Situation>) -> Self {
        self.situations = situations.into_iter().collect();
        self
    }

    /// Checks a driver of initiating entities.
    ///
    /// # Errors
    /// The first thing that it does wrong.
    pub fn initiator(&self, mut drive: impl FnMut(Task<InitiatorRole>)) -> Result<(), DriverFault> {
        self.check(|situation, reference| {
            let answers: Answers<InitiatorRole> = Arc::new(|_| {});
            let run = Run::new(situation, Entity::Initiating, |part, heard, now| {
                let machine = Connection::<ResponderRole>::new(self.receiving.clone(), now);
                let correspondent = Correspondent::new(self.answers.clone(), part, heard);
                Peer::new(machine, correspondent.into_closure())
            });
            let machine = Connection::new(self.initiating.clone(), run.now());
            let task = run.task(machine, answers);
            match reference {
                true => reference::drive(task),
                false => drive(task),
            }
            run.report()
        })
    }

    /// Checks a driver of receiving entities.
    ///
    /// # Errors
    /// The first thing that it does wrong.
    pub fn responder(&self, mut drive: impl FnMut(Task<ResponderRole>)) -> Result<(), DriverFault> {
        self.check(|situation, reference| {
            let run = Run::new(situation, Entity::Receiving, |part, heard, now| {
                let machine = Connection::<InitiatorRole>::new(self.initiating.clone(), now);
                let correspondent = Correspondent::new(Arc::new(|_| {}), part, heard);
                Peer::new(machine, correspondent.into_closure())
            });
            let machine = Connection::new(self.receiving.clone(), run.now());
            let task = run.task(machine, self.answers.clone());
            match reference {
                true => reference::drive(task),
                false => drive(task),
            }
            run.report()
        })
    }

    /// Checks an asynchronous driver of initiating entities. It waits by the socket's
    /// `AsyncRead` and `AsyncWrite` and by [`MockClock::sleep_until`].
    ///
    /// # Errors
    /// The first thing that it does wrong.
    #[cfg(feature = "futures")]
    #[cfg_attr(docsrs, doc(cfg(feature = "futures")))]
    pub fn async_initiator<F: Future<Output = ()>>(
        &self,
        mut drive: impl FnMut(Task<InitiatorRole>) -> F,
    ) -> Result<(), DriverFault> {
        self.initiator(|task| {
            let world = task.socket.world().clone();
            executor::run(&world, drive(task));
        })
    }

    /// Checks an asynchronous driver of receiving entities.
    ///
    /// # Errors
    /// The first thing that it does wrong.
    #[cfg(feature = "futures")]
    #[cfg_attr(docsrs, doc(cfg(feature = "futures")))]
    pub fn async_responder<F: Future<Output = ()>>(
        &self,
        mut drive: impl FnMut(Task<ResponderRole>) -> F,
    ) -> Result<(), DriverFault> {
        self.responder(|task| {
            let world = task.socket.world().clone();
            executor::run(&world, drive(task));
        })
    }

    fn check(
        &self,
        mut run: impl FnMut(Situation, bool) -> Result<Report, String>,
    ) -> Result<(), DriverFault> {
        for situation in &self.situations {
            let fault = |what| DriverFault::new(*situation, what);
            let right = run(*situation, true).map_err(|what| {
                fault(alloc::format!(
                    "is not looked at, because the kit's own one {what}"
                ))
            })?;
            let found = run(*situation, false).map_err(fault)?;
            found.check(&right, *situation).map_err(fault)?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for DriverCheck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DriverCheck")
            .field("situations", &self.situations)
            .finish_non_exhaustive()
    }
}

/// One run.
struct Run {
    world: Shared,
    part: Part,
    /// How many of the driver's stanzas have arrived at the peer.
    peer_heard: Arc<AtomicUsize>,
}

impl Run {
    fn new<P: Negotiation>(
        situation: Situation,
        me: Entity,
        peer: impl FnOnce(Part, Arc<AtomicUsize>, crate::time::Instant) -> Peer<P>,
    ) -> Self
    where
        Peer<P>: Send + 'static,
    {
        let part = situation.part();
        let mirrored = Part {
            sends: part.hears,
            hears: part.sends,
            finale: Finale::Wait,
            ..part
        };
        let peer_heard = Arc::new(AtomicUsize::new(0));
        let mut peer = peer(mirrored, peer_heard.clone(), world::START);
        for (moment, attacks) in situation.script() {
            peer = peer.at(moment, attacks);
        }
        let traffic = situation.traffic();
        let seed = situation.seed();
        let world = World::new(me, Box::new(peer), traffic, seed, situation.interrupts());
        Self {
            world: Shared::new(world),
            part,
            peer_heard,
        }
    }

    fn now(&self) -> crate::time::Instant {
        self.world.with(|world| world.now)
    }

    fn task<N: Negotiation>(&self, machine: Connection<N>, answers: Answers<N>) -> Task<N> {
        Task {
            machine,
            socket: MockSocket::new(self.world.clone()),
            application: Exchange::new(self.world.clone(), answers, self.part),
        }
    }

    fn report(&self) -> Result<Report, String> {
        report(&self.world, self.peer_heard.load(Ordering::Relaxed))
    }
}

/// Lets anybody in who needs no password, under the name that was asked for or as `guest`.
fn admit_anybody(machine: &mut Connection<ResponderRole>) {
    match machine.decision() {
        Some(Decision::Anonymous(decision)) => decision.accept("guest".into()),
        Some(Decision::External(decision)) => decision.accept("guest".into()),
        Some(Decision::Bind(decision)) => {
            let jid = alloc::format!("guest@{}/desk", configs::DOMAIN);
            if let Ok(jid) = Jid::parse(&jid) {
                // A full JID is what is asked for.
                let _accepted = decision.accept(jid);
            }
        }
        _ => {}
    }
}
