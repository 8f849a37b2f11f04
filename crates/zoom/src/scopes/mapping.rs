//! From classic to granular names, as far as known. The data is in `mapping.tsv`, with its source and
//! date. Only to warn and to translate by.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::name::Level;

type Table = BTreeMap<&'static str, BTreeSet<String>>;

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("mapping.tsv")));

/// The granular scopes that a classic one stands for; `None` where that is not known.
#[must_use]
pub fn granular(classic: &str) -> Option<&'static BTreeSet<String>> {
    TABLE.get(classic)
}

/// The classic scopes that stand for a granular one, among others.
pub fn classic(granular: &str) -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(move |(_, scopes)| scopes.contains(granular))
        .map(|(classic, _)| *classic)
}

/// Every classic scope whose meaning is known.
pub fn known() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
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
        table.entry(classic).or_default().extend(
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
        let counts: Vec<(&str, usize)> = TABLE
            .iter()
            .map(|(classic, scopes)| (*classic, scopes.len()))
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
                ("recording:read", 7),
                ("user:read", 11),
                ("user:read:admin", 13),
                ("webinar:read:admin", 19),
            ]
        );
    }

    #[test]
    fn every_line_has_three_columns_and_every_name_its_form() {
        for line in include_str!("mapping.tsv").lines() {
            assert!(
                line.starts_with('#') || line.split('\t').count() == 3,
                "{line}"
            );
        }
        for (classic, scopes) in &*TABLE {
            assert_eq!(Style::of(classic), Style::Classic, "{classic}");
            for scope in scopes {
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
    fn the_way_back_names_every_classic_scope() {
        let back = |scope| classic(scope).collect::<Vec<_>>();
        assert_eq!(back("meeting:read:meeting:admin"), ["meeting:read:admin"]);
        assert_eq!(back("meeting:delete:meeting"), ["meeting:write"]);
        assert!(back("user:read:list_users").is_empty());
        assert_eq!(known().count(), 11);
    }
}
