//! Tests of pins: what a later offer may be.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;

const PROFILES: [SaslProfile; 2] = SaslProfile::ALL;
const PROOFS: [OfferProof; 2] = [OfferProof::None, OfferProof::Verified];

fn means() -> Capabilities {
    Capabilities::new()
        .verified()
        .password()
        .anonymous()
        .certificate()
        .binding(ChannelBindingKind::TlsExporter)
        .binding(ChannelBindingKind::TlsServerEndPoint)
}

fn policy() -> MechanismPolicy {
    MechanismPolicy::new().allow_plain()
}

/// Every set of mechanisms, with every set of announced bindings.
fn offers() -> impl Iterator<Item = MechanismOffer> {
    let mechanisms = MechanismName::BY_PREFERENCE;
    (0..1u32 << mechanisms.len()).flat_map(move |bits| {
        let names = mechanisms
            .into_iter()
            .enumerate()
            .filter(move |(index, _)| bits & 1 << index != 0)
            .map(|(_, mechanism)| mechanism.as_str());
        let offer = MechanismOffer::new(names);
        [
            offer,
            offer.announcing(["tls-exporter"]),
            offer.announcing(["tls-server-end-point"]),
            offer.announcing(["tls-exporter", "tls-server-end-point"]),
        ]
    })
}

/// Every choice that an offer leads to.
fn choices() -> Vec<Choice> {
    let mut choices = Vec::new();
    for offer in offers() {
        if let Ok(choice) = select(offer, means(), policy()) {
            if !choices.contains(&choice) {
                choices.push(choice);
            }
        }
    }
    choices
}

/// Every pin that a login can leave.
fn pins() -> impl Iterator<Item = LoginPin> {
    choices().into_iter().flat_map(|choice| {
        PROFILES.into_iter().flat_map(move |profile| {
            PROOFS.into_iter().map(move |offer| {
                let result = LoginResult::server_verified().with_offer(offer);
                LoginPin::of(choice, profile, &result)
            })
        })
    })
}

fn place(mechanism: MechanismName) -> usize {
    MechanismName::BY_PREFERENCE
        .into_iter()
        .position(|other| other == mechanism)
        .unwrap()
}

fn hash_of(mechanism: MechanismName) -> Option<Hash> {
    match mechanism {
        MechanismName::Scram(hash) | MechanismName::ScramPlus(hash) => Some(hash),
        MechanismName::External | MechanismName::Plain | MechanismName::Anonymous => None,
    }
}

fn binding_of(choice: Choice) -> Option<ChannelBindingKind> {
    match choice.flag() {
        BindingFlag::Bound(kind) => Some(kind),
        BindingFlag::Unsupported | BindingFlag::NotOffered => None,
    }
}

/// All pins, all offers, both profiles.
#[test]
fn xep0438_5_1_with_a_pin_nothing_below_it_is_chosen() {
    let (mut chosen, mut refused) = (0u32, 0u32);
    for pin in pins() {
        for offer in offers() {
            for profile in PROFILES {
                let free = select(offer, means(), policy());
                let pinned = select_pinned(offer, means(), policy(), profile, pin);
                let choice = match (free, pinned) {
                    (Err(error), pinned) => {
                        assert_eq!(pinned, Err(PinnedError::Select(error)));
                        continue;
                    }
                    (Ok(_), Err(PinnedError::Pin(_))) => {
                        refused += 1;
                        continue;
                    }
                    (Ok(free), pinned) => {
                        assert_eq!(pinned, Ok(free), "a pin chooses nothing else");
                        free
                    }
                };
                chosen += 1;
                let label = format!("{pin}: {choice:?} {profile:?}");
                assert!(
                    pin.profile() == SaslProfile::Sasl || profile == SaslProfile::Sasl2,
                    "{label}"
                );
                let (before, now) = (pin.mechanism(), choice.mechanism());
                // With the proof of the offer, the hash alone may be a weaker one.
                let only_hash = pin.offer() == OfferProof::Verified
                    && hash_of(before).is_some()
                    && hash_of(now).is_some();
                assert!(place(now) <= place(before) || only_hash, "{label}");
                if hash_of(now).is_some() {
                    if let Some(kind) = pin.binding() {
                        assert!(binding_of(choice).is_some_and(|now| now <= kind), "{label}");
                    }
                }
            }
        }
    }
    assert!(chosen > 1000 && refused > 1000, "{chosen} {refused}");
}

