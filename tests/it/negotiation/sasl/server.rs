//! The receiving entity.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::sasl::{Hash, MechanismName, MechanismSet, SaslCondition};
use xmpp_stream::{Decision, Manner};

use super::{TLS, auth, decoded, failure, offer, plain, response};
use crate::harness::configs::FIXED;
use crate::harness::phases::{
    AUTH_ANONYMOUS, AUTH_SCRAM, CLIENT_HEADER, FOOTER, Phase, responder_at,
};
use crate::harness::{Carrier, Harness, START, Scripted};

#[test]
fn rfc6120_6_4_5_2_a_wrong_password_may_be_followed_by_the_right_one() {
    let mut harness = responder_at(TLS, Phase::Opened);
    harness.send(plain("alice", "wrong"));
    assert_eq!(harness.receive(), failure("not-authorized"));
    harness.send(plain("alice", "secret"));
    assert!(harness.receive().starts_with("<success "));
    assert_eq!(
        harness.event_lines().last().unwrap(),
        "authenticated PLAIN alice"
    );
}

#[test]
fn rfc6120_6_4_5_5_one_attempt_too_many_ends_the_stream() {
    // Failures, exchanges given up and exchanges aborted all count.
    let abort = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    let wrong = plain("alice", "wrong");
    let attempts: [&[&str]; 3] = [
        &[wrong.as_str(); 4],
        &[AUTH_SCRAM; 4],
        &[
            AUTH_SCRAM, abort, AUTH_SCRAM, abort, AUTH_SCRAM, abort, AUTH_SCRAM,
        ],
    ];
    for (index, attempts) in attempts.into_iter().enumerate() {
        let mut harness = responder_at(TLS, Phase::Opened);
        let (last, before) = attempts.split_last().unwrap();
        for attempt in before {
            harness.send(attempt);
            assert!(!harness.receive().contains("stream:error"), "{index}");
        }
        harness.send(last);
        assert!(harness.receive().contains("<policy-violation "), "{index}");
        harness.finish();
        assert_eq!(harness.end(), ("stream-error", Manner::Graceful));
    }
}

#[test]
fn rfc6120_6_5_the_conditions_of_failure() {
    let cases = [
        // 6120-6.5.7-1
        (auth("DIGEST-MD5", ""), "invalid-mechanism"),
        (auth("EXTERNAL", "="), "invalid-mechanism"),
        (auth("scram-sha-256", ""), "invalid-mechanism"),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into(),
            "invalid-mechanism",
        ),
        // 6120-6.5.5-1, 6120-13.9.1-1, 6120-13.9.1-2, 6120-13.9.1-3
        (auth("PLAIN", "=AAA"), "incorrect-encoding"),
        (auth("PLAIN", "BBBB=CCC"), "incorrect-encoding"),
        (auth("PLAIN", "YWJ="), "incorrect-encoding"),
        (auth("PLAIN", "YW\nJj"), "incorrect-encoding"),
        (auth("PLAIN", "YWJj "), "incorrect-encoding"),
        (auth("PLAIN", "YWJ"), "incorrect-encoding"),
        // 6120-6.5.8-1
        (auth("PLAIN", "YWJj"), "malformed-request"),
        (auth("SCRAM-SHA-256", "YWJj"), "malformed-request"),
        (auth("PLAIN", "<x xmlns='u'/>"), "malformed-request"),
        // 6120-6.5.10-1
        (plain("alice", "wrong"), "not-authorized"),
    ];
    for (auth, condition) in cases {
        let mut harness = responder_at(TLS, Phase::Opened);
        harness.send(&auth);
        assert_eq!(harness.receive(), failure(condition), "{auth}");
        assert!(harness.close.is_none(), "the stream goes on: {auth}");
    }
}

#[test]
fn rfc6120_6_5_4_1_sasl_before_mandatory_tls_asks_for_encryption() {
    let mut harness = responder_at(TLS, Phase::BeforeTls);
    for _ in 0..3 {
        harness.send(plain("alice", "secret"));
        assert_eq!(harness.receive(), failure("encryption-required"));
    }
    harness.send(plain("alice", "secret"));
    assert!(harness.receive().contains("<policy-violation "));
    // The application was not asked about that password.
    assert!(!harness.event_lines().contains(&"decision".to_string()));
}

/// CVE-2017-10807: offered nowhere, or on another stream.
#[test]
fn what_was_not_offered_on_this_stream_is_not_accepted() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256-PLUS", "EXTERNAL"] {
        let mut harness = responder_at(Carrier::Plain, Phase::Opened);
        harness.send(auth(mechanism, "AGFsaWNlAHNlY3JldA=="));
        assert_eq!(
            harness.receive(),
            failure("invalid-mechanism"),
            "{mechanism}"
        );
    }
}

