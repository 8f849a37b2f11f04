//! `spec.webhook`: events, the way in, and where they go.

mod receiver;
mod schema;

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::receiver::{ReceiverKnobs, Resources, Spread, Toleration, WhenUnsatisfiable};
use super::{LocalRef, endpoint::Endpoint, text};

/// The events that the tenant wants and where they go.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.buffer) || !has(self.sink.http) || !has(self.sink.http.timeout) || !self.sink.http.timeout.matches('^([0-9]+(m|s|ms))+$') || duration(self.sink.http.timeout) <= duration('2500ms')")
        .message("without a buffer Zoom waits for the sink, and for three seconds only: set webhook.buffer, or sink.http.timeout to 2500ms at most"),
    validation = Rule::new("!has(self.lifecycleEvents) || !has(self.sink.http) || !has(self.sink.http.format) || self.sink.http.format != 'Zoom'")
        .message("lifecycle events are CloudEvents, which format: Zoom cannot carry: remove webhook.lifecycleEvents, or set sink.http.format to CloudEvents"),
    validation = Rule::new("!has(self.unclaimedAccounts) || self.unclaimedAccounts == 'Sink' || has(self.buffer)")
        .message("events are sorted by account once they are stored: set webhook.buffer, or set unclaimedAccounts to Sink")
)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// The event subscriptions of Zoom's form. May be empty: a published app needs an endpoint for
    /// `app_deauthorized`, which comes without a subscription.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub subscriptions: Vec<Subscription>,
    /// How Zoom reaches the receiver. Absent: only the receiver's Service is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The authentication set in Zoom's form for the app's event subscription, in addition to the
    /// signature. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Where verified events go.
    pub sink: Sink,
    /// Store events before they are acknowledged. Absent: Zoom gets its answer when the sink has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<Buffer>,
    /// What happens to events of Zoom accounts without a `ZoomConnection`: `Sink` (default) sends
    /// them to `sink`, `DeadLetter` keeps them as dead letters, `Drop` discards and counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclaimed_accounts: Option<UnclaimedAccounts>,
    /// Send lifecycle events to the sink: states that need a person, for example a lost grant or rejected
    /// credentials, so that your product can tell its user. Set it to `{}`. Absent: the sink gets Zoom's events only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_events: Option<LifecycleEvents>,
    /// Size and placement of the receiver.
    // A default, so that `replicas` below it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = {}))]
    pub receiver: Option<ReceiverKnobs>,
}

/// What happens to events of Zoom accounts without a connection. `Sink`: they go to `webhook.sink`. `DeadLetter`: they
/// become dead letters. `Drop`: they are discarded and counted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UnclaimedAccounts {
    /// They go to the integration's own sink.
    #[default]
    Sink,
    /// They become dead letters.
    DeadLetter,
    /// They are discarded.
    Drop,
}

/// Send lifecycle events to the sink: states that need a person. Has no fields yet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
pub struct LifecycleEvents {}

/// An event subscription of Zoom's form.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// "Subscription name" in Zoom's form.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// Zoom's event names, for example `meeting.ended`.
    #[schemars(schema_with = "schema::events_schema")]
    pub events: Vec<String>,
}

/// The authentication that Zoom adds to every webhook. The values are in the credentials Secret:
/// `webhook-username` and `webhook-password`, or `webhook-header-value`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("self.type == 'CustomHeader' || !has(self.headerName)")
        .message("headerName is for type: CustomHeader: remove headerName, or set type to CustomHeader"),
    validation = Rule::new("self.type != 'CustomHeader' || has(self.headerName)")
        .message("type: CustomHeader needs headerName: set it to the name of the header in Zoom's form")
)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// `Basic`: keys `webhook-username` and `webhook-password` of the credentials Secret.
    /// `CustomHeader`: key `webhook-header-value`.
    #[serde(rename = "type")]
    pub type_: AuthenticationType,
    /// Name of the header, with `CustomHeader`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::header_name_schema")]
    pub header_name: Option<String>,
}

/// `Basic`: keys `webhook-username` and `webhook-password` of the credentials Secret. `CustomHeader`:
/// key `webhook-header-value`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationType {
    /// User name and password.
    Basic,
    /// A header of any name.
    CustomHeader,
}

/// Where verified events go: exactly one of `http` and `nats`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("has(self.http) != has(self.nats)")
        .message("sink needs exactly one of http and nats")
)]
#[serde(rename_all = "camelCase")]
pub struct Sink {
    /// Send each event as an HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSink>,
    /// Publish each event to NATS `JetStream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsSink>,
}

/// Send each event as an HTTP request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("has(self.url) != has(self.serviceRef)")
        .message("sink.http needs exactly one of url and serviceRef")
)]
#[serde(rename_all = "camelCase")]
pub struct HttpSink {
    /// The address to send to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::sink_url_schema")]
    pub url: Option<String>,
    /// A Service of the same namespace to send to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ref: Option<ServiceRef>,
    /// `CloudEvents` (default): binary mode of `CloudEvents` 1.0, the body as Zoom sent it. `Zoom`: the
    /// body with Zoom's headers, signed again, for a back end that verifies Zoom's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<HttpFormat>,
    /// How long the sink may take for an event, for example `10s`; at most `60s`, and without a buffer
    /// `2500ms`. Default: `10s` with a buffer, `2500ms` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::timeout_schema")]
    pub timeout: Option<String>,
    /// Secret with credentials for the sink, in the same namespace and labelled
    /// `zoom-operator.io/use: sink`. Keys: `authorization` (the header's value) and `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
}

