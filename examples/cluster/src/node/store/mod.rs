//! What the nodes share: sessions of stream management, and stanzas for each full JID.
//!
//! Nothing that a client may have been told is in a process alone, so each change is *one transaction*:
//! a session's counters move together with the stanzas they count.
//!
//! Of each session one connection is the owner, a name that no connection ever had before. `take` makes
//! another one the owner and returns the session, in one step. From then on the earlier owner's changes
//! are refused, whether it was killed, or hangs, or has not noticed that its client has gone. A session
//! that was deleted when it was taken would be lost with a node that is killed before it writes it anew.

mod redis;
mod sqlite;
#[cfg(test)]
mod tests;

use std::error::Error;

/// What fails in a store.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A stanza for a full JID.
#[derive(Debug)]
pub struct Letter {
    pub to: String,
    pub stanza: String,
}

/// What a connection changes, all at once or nothing.
#[derive(Debug)]
pub struct Change<'a> {
    /// The name of the session, with its account before it: nobody takes a session of somebody else.
    pub name: &'a str,
    pub owner: &'a str,
    /// The full JID of the session.
    pub jid: &'a str,
    pub session: Session<'a>,
    /// So many of the first stanzas for `jid` are in the session now.
    pub sent: usize,
    /// Stanzas for others that the session counts as handled.
    pub letters: &'a [Letter],
}

/// What becomes of the session.
#[derive(Clone, Copy, Debug)]
pub enum Session<'a> {
    /// It begins.
    Begin(Snapshot<'a>),
    /// It goes on.
    Update(Snapshot<'a>),
    /// It is over. These stanzas wait for the JID again, before all others.
    End(&'a [String]),
}

/// A session as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// [`xmpp_stream::sm::SmState::to_bytes`].
    pub state: &'a [u8],
    /// Until when it can be resumed, in seconds since 1970.
    pub until: u64,
}

/// Whether a change was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Somebody else owns the session: nothing was changed.
    NotOwner,
}

/// A connection to the store.
pub trait Store: Send {
    /// Makes `owner` the owner of a session, and returns it.
    fn take(&mut self, name: &str, owner: &str) -> Result<Option<Vec<u8>>, Failure>;

    /// Makes a change, if its connection is the owner.
    fn commit(&mut self, change: &Change<'_>) -> Result<Outcome, Failure>;

    /// Returns the first stanzas for a full JID. They stay where they are.
    fn letters(&mut self, jid: &str, most: usize) -> Result<Vec<String>, Failure>;

    /// Returns the name of the session that a full JID has.
    fn session_of(&mut self, jid: &str) -> Result<Option<String>, Failure>;

    /// Returns the names of sessions that can no longer be resumed.
    fn expired(&mut self, now: u64) -> Result<Vec<String>, Failure>;
}

/// Where the store is: `sqlite:PATH`, or a URL that begins with `redis`.
#[derive(Clone, Debug)]
pub struct Place(String);

impl Place {
    pub fn open(&self) -> Result<Box<dyn Store>, Failure> {
        Ok(match self.0.strip_prefix("sqlite:") {
            Some(path) => Box::new(sqlite::Sqlite::open(path)?),
            None => Box::new(redis::Redis::open(&self.0)?),
        })
    }
}

impl From<&str> for Place {
    fn from(place: &str) -> Self {
        Self(place.into())
    }
}
