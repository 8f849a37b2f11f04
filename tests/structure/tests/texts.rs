//! What every text file of the repository keeps to: plain modern words, and commands that do what they promise.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

/// Words that nobody says any more.
const ARCHAIC: [&str; 9] = [
    "lest", "hence", "thus", "anew", "whence", "thereof", "hitherto", "whilst", "shall",
];
/// The words of others, and this file.
const EXCEPT: [&str; 2] = ["LICENSE", "tests/structure/tests/texts.rs"];

#[test]
fn no_word_is_archaic() {
    let found = found(|line| {
        line.split(|c: char| !c.is_alphabetic())
            .any(|word| ARCHAIC.contains(&word.to_lowercase().as_str()))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// With a selector, kubectl prints only the last ten lines of each container, whatever `--since` says.
#[test]
fn logs_of_a_selector_are_complete() {
    let found = found(|line| {
        line.contains("kubectl logs") && line.contains(" -l ") && !line.contains("--tail=")
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// `helm upgrade` with `--set` alone resets every other value.
#[test]
fn an_upgrade_in_the_documentation_has_the_values_file() {
    let found = found(|line| line.starts_with("helm upgrade") && !line.contains("-f values.yaml"));
    let found: Vec<&String> = found
        .iter()
        .filter(|place| place.contains(".md:"))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The lines of tracked text files that match, with their place.
fn found(matches: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in structure::texts() {
        if EXCEPT.contains(&file.as_str()) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if matches(line) {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}
