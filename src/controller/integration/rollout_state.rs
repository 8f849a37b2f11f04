//! Whether the Pods of a workload are being replaced, and by which template. Pure.

use k8s_openapi::{
    NamespaceResourceScope,
    api::apps::v1::{Deployment, StatefulSet},
};
use kube::{Resource, ResourceExt as _};

use crate::api::annotation;

/// A workload of either kind.
pub trait Rolling: Resource<Scope = NamespaceResourceScope, DynamicType = ()> {
    /// Whether some Pods of the latest template do not accept requests yet.
    fn is_rolling(&self) -> bool;

    /// Whether some of its Pods are of a former template.
    fn has_former_pods(&self) -> bool;
}

impl Rolling for Deployment {
    fn is_rolling(&self) -> bool {
        let status = self.status.clone().unwrap_or_default();
        let wanted = self.spec.as_ref().and_then(|spec| spec.replicas);
        status.observed_generation < self.metadata.generation
            || status.updated_replicas.unwrap_or_default() < wanted.unwrap_or(1)
            || status.replicas > status.updated_replicas
            || status.available_replicas.unwrap_or_default() < wanted.unwrap_or(1)
    }

    fn has_former_pods(&self) -> bool {
        let status = self.status.as_ref();
        status.is_some_and(|status| {
            status.replicas.unwrap_or_default() > status.updated_replicas.unwrap_or_default()
        })
    }
}

impl Rolling for StatefulSet {
    fn is_rolling(&self) -> bool {
        let status = self.status.clone().unwrap_or_default();
        let wanted = self.spec.as_ref().and_then(|spec| spec.replicas);
        status.observed_generation < self.metadata.generation
            || status.updated_replicas.unwrap_or_default() < wanted.unwrap_or(1)
            || status.available_replicas.unwrap_or_default() < wanted.unwrap_or(1)
    }

    fn has_former_pods(&self) -> bool {
        let status = self.status.as_ref();
        status.is_some_and(|status| status.replicas > status.updated_replicas.unwrap_or_default())
    }
}

/// The digest of the Pod template with which a workload was applied.
#[must_use]
pub fn template<K: Resource>(object: &K) -> Option<&String> {
    object.annotations().get(annotation::DESIRED_TEMPLATE)
}

/// The digest as a number: equal numbers mean equal templates.
#[must_use]
pub fn version<K: Resource>(object: &K) -> u64 {
    let digest = template(object).and_then(|digest| digest.get(..16));
    digest
        .and_then(|digest| u64::from_str_radix(digest, 16).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use serde_json::{Value, json};

    use super::*;

    fn deployment(status: Value) -> Deployment {
        serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"generation": 2, "annotations": {"zoom-operator.io/desired": "1"}},
            "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"containers": []}}},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_deployment_rolls_until_all_its_pods_are_new_and_available() {
        for (status, rolling) in [
            (json!({}), true),
            (
                json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
                true,
            ),
            (
                json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}),
                true,
            ),
            (
                json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
                true,
            ),
            (
                json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
                false,
            ),
        ] {
            assert_eq!(deployment(status.clone()).is_rolling(), rolling, "{status}");
        }
    }
}
