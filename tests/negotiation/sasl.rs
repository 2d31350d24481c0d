//! SASL (RFC 6120 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use xmpp_stream::close::AuthenticationFailure;
use xmpp_stream::config::{Credentials, InitiatorConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::sasl::{self, Condition, Hash, MechanismName, MechanismSet, Password, Username};
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::{ClientTls, Verification};
use xmpp_stream::{CloseReason, Decision, Initiator, Manner};

use crate::common::hand::{
    AUTH_ANONYMOUS, AUTH_SCRAM, At, CLIENT_HEADER, FOOTER, Hand, SERVER_HEADER, SUCCESS, Via,
    initiator_with, lead_initiator, responder_at,
};
use crate::common::pair::FIXED;
use crate::common::pki::{Crypto, Setup, TLS13, pki};

const TLS: Via = Via::StartTls(&TLS13);

fn auth(mechanism: &str, data: &str) -> String {
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{data}</auth>")
}

fn plain(user: &str, password: &str) -> String {
    auth("PLAIN", &STANDARD.encode(format!("\0{user}\0{password}")))
}

fn response(data: &str) -> String {
    format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</response>")
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>")
}

fn offer(mechanisms: &[&str]) -> String {
    let mechanisms: String = mechanisms
        .iter()
        .map(|name| format!("<mechanism>{name}</mechanism>"))
        .collect();
    format!(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{mechanisms}\
         </mechanisms></stream:features>"
    )
}

/// The decoded text of the element `name`.
fn decoded(said: &str, name: &str) -> String {
    let data = said.split_once(&format!("<{name} ")).unwrap().1;
    let data = data.split_once('>').unwrap().1.split('<').next().unwrap();
    String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
}

// The receiving entity

#[test]
fn rfc6120_6_4_5_2_a_wrong_password_may_be_followed_by_the_right_one() {
    let mut hand = responder_at(TLS, At::Opened);
    hand.say(plain("alice", "wrong"));
    assert_eq!(hand.said(), failure("not-authorized"));
    hand.say(plain("alice", "secret"));
    assert!(hand.said().starts_with("<success "));
    assert_eq!(
        hand.side.told().last().unwrap(),
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
        let mut hand = responder_at(TLS, At::Opened);
        let (last, before) = attempts.split_last().unwrap();
        for attempt in before {
            hand.say(attempt);
            assert!(!hand.said().contains("stream:error"), "{index}");
        }
        hand.say(last);
        assert!(hand.said().contains("<policy-violation "), "{index}");
        hand.part();
        assert_eq!(hand.end(), ("stream-error", Manner::Graceful));
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
        let mut hand = responder_at(TLS, At::Opened);
        hand.say(&auth);
        assert_eq!(hand.said(), failure(condition), "{auth}");
        assert!(hand.side.close.is_none(), "the stream goes on: {auth}");
    }
}

#[test]
fn rfc6120_6_5_4_1_sasl_before_mandatory_tls_asks_for_encryption() {
    let mut hand = responder_at(TLS, At::BeforeTls);
    for _ in 0..3 {
        hand.say(plain("alice", "secret"));
        assert_eq!(hand.said(), failure("encryption-required"));
    }
    hand.say(plain("alice", "secret"));
    assert!(hand.said().contains("<policy-violation "));
    // Nobody was asked about that password.
    assert!(!hand.side.told().contains(&"decision".to_string()));
}

/// CVE-2017-10807: offered nowhere, or on another stream.
#[test]
fn what_was_not_offered_on_this_stream_is_not_accepted() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256-PLUS", "EXTERNAL"] {
        let mut hand = responder_at(Via::Plain, At::Opened);
        hand.say(auth(mechanism, "AGFsaWNlAHNlY3JldA=="));
        assert_eq!(hand.said(), failure("invalid-mechanism"), "{mechanism}");
    }
}

