//! Two machines and what travels between them.

use crate::machine::{Client, Configs, Kind, Machine, Server, Told};
use crate::meter::{self, Role};

pub struct Pair {
    pub initiator: Client,
    pub responder: Server,
    /// In milliseconds.
    pub now: u64,
}

/// Bytes that one role gave TCP at a time.
pub type Flight = (Role, Vec<u8>);

impl Pair {
    /// Logs in, as fast as the two can. Adds what was sent to `flights`.
    pub fn log_in(configs: &Configs, flights: &mut Vec<Flight>) -> Self {
        let mut pair = Self {
            initiator: meter::run(Role::Initiator, || configs.initiator()),
            responder: meter::run(Role::Responder, || configs.responder()),
            now: 0,
        };
        let mut transit = Vec::with_capacity(8192);
        let mut established = [false; 2];
        for _ in 0..40 {
            if pair.flights(&mut transit, flights, &mut established) {
                assert_eq!(established, [true; 2], "{pair:?}");
                return pair;
            }
        }
        panic!("no end: {pair:?}");
    }

    /// Has both work and carries what they say. Returns whether nothing was said.
    fn flights(
        &mut self,
        transit: &mut Vec<u8>,
        flights: &mut Vec<Flight>,
        established: &mut [bool; 2],
    ) -> bool {
        let now = self.now;
        let mut silent = true;
        let told = meter::run(Role::Initiator, || self.initiator.drive(now));
        established[0] |= told.established;
        if take(Role::Initiator, &mut self.initiator, transit) {
            silent = false;
            flights.push((Role::Initiator, transit.clone()));
        }
        established[1] |= give(Role::Responder, &mut self.responder, transit, now).established;
        let told = meter::run(Role::Responder, || self.responder.drive(now));
        established[1] |= told.established;
        if take(Role::Responder, &mut self.responder, transit) {
            silent = false;
            flights.push((Role::Responder, transit.clone()));
        }
        established[0] |= give(Role::Initiator, &mut self.initiator, transit, now).established;
        silent
    }

    /// `from` sends a stanza, which arrives.
    pub fn send(&mut self, from: Role, stanza: &str, transit: &mut Vec<u8>) {
        let now = self.now;
        let told = match from {
            Role::Initiator => {
                send(from, &mut self.initiator, stanza, transit, now);
                give(from.other(), &mut self.responder, transit, now)
            }
            Role::Responder => {
                send(from, &mut self.responder, stanza, transit, now);
                give(from.other(), &mut self.initiator, transit, now)
            }
        };
        assert_eq!(told.stanzas, 1, "{self:?}");
    }

    /// `from` sends a stanza, which arrives, as does everything that the two say to it.
    pub fn converse(&mut self, from: Role, stanza: &str, transit: &mut Vec<u8>) {
        self.send(from, stanza, transit);
        while !self.flights(transit, &mut Vec::new(), &mut [true; 2]) {}
    }

    /// Polls each machine at every deadline it asks for, for so many milliseconds.
    pub fn idle(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        meter::run(Role::Initiator, || idle(&mut self.initiator, self.now, end));
        meter::run(Role::Responder, || idle(&mut self.responder, self.now, end));
        self.now = end;
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:?}\n{:?}", self.initiator, self.responder)
    }
}

/// Sends a stanza and leaves in `transit` what TCP gets.
pub fn send<N: Kind>(
    role: Role,
    machine: &mut Machine<N>,
    stanza: &str,
    transit: &mut Vec<u8>,
    now: u64,
) {
    meter::run(role, || {
        machine.send(stanza);
        machine.drive(now);
    });
    assert!(take(role, machine, transit));
}

/// Takes everything for TCP. Returns whether there was anything.
pub fn take<N: Kind>(role: Role, machine: &mut Machine<N>, transit: &mut Vec<u8>) -> bool {
    transit.clear();
    loop {
        let bytes = machine.transmit();
        if bytes.is_empty() {
            return !transit.is_empty();
        }
        transit.extend_from_slice(bytes);
        let n = bytes.len();
        meter::run(role, || machine.transmitted(n));
    }
}

/// Gives the machine what came from TCP, by its window, and polls it.
pub fn give<N: Kind>(role: Role, machine: &mut Machine<N>, mut bytes: &[u8], now: u64) -> Told {
    let mut all = Told::default();
    while !bytes.is_empty() {
        let lent = &mut *machine;
        let window = meter::run(role, move || lent.window());
        // The system's copy, which is not counted.
        let n = window.len().min(bytes.len());
        assert!(n > 0, "no room");
        window[..n].copy_from_slice(&bytes[..n]);
        bytes = &bytes[n..];
        let told = meter::run(role, || {
            machine.received(n);
            machine.drive(now)
        });
        all.stanzas += told.stanzas;
        all.established |= told.established;
    }
    all
}

fn idle<N: Kind>(machine: &mut Machine<N>, mut now: u64, end: u64) {
    for _ in 0..10_000 {
        let deadline = machine.drive(now).deadline;
        match deadline {
            Some(next) if next < end => now = next.max(now),
            _ if now == end => return,
            _ => now = end,
        }
    }
    panic!("no end of deadlines");
}
