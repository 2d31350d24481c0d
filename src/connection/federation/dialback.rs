//! What dialback waits for: questions of the peer's to our application,
//! questions of ours to the peer (XEP-0220).

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{Federation, Scope};
use crate::close::AuthenticationFailure;
use crate::connection::link::Link;
use crate::dialback::DialbackKey;
use crate::event::{
    DialbackAnswer, DialbackQuestion, DialbackRequest, KeyVerdict, Proven, RequestId,
};
use crate::jid::Jid;
use crate::stream::dialback::{self, DialbackContent, DialbackElement, DialbackVerdict};
use crate::stream::{DialbackError, Input, Pair};
use crate::xml::{Element, Frame};

/// How many questions of a peer that has proved nothing may wait.
const QUESTIONS_OF_A_STRANGER: usize = 4;

#[derive(Debug)]
pub(super) struct Question {
    pub(super) request: DialbackRequest,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Unannounced,
    Open,
    Answered(DialbackVerdict),
}

#[derive(Debug)]
pub(super) struct Settled {
    from: Jid,
    to: Jid,
    /// Of `<db:verify/>`.
    id: Option<String>,
    verdict: DialbackVerdict,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verification {
    from: Jid,
    to: Jid,
    id: String,
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

impl Federation {
    /// We have asked for this pair.
    pub(in crate::connection) fn asks(&mut self, from: Jid, to: Jid) {
        self.asked = Some((from, to));
    }

    /// The pair that was asked for, if one was, is granted.
    pub(in crate::connection) fn granted(&mut self) -> bool {
        let Some((from, to)) = self.asked.take() else {
            return false;
        };
        self.verified(from, to, Proven::Dialback);
        true
    }

    /// Asks the application.
    pub(in crate::connection) fn question(
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
    pub(in crate::connection) fn has_room(&self) -> bool {
        let most = match self.pairs.is_empty() {
            true => self.most.min(QUESTIONS_OF_A_STRANGER),
            false => self.most,
        };
        self.pairs.len() + self.questions.len() < most
    }

    /// An answer of the application's that the table has to be told.
    pub(in crate::connection) fn answered(&mut self) -> Option<Input> {
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
    pub(in crate::connection) fn settle_pair(
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
    pub(in crate::connection) fn settle_key(
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
    pub(in crate::connection) fn lapse(&mut self) {
        self.questions.clear();
        self.verifications.clear();
        self.asked = None;
    }

    /// Whether it answers the pair that we have asked for.
    pub(super) fn is_result(&self, element: &Element<'_>) -> bool {
        match (DialbackElement::read(element), &self.asked) {
            (Some(Ok(answer)), Some((from, to))) => answer.from == *to && answer.to == *from,
            _ => false,
        }
    }

    /// Whether it answers a question of ours, which it then does once.
    pub(super) fn note_verdict(&mut self, element: &Element<'_>) -> bool {
        let Some(Ok(DialbackElement {
            from,
            to,
            content: DialbackContent::Verified { id, verdict },
        })) = DialbackElement::read(element)
        else {
            return false;
        };
        let asked = |question: &Verification| {
            question.from == to && question.to == from && question.id == id
        };
        let Some(index) = self.verifications.iter().position(asked) else {
            return false;
        };
        let Verification { from, to, id } = self.verifications.remove(index);
        self.verdict = Some(KeyVerdict {
            from,
            to,
            stream_id: id,
            verdict,
        });
        true
    }

    fn find(&mut self, id: RequestId) -> Option<usize> {
        self.questions.iter().position(|question| {
            question.request.id == id && !matches!(question.state, State::Answered(_))
        })
    }
}

impl Link {
    /// Takes an answer of the application's.
    pub(in crate::connection) fn answer_request(
        &mut self,
        id: RequestId,
        answer: DialbackAnswer,
    ) -> Result<(), AnswerError> {
        let federation = &mut self.federation;
        let index = federation.find(id).ok_or(AnswerError::Unknown)?;
        let question = federation.questions.get_mut(index);
        let question = question.ok_or(AnswerError::Unknown)?;
        let makes_key = question.request.question == DialbackQuestion::MakeKey;
        let verdict = match (makes_key, answer) {
            (true, DialbackAnswer::Key(key)) => {
                let DialbackRequest { from, to, .. } = federation.questions.remove(index).request;
                self.request_pair(from, to, &key);
                return Ok(());
            }
            (false, DialbackAnswer::Valid) => DialbackVerdict::Valid,
            (false, DialbackAnswer::Invalid) => DialbackVerdict::Invalid,
            (false, DialbackAnswer::Error(error)) => DialbackVerdict::Error(error),
            _ => return Err(AnswerError::Mismatch),
        };
        question.state = State::Answered(verdict);
        Ok(())
    }

    /// Asks for the own pair (XEP-0220 2.1.1).
    pub(in crate::connection) fn request_pair(&mut self, from: Jid, to: Jid, key: &DialbackKey) {
        self.say(|out| dialback::write_request(out, from.domain(), to.domain(), key));
        self.federation.asks(from, to);
    }

    /// Whether another key can be asked about here.
    pub(in crate::connection) fn can_verify(&self) -> Option<usize> {
        let federation = &self.federation;
        (federation.scope == Scope::Sender).then(|| {
            federation
                .most
                .saturating_sub(federation.verifications.len())
        })
    }

    /// It was asked about.
    pub(in crate::connection) fn asked_about(&mut self, from: &Jid, to: &Jid, id: &str) {
        self.federation.verifications.push(Verification {
            from: from.domain_only(),
            to: to.domain_only(),
            id: id.to_owned(),
        });
    }

    /// The question of dialback that was just read.
    pub(in crate::connection) fn dialback_element(&self) -> Option<DialbackElement<'_>> {
        match self.framer.frame() {
            Some(Frame::Element(element)) => DialbackElement::read(&element)?.ok(),
            _ => None,
        }
    }

    /// Why our pair was not granted, if that is what was just read.
    pub(in crate::connection) fn refused_pair(&self) -> Option<AuthenticationFailure> {
        match self.dialback_element()?.content {
            DialbackContent::Result(verdict) => Some(AuthenticationFailure::Dialback(verdict)),
            _ => None,
        }
    }

    /// Writes what became of the question, and returns what was written. With
    /// `mild` an invalid key is an error, behind which the stream goes on.
    pub(in crate::connection) fn say_settled(&mut self, mild: bool) -> Option<DialbackVerdict> {
        let Settled {
            from,
            to,
            id,
            verdict,
        } = self.federation.settled.take()?;
        let verdict = match (verdict, mild) {
            // 2.2.1
            (DialbackVerdict::Invalid, true) => DialbackVerdict::Error(DialbackError::Forbidden),
            (verdict, _) => verdict,
        };
        if (verdict, &id) == (DialbackVerdict::Valid, &None) {
            self.federation
                .verified(from.clone(), to.clone(), Proven::Dialback);
        }
        let (from, to) = (from.domain(), to.domain());
        self.say(|out| match &id {
            None => dialback::write_result(out, to, from, verdict),
            Some(id) => dialback::write_verified(out, to, from, id, verdict),
        });
        Some(verdict)
    }
}
