//! A peer that is honest up to a moment, in either role and under both versions of TLS.

use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::testkit::attack::content_type::{ALERT, DATA};
use xmpp_stream::testkit::{Attack, Moment, Peer, Renegotiation, TcpState};
use xmpp_stream::time::Instant;
use xmpp_stream::tls::TlsVersion;
use xmpp_stream::{Action, CloseTcp, Connection, EventBuf, Manner, Negotiation};

use crate::harness::configs::decide_anonymous;
use crate::harness::pki::{TLS12, TLS13, Version};
use crate::harness::{Carrier, Role, START, TlsPair, naming};

const EARLIER: &str = "<message id='earlier'/>";
const LATER: &str = "<message id='later'/>";

/// A machine, and what it has reported.
struct Victim<N: Negotiation> {
    machine: Connection<N>,
    events: Vec<EventBuf>,
    close: Option<CloseTcp>,
}

impl<N: Negotiation> Victim<N> {
    fn run(&mut self, now: Instant) {
        loop {
            match self.machine.poll(now) {
                Action::Event(event) => {
                    self.events.push(event.to_owned());
                    decide_anonymous(&mut self.machine);
                }
                Action::Wait(wait) if wait.deadline == Some(now) => {}
                Action::Wait(_) => return,
                Action::CloseTcp(close) => {
                    self.close = Some(close.clone());
                    return;
                }
            }
        }
    }

    fn stanzas(&self) -> Vec<&str> {
        let stanza = |event: &'_ EventBuf| matches!(event, EventBuf::Stanza(_));
        let stanzas = self.events.iter().filter(|event| stanza(event));
        stanzas
            .map(|event| match event {
                EventBuf::Stanza(stanza) => match stanza.as_stanza().attr("id").as_deref() {
                    Some("earlier") => "earlier",
                    Some("later") => "later",
                    _ => "other",
                },
                _ => "",
            })
            .collect()
    }
}

/// Carries bytes, `chunk` at a time, until nothing moves or the victim has closed.
fn meet<V: Negotiation, P: Negotiation>(victim: &mut Victim<V>, peer: &mut Peer<P>, chunk: usize) {
    for _ in 0..200 {
        peer.run(START);
        let theirs = peer.take_output();
        victim.run(START);
        for part in theirs.chunks(chunk) {
            let taken = victim.machine.receive(part);
            victim.run(START);
            if victim.close.is_some() {
                return;
            }
            assert_eq!(taken, part.len());
        }
        let ours = victim.machine.transmit().to_vec();
        victim.machine.transmitted(ours.len());
        assert_eq!(peer.receive(&ours), ours.len());
        if theirs.is_empty() && ours.is_empty() {
            return;
        }
    }
    panic!("no end");
}

fn victim<N: Role>(carrier: Carrier, tls: &TlsPair) -> Victim<N> {
    Victim {
        machine: N::machine(carrier, tls, None),
        events: Vec::new(),
        close: None,
    }
}

fn peer_of<P: Role>(carrier: Carrier, tls: &TlsPair) -> Peer<P> {
    Peer::new(P::machine(carrier, tls, None), |machine, _| {
        decide_anonymous(machine);
    })
}

fn each_pair(check: impl Fn(Version, &TlsPair, usize)) {
    for version in [TLS12, TLS13] {
        let tls = TlsPair::new(version).without_tickets();
        for chunk in [usize::MAX, 1] {
            naming(&format!("{version:?}, {chunk} at a time"), || {
                check(version, &tls, chunk);
            });
        }
    }
}

fn attempts<V: Role, P: Role>(version: Version, tls: &TlsPair, chunk: usize) {
    let known = match version == TLS12 {
        true => TlsVersion::Tls12,
        false => TlsVersion::Tls13,
    };
    for how in Renegotiation::ALL {
        for carrier in [Carrier::DirectTls(version), Carrier::StartTls(version)] {
            naming(&format!("{}, {how:?}, {carrier:?}", V::NAME), || {
                let mut victim = victim::<V>(carrier, tls);
                let mut peer = peer_of::<P>(carrier, tls).at(
                    Moment::Established,
                    [
                        Attack::Text(EARLIER.into()),
                        Attack::Renegotiate(how),
                        Attack::Text(LATER.into()),
                    ],
                );
                meet(&mut victim, &mut peer, chunk);
                assert!(peer.is_done() && peer.failure().is_none(), "{peer:?}");
                if how == Renegotiation::EmptyRecord && known == TlsVersion::Tls13 {
                    // It is overlooked, and asks for nothing.
                    assert_eq!(victim.stanzas(), ["earlier", "later"]);
                    return;
                }
                let close = victim.close.as_ref().expect("closed");
                assert!(!victim.stanzas().contains(&"later"));
                if how.is_attempt(known) {
                    assert_eq!(close.reason().code(), "tls-renegotiation");
                    assert_eq!(close.manner(), Manner::Abort);
                    assert!(victim.machine.transmit().is_empty());
                    assert_eq!(victim.stanzas(), ["earlier"]);
                } else {
                    assert_eq!(close.reason().code(), "tls");
                }
            });
        }
    }
}

