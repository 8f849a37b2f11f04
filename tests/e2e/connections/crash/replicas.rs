//! The Pod is stopped, destroyed or asleep, and another one goes on.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use super::{begin_held, stored, until, until_published, until_restarted, until_taken_over};
use crate::bed::{Bed, Case, LIMIT, tools, wait_for};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "connections::crash_stopped_while_zoom_holds_the_reply",
            stopped,
        ),
        Case::new(
            "connections::crash_pod_destroyed_during_a_refresh",
            destroyed,
        ),
        Case::new("connections::crash_frozen_during_a_refresh", frozen).needs_host(),
    ]
}

/// An ordinary end, as at a rollout: what is under way is finished and stored.
async fn stopped(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted, leader) = begin_held(&bed, 1, 45, "hold").await?;
    bed.delete("pods", &leader).await?;
    wait_for("the old process is told", LIMIT, || async {
        let logs = bed.kubectl(&["logs", &leader]).await?.stdout;
        Ok(logs.contains("shutdown requested").then_some(()))
    })
    .await?;
    ensure!(stored(&bed, "ada").await?["generation"] == 1);
    scene.sim.clear_fault("hold").await?;
    let seen = scene.until_generation("ada", &minted, 2).await?;
    seen.ensure_sound()?;
    bed.until_gone("pods", &leader).await?;
    let new = scene.operator.until_leading().await?;
    ensure!(new != leader);
    until(&bed, "ada", "Connected").await?;
    ensure!(scene.requests().await? == 2, "the old process stored it");
    Ok(())
}

/// The Pod is killed, and its journal goes with it. The other replica waits until nobody can be at it any
/// more, and makes one attempt.
async fn destroyed(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted, leader) = begin_held(&bed, 2, 15, "hold_before").await?;
    let now = ["delete", "pod", &leader, "--force", "--grace-period=0"];
    let said = bed.kubectl(&now).await?;
    ensure!(said.success, "{said:?}");
    let seen = until_taken_over(&scene, &minted, 2).await?;
    seen.ensure_sound()?;
    scene.sim.clear_fault("hold").await?;
    ensure!(scene.requests().await? == 3, "one attempt: {seen:?}");
    ensure!(scene.operator.until_leading().await? != leader);
    until(&bed, "ada", "Connected").await?;
    Ok(())
}

/// A leader that sleeps with its request at Zoom, for longer than anything may take: the other replica makes one attempt,
/// and what the sleeper hears when it wakes up changes nothing.
async fn frozen(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted, leader) = begin_held(&bed, 2, 15, "hold_before").await?;
    let signal = async |name: &str| {
        let told = tools::cluster("signal", &[name, bed.namespace(), &leader]).await;
        told.map(drop)
    };
    let since = Instant::now();
    signal("STOP").await?;
    let seen = until_taken_over(&scene, &minted, 2).await?;
    ensure!(scene.operator.leader().await?.as_ref() != Some(&leader));
    // Nobody can tell a sleeper from one that still waits, except by waiting for longer than it could have led.
    ensure!(since.elapsed() > Duration::from_mins(1), "{since:?}");
    ensure!(scene.requests().await? == 3, "one attempt: {seen:?}");

    // Zoom refuses what is spent by now, and then the sleeper hears of it.
    scene.sim.clear_fault("hold").await?;
    signal("CONT").await?;
    until_restarted(&bed, &leader).await?;
    let grant = until_published(&bed, "ada", 2).await?;
    ensure!(grant["generation"] == 2 && grant["loss"] == Value::Null);
    until(&bed, "ada", "Connected").await?;
    ensure!(scene.requests().await? == 3);
    let seen = scene.seen(&minted).await?;
    // The sleeper's connection stayed open all the while: that alone makes two.
    ensure!(seen.in_flight_max <= 2 && seen.spent_again == 0, "{seen:?}");
    Ok(())
}
