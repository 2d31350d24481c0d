//! Keys that may protect few records: the reset comes by itself, in time, and
//! after everything that was sent before (RFC 6120 5.3.5).

use std::sync::Arc;

use rustls::crypto::CipherSuiteCommon;
use rustls::{SupportedCipherSuite, Tls12CipherSuite};
use xmpp_stream::config::{Credentials, InitiatorConfig, ResponderConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::{ResetCause, Side, UsagePolicy};
use xmpp_stream::tls::{ClientTls, ServerTls};
use xmpp_stream::{
    CloseReason, Connection, EventBuf, Initiator, Negotiation, Responder, SendError,
};

use super::wire::RESET;
use crate::harness::configs::{FIXED, alice, anonymous_host_using, decide_anonymous};
use crate::harness::pki::{Crypto, Setup, TLS12, TLS13};
use crate::harness::{Harness, Role, START, Scripted, TlsPair};

/// AES-GCM of TLS 1.2, good for 100 records: Finished is the first of them.
pub fn limited() -> TlsPair {
    limited_to(100)
}

/// The same, good for so many records.
pub fn limited_to(limit: u64) -> TlsPair {
    let mut setup = Setup::new(Crypto::Ring, TLS12).suites("AES_128_GCM");
    for suite in &mut setup.provider.cipher_suites {
        let SupportedCipherSuite::Tls12(of) = *suite else {
            continue;
        };
        let limited: &'static Tls12CipherSuite = Box::leak(Box::new(Tls12CipherSuite {
            common: CipherSuiteCommon {
                suite: of.common.suite,
                hash_provider: of.common.hash_provider,
                confidentiality_limit: limit,
            },
            prf_provider: of.prf_provider,
            kx: of.kx,
            sign: of.sign,
            aead_alg: of.aead_alg,
        }));
        *suite = SupportedCipherSuite::Tls12(limited);
    }
    TlsPair::of(&setup).without_tickets()
}

pub fn policy() -> UsagePolicy {
    let mut policy = UsagePolicy::default();
    policy.records_before = 10;
    policy.reserve_records = 16;
    policy
}

/// A machine that meters, in either role.
pub trait Metered: Role {
    fn metered(tls: &TlsPair, policy: UsagePolicy) -> Connection<Self>;
}

impl Metered for InitiatorRole {
    fn metered(tls: &TlsPair, policy: UsagePolicy) -> Initiator {
        let config = InitiatorConfig::client(&alice())
            .direct_tls(ClientTls::new(Arc::new(tls.client.clone())))
            .credentials(Credentials::Anonymous)
            .limits(Limits::client().with_keepalive(None).unwrap())
            .usage(policy)
            .random(&FIXED)
            .build()
            .unwrap();
        Initiator::new(config, START)
    }
}

impl Metered for ResponderRole {
    fn metered(tls: &TlsPair, policy: UsagePolicy) -> Responder {
        let config = ResponderConfig::server(&FIXED)
            .single_host(anonymous_host_using(policy))
            .direct_tls(ServerTls::new(Arc::new(tls.server.clone())))
            .build()
            .unwrap();
        Responder::new(config, START)
    }
}

/// How the application sends.
#[derive(Clone, Copy, Debug)]
enum Sending {
    /// One stanza, then a poll.
    OneByOne,
    /// As many as are taken, between two polls.
    AsMuchAsFits,
    /// Nothing until the reset is advised, then as many as are taken.
    AfterAdvice,
}

