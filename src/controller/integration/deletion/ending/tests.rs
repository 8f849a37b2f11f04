//! How long a deletion waits for stored events, and what is told of them.

#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use contract::facts::{BufferFacts, Facts};
use serde_json::{Value, json};

use super::*;
use crate::controller::integration::{altered::Alteration, model::ReceiverPod, resources::Part};

const LIMITS: Limits = Limits {
    longest: Duration::from_secs(1000),
    without_sink: Duration::from_secs(100),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn integration(annotations: Value) -> ZoomIntegration {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {
            "name": "acme", "namespace": "clinics", "uid": "u1", "annotations": annotations,
            "deletionTimestamp": at(0),
        },
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {"buffer": {}, "sink": {"http": {
                "serviceRef": {"name": "sink"}, "credentialsSecretRef": {"name": "s"},
            }}},
        },
    }))
    .unwrap()
}

/// A receiver with this many pending events; `None` for a Pod that cannot be asked.
fn observed(pending: Option<u64>) -> Observed {
    let set = json!({
        "metadata": {"name": "acme-receiver", "ownerReferences": [{
            "apiVersion": "v1", "kind": "ZoomIntegration", "name": "acme", "uid": "u1",
        }]},
        "spec": {"replicas": 1, "selector": {}, "template": {}},
    });
    let mut observed = Observed::default();
    observed.receiver.stateful_set = serde_json::from_value(set).unwrap();
    observed.pods = vec![ReceiverPod {
        kind: Kind::StatefulSet,
        name: "acme-receiver-0".into(),
        address: Some("10.0.0.1".into()),
        leaving: false,
        trouble: None,
        facts: pending.map(|pending| {
            let mut facts = Facts::default();
            facts.buffer = Some(BufferFacts {
                open: true,
                pending,
                draining: true,
                ..BufferFacts::default()
            });
            facts
        }),
    }];
    observed
}

fn end(observed: &Observed, second: i64) -> Ending {
    ending(&integration(json!({})), observed, false, LIMITS, at(second))
}

