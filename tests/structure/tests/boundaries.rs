//! Which crate may depend on which. That a crate cannot use what it does not depend on, the compiler sees to.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Speaks to a Kubernetes API server.
const KUBERNETES: &[&str] = &["kube", "kube-client", "kube-core", "k8s-openapi"];
/// Speaks HTTP.
const HTTP: &[&str] = &["reqwest", "hyper", "axum", "http"];
/// A crate of the workspace, and what it must not depend on, directly or through others.
const FORBIDDEN: &[(&str, &[&[&str]])] = &[
    ("zoom", &[KUBERNETES]),
    ("grant", &[KUBERNETES, HTTP, &["zoom", "contract"]]),
    (
        "zoom-receiver",
        &[KUBERNETES, &["zoom", "grant", "zoom-operator"]],
    ),
    ("contract", &[KUBERNETES, HTTP, &["tokio", "zoom", "grant"]]),
    ("runtime", &[KUBERNETES, &["zoom", "grant", "contract"]]),
    (
        "zoom-sim",
        &[&[
            "zoom-operator",
            "zoom-receiver",
            "zoom",
            "grant",
            "contract",
            "runtime",
        ]],
    ),
];

#[test]
fn no_crate_depends_on_what_it_must_not_know() {
    let dependencies = dependencies();
    for (name, forbidden) in FORBIDDEN {
        let reached = reached(name, &dependencies);
        assert!(reached.len() > 1, "{name} is not in the workspace");
        for other in forbidden.iter().copied().flatten() {
            assert!(!reached.contains(*other), "{name} depends on {other}");
        }
    }
}

/// The normal dependencies of each package, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: BTreeMap<String, String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let mut dependencies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let normal = node["deps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| {
                let kinds = dependency["dep_kinds"].as_array().unwrap();
                kinds.iter().any(|kind| kind["kind"].is_null())
            });
        dependencies
            .entry(names[node["id"].as_str().unwrap()].clone())
            .or_default()
            .extend(normal.map(|dependency| names[dependency["pkg"].as_str().unwrap()].clone()));
    }
    dependencies
}

/// What `name` depends on, itself included.
fn reached(name: &str, dependencies: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        if reached.insert(name.clone()) {
            open.extend(dependencies.get(&name).into_iter().flatten().cloned());
        }
    }
    reached
}

/// The consent pages reach Kubernetes through one file, and Zoom and the controller not at all.
#[test]
fn the_consent_pages_reach_kubernetes_in_one_place_and_zoom_nowhere() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/connect");
    let mut files = Vec::new();
    collect(&pages, &mut files);
    assert!(files.contains(&pages.join("cluster.rs")));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut forbidden = vec!["reqwest", "zoom::Client", "crate::controller"];
        if file != pages.join("cluster.rs") {
            forbidden.extend(["kube::", "kube;", "kube_", "k8s_openapi"]);
        }
        for name in forbidden {
            assert!(!text.contains(name), "{} names {name}", file.display());
        }
    }
}

fn collect(directory: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
