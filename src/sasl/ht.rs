//! HT: a login with a token in one round trip, proved by both sides
//! (draft-schmaus-kitten-sasl-ht-09, the version that XEP-0484 names).
//!
//! The initiating entity sends its name and `HMAC(token, "Initiator" || cb-data)`, and the receiving
//! entity answers with `HMAC(token, "Responder" || cb-data)`. Later drafts
//! (draft-ietf-kitten-sasl-ht-02) have other messages under the same names; they are not spoken here,
//! for the reason that [`FastMechanism`] gives.
//!
//! Without channel binding the first message is the same in every login, so whoever reads it can log
//! in. HT is therefore used under TLS with a verified certificate only (XEP-0484 6): see
//! [`check_token`](super::check_token) for the client and
//! [`Advertisement::fast`](super::Advertisement::fast) for the server. This file holds both sides and
//! the syntax.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::{Choice, ConstantTimeEq};

use super::password::check_prepared;
use super::{
    Acceptor, AcceptorStep, ChannelBindingData, CredentialAnswer, CredentialQuery, FastMechanism,
    FastToken, Identity, LoginResult, MAX_MESSAGE, MAX_USERNAME, Mechanism, MechanismStep,
    SaslCondition, SaslError, Secret, StoredToken, StoredTokens, TokenSlot, Username,
};

const INITIATOR: &[u8] = b"Initiator";
const RESPONDER: &[u8] = b"Responder";

/// Takes the place of a token that is not there, so that its absence costs the same HMAC. It is as
/// long as the tokens that this crate makes.
const ABSENT: &[u8] = &[0; 43];

/// The initiating side of HT, as [`FastMechanism`] says by which draft.
pub struct HtClient {
    mechanism: FastMechanism,
    state: ClientState,
}

enum ClientState {
    Start { message: Secret, expected: Secret },
    Sent { expected: Secret },
    Over,
}

impl HtClient {
    /// Starts an exchange with the mechanism of the token. Returns `None` if its channel binding is
    /// not among `bindings`, those of this connection: the token cannot be used then.
    ///
    /// [`check_token`](super::check_token) says whether the token may be used at all.
    #[must_use]
    pub fn new(
        username: &Username,
        token: &FastToken,
        bindings: &[ChannelBindingData],
    ) -> Option<Self> {
        let mechanism = token.mechanism();
        let binding = binding_data(mechanism, bindings)?;
        let name = username.as_str().as_bytes();
        let proof = proof(mechanism, token, INITIATOR, binding);
        Some(Self {
            mechanism,
            state: ClientState::Start {
                message: [name, b"\0", proof.as_bytes()].concat().into(),
                expected: self::proof(mechanism, token, RESPONDER, binding),
            },
        })
    }

    fn take(&mut self) -> ClientState {
        core::mem::replace(&mut self.state, ClientState::Over)
    }
}

impl Mechanism for HtClient {
    fn name(&self) -> &str {
        self.mechanism.as_str()
    }

    fn initial(&mut self) -> Result<Option<Secret>, SaslError> {
        match self.take() {
            ClientState::Start { message, expected } => {
                self.state = ClientState::Sent { expected };
                Ok(Some(message))
            }
            ClientState::Sent { .. } | ClientState::Over => Err(SaslError::OutOfSequence),
        }
    }

    /// Refuses any challenge: a mechanism of FAST ends within one round trip (XEP-0484 3.1).
    fn challenge(&mut self, _data: &[u8]) -> Result<MechanismStep, SaslError> {
        match self.take() {
            ClientState::Sent { .. } => Err(SaslError::Unexpected),
            ClientState::Start { .. } | ClientState::Over => Err(SaslError::OutOfSequence),
        }
    }

    fn work(&mut self) -> Result<MechanismStep, SaslError> {
        self.state = ClientState::Over;
        Err(SaslError::OutOfSequence)
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
        match (self.take(), data) {
            (ClientState::Sent { expected }, Some(data))
                if bool::from(expected.as_bytes().ct_eq(data)) =>
            {
                Ok(LoginResult::server_verified())
            }
            (ClientState::Sent { .. }, _) => Err(SaslError::ServerNotVerified),
            (ClientState::Start { .. } | ClientState::Over, _) => Err(SaslError::OutOfSequence),
        }
    }
}

impl fmt::Debug for HtClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            ClientState::Start { .. } => "Start",
            ClientState::Sent { .. } => "Sent",
            ClientState::Over => "Over",
        };
        f.debug_struct("HtClient")
            .field("mechanism", &self.mechanism)
            .field("state", &format_args!("{state}"))
            .finish_non_exhaustive()
    }
}