fn given_up(ending: Ending) -> String {
    match ending {
        Ending::GiveUp(Some(given_up)) => given_up.message(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_buffer_and_in_a_namespace_that_ends_nothing_is_waited_for() {
    assert_eq!(end(&Observed::default(), 0), Ending::Release);
    let ends = ending(
        &integration(json!({})),
        &observed(Some(3)),
        true,
        LIMITS,
        at(0),
    );
    assert_eq!(ends, Ending::Release);
}

#[test]
fn an_empty_receiver_goes_and_so_does_one_whose_events_may_be_lost() {
    assert_eq!(end(&observed(Some(0)), 5), Ending::GiveUp(None));
    let discard = integration(json!({"zoom-operator.io/discard-buffered-events": "true"}));
    let ends = ending(&discard, &observed(Some(3)), false, LIMITS, at(5));
    assert_eq!(ends, Ending::GiveUp(None));
}

#[test]
fn stored_events_are_waited_for_and_the_end_is_told() {
    let Ending::Drain(drain) = end(&observed(Some(3)), 999) else {
        panic!("it waits");
    };
    assert!(
        drain.message.contains("3 events are pending"),
        "{}",
        drain.message
    );
    assert!(
        drain.message.contains(&at(1000).to_string()),
        "{}",
        drain.message
    );
    let message = given_up(end(&observed(Some(3)), 1000));
    assert!(
        message.starts_with("3 stored events are discarded"),
        "{message}"
    );
}

#[test]
fn without_a_sink_the_wait_is_short_whatever_of_it_is_gone() {
    for (secret, service, named) in [
        (SinkSecret::Absent, SinkService::Usable, "Secret s "),
        (SinkSecret::Unlabelled, SinkService::Usable, "Secret s "),
        (SinkSecret::Usable, SinkService::Absent, "Service sink,"),
        (SinkSecret::Usable, SinkService::NoPort, "Service sink,"),
        (SinkSecret::Usable, SinkService::External, "Service sink,"),
    ] {
        let gone = Observed {
            sink_secret: secret,
            sink_service: service,
            ..observed(Some(3))
        };
        let Ending::Drain(drain) = end(&gone, 99) else {
            panic!("it waits");
        };
        assert!(drain.message.contains(named), "{}", drain.message);
        let message = given_up(end(&gone, 100));
        assert!(message.contains(named), "{message}");
        // The sinks of other accounts can take what is stored.
        let limits = LIMITS.with_routes(true);
        let routed = ending(&integration(json!({})), &gone, false, limits, at(100));
        assert!(matches!(routed, Ending::Drain(_)), "{routed:?}");
    }
}

#[test]
fn without_any_permission_a_deletion_has_an_end_too() {
    let end = |namespace_ends, second| {
        let integration = integration(json!({}));
        unseen(&integration, namespace_ends, LIMITS.longest, at(second))
    };
    assert_eq!(end(Some(true), 0), Unseen::Release(None));
    for namespace_ends in [None, Some(false)] {
        let Unseen::Wait { until, message } = end(namespace_ends, 999) else {
            panic!("it waits");
        };
        assert_eq!(until, at(1000));
        assert!(message.contains("its Role in this namespace"), "{message}");
        let released = end(namespace_ends, 1000);
        assert!(matches!(released, Unseen::Release(Some(_))), "{released:?}");
    }
}

#[test]
fn what_a_deleted_receiver_had_stored_is_told_of() {
    let with = |status: &str, reason: &str, annotations: Value| {
        let mut integration = integration(annotations);
        let conditions = json!([{
            "type": "EventsDelivered", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": at(0),
        }]);
        integration.status = serde_json::from_value(json!({"conditions": conditions})).unwrap();
        integration
    };
    let end = |integration: &ZoomIntegration, namespace_ends| {
        ending(
            integration,
            &Observed::default(),
            namespace_ends,
            LIMITS,
            at(5),
        )
    };
    let waiting = with("False", "Draining", json!({}));
    let message = given_up(end(&waiting, false));
    let claims = "kubectl get pvc -l zoom-operator.io/integration=acme";
    assert!(message.contains(claims), "{message}");
    assert_eq!(end(&waiting, true), Ending::Release);
    let mut in_memory = waiting.clone();
    let webhook = in_memory.spec.webhook.as_mut().unwrap();
    webhook.buffer = serde_json::from_value(json!({"storage": "Ephemeral"})).unwrap();
    let message = given_up(end(&in_memory, false));
    assert!(message.ends_with("is lost."), "{message}");
    let discard = json!({"zoom-operator.io/discard-buffered-events": "true"});
    for nothing in [
        with("True", "Delivered", json!({})),
        with("False", "DeadLetters", json!({})),
        with("False", "Draining", discard),
    ] {
        assert_eq!(end(&nothing, false), Ending::Release);
    }
}

#[test]
fn a_receiver_that_cannot_be_asked_has_an_end_too() {
    assert!(matches!(end(&observed(None), 999), Ending::Drain(_)));
    let message = given_up(end(&observed(None), 1000));
    assert!(message.contains("1 Pod that cannot be asked"), "{message}");
    let mut no_pod = observed(None);
    no_pod.pods.clear();
    assert!(matches!(end(&no_pod, 1000), Ending::GiveUp(Some(_))));
}

#[test]
fn who_keeps_the_pods_away_is_named() {
    let mut observed = observed(Some(0));
    let set = observed.receiver.stateful_set.as_mut().unwrap();
    let buffers = [(crate::api::annotation::BUFFERS.to_owned(), "3".to_owned())];
    set.metadata.annotations = Some(buffers.into());
    let message = |observed: &Observed| match end(observed, 0) {
        Ending::Drain(drain) => drain.message,
        other => panic!("{other:?}"),
    };
    assert!(!message(&observed).contains("keeps scaling"));
    let known = Alteration::after(None, None, Some("a".into()), at(0)).unwrap();
    observed.altered.insert(Part::StatefulSet, known);
    let message = message(&observed);
    assert!(
        message.contains("keeps scaling StatefulSet acme-receiver to 1")
            && message.contains(crate::api::annotation::DISCARD),
        "{message}"
    );
}
