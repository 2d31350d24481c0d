//! Who is connected, and under which address.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::Sender;
use xmpp_stream::jid::Jid;

/// How many letters may wait for one connection.
pub const MAILBOX: usize = 64;

/// What one connection has for another.
pub enum Mail {
    /// Send this stanza.
    Stanza(String),
    /// A newer connection has taken the address (RFC 6120 7.7.2.2).
    Replaced,
    /// The server stops.
    Stop,
}

/// Why a stanza was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Nobody has that address.
    Nobody,
    /// Its owner takes nothing.
    Busy,
}

/// All connections by number, and the bound ones by address.
#[derive(Default)]
pub struct Router(Mutex<Connections>);

#[derive(Default)]
struct Connections {
    all: HashMap<u64, Sender<Mail>>,
    bound: HashMap<Jid, u64>,
}

impl Router {
    /// A connection has begun.
    pub fn enter(&self, conn: u64, mailbox: Sender<Mail>) {
        self.connections().all.insert(conn, mailbox);
    }

    /// It has ended.
    pub fn leave(&self, conn: u64) {
        let mut connections = self.connections();
        connections.all.remove(&conn);
        connections.bound.retain(|_, owner| *owner != conn);
    }

    /// It has an address from now on; who had it before has to go.
    pub fn bind(&self, conn: u64, jid: &Jid) {
        let mut connections = self.connections();
        let before = connections.bound.insert(jid.clone(), conn);
        if let Some(mailbox) = before.and_then(|owner| connections.all.get(&owner)) {
            let _ = mailbox.try_send(Mail::Replaced);
        }
    }

    /// To the owner of a full address, or to one of a bare one's.
    pub fn deliver(&self, to: &Jid, stanza: String) -> Result<(), Undelivered> {
        let connections = self.connections();
        let owner = if to.is_full() {
            connections.bound.get(to)
        } else {
            connections
                .bound
                .iter()
                .find(|(jid, _)| jid.bare() == *to)
                .map(|(_, conn)| conn)
        };
        owner
            .and_then(|conn| connections.all.get(conn))
            .ok_or(Undelivered::Nobody)?
            .try_send(Mail::Stanza(stanza))
            .map_err(|_| Undelivered::Busy)
    }

    /// Tells every connection to say goodbye.
    pub fn stop(&self) {
        for mailbox in self.connections().all.values() {
            let _ = mailbox.try_send(Mail::Stop);
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
