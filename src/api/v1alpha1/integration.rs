//! `ZoomIntegration`: one tenant's Zoom app.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    AccountClaim, AllowedNamespaces, App, AppKind, ConsentMode, Credentials, OAuth, Scopes,
    SelfService, Token, Webhook, ZoomIntegrationStatus, scope_rules,
};

/// The scope of a Team Chat bot's token.
const BOT_SCOPE: &str = "imchat:bot";

/// One tenant's Zoom app.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "zoom-operator.io",
    version = "v1alpha1",
    kind = "ZoomIntegration",
    plural = "zoomintegrations",
    shortname = "zint",
    category = "zoom",
    namespaced,
    status = "ZoomIntegrationStatus",
    derive = "PartialEq",
    doc = "One tenant's Zoom app: its kind, scopes, events, and the Secret with its credentials. The operator keeps a valid access token in a Secret and runs the webhook receiver. The status shows the state of the integration and who must act.",
    scale(
        spec_replicas_path = ".spec.webhook.receiver.replicas",
        status_replicas_path = ".status.webhook.replicas",
        label_selector_path = ".status.webhook.selector"
    ),
    selectable = ".spec.app.kind",
    selectable = ".spec.credentials.secretRef.name",
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase", description = "The phase, for people."),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", description = "Whether the integration can be used."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "The reason of the condition Ready."),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.token.expiresAt", description = "When the current access token expires."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextStep", description = "What a person has to do next."),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.webhook.url", priority = 1, description = "The event notification endpoint URL to paste into Zoom."),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$')")
        .message("metadata.name names a Service and a volume claim: use at most 52 lower-case letters, digits and hyphens, a letter first, no dots")
)]
#[x_kube(
    validation = Rule::new("self.app.kind != 'General' || has(self.app.management)")
        .message("a General app is user-managed or admin-managed, and its scopes depend on it: set app.management to User or Admin")
        .field_path(".app"),
    validation = Rule::new("self.app.kind != 'ServerToServer' || !has(self.app.management)")
        .message("app.management is for General apps, a ServerToServer app belongs to its account: remove app.management")
        .field_path(".app"),
    validation = Rule::new("self.app.kind != 'ServerToServer' || !has(self.oauth)")
        .message("oauth is for General apps, a ServerToServer app has no consent and no redirect URL: remove oauth"),
    validation = Rule::new("self.app.kind != 'General' || has(self.app.chatbot) || !has(self.token)")
        .message("token is for ServerToServer apps and Team Chat bots, a General app has one token per ZoomConnection: remove token"),
    validation = Rule::new("!has(self.app.chatbot) || self.app.kind == 'General' && self.app.?management.orValue('') == 'Admin'")
        .message("a Team Chat bot belongs to an admin-managed General app: set app.kind: General and app.management: Admin, or remove app.chatbot")
        .field_path(".app"),
    validation = Rule::new("!has(self.app.chatbot) || has(self.scopes) && 'imchat:bot' in self.scopes.required")
        .message("the token of a Team Chat bot has the scope imchat:bot: add imchat:bot to scopes.required, or remove app.chatbot"),
    validation = Rule::new("self.app.kind != 'General' || !has(self.credentials.probe)")
        .message("credentials.probe is for ServerToServer apps, a grant of a General app is proved when it is given: remove credentials.probe")
        .field_path(".credentials"),
    validation = Rule::new("self.app.kind != 'ServerToServer' || !has(self.readyWhen) || self.readyWhen == 'Connected'")
        .message("readyWhen: Installable is for General apps, nobody installs a ServerToServer app: remove readyWhen"),
    validation = Rule::new("self.app.kind == 'WebhookOnly' || has(self.scopes)")
        .message("scopes is missing: name in scopes.required what the app needs, Zoom refuses an app without scopes"),
    validation = Rule::new("self.app.kind != 'WebhookOnly' || has(self.webhook)")
        .message("a WebhookOnly app only receives events: set webhook"),
    validation = Rule::new("self.app.kind != 'WebhookOnly' || !has(self.scopes)")
        .message("scopes are what a token may do, a WebhookOnly app has no token: remove scopes, or create a ServerToServer app"),
    validation = Rule::new("self.app.kind != 'WebhookOnly' || !has(self.oauth) && !has(self.token)")
        .message("oauth and token are for apps with a token, a WebhookOnly app has none: remove them, or create a ServerToServer app"),
    validation = Rule::new("self.app.kind != 'WebhookOnly' || !has(self.app.management)")
        .message("app.management is for General apps, nobody authorizes a WebhookOnly app: remove app.management")
        .field_path(".app"),
    validation = Rule::new("self.app.kind != 'WebhookOnly' || !has(self.readyWhen) || self.readyWhen == 'Connected'")
        .message("readyWhen: Installable is for General apps, a WebhookOnly app is ready once Zoom has validated its endpoint: remove readyWhen"),
    validation = Rule::new("self.app.kind != 'WebhookOnly' || !has(self.credentials.keys) || !has(self.credentials.keys.clientId) && !has(self.credentials.keys.clientSecret) && !has(self.credentials.keys.accountId)")
        .message("a WebhookOnly app has a secret token and no client: remove clientId, clientSecret and accountId from credentials.keys"),
    validation = Rule::new("!has(self.app.domainValidation) || self.app.kind == 'General' && has(self.webhook)")
        .message("app.domainValidation is the file of a General app, and the webhook's receiver answers it: set webhook, or remove app.domainValidation")
        .field_path(".app"),
    validation = Rule::new("!has(self.allowedNamespaces) || self.app.kind == 'General'")
        .message("allowedNamespaces is for General apps, only they have ZoomConnections: remove allowedNamespaces"),
    validation = Rule::new("!has(self.accounts) || self.app.kind == 'General' && has(self.webhook) && has(self.webhook.buffer)")
        .message("accounts says which ZoomConnection of a General app gets an account's events, which are stored first: set webhook.buffer, or remove accounts"),
    validation = Rule::new("!has(self.webhook) || !has(self.webhook.unclaimedAccounts) || self.app.kind == 'General'")
        .message("webhook.unclaimedAccounts is for General apps, which many accounts can allow: remove unclaimedAccounts")
        .field_path(".webhook"),
    validation = scope_rules::user_level("required"),
    validation = scope_rules::user_level("optional"),
    validation = scope_rules::admin_level("required"),
    validation = scope_rules::admin_level("optional"),
    validation = Rule::new("self.?oauth.?consent.?mode.orValue('Operator') != 'External' || has(self.readyWhen)")
        .message("with oauth.consent.mode: External, readyWhen is required: set Installable (ready before anybody has installed the app) or Connected"),
    validation = Rule::new("!self.?oauth.?redirectUrl.orValue('').startsWith('http://') || self.app.?environment.orValue('Production') == 'Development'")
        .message("Zoom accepts an http redirect URL only for a Development app: use https, or set app.environment: Development")
)]
#[serde(rename_all = "camelCase")]
pub struct ZoomIntegrationSpec {
    /// Stop acting for this tenant and keep what exists: no token is requested, nothing is created
    /// or removed. The receiver still answers Zoom's URL validation. A persistent buffer stores events;
    /// without one they are refused with 503, so that Zoom sends them again. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,

