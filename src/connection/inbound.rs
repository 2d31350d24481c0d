//! The way in: bytes from TCP to the next frame of the stream.
//!
//! [`Inbound`] owns the framer and what is known of TCP's inbound direction. A frame that has been
//! found is lent as a [`Frame`] to whoever handles it; nobody else looks it up.

use alloc::vec::Vec;

use super::transport::Transport;
use crate::stream::{ElementClass, Kind, classify_start_tag};
use crate::xml::{Frame, FrameKind, FrameLimits, Framer, Stanza, XmlError};

/// The inbound direction of a connection.
#[derive(Debug)]
pub(super) struct Inbound {
    framer: Framer,
    /// A frame that the framer has found and nobody has taken.
    found: Option<FrameKind>,
    start_tag: PendingStartTag,
    tcp: TcpInput,
    /// The fault of the peer's bytes, after which nothing is read.
    fault: Option<XmlError>,
}

/// What is known of the start tag of an element that is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingStartTag {
    /// It may be refused.
    Unrefused,
    /// The table has been told that the element is refused.
    Refused,
}

/// What is known of TCP's inbound direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TcpInput {
    /// Bytes may arrive.
    Open,
    /// TCP ended in order (FIN).
    Ended,
    /// TCP failed (RST, EPIPE).
    Failed,
}

impl Inbound {
    pub(super) fn new(limits: FrameLimits) -> Self {
        Self {
            framer: Framer::new(limits),
            found: None,
            start_tag: PendingStartTag::Unrefused,
            tcp: TcpInput::Open,
            fault: None,
        }
    }

    /// How many bytes [`receive`](Self::receive) would take.
    pub(super) fn capacity(&self, transport: &Transport) -> usize {
        match self.tcp {
            TcpInput::Open => transport
                .capacity()
                .unwrap_or_else(|| self.framer.capacity()),
            TcpInput::Ended | TcpInput::Failed => 0,
        }
    }

    /// Stores bytes from TCP; returns how many.
    pub(super) fn receive(&mut self, transport: &mut Transport, bytes: &[u8]) -> usize {
        if self.capacity(transport) == 0 {
            return 0;
        }
        match transport.receiver() {
            Some(tls) => tls.receive(bytes),
            None => self.framer.push(bytes),
        }
    }

    /// The room for bytes from TCP.
    pub(super) fn window<'a>(&'a mut self, transport: &'a mut Transport) -> &'a mut [u8] {
        if self.capacity(transport) == 0 {
            return &mut [];
        }
        match transport.receiver() {
            Some(tls) => tls.window(),
            None => self.framer.window(),
        }
    }

    /// Takes the first `n` bytes of the [`window`](Self::window).
    pub(super) fn received(&mut self, transport: &mut Transport, n: usize) {
        if self.capacity(transport) == 0 {
            return;
        }
        match transport.receiver() {
            Some(tls) => tls.received(n),
            None => self.framer.pushed(n),
        }
    }

    /// Records TCP's orderly end.
    pub(super) fn end(&mut self) {
        if self.tcp == TcpInput::Open {
            self.tcp = TcpInput::Ended;
        }
    }

    /// Records TCP's failure.
    pub(super) fn fail(&mut self) {
        self.tcp = TcpInput::Failed;
    }

    pub(super) const fn tcp(&self) -> TcpInput {
        self.tcp
    }

    /// Stores the text of a record.
    pub(super) fn push_text(&mut self, text: &[u8]) {
        self.framer.push(text);
    }

    /// Whether text has been received that no frame has used up.
    pub(super) fn has_unread(&self) -> bool {
        self.framer.has_unread()
    }

    /// Whether text has been received that is not, or not yet, a frame.
    pub(super) fn is_partial(&self) -> bool {
        self.framer.is_partial()
    }

    /// Looks for the next frame, without taking it. Returns whether there is one.
    ///
    /// # Errors
    /// The bytes are no acceptable stream. The fault stays.
    pub(super) fn find_frame(&mut self) -> Result<bool, XmlError> {
        if self.found.is_none() {
            self.found = self.framer.poll()?;
        }
        Ok(self.found.is_some())
    }

    /// Takes the frame that was found: the next look finds the one after it.
    pub(super) fn take_frame(&mut self) {
        self.found = None;
        self.start_tag = PendingStartTag::Unrefused;
    }

    /// The class of an element that has begun and cannot become legal, once: it is refused without
    /// waiting for its end, which a peer that restarts a stream by mistake would never send. Only
    /// after a look that found no frame, so that it does not depend on how the bytes arrived.
    pub(super) fn refused_start_tag(&mut self, kind: Kind) -> Option<ElementClass> {
        if self.start_tag == PendingStartTag::Refused {
            return None;
        }
        let class = classify_start_tag(&self.framer.pending_start_tag()?, kind)?;
        self.start_tag = PendingStartTag::Refused;
        Some(class)
    }

    /// The frame that was found last, until the next look.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        self.framer.frame()
    }

    /// Whether the frame that was found last is an element.
    pub(super) fn has_element(&self) -> bool {
        self.framer.frame_kind() == Some(FrameKind::Element)
    }

    /// The frame that was found last, if it is an element.
    pub(super) fn element(&self) -> Option<Stanza<'_>> {
        match self.frame() {
            Some(Frame::Element(element)) => Some(element),
            _ => None,
        }
    }

    /// How many bytes are allocated for stream text.
    pub(super) fn allocated(&self) -> usize {
        self.framer.allocated()
    }

    /// Gives up the frame that was found last. What it holds can then be freed.
    pub(super) fn release_frame(&mut self) {
        if self.found.is_none() {
            self.framer.release_frame();
        }
    }

    /// Frees what is not needed for what was received and not read.
    pub(super) fn shrink(&mut self) {
        self.framer.shrink();
    }

    /// Keeps the fault for the reason of the end.
    pub(super) fn record_fault(&mut self, fault: XmlError) {
        self.fault = Some(fault);
    }

    pub(super) const fn fault(&self) -> Option<XmlError> {
        self.fault
    }

    pub(super) fn set_limits(&mut self, limits: FrameLimits) {
        self.framer.set_limits(limits);
    }

    /// Expects a new stream header (RFC 6120 4.3.3).
    pub(super) fn restart(&mut self, limits: FrameLimits) {
        self.framer.restart();
        self.framer.set_limits(limits);
        self.take_frame();
    }

    /// Forgets everything that was read before TLS (RFC 6120 5.4.3.3), and returns the bytes after
    /// the last frame, which are TLS's (RFC 6120 5.4.2.3).
    pub(super) fn start_tls(&mut self, limits: FrameLimits) -> Vec<u8> {
        let unread = self.framer.take_unread();
        self.framer.reset(limits);
        self.take_frame();
        unread
    }
}
