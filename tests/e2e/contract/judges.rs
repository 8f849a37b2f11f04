//! The outside judges of a status: `kubectl wait`, Helm's `--wait` (kstatus) and Argo CD's script under its interpreter.
//! All of them judge the object that the API server gives.

use std::path::Path;

use serde_json::{Value, json};

use crate::bed::{
    Bed, lua,
    object::{condition, seen, status, text},
    tools,
};

/// A row of the status contract.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub ready: &'static str,
    pub reconciling: &'static str,
    pub stalled: &'static str,
    pub kstatus: Kstatus,
    /// Argo CD's health.
    pub argo: &'static str,
}

/// kstatus' word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kstatus {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// Everything says what the row says.
pub async fn judge(bed: &Bed, name: &str, row: Row) -> anyhow::Result<()> {
    let object = bed.integration(name).await?;
    conditions(&object, row)?;
    kubectl_wait(bed, &object, row).await?;
    argo(&object, row).await?;
    helm(bed, &object, row).await?;
    // Meanwhile nothing else became of it.
    conditions(&bed.integration(name).await?, row)
}

/// The three conditions of the contract, and what holds for every condition.
pub fn conditions(object: &Value, row: Row) -> anyhow::Result<()> {
    for (type_, expected) in [
        ("Ready", row.ready),
        ("Reconciling", row.reconciling),
        ("Stalled", row.stalled),
    ] {
        anyhow::ensure!(
            status(object, type_) == expected,
            "{type_} is {}, not {expected}: {:#}",
            status(object, type_),
            object["status"]
        );
    }
    sound(object)
}

/// What holds for every status whatever it says.
pub fn sound(object: &Value) -> anyhow::Result<()> {
    let both = status(object, "Reconciling") == "True" && status(object, "Stalled") == "True";
    anyhow::ensure!(!both, "Reconciling and Stalled: {:#}", object["status"]);
    for condition in object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        anyhow::ensure!(
            condition["observedGeneration"] == object["status"]["observedGeneration"]
                && !text(condition, "/reason").is_empty()
                && condition["lastTransitionTime"].is_string(),
            "not as the API conventions want it: {condition:#}"
        );
    }
    Ok(())
}

// === kubectl ===

async fn kubectl_wait(bed: &Bed, object: &Value, row: Row) -> anyhow::Result<()> {
    let target = format!("zoomintegration/{}", text(object, "/metadata/name"));
    // Zero: looks once and does not wait.
    let look = ["wait", target.as_str(), "--timeout=0s"];
    let ready = row.ready == "True" && seen(object);
    let said = bed
        .kubectl(&[look.as_slice(), &["--for=condition=Ready"]].concat())
        .await?;
    anyhow::ensure!(said.success == ready, "kubectl wait for Ready: {said:?}");
    let phase = text(object, "/status/phase");
    if phase.is_empty() {
        return Ok(());
    }
    let by_phase = format!("--for=jsonpath={{.status.phase}}={phase}");
    let said = bed
        .kubectl(&[look.as_slice(), &[by_phase.as_str()]].concat())
        .await?;
    anyhow::ensure!(said.success, "kubectl wait for the phase: {said:?}");
    Ok(())
}

// === Helm ===

/// `helm install --wait` of a chart that holds the integration as it is.
async fn helm(bed: &Bed, object: &Value, row: Row) -> anyhow::Result<()> {
    let chart = tempfile::tempdir()?;
    write_chart(chart.path(), object)?;
    // What is not over must run into the limit, what is over must not.
    match row.kstatus {
        Kstatus::InProgress | Kstatus::Terminating => {
            let soon = helm_within(bed, object, row, chart.path(), 2).await;
            // On a busy machine that may be too short to see anything.
            match soon {
                Ok(()) => Ok(()),
                Err(_) => helm_within(bed, object, row, chart.path(), 30).await,
            }
        }
        Kstatus::Current | Kstatus::Failed => {
            helm_within(bed, object, row, chart.path(), 120).await
        }
    }
}

async fn helm_within(
    bed: &Bed,
    object: &Value,
    row: Row,
    chart: &Path,
    seconds: u64,
) -> anyhow::Result<()> {
    let version = text(object, "/metadata/resourceVersion");
    let release = format!("judge-{version}-{seconds}");
    let chart = chart.to_string_lossy();
    let namespace = format!("--namespace={}", bed.namespace());
    let timeout = format!("--timeout={seconds}s");
    let args = [
        "install",
        release.as_str(),
        &chart,
        &namespace,
        "--take-ownership",
        "--wait",
        &timeout,
    ];
    let said = tools::run("helm", &args).await?;
    let timed_out = said.stderr.contains("deadline exceeded");
    let as_expected = match row.kstatus {
        Kstatus::Current => said.success,
        Kstatus::InProgress => timed_out && said.stderr.contains("status: InProgress"),
        Kstatus::Terminating => timed_out && said.stderr.contains("status: Terminating"),
        Kstatus::Failed => {
            let why = condition(object, "Stalled").map_or("", |c| text(c, "/message"));
            !timed_out && said.stderr.contains("status: Failed") && said.stderr.contains(why)
        }
    };
    anyhow::ensure!(
        as_expected,
        "Helm should have found {:?}: {said:?}",
        row.kstatus
    );
    Ok(())
}

fn write_chart(folder: &Path, object: &Value) -> anyhow::Result<()> {
    let integration = json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "metadata": {"name": object["metadata"]["name"]},
        "spec": object["spec"],
    });
    std::fs::create_dir(folder.join("templates"))?;
    std::fs::write(
        folder.join("Chart.yaml"),
        "apiVersion: v2\nname: judge\nversion: 0.1.0\n",
    )?;
    std::fs::write(
        folder.join("templates/integration.yaml"),
        serde_saphyr::to_string(&integration)?,
    )?;
    Ok(())
}

// === Argo CD ===

/// Argo CD's own interpreter runs our script on the object.
async fn argo(object: &Value, row: Row) -> anyhow::Result<()> {
    let found = health(object).await?;
    anyhow::ensure!(
        found.0 == row.argo,
        "Argo CD says {found:?}, not {}",
        row.argo
    );
    Ok(())
}

/// Health status and message by our script.
pub async fn health(object: &Value) -> anyhow::Result<(String, String)> {
    let found = lua::run("health.lua", object).await?;
    let part = |pointer: &str| text(&found, pointer).to_owned();
    Ok((part("/status"), part("/message")))
}
