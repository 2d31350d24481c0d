//! SASL EXTERNAL between servers (XEP-0178 3).

use xmpp_stream::config::{InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::ResponderRole;
use xmpp_stream::stream::StreamCondition;
use xmpp_stream::{CloseReason, EventBuf};

use super::peer::{MECHANISMS, SUCCESS, answer, secured_initiator};
use super::servers::{
    CAPULET, Certificate, EVIL, HEADER, MONTAGUE, Proofs, capulet_to_montague, host, initiator,
    jid, pair, reported, responder, secured, secured_after, trust,
};
use crate::harness::configs::FIXED;
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{Harness, HostileTls, Pair};

const VERSIONS: [Version; 2] = [TLS12, TLS13];

#[test]
fn a_good_certificate_proves_its_domain_and_the_server_knows_whom_it_talks_to() {
    for version in VERSIONS {
        let good = Certificate::Good(CAPULET);
        let mut pair = capulet_to_montague(version, good, (Proofs::External, Proofs::External));
        pair.exchange();
        let verified = "pair capulet.example montague.example external";
        assert!(offers_external(&pair));
        let login = [
            "tls",
            "authenticated EXTERNAL capulet.example",
            "established",
            verified,
        ];
        assert_eq!(reported(&pair), login);
        assert_eq!(reported(&pair.peer), login);

        let stanza = "<message from='juliet@capulet.example' to='romeo@montague.example'/>";
        let mut session = pair.machine.session().unwrap();
        session.send(stanza).unwrap();
        pair.exchange();
        let expected = format!("stanza {stanza}");
        assert_eq!(reported(&pair.peer).last(), Some(&expected));
        pair.machine.session().unwrap().close();
        pair.finish();
        assert_eq!((pair.code(), pair.peer.code()), ("closed", "closed"));
    }
}

#[test]
fn xep0368_direct_tls_has_its_own_application_protocol() {
    for version in VERSIONS {
        let client = Certificate::Good(CAPULET).client(version);
        let server = Certificate::Good(MONTAGUE).server(version);
        let initiator = InitiatorConfig::server(&jid(CAPULET), &jid(MONTAGUE))
            .direct_tls(client)
            .external(trust())
            .build()
            .unwrap();
        let responder = ResponderConfig::s2s(&FIXED)
            .single_host(host(MONTAGUE, None, Proofs::External))
            .direct_tls(server)
            .build()
            .unwrap();
        let mut pair = pair(initiator, responder);
        pair.exchange();
        let tls = pair.peer.machine.tls().unwrap();
        assert_eq!(tls.alpn(), Some(&b"xmpp-server"[..]));
        assert!(reported(&pair.peer).contains(&"established".to_string()));
    }
}

/// 6120-6.4.5-6: and where only a certificate would do, the stream has no use.
#[test]
fn xep0178_3_external_is_offered_only_for_a_certificate_good_for_the_header_s_from() {
    for version in VERSIONS {
        for certificate in [
            Certificate::Good(EVIL),
            Certificate::SelfMade(CAPULET),
            Certificate::None,
        ] {
            let proofs = (Proofs::External, Proofs::External);
            let mut pair = capulet_to_montague(version, certificate, proofs);
            pair.finish();
            assert_eq!(reported(&pair.peer), ["tls"], "{certificate:?}");
            assert_refused(&pair.peer, StreamCondition::PolicyViolation);
        }
    }
}

/// Anybody on the way can write the header before TLS; the one after it is what the
/// certificate has to be good for.
#[test]
fn rfc6120_13_7_2_1_2_the_certificate_must_match_the_header_inside_tls() {
    let evil = HEADER.replace(CAPULET, EVIL);
    for version in VERSIONS {
        for (before, following, offered) in [
            (HEADER, HEADER, true),
            (evil.as_str(), HEADER, true),
            (HEADER, evil.as_str(), false),
        ] {
            let proofs = (Proofs::External, Proofs::Both);
            let pair = capulet_to_montague(version, Certificate::Good(CAPULET), proofs);
            let mut harness = secured_after(pair, version, before);
            let answer = harness.answer_to(following);
            assert!(answer.contains("<stream:features>"), "{answer}");
            let external = answer.contains("<mechanism>EXTERNAL</mechanism>");
            assert_eq!(external, offered, "{before} {following}");
        }
    }
}

/// 6120-4.3.2-8: after SASL nothing is left to negotiate, whether the
/// features are empty or have something voluntary.
#[test]
fn rfc6120_4_3_2_7_voluntary_features_do_not_hold_up_a_server() {
    for features in [
        "<stream:features/>",
        "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
        "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>\
         <x xmlns='urn:example'/></stream:features>",
    ] {
        let mut harness = secured_initiator(TLS13, Proofs::External);
        let header = answer();
        let established = "established".to_string();
        for text in [&header, MECHANISMS, SUCCESS, &header, features] {
            assert!(!reported(&harness).contains(&established), "{features}");
            harness.answer_to(text);
        }
        assert!(reported(&harness).contains(&established), "{features}");
        // The application learns of what the stream has, and then that it has it.
        let lines = harness.event_lines();
        let at = lines.iter().position(|line| *line == established).unwrap();
        assert_eq!(lines[at - 1], "features", "{features}: {lines:?}");
        assert!(lines[at - 2].starts_with("stream-opened"), "{lines:?}");
        let stanza = "<message from='capulet.example' to='montague.example'/>";
        harness.machine.session().unwrap().send(stanza).unwrap();
        harness.run();
        let sent = harness.transmit(usize::MAX);
        let last = harness.peer.open(&sent).pop().unwrap().1;
        assert_eq!(String::from_utf8_lossy(&last), stanza);
    }
}

/// The peer does not have to be believed where dialback is to follow.
#[test]
fn a_bad_certificate_leaves_dialback() {
    for version in VERSIONS {
        for certificate in [Certificate::Good(EVIL), Certificate::SelfMade(CAPULET)] {
            let proofs = (Proofs::Both, Proofs::Both);
            let mut pair = capulet_to_montague(version, certificate, proofs);
            pair.exchange();
            let asked = "request capulet.example montague.example".to_string();
            assert_eq!(reported(&pair.peer), ["tls".to_string(), asked]);
            assert_eq!(reported(&pair), ["tls"]);
            assert!(!offers_external(&pair));
        }
    }
}

/// 6120-13.7.2-1: EXTERNAL is not used with an unverified server.
#[test]
fn our_certificate_is_not_used_with_a_server_that_cannot_prove_its_own_domain() {
    for (server, dialback) in [
        (Certificate::SelfMade(MONTAGUE), false),
        (Certificate::Good(EVIL), false),
        (Certificate::SelfMade(MONTAGUE), true),
    ] {
        let (ours, theirs) = match dialback {
            true => (Proofs::Both, Proofs::Both),
            false => (Proofs::External, Proofs::Both),
        };
        let client = Certificate::Good(CAPULET).client(TLS13);
        let mut pair = pair(
            initiator(CAPULET, MONTAGUE, Some(client), ours),
            responder(MONTAGUE, Some(server.server(TLS13)), theirs),
        );
        if dialback {
            pair.exchange();
            assert!(
                reported(&pair.peer)
                    .iter()
                    .any(|line| line.starts_with("request"))
            );
        } else {
            pair.finish();
            assert_eq!(pair.code(), "authentication-failed");
        }
        assert!(
            !reported(&pair.peer)
                .iter()
                .any(|line| line.starts_with("auth"))
        );
    }
}

/// The header after SASL is the peer's to write; what was proved is not.
#[test]
fn rfc6120_4_3_6_7_a_server_cannot_change_its_domain_after_sasl() {
    let proofs = (Proofs::External, Proofs::Both);
    let pair = capulet_to_montague(TLS13, Certificate::Good(CAPULET), proofs);
    let harness = claim_another_domain(pair);
    assert_refused(&harness, StreamCondition::InvalidFrom);
    let reported = reported(&harness);
    assert_eq!(reported, ["tls", "authenticated EXTERNAL capulet.example"]);
}

fn claim_another_domain(pair: Pair) -> Harness<ResponderRole, HostileTls> {
    let mut harness = secured(pair);
    for text in [
        HEADER.to_string(),
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>".into(),
        HEADER.replace(CAPULET, EVIL),
    ] {
        harness.answer_to(&text);
    }
    harness.machine.receive_eof();
    harness.run();
    harness.transmit(usize::MAX);
    harness.run();
    harness
}

/// Older servers rely on it.
#[test]
fn the_authzid_of_external_is_our_domain() {
    let mut harness = secured_initiator(TLS13, Proofs::External);
    harness.answer_to(&answer());
    let received = harness.answer_to(MECHANISMS);
    // capulet.example
    assert!(
        received.ends_with(">Y2FwdWxldC5leGFtcGxl</auth>"),
        "{received}"
    );
}

#[test]
fn rfc6120_6_3_8_4_the_authzid_is_the_domain_or_nothing() {
    for (authzid, accepted) in [
        ("=", true),
        ("Y2FwdWxldC5leGFtcGxl", true),              // capulet.example
        ("ZXZpbC5leGFtcGxl", false),                 // evil.example
        ("anVsaWV0QGNhcHVsZXQuZXhhbXBsZQ==", false), // juliet@capulet.example
    ] {
        let proofs = (Proofs::External, Proofs::Both);
        let pair = capulet_to_montague(TLS13, Certificate::Good(CAPULET), proofs);
        let mut harness = secured(pair);
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{authzid}</auth>"
        );
        let mut answer = String::new();
        for text in [HEADER, &auth] {
            answer += &harness.answer_to(text);
        }
        assert!(answer.contains("<mechanism>EXTERNAL</mechanism>"));
        assert_eq!(answer.contains("<success"), accepted, "{authzid}: {answer}");
        assert_eq!(answer.contains("<invalid-authzid/>"), !accepted);
    }
}

