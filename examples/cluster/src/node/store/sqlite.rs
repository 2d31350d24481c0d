//! The store in a file that all nodes of one machine open.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Change, Failure, Outcome, Session, Store};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS session (
        name TEXT PRIMARY KEY,
        jid TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        until INTEGER NOT NULL,
        state BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS letter (
        position INTEGER PRIMARY KEY,
        jid TEXT NOT NULL,
        stanza TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS letter_of ON letter (jid, position);";

#[derive(Debug)]
pub struct Sqlite(Connection);

impl Sqlite {
    pub fn open(path: &str) -> Result<Self, Failure> {
        let sqlite = Connection::open(path)?;
        sqlite.busy_timeout(Duration::from_secs(10))?;
        // What is committed survives a loss of power too.
        sqlite.pragma_update(None, "journal_mode", "WAL")?;
        sqlite.pragma_update(None, "synchronous", "FULL")?;
        sqlite.execute_batch(SCHEMA)?;
        Ok(Self(sqlite))
    }
}

impl Store for Sqlite {
    fn take(&mut self, name: &str, owner: &str) -> Result<Option<Vec<u8>>, Failure> {
        let sql = "UPDATE session SET owner = ?2 WHERE name = ?1 RETURNING state";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement
            .query_row([name, owner], |row| row.get(0))
            .optional()?)
    }

    fn commit(&mut self, change: &Change<'_>) -> Result<Outcome, Failure> {
        let transaction = self
            .0
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !write_session(&transaction, change)? {
            return Ok(Outcome::NotOwner);
        }
        let sql = "DELETE FROM letter WHERE position IN
            (SELECT position FROM letter WHERE jid = ?1 ORDER BY position LIMIT ?2)";
        if change.sent > 0 {
            let mut delete = transaction.prepare_cached(sql)?;
            delete.execute(params![change.jid, change.sent])?;
        }
        let sql = "INSERT INTO letter (position, jid, stanza)
            VALUES ((SELECT ifnull(max(position), 0) + 1 FROM letter), ?1, ?2)";
        for letter in change.letters {
            let mut insert = transaction.prepare_cached(sql)?;
            insert.execute([&letter.to, &letter.stanza])?;
        }
        transaction.commit()?;
        Ok(Outcome::Done)
    }

    fn letters(&mut self, jid: &str, most: usize) -> Result<Vec<String>, Failure> {
        let sql = "SELECT stanza FROM letter WHERE jid = ?1 ORDER BY position LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let letters = statement.query_map(params![jid, most], |row| row.get(0))?;
        Ok(letters.collect::<Result<_, _>>()?)
    }

    fn session_of(&mut self, jid: &str) -> Result<Option<String>, Failure> {
        let mut statement = self
            .0
            .prepare_cached("SELECT name FROM session WHERE jid = ?1")?;
        Ok(statement.query_row([jid], |row| row.get(0)).optional()?)
    }

    fn expired(&mut self, now: u64) -> Result<Vec<String>, Failure> {
        let sql = "SELECT name FROM session WHERE until < ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        let names = statement.query_map([i64::try_from(now)?], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

/// Whether the session could be written.
fn write_session(transaction: &Transaction<'_>, change: &Change<'_>) -> Result<bool, Failure> {
    let Change {
        name, owner, jid, ..
    } = *change;
    let rows = match change.session {
        Session::Begin(new) => {
            let sql = "INSERT INTO session (name, jid, owner, until, state)
                VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            let until = i64::try_from(new.until)?;
            let mut insert = transaction.prepare_cached(sql)?;
            insert.execute(params![name, jid, owner, until, new.state])?
        }
        Session::Update(new) => {
            let sql = "UPDATE session SET until = ?3, state = ?4 WHERE name = ?1 AND owner = ?2";
            let until = i64::try_from(new.until)?;
            let mut update = transaction.prepare_cached(sql)?;
            update.execute(params![name, owner, until, new.state])?
        }
        Session::End(letters) => {
            let sql = "DELETE FROM session WHERE name = ?1 AND owner = ?2";
            let rows = transaction.execute(sql, [name, owner])?;
            let sql = "INSERT INTO letter (position, jid, stanza)
                VALUES ((SELECT ifnull(min(position), 0) - 1 FROM letter), ?1, ?2)";
            for letter in letters.iter().rev().filter(|_| rows == 1) {
                transaction.execute(sql, [jid, letter])?;
            }
            rows
        }
    };
    Ok(rows == 1)
}
