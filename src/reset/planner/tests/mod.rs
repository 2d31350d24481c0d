//! Tests of the planner, with sources of randomness that can be foretold.

mod attempts;
mod hosts;
mod sequences;
mod state;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use super::*;
use crate::random::RandomError;

/// Gives a reproducible sequence: the SplitMix64 finalizer over seed and counter.
#[derive(Debug)]
struct Seeded {
    seed: u64,
    counter: AtomicU32,
}

impl Random for Seeded {
    fn fill(&self, buf: &mut [u8]) -> Result<(), RandomError> {
        for chunk in buf.chunks_mut(8) {
            let count = u64::from(self.counter.fetch_add(1, Ordering::Relaxed));
            let mut mixed = self
                .seed
                .wrapping_add((count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Gives the same byte always, which leads to an end of every range.
#[derive(Debug)]
struct Constant(u8);

impl Random for Constant {
    fn fill(&self, buf: &mut [u8]) -> Result<(), RandomError> {
        buf.fill(self.0);
        Ok(())
    }
}

#[derive(Debug)]
struct Failing;

impl Random for Failing {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
}

static LOWEST: Constant = Constant(0);
static HIGHEST: Constant = Constant(0xff);

fn seeded(seed: u64) -> &'static dyn Random {
    Box::leak(Box::new(Seeded {
        seed,
        counter: AtomicU32::new(0),
    }))
}

fn planner(random: &'static dyn Random) -> Planner {
    Planner::new(PlannerConfig::new(), random)
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

const LOST: Outcome = Outcome::Closed(Disconnect::Lost);
const RESET: Outcome = Outcome::Closed(Disconnect::Reset {
    by: Side::Peer,
    cause: ResetCause::Other,
});
const CONFLICT: Outcome = Outcome::Closed(Disconnect::StreamError(PeerError::Conflict));
const REFUSED: Outcome = Outcome::Closed(Disconnect::StreamError(PeerError::Refused));
const SHUTDOWN: Outcome = Outcome::Closed(Disconnect::StreamError(PeerError::Unavailable));
const REDIRECT: Outcome = Outcome::Closed(Disconnect::StreamError(PeerError::SeeOtherHost));

#[track_caller]
fn connect(plan: Plan) -> Connect {
    match plan {
        Plan::Connect(connect) => connect,
        other => panic!("no attempt is planned but {other:?}"),
    }
}

fn delays(planner: &mut Planner, outcomes: impl IntoIterator<Item = Outcome>) -> Vec<u64> {
    outcomes
        .into_iter()
        .map(|outcome| connect(planner.next(at(0), outcome)).delay.as_secs())
        .collect()
}

#[test]
fn rfc6120_3_3_1_first_delay_is_unpredictable_within_a_minute() {
    let first = |random| {
        let mut planner = planner(random);
        assert_eq!(planner.next(at(0), Outcome::Established), Plan::Keep);
        let plan = connect(planner.next(at(3_600), LOST));
        assert_eq!(plan.at, at(3_600) + plan.delay);
        plan.delay
    };
    assert_eq!(first(&LOWEST), Duration::ZERO);
    assert_eq!(first(&HIGHEST), Duration::from_secs(60));
    let mut drawn: Vec<Duration> = (0..1_000).map(|seed| first(seeded(seed))).collect();
    assert_ne!(drawn[0], drawn[1]);
    let mean = drawn.iter().sum::<Duration>() / 1_000;
    assert!(
        (25..35).contains(&mean.as_secs()),
        "not evenly distributed, the mean is {mean:?} (seeds 0 to 999)"
    );
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() > 950, "only {} delays differ", drawn.len());
}

#[test]
fn rfc6120_3_3_2_delays_back_off_to_a_cap() {
    let failures = [Outcome::ConnectFailed; 7];
    assert_eq!(
        delays(&mut planner(&HIGHEST), failures),
        [60, 120, 240, 480, 600, 600, 600]
    );
    assert_eq!(
        delays(&mut planner(&LOWEST), failures),
        [0, 60, 120, 240, 300, 300, 300]
    );
}

#[test]
fn rfc6120_3_3_3_resumption_is_allowed_after_a_loss_and_forbidden_after_a_reset() {
    let mut planner = planner(seeded(1));
    let _ = planner.next(at(0), Outcome::Established);
    let after_loss = connect(planner.next(at(100), LOST));
    assert_eq!(after_loss.resumption, TlsResumption::Allowed);
    assert_eq!(after_loss.after_reset, None);
    let _ = planner.next(at(200), Outcome::Established);
    let after_reset = connect(planner.next(at(300), RESET));
    assert_eq!(after_reset.resumption, TlsResumption::Forbidden);
    assert_eq!(after_reset.after_reset, Some(ResetCause::Other));
}

#[test]
fn rfc6120_4_9_3_16_2_no_ticket_of_the_old_context_comes_back_at_a_later_reconnect() {
    let mut planner = planner(seeded(2));
    let _ = planner.next(at(0), Outcome::Established);
    assert_eq!(planner.epoch(), TicketEpoch::FIRST);
    let reset = connect(planner.next(at(100), RESET));
    assert_eq!(reset.epoch.number(), 1);
    // Attempts that end before a stream is established change nothing.
    for outcome in [
        Outcome::ConnectFailed,
        LOST,
        Outcome::Closed(Disconnect::TlsFailed),
    ] {
        let again = connect(planner.next(at(200), outcome));
        assert_eq!(again.resumption, TlsResumption::Forbidden, "{outcome:?}");
        assert_eq!(again.epoch, reset.epoch);
    }
    // A stream that was established anew and then lost may use the tickets of its own context.
    let _ = planner.next(at(300), Outcome::Established);
    let later = connect(planner.next(at(400), LOST));
    assert_eq!(later.resumption, TlsResumption::Allowed);
    assert_eq!(later.epoch, reset.epoch);
}

#[test]
fn rfc6120_4_9_3_16_2_our_own_reset_voids_tickets_too_and_the_cause_is_kept() {
    let mut planner = planner(seeded(3));
    let _ = planner.next(at(0), Outcome::Established);
    let plan = connect(planner.next(
        at(100),
        Outcome::Closed(Disconnect::Reset {
            by: Side::Us,
            cause: ResetCause::CertificateRevoked,
        }),
    ));
    assert_eq!(plan.resumption, TlsResumption::Forbidden);
    assert_eq!(plan.after_reset, Some(ResetCause::CertificateRevoked));
    assert_eq!(plan.epoch, planner.epoch());
}

#[test]
fn the_epoch_grows_even_if_the_reset_ends_in_giving_up() {
    let mut planner = Planner::new(PlannerConfig::new().with_max_resets(0), seeded(4));
    assert_eq!(
        planner.next(at(0), RESET),
        Plan::GiveUp(GiveUp::TooManyResets)
    );
    assert_eq!(planner.epoch().number(), 1);
    let plan = connect(planner.next(at(0), Outcome::ConnectFailed));
    assert_eq!(plan.resumption, TlsResumption::Forbidden);
}

#[test]
fn a_reset_is_followed_up_soon() {
    let mut planner = planner(&HIGHEST);
    let _ = planner.next(at(0), Outcome::Established);
    let plan = connect(planner.next(at(60), RESET));
    assert_eq!(plan.delay, Duration::from_secs(5));
    assert_eq!(plan.target, Target::Original);
}

#[test]
fn a_peer_that_always_resets_is_contacted_ever_less_and_then_no_more() {
    let mut planner = Planner::new(PlannerConfig::new().with_max_resets(9), &HIGHEST);
    let mut now = at(0);
    let mut seen = Vec::new();
    let end = loop {
        let _ = planner.next(now, Outcome::Established);
        now = now + Duration::from_secs(59);
        match planner.next(now, RESET) {
            Plan::Connect(connect) => {
                seen.push(connect.delay.as_secs());
                now = connect.at;
            }
            plan => break plan,
        }
    };
    assert_eq!(seen, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    assert_eq!(end, Plan::GiveUp(GiveUp::TooManyResets));
}

#[test]
fn resets_of_stable_connections_are_no_loop() {
    let mut planner = Planner::new(PlannerConfig::new().with_max_resets(1), &HIGHEST);
    let mut now = at(0);
    for _ in 0..100 {
        let _ = planner.next(now, Outcome::Established);
        now = now + Duration::from_secs(60);
        let plan = connect(planner.next(now, RESET));
        assert_eq!(plan.delay, Duration::from_secs(5));
        now = plan.at;
    }
}

#[test]
fn a_short_lived_connection_does_not_end_the_back_off() {
    let mut planner = planner(&HIGHEST);
    let mut seen = Vec::new();
    for stood in [59, 59, 59, 60] {
        let _ = planner.next(at(0), Outcome::Established);
        seen.push(connect(planner.next(at(stood), LOST)).delay.as_secs());
    }
    assert_eq!(seen, [60, 120, 240, 60]);
}

#[test]
fn rfc6120_5_3_5_a_renegotiating_peer_is_contacted_ever_less_however_long_it_waits() {
    let mut planner = planner(&HIGHEST);
    let mut seen = Vec::new();
    for _ in 0..6 {
        let _ = planner.next(at(0), Outcome::Established);
        let plan = planner.next(at(9_999), Outcome::Closed(Disconnect::TlsRenegotiation));
        seen.push(connect(plan).delay.as_secs());
    }
    assert_eq!(seen, [60, 120, 240, 480, 600, 600]);
}

#[test]
fn what_would_only_repeat_itself_is_given_up() {
    for (ended, reason) in [
        (Disconnect::Closed { by: Side::Us }, GiveUp::Requested),
        (Disconnect::LocalAbort, GiveUp::Requested),
        (
            Disconnect::AuthenticationFailed,
            GiveUp::AuthenticationFailed,
        ),
        (
            Disconnect::StreamError(PeerError::Conflict),
            GiveUp::Conflict,
        ),
    ] {
        let mut planner = planner(seeded(5));
        let _ = planner.next(at(0), Outcome::Established);
        let plan = planner.next(at(100), Outcome::Closed(ended));
        assert_eq!(plan, Plan::GiveUp(reason), "{ended:?}");
    }
}

#[test]
fn what_may_pass_is_tried_again_at_the_pace_of_a_loss() {
    for ended in [
        Disconnect::Closed { by: Side::Peer },
        Disconnect::Lost,
        Disconnect::AuthenticationUnavailable,
        Disconnect::NegotiationFailed,
        Disconnect::ProtocolViolation,
        Disconnect::TlsFailed,
        Disconnect::TlsRenegotiation,
        Disconnect::Internal,
        Disconnect::StreamError(PeerError::Refused),
        Disconnect::StreamError(PeerError::Unavailable),
        // It is not believed before a stream is established.
        Disconnect::StreamError(PeerError::Conflict),
    ] {
        let outcomes = [Outcome::Closed(ended); 3];
        let seen = delays(&mut planner(&HIGHEST), outcomes);
        assert_eq!(seen, [60, 120, 240], "{ended:?}");
    }
}

#[test]
fn rfc6120_4_9_3_19_9_the_sixth_redirect_in_a_row_is_given_up() {
    let mut redirected = planner(seeded(6));
    for _ in 0..5 {
        let plan = connect(redirected.next(at(0), REDIRECT));
        assert_eq!(plan.target, Target::Redirect);
    }
    assert_eq!(
        redirected.next(at(0), REDIRECT),
        Plan::GiveUp(GiveUp::TooManyRedirects)
    );
    // If the redirect fails, the next target is the original.
    let mut misled = planner(seeded(7));
    let _ = misled.next(at(0), REDIRECT);
    let plan = connect(misled.next(at(0), Outcome::ConnectFailed));
    assert_eq!(plan.target, Target::Original);
}

#[test]
fn without_randomness_the_longest_delay_is_taken_and_never_none() {
    assert_eq!(
        delays(&mut planner(&Failing), [Outcome::ConnectFailed; 3]),
        [60, 120, 240]
    );
    let config = PlannerConfig::new().with_reset_delay(Duration::ZERO);
    let mut hasty = Planner::new(config, &Failing);
    assert_eq!(delays(&mut hasty, [RESET, RESET]), [1, 1]);
    let config = config.with_max_delay(Duration::from_millis(1)).unwrap();
    let plan = connect(Planner::new(config, &Failing).next(at(0), RESET));
    assert_eq!(plan.delay, Duration::from_millis(1));
    assert_eq!(
        stagger(&Failing, Duration::from_secs(9)),
        Duration::from_secs(9)
    );
}

#[test]
fn rfc6120_4_3_5_staggering_uses_the_whole_window() {
    let window = Duration::from_secs(30);
    assert_eq!(stagger(&LOWEST, window), Duration::ZERO);
    assert_eq!(stagger(&HIGHEST, window), window);
    assert_eq!(
        stagger(&HIGHEST, Duration::MAX),
        Duration::from_millis(u64::MAX)
    );
}

#[test]
fn a_setting_that_cannot_be_kept_is_refused_and_none_is_changed() {
    let config = PlannerConfig::new();
    for given in [Duration::ZERO, Duration::from_nanos(999_999)] {
        let error = config.with_max_delay(given).unwrap_err();
        assert_eq!(error.given, given);
        assert!(error.to_string().contains("at least 1 ms"), "{error}");
    }
    let least = config.with_max_delay(Duration::from_millis(1)).unwrap();
    assert_eq!(least.max_delay, Duration::from_millis(1));
}

/// How the planner answers each kind of stream error, on a stream that was established and on one
/// that was not.
#[test]
fn each_stream_error_of_the_peer_leads_to_its_plan() {
    let target = |established: bool, error| {
        let mut planner = planner(seeded(8));
        if established {
            let _ = planner.next(at(0), Outcome::Established);
        }
        match planner.next(at(1), Outcome::Closed(Disconnect::StreamError(error))) {
            Plan::Connect(connect) => Ok((connect.target, connect.resumption)),
            Plan::GiveUp(why) => Err(why),
            Plan::Keep => unreachable!("the connection is closed"),
        }
    };
    let original = Ok((Target::Original, TlsResumption::Allowed));
    let redirect = Ok((Target::Redirect, TlsResumption::Allowed));
    for (error, before, after) in [
        (PeerError::SeeOtherHost, redirect, redirect),
        // `<system-shutdown/>` and its like.
        (PeerError::Unavailable, original, original),
        // `<host-unknown/>` and its like: the peer may be configured anew.
        (PeerError::Refused, original, original),
        (PeerError::Conflict, original, Err(GiveUp::Conflict)),
    ] {
        assert_eq!(target(false, error), before, "{error:?}");
        assert_eq!(target(true, error), after, "{error:?}");
    }
}
