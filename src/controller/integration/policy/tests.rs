//! What is refused, and the remedy.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::{Value, json};

use super::*;
use crate::controller::integration::resources::SinkAccess;

fn integration(webhook: Value) -> ZoomIntegration {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1", "creationTimestamp": "2026-03-01T10:00:00Z"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []}, "webhook": webhook,
        },
    }))
    .unwrap()
}

fn policy(allowed: &[&str]) -> ReceiverPolicy {
    ReceiverPolicy {
        sink_allow_network: vec![],
        allowed_hosts: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        network_policies: false,
        operator_namespace: Some("ops".into()),
        defaults: crate::controller::receiver_defaults::ReceiverDefaults::default(),
        receiver_rollouts: 5,
        drain_limit: std::time::Duration::from_secs(1000),
        drain_limit_without_sink: std::time::Duration::from_secs(100),
        reachability_check: false,
    }
}

fn observed() -> Observed {
    Observed {
        rivals: Some(vec![]),
        ..Observed::default()
    }
}

fn reasons(judgement: &Judgement) -> Vec<&str> {
    judgement
        .refusals
        .iter()
        .map(|refusal| refusal.reason.as_str())
        .collect()
}

#[test]
fn a_sink_is_withheld_until_its_secret_is_there_and_labelled() {
    let with_secret = integration(
        json!({"sink": {"http": {"url": "https://s", "credentialsSecretRef": {"name": "postgres"}}}}),
    );
    let judge = |secret| {
        let observed = Observed {
            sink_secret: secret,
            ..observed()
        };
        judge(&with_secret, &observed, &policy(&[]))
    };
    let usable = judge(SinkSecret::Usable);
    assert_eq!(
        (usable.refusals, usable.sink),
        (vec![], SinkAccess::Granted)
    );
    let absent = judge(SinkSecret::Absent);
    assert_eq!(absent.sink, SinkAccess::Withheld);
    assert!(absent.refusals[0].waits);
    let unlabelled = judge(SinkSecret::Unlabelled);
    assert_eq!(unlabelled.sink, SinkAccess::Withheld);
    assert!(
        unlabelled.refusals[0]
            .message
            .ends_with("kubectl label secret -n clinics postgres zoom-operator.io/use=sink")
    );
}

#[test]
fn a_service_that_leads_elsewhere_is_no_sink() {
    let to_service = integration(json!({"sink": {"http": {"serviceRef": {"name": "s"}}}}));
    let mut observed = observed();
    assert_eq!(
        reasons(&judge(&to_service, &observed, &policy(&[]))),
        [""; 0]
    );
    observed.sink_service = SinkService::External;
    let judgement = judge(&to_service, &observed, &policy(&[]));
    assert_eq!(reasons(&judgement), ["SinkServiceExternal"]);
    assert_eq!(judgement.sink, SinkAccess::Withheld);
}

#[test]
fn a_host_must_be_allowed_and_free() {
    let exposed = integration(json!({
        "sink": {"http": {"url": "https://s"}}, "endpoint": {"host": "hooks.example.com"},
    }));
    let mut observed = observed();
    let granted = judge(&exposed, &observed, &policy(&["clinics=*.example.com"]));
    assert_eq!(
        (granted.refusals.len(), granted.exposure),
        (0, Exposure::Granted)
    );
    let refused = judge(&exposed, &observed, &policy(&["other=*.example.com"]));
    assert_eq!(reasons(&refused), ["HostNotAllowed"]);
    assert_eq!(refused.exposure, Exposure::Refused);
    observed.rivals = Some(vec![Claim {
        granted: false,
        created: None,
        namespace: "secret-place".into(),
        name: "secret-name".into(),
        path: "/x".into(),
    }]);
    let claimed = judge(&exposed, &observed, &policy(&[]));
    assert_eq!(reasons(&claimed), ["HostClaimed"]);
    assert!(!claimed.refusals[0].message.contains("secret-"));
    let not_theirs = judge(&exposed, &observed, &policy(&["clinics=*.example.com"]));
    assert_eq!(not_theirs.exposure, Exposure::Granted);
    observed.rivals = None;
    let unknown = judge(&exposed, &observed, &policy(&[]));
    assert_eq!(
        (unknown.refusals.len(), unknown.exposure),
        (0, Exposure::Unknown)
    );
}

#[test]
fn a_volume_that_cannot_change_is_named_with_its_field() {
    let set: StatefulSet = serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "acme-receiver", "ownerReferences": [
            {"apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration", "name": "acme", "uid": "u1"}]},
        "spec": {
            "selector": {}, "template": {},
            "volumeClaimTemplates": [{"metadata": {"name": "buffer"},
                "spec": {"resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"}}],
        },
    }))
    .unwrap();
    let mut observed = observed();
    observed.receiver.stateful_set = Some(set);
    let judge = |buffer: Value| {
        let sink = json!({"http": {"url": "https://s"}});
        let integration = integration(json!({"sink": sink, "buffer": buffer}));
        judge(&integration, &observed, &policy(&[])).refusals
    };
    assert_eq!(judge(json!({"size": "1024Mi"})), []);
    assert_eq!(judge(json!({"storage": "Ephemeral", "size": "2Gi"})), []);
    let changed = judge(json!({"size": "2Gi", "storageClassName": "fast"}));
    assert_eq!(changed[0].reason, Reason::BufferImmutable);
    assert!(changed[0].message.contains(
        "set webhook.buffer.size (now 1Gi) and webhook.buffer.storageClassName (now the cluster's default class) back"
    ));
}
