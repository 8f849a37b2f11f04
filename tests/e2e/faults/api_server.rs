//! The API server goes away: these tests have the cluster to themselves.

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::{
    add, connected, container_restarts, hold, make_refresh_due, until_held, until_new_token,
    until_restarted,
};
use crate::bed::{Bed, Case, LIMIT, Options, Tenant, object::text, tools, wait_for};

const NAME: &str = "kube-apiserver";

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("serial::api_server_restarts", restarts).needs_host(),
        Case::new("serial::api_server_away_during_a_refresh", away).needs_host(),
    ]
}

/// Shorter than the lease: the leader goes on where it was, or at worst another begins.
async fn restarts(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        replicas: 2,
        ..Options::default()
    };
    let (sim, operator, tenant) = connected(&bed, &options).await?;
    bed.until_deployed("zoom-operator").await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    let leader = operator.until_leading().await?;

    let restarted = tools::cluster("component", &["restart", NAME]).await;
    tools::cluster("component", &["start", NAME]).await?;
    restarted?;

    // What is there still works: the watches tell of changes...
    make_refresh_due(&bed, &tenant).await?;
    until_new_token(&bed, &tenant, &before).await?;
    // ...and of what is new.
    let newcomer = Tenant::server_to_server("newcomer");
    add(&bed, &sim, &newcomer, json!({})).await?;
    bed.until_reason("newcomer", "Connected").await?;
    assert_eq!(sim.token_requests(&tenant).await?, 2);
    for (pod, restarts) in container_restarts(&bed).await? {
        // Only who led and could not renew had to begin again.
        let allowed = u64::from(pod == leader);
        ensure!(restarts <= allowed, "{pod}: {restarts} restarts");
    }
    Ok(())
}

/// Longer than the lease, in the middle of a refresh: Zoom's answer finds no place to be stored.
async fn away(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        lease_seconds: 15,
        ..Options::default()
    };
    let (sim, operator, tenant) = connected(&bed, &options).await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    let leader = operator.until_leading().await?;
    let zoom = address(&bed, "app.kubernetes.io/name=zoom-sim").await?;
    let controller = address(&bed, "app.kubernetes.io/name=zoom-operator").await?;
    hold(&sim, &tenant).await?;
    make_refresh_due(&bed, &tenant).await?;
    until_held(&sim, "hold").await?;

    tools::cluster("component", &["kill", NAME]).await?;
    let meanwhile = async {
        tools::straight("POST", &zoom, "/faults/hold/release").await?;
        // It led; a process that does not lead can only be a new one, which waits.
        wait_for("the leader ends and waits", LIMIT, || async {
            let metrics = tools::straight("GET", &controller, "/metrics").await?;
            Ok(metrics
                .lines()
                .any(|line| line == "zoom_operator_leader 0")
                .then_some(()))
        })
        .await?;
        let ready = tools::straight("GET", &controller, "/ready").await?;
        ensure!(ready.contains("api-server"), "{ready}");
        Ok(())
    };
    let meanwhile = meanwhile.await;
    tools::cluster("component", &["start", NAME]).await?;
    meanwhile?;

    until_new_token(&bed, &tenant, &before).await?;
    assert_eq!(operator.until_leading().await?, leader);
    // Who does not lead waits for the API server; a slow one may have cost the new process its first term.
    let restarts = until_restarted(&bed, &leader).await?;
    ensure!(restarts <= 2, "{restarts} restarts");
    // The first, the one whose answer was lost, and its repetition.
    assert_eq!(sim.token_requests(&tenant).await?, 3);
    let newcomer = Tenant::server_to_server("newcomer");
    add(&bed, &sim, &newcomer, json!({})).await?;
    bed.until_reason("newcomer", "Connected").await?;
    Ok(())
}

/// Admin address of the only Pod with these labels.
async fn address(bed: &Bed, labels: &str) -> anyhow::Result<String> {
    let pods = bed.list("pods", labels).await?;
    let pod = pods.first().context("no Pod")?;
    Ok(format!("{}:8081", text(pod, "/status/podIP")))
}
