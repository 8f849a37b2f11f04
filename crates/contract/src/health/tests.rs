//! What goes wrong, and what ends it.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use super::*;
use crate::facts::Facts;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_refused_validation_counts_until_one_is_answered_and_a_large_body_for_a_day() {
    let mut health = Health::default();
    for second in [5, 6] {
        health.validation_refused(at(second));
        health.too_large(at(second));
    }
    health.accepted();
    assert_eq!(health.refused_validations.unwrap().count, 2);
    health.validated();
    assert_eq!(health.refused_validations, None);
    let run = health.too_large.unwrap();
    assert_eq!((run.count, run.since), (2, at(5)));
    let day = DAY.as_secs();
    assert!(!run.is_old(at(5 + day)) && run.is_old(at(6 + day)));
    health.too_large(at(6 + day));
    assert_eq!(health.too_large.unwrap().count, 1, "that is another matter");
    let both = health.clone().merged(health);
    assert_eq!(both.too_large.unwrap().count, 2);
}

#[test]
fn a_run_counts_from_its_beginning_to_the_first_right_signature() {
    let mut health = Health::default();
    for second in [5, 6, 9] {
        health.rejected(at(second), true);
        health.unsigned(at(second));
        health.outside_window(at(second));
    }
    let run = Some(Run {
        count: 3,
        since: at(5),
        last: at(9),
    });
    assert_eq!(
        (
            health.wrong_signatures,
            health.missing_headers,
            health.outside_window
        ),
        (run, run, run)
    );
    health.accepted();
    assert_eq!(health, Health::default());
}

#[test]
fn a_few_wrong_signatures_that_zoom_did_not_repeat_are_forgotten() {
    let (steady, gap) = (STEADY.as_secs(), GAP.as_secs());
    let since = |seconds: &[i64], is_repeated| {
        let mut health = Health::default();
        for second in seconds {
            health.rejected(at(*second), is_repeated);
        }
        health.wrong_signatures.map(|run| (run.count, run.since))
    };
    assert_eq!(since(&[0, 1, 1 + gap], true), Some((1, at(1 + gap))));
    assert_eq!(since(&[0, 1, gap], true), Some((3, at(0))), "no gap");
    let zooms = [0, steady, steady + gap];
    assert_eq!(since(&zooms, true), Some((3, at(0))), "as Zoom repeats");
    assert_eq!(
        since(&[0, 1, 1 + gap], false),
        Some((3, at(0))),
        "Zoom repeats no 401"
    );
}

#[test]
fn a_right_signature_with_wrong_authentication_clears_the_secret_and_nothing_else() {
    let mut health = Health::default();
    health.rejected(at(5), true);
    health.unsigned(at(5));
    health.outside_window(at(5));
    health.unauthenticated(at(6), true);
    health.unauthenticated(at(7), false);
    assert_eq!(
        (health.wrong_signatures, health.missing_headers),
        (None, None)
    );
    let runs = [health.outside_window, health.wrong_authentication];
    assert_eq!(
        runs.map(|run| run.map(|run| run.since)),
        [Some(at(5)), Some(at(6))]
    );
    let both = health.clone().merged(health);
    let runs = [both.outside_window, both.wrong_authentication];
    assert_eq!(runs.map(|run| run.map(|run| run.count)), [Some(2), Some(4)]);
    assert_eq!(both.without_authentication, 2);
    let mut both = both;
    both.accepted();
    assert_eq!(both, Health::default());
}

#[test]
fn an_accepted_event_ends_the_sinks_failures() {
    let mut health = Health::default();
    health.not_delivered(at(5), "sink answered 503");
    health.not_delivered(at(7), "sink timed out");
    assert_eq!(health.sink_failures.map(|run| run.count), Some(2));
    assert_eq!(health.sink_cause.as_deref(), Some("sink timed out"));
    health.delivered(at(9));
    assert_eq!(health.last_delivered, Some(at(9)));
    assert_eq!((health.sink_failures, health.sink_cause), (None, None));
}

#[test]
fn two_receivers_add_up() {
    let (mut one, mut other) = (Health::default(), Health::default());
    one.rejected(at(5), true);
    one.not_delivered(at(5), "first");
    one.removed(at(5), "ada", "a");
    other.rejected(at(3), true);
    other.not_delivered(at(9), "second");
    other.removed(at(6), "ada", "a");
    // Within the hour.
    other.removed(at(3605), "ada", "a");
    assert_eq!(other.unverified_removals[0].at, at(6));
    other.set_aside = 2;
    let both = one.clone().merged(other.clone());
    assert_eq!(both, other.merged(one));
    assert_eq!(
        both.wrong_signatures.map(|run| (run.count, run.since)),
        Some((2, at(3)))
    );
    assert_eq!(both.sink_cause.as_deref(), Some("second"));
    assert_eq!(both.unverified_removals.len(), 1);
    assert_eq!(both.unverified_removals[0].at, at(6));
}

