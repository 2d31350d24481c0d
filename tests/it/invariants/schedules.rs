//! Invariant 2: short `receive`s, partial `transmitted`s and polls in any
//! order, with the application's calls pinned to events, make the same three
//! sequences.

use std::sync::Arc;

use xmpp_stream::config::ResponderConfig;
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::sasl::{Hash, MechanismName, MechanismSet};
use xmpp_stream::tls::ServerTls;
use xmpp_stream::{Decision, Responder};

use super::each;
use crate::harness::configs::{FIXED, decide, host_with, keys};
use crate::harness::pki::{TLS12, TLS13};
use crate::harness::scenarios::{message, text};
use crate::harness::schedule::Run;
use crate::harness::{Carrier, Harness, HostileTls, Rng, Role, START, Schedule, TlsPair};

const SEEDS: u64 = 12;

#[test]
fn any_schedule_makes_the_same_sequences() {
    fn both<N: Role>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |run, whole| {
                for seed in 0..SEEDS {
                    let other = run.outcome::<N>(Schedule::Any(Rng::new(seed)));
                    assert!(
                        other.agrees_with(whole),
                        "{}, {carrier:?}, {}, seed {seed}: {other:?}{whole:?}",
                        N::NAME,
                        run.scenario.name
                    );
                }
            });
        }
    }
    both::<InitiatorRole>();
    both::<ResponderRole>();
}

/// The peer's bytes go on coming while the application looks things up.
#[test]
fn the_sequences_do_not_depend_on_how_long_the_application_takes_to_decide() {
    for carrier in Carrier::ALL {
        each::<ResponderRole>(carrier, &mut |run, whole| {
            for decision_delay in [1, 2, 9] {
                let run = Run {
                    decision_delay,
                    ..*run
                };
                for schedule in [
                    Schedule::Whole,
                    Schedule::Each(1),
                    Schedule::Each(30),
                    Schedule::Any(Rng::new(decision_delay as u64)),
                ] {
                    let received = format!(
                        "{carrier:?}, {}, {decision_delay}, {schedule:?}",
                        run.scenario.name
                    );
                    let other = run.outcome::<ResponderRole>(schedule);
                    assert!(other.agrees_with(whole), "{received}: {other:?}{whole:?}");
                }
            }
        });
    }
}

/// The server compares a password with stored keys, which takes many polls;
/// the client does not wait for the end of it.
#[test]
fn the_sequences_do_not_depend_on_how_long_a_password_is_compared() {
    for version in [TLS12, TLS13] {
        let tls = TlsPair::new(version).without_tickets();
        let plain = MechanismSet::EMPTY.with(MechanismName::Plain);
        for chunk in [usize::MAX, 100, 1] {
            let config = ResponderConfig::server(&FIXED)
                .single_host(host_with(None, plain))
                .direct_tls(ServerTls::new(Arc::new(tls.server.clone())))
                .build()
                .unwrap();
            let machine = Responder::new(config, START);
            let mut harness = Harness::<ResponderRole, HostileTls>::over_tls(machine, &tls, 4096);
            harness.app = Box::new(|machine, _| match machine.decision() {
                Some(Decision::Password(password)) => {
                    password.keys("alice".into(), keys(Hash::Sha256));
                }
                _ => decide(machine),
            });
            let mut login = <ResponderRole as Role>::login();
            login[1] = text(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
                 AGFsaWNlAHNlY3JldA==</auth>",
            );
            login.push(text(&message(1)));
            let bytes: Vec<u8> = login.iter().flat_map(|item| harness.seal(item)).collect();
            for part in bytes.chunks(chunk) {
                harness.deliver(part);
            }
            let reported = harness.event_lines();
            assert!(
                reported.contains(&"authenticated PLAIN alice".into()),
                "{reported:?}"
            );
            assert_eq!(*reported.last().unwrap(), format!("stanza {}", message(1)));
        }
    }
}
