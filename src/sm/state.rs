//! A session between two streams: [`SmState`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::queue::{SentQueue, TooHigh};
use crate::jid::Jid;
use crate::sasl::Secret;
use crate::ticket::Ticket;

/// A session of stream management between two streams: what has to be known to resume it, and the
/// stanzas that the peer has not acknowledged (XEP-0198 5).
///
/// It is a plain value. [`to_bytes`](Self::to_bytes) and [`from_bytes`](Self::from_bytes) (with the
/// feature `serde`: `Serialize` and `Deserialize`) carry it to another process. The bytes hold
/// stanzas and the name of the session, which both are private.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "it holds stanzas that were not acknowledged"]
pub struct SmState {
    pub(crate) id: Option<Secret>,
    pub(crate) jid: Option<Box<Jid>>,
    pub(crate) max: Option<u32>,
    pub(crate) location: Option<Box<str>>,
    /// How many of the peer's stanzas were handled, modulo 2^32.
    pub(crate) handled: u32,
    /// How many the application was handed, modulo 2^32.
    pub(crate) delivered: u32,
    /// How many of the delivered ones it may be handed again.
    pub(crate) redeliveries: u32,
    pub(crate) queue: SentQueue,
    /// The last ticket that was given.
    pub(crate) last_ticket: u64,
    /// The last ticket whose stanza was handed to TCP as a whole.
    pub(crate) flushed: Option<Ticket>,
    pub(crate) ending: Ending,
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It can be resumed.
    Resumable,
    /// It cannot be resumed, and nothing more is known.
    Over,
    /// The peer has said how much it handled before the session ended.
    Counted,
}

/// What became of a stanza that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// TCP did not take it as a whole: the peer does not have it.
    Unsent,
    /// The peer said that it did not handle it.
    Unhandled,
    /// The peer may have handled it or not. Whoever sends it again may double it, and says so, for
    /// example by a delay (XEP-0203) and the same `id`.
    Unknown,
}

/// A stanza that was not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unacknowledged<'a> {
    /// The ticket of its `send`. A stanza that the machine sent by itself has one too.
    pub ticket: Ticket,
    /// The stanza, as it was sent.
    pub stanza: &'a str,
    /// What became of it.
    pub fate: Fate,
    /// Whether it was sent on more than one stream.
    pub retransmitted: bool,
}

/// Shows no text, because stanzas are private.
impl fmt::Debug for Unacknowledged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unacknowledged")
            .field("ticket", &self.ticket)
            .field("fate", &self.fate)
            .field("retransmitted", &self.retransmitted)
            .finish_non_exhaustive()
    }
}

/// How many stanzas have been delivered on a session, modulo 2^32: names the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Received(pub(crate) u32);

/// The bytes are no [`SmState`] that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmStateError {
    /// They are of another format or of a later version.
    #[error("another format, or a later version")]
    Version,
    /// They are incomplete, or contradict themselves.
    #[error("incomplete or contradictory")]
    Malformed,
}

impl SmState {
    /// A session that begins, after the tickets of earlier ones.
    pub(crate) fn new(last_ticket: u64) -> Self {
        Self {
            id: None,
            jid: None,
            max: None,
            location: None,
            handled: 0,
            delivered: 0,
            redeliveries: 0,
            queue: SentQueue::default(),
            last_ticket,
            flushed: None,
            ending: Ending::Over,
        }
    }

