//! Tests of the proof that the server's offer arrived unchanged (XEP-0474).

use alloc::format;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const HASHES: [Hash; 3] = [Hash::Sha1, Hash::Sha256, Hash::Sha512];

fn client(hash: Hash) -> ScramClient {
    ScramClient::new(
        hash,
        user(),
        ScramCredentials::password(pencil()),
        ClientBinding::Unsupported,
        [1; 18],
    )
}

fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// What a server offers that has `exporter`.
fn advertised() -> Advertisement {
    Advertisement::new(
        MechanismSet::scram(),
        Channel::Encrypted,
        [end_point(), exporter()].into(),
    )
}

/// Runs a login with `client`, at a server that offers `advertised`.
fn login(mut client: ScramClient, advertised: &Advertisement, form: Form) -> End {
    let name = String::from(client.name());
    let mut server = advertised.accept(&name, &decoy(), [2; 18]).unwrap();
    let hash = HASHES
        .into_iter()
        .find(|hash| name.contains(hash.as_str()))
        .unwrap();
    run(&mut client, server.as_mut(), &account(hash), form)
}

/// The server's message and its answer to that of the client. The client's final message has an
/// extension, which ours does not send.
#[test]
fn xep0474_6_3_example() {
    let binding =
        ChannelBindingData::example(ChannelBindingKind::TlsExporter, b"THIS IS FAKE CB DATA");
    let offer = OfferRecord::new(["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"])
        .announcing(["tls-server-end-point", "tls-exporter"]);
    let mut server = ScramAcceptor::with_nonce(
        Hash::Sha1,
        AcceptorBinding::Used([binding.clone()].into()),
        decoy(),
        "a09117a6-ac50-4f2f-93f1-93799c2bddf6".into(),
    )
    .offered(&offer);
    let mut client = ScramClient::with_nonce(
        Hash::Sha1,
        user(),
        ScramCredentials::password(pencil()),
        ClientBinding::Bound(binding),
        "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6".into(),
    )
    .offered(offer, DowngradeProtection::Required);

    let first = client.initial().unwrap().unwrap();
    assert_eq!(
        text(&first),
        "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6"
    );
    let AcceptorStep::Ask(_) = server.response(Some(first.as_bytes())) else {
        panic!("no question");
    };
    // `QSXCR+Q6sek8bf92`
    let salt = [
        0x41, 0x25, 0xc2, 0x47, 0xe4, 0x3a, 0xb1, 0xe9, 0x3c, 0x6d, 0xff, 0x76,
    ];
    let keys = ScramKeys::derive(Hash::Sha1, &pencil(), &salt, 4096).unwrap();
    let AcceptorStep::Challenge(challenge) =
        server.provide(CredentialAnswer::keys("user".into(), keys))
    else {
        panic!("no challenge");
    };
    assert_eq!(
        text(&challenge),
        "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
         s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08="
    );
    assert_eq!(
        client.challenge(challenge.as_bytes()),
        Ok(MechanismStep::Working)
    );
    let last = "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,\
                r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=";
    match server.response(Some(last.as_bytes())) {
        AcceptorStep::Success {
            data: Some(data), ..
        } => assert_eq!(text(&data), "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c="),
        step => panic!("{step:?}"),
    }
}

#[test]
fn xep0474_6_an_offer_that_arrived_unchanged_is_proved_to_the_client() {
    let advertised = advertised();
    for hash in HASHES {
        for form in [Form::Short, Form::Long] {
            // As they arrived, in another order.
            let mut names: Vec<&str> = advertised
                .mechanisms()
                .iter()
                .map(MechanismName::as_str)
                .collect();
            names.reverse();
            let offer = OfferRecord::new(names).announcing(advertised.bindings());
            let client = client(hash).offered(offer, DowngradeProtection::Required);
            match login(client, &advertised, form) {
                End::Success(_, result) => {
                    assert_eq!(result.offer(), OfferProof::Verified);
                    assert_eq!(result.server(), ServerProof::Verified);
                }
                end => panic!("{end:?}"),
            }
        }
    }
}

/// Somebody in between has removed or added names. The client notices before it proves anything.
#[test]
fn xep0474_6_2_an_offer_that_was_changed_on_its_way_ends_the_exchange_without_a_proof() {
    let advertised = advertised();
    let mechanisms = || advertised.mechanisms().iter().map(MechanismName::as_str);
    let weaker = |name: &'static str| mechanisms().filter(move |mechanism| *mechanism != name);
    let bindings = || advertised.bindings();
    for (label, offer) in [
        (
            "mechanism removed",
            OfferRecord::new(weaker("SCRAM-SHA-512-PLUS")).announcing(bindings()),
        ),
        (
            "mechanism added",
            OfferRecord::new(mechanisms().chain(["PLAIN"])).announcing(bindings()),
        ),
        (
            "binding removed",
            OfferRecord::new(mechanisms()).announcing(["tls-server-end-point"]),
        ),
        ("announcement removed", OfferRecord::new(mechanisms())),
        (
            "binding replaced",
            OfferRecord::new(mechanisms()).announcing(["tls-fictional"]),
        ),
    ] {
        for protection in [
            DowngradeProtection::IfPresent,
            DowngradeProtection::Required,
        ] {
            let client = client(Hash::Sha256).offered(offer.clone(), protection);
            match login(client, &advertised, Form::Short) {
                End::ClientError(error) => assert_eq!(error, SaslError::OfferChanged, "{label}"),
                end => panic!("{label}: {end:?}"),
            }
        }
    }
}

