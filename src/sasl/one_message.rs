//! The states of mechanisms with a single message, which the initiating side sends (PLAIN,
//! EXTERNAL, ANONYMOUS).
//!
//! Both enums only decide which call is allowed when; a call at the wrong time ends the exchange.
//! What the message says is the business of the mechanism.

use super::{
    AcceptorStep, CredentialQuery, LoginResult, MechanismStep, SaslCondition, SaslError, Secret,
};

/// The initiating side. `M` is what the message is made from.
#[derive(Debug)]
pub(super) enum ClientState<M> {
    Start(M),
    Sent,
    Over,
}

impl<M> ClientState<M> {
    /// Returns the message, as the initial response.
    pub(super) fn initial(
        &mut self,
        message: impl FnOnce(M) -> Result<Secret, SaslError>,
    ) -> Result<Option<Secret>, SaslError> {
        match self.take() {
            Self::Start(parts) => {
                let message = message(parts)?;
                *self = Self::Sent;
                Ok(Some(message))
            }
            Self::Sent | Self::Over => Err(SaslError::OutOfSequence),
        }
    }

    /// Refuses any challenge, because the mechanism has none.
    pub(super) fn challenge(&mut self) -> Result<MechanismStep, SaslError> {
        match self.take() {
            Self::Sent => Err(SaslError::Unexpected),
            Self::Start(_) | Self::Over => Err(SaslError::OutOfSequence),
        }
    }

    /// Refuses to work, because there is nothing to compute.
    pub(super) fn work(&mut self) -> Result<MechanismStep, SaslError> {
        *self = Self::Over;
        Err(SaslError::OutOfSequence)
    }

    /// Takes `<success/>`, which must have no additional data.
    pub(super) fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
        match self.take() {
            Self::Sent => no_data(data),
            Self::Start(_) | Self::Over => Err(SaslError::OutOfSequence),
        }
    }

    const fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Over)
    }
}

/// Ends a mechanism that has no additional data with success.
pub(super) fn no_data(data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
    match data {
        None | Some([]) => Ok(LoginResult::server_unproven()),
        Some(_) => Err(SaslError::Unexpected),
    }
}

/// The receiving side. `W` is what is kept of the message while the application answers or a
/// derivation runs.
#[derive(Debug)]
pub(super) enum AcceptorState<W> {
    Start,
    /// `<auth/>` had no initial response, so an empty challenge was sent (RFC 6120 6.3.10).
    Prompted,
    Waiting(W),
    Over,
}

impl<W> AcceptorState<W> {
    /// Takes the message, from which `read` makes the query for the application.
    pub(super) fn response(
        &mut self,
        data: Option<&[u8]>,
        read: impl FnOnce(&[u8]) -> Result<(W, CredentialQuery), SaslCondition>,
    ) -> AcceptorStep {
        match (core::mem::replace(self, Self::Over), data) {
            (Self::Start, None) => {
                *self = Self::Prompted;
                AcceptorStep::Challenge(Secret::default())
            }
            (Self::Start | Self::Prompted, Some(data)) => match read(data) {
                Ok((waiting, question)) => {
                    *self = Self::Waiting(waiting);
                    AcceptorStep::Ask(question)
                }
                Err(condition) => AcceptorStep::Failure(condition),
            },
            (Self::Prompted, None) | (Self::Waiting(_) | Self::Over, _) => {
                AcceptorStep::Failure(SaslCondition::MalformedRequest)
            }
        }
    }

    /// Takes out what was kept. The state is then over unless the caller sets it again.
    pub(super) fn resume(&mut self) -> Option<W> {
        match core::mem::replace(self, Self::Over) {
            Self::Waiting(waiting) => Some(waiting),
            Self::Start | Self::Prompted | Self::Over => None,
        }
    }

    /// Fails a call at the wrong time, which is a mistake of our side.
    pub(super) fn out_of_turn(&mut self) -> AcceptorStep {
        *self = Self::Over;
        AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
    }
}
