//! `ZoomConnection`: one person's or account's authorization of a General app.

use std::collections::BTreeMap;

use crate::api::reason::Reason;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ConnectionSink, IntegrationRef, LocalRef, Management, Phase, Restart, ScopesStatus,
    TokenStatus, ZoomIntegration, integration::external_refs_schema, metadata, status::lenient,
    text,
};

/// One authorization of an app.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "zoom-operator.io",
    version = "v1alpha1",
    kind = "ZoomConnection",
    plural = "zoomconnections",
    shortname = "zconn",
    category = "zoom",
    namespaced,
    status = "ZoomConnectionStatus",
    derive = "PartialEq",
    doc = "One person's or account's authorization of a General app. A person authorizes once, at status.installUrl; from then on the operator keeps a valid access token in a Secret and says in the status whether that person has to act again.",
    selectable = ".spec.integrationRef.name",
    selectable = ".spec.integrationRef.namespace",
    printcolumn(name = "Integration", type_ = "string", json_path = ".spec.integrationRef.name", description = "The app that is authorized."),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase", description = "The phase, for people."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", description = "Whether the connection can be used."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "The reason of the condition Ready."),
    printcolumn(name = "Subject", type_ = "string", json_path = ".status.subject.email", description = "Who authorized the app."),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.token.expiresAt", description = "When the current access token expires."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "App Namespace", type_ = "string", json_path = ".spec.integrationRef.namespace", priority = 1, description = "The namespace of the app, if it is another one."),
    printcolumn(name = "Account", type_ = "string", json_path = ".status.subject.accountId", priority = 1, description = "The Zoom account of who authorized the app."),
    printcolumn(name = "Events", type_ = "string", json_path = ".status.conditions[?(@.type==\"EventsRouted\")].reason", priority = 1, description = "Whether the account's events go to the connection's sink, and if not, why."),
    printcolumn(name = "Consent", type_ = "string", json_path = ".status.consent.reason", priority = 1, description = "What became of the last attempt to authorize."),
    printcolumn(name = "Install URL", type_ = "string", json_path = ".status.installUrl", priority = 1, description = "The link with which the person authorizes."),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$')")
        .message("metadata.name is part of a link and of Secret names: use at most 52 lower-case letters, digits and hyphens, a letter first, no dots")
)]
#[serde(rename_all = "camelCase")]
pub struct ZoomConnectionSpec {
    /// The `ZoomIntegration` whose app is authorized; of kind General. It is in the same namespace, or in one
    /// that allows this namespace. Cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("integrationRef cannot be changed, a grant belongs to one app: create another ZoomConnection and delete this one")
    )]
    pub integration_ref: IntegrationRef,

    /// Who is expected to authorize. Compared with Zoom's answer before any token is published, so
    /// that a forwarded link does not attach somebody else. Absent: whoever comes first, and from
    /// then on nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,

    /// Take over an existing grant, without a new consent: a Secret of the same namespace with the key
    /// `refresh-token`. From then on nobody else may use that token: Zoom replaces a refresh token with
    /// every use. A different value in the Secret is taken over once the present grant no longer works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_secret_ref: Option<LocalRef>,

    /// The Secret in which the access token is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<ConnectionToken>,

    /// Where the events of this connection's Zoom account go. Absent: to the integration's own sink. The
    /// integration needs a `webhook` with a `buffer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<ConnectionSink>,

    /// Facts about the person or account, for example an id in another system. Events that go to
    /// `sink` carry them as `CloudEvents` attributes. Keys: 1 to 20 lower-case letters and digits, and none of
    /// the names that `CloudEvents` or the operator use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "external_refs_schema")]
    pub external_refs: Option<BTreeMap<String, String>>,
}

/// Who is expected to authorize.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("has(self.displayName) || has(self.email) || has(self.accountId)")
        .message("subject is empty: set displayName, email or accountId, or remove subject")
)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// How the consent page greets the person. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,
    /// The Zoom user's email address; case does not matter. Comparing it needs the scope `user:read:user`
    /// (admin-managed: `user:read:user:admin`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::email_schema")]
    pub email: Option<String>,
    /// Id of the Zoom account that the person belongs to. Needs the same scope as `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub account_id: Option<String>,
}

/// The Secret in which the access token is kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionToken {
    /// Name of the Secret that consumers mount. It holds `access-token`, `token-type`, `expires-at`
    /// (RFC 3339), `scope` and `api-url`, never the refresh token. A Secret that the operator did not
    /// create is never overwritten. Default: the connection's name with `-zoom-token` appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::object_name_schema")]
    pub secret_name: Option<String>,
    /// What happens to the tokens when the connection is deleted: `Delete` (default), `Revoke` or
    /// `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<ConnectionDeletionPolicy>,
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

/// What happens to the tokens when the connection is deleted: `Delete` (default), `Revoke` or `Retain`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConnectionDeletionPolicy {
    /// They are erased. At Zoom the app stays installed for that person.
    #[default]
    Delete,
    /// They are revoked at Zoom, which removes the app for that person, and erased. The operator makes a
    /// few attempts; the deletion waits for Zoom for two minutes at most.
    Revoke,
    /// They stay. A connection of the same name takes them over again.
    Retain,
}

