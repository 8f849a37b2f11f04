//! The finalizer that keeps an integration until its receiver has delivered what it stored.

use kube::ResourceExt as _;

use super::model::Receiver;
use crate::api::v1alpha1::ZoomIntegration;

/// Keeps an integration until its receiver has delivered what it stored.
pub const FINALIZER: &str = "zoom-operator.io/buffer";

/// Whether the integration has the finalizer.
#[must_use]
pub fn has_finalizer(integration: &ZoomIntegration) -> bool {
    integration
        .finalizers()
        .iter()
        .any(|name| name == FINALIZER)
}

/// Whether an integration needs the finalizer: while events are stored, or may be stored from this pass on.
#[must_use]
pub fn is_needed(integration: &ZoomIntegration, receiver: &Receiver) -> bool {
    let webhook = integration.spec.webhook.as_ref();
    webhook.is_some_and(|webhook| webhook.buffer.is_some())
        || receiver.live(integration).iter().any(|live| live.buffered)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::OwnerReference,
    };
    use serde_json::{Value, json};

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "cases read better")]
    fn integration(webhook: Value) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []}, "webhook": webhook,
            },
        }))
        .unwrap()
    }

    #[test]
    fn only_a_buffer_holds_an_integration() {
        let sink = json!({"http": {"url": "https://s"}});
        let plain = integration(json!({"sink": sink}));
        assert!(!is_needed(&plain, &Receiver::default()));
        let buffered = integration(json!({"sink": sink, "buffer": {}}));
        assert!(is_needed(&buffered, &Receiver::default()));
        // The buffer is no longer wanted but still exists.
        let mut set = StatefulSet::default();
        set.metadata.owner_references = Some(vec![OwnerReference {
            uid: "u1".into(),
            ..OwnerReference::default()
        }]);
        let left = Receiver {
            stateful_set: Some(set),
            ..Receiver::default()
        };
        assert!(is_needed(&plain, &left));
        assert!(is_needed(&integration(Value::Null), &left));
    }
}
