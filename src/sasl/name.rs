//! The mechanisms of this crate, strongest first, and sets of them.
//!
//! A new mechanism gets a variant, a bit, a name, and a place in [`MechanismName::BY_PREFERENCE`].

use core::fmt;

use super::Hash;

/// A mechanism of this crate.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MechanismName {
    /// `EXTERNAL` (RFC 4422 A).
    External,
    /// `SCRAM-*-PLUS` (RFC 5802, 7677): bound to the TLS connection.
    ScramPlus(Hash),
    /// `SCRAM-*` (RFC 5802, 7677).
    Scram(Hash),
    /// `PLAIN` (RFC 4616).
    Plain,
    /// `ANONYMOUS` (RFC 4505, XEP-0175).
    Anonymous,
}

impl MechanismName {
    /// Every mechanism in the order of preference (RFC 6120 6.3.3).
    ///
    /// EXTERNAL comes first, as RFC 6120 6.3.4 asks of both sides. Bound SCRAM precedes unbound
    /// SCRAM even of a stronger hash, because RFC 5802 6 requires the binding whenever both sides
    /// can. PLAIN comes after all of them (RFC 6120 13.8.3).
    pub const BY_PREFERENCE: [Self; 9] = [
        Self::External,
        Self::ScramPlus(Hash::Sha512),
        Self::ScramPlus(Hash::Sha256),
        Self::ScramPlus(Hash::Sha1),
        Self::Scram(Hash::Sha512),
        Self::Scram(Hash::Sha256),
        Self::Scram(Hash::Sha1),
        Self::Plain,
        Self::Anonymous,
    ];

    /// Returns the IANA name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::ScramPlus(Hash::Sha512) => "SCRAM-SHA-512-PLUS",
            Self::ScramPlus(Hash::Sha256) => "SCRAM-SHA-256-PLUS",
            Self::ScramPlus(Hash::Sha1) => "SCRAM-SHA-1-PLUS",
            Self::Scram(Hash::Sha512) => "SCRAM-SHA-512",
            Self::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Hash::Sha1) => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
            Self::Anonymous => "ANONYMOUS",
        }
    }

    /// Returns the mechanism of this name, if this crate has it. Names are compared exactly,
    /// because they are upper case only (RFC 4422 3.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::BY_PREFERENCE
            .into_iter()
            .find(|mechanism| mechanism.as_str() == name)
    }

    /// Returns whether the mechanism is about a password or what was derived from one: SCRAM and
    /// PLAIN.
    #[must_use]
    pub const fn proves_password(self) -> bool {
        match self {
            Self::ScramPlus(_) | Self::Scram(_) | Self::Plain => true,
            Self::External | Self::Anonymous => false,
        }
    }

    const fn bit(self) -> u16 {
        1 << match self {
            Self::External => 0,
            Self::ScramPlus(hash) => 1 + hash as u16,
            Self::Scram(hash) => 4 + hash as u16,
            Self::Plain => 7,
            Self::Anonymous => 8,
        }
    }
}

impl fmt::Display for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`MechanismName`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct MechanismSet(u16);

impl MechanismSet {
    /// No mechanism.
    pub const EMPTY: Self = Self(0);

    /// Returns SCRAM with every hash, bound and unbound.
    #[must_use]
    pub const fn scram() -> Self {
        Self::EMPTY
            .with_scram(Hash::Sha512)
            .with_scram(Hash::Sha256)
            .with_scram(Hash::Sha1)
    }

    /// Returns this set with `mechanism`.
    #[must_use]
    pub const fn with(self, mechanism: MechanismName) -> Self {
        Self(self.0 | mechanism.bit())
    }

    /// Returns this set with SCRAM of `hash`, bound and unbound.
    #[must_use]
    pub const fn with_scram(self, hash: Hash) -> Self {
        self.with(MechanismName::ScramPlus(hash))
            .with(MechanismName::Scram(hash))
    }

    /// Returns this set without `mechanism`.
    #[must_use]
    pub const fn without(self, mechanism: MechanismName) -> Self {
        Self(self.0 & !mechanism.bit())
    }

    /// Returns what is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether `mechanism` is in the set.
    #[must_use]
    pub const fn contains(self, mechanism: MechanismName) -> bool {
        self.0 & mechanism.bit() != 0
    }

    /// Returns whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the members, preferred ones first. A receiving entity advertises them in this order
    /// (RFC 6120 6.3.4).
    pub fn iter(self) -> impl Iterator<Item = MechanismName> {
        MechanismName::BY_PREFERENCE
            .into_iter()
            .filter(move |mechanism| self.contains(*mechanism))
    }

    pub(crate) fn has_plus(self) -> bool {
        self.iter()
            .any(|mechanism| matches!(mechanism, MechanismName::ScramPlus(_)))
    }
}

impl FromIterator<MechanismName> for MechanismSet {
    fn from_iter<I: IntoIterator<Item = MechanismName>>(mechanisms: I) -> Self {
        mechanisms.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for MechanismSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_has_a_name_and_a_place_of_its_own() {
        for (index, mechanism) in MechanismName::BY_PREFERENCE.into_iter().enumerate() {
            assert_eq!(
                MechanismName::from_name(mechanism.as_str()),
                Some(mechanism)
            );
            let alone = MechanismSet::EMPTY.with(mechanism);
            assert_eq!(alone.iter().count(), 1, "{index}");
            assert!(alone.contains(mechanism));
            assert!(alone.without(mechanism).is_empty());
        }
        for stranger in ["", "plain", "SCRAM-SHA-224", "SCRAM-SHA-1-PLUS "] {
            assert_eq!(MechanismName::from_name(stranger), None);
        }
    }
}
