//! `status.setup` and `status.credentials`: what people have to do in Zoom, and what was found of it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::TokenFailure;

/// A step that a person takes in Zoom's portal, or elsewhere.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SetupStep {
    /// One word for machines, such as `Endpoint`.
    pub id: String,
    /// What has to be done.
    #[serde(default)]
    pub title: String,
    /// Where: the pages of Zoom's portal, or another place.
    #[serde(default, rename = "where")]
    pub place: String,
    /// `Done`: the proof was seen. `Open`: not done, because the proof would be there by now, or because a
    /// mistake is known. `Unknown`: cannot be checked, or not yet.
    #[serde(default)]
    pub state: String,
    /// What proves the step, or would.
    #[serde(default)]
    pub evidence: String,
    /// What was done wrong, with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What not to touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub careful: Vec<String>,
    /// What to enter, choose, tick, copy or open, in the order of Zoom's form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<SetupEntry>,
    /// Since when the step has been in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// A value and the field that it belongs to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SetupEntry {
    /// `Paste`: exactly, into Zoom's form. `Choose`: one of several. `Tick`: a box. `Copy`: from Zoom's form
    /// into a key of a Secret. `Open`: a link.
    #[serde(default)]
    pub action: String,
    /// What Zoom's form calls the field; for a link, whose it is.
    #[serde(default)]
    pub field: String,
    /// The value; with `Copy`, the Secret and its key, separated by a slash. Never a secret.
    #[serde(default)]
    pub value: String,
    /// What Zoom's form shows beside the field, if that is different and known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What is known about the credentials Secret, and what Zoom says about it. Names of keys only.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsStatus {
    /// Whether the Secret exists.
    #[serde(default)]
    pub found: bool,
    /// The keys that the integration asks for and that hold a usable value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usable: Vec<String>,
    /// Those that exist and cannot be used: empty, not printable text, in quotes, with a blank in the middle, or in
    /// base64 twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<String>,
    /// Keys that hold the same value as another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<SameValue>,
    /// Keys that look like Zoom's Verification Token, which is switched off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legacy: Vec<String>,
    /// For a General app, whose credentials are tried once for each change: UID and resourceVersion of the
    /// Secret that Zoom last accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_version: Option<String>,
    /// When Zoom was last asked whether it accepts a General app's credentials: at most every ten seconds,
    /// however often the Secret changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// The failed attempts to check a General app's credentials since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TokenFailure>,
}

/// Two keys that hold the same value.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SameValue {
    /// The key that is probably wrong.
    pub key: String,
    /// The other one.
    pub other: String,
}
