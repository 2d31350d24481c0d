//! The requirements of RFC 6120 and its companions: a table of all of them, a
//! page made from it, and the tests of those that no other file is about.
//!
//! `table.tsv` says of every requirement whether it is kept, and which tests
//! show it. The tests in [`registry`] hold table, page and sources together;
//! `UPDATE_CONFORMANCE=1 cargo test --test it conformance` writes the page anew.

mod binding;
mod page;
mod registry;
mod sasl;
mod sources;
mod starttls;
mod streams;
mod table;
