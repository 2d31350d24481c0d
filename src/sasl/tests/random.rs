//! Tests that random and mutated messages never panic, and never authenticate.
//!
//! proptest prints the seed and the shrunk case of a failure.

use alloc::boxed::Box;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn clients() -> [Box<dyn Mechanism>; 5] {
    let scram = |binding| {
        let credentials = ScramCredentials::password(pencil());
        Box::new(ScramClient::with_nonce(
            Hash::Sha256,
            user(),
            credentials,
            binding,
            "abc".into(),
        ))
    };
    [
        scram(ClientBinding::Unsupported),
        scram(ClientBinding::Bound(exporter())),
        Box::new(PlainClient::new(user(), pencil())),
        Box::new(ExternalClient::new()),
        Box::new(AnonymousClient::new()),
    ]
}

fn servers() -> [Box<dyn Acceptor>; 5] {
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
    ]
}

/// Generates octets near the syntax of SCRAM: attributes, commas, and some others.
fn near_scram() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[nyp]",
        8 => "[anmrcsipvex]=[A-Za-z0-9+/=]{0,8}",
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

fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let message = prop_oneof![vec(any::<u8>(), 0..80), near_scram()];
    vec(message, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No message of a server but the right signature satisfies a SCRAM client, and no order of
    /// calls panics.
    #[test]
    fn clients_survive_anything(messages in messages(), calls in vec(0..3u8, 0..12)) {
        for mut client in clients() {
            let _ = client.initial();
            let scram = client.name().starts_with("SCRAM");
            let mut feed = messages.iter().cycle();
            for call in &calls {
                let data = feed.next().unwrap();
                match call {
                    0 => drop(client.challenge(data)),
                    1 => drop(client.work()),
                    _ => {
                        let success = client.success(Some(data));
                        prop_assert!(!scram || success.is_err());
                    }
                }
            }
            let _ = format_args!("{client:?}");
        }
    }

    /// No message of a client authenticates an unknown user.
    #[test]
    fn servers_survive_anything(messages in messages(), prompted in any::<bool>()) {
        for mut server in servers() {
            if prompted {
                drop(server.response(None));
            }
            for data in &messages {
                let mut step = server.response(Some(data));
                if matches!(step, AcceptorStep::Ask(_)) {
                    step = server.provide(CredentialAnswer::UnknownUser { authcid: "user".into() });
                }
                let step = work_off(server.as_mut(), step);
                let success = matches!(step, AcceptorStep::Success { .. });
                prop_assert!(!success, "{:?}", server);
            }
        }
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
