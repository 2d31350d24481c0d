//! Runs an attack on a stream and asserts what comes of it.

use xmpp_stream::{Action, CloseReason, Connection, EventBuf, Manner, Negotiation};

use super::attacks::{Attack, Verdict};
use crate::harness::scenarios::{message, text};
use crate::harness::{Harness, HostileTls, Role};

/// How the attack arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    Whole,
    Bytes,
}

/// Whether a stanza can be sent before the attack, and must be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Stanza,
    Nothing,
}

/// Runs the attack, with a stanza after it that must never be reported, and
/// asserts what RFC 6120 5.3.5 asks for. Returns the close.
pub fn attack_stream<N: Role>(
    harness: &mut Harness<N, HostileTls>,
    attack: &Attack,
    feed: Feed,
    before: Before,
) -> CloseReason {
    let mut bytes = Vec::new();
    if before == Before::Stanza {
        bytes.extend(harness.seal(&text(&message(1))));
    }
    let begins = bytes.len();
    for record in &attack.records {
        bytes.extend(harness.seal(record));
    }
    bytes.extend(harness.seal(&text(&message(2))));

    let chunk = if feed == Feed::Bytes { 1 } else { bytes.len() };
    let mut polls = 0;
    let mut reported = Vec::new();
    let mut given = 0;
    let mut unsent = harness.machine.transmit().len();
    let close = 'closed: loop {
        assert!(given < bytes.len(), "not closed: {:?}", harness.machine);
        given += harness
            .machine
            .receive(&bytes[given..bytes.len().min(given + chunk)]);
        loop {
            polls += 1;
            match harness.machine.poll(harness.now) {
                Action::Event(event) => reported.push(event.to_owned()),
                Action::Wait(_) => {
                    // Nothing is sent about an attack, not even when only
                    // half of it has come.
                    let now = harness.machine.transmit().len();
                    if attack.verdict == Verdict::Failure && now > 0 {
                        harness.machine.transmitted(now);
                        continue;
                    }
                    if given <= begins {
                        unsent = now;
                    }
                    assert!(now <= unsent, "{now} bytes");
                    break;
                }
                Action::CloseTcp(close) => break 'closed close.clone(),
            }
        }
    };
    // One poll for the close, one for each event.
    if feed == Feed::Whole && attack.verdict == Verdict::Attempt {
        assert_eq!(polls, reported.len() + 1, "later than at the next poll");
    }
    let stanzas: Vec<_> = reported
        .iter()
        .filter_map(|event| match event {
            EventBuf::Stanza(stanza) => Some(stanza.as_stanza().as_str().to_string()),
            _ => None,
        })
        .collect();
    match before {
        Before::Stanza => assert!(
            stanzas.iter().any(|stanza| *stanza == message(1)),
            "{reported:?}"
        ),
        Before::Nothing => assert_eq!(reported, []),
    }
    assert!(
        !stanzas
            .iter()
            .any(|stanza| *stanza == message(2) || stanza.contains("between")),
        "reported what came after: {stanzas:?}"
    );
    match attack.verdict {
        Verdict::Attempt => {
            assert_eq!(
                close.reason().code(),
                "tls-renegotiation",
                "{:?}",
                close.reason()
            );
            assert_eq!(close.manner(), Manner::Abort);
        }
        Verdict::Failure => assert_eq!(close.reason().code(), "tls", "{:?}", close.reason()),
    }
    assert_inert(&mut harness.machine, close.reason());
    close.reason().clone()
}

/// Nothing follows the close: no byte, no event, no session.
fn assert_inert<N: Negotiation>(machine: &mut Connection<N>, reason: &CloseReason) {
    assert!(machine.transmit().is_empty());
    assert!(machine.session().is_none());
    assert!(machine.decision().is_none());
    assert_eq!(machine.receive(b"<a/>"), 0);
    for millis in [0, 10_000_000] {
        let now = xmpp_stream::time::Instant::from_millis(millis);
        let Action::CloseTcp(close) = machine.poll(now) else {
            panic!("something after the close");
        };
        assert_eq!(close.reason(), reason);
        assert!(machine.transmit().is_empty());
    }
}
