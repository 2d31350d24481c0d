//! What a server offers on a stream, and the start of the mechanism that the peer chooses.
//!
//! This file is where a name becomes an [`Acceptor`]; a new mechanism gets a row in both functions
//! that match on [`MechanismName`].

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{
    Acceptor, AcceptorBinding, AnonymousAcceptor, ChannelBindingData, Decoy, ExternalAcceptor,
    FastMechanism, FastSet, HtAcceptor, MechanismName, MechanismSet, OfferRecord, PlainAcceptor,
    SaslCondition, ScramAcceptor,
};

/// What a receiving entity offers on one stream: mechanisms, and the channel bindings for the -PLUS
/// ones.
///
/// Make a new one after each stream restart, because TLS changes it. It is the only way to start an
/// acceptor by name, so a mechanism that was not offered on this stream is refused.
#[derive(Clone, Debug)]
pub struct Advertisement {
    mechanisms: MechanismSet,
    fast: FastSet,
    channel: Channel,
    bindings: Vec<ChannelBindingData>,
    proof: OfferHash,
}

/// Whether SCRAM tells the client what was offered (XEP-0474).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfferHash {
    Sent,
    LeftOut,
}

/// What carries the stream that an [`Advertisement`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// TCP without TLS.
    Clear,
    /// TLS without a client certificate, or with one that is not acceptable.
    Encrypted,
    /// TLS with an acceptable client certificate.
    Certified,
}

impl Advertisement {
    /// Offers those of `allowed` that this stream can carry:
    ///
    /// * PLAIN only under TLS (RFC 6120 13.8.3);
    /// * EXTERNAL only with an acceptable client certificate (RFC 6120 6.3.4);
    /// * -PLUS only under TLS and with `bindings` (RFC 5802 6).
    #[must_use]
    pub fn new(allowed: MechanismSet, channel: Channel, bindings: Vec<ChannelBindingData>) -> Self {
        let possible = |mechanism: &MechanismName| match (mechanism, channel) {
            (MechanismName::Scram(_) | MechanismName::Anonymous, _)
            | (MechanismName::Plain, Channel::Encrypted | Channel::Certified)
            | (MechanismName::External, Channel::Certified) => true,
            (MechanismName::ScramPlus(_), Channel::Encrypted | Channel::Certified) => {
                !bindings.is_empty()
            }
            (MechanismName::Plain | MechanismName::ScramPlus(_), Channel::Clear)
            | (MechanismName::External, Channel::Clear | Channel::Encrypted) => false,
        };
        Self {
            mechanisms: allowed.iter().filter(possible).collect(),
            fast: FastSet::EMPTY,
            channel,
            bindings,
            proof: OfferHash::Sent,
        }
    }

    /// Offers those mechanisms of FAST in `allowed` that this stream can carry: none without TLS
    /// (XEP-0484 6), and those with channel binding only if the stream has the binding.
    #[must_use]
    pub fn fast(self, allowed: FastSet) -> Self {
        let has = |kind| self.bindings.iter().any(|binding| binding.kind() == kind);
        let fast = match self.channel {
            Channel::Clear => FastSet::EMPTY,
            Channel::Encrypted | Channel::Certified => allowed
                .iter()
                .filter(|mechanism| mechanism.binding().is_none_or(has))
                .collect(),
        };
        Self { fast, ..self }
    }

    /// Leaves out of SCRAM the proof that the offer arrived unchanged (XEP-0474), for clients that
    /// do not ignore the attribute, as RFC 5802 5.1 demands. strophe.js 1.6.1 is one.
    ///
    /// It is dangerous because a man in the middle can then weaken the offer unnoticed.
    #[must_use]
    pub fn dangerous_without_downgrade_protection(self) -> Self {
        Self {
            proof: OfferHash::LeftOut,
            ..self
        }
    }

    /// Returns the mechanisms offered. Their iterator has the order in which to list them.
    #[must_use]
    pub const fn mechanisms(&self) -> MechanismSet {
        self.mechanisms
    }

    /// Returns the names for `<sasl-channel-binding/>` (XEP-0440). There are none unless a -PLUS
    /// mechanism is offered.
    pub fn bindings(&self) -> impl Iterator<Item = &'static str> + '_ {
        let offered = self.mechanisms.has_plus();
        self.bindings
            .iter()
            .filter(move |_| offered)
            .map(|binding| binding.kind().as_str())
    }

    /// Returns the mechanisms of FAST offered. Their iterator has the order in which to list them.
    #[must_use]
    pub const fn fast_mechanisms(&self) -> FastSet {
        self.fast
    }

    /// Returns what the client sees of this offer, for XEP-0474: mechanisms and bindings, without
    /// FAST.
    #[must_use]
    pub fn record(&self) -> OfferRecord {
        OfferRecord::new(self.mechanisms.iter().map(MechanismName::as_str))
            .announcing(self.bindings())
    }

    /// Starts the receiving side of a mechanism of FAST: of a request with `<fast/>` (XEP-0484 3.4).
    /// `client` is the id of the client's `<user-agent/>`.
    ///
    /// # Errors
    ///
    /// `invalid-mechanism` unless `mechanism` is offered here in `<fast/>`.
    pub fn accept_fast(
        &self,
        mechanism: &str,
        client: Option<&str>,
    ) -> Result<Box<dyn Acceptor>, SaslCondition> {
        let acceptor = FastMechanism::from_name(mechanism)
            .filter(|mechanism| self.fast.contains(*mechanism))
            .and_then(|mechanism| HtAcceptor::new(mechanism, &self.bindings))
            .ok_or(SaslCondition::InvalidMechanism)?;
        Ok(Box::new(acceptor.client(client)))
    }

    /// Starts the receiving side of `mechanism`. A SCRAM acceptor proves to the client what was
    /// offered here (XEP-0474).
    ///
    /// The offer that counts is that of the SASL profile which the client uses (XEP-0474 6.1), so
    /// have an advertisement for each if they differ.
    ///
    /// `nonce` is 18 fresh random octets, which only SCRAM uses. `decoy` takes the place of unknown
    /// users.
    ///
    /// # Errors
    ///
    /// `invalid-mechanism` unless `mechanism` is offered here.
    pub fn accept(
        &self,
        mechanism: &str,
        decoy: &Decoy,
        nonce: [u8; 18],
    ) -> Result<Box<dyn Acceptor>, SaslCondition> {
        let name = MechanismName::from_name(mechanism)
            .filter(|name| self.mechanisms.contains(*name))
            .ok_or(SaslCondition::InvalidMechanism)?;
        let decoy = decoy.clone();
        Ok(match name {
            MechanismName::External => Box::new(ExternalAcceptor::new()),
            MechanismName::Anonymous => Box::new(AnonymousAcceptor::new()),
            MechanismName::Plain => Box::new(PlainAcceptor::new(decoy)),
            MechanismName::ScramPlus(hash) => {
                let binding = AcceptorBinding::Used(self.bindings.clone());
                Box::new(self.scram(ScramAcceptor::new(hash, binding, decoy, nonce)))
            }
            MechanismName::Scram(hash) => {
                let binding = if self.mechanisms.has_plus() {
                    AcceptorBinding::Offered
                } else {
                    AcceptorBinding::Absent
                };
                Box::new(self.scram(ScramAcceptor::new(hash, binding, decoy, nonce)))
            }
        })
    }

    fn scram(&self, acceptor: ScramAcceptor) -> ScramAcceptor {
        match self.proof {
            OfferHash::Sent => acceptor.offered(&self.record()),
            OfferHash::LeftOut => acceptor,
        }
    }
}
