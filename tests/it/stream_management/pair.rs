//! Both of our machines, over TCP that breaks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::ResetCause;
use xmpp_stream::sm::{Fate, SmState};
use xmpp_stream::{Decision, EventBuf, Initiator, Responder};

use super::{message, policy, send};
use crate::harness::configs::{FIXED, decide};
use crate::harness::phases::host;
use crate::harness::{Carrier, Harness, Pair, START};

/// An anonymous client, because a login by password costs more than all the rest.
fn client_config() -> Arc<InitiatorConfig> {
    InitiatorConfig::client(&Jid::parse("guest@localhost/desk").unwrap())
        .dangerous_plaintext(&FIXED)
        .credentials(Credentials::Anonymous)
        .stream_management(policy())
        .build()
        .unwrap()
}

fn server_config() -> Arc<ResponderConfig> {
    ResponderConfig::server(&FIXED)
        .single_host(host(Carrier::Plain))
        .dangerous_plaintext()
        .stream_management(policy())
        .build()
        .unwrap()
}

/// Connects both; a session that is resumed is taken out of `store`.
fn connect(client: Option<SmState>, store: &Rc<RefCell<Option<SmState>>>) -> Pair {
    let initiator = match client {
        Some(state) => Initiator::resume(client_config(), state, START).unwrap(),
        None => Initiator::new(client_config(), START),
    };
    let store = store.clone();
    let responder = Harness::new(
        Responder::new(server_config(), START),
        Box::new(move |machine, _| {
            if let Some(Decision::Resume(decision)) = machine.decision() {
                let state = store.borrow_mut().take().expect("a session");
                decision.resume(state).expect("the same account");
                return;
            }
            decide(machine);
        }),
    );
    let mut pair = Pair::with_peer(initiator, Box::new(|_, _| {}), responder);
    pair.exchange();
    pair
}

fn stanzas(events: &[EventBuf]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            EventBuf::Stanza(stanza) => Some(stanza.as_stanza().as_str().to_string()),
            _ => None,
        })
        .collect()
}

/// A reset by the server for fresh keys loses nothing, whatever was in flight.
#[test]
fn a_reset_in_flight_loses_doubles_and_reorders_nothing() {
    for lost in 0..=3 {
        let store = Rc::default();
        let mut pair = connect(None, &store);
        for number in 0..5 - lost {
            send(&mut pair.machine, number);
            send(&mut pair.peer.machine, number);
        }
        pair.exchange();
        for number in 5 - lost..5 {
            send(&mut pair.machine, number);
            send(&mut pair.peer.machine, number);
        }
        pair.peer
            .machine
            .session()
            .unwrap()
            .reset(ResetCause::KeyRefresh);
        // The client's stanzas are in flight while the server resets.
        let in_flight = {
            pair.run();
            pair.transmit(20 * lost)
        };
        pair.peer.deliver(&in_flight);
        pair.finish();
        assert_eq!((pair.code(), pair.peer.code()), ("reset", "reset"));
        let mut received = (stanzas(&pair.events), stanzas(&pair.peer.events));
        let client = pair.machine.take_sm_state().expect("a session");
        *store.borrow_mut() = pair.peer.machine.take_sm_state();
        let again = connect(Some(client), &store);
        let lines = again.event_lines();
        assert!(lines.contains(&"established guest@localhost/desk".into()));
        received.0.extend(stanzas(&again.events));
        received.1.extend(stanzas(&again.peer.events));
        let expected: Vec<String> = (0..5).map(message).collect();
        assert_eq!(received, (expected.clone(), expected), "{lost} in flight");
    }
}

