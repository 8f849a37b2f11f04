//! Nothing is removed before it is empty.

use super::*;
use crate::controller::integration::model::Order;
use contract::facts::{BufferFacts, Facts};

fn live(kind: Kind, replicas: i32, available: bool) -> Live {
    Live {
        kind,
        replicas,
        running: replicas,
        available,
        buffered: true,
    }
}

/// A Pod with this many events; `None` if it cannot be asked.
fn pod(kind: Kind, ordinal: i32, pending: Option<u64>, draining: bool) -> ReceiverPod {
    ReceiverPod {
        kind,
        name: format!("a-receiver-{ordinal}"),
        address: Some(format!("10.0.0.{ordinal}")),
        leaving: false,
        trouble: None,
        facts: pending.map(|pending| {
            let mut facts = Facts::default();
            facts.buffer = Some(BufferFacts {
                open: true,
                pending,
                draining,
                ..BufferFacts::default()
            });
            facts
        }),
    }
}

fn order(ordinal: i32, drain: bool) -> Order {
    Order {
        address: format!("10.0.0.{ordinal}"),
        drain,
    }
}

const SET: Kind = Kind::StatefulSet;
const DEPLOYMENT: Kind = Kind::Deployment;

#[test]
fn what_is_as_wanted_is_left_alone() {
    let pods = [pod(SET, 0, Some(7), false)];
    let next = transition(Some((SET, 1)), &[live(SET, 1, true)], &pods, false);
    assert_eq!(next, Transition::default());
    assert_eq!(
        transition(Some((SET, 1)), &[], &[], false),
        Transition::default()
    );
}

#[test]
fn the_old_one_goes_on_until_the_new_one_is_available() {
    let pods = [pod(SET, 0, Some(0), false)];
    let now = [live(SET, 1, true), live(DEPLOYMENT, 1, false)];
    let next = transition(Some((DEPLOYMENT, 1)), &now, &pods, true);
    assert_eq!(next.orders, []);
    assert_eq!(next.delete, []);
    assert_eq!(
        next.waiting.map(|waiting| waiting.why),
        Some(Why::Successor)
    );
    let next = transition(Some((DEPLOYMENT, 1)), &now[..1], &pods, false);
    assert_eq!(next.delete, []);
}

#[test]
fn then_it_is_told_to_run_empty_and_goes_when_it_is() {
    let now = [live(SET, 2, true), live(DEPLOYMENT, 1, true)];
    let step = |pods: &[ReceiverPod]| transition(Some((DEPLOYMENT, 1)), &now, pods, false);

    let next = step(&[pod(SET, 0, Some(3), false), pod(SET, 1, Some(0), false)]);
    assert_eq!(next.orders, [order(0, true), order(1, true)]);
    assert_eq!(next.delete, []);
    assert_eq!(
        next.waiting,
        Some(Waiting {
            why: Why::Moving(SET),
            pending: 3,
            silent: 0,
            scaled: None,
        })
    );
    let next = step(&[pod(SET, 0, Some(1), true), pod(SET, 1, Some(0), true)]);
    assert_eq!((next.orders, next.delete), (vec![], vec![]));
    let next = step(&[pod(SET, 0, Some(0), true), pod(SET, 1, Some(0), true)]);
    assert_eq!((next.delete, next.waiting), (vec![SET], None));
}

#[test]
fn empty_but_still_taking_events_is_not_empty() {
    let now = [live(SET, 1, true)];
    let next = transition(None, &now, &[pod(SET, 0, Some(0), false)], false);
    assert_eq!(next.delete, []);
    assert_eq!(next.orders, [order(0, true)]);
}

#[test]
fn a_pod_that_cannot_be_asked_is_not_empty_and_neither_is_one_that_is_missing() {
    let now = [live(SET, 2, true)];
    for pods in [
        vec![pod(SET, 0, Some(0), true)],
        vec![pod(SET, 0, Some(0), true), pod(SET, 1, None, false)],
        vec![],
    ] {
        let next = transition(None, &now, &pods, false);
        assert_eq!(next.delete, []);
        assert!(next.waiting.is_some_and(|waiting| waiting.silent > 0));
    }
}

