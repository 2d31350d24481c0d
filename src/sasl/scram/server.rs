//! The receiving side of SCRAM.
//!
//! [`ScramAcceptor`] is a state machine over `Phase`. An unknown user takes the same course as a
//! known one; keep that when a check is added.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use subtle::ConstantTimeEq;

use super::message::{ClientFinal, ClientFirst, Flag, encode, encoded_len, push_encoded};
use crate::sasl::acceptor::Account;
use crate::sasl::{
    Acceptor, AcceptorStep, ChannelBindingData, CredentialAnswer, CredentialQuery, Decoy, Hash,
    MechanismName, OfferRecord, SaslCondition, Secret,
};

/// The receiving side of one SCRAM exchange.
pub struct ScramAcceptor {
    hash: Hash,
    binding: AcceptorBinding,
    decoy: Decoy,
    nonce: String,
    /// The hash of the offer, in base64 (XEP-0474 6.1).
    offer_hash: Option<String>,
    phase: Phase,
}

/// The variant of the mechanism, and what the offer said about channel binding (RFC 5802 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptorBinding {
    /// The mechanism is without -PLUS, and no -PLUS was offered.
    Absent,
    /// The mechanism is without -PLUS, although -PLUS was offered. A client that sends `y` has seen
    /// another offer, and fails. One that sends `n` may pass.
    Offered,
    /// The mechanism is with -PLUS. The client must use one of these bindings.
    Used(Vec<ChannelBindingData>),
}

enum Phase {
    Start,
    /// `<auth/>` had no initial response, so an empty challenge was sent (RFC 6120 6.3.10).
    Prompted,
    Asked(First),
    Challenged {
        first: First,
        account: Account,
        server_first: String,
    },
    Over,
}

/// What is kept of the client's first message.
struct First {
    bare: String,
    /// The parts of the nonce of both sides.
    nonce: String,
    authzid: Option<String>,
    /// The `cbind-input` that the client has to send.
    binding: Vec<u8>,
}

impl ScramAcceptor {
    /// Starts an exchange. `nonce` is 18 random octets, fresh for every exchange; `decoy` takes the
    /// place of unknown users.
    #[must_use]
    pub fn new(hash: Hash, binding: AcceptorBinding, decoy: Decoy, nonce: [u8; 18]) -> Self {
        Self::with_nonce(hash, binding, decoy, encode(&nonce))
    }

    pub(in crate::sasl) const fn with_nonce(
        hash: Hash,
        binding: AcceptorBinding,
        decoy: Decoy,
        nonce: String,
    ) -> Self {
        Self {
            hash,
            binding,
            decoy,
            nonce,
            offer_hash: None,
            phase: Phase::Start,
        }
    }

    /// Proves to the client what was offered on this stream (XEP-0474), by an attribute that other
    /// clients ignore (RFC 5802 5.1).
    #[must_use]
    pub fn offered(self, offer: &OfferRecord) -> Self {
        Self {
            offer_hash: Some(encode(offer.digest(self.hash).as_bytes())),
            ..self
        }
    }

    fn client_first(&mut self, data: &[u8]) -> Result<AcceptorStep, SaslCondition> {
        let message = ClientFirst::parse(data).map_err(|_| SaslCondition::MalformedRequest)?;
        let mut binding = message.header.as_bytes().to_vec();
        binding.extend_from_slice(self.binding_data(&message.flag)?);
        let question = CredentialQuery::ScramKeys {
            username: message.username,
            authzid: message.authzid.clone(),
            hash: self.hash,
        };
        self.phase = Phase::Asked(First {
            bare: message.bare.into(),
            nonce: [message.nonce, &self.nonce].concat(),
            authzid: message.authzid,
            binding,
        });
        Ok(AcceptorStep::Ask(question))
    }

    /// Returns the `cbind-data` for the client's flag, if the flag is allowed.
    fn binding_data(&self, flag: &Flag<'_>) -> Result<&[u8], SaslCondition> {
        match (&self.binding, flag) {
            (AcceptorBinding::Absent, Flag::No | Flag::Yes)
            | (AcceptorBinding::Offered, Flag::No) => Ok(&[]),
            // Somebody removed -PLUS from our offer.
            (AcceptorBinding::Offered, Flag::Yes) => Err(SaslCondition::NotAuthorized),
            (AcceptorBinding::Used(bindings), Flag::Bound(name)) => bindings
                .iter()
                .find(|binding| binding.kind().as_str() == *name)
                .map(ChannelBindingData::data)
                .ok_or(SaslCondition::NotAuthorized),
            // The flag contradicts the name of the mechanism.
            (AcceptorBinding::Absent | AcceptorBinding::Offered, Flag::Bound(_))
            | (AcceptorBinding::Used(_), Flag::No | Flag::Yes) => {
                Err(SaslCondition::MalformedRequest)
            }
        }
    }

