//! Tests that random and mutated messages never panic, and never authenticate.
//!
//! proptest prints the seed and the shrunk case of a failure.

use alloc::boxed::Box;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A token that no message of these tests has been made with.
fn token(mechanism: FastMechanism) -> FastToken {
    FastToken::from_parts(Secret::from(&b"a token"[..]), mechanism, "2020").unwrap()
}

fn clients() -> [Box<dyn Mechanism>; 7] {
    let scram = |binding| {
        let credentials = ScramCredentials::password(pencil());
        let offer = OfferRecord::new(["SCRAM-SHA-256"]);
        let client =
            ScramClient::with_nonce(Hash::Sha256, user(), credentials, binding, "abc".into());
        Box::new(client.offered(offer, DowngradeProtection::IfPresent))
    };
    [
        scram(ClientBinding::Unsupported),
        scram(ClientBinding::Bound(exporter())),
        Box::new(PlainClient::new(user(), pencil())),
        Box::new(ExternalClient::new()),
        Box::new(AnonymousClient::new()),
        Box::new(HtClient::new(&user(), &token(FastMechanism::HtSha256None), &[]).unwrap()),
        Box::new({
            let token = token(FastMechanism::HtSha512Expr);
            HtClient::new(&user(), &token, &[exporter()]).unwrap()
        }),
    ]
}

fn servers() -> [Box<dyn Acceptor>; 7] {
    let scram = |binding| {
        Box::new(ScramAcceptor::with_nonce(
            Hash::Sha256,
            binding,
            decoy(),
            "xyz".into(),
        ))
    };
    [
        scram(AcceptorBinding::Absent),
        scram(AcceptorBinding::Used([exporter()].into())),
        Box::new(PlainAcceptor::new(decoy())),
        Box::new(ExternalAcceptor::new()),
        Box::new(AnonymousAcceptor::new()),
        Box::new(HtAcceptor::new(FastMechanism::HtSha256None, &[]).unwrap()),
        Box::new(HtAcceptor::new(FastMechanism::HtSha512Expr, &[exporter()]).unwrap()),
    ]
}

/// Generates octets near the syntax of SCRAM: attributes, commas, and some others.
fn near_scram() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[nyp]",
        8 => "[anmrcsipvexh]=[A-Za-z0-9+/=]{0,8}",
        1 => Just("r=abcdef".into()),
        1 => Just("s=QSXC".into()),
        1 => Just("i=4096".into()),
        1 => Just("c=biws".into()),
        1 => Just("r=abcxyz".into()),
        1 => Just("p=tls-exporter".into()),
        2 => ".{0,4}",
        4 => Just(String::new()),
    ];
    vec(piece, 0..7).prop_map(|pieces| pieces.join(",").into_bytes())
}

/// Generates octets near the syntax of HT: a name, a zero, and a proof of about the right length.
fn near_ht() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![Just("user".into()), ".{0,4}"];
    let length = prop_oneof![31..34usize, 63..66usize, 0..4usize];
    let proof = length.prop_flat_map(|length| vec(any::<u8>(), length));
    (name, proof).prop_map(|(name, proof)| [name.as_bytes(), b"\0", &proof].concat())
}

fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let message = prop_oneof![vec(any::<u8>(), 0..80), near_scram(), near_ht()];
    vec(message, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No message of a server but the right signature satisfies a client of SCRAM or HT, and no order of
    /// calls panics.
    #[test]
    fn clients_survive_anything(messages in messages(), calls in vec(0..3u8, 0..12)) {
        for mut client in clients() {
            let _ = client.initial();
            let proves = ["SCRAM", "HT"].iter().any(|family| client.name().starts_with(family));
            let mut feed = messages.iter().cycle();
            for call in &calls {
                let data = feed.next().unwrap();
                match call {
                    0 => drop(client.challenge(data)),
                    1 => drop(client.work()),
                    _ => {
                        let success = client.success(Some(data));
                        prop_assert!(!proves || success.is_err());
                    }
                }
            }
            let _ = format_args!("{client:?}");
        }
    }

    /// No message of a client authenticates an unknown user, or one without the token.
    #[test]
    fn servers_survive_anything(messages in messages(), prompted in any::<bool>()) {
        for mut server in servers() {
            if prompted {
                drop(server.response(None));
            }
            for data in &messages {
                let mut step = server.response(Some(data));
                if matches!(step, AcceptorStep::Ask(_)) {
                    let tokens = StoredTokens::none()
                        .after_issue(token(FastMechanism::HtSha256None))
                        .with(TokenSlot::Current, StoredToken::valid(token(FastMechanism::HtSha512Expr)));
                    step = if server.name().starts_with("HT") {
                        server.provide(CredentialAnswer::tokens("user".into(), tokens))
                    } else {
                        server.provide(CredentialAnswer::UnknownUser { authcid: "user".into() })
                    };
                }
                let step = work_off(server.as_mut(), step);
                let success = matches!(step, AcceptorStep::Success { .. });
                prop_assert!(!success, "{:?}", server);
            }
        }
    }

    /// No octets but those that were stored are a token, and no text but those that were stored is a
    /// pin. What is read is the same when it is stored again.
    #[test]
    fn what_is_read_from_a_store_survives_anything(octets in vec(any::<u8>(), 0..60), text in ".{0,60}", cut in 0..40usize) {
        let stored = token(FastMechanism::HtSha256None).to_bytes();
        let near = [stored.as_bytes().get(..cut).unwrap_or_default(), &octets].concat();
        for bytes in [&octets, &near] {
            if let Ok(token) = FastToken::from_bytes(bytes) {
                let again = token.to_bytes();
                prop_assert_eq!(again.as_bytes(), bytes.as_slice());
            }
        }
        prop_assert!(text.parse::<LoginPin>().is_err());
    }

    /// Whatever name is sent comes back the same.
    #[test]
    fn names_survive_escaping(name in "[^\\x00]{1,40}") {
        let mut client = ScramClient::new(
            Hash::Sha1,
            Username::prepared(&name).unwrap(),
            ScramCredentials::password(pencil()),
            ClientBinding::NotOffered,
            [1; 18],
        );
        let first = client.initial().unwrap().unwrap();
        let mut server = ScramAcceptor::new(Hash::Sha1, AcceptorBinding::Absent, decoy(), [2; 18]);
        match server.response(Some(first.as_bytes())) {
            AcceptorStep::Ask(CredentialQuery::ScramKeys { username, .. }) => prop_assert_eq!(username, name),
            step => prop_assert!(false, "{:?}", step),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// An exchange with one changed octet does not succeed.
    #[test]
    fn a_changed_octet_is_noticed(which in 0..4usize, place in any::<prop::sample::Index>(), with in 1..=255u8) {
        let answer = account(Hash::Sha1);
        let mut client = ScramClient::new(
            Hash::Sha1,
            user(),
            ScramCredentials::password(pencil()),
            ClientBinding::Unsupported,
            [1; 18],
        );
        let mut server = ScramAcceptor::new(Hash::Sha1, AcceptorBinding::Absent, decoy(), [2; 18]);
        let mut number = 0;
        let mut pass = |secret: &Secret| {
            let mut octets = secret.as_bytes().to_vec();
            if number == which {
                let place = place.index(octets.len());
                octets[place] ^= with;
            }
            number += 1;
            octets
        };
        let attempt = || {
            let first = pass(&client.initial().unwrap().unwrap());
            let AcceptorStep::Ask(_) = server.response(Some(&first)) else {
                return false;
            };
            let AcceptorStep::Challenge(challenge) = server.provide(answer) else {
                return false;
            };
            let Ok(step) = client.challenge(&pass(&challenge)) else {
                return false;
            };
            let response = pass(&respond(&mut client, step));
            let AcceptorStep::Success { data: Some(data), .. } = server.response(Some(&response))
            else {
                return false;
            };
            client.success(Some(&pass(&data))).is_ok()
        };
        prop_assert!(!attempt());
    }
}
