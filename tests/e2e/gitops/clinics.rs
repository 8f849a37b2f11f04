//! One app, many tenants, with a real Argo CD: a clinic is one file in a Git repository.

use std::fs;

use anyhow::ensure;
use serde_json::{Value, json};

use super::argocd::yaml;
use crate::bed::{
    Bed, Case, Options,
    argocd::ArgoCd,
    object::{reason, text},
    tools,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::argocd_adds_a_clinic", one_file).needs_host()]
}

async fn one_file(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["clinic-a", "clinic-b"], async |[first, second]| {
        scenario(&bed, first, second).await
    })
    .await
}

async fn scenario(platform: &Bed, first: &Bed, second: &Bed) -> anyhow::Result<()> {
    let options = Options::default()
        .serving(&[platform, first, second])
        .with_pages();
    let _zoom = platform
        .zoom_and_shared_app(&options, "clinics", &json!({}))
        .await?;

    // Argo CD with the health checks, the project and the Application's settings of the examples.
    let examples = tools::repository().join("examples/gitops/argocd");
    let settings = yaml(&examples.join("argocd-cm.yaml"), &[])?["data"].clone();
    let argocd = ArgoCd::start(&[platform, first, second], &settings).await?;
    argocd
        .commit(&[clinic(platform, first, "clinic-a")?])
        .await?;
    let repository = argocd.repository();
    let clinics = format!("{}-clinic-*", platform.namespace());
    let words = [
        (
            "https://git.example.com/platform/zoom-tenants.git",
            repository.as_str(),
        ),
        ("clinic-*", &clinics),
        ("{{.path.basenameNormalized}}", first.namespace()),
        ("{{.path.path}}", "tenants"),
    ];
    let mut project = yaml(&examples.join("project.yaml"), &words)?;
    project["metadata"]["namespace"] = json!(argocd.bed.namespace());
    argocd.apply(&project).await?;
    let set = yaml(&examples.join("applicationset.yaml"), &words)?;
    let mut application = set["spec"]["template"]["spec"].clone();
    application["source"]["directory"] = json!({"recurse": true});
    argocd
        .apply(&json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "clinics"},
            "spec": application,
        }))
        .await?;
    let before = waits_for_its_person(first).await?;

    // Another clinic is one file; the first one is not touched.
    argocd
        .commit(&[clinic(platform, second, "clinic-b")?])
        .await?;
    argocd.refresh("clinics").await?;
    waits_for_its_person(second).await?;
    let after = first.get("zoomconnections", "zoom").await?;
    for field in [
        "/metadata/uid",
        "/metadata/generation",
        "/status/installUrl",
    ] {
        ensure!(after.pointer(field) == before.pointer(field), "{field}");
    }
    argocd
        .until("clinics", "in sync, and waits for people", |application| {
            text(application, "/status/sync/status") == "Synced"
                && text(application, "/status/operationState/phase") == "Succeeded"
                && text(application, "/status/health/status") == "Suspended"
        })
        .await?;
    argocd.forget("clinics").await?;
    argocd.remove().await
}

/// The file of a clinic of the example: its namespace with the label, and its connection.
fn clinic(platform: &Bed, tenant: &Bed, name: &str) -> anyhow::Result<(String, String)> {
    let file = tools::repository().join(format!("examples/shared-app/{name}.yaml"));
    let connection = fs::read_to_string(file)?
        .replace(
            "namespace: platform",
            &format!("namespace: {}", platform.namespace()),
        )
        .replace(
            &format!("namespace: {name}"),
            &format!("namespace: {}", tenant.namespace()),
        );
    let namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n  labels:\n    example.com/zoom: allowed\n",
        tenant.namespace()
    );
    let path = format!("tenants/{}/clinic.yaml", tenant.namespace());
    Ok((path, format!("{namespace}---\n{connection}")))
}

async fn waits_for_its_person(tenant: &Bed) -> anyhow::Result<Value> {
    tenant
        .until_object("zoomconnections", "zoom", "has its link", |connection| {
            reason(connection, "Ready") == "ReadyToInstall"
                && !text(connection, "/status/installUrl").is_empty()
        })
        .await
}