    fn server_first(
        &mut self,
        first: First,
        answer: CredentialAnswer,
    ) -> Result<AcceptorStep, SaslCondition> {
        let account = Account::from_answer(answer, &self.decoy, self.hash)?;
        if account.keys.hash() != self.hash {
            return Err(SaslCondition::TemporaryAuthFailure);
        }
        let (nonce, salt) = (&first.nonce, account.keys.salt());
        let offer_hash = self.offer_hash.as_deref();
        let length = "r=,s=,i=4294967295,h=".len()
            + nonce.len()
            + encoded_len(salt.len())
            + offer_hash.map_or(0, str::len);
        let mut server_first = String::with_capacity(length);
        server_first.extend(["r=", nonce, ",s="]);
        push_encoded(&mut server_first, salt);
        server_first.push_str(",i=");
        // Writing to a `String` cannot fail.
        let _ = write!(server_first, "{}", account.keys.iterations());
        if let Some(hash) = offer_hash {
            server_first.extend([",h=", hash]);
        }
        let challenge = server_first.as_bytes().into();
        self.phase = Phase::Challenged {
            first,
            account,
            server_first,
        };
        Ok(AcceptorStep::Challenge(challenge))
    }
}

impl Acceptor for ScramAcceptor {
    fn name(&self) -> &str {
        match self.binding {
            AcceptorBinding::Used(_) => MechanismName::ScramPlus(self.hash).as_str(),
            AcceptorBinding::Absent | AcceptorBinding::Offered => {
                MechanismName::Scram(self.hash).as_str()
            }
        }
    }

    fn response(&mut self, data: Option<&[u8]>) -> AcceptorStep {
        let step = match (core::mem::replace(&mut self.phase, Phase::Over), data) {
            (Phase::Start, None) => {
                self.phase = Phase::Prompted;
                Ok(AcceptorStep::Challenge(Secret::default()))
            }
            (Phase::Start | Phase::Prompted, Some(data)) => self.client_first(data),
            (
                Phase::Challenged {
                    first,
                    account,
                    server_first,
                },
                Some(data),
            ) => client_final(data, first, account, &server_first),
            (Phase::Prompted | Phase::Challenged { .. }, None)
            | (Phase::Asked(_) | Phase::Over, _) => Err(SaslCondition::MalformedRequest),
        };
        step.unwrap_or_else(AcceptorStep::Failure)
    }

    /// Fails always, because the client does the derivation.
    fn work(&mut self) -> AcceptorStep {
        self.phase = Phase::Over;
        AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
    }

    fn provide(&mut self, answer: CredentialAnswer) -> AcceptorStep {
        match core::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Asked(first) => self.server_first(first, answer),
            Phase::Start | Phase::Prompted | Phase::Challenged { .. } | Phase::Over => {
                Err(SaslCondition::TemporaryAuthFailure)
            }
        }
        .unwrap_or_else(AcceptorStep::Failure)
    }
}

fn client_final(
    data: &[u8],
    first: First,
    account: Account,
    server_first: &str,
) -> Result<AcceptorStep, SaslCondition> {
    let message = ClientFinal::parse(data).map_err(|_| SaslCondition::MalformedRequest)?;
    let auth_message = [
        first.bare.as_bytes(),
        b",",
        server_first.as_bytes(),
        b",",
        message.without_proof.as_bytes(),
    ];
    let proven = message.nonce == first.nonce
        && bool::from(message.binding.ct_eq(&first.binding))
        && account.keys.verify(&auth_message, message.proof.as_bytes());
    let signature = account.keys.server_signature(&auth_message);
    let mut verifier = String::with_capacity("v=".len() + encoded_len(signature.len()));
    verifier.push_str("v=");
    push_encoded(&mut verifier, signature.as_bytes());
    let data = Secret::from(verifier.into_bytes());
    Ok(account.conclude(proven, first.authzid, Some(data)))
}

impl fmt::Debug for ScramAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Start => "Start",
            Phase::Prompted => "Prompted",
            Phase::Asked(_) => "Asked",
            Phase::Challenged { .. } => "Challenged",
            Phase::Over => "Over",
        };
        f.debug_struct("ScramAcceptor")
            .field("name", &self.name())
            .field("phase", &format_args!("{phase}"))
            .finish_non_exhaustive()
    }
}
