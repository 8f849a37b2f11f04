//! `spec.webhook.receiver`: size and placement of the receiver.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::Affinity, apimachinery::pkg::util::intstr::IntOrString};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;
use crate::api::v1alpha1::{LocalRef, metadata};

/// Size and placement of the receiver: a fixed set of fields, not a Pod template.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverKnobs {
    /// Number of receiver Pods (default: 1). Leave it out where an autoscaler sets it. With more than one, events
    /// still arrive while a node is down. Each Pod then has its own buffer, and events are in order within a Pod
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // In the schema: without a value, the scale subresource answers that there is none.
    #[schemars(range(min = 1, max = 20), extend("default" = 1))]
    pub replicas: Option<i32>,
    /// Resources of the receiver container. Default: requests 10m CPU and 16Mi memory, limit 64Mi
    /// memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Labels of the nodes to run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::node_selector_schema")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that the receiver tolerates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub tolerations: Option<Vec<Toleration>>,
    /// Affinity of the receiver's Pods. Replaces that of the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::affinity_schema")]
    pub affinity: Option<Affinity>,
    /// How the receiver's Pods are spread over zones or nodes. Replaces what the operator's configuration says,
    /// by default that they prefer different nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub topology_spread_constraints: Option<Vec<Spread>>,
    /// Secrets of the same namespace with credentials of the registry, besides those of the operator's
    /// configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub image_pull_secrets: Option<Vec<LocalRef>>,
    /// Labels of the receiver's Pods. The operator's configuration says which keys are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::labels_schema")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the receiver's Pods. The operator's configuration says which keys are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::annotations_schema")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Priority class of the receiver's Pods. Not applied if the operator's configuration does not allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub priority_class_name: Option<String>,
}

/// Resources of the receiver container. Default: requests 10m CPU and 16Mi memory, limit 64Mi memory.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What the node keeps free for it: `cpu`, `memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantities_schema")]
    pub requests: Option<BTreeMap<String, IntOrString>>,
    /// What it may use at most: `cpu`, `memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantities_schema")]
    pub limits: Option<BTreeMap<String, IntOrString>>,
}

/// A taint that the receiver tolerates, as in a Pod.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the taint. Empty with operator `Exists`: all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 316))]
    pub key: Option<String>,
    /// `Equal` (default) or `Exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub operator: Option<String>,
    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint: `NoSchedule`, `PreferNoSchedule` or `NoExecute`. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub effect: Option<String>,
    /// How long a Pod stays on a node with a `NoExecute` taint, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How the receiver's Pods are spread.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// By how many Pods two places may differ at most.
    #[schemars(range(min = 1, max = 20))]
    pub max_skew: i32,
    /// Label of the nodes by which places differ, for example `topology.kubernetes.io/zone`.
    #[schemars(length(min = 1, max = 317))]
    pub topology_key: String,
    /// `ScheduleAnyway` (default) or `DoNotSchedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_unsatisfiable: Option<WhenUnsatisfiable>,
}

/// What happens to a Pod for which no place keeps the limit: `ScheduleAnyway` (default) or `DoNotSchedule`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "as in Kubernetes")]
pub enum WhenUnsatisfiable {
    #[default]
    ScheduleAnyway,
    DoNotSchedule,
}
