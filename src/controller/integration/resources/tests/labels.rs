//! The labels that the administrator gives to all of them.

use super::*;

#[test]
fn every_object_has_the_common_labels_and_no_selector_template_or_claim() {
    let mut policy = policy();
    let labels = [("cost", "a"), ("app.kubernetes.io/managed-by", "helm")];
    policy.defaults.common_labels = labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let image = image();
    let with = |exposed| Setting {
        exposed,
        ..setting(&image, &policy)
    };
    let sink = json!({"http": {"url": "https://s"}});
    let gateway = json!({"parentRefs": [{"name": "public"}]});
    for (webhook, parts) in [
        (
            json!({"buffer": {}, "endpoint": {"host": "a.example", "path": "/z", "ingress": {}}}),
            6,
        ),
        (
            json!({"endpoint": {"host": "a.example", "path": "/z", "gateway": gateway}}),
            6,
        ),
    ] {
        let mut webhook = webhook;
        webhook["sink"] = sink.clone();
        webhook["receiver"] = json!({"replicas": 2});
        let resources = build(&integration(webhook), &with(true)).unwrap();
        let workload = match &resources.workload {
            Workload::Deployment(deployment) => json!(deployment),
            Workload::StatefulSet(set) => json!(set),
        };
        let objects = [
            workload.clone(),
            json!(resources.service_account),
            json!(resources.service),
            json!(resources.disruption_budget),
            json!(resources.network_policy),
            json!(resources.ingress),
            json!(resources.http_route),
        ];
        let mut found = 0;
        for object in objects.iter().filter(|object| !object.is_null()) {
            let labels = &object["metadata"]["labels"];
            assert_eq!(labels["cost"], "a", "{object:#}");
            assert_eq!(labels["app.kubernetes.io/managed-by"], "zoom-operator");
            found += 1;
        }
        assert_eq!(found, parts);
        let spec = workload["spec"].to_string();
        assert!(!spec.contains("cost"), "{spec}");
    }
    let ours = control_metadata(&integration(json!({"sink": sink})));
    let mut control = ours.clone();
    assert!(!policy.defaults.are_on(&control, &ours));
    policy.defaults.label(&mut control);
    assert!(policy.defaults.are_on(&control, &ours));
    let labels = control.labels.as_mut().unwrap();
    labels.insert("cost".into(), "b".into());
    assert!(!policy.defaults.are_on(&control, &ours), "another value");
}