    /// The operator that serves this integration and its connections, where a cluster has several: the chart
    /// value `operatorClass` of its release. Absent: the operator without a class. If no operator has this
    /// class, nothing happens and the status stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "operator_class_schema")]
    pub operator_class: Option<String>,

    /// What kind of Zoom app this is.
    pub app: App,

    /// Where the app's credentials are.
    pub credentials: Credentials,

    /// The scopes that the app needs, as in Zoom's form. A `WebhookOnly` app has none; any other must
    /// name some.
    #[serde(default, skip_serializing_if = "Scopes::are_absent")]
    pub scopes: Scopes,

    /// Redirect URL and consent of a General app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,

    /// The events that the tenant wants and where they go. Absent: no receiver is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,

    /// The Secret in which the access token of a ServerToServer app or a Team Chat bot is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,

    /// When the integration is Ready. `Connected` (default): it has a usable token; for a General app, one
    /// `ZoomConnection` is connected or, with `External`, the first event has arrived; for a `WebhookOnly` app,
    /// Zoom has validated the endpoint. `Installable`: everything is prepared and only a person has to install
    /// the app; General apps only. Required with `oauth.consent.mode: External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_when: Option<ReadyWhen>,

    /// The namespaces whose `ZoomConnections` may use this app. A tenant there gets its own token and its own
    /// events; the app's credentials stay here. Absent: only this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// Assigns Zoom accounts to connections where no consent proves the account: for a user-managed app, or when
    /// another back end runs the consent. The events of each account go to the sink of the connection that is named here. An
    /// admin-managed app needs no entry for an account that allowed it by the operator's consent pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["accountId".into()]))]
    pub accounts: Vec<AccountClaim>,

