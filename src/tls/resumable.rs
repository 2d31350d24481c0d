//! Server-side TLS sessions that a stream reset takes back.
//!
//! After a stream reset, no TLS session of that stream may be resumed (RFC 6120 4.9.3.16). A client can
//! forget its tickets. A server cannot take back a ticket that it has issued, and rustls has no call for
//! it, whether the ticket holds the session (`ServerConfig::ticketer`) or names it
//! (`ServerConfig::session_storage`). So what rustls has encrypted or stored is marked here with the
//! session that it came from, and refused when it comes back after that session was revoked. rustls then
//! makes a full handshake.
//!
//! A *session* is what one full handshake agreed on, with every resumption of it: a resumed connection
//! issues tickets under the mark of the session that it resumed. A reset on any of its connections
//! revokes all of it, also the ticket by which the connection came about, and no other session.
//!
//! [`ResumableSessions`] remembers one bit for each of the newest sessions. Older ones are not resumed,
//! so that nothing has to be remembered for ever. The marks are inside what the ticketer encrypts: a
//! client can neither read nor change them. They are good for one `ResumableSessions` only. Another
//! process, or the same after a restart, refuses them, because it cannot know what was revoked here.
//!
//! Change here what revokes a session and how that is remembered. Which configs are hooked is said in
//! [`config`](super::config).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use rustls::server::{ProducesTickets, StoresServerSessions};
use zeroize::Zeroizing;

use crate::random::{Random, RandomError};

/// Which TLS sessions of a server may still be resumed. Cheap to clone; clones are the same.
///
/// [`ServerTls::tickets`](super::ServerTls::tickets) makes one of its own. Make one yourself to keep
/// sessions resumable when the TLS config is replaced (a renewed certificate, for example), and give it
/// to each by [`ServerTls::resumable`](super::ServerTls::resumable).
#[derive(Clone)]
pub struct ResumableSessions(Arc<Ledger>);

struct Ledger {
    /// Tells the marks of one ledger from those of another.
    id: [u8; ID],
    /// The number of the next session; never 0.
    next: AtomicU32,
    /// One bit for each of the newest sessions, by its number modulo their count: it was revoked.
    revoked: Box<[AtomicU32]>,
}

/// How many bytes tell one ledger from another.
const ID: usize = 8;
/// The first bytes of a mark, by which other plaintext is told from it.
const MAGIC: [u8; 4] = *b"XSR1";
/// The bytes of a mark: magic, ledger, number of the session.
const MARK: usize = MAGIC.len() + ID + 4;
const WORD: u32 = u32::BITS;

impl ResumableSessions {
    /// How many sessions can be resumed by default: the newest 262,144, in 32 KiB.
    pub const DEFAULT_NEWEST: u32 = 1 << 18;

    /// Lets the `newest` sessions be resumed, each needing one bit of memory. The number is rounded up
    /// to the next power of two, and is at least 32 and at most 2^30.
    ///
    /// A session is counted when its first ticket is issued. How many are needed follows from the full
    /// handshakes within the lifetime of a ticket.
    ///
    /// # Errors
    /// [`RandomError`] if `random` fails.
    pub fn new(random: &(impl Random + ?Sized), newest: u32) -> Result<Self, RandomError> {
        let mut id = [0; ID];
        random.fill(&mut id)?;
        let newest = newest.clamp(WORD, MAX_NEWEST).next_power_of_two();
        let words = (0..newest / WORD).map(|_| AtomicU32::new(0)).collect();
        Ok(Self(Arc::new(Ledger {
            id,
            next: AtomicU32::new(1),
            revoked: words,
        })))
    }

    /// Makes the session of one connection, which has no number yet.
    pub(super) fn session(&self) -> Arc<SessionMark> {
        Arc::new(SessionMark {
            ledger: self.0.clone(),
            number: AtomicU32::new(NONE),
        })
    }
}

const MAX_NEWEST: u32 = 1 << 30;

impl Ledger {
    fn newest(&self) -> u32 {
        u32::try_from(self.revoked.len()).unwrap_or(0) * WORD
    }

