//! Tests of what is offered, and of what is chosen from an offer.

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
    // Without -PLUS, the binding of this connection no longer matters.
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

/// The offers of the table of [`select`], as mechanisms and announced bindings.
type Announced = Option<&'static [&'static str]>;

fn offered(names: &[&str], announced: Announced) -> MechanismOffer {
    let offer = MechanismOffer::new(names.iter().copied());
    match announced {
        Some(bindings) => offer.announcing(bindings.iter().copied()),
        None => offer,
    }
}

fn bound_with(ours: &[ChannelBindingKind]) -> Capabilities {
    ours.iter()
        .fold(verified().password(), |means, kind| means.binding(*kind))
}

const PLUS: &[&str] = &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"];
const BARE: &[&str] = &["SCRAM-SHA-256", "PLAIN"];
const FOREIGN_PLUS: &[&str] = &["SCRAM-SHA3-512-PLUS", "SCRAM-SHA-256", "PLAIN"];
const BOTH: &[ChannelBindingKind] = &[EXPORTER, END_POINT];

type Cell = Result<BindingFlag, SelectError>;

/// Offered, announced, ours; then `Preferred`, `Required` and `DangerousIfAnnounced`.
type Row = (
    &'static [&'static str],
    Announced,
    &'static [ChannelBindingKind],
    [Cell; 3],
);

/// XEP-0440's business rules and RFC 5802 6: every cell of the table of [`select`].
#[test]
fn xep0440_channel_binding_rules() {
    use BindingFlag::{Bound, NotOffered, Unsupported};
    use SelectError::{BindingRequired, Downgrade as Suspected};
    let exporter: Announced = Some(&["tls-exporter"]);
    let end_point: Announced = Some(&["tls-server-end-point"]);
    let unique: Announced = Some(&["tls-unique"]);
    let no_common = Err(Suspected(Downgrade::NoCommonBinding));
    let no_mechanism = Err(Suspected(Downgrade::NoCommonMechanism));
    let stripped = Err(Suspected(Downgrade::PlusStripped));
    let (n, y) = (Ok(Unsupported), Ok(NotOffered));

    let table: [Row; 25] = [
        // Announced and common: the best common one (rules 1 and 7).
        (PLUS, exporter, BOTH, [Ok(Bound(EXPORTER)); 3]),
        (PLUS, end_point, BOTH, [Ok(Bound(END_POINT)); 3]),
        (PLUS, end_point, &[END_POINT], [Ok(Bound(END_POINT)); 3]),
        (
            PLUS,
            Some(&["tls-server-end-point", "tls-exporter"]),
            BOTH,
            [Ok(Bound(EXPORTER)); 3],
        ),
        (
            PLUS,
            Some(&["tls-unique", "tls-server-end-point"]),
            BOTH,
            [Ok(Bound(END_POINT)); 3],
        ),
        // Announced, none in common (rule 6, and stricter).
        (PLUS, unique, BOTH, [no_common; 3]),
        (PLUS, end_point, &[EXPORTER], [no_common; 3]),
        (PLUS, exporter, &[END_POINT], [no_common; 3]),
        // Announced, and this connection has none: TLS 1.2 with an Ed25519 certificate.
        (PLUS, exporter, &[], [no_common; 3]),
        (PLUS, end_point, &[], [no_common; 3]),
        (PLUS, unique, &[], [no_common; 3]),
        // Not announced: one bound attempt with the best of ours (rule 4).
        (
            PLUS,
            None,
            BOTH,
            [Ok(Bound(EXPORTER)), Ok(Bound(EXPORTER)), n],
        ),
        (
            PLUS,
            Some(&[]),
            BOTH,
            [Ok(Bound(EXPORTER)), Ok(Bound(EXPORTER)), n],
        ),
        (
            PLUS,
            None,
            &[END_POINT],
            [Ok(Bound(END_POINT)), Ok(Bound(END_POINT)), n],
        ),
        (PLUS, None, &[], [no_common, no_common, n]),
        // -PLUS with hashes that we do not know.
        (FOREIGN_PLUS, exporter, BOTH, [no_mechanism; 3]),
        (FOREIGN_PLUS, None, BOTH, [no_mechanism, no_mechanism, n]),
        (FOREIGN_PLUS, unique, BOTH, [no_common; 3]),
        (FOREIGN_PLUS, None, &[], [no_common, no_common, n]),
        // Announced without -PLUS: stripped (rule 5).
        (BARE, exporter, BOTH, [stripped; 3]),
        (BARE, Some(&["tls-foo"]), BOTH, [stripped; 3]),
        (BARE, exporter, &[], [stripped; 3]),
        // Neither: `y` (rule 3), also without a binding of this connection.
        (BARE, None, BOTH, [y, Err(BindingRequired), y]),
        (BARE, Some(&[]), BOTH, [y, Err(BindingRequired), y]),
        (BARE, None, &[], [y, Err(BindingRequired), y]),
    ];
    let uses = [
        BindingUse::Preferred,
        BindingUse::Required,
        BindingUse::DangerousIfAnnounced,
    ];
    for (names, announced, ours, cells) in table {
        for (binding, expected) in uses.into_iter().zip(cells) {
            let policy = MechanismPolicy::new().allow_plain().binding(binding);
            let choice = select(offered(names, announced), bound_with(ours), policy);
            let row = (names, announced, ours, binding);
            assert_eq!(choice.map(Choice::flag), expected, "{row:?}");
            let mechanism = expected.map(|flag| match flag {
                Bound(_) => MechanismName::ScramPlus(Hash::Sha256),
                _ => MechanismName::Scram(Hash::Sha256),
            });
            assert_eq!(choice.map(Choice::mechanism), mechanism, "{row:?}");
        }
    }
}

