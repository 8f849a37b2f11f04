//! Whoever applies a file again, after the operator has had its say, finds that nothing is to be changed.

use std::collections::HashSet;

use anyhow::ensure;
use serde_json::Value;

use super::{
    files::{self, Manifest},
    managers::only_the_status_is_ours,
    zoom_and_operator,
};
use crate::bed::{
    Bed, Case, LIMIT,
    object::{self, reason, seen, text},
    tools, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("gitops::examples_applied_again", |bed| {
            again(bed, |file| !is_variant(file))
        }),
        Case::new("gitops::variants_applied_again", |bed| {
            again(bed, is_variant)
        }),
    ]
}

/// It is applied instead of the other file of its example, whose host it has too.
fn is_variant(file: &str) -> bool {
    file.ends_with("with-consent.yaml")
}

async fn again(bed: Bed, chosen: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let _zoom = zoom_and_operator(&bed).await?;
    let (mut secrets, mut manifests) = (Vec::new(), Vec::new());
    for path in files::all()? {
        secrets.extend(files::secrets(&bed, &path)?);
        let found = files::ours(&bed, &path)?;
        manifests.extend(found.filter(|manifest| chosen(&manifest.name)));
    }
    // Objects of one name, in namespaces of their own, are one object here.
    let mut names = HashSet::new();
    manifests.retain(|manifest| {
        let name = |object: &Value| {
            (
                text(object, "/kind").to_owned(),
                object::name(object).to_owned(),
            )
        };
        manifest
            .objects
            .iter()
            .all(|object| names.insert(name(object)))
    });
    ensure!(manifests.len() >= 4, "{} files", manifests.len());
    must(&bed, &Files(secrets).with(&["apply"])).await?;
    let files = Files(manifests);
    must(&bed, &files.with(&["apply", "--dry-run=server"])).await?;
    must(&bed, &files.with(&["apply"])).await?;
    for manifest in &files.0 {
        status_written(&bed, manifest).await?;
    }
    by_client(&bed, &files).await?;
    by_server(&bed, &files).await?;
    for object in files.live(&bed).await? {
        only_the_status_is_ours(&object)?;
    }
    Ok(())
}

/// The files of a test, all at once.
struct Files(Vec<Manifest>);

// === impl Files ===

impl Files {
    /// A command of kubectl with all of them.
    fn with(&self, command: &[&str]) -> Vec<String> {
        let files = self
            .0
            .iter()
            .map(|manifest| format!("--filename={}", manifest.path()));
        command
            .iter()
            .map(ToString::to_string)
            .chain(files)
            .collect()
    }

    /// Their objects as they are now.
    async fn live(&self, bed: &Bed) -> anyhow::Result<Vec<Value>> {
        let mut found = Vec::new();
        for wanted in self.0.iter().flat_map(|manifest| &manifest.objects) {
            let resource = object::resource(text(wanted, "/kind"));
            found.push(bed.get(&resource, object::name(wanted)).await?);
        }
        Ok(found)
    }
}

/// `kubectl diff` and `kubectl apply`.
async fn by_client(bed: &Bed, files: &Files) -> anyhow::Result<()> {
    no_difference(bed, files, &files.with(&["diff"])).await?;
    let said = unchanged(bed, files, &files.with(&["apply"])).await?;
    ensure!(
        said.lines().all(|line| line.ends_with(" unchanged")),
        "{said}"
    );
    Ok(())
}

/// The same by server-side apply, as Argo CD and Flux do: a first apply takes the fields over, a second does nothing.
async fn by_server(bed: &Bed, files: &Files) -> anyhow::Result<()> {
    let server = ["--server-side", "--field-manager=gitops"];
    let apply = files.with(&[&["apply"], server.as_slice()].concat());
    must(bed, &apply).await?;
    no_difference(
        bed,
        files,
        &files.with(&[&["diff"], server.as_slice()].concat()),
    )
    .await?;
    unchanged(bed, files, &apply).await?;
    Ok(())
}

async fn kubectl(bed: &Bed, args: &[String]) -> anyhow::Result<tools::Said> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    bed.kubectl(&args).await
}

async fn must(bed: &Bed, args: &[String]) -> anyhow::Result<String> {
    let said = kubectl(bed, args).await?;
    ensure!(said.success, "kubectl {}: {said:?}", args.join(" "));
    Ok(said.stdout)
}

/// kubectl compares two readings: a status that the operator writes in between is a difference, too.
async fn no_difference(bed: &Bed, files: &Files, args: &[String]) -> anyhow::Result<()> {
    wait_for("a quiet moment", LIMIT, || async {
        let before = files.live(bed).await?;
        let said = kubectl(bed, args).await?;
        if said.success && said.stdout.is_empty() {
            return Ok(Some(()));
        }
        let after = files.live(bed).await?;
        let status = |objects: &[Value]| -> Vec<Value> {
            objects
                .iter()
                .map(|object| object["status"].clone())
                .collect()
        };
        assert!(
            status(&before) != status(&after),
            "kubectl {}: {}{}",
            args.join(" "),
            said.stdout,
            said.stderr
        );
        Ok(None)
    })
    .await
}

/// Runs a command that is to leave the objects as they are: generation and resourceVersion, unless the operator wrote
/// the status meanwhile, when it is run again.
async fn unchanged(bed: &Bed, files: &Files, args: &[String]) -> anyhow::Result<String> {
    wait_for("a quiet moment", LIMIT, || async {
        let before = files.live(bed).await?;
        let said = must(bed, args).await?;
        let after = files.live(bed).await?;
        let mut quiet = true;
        for (before, after) in before.iter().zip(&after) {
            let same = |pointer: &str| before.pointer(pointer) == after.pointer(pointer);
            for pointer in ["/metadata/generation", "/spec", "/metadata/annotations"] {
                assert!(same(pointer), "{pointer}: {before:#}, then {after:#}");
            }
            if !same("/metadata/resourceVersion") {
                assert!(!same("/status"), "written without a change: {after:#}");
                quiet = false;
            }
        }
        Ok(quiet.then_some(said))
    })
    .await
}

/// The operator has seen each and has said more than that the first token is being requested.
async fn status_written(bed: &Bed, manifest: &Manifest) -> anyhow::Result<()> {
    for wanted in &manifest.objects {
        let resource = object::resource(text(wanted, "/kind"));
        let done = |object: &Value| seen(object) && !reason(object, "Ready").is_empty();
        bed.until_object(&resource, object::name(wanted), "a status", done)
            .await?;
    }
    Ok(())
}
