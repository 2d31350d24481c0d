//! The initiating entity.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::config::{Credentials, InitiatorConfig};
use xmpp_stream::connection::InitiatorRole;
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{self, Hash, Password, SaslCondition, Username};
use xmpp_stream::tls::{ClientTls, Verification};
use xmpp_stream::{CloseReason, Initiator, Manner};

use super::{TLS, auth, decoded, failure, offer, response};
use crate::harness::phases::{
    FOOTER, Phase, SERVER_HEADER, SUCCESS, bring_initiator, initiator_with,
};
use crate::harness::pki::{Crypto, Setup, TLS13, pki};
use crate::harness::{Carrier, Harness, START, Scripted};

/// alice with her password, who may use PLAIN.
fn alice(carrier: Carrier) -> Harness<InitiatorRole, Scripted> {
    let mut harness = initiator_with(carrier, |config| {
        config.sasl(policy(carrier)).credentials(secret())
    });
    bring_initiator(&mut harness, carrier, Phase::Opened);
    harness.receive();
    harness
}

fn policy(carrier: Carrier) -> sasl::MechanismPolicy {
    let policy = sasl::MechanismPolicy::new().allow_plain();
    match carrier {
        Carrier::Plain => policy.dangerous_scram_to_unverified(),
        _ => policy,
    }
}

fn secret() -> Credentials {
    Credentials::Password {
        username: Username::ascii("alice").unwrap(),
        password: Password::ascii("secret").unwrap(),
        keys: None,
        authzid: None,
    }
}

fn refused_with(harness: &Harness<InitiatorRole, Scripted>) -> &AuthenticationReason {
    match harness.closed().reason() {
        CloseReason::AuthenticationFailed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc6120_6_3_3_2_the_client_chooses_by_its_own_preference() {
    for names in [
        ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "X-HELLO"],
        ["X-HELLO", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"],
    ] {
        let mut harness = alice(TLS);
        harness.send(offer(&names));
        assert!(harness.receive().contains(" mechanism='SCRAM-SHA-256'>"));
    }
}

#[test]
fn rfc6120_13_8_3_1_plain_goes_to_verified_servers_alone() {
    let mut harness = alice(TLS);
    harness.send(offer(&["PLAIN"]));
    assert_eq!(decoded(&harness.receive(), "auth"), "\0alice\0secret");

    let mut harness = alice(Carrier::Plain);
    harness.send(offer(&["PLAIN"]));
    assert_eq!(harness.receive(), FOOTER);
    harness.finish();
    assert!(matches!(
        refused_with(&harness),
        AuthenticationReason::NoMechanism(_)
    ));

    // Encrypted, and not verified.
    let tls = ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, TLS13))))
        .verification(Verification::Deferred);
    let config = InitiatorConfig::client(&Jid::parse("alice@localhost").unwrap())
        .starttls(tls)
        .sasl(policy(TLS))
        .credentials(secret())
        .build()
        .unwrap();
    for names in [&["PLAIN"][..], &["SCRAM-SHA-256", "PLAIN"]] {
        let machine = Initiator::new(config.clone(), START);
        let mut harness = Harness::scripted(machine, Box::new(|_, _| {}));
        bring_initiator(&mut harness, TLS, Phase::Opened);
        harness.receive();
        harness.send(offer(names));
        assert_eq!(harness.receive(), FOOTER, "{names:?}");
    }
}

#[test]
fn rfc6120_6_4_6_6_success_without_a_proof_is_refused() {
    // Right away, and after a challenge.
    let mut harness = alice(TLS);
    harness.send(offer(&["SCRAM-SHA-256"]));
    harness.receive();
    harness.send(SUCCESS);
    unproven(&mut harness);

    let forged = STANDARD.encode("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    for data in ["", "=", "dj0=", "ZT1vdGhlci1lcnJvcg==", forged.as_str()] {
        let mut harness = alice(TLS);
        harness.send(offer(&["SCRAM-SHA-256"]));
        let first = decoded(&harness.receive(), "auth");
        harness.send(challenge_to(&first));
        assert!(harness.receive().starts_with("<response "));
        harness.send(format!(
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</success>"
        ));
        unproven(&mut harness);
    }
}

