//! The stream layer of XMPP as pure state machines (RFC 6120).
//!
//! Bytes from TCP go in; bytes for TCP, typed [events](event) and, at the end, exactly one
//! [`CloseTcp`] come out. There is no socket, thread, clock, DNS, async runtime or global state in
//! this crate: sockets belong to the driver, time is an argument, randomness comes from the config.
//!
//! ```text
//! TCP bytes -> tls::TlsSession -> xml::Framer -> stream::{Initiating, Receiving} -> Event
//!              one record       one frame      one decision
//! TCP bytes <- records <- text <----------------------'
//!              CloseTcp -> reset::Planner -> when and how to connect again
//! ```
//!
//! * [`Initiator`] is the machine of an initiating entity (a client, a server that connects to
//!   another, a component), [`Responder`] that of a receiving entity (a server). Both are
//!   [`Connection`]s. [`config`] says what they are made from.
//! * Inputs only store. [`poll`](Connection::poll) is the one function that acts, and it cannot fail.
//!   [`Connection`] has the contract.
//! * [`Event`]s tell the application what happened. [`Session`] is what it can do while the stream is
//!   established. A [`Decision`] is a question that stops the stream until it is answered, an
//!   [`Event::Request`] one that does not.
//! * [`CloseTcp`] is the final answer. [`close`] has the table of its reasons and what to do about
//!   each.
//!
//! # A driver
//!
//! Sleep exactly as [`Wait`] tells, poll after every input, and carry out [`CloseTcp`] as its
//! [`Manner`] says. That is all there is to a driver:
//!
//! ```
//! use std::io::{self, ErrorKind, Read, Write};
//! use std::net::{Shutdown, TcpStream};
//! use std::time::Duration;
//! use xmpp_stream::time::StdClock;
//! use xmpp_stream::{Action, CloseTcp, Connection, EventBuf, Manner, Negotiation};
//!
//! /// Drives a machine over a blocking socket to its end. `on_event` may use the machine.
//! fn run<N: Negotiation>(
//!     machine: &mut Connection<N>,
//!     mut tcp: TcpStream,
//!     clock: &StdClock,
//!     mut on_event: impl FnMut(&mut Connection<N>, EventBuf),
//! ) -> io::Result<CloseTcp> {
//!     let close = loop {
//!         let wait = match machine.poll(clock.now()) {
//!             Action::Event(event) => {
//!                 let event = event.to_owned();
//!                 on_event(machine, event); // e.g. machine.session().unwrap().send("<presence/>")
//!                 continue;
//!             }
//!             Action::CloseTcp(close) => break close.clone(),
//!             Action::Wait(wait) => wait,
//!         };
//!         // A socket refuses a timeout of zero, and takes none for "for ever".
//!         let timeout = wait.timeout(clock.now()).map(|t| t.max(Duration::from_millis(1)));
//!         let moved = if wait.write {
//!             tcp.set_write_timeout(timeout)?; // a peer that reads nothing cannot hold up a deadline
//!             tcp.write(machine.transmit()).map(|taken| machine.transmitted(taken))
//!         } else if wait.read {
//!             tcp.set_read_timeout(timeout)?;
//!             match tcp.read(machine.receive_window()) {
//!                 Ok(0) => Ok(machine.receive_eof()),
//!                 read => read.map(|n| machine.received(n)),
//!             }
//!         } else {
//!             Ok(std::thread::sleep(timeout.unwrap_or_default()))
//!         };
//!         if let Err(error) = moved {
//!             use ErrorKind::{Interrupted, TimedOut, WouldBlock};
//!             if !matches!(error.kind(), Interrupted | TimedOut | WouldBlock) {
//!                 machine.transport_failed();
//!             }
//!         }
//!     };
//!     if close.manner() == Manner::Graceful {
//!         // A plain drop with unread input would send RST, which destroys what was just written.
//!         tcp.shutdown(Shutdown::Write).ok();
//!         tcp.set_read_timeout(Some(close.linger().max(Duration::from_millis(1))))?;
//!         let end = clock.now() + close.linger();
//!         let mut discarded = [0; 4096];
//!         while clock.now() < end && matches!(tcp.read(&mut discarded), Ok(1..)) {}
//!     }
//!     Ok(close)
//! }
//! ```
//!
//! The examples have drivers for a blocking socket that also writes while it waits, for mio, smol and
//! tokio.
//!
//! # Logins
//!
//! A client logs in by SASL2 (XEP-0388) where the server offers it, and otherwise by the profile of RFC
//! 6120 6. [`config::Sasl2Options`] says what travels with the login, and
//! [`config`](config#later-logins) has an example with all that a client stores for later logins.
//!
//! # TLS renegotiation
//!
//! A peer that attempts a TLS renegotiation gets no answer (RFC 6120 5.3.5): everything received in
//! earlier records is delivered, what waits for TCP is dropped, and the next
//! [`poll`](Connection::poll) is [`Action::CloseTcp`] with [`Manner::Abort`] and
//! [`CloseReason::TlsRenegotiation`]. [`tls`] has the rule. Keys are refreshed by a stream reset
//! instead ([`Session::reset`], [`reset`]).
//!
//! # Layers
//!
//! Each is public and usable alone: [`xml`] (framing, elements), [`tls`] (sessions, the renegotiation
//! guard), [`sasl`] (mechanisms), [`mod@stream`] (wire forms and state tables), [`reset`] (when to
//! reset and to connect again). Imports point one way: the connection uses them all, none of them
//! knows it, and only `stream` looks into `xml`. `docs/ARCHITECTURE.md` has the map.
//!
//! The module `testkit`, of the feature of that name, simulates pairs of machines and a faulty
//! network between them, for tests of what is built on this crate.
//!
//! # What is not here
//!
//! Stanza semantics (RFC 6121), DNS (RFC 6120 3.2), SASL security layers, compression (XEP-0138, on
//! purpose: RFC 6120 13.11), early data of TLS (0-RTT), WebSocket (RFC 7395). Of streams between servers:
//! stream management (XEP-0198), bidirectional ones (XEP-0288), several domain pairs asked for by one
//! initiating server, POSH and DANE (RFC 7712).
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The documentation says which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// For the library alone; tests have an operating system and may fail loudly.
#![warn(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod action;
pub mod close;
pub mod component;
pub mod config;
pub mod connection;
pub mod dialback;
pub mod event;
mod hex;
pub mod jid;
pub mod limits;
pub mod random;
pub mod reset;
pub mod sasl;
pub mod sm;
pub mod stream;
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub mod testkit;
mod ticket;
pub mod time;
pub mod tls;
pub mod xml;

pub use action::{Action, Wait};
pub use close::{CloseReason, CloseTcp, Manner};
pub use connection::{
    AnswerError, Connection, Decision, Initiator, Negotiating, Negotiation, Responder, SendError,
    Session,
};
pub use event::{Event, EventBuf, Question};
pub use ticket::Ticket;

/// The README's example is compiled, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
