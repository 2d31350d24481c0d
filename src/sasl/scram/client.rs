//! The initiating side of SCRAM.
//!
//! [`ScramClient`] is a state machine over `Phase`. Whatever arrives at the wrong time, or is
//! wrong, ends in `Phase::Over`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::message::{
    ServerFirst, encode, encoded_len, parse_server_final, push_encoded, push_escaped,
};
use crate::sasl::hash::Derivation;
use crate::sasl::keys::MIN_ITERATIONS;
use crate::sasl::{
    Authzid, ChannelBindingData, ClientKeys, DowngradeProtection, Hash, LoginResult, MAX_MESSAGE,
    Mechanism, MechanismName, MechanismStep, OfferProof, OfferRecord, Password, SLICE, SaslError,
    Secret, Username,
};

/// The initiating side of one SCRAM exchange.
///
/// The keys that worked come with the [`LoginResult`], for the next login.
pub struct ScramClient {
    /// The hash of the mechanism.
    hash: Hash,
    /// The authentication identity.
    username: Username,
    /// The entity to act as, if it is another one.
    authzid: Option<Authzid>,
    /// What is said about channel binding.
    binding: ClientBinding,
    /// The iteration counts that are accepted.
    bounds: IterationBounds,
    /// What the server has offered, if the caller says.
    offer: OfferCheck,
    /// The client's part of the nonce.
    nonce: String,
    /// What has been sent and received.
    phase: Phase,
}

/// What the client says about channel binding, as
/// [`Choice::client_binding`](crate::sasl::Choice::client_binding) returns it (RFC 5802 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientBinding {
    /// `n`: this side does not use channel binding.
    Unsupported,
    /// `y`: this side supports it, but the server offered no -PLUS mechanism. If somebody removed
    /// it from the offer, the server notices and fails.
    NotOffered,
    /// `p`: the -PLUS mechanism with this binding.
    Bound(ChannelBindingData),
}

/// What the client proves itself with: a password, cached keys, or both.
#[derive(Clone, Debug)]
pub struct ScramCredentials {
    password: Option<Password>,
    keys: Option<ClientKeys>,
}

impl ScramCredentials {
    /// Takes a password.
    #[must_use]
    pub const fn password(password: Password) -> Self {
        Self {
            password: Some(password),
            keys: None,
        }
    }

    /// Takes keys of an earlier exchange, without a password. The exchange fails with
    /// [`SaslError::NoPassword`] if the server has changed salt, count or hash.
    #[must_use]
    pub const fn keys(keys: ClientKeys) -> Self {
        Self {
            password: None,
            keys: Some(keys),
        }
    }

    /// Adds keys to try first. They are used if salt, count and hash are still the same.
    #[must_use]
    pub fn with_keys(self, keys: ClientKeys) -> Self {
        Self {
            keys: Some(keys),
            ..self
        }
    }
}

/// The iteration counts that a client accepts: by default 4096 to 600,000.
///
/// A lower count makes it cheap to guess a password from a stolen exchange. A higher one lets a
/// server keep the client busy (RFC 5802 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IterationBounds {
    min: u32,
    max: u32,
}

impl IterationBounds {
    /// The highest maximum there may be: ten million.
    pub const CEILING: u32 = 10_000_000;

    /// Accepts counts from `min` to `max`, both included. Returns `None` unless 4096 <= `min` <=
    /// `max` <= [`Self::CEILING`].
    #[must_use]
    pub const fn new(min: u32, max: u32) -> Option<Self> {
        if MIN_ITERATIONS <= min && min <= max && max <= Self::CEILING {
            Some(Self { min, max })
        } else {
            None
        }
    }

    pub(in crate::sasl) const fn contains(self, count: u32) -> bool {
        self.min <= count && count <= self.max
    }
}

impl Default for IterationBounds {
    fn default() -> Self {
        Self {
            min: MIN_ITERATIONS,
            max: 600_000,
        }
    }
}

/// The check of the server's offer (XEP-0474 6.2).
enum OfferCheck {
    /// The offer is not known, so the server's hash of it is ignored.
    Unknown,
    Known(OfferRecord, DowngradeProtection),
    /// The check is over: the server has proved the offer, or did not have to.
    Done(OfferProof),
}

