//! Who is affected by what the watches tell.

mod accounts;
mod children;
mod declared;
mod namespaces;
mod people;
mod presence;
mod routing;
mod secrets;

use std::collections::HashSet;

use contract::receiver::routes::Connection;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{ResourceExt as _, core::DeserializeGuard};
use serde_json::{Value, json};

use super::{state::KINDS, *};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::key::{Key, Kind},
};

type Integrations = Guarded<ZoomIntegration>;
type Connections = Guarded<ZoomConnection>;

fn merged(mut object: Value, more: Value) -> Value {
    fn merge(into: &mut Value, more: Value) {
        match (into, more) {
            (Value::Object(into), Value::Object(more)) => {
                for (key, value) in more {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, more) => *into = more,
        }
    }
    merge(&mut object, more);
    object
}

fn integration(name: &str, version: u32, more: Value) -> Integrations {
    let object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {
            "name": name, "namespace": "clinics", "uid": name, "generation": 1,
            "resourceVersion": version.to_string(),
        },
        "spec": {
            "app": {"kind": "General", "management": "User"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
        },
    });
    DeserializeGuard(Ok(serde_json::from_value(merged(object, more)).unwrap()))
}

fn connection(name: &str, version: u32, more: Value) -> Connections {
    let object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {
            "name": name, "namespace": "clinics", "uid": name, "generation": 1,
            "resourceVersion": version.to_string(),
        },
        "spec": {"integrationRef": {"name": "app"}},
    });
    DeserializeGuard(Ok(serde_json::from_value(merged(object, more)).unwrap()))
}

fn app(name: &str) -> Key {
    Key::integration("clinics", name)
}

fn person(name: &str) -> Key {
    Key::connection("clinics", name)
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort();
    keys
}

/// A connection in `namespace` to the integration `app` of `clinics`.
fn tenant(namespace: &str, version: u32) -> Connections {
    connection(
        "ada",
        version,
        json!({
            "metadata": {"namespace": namespace, "uid": namespace},
            "spec": {"integrationRef": {"namespace": "clinics"}},
        }),
    )
}

fn allowing(version: u32, allowed: &Value) -> Integrations {
    integration(
        "app",
        version,
        json!({"metadata": {"generation": version}, "spec": {"allowedNamespaces": allowed}}),
    )
}