    /// Facts about the tenant, for example its id in another system. Every event carries them
    /// as `CloudEvents` attributes. Keys: 1 to 20 lower-case letters and digits, and none of the
    /// names that `CloudEvents` or the operator use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "external_refs_schema")]
    pub external_refs: Option<BTreeMap<String, String>>,
}

/// When `Ready` becomes True. `Connected` (default): when a token is valid, an event has arrived or Zoom has validated
/// the endpoint. `Installable`: already when only the installation by a person is left.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
pub enum ReadyWhen {
    /// It can be used.
    #[default]
    Connected,
    /// Only a person has to authorize the app.
    Installable,
}

// === impl ZoomIntegrationSpec ===

impl ZoomIntegrationSpec {
    /// Whether the app is a Server-to-Server OAuth app.
    #[must_use]
    pub fn is_server_to_server(&self) -> bool {
        self.app.kind == AppKind::ServerToServer
    }

    /// Whether the app is one that people authorize.
    #[must_use]
    pub fn is_general(&self) -> bool {
        self.app.kind == AppKind::General
    }

    /// Whether the app only receives events.
    #[must_use]
    pub fn is_webhook_only(&self) -> bool {
        self.app.kind == AppKind::WebhookOnly
    }

    /// Whether the app is one with a Team Chat bot.
    #[must_use]
    pub fn has_bot(&self) -> bool {
        self.app.chatbot.is_some()
    }

    /// Whether the app itself gets a token, without a person.
    #[must_use]
    pub fn has_own_token(&self) -> bool {
        self.is_server_to_server() || self.has_bot()
    }

    /// The required scopes that the app's own token has to have.
    #[must_use]
    pub fn own_scopes(&self) -> Vec<String> {
        let is_own = |scope: &&String| !self.has_bot() || *scope == BOT_SCOPE;
        self.scopes
            .required
            .iter()
            .filter(is_own)
            .cloned()
            .collect()
    }

    /// The required scopes that a person's token has to have: all but the one of the bot's own.
    #[must_use]
    pub fn consent_scopes(&self) -> Vec<String> {
        let is_theirs = |scope: &&String| !self.has_bot() || *scope != BOT_SCOPE;
        self.scopes
            .required
            .iter()
            .filter(is_theirs)
            .cloned()
            .collect()
    }

    /// Whether people may connect themselves, and within which limits.
    #[must_use]
    pub fn self_service(&self) -> Option<&SelfService> {
        self.oauth.as_ref()?.consent.as_ref()?.self_service.as_ref()
    }

    /// Who runs the consent of a General app; `None` for others.
    #[must_use]
    pub fn consent_mode(&self) -> Option<ConsentMode> {
        self.is_general().then(|| {
            self.oauth
                .as_ref()
                .and_then(|oauth| oauth.consent.as_ref())
                .map(|consent| consent.mode)
                .unwrap_or_default()
        })
    }
}

fn operator_class_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "maxLength": 63,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            "message": "operatorClass is the chart value operatorClass of a release: use lower-case letters, digits and hyphens, or remove it for the operator without a class"
        }]
    })
}

/// Names that would collide: the `CloudEvents` context attributes and those set by the receiver.
pub(super) fn external_refs_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": {"type": "string", "maxLength": 256},
        "x-kubernetes-validations": [
            {
                "rule": "self.all(k, k.matches('^[a-z0-9]{1,20}$'))",
                "message": "the keys of externalRefs become CloudEvents attributes: use 1 to 20 lower-case letters and digits"
            },
            {
                "rule": "self.all(k, !(k in ['id', 'source', 'specversion', 'type', 'time', 'subject', 'data', 'datacontenttype', 'dataschema']) && !k.startsWith('zoom'))",
                "message": "this key of externalRefs is used by CloudEvents or by the operator: rename it, for example tenantid instead of id"
            }
        ]
    })
}
