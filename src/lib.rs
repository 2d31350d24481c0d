//! Sans-IO state machines for XMPP streams (RFC 6120).
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod action;
mod close;
pub mod config;
mod connection;
mod event;
pub mod jid;
pub mod limits;
pub mod reset;
pub mod sasl;
pub mod stream;
pub mod time;
pub mod tls;
pub mod xml;

pub use action::{Action, Wait};
pub use close::{AuthenticationFailure, CloseReason, CloseTcp, InternalError, Manner, Phase};
pub use connection::{
    AnonymousDecision, BindDecision, Connection, Decision, ExternalDecision, HostDecision,
    Initiator, Negotiation, PasswordDecision, Question, Responder, ScramDecision, SendError,
    Session, Ticket,
};
pub use event::{Authenticated, Established, Event, EventBuf, StreamOpened};
