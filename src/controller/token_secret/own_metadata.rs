//! Labels and annotations that a resource declares for its token Secret.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::api::v1alpha1::metadata;

/// Labels and annotations that a resource declares for its token Secret.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnMetadata {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

// === impl OwnMetadata ===

impl OwnMetadata {
    /// Of what is declared, what may be set.
    pub(super) fn of(
        labels: Option<&BTreeMap<String, String>>,
        annotations: Option<&BTreeMap<String, String>>,
    ) -> Self {
        let usable = |wanted: Option<&BTreeMap<String, String>>| {
            let wanted = wanted.into_iter().flatten();
            wanted
                .filter(|(key, _)| metadata::is_key(key) && !metadata::is_reserved(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        Self {
            labels: usable(labels),
            annotations: usable(annotations),
        }
    }

    /// The keys in the format of [`annotation::OWN_METADATA`].
    pub(super) fn list(&self) -> Option<String> {
        let labels = self.labels.keys().map(|key| format!("l:{key}"));
        let annotations = self.annotations.keys().map(|key| format!("a:{key}"));
        let keys: Vec<String> = labels.chain(annotations).collect();
        (!keys.is_empty()).then(|| keys.join(","))
    }
}

/// Removes the listed keys. Our own keys are kept, even if somebody writes them into the list.
pub(super) fn nulls(list: &str, kind: &str) -> Map<String, Value> {
    let keys = list.split(',').filter_map(|key| key.strip_prefix(kind));
    keys.filter(|key| !metadata::is_reserved(key))
        .map(|key| (key.to_owned(), Value::Null))
        .collect()
}

/// The pairs as members of a patch.
pub(super) fn json_of(pairs: &BTreeMap<String, String>) -> impl Iterator<Item = (String, Value)> {
    let pairs = pairs.iter();
    pairs.map(|(key, value)| (key.clone(), Value::from(value.clone())))
}
