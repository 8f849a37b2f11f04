//! When events count as delivered.

#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use serde_json::{Value, json};

use super::*;
use contract::{health::OwnTrouble, routing_facts::ConnectionFacts};

use crate::controller::integration::model::Why;

fn integration(change: Value) -> ZoomIntegration {
    let mut object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {"sink": {"http": {"url": "https://s"}}, "buffer": {}},
        },
    });
    for (key, value) in change.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

fn statement(
    change: Value,
    waiting: Option<Waiting>,
    stored: Option<BufferFacts>,
) -> (Status, Reason) {
    let statement = events_delivered(
        &integration(change),
        waiting,
        stored.as_ref(),
        &Sink::default(),
    )
    .unwrap();
    (statement.status, statement.reason)
}

#[test]
fn each_state_has_its_reason() {
    let stored = |pending, dead_letters, oldest, full| {
        Some(BufferFacts {
            open: true,
            pending,
            dead_letters,
            oldest_seconds: oldest,
            full,
            ..BufferFacts::default()
        })
    };
    for (stored, status, reason) in [
        (None, Status::Unknown, Reason::ReceiverSilent),
        (
            stored(0, 0, None, false),
            Status::Unknown,
            Reason::NothingDelivered,
        ),
        (
            stored(9, 0, Some(299), false),
            Status::True,
            Reason::Delivered,
        ),
        (
            stored(9, 0, Some(300), false),
            Status::False,
            Reason::SinkFailing,
        ),
        (
            stored(0, 2, None, false),
            Status::False,
            Reason::DeadLetters,
        ),
        (
            stored(9, 2, Some(9000), true),
            Status::False,
            Reason::BufferFull,
        ),
    ] {
        assert_eq!(statement(json!({}), None, stored), (status, reason));
    }
    let suspended = json!({"suspend": true});
    let (status, reason) = statement(suspended, None, stored(9, 0, Some(9000), false));
    assert_eq!((status, reason), (Status::Unknown, Reason::Suspended));
}

#[test]
fn a_store_that_fails_is_told_before_anything_else_with_its_volume() {
    let stored = BufferFacts {
        failed: true,
        full: true,
        oldest_seconds: Some(9000),
        ..BufferFacts::default()
    };
    for (change, volume) in [
        (json!({}), "buffer-acme-receiver-N"),
        (
            json!({"webhook": {"sink": {"http": {"url": "https://s"}}, "buffer": {"storage": "Ephemeral"}}, "suspend": true}),
            "disk of the node",
        ),
    ] {
        let integration = integration(change);
        let told = events_delivered(&integration, None, Some(&stored), &Sink::default()).unwrap();
        assert_eq!(
            (told.status, told.reason),
            (Status::False, Reason::BufferFailed)
        );
        assert!(told.message.contains(volume), "{}", told.message);
    }
}

#[test]
fn an_empty_buffer_means_delivered_only_after_an_event() {
    let empty = BufferFacts {
        open: true,
        ..BufferFacts::default()
    };
    for (has_events, status) in [(false, Status::Unknown), (true, Status::True)] {
        let sink = Sink {
            is_known: true,
            has_events,
            ..Sink::default()
        };
        let statement = events_delivered(&integration(json!({})), None, Some(&empty), &sink);
        assert_eq!(statement.unwrap().status, status);
    }
}

#[test]
fn what_runs_empty_comes_first_also_when_there_is_no_buffer_any_more() {
    let waiting = Waiting {
        why: Why::Ending,
        pending: 3,
        silent: 0,
        scaled: None,
    };
    let without = json!({"webhook": null});
    assert_eq!(statement(without, Some(waiting), None).1, Reason::Draining);
}

#[test]
fn the_message_does_not_change_with_every_second() {
    let message = |oldest| {
        let stored = BufferFacts {
            pending: oldest,
            oldest_seconds: Some(oldest),
            ..BufferFacts::default()
        };
        events_delivered(
            &integration(json!({})),
            None,
            Some(&stored),
            &Sink::default(),
        )
        .unwrap()
        .message
    };
    assert_eq!(message(3601), message(20_000));
    assert_ne!(message(3599), message(3600));
}

fn without_a_buffer(http: Value, sink: &Sink<'_>) -> Option<(Status, Reason, String)> {
    let plain = json!({"webhook": {"sink": {"http": http}}});
    let statement = events_delivered(&integration(plain), None, None, sink)?;
    Some((statement.status, statement.reason, statement.message))
}

#[test]
fn without_a_buffer_the_sink_is_seen_too() {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let url = || json!({"url": "https://s"});
    let (mut failing, mut well) = (Health::default(), Health::default());
    failing.not_delivered(at(5), "sink answered 503");
    well.delivered(at(5));
    let unreachable = Health {
        sink_cause: Some("the sink's name has no address".into()),
        ..Health::default()
    };
    for (health, status, reason) in [
        (&failing, Status::False, Reason::SinkFailing),
        (&well, Status::True, Reason::Delivered),
        (
            &Health::default(),
            Status::Unknown,
            Reason::NothingDelivered,
        ),
        (&unreachable, Status::False, Reason::SinkUnreachable),
    ] {
        let sink = Sink {
            is_known: true,
            health: Some(health),
            ..Sink::default()
        };
        let statement = without_a_buffer(url(), &sink).unwrap();
        assert_eq!((statement.0, statement.1), (status, reason));
    }
    let silent = without_a_buffer(url(), &Sink::default()).unwrap();
    assert_eq!(silent.1, Reason::ReceiverSilent);
    let old = Sink {
        is_known: true,
        ..Sink::default()
    };
    assert_eq!(without_a_buffer(url(), &old), None);
}

