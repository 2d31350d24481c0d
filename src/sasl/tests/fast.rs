//! Tests of logins with a token (XEP-0484, draft-schmaus-kitten-sasl-ht-09).

use alloc::borrow::ToOwned;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::*;
use crate::hex::hex;

const EXPIRY: &str = "2020-03-12T14:36:15Z";

fn bindings() -> [ChannelBindingData; 2] {
    [end_point(), exporter()]
}

fn token(secret: &str, mechanism: FastMechanism) -> FastToken {
    FastToken::from_parts(Secret::from(secret.as_bytes()), mechanism, EXPIRY).unwrap()
}

fn client(token: &FastToken) -> HtClient {
    HtClient::new(&user(), token, &bindings()).unwrap()
}

fn server(mechanism: FastMechanism) -> HtAcceptor {
    HtAcceptor::new(mechanism, &bindings()).unwrap()
}

fn stored(slot: TokenSlot, token: &FastToken) -> StoredTokens {
    StoredTokens::none().with(slot, StoredToken::valid(token.clone()))
}

fn answer(tokens: StoredTokens) -> CredentialAnswer {
    CredentialAnswer::tokens("user".to_owned(), tokens)
}

/// What a server with these tokens makes of a client with that token.
fn attempt(token: &FastToken, answer: CredentialAnswer) -> Result<TokenSlot, SaslCondition> {
    let mut client = client(token);
    let mut server = server(token.mechanism());
    let message = client.initial().unwrap().unwrap();
    let AcceptorStep::Ask(CredentialQuery::Token {
        username,
        mechanism,
        ..
    }) = server.response(Some(message.as_bytes()))
    else {
        panic!("no question");
    };
    assert_eq!((username.as_str(), mechanism), ("user", token.mechanism()));
    match server.provide(answer) {
        AcceptorStep::Success {
            identity,
            data,
            token: Some(slot),
        } => {
            assert_eq!(
                (identity.authcid.as_str(), identity.authzid),
                ("user", None)
            );
            let result = client.success(data.as_ref().map(Secret::as_bytes)).unwrap();
            assert_eq!(result.server(), ServerProof::Verified);
            Ok(slot)
        }
        AcceptorStep::Failure(condition) => Err(condition),
        step => panic!("{step:?}"),
    }
}

