//! The definition as it was before a test: who owns it is lent to the test's release only.

use serde_json::{Map, Value, json};

use crate::bed::Bed;

const PATH: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/zoomintegrations.zoom-operator.io";

/// The definition's labels and annotations at one time, and who had set which field.
pub struct Definition {
    labels: Value,
    annotations: Value,
    managers: Value,
}

// === impl Definition ===

impl Definition {
    pub async fn read(bed: &Bed) -> anyhow::Result<Self> {
        let mut object = bed.request("GET", PATH, None).await?;
        Ok(Self {
            labels: object["metadata"]["labels"].take(),
            annotations: object["metadata"]["annotations"].take(),
            managers: object["metadata"]["managedFields"].take(),
        })
    }

    /// An annotation, or "".
    pub fn annotation(&self, name: &str) -> &str {
        self.annotations[name].as_str().unwrap_or_default()
    }

    /// Makes everything what it was.
    pub async fn restore(&self, bed: &Bed) -> anyhow::Result<()> {
        let now = Self::read(bed).await?;
        let words = json!({
            "labels": back(&now.labels, &self.labels),
            "annotations": back(&now.annotations, &self.annotations),
        });
        // Last: the change itself makes us an owner, with whom the next release would be in conflict.
        for metadata in [words, json!({"managedFields": self.managers})] {
            let patch = json!({"metadata": metadata});
            let patch = ("application/merge-patch+json", &patch);
            bed.request("PATCH", PATH, Some(patch)).await?;
        }
        Ok(())
    }
}

/// The merge patch that leads from one map to another.
fn back(from: &Value, to: &Value) -> Value {
    let names = from.as_object().into_iter().flatten().map(|(name, _)| name);
    let mut patch: Map<String, Value> = names.map(|name| (name.clone(), Value::Null)).collect();
    patch.extend(to.as_object().cloned().unwrap_or_default());
    patch.into()
}
