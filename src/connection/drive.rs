//! One poll: what is tried, in which order, and who is told.

use super::Connection;
use super::clock::Overdue;
use super::federation::FederationNews;
use super::link::{Inbound, Request, Tail};
use super::role::{Negotiation, Position, Stage};
use super::transport::Transport;
use crate::action::{Action, Wait};
use crate::close::{CloseReason, Manner, Phase};
use crate::event::{Established, Event, StreamOpened};
use crate::reset::Cause;
use crate::stream::{self, Features, Input, Local, Tell};
use crate::time::Instant;
use crate::tls;
use crate::xml::{Frame, FrameKind};

/// What a poll comes to; borrowed from only when it is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Event(News),
    Wait(Wait),
    Close,
}

/// Where the event's content lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    /// In the frame just read, or beside the table.
    Table(Tell),
    /// In the gate.
    Decision,
    /// In the TLS session.
    Tls,
    ResetAdvised(Cause),
    /// In the federation.
    Federation(FederationNews),
}

/// What one turn of the loop came to.
pub(super) enum Turn {
    Again,
    News(News),
    Idle,
}

/// What is kept back while something is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Nothing,
    /// Frames are found and not taken.
    Frames,
    /// Text is not even looked at: SASL may end in a restart, behind which the
    /// same bytes mean something else (4.3.3).
    Text,
}

/// What one poll may spend on costly things.
struct Budget {
    derivations: u8,
    handshake_records: u8,
}

impl<N: Negotiation> Connection<N> {
    pub(super) fn drive(&mut self, now: Instant) -> Next {
        self.link.clock.now = self.link.clock.now.max(now);
        let mut budget = Budget {
            derivations: 1,
            handshake_records: 1,
        };
        // What the application said before this poll comes before what it causes.
        self.seal();
        loop {
            let turn = self.turn(&mut budget);
            self.seal();
            self.link.watch_writing();
            if self.link.is_closed() {
                // What was read before the end is news all the same.
                return match turn {
                    Turn::News(news) => Next::Event(news),
                    Turn::Again | Turn::Idle => Next::Close,
                };
            }
            match turn {
                Turn::Again => {}
                Turn::News(news) => return Next::Event(news),
                Turn::Idle => return Next::Wait(self.wait(&budget)),
            }
        }
    }

