//! Between servers, and towards components: which stanzas a stream may carry,
//! and what dialback waits for (RFC 6120 8.1.1.2, 8.1.2.2; XEP-0220; XEP-0114).
//!
//! Stanzas go from the initiating to the receiving server, between domains that
//! were verified on this stream, and nowhere else: an address outside is
//! refused on its way in, and is the caller's mistake on its way out.
//!
//! Nothing that answers a question is believed unless the question was asked
//! here, with these addresses and this id (XEP-0220 3.1).

mod verifications;
mod wire;

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;

use self::verifications::{Reply, Verifications};
use crate::event::{
    DialbackQuestion, DialbackRequest, KeyVerdict, PairVerified, Proven, RequestId,
};
use crate::jid::Jid;
use crate::stream::dialback::{DialbackElement, DialbackVerdict};
use crate::stream::{ElementClass, Input, Pair, StreamCondition as Condition};
use crate::time::Instant;
use crate::xml::Element;

/// How many questions of a peer that has proved nothing may wait.
const QUESTIONS_OF_A_STRANGER: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Federation {
    scope: Scope,
    /// How many pairs, verified or asked for, and how many questions of ours
    /// there may be.
    most: usize,
    pairs: Vec<PairVerified>,
    /// How many of them the application knows of.
    told: usize,
    questions: Vec<Question>,
    last_id: u32,
    /// What became of the question that the table is being told about.
    settled: Option<Settled>,
    /// The pair that we have asked for.
    asked: Option<(Jid, Jid)>,
    verifications: Verifications,
}

/// What decides about addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing here: client to server.
    Open,
    /// The initiating server: pairs on the way out, nothing on the way in.
    Sender,
    /// The receiving server: the reverse.
    Receiver,
    /// A component, which sends from its domain.
    Component(Jid),
    /// The server of this component; `None` until it is known which.
    ComponentServer(Option<Jid>),
}

#[derive(Debug)]
struct Question {
    request: DialbackRequest,
    state: State,
}

#[derive(Debug)]
enum State {
    Unannounced,
    Open,
    Answered(DialbackVerdict),
}

#[derive(Debug)]
struct Settled {
    from: Jid,
    to: Jid,
    /// Of `<db:verify/>`.
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
    /// This is no answer to that question.
    #[error("the answer does not fit the question")]
    Mismatch,
}

/// What the application is to hear.
#[derive(Clone, Copy, Debug)]
pub(super) enum FederationNews {
    Pair(usize),
    Request(usize),
    Verdict,
}

impl Federation {
    pub(super) const fn new(scope: Scope, most: usize) -> Self {
        Self {
            scope,
            most,
            pairs: Vec::new(),
            told: 0,
            questions: Vec::new(),
            last_id: 0,
            settled: None,
            asked: None,
            verifications: Verifications::NONE,
        }
    }

    /// The host is known now, and with it what depends on it.
    pub(super) fn serve(&mut self, most: usize, domain: Option<Jid>) {
        self.most = most;
        if let Scope::ComponentServer(component) = &mut self.scope {
            *component = domain;
        }
    }

    /// The class of an element of the peer's, given who it is; `None` for one
    /// that comes too late to mean anything.
    pub(super) fn admit(
        &mut self,
        element: &Element<'_>,
        class: ElementClass,
    ) -> Option<ElementClass> {
        use ElementClass as E;
        let asked_for = match class {
            E::DialbackResult(_) => self.is_result(element),
            E::DialbackVerified => match self.verifications.answered(element) {
                Reply::InTime => true,
                Reply::TooLate => return None,
                Reply::Unasked => false,
            },
            E::Stanza(_) => return Some(self.admit_stanza(element).map_or(class, E::Bad)),
            _ => true,
        };
        Some(match asked_for {
            true => class,
            false => E::Bad(Condition::InvalidFrom),
        })
    }

    /// Whether the application may send this element.
    pub(super) fn may_send(&self, element: &Element<'_>, content_ns: &str) -> bool {
        if self.scope == Scope::Open {
            return true;
        }
        if element.ns() != content_ns {
            return true;
        }
        let (Some(from), Some(to)) = (domain(element, "from"), domain(element, "to")) else {
            return false;
        };
        match &self.scope {
            Scope::Open | Scope::ComponentServer(_) => true,
            Scope::Sender => self.pair_of(&from, &to).is_some(),
            Scope::Receiver => false,
            Scope::Component(own) => is(own, &from),
        }
    }

    /// A pair is verified.
    pub(super) fn verified(&mut self, from: Jid, to: Jid, by: Proven) {
        if self.pair_of(from.domain(), to.domain()).is_none() {
            self.pairs.push(PairVerified { from, to, by });
        }
    }

    /// We have asked for this pair.
    pub(super) fn asks(&mut self, from: Jid, to: Jid) {
        self.asked = Some((from, to));
    }

    /// The pair that was asked for, if one was, is granted.
    pub(super) fn granted(&mut self) -> bool {
        let Some((from, to)) = self.asked.take() else {
            return false;
        };
        self.verified(from, to, Proven::Dialback);
        true
    }