/// The receiving side of HT, which asks the application for the tokens of the client.
///
/// Both slots are compared, in constant time, whether they are filled or not and whether the user
/// exists or not.
///
/// ```
/// use xmpp_stream::sasl::*;
/// # use xmpp_stream::random::{Random, RandomError};
/// # #[derive(Debug)]
/// # struct Os;
/// # impl Random for Os {
/// #     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
/// #         bytes.fill(1);
/// #         Ok(())
/// #     }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The server has given this token to the client when it logged in by its password.
/// let mechanism = FastMechanism::HtSha256None;
/// let token = FastToken::generate(mechanism, "2027-01-01T00:00:00Z", &Os)?;
/// let stored = StoredTokens::none().after_issue(token.clone());
///
/// // The next login: one message each.
/// let allowed = MechanismSet::scram();
/// let offered = Advertisement::new(allowed, Channel::Encrypted, vec![]).fast(FastSet::all());
/// let capabilities = Capabilities::new().verified();
/// check_token(&token, offered.fast_mechanisms(), capabilities, MechanismPolicy::new())?;
/// let mut client = HtClient::new(&Username::ascii("juliet")?, &token, &[]).ok_or("no binding")?;
/// let mut server = offered.accept_fast(client.name(), None).map_err(|c| c.as_str())?;
/// let message = client.initial()?;
/// let AcceptorStep::Ask(CredentialQuery::Token { username, .. }) =
///     server.response(message.as_ref().map(Secret::as_bytes))
/// else {
///     return Err("no question".into());
/// };
/// let step = server.provide(CredentialAnswer::tokens(username, stored.clone()));
/// let AcceptorStep::Success { data, token: Some(used), .. } = step else {
///     return Err("no success".into());
/// };
/// let stored = stored.after_use(used);
/// let result = client.success(data.as_ref().map(Secret::as_bytes))?;
/// assert_eq!(result.server(), ServerProof::Verified);
/// assert!(stored.get(TokenSlot::Current).is_some());
/// # Ok(())
/// # }
/// ```
pub struct HtAcceptor {
    mechanism: FastMechanism,
    binding: Vec<u8>,
    /// The id of the client's `<user-agent/>`.
    client: Option<String>,
    state: AcceptorState,
}

enum AcceptorState {
    Start,
    /// Keeps what the client proved itself with.
    Asked(Secret),
    Over,
}

impl HtAcceptor {
    /// Starts an exchange. Returns `None` if the channel binding of the mechanism is not among
    /// `bindings`, those of this connection.
    #[must_use]
    pub fn new(mechanism: FastMechanism, bindings: &[ChannelBindingData]) -> Option<Self> {
        let binding = binding_data(mechanism, bindings)?.to_vec();
        Some(Self {
            mechanism,
            binding,
            client: None,
            state: AcceptorState::Start,
        })
    }

    /// Says which client of the user it is, by the id of its `<user-agent/>` (XEP-0484 4.1).
    #[must_use]
    pub fn client(mut self, id: Option<&str>) -> Self {
        self.client = id.map(String::from);
        self
    }

    fn read(&mut self, data: &[u8]) -> Result<AcceptorStep, SaslCondition> {
        let message = Message::parse(data, self.mechanism)?;
        self.state = AcceptorState::Asked(message.proof.into());
        Ok(AcceptorStep::Ask(CredentialQuery::Token {
            username: message.username.into(),
            mechanism: self.mechanism,
            client: self.client.take(),
        }))
    }

    /// Ends the exchange, given the tokens that the client may have.
    fn conclude(
        &self,
        authcid: String,
        tokens: &StoredTokens,
        refuse: Option<SaslCondition>,
        proof: &[u8],
    ) -> AcceptorStep {
        let (new, current) = (tokens.get(TokenSlot::New), tokens.get(TokenSlot::Current));
        // Both are compared before either result is looked at.
        let fits_new = self.fits(new, proof);
        let fits_current = self.fits(current, proof);
        let used = match (new, current) {
            (Some(token), _) if bool::from(fits_new) => (TokenSlot::New, token),
            (_, Some(token)) if bool::from(fits_current) => (TokenSlot::Current, token),
            _ => return AcceptorStep::Failure(SaslCondition::NotAuthorized),
        };
        // What follows is told only to a client that has the token.
        let (slot, stored) = used;
        if stored.is_expired() {
            return AcceptorStep::Failure(SaslCondition::CredentialsExpired);
        }
        if let Some(condition) = refuse {
            return AcceptorStep::Failure(condition);
        }
        let data = self::proof(self.mechanism, stored.token(), RESPONDER, &self.binding);
        AcceptorStep::Success {
            identity: Identity {
                authcid,
                authzid: None,
            },
            data: Some(data),
            token: Some(slot),
        }
    }

