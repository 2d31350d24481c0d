//! What tests need without a machine: certificates, a TLS peer under the test's
//! control, a driver of `tls::TlsSession`, and random numbers. The tests of `tls`
//! alone take this module and not the whole harness.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code, of which each test uses a part"
)]

pub mod hostile_tls;
pub mod pki;
pub mod rng;
pub mod tls_driver;
