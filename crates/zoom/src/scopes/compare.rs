//! Granted scopes compared with declared ones.

use std::collections::BTreeSet;

use super::{mapping, name::Style};

/// What Zoom granted, next to what was declared; each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Granted.
    pub granted: Vec<String>,
    /// Required and not granted by that name.
    pub missing: Vec<String>,
    /// Optional and not granted by that name: somebody left them out.
    pub declined: Vec<String>,
    /// Granted, and neither required nor optional.
    pub excess: Vec<String>,
    /// Those of `missing` and `declined` that seem to be granted by names of the other list. They stay
    /// missing, since Zoom publishes no such table; but what to do about them is something else.
    pub covered: Vec<Covered>,
}

/// A declared scope that was granted by other names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// As declared.
    pub scope: String,
    /// What was granted instead.
    pub by: Cover,
}

/// What covers a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Classic scopes that stand for the declared granular one: the app was not migrated in Zoom, or
    /// the grant is older than the migration.
    Classic(Vec<String>),
    /// Granular scopes for which the declared classic one stands: the app was migrated in Zoom.
    Granular {
        /// How many of them.
        granted: usize,
        /// Those that were not granted.
        lacking: Vec<String>,
    },
}

/// Compares the `scope` of a token answer (RFC 6749 section 3.3: separated by spaces) with the
/// declared scopes.
#[must_use]
pub fn compare(granted: &str, required: &[String], optional: &[String]) -> Comparison {
    let granted: BTreeSet<&str> = granted.split_ascii_whitespace().collect();
    let set = |scopes| -> BTreeSet<&str> { <[String]>::iter(scopes).map(String::as_str).collect() };
    let (required, optional) = (set(required), set(optional));
    let list = |scopes: Vec<&str>| scopes.into_iter().map(ToOwned::to_owned).collect();
    let missing: Vec<&str> = required.difference(&granted).copied().collect();
    let declined: Vec<&str> = optional.difference(&granted).copied().collect();
    let excess = granted
        .iter()
        .filter(|scope| !required.contains(*scope) && !optional.contains(*scope))
        .copied()
        .collect();
    let mut covered: Vec<Covered> = missing
        .iter()
        .chain(&declined)
        .filter_map(|scope| {
            Some(Covered {
                by: cover(scope, &granted)?,
                scope: (*scope).to_owned(),
            })
        })
        .collect();
    covered.sort_by(|one, other| one.scope.cmp(&other.scope));
    Comparison {
        granted: list(granted.iter().copied().collect()),
        missing: list(missing),
        declined: list(declined),
        excess: list(excess),
        covered,
    }
}

// === impl Comparison ===

impl Comparison {
    /// Required, and granted by no name at all: what nobody can explain away.
    pub fn wanting(&self) -> impl Iterator<Item = &str> {
        self.missing
            .iter()
            .map(String::as_str)
            .filter(|scope| self.cover(scope).is_none())
    }

    /// What covers a declared scope completely, under other names.
    #[must_use]
    pub fn cover(&self, scope: &str) -> Option<&Covered> {
        self.covered
            .iter()
            .find(|covered| covered.scope == scope && covered.is_whole())
    }

    /// Whether everything required was granted, by name.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

// === impl Covered ===

impl Covered {
    /// Whether nothing of it is lacking.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match &self.by {
            Cover::Classic(_) => true,
            Cover::Granular { lacking, .. } => lacking.is_empty(),
        }
    }

    /// In a sentence, with what to do.
    #[must_use]
    pub fn message(&self) -> String {
        let scope = &self.scope;
        match &self.by {
            Cover::Classic(names) => format!(
                "{scope} is granted as the classic {}: declare that name, or migrate the app to granular scopes in Zoom and authorize it again.",
                names.join(", ")
            ),
            Cover::Granular { granted, lacking } if lacking.is_empty() => format!(
                "The classic {scope} is granted as {granted} granular scopes: declare those of them that are needed."
            ),
            Cover::Granular { granted, lacking } => format!(
                "The classic {scope} is granted in part: {granted} of its granular scopes, without {}. Declare those that are needed by their granular names.",
                few(lacking)
            ),
        }
    }
}

