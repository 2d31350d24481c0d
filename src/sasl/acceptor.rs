//! The receiving side of SASL: its dialogue with the application.
//!
//! An [`Acceptor`] asks the application a [`CredentialQuery`] and takes a [`CredentialAnswer`]. The
//! functions at the end are shared by the mechanisms. An answer must never reveal whether a user
//! exists; keep that when a query or an answer is added.

use alloc::string::String;
use core::fmt;

use super::password::check_prepared;
use super::{
    Decoy, FastMechanism, Hash, MAX_AUTHZID, SaslCondition, ScramKeys, Secret, StoredTokens,
    TokenSlot,
};

/// The receiving side of one SASL exchange (RFC 4422 3).
///
/// After [`AcceptorStep::Ask`] the next call is [`provide`](Self::provide), after
/// [`AcceptorStep::Working`] it is [`work`](Self::work), and after [`AcceptorStep::Challenge`] it
/// is [`response`](Self::response). A response at any other time fails with `malformed-request`.
/// Any other call at the wrong time, or an answer that does not fit the query, fails with
/// `temporary-auth-failure`. A failure is final: every later call fails too.
pub trait Acceptor: Send + fmt::Debug {
    /// Returns the IANA name of the mechanism.
    fn name(&self) -> &str;

    /// Takes the decoded data of `<auth/>` (`None` if it had none, not even `=`) or of a
    /// `<response/>` (always `Some`).
    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep;

    /// Does one bounded slice of the work that [`AcceptorStep::Working`] announced.
    fn work(&mut self) -> AcceptorStep;

    /// Takes the application's answer to [`AcceptorStep::Ask`].
    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep;
}

/// What an [`Acceptor`] needs next. It is exhaustive on purpose, like
/// [`MechanismStep`](super::MechanismStep).
#[must_use]
#[derive(Debug)]
pub enum AcceptorStep {
    /// Send this in a `<challenge/>`.
    Challenge(Secret),
    /// Ask the application, then call [`Acceptor::provide`].
    Ask(CredentialQuery),
    /// Call [`Acceptor::work`].
    Working,
    /// The peer is authenticated: send `<success/>`.
    Success {
        /// The authenticated identity.
        identity: Identity,
        /// The additional data of `<success/>`.
        data: Option<Secret>,
        /// The token that the peer logged in with, if the mechanism is one of FAST. The tokens are
        /// rotated by it ([`StoredTokens::after_use`]).
        token: Option<TokenSlot>,
    },
    /// Send `<failure/>` with this condition.
    Failure(SaslCondition),
}

/// Who has been authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The authentication identity, in the form that the application gave in its
    /// [`CredentialAnswer`].
    pub authcid: String,
    /// The authorization identity as the peer sent it, which the application has accepted. An empty
    /// one counts as none (RFC 6120 6.3.8).
    pub authzid: Option<String>,
}

/// What the application must look up.
///
/// Names are as the peer sent them, neither prepared nor checked. Prepare them (SASLprep, or the
/// rules of the accounts) before the lookup.
#[non_exhaustive]
#[derive(Debug)]
pub enum CredentialQuery {
    /// PLAIN asks whether this is the password of this user. Answer with [`CredentialAnswer::Keys`]
    /// to have it compared with stored SCRAM keys, or compare it and answer
    /// [`CredentialAnswer::Accept`] or `Reject(NotAuthorized)`.
    Password {
        /// The user.
        authcid: String,
        /// The password, as sent.
        password: Secret,
        /// The entity to act as, if it is another one.
        authzid: Option<String>,
    },
    /// SCRAM asks for the user's stored keys for this hash.
    ScramKeys {
        /// The user.
        username: String,
        /// The entity to act as, if it is another one.
        authzid: Option<String>,
        /// The hash the keys must be for.
        hash: Hash,
    },
    /// EXTERNAL asks for whom the channel (the client's certificate) speaks. If the certificate has
    /// several identities and there is no `authzid` to choose by, answer `invalid-authzid`
    /// (XEP-0178).
    External {
        /// The entity to act as, if given.
        authzid: Option<String>,
    },
    /// ANONYMOUS asks whether an anonymous user is admitted, and under which temporary name.
    Anonymous {
        /// The trace data, to be used only for tracing (XEP-0175).
        trace: Option<String>,
    },
    /// A mechanism of FAST asks for the tokens of this client: of the user, and of the
    /// `<user-agent/>` of its request (XEP-0484 4.1). Answer with [`CredentialAnswer::Tokens`].
    Token {
        /// The user.
        username: String,
        /// The mechanism that the client uses. A token for another one is not accepted.
        mechanism: FastMechanism,
        /// The id of the client's `<user-agent/>`, if it gave one. A client without one has no tokens
        /// (XEP-0484 4.1).
        client: Option<String>,
    },
}

