//! What we have asked authoritative servers, and what they say (XEP-0220
//! 2.1.2).
//!
//! An answer that is missed was asked for all the same: when it comes, it is no
//! offence, and nothing new. So the question is kept for it, and counts.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::KeyVerdict;
use crate::jid::Jid;
use crate::stream::DialbackCondition as DialbackError;
use crate::stream::dialback::{DialbackContent, DialbackElement, DialbackVerdict};
use crate::time::Instant;
use crate::xml::Element;

/// See the module.
#[derive(Debug)]
pub(super) struct Verifications {
    unanswered: Vec<Verification>,
    /// The last answer, or that there was none.
    verdict: Option<KeyVerdict>,
}

/// What an answer is.
pub(super) enum Reply {
    /// News.
    InTime,
    /// The application was told that there was none.
    TooLate,
    /// To no question of ours.
    Unasked,
}

#[derive(Debug)]
struct Verification {
    from: Jid,
    to: Jid,
    id: String,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Until then it is in time.
    Due(Instant),
    Missed,
}

impl Verifications {
    pub(super) const NONE: Self = Self {
        unanswered: Vec::new(),
        verdict: None,
    };

    /// A question was sent, and is to be answered until then.
    pub(super) fn ask(&mut self, from: &Jid, to: &Jid, id: &str, due: Instant) {
        self.unanswered.push(Verification {
            from: from.domain_only(),
            to: to.domain_only(),
            id: id.to_owned(),
            answer: Answer::Due(due),
        });
    }

    /// How many questions have no answer yet.
    pub(super) fn len(&self) -> usize {
        self.unanswered.len()
    }

    /// The next time an answer is too late.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = |question: &Verification| match question.answer {
            Answer::Due(at) => Some(at),
            Answer::Missed => None,
        };
        self.unanswered.iter().filter_map(due).min()
    }

    /// Takes an answer, which answers one question, once.
    pub(super) fn answered(&mut self, element: &Element<'_>) -> Reply {
        let Some(Ok(DialbackElement {
            from,
            to,
            content: DialbackContent::Verified { id, verdict },
        })) = DialbackElement::read(element)
        else {
            return Reply::Unasked;
        };
        let asked = |question: &Verification| {
            question.from == to && question.to == from && question.id == id
        };
        // A question that was asked again has the same answer.
        let due = |question: &Verification| asked(question) && question.answer != Answer::Missed;
        let index = self.unanswered.iter().position(due);
        let Some(index) = index.or_else(|| self.unanswered.iter().position(asked)) else {
            return Reply::Unasked;
        };
        let question = self.unanswered.remove(index);
        if question.answer == Answer::Missed {
            return Reply::TooLate;
        }
        self.verdict = Some(question.with(verdict));
        Reply::InTime
    }

    /// Gives up one answer that is too late by now, if there is one.
    pub(super) fn miss(&mut self, now: Instant) -> bool {
        let late =
            |question: &&mut Verification| matches!(question.answer, Answer::Due(at) if at <= now);
        let Some(question) = self.unanswered.iter_mut().find(late) else {
            return false;
        };
        question.answer = Answer::Missed;
        let none = DialbackVerdict::Error(DialbackError::RemoteServerTimeout);
        self.verdict = Some(question.with(none));
        true
    }

    pub(super) const fn verdict(&self) -> Option<&KeyVerdict> {
        self.verdict.as_ref()
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        self.unanswered.clear();
    }
}

impl Verification {
    fn with(&self, verdict: DialbackVerdict) -> KeyVerdict {
        KeyVerdict {
            from: self.from.clone(),
            to: self.to.clone(),
            stream_id: self.id.clone(),
            verdict,
        }
    }
}
