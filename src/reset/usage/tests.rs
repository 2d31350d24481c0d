//! Tests of the meter of TLS keys.

use super::*;

const AES_GCM: u64 = 1 << 24;
const START: Instant = Instant::from_millis(1_000);

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn tls12(records_sent: u64) -> KeyUsage {
    KeyUsage {
        records_sent,
        ..KeyUsage::new(AES_GCM)
    }
}

/// Returns the number of records at which the first advice comes.
fn first_advice(policy: UsagePolicy, keys: impl Fn(u64) -> KeyUsage) -> u64 {
    let (mut low, mut high) = (0, u64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        match Usage::new(policy, START).check(START, &keys(middle)) {
            Some(_) => high = middle,
            None => low = middle + 1,
        }
    }
    low
}

#[test]
fn rfc6120_5_3_5_1_sequence_exhaustion_asks_for_a_reset_with_room_left() {
    let policy = UsagePolicy::default();
    let first = first_advice(policy, tls12);
    assert_eq!(first, AES_GCM - 1 - 16 - 65_536);
    let mut usage = Usage::new(policy, START);
    assert_eq!(usage.check(START, &tls12(first - 1)), None);
    assert_eq!(
        usage.check(START, &tls12(first)),
        Some(ResetCause::SequenceLimit)
    );
    assert_eq!(usage.room(&tls12(first)), 65_536);
}

#[test]
fn the_finished_record_is_counted_and_the_reserve_kept() {
    let policy = UsagePolicy {
        records_before: 0,
        reserve_records: 3,
        ..UsagePolicy::default()
    };
    let keys = |records_sent| KeyUsage {
        records_sent,
        ..KeyUsage::new(20)
    };
    // 20 numbers, one for Finished, three reserved.
    assert_eq!(first_advice(policy, keys), 16);
    let usage = Usage::new(policy, START);
    assert_eq!(usage.room(&keys(15)), 1);
    assert_eq!(usage.room(&keys(16)), 0);
    assert_eq!(usage.room(&keys(u64::MAX)), 0);
}

#[test]
fn queued_text_counts_as_if_it_were_sealed() {
    let policy = UsagePolicy::default();
    let queued = |records_queued| KeyUsage {
        records_queued,
        ..tls12(1_000)
    };
    assert_eq!(
        first_advice(policy, queued),
        AES_GCM - 1 - 16 - 65_536 - 1_000
    );
    assert_eq!(
        Usage::new(policy, START).room(&queued(5)),
        AES_GCM - 1 - 16 - 1_000 - 5
    );
    assert_eq!(UsagePolicy::reserve_for(0), 16);
    assert_eq!(UsagePolicy::reserve_for(65_536), 16 + 16_384);
}

#[test]
fn the_receiving_direction_counts_too() {
    let received = |records_received| KeyUsage {
        records_received,
        ..tls12(0)
    };
    let policy = UsagePolicy::default();
    assert_eq!(first_advice(policy, received), first_advice(policy, tls12));
}

#[test]
fn keys_that_rekey_themselves_need_a_reset_only_for_a_peer_that_does_not() {
    let policy = UsagePolicy::default();
    let tls13 = |records_sent, records_received| KeyUsage {
        records_sent,
        records_received,
        ..KeyUsage::rekeying(AES_GCM)
    };
    assert_eq!(first_advice(policy, |n| tls13(n, 0)), u64::MAX);
    assert_eq!(first_advice(policy, |n| tls13(0, n)), AES_GCM + 1);
    assert_eq!(Usage::new(policy, START).room(&tls13(AES_GCM, 0)), u64::MAX);
}

#[test]
fn a_suite_without_a_limit_never_runs_out() {
    let endless = |records_sent| KeyUsage {
        records_sent,
        ..KeyUsage::new(u64::MAX)
    };
    let mut usage = Usage::new(UsagePolicy::default(), START);
    assert_eq!(usage.check(START, &endless(u64::MAX)), None);
    assert_eq!(usage.room(&endless(u64::MAX)), u64::MAX);
    assert_eq!(usage.deadline(), None);
}