/// The application's answer to a [`CredentialQuery`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum CredentialAnswer {
    /// PLAIN, EXTERNAL, ANONYMOUS: accepts the peer, also as the `authzid` it asked for.
    Accept {
        /// The user's name in the prepared form of the application.
        authcid: String,
    },
    /// SCRAM, PLAIN: gives the user's keys. The peer still has to prove itself.
    Keys {
        /// The user's name in the prepared form of the application.
        authcid: String,
        /// The stored keys.
        keys: ScramKeys,
        /// The condition to fail with even if the proof is right: the account is disabled, or the
        /// `authzid` is not open to this user. Only a peer that knows the password learns it.
        refuse: Option<SaslCondition>,
    },
    /// FAST: gives the tokens of this client. The peer still has to prove that it has one.
    Tokens {
        /// The user's name in the prepared form of the application.
        authcid: String,
        /// The tokens. A client that has none, or whose tokens were forgotten, gets
        /// `not-authorized` and goes on with its password.
        tokens: StoredTokens,
        /// The condition to fail with even if the proof is right, as in [`CredentialAnswer::Keys`].
        refuse: Option<SaslCondition>,
    },
    /// SCRAM, PLAIN, FAST: there is no such user. The exchange continues as with a wrong password or
    /// token and ends in `not-authorized`.
    UnknownUser {
        /// The name in the prepared form of the application, so that all its spellings get the same
        /// salt.
        authcid: String,
    },
    /// Fails at once with this condition. To reject only some of the users would reveal who exists:
    /// use `refuse` of [`CredentialAnswer::Keys`] instead.
    Reject(SaslCondition),
}

impl CredentialAnswer {
    /// Returns [`CredentialAnswer::Keys`] without `refuse`.
    #[must_use]
    pub const fn keys(authcid: String, keys: ScramKeys) -> Self {
        Self::Keys {
            authcid,
            keys,
            refuse: None,
        }
    }

    /// Returns [`CredentialAnswer::Tokens`] without `refuse`.
    #[must_use]
    pub const fn tokens(authcid: String, tokens: StoredTokens) -> Self {
        Self::Tokens {
            authcid,
            tokens,
            refuse: None,
        }
    }
}

/// A user whose credentials are about to be checked, known or not.
pub(super) struct Account {
    pub(super) authcid: String,
    pub(super) keys: ScramKeys,
    refuse: Option<SaslCondition>,
}

impl Account {
    /// Interprets `answer` as the answer to a query about a user.
    pub(super) fn from_answer(
        answer: CredentialAnswer,
        decoy: &Decoy,
        hash: Hash,
    ) -> Result<Self, SaslCondition> {
        match answer {
            CredentialAnswer::Keys {
                authcid,
                keys,
                refuse,
            } => Ok(Self {
                authcid,
                keys,
                refuse,
            }),
            CredentialAnswer::UnknownUser { authcid } => Ok(Self {
                keys: decoy.keys(&authcid, hash),
                authcid,
                refuse: Some(SaslCondition::NotAuthorized),
            }),
            CredentialAnswer::Reject(condition) => Err(condition),
            CredentialAnswer::Accept { .. } | CredentialAnswer::Tokens { .. } => {
                Err(SaslCondition::TemporaryAuthFailure)
            }
        }
    }

    /// Returns the last step of the exchange, given whether the proof is right.
    pub(super) fn conclude(
        self,
        proven: bool,
        authzid: Option<String>,
        data: Option<Secret>,
    ) -> AcceptorStep {
        match (proven, self.refuse) {
            (true, None) => AcceptorStep::Success {
                identity: Identity {
                    authcid: self.authcid,
                    authzid,
                },
                data,
                token: None,
            },
            (true, Some(condition)) => AcceptorStep::Failure(condition),
            (false, _) => AcceptorStep::Failure(SaslCondition::NotAuthorized),
        }
    }
}

/// Returns the last step of a mechanism that keys cannot answer (EXTERNAL, ANONYMOUS).
pub(super) fn accept_or_fail(answer: CredentialAnswer, authzid: Option<String>) -> AcceptorStep {
    match answer {
        CredentialAnswer::Accept { authcid } => AcceptorStep::Success {
            identity: Identity { authcid, authzid },
            data: None,
            token: None,
        },
        CredentialAnswer::Reject(condition) => AcceptorStep::Failure(condition),
        CredentialAnswer::UnknownUser { .. } => AcceptorStep::Failure(SaslCondition::NotAuthorized),
        CredentialAnswer::Keys { .. } | CredentialAnswer::Tokens { .. } => {
            AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
        }
    }
}

/// Reads an authorization identity; an empty one counts as none (RFC 6120 6.3.8).
pub(super) fn read_authzid(octets: &[u8]) -> Result<Option<String>, SaslCondition> {
    if octets.is_empty() {
        return Ok(None);
    }
    let text = core::str::from_utf8(octets).map_err(|_| SaslCondition::MalformedRequest)?;
    check_prepared(text, MAX_AUTHZID).map_err(|_| SaslCondition::MalformedRequest)?;
    Ok(Some(text.into()))
}
