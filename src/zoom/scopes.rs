//! Granted scopes compared with declared ones.

use std::collections::BTreeSet;

/// What Zoom granted, next to what was declared; each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Granted.
    pub granted: Vec<String>,
    /// Required and not granted.
    pub missing: Vec<String>,
    /// Granted, and neither required nor optional.
    pub excess: Vec<String>,
}

/// Compares the `scope` of a token answer (RFC 6749 section 3.3: separated by spaces) with the
/// declared scopes.
#[must_use]
pub fn compare(granted: &str, required: &[String], optional: &[String]) -> Comparison {
    let granted: BTreeSet<&str> = granted.split_ascii_whitespace().collect();
    let required: BTreeSet<&str> = required.iter().map(String::as_str).collect();
    let declared: BTreeSet<&str> = required
        .iter()
        .copied()
        .chain(optional.iter().map(String::as_str))
        .collect();
    let list = |scopes: Vec<&&str>| scopes.into_iter().map(|s| (*s).to_owned()).collect();
    Comparison {
        missing: list(required.difference(&granted).collect()),
        excess: list(granted.difference(&declared).collect()),
        granted: list(granted.iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn missing_and_excess_are_named() {
        let found = compare(
            "b:r:x  c:r:x d:r:x",
            &list(&["a:r:x", "b:r:x"]),
            &list(&["c:r:x", "e:r:x"]),
        );
        assert_eq!(found.granted, list(&["b:r:x", "c:r:x", "d:r:x"]));
        assert_eq!(found.missing, list(&["a:r:x"]));
        assert_eq!(found.excess, list(&["d:r:x"]));
    }

    #[test]
    fn without_an_answer_all_are_missing() {
        assert_eq!(
            compare("", &list(&["a:r:x"]), &[]).missing,
            list(&["a:r:x"])
        );
    }
}