    /// Returns the name of the session, under which a server stores it: unpredictable, and to be kept
    /// private, because a client that knows it and the account's password may resume the session.
    /// `None` if it cannot be resumed.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id
            .as_ref()
            .and_then(|id| core::str::from_utf8(id.as_bytes()).ok())
    }

    /// Returns the full JID that the session is bound to.
    #[must_use]
    pub fn jid(&self) -> Option<&Jid> {
        self.jid.as_deref()
    }

    /// Returns for how many seconds after the end of its stream the session can be resumed, as the
    /// server said; `None` if it did not say. The driver knows when the stream ended.
    #[must_use]
    pub fn max(&self) -> Option<u32> {
        self.max
    }

    /// Returns where the server would like the session to be resumed: `host`, `host:port` or
    /// `[address]:port` (XEP-0198 5). The certificate expected there is that of the same domain.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Returns whether the session can be resumed: both sides agreed on it, and its stream ended
    /// without the peer ending the session.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.id.is_some() && self.ending == Ending::Resumable
    }

    /// Returns how many of the peer's stanzas have been handled, modulo 2^32. A server that has
    /// dropped a session may still answer with it
    /// ([`ResumeDecision::refuse`](crate::connection::ResumeDecision::refuse)).
    #[must_use]
    pub fn handled(&self) -> u32 {
        self.handled
    }

    /// Returns the stanzas that the peer has not acknowledged, the oldest first.
    pub fn unacknowledged(&self) -> impl Iterator<Item = Unacknowledged<'_>> {
        self.queue.iter().map(|sent| Unacknowledged {
            ticket: sent.ticket,
            stanza: sent.stanza,
            fate: match self.ending {
                _ if self.flushed < Some(sent.ticket) => Fate::Unsent,
                Ending::Counted => Fate::Unhandled,
                Ending::Resumable | Ending::Over => Fate::Unknown,
            },
            retransmitted: sent.retransmitted,
        })
    }

    /// Takes over what the peer has handled of a session that it does not resume.
    pub(crate) fn end(&mut self, h: Option<u32>) -> Result<Option<Ticket>, TooHigh> {
        self.ending = Ending::Over;
        let Some(h) = h else {
            return Ok(None);
        };
        let acknowledged = self.queue.acknowledge(h)?;
        self.ending = Ending::Counted;
        Ok(acknowledged)
    }

    /// Begins the next stream of the session: what was delivered and not handled comes again.
    pub(crate) fn rewind(&mut self) {
        let again = self.delivered.wrapping_sub(self.handled);
        self.redeliveries = self.redeliveries.saturating_add(again);
        self.delivered = self.handled;
    }

    /// Returns the session as bytes, of a format that says its version. Later versions of this crate
    /// read it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(self.size_hint()));
        out.0.extend_from_slice(MAGIC);
        out.byte(match self.ending {
            Ending::Resumable => 0,
            Ending::Over => 1,
            Ending::Counted => 2,
        });
        out.text(self.id());
        out.text(self.jid().map(Jid::as_str));
        out.text(self.location.as_deref());
        out.number(self.max.map(u64::from));
        out.number(self.flushed.map(Ticket::number));
        out.long(self.last_ticket);
        for count in [
            self.handled,
            self.delivered,
            self.redeliveries,
            self.queue.acknowledged(),
        ] {
            out.long(count.into());
        }
        out.long(self.queue.len() as u64);
        let resent = self.queue.iter().filter(|sent| sent.retransmitted).count();
        out.long(resent as u64);
        for sent in self.queue.iter() {
            out.long(sent.ticket.number());
            out.text(Some(sent.stanza));
        }
        out.0
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    /// [`SmStateError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SmStateError> {
        let bytes = bytes.strip_prefix(MAGIC).ok_or(SmStateError::Version)?;
        let mut input = Reader(bytes);
        let state = Self::read(&mut input)?;
        match input.0 {
            [] => Ok(state),
            _ => Err(SmStateError::Malformed),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, SmStateError> {
        const MALFORMED: SmStateError = SmStateError::Malformed;
        let ending = match input.byte()? {
            0 => Ending::Resumable,
            1 => Ending::Over,
            2 => Ending::Counted,
            _ => return Err(MALFORMED),
        };
        let id = input.text()?;
        let jid = match input.text()? {
            Some(jid) => Some(Box::new(Jid::parse(jid).map_err(|_| MALFORMED)?)),
            None => None,
        };
        let location = input.text()?;
        let max = match input.number()? {
            Some(max) => Some(u32::try_from(max).map_err(|_| MALFORMED)?),
            None => None,
        };
        let flushed = match input.number()? {
            Some(0) => return Err(MALFORMED),
            flushed => flushed.map(Ticket::nth),
        };
        let last_ticket = input.long()?;
        let (handled, delivered) = (input.count()?, input.count()?);
        let (redeliveries, acknowledged) = (input.count()?, input.count()?);
        let (length, retransmitted) = (input.count()?, input.count()?);
        if retransmitted > length {
            return Err(MALFORMED);
        }
        let mut queue = SentQueue::after(acknowledged);
        let mut last = 0;
        for index in 0..length {
            let ticket = input.long()?;
            if ticket <= last || ticket > last_ticket {
                return Err(MALFORMED);
            }
            last = ticket;
            queue.push(input.text()?.ok_or(MALFORMED)?, Ticket::nth(ticket));
            if index + 1 == retransmitted {
                queue.retransmit();
            }
        }
        Ok(Self {
            id: id.map(|id| Secret::from(id.as_bytes())),
            jid,
            max,
            location: location.map(Into::into),
            handled,
            delivered,
            redeliveries,
            queue,
            last_ticket,
            flushed,
            ending,
        })
    }

    /// How long the bytes are, or somewhat more: no copy of a secret is left where they have grown.
    fn size_hint(&self) -> usize {
        let texts = [
            self.id(),
            self.jid().map(Jid::as_str),
            self.location.as_deref(),
        ];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        256 + texts + self.queue.bytes() + self.queue.len() * 24
    }
}

/// Shows neither the name nor a stanza.
impl fmt::Debug for SmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmState")
            .field("jid", &self.jid)
            .field("handled", &self.handled)
            .field("queue", &self.queue)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// The format's name and version.
const MAGIC: &[u8] = b"XMPP-SM\x01";

