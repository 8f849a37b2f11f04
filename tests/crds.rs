//! The files in `crds/`, in the chart and in the kustomize base are what `zoom-operator crds` prints.
//! `UPDATE_CRDS=1 cargo test --test crds` writes them.
//!
//! There are copies, because packers that take regular files only (Flux's source-controller) drop a
//! symbolic link, and kustomize reads no file outside of its base.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{fs, path::PathBuf};

use zoom_operator::api::crds;

/// Where the files are, from the top of the repository.
const FOLDERS: [&str; 3] = [
    "crds",
    "charts/zoom-operator/crd-files",
    "examples/gitops/kustomize/crds",
];

fn path(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)
}

#[test]
fn the_files_are_up_to_date() {
    for folder in FOLDERS {
        for (name, yaml) in crds::all().unwrap() {
            let file = path(folder).join(&name);
            if std::env::var_os("UPDATE_CRDS").is_some() {
                fs::create_dir_all(path(folder)).unwrap();
                fs::write(&file, &yaml).unwrap();
            }
            let found = fs::read_to_string(&file).unwrap_or_default();
            assert!(
                found == yaml,
                "{folder}/{name} differs from the code: run `make crds`"
            );
        }
    }
}

#[test]
fn the_folders_hold_nothing_else() {
    let known: Vec<String> = crds::all()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for folder in FOLDERS {
        assert!(
            path(folder).symlink_metadata().unwrap().is_dir(),
            "{folder} must be a folder, not a link"
        );
        for entry in fs::read_dir(path(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            assert!(known.contains(&name), "{folder}/{name} is no definition");
            assert!(
                entry.file_type().unwrap().is_file(),
                "{folder}/{name} must be a regular file"
            );
        }
    }
}

/// A `pattern` is told to people as a regular expression; a rule has a message.
#[test]
fn no_field_has_a_bare_pattern() {
    for (name, yaml) in crds::all().unwrap() {
        let bare: Vec<&str> = yaml
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("pattern:"))
            .collect();
        assert!(bare.is_empty(), "{name}: {bare:?}");
    }
}
