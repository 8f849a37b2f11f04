//! Failed attempts, as `status` keeps them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::reason::Reason;

/// The failed attempts to get a token since the last success.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TokenFailure {
    /// Why the last one failed.
    pub reason: Reason,
    /// The same for people, with the remedy.
    pub message: String,
    /// How many failed in a row.
    pub attempts: i32,
    /// When the last one was made.
    pub time: Time,
    /// When the next one will be made, unless the credentials Secret changes first.
    pub retry_at: Time,
    /// Earliest time of the next request, if Zoom gave one (`Retry-After`). A requested refresh does not
    /// change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// UID and resourceVersion of the credentials Secret that the last one used.
    pub credentials_version: String,
}
