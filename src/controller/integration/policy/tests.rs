//! What is refused, and the remedy.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::{Value, json};

use super::*;
use crate::controller::integration::hosts::AllowedHost;
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

fn allowed(texts: &[&str]) -> Vec<AllowedHost> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn rules(allowed: &[AllowedHost]) -> HostRules<'_> {
    HostRules {
        allowed,
        required: false,
        own: Some("connect.example.com"),
    }
}

fn observed() -> Observed {
    Observed {
        other_claimants: Some(vec![]),
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
        judge(&with_secret, &observed, rules(&allowed(&[])))
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
        reasons(&judge(&to_service, &observed, rules(&allowed(&[])))),
        [""; 0]
    );
    observed.sink_service = SinkService::External;
    let judgement = judge(&to_service, &observed, rules(&allowed(&[])));
    assert_eq!(reasons(&judgement), ["SinkServiceExternal"]);
    assert_eq!(judgement.sink, SinkAccess::Withheld);
}

#[test]
fn a_host_must_be_allowed_and_free() {
    let exposed = integration(json!({
        "sink": {"http": {"url": "https://s"}}, "endpoint": {"host": "hooks.example.com"},
    }));
    let mut observed = observed();
    let granted = judge(
        &exposed,
        &observed,
        rules(&allowed(&["clinics=*.example.com"])),
    );
    assert_eq!(
        (granted.refusals.len(), granted.exposure),
        (0, Exposure::Granted)
    );
    let refused = judge(
        &exposed,
        &observed,
        rules(&allowed(&["other=*.example.com"])),
    );
    assert_eq!(reasons(&refused), ["HostNotAllowed"]);
    assert_eq!(refused.exposure, Exposure::Refused);
    observed.other_claimants = Some(vec![Claim {
        granted: false,
        created: None,
        namespace: "secret-place".into(),
        name: "secret-name".into(),
        path: "/x".into(),
        exposed: true,
    }]);
    let claimed = judge(&exposed, &observed, rules(&allowed(&[])));
    assert_eq!(reasons(&claimed), ["HostClaimed"]);
    let message = &claimed.refusals[0].message;
    assert!(!message.contains("secret-"), "{message}");
    let remedy = "set webhook.endpoint.host to another host";
    assert!(message.contains(remedy), "{message}");
    let not_theirs = judge(
        &exposed,
        &observed,
        rules(&allowed(&["clinics=*.example.com"])),
    );
    assert_eq!(not_theirs.exposure, Exposure::Granted);
    observed.other_claimants = None;
    let unknown = judge(&exposed, &observed, rules(&allowed(&[])));
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
        judge(&integration, &observed, rules(&allowed(&[]))).refusals
    };
    assert_eq!(judge(json!({"size": "1024Mi"})), []);
    assert_eq!(judge(json!({"storage": "Ephemeral", "size": "2Gi"})), []);
    // It grows: see `resources::expansion`.
    assert_eq!(judge(json!({"size": "2Gi"})), []);
    let changed = judge(json!({"size": "512Mi", "storageClassName": "fast"}));
    assert_eq!(changed[0].reason, Reason::BufferImmutable);
    assert!(changed[0].message.contains(
        "set webhook.buffer.size (now 1Gi) and webhook.buffer.storageClassName (now the cluster's default class) back"
    ));
}

#[test]
fn the_operators_own_host_is_refused_and_nothing_is_exposed() {
    let claims = integration(json!({
        "sink": {"http": {"url": "https://s"}},
        "endpoint": {"host": "Connect.example.com.", "path": "/callback", "ingress": {}},
    }));
    let judged = judge(
        &claims,
        &observed(),
        rules(&allowed(&["clinics=*.example.com"])),
    );
    assert_eq!(reasons(&judged), ["HostNotAllowed"]);
    assert_eq!(judged.exposure, Exposure::Refused);
}
