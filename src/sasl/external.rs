//! EXTERNAL: the TLS layer has authenticated the peer by its certificate (RFC 4422 A, XEP-0178).
//!
//! This file holds both sides. Which identities a certificate has is decided by the caller.

use alloc::string::String;

use super::acceptor::{accept_or_fail, read_authzid};
use super::one_message::{AcceptorState, ClientState};
use super::{
    Acceptor, AcceptorStep, Authzid, CredentialAnswer, CredentialQuery, LoginResult, Mechanism,
    MechanismName, MechanismStep, SaslError, Secret,
};

/// The initiating side of EXTERNAL: the certificate that was sent to the server speaks for this
/// side.
#[derive(Debug)]
pub struct ExternalClient {
    authzid: Option<Authzid>,
    state: ClientState<()>,
}

impl ExternalClient {
    /// Lets the server derive the identity from the certificate. That suits unless the certificate
    /// has several identities, or this side acts for somebody else (XEP-0178).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            authzid: None,
            state: ClientState::Start(()),
        }
    }

    /// Asks to act as `authzid`.
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

    fn initial(&mut self) -> Result<Option<Secret>, SaslError> {
        let authzid = self.authzid.as_ref().map_or("", Authzid::as_str);
        self.state.initial(|()| Ok(authzid.as_bytes().into()))
    }

    fn challenge(&mut self, _data: &[u8]) -> Result<MechanismStep, SaslError> {
        self.state.challenge()
    }

    fn work(&mut self) -> Result<MechanismStep, SaslError> {
        self.state.work()
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
        self.state.success(data)
    }
}

/// The receiving side of EXTERNAL, which asks the application for whom the certificate speaks.
#[derive(Debug)]
pub struct ExternalAcceptor {
    /// Keeps the identity asked for.
    state: AcceptorState<Option<String>>,
}

impl ExternalAcceptor {
    /// Starts an exchange. Use it only on a connection with a client certificate.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AcceptorState::Start,
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

    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep {
        self.state.response(data, |data| {
            let authzid = read_authzid(data)?;
            Ok((authzid.clone(), CredentialQuery::External { authzid }))
        })
    }

    fn work(&mut self) -> AcceptorStep {
        self.state.out_of_turn()
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        match self.state.resume() {
            Some(authzid) => accept_or_fail(answer, authzid),
            None => self.state.out_of_turn(),
        }
    }
}
