//! Between servers, and towards components: which stanzas a stream may carry, and what dialback
//! waits for (RFC 6120 8.1.1.2, 8.1.2.2; XEP-0220; XEP-0114). Streams of clients have none of this.
//!
//! Stanzas go from the initiating to the receiving server, between domains that were verified on
//! this stream, and nowhere else: another address is refused on its way in, and is the caller's
//! mistake on its way out.
//!
//! No answer is believed unless it was asked for here, with these addresses and this id (XEP-0220
//! 3.1).

mod addresses;
mod verifications;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) use addresses::AddressRule;
use addresses::domain;
use verifications::{Reply, Verifications};

use super::outbound::Outbound;
use crate::dialback::DialbackKey;
use crate::event::{
    DialbackAnswer, DialbackQuestion, DialbackRequest, KeyVerdict, PairVerified, Proven, RequestId,
};
use crate::jid::Jid;
use crate::stream::dialback::{self, DialbackContent, DialbackVerdict};
use crate::stream::{
    DialbackCondition, ElementClass, FirstLevelElement, Input, Notice, PairResult, StreamCondition,
};
use crate::time::Instant;
use crate::xml::Element;

/// How many requests of a peer that has proved nothing may wait.
const MAX_UNVERIFIED_REQUESTS: usize = 4;

/// The domain pairs of a stream, and the questions about them.
#[derive(Debug)]
pub(super) struct S2s {
    rule: AddressRule,
    /// How many pairs, verified or asked for, and how many verifications there may be.
    max_pairs: usize,
    /// The verified pairs; the first `announced` of them are known to the application.
    pairs: Vec<PairVerified>,
    announced: usize,
    /// Requests that wait for the application.
    requests: Vec<PendingRequest>,
    last_id: RequestId,
    /// The request that was announced last.
    announced_request: RequestId,
    /// The result that the table is being told about.
    settled: Option<Settled>,
    /// The pair that this side has asked for.
    requested: Option<(Jid, Jid)>,
    /// The keys that this side has asked about.
    verifications: Verifications,
}

#[derive(Debug)]
struct PendingRequest {
    request: DialbackRequest,
    state: State,
}

#[derive(Debug)]
enum State {
    Unannounced,
    Open,
    Answered(DialbackVerdict),
}

/// The result for a pair, or for a key.
#[derive(Debug)]
struct Settled {
    from: Jid,
    to: Jid,
    /// The id of a `<db:verify/>`; `None` for a `<db:result/>`.
    id: Option<String>,
    verdict: DialbackVerdict,
}

/// Why a request cannot be answered so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// There is no such request, or it has been answered.
    #[error("no such request is open")]
    Unknown,
    /// The answer is of another kind than the question.
    #[error("the answer does not fit the question")]
    Mismatch,
}

impl S2s {
    pub(super) const fn new(rule: AddressRule, max_pairs: usize) -> Self {
        Self {
            rule,
            max_pairs,
            pairs: Vec::new(),
            announced: 0,
            requests: Vec::new(),
            last_id: RequestId(0),
            announced_request: RequestId(0),
            settled: None,
            requested: None,
            verifications: Verifications::NONE,
        }
    }

    /// Adopts what depends on the host, once it is known.
    pub(super) fn set_host(&mut self, max_pairs: usize, component: Option<Jid>) {
        self.max_pairs = max_pairs;
        self.rule.set_component(component);
    }

    /// Returns the class of an element, given who the peer is and what was asked; `None` for an
    /// answer that arrives after its deadline, which has no effect.
    pub(super) fn filter_inbound(
        &mut self,
        element: &FirstLevelElement<'_>,
    ) -> Option<ElementClass> {
        use ElementClass as E;
        let class = element.class();
        let asked_for = match class {
            E::DialbackResult(_) => self.is_requested(element),
            E::DialbackVerified => match self.verifications.answer(element) {
                Reply::InTime => true,
                Reply::TooLate => return None,
                Reply::Unasked => false,
            },
            E::Stanza(_) => {
                let refused = self.rule.refuses(&element.element(), &self.pairs);
                return Some(refused.unwrap_or(class));
            }
            _ => true,
        };
        Some(match asked_for {
            true => class,
            false => E::Bad(StreamCondition::InvalidFrom),
        })
    }

    /// Whether the application may send this element of the content namespace.
    pub(super) fn carries(&self, element: &Element<'_>) -> bool {
        match (domain(element, "from"), domain(element, "to")) {
            (Some(from), Some(to)) => self.rule.carries(&from, &to, &self.pairs),
            _ => false,
        }
    }

