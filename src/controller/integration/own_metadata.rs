//! Labels and annotations that an integration declares for the receiver's Ingress or route and for its Pods:
//! decides which of them the operator's configuration allows. Pure.
//!
//! An annotation of an Ingress may configure a proxy that all tenants share, or claim further hosts, and one
//! of a Pod may give it permissions in a cloud. So only keys that the administrator lists are applied, and
//! some keys never.

use std::{collections::BTreeMap, str::FromStr};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::v1alpha1::{Endpoint, ReceiverKnobs, metadata};

/// The allowed keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct AllowedKeys {
    /// Labels that integrations may set on their Ingress or `HTTPRoute`: a key, or a prefix followed by `*`;
    /// can be repeated. Without it, no labels are allowed.
    #[arg(long = "endpoint-label", value_name = "KEY")]
    pub labels: Vec<KeyPattern>,

    /// Annotations that integrations may set on their Ingress or `HTTPRoute`: a key, or a prefix followed by
    /// `*`; can be repeated. Snippets and further hosts are always refused. Without it, no annotations are
    /// allowed.
    #[arg(long = "endpoint-annotation", value_name = "KEY")]
    pub annotations: Vec<KeyPattern>,

    /// Labels that integrations may set on their receiver's Pods, in the same form as `--endpoint-label`.
    #[arg(long = "receiver-label", value_name = "KEY")]
    pub pod_labels: Vec<KeyPattern>,

    /// Annotations that integrations may set on their receiver's Pods, in the same form as
    /// `--endpoint-label`.
    #[arg(long = "receiver-annotation", value_name = "KEY")]
    pub pod_annotations: Vec<KeyPattern>,
}

/// A key, or all keys with this prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    start: String,
    whole: bool,
}

/// The declared labels and annotations that are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnMetadata {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// The fields of the refused keys, as in the spec.
    pub refused: Vec<String>,
}

/// Parts of keys that add a tenant's own configuration to a shared proxy, or claim hosts.
const NEVER: [&str; 5] = [
    "snippet",
    "server-alias",
    "config-backend",
    "config-frontend",
    "config-global",
];

/// Keys whose values are host names: a tenant may only name the endpoint's own host.
const NAMES_HOSTS: [&str; 4] = [
    "cert-manager.io/alt-names",
    "cert-manager.io/common-name",
    "external-dns.alpha.kubernetes.io/hostname",
    "external-dns.alpha.kubernetes.io/internal-hostname",
];

/// The labels and annotations of an endpoint's Ingress or `HTTPRoute`.
#[must_use]
pub fn of_endpoint(endpoint: &Endpoint, allowed: &AllowedKeys) -> OwnMetadata {
    let (field, labels, annotations) = match (&endpoint.ingress, &endpoint.gateway) {
        (Some(wanted), _) => ("endpoint.ingress", &wanted.labels, &wanted.annotations),
        (None, Some(wanted)) => ("endpoint.gateway", &wanted.labels, &wanted.annotations),
        (None, None) => return OwnMetadata::default(),
    };
    let mut own = OwnMetadata::default();
    for (key, value) in labels.iter().flatten() {
        let allowed = is_allowed(key, &allowed.labels);
        own.label(field, key, value, allowed);
    }
    for (key, value) in annotations.iter().flatten() {
        let allowed = is_allowed(key, &allowed.annotations)
            && names_no_other_host(key, value, &endpoint.host);
        own.annotate(field, key, value, allowed);
    }
    own
}

/// The labels and annotations of a receiver's Pods.
#[must_use]
pub fn of_pods(wanted: &ReceiverKnobs, allowed: &AllowedKeys) -> OwnMetadata {
    let mut own = OwnMetadata::default();
    for (key, value) in wanted.labels.iter().flatten() {
        let allowed = is_allowed(key, &allowed.pod_labels);
        own.label("receiver", key, value, allowed);
    }
    for (key, value) in wanted.annotations.iter().flatten() {
        let allowed = is_allowed(key, &allowed.pod_annotations);
        own.annotate("receiver", key, value, allowed);
    }
    own
}

fn is_allowed(key: &str, allowed: &[KeyPattern]) -> bool {
    let lower = key.to_lowercase();
    metadata::is_key(key)
        && !metadata::is_reserved(key)
        && !NEVER.iter().any(|never| lower.contains(never))
        && allowed.iter().any(|pattern| pattern.matches(key))
}

fn names_no_other_host(key: &str, value: &str, host: &str) -> bool {
    !NAMES_HOSTS.contains(&key) || value.split(',').all(|name| name.trim() == host)
}

// === impl OwnMetadata ===

impl OwnMetadata {
    /// Adds what is allowed. Values that the operator sets itself are kept.
    pub fn add_to(self, meta: &mut ObjectMeta) {
        let labels = meta.labels.get_or_insert_default();
        for (key, value) in self.labels {
            labels.entry(key).or_insert(value);
        }
        if !self.annotations.is_empty() {
            let annotations = meta.annotations.get_or_insert_default();
            for (key, value) in self.annotations {
                annotations.entry(key).or_insert(value);
            }
        }
    }

    fn label(&mut self, field: &str, key: &str, value: &str, allowed: bool) {
        if allowed {
            self.labels.insert(key.to_owned(), value.to_owned());
        } else {
            self.refused.push(format!("{field}.labels[{key}]"));
        }
    }

    fn annotate(&mut self, field: &str, key: &str, value: &str, allowed: bool) {
        if allowed {
            self.annotations.insert(key.to_owned(), value.to_owned());
        } else {
            self.refused.push(format!("{field}.annotations[{key}]"));
        }
    }
}

// === impl KeyPattern ===

