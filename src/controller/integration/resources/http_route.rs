//! The `HTTPRoute` of a receiver: exactly one host and its paths. Only the parts of the Gateway API that are
//! written and read here.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{
    names::{metadata, name},
    paths::paths,
};
use crate::{
    api::v1alpha1::{self, Webhook, ZoomIntegration},
    controller::integration::own_metadata::{AllowedKeys, of_endpoint},
};

/// The wanted spec of an `HTTPRoute`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    plural = "httproutes",
    namespaced,
    status = "HttpRouteStatus",
    schema = "disabled",
    derive = "PartialEq",
    doc = "A route of the Gateway API."
)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteSpec {
    /// The Gateways to attach to.
    #[serde(default)]
    pub parent_refs: Vec<ParentRef>,
    /// The hosts.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// The rules.
    #[serde(default)]
    pub rules: Vec<RouteRule>,
}

/// A Gateway to attach to.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// What the Gateways' controllers report about an `HTTPRoute`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteStatus {
    /// One report for each Gateway and controller.
    pub parents: Vec<ParentStatus>,
}

/// What one controller reports about an `HTTPRoute` at one Gateway.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ParentStatus {
    /// The Gateway.
    pub parent_ref: ParentRef,
    /// Whether it accepts the route, and why not.
    pub conditions: Vec<ParentCondition>,
}

/// A condition. Every field may be missing, because others write it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "as in every condition of Kubernetes")]
pub struct ParentCondition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// A rule.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// The requests that match.
    #[serde(default)]
    pub matches: Vec<RouteMatch>,
    /// The Services that get them.
    #[serde(default)]
    pub backend_refs: Vec<BackendRef>,
}

/// The requests that match.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct RouteMatch {
    /// A match by path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
}

/// A match by path.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct PathMatch {
    /// `Exact` or `PathPrefix`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The path.
    pub value: String,
}

/// A Service.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct BackendRef {
    /// Its name.
    pub name: String,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// `None` unless `endpoint.gateway` is set.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    allowed: &AllowedKeys,
) -> Option<HTTPRoute> {
    let endpoint = webhook.endpoint.as_ref()?;
    let wanted = endpoint.gateway.as_ref()?;
    let parent = |parent: &v1alpha1::ParentRef| ParentRef {
        name: parent.name.clone(),
        namespace: parent.namespace.clone(),
        section_name: parent.section_name.clone(),
    };
    let matching = |path: &str| RouteMatch {
        path: Some(PathMatch {
            type_: "Exact".into(),
            value: path.into(),
        }),
    };
    let spec = HttpRouteSpec {
        parent_refs: wanted.parent_refs.iter().map(parent).collect(),
        hostnames: vec![endpoint.host.clone()],
        rules: vec![RouteRule {
            matches: paths(integration, webhook)
                .into_iter()
                .map(matching)
                .collect(),
            backend_refs: vec![BackendRef {
                name: name(integration),
                port: Some(80),
            }],
        }],
    };
    let mut metadata = metadata(integration);
    of_endpoint(endpoint, allowed).add_to(&mut metadata);
    Some(HTTPRoute {
        metadata,
        spec,
        status: None,
    })
}
