//! `spec.oauth`: redirect URL and consent of a General app.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::SelfServiceTemplate;

/// Redirect URL and consent of a General app.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(
    validation = Rule::new("!has(self.redirectUrl) || !has(self.allowList) || self.allowList.exists(a, self.redirectUrl == a || (!self.?strictMode.orValue(false) && self.redirectUrl.startsWith(a.endsWith('/') ? a : a + '/')))")
        .message("oauth.allowList does not cover oauth.redirectUrl, Zoom would answer 4700 or 4709: add the redirect URL itself, or its base URL without strictMode"),
    validation = Rule::new("self.?consent.?mode.orValue('Operator') != 'External' || has(self.redirectUrl)")
        .message("with oauth.consent.mode: External the callback is the tenant's own: set oauth.redirectUrl to it"),
    validation = Rule::new("self.?consent.?mode.orValue('Operator') != 'External' || !has(self.consent.selfService)")
        .message("selfService is for the operator's own consent pages: remove oauth.consent.selfService, or set oauth.consent.mode: Operator")
)]
#[serde(rename_all = "camelCase")]
pub struct OAuth {
    /// "OAuth Redirect URL" in Zoom's form, exactly: case and trailing slash matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "redirect_url_schema")]
    pub redirect_url: Option<String>,
    /// "OAuth Allow Lists" in Zoom's form: full URLs, or base URLs without path. Default: the
    /// redirect URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "allow_list_schema")]
    pub allow_list: Option<Vec<String>>,
    /// "Use Strict Mode for Redirect URLs" in Zoom's form: only exact URLs match. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_mode: bool,
    /// Who runs the consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// Who runs the consent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// `Operator` (default): the operator provides consent page and callback. `External`: the tenant's own
    /// back end provides them and keeps the grant.
    #[serde(default)]
    pub mode: ConsentMode,
    /// Where a person starts, if not at Zoom's own page: a page of the tenant's back end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "start_url_schema")]
    pub start_url: Option<String>,
    /// Let people connect themselves. Absent: a `ZoomConnection` must exist before a person authorizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_service: Option<SelfService>,
}

/// Limits of self-service.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SelfService {
    /// The most connections that self-service may create. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub max_connections: Option<i32>,
    /// What the connections look like: in which namespace, and where their events go. Absent: in the
    /// integration's namespace, without a sink of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<SelfServiceTemplate>,
}

/// `Operator` (default): the operator provides consent page and callback. `External`: the tenant's own back
/// end provides them and keeps the grant.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConsentMode {
    /// The operator.
    #[default]
    Operator,
    /// The tenant's own back end.
    External,
}

// === impl SelfService ===

impl SelfService {
    /// The most connections that self-service may create.
    #[must_use]
    pub fn limit(&self) -> i32 {
        self.max_connections.unwrap_or(100)
    }

    /// The namespace in which connections are created, if it is stated.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.template.as_ref()?.namespace.as_deref()
    }
}

fn redirect_url_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 1000,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^https://[^/@?#]+([/?][^#]*)?$') || self.matches('^http://(localhost|127[.]0[.]0[.]1)(:[0-9]+)?([/?][^#]*)?$')",
            "message": "not a redirect URL that Zoom accepts: use https:// with a host, no user part and no #fragment (http only for localhost)"
        }]
    })
}

/// People follow it, so it must be a web address.
fn start_url_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 1000,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^https://[^/@?#]+([/?][^#]*)?$') || self.matches('^http://(localhost|127[.]0[.]0[.]1)(:[0-9]+)?([/?][^#]*)?$')",
            "message": "startUrl is a link that people follow: use https:// with a host and no user part (http only for localhost)"
        }]
    })
}

fn allow_list_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 50,
        "x-kubernetes-list-type": "set",
        "items": {"type": "string", "minLength": 1, "maxLength": 1000}
    })
}
