//! At most one of a receiver's Pods goes at a time when nodes are emptied.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::names::{metadata, selector_labels};
use crate::api::v1alpha1::{Webhook, ZoomIntegration};

/// `None` for a single Pod: nothing would be protected, and no node could be emptied.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
) -> Option<PodDisruptionBudget> {
    (webhook.replicas() > 1).then(|| PodDisruptionBudget {
        metadata: metadata(integration),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            // A Pod that takes no requests protects nothing, and must not keep a node from being drained.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
            selector: Some(LabelSelector {
                match_labels: Some(selector_labels(integration)),
                ..LabelSelector::default()
            }),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}
