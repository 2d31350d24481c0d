//! Stream management on one connection (XEP-0198): counting, asking, answering, resuming.
//!
//! The state tables decide where its elements may stand. What they come to is decided here, by
//! [`Management::manage`], and told to the table as a [`ManagementResult`]. What has to outlive the
//! connection is in an [`SmState`].
//!
//! # What is counted
//!
//! Inbound, a stanza that was handed to the application or answered by this crate, from
//! `<enabled/>` on: a stanza that is dropped, because the stream has failed, is not. Outbound,
//! everything that was queued after `<enable/>` (a client) or `<enabled/>` (a server), in the order of
//! the stream.
//!
//! # When acknowledgements are asked for and given
//!
//! `<r/>` goes out in the record of the stanza that reaches [`SmPolicy::ask`]'s number, or when its
//! delay has passed, and not again before the answer. `<a/>` goes out when everything received so far
//! has been read: many requests at once have one answer. Another goes out before our closing tag.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use super::outbound::Outbound;
use crate::event::{Event, ManagementEnabled, ManagementRefused, Resumed};
use crate::hex::hex;
use crate::jid::Jid;
use crate::random::{Random, RandomError};
use crate::sasl::Secret;
use crate::sm::{AckMode, Ending, Received, SmPolicy, SmState, TooHigh};
use crate::stream::management::{handled_count_too_high, write_failed};
use crate::stream::sasl2::InlineEnable;
use crate::stream::{ManagementElement, ManagementRefusal, ManagementResult, Notice};
use crate::ticket::Ticket;
use crate::time::Instant;

/// Stream management of one connection.
pub(super) struct Management {
    policy: Arc<SmPolicy>,
    side: Side,
    phase: Phase,
    session: SmState,
    /// An earlier session that is not resumed here, until the application takes it.
    parked: Option<Box<SmState>>,
    asked: Asked,
    owed: Owed,
    room: Room,
    deadline: Option<Instant>,
    acknowledged: Option<Ticket>,
    /// Whether the stanza delivered last had been delivered on an earlier stream.
    is_redelivery: bool,
    resumed: Option<Resumed>,
    too_high: Option<TooHigh>,
    /// What steps that travelled with the login came to, first to last; told once the stream is
    /// established.
    announcements: [Notice; 2],
}

/// The side of the session.
enum Side {
    Client,
    /// With the source of names of sessions.
    Server(Arc<dyn Random>),
}

/// Where stream management stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is counted.
    Off,
    /// The server refused to enable it with the login. Nothing is counted.
    Refused,
    /// It is offered; a client asks for it once the stream is established.
    Offered,
    /// `<enable/>` is written: what is sent is counted.
    Requested,
    /// Both directions are counted.
    Active,
    /// `session` is an earlier one, which this connection is to resume.
    Resuming,
}

/// Whether an acknowledgement has been asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Not since this many stanzas.
    No(u32),
    /// `<r/>` is written, and its answer outstanding.
    Yes,
}

/// Whether this crate's own answers still have room in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    /// The peer makes this side answer, and acknowledges nothing.
    UsedUp,
}

/// What the peer's `<r/>` is owed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owed {
    Nothing,
    /// An answer.
    Answer,
    /// A further answer, once so many stanzas have been handled as were delivered when it asked.
    Handled(u32),
}

/// How many bytes this crate's own answers may add to a full queue before the peer, which makes it
/// answer and acknowledges nothing, is given up.
const RESERVE_BYTES: usize = 16 * 1024;

const REQUEST: &str = "<r xmlns='urn:xmpp:sm:3'/>";

impl Management {
    pub(super) fn client(policy: Arc<SmPolicy>) -> Self {
        Self::new(policy, Side::Client)
    }

    pub(super) fn server(policy: Arc<SmPolicy>, random: Arc<dyn Random>) -> Self {
        Self::new(policy, Side::Server(random))
    }

    fn new(policy: Arc<SmPolicy>, side: Side) -> Self {
        Self {
            policy,
            side,
            phase: Phase::Off,
            session: SmState::new(0),
            parked: None,
            asked: Asked::No(0),
            owed: Owed::Nothing,
            room: Room::Left,
            deadline: None,
            acknowledged: None,
            is_redelivery: false,
            resumed: None,
            too_high: None,
            announcements: [Notice::Nothing; 2],
        }
    }

