//! Malformed and misplaced input in every phase of both roles: each gets the
//! stream error RFC 6120 names, then the end; nothing hangs and nothing is
//! accepted. And the spellings that are unusual and legal. Everything is fed
//! whole and byte by byte, with the same result.

mod legal;
mod rows;

use rows::{
    NO_PROCEED, OUT_OF_TURN, bad_content, bad_first_headers, bad_headers, bad_hosts, bad_start_tags,
};
use xmpp_stream::stream::StreamCondition::{self, HostUnknown, PolicyViolation};
use xmpp_stream::{Manner, Negotiation};

use crate::harness::phases::{Phase, initiator_at, responder_at};
use crate::harness::pki::TLS13;
use crate::harness::{Carrier, Harness, Role, Scripted};

#[test]
fn malformed_headers_are_refused_in_every_phase_that_awaits_one() {
    for at in Phase::PLAIN.into_iter().filter(|at| at.awaits_header()) {
        for (input, condition) in bad_headers() {
            refused(|| responder_at(Carrier::Plain, at), at, &input, condition);
            refused(|| initiator_at(Carrier::Plain, at), at, &input, condition);
        }
        for (input, condition) in bad_first_headers() {
            if at == Phase::Start {
                refused(|| responder_at(Carrier::Plain, at), at, &input, condition);
                refused(|| initiator_at(Carrier::Plain, at), at, &input, condition);
            }
        }
        for (input, condition) in bad_hosts() {
            refused(|| responder_at(Carrier::Plain, at), at, &input, condition);
        }
    }
}

#[test]
fn malformed_content_is_refused_in_every_phase() {
    for at in Phase::PLAIN
        .into_iter()
        .filter(|at| !at.awaits_header() && *at != Phase::Closing)
    {
        for (input, condition) in bad_content() {
            refused(|| responder_at(Carrier::Plain, at), at, &input, condition);
            refused(|| initiator_at(Carrier::Plain, at), at, &input, condition);
        }
    }
}

#[test]
fn malformed_content_is_refused_before_tls() {
    let carrier = Carrier::StartTls(TLS13);
    let at = Phase::BeforeTls;
    for (input, condition) in bad_content() {
        refused(|| responder_at(carrier, at), at, &input, condition);
        refused(|| initiator_at(carrier, at), at, &input, condition);
    }
}

/// A peer that restarts the stream by mistake does not wait for ever.
#[test]
fn what_cannot_become_legal_is_refused_at_its_start_tag() {
    for at in Phase::PLAIN
        .into_iter()
        .filter(|at| !at.awaits_header() && *at != Phase::Closing)
    {
        for (input, condition) in bad_start_tags() {
            refused(|| responder_at(Carrier::Plain, at), at, &input, condition);
            refused(|| initiator_at(Carrier::Plain, at), at, &input, condition);
        }
    }
    let carrier = Carrier::StartTls(TLS13);
    for (input, condition) in bad_start_tags() {
        for at in [Phase::BeforeTls, Phase::Opened, Phase::Established] {
            refused(|| responder_at(carrier, at), at, &input, condition);
            refused(|| initiator_at(carrier, at), at, &input, condition);
        }
    }
}

/// One of each kind: what is read inside TLS is read by the same layer.
#[test]
fn malformed_input_is_refused_inside_tls() {
    let carrier = Carrier::StartTls(TLS13);
    for (input, condition) in bad_headers().into_iter().step_by(7) {
        refused(
            || responder_at(carrier, Phase::Secured),
            Phase::Secured,
            &input,
            condition,
        );
        refused(
            || initiator_at(carrier, Phase::Secured),
            Phase::Secured,
            &input,
            condition,
        );
    }
    for (input, condition) in bad_content().into_iter().step_by(9) {
        for at in [Phase::Opened, Phase::Established] {
            refused(|| responder_at(carrier, at), at, &input, condition);
            refused(|| initiator_at(carrier, at), at, &input, condition);
        }
    }
}

/// 6120-4.3.5-6, 6120-7.1-3, 6120-4.9.3.12-1, 6120-4.9.3.24-1.
#[test]
fn elements_out_of_turn_are_refused() {
    for (role, phases, input, condition) in OUT_OF_TURN {
        for at in phases.iter().copied() {
            match role {
                "responder" => refused(
                    || responder_at(Carrier::Plain, at),
                    at,
                    input.as_bytes(),
                    condition,
                ),
                _ => refused(
                    || initiator_at(Carrier::Plain, at),
                    at,
                    input.as_bytes(),
                    condition,
                ),
            }
        }
    }
}

/// The answer to `<starttls/>` is `<proceed/>` or `<failure/>`, and `<proceed/>`
/// is empty (6120-5.4.2.1-2).
#[test]
fn what_is_no_answer_to_starttls_is_refused() {
    for (input, condition) in NO_PROCEED {
        let harness = || initiator_at(Carrier::StartTls(TLS13), Phase::BeforeTls);
        refused(harness, Phase::BeforeTls, input.as_bytes(), condition);
    }
}