/// Only a request to the same receiver ends what one has counted.
#[test]
fn strangers_of_two_days_at_two_receivers_are_not_zoom() {
    let facts = |second: i64, verified: Option<i64>| {
        let mut facts = Facts::default();
        facts
            .health
            .get_or_insert_default()
            .rejected(at(second), true);
        facts.last_verified = verified.map(at);
        facts
    };
    let run = |all: &[Facts], was_verified| {
        let both = Facts::together(all.to_vec(), was_verified).unwrap();
        let reversed = all.iter().rev().cloned().collect();
        assert_eq!(Facts::together(reversed, was_verified), Some(both.clone()));
        let run = both.health.unwrap().wrong_signatures.unwrap();
        (run.count, run.is_steady())
    };
    let day = 24 * 3600;
    let two = |verified| [facts(100, verified), facts(100 + day, None)];
    assert_eq!(run(&two(Some(50)), false), (1, false));
    let within = [facts(100, Some(50)), facts(100 + 3600, None)];
    assert_eq!(run(&within, false), (2, true));
    // Zoom does not repeat what is answered 401.
    assert_eq!(run(&two(None), false), (2, true));
    // Pods that replaced others have seen no right signature themselves.
    assert_eq!(run(&two(None), true), (1, false));
    let three = [
        facts(100, None),
        facts(100 + day, None),
        facts(100 + 2 * day, Some(50)),
    ];
    assert_eq!(run(&three, false), (1, false));
    assert_eq!(Facts::together(vec![], true), None);
}

#[test]
fn the_latest_undeclared_events_are_kept_with_their_hour() {
    let mut health = Health::default();
    for n in 0..20 {
        health.undeclared(at(3600 * n + 7), &format!("user.event_{n}"));
    }
    health.undeclared(at(3600 * 99), "no name");
    assert_eq!(health.undeclared.len(), MAX_UNDECLARED);
    assert_eq!(health.undeclared["user.event_19"], at(3600 * 19));
    assert!(!health.undeclared.contains_key("user.event_3"));
    let mut other = Health::default();
    other.undeclared(at(3600 * 50), "user.event_19");
    other.undeclared(at(3600 * 50), "meeting.ended");
    let both = health.clone().merged(other.clone());
    assert_eq!(both, other.merged(health));
    assert_eq!(both.undeclared.len(), MAX_UNDECLARED);
    assert_eq!(both.undeclared["user.event_19"], at(3600 * 50));
    assert!(both.is_bounded());
    let text = r#"{"undeclared":{"a b":"2026-01-01T00:00:00Z"}}"#;
    assert!(!serde_json::from_str::<Health>(text).unwrap().is_bounded());
}

#[test]
fn what_a_receiver_may_say_is_bounded() {
    let mut health = Health::default();
    for n in 0..100 {
        health.removed(at(n), &format!("user-{n}"), "a");
    }
    health.removed(at(1000), "no id", "a");
    assert_eq!(health.unverified_removals.len(), MAX_REMOVALS);
    assert!(health.is_bounded());
    for cause in ["x".repeat(MAX_CAUSE + 1), "a\nb".into()] {
        let health = Health {
            sink_cause: Some(cause),
            ..Health::default()
        };
        assert!(!health.is_bounded());
    }
}

#[test]
fn fields_of_later_versions_are_ignored_and_missing_ones_are_empty() {
    let health: Health = serde_json::from_str(r#"{"setAside":3,"more":{"x":1}}"#).unwrap();
    assert_eq!(health.set_aside, 3);
    let empty = serde_json::to_string(&Health::default()).unwrap();
    assert_eq!(empty, r#"{"setAside":0}"#);
}

#[test]
fn what_is_not_taken_is_told_with_the_trouble_of_the_last_one() {
    let (mut one, mut other) = (Health::default(), Health::default());
    one.not_taken(at(10), OwnTrouble::Busy);
    other.not_taken(at(5), OwnTrouble::Deadline);
    for merged in [one.clone().merged(other.clone()), other.merged(one.clone())] {
        let run = merged.not_taken.unwrap();
        assert_eq!((run.count, run.since, run.last), (1, at(10), at(10)));
        assert_eq!(merged.not_taken_for, Some(OwnTrouble::Busy));
    }
    let text = serde_json::to_string(&one).unwrap();
    let later = text.replace("Busy", "Tired");
    let read: Health = serde_json::from_str(&later).unwrap();
    assert_eq!(read.not_taken_for, Some(OwnTrouble::Other));
    one.taken();
    assert_eq!(one, Health::default());
}
