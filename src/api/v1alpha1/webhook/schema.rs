//! Schemas of the webhook's fields that their types alone do not give.

use k8s_openapi::api::core::v1::Affinity;
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

pub(super) fn events_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 200,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 100,
            "x-kubernetes-validations": [{
                "rule": "(self.matches('^[a-z][a-z0-9_]*([.][a-z0-9_]+)+$') || self.matches('^(bot|interactive_message|message)_[a-z0-9_]+$')) && self != 'endpoint.url_validation'",
                "message": "not an event to subscribe to: write Zoom's event name such as meeting.ended, not the label of the form; app_deauthorized and endpoint.url_validation come without a subscription"
            }]
        }
    })
}

pub(super) fn header_name_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 128,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^[A-Za-z0-9-]+$')",
            "message": "headerName is the name of a header: write letters, digits and hyphens only, without a colon and without the value"
        }]
    })
}

pub(super) fn sink_url_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 1000,
        "x-kubernetes-validations": [{
            "rule": r"self.matches('^https?://[^/@?#\\s]+([/?][^#\\s]*)?$')",
            "message": "sink.http.url must be an http or https URL with a host, without a user part and without a #fragment"
        }]
    })
}

pub(super) fn duration_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 20,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^([0-9]+(h|m|s))+$') && duration(self) > duration('0s')",
            "message": "not a duration: write hours, minutes and seconds, for example 72h or 1h30m"
        }]
    })
}

/// Zoom waits for a few seconds only, so milliseconds can be given too.
pub(super) fn timeout_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 20,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^([0-9]+(m|s|ms))+$') && duration(self) > duration('0s') && duration(self) <= duration('60s')",
            "message": "not a duration of at most 60s: write seconds or milliseconds, for example 10s or 1500ms"
        }]
    })
}

pub(super) fn size_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 30,
        "x-kubernetes-validations": [{
            "rule": "isQuantity(self) && quantity(self).compareTo(quantity('16Mi')) >= 0",
            "message": "buffer.size must be a quantity of at least 16Mi: write for example 1Gi"
        }]
    })
}

pub(super) fn service_name_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "message": "serviceRef.name is the name of a Service of the same namespace: write metadata.name only, and the port and the path into serviceRef.port and serviceRef.path"
        }]
    })
}

pub(super) fn quantities_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 10,
        "additionalProperties": {
            "x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 30,
            "x-kubernetes-validations": [{
                "rule": "type(self) == int ? self >= 0 : isQuantity(self)",
                "message": "not a quantity: write for example 100m or 0.5 for cpu, 32Mi for memory"
            }]
        }
    })
}

pub(super) fn node_selector_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": {"type": "string", "maxLength": 63}
    })
}

/// As in a Pod, without the long descriptions.
pub(super) fn affinity_schema(_: &mut SchemaGenerator) -> Schema {
    let mut generator = schemars::generate::SchemaSettings::openapi3()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let mut schema = Affinity::json_schema(&mut generator).to_value();
    plain(&mut schema);
    schema.try_into().unwrap_or_default()
}

/// Removes descriptions; what is called `description` and is no text is a property.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "description" || !value.is_string());
            fields.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}
