//! The store in a Redis server, which nodes of many machines can reach.
//!
//! How much survives the death of *Redis* is Redis's configuration: `appendonly yes` and
//! `appendfsync always` keep all that was answered.

use redis::{Client, Commands, Connection, Pipeline, RedisResult};

use super::{Change, Failure, Outcome, Session, Snapshot, Store};

/// The sessions by the time until which they can be resumed.
const UNTIL: &str = "sessions";

pub struct Redis(Connection);

impl Redis {
    pub fn open(url: &str) -> Result<Self, Failure> {
        Ok(Self(Client::open(url)?.get_connection()?))
    }
}

impl Store for Redis {
    fn take(&mut self, name: &str, owner: &str) -> Result<Option<Vec<u8>>, Failure> {
        // MULTI and EXEC: both or none, and nothing in between.
        let mut transaction = redis::pipe();
        transaction.atomic();
        transaction
            .cmd("SET")
            .arg((owner_key(name), owner, "XX"))
            .ignore();
        transaction.get(state_key(name));
        let (state,) = transaction.query(&mut self.0)?;
        Ok(state)
    }

    fn commit(&mut self, change: &Change<'_>) -> Result<Outcome, Failure> {
        // It is tried again if the owner changes between the question and the transaction.
        let watched = [owner_key(change.name), jid_key(change.jid)];
        let outcome = redis::transaction(&mut self.0, &watched, |redis, transaction| {
            if !is_owner(redis, change)? {
                return Ok(Some(Outcome::NotOwner));
            }
            write(transaction, change);
            let done: Option<()> = transaction.query(redis)?;
            Ok(done.map(|()| Outcome::Done))
        });
        Ok(outcome?)
    }

    fn letters(&mut self, jid: &str, most: usize) -> Result<Vec<String>, Failure> {
        Ok(self
            .0
            .lrange(letters_key(jid), 0, isize::try_from(most)? - 1)?)
    }

    fn session_of(&mut self, jid: &str) -> Result<Option<String>, Failure> {
        Ok(self.0.get(jid_key(jid))?)
    }

    fn expired(&mut self, now: u64) -> Result<Vec<String>, Failure> {
        Ok(self.0.zrangebyscore(UNTIL, "-inf", format!("({now}"))?)
    }
}

fn is_owner(redis: &mut Connection, change: &Change<'_>) -> RedisResult<bool> {
    Ok(match change.session {
        Session::Begin(_) => !redis.exists(jid_key(change.jid))?,
        Session::Update(_) | Session::End(_) => {
            let owner: Option<String> = redis.get(owner_key(change.name))?;
            owner.as_deref() == Some(change.owner)
        }
    })
}

fn write(transaction: &mut Pipeline, change: &Change<'_>) {
    let letters_key = letters_key(change.jid);
    let name = change.name;
    if let Ok(sent @ 1..) = isize::try_from(change.sent) {
        transaction.ltrim(&letters_key, sent, -1);
    }
    match change.session {
        Session::Begin(Snapshot { state, until }) => {
            transaction.set(owner_key(name), change.owner);
            transaction.set(jid_key(change.jid), name);
            transaction.set(state_key(name), state);
            transaction.zadd(UNTIL, name, until);
        }
        Session::Update(Snapshot { state, until }) => {
            transaction.set(state_key(name), state);
            transaction.zadd(UNTIL, name, until);
        }
        Session::End(letters) => {
            transaction.del(&[owner_key(name), state_key(name), jid_key(change.jid)]);
            transaction.zrem(UNTIL, name);
            for letter in letters.iter().rev() {
                transaction.lpush(&letters_key, letter);
            }
        }
    }
    for letter in change.letters {
        transaction.rpush(self::letters_key(&letter.to), &letter.stanza);
    }
}

fn owner_key(name: &str) -> String {
    format!("owner:{name}")
}

fn state_key(name: &str) -> String {
    format!("session:{name}")
}

fn jid_key(jid: &str) -> String {
    format!("jid:{jid}")
}

fn letters_key(jid: &str) -> String {
    format!("letters:{jid}")
}