#[test]
fn a_service_that_is_not_there_is_named_before_the_first_event() {
    for (service, word) in [
        (SinkService::Absent, "does not exist"),
        (SinkService::NoPort, "no port 8080"),
    ] {
        let sink = Sink {
            service,
            ..Sink::default()
        };
        let reference = json!({"serviceRef": {"name": "back-end", "port": 8080}});
        let statement = without_a_buffer(reference, &sink).unwrap();
        assert_eq!(
            (statement.0, statement.1),
            (Status::False, Reason::SinkServiceMissing)
        );
        assert!(statement.2.contains(word), "{}", statement.2);
    }
}

#[test]
fn what_leads_into_the_cluster_is_told_to_use_a_service_ref() {
    let refused = Health {
        sink_cause: Some("the sink's address is not allowed".into()),
        ..Health::default()
    };
    let sink = Sink {
        is_known: true,
        health: Some(&refused),
        ..Sink::default()
    };
    for (url, is_told) in [
        ("http://backend.ns.svc.cluster.local:8080/x", true),
        ("http://backend.ns.svc/x", true),
        ("http://backend.ns.svc.k8s.acme.lan./x", true),
        ("http://backend:8080", true),
        ("http://10.0.0.1/x", true),
        ("http://[fd00::1]/x", true),
        ("http://0x7f.1/", true),
        ("https://back.example.com/x", false),
    ] {
        let message = without_a_buffer(json!({"url": url}), &sink).unwrap().2;
        assert_eq!(message.contains("serviceRef"), is_told, "{url}: {message}");
        assert!(message.contains("allowedNetworks"), "{message}");
    }
}

#[test]
fn a_failing_sink_of_a_connection_is_not_called_the_integrations() {
    let stored = BufferFacts {
        open: true,
        pending: 9,
        oldest_seconds: Some(4000),
        ..BufferFacts::default()
    };
    let mut routing = RoutingFacts::default();
    for n in 0..5 {
        let failing = ConnectionFacts {
            sink_failures: n,
            ..ConnectionFacts::default()
        };
        let connection = format!("clinic-{n}/zoom").parse().unwrap();
        routing.insert(connection, failing);
    }
    let message = |health: &Health| {
        let sink = Sink {
            is_known: true,
            health: Some(health),
            routing: Some(&routing),
            ..Sink::default()
        };
        let statement = events_delivered(&integration(json!({})), None, Some(&stored), &sink);
        let statement = statement.unwrap();
        assert_eq!(statement.reason, Reason::SinkFailing);
        statement.message
    };
    let theirs = message(&Health::default());
    assert!(
        theirs.contains(
            "an hour. These connections have failing sinks: clinic-1/zoom, clinic-2/zoom, clinic-3/zoom."
        ),
        "{theirs}"
    );
    let mut own = Health::default();
    own.not_delivered(jiff::Timestamp::UNIX_EPOCH, "sink answered 503");
    assert!(message(&own).contains("make the sink accept events again"));
}

#[test]
fn events_that_are_not_taken_are_told_once_zoom_has_repeated_them() {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let well = BufferFacts {
        open: true,
        ..BufferFacts::default()
    };
    let plain = json!({"webhook": {"sink": {"http": {"url": "https://s"}}}});
    for (change, stored) in [(json!({}), Some(&well)), (plain, None)] {
        let told = |until, trouble| {
            let mut health = Health::default();
            health.delivered(at(1));
            health.not_taken(at(10), trouble);
            health.not_taken(at(until), trouble);
            let sink = Sink {
                is_known: true,
                health: Some(&health),
                has_events: true,
                ..Sink::default()
            };
            let integration = integration(change.clone());
            events_delivered(&integration, None, stored, &sink).unwrap()
        };
        let short = told(10 + 20 * 60 - 1, OwnTrouble::Deadline);
        assert_eq!(short.status, Status::True);
        let long = told(10 + 20 * 60, OwnTrouble::Deadline);
        assert_eq!(
            (long.status, long.reason),
            (Status::False, Reason::EventsNotTaken)
        );
        assert!(long.message.contains("too little CPU"), "{}", long.message);
    }
}

#[test]
fn what_is_lost_in_a_damaged_store_or_was_dropped_is_told() {
    let told = |stored: BufferFacts| {
        let integration = integration(json!({}));
        let told = events_delivered(&integration, None, Some(&stored), &Sink::default());
        let told = told.unwrap();
        assert_eq!(told.status, Status::False);
        (told.reason, told.message)
    };
    let damaged = BufferFacts {
        damaged_stores: 1,
        dead_letters: 4,
        ..BufferFacts::default()
    };
    let (reason, message) = told(damaged);
    assert_eq!(reason, Reason::StoreDamaged);
    let file = "/var/lib/zoom-operator-buffer/events.redb.damaged-*";
    assert!(message.contains(file), "{message}");
    let dropped = BufferFacts {
        dead_letters: 4,
        dropped_letters: 2,
        ..BufferFacts::default()
    };
    let (reason, message) = told(dropped);
    assert_eq!(reason, Reason::DeadLetters);
    assert!(message.contains("2 older ones are lost"), "{message}");
}
