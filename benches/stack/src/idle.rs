//! What a bound connection holds: the machine itself and its heap, beside rustls's connection and
//! its heap.

use crate::login::{Prepared, Way};
use crate::machine::{Carrier, Login, Profile};
use crate::meter::{self, Role};
use crate::pki::{Pki, Version};
use crate::stanza::{roster, stanza};

/// Bytes of each role at each point of a connection's life.
pub fn measure(pki: &Pki) {
    let way = Way {
        login: Login::Plain,
        carrier: Carrier::StartTls,
        version: Version::Tls13,
        profile: Profile::Sasl,
    };
    let prepared = Prepared::new(pki, way);
    // What is made once per process is made here.
    drop((prepared.ours(), prepared.bare()));
    forget();
    let _bare = prepared.bare();
    let mut held = Held::default();
    held.tell("bare");

    forget();
    let mut transit = Vec::with_capacity(1 << 18);
    let mut held = Held::default();
    let mut pair = prepared.ours();
    held.tell("bind");
    let small = stanza(300);
    for _ in 0..100 {
        for role in Role::BOTH {
            pair.send(role, &small, &mut transit);
        }
    }
    held.tell("traffic");
    pair.idle(60_000);
    held.tell("traffic-60s");
    for burst in [stanza(16_384), roster(60_000)] {
        for role in Role::BOTH {
            pair.send(role, &burst, &mut transit);
        }
    }
    held.tell("burst");
    for _ in 0..100 {
        for role in Role::BOTH {
            pair.send(role, &small, &mut transit);
        }
    }
    pair.idle(60_000);
    held.tell("burst-60s");
}

fn forget() {
    for role in Role::BOTH {
        meter::take(role);
    }
}

/// Bytes held by each role so far.
#[derive(Default)]
struct Held([i64; 2]);

impl Held {
    fn tell(&mut self, point: &str) {
        for role in Role::BOTH {
            let held = &mut self.0[role as usize];
            *held += meter::take(role).live;
            meter::tell(&format!("idle/{point}/{}", role.name()), *held as f64);
        }
    }
}