    /// Is to resume this session.
    pub(super) fn resume(&mut self, session: SmState) {
        self.session = session;
        self.phase = Phase::Resuming;
    }

    /// Records whether the server offers stream management: the last features count, because nothing
    /// that came before TLS does (RFC 6120 5.4.3.3). What the server refused to do with the login is
    /// not asked for again.
    pub(super) fn offer(&mut self, is_offered: bool) {
        if let Phase::Off | Phase::Offered = self.phase {
            self.phase = match is_offered {
                true => Phase::Offered,
                false => Phase::Off,
            };
        }
    }

    /// Writes `<resume/>`, unless the server has refused the session with the login.
    pub(super) fn write_resume(&self, out: &mut Outbound) -> Option<ManagementResult> {
        let Some((h, previd)) = self.resumption() else {
            return Some(ManagementResult::Refused);
        };
        out.push_secret(previd.len(), |out| {
            let previd = previd.into();
            ManagementElement::Resume { h, previd }.write(out);
        });
        None
    }

    /// Checks `<resumed/>`.
    pub(super) fn check_resumed(&mut self, element: &ManagementElement<'_>) -> ManagementResult {
        match element {
            ManagementElement::Resumed { h, previd } if self.session.id() == Some(previd) => {
                self.go_on(*h)
            }
            _ => ManagementResult::Unexpected,
        }
    }

    /// Takes over a session that a client asks to resume, which has handled `h` stanzas.
    pub(super) fn take_over(&mut self, session: SmState, h: u32) -> ManagementResult {
        self.session = session;
        self.phase = Phase::Resuming;
        self.go_on(h)
    }

    /// Goes on with a session whose peer has handled `h` stanzas.
    fn go_on(&mut self, h: u32) -> ManagementResult {
        match self.session.queue.acknowledge(h) {
            Ok(acknowledged) => {
                self.acknowledged = acknowledged.or(self.acknowledged);
                self.session.rewind();
                self.session.ending = Ending::Over;
                self.phase = Phase::Active;
                self.resumed = Some(Resumed {
                    h,
                    retransmitted: u32::try_from(self.session.queue.len()).unwrap_or(u32::MAX),
                });
                ManagementResult::Resumed
            }
            Err(too_high) => {
                self.too_high = Some(too_high);
                ManagementResult::TooHigh
            }
        }
    }

    /// The JID of the session.
    pub(super) fn jid(&self) -> Option<&Jid> {
        self.session.jid()
    }

    /// Why the session that a client asks for is not resumed.
    pub(super) fn refusal(&self) -> ManagementRefusal {
        match self.policy.resumption {
            Some(_) => ManagementRefusal::ItemNotFound,
            None => ManagementRefusal::FeatureNotImplemented,
        }
    }

    /// Writes `<resumed/>`.
    pub(super) fn write_resumed(&self, out: &mut Outbound) {
        let previd = self.session.id().unwrap_or_default().into();
        let h = self.session.handled;
        out.push_control(|out| ManagementElement::Resumed { h, previd }.write(out));
    }

    /// Sends again what the peer has not handled.
    pub(super) fn retransmit(&mut self, out: &mut Outbound) {
        self.session.queue.retransmit();
        for sent in self.session.queue.iter() {
            out.push_again(sent.stanza, sent.ticket);
        }
        if !self.session.queue.is_empty() {
            self.ask(out);
        }
    }

    /// Acts on `<failed/>`, the answer to `<resume/>`: the session is over, and the application's to
    /// take.
    pub(super) fn resumption_refused(&mut self, element: &ManagementElement<'_>) {
        let (Phase::Resuming, ManagementElement::Failed { h }) = (self.phase, element) else {
            return;
        };
        // A count that cannot be is none.
        if let Ok(Some(ticket)) = self.session.end(*h) {
            self.acknowledged = Some(ticket);
        }
        self.park(Phase::Offered);
    }

    /// What `<resume/>` says, if there is a session to resume: the count, and the name.
    pub(super) fn resumption(&self) -> Option<(u32, &str)> {
        let previd = self
            .session
            .id()
            .filter(|_| self.phase == Phase::Resuming)?;
        Some((self.session.handled, previd))
    }

