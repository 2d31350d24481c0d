//! Both roles in one process, over a pipe in memory: nothing is asked of the
//! network or the clock.
//!
//! 1. A TLS 1.2 peer attempts a renegotiation, with authentic records, against
//!    each role. Either answers with `CloseTcp` at once and without another
//!    byte (RFC 6120 5.3.5).
//! 2. STARTTLS, TLS, SASL, bind, a message.
//! 3. TCP breaks. The client comes back and resumes the TLS session.
//! 4. The server resets the stream. The client comes back with a *full* TLS
//!    handshake and fresh keys, as RFC 6120 4.9.3.16 demands.
//!
//! What happens is printed as it happens, and summed up. The exit code is 0
//! only if all of it happened as it must. `--verbose` prints everything: each
//! event and `Wait`, all bytes, namespaces.
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
mod show;
mod side;

use std::env;
use std::process::ExitCode;

use setup::Setup;
use show::{Colour, Show};

/// What did not happen as it must.
#[derive(Debug)]
struct Failure(String);

type Outcome = Result<(), Failure>;

fn main() -> ExitCode {
    let verbose = match env::args().nth(1).as_deref() {
        None => false,
        Some("--verbose") => true,
        Some(_) => {
            eprintln!("usage: demo [--verbose]");
            return ExitCode::from(64);
        }
    };
    let show = Show::new(verbose);
    let mut summary = Vec::new();
    let outcome = run(show, &mut summary);
    show.chapter("summary");
    for line in &summary {
        show.line(Colour::None, &format!("  {line}"));
    }
    match outcome {
        Ok(()) => {
            show.line(
                Colour::Green,
                "  exit code 0: everything happened as it must",
            );
            ExitCode::SUCCESS
        }
        Err(Failure(what)) => {
            show.line(
                Colour::Red,
                &format!("  exit code 1: this does not hold: {what}"),
            );
            ExitCode::FAILURE
        }
    }
}

fn run(show: Show, summary: &mut Vec<String>) -> Outcome {
    let setup = Setup::new(show)?;
    show.chapter("1. an attack: a TLS 1.2 server attempts to renegotiate");
    attack::against_initiator(&setup, summary)?;
    show.chapter("   the same attack by a TLS 1.2 client");
    attack::against_responder(&setup, summary)?;
    summary.push(reset::login_and_reset(&setup)?);
    Ok(())
}

/// Passes an error on that cannot be helped here.
fn or_fail<E: std::fmt::Display>(error: E) -> Failure {
    Failure(error.to_string())
}
