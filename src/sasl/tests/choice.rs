//! What is offered, and what is chosen of it.

use alloc::vec::Vec;

use super::*;

const EXPORTER: ChannelBindingKind = ChannelBindingKind::TlsExporter;
const END_POINT: ChannelBindingKind = ChannelBindingKind::TlsServerEndPoint;

const ALL: [&str; 9] = [
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
    "ANONYMOUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-512-PLUS",
    "EXTERNAL",
];

fn verified() -> Capabilities {
    Capabilities::new().verified()
}

fn chosen(
    offer: MechanismOffer,
    means: Capabilities,
    policy: MechanismPolicy,
) -> Result<&'static str, SelectError> {
    select(offer, means, policy).map(|choice| choice.mechanism().as_str())
}

#[test]
fn rfc6120_6_3_3_own_order_not_the_servers() {
    let means = verified()
        .password()
        .certificate()
        .anonymous()
        .binding(EXPORTER);
    let mut names = ALL.to_vec();
    let mut expected = MechanismName::BY_PREFERENCE
        .map(MechanismName::as_str)
        .to_vec();
    // Without -PLUS, the binding of this session no longer matters.
    while !names.is_empty() {
        for rotation in 0..names.len() {
            names.rotate_left(1);
            let policy = MechanismPolicy::new().allow_plain();
            let choice = chosen(MechanismOffer::new(names.iter().copied()), means, policy);
            assert_eq!(choice, Ok(expected[0]), "{rotation} {names:?}");
        }
        names.retain(|name| *name != expected[0]);
        expected.remove(0);
    }
}

#[test]
fn rfc6120_6_3_3_nothing_that_is_not_on_the_own_list() {
    let means = verified().password();
    assert_eq!(
        chosen(
            MechanismOffer::new(["PLAIN", "SCRAM-SHA-1"]),
            means,
            MechanismPolicy::new()
        ),
        Ok("SCRAM-SHA-1")
    );
    for (names, means) in [
        (&["PLAIN", "GSSAPI"][..], verified().password()),
        (&["EXTERNAL", "ANONYMOUS"], verified().password()),
        (&["ANONYMOUS"], verified().certificate()),
        (
            &["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"],
            verified().keys(Hash::Sha256),
        ),
        (&[], verified().password()),
    ] {
        let choice = chosen(
            MechanismOffer::new(names.iter().copied()),
            means,
            MechanismPolicy::new(),
        );
        assert_eq!(choice, Err(SelectError::NoMechanism), "{names:?}");
    }
    let strong = MechanismPolicy::new().allow_plain().minimum(Hash::Sha256);
    assert_eq!(
        chosen(
            MechanismOffer::new(["SCRAM-SHA-1", "PLAIN"]),
            verified().password(),
            strong
        ),
        Err(SelectError::NoMechanism)
    );
}

#[test]
fn rfc6120_13_8_3_nothing_secret_to_a_server_nobody_verified() {
    let means = Capabilities::new().password().certificate();
    let policy = MechanismPolicy::new().allow_plain();
    for name in ["PLAIN", "SCRAM-SHA-512", "EXTERNAL"] {
        let choice = chosen(MechanismOffer::new([name]), means, policy);
        assert_eq!(choice, Err(SelectError::NotVerified), "{name}");
        assert_eq!(
            chosen(MechanismOffer::new([name]), means.verified(), policy),
            Ok(name)
        );
    }
    let scram = policy.dangerous_scram_to_unverified();
    assert_eq!(
        chosen(MechanismOffer::new(["PLAIN", "SCRAM-SHA-1"]), means, scram),
        Ok("SCRAM-SHA-1")
    );
    for name in ["PLAIN", "EXTERNAL"] {
        let choice = chosen(MechanismOffer::new([name]), means, scram);
        assert_eq!(choice, Err(SelectError::NotVerified), "{name}");
    }
    assert_eq!(
        chosen(
            MechanismOffer::new(["ANONYMOUS"]),
            Capabilities::new().anonymous(),
            MechanismPolicy::new()
        ),
        Ok("ANONYMOUS")
    );
}

