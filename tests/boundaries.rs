//! Which part may know what.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What faces the internet has no code path to the Kubernetes client.
#[test]
fn neither_the_receiver_nor_the_zoom_client_nor_the_check_of_urls_knows_kubernetes() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for part in ["receiver", "zoom", "reach"] {
        collect(&src.join(part), &mut files);
    }
    assert!(!files.is_empty());
    for file in files {
        names_none(&file, &KUBERNETES);
    }
}

/// The check of webhook URLs shares its proof with the receiver; beyond that neither knows the other.
#[test]
fn the_check_of_urls_knows_nothing_of_who_asks_for_it() {
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reach");
    let mut files = Vec::new();
    collect(&check, &mut files);
    assert!(files.contains(&check.join("proof.rs")));
    for file in files {
        names_none(
            &file,
            &[
                "crate::receiver",
                "crate::controller",
                "crate::api",
                "crate::zoom",
            ],
        );
    }
}

/// The consent pages know one file that speaks to Kubernetes, and none that speaks to Zoom or knows the
/// controller.
#[test]
fn the_consent_pages_reach_kubernetes_in_one_place_and_zoom_nowhere() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/connect");
    let mut files = Vec::new();
    collect(&pages, &mut files);
    assert!(files.contains(&pages.join("cluster.rs")));
    for file in files {
        names_none(&file, &["reqwest", "crate::zoom", "crate::controller"]);
        if file != pages.join("cluster.rs") {
            names_none(&file, &KUBERNETES);
        }
    }
}

const KUBERNETES: [&str; 4] = ["kube::", "kube;", "kube_", "k8s_openapi"];

fn names_none(file: &Path, names: &[&str]) {
    let text = fs::read_to_string(file).unwrap();
    for name in names {
        assert!(!text.contains(name), "{} names {name}", file.display());
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
