//! The way out: stream text to bytes for TCP.
//!
//! [`Outbound`] checks what the application sends as strictly as what the peer sends, queues it with
//! the machine's own text, and has it encoded: `send` or `push_control`, then `flush`, then
//! `transmit`. One `send` is one unit, and one unit is encrypted at once.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::outbox::{Outbox, UNIT_COST};
use super::transport::{PeerNotify, Transport};
use crate::limits::Limits;
use crate::stream::{Awaited, ElementClass, Kind, StreamCondition, classify, ns};
use crate::ticket::Ticket;
use crate::tls;
use crate::xml::{self, Checker, Element, Scope};

/// The outbound direction of a connection.
#[derive(Debug)]
pub(super) struct Outbound {
    outbox: Outbox,
    checker: Checker,
    kind: Kind,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) ticket: Ticket,
    pub(super) is_stanza: bool,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits for TCP or for the peer's acknowledgement already, or the TLS keys are used up but
    /// for the end of the stream. There will be room, or the stream will end. `capacity` is what fits
    /// now, in bytes of stream text.
    #[error("the outbox is full: {capacity} bytes fit")]
    Full {
        /// Bytes of text that fit now.
        capacity: usize,
    },
    /// The element is longer than [`Limits::stanza_bytes`]: it will never fit.
    #[error("longer than an element may be: {most} bytes")]
    TooLong {
        /// Bytes of text that an element has at most.
        most: usize,
    },
    /// The text is not exactly one acceptable element; white space around it counts, a line end after
    /// it for example. The position is one in the text.
    #[error("{}, at byte {} of the text", .0.kind, .0.position)]
    Element(xml::XmlError),
    /// The element is in a namespace by which streams are opened, secured, authenticated and ended
    /// (RFC 6120 4.8.1, 5.4, 6.4; XEP-0220), which only the connection sends. A `<stream:error/>` is
    /// sent by [`Connection::fail`](crate::Connection::fail).
    #[error("an element by which streams are negotiated or ended")]
    Reserved,
    /// The element does not belong on this stream: it is written with a prefix for the content
    /// namespace, or is in another content namespace or in none, or is in the content namespace and
    /// no stanza (RFC 6120 4.8.3, 4.8.5, 4.9.3.24). The peer would have to end the stream with this
    /// error, as this crate does.
    #[error("the peer would end the stream: {0}")]
    Refused(StreamCondition),
    /// The closure of [`Session::send_with`](crate::Session::send_with) failed.
    #[error("the writer failed")]
    Write,
    /// Between servers and from a component: the stream does not carry stanzas with these addresses,
    /// or not yet, or not in this direction (RFC 6120 4.5, 8.1.2; XEP-0114 3).
    #[error("the stream does not carry stanzas with these addresses")]
    Addresses,
    /// Keys are verified on the stream of an initiating server, with an id of 1 to 256 bytes.
    #[error("no key can be verified here")]
    NotHere,
}

impl Outbound {
    /// `scope` is what our headers declare.
    pub(super) fn new(limits: &Limits, kind: Kind, scope: Arc<Scope>) -> Self {
        Self {
            outbox: Outbox::default(),
            checker: Checker::with_scope(limits.after_auth(), scope),
            kind,
        }
    }

    /// The bytes that TCP should take next.
    pub(super) fn transmit(&self) -> &[u8] {
        self.outbox.window()
    }

    /// Records that TCP took the first `n` bytes of [`transmit`](Self::transmit).
    pub(super) fn transmitted(&mut self, n: usize) {
        self.outbox.taken(n);
    }

    /// Whether nothing waits, neither for TCP nor to be encoded.
    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// How many bytes TCP has ever taken.
    pub(super) const fn progress(&self) -> u64 {
        self.outbox.progress()
    }

    /// The last ticket whose bytes TCP has taken.
    pub(super) const fn flushed(&self) -> Option<Ticket> {
        self.outbox.flushed()
    }

    /// Whether units wait to be encoded.
    pub(super) fn has_units(&self) -> bool {
        self.outbox.has_units()
    }

    /// How many records the units that wait to be encoded need at most, if a record takes `fragment`
    /// bytes of text.
    pub(super) fn records(&self, fragment: usize) -> u64 {
        self.outbox.records(fragment)
    }

    /// How many bytes of text the application may send now: while nothing waits, one element of any
    /// length that is allowed. `text` is how many its TLS keys may still protect in one unit, `None` if
    /// there is no limit.
    pub(super) fn capacity(&self, limits: &Limits, text: Option<usize>) -> usize {
        let free = limits
            .outbox_bytes()
            .saturating_sub(self.outbox.waiting() + UNIT_COST);
        let free = match self.outbox.is_empty() {
            true => free.max(limits.stanza_bytes()),
            false => free,
        };
        text.map_or(free, |text| free.min(text))
    }

    /// Whether so much waits for TCP that no further frame is taken: the machine's own replies have
    /// used up their reserve.
    pub(super) fn is_blocked(&self, limits: &Limits) -> bool {
        self.outbox.waiting() > limits.outbox_bytes() + limits.reserve_bytes()
    }