/// Somebody in between replaces the server's hash by the one of the offer that he made of it. The
/// client's proof covers the hash, so the server refuses it.
#[test]
fn xep0474_6_2_a_forged_hash_of_the_offer_fails_at_the_server() {
    let advertised = advertised();
    let mut server = advertised
        .accept("SCRAM-SHA-256", &decoy(), [2; 18])
        .unwrap();
    let forged = OfferRecord::new(["SCRAM-SHA-256"]);
    let mut client = client(Hash::Sha256).offered(forged.clone(), DowngradeProtection::Required);
    let first = client.initial().unwrap().unwrap();
    let AcceptorStep::Ask(_) = server.response(Some(first.as_bytes())) else {
        panic!("no question");
    };
    let AcceptorStep::Challenge(challenge) = server.provide(account(Hash::Sha256)) else {
        panic!("no challenge");
    };
    let challenge = text(&challenge);
    let (honest, _) = challenge.split_once(",h=").unwrap();
    let hash = encode(forged.digest(Hash::Sha256).as_bytes());
    let step = client.challenge(format!("{honest},h={hash}").as_bytes());
    let response = respond(&mut client, step.unwrap());
    assert!(matches!(
        server.response(Some(response.as_bytes())),
        AcceptorStep::Failure(SaslCondition::NotAuthorized)
    ));
}

#[test]
fn xep0474_a_server_without_the_proof_is_refused_only_where_it_is_required() {
    let silent = advertised().dangerous_without_downgrade_protection();
    let offer = silent.record();
    match login(
        client(Hash::Sha256).offered(offer.clone(), DowngradeProtection::IfPresent),
        &silent,
        Form::Short,
    ) {
        End::Success(_, result) => assert_eq!(result.offer(), OfferProof::None),
        end => panic!("{end:?}"),
    }
    match login(
        client(Hash::Sha256).offered(offer, DowngradeProtection::Required),
        &silent,
        Form::Short,
    ) {
        End::ClientError(error) => assert_eq!(error, SaslError::NoDowngradeProtection),
        end => panic!("{end:?}"),
    }
    // A client that does not say what it saw has nothing to compare.
    match login(client(Hash::Sha256), &advertised(), Form::Short) {
        End::Success(_, result) => assert_eq!(result.offer(), OfferProof::None),
        end => panic!("{end:?}"),
    }
}

/// The hash may stand anywhere among the extensions, once. What is no hash of the offer is a changed
/// offer, whatever it is.
#[test]
fn xep0474_6_1_malformed_and_doubled_hashes_are_refused() {
    let offer = OfferRecord::new(["SCRAM-SHA-1"]);
    let hash = encode(offer.digest(Hash::Sha1).as_bytes());
    let answer = |extensions: &str| {
        let mut client = ScramClient::with_nonce(
            Hash::Sha1,
            user(),
            ScramCredentials::password(pencil()),
            ClientBinding::Unsupported,
            "abc".into(),
        )
        .offered(offer.clone(), DowngradeProtection::IfPresent);
        let _ = client.initial().unwrap();
        client.challenge(format!("r=abcx,s=QSXC,i=4096{extensions}").as_bytes())
    };
    for good in [
        format!(",h={hash}"),
        format!(",x=1,h={hash}"),
        format!(",h={hash},x=1"),
        format!(",H=other,h={hash}"),
        // Without it, there is nothing to compare.
        ",x=1".into(),
    ] {
        assert_eq!(answer(&good), Ok(MechanismStep::Working), "{good}");
    }
    let unpadded = hash.trim_end_matches('=');
    for changed in [
        format!(",h={unpadded}"),
        format!(",h={hash}="),
        format!(",h={hash}{hash}"),
        format!(",h={}", hash.to_lowercase()),
        ",h=QSXC".into(),
        ",h=\u{e4}".into(),
        ",h=*".into(),
    ] {
        assert_eq!(answer(&changed), Err(SaslError::OfferChanged), "{changed}");
    }
    for malformed in [
        format!(",h={hash},h={hash}"),
        format!(",h={hash},x=1,h=QSXC"),
        ",h=".into(),
        ",h".into(),
        format!(",hh={hash}"),
    ] {
        assert_eq!(answer(&malformed), Err(SaslError::Malformed), "{malformed}");
    }
}

#[test]
fn where_the_proof_of_the_offer_is_required_no_password_is_sent_as_it_is() {
    let means = Capabilities::new().verified().password();
    let policy = MechanismPolicy::new().allow_plain();
    let strict = policy.require_downgrade_protection();
    assert_eq!(strict.downgrade_protection(), DowngradeProtection::Required);
    let plain = MechanismOffer::new(["PLAIN"]);
    assert!(select(plain, means, policy).is_ok());
    assert!(select(plain, means, strict).is_err());
    let scram = MechanismOffer::new(["SCRAM-SHA-1"]);
    assert!(select(scram, means, strict).is_ok());
}
