//! What can be done while a stream is established.

use alloc::string::String;
use core::fmt;

use super::context::fragment;
use super::key_meter::KeyMeter;
use super::management::Management;
use super::outbound::{Outbound, SendError};
use super::request::{EndRequest, PendingRequest};
use super::s2s::{AnswerError, S2s};
use crate::dialback::DialbackKey;
use crate::event::{DialbackAnswer, RequestId};
use crate::jid::Jid;
use crate::limits::Limits;
use crate::reset::ResetCause;
use crate::sm::Received;
use crate::stream::Kind;
use crate::stream::dialback::{MAX_ID_BYTES, write_verify};
use crate::ticket::Ticket;
use crate::time::Instant;
use crate::tls;

/// The established stream, or one between servers on which dialback goes on; see
/// [`Connection::session`](crate::Connection::session).
pub struct Session<'a> {
    pub(super) kind: Kind,
    pub(super) keys: &'a KeyMeter,
    pub(super) tls: Option<&'a tls::TlsSession>,
    pub(super) limits: &'a Limits,
    pub(super) now: Instant,
    pub(super) out: &'a mut Outbound,
    /// Only of servers and components.
    pub(super) s2s: Option<&'a mut S2s>,
    /// Only of clients' streams, if it is configured.
    pub(super) management: Option<&'a mut Management>,
    pub(super) request: &'a mut PendingRequest,
}