// === impl ZoomConnection ===

impl ZoomConnection {
    /// Namespace and name of its integration.
    #[must_use]
    pub fn integration(&self) -> (&str, &str) {
        let own = self.metadata.namespace.as_deref().unwrap_or_default();
        let reference = &self.spec.integration_ref;
        (reference.namespace(own), &reference.name)
    }

    /// The class of the operator that serves it: that of its `integration`. Without one, it stays with the operator
    /// that served it.
    #[must_use]
    pub fn operator_class<'a>(
        &'a self,
        integration: Option<&'a ZoomIntegration>,
    ) -> Option<&'a str> {
        match integration {
            Some(integration) => integration.spec.operator_class.as_deref(),
            None => self.status.as_ref()?.operator_class.as_deref(),
        }
    }

    /// Consumers of the token that are restarted.
    #[must_use]
    pub fn restart(&self) -> Option<&Restart> {
        self.spec.token.as_ref()?.restart.as_ref()
    }

    /// What happens to the tokens when the connection is deleted.
    #[must_use]
    pub fn deletion_policy(&self) -> ConnectionDeletionPolicy {
        let token = self.spec.token.as_ref();
        token
            .and_then(|token| token.deletion_policy)
            .unwrap_or_default()
    }
}

/// What the controller found.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ZoomConnectionStatus {
    /// The `metadata.generation` that this status describes; -1 until the controller has seen the
    /// resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The phase of the connection, for people. Scripts read `conditions`.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub phase: Option<Phase>,
    /// The state of the connection for machines. `Ready`: can be used. `Reconciling`: not yet, work is under way.
    /// `Stalled`: a person must change something. The others name the part: `TokenFresh`,
    /// `ScopesGranted`, `SubjectVerified`, `NamespaceAllowed`, `EventsRouted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The class of the operator that serves the connection; absent for the operator without a class. It counts
    /// while the integration does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_class: Option<String>,
    /// The release of the operator that wrote this status last: namespace and name of its Lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The link with which the person authorizes the app, the first time and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_url: Option<String>,
    /// Who authorized, as Zoom says; from then on nobody else may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectStatus>,
    /// Scopes that Zoom granted, compared with those required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ScopesStatus>,
    /// The access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenStatus>,
    /// The grant, of which the access token is a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantStatus>,
    /// What became of the last consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentStatus>,
    /// The Zoom account of the last consent by the operator's pages, to an admin-managed app or one of another
    /// namespace. The events of an account that allowed an admin-managed app are this connection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountStatus>,
    /// The events of the connection's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventsStatus>,
}

/// A Zoom account that a consent proved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// Zoom's id of the account.
    pub id: String,
    /// Zoom's id of the user who consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// When the consent was taken over.
    pub since: Time,
    /// Client id of the app that the consent was given to. An app with another one has to be allowed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Who managed that app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<Management>,
}

/// The events of a connection's accounts.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct EventsStatus {
    /// How many events became dead letters because the connection's sink did not accept them, or they became
    /// too old. Who may do so in the app's namespace replays or drops them.
    #[serde(default)]
    pub dead_letters: i64,
    /// Why the last one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reason: Option<String>,
    /// When the last one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failed_at: Option<Time>,
    /// Why the sink does not accept events at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_failure: Option<String>,
}

/// Who authorized.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SubjectStatus {
    /// Zoom's id of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Zoom's id of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The user's email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A grant: what a person gave by authorizing.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct GrantStatus {
    /// When the person authorized, or the grant was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// When the refresh token expires unless it is used before. Every refresh postpones this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Why the grant is lost, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// When the refresh token of a lost grant will be erased. Until then it is kept without being used;
    /// if the app's credentials change, it is tried once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_until: Option<Time>,
}

/// What became of a consent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ConsentStatus {
    /// Which one: a digest of the transaction that the browser carries.
    pub transaction: String,
    /// `Succeeded`, `Failed`, or `Waiting` while Zoom or the API server does not do what it needs.
    pub outcome: String,
    /// One word for machines.
    pub reason: Reason,
    /// The same for people, with the remedy.
    pub message: String,
    /// How many attempts failed while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i32>,
    /// When the next attempt is made while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
}

// === impl ConsentStatus ===

impl ConsentStatus {
    /// The outcome of a consent that gave a grant.
    pub const SUCCEEDED: &str = "Succeeded";
    /// The outcome of any other.
    pub const FAILED: &str = "Failed";
    /// The outcome of one that is not over: it is tried again.
    pub const WAITING: &str = "Waiting";

    /// Whether it gave a grant.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.outcome == Self::SUCCEEDED
    }

    /// Whether it ended without one.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.outcome == Self::FAILED
    }

    /// Whether it is tried again.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.outcome == Self::WAITING
    }
}