#[test]
fn bytes_and_records_of_either_direction_ask_for_fresh_keys() {
    let policy = UsagePolicy {
        bytes: Some(1_000),
        records: Some(10),
        ..UsagePolicy::default()
    };
    let keys = KeyUsage::rekeying(u64::MAX);
    let advice = |keys| Usage::new(policy, START).check(START, &keys);
    assert_eq!(advice(keys), None);
    for used in [
        KeyUsage {
            bytes_sent: 1_000,
            ..keys
        },
        KeyUsage {
            bytes_received: 1_000,
            ..keys
        },
        KeyUsage {
            records_sent: 10,
            ..keys
        },
        KeyUsage {
            records_received: 10,
            ..keys
        },
    ] {
        assert_eq!(advice(used), Some(ResetCause::KeyRefresh), "{used:?}");
    }
    let short = KeyUsage {
        bytes_sent: 999,
        bytes_received: 999,
        records_sent: 9,
        ..keys
    };
    assert_eq!(advice(short), None);
}

#[test]
fn rfc6120_13_7_2_3_1_certificate_expiry_asks_for_a_reset_on_its_deadline() {
    let policy = UsagePolicy {
        certificate_expires: Some(at(100)),
        age: Some(Duration::from_secs(60)),
        ..UsagePolicy::default()
    };
    let mut usage = Usage::new(policy, START);
    assert_eq!(usage.deadline(), Some(at(60)));
    assert_eq!(usage.check(at(59), &tls12(0)), None);
    assert_eq!(usage.check(at(60), &tls12(0)), Some(ResetCause::KeyRefresh));
    assert_eq!(usage.deadline(), Some(at(100)));
    assert_eq!(usage.check(at(99), &tls12(0)), None);
    assert_eq!(
        usage.check(at(100), &tls12(0)),
        Some(ResetCause::CertificateExpired)
    );
    // The advice comes once, so a driver that sleeps until the deadline does not spin.
    assert_eq!(usage.deadline(), None);
    assert_eq!(usage.check(at(200), &tls12(u64::MAX)), None);
}

#[test]
fn a_clock_that_steps_back_takes_no_advice_back_and_gives_none_twice() {
    let policy = UsagePolicy {
        age: Some(Duration::from_secs(60)),
        ..UsagePolicy::default()
    };
    let mut usage = Usage::new(policy, START);
    assert_eq!(usage.check(at(60), &tls12(0)), Some(ResetCause::KeyRefresh));
    assert_eq!(usage.check(at(0), &tls12(0)), None);
    assert_eq!(usage.check(at(61), &tls12(0)), None);
}

#[test]
fn every_deadline_makes_progress() {
    for age in [None, Some(0), Some(5), Some(50)] {
        for expiry in [None, Some(0), Some(5), Some(50)] {
            let policy = UsagePolicy {
                age: age.map(Duration::from_secs),
                certificate_expires: expiry.map(at),
                ..UsagePolicy::default()
            };
            let mut usage = Usage::new(policy, START);
            let mut rounds = 0;
            while let Some(deadline) = usage.deadline() {
                assert!(usage.check(deadline, &tls12(0)).is_some(), "{policy:?}");
                rounds += 1;
                assert!(rounds <= 2, "{policy:?}");
            }
            assert_eq!(rounds > 0, age.is_some() || expiry.is_some());
        }
    }
}

fn quiet() -> UsagePolicy {
    UsagePolicy {
        age: Some(Duration::from_secs(100)),
        timing: ResetTiming::Quiet {
            idle: Duration::from_secs(2),
            within: Duration::from_secs(30),
        },
        ..UsagePolicy::default()
    }
}

