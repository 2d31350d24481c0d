//! What an initiating entity allows of SASL, whatever it is offered (RFC 6120
//! sections 13.8 and 13.9.4).

use super::{Hash, MechanismName, MechanismSet};

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MechanismPolicy {
    allowed: MechanismSet,
    pub(super) binding: BindingUse,
    unverified: Unverified,
}

/// How much channel binding matters.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindingUse {
    /// Used whenever both sides can, and signs of tampering end the attempt:
    /// the table of [`select`](super::select()).
    #[default]
    Preferred,
    /// No password mechanism without it.
    Required,
    /// Used if possible; where the table says "refused", the client goes on
    /// unbound. For servers that offer -PLUS with bindings nobody has (say
    /// `tls-unique` alone): what they look like is also what an attacker looks
    /// like.
    DangerousIfPossible,
}

impl MechanismPolicy {
    /// EXTERNAL, SCRAM with all hashes, and ANONYMOUS (of which [`Capabilities`](super::Capabilities) says
    /// what there is); no PLAIN.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            allowed: MechanismSet::scram()
                .with(MechanismName::External)
                .with(MechanismName::Anonymous),
            binding: BindingUse::Preferred,
            unverified: Unverified::NothingSecret,
        }
    }

    /// The mechanisms that may be used.
    #[must_use]
    pub const fn allowed(&self) -> MechanismSet {
        self.allowed
    }

    /// Allows exactly these mechanisms.
    #[must_use]
    pub const fn allow(self, allowed: MechanismSet) -> Self {
        Self { allowed, ..self }
    }

    /// Allows PLAIN too: a server that has been verified may see the password
    /// if it offers nothing better.
    #[must_use]
    pub const fn allow_plain(self) -> Self {
        self.allow(self.allowed.with(MechanismName::Plain))
    }

    /// Forbids SCRAM with hashes weaker than `minimum`, and PLAIN.
    #[must_use]
    pub fn minimum(self, minimum: Hash) -> Self {
        let strong = |mechanism: &MechanismName| match mechanism {
            MechanismName::ScramPlus(hash) | MechanismName::Scram(hash) => *hash >= minimum,
            MechanismName::Plain => false,
            MechanismName::External | MechanismName::Anonymous => true,
        };
        self.allow(self.allowed.iter().filter(strong).collect())
    }

    /// How much channel binding matters.
    #[must_use]
    pub const fn binding(self, binding: BindingUse) -> Self {
        Self { binding, ..self }
    }

    /// Whether a password is used with channel binding alone.
    #[must_use]
    pub fn requires_binding(&self) -> bool {
        self.binding == BindingUse::Required
    }

    /// Allows SCRAM without TLS, or with a server nobody verified. What is
    /// sent then is enough to guess the password offline (RFC 5802 section 9).
    /// PLAIN and EXTERNAL stay out (RFC 6120 section 13.8.3).
    #[must_use]
    pub const fn dangerous_scram_to_unverified(self) -> Self {
        Self {
            unverified: Unverified::Scram,
            ..self
        }
    }

    /// What the connection may carry.
    pub(super) fn carried(self, verified: bool) -> MechanismSet {
        let anonymous = MechanismSet::EMPTY.with(MechanismName::Anonymous);
        match (verified, self.unverified) {
            (true, _) => MechanismName::BY_PREFERENCE.into_iter().collect(),
            (false, Unverified::NothingSecret) => anonymous,
            (false, Unverified::Scram) => MechanismSet::scram().with(MechanismName::Anonymous),
        }
    }
}

/// What a server that was not verified gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unverified {
    NothingSecret,
    Scram,
}

impl Default for MechanismPolicy {
    fn default() -> Self {
        Self::new()
    }
}
