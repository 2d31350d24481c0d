//! Tokens for later logins (FAST, XEP-0484), in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xmpp_stream::connection::{IssueDecision, TokenDecision};
use xmpp_stream::sasl::{StoredToken, StoredTokens, TokenSlot};

/// How long a token is good. It is replaced when it is used after a third of that.
const LIFETIME: Duration = Duration::from_secs(21 * 24 * 3600);

/// How many clients' tokens are kept. The oldest go first.
const MOST: usize = 10_000;

/// An account, and the id of a client.
type Key = (String, String);

/// The tokens of all clients, and when the last one was given.
pub struct Tokens {
    clients: Mutex<HashMap<Key, (StoredTokens, SystemTime)>>,
    lifetime: Duration,
}

impl Default for Tokens {
    fn default() -> Self {
        Self::lasting(LIFETIME)
    }
}

impl Tokens {
    /// No tokens yet; those to come are good for so long.
    pub fn lasting(lifetime: Duration) -> Self {
        Self {
            clients: Mutex::default(),
            lifetime,
        }
    }

    /// Answers with the tokens of a client, and whether they are still good.
    pub fn find(&self, account: String, decision: TokenDecision<'_>) {
        let client = decision.client().unwrap_or_default().to_owned();
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let found = clients.get(&(account.clone(), client));
        let tokens = match found {
            Some((tokens, given)) if age(*given) < self.lifetime => tokens.clone(),
            Some((tokens, _)) => expired(tokens),
            None => StoredTokens::none(),
        };
        decision.tokens(account, tokens);
    }

    /// Keeps what becomes of a client's tokens, and gives it a new one where it asks for one, or the one
    /// that it has used is old.
    pub fn renew(&self, decision: IssueDecision<'_>) {
        let request = decision.request();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (request.identity.authcid.clone(), request.client.clone());
        let (tokens, given) = clients
            .remove(&key)
            .unwrap_or_else(|| (StoredTokens::none(), now()));
        let is_old = age(given) >= self.lifetime / 3;
        let tokens = match (request.used, request.invalidate) {
            (Some(_), true) => StoredTokens::none(),
            (Some(slot), false) => tokens.after_use(slot),
            (None, _) => tokens,
        };
        if !request.requested && (request.invalidate || !is_old) {
            clients.insert(key, (tokens, given));
            return decision.keep();
        }
        let given = now();
        if let Ok(token) = decision.issue(&date_time(given + self.lifetime)) {
            clients.insert(key, (tokens.after_issue(token), given));
        }
        if clients.len() > MOST {
            let oldest = clients.iter().min_by_key(|(_, (_, given))| *given);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                clients.remove(&key);
            }
        }
    }
}

/// The same tokens, which are no longer good: a client that has one is told so, and nobody else.
fn expired(tokens: &StoredTokens) -> StoredTokens {
    [TokenSlot::New, TokenSlot::Current]
        .into_iter()
        .filter_map(|slot| Some((slot, tokens.get(slot)?.token().clone())))
        .fold(StoredTokens::none(), |tokens, (slot, token)| {
            tokens.with(slot, StoredToken::expired(token))
        })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program: tokens expire by the calendar"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn age(given: SystemTime) -> Duration {
    given.elapsed().unwrap_or_default()
}

/// A time as XEP-0082 writes it, in the Gregorian calendar.
fn date_time(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_xep_0082_says() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(
                date_time(UNIX_EPOCH + Duration::from_secs(seconds)),
                expected
            );
        }
    }
}
