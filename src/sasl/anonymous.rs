//! ANONYMOUS: the peer has no identity (RFC 4505, XEP-0175).
//!
//! This file holds both sides. The application decides whether anonymous users are admitted, and
//! how they are called.

use super::acceptor::accept_or_fail;
use super::one_message::{AcceptorState, no_data};
use super::{
    Acceptor, AcceptorStep, CredentialAnswer, CredentialQuery, LoginResult, Mechanism,
    MechanismName, MechanismStep, SaslCondition, SaslError, Secret,
};

/// The most characters of trace data (RFC 4505 2).
const MAX_TRACE: usize = 255;

/// The initiating side of ANONYMOUS.
///
/// It sends no trace data and no initial response, because XEP-0175 recommends an empty `<auth/>`.
#[derive(Debug)]
pub struct AnonymousClient {
    phase: ClientPhase,
}

#[derive(Debug)]
enum ClientPhase {
    Start,
    Sent,
    /// The server asked for a message and got an empty one.
    Answered,
    Over,
}

impl AnonymousClient {
    /// Starts an exchange.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: ClientPhase::Start,
        }
    }
}

impl Default for AnonymousClient {
    fn default() -> Self {
        Self::new()
    }
}

impl Mechanism for AnonymousClient {
    fn name(&self) -> &str {
        MechanismName::Anonymous.as_str()
    }

    fn initial(&mut self) -> Result<Option<Secret>, SaslError> {
        match core::mem::replace(&mut self.phase, ClientPhase::Over) {
            ClientPhase::Start => {
                self.phase = ClientPhase::Sent;
                Ok(None)
            }
            ClientPhase::Sent | ClientPhase::Answered | ClientPhase::Over => {
                Err(SaslError::OutOfSequence)
            }
        }
    }

    fn challenge(&mut self, data: &[u8]) -> Result<MechanismStep, SaslError> {
        match core::mem::replace(&mut self.phase, ClientPhase::Over) {
            ClientPhase::Sent if data.is_empty() => {
                self.phase = ClientPhase::Answered;
                Ok(MechanismStep::Respond(Secret::default()))
            }
            ClientPhase::Sent | ClientPhase::Answered => Err(SaslError::Unexpected),
            ClientPhase::Start | ClientPhase::Over => Err(SaslError::OutOfSequence),
        }
    }

    fn work(&mut self) -> Result<MechanismStep, SaslError> {
        self.phase = ClientPhase::Over;
        Err(SaslError::OutOfSequence)
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
        match core::mem::replace(&mut self.phase, ClientPhase::Over) {
            ClientPhase::Sent | ClientPhase::Answered => no_data(data),
            ClientPhase::Start | ClientPhase::Over => Err(SaslError::OutOfSequence),
        }
    }
}

/// The receiving side of ANONYMOUS.
///
/// An empty `<auth/>` counts as no trace data, and no challenge asks for it again (XEP-0175).
#[derive(Debug)]
pub struct AnonymousAcceptor {
    state: AcceptorState<()>,
}

impl AnonymousAcceptor {
    /// Starts an exchange.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AcceptorState::Start,
        }
    }
}

impl Default for AnonymousAcceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptor for AnonymousAcceptor {
    fn name(&self) -> &str {
        MechanismName::Anonymous.as_str()
    }

    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep {
        let trace = data.unwrap_or_default();
        self.state
            .response(Some(trace), |trace| match core::str::from_utf8(trace) {
                Ok(trace) if is_trace(trace) => {
                    let trace = (!trace.is_empty()).then(|| trace.into());
                    Ok(((), CredentialQuery::Anonymous { trace }))
                }
                Ok(_) | Err(_) => Err(SaslCondition::MalformedRequest),
            })
    }

    fn work(&mut self) -> AcceptorStep {
        self.state.out_of_turn()
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        match self.state.resume() {
            Some(()) => accept_or_fail(answer, None),
            None => self.state.out_of_turn(),
        }
    }
}

fn is_trace(text: &str) -> bool {
    text.chars().count() <= MAX_TRACE && !text.chars().any(char::is_control)
}