/// What was good enough for the pin is good enough again.
#[test]
fn the_same_login_is_always_possible_again() {
    for choice in choices() {
        for profile in PROFILES {
            for offer in PROOFS {
                let result = LoginResult::server_verified().with_offer(offer);
                let pin = LoginPin::of(choice, profile, &result);
                assert_eq!(pin.check(choice, profile), Ok(()));
                assert_eq!(pin.check(choice, SaslProfile::Sasl2), Ok(()));
                assert_eq!(pin.raised(pin), pin);
            }
        }
    }
}

fn pin(text: &str) -> LoginPin {
    text.parse().unwrap()
}

fn found(names: &[&str], announced: &[&str], pin: &str) -> Result<MechanismName, PinnedError> {
    let offer = MechanismOffer::new(names.iter().copied()).announcing(announced.iter().copied());
    let pin = self::pin(pin);
    select_pinned(offer, means(), policy(), SaslProfile::Sasl2, pin).map(Choice::mechanism)
}

#[test]
fn xep0438_5_1_what_is_weaker_is_named() {
    use MechanismName::{External, Plain, Scram, ScramPlus};
    let [exporter, end_point] = ChannelBindingKind::BY_PREFERENCE;
    let mechanism = |pinned, found| Err(PinnedError::Pin(PinBreach::Mechanism { pinned, found }));
    let binding = |pinned, found| Err(PinnedError::Pin(PinBreach::Binding { pinned, found }));
    for (names, announced, pin, expected) in [
        // To PLAIN.
        (
            &["PLAIN"][..],
            &[][..],
            "XMPP-PIN1 SCRAM-SHA-1 unbound sasl unproved",
            mechanism(Scram(Hash::Sha1), Plain),
        ),
        (
            &["PLAIN"],
            &[],
            "XMPP-PIN1 SCRAM-SHA-512-PLUS tls-exporter sasl proved",
            mechanism(ScramPlus(Hash::Sha512), Plain),
        ),
        // To a weaker hash, which is allowed if the offer is proved.
        (
            &["SCRAM-SHA-1"],
            &[],
            "XMPP-PIN1 SCRAM-SHA-512 unbound sasl unproved",
            mechanism(Scram(Hash::Sha512), Scram(Hash::Sha1)),
        ),
        (
            &["SCRAM-SHA-1"],
            &[],
            "XMPP-PIN1 SCRAM-SHA-512 unbound sasl proved",
            Ok(Scram(Hash::Sha1)),
        ),
        // The binding is gone, whatever the hash.
        (
            &["SCRAM-SHA-512"],
            &[],
            "XMPP-PIN1 SCRAM-SHA-1-PLUS tls-server-end-point sasl unproved",
            binding(end_point, None),
        ),
        // The binding is weaker, or stronger.
        (
            &["SCRAM-SHA-256-PLUS"],
            &["tls-server-end-point"],
            "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl unproved",
            binding(exporter, Some(end_point)),
        ),
        (
            &["SCRAM-SHA-256-PLUS"],
            &["tls-server-end-point", "tls-exporter"],
            "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-server-end-point sasl unproved",
            Ok(ScramPlus(Hash::Sha256)),
        ),
        // Stronger in every respect.
        (
            &["EXTERNAL", "SCRAM-SHA-1"],
            &[],
            "XMPP-PIN1 SCRAM-SHA-512-PLUS tls-exporter sasl2 proved",
            Ok(External),
        ),
        (
            &["SCRAM-SHA-512-PLUS"],
            &[],
            "XMPP-PIN1 EXTERNAL unbound sasl unproved",
            mechanism(External, ScramPlus(Hash::Sha512)),
        ),
        // As `select` prefers, a bound SHA-1 is stronger than an unbound SHA-512.
        (
            &["SCRAM-SHA-1-PLUS"],
            &[],
            "XMPP-PIN1 SCRAM-SHA-512 unbound sasl unproved",
            Ok(ScramPlus(Hash::Sha1)),
        ),
        (
            &["PLAIN"],
            &[],
            "XMPP-PIN1 ANONYMOUS unbound sasl unproved",
            Ok(Plain),
        ),
    ] {
        assert_eq!(found(names, announced, pin), expected, "{pin} {names:?}");
    }
    let pin = pin("XMPP-PIN1 SCRAM-SHA-1 unbound sasl2 unproved");
    let offer = MechanismOffer::new(["SCRAM-SHA-512"]);
    assert_eq!(
        select_pinned(offer, means(), policy(), SaslProfile::Sasl, pin),
        Err(PinnedError::Pin(PinBreach::Profile))
    );
}

