//! EXTERNAL (RFC 4422 appendix A, XEP-0178): the channel has authenticated.

use alloc::string::String;

use super::{
    Acceptor, AcceptorStep, Authzid, CredentialAnswer, CredentialQuery, LoginResult, Mechanism,
    MechanismName, MechanismStep, SaslError, Secret,
    acceptor::{accept_or_fail, read_authzid},
    one_message::{AcceptorTurn, ClientTurn},
};

/// The initiating side: the certificate shown to the server speaks for us.
#[derive(Debug)]
pub struct ExternalClient {
    authzid: Option<Authzid>,
    turn: ClientTurn<()>,
}

impl ExternalClient {
    /// Lets the server derive the identity from the certificate; right unless
    /// the certificate has several, or we act for somebody else (XEP-0178).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            authzid: None,
            turn: ClientTurn::Start(()),
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

    fn initial(&mut self) -> Result<Option<Secret>, SaslError> {
        let authzid = self.authzid.as_ref().map_or("", Authzid::as_str);
        self.turn.initial(|()| Ok(authzid.as_bytes().into()))
    }

    fn challenge(&mut self, _data: &[u8]) -> Result<MechanismStep, SaslError> {
        self.turn.challenge()
    }

    fn work(&mut self) -> Result<MechanismStep, SaslError> {
        self.turn.work()
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
        self.turn.success(data)
    }
}

/// The receiving side: asks the application whom the certificate speaks for.
#[derive(Debug)]
pub struct ExternalAcceptor {
    /// Keeps the identity asked for.
    turn: AcceptorTurn<Option<String>>,
}

impl ExternalAcceptor {
    /// To be used only on a connection with a client certificate.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            turn: AcceptorTurn::Start,
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
        self.turn.response(data, |data| {
            let authzid = read_authzid(data)?;
            Ok((authzid.clone(), CredentialQuery::External { authzid }))
        })
    }

    fn work(&mut self) -> AcceptorStep {
        self.turn.out_of_turn()
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        match self.turn.resume() {
            Some(authzid) => accept_or_fail(answer, authzid),
            None => self.turn.out_of_turn(),
        }
    }
}
