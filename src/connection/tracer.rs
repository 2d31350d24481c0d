//! What a connection tells the application's hook for traces.
//!
//! Nothing is told, and nothing but an `Option` is looked at, unless the config has a hook. Text is
//! shown only as elements that were parsed, by [`trace`](crate::trace), which knows what is secret. Our own
//! text is parsed for that once more, where it lies: no copy of a secret is made.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::close::{CloseTcp, Phase};
use crate::event::Event;
use crate::limits::Limits;
use crate::stream::header::CLOSING_TAG;
use crate::time::Instant;
use crate::tls::{ContentType, record_types};
use crate::trace::{
    CloseSummary, Direction, EventSummary, Payload, Place, Record, Step, Trace, Traced, TracedText,
    show_element, show_header, show_own_header,
};
use crate::xml::{Checker, Frame, FrameLimits, Scope};

/// The hook, if there is one, and what is needed to tell it.
#[derive(Debug)]
pub(super) struct Tracer(Option<Box<Active>>);

struct Active {
    hook: Arc<dyn Trace>,
    payload: Payload,
    id: u64,
    now: Instant,
    /// Where the stream stands, for what may be shown.
    place: Place,
    /// Reads our own text.
    checker: Checker,
}

impl Tracer {
    pub(super) fn new(hook: Option<Arc<dyn Trace>>, limits: &Limits, scope: &Arc<Scope>) -> Self {
        // What was queued is not refused here for its length.
        let limits = FrameLimits {
            frame_bytes: usize::MAX,
            ..limits.after_auth()
        };
        Self(hook.map(|hook| {
            Box::new(Active {
                payload: hook.payload(),
                hook,
                id: 0,
                now: Instant::default(),
                place: Place::Negotiation,
                checker: Checker::with_scope(limits, scope.clone()),
            })
        }))
    }

    /// Whether there is a hook.
    #[inline]
    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Sets the number of the connection.
    pub(super) fn set_id(&mut self, id: u64) {
        if let Some(active) = &mut self.0 {
            active.id = id;
        }
    }

    /// Moves the clock to that of a poll.
    #[inline]
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(active) = &mut self.0 {
            active.now = now;
        }
    }

    /// Tells of a record that is about to be opened.
    pub(super) fn record_received(&self, content_type: ContentType, length: usize) {
        if let Some(active) = &self.0 {
            active.tell(&Traced::Record(Record {
                direction: Direction::In,
                content_type,
                length,
            }));
        }
    }

    /// Tells of the records among bytes that TLS has written.
    #[inline]
    pub(super) fn records_sent(&self, bytes: &[u8]) {
        if let Some(active) = &self.0 {
            active.records_sent(bytes);
        }
    }

    /// Tells of a frame of the peer.
    pub(super) fn frame(&self, frame: &Frame<'_>) {
        if let Some(active) = &self.0 {
            active.frame(frame);
        }
    }

    /// Tells of one unit of our own text.
    #[inline]
    pub(super) fn unit(&mut self, text: &[u8]) {
        if let Some(active) = &mut self.0 {
            active.unit(text);
        }
    }

    /// Tells of a step of the table.
    pub(super) fn step(&mut self, step: Step<'_>) {
        if let Some(active) = &mut self.0 {
            if step.phase == Phase::Established {
                active.place = Place::Established(active.payload);
            }
            active.tell(&Traced::Step(step));
        }
    }

    /// Tells of an event.
    #[inline]
    pub(super) fn event(&self, event: &Event<'_>) {
        if let Some(active) = &self.0 {
            active.event(event);
        }
    }

    /// Tells of the end.
    pub(super) fn close(&self, close: &CloseTcp) {
        if let Some(active) = &self.0 {
            active.tell(&Traced::CloseTcp(CloseSummary::new(close)));
        }
    }
}

impl Active {
    fn tell(&self, what: &Traced<'_>) {
        self.hook.trace(self.id, self.now, what);
    }

