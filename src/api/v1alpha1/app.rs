//! `spec.app`: what kind of Zoom app, and what Zoom's form asks about it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text;

/// What kind of Zoom app this is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("!has(oldSelf.id) || has(self.id) && self.id == oldSelf.id")
        .message("app.id cannot be changed once set, it ties this resource to one Zoom app: create another ZoomIntegration")
)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// `ServerToServer`: the account's own app, which gets its token without a person. `General`: an
    /// app that a user or an administrator authorizes. `WebhookOnly`: an app that receives events and has
    /// a secret token, but no client id, no scopes and no access token. Cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("app.kind cannot be changed, Zoom cannot convert an app: create another ZoomIntegration and delete this one")
    )]
    pub kind: AppKind,

    /// Who authorizes a General app: `User`, each for themselves, or `Admin`, for the account. Decides
    /// whether scopes end in `:admin`. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("app.management cannot be changed, its scopes have other names: create another ZoomIntegration and delete this one")
    )]
    pub management: Option<Management>,

    /// Which of the app's two credential pairs and sets of URLs to use: `Production` (default) or
    /// `Development`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,

    /// How the app reaches its users: `Private` (default), `Unlisted` or `Listed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,

    /// Zoom's id of the app, as in the address of its Marketplace page. Can be set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub id: Option<String>,

    /// The app's name in Zoom's form. Zoom accepts fewer than 50 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 49))]
    pub display_name: Option<String>,

    /// Texts, contact and links that Zoom's form asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<Listing>,

    /// The file by which Zoom validates the webhook's host before it reviews the app. The receiver
    /// answers it at `/zoomverify/verifyzoom.html`. For the host of the consent pages the platform
    /// engineer sets `connect.domainValidation` in the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_validation: Option<DomainValidation>,

    /// The Team Chat bot of an admin-managed General app. The operator keeps the token with which the bot
    /// writes (`client_credentials`) in the Secret of `spec.token`. Declare the bot's events, such as
    /// `bot_notification`, in `webhook.subscriptions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chatbot: Option<Chatbot>,
}

/// The file by which Zoom validates the webhook's host before it reviews the app. The receiver
/// answers it at `/zoomverify/verifyzoom.html`. For the host of the consent pages the platform
/// engineer sets `connect.domainValidation` in the chart.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidation {
    /// The key of a `ConfigMap` that holds what Zoom's page gives as content of the file.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// A key of a `ConfigMap` in the same namespace. It may be created later, and changed at any time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the `ConfigMap`.
    #[schemars(schema_with = "text::object_name_schema")]
    pub name: String,
    /// The key. Default: `verifyzoom.html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::key_schema")]
    pub key: Option<String>,
}

/// The Team Chat bot of an admin-managed General app. The operator keeps the token with which the bot
/// writes (`client_credentials`) in the Secret of `spec.token`. Declare the bot's events, such as
/// `bot_notification`, in `webhook.subscriptions`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Chatbot {
    /// The command by which people talk to the bot, for example `/acme`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub slash_command: Option<String>,
}

/// The kinds of Zoom app.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppKind {
    /// An app that a user or an administrator authorizes.
    General,
    /// The account's own app.
    ServerToServer,
    /// An app that receives events, and nothing else.
    WebhookOnly,
}

/// Who authorizes a General app: `User`, each for themselves, or `Admin`, for the account. Decides whether
/// scopes end in `:admin`. Cannot be changed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Management {
    /// Each user for themselves.
    User,
    /// An administrator for the account.
    Admin,
}

/// Which of the app's two credential pairs and sets of URLs to use: `Production` (default) or
/// `Development`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Environment {
    /// The pair for the public.
    #[default]
    Production,
    /// The pair for the developer's own account.
    Development,
}

/// How the app reaches its users: `Private` (default), `Unlisted` or `Listed`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Distribution {
    /// In the developer's own account only, never reviewed.
    #[default]
    Private,
    /// Reviewed, and found through a link only.
    Unlisted,
    /// Reviewed and shown in the Marketplace.
    Listed,
}

/// Texts, contact and links that Zoom's form asks for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// Company name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 150))]
    pub company_name: Option<String>,
    /// Name of the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 150))]
    pub contact_name: Option<String>,
    /// Mail address of the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 150))]
    pub contact_email: Option<String>,
    /// Short description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 150))]
    pub short_description: Option<String>,
    /// Long description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub long_description: Option<String>,
    /// Marketplace categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(length(max = 100)))]
    pub categories: Option<Vec<String>>,
    /// Industry verticals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(length(max = 100)))]
    pub industry_verticals: Option<Vec<String>>,
    /// Address of the privacy policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub privacy_url: Option<String>,
    /// Address of the terms of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub terms_url: Option<String>,
    /// Address of the support page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub support_url: Option<String>,
    /// Address of the documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub documentation_url: Option<String>,
    /// Address of the page that the Marketplace sends people to ("direct landing URL").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub landing_url: Option<String>,
    /// Address of the page on which people configure the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub configuration_url: Option<String>,
    /// What the scopes are used for, in the words of Zoom's "Scope description" box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub scope_description: Option<String>,
}

// === impl ConfigMapKeyRef ===

impl ConfigMapKeyRef {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or("verifyzoom.html")
    }
}
