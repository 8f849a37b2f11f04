//! Where a process can die around a refresh: what becomes of the grant, judged by the offline Zoom's own counters.
//! Nothing in the operator helps: Zoom holds the reply, the network or the API server is taken away, and the process is
//! killed from outside.

mod api_server;
mod consents;
mod killed;
mod replicas;

use std::time::Duration;

use serde_json::json;

use super::{Scene, Seen, refresh_now, stored, until, until_published};
use crate::bed::{Bed, Case, LIMIT, Minted, Options, Sim, tools, wait_for};

pub fn cases() -> Vec<Case> {
    [
        killed::cases(),
        replicas::cases(),
        consents::cases(),
        api_server::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A grant that was refreshed once, of an app whose consent is the operator's, so that there is a link.
async fn begin(bed: &Bed, replicas: u32, lease_seconds: u32) -> anyhow::Result<(Scene, Minted)> {
    let scene = prepare(bed, replicas, lease_seconds).await?;
    let minted = scene.connect("ada", 0).await?;
    Ok((scene, minted))
}

/// The same, while Zoom holds the next refresh; the leader's Pod.
async fn begin_held(
    bed: &Bed,
    replicas: u32,
    lease_seconds: u32,
    kind: &str,
) -> anyhow::Result<(Scene, Minted, String)> {
    let (scene, minted) = begin(bed, replicas, lease_seconds).await?;
    bed.until_deployed("zoom-operator").await?;
    let leader = scene.operator.until_leading().await?;
    hold(&scene, kind).await?;
    refresh_now(bed, "ada").await?;
    until_held(&scene.sim).await?;
    Ok((scene, minted, leader))
}

async fn prepare(bed: &Bed, replicas: u32, lease_seconds: u32) -> anyhow::Result<Scene> {
    let options = Options {
        replicas,
        lease_seconds,
        ..Options::default()
    }
    .with_pages();
    let spec = json!({"oauth": {"redirectUrl": null, "consent": {"mode": "Operator"}}});
    Scene::new(bed, &options, json!({}), &spec).await
}

/// Makes Zoom hold the next refresh: `hold` after it was processed, `hold_before` before.
async fn hold(scene: &Scene, kind: &str) -> anyhow::Result<()> {
    let rule = json!({
        "endpoint": "token",
        "client_id": scene.app.0.client_id,
        "grant_type": "refresh_token",
        "times": 1,
        "fault": {"kind": kind},
    });
    scene.sim.put_fault("hold", rule).await
}

async fn until_held(sim: &Sim) -> anyhow::Result<()> {
    wait_for("Zoom holds a request", LIMIT, || async {
        Ok((sim.fault_state("hold").await?["held"] == 1).then_some(()))
    })
    .await
}

async fn kill(scene: &Scene, pod: &str) -> anyhow::Result<()> {
    tools::cluster("signal", &["KILL", scene.bed.namespace(), pod]).await?;
    Ok(())
}

/// Another replica waits for the end of the lease, and then for longer than anybody can be at it.
const UNTIL_TAKEN_OVER: Duration = Duration::from_mins(4);

/// Waits until another replica has made the grant this generation.
async fn until_taken_over(scene: &Scene, minted: &Minted, generation: u64) -> anyhow::Result<Seen> {
    wait_for("another replica goes on", UNTIL_TAKEN_OVER, || async {
        let grant = stored(&scene.bed, "ada").await?;
        Ok((grant["generation"].as_u64() >= Some(generation)).then_some(()))
    })
    .await?;
    scene.until_generation("ada", minted, generation).await
}

/// The controller's container is a new one.
async fn until_restarted(bed: &Bed, pod: &str) -> anyhow::Result<()> {
    wait_for("the restart shows", LIMIT, || async {
        let pod = bed.get("pods", pod).await?;
        let count = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
        Ok((count >= Some(1)).then_some(()))
    })
    .await
}
