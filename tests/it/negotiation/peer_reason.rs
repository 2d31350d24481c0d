//! The peer's stated reason counts for more than what is wrong with its header (RFC 6120 4.9.1.3),
//! in both roles and on every kind of stream, and it reaches the planner.

use std::sync::Arc;

use xmpp_stream::component::ComponentSecret;
use xmpp_stream::config::{HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::dialback::DialbackSecret;
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::{
    Disconnect, Outcome, PeerError, Plan, Planner, PlannerConfig, ResetCause, Side, Target,
    TlsResumption,
};
use xmpp_stream::{CloseReason, Initiator, Negotiation, Responder};

use crate::harness::configs::FIXED;
use crate::harness::phases::{FOOTER, Phase, initiator_at, responder_at};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, START, Scripted};

/// Errors, and what they mean for the next connection.
const STATED: [(&str, Disconnect); 5] = [
    (
        "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example</see-other-host>",
        Disconnect::StreamError(PeerError::SeeOtherHost),
    ),
    (
        "<reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        Disconnect::Reset {
            by: Side::Peer,
            cause: ResetCause::Other,
        },
    ),
    (
        "<system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        Disconnect::StreamError(PeerError::Unavailable),
    ),
    (
        "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        Disconnect::StreamError(PeerError::Refused),
    ),
    (
        "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        Disconnect::StreamError(PeerError::Conflict),
    ),
];

const DOMAIN: &str = "localhost";

fn header(ns: &str, attributes: &str) -> String {
    format!(
        "<stream:stream xmlns='{ns}' xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
    )
}

/// Headers with every kind of flaw, and one without.
fn headers(ns: &str) -> Vec<String> {
    let mut all: Vec<_> = [
        "from='localhost' id='1' version='1.0'",
        "from='localhost' id='1'",
        "id='1'",
        "to='localhost'",
        "to='localhost' version='1.0'",
        "to='localhost' version='0.9'",
        "to='localhost' from='@' version='1.0'",
        "to='localhost' from='' version='one'",
        "to='elsewhere.example' version='1.0'",
        "",
        "from='' id='' to=''",
        "from='' id='1' version='1.0'",
        "from='elsewhere.example' id='1' version='1.0'",
        "from='elsewhere.example' to='nobody.example' id='1'",
        "from='localhost' id='1' version='0.9'",
        "from='localhost' id='1' version='one'",
        "from='localhost' id='1' version=''",
        "from='@' id='1' version='1.0'",
        "from='localhost' to='a@@b' id='1' version='1.0'",
    ]
    .into_iter()
    .map(|attributes| header(ns, attributes))
    .collect();
    // No stream of this kind, and all the same the peer says why.
    all.push(header(
        "jabber:unknown",
        "from='localhost' id='1' version='1.0'",
    ));
    all
}

/// The error comes with the header, later, and without a closing tag.
fn check<N: Negotiation>(
    start: impl Fn() -> Harness<N, Scripted>,
    headers: &[String],
    about: &str,
) {
    for header in headers {
        for (condition, expected) in &STATED {
            let error = format!("<stream:error>{condition}</stream:error>");
            for parts in [
                vec![[header, error.as_str(), FOOTER].concat()],
                vec![[header, error.as_str()].concat(), FOOTER.to_string()],
                vec![header.clone(), [error.as_str(), FOOTER].concat()],
                vec![header.clone(), error.clone()],
            ] {
                let about = format!("{about}: {parts:?}");
                let mut harness = start();
                harness.receive();
                for part in &parts {
                    harness.send(part);
                }
                let told = harness
                    .event_lines()
                    .iter()
                    .filter(|line| line.starts_with("stream-error "))
                    .count();
                assert_eq!(told, 1, "{about}");
                harness.run_until_closed();
                let reason = harness.closed().reason();
                assert_eq!(Disconnect::from(reason), *expected, "{about}: {reason}");
                let mut planner = Planner::new(PlannerConfig::new(), &FIXED);
                let plan = planner.next(harness.now, Outcome::Closed(Disconnect::from(reason)));
                match (expected, plan) {
                    (Disconnect::StreamError(PeerError::SeeOtherHost), Plan::Connect(next)) => {
                        assert_eq!(next.target, Target::Redirect, "{about}");
                    }
                    (Disconnect::Reset { .. }, Plan::Connect(next)) => {
                        assert_eq!(next.resumption, TlsResumption::Forbidden, "{about}");
                    }
                    (
                        Disconnect::StreamError(PeerError::SeeOtherHost) | Disconnect::Reset { .. },
                        _,
                    ) => panic!("{about}: {plan:?}"),
                    _ => {}
                }
            }
        }
        // Without an error of the peer's it is ours that counts, or there is none.
        let mut harness = start();
        harness.send(header);
        harness.run_until_closed();
        let reason = harness.closed().reason();
        assert!(
            !matches!(reason, CloseReason::StreamError { by: Side::Peer, .. }),
            "{about}: {header}"
        );
    }
}

