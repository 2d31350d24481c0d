//! What a client remembers of a login, to notice later that an offer became weaker (XEP-0438,
//! XEP-0474 7).
//!
//! An attacker who can change what a server offers, and is trusted by TLS, can lead a client to a
//! weaker login. A pin keeps how strong a login was, and [`select_pinned`] refuses a weaker one
//! before anything is sent. These are the decisions:
//!
//! * The pinned mechanism is the one that was *used* (XEP-0438 5.1), not the best one offered. They
//!   differ only if this side could not use the best one, so its absence changes nothing.
//! * Mechanisms are compared by [`MechanismName::BY_PREFERENCE`], the order of
//!   [`select`](super::select()). A login may be stronger than its pin.
//! * If the login proved the offer (XEP-0474), a weaker *hash* of SCRAM is no breach, because
//!   clients should not pin a concrete one then (XEP-0474 7): the server may drop a hash, and proves
//!   it. In return, the proof is required from then on.
//! * A channel binding is compared among the logins with SCRAM, by
//!   [`ChannelBindingKind::BY_PREFERENCE`]. EXTERNAL has none, and is stronger than all of them.
//! * SASL2 is pinned, because FAST and the upgrades exist only there, and a server that had it has
//!   no reason to lose it.
//! * A login with a token says nothing: the token is pinned to its own mechanism.
//!
//! A server can become weaker for a good reason, and a pin then locks the user out. What to do is up
//! to the application: ask, and forget the pin, but never on its own.

use core::fmt;
use core::str::FromStr;

use super::{
    BindingFlag, Capabilities, ChannelBindingKind, Choice, DowngradeProtection, Hash, LoginResult,
    MechanismName, MechanismOffer, MechanismPolicy, OfferProof, SaslError, SaslProfile,
    SelectError, select,
};

/// What the text of a pin begins with: the format and its version.
const FORMAT: &str = "XMPP-PIN1";

/// The longest text that is read, in octets.
const MAX_TEXT: usize = 128;

/// How strong the logins of an account have been. It is no secret, but must be kept where nobody else
/// can change it.
///
/// It is stored as text ([`Display`](fmt::Display) and [`FromStr`]), which later versions of this
/// crate read.
///
/// ```
/// use xmpp_stream::sasl::*;
///
/// let stored = "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl2 proved";
/// let pin: LoginPin = stored.parse()?;
/// assert_eq!(pin.to_string(), stored);
///
/// let offer = MechanismOffer::new(["SCRAM-SHA-256", "PLAIN"]);
/// let means = Capabilities::new().verified().password();
/// let policy = MechanismPolicy::new().allow_plain();
/// let choice = select_pinned(offer, means, policy, SaslProfile::Sasl2, pin);
/// assert_eq!(
///     choice,
///     Err(PinnedError::Pin(PinBreach::Binding {
///         pinned: ChannelBindingKind::TlsExporter,
///         found: None,
///     }))
/// );
/// # Ok::<(), PinFormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoginPin {
    mechanism: MechanismName,
    binding: Option<ChannelBindingKind>,
    profile: SaslProfile,
    offer: OfferProof,
}

impl LoginPin {
    /// Returns the pin of a login that has succeeded.
    #[must_use]
    pub const fn of(choice: Choice, profile: SaslProfile, result: &LoginResult) -> Self {
        Self {
            mechanism: choice.mechanism(),
            binding: bound(choice),
            profile,
            offer: result.offer(),
        }
    }

    /// Returns the stronger of both in each respect: what to store after another login.
    #[must_use]
    pub fn raised(self, other: Self) -> Self {
        Self {
            mechanism: if rank(other.mechanism) < rank(self.mechanism) {
                other.mechanism
            } else {
                self.mechanism
            },
            binding: match (self.binding, other.binding) {
                (Some(ours), Some(others)) => Some(ours.min(others)),
                (ours, others) => ours.or(others),
            },
            profile: match (self.profile, other.profile) {
                (SaslProfile::Sasl, SaslProfile::Sasl) => SaslProfile::Sasl,
                (SaslProfile::Sasl2, _) | (_, SaslProfile::Sasl2) => SaslProfile::Sasl2,
            },
            offer: self.offer.max(other.offer),
        }
    }