    /// Keeps a verified pair.
    pub(super) fn add_pair(&mut self, from: Jid, to: Jid, by: Proven) {
        if !addresses::contains(&self.pairs, from.domain(), to.domain()) {
            self.pairs.push(PairVerified { from, to, by });
        }
    }

    /// Asks the peer for our pair (XEP-0220 2.1.1).
    pub(super) fn request_pair(
        &mut self,
        from: Jid,
        to: Jid,
        key: &DialbackKey,
        out: &mut Outbound,
    ) {
        out.push_control(|text| dialback::write_request(text, from.domain(), to.domain(), key));
        self.requested = Some((from, to));
    }

    /// Keeps the pair that was asked for as verified. Returns whether one was asked for.
    pub(super) fn accept_requested(&mut self) -> bool {
        let Some((from, to)) = self.requested.take() else {
            return false;
        };
        self.add_pair(from, to, Proven::Dialback);
        true
    }

    /// Asks the application.
    pub(super) fn ask(
        &mut self,
        (from, to): (Jid, Jid),
        stream_id: &str,
        question: DialbackQuestion,
    ) {
        self.last_id = RequestId(self.last_id.0.wrapping_add(1));
        let (id, stream_id) = (self.last_id, stream_id.to_owned());
        self.requests.push(PendingRequest {
            request: DialbackRequest {
                id,
                from,
                to,
                stream_id,
                question,
            },
            state: State::Unannounced,
        });
    }

    /// Whether there is room for another request of the peer.
    pub(super) fn has_room(&self) -> bool {
        let max = match self.pairs.is_empty() {
            true => self.max_pairs.min(MAX_UNVERIFIED_REQUESTS),
            false => self.max_pairs,
        };
        self.pairs.len() + self.requests.len() < max
    }

    /// How many more keys may be asked about here; `None` if this is not the stream for it.
    pub(super) fn verify_room(&self) -> Option<usize> {
        (self.rule == AddressRule::Sender)
            .then(|| self.max_pairs.saturating_sub(self.verifications.len()))
    }

    /// Asks the peer about a key (XEP-0220 2.1.2); the answer is due at `due`.
    pub(super) fn record_verify(&mut self, from: &Jid, to: &Jid, id: &str, due: Instant) {
        self.verifications.ask(from, to, id, due);
    }

