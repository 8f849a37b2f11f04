//! The `CustomResourceDefinition`s as YAML: the output of `zoom-operator crds` and the content of `crds/`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use super::v1alpha1::{ZoomConnection, ZoomIntegration};

/// Why a definition cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition cannot be serialized as JSON.
    #[error("failed to serialize a definition")]
    Json(#[from] serde_json::Error),
    /// The definition cannot be serialized as YAML.
    #[error("failed to print a definition as YAML")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// Every definition: file name and YAML.
///
/// # Errors
/// When a definition cannot be serialized, which the tests exclude.
pub fn all() -> Result<Vec<(String, String)>, Error> {
    [ZoomConnection::crd(), ZoomIntegration::crd()]
        .iter()
        .map(render)
        .collect()
}

fn render(crd: &CustomResourceDefinition) -> Result<(String, String), Error> {
    let mut value = serde_json::to_value(crd)?;
    if let Some(schema) = value.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        refuse_null(schema);
        keep_signed(schema);
        // kstatus considers a resource without a status done: -1 says "not seen yet".
        if let Some(status) = schema.pointer_mut("/properties/status") {
            status["default"] = serde_json::json!({"observedGeneration": -1});
        }
    }
    let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
    Ok((name, serde_saphyr::to_string(&value)?))
}

/// An optional field may be left out but not be `null`: rules that use `has()` would fail on it.
fn refuse_null(schema: &mut Value) {
    each_object(schema, &mut |object| {
        object.remove("nullable");
    });
}

/// Kubernetes' API conventions allow only `int32` and `int64`.
fn keep_signed(schema: &mut Value) {
    each_object(schema, &mut |object| {
        if let Some(Value::String(format)) = object.get_mut("format")
            && let Some(signed) = format.strip_prefix('u')
            && signed.starts_with("int")
        {
            *format = signed.to_owned();
        }
    });
}

fn each_object(value: &mut Value, visit: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            for child in object.values_mut() {
                each_object(child, visit);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}