    /// The `<enable/>` that travels with the login (XEP-0198 9.1).
    pub(super) fn inline_enable(&self) -> InlineEnable {
        InlineEnable {
            resume: self.policy.resumption.is_some(),
            max: self.policy.resumption,
        }
    }

    /// Enables stream management for a client that asks for it with its login (XEP-0198 9.1). The
    /// application is told as soon as the stream is established.
    ///
    /// # Errors
    /// There is no randomness for the name of the session.
    pub(super) fn enable_inline(
        &mut self,
        resume: bool,
        max: Option<u32>,
    ) -> Result<(), RandomError> {
        if self.phase == Phase::Off {
            self.grant(resume, max)?;
            self.announce(Notice::ManagementEnabled);
        }
        Ok(())
    }

    /// What `<enabled/>` says of the session: its name, how long it can be resumed, and where.
    pub(super) fn enabled_inline(&self) -> Option<(Option<&str>, Option<u32>, Option<&str>)> {
        (self.phase == Phase::Active)
            .then(|| (self.session.id(), self.session.max, self.session.location()))
    }

    /// What `<resumed/>` says of the session: the count, and the name.
    pub(super) fn resumed_inline(&self) -> (u32, &str) {
        (self.session.handled, self.session.id().unwrap_or_default())
    }

    /// Records that the server has neither resumption nor a resource for a client that has logged in:
    /// the next login must not wait for the session.
    pub(super) fn no_resumption(&mut self) {
        if self.phase == Phase::Resuming {
            self.session.ending = Ending::Over;
        }
    }

    /// Records that a `<resume/>` that travelled with the login came to nothing, and what the server
    /// says of it.
    pub(super) fn inline_refused(&mut self, h: Option<u32>) {
        if self.phase == Phase::Resuming {
            self.resumption_refused(&ManagementElement::Failed { h });
            self.announce(Notice::ManagementRefused);
        }
    }

    /// Takes the server's answer to an `<enable/>` that travelled with the login.
    pub(super) fn inline_enabled(&mut self, element: &ManagementElement<'_>) {
        if let ManagementElement::Enabled { id, max, location } = element {
            self.enabled(id.as_deref(), *max, location.as_deref());
            self.announce(Notice::ManagementEnabled);
        } else {
            self.phase = Phase::Refused;
            self.announce(Notice::ManagementRefused);
        }
    }

    /// Tells the application of this as soon as the stream is established.
    fn announce(&mut self, notice: Notice) {
        match self.announcements[0] {
            Notice::Nothing => self.announcements[0] = notice,
            _ => self.announcements[1] = notice,
        }
    }

    /// Hands a session back that is not resumed here.
    pub(super) fn hand_back(&mut self, session: SmState) {
        self.parked = Some(Box::new(session));
    }

    /// Hands the earlier session back, and begins anew.
    fn park(&mut self, phase: Phase) {
        let new = SmState::new(self.session.last_ticket);
        self.parked = Some(Box::new(core::mem::replace(&mut self.session, new)));
        self.phase = phase;
    }

    /// The stream is established: a client enables stream management where it is offered.
    pub(super) fn established(&mut self, out: &mut Outbound) {
        match (&self.side, self.phase) {
            (Side::Client, Phase::Offered) => {
                let enable = ManagementElement::Enable {
                    resume: self.policy.resumption.is_some(),
                    max: self.policy.resumption,
                };
                out.push_control(|out| enable.write(out));
                self.phase = Phase::Requested;
            }
            // It was not offered. Nobody else has the session.
            (_, Phase::Resuming) => {
                self.session.ending = Ending::Over;
                self.park(Phase::Off);
            }
            _ => {}
        }
    }