    /// Compares a mechanism that is about to be started with the pin.
    ///
    /// # Errors
    ///
    /// [`PinBreach`] says what is weaker. If several things are, it is the first one of them in the
    /// order profile, mechanism, binding.
    pub fn check(self, choice: Choice, profile: SaslProfile) -> Result<(), PinBreach> {
        if (self.profile, profile) == (SaslProfile::Sasl2, SaslProfile::Sasl) {
            return Err(PinBreach::Profile);
        }
        let found = choice.mechanism();
        if rank(self.comparable(found)) > rank(self.comparable(self.mechanism)) {
            return Err(PinBreach::Mechanism {
                pinned: self.mechanism,
                found,
            });
        }
        match (self.binding, bound(choice)) {
            (Some(pinned), found)
                if is_scram(choice.mechanism()) && found.is_none_or(|found| found > pinned) =>
            {
                Err(PinBreach::Binding { pinned, found })
            }
            _ => Ok(()),
        }
    }

    /// Returns what a [`ScramClient`](super::ScramClient) is told about the offer: the proof is
    /// required if it was given before, or if the policy requires it.
    #[must_use]
    pub const fn downgrade_protection(self, policy: MechanismPolicy) -> DowngradeProtection {
        match self.offer {
            OfferProof::Verified => DowngradeProtection::Required,
            OfferProof::None => policy.downgrade_protection(),
        }
    }

    /// Returns the breach that an exchange ended with, if that is the reason: a server that proved
    /// its offer before no longer does.
    #[must_use]
    pub fn broken_by(self, error: SaslError) -> Option<PinBreach> {
        let lost = error == SaslError::NoDowngradeProtection && self.offer == OfferProof::Verified;
        lost.then_some(PinBreach::OfferProof)
    }

    /// Returns the strongest mechanism used.
    #[must_use]
    pub const fn mechanism(self) -> MechanismName {
        self.mechanism
    }

    /// Returns the strongest channel binding used.
    #[must_use]
    pub const fn binding(self) -> Option<ChannelBindingKind> {
        self.binding
    }

    /// Returns the SASL profile used: SASL2 if it was used once.
    #[must_use]
    pub const fn profile(self) -> SaslProfile {
        self.profile
    }

    /// Returns whether the server has proved its offer (XEP-0474).
    #[must_use]
    pub const fn offer(self) -> OfferProof {
        self.offer
    }

    /// Replaces the mechanism by one that is equally strong for this pin: of SCRAM unbound with the
    /// strongest hash where the hash has no influence, and without -PLUS, because the binding is
    /// compared by itself.
    const fn comparable(self, mechanism: MechanismName) -> MechanismName {
        let (MechanismName::Scram(hash) | MechanismName::ScramPlus(hash)) = mechanism else {
            return mechanism;
        };
        let hash = match self.offer {
            OfferProof::Verified => Hash::Sha512,
            OfferProof::None => hash,
        };
        match self.binding {
            Some(_) => MechanismName::Scram(hash),
            None => match mechanism {
                MechanismName::ScramPlus(_) => MechanismName::ScramPlus(hash),
                _ => MechanismName::Scram(hash),
            },
        }
    }
}

/// Chooses as [`select`] does, but never below the pin, and before anything is sent.
///
/// A SCRAM mechanism is to be started with [`LoginPin::downgrade_protection`], and its errors may be
/// a breach, too ([`LoginPin::broken_by`]).
///
/// # Errors
///
/// Those of [`select`], and [`PinBreach`].
pub fn select_pinned(
    offer: MechanismOffer,
    capabilities: Capabilities,
    policy: MechanismPolicy,
    profile: SaslProfile,
    pin: LoginPin,
) -> Result<Choice, PinnedError> {
    let choice = select(offer, capabilities, policy)?;
    // It is the strongest one that is possible, so if it is too weak, all are.
    pin.check(choice, profile)?;
    Ok(choice)
}

