//! Streams between servers: who may send what, and what proves it (RFC 6120,
//! XEP-0178, XEP-0220).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    unreachable_pub,
    dead_code,
    reason = "test code"
)]

mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod dialback;
mod endings;
mod external;
mod peer;
mod stanzas;
mod unanswered;
mod unsolicited;
mod world;
