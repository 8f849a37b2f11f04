//! The objects of a receiver.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

mod buffer;
mod labels;
mod network;
mod pods;

use super::*;
use crate::controller::config::{ReceiverImage, ReceiverPolicy};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn integration(webhook: Value) -> ZoomIntegration {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []}, "webhook": webhook,
        },
    }))
    .unwrap()
}

fn image() -> ReceiverImage {
    ReceiverImage {
        name: "image".into(),
        pull_policy: "IfNotPresent".into(),
        pull_secrets: vec![],
    }
}

fn policy() -> ReceiverPolicy {
    ReceiverPolicy {
        sink_allow_network: vec!["10.0.0.0/8".parse().unwrap()],
        sink_refuse_network: vec!["2001:db8::/32".parse().unwrap()],
        allowed_hosts: vec![],
        keys: crate::controller::integration::own_metadata::AllowedKeys::default(),
        priority_classes: vec![],
        network_policies: true,
        operator_namespace: Some("ops".into()),
        defaults: crate::controller::receiver_defaults::ReceiverDefaults::default(),
        receiver_rollouts: 5,
        host_rules_required: false,
        egress: false,
        drain_limit: std::time::Duration::from_secs(1000),
        drain_limit_without_sink: std::time::Duration::from_secs(100),
        reachability_check: false,
    }
}

/// Of a receiver that may have its sink, without anything there.
fn setting<'a>(image: &'a ReceiverImage, policy: &'a ReceiverPolicy) -> Setting<'a> {
    Setting {
        image,
        policy,
        sink: SinkAccess::Granted,
        secret_uid: None,
        sink_addresses: None,
        replicas: None,
        live: None,
        grown: false,
        exposed: true,
        routes: false,
    }
}

