//! Zoom's reply finds no API server to be stored at. These tests have the cluster to themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{
    Scene, begin, hold, kill, refresh_now, until, until_held, until_published, until_restarted,
};
use crate::bed::{Bed, Case, LIMIT, Minted, object::text, tools, wait_for};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "serial::connections_reply_waits_for_the_api_server",
            journal,
        )
        .needs_host(),
        Case::new(
            "serial::connections_reply_survives_a_kill_while_the_api_server_is_away",
            journal_and_kill,
        )
        .needs_host(),
    ]
}

const API_SERVER: &str = "kube-apiserver";

/// Address of the admin port of the only Pod with these labels.
async fn address(bed: &Bed, labels: &str) -> anyhow::Result<String> {
    let pods = bed.list("pods", labels).await?;
    let pod = pods.first().context("no Pod")?;
    Ok(format!("{}:8081", text(pod, "/status/podIP")))
}

/// Where the host sees the journal of the controller.
async fn journal_of(bed: &Bed, pod: &str) -> anyhow::Result<PathBuf> {
    let pod = bed.get("pods", pod).await?;
    let volumes = ".cluster/state/kubelet/pods";
    Ok(tools::repository()
        .join(volumes)
        .join(text(&pod, "/metadata/uid"))
        .join("volumes/kubernetes.io~empty-dir/journal"))
}

fn entries(journal: &Path) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(journal)?.count())
}

/// Takes the API server away while Zoom holds the reply, lets the reply go, does `meanwhile` once it is in the journal,
/// and brings the API server back.
async fn away<F: Future<Output = anyhow::Result<()>>>(
    bed: &Bed,
    scene: &Scene,
    leader: &str,
    meanwhile: impl FnOnce() -> F,
) -> anyhow::Result<()> {
    let zoom = address(bed, "app.kubernetes.io/name=zoom-sim").await?;
    let journal = journal_of(bed, leader).await?;
    ensure!(entries(&journal)? == 0, "a journal that is not empty");
    hold(scene, "hold").await?;
    refresh_now(bed, "ada").await?;
    until_held(&scene.sim).await?;
    tools::cluster("component", &["kill", API_SERVER]).await?;
    let while_away = async {
        tools::straight("POST", &zoom, "/faults/hold/release").await?;
        wait_for("the reply is in the journal", LIMIT, || async {
            Ok((entries(&journal)? == 1).then_some(()))
        })
        .await?;
        meanwhile().await
    };
    let while_away = while_away.await;
    tools::cluster("component", &["start", API_SERVER]).await?;
    while_away
}

async fn journal(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = begin(&bed, 1, 45).await?;
    let leader = scene.operator.until_leading().await?;
    let journal = journal_of(&bed, &leader).await?;
    away(&bed, &scene, &leader, || async { Ok(()) }).await?;
    kept(&bed, &scene, &minted, &journal).await
}

/// The process that received the reply is killed: the next one in the Pod finds it, and stores it before it stands for
/// election.
async fn journal_and_kill(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = begin(&bed, 1, 45).await?;
    let leader = scene.operator.until_leading().await?;
    let journal = journal_of(&bed, &leader).await?;
    away(&bed, &scene, &leader, || kill(&scene, &leader)).await?;
    kept(&bed, &scene, &minted, &journal).await?;
    ensure!(scene.operator.until_leading().await? == leader);
    until_restarted(&bed, &leader).await
}

async fn kept(bed: &Bed, scene: &Scene, minted: &Minted, journal: &Path) -> anyhow::Result<()> {
    let grant = until_published(bed, "ada", 2).await?;
    ensure!(grant["intent"] == Value::Null, "{grant:#}");
    until(bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", minted, 2).await?;
    seen.ensure_sound()?;
    ensure!(scene.requests().await? == 2, "nothing was sent again");
    wait_for("an empty journal", LIMIT, || async {
        Ok((entries(journal)? == 0).then_some(()))
    })
    .await
}
