//! Tests of both sides of each mechanism against each other.

use super::*;

const HASHES: [Hash; 3] = [Hash::Sha1, Hash::Sha256, Hash::Sha512];
const FORMS: [Form; 2] = [Form::Short, Form::Long];

fn scram(hash: Hash, credentials: ScramCredentials, binding: ClientBinding) -> ScramClient {
    ScramClient::new(hash, user(), credentials, binding, [1; 18])
}

fn scram_server(hash: Hash, binding: AcceptorBinding) -> ScramAcceptor {
    ScramAcceptor::new(hash, binding, decoy(), [2; 18])
}

fn with_password(hash: Hash, password: &str) -> ScramClient {
    let password = Password::ascii(password).unwrap();
    scram(
        hash,
        ScramCredentials::password(password),
        ClientBinding::Unsupported,
    )
}

fn expect_user(end: End) -> LoginResult {
    match end {
        End::Success(identity, outcome) => {
            assert_eq!(identity.authcid, "user");
            assert_eq!(identity.authzid, None);
            outcome
        }
        end => panic!("{end:?}"),
    }
}

#[test]
fn rfc6120_13_8_1_scram_works_with_every_hash_binding_and_form() {
    for hash in HASHES {
        for form in FORMS {
            for (client, server) in [
                (ClientBinding::Unsupported, AcceptorBinding::Absent),
                (ClientBinding::Unsupported, AcceptorBinding::Offered),
                (ClientBinding::NotOffered, AcceptorBinding::Absent),
                (
                    ClientBinding::Bound(exporter()),
                    AcceptorBinding::Used([end_point(), exporter()].into()),
                ),
                (
                    ClientBinding::Bound(end_point()),
                    AcceptorBinding::Used([end_point(), exporter()].into()),
                ),
            ] {
                let mut client = scram(hash, ScramCredentials::password(pencil()), client);
                let mut server = scram_server(hash, server);
                let end = run(&mut client, &mut server, &account(hash), form);
                assert_eq!(expect_user(end).server(), ServerProof::Verified);
            }
        }
    }
}

#[test]
fn rfc5802_6_a_binding_that_does_not_match_fails() {
    let other = ChannelBindingData::tls_exporter([3; 32]);
    for (client, server, condition) in [
        // A man in the middle has two TLS connections, so two values.
        (
            ClientBinding::Bound(exporter()),
            AcceptorBinding::Used([other].into()),
            SaslCondition::NotAuthorized,
        ),
        // The server has not advertised this kind.
        (
            ClientBinding::Bound(exporter()),
            AcceptorBinding::Used([end_point()].into()),
            SaslCondition::NotAuthorized,
        ),
    ] {
        let mut client = scram(Hash::Sha256, ScramCredentials::password(pencil()), client);
        let mut server = scram_server(Hash::Sha256, server);
        let answer = account(Hash::Sha256);
        match run(&mut client, &mut server, &answer, Form::Short) {
            End::Failure(found) => assert_eq!(found, condition),
            end => panic!("{end:?}"),
        }
    }
}

#[test]
fn rfc5802_6_flag_y_fails_where_plus_was_advertised() {
    let mut client = scram(
        Hash::Sha256,
        ScramCredentials::password(pencil()),
        ClientBinding::NotOffered,
    );
    let mut server = scram_server(Hash::Sha256, AcceptorBinding::Offered);
    let answer = account(Hash::Sha256);
    match run(&mut client, &mut server, &answer, Form::Short) {
        End::Failure(condition) => assert_eq!(condition, SaslCondition::NotAuthorized),
        end => panic!("{end:?}"),
    }
}

#[test]
fn rfc5802_5_1_cached_keys_save_the_derivation() {
    for hash in HASHES {
        let mut client = with_password(hash, "pencil");
        let mut server = scram_server(hash, AcceptorBinding::Absent);
        let outcome = expect_user(run(&mut client, &mut server, &account(hash), Form::Short));
        let keys = outcome.into_client_keys().unwrap();

        // As if stored and loaded.
        let keys = ClientKeys::from_parts(
            keys.hash(),
            keys.salt(),
            keys.iterations(),
            keys.client_key(),
            keys.server_key(),
        )
        .unwrap();
        let mut client = scram(
            hash,
            ScramCredentials::keys(keys),
            ClientBinding::Unsupported,
        );
        let mut server = scram_server(hash, AcceptorBinding::Absent);
        let first = client.initial().unwrap().unwrap();
        let AcceptorStep::Ask(_) = server.response(Some(first.as_bytes())) else {
            panic!("no question");
        };
        let AcceptorStep::Challenge(challenge) = server.provide(account(hash)) else {
            panic!("no challenge");
        };
        let MechanismStep::Respond(response) = client.challenge(challenge.as_bytes()).unwrap()
        else {
            panic!("the keys were derived anew");
        };
        assert!(matches!(
            server.response(Some(response.as_bytes())),
            AcceptorStep::Success { .. }
        ));
    }
}

