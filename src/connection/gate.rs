//! Gates: questions that stop the stream until the application has answered.
//!
//! At most one is open. [`Event::Decision`](crate::Event::Decision) announces
//! it, [`Connection::decision`](crate::Connection::decision) gives the handle
//! that answers it, whenever the application has looked things up. Meanwhile
//! no further frame is taken and the deadline of the phase runs.
//!
//! TLS records are opened all the same, up to the next whole frame, so that a
//! renegotiation attempt does not have to wait for the answer. While SASL asks,
//! it is up to the next *byte* of text: a restart may follow, behind which the
//! same bytes mean something else (RFC 6120 4.3.3).

use alloc::string::String;
use alloc::sync::Arc;

use crate::config::HostConfig;
use crate::jid::Jid;
use crate::sasl::{self, Answer};
use crate::stream::{BindCondition as BindError, StreamError};

/// What is asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Question {
    /// Which host is this? Certificate, mechanisms and limits depend on it.
    Host {
        /// `to` of the peer's header (RFC 6120 4.7.2).
        to: Option<Jid>,
        /// `from` of the peer's header (4.7.1); before TLS not authentic.
        from: Option<Jid>,
        /// The server name of the TLS handshake, where TLS came first.
        sni: Option<String>,
    },
    /// SASL asks for a password's verdict, for keys, for an identity.
    Sasl(sasl::Question),
    /// May this resource be bound (7.6, 7.7)?
    Bind {
        /// Who was authenticated.
        identity: sasl::Identity,
        /// The resource the peer asks for.
        resource: Option<String>,
        /// A resource nobody can foretell.
        generated: String,
    },
}

/// A question, and the answer once there is one.
#[derive(Debug)]
pub(crate) struct Gate {
    question: Question,
    state: State,
}

#[derive(Debug)]
enum State {
    Unannounced,
    Open,
    Answered(Verdict),
}

/// The application's answer.
#[derive(Debug)]
pub(super) enum Verdict {
    Serve(Arc<HostConfig>),
    RefuseHost(StreamError),
    Sasl(Answer),
    Bind(Jid),
    RefuseBind(BindError),
}

impl Gate {
    pub(super) const fn new(question: Question) -> Self {
        Self {
            question,
            state: State::Unannounced,
        }
    }

    pub(super) const fn question(&self) -> &Question {
        &self.question
    }

    /// Whether SASL waits for the answer.
    pub(super) const fn is_sasl(&self) -> bool {
        matches!(self.question, Question::Sasl(_))
    }

    /// Whether the application has yet to be told; it is from now on.
    pub(super) fn announce(&mut self) -> bool {
        let first = matches!(self.state, State::Unannounced);
        if first {
            self.state = State::Open;
        }
        first
    }

    pub(super) const fn is_answered(&self) -> bool {
        matches!(self.state, State::Answered(_))
    }

    /// Question and answer; `None` gives the gate back to the caller's loss,
    /// so ask [`is_answered`](Self::is_answered) first.
    pub(super) fn into_verdict(self) -> Option<(Question, Verdict)> {
        match self.state {
            State::Answered(verdict) => Some((self.question, verdict)),
            State::Unannounced | State::Open => None,
        }
    }

    pub(super) fn answer(&mut self, verdict: Verdict) {
        self.state = State::Answered(verdict);
    }
}
