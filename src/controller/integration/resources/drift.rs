//! How an object on the server differs from what was applied.
//!
//! Only fields that we set count. Fields that others add are left to them: in the Pod template, where lists
//! have named items, an additional item is an addition and not a difference.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::quantity;

/// How an object differs from what was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Fields that we set and that have another value, with that value.
    pub changed: Vec<(String, Value)>,
    /// What others added to the Pod template.
    pub added: Vec<String>,
}

/// How `live` differs from `wanted`.
#[must_use]
pub fn drift(live: &Value, wanted: &Value) -> Drift {
    let mut drift = Drift::default();
    drift.compare("", Some(live), wanted);
    drift
}

// === impl Drift ===

impl Drift {
    /// A digest of the changed fields and their values; `None` if there are none.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        let text = serde_json::to_vec(&self.changed).ok()?;
        (!self.changed.is_empty()).then(|| HEXLOWER.encode(&Sha256::digest(text)[..16]))
    }

    /// Whether the Pod template differs, or a field that decides which Pods exist.
    #[must_use]
    pub fn is_in_template(&self) -> bool {
        let mut changed = self.changed.iter();
        changed.any(|(path, _)| path.starts_with(TEMPLATE))
    }

    /// The paths of all changes by others.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let changed = self.changed.iter().map(|(path, _)| path.as_str());
        changed.chain(self.added.iter().map(String::as_str))
    }

    fn compare(&mut self, path: &str, live: Option<&Value>, wanted: &Value) {
        match (live, wanted) {
            // The server leaves out empty values.
            (None, wanted) if is_empty(wanted) => {}
            (Some(Value::Object(live)), Value::Object(wanted)) => {
                self.compare_objects(path, live, wanted);
            }
            (Some(Value::Array(live)), Value::Array(wanted)) => {
                self.compare_lists(path, live, wanted);
            }
            (Some(live), wanted) if are_same(live, wanted) => {}
            (live, _) => self.change(path, live),
        }
    }

    fn compare_objects(
        &mut self,
        path: &str,
        live: &Map<String, Value>,
        wanted: &Map<String, Value>,
    ) {
        for (key, wanted) in wanted {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let live = live.get(key);
            // An additional label in a selector means other Pods, or none.
            if matches!(key.as_str(), "selector" | "nodeSelector") {
                if live != Some(wanted) {
                    self.change(&path, live);
                }
                continue;
            }
            self.compare(&path, live, wanted);
        }
        if matches!(
            path,
            "spec.template.metadata.labels" | "spec.template.metadata.annotations"
        ) {
            let others = live.keys().filter(|key| !wanted.contains_key(*key));
            // `kubectl rollout restart` is a request to us and does not change what runs.
            let others = others.filter(|key| !key.starts_with("kubectl.kubernetes.io/"));
            self.added
                .extend(others.map(|key| format!("{path}[{key}]")));
        }
    }

    fn compare_lists(&mut self, path: &str, live: &[Value], wanted: &[Value]) {
        let Some(key) = key_of(path) else {
            if live.len() != wanted.len() {
                self.change(path, Some(&Value::Array(live.to_vec())));
                return;
            }
            for (index, (live, wanted)) in live.iter().zip(wanted).enumerate() {
                self.compare(&format!("{path}[{index}]"), Some(live), wanted);
            }
            return;
        };
        let find = |items: &[Value], id: &Value| {
            let mut items = items.iter();
            items.find(|item| item.get(key) == Some(id)).cloned()
        };
        for item in wanted {
            let id = item.get(key).cloned().unwrap_or_default();
            let live = find(live, &id);
            self.compare(&format!("{path}[{}]", plain(&id)), live.as_ref(), item);
        }
        for item in live {
            let id = item.get(key).cloned().unwrap_or_default();
            if find(wanted, &id).is_none() {
                self.added.push(format!("{path}[{}]", plain(&id)));
            }
        }
    }

    fn change(&mut self, path: &str, live: Option<&Value>) {
        let live = live.cloned().unwrap_or_default();
        self.changed.push((path.to_owned(), live));
    }
}

/// The path of the Pod template.
const TEMPLATE: &str = "spec.template.";

/// The field that identifies the items of a list in the Pod template; `None` for a list that is one value.
fn key_of(path: &str) -> Option<&'static str> {
    if !path.starts_with(TEMPLATE) {
        return None;
    }
    match path.rsplit('.').next()? {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "ports" => Some("containerPort"),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Compares quantities by their value: the server writes `0.5` as `500m`.
fn are_same(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::String(live), Value::String(wanted)) => {
            live == wanted
                || quantity::thousandths(live)
                    .is_some_and(|live| quantity::thousandths(wanted) == Some(live))
        }
        (live, wanted) => live == wanted,
    }
}