/// The first names of a list that may be long.
fn few(names: &[String]) -> String {
    const FIRST: usize = 3;
    if names.len() <= FIRST + 1 {
        return names.join(", ");
    }
    format!(
        "{} and {} more",
        names[..FIRST].join(", "),
        names.len() - FIRST
    )
}

fn cover(scope: &str, granted: &BTreeSet<&str>) -> Option<Cover> {
    if Style::of(scope) == Style::Classic {
        let parts = mapping::granular(scope)?;
        let lacking: Vec<String> = parts
            .iter()
            .filter(|part| !granted.contains(part.as_str()))
            .cloned()
            .collect();
        let granted = parts.len() - lacking.len();
        return (granted > 0).then_some(Cover::Granular { granted, lacking });
    }
    let names: Vec<String> = mapping::classic(scope)
        .filter(|classic| granted.contains(classic))
        .map(ToOwned::to_owned)
        .collect();
    (!names.is_empty()).then_some(Cover::Classic(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn missing_declined_and_excess_are_named() {
        let found = compare(
            "b:r:x  c:r:x d:r:x",
            &list(&["a:r:x", "b:r:x"]),
            &list(&["c:r:x", "e:r:x"]),
        );
        assert_eq!(found.granted, list(&["b:r:x", "c:r:x", "d:r:x"]));
        assert_eq!(found.missing, list(&["a:r:x"]));
        assert_eq!(found.declined, list(&["e:r:x"]));
        assert_eq!(found.excess, list(&["d:r:x"]));
        assert!(!found.is_complete());
    }

    #[test]
    fn without_an_answer_all_are_missing() {
        assert_eq!(
            compare("", &list(&["a:r:x"]), &[]).missing,
            list(&["a:r:x"])
        );
    }

    #[test]
    fn a_classic_scope_that_covers_is_named_and_not_taken() {
        let found = compare(
            "meeting:read:admin",
            &list(&["meeting:read:meeting:admin", "user:read:user:admin"]),
            &list(&["meeting:read:poll:admin"]),
        );
        assert_eq!(
            found.missing,
            list(&["meeting:read:meeting:admin", "user:read:user:admin"])
        );
        assert_eq!(
            found.wanting().collect::<Vec<_>>(),
            ["user:read:user:admin"]
        );
        assert_eq!(found.excess, list(&["meeting:read:admin"]));
        let names: Vec<&str> = found.covered.iter().map(|c| c.scope.as_str()).collect();
        assert_eq!(
            names,
            ["meeting:read:meeting:admin", "meeting:read:poll:admin"]
        );
        assert_eq!(
            found.cover("meeting:read:meeting:admin").unwrap().message(),
            "meeting:read:meeting:admin is granted as the classic meeting:read:admin: declare that name, or migrate the app to granular scopes in Zoom and authorize it again."
        );
    }

    #[test]
    fn another_level_covers_nothing() {
        let found = compare("meeting:read", &list(&["meeting:read:meeting:admin"]), &[]);
        assert!(found.covered.is_empty());
        assert_eq!(found.wanting().count(), 1);
    }

    #[test]
    fn granular_scopes_cover_a_classic_one_as_far_as_they_are_all_there() {
        let all: Vec<&str> = mapping::granular("recording:read")
            .unwrap()
            .iter()
            .map(String::as_str)
            .collect();
        let declared = list(&["recording:read"]);
        let whole = compare(&all.join(" "), &declared, &[]);
        assert!(whole.cover("recording:read").is_some());
        assert_eq!(whole.excess.len(), 7);
        let part = compare(&all[1..].join(" "), &declared, &[]);
        assert!(part.cover("recording:read").is_none());
        assert_eq!(
            part.covered[0].message(),
            "The classic recording:read is granted in part: 6 of its granular scopes, without archiving:read:archived_files. Declare those that are needed by their granular names."
        );
        assert_eq!(part.wanting().collect::<Vec<_>>(), ["recording:read"]);
        assert!(compare("", &declared, &[]).covered.is_empty());
    }
}
