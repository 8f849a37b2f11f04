//! Objects as JSON, as the API server gives them.

use k8s_openapi::ByteString;
use serde_json::Value;

/// Path of a collection or, with `name`, of an object in `namespace`.
pub fn path(namespace: &str, resource: &str, name: Option<&str>) -> String {
    let group = match resource {
        "deployments" | "replicasets" | "statefulsets" => "apis/apps/v1",
        "leases" => "apis/coordination.k8s.io/v1",
        "endpointslices" => "apis/discovery.k8s.io/v1",
        "events" => "apis/events.k8s.io/v1",
        "roles" | "rolebindings" => "apis/rbac.authorization.k8s.io/v1",
        "networkpolicies" | "ingresses" => "apis/networking.k8s.io/v1",
        "httproutes" | "gateways" => "apis/gateway.networking.k8s.io/v1",
        "poddisruptionbudgets" => "apis/policy/v1",
        "sealedsecrets" => "apis/bitnami.com/v1alpha1",
        "zoomintegrations" | "zoomconnections" => "apis/zoom-operator.io/v1alpha1",
        _ => "api/v1",
    };
    let name = name.map(|name| format!("/{name}")).unwrap_or_default();
    format!("/{group}/namespaces/{namespace}/{resource}{name}")
}

/// The resource of a kind, by the ordinary plural.
pub fn resource(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with('a') => format!("{stem}ies"),
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// A string in the object, or "".
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The condition of this type.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == type_)
}

/// Status of the condition of this type, or "absent".
pub fn status<'a>(object: &'a Value, type_: &str) -> &'a str {
    condition(object, type_).map_or("absent", |condition| text(condition, "/status"))
}

/// Reason of the condition of this type, or "".
pub fn reason<'a>(object: &'a Value, type_: &str) -> &'a str {
    condition(object, type_).map_or("", |condition| text(condition, "/reason"))
}

/// Message of the condition of this type, or "".
pub fn message<'a>(object: &'a Value, type_: &str) -> &'a str {
    condition(object, type_).map_or("", |condition| text(condition, "/message"))
}

/// What an object says of itself, in one line.
pub fn told(object: Option<&Value>) -> String {
    let Some(object) = object else {
        return "there is none".to_owned();
    };
    let (reason, message) = (reason(object, "Ready"), message(object, "Ready"));
    format!("Ready: {reason}: {message}; status: {}", object["status"])
}

/// Whether the controller has seen the latest change of the spec.
pub fn seen(object: &Value) -> bool {
    object.pointer("/status/observedGeneration") == object.pointer("/metadata/generation")
}

/// A key of a Secret as text, or "".
pub fn key(secret: &Value, key: &str) -> String {
    let bytes: ByteString = serde_json::from_value(secret["data"][key].clone()).unwrap_or_default();
    String::from_utf8_lossy(&bytes.0).into_owned()
}
