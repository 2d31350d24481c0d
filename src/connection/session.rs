//! What can be done while a stream is established.

use alloc::string::String;
use core::fmt;

use super::link::{Link, Request};
use super::outbox::{Ticket, UNIT_COST};
use crate::reset::Cause;
use crate::xml;

/// The established stream; see
/// [`Connection::session`](crate::Connection::session).
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
    /// The closure of [`Session::send_with`] failed.
    #[error("the writer failed")]
    Write,
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
            outbox, checker, ..
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
            checker.check(text).map_err(SendError::Element)?;
            Ok(())
        })
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
