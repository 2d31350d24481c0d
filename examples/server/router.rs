//! Who is connected, under which address, and which sessions wait for their
//! client.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender};
use xmpp_stream::jid::Jid;
use xmpp_stream::sm::{Fate, SmState};

/// How many letters may wait for one connection.
pub const MAILBOX: usize = 64;

/// How many stanzas may wait for a client that does not read, or is away.
pub const BACKLOG: usize = 256;

/// How many sessions of one account may wait for their client.
const AWAY_PER_ACCOUNT: usize = 8;

/// How many sessions that are over are remembered.
const REMEMBERED: usize = 1024;

/// What one connection has for another.
pub enum Mail {
    /// Send this stanza.
    Stanza(String),
    /// A newer connection has taken the address (RFC 6120 7.7.2.2).
    Replaced,
    /// The session that is to be resumed has no stream any more.
    Released,
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

/// What becomes of a client's wish to resume a session (XEP-0198 5).
pub enum Resumption {
    /// It is the connection's; with what has come meanwhile.
    Granted(Box<SmState>, VecDeque<String>),
    /// Its stream is being ended; [`Mail::Released`] says when to ask again.
    Pending,
    /// There is none; how much it had handled, if that is remembered.
    Refused(Option<u32>),
}

/// The stanzas that a session leaves when it is over.
pub struct Remains {
    /// Whose they are.
    pub jid: Jid,
    /// What the client may have.
    pub unknown: Vec<String>,
    /// What it does not have.
    pub unsent: Vec<String>,
}

/// What a connection leaves when it has ended.
pub struct Left {
    /// The address that was bound.
    pub jid: Option<Jid>,
    /// The name of its session, if the session can be resumed.
    pub session: Option<String>,
    pub state: Option<SmState>,
    /// What was still to be sent.
    pub unsent: VecDeque<String>,
}

/// A session that waits for its client.
pub struct Wait {
    pub session: String,
    /// The connection that it was on.
    pub since: u64,
    pub time: Duration,
}

/// All connections by number, the bound ones by address, and sessions by name.
#[derive(Default)]
pub struct Router(Mutex<Connections>);

#[derive(Default)]
struct Connections {
    all: HashMap<u64, Entry>,
    bound: HashMap<Jid, Owner>,
    sessions: HashMap<String, Session>,
    /// Sessions that are over: name, account, and how much was handled.
    over: VecDeque<(String, Jid, u32)>,
}

struct Entry {
    mailbox: Sender<Mail>,
    /// Ends the connection at once, whatever it is doing.
    evict: Arc<Notify>,
}

#[derive(Clone, PartialEq, Eq)]
enum Owner {
    Connection(u64),
    /// A session without a stream, by name.
    Away(String),
}

struct Session {
    jid: Jid,
    place: Place,
}

enum Place {
    /// On this connection; perhaps another waits to resume it.
    Connection { conn: u64, waiting: Option<u64> },
    /// Nowhere since that connection ended.
    Away {
        since: u64,
        state: Box<SmState>,
        held: VecDeque<String>,
    },
}

impl Router {
    /// A connection has begun. What it gets back tells it to end at once.
    pub fn enter(&self, conn: u64, mailbox: Sender<Mail>) -> Arc<Notify> {
        let evict = Arc::new(Notify::new());
        let entry = Entry {
            mailbox,
            evict: Arc::clone(&evict),
        };
        self.connections().all.insert(conn, entry);
        evict
    }

    /// It has ended. What waits in its mailbox is added to what is unsent.
    pub fn leave(
        &self,
        conn: u64,
        mut left: Left,
        mailbox: &mut Receiver<Mail>,
    ) -> (Option<Wait>, Vec<Remains>) {
        let mut connections = self.connections();
        connections.all.remove(&conn);
        // Nobody writes to it any more, because that needs the lock.
        while let Ok(mail) = mailbox.try_recv() {
            if let Mail::Stanza(stanza) = mail {
                left.unsent.push_back(stanza);
            }
        }
        connections.part(conn, left)
    }