#[test]
fn an_advised_reset_waits_for_a_quiet_moment_and_no_longer_than_it_may() {
    for (quiet_since, due) in [
        (Some(at(100)), at(102)),
        (Some(at(104)), at(106)),
        // Never quiet: something is always under way, or was a moment ago.
        (None, at(130)),
        (Some(at(129)), at(130)),
    ] {
        let mut usage = Usage::new(quiet(), START);
        assert_eq!(usage.take_due(at(99), Some(START), &tls12(0)), None);
        assert_eq!(usage.reset_deadline(None), None);
        // The early warning.
        assert_eq!(
            usage.check(at(100), &tls12(0)),
            Some(ResetCause::KeyRefresh)
        );
        assert_eq!(usage.reset_deadline(None), Some(at(130)));
        assert_eq!(usage.reset_deadline(quiet_since), Some(due));
        let before = Instant::from_millis(due.as_millis() - 1);
        assert_eq!(usage.take_due(before, quiet_since, &tls12(0)), None);
        let taken = usage.take_due(due, quiet_since, &tls12(0));
        assert_eq!(taken, Some(ResetCause::KeyRefresh));
        assert_eq!(usage.take_due(at(999), quiet_since, &tls12(0)), None);
    }
}

#[test]
fn a_reset_that_waits_comes_at_once_when_only_the_reserve_of_records_is_left() {
    let policy = UsagePolicy {
        records_before: 100,
        reserve_records: 16,
        ..quiet()
    };
    let last = AES_GCM - 1 - 16;
    let received = |records_received| KeyUsage {
        records_received,
        ..tls12(0)
    };
    let queued = |records_queued| KeyUsage {
        records_queued,
        ..tls12(last - 10)
    };
    for (below, at_the_reserve) in [
        (tls12(last - 1), tls12(last)),
        (received(last - 1), received(last)),
        (queued(9), queued(10)),
    ] {
        let mut usage = Usage::new(policy, START);
        assert_eq!(usage.check(START, &below), Some(ResetCause::SequenceLimit));
        assert_eq!(usage.take_due(START, None, &below), None);
        let taken = usage.take_due(START, None, &at_the_reserve);
        assert_eq!(taken, Some(ResetCause::SequenceLimit));
    }
}

#[test]
fn without_a_quiet_moment_asked_for_only_keys_and_lost_identities_reset_by_themselves() {
    let policy = UsagePolicy {
        age: Some(Duration::from_secs(10)),
        certificate_expires: Some(at(20)),
        ..UsagePolicy::default()
    };
    let mut usage = Usage::new(policy, START);
    assert_eq!(usage.check(at(10), &tls12(0)), Some(ResetCause::KeyRefresh));
    assert_eq!(usage.take_due(at(10), Some(START), &tls12(0)), None);
    let all = tls12(AES_GCM);
    assert_eq!(usage.check(at(11), &all), Some(ResetCause::SequenceLimit));
    let taken = usage.take_due(at(11), None, &all);
    assert_eq!(taken, Some(ResetCause::SequenceLimit));
    let expired = Some(ResetCause::CertificateExpired);
    assert_eq!(usage.check(at(20), &all), expired);
    assert_eq!(usage.take_due(at(20), None, &all), expired);
}

/// The identity is lost, so the reset does not wait for a quiet moment.
#[test]
fn rfc6120_13_7_2_3_1_an_expired_certificate_of_the_peer_waits_for_no_quiet_moment() {
    let mut usage = Usage::new(quiet(), START).with_certificates(None, Some(at(90)));
    assert_eq!(usage.deadline(), Some(at(90)));
    let expired = Some(ResetCause::CertificateExpired);
    assert_eq!(usage.check(at(90), &tls12(0)), expired);
    assert_eq!(usage.take_due(at(90), None, &tls12(0)), expired);
}

