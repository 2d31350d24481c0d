//! However an application writes, the reset comes while there are records for it: what was accepted
//! goes out, then `<reset/>`, then close_notify (RFC 6120 5.3.5). rustls would end the connection
//! with close_notify alone.

use std::sync::Arc;

use rustls::crypto::CipherSuiteCommon;
use rustls::{SupportedCipherSuite, Tls13CipherSuite};
use xmpp_stream::config::{Credentials, HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::{ResetCause, Side, UsagePolicy};
use xmpp_stream::sasl::{Decoy, MechanismName, MechanismSet};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{CloseReason, Connection, EventBuf, Initiator, Responder, SendError};

use super::metered::{expect_reset, flood, limited, limited_to, policy};
use crate::harness::configs::{FIXED, alice, decide_anonymous};
use crate::harness::hostile_tls::HANDSHAKE;
use crate::harness::pki::{Crypto, Setup, TLS13};
use crate::harness::scenarios::WireItem;
use crate::harness::{Harness, HostileTls, Role, START, Scripted, TlsPair};

/// A machine that meters, with an outbox of this size.
trait Metered: super::metered::Metered {
    fn with_outbox(tls: &TlsPair, bytes: usize) -> Connection<Self>;
}

impl Metered for InitiatorRole {
    fn with_outbox(tls: &TlsPair, bytes: usize) -> Initiator {
        let config = InitiatorConfig::client(&alice())
            .direct_tls(ClientTls::new(Arc::new(tls.client.clone())))
            .credentials(Credentials::Anonymous)
            .limits(limits(Limits::client(), bytes))
            .usage(tight())
            .random(&FIXED)
            .build()
            .unwrap();
        Initiator::new(config, START)
    }
}

impl Metered for ResponderRole {
    fn with_outbox(tls: &TlsPair, bytes: usize) -> Responder {
        let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096))
            .mechanisms(MechanismSet::EMPTY.with(MechanismName::Anonymous))
            .limits(limits(Limits::server(), bytes))
            .usage(tight())
            .build()
            .unwrap();
        let config = ResponderConfig::server(&FIXED)
            .single_host(host)
            .direct_tls(ServerTls::new(Arc::new(tls.server.clone())))
            .build()
            .unwrap();
        Responder::new(config, START)
    }
}

fn limits(limits: Limits, outbox_bytes: usize) -> Limits {
    limits
        .with_outbox_bytes(outbox_bytes)
        .unwrap()
        .with_stanza_bytes(4 << 20)
        .unwrap()
}

/// A reserve of a few records, without the margin that a whole outbox would have.
fn tight() -> UsagePolicy {
    let mut policy = policy();
    policy.records_before = 0;
    policy.reserve_records = 8;
    policy
}

fn padded(n: usize, bytes: usize) -> String {
    format!(
        "<message id='{n}'><body>{}</body></message>",
        "x".repeat(bytes)
    )
}

/// Ends the stream, and expects everything that was accepted before the reset.
fn expect_all<N: Role>(stream: &mut Harness<N, Scripted>, accepted: &[String]) {
    let text = stream.receive();
    let expected = accepted.concat() + super::wire::RESET;
    assert!(
        text.ends_with(&expected),
        "{} bytes of {}",
        text.len(),
        expected.len()
    );
    stream.send_record("</stream:stream>");
    assert!(stream.received_close_notify());
    stream.close_notify();
    let by_us = CloseReason::Reset {
        by: Side::Us,
        cause: Some(ResetCause::SequenceLimit),
    };
    assert_eq!(*stream.closed().reason(), by_us);
}

/// The largest send takes 32 records.
const OUTBOX: usize = 32 * 16_384;

fn established<N: Metered>(tls: &TlsPair, outbox: usize) -> Harness<N, Scripted> {
    let machine = N::with_outbox(tls, outbox);
    let mut stream = Harness::<N, Scripted>::established(machine, tls, usize::MAX);
    stream.receive();
    stream
}

