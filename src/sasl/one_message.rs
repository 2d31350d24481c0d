//! Where the two sides of a mechanism stand whose only message comes from the
//! initiating side (PLAIN, EXTERNAL, ANONYMOUS): what may happen when, and what
//! is out of turn. Whatever is out of turn ends the exchange.

use super::{
    AcceptorStep, CredentialQuery, LoginResult, MechanismStep, SaslCondition, SaslError, Secret,
};

/// The initiating side. `M` is what the message is made of.
#[derive(Debug)]
pub(super) enum ClientTurn<M> {
    Start(M),
    Sent,
    Over,
}

impl<M> ClientTurn<M> {
    /// The message, as initial response.
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

    /// There is nothing to be asked.
    pub(super) fn challenge(&mut self) -> Result<MechanismStep, SaslError> {
        match self.take() {
            Self::Sent => Err(SaslError::Unexpected),
            Self::Start(_) | Self::Over => Err(SaslError::OutOfSequence),
        }
    }

    /// There is nothing to be computed.
    pub(super) fn work(&mut self) -> Result<MechanismStep, SaslError> {
        *self = Self::Over;
        Err(SaslError::OutOfSequence)
    }

    /// `<success/>`, without additional data.
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

/// The end of a mechanism that has no additional data with success.
pub(super) fn no_data(data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
    match data {
        None | Some([]) => Ok(LoginResult::server_unproven()),
        Some(_) => Err(SaslError::Unexpected),
    }
}

/// The receiving side. `W` is what is kept of the message while the
/// application, or a derivation, is waited for.
#[derive(Debug)]
pub(super) enum AcceptorTurn<W> {
    Start,
    /// `<auth/>` had no initial response: an empty challenge went out (RFC
    /// 6120 section 6.3.10).
    Prompted,
    Waiting(W),
    Over,
}

impl<W> AcceptorTurn<W> {
    /// The message, from which `read` makes the question for the application.
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

    /// What was waiting, and is not any more.
    pub(super) fn resume(&mut self) -> Option<W> {
        match core::mem::replace(self, Self::Over) {
            Self::Waiting(waiting) => Some(waiting),
            Self::Start | Self::Prompted | Self::Over => None,
        }
    }

    /// There is nothing to be computed, or to be answered: our own mistake.
    pub(super) fn out_of_turn(&mut self) -> AcceptorStep {
        *self = Self::Over;
        AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
    }
}