/// A Service of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Name of the Service.
    #[schemars(schema_with = "schema::service_name_schema")]
    pub name: String,
    /// Port number of the Service. Default: 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Path to send to. Default: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::sink_path_schema")]
    pub path: Option<String>,
}

/// `CloudEvents` (default): binary mode of CloudEvents 1.0, the body as Zoom sent it. `Zoom`: the body
/// with Zoom's headers, signed again, for a back end that verifies Zoom's signature.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HttpFormat {
    /// Binary mode of `CloudEvents` 1.0.
    #[default]
    CloudEvents,
    /// As Zoom sends it.
    Zoom,
}

/// Publish each event to NATS `JetStream`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NatsSink {
    /// Address of the server, `nats://` or `tls://`.
    #[schemars(schema_with = "text::nats_url_schema")]
    pub url: String,
    /// Subject to publish to; the event's type is appended. Default: `zoom.<namespace>.<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::nats_subject_schema")]
    pub subject: Option<String>,
    /// What JetStream recognizes repeats by, the header `Nats-Msg-Id`. Default: `Body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<NatsMessageId>,
    /// Secret with NATS credentials, in the same namespace and labelled
    /// `zoom-operator.io/use: sink`. Keys: `nats.creds` or `nkey-seed`, and `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
}

/// `Body` (default): the hash of the body, so only the same bytes are a repeat. `EventKey`: the attribute
/// `zoomeventkey`, so a delivery of the same event with other links or details is a repeat too.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NatsMessageId {
    /// The hash of the body.
    #[default]
    Body,
    /// The attribute `zoomeventkey`.
    EventKey,
}

/// Store events before they are acknowledged.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("!has(self.storageClassName) || !has(self.storage) || self.storage == 'Persistent'")
        .message("storageClassName is for storage: Persistent, an Ephemeral buffer has no volume claim: remove storageClassName, or set storage to Persistent")
)]
#[serde(rename_all = "camelCase")]
pub struct Buffer {
    /// `Persistent` (default): on a volume claim. `Ephemeral`: in the Pod, drained when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<BufferStorage>,
    /// Storage class of the volume claim. Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,
    /// Size of the volume of each receiver Pod, at least `16Mi`; seven tenths of it are for events.
    /// Default: `1Gi`. A larger size expands the volumes, if their storage class allows it; a volume never
    /// shrinks. If the volumes cannot be expanded, the condition `Ready` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size_schema")]
    pub size: Option<Quantity>,
    /// How long an event is kept for a sink that does not accept it, for example `72h`. Default: `168h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration_schema")]
    pub max_age: Option<String>,
    /// How often an event is sent to a sink that refuses it while it accepts others; then it becomes a
    /// dead letter. Default: 10, which takes about eight minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: Option<i32>,
    /// With connections that have sinks of their own: how many percent of the buffer the events of one Zoom
    /// account may take. Beyond that, Zoom gets 503 for this account's events only, and sends them again.
    /// Default: 25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub account_share: Option<i32>,
}

/// `Persistent` (default): on a volume claim. `Ephemeral`: in the Pod, drained when it ends.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BufferStorage {
    /// On a volume claim.
    #[default]
    Persistent,
    /// In the Pod.
    Ephemeral,
}

// === impl UnclaimedAccounts ===

impl UnclaimedAccounts {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Sink, Self::DeadLetter, Self::Drop];

    /// Its spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sink => "Sink",
            Self::DeadLetter => "DeadLetter",
            Self::Drop => "Drop",
        }
    }
}

// === impl Webhook ===

impl Webhook {
    /// The path on which the receiver accepts webhooks.
    #[must_use]
    pub fn path(&self) -> &str {
        self.endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.path.as_deref())
            .unwrap_or("/")
    }

    /// The URL to paste into Zoom, if the public host is known.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let endpoint = self.endpoint.as_ref()?;
        Some(format!("https://{}{}", endpoint.host, self.path()))
    }

    /// The Secret with the sink's credentials, if one is named.
    #[must_use]
    pub fn sink_secret(&self) -> Option<&str> {
        let http = self.sink.http.as_ref();
        let nats = self.sink.nats.as_ref();
        http.and_then(|http| http.credentials_secret_ref.as_ref())
            .or_else(|| nats?.credentials_secret_ref.as_ref())
            .map(|secret| secret.name.as_str())
    }

    /// The Service of the same namespace that is the sink, if it is one.
    #[must_use]
    pub fn sink_service(&self) -> Option<&ServiceRef> {
        self.sink.http.as_ref()?.service_ref.as_ref()
    }

    /// Every event that is declared, once.
    #[must_use]
    pub fn events(&self) -> BTreeSet<&str> {
        self.subscriptions
            .iter()
            .flat_map(|subscription| subscription.events.iter().map(String::as_str))
            .collect()
    }

    /// Number of receiver Pods.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        let knobs = self.receiver.as_ref();
        knobs.and_then(|knobs| knobs.replicas).unwrap_or(1)
    }
}