    /// The next time at which an answer is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.verifications.deadline()
    }

    /// What the application has not been told yet, once.
    pub(super) fn next_notice(&mut self, now: Instant) -> Option<Notice> {
        if self.announced < self.pairs.len() {
            self.announced += 1;
            return Some(Notice::PairVerified);
        }
        if self.verifications.expire(now) {
            return Some(Notice::KeyVerdict);
        }
        let unannounced =
            |pending: &&mut PendingRequest| matches!(pending.state, State::Unannounced);
        let pending = self.requests.iter_mut().find(unannounced)?;
        pending.state = State::Open;
        self.announced_request = pending.request.id;
        Some(Notice::Request)
    }

    /// The pair that was announced last.
    pub(super) fn announced_pair(&self) -> Option<&PairVerified> {
        self.pairs.get(self.announced.checked_sub(1)?)
    }

    /// The request that was announced last.
    pub(super) fn announced_request(&self) -> Option<&DialbackRequest> {
        let announced = |pending: &&PendingRequest| pending.request.id == self.announced_request;
        self.requests
            .iter()
            .find(announced)
            .map(|pending| &pending.request)
    }

    /// The last answer about a key, or that there was none.
    pub(super) const fn key_verdict(&self) -> Option<&KeyVerdict> {
        self.verifications.verdict()
    }

    /// Takes an answer of the application.
    ///
    /// # Errors
    /// [`AnswerError`]; nothing was changed.
    pub(super) fn answer(
        &mut self,
        id: RequestId,
        answer: DialbackAnswer,
        out: &mut Outbound,
    ) -> Result<(), AnswerError> {
        let open = |pending: &PendingRequest| {
            pending.request.id == id && !matches!(pending.state, State::Answered(_))
        };
        let index = self
            .requests
            .iter()
            .position(open)
            .ok_or(AnswerError::Unknown)?;
        let pending = self.requests.get_mut(index).ok_or(AnswerError::Unknown)?;
        let makes_key = pending.request.question == DialbackQuestion::MakeKey;
        let verdict = match (makes_key, answer) {
            (true, DialbackAnswer::Key(key)) => {
                let DialbackRequest { from, to, .. } = self.requests.remove(index).request;
                self.request_pair(from, to, &key, out);
                return Ok(());
            }
            (false, DialbackAnswer::Valid) => DialbackVerdict::Valid,
            (false, DialbackAnswer::Invalid) => DialbackVerdict::Invalid,
            (false, DialbackAnswer::Error(error)) => DialbackVerdict::Error(error),
            _ => return Err(AnswerError::Mismatch),
        };
        pending.state = State::Answered(verdict);
        Ok(())
    }

    /// Takes an answer of the application that the table has to be told.
    pub(super) fn take_answered(&mut self) -> Option<Input> {
        let answered = |(index, pending): (usize, &PendingRequest)| match pending.state {
            State::Answered(verdict) => Some((index, verdict)),
            State::Unannounced | State::Open => None,
        };
        let (index, verdict) = self.requests.iter().enumerate().find_map(answered)?;
        let DialbackRequest {
            from,
            to,
            stream_id,
            question,
            ..
        } = self.requests.remove(index).request;
        Some(match question {
            DialbackQuestion::Verify(_) => self.settle_key((from, to), stream_id, verdict),
            DialbackQuestion::Authorize(_) | DialbackQuestion::MakeKey => {
                self.settle_pair((from, to), verdict)
            }
        })
    }

    /// Keeps the result for a pair that the peer asked for, and returns what the table is told.
    pub(super) fn settle_pair(
        &mut self,
        (from, to): (Jid, Jid),
        verdict: DialbackVerdict,
    ) -> Input {
        self.settled = Some(Settled {
            from,
            to,
            id: None,
            verdict,
        });
        Input::Pair(match verdict {
            DialbackVerdict::Valid => PairResult::Accept,
            DialbackVerdict::Invalid => PairResult::Refuse,
            DialbackVerdict::Error(_) => PairResult::Fail,
        })
    }

    /// Keeps the result for a key, and returns what the table is told.
    pub(super) fn settle_key(
        &mut self,
        (from, to): (Jid, Jid),
        id: String,
        verdict: DialbackVerdict,
    ) -> Input {
        self.settled = Some(Settled {
            from,
            to,
            id: Some(id),
            verdict,
        });
        Input::KeyChecked
    }

    /// Writes the result, and returns what was written.
    pub(super) fn write_settled(&mut self, out: &mut Outbound) -> Option<DialbackVerdict> {
        let settled = self.settled.take()?;
        Some(self.write(settled, out))
    }

    /// Writes the result, and returns what was written. An invalid key is reported as a dialback
    /// error, after which the stream continues (XEP-0220 2.2.1).
    pub(super) fn write_settled_leniently(
        &mut self,
        out: &mut Outbound,
    ) -> Option<DialbackVerdict> {
        let mut settled = self.settled.take()?;
        if settled.verdict == DialbackVerdict::Invalid {
            settled.verdict = DialbackVerdict::Error(DialbackCondition::Forbidden);
        }
        Some(self.write(settled, out))
    }

    fn write(&mut self, settled: Settled, out: &mut Outbound) -> DialbackVerdict {
        let Settled {
            from,
            to,
            id,
            verdict,
        } = settled;
        out.push_control(|text| match &id {
            None => dialback::write_result(text, to.domain(), from.domain(), verdict),
            Some(id) => dialback::write_verified(text, to.domain(), from.domain(), id, verdict),
        });
        if id.is_none() && verdict == DialbackVerdict::Valid {
            self.add_pair(from, to, Proven::Dialback);
        }
        verdict
    }

    /// Drops everything that waits, because the stream is being closed.
    pub(super) fn cancel_pending(&mut self) {
        self.requests.clear();
        self.verifications.clear();
        self.requested = None;
    }

    /// Whether the element answers the pair that this side has asked for.
    fn is_requested(&self, element: &FirstLevelElement<'_>) -> bool {
        match (element.dialback(), &self.requested) {
            (Some(answer), Some((from, to))) => answer.from == *to && answer.to == *from,
            _ => false,
        }
    }
}

/// Why our pair was not granted, if that is what the element says.
pub(super) fn refused_pair(element: &FirstLevelElement<'_>) -> Option<DialbackVerdict> {
    match element.dialback()?.content {
        DialbackContent::Result(verdict) => Some(verdict),
        _ => None,
    }
}