/// There are no published vectors. These are of Python:
///
/// ```python
/// hmac.new('secret-token:fast-\u00fc'.encode(), b'Initiator' + cb, 'sha256').hexdigest()
/// ```
#[test]
fn ht_as_python_computes_it() {
    for (mechanism, initiator, responder) in [
        (
            FastMechanism::HtSha256Expr,
            "b6cd9d67cfd11975dd3877a562e554a06f198f6eb7011dfc070a9196daac2bd1",
            "4816bc70adb83fa06a9cfd6365b0ee32dbe8797f36f29f1d3a38aa23767303f4",
        ),
        (
            FastMechanism::HtSha256Endp,
            "aabc6885aa6f366114326b1fb2a73b4ba046dd8abceea0728be2064d8d2fbfdf",
            "12af79498b35a5ff07b85f662f715e9944f40f0866b0d310f8003ddd1f72a00b",
        ),
        (
            FastMechanism::HtSha256None,
            "fef0809bc40910d2080d56bac21c8cd771054aaca9486269f95b8f141bf64514",
            "ded037eb2246003ea82da35052c94c937bb82c8226088a3b15e4b11fc925c3d8",
        ),
        (
            FastMechanism::HtSha512Expr,
            "40b311ee6c4cbaf364c697234d34ade17e6d6bbb83a44d047e8a75494d48894b\
             051b7e41592600e136f1e61496a8df765dea37f809dfb1fcd94218d42b5eadbe",
            "294b508b7264734c5f496822adc346fc3c2a03b82bb4d0a6fc67e8a53043845b\
             90f25c23fa632e5dd34b54d65cc7a1074aa9c93ca8c901e9c0e60c2aad427392",
        ),
        (
            FastMechanism::HtSha512Endp,
            "acf19f6b91f00eca878b76dcdf6b7448047aa08bb010ee005378a8d08863a20b\
             8c80d7cb921f2d8c45bb0b18211dc11574ce571a08aba3fa7ae1011e3b06ac0f",
            "e2442cfc82718ef090a011f46f3a3f1e875fa30740f5465dc01a2ed87a8a8e57\
             3d5f7a5461a79b9b76dd9e3782f80a3b083152bfb15318efe8c6674f730e76c8",
        ),
        (
            FastMechanism::HtSha512None,
            "5cf3fd069c7bce4ddfab283f5a6de434f2f464ec5a7b95e59e9d581079370948\
             5501ba202dc0c0b1f25377e93c1e596df46d286275c41017c157ec6bd1007c87",
            "c135c8304da6be0498700947b65ff4b8de1724feaa20db5dd2f355be8a150525\
             46ae764b537343227de70480c63850cb60e3ed637a14446d2a3823050fabcdd4",
        ),
    ] {
        let token = token("secret-token:fast-\u{fc}", mechanism);
        let message = client(&token).initial().unwrap().unwrap();
        let proof = message.as_bytes().strip_prefix(b"user\0").unwrap();
        assert_eq!(hex(proof), initiator, "{mechanism}");
        let mut server = server(mechanism);
        let AcceptorStep::Ask(_) = server.response(Some(message.as_bytes())) else {
            panic!("no question");
        };
        let AcceptorStep::Success {
            data: Some(data), ..
        } = server.provide(answer(stored(TokenSlot::Current, &token)))
        else {
            panic!("no success");
        };
        assert_eq!(hex(data.as_bytes()), responder, "{mechanism}");
    }
}

#[test]
fn xep0484_3_4_a_token_logs_in_by_one_message_each_with_every_mechanism() {
    for mechanism in FastMechanism::BY_PREFERENCE {
        let token = token("a token", mechanism);
        for slot in [TokenSlot::New, TokenSlot::Current] {
            let end = attempt(&token, answer(stored(slot, &token)));
            assert_eq!(end, Ok(slot), "{mechanism}");
        }
    }
}

/// The promise of XEP-0484 3.5: whichever of a server's messages get lost, the client can log in.
#[test]
fn xep0484_3_5_a_lost_token_does_not_lock_the_client_out() {
    let mechanism = FastMechanism::HtSha256Expr;
    let [first, second, third] = ["first", "second", "third"].map(|text| token(text, mechanism));
    let mut tokens = StoredTokens::none().after_issue(first.clone());
    let mut login = |token: &FastToken, issue: Option<&FastToken>| {
        let slot = attempt(token, answer(tokens.clone()))?;
        tokens = tokens.clone().after_use(slot);
        if let Some(token) = issue {
            tokens = tokens.clone().after_issue(token.clone());
        }
        Ok(slot)
    };
    assert_eq!(login(&first, None), Ok(TokenSlot::New));
    // Two new tokens do not arrive, so the first one is still used.
    assert_eq!(login(&first, Some(&second)), Ok(TokenSlot::Current));
    assert_eq!(login(&first, Some(&third)), Ok(TokenSlot::Current));
    // Nor does a login with it take the third one away, which may have arrived.
    assert_eq!(login(&first, None), Ok(TokenSlot::Current));
    // The second one was never used when the third one was made.
    let refused = Err(SaslCondition::NotAuthorized);
    assert_eq!(login(&second, None), refused);
    assert_eq!(login(&third, None), Ok(TokenSlot::New));
    // From now on, the first one is no longer good.
    assert_eq!(login(&first, None), refused);
    assert_eq!(login(&third, None), Ok(TokenSlot::Current));
}

