//! Invariants 3 and 4: the close is the last word and an exclusive one. That
//! nothing follows it is asserted behind every scene ([`Player`]); here are
//! the ends at which bytes are still waiting.
//!
//! [`Player`]: crate::harness::play::Player

use std::time::Duration;

use xmpp_stream::stream::{Condition, Initiating, Receiving, StreamError};
use xmpp_stream::{Action, Connection, Manner, Wait};

use super::each;
use crate::harness::bench::{Carrier, Rig, START, Subject, TlsPair, V12, V13};
use crate::harness::play::{Pace, Player, Stage};
use crate::harness::scenes::{Does, Ending, Scene, message, text};

/// An established stream; everything is taken.
pub fn established<N: Subject>(carrier: Carrier, tls: &TlsPair) -> Player<N> {
    let scene = Scene {
        name: "",
        does: Does::Echo,
        says: Vec::new(),
        ending: Ending::Silence,
        close: "",
        stanzas: 0,
    };
    let stage = Stage {
        scene: &scene,
        carrier,
        tls,
        hesitates: 0,
    };
    let mut player = stage.player::<N>(Pace::Whole);
    player.feed_all(true);
    player
}

/// An established stream whose peer says `says` behind the login; nobody has
/// taken what the machine sent since.
fn stuck<N: Subject>(carrier: Carrier, does: Does, says: &[&str]) -> Player<N> {
    let tls = TlsPair::new(carrier.version().unwrap_or(V13)).without_tickets();
    let scene = Scene {
        name: "stuck",
        does,
        says: Vec::new(),
        ending: Ending::Silence,
        close: "",
        stanzas: 0,
    };
    let stage = Stage {
        scene: &scene,
        carrier,
        tls: &tls,
        hesitates: 0,
    };
    let mut player = stage.player::<N>(Pace::Whole);
    player.feed_all(true);
    player.say(&says.iter().map(|says| text(says)).collect::<Vec<_>>());
    player.feed_all(false);
    player
}

/// Sleeps until the machine has closed; nothing is read or written.
fn sleep_to_the_end<N: Subject>(player: &mut Player<N>) {
    for _ in 0..20 {
        if player.close.is_some() {
            return;
        }
        let Wait { deadline, .. } = player.wait.expect("waits");
        player.now = player.now.max(deadline.expect("a deadline"));
        player.feed_all(false);
    }
    panic!("no end: {:?}", player.machine);
}

fn end<N: Subject>(player: &Player<N>) -> (&'static str, Manner) {
    let close = player.close.as_ref().expect("closed");
    (close.reason().code(), close.manner())
}

#[test]
fn an_abort_drops_what_tcp_has_not_taken() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            let mut player = stuck::<N>(carrier, Does::Echo, &[&message(1)]);
            assert!(player.machine.transmit().len() > 40);
            player.machine.transmitted(10);
            player.machine.abort();
            player.feed_all(false);
            assert_eq!(end(&player), ("local-abort", Manner::Abort));
            assert!(player.machine.transmit().is_empty());
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn a_graceful_end_waits_for_tcp_to_take_everything() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            let mut player = stuck::<N>(carrier, Does::Echo, &[&message(1), "</stream:stream>"]);
            // Byte by byte: not closed before the last one is taken.
            while !player.machine.transmit().is_empty() {
                assert!(player.close.is_none());
                player.take(1);
                player.feed_all(false);
            }
            if player.close.is_none() {
                // Under TLS the peer's close_notify is outstanding.
                player.machine.receive_eof();
                player.feed_all(false);
            }
            assert_eq!(end(&player), ("closed", Manner::Graceful));
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

#[test]
fn a_peer_that_takes_nothing_does_not_hold_up_the_end() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            for (does, says) in [
                (Does::Echo, vec![message(1), "</stream:stream>".into()]),
                (Does::Close(1), vec![message(1)]),
                (Does::Fail(1), vec![message(1)]),
                (Does::Echo, vec![message(1), "<a></b>".into()]),
            ] {
                let says: Vec<&str> = says.iter().map(String::as_str).collect();
                let mut player = stuck::<N>(carrier, does, &says);
                assert!(player.close.is_none());
                let began = player.now;
                sleep_to_the_end(&mut player);
                let lasted = player.now.saturating_duration_since(began);
                assert!(lasted <= Duration::from_secs(11), "{lasted:?}");
                assert_eq!(end(&player).1, Manner::Graceful);
            }
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// The clock of a peer that takes no bytes is older than the close; the close
/// keeps its own deadline all the same.
#[test]
fn a_write_stall_does_not_cut_the_end_short() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            let mut player = stuck::<N>(carrier, Does::Echo, &[&message(1)]);
            player.now = player.now + Duration::from_secs(59);
            player.say(&[text("</stream:stream>")]);
            player.feed_all(false);
            let closing = player.now;
            while player.close.is_none() {
                // Checked in it: graceful only behind the deadline.
                sleep_once(&mut player);
            }
            let lasted = player.now.saturating_duration_since(closing);
            assert_eq!(end(&player), ("closed", Manner::Graceful));
            assert!(lasted >= Duration::from_secs(5), "{carrier:?}: {lasted:?}");
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

