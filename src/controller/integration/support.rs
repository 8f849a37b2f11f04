//! What this installation does not support. It says so instead of ignoring the fields.

use crate::{
    api::v1alpha1::{ConsentMode, ZoomIntegrationSpec},
    controller::tenancy,
};

/// The fields that this installation does not support, each with the remedy.
#[must_use]
pub fn unsupported(
    spec: &ZoomIntegrationSpec,
    has_pages: bool,
    knows_labels: bool,
) -> Vec<&'static str> {
    let wants_pages = spec.consent_mode() == Some(ConsentMode::Operator);
    let pages = "oauth.consent.mode: Operator (set the chart's connect.url, or use External)";
    let selector = "allowedNamespaces.from: Selector (the operator watches some namespaces only, and no labels: use All, which means these, or install the operator without the chart's watchNamespaces)";
    let missing = [
        (wants_pages && !has_pages).then_some(pages),
        (tenancy::selects(spec) && !knows_labels).then_some(selector),
    ];
    missing.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_select_nothing_for_an_operator_that_watches_some_namespaces() {
        let spec = |from: &str| {
            serde_json::from_value(json!({
                "app": {"kind": "General", "management": "Admin"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": ["user:read:user:admin"]},
                "allowedNamespaces": {"from": from, "selector": {}},
            }))
            .unwrap()
        };
        assert!(unsupported(&spec("Selector"), true, true).is_empty());
        assert!(unsupported(&spec("All"), true, false).is_empty());
        let missing = unsupported(&spec("Selector"), true, false);
        assert!(missing[0].contains("use All"), "{missing:?}");
    }
}
