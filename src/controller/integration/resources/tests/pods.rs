//! Where a receiver's Pods run, and what they are not allowed to do.

use super::*;

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

/// The kubelet reads an immutable Secret once.
#[test]
fn pods_are_replaced_with_an_immutable_secret_and_others_are_not() {
    let annotation = |uid: Option<&'static str>| {
        let resources = render(json!({"sink": {"http": {"url": "https://s"}}}), |setting| {
            setting.secret_uid = uid;
        });
        let Workload::Deployment(deployment) = &resources.workload else {
            panic!("no Deployment");
        };
        let template = json!(deployment)["spec"]["template"].clone();
        template["metadata"]["annotations"]["zoom-operator.io/credentials-uid"].clone()
    };
    assert_eq!(annotation(Some("s1")), "s1");
    assert_eq!(annotation(None), Value::Null);
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
        let setting = setting(&image, &policy);
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
        let setting = setting(&image, &policy);
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
        routes: true,
        ..setting(&image, &policy)
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
                routes: true,
                ..setting(&image, &policy)
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
