//! `examples/gitops`: each tenant's folder as kustomize builds it, taken by the API server and followed by the operator.

use anyhow::ensure;
use serde_json::Value;

use super::{files, is_ours, zoom_and_operator};
use crate::bed::{
    Bed, Case,
    object::{seen, text},
    tools,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::tenants_built_by_kustomize", tenants)]
}

async fn tenants(bed: Bed) -> anyhow::Result<()> {
    let (_sim, _operator) = zoom_and_operator(&bed).await?;
    bed.apply(&files::credentials()).await?;
    for tenant in ["clinic-north", "clinic-south"] {
        let folder = tools::repository()
            .join("examples/gitops/tenants")
            .join(tenant);
        let built = tools::must("kubectl", &["kustomize", &folder.to_string_lossy()]).await?;
        let Some(manifest) = files::manifest(&bed, tenant, &built, is_ours)? else {
            anyhow::bail!("{tenant} has nothing of ours");
        };
        let apply = [
            "apply",
            "--server-side",
            "--field-manager=gitops",
            "--filename",
        ];
        let said = bed
            .kubectl(&[apply.as_slice(), &[&manifest.path()]].concat())
            .await?;
        ensure!(said.success, "{said:?}");
        let host = format!("https://{tenant}.hooks.example.com/");
        let live = bed
            .until("clinicea", tenant, |object| {
                seen(object) && text(object, "/status/webhook/url") == host
            })
            .await?;
        ensure!(!text(&live, "/spec/externalRefs/headorganizationid").is_empty());
        let mail = format!("clinic@{}.example", tenant.trim_start_matches("clinic-"));
        bed.until_object(
            "zoomconnections",
            "clinic",
            "its own person",
            |object: &Value| {
                seen(object)
                    && text(object, "/spec/subject/email") == mail
                    && !text(object, "/status/installUrl").is_empty()
            },
        )
        .await?;
    }
    Ok(())
}