#[test]
fn xep0484_3_4_a_token_is_good_for_the_mechanism_of_its_issue_only() {
    for issued in FastMechanism::BY_PREFERENCE {
        for used in FastMechanism::BY_PREFERENCE {
            let tokens = stored(TokenSlot::Current, &token("a token", issued));
            let end = attempt(&token("a token", used), answer(tokens));
            if issued == used {
                assert_eq!(end, Ok(TokenSlot::Current));
            } else {
                assert_eq!(end, Err(SaslCondition::NotAuthorized), "{issued} {used}");
            }
        }
    }
}

#[test]
fn xep0484_4_2_an_expired_token_is_told_only_to_who_has_it() {
    let mechanism = FastMechanism::HtSha256None;
    let (mine, other) = (token("mine", mechanism), token("other", mechanism));
    let expired = StoredTokens::none().with(TokenSlot::Current, StoredToken::expired(mine.clone()));
    assert_eq!(
        attempt(&mine, answer(expired.clone())),
        Err(SaslCondition::CredentialsExpired)
    );
    assert_eq!(
        attempt(&other, answer(expired.clone())),
        Err(SaslCondition::NotAuthorized)
    );
    // One that is good beside it still is.
    let both = expired.with(TokenSlot::New, StoredToken::valid(other.clone()));
    assert_eq!(attempt(&other, answer(both)), Ok(TokenSlot::New));
}

#[test]
fn a_disabled_account_is_told_only_to_who_has_the_token() {
    let mechanism = FastMechanism::HtSha256None;
    let (mine, other) = (token("mine", mechanism), token("other", mechanism));
    let disabled = CredentialAnswer::Tokens {
        authcid: "user".into(),
        tokens: stored(TokenSlot::Current, &mine),
        refuse: Some(SaslCondition::AccountDisabled),
    };
    assert_eq!(
        attempt(&mine, disabled.clone()),
        Err(SaslCondition::AccountDisabled)
    );
    assert_eq!(attempt(&other, disabled), Err(SaslCondition::NotAuthorized));
}

/// The same question, the same condition and the same number of steps. That two HMACs are computed
/// in each case is by construction.
#[test]
fn an_unknown_user_looks_like_a_wrong_token() {
    for mechanism in FastMechanism::BY_PREFERENCE {
        let mine = token("mine", mechanism);
        for answer in [
            CredentialAnswer::UnknownUser {
                authcid: "user".into(),
            },
            answer(StoredTokens::none()),
            answer(stored(TokenSlot::New, &token("other", mechanism))),
            answer(stored(TokenSlot::Current, &token("other", mechanism))),
        ] {
            assert_eq!(attempt(&mine, answer), Err(SaslCondition::NotAuthorized));
        }
    }
}

/// What takes the place of an absent token is public, so it must not let anybody in.
#[test]
fn the_stand_in_of_an_absent_token_is_no_token() {
    let hash = Hash::Sha256;
    let proof = hash.hmac(&[0; 43], &[b"Initiator"]);
    for key in [&[0; 43][..], b""] {
        let proof = match key {
            [] => hash.hmac(b"", &[b"Initiator"]),
            _ => proof.clone(),
        };
        let mut server = server(FastMechanism::HtSha256None);
        let message = [b"user\0", proof.as_bytes()].concat();
        let AcceptorStep::Ask(_) = server.response(Some(&message)) else {
            panic!("no question");
        };
        assert!(matches!(
            server.provide(answer(StoredTokens::none())),
            AcceptorStep::Failure(SaslCondition::NotAuthorized)
        ));
    }
}

#[test]
fn a_token_that_is_bound_to_a_channel_does_not_work_on_another() {
    let others = [
        ChannelBindingData::tls_exporter([3; 32]),
        ChannelBindingData::tls_server_end_point(&[4; 32]).unwrap(),
    ];
    for mechanism in FastSet::bound().iter() {
        let token = token("a token", mechanism);
        let message = client(&token).initial().unwrap().unwrap();
        let mut server = HtAcceptor::new(mechanism, &others).unwrap();
        let AcceptorStep::Ask(_) = server.response(Some(message.as_bytes())) else {
            panic!("no question");
        };
        assert!(matches!(
            server.provide(answer(stored(TokenSlot::Current, &token))),
            AcceptorStep::Failure(SaslCondition::NotAuthorized)
        ));
        // Without the binding, neither side starts.
        assert!(HtClient::new(&user(), &token, &[]).is_none());
        assert!(HtAcceptor::new(mechanism, &[]).is_none());
    }
}