/// Sends texts of these sizes, between two polls, until one is refused.
fn fill<N: Role>(
    machine: &mut Connection<N>,
    accepted: &mut Vec<String>,
    sizes: impl Iterator<Item = usize>,
) {
    let mut session = machine.session().expect("established");
    for bytes in sizes {
        let text = padded(accepted.len(), bytes);
        match session.send(&text) {
            Ok(_) => accepted.push(text),
            Err(SendError::Full { capacity }) => {
                assert!(capacity < text.len());
                return;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(accepted.len() < 10_000, "no end");
    }
}

#[test]
fn rfc6120_5_3_5_1_stanzas_of_any_size_queued_between_two_polls_leave_records_for_the_reset() {
    fn both<N: Metered>() {
        for (fragment, limit, outbox) in [
            (None, 100, OUTBOX),
            (Some(512), 2_000, OUTBOX),
            (Some(32), 1_500, 20_000),
        ] {
            // Tiny ones, ones just above a record, large ones, and all of them in turn.
            for sizes in [
                &[0][..],
                &[16_384],
                &[100_000],
                &[0, 600, 16_400, 70_000, 3],
            ] {
                let mut tls = limited_to(limit);
                tls.client.max_fragment_size = fragment;
                tls.server.max_fragment_size = fragment;
                let mut stream = established::<N>(&tls, outbox);
                let mut accepted = Vec::new();
                let sizes = sizes.iter().map(|size| *size.min(&(outbox - 1_000)));
                for _ in 0..1_000 {
                    if stream.machine.session().is_none() {
                        break;
                    }
                    fill(&mut stream.machine, &mut accepted, sizes.clone().cycle());
                    stream.exchange();
                }
                crate::harness::naming(&format!("{}, {fragment:?}", N::NAME), || {
                    assert!(!accepted.is_empty());
                    expect_all(&mut stream, &accepted);
                });
            }
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// What is queued before a send counts, and so does the send: not a record more than there is.
#[test]
fn rfc6120_5_3_5_1_one_send_as_large_as_the_capacity_leaves_records_for_the_reset() {
    fn both<N: Metered>() {
        for short in [0, 1, 16_384] {
            let mut stream = established::<N>(&limited(), OUTBOX);
            let mut accepted = Vec::new();
            fill(
                &mut stream.machine,
                &mut accepted,
                core::iter::repeat_n(0, 70),
            );
            assert_eq!(accepted.len(), 70);
            let capacity = stream.machine.session().unwrap().capacity();
            // Of 99 records, 70 are queued, 8 kept, and the login took some.
            assert!(
                capacity % 16_384 == 0 && capacity < 20 * 16_384,
                "{capacity}"
            );
            let frame = padded(70, 0).len();
            let refused = padded(70, capacity + 1 - frame);
            let mut session = stream.machine.session().unwrap();
            assert_eq!(session.send(&refused), Err(SendError::Full { capacity }));
            let text = padded(70, capacity - short - frame);
            session.send(&text).unwrap();
            assert!(session.capacity() <= 16_384);
            accepted.push(text);
            stream.exchange();
            expect_all(&mut stream, &accepted);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// TCP takes nothing, and the application goes on sending after each event, also after the advice.
#[test]
fn rfc6120_5_3_5_1_what_is_queued_while_a_reset_is_due_already_goes_out_before_it() {
    fn both<N: Metered>() {
        let tls = limited();
        let mut stream = established::<N>(&tls, 64 * 1024);
        let mut sent = 0;
        flood(&mut stream.machine, &mut sent);
        let mut advised = false;
        // The advice comes, and nothing is carried yet.
        for _ in 0..10 {
            if let xmpp_stream::Action::Event(event) = stream.machine.poll(START) {
                advised |= matches!(
                    event.to_owned(),
                    EventBuf::ResetAdvised(ResetCause::SequenceLimit)
                );
            }
            flood(&mut stream.machine, &mut sent);
        }
        assert!(advised);
        assert!(stream.machine.session().is_none());
        stream.exchange();
        expect_reset(&mut stream, sent);
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// At any limit above what the reserve needs, one record more or less decides nothing.
#[test]
fn rfc6120_5_3_5_1_at_every_limit_the_reset_is_the_last_thing_sent() {
    fn both<N: Metered>() {
        for limit in 40..60 {
            let mut stream = established::<N>(&limited_to(limit), 64 * 1024);
            let mut accepted = Vec::new();
            while stream.machine.session().is_some() {
                fill(&mut stream.machine, &mut accepted, core::iter::once(20));
                stream.exchange();
            }
            expect_all(&mut stream, &accepted);
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// AES-GCM of TLS 1.3, good for 100 records.
fn limited_tls13() -> TlsPair {
    let mut setup = Setup::new(Crypto::Ring, TLS13).suites("AES_128_GCM");
    for suite in &mut setup.provider.cipher_suites {
        let SupportedCipherSuite::Tls13(of) = *suite else {
            continue;
        };
        let limited: &'static Tls13CipherSuite = Box::leak(Box::new(Tls13CipherSuite {
            common: CipherSuiteCommon {
                suite: of.common.suite,
                hash_provider: of.common.hash_provider,
                confidentiality_limit: 100,
            },
            hkdf_provider: of.hkdf_provider,
            aead_alg: of.aead_alg,
            quic: of.quic,
        }));
        *suite = SupportedCipherSuite::Tls13(limited);
    }
    TlsPair::of(&setup).without_tickets()
}

/// rustls updates its keys at the limit, but not while a handshake message has arrived in part. A
/// peer that sends one and no more would have the connection end without a reset.
#[test]
fn rfc8446_5_5_a_peer_that_holds_up_the_key_update_gets_a_reset() {
    fn both<N: Metered>() {
        let tls = limited_tls13();
        let mut stream =
            Harness::<N, HostileTls>::over_tls(N::with_outbox(&tls, 64 * 1024), &tls, 4096);
        stream.app = Box::new(|machine, _| decide_anonymous(machine));
        stream.log_in();
        let mut sent = 0;
        let mut send = |stream: &mut Harness<N, HostileTls>| {
            let mut session = stream.machine.session()?;
            session.send(&padded(sent, 0)).unwrap();
            sent += 1;
            stream.run();
            Some(stream.receive())
        };
        for _ in 0..50 {
            send(&mut stream).expect("still established");
        }
        // The first byte of a KeyUpdate.
        stream.send(&WireItem::Record(HANDSHAKE, vec![24]));
        let mut last = String::new();
        for _ in 0..100 {
            match send(&mut stream) {
                Some(text) => last = text,
                None => break,
            }
        }
        assert!(stream.machine.session().is_none(), "no reset");
        assert!(last.ends_with(super::wire::RESET), "{last}");
        let lines = stream.event_lines();
        assert_eq!(lines.last().unwrap(), "reset-advised sequence-limit");
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}