    /// Acts on an element of an established stream. `None` if nothing comes of it.
    ///
    /// # Errors
    /// There is no randomness for the name of a session.
    pub(super) fn manage(
        &mut self,
        element: &ManagementElement<'_>,
        out: &mut Outbound,
    ) -> Result<Option<ManagementResult>, RandomError> {
        use ManagementElement as E;
        use ManagementResult as R;
        Ok(match (&self.side, self.phase, element) {
            (Side::Server(_), Phase::Off, E::Enable { resume, max }) => {
                self.grant(*resume, *max)?;
                let enabled = E::Enabled {
                    id: self.session.id().map(Into::into),
                    max: self.session.max,
                    location: self.session.location().map(Into::into),
                };
                out.push_control(|out| enabled.write(out));
                Some(R::Enabled)
            }
            // XEP-0198 3, 5: once, and a resumption only in the place of binding.
            (Side::Server(_), _, E::Enable { .. } | E::Resume { .. }) => {
                let refusal = ManagementRefusal::UnexpectedRequest;
                out.push_control(|out| write_failed(out, refusal, None));
                None
            }
            (Side::Client, Phase::Requested, E::Enabled { id, max, location }) => {
                self.enabled(id.as_deref(), *max, location.as_deref());
                Some(R::Enabled)
            }
            (Side::Client, Phase::Requested, E::Failed { .. }) => {
                self.session = SmState::new(self.session.last_ticket);
                self.phase = Phase::Off;
                Some(R::Refused)
            }
            (_, Phase::Active, E::Request) => {
                self.owed = Owed::Answer;
                None
            }
            (_, Phase::Active, E::Answer { h }) => self.on_answer(*h),
            _ => Some(R::Unexpected),
        })
    }

    /// Begins to count, as a server that grants what it can of this.
    fn grant(&mut self, resume: bool, max: Option<u32>) -> Result<(), RandomError> {
        if let (Side::Server(random), true, Some(granted)) =
            (&self.side, resume, self.policy.resumption)
        {
            let mut name = [0; 16];
            random.fill(&mut name)?;
            self.session.id = Some(Secret::new(hex(&name).into_bytes()));
            self.session.max = Some(max.map_or(granted, |max| max.min(granted)));
            self.session.location = self.policy.location.clone().map(Into::into);
        }
        self.phase = Phase::Active;
        Ok(())
    }

    /// Begins to count, as the server agrees.
    fn enabled(&mut self, id: Option<&str>, max: Option<u32>, location: Option<&str>) {
        // A server may enable it without the resumption that was asked for.
        if self.policy.resumption.is_some() {
            self.session.id = id.map(|id| Secret::from(id.as_bytes()));
        }
        self.session.max = max;
        self.session.location = location.map(Into::into);
        self.phase = Phase::Active;
    }

    fn on_answer(&mut self, h: u32) -> Option<ManagementResult> {
        self.asked = Asked::No(0);
        self.deadline = None;
        match self.session.queue.acknowledge(h) {
            Ok(Some(ticket)) => {
                self.acknowledged = Some(ticket);
                Some(ManagementResult::Acknowledged)
            }
            Ok(None) => None,
            Err(too_high) => {
                self.too_high = Some(too_high);
                Some(ManagementResult::TooHigh)
            }
        }
    }

    /// The application condition for a peer that acknowledged what it was not sent.
    pub(super) fn too_high(&self) -> Option<String> {
        self.too_high
            .map(|TooHigh { h, send_count }| handled_count_too_high(h, send_count))
    }

    /// Counts a stanza that the application is handed.
    pub(super) fn count_delivered(&mut self) {
        if self.phase == Phase::Active {
            self.count_inbound();
            if self.policy.ack_mode == AckMode::Delivered {
                self.session.handled = self.session.delivered;
            }
        }
    }

    /// Counts a stanza that was answered here. The application has nothing to say about it, so it
    /// counts as handled as soon as all that came before it do.
    pub(super) fn count_answered(&mut self) {
        if self.phase == Phase::Active {
            let are_handled = self.session.handled == self.session.delivered;
            self.count_inbound();
            if are_handled || self.policy.ack_mode == AckMode::Delivered {
                self.session.handled = self.session.delivered;
            }
        }
    }

    fn count_inbound(&mut self) {
        self.session.delivered = self.session.delivered.wrapping_add(1);
        self.is_redelivery = self.session.redeliveries > 0;
        self.session.redeliveries = self.session.redeliveries.saturating_sub(1);
    }

    /// Names the last stanza that was delivered.
    pub(super) const fn received(&self) -> Received {
        Received(self.session.delivered)
    }

    /// Whether the stanza delivered last had been delivered on an earlier stream.
    pub(super) const fn is_redelivery(&self) -> bool {
        self.is_redelivery
    }