    /// It has an address from now on; who had it before has to go. A session
    /// that was waiting under this address is over.
    pub fn bind(&self, conn: u64, jid: &Jid) -> Option<Remains> {
        let mut connections = self.connections();
        let before = connections
            .bound
            .insert(jid.clone(), Owner::Connection(conn));
        match before? {
            Owner::Connection(owner) => {
                connections.tell(owner, Mail::Replaced);
                None
            }
            Owner::Away(name) => connections.discard(&name),
        }
    }

    /// Its session has a name, by which it can be resumed.
    pub fn name(&self, conn: u64, name: &str, jid: &Jid) {
        let session = Session {
            jid: jid.clone(),
            place: Place::Connection {
                conn,
                waiting: None,
            },
        };
        let mut connections = self.connections();
        connections.sessions.insert(name.to_owned(), session);
    }

    /// It would like to resume a session of this account. The session is taken
    /// in the same step, so that no other connection gets it too.
    pub fn resume(&self, conn: u64, name: &str, account: &str) -> Resumption {
        let mut connections = self.connections();
        let is_account = |jid: &Jid| jid.local() == Some(account);
        let Some(session) = connections.sessions.get_mut(name) else {
            let mut over = connections.over.iter();
            let found = over.find(|(over, jid, _)| over == name && is_account(jid));
            return Resumption::Refused(found.map(|(_, _, handled)| *handled));
        };
        if !is_account(&session.jid) {
            return Resumption::Refused(None);
        }
        let taken = Place::Connection {
            conn,
            waiting: None,
        };
        match &mut session.place {
            Place::Connection { conn: owner, .. } if *owner == conn => Resumption::Refused(None),
            Place::Connection {
                conn: owner,
                waiting,
            } => {
                let owner = *owner;
                *waiting = Some(conn);
                if let Some(entry) = connections.all.get(&owner) {
                    entry.evict.notify_one();
                }
                Resumption::Pending
            }
            Place::Away { .. } => match std::mem::replace(&mut session.place, taken) {
                Place::Away { state, held, .. } => {
                    let jid = session.jid.clone();
                    connections.bound.insert(jid, Owner::Connection(conn));
                    Resumption::Granted(state, held)
                }
                Place::Connection { .. } => Resumption::Refused(None),
            },
        }
    }

    /// The time is up for a session that waits since that connection's end.
    pub fn expire(&self, name: &str, conn: u64) -> Option<Remains> {
        let mut connections = self.connections();
        match connections.sessions.get(name)?.place {
            Place::Away { since, .. } if since == conn => connections.discard(name),
            _ => None,
        }
    }

    /// To the owner of a full address, or to one of a bare one's: one that is
    /// connected, if there is one.
    pub fn deliver(&self, to: &Jid, stanza: String) -> Result<(), Undelivered> {
        let mut connections = self.connections();
        let owner = if to.is_full() {
            connections.bound.get(to)
        } else {
            let owners = connections.bound.iter();
            let mut owners = owners.filter(|(jid, _)| jid.bare() == *to);
            let first = owners.next();
            let connected = |(_, owner): &(&Jid, &Owner)| matches!(owner, Owner::Connection(_));
            first
                .filter(connected)
                .or_else(|| owners.find(connected))
                .or(first)
                .map(|(_, owner)| owner)
        };
        match owner.cloned().ok_or(Undelivered::Nobody)? {
            Owner::Connection(conn) => connections
                .all
                .get(&conn)
                .ok_or(Undelivered::Nobody)?
                .mailbox
                .try_send(Mail::Stanza(stanza))
                .map_err(|_| Undelivered::Busy),
            Owner::Away(name) => match connections.sessions.get_mut(&name) {
                Some(Session {
                    place: Place::Away { held, .. },
                    ..
                }) if held.len() < BACKLOG => {
                    held.push_back(stanza);
                    Ok(())
                }
                Some(_) => Err(Undelivered::Busy),
                None => Err(Undelivered::Nobody),
            },
        }
    }

