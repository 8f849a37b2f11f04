//! What is counted and named of all objects.

use contract::facts::BufferFacts;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

use super::*;
use crate::{
    api::v1alpha1::{Phase, UnclaimedAccounts},
    controller::rollouts::Progress,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn member(phase: Phase, expires: i64) -> Member {
    Member {
        phase,
        expires_at: Some(at(expires)),
        issued_at: None,
        stalled: (phase == Phase::Degraded).then_some(Reason::CredentialsRejected),
        unready: None,
        receiver_down: false,
        unrouted: None,
        unclaimed: None,
        validation_overdue: false,
        validated: None,
        receiver: None,
        buffer: None,
    }
}

fn named(name: &str) -> Key {
    Key::integration("clinics", name)
}

#[test]
fn work_that_should_have_happened_is_counted_and_suspended_work_is_not() {
    let mut fleet = Fleet::default();
    let mut see = |name: &str, phase, expires, next| {
        let wait = Duration::from_secs(next);
        fleet.passed(named(name), Some(member(phase, expires)), wait, at(0));
    };
    see("late", Phase::Connected, 500, 100);
    see("expired", Phase::Degraded, 300, 350);
    see("suspended", Phase::Suspended, 1, 1);
    let figures = fleet.figures(at(401));
    assert_eq!((figures.overdue, figures.expired), (1, 1));
    assert_eq!(figures.soonest_expiry, Some(at(300)));
    let stalled = &figures.integrations.stalled;
    assert_eq!(stalled.get(&Reason::CredentialsRejected), Some(&1));
    assert!(figures.connections.stalled.is_empty());
}

#[test]
fn receivers_are_counted_by_their_progress_and_buffers_are_added_up() {
    let mut fleet = Fleet::default();
    for (name, progress, pending, full) in [
        ("a", Progress::Current, 1, false),
        ("b", Progress::Outdated, 2, true),
        ("c", Progress::Outdated, 4, false),
    ] {
        let member = Member {
            receiver: Some(progress),
            buffer: Some(BufferFacts {
                pending,
                oldest_seconds: Some(pending * 10),
                full,
                failed: full,
                damaged_stores: pending,
                ..BufferFacts::default()
            }),
            ..member(Phase::Connected, 500)
        };
        fleet.passed(named(name), Some(member), Duration::from_secs(1), at(0));
    }
    let figures = fleet.figures(at(1));
    assert_eq!(
        figures.receivers,
        [
            (Progress::Current, 1),
            (Progress::Rolling, 0),
            (Progress::Outdated, 2),
            (Progress::Stuck, 0)
        ]
    );
    assert_eq!((figures.buffered.pending, figures.buffers_full), (7, 1));
    assert_eq!(
        (figures.buffers_failed, figures.buffered.damaged_stores),
        (1, 7)
    );
    assert_eq!(figures.buffered.oldest_seconds, Some(40));
}

#[test]
fn connections_without_a_route_count_once_their_person_has_authorized() {
    let stated = |reason: &str, status: &str| {
        [serde_json::from_value::<Condition>(json!({
            "type": "EventsRouted", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }))
        .unwrap()]
    };
    let mut fleet = Fleet::default();
    for (name, phase, reason, status) in [
        ("early", Phase::ReadyToInstall, "AccountUnknown", "False"),
        ("unknown", Phase::Connected, "AccountUnknown", "False"),
        ("refused", Phase::ReadyToInstall, "SinkRefused", "False"),
        ("refused-too", Phase::Connected, "SinkRefused", "False"),
        ("routed", Phase::Connected, "Routed", "True"),
        ("suspended", Phase::Suspended, "SinkRefused", "False"),
    ] {
        let member = Member::new(Some(phase), None, &stated(reason, status));
        let key = Key::connection("clinics", name);
        fleet.passed(key, member, Duration::from_secs(1), at(0));
    }
    let wanted = [(Reason::AccountUnknown, 1), (Reason::SinkRefused, 2)];
    assert_eq!(fleet.figures(at(1)).unrouted, wanted.into());
}

#[test]
fn unclaimed_accounts_count_by_what_becomes_of_their_events() {
    let mut fleet = Fleet::default();
    for (name, policy, accounts) in [
        ("sink", None, vec!["A"]),
        ("drop", Some(UnclaimedAccounts::Drop), vec!["B", "C"]),
        ("none", Some(UnclaimedAccounts::DeadLetter), vec![]),
    ] {
        let status = serde_json::from_value(json!({
            "phase": "Connected", "webhook": {"unclaimedAccounts": accounts},
        }))
        .unwrap();
        let member = Member::of_integration(&status, policy, None, None);
        fleet.passed(named(name), member, Duration::from_secs(1), at(0));
    }
    let counted = fleet.figures(at(1)).unclaimed;
    assert_eq!(counted.map(|(_, number)| number), [1, 0, 2]);
}

#[test]
fn what_is_not_ready_for_long_is_named_up_to_a_limit() {
    let stated = |status: &str, reason: &str, since: i64| {
        [serde_json::from_value::<Condition>(json!({
            "type": "Ready", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": at(since),
        }))
        .unwrap()]
    };
    let mut fleet = Fleet::default();
    let mut pass = |name: &str, phase, status: &str, reason: &str, since| {
        let member = Member::new(Some(phase), None, &stated(status, reason, since));
        fleet.passed(named(name), member, Duration::from_secs(1), at(0));
    };
    pass("long", Phase::Degraded, "False", "CredentialsRejected", 100);
    pass(
        "short",
        Phase::Degraded,
        "False",
        "CredentialsRejected",
        101,
    );
    pass(
        "unknown",
        Phase::Connecting,
        "Unknown",
        "RequestingToken",
        0,
    );
    pass("waits", Phase::ReadyToInstall, "False", "ReadyToInstall", 0);
    pass("well", Phase::Connected, "True", "Connected", 0);
    let wanted = [(named("long"), Reason::CredentialsRejected)];
    assert_eq!(fleet.unready(at(700)), wanted);
    for n in 0..MOST_UNREADY {
        let member = Member::new(
            Some(Phase::Degraded),
            None,
            &stated("False", "NetworkError", 700),
        );
        let key = named(&format!("more-{n}"));
        fleet.passed(key, member, Duration::from_secs(1), at(0));
    }
    let unready = fleet.unready(at(9_999));
    assert_eq!(unready.len(), MOST_UNREADY);
    assert_eq!(unready[0], wanted[0], "the oldest are named");
}

#[test]
fn what_was_deleted_is_not_counted() {
    let mut fleet = Fleet::default();
    for name in ["kept", "deleted"] {
        let member = Some(member(Phase::Degraded, 300));
        fleet.passed(named(name), member, Duration::from_secs(350), at(0));
    }
    fleet.forget(&named("deleted"));
    let figures = fleet.figures(at(401));
    let stalled = &figures.integrations.stalled;
    assert_eq!(stalled.get(&Reason::CredentialsRejected), Some(&1));
}
