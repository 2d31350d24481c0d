//! Tests of malformed, forged and untimely messages to the receiving side.

use alloc::boxed::Box;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::*;
use crate::random::{Random, RandomError};

fn server(binding: AcceptorBinding) -> ScramAcceptor {
    ScramAcceptor::with_nonce(Hash::Sha1, binding, decoy(), "srv".into())
}

fn failure(step: &AcceptorStep) -> Option<SaslCondition> {
    match step {
        AcceptorStep::Failure(condition) => Some(*condition),
        _ => None,
    }
}

#[test]
fn rfc5802_7_server_refuses_malformed_client_first_messages() {
    let long_name = format!("n,,n={},r=abc", "x".repeat(MAX_USERNAME + 1));
    let long_authzid = format!("n,a={},n=user,r=abc", "x".repeat(MAX_AUTHZID + 1));
    let long_nonce = format!("n,,n=user,r={}", "x".repeat(513));
    let long_message = format!("n,,n=user,r=abc,x={}", "x".repeat(MAX_MESSAGE));
    for message in [
        "",
        ",",
        ",,",
        "n",
        "n,",
        "n,,",
        "n,n=user,r=abc",
        "n=user,r=abc",
        "N,,n=user,r=abc",
        "x,,n=user,r=abc",
        "F,n,,n=user,r=abc",
        "p,,n=user,r=abc",
        "p=,,n=user,r=abc",
        "p=tls_exporter,,n=user,r=abc",
        // With -PLUS only.
        "p=tls-exporter,,n=user,r=abc",
        "n,b=x,n=user,r=abc",
        "n,a=,n=user,r=abc",
        "n,a=a=b,n=user,r=abc",
        "n,,n=,r=abc",
        "n,,n=user",
        "n,,n=user,",
        "n,,n=user,r=",
        "n,,r=abc,n=user",
        "n,,N=user,r=abc",
        "n,,n=us=er,r=abc",
        "n,,n=us=2cer,r=abc",
        "n,,n=us=2,r=abc",
        "n,,n=user=,r=abc",
        "n,,n=us\0er,r=abc",
        "n,,n=user,r=a c",
        "n,,n=user,r=\u{e4}",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,r=abc",
        "n,,m=ext,n=user,r=abc",
        "n,,n=user,r=abc,m=ext",
        &long_name,
        &long_authzid,
        &long_nonce,
        &long_message,
    ] {
        let mut server = server(AcceptorBinding::Absent);
        let condition = failure(&server.response(Some(message.as_bytes())));
        assert_eq!(
            condition,
            Some(SaslCondition::MalformedRequest),
            "{message:.80}"
        );
        assert!(failure(&server.provide(account(Hash::Sha1))).is_some());
        assert!(failure(&server.response(Some(b"n,,n=user,r=abc"))).is_some());
    }
    let mut broken = server(AcceptorBinding::Absent);
    assert_eq!(
        failure(&broken.response(Some(b"n,,n=\xff,r=abc"))),
        Some(SaslCondition::MalformedRequest)
    );
    for good in ["n,,n=user,r=abc", "y,,n=user,r=abc,x=1,Y=a=b"] {
        let mut server = server(AcceptorBinding::Absent);
        let step = server.response(Some(good.as_bytes()));
        assert!(matches!(step, AcceptorStep::Ask(_)), "{good}");
    }
}

#[test]
fn rfc5802_6_the_flag_must_fit_mechanism_and_offer() {
    use AcceptorBinding::{Absent, Offered, Used};
    let malformed = Some(SaslCondition::MalformedRequest);
    let denied = Some(SaslCondition::NotAuthorized);
    let used = || Used([exporter()].into());
    for (binding, flag, expected) in [
        (Absent, "n", None),
        (Absent, "y", None),
        (Absent, "p=tls-exporter", malformed),
        (Offered, "n", None),
        (Offered, "y", denied),
        (Offered, "p=tls-exporter", malformed),
        (used(), "n", malformed),
        (used(), "y", malformed),
        (used(), "p=tls-exporter", None),
        (used(), "p=tls-server-end-point", denied),
        (used(), "p=tls-unique", denied),
        (used(), "p=TLS-EXPORTER", denied),
    ] {
        let label = format!("{binding:?} {flag}");
        let mut server = server(binding);
        let first = format!("{flag},,n=user,r=abc");
        assert_eq!(
            failure(&server.response(Some(first.as_bytes()))),
            expected,
            "{label}"
        );
    }
}