#[test]
fn xep0474_a_proof_that_was_given_once_is_required() {
    let offer = OfferRecord::new(["SCRAM-SHA-256"]);
    let login = |pin: Option<LoginPin>, advertised: &Advertisement| {
        let protection = pin.map_or(DowngradeProtection::IfPresent, |pin| {
            pin.downgrade_protection(policy())
        });
        let mut client = ScramClient::new(
            Hash::Sha256,
            user(),
            ScramCredentials::password(pencil()),
            ClientBinding::Unsupported,
            [1; 18],
        )
        .offered(offer.clone(), protection);
        let mut server = advertised
            .accept("SCRAM-SHA-256", &decoy(), [2; 18])
            .unwrap();
        let answer = account(Hash::Sha256);
        run(&mut client, server.as_mut(), &answer, Form::Short)
    };
    let allowed = MechanismSet::EMPTY.with(MechanismName::Scram(Hash::Sha256));
    let advertised = Advertisement::new(allowed, Channel::Encrypted, Vec::new());
    let End::Success(_, result) = login(None, &advertised) else {
        panic!("no success");
    };
    let choice = select(
        MechanismOffer::new(["SCRAM-SHA-256"]),
        means(),
        MechanismPolicy::new(),
    )
    .unwrap();
    let pin = LoginPin::of(choice, SaslProfile::Sasl2, &result);
    assert_eq!(
        pin.to_string(),
        "XMPP-PIN1 SCRAM-SHA-256 unbound sasl2 proved"
    );
    assert!(matches!(
        login(Some(pin), &advertised),
        End::Success(_, result) if result.offer() == OfferProof::Verified
    ));
    let silent = advertised.dangerous_without_downgrade_protection();
    match login(Some(pin), &silent) {
        End::ClientError(error) => {
            assert_eq!(error, SaslError::NoDowngradeProtection);
            assert_eq!(pin.broken_by(error), Some(PinBreach::OfferProof));
        }
        end => panic!("{end:?}"),
    }
    assert_eq!(pin.broken_by(SaslError::OfferChanged), None);
    assert!(matches!(login(None, &silent), End::Success(..)));
    // Or where the policy says so, without a pin that does.
    let unproved = self::pin("XMPP-PIN1 SCRAM-SHA-256 unbound sasl2 unproved");
    assert_eq!(
        unproved.downgrade_protection(policy()),
        DowngradeProtection::IfPresent
    );
    assert_eq!(
        unproved.downgrade_protection(policy().require_downgrade_protection()),
        DowngradeProtection::Required
    );
}

/// Whatever was refused before is refused after another login, too.
#[test]
fn a_pin_is_never_lowered_by_another_login() {
    let pins: Vec<LoginPin> = pins().collect();
    let choices = choices();
    for one in &pins {
        for other in &pins {
            let both = one.raised(*other);
            assert_eq!(both, other.raised(*one));
            // The proof of the offer allows a weaker hash, so it is compared where both have it.
            if one.offer() != other.offer() {
                continue;
            }
            for choice in &choices {
                for profile in PROFILES {
                    if both.check(*choice, profile).is_ok() {
                        assert_eq!(one.check(*choice, profile), Ok(()), "{one}, {other}");
                        assert_eq!(other.check(*choice, profile), Ok(()), "{one}, {other}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_pin_is_read_back_as_it_was_stored() {
    for pin in pins() {
        assert_eq!(pin.to_string().parse(), Ok(pin));
    }
    let good = "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl2 proved";
    assert!(good.parse::<LoginPin>().is_ok());
    for (index, _) in good.char_indices() {
        assert_eq!(good[..index].parse::<LoginPin>(), Err(PinFormatError));
    }
    for bad in [
        "XMPP-PIN2 SCRAM-SHA-256-PLUS tls-exporter sasl2 proved",
        "XMPP-PIN1 HT-SHA-256-EXPR tls-exporter sasl2 proved",
        "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-unique sasl2 proved",
        "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl3 proved",
        "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl2 true",
        "XMPP-PIN1 SCRAM-SHA-256-PLUS tls-exporter sasl2 proved ",
        "XMPP-PIN1  SCRAM-SHA-256-PLUS tls-exporter sasl2 proved",
        "xmpp-pin1 scram-sha-256-plus tls-exporter sasl2 proved",
        &good.repeat(1000),
    ] {
        assert_eq!(bad.parse::<LoginPin>(), Err(PinFormatError), "{bad:.80}");
    }
}
