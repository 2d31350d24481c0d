//! Tests of malformed, forged and untimely messages to the initiating side.

use alloc::boxed::Box;
use alloc::format;

use super::*;

const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

fn client() -> ScramClient {
    ScramClient::with_nonce(
        Hash::Sha1,
        user(),
        ScramCredentials::password(pencil()),
        ClientBinding::Unsupported,
        NONCE.into(),
    )
}

fn started() -> ScramClient {
    let mut client = client();
    client.initial().unwrap();
    client
}

/// A client that has sent its proof, in the exchange of RFC 5802 5.
fn proven() -> ScramClient {
    let mut client = started();
    let first = format!("r={NONCE}3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
    let step = client.challenge(first.as_bytes()).unwrap();
    respond(&mut client, step);
    client
}

#[test]
fn rfc5802_5_1_client_refuses_malformed_server_first_messages() {
    let long_nonce = format!("r={NONCE}{},s=QSXC,i=4096", "x".repeat(512));
    let long_salt = format!("r={NONCE}x,s={},i=4096", "QUFB".repeat(86));
    let long_message = format!("r={NONCE}x,s=QSXC,i=4096,x={}", "x".repeat(MAX_MESSAGE));
    let count = |count| SaslError::Iterations { count };
    let n = NONCE;
    for (message, error) in [
        (String::new(), SaslError::Malformed),
        (",".into(), SaslError::Malformed),
        (format!("r={n}x"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i="), SaslError::Malformed),
        (format!("r={n}x,s=,i=4096"), SaslError::Malformed),
        ("r=,s=QSXC,i=4096".into(), SaslError::Malformed),
        // Order is strict.
        (format!("s=QSXC,r={n}x,i=4096"), SaslError::Malformed),
        (format!("r={n}x,i=4096,s=QSXC"), SaslError::Malformed),
        (format!("x=1,r={n}x,s=QSXC,i=4096"), SaslError::Malformed),
        (format!("R={n}x,s=QSXC,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,x"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,x="), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,xy=1"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,1=1"), SaslError::Malformed),
        // A defined attribute is not an extension.
        (format!("r={n}x,s=QSXC,i=4096,i=1"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,v=QSXC"), SaslError::Malformed),
        // Base64: alphabet, padding, zero bits (RFC 6120 13.9.1).
        (format!("r={n}x,s=QSXC\n,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=QS C,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=QSX,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=Q===,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=YWJ=,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=====,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=QS-_,i=4096"), SaslError::Malformed),
        // Characters.
        (format!("r={n} x,s=QSXC,i=4096"), SaslError::Malformed),
        (format!("r={n}\u{e4},s=QSXC,i=4096"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096,x=\0"), SaslError::Malformed),
        // Numbers.
        (format!("r={n}x,s=QSXC,i=+4096"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=04096"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=-1"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=4096.0"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=0"), SaslError::Malformed),
        (format!("r={n}x,s=QSXC,i=1"), count(1)),
        (format!("r={n}x,s=QSXC,i=4095"), count(4095)),
        (format!("r={n}x,s=QSXC,i=600001"), count(600_001)),
        (format!("r={n}x,s=QSXC,i=4294967295"), count(u32::MAX)),
        (format!("r={n}x,s=QSXC,i=4294967296"), count(u32::MAX)),
        (
            format!("r={n}x,s=QSXC,i={}", "9".repeat(4000)),
            count(u32::MAX),
        ),
        // Nonces: ours, and more.
        (format!("r={n},s=QSXC,i=4096"), SaslError::Nonce),
        (format!("r=x{n},s=QSXC,i=4096"), SaslError::Nonce),
        (
            "r=fyko+d2lbbFgONRv9qkxdawl3rfc,s=QSXC,i=4096".into(),
            SaslError::Nonce,
        ),
        // Mandatory extensions.
        (
            format!("m=x,r={n}x,s=QSXC,i=4096"),
            SaslError::UnknownExtension,
        ),
        (
            format!("r={n}x,s=QSXC,i=4096,m=x"),
            SaslError::UnknownExtension,
        ),
        (long_nonce, SaslError::TooLong),
        (long_salt, SaslError::TooLong),
        (long_message, SaslError::TooLong),
    ] {
        let mut client = started();
        let result = client.challenge(message.as_bytes());
        assert_eq!(result, Err(error), "{message:.80}");
        // The exchange is over.
        assert_eq!(client.work(), Err(SaslError::OutOfSequence));
        let good = format!("r={NONCE}x,s=QSXC,i=4096");
        assert_eq!(
            client.challenge(good.as_bytes()),
            Err(SaslError::OutOfSequence)
        );
    }
    assert_eq!(started().challenge(b"r=\xff"), Err(SaslError::Malformed));
    for good in [
        format!("r={NONCE}x,s=QSXC,i=4096"),
        format!("r={NONCE}x,s=QSXC,i=600000"),
        format!("r={NONCE}x,s=QSXC,i=4096,x=1,Y=a=b,z=\u{e4}"),
    ] {
        assert_eq!(
            started().challenge(good.as_bytes()),
            Ok(MechanismStep::Working)
        );
    }
}

#[test]
fn the_iteration_bounds_are_the_callers_within_limits() {
    for (min, max) in [(4095, 5000), (0, 0), (6000, 5000), (4096, 10_000_001)] {
        assert_eq!(IterationBounds::new(min, max), None, "{min} {max}");
    }
    let bounds = IterationBounds::new(5000, 5001).unwrap();
    for (count, good) in [(4999, false), (5000, true), (5001, true), (5002, false)] {
        let mut client = client().iterations(bounds);
        client.initial().unwrap();
        let first = format!("r={NONCE}x,s=QSXC,i={count}");
        assert_eq!(client.challenge(first.as_bytes()).is_ok(), good, "{count}");
    }
}

#[test]
fn the_derivation_is_done_in_slices() {
    let mut client = started();
    let first = format!("r={NONCE}x,s=QSXC,i=100000");
    let mut step = client.challenge(first.as_bytes()).unwrap();
    let mut slices = 0;
    while step == MechanismStep::Working {
        step = client.work().unwrap();
        slices += 1;
    }
    assert_eq!(slices, 99_999u32.div_ceil(SLICE));
}

#[test]
fn rfc6120_6_4_6_no_success_without_the_servers_signature() {
    const RIGHT: &[u8] = b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=";
    for (data, error) in [
        (None, SaslError::ServerNotVerified),
        (Some(&b""[..]), SaslError::Malformed),
        (
            Some(b"v=rmF9pqV8S7suAoZWja4dJRkFsKU="),
            SaslError::ServerNotVerified,
        ),
        (
            Some(b"v=rmF9pqV8S7suAoZWja4dJRkFsA=="),
            SaslError::ServerNotVerified,
        ),
        (Some(b"v=AAAA"), SaslError::ServerNotVerified),
        (Some(b"v="), SaslError::Malformed),
        (Some(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ"), SaslError::Malformed),
        (
            Some(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=\n"),
            SaslError::Malformed,
        ),
        (
            Some(b"x=1,v=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
            SaslError::Malformed,
        ),
        (
            Some(b"V=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
            SaslError::Malformed,
        ),
        (
            Some(b"m=1,v=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
            SaslError::UnknownExtension,
        ),
        (
            Some(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,e=other-error"),
            SaslError::Malformed,
        ),
        (
            Some(b"e=invalid-proof"),
            SaslError::Server(ScramError::InvalidProof),
        ),
        (
            Some(b"e=server-does-support-channel-binding"),
            SaslError::Server(ScramError::ServerDoesSupportChannelBinding),
        ),
        (Some(b"e=unknown"), SaslError::Server(ScramError::Other)),
    ] {
        let mut client = proven();
        assert_eq!(client.success(data).map(drop), Err(error), "{data:?}");
        // A second attempt fails too.
        assert_eq!(
            client.success(Some(RIGHT)).map(drop),
            Err(SaslError::OutOfSequence)
        );
        if let Some(data) = data {
            let mut client = proven();
            assert_eq!(client.challenge(data), Err(error), "{data:?}");
            assert!(client.success(None).is_err());
        }
    }
    assert!(proven().success(Some(RIGHT)).is_ok());
    let mut extended = RIGHT.to_vec();
    extended.extend_from_slice(b",x=1");
    assert!(proven().success(Some(&extended)).is_ok());

    // RFC 6120 6.3.10: in a challenge, then success has no more data.
    for (data, good) in [(None, true), (Some(&b""[..]), true), (Some(RIGHT), false)] {
        let mut client = proven();
        assert_eq!(
            client.challenge(RIGHT),
            Ok(MechanismStep::Respond(Secret::default()))
        );
        assert_eq!(client.success(data).is_ok(), good, "{data:?}");
    }

    // Before the proof was even sent.
    for mut early in [started(), {
        let mut client = started();
        let first = format!("r={NONCE}x,s=QSXC,i=4096");
        assert_eq!(
            client.challenge(first.as_bytes()),
            Ok(MechanismStep::Working)
        );
        client
    }] {
        assert_eq!(
            early.success(Some(RIGHT)).map(drop),
            Err(SaslError::ServerNotVerified)
        );
    }
}

/// Mechanisms without challenges or additional data refuse them.
#[test]
fn clients_refuse_messages_the_mechanism_does_not_have() {
    let clients = || -> [Box<dyn Mechanism>; 3] {
        [
            Box::new(PlainClient::new(user(), pencil())),
            Box::new(ExternalClient::new()),
            Box::new(AnonymousClient::new()),
        ]
    };
    for mut client in clients() {
        client.initial().unwrap();
        assert_eq!(client.challenge(b"x"), Err(SaslError::Unexpected));
        assert_eq!(
            client.success(None).map(drop),
            Err(SaslError::OutOfSequence)
        );
    }
    for mut client in clients() {
        client.initial().unwrap();
        assert_eq!(
            client.success(Some(b"x")).map(drop),
            Err(SaslError::Unexpected)
        );
    }
}

type Call = fn(&mut dyn Mechanism) -> Result<(), SaslError>;

#[test]
fn calls_out_of_sequence_are_errors() {
    let clients = || -> [Box<dyn Mechanism>; 4] {
        [
            Box::new(client()),
            Box::new(PlainClient::new(user(), pencil())),
            Box::new(ExternalClient::new()),
            Box::new(AnonymousClient::new()),
        ]
    };
    let calls: [Call; 3] = [
        |client| client.challenge(b"").map(drop),
        |client| client.work().map(drop),
        |client| client.success(None).map(drop),
    ];
    for call in calls {
        for mut client in clients() {
            assert_eq!(call(client.as_mut()), Err(SaslError::OutOfSequence));
            assert_eq!(client.initial(), Err(SaslError::OutOfSequence));
        }
    }
    for mut client in clients() {
        assert!(client.initial().is_ok());
        assert_eq!(client.initial(), Err(SaslError::OutOfSequence));
    }
}