impl OfferCheck {
    /// Compares the offer with what the server says in its first message, if it says it.
    fn check(self, hash: Hash, sent: Option<&str>) -> Result<OfferProof, SaslError> {
        let (offer, protection) = match self {
            Self::Unknown => return Ok(OfferProof::None),
            Self::Done(proof) => return Ok(proof),
            Self::Known(offer, protection) => (offer, protection),
        };
        match (sent, protection) {
            (Some(sent), _) => {
                let expected = encode(offer.digest(hash).as_bytes());
                if bool::from(expected.as_bytes().ct_eq(sent.as_bytes())) {
                    Ok(OfferProof::Verified)
                } else {
                    Err(SaslError::OfferChanged)
                }
            }
            (None, DowngradeProtection::IfPresent) => Ok(OfferProof::None),
            (None, DowngradeProtection::Required) => Err(SaslError::NoDowngradeProtection),
        }
    }
}

enum Phase {
    Start(ScramCredentials),
    FirstSent {
        credentials: ScramCredentials,
        first: ClientFirst,
    },
    Deriving {
        derivation: Derivation,
        salt: Vec<u8>,
        iterations: u32,
        transcript: Transcript,
    },
    FinalSent {
        server_signature: Secret,
        keys: ClientKeys,
    },
    /// The server's signature came in a challenge (RFC 6120 6.3.10).
    Verified(ClientKeys),
    Over,
}

/// `client-first-message`, of which the first `header` octets are `gs2-header`.
struct ClientFirst {
    message: String,
    header: usize,
}

impl ClientFirst {
    fn header(&self) -> &str {
        self.message.get(..self.header).unwrap_or_default()
    }

    /// `client-first-message-bare`.
    fn bare(&self) -> &str {
        self.message.get(self.header..).unwrap_or_default()
    }
}

/// The text that both signatures cover. It ends with `client-final-message-without-proof`, which
/// begins at this place.
struct Transcript {
    auth_message: String,
    without_proof: usize,
}

impl Transcript {
    /// Makes it from both first messages and `cbind-input`, with one allocation.
    fn new(first: &ClientFirst, server_first: &ServerFirst<'_>, binding: &[u8]) -> Self {
        let (bare, nonce) = (first.bare(), server_first.nonce);
        let without_proof = bare.len() + 1 + server_first.message.len() + 1;
        let length = without_proof + "c=,r=".len() + encoded_len(binding.len()) + nonce.len();
        let mut auth_message = String::with_capacity(length);
        auth_message.extend([bare, ",", server_first.message, ",c="]);
        push_encoded(&mut auth_message, binding);
        auth_message.extend([",r=", nonce]);
        Self {
            auth_message,
            without_proof,
        }
    }

    fn without_proof(&self) -> &str {
        self.auth_message
            .get(self.without_proof..)
            .unwrap_or_default()
    }
}

impl ScramClient {
    /// Starts an exchange. `nonce` is 18 random octets, fresh for every exchange (RFC 5802 5.1).
    #[must_use]
    pub fn new(
        hash: Hash,
        username: Username,
        credentials: ScramCredentials,
        binding: ClientBinding,
        nonce: [u8; 18],
    ) -> Self {
        Self::with_nonce(hash, username, credentials, binding, encode(&nonce))
    }

    /// Asks to act as `authzid`.
    #[must_use]
    pub fn authzid(self, authzid: Authzid) -> Self {
        Self {
            authzid: Some(authzid),
            ..self
        }
    }

    /// Replaces the default bounds for the iteration count.
    #[must_use]
    pub fn iterations(self, bounds: IterationBounds) -> Self {
        Self { bounds, ..self }
    }

