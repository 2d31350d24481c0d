//! What can be done while a stream is established.

use alloc::string::String;
use core::fmt;

use super::federation::AnswerError;
use super::link::{Link, Request};
use super::outbox::{Ticket, UNIT_COST};
use crate::dialback::DialbackKey;
use crate::event::{DialbackAnswer, RequestId};
use crate::jid::Jid;
use crate::reset::Cause;
use crate::stream::dialback::{MAX_ID_BYTES, write_verify};
use crate::stream::{Awaited, ElementClass, StreamCondition as Condition, classify, ns};
use crate::xml;

/// The established stream, or one between servers on which dialback goes on;
/// see [`Connection::session`](crate::Connection::session).
#[derive(Debug)]
pub struct Session<'a> {
    link: &'a mut Link,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Too much waits for TCP already, or the TLS keys are used up but for the
    /// end of the stream. `free` is what fits now, in bytes of stream text.
    #[error("the outbox is full: {free} bytes fit")]
    Full {
        /// Bytes of text that fit now.
        free: usize,
    },
    /// The text is not exactly one acceptable element.
    #[error("not one element: {0}")]
    Element(xml::Fault),
    /// The element is in a namespace by which streams are opened, secured,
    /// authenticated and ended (RFC 6120 4.8.1, 5.4, 6.4; XEP-0220). These are the
    /// connection's to say; a `<stream:error/>` is sent by
    /// [`Connection::fail`](crate::Connection::fail).
    #[error("an element by which streams are negotiated or ended")]
    Reserved,
    /// The element does not belong on this stream: it is written with a prefix
    /// for the content namespace, or is in another content namespace or in
    /// none, or is in the content namespace and no stanza (RFC 6120 4.8.3,
    /// 4.8.5, 4.9.3.24). The peer would have to end the stream with this
    /// error, as this crate does.
    #[error("the peer would end the stream: {0}")]
    Refused(Condition),
    /// The closure of [`Session::send_with`] failed.
    #[error("the writer failed")]
    Write,
    /// Between servers and from a component: the stream does not carry stanzas
    /// with these addresses, or not yet, or not in this direction (RFC 6120
    /// 4.5, 8.1.2; XEP-0114 3).
    #[error("the stream does not carry stanzas with these addresses")]
    Addresses,
    /// Keys are asked about on the stream of an initiating server, with an id
    /// of 1 to 256 bytes.
    #[error("no key can be asked about here")]
    NotHere,
}

impl<'a> Session<'a> {
    pub(super) const fn new(link: &'a mut Link) -> Self {
        Self { link }
    }

    /// Sends one element, all or nothing: exactly one, balanced, namespace
    /// well-formed, resolved against our own stream header. It cannot open,
    /// close or restart the stream.
    ///
    /// # Errors
    /// [`SendError`]; nothing was queued.
    pub fn send(&mut self, element: &str) -> Result<Ticket, SendError> {
        self.send_with(|out| out.write_str(element))
    }

    /// The same, written by a closure.
    ///
    /// # Errors
    /// [`SendError`]; nothing was queued.
    pub fn send_with(
        &mut self,
        write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
    ) -> Result<Ticket, SendError> {
        let free = self.free();
        let Link {
            outbox,
            checker,
            kind,
            federation,
            content_ns,
            ..
        } = &mut *self.link;
        outbox.send(|queue| {
            let start = queue.len();
            let mut bounded = Bounded {
                queue,
                left: Some(free),
            };
            let written = write(&mut bounded);
            if bounded.left.is_none() {
                return Err(SendError::Full { free });
            }
            written.map_err(|fmt::Error| SendError::Write)?;
            let text = queue.get(start..).unwrap_or_default();
            let element = checker.check(text).map_err(SendError::Element)?;
            if matches!(element.ns(), ns::STREAM | ns::TLS | ns::SASL | ns::DIALBACK) {
                return Err(SendError::Reserved);
            }
            match classify(&element, *kind, Awaited::Nothing) {
                _ if !federation.may_send(&element, content_ns) => Err(SendError::Addresses),
                ElementClass::Bad(condition) => Err(SendError::Refused(condition)),
                _ => Ok(()),
            }
        })
    }