pub fn flood<N: Negotiation>(machine: &mut Connection<N>, sent: &mut usize) {
    loop {
        let Some(mut session) = machine.session() else {
            return;
        };
        match session.send(&format!("<message id='{sent}'/>")) {
            Ok(_) => *sent += 1,
            Err(SendError::Full { capacity }) => {
                assert!(capacity < 30, "{capacity}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(*sent < 200, "no end");
    }
}

pub fn expect_reset<N: Metered>(stream: &mut Harness<N, Scripted>, sent: usize) {
    // Everything that was sent, in order, then the error and the closing tag.
    let mut expected: Vec<_> = (0..sent).map(|n| format!("<message id='{n}'/>")).collect();
    expected.push(RESET.into());
    let expected = expected.concat();
    let text = stream.receive();
    assert!(text.ends_with(&expected), "{text}");
    stream.send_record("</stream:stream>");
    assert!(stream.received_close_notify());
    stream.close_notify();
    let close = stream.close.clone().expect("closed");
    let by_us = CloseReason::Reset {
        by: Side::Us,
        cause: Some(ResetCause::SequenceLimit),
    };
    assert_eq!(*close.reason(), by_us);
}

#[test]
fn rfc6120_5_3_5_1_the_reset_comes_before_the_sending_keys_are_used_up() {
    fn both<N: Metered>() {
        for sending in [
            Sending::OneByOne,
            Sending::AsMuchAsFits,
            Sending::AfterAdvice,
        ] {
            let tls = limited();
            let mut stream =
                Harness::<N, Scripted>::established(N::metered(&tls, policy()), &tls, 4096);
            stream.receive();
            let mut sent = 0;
            match sending {
                Sending::OneByOne => {
                    while let Some(mut session) = stream.machine.session() {
                        session.send(&format!("<message id='{sent}'/>")).unwrap();
                        sent += 1;
                        stream.exchange();
                        assert!(sent < 200, "no reset");
                    }
                    assert!((60..80).contains(&sent), "{sent}");
                }
                Sending::AsMuchAsFits => {
                    flood(&mut stream.machine, &mut sent);
                    stream.exchange();
                    assert!((70..84).contains(&sent), "{sent}");
                }
                Sending::AfterAdvice => {
                    let count = std::rc::Rc::new(std::cell::Cell::new(0));
                    let counter = count.clone();
                    stream.app = Box::new(move |machine, event| {
                        decide_anonymous(machine);
                        if matches!(event, EventBuf::ResetAdvised(ResetCause::SequenceLimit)) {
                            let mut sent = counter.get();
                            flood(machine, &mut sent);
                            counter.set(sent);
                        }
                    });
                    while let Some(mut session) = stream.machine.session() {
                        session
                            .send(&format!("<message id='{}'/>", count.get()))
                            .unwrap();
                        count.set(count.get() + 1);
                        stream.exchange();
                    }
                    sent = count.get();
                    assert!((70..84).contains(&sent), "{sent}");
                }
            }
            crate::harness::naming(&format!("{}, {sending:?}", N::NAME), || {
                assert!(
                    stream
                        .event_lines()
                        .contains(&"reset-advised sequence-limit".into())
                );
                expect_reset(&mut stream, sent);
            });
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// The peer's records count as well: rustls does not count them.
#[test]
fn rfc6120_5_3_5_1_the_reset_comes_before_the_receiving_keys_are_used_up() {
    fn both<N: Metered>() {
        let tls = limited();
        let mut stream =
            Harness::<N, Scripted>::established(N::metered(&tls, policy()), &tls, 4096);
        stream.receive();
        let mut sent = 0;
        while stream.machine.session().is_some() {
            stream.send_record(format!("<message id='{sent}'/>"));
            sent += 1;
            assert!(sent < 100, "no reset");
        }
        assert!((60..80).contains(&sent), "{sent}");
        let stanzas = stream.event_lines();
        let stanzas = stanzas
            .iter()
            .filter(|reported| reported.starts_with("stanza"))
            .count();
        assert_eq!(stanzas, sent);
        expect_reset(&mut stream, 0);
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// A limit below what is kept in reserve: the stream is reset as soon as there
/// is one.
#[test]
fn keys_that_allow_less_than_the_reserve_are_reset_at_once() {
    fn both<N: Metered>() {
        let tls = limited();
        let mut policy = policy();
        policy.reserve_records = 200;
        let machine = N::metered(&tls, policy);
        let mut stream = Harness::<N, Scripted>::over_tls(machine, &tls, 4096);
        stream.app = Box::new(|machine, event| {
            decide_anonymous(machine);
            if matches!(event, EventBuf::Established(_)) {
                let sent = machine.session().unwrap().send("<iq/>");
                assert_eq!(sent, Err(SendError::Full { capacity: 0 }));
            }
        });
        stream.exchange();
        for item in N::login() {
            let crate::harness::scenarios::WireItem::Text(text) = item else {
                unreachable!()
            };
            stream.send_record(&text);
        }
        expect_reset(&mut stream, 0);
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// TLS 1.3 changes its keys by itself and needs no reset.
#[test]
fn rfc8446_5_5_keys_that_change_by_themselves_need_no_reset() {
    fn both<N: Metered>() {
        let tls = TlsPair::new(TLS13).without_tickets();
        let mut stream =
            Harness::<N, Scripted>::established(N::metered(&tls, policy()), &tls, 4096);
        for n in 0..300 {
            let mut session = stream.machine.session().expect("still established");
            session.send(&format!("<message id='{n}'/>")).unwrap();
            stream.exchange();
        }
        assert!(
            !stream
                .event_lines()
                .iter()
                .any(|reported| reported.starts_with("reset-advised"))
        );
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}