    /// Tells every connection to say goodbye.
    pub fn stop(&self) {
        for entry in self.connections().all.values() {
            let _ = entry.mailbox.try_send(Mail::Stop);
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// The session of a connection that has ended waits for its client, or is
    /// over.
    fn part(&mut self, conn: u64, left: Left) -> (Option<Wait>, Vec<Remains>) {
        let Left {
            jid,
            session,
            state,
            unsent,
        } = left;
        let Some(jid) = jid else {
            return (None, Vec::new());
        };
        let is_owner = self.bound.get(&jid) == Some(&Owner::Connection(conn));
        match (session, state) {
            // A client that does not read is not waited for.
            (Some(name), Some(state))
                if is_owner && state.is_resumable() && unsent.len() <= BACKLOG =>
            {
                let max = state.max().unwrap_or_default();
                let over = self.make_room(&jid);
                self.bound.insert(jid.clone(), Owner::Away(name.clone()));
                let place = Place::Away {
                    since: conn,
                    state: Box::new(state),
                    held: unsent,
                };
                self.put(name.clone(), Session { jid, place });
                let wait = Wait {
                    session: name,
                    since: conn,
                    time: Duration::from_secs(max.into()),
                };
                (Some(wait), over.into_iter().collect())
            }
            (session, state) => {
                if is_owner {
                    self.bound.remove(&jid);
                }
                if let Some(name) = session {
                    self.forget(&name, &jid, state.as_ref());
                }
                (None, vec![Remains::new(jid, state.as_ref(), unsent)])
            }
        }
    }

    /// Puts a session in its place, and tells who waits for it.
    fn put(&mut self, name: String, session: Session) {
        if let Some(before) = self.sessions.insert(name, session) {
            self.release(&before);
        }
    }

    /// Removes a session, of which a client may still ask how much it handled.
    fn forget(&mut self, name: &str, jid: &Jid, state: Option<&SmState>) {
        if let Some(before) = self.sessions.remove(name) {
            self.release(&before);
        }
        if let Some(state) = state {
            if self.over.len() == REMEMBERED {
                self.over.pop_front();
            }
            let over = (name.to_owned(), jid.clone(), state.handled());
            self.over.push_back(over);
        }
    }

    fn release(&self, session: &Session) {
        if let Place::Connection {
            waiting: Some(conn),
            ..
        } = session.place
        {
            self.tell(conn, Mail::Released);
        }
    }

    /// Ends the session of this account that waits longest, if there are many.
    fn make_room(&mut self, jid: &Jid) -> Option<Remains> {
        let account = jid.bare();
        let away = self.sessions.iter().filter_map(|(name, session)| {
            let Place::Away { since, .. } = session.place else {
                return None;
            };
            (session.jid.bare() == account).then_some((since, name))
        });
        let mut away: Vec<_> = away.collect();
        away.sort_unstable();
        let name = match away[..] {
            [(_, name), ..] if away.len() >= AWAY_PER_ACCOUNT => name.clone(),
            _ => return None,
        };
        self.discard(&name)
    }

    /// Ends a session that waits.
    fn discard(&mut self, name: &str) -> Option<Remains> {
        let Session { jid, place } = self.sessions.remove(name)?;
        let Place::Away { state, held, .. } = place else {
            return None;
        };
        if self.bound.get(&jid) == Some(&Owner::Away(name.to_owned())) {
            self.bound.remove(&jid);
        }
        self.forget(name, &jid, Some(&state));
        Some(Remains::new(jid, Some(&state), held))
    }

    fn tell(&self, conn: u64, mail: Mail) {
        if let Some(entry) = self.all.get(&conn) {
            let _ = entry.mailbox.try_send(mail);
        }
    }
}

impl Remains {
    fn new(jid: Jid, state: Option<&SmState>, held: VecDeque<String>) -> Self {
        let mut remains = Self {
            jid,
            unknown: Vec::new(),
            unsent: Vec::new(),
        };
        for stanza in state.iter().flat_map(|state| state.unacknowledged()) {
            let fate = match stanza.fate {
                Fate::Unsent | Fate::Unhandled => &mut remains.unsent,
                _ => &mut remains.unknown,
            };
            fate.push(stanza.stanza.to_owned());
        }
        remains.unsent.extend(held);
        remains
    }
}