/// What a server that knows the salt, and not the password, asks.
fn challenge_to(client_first: &str) -> String {
    let nonce = client_first.split("r=").nth(1).unwrap();
    let data = STANDARD.encode(format!("r={nonce}server,s=c2l4dGVlbiBvY3RldHMhIQ==,i=4096"));
    format!("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</challenge>")
}

/// A closing tag, and no new stream.
fn unproven(harness: &mut Harness<InitiatorRole, Scripted>) {
    assert_eq!(harness.receive(), FOOTER);
    harness.finish();
    assert_eq!(harness.end(), ("authentication-failed", Manner::Graceful));
    assert!(
        !harness
            .event_lines()
            .iter()
            .any(|event| event.starts_with("authenticated"))
    );
}

#[test]
fn rfc6120_6_3_10_2_the_proof_may_come_in_a_challenge() {
    let mut harness = alice(TLS);
    harness.send(offer(&["SCRAM-SHA-256"]));
    let first = decoded(&harness.receive(), "auth");
    // A whole exchange needs the server's arithmetic: let the acceptor do it.
    let data = first.strip_prefix("n,,").or(first.strip_prefix("y,,"));
    assert!(data.is_some(), "{first}");
    let mut acceptor = sasl::ScramAcceptor::new(
        Hash::Sha256,
        sasl::AcceptorBinding::Absent,
        sasl::Decoy::new(&[7; 32], 4096),
        [1; 18],
    );
    let mut step = sasl::Acceptor::response(&mut acceptor, Some(first.as_bytes()));
    let final_message = loop {
        step = match step {
            sasl::AcceptorStep::Ask(_) => sasl::Acceptor::provide(
                &mut acceptor,
                sasl::CredentialAnswer::keys(
                    "alice".into(),
                    crate::harness::configs::keys(Hash::Sha256),
                ),
            ),
            sasl::AcceptorStep::Challenge(data) => {
                let data = STANDARD.encode(data.as_bytes());
                harness.send(format!(
                    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</challenge>"
                ));
                let answer = decoded(&harness.receive(), "response");
                sasl::Acceptor::response(&mut acceptor, Some(answer.as_bytes()))
            }
            sasl::AcceptorStep::Working => sasl::Acceptor::work(&mut acceptor),
            sasl::AcceptorStep::Success { data, .. } => break data.unwrap(),
            sasl::AcceptorStep::Failure(condition) => panic!("{condition:?}"),
        };
    };
    let data = STANDARD.encode(final_message.as_bytes());
    harness.send(format!(
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</challenge>"
    ));
    assert_eq!(harness.receive(), response(""));
    harness.send(SUCCESS);
    assert!(harness.receive().starts_with("<?xml"));
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "authenticated SCRAM-SHA-256 alice"
    );
}

#[test]
fn rfc6120_6_4_5_3_a_refused_mechanism_is_followed_by_the_next() {
    let mut harness = alice(TLS);
    harness.send(offer(&["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"]));
    assert!(harness.receive().contains("'SCRAM-SHA-256'"));
    harness.send(failure("invalid-mechanism"));
    assert!(harness.receive().contains("'SCRAM-SHA-1'"));
    harness.send(failure("mechanism-too-weak"));
    assert!(harness.receive().contains("'PLAIN'"));
    // Three attempts are all there are.
    harness.send(failure("invalid-mechanism"));
    assert_eq!(harness.receive(), FOOTER);
    harness.finish();
    let refused = AuthenticationReason::Refused(SaslCondition::InvalidMechanism);
    assert_eq!(*refused_with(&harness), refused);
}

const ANNOUNCED: &str = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
                         <channel-binding type='tls-exporter'/></sasl-channel-binding>\
                         </stream:features>";