/// A server that cannot end EXTERNAL with its first message turns to dialback.
#[test]
fn dialback_follows_an_external_login_that_we_have_aborted() {
    const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
    for version in VERSIONS {
        for (challenge, is_aborted) in [
            (format!("<challenge {SASL}/>"), true),
            (format!("<challenge {SASL}>=</challenge>"), true),
            (
                format!("<failure {SASL}><not-authorized/></failure>"),
                false,
            ),
        ] {
            for (offers_dialback, expected) in [(true, true), (false, false)] {
                let mut harness = secured_initiator(version, Proofs::Both);
                let (mut header, mut features) = (answer(), MECHANISMS.to_string());
                if offers_dialback {
                    let dialback = "<dialback xmlns='urn:xmpp:features:dialback'/><mechanisms";
                    features = features.replacen("<mechanisms", dialback, 1);
                } else {
                    header = header.replace(" xmlns:db='jabber:server:dialback'", "");
                }
                harness.answer_to(&header);
                let auth = harness.answer_to(&features);
                assert!(auth.contains("mechanism='EXTERNAL'"), "{auth}");
                let mut received = harness.answer_to(&challenge);
                assert_eq!(received.contains("<abort "), is_aborted, "{received}");
                if is_aborted {
                    received = harness.answer_to(&format!("<failure {SASL}><aborted/></failure>"));
                }
                assert_eq!(
                    received.contains("<db:result "),
                    expected,
                    "{challenge}: {received}"
                );
            }
        }
    }
}