#[test]
fn rfc5802_5_1_cached_keys_that_do_not_fit_give_way_to_the_password() {
    let keys = |hash, salt: &[u8], iterations| {
        let zeros = [0; 64];
        let zeros = &zeros[..Hash::output_len(hash)];
        ClientKeys::from_parts(hash, salt, iterations, zeros, zeros).unwrap()
    };
    for stale in [
        keys(Hash::Sha256, b"another salt", 4096),
        keys(Hash::Sha256, b"sixteen octets..", 4097),
        keys(Hash::Sha1, b"sixteen octets..", 4096),
    ] {
        let run = |credentials| {
            let mut client = scram(Hash::Sha256, credentials, ClientBinding::Unsupported);
            let mut server = scram_server(Hash::Sha256, AcceptorBinding::Absent);
            run(
                &mut client,
                &mut server,
                &account(Hash::Sha256),
                Form::Short,
            )
        };
        let outcome = expect_user(run(
            ScramCredentials::password(pencil()).with_keys(stale.clone())
        ));
        assert_ne!(outcome.into_client_keys(), Some(stale.clone()));
        match run(ScramCredentials::keys(stale)) {
            End::ClientError(error) => assert_eq!(error, SaslError::NoPassword),
            end => panic!("{end:?}"),
        }
    }
}

/// Returns what a peer sees of an exchange that fails: salt and count of the challenge, the end,
/// and how much work it took.
fn failed_scram(answer: &CredentialAnswer) -> (String, SaslCondition) {
    let mut client = with_password(Hash::Sha256, "wrong");
    let mut server = scram_server(Hash::Sha256, AcceptorBinding::Absent);
    let first = client.initial().unwrap().unwrap();
    let AcceptorStep::Ask(_) = server.response(Some(first.as_bytes())) else {
        panic!("no question");
    };
    let AcceptorStep::Challenge(challenge) = server.provide(answer.clone()) else {
        panic!("no challenge");
    };
    let step = client.challenge(challenge.as_bytes()).unwrap();
    let response = respond(&mut client, step);
    let AcceptorStep::Failure(condition) = server.response(Some(response.as_bytes())) else {
        panic!("let in");
    };
    (text(&challenge), condition)
}

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    let unknown = |name: &str| CredentialAnswer::UnknownUser {
        authcid: name.into(),
    };
    let (known, condition) = failed_scram(&account(Hash::Sha256));
    assert_eq!(condition, SaslCondition::NotAuthorized);
    let (unknown_once, condition) = failed_scram(&unknown("ghost"));
    assert_eq!(condition, SaslCondition::NotAuthorized);
    let (unknown_again, _) = failed_scram(&unknown("ghost"));
    let (unknown_other, _) = failed_scram(&unknown("spook"));
    assert_eq!(known.len(), unknown_once.len());
    assert_eq!(unknown_once, unknown_again, "the salt must not change");
    assert_ne!(unknown_once, unknown_other, "nor be the same for all");
}

#[test]
fn a_disabled_account_is_told_only_to_who_knows_the_password() {
    let CredentialAnswer::Keys { authcid, keys, .. } = account(Hash::Sha256) else {
        unreachable!();
    };
    let answer = CredentialAnswer::Keys {
        authcid,
        keys,
        refuse: Some(SaslCondition::AccountDisabled),
    };
    assert_eq!(failed_scram(&answer).1, SaslCondition::NotAuthorized);
    let mut client = with_password(Hash::Sha256, "pencil");
    let mut server = scram_server(Hash::Sha256, AcceptorBinding::Absent);
    match run(&mut client, &mut server, &answer, Form::Short) {
        End::Failure(condition) => assert_eq!(condition, SaslCondition::AccountDisabled),
        end => panic!("{end:?}"),
    }
}

#[test]
fn names_with_commas_equals_signs_and_beyond_ascii_arrive_whole() {
    for name in ["a,b", "a=b", "=2C", ",,==", "j\u{fc}rgen", "=3D,"] {
        let mut client = ScramClient::new(
            Hash::Sha1,
            Username::prepared(name).unwrap(),
            ScramCredentials::password(pencil()),
            ClientBinding::Unsupported,
            [1; 18],
        )
        .authzid(Authzid::new(name).unwrap());
        let mut server = scram_server(Hash::Sha1, AcceptorBinding::Absent);
        let first = client.initial().unwrap().unwrap();
        match server.response(Some(first.as_bytes())) {
            AcceptorStep::Ask(CredentialQuery::ScramKeys {
                username, authzid, ..
            }) => {
                assert_eq!(username, name);
                assert_eq!(authzid.as_deref(), Some(name));
            }
            step => panic!("{name}: {step:?}"),
        }
        let AcceptorStep::Challenge(challenge) = server.provide(account(Hash::Sha1)) else {
            panic!("no challenge");
        };
        let step = client.challenge(challenge.as_bytes()).unwrap();
        let response = respond(&mut client, step);
        match server.response(Some(response.as_bytes())) {
            AcceptorStep::Success { identity, .. } => {
                assert_eq!(identity.authzid.as_deref(), Some(name));
            }
            step => panic!("{name}: {step:?}"),
        }
    }
}

