//! A real Argo CD deploys the chart and a tenant from a Git repository, with what `examples/gitops/argocd` gives it.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{files, know_apps, options};
use crate::bed::{
    Bed, Case, Operator, Sim, Tenant,
    argocd::ArgoCd,
    object::{seen, text},
    tools, unique,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::real_argocd", real).needs_host()]
}

/// The tenant of the examples that is deployed.
const TENANT: &str = "clinic-north";

async fn real(bed: Bed) -> anyhow::Result<()> {
    let examples = tools::repository().join("examples/gitops/argocd");
    let settings = yaml(&examples.join("argocd-cm.yaml"), &[])?["data"].clone();
    let argocd = ArgoCd::start(&[&bed], &settings).await?;
    let mut committed = folder("charts/zoom-operator", "operator", &[])?;
    committed.extend(tenant_files(&bed)?);
    argocd.commit(&committed).await?;
    let sim = Sim::deploy(&bed).await?;
    know_apps(&sim).await?;

    argocd.apply(&operator(&bed, &argocd)).await?;
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

    waves(&bed, &argocd).await?;
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

/// The example's tenant for this namespace. Its `ExternalSecret` is left out: the test is the vault.
fn tenant_files(bed: &Bed) -> anyhow::Result<Vec<(String, String)>> {
    let words = [(TENANT, bed.namespace()), ("- external-secret.yaml\n", "")];
    let tenant = format!("tenants/{}", bed.namespace());
    let mut found = folder(
        &format!("examples/gitops/tenants/{TENANT}"),
        &tenant,
        &words,
    )?;
    found.extend(folder("examples/gitops/base", "base", &[])?);
    Ok(found)
}

/// The chart with the values that all tests give it.
fn operator(bed: &Bed, argocd: &ArgoCd) -> Value {
    let args = Operator::chart_args(bed, &options());
    let values = args.iter().zip(args.iter().skip(1));
    let values = values.filter(|(flag, _)| *flag == "--set");
    let parameters: Vec<Value> = values
        .filter_map(|(_, value)| value.split_once('='))
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "operator"},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": argocd.repository(),
                "targetRevision": "main",
                "path": "operator",
                "helm": {"releaseName": "zoom-operator", "parameters": parameters},
            },
            "destination": {
                "server": "https://kubernetes.default.svc",
                "namespace": bed.namespace(),
            },
            "syncPolicy": {
                "automated": {"prune": true, "selfHeal": true},
                "syncOptions": ["ServerSideApply=true"],
            },
        },
    })
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

/// Without credentials the app is Suspended, and its person is not asked yet; with them the sync goes on.
async fn waves(bed: &Bed, argocd: &ArgoCd) -> anyhow::Result<()> {
    argocd
        .until("tenant", "waits for credentials", |application| {
            health(application, "ZoomIntegration") == "Suspended"
                && text(application, "/status/operationState/phase") == "Running"
        })
        .await?;
    let connection = bed.find("zoomconnections", "clinic").await?;
    ensure!(connection.is_none(), "before the app: {connection:#?}");

    let credentials = Tenant {
        client_id: files::value("clinicea-zoom", "client-id"),
        client_secret: files::value("clinicea-zoom", "client-secret"),
        webhook_secret: files::value("clinicea-zoom", "webhook-secret-token"),
        ..Tenant::server_to_server("clinicea")
    };
    let mut secret = credentials.secret();
    secret["metadata"]["name"] = json!("clinicea-zoom");
    bed.apply(&secret).await?;
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

/// What the operator writes is no difference, and nothing is synced a second time.
async fn no_difference(argocd: &ArgoCd) -> anyhow::Result<()> {
    for name in ["operator", "tenant"] {
        argocd.refresh(name).await?;
        let compared = argocd.until(name, "no difference", is_synced).await?;
        let history = compared["status"]["history"].as_array().map_or(0, Vec::len);
        ensure!(history <= 1, "{name} was synced {history} times");
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
