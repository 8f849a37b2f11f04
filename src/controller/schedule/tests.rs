use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_token_of_an_hour_is_replaced_between_42_and_48_minutes() {
    let times: Vec<i64> = (0..1000)
        .map(|n| refresh_at(at(0), at(3600), &format!("uid-{n}")).as_second())
        .collect();
    assert!(times.iter().all(|t| (2520..=2880).contains(t)));
    let distinct: std::collections::BTreeSet<_> = times.iter().collect();
    assert!(
        distinct.len() > 250,
        "a fleet must spread: {}",
        distinct.len()
    );
}

#[test]
fn a_very_short_life_makes_no_hot_loop() {
    assert_eq!(refresh_at(at(100), at(101), "u"), at(110));
}

fn retrying(cause: Retry, attempts: i32) -> Retrying {
    Retrying {
        cause,
        attempts,
        retry_after: None,
        expires_at: None,
    }
}

const UNAVAILABLE: Retry = Retry::Fault(Fault::Unavailable);
const LIMITED: Retry = Retry::Fault(Fault::RateLimited);

#[test]
fn failures_double_up_to_an_hour() {
    let wait = |cause, attempts| {
        let retrying = Retrying {
            expires_at: Some(at(100_000)),
            ..retrying(cause, attempts)
        };
        retry_at(retrying, at(0), "u").as_second()
    };
    assert!((5..=6).contains(&wait(UNAVAILABLE, 1)));
    assert!((10..=12).contains(&wait(UNAVAILABLE, 2)));
    assert!((3600..=3720).contains(&wait(UNAVAILABLE, 40)));
    let person = Retry::Fault(Fault::CredentialsRejected);
    assert!((60..=72).contains(&wait(person, 1)));
    assert!((3600..=3720).contains(&wait(person, i32::MAX)));
}

#[test]
fn without_a_valid_token_it_is_tried_every_few_minutes() {
    for cause in [UNAVAILABLE, LIMITED, Retry::Publish] {
        for expires_at in [None, Some(at(-5)), Some(at(0)), Some(at(20))] {
            let retrying = Retrying {
                expires_at,
                ..retrying(cause, 40)
            };
            let wait = retry_at(retrying, at(0), "u").as_second();
            assert!(
                (300..=360).contains(&wait),
                "{cause:?} {expires_at:?} {wait}"
            );
        }
    }
}

/// Two hours without an answer: how long consumers hold an expired token after Zoom is back.
#[test]
fn an_outage_is_over_within_minutes_of_its_end() {
    let expires = at(3600);
    for uid in ["a", "b", "c", "d", "e"] {
        for end in [1800, 3600, 7200, 36_000] {
            let (mut now, mut attempts) = (at(2700), 0);
            while now < at(end) {
                attempts += 1;
                let retrying = Retrying {
                    expires_at: Some(expires),
                    ..retrying(UNAVAILABLE, attempts)
                };
                now = retry_at(retrying, now, uid);
            }
            let bound = end.max(3600) + 420;
            assert!(now.as_second() <= bound, "{uid} {end}: {now}");
        }
    }
}

#[test]
fn zooms_own_wait_is_kept_and_stretched_by_minutes_at_most() {
    for uid in 0..200 {
        for seconds in [1, 60, 7 * 3600, 14 * 3600] {
            let retrying = Retrying {
                retry_after: Some(Duration::from_secs(seconds)),
                ..retrying(LIMITED, 1)
            };
            let wait = retry_at(retrying, at(0), &uid.to_string()).as_second();
            let asked = i64::try_from(seconds).unwrap();
            assert!(
                wait >= asked && wait <= asked.max(5) + 120,
                "{seconds} {wait}"
            );
        }
    }
}

#[test]
fn a_request_counts_once_and_at_most_once_a_minute() {
    let due = |requested, last: Option<i64>| at_request(Some(at(requested)), last.map(at));
    assert_eq!(at_request(None, None), None);
    assert_eq!(due(100, None), Some(at(100)));
    assert_eq!(due(100, Some(10)), Some(at(100)));
    assert_eq!(due(100, Some(90)), Some(at(150)));
    assert_eq!(due(100, Some(100)), None);
    assert_eq!(due(100, Some(101)), None);
}

#[test]
fn a_receiver_is_asked_less_often_with_time() {
    let wait = |validated, since: i64| {
        next_facts(validated, false, Some(at(since)), at(10_000)).as_second() - 10_000
    };
    let awaits_change = next_facts(true, true, Some(at(1)), at(10_000));
    assert_eq!(awaits_change, at(10_060));
    assert_eq!(wait(false, 9_999), 15);
    assert_eq!(wait(false, 1), 60);
    assert_eq!(wait(true, 9_999), 300);
}

#[test]
fn the_next_pass_is_the_earliest_time_ahead() {
    let secs = |times: &[i64]| wait(times.iter().map(|t| at(*t)), at(100)).as_secs();
    assert_eq!(secs(&[50, 130, 110]), 10);
    assert_eq!(secs(&[]), 36_000);
    assert_eq!(secs(&[50]), 36_000);
}

proptest! {
    #[test]
    fn a_refresh_lies_inside_the_life_of_the_token(life in 60_i64..1_000_000, uid in ".*") {
        let refresh = refresh_at(at(0), at(life), &uid);
        prop_assert!(refresh > at(0) && refresh < at(life));
    }

    /// The kubelet brings a changed Secret to a mounted volume within about 90 seconds. Until then consumers
    /// have the former token, which Zoom leaves valid until it expires.
    #[test]
    fn a_mounted_secret_is_changed_before_the_former_token_expires(life in 450_i64..90_000, uid in "[0-9a-f]{8}") {
        let lead = between(refresh_at(at(0), at(life), &uid), at(life));
        prop_assert!(lead >= Duration::from_secs(90), "{lead:?}");
        prop_assert!(life < 3599 || lead >= Duration::from_mins(11), "{lead:?}");
    }

    #[test]
    fn a_retry_lies_ahead(attempts in i32::MIN..i32::MAX, after in proptest::option::of(0_u64..90_000)) {
        let retrying = Retrying {
            retry_after: after.map(Duration::from_secs),
            ..retrying(Retry::Scopes, attempts)
        };
        prop_assert!(retry_at(retrying, at(0), "u") > at(0));
    }
}

#[test]
fn clocks_agree_within_a_minute() {
    for (other, agrees) in [(1000, true), (1060, true), (1061, false), (939, false)] {
        assert_eq!(agree(at(1000), at(other)), agrees, "{other}");
    }
}