    /// The answer, borrowed.
    pub(super) fn action(&self, next: Next) -> Action<'_> {
        match next {
            Next::Wait(wait) => Action::Wait(wait),
            Next::Event(news) => match self.event(news) {
                Some(event) => Action::Event(event),
                None => Action::Wait(self.at_once()),
            },
            Next::Close => match self.link.close() {
                Some(close) => Action::CloseTcp(close),
                None => Action::Wait(self.at_once()),
            },
        }
    }

    fn event(&self, news: News) -> Option<Event<'_>> {
        let frame = || match self.link.framer.frame() {
            Some(Frame::Element(stanza)) => Some(stanza),
            _ => None,
        };
        Some(match news {
            News::Decision => Event::Decision(self.link.gate.as_ref()?.question()),
            News::Tls => Event::TlsEstablished(self.link.tls_info()?),
            News::ResetAdvised(cause) => Event::ResetAdvised(cause),
            News::Federation(FederationNews::Pair(index)) => {
                Event::PairVerified(self.link.federation.pair(index)?)
            }
            News::Federation(FederationNews::Request(index)) => {
                Event::Request(self.link.federation.request(index)?)
            }
            News::Federation(FederationNews::Verdict) => {
                Event::KeyVerdict(self.link.federation.verdict()?)
            }
            News::Table(tell) => match tell {
                Tell::Nothing => return None,
                Tell::StreamOpened => Event::StreamOpened(StreamOpened(&self.link.peer)),
                Tell::Features => Event::Features(Features::read(*frame()?)?),
                Tell::Authenticated => Event::Authenticated(N::authenticated(&self.side)),
                Tell::Established => Event::Established(Established {
                    jid: N::bound(&self.side),
                }),
                Tell::Stanza => Event::Stanza(frame()?),
                Tell::Element => Event::Element(frame()?),
                Tell::Keepalive => Event::Keepalive,
                Tell::StreamError => Event::StreamError(self.link.peer_error.as_ref()?),
                Tell::PeerClosing => Event::PeerClosing,
                Tell::KeyVerdict => Event::KeyVerdict(self.link.federation.verdict()?),
            },
        })
    }

    fn turn(&mut self, budget: &mut Budget) -> Turn {
        if self.link.is_closed() {
            return Turn::Idle;
        }
        if matches!(self.link.request, Some(Request::Abort)) {
            self.link.finish(CloseReason::LocalAbort, Manner::Abort);
            return Turn::Again;
        }
        let position = self.table.position();
        if position.stage == Stage::Idle {
            return self.feed(Input::Begin);
        }
        if self.link.tail != Tail::Exchange {
            return self.tail();
        }
        if let Some(request) = self.link.request.take() {
            return self.wished(request);
        }
        if position.stage == Stage::PeerClosing {
            return self.feed(Input::Resume);
        }
        if let Some(overdue) = self.link.overdue(position.phase) {
            return self.late(overdue);
        }
        if let Some(cause) = self.link.due_reset.take() {
            return self.wished(Request::Reset(cause));
        }
        if let Some(advice) = self.advice(position) {
            return advice;
        }
        if let Some(gate) = &mut self.link.gate {
            if gate.announce() {
                return Turn::News(News::Decision);
            }
            if gate.is_answered() {
                if let Some(input) = N::answered(&mut self.side, &mut self.link) {
                    return self.feed(input);
                }
                return Turn::Again;
            }
        }
        if matches!(position.stage, Stage::Federating | Stage::Established) {
            if let Some(news) = self.link.federation.news(self.link.clock.now) {
                return Turn::News(News::Federation(news));
            }
            if let Some(input) = self.link.federation.answered() {
                return self.feed(input);
            }
        }
        let working = self.is_working();
        if working && budget.derivations > 0 {
            budget.derivations -= 1;
            return match N::work(&mut self.side, &mut self.link) {
                Some(input) => self.feed(input),
                None => Turn::Again,
            };
        }
        let hold = match &self.link.gate {
            _ if working => Hold::Text,
            Some(gate) if gate.is_sasl() => Hold::Text,
            Some(_) => Hold::Frames,
            None if self.link.is_blocked() => Hold::Frames,
            None => Hold::Nothing,
        };
        if hold != Hold::Nothing && self.link.inbound == Inbound::Failed {
            return self.lost();
        }
        self.read(hold, budget)
    }

    /// The next frame, or the next record, or the end of both. While something
    /// is waited for, no frame is taken, but records are opened as long as
    /// there is none: a renegotiation attempt is seen at once.
    fn read(&mut self, hold: Hold, budget: &mut Budget) -> Turn {
        let waiting = match hold {
            Hold::Text if !self.link.framer.has_unread() => return self.pull(budget),
            Hold::Text => return Turn::Idle,
            Hold::Frames => true,
            Hold::Nothing => false,
        };
        if self.link.found.is_none() {
            match self.link.framer.poll() {
                Ok(found) => self.link.found = found,
                // Acted on in its turn: a fault is sticky.
                Err(_) if waiting => return Turn::Idle,
                Err(fault) => {
                    self.link.fault = Some(fault);
                    return self.feed(Input::Fault(fault.kind.class().into()));
                }
            }
        }
        match self.link.found {
            Some(_) if waiting => Turn::Idle,
            Some(kind) => {
                self.link.found = None;
                match self.classify(kind) {
                    Some(input) => self.feed(input),
                    None => Turn::Again,
                }
            }
            None => self.pull(budget),
        }
    }

    /// What the frame just found is to the table, if anything.
    fn classify(&mut self, kind: FrameKind) -> Option<Input> {
        let protected = self.link.tls_info().is_some();
        Some(match (kind, self.link.framer.frame()) {
            (FrameKind::Header, Some(Frame::Header(header))) => {
                let peer = &mut self.link.peer;
                Input::Header(N::opened(&mut self.side, peer, &header, protected))
            }
            (FrameKind::Element, Some(Frame::Element(element))) => {
                let kind = N::common(&self.side).kind;
                let class = stream::classify(&element, kind, N::awaited(&self.side));
                Input::Element(self.link.federation.admit(&element, class)?)
            }
            (FrameKind::Footer, _) => {
                self.link.peer_footer = true;
                Input::Footer
            }
            _ => Input::Keepalive,
        })
    }

    /// One TLS record.
    fn pull(&mut self, budget: &mut Budget) -> Turn {
        let Transport::Tls {
            session,
            carry,
            opening,
        } = &mut self.link.transport
        else {
            return self.exhausted();
        };
        if opening.is_text() {
            self.link
                .finish(CloseReason::PlaintextAfterStarttls, Manner::Abort);
            return Turn::Again;
        }
        if !carry.is_empty() {
            let taken = session.push(carry);
            carry.drain(..taken);
        }
        let handshaking = session.is_handshaking();
        if handshaking && budget.handshake_records == 0 {
            return Turn::Idle;
        }
        let framer = &mut self.link.framer;
        let step = session.poll(self.link.outbox.wire(), &mut |text| {
            framer.push(text);
        });
        if handshaking && !matches!(step, tls::Step::NeedMore) {
            budget.handshake_records = budget.handshake_records.saturating_sub(1);
        }
        match step {
            tls::Step::NeedMore => self.exhausted(),
            tls::Step::Continue | tls::Step::Plaintext => Turn::Again,
            tls::Step::Established => {
                // The table orders, and has nothing to tell.
                let _ = self.feed(Input::Secured);
                Turn::News(News::Tls)
            }
            tls::Step::PeerClosed => self.lost(),
            tls::Step::Renegotiation(attempt) => {
                self.link
                    .finish(CloseReason::TlsRenegotiation(attempt), Manner::Abort);
                Turn::Again
            }
            tls::Step::Failed(failure) => self.tls_failed(failure),
        }
    }

    /// Everything received has been looked at.
    fn exhausted(&mut self) -> Turn {
        match self.link.inbound {
            Inbound::Open => Turn::Idle,
            Inbound::Ended | Inbound::Failed => self.lost(),
        }
    }

    fn wished(&mut self, request: Request) -> Turn {
        let local = match request {
            Request::Close => Local::Close,
            Request::Abort => return Turn::Again,
            Request::Reset(cause) => {
                N::common_mut(&mut self.side).cause.get_or_insert(cause);
                Local::Reset(match cause.discards_in_flight() {
                    true => stream::Inbound::Discard,
                    false => stream::Inbound::Deliver,
                })
            }
            Request::Fail(error) => {
                N::common_mut(&mut self.side).error.get_or_insert(error);
                Local::Fail
            }
        };
        self.feed(Input::Local(local))
    }

    fn late(&mut self, overdue: Overdue) -> Turn {
        match overdue {
            Overdue::Write => {
                self.link
                    .finish(CloseReason::Timeout(Phase::Write), Manner::Abort);
                Turn::Again
            }
            Overdue::Phase(phase) => {
                let stage = self.table.position().stage;
                if matches!(stage, Stage::Negotiating | Stage::Federating) {
                    self.link.end_with(CloseReason::Timeout(phase));
                }
                self.feed(Input::Expired)
            }
        }
    }

    /// How to sleep.
    fn wait(&self, budget: &Budget) -> Wait {
        let deadline = if self.is_busy(budget) {
            Some(self.link.clock.now)
        } else {
            self.link.deadline()
        };
        Wait {
            read: self.link.wants_input(),
            write: !self.link.outbox.window().is_empty(),
            deadline,
        }
    }

    fn at_once(&self) -> Wait {
        Wait {
            read: false,
            write: false,
            deadline: Some(self.link.clock.now),
        }
    }

    /// Whether there is more to do, left for the next poll.
    fn is_busy(&self, budget: &Budget) -> bool {
        let handshaking = self.link.tls().is_some_and(tls::Session::is_handshaking);
        self.is_working() || (handshaking && budget.handshake_records == 0)
    }

    /// Whether the mechanism has a slice of work left that still matters.
    fn is_working(&self) -> bool {
        self.table.position().stage == Stage::Negotiating && N::is_working(&self.side)
    }

    /// What the meter of the keys says.
    fn advice(&mut self, position: Position) -> Option<Turn> {
        if position.stage != Stage::Established {
            return None;
        }
        let keys = self.link.key_usage()?;
        let now = self.link.clock.now;
        let cause = self.link.usage.as_mut()?.check(now, &keys)?;
        if cause == Cause::SequenceLimit {
            self.link.due_reset = Some(cause);
        }
        Some(Turn::News(News::ResetAdvised(cause)))
    }
}
