//! The objects of a receiver.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::controller::config::{ReceiverImage, ReceiverPolicy};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;

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

fn render(webhook: Value, change: impl Fn(&mut Setting<'_>)) -> Resources {
    let (image, policy) = (image(), policy());
    let mut setting = Setting {
        image: &image,
        policy: &policy,
        sink: SinkAccess::Granted,
        sink_addresses: None,
        replicas: None,
        live: None,
        grown: false,
        exposed: true,
        routes: false,
    };
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
fn readiness_is_asked_for_where_load_balancers_ask() {
    let plain = render(json!({"sink": {"http": {"url": "https://s"}}}), |_| {});
    let container = &template(&plain)["containers"][0];
    let get = |probe: &str| container[probe]["httpGet"].clone();
    assert_eq!(
        get("readinessProbe"),
        json!({"path": "/healthz", "port": "http"})
    );
    assert_eq!(
        get("livenessProbe"),
        json!({"path": "/live", "port": "admin"})
    );
    let service = json!(plain.service.spec.as_ref().unwrap());
    assert_eq!(service["ports"][0]["targetPort"], "http");
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

#[test]
fn a_persistent_buffer_is_on_a_claim_of_each_pod() {
    let buffer = json!({"size": "2Gi", "storageClassName": "fast", "maxAge": "72h"});
    let webhook = json!({"sink": {"http": {"url": "https://s"}}, "buffer": buffer, "receiver": {"replicas": 2}});
    let resources = render(webhook, |_| {});
    let Workload::StatefulSet(set) = &resources.workload else {
        panic!("not a StatefulSet");
    };
    let spec = json!(set.spec);
    assert_eq!(spec["replicas"], 2);
    assert_eq!(spec["podManagementPolicy"], "Parallel");
    assert_eq!(
        spec["persistentVolumeClaimRetentionPolicy"],
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"})
    );
    let claim = &spec["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "buffer");
    assert_eq!(claim["spec"]["storageClassName"], "fast");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");
    let args = args(&resources);
    for expected in [
        "--buffer-dir=/var/lib/zoom-operator-buffer",
        "--buffer-size=1503238553",
        "--buffer-max-age=259200",
        "--sink-timeout=10",
        "--control-token-file=/etc/zoom-operator/control/token",
    ] {
        assert!(
            args.iter().any(|arg| arg == expected),
            "{expected}: {args:?}"
        );
    }
    assert!(!args.contains(&"--buffer-ephemeral".into()));
    let volume = volume(&resources, "control");
    assert_eq!(volume["secret"]["secretName"], "acme-receiver-control");
    assert!(is_buffered(&set.spec.as_ref().unwrap().template));
    let budget = json!(resources.disruption_budget);
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
}

#[test]
fn an_ephemeral_buffer_has_time_to_run_empty() {
    let webhook = json!({
        "sink": {"http": {"url": "https://s"}}, "buffer": {"storage": "Ephemeral", "size": "100Mi"}});
    let resources = render(webhook, |_| {});
    assert!(matches!(resources.workload, Workload::Deployment(_)));
    let args = args(&resources);
    assert!(args.contains(&"--buffer-ephemeral".into()));
    assert!(args.contains(&"--drain-limit=280".into()));
    let pod = template(&resources);
    assert_eq!(pod["terminationGracePeriodSeconds"], 300);
    let volume = volume(&resources, "buffer");
    assert_eq!(volume["emptyDir"]["sizeLimit"], "100Mi");
}

#[test]
fn a_stateful_set_keeps_the_volume_that_it_has() {
    let webhook = |size| json!({"sink": {"http": {"url": "https://s"}}, "buffer": {"size": size}});
    let Workload::StatefulSet(mut live) = render(webhook("1Gi"), |_| {}).workload else {
        panic!("not a StatefulSet");
    };
    // A claim template of an earlier version.
    let claims = live.spec.as_mut().unwrap().volume_claim_templates.as_mut();
    claims.unwrap()[0].metadata.labels = None;
    let (image, policy) = (image(), policy());
    let setting = Setting {
        image: &image,
        policy: &policy,
        sink: SinkAccess::Granted,
        sink_addresses: None,
        replicas: None,
        live: Some(&live),
        grown: false,
        exposed: true,
        routes: false,
    };
    let kept = build(&integration(webhook("2Gi")), &setting).unwrap();
    let Workload::StatefulSet(set) = &kept.workload else {
        panic!("not a StatefulSet");
    };
    assert_eq!(set.spec, live.spec);
    // A set that is being removed, with the current sink.
    let other = json!({"sink": {"http": {"url": "https://other"}}});
    let retiring = retiring(&integration(other), &live, &setting).unwrap();
    let retiring = Resources {
        workload: Workload::StatefulSet(Box::new(retiring)),
        ..kept
    };
    assert!(args(&retiring).contains(&"--sink-url=https://other".into()));
    assert!(args(&retiring).contains(&"--buffer-size=751619276".into()));
}

#[test]
fn a_volume_grows_and_its_template_stays() {
    let webhook = |size| json!({"sink": {"http": {"url": "https://s"}}, "buffer": {"size": size}});
    let set = |webhook: Value, live: Option<&StatefulSet>, grown: bool| {
        let resources = render(webhook, |setting| {
            // The lifetime of a setting is that of the test.
            setting.grown = grown;
            setting.live = live.map(|live| &*Box::leak(Box::new(live.clone())));
        });
        let args = args(&resources);
        let size = args.iter().find(|arg| arg.starts_with("--buffer-size="));
        let size = size.unwrap().clone();
        match resources.workload {
            Workload::StatefulSet(set) => (*set, size),
            Workload::Deployment(_) => panic!("not a StatefulSet"),
        }
    };
    let claims = |set: &StatefulSet| set.spec.as_ref().unwrap().volume_claim_templates.clone();
    let noted = |set: &StatefulSet| set.annotations().get(annotation::BUFFER_SIZE).cloned();
    let buffer = |size: &str| crate::api::v1alpha1::Buffer {
        size: Some(Quantity(size.into())),
        ..crate::api::v1alpha1::Buffer::default()
    };
    let (first, small) = set(webhook("1Gi"), None, false);
    assert_eq!(noted(&first), None);
    assert_eq!(expansion(&first, &buffer("1024Mi")), None);
    assert_eq!(
        expansion(&first, &buffer("2Gi")),
        Some(Quantity("2Gi".into()))
    );
    // The volumes follow first, then the receiver.
    let (waiting, size) = set(webhook("2Gi"), Some(&first), false);
    assert_eq!((noted(&waiting), size), (None, small));
    let (grown, large) = set(webhook("2Gi"), Some(&first), true);
    assert_eq!(noted(&grown).as_deref(), Some("2Gi"));
    assert_eq!(large, "--buffer-size=1503238553");
    assert_eq!(claims(&grown), claims(&first));
    // A new Pod's claim has the template's size, and is expanded too; the others do not go back meanwhile.
    assert!(expansion(&grown, &buffer("2Gi")).is_some());
    let (kept, size) = set(webhook("2Gi"), Some(&grown), false);
    assert_eq!(
        (noted(&kept).as_deref(), size),
        (Some("2Gi"), large.clone())
    );
    // Smaller than it is now, though not smaller than the template.
    assert_eq!(
        immutable(&grown, &buffer("1536Mi")),
        [("webhook.buffer.size", "2Gi".to_owned())]
    );
    assert_eq!(expansion(&grown, &buffer("1536Mi")), None);
    let (kept, size) = set(webhook("1536Mi"), Some(&grown), false);
    assert_eq!((noted(&kept).as_deref(), size), (Some("2Gi"), large));
}

#[test]
fn an_ingress_has_one_host_and_one_path_exactly() {
    let webhook =
        |endpoint: Value| json!({"sink": {"http": {"url": "https://s"}}, "endpoint": endpoint});
    let endpoint = json!({
        "host": "hooks.example.com", "path": "/zoom",
        "ingress": {"className": "nginx", "tlsSecretName": "cert"}});
    let resources = render(webhook(endpoint.clone()), |_| {});
    let spec = json!(resources.ingress)["spec"].clone();
    assert_eq!(
        spec,
        json!({
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["hooks.example.com"], "secretName": "cert"}],
            "rules": [{"host": "hooks.example.com", "http": {"paths": [{
                "path": "/zoom", "pathType": "Exact",
                "backend": {"service": {"name": "acme-receiver", "port": {"name": "http"}}},
            }]}}],
        })
    );
    let refused = render(webhook(endpoint), |setting| setting.exposed = false);
    assert_eq!(refused.ingress, None);
}

#[test]
fn the_way_in_has_the_labels_and_annotations_that_are_allowed_and_the_path_type() {
    let policy = ReceiverPolicy {
        keys: crate::controller::integration::own_metadata::AllowedKeys {
            labels: vec!["team".parse().unwrap()],
            annotations: vec!["cert-manager.io/*".parse().unwrap()],
            ..Default::default()
        },
        ..policy()
    };
    let wanted = json!({
        "labels": {"team": "a", "shard": "b"},
        "annotations": {"cert-manager.io/issuer": "i", "example.com/snippet": "x"},
    });
    let built = |kind: &str, mut wanted: Value| {
        if kind == "gateway" {
            wanted["parentRefs"] = json!([{"name": "public"}]);
        } else {
            wanted["pathType"] = json!("Prefix");
        }
        let endpoint = json!({"host": "hooks.example.com", kind: wanted});
        let webhook = json!({"sink": {"http": {"url": "https://s"}}, "endpoint": endpoint});
        let image = image();
        let setting = Setting {
            image: &image,
            policy: &policy,
            sink: SinkAccess::Granted,
            sink_addresses: None,
            replicas: None,
            live: None,
            grown: false,
            exposed: true,
            routes: false,
        };
        let built = build(&integration(webhook), &setting).unwrap();
        (json!(built.ingress), json!(built.http_route))
    };
    let (ingress, _) = built("ingress", wanted.clone());
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!(path["pathType"], "Prefix");
    let (_, route) = built("gateway", wanted);
    for object in [ingress, route] {
        let meta = &object["metadata"];
        assert_eq!(meta["labels"]["team"], "a");
        assert_eq!(meta["labels"]["shard"], Value::Null);
        assert_eq!(meta["labels"]["app.kubernetes.io/instance"], "acme");
        assert_eq!(meta["annotations"]["cert-manager.io/issuer"], "i");
        assert_eq!(meta["annotations"]["example.com/snippet"], Value::Null);
    }
}

#[test]
fn a_route_attaches_to_the_gateways_that_are_named() {
    let endpoint = json!({
        "host": "hooks.example.com",
        "gateway": {"parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}]}});
    let webhook = json!({"sink": {"http": {"url": "https://s"}}, "endpoint": endpoint});
    let route = json!(render(webhook, |_| {}).http_route);
    assert_eq!(route["apiVersion"], "gateway.networking.k8s.io/v1");
    assert_eq!(route["kind"], "HTTPRoute");
    assert_eq!(
        route["spec"],
        json!({
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
            "hostnames": ["hooks.example.com"],
            "rules": [{
                "matches": [{"path": {"type": "Exact", "value": "/"}}],
                "backendRefs": [{"name": "acme-receiver", "port": 80}],
            }],
        })
    );
}

#[test]
fn facts_and_orders_are_the_operators_alone() {
    let resources = render(json!({"sink": {"http": {"url": "https://s"}}}), |_| {});
    let spec = json!(resources.network_policy)["spec"].clone();
    let rules = spec["ingress"].as_array().unwrap();
    let of = |port: i32| {
        let has = |rule: &&Value| {
            let ports = rule["ports"].as_array().unwrap();
            ports.iter().any(|found| found["port"] == port)
        };
        rules.iter().find(has).unwrap()["from"].clone()
    };
    assert_eq!(of(8080), Value::Null);
    for port in [8082, 8083] {
        let labels = of(port)[0]["namespaceSelector"]["matchLabels"].clone();
        assert_eq!(labels, json!({"kubernetes.io/metadata.name": "ops"}));
    }
    // A Pod that somebody labels like a receiver gets no additional permissions.
    assert_eq!(spec["policyTypes"], json!(["Ingress"]));
    assert_eq!(spec["egress"], Value::Null);
}

#[test]
fn egress_is_opened_only_where_the_administrator_says_so() {
    let policy = ReceiverPolicy {
        egress: true,
        ..policy()
    };
    let webhook = json!({"sink": {"http": {"url": "https://s"}}});
    let resources = render(webhook, |setting| {
        let leaked: &'static ReceiverPolicy = Box::leak(Box::new(policy.clone()));
        setting.policy = leaked;
    });
    let spec = json!(resources.network_policy)["spec"].clone();
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    let out = spec["egress"].to_string();
    assert!(out.contains(r#""except":["169.254.0.0/16"]"#));
}

#[test]
fn the_operators_defaults_reach_pods_and_services_and_the_integration_goes_first() {
    let defaults = json!({
        "podLabels": {"team": "a", "app.kubernetes.io/name": "x"}, "podAnnotations": {"note": "b"},
        "podSecurityContext": {"runAsNonRoot": true}, "containerSecurityContext": {"privileged": false},
        "resources": {"limits": {"memory": "96Mi"}}, "priorityClassName": "low",
        "nodeSelector": {"kubernetes.io/os": "linux", "disk": "hdd"},
        "tolerations": [{"key": "a", "operator": "Exists"}], "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]},
    });
    let policy = ReceiverPolicy {
        defaults: defaults.to_string().parse().unwrap(),
        ..policy()
    };
    let built = |webhook: Value| {
        let image = image();
        let setting = Setting {
            image: &image,
            policy: &policy,
            sink: SinkAccess::Granted,
            sink_addresses: None,
            replicas: None,
            live: None,
            grown: false,
            exposed: true,
            routes: false,
        };
        build(&integration(webhook), &setting).unwrap()
    };
    let plain = built(json!({"sink": {"http": {"url": "https://s"}}}));
    let Workload::Deployment(deployment) = &plain.workload else {
        panic!("no Deployment");
    };
    let deployment = json!(deployment);
    let metadata = &deployment["spec"]["template"]["metadata"];
    assert_eq!(metadata["labels"]["team"], "a");
    assert_eq!(
        metadata["labels"]["app.kubernetes.io/name"],
        "zoom-receiver"
    );
    assert_eq!(metadata["annotations"]["note"], "b");
    let pod = template(&plain);
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true}));
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"], json!({"privileged": false}));
    assert_eq!(container["resources"]["limits"]["memory"], "96Mi");
    assert_eq!(pod["priorityClassName"], "low");
    assert_eq!(pod["affinity"], json!({"nodeAffinity": {}}));
    let spread = &pod["topologySpreadConstraints"][0];
    let selector = &deployment["spec"]["selector"];
    assert_eq!(&spread["labelSelector"], selector);
    let service = json!(plain.service);
    assert_eq!(service["spec"]["ipFamilyPolicy"], "PreferDualStack");
    assert_eq!(service["spec"]["ipFamilies"], json!(["IPv6", "IPv4"]));

    let own = built(json!({
        "sink": {"http": {"url": "https://s"}},
        "receiver": {
            "nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "b"}], "priorityClassName": "high",
            "resources": {"limits": {"memory": "1Gi"}},
        },
    }));
    let pod = template(&own);
    let nodes = json!({"kubernetes.io/os": "linux", "disk": "ssd"});
    assert_eq!(pod["nodeSelector"], nodes);
    let tolerations = json!([{"key": "a", "operator": "Exists"}, {"key": "b"}]);
    assert_eq!(pod["tolerations"], tolerations);
    assert_eq!(pod["priorityClassName"], "high");
    let limits = &pod["containers"][0]["resources"]["limits"];
    assert_eq!(limits, &json!({"memory": "1Gi"}));
}

#[test]
fn a_priority_class_that_is_not_allowed_is_not_applied() {
    let class = |allowed: &[&str], default: Option<&str>| {
        let policy = ReceiverPolicy {
            priority_classes: allowed.iter().map(|name| (*name).to_owned()).collect(),
            defaults: crate::controller::receiver_defaults::ReceiverDefaults {
                priority_class_name: default.map(ToOwned::to_owned),
                ..crate::controller::receiver_defaults::ReceiverDefaults::default()
            },
            ..policy()
        };
        let image = image();
        let setting = Setting {
            image: &image,
            policy: &policy,
            sink: SinkAccess::Granted,
            sink_addresses: None,
            replicas: None,
            live: None,
            grown: false,
            exposed: true,
            routes: false,
        };
        let webhook = json!({
            "sink": {"http": {"url": "https://s"}}, "receiver": {"priorityClassName": "high"},
        });
        let resources = build(&integration(webhook), &setting).unwrap();
        template(&resources)["priorityClassName"].clone()
    };
    assert_eq!(class(&[], None), "high");
    assert_eq!(class(&["low", "high"], None), "high");
    assert_eq!(class(&["low"], None), Value::Null);
    assert_eq!(class(&["low"], Some("middle")), "middle");
    assert_eq!(class(&["low"], Some("high")), "high");
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

/// The file of Zoom's domain validation: mounted, passed to the receiver, and reachable from outside.
#[test]
fn a_declared_domain_validation_reaches_the_receiver() {
    let rendered = |file: Value| {
        let (image, policy) = (image(), policy());
        let mut integration = integration(json!({
            "sink": {"http": {"url": "https://s"}},
            "endpoint": {"host": "hooks.example.com", "path": "/zoom", "ingress": {}},
        }));
        integration.spec.app.domain_validation = serde_json::from_value(file).unwrap();
        let setting = Setting {
            image: &image,
            policy: &policy,
            sink: SinkAccess::Granted,
            sink_addresses: None,
            replicas: None,
            live: None,
            grown: false,
            exposed: true,
            routes: false,
        };
        build(&integration, &setting).unwrap()
    };
    let plain = rendered(Value::Null);
    let with_file = rendered(json!({"configMapKeyRef": {"name": "acme-domain"}}));
    assert!(!args(&plain).iter().any(|arg| arg.contains("domain")));
    let wanted = "--domain-validation-file=/etc/zoom-operator/domain-validation/verifyzoom.html";
    assert!(args(&with_file).contains(&wanted.into()));
    assert_eq!(
        volume(&with_file, "domain-validation")["configMap"],
        json!({
            "name": "acme-domain", "optional": true,
            "items": [{"key": "verifyzoom.html", "path": "verifyzoom.html"}],
        })
    );
    let paths = |resources: &Resources| {
        let ingress = json!(resources.ingress);
        let paths = ingress["spec"]["rules"][0]["http"]["paths"].clone();
        let paths = paths.as_array().unwrap().iter();
        let paths = paths.map(|path| path["path"].as_str().unwrap().to_owned());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(paths(&plain), ["/zoom"]);
    assert_eq!(paths(&with_file), ["/zoom", "/zoomverify/verifyzoom.html"]);
}

/// As a variable: a receiver of an earlier version would stop at a flag that it does not know.
#[test]
fn the_judged_addresses_of_a_service_are_a_variable() {
    let webhook = json!({"sink": {"http": {"serviceRef": {"name": "s"}}}});
    let env = |addresses: Option<&[std::net::IpAddr]>| {
        let (image, policy) = (image(), policy());
        let setting = Setting {
            image: &image,
            policy: &policy,
            sink: SinkAccess::Granted,
            sink_addresses: addresses,
            replicas: None,
            live: None,
            grown: false,
            exposed: true,
            routes: false,
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

#[test]
fn routes_are_mounted_once_for_all_tenants_and_only_with_a_buffer() {
    let webhook = |more: Value| {
        let mut webhook = json!({"sink": {"http": {"url": "https://sink.example"}}});
        for (key, value) in more.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        webhook
    };
    let shared = |setting: &mut Setting<'_>| setting.routes = true;
    let buffered = webhook(json!({"buffer": {}, "unclaimedAccounts": "Drop"}));
    let rendered = render(buffered.clone(), shared);
    let sources = volume(&rendered, "routes")["projected"]["sources"].clone();
    let sources = sources.as_array().unwrap();
    assert_eq!(sources.len(), contract::receiver::routes::SHARDS);
    assert_eq!(sources[7]["secret"]["name"], "acme-receiver-routes-7");
    assert!(
        sources
            .iter()
            .all(|source| source["secret"]["optional"] == true)
    );
    let flags = args(&rendered);
    assert!(flags.contains(&"--routes-dir=/etc/zoom-operator/routes".to_owned()));
    assert!(flags.contains(&"--unclaimed-accounts=Drop".to_owned()));
    let share = |flags: &[String]| {
        let mut found = flags
            .iter()
            .filter(|flag| flag.starts_with("--account-share="));
        found.next().cloned()
    };
    assert_eq!(share(&flags), None, "the receiver's own default");
    for storage in ["Persistent", "Ephemeral"] {
        let stated = json!({"buffer": {"storage": storage, "accountShare": 10}});
        let flags = args(&render(webhook(stated.clone()), shared));
        assert_eq!(share(&flags).as_deref(), Some("--account-share=10"));
        let alone = args(&render(webhook(stated), |_| ()));
        assert_eq!(share(&alone), None, "without routes there are no accounts");
    }
    let networks = |flags: &[String]| -> Vec<String> {
        let of = flags.iter().filter(|flag| flag.contains("-network="));
        of.cloned().collect()
    };
    let withheld = render(buffered.clone(), |setting| {
        setting.routes = true;
        setting.sink = SinkAccess::Withheld;
    });
    let withheld = args(&withheld);
    assert!(!networks(&flags).is_empty());
    assert_eq!(networks(&withheld), networks(&flags), "tenants' sinks");
    let timeout = |flags: &[String]| {
        let mut found = flags
            .iter()
            .filter(|flag| flag.starts_with("--sink-timeout="));
        found.next().cloned()
    };
    assert_eq!(timeout(&withheld), timeout(&flags));
    assert!(!withheld.iter().any(|flag| flag.starts_with("--sink-url")));
    for (webhook, routes) in [(webhook(json!({})), true), (buffered, false)] {
        let rendered = render(webhook, |setting| setting.routes = routes);
        assert_eq!(volume(&rendered, "routes"), Value::Null);
        assert!(!args(&rendered).iter().any(|flag| flag.contains("routes")));
    }
}

#[test]
fn an_integration_says_where_its_own_pods_run_and_who_pulls_their_image() {
    let own = json!({"sink": {"http": {"url": "https://s"}}, "receiver": {
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone"},
            {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}],
        "imagePullSecrets": [{"name": "mine"}, {"name": "shared"}],
    }});
    let mut image = image();
    image.pull_secrets = vec!["shared".into()];
    let mut policy = policy();
    policy.defaults = r#"{"affinity":{"podAffinity":{}},"topologySpreadConstraints":[
        {"maxSkew":1,"topologyKey":"host","whenUnsatisfiable":"ScheduleAnyway"}]}"#
        .parse()
        .unwrap();
    let setting = Setting {
        image: &image,
        policy: &policy,
        sink: SinkAccess::Granted,
        sink_addresses: None,
        replicas: None,
        live: None,
        grown: false,
        exposed: true,
        routes: true,
    };
    let pod = template(&build(&integration(own), &setting).unwrap());
    assert_eq!(
        pod["affinity"],
        json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}})
    );
    let spread = |index: usize| {
        let of = &pod["topologySpreadConstraints"][index];
        let own = of["labelSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "acme";
        (
            of["topologyKey"].clone(),
            of["whenUnsatisfiable"].clone(),
            own,
        )
    };
    assert_eq!(spread(0), (json!("zone"), json!("ScheduleAnyway"), true));
    assert_eq!(spread(1), (json!("rack"), json!("DoNotSchedule"), true));
    assert_eq!(
        pod["imagePullSecrets"],
        json!([{"name": "shared"}, {"name": "mine"}])
    );
    let none = template(
        &build(
            &integration(json!({"sink": {"http": {"url": "https://s"}}})),
            &setting,
        )
        .unwrap(),
    );
    assert_eq!(none["affinity"], json!({"podAffinity": {}}));
    assert_eq!(none["topologySpreadConstraints"][0]["topologyKey"], "host");
}

/// Pod Security `restricted`, for every kind of receiver; and with the values for `OpenShift` no id is fixed.
#[test]
fn every_kind_of_receiver_is_restricted() {
    let http = json!({"http": {"url": "https://s"}});
    let secret = json!({"http": {"url": "https://s", "credentialsSecretRef": {"name": "s"}}});
    let nats = json!({"nats": {"url": "tls://n", "subject": "zoom.events"}});
    let kinds = [
        json!({"sink": http}),
        json!({"sink": http, "buffer": {"size": "1Gi"}, "receiver": {"replicas": 2}}),
        json!({"sink": secret, "buffer": {"storage": "Ephemeral"}}),
        json!({"sink": nats, "buffer": {}, "lifecycleEvents": {}}),
        json!({"sink": http, "authentication": {"type": "Basic"}}),
    ];
    let openshift = r#"{"podSecurityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}}}"#;
    let image = image();
    for (defaults, ids) in [("{}", true), (openshift, false)] {
        let mut policy = policy();
        policy.defaults = defaults.parse().unwrap();
        for kind in &kinds {
            let Ok(webhook) = serde_json::from_value::<crate::api::v1alpha1::Webhook>(kind.clone())
            else {
                panic!("not a webhook: {kind}");
            };
            let mut integration = integration(json!({"sink": http}));
            integration.spec.webhook = Some(webhook);
            let setting = Setting {
                image: &image,
                policy: &policy,
                sink: SinkAccess::Granted,
                sink_addresses: None,
                replicas: None,
                live: None,
                grown: false,
                exposed: true,
                routes: true,
            };
            let pod = template(&build(&integration, &setting).unwrap());
            expect_restricted(&pod);
            let text = pod.to_string();
            for id in ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"] {
                let fixed = ids && id != "supplementalGroups";
                assert_eq!(text.contains(&format!("\"{id}\"")), fixed, "{id}: {pod:#}");
            }
        }
    }
}

fn expect_restricted(pod: &Value) {
    for field in [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "initContainers",
        "ephemeralContainers",
    ] {
        assert!(pod[field].is_null(), "{field}");
    }
    let context = &pod["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    for container in pod["containers"].as_array().unwrap() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
        assert_ne!(context["privileged"], true);
        let ports = container["ports"].as_array().unwrap();
        assert!(ports.iter().all(|port| port["hostPort"].is_null()));
    }
    // The kinds that `restricted` allows.
    let allowed = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for volume in pod["volumes"].as_array().unwrap() {
        let kinds = volume
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "name");
        for kind in kinds {
            assert!(allowed.contains(&kind.as_str()), "{volume}");
        }
    }
}