impl Session<'_> {
    /// Sends one element, all or nothing: exactly one, balanced, namespace-well-formed, resolved
    /// against our own stream header. It cannot open, close or restart the stream.
    ///
    /// # Errors
    /// [`SendError`]; nothing was queued.
    pub fn send(&mut self, element: &str) -> Result<Ticket, SendError> {
        self.send_with(|out| out.write_str(element))
    }

    /// Sends one element written by a closure, as [`send`](Self::send) does.
    ///
    /// # Errors
    /// [`SendError`]; nothing was queued.
    pub fn send_with(
        &mut self,
        write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
    ) -> Result<Ticket, SendError> {
        let capacity = self.capacity();
        let (s2s, content_ns) = (self.s2s.as_deref(), self.kind.content_ns());
        let carries = |element: &crate::xml::Element<'_>| {
            s2s.is_none_or(|s2s| element.ns() != content_ns || s2s.carries(element))
        };
        let sent = self
            .out
            .send(capacity, self.limits.stanza_bytes(), carries, write)?;
        if let Some(management) = self.management.as_deref_mut() {
            if sent.is_stanza && management.keeps() {
                management.keep(sent.ticket, self.out, fragment(self.tls));
            }
        }
        Ok(sent.ticket)
    }

    /// Answers an [`Event::Request`](crate::Event::Request) (XEP-0220).
    ///
    /// # Errors
    /// [`AnswerError`]; nothing was changed.
    pub fn answer(&mut self, id: RequestId, answer: DialbackAnswer) -> Result<(), AnswerError> {
        match &mut self.s2s {
            Some(s2s) => s2s.answer(id, answer, self.out),
            None => Err(AnswerError::Unknown),
        }
    }

    /// Asks the authoritative server of `to`, to which this stream leads, whether `key` is the key
    /// that it made for the stream `stream_id`, on which `from` received it (XEP-0220 2.1.2).
    /// [`Event::KeyVerdict`] has the answer.
    ///
    /// If there is none within [`Limits::verify_timeout`], the event comes with
    /// [`DialbackCondition::RemoteServerTimeout`], and an answer that arrives later is dropped. If
    /// the stream ends before either, there is no event.
    ///
    /// # Errors
    /// [`SendError::NotHere`]; [`SendError::Full`], also if the peer has left [`Limits::requests`]
    /// questions unanswered. Nothing was queued.
    ///
    /// [`Event::KeyVerdict`]: crate::Event::KeyVerdict
    /// [`DialbackCondition::RemoteServerTimeout`]: crate::stream::DialbackCondition::RemoteServerTimeout
    pub fn verify(
        &mut self,
        from: &Jid,
        to: &Jid,
        stream_id: &str,
        key: &DialbackKey,
    ) -> Result<(), SendError> {
        let capacity = self.capacity();
        let Some(s2s) = &mut self.s2s else {
            return Err(SendError::NotHere);
        };
        let room = match s2s.verify_room() {
            Some(room) if (1..=MAX_ID_BYTES).contains(&stream_id.len()) => room,
            _ => return Err(SendError::NotHere),
        };
        let mut text = String::new();
        write_verify(&mut text, from.domain(), to.domain(), stream_id, key);
        if room == 0 || text.len() > capacity {
            return Err(SendError::Full { capacity });
        }
        self.out.push_control(|out| out.push_str(&text));
        s2s.record_verify(from, to, stream_id, self.now + self.limits.verify_timeout());
        Ok(())
    }

    /// Sends one space, which nobody answers (RFC 6120 4.6.1).
    ///
    /// # Errors
    /// [`SendError::Full`].
    pub fn keepalive(&mut self) -> Result<Ticket, SendError> {
        let room = self.keys.room(self.tls, self.out);
        self.out
            .send_keepalive(self.out.capacity(self.limits, room))
    }

    /// Returns how many bytes of stream text can be sent now.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let capacity = self
            .out
            .capacity(self.limits, self.keys.room(self.tls, self.out));
        match &self.management {
            Some(management) => capacity.min(management.capacity()),
            None => capacity,
        }
    }

    /// Returns the last ticket whose bytes [`transmitted`](crate::Connection::transmitted) has taken
    /// as a whole. They were handed to TCP, which does not mean that the peer has received them.
    #[must_use]
    pub fn flushed(&self) -> Option<Ticket> {
        self.out.flushed()
    }

    /// Returns the last ticket that the peer has handled, with everything before it (XEP-0198 4);
    /// `None` without [stream management](crate::sm), and before the first acknowledgement.
    #[must_use]
    pub fn acknowledged(&self) -> Option<Ticket> {
        self.management.as_ref()?.acknowledged()
    }

    /// Returns how many stanzas the peer has not acknowledged; 0 without
    /// [stream management](crate::sm).
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.management
            .as_ref()
            .map_or(0, |management| management.unacknowledged())
    }

    /// Returns what names the stanza that was delivered last, for [`handled`](Self::handled); `None`
    /// without [stream management](crate::sm).
    #[must_use]
    pub fn received(&self) -> Option<Received> {
        Some(self.management.as_ref()?.received())
    }

    /// Returns whether the stanza that was delivered last had been delivered on an earlier stream of
    /// this session, and not been handled. Only with
    /// [`AckMode::Handled`](crate::sm::AckMode::Handled).
    #[must_use]
    pub fn is_redelivery(&self) -> bool {
        self.management
            .as_ref()
            .is_some_and(|management| management.is_redelivery())
    }

    /// Says that everything up to `received` is safe, so that the peer may forget it. For
    /// [`AckMode::Handled`](crate::sm::AckMode::Handled); otherwise nothing changes, and neither does
    /// it for what has not been delivered.
    pub fn handled(&mut self, received: Received) {
        if let Some(management) = self.management.as_deref_mut() {
            management.handle(received, self.out);
        }
    }

    /// Returns the latest time at which the connection resets the stream by itself, after it has
    /// advised to ([`Event::ResetAdvised`]); `None` if it does not
    /// ([`ResetTiming`](crate::reset::ResetTiming)).
    ///
    /// [`Event::ResetAdvised`]: crate::Event::ResetAdvised
    #[must_use]
    pub fn reset_deadline(&self) -> Option<Instant> {
        self.keys.reset_deadline()
    }

    /// Resets the stream (RFC 6120 4.9.3.16): what was sent before goes out, then `<reset/>` and the
    /// closing tag. The session ends here.
    pub fn reset(self, cause: ResetCause) {
        self.request.store(EndRequest::Reset(cause));
    }

    /// Closes the stream (RFC 6120 4.4): what was sent before goes out, then the closing tag. What
    /// the peer still sends is delivered. The session ends here.
    pub fn close(self) {
        self.request.store(EndRequest::Close);
    }
}

/// A client's stream before it is established; see
/// [`Connection::negotiating`](crate::Connection::negotiating).
pub struct Negotiating<'a> {
    pub(super) limits: &'a Limits,
    pub(super) out: &'a mut Outbound,
}

impl Negotiating<'_> {
    /// Sends one element, as [`Session::send`] does: an answer to an element that was delivered
    /// early.
    ///
    /// # Errors
    /// [`SendError`]; nothing was queued.
    pub fn send(&mut self, element: &str) -> Result<Ticket, SendError> {
        let capacity = self.capacity();
        self.out
            .send(
                capacity,
                self.limits.stanza_bytes(),
                |_| true,
                |out| out.write_str(element),
            )
            .map(|sent| sent.ticket)
    }

    /// Returns how many bytes of stream text can be sent now.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.out.capacity(self.limits, None)
    }
}

/// Shows lengths only, because what was sent may be secret.
impl fmt::Debug for Negotiating<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiating")
            .field("out", &self.out)
            .finish_non_exhaustive()
    }
}

/// Shows lengths only, because what was sent may be secret.
impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("kind", &self.kind)
            .field("out", &self.out)
            .finish_non_exhaustive()
    }
}
