//! Which mechanism the initiating side uses (RFC 6120 sections 6.3.3, 13.8,
//! 13.9.4; RFC 5802 section 6; XEP-0440).
//!
//! The order is fixed, by strength, and does not look at the server's
//! ([`MechanismName::BY_PREFERENCE`]); the policy only says what is allowed.

use super::{
    BindingUse, ChannelBindingData, ChannelBindingKind, ClientBinding, Hash, MechanismName,
    MechanismPolicy, MechanismSet,
};

/// Chooses the mechanism for what is offered, given what we have and allow.
///
/// Where a password is about to be used, this session has a channel binding
/// and the policy allows a -PLUS mechanism, the client supports channel
/// binding in the sense of RFC 5802, and what the server offers decides:
///
/// | -PLUS offered | bindings announced | then |
/// |---|---|---|
/// | yes | none (no XEP-0440) | bound, with the best binding of this session (a connection tries once more without: the server may know none of ours) |
/// | yes | one we have | bound, with the best common one |
/// | yes | none we have | refused: no common binding |
/// | yes, none allowed | any | refused: no common mechanism |
/// | no | some | refused: -PLUS was stripped (XEP-0440, rule 5) |
/// | no | none | unbound, flag `y`: a server that did offer -PLUS notices |
///
/// Otherwise it does not, and the flag is `n`. Row three is stricter than
/// XEP-0440, which lets a client go on if `tls-server-end-point` is announced:
/// an attacker with a certificate for which that binding is undefined would
/// profit. [`BindingUse`] can relax or tighten this.
///
/// # Errors
/// [`SelectError`]: nothing suits, or the offer smells of tampering. Either way no
/// mechanism may be used.
pub fn select(
    offer: MechanismOffer,
    means: Capabilities,
    policy: MechanismPolicy,
) -> Result<Choice, SelectError> {
    let usable = offer
        .mechanisms
        .intersection(means.mechanisms)
        .intersection(policy.allowed());
    let candidates = usable.intersection(policy.carried(means.verified));
    if candidates.contains(MechanismName::External) {
        return Ok(Choice {
            mechanism: MechanismName::External,
            flag: BindingFlag::Unsupported,
        });
    }
    let flag = if candidates.iter().any(needs_password) {
        binding(offer, means, policy, candidates)?
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

/// The table of [`select`], row by row.
fn binding(
    offer: MechanismOffer,
    means: Capabilities,
    policy: MechanismPolicy,
    candidates: MechanismSet,
) -> Result<BindingFlag, SelectError> {
    let supported =
        !means.bindings.is_empty() && means.mechanisms.intersection(policy.allowed()).has_plus();
    let relaxed = policy.binding == BindingUse::DangerousIfPossible;
    let flag = match (supported, offer.plus, offer.announced) {
        (false, _, _) => BindingFlag::Unsupported,
        (true, true, announced) => {
            let common = announced.map_or(means.bindings, |set| set.intersection(means.bindings));
            match common.preferred() {
                Some(kind) if candidates.has_plus() => BindingFlag::Bound(kind),
                _ if relaxed => BindingFlag::Unsupported,
                Some(_) => return Err(SelectError::Downgrade(Downgrade::NoCommonMechanism)),
                None => return Err(SelectError::Downgrade(Downgrade::NoCommonBinding)),
            }
        }
        (true, false, Some(_)) if !relaxed => {
            return Err(SelectError::Downgrade(Downgrade::PlusStripped));
        }
        (true, false, _) => BindingFlag::NotOffered,
    };
    match (policy.binding, flag) {
        (BindingUse::Required, BindingFlag::Unsupported | BindingFlag::NotOffered) => {
            Err(SelectError::BindingRequired)
        }
        _ => Ok(flag),
    }
}

fn needs_password(mechanism: MechanismName) -> bool {
    match mechanism {
        MechanismName::ScramPlus(_) | MechanismName::Scram(_) | MechanismName::Plain => true,
        MechanismName::External | MechanismName::Anonymous => false,
    }
}

/// What the server offers on this stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MechanismOffer {
    mechanisms: MechanismSet,
    plus: bool,
    announced: Option<BindingSet>,
}

impl MechanismOffer {
    /// From the names in `<mechanisms/>`. Unknown ones are passed over, but an
    /// unknown `SCRAM-*-PLUS` still tells that the server supports channel
    /// binding.
    pub fn new<'a>(mechanisms: impl IntoIterator<Item = &'a str>) -> Self {
        let mut offer = Self::default();
        for name in mechanisms {
            offer.plus |= name.starts_with("SCRAM-") && name.ends_with("-PLUS");
            if let Some(mechanism) = MechanismName::from_name(name) {
                offer.mechanisms = offer.mechanisms.with(mechanism);
            }
        }
        offer
    }

    /// With the names in `<sasl-channel-binding/>` (XEP-0440). Not to be
    /// called when the server sent no such element; an empty list counts as
    /// none.
    #[must_use]
    pub fn announcing<'a>(self, bindings: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = bindings.into_iter().peekable();
        let announced = names.peek().is_some().then(|| {
            names
                .filter_map(ChannelBindingKind::from_name)
                .fold(BindingSet::default(), BindingSet::with)
        });
        Self { announced, ..self }
    }

    /// Whether the server names its channel bindings.
    #[must_use]
    pub const fn announces_bindings(&self) -> bool {
        self.announced.is_some()
    }
}

