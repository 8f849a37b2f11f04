//! The examples: they fit the resources' definitions, their pages say what is so, and what they say to other
//! people's tools is well-formed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod gitops;
mod pages;
mod schema;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use zoom_operator::api::v1alpha1::ZoomIntegration;

/// The folder of all examples.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The files below a folder, at any depth, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The resources of a file.
fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.split("\n---\n")
        .map(|document| {
            serde_saphyr::from_str(document)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}

/// Whether the chart renders the file. `tests/chart/run` compares it with the chart.
fn is_rendered(path: &Path) -> bool {
    path.starts_with(folder().join("gitops/kustomize"))
}

/// Every resource of every example: file and resource.
fn resources() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for path in files(&folder()) {
        if path.extension().is_none_or(|extension| extension != "yaml") || is_rendered(&path) {
            continue;
        }
        let name = path.display().to_string();
        found.extend(read(&path).into_iter().map(|value| (name.clone(), value)));
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

fn of_kind(kind: &str) -> Vec<(String, Value)> {
    let mut found = resources();
    found.retain(|(_, resource)| resource["kind"] == kind);
    found
}

fn integrations() -> Vec<(String, ZoomIntegration)> {
    of_kind("ZoomIntegration")
        .into_iter()
        .map(|(file, value)| {
            let read = serde_json::from_value(value);
            let read = read.unwrap_or_else(|error| panic!("{file}: {error}"));
            (file, read)
        })
        .collect()
}
