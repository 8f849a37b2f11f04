//! When nodes are drained, at most one of a receiver's Pods is evicted at a time.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::names::{metadata, selector_labels};
use crate::api::v1alpha1::{Webhook, ZoomIntegration};

/// `None` for a single Pod: a budget would protect nothing, and would keep its node from being drained.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
) -> Option<PodDisruptionBudget> {
    (webhook.replicas() > 1).then(|| PodDisruptionBudget {
        metadata: metadata(integration),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            // A Pod that accepts no requests needs no protection, and must not keep a node from being
            // drained.
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
