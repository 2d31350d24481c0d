//! The mechanisms of FAST: those that take a token in place of a password (XEP-0484).
//!
//! They are a set of their own, because they are listed in `<fast/>` and used with a token only: a
//! [`FastMechanism`] is never a [`MechanismName`](super::MechanismName), so neither can be taken for
//! the other. A new one gets a variant, a name and a place in [`FastMechanism::BY_PREFERENCE`].
//!
//! `HT-*-UNIQ` is left out, because `tls-unique` is (see
//! [`ChannelBindingKind`](super::ChannelBindingKind)).

use core::fmt;

use super::{ChannelBindingKind, Hash};

/// A mechanism of FAST: `HT-*` (draft-schmaus-kitten-sasl-ht-09 2).
///
/// That draft is implemented because XEP-0484 names it in this version, so that it is what both sides
/// of FAST mean by these names. draft-ietf-kitten-sasl-ht-02, which continues it, has other messages
/// under the same names: key/value pairs before the proof. An offer does not tell which is meant, so
/// only one of the two can be spoken. A message of the later draft is malformed here; the client's other
/// credentials can follow.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FastMechanism {
    /// `HT-SHA-512-EXPR`: bound to the TLS connection by `tls-exporter`.
    HtSha512Expr,
    /// `HT-SHA-256-EXPR`: bound to the TLS connection by `tls-exporter`.
    HtSha256Expr,
    /// `HT-SHA-512-ENDP`: bound to the server's certificate by `tls-server-end-point`.
    HtSha512Endp,
    /// `HT-SHA-256-ENDP`: bound to the server's certificate by `tls-server-end-point`.
    HtSha256Endp,
    /// `HT-SHA-512-NONE`: without channel binding.
    HtSha512None,
    /// `HT-SHA-256-NONE`: without channel binding.
    HtSha256None,
}

impl FastMechanism {
    /// Every mechanism in the order of preference.
    ///
    /// The binding decides before the hash: clients must prefer channel binding (XEP-0484 6), and
    /// `tls-exporter` to `tls-server-end-point` (XEP-0440, rule 7). Both hashes are good for
    /// authentication codes.
    pub const BY_PREFERENCE: [Self; 6] = [
        Self::HtSha512Expr,
        Self::HtSha256Expr,
        Self::HtSha512Endp,
        Self::HtSha256Endp,
        Self::HtSha512None,
        Self::HtSha256None,
    ];

