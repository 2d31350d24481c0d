//! Both roles in one process, over a pipe in memory: nothing is asked of the
//! network, the clock or the command line.
//!
//! 1. STARTTLS, SASL, bind, stanzas. TCP breaks; the client comes back and
//!    resumes the TLS session. The server resets the stream; the client comes
//!    back with a *full* TLS handshake, as RFC 6120 4.9.3.16 demands, and goes
//!    on.
//! 2. A TLS 1.2 peer attempts a renegotiation, with authentic records, against
//!    each role. Either answers with `CloseTcp` at once and without another
//!    byte (RFC 6120 5.3.5).
//!
//! What happens is printed as it happens. The exit code is 0 only if all of it
//! happened as it must.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program: it has an operating system below it and no API"
)]

mod attack;
#[path = "../../tests/it/harness/support/hostile_tls.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::large_enum_variant,
    reason = "a peer for tests, which fails loudly"
)]
mod hostile_tls;
mod pki;
mod reset;
mod setup;
mod side;

use std::process::ExitCode;

use setup::Setup;

/// What did not happen as it must.
#[derive(Debug)]
struct Failure(String);

type Outcome = Result<(), Failure>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => {
            println!("\neverything happened as it must");
            ExitCode::SUCCESS
        }
        Err(Failure(what)) => {
            println!("\nFAILED: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let setup = Setup::new()?;
    chapter("a stream reset: everything anew");
    reset::reset_and_return(&setup)?;
    chapter("a renegotiation attempt against the initiating entity (TLS 1.2 HelloRequest)");
    attack::against_initiator(&setup)?;
    chapter("a renegotiation attempt against the receiving entity (TLS 1.2 ClientHello)");
    attack::against_responder(&setup)
}

fn chapter(title: &str) {
    println!("\n==== {title}");
}

/// Says that something holds, or fails.
fn check(holds: bool, what: &str) -> Outcome {
    if holds {
        println!("  ok    {what}");
        Ok(())
    } else {
        Err(Failure(what.to_owned()))
    }
}

/// Passes an error on that cannot be helped here.
fn or_fail<E: std::fmt::Display>(error: E) -> Failure {
    Failure(error.to_string())
}
