//! A real Argo CD deploys the chart and a tenant from a Git repository, with what `examples/gitops/argocd` gives it.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{definitions, files, know_apps, options};
use crate::bed::{
    Bed, Case, Operator, Sim,
    argocd::{self, ArgoCd},
    object::{reason, seen, text},
    tools, unique,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::real_argocd", real).needs_host()]
}

/// The tenant of the examples that is deployed. The test does what the controller of Sealed Secrets would.
const TENANT: &str = "clinic-south";

async fn real(bed: Bed) -> anyhow::Result<()> {
    let examples = tools::repository().join("examples/gitops/argocd");
    let settings = yaml(&examples.join("argocd-cm.yaml"), &[])?["data"].clone();
    argocd::define_kind(&definitions::sealed_secrets().await?).await?;
    let argocd = ArgoCd::start(&[&bed], &settings).await?;
    let mut committed = folder("charts/zoom-operator", "operator", &[])?;
    committed.extend(tenant_files(&bed)?);
    argocd.commit(&committed).await?;
    let sim = Sim::deploy(&bed).await?;
    know_apps(&sim).await?;

    argocd.apply(&operator(&bed, &argocd, &examples)?).await?;
    argocd
        .until("operator", "Synced and Healthy", in_order)
        .await?;
    ensure!(
        bed.find("jobs", "zoom-operator-uninstall").await?.is_none(),
        "the check before an uninstallation was run by a sync"
    );

    // The project and the Application as the examples have them, for this repository and namespace.
    let (namespace, repository) = (bed.namespace().to_owned(), argocd.repository());
    let names = [
        (
            "https://git.example.com/platform/zoom-tenants.git",
            repository.as_str(),
        ),
        ("clinic-*", &namespace),
        ("{{.path.basenameNormalized}}", &namespace),
        ("{{.path.path}}", &format!("tenants/{namespace}")),
    ];
    let mut project = yaml(&examples.join("project.yaml"), &names)?;
    project["metadata"]["namespace"] = json!(argocd.bed.namespace());
    argocd.apply(&project).await?;
    let set = yaml(&examples.join("applicationset.yaml"), &names)?;
    argocd
        .apply(&json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "tenant"},
            "spec": set["spec"]["template"]["spec"],
        }))
        .await?;

    credentials_come_later(&bed, &argocd).await?;
    no_difference(&argocd).await?;
    actions(&bed, &argocd).await?;
    degraded(&bed, &argocd).await?;
    argocd.forget("tenant").await?;
    argocd.forget("operator").await?;
    argocd.remove().await
}

/// A YAML file of one document, with other words in it.
pub(super) fn yaml(path: &Path, words: &[(&str, &str)]) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let text = words
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to));
    Ok(serde_saphyr::from_str(&text)?)
}

/// The files of a folder of the repository, as they are to be committed.
fn folder(from: &str, to: &str, words: &[(&str, &str)]) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let directory = tools::repository().join(from);
    for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .context("no name")?
            .to_string_lossy()
            .into_owned();
        let to = format!("{to}/{name}");
        if path.is_dir() {
            found.extend(folder(&format!("{from}/{name}"), &to, words)?);
        } else {
            let text = fs::read_to_string(&path)?;
            let text = words
                .iter()
                .fold(text, |text, (from, to)| text.replace(from, to));
            found.push((to, text));
        }
    }
    Ok(found)
}

/// The example's tenant for this namespace.
fn tenant_files(bed: &Bed) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = folder(
        &format!("examples/gitops/tenants/{TENANT}"),
        &format!("tenants/{}", bed.namespace()),
        &[(TENANT, bed.namespace())],
    )?;
    found.extend(folder("examples/gitops/base", "base", &[])?);
    Ok(found)
}

/// The example's Application of the chart, with the values that all tests give it.
fn operator(bed: &Bed, argocd: &ArgoCd, examples: &Path) -> anyhow::Result<Value> {
    let args = Operator::chart_args(bed, &options());
    let values = args.iter().zip(args.iter().skip(1));
    let values = values.filter(|(flag, _)| *flag == "--set");
    let parameters: Vec<Value> = values
        .filter_map(|(_, value)| value.split_once('='))
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut application = yaml(&examples.join("operator.yaml"), &[])?;
    application["metadata"] = json!({"name": "operator"});
    application["spec"]["source"] = json!({
        "repoURL": argocd.repository(),
        "targetRevision": "main",
        "path": "operator",
        "helm": {"releaseName": "zoom-operator", "parameters": parameters},
    });
    application["spec"]["destination"]["namespace"] = json!(bed.namespace());
    Ok(application)
}

fn in_order(application: &Value) -> bool {
    text(application, "/status/sync/status") == "Synced"
        && text(application, "/status/health/status") == "Healthy"
}

/// Nothing differs from Git.
fn is_synced(application: &Value) -> bool {
    let resources = application["status"]["resources"].as_array();
    let mut resources = resources.into_iter().flatten();
    text(application, "/status/sync/status") == "Synced"
        && resources.all(|resource| resource["hook"] == true || resource["status"] == "Synced")
}

/// Its word on one of an Application's resources.
fn health<'a>(application: &'a Value, kind: &str) -> &'a str {
    let resources = application["status"]["resources"].as_array();
    let mut resources = resources.into_iter().flatten();
    let found = resources.find(|resource| resource["kind"] == kind);
    found.map_or("", |resource| text(resource, "/health/status"))
}