#[test]
fn every_renegotiation_of_the_kit_is_what_it_says_in_either_role() {
    each_pair(|version, tls, chunk| {
        attempts::<InitiatorRole, ResponderRole>(version, tls, chunk);
        attempts::<ResponderRole, InitiatorRole>(version, tls, chunk);
    });
}

#[test]
fn without_a_script_a_peer_is_honest() {
    each_pair(|version, tls, chunk| {
        let carrier = Carrier::DirectTls(version);
        let mut victim = victim::<InitiatorRole>(carrier, tls);
        let mut peer = peer_of::<ResponderRole>(carrier, tls);
        meet(&mut victim, &mut peer, chunk);
        assert!(victim.machine.session().is_some() && victim.close.is_none());
        assert!(peer.machine().unwrap().session().is_some());
        victim.machine.session().unwrap().close();
        meet(&mut victim, &mut peer, chunk);
        assert_eq!(peer.close().unwrap().reason().code(), "closed");
        assert_eq!(peer.tcp(), TcpState::ShutDown);
        peer.receive_eof();
        assert_eq!(peer.tcp(), TcpState::Closed);
    });
}

#[test]
fn what_is_not_xml_is_answered_and_the_peer_reads_the_answer() {
    each_pair(|version, tls, chunk| {
        let carrier = Carrier::DirectTls(version);
        let mut victim = victim::<ResponderRole>(carrier, tls);
        let broken = Attack::Text(b"<message></massage>".to_vec());
        let mut peer = peer_of::<InitiatorRole>(carrier, tls).at(Moment::Established, [broken]);
        meet(&mut victim, &mut peer, chunk);
        // It closes when the peer's end is there, or in its time.
        let answer: Vec<u8> = peer
            .records()
            .iter()
            .filter(|(kind, _)| *kind == DATA)
            .flat_map(|(_, content)| content.clone())
            .collect();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("<not-well-formed"), "{answer}");
        assert!(answer.ends_with("</stream:stream>"), "{answer}");
        assert!(peer.records().iter().any(|(kind, _)| *kind == ALERT));
        assert!(peer.failure().is_none());
    });
}

#[test]
fn each_moment_is_met_once_and_an_attack_before_tls_fails_in_the_open() {
    let tls = TlsPair::new(TLS13).without_tickets();
    let carrier = Carrier::StartTls(TLS13);
    let hello = || [Attack::Renegotiate(Renegotiation::ClientHello)];
    for (moment, events) in [
        (Moment::TlsEstablished, 0),
        // The resource travels with the login (XEP-0386).
        (Moment::Authenticated, 1),
        (Moment::Established, 1),
    ] {
        let mut victim = victim::<ResponderRole>(carrier, &tls);
        let mut peer = peer_of::<InitiatorRole>(carrier, &tls).at(moment, hello());
        meet(&mut victim, &mut peer, usize::MAX);
        let established = |event: &&EventBuf| matches!(event, EventBuf::Established(_));
        assert_eq!(
            victim.events.iter().filter(established).count(),
            events,
            "{moment:?}"
        );
        assert_eq!(victim.close.unwrap().reason().code(), "tls-renegotiation");
    }
    let mut victim = victim::<ResponderRole>(carrier, &tls);
    let mut peer = peer_of::<InitiatorRole>(carrier, &tls).at(Moment::AtOnce, hello());
    meet(&mut victim, &mut peer, usize::MAX);
    assert!(peer.failure().is_some());
    assert!(victim.close.is_none() && victim.events.is_empty());
}

#[test]
fn stopped_and_silent_peers_do_what_they_are_called() {
    let tls = TlsPair::new(TLS12).without_tickets();
    let carrier = Carrier::Plain;
    for (attack, reads) in [(Attack::Silence, true), (Attack::Stop, false)] {
        let mut victim = victim::<InitiatorRole>(carrier, &tls);
        let mut peer = peer_of::<ResponderRole>(carrier, &tls).at(Moment::AtOnce, [attack]);
        victim.run(START);
        peer.run(START);
        let header = victim.machine.transmit().to_vec();
        assert_eq!(peer.receive(&header), if reads { header.len() } else { 0 });
        assert_eq!(peer.is_reading(), reads);
        assert!(peer.take_output().is_empty());
        assert_eq!(peer.records().len(), usize::from(reads));
    }
}
