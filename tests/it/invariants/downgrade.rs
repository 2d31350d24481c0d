//! Invariant 7: nothing secret leaves before the peer is verified. A tap reads
//! all stream text a client sends, in clear or through TLS to whoever got the
//! handshake through.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::sasl::{MechanismName, MechanismPolicy, MechanismSet, Password, Username};
use xmpp_stream::tls::{ClientTls, ServerTls, Verification};
use xmpp_stream::{Initiator, Responder};

use crate::harness::configs::{FIXED, alice, host_with};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS12, TLS13, Version, pki};
use crate::harness::{Harness, Pair, START, Scripted, TlsPair};

const PASSWORD: &str = "pencil-pencil-pencil";

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='localhost' version='1.0'>";

/// Offers of SASL, from the weakest on.
const OFFERS: [&[&str]; 4] = [
    &["PLAIN"],
    &["SCRAM-SHA-1"],
    &["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "ANONYMOUS"],
    &["EXTERNAL", "PLAIN", "X-UNKNOWN", "LOGIN", "DIGEST-MD5"],
];

fn features(offer: &[&str]) -> String {
    let names = offer
        .iter()
        .map(|name| format!("<mechanism>{name}</mechanism>"));
    format!(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}</mechanisms>\
         </stream:features>",
        names.collect::<String>()
    )
}

/// How the client is set up; every one of them would use PLAIN if it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Plaintext,
    StartTls(Verification),
    DirectTls(Verification),
}

fn machine(setting: Setting, tls: &TlsPair) -> Initiator {
    let builder = InitiatorConfig::client(&alice());
    let client =
        |verification| ClientTls::new(Arc::new(tls.client.clone())).verification(verification);
    let builder = match setting {
        Setting::Plaintext => builder.dangerous_plaintext(&FIXED),
        Setting::StartTls(verification) => builder.starttls(client(verification)),
        Setting::DirectTls(verification) => builder.direct_tls(client(verification)),
    };
    let policy = match setting {
        // SCRAM in plaintext is what the setting allows, and keeps secret.
        Setting::Plaintext => MechanismPolicy::new()
            .allow_plain()
            .dangerous_scram_to_unverified(),
        _ => MechanismPolicy::new().allow_plain(),
    };
    let config = builder
        .credentials(Credentials::Password {
            username: Username::ascii("alice").unwrap(),
            password: Password::ascii(PASSWORD).unwrap(),
            keys: None,
            authzid: None,
        })
        .sasl(policy)
        .random(&FIXED)
        .build()
        .unwrap();
    Initiator::new(config, START)
}

/// Whether the password is to be found in what was tapped, as it is or in any
/// run of base64.
fn leaks(tap: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let hidden = tap.split(|c| !is_base64(c)).any(|run| {
        STANDARD
            .decode(run)
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(PASSWORD))
    });
    hidden || tap.contains(PASSWORD)
}

#[test]
fn the_tap_finds_what_it_looks_for() {
    assert!(leaks(&format!("<a>{PASSWORD}</a>")));
    let plain = STANDARD.encode(format!("\0alice\0{PASSWORD}"));
    assert!(leaks(&format!("<auth>{plain}</auth>")));
    assert!(!leaks("<auth>YWxpY2U=</auth>"));
}

/// A client without TLS, and all it sends to a server that sends `input`.
fn in_clear(setting: Setting, input: &[String]) -> (String, Harness<InitiatorRole, Scripted>) {
    let tls = TlsPair::new(TLS13);
    let mut harness = Harness::scripted(machine(setting, &tls), Box::new(|_, _| {}));
    let mut tap = harness.receive_bytes();
    for text in input {
        harness.send(text);
        tap.extend(harness.receive_bytes());
    }
    (String::from_utf8_lossy(&tap).into_owned(), harness)
}

#[test]
fn rfc7590_3_1_a_server_without_starttls_gets_no_credentials() {
    let setting = Setting::StartTls(Verification::Config);
    for offer in OFFERS {
        for then in [
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
            "</stream:stream>",
            "<stream:features/>",
        ] {
            let input = [HEADER.into(), features(offer), then.into()];
            let (tap, harness) = in_clear(setting, &input);
            assert!(!leaks(&tap) && !tap.contains("alice"), "{tap}");
            assert!(!tap.contains("xmpp-sasl"), "{tap}");
            assert!(tap.contains("<starttls"), "{tap}");
            assert!(
                !harness
                    .event_lines()
                    .iter()
                    .any(|reported| reported.starts_with("auth"))
            );
        }
    }
}

