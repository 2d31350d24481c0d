//! Whom SASL found, and who the client's header says it is (RFC 6120 6.4.6).

use xmpp_stream::config::HostConfig;
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::{Decision, Responder};

use super::{TLS, auth, plain};
use crate::harness::configs::decide;
use crate::harness::phases::{
    BIND, CLIENT_HEADER, STARTTLS, host, peer_client, responder, responder_config, server_tls,
};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, START, Scripted};

/// The client's header, with this `from` or without.
fn header(from: Option<&str>) -> String {
    let from = from.map(|from| format!(" from='{from}'"));
    CLIENT_HEADER.replace(" to=", &format!("{} to=", from.unwrap_or_default()))
}

/// The headers before TLS, before SASL and after it. What the server said from
/// SASL on.
fn log_in(
    harness: &mut Harness<ResponderRole, Scripted>,
    auth: &str,
    from: [Option<&str>; 3],
) -> String {
    harness.send(header(from[0]));
    harness.send(STARTTLS);
    harness.receive();
    harness.start_tls(peer_client(TLS13));
    harness.send(header(from[1]));
    harness.receive();
    harness.send(auth);
    let mut received = harness.receive();
    if received.contains("<success") {
        harness.send(header(from[2]));
        harness.send(BIND);
        received += &harness.receive();
    }
    received
}

#[track_caller]
fn established(harness: &Harness<ResponderRole, Scripted>) -> String {
    let last = harness.event_lines().pop().unwrap();
    last.strip_prefix("established ").unwrap().to_string()
}

#[track_caller]
fn is_refused(harness: &mut Harness<ResponderRole, Scripted>, received: &str) {
    let error = "<stream:error><invalid-from xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 </stream:error></stream:stream>";
    assert!(received.ends_with(error), "{received}");
    let reported = harness.event_lines();
    assert!(
        !reported
            .iter()
            .any(|event| event.starts_with("established"))
    );
    harness.finish();
    assert_eq!(harness.end().0, "stream-error");
}

#[test]
fn rfc6120_6_4_6_1_a_from_of_the_authenticated_user_or_none_is_accepted() {
    let protected = [
        None,
        Some(""),
        Some("alice@localhost"),
        Some("ALICE@LocalHost."),
        Some("alice@localhost/desk"),
    ];
    for from in protected {
        for again in protected {
            let mut harness = responder(TLS);
            let received = log_in(&mut harness, &plain("alice", "secret"), [None, from, again]);
            assert!(received.contains("<success"), "{from:?} {again:?}");
            assert_eq!(established(&harness), "alice@localhost/made-up");
        }
    }
}

#[test]
fn rfc6120_6_4_6_1_a_from_of_another_user_gets_no_success() {
    for from in [
        "bob@localhost",
        "alice@other.example",
        "alice@localhost.example",
        "localhost",
    ] {
        let mut harness = responder(TLS);
        let received = log_in(
            &mut harness,
            &plain("alice", "secret"),
            [None, Some(from), None],
        );
        assert!(!received.contains("<success"), "{from}: {received}");
        assert!(
            !harness
                .event_lines()
                .iter()
                .any(|event| event.starts_with("authenticated"))
        );
        is_refused(&mut harness, &received);
    }
    // Who does not know the password learns no more than before.
    let mut harness = responder(TLS);
    let received = log_in(
        &mut harness,
        &plain("alice", "wrong"),
        [None, Some("bob@localhost"), None],
    );
    assert!(
        received.contains("<not-authorized/></failure>"),
        "{received}"
    );
}

#[test]
fn rfc6120_6_4_6_1_the_header_after_success_may_not_name_another_user() {
    for first in [None, Some("alice@localhost")] {
        let mut harness = responder(TLS);
        let from = [None, first, Some("bob@localhost")];
        let received = log_in(&mut harness, &plain("alice", "secret"), from);
        assert!(received.contains("<success"), "{received}");
        is_refused(&mut harness, &received);
    }
}

/// What anybody on the way could have written is not compared.
#[test]
fn rfc6120_6_4_6_1_an_unprotected_from_is_not_compared() {
    let mut harness = responder(TLS);
    let from = [Some("bob@localhost"), None, None];
    log_in(&mut harness, &plain("alice", "secret"), from);
    assert_eq!(established(&harness), "alice@localhost/made-up");

    let mut harness = responder(Carrier::Plain);
    let anonymous = auth("ANONYMOUS", "");
    for text in [
        &header(Some("bob@localhost")),
        &anonymous,
        &header(Some("bob@localhost")),
        BIND,
    ] {
        harness.send(text);
    }
    assert_eq!(established(&harness), "guest@localhost/made-up");
}

#[test]
fn rfc6120_6_4_6_1_with_an_authzid_from_may_name_either_identity() {
    let app = |machine: &mut Responder| match machine.decision() {
        Some(Decision::Password(password)) => password.accept("root".into()),
        _ => decide(machine),
    };
    // alice@localhost, root, secret
    let act_for_alice = auth("PLAIN", "YWxpY2VAbG9jYWxob3N0AHJvb3QAc2VjcmV0");
    for (from, served) in [
        ("alice@localhost", true),
        ("root@localhost", true),
        ("bob@localhost", false),
    ] {
        let mut harness = responder(TLS);
        harness.app = Box::new(move |machine, _| app(machine));
        let received = log_in(&mut harness, &act_for_alice, [None, Some(from), Some(from)]);
        assert_eq!(received.contains("<success"), served, "{from}: {received}");
    }
}

#[test]
fn user_names_with_an_at_sign_are_addresses() {
    for (name, served) in [("alice@localhost", true), ("alice@corp.example", false)] {
        let mut harness = responder(TLS);
        harness.app = Box::new(move |machine, _| {
            if let Some(Decision::Password(password)) = machine.decision() {
                password.accept(name.into());
            }
        });
        let from = [None, Some("alice@localhost"), Some("alice@localhost")];
        let received = log_in(&mut harness, &plain("alice", "secret"), from);
        assert_eq!(received.contains("<success"), served, "{name}: {received}");
    }
}

#[test]
fn the_application_may_decide_whether_from_matches_the_user_name() {
    let free = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
        .mechanisms(MechanismSet::EMPTY.with(MechanismName::Plain))
        .tls(server_tls(TLS13))
        .from_may_differ()
        .build()
        .unwrap();
    for (host, served) in [(host(TLS), false), (free, true)] {
        let machine = Responder::new(responder_config(TLS, host), START);
        let mut harness = Harness::scripted(machine, Box::new(|machine, _| decide(machine)));
        let other = Some("1234@localhost");
        let received = log_in(
            &mut harness,
            &plain("alice", "secret"),
            [None, other, other],
        );
        assert_eq!(received.contains("<success"), served, "{received}");
        if served {
            assert_eq!(established(&harness), "alice@localhost/made-up");
        }
    }
}