    /// Asks the application.
    pub(super) fn question(
        &mut self,
        (from, to): (Jid, Jid),
        stream_id: &str,
        question: DialbackQuestion,
    ) {
        self.last_id = self.last_id.wrapping_add(1);
        self.questions.push(Question {
            request: DialbackRequest {
                id: RequestId(self.last_id),
                from,
                to,
                stream_id: stream_id.to_owned(),
                question,
            },
            state: State::Unannounced,
        });
    }

    /// Whether there is room for another question of the peer's.
    pub(super) fn has_room(&self) -> bool {
        let most = match self.pairs.is_empty() {
            true => self.most.min(QUESTIONS_OF_A_STRANGER),
            false => self.most,
        };
        self.pairs.len() + self.questions.len() < most
    }

    /// The next time something of this is too late.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.verifications.deadline()
    }

    /// What the application has not heard yet, once.
    pub(super) fn news(&mut self, now: Instant) -> Option<FederationNews> {
        if self.told < self.pairs.len() {
            self.told += 1;
            return Some(FederationNews::Pair(self.told - 1));
        }
        if self.verifications.miss(now) {
            return Some(FederationNews::Verdict);
        }
        let new = |question: &Question| matches!(question.state, State::Unannounced);
        let index = self.questions.iter().position(new)?;
        self.questions.get_mut(index)?.state = State::Open;
        Some(FederationNews::Request(index))
    }

    pub(super) fn pair(&self, index: usize) -> Option<&PairVerified> {
        self.pairs.get(index)
    }

    pub(super) fn request(&self, index: usize) -> Option<&DialbackRequest> {
        self.questions.get(index).map(|question| &question.request)
    }

    pub(super) const fn verdict(&self) -> Option<&KeyVerdict> {
        self.verifications.verdict()
    }

    /// An answer of the application's that the table has to be told.
    pub(super) fn answered(&mut self) -> Option<Input> {
        let (index, verdict) =
            self.questions
                .iter()
                .enumerate()
                .find_map(|(index, question)| match question.state {
                    State::Answered(verdict) => Some((index, verdict)),
                    State::Unannounced | State::Open => None,
                })?;
        let DialbackRequest {
            from,
            to,
            stream_id,
            question,
            ..
        } = self.questions.remove(index).request;
        Some(match question {
            DialbackQuestion::Verify(_) => self.settle_key((from, to), stream_id, verdict),
            DialbackQuestion::Authorize(_) | DialbackQuestion::MakeKey => {
                self.settle_pair((from, to), verdict)
            }
        })
    }

    /// What became of a pair that the peer asked for.
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
            DialbackVerdict::Valid => Pair::Accept,
            DialbackVerdict::Invalid => Pair::Refuse,
            DialbackVerdict::Error(_) => Pair::Fail,
        })
    }

    /// What became of a key.
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

    /// The stream is being closed: nobody waits any more.
    pub(super) fn lapse(&mut self) {
        self.questions.clear();
        self.verifications.clear();
        self.asked = None;
    }

    fn pair_of(&self, from: &str, to: &str) -> Option<&PairVerified> {
        self.pairs
            .iter()
            .find(|pair| is(&pair.from, from) && is(&pair.to, to))
    }

    /// Why a stanza is refused, if it is. Before anything is verified that is
    /// the table's to say.
    fn admit_stanza(&self, stanza: &Element<'_>) -> Option<Condition> {
        let from = domain(stanza, "from");
        let from = from.as_deref().unwrap_or_default();
        match &self.scope {
            Scope::Open | Scope::Component(_) | Scope::ComponentServer(None) => None,
            Scope::ComponentServer(Some(component)) if is(component, from) => None,
            Scope::ComponentServer(Some(_)) => Some(Condition::InvalidFrom),
            Scope::Sender | Scope::Receiver if self.pairs.is_empty() => None,
            // 4.5: stanzas come on a stream of the peer's own.
            Scope::Sender => Some(Condition::InvalidFrom),
            Scope::Receiver => {
                let to = domain(stanza, "to");
                let to = to.as_deref().unwrap_or_default();
                if self.pair_of(from, to).is_some() {
                    None
                } else if self.pairs.iter().any(|pair| is(&pair.from, from)) {
                    // 8.1.1.2
                    Some(Condition::HostUnknown)
                } else {
                    Some(Condition::InvalidFrom)
                }
            }
        }
    }

    /// Whether it answers the pair that we have asked for.
    fn is_result(&self, element: &Element<'_>) -> bool {
        match (DialbackElement::read(element), &self.asked) {
            (Some(Ok(answer)), Some((from, to))) => answer.from == *to && answer.to == *from,
            _ => false,
        }
    }

    fn find(&mut self, id: RequestId) -> Option<usize> {
        self.questions.iter().position(|question| {
            question.request.id == id && !matches!(question.state, State::Answered(_))
        })
    }
}

/// The domain in an address of a stanza.
fn domain<'a>(stanza: &Element<'a>, attribute: &str) -> Option<Cow<'a, str>> {
    match stanza.attr(attribute)? {
        Cow::Borrowed(address) => Jid::domain_in(address).map(Cow::Borrowed),
        Cow::Owned(address) => Jid::domain_in(&address).map(|domain| domain.to_owned().into()),
    }
}

fn is(known: &Jid, domain: &str) -> bool {
    known.domain().eq_ignore_ascii_case(domain)
}