/// A client whose policy allows no -PLUS does not support channel binding (rule 2).
#[test]
fn xep0440_rule_2_without_plus_in_the_policy_the_flag_is_n() {
    let bare =
        MechanismPolicy::new().allow(MechanismSet::EMPTY.with(MechanismName::Scram(Hash::Sha256)));
    for names in [PLUS, BARE, FOREIGN_PLUS] {
        for announced in [None, Some(&["tls-exporter"][..]), Some(&["tls-unique"][..])] {
            for ours in [BOTH, &[]] {
                let offer = offered(names, announced);
                let flag = |binding| {
                    select(offer, bound_with(ours), bare.binding(binding)).map(Choice::flag)
                };
                let row = (names, announced, ours);
                assert_eq!(
                    flag(BindingUse::Preferred),
                    Ok(BindingFlag::Unsupported),
                    "{row:?}"
                );
                assert_eq!(
                    flag(BindingUse::Required),
                    Err(SelectError::BindingRequired),
                    "{row:?}"
                );
            }
        }
    }
}

/// However many mechanisms are refused one after the other: after a bound attempt no unbound one
/// follows, whether or not the bindings were announced.
#[test]
fn xep0440_a_bound_attempt_is_never_followed_by_an_unbound_one() {
    for announced in [None, Some(&["tls-exporter", "tls-server-end-point"][..])] {
        for minimum in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            for policy in [
                MechanismPolicy::new().minimum(minimum),
                MechanismPolicy::new().allow_plain(),
            ] {
                let mut offer = offered(&ALL, announced).refused(MechanismName::External);
                let capabilities = bound_with(BOTH).anonymous();
                let mut bound = 0;
                let end = loop {
                    match select(offer, capabilities, policy) {
                        Ok(choice) => {
                            assert!(matches!(choice.flag(), BindingFlag::Bound(_)), "{choice:?}");
                            offer = offer.refused(choice.mechanism());
                            bound += 1;
                        }
                        Err(error) => break error,
                    }
                };
                assert!((1..=3).contains(&bound));
                assert_eq!(end, SelectError::Downgrade(Downgrade::NoCommonMechanism));
            }
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

/// A tampered offer must not lead a user with a password to ANONYMOUS. EXTERNAL needs no password,
/// and is still chosen.
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

/// An acceptor knows what the advertisement that started it offered.
#[test]
fn rfc5802_6_a_downgrade_between_advertisement_and_choice_is_noticed() {
    let server = Advertisement::new(
        MechanismSet::scram(),
        Channel::Encrypted,
        [exporter()].into(),
    );
    // Somebody removes -PLUS and the announcement.
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
