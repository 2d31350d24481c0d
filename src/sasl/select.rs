//! Chooses the mechanism of the initiating side, and what SCRAM tells the server about channel
//! binding (RFC 6120 6.3.3, 13.8, 13.9.4; RFC 5802 6; XEP-0440).
//!
//! [`select`] is a pure function of three values: what the server offers ([`MechanismOffer`]), what
//! this side has ([`Capabilities`]) and what it allows ([`MechanismPolicy`]). The order of
//! mechanisms is fixed by strength ([`MechanismName::BY_PREFERENCE`]); the server's order has no
//! influence. A change of the table of [`select`] changes what a man in the middle can do; the
//! tests of its cells must change with it.

use super::{
    BindingUse, ChannelBindingData, ChannelBindingKind, ClientBinding, Hash, MechanismName,
    MechanismPolicy, MechanismSet,
};

/// Chooses the mechanism for an offer, or refuses to authenticate.
///
/// # Channel binding
///
/// The table applies where a password or SCRAM keys are used and the policy allows a -PLUS
/// mechanism. "Ours" are the bindings of this TLS connection. There may be none of them: TLS 1.2
/// with an Ed25519 certificate defines no binding (RFC 5929 4.1).
///
/// | -PLUS offered | bindings announced (XEP-0440) | ours | [`Preferred`](BindingUse::Preferred) | [`Required`](BindingUse::Required) | [`DangerousIfAnnounced`](BindingUse::DangerousIfAnnounced) |
/// |---|---|---|---|---|---|
/// | allowed hash | one of ours | any | bound, best common | as Preferred | as Preferred |
/// | allowed hash | none of ours | any or none | `NoCommonBinding` | as Preferred | as Preferred |
/// | allowed hash | not announced | any | bound, our best | as Preferred | unbound, `n` |
/// | allowed hash | not announced | none | `NoCommonBinding` | as Preferred | unbound, `n` |
/// | other hashes only | one of ours | any | `NoCommonMechanism` | as Preferred | as Preferred |
/// | other hashes only | none of ours | any or none | `NoCommonBinding` | as Preferred | as Preferred |
/// | other hashes only | not announced | any | `NoCommonMechanism` | as Preferred | unbound, `n` |
/// | other hashes only | not announced | none | `NoCommonBinding` | as Preferred | unbound, `n` |
/// | no | announced | any or none | `PlusStripped` | as Preferred | as Preferred |
/// | no | not announced | any or none | unbound, `y` | `BindingRequired` | unbound, `y` |
///
/// If the policy allows no -PLUS mechanism, the flag is `n` in every row, and `Required` refuses.
///
/// One login is one attempt: the result of a bound attempt is final, and no unbound attempt follows
/// it. The third row is a guess, because the server did not say which bindings it knows; RFC 5802 6
/// demands it ("MUST use a 'p'"), and XEP-0440 rule 4 permits it. Servers that know only
/// `tls-unique` refuse it. To log in there, set [`BindingUse::DangerousIfAnnounced`]. After a
/// [refused mechanism](MechanismOffer::refused), the next one is chosen from the same row.
///
/// Row two is stricter than XEP-0440 rule 6, which lets a client go on if the server announces
/// `tls-server-end-point`: an attacker could present a certificate for which that binding is
/// undefined. For the same reason a connection without bindings sends `y` in the last row: a server
/// that did offer -PLUS then notices that somebody removed it (RFC 5802 6).
///
/// # What a man in the middle can do
///
/// Assume an attacker with a certificate that the client trusts, between the client and an honest
/// server. Under [`Preferred`](BindingUse::Preferred), he can remove both the -PLUS mechanisms and
/// the announcement. The client then sends `y`. A server that offers -PLUS refuses that, so he gets
/// in only at a server that has no -PLUS, or that does not check the flag; there he can read and
/// change everything. If the policy allows PLAIN, he can offer PLAIN alone and read the password.
/// Under [`Required`](BindingUse::Required) neither works, because no password mechanism starts
/// unbound. If he leaves -PLUS or the announcement in place, he gets in under neither policy. Under
/// both he can play the server himself and get a SCRAM proof, from which weak passwords can be
/// guessed offline (RFC 5802 9), and he can always prevent a login. An attacker who has the
/// certificate and the key of the server itself passes `tls-server-end-point`, but not
/// `tls-exporter` (XEP-0440).
///
/// # Errors
///
/// [`SelectError`]: nothing suits, or the offer looks tampered with. No mechanism may be used then.
pub fn select(
    offer: MechanismOffer,
    capabilities: Capabilities,
    policy: MechanismPolicy,
) -> Result<Choice, SelectError> {
    let usable = offer
        .mechanisms
        .intersection(capabilities.mechanisms)
        .intersection(policy.allowed());
    let candidates = usable.intersection(policy.carried(capabilities.verified));
    if candidates.contains(MechanismName::External) {
        return Ok(Choice {
            mechanism: MechanismName::External,
            flag: BindingFlag::Unsupported,
        });
    }
    let flag = if candidates.iter().any(MechanismName::proves_password) {
        binding(offer, capabilities, policy, candidates)?
    } else {
        BindingFlag::Unsupported
    };
    let bound = matches!(flag, BindingFlag::Bound(_));
    // `Bound` implies a -PLUS candidate, and those are preferred to unbound ones.
    candidates
        .iter()
        .find(|mechanism| bound || !matches!(mechanism, MechanismName::ScramPlus(_)))
        .map(|mechanism| Choice { mechanism, flag })
        .ok_or(if candidates.is_empty() && !usable.is_empty() {
            SelectError::NotVerified
        } else {
            SelectError::NoMechanism
        })
}

