//! What an attacker with authentic records can send after the handshake.

use crate::harness::hostile_tls::{
    ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, HELLO_REQUEST, KEY_UPDATE, client_hello, forged,
    message,
};
use crate::harness::pki::{TLS12, Version};
use crate::harness::scenarios::WireItem;

/// What it must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Closed at once and silently, as an attempt.
    Attempt,
    /// An ordinary failure of TLS: closed, an alert may go out.
    Failure,
}

#[derive(Clone, Debug)]
pub struct Attack {
    pub name: &'static str,
    pub records: Vec<WireItem>,
    pub verdict: Verdict,
}

/// All attacks on `role` under `version`.
pub fn attacks(version: Version, role: &str) -> Vec<Attack> {
    let server = role == "responder";
    if version == TLS12 {
        tls12(server)
    } else {
        tls13()
    }
}

/// The hello that asks for a renegotiation in TLS 1.2.
pub fn right_hello(server: bool) -> Vec<u8> {
    if server {
        client_hello(false)
    } else {
        HELLO_REQUEST.to_vec()
    }
}

fn handshake(content: &[u8]) -> WireItem {
    WireItem::Record(HANDSHAKE, content.to_vec())
}

fn data() -> WireItem {
    WireItem::Text("<message id='between'/>".into())
}

fn attempt(name: &'static str, records: Vec<WireItem>) -> Attack {
    Attack {
        name,
        records,
        verdict: Verdict::Attempt,
    }
}

fn failure(name: &'static str, records: Vec<WireItem>) -> Attack {
    Attack {
        name,
        records,
        verdict: Verdict::Failure,
    }
}

fn tls12(server: bool) -> Vec<Attack> {
    let right = right_hello(server);
    let wrong = right_hello(!server);
    let one = || handshake(&right);
    vec![
        attempt("hello", vec![one()]),
        attempt("hello twice", vec![one(), one()]),
        attempt("hello, data, hello", vec![one(), data(), one()]),
        attempt("twenty hellos", vec![one(); 20]),
        attempt("hellos in one record", vec![handshake(&right.repeat(3))]),
        attempt(
            "hello in two records",
            vec![handshake(&right[..2]), handshake(&right[2..])],
        ),
        attempt(
            "hello by bytes",
            right.iter().map(|byte| handshake(&[*byte])).collect(),
        ),
        attempt("part of a hello", vec![handshake(&right[..1])]),
        attempt(
            "part of a hello, data",
            vec![handshake(&right[..3]), data()],
        ),
        attempt("empty handshake record", vec![handshake(&[])]),
        attempt("hello of the wrong role", vec![handshake(&wrong)]),
        attempt("unknown message", vec![handshake(&message(99, b"?"))]),
        attempt(
            "late session ticket",
            vec![handshake(&message(4, &[0, 0, 0, 9, 0, 1, 7]))],
        ),
        attempt("late Finished", vec![handshake(&message(20, &[7; 12]))]),
        attempt(
            "hello that cannot be read",
            vec![handshake(&message(1, b"garbage"))],
        ),
        failure(
            "forged handshake record",
            vec![WireItem::Raw(forged(HANDSHAKE, &right))],
        ),
        failure("forged data", vec![WireItem::Raw(forged(DATA, b"forged"))]),
        failure(
            "forged empty handshake record",
            vec![WireItem::Raw(forged(HANDSHAKE, &[]))],
        ),
        failure(
            "change cipher spec",
            vec![WireItem::Raw(forged(CHANGE_CIPHER_SPEC, &[1]))],
        ),
        failure(
            "fatal alert, then hello",
            vec![WireItem::Record(ALERT, vec![2, 40]), one()],
        ),
    ]
}

fn tls13() -> Vec<Attack> {
    let hello = client_hello(true);
    let old = client_hello(false);
    let request = HELLO_REQUEST;
    let update_and_hello = [&KEY_UPDATE[..], &hello].concat();
    vec![
        attempt("ClientHello", vec![handshake(&hello)]),
        attempt("ClientHello of TLS 1.2", vec![handshake(&old)]),
        attempt(
            "ClientHello twice",
            vec![handshake(&hello), handshake(&hello)],
        ),
        attempt(
            "ClientHellos in one record",
            vec![handshake(&hello.repeat(2))],
        ),
        attempt("HelloRequest", vec![handshake(&request)]),
        attempt("HelloRequest, data", vec![handshake(&request), data()]),
        attempt(
            "ClientHello in two records",
            vec![handshake(&hello[..20]), handshake(&hello[20..])],
        ),
        failure(
            "part of a ClientHello, data",
            vec![handshake(&hello[..20]), data()],
        ),
        failure(
            "hello that cannot be read",
            vec![handshake(&message(1, b"garbage"))],
        ),
        failure(
            "key update and hello in one record",
            vec![handshake(&update_and_hello)],
        ),
        failure("unknown message", vec![handshake(&message(99, b"?"))]),
        failure(
            "certificate request",
            vec![handshake(&message(13, &[0, 0, 0]))],
        ),
        failure("forged record", vec![WireItem::Raw(forged(DATA, &hello))]),
        failure(
            "plain handshake record",
            vec![WireItem::Raw(forged(HANDSHAKE, &hello))],
        ),
    ]
}
