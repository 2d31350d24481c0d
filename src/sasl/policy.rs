//! Which mechanisms an initiating entity allows, whatever the server offers (RFC 6120 13.8,
//! 13.9.4).
//!
//! This file holds settings and their defaults; what they lead to is decided in `select.rs`.

use super::{DowngradeProtection, FastSet, Hash, MechanismName, MechanismSet};

/// Says which mechanisms may be used, and how much channel binding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MechanismPolicy {
    allowed: MechanismSet,
    pub(super) binding: BindingUse,
    unverified: Unverified,
    fast: FastSet,
    downgrade_protection: DowngradeProtection,
}

/// How much channel binding matters. The table of [`select`](super::select()) has every case.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindingUse {
    /// Channel binding is used if the server offers it. A server that announces bindings, or offers
    /// a -PLUS mechanism, is authenticated to with channel binding or not at all.
    #[default]
    Preferred,
    /// No password mechanism is used without channel binding.
    Required,
    /// A server that announces bindings is authenticated to as under [`Preferred`](Self::Preferred).
    /// One that offers -PLUS and announces none is authenticated to without channel binding.
    ///
    /// This is for servers that offer -PLUS with `tls-unique` alone, as those of Debian 12 do. It is
    /// dangerous because an attacker can remove the announcement of any server.
    DangerousIfAnnounced,
}

impl MechanismPolicy {
    /// Allows EXTERNAL, SCRAM with all hashes, and ANONYMOUS, but not PLAIN; and tokens for every
    /// mechanism of FAST. Which of them can be used is up to the
    /// [`Capabilities`](super::Capabilities).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            allowed: MechanismSet::scram()
                .with(MechanismName::External)
                .with(MechanismName::Anonymous),
            binding: BindingUse::Preferred,
            unverified: Unverified::NothingSecret,
            fast: FastSet::all(),
            downgrade_protection: DowngradeProtection::IfPresent,
        }
    }

    /// Returns the mechanisms that may be used.
    #[must_use]
    pub const fn allowed(&self) -> MechanismSet {
        self.allowed
    }

    /// Allows exactly these mechanisms. Without any -PLUS mechanism, channel binding is not used
    /// and SCRAM sends the flag `n`.
    #[must_use]
    pub const fn allow(self, allowed: MechanismSet) -> Self {
        Self { allowed, ..self }
    }

    /// Allows PLAIN as well: a verified server may see the password if it offers nothing better.
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

    /// Sets for which mechanisms of FAST a token is requested and used. [`FastSet::EMPTY`] turns FAST
    /// off.
    #[must_use]
    pub const fn fast(self, fast: FastSet) -> Self {
        Self { fast, ..self }
    }

    /// Returns the mechanisms of FAST that may be used: only those with channel binding if it is
    /// [required](Self::requires_binding).
    #[must_use]
    pub fn allowed_fast(&self) -> FastSet {
        if self.requires_binding() {
            self.fast.intersection(FastSet::bound())
        } else {
            self.fast
        }
    }

    /// Logs in with a password only where SCRAM proves that the offer arrived unchanged (XEP-0474):
    /// PLAIN is not chosen, and a SCRAM exchange without that proof ends in
    /// [`SaslError::NoDowngradeProtection`](super::SaslError::NoDowngradeProtection).
    #[must_use]
    pub const fn require_downgrade_protection(self) -> Self {
        Self {
            downgrade_protection: DowngradeProtection::Required,
            ..self
        }
    }

    /// Returns what a [`ScramClient`](super::ScramClient) is told about the offer.
    #[must_use]
    pub const fn downgrade_protection(&self) -> DowngradeProtection {
        self.downgrade_protection
    }

    /// Sets how much channel binding matters.
    #[must_use]
    pub const fn binding(self, binding: BindingUse) -> Self {
        Self { binding, ..self }
    }

    /// Returns whether a password is used only with channel binding.
    #[must_use]
    pub fn requires_binding(&self) -> bool {
        self.binding == BindingUse::Required
    }

    /// Allows SCRAM without TLS, and with a server that is not verified.
    ///
    /// It is dangerous because the messages are enough to guess a password offline (RFC 5802 9).
    /// PLAIN and EXTERNAL remain forbidden (RFC 6120 13.8.3).
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
        let carried = match (verified, self.unverified) {
            (true, _) => MechanismName::BY_PREFERENCE.into_iter().collect(),
            (false, Unverified::NothingSecret) => anonymous,
            (false, Unverified::Scram) => MechanismSet::scram().with(MechanismName::Anonymous),
        };
        match self.downgrade_protection {
            DowngradeProtection::IfPresent => carried,
            DowngradeProtection::Required => carried.without(MechanismName::Plain),
        }
    }
}

/// What may be sent to a server that is not verified.
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
