//! PLAIN: the password itself, protected only by TLS (RFC 4616).
//!
//! When it may be used is decided elsewhere: [`select`](super::select()) takes it only for a
//! verified server, and [`Advertisement`](super::Advertisement) offers it only under TLS (RFC 6120
//! 13.8.3). This file holds both sides and the syntax of the message.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::acceptor::{Account, read_authzid};
use super::hash::Derivation;
use super::one_message::{AcceptorState, ClientState};
use super::password::check_prepared;
use super::{
    Acceptor, AcceptorStep, Authzid, CredentialAnswer, CredentialQuery, Decoy, Identity,
    LoginResult, MAX_MESSAGE, MAX_PASSWORD, MAX_USERNAME, Mechanism, MechanismName, MechanismStep,
    Password, SLICE, SaslCondition, SaslError, Secret, Username,
};

/// The initiating side of PLAIN.
#[derive(Debug)]
pub struct PlainClient {
    authzid: Option<Authzid>,
    username: Username,
    state: ClientState<Password>,
}

impl PlainClient {
    /// Starts an exchange. The password is wiped after it was sent.
    #[must_use]
    pub const fn new(username: Username, password: Password) -> Self {
        Self {
            authzid: None,
            username,
            state: ClientState::Start(password),
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

impl Mechanism for PlainClient {
    fn name(&self) -> &str {
        MechanismName::Plain.as_str()
    }

    fn initial(&mut self) -> Result<Option<Secret>, SaslError> {
        let authzid = self.authzid.as_ref().map_or("", Authzid::as_str);
        let username = self.username.as_str();
        self.state
            .initial(|password| message(authzid, username, password.as_bytes()))
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

fn message(authzid: &str, username: &str, password: &[u8]) -> Result<Secret, SaslError> {
    let length = authzid.len() + 1 + username.len() + 1 + password.len();
    if length > MAX_MESSAGE {
        return Err(SaslError::TooLong);
    }
    // Because a vector that grows would leave copies of the password, it gets its final capacity.
    let mut message = Vec::with_capacity(length);
    message.extend_from_slice(authzid.as_bytes());
    message.push(0);
    message.extend_from_slice(username.as_bytes());
    message.push(0);
    message.extend_from_slice(password);
    Ok(message.into())
}

/// The receiving side of PLAIN.
///
/// The application either compares the password, or gives the user's SCRAM keys. In the latter case
/// the password is salted and hashed here, in slices, and an unknown user costs the same work as a
/// known one. The password is used as sent; an application that wants SASLprep on this side
/// compares it itself.
pub struct PlainAcceptor {
    decoy: Decoy,
    state: AcceptorState<Waiting>,
}

/// What is kept of the message.
enum Waiting {
    Answer {
        password: Secret,
        authzid: Option<String>,
    },
    Derivation {
        derivation: Derivation,
        account: Account,
        authzid: Option<String>,
    },
}

impl PlainAcceptor {
    /// Starts an exchange. `decoy` takes the place of unknown users.
    #[must_use]
    pub const fn new(decoy: Decoy) -> Self {
        Self {
            decoy,
            state: AcceptorState::Start,
        }
    }
}

impl Acceptor for PlainAcceptor {
    fn name(&self) -> &str {
        MechanismName::Plain.as_str()
    }

    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep {
        self.state.response(data, read)
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        let Some(Waiting::Answer { password, authzid }) = self.state.resume() else {
            return self.state.out_of_turn();
        };
        if let CredentialAnswer::Accept { authcid } = answer {
            return AcceptorStep::Success {
                identity: Identity { authcid, authzid },
                data: None,
                token: None,
            };
        }
        match Account::from_answer(answer, &self.decoy, self.decoy.plain_hash()) {
            Ok(account) => {
                self.state = AcceptorState::Waiting(Waiting::Derivation {
                    derivation: account.keys.derivation(password.as_bytes()),
                    account,
                    authzid,
                });
                AcceptorStep::Working
            }
            Err(condition) => AcceptorStep::Failure(condition),
        }
    }

    fn work(&mut self) -> AcceptorStep {
        let Some(Waiting::Derivation {
            mut derivation,
            account,
            authzid,
        }) = self.state.resume()
        else {
            return self.state.out_of_turn();
        };
        let Some(salted) = derivation.advance(SLICE) else {
            self.state = AcceptorState::Waiting(Waiting::Derivation {
                derivation,
                account,
                authzid,
            });
            return AcceptorStep::Working;
        };
        let proven = account.keys.fits(&salted);
        account.conclude(proven, authzid, None)
    }
}

impl fmt::Debug for PlainAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            AcceptorState::Start => "Start",
            AcceptorState::Prompted => "Prompted",
            AcceptorState::Waiting(Waiting::Answer { .. }) => "Asked",
            AcceptorState::Waiting(Waiting::Derivation { .. }) => "Deriving",
            AcceptorState::Over => "Over",
        };
        f.debug_struct("PlainAcceptor")
            .field("state", &format_args!("{state}"))
            .finish_non_exhaustive()
    }
}

fn read(data: &[u8]) -> Result<(Waiting, CredentialQuery), SaslCondition> {
    let message = Message::parse(data)?;
    let authzid = read_authzid(message.authzid)?;
    let user = text(message.user, MAX_USERNAME)?;
    let password = text(message.password, MAX_PASSWORD)?;
    let waiting = Waiting::Answer {
        password: password.as_bytes().into(),
        authzid: authzid.clone(),
    };
    let question = CredentialQuery::Password {
        authcid: user.into(),
        password: password.as_bytes().into(),
        authzid,
    };
    Ok((waiting, question))
}

struct Message<'a> {
    authzid: &'a [u8],
    user: &'a [u8],
    password: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(data: &'a [u8]) -> Result<Self, SaslCondition> {
        if data.len() > MAX_MESSAGE {
            return Err(SaslCondition::MalformedRequest);
        }
        let mut parts = data.split(|octet| *octet == 0);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(authzid), Some(user), Some(password), None) => Ok(Self {
                authzid,
                user,
                password,
            }),
            _ => Err(SaslCondition::MalformedRequest),
        }
    }
}

fn text(octets: &[u8], limit: usize) -> Result<&str, SaslCondition> {
    let text = core::str::from_utf8(octets).map_err(|_| SaslCondition::MalformedRequest)?;
    check_prepared(text, limit).map_err(|_| SaslCondition::MalformedRequest)?;
    Ok(text)
}
