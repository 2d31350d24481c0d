//! The integration tests in one crate: the harness they share is compiled and
//! linked once. Run a part of them by its module: `cargo test --test it s2s`.
//!
//! Tests that count what the global allocator does are crates of their own
//! (`tests/memory.rs`, `tests/progress.rs`), because the allocator counts for
//! all threads.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code"
)]

mod harness;

mod bare_metal;
mod close_reasons;
mod components;
mod conformance;
mod invariants;
mod malformed;
mod negotiation;
mod renegotiation;
mod s2s;
mod stream_management;
mod stream_reset;
mod testkit;