    /// Has the server prove that `offer` is what it offered (XEP-0474): the names in the list of the
    /// SASL profile that is used, all of them and as they arrived, and those of the channel bindings
    /// announced. `protection` says whether it must. If it proves something else, the exchange ends
    /// in [`SaslError::OfferChanged`] before anything is derived or proved.
    ///
    /// The server's signature covers its proof, so it counts once the login has succeeded
    /// ([`LoginResult::offer`]).
    #[must_use]
    pub fn offered(self, offer: OfferRecord, protection: DowngradeProtection) -> Self {
        Self {
            offer: OfferCheck::Known(offer, protection),
            ..self
        }
    }

    pub(in crate::sasl) fn with_nonce(
        hash: Hash,
        username: Username,
        credentials: ScramCredentials,
        binding: ClientBinding,
        nonce: String,
    ) -> Self {
        Self {
            hash,
            username,
            authzid: None,
            binding,
            bounds: IterationBounds::default(),
            offer: OfferCheck::Unknown,
            nonce,
            phase: Phase::Start(credentials),
        }
    }

    fn client_first(&self) -> ClientFirst {
        // What is usual: escapes are rare.
        let authzid = self.authzid.as_ref().map_or("", Authzid::as_str);
        let username = self.username.as_str();
        let length = 40 + authzid.len() + username.len() + self.nonce.len();
        let mut message = String::with_capacity(length);
        match &self.binding {
            ClientBinding::Unsupported => message.push('n'),
            ClientBinding::NotOffered => message.push('y'),
            ClientBinding::Bound(binding) => message.extend(["p=", binding.kind().as_str()]),
        }
        message.push(',');
        if self.authzid.is_some() {
            message.push_str("a=");
            push_escaped(&mut message, authzid);
        }
        message.push(',');
        let header = message.len();
        message.push_str("n=");
        push_escaped(&mut message, username);
        message.extend([",r=", &self.nonce]);
        ClientFirst { message, header }
    }

    fn server_first(
        &mut self,
        data: &[u8],
        credentials: ScramCredentials,
        client_first: &ClientFirst,
    ) -> Result<MechanismStep, SaslError> {
        let first = ServerFirst::parse(data)?;
        match first.nonce.strip_prefix(&self.nonce) {
            Some(added) if !added.is_empty() => {}
            _ => return Err(SaslError::Nonce),
        }
        if !self.bounds.contains(first.iterations) {
            return Err(SaslError::Iterations {
                count: first.iterations,
            });
        }
        let offer = core::mem::replace(&mut self.offer, OfferCheck::Done(OfferProof::None));
        self.offer = OfferCheck::Done(offer.check(self.hash, first.offer_hash)?);
        let header = client_first.header().as_bytes();
        let transcript = match &self.binding {
            ClientBinding::Bound(data) => {
                Transcript::new(client_first, &first, &[header, data.data()].concat())
            }
            ClientBinding::Unsupported | ClientBinding::NotOffered => {
                Transcript::new(client_first, &first, header)
            }
        };
        let fitting = credentials
            .keys
            .filter(|keys| keys.are_for(self.hash, &first.salt, first.iterations));
        match (fitting, credentials.password) {
            (Some(keys), _) => Ok(self.client_final(keys, &transcript)),
            (None, Some(password)) => {
                self.phase = Phase::Deriving {
                    derivation: Derivation::new(
                        self.hash,
                        password.as_bytes(),
                        &first.salt,
                        first.iterations,
                    ),
                    salt: first.salt,
                    iterations: first.iterations,
                    transcript,
                };
                Ok(MechanismStep::Working)
            }
            (None, None) => Err(SaslError::NoPassword),
        }
    }

    fn client_final(&mut self, keys: ClientKeys, transcript: &Transcript) -> MechanismStep {
        let auth_message = &[transcript.auth_message.as_bytes()];
        let proof = Zeroizing::new(encode(keys.proof(auth_message).as_bytes()));
        // Built in one piece, because a string that grows would leave copies of the proof.
        let message = [transcript.without_proof(), ",p=", &proof].concat();
        self.phase = Phase::FinalSent {
            server_signature: keys.server_signature(auth_message),
            keys,
        };
        MechanismStep::Respond(message.into_bytes().into())
    }