    /// Queues one element of the application, all or nothing: at most `capacity` bytes now, and `most`
    /// at any time. `carries` says whether the stream carries a stanza with the element's addresses.
    ///
    /// # Errors
    /// [`SendError`]; nothing was queued.
    pub(super) fn send(
        &mut self,
        capacity: usize,
        most: usize,
        carries: impl FnOnce(&Element<'_>) -> bool,
        write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
    ) -> Result<Sent, SendError> {
        let Self {
            outbox,
            checker,
            kind,
        } = self;
        let mut is_stanza = false;
        let ticket = outbox.send(|queue| {
            let start = queue.len();
            let mut bounded = Bounded {
                queue,
                capacity,
                most,
                length: 0,
            };
            let written = write(&mut bounded);
            match bounded.length {
                length if length > most => return Err(SendError::TooLong { most }),
                length if length > capacity => return Err(SendError::Full { capacity }),
                _ => {}
            }
            written.map_err(|fmt::Error| SendError::Write)?;
            let text = queue.get(start..).unwrap_or_default();
            let element = checker.check(text).map_err(SendError::Element)?;
            if matches!(element.ns(), ns::STREAM | ns::TLS | ns::SASL | ns::DIALBACK) {
                return Err(SendError::Reserved);
            }
            if !carries(&element) {
                return Err(SendError::Addresses);
            }
            match classify(&element, *kind, Awaited::Nothing) {
                ElementClass::Bad(condition) => Err(SendError::Refused(condition)),
                class => {
                    is_stanza = class.is_stanza();
                    Ok(())
                }
            }
        })?;
        Ok(Sent { ticket, is_stanza })
    }

    /// Queues one space (RFC 6120 4.6.1).
    ///
    /// # Errors
    /// [`SendError::Full`].
    pub(super) fn send_keepalive(&mut self, capacity: usize) -> Result<Ticket, SendError> {
        self.outbox.send(|queue| {
            if capacity == 0 {
                return Err(SendError::Full { capacity });
            }
            queue.push(' ');
            Ok(())
        })
    }

    /// Queues a stanza of the machine's own.
    pub(super) fn push_stanza(&mut self, write: impl FnOnce(&mut String)) -> Ticket {
        self.outbox.push_stanza(write)
    }

    /// Queues a stanza of an earlier stream, under its own ticket.
    pub(super) fn push_again(&mut self, stanza: &str, ticket: Ticket) {
        self.outbox.push_again(stanza, ticket);
    }

    /// The text that was queued last.
    pub(super) fn last_unit(&self) -> &str {
        self.outbox.last_unit()
    }

    /// Adds an element to what was queued last, so that it goes out in the same record, or queues it
    /// if it does not fit there. A record takes `fragment` bytes of text.
    pub(super) fn append(&mut self, element: &str, fragment: usize) {
        let used = self.outbox.last_unit().len() % fragment.max(1);
        match used != 0 && element.len() <= fragment - used {
            true => self.outbox.append(element),
            false => self.outbox.push_control(|out| out.push_str(element)),
        }
    }

    /// The last ticket that was given.
    pub(super) const fn last_ticket(&self) -> u64 {
        self.outbox.last_ticket()
    }

    /// Gives later tickets than that of an earlier stream.
    pub(super) fn continue_after(&mut self, ticket: u64) {
        self.outbox.continue_after(ticket);
    }

    /// Queues text of the machine's own.
    pub(super) fn push_control(&mut self, write: impl FnOnce(&mut String)) {
        self.outbox.push_control(write);
    }

    /// Queues text of the machine's own; nothing if it cannot be written.
    pub(super) fn try_push_control<E>(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        self.outbox.try_push_control(write)
    }

    /// Queues a SASL element that carries a secret of so many bytes in base64: it is wiped after it
    /// is encoded.
    pub(super) fn push_secret(&mut self, secret_bytes: usize, write: impl FnOnce(&mut String)) {
        self.outbox.push_secret(secret_bytes, write);
    }

    /// Does the same for an element of at most so many bytes.
    pub(super) fn push_secret_element(&mut self, bytes: usize, write: impl FnOnce(&mut String)) {
        self.outbox.push_secret_element(bytes, write);
    }

    /// Encodes every unit that waits.
    ///
    /// # Errors
    /// TLS refuses to encrypt.
    pub(super) fn flush(&mut self, transport: &mut Transport) -> Result<(), tls::SealError> {
        self.outbox
            .encode(|text, wire| transport.encode(text, wire))
    }

    /// Ends our direction of TLS with close_notify.
    pub(super) fn close_tls(&mut self, transport: &mut Transport) -> PeerNotify {
        transport.close(self.outbox.wire())
    }

    /// The room for bytes that TLS itself sends.
    pub(super) fn wire(&mut self) -> &mut Vec<u8> {
        self.outbox.wire()
    }

    /// How many bytes are allocated.
    pub(super) fn allocated(&self) -> usize {
        self.outbox.allocated() + self.checker.allocated()
    }

    /// Frees what is not needed for what waits.
    pub(super) fn shrink(&mut self) {
        self.outbox.shrink();
        self.checker.shrink();
    }

    /// Drops everything that waits.
    pub(super) fn clear(&mut self) {
        self.outbox.clear();
    }
}

/// A writer that keeps as much as fits now, and counts the rest up to what could ever fit.
struct Bounded<'a> {
    queue: &'a mut String,
    capacity: usize,
    most: usize,
    /// How many bytes were written.
    length: usize,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.length = self.length.saturating_add(text.len());
        if self.length > self.most {
            return Err(fmt::Error);
        }
        if self.length <= self.capacity {
            self.queue.push_str(text);
        }
        Ok(())
    }
}