#[test]
fn rfc6120_6_4_4_1_abort_is_answered() {
    let mut harness = responder_at(TLS, Phase::Sasl);
    harness.send("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    assert_eq!(harness.receive(), failure("aborted"));
    // What was aborted cannot be gone on with.
    harness.send(response("YWJj"));
    assert!(harness.receive().contains("<unsupported-stanza-type "));
}

#[test]
fn rfc6120_6_4_2_2_a_second_auth_starts_from_scratch() {
    let mut harness = responder_at(TLS, Phase::Sasl);
    harness.send(plain("alice", "secret"));
    assert!(harness.receive().starts_with("<success "));
}

#[test]
fn rfc6120_6_5_10_1_an_unknown_user_is_answered_like_a_wrong_password() {
    let plain_answer = |user: &str| {
        let mut harness = responder_at(TLS, Phase::Opened);
        harness.send(plain(user, "wrong"));
        harness.receive()
    };
    assert_eq!(plain_answer("alice"), plain_answer("nobody"));

    let scram_answers = |user: &str| {
        let mut harness: Harness<ResponderRole, Scripted> = responder_at(TLS, Phase::Opened);
        let first = STANDARD.encode(format!("n,,n={user},r=0123456789abcdef"));
        harness.send(auth("SCRAM-SHA-256", &first));
        let challenge = decoded(&harness.receive(), "challenge");
        let nonce = challenge.split(',').next().unwrap();
        let proof = STANDARD.encode([0; 32]);
        let last = STANDARD.encode(format!("c=biws,{nonce},p={proof}"));
        harness.send(response(&last));
        // The salt is the user's own: its length and the count are not.
        let shape: Vec<_> = challenge
            .split(',')
            .map(|part| (part[..2].to_string(), part.len()))
            .collect();
        (
            shape,
            challenge.rsplit(',').next().unwrap().to_string(),
            harness.receive(),
        )
    };
    assert_eq!(scram_answers("alice"), scram_answers("nobody"));
    assert_eq!(scram_answers("alice").2, failure("not-authorized"));
}

#[test]
fn rfc6120_6_3_10_1_a_client_that_sends_no_initial_response_is_asked_for_it() {
    let mut harness = responder_at(TLS, Phase::Opened);
    harness.send(auth("PLAIN", ""));
    assert_eq!(
        harness.receive(),
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></challenge>"
    );
    harness.send(response(&STANDARD.encode("\0alice\0secret")));
    assert!(harness.receive().starts_with("<success "));
}

/// A client may send its next header without waiting for `<success/>`.
#[test]
fn what_is_pipelined_after_auth_belongs_to_the_next_stream() {
    for chunk in [usize::MAX, 1] {
        let mut harness = responder_at(TLS, Phase::Opened);
        harness.chunk = chunk;
        harness.send([&plain("alice", "secret"), CLIENT_HEADER].concat());
        let received = harness.receive();
        assert!(received.starts_with("<success "), "{received}");
        assert!(received.ends_with("</stream:features>"), "{received}");
        assert_eq!(received.matches("<stream:stream ").count(), 1);
    }
}

/// 6120-6.6-1: the old stream's prefixes do not reach beyond `<success/>`.
#[test]
fn rfc6120_6_6_1_namespaces_of_the_previous_stream_do_not_apply() {
    let declaring = CLIENT_HEADER.replace(" to=", " xmlns:old='u' to=");
    let mut harness = responder_at(Carrier::Plain, Phase::Start);
    harness.send(declaring);
    for text in [AUTH_ANONYMOUS, CLIENT_HEADER, crate::harness::phases::BIND] {
        harness.send(text);
    }
    harness.receive();
    harness.send("<old:x/>");
    assert!(harness.receive().contains("<bad-namespace-prefix "));
}

/// The application's own refusal, and its own condition.
#[test]
fn rfc6120_6_5_2_1_the_application_names_the_condition() {
    for (condition, name) in [
        (SaslCondition::AccountDisabled, "account-disabled"),
        (SaslCondition::CredentialsExpired, "credentials-expired"),
        (
            SaslCondition::TemporaryAuthFailure,
            "temporary-auth-failure",
        ),
        (SaslCondition::InvalidAuthzid, "invalid-authzid"),
        (SaslCondition::MechanismTooWeak, "mechanism-too-weak"),
    ] {
        let mut harness = responder_at(TLS, Phase::Opened);
        harness.app = Box::new(move |machine, _| {
            if let Some(Decision::Password(password)) = machine.decision() {
                password.reject(condition);
            }
        });
        harness.send(plain("alice", "secret"));
        assert_eq!(harness.receive(), failure(name));
    }
}

#[test]
fn only_what_the_host_offers_is_offered() {
    let only = MechanismSet::EMPTY.with(MechanismName::Scram(Hash::Sha512));
    let host = crate::harness::configs::host_with(None, only);
    let config = xmpp_stream::config::ResponderConfig::server(&FIXED)
        .single_host(host)
        .dangerous_plaintext()
        .build()
        .unwrap();
    let machine = xmpp_stream::Responder::new(config, START);
    let mut harness = Harness::scripted(machine, Box::new(|_, _| {}));
    harness.send(CLIENT_HEADER);
    assert!(harness.receive().ends_with(&offer(&["SCRAM-SHA-512"])));
    harness.send(AUTH_ANONYMOUS);
    assert_eq!(harness.receive(), failure("invalid-mechanism"));
}

#[test]
fn a_client_that_leaves_after_a_refusal_is_reported_as_not_authenticated() {
    let mut harness = responder_at(TLS, Phase::Opened);
    harness.send(plain("alice", "wrong"));
    harness.receive();
    harness.finish();
    assert_eq!(harness.receive(), FOOTER);
    assert_eq!(harness.end(), ("authentication-failed", Manner::Graceful));
}
