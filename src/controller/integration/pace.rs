//! How a workload stands to what is wanted of it. Pure.

use k8s_openapi::{
    NamespaceResourceScope,
    api::apps::v1::{Deployment, StatefulSet},
};
use kube::{Resource, ResourceExt as _};

use super::resources;
use crate::{
    api::{annotation, v1alpha1::ZoomIntegration},
    controller::rollouts::Situation,
};

/// A workload of either kind, as far as its pace is concerned.
pub trait Rolling: Resource<Scope = NamespaceResourceScope, DynamicType = ()> {
    /// Whether Pods of the latest template do not all take requests yet.
    fn is_rolling(&self) -> bool;
    /// The template of its Pods.
    fn template(&self) -> serde_json::Value;
    /// How many Pods it shall have.
    fn replicas(&self) -> Option<i32>;
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

    fn template(&self) -> serde_json::Value {
        let template = self.spec.as_ref().map(|spec| &spec.template);
        serde_json::to_value(template).unwrap_or_default()
    }

    fn replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
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

    fn template(&self) -> serde_json::Value {
        let template = self.spec.as_ref().map(|spec| &spec.template);
        serde_json::to_value(template).unwrap_or_default()
    }

    fn replicas(&self) -> Option<i32> {
        self.spec.as_ref()?.replicas
    }
}

/// How the workload stands to what is wanted of it.
pub fn situation<K: Rolling>(
    integration: &ZoomIntegration,
    live: Option<&K>,
    wanted: &K,
) -> Situation {
    let seen = integration.status.as_ref();
    let seen = seen.and_then(|status| status.observed_generation);
    Situation {
        differs: live.is_none_or(|live| differs(live, wanted)),
        own_change: live.is_none() || seen != integration.metadata.generation,
        rolling: live.is_some_and(Rolling::is_rolling),
    }
}

/// Whether the Pods would be replaced. That a field is no longer wanted shows in the digest alone; where
/// the number of Pods changes as well, the digest says nothing.
fn differs<K: Rolling>(live: &K, wanted: &K) -> bool {
    let digest = |object: &K| object.annotations().get(annotation::DESIRED).cloned();
    !resources::covers(&live.template(), &wanted.template())
        || live.replicas() == wanted.replicas() && digest(live) != digest(wanted)
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

    #[test]
    fn only_what_replaces_pods_has_to_wait() {
        let live = deployment(json!({}));
        assert!(!differs(&live, &live.clone()));
        let mut scaled = live.clone();
        scaled.spec.as_mut().unwrap().replicas = Some(3);
        scaled.annotations_mut().clear();
        assert!(!differs(&live, &scaled));
        let mut lacking = live.clone();
        lacking.annotations_mut().clear();
        assert!(differs(&live, &lacking));
        let mut other = live.clone();
        let template = &mut other.spec.as_mut().unwrap().template;
        template.spec.as_mut().unwrap().host_network = Some(true);
        assert!(differs(&live, &other));
    }
}
