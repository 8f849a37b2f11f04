//! `spec.scopes`: what the app must be granted.

use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::scope_rules;

/// The scopes that the app needs, as in Zoom's form.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[x_kube(validation = scope_rules::in_one_list())]
#[serde(rename_all = "camelCase")]
pub struct Scopes {
    /// Scopes without which the integration is not usable.
    #[schemars(schema_with = "required_schema")]
    pub required: Vec<String>,
    /// Scopes that a person may deselect when they authorize.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "optional_schema")]
    pub optional: Option<Vec<String>>,
}

// === impl Scopes ===

impl Scopes {
    /// Whether the app has none, as one that only receives events.
    #[must_use]
    pub fn are_absent(&self) -> bool {
        self.required.is_empty() && self.optional.is_none()
    }
}

fn required_schema(_: &mut SchemaGenerator) -> Schema {
    // The rule's message names the remedy; `minItems` could not.
    scope_set(
        500,
        &json_schema!({
            "x-kubernetes-validations": [{
                "rule": "self.size() > 0",
                "message": "scopes.required is empty: name at least one scope, Zoom refuses an app without"
            }]
        }),
    )
}

fn optional_schema(_: &mut SchemaGenerator) -> Schema {
    scope_set(200, &json_schema!({}))
}

fn scope_set(max_items: u32, extra: &Schema) -> Schema {
    let mut schema = json_schema!({
        "type": "array",
        "maxItems": max_items,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 100,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^[a-z][a-z0-9_]*(:[a-z0-9_]+){0,3}$')",
                "message": "not a Zoom scope: write the name as Zoom prints it, lower-case parts joined by colons; one list item per scope"
            }]
        }
    });
    if let Some(object) = extra.as_object() {
        for (key, value) in object {
            schema.insert(key.clone(), value.clone());
        }
    }
    schema
}
