//! The moments at which an attack comes, and every attack at every moment.

use rustls::ProtocolVersion;
use xmpp_stream::limits::Limits;
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::{SendError, Session};

use super::attacks::{Attack, Verdict, attacks};
use super::strike::{Ahead, Feed, strike};
use crate::harness::bench::{Carrier, Rig, START, Subject, TlsPair, V12, V13, seal};
use crate::harness::pair::Side;
use crate::harness::scenes::{Say, message, text};

/// What the stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Nothing: it is established.
    Idle,
    /// The same, with a resumed TLS session.
    Resumed,
    /// The same, with client certificates.
    Certified,
    /// TLS is up, and nothing was said since.
    Secured,
    /// A stanza has half come.
    InAStanza,
    /// Bytes wait that TCP has not taken, a record half of them.
    Unsent,
    /// More waits than the outbox and the reserve hold: no frame is taken.
    Blocked,
    /// Our closing tag is out.
    Closing,
    /// The application is asked something (responder only).
    Gate(Gate),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Host,
    Sasl,
    Bind,
}

const MOMENTS: [Moment; 11] = [
    Moment::Idle,
    Moment::Resumed,
    Moment::Certified,
    Moment::Secured,
    Moment::InAStanza,
    Moment::Unsent,
    Moment::Blocked,
    Moment::Closing,
    Moment::Gate(Gate::Host),
    Moment::Gate(Gate::Sasl),
    Moment::Gate(Gate::Bind),
];

impl Moment {
    /// A stream at this moment. `tls` keeps the tickets of earlier ones.
    fn rig<N: Subject>(self, tls: &TlsPair, version: ProtocolVersion) -> Rig<N> {
        let mut rig = match self {
            Self::Secured => Rig::<N>::secured(tls, version),
            Self::Gate(gate) => return at_gate(gate, tls, version),
            _ => {
                let limits = Limits::server().with_outbox_bytes(10_000).unwrap();
                let machine = N::machine(Carrier::DirectTls(version), tls, Some(limits));
                let mut rig = Rig::<N>::with(machine, tls, 4096);
                rig.log_in();
                rig
            }
        };
        assert_eq!(rig.resumed, self == Self::Resumed);
        match self {
            Self::InAStanza => {
                let half = seal(&mut rig.peer, &text("<message><body>half"));
                rig.side.feed(&half, rig.now);
            }
            Self::Unsent => {
                session(&mut rig.side).send(&message(7)).unwrap();
                rig.side.drive(rig.now);
                rig.side.machine.transmitted(9);
                assert!(!rig.side.machine.transmit().is_empty());
                session(&mut rig.side).send(&message(8)).unwrap();
            }
            Self::Blocked => {
                while session(&mut rig.side).send("<iq/>").is_ok() {}
                let sent = session(&mut rig.side).send("<iq/>");
                assert!(matches!(sent, Err(SendError::Full { .. })));
                rig.side.drive(rig.now);
                let stanza = seal(&mut rig.peer, &text("<presence"));
                rig.side.feed(&stanza, rig.now);
            }
            Self::Closing => {
                session(&mut rig.side).close();
                rig.side.drive(rig.now);
            }
            _ => {}
        }
        rig
    }

    /// Whether a stanza ahead of the attack is told of.
    fn ahead(self) -> Ahead {
        match self {
            Self::Idle | Self::Resumed | Self::Certified | Self::Unsent | Self::Closing => {
                Ahead::Stanza
            }
            _ => Ahead::Nothing,
        }
    }
}

fn session<N: Subject>(side: &mut Side<N>) -> Session<'_> {
    side.machine.session().unwrap()
}

/// Said up to where the gate opens, and not answered.
fn at_gate<N: Subject>(gate: Gate, tls: &TlsPair, version: ProtocolVersion) -> Rig<N> {
    let mut rig = Rig::<N>::secured(tls, version);
    let (said, answered) = match gate {
        Gate::Host => (1, 0),
        Gate::Sasl => (2, 1),
        Gate::Bind => (4, 2),
    };
    let mut left = answered;
    rig.side.app = Box::new(move |machine, event| {
        if *event == xmpp_stream::EventBuf::Decision && left > 0 {
            left -= 1;
            crate::harness::bench::answer(machine, None);
        }
    });
    for say in N::login().iter().take(said) {
        let bytes = seal(&mut rig.peer, say);
        rig.side.feed(&bytes, rig.now);
    }
    rig.read_out();
    assert!(rig.side.machine.decision().is_some());
    rig
}

fn every<N: Subject>(check: &mut dyn FnMut(Moment, ProtocolVersion, &TlsPair, &Attack, Feed)) {
    for version in [V12, V13] {
        for moment in MOMENTS {
            if matches!(moment, Moment::Gate(_)) && N::ROLE != "responder" {
                continue;
            }
            let tls = match moment {
                Moment::Certified => TlsPair::mutual(version),
                _ => TlsPair::new(version),
            };
            let tls = match moment {
                Moment::Resumed => {
                    // The first one earns the ticket.
                    let mut first = Rig::<N>::established_honest(&tls, version);
                    first.drain();
                    tls
                }
                _ => tls.without_tickets(),
            };
            for attack in attacks(version, N::ROLE) {
                for feed in [Feed::Whole, Feed::Bytes] {
                    check(moment, version, &tls, &attack, feed);
                }
            }
        }
    }
}

