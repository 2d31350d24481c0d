//! RFC 6120 5.3.5 over whole streams: whoever attempts a TLS renegotiation
//! finds TCP closed, without a stream error and without another byte; whoever
//! does not is left in peace.

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

mod attacks;
mod innocent;
mod moments;
mod strike;
