//! Tests of where the next connection leads.

use alloc::format;
use alloc::string::String;

use super::*;

/// SRV records: priority, weight, host.
pub(super) fn targets(records: &[(u16, u16, &str)]) -> Vec<SrvTarget> {
    records
        .iter()
        .map(|(priority, weight, name)| SrvTarget::new(*priority, *weight, host(name)))
        .collect()
}

fn host(name: &str) -> OtherHost {
    OtherHost::new(&format!("{name}.example"), Some(5222)).unwrap()
}

/// Where the plan leads, and after how long.
fn place(planner: &mut Planner, outcome: Outcome) -> (String, u64) {
    let plan = connect(planner.next(at(0), outcome));
    let kind = match plan.target {
        Target::Original => "original",
        Target::Srv => "srv",
        Target::Location => "location",
        Target::Redirect => "redirect",
    };
    let place = match planner.host() {
        Some(host) => format!("{kind} {}", host.host().trim_end_matches(".example")),
        None => kind.to_string(),
    };
    (place, plan.delay.as_secs())
}

fn places(planner: &mut Planner, outcomes: &[Outcome]) -> Vec<(String, u64)> {
    outcomes
        .iter()
        .map(|outcome| place(planner, *outcome))
        .collect()
}

fn expected(places: &[(&str, u64)]) -> Vec<(String, u64)> {
    places
        .iter()
        .map(|(place, delay)| (place.to_string(), *delay))
        .collect()
}

const FAILED: Outcome = Outcome::ConnectFailed;

#[test]
fn hosts_that_cannot_be_connected_to_are_gone_through_before_any_delay() {
    let mut planner = planner(&HIGHEST);
    planner.set_targets(&targets(&[(30, 0, "c"), (10, 0, "a"), (20, 0, "b")]));
    assert_eq!(
        places(&mut planner, &[FAILED; 7]),
        expected(&[
            ("srv a", 60),
            ("srv b", 0),
            ("srv c", 0),
            ("srv a", 120),
            ("srv b", 0),
            ("srv c", 0),
            ("srv a", 240),
        ])
    );
}

#[test]
fn a_host_that_fails_after_tcp_is_followed_by_another_one_after_a_delay() {
    let mut planner = planner(&HIGHEST);
    planner.set_targets(&targets(&[(1, 0, "a"), (2, 0, "b")]));
    let tls = Outcome::Closed(Disconnect::TlsFailed);
    assert_eq!(
        places(&mut planner, &[FAILED, tls, SHUTDOWN, LOST]),
        expected(&[
            ("srv a", 60),
            ("srv b", 120),
            ("srv a", 240),
            ("srv b", 480)
        ])
    );
}

#[test]
fn the_host_of_a_stream_that_was_established_comes_first_unless_it_cannot_serve() {
    for (outcome, next, delay) in [
        (LOST, ["srv b", "srv a", "srv c"], 60),
        (RESET, ["srv b", "srv a", "srv c"], 5),
        (SHUTDOWN, ["srv a", "srv b", "srv c"], 60),
    ] {
        let mut planner = planner(&HIGHEST);
        planner.set_targets(&targets(&[(1, 0, "a"), (2, 0, "b"), (3, 0, "c")]));
        places(&mut planner, &[FAILED, FAILED]);
        assert_eq!(planner.host(), Some(&host("b")));
        let _ = planner.next(at(0), Outcome::Established);
        let plan = connect(planner.next(at(60), outcome));
        assert_eq!(plan.delay.as_secs(), delay);
        let mut seen = alloc::vec![format!("srv {}", planner.host().unwrap())];
        seen.extend((0..2).map(|_| place(&mut planner, FAILED).0));
        let first = format!("{}.example:5222", next[0]);
        assert_eq!(seen[0], first, "{outcome:?}");
        assert_eq!(seen[1..], next[1..], "{outcome:?}");
    }
}

#[test]
fn hosts_are_ordered_by_priority_and_at_random_by_weight() {
    let records = targets(&[
        (5, 0, "zero"),
        (5, 1, "one"),
        (5, 3, "three"),
        (1, 9, "best"),
    ]);
    let mut first = alloc::collections::BTreeMap::<String, u32>::new();
    for seed in 0..4_000 {
        let mut planner = planner(seeded(seed));
        planner.set_targets(&records);
        let order = [(); 4].map(|()| place(&mut planner, FAILED).0);
        assert_eq!(order[0], "srv best");
        let mut sorted = order.clone();
        sorted.sort();
        assert_eq!(sorted, ["srv best", "srv one", "srv three", "srv zero"]);
        *first.entry(order[1].clone()).or_default() += 1;
    }
    // Of 0 to 4, 0 means the first of the list, which has weight 0: one in five; then by weight.
    let share = |name: &str| first.get(name).copied().unwrap_or(0) * 5 / 4_000;
    let counts = format!("{first:?}");
    assert!((700..900).contains(&first["srv zero"]), "{counts}");
    assert!((700..900).contains(&first["srv one"]), "{counts}");
    assert!((2_250..2_550).contains(&first["srv three"]), "{counts}");
    assert_eq!(share("srv best"), 0);
}

