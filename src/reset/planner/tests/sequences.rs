//! Tests of the rules that hold for every sequence of outcomes.

use alloc::vec;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

pub(super) fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Established),
        2 => Just(Outcome::ConnectFailed),
        2 => Just(LOST),
        1 => Just(REFUSED),
        1 => Just(SHUTDOWN),
        3 => Just(RESET),
        1 => Just(REDIRECT),
        1 => Just(CONFLICT),
        1 => Just(Outcome::Closed(Disconnect::TlsRenegotiation)),
        1 => Just(Outcome::Closed(Disconnect::AuthenticationFailed)),
        1 => Just(Outcome::Closed(Disconnect::Closed { by: Side::Us })),
    ]
}

pub(super) fn any_host() -> impl Strategy<Value = OtherHost> {
    (0..6_u8, prop::option::of(1..9_u16))
        .prop_map(|(n, port)| OtherHost::new(&alloc::format!("h{n}.example"), port).unwrap())
}

pub(super) fn any_targets() -> impl Strategy<Value = Vec<SrvTarget>> {
    let target = (0..3_u16, 0..4_u16, any_host())
        .prop_map(|(priority, weight, host)| SrvTarget::new(priority, weight, host));
    proptest::collection::vec(target, 0..5)
}

pub(super) fn any_config() -> impl Strategy<Value = PlannerConfig> {
    let millis = |range| proptest::strategy::Strategy::prop_map(range, Duration::from_millis);
    (
        millis(0..120_000_u64),
        millis(0..20_000_u64),
        millis(1..1_000_000_u64),
        millis(0..120_000_u64),
        0..5_u32,
        0..5_u8,
        (
            0..5_u32,
            prop::option::of(0..20_u32),
            prop::option::of(millis(0..2_000_000_u64)),
        ),
    )
        .prop_map(
            |(first, reset, max, settled, resets, redirects, (refusals, attempts, time))| {
                PlannerConfig::new()
                    .with_first_delay(first)
                    .with_reset_delay(reset)
                    .with_stable_after(settled)
                    .with_max_resets(resets)
                    .with_max_redirects(redirects)
                    .with_max_refusals(refusals)
                    .with_max_attempts(attempts)
                    .with_max_time(time)
                    .with_max_delay(max)
                    .unwrap()
            },
        )
}

proptest! {
    #![proptest_config(Config {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(0x6120),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn every_sequence_of_outcomes_keeps_the_rules(
        config in any_config(),
        seed in any::<u64>(),
        targets in any_targets(),
        location in prop::option::of(any_host()),
        steps in proptest::collection::vec((any_outcome(), 0..200_u64), 1..60),
    ) {
        let mut planner = Planner::new(config, seeded(seed));
        planner.set_targets(&targets);
        // Failed attempts in a row: how many, since when; and where the last one led.
        let (mut failures, mut failing_since) = (0, None);
        let mut last_target = Target::Original;
        let mut now = at(0);
        // A second, simpler model of what must hold.
        let (mut resets_seen, mut fresh_context) = (0, true);
        let mut last_in_streak: Option<Duration> = None;
        let mut up_since: Option<Instant> = None;
        for (outcome, seconds) in steps {
            now = now + Duration::from_secs(seconds);
            if outcome == RESET {
                resets_seen += 1;
                fresh_context = false;
            }
            let was_up = up_since.is_some();
            match outcome {
                Outcome::Established => {
                    fresh_context = true;
                    up_since = Some(now);
                }
                _ => if let Some(since) = up_since.take() {
                    let stood = now.saturating_duration_since(since);
                    if stood >= config.stable_after {
                        last_in_streak = None;
                        if outcome != Outcome::Closed(Disconnect::TlsRenegotiation) {
                            (failures, failing_since) = (0, None);
                        }
                    }
                }
            }
            if outcome == Outcome::Established {
                planner.set_location(location.clone());
                last_target = Target::Original;
            }
            let plan = planner.next(now, outcome);
            if let Plan::GiveUp(_) = plan {
                (failures, failing_since) = (0, None);
            }
            prop_assert_eq!(planner.epoch().number(), resets_seen);
            prop_assert_eq!(plan == Plan::Keep, outcome == Outcome::Established);
            let Plan::Connect(connect) = plan else { continue };
            failures += 1;
            let since = *failing_since.get_or_insert(now);
            prop_assert!(config.max_attempts.is_none_or(|max| failures <= max));
            let span = now.saturating_duration_since(since) + connect.delay;
            prop_assert!(config.max_time.is_none_or(|max| span <= max));
            let host = planner.host();
            match connect.target {
                Target::Original => prop_assert!(host.is_none() && targets.is_empty()),
                Target::Srv => prop_assert!(targets.iter().any(|target| Some(&target.host) == host)),
                Target::Location => prop_assert_eq!(host, location.as_ref()),
                Target::Redirect => prop_assert_eq!(outcome, REDIRECT),
            }
            // A location that failed does not come again before a stream is established.
            let had_failed = last_target == Target::Location && !was_up;
            prop_assert!(!had_failed || connect.target != Target::Location);
            last_target = connect.target;
            prop_assert_eq!(connect.at, now + connect.delay);
            // The next host of the round, with nothing in between.
            if outcome == Outcome::ConnectFailed && connect.target == Target::Srv && connect.delay.is_zero() {
                continue;
            }
            prop_assert!(connect.delay <= config.max_delay);
            prop_assert_eq!(connect.epoch, planner.epoch());
            prop_assert_eq!(connect.resumption == TlsResumption::Allowed, fresh_context);
            prop_assert_eq!(connect.after_reset.is_none(), fresh_context);
            if let Some(last) = last_in_streak {
                prop_assert!(connect.delay >= last.min(config.max_delay / 2));
                prop_assert!(connect.delay >= (MIN_CEILING / 2).min(config.max_delay / 2));
            }
            last_in_streak = Some(connect.delay);
        }
    }
}