#[test]
fn ht_client_believes_no_server_without_the_token() {
    let token = token("a token", FastMechanism::HtSha256Expr);
    let sent = || {
        let mut client = client(&token);
        let message = client.initial().unwrap().unwrap();
        (client, message)
    };
    let (_, message) = sent();
    // A server that sends back what it received has only the initiator's proof.
    let reflected = message.as_bytes()[b"user\0".len()..].to_vec();
    for data in [
        None,
        Some(vec![]),
        Some(vec![0; 32]),
        Some(reflected),
        Some(vec![0; 31]),
        Some(vec![0; 64]),
        Some(vec![0; MAX_MESSAGE + 1]),
    ] {
        let (mut client, _) = sent();
        assert_eq!(
            client.success(data.as_deref()).map(|_| ()),
            Err(SaslError::ServerNotVerified)
        );
        assert_eq!(
            client.success(data.as_deref()).map(|_| ()),
            Err(SaslError::OutOfSequence)
        );
    }
    let (mut client, _) = sent();
    assert_eq!(client.challenge(b""), Err(SaslError::Unexpected));
}

#[test]
fn ht_server_refuses_malformed_messages() {
    let proof = [7; 32];
    let with = |name: &[u8], proof: &[u8]| [name, b"\0", proof].concat();
    let long_name = vec![b'x'; MAX_USERNAME + 1];
    let long_message = vec![0xff; MAX_MESSAGE + 1];
    for message in [
        vec![],
        b"user".to_vec(),
        b"\0".to_vec(),
        with(b"", &proof),
        with(b"\xff", &proof),
        with(&long_name, &proof),
        with(b"user", &[]),
        with(b"user", &[7; 31]),
        with(b"user", &[7; 33]),
        with(b"user", &[7; 64]),
        // The messages of draft-ietf-kitten-sasl-ht have key/value pairs before the proof.
        with(b"user\0", &proof),
        with(b"user\0a=b", &proof),
        long_message,
    ] {
        let mut server = server(FastMechanism::HtSha256None);
        assert!(
            matches!(
                server.response(Some(&message)),
                AcceptorStep::Failure(SaslCondition::MalformedRequest)
            ),
            "{message:.40?}"
        );
        // A failure is final.
        assert!(matches!(
            server.response(Some(&with(b"user", &proof))),
            AcceptorStep::Failure(_)
        ));
    }
    let longest = vec![b'x'; MAX_USERNAME];
    for (name, proof) in [
        (&b"u"[..], [0; 32]),
        (&longest, [0; 32]),
        ("j\u{fc}rgen".as_bytes(), proof),
    ] {
        let mut server = server(FastMechanism::HtSha256None);
        match server.response(Some(&with(name, &proof))) {
            AcceptorStep::Ask(CredentialQuery::Token { username, .. }) => {
                assert_eq!(username.as_bytes(), name);
            }
            step => panic!("{step:?}"),
        }
    }
    let mut server = server(FastMechanism::HtSha256None);
    assert!(matches!(
        server.response(None),
        AcceptorStep::Failure(SaslCondition::MalformedRequest)
    ));
}

