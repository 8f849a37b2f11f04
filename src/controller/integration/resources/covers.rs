//! Whether an object on the server already is as wanted.

use serde_json::Value;

use super::quantity;

/// Whether every field of `wanted` has the same value in `live`. Fields that the server or others
/// added do not count; lists must agree item by item, quantities by their value: the server writes
/// `0.5` as `500m`.
#[must_use]
pub fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            live.get(key).is_some_and(|live| match key.as_str() {
                // One label more in a selector means other Pods, or none.
                "selector" | "nodeSelector" => live == wanted,
                _ => covers(live, wanted),
            })
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live
                    .iter()
                    .zip(wanted)
                    .all(|(live, wanted)| covers(live, wanted))
        }
        (Value::String(live), Value::String(wanted)) => {
            live == wanted
                || quantity::thousandths(live)
                    .is_some_and(|live| quantity::thousandths(wanted) == Some(live))
        }
        (live, wanted) => live == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_added_does_not_count() {
        let live = json!({"a": 1, "b": [{"c": 2, "default": true}], "status": {}});
        assert!(covers(&live, &json!({"a": 1, "b": [{"c": 2}]})));
    }

    #[test]
    fn a_selector_must_be_exactly_as_wanted() {
        let wanted = json!({"spec": {"selector": {"app": "a"}}});
        assert!(covers(&wanted, &wanted));
        let live = json!({"spec": {"selector": {"app": "a", "more": "b"}}});
        assert!(!covers(&live, &wanted));
    }

    #[test]
    fn quantities_agree_by_value() {
        for (live, wanted) in [
            ("500m", "0.5"),
            ("1", "1000m"),
            ("1Gi", "1024Mi"),
            ("1500m", "1.5"),
        ] {
            assert!(covers(&json!(live), &json!(wanted)), "{live} {wanted}");
        }
        for (live, wanted) in [
            ("500m", "5"),
            ("1Gi", "1G"),
            ("dev", "prod"),
            ("1.0.0", "1.0"),
        ] {
            assert!(!covers(&json!(live), &json!(wanted)), "{live} {wanted}");
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
            assert!(!covers(&live, &wanted), "{wanted}");
        }
    }
}
