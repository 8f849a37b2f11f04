//! The examples as files, for a namespace of the tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::is_ours;
use crate::bed::{Bed, Tenant, object::text, tools};

/// A file with some documents of an example.
pub struct Manifest {
    file: NamedTempFile,
    /// The example's file, below `examples`.
    pub name: String,
    pub objects: Vec<Value>,
}

// === impl Manifest ===

impl Manifest {
    /// Its path.
    pub fn path(&self) -> String {
        self.file.path().to_string_lossy().into_owned()
    }
}

/// The examples' files that a person applies, by name. `gitops` has files for other tools.
pub fn all() -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(tools::repository().join("examples"))? {
        let folder = folder?.path();
        if folder.ends_with("gitops") {
            continue;
        }
        for file in fs::read_dir(folder)? {
            let file = file?.path();
            if file.extension().is_some_and(|end| end == "yaml") {
                found.push(file);
            }
        }
    }
    found.sort();
    anyhow::ensure!(found.len() > 20, "{} files", found.len());
    Ok(found)
}

/// The Secret that the `ExternalSecret` or the `SealedSecret` of a tenant in `gitops` becomes.
pub fn credentials() -> Value {
    let tenant = Tenant {
        client_id: value("clinicea-zoom", "client-id"),
        client_secret: value("clinicea-zoom", "client-secret"),
        webhook_secret: value("clinicea-zoom", "webhook-secret-token"),
        ..Tenant::server_to_server("clinicea")
    };
    let mut secret = tenant.secret();
    secret["metadata"]["name"] = "clinicea-zoom".into();
    secret
}

/// Every document of a kind, with its file.
pub fn of_kind(kind: &str) -> anyhow::Result<Vec<(PathBuf, Value)>> {
    let mut found = Vec::new();
    for path in all()? {
        for document in fs::read_to_string(&path)?.split("\n---\n") {
            let object: Value = serde_saphyr::from_str(&filled_in(document)?)?;
            if text(&object, "/kind") == kind {
                found.push((path.clone(), object));
            }
        }
    }
    Ok(found)
}

/// What is to be replaced, replaced by values of which each is another one: a client id that is also the client
/// secret would be found in a status and taken for a secret that was said.
pub fn value(secret: &str, key: &str) -> String {
    format!("filled-in-{secret}-{key}")
}

fn filled_in(document: &str) -> anyhow::Result<String> {
    let object: Value = serde_saphyr::from_str(document)?;
    let secret = text(&object, "/metadata/name");
    let lines = document.lines().map(|line| {
        let replaced = line.strip_suffix(": REPLACE-ME");
        replaced.map_or_else(
            || format!("{line}\n"),
            |key| format!("{key}: {}\n", value(secret, key.trim())),
        )
    });
    Ok(lines.collect())
}

/// The documents of a text that pass, with the test's namespace in place of their own, values for what is to be
/// replaced, and nothing else changed.
pub fn manifest(
    bed: &Bed,
    name: &str,
    yaml: &str,
    passes: impl Fn(&Value) -> bool,
) -> anyhow::Result<Option<Manifest>> {
    let (mut documents, mut objects) = (Vec::new(), Vec::new());
    for document in yaml.split("\n---\n") {
        let document = filled_in(document).with_context(|| name.to_owned())?;
        let object: Value = serde_saphyr::from_str(&document)?;
        if !passes(&object) {
            continue;
        }
        let lines = document.lines().map(|line| {
            let own = line.starts_with("  namespace: ");
            let line = if own { "  namespace: " } else { line };
            format!("{line}{}\n", if own { bed.namespace() } else { "" })
        });
        documents.push(lines.collect::<String>());
        objects.push(object);
    }
    if objects.is_empty() {
        return Ok(None);
    }
    let file = NamedTempFile::with_suffix(".yaml")?;
    fs::write(file.path(), documents.join("---\n"))?;
    Ok(Some(Manifest {
        file,
        name: name.to_owned(),
        objects,
    }))
}

/// The resources of ours in an example's file.
pub fn ours(bed: &Bed, path: &Path) -> anyhow::Result<Option<Manifest>> {
    read(bed, path, is_ours)
}

/// The Secrets in an example's file.
pub fn secrets(bed: &Bed, path: &Path) -> anyhow::Result<Option<Manifest>> {
    read(bed, path, |object| text(object, "/kind") == "Secret")
}

fn read(
    bed: &Bed,
    path: &Path,
    passes: impl Fn(&Value) -> bool,
) -> anyhow::Result<Option<Manifest>> {
    let name = path.strip_prefix(tools::repository().join("examples"))?;
    manifest(
        bed,
        &name.to_string_lossy(),
        &fs::read_to_string(path)?,
        passes,
    )
}