    /// Numbers a new session. Its bit may be that of a session that is now too old to be resumed.
    ///
    /// Numbers come again after 2^32 sessions. A ticket would have to be valid for that long to be taken
    /// for a later one.
    fn number(&self) -> u32 {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number != NONE {
                if let Some((word, bit)) = self.place(number) {
                    word.fetch_and(!bit, Ordering::SeqCst);
                }
                return number;
            }
        }
    }

    fn revoke(&self, number: u32) {
        if let Some((word, bit)) = self.place(number).filter(|_| self.is_new(number)) {
            word.fetch_or(bit, Ordering::SeqCst);
        }
    }

    fn may_be_resumed(&self, number: u32) -> bool {
        let is_revoked = self
            .place(number)
            .is_none_or(|(word, bit)| word.load(Ordering::SeqCst) & bit != 0);
        // Asked after the bit was read: a session that takes the bit over has taken its number before.
        number != NONE && !is_revoked && self.is_new(number)
    }

    fn is_new(&self, number: u32) -> bool {
        let age = self.next.load(Ordering::SeqCst).wrapping_sub(number);
        (1..=self.newest()).contains(&age)
    }

    fn place(&self, number: u32) -> Option<(&AtomicU32, u32)> {
        let at = number & (self.newest().wrapping_sub(1));
        let word = self.revoked.get(usize::try_from(at / WORD).ok()?)?;
        Some((word, 1 << (at % WORD)))
    }
}

/// No session has this number.
const NONE: u32 = 0;

/// The session of one connection. Hooks and owner are on the same thread, the one that drives the
/// connection; atomics only make it `Sync`, as rustls's traits ask.
pub(super) struct SessionMark {
    ledger: Arc<Ledger>,
    /// The session that is resumed, or was begun by the first ticket; [`NONE`] before.
    number: AtomicU32,
}

impl SessionMark {
    /// Has no ticket of the session, issued or still to be issued, resumed any more.
    pub(super) fn revoke(&self) {
        if self.number.load(Ordering::Relaxed) == NONE {
            self.number.store(self.ledger.number(), Ordering::Relaxed);
        }
        self.ledger.revoke(self.number.load(Ordering::Relaxed));
    }

    /// Puts the mark before what rustls wants kept.
    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        if self.number.load(Ordering::Relaxed) == NONE {
            self.number.store(self.ledger.number(), Ordering::Relaxed);
        }
        let number = self.number.load(Ordering::Relaxed).to_be_bytes();
        let mut marked = Vec::with_capacity(MARK + plain.len());
        marked.extend_from_slice(&MAGIC);
        marked.extend_from_slice(&self.ledger.id);
        marked.extend_from_slice(&number);
        marked.extend_from_slice(plain);
        marked
    }

    /// Takes the mark off what rustls has kept, and joins the session; `None` if it may not be resumed.
    fn open(&self, mut marked: Vec<u8>) -> Option<Vec<u8>> {
        let (mark, _) = marked.split_first_chunk::<MARK>()?;
        let (magic, rest) = mark.split_first_chunk()?;
        let (id, number) = rest.split_first_chunk()?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        if *magic != MAGIC || *id != self.ledger.id || !self.ledger.may_be_resumed(number) {
            return None;
        }
        self.number.store(number, Ordering::Relaxed);
        marked.drain(..MARK);
        Some(marked)
    }
}

/// Marks what the user's ticketer encrypts.
#[derive(Debug)]
pub(super) struct TicketerHook {
    pub(super) inner: Arc<dyn ProducesTickets>,
    pub(super) session: Arc<SessionMark>,
}

impl ProducesTickets for TicketerHook {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.inner
            .encrypt(&Zeroizing::new(self.session.seal(plain)))
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.session.open(self.inner.decrypt(cipher)?)
    }
}

/// Marks what the user's session storage keeps.
#[derive(Debug)]
pub(super) struct StorageHook {
    pub(super) inner: Arc<dyn StoresServerSessions>,
    pub(super) session: Arc<SessionMark>,
}

impl StoresServerSessions for StorageHook {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let value = Zeroizing::new(value);
        self.inner.put(key, self.session.seal(&value))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.session.open(self.inner.get(key)?)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.session.open(self.inner.take(key)?)
    }

    fn can_cache(&self) -> bool {
        self.inner.can_cache()
    }
}