/// The certificate says who answers, and a header that does not is accepted under TLS.
#[test]
fn an_answer_between_servers_needs_no_addresses() {
    for version in VERSIONS {
        for (from, to) in [
            ("", " to='capulet.example'"),
            (" from='montague.example'", ""),
            ("", ""),
        ] {
            let header = answer()
                .replace(" from='montague.example'", from)
                .replace(" to='capulet.example'", to);
            let mut harness = secured_initiator(version, Proofs::External);
            assert_eq!(harness.answer_to(&header), "", "{header}");
            let received = harness.answer_to(MECHANISMS);
            assert!(
                received.contains("mechanism='EXTERNAL'"),
                "{header}: {received}"
            );
        }
    }
}

/// 6120-5.4.3.3-1: that the peer has dialback is learned inside TLS, or not at all.
#[test]
fn rfc6120_5_4_3_3_1_dialback_announced_before_tls_is_forgotten() {
    for version in VERSIONS {
        for (db, expected) in [(" xmlns:db='jabber:server:dialback'", true), ("", false)] {
            // The header before TLS has the namespace.
            let mut harness = secured_initiator(version, Proofs::Both);
            let header = answer().replace(" xmlns:db='jabber:server:dialback'", db);
            harness.answer_to(&header);
            let received = harness.answer_to(&MECHANISMS.replace("EXTERNAL", "X-NONE"));
            assert_eq!(received.contains("<db:result "), expected, "{received}");
        }
    }
}

/// Whether EXTERNAL was offered after TLS.
fn offers_external(pair: &Pair) -> bool {
    let features = pair.events.iter().filter_map(|event| match event {
        EventBuf::Features(features) => Some(features.as_str()),
        _ => None,
    });
    let offers: Vec<_> = features.collect();
    assert!(offers.len() >= 2, "{offers:?}");
    offers[1].contains("<mechanism>EXTERNAL</mechanism>")
}

fn assert_refused<P>(harness: &Harness<ResponderRole, P>, condition: StreamCondition) {
    let close = harness.close.as_ref().unwrap();
    match close.reason() {
        CloseReason::StreamError { error, .. } => assert_eq!(error.condition(), condition),
        other => panic!("{other:?}"),
    }
}
