//! The part of a SASL exchange that both roles share: the running mechanism, its name, the work it
//! has left and the data it wants sent. What a role makes of a step is the role's own matter
//! (`initiator::login`, `responder::login`).

use alloc::boxed::Box;

use crate::sasl::{FastMechanism, MechanismName, Secret};

/// A SASL exchange with a mechanism of the initiating or of the receiving side.
pub(super) struct Exchange<M: ?Sized> {
    state: State<M>,
    name: Option<ExchangeName>,
    /// The data of the next `<response/>`, `<challenge/>` or `<success/>`.
    reply: Option<Secret>,
}

/// The mechanism of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExchangeName {
    /// One of those that are listed for everybody.
    Listed(MechanismName),
    /// One of FAST, with a token (XEP-0484).
    Token(FastMechanism),
}

impl ExchangeName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Listed(name) => name.as_str(),
            Self::Token(mechanism) => mechanism.as_str(),
        }
    }
}

enum State<M: ?Sized> {
    /// No mechanism runs.
    Idle,
    /// The mechanism waits: for the peer, or for the application.
    Waiting(Box<M>),
    /// The mechanism has a slice of work left.
    Working(Box<M>),
}

impl<M: ?Sized> Exchange<M> {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            name: None,
            reply: None,
        }
    }

    /// Starts with this mechanism.
    pub(super) fn begin(&mut self, name: ExchangeName, mechanism: Box<M>) {
        *self = Self {
            state: State::Waiting(mechanism),
            name: Some(name),
            reply: None,
        };
    }

    /// The mechanism that runs, or ran last.
    pub(super) const fn mechanism(&self) -> Option<ExchangeName> {
        self.name
    }

    /// The mechanism of the token that is used, if one is.
    pub(super) const fn token(&self) -> Option<FastMechanism> {
        match self.name {
            Some(ExchangeName::Token(mechanism)) => Some(mechanism),
            Some(ExchangeName::Listed(_)) | None => None,
        }
    }

    /// The name as it is written; empty if there is none.
    pub(super) fn name(&self) -> &'static str {
        self.name.map_or("", ExchangeName::as_str)
    }

    /// Takes the mechanism for one call, after which [`wait`](Self::wait) or [`work`](Self::work)
    /// gives it back, or nobody does: the exchange is over then.
    pub(super) fn take(&mut self) -> Option<Box<M>> {
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Idle => None,
            State::Waiting(mechanism) | State::Working(mechanism) => Some(mechanism),
        }
    }

    /// Goes on when the peer or the application has answered.
    pub(super) fn wait(&mut self, mechanism: Box<M>) {
        self.state = State::Waiting(mechanism);
    }

    /// Goes on at the next slice of work.
    pub(super) fn work(&mut self, mechanism: Box<M>) {
        self.state = State::Working(mechanism);
    }

    /// Ends the exchange.
    pub(super) fn end(&mut self) {
        self.state = State::Idle;
        self.reply = None;
    }

    /// Whether the mechanism has a slice of work left.
    pub(super) const fn is_working(&self) -> bool {
        matches!(self.state, State::Working(_))
    }

    /// Keeps the data for the next element.
    pub(super) fn set_reply(&mut self, reply: Option<Secret>) {
        self.reply = reply;
    }

    /// The data for the next element, once.
    pub(super) fn take_reply(&mut self) -> Option<Secret> {
        self.reply.take()
    }
}

/// Shows the state without the secrets.
impl<M: ?Sized> core::fmt::Debug for Exchange<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::Waiting(_) => "waiting",
            State::Working(_) => "working",
        };
        f.debug_struct("Exchange")
            .field("name", &self.name)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
