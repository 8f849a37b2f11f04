//! `spec.webhook.endpoint`: the way in.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{metadata, text};

/// How Zoom reaches the receiver.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("!(has(self.ingress) && has(self.gateway))")
        .message("endpoint takes ingress or gateway, not both: remove one")
)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The public host name. Zoom calls it by https on port 443.
    #[schemars(schema_with = "host_schema")]
    pub host: String,
    /// The path of the endpoint. Default: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::endpoint_path_schema")]
    pub path: Option<String>,
    /// Expose the receiver through an Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Expose the receiver through an `HTTPRoute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
}

/// Expose the receiver through an Ingress.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Ingress class. Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub class_name: Option<String>,
    /// Secret with the TLS certificate, in the same namespace. With cert-manager: the Secret that it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub tls_secret_name: Option<String>,
    /// How the path is compared: `Exact` (default, unless the operator is configured for `OpenShift`), `Prefix`, or
    /// `ImplementationSpecific` for classes that know only their own way. The receiver itself answers `endpoint.path`
    /// and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_type: Option<PathType>,
    /// Labels of the Ingress. The operator's configuration says which keys are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::labels_schema")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the Ingress, for example `cert-manager.io/cluster-issuer`. The operator's configuration
    /// says which keys are allowed; `ReceiverAvailable` names those that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::annotations_schema")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// How the path of an Ingress is compared: `Exact` (default), `Prefix`, or `ImplementationSpecific` for ingress
/// classes that support neither.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PathType {
    /// This path.
    #[default]
    Exact,
    /// This path and those below it.
    Prefix,
    /// As the class does it.
    ImplementationSpecific,
}

/// Expose the receiver through an `HTTPRoute` of the Gateway API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// The Gateways to attach to.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<ParentRef>,
    /// Labels of the `HTTPRoute`. The operator's configuration says which keys are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::labels_schema")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the `HTTPRoute`. The operator's configuration says which keys are allowed;
    /// `ReceiverAvailable` names those that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "metadata::annotations_schema")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// A Gateway to attach to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Name of the Gateway.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the Gateway. Default: the integration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
    /// Listener of the Gateway. Default: all that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub section_name: Option<String>,
}

// === impl PathType ===

impl PathType {
    /// The spelling in an Ingress.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "Exact",
            Self::Prefix => "Prefix",
            Self::ImplementationSpecific => "ImplementationSpecific",
        }
    }
}

fn host_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "x-kubernetes-validations": [{
            "rule": r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$') && !self.matches('[.][0-9]+$')",
            "message": "endpoint.host must be a lower-case host name: write hooks.example.com, without https://, port (Zoom uses 443) or path (set endpoint.path)"
        }]
    })
}