#[test]
fn ht_calls_out_of_sequence_are_errors() {
    let token = token("a token", FastMechanism::HtSha256None);
    let early = Err(SaslError::OutOfSequence);
    assert_eq!(client(&token).challenge(b""), early);
    assert_eq!(client(&token).work(), early);
    assert!(client(&token).success(None).is_err());
    let mut twice = client(&token);
    let message = twice.initial().unwrap().unwrap();
    assert_eq!(twice.initial(), Err(SaslError::OutOfSequence));
    assert!(twice.success(None).is_err());

    let ours = |step: AcceptorStep| {
        matches!(
            step,
            AcceptorStep::Failure(SaslCondition::TemporaryAuthFailure)
        )
    };
    let good = || answer(stored(TokenSlot::New, &token));
    let mechanism = token.mechanism();
    assert!(ours(server(mechanism).provide(good())));
    assert!(ours(server(mechanism).work()));
    let asked = || {
        let mut server = server(mechanism);
        let step = server.response(Some(message.as_bytes()));
        assert!(matches!(step, AcceptorStep::Ask(_)));
        server
    };
    // Answers to other questions.
    assert!(ours(asked().provide(account(Hash::Sha256))));
    assert!(ours(asked().provide(CredentialAnswer::Accept {
        authcid: "user".into()
    })));
    assert!(ours(asked().work()));
    let mut again = asked();
    assert!(matches!(
        again.response(Some(message.as_bytes())),
        AcceptorStep::Failure(SaslCondition::MalformedRequest)
    ));
    assert!(ours(again.provide(good())));
    // And tokens are no answer to another question.
    let mut plain = PlainAcceptor::new(decoy());
    assert!(matches!(
        plain.response(Some(b"\0user\0pencil")),
        AcceptorStep::Ask(_)
    ));
    assert!(ours(plain.provide(good())));
    let mut external = ExternalAcceptor::new();
    assert!(matches!(external.response(Some(b"")), AcceptorStep::Ask(_)));
    assert!(ours(external.provide(good())));
}

fn verified() -> Capabilities {
    Capabilities::new().verified()
}