/// The first commit has no credentials, and nobody ever authorizes. No sync waits for either: the second commit, which brings
/// the credentials, is synced.
async fn credentials_come_later(bed: &Bed, argocd: &ArgoCd) -> anyhow::Result<()> {
    argocd
        .until("tenant", "synced without credentials", |application| {
            has_succeeded(application)
                && health(application, "ZoomIntegration") == "Suspended"
                && health(application, "ZoomConnection") == "Suspended"
        })
        .await?;
    let waiting = bed.integration("clinicea").await?;
    let steps = waiting["status"]["setup"].as_array().map_or(0, Vec::len);
    ensure!(
        reason(&waiting, "Ready") == "AwaitingCredentials"
            && steps > 0
            && !text(&waiting, "/status/redirectUrl").is_empty(),
        "the steps in Zoom: {waiting:#}"
    );
    unseal(bed, "False").await?;
    let first = argocd
        .until("tenant", "its SealedSecret is Degraded", |application| {
            health(application, "SealedSecret") == "Degraded" && has_succeeded(application)
        })
        .await?;

    let tenant = format!("tenants/{}/sealed-secret.yaml", bed.namespace());
    let mut sealed = tenant_files(bed)?;
    sealed.retain(|(path, _)| *path == tenant);
    for (_, content) in &mut sealed {
        *content = content.replace("REPLACE-ME", SEALED);
    }
    argocd.commit(&sealed).await?;
    argocd.refresh("tenant").await?;
    argocd
        .until("tenant", "the second commit is synced", |application| {
            let revision = "/status/operationState/syncResult/revision";
            has_succeeded(application) && text(application, revision) != text(&first, revision)
        })
        .await?;
    let sealed = bed.get("sealedsecrets", "clinicea-zoom").await?;
    let value = text(&sealed, "/spec/encryptedData/client-id");
    ensure!(value == SEALED, "not applied: {sealed:#}");

    bed.apply(&files::credentials()).await?;
    unseal(bed, "True").await?;
    let deployed = argocd
        .until("tenant", "waits for a person", |application| {
            health(application, "ZoomIntegration") == "Healthy"
                && health(application, "ZoomConnection") == "Suspended"
        })
        .await?;
    ensure!(
        text(&deployed, "/status/health/status") == "Suspended",
        "{deployed:#}"
    );
    Ok(())
}

/// What the second commit has as sealed values.
const SEALED: &str = "of-the-second-commit";

/// The last sync has ended.
fn has_succeeded(application: &Value) -> bool {
    text(application, "/status/operationState/phase") == "Succeeded"
}

/// States whether the `SealedSecret` could be decrypted.
async fn unseal(bed: &Bed, synced: &str) -> anyhow::Result<()> {
    let conditions = json!([{"type": "Synced", "status": synced}]);
    let status = json!({"status": {"conditions": conditions}});
    bed.patch("sealedsecrets", "clinicea-zoom/status", &status)
        .await?;
    Ok(())
}

/// What the operator writes is no difference, and no commit is synced a second time.
async fn no_difference(argocd: &ArgoCd) -> anyhow::Result<()> {
    for (name, commits) in [("operator", 1), ("tenant", 2)] {
        argocd.refresh(name).await?;
        let compared = argocd.until(name, "no difference", is_synced).await?;
        let history = compared["status"]["history"].as_array().map_or(0, Vec::len);
        ensure!(history <= commits, "{name} was synced {history} times");
    }
    Ok(())
}

/// Suspended and resumed by its actions; self-healing leaves that alone.
async fn actions(bed: &Bed, argocd: &ArgoCd) -> anyhow::Result<()> {
    let integration = bed.integration("clinicea").await?;
    let offered = argocd.actions("tenant", &integration, None).await?;
    let offered = offered["actions"].as_array().context("no actions")?;
    let state = |name: &str| {
        let found = offered.iter().find(|action| action["name"] == name);
        found.map(|action| action["disabled"] == true)
    };
    ensure!(
        state("suspend") == Some(false) && state("resume") == Some(true),
        "{offered:#?}"
    );

    argocd
        .actions("tenant", &integration, Some("suspend"))
        .await?;
    bed.until("clinicea", "suspended", |object| {
        seen(object) && text(object, "/status/phase") == "Suspended"
    })
    .await?;
    argocd.refresh("tenant").await?;
    argocd.until("tenant", "no difference", is_synced).await?;
    let suspended = bed.integration("clinicea").await?;
    ensure!(suspended["spec"]["suspend"] == true, "{suspended:#}");

    argocd.actions("tenant", &suspended, Some("resume")).await?;
    let resumed = bed
        .until("clinicea", "resumed", |object| {
            seen(object) && text(object, "/status/phase") != "Suspended"
        })
        .await?;
    ensure!(
        resumed["spec"] == integration["spec"],
        "as in Git: {resumed:#}"
    );
    Ok(())
}

/// What only a person can repair makes the Application Degraded.
async fn degraded(bed: &Bed, argocd: &ArgoCd) -> anyhow::Result<()> {
    let wrong = json!({"stringData": {"client-secret": unique("wrong-secret")}});
    bed.patch("secrets", "clinicea-zoom", &wrong).await?;
    argocd
        .until("tenant", "Degraded", |application| {
            text(application, "/status/health/status") == "Degraded"
                && health(application, "ZoomIntegration") == "Degraded"
        })
        .await?;
    Ok(())
}
