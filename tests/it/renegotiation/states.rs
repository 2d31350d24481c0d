//! Every attack on a stream in every state.

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::{SendError, Session};

use super::attacks::{Attack, Verdict, attacks};
use super::run::{Before, Feed, attack_stream};
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::scenarios::{WireItem, message, text};
use crate::harness::{Carrier, Harness, HostileTls, Role, Scripted, TlsPair};

/// What the stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing: it is established.
    Idle,
    /// The same, with a resumed TLS session.
    Resumed,
    /// The same, with client certificates.
    Certified,
    /// The handshake is complete, and nothing was sent since.
    Secured,
    /// Half of a stanza has come.
    InAStanza,
    /// Bytes wait that TCP has not taken, a record half of them.
    Unsent,
    /// More waits than the outbox and the reserve hold: no frame is taken.
    Blocked,
    /// Our closing tag is out.
    Closing,
    /// The application is asked something (responder only).
    Asked(Asked),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Host,
    Sasl,
    Bind,
}

const STATES: [State; 11] = [
    State::Idle,
    State::Resumed,
    State::Certified,
    State::Secured,
    State::InAStanza,
    State::Unsent,
    State::Blocked,
    State::Closing,
    State::Asked(Asked::Host),
    State::Asked(Asked::Sasl),
    State::Asked(Asked::Bind),
];

impl State {
    /// Makes a stream in this state. `tls` keeps the tickets of earlier ones.
    fn harness<N: Role>(self, tls: &TlsPair, version: Version) -> Harness<N, HostileTls> {
        let mut harness = match self {
            Self::Secured => Harness::<N, HostileTls>::secured(tls, version),
            Self::Asked(asked) => return at_decision(asked, tls, version),
            _ => {
                let limits = Limits::server().with_outbox_bytes(10_000).unwrap();
                let machine = N::machine(Carrier::DirectTls(version), tls, Some(limits));
                let mut harness = Harness::<N, HostileTls>::over_tls(machine, tls, 4096);
                harness.log_in();
                harness
            }
        };
        assert_eq!(harness.is_resumed(), self == Self::Resumed);
        match self {
            Self::InAStanza => {
                let half = harness.seal(&text("<message><body>half"));
                harness.deliver(&half);
            }
            Self::Unsent => {
                session(&mut harness).send(&message(7)).unwrap();
                harness.run();
                harness.machine.transmitted(9);
                assert!(!harness.machine.transmit().is_empty());
                session(&mut harness).send(&message(8)).unwrap();
            }
            Self::Blocked => {
                while session(&mut harness).send("<iq/>").is_ok() {}
                let sent = session(&mut harness).send("<iq/>");
                assert!(matches!(sent, Err(SendError::Full { .. })));
                harness.run();
                let stanza = harness.seal(&text("<presence"));
                harness.deliver(&stanza);
            }
            Self::Closing => {
                session(&mut harness).close();
                harness.run();
            }
            _ => {}
        }
        harness
    }

    /// Whether a stanza before the attack is reported.
    fn before(self) -> Before {
        match self {
            Self::Idle | Self::Resumed | Self::Certified | Self::Unsent | Self::Closing => {
                Before::Stanza
            }
            _ => Before::Nothing,
        }
    }
}

fn session<N: Role, P>(harness: &mut Harness<N, P>) -> Session<'_> {
    harness.machine.session().unwrap()
}

/// A stream up to a decision that the application does not make.
fn at_decision<N: Role>(asked: Asked, tls: &TlsPair, version: Version) -> Harness<N, HostileTls> {
    let mut harness = Harness::<N, HostileTls>::secured(tls, version);
    let (sent, answered) = match asked {
        Asked::Host => (1, 0),
        Asked::Sasl => (2, 1),
        Asked::Bind => (4, 2),
    };
    let mut left = answered;
    harness.app = Box::new(move |machine, event| {
        if *event == xmpp_stream::EventBuf::Decision && left > 0 {
            left -= 1;
            crate::harness::configs::decide_anonymous(machine);
        }
    });
    for item in N::login().iter().take(sent) {
        let bytes = harness.seal(item);
        harness.deliver(&bytes);
    }
    harness.receive_records();
    assert!(harness.machine.decision().is_some());
    harness
}

fn every<N: Role>(check: &mut dyn FnMut(State, Version, &TlsPair, &Attack, Feed)) {
    for version in [TLS12, TLS13] {
        for state in STATES {
            if matches!(state, State::Asked(_)) && N::NAME != "responder" {
                continue;
            }
            let tls = match state {
                State::Certified => TlsPair::mutual(version),
                _ => TlsPair::new(version),
            };
            let tls = match state {
                State::Resumed => {
                    // The first one earns the ticket.
                    let mut first = Harness::<N, Scripted>::established(
                        <N>::machine(Carrier::DirectTls(version), &tls, None),
                        &tls,
                        4096,
                    );
                    first.exchange();
                    tls
                }
                _ => tls.without_tickets(),
            };
            for attack in attacks(version, N::NAME) {
                for feed in [Feed::Whole, Feed::Bytes] {
                    check(state, version, &tls, &attack, feed);
                }
            }
        }
    }
}

#[test]
fn rfc6120_5_3_5_5_every_attempt_closes_tcp_at_once_in_every_state() {
    fn both<N: Role>() -> (usize, usize) {
        let (mut closed, mut failed) = (0, 0);
        every::<N>(&mut |state, version, tls, attack, feed| {
            let place = format!(
                "{}, {version:?}, {state:?}, {}, {feed:?}",
                N::NAME,
                attack.name
            );
            crate::harness::naming(&place, || {
                let mut harness = state.harness::<N>(tls, version);
                attack_stream(&mut harness, attack, feed, state.before());
            });
            match attack.verdict {
                Verdict::Attempt => closed += 1,
                Verdict::Failure => failed += 1,
            }
        });
        (closed, failed)
    }
    let initiator = both::<InitiatorRole>();
    let responder = both::<ResponderRole>();
    let (closed, failed) = (initiator.0 + responder.0, initiator.1 + responder.1);
    println!("attempts closed {closed}, other failures told apart {failed}, none missed");
    assert_eq!((closed, failed), (836, 456));
}