    /// Records that the application has handled everything up to `received`.
    pub(super) fn handle(&mut self, received: Received, out: &mut Outbound) {
        let SmState {
            handled, delivered, ..
        } = &mut self.session;
        let open = delivered.wrapping_sub(*handled);
        if self.policy.ack_mode != AckMode::Handled || received.0.wrapping_sub(*handled) > open {
            return;
        }
        *handled = received.0;
        if let Owed::Handled(count) = self.owed {
            if handled.wrapping_sub(count) <= u32::MAX / 2 {
                self.answer(out);
            }
        }
    }

    /// Whether what is sent is kept.
    pub(super) const fn keeps(&self) -> bool {
        matches!(self.phase, Phase::Requested | Phase::Active)
    }

    /// Keeps a stanza that was just queued, the last in `out`, and asks for acknowledgement if it is
    /// time. A record takes `fragment` bytes of text.
    pub(super) fn keep(&mut self, ticket: Ticket, out: &mut Outbound, fragment: usize) {
        let queue = &mut self.session.queue;
        queue.push(out.last_unit(), ticket);
        let (bytes, most) = (queue.bytes(), self.policy.queue_bytes as usize);
        if let Asked::No(since) = &mut self.asked {
            *since += 1;
            // A queue that fills up must not wait for the delay.
            let is_filling =
                bytes > most / 2 || queue.len() > self.policy.queue_stanzas as usize / 2;
            if (*since >= self.policy.ask_after || is_filling) && self.phase == Phase::Active {
                self.asked = Asked::Yes;
                self.deadline = None;
                out.append(REQUEST, fragment);
            }
        }
        // The application's stanzas have been held back before.
        if bytes > most + RESERVE_BYTES && queue.len() > 1 {
            self.room = Room::UsedUp;
        }
    }

    /// How many bytes of stanzas can be kept beside what is.
    pub(super) fn capacity(&self) -> usize {
        let queue = &self.session.queue;
        match queue.len() < self.policy.queue_stanzas as usize {
            _ if queue.is_empty() || !self.keeps() => usize::MAX,
            true => (self.policy.queue_bytes as usize).saturating_sub(queue.bytes()),
            false => 0,
        }
    }