impl fmt::Debug for ResumableSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumableSessions")
            .field("newest", &self.0.newest())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMark").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[derive(Debug)]
    struct Constant(u8);

    impl Random for Constant {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    fn sessions(newest: u32) -> ResumableSessions {
        ResumableSessions::new(&Constant(1), newest).unwrap()
    }

    #[test]
    fn a_revoked_session_is_not_resumed_and_all_others_are() {
        let sessions = sessions(64);
        let tickets: Vec<_> = (0..64_u8)
            .map(|n| {
                let session = sessions.session();
                let ticket = session.seal(&[n]);
                (session, ticket)
            })
            .collect();
        for (n, (session, _)) in tickets.iter().enumerate() {
            if n % 3 == 0 {
                session.revoke();
            }
        }
        for (n, (_, ticket)) in tickets.iter().enumerate() {
            let opened = sessions.session().open(ticket.clone());
            let expected = vec![u8::try_from(n).unwrap()];
            assert_eq!(opened, (n % 3 != 0).then_some(expected), "{n}");
        }
    }

    #[test]
    fn a_reset_of_a_resumed_connection_revokes_every_ticket_of_its_session() {
        let sessions = sessions(32);
        let first = sessions.session();
        let (one, other) = (first.seal(b"1"), first.seal(b"2"));
        let resumed = sessions.session();
        assert!(resumed.open(one.clone()).is_some());
        let again = resumed.seal(b"3");
        resumed.revoke();
        let late = resumed.seal(b"4");
        for ticket in [one, other, again, late] {
            assert_eq!(sessions.session().open(ticket), None);
        }
        // A reset before the first ticket.
        let early = sessions.session();
        early.revoke();
        assert_eq!(sessions.session().open(early.seal(b"5")), None);
    }

    /// Also over the wrap of the numbers, and where the bit of an old session has a new owner.
    #[test]
    fn only_the_newest_sessions_are_resumed() {
        for start in [1, 31, u32::MAX - 40, u32::MAX] {
            let sessions = sessions(32);
            sessions.0.next.store(start, Ordering::SeqCst);
            let mut tickets = Vec::new();
            for n in 0..200_u8 {
                let session = sessions.session();
                tickets.push(session.seal(&[n]));
                if n % 2 == 0 {
                    session.revoke();
                }
                for (age, ticket) in tickets.iter().rev().enumerate() {
                    let was_revoked = (usize::from(n) - age) % 2 == 0;
                    let opened = sessions.session().open(ticket.clone()).is_some();
                    // The number 0 is left out, and takes a place.
                    let (resumed, too_old) = (age < 31, age >= 32);
                    assert!(!opened || !was_revoked, "{start}, {n}, {age}");
                    assert!(!opened || !too_old, "{start}, {n}, {age}");
                    assert!(opened || was_revoked || !resumed, "{start}, {n}, {age}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_mark_of_these_sessions_is_refused() {
        let own = sessions(32);
        let other = ResumableSessions::new(&Constant(2), 32).unwrap();
        let ticket = own.session().seal(b"secret");
        let session = own.session();
        assert_eq!(other.session().open(ticket.clone()), None);
        for length in 0..MARK {
            assert_eq!(session.open(ticket[..length].to_vec()), None);
        }
        for at in 0..MARK {
            let mut forged = ticket.clone();
            forged[at] ^= 1;
            assert_eq!(session.open(forged), None, "{at}");
        }
        // Not yet issued, never issued.
        for number in [0, 2, 1_000] {
            let mut forged = ticket.clone();
            forged[MARK - 4..MARK].copy_from_slice(&u32::to_be_bytes(number));
            assert_eq!(session.open(forged), None, "{number}");
        }
        assert_eq!(session.open(ticket).as_deref(), Some(&b"secret"[..]));
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        for (asked, kept) in [(0, 32), (33, 64), (1 << 18, 1 << 18)] {
            assert_eq!(sessions(asked).0.newest(), kept);
        }
    }
}