/// Every set of bindings that a connection may have.
fn connections() -> [(Capabilities, &'static [ChannelBindingKind]); 4] {
    let [exporter, end_point] = ChannelBindingKind::BY_PREFERENCE;
    [
        (verified(), &[]),
        (
            verified().binding(exporter),
            &[ChannelBindingKind::TlsExporter],
        ),
        (
            verified().binding(end_point),
            &[ChannelBindingKind::TlsServerEndPoint],
        ),
        (
            verified().binding(exporter).binding(end_point),
            &ChannelBindingKind::BY_PREFERENCE,
        ),
    ]
}

/// Every offer, with every connection: no mechanism is chosen that the connection cannot do, and
/// none that is worse than another one.
#[test]
fn xep0484_6_the_best_bound_mechanism_that_both_sides_can_do_is_asked_for() {
    let policy = MechanismPolicy::new();
    // Any binding before none, the better binding before the better hash.
    let strength = |mechanism: &FastMechanism| {
        let binding = mechanism.binding();
        (binding.is_none(), binding, Reverse(mechanism.hash()))
    };
    for bits in 0..64u32 {
        let offered: FastSet = FastMechanism::BY_PREFERENCE
            .into_iter()
            .enumerate()
            .filter(|(index, _)| bits & 1 << index != 0)
            .map(|(_, mechanism)| mechanism)
            .collect();
        for (capabilities, has) in connections() {
            let can = |mechanism: &FastMechanism| {
                mechanism.binding().is_none_or(|kind| has.contains(&kind))
            };
            let chosen = select_fast(offered, capabilities, policy);
            assert_eq!(
                chosen,
                offered.iter().filter(can).min_by_key(strength),
                "{offered:?} {has:?}"
            );
            // With a token for it, this connection can log in; with any other one as that one says.
            for mechanism in FastMechanism::BY_PREFERENCE {
                let token = token("a token", mechanism);
                let usable = check_token(&token, offered, capabilities, policy);
                let expected = if !offered.contains(mechanism) {
                    Err(TokenUnusable::NotOffered)
                } else if !can(&mechanism) {
                    Err(TokenUnusable::NoBinding)
                } else {
                    Ok(())
                };
                assert_eq!(usable, expected);
            }
            let strict = policy.binding(BindingUse::Required);
            let bound = offered.intersection(FastSet::bound());
            assert_eq!(
                select_fast(offered, capabilities, strict),
                bound.iter().filter(can).min_by_key(strength)
            );
        }
    }
}

#[test]
fn xep0484_6_no_token_goes_to_a_server_nobody_verified_or_against_the_policy() {
    let all = FastSet::all();
    let policy = MechanismPolicy::new();
    let unverified = Capabilities::new().binding(ChannelBindingKind::TlsExporter);
    let bound = token("a token", FastMechanism::HtSha256Expr);
    let unbound = token("a token", FastMechanism::HtSha256None);
    assert_eq!(select_fast(all, unverified, policy), None);
    for token in [&bound, &unbound] {
        assert_eq!(
            check_token(token, all, unverified, policy),
            Err(TokenUnusable::NotVerified)
        );
        let scram = policy.dangerous_scram_to_unverified();
        assert!(check_token(token, all, unverified, scram).is_err());
    }
    let not_allowed = Err(TokenUnusable::NotAllowed);
    let required = policy.binding(BindingUse::Required);
    assert_eq!(
        check_token(&unbound, all, verified(), required),
        not_allowed
    );
    let off = policy.fast(FastSet::EMPTY);
    assert_eq!(select_fast(all, verified(), off), None);
    assert_eq!(
        check_token(&bound, all, unverified.verified(), off),
        not_allowed
    );
}

#[test]
fn a_server_offers_what_the_stream_can_carry_and_starts_nothing_else() {
    let offered = |channel, bindings: Vec<ChannelBindingData>| {
        Advertisement::new(MechanismSet::scram(), channel, bindings).fast(FastSet::all())
    };
    let clear = offered(Channel::Clear, bindings().into());
    assert!(clear.fast_mechanisms().is_empty());
    let invalid = Err(SaslCondition::InvalidMechanism);
    for mechanism in FastMechanism::BY_PREFERENCE {
        let started = clear.accept_fast(mechanism.as_str(), None);
        assert_eq!(started.map(|_| ()), invalid, "{mechanism}");
        // Offered is what is allowed here, whatever the stream could carry.
        let rest = FastSet::all().without(mechanism);
        let narrow = offered(Channel::Encrypted, bindings().into()).fast(rest);
        let started = narrow.accept_fast(mechanism.as_str(), None);
        assert_eq!(started.map(|_| ()), invalid, "{mechanism}");
        assert_eq!(narrow.fast_mechanisms(), rest);
    }
    for channel in [Channel::Encrypted, Channel::Certified] {
        for (bindings, expected) in [
            (vec![], "NONE"),
            (vec![exporter()], "EXPR NONE"),
            (vec![end_point()], "ENDP NONE"),
            (vec![end_point(), exporter()], "EXPR ENDP NONE"),
        ] {
            let offered = offered(channel, bindings);
            let expected: Vec<String> = expected
                .split(' ')
                .flat_map(|end| ["512", "256"].map(|bits| std::format!("HT-SHA-{bits}-{end}")))
                .collect();
            let names: Vec<&str> = offered
                .fast_mechanisms()
                .iter()
                .map(FastMechanism::as_str)
                .collect();
            assert_eq!(names, expected);
            for mechanism in FastMechanism::BY_PREFERENCE {
                let name = mechanism.as_str();
                let started = offered.accept_fast(name, None);
                assert_eq!(started.is_ok(), names.contains(&name), "{name}");
                if let Ok(started) = started {
                    assert_eq!(started.name(), name);
                }
                // Without `<fast/>`, there is no such mechanism.
                let ordinary = offered.accept(name, &decoy(), [2; 18]);
                assert_eq!(ordinary.map(|_| ()), invalid);
            }
            for name in ["SCRAM-SHA-256", "PLAIN", "HT-SHA-256-UNIQ", ""] {
                let started = offered.accept_fast(name, None);
                assert_eq!(started.map(|_| ()), invalid);
            }
        }
    }
    // Nobody who does not ask for FAST has it.
    let silent = Advertisement::new(MechanismSet::scram(), Channel::Encrypted, vec![]);
    assert!(silent.fast_mechanisms().is_empty());
}