/// What this session has to authenticate with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities {
    mechanisms: MechanismSet,
    verified: bool,
    bindings: BindingSet,
}

impl Capabilities {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// TLS is up and the server's certificate was verified for the name we
    /// wanted.
    #[must_use]
    pub const fn verified(self) -> Self {
        Self {
            verified: true,
            ..self
        }
    }

    /// There is a password: SCRAM and PLAIN.
    #[must_use]
    pub fn password(mut self) -> Self {
        for hash in [Hash::Sha512, Hash::Sha256, Hash::Sha1] {
            self = self.keys(hash);
        }
        self.mechanism(MechanismName::Plain)
    }

    /// There are cached keys for SCRAM with `hash`.
    #[must_use]
    pub const fn keys(self, hash: Hash) -> Self {
        self.mechanism(MechanismName::Scram(hash))
            .mechanism(MechanismName::ScramPlus(hash))
    }

    /// A client certificate was shown in the TLS handshake.
    #[must_use]
    pub const fn certificate(self) -> Self {
        self.mechanism(MechanismName::External)
    }

    /// The user asked to be anonymous.
    #[must_use]
    pub const fn anonymous(self) -> Self {
        self.mechanism(MechanismName::Anonymous)
    }

    /// This session has a channel binding of this kind.
    #[must_use]
    pub const fn binding(self, kind: ChannelBindingKind) -> Self {
        Self {
            bindings: self.bindings.with(kind),
            ..self
        }
    }

    const fn mechanism(self, mechanism: MechanismName) -> Self {
        Self {
            mechanisms: self.mechanisms.with(mechanism),
            ..self
        }
    }
}

/// The mechanism to use, and what to tell the server about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    mechanism: MechanismName,
    flag: BindingFlag,
}

/// The `gs2-cbind-flag` of RFC 5802 section 7.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingFlag {
    /// `n`: no channel binding on this side.
    Unsupported,
    /// `y`: we could, but the server seems not to.
    NotOffered,
    /// `p`: with this binding.
    Bound(ChannelBindingKind),
}

impl Choice {
    /// The mechanism.
    #[must_use]
    pub const fn mechanism(self) -> MechanismName {
        self.mechanism
    }

    /// The flag.
    #[must_use]
    pub const fn flag(self) -> BindingFlag {
        self.flag
    }

    /// What a [`ScramClient`](super::ScramClient) wants to know, with the data
    /// from this session's `bindings`. `None` if the chosen kind is not among
    /// them: then [`Capabilities`] was told what is not so.
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

/// Why no mechanism may be used.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SelectError {
    /// Nothing offered is both allowed and possible.
    #[error("the server offers no mechanism that is allowed and possible")]
    NoMechanism,
    /// Something would do, had the server been verified (RFC 6120 section
    /// 13.8.3).
    #[error("the server is not verified, and what it offers needs that")]
    NotVerified,
    /// [`BindingUse::Required`], and this session or the server has none.
    #[error("channel binding is required and not possible")]
    BindingRequired,
    /// The offer looks as if somebody had tampered with it.
    #[error("downgrade suspected: {0}")]
    Downgrade(Downgrade),
}

/// What looks like tampering.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Downgrade {
    /// -PLUS and bindings are offered, none of which this session has.
    #[error("no common channel binding")]
    NoCommonBinding,
    /// -PLUS is offered, but only with hashes that are not allowed.
    #[error("no common mechanism with channel binding")]
    NoCommonMechanism,
    /// Bindings are announced, but no -PLUS mechanism.
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

    const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn preferred(self) -> Option<ChannelBindingKind> {
        ChannelBindingKind::BY_PREFERENCE
            .into_iter()
            .find(|kind| self.0 & 1 << *kind as u8 != 0)
    }
}
