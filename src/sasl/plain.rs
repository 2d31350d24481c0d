//! PLAIN (RFC 4616): the password in the clear, under TLS alone.
//!
//! When it may be used is decided elsewhere: [`select`](super::select()) takes
//! it only for a verified server, [`Advertisement`](super::Advertisement)
//! offers it only under TLS (RFC 6120 section 13.8.3).

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::{
    Acceptor, AcceptorStep, Authzid, CredentialAnswer, CredentialQuery, Decoy, Identity,
    LoginResult, MAX_MESSAGE, MAX_PASSWORD, MAX_USERNAME, Mechanism, MechanismName, MechanismStep,
    Password, SLICE, SaslCondition, SaslError, Secret, Username,
    acceptor::{Account, read_authzid},
    one_message::{AcceptorTurn, ClientTurn},
    password::check_prepared,
    scram::Derivation,
};

/// The initiating side.
#[derive(Debug)]
pub struct PlainClient {
    authzid: Option<Authzid>,
    username: Username,
    turn: ClientTurn<Password>,
}

impl PlainClient {
    /// One exchange; the password is wiped once it was handed over.
    #[must_use]
    pub const fn new(username: Username, password: Password) -> Self {
        Self {
            authzid: None,
            username,
            turn: ClientTurn::Start(password),
        }
    }

    /// Acts as `authzid`.
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
        self.turn
            .initial(|password| message(authzid, username, password.as_bytes()))
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

fn message(authzid: &str, username: &str, password: &[u8]) -> Result<Secret, SaslError> {
    let length = authzid.len() + 1 + username.len() + 1 + password.len();
    if length > MAX_MESSAGE {
        return Err(SaslError::TooLong);
    }
    // Exactly as long as needed: growing would leave the password behind.
    let mut message = Vec::with_capacity(length);
    message.extend_from_slice(authzid.as_bytes());
    message.push(0);
    message.extend_from_slice(username.as_bytes());
    message.push(0);
    message.extend_from_slice(password);
    Ok(message.into())
}

/// The receiving side.
///
/// The application may compare the password itself, or hand over the user's
/// SCRAM keys: then the password is salted and hashed here, in slices, and an
/// unknown user costs the same work as a known one. The password is used as
/// sent; whoever wants SASLprep applied on this side compares it itself.
pub struct PlainAcceptor {
    decoy: Decoy,
    turn: AcceptorTurn<Waiting>,
}

/// What is waited for.
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
    /// One exchange; `decoy` stands in for unknown users.
    #[must_use]
    pub const fn new(decoy: Decoy) -> Self {
        Self {
            decoy,
            turn: AcceptorTurn::Start,
        }
    }
}

impl Acceptor for PlainAcceptor {
    fn name(&self) -> &str {
        MechanismName::Plain.as_str()
    }

    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep {
        self.turn.response(data, read)
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        let Some(Waiting::Answer { password, authzid }) = self.turn.resume() else {
            return self.turn.out_of_turn();
        };
        if let CredentialAnswer::Accept { authcid } = answer {
            return AcceptorStep::Success {
                identity: Identity { authcid, authzid },
                data: None,
            };
        }
        match Account::from_answer(answer, &self.decoy, self.decoy.plain_hash()) {
            Ok(account) => {
                self.turn = AcceptorTurn::Waiting(Waiting::Derivation {
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
        }) = self.turn.resume()
        else {
            return self.turn.out_of_turn();
        };
        let Some(salted) = derivation.advance(SLICE) else {
            self.turn = AcceptorTurn::Waiting(Waiting::Derivation {
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
        let turn = match self.turn {
            AcceptorTurn::Start => "Start",
            AcceptorTurn::Prompted => "Prompted",
            AcceptorTurn::Waiting(Waiting::Answer { .. }) => "Asked",
            AcceptorTurn::Waiting(Waiting::Derivation { .. }) => "Deriving",
            AcceptorTurn::Over => "Over",
        };
        f.debug_struct("PlainAcceptor")
            .field("turn", &format_args!("{turn}"))
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