/// Returns a server that waits for a proof, and the right proof.
fn challenged() -> (ScramAcceptor, String) {
    let mut client = ScramClient::new(
        Hash::Sha1,
        user(),
        ScramCredentials::password(pencil()),
        ClientBinding::Unsupported,
        [1; 18],
    );
    let mut server = server(AcceptorBinding::Absent);
    let first = client.initial().unwrap().unwrap();
    let AcceptorStep::Ask(_) = server.response(Some(first.as_bytes())) else {
        panic!("no question");
    };
    let AcceptorStep::Challenge(challenge) = server.provide(account(Hash::Sha1)) else {
        panic!("no challenge");
    };
    let step = client.challenge(challenge.as_bytes()).unwrap();
    (server, text(&respond(&mut client, step)))
}

#[test]
fn rfc5802_5_1_server_refuses_wrong_client_final_messages() {
    let (mut server, right) = challenged();
    assert!(matches!(
        server.response(Some(right.as_bytes())),
        AcceptorStep::Success { .. }
    ));
    let malformed = SaslCondition::MalformedRequest;
    let denied = SaslCondition::NotAuthorized;
    let (start, proof) = right.rsplit_once(",p=").unwrap();
    let octets = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, proof).unwrap();
    let proof_of = |octets: &[u8]| {
        let proof = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, octets);
        format!("{start},p={proof}")
    };
    let mut flipped = octets.clone();
    flipped[19] ^= 1;
    let mut longer = octets.clone();
    longer.push(0);
    for (message, condition) in [
        (String::new(), malformed),
        (start.into(), malformed),
        (format!("{start},p="), malformed),
        (format!("{right},"), malformed),
        (format!("{right},x=1"), malformed),
        (format!("{start},m=1,p={proof}"), malformed),
        (format!("{start},c=biws,p={proof}"), malformed),
        (right.replace("c=biws,", ""), malformed),
        (right.replace("c=biws", "c="), malformed),
        (right.replace("c=biws", "c=biw"), malformed),
        // `y,,` and `n,a=x,` instead of `n,,`.
        (right.replace("c=biws", "c=eSws"), denied),
        (right.replace("c=biws", "c=bixhPXgs"), denied),
        (right.replace("srv", "srw"), denied),
        (right.replace("srv", ""), denied),
        // An extension is ignored, but signed.
        (format!("{start},x=1,p={proof}"), denied),
        (proof_of(&flipped), denied),
        (proof_of(&longer), denied),
        (proof_of(&octets[..19]), denied),
        (proof_of(&[]).replace("p=", "p=AAAA"), denied),
    ] {
        let (mut server, _) = challenged();
        let found = failure(&server.response(Some(message.as_bytes())));
        assert_eq!(found, Some(condition), "{message}");
        // There is no second try.
        assert!(failure(&server.response(Some(right.as_bytes()))).is_some());
    }
    let (mut server, _) = challenged();
    assert_eq!(failure(&server.response(None)), Some(malformed));
}

/// A client that knows the password, but signs another nonce or another gs2 header than those of
/// the exchange, fails: they are checked in addition to the proof.
#[test]
fn rfc5802_5_1_a_right_proof_of_another_exchange_is_refused() {
    let hmac = |key: &[u8], text: &[u8]| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        ring::hmac::sign(&key, text)
    };
    let mut salted = [0; 20];
    ring::pbkdf2::derive(
        ring::pbkdf2::PBKDF2_HMAC_SHA1,
        4096.try_into().unwrap(),
        b"sixteen octets..",
        b"pencil",
        &mut salted,
    );
    let client_key = hmac(&salted, b"Client Key");
    let stored_key =
        ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, client_key.as_ref());
    for (start, right) in [
        ("c=biws,r=abcsrv", true),
        ("c=biws,r=abcsrv,x=1", true),
        ("c=biws,r=abcsrw", false),
        ("c=biws,r=abc", false),
        ("c=eSws,r=abcsrv", false),
        ("c=biwsAA==,r=abcsrv", false),
    ] {
        let mut server = server(AcceptorBinding::Absent);
        let step = server.response(Some(b"n,,n=user,r=abc"));
        assert!(matches!(step, AcceptorStep::Ask(_)));
        let AcceptorStep::Challenge(challenge) = server.provide(account(Hash::Sha1)) else {
            panic!("no challenge");
        };
        let message = format!("n=user,r=abc,{},{start}", text(&challenge));
        let signature = hmac(stored_key.as_ref(), message.as_bytes());
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, signature)| key ^ signature)
            .collect();
        let proof = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, proof);
        let step = server.response(Some(format!("{start},p={proof}").as_bytes()));
        if right {
            assert!(matches!(step, AcceptorStep::Success { .. }), "{start}");
        } else {
            assert_eq!(
                failure(&step),
                Some(SaslCondition::NotAuthorized),
                "{start}"
            );
        }
    }
}