#[test]
fn plain_works_however_the_password_is_checked() {
    let accept = CredentialAnswer::Accept {
        authcid: "user".into(),
    };
    for form in FORMS {
        for answer in [
            accept.clone(),
            account(Hash::Sha1),
            account(Hash::Sha256),
            account(Hash::Sha512),
        ] {
            let mut client = PlainClient::new(user(), pencil());
            let mut server = PlainAcceptor::new(decoy());
            let end = run(&mut client, &mut server, &answer, form);
            let outcome = expect_user(end);
            assert_eq!(outcome.server(), ServerProof::None);
            assert!(outcome.into_client_keys().is_none());
        }
    }
}

#[test]
fn plain_takes_the_same_course_for_unknown_users_and_wrong_passwords() {
    let course = |answer: CredentialAnswer| {
        let mut client = PlainClient::new(user(), Password::ascii("wrong").unwrap());
        let mut server = PlainAcceptor::new(decoy());
        let initial = client.initial().unwrap().unwrap();
        assert_eq!(initial.as_bytes(), b"\0user\0wrong");
        let AcceptorStep::Ask(CredentialQuery::Password { authcid, .. }) =
            server.response(Some(initial.as_bytes()))
        else {
            panic!("no question");
        };
        assert_eq!(authcid, "user");
        let mut step = server.provide(answer);
        let mut slices = 0;
        while matches!(step, AcceptorStep::Working) {
            slices += 1;
            step = server.work();
        }
        match step {
            AcceptorStep::Failure(condition) => (slices, condition),
            step => panic!("{step:?}"),
        }
    };
    let expected = (4095u32.div_ceil(SLICE), SaslCondition::NotAuthorized);
    assert_eq!(course(account(Hash::Sha256)), expected);
    let unknown = CredentialAnswer::UnknownUser {
        authcid: "user".into(),
    };
    assert_eq!(course(unknown), expected);
    let rejected = course(CredentialAnswer::Reject(SaslCondition::NotAuthorized));
    assert_eq!(rejected, (0, SaslCondition::NotAuthorized));
}

#[test]
fn rfc6120_13_8_4_external_passes_the_authorization_identity() {
    let jid = "juliet@im.example.com";
    for form in FORMS {
        for (client, sent, asked) in [
            (ExternalClient::new(), "", None),
            (
                ExternalClient::new().authzid(Authzid::new(jid).unwrap()),
                jid,
                Some(jid),
            ),
        ] {
            let mut client = client;
            let mut server = ExternalAcceptor::new();
            // RFC 6120 6.4.2: present and empty, hence `=`.
            assert_eq!(text(&client.initial().unwrap().unwrap()), sent);
            if let Form::Long = form {
                assert!(matches!(server.response(None), AcceptorStep::Challenge(_)));
            }
            match server.response(Some(sent.as_bytes())) {
                AcceptorStep::Ask(CredentialQuery::External { authzid }) => {
                    assert_eq!(authzid.as_deref(), asked);
                }
                step => panic!("{step:?}"),
            }
            match server.provide(CredentialAnswer::Accept {
                authcid: "certificate".into(),
            }) {
                AcceptorStep::Success {
                    identity,
                    data: None,
                    token: None,
                } => {
                    assert_eq!(identity.authcid, "certificate");
                    assert_eq!(identity.authzid.as_deref(), asked);
                }
                step => panic!("{step:?}"),
            }
            assert_eq!(client.success(None).unwrap().server(), ServerProof::None);
        }
    }
    let mut server = ExternalAcceptor::new();
    let AcceptorStep::Ask(_) = server.response(Some(b"")) else {
        panic!("no question");
    };
    assert!(matches!(
        server.provide(CredentialAnswer::Reject(SaslCondition::InvalidAuthzid)),
        AcceptorStep::Failure(SaslCondition::InvalidAuthzid)
    ));
}

#[test]
fn xep0175_anonymous_needs_no_message() {
    let answer = CredentialAnswer::Accept {
        authcid: "user".into(),
    };
    let mut client = AnonymousClient::new();
    let mut server = AnonymousAcceptor::new();
    assert_eq!(client.initial(), Ok(None));
    match server.response(None) {
        AcceptorStep::Ask(CredentialQuery::Anonymous { trace: None }) => {}
        step => panic!("{step:?}"),
    }
    assert!(matches!(
        server.provide(answer),
        AcceptorStep::Success { .. }
    ));
    assert!(client.success(None).is_ok());

    // A server that asks for the message anyway.
    let mut client = AnonymousClient::new();
    assert_eq!(client.initial(), Ok(None));
    assert_eq!(
        client.challenge(b""),
        Ok(MechanismStep::Respond(Secret::default()))
    );
    assert!(client.success(Some(b"")).is_ok());

    let mut server = AnonymousAcceptor::new();
    match server.response(Some(b"sirhc")) {
        AcceptorStep::Ask(CredentialQuery::Anonymous { trace }) => {
            assert_eq!(trace.as_deref(), Some("sirhc"));
        }
        step => panic!("{step:?}"),
    }
}
