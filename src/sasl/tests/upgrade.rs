//! Tests of upgrade tasks (XEP-0480).

use alloc::vec;

use super::*;
use crate::random::{Random, RandomError};

/// Gives the salt of the example of XEP-0480 3, as far as it reaches.
#[derive(Debug)]
struct Fixed;

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        let salt = b"A_SXCRXQ6sek8bf_";
        for (byte, salt) in bytes.iter_mut().zip(salt) {
            *byte = *salt;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Broken;

impl Random for Broken {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
}

fn bounds() -> IterationBounds {
    IterationBounds::default()
}

/// The password of the example is not given. This is the answer for `pencil`, by Python's
/// `hashlib.pbkdf2_hmac` with the salt of the example.
#[test]
fn xep0480_3_the_answer_is_the_salted_password() {
    let mut client = UpgradeClient::new(
        Hash::Sha256,
        &pencil(),
        b"A_SXCRXQ6sek8bf_Z",
        4096,
        bounds(),
    )
    .unwrap();
    let mut slices = 0;
    let salted = loop {
        match client.work().unwrap() {
            MechanismStep::Working => slices += 1,
            MechanismStep::Respond(salted) => break salted,
        }
    };
    assert_eq!(
        crate::hex::hex(salted.as_bytes()),
        "43c69b2b75885f9d34039fbef330da9976d95a9a1781633075728ef5e14a93cc"
    );
    assert_eq!(slices, 4095 / SLICE, "each slice is bounded");
    assert_eq!(client.work(), Err(SaslError::OutOfSequence));
}

/// After the upgrade, the user logs in by the other mechanism with the same password.
#[test]
fn xep0480_the_keys_of_an_upgrade_are_those_of_the_password() {
    for hash in [Hash::Sha256, Hash::Sha512] {
        let server = UpgradeAcceptor::new(hash, 5000, &Fixed).unwrap();
        assert_eq!(server.salt().len(), 16);
        let (salt, iterations) = (server.salt().to_vec(), server.iterations());
        let mut client =
            UpgradeClient::new(server.hash(), &pencil(), &salt, iterations, bounds()).unwrap();
        let salted = loop {
            if let MechanismStep::Respond(salted) = client.work().unwrap() {
                break salted;
            }
        };
        let keys = server.finish(&salted).unwrap();
        assert_eq!(
            keys,
            ScramKeys::derive(hash, &pencil(), &salt, iterations).unwrap()
        );
        let mut client = ScramClient::new(
            hash,
            user(),
            ScramCredentials::password(pencil()),
            ClientBinding::Unsupported,
            [1; 18],
        );
        let mut server = ScramAcceptor::new(hash, AcceptorBinding::Absent, decoy(), [2; 18]);
        let answer = CredentialAnswer::keys("user".into(), keys);
        let end = run(&mut client, &mut server, &answer, Form::Short);
        assert!(matches!(end, End::Success(..)), "{end:?}");
    }
}

#[test]
fn xep0480_3_what_either_side_asks_of_the_other_is_bounded() {
    let start = |salt: &[u8], iterations| {
        UpgradeClient::new(Hash::Sha256, &pencil(), salt, iterations, bounds()).map(|_| ())
    };
    assert_eq!(start(b"salt", 4096), Ok(()));
    assert_eq!(start(&[1; 256], 600_000), Ok(()));
    assert_eq!(start(b"", 4096), Err(SaslError::Malformed));
    assert_eq!(start(&[1; 257], 4096), Err(SaslError::TooLong));
    for count in [0, 1, 4095, 600_001, u32::MAX] {
        assert_eq!(start(b"salt", count), Err(SaslError::Iterations { count }));
    }

    let server = UpgradeAcceptor::new(Hash::Sha256, 4096, &Fixed).unwrap();
    for length in [0, 1, 20, 31, 33, 64, 10_000] {
        assert_eq!(
            server.finish(&vec![1; length].into()),
            Err(SaslCondition::MalformedRequest),
            "{length}"
        );
    }
    assert!(server.finish(&vec![1; 32].into()).is_ok());
    let new = |iterations, random: &dyn Random| {
        UpgradeAcceptor::new(Hash::Sha256, iterations, random).map(|_| ())
    };
    assert_eq!(new(4095, &Fixed), Err(KeysError::Iterations));
    assert_eq!(new(4096, &Broken), Err(KeysError::Random));
}

fn means() -> Capabilities {
    Capabilities::new()
        .verified()
        .password()
        .binding(ChannelBindingKind::TlsExporter)
}

fn choice(names: &[&str], means: Capabilities, policy: MechanismPolicy) -> Choice {
    let offer = MechanismOffer::new(names.iter().copied());
    select(offer, means, policy).unwrap()
}

#[test]
fn the_strongest_upgrade_above_the_login_is_asked_for() {
    let policy = MechanismPolicy::new().allow_plain();
    let offers = [Hash::Sha256, Hash::Sha512, Hash::Sha1];
    for (login, offered, expected) in [
        ("SCRAM-SHA-1", &offers[..], Some(Hash::Sha512)),
        ("SCRAM-SHA-1-PLUS", &offers, Some(Hash::Sha512)),
        ("SCRAM-SHA-1", &[Hash::Sha256], Some(Hash::Sha256)),
        ("SCRAM-SHA-256", &offers, Some(Hash::Sha512)),
        ("SCRAM-SHA-256", &[Hash::Sha256], None),
        ("SCRAM-SHA-512", &offers, None),
        ("PLAIN", &offers, Some(Hash::Sha512)),
        ("PLAIN", &[Hash::Sha1], None),
        ("SCRAM-SHA-1", &[], None),
    ] {
        let choice = choice(&[login], means(), policy);
        let upgrade = select_upgrade(offered.iter().copied(), choice, means(), policy);
        assert_eq!(upgrade, expected, "{login}");
    }
    // Only what the policy allows.
    let allowed = MechanismSet::EMPTY
        .with_scram(Hash::Sha1)
        .with_scram(Hash::Sha256);
    let narrow = policy.allow(allowed);
    let login = choice(&["SCRAM-SHA-1"], means(), narrow);
    assert_eq!(
        select_upgrade(offers, login, means(), narrow),
        Some(Hash::Sha256)
    );
}

#[test]
fn xep0480_5_no_salted_password_goes_where_no_password_may_go() {
    let policy = MechanismPolicy::new();
    let offers = [Hash::Sha512];
    let scram = ["SCRAM-SHA-1"];
    // The server is not verified.
    let lax = policy.dangerous_scram_to_unverified();
    let unverified = Capabilities::new().password();
    let login = choice(&scram, unverified, lax);
    assert_eq!(select_upgrade(offers, login, unverified, lax), None);
    // There are keys, and no password.
    let keys = Capabilities::new().verified().keys(Hash::Sha1);
    let login = choice(&scram, keys, policy);
    assert_eq!(select_upgrade(offers, login, keys, policy), None);
    // The login is not about the password.
    for (name, means) in [
        ("EXTERNAL", means().certificate()),
        ("ANONYMOUS", means().anonymous()),
    ] {
        let login = choice(&[name], means, policy);
        assert_eq!(select_upgrade(offers, login, means, policy), None, "{name}");
    }
    // Somebody may have removed the announcement.
    let guessing = policy.binding(BindingUse::DangerousIfAnnounced);
    let login = choice(&["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"], means(), guessing);
    assert_eq!(login.mechanism(), MechanismName::Scram(Hash::Sha1));
    assert_eq!(select_upgrade(offers, login, means(), guessing), None);
    let required = policy.binding(BindingUse::Required);
    let login = choice(&["SCRAM-SHA-1-PLUS"], means(), required);
    assert!(select_upgrade(offers, login, means(), required).is_some());
}
