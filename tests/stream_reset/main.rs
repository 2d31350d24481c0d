//! The stream reset (RFC 6120 4.9.3.16) over whole streams: what goes over the
//! wire, what is delivered, what the next connection begins with, and the
//! resets that come by themselves before the keys are used up (5.3.5).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    unreachable_pub,
    reason = "test code"
)]

#[path = "../common/mod.rs"]
mod common;

mod again;
mod metered;
mod wire;