/// The table of [`select`].
fn binding(
    offer: MechanismOffer,
    capabilities: Capabilities,
    policy: MechanismPolicy,
    candidates: MechanismSet,
) -> Result<BindingFlag, SelectError> {
    let allowed = capabilities.mechanisms.intersection(policy.allowed());
    let common = match offer.announced {
        Some(announced) => announced.intersection(capabilities.bindings),
        None => capabilities.bindings,
    };
    let strict = if !allowed.has_plus() {
        Ok(BindingFlag::Unsupported)
    } else if offer.plus {
        match common.preferred() {
            Some(kind) if candidates.has_plus() => Ok(BindingFlag::Bound(kind)),
            Some(_) => Err(Downgrade::NoCommonMechanism),
            None => Err(Downgrade::NoCommonBinding),
        }
    } else if offer.announced.is_some() {
        Err(Downgrade::PlusStripped)
    } else {
        Ok(BindingFlag::NotOffered)
    };
    match (policy.binding, strict) {
        // A guess that failed could not be followed by an unbound attempt.
        (BindingUse::DangerousIfAnnounced, Ok(BindingFlag::Bound(_)) | Err(_))
            if offer.announced.is_none() =>
        {
            Ok(BindingFlag::Unsupported)
        }
        (BindingUse::Required, Ok(BindingFlag::Unsupported | BindingFlag::NotOffered)) => {
            Err(SelectError::BindingRequired)
        }
        (_, Ok(flag)) => Ok(flag),
        (_, Err(downgrade)) => Err(SelectError::Downgrade(downgrade)),
    }
}

/// Holds what the server offers on this stream: mechanisms and channel bindings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MechanismOffer {
    mechanisms: MechanismSet,
    plus: bool,
    announced: Option<BindingSet>,
}

impl MechanismOffer {
    /// Takes the names in `<mechanisms/>`. Unknown names are ignored, except that an unknown
    /// `SCRAM-*-PLUS` still shows that the server supports channel binding.
    pub fn new<'a>(mechanisms: impl IntoIterator<Item = &'a str>) -> Self {
        mechanisms.into_iter().fold(Self::default(), Self::with)
    }

    /// Adds one name in `<mechanisms/>`, as [`new`](Self::new) does.
    pub(crate) fn with(mut self, name: &str) -> Self {
        self.plus |= name.starts_with("SCRAM-") && name.ends_with("-PLUS");
        if let Some(mechanism) = MechanismName::from_name(name) {
            self.mechanisms = self.mechanisms.with(mechanism);
        }
        self
    }

    /// Adds the names in `<sasl-channel-binding/>` (XEP-0440). Do not call it if the server sent no
    /// such element. An empty list counts as no announcement.
    #[must_use]
    pub fn announcing<'a>(self, bindings: impl IntoIterator<Item = &'a str>) -> Self {
        let silent = Self {
            announced: None,
            ..self
        };
        bindings.into_iter().fold(silent, Self::with_announced)
    }

    /// Adds one name in `<sasl-channel-binding/>`. An unknown one counts as an announcement, too.
    pub(crate) fn with_announced(self, name: &str) -> Self {
        let announced = self.announced.unwrap_or_default();
        let announced = match ChannelBindingKind::from_name(name) {
            Some(kind) => announced.with(kind),
            None => announced,
        };
        Self {
            announced: Some(announced),
            ..self
        }
    }

    /// Removes a mechanism that the server has refused on this stream.
    ///
    /// What the offer says about channel binding stays: after `SCRAM-*-PLUS` was refused, no
    /// unbound mechanism is chosen in its place. To narrow the [`MechanismPolicy`] instead would
    /// lose that.
    #[must_use]
    pub const fn refused(self, mechanism: MechanismName) -> Self {
        Self {
            mechanisms: self.mechanisms.without(mechanism),
            ..self
        }
    }

    /// Returns whether the server announces its channel bindings.
    #[must_use]
    pub const fn announces_bindings(&self) -> bool {
        self.announced.is_some()
    }
}

/// Holds what this side has to authenticate with on this connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities {
    mechanisms: MechanismSet,
    verified: bool,
    bindings: BindingSet,
}