impl KeyPattern {
    fn matches(&self, key: &str) -> bool {
        if self.whole {
            key == self.start
        } else {
            key.starts_with(&self.start)
        }
    }
}

impl FromStr for KeyPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start = text.strip_suffix('*');
        let pattern = Self {
            start: start.unwrap_or(text).to_owned(),
            whole: start.is_none(),
        };
        if pattern.start.contains('*') || pattern.whole && !metadata::is_key(text) {
            return Err(
                "expected a key such as example.com/key, or a beginning such as example.com/*",
            );
        }
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOST: &str = "hooks.example.com";

    fn allow(annotations: &[&str]) -> AllowedKeys {
        let patterns = annotations.iter().map(|text| text.parse().unwrap());
        AllowedKeys {
            labels: vec!["team".parse().unwrap()],
            annotations: patterns.collect(),
            ..AllowedKeys::default()
        }
    }

    fn ingress(ingress: &Value, allowed: &AllowedKeys) -> OwnMetadata {
        let endpoint = json!({"host": HOST, "ingress": ingress});
        of_endpoint(&serde_json::from_value(endpoint).unwrap(), allowed)
    }

    /// The refused ones of these annotations.
    fn refused(annotations: &Value, allowed: &[&str]) -> Vec<String> {
        ingress(&json!({"annotations": annotations}), &allow(allowed)).refused
    }

    #[test]
    fn what_is_listed_is_added_and_the_rest_is_named() {
        let allowed = allow(&["cert-manager.io/*", "example.com/one"]);
        let wanted = json!({
            "labels": {"team": "a", "shard": "b"},
            "annotations": {"cert-manager.io/issuer": "i", "example.com/one": "1", "example.com/one-more": "2"},
        });
        let own = ingress(&wanted, &allowed);
        assert_eq!(
            own.refused,
            [
                "endpoint.ingress.labels[shard]",
                "endpoint.ingress.annotations[example.com/one-more]",
            ]
        );
        let mut meta = ObjectMeta::default();
        own.add_to(&mut meta);
        assert_eq!(
            json!(meta),
            json!({"labels": {"team": "a"}, "annotations": {"cert-manager.io/issuer": "i", "example.com/one": "1"}})
        );
    }

    #[test]
    fn a_route_has_them_too() {
        let gateway = json!({"parentRefs": [], "annotations": {"x/y": "1"}});
        let endpoint = json!({"host": HOST, "gateway": gateway});
        let endpoint = serde_json::from_value(endpoint).unwrap();
        assert_eq!(of_endpoint(&endpoint, &allow(&["x/*"])).refused.len(), 0);
        assert_eq!(
            of_endpoint(&endpoint, &allow(&[])).refused,
            ["endpoint.gateway.annotations[x/y]"]
        );
    }

    #[test]
    fn pods_have_lists_of_their_own() {
        let wanted = json!({"labels": {"cost-center": "7"}, "annotations": {"x/y": "1"}});
        let wanted = serde_json::from_value(wanted).unwrap();
        let mut allowed = allow(&["*"]);
        assert_eq!(
            of_pods(&wanted, &allowed).refused,
            ["receiver.labels[cost-center]", "receiver.annotations[x/y]"]
        );
        allowed.pod_labels = vec!["cost-center".parse().unwrap()];
        allowed.pod_annotations = vec!["x/*".parse().unwrap()];
        assert_eq!(of_pods(&wanted, &allowed).refused, [""; 0]);
    }

    #[test]
    fn snippets_and_further_hosts_are_refused_whatever_is_listed() {
        for key in [
            "nginx.ingress.kubernetes.io/configuration-snippet",
            "nginx.ingress.kubernetes.io/auth-snippet",
            "nginx.org/server-snippets",
            "haproxy.org/backend-config-snippet",
            "nginx.ingress.kubernetes.io/server-alias",
            "haproxy-ingress.github.io/server-alias-regex",
            "haproxy-ingress.github.io/config-backend",
            "example.com/Configuration-Snippet",
            "zoom-operator.io/desired",
            "kubectl.kubernetes.io/last-applied-configuration",
            "not a key",
        ] {
            let wanted = json!({key: "x"});
            assert_eq!(refused(&wanted, &["*"]).len(), 1, "{key}");
            let exactly: &[&str] = if metadata::is_key(key) { &[key] } else { &[] };
            assert_eq!(refused(&wanted, exactly).len(), 1, "{key}");
        }
    }

    #[test]
    fn names_and_certificates_are_for_the_own_host_only() {
        for key in NAMES_HOSTS {
            assert!(refused(&json!({key: HOST}), &["*"]).is_empty(), "{key}");
            for value in [
                "other.example.com",
                "hooks.example.com,other.example.com",
                "",
            ] {
                assert_eq!(refused(&json!({key: value}), &["*"]).len(), 1, "{value}");
            }
        }
    }

    #[test]
    fn what_the_operator_sets_stays() {
        let mut own = OwnMetadata::default();
        own.labels.insert("a".into(), "theirs".into());
        let mut meta = ObjectMeta {
            labels: Some([("a".to_owned(), "ours".to_owned())].into()),
            ..ObjectMeta::default()
        };
        own.add_to(&mut meta);
        assert_eq!(json!(meta), json!({"labels": {"a": "ours"}}));
    }

    #[test]
    fn a_pattern_is_a_key_or_a_beginning() {
        for good in ["a", "a.b/c", "a.b/*", "a.b/c-*", "*"] {
            assert!(good.parse::<KeyPattern>().is_ok(), "{good}");
        }
        for wrong in ["", "*/a", "a.b/*c", "a b"] {
            assert!(wrong.parse::<KeyPattern>().is_err(), "{wrong}");
        }
    }
}
