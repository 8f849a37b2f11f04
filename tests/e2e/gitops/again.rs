//! Whoever applies a file again, after the operator has had its say, finds that nothing is to be changed.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{
    files::{self, Manifest},
    zoom_and_operator,
};
use crate::bed::{
    Bed, Case, LIMIT,
    object::{self, reason, seen, text},
    wait_for,
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
    let mut manifests = Vec::new();
    for path in files::all()? {
        if let Some(secrets) = files::secrets(&bed, &path)? {
            must(&bed, &["apply", "--filename", &secrets.path()]).await?;
        }
        let found = files::ours(&bed, &path)?;
        manifests.extend(found.filter(|manifest| chosen(&manifest.name)));
    }
    ensure!(manifests.len() >= 4, "{} files", manifests.len());
    for manifest in &manifests {
        let dry = ["apply", "--dry-run=server", "--filename", &manifest.path()];
        must(&bed, &dry).await?;
        must(&bed, &["apply", "--filename", &manifest.path()]).await?;
    }
    for manifest in &manifests {
        status_written(&bed, manifest).await?;
    }
    for manifest in &manifests {
        by_client(&bed, manifest)
            .await
            .context(manifest.name.clone())?;
    }
    for manifest in &manifests {
        by_server(&bed, manifest)
            .await
            .context(manifest.name.clone())?;
    }
    Ok(())
}

/// `kubectl diff` and `kubectl apply`.
async fn by_client(bed: &Bed, manifest: &Manifest) -> anyhow::Result<()> {
    no_difference(bed, &["diff", "--filename", &manifest.path()]).await?;
    let apply = ["apply", "--filename", &manifest.path()];
    let said = unchanged(bed, manifest, &apply).await?;
    ensure!(
        said.lines().all(|line| line.ends_with(" unchanged")),
        "{said}"
    );
    Ok(())
}

/// The same by server-side apply, as Argo CD and Flux do: a first apply takes the fields over, a second does nothing.
async fn by_server(bed: &Bed, manifest: &Manifest) -> anyhow::Result<()> {
    let path = manifest.path();
    let server = [
        "--server-side",
        "--field-manager=gitops",
        "--filename",
        &path,
    ];
    let apply = [&["apply"], server.as_slice()].concat();
    must(bed, &apply).await?;
    no_difference(bed, &[&["diff"], server.as_slice()].concat()).await?;
    unchanged(bed, manifest, &apply).await?;
    Ok(())
}

async fn must(bed: &Bed, args: &[&str]) -> anyhow::Result<String> {
    let said = bed.kubectl(args).await?;
    ensure!(said.success, "kubectl {}: {said:?}", args.join(" "));
    Ok(said.stdout)
}

async fn no_difference(bed: &Bed, args: &[&str]) -> anyhow::Result<()> {
    let said = bed.kubectl(args).await?;
    ensure!(
        said.success && said.stdout.is_empty(),
        "kubectl {}: {said:?}",
        args.join(" ")
    );
    Ok(())
}

/// Runs a command that is to leave the objects as they are: generation and resourceVersion, unless the operator wrote
/// the status meanwhile, when it is run again.
async fn unchanged(bed: &Bed, manifest: &Manifest, args: &[&str]) -> anyhow::Result<String> {
    wait_for("a quiet moment", LIMIT, || async {
        let before = live(bed, manifest).await?;
        let said = must(bed, args).await?;
        let after = live(bed, manifest).await?;
        let part = |objects: &[Value], pointer: &str| -> Vec<Value> {
            let of = |object: &Value| object.pointer(pointer).cloned().unwrap_or_default();
            objects.iter().map(of).collect()
        };
        for pointer in ["/metadata/generation", "/spec", "/metadata/annotations"] {
            let (before, after) = (part(&before, pointer), part(&after, pointer));
            assert!(before == after, "{pointer}: {before:?}, then {after:?}");
        }
        let version = "/metadata/resourceVersion";
        if part(&before, version) == part(&after, version) {
            return Ok(Some(said));
        }
        let written = part(&before, "/status") != part(&after, "/status");
        assert!(written, "written without a change: {after:?}");
        Ok(None)
    })
    .await
}

async fn live(bed: &Bed, manifest: &Manifest) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    for wanted in &manifest.objects {
        let resource = object::resource(text(wanted, "/kind"));
        found.push(bed.get(&resource, object::name(wanted)).await?);
    }
    Ok(found)
}

/// The operator has seen each and has said something beyond "first work".
async fn status_written(bed: &Bed, manifest: &Manifest) -> anyhow::Result<()> {
    for wanted in &manifest.objects {
        let resource = object::resource(text(wanted, "/kind"));
        let done = |object: &Value| seen(object) && !reason(object, "Ready").is_empty();
        bed.until_object(&resource, object::name(wanted), "a status", done)
            .await?;
    }
    Ok(())
}
