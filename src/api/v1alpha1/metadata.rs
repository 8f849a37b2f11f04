//! Labels and annotations that people want on what the operator makes for them.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::api::{GROUP, label};

/// Labels that the operator sets itself, beside those of its own group.
const OWN: [&str; 4] = [
    label::NAME,
    label::INSTANCE,
    label::COMPONENT,
    label::MANAGED_BY,
];

/// Whether nobody but the operator or kubectl sets this key.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    prefix == GROUP || prefix == "kubectl.kubernetes.io" || OWN.contains(&key)
}

/// Whether the API server accepts the key.
#[must_use]
pub fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').unwrap_or(("example", key));
    let is_edge = |letter: char| letter.is_ascii_alphanumeric();
    let is_inner = |letter: char| is_edge(letter) || "-_.".contains(letter);
    let is_name = name.len() <= 63
        && name.starts_with(is_edge)
        && name.ends_with(is_edge)
        && name.chars().all(is_inner);
    let is_part = |part: &str| {
        let is_edge = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        part.starts_with(is_edge)
            && part.ends_with(is_edge)
            && part.chars().all(|letter| is_edge(letter) || letter == '-')
    };
    is_name && prefix.len() <= 253 && prefix.split('.').all(is_part)
}

pub(super) fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$')",
                "message": "not the value of a label: write letters, digits, hyphens, dots and underscores, with a letter or digit at both ends"
            }]
        },
        "x-kubernetes-validations": [unreserved("labels")]
    })
}

pub(super) fn annotations_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": {"type": "string", "maxLength": 4096},
        "x-kubernetes-validations": [unreserved("annotations")]
    })
}

/// The same as [`is_reserved`], in the definition.
fn unreserved(what: &str) -> serde_json::Value {
    let own = OWN.map(|key| format!("'{key}'")).join(", ");
    serde_json::json!({
        "rule": format!("self.all(key, !key.startsWith('{GROUP}/') && !key.startsWith('kubectl.kubernetes.io/') && !(key in [{own}]))"),
        "message": format!("{what} of {GROUP}/ and kubectl.kubernetes.io/, and the app.kubernetes.io/ name, instance, component and managed-by, are set by the operator and by kubectl: remove them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_operator_and_of_kubectl_are_reserved() {
        for key in [
            "zoom-operator.io/desired",
            "app.kubernetes.io/managed-by",
            "kubectl.kubernetes.io/last-applied-configuration",
        ] {
            assert!(is_reserved(key), "{key}");
        }
        for key in ["team", "app.kubernetes.io/part-of", "my.zoom-operator.io/x"] {
            assert!(!is_reserved(key), "{key}");
        }
    }

    #[test]
    fn a_key_is_what_the_api_server_accepts() {
        for key in ["team", "a.b-c/D_e.f", "x/y"] {
            assert!(is_key(key), "{key}");
        }
        let long = "a".repeat(64);
        for key in ["", "/a", "a/", "a/b/c", "A/b", "a..b/c", "-a", "a b", &long] {
            assert!(!is_key(key), "{key}");
        }
    }
}
