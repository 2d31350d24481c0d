//! What a server offers, asks and refuses, read in either profile of SASL.

use alloc::vec::Vec;

use crate::sasl::{MechanismOffer, OfferRecord, SaslCondition, SaslProfile, Secret};
use crate::stream::sasl2::Sasl2Element;
use crate::stream::{Features, FirstLevelElement, SaslElement};

/// The names that are offered in this profile, and those of the channel bindings, as they arrived
/// (XEP-0474 6.1).
pub(super) fn record(profile: SaslProfile, features: &Features<'_>) -> OfferRecord {
    let names: Vec<_> = match profile {
        SaslProfile::Sasl => features.mechanisms().collect(),
        SaslProfile::Sasl2 => features
            .authentication()
            .into_iter()
            .flat_map(|authentication| authentication.mechanisms())
            .collect(),
    };
    let bindings: Vec<_> = features.channel_bindings().into_iter().flatten().collect();
    OfferRecord::new(names.iter().map(|name| &**name))
        .announcing(bindings.iter().map(|name| &**name))
}

/// The mechanisms that are offered in this profile, and the channel bindings.
pub(super) fn offer(profile: SaslProfile, features: &Features<'_>) -> MechanismOffer {
    let none = MechanismOffer::default();
    let offer = match profile {
        SaslProfile::Sasl => features
            .mechanisms()
            .fold(none, |offer, name| offer.with(&name)),
        SaslProfile::Sasl2 => features
            .authentication()
            .into_iter()
            .flat_map(|authentication| authentication.mechanisms())
            .fold(none, |offer, name| offer.with(&name)),
    };
    features
        .channel_bindings()
        .into_iter()
        .flatten()
        .fold(offer, |offer, kind| offer.with_announced(&kind))
}

/// What a `<failure/>` of either profile says.
pub(super) fn refusal(element: &FirstLevelElement<'_>) -> SaslCondition {
    let element = element.element();
    match (SaslElement::read(&element), Sasl2Element::read(&element)) {
        (Ok(SaslElement::Failure(failure)), _) | (_, Ok(Sasl2Element::Failure(failure))) => {
            failure.condition
        }
        _ => SaslCondition::NotAuthorized,
    }
}

/// The data of a `<challenge/>`.
pub(super) fn challenge(profile: SaslProfile, element: &FirstLevelElement<'_>) -> Option<Secret> {
    let element = element.element();
    match profile {
        SaslProfile::Sasl => match SaslElement::read(&element) {
            Ok(SaslElement::Challenge(data)) => Some(data),
            _ => None,
        },
        SaslProfile::Sasl2 => match Sasl2Element::read(&element) {
            Ok(Sasl2Element::Challenge(data)) => Some(data),
            _ => None,
        },
    }
}
