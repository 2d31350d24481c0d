//! Invariant 2: short `receive`s, partial `transmitted`s and polls in any
//! order, with the application's calls pinned to events, make the same three
//! sequences.

use std::sync::Arc;

use xmpp_stream::config::ResponderConfig;
use xmpp_stream::sasl::{Hash, MechanismName, MechanismSet};
use xmpp_stream::stream::{Initiating, Receiving};
use xmpp_stream::tls::ServerTls;
use xmpp_stream::{Decision, Responder};

use super::each;
use crate::harness::bench::{Carrier, Rig, START, Subject, TlsPair, V12, V13};
use crate::harness::pair::{FIXED, decide, host_with, keys};
use crate::harness::play::{Pace, Stage};
use crate::harness::rng::Rng;
use crate::harness::scenes::{message, text};

const SEEDS: u64 = 12;

#[test]
fn any_schedule_makes_the_same_sequences() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            each::<N>(carrier, &mut |stage, whole| {
                for seed in 0..SEEDS {
                    let other = stage.play::<N>(Pace::Any(Rng::new(seed)));
                    assert!(
                        other.agrees_with(whole),
                        "{}, {carrier:?}, {}, seed {seed}: {other:?}{whole:?}",
                        N::ROLE,
                        stage.scene.name
                    );
                }
            });
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// The peer's bytes go on coming while the application looks things up.
#[test]
fn it_does_not_matter_how_long_the_application_hesitates() {
    for carrier in Carrier::ALL {
        each::<Receiving>(carrier, &mut |stage, whole| {
            for hesitates in [1, 2, 9] {
                let stage = Stage {
                    hesitates,
                    ..*stage
                };
                for pace in [
                    Pace::Whole,
                    Pace::Each(1),
                    Pace::Each(30),
                    Pace::Any(Rng::new(hesitates as u64)),
                ] {
                    let said = format!("{carrier:?}, {}, {hesitates}, {pace:?}", stage.scene.name);
                    let other = stage.play::<Receiving>(pace);
                    assert!(other.agrees_with(whole), "{said}: {other:?}{whole:?}");
                }
            }
        });
    }
}

/// The server compares a password with stored keys, which takes many polls;
/// the client does not wait for the end of it.
#[test]
fn it_does_not_matter_how_long_a_password_is_compared() {
    for version in [V12, V13] {
        let tls = TlsPair::new(version).without_tickets();
        let plain = MechanismSet::EMPTY.with(MechanismName::Plain);
        for chunk in [usize::MAX, 100, 1] {
            let config = ResponderConfig::server(&FIXED)
                .single_host(host_with(None, plain))
                .direct_tls(ServerTls::new(Arc::new(tls.server.clone())));
            let machine = Responder::new(config, START);
            let mut rig = Rig::<Receiving>::with(machine, &tls, 4096);
            rig.side.app = Box::new(|machine, _| match machine.decision() {
                Some(Decision::Password(gate)) => gate.keys("alice".into(), keys(Hash::Sha256)),
                _ => decide(machine),
            });
            let mut login = <Receiving as Subject>::login();
            login[1] = text(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
                 AGFsaWNlAHNlY3JldA==</auth>",
            );
            login.push(text(&message(1)));
            let bytes: Vec<u8> = login.iter().flat_map(|say| rig.seal(say)).collect();
            for part in bytes.chunks(chunk) {
                rig.side.feed(part, START);
            }
            let told = rig.side.told();
            assert!(
                told.contains(&"authenticated PLAIN alice".into()),
                "{told:?}"
            );
            assert_eq!(*told.last().unwrap(), format!("stanza {}", message(1)));
        }
    }
}
