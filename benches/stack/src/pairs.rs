//! Many bound pairs in one process.

use std::time::Instant;

use crate::heap;
use crate::login::{Prepared, Way};
use crate::machine::{Carrier, Login, Profile};
use crate::meter::{self, Role};
use crate::pair::Pair;
use crate::pki::{Pki, Version};
use crate::stanza::stanza;

/// Makes `count` pairs, has each send a message of 300 bytes in both directions, and says what that
/// took.
pub fn measure(pki: &Pki, count: usize) {
    let way = Way {
        login: Login::Plain,
        carrier: Carrier::StartTls,
        version: Version::Tls13,
        profile: Profile::Sasl,
    };
    let prepared = Prepared::new(pki, way);
    let mut transit = Vec::with_capacity(1 << 16);
    drop(prepared.ours());
    // Valgrind looks at the messages alone.
    meter::stop_instrumentation();
    let (heap, resident) = (heap::live(), resident());
    let start = Instant::now();
    let mut pairs: Vec<Pair> = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push(prepared.ours());
    }
    let time = start.elapsed().as_secs_f64();
    let each = |bytes: u64| bytes as f64 / count as f64;
    meter::tell("pairs/logins-per-second", count as f64 / time);
    meter::tell("pairs/heap", each(heap::live() - heap));
    meter::tell("pairs/rss", each(self::resident() - resident));

    let text = stanza(300);
    let mut round = |pairs: &mut Vec<Pair>| {
        for pair in pairs {
            for role in Role::BOTH {
                pair.send(role, &text, &mut transit);
            }
        }
    };
    round(&mut pairs);
    meter::start_instrumentation();
    for role in Role::BOTH {
        meter::take(role);
    }
    // Both roles send and both receive: a message is one sent and received.
    for role in Role::BOTH {
        meter::watch(Some(role));
        round(&mut pairs);
    }
    meter::watch(None);
    meter::dump("pairs/message", 2 * count);
    let time = meter::take(Role::Initiator).time + meter::take(Role::Responder).time;
    let messages = (4 * count) as f64;
    meter::tell("pairs/message-time", time.as_secs_f64() / messages);
    meter::tell("pairs/heap-after-messages", each(heap::live() - heap));
}

/// Bytes of memory in use, as the system sees it.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    pages * 4096
}
