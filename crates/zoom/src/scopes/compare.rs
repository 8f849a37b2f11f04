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
    },
    /// The app has granular scopes, so its form has no box for the declared classic one.
    NoSuchBox {
        /// Granted scopes that belong to it.
        granted: Vec<String>,
        /// The other granular scopes for which it stands, as far as they are known.
        others: Vec<String>,
        /// Whether there may be more.
        in_part: bool,
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
    let is_granular = has_only_granular(&granted);
    let mut covered: Vec<Covered> = missing
        .iter()
        .chain(&declined)
        .filter_map(|scope| {
            Some(Covered {
                by: cover(scope, &granted, is_granular)?,
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
    /// Required, and granted by no name at all: the boxes to tick in Zoom's form.
    pub fn wanting(&self) -> impl Iterator<Item = &str> {
        self.missing
            .iter()
            .map(String::as_str)
            .filter(|scope| !self.needs_no_box(scope))
    }

    /// Whether nobody can or need tick the box of this name.
    fn needs_no_box(&self, scope: &str) -> bool {
        self.covered.iter().any(|covered| covered.scope == scope)
    }

    /// Whether the app's Scopes page has no box of this name.
    #[must_use]
    pub fn has_no_box(&self, scope: &str) -> bool {
        let is_none = |by: &Cover| matches!(by, Cover::NoSuchBox { .. });
        self.covered
            .iter()
            .any(|covered| covered.scope == scope && is_none(&covered.by))
    }

    /// Whether everything required was granted, by name.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

// === impl Covered ===

impl Covered {
    /// In a sentence, with what to do.
    #[must_use]
    pub fn message(&self) -> String {
        let scope = &self.scope;
        match &self.by {
            Cover::Classic(names) => format!(
                "{scope} is granted as the classic {}: declare that name, or migrate the app to granular scopes in Zoom and authorize it again.",
                names.join(", ")
            ),
            Cover::Granular { granted } => format!(
                "The classic {scope} is granted as {granted} granular scopes: declare those of them that are needed."
            ),
            Cover::NoSuchBox {
                granted,
                others,
                in_part,
            } => {
                let mut sentences = vec![format!(
                    "{scope} is a classic scope, and this app has granular ones, so its Scopes page has no such box: in scopes.required, replace it by the granular names that are needed."
                )];
                if !granted.is_empty() {
                    sentences.push(format!("Granted already: {}.", few(granted)));
                }
                if !others.is_empty() {
                    let which = if *in_part {
                        "Others, for example"
                    } else {
                        "Others"
                    };
                    sentences.push(format!("{which}: {}.", few(others)));
                }
                if granted.is_empty() && others.is_empty() {
                    sentences.push(
                        "Zoom's API reference names them for each method (\"Granular Scopes\")."
                            .into(),
                    );
                }
                sentences.join(" ")
            }
        }
    }
}

/// The first names of a list that may be long.
fn few(names: &[String]) -> String {
    const FIRST: usize = 8;
    if names.len() <= FIRST + 1 {
        return names.join(", ");
    }
    format!(
        "{} and {} more",
        names[..FIRST].join(", "),
        names.len() - FIRST
    )
}

/// Whether the app has granular scopes: one list excludes the other. Names of two parts, such as
/// `imchat:bot`, are no evidence: older apps have them too.
fn has_only_granular(granted: &BTreeSet<&str>) -> bool {
    let any = |style| {
        let mut long = granted.iter().filter(|scope| scope.split(':').count() > 2);
        long.any(|scope| Style::of(scope) == style)
    };
    let classic = granted
        .iter()
        .any(|scope| Style::of(scope) == Style::Classic);
    any(Style::Granular) && !classic
}

/// What can be declared instead of a classic scope that the app cannot have.
fn no_such_box(scope: &str, granted: &BTreeSet<&str>) -> Cover {
    let known = mapping::granular(scope);
    let (have, others): (Vec<String>, Vec<String>) = known
        .into_iter()
        .flatten()
        .cloned()
        .partition(|part| granted.contains(part.as_str()));
    Cover::NoSuchBox {
        granted: have,
        others,
        in_part: mapping::all_granular(scope).is_none(),
    }
}

fn cover(scope: &str, granted: &BTreeSet<&str>, is_granular: bool) -> Option<Cover> {
    if Style::of(scope) == Style::Classic {
        let all = mapping::all_granular(scope);
        let all = all.filter(|all| all.iter().all(|part| granted.contains(part.as_str())));
        return match all {
            Some(all) => Some(Cover::Granular { granted: all.len() }),
            None => is_granular.then(|| no_such_box(scope, granted)),
        };
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
            found.covered[0].message(),
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
        assert_eq!(whole.covered[0].by, Cover::Granular { granted: 7 });
        assert_eq!(whole.excess.len(), 7);
        let part = compare(&all[1..].join(" "), &declared, &[]);
        assert_eq!(
            part.covered[0].message(),
            "recording:read is a classic scope, and this app has granular ones, so its Scopes page has no such box: in scopes.required, replace it by the granular names that are needed. Granted already: cloud_recording:read:list_recording_files, cloud_recording:read:list_recording_registrants, cloud_recording:read:list_user_recordings, cloud_recording:read:meeting_transcript, cloud_recording:read:recording_settings, cloud_recording:read:registration_questions. Others: archiving:read:archived_files."
        );
        assert_eq!(part.wanting().count(), 0);
        assert!(compare("", &declared, &[]).covered.is_empty());
    }
    #[test]
    fn an_app_with_granular_scopes_is_never_told_to_tick_a_classic_one() {
        let declared = list(&[
            "meeting:read:admin",
            "meeting:write:admin",
            "phone:read:admin",
            "report:read:admin",
            "user:read:admin",
            "user:read:list_users:admin",
        ]);
        let granted = "meeting:read:meeting:admin meeting:write:meeting:admin user:read:user:admin report:read:list_meeting_participants:admin";
        let found = compare(granted, &declared, &[]);
        assert_eq!(
            found.wanting().collect::<Vec<_>>(),
            ["user:read:list_users:admin"]
        );
        let message = |scope: &str| {
            let covered = found.covered.iter().find(|covered| covered.scope == scope);
            covered.unwrap().message()
        };
        for (scope, has) in [
            (
                "meeting:write:admin",
                "Granted already: meeting:write:meeting:admin.",
            ),
            (
                "meeting:write:admin",
                "Others: meeting:delete:live_meeting_chat_message:admin, ",
            ),
            ("meeting:write:admin", " and 16 more."),
            (
                "report:read:admin",
                "Others, for example: report:read:billing:admin, ",
            ),
            ("phone:read:admin", "Zoom's API reference names them"),
        ] {
            let message = message(scope);
            assert!(message.contains(has), "{scope}: {message}");
            assert!(message.contains("no such box"), "{scope}: {message}");
        }
    }

    #[test]
    fn an_older_app_keeps_its_classic_boxes() {
        let declared = list(&["meeting:write"]);
        for granted in ["meeting:read", "user:read imchat:bot"] {
            let found = compare(granted, &declared, &[]);
            assert_eq!(found.wanting().collect::<Vec<_>>(), ["meeting:write"]);
        }
    }
}
