//! Two managers of one object, and the operator: each has its fields, and none takes another's.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{files, zoom_and_operator};
use crate::bed::{
    Bed, Case,
    object::{self, path, seen, text},
    tools,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::two_managers", two_managers)]
}

const GITOPS: &str = "gitops";
const ON_CALL: &str = "on-call";
const OURS: [&str; 2] = ["zoom-operator", "zoom-operator-connect"];

async fn two_managers(bed: Bed) -> anyhow::Result<()> {
    let _zoom = zoom_and_operator(&bed).await?;
    let example = |file: &str| tools::repository().join("examples").join(file);
    let secret = files::secrets(&bed, &example("clinicea/credentials.example.yaml"))?;
    let declared = files::ours(&bed, &example("clinicea/integration.yaml"))?;
    let (Some(secret), Some(declared)) = (secret, declared) else {
        anyhow::bail!("the example has changed");
    };
    for object in secret.objects.iter().chain(&declared.objects) {
        apply(&bed, GITOPS, &here(&bed, object)).await?;
    }
    let wanted = here(&bed, &declared.objects[0]);
    let ready = bed.until_reason("clinicea", "ReadyToInstall").await?;
    only_the_status_is_ours(&ready)?;

    // Somebody suspends the tenant and leaves a note; Git says nothing of either.
    let note = json!({
        "apiVersion": wanted["apiVersion"],
        "kind": wanted["kind"],
        "metadata": {"name": "clinicea", "labels": {"team": "north"}},
        "spec": {"suspend": true},
    });
    apply(&bed, ON_CALL, &note).await?;
    let is_suspended =
        |object: &Value| seen(object) && text(object, "/status/phase") == "Suspended";
    let suspended = bed.until("clinicea", "suspended", is_suspended).await?;
    for _ in 0..3 {
        apply(&bed, GITOPS, &wanted).await?;
        apply(&bed, ON_CALL, &note).await?;
    }
    let after = bed.integration("clinicea").await?;
    ensure!(is_suspended(&after), "taken back: {after:#}");
    ensure!(after["spec"] == suspended["spec"]);
    ensure!(after["metadata"]["generation"] == suspended["metadata"]["generation"]);
    ensure!(after["metadata"]["labels"]["team"] == "north");
    only_the_status_is_ours(&after)?;

    // What a manager no longer names goes, and nothing else.
    let mut freed = note.clone();
    freed["spec"] = json!({});
    apply(&bed, ON_CALL, &freed).await?;
    let resumed = bed.until_reason("clinicea", "ReadyToInstall").await?;
    ensure!(
        resumed["spec"]["suspend"].is_null(),
        "{:#}",
        resumed["spec"]
    );
    ensure!(resumed["spec"] == ready["spec"]);
    ensure!(resumed["metadata"]["labels"]["team"] == "north");
    apply(&bed, GITOPS, &wanted).await?;
    let last = bed.integration("clinicea").await?;
    ensure!(last["metadata"]["generation"] == resumed["metadata"]["generation"]);
    only_the_status_is_ours(&last)
}

/// An example's object in the test's namespace.
fn here(bed: &Bed, object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!(bed.namespace());
    object
}

/// Server-side apply that does not insist: a conflict is an error.
async fn apply(bed: &Bed, manager: &str, wanted: &Value) -> anyhow::Result<Value> {
    let resource = object::resource(text(wanted, "/kind"));
    let path = path(bed.namespace(), &resource, Some(object::name(wanted)));
    let path = format!("{path}?fieldManager={manager}");
    let body = ("application/apply-patch+yaml", wanted);
    bed.request("PATCH", &path, Some(body)).await
}

/// The operator owns the status, and beside it at most finalizers; nobody else owns any of the status.
pub(super) fn only_the_status_is_ours(object: &Value) -> anyhow::Result<()> {
    let entries = object["metadata"]["managedFields"].as_array();
    let mut wrote_status = false;
    for entry in entries.into_iter().flatten() {
        let ours = OURS.contains(&text(entry, "/manager"));
        let status = text(entry, "/subresource") == "status";
        ensure!(ours || !status, "somebody else's status: {entry:#}");
        if !ours {
            continue;
        }
        wrote_status |= status;
        let allowed: &[&str] = if status {
            &["f:status"]
        } else {
            &["f:metadata"]
        };
        let fields = entry["fieldsV1"].as_object();
        for (field, below) in fields.into_iter().flatten() {
            ensure!(allowed.contains(&field.as_str()), "ours: {entry:#}");
            let meta = below.as_object().filter(|_| field == "f:metadata");
            for name in meta.into_iter().flat_map(|meta| meta.keys()) {
                ensure!(name == "f:finalizers", "ours: {entry:#}");
            }
        }
    }
    ensure!(wrote_status, "no status of ours: {object:#}");
    Ok(())
}