/// Numbers have eight bytes, the lowest first; what may be absent has a byte before it; a text has its
/// length before it.
struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn long(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn number(&mut self, number: Option<u64>) {
        self.byte(number.is_some().into());
        if let Some(number) = number {
            self.long(number);
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(text.map(|text| text.len() as u64));
        self.0
            .extend_from_slice(text.unwrap_or_default().as_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, SmStateError> {
        let (first, rest) = self.0.split_first().ok_or(SmStateError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    fn long(&mut self) -> Result<u64, SmStateError> {
        let (number, rest) = self.0.split_first_chunk().ok_or(SmStateError::Malformed)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    fn count(&mut self) -> Result<u32, SmStateError> {
        self.long()?.try_into().map_err(|_| SmStateError::Malformed)
    }

    fn number(&mut self) -> Result<Option<u64>, SmStateError> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.long().map(Some),
            _ => Err(SmStateError::Malformed),
        }
    }

    fn text(&mut self) -> Result<Option<&'a str>, SmStateError> {
        let Some(length) = self.number()? else {
            return Ok(None);
        };
        let (text, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.0.split_at_checked(length))
            .ok_or(SmStateError::Malformed)?;
        self.0 = rest;
        match core::str::from_utf8(text) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(SmStateError::Malformed),
        }
    }
}

#[cfg(feature = "serde")]
mod serialization {
    use alloc::vec::Vec;
    use core::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::SmState;

    /// As the bytes of [`SmState::to_bytes`].
    impl Serialize for SmState {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.to_bytes())
        }
    }

    impl<'de> Deserialize<'de> for SmState {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_bytes(Bytes)
        }
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = SmState;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the bytes of a session of stream management")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<SmState, E> {
            SmState::from_bytes(bytes).map_err(E::custom)
        }

        /// Formats without byte strings, such as JSON, have a sequence of numbers.
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SmState, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = seq.next_element()? {
                bytes.push(byte);
            }
            self.visit_bytes(&bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::{Ending, Fate, SmState, SmStateError};
    use crate::jid::Jid;
    use crate::sasl::Secret;
    use crate::ticket::Ticket;

    fn state() -> SmState {
        let mut state = SmState::new(3);
        state.id = Some(Secret::new(b"name-of-session".to_vec()));
        state.jid = Jid::parse("a@h/r").ok().map(Box::new);
        state.max = Some(300);
        state.location = Some("h:1".into());
        state.handled = 7;
        state.delivered = 9;
        state.queue.push("<message/>", Ticket::nth(5));
        state.queue.retransmit();
        state.queue.push("<iq/>", Ticket::nth(8));
        state.last_ticket = 9;
        state.flushed = Some(Ticket::nth(6));
        state.ending = Ending::Resumable;
        state
    }

    #[test]
    fn a_session_survives_its_bytes() {
        let bytes = state().to_bytes();
        let back = SmState::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(back.id(), Some("name-of-session"));
        assert_eq!(
            back.jid().map(ToString::to_string).as_deref(),
            Some("a@h/r")
        );
        assert_eq!((back.max(), back.location()), (Some(300), Some("h:1")));
        assert!(back.is_resumable());
        let unacknowledged: Vec<_> = back
            .unacknowledged()
            .map(|one| (one.ticket, one.stanza, one.fate, one.retransmitted))
            .collect();
        assert_eq!(
            unacknowledged,
            [
                (Ticket::nth(5), "<message/>", Fate::Unknown, true),
                (Ticket::nth(8), "<iq/>", Fate::Unsent, false),
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_session_are_refused_without_a_panic() {
        let bytes = state().to_bytes();
        for end in 0..bytes.len() {
            assert!(SmState::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                // Whatever is read can be written again; addresses are normalized.
                if let Ok(state) = SmState::from_bytes(&changed) {
                    let written = state.to_bytes();
                    assert_eq!(written.len(), changed.len());
                    let again = SmState::from_bytes(&written).map(|state| state.to_bytes());
                    assert_eq!(again, Ok(written));
                }
            }
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(
            SmState::from_bytes(&longer).unwrap_err(),
            SmStateError::Malformed
        );
        assert_eq!(SmState::from_bytes(b"").unwrap_err(), SmStateError::Version);
    }

    #[test]
    fn debug_output_shows_neither_name_nor_stanza() {
        let state = state();
        let shown = format!("{state:?} {:?}", state.unacknowledged().next());
        assert!(
            !shown.contains("name-of-session") && !shown.contains("message"),
            "{shown}"
        );
    }

    #[test]
    fn the_peers_last_word_says_what_it_did_not_handle() {
        let mut ended = state();
        ended.flushed = Some(Ticket::nth(9));
        assert_eq!(ended.end(Some(1)), Ok(Some(Ticket::nth(5))));
        let fates: Vec<_> = ended.unacknowledged().map(|one| one.fate).collect();
        assert_eq!(fates, [Fate::Unhandled]);
        assert!(!ended.is_resumable());
        let mut lost = state();
        assert_eq!(lost.end(None), Ok(None));
        let fates: Vec<_> = lost.unacknowledged().map(|one| one.fate).collect();
        assert_eq!(fates, [Fate::Unknown, Fate::Unsent]);
    }
}