impl Capabilities {
    /// Returns no capabilities.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// States that the server's certificate was verified for the name that was asked for.
    #[must_use]
    pub const fn verified(self) -> Self {
        Self {
            verified: true,
            ..self
        }
    }

    /// Adds a password: SCRAM and PLAIN.
    #[must_use]
    pub fn password(mut self) -> Self {
        for hash in [Hash::Sha512, Hash::Sha256, Hash::Sha1] {
            self = self.keys(hash);
        }
        self.mechanism(MechanismName::Plain)
    }

    /// Adds cached keys for SCRAM with `hash`.
    #[must_use]
    pub const fn keys(self, hash: Hash) -> Self {
        self.mechanism(MechanismName::Scram(hash))
            .mechanism(MechanismName::ScramPlus(hash))
    }

    /// Adds the client certificate that was sent in the TLS handshake.
    #[must_use]
    pub const fn certificate(self) -> Self {
        self.mechanism(MechanismName::External)
    }

    /// Adds ANONYMOUS, which the user asked for.
    #[must_use]
    pub const fn anonymous(self) -> Self {
        self.mechanism(MechanismName::Anonymous)
    }

    /// Adds a channel binding that this TLS connection has.
    #[must_use]
    pub const fn binding(self, kind: ChannelBindingKind) -> Self {
        Self {
            bindings: self.bindings.with(kind),
            ..self
        }
    }

    /// Returns whether the server was verified.
    pub(super) const fn is_verified(self) -> bool {
        self.verified
    }

    /// Returns whether there is a password, and not only keys made from it.
    pub(super) const fn has_password(self) -> bool {
        self.mechanisms.contains(MechanismName::Plain)
    }

    /// Returns whether the connection has this channel binding.
    pub(super) const fn has_binding(self, kind: ChannelBindingKind) -> bool {
        self.bindings.contains(kind)
    }

    const fn mechanism(self, mechanism: MechanismName) -> Self {
        Self {
            mechanisms: self.mechanisms.with(mechanism),
            ..self
        }
    }
}

/// The mechanism to use, and what it tells the server about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    mechanism: MechanismName,
    flag: BindingFlag,
}

/// The `gs2-cbind-flag` (RFC 5802 7).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingFlag {
    /// `n`: this side does not use channel binding.
    Unsupported,
    /// `y`: this side supports channel binding, but the server seems not to.
    NotOffered,
    /// `p`: this binding is used.
    Bound(ChannelBindingKind),
}

impl Choice {
    /// Returns the mechanism.
    #[must_use]
    pub const fn mechanism(self) -> MechanismName {
        self.mechanism
    }

    /// Returns the flag.
    #[must_use]
    pub const fn flag(self) -> BindingFlag {
        self.flag
    }

    /// Returns the argument for a [`ScramClient`](super::ScramClient), with the data from this
    /// connection's `bindings`. Returns `None` if the chosen kind is not among them, that is if
    /// [`Capabilities`] named a binding that the connection does not have.
    #[must_use]
    pub fn client_binding(self, bindings: &[ChannelBindingData]) -> Option<ClientBinding> {
        match self.flag {
            BindingFlag::Unsupported => Some(ClientBinding::Unsupported),
            BindingFlag::NotOffered => Some(ClientBinding::NotOffered),
            BindingFlag::Bound(kind) => bindings
                .iter()
                .find(|binding| binding.kind() == kind)
                .cloned()
                .map(ClientBinding::Bound),
        }
    }
}

/// The error of [`select`]: no mechanism may be used.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SelectError {
    /// No offered mechanism is both allowed and possible.
    #[error("the server offers no mechanism that is allowed and possible")]
    NoMechanism,
    /// An offered mechanism would suit, but needs a verified server (RFC 6120 13.8.3).
    #[error("the server is not verified, and what it offers needs that")]
    NotVerified,
    /// [`BindingUse::Required`] is set, and the server offers no channel binding or the policy
    /// allows no -PLUS mechanism.
    #[error("channel binding is required and not possible")]
    BindingRequired,
    /// The offer looks as if somebody had tampered with it.
    #[error("downgrade suspected: {0}")]
    Downgrade(Downgrade),
}

/// What looks like tampering in an offer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Downgrade {
    /// -PLUS is offered, but this connection has no channel binding that the server announces, or
    /// has none at all.
    #[error("no common channel binding")]
    NoCommonBinding,
    /// -PLUS is offered, but only with hashes that are not allowed or were refused.
    #[error("no common mechanism with channel binding")]
    NoCommonMechanism,
    /// Channel bindings are announced, but no -PLUS mechanism is offered.
    #[error("channel bindings without a mechanism to use them")]
    PlusStripped,
}

/// A set of [`ChannelBindingKind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct BindingSet(u8);

impl BindingSet {
    const fn with(self, kind: ChannelBindingKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn contains(self, kind: ChannelBindingKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    fn preferred(self) -> Option<ChannelBindingKind> {
        ChannelBindingKind::BY_PREFERENCE
            .into_iter()
            .find(|kind| self.contains(*kind))
    }
}
