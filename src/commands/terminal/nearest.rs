//! Finds names that somebody may have meant.

/// At most this many names.
const MOST: usize = 3;
/// A shorter name is part of too many others.
const LETTERS: usize = 3;

/// The names most similar to `wanted`, the best first; names with little in common are left out.
#[must_use]
pub fn nearest<'a>(wanted: &str, names: &'a [String]) -> Vec<&'a str> {
    let tolerance = (wanted.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = names
        .iter()
        .filter_map(|name| {
            let distance = strsim::damerau_levenshtein(wanted, name);
            let short = wanted.len().min(name.len()) < LETTERS;
            let contained = !short && (name.contains(wanted) || wanted.contains(name.as_str()));
            (distance <= tolerance || contained).then_some((distance, name.as_str()))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_forgiven_and_a_stranger_is_not_named() {
        let names = ["clinic-a", "clinic-b", "stackone", "a", "clinic-a-test"].map(String::from);
        assert_eq!(
            nearest("clinic-aa", &names),
            ["clinic-a", "clinic-b"],
            "the nearest first"
        );
        assert_eq!(nearest("stackon", &names), ["stackone"]);
        assert_eq!(nearest("zoom", &names), [""; 0]);
    }
}
