//! `spec.token`: the Secret in which a `ServerToServer` app's token is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Secret in which a `ServerToServer` app's access token is kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Name of the Secret that consumers mount. It holds `access-token`, `token-type`, `expires-at`
    /// (RFC 3339), `scope` and `api-url`. A Secret that the operator did not create is never
    /// overwritten. Default: the integration's name with `-zoom-token` appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub secret_name: Option<String>,
    /// What happens to the Secret when the integration is deleted: `Delete` (default) or `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
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
