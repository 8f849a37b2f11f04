//! A receiver whose Pods cannot be replaced.

use super::*;
use crate::controller::integration::{
    model::{Receiver, ReceiverPod, ReceiverState},
    resources::Kind,
};

const LONG_AGO: i64 = NOW - 600;

/// What is said of an Available receiver that has rolled since `since`.
fn rolling(
    buffer: Value,
    status: Value,
    since: Option<i64>,
    change: impl Fn(&mut Observed),
) -> (ReceiverState, Option<Timestamp>) {
    let mut integration = integration(Value::Null);
    integration.spec.webhook = Some(
        serde_json::from_value(json!({
            "subscriptions": [{"name": "all", "events": ["meeting.started", "meeting.ended"]}],
            "sink": {"http": {"url": "https://sink.example.com"}}, "buffer": buffer,
        }))
        .unwrap(),
    );
    let workload = json!({
        "metadata": {"name": "acme-receiver", "generation": 3, "ownerReferences": [{
            "apiVersion": "v1", "kind": "ZoomIntegration", "name": "acme", "uid": "u1",
        }]},
        "spec": {"replicas": status["replicas"], "selector": {}, "template": {}},
        "status": status,
    });
    let live = if buffer.is_null() {
        Receiver {
            deployment: Some(serde_json::from_value(workload).unwrap()),
            ..Receiver::default()
        }
    } else {
        Receiver {
            stateful_set: Some(serde_json::from_value(workload).unwrap()),
            ..Receiver::default()
        }
    };
    let plan = Plan {
        receiver: ReceiverStep::Apply,
        ..plan(TokenStep::Keep, CredentialsStep::Forget)
    };
    let outcome = Outcome {
        receiver: ReceiverOutcome {
            live,
            progress: Some(Progress::Rolling),
            rolling_since: since.map(at),
            ..ReceiverOutcome::default()
        },
        ..outcome(TokenOutcome::Untouched, None)
    };
    let mut observed = observed();
    change(&mut observed);
    let applied = settle(&integration, &observed, &plan, &outcome, at(NOW));
    assert_eq!(applied.receiver.finding, ReceiverFinding::Available);
    (applied.receiver, applied.look_again)
}

fn of_quota(status: &str) -> Value {
    json!({
        "observedGeneration": 3, "replicas": 1, "updatedReplicas": 0, "availableReplicas": 1,
        "conditions": [{"type": "ReplicaFailure", "status": status, "message": "exceeded quota."}],
    })
}

#[test]
fn a_deployment_that_cannot_create_its_new_pod_is_told_at_once() {
    let (receiver, again) = rolling(json!(null), of_quota("True"), Some(NOW), |_| {});
    assert_eq!(receiver.progress, Some(Progress::Stuck));
    assert_eq!(
        receiver.stuck.as_deref(),
        Some(
            "Pods with the current settings do not become available, and those with the former settings keep serving: exceeded quota."
        )
    );
    assert_eq!(again, Some(at(NOW + 60)));
}

#[test]
fn a_rollout_has_ten_minutes() {
    let (receiver, again) = rolling(json!(null), of_quota("False"), Some(LONG_AGO + 1), |_| {});
    assert_eq!(receiver.progress, Some(Progress::Rolling));
    assert_eq!(receiver.stuck, None);
    assert_eq!(again, Some(at(NOW + 1)));
    let (receiver, _) = rolling(json!(null), of_quota("False"), Some(LONG_AGO), |_| {});
    assert_eq!(receiver.progress, Some(Progress::Stuck));
}

#[test]
fn a_deployment_that_makes_no_progress_names_its_pod() {
    let status = json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
    });
    let pulls = |observed: &mut Observed| {
        observed.pods = vec![ReceiverPod {
            kind: Kind::Deployment,
            name: "p".into(),
            address: None,
            leaving: false,
            trouble: Some("Pod p: image x cannot be pulled".into()),
            facts: None,
        }];
    };
    let (receiver, _) = rolling(json!(null), status.clone(), None, pulls);
    let message = receiver.stuck.unwrap();
    assert!(
        message.ends_with("keep serving: Pod p: image x cannot be pulled."),
        "{message}"
    );
    // It is about an earlier rollout.
    let mut before = status;
    before["observedGeneration"] = json!(2);
    assert_eq!(rolling(json!(null), before, None, pulls).0.stuck, None);
}

#[test]
fn a_stateful_set_of_which_one_pod_cannot_be_replaced_names_the_warning() {
    let status = json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 0, "availableReplicas": 1,
    });
    let buffer = json!({"storage": "Persistent", "size": "1Gi"});
    let warned = |observed: &mut Observed| observed.warning = Some("violates PodSecurity".into());
    let (receiver, _) = rolling(buffer.clone(), status.clone(), Some(LONG_AGO - 240), warned);
    let message = receiver.stuck.unwrap();
    assert!(
        message.starts_with("Pods with the current settings")
            && message.ends_with("keep serving: violates PodSecurity."),
        "{message}"
    );
    let (receiver, _) = rolling(buffer, status, Some(LONG_AGO - 239), warned);
    assert_eq!(receiver.stuck, None);
}

#[test]
fn the_slot_passes_to_the_next_one_before_a_stateful_set_counts_as_stuck() {
    let status = json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 0, "availableReplicas": 1,
    });
    let buffer = json!({"storage": "Persistent", "size": "1Gi"});
    let again = |since| rolling(buffer.clone(), status.clone(), Some(since), |_| {}).1;
    assert_eq!(again(LONG_AGO + 20), Some(at(NOW + 20)));
    // From then on nobody waits for it.
    assert_eq!(again(LONG_AGO - 200), Some(at(NOW + 40)));
}

#[test]
fn pods_of_the_current_settings_that_lack_a_node_are_not_called_former_ones() {
    let status = json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1,
    });
    let (receiver, _) = rolling(json!(null), status, Some(LONG_AGO), |_| {});
    assert_eq!(receiver.stuck, None);
}

#[test]
fn events_that_the_former_pods_discard_are_named() {
    let came = |observed: &mut Observed| {
        let mut facts = contract::facts::Facts::default();
        let health = facts.health.get_or_insert_default();
        health.undeclared(at(NOW), "meeting.ended");
        health.undeclared(at(NOW), "user.created");
        observed.facts = Some(facts);
    };
    let (receiver, _) = rolling(json!(null), of_quota("True"), None, came);
    let message = receiver.stuck.unwrap();
    assert!(
        message.ends_with(
            "exceeded quota. They discard events that were declared since: meeting.ended."
        ),
        "{message}"
    );
}