    fn text(&self, direction: Direction, shown: &str, length: usize) {
        self.tell(&Traced::Text(TracedText {
            direction,
            shown,
            length,
        }));
    }

    #[cold]
    fn event(&self, event: &Event<'_>) {
        self.tell(&Traced::Event(EventSummary::new(event)));
    }

    fn frame(&self, frame: &Frame<'_>) {
        match frame {
            Frame::Header(header) => {
                self.text(Direction::In, &show_header(header), header.as_str().len());
            }
            Frame::Element(element) => {
                let shown = show_element(element.as_element(), self.place);
                self.text(Direction::In, &shown, element.as_str().len());
            }
            Frame::Keepalive => self.text(Direction::In, " ", 1),
            Frame::Footer => self.text(Direction::In, CLOSING_TAG, CLOSING_TAG.len()),
        }
    }

    #[cold]
    fn records_sent(&self, bytes: &[u8]) {
        for (content_type, length) in record_types(bytes) {
            self.tell(&Traced::Record(Record {
                direction: Direction::Out,
                content_type,
                length,
            }));
        }
    }

    /// A unit is a header with what follows it, or elements, or a space, or the closing tag.
    #[cold]
    fn unit(&mut self, text: &[u8]) {
        let Ok(mut rest) = core::str::from_utf8(text) else {
            return;
        };
        if let Some((header, following)) = show_own_header(rest) {
            self.text(Direction::Out, &header, rest.len() - following.len());
            rest = following;
        }
        while !rest.is_empty() {
            let (shown, following) = if rest == " " || rest == CLOSING_TAG {
                (String::from(rest), "")
            } else if let Ok((element, following)) = self.checker.check_first(rest) {
                (show_element(element.as_element(), self.place), following)
            } else {
                // It is not known what this is, so it is not known whether it is secret.
                (alloc::format!("[{} bytes]", rest.len()), "")
            };
            let length = rest.len() - following.len();
            self.text(Direction::Out, &shown, length);
            rest = following;
        }
        // The element may hold names of a long stanza.
        self.checker.shrink();
    }
}

impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Active")
            .field("hook", &self.hook)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::vec::Vec;
    use std::sync::Mutex;

    use super::*;
    use crate::stream::Kind;

    #[derive(Debug, Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Trace for Lines {
        fn trace(&self, _: u64, _: Instant, what: &Traced<'_>) {
            self.0.lock().unwrap().push(alloc::format!("{what}"));
        }
    }

    fn told(units: &[&str]) -> Vec<String> {
        let lines = Arc::new(Lines::default());
        let scope = Arc::new(Kind::ClientToServer.scope());
        let mut tracer = Tracer::new(Some(lines.clone()), &Limits::client(), &scope);
        for unit in units {
            tracer.unit(unit.as_bytes());
        }
        lines.0.lock().unwrap().clone()
    }

    #[test]
    fn a_unit_is_told_as_its_parts() {
        let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='h'>";
        let error =
            "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        let failed = [header, error, CLOSING_TAG].concat();
        let acknowledged = "<presence/><r xmlns='urn:xmpp:sm:3'/>";
        assert_eq!(
            told(&[&failed, " ", acknowledged]),
            [
                &["-> ", header].concat(),
                &["-> ", error].concat(),
                "-> </stream:stream>",
                "->  ",
                "-> <presence/>",
                "-> <r xmlns='urn:xmpp:sm:3'/>",
            ]
        );
    }

    /// Only a defect of this crate sends such text.
    #[test]
    fn text_that_cannot_be_read_is_hidden() {
        let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>secret";
        assert_eq!(told(&[auth]), ["-> [71 bytes]"]);
        assert_eq!(told(&["secret"]), ["-> [6 bytes]"]);
        assert_eq!(told(&["<a/>secret"])[1], "-> [6 bytes]");
    }
}