fn render(webhook: Value, change: impl Fn(&mut Setting<'_>)) -> Resources {
    let (image, policy) = (image(), policy());
    let mut setting = setting(&image, &policy);
    change(&mut setting);
    build(&integration(webhook), &setting).unwrap()
}

fn template(resources: &Resources) -> Value {
    let template = match &resources.workload {
        Workload::Deployment(deployment) => json!(deployment.spec.as_ref().unwrap().template),
        Workload::StatefulSet(set) => json!(set.spec.as_ref().unwrap().template),
    };
    template["spec"].clone()
}

fn args(resources: &Resources) -> Vec<String> {
    let args = template(resources)["containers"][0]["args"].clone();
    serde_json::from_value(args).unwrap()
}

fn volume(resources: &Resources, name: &str) -> Value {
    let volumes = template(resources)["volumes"].clone();
    let found = volumes.as_array().unwrap().iter();
    let found = found.clone().find(|volume| volume["name"] == name);
    found.cloned().unwrap_or_default()
}

fn keys(volume: &Value) -> Vec<&str> {
    let items = volume["secret"]["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["key"].as_str().unwrap())
        .collect()
}

#[test]
fn the_least_is_a_deployment_without_a_control_port() {
    let plain = render(
        json!({"sink": {"http": {"url": "https://sink.example"}}}),
        |_| {},
    );
    assert!(matches!(plain.workload, Workload::Deployment(_)));
    assert_eq!(
        args(&plain),
        [
            "--integration=clinics/acme",
            "--path=/",
            "--signing-secrets-dir=/etc/zoom-operator/signing",
            "--state-dir=/var/lib/zoom-operator",
            "--filter",
            "--sink-url=https://sink.example",
            "--sink-format=CloudEvents",
            "--sink-allow-network=10.0.0.0/8",
            "--sink-refuse-network=2001:db8::/32",
        ]
    );
    let pod = template(&plain);
    assert_eq!(pod["terminationGracePeriodSeconds"], 30);
    let ports = pod["containers"][0]["ports"].as_array().unwrap();
    assert!(ports.iter().all(|port| port["containerPort"] != 8083));
    assert_eq!(plain.disruption_budget, None);
    assert_eq!(plain.ingress, None);
    assert_eq!(plain.http_route, None);
}

#[test]
fn declared_events_are_named_once_and_in_order() {
    let webhook = json!({
        "sink": {"http": {"url": "https://s"}},
        "subscriptions": [
            {"name": "b", "events": ["user.created", "meeting.ended"]},
            {"name": "a", "events": ["meeting.ended"]},
        ],
    });
    let resources = render(webhook, |_| {});
    let events: Vec<_> = args(&resources)
        .into_iter()
        .filter(|arg| arg.starts_with("--event="))
        .collect();
    assert_eq!(events, ["--event=meeting.ended", "--event=user.created"]);
}

#[test]
fn a_service_is_a_sink_of_its_own_kind() {
    let webhook = json!({"sink": {"http": {
        "serviceRef": {"name": "s", "port": 8080, "path": "/in"}, "format": "Zoom", "timeout": "1500ms"}}});
    let args = args(&render(webhook, |_| {}));
    for expected in [
        "--sink-service=http://s.clinics.svc:8080/in",
        "--sink-format=Zoom",
        "--sink-timeout=1.500",
    ] {
        assert!(
            args.iter().any(|arg| arg == expected),
            "{expected}: {args:?}"
        );
    }
}

#[test]
fn nats_has_its_subject_and_its_keys() {
    let webhook = json!({"sink": {"nats": {
        "url": "nats://n:4222", "credentialsSecretRef": {"name": "nats"}}}});
    let resources = render(webhook, |_| {});
    let args = args(&resources);
    assert!(args.contains(&"--sink-nats=nats://n:4222".into()));
    assert!(args.contains(&"--sink-nats-subject=zoom.clinics.acme".into()));
    assert!(args.contains(&"--sink-credentials-dir=/etc/zoom-operator/sink".into()));
    let volume = volume(&resources, "sink");
    assert_eq!(volume["secret"]["secretName"], "nats");
    assert_eq!(volume["secret"]["optional"], true);
    assert_eq!(keys(&volume), ["nats.creds", "nkey-seed", "ca.crt"]);
}

#[test]
fn a_sink_that_is_withheld_is_not_mentioned() {
    let webhook = json!({"sink": {"http": {
        "url": "https://s", "credentialsSecretRef": {"name": "postgres"}}}});
    let resources = render(webhook, |setting| setting.sink = SinkAccess::Withheld);
    assert!(
        args(&resources)
            .iter()
            .all(|arg| !arg.starts_with("--sink"))
    );
    assert!(!template(&resources).to_string().contains("postgres"));
}

#[test]
fn further_authentication_comes_from_the_credentials_secret() {
    for (authentication, flag, expected) in [
        (
            json!({"type": "Basic"}),
            "--authentication=basic",
            vec!["webhook-username", "webhook-password"],
        ),
        (
            json!({"type": "CustomHeader", "headerName": "X-Key"}),
            "--authentication=header:X-Key",
            vec!["webhook-header-value"],
        ),
    ] {
        let webhook =
            json!({"sink": {"http": {"url": "https://s"}}, "authentication": authentication});
        let resources = render(webhook, |_| {});
        assert!(args(&resources).contains(&flag.to_owned()));
        let volume = volume(&resources, "authentication");
        assert_eq!(volume["secret"]["secretName"], "zoom");
        assert_eq!(keys(&volume), expected);
    }
}

/// An object of an undeclared kind is never looked up: every part that is built must be declared.
#[test]
fn what_is_built_is_declared() {
    let sink = json!({"http": {"url": "https://s"}});
    for webhook in [
        json!({"sink": sink}),
        json!({"sink": sink, "replicas": 2, "endpoint": {"host": "h.example", "ingress": {}}}),
        json!({"sink": sink, "buffer": {"storage": "Persistent"}}),
        json!({"sink": sink, "buffer": {"storage": "Ephemeral"},
            "endpoint": {"host": "h.example", "gateway": {"parentRefs": [{"name": "g"}]}}}),
    ] {
        let Resources {
            service_account: _,
            service: _,
            workload,
            disruption_budget,
            network_policy,
            ingress,
            http_route,
        } = render(webhook.clone(), |_| {});
        let workload = match workload {
            Workload::Deployment(_) => Part::Deployment,
            Workload::StatefulSet(_) => Part::StatefulSet,
        };
        let control = webhook.get("buffer").map(|_| Part::ControlSecret);
        let built: BTreeSet<Part> = [Part::ServiceAccount, Part::Service, workload]
            .into_iter()
            .chain(disruption_budget.map(|_| Part::PodDisruptionBudget))
            .chain(network_policy.map(|_| Part::NetworkPolicy))
            .chain(ingress.map(|_| Part::Ingress))
            .chain(http_route.map(|_| Part::HttpRoute))
            .chain(control)
            .collect();
        assert_eq!(
            declared(&integration(webhook.clone()), &policy()),
            built,
            "{webhook}"
        );
    }
    let mut without = integration(json!({"sink": sink}));
    without.spec.webhook = None;
    assert!(declared(&without, &policy()).is_empty());
}

/// As a variable: a receiver of an earlier version would stop at a flag that it does not know.
#[test]
fn the_judged_addresses_of_a_service_are_a_variable() {
    let webhook = json!({"sink": {"http": {"serviceRef": {"name": "s"}}}});
    let env = |addresses: Option<&[std::net::IpAddr]>| {
        let (image, policy) = (image(), policy());
        let setting = Setting {
            sink_addresses: addresses,
            ..setting(&image, &policy)
        };
        let resources = build(&integration(webhook.clone()), &setting).unwrap();
        template(&resources)["containers"][0]["env"].clone()
    };
    let judged = ["10.96.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
    let name = "SINK_SERVICE_ADDRESSES";
    assert_eq!(
        env(Some(&judged)),
        json!([{"name": name, "value": "10.96.0.7,fd00::7"}])
    );
    assert_eq!(env(Some(&[])), json!([{"name": name, "value": "none"}]));
    assert_eq!(env(None), Value::Null);
}
