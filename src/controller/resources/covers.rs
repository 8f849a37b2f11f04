//! Whether an object on the server already is as wanted.

use serde_json::Value;

/// Whether every field of `wanted` has the same value in `live`. Fields that the server or others
/// added do not count; lists must agree item by item.
#[must_use]
pub fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| live.get(key).is_some_and(|live| covers(live, wanted))),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live
                    .iter()
                    .zip(wanted)
                    .all(|(live, wanted)| covers(live, wanted))
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