#[test]
fn rfc6120_6_4_4_1_abort_is_answered() {
    let mut hand = responder_at(TLS, At::Sasl);
    hand.say("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    assert_eq!(hand.said(), failure("aborted"));
    // What was aborted cannot be gone on with.
    hand.say(response("YWJj"));
    assert!(hand.said().contains("<unsupported-stanza-type "));
}

#[test]
fn rfc6120_6_4_2_2_a_second_auth_starts_from_scratch() {
    let mut hand = responder_at(TLS, At::Sasl);
    hand.say(plain("alice", "secret"));
    assert!(hand.said().starts_with("<success "));
}

#[test]
fn rfc6120_6_5_10_1_an_unknown_user_is_answered_like_a_wrong_password() {
    let plain_answer = |user: &str| {
        let mut hand = responder_at(TLS, At::Opened);
        hand.say(plain(user, "wrong"));
        hand.said()
    };
    assert_eq!(plain_answer("alice"), plain_answer("nobody"));

    let scram_answers = |user: &str| {
        let mut hand: Hand<Receiving> = responder_at(TLS, At::Opened);
        let first = STANDARD.encode(format!("n,,n={user},r=0123456789abcdef"));
        hand.say(auth("SCRAM-SHA-256", &first));
        let challenge = decoded(&hand.said(), "challenge");
        let nonce = challenge.split(',').next().unwrap();
        let proof = STANDARD.encode([0; 32]);
        let last = STANDARD.encode(format!("c=biws,{nonce},p={proof}"));
        hand.say(response(&last));
        // The salt is the user's own: its length and the count are not.
        let shape: Vec<_> = challenge
            .split(',')
            .map(|part| (part[..2].to_string(), part.len()))
            .collect();
        (
            shape,
            challenge.rsplit(',').next().unwrap().to_string(),
            hand.said(),
        )
    };
    assert_eq!(scram_answers("alice"), scram_answers("nobody"));
    assert_eq!(scram_answers("alice").2, failure("not-authorized"));
}

#[test]
fn rfc6120_6_3_10_1_a_client_that_sends_no_initial_response_is_asked_for_it() {
    let mut hand = responder_at(TLS, At::Opened);
    hand.say(auth("PLAIN", ""));
    assert_eq!(
        hand.said(),
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></challenge>"
    );
    hand.say(response(&STANDARD.encode("\0alice\0secret")));
    assert!(hand.said().starts_with("<success "));
}

/// A client may send its next header without waiting for `<success/>`.
#[test]
fn what_is_pipelined_behind_auth_belongs_to_the_next_stream() {
    for chunk in [usize::MAX, 1] {
        let mut hand = responder_at(TLS, At::Opened);
        hand.chunk = chunk;
        hand.say([&plain("alice", "secret"), CLIENT_HEADER].concat());
        let said = hand.said();
        assert!(said.starts_with("<success "), "{said}");
        assert!(said.ends_with("</stream:features>"), "{said}");
        assert_eq!(said.matches("<stream:stream ").count(), 1);
    }
}

/// 6120-6.6-1: the old stream's prefixes do not reach beyond `<success/>`.
#[test]
fn the_namespaces_of_the_stream_before_are_gone() {
    let declaring = CLIENT_HEADER.replace(" to=", " xmlns:old='u' to=");
    let mut hand = responder_at(Via::Plain, At::Start);
    hand.say(declaring);
    for text in [AUTH_ANONYMOUS, CLIENT_HEADER, crate::common::hand::BIND] {
        hand.say(text);
    }
    hand.said();
    hand.say("<old:x/>");
    assert!(hand.said().contains("<bad-namespace-prefix "));
}

// The initiating entity

/// alice with her password, who may use PLAIN.
fn alice(via: Via) -> Hand<Initiating> {
    let mut hand = initiator_with(via, |config| config.sasl(policy(via)).credentials(secret()));
    lead_initiator(&mut hand, via, At::Opened);
    hand.said();
    hand
}

fn policy(via: Via) -> sasl::Policy {
    let policy = sasl::Policy::new().allow_plain();
    match via {
        Via::Plain => policy.dangerous_scram_to_unverified(),
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

fn refused_with(hand: &Hand<Initiating>) -> &AuthenticationFailure {
    match hand.close().reason() {
        CloseReason::AuthenticationFailed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc6120_6_3_3_2_the_choice_is_ours() {
    for names in [
        ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "X-HELLO"],
        ["X-HELLO", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"],
    ] {
        let mut hand = alice(TLS);
        hand.say(offer(&names));
        assert!(hand.said().contains(" mechanism='SCRAM-SHA-256'>"));
    }
}

#[test]
fn rfc6120_13_8_3_1_plain_goes_to_verified_servers_alone() {
    let mut hand = alice(TLS);
    hand.say(offer(&["PLAIN"]));
    assert_eq!(decoded(&hand.said(), "auth"), "\0alice\0secret");

    let mut hand = alice(Via::Plain);
    hand.say(offer(&["PLAIN"]));
    assert_eq!(hand.said(), FOOTER);
    hand.part();
    assert!(matches!(
        refused_with(&hand),
        AuthenticationFailure::NoMechanism(_)
    ));

    // Encrypted, and nobody knows by whom.
    let tls = ClientTls::new(Arc::new(pki().client(&Setup::new(Crypto::Ring, &TLS13))))
        .verification(Verification::Deferred);
    let config = InitiatorConfig::client(&Jid::parse("alice@localhost").unwrap())
        .starttls(tls)
        .sasl(policy(TLS))
        .credentials(secret())
        .build()
        .unwrap();
    for names in [&["PLAIN"][..], &["SCRAM-SHA-256", "PLAIN"]] {
        let machine = Initiator::new(config.clone(), Instant::from_millis(0));
        let mut hand = Hand::new(machine, Box::new(|_, _| {}));
        lead_initiator(&mut hand, TLS, At::Opened);
        hand.said();
        hand.say(offer(names));
        assert_eq!(hand.said(), FOOTER, "{names:?}");
    }
}

#[test]
fn rfc6120_6_4_6_6_success_without_a_proof_is_refused() {
    // Right away, and behind a challenge.
    let mut hand = alice(TLS);
    hand.say(offer(&["SCRAM-SHA-256"]));
    hand.said();
    hand.say(SUCCESS);
    unproven(&mut hand);

    let forged = STANDARD.encode("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    for data in ["", "=", "dj0=", "ZT1vdGhlci1lcnJvcg==", forged.as_str()] {
        let mut hand = alice(TLS);
        hand.say(offer(&["SCRAM-SHA-256"]));
        let first = decoded(&hand.said(), "auth");
        hand.say(challenge_to(&first));
        assert!(hand.said().starts_with("<response "));
        hand.say(format!(
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</success>"
        ));
        unproven(&mut hand);
    }
}

/// What a server that knows the salt, and not the password, asks.
fn challenge_to(client_first: &str) -> String {
    let nonce = client_first.split("r=").nth(1).unwrap();
    let data = STANDARD.encode(format!("r={nonce}server,s=c2l4dGVlbiBvY3RldHMhIQ==,i=4096"));
    format!("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</challenge>")
}

/// A closing tag, and no new stream.
fn unproven(hand: &mut Hand<Initiating>) {
    assert_eq!(hand.said(), FOOTER);
    hand.part();
    assert_eq!(hand.end(), ("authentication-failed", Manner::Graceful));
    assert!(
        !hand
            .side
            .told()
            .iter()
            .any(|event| event.starts_with("authenticated"))
    );
}

#[test]
fn rfc6120_6_3_10_2_the_proof_may_come_in_a_challenge() {
    let mut hand = alice(TLS);
    hand.say(offer(&["SCRAM-SHA-256"]));
    let first = decoded(&hand.said(), "auth");
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
            sasl::ServerStep::Ask(_) => sasl::Acceptor::provide(
                &mut acceptor,
                sasl::Answer::keys("alice".into(), crate::common::pair::keys(Hash::Sha256)),
            ),
            sasl::ServerStep::Challenge(data) => {
                let data = STANDARD.encode(data.as_bytes());
                hand.say(format!(
                    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</challenge>"
                ));
                let answer = decoded(&hand.said(), "response");
                sasl::Acceptor::response(&mut acceptor, Some(answer.as_bytes()))
            }
            sasl::ServerStep::Working => sasl::Acceptor::work(&mut acceptor),
            sasl::ServerStep::Success { data, .. } => break data.unwrap(),
            sasl::ServerStep::Failure(condition) => panic!("{condition:?}"),
        };
    };
    let data = STANDARD.encode(final_message.as_bytes());
    hand.say(format!(
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</challenge>"
    ));
    assert_eq!(hand.said(), response(""));
    hand.say(SUCCESS);
    assert!(hand.said().starts_with("<?xml"));
    assert_eq!(
        hand.side.told().last().unwrap(),
        "authenticated SCRAM-SHA-256 alice"
    );
}

#[test]
fn rfc6120_6_4_5_3_a_refused_mechanism_is_followed_by_the_next() {
    let mut hand = alice(TLS);
    hand.say(offer(&["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"]));
    assert!(hand.said().contains("'SCRAM-SHA-256'"));
    hand.say(failure("invalid-mechanism"));
    assert!(hand.said().contains("'SCRAM-SHA-1'"));
    hand.say(failure("mechanism-too-weak"));
    assert!(hand.said().contains("'PLAIN'"));
    // Three attempts are all there are.
    hand.say(failure("invalid-mechanism"));
    assert_eq!(hand.said(), FOOTER);
    hand.part();
    let refused = AuthenticationFailure::Refused(Condition::InvalidMechanism);
    assert_eq!(*refused_with(&hand), refused);
}

/// 6120-6.4.5-4: the password was refused; it is not shown by PLAIN then.
#[test]
fn refused_credentials_are_not_tried_by_a_weaker_mechanism() {
    for (name, condition) in [
        ("not-authorized", Condition::NotAuthorized),
        ("credentials-expired", Condition::CredentialsExpired),
        ("account-disabled", Condition::AccountDisabled),
        ("temporary-auth-failure", Condition::TemporaryAuthFailure),
        // 6120-6.5-1
        ("hello", Condition::NotAuthorized),
    ] {
        let mut hand = alice(TLS);
        hand.say(offer(&["SCRAM-SHA-256", "PLAIN"]));
        hand.said();
        hand.say(failure(name));
        assert_eq!(hand.said(), FOOTER, "{name}");
        hand.part();
        assert_eq!(
            *refused_with(&hand),
            AuthenticationFailure::Refused(condition)
        );
    }
}

#[test]
fn rfc5802_5_1_a_bad_challenge_is_aborted() {
    for challenge in ["YWJj", "=", "", "cj1vdGhlcixzPVFRPT0saT00MDk2", "AAA"] {
        let mut hand = alice(TLS);
        hand.say(offer(&["SCRAM-SHA-256"]));
        hand.said();
        hand.say(format!(
            "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{challenge}</challenge>"
        ));
        assert_eq!(
            hand.said(),
            "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
        );
        hand.say(failure("aborted"));
        assert_eq!(hand.said(), FOOTER);
        hand.part();
        assert!(matches!(
            refused_with(&hand),
            AuthenticationFailure::Mechanism(_)
        ));
    }
}

#[test]
fn a_server_with_nothing_acceptable_is_left() {
    for names in [&["DIGEST-MD5", "CRAM-MD5"][..], &[], &["EXTERNAL"]] {
        let mut hand = alice(TLS);
        hand.say(offer(names));
        assert_eq!(hand.said(), FOOTER);
        hand.part();
        assert!(matches!(
            refused_with(&hand),
            AuthenticationFailure::NoMechanism(_)
        ));
    }
}

#[test]
fn rfc6120_6_3_8_2_anonymous_and_external_say_no_more_than_they_must() {
    let mut hand = initiator_with(Via::Plain, |config| config);
    lead_initiator(&mut hand, Via::Plain, At::Opened);
    hand.said();
    hand.say(offer(&["ANONYMOUS"]));
    assert_eq!(hand.said(), auth("ANONYMOUS", ""));
}

/// The application's own refusal, and its own condition.
#[test]
fn rfc6120_6_5_2_1_the_application_names_the_condition() {
    for (condition, name) in [
        (Condition::AccountDisabled, "account-disabled"),
        (Condition::CredentialsExpired, "credentials-expired"),
        (Condition::TemporaryAuthFailure, "temporary-auth-failure"),
        (Condition::InvalidAuthzid, "invalid-authzid"),
        (Condition::MechanismTooWeak, "mechanism-too-weak"),
    ] {
        let mut hand = responder_at(TLS, At::Opened);
        hand.side.app = Box::new(move |machine, _| {
            if let Some(Decision::Password(password)) = machine.decision() {
                password.reject(condition);
            }
        });
        hand.say(plain("alice", "secret"));
        assert_eq!(hand.said(), failure(name));
    }
}

#[test]
fn only_what_the_host_offers_is_offered() {
    let only = MechanismSet::EMPTY.with(MechanismName::Scram(Hash::Sha512));
    let host = crate::common::pair::host_with(None, only);
    let config = xmpp_stream::config::ResponderConfig::server(&FIXED)
        .single_host(host)
        .dangerous_plaintext();
    let machine = xmpp_stream::Responder::new(config, Instant::from_millis(0));
    let mut hand = Hand::new(machine, Box::new(|_, _| {}));
    hand.say(CLIENT_HEADER);
    assert!(hand.said().ends_with(&offer(&["SCRAM-SHA-512"])));
    hand.say(AUTH_ANONYMOUS);
    assert_eq!(hand.said(), failure("invalid-mechanism"));
}

/// 6120-4.3.3-1: what came in the old stream does not act in the new one.
#[test]
fn features_sent_before_the_new_header_are_no_features() {
    let mut hand = initiator_with(Via::Plain, |config| config);
    lead_initiator(&mut hand, Via::Plain, At::Sasl);
    hand.said();
    hand.say([SUCCESS, "<stream:features/>"].concat());
    let said = hand.said();
    assert!(
        said.contains("<invalid-namespace ") || said.contains("<not-well-formed "),
        "{said}"
    );
    // A header of the server's that crosses ours is its header.
    let mut hand = initiator_with(Via::Plain, |config| config);
    lead_initiator(&mut hand, Via::Plain, At::Sasl);
    hand.say([SUCCESS, SERVER_HEADER].concat());
    assert!(hand.side.close.is_none());
}
