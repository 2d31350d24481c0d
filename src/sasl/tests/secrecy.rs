//! Tests that secrets do not appear in `Debug`, and are compared by their octets.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use super::*;
use crate::random::{Random, RandomError};

/// A password that cannot be in a text by accident, and its base64.
const PASSWORD: &str = "Tr0ub4dor";
const NOT_TO_BE_SEEN: [&str; 3] = [
    PASSWORD,
    "VHIwdWI0ZG9y",
    // As `[u8]` is printed.
    "84, 114, 48, 117, 98, 52",
];

fn password() -> Password {
    Password::ascii(PASSWORD).unwrap()
}

#[derive(Debug)]
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(0);
        Ok(())
    }
}

fn check(what: &dyn fmt::Debug) {
    for text in [format!("{what:?}"), format!("{what:#?}")] {
        for secret in NOT_TO_BE_SEEN {
            assert!(!text.contains(secret), "{text}");
        }
        // No octets at all: keys, salts, messages.
        assert!(!text.contains('['), "{text}");
    }
}

#[test]
fn secrets_are_absent_from_debug_in_every_phase() {
    let keys = ScramKeys::derive(Hash::Sha256, &password(), b"salt", 4096).unwrap();
    let answer = CredentialAnswer::keys("user".into(), keys.clone());
    check(&password());
    check(&keys);
    check(&answer);
    check(&ScramCredentials::password(password()));
    check(&decoy());
    check(&exporter());
    check(&AcceptorBinding::Absent);

    let mut client = ScramClient::new(
        Hash::Sha256,
        user(),
        ScramCredentials::password(password()),
        ClientBinding::Bound(exporter()),
        [1; 18],
    );
    let binding = AcceptorBinding::Used([exporter()].into());
    let mut server = ScramAcceptor::new(Hash::Sha256, binding, decoy(), [2; 18]);
    check(&client);
    check(&server);
    let first = client.initial().unwrap();
    check(&first);
    check(&client);
    let step = server.response(first.as_ref().map(Secret::as_bytes));
    check(&step);
    check(&server);
    let AcceptorStep::Challenge(challenge) = server.provide(answer.clone()) else {
        panic!("no challenge");
    };
    check(&server);
    let step = client.challenge(challenge.as_bytes()).unwrap();
    check(&client);
    let response = respond(&mut client, step);
    check(&response);
    check(&client);
    let step = server.response(Some(response.as_bytes()));
    check(&step);
    check(&server);
    let AcceptorStep::Success { data, .. } = step else {
        panic!("no success");
    };
    let outcome = client.success(data.as_ref().map(Secret::as_bytes)).unwrap();
    check(&outcome);
    check(&outcome.into_client_keys());
    check(&client);

    let mechanism = FastMechanism::HtSha256Expr;
    let token = FastToken::from_parts(Secret::from(PASSWORD.as_bytes()), mechanism, "2020");
    let token = token.unwrap();
    check(&token);
    check(&token.to_bytes());
    let stored = StoredToken::expired(token.clone());
    let tokens = StoredTokens::none().with(TokenSlot::New, stored);
    let tokens = tokens.with(TokenSlot::Current, StoredToken::valid(token.clone()));
    let given = CredentialAnswer::tokens("user".into(), tokens.clone());
    check(&tokens);
    check(&given);
    let mut client = HtClient::new(&user(), &token, &[exporter()]).unwrap();
    let mut server = HtAcceptor::new(mechanism, &[exporter()]).unwrap();
    check(&client);
    check(&server);
    let first = client.initial().unwrap();
    check(&first);
    check(&client);
    check(&server.response(first.as_ref().map(Secret::as_bytes)));
    check(&server);
    check(&server.provide(given));
    check(&server);

    let bounds = IterationBounds::default();
    let mut upgrade = UpgradeClient::new(Hash::Sha256, &password(), b"salt", 4096, bounds).unwrap();
    check(&upgrade);
    while upgrade.work().unwrap() == MechanismStep::Working {}
    check(&upgrade);
    check(&UpgradeAcceptor::new(Hash::Sha256, 4096, &Zeros).unwrap());

    let mut client: Box<dyn Mechanism> = Box::new(PlainClient::new(user(), password()));
    let mut server: Box<dyn Acceptor> = Box::new(PlainAcceptor::new(decoy()));
    check(&client);
    let initial = client.initial().unwrap();
    check(&initial);
    let step = server.response(initial.as_ref().map(Secret::as_bytes));
    check(&step);
    check(&server);
    let step = server.provide(answer);
    check(&server);
    check(&work_off(server.as_mut(), step));
}

#[test]
fn secrets_compare_by_content() {
    let secret = |octets: &[u8]| Secret::from(octets);
    assert_eq!(secret(b"pencil"), secret(b"pencil"));
    assert_ne!(secret(b"pencil"), secret(b"pencim"));
    assert_ne!(secret(b"pencil"), secret(b"pencil "));
    assert_ne!(secret(b""), secret(b"\0"));
}