#[test]
fn rfc4616_2_server_refuses_malformed_messages() {
    let long_name = format!("\0{}\0pw", "x".repeat(MAX_USERNAME + 1));
    let long_password = format!("\0user\0{}", "x".repeat(MAX_PASSWORD + 1));
    let long_authzid = format!("{}\0user\0pw", "x".repeat(MAX_AUTHZID + 1));
    let longest = format!("\0user\0{}", "x".repeat(MAX_MESSAGE));
    for message in [
        &b""[..],
        b"user",
        b"\0user",
        b"user\0pw",
        b"\0\0",
        b"\0user\0",
        b"\0\0pw",
        b"\0user\0pw\0",
        b"\0user\0p\0w",
        b"\0us\xffer\0pw",
        b"\0user\0\xed\xa0\x80",
        b"\xc0\x80\0user\0pw",
        long_name.as_bytes(),
        long_password.as_bytes(),
        long_authzid.as_bytes(),
        longest.as_bytes(),
    ] {
        let mut server = PlainAcceptor::new(decoy());
        assert_eq!(
            failure(&server.response(Some(message))),
            Some(SaslCondition::MalformedRequest),
            "{:?}",
            message.get(..40)
        );
    }
    // RFC 4616 wants at least 255 octets of each.
    let part = "\u{e4}".repeat(127);
    let message = format!("{part}\0{part}\0{part}");
    let mut server = PlainAcceptor::new(decoy());
    match server.response(Some(message.as_bytes())) {
        AcceptorStep::Ask(CredentialQuery::Password {
            authcid,
            password,
            authzid,
        }) => {
            assert_eq!(authcid, part);
            assert_eq!(password.as_bytes(), part.as_bytes());
            assert_eq!(authzid, Some(part));
        }
        step => panic!("{step:?}"),
    }
}

#[test]
fn external_and_anonymous_refuse_malformed_messages() {
    let long = vec![b'x'; MAX_AUTHZID + 1];
    for message in [&b"\0"[..], b"a\0b", b"\xff", &long] {
        assert_eq!(
            failure(&ExternalAcceptor::new().response(Some(message))),
            Some(SaslCondition::MalformedRequest)
        );
    }
    for message in [&b"\0"[..], b"a\nb", b"\xff", &[b'x'; 256]] {
        assert_eq!(
            failure(&AnonymousAcceptor::new().response(Some(message))),
            Some(SaslCondition::MalformedRequest)
        );
    }
}

#[test]
fn calls_out_of_sequence_fail() {
    let servers = || -> [Box<dyn Acceptor>; 4] {
        [
            Box::new(server(AcceptorBinding::Absent)),
            Box::new(PlainAcceptor::new(decoy())),
            Box::new(ExternalAcceptor::new()),
            Box::new(AnonymousAcceptor::new()),
        ]
    };
    let ours = Some(SaslCondition::TemporaryAuthFailure);
    let peers = Some(SaslCondition::MalformedRequest);
    for mut server in servers() {
        assert_eq!(failure(&server.work()), ours);
        assert_eq!(failure(&server.response(Some(b""))), peers);
    }
    for mut server in servers() {
        assert_eq!(failure(&server.provide(account(Hash::Sha1))), ours);
        assert_eq!(failure(&server.response(None)), peers);
    }
    // The message was asked for, and did not come. ANONYMOUS needs none.
    for mut server in servers().into_iter().take(3) {
        assert!(matches!(server.response(None), AcceptorStep::Challenge(_)));
        assert_eq!(failure(&server.response(None)), peers);
    }
    let messages: [&[u8]; 4] = [b"n,,n=user,r=abc", b"\0user\0pencil", b"", b""];
    for (mut server, message) in servers().into_iter().zip(messages) {
        let step = server.response(Some(message));
        assert!(matches!(step, AcceptorStep::Ask(_)), "{}", server.name());
        // The application has not answered yet.
        assert_eq!(failure(&server.response(Some(message))), peers);
        assert_eq!(failure(&server.provide(account(Hash::Sha1))), ours);
    }
}

