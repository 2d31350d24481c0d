//! Tests of what is given up, and when.

use super::*;

fn give_up(planner: &mut Planner, now: Instant, outcome: Outcome) -> Option<GiveUp> {
    match planner.next(now, outcome) {
        Plan::GiveUp(why) => Some(why),
        Plan::Connect(_) | Plan::Keep => None,
    }
}

/// How many attempts come before the planner gives up.
fn attempts(planner: &mut Planner, outcome: Outcome) -> (usize, GiveUp) {
    for planned in 0..100 {
        if let Some(why) = give_up(planner, at(0), outcome) {
            return (planned, why);
        }
    }
    panic!("never given up");
}

#[test]
fn a_permanent_failure_is_tried_a_few_times_and_then_no_more() {
    for refusal in [REFUSED, Outcome::Closed(Disconnect::NegotiationFailed)] {
        let mut refused = planner(&HIGHEST);
        assert_eq!(attempts(&mut refused, refusal), (5, GiveUp::Refused));
        // Whoever tries again has the same again.
        assert_eq!(attempts(&mut refused, refusal), (5, GiveUp::Refused));
        let strict = PlannerConfig::new().with_max_refusals(0);
        let mut strict = Planner::new(strict, &HIGHEST);
        assert_eq!(attempts(&mut strict, refusal), (0, GiveUp::Refused));
    }
}

/// Also a stream that was established for a moment in between; one that lasted begins anew.
#[test]
fn only_a_stream_that_lasts_makes_up_for_refusals() {
    let config = PlannerConfig::new().with_max_refusals(2);
    for (stood, expected) in [(59, Some(GiveUp::Refused)), (60, None)] {
        let mut planner = Planner::new(config, &HIGHEST);
        for _ in 0..2 {
            let _ = planner.next(at(0), Outcome::Established);
            assert_eq!(give_up(&mut planner, at(stood), REFUSED), None);
        }
        let _ = planner.next(at(0), Outcome::Established);
        assert_eq!(give_up(&mut planner, at(stood), REFUSED), expected);
    }
}

/// Each kind of end, and what it says about the next attempt. What is permanent is given up at once or
/// after some attempts; what is temporary, never.
#[test]
fn every_end_is_permanent_or_temporary_and_planned_for_as_such() {
    let temporary = [
        Disconnect::Closed { by: Side::Peer },
        Disconnect::StreamError(PeerError::Unavailable),
        Disconnect::Lost,
        Disconnect::AuthenticationUnavailable,
        Disconnect::ProtocolViolation,
        Disconnect::TlsFailed,
        Disconnect::TlsRenegotiation,
        Disconnect::Internal,
    ];
    let permanent = [
        Disconnect::Closed { by: Side::Us },
        Disconnect::AuthenticationFailed,
        Disconnect::NegotiationFailed,
        Disconnect::LocalAbort,
        Disconnect::StreamError(PeerError::Refused),
        Disconnect::StreamError(PeerError::Conflict),
    ];
    for ended in temporary {
        assert_eq!(ended.prospect(), Prospect::Temporary, "{ended:?}");
        let mut planner = planner(&HIGHEST);
        for _ in 0..100 {
            assert_eq!(give_up(&mut planner, at(0), Outcome::Closed(ended)), None);
        }
    }
    for ended in permanent {
        assert_eq!(ended.prospect(), Prospect::Permanent, "{ended:?}");
        let mut planner = planner(&HIGHEST);
        let given_up = (0..7).find_map(|_| {
            let _ = planner.next(at(0), Outcome::Established);
            give_up(&mut planner, at(1), Outcome::Closed(ended))
        });
        assert!(given_up.is_some(), "{ended:?}");
    }
    for by in [Side::Us, Side::Peer] {
        let cause = ResetCause::Other;
        let prospect = Disconnect::Reset { by, cause }.prospect();
        assert_eq!(prospect, Prospect::Temporary);
    }
}

#[test]
fn the_total_number_of_attempts_is_bounded_whatever_they_fail_of() {
    let config = PlannerConfig::new().with_max_attempts(Some(4));
    let mut bounded = Planner::new(config, &HIGHEST);
    for outcome in [Outcome::ConnectFailed, LOST, RESET, SHUTDOWN] {
        assert_eq!(give_up(&mut bounded, at(0), outcome), None);
    }
    let too_many = Some(GiveUp::TooManyAttempts);
    assert_eq!(give_up(&mut bounded, at(0), LOST), too_many);
    // A stream of a moment is no success; one that lasts is.
    let mut planner = Planner::new(config, &HIGHEST);
    for n in 0..5 {
        let _ = planner.next(at(0), Outcome::Established);
        let expected = too_many.filter(|_| n == 4);
        assert_eq!(give_up(&mut planner, at(1), LOST), expected);
    }
    for _ in 0..20 {
        let _ = planner.next(at(0), Outcome::Established);
        assert_eq!(give_up(&mut planner, at(60), LOST), None);
    }
    // Each host of a round is an attempt.
    let mut planner = Planner::new(config, &HIGHEST);
    planner.set_targets(&hosts::targets(&[(1, 0, "a"), (2, 0, "b"), (3, 0, "c")]));
    assert_eq!(
        attempts(&mut planner, Outcome::ConnectFailed),
        (4, GiveUp::TooManyAttempts)
    );
}

#[test]
fn the_total_time_is_bounded_and_no_attempt_is_planned_after_it() {
    let config = PlannerConfig::new().with_max_time(Some(Duration::from_secs(200)));
    let mut planner = Planner::new(config, &HIGHEST);
    // After 60 s and after 120 s.
    let first = connect(planner.next(at(1_000), LOST));
    assert_eq!(first.at, at(1_060));
    let second = connect(planner.next(at(1_070), LOST));
    assert_eq!(second.at, at(1_190));
    // 240 s would be too late, and the time begins anew for whoever tries again.
    let too_long = Plan::GiveUp(GiveUp::TooLong);
    assert_eq!(planner.next(at(1_190), LOST), too_long);
    assert_eq!(planner.next(at(5_000), LOST), too_long);
    let _ = planner.next(at(6_000), Outcome::Established);
    assert_eq!(connect(planner.next(at(7_000), LOST)).at, at(7_060));
}
