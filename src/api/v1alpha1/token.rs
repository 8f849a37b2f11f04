//! `spec.token`: the Secret in which a token of the app's own is kept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{metadata, text};

/// The Secret in which the access token of a `ServerToServer` app or a Team Chat bot is kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Name of the Secret that consumers mount. It holds `access-token`, `token-type`, `expires-at`
    /// (RFC 3339), `scope` and `api-url`. A Secret that the operator did not create is never
    /// overwritten. Default: the integration's name with `-zoom-token` appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name_schema")]
    pub secret_name: Option<String>,
    /// What happens to the Secret when the integration is deleted: `Delete` (default) or `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Labels of the Secret, besides the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::labels_schema")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the Secret, besides the operator's own, for example of a tool that copies Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::annotations_schema")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Workloads that the operator restarts: when `secretName` changes, or with every new token. Absent:
    /// none. The chart value `restartWorkloads` must be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
}

/// What happens to the Secret when the integration is deleted: `Delete` (default) or `Retain`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// It is deleted with the integration.
    #[default]
    Delete,
    /// It stays; its token is valid until it expires.
    Retain,
}

/// Workloads that the operator restarts: when `secretName` changes, or with every new token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Workloads of the same namespace.
    #[schemars(length(min = 1, max = 10))]
    pub workloads: Vec<Workload>,
    /// `Renamed` (default): when `secretName` changes. `EveryToken`: with every new token, about once an hour,
    /// for consumers that read it only when they start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<RestartWhen>,
}

/// A workload of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// `Deployment`, `StatefulSet` or `DaemonSet`.
    pub kind: WorkloadKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// `Deployment`, `StatefulSet` or `DaemonSet`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in Kubernetes")]
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// `Renamed` (default): when `secretName` changes. `EveryToken`: with every new token, about once an hour, for
/// consumers that read it only when they start.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RestartWhen {
    /// When `secretName` changes.
    #[default]
    Renamed,
    /// With every new token.
    EveryToken,
}

// === impl WorkloadKind ===

impl WorkloadKind {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }
}
