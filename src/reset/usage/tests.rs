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
        ..KeyUsage::new(AES_GCM, false)
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
        ..KeyUsage::new(20, false)
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
        ..KeyUsage::new(AES_GCM, true)
    };
    assert_eq!(first_advice(policy, |n| tls13(n, 0)), u64::MAX);
    assert_eq!(first_advice(policy, |n| tls13(0, n)), AES_GCM + 1);
    assert_eq!(Usage::new(policy, START).room(&tls13(AES_GCM, 0)), u64::MAX);
}

#[test]
fn a_suite_without_a_limit_never_runs_out() {
    let endless = |records_sent| KeyUsage {
        records_sent,
        ..KeyUsage::new(u64::MAX, false)
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
    let keys = KeyUsage::new(u64::MAX, true);
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