fn plain(id: &Value) -> String {
    id.as_str()
        .map_or_else(|| id.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use serde_json::json;

    use super::*;

    fn is_as_wanted(live: Value, wanted: Value) -> bool {
        drift(&live, &wanted).changed.is_empty()
    }

    fn template(spec: Value) -> Value {
        json!({"spec": {"template": {"spec": spec}}})
    }

    #[test]
    fn what_others_added_does_not_count() {
        let live = json!({"a": 1, "b": [{"c": 2, "default": true}], "status": {}});
        assert!(is_as_wanted(live, json!({"a": 1, "b": [{"c": 2}]})));
    }

    #[test]
    fn whatever_is_injected_into_a_pod_template_is_an_addition_and_no_difference() {
        let wanted = template(json!({
            "containers": [{
                "name": "receiver", "image": "i", "args": ["a"],
                "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                "ports": [{"containerPort": 8080}],
            }],
            "volumes": [{"name": "state", "emptyDir": {}}],
        }));
        let mut live = wanted.clone();
        let pod = &mut live["spec"]["template"]["spec"];
        pod["volumes"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({"name": "trust-bundle"}));
        pod["containers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "sidecar"}));
        let receiver = &mut pod["containers"][0];
        receiver["volumeMounts"]
            .as_array_mut()
            .unwrap()
            .push(json!({"mountPath": "/ca"}));
        live["spec"]["template"]["metadata"] = json!({});
        let found = drift(&live, &wanted);
        assert_eq!(found.changed, []);
        assert_eq!(found.fingerprint(), None);
        assert_eq!(
            found.added,
            [
                "spec.template.spec.containers[receiver].volumeMounts[/ca]",
                "spec.template.spec.containers[sidecar]",
                "spec.template.spec.volumes[trust-bundle]",
            ]
        );
    }

    #[test]
    fn labels_and_annotations_of_others_on_pods_are_named() {
        let wanted = json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}}}}});
        let mut live = wanted.clone();
        let metadata = &mut live["spec"]["template"]["metadata"];
        metadata["labels"]["injected"] = json!("true");
        metadata["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!("now");
        let found = drift(&live, &wanted);
        assert_eq!(found.changed, []);
        assert_eq!(found.added, ["spec.template.metadata.labels[injected]"]);
    }

    #[test]
    fn a_value_of_ours_that_others_replaced_is_named_with_where_it_is() {
        let wanted = template(json!({"containers": [{"name": "receiver", "image": "ours/i"}]}));
        let live = template(json!({"containers": [{"name": "receiver", "image": "mirror/i"}]}));
        let found = drift(&live, &wanted);
        assert!(found.is_in_template());
        assert_eq!(
            found.paths().collect::<Vec<_>>(),
            ["spec.template.spec.containers[receiver].image"]
        );
        let other = template(json!({"containers": [{"name": "receiver", "image": "evil/i"}]}));
        assert_ne!(drift(&other, &wanted).fingerprint(), found.fingerprint());
    }

    #[test]
    fn outside_of_the_template_one_item_more_is_a_difference() {
        let wanted = json!({"spec": {"ports": [{"port": 80}], "ingress": [{}]}});
        let live = json!({"spec": {"ports": [{"port": 80}, {"port": 81}], "ingress": [{}, {}]}});
        assert_eq!(
            drift(&live, &wanted).paths().collect::<Vec<_>>(),
            ["spec.ingress", "spec.ports"]
        );
    }

    #[test]
    fn a_selector_must_be_exactly_as_wanted() {
        let wanted = json!({"spec": {"selector": {"app": "a"}}});
        assert!(is_as_wanted(wanted.clone(), wanted.clone()));
        let live = json!({"spec": {"selector": {"app": "a", "more": "b"}}});
        assert!(!is_as_wanted(live, wanted));
    }

    #[test]
    fn quantities_agree_by_value() {
        for (live, wanted) in [
            ("500m", "0.5"),
            ("1", "1000m"),
            ("1Gi", "1024Mi"),
            ("1500m", "1.5"),
        ] {
            assert!(is_as_wanted(json!(live), json!(wanted)), "{live} {wanted}");
        }
        for (live, wanted) in [
            ("500m", "5"),
            ("1Gi", "1G"),
            ("dev", "prod"),
            ("1.0.0", "1.0"),
        ] {
            assert!(!is_as_wanted(json!(live), json!(wanted)), "{live} {wanted}");
        }
    }

    #[test]
    fn a_difference_counts() {
        let live = json!({"a": 1, "b": [{"c": 2}]});
        for wanted in [
            json!({"a": 2}),
            json!({"x": 1}),
            json!({"b": []}),
            json!({"b": [{"c": 3}]}),
        ] {
            assert!(!is_as_wanted(live.clone(), wanted.clone()), "{wanted}");
        }
        assert!(
            is_as_wanted(live, json!({"x": {}, "y": []})),
            "nothing is wanted"
        );
    }
}