#[test]
fn an_answer_that_does_not_fit_the_question_is_our_failure() {
    let accept = || CredentialAnswer::Accept {
        authcid: "user".into(),
    };
    let asked = || {
        let mut server = server(AcceptorBinding::Absent);
        let step = server.response(Some(b"n,,n=user,r=abc"));
        assert!(matches!(step, AcceptorStep::Ask(_)));
        server
    };
    let ours = Some(SaslCondition::TemporaryAuthFailure);
    assert_eq!(failure(&asked().provide(accept())), ours);
    assert_eq!(failure(&asked().provide(account(Hash::Sha256))), ours);
    let mut external = ExternalAcceptor::new();
    let step = external.response(Some(b""));
    assert!(matches!(step, AcceptorStep::Ask(_)));
    assert_eq!(failure(&external.provide(account(Hash::Sha1))), ours);
}

#[test]
fn keys_have_the_right_shape_or_are_none() {
    let key = [0u8; 64];
    let make = |salt: usize, iterations, stored: usize, server: usize| {
        let salt: Vec<u8> = vec![1; salt];
        let made = ScramKeys::from_parts(
            Hash::Sha256,
            &salt,
            iterations,
            &key[..stored],
            &key[..server],
        )
        .err();
        let cached = ClientKeys::from_parts(
            Hash::Sha256,
            &salt,
            iterations,
            &key[..stored],
            &key[..server],
        )
        .err();
        assert_eq!(made, cached);
        made
    };
    assert_eq!(make(16, 4096, 32, 32), None);
    assert_eq!(make(256, 1, 32, 32), None);
    assert_eq!(make(0, 4096, 32, 32), Some(KeysError::SaltLength));
    assert_eq!(make(257, 4096, 32, 32), Some(KeysError::SaltLength));
    assert_eq!(make(16, 0, 32, 32), Some(KeysError::Iterations));
    assert_eq!(make(16, 4096, 31, 32), Some(KeysError::KeyLength));
    assert_eq!(make(16, 4096, 32, 64), Some(KeysError::KeyLength));
    assert_eq!(
        ScramKeys::derive(Hash::Sha1, &pencil(), b"salt", 4095).err(),
        Some(KeysError::Iterations)
    );
    assert_eq!(
        ScramKeys::derive(Hash::Sha1, &pencil(), b"", 4096).err(),
        Some(KeysError::SaltLength)
    );
}

/// Fills every octet with 7, or fails.
#[derive(Debug)]
struct Sevens(Result<(), RandomError>);

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(7);
        self.0
    }
}

#[test]
fn generated_keys_are_those_derived_with_a_fresh_salt() {
    let generated = ScramKeys::generate(Hash::Sha256, &pencil(), 4096, &Sevens(Ok(()))).unwrap();
    let derived = ScramKeys::derive(Hash::Sha256, &pencil(), &[7; 16], 4096).unwrap();
    assert!(generated == derived);
    let failed = ScramKeys::generate(Hash::Sha256, &pencil(), 4096, &Sevens(Err(RandomError)));
    assert_eq!(failed.err(), Some(KeysError::Random));
    let few = ScramKeys::generate(Hash::Sha256, &pencil(), 4095, &Sevens(Ok(())));
    assert_eq!(few.err(), Some(KeysError::Iterations));
}

#[test]
fn a_decoy_has_the_salt_length_asked_for_or_refuses_it() {
    for octets in [1, 16, 64] {
        let decoy = decoy().with_salt_length(octets).unwrap();
        assert_eq!(decoy.keys("nobody", Hash::Sha1).salt().len(), octets);
    }
    for octets in [0, 65, usize::MAX] {
        let refused = decoy().with_salt_length(octets).err();
        assert_eq!(refused, Some(KeysError::SaltLength), "{octets}");
    }
}
