//! From classic to granular names, as far as known. The data is in `mapping.tsv`, with its source and
//! date. Only to warn and to translate by.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::name::Level;

type Table = BTreeMap<&'static str, Entry>;

/// What is known of a classic scope.
#[derive(Debug, Default)]
struct Entry {
    granular: BTreeSet<String>,
    /// Whether only some of its granular scopes are known.
    in_part: bool,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("mapping.tsv")));

/// The granular scopes that a classic one stands for; `None` where none is known.
#[must_use]
pub fn granular(classic: &str) -> Option<&'static BTreeSet<String>> {
    TABLE.get(classic).map(|entry| &entry.granular)
}

/// Those of a classic scope of which all are known.
#[must_use]
pub fn all_granular(classic: &str) -> Option<&'static BTreeSet<String>> {
    let entry = TABLE.get(classic).filter(|entry| !entry.in_part)?;
    Some(&entry.granular)
}

/// The classic scopes that stand for a granular one, among others.
pub fn classic(granular: &str) -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(move |(_, entry)| entry.granular.contains(granular))
        .map(|(classic, _)| *classic)
}

/// Every classic scope whose meaning is known.
pub fn known() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

/// The known scope that a misspelled name most resembles, of either list and any level; `None` when none is
/// near.
#[must_use]
pub fn nearest(name: &str) -> Option<String> {
    let stem = |scope: &str| {
        let scope = scope.strip_suffix(":admin").unwrap_or(scope);
        scope.strip_suffix(":master").unwrap_or(scope).to_owned()
    };
    let (wanted, level) = (stem(name), Level::of(name));
    let granular = TABLE.values().flat_map(|entry| &entry.granular);
    let stems: BTreeSet<String> = known()
        .map(stem)
        .chain(granular.map(|scope| stem(scope)))
        .collect();
    let nearest = stems
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&wanted, &known), known))
        .min()?;
    let (distance, known) = nearest;
    (distance <= wanted.chars().count() / 6).then(|| format!("{known}{}", level.suffix()))
}

fn read(text: &'static str) -> Table {
    let mut table = Table::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(classic), Some(stem), Some(claims)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let suffix = Level::of(classic).suffix();
        let entry = table.entry(classic).or_default();
        entry.in_part |= columns.next() == Some("part");
        entry.granular.extend(
            claims
                .split_ascii_whitespace()
                .map(|claim| format!("{stem}:{claim}{suffix}")),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::name::Style;

    #[test]
    fn every_classic_scope_has_as_many_as_were_counted() {
        let counts: Vec<(&str, usize)> = known()
            .filter_map(|classic| Some((classic, all_granular(classic)?.len())))
            .collect();
        assert_eq!(
            counts,
            [
                ("dashboard_home:read:admin", 7),
                ("dashboard_meetings:read:admin", 7),
                ("dashboard_webinars:read:admin", 7),
                ("group:read:admin", 8),
                ("meeting:read", 18),
                ("meeting:read:admin", 18),
                ("meeting:write", 25),
                ("meeting:write:admin", 25),
                ("recording:read", 7),
                ("recording:read:admin", 7),
                ("user:read", 11),
                ("user:read:admin", 13),
                ("webinar:read", 19),
                ("webinar:read:admin", 19),
            ]
        );
    }

    #[test]
    fn every_line_has_its_columns_and_every_name_its_form() {
        for line in include_str!("mapping.tsv").lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let sound = matches!(columns[..], [_, _, _] | [_, _, _, "level" | "part"]);
            assert!(line.starts_with('#') || sound, "{line}");
        }
        for (classic, entry) in &*TABLE {
            assert_eq!(Style::of(classic), Style::Classic, "{classic}");
            for scope in &entry.granular {
                assert_eq!(Style::of(scope), Style::Granular, "{scope}");
                assert_eq!(Level::of(scope), Level::of(classic), "{scope}");
            }
        }
    }

    #[test]
    fn a_prefix_may_change() {
        let scopes = granular("recording:read").unwrap();
        assert!(scopes.contains("cloud_recording:read:list_user_recordings"));
        assert!(scopes.contains("archiving:read:archived_files"));
        assert!(granular("phone:read").is_none());
    }

    #[test]
    fn a_misspelled_name_has_a_nearest_one() {
        for (name, wanted) in [
            ("meeting:raed:meeting", Some("meeting:read:meeting")),
            (
                "meeting:reed:meeting:admin",
                Some("meeting:read:meeting:admin"),
            ),
            ("Meeting:read", Some("meeting:read")),
            (
                "cloud_recording:raed:list_user_recordings",
                Some("cloud_recording:read:list_user_recordings"),
            ),
            ("View your meetings", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn what_is_known_in_part_is_never_taken_for_all() {
        for classic in ["report:read:admin", "user:write:admin", "recording:write"] {
            assert!(granular(classic).is_some(), "{classic}");
            assert!(all_granular(classic).is_none(), "{classic}");
        }
    }

    #[test]
    fn the_way_back_names_every_classic_scope() {
        let back = |scope| classic(scope).collect::<Vec<_>>();
        assert_eq!(back("meeting:read:meeting:admin"), ["meeting:read:admin"]);
        assert_eq!(back("meeting:delete:meeting"), ["meeting:write"]);
        assert!(back("user:read:list_users").is_empty());
    }
}