/// XEP-0440's business rules and RFC 5802 section 6, row by row.
#[test]
fn xep0440_channel_binding_rules() {
    type Announced = Option<&'static [&'static str]>;
    use BindingFlag::{Bound, NotOffered, Unsupported};
    const PLUS: &[&str] = &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"];
    const BARE: &[&str] = &["SCRAM-SHA-256", "PLAIN"];
    const FOREIGN_PLUS: &[&str] = &["SCRAM-SHA3-512-PLUS", "SCRAM-SHA-256", "PLAIN"];
    let both = &[EXPORTER, END_POINT][..];
    let no_common = Err(SelectError::Downgrade(Downgrade::NoCommonBinding));
    let stripped = Err(SelectError::Downgrade(Downgrade::PlusStripped));
    let no_mechanism = Err(SelectError::Downgrade(Downgrade::NoCommonMechanism));

    let table: [(&[&str], Announced, &[ChannelBindingKind], _); 15] = [
        // No binding on this side: `n`, whatever is offered (rule 2).
        (PLUS, Some(&["tls-exporter"]), &[], Ok(Unsupported)),
        (PLUS, None, &[], Ok(Unsupported)),
        (BARE, None, &[], Ok(Unsupported)),
        // Neither -PLUS nor bindings: `y` (rule 3).
        (BARE, None, both, Ok(NotOffered)),
        (BARE, Some(&[]), both, Ok(NotOffered)),
        // -PLUS alone: the best of ours (rule 4, SASL1).
        (PLUS, None, both, Ok(Bound(EXPORTER))),
        (PLUS, None, &[END_POINT], Ok(Bound(END_POINT))),
        // Bindings alone: stripped (rule 5).
        (BARE, Some(&["tls-exporter"]), both, stripped),
        (BARE, Some(&["tls-foo"]), both, stripped),
        // None in common (rule 6, and stricter).
        (PLUS, Some(&["tls-unique"]), both, no_common),
        (
            PLUS,
            Some(&["tls-server-end-point"]),
            &[EXPORTER],
            no_common,
        ),
        // The best common one (rules 1 and 7).
        (
            PLUS,
            Some(&["tls-server-end-point", "tls-exporter"]),
            both,
            Ok(Bound(EXPORTER)),
        ),
        (
            PLUS,
            Some(&["tls-unique", "tls-server-end-point"]),
            both,
            Ok(Bound(END_POINT)),
        ),
        // -PLUS, but none we know.
        (FOREIGN_PLUS, Some(&["tls-exporter"]), both, no_mechanism),
        (FOREIGN_PLUS, None, both, no_mechanism),
    ];
    for (names, announced, ours, expected) in table {
        let offer = MechanismOffer::new(names.iter().copied());
        let offer = match announced {
            Some(bindings) => offer.announcing(bindings.iter().copied()),
            None => offer,
        };
        let means = ours
            .iter()
            .fold(verified().password(), |means, kind| means.binding(*kind));
        let row = (names, announced, ours);
        let policy = MechanismPolicy::new().allow_plain();
        let choice = select(offer, means, policy);
        assert_eq!(choice.map(Choice::flag), expected, "{row:?}");
        let mechanism = match expected {
            Ok(Bound(_)) => Some(MechanismName::ScramPlus(Hash::Sha256)),
            Ok(_) => Some(MechanismName::Scram(Hash::Sha256)),
            Err(_) => None,
        };
        assert_eq!(choice.ok().map(Choice::mechanism), mechanism, "{row:?}");

        let required = select(offer, means, policy.binding(BindingUse::Required));
        match expected {
            Ok(Unsupported | NotOffered) => {
                assert_eq!(required, Err(SelectError::BindingRequired), "{row:?}");
            }
            _ => assert_eq!(required, choice, "{row:?}"),
        }
        let relaxed = select(
            offer,
            means,
            policy.binding(BindingUse::DangerousIfPossible),
        );
        match expected {
            Ok(_) => assert_eq!(relaxed, choice, "{row:?}"),
            Err(_) => assert_eq!(
                relaxed.map(Choice::mechanism),
                Ok(MechanismName::Scram(Hash::Sha256)),
                "{row:?}"
            ),
        }
    }
}

