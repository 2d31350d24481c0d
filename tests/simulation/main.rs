//! Pairs of machines under a simulated network: thousands of seeds, each with
//! faults of its own.
//!
//! `.ci/run simulation` runs all of them, optimised; `cargo test` runs the first of
//! them. `SIM_SEED=n cargo test --test simulation` runs that seed alone, in every test,
//! and prints what happens in it. `SIM_SEEDS=n` runs that many seeds per test, and
//! `SIM_FIRST=n` begins elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    unreachable_pub,
    reason = "test code"
)]

#[path = "../it/harness/support/mod.rs"]
mod common;
mod configs;
mod managed;
mod network;
mod seeds;
mod talk;