fn server(to: &str) -> Arc<InitiatorConfig> {
    let jid = |text| Jid::parse(text).unwrap();
    InitiatorConfig::server(&jid("own.example"), &jid(to))
        .dangerous_plaintext(&FIXED)
        .dialback(DialbackSecret::new(b"secret"))
        .build()
        .unwrap()
}

fn component() -> Arc<InitiatorConfig> {
    InitiatorConfig::component(&Jid::parse(DOMAIN).unwrap())
        .dangerous_plaintext(&FIXED)
        .secret(ComponentSecret::new(b"secret"))
        .build()
        .unwrap()
}

fn initiating(config: &Arc<InitiatorConfig>) -> Harness<InitiatorRole, Scripted> {
    Harness::scripted(Initiator::new(config.clone(), START), Box::new(|_, _| {}))
}

fn receiving(config: &Arc<ResponderConfig>) -> Harness<ResponderRole, Scripted> {
    Harness::scripted(Responder::new(config.clone(), START), Box::new(|_, _| {}))
}

#[test]
fn rfc6120_4_9_1_3_the_peers_stated_reason_beats_our_complaint_about_its_header() {
    let client = headers("jabber:client");
    for (carrier, at) in [
        (Carrier::Plain, Phase::Start),
        (Carrier::StartTls(TLS13), Phase::Start),
        (Carrier::StartTls(TLS13), Phase::Secured),
        (Carrier::DirectTls(TLS13), Phase::Authenticated),
    ] {
        check(
            || initiator_at(carrier, at),
            &client,
            &format!("client {carrier:?} {at:?}"),
        );
    }
    let config = server(DOMAIN);
    check(
        || initiating(&config),
        &headers("jabber:server"),
        "initiating server",
    );
    let config = component();
    let ns = "jabber:component:accept";
    check(|| initiating(&config), &headers(ns), "component");
}

#[test]
fn rfc6120_4_9_1_3_what_an_initiating_peer_states_beats_our_complaint_too() {
    let client = headers("jabber:client");
    for (carrier, at) in [
        (Carrier::Plain, Phase::Start),
        (Carrier::StartTls(TLS13), Phase::Secured),
        (Carrier::StartTls(TLS13), Phase::Authenticated),
    ] {
        check(
            || responder_at(carrier, at),
            &client,
            &format!("server {carrier:?} {at:?}"),
        );
    }
    let host = HostConfig::s2s(&Jid::parse(DOMAIN).unwrap())
        .dialback_secret(DialbackSecret::new(b"secret"))
        .build()
        .unwrap();
    let config = ResponderConfig::s2s(&FIXED)
        .single_host(host)
        .dialback()
        .dangerous_plaintext()
        .build()
        .unwrap();
    check(
        || receiving(&config),
        &headers("jabber:server"),
        "receiving server",
    );
    let secret = ComponentSecret::new(b"secret");
    let host = HostConfig::component(&Jid::parse(DOMAIN).unwrap(), secret)
        .build()
        .unwrap();
    let config = ResponderConfig::component(&FIXED)
        .single_host(host)
        .dangerous_plaintext()
        .build()
        .unwrap();
    let ns = "jabber:component:accept";
    check(|| receiving(&config), &headers(ns), "server of a component");
}