#[test]
fn rfc6120_5_3_5_5_every_attempt_closes_tcp_at_once_at_every_moment() {
    fn both<N: Subject>() -> (usize, usize) {
        let (mut closed, mut failed) = (0, 0);
        every::<N>(&mut |moment, version, tls, attack, feed| {
            let place = format!(
                "{}, {version:?}, {moment:?}, {}, {feed:?}",
                N::ROLE,
                attack.name
            );
            crate::harness::naming(&place, || {
                let mut rig = moment.rig::<N>(tls, version);
                strike(&mut rig, attack, feed, moment.ahead());
            });
            match attack.verdict {
                Verdict::Attempt => closed += 1,
                Verdict::Failure => failed += 1,
            }
        });
        (closed, failed)
    }
    let initiator = both::<Initiating>();
    let responder = both::<Receiving>();
    let (closed, failed) = (initiator.0 + responder.0, initiator.1 + responder.1);
    println!("attempts closed {closed}, other failures told apart {failed}, none missed");
    assert_eq!((closed, failed), (836, 456));
}

/// Also where the attempt is right behind Finished, in one segment: before
/// anybody could have polled.
#[test]
fn rfc6120_5_3_5_5_an_attempt_right_behind_finished_is_seen() {
    fn check<N: Subject>(version: ProtocolVersion, tls: &TlsPair) {
        for attack in attacks(version, N::ROLE) {
            if attack.verdict != Verdict::Attempt {
                continue;
            }
            let place = format!("{}, {version:?}, {}", N::ROLE, attack.name);
            crate::harness::naming(&place, || {
                let machine = N::machine(Carrier::DirectTls(version), tls, None);
                let mut side = Side::new(machine, Box::new(|_, _| {}));
                let mut peer = N::peer(tls);
                let mut last = peer.up_to_finished(&mut |bytes| {
                    side.feed(bytes, START);
                    side.drive(START);
                    side.take(usize::MAX)
                });
                for record in &attack.records {
                    last.extend(seal(&mut peer, record));
                }
                last.extend(seal(&mut peer, &N::login()[0]));
                side.feed(&last, START);
                side.drive(START);
                assert_eq!(side.code(), "tls-renegotiation");
                assert!(side.machine.transmit().is_empty());
                let told = side.told();
                assert!(told.len() == 1 && told[0].starts_with("tls "), "{told:?}");
            });
        }
    }
    // The attacker must be the one to finish.
    check::<Initiating>(V12, &TlsPair::new(V12).without_tickets());
    check::<Receiving>(V13, &TlsPair::new(V13).without_tickets());
    let tls = TlsPair::new(V12);
    Rig::<Receiving>::established_honest(&tls, V12).drain();
    check::<Receiving>(V12, &tls);
}

/// However many frames are ahead, they are all told of, in order.
#[test]
fn rfc6120_5_3_5_6_what_came_before_the_attempt_is_delivered_and_nothing_behind() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut rig = Rig::<N>::established(&tls, version);
            let earlier = rig.side.events.len();
            // Three records are more than fit at once.
            let stanza = |n: usize| format!("<message id='{n}'/>");
            let mut bytes = Vec::new();
            for record in 0..3 {
                let texts = (0..700)
                    .map(|n| stanza(record * 700 + n))
                    .collect::<String>();
                bytes.extend(seal(&mut rig.peer, &Say::Text(texts)));
            }
            for record in &attacks(version, N::ROLE)[0].records {
                bytes.extend(seal(&mut rig.peer, record));
            }
            bytes.extend(seal(&mut rig.peer, &text("<presence/>")));
            rig.side.feed(&bytes, rig.now);
            rig.side.drive(rig.now);
            assert_eq!(rig.side.code(), "tls-renegotiation");
            let told = rig.side.told().split_off(earlier);
            let expected: Vec<_> = (0..2_100)
                .map(|n| format!("stanza {}", stanza(n)))
                .collect();
            assert_eq!(told, expected);
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// No `<stream:error/>`, no closing tag, no alert: everything that ever went
/// out was there before.
#[test]
fn rfc6120_5_3_5_6_no_stream_error_on_renegotiation() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut rig = Rig::<N>::established(&tls, version);
            // The application answers what came ahead of the attempt.
            rig.side.app = Box::new(|machine, event| {
                if let xmpp_stream::EventBuf::Stanza(stanza) = event {
                    let stanza = stanza.as_stanza().as_str().to_string();
                    machine.session().unwrap().send(&stanza).unwrap();
                }
            });
            let mut bytes = seal(&mut rig.peer, &text(&message(1)));
            for record in &attacks(version, N::ROLE)[0].records {
                bytes.extend(seal(&mut rig.peer, record));
            }
            // Byte by byte, and TCP takes everything at once.
            let mut out = Vec::new();
            for byte in bytes {
                rig.side.feed(&[byte], rig.now);
                out.extend(rig.read_out());
            }
            assert_eq!(rig.side.code(), "tls-renegotiation");
            let answer = (23, message(1).into_bytes());
            assert_eq!(out, [answer], "{}", N::ROLE);
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}
