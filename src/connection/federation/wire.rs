//! What federation has said on the wire, and reads from it.

use super::{AnswerError, Scope, Settled, State};
use crate::close::AuthenticationFailure;
use crate::connection::link::Link;
use crate::dialback::DialbackKey;
use crate::event::{DialbackAnswer, DialbackQuestion, DialbackRequest, Proven, RequestId};
use crate::jid::Jid;
use crate::stream::DialbackCondition as DialbackError;
use crate::stream::dialback::{self, DialbackContent, DialbackElement, DialbackVerdict};
use crate::xml::Frame;

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
        let due = self.clock.now + self.limits.verify_timeout();
        self.federation.verifications.ask(from, to, id, due);
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