/// 6120-4.4-3: our closing tag is out, so no error can follow; the reason
/// still tells what it was.
#[test]
fn malformed_content_after_our_closing_tag_ends_the_stream_without_an_error() {
    for (input, condition) in bad_content() {
        let outcome = |chunk| {
            let mut outcomes = Vec::new();
            let mut harness = responder_at(Carrier::Plain, Phase::Closing);
            outcomes.push(end_without_error(&mut harness, chunk, &input));
            let mut harness = initiator_at(Carrier::Plain, Phase::Closing);
            outcomes.push(end_without_error(&mut harness, chunk, &input));
            outcomes
        };
        let whole = outcome(usize::MAX);
        assert_eq!(whole, outcome(1), "{}", show(&input));
        for code in whole {
            let expected = match condition {
                _ if is_element(&input) => "closed",
                PolicyViolation => "limit",
                _ => "not-well-formed",
            };
            assert_eq!(code, expected, "{} {condition}", show(&input));
        }
    }
}

fn end_without_error<N: Negotiation>(
    harness: &mut Harness<N, Scripted>,
    chunk: usize,
    input: &[u8],
) -> &'static str {
    let events = harness.events.len();
    harness.chunk = chunk;
    harness.send(input);
    if harness.close.is_none() {
        harness.send("</stream:stream>");
    }
    assert_eq!(harness.receive(), "", "{}", show(input));
    let reported: Vec<_> = harness
        .events_since(events)
        .into_iter()
        .filter(|e| e != "keepalive")
        .collect();
    assert_eq!(reported, [""; 0], "{}", show(input));
    harness.run_until_closed();
    harness.end().0
}

/// Whether it is an element that cannot stand there, not a fault.
fn is_element(input: &[u8]) -> bool {
    const ELEMENTS: [&[u8]; 8] = [
        b"<stream:stream/>",
        b"<stream:stream xmlns='jabber:client'",
        b"<message xmlns='jabber:server'/>",
        b"<message xmlns=''/>",
        b"<c:message",
        b"<pubsub/>",
        b"<Message/>",
        b"<stream:hello/>",
    ];
    ELEMENTS.iter().any(|element| input.starts_with(element))
}

/// Feeds it whole and byte by byte, and looks at the answer.
fn refused<N: Role>(
    harness: impl Fn() -> Harness<N, Scripted>,
    at: Phase,
    input: &[u8],
    condition: StreamCondition,
) {
    let whole = answer(harness(), usize::MAX, input);
    let bytes = answer(harness(), 1, input);
    let about = format!("{at:?}: {}", show(input));
    assert_eq!(whole, bytes, "chunks matter, {about}");
    let Answer {
        text,
        reported,
        code,
        manner,
        slept,
    } = whole;
    let error = format!(
        "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
         </stream:stream>"
    );
    let header = text
        .strip_suffix(&error)
        .unwrap_or_else(|| panic!("{about}: expected {condition}, got {text:?}"));
    // 4.9.1.2: an answer of its own, with a header of its own.
    let alone = header.starts_with("<?xml version='1.0'?><stream:stream ")
        && header.ends_with('>')
        && header.matches('<').count() == 2;
    let due = at.awaits_header() && N::NAME == "responder";
    assert!(
        if due { alone } else { header.is_empty() },
        "{about}: {text:?}"
    );
    assert!(
        reported
            .iter()
            .all(|event| event == "keepalive" || condition == HostUnknown),
        "{about}: {reported:?}"
    );
    assert!(
        ["not-well-formed", "limit", "stream-error"].contains(&code),
        "{about}: {code}"
    );
    assert_eq!(code == "limit", condition == PolicyViolation, "{about}");
    assert_eq!(manner, Manner::Graceful, "{about}");
    assert!(slept <= 10.0, "{about}: it took {slept} s");
}

#[derive(Debug, PartialEq)]
struct Answer {
    text: String,
    reported: Vec<String>,
    code: &'static str,
    manner: Manner,
    slept: f64,
}

/// What a machine answers, to a peer that sends nothing else.
fn answer<N: Negotiation>(mut harness: Harness<N, Scripted>, chunk: usize, input: &[u8]) -> Answer {
    let events = harness.events.len();
    harness.chunk = chunk;
    harness.send(input);
    let text = harness.receive();
    let start = harness.now;
    harness.run_until_closed();
    assert_eq!(harness.receive(), "", "something after the last text");
    Answer {
        text,
        reported: harness.events_since(events),
        code: harness.end().0,
        manner: harness.end().1,
        slept: harness.now.saturating_duration_since(start).as_secs_f64(),
    }
}

fn show(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    text.chars()
        .take(120)
        .flat_map(char::escape_debug)
        .collect()
}
