//! EXTERNAL (RFC 4422 appendix A, XEP-0178): the channel has authenticated.

use alloc::string::String;

use super::{
    Acceptor, Answer, Authzid, Condition, Error, Mechanism, MechanismName, Outcome, Question,
    Secret, ServerStep, Step,
    acceptor::{accept_or_fail, read_authzid},
};

/// The initiating side: the certificate shown to the server speaks for us.
#[derive(Debug)]
pub struct ExternalClient {
    authzid: Option<Authzid>,
    phase: ClientPhase,
}

#[derive(Debug, PartialEq)]
enum ClientPhase {
    Start,
    Sent,
    Over,
}

impl ExternalClient {
    /// Lets the server derive the identity from the certificate; right unless
    /// the certificate has several, or we act for somebody else (XEP-0178).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            authzid: None,
            phase: ClientPhase::Start,
        }
    }

    /// Asks to be `authzid`.
    #[must_use]
    pub fn authzid(self, authzid: Authzid) -> Self {
        Self {
            authzid: Some(authzid),
            ..self
        }
    }
}

impl Default for ExternalClient {
    fn default() -> Self {
        Self::new()
    }
}

impl Mechanism for ExternalClient {
    fn name(&self) -> &str {
        MechanismName::External.as_str()
    }

    fn initial(&mut self) -> Result<Option<Secret>, Error> {
        match core::mem::replace(&mut self.phase, ClientPhase::Over) {
            ClientPhase::Start => {
                self.phase = ClientPhase::Sent;
                let authzid = self.authzid.as_ref().map_or("", Authzid::as_str);
                Ok(Some(authzid.as_bytes().into()))
            }
            ClientPhase::Sent | ClientPhase::Over => Err(Error::OutOfSequence),
        }
    }

    fn challenge(&mut self, _data: &[u8]) -> Result<Step, Error> {
        match core::mem::replace(&mut self.phase, ClientPhase::Over) {
            ClientPhase::Sent => Err(Error::Unexpected),
            ClientPhase::Start | ClientPhase::Over => Err(Error::OutOfSequence),
        }
    }

    fn work(&mut self) -> Result<Step, Error> {
        self.phase = ClientPhase::Over;
        Err(Error::OutOfSequence)
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<Outcome, Error> {
        match core::mem::replace(&mut self.phase, ClientPhase::Over) {
            ClientPhase::Sent => no_data(data),
            ClientPhase::Start | ClientPhase::Over => Err(Error::OutOfSequence),
        }
    }
}

/// The end of a mechanism that has no additional data with success.
pub(super) fn no_data(data: Option<&[u8]>) -> Result<Outcome, Error> {
    match data {
        None | Some([]) => Ok(Outcome::server_unproven()),
        Some(_) => Err(Error::Unexpected),
    }
}

/// The receiving side: asks the application whom the certificate speaks for.
#[derive(Debug)]
pub struct ExternalAcceptor {
    phase: AcceptorPhase,
}

#[derive(Debug)]
enum AcceptorPhase {
    Start,
    /// `<auth/>` had no initial response: an empty challenge went out (RFC
    /// 6120 section 6.3.10).
    Prompted,
    Asked(Option<String>),
    Over,
}

impl ExternalAcceptor {
    /// To be used only on a connection with a client certificate.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: AcceptorPhase::Start,
        }
    }
}

impl Default for ExternalAcceptor {
    fn default() -> Self {
        Self::new()
    }
}

impl Acceptor for ExternalAcceptor {
    fn name(&self) -> &str {
        MechanismName::External.as_str()
    }

    fn response(&mut self, data: Option<&[u8]>) -> ServerStep {
        match (
            core::mem::replace(&mut self.phase, AcceptorPhase::Over),
            data,
        ) {
            (AcceptorPhase::Start, None) => {
                self.phase = AcceptorPhase::Prompted;
                ServerStep::Challenge(Secret::default())
            }
            (AcceptorPhase::Start | AcceptorPhase::Prompted, Some(data)) => {
                match read_authzid(data) {
                    Ok(authzid) => {
                        self.phase = AcceptorPhase::Asked(authzid.clone());
                        ServerStep::Ask(Question::External { authzid })
                    }
                    Err(condition) => ServerStep::Failure(condition),
                }
            }
            (AcceptorPhase::Prompted, None)
            | (AcceptorPhase::Asked(_) | AcceptorPhase::Over, _) => {
                ServerStep::Failure(Condition::MalformedRequest)
            }
        }
    }

    fn work(&mut self) -> ServerStep {
        self.phase = AcceptorPhase::Over;
        ServerStep::Failure(Condition::TemporaryAuthFailure)
    }

    fn provide(&mut self, answer: Answer) -> ServerStep {
        match core::mem::replace(&mut self.phase, AcceptorPhase::Over) {
            AcceptorPhase::Asked(authzid) => accept_or_fail(answer, authzid),
            AcceptorPhase::Start | AcceptorPhase::Prompted | AcceptorPhase::Over => {
                ServerStep::Failure(Condition::TemporaryAuthFailure)
            }
        }
    }
}
