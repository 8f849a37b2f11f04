//! `spec.credentials`: which Secret, which keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text;

/// Where the app's credentials are.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The Secret, in the same namespace. Keys: `client-id`, `client-secret` (neither of a `WebhookOnly`
    /// app), `account-id` (`ServerToServer`), `webhook-secret-token` (with `webhook`), during a rotation
    /// `previous-webhook-secret-token`, and with `webhook.authentication` `webhook-username` and
    /// `webhook-password`, or `webhook-header-value`. You may create it after the integration.
    pub secret_ref: LocalRef,
    /// Other names for the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<CredentialKeys>,
    /// `ServerToServer` only: proves each new token by a call to Zoom's API. `TokenFresh` is True only if Zoom
    /// answers it. Absent: a token counts as usable once Zoom has given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// A call that proves a token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Path of the GET request, below `/v2` of the API host that Zoom returns with the token. Default:
    /// `/users?page_size=1`, which needs the scope `user:read:list_users:admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text::probe_path_schema")]
    pub path: Option<String>,
}

/// A reference to an object of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object.
    #[schemars(schema_with = "text::object_name_schema")]
    pub name: String,
}

/// Names of the keys in the credentials Secret, where they differ from the default.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CredentialKeys {
    /// Key of the client id. Default: `client-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub client_id: Option<String>,
    /// Key of the client secret. Default: `client-secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub client_secret: Option<String>,
    /// Key of the account id. Default: `account-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub account_id: Option<String>,
    /// Key of the webhook secret token. Default: `webhook-secret-token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub webhook_secret_token: Option<String>,
    /// Key of the previous webhook secret token, during a rotation. Default: `previous-webhook-secret-token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub previous_webhook_secret_token: Option<String>,
}

// === impl Probe ===

impl Probe {
    /// What is read.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/users?page_size=1")
    }
}

// === impl Credentials ===

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $default:literal) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> &str {
            self.keys.as_ref().and_then(|keys| keys.$name.as_deref()).unwrap_or($default)
        }
    };
}

impl Credentials {
    key!(/// Key of the client id.
        client_id, "client-id");
    key!(/// Key of the client secret.
        client_secret, "client-secret");
    key!(/// Key of the account id.
        account_id, "account-id");
    key!(/// Key of the webhook secret token.
        webhook_secret_token, "webhook-secret-token");
    key!(/// Key of the webhook secret token before a rotation.
        previous_webhook_secret_token, "previous-webhook-secret-token");
}