#[test]
fn a_store_that_cannot_be_read_is_not_empty() {
    let mut closed = pod(SET, 0, Some(0), true);
    if let Some(buffer) = closed
        .facts
        .as_mut()
        .and_then(|facts| facts.buffer.as_mut())
    {
        buffer.open = false;
    }
    let next = transition(None, &[live(SET, 1, true)], &[closed], false);
    assert_eq!(next.delete, []);
    assert_eq!(next.waiting.map(|waiting| waiting.silent), Some(1));
}

#[test]
fn who_says_so_loses_events_at_once() {
    let now = [live(SET, 2, true)];
    assert_eq!(transition(None, &now, &[], true).delete, [SET]);
    let fewer = transition(Some((SET, 1)), &now, &[], true);
    assert_eq!(fewer.replicas, None);
}

#[test]
fn without_a_buffer_there_is_nothing_to_wait_for() {
    let mut old = live(DEPLOYMENT, 1, true);
    old.buffered = false;
    let next = transition(Some((SET, 1)), &[old, live(SET, 1, true)], &[], false);
    assert_eq!(next.delete, [DEPLOYMENT]);
    assert_eq!(transition(None, &[old], &[], false).delete, [DEPLOYMENT]);
    // A workload that was scaled to zero stores nothing.
    let none = live(SET, 0, false);
    assert_eq!(transition(None, &[none], &[], false).delete, [SET]);
}

#[test]
fn fewer_pods_begin_with_the_highest() {
    let now = [live(SET, 3, true)];
    let pods = |pending, draining| {
        [
            pod(SET, 0, Some(9), false),
            pod(SET, 1, Some(pending), draining),
            pod(SET, 2, Some(0), draining),
        ]
    };
    let next = transition(Some((SET, 1)), &now, &pods(4, false), false);
    assert_eq!(next.replicas, Some(3));
    assert_eq!(next.orders, [order(1, true), order(2, true)]);
    assert_eq!(
        next.waiting,
        Some(Waiting {
            why: Why::ScalingDown,
            pending: 4,
            silent: 0,
            scaled: None,
        })
    );
    let next = transition(Some((SET, 1)), &now, &pods(0, true), false);
    assert_eq!(next, Transition::default());
}

#[test]
fn pods_that_stay_after_all_take_events_again() {
    let now = [live(SET, 3, true)];
    let pods = [pod(SET, 0, Some(9), false), pod(SET, 2, Some(0), true)];
    let next = transition(Some((SET, 3)), &now, &pods, false);
    assert_eq!(next.orders, [order(2, false)]);
}

#[test]
fn a_pod_of_a_deployment_has_no_ordinal() {
    let mut found = pod(DEPLOYMENT, 7, Some(0), false);
    assert_eq!(found.ordinal(), None);
    found.kind = SET;
    assert_eq!(found.ordinal(), Some(7));
}

#[test]
fn the_message_counts_and_names_the_way_out() {
    let waiting = Waiting {
        why: Why::Moving(SET),
        pending: 12,
        silent: 1,
        scaled: None,
    };
    assert_eq!(
        waiting.message("clinics", "acme", false).unwrap(),
        "The former receiver, StatefulSet acme-receiver, delivers its stored events before it is removed: 12 events are pending, and 1 Pod cannot be asked. To lose them instead: kubectl annotate zint -n clinics acme zoom-operator.io/discard-buffered-events=true"
    );
    let scaled = Waiting {
        scaled: Some((1, 3)),
        ..waiting
    };
    let scaled = scaled.message("clinics", "acme", false).unwrap();
    assert!(
        scaled.contains(
            "keeps scaling StatefulSet acme-receiver to 1, and 3 Pods may have stored events"
        ) && scaled.contains("kubectl scale statefulset -n clinics acme-receiver --replicas=3"),
        "{scaled}"
    );
    let suspended = waiting.message("clinics", "acme", true).unwrap();
    assert!(suspended.contains("Nothing is delivered while suspend is set"));
}