/// TCP that breaks after any byte loses nothing either.
#[test]
fn a_cut_after_any_byte_loses_doubles_and_reorders_nothing() {
    for cut in 0..140 {
        let store = Rc::default();
        let mut pair = connect(None, &store);
        for number in 0..4 {
            send(&mut pair.machine, number);
            send(&mut pair.peer.machine, number);
        }
        pair.run();
        let now = pair.now;
        pair.peer.run_at(now);
        let (out, back) = (pair.transmit(cut), pair.peer.transmit(cut));
        pair.peer.deliver(&out);
        pair.deliver(&back);
        pair.machine.transport_failed();
        pair.peer.machine.transport_failed();
        pair.run();
        pair.peer.run();
        let mut received = (stanzas(&pair.events), stanzas(&pair.peer.events));
        let client = pair.machine.take_sm_state().expect("a session");
        *store.borrow_mut() = pair.peer.machine.take_sm_state();
        let again = connect(Some(client), &store);
        received.0.extend(stanzas(&again.events));
        received.1.extend(stanzas(&again.peer.events));
        let expected: Vec<String> = (0..4).map(message).collect();
        assert_eq!(received, (expected.clone(), expected), "cut after {cut}");
    }
}

/// A node is killed: all that is left of it is what it stored before it handed TCP anything.
#[test]
fn a_node_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    for kill in 0..90 {
        let store = Rc::default();
        let mut pair = connect(None, &store);
        let mut stored = stored_by(&pair);
        for number in 0..4 {
            send(&mut pair.machine, number);
            send(&mut pair.peer.machine, number);
        }
        for moment in 0..kill {
            match moment % 3 {
                0 => {
                    pair.run();
                    let out = pair.transmit(23);
                    pair.peer.deliver(&out);
                }
                1 => {
                    pair.peer.run();
                    stored = stored_by(&pair);
                }
                _ => {
                    let back = pair.peer.transmit(29);
                    pair.deliver(&back);
                }
            }
        }
        pair.machine.transport_failed();
        pair.run();
        let mut received = (stanzas(&pair.events), stored.1);
        let client = pair.machine.take_sm_state().expect("a session");
        *store.borrow_mut() = SmState::from_bytes(&stored.0).ok();
        let again = connect(Some(client), &store);
        received.0.extend(stanzas(&again.events));
        received.1.extend(stanzas(&again.peer.events));
        let expected: Vec<String> = (0..4).map(message).collect();
        // What the server had not stored as sent is still its application's.
        if kill < 2 {
            assert_eq!(received, (Vec::new(), expected), "killed at {kill}");
        } else {
            assert_eq!(received, (expected.clone(), expected), "killed at {kill}");
        }
    }
}

/// What a node stores: its session, and the stanzas that the session counts.
fn stored_by(pair: &Pair) -> (Vec<u8>, Vec<String>) {
    let snapshot = pair.peer.machine.sm_snapshot().expect("enabled");
    (snapshot.to_bytes(), stanzas(&pair.peer.events))
}

#[test]
fn a_snapshot_says_of_no_stanza_that_the_peer_cannot_have_it() {
    let store = Rc::default();
    let mut pair = connect(None, &store);
    send(&mut pair.peer.machine, 0);
    let snapshot = pair.peer.machine.sm_snapshot().expect("enabled");
    assert!(snapshot.is_resumable());
    let fates: Vec<Fate> = snapshot.unacknowledged().map(|one| one.fate).collect();
    assert_eq!(fates, [Fate::Unknown]);
}

#[test]
fn there_is_a_snapshot_while_stream_management_is_enabled() {
    let server = Responder::new(server_config(), START);
    assert!(server.sm_snapshot().is_none());
    let mut pair = connect(None, &Rc::default());
    let ids = [
        &pair.machine.sm_snapshot(),
        &pair.peer.machine.sm_snapshot(),
    ]
    .map(|snapshot| {
        snapshot
            .as_ref()
            .and_then(|one| one.id().map(str::to_string))
    });
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].is_some());
    pair.peer.machine.transport_failed();
    pair.peer.run();
    assert!(pair.peer.machine.sm_snapshot().is_none());
}