/// The error of [`select_pinned`]: no mechanism may be used.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PinnedError {
    /// None suits, whatever the pin says.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// What suits is weaker than before.
    #[error("weaker than before: {0}")]
    Pin(#[from] PinBreach),
}

/// In what respect a login would be weaker than before.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PinBreach {
    /// The server had SASL2 (XEP-0388), and no longer offers it.
    #[error("SASL2 is gone")]
    Profile,
    /// The strongest mechanism that is possible is weaker.
    #[error("{found} in place of {pinned}")]
    Mechanism {
        /// The mechanism of an earlier login.
        pinned: MechanismName,
        /// The strongest one now.
        found: MechanismName,
    },
    /// The channel binding is gone, or is a weaker one.
    #[error("the channel binding {pinned} is gone")]
    Binding {
        /// The channel binding of an earlier login.
        pinned: ChannelBindingKind,
        /// The strongest one now.
        found: Option<ChannelBindingKind>,
    },
    /// The server proved its offer (XEP-0474), and no longer does.
    #[error("the proof of the server's offer is gone")]
    OfferProof,
}

/// The text is no [`LoginPin`] that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the text is no pin, or one of a later version")]
pub struct PinFormatError;

impl fmt::Display for LoginPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binding = self.binding.map_or(NO_BINDING, ChannelBindingKind::as_str);
        let profile = match self.profile {
            SaslProfile::Sasl => SASL,
            SaslProfile::Sasl2 => SASL2,
        };
        let offer = match self.offer {
            OfferProof::None => UNPROVED,
            OfferProof::Verified => PROVED,
        };
        write!(f, "{FORMAT} {} {binding} {profile} {offer}", self.mechanism)
    }
}

const NO_BINDING: &str = "unbound";
const SASL: &str = "sasl";
const SASL2: &str = "sasl2";
const PROVED: &str = "proved";
const UNPROVED: &str = "unproved";

impl FromStr for LoginPin {
    type Err = PinFormatError;

    fn from_str(text: &str) -> Result<Self, PinFormatError> {
        if text.len() > MAX_TEXT {
            return Err(PinFormatError);
        }
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(PinFormatError);
        if word()? != FORMAT {
            return Err(PinFormatError);
        }
        let pin = Self {
            mechanism: MechanismName::from_name(word()?).ok_or(PinFormatError)?,
            binding: match word()? {
                NO_BINDING => None,
                name => Some(ChannelBindingKind::from_name(name).ok_or(PinFormatError)?),
            },
            profile: match word()? {
                SASL => SaslProfile::Sasl,
                SASL2 => SaslProfile::Sasl2,
                _ => return Err(PinFormatError),
            },
            offer: match word()? {
                UNPROVED => OfferProof::None,
                PROVED => OfferProof::Verified,
                _ => return Err(PinFormatError),
            },
        };
        match words.next() {
            None => Ok(pin),
            Some(_) => Err(PinFormatError),
        }
    }
}

/// The binding that a mechanism uses.
const fn bound(choice: Choice) -> Option<ChannelBindingKind> {
    match (choice.mechanism(), choice.flag()) {
        (MechanismName::ScramPlus(_), BindingFlag::Bound(kind)) => Some(kind),
        _ => None,
    }
}

const fn is_scram(mechanism: MechanismName) -> bool {
    matches!(
        mechanism,
        MechanismName::Scram(_) | MechanismName::ScramPlus(_)
    )
}

/// The place in the order of preference; a lower one is stronger.
fn rank(mechanism: MechanismName) -> usize {
    MechanismName::BY_PREFERENCE
        .into_iter()
        .take_while(|stronger| *stronger != mechanism)
        .count()
}