/// Also where the attempt is right after Finished, in one segment: before
/// the machine could have been polled.
#[test]
fn rfc6120_5_3_5_5_an_attempt_right_after_finished_is_detected() {
    fn check<N: Role>(version: Version, tls: &TlsPair) {
        for attack in attacks(version, N::NAME) {
            if attack.verdict != Verdict::Attempt {
                continue;
            }
            let place = format!("{}, {version:?}, {}", N::NAME, attack.name);
            crate::harness::naming(&place, || {
                let machine = N::machine(Carrier::DirectTls(version), tls, None);
                let mut harness = Harness::new(machine, Box::new(|_, _| {}));
                let mut peer = N::peer(tls);
                let mut last = peer.up_to_finished(&mut |bytes| {
                    harness.deliver(bytes);
                    harness.run();
                    harness.transmit(usize::MAX)
                });
                for record in &attack.records {
                    last.extend(record.seal(&mut peer));
                }
                last.extend(N::login()[0].seal(&mut peer));
                harness.deliver(&last);
                harness.run();
                assert_eq!(harness.code(), "tls-renegotiation");
                assert!(harness.machine.transmit().is_empty());
                let reported = harness.event_lines();
                assert!(
                    reported.len() == 1 && reported[0].starts_with("tls "),
                    "{reported:?}"
                );
            });
        }
    }
    // The attacker must be the one to finish.
    check::<InitiatorRole>(TLS12, &TlsPair::new(TLS12).without_tickets());
    check::<ResponderRole>(TLS13, &TlsPair::new(TLS13).without_tickets());
    let tls = TlsPair::new(TLS12);
    Harness::<ResponderRole, Scripted>::established(
        <ResponderRole>::machine(Carrier::DirectTls(TLS12), &tls, None),
        &tls,
        4096,
    )
    .exchange();
    check::<ResponderRole>(TLS12, &tls);
}

/// However many frames come before the attempt, all are reported, in order.
#[test]
fn rfc6120_5_3_5_6_what_came_before_the_attempt_is_delivered_and_nothing_after() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut harness = Harness::<N, HostileTls>::established(&tls, version);
            let earlier = harness.events.len();
            // Three records are more than fit at once.
            let stanza = |n: usize| format!("<message id='{n}'/>");
            let mut bytes = Vec::new();
            for record in 0..3 {
                let texts = (0..700)
                    .map(|n| stanza(record * 700 + n))
                    .collect::<String>();
                bytes.extend(harness.seal(&WireItem::Text(texts)));
            }
            for record in &attacks(version, N::NAME)[0].records {
                bytes.extend(harness.seal(record));
            }
            bytes.extend(harness.seal(&text("<presence/>")));
            harness.deliver(&bytes);
            harness.run();
            assert_eq!(harness.code(), "tls-renegotiation");
            let reported = harness.event_lines().split_off(earlier);
            let expected: Vec<_> = (0..2_100)
                .map(|n| format!("stanza {}", stanza(n)))
                .collect();
            assert_eq!(reported, expected);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// No `<stream:error/>`, no closing tag, no alert: everything that ever went
/// out was there before.
#[test]
fn rfc6120_5_3_5_6_no_stream_error_on_renegotiation() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut harness = Harness::<N, HostileTls>::established(&tls, version);
            // The application answers what came ahead of the attempt.
            harness.app = Box::new(|machine, event| {
                if let xmpp_stream::EventBuf::Stanza(stanza) = event {
                    let stanza = stanza.as_stanza().as_str().to_string();
                    machine.session().unwrap().send(&stanza).unwrap();
                }
            });
            let mut bytes = harness.seal(&text(&message(1)));
            for record in &attacks(version, N::NAME)[0].records {
                bytes.extend(harness.seal(record));
            }
            // Byte by byte, and TCP takes everything at once.
            let mut out = Vec::new();
            for byte in bytes {
                harness.deliver(&[byte]);
                out.extend(harness.receive_records());
            }
            assert_eq!(harness.code(), "tls-renegotiation");
            let answer = (23, message(1).into_bytes());
            assert_eq!(out, [answer], "{}", N::NAME);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// Our close_notify is out: records are still read, and an attempt ends the connection at once.
#[test]
fn rfc6120_5_3_5_5_an_attempt_after_our_close_notify_closes_tcp_at_once() {
    fn both<N: Role>() {
        for version in [TLS12, TLS13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut harness = Harness::<N, HostileTls>::established(&tls, version);
            session(&mut harness).close();
            harness.run();
            let footer = harness.seal(&text("</stream:stream>"));
            harness.deliver(&footer);
            let sent = harness.receive_records();
            assert!(sent.iter().any(|(kind, _)| *kind == 21), "{sent:?}");
            assert!(
                harness.close.is_none(),
                "the peer's close_notify is awaited"
            );
            for record in &attacks(version, N::NAME)[0].records {
                let bytes = harness.seal(record);
                harness.deliver(&bytes);
            }
            assert_eq!(harness.code(), "tls-renegotiation", "{}", N::NAME);
            assert_eq!(harness.closed().manner(), xmpp_stream::Manner::Abort);
            assert_eq!(harness.receive_records(), []);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}
