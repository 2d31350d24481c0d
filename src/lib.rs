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
//! The modules of `driver`, each enabled by the feature of its name, join a machine and a socket: `blocking`
//! for the standard library, `futures` for `futures-io`, `tokio`. A client on tokio, complete
//! (`examples/hello_client.rs`, beside `hello_server.rs`):
//!
//! ```no_run
#![doc = include_str!("../examples/hello_client.rs")]
//! ```
//!
//! A program may as well drive the machine itself. Sleep exactly as [`Wait`] tells, poll after every
//! input, and carry out [`CloseTcp`] as its [`Manner`] says. That is all there is to a driver; this is
//! the one of `examples/blocking.rs`:
//!
//! ```
#![doc = include_str!("../examples/by_hand.rs")]
//! ```
//!
//! The other examples drive it on mio, smol and tokio.
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
//! The module `testkit`, of the feature of that name, is for tests of what is built on this crate: every
//! reason and event, peers that attack, a check of drivers, and simulations of pairs of machines.
//!
//! # Guides
//!
//! `docs/guide` in the repository has a page for each thing that one may want to do: log in as a client,
//! accept clients, streams between servers, components, element libraries, drivers, tests; what to do on
//! each close reason, which threats are whose to answer, and when to use something else.
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
// The documentation says which feature an item needs, by itself (`doc(auto_cfg)`).
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
#[cfg(any(feature = "blocking", feature = "futures", feature = "tokio"))]
pub mod driver;
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
pub mod testkit;
mod ticket;
pub mod time;
pub mod tls;
pub mod trace;
pub mod xml;

pub use action::{Action, Wait};
pub use close::{CloseReason, CloseTcp, Manner};
pub use connection::{
    AnswerError, Connection, Decision, Initiator, Negotiating, Negotiation, Responder, SendError,
    Session,
};
pub use event::{Event, EventBuf, Question};
/// The TLS library whose configs this crate takes, in the version it takes them of; certificates and
/// keys are those of `rustls::pki_types`.
///
/// To name its types through this path spares a dependency whose version must agree. A program still
/// needs a dependency on rustls of its own to choose features, such as a crypto provider
/// (`features = ["ring", "std", "tls12"]`): this crate enables none.
#[doc(no_inline)]
pub use rustls;
pub use ticket::Ticket;

/// What most programs name, for `use xmpp_stream::prelude::*`.
pub mod prelude {
    pub use crate::close::{CloseReason, CloseTcp};
    pub use crate::config::{HostConfig, InitiatorConfig, ResponderConfig};
    pub use crate::connection::{Decision, InitiatorRole, ResponderRole};
    #[cfg(any(feature = "blocking", feature = "futures", feature = "tokio"))]
    pub use crate::driver::Next;
    pub use crate::event::{Event, EventBuf};
    pub use crate::jid::Jid;
    pub use crate::sasl::{Decoy, Password, ScramKeys, Username};
    pub use crate::tls::{ClientTls, ServerTls};
}

/// The examples of the README and of the guides are compiled, too; those of `docs/guide/elements.md`,
/// which need other libraries, by `tests/libraries`.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/guide/client.md")]
    struct Client;
    #[doc = include_str!("../docs/guide/server.md")]
    struct Server;
    #[doc = include_str!("../docs/guide/federation.md")]
    struct Federation;
    #[doc = include_str!("../docs/guide/component.md")]
    struct Component;
    #[doc = include_str!("../docs/guide/close-reasons.md")]
    struct CloseReasons;
    #[doc = include_str!("../docs/guide/driver.md")]
    struct Driver;
    #[doc = include_str!("../docs/guide/mechanism.md")]
    struct Mechanism;
    #[doc = include_str!("../docs/guide/testing.md")]
    struct Testing;
}
