//! `stack WHAT [--quick] [--pairs N]`: measures WHAT and says it on standard output;
//! `benches/run-stack` makes a table of it.
//!
//! WHAT is `instructions` (under callgrind), `native` (time and memory, without valgrind) or
//! `pairs` (with or without).

#![allow(clippy::cast_precision_loss, reason = "figures for a table")]
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

mod bare;
mod heap;
mod idle;
mod login;
mod machine;
mod managed;
mod meter;
mod pair;
mod pairs;
mod pki;
mod stanza;

use login::{Prepared, Way};
use machine::Kind;
use pki::Pki;
use stanza::{Bench, By};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let pairs = arguments.iter().position(|argument| argument == "--pairs");
    let pairs = pairs.map_or(1000, |at| arguments[at + 1].parse().expect("a number"));
    let pki = Pki::new();
    let ways = if quick { Way::quick() } else { Way::all() };
    match arguments.first().map(String::as_str) {
        Some("instructions") => {
            stanzas(Bench::responder(&pki), if quick { 20 } else { 100 });
            if !quick {
                stanzas(Bench::initiator(&pki), 100);
            }
            for way in ways {
                login::instructions(&Prepared::new(&pki, way), if quick { 20 } else { 40 });
            }
        }
        Some("native") => {
            idle::measure(&pki);
            for way in ways {
                login::time(&Prepared::new(&pki, way), if quick { 100 } else { 200 });
            }
        }
        Some("managed") => {
            for size in [100, 300, 1024] {
                managed::measure(&pki, size);
            }
        }
        Some("pairs") => pairs::measure(&pki, pairs),
        _ => {
            eprintln!("usage: stack instructions|managed|native|pairs [--quick] [--pairs N]");
            std::process::exit(64);
        }
    }
}

/// What one role does with stanzas of all sizes.
fn stanzas<N: Kind>(mut bench: Bench<N>, count: usize) {
    for size in [100, 300, 1024, 4096, 16_384] {
        bench.send(size, count);
    }
    for by in [By::Window, By::Slice] {
        for size in [100, 300, 1024, 4096, 16_384] {
            bench.receive(size, 0, by, count);
        }
    }
    for size in [100, 300, 1024, 4096] {
        bench.receive(size, 16_384, By::Window, count.div_ceil(4));
    }
}
