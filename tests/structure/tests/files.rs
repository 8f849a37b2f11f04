//! How long the files are, and that they name no path outside of the project.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::path::{Component, Path, PathBuf};

/// Lines of a source file.
const LIMIT: usize = 400;

/// Longer than that, and why.
const LONGER: &[(&str, &str)] = &[
    ("src/api/reason/register.rs", "one table of all reasons"),
    ("crates/receiver/src/routes.rs", "not split yet"),
];

/// Endings of source files; so are scripts that have none.
const SOURCES: &[&str] = &["css", "go", "js", "mjs", "py", "rs", "sh"];

/// What one machine has, or an address of a package registry: files that are the same for everybody do not name them.
/// `Cargo.lock` names the registry of Rust's own tools.
const FOREIGN: &[&str] = &[
    "/Users/",
    "/home/",
    "/root/",
    "/work/",
    "files.pythonhosted.org",
    "index.crates.io",
    "pypi.org/simple",
    "proxy.golang.org",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "static.crates.io",
];

/// A text file of the project.
struct File {
    /// Below the project's folder.
    path: PathBuf,
    text: String,
}

// === impl File ===

impl File {
    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn is_source(&self) -> bool {
        match self.path.extension().and_then(|ending| ending.to_str()) {
            Some(ending) => SOURCES.contains(&ending),
            None => self.text.starts_with("#!"),
        }
    }

    /// Relative paths in it that lead out of the project.
    fn leads_out(&self) -> impl Iterator<Item = &str> {
        let depth = self.path.components().count() - 1;
        let is_end = |letter: char| letter.is_whitespace() || "\"'`()<>[]{}$,;".contains(letter);
        let lines = self.text.lines().filter(|line| line.contains("../"));
        lines
            .flat_map(move |line| line.split(is_end))
            .filter(move |word| {
                let mut parts = Path::new(word).components().peekable();
                let mut parents = 0;
                while parts.next_if_eq(&Component::ParentDir).is_some() {
                    parents += 1;
                }
                parents > depth && parts.peek().is_some()
            })
    }
}

fn files() -> Vec<File> {
    let named = structure::texts().into_iter();
    named
        .map(|(path, text)| File {
            path: path.into(),
            text,
        })
        .collect()
}

#[test]
fn a_source_file_has_at_most_400_lines() {
    let files = files();
    let is_longer = |file: &&File| file.text.lines().count() > LIMIT;
    let mut longer: Vec<&str> = files
        .iter()
        .filter(|file| file.is_source())
        .filter(is_longer)
        .map(File::name)
        .collect();
    longer.sort_unstable();
    for (known, _) in LONGER {
        assert!(longer.contains(known), "no longer an exception: {known}");
    }
    let is_known = |name: &str| LONGER.iter().any(|(known, _)| *known == name);
    longer.retain(|name| !is_known(name));
    assert!(longer.is_empty(), "split along their concerns: {longer:#?}");
}

#[test]
fn no_text_leads_out_of_the_project_or_names_a_machine() {
    let mut found = Vec::new();
    for file in files() {
        if file.path.ends_with("structure/tests/files.rs") {
            continue;
        }
        let named = FOREIGN
            .iter()
            .copied()
            .filter(|name| file.text.contains(name));
        let note = |what: &str| format!("{}: {what}", file.name());
        found.extend(named.chain(file.leads_out()).map(note));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_path_leads_out_by_one_step_too_many() {
    let file = |path: &str| File {
        path: path.into(),
        text: "[a](../a.md), [b](../../b) and `../../../c`".into(),
    };
    let found = |path| {
        file(path)
            .leads_out()
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(found("README.md"), ["../a.md", "../../b", "../../../c"]);
    assert_eq!(found("docs/x.md"), ["../../b", "../../../c"]);
    assert_eq!(found("docs/argocd/x.md"), ["../../../c"]);
}
