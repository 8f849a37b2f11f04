use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::index::Guarded,
};

fn app() -> Guarded<ZoomIntegration> {
    let app = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "app", "namespace": "platform", "uid": "app", "resourceVersion": "1"},
        "spec": {
            "app": {"kind": "General"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}},
        },
    }));
    DeserializeGuard(Ok(app.unwrap()))
}

/// A connection of a tenant, and what its status says of the permission.
fn tenant(version: u32, allowed: Option<&str>) -> Guarded<ZoomConnection> {
    let said = |status: &str| -> Value {
        json!({"conditions": [{
            "type": "NamespaceAllowed", "status": status, "reason": "R", "message": "m",
            "lastTransitionTime": "2026-03-01T10:00:00Z",
        }]})
    };
    let tenant = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {
            "name": "ada", "namespace": "acme", "uid": "ada", "resourceVersion": version.to_string(),
        },
        "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
        "status": allowed.map(said),
    }));
    DeserializeGuard(Ok(tenant.unwrap()))
}

/// An operator with `watchNamespaces` watches no labels, and its passes read them.
#[test]
fn without_a_watch_of_labels_the_status_says_who_is_no_longer_allowed() {
    let index = Index::default();
    for namespace in ["platform", "acme"] {
        index.set_watch(Some(namespace), Kind::Connection.as_str(), Watch::Complete);
    }
    index.apply(app());
    let (home, of) = (
        Key::integration("platform", "app"),
        Connection::new("acme", "ada").unwrap(),
    );
    let presence = || index.presence(&home, &of, &[]);
    for (version, allowed) in [(1, None), (2, Some("True")), (3, Some("Unknown"))] {
        index.apply(tenant(version, allowed));
        assert_eq!(presence(), Presence::There, "{allowed:?}");
    }
    index.apply(tenant(4, Some("False")));
    let barred = Presence::Barred {
        since: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        is_claimed: false,
    };
    assert_eq!(presence(), barred);
    // A watch that may still tell of labels.
    for watch in [Watch::Pending, Watch::Unavailable] {
        index.set_watch(None, NAMESPACES, watch);
        assert_eq!(presence(), Presence::There);
    }
    index.set_watch(None, NAMESPACES, Watch::Complete);
    assert_eq!(presence(), barred);
}
