//! Objects for tests.

use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use super::Guarded;
use crate::api::v1alpha1::ZoomIntegration;

/// An integration of the namespace `clinics` that declares this Gateway; `null`: none.
pub fn with_gateway(name: &str, version: u32, gateway: &Value) -> Guarded<ZoomIntegration> {
    let object = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {
            "name": name, "namespace": "clinics", "uid": name,
            "resourceVersion": version.to_string(),
        },
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {
                "sink": {"http": {"url": "https://sink"}},
                "endpoint": {"host": "hooks.example.com", "gateway": gateway},
            },
        },
    }));
    DeserializeGuard(Ok(object.unwrap()))
}
