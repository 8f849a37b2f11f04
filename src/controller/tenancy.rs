//! Which namespaces may use an integration. Pure.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use jiff::Timestamp;
use kube::{
    ResourceExt as _,
    core::{Selector, SelectorExt as _},
};

use crate::api::{
    condition::{Status, Type},
    label,
    v1alpha1::{NamespacesFrom, ZoomConnection, ZoomIntegration, ZoomIntegrationSpec},
};

/// How long token and route outlast the permission to use an integration: a mistake with a label is often
/// corrected within minutes, and consumers need not notice.
pub const GRACE: Duration = Duration::from_mins(15);

/// Labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// Which namespaces an integration allows, with its selector read once.
#[derive(Debug)]
pub struct Admission {
    home: Option<String>,
    from: NamespacesFrom,
    selector: Option<Selector>,
}

/// A namespace that accepts connections by self-service from integrations of another, according to the operator's
/// configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    namespace: String,
    from: String,
}

/// Whether connections of `namespace` may use the integration. Without the namespace's `labels`, which a
/// controller of some namespaces only does not watch, no selector matches.
#[must_use]
pub fn admits(integration: &ZoomIntegration, namespace: &str, labels: Option<&Labels>) -> bool {
    Admission::of(integration).admits(namespace, labels)
}

/// Since when the connection may not use its integration, by its status.
#[must_use]
pub fn barred_since(connection: &ZoomConnection) -> Option<Timestamp> {
    let conditions = &connection.status.as_ref()?.conditions;
    let stated = Type::NamespaceAllowed.find(conditions)?;
    (stated.status == Status::False.as_str()).then_some(stated.last_transition_time.0)
}

/// Whether a pass allowed the connection to use its integration and none refused it since, by its status, which tenants
/// cannot write.
#[must_use]
pub fn was_admitted(connection: &ZoomConnection) -> bool {
    let status = connection.status.as_ref();
    let stated = status.and_then(|status| Type::NamespaceAllowed.find(&status.conditions));
    stated.is_some_and(|stated| stated.status != Status::False.as_str())
}

/// Whether the integration allows namespaces by their labels.
#[must_use]
pub fn selects(spec: &ZoomIntegrationSpec) -> bool {
    let allowed = spec.allowed_namespaces.as_ref();
    allowed.is_some_and(|allowed| allowed.from == NamespacesFrom::Selector)
}

/// Whether `namespace` accepts connections by self-service from integrations of `home`: by its label, or by the
/// operator's configuration.
#[must_use]
pub fn accepts(namespace: &str, labels: &Labels, home: &str, agreements: &[Agreement]) -> bool {
    labels.get(label::ACCEPT_CONNECTIONS).map(String::as_str) == Some(home)
        || agreements
            .iter()
            .any(|agreed| agreed.namespace == namespace && agreed.from == home)
}

// === impl Agreement ===

impl FromStr for Agreement {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            !name.is_empty()
                && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        match text.split_once('=') {
            Some((namespace, from)) if is_name(namespace) && is_name(from) => Ok(Self {
                namespace: namespace.to_owned(),
                from: from.to_owned(),
            }),
            _ => Err("expected NAMESPACE=INTEGRATION_NAMESPACE, such as customers=platform"),
        }
    }
}

// === impl Admission ===

impl Admission {
    /// What the integration allows.
    #[must_use]
    pub fn of(integration: &ZoomIntegration) -> Self {
        let allowed = integration.spec.allowed_namespaces.as_ref();
        let selector = allowed.and_then(|allowed| allowed.selector.clone());
        Self {
            home: integration.namespace(),
            from: allowed.map(|allowed| allowed.from).unwrap_or_default(),
            selector: selector.and_then(|selector| Selector::try_from(selector).ok()),
        }
    }

    /// Whether it is by their labels.
    #[must_use]
    pub fn selects(&self) -> bool {
        self.from == NamespacesFrom::Selector
    }

    /// As [`admits`].
    #[must_use]
    pub fn admits(&self, namespace: &str, labels: Option<&Labels>) -> bool {
        self.home.as_deref() == Some(namespace)
            || match self.from {
                NamespacesFrom::Same => false,
                NamespacesFrom::All => true,
                NamespacesFrom::Selector => match (&self.selector, labels) {
                    (Some(selector), Some(labels)) => selector.matches(labels),
                    _ => false,
                },
            }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn allows(allowed: &Value, namespace: &str, labels: Option<&[(&str, &str)]>) -> bool {
        let integration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "platform"},
            "spec": {
                "app": {"kind": "General", "management": "Admin"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": ["user:read:user:admin"]},
                "allowedNamespaces": allowed,
            },
        }))
        .unwrap();
        let labels = labels.map(|labels| {
            let pairs = labels.iter();
            pairs
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        });
        admits(&integration, namespace, labels.as_ref())
    }

    #[test]
    fn the_own_namespace_is_always_allowed() {
        for allowed in [json!(null), json!({"from": "Same"}), json!({"from": "All"})] {
            assert!(allows(&allowed, "platform", None), "{allowed}");
        }
    }

    #[test]
    fn others_are_allowed_only_by_a_statement() {
        assert!(!allows(&json!(null), "clinic", Some(&[])));
        assert!(!allows(&json!({"from": "Same"}), "clinic", Some(&[])));
        assert!(allows(&json!({"from": "All"}), "clinic", None));
    }

    #[test]
    fn a_namespace_agrees_by_its_label_or_by_the_configuration() {
        let listed = ["customers=platform".parse().unwrap()];
        let labelled: Labels =
            [(label::ACCEPT_CONNECTIONS.to_owned(), "platform".to_owned())].into();
        let plain = Labels::new();
        assert!(accepts("customers", &labelled, "platform", &[]));
        assert!(accepts("customers", &plain, "platform", &listed));
        assert!(!accepts("customers", &plain, "platform", &[]));
        assert!(!accepts("customers", &labelled, "stranger", &listed));
        assert!(!accepts("others", &plain, "platform", &listed));
        for wrong in [
            "customers",
            "=platform",
            "customers=",
            "*=platform",
            "a=b=c",
            "a b=c",
        ] {
            assert!(wrong.parse::<Agreement>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_selector_reads_the_labels_of_the_namespace() {
        let by = |selector: Value| json!({"from": "Selector", "selector": selector});
        let clinic = by(json!({"matchLabels": {"tenant": "clinic"}}));
        assert!(allows(&clinic, "a", Some(&[("tenant", "clinic")])));
        assert!(!allows(&clinic, "a", Some(&[("tenant", "school")])));
        assert!(!allows(&clinic, "a", Some(&[])));
        assert!(!allows(&clinic, "a", None), "unknown labels match nothing");
        let paying = by(json!({"matchExpressions": [
            {"key": "plan", "operator": "In", "values": ["a", "b"]},
            {"key": "closed", "operator": "DoesNotExist"},
        ]}));
        assert!(allows(&paying, "a", Some(&[("plan", "b")])));
        assert!(!allows(
            &paying,
            "a",
            Some(&[("plan", "b"), ("closed", "")])
        ));
        assert!(!allows(&paying, "a", Some(&[("plan", "c")])));
        assert!(
            allows(&by(json!({})), "a", Some(&[])),
            "an empty selector matches all"
        );
        let unknown = by(json!({"matchExpressions": [{"key": "k", "operator": "Near"}]}));
        assert!(!allows(&unknown, "a", Some(&[("k", "v")])));
    }
}
