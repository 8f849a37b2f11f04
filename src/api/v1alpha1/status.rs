//! `status`: what the controller found, for people and for machines.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use zoom::scopes::Comparison;

use super::{
    failure::TokenFailure,
    setup::{CredentialsStatus, SetupStep},
};

/// What the controller found.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ZoomIntegrationStatus {
    /// The `metadata.generation` that this status describes; -1 until the controller has seen the
    /// resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The phase of the integration, for people. Scripts read `conditions`.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub phase: Option<Phase>,
    /// The state of the tenant for machines. `Ready`: can be used. `Reconciling`: not yet, work is under way.
    /// `Stalled`: a person must change something. The others name the part: `CredentialsValid`,
    /// `TokenFresh`, `ScopesGranted`, `ReceiverAvailable`, `EndpointReachable`, `EndpointValidated`,
    /// `EventsDelivered`, `EventsVerified`, `AppExclusive`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The release of the operator that wrote this status last: namespace and name of its Lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The link with which a person authorizes a General app: with self-service, or with
    /// `oauth.consent.mode: External`. Otherwise each `ZoomConnection` has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_url: Option<String>,
    /// The text to paste into Zoom as "OAuth Redirect URL", if the operator provides the callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// The app's client id, which is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Scopes that Zoom granted, compared with those required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ScopesStatus>,
    /// The access token of a `ServerToServer` app or a Team Chat bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenStatus>,
    /// The webhook endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookStatus>,
    /// The connections of a General app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<ConnectionsStatus>,
    /// What is known about the credentials Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// What people have to do in Zoom, in the order of its portal: each step with the exact text to
    /// paste, and what proves that it was done. No step is done without proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub setup: Vec<SetupStep>,
    /// What a person has to do next: a step of `setup`, or what ends a stall. Absent once the integration is
    /// connected and no step is `Open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// Risky settings of the app, even if they work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The phase, for people. Scripts read `conditions`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A Secret or a key is missing.
    #[serde(rename = "Awaiting credentials")]
    AwaitingCredentials,
    /// The first attempt is under way: nothing was usable yet.
    Connecting,
    /// Only a person has to authorize the app.
    #[serde(rename = "Ready to install")]
    ReadyToInstall,
    /// Usable: token valid, scopes granted, receiver available.
    Connected,
    /// Zoom granted less than `scopes.required`.
    #[serde(rename = "Missing scopes")]
    MissingScopes,
    /// The grant is lost: a person must authorize again.
    #[serde(rename = "Reauthorization required")]
    ReauthorizationRequired,
    /// Zoom, the account's administrator or the app's owner switched the app off.
    #[serde(rename = "Disabled in Zoom")]
    DisabledInZoom,
    /// Something is wrong; the conditions say what.
    Degraded,
    /// `spec.suspend` is set.
    Suspended,
}

/// Scopes that Zoom granted, compared with those declared.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ScopesStatus {
    /// Granted by Zoom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted: Vec<String>,
    /// Required and not granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Granted and not declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excess: Vec<String>,
}

impl ScopesStatus {
    /// The status of what Zoom granted; `None` if that is nothing.
    #[must_use]
    pub fn of(compared: Comparison) -> Option<Self> {
        told(Self {
            granted: compared.granted,
            missing: compared.missing,
            excess: compared.excess,
        })
    }
}

/// A part of a status that says something. One that says nothing is left out: an API server makes `null` of a part
/// whose last field is taken away, and then refuses the status.
#[must_use]
pub fn told<T: Default + PartialEq>(part: T) -> Option<T> {
    (part != T::default()).then_some(part)
}

/// The access token of a `ServerToServer` app or a Team Chat bot.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// The Secret that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When the operator will replace it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_at: Option<Time>,
    /// The failed attempts to get a token since the last success. Kept here so that a restart of the
    /// controller neither forgets the backoff nor starts it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TokenFailure>,
}

/// The webhook endpoint.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatus {
    /// The text to paste into Zoom as "Event notification endpoint URL".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When `url` last changed, or was withdrawn and published again. `lastValidated`, `lastVerified` and
    /// `lastRejected` count from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_since: Option<Time>,
    /// When the receiver last answered a signed URL validation from Zoom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_validated: Option<Time>,
    /// When a request last had a valid signature, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified: Option<Time>,
    /// When a request was last signed with none of the integration's secrets, to the hour. Anybody can send
    /// such a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rejected: Option<Time>,
    /// Whether the endpoint was told that somebody removed the app.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removal_seen: bool,
    /// Which secret token signed the last request: `Current` or `Previous`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_secret: Option<String>,
    /// The declared events of which at least one has arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events_seen: Vec<String>,
    /// Up to 16 events that Zoom sent within the last three days although they are not declared. They are
    /// acknowledged and discarded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events_undeclared: Vec<String>,
    /// How many events are declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_declared: Option<i32>,
    /// How many states the sink is told of at present. Absent without `webhook.lifecycleEvents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<i32>,
    /// How many Pods the receiver has, without those that a rollout adds. Read by `kubectl scale` and
    /// autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The label selector of the receiver's Pods. Read by autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The buffer, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<BufferStatus>,
    /// Up to five Zoom accounts whose events arrive and that no `ZoomConnection` has. What becomes of their
    /// events, `spec.webhook.unclaimedAccounts` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclaimed_accounts: Vec<String>,
}

/// The buffer of the receiver. How many events are pending changes all the time and is a metric.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BufferStatus {
    /// How many dead letters there are: events that could not be delivered, were unreadable, or were skipped
    /// by a person. The receiver keeps them until somebody replays or drops them. Exact up to 20, then rounded
    /// down to 20, 50, 100, 200, …, so that the status does not change with every event.
    #[serde(default)]
    pub dead_letters: i64,
}

/// The connections of a General app.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionsStatus {
    /// How many `ZoomConnection`s refer to this integration.
    #[serde(default)]
    pub total: i32,
    /// How many of them are connected.
    #[serde(default)]
    pub connected: i32,
    /// How many of them self-service created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_service: Option<i32>,
}

/// A phase that a newer version wrote must not make the resource unreadable after a rollback.
pub(super) fn lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Phase>, D::Error> {
    let phrase = String::deserialize(deserializer)?;
    Ok(Phase::ALL
        .into_iter()
        .find(|phase| phase.as_str() == phrase))
}

// === impl Phase ===

impl Phase {
    /// Every phase, for metrics and documentation.
    pub const ALL: [Self; 9] = [
        Self::AwaitingCredentials,
        Self::Connecting,
        Self::ReadyToInstall,
        Self::Connected,
        Self::MissingScopes,
        Self::ReauthorizationRequired,
        Self::DisabledInZoom,
        Self::Degraded,
        Self::Suspended,
    ];

    /// The phrase as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingCredentials => "Awaiting credentials",
            Self::Connecting => "Connecting",
            Self::ReadyToInstall => "Ready to install",
            Self::Connected => "Connected",
            Self::MissingScopes => "Missing scopes",
            Self::ReauthorizationRequired => "Reauthorization required",
            Self::DisabledInZoom => "Disabled in Zoom",
            Self::Degraded => "Degraded",
            Self::Suspended => "Suspended",
        }
    }
}