    /// Answers an [`Event::Request`](crate::Event::Request) (XEP-0220).
    ///
    /// # Errors
    /// [`AnswerError`]; nothing was changed.
    pub fn answer(&mut self, id: RequestId, answer: DialbackAnswer) -> Result<(), AnswerError> {
        self.link.answer_request(id, answer)
    }

    /// Asks the authoritative server of `to`, to which this stream leads, as
    /// `from`: is this the key you made for the stream `stream_id`, on which I
    /// received it (XEP-0220 2.1.2)? [`Event::KeyVerdict`] has the answer.
    ///
    /// If there is none within [`Limits::verify_timeout`], the event comes with
    /// [`DialbackError::RemoteServerTimeout`], and an answer that comes after
    /// all is dropped. If the stream ends before either, there is no event.
    ///
    /// # Errors
    /// [`SendError::NotHere`]; [`SendError::Full`], also if the peer has left
    /// [`Limits::requests`] questions unanswered. Nothing was queued.
    ///
    /// [`Event::KeyVerdict`]: crate::Event::KeyVerdict
    /// [`Limits::verify_timeout`]: crate::limits::Limits::verify_timeout
    /// [`Limits::requests`]: crate::limits::Limits::requests
    /// [`DialbackError::RemoteServerTimeout`]: crate::stream::DialbackCondition::RemoteServerTimeout
    pub fn verify(
        &mut self,
        from: &Jid,
        to: &Jid,
        stream_id: &str,
        key: &DialbackKey,
    ) -> Result<(), SendError> {
        let room = match self.link.can_verify() {
            Some(room) if (1..=MAX_ID_BYTES).contains(&stream_id.len()) => room,
            _ => return Err(SendError::NotHere),
        };
        let mut text = String::new();
        write_verify(&mut text, from.domain(), to.domain(), stream_id, key);
        let free = self.free();
        if room == 0 || text.len() > free {
            return Err(SendError::Full { free });
        }
        self.link.say(|out| out.push_str(&text));
        self.link.asked_about(from, to, stream_id);
        Ok(())
    }

    /// Sends one space, which no one answers (RFC 6120 4.6.1).
    ///
    /// # Errors
    /// [`SendError::Full`].
    pub fn keepalive(&mut self) -> Result<Ticket, SendError> {
        match self.free() {
            0 => Err(SendError::Full { free: 0 }),
            _ => self.link.outbox.send(|queue| {
                queue.push(' ');
                Ok(())
            }),
        }
    }

    /// Bytes of text that [`send`](Self::send) takes now. None while only that
    /// many records are left under the TLS keys as the end of the stream needs
    /// (RFC 6120 5.3.5): the next poll resets it.
    #[must_use]
    pub fn free(&self) -> usize {
        let free = self
            .link
            .limits
            .outbox_bytes()
            .saturating_sub(self.link.outbox.waiting() + UNIT_COST);
        match self.link.key_room() {
            Some(records) => {
                free.min(usize::try_from(records.saturating_mul(RECORD)).unwrap_or(usize::MAX))
            }
            None => free,
        }
    }

    /// The last ticket wholly taken by
    /// [`transmitted`](crate::Connection::transmitted): handed to TCP, which
    /// is not to say received.
    #[must_use]
    pub fn flushed(&self) -> Option<Ticket> {
        self.link.outbox.flushed()
    }

    /// Resets the stream (4.9.3.16): what was sent before goes out, then
    /// `<reset/>` and the closing tag. The session ends here.
    pub fn reset(self, cause: Cause) {
        self.link.request(Request::Reset(cause));
    }

    /// Closes the stream (4.4): what was sent before goes out, then the
    /// closing tag; what the peer still sends is delivered. The session ends
    /// here.
    pub fn close(self) {
        self.link.request(Request::Close);
    }
}

/// Text in one TLS record (RFC 8446 5.1). A smaller `max_fragment_size` is met
/// by the reserve of records.
const RECORD: u64 = 1 << 14;

/// Lets through what fits.
struct Bounded<'a> {
    queue: &'a mut String,
    /// Room; `None` once something did not fit.
    left: Option<usize>,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.and_then(|left| left.checked_sub(text.len()));
        if self.left.is_none() {
            return Err(fmt::Error);
        }
        self.queue.push_str(text);
        Ok(())
    }
}
