//! What a server offers on a stream, and the start of the mechanism that the peer chooses.
//!
//! This file is where a name becomes an [`Acceptor`]; a new mechanism gets a row in both functions
//! that match on [`MechanismName`].

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{
    Acceptor, AcceptorBinding, AnonymousAcceptor, ChannelBindingData, Decoy, ExternalAcceptor,
    MechanismName, MechanismSet, PlainAcceptor, SaslCondition, ScramAcceptor,
};

/// What a receiving entity offers on one stream: mechanisms, and the channel bindings for the -PLUS
/// ones.
///
/// Make a new one after each stream restart, because TLS changes it. It is the only way to start an
/// acceptor by name, so a mechanism that was not offered on this stream is refused.
#[derive(Clone, Debug)]
pub struct Advertisement {
    mechanisms: MechanismSet,
    bindings: Vec<ChannelBindingData>,
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
            bindings,
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

    /// Starts the receiving side of `mechanism`.
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
                Box::new(ScramAcceptor::new(hash, binding, decoy, nonce))
            }
            MechanismName::Scram(hash) => {
                let binding = if self.mechanisms.has_plus() {
                    AcceptorBinding::Offered
                } else {
                    AcceptorBinding::Absent
                };
                Box::new(ScramAcceptor::new(hash, binding, decoy, nonce))
            }
        })
    }
}