#[test]
fn without_randomness_hosts_are_still_gone_through() {
    let mut planner = planner(&Failing);
    planner.set_targets(&targets(&[(2, 1, "c"), (1, 5, "b"), (1, 0, "a")]));
    let seen = [(); 3].map(|()| place(&mut planner, FAILED).0);
    assert_eq!(seen, ["srv a", "srv b", "srv c"]);
}

#[test]
fn the_number_of_hosts_is_bounded_and_the_best_are_kept() {
    let names: Vec<String> = (0..100).map(|n| format!("h{n:02}")).collect();
    let records: Vec<_> = (0..100_u16)
        .rev()
        .map(|n| (n, 0, names[usize::from(n)].as_str()))
        .collect();
    let mut planner = planner(&HIGHEST);
    planner.set_targets(&targets(&records));
    let seen: Vec<_> = (0..33).map(|_| place(&mut planner, FAILED).0).collect();
    assert_eq!(seen[31], "srv h31");
    assert_eq!(seen[32], "srv h00");
}

#[test]
fn the_location_is_tried_once_after_a_stream_and_then_the_usual_hosts() {
    for ended in [LOST, RESET, SHUTDOWN] {
        for records in [&[][..], &[(1, 0, "a")]] {
            let usual = match records {
                [] => "original",
                _ => "srv a",
            };
            for failure in [FAILED, LOST, Outcome::Closed(Disconnect::TlsFailed)] {
                let mut planner = planner(&HIGHEST);
                planner.set_targets(&targets(records));
                // Not before a stream was established.
                planner.set_location(Some(host("node")));
                assert_eq!(place(&mut planner, FAILED).0, usual);
                let _ = planner.next(at(0), Outcome::Established);
                assert_eq!(place(&mut planner, ended).0, "location node", "{ended:?}");
                assert_eq!(place(&mut planner, failure).0, usual);
                // It is forgotten, also by the next stream.
                let _ = planner.next(at(0), Outcome::Established);
                assert_eq!(place(&mut planner, ended).0, usual);
            }
        }
    }
    // As long as it works, it is preferred: `<resumed/>` names none.
    let mut planner = planner(&HIGHEST);
    planner.set_location(Some(host("node")));
    for _ in 0..3 {
        let _ = planner.next(at(0), Outcome::Established);
        assert_eq!(place(&mut planner, LOST).0, "location node");
    }
    planner.set_location(None);
    let _ = planner.next(at(0), Outcome::Established);
    assert_eq!(place(&mut planner, LOST).0, "original");
}

#[test]
fn rfc6120_4_9_3_19_a_redirect_goes_before_the_location_and_if_it_fails_the_usual_hosts_follow() {
    let mut redirected = planner(&HIGHEST);
    redirected.set_targets(&targets(&[(1, 0, "a")]));
    redirected.set_location(Some(host("node")));
    let _ = redirected.next(at(0), Outcome::Established);
    redirected.set_redirect(host("other"));
    assert_eq!(place(&mut redirected, REDIRECT).0, "redirect other");
    assert_eq!(place(&mut redirected, FAILED).0, "srv a");
    // A driver that keeps the host itself.
    assert_eq!(place(&mut redirected, REDIRECT).0, "redirect");
    // A host that was named belongs to one redirect.
    assert_eq!(redirected.host(), None);
}

/// With each of several hosts a refusal may be that host's alone.
#[test]
fn every_host_is_tried_before_refusals_are_believed() {
    let config = PlannerConfig::new().with_max_refusals(1);
    let mut planner = Planner::new(config, &HIGHEST);
    planner.set_targets(&targets(&[
        (1, 0, "a"),
        (2, 0, "b"),
        (3, 0, "c"),
        (4, 0, "d"),
    ]));
    places(&mut planner, &[FAILED]);
    let seen = places(&mut planner, &[REFUSED; 3]);
    let names: Vec<_> = seen.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(names, ["srv b", "srv c", "srv d"]);
    let plan = planner.next(at(0), REFUSED);
    assert_eq!(plan, Plan::GiveUp(GiveUp::Refused));
}
