//! One app for many tenants: which namespaces may use an integration, whose events are whose, and where a
//! tenant's events go.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{HttpFormat, HttpSink, LocalRef, NatsSink, ServiceRef, text};

/// A reference to a `ZoomIntegration`, of the same namespace or of one that allows it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationRef {
    /// Name of the `ZoomIntegration`.
    #[schemars(schema_with = "text::object_name_schema")]
    pub name: String,
    /// Its namespace, which has to allow this one by `allowedNamespaces`. Default: the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::namespace_schema")]
    pub namespace: Option<String>,
}

/// The namespaces whose `ZoomConnections` may use the integration.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("self.from != 'Selector' || has(self.selector)")
        .message("allowedNamespaces.from: Selector needs a selector: set allowedNamespaces.selector to the labels of the namespaces, or set from to Same or All"),
    validation = Rule::new("self.from == 'Selector' || !has(self.selector)")
        .message("allowedNamespaces.selector is for from: Selector: set from to Selector, or remove selector")
)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// `Same`: only the integration's own namespace. `All`: every namespace that the operator watches.
    /// `Selector`: those whose labels match `selector`; not available with the chart value `watchNamespaces`.
    pub from: NamespacesFrom,
    /// Labels of the allowed namespaces, with `Selector`. An empty selector matches all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector_schema")]
    pub selector: Option<LabelSelector>,
}

/// `Same`: only the integration's own namespace. `All`: every namespace that the operator watches. `Selector`:
/// those whose labels match.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NamespacesFrom {
    /// The integration's own namespace.
    #[default]
    Same,
    /// Every watched namespace.
    All,
    /// Those whose labels match.
    Selector,
}

/// Says which connection gets the events of a Zoom account.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AccountClaim {
    /// Zoom's id of the account.
    #[schemars(schema_with = "text::account_id_schema")]
    pub account_id: String,
    /// Namespace of the `ZoomConnection`.
    #[schemars(schema_with = "text::namespace_schema")]
    pub namespace: String,
    /// Name of the `ZoomConnection`.
    #[schemars(schema_with = "text::connection_name_schema")]
    pub connection: String,
}

/// Where the events of a connection's Zoom account go: exactly one of `http` and `nats`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("has(self.http) != has(self.nats)")
        .message("sink needs exactly one of http and nats"),
    validation = Rule::new("!has(self.http) || self.http.?format.orValue('CloudEvents') != 'Zoom' || has(self.http.credentialsSecretRef)")
        .message("format: Zoom needs a signing secret of the tenant: set sink.http.credentialsSecretRef to a Secret with the key webhook-secret-token, or set format to CloudEvents")
)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSink {
    /// Send each event as an HTTP request, to a Service of the connection's namespace or a URL. With
    /// `format: Zoom`, events are signed with the key `webhook-secret-token` of the credentials Secret, never
    /// with the app's own secret token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSink>,
    /// Publish each event to NATS `JetStream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsSink>,
}

/// What a connection that self-service creates looks like.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("has(self.namespace) || has(self.sink)")
        .message("selfService.template is empty: set namespace or sink, or remove template")
)]
#[serde(rename_all = "camelCase")]
pub struct SelfServiceTemplate {
    /// Namespace of the new connections. The integration must allow it (`allowedNamespaces`), and the namespace must
    /// accept connections: by the label `zoom-operator.io/accept-connections` with the integration's namespace as value, or by the chart
    /// value `connect.acceptConnections`. Default: the integration's own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::namespace_schema")]
    pub namespace: Option<String>,
    /// Where the events of each connection's account go. The Secret and the Service that it names are those
    /// of the connections' namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<ConnectionSink>,
}

// === impl IntegrationRef ===

impl IntegrationRef {
    /// A reference within one namespace.
    #[must_use]
    pub fn local(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: None,
        }
    }

    /// The namespace of the integration, for a connection in the namespace `own`.
    #[must_use]
    pub fn namespace<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }

    /// Whether it leads out of the namespace `own`.
    #[must_use]
    pub fn is_foreign(&self, own: &str) -> bool {
        self.namespace(own) != own
    }
}

// === impl ConnectionSink ===

impl ConnectionSink {
    /// The Service that it leads to, if it is one.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceRef> {
        self.http.as_ref()?.service_ref.as_ref()
    }

    /// The Secret with its credentials, if one is named.
    #[must_use]
    pub fn secret(&self) -> Option<&LocalRef> {
        let http = self.http.as_ref();
        let nats = self.nats.as_ref();
        http.and_then(|http| http.credentials_secret_ref.as_ref())
            .or_else(|| nats?.credentials_secret_ref.as_ref())
    }

    /// Whether events are signed for it in Zoom's way.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let format = self.http.as_ref().and_then(|http| http.format);
        format == Some(HttpFormat::Zoom)
    }
}

fn selector_schema(_: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({"type": "string", "maxLength": 63});
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "maxProperties": 20,
                "additionalProperties": value,
            },
            "matchExpressions": {
                "type": "array",
                "maxItems": 20,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "minLength": 1, "maxLength": 316},
                        "operator": {
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"]
                        },
                        "values": {
                            "type": "array",
                            "maxItems": 50,
                            "x-kubernetes-list-type": "atomic",
                            "items": value,
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
                        "message": "In and NotIn need values, Exists and DoesNotExist take none"
                    }]
                },
            },
        },
    })
}