#[test]
fn rfc6120_13_7_2_3_1_certificates_are_warned_of_a_lead_before_they_expire() {
    let policy = UsagePolicy {
        certificate_lead: Duration::from_secs(50),
        ..UsagePolicy::default()
    };
    let expiring = Some(ResetCause::CertificateExpiring);
    // This side's: there is the warning, and the peer decides what comes at the end.
    let mut usage = Usage::new(policy, START).with_certificates(Some(at(200)), None);
    assert_eq!(usage.deadline(), Some(at(150)));
    assert_eq!(usage.check(at(149), &tls12(0)), None);
    assert_eq!(usage.check(at(150), &tls12(0)), expiring);
    assert_eq!(usage.deadline(), None);
    // The peer's.
    let mut usage = Usage::new(policy, START).with_certificates(Some(at(500)), Some(at(200)));
    assert_eq!(usage.check(at(150), &tls12(0)), expiring);
    assert_eq!(usage.deadline(), Some(at(200)));
}

/// Each reset would bring the same certificate again.
#[test]
fn a_certificate_that_was_not_renewed_in_time_causes_no_second_reset() {
    let policy = UsagePolicy {
        certificate_lead: Duration::from_secs(50),
        ..UsagePolicy::default()
    };
    for left in [1, 49, 50] {
        let usage = Usage::new(policy, START).with_certificates(Some(at(left)), None);
        assert_eq!(usage.deadline(), None, "{left}");
        // The peer's ends with its identity.
        let usage = Usage::new(policy, START).with_certificates(None, Some(at(left)));
        assert_eq!(usage.deadline(), Some(at(left)));
    }
}

/// Gives the same byte always.
#[derive(Debug)]
struct Constant(u8);

impl Random for Constant {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), crate::random::RandomError> {
        bytes.fill(self.0);
        Ok(())
    }
}

/// By the second: streams of one age, of one certificate, with the same traffic.
#[test]
fn rfc6120_4_3_5_streams_that_began_together_are_not_reset_together() {
    let policy = UsagePolicy {
        age: Some(Duration::from_secs(1_000)),
        jitter: Duration::from_secs(400),
        certificate_lead: Duration::from_secs(50),
        records: Some(80),
        records_before: 100,
        ..UsagePolicy::default()
    };
    // Age, certificate, records, sequence limit: without jitter, and with all of it.
    let stream = |random: &Constant| Usage::new(policy, START).with_jitter(random);
    let times = |random: &Constant| {
        let by_age = stream(random).deadline().unwrap();
        let usage = stream(random).with_certificates(Some(at(900)), None);
        (by_age, usage.deadline().unwrap())
    };
    assert_eq!(times(&Constant(0)), (at(1_000), at(850)));
    assert_eq!(times(&Constant(0xff)), (at(600), at(450)));
    let (by_age, by_certificate) = times(&Constant(0x80));
    assert!(by_age > at(795) && by_age < at(805), "{by_age:?}");
    assert!(by_certificate > at(645) && by_certificate < at(655));
    let records = |random: &Constant, from: u64, to: u64| {
        let advised = |n: &u64| stream(random).check(START, &tls12(*n)).is_some();
        (from..to).find(advised).unwrap()
    };
    assert_eq!(records(&Constant(0), 0, 100), 80);
    assert_eq!(records(&Constant(0xff), 0, 100), 70);
    let limit = |random: &Constant| {
        let policy = UsagePolicy {
            records: None,
            ..policy
        };
        let usage = Usage::new(policy, START).with_jitter(random);
        let advised = |n: &u64| usage.clone().check(START, &tls12(*n)).is_some();
        (AES_GCM - 400..AES_GCM).find(advised).unwrap()
    };
    assert_eq!(limit(&Constant(0)) - limit(&Constant(0xff)), 100);
    // No more than half of the age goes.
    let old = UsagePolicy {
        jitter: Duration::MAX,
        ..policy
    };
    let usage = Usage::new(old, START).with_jitter(&Constant(0xff));
    assert_eq!(usage.deadline(), Some(at(500)));
    let usage = usage.with_certificates(None, Some(at(900)));
    assert_eq!(usage.deadline(), Some(at(425)));
}
