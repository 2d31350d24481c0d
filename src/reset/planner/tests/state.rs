//! Tests of what is stored of a planner.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::sequences::{any_config, any_host, any_outcome, any_targets};
use super::*;

proptest! {
    #![proptest_config(Config {
        cases: 300,
        rng_seed: RngSeed::Fixed(0x0198),
        failure_persistence: None,
        ..Config::default()
    })]

    /// The state is stored at any moment, and restored in a process with another clock: every later
    /// plan is the same, but for its point in time.
    #[test]
    fn a_restored_planner_plans_as_the_one_that_was_stored(
        config in any_config(),
        targets in any_targets(),
        hosts in (any_host(), any_host()),
        before in proptest::collection::vec((any_outcome(), 0..200_u64), 0..20),
        after in proptest::collection::vec((any_outcome(), 0..200_u64), 1..20),
    ) {
        let mut original = Planner::new(config, &HIGHEST);
        original.set_targets(&targets);
        let mut now = at(10_000);
        for (outcome, seconds) in before {
            now = now + Duration::from_secs(seconds);
            original.set_location(Some(hosts.0.clone()));
            original.set_redirect(hosts.1.clone());
            let _ = original.next(now, outcome);
        }
        let bytes = original.state(now).to_bytes();
        let state = PlannerState::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&state, &original.state(now));
        // A clock that has only just begun.
        let mut other_now = at(0);
        let mut restored = Planner::restore(config, &HIGHEST, &state, other_now);
        for (outcome, seconds) in after {
            now = now + Duration::from_secs(seconds);
            other_now = other_now + Duration::from_secs(seconds);
            let (one, other) = (original.next(now, outcome), restored.next(other_now, outcome));
            prop_assert_eq!(original.host(), restored.host());
            match (one, other) {
                (Plan::Connect(one), Plan::Connect(other)) => {
                    prop_assert_eq!(Connect { at: at(0), ..one }, Connect { at: at(0), ..other });
                }
                (one, other) => prop_assert_eq!(one, other),
            }
        }
    }

    #[test]
    fn bytes_that_are_no_state_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        prop_assert!(PlannerState::from_bytes(&bytes).is_err());
        // After the right beginning, whatever is read is written the same way.
        bytes.splice(0..0, *b"XSPL\x01");
        if let Ok(state) = PlannerState::from_bytes(&bytes) {
            prop_assert_eq!(state.to_bytes(), bytes);
        }
    }
}

fn rich() -> Vec<u8> {
    let mut planner = planner(&HIGHEST);
    planner.set_targets(&super::hosts::targets(&[(1, 2, "a"), (3, 4, "b")]));
    let _ = planner.next(at(0), Outcome::ConnectFailed);
    let _ = planner.next(at(0), Outcome::Established);
    planner.set_location(Some(OtherHost::new("[2001:db8::1]", Some(9222)).unwrap()));
    planner.set_redirect(OtherHost::new("other.example", None).unwrap());
    let _ = planner.next(at(5), RESET);
    planner.state(at(9)).to_bytes()
}

#[test]
fn a_state_that_was_cut_or_changed_or_is_of_another_version_is_refused_or_another_state() {
    let bytes = rich();
    let state = PlannerState::from_bytes(&bytes).unwrap();
    assert_eq!(state.to_bytes(), bytes);
    for length in 0..bytes.len() {
        assert!(
            PlannerState::from_bytes(&bytes[..length]).is_err(),
            "{length}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(
        PlannerState::from_bytes(&longer),
        Err(PlannerStateError::Malformed)
    );
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        // Never the same, and one form for each.
        if let Ok(other) = PlannerState::from_bytes(&changed) {
            assert_ne!(other, state, "{at}");
            assert_eq!(other.to_bytes(), changed, "{at}");
        }
    }
    let mut later = bytes;
    later[4] = 2;
    assert_eq!(
        PlannerState::from_bytes(&later),
        Err(PlannerStateError::Version)
    );
}

/// What this version writes can be read for ever.
#[test]
fn the_form_of_the_bytes_stays() {
    let new = planner(&HIGHEST).state(at(0)).to_bytes();
    let zeros = [0; 2 + 16 + 1 + 8 + 1 + 2 + 3 + 2];
    assert_eq!(new, [&b"XSPL\x01"[..], &zeros].concat());
    for (number, cause) in [
        (1, ResetCause::NewFeatures),
        (2, ResetCause::KeyRefresh),
        (3, ResetCause::SequenceLimit),
        (4, ResetCause::CertificateExpired),
        (5, ResetCause::CertificateRevoked),
        (6, ResetCause::Other),
        (7, ResetCause::CertificateExpiring),
    ] {
        let mut reset = planner(&HIGHEST);
        let by = Side::Us;
        let _ = reset.next(at(0), Outcome::Closed(Disconnect::Reset { by, cause }));
        let bytes = reset.state(at(0)).to_bytes();
        // Stream, ceiling, counts, time of failures, epoch.
        let place = 5 + 1 + 9 + 16 + 9 + 8;
        assert_eq!(bytes[place..place + 2], [1, number]);
        let read = PlannerState::from_bytes(&bytes).unwrap();
        assert_eq!(read.after_reset, Some(cause));
    }
}

#[cfg(feature = "serde")]
#[test]
fn serde_keeps_the_state() {
    let state = PlannerState::from_bytes(&rich()).unwrap();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<PlannerState>(&text).unwrap(), state);
    assert!(serde_json::from_str::<PlannerState>("[88,83]").is_err());
}