/// A man in the middle refuses the bound attempt, and hopes for an unbound one. There is none,
/// whether the bindings were announced or only tried.
#[test]
fn xep0440_a_bound_login_is_never_followed_by_an_unbound_one() {
    let plain = offer(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"]);
    for features in [
        plain.clone(),
        plain.replace("</stream:features>", ANNOUNCED),
    ] {
        for condition in ["not-authorized", "invalid-mechanism", "malformed-request"] {
            let mut harness = alice(TLS);
            harness.send(&*features);
            let received = harness.receive();
            assert!(
                decoded(&received, "auth").starts_with("p=tls-exporter,,"),
                "{received}"
            );
            harness.send(failure(condition));
            assert_eq!(harness.receive(), FOOTER, "{condition}");
        }
    }
    // Another bound mechanism may follow a refused one, and after the last nothing.
    let mut harness = alice(TLS);
    let all = offer(&[
        "SCRAM-SHA-512-PLUS",
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-512",
        "SCRAM-SHA-256",
    ]);
    harness.send(all.replace("</stream:features>", ANNOUNCED));
    for hash in ["512", "256"] {
        let received = harness.receive();
        assert!(
            received.contains(&format!("'SCRAM-SHA-{hash}-PLUS'")),
            "{received}"
        );
        harness.send(failure("invalid-mechanism"));
    }
    assert_eq!(harness.receive(), FOOTER);
}

/// 6120-6.4.5-4: the password was refused; it is not shown by PLAIN then.
#[test]
fn rfc6120_6_4_5_4_refused_credentials_are_not_tried_by_a_weaker_mechanism() {
    for (name, condition) in [
        ("not-authorized", SaslCondition::NotAuthorized),
        ("credentials-expired", SaslCondition::CredentialsExpired),
        ("account-disabled", SaslCondition::AccountDisabled),
        (
            "temporary-auth-failure",
            SaslCondition::TemporaryAuthFailure,
        ),
        // 6120-6.5-1
        ("hello", SaslCondition::NotAuthorized),
    ] {
        let mut harness = alice(TLS);
        harness.send(offer(&["SCRAM-SHA-256", "PLAIN"]));
        harness.receive();
        harness.send(failure(name));
        assert_eq!(harness.receive(), FOOTER, "{name}");
        harness.finish();
        assert_eq!(
            *refused_with(&harness),
            AuthenticationReason::Refused(condition)
        );
    }
}

#[test]
fn rfc5802_5_1_a_bad_challenge_is_aborted() {
    for challenge in ["YWJj", "=", "", "cj1vdGhlcixzPVFRPT0saT00MDk2", "AAA"] {
        let mut harness = alice(TLS);
        harness.send(offer(&["SCRAM-SHA-256"]));
        harness.receive();
        harness.send(format!(
            "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{challenge}</challenge>"
        ));
        assert_eq!(
            harness.receive(),
            "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
        );
        harness.send(failure("aborted"));
        assert_eq!(harness.receive(), FOOTER);
        harness.finish();
        assert!(matches!(
            refused_with(&harness),
            AuthenticationReason::Mechanism(_)
        ));
    }
}

#[test]
fn a_client_leaves_a_server_without_an_acceptable_mechanism() {
    for names in [&["DIGEST-MD5", "CRAM-MD5"][..], &[], &["EXTERNAL"]] {
        let mut harness = alice(TLS);
        harness.send(offer(names));
        assert_eq!(harness.receive(), FOOTER);
        harness.finish();
        assert!(matches!(
            refused_with(&harness),
            AuthenticationReason::NoMechanism(_)
        ));
    }
}

#[test]
fn rfc6120_6_3_8_2_anonymous_sends_no_more_than_required() {
    let mut harness = initiator_with(Carrier::Plain, |config| config);
    bring_initiator(&mut harness, Carrier::Plain, Phase::Opened);
    harness.receive();
    harness.send(offer(&["ANONYMOUS"]));
    assert_eq!(harness.receive(), auth("ANONYMOUS", ""));
}

/// 6120-4.3.3-1: what came in the old stream does not act in the new one.
#[test]
fn rfc6120_4_3_3_1_features_sent_before_the_new_header_are_no_features() {
    let mut harness = initiator_with(Carrier::Plain, |config| config);
    bring_initiator(&mut harness, Carrier::Plain, Phase::Sasl);
    harness.receive();
    harness.send([SUCCESS, "<stream:features/>"].concat());
    let received = harness.receive();
    assert!(
        received.contains("<invalid-namespace ") || received.contains("<not-well-formed "),
        "{received}"
    );
    // A header of the server's that crosses ours is its header.
    let mut harness = initiator_with(Carrier::Plain, |config| config);
    bring_initiator(&mut harness, Carrier::Plain, Phase::Sasl);
    harness.send([SUCCESS, SERVER_HEADER].concat());
    assert!(harness.close.is_none());
}