fn sleep_once<N: Subject>(player: &mut Player<N>) {
    let deadline = player.wait.expect("waits").deadline.expect("a deadline");
    assert!(deadline > player.now);
    player.now = deadline;
    player.feed_all(false);
}

#[test]
fn a_peer_that_takes_nothing_for_a_minute_is_given_up() {
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            let mut player = stuck::<N>(carrier, Does::Echo, &[&message(1)]);
            // One byte taken is a sign of life.
            sleep_part(&mut player, 59_999);
            player.take(1);
            player.feed_all(false);
            sleep_part(&mut player, 59_999);
            assert!(player.close.is_none());
            sleep_part(&mut player, 1);
            assert_eq!(end(&player), ("timeout", Manner::Abort));
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

fn sleep_part<N: Subject>(player: &mut Player<N>, millis: u64) {
    player.now = player.now + Duration::from_millis(millis);
    player.feed_all(false);
}

/// A clean close that was spoiled is not reported as one.
#[test]
fn what_spoils_a_close_is_its_reason() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let tls = TlsPair::new(version);
            let close = |rig: &mut Rig<N>| rig.side.machine.session().unwrap().close();
            let mut rig = Rig::<N>::established(&tls, version);
            close(&mut rig);
            let forged = crate::harness::hostile_tls::forged(23, &[7; 40]);
            rig.side.feed(&forged, rig.now);
            finish(&mut rig);
            assert_eq!(rig.side.code(), "tls", "{}", N::ROLE);

            let mut rig = Rig::<N>::established(&tls, version);
            close(&mut rig);
            rig.side.machine.receive_eof();
            finish(&mut rig);
            assert_eq!(rig.side.code(), "tls-truncated", "{}", N::ROLE);
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

fn finish<N: Subject>(rig: &mut Rig<N>) {
    rig.side.drive(rig.now);
    rig.side.take(usize::MAX);
    rig.side.drive(rig.now);
}

#[test]
fn tcp_s_failure_wins_over_everything() {
    fn failed<N: Subject>(mut machine: Connection<N>, expected: &str) {
        machine.transport_failed();
        let mut events = 0;
        let close = loop {
            match machine.poll(START) {
                Action::Event(_) => events += 1,
                Action::Wait(wait) => assert_eq!(wait.deadline, Some(START), "{wait:?}"),
                Action::CloseTcp(close) => break close.clone(),
            }
        };
        assert!(events <= 1);
        assert_eq!(close.reason().code(), expected);
        assert_eq!(close.manner(), Manner::Abort);
        assert_eq!(close.linger(), Duration::ZERO);
    }
    fn both<N: Subject>() {
        for carrier in Carrier::ALL {
            let tls = TlsPair::new(carrier.version().unwrap_or(V13));
            failed(N::machine(carrier, &tls, None), "transport");
            let player = stuck::<N>(carrier, Does::Echo, &[&message(1)]);
            failed(player.machine, "transport");
            // Behind both closing tags the failure is no loss.
            let player = stuck::<N>(carrier, Does::Echo, &["</stream:stream>"]);
            failed(player.machine, "closed");
            let player = stuck::<N>(carrier, Does::Fail(1), &[&message(1)]);
            failed(player.machine, "stream-error");
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}

/// While a gate is open, too, whatever waits behind it.
#[test]
fn tcp_s_failure_wins_over_an_open_gate() {
    for behind in [false, true] {
        for carrier in [
            Carrier::Plain,
            Carrier::DirectTls(V12),
            Carrier::DirectTls(V13),
        ] {
            each::<Receiving>(carrier, &mut |stage, _| {
                let stage = Stage {
                    hesitates: usize::MAX,
                    ..*stage
                };
                let mut player = stage.player::<Receiving>(Pace::Whole);
                if !behind {
                    player.input.truncate(player.login_length * 2 / 5);
                }
                player.feed_all(true);
                assert!(player.machine.decision().is_some());
                player.machine.transport_failed();
                player.feed_all(false);
                assert_eq!(end(&player), ("transport", Manner::Abort));
                assert!(player.machine.decision().is_none());
            });
        }
    }
}

#[test]
fn an_error_before_the_handshake_is_told_behind_it() {
    fn both<N: Subject>() {
        for version in [V12, V13] {
            let tls = TlsPair::new(version).without_tickets();
            let mut machine = N::machine(Carrier::DirectTls(version), &tls, None);
            machine.fail(StreamError::new(Condition::SystemShutdown));
            let rig = Rig::<N>::with(machine, &tls, 1);
            let text = String::from_utf8(rig.text.clone()).unwrap();
            let mut rig = rig;
            let text = text + &rig.read_text();
            assert!(text.contains("<stream:stream"), "{text}");
            assert!(text.contains("system-shutdown"), "{text}");
            assert!(text.ends_with("</stream:stream>"), "{text}");
        }
    }
    both::<Initiating>();
    both::<Receiving>();
}
