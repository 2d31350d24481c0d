//! More stanzas than the keys of a TLS 1.2 connection protect, one in each record.
//!
//! AES-GCM protects 2^24 records under one key (RFC 9325 4.4, and what rustls counts). With rustls alone
//! the connection ends there, and what was written last is lost without an error. A connection of this
//! crate resets the stream before (RFC 6120 5.3.5), and its session of stream management (XEP-0198) goes
//! on under new keys.
//!
//! At commit 352000d (`.ci/deep keys`): rustls alone wrote 16,777,216 stanzas without an error, and
//! 16,777,215 were read; this crate sent 17,825,792 over two connections with one reset, at most
//! 16,671,180 records under one key, and none was lost or doubled.
//!
//! `cargo run --release --example key_limit` takes some minutes. `-- N` sends N stanzas instead of 2^24 and
//! 2^20 more. Real TLS, in memory. The exit code is 0 only if all of it happened so.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::disallowed_methods,
    reason = "a program: it has an operating system below it, a clock, and no API"
)]

mod ours;
mod pki;
mod plain;

use std::error::Error;
use std::process::ExitCode;

use xmpp_stream::time::StdClock;

type Failure = Box<dyn Error + Send + Sync>;

/// What the keys protect.
const LIMIT: u64 = 1 << 24;
/// What is sent past it.
const MORE: u64 = 1 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Failure> {
    let stanzas = match std::env::args().nth(1) {
        Some(number) => number.parse()?,
        None => LIMIT + MORE,
    };
    let pki = pki::Pki::new()?;
    let clock = StdClock::new();
    let begin = clock.now();
    let plain = plain::run(&pki, stanzas)?;
    println!(
        "rustls alone: {} stanzas written without an error, {} read, {} lost; records {}; {}; {:.0} s",
        plain.written,
        plain.read,
        plain.written - plain.read,
        plain.records.of_connection,
        if plain.is_closed {
            "closed by close_notify"
        } else {
            "open"
        },
        clock.now().saturating_duration_since(begin).as_secs_f32()
    );
    let begin = clock.now();
    let ours = ours::run(&pki, stanzas)?;
    println!(
        "xmpp-stream: {} stanzas sent, {} delivered, {} lost, {} doubled, {} sent again; connections {}, \
         resets {}, records {}, at most {} under one key; {:.0} s",
        ours.sent,
        ours.delivered,
        ours.lost,
        ours.doubled,
        ours.sent_again,
        ours.connections,
        ours.connections - 1,
        ours.records.in_all,
        ours.records.most,
        clock.now().saturating_duration_since(begin).as_secs_f32()
    );
    let dies = plain.is_closed && plain.written > plain.read;
    let goes_on = ours.delivered == stanzas
        && (ours.lost, ours.doubled) == (0, 0)
        && ours.records.most < LIMIT;
    // Below the limit both must go on.
    Ok(goes_on && dies == (stanzas >= LIMIT))
}

/// One of many.
fn stanza(number: u64) -> String {
    format!("<message to='server@localhost' id='{number}'><body>hello</body></message>")
}

/// The records of the client, counted on the wire.
#[derive(Debug, Default)]
struct Records {
    of_connection: u64,
    /// Of one connection.
    most: u64,
    in_all: u64,
}

impl Records {
    /// Counts whole records.
    fn count(&mut self, mut bytes: &[u8]) {
        // Those before Finished are not under the keys: of each connection three are too many.
        while let [_, _, _, high, low, rest @ ..] = bytes {
            bytes = rest
                .get(usize::from(u16::from_be_bytes([*high, *low]))..)
                .unwrap_or_default();
            self.of_connection += 1;
            self.in_all += 1;
        }
        self.most = self.most.max(self.of_connection);
    }

    fn next_connection(&mut self) {
        self.of_connection = 0;
    }
}