#[test]
fn rfc6120_13_8_3_no_password_is_sent_unencrypted_even_where_plaintext_is_allowed() {
    for offer in OFFERS {
        let (tap, _) = in_clear(Setting::Plaintext, &[HEADER.into(), features(offer)]);
        assert!(!leaks(&tap), "{tap}");
        // SCRAM is what is left, where there is any.
        let scram = offer.iter().any(|name| name.starts_with("SCRAM"));
        assert_eq!(tap.contains("<auth"), scram, "{tap}");
        assert_eq!(tap.contains("mechanism='SCRAM"), scram, "{tap}");
    }
}

/// What a server with this certificate reads; both sides are machines.
fn through_tls(version: Version, leaf: Leaf, starttls: bool) -> (String, Pair) {
    let setup = Setup::new(Crypto::Ring, version);
    let tls = TlsPair {
        client: pki().client(&setup),
        server: pki().server(&setup, leaf),
    };
    let server = ServerTls::new(Arc::new(tls.server.clone()));
    let plain = MechanismSet::EMPTY.with(MechanismName::Plain);
    let builder = ResponderConfig::server(&FIXED);
    let (setting, config) = if starttls {
        let host = host_with(Some(server), plain);
        let setting = Setting::StartTls(Verification::Config);
        (
            setting,
            builder.single_host(host).starttls().build().unwrap(),
        )
    } else {
        let host = host_with(None, plain);
        let setting = Setting::DirectTls(Verification::Config);
        (
            setting,
            builder
                .single_host(host)
                .direct_tls(server)
                .build()
                .unwrap(),
        )
    };
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let tap = seen.clone();
    let mut pair = Pair::connect(machine(setting, &tls), Responder::new(config, START));
    pair.now = START;
    // The server's application is asked for the password: it has it, then.
    pair.peer.app = Box::new(move |machine, _| {
        if let Some(decision) = machine.decision() {
            if let xmpp_stream::Decision::Password(password) = decision {
                tap.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(password.password()));
                password.accept("alice".into());
            } else {
                crate::harness::configs::decide(machine);
            }
        }
    });
    pair.exchange();
    let in_clear = String::from_utf8_lossy(&pair.sent).into_owned();
    let seen = seen.lock().unwrap().clone();
    (in_clear + &seen, pair)
}

#[test]
fn rfc6120_13_7_2_1_a_server_with_an_invalid_certificate_gets_no_credentials() {
    for version in [TLS12, TLS13] {
        for starttls in [false, true] {
            for leaf in [Leaf::WrongHost, Leaf::Expired, Leaf::Untrusted] {
                let (tap, pair) = through_tls(version, leaf, starttls);
                assert!(!leaks(&tap), "{leaf:?}");
                assert_eq!(pair.code(), "tls", "{leaf:?}");
                for reported in pair.event_lines().iter().chain(&pair.peer.event_lines()) {
                    assert!(!reported.starts_with("auth"), "{leaf:?}: {reported}");
                }
            }
            // The same with one that does: there the password goes.
            let (tap, mut pair) = through_tls(version, Leaf::Valid, starttls);
            assert!(leaks(&tap), "the tap sees nothing at all");
            assert!(pair.machine.session().is_some());
        }
    }
}

/// A handshake alone proves nothing: an application that waits for its own check
/// sends no password and no certificate's claim before it.
#[test]
fn rfc6120_13_8_3_an_encrypted_but_unverified_server_gets_no_credentials() {
    for version in [TLS12, TLS13] {
        for offer in OFFERS {
            for (verification, expected) in [
                (Verification::Deferred, false),
                (
                    Verification::Config,
                    offer.iter().any(|name| *name != "EXTERNAL"),
                ),
            ] {
                let tls = TlsPair::new(version).without_tickets();
                let machine = machine(Setting::DirectTls(verification), &tls);
                let mut stream = Harness::<InitiatorRole, Scripted>::over_tls(machine, &tls, 4096);
                stream.exchange();
                stream.send(HEADER);
                stream.send(features(offer));
                let tap = stream.receive();
                let sends = tap.contains("<auth");
                assert_eq!(
                    sends, expected,
                    "{version:?}, {offer:?}, {verification:?}: {tap}"
                );
                // PLAIN alone shows the password at once.
                assert_eq!(leaks(&tap), expected && tap.contains("'PLAIN'"));
            }
        }
    }
}
