//! Every file is read as its type, and compared with the schema, in which an unknown field is an error. The
//! rules in CEL are the API server's matter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use zoom::scopes::Style;
use zoom_operator::{
    api::{crds, v1alpha1::ZoomConnection},
    setup::warning::audience,
};

use crate::{integrations, of_kind, resources};

#[test]
fn every_resource_fits_the_schema_of_its_kind() {
    let schemas: BTreeMap<String, Value> = crds::all()
        .unwrap()
        .into_iter()
        .map(|(_, yaml)| {
            let crd: Value = serde_saphyr::from_str(&yaml).unwrap();
            let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
            let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
            (kind, schema.unwrap().clone())
        })
        .collect();
    let mut errors = Vec::new();
    for (file, resource) in resources() {
        let kind = resource["kind"].as_str().unwrap();
        if let Some(schema) = schemas.get(kind) {
            let spec = schema.pointer("/properties/spec").unwrap();
            check(
                &resource["spec"],
                spec,
                &format!("{file}: spec"),
                &mut errors,
            );
        } else {
            let known = ["Namespace", "Secret"].contains(&kind) || file.contains("/gitops/");
            assert!(known, "{file}: {kind}");
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn the_check_sees_what_is_wrong() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "string", "enum": ["x"], "maxLength": 3},
            "b": {"type": "array", "maxItems": 1, "x-kubernetes-list-type": "set", "items": {"type": "integer"}},
        },
    });
    for (value, wrong) in [
        (serde_json::json!({"a": "x", "b": [1]}), 0),
        (serde_json::json!({"b": [1]}), 1),
        (serde_json::json!({"a": "y"}), 1),
        (serde_json::json!({"a": 1}), 2),
        (serde_json::json!({"a": "x", "c": 1}), 1),
        (serde_json::json!({"a": "x", "b": [1, 1]}), 2),
        (serde_json::json!({"a": "x", "b": ["1"]}), 1),
    ] {
        let mut errors = Vec::new();
        check(&value, &schema, "", &mut errors);
        assert_eq!(errors.len(), wrong, "{value}: {errors:?}");
    }
}

#[test]
fn every_scope_has_a_known_form_and_the_level_of_its_app() {
    for (file, integration) in integrations() {
        let scopes = &integration.spec.scopes;
        for scope in scopes
            .required
            .iter()
            .chain(scopes.optional.iter().flatten())
        {
            assert_ne!(Style::of(scope), Style::Unknown, "{file}: {scope}");
            assert!(audience(&integration.spec).takes(scope), "{file}: {scope}");
        }
    }
}

#[test]
fn every_reference_leads_to_something() {
    let key = |resource: &Value| {
        let meta = &resource["metadata"];
        format!(
            "{}/{}",
            meta["namespace"].as_str().unwrap(),
            meta["name"].as_str().unwrap()
        )
    };
    let secrets: BTreeMap<String, Value> = of_kind("Secret")
        .into_iter()
        .map(|(_, secret)| (key(&secret), secret))
        .collect();
    let mut names = BTreeSet::new();
    for (file, integration) in plain(integrations()) {
        let meta = &integration.metadata;
        let namespace = meta.namespace.as_deref().unwrap();
        let name = format!("{namespace}/{}", meta.name.as_deref().unwrap());
        assert!(names.insert(name.clone()), "{file}: {name} exists twice");
        let keys = &integration.spec.credentials;
        let secret = &secrets[&format!("{namespace}/{}", keys.secret_ref.name)]["stringData"];
        let mut wanted = Vec::new();
        if !integration.spec.is_webhook_only() {
            wanted.extend([keys.client_id(), keys.client_secret()]);
        }
        if integration.spec.is_server_to_server() {
            wanted.push(keys.account_id());
        }
        if integration.spec.webhook.is_some() {
            wanted.push(keys.webhook_secret_token());
        }
        for key in wanted {
            assert!(secret[key].is_string(), "{file}: {key} is in no Secret");
        }
    }
    for (file, value) in plain(of_kind("ZoomConnection")) {
        let connection: ZoomConnection =
            serde_json::from_value(value).unwrap_or_else(|error| panic!("{file}: {error}"));
        let namespace = connection.metadata.namespace.unwrap();
        let reference = &connection.spec.integration_ref;
        let integration = format!("{}/{}", reference.namespace(&namespace), reference.name);
        assert!(names.contains(&integration), "{file}: no {integration}");
    }
}

/// Those that stand in a file as they are applied: kustomize names the namespace of the others.
fn plain<T>(mut resources: Vec<(String, T)>) -> Vec<(String, T)> {
    resources.retain(|(file, _)| !file.contains("/gitops/"));
    resources
}

/// What stands in an example ends up in somebody's Git. The quickstart's are the offline Zoom's.
#[test]
fn no_secret_is_more_than_a_placeholder() {
    for (file, secret) in of_kind("Secret") {
        for value in secret["stringData"].as_object().unwrap().values() {
            let value = value.as_str().unwrap();
            let known = value == "REPLACE-ME" || value.starts_with("Quickstart");
            assert!(known, "{file}: {value}");
        }
    }
}

/// The structural part of a schema, as far as the definitions use it; patterns and CEL left out.
fn check(value: &Value, schema: &Value, path: &str, errors: &mut Vec<String>) {
    let mut wrong = |what: String| errors.push(format!("{path} {what}"));
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        wrong(format!("is not of type {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        wrong(format!("is none of {}", schema["enum"]));
    }
    let size = match value {
        Value::String(text) => Some(("Length", text.chars().count())),
        Value::Array(items) => Some(("Items", items.len())),
        Value::Object(fields) => Some(("Properties", fields.len())),
        _ => None,
    };
    if let Some((unit, size)) = size {
        let size = u64::try_from(size).unwrap();
        let limit = |name: &str| schema[format!("{name}{unit}")].as_u64();
        if limit("max").is_some_and(|most| size > most)
            || limit("min").is_some_and(|least| size < least)
        {
            wrong(format!("has a size of {size}"));
        }
    }
    if let Some(number) = value.as_f64()
        && (schema["minimum"]
            .as_f64()
            .is_some_and(|least| number < least)
            || schema["maximum"].as_f64().is_some_and(|most| number > most))
    {
        wrong(format!("is out of range: {number}"));
    }
    match value {
        Value::Array(items) => {
            if schema["x-kubernetes-list-type"] == "set"
                && (1..items.len()).any(|at| items[..at].contains(&items[at]))
            {
                wrong("has an item twice".into());
            }
            for (at, item) in items.iter().enumerate() {
                check(item, &schema["items"], &format!("{path}[{at}]"), errors);
            }
        }
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap()) {
                    wrong(format!("lacks {name}"));
                }
            }
            for (name, field) in fields {
                let path = format!("{path}.{name}");
                let any = &schema["additionalProperties"];
                match schema["properties"].get(name) {
                    Some(known) => check(field, known, &path, errors),
                    None if any.is_object() => check(field, any, &path, errors),
                    None => errors.push(format!("{path} is no field")),
                }
            }
        }
        _ => {}
    }
}
