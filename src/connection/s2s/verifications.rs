//! The keys that this side has asked authoritative servers about, and their answers (XEP-0220
//! 2.1.2).
//!
//! An answer that arrives after its deadline was asked for all the same: it is no offence, and has
//! no effect. Because of that the question is kept until it arrives, and counts.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::KeyVerdict;
use crate::jid::Jid;
use crate::stream::dialback::{DialbackContent, DialbackElement, DialbackVerdict};
use crate::stream::{DialbackCondition, FirstLevelElement};
use crate::time::Instant;

/// The questions without an answer, and the last answer.
#[derive(Debug)]
pub(super) struct Verifications {
    unanswered: Vec<Verification>,
    /// The last answer, or that there was none.
    verdict: Option<KeyVerdict>,
}

/// What an answer is.
pub(super) enum Reply {
    /// It answers a question in time.
    InTime,
    /// The application was told before that there was none.
    TooLate,
    /// It answers no question of this side.
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
    /// It is in time until then.
    Due(Instant),
    /// It did not arrive in time.
    Missed,
}

impl Verifications {
    pub(super) const NONE: Self = Self {
        unanswered: Vec::new(),
        verdict: None,
    };

    /// Records a question that was sent, and whose answer is due at `due`.
    pub(super) fn ask(&mut self, from: &Jid, to: &Jid, id: &str, due: Instant) {
        self.unanswered.push(Verification {
            from: from.domain_only(),
            to: to.domain_only(),
            id: id.to_owned(),
            answer: Answer::Due(due),
        });
    }

    /// How many questions have no answer.
    pub(super) fn len(&self) -> usize {
        self.unanswered.len()
    }

    /// The next time at which an answer is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = |question: &Verification| match question.answer {
            Answer::Due(at) => Some(at),
            Answer::Missed => None,
        };
        self.unanswered.iter().filter_map(due).min()
    }

    /// Takes an answer. It answers one question, once.
    pub(super) fn answer(&mut self, element: &FirstLevelElement<'_>) -> Reply {
        let Some(DialbackElement {
            from,
            to,
            content: DialbackContent::Verified { id, verdict },
        }) = element.dialback()
        else {
            return Reply::Unasked;
        };
        let asked = |question: &Verification| {
            question.from == *to && question.to == *from && question.id == *id
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
        self.verdict = Some(question.with(*verdict));
        Reply::InTime
    }

    /// Gives up one answer that is overdue, if there is one.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let overdue =
            |question: &&mut Verification| matches!(question.answer, Answer::Due(at) if at <= now);
        let Some(question) = self.unanswered.iter_mut().find(overdue) else {
            return false;
        };
        question.answer = Answer::Missed;
        let none = DialbackVerdict::Error(DialbackCondition::RemoteServerTimeout);
        self.verdict = Some(question.with(none));
        true
    }

    pub(super) const fn verdict(&self) -> Option<&KeyVerdict> {
        self.verdict.as_ref()
    }

    /// Drops every question.
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