#[test]
fn a_client_without_allowed_plus_mechanisms_does_not_support_binding() {
    let bare = MechanismSet::EMPTY.with(MechanismName::Scram(Hash::Sha1));
    let choice = select(
        MechanismOffer::new(["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]),
        verified().password().binding(EXPORTER),
        MechanismPolicy::new().allow(bare),
    )
    .unwrap();
    assert_eq!(choice.mechanism(), MechanismName::Scram(Hash::Sha1));
    assert_eq!(choice.flag(), BindingFlag::Unsupported);
}

/// A tampered offer must not push anybody with a password to ANONYMOUS, while
/// EXTERNAL, which needs no password, goes on.
#[test]
fn a_suspected_downgrade_ends_the_attempt() {
    let means = verified().password().anonymous().binding(EXPORTER);
    let offer =
        MechanismOffer::new(["SCRAM-SHA-1", "ANONYMOUS", "EXTERNAL"]).announcing(["tls-exporter"]);
    assert_eq!(
        chosen(offer, means, MechanismPolicy::new()),
        Err(SelectError::Downgrade(Downgrade::PlusStripped))
    );
    assert_eq!(
        chosen(offer, means.certificate(), MechanismPolicy::new()),
        Ok("EXTERNAL")
    );
}

#[test]
fn a_choice_finds_its_binding_data() {
    let means = verified().password().binding(END_POINT).binding(EXPORTER);
    let choice = select(
        MechanismOffer::new(["SCRAM-SHA-1-PLUS"]),
        means,
        MechanismPolicy::new(),
    )
    .unwrap();
    assert_eq!(
        choice.client_binding(&[end_point(), exporter()]),
        Some(ClientBinding::Bound(exporter()))
    );
    assert_eq!(choice.client_binding(&[end_point()]), None);
}

fn names(advertisement: &Advertisement) -> Vec<&'static str> {
    advertisement
        .mechanisms()
        .iter()
        .map(MechanismName::as_str)
        .collect()
}

#[test]
fn rfc6120_6_3_4_nothing_is_offered_that_cannot_be_had() {
    let all: MechanismSet = MechanismName::BY_PREFERENCE.into_iter().collect();
    let tls = Advertisement::new(all, Channel::Certified, [exporter(), end_point()].into());
    assert_eq!(
        names(&tls),
        MechanismName::BY_PREFERENCE.map(MechanismName::as_str)
    );
    assert_eq!(
        tls.bindings().collect::<Vec<_>>(),
        ["tls-exporter", "tls-server-end-point"]
    );
    let bare = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"];
    let clear = Advertisement::new(all, Channel::Clear, [exporter()].into());
    assert_eq!(names(&clear), [&bare[..], &["ANONYMOUS"]].concat());
    assert_eq!(clear.bindings().count(), 0);
    let poor = Advertisement::new(all, Channel::Encrypted, Vec::new());
    assert_eq!(names(&poor), [&bare[..], &["PLAIN", "ANONYMOUS"]].concat());
    let unbound = all
        .iter()
        .filter(|name| !matches!(name, MechanismName::ScramPlus(_)))
        .collect();
    let unbound = Advertisement::new(unbound, Channel::Certified, [exporter()].into());
    assert_eq!(unbound.bindings().count(), 0);
}

#[test]
fn a_mechanism_that_was_not_offered_is_refused() {
    let all: MechanismSet = MechanismName::BY_PREFERENCE.into_iter().collect();
    for absent in MechanismName::BY_PREFERENCE {
        let offered =
            Advertisement::new(all.without(absent), Channel::Certified, [exporter()].into());
        for name in MechanismName::BY_PREFERENCE {
            match offered.accept(name.as_str(), &decoy(), [1; 18]) {
                Ok(acceptor) => {
                    assert_ne!(name, absent);
                    assert_eq!(acceptor.name(), name.as_str());
                }
                Err(condition) => {
                    assert_eq!(name, absent);
                    assert_eq!(condition, SaslCondition::InvalidMechanism);
                }
            }
        }
        assert!(offered.accept("GSSAPI", &decoy(), [1; 18]).is_err());
    }
}

/// The acceptor that an advertisement starts knows what was advertised.
#[test]
fn rfc5802_6_a_downgrade_between_advertisement_and_choice_is_noticed() {
    let server = Advertisement::new(
        MechanismSet::scram(),
        Channel::Encrypted,
        [exporter()].into(),
    );
    // Somebody takes out -PLUS and the announcement.
    let seen = MechanismOffer::new(["SCRAM-SHA-256"]);
    let means = verified().password().binding(EXPORTER);
    let choice = select(seen, means, MechanismPolicy::new()).unwrap();
    let mut client = ScramClient::new(
        Hash::Sha256,
        user(),
        ScramCredentials::password(pencil()),
        choice.client_binding(&[exporter()]).unwrap(),
        [1; 18],
    );
    let mut acceptor = server
        .accept(choice.mechanism().as_str(), &decoy(), [2; 18])
        .unwrap();
    let answer = account(Hash::Sha256);
    match run(&mut client, acceptor.as_mut(), &answer, Form::Short) {
        End::Failure(condition) => assert_eq!(condition, SaslCondition::NotAuthorized),
        end => panic!("{end:?}"),
    }
}