    /// Returns whether `proof` was made with the token, and the token is for this mechanism
    /// (XEP-0484 3.4).
    fn fits(&self, stored: Option<&StoredToken>, proof: &[u8]) -> Choice {
        let (key, ours) = match stored.map(StoredToken::token) {
            Some(token) => (
                token.secret().as_bytes(),
                token.mechanism() == self.mechanism,
            ),
            None => (ABSENT, false),
        };
        let expected = self.mechanism.hash().hmac(key, &[INITIATOR, &self.binding]);
        expected.as_bytes().ct_eq(proof) & Choice::from(u8::from(ours))
    }
}

impl Acceptor for HtAcceptor {
    fn name(&self) -> &str {
        self.mechanism.as_str()
    }

    /// Takes the only message. There is no challenge to ask for it, because a mechanism of FAST ends
    /// within one round trip (XEP-0484 3.1).
    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep {
        match (
            core::mem::replace(&mut self.state, AcceptorState::Over),
            data,
        ) {
            (AcceptorState::Start, Some(data)) => self.read(data),
            (AcceptorState::Start, None) | (AcceptorState::Asked(_) | AcceptorState::Over, _) => {
                Err(SaslCondition::MalformedRequest)
            }
        }
        .unwrap_or_else(AcceptorStep::Failure)
    }

    /// Fails always, because there is nothing to derive.
    fn work(&mut self) -> AcceptorStep {
        self.state = AcceptorState::Over;
        AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        let state = core::mem::replace(&mut self.state, AcceptorState::Over);
        let AcceptorState::Asked(proof) = state else {
            return AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure);
        };
        let proof = proof.as_bytes();
        match answer {
            CredentialAnswer::Tokens {
                authcid,
                tokens,
                refuse,
            } => self.conclude(authcid, &tokens, refuse, proof),
            CredentialAnswer::UnknownUser { authcid } => {
                self.conclude(authcid, &StoredTokens::none(), None, proof)
            }
            CredentialAnswer::Reject(condition) => AcceptorStep::Failure(condition),
            CredentialAnswer::Accept { .. } | CredentialAnswer::Keys { .. } => {
                AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
            }
        }
    }
}

impl fmt::Debug for HtAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            AcceptorState::Start => "Start",
            AcceptorState::Asked(_) => "Asked",
            AcceptorState::Over => "Over",
        };
        f.debug_struct("HtAcceptor")
            .field("mechanism", &self.mechanism)
            .field("state", &format_args!("{state}"))
            .finish_non_exhaustive()
    }
}

/// Returns `cb-data`, which is empty for `HT-*-NONE`. Returns `None` if the connection lacks it.
fn binding_data(mechanism: FastMechanism, bindings: &[ChannelBindingData]) -> Option<&[u8]> {
    match mechanism.binding() {
        None => Some(&[]),
        Some(kind) => bindings
            .iter()
            .find(|binding| binding.kind() == kind)
            .map(ChannelBindingData::data),
    }
}

fn proof(mechanism: FastMechanism, token: &FastToken, role: &[u8], binding: &[u8]) -> Secret {
    let key = token.secret().as_bytes();
    mechanism.hash().hmac(key, &[role, binding])
}

/// `initiator-msg`.
struct Message<'a> {
    username: &'a str,
    proof: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(data: &'a [u8], mechanism: FastMechanism) -> Result<Self, SaslCondition> {
        const MALFORMED: SaslCondition = SaslCondition::MalformedRequest;
        if data.len() > MAX_MESSAGE {
            return Err(MALFORMED);
        }
        // The proof may have zeros, the name may not.
        let end = data.iter().position(|octet| *octet == 0).ok_or(MALFORMED)?;
        let (name, proof) = data.split_at_checked(end).ok_or(MALFORMED)?;
        let proof = proof.strip_prefix(b"\0").ok_or(MALFORMED)?;
        let username = core::str::from_utf8(name).map_err(|_| MALFORMED)?;
        check_prepared(username, MAX_USERNAME).map_err(|_| MALFORMED)?;
        if proof.len() != mechanism.hash().output_len() {
            return Err(MALFORMED);
        }
        Ok(Self { username, proof })
    }
}