    /// The result, once the server's signature was verified, which covers the proof of its offer.
    fn result(&self, keys: ClientKeys) -> LoginResult {
        let offer = match self.offer {
            OfferCheck::Done(proof) => proof,
            OfferCheck::Unknown | OfferCheck::Known(..) => OfferProof::None,
        };
        LoginResult::server_verified()
            .with_keys(keys)
            .with_offer(offer)
    }

    /// Takes the phase and leaves `Over`, so that a call that does not set a new phase has failed.
    fn take_phase(&mut self) -> Phase {
        core::mem::replace(&mut self.phase, Phase::Over)
    }
}

impl Mechanism for ScramClient {
    fn name(&self) -> &str {
        match self.binding {
            ClientBinding::Bound(_) => MechanismName::ScramPlus(self.hash).as_str(),
            ClientBinding::Unsupported | ClientBinding::NotOffered => {
                MechanismName::Scram(self.hash).as_str()
            }
        }
    }

    fn initial(&mut self) -> Result<Option<Secret>, SaslError> {
        let Phase::Start(credentials) = self.take_phase() else {
            return Err(SaslError::OutOfSequence);
        };
        let first = self.client_first();
        if first.message.len() > MAX_MESSAGE {
            return Err(SaslError::TooLong);
        }
        let message = first.message.as_bytes().into();
        self.phase = Phase::FirstSent { credentials, first };
        Ok(Some(message))
    }

    fn challenge(&mut self, data: &[u8]) -> Result<MechanismStep, SaslError> {
        match self.take_phase() {
            Phase::FirstSent { credentials, first } => self.server_first(data, credentials, &first),
            Phase::FinalSent {
                server_signature,
                keys,
            } => {
                verify_server(data, &server_signature)?;
                self.phase = Phase::Verified(keys);
                Ok(MechanismStep::Respond(Secret::default()))
            }
            Phase::Verified(_) => Err(SaslError::Unexpected),
            Phase::Start(_) | Phase::Deriving { .. } | Phase::Over => Err(SaslError::OutOfSequence),
        }
    }

    fn work(&mut self) -> Result<MechanismStep, SaslError> {
        let Phase::Deriving {
            mut derivation,
            salt,
            iterations,
            transcript,
        } = self.take_phase()
        else {
            return Err(SaslError::OutOfSequence);
        };
        let Some(salted) = derivation.advance(SLICE) else {
            self.phase = Phase::Deriving {
                derivation,
                salt,
                iterations,
                transcript,
            };
            return Ok(MechanismStep::Working);
        };
        let keys = ClientKeys::from_salted(self.hash, &salt, iterations, &salted);
        Ok(self.client_final(keys, &transcript))
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<LoginResult, SaslError> {
        match (self.take_phase(), data) {
            (
                Phase::FinalSent {
                    server_signature,
                    keys,
                },
                Some(data),
            ) => {
                verify_server(data, &server_signature)?;
                Ok(self.result(keys))
            }
            (Phase::Verified(keys), None | Some([])) => Ok(self.result(keys)),
            (Phase::Verified(_), Some(_)) => Err(SaslError::Unexpected),
            // A success at this point proves nothing about the server.
            (Phase::FirstSent { .. } | Phase::Deriving { .. }, _)
            | (Phase::FinalSent { .. }, None) => Err(SaslError::ServerNotVerified),
            (Phase::Start(_) | Phase::Over, _) => Err(SaslError::OutOfSequence),
        }
    }
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Start(_) => "Start",
            Phase::FirstSent { .. } => "FirstSent",
            Phase::Deriving { .. } => "Deriving",
            Phase::FinalSent { .. } => "FinalSent",
            Phase::Verified(_) => "Verified",
            Phase::Over => "Over",
        };
        f.debug_struct("ScramClient")
            .field("name", &self.name())
            .field("phase", &format_args!("{phase}"))
            .finish_non_exhaustive()
    }
}

/// Checks the server's final message, in constant time as far as its content goes.
fn verify_server(data: &[u8], expected: &Secret) -> Result<(), SaslError> {
    let signature = parse_server_final(data)?.map_err(SaslError::Server)?;
    if Secret::new(signature) == *expected {
        Ok(())
    } else {
        Err(SaslError::ServerNotVerified)
    }
}
