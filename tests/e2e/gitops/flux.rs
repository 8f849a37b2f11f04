//! The health check expressions of `examples/gitops/flux`, before Flux's own evaluator.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{files, zoom_and_operator};
use crate::bed::{
    Bed, Case, Tenant,
    object::{reason, text},
    tools, unique,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::flux_health_checks", flux_health_checks).needs_host()]
}

async fn flux_health_checks(bed: Bed) -> anyhow::Result<()> {
    let flux = Flux::new().await?;
    let tenant = Tenant::server_to_server("acme");
    let unseen = bed.apply(&tenant.manifest()).await?;
    flux.says(&unseen, "InProgress").await?;
    let (sim, _operator) = zoom_and_operator(&bed).await?;
    let waiting = bed.until_reason("acme", "AwaitingCredentials").await?;
    flux.says(&waiting, "InProgress").await?;
    sim.put_app(&tenant, json!({})).await?;
    bed.apply(&tenant.secret()).await?;
    let connected = bed.until_reason("acme", "Connected").await?;
    flux.says(&connected, "Current").await?;

    let mut wrong = Tenant::server_to_server("wrong");
    sim.put_app(&wrong, json!({})).await?;
    wrong.client_secret = unique("wrong-secret");
    bed.apply(&wrong.secret()).await?;
    bed.apply(&wrong.manifest()).await?;
    let rejected = bed.until_reason("wrong", "CredentialsRejected").await?;
    flux.says(&rejected, "Failed").await?;

    // Both wait for the same person.
    let folder = tools::repository().join("examples/stackone");
    let secrets = files::secrets(&bed, &folder.join("credentials.example.yaml"))?;
    let app = files::ours(&bed, &folder.join("integration.yaml"))?;
    for manifest in [secrets, app].into_iter().flatten() {
        let apply = ["apply", "--filename", &manifest.path()];
        let said = bed.kubectl(&apply).await?;
        ensure!(said.success, "{said:?}");
    }
    let app = bed.until_reason("stackone", "ReadyToInstall").await?;
    flux.says(&app, "Current").await?;
    let connection = bed
        .until_object("zoomconnections", "stackone", "waits", |object| {
            reason(object, "Ready") == "ReadyToInstall"
        })
        .await?;
    flux.says(&connection, "Current").await?;

    for (synced, status) in [("True", "Current"), ("False", "Failed")] {
        let conditions = json!([{"type": "Synced", "status": synced}]);
        let sealed = sealed_secret(&json!({"conditions": conditions}));
        flux.says(&sealed, status).await?;
    }
    flux.says(&sealed_secret(&json!({})), "InProgress").await
}

fn sealed_secret(status: &Value) -> Value {
    json!({
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {"name": "clinicea-zoom"},
        "status": status,
    })
}

/// Flux's evaluator, and the expressions that the example gives it.
struct Flux {
    evaluator: String,
    expressions: Vec<Value>,
}

// === impl Flux ===

impl Flux {
    async fn new() -> anyhow::Result<Self> {
        let path = tools::repository().join("examples/gitops/flux/kustomizations.yaml");
        let mut expressions = Vec::new();
        for document in std::fs::read_to_string(path)?.split("\n---\n") {
            let kustomization: Value = serde_saphyr::from_str(document)?;
            let found = kustomization["spec"]["healthCheckExprs"].as_array();
            expressions.extend(found.into_iter().flatten().cloned());
        }
        let evaluator = tools::cluster("build", &["flux-health"]).await?;
        Ok(Self {
            evaluator: evaluator.trim().to_owned(),
            expressions,
        })
    }

    /// kstatus' word on an object by the expressions for its kind.
    async fn says(&self, object: &Value, expected: &str) -> anyhow::Result<()> {
        let same = |field: &str, of: &Value| of[field] == object[field];
        let expressions = self
            .expressions
            .iter()
            .find(|of| same("kind", of) && same("apiVersion", of))
            .context("no expressions for this kind")?;
        let file = tempfile::NamedTempFile::with_suffix(".json")?;
        let question = json!({"expressions": expressions, "object": object});
        std::fs::write(file.path(), question.to_string())?;
        let file = file.path().to_string_lossy();
        let found = tools::must(&self.evaluator, &[&file]).await?;
        ensure!(
            found.trim() == expected,
            "{} of {} is {found}, not {expected}: {:#}",
            text(object, "/kind"),
            text(object, "/metadata/name"),
            object["status"]
        );
        Ok(())
    }
}