    /// How many stanzas are not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.session.queue.len()
    }

    /// The last ticket that the peer has handled.
    pub(super) const fn acknowledged(&self) -> Option<Ticket> {
        self.acknowledged
    }

    /// Whether the peer owes an acknowledgement that it was asked for.
    pub(super) fn has_asked(&self) -> bool {
        self.asked == Asked::Yes
    }

    /// Asks for an acknowledgement, also where nothing waits for one.
    fn ask(&mut self, out: &mut Outbound) {
        out.push_control(|out| out.push_str(REQUEST));
        self.asked = Asked::Yes;
        self.deadline = None;
    }

    /// Tries whether the peer is still there: by a question where stanzas are counted, else by white
    /// space.
    pub(super) fn keep_alive(management: Option<&mut Self>, out: &mut Outbound) {
        match management.filter(|management| management.phase == Phase::Active) {
            Some(management) => management.ask(out),
            None => out.push_control(|out| out.push(' ')),
        }
    }

    fn answer(&mut self, out: &mut Outbound) {
        let SmState {
            handled, delivered, ..
        } = self.session;
        out.push_control(|out| ManagementElement::Answer { h: handled }.write(out));
        self.owed = match handled == delivered {
            true => Owed::Nothing,
            false => Owed::Handled(delivered),
        };
    }

    /// Answers the peer's requests: everything that was received has been read.
    pub(super) fn answer_owed(&mut self, out: &mut Outbound) {
        if self.owed == Owed::Answer {
            self.answer(out);
        }
    }

    /// Says before the closing tag what has been handled (XEP-0198 4).
    pub(super) fn answer_last(&mut self, out: &mut Outbound) {
        if self.phase == Phase::Active {
            self.answer(out);
        }
    }

    /// Sets the deadline of the next `<r/>`, or of its answer. An answer removes it.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.deadline.is_some() || self.phase != Phase::Active {
            return;
        }
        self.deadline = match self.asked {
            Asked::Yes => Some(now + self.policy.ack_timeout),
            Asked::No(_) if self.session.queue.is_empty() => None,
            Asked::No(_) => Some(now + self.policy.ask_delay),
        };
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Does what is due now.
    pub(super) fn due(&mut self, now: Instant, out: &mut Outbound) -> Option<Due> {
        if self.announcements[0] != Notice::Nothing {
            let [first, second] = self.announcements;
            self.announcements = [second, Notice::Nothing];
            return Some(Due::Announce(first));
        }
        let is_late = self.deadline.is_some_and(|at| at <= now);
        match self.asked {
            _ if self.room == Room::UsedUp => Some(Due::Overflow),
            _ if !is_late => None,
            Asked::No(_) => {
                self.ask(out);
                Some(Due::Asked)
            }
            Asked::Yes => Some(Due::PeerLost),
        }
    }

    /// Records how the connection has ended.
    pub(super) fn end(&mut self, session_survives: bool, jid: Option<&Jid>, out: &Outbound) {
        self.deadline = None;
        self.session.flushed = self.session.flushed.max(out.flushed());
        self.session.last_ticket = self.session.last_ticket.max(out.last_ticket());
        // A session that was not reached is as it was.
        if self.phase != Phase::Resuming {
            self.session.jid = jid.cloned().map(Box::new);
            self.session.ending = match session_survives && self.phase == Phase::Active {
                true => Ending::Resumable,
                false => Ending::Over,
            };
        }
    }

    /// Copies the session for whoever goes on with it if this process ends without a word.
    pub(super) fn snapshot(&self, jid: Option<&Jid>, out: &Outbound) -> Option<SmState> {
        (self.phase == Phase::Active).then(|| {
            let mut session = self.session.clone();
            session.jid = jid.cloned().map(Box::new);
            session.ending = Ending::Resumable;
            session.last_ticket = out.last_ticket();
            // The copy is stored before TCP takes anything: what the peer has by then is not known.
            session.flushed = Some(Ticket::nth(session.last_ticket));
            session
        })
    }

    /// Takes the session that is not resumed here or, after the end, the connection's own.
    pub(super) fn take(&mut self, is_closed: bool) -> Option<SmState> {
        if let Some(parked) = self.parked.take() {
            return Some(*parked);
        }
        match self.phase {
            Phase::Requested | Phase::Active | Phase::Resuming if is_closed => {
                self.phase = Phase::Off;
                Some(core::mem::replace(&mut self.session, SmState::new(0)))
            }
            _ => None,
        }
    }

    /// The event of a notice; `None` only by a defect.
    pub(super) fn event(&self, notice: Notice) -> Option<Event<'_>> {
        Some(match notice {
            Notice::ManagementEnabled => Event::ManagementEnabled(ManagementEnabled {
                session: &self.session,
            }),
            Notice::ManagementRefused => Event::ManagementRefused(ManagementRefused {
                session: self.parked.as_deref(),
            }),
            Notice::Acknowledged => Event::Acknowledged(self.acknowledged?),
            _ => return None,
        })
    }

    /// How a session was resumed, if one was.
    pub(super) const fn resumed(&self) -> Option<Resumed> {
        self.resumed
    }

    pub(super) fn allocated(&self) -> usize {
        self.session.queue.allocated()
    }

    pub(super) fn shrink(&mut self) {
        self.session.queue.shrink();
    }
}

/// What stream management has to do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The application is told what came of a step that travelled with the login.
    Announce(Notice),
    /// An acknowledgement was asked for.
    Asked,
    /// The peer owes one for too long.
    PeerLost,
    /// The peer makes this side answer, and acknowledges nothing.
    Overflow,
}

/// Shows states, no names.
impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management")
            .field("phase", &self.phase)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::{Management, Phase};
    use crate::sm::SmPolicy;

    #[test]
    fn xep0198_4_what_is_received_is_counted_modulo_two_to_the_32() {
        let mut management = Management::client(Arc::new(SmPolicy::new()));
        management.phase = Phase::Active;
        management.session.delivered = u32::MAX - 1;
        management.session.handled = u32::MAX - 1;
        for handled in [u32::MAX, 0, 1] {
            management.count_delivered();
            assert_eq!(management.session.handled, handled);
        }
    }
}
