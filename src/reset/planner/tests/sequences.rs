//! Tests of the rules that hold for every sequence of outcomes.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Established),
        2 => Just(Outcome::ConnectFailed),
        2 => Just(LOST),
        3 => Just(RESET),
        1 => Just(REDIRECT),
        1 => Just(CONFLICT),
        1 => Just(Outcome::Closed(Disconnect::TlsRenegotiation)),
        1 => Just(Outcome::Closed(Disconnect::AuthenticationFailed)),
        1 => Just(Outcome::Closed(Disconnect::Closed { by: Side::Us })),
    ]
}

fn any_config() -> impl Strategy<Value = PlannerConfig> {
    let millis = |range| proptest::strategy::Strategy::prop_map(range, Duration::from_millis);
    (
        millis(0..120_000_u64),
        millis(0..20_000_u64),
        millis(1..1_000_000_u64),
        millis(0..120_000_u64),
        0..5_u32,
        0..5_u8,
    )
        .prop_map(|(first, reset, max, settled, resets, redirects)| {
            PlannerConfig::new()
                .with_first_delay(first)
                .with_reset_delay(reset)
                .with_stable_after(settled)
                .with_max_resets(resets)
                .with_max_redirects(redirects)
                .with_max_delay(max)
                .unwrap()
        })
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
        steps in proptest::collection::vec((any_outcome(), 0..200_u64), 1..60),
    ) {
        let mut planner = Planner::new(config, seeded(seed));
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
            match outcome {
                Outcome::Established => {
                    fresh_context = true;
                    up_since = Some(now);
                }
                _ => if let Some(since) = up_since.take() {
                    if now.saturating_duration_since(since) >= config.stable_after {
                        last_in_streak = None;
                    }
                }
            }
            let plan = planner.next(now, outcome);
            prop_assert_eq!(planner.epoch().number(), resets_seen);
            prop_assert_eq!(plan == Plan::Keep, outcome == Outcome::Established);
            let Plan::Connect(connect) = plan else { continue };
            prop_assert_eq!(connect.at, now + connect.delay);
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
