//! The files in `crds/` are what `zoom-operator crds` prints. `UPDATE_CRDS=1 cargo test --test crds`
//! writes them.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::{fs, path::Path};

use zoom_operator::api::crds;

#[test]
fn the_files_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for (name, yaml) in crds::all().unwrap() {
        let file = folder.join(&name);
        if std::env::var_os("UPDATE_CRDS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &yaml).unwrap();
        }
        let found = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == yaml,
            "crds/{name} is not what the code says: run `make crds`"
        );
    }
}

#[test]
fn no_file_is_left_over() {
    let known: Vec<String> = crds::all()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "crds/{name} belongs to no resource");
    }
}
