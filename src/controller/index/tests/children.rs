//! What is made for an integration, and how little of each object is kept.

use k8s_openapi::api::core::v1::Pod;

use super::*;

#[test]
fn a_child_concerns_the_integration_that_it_was_made_for() {
    let index = Index::default();
    let child = |version: &str, owner: Value, labels: Value| -> Deployment {
        serde_json::from_value(json!({"metadata": {
            "name": "app-zoom", "namespace": "clinics", "uid": "d", "resourceVersion": version,
            "ownerReferences": owner, "labels": labels,
            "managedFields": [{"manager": "m"}],
        }}))
        .unwrap()
    };
    let owner =
        json!([{"apiVersion": "v", "kind": "ZoomIntegration", "name": "app", "uid": "app"}]);
    assert_eq!(index.apply(child("1", owner, json!({}))), [app("app")]);
    let labels = json!({"zoom-operator.io/integration": "app"});
    // Restored from a backup without its owner.
    assert_eq!(index.apply(child("2", json!([]), labels)), [app("app")]);
    assert!(index.apply(child("3", json!([]), json!({}))).is_empty());
    let known = index.get::<Deployment>("clinics", "app-zoom").unwrap();
    assert!(known.metadata.managed_fields.is_none());
}

#[test]
fn the_pods_of_a_receiver_are_known_where_they_are_watched() {
    let index = Index::default();
    let pod = |version: &str, address: Option<&str>, ready: bool| -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "app-1", "namespace": "clinics", "uid": "p", "resourceVersion": version,
                "labels": {"app.kubernetes.io/instance": "app"},
                "annotations": {"example.com/ballast": "x"},
            },
            "spec": {"containers": [{"name": "receiver"}]},
            "status": {"phase": "Running", "podIP": address, "message": ready.to_string()},
        }))
        .unwrap()
    };
    assert_eq!(index.apply(pod("1", None, false)), [app("app")]);
    assert_eq!(index.apply(pod("2", Some("10.0.0.1"), false)), [app("app")]);
    assert!(index.apply(pod("3", Some("10.0.0.1"), true)).is_empty());
    assert!(index.pods_of("clinics", "app").is_none());
    index.set_watch(Some("clinics"), "Pod", Watch::Complete);
    let pods = index.pods_of("clinics", "app").unwrap();
    assert_eq!(pods.len(), 1);
    assert!(pods[0].spec.is_none() && pods[0].metadata.annotations.is_none());
    index.delete(&pod("4", None, false));
    assert!(index.pods_of("clinics", "app").unwrap().is_empty());
}

#[test]
fn what_other_tools_keep_in_an_object_is_left_out() {
    let index = Index::default();
    let ballast = "x".repeat(200_000);
    index.apply(integration(
        "app",
        1,
        json!({"metadata": {
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": ballast,
                "zoom-operator.io/refresh-requested-at": "2026-03-01T10:00:00Z",
            },
            "labels": {"team": "a", "zoom-operator.io/self-service": "true"},
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": ballast}}],
            "finalizers": ["zoom-operator.io/buffer", "example.com/theirs"],
        }}),
    ));
    let known = index.get::<Integrations>("clinics", "app").unwrap();
    let text = serde_json::to_string(known.0.as_ref().unwrap()).unwrap();
    assert!(text.len() < 1_000, "{} bytes", text.len());
    assert_eq!(known.annotations().len(), 1);
    assert_eq!(known.labels().len(), 1);
    // Finalizers are written as a whole.
    assert_eq!(known.finalizers().len(), 2);
}

/// 100 MiB of other people's annotations, as an attack or a careless tool would write them.
#[test]
fn big_annotations_cost_next_to_nothing() {
    const OBJECTS: u32 = 400;
    const BOUND: usize = 600 * OBJECTS as usize;
    let index = Index::default();
    let ballast = "x".repeat(256 << 10);
    let annotations = json!({"example.com/ballast": ballast, "zoom-operator.io/desired": "1"});
    let held = |value: &str| assert!(!value.contains("xxxx"));
    let mut bytes = 0;
    for number in 0..OBJECTS {
        let name = format!("app-{number}");
        let more = json!({"metadata": {"annotations": annotations}});
        index.apply(integration(&name, number, more));
        let mut child = json!({"metadata": {
            "name": name, "namespace": "clinics", "uid": name, "resourceVersion": number.to_string(),
            "labels": {"zoom-operator.io/integration": name}, "annotations": annotations,
            "managedFields": [{"manager": "zoom-operator", "fieldsV1": {"f:metadata": {
                "f:annotations": {"f:cert-manager.io/issuer": {}, "f:zoom-operator.io/desired": {}},
            }}}],
        }});
        child["metadata"]["annotations"]["cert-manager.io/issuer"] = json!("i");
        let child: Deployment = serde_json::from_value(child).unwrap();
        index.apply(child);
        let known = index.get::<Integrations>("clinics", &name).unwrap();
        let child = index.get::<Deployment>("clinics", &name).unwrap();
        let texts = [
            serde_json::to_string(known.0.as_ref().unwrap()).unwrap(),
            serde_json::to_string(&*child).unwrap(),
        ];
        for text in texts {
            held(&text);
            bytes += text.len();
        }
        // What the operator applied on behalf of people is compared with what they want.
        assert_eq!(child.annotations().len(), 2);
    }
    assert!(bytes < 2 * BOUND, "{bytes} bytes");
}
