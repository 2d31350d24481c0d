//! Sans-IO state machines for XMPP streams (RFC 6120).
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod jid;
pub mod limits;
pub mod reset;
pub mod sasl;
pub mod stream;
pub mod time;
pub mod tls;
pub mod xml;