    /// Returns the name on the wire, e.g. `HT-SHA-256-EXPR`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HtSha512Expr => "HT-SHA-512-EXPR",
            Self::HtSha256Expr => "HT-SHA-256-EXPR",
            Self::HtSha512Endp => "HT-SHA-512-ENDP",
            Self::HtSha256Endp => "HT-SHA-256-ENDP",
            Self::HtSha512None => "HT-SHA-512-NONE",
            Self::HtSha256None => "HT-SHA-256-NONE",
        }
    }

    /// Returns the mechanism of this name, if this crate has it. Names are compared exactly, because
    /// they are upper case only (RFC 4422 3.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::BY_PREFERENCE
            .into_iter()
            .find(|mechanism| mechanism.as_str() == name)
    }

    /// Returns the hash.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::HtSha512Expr | Self::HtSha512Endp | Self::HtSha512None => Hash::Sha512,
            Self::HtSha256Expr | Self::HtSha256Endp | Self::HtSha256None => Hash::Sha256,
        }
    }

    /// Returns the channel binding, or `None` for `HT-*-NONE`.
    #[must_use]
    pub const fn binding(self) -> Option<ChannelBindingKind> {
        match self {
            Self::HtSha512Expr | Self::HtSha256Expr => Some(ChannelBindingKind::TlsExporter),
            Self::HtSha512Endp | Self::HtSha256Endp => Some(ChannelBindingKind::TlsServerEndPoint),
            Self::HtSha512None | Self::HtSha256None => None,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for FastMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`FastMechanism`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FastSet(u8);

impl FastSet {
    /// No mechanism.
    pub const EMPTY: Self = Self(0);

    /// Returns every mechanism.
    #[must_use]
    pub const fn all() -> Self {
        Self::bound()
            .with(FastMechanism::HtSha512None)
            .with(FastMechanism::HtSha256None)
    }

    /// Returns every mechanism with channel binding.
    #[must_use]
    pub const fn bound() -> Self {
        Self::EMPTY
            .with(FastMechanism::HtSha512Expr)
            .with(FastMechanism::HtSha256Expr)
            .with(FastMechanism::HtSha512Endp)
            .with(FastMechanism::HtSha256Endp)
    }

    /// Takes the names in `<fast/>` (XEP-0484 3.1). Unknown names are ignored.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().fold(Self::EMPTY, Self::with_name)
    }

    /// Adds one name in `<fast/>`, as [`from_names`](Self::from_names) does.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        match FastMechanism::from_name(name) {
            Some(mechanism) => self.with(mechanism),
            None => self,
        }
    }

    /// Returns this set with `mechanism`.
    #[must_use]
    pub const fn with(self, mechanism: FastMechanism) -> Self {
        Self(self.0 | mechanism.bit())
    }

    /// Returns this set without `mechanism`.
    #[must_use]
    pub const fn without(self, mechanism: FastMechanism) -> Self {
        Self(self.0 & !mechanism.bit())
    }

    /// Returns what is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether `mechanism` is in the set.
    #[must_use]
    pub const fn contains(self, mechanism: FastMechanism) -> bool {
        self.0 & mechanism.bit() != 0
    }

    /// Returns whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the members, preferred ones first.
    pub fn iter(self) -> impl Iterator<Item = FastMechanism> {
        FastMechanism::BY_PREFERENCE
            .into_iter()
            .filter(move |mechanism| self.contains(*mechanism))
    }
}

impl FromIterator<FastMechanism> for FastSet {
    fn from_iter<I: IntoIterator<Item = FastMechanism>>(mechanisms: I) -> Self {
        mechanisms.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for FastSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::sasl::{MechanismName, MechanismOffer};

    #[test]
    fn every_fast_mechanism_has_a_name_that_says_its_hash_and_binding() {
        for mechanism in FastMechanism::BY_PREFERENCE {
            let binding = match mechanism.binding() {
                Some(ChannelBindingKind::TlsExporter) => "EXPR",
                Some(ChannelBindingKind::TlsServerEndPoint) => "ENDP",
                None => "NONE",
            };
            let name = format!("HT-{}-{binding}", mechanism.hash());
            assert_eq!(mechanism.as_str(), name);
            assert_eq!(FastMechanism::from_name(&name), Some(mechanism));
            let alone = FastSet::from_names([name.as_str()]);
            assert!(alone.iter().eq([mechanism]));
            assert!(alone.without(mechanism).is_empty());
            assert_eq!(
                FastSet::bound().contains(mechanism),
                mechanism.binding().is_some()
            );
        }
        assert!(FastSet::all().iter().eq(FastMechanism::BY_PREFERENCE));
        for stranger in [
            "",
            "HT-SHA-256-UNIQ",
            "HT-SHA-1-NONE",
            "ht-sha-256-none",
            "HT-SHA-256-NONE ",
            "SCRAM-SHA-256",
        ] {
            assert_eq!(FastMechanism::from_name(stranger), None);
        }
    }

    /// A mechanism of FAST that is listed as an ordinary one would be started without a token.
    #[test]
    fn fast_and_ordinary_mechanisms_do_not_mix() {
        let fast = FastMechanism::BY_PREFERENCE.map(FastMechanism::as_str);
        assert_eq!(MechanismOffer::new(fast), MechanismOffer::default());
        let ordinary = MechanismName::BY_PREFERENCE.map(MechanismName::as_str);
        assert!(FastSet::from_names(ordinary).is_empty());
    }
}
