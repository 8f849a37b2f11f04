//! The ways in and out: Ingress, `HTTPRoute` and `NetworkPolicy`.

use super::*;

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

/// `OpenShift` makes no Route of an Ingress whose path is `Exact`.
#[test]
fn the_operators_default_of_the_path_type_gives_way_to_that_of_an_integration() {
    let mut policy = policy();
    policy.defaults = r#"{"ingressPathType":"Prefix"}"#.parse().unwrap();
    let path_type = |ingress: Value| {
        let endpoint = json!({"host": "hooks.example.com", "ingress": ingress});
        let webhook = json!({"sink": {"http": {"url": "https://s"}}, "endpoint": endpoint});
        let image = image();
        let setting = setting(&image, &policy);
        let built = json!(build(&integration(webhook), &setting).unwrap().ingress);
        built["spec"]["rules"][0]["http"]["paths"][0]["pathType"].clone()
    };
    assert_eq!(path_type(json!({})), "Prefix");
    assert_eq!(path_type(json!({"pathType": "Exact"})), "Exact");
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
        let setting = setting(&image, &policy);
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
        let setting = setting(&image, &policy);
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
